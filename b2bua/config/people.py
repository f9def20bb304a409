"""The schema of the directory (``config/directory.yaml``), one model per section, and its translation into `delegation`."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import BeforeValidator, Field, PlainValidator

from b2bua.config.schema import SECRET, Section, quoted
from b2bua.delegation.numbering import normalise
from b2bua.delegation.people import (
    DEFAULT_RING_SECONDS,
    SECONDS_PER_RING,
    Alerting,
    Filtering,
    FilterType,
    OnBehalf,
    Right,
    Rollover,
    RolloverAction,
    User,
)

_EXTENSION = re.compile(r"[A-Za-z0-9._]{1,32}")
_NUMBER = re.compile(r"\+?[0-9]{3,20}")
_CONTACT = re.compile(r"sip:([^@\s<>\"]+@)?(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?(;[^\s<>\"]*)?")
NUMBER_HINT: Final = 'an outside number such as "+6221500667"'
SECONDS_HINT: Final = "seconds from 1 to 7200, for example 30"


def _parse_extension(value: object) -> str:
    if not _EXTENSION.fullmatch(str(value)):
        raise ValueError(f"is {quoted(value)}; write an extension of letters, digits, `.` and `_`")
    return str(value)


def _parse_number(value: object) -> str:
    number = normalise(str(value))
    if not _NUMBER.fullmatch(number):
        raise ValueError(f"is {quoted(value)}; write {NUMBER_HINT}")
    return number


def _parse_contact(value: object) -> str:
    if not _CONTACT.fullmatch(str(value)):
        raise ValueError(f'is {quoted(value)}; write a URI such as "sip:gw@192.0.2.7:5060"')
    return str(value)


def _parse_text(value: object) -> object:
    """Names travel in headers: one line, printable."""
    if isinstance(value, str) and not (value.isprintable() and len(value) <= 128):
        raise ValueError("contains a control character or is longer than 128; write one printable line")
    return value


def _not_yet(*words: str, instead: str) -> BeforeValidator:
    """Refuses values of FEATURES.md that this version does not do."""

    def check(value: object) -> object:
        if value in words:
            raise ValueError(f"is {value}, which is not supported yet; write {instead}")
        return value

    return BeforeValidator(check)


Extension = Annotated[str, BeforeValidator(_parse_extension)]
Number = Annotated[str, BeforeValidator(_parse_number)]
Contact = Annotated[str, BeforeValidator(_parse_contact)]
Text = Annotated[str, BeforeValidator(_parse_text)]
Seconds = Annotated[float, Field(ge=1, le=7_200)]


class UserEntry(Section):
    """One entry of ``users:``."""

    extension: Extension = Field(description='an extension of letters, digits, `.` and `_`, in quotes: "667"')
    name: Text = Field(min_length=1, description="the name that other phones show")
    password: str = Field(
        min_length=1, max_length=256, repr=False, description="a password of 1 to 256 characters", json_schema_extra=SECRET
    )
    numbers: tuple[Number, ...] = Field(default=(), description=f"a list of outside numbers, the main one first: {NUMBER_HINT}")
    location: Text | None = Field(default=None, description="the name of a site, or null")
    contacts: tuple[Contact, ...] = Field(default=(), max_length=10, description='a list of URIs such as "sip:gw@192.0.2.7:5060"')

    def user(self) -> User:
        """The user of the domain."""
        return User(self.extension, self.name, self.password, self.numbers, self.location, self.contacts)


class AssistantEntry(Section):
    """One entry of ``assistants:``; a bare extension is short for all defaults."""

    extension: Extension = Field(description="the extension of a user")
    rights: tuple[Right, ...] | None = Field(
        default=None, description="a list of receive, call, pick_up_held, join, listen, whisper, manage, opt"
    )
    ring_seconds: Seconds | None = Field(default=None, description=SECONDS_HINT)
    rings: float | None = Field(default=None, ge=1, le=1_200, description="a number of rings (6 seconds each), for example 3")


class FilteringEntry(Section):
    """``filtering:`` which calls go to the assistants."""

    enabled: bool = Field(default=True, description="true or false")
    mode: Annotated[Literal["simple"], _not_yet("criteria", instead="simple")] = Field(default="simple", description="simple")
    type: FilterType = Field(default="all", description="all, internal or external")
    executives_pass: bool = Field(default=False, description="true to let other executives through, or false")

    def filtering(self) -> Filtering:
        """The setting of the domain."""
        return Filtering(self.enabled, self.type, self.executives_pass)


class AlertingEntry(Section):
    """``alerting:`` how phones ring and what they show."""

    mode: Literal["ring_all", "sequential"] = Field(default="ring_all", description="ring_all or sequential")
    ring_seconds: Seconds | None = Field(default=None, description=SECONDS_HINT)
    rings: float | None = Field(default=None, ge=1, le=1_200, description="a number of rings (6 seconds each), for example 5")
    executive: Annotated[
        Literal["none", "first", "together"], _not_yet("splash", "silent", instead="none, first or together")
    ] = Field(default="none", description="none, first or together")
    executive_seconds: Seconds | None = Field(default=None, description=SECONDS_HINT)
    minimum_seconds: float = Field(default=0.0, ge=0, le=7_200, description="seconds from 0 to 7200, for example 30")
    name: Literal["originator_executive", "executive_originator", "originator", "executive", "custom"] = Field(
        default="originator_executive", description="originator_executive, executive_originator, originator, executive or custom"
    )
    custom_name: Text = Field(default="", description="the name to show, with `name: custom`")
    name_prefix: Text = Field(default="", description='text to put before the name, for example "[Boss] "')
    number: Literal["originator", "executive", "custom"] = Field(
        default="originator", description="originator, executive or custom"
    )
    custom_number: Annotated[str, Field(pattern=r"^[A-Za-z0-9+*#._]{0,32}$")] = Field(
        default="", description="the number to show, with `number: custom`"
    )

    def alerting(self) -> Alerting:
        """The setting of the domain, rings turned into seconds."""
        return Alerting(
            mode=self.mode,
            ring_seconds=seconds(self.ring_seconds, self.rings) or DEFAULT_RING_SECONDS,
            executive=self.executive,
            executive_seconds=self.executive_seconds,
            minimum_seconds=self.minimum_seconds,
            name=self.name,
            custom_name=self.custom_name,
            name_prefix=self.name_prefix,
            number=self.number,
            custom_number=self.custom_number,
        )


ROLLOVER_HINT: Final = "hangup, executive, or {forward: NUMBER}"


class Action(NamedTuple):
    """``action:`` as read: a word, and the number when it was written as ``{forward: NUMBER}``."""

    word: RolloverAction
    forward: str | None = None


def _parse_action(value: object) -> Action:
    match value:
        case "hangup" | "executive" | "forward":
            return Action(value)
        case "voicemail" | "no_answer" | {"voicemail": _}:
            word = value if isinstance(value, str) else "voicemail"
            raise ValueError(f"is {word}, which is not supported yet; write {ROLLOVER_HINT}")
        case {"forward": str(number), **others} if not others:
            return Action("forward", number)
    raise ValueError(f"is {quoted(value)}; write {ROLLOVER_HINT}")


class RolloverEntry(Section):
    """``rollover:`` what happens when nobody answers; the number to forward to stands beside `action` or in it."""

    after_seconds: Annotated[float, Field(ge=0, le=7_200)] | None = Field(
        default=None, description="seconds from 0 to 7200, or null"
    )
    action: Annotated[Action, PlainValidator(_parse_action)] = Field(default=Action("hangup"), description=ROLLOVER_HINT)
    forward: str | None = Field(default=None, description="the extension or outside number to forward to")

    def rollover(self) -> Rollover:
        """The setting of the domain."""
        return Rollover(self.after_seconds, self.action.word, self.action.forward or self.forward)


class OnBehalfEntry(Section):
    """``on_behalf:`` who sees the executive's identity."""

    outside: bool = Field(default=True, description="true or false")
    inside: bool = Field(default=False, description="true or false")

    def on_behalf(self) -> OnBehalf:
        """The setting of the domain."""
        return OnBehalf(self.outside, self.inside)


class ExecutiveEntry(Section):
    """One entry of ``executives:``. Assistants are read one by one, so that a wrong one hides nothing."""

    extension: Extension = Field(description="the extension of a user")
    caller_id: Number | None = Field(default=None, description="one of the executive's own numbers, or null for the main number")
    filtering: FilteringEntry = Field(default=FilteringEntry(), description="{enabled: true, mode: simple, type: all}")
    alerting: AlertingEntry = Field(default=AlertingEntry(), description="{mode: ring_all, ring_seconds: 30}")
    rollover: RolloverEntry = Field(default=RolloverEntry(), description="{after_seconds: null, action: hangup}")
    on_behalf: OnBehalfEntry = Field(default=OnBehalfEntry(), description="{outside: true, inside: false}")
    assistants: list[Any] = Field(default=[], description="a list of extensions, or {extension: ..., rights: [...]}")


class LimitsEntry(Section):
    """``limits:`` of the directory."""

    assistants_per_executive: int = Field(default=10, ge=1, le=1_000, description="a whole number from 1 to 1000, for example 10")
    executives_per_assistant: int = Field(default=10, ge=1, le=1_000, description="a whole number from 1 to 1000, for example 10")


class Heading(Section):
    """The directory without its two long lists."""

    organisation: Text = Field(default="", description="the name of the organisation")
    limits: LimitsEntry = Field(default=LimitsEntry(), description="{assistants_per_executive: 10, executives_per_assistant: 10}")
    roles: Literal["strict", "acyclic"] = Field(default="strict", description="strict or acyclic")
    same_location: bool = Field(default=False, description="true or false")
    users: list[Any] = Field(default=[], description="a list of users")
    executives: list[Any] = Field(default=[], description="a list of executives")


def seconds(in_seconds: float | None, in_rings: float | None) -> float | None:
    """A ring time that may have been written as rings; None when neither was written."""
    return in_rings * SECONDS_PER_RING if in_seconds is None and in_rings is not None else in_seconds

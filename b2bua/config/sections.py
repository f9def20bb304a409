"""The sections that executives, groups and services share: ``alerting:``, ``rollover:`` and ``on_behalf:``."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import Field, PlainValidator

from b2bua.config.callers import CallerGroups
from b2bua.config.markers import As, Json
from b2bua.config.schema import Report, Section, quoted, read_part
from b2bua.config.values import (
    MOST_NAMES,
    RINGS_HINT,
    SECONDS_HINT,
    URI_HINT,
    Rings,
    Seconds,
    Shown,
    Text,
    one_of_two,
    parse_uri,
    seconds,
)
from b2bua.config.yamltree import Where
from b2bua.delegation.people import (
    DEFAULT_RING_SECONDS,
    SPLASH_SECONDS,
    Alerting,
    AlertingMode,
    ExecutivePhones,
    NameMode,
    NumberClass,
    NumberMode,
    OnBehalf,
    Rollover,
    RolloverAction,
)

SECONDS_PER_HOUR: Final = 3_600.0


class AlertingEntry(Section):
    """``alerting:`` how phones ring and what they show."""

    mode: AlertingMode = Field(default="ring_all", description="ring_all or sequential")
    ring_seconds: Seconds | None = Field(default=None, description=SECONDS_HINT)
    rings: Rings | None = Field(default=None, description=RINGS_HINT)
    executive: ExecutivePhones = Field(default="none", description="none, first, together, splash or silent")
    executive_seconds: Seconds | None = Field(default=None, description=SECONDS_HINT)
    splash_seconds: float = Field(default=SPLASH_SECONDS, ge=0.5, le=60, description="seconds from 0.5 to 60, for example 2")
    minimum_seconds: float = Field(default=0.0, ge=0, le=7_200, description="seconds from 0 to 7200, for example 30")
    name: NameMode = Field(
        default="originator_executive", description="originator_executive, executive_originator, originator, executive or custom"
    )
    custom_name: Text = Field(default="", description="the name to show, with `name: custom`")
    name_prefix: Text = Field(default="", description='text to put before the name, for example "[Boss] "')
    number: NumberMode = Field(default="originator", description="originator, executive or custom")
    custom_number: Annotated[str, Field(pattern=r"^[A-Za-z0-9+*#._]{0,32}$")] = Field(
        default="", description="the number to show, with `number: custom`"
    )


def read_alerting(data: object, where: Where, report: Report, *, own_phones: bool = True) -> Alerting:
    """How phones ring; groups and services have no `own_phones`."""
    entry, broken = read_part(AlertingEntry, data, where, report)
    one_of_two(entry.ring_seconds, entry.rings, where, report)
    if entry.name == "custom" and not entry.custom_name and "custom_name" not in broken:
        report.error((*where, "custom_name"), "is missing; write the name to show, or another `name` mode")
    if entry.number == "custom" and not entry.custom_number and "custom_number" not in broken:
        report.error((*where, "custom_number"), "is missing; write the number to show, or another `number` mode")
    if entry.executive != "none" and not own_phones:
        report.error((*where, "executive"), f"is {entry.executive}, but only executives have phones of their own; write none")
    return Alerting(
        mode=entry.mode,
        ring_seconds=seconds(entry.ring_seconds, entry.rings) or DEFAULT_RING_SECONDS,
        executive=entry.executive,
        executive_seconds=entry.executive_seconds,
        minimum_seconds=entry.minimum_seconds,
        name=entry.name,
        custom_name=entry.custom_name,
        name_prefix=entry.name_prefix,
        number=entry.number,
        custom_number=entry.custom_number,
        splash_seconds=entry.splash_seconds,
    )


# --- rollover -----------------------------------------------------------------------------------------------------------------

TargetKey = Literal["forward", "voicemail"]
ROLLOVER_HINT: Final = f"hangup, executive, no_answer, {{forward: NUMBER}} or {{voicemail: {URI_HINT}}}"
OFFICE_ROLLOVER_HINT: Final = f"hangup, {{forward: NUMBER}} or {{voicemail: {URI_HINT}}}"
_MISSING: Final = {
    "forward": "is missing; write the extension or outside number to forward to",
    "voicemail": f"is missing; write the SIP URI of the mailbox, for example {URI_HINT}",
}


class Action(NamedTuple):
    """``action:`` as read: a word, and the target when it was written as ``{forward: NUMBER}`` or ``{voicemail: URI}``."""

    word: RolloverAction
    target: str | None = None


def _parse_action(value: object) -> Action:
    match value:
        case "hangup" | "executive" | "forward" | "voicemail" | "no_answer":
            return Action(value)
        case {"forward": str(number), **others} if not others:
            return Action("forward", number)
        case {"voicemail": str(uri), **others} if not others:
            return Action("voicemail", uri)
    raise ValueError(f"is {quoted(value)}; write {ROLLOVER_HINT}")


def _action_of(value: object) -> object:
    return dict(value) if isinstance(value, dict) else value


ACTION_SCHEMA: Final[dict[str, Any]] = {
    "anyOf": [
        {"enum": ["hangup", "executive", "no_answer", "forward", "voicemail"]},
        *(
            {"type": "object", "properties": {key: {"type": "string"}}, "required": [key], "additionalProperties": False}
            for key in ("forward", "voicemail")
        ),
    ]
}


class RolloverEntry(Section):
    """``rollover:`` what happens when nobody answers; the target stands beside `action` or in it."""

    after_seconds: Annotated[float, Field(ge=0, le=7_200)] | None = Field(
        default=None, description="seconds from 0 to 7200, or null"
    )
    action: Annotated[Action, PlainValidator(_parse_action), As(_action_of), Json(only=True, **ACTION_SCHEMA)] = Field(
        default=Action("hangup"), description=ROLLOVER_HINT, json_schema_extra={"default": "hangup"}
    )
    forward: str | None = Field(default=None, description="the extension or outside number to forward to")
    voicemail: str | None = Field(default=None, description=f"the SIP URI of the mailbox, for example {URI_HINT}")


class RolloverRead(NamedTuple):
    """What :func:`read_rollover` found."""

    rollover: Rollover
    target: Where | None
    """Where the target of `forward` stands; None when there is none to be checked."""


def read_rollover(data: object, where: Where, report: Report, *, own_phones: bool = True) -> RolloverRead:
    """What happens when nobody answers. Where a forward leads is checked later, when all numbers are known."""
    entry, broken = read_part(RolloverEntry, data, where, report)
    rollover = Rollover(entry.after_seconds, entry.action.word, written="action" in entry.model_fields_set)
    if "action" in broken:
        return RolloverRead(rollover, None)
    word = entry.action.word
    if word in ("executive", "no_answer") and not own_phones:
        report.error((*where, "action"), f"is {word}, but only executives have phones of their own; write {OFFICE_ROLLOVER_HINT}")
    keys: tuple[TargetKey, ...] = ("forward", "voicemail")
    for key in keys:
        if getattr(entry, key) is not None and (word != key or entry.action.target is not None):
            thing = "number" if key == "forward" else "URI"
            report.error((*where, key), f"stands beside another action; write `action: {key}`, or remove the {thing}")
    if word not in keys or word in broken:
        return RolloverRead(rollover, None)
    target = entry.action.target or getattr(entry, word)
    place = (*where, "action", word) if entry.action.target is not None else (*where, word)
    if not target:
        report.error(place, _MISSING[word])
        return RolloverRead(rollover, None)
    rollover = Rollover(rollover.after_seconds, word, target, rollover.written)
    if word == "forward":
        return RolloverRead(rollover, place)
    _check_mailbox(target, place, report)
    return RolloverRead(rollover, None)


def _check_mailbox(target: str, place: Where, report: Report) -> None:
    try:
        parse_uri(target)
    except ValueError as error:
        report.error(place, str(error))


# --- on behalf ----------------------------------------------------------------------------------------------------------------

SHOWN_HINT: Final = "executive (or true), assistant, or self (or false)"


class OnBehalfEntry(Section):
    """``on_behalf:`` as whom the assistants are shown to whom they call."""

    outside: Shown = Field(default="executive", description=SHOWN_HINT)
    inside: Shown = Field(default="self", description=SHOWN_HINT)
    classes: dict[str, Shown] = Field(
        default={}, max_length=MOST_NAMES, description="caller groups with a word each, for example {press: assistant}"
    )
    sticky_hours: float = Field(default=0.0, ge=0, le=168, description="hours from 0 (until cleared) to 168, for example 8")
    callback_hours: float = Field(default=0.0, ge=0, le=168, description="hours from 0 (never) to 168, for example 24")


def read_on_behalf(data: object, where: Where, groups: CallerGroups, report: Report) -> OnBehalf:
    """As whom the assistants are shown."""
    entry, broken = read_part(OnBehalfEntry, data, where, report)
    words: dict[str, Any] = dict(entry.classes)
    written = data.get("classes") if "classes" in broken and isinstance(data, dict) else None
    if isinstance(written, dict) and len(written) <= MOST_NAMES:
        words = dict.fromkeys(written, "self")  # a wrong word hides no unknown group
    classes = []
    for name, word in words.items():
        place = (*where, "classes", name)
        callers = groups.find(name, place, report)
        if callers and not callers.numbers and not callers.prefixes:
            report.warn(place, "has no numbers, so no call to anybody is of this class; write numbers in the caller group")
        if callers:
            classes.append(NumberClass(name, callers, word))
    sticky, callback = entry.sticky_hours * SECONDS_PER_HOUR, entry.callback_hours * SECONDS_PER_HOUR
    return OnBehalf(entry.outside, entry.inside, tuple(classes), sticky, callback)

"""``users:`` of the directory, with everything that a call to their phones depends on, and the directory's own keys."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import Field

from b2bua.config.draft import Draft
from b2bua.config.schema import SECRET, Report, Section, read_part, read_section
from b2bua.config.values import (
    EXTENSION_HINT,
    NUMBER_HINT,
    SECONDS_HINT,
    URI_HINT,
    ZONE_HINT,
    Contact,
    Extension,
    Number,
    Seconds,
    Text,
    Zone,
)
from b2bua.config.yamltree import Where
from b2bua.delegation.people import (
    DEFAULT_NO_ANSWER_SECONDS,
    SECONDS_PER_RING,
    DeviceOrder,
    DeviceRings,
    Divert,
    Forwarding,
    PickUp,
    User,
)

_STAND_IN: Final = {"extension": "unknown", "name": "unknown", "password": "unknown"}
"""For users with something missing or wrong, so that the rest of them is still looked at."""
FORWARD_HINT: Final = f"an extension, an outside number, a URI such as {URI_HINT}, or null"


class DevicesEntry(Section):
    """``devices:`` the order in which a user's phones ring (A22)."""

    order: DeviceOrder = Field(default="together", description="together, apps_first or desk_first")
    rings: float = Field(
        default=3.0, ge=0, le=1_200, description="how many rings (6 seconds each) the first phones have, 0 to leave them out"
    )

    def devices(self) -> DeviceRings:
        """The setting of the domain, rings turned into seconds."""
        return DeviceRings(self.order, self.rings * SECONDS_PER_RING)


class ForwardingEntry(Section):
    """``forwarding:`` where calls go that the user's own phones do not take (A15)."""

    always: str | None = Field(default=None, description=FORWARD_HINT)
    busy: str | None = Field(default=None, description=FORWARD_HINT)
    no_answer: str | None = Field(default=None, description=FORWARD_HINT)
    unreachable: str | None = Field(default=None, description=FORWARD_HINT)
    no_answer_seconds: Seconds = Field(default=DEFAULT_NO_ANSWER_SECONDS, description=SECONDS_HINT)

    def forwarding(self) -> Forwarding:
        """The setting of the domain."""
        return Forwarding(self.always, self.busy, self.no_answer, self.unreachable, self.no_answer_seconds)


class DivertEntry(Section):
    """``divert:`` where an assistant sends filtered calls (A14)."""

    enabled: bool = Field(default=False, description="true or false")
    to: str | None = Field(default=None, description="an extension or outside number, or null")

    def divert(self) -> Divert:
        """The setting of the domain."""
        return Divert(self.enabled, self.to)


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
    time_zone: Zone | None = Field(default=None, description=f"{ZONE_HINT}; null for the organisation's")
    hours: str | None = Field(default=None, description="the name of one of the `schedules`, or null")
    devices: Any = Field(default={}, description="{order: together, rings: 3}")
    dnd: bool = Field(default=False, description="true or false")
    forwarding: Any = Field(default={}, description="{no_answer: EXTENSION, no_answer_seconds: 20}")
    divert: Any = Field(default={}, description="{enabled: true, to: NUMBER}")


class LimitsEntry(Section):
    """``limits:`` of the directory."""

    assistants_per_executive: int = Field(default=10, ge=1, le=1_000, description="a whole number from 1 to 1000, for example 10")
    executives_per_assistant: int = Field(default=10, ge=1, le=1_000, description="a whole number from 1 to 1000, for example 10")


class Heading(Section):
    """The directory; its long lists are read entry by entry, so that a wrong one hides nothing."""

    organisation: Text = Field(default="", description="the name of the organisation")
    limits: LimitsEntry = Field(default=LimitsEntry(), description="{assistants_per_executive: 10, executives_per_assistant: 10}")
    roles: Literal["strict", "acyclic"] = Field(default="strict", description="strict or acyclic")
    same_location: bool = Field(default=False, description="true or false")
    time_zone: Zone | None = Field(default=None, description=ZONE_HINT)
    delegating_members: bool = Field(default=False, description="true or false")
    pick_up: PickUp = Field(default="group", description="group, location or organisation")
    parking: Any = Field(default={}, description='{slots: "701-750", recall_seconds: 45, ring_seconds: 30}')
    schedules: dict[str, Any] = Field(default={}, description='names with hours: {office: {hours: {mon-fri: "08:00-17:00"}}}')
    caller_groups: dict[str, Any] = Field(default={}, description='names with lists: {press: ["+1555*"]}')
    users: list[Any] = Field(default=[], description="a list of users")
    executives: list[Any] = Field(default=[], description="a list of executives")
    groups: list[Any] = Field(default=[], description="a list of groups")
    services: list[Any] = Field(default=[], description="a list of services")
    duty_profiles: list[Any] = Field(default=[], description="a list of duty profiles")
    conferences: list[Any] = Field(default=[], description="a list of conference rooms")


def read_users(items: list[Any], draft: Draft, report: Report) -> None:
    """Every user that has an extension goes into `draft`, those with wrong keys as unsure."""
    for index, item in enumerate(items):
        where: Where = ("users", index)
        entry, broken = read_section(UserEntry, item, where, report, _STAND_IN)
        if entry is None:
            continue
        parts, wrong = _read_parts(entry, where, report)
        hours = draft.schedules.find(entry.hours, (*where, "hours"), report)
        user = User(
            entry.extension,
            entry.name,
            entry.password,
            entry.numbers,
            entry.location,
            entry.contacts,
            time_zone=entry.time_zone or draft.time_zone,
            hours=hours,
            devices=parts[0].devices(),
            forwarding=parts[1].forwarding(),
            divert=parts[2].divert(),
            dnd=entry.dnd,
        )
        draft.add_user(user, where, item, broken | wrong, report)


def _read_parts(
    entry: UserEntry, where: Where, report: Report
) -> tuple[tuple[DevicesEntry, ForwardingEntry, DivertEntry], frozenset[str]]:
    """The sections within a user, and those of their keys that were wrong, as ``forwarding.busy``."""
    devices, _ = read_part(DevicesEntry, entry.devices, (*where, "devices"), report)
    forwarding, wrong = read_part(ForwardingEntry, entry.forwarding, (*where, "forwarding"), report)
    divert, also_wrong = read_part(DivertEntry, entry.divert, (*where, "divert"), report)
    if divert.enabled and not divert.to and "to" not in also_wrong:
        report.error((*where, "divert", "to"), f"is missing; write {EXTENSION_HINT}, or an outside number")
    unread = [*(f"forwarding.{key}" for key in wrong), *(f"divert.{key}" for key in also_wrong)]
    return (devices, forwarding, divert), frozenset(unread)

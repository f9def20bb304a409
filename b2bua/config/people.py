"""``users:`` of the directory, with everything that a call to their phones depends on, and the directory's own keys."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field

from b2bua.config.draft import Draft
from b2bua.config.markers import Holds, Json
from b2bua.config.places import ParkingEntry
from b2bua.config.schema import SECRET, Report, Section, quoted, read_part, read_section
from b2bua.config.values import (
    EXTENSION_HINT,
    MOST_NAMES,
    NUMBER_HINT,
    SECONDS_HINT,
    URI_HINT,
    ZONE_HINT,
    Contact,
    Extension,
    Extensions,
    Numbers,
    Seconds,
    Text,
    Zone,
)
from b2bua.config.yamltree import Where
from b2bua.delegation.digests import Digests
from b2bua.delegation.organisation import NOTHING_MANAGED, Manages, UserRole
from b2bua.delegation.people import (
    DEFAULT_NO_ANSWER_SECONDS,
    NO_DIGESTS,
    SECONDS_PER_RING,
    DeviceOrder,
    DeviceRings,
    Divert,
    Forwarding,
    PickUp,
    User,
    UserStatus,
    UserType,
)

RESERVED: Final = "admin"
"""The account of the first administrator, who is no user; in whatever case it is typed at the sign-in."""
_STAND_IN: Final = {"extension": "unknown", "name": "unknown"}
"""For users with something missing or wrong, so that the rest of them is still looked at."""
DIGEST_HINT: Final = "a mapping of account names to {md5: 32 hexadecimal digits, sha256: 64 hexadecimal digits}, or write a password"
_EMAIL = re.compile(r"[^@\s<>\"(),;:\\\[\]]{1,64}@[A-Za-z0-9._-]{1,253}")
MOST_RANGES: Final = 2_000
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


class ManagesEntry(Section):
    """``manages:`` what a manager manages (E1-E3, E10)."""

    sites: Annotated[tuple[Text, ...], Field(max_length=MOST_NAMES)] = Field(default=(), description="a list of names of sites")
    groups: Extensions = Field(default=[], description="a list of extensions of groups, queues and services")


class DigestEntry(Section):
    """The digests of a password for one account: lower-case hexadecimal digits."""

    md5: str = Field(pattern=r"^[0-9a-f]{32}$", repr=False, description=DIGEST_HINT, json_schema_extra=SECRET)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", repr=False, description=DIGEST_HINT, json_schema_extra=SECRET)


def _parse_email(value: object) -> str:
    if not isinstance(value, str) or not _EMAIL.fullmatch(value) or not value.isprintable():
        raise ValueError(f"is {quoted(value)}; write an e-mail address such as olivia@acme.example")
    return value


Email = Annotated[str, BeforeValidator(_parse_email), Json(format="email")]
DEFAULT_DEVICES: Final = DevicesEntry().devices()
NO_FORWARDING: Final = Forwarding()
NO_DIVERT: Final = Divert()


class UserEntry(Section):
    """One entry of ``users:``."""

    extension: Extension = Field(description='an extension of letters, digits, `.` and `_`, in quotes: "667"')
    name: Text = Field(min_length=1, description="the name that other phones show")
    password: str | None = Field(
        default=None, min_length=1, max_length=256, repr=False, description="a password of 1 to 256 characters", json_schema_extra=SECRET
    )
    digest: dict[str, DigestEntry] = Field(default={}, max_length=MOST_NAMES + 1, repr=False, description=DIGEST_HINT, json_schema_extra=SECRET)
    numbers: Numbers = Field(default=(), description=f"a list of outside numbers, the main one first: {NUMBER_HINT}")
    location: Text | None = Field(default=None, description="the name of a site, or null")
    contacts: tuple[Contact, ...] = Field(default=(), max_length=10, description='a list of URIs such as "sip:gw@192.0.2.7:5060"')
    time_zone: Zone | None = Field(default=None, description=f"{ZONE_HINT}; null for the organisation's")
    hours: str | None = Field(default=None, description="the name of one of the `schedules`, or null")
    devices: Annotated[Any, Holds(DevicesEntry)] = Field(default={}, description="{order: together, rings: 3}")
    dnd: bool = Field(default=False, description="true or false")
    forwarding: Annotated[Any, Holds(ForwardingEntry)] = Field(default={}, description="{no_answer: EXTENSION, no_answer_seconds: 20}")
    divert: Annotated[Any, Holds(DivertEntry)] = Field(default={}, description="{enabled: true, to: NUMBER}")
    type: UserType = Field(default="person", description="person, limited, forwarding or shared")
    status: UserStatus = Field(default="enabled", description="enabled, invited, not_activated, disabled, unassigned or inventory")
    email: Email | None = Field(default=None, description="an e-mail address, or null")
    role: UserRole = Field(default="user", description="user, user_admin or super_admin")
    manages: Annotated[Any, Holds(ManagesEntry)] = Field(default={}, description="{sites: [NAME], groups: [EXTENSION]}")
    cost_centre: Text | None = Field(default=None, description="the name of a cost centre, or null")
    emergency_location: Text | None = Field(default=None, description="where help is to go, or null for that of the site")
    self_service: bool = Field(default=True, description="true or false")


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
    acceptance: bool = Field(default=False, description="true or false")
    number_inventory: Annotated[list[Any], Field(max_length=MOST_RANGES), Holds(list[str])] = Field(default=[], description='a list of ranges: "+6221500600-699"')
    parking: Annotated[Any, Holds(ParkingEntry)] = Field(default={}, description='{slots: "701-750", recall_seconds: 45, ring_seconds: 30}')
    schedules: dict[str, Any] = Field(default={}, description='names with hours: {office: {hours: {mon-fri: "08:00-17:00"}}}')
    caller_groups: dict[str, Any] = Field(default={}, description='names with lists: {press: ["+1555*"]}')
    sites: list[Any] = Field(default=[], description="a list of sites")
    cost_centres: list[Any] = Field(default=[], description="a list of cost centres")
    users: list[Any] = Field(default=[], description="a list of users")
    phones: list[Any] = Field(default=[], description="a list of phones")
    executives: list[Any] = Field(default=[], description="a list of executives")
    groups: list[Any] = Field(default=[], description="a list of groups")
    services: list[Any] = Field(default=[], description="a list of services")
    duty_profiles: list[Any] = Field(default=[], description="a list of duty profiles")
    conferences: list[Any] = Field(default=[], description="a list of conference rooms")


def read_users(items: list[Any], draft: Draft, report: Report) -> None:
    """Every user that has an extension goes into `draft`, those with wrong keys as unsure."""
    for index, item in enumerate(items):
        where = report.entry("users", index, item)
        user: User | None = draft.memory.recall(where, item, report)
        if user is not None:
            draft.add_user(user, where, item, frozenset(), report)
            continue
        mark = draft.memory.mark(report)
        entry, broken = read_section(UserEntry, item, where, report, _STAND_IN)
        if entry is None:
            continue
        user, wrong = _read_user(entry, where, draft, report)
        draft.memory.keep(where, item, user, report, mark)
        draft.add_user(user, where, item, broken | wrong, report)


def _read_user(entry: UserEntry, where: Where, draft: Draft, report: Report) -> tuple[User, frozenset[str]]:
    """The user, and the keys of the sections within that were wrong, as ``forwarding.busy``."""
    if entry.extension.casefold() == RESERVED:
        report.error((*where, "extension"), f"is {quoted(entry.extension)}, the name of the first administrator's account; write another one")
    devices, _ = read_part(DevicesEntry, entry.devices, (*where, "devices"), report)
    forwarding, wrong = read_part(ForwardingEntry, entry.forwarding, (*where, "forwarding"), report)
    divert, also_wrong = read_part(DivertEntry, entry.divert, (*where, "divert"), report)
    if divert.enabled and not divert.to and "to" not in also_wrong:
        report.error((*where, "divert", "to"), f"is missing; write {EXTENSION_HINT}, or an outside number")
    manages, _ = read_part(ManagesEntry, entry.manages, (*where, "manages"), report)
    user = User(
        entry.extension,
        entry.name,
        entry.password or "",
        entry.numbers,
        entry.location,
        entry.contacts,
        time_zone=entry.time_zone or draft.time_zone,
        hours=draft.schedules.find(entry.hours, (*where, "hours"), report),
        devices=devices.devices() if entry.devices else DEFAULT_DEVICES,
        forwarding=forwarding.forwarding() if entry.forwarding else NO_FORWARDING,
        divert=divert.divert() if entry.divert else NO_DIVERT,
        dnd=entry.dnd,
        digests=_read_digests(entry, where, report),
        type=entry.type,
        status=entry.status,
        email=entry.email,
        role=entry.role,
        manages=Manages(manages.sites, tuple(map(str, manages.groups))) if entry.manages else NOTHING_MANAGED,
        cost_centre=entry.cost_centre,
        emergency_location=entry.emergency_location,
        self_service=entry.self_service,
    )
    return user, frozenset([*(f"forwarding.{key}" for key in wrong), *(f"divert.{key}" for key in also_wrong)])


def _read_digests(entry: UserEntry, where: Where, report: Report) -> Mapping[str, Digests]:
    if not entry.digest:
        return NO_DIGESTS
    if entry.password:
        report.error((*where, "digest"), "stands beside a password; write one of the two")
    for name in entry.digest:
        if name != entry.extension and not name.startswith(f"{entry.extension}-"):
            text = f"{quoted(name)} is no account of {entry.extension}; write {entry.extension}, or a delegated line {entry.extension}-EXECUTIVE"
            report.error((*where, "digest", name), text)
    return MappingProxyType({name: Digests(each.md5, each.sha256) for name, each in entry.digest.items()})

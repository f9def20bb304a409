"""``groups:``, ``services:`` and ``duty_profiles:`` (A4, B6): extensions without phones, and who takes their calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Generic, Literal, TypeVar

from pydantic import Field

from b2bua.config.draft import Boss, Draft
from b2bua.config.executives import STAND_IN
from b2bua.config.markers import Holds
from b2bua.config.resources import read_managers
from b2bua.config.schema import Report, Section, quoted, read_section
from b2bua.config.sections import (
    OFFICE_ROLLOVER_HINT,
    AlertingEntry,
    OnBehalfEntry,
    RolloverEntry,
    read_alerting,
    read_on_behalf,
    read_rollover,
)
from b2bua.config.values import (
    EXTENSION_HINT,
    MOST_NAMES,
    NUMBER_HINT,
    RINGS_HINT,
    SECONDS_HINT,
    Extension,
    Extensions,
    Number,
    Numbers,
    Rings,
    Seconds,
    Text,
    one_of_two,
    parse_extension,
    parsed,
    seconds,
)
from b2bua.config.yamltree import Where
from b2bua.delegation.people import Delegation, DutyProfile, Executive, OnBehalf, Right, User

AgentDirection = Literal["in", "out", "both"]
RIGHTS_OF: Final[dict[AgentDirection, frozenset[Right]]] = {
    "in": frozenset({"receive"}),
    "out": frozenset({"call"}),
    "both": frozenset({"receive", "call"}),
}
"""What an agent may do for a service, by the direction of the calls."""
DEFAULT_WAIT: Final = 300.0
"""Seconds that a queue tries, unless it says otherwise."""
DIRECTION_HINT: Final = "in, out or both"
_OFFICE_STAND_IN: Final = {"extension": "unknown", "name": "unknown"}
_DUTY_STAND_IN: Final = {"name": "unknown", "code": "0"}


class OfficeEntry(Section):
    """What groups and services have in common."""

    extension: Extension = Field(description='an extension of letters, digits, `.` and `_`, in quotes: "500"')
    name: Text = Field(min_length=1, description="the name that other phones show")
    numbers: Numbers = Field(default=(), description=f"a list of outside numbers, the main one first: {NUMBER_HINT}")
    location: Text | None = Field(default=None, description="the name of a site, or null")
    alerting: Annotated[Any, Holds(AlertingEntry)] = Field(default={}, description="{mode: ring_all, ring_seconds: 30}")
    rollover: Annotated[Any, Holds(RolloverEntry)] = Field(
        default={}, description=f"{{after_seconds: null, action: ACTION}} with {OFFICE_ROLLOVER_HINT}"
    )
    managers: Extensions = Field(default=[], description="a list of extensions of users who manage it")


class MemberEntry(Section):
    """One entry of ``members:``; a bare extension is short for all defaults."""

    extension: Extension = Field(description=EXTENSION_HINT)
    ring_seconds: Seconds | None = Field(default=None, description=SECONDS_HINT)
    rings: Rings | None = Field(default=None, description=RINGS_HINT)


class GroupEntry(OfficeEntry):
    """One entry of ``groups:``."""

    type: Literal["group", "queue"] = Field(default="group", description="group or queue")
    members: Annotated[list[Any], Field(max_length=MOST_NAMES), Holds(list[Extension | MemberEntry])] = Field(
        default=[], description="a list of extensions, or {extension: ..., ring_seconds: 10}"
    )
    maximum_wait: Seconds | None = Field(default=None, description="seconds from 1 to 7200, for example 120")
    capacity: int | None = Field(default=None, ge=1, le=1_000, description="how many callers may wait, from 1 to 1000, or null for any number")


class AgentEntry(Section):
    """One entry of ``agents:``: one user, several, or the members of a group."""

    extension: Extension | None = Field(default=None, description=EXTENSION_HINT)
    extensions: Extensions | None = Field(default=None, description="a list of extensions of users")
    group: Extension | None = Field(default=None, description="the extension of a group")
    direction: AgentDirection | None = Field(default=None, description=DIRECTION_HINT)
    ring_seconds: Seconds | None = Field(default=None, description=SECONDS_HINT)
    rings: Rings | None = Field(default=None, description=RINGS_HINT)


class ServiceEntry(OfficeEntry):
    """One entry of ``services:``."""

    caller_id: Number | None = Field(default=None, description="one of the service's own numbers, or null for the main number")
    enabled: bool = Field(default=True, description="true or false")
    direction: AgentDirection = Field(default="both", description=DIRECTION_HINT)
    agents: Annotated[list[Any], Field(max_length=MOST_NAMES), Holds(list[Extension | AgentEntry])] = Field(
        default=[], description="a list of extensions, {extension: ..., direction: in}, {extensions: [...]} or {group: ...}"
    )
    on_behalf: Annotated[Any, Holds(OnBehalfEntry)] = Field(default={}, description="{outside: executive, inside: self}")


class DutyEntry(Section):
    """One entry of ``duty_profiles:``."""

    name: Text = Field(min_length=1, description="a name for the profile")
    code: str = Field(pattern=r"^[0-9]{1,4}$", description='one to four digits, for example "1"')
    agents: Extensions = Field(default=[], description="a list of extensions of users")
    responsible_for: Extensions = Field(default=[], description="a list of extensions of executives, services and groups")
    active: bool = Field(default=True, description="true or false")


AnyOffice = TypeVar("AnyOffice", bound=OfficeEntry)


@dataclass(frozen=True)
class Office(Generic[AnyOffice]):
    """A group or service of which the extension and the numbers are known, and the rest is not read yet."""

    kind: Literal["group", "service"]
    where: Where
    item: object
    """What was written."""
    entry: AnyOffice
    broken: frozenset[str]
    known: bool
    """False: its extension is wrong or somebody else's."""


def add_offices(
    model: type[AnyOffice], kind: Literal["group", "service"], items: list[Any], draft: Draft, report: Report
) -> list[Office[AnyOffice]]:
    """Takes the extensions and numbers of groups or services into `draft`."""
    found: list[Office[AnyOffice]] = []
    for index, item in enumerate(items):
        where = report.entry(f"{kind}s", index, item)
        read: tuple[AnyOffice, User] | None = draft.memory.recall((*where, "entry"), item, report)
        broken: frozenset[str] = frozenset()
        if read is None:
            mark = draft.memory.mark(report)
            entry, broken = read_section(model, item, where, report, _OFFICE_STAND_IN)
            if entry is None:
                continue
            read = entry, User(entry.extension, entry.name, "", entry.numbers, entry.location, kind=kind, time_zone=draft.time_zone)
            draft.memory.keep((*where, "entry"), item, read, report, mark)
        known = draft.add_user(read[1], where, item, broken, report) and "extension" not in broken
        found.append(Office(kind, where, item, read[0], broken, known))
    return found


def _recalled(office: Office[Any], draft: Draft, report: Report) -> bool:
    """Whether it could be taken over as it was read before."""
    boss: Boss | None = draft.memory.recall(office.where, office.item, report) if office.known else None
    if boss is not None:
        draft.bosses[boss.extension] = boss
    return boss is not None


def read_groups(groups: list[Office[GroupEntry]], draft: Draft, report: Report) -> None:
    """The members of groups and queues."""
    for group in groups:
        if _recalled(group, draft, report):
            continue
        entry, where, mark = group.entry, group.where, draft.memory.mark(report)
        wait = DEFAULT_WAIT if entry.maximum_wait is None else entry.maximum_wait
        if entry.type == "group" and entry.maximum_wait is not None and "type" not in group.broken:
            report.error((*where, "maximum_wait"), "is for queues only; write `type: queue`, or remove it")
        if entry.type == "group" and entry.capacity is not None and "type" not in group.broken:
            report.error((*where, "capacity"), "is for queues only; write `type: queue`, or remove it")
        waiting = (wait, entry.capacity) if entry.type == "queue" else (0.0, None)
        boss = _boss(group, None, OnBehalf(), draft, report, waiting=waiting)
        seen: set[str] = set()
        for index, item in enumerate(entry.members):
            place = (*where, "members", index)
            member = _read_member(item, place, report)
            if member is None:
                continue
            if member.extension in seen:
                report.error(place, f"{member.extension} is a member of this group already; write each member once")
                continue
            seen.add(member.extension)
            _delegate(boss, member.extension, RIGHTS_OF["in"], seconds(member.ring_seconds, member.rings), place, draft, report)
        if group.known:
            draft.memory.keep(where, group.item, boss, report, mark, names=True)


def _read_member(item: object, where: Where, report: Report) -> MemberEntry | None:
    """None when there is no telling who is meant."""
    data = {"extension": item} if isinstance(item, str) else item
    entry, broken = read_section(MemberEntry, data, where, report, STAND_IN)
    if entry is None:
        return None
    one_of_two(entry.ring_seconds, entry.rings, where, report)
    return None if "extension" in broken else entry


def read_services(services: list[Office[ServiceEntry]], draft: Draft, report: Report) -> None:
    """The agents of services; of two entries for the same agent the later one counts."""
    for service in services:
        if _recalled(service, draft, report):
            continue
        entry, where, mark = service.entry, service.where, draft.memory.mark(report)
        on_behalf = read_on_behalf(entry.on_behalf, (*where, "on_behalf"), draft.caller_groups, report)
        boss = _boss(service, entry.caller_id, on_behalf, draft, report, may_be_impersonated=entry.enabled)
        left = MOST_NAMES
        for index, item in enumerate(entry.agents):
            place = (*where, "agents", index)
            left -= _read_agents(item, place, entry.direction, boss, left, draft, report)
            if left < 0:
                report.error(place, f"names, with those above, more than {MOST_NAMES} agents; write fewer")
                break
        if service.known:
            draft.memory.keep(where, service.item, boss, report, mark, names=True)


def _read_agents(item: object, where: Where, default: AgentDirection, boss: Boss, most: int, draft: Draft, report: Report) -> int:
    """How many it names; where that is more than `most`, none of them is taken in."""
    data = {"extension": item} if isinstance(item, str) else item
    entry, broken = read_section(AgentEntry, data, where, report)
    if entry is None:
        return 0
    one_of_two(entry.ring_seconds, entry.rings, where, report)
    if len({"extension", "extensions", "group"} & (entry.model_fields_set | broken)) != 1:
        report.error(where, "names its agents not at all or twice; write one of extension, extensions and group")
        return 0
    rights = RIGHTS_OF[entry.direction or default]
    agents = _agents_of(entry, where, draft, report)
    for place, extension in agents if len(agents) <= most else ():
        _delegate(boss, extension, rights, seconds(entry.ring_seconds, entry.rings), place, draft, report)
    return len(agents)


def _agents_of(entry: AgentEntry, where: Where, draft: Draft, report: Report) -> list[tuple[Where, str]]:
    """Whom an entry of `agents` means, each with where it says so."""
    if entry.extension is not None:
        return [(where, entry.extension)]
    if entry.extensions is not None:
        return _read_extensions(entry.extensions, (*where, "extensions"), report)
    if entry.group is None:
        return []
    place = (*where, "group")
    if draft.places.get(entry.group, ("",))[0] != "groups":
        guess = report.guesses.closest(entry.group, "group", draft.of_list("groups"))
        report.error(place, f"{entry.group} is no group{guess}; write the extension of one under `groups`")
    group = draft.bosses.get(entry.group)
    return [(place, delegation.assistant) for _, delegation in group.delegations] if group and group.kind == "group" else []


def _read_extensions(items: Sequence[object], where: Where, report: Report) -> list[tuple[Where, str]]:
    found = [((*where, index), parsed(parse_extension, item, (*where, index), report)) for index, item in enumerate(items)]
    return [(place, extension) for place, extension in found if extension is not None]


def _boss(
    office: Office[Any],
    caller_id: str | None,
    on_behalf: OnBehalf,
    draft: Draft,
    report: Report,
    *,
    waiting: tuple[float, int | None] = (0.0, None),
    may_be_impersonated: bool = True,
) -> Boss:
    """What groups and services have in common; it goes into `draft`. `waiting`: how long, and how many."""
    entry, where = office.entry, office.where
    rollover = read_rollover(entry.rollover, (*where, "rollover"), report, own_phones=False)
    settings = Executive(
        extension=entry.extension,
        caller_id=caller_id,
        alerting=read_alerting(entry.alerting, (*where, "alerting"), report, own_phones=False),
        rollover=rollover.rollover,
        on_behalf=on_behalf,
        kind=office.kind,
        time_zone=draft.time_zone,
        maximum_wait=waiting[0],
        capacity=waiting[1],
        managers=read_managers(entry.managers, (*where, "managers"), report),
        may_be_impersonated=may_be_impersonated,
    )
    boss = Boss(where, settings, office.broken, rollover.target)
    if office.known:
        draft.bosses[entry.extension] = boss
    return boss


def _delegate(
    boss: Boss, agent: str, rights: frozenset[Right], ring_seconds: float | None, where: Where, draft: Draft, report: Report
) -> None:
    """Adds a member or agent; one who is there already gets the new rights, and keeps the place in the ring order."""
    if not draft.check_person(agent, where, report):
        return
    boss.add(where, Delegation(agent, boss.extension, rights, ring_seconds))


# --- duty profiles ------------------------------------------------------------------------------------------------------------


def read_duty_profiles(items: list[Any], draft: Draft, report: Report) -> None:
    """Who is responsible for whom while on duty (B6)."""
    names: set[str] = set()
    codes: dict[str, str] = {}
    for index, item in enumerate(items):
        where = report.entry("duty_profiles", index, item)
        entry, broken = read_section(DutyEntry, item, where, report, _DUTY_STAND_IN)
        if entry is None:
            continue
        if "name" not in broken and entry.name in names:
            report.error((*where, "name"), f"{quoted(entry.name)} is the name of a profile above; write another name")
        if "code" not in broken and entry.code in codes:
            report.error((*where, "code"), f"{entry.code} is already the code of {quoted(codes[entry.code])}; write another code")
        names |= {entry.name} - broken
        codes.setdefault(entry.code, entry.name)
        responsible_for = _read_responsible_for(entry.responsible_for, (*where, "responsible_for"), draft, report)
        agents = _read_duty_agents(entry.agents, (*where, "agents"), responsible_for, draft, report)
        draft.duty_profiles.append((where, DutyProfile(entry.name, entry.code, agents, responsible_for, entry.active)))


def _read_responsible_for(items: list[Any], where: Where, draft: Draft, report: Report) -> frozenset[str]:
    found = _read_extensions(items, where, report)
    for place, extension in found:
        if extension not in draft.bosses:
            guess = report.guesses.closest(extension, "executive", draft.bosses)
            report.error(place, f"{extension} is no executive, service or group{guess}; write the extension of one")
    return frozenset(extension for _, extension in found)


def _read_duty_agents(items: list[Any], where: Where, of: frozenset[str], draft: Draft, report: Report) -> frozenset[str]:
    found = _read_extensions(items, where, report)
    working = {delegation.assistant for boss in of & draft.bosses.keys() for _, delegation in draft.bosses[boss].delegations}
    for place, extension in found:
        if draft.check_person(extension, place, report) and extension not in working:
            text = f"{draft.shown(extension)} works for nobody in `responsible_for`; remove them, or make them an agent there"
            report.warn(place, text)
    return frozenset(extension for _, extension in found)

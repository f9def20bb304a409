"""``executives:`` and their assistants."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import Field

from b2bua.config.callers import CALLERS_HINT
from b2bua.config.draft import Boss, Draft
from b2bua.config.filters import FilteringEntry, read_filtering
from b2bua.config.markers import Holds
from b2bua.config.places import SLOT_HINT, Slot
from b2bua.config.schema import Report, Section, read_section
from b2bua.config.sections import (
    ROLLOVER_HINT,
    AlertingEntry,
    OnBehalfEntry,
    RolloverEntry,
    read_alerting,
    read_on_behalf,
    read_rollover,
)
from b2bua.config.values import (
    EXTENSION_HINT,
    MOMENT_HINT,
    MOST_NAMES,
    RINGS_HINT,
    SECONDS_HINT,
    ZONE_HINT,
    CallerList,
    Extension,
    Moment,
    Number,
    Rings,
    Seconds,
    Zone,
    instant,
    one_of_two,
    seconds,
)
from b2bua.config.yamltree import Where
from b2bua.delegation.callers import ANYBODY
from b2bua.delegation.people import DEFAULT_RECALL_SECONDS, DEFAULT_RIGHTS, Approval, Delegation, Executive, Right

MOST_RIGHTS: Final = 20
"""There are fewer; one that stands there twice counts once."""
RECALL_HINT: Final = "seconds from 1 to 120, for example 20"
STAND_IN: Final = {"extension": "unknown"}
"""For entries whose extension is missing or wrong, so that the rest of them is still looked at."""


class AssistantEntry(Section):
    """One entry of ``assistants:``; a bare extension is short for all defaults."""

    extension: Extension = Field(description=EXTENSION_HINT)
    rights: Annotated[tuple[Right, ...], Field(max_length=MOST_RIGHTS)] | None = Field(
        default=None, description="a list of receive, call, pick_up_held, join, listen, whisper, manage, opt"
    )
    ring_seconds: Seconds | None = Field(default=None, description=SECONDS_HINT)
    rings: Rings | None = Field(default=None, description=RINGS_HINT)
    callers: CallerList | None = Field(default=None, description=CALLERS_HINT)
    respect_hours: bool = Field(default=False, description="true or false")
    begins: Moment | None = Field(default=None, alias="from", description=MOMENT_HINT)
    ends: Moment | None = Field(default=None, alias="until", description=MOMENT_HINT)
    approval: Approval = Field(default="approved", description="approved, pending or declined")


class ExecutiveEntry(Section):
    """One entry of ``executives:``. Its sections are read one by one, so that a wrong one hides nothing."""

    extension: Extension = Field(description=EXTENSION_HINT)
    caller_id: Number | None = Field(default=None, description="one of the executive's own numbers, or null for the main number")
    time_zone: Zone | None = Field(default=None, description=f"{ZONE_HINT}; null for that of the user")
    confidential: CallerList = Field(default=(), description=CALLERS_HINT)
    filtering: Annotated[Any, Holds(FilteringEntry)] = Field(default={}, description="{enabled: true, mode: simple, type: all}")
    alerting: Annotated[Any, Holds(AlertingEntry)] = Field(default={}, description="{mode: ring_all, ring_seconds: 30}")
    rollover: Annotated[Any, Holds(RolloverEntry)] = Field(
        default={}, description=f"{{after_seconds: null, action: ACTION}} with {ROLLOVER_HINT}"
    )
    on_behalf: Annotated[Any, Holds(OnBehalfEntry)] = Field(default={}, description="{outside: executive, inside: self}")
    slot: Slot | None = Field(default=None, description=f"{SLOT_HINT}, or null")
    recall_seconds: Annotated[float, Field(ge=1, le=120)] | None = Field(default=None, description=RECALL_HINT)
    recall_rings: Annotated[float, Field(ge=1, le=20)] | None = Field(
        default=None, description="a number of rings from 1 to 20, for example 3"
    )
    join_tone: bool = Field(default=True, description="true or false")
    assistants: Annotated[list[Any], Field(max_length=MOST_NAMES), Holds(list[Extension | AssistantEntry])] = Field(
        default=[], description="a list of extensions, or {extension: ..., rights: [...]}"
    )


def read_executives(items: list[Any], draft: Draft, report: Report) -> None:
    """Every executive whose extension can be read goes into `draft`."""
    for index, item in enumerate(items):
        where = report.entry("executives", index, item)
        known_boss: Boss | None = draft.memory.recall(where, item, report) if where[1] not in draft.bosses else None
        if known_boss is not None:
            draft.bosses[known_boss.extension] = known_boss
            continue
        mark = draft.memory.mark(report)
        entry, broken = read_section(ExecutiveEntry, item, where, report, STAND_IN)
        if entry is None:
            continue
        known = "extension" not in broken
        taken = known and entry.extension in draft.bosses
        if taken:
            report.error((*where, "extension"), f"{entry.extension} is already an executive above; write each executive once")
        elif known:
            draft.check_person(entry.extension, (*where, "extension"), report)
        boss = _read_executive(entry, where, broken, draft, report)
        if known and not taken and draft.places.get(entry.extension, where)[0] in ("users", "executives"):
            draft.bosses[entry.extension] = boss
            draft.memory.keep(where, item, boss, report, mark, names=True, expires=_expires(boss, draft.now))


def _expires(boss: Boss, now: datetime) -> datetime | None:
    """When the next delegation is over, of which there is a warning then."""
    return min((each.ends for _, each in boss.delegations if each.ends is not None and each.ends > now), default=None)


def _read_executive(entry: ExecutiveEntry, where: Where, broken: frozenset[str], draft: Draft, report: Report) -> Boss:
    user = draft.users.get(entry.extension)
    zone = entry.time_zone or (user.time_zone if user else draft.time_zone)
    groups = draft.caller_groups
    rollover = read_rollover(entry.rollover, (*where, "rollover"), report)
    settings = Executive(
        extension=entry.extension,
        caller_id=entry.caller_id,
        filtering=read_filtering(entry.filtering, (*where, "filtering"), entry.extension, draft, report),
        alerting=read_alerting(entry.alerting, (*where, "alerting"), report),
        rollover=rollover.rollover,
        on_behalf=read_on_behalf(entry.on_behalf, (*where, "on_behalf"), groups, report),
        time_zone=zone,
        confidential=groups.read(entry.confidential, (*where, "confidential"), report) if entry.confidential else None,
        slot=entry.slot,
        recall_seconds=seconds(entry.recall_seconds, entry.recall_rings) or DEFAULT_RECALL_SECONDS,
        join_tone=entry.join_tone,
    )
    if entry.recall_seconds is not None and entry.recall_rings is not None:
        report.error((*where, "recall_rings"), "stands beside recall_seconds; write one of the two")
    boss = Boss(where, settings, broken, rollover_target=rollover.target)
    seen: set[str] = set()
    for index, item in enumerate(entry.assistants):
        place = (*where, "assistants", index)
        delegation = _read_assistant(item, place, settings, draft, report)
        if delegation is None:
            continue
        if delegation.assistant in seen:
            report.error(place, f"{delegation.assistant} is an assistant of this executive already; write each assistant once")
            continue
        seen.add(delegation.assistant)
        draft.check_person(delegation.assistant, place, report)
        boss.delegations.append((place, delegation))
    return boss


def _read_assistant(item: object, where: Where, executive: Executive, draft: Draft, report: Report) -> Delegation | None:
    """None when there is no telling who is meant."""
    data = {"extension": item} if isinstance(item, str) else item
    entry, broken = read_section(AssistantEntry, data, where, report, STAND_IN)
    if entry is None:
        return None
    one_of_two(entry.ring_seconds, entry.rings, where, report)
    callers = ANYBODY if entry.callers is None else draft.caller_groups.read(entry.callers, (*where, "callers"), report)
    if entry.respect_hours and draft.is_sure(entry.extension, "hours") and draft.users[entry.extension].hours is None:
        text = f"{draft.shown(entry.extension)} has no `hours`, so this changes nothing; write them"
        report.warn((*where, "respect_hours"), text)
    begins, ends = _time_box(entry, where, executive, draft, report)
    if "extension" in broken:
        return None
    return Delegation(
        assistant=entry.extension,
        executive=executive.extension,
        rights=DEFAULT_RIGHTS if entry.rights is None else frozenset(entry.rights),
        ring_seconds=seconds(entry.ring_seconds, entry.rings),
        callers=callers or ANYBODY,
        respect_hours=entry.respect_hours,
        begins=begins,
        ends=ends,
        approval=entry.approval,
    )


def _time_box(
    entry: AssistantEntry, where: Where, executive: Executive, draft: Draft, report: Report
) -> tuple[datetime | None, datetime | None]:
    """From when until when the delegation counts (A25)."""
    begins = None if entry.begins is None else instant(entry.begins, executive.time_zone)
    ends = None if entry.ends is None else instant(entry.ends, executive.time_zone, end=True)
    if begins and ends and ends <= begins:
        report.error((*where, "until"), "is not after `from`; write a later date")
    elif ends and ends <= draft.now:
        report.warn((*where, "until"), "is over, so this delegation counts no more; write a later date, or remove it")
    return begins, ends

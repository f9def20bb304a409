"""``filtering:`` which calls go to the assistants (A9-A11, A20)."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import Field

from b2bua.config.callers import CALLERS_HINT
from b2bua.config.draft import Draft
from b2bua.config.markers import Holds
from b2bua.config.schema import Report, Section, quoted, read_part
from b2bua.config.values import MOST_OWN_NUMBERS, NUMBER_HINT, CallerList, Text
from b2bua.config.yamltree import Where
from b2bua.delegation.callers import ANYBODY
from b2bua.delegation.digits import number_key
from b2bua.delegation.people import Criterion, Filtering, FilterMode, FilterType

MOST_CRITERIA: Final = 200


class CriterionEntry(Section):
    """One entry of ``criteria:``; it matches a call when everything that it names does."""

    name: Text = Field(default="", description="what the criterion is called, for the explanation of calls")
    filter: bool = Field(default=True, description="true or false")
    callers: CallerList | None = Field(default=None, alias="from", description=CALLERS_HINT)
    dialled: Annotated[tuple[str, ...], Field(max_length=MOST_OWN_NUMBERS + 1)] | None = Field(
        default=None, description=f"a list of the executive's own numbers: {NUMBER_HINT}"
    )
    during: str | None = Field(default=None, description="the name of one of the `schedules`, or null")
    outside: str | None = Field(default=None, description="the name of one of the `schedules`, or null")
    holidays: str | None = Field(default=None, description="the name of one of the `schedules`, or null")
    active: bool = Field(default=True, description="true or false")


class FilteringEntry(Section):
    """``filtering:`` of an executive."""

    enabled: bool = Field(default=True, description="true or false")
    mode: FilterMode = Field(default="simple", description="simple or criteria")
    type: FilterType = Field(default="all", description="all, internal or external")
    executives_pass: bool = Field(default=False, description="true to let other executives through, or false")
    criteria: Annotated[list[Any], Field(max_length=MOST_CRITERIA), Holds(list[CriterionEntry])] = Field(
        default=[], description="a list such as [{name: Press, from: [press], filter: true}]"
    )


def read_filtering(data: object, where: Where, executive: str, draft: Draft, report: Report) -> Filtering:
    """The filter of the executive with this extension."""
    entry, broken = read_part(FilteringEntry, data, where, report)
    criteria = []
    names: set[str] = set()
    for index, item in enumerate(entry.criteria):
        place = (*where, "criteria", index)
        criterion = _read_criterion(item, index, place, executive, draft, report)
        if criterion.name in names:
            report.warn((*place, "name"), f"{quoted(criterion.name)} is the name of a criterion above, too; write another name")
        names.add(criterion.name)
        if entry.mode == "simple" and "mode" not in broken and criterion.filter and criterion.active:
            report.warn(place, "is not looked at; write `mode: criteria` above, or `filter: false` here")
        criteria.append(criterion)
    if entry.mode == "criteria" and entry.type != "all":
        report.warn((*where, "type"), f"is {entry.type}, which is not looked at with `mode: criteria`; write a criterion")
    return Filtering(entry.enabled, entry.type, entry.executives_pass, entry.mode, tuple(criteria))


def _read_criterion(item: object, index: int, where: Where, executive: str, draft: Draft, report: Report) -> Criterion:
    entry, _ = read_part(CriterionEntry, item, where, report)
    find = draft.schedules.find
    callers = ANYBODY if entry.callers is None else draft.caller_groups.read(entry.callers, (*where, "from"), report)
    return Criterion(
        name=entry.name or f"criterion {index + 1}",
        filter=entry.filter,
        callers=callers or ANYBODY,
        dialled=_read_dialled(entry.dialled, (*where, "dialled"), executive, draft, report),
        during=find(entry.during, (*where, "during"), report),
        outside=find(entry.outside, (*where, "outside"), report),
        holidays=find(entry.holidays, (*where, "holidays"), report),
        active=entry.active,
    )


def _read_dialled(
    written: tuple[str, ...] | None, where: Where, executive: str, draft: Draft, report: Report
) -> frozenset[str]:
    """Keys of the numbers that were called; another's number never reaches this executive's filter."""
    if written is None:
        return frozenset()
    if not written:
        report.error(where, "is empty, so no call matches; write one of the executive's own numbers, or remove the key")
    if draft.is_sure(executive, "numbers") and draft.users[executive].kind == "person":
        own = (executive, *draft.users[executive].numbers)
        keys = {number_key(number) for number in own}
        for index, number in enumerate(written):
            if number_key(number) not in keys:
                text = f"{quoted(number)} is not a number of {draft.shown(executive)}; write one of {', '.join(own)}"
                report.error((*where, index), text)
    return frozenset(map(number_key, written))

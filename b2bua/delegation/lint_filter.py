"""The linter's look at filters: criteria that can never match, and those that never decide anything (A10, A11, A24).

A criterion decides nothing when another one, which is looked at before, matches every call that it matches. To find that other
one quickly, the criteria looked at so far are kept by what they say about callers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from typing import Final

from b2bua.delegation.callers import Callers, Word, user_key
from b2bua.delegation.digits import number_key
from b2bua.delegation.lint_finding import Finding
from b2bua.delegation.office import Office
from b2bua.delegation.people import Criterion, Filtering
from b2bua.delegation.schedule import Hours, Schedule

_WHOLE_DAY: Final = 24 * 60
_EVERYBODY: Final = "any"


def can_filter(office: Office) -> bool:
    """Whether assistants, members or agents can be rung at all; a filter that is off can be switched on by phone."""
    return bool(filtered_callers(office))


def filtered_callers(office: Office) -> tuple[Callers, ...]:
    """Whose calls the filter takes, as far as that depends on the caller."""
    filtering = office.executive.filtering
    if office.executive.kind != "executive":
        return (Callers.of("any"),)
    if filtering.mode == "simple":
        return (_taken(filtering),)
    return tuple(each.callers for each in filtering.criteria if each.filter and each.active)


def _taken(filtering: Filtering) -> Callers:
    return Callers.of("any" if filtering.type == "all" else filtering.type)


# --- who is among whom ----------------------------------------------------------------------------------------------------------


def within(inner: Callers, outer: Callers) -> bool:
    """Whether everybody who is one of `inner` is one of `outer`."""
    if outer.everybody:
        return True
    words = outer.words
    return (
        inner.words <= words
        and all(outer.has(each) or _origin(each) in words for each in inner.numbers)
        and all(each.startswith(outer.prefixes) or "external" in words for each in inner.prefixes)
    )


def _origin(key: str) -> Word:
    """Where the callers with this look-up key call from."""
    return "internal" if key.startswith(user_key("")) else "external"


def covers(other: Criterion, criterion: Criterion, own: frozenset[str]) -> bool:
    """Whether `other` matches every call that `criterion` matches; `own` are the executive's numbers, as keys."""
    return (
        within(criterion.callers, other.callers)
        and (not other.dialled or (criterion.dialled or own) <= other.dialled)
        and (other.during is None or other.during == criterion.during)
        and (
            other.outside is None or other.outside == criterion.outside or _closed_on_holidays(criterion.holidays, other.outside)
        )
        and (other.holidays is None or other.holidays == criterion.holidays)
    )


class Before:
    """The criteria that are looked at before others."""

    def __init__(self, own: frozenset[str]) -> None:
        self._own = own
        self._words: defaultdict[str, list[Criterion]] = defaultdict(list)
        self._numbers: defaultdict[str, list[Criterion]] = defaultdict(list)
        self._prefixes: defaultdict[str, list[Criterion]] = defaultdict(list)
        self._lengths: set[int] = set()
        """Of the prefixes."""

    def add(self, criterion: Criterion) -> None:
        """One more."""
        callers = criterion.callers
        for word in (_EVERYBODY,) if callers.everybody else callers.words:
            self._words[word].append(criterion)
        for number in callers.numbers:
            self._numbers[number].append(criterion)
        for prefix in callers.prefixes:
            self._prefixes[prefix].append(criterion)
            self._lengths.add(len(prefix))

    def covering(self, criterion: Criterion) -> Criterion | None:
        """One that matches every call that `criterion` matches."""
        for known in self._with_one_of(criterion.callers):
            for other in known:
                if covers(other, criterion, self._own):
                    return other
        return None

    def _with_one_of(self, callers: Callers) -> Iterator[Sequence[Criterion]]:
        """Those that match at least some of `callers`: whoever matches all of them is among these."""
        yield self._words.get(_EVERYBODY, ())
        if callers.words:
            yield self._words.get(min(callers.words), ())
            return
        if callers.numbers:
            sample = min(callers.numbers)
            yield self._numbers.get(sample, ())
            yield self._words.get(_origin(sample), ())
        else:
            sample = callers.prefixes[0]
            yield self._words.get("external", ())
        for length in self._lengths:
            if length <= len(sample):
                yield self._prefixes.get(sample[:length], ())


# --- one filter -----------------------------------------------------------------------------------------------------------------


def check_filter(office: Office, executives: frozenset[str], today: date) -> Iterator[Finding]:
    """Everything about the filter of an executive; `executives` are the look-up keys of all of them."""
    executive = office.executive
    own = frozenset(number_key(each) for each in (executive.extension, *office.user.numbers))
    exceptions, taken = Before(own), Before(own)
    assistants = frozenset(map(user_key, office.assistants))
    passing = assistants | executives if executive.filtering.executives_pass else assistants
    found: list[tuple[int, str]] = []
    for criteria in (_looked_at(executive.filtering, exceptions=True), _looked_at(executive.filtering, exceptions=False)):
        for place, criterion in criteria:
            confidential = executive.confidential is not None and within(criterion.callers, executive.confidential)
            text = (
                never_matches(criterion, own, today)
                or (_CONFIDENTIAL if confidential else "")
                or (criterion.filter and _gets_past(criterion, passing))
                or _decided_before(criterion, exceptions, taken)
            )
            if text:
                found.append((place, text))
            else:
                (taken if criterion.filter else exceptions).add(criterion)
    for place, text in sorted(found):
        yield Finding("warning", "executives", executive.extension, ("filtering", "criteria", place), text)
    yield from _as_a_whole(office, exceptions)


_CONFIDENTIAL: Final = (
    "never decides: its callers are confidential contacts, who ring the executive only; remove it, or the contacts"
)


def _looked_at(filtering: Filtering, *, exceptions: bool) -> Iterable[tuple[int, Criterion]]:
    """The criteria that calls are compared with, each with its index."""
    if not exceptions and filtering.mode == "simple":
        return ()
    return [(place, each) for place, each in enumerate(filtering.criteria) if each.active and each.filter != exceptions]


def _gets_past(criterion: Criterion, passing: frozenset[str]) -> str:
    """`passing`: the look-up keys of those who get past the filter whatever the criteria say (A20)."""
    callers = criterion.callers
    if callers.words or callers.prefixes or not callers.numbers <= passing:
        return ""
    return "never matches: its callers are the executive's own assistants, or others who get past the filter; write other callers"


def _decided_before(criterion: Criterion, exceptions: Before, taken: Before) -> str:
    exception = exceptions.covering(criterion)
    if exception is not None and criterion.filter:
        text = (
            f"never filters: the exception '{exception.name}' (`filter: false`) wins, and matches every call that this one does"
        )
        return f"{text}; remove one of the two, or narrow the exception"
    other = taken.covering(criterion) if criterion.filter else exception
    if other is None:
        return ""
    if criterion == replace(other, name=criterion.name):
        return f"says the same as '{other.name}' above; remove one of the two"
    return f"never decides: '{other.name}' above matches every call that this one does; remove this one, or narrow the other"


def _as_a_whole(office: Office, exceptions: Before) -> Iterator[Finding]:
    """Whether the filter ever takes a call."""
    executive, filtering = office.executive, office.executive.filtering
    text = ""
    if filtering.mode == "criteria":
        if not can_filter(office):
            text = "has no criterion that filters, so every call rings the executive; write one, or `mode: simple`"
            yield Finding("warning", "executives", executive.extension, ("filtering", "criteria"), text)
        return
    taken = Criterion("", callers=_taken(filtering))
    if executive.confidential is not None and within(taken.callers, executive.confidential):
        text = "takes no call: all its callers are confidential contacts, who ring the executive only; write fewer contacts"
    elif exception := exceptions.covering(taken):
        text = f"takes no call: the exception '{exception.name}' (`filter: false`) matches all of them; narrow it"
    if text:
        yield Finding("warning", "executives", executive.extension, ("filtering",), text)


# --- criteria that never match --------------------------------------------------------------------------------------------------


def never_matches(criterion: Criterion, own: frozenset[str], today: date) -> str:
    """Why no call from `today` on matches, and what to write instead; "" when one can."""
    callers, during, outside, holidays = criterion.callers, criterion.during, criterion.outside, criterion.holidays
    if not (callers.words or callers.numbers or callers.prefixes):
        return "never matches: there is nobody in `from`; write callers, or remove the key"
    if criterion.dialled and criterion.dialled.isdisjoint(own):
        return "never matches: no number in `dialled` is the executive's; write one of the executive's own numbers"
    if during is not None and not _has_hours(during, today):
        return f"never matches: the schedule {during.name} has no hours; write hours, or another schedule in `during`"
    if outside is not None and _always_open(outside, today):
        return f"never matches: the schedule {outside.name} is always open; write fewer hours, or another schedule in `outside`"
    if holidays is not None and not _has_holidays(holidays, today):
        return f"never matches: the schedule {holidays.name} has no holidays from today on; write holidays, or remove the key"
    if during is not None and during == outside:
        return f"never matches: `during` and `outside` are both {during.name}; remove one of the two"
    if during is not None and _closed_on_holidays(holidays, during):
        return f"never matches: {during.name} is closed on its own holidays; remove `during` or `holidays`"
    return ""


def _has_hours(schedule: Schedule, today: date) -> bool:
    return any(schedule.week) or any(hours and day >= today for day, hours in schedule.exceptions)


def _has_holidays(schedule: Schedule, today: date) -> bool:
    return any(holiday.yearly or holiday.last >= today for holiday in schedule.holidays)


def _always_open(schedule: Schedule, today: date) -> bool:
    days = (*schedule.week, *(hours for day, hours in schedule.exceptions if day >= today))
    return all(map(_whole_day, days)) and not _has_holidays(schedule, today)


def _whole_day(hours: tuple[Hours, ...]) -> bool:
    until = 0
    for start, end in sorted(hours):
        if start <= until:
            until = max(until, end if end > start else _WHOLE_DAY)
    return until >= _WHOLE_DAY


def _closed_on_holidays(holidays: Schedule | None, schedule: Schedule) -> bool:
    """Whether these are the holidays of this schedule, and no evening before lasts into them."""
    if holidays is None or holidays != schedule:
        return False
    return not any(end <= start for day in (*schedule.week, *(hours for _, hours in schedule.exceptions)) for start, end in day)

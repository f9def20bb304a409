"""Weekly hours, holidays and exceptions (A10, A18), right over midnight and over both clock changes.

A schedule says what the clock on the wall shows, so it is asked with a local time: an aware datetime that its caller has converted
into the time zone of whoever uses the schedule. When the clock is put back, an hour that is shown twice is open both times or neither;
when it is put forward, the hour that is never shown is not there to be open.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import accumulate
from typing import Final, NamedTuple

Span = tuple[datetime, datetime]
"""From an instant until just before another, both aware."""

DAY: Final = timedelta(days=1)
SECOND: Final = timedelta(seconds=1)
OFFSET_STEP: Final = timedelta(hours=6)
"""How often the offset from UTC is looked at; no zone changes its clock twice within so short a time."""
EVERY_DAY: Final = tuple((month, day) for month in range(1, 13) for day in range(1, 32))
"""Month and day; those that no calendar has match no date."""


class Hours(NamedTuple):
    """A period of the day, in minutes after midnight: `start` 0-1439, `end` 1-1440; an `end` not after `start` is on the next day."""

    start: int
    end: int


class Holiday(NamedTuple):
    """Days off, both included; `yearly`: every year on these days, whatever the year in them."""

    first: date
    last: date
    yearly: bool = False
    name: str = ""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Named opening hours."""

    name: str
    week: tuple[tuple[Hours, ...], ...]
    """Seven days, Monday first."""
    holidays: tuple[Holiday, ...] = ()
    exceptions: tuple[tuple[date, tuple[Hours, ...]], ...] = ()
    """Days with hours of their own, which win over the week and over holidays; none: closed."""

    _own: dict[date, tuple[Hours, ...]] = field(init=False, repr=False, compare=False)
    """The exceptions by day."""
    _firsts: tuple[date, ...] = field(init=False, repr=False, compare=False)
    """First days of the holidays that are not yearly, in order."""
    _lasts: tuple[date, ...] = field(init=False, repr=False, compare=False)
    """The latest last day of the holidays up to this one of `_firsts`."""
    _yearly: frozenset[tuple[int, int]] = field(init=False, repr=False, compare=False)
    """Month and day of the yearly holidays."""
    _latest: int = field(init=False, repr=False, compare=False)
    """Until which minute of the next day a period can last; 0: none goes over midnight."""

    def __post_init__(self) -> None:
        # Calls ask: what can be worked out beforehand is, so that an answer takes a few look-ups however long the lists are.
        once = sorted((holiday.first, holiday.last) for holiday in self.holidays if not holiday.yearly)
        days = (*self.week, *(hours for _, hours in self.exceptions))
        put = object.__setattr__
        put(self, "_own", dict(self.exceptions))
        put(self, "_firsts", tuple(first for first, _ in once))
        put(self, "_lasts", tuple(accumulate((last for _, last in once), max)))
        put(self, "_yearly", frozenset(day for holiday in self.holidays if holiday.yearly for day in yearly_days(holiday)))
        put(self, "_latest", max((end for hours in days for start, end in hours if end <= start), default=0))

    def is_open(self, local: datetime) -> bool:
        """Whether it is open at this local time.

        A period belongs to the day on which it starts: the early hours of a holiday or exception may be the end of the day before.
        """
        day = local.date()
        minute = local.hour * 60 + local.minute
        for start, end in self.hours_on(day):
            if start <= minute and (minute < end or end <= start):
                return True
        if minute < self._latest:
            for start, end in self.hours_on(day - DAY):
                if minute < end <= start:
                    return True
        return False

    def is_holiday(self, local: datetime) -> bool:
        """Whether the day is a holiday and no exception."""
        day = local.date()
        return day not in self._own and self._is_off(day)

    def hours_on(self, day: date) -> tuple[Hours, ...]:
        """The periods that start on this day."""
        if self._own and (own := self._own.get(day)) is not None:
            return own
        return () if self._is_off(day) else self.week[day.weekday()]

    def open_between(self, begin: datetime, end: datetime, zone: tzinfo) -> list[Span]:
        """When it is open from `begin` to `end`, whole seconds in UTC, for a user in `zone`: merged, in the order of time, in UTC."""
        spans: list[Span] = []
        for start, stop, offset in steady(begin, end, zone):
            # While the offset stays, the wall clock runs evenly and its times are those of UTC but for the offset.
            wall = self._wall(start + offset, stop + offset)
            spans += clipped(((opens - offset, closes - offset) for opens, closes in wall), start, stop)
        return merged(spans)

    def _wall(self, begin: datetime, end: datetime) -> Iterator[Span]:
        """The periods between two wall clock times, written as UTC; the first and the last may stand out."""
        day = begin.date() - DAY
        while day <= end.date():
            dawn = datetime.combine(day, time.min, UTC)
            for start, stop in self.hours_on(day):
                yield dawn + timedelta(minutes=start), dawn + timedelta(minutes=stop, days=stop <= start)
            day += DAY

    def _is_off(self, day: date) -> bool:
        """Whether a holiday has this day."""
        if self._yearly and (day.month, day.day) in self._yearly:
            return True
        place = bisect_right(self._firsts, day)
        return place > 0 and day <= self._lasts[place - 1]


def yearly_days(holiday: Holiday) -> Iterator[tuple[int, int]]:
    """Month and day of each day of a yearly holiday, which may go over New Year."""
    first, last = ((day.month, day.day) for day in (holiday.first, holiday.last))
    for day in EVERY_DAY:
        if first <= day <= last or (last < first and not last < day < first):
            yield day


def midnight(day: date, zone: tzinfo) -> datetime:
    """The instant in UTC at which this day begins in `zone`: the first of two midnights; the clock change when there is none."""
    return datetime.combine(day, time.min, zone).astimezone(UTC)


def steady(begin: datetime, end: datetime, zone: tzinfo) -> Iterator[tuple[datetime, datetime, timedelta]]:
    """The time from `begin` to `end` (UTC) cut at the clock changes of `zone`, each part with its offset from UTC."""
    start = at = begin
    while at < end:
        following = min(at + OFFSET_STEP, end)
        if offset_at(following, zone) != offset_at(at, zone):
            following = clock_change(at, following, zone)
            yield start, following, offset_at(start, zone)
            start = following
        at = following
    if start < end:
        yield start, end, offset_at(start, zone)


def clock_change(begin: datetime, end: datetime, zone: tzinfo) -> datetime:
    """The instant between these two, whole seconds in UTC, from which the offset from UTC is no longer that of `begin`."""
    old = offset_at(begin, zone)
    seconds = range((end - begin) // SECOND)
    return begin + SECOND * bisect_left(seconds, True, key=lambda n: offset_at(begin + n * SECOND, zone) != old)


def offset_at(at: datetime, zone: tzinfo) -> timedelta:
    """How far the wall clock in `zone` is ahead of UTC."""
    return at.astimezone(zone).utcoffset() or timedelta()


def clipped(spans: Iterable[Span], begin: datetime, end: datetime) -> Iterator[Span]:
    """What of the spans lies between `begin` and `end`."""
    for start, stop in spans:
        if start < end and begin < stop:
            yield max(start, begin), min(stop, end)


def merged(spans: Iterable[Span]) -> list[Span]:
    """The spans, which are in UTC, in order and without overlap; those that touch become one."""
    whole: list[Span] = []
    for start, end in sorted(spans):
        if whole and start <= whole[-1][1]:
            whole[-1] = (whole[-1][0], max(end, whole[-1][1]))
        else:
            whole.append((start, end))
    return whole

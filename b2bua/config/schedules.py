"""``schedules:`` weekly hours, holidays and exceptions (A10), as text that people write."""

from __future__ import annotations

import itertools
import re
from datetime import date
from typing import Annotated, Any, Final

from pydantic import Field

from b2bua.config.markers import Holds
from b2bua.config.schema import Report, Section, closest, quoted, read_part, read_section
from b2bua.config.values import MOST_NAMES, Text, parse_date, parsed
from b2bua.config.yamltree import Where
from b2bua.delegation.schedule import Holiday, Hours, Schedule

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MIDNIGHT: Final = 24 * 60
_TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])|(24):(00)")
_YEARLY = re.compile(r"([0-9]{2})-([0-9]{2})")
_ANY_YEAR: Final = 2000
"""Stands in for the year of a holiday that comes every year; it has a 29 February."""

HOURS_HINT: Final = 'hours such as "08:00-12:00, 13:00-17:00", or closed'
HOLIDAY_HINT: Final = '"2026-12-25", "2026-12-28..2026-12-31", or "12-25" for every year'


class HolidayEntry(Section):
    """A holiday with a name."""

    date: str = Field(description=HOLIDAY_HINT)
    name: Text = Field(default="", description="the name of the holiday")


HoursOfDays = Annotated[dict[str, Any], Field(max_length=MOST_NAMES), Holds(dict[str, str])]


class ScheduleEntry(Section):
    """One entry of ``schedules:``."""

    hours: HoursOfDays = Field(default={}, description='days with hours, for example {mon-fri: "08:00-17:00"}')
    holidays: Annotated[list[Any], Field(max_length=MOST_NAMES), Holds(list[str | HolidayEntry])] = Field(default=[], description=f"a list of days: {HOLIDAY_HINT}")
    exceptions: HoursOfDays = Field(default={}, description='dates with hours, for example {"2026-12-24": "08:00-12:00"}')


class Schedules:
    """The schedules by name, and the look-up for those who use one."""

    def __init__(self) -> None:
        self._by_name: dict[str, Schedule] = {}
        self._unsure = False

    def define(self, entries: dict[str, Any], report: Report, *, unsure: bool = False) -> None:
        """Reads them. `unsure`: the list could not be read, so nothing is said about names that are not in it."""
        self._unsure = unsure
        for name, entry in entries.items():
            self._by_name[name] = _read_schedule(name, entry, ("schedules", name), report)

    def same(self, other: Schedules) -> bool:
        """Whether both say the same of every name."""
        return self._by_name == other._by_name

    def find(self, name: str | None, where: Where, report: Report) -> Schedule | None:
        """The schedule that the key at `where` names; None when it names none, or one that is not there."""
        if name is None:
            return None
        found = self._by_name.get(name)
        if found is None and not self._unsure:
            guess = closest(name, list(self._by_name))
            report.error(where, f"{quoted(name)} is no schedule{guess}; write the name of one under `schedules`")
        return found


def _read_schedule(name: str, data: object, where: Where, report: Report) -> Schedule:
    """What is wrong is left out of it, and reported."""
    if not (name and name.isprintable() and len(name) <= 128):
        report.error(where, "is no name; write a printable name of at most 128 characters")
    entry, _ = read_part(ScheduleEntry, data, where, report)
    holidays: list[Holiday] = []
    for index, item in enumerate(entry.holidays):
        holidays += _read_holiday(item, (*where, "holidays", index), report)
    exceptions: list[tuple[date, tuple[Hours, ...]]] = []
    for written, value in entry.exceptions.items():
        place = (*where, "exceptions", written)
        day = parsed(_parse_exception, written, place, report)
        periods = parsed(parse_hours, value, place, report)
        if day is not None and periods is not None:
            exceptions.append((day, periods))
    return Schedule(name, _read_week(entry.hours, (*where, "hours"), report), tuple(holidays), tuple(exceptions))


def _parse_exception(written: object) -> date:
    return parse_date(str(written))


# --- hours --------------------------------------------------------------------------------------------------------------------


def _read_week(hours: dict[str, Any], where: Where, report: Report) -> tuple[tuple[Hours, ...], ...]:
    week: dict[int, tuple[Hours, ...]] = {}
    written: dict[int, str] = {}
    for key, value in hours.items():
        days = parsed(_parse_days, key, (*where, key), report) or ()
        periods = parsed(parse_hours, value, (*where, key), report) or ()
        for day in days:
            if day in written:
                report.error((*where, key), f"{DAYS[day]} stands under {quoted(written[day])} already; write each day once")
            else:
                week[day], written[day] = periods, key
    return tuple(week.get(day, ()) for day in range(7))


def _parse_days(key: object) -> tuple[int, ...]:
    """``mon-fri``, ``sat-mon``, ``mon, wed`` as 0 (Monday) to 6."""
    found: list[int] = []
    for part in str(key).split(","):
        first, _, last = part.partition("-")
        start, end = _parse_day(first), _parse_day(last if "-" in part else first)
        found += [day % 7 for day in range(start, (end if end >= start else end + 7) + 1)]
    return tuple(dict.fromkeys(found))


def _parse_day(text: str) -> int:
    word = text.strip().lower()
    if word not in DAYS:
        raise ValueError(f"{quoted(text.strip())} is no day{closest(word, list(DAYS))}; write days such as mon-fri, or mon, wed")
    return DAYS.index(word)


def parse_hours(value: object) -> tuple[Hours, ...]:
    """``08:00-12:00, 22:00-06:00`` in order; ``closed`` is no hours at all. Raises ValueError."""
    if value == "closed":
        return ()
    periods = sorted(map(_parse_period, value.split(",") if isinstance(value, str) else [value]))
    for earlier, later in itertools.pairwise(periods):
        if later.start < (earlier.end if earlier.end > earlier.start else earlier.end + _MIDNIGHT):
            raise ValueError(f"{_clock(earlier)} and {_clock(later)} overlap; write them as one")
    return tuple(periods)


def _parse_period(value: object) -> Hours:
    text = value.strip() if isinstance(value, str) else ""
    first, _, last = text.partition("-")
    begins, ends = _TIME.fullmatch(first.strip()), _TIME.fullmatch(last.strip())
    if not begins or not ends or begins[3]:
        raise ValueError(f"is {quoted(text or value)}; write {HOURS_HINT}")
    start, end = _minutes(begins), _minutes(ends)
    if start == end:
        raise ValueError(f'begins and ends at {first.strip()}; write "00:00-24:00" for a whole day')
    return Hours(start, end or _MIDNIGHT)


def _minutes(match: re.Match[str]) -> int:
    return _MIDNIGHT if match[3] else int(match[1]) * 60 + int(match[2])


def _clock(hours: Hours) -> str:
    return "-".join(f"{minutes // 60:02}:{minutes % 60:02}" for minutes in hours)


# --- holidays -----------------------------------------------------------------------------------------------------------------


def _read_holiday(item: object, where: Where, report: Report) -> tuple[Holiday, ...]:
    if not isinstance(item, dict):
        return parsed(_parse_holiday, item, where, report) or ()
    entry, _ = read_section(HolidayEntry, item, where, report)
    found = parsed(_parse_holiday, entry.date, (*where, "date"), report) if entry else None
    return tuple(each._replace(name=entry.name) for each in found) if entry and found else ()


def _parse_holiday(value: object) -> tuple[Holiday, ...]:
    """One day or a range; a range of every year that goes over New Year is two."""
    begins, dots, ends = (part.strip() for part in (value if isinstance(value, str) else "").partition(".."))
    first, yearly = _parse_day_off(begins)
    last, also_yearly = _parse_day_off(ends if dots else begins)
    if yearly != also_yearly:
        raise ValueError(f"is {quoted(value)}; write both days with the year, or both without")
    if last >= first:
        return (Holiday(first, last, yearly),)
    if not yearly:
        raise ValueError(f"is {quoted(value)}, which ends before it begins; write the earlier day first")
    return (Holiday(first, date(_ANY_YEAR, 12, 31), yearly=True), Holiday(date(_ANY_YEAR, 1, 1), last, yearly=True))


def _parse_day_off(text: str) -> tuple[date, bool]:
    """The day, and whether it comes every year."""
    yearly = _YEARLY.fullmatch(text)
    if not yearly and text.count("-") != 2:
        raise ValueError(f"is {quoted(text or None)}; write {HOLIDAY_HINT}")
    if not yearly:
        return parse_date(text), False
    try:
        return date(_ANY_YEAR, int(yearly[1]), int(yearly[2])), True
    except ValueError:
        raise ValueError(f"is {quoted(text)}, a day that is in no calendar; write month and day, for example 12-25") from None

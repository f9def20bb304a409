"""Opening hours as the wall clock shows them: over midnight, on holidays and exceptions, and on both clock changes."""

import pickle
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from b2bua.delegation.schedule import DAY, Holiday, Hours, Schedule, Span, midnight

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
ZONES = tuple(
    map(ZoneInfo, ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "America/Havana", "Pacific/Apia"))
)

MINUTE = timedelta(minutes=1)
LEAP_YEAR = [date(2024, 1, 1) + timedelta(days=n) for n in range(366)]


def hours(text: str) -> tuple[Hours, ...]:
    """``08:00-12:00, 22:00-06:00`` as periods."""

    def minutes(clock: str) -> int:
        hour, minute = clock.split(":")
        return int(hour) * 60 + int(minute)

    return tuple(Hours(*map(minutes, period.split("-"))) for period in text.split(", ") if period)


def weekly(mon_fri: str, sat: str = "", sun: str = "") -> tuple[tuple[Hours, ...], ...]:
    return (*(hours(mon_fri),) * 5, hours(sat), hours(sun))


def at(text: str, zone: ZoneInfo = BERLIN) -> datetime:
    """``2026-11-23 08:00`` on the wall in `zone`; with an offset from UTC that instant, in `zone`. ``24:00`` ends the day."""
    moment = datetime.fromisoformat(text.replace(" 24:00", " 00:00")) + timedelta(days=" 24:00" in text)
    return moment.replace(tzinfo=zone) if moment.tzinfo is None else moment.astimezone(zone)


def in_utc(spans: list[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """Comparable spans: two times in one zone compare by what the wall clock shows."""
    return [(start.astimezone(UTC), end.astimezone(UTC)) for start, end in spans]


def spans(zone: ZoneInfo, *texts: str) -> list[tuple[datetime, datetime]]:
    """Spans in UTC from ``2026-11-23 08:00/2026-11-23 12:00``, as `at` reads them."""
    return in_utc([(at(start, zone), at(end, zone)) for start, end in (text.split("/") for text in texts)])


OFFICE = Schedule(
    "office",
    weekly("08:00-12:00, 13:00-17:00", sat="09:00-24:00"),
    holidays=(
        Holiday(date(2026, 11, 25), date(2026, 11, 25)),
        Holiday(date(2026, 12, 1), date(2026, 12, 31), name="Works holidays"),
        Holiday(date(2026, 12, 3), date(2026, 12, 4), name="within the others"),
        Holiday(date(2020, 10, 3), date(2020, 10, 3), yearly=True),
    ),
    exceptions=((date(2026, 12, 24), hours("10:00-11:00")), (date(2026, 11, 27), ())),
)
"""23 November 2026 is a Monday."""


def open_periods(schedule: Schedule, first: date, days: int, zone: tzinfo) -> list[Span]:
    """When it is open on so many days from `first`, in that zone."""
    spans = schedule.open_between(midnight(first, zone), midnight(first + days * DAY, zone), zone)
    return [(start.astimezone(zone), end.astimezone(zone)) for start, end in spans]


@pytest.mark.parametrize(
    ("when", "is_open"),
    [
        ("2026-11-23 07:59:59.999999", False),
        ("2026-11-23 08:00", True),
        ("2026-11-23 11:59:59.999999", True),
        ("2026-11-23 12:00", False),
        ("2026-11-23 13:00", True),
        ("2026-11-23 17:00", False),
        ("2026-11-28 23:59:59.999999", True),  # until 24:00
        ("2026-11-29 00:00", False),
        ("2026-11-29 10:00", False),  # a Sunday
        ("2026-11-25 10:00", False),  # holiday
        ("2026-11-26 10:00", True),
        ("2026-11-27 10:00", False),  # an exception, closed
        ("2026-11-30 10:00", True),
        ("2026-12-01 10:00", False),  # the first of several holidays
        ("2026-12-07 10:00", False),  # after those within
        ("2026-12-31 10:00", False),  # the last
        ("2027-01-01 10:00", True),
        ("2026-12-24 10:30", True),  # an exception wins over a holiday
        ("2026-12-24 08:30", False),  # and over the week
        ("2019-10-03 10:00", False),  # yearly, before the year it was written with
        ("2030-10-03 10:00", False),
        ("2030-10-04 10:00", True),
    ],
)
def test_weekly_hours_holidays_and_exceptions(when: str, is_open: bool) -> None:
    assert OFFICE.is_open(at(when)) is is_open


@pytest.mark.parametrize(
    ("when", "is_holiday"),
    [
        ("2026-11-24 23:59", False),
        ("2026-11-25 00:00", True),
        ("2026-11-25 23:59", True),
        ("2026-11-26 00:00", False),
        ("2026-12-24 08:30", False),  # an exception is no holiday, open
        ("2026-12-24 10:30", False),
        ("2026-11-27 10:00", False),  # or closed
        ("2026-12-25 10:00", True),
        ("2031-10-03 03:00", True),
    ],
)
def test_a_holiday_is_the_whole_day_unless_it_is_an_exception(when: str, is_holiday: bool) -> None:
    assert OFFICE.is_holiday(at(when)) is is_holiday


NIGHT = Schedule(
    "night",
    (*[()] * 4, hours("22:00-06:00"), (), hours("12:00-12:00")),
    holidays=(Holiday(date(2026, 11, 28), date(2026, 11, 28)), Holiday(date(2026, 12, 4), date(2026, 12, 4))),
    exceptions=(
        (date(2026, 12, 12), ()),
        (date(2026, 12, 16), hours("23:00-01:00")),
        (date(2026, 12, 18), hours("23:00-02:00")),
    ),
)
"""Fridays over midnight; Sundays from noon to noon."""


@pytest.mark.parametrize(
    ("when", "is_open"),
    [
        ("2026-11-20 05:00", False),  # nothing started on Thursday
        ("2026-11-20 21:59", False),
        ("2026-11-20 22:00", True),
        ("2026-11-21 05:59", True),
        ("2026-11-21 06:00", False),
        ("2026-11-21 22:30", False),
        ("2026-11-22 11:59", False),
        ("2026-11-22 12:00", True),  # 24 hours
        ("2026-11-23 11:59", True),
        ("2026-11-23 12:00", False),
        ("2026-11-28 05:00", True),  # a holiday's early hours are Friday's
        ("2026-12-04 23:00", False),  # a holiday closes what starts on it
        ("2026-12-05 05:00", False),  # to the end
        ("2026-12-12 05:00", True),  # an exception's early hours are Friday's too
        ("2026-12-16 23:30", True),  # an exception on a day that is else closed
        ("2026-12-17 00:59", True),
        ("2026-12-17 01:00", False),
        ("2026-12-18 22:30", False),  # an exception instead of Friday's hours
        ("2026-12-19 01:59", True),
        ("2026-12-19 02:00", False),
    ],
)
def test_a_period_over_midnight_belongs_to_the_day_on_which_it_starts(when: str, is_open: bool) -> None:
    assert NIGHT.is_open(at(when)) is is_open


@pytest.mark.parametrize(
    ("first", "last", "off", "on"),
    [
        ("2026-12-28", "2027-01-03", ["2029-12-28", "2029-12-31", "2030-01-01", "2030-01-03"], ["2029-12-27", "2030-01-04"]),
        ("2026-12-28", "2026-01-03", ["2026-12-28", "2026-01-03"], ["2026-12-27", "2026-01-04", "2026-06-01"]),
        ("2026-01-01", "2026-01-01", ["2000-01-01", "2099-01-01"], ["2026-01-02", "2026-12-31"]),
        ("2024-02-29", "2024-02-29", ["2028-02-29"], ["2027-02-28", "2027-03-01", "2028-02-28", "2028-03-01"]),
        ("2026-02-28", "2026-03-01", ["2028-02-29", "2027-02-28", "2027-03-01"], ["2027-02-27", "2028-03-02"]),
        ("2026-01-01", "2026-12-31", ["2026-01-01", "2028-02-29", "2030-12-31"], []),
    ],
)
def test_yearly_holidays_over_new_year_and_on_leap_days(first: str, last: str, off: list[str], on: list[str]) -> None:
    yearly = Holiday(date.fromisoformat(first), date.fromisoformat(last), yearly=True)
    schedule = Schedule("always", weekly(*["00:00-24:00"] * 3), (yearly,))
    assert [day for day in off + on if schedule.is_holiday(at(day))] == off
    assert [day for day in off + on if schedule.is_open(at(day))] == on


EVERY_NIGHT = Schedule("nights", weekly(*["01:00-02:30, 22:00-00:30"] * 3))


@pytest.mark.parametrize(
    ("zone", "instant", "is_open"),
    [
        # Forward: 01:59 is followed by 03:00.
        (BERLIN, "2026-03-29 01:59+01:00", True),
        (BERLIN, "2026-03-29 03:00+02:00", False),
        (NEW_YORK, "2026-03-08 01:59-05:00", True),
        (NEW_YORK, "2026-03-08 03:00-04:00", False),
        # Back: 02:59 is followed by 02:00 in Berlin, 01:59 by 01:00 in New York.
        (BERLIN, "2026-10-25 02:29+02:00", True),
        (BERLIN, "2026-10-25 02:30+02:00", False),
        (BERLIN, "2026-10-25 02:29+01:00", True),
        (BERLIN, "2026-10-25 02:30+01:00", False),
        (NEW_YORK, "2026-11-01 00:59-04:00", False),
        (NEW_YORK, "2026-11-01 01:00-04:00", True),
        (NEW_YORK, "2026-11-01 01:00-05:00", True),
        (NEW_YORK, "2026-11-01 02:29-05:00", True),
        (NEW_YORK, "2026-11-01 02:30-05:00", False),
    ],
)
def test_the_wall_clock_counts_on_the_days_it_is_changed(zone: ZoneInfo, instant: str, is_open: bool) -> None:
    assert EVERY_NIGHT.is_open(at(instant, zone)) is is_open


@pytest.mark.parametrize("fold", [0, 1])
def test_a_time_that_the_wall_clock_never_shows_is_taken_as_written(fold: int) -> None:
    assert EVERY_NIGHT.is_open(at("2026-03-29 02:29").replace(fold=fold))
    assert not EVERY_NIGHT.is_open(at("2026-03-29 02:30").replace(fold=fold))


@pytest.mark.parametrize(
    ("zone", "day", "expected"),
    [
        (BERLIN, "2026-03-28", ["00:00+01:00/00:30+01:00", "01:00+01:00/02:30+01:00", "22:00+01:00/24:00+01:00"]),
        (BERLIN, "2026-03-29", ["00:00+01:00/00:30+01:00", "01:00+01:00/02:00+01:00", "22:00+02:00/24:00+02:00"]),
        (
            BERLIN,
            "2026-10-25",
            ["00:00+02:00/00:30+02:00", "01:00+02:00/02:30+02:00", "02:00+01:00/02:30+01:00", "22:00+01:00/24:00+01:00"],
        ),
        (NEW_YORK, "2026-03-08", ["00:00-05:00/00:30-05:00", "01:00-05:00/02:00-05:00", "22:00-04:00/24:00-04:00"]),
        # The second 01:00-02:30 begins as the first is at 02:00: one span.
        (NEW_YORK, "2026-11-01", ["00:00-04:00/00:30-04:00", "01:00-04:00/02:30-05:00", "22:00-05:00/24:00-05:00"]),
        (LORD_HOWE, "2026-04-05", ["00:00+11:00/00:30+11:00", "01:00+11:00/02:30+10:30", "22:00+10:30/24:00+10:30"]),
        (LORD_HOWE, "2026-10-04", ["00:00+10:30/00:30+10:30", "01:00+10:30/02:00+10:30", "22:00+11:00/24:00+11:00"]),
    ],
)
def test_open_periods_of_a_day_on_which_the_clock_is_changed(zone: ZoneInfo, day: str, expected: list[str]) -> None:
    found = open_periods(EVERY_NIGHT, date.fromisoformat(day), 1, zone)
    assert in_utc(found) == spans(zone, *("/".join(f"{day} {clock}" for clock in span.split("/")) for span in expected))
    assert {each.tzinfo for span in found for each in span} == {zone}


def test_open_periods_that_touch_or_overlap_are_one() -> None:
    always = Schedule("always", weekly(*["00:00-24:00"] * 3))
    assert in_utc(open_periods(always, date(2026, 10, 20), 7, BERLIN)) == spans(BERLIN, "2026-10-20/2026-10-27")
    double = Schedule("double", weekly("13:00-17:00, 08:00-12:00, 11:00-13:00, 22:00-09:00"))
    assert in_utc(open_periods(double, date(2026, 11, 23), 2, BERLIN)) == spans(
        BERLIN, "2026-11-23 08:00/2026-11-23 17:00", "2026-11-23 22:00/2026-11-24 17:00", "2026-11-24 22:00/2026-11-25"
    )


def test_open_periods_begin_with_what_is_left_of_the_day_before() -> None:
    assert in_utc(open_periods(NIGHT, date(2026, 11, 21), 2, BERLIN)) == spans(
        BERLIN, "2026-11-21 00:00/2026-11-21 06:00", "2026-11-22 12:00/2026-11-23 00:00"
    )
    assert open_periods(NIGHT, date(2026, 11, 21), 0, BERLIN) == []


def test_days_begin_at_the_first_midnight_or_at_the_change_that_leaves_it_out() -> None:
    havana = ZoneInfo("America/Havana")
    assert midnight(date(2026, 3, 8), havana) == at("2026-03-08 01:00-04:00")  # 23:59 is followed by 01:00
    assert midnight(date(2026, 11, 1), havana) == at("2026-11-01 00:00-04:00")  # and by 00:00 twice
    assert midnight(date(2011, 12, 30), ZoneInfo("Pacific/Apia")) == at("2011-12-31 00:00+14:00")  # a day left out


def test_a_schedule_can_be_compared_hashed_and_copied() -> None:
    assert pickle.loads(pickle.dumps(OFFICE)) == OFFICE
    assert len({OFFICE, Schedule(OFFICE.name, OFFICE.week, OFFICE.holidays, OFFICE.exceptions), NIGHT}) == 2
    assert "_" not in repr(OFFICE)


# The same rules written the slow way.


def is_off_by_hand(holidays: tuple[Holiday, ...], day: date) -> bool:
    """Walks every holiday day by day, a yearly one through the days of a leap year and round again."""
    for first, last, yearly, _ in holidays:
        if yearly:
            start, end = (LEAP_YEAR.index(each.replace(year=2024)) for each in (first, last))
            walk = {LEAP_YEAR[(start + n) % 366].strftime("%m-%d") for n in range((end - start) % 366 + 1)}
            if day.strftime("%m-%d") in walk:
                return True
        elif day in {first + timedelta(days=n) for n in range((last - first).days + 1)}:
            return True
    return False


def open_by_hand(schedule: Schedule, local: datetime) -> bool:
    """How long ago on the wall each period of today and yesterday started, against its length."""
    for age in (0, 1):
        dawn = datetime(local.year, local.month, local.day, tzinfo=UTC) - timedelta(days=age)
        own = [hours for day, hours in schedule.exceptions if day == dawn.date()]
        week = () if is_off_by_hand(schedule.holidays, dawn.date()) else schedule.week[dawn.isoweekday() - 1]
        for start, end in own[0] if own else week:
            since = local.replace(tzinfo=UTC) - dawn - start * MINUTE
            if timedelta() <= since < ((end - start) % 1440 or 1440) * MINUTE:
                return True
    return False


PERIODS = st.lists(st.builds(Hours, st.integers(0, 1439), st.integers(1, 1440)), max_size=3).map(tuple)
DAYS = st.dates(date(2026, 1, 1), date(2028, 12, 31))


def holiday(day: date, length: int, yearly: bool) -> Holiday:
    return Holiday(day, day + timedelta(days=length), yearly)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Schedule, datetime]:
    """A schedule, and an instant near something that it says or near a clock change."""
    week = draw(st.tuples(*[PERIODS] * 7))
    holidays = draw(st.lists(st.builds(holiday, DAYS, st.integers(0, 40), st.booleans()), max_size=4).map(tuple))
    exceptions = draw(st.dictionaries(DAYS, PERIODS, max_size=4).map(lambda own: tuple(own.items())))
    schedule = Schedule("any", week, holidays, exceptions)
    zone = draw(st.sampled_from(ZONES))
    marked = [day for each in holidays for day in each[:2]] + [day for day, _ in exceptions]
    changes = [date(2026, 3, 8), date(2026, 3, 29), date(2026, 4, 5), date(2026, 10, 4), date(2026, 10, 25), date(2026, 11, 1)]
    day = draw(st.sampled_from(marked + changes)) + timedelta(days=draw(st.integers(-2, 2)))
    edges = [minute for each in (*week, *(own for _, own in exceptions)) for hours in each for minute in hours]
    minute = draw(st.one_of(st.integers(0, 1439), st.sampled_from(edges or [0])))
    wall = datetime(day.year, day.month, day.day, tzinfo=zone) + timedelta(
        minutes=minute, seconds=draw(st.sampled_from([0, -1, 59]))
    )
    return schedule, wall.replace(fold=draw(st.integers(0, 1))).astimezone(UTC).astimezone(zone)


@settings(deadline=None, derandomize=True)
@given(cases())
def test_is_open_and_is_holiday_agree_with_the_rules_written_the_slow_way(case: tuple[Schedule, datetime]) -> None:
    schedule, local = case
    assert schedule.is_open(local) == open_by_hand(schedule, local)
    exception = local.date() in dict(schedule.exceptions)
    assert schedule.is_holiday(local) == (not exception and is_off_by_hand(schedule.holidays, local.date()))


@settings(deadline=None, derandomize=True)
@given(cases())
def test_open_periods_are_the_instants_at_which_it_is_open(case: tuple[Schedule, datetime]) -> None:
    """Just inside each edge it is open, just outside closed; and the instant drawn is in a period when it is open."""
    schedule, local = case
    found = in_utc(open_periods(schedule, local.date() - timedelta(days=1), 3, local.tzinfo or UTC))
    begin, end = (midnight(local.date() + timedelta(days=n), local.tzinfo or UTC) for n in (-1, 2))

    def is_open(instant: datetime) -> bool:
        return open_by_hand(schedule, instant.astimezone(local.tzinfo))

    assert any(start <= local.astimezone(UTC) < stop for start, stop in found) == is_open(local)
    for start, stop in found:
        assert begin <= start < stop <= end
        assert is_open(start)
        assert is_open(stop - MINUTE)
        assert start == begin or not is_open(start - MINUTE)
        assert stop == end or not is_open(stop)
    assert all(before[1] < after[0] for before, after in pairwise(found))

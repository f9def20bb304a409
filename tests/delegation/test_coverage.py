"""Who covers an executive in a week, and when nobody does."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from b2bua.delegation.callers import ANYBODY, Callers
from b2bua.delegation.coverage import Cover, coverage, render_week
from b2bua.delegation.people import Delegation, Executive, User
from b2bua.delegation.schedule import Holiday, Hours, Schedule

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
KOLKATA = ZoneInfo("Asia/Kolkata")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
HAVANA = ZoneInfo("America/Havana")
ZONES = (BERLIN, NEW_YORK, KOLKATA, LORD_HOWE)

MONDAY = date(2026, 11, 23)
CHANGES = {
    "Berlin back": date(2026, 10, 25),
    "Berlin forward": date(2026, 3, 29),
    "New York back": date(2026, 11, 1),
    "New York forward": date(2026, 3, 8),
    "Lord Howe back": date(2026, 4, 5),
    "Lord Howe forward": date(2026, 10, 4),
}
QUARTER = timedelta(minutes=15)
PRESS = Callers.of("+1555*", text="press")

OFFICE = Schedule("office", (*[(Hours(480, 1020),)] * 5, (), ()), (Holiday(date(2026, 11, 25), date(2026, 11, 25)),))
NIGHTS = Schedule("nights", ((Hours(1320, 360),),) * 7)
HALF_HOUR = Schedule("half an hour", ((Hours(30, 60),),) * 7)
SMALL_HOURS = Schedule("small hours", ((Hours(60, 150),),) * 7)


def users(hours: Schedule | None = None, zone: tzinfo = BERLIN) -> dict[str, User]:
    """676 with these hours in this zone; 677 and 678 without hours."""
    names = {"677": "Ana Aide", "678": "Pia Press"}
    return {"676": User("676", "Sam Secretary", "s", time_zone=zone, hours=hours)} | {
        extension: User(extension, name, "s") for extension, name in names.items()
    }


def boss(*delegations: Delegation, zone: tzinfo = BERLIN) -> Executive:
    return Executive("667", delegations=delegations, time_zone=zone)


def assistant(
    extension: str = "676", callers: Callers = ANYBODY, respect_hours: bool = False, begins: str = "", ends: str = ""
) -> Delegation:
    box = [datetime.fromisoformat(each) if each else None for each in (begins, ends)]
    return Delegation(extension, "667", callers=callers, respect_hours=respect_hours, begins=box[0], ends=box[1])


def week(*delegations: Delegation, hours: Schedule | None = None, zone: tzinfo = BERLIN) -> list[str]:
    """The lines of the week, for an executive in Berlin."""
    return render_week(boss(*delegations), users(hours, zone), MONDAY).splitlines()


def gaps(executive: Executive, people: Mapping[str, User], first: date, days: int = 7) -> tuple[tuple[datetime, datetime], ...]:
    """When there are callers whom nobody takes: neighbouring gaps made one."""
    found: list[tuple[datetime, datetime]] = []
    for cover in coverage(executive, people, first, days):
        if cover.gap:
            joins = bool(found) and found[-1][1] == cover.start
            found[-1:] = [(found[-1][0], cover.end)] if joins else [*found[-1:], (cover.start, cover.end)]
    return tuple(found)


def test_an_assistant_without_conditions_covers_the_whole_week() -> None:
    assert week(assistant()) == ["Mon 2026-11-23 00:00 – Sun 2026-11-29 24:00  Sam Secretary (676)"]


def test_without_assistants_nobody_covers_and_no_days_are_no_spans() -> None:
    assert week() == ["Mon 2026-11-23 00:00 – Sun 2026-11-29 24:00  nobody"]
    assert coverage(boss(assistant()), users(), MONDAY, days=0) == ()


@pytest.mark.parametrize(
    "one",
    [
        Delegation("676", "667", rights=frozenset({"call", "opt"})),
        Delegation("676", "667", approval="pending"),
        Delegation("676", "667", approval="declined"),
        assistant(ends="2026-11-23T00:00+01:00"),
        assistant(begins="2026-11-30T00:00+01:00"),
        assistant(begins="2026-11-25T00:00+01:00", ends="2026-11-24T00:00+01:00"),
        assistant(begins="2026-11-25T00:00+01:00", ends="2026-11-25T00:00+01:00"),
    ],
)
def test_who_does_not_count(one: Delegation) -> None:
    assert week(one, assistant("677")) == ["Mon 2026-11-23 00:00 – Sun 2026-11-29 24:00  Ana Aide (677)"]


def test_working_hours_count_where_the_delegation_respects_them() -> None:
    assert week(assistant(respect_hours=True), hours=OFFICE) == [
        "Mon 2026-11-23 00:00 – 08:00  nobody",
        "Mon 2026-11-23 08:00 – 17:00  Sam Secretary (676)",
        "Mon 2026-11-23 17:00 – Tue 2026-11-24 08:00  nobody",
        "Tue 2026-11-24 08:00 – 17:00  Sam Secretary (676)",
        "Tue 2026-11-24 17:00 – Thu 2026-11-26 08:00  nobody",  # a holiday
        "Thu 2026-11-26 08:00 – 17:00  Sam Secretary (676)",
        "Thu 2026-11-26 17:00 – Fri 2026-11-27 08:00  nobody",
        "Fri 2026-11-27 08:00 – 17:00  Sam Secretary (676)",
        "Fri 2026-11-27 17:00 – Sun 2026-11-29 24:00  nobody",
    ]
    whole = ["Mon 2026-11-23 00:00 – Sun 2026-11-29 24:00  Sam Secretary (676)"]
    assert week(assistant(), hours=OFFICE) == whole
    assert week(assistant(respect_hours=True), hours=None) == whole


def test_working_hours_are_in_the_assistants_zone() -> None:
    assert week(assistant(respect_hours=True), hours=OFFICE, zone=KOLKATA)[:3] == [
        "Mon 2026-11-23 00:00 – 03:30  nobody",
        "Mon 2026-11-23 03:30 – 12:30  Sam Secretary (676)",
        "Mon 2026-11-23 12:30 – Tue 2026-11-24 03:30  nobody",
    ]


def test_a_night_that_began_before_the_week_and_one_that_ends_after_it() -> None:
    lines = week(assistant(respect_hours=True), hours=NIGHTS)
    assert lines[0] == "Mon 2026-11-23 00:00 – 06:00  Sam Secretary (676)"
    assert lines[-1] == "Sun 2026-11-29 22:00 – 24:00  Sam Secretary (676)"


def test_several_cover_in_ring_order() -> None:
    delegations = [assistant("677", begins="2026-11-24T08:00+01:00", ends="2026-11-26T08:00+01:00"), assistant("676")]
    assert week(*delegations) == [
        "Mon 2026-11-23 00:00 – Tue 2026-11-24 08:00  Sam Secretary (676)",
        "Tue 2026-11-24 08:00 – Thu 2026-11-26 08:00  Ana Aide (677), Sam Secretary (676)",
        "Thu 2026-11-26 08:00 – Sun 2026-11-29 24:00  Sam Secretary (676)",
    ]


def test_a_time_box_may_be_written_in_any_zone_and_to_the_second() -> None:
    one = assistant(begins="2026-11-23T08:00:30.5-05:00")
    (before, after) = coverage(boss(one), users(), MONDAY)
    assert before.end == after.start == datetime(2026, 11, 23, 14, 0, 30, 500_000, BERLIN)
    assert (before.assistants, after.assistants) == ((), ("676",))


def test_scope_by_callers_does_not_shrink_the_coverage_but_leaves_a_gap() -> None:
    delegations = [
        assistant("678", callers=PRESS),
        assistant("676", begins="2026-11-24T08:00+01:00", ends="2026-11-25T00:00+01:00"),
        assistant("677", callers=Callers.of("internal", "external"), begins="2026-11-28T00:00+01:00"),
    ]
    assert week(*delegations) == [
        "Mon 2026-11-23 00:00 – Tue 2026-11-24 08:00  Pia Press (678, some callers only), otherwise nobody",
        "Tue 2026-11-24 08:00 – 24:00  Pia Press (678, some callers only), Sam Secretary (676)",
        "Wed 2026-11-25 00:00 – Fri 2026-11-27 24:00  Pia Press (678, some callers only), otherwise nobody",
        "Sat 2026-11-28 00:00 – Sun 2026-11-29 24:00  Pia Press (678, some callers only), Ana Aide (677)",
    ]
    covers = coverage(boss(*delegations), users(), MONDAY)
    assert [cover.limited for cover in covers] == [("678",)] * 4
    assert [cover.gap for cover in covers] == [True, False, True, False]
    assert gaps(boss(*delegations), users(), MONDAY) == (
        (datetime(2026, 11, 23, tzinfo=BERLIN), datetime(2026, 11, 24, 8, tzinfo=BERLIN)),
        (datetime(2026, 11, 25, tzinfo=BERLIN), datetime(2026, 11, 28, tzinfo=BERLIN)),
    )


def test_a_gap_goes_on_while_only_who_is_limited_changes() -> None:
    limited = assistant("678", callers=PRESS, ends="2026-11-25T00:00+01:00")
    whole = (datetime(2026, 11, 23, tzinfo=BERLIN), datetime(2026, 11, 30, tzinfo=BERLIN))
    assert len(coverage(boss(limited), users(), MONDAY)) == 2
    assert gaps(boss(limited), users(), MONDAY) == (whole,)
    assert gaps(boss(limited, assistant()), users(), MONDAY) == ()


def test_an_assistant_with_two_delegations_is_named_once_and_limited_only_while_all_are() -> None:
    delegations = [
        assistant(callers=PRESS),
        assistant(begins="2026-11-24T00:00+01:00", ends="2026-11-25T00:00+01:00"),
    ]
    covers = coverage(boss(*delegations), users(), MONDAY)
    assert [(cover.assistants, cover.limited) for cover in covers] == [(("676",), ("676",)), (("676",), ()), (("676",), ("676",))]


@pytest.mark.parametrize(
    ("zone", "day", "expected"),
    [
        (
            BERLIN,
            date(2026, 10, 25),
            [
                "Sun 2026-10-25 00:00 – 01:00  nobody",
                "Sun 2026-10-25 01:00 – 02:30+02:00  Sam Secretary (676)",
                "Sun 2026-10-25 02:30+02:00 – 02:00+01:00  nobody",
                "Sun 2026-10-25 02:00+01:00 – 02:30+01:00  Sam Secretary (676)",
                "Sun 2026-10-25 02:30+01:00 – 24:00  nobody",
            ],
        ),
        (
            BERLIN,
            date(2026, 3, 29),
            [
                "Sun 2026-03-29 00:00 – 01:00  nobody",
                "Sun 2026-03-29 01:00 – 03:00  Sam Secretary (676)",
                "Sun 2026-03-29 03:00 – 24:00  nobody",
            ],
        ),
        (
            HAVANA,
            date(2026, 11, 1),
            [
                "Sun 2026-11-01 00:00-04:00 – 00:30-04:00  nobody",
                "Sun 2026-11-01 00:30-04:00 – 00:00-05:00  Sam Secretary (676)",  # midnight comes twice: not 24:00
                "Sun 2026-11-01 00:00-05:00 – 00:30-05:00  nobody",
                "Sun 2026-11-01 00:30-05:00 – 01:00  Sam Secretary (676)",
                "Sun 2026-11-01 01:00 – 24:00  nobody",
            ],
        ),
    ],
)
def test_times_that_the_wall_clock_shows_twice_are_told_apart(zone: ZoneInfo, day: date, expected: list[str]) -> None:
    one = boss(assistant(respect_hours=True), zone=zone)
    hours = SMALL_HOURS if zone is BERLIN else HALF_HOUR
    assert render_week(one, users(hours, zone), day, days=1).splitlines() == expected


@pytest.mark.parametrize("zone", ZONES, ids=str)
@pytest.mark.parametrize("day", CHANGES.values(), ids=CHANGES)
def test_a_week_with_a_clock_change_is_as_long_as_it_is(day: date, zone: ZoneInfo) -> None:
    covers = coverage(boss(assistant(respect_hours=True), zone=zone), users(NIGHTS, LORD_HOWE), day - timedelta(days=3))
    begin, end = (datetime(each.year, each.month, each.day, tzinfo=zone) for each in (day - timedelta(3), day + timedelta(4)))
    lengths = [cover.end.astimezone(UTC) - cover.start.astimezone(UTC) for cover in covers]
    assert min(lengths) > timedelta()
    assert sum(lengths, timedelta()) == end.astimezone(UTC) - begin.astimezone(UTC)


# Coverage sampled every quarter of an hour: all hours, boxes and offsets used here are whole quarters, so that no edge is missed.

QUARTERS = st.integers(0, 95)
PERIOD = st.builds(lambda start, end: Hours(start * 15, (end + 1) * 15), QUARTERS, QUARTERS)
PERIODS = st.lists(PERIOD, max_size=2).map(tuple)
BOX = st.none() | st.builds(
    lambda day, quarters, zone: datetime(day.year, day.month, day.day, tzinfo=UTC).astimezone(zone) + quarters * QUARTER,
    st.sampled_from([*CHANGES.values()]),
    st.integers(-300, 300),
    st.sampled_from(ZONES),
)


@st.composite
def organisations(draw: st.DrawFn) -> tuple[Executive, dict[str, User], date]:
    """An executive with up to four delegations to three assistants in different zones, and a day shortly before a clock change."""
    first = draw(st.sampled_from([*CHANGES.values()])) - timedelta(days=draw(st.integers(0, 2)))
    holidays = draw(st.lists(st.integers(-1, 3).map(lambda n: Holiday(first + timedelta(n), first + timedelta(n))), max_size=2))
    hours = st.none() | st.builds(Schedule, st.just("any"), st.tuples(*[PERIODS] * 7), st.just(tuple(holidays)))
    people = {
        each: User(each, each, "s", time_zone=draw(st.sampled_from(ZONES)), hours=draw(hours)) for each in ("676", "677", "678")
    }
    delegation = st.builds(
        Delegation,
        st.sampled_from([*people]),
        st.just("667"),
        rights=st.sampled_from([frozenset({"receive"}), frozenset({"call"}), frozenset({"receive", "call"})]),
        callers=st.sampled_from([ANYBODY, PRESS]),
        respect_hours=st.booleans(),
        begins=BOX,
        ends=BOX,
        approval=st.sampled_from(["approved", "approved", "approved", "pending", "declined"]),
    )
    delegations = draw(st.lists(delegation, min_size=1, max_size=4))
    return Executive("667", delegations=tuple(delegations), time_zone=draw(st.sampled_from(ZONES))), people, first


def takes(one: Delegation, user: User, instant: datetime) -> bool:
    """Whether the assistant takes filtered calls at this instant, as the decision would ask it."""
    if "receive" not in one.rights or one.approval != "approved":
        return False
    if (one.begins and instant < one.begins) or (one.ends and instant >= one.ends):
        return False
    return not one.respect_hours or user.hours is None or user.hours.is_open(instant.astimezone(user.time_zone))


@settings(deadline=None, derandomize=True)
@given(organisations())
def test_coverage_is_what_sampling_every_quarter_of_an_hour_finds(case: tuple[Executive, dict[str, User], date]) -> None:
    executive, people, first = case
    covers = coverage(executive, people, first, days=3)
    holes = [tuple(each.astimezone(UTC) for each in gap) for gap in gaps(executive, people, first, days=3)]
    edges = [cover.start.astimezone(UTC) for cover in covers] + [covers[-1].end.astimezone(UTC)]
    dawn, dusk = (datetime(day.year, day.month, day.day, tzinfo=executive.time_zone) for day in (first, first + timedelta(3)))
    assert edges[0] == dawn.astimezone(UTC)
    assert edges[-1] == dusk.astimezone(UTC)
    assert all(before.end.astimezone(UTC) == after.start.astimezone(UTC) for before, after in pairwise(covers))
    assert all(before[2:] != after[2:] for before, after in pairwise(covers))
    assert all((edge - edges[0]) % QUARTER == timedelta() for edge in edges)
    at, current = edges[0], -1
    while at < edges[-1]:
        current += at == edges[current + 1]
        ring = [one for one in executive.delegations if takes(one, people[one.assistant], at)]
        unlimited = {one.assistant for one in ring if one.callers is ANYBODY}
        found = covers[current]
        assert found.assistants == tuple(dict.fromkeys(one.assistant for one in ring))
        assert set(found.limited) == set(found.assistants) - unlimited
        assert any(start <= at < end for start, end in holes) == (not unlimited)
        at += QUARTER


def test_a_cover_is_in_the_executives_zone() -> None:
    (cover,) = coverage(boss(assistant(), zone=NEW_YORK), users(), MONDAY, days=1)
    assert cover == Cover(datetime(2026, 11, 23, tzinfo=NEW_YORK), datetime(2026, 11, 24, tzinfo=NEW_YORK), ("676",))
    assert (cover.start.tzinfo, cover.end.tzinfo) == (NEW_YORK, NEW_YORK)

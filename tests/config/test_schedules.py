"""Schedules: hours, holidays and exceptions as people write them, and in which words a wrong one is refused."""

from datetime import date

import pytest

from b2bua.delegation.schedule import Holiday, Hours, Schedule
from tests.config.conftest import Files, read, refused

pytestmark = pytest.mark.usefixtures("no_linter")

MORNING, AFTERNOON, NIGHT = Hours(8 * 60, 12 * 60), Hours(13 * 60, 17 * 60), Hours(22 * 60, 6 * 60)


def office(files: Files) -> Schedule:
    found = read(files).users["667"].hours
    assert found
    return found


def test_a_schedule_is_read_whole(organisation: Files) -> None:
    assert office(organisation) == Schedule(
        "office",
        (*[(MORNING, AFTERNOON)] * 5, (NIGHT,), ()),
        (
            Holiday(date(2026, 12, 25), date(2026, 12, 25)),
            Holiday(date(2000, 12, 26), date(2000, 12, 26), yearly=True),
            Holiday(date(2026, 12, 28), date(2026, 12, 31), name="Year end"),
        ),
        ((date(2026, 12, 24), (MORNING,)), (date(2026, 12, 31), ())),
    )


@pytest.mark.parametrize(
    ("hours", "open_days"),
    [
        ("{mon: '8:00-12:00'}", "m------"),
        ("{'mon, wed': '8:00-12:00'}", "m-w----"),
        ("{sat-mon: '8:00-12:00'}", "m----ss"),
        ("{'Mon-Tue, FRI': '8:00-12:00'}", "mt--f--"),
        ("{mon-sun: '8:00-12:00'}", "mtwtfss"),
        ("{mon-wed: '8:00-12:00', thu: closed}", "mtw----"),
        ("{}", "-------"),
    ],
)
def test_the_days(organisation: Files, hours: str, open_days: str) -> None:
    organisation.change(organisation.directory, ('{mon-fri: "08:00-12:00, 13:00-17:00", sat: "22:00-06:00"}', hours))
    week = office(organisation).week
    assert {each for each in week if each} <= {(MORNING,)}
    assert "".join(letter if each else "-" for letter, each in zip("mtwtfss", week, strict=True)) == open_days


@pytest.mark.parametrize(
    ("written", "hours"),
    [
        ("00:00-24:00", (Hours(0, 1440),)),
        ("22:00-00:00", (Hours(1320, 1440),)),
        ("13:00-17:00,08:00-12:00", (MORNING, AFTERNOON)),
        ("08:00 - 12:00 , 12:00-12:30", (MORNING, Hours(720, 750))),
        ("03:00-05:00, 22:00-06:00", (Hours(180, 300), NIGHT)),
    ],
)
def test_the_hours(organisation: Files, written: str, hours: tuple[Hours, ...]) -> None:
    organisation.change(organisation.directory, ("08:00-12:00, 13:00-17:00", written))
    assert office(organisation).week[0] == hours


def test_a_yearly_range_over_new_year_is_two_holidays(organisation: Files) -> None:
    organisation.change(organisation.directory, ('"12-26"', '"12-28 .. 01-02"'))
    assert office(organisation).holidays[1:3] == (
        Holiday(date(2000, 12, 28), date(2000, 12, 31), yearly=True),
        Holiday(date(2000, 1, 1), date(2000, 1, 2), yearly=True),
    )


def test_the_29th_of_february_may_be_a_yearly_holiday(organisation: Files) -> None:
    organisation.change(organisation.directory, ('"12-26"', '"02-29"'))
    assert office(organisation).holidays[1] == Holiday(date(2000, 2, 29), date(2000, 2, 29), yearly=True)


HOURS, HOLIDAYS, EXCEPTIONS = (f"schedules.office.{key}" for key in ("hours", "holidays", "exceptions"))
HOURS_LIKE = 'write hours such as "08:00-12:00, 13:00-17:00", or closed'
DAYS_LIKE = 'write "2026-12-25", "2026-12-28..2026-12-31", or "12-25" for every year'


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("mon-fri:", "mon-fry:", f"5: {HOURS}.mon-fry: 'fry' is no day; did you mean `fri`?; write days such as mon-fri"),
        ("mon-fri:", "'':", f"5: {HOURS}.: '' is no day; write days such as mon-fri, or mon, wed"),
        ("sat:", "fri:", f"5: {HOURS}.fri: fri stands under 'mon-fri' already; write each day once"),
        ('"22:00-06:00"}\n', "22-6}\n", f"5: {HOURS}.sat: is '22-6'; {HOURS_LIKE}"),
        ('"22:00-06:00"}\n', '"22:00-25:00"}\n', f"5: {HOURS}.sat: is '22:00-25:00'; {HOURS_LIKE}"),
        ('"22:00-06:00"}\n', '"24:00-06:00"}\n', f"5: {HOURS}.sat: is '24:00-06:00'; {HOURS_LIKE}"),
        ('"22:00-06:00"}\n', "null}\n", f"5: {HOURS}.sat: is nothing; {HOURS_LIKE}"),
        ('"22:00-06:00"}\n', "[]}\n", f"5: {HOURS}.sat: is a list; {HOURS_LIKE}"),
        ('"22:00-06:00"}\n', '"08:00-08:00"}\n', f'5: {HOURS}.sat: begins and ends at 08:00; write "00:00-24:00" for a whole day'),
        (", 13:00-17:00", ", 11:00-17:00", f"5: {HOURS}.mon-fri: 08:00-12:00 and 11:00-17:00 overlap; write them as one"),
        (", 13:00-17:00", ", 13:00-17:00,", f"5: {HOURS}.mon-fri: is ''; {HOURS_LIKE}"),
        ('"22:00-06:00"}\n', '"22:00-06:00, 23:00-24:00"}\n', f"5: {HOURS}.sat: 22:00-06:00 and 23:00-24:00 overlap"),
        ('"12-26"', '"26.12."', f"6: {HOLIDAYS}[1]: is '26.12.'; {DAYS_LIKE}"),
        ('"12-26"', "[]", f"6: {HOLIDAYS}[1]: is nothing; {DAYS_LIKE}"),
        ('"12-26"', '"02-30"', f"6: {HOLIDAYS}[1]: is '02-30', a day that is in no calendar; write month and day"),
        ('"12-26"', '"2026-02-29"', f"6: {HOLIDAYS}[1]: is '2026-02-29', a day that is in no calendar; write another date"),
        ('"12-26"', '"1066-10-14"', f"6: {HOLIDAYS}[1]: is '1066-10-14'; write a year from 2000 to 2199"),
        ('"12-26"', '"2026-12-31..2026-12-28"', f"6: {HOLIDAYS}[1]: is '2026-12-31..2026-12-28', which ends before it begins"),
        ('"12-26"', '"2026-12-28..12-31"', f"6: {HOLIDAYS}[1]: is '2026-12-28..12-31'; write both days with the year, or both"),
        ('"2026-12-28..2026-12-31", name', '"2026-13-28", name', f"6: {HOLIDAYS}[2].date: is '2026-13-28', a day that is in no"),
        ("name: Year end", "nam: Year end", f"6: {HOLIDAYS}[2].nam: is no key of this section; did you mean `name`?"),
        ('"2026-12-24":', '"12-24":', f"7: {EXCEPTIONS}.12-24: is '12-24'; write a date such as \"2026-12-24\""),
        ("closed", "shut", f"7: {EXCEPTIONS}.2026-12-31: is 'shut'; {HOURS_LIKE}"),
        ("{hours: {mon-sun", "{hour: {mon-sun", "8: schedules.night.hour: is no key of this section; did you mean `hours`?"),
        ("hours: night", "hours: nigth", "15: users[1].hours: 'nigth' is no schedule; did you mean `night`?; write the name of one"),
        ("outside: office", "outside: home", "29: executives[0].filtering.criteria[1].outside: 'home' is no schedule; write the name"),
        ("during: night", "during: days", "29: executives[0].filtering.criteria[1].during: 'days' is no schedule"),
        (", holidays: office", ", holidays: offic", "29: executives[0].filtering.criteria[1].holidays: 'offic' is no schedule; did"),
    ],
)  # fmt: skip
def test_what_is_refused(organisation: Files, old: str, new: str, expected: str) -> None:
    refused(organisation, old, new, expected)


def test_every_mistake_in_a_schedule_is_reported(organisation: Files) -> None:
    """And nobody who uses the schedule is blamed."""
    organisation.change(organisation.directory, ("sat:", "saturday:"), ('"12-26"', "boxing day"))
    refused(organisation, "closed", "no", f"5: {HOURS}.saturday:", f"6: {HOLIDAYS}[1]:", f"7: {EXCEPTIONS}.2026-12-31:")


def test_schedules_that_cannot_be_read_make_no_further_problems(organisation: Files) -> None:
    organisation.change(organisation.directory, ("schedules:\n", "schedules: none\nothers:\n"))
    refused(organisation, "organisation: Acme", "organisation: Acme", "3: schedules: is text, not keys", "4: others: is no key")

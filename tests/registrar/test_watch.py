"""The alarm when nobody reachable covers an executive (A25): counted, logged once, spread out."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from b2bua.delegation.attendance import is_missed
from b2bua.delegation.callers import Callers
from b2bua.delegation.model import Delegation, Directory, DutyProfile, Executive, Filtering, TrunkRoute, User
from b2bua.delegation.people import Divert
from b2bua.delegation.plan import Endpoint, Setting
from b2bua.delegation.schedule import Hours, Schedule
from b2bua.delegation.state import State
from b2bua.registrar.watch import EXECUTIVES_A_SWEEP, GRACE_SECONDS, CoverageWatch

MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
NIGHT = MONDAY.replace(hour=23)
OFFICE = Schedule("office", ((Hours(8 * 60, 17 * 60),),) * 7)


class Watched:
    """A watch with its log, and the accounts that have a phone."""

    def __init__(
        self,
        *executives: Executive,
        sam: User | None = None,
        settings: tuple[Setting, ...] = (),
        duty_profiles: tuple[DutyProfile, ...] = (),
    ) -> None:
        users = [User("667", "Olivia Boss", "x"), sam or User("676", "Sam", "x"), User("677", "Ana", "x"), User("668", "Victor", "x")]
        users.append(User("500", "Sales", "", kind="group"))
        self.directory = Directory.build(
            domain="acme.test",
            users=users,
            executives=executives or (executive(),),
            trunks=(TrunkRoute("carrier", (r"^[+]",)),),
            duty_profiles=duty_profiles,
        )
        self.directory = self.directory.with_state(State.of(settings))
        self.phones: set[str] = set()
        self.log: list[tuple[str, str]] = []
        self.watch = CoverageWatch(self._is_missed, self)
        self.now = 1000.0
        self.at = MONDAY
        self.watch.sweep(self.now, self.directory, self.at)

    def _is_missed(self, extension: str, directory: Directory, at: datetime) -> bool:
        return is_missed(directory.offices[extension], directory, at, self._rings)

    def _rings(self, endpoint: Endpoint) -> bool:
        if endpoint.extension is None:
            return endpoint.trunk is not None
        return not self.phones.isdisjoint((endpoint.extension, f"{endpoint.extension}-{endpoint.for_executive}"))

    def warning(self, event: str, **values: str) -> None:
        self.log.append((event, values["executive"]))

    info = warning

    def run(self, seconds: float = GRACE_SECONDS + 5) -> None:
        for _ in range(int(seconds)):
            self.now += 1.0
            self.watch.sweep(self.now, self.directory, self.at)

    def set(self, *settings: Setting) -> None:
        self.directory = self.directory.with_state(self.directory.state.with_settings(settings))


def executive(*delegations: Delegation, **changes: Any) -> Executive:
    given = delegations or (Delegation("676", "667"), Delegation("677", "667"))
    return Executive("667", delegations=given, **changes)


def test_an_executive_whose_assistants_are_all_gone_is_counted_and_logged_once() -> None:
    watched = Watched()
    watched.run()
    assert watched.watch.uncovered == 1
    watched.run()
    assert watched.log == [("executive uncovered", "667")]
    watched.phones.add("677")
    watched.run(5)
    assert watched.watch.uncovered == 0
    assert watched.log[1:] == [("executive covered again", "667")]


def test_nobody_is_missed_while_phones_register_after_the_start() -> None:
    watched = Watched()
    watched.run(GRACE_SECONDS - 1)
    assert watched.watch.uncovered == 0
    watched.phones.add("676")
    watched.run(10)
    assert watched.log == []


def test_a_delegated_line_is_a_phone_for_its_executive_only() -> None:
    watched = Watched()
    watched.phones.add("676-668")
    watched.run()
    assert watched.watch.uncovered == 1
    watched.phones.add("676-667")
    watched.run(5)
    assert watched.watch.uncovered == 0


@pytest.mark.parametrize(
    "settings",
    [
        (Setting("opt", "676", "667", "out"),),
        (Setting("dnd", "676", "", "on"),),
    ],
)
def test_who_opted_out_or_wants_no_calls_does_not_cover(settings: tuple[Setting, ...]) -> None:
    watched = Watched(settings=settings)
    watched.phones.add("676")
    watched.run()
    assert watched.watch.uncovered == 1
    watched.set(*(each._replace(value=None) for each in settings))
    watched.run(5)
    assert watched.watch.uncovered == 0


def test_opting_out_for_another_executive_does_not_matter() -> None:
    watched = Watched(settings=(Setting("opt", "676", "668", "out"),))
    watched.phones.add("676")
    watched.run()
    assert watched.watch.uncovered == 0


def test_only_calls_that_are_filtered_need_cover() -> None:
    off = Watched(executive(filtering=Filtering(enabled=False)))
    off.run()
    assert off.watch.uncovered == 0
    off.set(Setting("filter", "667", "", "on"))
    off.run(5)
    assert off.watch.uncovered == 1
    off.set(Setting("filter", "667", "", "off"))
    off.run(5)
    assert off.watch.uncovered == 0


def test_a_divert_covers_without_a_phone() -> None:
    switched = Watched(settings=(Setting("divert", "676", "", "on"), Setting("divert_to", "676", "", "+628123456")))
    written = Watched(sam=User("676", "Sam", "x", divert=Divert(True, "+628123456")))
    switched.run()
    written.run()
    assert (switched.watch.uncovered, written.watch.uncovered) == (0, 0)
    written.set(Setting("divert", "676", "", "off"))
    written.run(5)
    assert written.watch.uncovered == 1


@pytest.mark.parametrize(("target", "rings"), [("668", "668"), ("999", "676")], ids=["a user", "nowhere: the own phones ring"])
def test_a_divert_covers_when_what_rings_has_a_phone(target: str, rings: str) -> None:
    watched = Watched(sam=User("676", "Sam", "x", divert=Divert(True, target)))
    watched.run()
    assert watched.watch.uncovered == 1
    watched.phones.add(rings)
    watched.run(5)
    assert watched.watch.uncovered == 0


def test_who_diverts_is_not_at_their_own_phone() -> None:
    watched = Watched(sam=User("676", "Sam", "x", divert=Divert(True, "668")))
    watched.phones.add("676")
    watched.run()
    assert watched.watch.uncovered == 1


def test_who_is_off_duty_does_not_cover() -> None:
    day = DutyProfile("Day", "1", frozenset({"676"}), frozenset({"667"}))
    watched = Watched(duty_profiles=(day,))
    watched.phones |= {"676", "677"}
    watched.run()
    assert watched.watch.uncovered == 0
    watched.set(Setting("duty", "676", "", ""))
    watched.run(5)
    assert watched.watch.uncovered == 1, "Sam is off duty, and Ana never is on duty"


@pytest.mark.parametrize("callers", [Callers.of("+1555*"), Callers.of("external"), Callers.of("internal")])
def test_who_takes_the_calls_of_some_callers_only_does_not_cover(callers: Callers) -> None:
    watched = Watched(executive(Delegation("676", "667", callers=callers), Delegation("677", "667")))
    watched.phones |= {"676", "677"}
    watched.run()
    assert watched.watch.uncovered == 0
    watched.phones.discard("677")
    watched.run(5)
    assert watched.watch.uncovered == 1


def test_who_takes_the_calls_of_some_callers_only_is_not_expected_after_hours() -> None:
    sam = User("676", "Sam", "x", hours=OFFICE)
    watched = Watched(
        executive(Delegation("676", "667", respect_hours=True), Delegation("677", "667", callers=Callers.of("+1555*"))), sam=sam
    )
    watched.phones.add("676")
    watched.at = NIGHT
    watched.run()
    assert watched.watch.uncovered == 0


@pytest.mark.parametrize(
    ("changes", "uncovered"),
    [
        ({}, 0),
        ({"approval": "pending"}, 0),
        ({"rights": frozenset({"call"})}, 0),
        ({"begins": MONDAY + timedelta(hours=1)}, 1),
        ({"ends": MONDAY}, 1),
        ({"begins": MONDAY, "ends": MONDAY + timedelta(seconds=1)}, 0),
    ],
)
def test_who_may_receive_calls_now(changes: dict[str, Any], uncovered: int) -> None:
    """A delegation that never gave anybody the calls is for the check of the directory to find, not an alarm."""
    watched = Watched(executive(Delegation("676", "667", **changes)))
    watched.phones.add("676")
    watched.run()
    assert watched.watch.uncovered == uncovered


def test_after_hours_nobody_is_missed_unless_somebody_should_be_there() -> None:
    sam = User("676", "Sam", "x", hours=OFFICE)
    alone = Watched(executive(Delegation("676", "667", respect_hours=True)), sam=sam)
    with_ana = Watched(executive(Delegation("676", "667", respect_hours=True), Delegation("677", "667")), sam=sam)
    for watched in (alone, with_ana):
        watched.phones.add("676")
        watched.run()
    assert (alone.watch.uncovered, with_ana.watch.uncovered) == (0, 0)
    for watched in (alone, with_ana):
        watched.at = NIGHT
        watched.run(5)
    assert (alone.watch.uncovered, with_ana.watch.uncovered) == (0, 1)
    alone.phones.clear()
    alone.at = MONDAY
    alone.run(5)
    assert alone.watch.uncovered == 1


def test_groups_and_executives_without_assistants_are_not_watched() -> None:
    group = Executive("500", delegations=(Delegation("676", "500"),), kind="group")
    watched = Watched(group, Executive("668"))
    watched.run()
    assert watched.watch.uncovered == 0


def test_an_executive_whom_a_new_directory_drops_is_forgotten() -> None:
    watched = Watched()
    watched.run()
    watched.directory = Watched(Executive("668")).directory
    watched.run(5)
    assert watched.watch.uncovered == 0


def many(executives: int, *settings: Setting) -> Watched:
    users = [User(f"a{n}", f"Assistant {n}", "x", hours=OFFICE) for n in range(10)]
    users += [User(f"e{n}", f"Executive {n}", "x") for n in range(executives)]
    bosses = [
        Executive(f"e{n}", delegations=tuple(Delegation(f"a{each}", f"e{n}", respect_hours=True) for each in range(10)))
        for n in range(executives)
    ]
    watched = Watched()
    watched.directory = Directory.build(domain="acme.test", users=users, executives=bosses).with_state(State.of(settings))
    return watched


def test_a_large_directory_is_looked_at_bit_by_bit() -> None:
    watched = many(3 * EXECUTIVES_A_SWEEP)
    watched.run(GRACE_SECONDS)
    assert watched.watch.uncovered == 0  # the round begins
    seen = []
    for _ in range(3):
        watched.run(1)
        seen.append(watched.watch.uncovered)
    assert seen == [EXECUTIVES_A_SWEEP, 2 * EXECUTIVES_A_SWEEP, 3 * EXECUTIVES_A_SWEEP]


ALL_ON_DND = tuple(Setting("dnd", f"a{n}", "", "on") for n in range(10))
"""After hours this is the dearest case: everybody is looked at twice, with and without the working hours."""


@pytest.mark.parametrize(("settings", "at"), [((), MONDAY), (ALL_ON_DND, NIGHT)])
def test_a_sweep_costs_little_however_large_the_directory_is(settings: tuple[Setting, ...], at: datetime) -> None:
    watched = many(1000, *settings)
    watched.at = at
    watched.run(GRACE_SECONDS)
    costs = []
    for _ in range(30):
        started = time.thread_time()
        watched.run(1)
        costs.append(time.thread_time() - started)
    assert watched.watch.uncovered > 500
    assert sorted(costs)[len(costs) // 2] < 4e-3  # below 1 ms; the bound allows for a busy machine

"""Shared phones (E7): what is dialled to log in, who speaks, and that a PIN is in nothing that is decided."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.delegation.hot_desk import STAY_SECONDS, LogIn, log_in, settled, speaker, without_pin
from b2bua.delegation.lint import lint
from b2bua.delegation.model import Directory
from b2bua.delegation.organisation import Resources, Site
from b2bua.delegation.people import User
from b2bua.delegation.plan import Caller, Facts, RoutePlan, Setting
from b2bua.delegation.policy import decide
from b2bua.delegation.state import State
from b2bua.store import decisions
from tests.delegation.organisation import USERS, directory

DESK = User("690", "Desk", "desk", ("+6221500690",), "HQ", type="shared", emergency_location="3rd floor")
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
HALL = directory(users=(*USERS, DESK))
SAM = Setting("hot_desk", "690", "", "676", NOW.timestamp() + 60)


def here(*settings: Setting) -> Directory:
    return HALL.with_state(State.of(settings))


def dial(dialled: str, caller: str = "690", at: datetime = NOW, hall: Directory = HALL) -> RoutePlan:
    return decide(Facts(Caller("user", caller, None, None, caller, "", anonymous=False), dialled), hall, at)


def speaks(plan: RoutePlan) -> str:
    assert plan.present is not None
    return plan.present.number


@pytest.mark.parametrize(
    ("argument", "found"),
    [
        ("676*4711", LogIn("676", "4711")),
        ("6764711", LogIn("676", "4711")),
        ("676", LogIn("676", "")),
        ("676*", LogIn("676", "")),
        ("999*4711", LogIn("", "999*4711")),
        ("9994711", LogIn("", "9994711")),
        ("690*4711", LogIn("", "690*4711")),
        ("6764711*", LogIn("676", "4711*")),
        ("", LogIn("", "")),
        ("676*47*11", LogIn("676", "47*11")),
    ],
)
def test_what_follows_the_code_is_taken_apart(argument: str, found: LogIn) -> None:
    assert log_in(argument, HALL) == found


def test_a_log_in_is_decided_as_if_the_pin_were_right_and_says_whose_it_must_be() -> None:
    plan = dial("*90676*4711")
    assert (plan.action, plan.pin_of, plan.confirmation) == ("set", "676", "Logged in: Sam Secretary")
    assert plan.settings == (Setting("hot_desk", "690", "", "676", NOW.timestamp() + STAY_SECONDS),)


@given(st.text("0123456789*#A", max_size=12))
def test_no_pin_is_in_what_is_decided(pin: str) -> None:
    for dialled in (f"*90676*{pin}", f"*90676{pin}"):
        shown, split = without_pin(dialled, HALL)
        assert shown == ("*90676*****" if split else dialled)
        assert bool(split) == (dialled not in ("*90676", "*90676*"))
        assert without_pin(shown, HALL)[0] == shown
        caller = Caller("user", "690", None, None, "690", "", anonymous=False)
        assert (dial(dialled).called, settled(Facts(caller, dialled), HALL, 0.0).dialled) == (shown, shown)


def test_nobodys_extension_hides_everything_that_was_dialled() -> None:
    plan = dial("*909994711")
    assert (plan.action, plan.final_status, plan.called) == ("refuse", 403, "*90*****")
    assert "4711" not in decisions.dumps((0.0, Facts(Caller("user", "690", None, None, "690", "", anonymous=False), plan.called), plan))


def test_who_is_logged_in_speaks_until_the_time_is_over() -> None:
    assert speaks(dial("601", hall=here(SAM))) == "676"
    assert speaks(dial("601", hall=here(SAM), at=NOW + timedelta(seconds=60))) == "690"
    assert speaks(dial("601")) == "690"


@pytest.mark.parametrize("dialled", ["112", "#74112", "#64667*112", "#73667*112", "*91", "*90677*1"])
def test_what_stays_the_phones_own(dialled: str) -> None:
    caller = Caller("user", "690", None, None, "690", "Desk", anonymous=False)
    hall = replace(here(SAM), numbers=HALL.numbers)
    assert speaker(caller, dialled, hall, NOW.timestamp()) is caller
    assert speaker(caller, "601", hall, NOW.timestamp()).extension == "676"


@pytest.mark.parametrize("changes", [{"status": "disabled"}, {"type": "limited"}])
def test_who_may_not_log_in_any_more_has_gone(changes: dict[str, str]) -> None:
    sam = replace(HALL.users["676"], **changes)  # type: ignore[arg-type]
    hall = directory(users=(*(each for each in USERS if each.extension != "676"), sam, DESK))
    assert speaks(dial("601", hall=hall.with_state(State.of([SAM])))) == "690"
    assert [each for each, _ in hall.dangling([SAM])] == [SAM]


def test_settings_about_phones_that_are_not_shared_are_dropped() -> None:
    assert [why for _, why in HALL.dangling([Setting("hot_desk", "601", "", "676")])] == ["601 is no shared phone"]
    assert HALL.dangling([SAM]) == []


def test_the_state_knows_at_which_phones_somebody_is() -> None:
    other = Setting("hot_desk", "691", "", "676", NOW.timestamp() + 10)
    state = State.of([SAM, other])
    assert state.at_desks("676", NOW.timestamp()) == ["690", "691"]
    assert state.at_desks("676", NOW.timestamp() + 10) == ["690"]
    assert state.at_desks("677", NOW.timestamp()) == []
    assert state.with_settings([SAM._replace(value="677")]).at_desks("676", NOW.timestamp()) == ["691"]
    assert state.with_settings([SAM._replace(value=None)]).desks.keys() == {"676"}
    assert state.with_settings([Setting("dnd", "676", "", "on")]).desks is state.desks


@pytest.mark.parametrize(
    ("desk", "sites", "missing"),
    [
        (DESK, (), False),
        (replace(DESK, emergency_location=None), (), True),
        (replace(DESK, emergency_location=None), (Site("HQ"),), True),
        (replace(DESK, emergency_location=None), (Site("HQ", emergency_location="Street 1"),), False),
        (replace(DESK, emergency_location=None), (Site("HQ", parent="City"), Site("City", emergency_location="Street 1")), False),
        (replace(DESK, emergency_location=None), (Site("HQ", parent="City"), Site("City", parent="HQ")), True),
    ],
)
def test_help_must_find_a_shared_phone(desk: User, sites: tuple[Site, ...], missing: bool) -> None:
    hall = directory(users=(*USERS, desk), resources=Resources(sites={each.name: each for each in sites}))
    found = [each for each in lint(hall, date(2026, 11, 23)) if each.extension == "690"]
    assert [(each.severity, each.key) for each in found] == ([("warning", ("emergency_location",))] if missing else [])

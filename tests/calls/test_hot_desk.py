"""Shared phones (E7): who logs in is who calls from there and who rings there; the phone itself stays what it is for emergencies."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from b2bua import logs
from b2bua.calls.ports import PinAnswer
from b2bua.cluster.bus import Event, PhonesChanged
from b2bua.delegation.model import User
from b2bua.delegation.plan import Setting
from b2bua.store import decisions
from tests.phones import Phone, PhoneCall
from tests.plain_sip import Sdp, display_of, user_of
from tests.world import NUMBER, USERS, World, executive

DESK = User("690", "Desk by the window", "desk-690", ("+6221500690",), "HQ", type="shared", emergency_location="3rd floor")
SECOND = User("691", "Desk by the door", "desk-691", (), "HQ", type="shared")
PINS = {"676": "4711", "677": "2580"}


class Settings(list[Setting]):
    """What is kept over a restart."""

    def load(self) -> list[Setting]:
        return list(self)

    def save(self, settings: Iterable[Setting]) -> None:
        for each in settings:
            self[:] = [kept for kept in self if kept[:3] != each[:3]]
            if each.value is not None:
                self.append(each)


class Hall:
    """A world with shared phones, and somebody who knows the PINs."""

    def __init__(self, new_world: Callable[..., World]) -> None:
        self.kept = Settings()
        self.new_world = new_world
        self.asked: list[tuple[str, str]] = []
        self.waiting: list[Callable[[PinAnswer], None]] = []
        self.answer: PinAnswer | None = None
        """None: as the PIN is."""
        self.slow = False
        self.world = self.open()
        self.desk = self.world.phone("690")

    def open(self) -> World:
        world = self.new_world(executive(), users=(*USERS, DESK, SECOND), state=self.kept)
        world.core.calls.verify_pin = self.verify
        return world

    def verify(self, extension: str, pin: str, done: Callable[[PinAnswer], None]) -> None:
        self.asked.append((extension, pin))
        if self.slow:
            self.waiting.append(done)
        else:
            done(self.answer or ("ok" if PINS.get(extension) == pin else "wrong"))

    def log_in(self, dialled: str = "*90676*4711", phone: Phone | None = None) -> PhoneCall:
        call = (phone or self.desk).call(dialled)
        call.expect_up()
        call.expect_ended()
        return call

    def refused(self, dialled: str, phone: Phone | None = None) -> tuple[int, str]:
        call = (phone or self.desk).call(dialled)
        call.expect_ended()
        warning = call.responses[-1].get("warning") or ""
        return call.status, warning.partition('"')[2].rstrip('"')

    def who(self, desk: str = "690") -> str | None:
        now = self.world.core.calls.wall()
        return self.world.core.directory.state.value("hot_desk", desk, now=now)


@pytest.fixture
def hall(new_world: Callable[..., World]) -> Hall:
    return Hall(new_world)


# --- logging in and out -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialled", ["*90676*4711", "*906764711"])
def test_the_pin_lets_somebody_in_and_the_phone_says_so(hall: Hall, dialled: str) -> None:
    call = hall.log_in(dialled)
    assert hall.asked == [("676", "4711")]
    assert hall.who() == "676"
    assert display_of(call.responses[-1].get("p-asserted-identity")) == "Logged in: Sam Secretary"


def test_the_longest_extension_counts_where_no_star_says_which(hall: Hall, new_world: Callable[..., World]) -> None:
    hall.world = new_world(executive(), users=(*USERS, DESK, User("6764", "Long", "long", ()), User("67", "Short", "short", ())))
    hall.world.core.calls.verify_pin = hall.verify
    desk = hall.world.phone("690")
    hall.refused("*906764711", desk)
    hall.refused("*9067*64711", desk)
    hall.refused("*906789", desk)
    assert hall.asked == [("6764", "711"), ("67", "64711"), ("678", "9")]


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        ("wrong", 403, "wrong PIN"),
        ("locked", 403, "too many wrong PINs"),
        ("none", 403, "you have no PIN"),
        ("must_change", 403, "your PIN was reset"),
        ("busy", 503, "too many log in at once"),
    ],
)
def test_who_is_not_let_in_hears_why(hall: Hall, answer: PinAnswer, status: int, words: str) -> None:
    hall.answer = answer
    found = hall.refused("*90676*4711")
    assert found[0] == status
    assert found[1].startswith(words)
    assert hall.who() is None


@pytest.mark.parametrize(
    ("dialled", "status", "words"),
    [
        ("*90", 484, "incomplete: dial *90 and your extension, * and your PIN"),
        ("*90676", 484, "incomplete"),
        ("*90676*", 484, "incomplete"),
        ("*909994711", 403, "nobody with this extension can log in"),
        ("*90690*4711", 403, "nobody with this extension can log in"),
    ],
)
def test_what_cannot_be_a_log_in_asks_nobody(hall: Hall, dialled: str, status: int, words: str) -> None:
    found = hall.refused(dialled)
    assert found[0] == status
    assert found[1].startswith(words)
    assert hall.asked == []


def test_only_shared_phones_are_logged_in_on(hall: Hall) -> None:
    sam = hall.world.phone("676")
    assert hall.refused("*90677*2580", sam) == (403, "this is no shared phone: nobody logs in here")
    assert hall.refused("*91", sam) == (403, "this is no shared phone: nobody logs out here")
    assert hall.asked == []


def test_where_nobody_knows_pins_nobody_logs_in(new_world: Callable[..., World]) -> None:
    world = new_world(executive(), users=(*USERS, DESK))
    call = world.phone("690").call("*90676*4711")
    call.expect_ended()
    assert call.status == 403


def test_logging_out(hall: Hall) -> None:
    hall.log_in()
    hall.log_in("*91")
    assert hall.who() is None
    assert hall.kept == []
    hall.log_in("*91")  # once more does no harm


def test_the_next_one_takes_the_place_of_the_last(hall: Hall) -> None:
    hall.log_in()
    hall.log_in("*90677*2580")
    assert hall.who() == "677"
    sam = hall.world.phone("601").call("676")
    sam.expect_ended()
    assert sam.status == 480


def test_after_a_day_the_phone_is_nobodys_again(hall: Hall) -> None:
    hall.log_in()
    hall.world.run(23 * 3_600)
    assert hall.who() == "676"
    hall.world.run(3_700)
    assert hall.who() is None
    hall.desk.register()
    mine, theirs = hall.world.talk(hall.desk, hall.world.phone("601"))
    assert user_of(theirs.invite.get("from")) == "690"
    assert mine.state == "up"


def test_it_lasts_over_a_restart(hall: Hall) -> None:
    hall.log_in()
    hall.world = hall.open()
    assert hall.who() == "676"


# --- calls ------------------------------------------------------------------------------------------------------------------------


def test_calls_to_the_user_ring_there_as_well(hall: Hall) -> None:
    hall.log_in()
    own, lee = hall.world.phones("676", "601")
    call = lee.call("676")
    first, second = own.expect_call(), hall.desk.expect_call()
    for each in (first, second):
        each.ring()
    second.answer()
    call.expect_up()
    first.expect_ended()
    call.hang_up()
    hall.world.run(1)
    row = hall.world.history[-1]
    assert (row.called, row.answered_by) == ("676", "676")


def test_one_user_may_be_at_several_phones(hall: Hall) -> None:
    second = hall.world.phone("691")
    hall.log_in()
    hall.log_in(phone=second)
    call = hall.world.phone("601").call("676")
    hall.desk.expect_call()
    second.expect_call()
    call.cancel()


def test_delegated_calls_ring_there(hall: Hall) -> None:
    hall.log_in()
    call = hall.world.carrier.call_from(NUMBER, "+6221500667")
    theirs = hall.desk.expect_call()
    assert "667" in (theirs.invite.get("diversion") or "")
    theirs.answer()
    call.expect_up()
    theirs.hang_up()


def test_calls_from_there_are_the_users(hall: Hall) -> None:
    hall.log_in()
    _, theirs = hall.world.talk(hall.desk, hall.world.phone("601"))
    assert (display_of(theirs.invite.get("from")), user_of(theirs.invite.get("from"))) == ("Sam Secretary", "676")
    theirs.hang_up()
    hall.world.run(1)
    row = hall.world.history[-1]
    assert (row.caller, set(row.parties)) == ("676", {"676", "601"})
    assert row.decision is not None
    assert ("shared phone", True, "Sam Secretary (676) has logged in at 690") in row.decision[2].trace
    assert row.decision[1].caller.device == "690"


def test_on_behalf_from_there(hall: Hall) -> None:
    hall.log_in()
    call = hall.desk.call(f"#64667*{NUMBER}")
    theirs = hall.world.carrier.expect_call()
    assert user_of(theirs.invite.get("p-asserted-identity")) == "+6221500600"
    call.cancel()
    hall.world.run(1)
    assert hall.world.history[-1].actor == "676"
    hall.log_in("*91")
    other = hall.desk.call(f"#64667*{NUMBER}")
    other.expect_ended()
    assert other.status == 403


def test_codes_set_there_are_the_users(hall: Hall) -> None:
    assert hall.refused("#66667") == (403, "you are no assistant of 667")
    hall.log_in()
    hall.log_in("#66667")
    assert hall.world.core.directory.state.value("opt", "676", "667") == "out"


def test_nobody_calls_themselves_there(hall: Hall) -> None:
    hall.log_in()
    assert hall.refused("676")[0] == 486
    assert hall.refused("690")[0] == 486


@pytest.mark.parametrize("dialled", ["112", "#74112", "#64667*112"])
def test_emergency_calls_stay_the_phones_own(hall: Hall, dialled: str) -> None:
    hall.log_in()
    call = hall.desk.call(dialled)
    theirs = hall.world.carrier.expect_call()
    assert user_of(theirs.invite.get("p-asserted-identity")) == "+6221500690"
    assert user_of(theirs.invite.get("from")) == "+6221500690"
    call.cancel()
    hall.world.run(1)
    assert set(hall.world.history[-1].parties) == {"112", "690"}


def test_the_phones_own_number_still_rings_it(hall: Hall) -> None:
    hall.log_in()
    call = hall.world.phone("601").call("690")
    hall.desk.expect_call()
    call.cancel()
    hall.world.run(1)
    decision = hall.world.history[-1].decision
    assert decision is not None
    assert any("logged in: Sam Secretary (676)" in rule.reason for rule in decision[2].trace)


def test_whoever_is_disabled_has_left_the_phone(hall: Hall) -> None:
    hall.log_in()
    core = hall.world.core
    users = [each if each.extension != "676" else User("676", each.name, each.password, each.numbers, each.location, status="disabled") for each in USERS]
    core.use_directory(hall.new_world(executive(), users=(*users, DESK)).core.directory)
    _, theirs = hall.world.talk(hall.desk, hall.world.phone("601"))
    assert user_of(theirs.invite.get("from")) == "690"


def test_the_page_is_told_that_somebody_has_other_phones_now(hall: Hall) -> None:
    told: list[Event] = []
    hall.world.core.bus.listen(told.append)
    hall.log_in()
    assert PhonesChanged("676", 1) in told
    hall.log_in("*90677*2580")
    assert {PhonesChanged("676", 0), PhonesChanged("677", 1)} <= set(told)


# --- the PIN ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialled", ["*90676*4711", "*906764711", "*909994711", "*90676*9999"])
def test_the_pin_is_kept_and_told_nowhere(hall: Hall, dialled: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[Any] = []

    class Log:
        def __getattr__(self, name: str) -> Callable[..., None]:
            return lambda *args, **values: lines.append((args, values))

    monkeypatch.setattr(hall.world.core.calls, "log", Log())
    monkeypatch.setattr(hall.world.core, "log", Log())
    monkeypatch.setattr(logs, "for_call", lambda _: Log())
    call = hall.desk.call(dialled)
    call.expect_ended()
    hall.world.run(5)
    row = hall.world.history[-1]
    assert row.decision is not None
    everything = f"{row} {decisions.dumps(row.decision)} {lines} {hall.kept} {[str(each) for each in call.responses]}"
    pin = dialled[-4:]
    assert f"*90{'676' if '676' in dialled else ''}*****" in everything
    assert f"{pin}" not in everything.replace(dialled, "")
    assert dialled not in f"{row} {decisions.dumps(row.decision)} {lines} {hall.kept}"


def test_an_attempt_that_is_refused_at_the_door_keeps_no_pin_either(hall: Hall) -> None:
    hall.desk.call("*90676*4711", ["Accept: text/html"]).expect_ended()
    hall.desk.call("*90676*4711", ["Replaces: nothing;to-tag=1;from-tag=2"]).expect_ended()
    hall.world.run(1)
    assert [row.called for row in hall.world.history] == ["*90676*****", "*90676*****"]


def test_an_answer_that_does_not_come_is_not_waited_for(hall: Hall) -> None:
    hall.slow = True
    call = hall.desk.call("*90676*4711")
    hall.world.run(4)
    assert call.state != "ended"
    call.expect_ended(within=2)
    assert call.status == 504
    hall.waiting[0]("ok")
    assert hall.who() is None


def test_who_hangs_up_meanwhile_is_not_logged_in(hall: Hall) -> None:
    hall.slow = True
    call = hall.desk.call("*90676*4711")
    hall.world.run(0.5)
    call.cancel()
    hall.world.run(0.5)
    hall.waiting[0]("ok")
    hall.world.run(1)
    assert hall.who() is None
    assert hall.world.history[-1].outcome == "cancelled"


def test_two_at_once_are_let_in_in_the_order_of_the_answers(hall: Hall) -> None:
    hall.slow = True
    calls = [hall.desk.call("*90676*4711"), hall.desk.call("*90677*2580")]
    hall.world.run(0.5)
    for done in reversed(hall.waiting):
        done("ok")
    for call in calls:
        call.expect_up()
    assert hall.who() == "676"


def test_a_phone_that_offers_nothing_is_offered_something(hall: Hall) -> None:
    call = hall.desk.call("*90676*4711", sdp=False)
    call.expect_up()
    assert hall.who() == "676"


def test_an_offer_that_cannot_be_answered_asks_nobody(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sdp, "__bytes__", lambda _self: b"v=0\r\nm=audio\r\n")
    hall.desk.call("*90676*4711").expect_ended(488)
    assert (hall.asked, hall.who()) == ([], None)

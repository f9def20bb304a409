"""Keys during a call: which are ours, and that all others reach the other side, in their order (RFC 4733, INFO)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from b2bua.delegation.keypad import WAIT_SECONDS
from tests.fake_media import FakeMedia
from tests.phones import PhoneCall, Sip
from tests.world import NUMBER, World, executive

NewWorld = Callable[..., World]
RELAY, PLAIN = "application/dtmf-relay", "application/dtmf"


class Office:
    """A call to Olivia (667) that Sam (676) has taken; the caller is Lee (601) or somebody outside."""

    def __init__(self, new_world: NewWorld, *, outside: bool = True) -> None:
        self.media = FakeMedia()
        self.world = new_world(executive("667", "676"), media=self.media)
        self.sam = self.world.phone("676")
        if outside:
            self.caller = self.world.carrier.call_from(NUMBER, "+6221500667")
        else:
            self.caller = self.world.phone("601").call("667")
        self.at_sam = self.sam.expect_call()
        self.at_sam.ring()
        self.at_sam.answer()
        self.caller.expect_up()
        self.at_sam.expect_up()

    def press(self, digits: str) -> None:
        self.world.press(self.at_sam, digits)

    def given(self, call: PhoneCall) -> str:
        """The keys that a party was given by the engine."""
        return self.media.sent.get(self.media.find(bytes(call.remote_sdp)), "")  # type: ignore[arg-type]

    def mode(self, call: PhoneCall) -> str:
        """What the engine does with the keys of a party."""
        id_ = self.media.find(bytes(call.remote_sdp))  # type: ignore[arg-type]
        return next(each.digits for context in self.media.contexts.values() for each in context.terminations if each.id == id_)


@pytest.fixture
def office(new_world: NewWorld) -> Office:
    return Office(new_world)


# --- telephone events ---------------------------------------------------------------------------------------------------------


def test_keys_that_are_no_code_reach_the_other_side_at_once(office: Office) -> None:
    office.press("1234")
    assert office.given(office.caller) == "1234"
    assert office.given(office.at_sam) == ""


def test_keys_that_might_become_a_code_are_held_back_for_a_while(office: Office) -> None:
    office.press("##2")
    assert office.given(office.caller) == ""
    office.world.run(WAIT_SECONDS + 0.1)
    assert office.given(office.caller) == "##2"


def test_the_key_that_ends_the_hope_of_a_code_brings_the_others_with_it(office: Office) -> None:
    office.press("5##")
    assert office.given(office.caller) == "5"
    office.press("7")
    assert office.given(office.caller) == "5##7"


def test_keys_before_a_code_reach_the_other_side_and_the_code_does_not(office: Office) -> None:
    boss = office.world.phone("667")
    caller = office.media.find(bytes(office.caller.remote_sdp))  # type: ignore[arg-type]
    office.press("9###20")
    boss.expect_call()
    assert office.media.sent[caller] == "9#"


def test_a_slow_code_is_no_code(office: Office) -> None:
    boss = office.world.phone("667")
    office.press("##2")
    office.world.run(WAIT_SECONDS + 0.1)
    office.press("0")
    boss.expect_no_call(WAIT_SECONDS + 1)
    assert office.given(office.caller) == "##20"


def test_the_keys_of_who_has_no_codes_are_not_looked_at(office: Office) -> None:
    assert (office.mode(office.caller), office.mode(office.at_sam)) == ("pass", "take")


def test_a_colleague_who_is_nobodys_assistant_has_no_codes(new_world: NewWorld) -> None:
    office = Office(new_world, outside=False)
    boss = office.world.phone("667")
    assert office.mode(office.caller) == "pass"
    for digit in "##20":
        office.caller.info(digit).expect(200)
    boss.expect_no_call(3)
    assert [info_keys(each) for each in office.sam.heard("INFO")] == ["#", "#", "2", "0"]


def test_the_keys_of_who_holds_do_not_reach_who_is_held(office: Office) -> None:
    office.at_sam.hold().expect(200)
    office.world.run(0.5)
    office.press("12")
    assert office.given(office.caller) == ""
    office.at_sam.resume().expect(200)
    office.world.run(0.5)
    office.press("3")
    assert office.given(office.caller) == "3"


def test_the_keys_of_who_is_held_do_not_reach_who_holds(office: Office) -> None:
    office.at_sam.hold().expect(200)
    office.world.run(0.5)
    office.world.press(office.caller, "7")
    assert office.given(office.at_sam) == ""


# --- INFO ---------------------------------------------------------------------------------------------------------------------


def info_keys(info: Sip) -> str:
    return info.body.decode().partition("Signal=")[2].split()[0]


@pytest.mark.parametrize("kind", [RELAY, PLAIN, "Application/DTMF-Relay; version=1"])
def test_keys_in_info_are_keys(office: Office, kind: str) -> None:
    body = b"5" if kind == PLAIN else b"Signal=5\r\nDuration=160\r\n"
    office.at_sam.send("INFO", body=body, content_type=kind).expect(200)
    assert office.given(office.caller) == "5"


def test_telephone_events_and_info_are_one_keypad(office: Office) -> None:
    boss = office.world.phone("667")
    office.press("##")
    office.at_sam.info("2").expect(200)
    office.press("0")
    boss.expect_call()


def test_info_of_the_other_side_crosses_as_it_is(office: Office) -> None:
    office.caller.send("INFO", body=b"Signal=*\r\nDuration=70\r\n", content_type=RELAY).expect(200)
    (info,) = office.sam.heard("INFO")
    assert (info.get("content-type"), info.body) == (RELAY, b"Signal=*\r\nDuration=70\r\n")


def test_info_that_is_about_no_keys_crosses_as_it_is(office: Office) -> None:
    office.at_sam.send("INFO", body=b"<x/>", content_type="application/media_control+xml").expect(200)
    (info,) = office.world.carrier.heard("INFO")
    assert info.body == b"<x/>"


@pytest.mark.parametrize("body", [b"Signal=\r\n", b"Signal=Q\r\n", b"hello", b"Signal=1" * 300])
def test_info_without_keys_is_refused(office: Office, body: bytes) -> None:
    office.at_sam.send("INFO", body=body, content_type=RELAY).expect(400)
    assert office.given(office.caller) == ""
    assert office.at_sam.state == "up"


def test_keys_of_who_waits_lead_nowhere(office: Office) -> None:
    boss = office.world.phone("667")
    office.press("##20")
    at_boss = boss.expect_call()
    office.caller.info("1").expect(200)
    office.caller.send("INFO", body=b"<x/>", content_type="application/media_control+xml").expect(415)
    office.caller.send("INFO").expect(200)
    assert not at_boss.phone.heard("INFO") and not office.media.sent


# --- a call whose sound goes directly -----------------------------------------------------------------------------------------


class Direct:
    """Sam (676) talks to Lee (601), and the sound goes directly: the engine was away when they began, or there is none."""

    def __init__(self, new_world: NewWorld, *, engine: bool) -> None:
        self.media = FakeMedia()
        self.media.available = False
        self.world = new_world(executive("667", "676"), media=self.media if engine else None)
        self.sam, self.lee = self.world.phones("676", "601")
        self.mine, self.theirs = self.world.talk(self.sam, self.lee)
        self.media.available = True

    def arrived(self) -> str:
        return "".join(info_keys(each) for each in self.lee.heard("INFO"))


@pytest.fixture(params=[True, False], ids=["engine", "no engine"])
def straight(new_world: NewWorld, request: pytest.FixtureRequest) -> Direct:
    return Direct(new_world, engine=request.param)


def test_info_in_a_direct_call_crosses_as_it_is(straight: Direct) -> None:
    straight.mine.send("INFO", body=b"Signal=5\r\nDuration=70\r\n", content_type=RELAY).expect(200)
    (info,) = straight.lee.heard("INFO")
    assert info.body == b"Signal=5\r\nDuration=70\r\n"


def test_and_so_does_what_the_other_side_says_to_it(straight: Direct) -> None:
    straight.lee.hooks["INFO"] = lambda call, request: 405
    straight.mine.info("5").expect(405)


def test_keys_held_back_in_a_direct_call_reach_the_other_side_in_their_order(straight: Direct) -> None:
    for digit in "1##23":
        straight.mine.info(digit).expect(200)
        straight.world.run(0.05)
    assert straight.arrived() == "1##23"


def test_and_when_no_key_follows(straight: Direct) -> None:
    straight.mine.info("#").expect(200)
    assert straight.arrived() == ""
    straight.world.run(WAIT_SECONDS + 0.1)
    assert straight.arrived() == "#"
    assert straight.mine.state == straight.theirs.state == "up"


def test_the_other_side_may_know_no_info(straight: Direct) -> None:
    straight.lee.hooks["INFO"] = lambda call, request: 405
    straight.mine.info("#").expect(200)
    straight.world.run(WAIT_SECONDS + 0.1)
    assert straight.mine.state == straight.theirs.state == "up"
    straight.mine.hang_up()


def test_a_code_without_an_engine_is_refused_and_the_call_goes_on(new_world: NewWorld) -> None:
    straight = Direct(new_world, engine=False)
    boss = straight.world.phone("667")
    for digit in "##20":
        straight.mine.info(digit).expect(200)
    boss.expect_no_call(1)
    assert straight.arrived() == ""
    assert straight.mine.state == straight.theirs.state == "up"


def test_hanging_up_with_keys_held_back_leaves_nothing(straight: Direct) -> None:
    straight.mine.info("#").expect(200)
    straight.mine.hang_up()
    straight.world.run(1)
    assert straight.theirs.state == "ended" and straight.arrived() == ""

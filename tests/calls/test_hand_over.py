"""A call is handed over with a note, or announced (C13)."""

from __future__ import annotations

import pytest

from b2bua.calls.commands import End, PushBack
from b2bua.calls.pushing import ANSWER_SECONDS
from tests.calls.handing_over import NOTE, NewWorld, Office, announced, answer, asked, engine, given, goes_on, keys
from tests.fake_media import FakeMedia
from tests.world import NUMBER, executive


@pytest.fixture
def office(new_world: NewWorld) -> Office:
    return Office(new_world(executive("667", "676"), media=FakeMedia()))


# --- C13: a note --------------------------------------------------------------------------------------------------------------

def test_a_note_is_shown_before_the_executive_answers(office: Office) -> None:
    office.order(PushBack("676", note=NOTE))
    at_boss = office.boss.expect_call(shows=(f"Note: {NOTE} – Customer", NUMBER))
    assert at_boss.invite.get("subject") == NOTE
    assert f'"Note: {NOTE} – Customer"' in at_boss.invite.get("p-asserted-identity")


def test_a_note_is_made_fit_for_a_display_and_for_a_header(office: Office) -> None:
    office.order(PushBack("676", note='ring\r\nVia: "him"' + "x" * 200))
    at_boss = office.boss.expect_call()
    assert at_boss.caller[0].startswith('Note: ring  Via: "him"xxx') and at_boss.caller[0].endswith("… – Customer")
    assert len(at_boss.caller[0]) == 60
    assert len(at_boss.invite.get("subject")) <= 128 and len(at_boss.invite.all("via")) == 1


def test_accepted_by_key(office: Office) -> None:
    at_boss = asked(office)
    assert office.hears(at_boss, caller=office.caller) == {"note", "accept"}
    assert office.hears(office.caller, boss=at_boss) == {"music"}
    office.world.press(at_boss, "1")
    assert office.hears(at_boss, caller=office.caller) == {"caller"}
    assert office.hears(office.caller, boss=at_boss) == {"boss"}
    office.caller.hang_up()
    office.world.run(1)
    assert at_boss.state == "ended"
    assert office.segments() == [("talk", "676", "answered"), ("hold", "667", "asked"), ("talk", "667", "accepted")]


def test_accepted_by_info(office: Office) -> None:
    at_boss = asked(office)
    keys(at_boss, "1")
    assert office.hears(office.caller, boss=at_boss) == {"boss"}


def test_who_has_heard_the_question_and_says_nothing_is_connected(office: Office) -> None:
    at_boss = asked(office)
    engine(office.world).finish(given(at_boss))
    office.world.run(1)
    assert office.hears(office.caller, boss=at_boss) == {"music"}
    assert office.hears(at_boss, caller=office.caller) == {"music"}
    office.world.run(ANSWER_SECONDS)
    assert office.hears(office.caller, boss=at_boss) == {"boss"}


@pytest.mark.parametrize(("key", "shown", "why"), [("2", "Later", "later"), ("3", "Take a message", "message"), ("", "Later", "later")])
def test_not_now(office: Office, key: str, shown: str, why: str) -> None:
    """By key, or by hanging up."""
    at_boss = asked(office)
    if key:
        office.world.press(at_boss, key)
    else:
        at_boss.hang_up()
    again = office.sam.expect_call(shows=(f"{shown} – Customer → Olivia Boss", NUMBER))
    assert at_boss.state == "ended" and office.caller.state == "up"
    assert again.invite.get("subject") == shown
    assert office.hears(office.caller) == {"music"}
    answer(again)
    assert office.hears(office.caller, sam=again) == {"sam"}
    again.hang_up()
    office.world.run(1)
    assert office.segments() == [("talk", "676", "answered"), ("hold", "667", "asked"), ("talk", "676", why)]


def test_a_caller_who_hangs_up_while_the_executive_is_asked(office: Office) -> None:
    at_boss = asked(office)
    office.caller.hang_up()
    office.world.run(1)
    assert at_boss.state == "ended" and len(office.sam.calls) == 1


def test_other_keys_do_not_reach_who_waits(office: Office) -> None:
    at_boss = asked(office)
    office.world.press(at_boss, "9")
    office.world.run(3)
    assert not engine(office.world).sent
    assert office.hears(office.caller, boss=at_boss) == {"music"}


def test_the_caller_learns_who_it_is_when_the_executive_has_accepted(new_world: NewWorld) -> None:
    world = new_world(executive("667", "676"), media=FakeMedia())
    lee, sam, boss = world.phones("601", "676", "667")
    mine = lee.call("667")
    answer(sam.expect_call())
    (call,) = world.core.calls.calls
    world.core.calls.order(call, PushBack("676", note=NOTE), lambda _: None)
    at_boss = boss.expect_call()
    answer(at_boss)

    def told() -> list[str]:
        return [each.get("p-asserted-identity") for each in (*lee.heard("INVITE"), *lee.heard("UPDATE"))]

    assert told() == []
    world.press(at_boss, "1")
    world.run(3)
    assert told() == ['"Olivia Boss" <sip:667@acme.test>']
    assert world.hears(mine, boss=at_boss) == {"boss"}


def test_nothing_of_the_executive_reaches_who_waits(office: Office) -> None:
    at_boss = asked(office)
    at_boss.send("INFO", body=b"<x/>", content_type="application/media_control+xml").expect(415)
    assert not office.world.carrier.heard("INFO")


def test_a_note_that_nobody_has_answered_comes_back_without_it(office: Office) -> None:
    office.order(PushBack("676", note=NOTE))
    office.boss.expect_call().reject(486)
    again = office.sam.expect_call(shows=("Customer → Olivia Boss", NUMBER))
    answer(again)
    assert office.hears(office.caller, sam=again) == {"sam"}


# --- C13: an announcement -----------------------------------------------------------------------------------------------------


def test_announced_and_accepted_by_key(office: Office) -> None:
    at_boss = office.push("*86")
    finish_tone(office)
    assert office.at_sam.state == "up"
    assert office.hears(office.at_sam, caller=office.caller, boss=at_boss) == {"tone:ringback"}
    assert office.hears(office.caller, sam=office.at_sam) == {"music"}
    answer(at_boss)
    assert office.hears(office.at_sam, boss=at_boss, caller=office.caller) == {"boss"}
    assert office.hears(at_boss, sam=office.at_sam, caller=office.caller) == {"sam"}
    assert office.hears(office.caller, sam=office.at_sam, boss=at_boss) == {"music"}
    office.world.press(at_boss, "1")
    office.world.run(0.5)
    assert office.at_sam.state == "ended" and office.at_sam.reason.endswith('text="The executive has taken the call"')
    assert office.hears(office.caller, boss=at_boss) == {"boss"}
    at_boss.hang_up()
    office.world.run(1)
    assert office.segments() == [
        ("talk", "676", "answered"),
        ("hold", "676", "announced"),
        ("talk", "676", "announced"),
        ("talk", "667", "announced"),
        ("talk", "667", "accepted"),
    ]


def finish_tone(office: Office) -> None:
    engine(office.world).finish(given(office.at_sam))
    office.world.run(0.01)


def test_who_has_announced_a_call_hangs_up(office: Office) -> None:
    at_boss = announced(office)
    office.at_sam.hang_up()
    office.world.run(0.5)
    assert office.hears(office.caller, boss=at_boss) == {"boss"}
    assert office.hears(at_boss, caller=office.caller) == {"caller"}


def test_who_announces_sends_it_on_by_key(office: Office) -> None:
    at_boss = announced(office)
    office.world.press(office.at_sam, "##20")
    office.world.run(0.5)
    assert office.at_sam.state == "ended"
    assert office.hears(office.caller, boss=at_boss) == {"boss"}


@pytest.mark.parametrize(("key", "why"), [("2", "later"), ("3", "message"), ("", "later")])
def test_announced_in_vain(office: Office, key: str, why: str) -> None:
    at_boss = announced(office)
    if key:
        office.world.press(at_boss, key)
    else:
        at_boss.hang_up()
    office.world.run(0.5)
    assert at_boss.state == "ended"
    assert office.hears(office.caller, sam=office.at_sam) == {"sam"}
    assert office.hears(office.at_sam, caller=office.caller) >= {"caller"}
    office.at_sam.hang_up()
    office.world.run(1)
    assert office.segments()[-1] == ("talk", "676", why)
    assert office.world.history[0].answered_by == "676"


def test_nobody_to_announce_it_to(office: Office) -> None:
    office.push("*86").reject(486)
    office.world.run(0.5)
    assert office.hears(office.caller, sam=office.at_sam) == {"sam"}
    assert office.hears(office.at_sam, caller=office.caller) == {"caller", "tone:error"}
    assert len(office.sam.calls) == 1, "who is in the call is not rung for it"


@pytest.mark.parametrize("by", ["hanging up", "key", "command"])
def test_who_wants_to_announce_it_does_not_wait(office: Office, by: str) -> None:
    """The call rings on for the executive, and comes back if nobody answers."""
    at_boss = office.push("*86")
    if by == "hanging up":
        office.at_sam.hang_up()
    elif by == "key":
        office.world.press(office.at_sam, "##20")
    else:
        assert office.order(End("676")).done
    office.world.run(0.5)
    assert office.at_sam.state == "ended"
    assert at_boss.state == "ringing" and len(office.boss.calls) == 1
    assert office.hears(office.caller) == {"music"}
    at_boss.reject(486)
    again = office.sam.expect_call()
    answer(again)
    assert office.hears(office.caller, sam=again) == {"sam"}


@pytest.mark.parametrize("answered", [False, True])
def test_a_caller_who_hangs_up_during_the_announcement_ends_it(office: Office, answered: bool) -> None:
    at_boss = announced(office) if answered else office.push("*86")
    office.caller.hang_up()
    office.world.run(1)
    assert at_boss.state == office.at_sam.state == "ended"


def test_who_announces_has_the_caller_back_when_the_ringing_is_stopped(office: Office) -> None:
    """Whatever it is that stops it."""
    office.push("*86")
    conversation = next(iter(office.world.core.calls.calls.values())).conversation
    assert conversation is not None
    conversation.stop_ringing()
    conversation.apply("stopped")
    assert office.hears(office.caller, sam=office.at_sam) == {"sam"}


def test_keys_of_an_announcement_do_not_reach_who_waits(office: Office) -> None:
    announced(office)
    office.world.press(office.at_sam, "5")
    assert len(engine(office.world).sent) == 1


def test_an_engine_that_cannot_mix_announces_nothing(office: Office) -> None:
    engine(office.world).abilities = frozenset({"relay", "play", "digits"})
    assert office.order(PushBack("676", announced=True)).status == 488
    goes_on(office)


# --- over a restart -----------------------------------------------------------------------------------------------------------


def die_and_rise(office: Office) -> None:
    office.world.run(0.3)
    office.world.kill()
    office.world.run(2)
    office.world.revive()
    office.world.run(0.1)


def test_who_is_asked_stays_asked(office: Office) -> None:
    at_boss = asked(office)
    die_and_rise(office)
    assert office.hears(office.caller, boss=at_boss) == {"music"}
    office.world.press(at_boss, "2")
    again = office.sam.expect_call(shows=("Later – Customer → Olivia Boss", NUMBER))
    answer(again)
    assert office.hears(office.caller, sam=again) == {"sam"}


def test_who_is_asked_is_connected_in_the_end(office: Office) -> None:
    at_boss = asked(office)
    die_and_rise(office)
    office.world.run(ANSWER_SECONDS)
    assert office.hears(office.caller, boss=at_boss) == {"boss"}


def test_an_announcement_goes_on(office: Office) -> None:
    at_boss = announced(office)
    die_and_rise(office)
    assert office.hears(office.caller, sam=office.at_sam, boss=at_boss) == {"music"}
    assert office.hears(at_boss, sam=office.at_sam, caller=office.caller) == {"sam"}
    office.world.press(at_boss, "1")
    office.world.run(0.5)
    assert office.hears(office.caller, boss=at_boss) == {"boss"}
    assert office.at_sam.state == "ended"


def test_who_was_rung_for_an_announcement_is_rung_again(office: Office) -> None:
    lost = office.push("*86")
    die_and_rise(office)
    lost.reject(487)  # nobody is left who could cancel it
    at_boss = office.boss.expect_call()
    answer(at_boss)
    assert office.hears(at_boss, sam=office.at_sam, caller=office.caller) == {"sam"}


def test_who_is_asked_does_not_park_the_call(new_world: NewWorld) -> None:
    """The question is still open: it is answered by keys of its own."""
    office = Office(new_world(executive("667", "676"), media=FakeMedia()))
    at_boss = asked(office)
    office.world.press(at_boss, "*68")
    office.world.run(1.0)
    assert not office.world.core.calls.parking.occupied
    office.world.run(12.0)
    assert office.hears(office.caller, boss=at_boss) == {"boss"}

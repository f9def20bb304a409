"""Push to the executive and back (C5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from b2bua.calls.commands import Outcome, PushBack
from b2bua.delegation.people import Forwarding
from tests.calls.handing_over import NOTE, NewWorld, Office, answer, engine, given, goes_on, keys
from tests.fake_media import FakeMedia
from tests.phones import Phone, PhoneCall
from tests.world import NUMBER, USERS, Rollover, World, executive

RECALL_SECONDS = 20.0
"""The executive's recall time, unless configured."""


@pytest.fixture
def office(new_world: NewWorld) -> Office:
    return Office(new_world(executive("667", "676"), media=FakeMedia()))


# --- C5 -----------------------------------------------------------------------------------------------------------------------


def by_telephone_events(office: Office) -> None:
    office.world.press(office.at_sam, "##20")


def by_short_code(office: Office) -> None:
    office.world.press(office.at_sam, "#63")


def by_info_relay(office: Office) -> None:
    for digit in "##20":
        office.at_sam.info(digit).expect(200)


def by_info_plain(office: Office) -> None:
    for digit in "##20":
        office.at_sam.send("INFO", body=digit.encode(), content_type="application/dtmf").expect(200)


def by_one_info(office: Office) -> None:
    office.at_sam.send("INFO", body=b"##20", content_type="application/dtmf").expect(200)


def by_command(office: Office) -> None:
    assert office.order(PushBack("676")) == Outcome(200, "sent to Olivia Boss")


def while_held(office: Office) -> None:
    office.at_sam.hold().expect(200)
    office.world.run(0.5)
    office.world.press(office.at_sam, "##20")


def dialled_while_held(office: Office) -> None:
    office.at_sam.hold().expect(200)
    office.world.run(0.5)
    office.sam.call("%23%2320")


def by_refer(office: Office) -> None:
    office.at_sam.refer("%23%2320").expect(202)


WAYS = [by_telephone_events, by_short_code, by_info_relay, by_info_plain, by_one_info, by_command, while_held, dialled_while_held, by_refer]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_sent_to_the_executive(office: Office, way: Callable[[Office], None]) -> None:
    way(office)
    at_boss = office.boss.expect_call(shows=("Customer", NUMBER))
    assert f"<sip:{NUMBER}@" in at_boss.invite.get("p-asserted-identity")
    assert at_boss.invite.get("diversion") == "<sip:676@acme.test>;reason=deflection;counter=1"
    assert office.hears(office.caller, sam=office.at_sam) == {"music"}
    assert office.at_sam.state == "ended" and office.at_sam.reason == 'SIP;cause=200;text="Sent to Olivia Boss"'
    answer(at_boss)
    assert office.hears(office.caller, boss=at_boss) == {"boss"}
    assert office.hears(at_boss, caller=office.caller) == {"caller"}
    at_boss.hang_up()
    office.world.run(1)
    assert office.caller.state == "ended"
    (row,) = office.world.history
    assert (row.answered_by, row.executive, row.outcome) == ("667", "667", "answered")
    held = [("hold", "676", "held")] if way in (while_held, dialled_while_held) else []
    assert office.segments() == [("talk", "676", "answered"), *held, ("talk", "667", "sent to the executive")]


def test_the_executive_rings_in_the_instant_of_the_last_key(office: Office) -> None:
    office.world.press(office.at_sam, "##2")
    pressed_at = office.world.wire.now
    office.world.press(office.at_sam, "0")
    rung_at = [packet.at for packet in office.world.sent_to(office.boss) if packet.start_line.startswith("INVITE")]
    assert rung_at == [pressed_at]


def test_not_answered_comes_back_to_who_has_sent_it(office: Office) -> None:
    at_boss = office.push()
    office.world.run(RECALL_SECONDS - 1)
    assert at_boss.state == "ringing" and len(office.sam.calls) == 1
    again = office.sam.expect_call()
    assert at_boss.state == "ended"
    assert again.invite.get("alert-info").endswith(";info=recall")
    assert "sip:667@acme.test" in again.invite.get("diversion")
    assert office.hears(office.caller, boss=at_boss) == {"music"}
    answer(again)
    assert office.hears(office.caller, sam=again) == {"sam"}
    again.hang_up()
    office.world.run(1)
    assert office.segments() == [("talk", "676", "answered"), ("talk", "676", "recalled")]
    assert office.world.history[0].answered_by == "676"


@pytest.mark.parametrize("status", [486, 603])
def test_declined_comes_back_at_once(office: Office, status: int) -> None:
    at_boss = office.push()
    at_boss.reject(status)
    again = office.sam.expect_call(within=0.2)
    assert again.invite.get("alert-info").endswith(";info=recall")
    answer(again)
    assert office.hears(office.caller, sam=again) == {"sam"}


def test_nobody_at_all_ends_at_the_rollover(new_world: NewWorld) -> None:
    office = Office(new_world(executive("667", "676", rollover=Rollover(action="forward", forward="601")), media=FakeMedia()))
    lee = office.world.phone("601")
    office.push().reject(486)
    office.sam.expect_call().reject(486)
    at_lee = lee.expect_call()
    answer(at_lee)
    assert office.hears(office.caller, lee=at_lee) == {"lee"}


def test_when_all_is_in_vain_the_caller_is_told(new_world: NewWorld) -> None:
    office = Office(new_world(executive("667", "676"), media=FakeMedia()))
    while office.caller.state == "up" and office.hears(office.caller) != {"unavailable"}:
        if office.at_sam.state == "up":
            office.push().reject(486)
        for phone in (office.sam, office.boss):
            for call in phone.calls:
                if call.state == "ringing":
                    call.reject(486)
        office.world.run(0.1)
    assert office.hears(office.caller) == {"unavailable"}
    engine(office.world).finish(given(office.caller))
    office.world.run(0.5)
    assert office.caller.state == "ended"


def test_when_the_words_never_end_the_caller_is_let_go_all_the_same(new_world: NewWorld) -> None:
    office = Office(new_world(executive("667", "676"), media=FakeMedia()))
    office.push()
    office.sam.vanish()
    office.boss.vanish()
    office.world.run(200)
    assert office.caller.state == "ended"


def test_a_caller_who_hangs_up_stops_everything(office: Office) -> None:
    at_boss = office.push()
    office.caller.hang_up()
    office.world.run(1)
    assert at_boss.state == "ended"
    assert len(office.sam.calls) == 1


def test_the_called_party_of_a_call_on_behalf_waits(new_world: NewWorld) -> None:
    world = new_world(executive("667", "676"), media=FakeMedia())
    sam, boss = world.phones("676", "667")
    mine, customer = world.talk(sam, world.carrier, number=f"#64667*{NUMBER}")
    world.press(mine, "##20")
    at_boss = boss.expect_call()
    assert at_boss.caller[1] == NUMBER
    assert mine.state == "ended" and world.hears(customer, sam=mine) == {"music"}
    answer(at_boss)
    assert world.hears(customer, boss=at_boss) == {"boss"}
    customer.hang_up()
    world.run(1)
    (row,) = world.history
    assert row.on_behalf_of == "667" and ("talk", "667") in [(each.kind, each.party) for each in row.segments]


def test_an_executive_who_forwards_calls_is_called_there_and_not_asked(new_world: NewWorld) -> None:
    """The note is for the executive: whoever stands in is not shown it, nor asked."""
    users = [each if each.extension != "667" else replace(each, forwarding=Forwarding(always="601")) for each in USERS]
    office = Office(new_world(executive("667", "676"), users=users, media=FakeMedia()))
    lee = office.world.phone("601")
    assert office.order(PushBack("676", note=NOTE)).done
    at_lee = lee.expect_call(shows=("Customer", NUMBER))
    assert not at_lee.invite.get("subject")
    answer(at_lee)
    assert office.hears(office.caller, lee=at_lee) == {"lee"}


# Refusals: the call goes on.


def test_refused_while_the_executive_cannot_be_reached(new_world: NewWorld) -> None:
    office = Office(new_world(executive("667", "676"), media=FakeMedia()), boss=False)
    office.world.press(office.at_sam, "##20")
    assert office.hears(office.at_sam, caller=office.caller) == {"caller", "tone:error", "unavailable"}
    goes_on(office)
    assert office.order(PushBack("676")) == Outcome(480, "the executive cannot be reached")


def test_refused_for_who_is_not_in_the_call(office: Office) -> None:
    assert office.order(PushBack("677")) == Outcome(403, "you are not in this call")
    goes_on(office)


def test_refused_without_a_media_engine(new_world: NewWorld) -> None:
    world = new_world(executive("667", "676"))
    sam, boss, lee = world.phones("676", "667", "601")
    mine, theirs = world.talk(sam, lee)
    (call,) = world.core.calls.calls
    found: list[Outcome] = []
    world.core.calls.order(call, PushBack("676"), found.append)
    assert found == [Outcome(488, "there is no media engine for this call")]
    assert mine.state == theirs.state == "up"
    boss.expect_no_call(1)


def test_refused_when_the_other_phone_does_not_let_itself_be_moved(new_world: NewWorld) -> None:
    world, mine, theirs, boss = direct(new_world)
    theirs.phone.hooks["INVITE"] = lambda call, request: 488 if call is not None else None
    keys(mine, "##20")
    boss.expect_no_call(1)
    assert mine.state == theirs.state == "up"
    assert theirs.hears(mine)
    assert world.media is not None and world.media.ports_in_use == 0


# A call whose sound goes directly.


def direct(new_world: NewWorld) -> tuple[World, PhoneCall, PhoneCall, Phone]:
    """Sam talks to Lee, and the sound goes directly: the engine was away when they began."""
    media = FakeMedia()
    media.available = False
    world = new_world(executive("667", "676"), media=media)
    sam, lee, boss = world.phones("676", "601", "667")
    mine, theirs = world.talk(sam, lee)
    media.available = True
    assert not media.contexts
    return world, mine, theirs, boss


def test_a_direct_call_is_brought_here_and_sent(new_world: NewWorld) -> None:
    world, mine, theirs, boss = direct(new_world)
    keys(mine, "##20")
    at_boss = boss.expect_call(shows=("Lee Colleague", "601"))
    assert world.hears(theirs) == {"music"}
    assert mine.state == "ended"
    answer(at_boss)
    assert world.hears(theirs, boss=at_boss) == {"boss"}


def test_a_glare_delays_the_push_and_no_more(new_world: NewWorld) -> None:
    world, mine, theirs, boss = direct(new_world)
    glare = iter([491, 491])
    theirs.phone.hooks["INVITE"] = lambda call, request: next(glare, None) if call is not None else None
    keys(mine, "##20")
    at_boss = boss.expect_call(within=10)
    answer(at_boss)
    assert world.hears(theirs, boss=at_boss) == {"boss"}


def test_hanging_up_while_a_direct_call_is_brought_here(new_world: NewWorld) -> None:
    for who in ("mine", "theirs"):
        world, mine, theirs, boss = direct(new_world)
        theirs.phone.hooks["INVITE"] = lambda call, request: 0 if call is not None else None
        found: list[Outcome] = []
        world.core.calls.order(next(iter(world.core.calls.calls)), PushBack("676"), found.append)
        world.run(0.1)
        (mine if who == "mine" else theirs).hang_up()
        world.run(2 if who == "theirs" else 40)  # a phone that is silent has the time of an INVITE
        assert mine.state == theirs.state == "ended"
        assert found == [Outcome(404, "somebody has hung up")]
        assert not boss.calls


@pytest.mark.parametrize("code", ["##20", "*86", "*85"])
def test_the_last_key_and_hanging_up(new_world: NewWorld, code: str) -> None:
    """As people do. The sound is still being brought here: the call is sent all the same."""
    for offset in [step * 0.0005 for step in range(1, 12)]:
        world = new_world(executive("667", "676", "677"), media=FakeMedia())
        assert world.media is not None
        world.media.available = False
        boss, sam, ana = world.phones("667", "676", "677")
        caller = world.carrier.call("+6221500667")
        at_sam = sam.expect_call()
        at_sam.answer()
        caller.expect_up()
        ana.expect_call().expect_ended()
        world.media.available = True
        for digit in code:
            at_sam.info(digit)
        world.wire.after(offset, partial(hang_up, at_sam))
        again = (ana if code == "*85" else boss).expect_call()
        answer(again)
        assert world.hears(caller, other=again) == {"other"}
        world.settle(40.0)


def hang_up(call: PhoneCall) -> None:
    if call.state == "up":
        call.hang_up()

"""Hold, resume and other offers in a call whose sound comes to the server (C15)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.fake_media import FakeMedia
from tests.phone_call import PhoneCall
from tests.phone_transactions import Attempt
from tests.plain_sip import Sdp, write
from tests.world import World


@pytest.fixture
def office(new_world: Callable[..., World]) -> World:
    return new_world(media=FakeMedia())


def delegated(world: World) -> tuple[PhoneCall, PhoneCall]:
    """A call to Olivia that Sam has taken."""
    sam = world.phone("676")
    mine = world.carrier.call("+6221500667")
    theirs = sam.expect_call()
    theirs.ring()
    theirs.answer()
    mine.expect_up()
    theirs.expect_up()
    return mine, theirs


def cancel(call: PhoneCall, attempt: Attempt) -> None:
    """CANCEL of a re-INVITE (RFC 3261 §14.2)."""
    request = attempt.request
    lines = [f"Via: {request.all('via')[0]}", f"From: {request.get('from')}", f"To: {request.get('to')}", f"Call-ID: {request.call_id}"]
    lines += [f"CSeq: {request.cseq[0]} CANCEL", "Max-Forwards: 70"]
    call.phone.attempt(write(f"CANCEL {request.uri} SIP/2.0", lines), attempt.way)


def test_held_and_resumed(office: World) -> None:
    caller, sam = delegated(office)
    sent = len(office.sent_to(office.carrier))
    sam.hold().expect(200)
    office.run(1)
    assert office.hears(caller, sam=sam) == {"music"}
    assert office.hears(sam, caller=caller) == set()
    assert sam.remote_sdp is not None and sam.remote_sdp.direction in ("recvonly", "inactive")
    sam.resume().expect(200)
    office.run(1)
    assert office.hears(caller, sam=sam) == {"sam"}
    assert office.hears(sam, caller=caller) == {"caller"}
    assert len(office.sent_to(office.carrier)) == sent, "the caller's phone is not asked anything"
    sam.hang_up()
    office.run(1)
    (row,) = office.history
    assert [(each.kind, each.party, each.why) for each in row.segments if each.kind != "ring"] == [
        ("talk", "676", "answered"),
        ("hold", "676", "held"),
        ("talk", "676", "resumed"),
    ]


def test_a_direct_call_is_brought_here_when_it_is_held(office: World) -> None:
    lee, mia = office.phones("601", "602")
    mine, theirs = office.talk(lee, mia)
    assert not office.media.contexts  # type: ignore[union-attr]
    mine.hold().expect(200)
    office.run(1)
    assert office.hears(theirs, lee=mine) == {"music"}
    mine.resume().expect(200)
    office.run(1)
    assert office.hears(theirs, lee=mine) == {"lee"}
    assert office.hears(mine, mia=theirs) == {"mia"}


def test_who_is_held_may_refuse_to_be_moved(office: World) -> None:
    lee, mia = office.phones("601", "602")
    mine, theirs = office.talk(lee, mia)
    theirs.phone.hooks["INVITE"] = lambda call, request: 488 if call is not None else None
    mine.hold().expect(488)
    office.run(1)
    assert not office.media.contexts and mine.state == theirs.state == "up"  # type: ignore[union-attr]
    assert office.media.ports_in_use == 0  # type: ignore[union-attr]


def test_both_hold_at_once(office: World) -> None:
    lee, mia = office.phones("601", "602")
    mine, theirs = office.talk(lee, mia)
    one, other = mine.hold(), theirs.hold()
    office.run(10)
    assert {attempt.final.status for attempt in (one, other) if attempt.final is not None} <= {200, 491}
    office.balanced()


@pytest.mark.parametrize("who", ["holder", "held"])
def test_hanging_up_while_held_ends_both(office: World, who: str) -> None:
    caller, sam = delegated(office)
    sam.hold().expect(200)
    (sam if who == "holder" else caller).hang_up()
    office.run(1)
    assert caller.state == sam.state == "ended"


def test_hanging_up_while_a_direct_call_is_moved(office: World) -> None:
    lee, mia = office.phones("601", "602")
    mine, theirs = office.talk(lee, mia)
    theirs.phone.hooks["INVITE"] = lambda call, request: 0 if call is not None else None
    mine.hold()
    office.run(1)
    theirs.hang_up()
    office.run(2)
    assert mine.state == theirs.state == "ended"


@pytest.mark.parametrize("host", ["239.1.1.1", "255.255.255.255", "127.0.0.1"])
def test_an_offer_that_points_where_nothing_may_be_sent(office: World, host: str) -> None:
    """Multicast, broadcast, and one of our own ports."""
    caller, sam = delegated(office)
    sam.local_sdp = sam.local_sdp._replace(host=host, port=20100, version=7)
    sam.reinvite().expect(488)
    office.run(0.1)
    assert office.hears(caller, sam=sam) == {"sam"}


@pytest.mark.parametrize("host", ["239.1.1.1", "media.example.com", "127.0.0.1"])
def test_a_call_whose_sound_would_go_where_nothing_may_be_sent(office: World, host: str) -> None:
    sam, lee = office.phones("676", "601")
    call = PhoneCall(lee)
    call.local_sdp = Sdp(host, 20100)
    lee.calls.append(call)
    call.dial("sip:667@acme.test", [], sdp=True, reliable=False)
    call.expect_ended(488)
    sam.expect_no_call(1.0)


def test_a_hold_that_is_taken_back_while_the_call_is_moved(office: World) -> None:
    lee, mia = office.phones("601", "602")
    mine, theirs = office.talk(lee, mia)
    office.weather(delay=0.2)
    attempt = mine.hold()
    office.run(0.25)
    cancel(mine, attempt)
    mine.held_back = False
    office.run(5)
    assert attempt.final is not None and attempt.final.status == 487
    office.weather(delay=0.001)
    assert office.hears(mine, mia=theirs) == {"mia"}
    assert office.hears(theirs, lee=mine) == {"lee"}

"""Hold, resume and other offers in a call whose sound comes to the server (C15)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.fake_media import FakeMedia
from tests.phone_call import PhoneCall
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

"""Callers who wait in a queue (A4): what they hear, when whose phone rings, and when the overflow comes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from b2bua.delegation.people import Forwarding
from tests.phones import PhoneCall, rejects, rings, stays_silent
from tests.world import USERS, Alerting, Delegation, Executive, Rollover, User, World

NewWorld = Callable[..., World]
OVERFLOW = Rollover(action="forward", forward="678")
"""To Tom."""


def queue(*members: str, extension: str = "500", **settings: Any) -> Executive:
    """Sales: everybody rings for 20 s, round after round, for a minute; then Tom does."""
    delegations = tuple(Delegation(each, extension, frozenset({"receive"})) for each in members)
    given = {"alerting": Alerting(ring_seconds=20), "rollover": OVERFLOW, "maximum_wait": 60.0}
    return Executive(extension, kind="group", delegations=delegations, **given | settings)


def users(**changes: Any) -> tuple[User, ...]:
    """With two queues; `changes` are Tom's."""
    others = (User("500", "Sales", "", kind="group"), User("501", "Service", "", kind="group"))
    return (*(each if each.extension != "678" else replace(each, **changes) for each in USERS), *others)


def since(world: World, began: float) -> float:
    return round(world.wire.now - began, 1)


def provisional(call: PhoneCall) -> list[int]:
    """What the caller was told besides 100."""
    return [each.status for each in call.responses if 100 < each.status < 200]


@pytest.fixture
def sales(new_world: NewWorld) -> World:
    return new_world(queue("601", "602"), users=users())


def test_a_queue_whose_members_are_busy_is_waited_for(sales: World) -> None:
    lee, mia, tom = sales.phones("601", "602", "678")
    lee.behaviour = mia.behaviour = rejects(486)
    mine = sales.carrier.call_from("+15551234567", "500")
    sales.run(2)
    assert provisional(mine) == [180], "the caller hears ringing"
    assert (len(lee.calls), len(mia.calls), mine.state) == (1, 1, "ringing")
    sales.run(17.5)
    assert (len(lee.calls), len(mia.calls)) == (1, 1), "nobody is asked again while the round lasts"
    sales.run(1)
    assert (len(lee.calls), len(mia.calls)) == (2, 2)
    sales.run(39)
    assert (len(lee.calls), len(mia.calls), tom.calls) == (3, 3, []), "the overflow comes when the maximum wait is over"
    sales.run(1)
    assert len(tom.calls) == 1
    assert provisional(mine) == [180, 180], "and is told so every minute"
    tom.calls[0].answer()
    mine.expect_up()


def test_a_member_who_has_hung_up_is_rung_by_the_next_round(sales: World) -> None:
    lee, mia = sales.phones("601", "602")
    lee.behaviour = mia.behaviour = rejects(486)
    mine = sales.carrier.call_from("+15551234567", "500")
    sales.run(5)
    lee.behaviour = rings
    sales.run(16)
    lee.calls[-1].answer()
    mine.expect_up()
    sales.balanced()


def test_a_member_who_rings_is_rung_anew(sales: World) -> None:
    lee, tom = sales.phones("601", "678")
    mine = sales.carrier.call_from("+15551234567", "500")
    first = lee.expect_call()
    sales.run(20.5)
    assert first.state == "ended" and len(lee.calls) == 2
    sales.run(40)
    assert len(lee.calls) == 3 and tom.calls[0].state == "ringing"
    assert provisional(mine) == [180, 180], "once a minute"


def test_with_nobody_registered_the_caller_waits_for_somebody(sales: World) -> None:
    tom = sales.phone("678")
    mine = sales.carrier.call_from("+15551234567", "500")
    mine.expect_ringing()
    sales.run(10)
    lee = sales.phone("601")
    sales.run(9)
    assert not lee.calls and not tom.calls
    lee.expect_call()
    lee.calls[0].reject(486)
    sales.run(38)
    assert not tom.calls
    sales.run(3)
    assert len(tom.calls) == 1
    mine.cancel()
    mine.expect_ended(487)


def test_a_queue_without_overflow_ends_after_the_maximum_wait(new_world: NewWorld) -> None:
    world = new_world(queue("601", rollover=Rollover()), users=users())
    began = world.wire.now
    mine = world.carrier.call_from("+15551234567", "500")
    mine.expect_ended(480, within=70)
    assert 60 <= since(world, began) < 61
    assert world.history[-1].outcome == "missed"


def test_the_caller_gives_up_while_nobody_rings(sales: World) -> None:
    lee, mia = sales.phones("601", "602")
    lee.behaviour = mia.behaviour = rejects(486)
    mine = sales.carrier.call_from("+15551234567", "500")
    sales.run(5)
    mine.cancel()
    mine.expect_ended(487)
    sales.run(60)
    assert (len(lee.calls), len(mia.calls)) == (1, 1)
    assert sales.history[-1].outcome == "cancelled"


def test_the_drain_ends_while_nobody_rings(sales: World) -> None:
    mine = sales.carrier.call_from("+15551234567", "500")
    mine.expect_ringing()
    sales.core.calls.hang_up_all()
    mine.expect_ended(503)


def test_the_rollover_timer_counts_while_nobody_rings(new_world: NewWorld) -> None:
    world = new_world(queue("601", rollover=replace(OVERFLOW, after_seconds=8)), users=users())
    tom = world.phone("678")
    world.carrier.call_from("+15551234567", "500")
    world.run(7.5)
    assert not tom.calls
    world.run(1)
    assert len(tom.calls) == 1


def test_early_media_of_a_member_who_is_gone_is_followed_by_ringing(new_world: NewWorld) -> None:
    world = new_world(queue("601"), users=users())
    lee = world.phone("601")
    lee.behaviour = stays_silent
    mine = world.carrier.call_from("+15551234567", "500")
    theirs = lee.expect_call()
    theirs.ring(183, sdp=True)
    world.run(1)
    theirs.reject(486)
    world.run(1)
    assert provisional(mine) == [183, 180]


def test_a_caller_who_requires_reliable_responses_waits_too(sales: World) -> None:
    ana = sales.phone("677", reliable=True)
    mine = ana.call("500", ["Require: 100rel"])
    sales.run(1)
    assert provisional(mine) == [180] and mine.responses[-1].get("rseq")
    mine.cancel()
    mine.expect_ended(487)


def test_one_queue_overflows_into_another(new_world: NewWorld) -> None:
    """The other one is waited for as long as it says, and so is what it overflows into."""
    other = queue("602", extension="501", rollover=Rollover(action="forward", forward="600"), maximum_wait=30.0)
    world = new_world(queue("601", rollover=Rollover(action="forward", forward="501")), other, users=users())
    lee, mia, desk = world.phones("601", "602", "600")
    lee.behaviour = mia.behaviour = rejects(486)
    mine = world.carrier.call_from("+15551234567", "500")
    world.run(59)
    assert (len(lee.calls), len(mia.calls)) == (3, 0)
    world.run(2)
    assert (len(lee.calls), len(mia.calls)) == (3, 1)
    world.run(28)
    assert (len(mia.calls), len(desk.calls)) == (2, 0)
    world.run(2)
    assert len(desk.calls) == 1 and mine.state == "ringing"


def test_a_user_who_forwards_to_a_queue(new_world: NewWorld) -> None:
    world = new_world(queue("601"), users=users(forwarding=Forwarding(busy="500")))
    lee, tom = world.phones("601", "678")
    lee.behaviour = tom.behaviour = rejects(486)
    mine = world.carrier.call_from("+15551234567", "678")
    world.run(59)
    assert (len(tom.calls), len(lee.calls)) == (1, 3)
    mine.expect_ended(486, within=3)


# --- full (E10) -----------------------------------------------------------------------------------------------------------------


def test_when_the_queue_is_full_the_next_caller_goes_to_the_overflow_at_once(new_world: NewWorld) -> None:
    world = new_world(queue("601", "602", capacity=2), users=users())
    lee, tom = world.phones("601", "678")
    first, second = (world.carrier.call_from(f"+1555123456{n}", "500") for n in range(2))
    first.expect_ringing()
    second.expect_ringing()
    assert (len(lee.calls), tom.calls) == (2, [])
    world.carrier.call_from("+15551234569", "500").expect_ringing()
    assert (len(lee.calls), len(tom.calls)) == (2, 1)
    lee.calls[0].answer()
    first.expect_up()
    world.carrier.call_from("+15551234560", "500").expect_ringing()
    assert len(tom.calls) == 1, "who is served waits no more"


def test_a_full_queue_without_overflow_refuses(new_world: NewWorld) -> None:
    world = new_world(queue("601", capacity=1, rollover=Rollover()), users=users())
    world.phone("601")
    first = world.carrier.call_from("+15551234567", "500")
    first.expect_ringing()
    second = world.carrier.call_from("+15551234568", "500")
    second.expect_ended(480)
    first.cancel()
    first.expect_ended(487)
    third = world.carrier.call_from("+15551234568", "500")
    third.expect_ringing()

"""The end of a dialog: our BYE, whatever the peer makes of it."""

from __future__ import annotations

import pytest

from tests.phones import PhoneCall
from tests.world import World


@pytest.fixture
def pair(world: World) -> tuple[PhoneCall, PhoneCall]:
    return world.talk(*world.phones("601", "602"))


@pytest.mark.parametrize("status", [200, 481, 500, 486, 407, 401, 302, 603])
def test_any_final_answer_ends_the_dialog(world: World, pair: tuple[PhoneCall, PhoneCall], status: int) -> None:
    mine, theirs = pair
    theirs.phone.hooks["BYE"] = lambda call, request: status
    mine.hang_up().expect(200)
    world.run(1)
    assert world.health["dialogs"] == 0
    assert len(theirs.phone.heard("BYE")) == 1
    theirs.state = "ended"


def test_a_provisional_answer_does_not(world: World, pair: tuple[PhoneCall, PhoneCall]) -> None:
    mine, theirs = pair
    theirs.phone.hooks["BYE"] = lambda call, request: 100
    mine.hang_up().expect(200)
    world.run(1)
    assert world.health["dialogs"] == 1
    theirs.state, world.patience = "ended", 70


def test_nobody_answers(world: World, pair: tuple[PhoneCall, PhoneCall]) -> None:
    mine, theirs = pair
    theirs.phone.vanish()
    mine.hang_up().expect(200)
    world.run(33)
    assert world.health["dialogs"] == 0


def test_byes_that_cross(world: World, pair: tuple[PhoneCall, PhoneCall]) -> None:
    mine, theirs = pair
    one, other = mine.hang_up(), theirs.hang_up()
    one.expect(200)
    other.expect(200)
    world.run(1)
    assert world.health["dialogs"] == 0


def test_a_reinvite_crosses_the_bye(world: World, pair: tuple[PhoneCall, PhoneCall]) -> None:
    mine, theirs = pair
    world.wire.after(0.001, lambda: [theirs.reinvite("sendonly")].clear())
    mine.hang_up().expect(200)
    theirs.expect_ended()
    world.run(1)
    assert world.health["dialogs"] == 0


def test_a_reinvite_answered_after_the_bye_is_acknowledged(world: World, pair: tuple[PhoneCall, PhoneCall]) -> None:
    mine, theirs = pair
    world.wire.link("127.0.0.1", theirs.phone.at[0], delay=0.1)
    mine.reinvite("sendonly")
    world.run(0.05)
    mine.hang_up()
    theirs.expect_ended()
    world.run(5)
    assert theirs.acknowledged

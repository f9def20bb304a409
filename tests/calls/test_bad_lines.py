"""Whole calls over lines that lose, repeat, reorder and delay: they come about, they end, and nothing is left."""

from __future__ import annotations

import random
from functools import partial
from typing import Any

import pytest

from tests.phones import Behaviour, PhoneCall, answers, rejects, rings
from tests.world import NUMBER, Alerting, World, executive

SEEDS = range(200)
PATIENCE = 110.0
"""A lost BYE may cost 32 s before the next thing can happen, and that thing another 32 s."""


def storm(world: World, seed: int) -> None:
    dice = random.Random(seed)
    world.weather(
        loss=dice.choice((0.0, 0.1, 0.15, 0.2)),
        duplicate=dice.choice((0.0, 0.1, 0.3)),
        reorder=dice.choice((0.0, 0.1, 0.3)),
        late=dice.choice((0.02, 0.2, 0.7)),
        jitter=dice.choice((0.0, 0.01, 0.3)),
        delay=dice.choice((0.001, 0.05, 0.3)),
    )


def early_media_then_answer(reliable: bool) -> Behaviour:
    """A gateway: 183 with a description, ringing, and an answer after two seconds."""

    def behave(call: PhoneCall) -> None:
        call.ring(183, sdp=True, reliable=reliable)
        answers(2.0)(call)

    return behave


def gives_up(call: PhoneCall) -> None:
    if call.state in ("calling", "ringing"):
        call.cancel()


@pytest.mark.parametrize("tens", range(len(SEEDS) // 10))
def test_a_whole_call(tens: int) -> None:
    """Ring, early media, answer, hold, resume, INFO, hang up by either side."""
    for seed in SEEDS[tens * 10 : tens * 10 + 10]:
        world = World(seed=seed)
        lee = world.phone("601", reliable=bool(seed % 3))
        world.carrier.behaviour = early_media_then_answer(bool(seed % 2))
        storm(world, seed)
        mine = lee.call(NUMBER)
        mine.expect_up(within=60)
        theirs = world.carrier.expect_call(within=60)
        theirs.expect_up(within=60)
        assert len(world.carrier.calls) == 1, f"seed {seed}"
        for _step in range(3):
            attempt = mine.hold() if seed % 2 else theirs.hold()
            world.wire.run_until(partial(getattr, attempt, "done"), 40)
            world.run(1)
        mine.info("5")
        (theirs if seed % 4 < 2 else mine).hang_up()
        mine.expect_ended(within=80)
        theirs.expect_ended(within=80)
        world.run(40)
        assert len(world.history) == 1, f"seed {seed}"
        world.settle(PATIENCE)


@pytest.mark.parametrize("tens", range(len(SEEDS) // 20))
def test_an_executives_call(tens: int) -> None:
    """Ring-all or sequential, refusals, an answer or none, a caller who gives up at some time."""
    for seed in SEEDS[tens * 10 : tens * 10 + 10]:
        dice = random.Random(seed)
        modes: tuple[Any, Any] = (dice.choice(("ring_all", "sequential")), dice.choice(("none", "first", "together")))
        alerting = Alerting(mode=modes[0], ring_seconds=6, executive=modes[1])
        world = World(executive("667", "676", "677", "678", alerting=alerting), seed=seed)
        lee, *others = world.phones("601", "667", "676", "677", "678")
        for phone in others:
            phone.behaviour = dice.choice((answers(dice.uniform(0.0, 8.0)), rejects(486, after=dice.uniform(0.0, 3.0)), rings))
        storm(world, seed)
        mine = lee.call("667")
        if dice.random() < 0.4:
            world.wire.after(dice.uniform(0.0, 10.0), partial(gives_up, mine))
        world.run(75)
        up = [call for phone in others for call in phone.calls if call.state == "up"]
        assert (mine.state == "up") == (len(up) == 1), world.report(f"seed {seed}: {mine.state}, {len(up)} answered")
        assert mine.state in ("up", "ended"), f"seed {seed}"
        world.settle(PATIENCE)
        assert len(world.history) <= 1, f"seed {seed}"

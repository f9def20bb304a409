"""Click to dial, every two things that may happen at the same time crossed: both ends have the same idea of the call, and nothing is left."""

from __future__ import annotations

import pytest

from b2bua.calls.commands import End, Outcome, Take
from tests.fake_media import FakeMedia
from tests.phones import answers, stays_silent
from tests.world import NUMBER, World

OFFSETS = [step * 0.0005 for step in range(-7, 8)]
"""How much later the second thing happens, seconds: from well before the first has crossed to well after."""


class Stage:
    """Sam (676) has clicked to dial `number`: the phone rings. `picked_up`: the far end does, too."""

    def __init__(self, number: str = "601") -> None:
        self.world = world = World(media=FakeMedia())
        self.sam, self.boss = world.phones("676", "667")
        self.other = world.phone("676", at=("127.0.9.1", 5060))
        self.far = world.carrier if number == NUMBER else world.phone(number)
        self.far.behaviour = stays_silent
        self.held = False
        self.outcomes: list[Outcome] = []
        world.core.stack.tick(world.wire.now)
        self.call = world.core.calls.dial("676", number).call
        world.core.stack.tick(world.wire.now)
        self.mine, self.also = self.sam.expect_call(), self.other.expect_call()

    def picked_up(self) -> None:
        self.mine.answer()
        self.mine.expect_up()
        self.theirs = self.far.expect_call()
        self.theirs.ring()
        self.world.run(0.5)

    def cross(self, pair: str, offset: float) -> None:
        """The first thing 10 ms from now, the second with that offset; then some time passes."""
        one, two = pair.split("/")
        self.world.wire.after(0.01, getattr(self, one))
        self.world.wire.after(0.01 + offset, getattr(self, two))
        self.world.run(1.0)

    def check(self) -> None:
        """Whoever is up has somebody to talk to, or is still told why not."""
        world = self.world
        world.run(12)
        up = [call for call in world.live() if call.state == "up"]
        assert len(up) in (0, 2), world.report(str(up))
        if up and self.held:
            assert world.hears(next(call for call in up if call is not self.mine)) == {"music"}
        elif up:
            assert world.hears(up[0], other=up[1]) == {"other"} and world.hears(up[1], other=up[0]) == {"other"}
        world.balanced()
        world.settle(40.0)
        (row,) = [each for each in world.history if each.id == self.call]
        assert (row.outcome == "answered") is (row.answered_by is not None)
        if up:
            assert row.outcome == "answered"

    # What happens.

    def answer_here(self) -> None:
        if self.mine.state == "ringing":
            self.mine.answer()

    def answer_there(self) -> None:
        if self.also.state == "ringing":
            self.also.answer()

    def decline_here(self) -> None:
        if self.mine.state == "ringing":
            self.mine.reject(603)

    def decline_there(self) -> None:
        if self.also.state == "ringing":
            self.also.reject(486)

    def hang_up(self) -> None:
        if self.mine.state == "up":
            self.mine.hang_up()

    def hold(self) -> None:
        if self.mine.state == "up":
            self.mine.hold()
            self.held = True

    def answer(self) -> None:
        if self.theirs.state in ("trying", "ringing"):
            self.theirs.answer()

    def reject(self) -> None:
        if self.theirs.state in ("trying", "ringing"):
            self.theirs.reject(486)

    def early(self) -> None:
        if self.theirs.state in ("trying", "ringing"):
            self.theirs.ring(183, sdp=True)

    def bye(self) -> None:
        if self.theirs.state == "up":
            self.theirs.hang_up()

    def end(self) -> None:
        self._order(End("676"))

    def take(self) -> None:
        self.boss.behaviour = lambda call: call.answer()
        self._order(Take("667", "take"))

    def _order(self, command: End | Take) -> None:
        self.world.core.stack.tick(self.world.wire.now)
        self.world.core.calls.order(self.call, command, self.outcomes.append)
        self.world.core.stack.tick(self.world.wire.now)

    def stop(self) -> None:
        self.world.core.stack.tick(self.world.wire.now)
        self.world.core.calls.hang_up_all()
        self.world.core.stack.tick(self.world.wire.now)

    def pick_up(self) -> None:
        self.boss.call(f"*97{self.far.user}")


FIRST = ["answer_here/answer_there", "answer_here/end", "answer_here/decline_here", "answer_here/stop", "decline_here/answer_there", "end/answer_there"]
THEN = ["answer/hang_up", "answer/end", "answer/stop", "answer/reject", "answer/bye", "answer/hold", "answer/pick_up", "answer/take", "reject/hang_up", "reject/end",
        "reject/pick_up", "early/answer", "early/hang_up", "hold/hang_up", "pick_up/hang_up", "take/hang_up", "take/reject"]  # fmt: skip


@pytest.mark.parametrize("pair", FIRST)
def test_while_the_own_phones_ring(pair: str) -> None:
    for offset in OFFSETS:
        stage = Stage()
        stage.cross(pair, offset)
        for call in stage.far.calls:
            if call.state == "trying":
                call.answer()
        stage.check()


@pytest.mark.parametrize("pair", THEN)
@pytest.mark.parametrize("number", ["601", "677"])
def test_while_the_far_end_rings(pair: str, number: str) -> None:
    for offset in OFFSETS:
        stage = Stage(number)
        stage.picked_up()
        stage.cross(pair, offset)
        stage.check()


@pytest.mark.parametrize("who", ["actor", "far", "page", "server"])
def test_ending_at_any_instant(who: str) -> None:
    """From the click to the conversation."""
    for instant in [n * 0.0015 for n in range(40)]:
        stage = Stage(NUMBER)
        world = stage.world
        stage.far.behaviour = answers(0.01)

        def stop(stage: Stage = stage) -> None:
            if who == "actor":
                stage.decline_here()
                stage.hang_up()
            elif who == "page":
                stage.end()
            elif who == "server":
                stage.stop()
            for call in stage.far.calls if who == "far" else ():
                if call.state in ("trying", "ringing"):
                    call.reject(486)
                elif call.state == "up":
                    call.hang_up()

        world.wire.after(0.01, stage.answer_here)
        world.wire.after(instant, stop)
        world.run(1)
        stage.decline_there()
        stage.check()


@pytest.mark.parametrize("step", [n * 0.001 for n in range(-6, 7)])
def test_the_own_phone_is_picked_up_when_its_time_runs_out(step: float) -> None:
    stage = Stage()
    world = stage.world
    world.wire.after(30.0 + step, stage.answer_here)
    world.run(32)
    for call in stage.far.calls:
        call.answer()
    stage.check()


def test_bad_weather() -> None:
    """Loss, duplicates and reordering change nothing of it."""
    answered = 0
    for seed in range(6):
        stage = Stage()
        stage.world.wire.random.seed(seed)
        stage.world.weather(loss=0.2, duplicate=0.2, jitter=0.02, reorder=0.2)
        stage.world.wire.after(0.5, stage.answer_here)
        stage.far.behaviour = answers(1.0)
        stage.world.run(30)
        stage.world.weather()
        answered += stage.mine.state == "up"
        stage.world.balanced()
        stage.world.settle(45.0)
    assert answered >= 5


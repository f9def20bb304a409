"""Whatever people click, while phones do whatever they do: every order is answered once, nobody is left alone, nothing leaks.

Views are made after every step, and what listeners have heard is what there is.
"""

from __future__ import annotations

import random

import pytest

from b2bua.calls.commands import BargeIn, Command, End, GiveBack, Hold, Lock, Outcome, Park, PushBack, Resume, Take, Transfer
from b2bua.cluster.bus import CallChanged, CallEnded, CallView, Event
from b2bua.delegation.model import DEFAULT_RIGHTS, Delegation
from tests.fake_media import FakeMedia
from tests.fake_rewriter import FakeRewriter
from tests.phones import Phone, PhoneCall
from tests.world import NUMBER, Alerting, World, executive

SEEDS = range(150)
STEPS = 25
PEOPLE = ("667", "676", "677", "601", "602")
NUMBERS = (*PEOPLE, NUMBER, "+6221500667", "701", "*97676", "112", "99", "")
RIGHTS = DEFAULT_RIGHTS | {"listen", "whisper"}


class Course:
    """An office, a page for everybody, and dice."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        boss = executive("667", *(Delegation(each, "667", RIGHTS) for each in ("676", "677")), alerting=Alerting(ring_seconds=self.dice.choice((5, 30))))
        rewriter = FakeRewriter() if self.dice.random() < 0.15 else None
        self.world = World(boss, seed=seed, media=FakeMedia() if self.dice.random() < 0.9 else None, rewriter=rewriter)
        self.phones = [*self.world.phones(*PEOPLE), self.world.phone("676", at=("127.0.9.1", 5060)), self.world.carrier]
        self.asked = 0
        self.outcomes: list[Outcome] = []
        self.left: list[PhoneCall] = []
        self.known: dict[str, CallView] = {}
        self.over: set[str] = set()
        self.world.core.bus.listen(self._hear)
        for phone in self.phones:
            phone.hooks["INVITE"] = self._hook

    def _hook(self, call: object, request: object) -> int | None:
        """Now and then a phone does not want its sound to be moved."""
        return 488 if call is not None and self.dice.random() < 0.1 else None

    def _hear(self, event: Event) -> None:
        if isinstance(event, CallChanged):
            assert event.call.id not in self.over, "over is over"
            self.known[event.call.id] = event.call
        elif isinstance(event, CallEnded):
            assert event.id not in self.over, "told once"
            self.over.add(event.id)
            self.known.pop(event.id, None)

    def _restart(self) -> None:
        """What was asked of the server that died is not answered, and what it rang is never told to stop."""
        self.world.run(0.1)
        self.left = [call for phone in self.phones for call in phone.calls if call.incoming and call.state in ("trying", "ringing")]
        for call in [call for phone in self.phones for call in phone.calls if not call.incoming and call.state in ("calling", "ringing")]:
            call._finish(408)  # their phones give up
        self.world.kill()
        self.world.revive()
        self.asked = len(self.outcomes)
        self.known.clear()
        self.world.core.bus.listen(self._hear)
        for each in self.world.core.calls.live.views():
            self.known[each.id] = each

    def run(self) -> None:
        restart = self.dice.randrange(4 * STEPS) if self.world.rewriter is None else None
        for step in range(STEPS):
            if step == restart:
                self._restart()
            self.world.core.stack.tick(self.world.wire.now)
            self.dice.choice((self._click, self._click, self._dial, self._phone, self._phone, self._call))()
            self.world.core.stack.tick(self.world.wire.now)
            self.world.core.calls.live.views()
            self.world.run(self.dice.choice((0.0, 0.0005, 0.001, 0.002, 0.05, 0.3, 1.5, 7.0)))
        for call in self.left:
            if call.state == "ringing":
                call.reject(480)
        self.world.run(0.2)
        self._agrees()

    def _agrees(self) -> None:
        """What listeners have been told is what there is; but for how long it has been so."""
        calls = {each.id: each for each in self.world.core.calls.live.views()}
        assert self.known.keys() == calls.keys()
        for known in self.known.values():
            found = calls[known.id]
            assert (known.state, known.slot, known.note, known.locked_by, known.answered_by) == (
                found.state, found.slot, found.note, found.locked_by, found.answered_by,
            )  # fmt: skip
            assert known.ringing == found.ringing
            assert [(each.number, each.role, each.holding) for each in known.parties] == [(each.number, each.role, each.holding) for each in found.parties]

    # What happens.

    def _dial(self) -> None:
        self.world.core.calls.dial(self.dice.choice(PEOPLE), self.dice.choice(NUMBERS), self.dice.choice((None, None, "667", "601")))

    def _call(self) -> None:
        if self.dice.random() < 0.4:
            self.world.carrier.call_from(NUMBER, "+6221500667")
        else:
            caller: Phone = self.dice.choice(self.phones[:-1])
            if len(caller.calls) < 6:
                caller.call(self.dice.choice((*PEOPLE, NUMBER, "701", "*97676", "*11", "**601")))

    def _click(self) -> None:
        if not self.world.core.calls.calls:
            self._dial()
            return
        self.asked += 1
        call = self.dice.choice(list(self.world.core.calls.calls))
        self.world.core.calls.order(call, self._command(self.dice.choice(PEOPLE)), self.outcomes.append)

    def _command(self, actor: str) -> Command:
        dice = self.dice
        commands: list[Command] = [
            Hold(actor), Resume(actor), Park(actor, dice.choice(("", "701"))), PushBack(actor, dice.choice(("", "urgent")), dice.random() < 0.3),
            Transfer(actor, dice.choice(NUMBERS)), GiveBack(actor), Lock(actor, dice.random() < 0.5), BargeIn(actor), End(actor),
            Take(actor, "take"), Take(actor, "take"), Take(actor, dice.choice(("join", "listen", "whisper"))),
        ]  # fmt: skip
        return dice.choice(commands)

    def _phone(self) -> None:
        calls = [call for phone in self.phones for call in phone.calls if call.state in ("ringing", "up")]
        if not calls:
            return
        call = self.dice.choice(calls)
        if call.state == "up":
            self.dice.choice((call.hang_up, call.hold, call.resume))()
        elif call.incoming:
            self.dice.choice((call.answer, call.answer, call.answer, call.reject))()
        else:
            call.cancel()


@pytest.mark.parametrize("seed", SEEDS)
def test_any_clicks(seed: int) -> None:
    course = Course(seed)
    course.run()
    world = course.world
    world.settle(110.0)
    assert len(course.outcomes) == course.asked, "every order is answered, once"
    assert all(each.words for each in course.outcomes)
    assert not course.known

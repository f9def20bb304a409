"""Any course of events: both parties do what comes to their minds at random instants, over good lines and bad ones.

Nothing is expected of such a call but this: nobody is left in it when the other has gone, nothing leaks, no bug comes up, every
message of the server is one.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from tests.calls.test_bad_lines import storm
from tests.phones import PhoneCall, stays_silent
from tests.world import NUMBER, World

ALLOW = "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, PRACK, INFO"
SEEDS = range(400)
Choice = tuple[int, Callable[[], object]]
"""How often, and what."""


class Course:
    """One call and what may happen in it."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.world = World(seed=seed)
        self.lee = self.world.phone("601", reliable=self.dice.random() < 0.6)
        self.carrier = self.world.carrier
        self.carrier.behaviour = stays_silent
        if self.dice.random() < 0.5:
            storm(self.world, seed)
        timer = ["Supported: timer", "Session-Expires: 90"] if self.dice.random() < 0.3 else []
        self.mine = self.lee.call(NUMBER, [ALLOW, *timer], sdp=self.dice.random() < 0.8)
        for phone in (self.lee, self.carrier):
            for method in ("INVITE", "UPDATE", "INFO"):
                phone.hooks[method] = self._hook
        self.mine.auto_prack = self.dice.random() < 0.8

    def _hook(self, call: PhoneCall | None, request: object) -> int | None:
        """Now and then a request in the call is refused, or nothing is said to it."""
        if call is None or self.dice.random() < 0.8:
            return None
        return self.dice.choice((491, 488, 500, 0, 100))

    def run(self) -> None:
        self.world.run(self.dice.choice((0.0, 0.02, 1.0)))
        for _step in range(self.dice.randrange(2, 30)):
            self.world.wire.after(self.dice.choice((0.0, 0.001, 0.003, 0.02, 0.5, 2.0)) * self.dice.random() * 2, self._act)
            self.world.run(self.dice.choice((0.0, 0.0005, 0.001, 0.002, 0.01, 0.6, 3.0)))
        self.world.run(3.0)

    def _act(self) -> None:
        theirs = self.carrier.calls[-1] if self.carrier.calls else None
        who = self.dice.choice((self.mine, theirs))
        if who is None:
            return
        choices = self._possible(who)
        if choices:
            weights, actions = zip(*choices, strict=True)
            self.dice.choices(actions, weights)[0]()

    def _possible(self, call: PhoneCall) -> list[Choice]:
        if call.state == "up":
            way = self.dice.choice(("sendrecv", "sendonly", "inactive"))
            return [(4, lambda: call.reinvite(way)), (3, lambda: call.reinvite(sdp=False)), (4, lambda: call.update(way)),
                    (2, lambda: call.update(sdp=False)), (2, lambda: call.info("1")), (1, lambda: call.send("OPTIONS")),
                    # RFC 3261 §15: who was called does not hang up before the ACK has come
                    *([(1, call.hang_up)] if not call.incoming or call.acknowledged else [])]  # fmt: skip
        if call.state == "ended":
            return []
        if not call.incoming:
            early = next(iter(call.early), "")
            update = [(6, lambda: call.update("sendonly", early=early))] if early and call.phone.reliable else []
            prack = (
                [(6, lambda: call._prack(call.early[early]))] if early and "100rel" in call.early[early].all("require") else []
            )
            return [(1, call.cancel), (12, lambda: None), *update, *prack]
        reliable = "100rel" in call.invite.all("supported") and not _insists(call)
        return [
            (3, lambda: call.ring(180, [ALLOW], reliable=reliable and self.dice.random() < 0.5)),
            (4, lambda: call.ring(183, [ALLOW], sdp=True, reliable=reliable)),
            (2, lambda: call.ring(183, [ALLOW], sdp=call.remote_sdp is not None)),
            (5, lambda: call.answer([ALLOW])),
            (1, lambda: call.reject(self.dice.choice((486, 480, 603, 503)))),
        ]


def _insists(call: PhoneCall) -> bool:
    """Whether a reliable response of the phone still waits for its PRACK: then it may say nothing reliable again."""
    answer = call.invite_answer
    return answer is not None and 100 < answer.status < 200 and b"RSeq" in answer.data and not answer.settled


@pytest.mark.parametrize("tens", range(len(SEEDS) // 10))
def test_any_course_of_events(tens: int) -> None:
    for seed in SEEDS[tens * 10 : tens * 10 + 10]:
        course = Course(seed)
        course.run()
        world = course.world
        world.weather()
        course.lee.hooks.clear()
        course.carrier.hooks.clear()
        world.run(75)  # whatever was lost has been repeated or given up
        for call in world.live():
            if call.incoming and call.state in ("trying", "ringing"):
                call.reject(480)
        world.run(1)
        try:
            world.balanced()
            world.settle(110)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error

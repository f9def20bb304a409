"""The fork: a ring plan being carried out. A pure machine: answers, refusals and the time go in, actions come out.

Stages ring one after the other, their endpoints at the same time; an endpoint rings on all of its contacts. The first answer
wins. When nobody of a stage is left, the next one starts at once; after the stages comes the rollover, after that the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Literal, NamedTuple

from b2bua.delegation.plan import Endpoint, RoutePlan, Stage

ELSEWHERE: Final = "elsewhere"
NO_ANSWER: Final = "no answer"
Cause = Literal["elsewhere", "no answer"]


class Start(NamedTuple):
    """Ring `contact`, and call it `branch` from now on."""

    branch: int
    endpoint: Endpoint
    contact: Any


class Stop(NamedTuple):
    """Stop ringing `branch`."""

    branch: int
    cause: Cause


class Won(NamedTuple):
    """`branch` has the call."""

    branch: int


class Exhausted(NamedTuple):
    """Nobody takes the call: `status` is the answer to the caller."""

    status: int
    reason: str


Action = Start | Stop | Won | Exhausted


class _Branch(NamedTuple):
    endpoint: Endpoint
    deadline: float | None


class Fork:
    """Carries out `plan`. `contacts` tells how an endpoint can be reached at the moment.

    `deadline` is when `tick` has something to do. After `Won` or `Exhausted` the fork is over and answers with no actions.
    """

    __slots__ = ("deadline", "_plan", "_contacts", "_stages", "_stage_end", "_active", "_statuses", "_started", "_rolled_over", "_over", "_count")

    def __init__(self, plan: RoutePlan, contacts: Callable[[Endpoint], Sequence[Any]]) -> None:
        self.deadline: float | None = None
        self._plan = plan
        self._contacts = contacts
        self._stages: list[Stage] = list(reversed(plan.stages))
        self._stage_end: float | None = None
        self._active: dict[int, _Branch] = {}
        self._statuses: list[tuple[int, str]] = []
        self._started = 0.0
        self._rolled_over = False
        self._over = False
        self._count = 0

    @property
    def ringing(self) -> int:
        """How many branches are active."""
        return len(self._active)

    def start(self, now: float) -> list[Action]:
        """Ring the first stage that reaches anybody."""
        self._started = now
        actions: list[Action] = []
        self._next_stage(now, actions)
        return actions

    def answered(self, branch: int, now: float) -> list[Action]:
        """The first answer wins; whoever else rings is stopped."""
        if self._over or branch not in self._active:
            return []
        del self._active[branch]
        actions: list[Action] = [Won(branch)]
        self._stop_all(ELSEWHERE, actions)
        self._end()
        return actions

    def failed(self, branch: int, status: int, reason: str, now: float) -> list[Action]:
        """A refusal takes out that branch; a 6xx is the word of the user, not of the phone, and takes out the whole endpoint (A23)."""
        lost = self._active.pop(branch, None)
        if self._over or lost is None:
            return []
        self._statuses.append((status, reason))
        actions: list[Action] = []
        if status >= 600:
            for other in [key for key, value in self._active.items() if value.endpoint is lost.endpoint]:
                del self._active[other]
                actions.append(Stop(other, ELSEWHERE))
        self._go_on(now, actions)
        return actions

    def tick(self, now: float) -> list[Action]:
        """Ring times that have run out: of an endpoint, of the stage, of everything before the rollover."""
        actions: list[Action] = []
        if self._over:
            return actions
        after = self._plan.rollover_after
        if after is not None and not self._rolled_over and now >= self._started + after:
            self._stop_all(NO_ANSWER, actions)
            self._stages.clear()
            self._next_stage(now, actions)
            return actions
        for key, branch in list(self._active.items()):
            if branch.deadline is not None and now >= branch.deadline:
                del self._active[key]
                actions.append(Stop(key, NO_ANSWER))
        if self._stage_end is not None and now >= self._stage_end:
            for key in [key for key, branch in self._active.items() if not branch.endpoint.lasting or not self._stages]:
                del self._active[key]
                actions.append(Stop(key, NO_ANSWER))
        self._go_on(now, actions)
        return actions

    def _go_on(self, now: float, actions: list[Action]) -> None:
        """The next stage when nobody of this one is left, else just the next deadline."""
        waiting = any(not branch.endpoint.lasting for branch in self._active.values())
        if waiting or (self._active and not self._stages and self._stage_end is not None and now < self._stage_end):
            self._set_deadline()
        else:
            self._next_stage(now, actions)

    def _next_stage(self, now: float, actions: list[Action]) -> None:
        while True:
            if not self._stages:
                if self._let_last(now):
                    return
                self._stop_all(NO_ANSWER, actions)
                if self._rolled_over or not self._plan.rollover:
                    self._exhaust(actions)
                    return
                self._rolled_over = True
                self._stages = list(reversed(self._plan.rollover))
            stage = self._stages.pop()
            started = self._start_stage(stage, now, actions)
            if started:
                self._stage_end = None if stage.seconds is None else now + stage.seconds
                self._set_deadline()
                return

    def _let_last(self, now: float) -> bool:
        """Endpoints that last ring on for the time that the stages would have taken, also when the assistants are out early."""
        if not self._active or self._rolled_over:
            return False
        total = sum(stage.seconds or 0.0 for stage in self._plan.stages)
        if now >= self._started + total:
            return False
        self._stage_end = self._started + total
        self._set_deadline()
        return True

    def _start_stage(self, stage: Stage, now: float, actions: list[Action]) -> bool:
        """Ring every contact of every endpoint; whether the stage has anybody of its own to wait for."""
        started = False
        for endpoint in stage.endpoints:
            deadline = None if endpoint.seconds is None else now + endpoint.seconds
            for contact in self._contacts(endpoint):
                self._count += 1
                self._active[self._count] = _Branch(endpoint, deadline)
                actions.append(Start(self._count, endpoint, contact))
                started = started or not endpoint.lasting
        return started

    def _stop_all(self, cause: Cause, actions: list[Action]) -> None:
        actions.extend(Stop(key, cause) for key in self._active)
        self._active.clear()

    def _set_deadline(self) -> None:
        times = [branch.deadline for branch in self._active.values() if branch.deadline is not None]
        if self._stage_end is not None:
            times.append(self._stage_end)
        if self._plan.rollover_after is not None and not self._rolled_over:
            times.append(self._started + self._plan.rollover_after)
        self.deadline = min(times, default=None)

    def _exhaust(self, actions: list[Action]) -> None:
        self._end()
        status, reason = self._plan.final_status, self._plan.final_reason
        if self._plan.plain and self._statuses:
            status, reason = min(self._statuses, key=_preference)
        actions.append(Exhausted(status, reason))

    def _end(self) -> None:
        self._over = True
        self.deadline = None
        self._stages.clear()
        self._active.clear()


def _preference(answer: tuple[int, str]) -> tuple[int, int]:
    """Which refusal tells the caller most: a 6xx, then busy, then the rest, lower classes first (RFC 3261 §16.7)."""
    status = answer[0]
    if status >= 600:
        return 0, status
    if status == 486:
        return 1, status
    return status // 100, status % 100

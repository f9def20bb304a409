"""The fork: a ring plan being carried out. A pure machine: answers, refusals and the time go in, actions come out.

Stages ring one after the other, their endpoints at the same time (or `after` a while); an endpoint rings on all of its contacts.
The first answer wins. When nobody of a stage is left, what the stage has for that outcome is rung (a user's own forwarding), else
the next stage, at once unless an earlier one holds it up; after the stages comes the rollover, after that the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Literal, NamedTuple

from b2bua.delegation.plan import Endpoint, RoutePlan, Stage

ELSEWHERE: Final = "elsewhere"
NO_ANSWER: Final = "no answer"
Cause = Literal["elsewhere", "no answer"]

_UNREACHABLE, _RANG_OUT, _WAS_BUSY = range(3)
"""How a stage that nobody answered has ended; the greatest of what its branches say."""
_BUSY: Final = frozenset((486, 600, 603))
"""The user is there and does not take the call: busy here or everywhere, or declined."""
_ABSENT: Final = frozenset((404, 408, 410, 430, 480, 604, *range(500, 600)))
"""Nobody was reached, in RFC 3261's terms: no such user (404, 410, and 604 for every place), no answer from the network (408),
the flow to the phone is gone (430, RFC 5626), reached but not logged in (480), and 5xx, where a server or the way there has failed.
Every other refusal comes from a phone that is there and could not or would not ring."""


class Start(NamedTuple):
    """Ring `contact`, and call it `branch` from now on."""

    branch: int
    endpoint: Endpoint
    contact: Any


class Stop(NamedTuple):
    """Stop ringing `branch`."""

    branch: int
    cause: Cause


class Waiting(NamedTuple):
    """Nobody rings, and somebody will: the caller waits in a queue."""


class Won(NamedTuple):
    """`branch` has the call."""

    branch: int


class Exhausted(NamedTuple):
    """Nobody takes the call: `status` is the answer to the caller."""

    status: int
    reason: str


Action = Start | Stop | Waiting | Won | Exhausted


class _Branch(NamedTuple):
    endpoint: Endpoint
    deadline: float | None


class _Pending(NamedTuple):
    """An endpoint of a stage that has begun, which itself begins at `at`."""

    at: float
    endpoint: Endpoint


class Fork:
    """Carries out `plan`. `contacts` tells how an endpoint can be reached at the moment; it is asked when the endpoint begins to ring.

    `deadline` is when `tick` has something to do. After `Won` or `Exhausted` the fork is over and answers with no actions.
    """

    __slots__ = (
        "deadline", "_plan", "_contacts", "_stages", "_stage", "_stage_end", "_held", "_active", "_pending", "_statuses", "_outcome", "_left", "_started",
        "_rolled_over", "_over", "_count",
    )  # fmt: skip

    def __init__(self, plan: RoutePlan, contacts: Callable[[Endpoint], Sequence[Any]]) -> None:
        self.deadline: float | None = None
        self._plan = plan
        self._contacts = contacts
        self._stages: list[Stage] = list(reversed(plan.stages))
        self._stage: Stage | None = None  # the one that rings; None when what becomes of it has been decided
        self._stage_end: float | None = None
        self._held: float | None = None  # when the next stage with a hold may begin, and what comes after the stages
        self._active: dict[int, _Branch] = {}
        self._pending: tuple[_Pending, ...] = ()
        self._statuses: list[tuple[int, str]] = []
        self._outcome = _UNREACHABLE  # of the stage that rings, so far
        self._left = len(self._stages)  # stages of the list that are not begun; whatever lies above them in `_stages` follows up
        self._started = 0.0
        self._rolled_over = False
        self._over = False
        self._count = 0

    @property
    def ringing(self) -> int:
        """How many branches are active."""
        return len(self._active)

    @property
    def rolled_over(self) -> bool:
        """Whether the plan has come to its rollover."""
        return self._rolled_over

    @property
    def alone(self) -> bool:
        """Whether nobody else is to join those who ring while this stage lasts."""
        return not self._pending

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
        self._stop_all(actions, ELSEWHERE)
        self._end()
        return actions

    def failed(self, branch: int, status: int, reason: str, now: float) -> list[Action]:
        """A refusal takes out that branch; a 6xx is the word of the user, not of the phone, and takes out all of theirs (A23)."""
        lost = self._active.pop(branch, None)
        if self._over or lost is None:
            return []
        self._statuses.append((status, reason))
        if not lost.endpoint.lasting:
            self._outcome = max(self._outcome, _outcome(status))
        actions: list[Action] = []
        if status >= 600:
            self._decline(lost.endpoint, actions)
        self._go_on(now, actions)
        return actions

    def _decline(self, endpoint: Endpoint, actions: list[Action]) -> None:
        """The user wants this call on none of their phones, those included that would begin later."""
        for other in [key for key, value in self._active.items() if _same_user(value.endpoint, endpoint)]:
            del self._active[other]
            actions.append(Stop(other, ELSEWHERE))
        if self._pending:
            self._pending = tuple(each for each in self._pending if not _same_user(each.endpoint, endpoint))

    def tick(self, now: float) -> list[Action]:
        """Ring times that have run out: of an endpoint, of the stage, of everything before the rollover; and who begins later."""
        actions: list[Action] = []
        if self._over:
            return actions
        after = self._plan.rollover_after
        if after is not None and not self._rolled_over and now >= self._started + after:
            self._stop_all(actions)
            self._stages.clear()
            self._stage = self._held = None
            self._next_stage(now, actions)
            return actions
        for key, branch in list(self._active.items()):
            if branch.deadline is not None and now >= branch.deadline:
                self._ring_out(key, actions)
        if self._stage_end is not None and now >= self._stage_end:
            self._end_stage(actions)
        self._go_on(now, actions)
        return actions

    def _end_stage(self, actions: list[Action]) -> None:
        """The stage's time is over: only what lasts rings on, and only while something follows."""
        for key in [key for key, branch in self._active.items() if not branch.endpoint.lasting]:
            self._ring_out(key, actions)
        self._pending = tuple(each for each in self._pending if each.endpoint.lasting)
        self._follow_up()
        if not self._stages:
            self._stop_all(actions)

    def _ring_out(self, key: int, actions: list[Action]) -> None:
        """The branch has rung for its time."""
        endpoint = self._active.pop(key).endpoint
        if not endpoint.lasting:
            self._outcome = max(self._outcome, _RANG_OUT)
        actions.append(Stop(key, _end_by_time(endpoint)))

    def _go_on(self, now: float, actions: list[Action]) -> None:
        """The next stage when nobody of this one is left, else just the next deadline."""
        if self._pending:
            self._start_pending(now, actions)
        if self._waits():
            self._set_deadline()
            return
        self._follow_up()
        if self._active and not self._stages and self._stage_end is not None and now < self._stage_end:
            self._set_deadline()
        else:
            self._next_stage(now, actions)

    def _waits(self) -> bool:
        """Whether somebody of the stage's own rings, or will."""
        return any(not branch.endpoint.lasting for branch in self._active.values()) or any(
            not each.endpoint.lasting for each in self._pending
        )

    def _follow_up(self) -> None:
        """What the stage has for the way in which it ended is rung next, before the rest of the list."""
        stage, self._stage = self._stage, None
        if stage is not None:
            self._stages.extend(reversed((stage.unreachable, stage.no_answer, stage.busy)[self._outcome]))

    def _next_stage(self, now: float, actions: list[Action]) -> None:
        while True:
            if self._is_held(now):
                self._wait(actions)
                return
            if not self._stages:
                if self._let_last(now):
                    return
                self._stop_all(actions)
                if self._rolled_over or not self._plan.rollover:
                    self._exhaust(actions)
                    return
                self._rolled_over = True
                self._stages = list(reversed(self._plan.rollover))
                self._left = len(self._stages)
            stage = self._stages.pop()
            follows = len(self._stages) >= self._left
            if not follows:
                self._left = len(self._stages)
            self._stage = stage
            self._outcome = _UNREACHABLE
            if stage.hold is not None:
                self._held = now + stage.hold
            if self._start_stage(stage, now, actions):
                if follows:
                    self._statuses.clear()  # who rings now speaks for the called party: see `_exhaust`
                self._stage_end = None if stage.seconds is None else now + stage.seconds
                self._set_deadline()
                return
            self._follow_up()

    def _is_held(self, now: float) -> bool:
        """Whether what is next must not begin yet."""
        return self._held is not None and now < self._held and (not self._stages or self._stages[-1].hold is not None)

    def _wait(self, actions: list[Action]) -> None:
        """Only what lasts rings until the held time is over."""
        self._stage_end = self._held
        if not self._active:
            actions.append(Waiting())
        self._set_deadline()

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
        """Ring every endpoint that begins now; whether the stage has anybody of its own to wait for."""
        started = False
        later: list[_Pending] = []
        for endpoint in stage.endpoints:
            if endpoint.after > 0:
                later.append(_Pending(now + endpoint.after, endpoint))
            elif self._start_endpoint(endpoint, now, actions):
                started = started or not endpoint.lasting
        if later:
            self._pending = tuple(sorted((*self._pending, *later), key=_beginning))
        if not self._pending:
            return started
        self._start_pending(now, actions)
        return self._waits()

    def _start_pending(self, now: float, actions: list[Action]) -> None:
        """Ring whose time has come, and who waits for phones of the same user that ring no more (or never did)."""
        left: list[_Pending] = []
        for each in self._pending:
            if each.at > now and self._rings(each.endpoint):
                left.append(each)
            else:
                self._start_endpoint(each.endpoint, now, actions)
        self._pending = tuple(left)

    def _rings(self, endpoint: Endpoint) -> bool:
        """Whether another phone of the same user rings; for what belongs to no user, whether anything does."""
        return any(endpoint.extension is None or _same_user(branch.endpoint, endpoint) for branch in self._active.values())

    def _start_endpoint(self, endpoint: Endpoint, now: float, actions: list[Action]) -> bool:
        """Ring every contact of the endpoint; whether there was any."""
        deadline = None if endpoint.seconds is None else now + endpoint.seconds
        contacts = self._contacts(endpoint)
        for contact in contacts:
            self._count += 1
            self._active[self._count] = _Branch(endpoint, deadline)
            actions.append(Start(self._count, endpoint, contact))
        return bool(contacts)

    def _stop_all(self, actions: list[Action], cause: Cause | None = None) -> None:
        """Nobody rings any more, nor will; without a `cause` because the time is over."""
        actions.extend(Stop(key, cause or _end_by_time(branch.endpoint)) for key, branch in self._active.items())
        self._active.clear()
        self._pending = ()

    def _set_deadline(self) -> None:
        times = [branch.deadline for branch in self._active.values() if branch.deadline is not None]
        if self._stage_end is not None:
            times.append(self._stage_end)
        if self._plan.rollover_after is not None and not self._rolled_over:
            times.append(self._started + self._plan.rollover_after)
        if self._pending:
            times.append(self._pending[0].at)
        self.deadline = min(times, default=None)

    def _exhaust(self, actions: list[Action]) -> None:
        """The answer to the caller: the plan's, or for a plain call the best refusal of the called party (RFC 3261 §16.7).

        A call that was forwarded is to the caller a call to whom it was forwarded: the refusals that led to forwarding were
        dealt with, as a proxy that follows a redirection drops the 3xx (§16.7 step 4). So the last stage that rang speaks, and
        when it only rang out the answer is the plan's. A forwarding that reached nobody changed nothing: then the first
        refusal is the best that can be said.
        """
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
        self._pending = ()


def _same_user(one: Endpoint, other: Endpoint) -> bool:
    return one is other or (one.extension is not None and one.extension == other.extension)


def _outcome(status: int) -> int:
    return _WAS_BUSY if status in _BUSY else _UNREACHABLE if status in _ABSENT else _RANG_OUT


def _beginning(pending: _Pending) -> float:
    return pending.at


def _end_by_time(endpoint: Endpoint) -> Cause:
    """A splash is one short ring that is meant to end (A8): the phone must not show it as a missed call."""
    return ELSEWHERE if endpoint.alert == "splash" else NO_ANSWER


def _preference(answer: tuple[int, str]) -> tuple[int, int]:
    """Which refusal tells the caller most: a 6xx, then busy, then the rest, lower classes first (RFC 3261 §16.7)."""
    status = answer[0]
    if status >= 600:
        return 0, status
    if status == 486:
        return 1, status
    return status // 100, status % 100

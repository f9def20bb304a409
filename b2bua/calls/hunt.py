"""A hunt: phones rung by a plan until somebody answers, for a caller who waits for the answer or for a party who is in the call already.

It carries out what the fork decides and knows the legs that ring; what becomes of an answer is its owner's business.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

from b2bua.calls.events import Deadline
from b2bua.calls.fork import ELSEWHERE, Action, Exhausted, Fork, Start, Stop, Waiting, Won
from b2bua.calls.identity import COMPLETED_ELSEWHERE, Origin
from b2bua.calls.leg import Leg
from b2bua.calls.ports import Phone, Trunk
from b2bua.delegation.plan import Endpoint, RoutePlan
from b2bua.sip.timers import Timer

if TYPE_CHECKING:
    from b2bua.calls.index import CallIndex
    from b2bua.calls.mailbox import Mailbox
    from b2bua.calls.record import Record
    from b2bua.calls.relaying import Relaying

DUE: Final = Deadline("fork")
"""Posted to the call when `tick` has something to do."""


class Owner(Protocol):
    """The call on whose behalf phones ring."""

    @property
    def id(self) -> str: ...
    @property
    def index(self) -> CallIndex: ...
    @property
    def mailbox(self) -> Mailbox: ...
    @property
    def record(self) -> Record: ...
    def offer_for(self, leg: Leg, alone: bool) -> tuple[bytes | None, bool]:
        """The offer to `leg`, and whether it may answer it early. `alone`: nobody else rings, nor will."""
        ...

    def hunt_waits(self) -> None:
        """Nobody rings at the moment, and somebody will."""
        ...

    def hunt_failed(self, status: int, reason: str) -> None:
        """Nobody takes the call."""
        ...


class Hunt:
    """Rings by `plan`. `legs` are those that ring, by branch of the fork; `anchored` whether their sound comes to us, or goes by
    `relaying`."""

    __slots__ = ("plan", "origin", "legs", "anchored", "remind_at", "elsewhere", "_owner", "_fork", "_timer", "_relaying")

    def __init__(self, owner: Owner, plan: RoutePlan, origin: Origin, anchored: bool, relaying: Relaying | None = None) -> None:
        self.plan = plan
        self.origin = origin
        self.legs: dict[int, Leg] = {}
        self.anchored = anchored
        self.remind_at: float | None = None
        """When the owner wants to be woken besides; it sets the next time itself."""
        self.elsewhere = COMPLETED_ELSEWHERE
        """What the others are told when somebody has answered: a header line of their CANCEL."""
        self._owner = owner
        self._fork: Fork | None = Fork(plan, self._contacts)
        self._timer: Timer | None = None
        self._relaying = relaying

    def _contacts(self, endpoint: Endpoint) -> Sequence[Any]:
        return self._owner.index.contacts(endpoint)

    @property
    def over(self) -> bool:
        """Whether it has ended: somebody answered, nobody did, or it was stopped."""
        return self._fork is None

    @property
    def rolled_over(self) -> bool:
        """Whether the plan has come to its rollover, or is over."""
        return self._fork is None or self._fork.rolled_over

    def start(self) -> None:
        """Ring whoever is first."""
        if self._fork is not None:
            self._perform(self._fork.start(self._owner.index.stack.now))

    def branch_of(self, leg: Leg) -> int | None:
        for branch, known in self.legs.items():
            if known is leg:
                return branch
        return None

    def answered(self, branch: int) -> list[Action]:
        """Take the winner out of `legs`. The actions stop the others: `finish` carries them out, when the winner has been joined, for
        nobody should wait for that."""
        if self._fork is None:
            return []
        actions = self._fork.answered(branch, self._owner.index.stack.now)
        del self.legs[branch]
        return actions

    def finish(self, actions: list[Action]) -> None:
        """Stop whoever rings besides the winner; the hunt is over."""
        self._perform(actions)
        self._fork = None
        self._arm()

    def failed(self, branch: int, status: int, reason: str) -> None:
        """A phone refused, or is gone."""
        self._forget(self.legs.pop(branch))
        self._owner.record.rang(branch)
        self._owner.index.live.changed(self._owner.id)
        if self._fork is not None:
            self._perform(self._fork.failed(branch, status, reason, self._owner.index.stack.now))

    def tick(self) -> None:
        """Ring times that have run out."""
        if self._fork is not None:
            self._perform(self._fork.tick(self._owner.index.stack.now))

    def stop(self, headers: str = "") -> None:
        """Nobody is to ring any more. `headers` go into each CANCEL."""
        self._fork = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for branch, leg in self.legs.items():
            self._owner.record.rang(branch)
            leg.hang_up(headers=headers)
        self.legs.clear()

    def _perform(self, actions: list[Action]) -> None:
        """What the fork decided."""
        starts = sum(isinstance(action, Start) for action in actions)
        alone = starts == 1 and self._fork is not None and self._fork.alone
        for action in actions:
            if isinstance(action, Start):
                self._start_branch(action, alone=alone and not self.legs)
            elif isinstance(action, Won):
                continue
            elif isinstance(action, Stop):
                self._stop_branch(action)
            elif isinstance(action, Waiting):
                self._owner.hunt_waits()
            elif isinstance(action, Exhausted):
                self._fork = None
                self._owner.hunt_failed(action.status, action.reason)
        if actions:
            self._owner.index.live.changed(self._owner.id)
        self._arm()

    def _start_branch(self, action: Start, *, alone: bool) -> None:
        """Ring one contact. An early offer of one of several could not be answered, so without an offer of ours only one may make it."""
        owner, endpoint = self._owner, action.endpoint
        leg = owner.index.new_leg(
            owner.mailbox.post, endpoint.extension or endpoint.number or "", anchored=self.anchored, host=_host_of(action.contact)
        )
        leg.endpoint = endpoint
        leg.home = owner
        self.legs[action.branch] = leg
        owner.record.ringing(action.branch, leg.party, endpoint.for_executive)
        offer, reliable = owner.offer_for(leg, alone)

        def ring(offer: bytes | None) -> None:
            owner.index.ring(owner.id, self.plan, self.origin, leg, endpoint, action.contact, offer, reliable)

        if self._relaying is None or offer is None:
            ring(offer)
        else:
            self._relaying.invite(leg, offer, ring)

    def _stop_branch(self, action: Stop) -> None:
        leg = self.legs.pop(action.branch, None)
        self._owner.record.rang(action.branch)
        if leg is not None:
            leg.hang_up(headers=self.elsewhere if action.cause is ELSEWHERE else "")
            self._forget(leg)

    def _forget(self, leg: Leg) -> None:
        if self._relaying is not None:
            self._relaying.forget(leg)

    def _arm(self) -> None:
        """See to it that the owner is woken in time: for the fork's next deadline, or for its own."""
        fork, timer = self._fork, self._timer
        deadline = fork.deadline if fork is not None else None
        if deadline is not None and self.remind_at is not None and self.remind_at < deadline:
            deadline = self.remind_at
        if timer is not None:
            if deadline is not None and timer.pending and timer.args and timer.args[0] == deadline:
                return
            timer.cancel()
            self._timer = None
        if deadline is not None:
            stack = self._owner.index.stack
            self._timer = stack.timers.after(stack.now, max(0.0, deadline - stack.now), self._on_timer, deadline)

    def _on_timer(self, now: float, deadline: float) -> None:
        self._timer = None
        self._owner.mailbox.post(DUE)


def status_for_caller(status: int) -> int:
    """What a refusal of the called side means to the caller. A redirection is not followed (A18), a challenge is not the caller's to
    answer, and a request of ours that found no dialog or no answer is no fault of the caller's."""
    if status < 400 or status in (408, 481, 487):
        return 480
    return 502 if status in (401, 407, 420, 421, 422, 482, 483, 494) else status


def _host_of(contact: Any) -> str:
    """Where the phone signals from: the other end of its flow; for what has none, the host that its address names."""
    if isinstance(contact, Phone):
        return contact.flow.remote[0] if contact.flow is not None else contact.uri.partition("[")[2].partition("]")[0]
    return str(contact.uri.host) if isinstance(contact, Trunk) else ""

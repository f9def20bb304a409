"""A call that rings elsewhere, picked up from the page (C10, C11): the actor's own phones ring, too, and the first answer has the call.

They are offered what the phones are offered that ring already, so that an answer of theirs is an answer like any other: from then on
their hunt is the call's. Whether the actor may is asked again then. Until they answer they are nobody who was called, and leave no
trace in the record; what rings elsewhere rings on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from b2bua.calls import joining
from b2bua.calls.commands import Outcome, Take
from b2bua.calls.events import Answered
from b2bua.calls.hunt import Hunt
from b2bua.calls.identity import COMPLETED_ELSEWHERE
from b2bua.calls.leg import Leg
from b2bua.calls.record import Record, Untold
from b2bua.delegation import incall
from b2bua.delegation.plan import Endpoint, Role, RoutePlan, Stage

if TYPE_CHECKING:
    from b2bua.calls.call import Call
    from b2bua.calls.index import CallIndex
    from b2bua.calls.mailbox import Mailbox

RING_SECONDS: Final = 30.0


class PickUp:
    """Somebody's own phones, ringing for a call that rings elsewhere. The owner of their hunt."""

    __slots__ = ("_call", "_ringing", "actor", "hunt", "record")

    def __init__(self, call: Call, actor: str, plan: RoutePlan, ringing: frozenset[str]) -> None:
        self.actor = actor
        self.record: Record = Untold()
        self._call = call
        self._ringing = ringing
        self.hunt = Hunt(self, plan, call.origin, plan.anchored and call.relaying is None, call.relaying)

    @property
    def id(self) -> str:
        return self._call.id

    @property
    def index(self) -> CallIndex:
        return self._call.index

    @property
    def mailbox(self) -> Mailbox:
        return self._call.mailbox

    def offer_for(self, leg: Leg, alone: bool) -> tuple[bytes | None, bool]:
        return self._call.offer_for(leg, alone=False)

    def hunt_waits(self) -> None:
        pass

    def hunt_failed(self, status: int, reason: str) -> None:
        """None of the phones has answered: what rings elsewhere rings on."""
        self.index.log.info("not taken", call=self.id, actor=self.actor, status=status, reason=reason)
        self._call.not_taken(self)

    def refused(self) -> str:
        """Why the actor may not have the call any more; "" when they may."""
        index, subject = self.index, self._call.subject()
        subject = subject._replace(ringing=subject.ringing or self._ringing)  # between two stages nothing rings for a moment
        return incall.may(index.directory, self.actor, "pick_up", subject, index.local_time())


def take(call: Call, command: Take) -> Outcome:
    """Ring the actor's phones for a call that rings: 202 as soon as they do."""
    index, actor, subject = call.index, command.actor, call.subject()
    if command.kind != "take":
        return Outcome(409, "the call rings and is not answered yet")
    if any(each.actor == actor for each in call.takes):
        return Outcome(409, "your phones ring already")
    if actor in subject.ringing:
        return Outcome(409, "your phone rings already: pick it up")
    refused = incall.may(index.directory, actor, "pick_up", subject, index.local_time())
    if refused or actor in subject.parties:
        return Outcome(403, refused or "this is your own call")
    plan = _plan(call, actor)
    if call.invite is None or not index.contacts(plan.stages[0].endpoints[0]):
        return Outcome(480, "none of your phones can be reached")
    wish = PickUp(call, actor, plan, subject.ringing)
    call.takes = (*call.takes, wish)
    wish.hunt.start()
    return Outcome(202, "your phones ring") if wish in call.takes else Outcome(480, "none of your phones can be reached")


def _plan(call: Call, actor: str) -> RoutePlan:
    """The actor's own phones, which show the call as if they had been rung by its plan."""
    served, directory = call.plan.executive, call.index.directory
    assists = served is not None and directory.delegation(actor, served) is not None
    role: Role = "assistant" if assists else "executive" if actor == served else "user"
    endpoint = Endpoint("user", actor, None, None, role, served if assists else None)
    return call.plan._replace(stages=(Stage((endpoint,), RING_SECONDS, "take"),), rollover=(), rollover_after=None, plain=True, settings=())


def answered(call: Call, event: Answered) -> bool:
    """Somebody has answered. If that is one of those who pick up, their hunt becomes the call's, and whatever rings besides falls
    silent; False when they may not have the call, or it cannot be theirs: they are told, and nothing has changed."""
    wish = next((each for each in call.takes if each.hunt.branch_of(event.leg) is not None), None)
    if wish is None:
        return True
    why = wish.refused()
    status = 403
    if not why and event.sdp is None:
        why, status = "No Session Description", 488
    elif not why and event.sdp is not None and event.leg.anchor is not None:
        why, status = call.index.hostile(event.sdp, event.leg), 488
    if why:
        joining.turn_away(event.leg, Outcome(status, why))
        branch = wish.hunt.branch_of(event.leg)
        assert branch is not None
        wish.hunt.failed(branch, status, why)
        return False
    call.takes = tuple(each for each in call.takes if each is not wish)
    hunt, call.hunt = call.hunt, wish.hunt
    if hunt is not None:
        hunt.stop(COMPLETED_ELSEWHERE)
    call.picked_up = True
    return True

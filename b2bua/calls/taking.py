"""A call taken from the page (C1-C8): the actor's own phones ring, and whoever picks up one of them is let in as if they had dialled.

Those in the call go on hearing what they hear. What rings is no part of the call until it has answered, and leaves no trace in its
record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from b2bua.calls import joining
from b2bua.calls.commands import JoinKind, Outcome, Take
from b2bua.calls.events import Taken
from b2bua.calls.hunt import Hunt
from b2bua.calls.identity import COMPLETED_ELSEWHERE
from b2bua.calls.leg import Leg
from b2bua.calls.party import Party
from b2bua.calls.record import Record, Untold
from b2bua.delegation.plan import Endpoint, Presentation, RoutePlan, Stage

if TYPE_CHECKING:
    from b2bua.calls.conversation import Conversation
    from b2bua.calls.index import CallIndex
    from b2bua.calls.mailbox import Mailbox

RING_SECONDS: Final = 30.0
FEATURES: Final[dict[JoinKind, str]] = {"take": "pull", "join": "barge_in", "listen": "listen", "whisper": "whisper"}


class Taking:
    """Somebody's own phones, ringing to let them in. The owner of their hunt."""

    __slots__ = ("actor", "argument", "feature", "hunt", "record", "replaces", "_conversation")

    def __init__(self, conversation: Conversation, wish: Taken, plan: RoutePlan) -> None:
        self.actor = wish.actor
        self.feature = wish.feature
        self.replaces = wish.replaces
        self.argument = wish.argument
        self.record: Record = Untold()
        self._conversation = conversation
        self.hunt = Hunt(self, plan, conversation.call.origin, anchored=True)

    @property
    def id(self) -> str:
        return self._conversation.id

    @property
    def index(self) -> CallIndex:
        return self._conversation.index

    @property
    def mailbox(self) -> Mailbox:
        return self._conversation.mailbox

    def offer_for(self, leg: Leg, alone: bool) -> tuple[bytes | None, bool]:
        return self._conversation.offer_for(leg, alone)

    def hunt_waits(self) -> None:
        pass

    def hunt_failed(self, status: int, reason: str) -> None:
        """None of the phones has answered: nothing has happened."""
        self._conversation.takes.pop(self.actor, None)
        self.index.log.info("not taken", call=self.id, actor=self.actor, status=status, reason=reason)


async def take(conversation: Conversation, command: Take) -> Outcome:
    """Ring the actor's phones: 202 as soon as they ring. Whether they may come in is asked again when they answer."""
    if command.actor in conversation.takes:
        return Outcome(409, "your phones ring already")
    if command.kind == "take" and conversation.hunt is not None and command.actor in conversation.subject().ringing:
        return Outcome(409, "your phone rings already: pick it up")
    wish = _wish(conversation, command)
    refused = await joining.admissible(conversation, wish)
    wish.leg.hang_up()
    if refused is not None:
        return refused
    plan = _plan(conversation, wish)
    if command.actor in conversation.takes or not conversation.reaches(plan):
        return Outcome(480, "none of your phones can be reached")
    taking = conversation.takes[command.actor] = Taking(conversation, wish, plan)
    taking.hunt.start()
    return Outcome(202, "your phones ring") if command.actor in conversation.takes else Outcome(480, "none of your phones can be reached")


def _wish(conversation: Conversation, command: Take) -> Taken:
    """What the actor wants, before there is a leg of theirs: an idle one stands for it."""
    feature = FEATURES[command.kind]
    if feature == "pull" and conversation.slot is not None:
        feature = "retrieve"
    elif feature == "pull" and _rings_elsewhere(conversation, command.actor):
        feature = "pick_up"
    place = joining.place_of(conversation.call, feature, command.actor, command.target)
    idle = conversation.index.new_leg(lambda _: None, command.actor, anchored=False)
    return Taken(idle, command.actor, feature, place, command.target)


def _rings_elsewhere(conversation: Conversation, actor: str) -> bool:
    """Whether somebody is rung for those who wait, and the actor is none of them."""
    return conversation.hunt is not None and bool(conversation.hunt.legs) and conversation.party_of(actor) is None


def _plan(conversation: Conversation, wish: Taken) -> RoutePlan:
    """The actor's own phones; an assistant sees for whom the call is, and nothing of a confidential contact."""
    call = conversation.call
    met = joining.met_by(conversation, wish)
    party = joining.newcomer(conversation, wish)
    shown = _shown(conversation, party, met) if met is not None else Presentation("", wish.actor)
    role, executive = ("assistant", party.for_executive) if party.for_executive is not None else ("user", None)
    endpoint = Endpoint("user", wish.actor, None, None, "assistant" if role == "assistant" else "user", executive)
    return RoutePlan(
        "ring",
        stages=(Stage((endpoint,), RING_SECONDS, "take"),),
        executive=executive,
        called=wish.actor,
        present=shown,
        present_assistant=call.plan.present_assistant if call.plan.confidential else shown,
        asserted=shown if shown.number != "anonymous" else None,
        plain=True,
        confidential=call.plan.confidential,
        anchored=True,
    )


def _shown(conversation: Conversation, party: Party, met: Party) -> Presentation:
    """As whom the actor's phones show who is in the call."""
    if party.for_executive is not None and met is conversation.caller_party:
        return conversation.call.plan.present_assistant or met.shown
    return met.shown


def answered(conversation: Conversation, hunt: Hunt, leg: Leg) -> Taken:
    """One of the actor's phones has answered: what they want, to be dealt with when nothing else is under way."""
    taking = next(each for each in conversation.takes.values() if each.hunt is hunt)
    del conversation.takes[taking.actor]
    return Taken(leg, taking.actor, taking.feature, taking.replaces, taking.argument)


async def taken(conversation: Conversation, event: Taken) -> None:
    """Let in who has answered, as if they had dialled."""
    refused = await joining.admissible(conversation, event)
    if refused is not None:
        joining.turn_away(event.leg, refused)
        return
    conversation.record.call_ids.append(event.leg.call_id)
    joining.enter(conversation, event, joining.newcomer(conversation, event))


def settled(conversation: Conversation) -> None:
    """Somebody has what rang or was parked: nobody else's phones ring to take it."""
    for actor, taking in list(conversation.takes.items()):
        if taking.feature in ("pick_up", "retrieve"):
            del conversation.takes[actor]
            taking.hunt.stop(COMPLETED_ELSEWHERE)


def stop(conversation: Conversation) -> None:
    """The call is over: nobody's phones ring for it any more."""
    takes, conversation.takes = conversation.takes, {}
    for taking in takes.values():
        taking.hunt.stop()

"""Park, recall and retrieve (C3, C4).

A slot is taken before the call is moved into it, and given back when the call leaves it: two calls never meet in one. Who has parked a
call hears the slot and is let go; the caller hears music. Nobody has to remember the call: it rings who has parked it, then where the
executive's unanswered calls go, and until somebody answers it can still be retrieved.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Final

from b2bua.calls import showing
from b2bua.calls.commands import Outcome, Park
from b2bua.calls.events import Deadline
from b2bua.calls.identity import COMPLETED_ELSEWHERE, reason
from b2bua.calls.party import Party
from b2bua.calls.topology import MUSIC
from b2bua.delegation import handover, incall
from b2bua.delegation.situation import Refusal
from b2bua.media.engine import Play

if TYPE_CHECKING:
    from b2bua.calls.conversation import Conversation

SPOKEN: Final = "parked"
"""The `Play` in which who has parked a call hears the slot."""
SPEAKING_SECONDS: Final = 6.0
"""How long the words may take, and how long who has sent a REFER may take to hang up."""
_SPOKEN: Final = Deadline("parked")
_RECALL: Final = Deadline("park recall")


class ParkingLot:
    """Which call is in which slot. One for the server; a slot is the call's from `take` to `leave`."""

    __slots__ = ("_slots",)

    def __init__(self) -> None:
        self._slots: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._slots)

    @property
    def occupied(self) -> Collection[str]:
        """The slots that are taken."""
        return self._slots.keys()

    @property
    def calls(self) -> Collection[str]:
        """The calls that are parked, by id."""
        return self._slots.values()

    def slot_of(self, call: str) -> str | None:
        """Where a call is parked."""
        return next((slot for slot, parked in self._slots.items() if parked == call), None)

    def take(self, slot: str, call: str) -> None:
        """Put a call into a free slot."""
        assert slot not in self._slots, slot
        self._slots[slot] = call

    def leave(self, call: str) -> None:
        """Free the slot of a call, if it has one."""
        slot = self.slot_of(call) if self._slots else None
        if slot is not None:
            del self._slots[slot]


def sounds(slot: str) -> tuple[str, ...]:
    """A slot in spoken words, as names of prompts."""
    return ("parked", *(f"digit:{digit}" for digit in slot if digit.isdigit()))


# --- park ---------------------------------------------------------------------------------------------------------------------


async def park(conversation: Conversation, command: Park) -> Outcome:
    """Park the other party for the actor, who hears in which slot and is let go; at once where their phone hears nothing."""
    party = conversation.party_of(command.actor)
    if party is None:
        return Outcome(403, "you are not in this call")
    listens = _listens(party)
    outcome = await park_for(conversation, party, command.slot)
    if outcome.done and party in conversation.parties and conversation.slot is not None:
        if listens and party.anchored:
            conversation.play(party, Play(SPOKEN, sounds(conversation.slot)))
        else:
            spoken(conversation)
    return outcome


async def park_for(conversation: Conversation, party: Party, slot: str) -> Outcome:
    """Park the other party for `party`; `slot` "" is the next free one.

    `party` hears nobody and is heard by nobody any more. It is expected to hang up, as after a REFER, and may have done so before
    the sound has come to us; after `SPEAKING_SECONDS` it is let go. Refused: nothing has changed.
    """
    chosen = _slot_for(conversation, party, slot)
    if isinstance(chosen, Outcome):
        return chosen
    waiting = conversation.talking(party)
    lot = conversation.index.parking
    lot.take(chosen, conversation.id)
    anchored = await conversation.bring(party, whole=True)
    if not anchored or conversation.talking(party) != waiting:
        lot.leave(conversation.id)
        if conversation.talking(party) != waiting:
            return Outcome(404, "somebody has hung up")
        return Outcome(488, "there is no media engine for this call")
    _leave_alone(conversation, party, chosen)
    return Outcome(200, f"parked in {chosen}")


def _slot_for(conversation: Conversation, party: Party, slot: str) -> str | Outcome:
    """Where the call goes, or why it may not."""
    index = conversation.index
    if party.extension is None:
        return Outcome(403, "only users of this server park calls")
    subject = conversation.subject()
    chosen = incall.slot_for(index.directory, party.extension, slot, subject, index.parking.occupied, index.local_time())
    if isinstance(chosen, Refusal):
        return Outcome(chosen.status, chosen.warning)
    if conversation.room is not None or len(conversation.talking(party)) != 1:
        return Outcome(403, "there is nobody, or more than one, to park")
    if conversation.hunt is not None:
        return Outcome(409, "somebody is being rung for this call")
    if any(each.aside for each in conversation.parties):
        return Outcome(403, "the call is being handed over")
    return chosen


def _listens(party: Party) -> bool:
    """Whether a party's phone wants to hear something: it has not put the call on hold."""
    stream = party.audio()
    return stream is not None and stream.direction in ("sendrecv", "recvonly") and stream.host not in ("0.0.0.0", "::")  # noqa: S104


def _leave_alone(conversation: Conversation, party: Party, slot: str) -> None:
    """The call is in its slot; who has parked it is outside, and so is who has listened to them."""
    for other in conversation.others(party):
        if other.role != "talk":
            conversation.release(other)
    party.role = "listen"
    party.put_on_hold = True
    conversation.slot, conversation.parked_by = slot, party.extension
    conversation.idle = MUSIC
    conversation.since = conversation.now
    if conversation.locked_by == party.extension:
        conversation.locked_by = None  # whoever is meant to retrieve it must be able to
    conversation.after(_SPOKEN, SPEAKING_SECONDS)
    conversation.after(_RECALL, conversation.index.directory.parking.recall_seconds)
    conversation.apply("parked")


def spoken(conversation: Conversation) -> None:
    """Who has parked the call has heard the slot, or had the time to."""
    _let_go(conversation)
    conversation.apply()


def _let_go(conversation: Conversation) -> None:
    """Hang up on who has parked the call; some phones show the Reason of a BYE (RFC 3326)."""
    conversation.cancel_timer(_SPOKEN.name)
    for party in list(conversation.parties):
        if party.role != "talk":
            conversation.release(party, reason(f"parked in {conversation.slot}"))


# --- recall -------------------------------------------------------------------------------------------------------------------


def recall(conversation: Conversation) -> None:
    """Nobody has retrieved the call in time: it rings who has parked it, then where the executive's unanswered calls go.

    It stays in its slot until somebody answers, or all has been in vain.
    """
    if conversation.hunt is not None:
        return  # it has come back before the server was restarted
    if conversation.slot is None:
        return
    _let_go(conversation)
    index, waiting = conversation.index, conversation.parties[0]
    plan = handover.recall(index.directory, conversation.parked_by or "", showing.waiting(conversation, waiting), index.local_time())
    if plan.action == "ring":
        conversation.ring(plan, "recalled")
    else:
        conversation.say_unavailable()


def resume(conversation: Conversation) -> None:
    """A restarted server goes on with a call that was parked: it has its slot, and, unless the snapshot knows better, its full
    time there."""
    if conversation.slot is not None:
        lot = conversation.index.parking
        if conversation.slot not in lot.occupied:
            lot.take(conversation.slot, conversation.id)
        conversation.after(_SPOKEN, SPEAKING_SECONDS)
        conversation.after(_RECALL, conversation.index.directory.parking.recall_seconds)


# --- retrieve -----------------------------------------------------------------------------------------------------------------


def welcome(conversation: Conversation, party: Party) -> str:
    """`party` is about to retrieve the call, for the executive whose call it is: who is parked, as P-Asserted-Identity lines of the 200."""
    served = conversation.executive
    if party.extension != served:
        party.for_executive = served
    parked = next((other for other in conversation.parties if other.role == "talk"), None)
    return showing.connected_identity(conversation.call, party, parked) if parked is not None else ""


def retrieved(conversation: Conversation, party: Party) -> None:
    """`party` has the parked call: whatever rings for it falls silent, and the slot is free."""
    conversation.stop_ringing(COMPLETED_ELSEWHERE)
    release(conversation)
    conversation.plays.clear()
    conversation.since = conversation.now
    conversation.add(party, "retrieved", told=True)


def release(conversation: Conversation) -> None:
    """The call is over, retrieved, or answered after its recall: its slot is free. The one place where that happens."""
    conversation.index.parking.leave(conversation.id)
    if conversation.slot is None:
        return
    _let_go(conversation)
    conversation.cancel_timer(_RECALL.name)
    conversation.slot = conversation.parked_by = None

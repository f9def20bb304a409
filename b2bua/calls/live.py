"""Running calls as others see them: a view of each, made when somebody looks, and told to the bus a moment after it has changed.

What changes a call only notes its id, and that only while somebody listens; most changes come several at a time. That a call is over is
told at once. Nothing is left out here: who may see what is decided where it is shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from b2bua.calls.leg import Leg
from b2bua.calls.party import Party
from b2bua.cluster.bus import Bus, CallChanged, CallEnded, CallState, CallView, PartyView, RingingView
from b2bua.sip.timers import Timer

if TYPE_CHECKING:
    from b2bua.calls.call import Call
    from b2bua.calls.conversation import Conversation
    from b2bua.calls.hunt import Hunt
    from b2bua.calls.index import CallIndex

PUBLISH_SECONDS: Final = 0.05
"""How soon after a change it is told."""
WITHHELD: Final = "anonymous"
"""The number of who withholds theirs."""


class Live:
    """Tells `bus` what becomes of the index's calls."""

    __slots__ = ("_bus", "_changed", "_index", "_timer")

    def __init__(self, index: CallIndex, bus: Bus) -> None:
        self._index = index
        self._bus = bus
        self._changed: dict[str, None] = {}  # in the order in which they changed
        self._timer: Timer | None = None

    def changed(self, call_id: str) -> None:
        """Something about a call is not as it was."""
        if not self._bus:
            return
        self._changed[call_id] = None
        if self._timer is None:
            stack = self._index.stack
            self._timer = stack.timers.after(stack.now, PUBLISH_SECONDS, self._publish)

    def ended(self, call: Call) -> None:
        """The call is over. A change that has not been told yet is told no more."""
        self._changed.pop(call.id, None)
        if self._bus and call.visible:
            self._bus.publish(CallEnded(call.id, call.record.outcome(call.plan), call.record.answered_by))

    def _publish(self, now: float) -> None:
        self._timer = None
        changed, self._changed = self._changed, {}
        for call_id in changed:
            call = self._index.calls.get(call_id)
            found = view(call) if call is not None else None
            if found is not None:
                self._bus.publish(CallChanged(found))

    def views(self) -> list[CallView]:
        """Every running call, the oldest first."""
        return [found for call in self._index.calls.values() if (found := view(call)) is not None]

    def view(self, call_id: str) -> CallView | None:
        """One of them; None when there is none of that id."""
        call = self._index.calls.get(call_id)
        return view(call) if call is not None else None


def view(call: Call) -> CallView | None:
    """A call as it is now; None for one that nobody is in but who has dialled a feature code."""
    if not call.visible:
        return None
    conversation = call.conversation
    return _ringing(call) if conversation is None else _answered(call, conversation)


def _ringing(call: Call) -> CallView:
    """Nobody has answered yet."""
    plan, caller = call.plan, _caller(call)
    return CallView(
        id=call.id,
        state="dialling" if call.dialling else "ringing",
        started=call.record.started,
        since=call.record.started,
        caller=caller,
        called=plan.called,
        executive=plan.executive or call.record.served_for,
        on_behalf_of=plan.on_behalf_of,
        actor=plan.actor,
        parties=() if call.dialling else (caller,),
        ringing=_rung(call.hunt),
        confidential=plan.confidential,
    )


def _answered(call: Call, conversation: Conversation) -> CallView:
    plan, record = call.plan, call.record
    first = conversation.caller_party
    return CallView(
        id=call.id,
        state=_state(conversation),
        started=record.started,
        since=call.index.wall_at(conversation.since),
        caller=_caller(call) if first is None or first not in conversation.parties else _party(call, first),
        called=plan.called,
        executive=plan.executive or record.served_for,
        on_behalf_of=plan.on_behalf_of,
        actor=plan.actor,
        parties=tuple([_party(call, party) for party in conversation.parties]),
        ringing=_rung(conversation.hunt),
        answered_by=record.answered_by,
        slot=conversation.slot,
        parked_by=conversation.parked_by,
        locked_by=conversation.locked_by,
        confidential=plan.confidential,
        note=conversation.note,
        sent_by=conversation.sent_by,
        room=conversation.room,
    )


def _state(conversation: Conversation) -> CallState:
    parties = conversation.parties
    if conversation.room is not None:
        return "conference"
    if conversation.slot is not None:
        return "parked"
    if conversation.hunt is not None:
        return "ringing"
    talking = [party for party in parties if party.role == "talk" and not party.aside and party is not conversation.leaving]
    if len(talking) < 2 or any(party.holding for party in talking):  # who is left alone waits, too
        return "held"
    return "conference" if len(talking) > 2 else "talking"


def _caller(call: Call) -> PartyView:
    """Who called, whether in the call any more or not."""
    caller, record = call.caller, call.record
    number = WITHHELD if caller.anonymous else caller.extension or caller.number or WITHHELD
    return PartyView(caller.extension, number, "" if caller.anonymous else caller.name, speaks_as=call.plan.on_behalf_of, since=record.started)


def _party(call: Call, party: Party) -> PartyView:
    conversation = call.conversation
    is_caller = conversation is not None and party is conversation.caller_party
    number, name = party.name or WITHHELD, _name(call, party)
    if (is_caller and call.caller.anonymous) or party.shown.number == WITHHELD:
        number, name = WITHHELD, ""
    return PartyView(
        party.extension, number, name, party.role, party.holding, party.muted, party.speaks_as, call.index.wall_at(party.since)
    )


def _name(call: Call, party: Party) -> str:
    """The user's own name, also where the others see somebody else's; outside parties as they are shown."""
    user = call.index.directory.users.get(party.extension) if party.extension is not None else None
    if user is not None:
        return user.name
    conversation = call.conversation
    return call.caller.name if conversation is not None and party is conversation.caller_party else party.shown.name


def _rung(hunt: Hunt | None) -> tuple[RingingView, ...]:
    """Whose phones ring, each once."""
    return tuple(dict.fromkeys([_rings(leg) for leg in hunt.legs.values()])) if hunt is not None else ()


def _rings(leg: Leg) -> RingingView:
    endpoint = leg.endpoint
    extension = endpoint.extension if endpoint is not None else None
    return RingingView(extension, extension or leg.party, endpoint.for_executive if endpoint is not None else None)

"""Picking up a call that rings elsewhere (C10, C11): by code, or by an INVITE with Replaces that names a dialog of it (RFC 3891 §3).

Who calls and who picks up have both made an offer, so each is answered out of what the other has offered. What rings when somebody picks
up, or is picked up when somebody answers, is decided by the order in which the call hears of it: one has it, the other is told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.calls import joining, showing
from b2bua.calls.anchor import Anchor
from b2bua.calls.commands import Outcome
from b2bua.calls.conversation import Conversation
from b2bua.calls.events import Joining
from b2bua.calls.identity import COMPLETED_ELSEWHERE
from b2bua.calls.invite_server import ServerInvite
from b2bua.calls.leg import ENDED, Leg
from b2bua.calls.party import Party
from b2bua.delegation import incall
from b2bua.delegation.plan import Presentation
from b2bua.sip import description
from b2bua.sip.description import MIXABLE, TELEPHONE_EVENT, Format
from b2bua.sip.values import SipError

if TYPE_CHECKING:
    from b2bua.calls.call import Call

_ANY = (*MIXABLE, TELEPHONE_EVENT)


def pick_up(call: Call, event: Joining) -> None:
    """Join the caller to who picks up, and stop what rings; or refuse, and everything rings on."""
    index, leg = call.index, event.leg
    refused = incall.may(index.directory, event.actor, event.feature, call.subject(), index.local_time())
    if leg.state is ENDED:
        return
    incoming, invite = call.incoming, call.invite
    if refused or incoming is None or invite is None or call.hunt is None:
        joining.turn_away(leg, Outcome(403, refused or "the call is over"))
        return
    direct = incoming.anchor is None
    try:
        for_caller, for_picker = _answers(call, event, incoming, invite)
        conversation = _joined(call, event, incoming)
        event.invite.answer(for_picker, headers=_greeting(call, conversation))
    except SipError as error:
        call.conversation = None
        if direct:
            index.unanchor(incoming)
        joining.turn_away(leg, Outcome(error.status, error.reason))
        return
    _give_to(call, event, invite, for_caller)


def _joined(call: Call, event: Joining, incoming: Leg) -> Conversation:
    """The conversation of the caller and who picks up."""
    directory = call.index.directory
    user = directory.users.get(event.actor)
    served = call.plan.executive
    party = Party(
        event.leg,
        event.actor,
        Presentation(user.name if user is not None else "", event.actor),
        for_executive=served if served is not None and directory.delegation(event.actor, served) is not None else None,
        since=call.index.stack.now,
    )
    call.conversation = conversation = Conversation.between(call, incoming, party)
    conversation.why = "picked up"
    return conversation


def _greeting(call: Call, conversation: Conversation) -> str:
    """Who has called, as the phone of who picks up displays it (RFC 3325 §9.1)."""
    caller, picker = conversation.parties
    return showing.connected_identity(call, picker, caller)


def _give_to(call: Call, event: Joining, invite: ServerInvite, body: bytes) -> None:
    """Who picks up has been answered: so is the caller, and whatever rings falls silent."""
    hunt, incoming, leg = call.hunt, call.incoming, event.leg
    try:
        invite.answer(body, leg.call_id)  # whose early media the caller may have heard was somebody else
    except SipError as error:
        call.conversation = None
        leg.hang_up()
        call.record.refuse(error.status)
        call.incoming = None
        if incoming is not None:
            incoming.hang_up(error.status, error.reason)
    else:
        call.record.answered(0, event.actor, leg.call_id)
        call.incoming = None
    call.hunt = None
    if hunt is not None:
        hunt.stop(COMPLETED_ELSEWHERE)


# --- offers ---------------------------------------------------------------------------------------------------------------------


def _answers(call: Call, event: Joining, incoming: Leg, invite: ServerInvite) -> tuple[bytes, bytes]:
    """What to answer the caller and who picks up. Raises `SipError`: 488, or 503 when there are no ports left."""
    theirs, ours = (None if each is None else _read(call, each) for each in (invite.offer, event.invite.offer))
    direct: tuple[bytes, bytes] | None = None
    if theirs is not None and ours is not None:
        direct = _direct(theirs, ours)
    if direct is not None and not _through_us(call, event, incoming):
        return direct
    one, other = _anchored(call, incoming), _anchored(call, event.leg)
    both = theirs is not None and ours is not None
    return (
        _answer(theirs, one, _formats(ours) if both else ()),
        _answer(ours, other, _formats(theirs) if both else ()),
    )


def _read(call: Call, body: bytes) -> description.Description:
    read = description.parse(body)
    reason = description.hostile(read, call.index.is_own_media)
    if reason:
        raise SipError(488, reason)
    return read


def _formats(offered: description.Description | None) -> tuple[Format, ...]:
    stream = description.audio(offered) if offered is not None else None
    return stream.formats if stream is not None else ()


def _through_us(call: Call, event: Joining, incoming: Leg) -> bool:
    """Whether the sound has to come to us although it could go directly: it does already, or somebody may press codes."""
    index = call.index
    if incoming.anchor is not None or call.relaying is not None:
        return True
    usable = index.media is not None and index.media.available and index.directory.media_mode != "direct"
    return usable and index.uses_codes(event.actor)


def _anchored(call: Call, leg: Leg) -> Anchor:
    index = call.index
    if leg.anchor is None and index.media is not None and index.media.available:
        index.anchor(leg)
    if leg.anchor is None:
        raise SipError(488, "Without A Media Engine Both Must Offer The Same Codec")
    return leg.anchor


def _answer(offered: description.Description | None, anchor: Anchor, formats: tuple[Format, ...]) -> bytes:
    """By way of the engine: what the other one has offered too, so that nothing need be converted, else what can be converted."""
    if offered is None:
        return description.offer(anchor.host, anchor.port, _ANY)
    if description.answerable(offered, formats) is not None:
        return description.answer(offered, anchor.host, anchor.port, (*formats, TELEPHONE_EVENT))
    return description.answer(offered, anchor.host, anchor.port, _ANY)


def _direct(theirs: description.Description, ours: description.Description) -> tuple[bytes, bytes] | None:
    """Each is answered with where the other one wants its packets. None when they share no codec by the same payload type: what either
    sends is what it has been answered, and arrives unchanged."""
    other = description.answerable(ours, _formats(theirs))
    one = description.answerable(theirs, other.formats) if other is not None else None
    if one is None or other is None:
        return None
    numbers = {each[:4] for each in one.formats} & {each[:4] for each in other.formats}
    shared = [tuple(each for each in stream.formats if each[:4] in numbers) for stream in (one, other)]
    try:
        return (
            description.answer(theirs, other.host, other.port, shared[1], other.direction),
            description.answer(ours, one.host, one.port, shared[0], one.direction),
        )
    except SipError:
        return None

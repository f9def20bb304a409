"""Hold and resume, and every other offer that a party makes during a conversation (RFC 3264 §8.4, C15).

Once the sound comes to us an offer concerns nobody but us: it is answered here, and whoever is held hears music. While it goes
directly, offers cross; a hold is the moment to bring it here, since nobody should wait in silence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.calls import keys
from b2bua.calls.commands import End, Hold, Outcome, Resume
from b2bua.calls.events import Offered
from b2bua.calls.party import Party
from b2bua.sip import description, sdp
from b2bua.sip.description import Description
from b2bua.sip.values import SipError

if TYPE_CHECKING:
    from b2bua.calls.conversation import Conversation


async def offered(conversation: Conversation, event: Offered) -> None:
    """A party's re-INVITE or UPDATE."""
    party = conversation.party_on(event.leg)
    if party is None:
        event.leg.refuse_offer(491)
    elif event.sdp is not None and (reason := conversation.index.hostile(event.sdp, event.leg)):
        event.leg.refuse_offer(488, reason)
    elif party.anchored:
        _answer(conversation, party, event)
    elif event.sdp is None or not sdp.on_hold(event.sdp) or not await conversation.anchor(conversation.others(party)):
        _cross(conversation, event)
    elif event.tx.answered or party not in conversation.parties:  # taken back meanwhile: the others are here, so come the rest
        await conversation.anchor()
        conversation.apply()
    else:
        conversation.index.anchor(party.leg)
        keys.listen(conversation, party)
        _answer(conversation, party, event)


def offered_meanwhile(conversation: Conversation, event: Offered) -> None:
    """The same while an offer of ours is under way: what would have to cross is told to come again."""
    party = conversation.party_on(event.leg)
    if party is None or not party.anchored or not _answer_here(conversation, party, event):
        event.leg.refuse_offer(491)


def _answer(conversation: Conversation, party: Party, event: Offered) -> None:
    if not _answer_here(conversation, party, event):
        _cross(conversation, event)


def _answer_here(conversation: Conversation, party: Party, event: Offered) -> bool:
    """Answer an offer of a party whose sound comes to us; False when the other party has to be asked: it wants more than sound, or
    sound that we cannot convert."""
    leg, anchor = party.leg, party.leg.anchor
    assert anchor is not None
    if event.sdp is None:
        leg.answer_offer(description.with_direction(leg.local.last, "sendrecv"))
        return True
    try:
        wanted = description.parse(event.sdp)
    except SipError as error:
        leg.refuse_offer(error.status, error.reason)
        return True
    if _streams(wanted) > _streams(description.parse(leg.local.last)) and _may_cross(conversation, party, wanted):
        return False
    for formats in conversation.agreeable(party):
        try:
            body = description.answer(wanted, anchor.host, anchor.port, formats)
        except SipError:
            continue
        leg.answer_offer(body)
        why = "resumed" if conversation.why == "held" and not party.holding else "held" if party.holding else ""
        if why and why != conversation.why:
            conversation.since = conversation.now
        conversation.apply(why)
        return True
    if conversation.crossing(leg) is None:
        leg.refuse_offer(488, "No Common Codec")
        return True
    return False


def _may_cross(conversation: Conversation, party: Party, wanted: Description) -> bool:
    """Whether the other party can be asked: there is one, and no stream that it has been told of would be missing (RFC 3264 §8)."""
    if conversation.crossing(party.leg) is None:
        return False
    (other,) = conversation.others(party)
    return len(wanted.streams) >= len(description.parse(other.leg.local.last).streams)


def _streams(what: Description) -> int:
    return sum(stream.port != 0 for stream in what.streams)


def _cross(conversation: Conversation, event: Offered) -> None:
    bridge = conversation.crossing(event.leg)
    if bridge is None:
        event.leg.refuse_offer(488)
    else:
        bridge.offered(event)


# By command, from the page.


async def hold(conversation: Conversation, command: Hold) -> Outcome:
    """The others hear music; the actor's phone is left alone."""
    party = conversation.party_of(command.actor)
    if party is None or party.role != "talk":
        return Outcome(403, "you are not in this call" if conversation.slot is None else f"the call is parked in {conversation.slot} already")
    if not conversation.record.is_answered:
        return Outcome(409, "nobody has answered this call yet")
    anchored = await conversation.anchor()
    if party not in conversation.parties or not conversation.goes_on():
        return Outcome(404, "somebody has hung up")
    if not anchored:
        return Outcome(488, "there is no media engine for this call")
    party.put_on_hold = True
    conversation.since = conversation.now
    conversation.apply("held")
    return Outcome(200, "on hold")


async def resume(conversation: Conversation, command: Resume) -> Outcome:
    """The others hear the actor again."""
    party = conversation.party_of(command.actor)
    if party is None:
        return Outcome(403, "you are not in this call")
    party.put_on_hold = False
    if party.holding:
        return Outcome(409, "your phone holds the call: resume it there")
    conversation.since = conversation.now
    conversation.apply("resumed")
    return Outcome(200, "resumed")


async def end(conversation: Conversation, command: End) -> Outcome:
    """Hang up for the actor, as if by phone."""
    party = conversation.party_of(command.actor)
    if party is None:
        return Outcome(403, "you are not in this call")
    conversation.leave(party)
    return Outcome(200, "ended")

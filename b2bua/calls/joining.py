"""Coming into a running call: taking it over from who holds it, joining, listening, whispering, and keeping others out (C1, C2, C6-C9).

Whoever wants in has been let through once already, when the call was chosen. Here it is asked again, for the call may have changed: of
two who want the same place at the same instant one gets it, and the other is told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from b2bua.calls import conference, parking, showing
from b2bua.calls.commands import BargeIn, Lock, Outcome
from b2bua.calls.events import Deadline, Joining, Taken
from b2bua.calls.identity import COMPLETED_ELSEWHERE, reason
from b2bua.calls.leg import CONFIRMED, ENDED, Leg
from b2bua.calls.mixing import make_mixable
from b2bua.calls.party import Party
from b2bua.delegation import incall
from b2bua.delegation.callerid import printable
from b2bua.delegation.plan import Presentation
from b2bua.media.engine import Play
from b2bua.sip import description
from b2bua.sip.description import TELEPHONE_EVENT
from b2bua.sip.values import SipError

if TYPE_CHECKING:
    from b2bua.calls.call import Call
    from b2bua.calls.conversation import Conversation

BESIDES: Final = frozenset({"barge_in", "barge", "listen", "whisper"})
"""Features by which somebody comes in besides the others, and takes nobody's place."""
ASK_AGAIN_SECONDS: Final = 10.0
"""How often those who listen are asked whether they still may."""
_LISTENERS: Final = Deadline("listeners")
_MAX_WORDS: Final = 200


# --- who may come in, and for whom ----------------------------------------------------------------------------------------------


def place_of(call: Call, feature: str, actor: str, argument: str = "") -> Leg | None:
    """Whose place in a call `actor` wants when pulling it (C1, C2, C6): the extension that was dialled, else who holds it, else the
    actor from another phone, else the user who answered it. None for other features, and where nobody's."""
    conversation = call.conversation
    if conversation is None or feature != "pull":
        return None
    users = [party for party in conversation.parties if party.role == "talk" and party.extension is not None]
    holder = next((party for party in users if party.holding and not unreplaceable(conversation, actor, party)), None)
    if argument:
        wanted = [party for party in users if party.extension == argument]
    elif holder is not None and holder.extension != actor:
        wanted = [holder]
    else:
        own = [party for party in users if party.extension == actor]
        wanted = own or [party for party in users if party is not conversation.subject_party]
    return wanted[0].leg if wanted else None


async def admissible(conversation: Conversation, event: Joining | Taken) -> Outcome | None:
    """Why somebody may not come in now; None when they may, and everybody's sound is with us and can be mixed where it must."""
    refused = _refusal(conversation, event)
    if refused is not None:
        return refused
    replaced = _replaced(conversation, event)
    if not await conversation.anchor():
        return _refusal(conversation, event) or Outcome(488, "the sound of this call cannot be brought here")
    mixes = event.feature in BESIDES or isinstance(event, Taken)
    if mixes and not await make_mixable(conversation, replaced):
        return _refusal(conversation, event) or Outcome(488, "somebody in this call refuses a codec that can be mixed")
    return _refusal(conversation, event)


def _refusal(conversation: Conversation, event: Joining | Taken) -> Outcome | None:
    """Why not, as things stand at this instant."""
    index, feature = conversation.index, event.feature
    if event.leg.state is ENDED:
        return Outcome(487, "whoever wanted in has hung up")
    if not conversation.parties:
        return Outcome(404, "the call is over")
    if event.replaces is not None and conversation.party_on(event.replaces) is None:
        return Outcome(404, "somebody else was faster: the call is taken already")
    refused = incall.may(index.directory, event.actor, feature, conversation.subject(), index.local_time())
    if feature == "pull" and event.replaces is not None:
        refused = refused or unreplaceable(conversation, event.actor, conversation.party_on(event.replaces))
    if refused:
        return Outcome(403, refused)
    if feature == "pull" and event.replaces is None and conversation.hunt is None:
        return Outcome(404, "there is nobody whose place could be taken")
    if feature == "whisper" and _target(conversation, event) is None:
        return Outcome(404, f"{printable(event.argument) or 'nobody of us'} is not in this call")
    return None


def unreplaceable(conversation: Conversation, actor: str, replaced: Party | None) -> str:
    """Why `actor` may not take the place of this party; "" when they may: nobody but one's own office is put out of a call."""
    if replaced is None or replaced.role != "talk":
        return "nobody talks there"
    directory, extension, served = conversation.index.directory, replaced.extension, replaced.for_executive or conversation.executive
    if extension is None:
        return incall.OTHER_SIDE
    if served is not None and actor != extension and incall.works_for(directory, extension, served):
        return "" if incall.works_for(directory, actor, served) else incall.OTHER_SIDE
    return "" if incall.same_side(directory, actor, extension) else incall.OTHER_SIDE


def _replaced(conversation: Conversation, event: Joining | Taken) -> Party | None:
    """Who leaves when the new one comes: who had the place, or the same person who has only listened until now."""
    if event.replaces is not None:
        return conversation.party_on(event.replaces)
    if event.feature not in BESIDES:
        return None
    return next((party for party in conversation.parties if party.extension == event.actor and party.role != "talk"), None)


def _target(conversation: Conversation, event: Joining | Taken) -> str | None:
    """To whom the newcomer whispers: the extension that was dialled, else the only user in the call."""
    users = [party.extension for party in conversation.parties if party.role == "talk" and party.extension is not None]
    if event.argument:
        return event.argument if event.argument in users else None
    return users[0] if len(users) == 1 else None


# --- coming in ------------------------------------------------------------------------------------------------------------------


async def joining(conversation: Conversation, event: Joining) -> None:
    """Somebody wants in: answered and let in, or refused in words."""
    if event.feature == "conference":
        conference.enter(conversation, event)
        return
    refused = await admissible(conversation, event)
    if refused is None:
        refused = await _answer(conversation, event)
    if refused is not None:
        turn_away(event.leg, refused)


async def _answer(conversation: Conversation, event: Joining) -> Outcome | None:
    """Answer the INVITE and let the new party in; why that cannot be, else None."""
    leg, replaced = event.leg, _replaced(conversation, event)
    party = newcomer(conversation, event)
    try:
        body = describe(conversation, leg, event.invite.offer, replaced)
    except SipError as error:
        if not await make_mixable(conversation, replaced):
            return _refusal(conversation, event) or Outcome(error.status, error.reason)
        refused = _refusal(conversation, event)
        if refused is not None:
            return refused
        try:
            body = describe(conversation, leg, event.invite.offer, replaced)
        except SipError as error:
            return Outcome(error.status, error.reason)
    try:
        event.invite.answer(body, headers=_greeting(conversation, event, party))
    except SipError as error:
        return Outcome(error.status, error.reason)
    conversation.record.call_ids.append(leg.call_id)
    enter(conversation, event, party)
    return None


def turn_away(leg: Leg, refused: Outcome) -> None:
    """Refuse whoever wanted in, in words that a phone may show; a leg that has answered our ringing gets them with its BYE."""
    words = printable(refused.words, _MAX_WORDS)
    if leg.state is CONFIRMED:
        leg.hang_up(headers=reason(words, refused.status))
    else:
        leg.hang_up(refused.status, words)


def describe(conversation: Conversation, leg: Leg, offer: bytes | None, replaced: Party | None) -> bytes:
    """The description that answers the new party's INVITE, an offer of ours where it has none. Raises `SipError`: 488, or 503 when there
    are no ports left."""
    conversation.index.anchor(leg)
    if leg.anchor is None:
        raise SipError(488, "there is no media engine for this call")
    if offer is None:
        return description.offer(leg.anchor.host, leg.anchor.port, conversation.formats_for(replaced))
    wanted = description.parse(offer)
    reason = description.hostile(wanted, conversation.index.is_own_media, leg.anchor.host)
    if reason:
        raise SipError(488, reason)
    choices = conversation.agreeable(replaced)
    if not any(party is not replaced for party in conversation.parties):
        choices = ((*description.MIXABLE, TELEPHONE_EVENT),)
    for formats in choices:
        try:
            return description.answer(wanted, leg.anchor.host, leg.anchor.port, formats)
        except SipError:
            continue
    raise SipError(488, "No Common Codec")


def newcomer(conversation: Conversation, event: Joining | Taken) -> Party:
    """The party that somebody becomes who comes in."""
    index, actor = conversation.index, event.actor
    user = index.directory.users.get(actor)
    party = Party(event.leg, actor, Presentation(user.name if user is not None else "", actor), since=conversation.now)
    executive = conversation.executive
    if executive is not None and index.directory.delegation(actor, executive) is not None:
        party.for_executive = executive
    if event.feature in ("listen", "whisper"):
        party.role = "listen" if event.feature == "listen" else "whisper"
        party.target = _target(conversation, event) if event.feature == "whisper" else None
    return party


def _greeting(conversation: Conversation, event: Joining, party: Party) -> str:
    """With whom the new party is connected, as its phone displays it (RFC 3325 §9.1)."""
    if conversation.slot is not None:
        return parking.welcome(conversation, party)
    met = met_by(conversation, event)
    return showing.connected_identity(conversation.call, party, met) if met is not None else ""


def met_by(conversation: Conversation, event: Joining | Taken) -> Party | None:
    """Whom somebody meets who comes in: on whose account all this happens, else whoever is there."""
    replaced = _replaced(conversation, event)
    left = [party for party in conversation.parties if party is not replaced and party.role == "talk"]
    subject = conversation.subject_party
    return subject if subject in left else left[0] if left else None


def enter(conversation: Conversation, event: Joining | Taken, party: Party) -> None:
    """The new party takes the place of somebody, or comes in besides."""
    if conversation.slot is not None:  # retrieved, or picked up while it rings because nobody has
        parking.retrieved(conversation, party)
        return
    replaced = _replaced(conversation, event)
    private = conversation.locked_by if conversation.locked_by == party.extension else None
    if replaced is not None:
        conversation.release(replaced, _elsewhere(party))
    if event.feature in BESIDES:
        conversation.add(party, "joined" if party.role == "talk" else event.feature, told=True)
        if party.role != "talk":
            conversation.after(_LISTENERS, ASK_AGAIN_SECONDS)
        if party.role == "talk":
            _announce(conversation)
        return
    conversation.stop_ringing(COMPLETED_ELSEWHERE)
    conversation.plays.clear()
    parking.release(conversation)
    conversation.locked_by = private
    conversation.since = conversation.now
    conversation.add(party, "picked up", told=True)


def _elsewhere(party: Party) -> str:
    """Why the leg of whose place is taken ends (RFC 3326): phones show the text."""
    shown = f"{party.shown.name} ({party.extension})" if party.shown.name else party.name
    return reason(f"picked up by {shown}")


def _announce(conversation: Conversation) -> None:
    """Everybody hears that there is one more, where the executive wants that."""
    directory = conversation.index.directory
    owners = (conversation.executive, *(party.extension for party in conversation.parties))
    executive = next((found for each in owners if (found := directory.executives.get(each or "")) is not None), None)
    if executive is None or executive.join_tone:
        beep(conversation, "tone:beep")


def beep(conversation: Conversation, sound: str) -> None:
    """A short sound over what everybody hears, but for who is told something just now."""
    for party in conversation.parties:
        anchor = party.leg.anchor
        if anchor is None or party.waits:
            continue
        known = conversation.plays.get(anchor.id)
        if known is None or known.over:
            conversation.plays[anchor.id] = Play(f"{sound}:{conversation.now}", (sound,), over=True)
    conversation.apply()


# --- those who are in it --------------------------------------------------------------------------------------------------------


async def lock(conversation: Conversation, command: Lock) -> Outcome:
    """Make the call private, or end that (C9): whoever only listens has to go, and nobody is let in any more."""
    index = conversation.index
    party = conversation.party_of(command.actor)
    if party is None or party.role != "talk":
        return Outcome(403, "you are not in this call")
    if conversation.room is not None:
        refused = "" if conference.is_moderator(conversation, command.actor) else "only a moderator locks a conference"
    else:
        refused = incall.may(index.directory, command.actor, "lock" if command.on else "unlock", conversation.subject(), index.local_time())
    if refused:
        return Outcome(403, refused)
    conversation.locked_by = command.actor if command.on else None
    if command.on:
        conversation.release_listeners(_refused("this call is private"))
    conversation.apply()
    return Outcome(200, "the call is private" if command.on else "the call is not private any more")


def _refused(words: str) -> str:
    """Why who listened has to go (RFC 3326)."""
    return reason(words, 403)


def ask_again(conversation: Conversation) -> None:
    """Whether those who listen still may: the directory is another one, or the delegation has ended meanwhile."""
    listening = [party for party in conversation.parties if party.role != "talk"]
    if not listening or conversation.slot is not None:
        return
    conversation.after(_LISTENERS, ASK_AGAIN_SECONDS)
    if conversation.hunt is not None:
        return
    index, subject = conversation.index, conversation.subject()
    for party in listening:
        refused = incall.may(index.directory, party.extension or "", party.role, subject, index.local_time())
        if refused:
            conversation.release(party, _refused(refused))
            conversation.apply()


async def barge_in(conversation: Conversation, command: BargeIn) -> Outcome:
    """From listening or whispering to joining (C8): everybody's sound is mixed already."""
    index = conversation.index
    party = next((each for each in conversation.parties if each.extension == command.actor and each.role != "talk"), None)
    if party is None:
        return Outcome(404, "you listen to no call")
    refused = incall.may(index.directory, command.actor, "barge", conversation.subject(), index.local_time())
    if refused:
        return Outcome(403, refused)
    party.role, party.target = "talk", None
    conversation.say_no_more()
    conversation.apply("joined")
    _announce(conversation)
    return Outcome(200, "joined")

"""Keys that parties press during a conversation: telephone events, tones and INFO (RFC 4733, RFC 6086), and the codes they make up.

Only who may use codes has a keypad; the keys of everybody else reach the other side as they are. Keys that turn out not to be a
code reach it, too, in their order: as telephone events or tones where the sound comes to us, else as INFO.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from b2bua.calls import conference, pushing
from b2bua.calls.commands import Outcome, Park, dialled
from b2bua.calls.events import Deadline, Heard, Info, Pressed
from b2bua.calls.leg import Leg
from b2bua.calls.party import Party
from b2bua.calls.topology import reaches
from b2bua.delegation import keypad
from b2bua.delegation.features import Dialled
from b2bua.media.engine import Digit, MediaEvent, Play, Played, Silent
from b2bua.sip import dtmf_relay
from b2bua.sip.values import SipError

if TYPE_CHECKING:
    from b2bua.calls.conversation import Conversation
    from b2bua.calls.sounding import Sounding

SILENT_SECONDS: Final = 60.0
"""After so long without a sound from a party that should send some it is asked whether it is there."""
_TICK = Deadline("keys")
_REASONS: Final = {403: "not_allowed", 404: "nobody", 409: "taken", 480: "unavailable", 486: "park_occupied"}
_CONTENT_TYPES = (dtmf_relay.RELAY, dtmf_relay.PLAIN)


def listen(conversation: Sounding, party: Party) -> None:
    """Be told of a party's keys from now on, if it may use codes. Again after its sound has been brought to us."""
    index, anchor = conversation.index, party.leg.anchor
    if party.keypad is None and conversation.room is None and party.extension is not None and index.uses_codes(party.extension):
        party.keypad = index.keypad()
    if anchor is not None and index.media is not None and not anchor.released:
        conversation.record.places[anchor.id] = party.name
        anchor.digits = "take" if party.keypad is not None or conversation.room is not None else "pass"
        index.media.listen(anchor.id, lambda event, leg=party.leg: _on_media(leg, event))  # type: ignore[misc]
    if party.keypad is not None:
        _arm(conversation)


def _on_media(leg: Leg, event: MediaEvent) -> None:
    """What the engine tells becomes an event of the call that the leg is in."""
    if isinstance(event, Digit):
        leg.post(Pressed(leg, event.digit))
    elif isinstance(event, Played):
        leg.post(Heard(leg, event.play))
    elif isinstance(event, Silent) and event.seconds >= SILENT_SECONDS:
        leg.refresh_session()  # a phone that is there answers; one that is not is lost, and its call ends


async def pressed(conversation: Conversation, event: Pressed) -> None:
    """A key that was taken out of the sound, or seen in it."""
    party = conversation.party_on(event.leg)
    if party is not None and conversation.room is not None:
        conference.pressed(conversation, party, event.digit)
        return
    if party is None or pushing.answered_by_key(conversation, party, event.digit):
        return
    party.crossed = event.crossed
    if party.keypad is None:
        if not event.crossed:
            pass_on(conversation, party, event.digit)
        return
    await _act(conversation, party, party.keypad.press(event.digit, conversation.now))
    _arm(conversation)


async def _act(conversation: Conversation, party: Party, found: keypad.Pressed) -> None:
    """Do what has been found out about a party's keys."""
    if found.flush and not party.crossed:
        pass_on(conversation, party, found.flush)
    if found.code is not None:
        await obey(conversation, party, found.code)


async def tick(conversation: Conversation) -> None:
    """Keys were held back long enough."""
    for party in list(conversation.parties):
        if party.keypad is not None and party in conversation.parties:
            await _act(conversation, party, party.keypad.tick(conversation.now))
    _arm(conversation)


def _arm(conversation: Sounding) -> None:
    deadlines = [party.keypad.deadline for party in conversation.parties if party.keypad is not None and party.keypad.deadline is not None]
    if deadlines:
        conversation.after(_TICK, max(0.0, min(deadlines) - conversation.now))
    else:
        conversation.cancel_timer(_TICK.name)


def pass_on(conversation: Conversation, party: Party, digits: str) -> None:
    """Let those who hear a party have its keys that mean nothing to us."""
    media, present = conversation.index.media, conversation.heard_parties()
    for other in present:
        if other is party or party not in present or not reaches(party, other):
            continue
        if other.leg.anchor is None:
            for digit in digits:
                other.leg.info(dtmf_relay.RELAY, dtmf_relay.relay_body(digit))
        elif media is not None:
            media.send_digits(other.leg.anchor.id, digits)


async def obey(conversation: Conversation, party: Party, code: Dialled) -> None:
    """Carry out a code; who pressed it hears whether that went well."""
    command = dialled(code.feature, code.argument, party.extension or "")
    if command is None:
        return
    outcome = await conversation.carry_out(command)
    if party in conversation.parties and not (outcome.done and isinstance(command, Park)):  # who has parked it hears the slot
        sounds = ("tone:confirm",) if outcome.done else ("tone:error", *_spoken(outcome))
        conversation.play(party, Play(f"{sounds[0]}:{conversation.now}", sounds, over=True))


def _spoken(outcome: Outcome) -> tuple[str, ...]:
    """Why a code was not obeyed, as the name of a prompt."""
    if "private" in outcome.words:
        return ("private",)
    word = _REASONS.get(outcome.status)
    return (word,) if word is not None else ()


async def info(conversation: Conversation, event: Info) -> None:
    """INFO: keys of who may use codes are ours; everything else crosses as it is, or is refused."""
    party, bridge = conversation.party_on(event.leg), conversation.crossing(event.leg)
    kind = event.content_type.partition(";")[0].strip().lower()
    if party is None:
        conversation.respond(event, 481)
    elif kind in _CONTENT_TYPES and (party.keypad is not None or bridge is None):
        await _keys_in_info(conversation, event, party, kind)
    elif bridge is None:
        conversation.respond(event, 415 if event.body else 200)
    else:
        bridge.info(event)


async def _keys_in_info(conversation: Conversation, event: Info, party: Party, kind: str) -> None:
    try:
        digits = dtmf_relay.keys(kind, event.body)
    except SipError as error:
        conversation.respond(event, error.status, error.reason)
        return
    if party.keypad is not None and not conversation.anchored:
        await _direct_keys(conversation, event, party, party.keypad, digits)
        return
    conversation.respond(event, 200)
    for digit in digits:
        await pressed(conversation, Pressed(event.leg, digit))


async def _direct_keys(conversation: Conversation, event: Info, party: Party, pad: keypad.Keypad, digits: str) -> None:
    """Keys of a party whose sound does not come to us: an INFO in which no code begins crosses as it is, answer and all."""
    party.crossed = False
    found = [pad.press(digit, conversation.now) for digit in digits]
    bridge = conversation.crossing(event.leg)
    if bridge is not None and "".join(each.flush for each in found) == digits and all(each.code is None for each in found):
        bridge.info(event)
    else:
        conversation.respond(event, 200)
        for each in found:
            await _act(conversation, party, each)
    _arm(conversation)

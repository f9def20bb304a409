"""Conference rooms (C12): who comes in waits for the moderator, enters the PIN, and then hears everybody; moderators mute and remove.

A room is a conversation with `room` set. It begins with who comes first and ends with the last one. Where it has moderators, the others
wait until one of them has come; that one may leave again without ending it. On a plain phone ``*5`` mutes and unmutes oneself; a
moderator has ``*6`` for everybody else, ``*8`` to lock the room and open it again, and ``*9`` to remove who came last.
"""

from __future__ import annotations

from hmac import compare_digest
from typing import TYPE_CHECKING, Final

from b2bua.calls import joining
from b2bua.calls.commands import Mute, Outcome, Remove
from b2bua.calls.events import Deadline, Joining
from b2bua.calls.identity import name_addr, reason
from b2bua.calls.leg import Leg
from b2bua.calls.party import Party
from b2bua.delegation.callerid import caller_inside
from b2bua.delegation.incall import Subject
from b2bua.delegation.model import Room
from b2bua.delegation.plan import Caller, Presentation
from b2bua.media.engine import Play
from b2bua.sip.values import SipError

if TYPE_CHECKING:
    from b2bua.calls.conversation import Conversation

PACKAGE: Final = "conference"
"""The event package by which the room is watched (RFC 4575)."""
MOST_MEMBERS: Final = 32
_WITHHELD: Final = "anonymous"  # as whom those are meant whose number nobody knows
PIN_SECONDS: Final = 30.0
"""How long the PIN may take."""
LOBBY_SECONDS: Final = 1800.0
"""How long somebody waits for the moderator."""
MOST_PINS: Final = 3
_LOBBY: Final = Deadline("lobby")
_LONGEST_KEYS: Final = 16


# --- what is known of a room ----------------------------------------------------------------------------------------------------


def room_of(conversation: Conversation) -> Room:
    """The room as configured; one that is configured no more goes on without moderators."""
    number = conversation.room or ""
    return conversation.index.directory.rooms.get(number) or Room(number, f"Conference {number}")


def is_moderator(conversation: Conversation, extension: str | None) -> bool:
    """Whether somebody may mute and remove others there."""
    return extension is not None and extension in room_of(conversation).moderators


def members(conversation: Conversation) -> list[Party]:
    """Those who take part: not who still waits."""
    return [party for party in conversation.parties if not party.waits]


def subject(conversation: Conversation) -> Subject:
    """A conference is nobody's call: nothing of C1 to C11 concerns it."""
    return Subject(caller=conversation.call.caller, seconds=conversation.now - conversation.since)


def changed(conversation: Conversation) -> None:
    """Somebody has come or gone, or does something else: who watches the room is told."""
    if conversation.room is not None:
        conversation.index.rooms[conversation.room] = conversation.call
        conversation.index.watchers.changed(PACKAGE, conversation.room)


def closed(conversation: Conversation) -> None:
    """The conference is over."""
    room, index = conversation.room, conversation.index
    if room is not None and index.rooms.get(room) is conversation.call:
        del index.rooms[room]
        index.watchers.ended(PACKAGE, room)


# --- coming in ------------------------------------------------------------------------------------------------------------------


def enter(conversation: Conversation, event: Joining) -> None:
    """Another one dials the room."""
    refused = _refusal(conversation, event)
    if refused is None:
        try:
            answer(conversation, event)
        except SipError as error:
            refused = Outcome(error.status, error.reason)
    if refused is not None:
        joining.turn_away(event.leg, refused)
        return
    conversation.record.call_ids.append(event.leg.call_id)
    arrived(conversation, party_for(conversation, event.leg, event.caller))


def _refusal(conversation: Conversation, event: Joining) -> Outcome | None:
    if not conversation.parties:
        return Outcome(480, "the conference has just ended")
    if conversation.locked_by is not None and not is_moderator(conversation, event.actor):
        return Outcome(403, "this call is private")
    if len(conversation.parties) >= MOST_MEMBERS:
        return Outcome(486, f"the conference is full: it has {MOST_MEMBERS} members")
    return None


def answer(conversation: Conversation, event: Joining) -> None:
    """The 200: the room is a focus (RFC 4579 §5.1). Raises `SipError`: 488, or 503 when there are no ports left."""
    room = room_of(conversation)
    event.leg.focus = True
    shown = name_addr(Presentation(room.name, room.number), conversation.index.directory.domain)
    body = joining.describe(conversation, event.leg, event.invite.offer, None)
    event.invite.answer(body, headers=f"P-Asserted-Identity: {shown}\r\n")


def party_for(conversation: Conversation, leg: Leg, caller: Caller | None) -> Party:
    """The member that a caller becomes."""
    caller = caller or Caller("trunk", None, None, None, leg.party, "", anonymous=False)
    return Party(leg, caller.extension, caller_inside(caller), since=conversation.now)


def arrived(conversation: Conversation, party: Party) -> None:
    """Somebody is there: asked for the PIN, let in, or left to wait for the moderator."""
    room = room_of(conversation)
    moderator = is_moderator(conversation, party.extension)
    party.waits = "pin" if room.pin is not None and not moderator else "host"
    conversation.add(party, "joined")
    if party.waits == "pin":
        conversation.play(party, Play("pin", ("conference_pin",)))
        _arm(conversation)
    else:
        _admit(conversation, party)


def _admit(conversation: Conversation, party: Party) -> None:
    """The PIN was right, or none is needed: in, unless the moderator has to come first."""
    room, present = room_of(conversation), members(conversation)
    if room.moderators and not present and not is_moderator(conversation, party.extension):
        party.waits = "host"
        conversation.play(party, Play("waits", ("moderator_waiting",)))
        _arm(conversation)
        return
    party.waits = ""
    coming = [party]
    if not present:
        coming += [other for other in conversation.others(party) if other.waits == "host"]
    for each in coming:
        each.waits = ""
        _silence(conversation, each)
    _arm(conversation)
    if len(members(conversation)) == 1:
        conversation.play(party, Play("alone", ("conference_alone",)))
    else:
        for each in present:
            _silence(conversation, each)
        joining.beep(conversation, "joined")


def _silence(conversation: Conversation, party: Party) -> None:
    """What was played to somebody while alone is over."""
    if party.leg.anchor is not None:
        conversation.plays.pop(party.leg.anchor.id, None)


def left(conversation: Conversation, party: Party) -> None:
    """Somebody has gone; the others go on."""
    if conversation.room is not None and not party.waits and members(conversation):
        joining.beep(conversation, "left")


def _arm(conversation: Conversation) -> None:
    """Wake up when somebody has waited too long."""
    due = [party.since + (PIN_SECONDS if party.waits == "pin" else LOBBY_SECONDS) for party in conversation.parties if party.waits]
    if due:
        conversation.after(_LOBBY, max(0.0, min(due) - conversation.now))
    else:
        conversation.cancel_timer(_LOBBY.name)


def lobby(conversation: Conversation) -> None:
    """Somebody has waited too long."""
    for party in list(conversation.parties):
        limit = PIN_SECONDS if party.waits == "pin" else LOBBY_SECONDS
        if party.waits and conversation.now >= party.since + limit:
            _send_away(conversation, party, "no PIN was entered" if party.waits == "pin" else "no moderator has come")
    _arm(conversation)


def _send_away(conversation: Conversation, party: Party, words: str) -> None:
    """Some phones show the Reason of a BYE (RFC 3326)."""
    conversation.release(party, reason(words, 403))
    if conversation.goes_on():
        left(conversation, party)
        conversation.apply("removed")
    else:
        conversation.end()


# --- keys -----------------------------------------------------------------------------------------------------------------------


def pressed(conversation: Conversation, party: Party, digit: str) -> None:
    """A key in a conference: of the PIN, or of a command that begins with a star. Others mean nothing."""
    if party.waits == "pin":
        _pin(conversation, party, digit)
    elif digit == "*":
        party.keyed = "*"
    elif party.keyed == "*":
        party.keyed = ""
        _command(conversation, party, digit)


def _pin(conversation: Conversation, party: Party, digit: str) -> None:
    """The PIN is complete with ``#``, or with its last digit."""
    pin = room_of(conversation).pin
    if digit != "#":
        party.keyed = (party.keyed + digit)[-_LONGEST_KEYS:]
    if pin is not None and digit != "#" and len(party.keyed) < len(pin):
        return
    keyed, party.keyed = party.keyed, ""
    if pin is None or compare_digest(keyed.encode(), pin.encode()):
        _admit(conversation, party)
        return
    party.misses += 1
    if party.misses >= MOST_PINS:
        _send_away(conversation, party, "the PIN was wrong")
        return
    conversation.play(party, Play(f"pin {party.misses}", ("tone:error", "conference_pin")))


def _command(conversation: Conversation, party: Party, digit: str) -> None:
    if party.waits:
        return
    if digit == "5":
        _set_muted(conversation, [party], not party.muted)
    elif is_moderator(conversation, party.extension):
        others = [other for other in members(conversation) if not is_moderator(conversation, other.extension)]
        if digit == "6" and others:
            _set_muted(conversation, others, not all(other.muted for other in others))
        elif digit == "8":
            conversation.locked_by = None if conversation.locked_by is not None else party.extension
            _confirm(conversation, party)
        elif digit == "9" and others:
            _send_away(conversation, max(others, key=lambda other: other.since), "removed by the moderator")


def _confirm(conversation: Conversation, party: Party) -> None:
    conversation.play(party, Play(f"done {conversation.now}", ("tone:confirm",), over=True))


# --- moderators -----------------------------------------------------------------------------------------------------------------


def _set_muted(conversation: Conversation, parties: list[Party], on: bool) -> None:
    """Who is muted, or not any more, hears it."""
    for party in parties:
        party.muted = on
        conversation.play(party, Play(f"muted {conversation.now}", ("muted" if on else "unmuted",), over=True))
    conversation.apply()


def _meant(conversation: Conversation, actor: str, party: str) -> Outcome | list[Party]:
    """The members with this extension or number, when the actor is a moderator."""
    if conversation.room is None:
        return Outcome(403, "this is no conference")
    found = [each for each in conversation.parties if (each.name or _WITHHELD) == party]
    if not is_moderator(conversation, actor) and not (actor == party and found):
        return Outcome(403, "you are no moderator of this conference")
    return found or Outcome(404, f"{party} is not in this conference")


async def mute(conversation: Conversation, command: Mute) -> Outcome:
    """A moderator silences somebody, or anybody themselves."""
    found = _meant(conversation, command.actor, command.party)
    if isinstance(found, Outcome):
        return found
    _set_muted(conversation, found, command.on)
    return Outcome(200, "muted" if command.on else "unmuted")


async def remove(conversation: Conversation, command: Remove) -> Outcome:
    """A moderator removes somebody."""
    found = _meant(conversation, command.actor, command.party)
    if isinstance(found, Outcome):
        return found
    for party in found:
        _send_away(conversation, party, "removed by the moderator")
    return Outcome(200, "removed")

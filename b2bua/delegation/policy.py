"""Where a call goes, and as whom: the decision, from top to bottom.

`decide` is a pure function of what is known about the call, the directory (which carries what phones have set) and the time. It reads
no clock and changes nothing. Every rule that it looks at leaves one line in the plan's trace, so that the plan explains itself (F7).

    from a trunk    a user's, group's, service's or conference room's number -> there; everything else is refused (toll fraud)
    from a user     an emergency number -> out, as oneself, whatever else was chosen (B9)
                    a feature code that sets something -> done, and confirmed (`codes`); one that concerns another call, a park slot
                    or a conference room -> "join" (`incall`)
                    as whom? code, P-Preferred-Identity, delegated line, sticky choice; refused without the right (`speaking`)
                    a user -> that user; an outside number -> the first trunk that takes it; else unknown
    to a user       an executive whose filter takes the call (`screening`) -> the assistants who are there (`assistants`),
                    in the order of the ring plan, then the rollover (`ringplan`); everybody else -> all phones of the user,
                    then the user's own forwarding
    to a group      its members, then its overflow; the same for a service and its agents

A `Wish` is what was dialled, taken apart; an `Identity` is as whom the caller wants to speak; a `Voice` is as whom one called party sees
them. A `Situation` collects the trace: a rule leaves its line when it is asked, whether or not its answer is used.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

from b2bua.delegation import callerid, codes, hot_desk, screening, speaking
from b2bua.delegation.anchoring import emergency_rule
from b2bua.delegation.assistants import unavailable, where_rung
from b2bua.delegation.callerid import quotable
from b2bua.delegation.digits import number_key
from b2bua.delegation.features import CALL_AS, CALL_AS_SELF, CALL_DISCLOSED, CONFERENCE, IN_CALL, Dialled, parse_call_as
from b2bua.delegation.model import Directory, Place
from b2bua.delegation.numbering import MAX_DIALLED, Destination
from b2bua.delegation.office import Office
from b2bua.delegation.people import User
from b2bua.delegation.plan import Facts, RoutePlan, Rule, Stage
from b2bua.delegation.planning import Shown, confidential, join, media_of, refused, ring
from b2bua.delegation.ringplan import EMERGENCY_RING_SECONDS, outside, ring_office, ring_user, spare
from b2bua.delegation.situation import Refusal, Situation
from b2bua.delegation.speaking import ONESELF, Identity
from b2bua.delegation.stages import PLAIN_RING_SECONDS, Stages, without

NO_EMERGENCY: Final = Rule("emergency number", False, "not one of the emergency numbers")


class Wish(NamedTuple):
    """What a user dialled, taken apart: the number, and as whom when a code said so."""

    number: str
    identity: Identity | None
    code: Dialled | None
    """The feature code that was dialled, None for a plain number."""


def decide(facts: Facts, directory: Directory, now: datetime) -> RoutePlan:
    """The plan for one new call. `now` is aware and in any zone. Never raises for any facts; a refusal is a plan, too."""
    if facts.caller.kind == "trunk":
        return _from_trunk(Situation(facts, directory, now))
    return _from_user(Situation(hot_desk.settled(facts, directory, now.timestamp()), directory, now))


def _from_trunk(situation: Situation) -> RoutePlan:
    """The outside reaches users, groups, services and conference rooms, and nothing else: no trunk, no feature code, no emergency number."""
    dialled = situation.facts.dialled
    room = situation.directory.outside_rooms.get(number_key(dialled)) if situation.directory.outside_rooms else None
    if room is not None:
        return _to_place(situation, Place(CONFERENCE, room.number))
    destination = situation.directory.numbers.resolve(dialled)
    if destination.extension is None:
        situation.note("a user's number", False, f"nobody here has {quotable(dialled)}, and a trunk may not call out again")
        return refused(situation, Refusal(404, "no such number"))
    return _to_user(situation, destination, dialled, ONESELF)


def _from_user(situation: Situation) -> RoutePlan:
    """A user calls: emergency first, then what codes set, then as whom, then where to."""
    if situation.caller.device is not None:
        situation.note("shared phone", True, f"{situation.named(situation.caller.extension or '')} has logged in at {situation.caller.device}")
    wish = _wish(situation)
    destination = situation.directory.numbers.resolve(wish.number)
    behind = destination if wish.identity is None else situation.directory.numbers.resolve(situation.directory.codes.behind(wish.number))
    if behind.kind == "emergency":
        return _emergency(situation, behind)
    situation.trace.append(NO_EMERGENCY)
    if wish.code is not None:
        situation.note("feature code", True, f"{wish.code.code} is the code of {wish.code.feature}")
        if wish.identity is None:
            return _asked(situation, wish.code) if wish.code.feature in IN_CALL else _obeyed(situation, wish.code)
        if not wish.number or wish.identity.executive == "":
            return refused(situation, _what_is_missing(wish.code))
    if wish.number in situation.directory.places:
        return _to_place(situation, situation.directory.places[wish.number])
    chosen = speaking.chosen_identity(situation, wish.identity)
    refusal = speaking.may_speak_as(situation, chosen)
    if refusal and chosen.means == speaking.STICKY and destination.extension is not None:
        chosen, refusal = ONESELF, None  # colleagues see who really calls all the same
    if refusal:
        return refused(situation, refusal, destination.number, "outgoing" if destination.trunk else None)
    if destination.extension is not None:
        return _to_user(situation, destination, wish.number, chosen)
    if destination.trunk is not None:
        situation.note("a trunk's number", True, f"{destination.number} goes out over trunk {destination.trunk}")
        return _to_outside(situation, destination.number, destination.trunk, chosen)
    return _unknown(situation, wish.number)


def _wish(situation: Situation) -> Wish:
    """Take apart what was dialled; a code that only chooses an identity leaves the number to be called."""
    dialled = situation.facts.dialled
    code = situation.directory.codes.match(dialled)
    if code is None:
        return Wish(dialled, None, None)
    if code.feature in (CALL_AS, CALL_DISCLOSED):
        asked = parse_call_as(code.argument)
        executive = asked.executive or situation.caller.line or ""
        return Wish(asked.number, Identity(executive, "feature code", disclosed=code.feature == CALL_DISCLOSED), code)
    if code.feature == CALL_AS_SELF:
        return Wish(code.argument, Identity(None, "feature code"), code)
    return Wish(dialled, None, code)


# --- emergency (B9) -----------------------------------------------------------------------------------------------------------


def _emergency(situation: Situation, destination: Destination) -> RoutePlan:
    """Out at once, with the caller's own name and number: no code, line, header, sticky choice or wish for privacy changes that."""
    situation.note("emergency number", True, f"{destination.number} goes out as oneself, whatever was chosen")
    if destination.trunk is None:
        refusal = Refusal(503, "no trunk is configured for emergency calls")
        return refused(situation, refusal, destination.number, "outgoing")
    identity = speaking.shown_outside(situation, None)
    rule = emergency_rule(situation.directory.media_mode)
    situation.trace.append(rule)
    return RoutePlan(
        "ring",
        stages=(Stage((outside(destination.number, destination.trunk, "outside"),), EMERGENCY_RING_SECONDS, "emergency"),),
        direction="outgoing",
        called=destination.number,
        present=identity,
        asserted=identity,
        emergency=True,
        plain=True,
        anchored=rule.matched,
        trace=tuple(situation.trace),
    )


# --- feature codes ------------------------------------------------------------------------------------------------------------


def _obeyed(situation: Situation, code: Dialled) -> RoutePlan:
    """A code that sets something: done and confirmed, or refused with the reason."""
    outcome = codes.obey(situation, code)
    if isinstance(outcome, Refusal):
        return refused(situation, outcome)
    situation.note("done", True, outcome.confirmation)
    return RoutePlan(
        "set",
        final_status=200,
        called=callerid.printable(situation.facts.dialled, MAX_DIALLED),
        present=callerid.caller_inside(situation.caller),
        settings=outcome.settings,
        confirmation=callerid.printable(outcome.confirmation),
        pin_of=outcome.pin_of,
        plain=True,
        trace=tuple(situation.trace),
    )


def _asked(situation: Situation, code: Dialled) -> RoutePlan:
    """A code that concerns another call: which one, and whether it may be, is asked of `incall` when it is carried out."""
    asked = codes.ask(situation, code)
    if isinstance(asked, Refusal):
        return refused(situation, asked)
    return join(situation, asked.feature, asked.argument)


def _to_place(situation: Situation, place: Place) -> RoutePlan:
    """A park slot or a conference room."""
    if place.feature == CONFERENCE:
        situation.note("a conference room", True, f"{place.number} is the room {situation.directory.rooms[place.number].name}")
        return join(situation, CONFERENCE, place.number)
    situation.note("a park slot", True, f"{place.number} is a park slot: whoever dials it retrieves the call")
    refusal = codes.own_slot(situation, place)
    return refused(situation, refusal) if refusal else join(situation, place.feature, place.number)


def _what_is_missing(code: Dialled) -> Refusal:
    if code.feature == CALL_AS_SELF:
        return codes.incomplete(code, "the number")
    return codes.incomplete(code, "the executive, * and the number")


def _unknown(situation: Situation, number: str) -> RoutePlan:
    """Neither a user's nor a trunk's number; what begins like a feature code was probably meant as one."""
    if number[:1] in ("*", "#"):
        situation.note("feature code", False, f"{quotable(number)} is none of the feature codes")
        return refused(situation, Refusal(404, f"there is no feature code {quotable(number)}"))
    situation.note("a known number", False, f"{quotable(number)} is no user's extension or number, and no trunk takes it")
    return refused(situation, Refusal(404, f"nobody has the number {quotable(number)}"))


# --- to an outside number -----------------------------------------------------------------------------------------------------


def _to_outside(situation: Situation, number: str, trunk: str, chosen: Identity) -> RoutePlan:
    """Out over the trunk: with the executive's name and delegated caller ID on behalf, else with one's own."""
    spoken = speaking.voice(situation, chosen, number, None)
    identity = speaking.shown_outside(situation, spoken)
    settings = speaking.call_back_memory(situation, spoken, number)
    on_behalf_of = spoken.executive.extension if spoken else None
    confidant = _confidant(situation, number) if spoken is None else None
    media = media_of(situation, None, on_behalf_of, ())
    situation.trace.append(media)
    return RoutePlan(
        "ring",
        stages=(Stage((outside(number, trunk, "outside"),), PLAIN_RING_SECONDS, "outside"),),
        direction="outgoing",
        executive=confidant,
        confidential=confidant is not None,
        on_behalf_of=on_behalf_of,
        actor=situation.caller.extension if spoken else None,
        called=number,
        present=callerid.ANONYMOUS if situation.caller.anonymous else identity,
        asserted=identity,
        plain=True,
        settings=settings,
        anchored=media.matched,
        trace=tuple(situation.trace),
    )


def _confidant(situation: Situation, number: str) -> str | None:
    """The caller, as the executive who calls a confidential contact of theirs; None else (A24)."""
    executive = situation.directory.executives.get(situation.caller.extension or "")
    if executive is None or executive.confidential is None or not executive.confidential.has(number_key(number)):
        return None
    situation.note("confidential contact", True, "an executive calls one of their own: nobody else joins or takes this call")
    return executive.extension


# --- to a user, a group or a service ------------------------------------------------------------------------------------------


def _to_user(situation: Situation, destination: Destination, dialled: str, chosen: Identity) -> RoutePlan:
    """To an executive through the filter, to everybody else directly. Nobody reaches themselves."""
    user = situation.directory.users[destination.extension or ""]
    situation.note("a user's number", True, f"{quotable(dialled)} is {user.shown}")
    if user.type == "shared":
        _note_who_is_there(situation, user)
    if user.extension in (situation.caller.extension, situation.caller.device):
        situation.note("one's own number", True, "a plan never rings the caller")
        return refused(situation, Refusal(486, "this is your own number"), destination.number)
    spoken = speaking.voice(situation, chosen, destination.number, user.extension)
    call = Shown(destination.number, speaking.shown_inside(situation, spoken), spoken)
    office = situation.directory.offices.get(user.extension)
    if office is None:
        return _plain(situation, user, call)
    verdict = screening.screen(situation, office, destination.number)
    if verdict == "confidential":
        return _confidential(situation, user, call, office)
    first = _calls_back(situation, office)
    return _filtered(situation, call, office, first) if verdict == "assistants" else _plain(situation, user, call, first)


def _note_who_is_there(situation: Situation, phone: User) -> None:
    """A shared phone is called by its own number, whoever has logged in."""
    there = situation.setting("hot_desk", phone.extension)
    text = "nobody has logged in" if there is None else f"logged in: {situation.named(there)}"
    situation.note("shared phone", there is not None, f"{phone.shown}: {text}")


def _plain(situation: Situation, user: User, call: Shown, first: Stages = ()) -> RoutePlan:
    """All phones of the user ring, then the user's own forwarding; `first` is whom a call back was meant for (B11)."""
    stages = ring_user(situation, user, "user")
    as_prepared = not first and stages is situation.directory.phones.get(user.extension)
    if not as_prepared:
        stages = _spare(situation, (*first, *stages))
    if not stages:
        return refused(situation, Refusal(480, "nobody takes calls for this number now"), call.called)
    return ring(situation, call, stages, as_prepared=as_prepared)


def _filtered(situation: Situation, call: Shown, office: Office, first: Stages) -> RoutePlan:
    """The ring plan of the executive's assistants, then the rollover. An assistant's own call handling plays no part (A18)."""
    ringing = ring_office(situation, office)
    stages, rollover = ringing.stages, ringing.rollover
    as_prepared = stages is office.stages and not first and not rollover  # assistants only, and the caller is none of them
    if not as_prepared:
        if ringing.rollover_after != 0:
            stages = (*first, *without(stages, first))
        stages, rollover = _spare(situation, stages), _spare(situation, rollover)
    if not stages and not rollover:
        situation.note("somebody to ring", False, "no assistant receives calls, and the rollover reaches nobody")
        return refused(situation, Refusal(480, "nobody takes calls for this number now"), call.called)
    situation.note("assistants' ring plan", True, f"the ring plan of {office.user.shown} is followed")
    return ring(
        situation, call, stages, rollover_after=ringing.rollover_after, rollover=rollover, office=office, as_prepared=as_prepared
    )


def _confidential(situation: Situation, user: User, call: Shown, office: Office) -> RoutePlan:
    """The executive's own phones and forwarding; should that lead to an assistant, the caller is shown as private (A24)."""
    plan = _plain(situation, user, call)
    return confidential(plan, office) if plan.action == "ring" else plan


# --- sticky callback (B11) ----------------------------------------------------------------------------------------------------


def _calls_back(situation: Situation, office: Office) -> Stages:
    """The assistant who called this caller on behalf a while ago, rung first; empty when there is none."""
    executive = office.executive
    if not executive.on_behalf.callback_seconds or situation.caller.kind == "user" or situation.caller.anonymous:
        return ()
    assistant = situation.state.callback(executive.extension, situation.key, situation.stamp)
    seat = None if assistant is None else next((each for each in office.seats if each.delegation.assistant == assistant), None)
    if seat is None:
        situation.note("sticky callback", False, "nobody called this number on behalf lately")
        return ()
    why_not = seat.never or unavailable(situation, seat)
    if why_not:
        situation.note("sticky callback", False, f"{seat.assistant.shown}, who called this number, {why_not}")
        return ()
    situation.note("sticky callback", True, f"{seat.assistant.shown} called this number, and rings first")
    return (Stage(where_rung(situation, seat), seat.delegation.ring_seconds or executive.alerting.ring_seconds, "call back"),)


# --- common -------------------------------------------------------------------------------------------------------------------


def _spare(situation: Situation, stages: Stages) -> Stages:
    """A plan never rings the caller, nor the shared phone at which they are."""
    stages = spare(stages, situation.caller.extension, situation.key)
    return stages if situation.caller.device is None else spare(stages, situation.caller.device, situation.key)


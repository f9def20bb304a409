"""Where a call goes, and as whom: the decision, from top to bottom.

`decide` is a pure function of what is known about the call, the directory (which carries what phones have set) and the time. It reads
no clock and changes nothing. Every rule that it looks at leaves one line in the plan's trace, so that the plan explains itself (F7).

    from a trunk    a user's, group's or service's number -> there; everything else is refused (toll fraud)
    from a user     an emergency number -> out, as oneself, whatever else was chosen (B9)
                    a feature code that sets something -> done, and confirmed (`codes`)
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

from b2bua.delegation import callerid, codes, screening, speaking
from b2bua.delegation.assistants import unavailable, where_rung
from b2bua.delegation.callerid import quotable
from b2bua.delegation.features import CALL_AS, CALL_AS_SELF, CALL_DISCLOSED, Dialled, parse_call_as
from b2bua.delegation.model import Directory
from b2bua.delegation.numbering import MAX_DIALLED, Destination
from b2bua.delegation.office import Office
from b2bua.delegation.people import User
from b2bua.delegation.plan import Caller, Direction, Facts, Presentation, PresentFor, RoutePlan, Rule, Stage
from b2bua.delegation.ringplan import EMERGENCY_RING_SECONDS, outside, ring_office, ring_user, spare
from b2bua.delegation.situation import Refusal, Situation
from b2bua.delegation.speaking import ONESELF, Identity, Voice
from b2bua.delegation.stages import PLAIN_RING_SECONDS, Stages, every_endpoint, without

MAX_WARNING: Final = 200
MARKER: Final = "delegated"
"""What the assistants' Alert-Info says, so that phones can choose another ring for delegated calls."""

NO_EMERGENCY: Final = Rule("emergency number", False, "not one of the emergency numbers")


class InsideCall(NamedTuple):
    """A call to a user: whom, what was dialled, what identity the called party sees, and on whose behalf."""

    user: User
    called: str
    identity: Presentation
    spoken: Voice | None

    @property
    def on_behalf_of(self) -> str | None:
        return self.spoken.executive.extension if self.spoken else None


class Wish(NamedTuple):
    """What a user dialled, taken apart: the number, and as whom when a code said so."""

    number: str
    identity: Identity | None
    code: Dialled | None
    """The feature code that was dialled, None for a plain number."""


def decide(facts: Facts, directory: Directory, now: datetime) -> RoutePlan:
    """The plan for one new call. `now` is aware and in any zone. Never raises for any facts; a refusal is a plan, too."""
    situation = Situation(facts, directory, now)
    return _from_trunk(situation) if facts.caller.kind == "trunk" else _from_user(situation)


def _from_trunk(situation: Situation) -> RoutePlan:
    """The outside reaches users, groups and services, and nothing else: no trunk, no feature code, no emergency number."""
    dialled = situation.facts.dialled
    destination = situation.directory.numbers.resolve(dialled)
    if destination.extension is None:
        situation.note("a user's number", False, f"nobody here has {quotable(dialled)}, and a trunk may not call out again")
        return _refused(situation, Refusal(404, "no such number"))
    return _to_user(situation, destination, dialled, ONESELF)


def _from_user(situation: Situation) -> RoutePlan:
    """A user calls: emergency first, then what codes set, then as whom, then where to."""
    wish = _wish(situation)
    destination = situation.directory.numbers.resolve(wish.number)
    if destination.kind == "emergency":
        return _emergency(situation, destination)
    situation.trace.append(NO_EMERGENCY)
    if wish.code is not None:
        situation.note("feature code", True, f"{wish.code.code} is the code of {wish.code.feature}")
        if wish.identity is None:
            return _obeyed(situation, wish.code)
        if not wish.number or wish.identity.executive == "":
            return _refused(situation, _what_is_missing(wish.code))
    chosen = speaking.chosen_identity(situation, wish.identity)
    refusal = speaking.may_speak_as(situation, chosen)
    if refusal and chosen.means == speaking.STICKY and destination.extension is not None:
        chosen, refusal = ONESELF, None  # colleagues see who really calls all the same
    if refusal:
        return _refused(situation, refusal, destination.number, "outgoing" if destination.trunk else None)
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
        return _refused(situation, refusal, destination.number, "outgoing")
    identity = speaking.shown_outside(situation, None)
    return RoutePlan(
        "ring",
        stages=(Stage((outside(destination.number, destination.trunk, "outside"),), EMERGENCY_RING_SECONDS, "emergency"),),
        direction="outgoing",
        called=destination.number,
        present=identity,
        asserted=identity,
        emergency=True,
        plain=True,
        trace=tuple(situation.trace),
    )


# --- feature codes ------------------------------------------------------------------------------------------------------------


def _obeyed(situation: Situation, code: Dialled) -> RoutePlan:
    """A code that sets something: done and confirmed, or refused with the reason."""
    outcome = codes.obey(situation, code)
    if isinstance(outcome, Refusal):
        return _refused(situation, outcome)
    settings, confirmation = outcome
    situation.note("done", True, confirmation)
    return RoutePlan(
        "set",
        final_status=200,
        called=callerid.printable(situation.facts.dialled, MAX_DIALLED),
        present=callerid.caller_inside(situation.caller),
        settings=settings,
        confirmation=callerid.printable(confirmation),
        plain=True,
        trace=tuple(situation.trace),
    )


def _what_is_missing(code: Dialled) -> Refusal:
    if code.feature == CALL_AS_SELF:
        return codes.incomplete(code, "the number")
    return codes.incomplete(code, "the executive, * and the number")


def _unknown(situation: Situation, number: str) -> RoutePlan:
    """Neither a user's nor a trunk's number; what begins like a feature code was probably meant as one."""
    if number[:1] in ("*", "#"):
        situation.note("feature code", False, f"{quotable(number)} is none of the feature codes")
        return _refused(situation, Refusal(404, f"there is no feature code {quotable(number)}"))
    situation.note("a known number", False, f"{quotable(number)} is no user's extension or number, and no trunk takes it")
    return _refused(situation, Refusal(404, f"nobody has the number {quotable(number)}"))


# --- to an outside number -----------------------------------------------------------------------------------------------------


def _to_outside(situation: Situation, number: str, trunk: str, chosen: Identity) -> RoutePlan:
    """Out over the trunk: with the executive's name and delegated caller ID on behalf, else with one's own."""
    spoken = speaking.voice(situation, chosen, number, None)
    identity = speaking.shown_outside(situation, spoken)
    settings = speaking.call_back_memory(situation, spoken, number)
    return RoutePlan(
        "ring",
        stages=(Stage((outside(number, trunk, "outside"),), PLAIN_RING_SECONDS, "outside"),),
        direction="outgoing",
        on_behalf_of=spoken.executive.extension if spoken else None,
        actor=situation.caller.extension if spoken else None,
        called=number,
        present=callerid.ANONYMOUS if situation.caller.anonymous else identity,
        asserted=identity,
        plain=True,
        settings=settings,
        trace=tuple(situation.trace),
    )


# --- to a user, a group or a service ------------------------------------------------------------------------------------------


def _to_user(situation: Situation, destination: Destination, dialled: str, chosen: Identity) -> RoutePlan:
    """To an executive through the filter, to everybody else directly. Nobody reaches themselves."""
    user = situation.directory.users[destination.extension or ""]
    situation.note("a user's number", True, f"{quotable(dialled)} is {user.shown}")
    if user.extension == situation.caller.extension:
        situation.note("one's own number", True, "a plan never rings the caller")
        return _refused(situation, Refusal(486, "this is your own number"), destination.number)
    spoken = speaking.voice(situation, chosen, destination.number, user.extension)
    call = InsideCall(user, destination.number, speaking.shown_inside(situation, spoken), spoken)
    office = situation.directory.offices.get(user.extension)
    if office is None:
        return _plain(situation, call)
    verdict = screening.screen(situation, office, destination.number)
    if verdict == "confidential":
        return _confidential(situation, call, office)
    first = _calls_back(situation, office)
    return _filtered(situation, call, office, first) if verdict == "assistants" else _plain(situation, call, first)


def _plain(situation: Situation, call: InsideCall, first: Stages = ()) -> RoutePlan:
    """All phones of the user ring, then the user's own forwarding; `first` is whom a call back was meant for (B11)."""
    stages = ring_user(situation, call.user, "user")
    as_prepared = not first and stages is situation.directory.phones.get(call.user.extension)
    if not as_prepared:
        stages = _spare(situation, (*first, *stages))
    if not stages:
        return _refused(situation, Refusal(480, "nobody takes calls for this number now"), call.called)
    return _ring(situation, call, stages, as_prepared=as_prepared)


def _filtered(situation: Situation, call: InsideCall, office: Office, first: Stages) -> RoutePlan:
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
        return _refused(situation, Refusal(480, "nobody takes calls for this number now"), call.called)
    situation.note("assistants' ring plan", True, f"the ring plan of {call.user.shown} is followed")
    return _ring(
        situation, call, stages, rollover_after=ringing.rollover_after, rollover=rollover, office=office, as_prepared=as_prepared
    )


def _confidential(situation: Situation, call: InsideCall, office: Office) -> RoutePlan:
    """The executive's own phones and forwarding; should that lead to an assistant, the caller is shown as private (A24)."""
    plan = _plain(situation, call)
    if plan.action != "ring":
        return plan
    return plan._replace(
        stages=_as_private(plan.stages, office.assistants, office.executive.extension),
        executive=office.executive.extension,
        present_assistant=callerid.to_assistant(callerid.PRIVATE, office.user, office.executive.alerting),
        present_for=(),
        alert_info=MARKER,
        diversion_reason="unconditional",
        confidential=True,
    )


def _as_private(stages: Stages, assistants: frozenset[str], executive: str) -> Stages:
    """What rings an assistant, at their phones or where they forward and divert to, sees what assistants see."""
    return tuple(
        stage._replace(
            endpoints=tuple(
                each._replace(role="assistant", for_executive=executive)
                if each.role == "assistant" or each.extension in assistants or each.diverting in assistants
                else each
                for each in stage.endpoints
            ),
            busy=_as_private(stage.busy, assistants, executive),
            no_answer=_as_private(stage.no_answer, assistants, executive),
            unreachable=_as_private(stage.unreachable, assistants, executive),
        )
        for stage in stages
    )


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


def _ring(
    situation: Situation,
    call: InsideCall,
    stages: Stages,
    *,
    rollover_after: float | None = None,
    rollover: Stages = (),
    office: Office | None = None,
    as_prepared: bool = False,
) -> RoutePlan:
    """The plan of a call inside: whom it rings, and as whom the caller is shown (A17).

    `office`: whose filtered call it is, None for a plain call. `as_prepared`: the stages were worked out when the directory was
    loaded, and ring phones of that one user or office only.
    """
    endpoints = () if as_prepared else tuple(every_endpoint((*stages, *rollover)))
    others = dict.fromkeys(each.for_executive for each in endpoints if each.for_executive is not None)
    if office is not None:
        others.pop(office.executive.extension, None)
    leaves_the_house = any(each.kind == "number" for each in endpoints)
    return RoutePlan(
        "ring",
        stages=stages,
        rollover_after=rollover_after,
        rollover=rollover,
        direction=_direction(situation.caller),
        executive=None if office is None else office.executive.extension,
        diversion_reason="" if office is None else "unconditional",
        on_behalf_of=call.on_behalf_of,
        actor=situation.caller.extension if call.spoken else None,
        called=call.called,
        present=call.identity,
        present_assistant=None if office is None else _to_assistants(call, office),
        alert_info="" if office is None and not others else MARKER,
        plain=office is None,
        trace=tuple(situation.trace),
        asserted=_assertable(call.identity),
        present_outside=_outside_identity(situation, call) if leaves_the_house else None,
        present_for=tuple([PresentFor(each, _to_assistants(call, situation.directory.offices[each])) for each in others]),
    )


def _to_assistants(call: InsideCall, office: Office) -> Presentation:
    return callerid.to_assistant(call.identity, office.user, office.executive.alerting)


def _outside_identity(situation: Situation, call: InsideCall) -> Presentation | None:
    """As whom an inside caller is known outside, for a forward that leaves the house."""
    if situation.caller.kind == "trunk" or _assertable(call.identity) is None:
        return None
    return speaking.shown_outside(situation, call.spoken)


def _spare(situation: Situation, stages: Stages) -> Stages:
    """A plan never rings the caller."""
    return spare(stages, situation.caller.extension, situation.key)


def _refused(
    situation: Situation, refusal: Refusal, called: str | None = None, direction: Direction | None = None
) -> RoutePlan:
    """A plan that rings nobody. The trace ends with the reason, in the words that the caller's phone may show."""
    situation.note("refused", True, f"{refusal.status}: {refusal.warning}")
    return RoutePlan(
        "refuse",
        final_status=refusal.status,
        warning=callerid.printable(refusal.warning, MAX_WARNING),
        direction=direction or _direction(situation.caller),
        called=callerid.printable(situation.facts.dialled if called is None else called, MAX_DIALLED),
        trace=tuple(situation.trace),
    )


def _direction(caller: Caller) -> Direction:
    return "internal" if caller.kind == "user" else "incoming"


def _assertable(identity: Presentation) -> Presentation | None:
    """Users' phones are not trusted with an identity that was asked to be kept private (RFC 3325 section 7)."""
    return None if identity.number == callerid.ANONYMOUS.number else identity

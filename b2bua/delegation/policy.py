"""Where a call goes, and as whom: the decision, from top to bottom.

`decide` is a pure function of what is known about the call, the directory and the time. It reads no clock and changes nothing.
Every rule that it looks at leaves one line in the plan's trace, so that the plan explains itself (F7).

    from a trunk    a user's extension or number -> that user; everything else is refused (toll fraud)
    from a user     an emergency number -> out, as oneself, whatever else was chosen (B9)
                    as whom? `#64` code, P-Preferred-Identity, delegated line; refused without the right (B2, B5)
                    a user -> that user; an outside number -> the first trunk that takes it; else unknown
    to a user       an executive whose filter takes the call -> the assistants' ring plan; else all phones of the user
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

from b2bua.delegation import callerid
from b2bua.delegation.callerid import quotable
from b2bua.delegation.features import CALL_AS, Dialled, parse_call_as
from b2bua.delegation.model import Directory
from b2bua.delegation.numbering import MAX_DIALLED, Destination
from b2bua.delegation.people import Executive, User
from b2bua.delegation.plan import Caller, Direction, Facts, Presentation, RoutePlan, Rule, Stage
from b2bua.delegation.ringplan import EMERGENCY_RING_SECONDS, PLAIN_RING_SECONDS, outside

Trace = list[Rule]


class Identity(NamedTuple):
    """As whom the caller wants to speak."""

    executive: str | None
    """None: as oneself."""
    means: str
    """How it was chosen, for the explainer."""


class Refusal(NamedTuple):
    """Why a call goes nowhere: the status, and the text of the Warning that the caller's phone may show."""

    status: int
    warning: str


class InsideCall(NamedTuple):
    """A call to a user: whom, what was dialled, what identity the called party sees, and on whose behalf."""

    user: User
    called: str
    identity: Presentation
    on_behalf_of: str | None


ONESELF = Identity(None, "")
MARKER: Final = "delegated"
"""What the assistants' Alert-Info says, so that phones can choose another ring for delegated calls."""

# Lines of the trace that are the same for every call are made once.
NO_EMERGENCY = Rule("emergency number", False, "not one of the emergency numbers")
AS_ONESELF = Rule("on behalf", False, "no other identity was chosen")
FILTERING_OFF = Rule("filter", False, "filtering is off")
NOT_PAST_THE_FILTER = Rule("past the filter", False, "the caller is no assistant of this executive, nor let through otherwise")


def decide(facts: Facts, directory: Directory, now: datetime) -> RoutePlan:  # noqa: ARG001 - schedules (A10) will read it
    """The plan for one new call. `now` is aware and in any zone. Never raises for any facts; a refusal is a plan, too."""
    if facts.caller.kind == "trunk":
        return _from_trunk(facts, directory, [])
    return _from_user(facts, directory, [])


def _from_trunk(facts: Facts, directory: Directory, trace: Trace) -> RoutePlan:
    """The outside reaches users, and nothing else: no trunk, no feature code, no emergency number."""
    destination = directory.numbers.resolve(facts.dialled)
    if destination.extension is None:
        trace.append(
            Rule("a user's number", False, f"nobody here has {quotable(facts.dialled)}, and a trunk may not call out again")
        )
        return _refused(facts, Refusal(404, "no such number"), trace)
    user = directory.users[destination.extension]
    trace.append(Rule("a user's number", True, f"{destination.number} is {user.name} ({user.extension})"))
    return _to_user(facts, directory, user, destination.number, trace)


def _from_user(facts: Facts, directory: Directory, trace: Trace) -> RoutePlan:
    """A user calls: emergency first, then as whom, then where to."""
    code = directory.codes.match(facts.dialled)
    call_as = parse_call_as(code.argument) if code and code.feature == CALL_AS else None
    number = call_as.number if call_as else facts.dialled
    destination = directory.numbers.resolve(number)
    if destination.kind == "emergency":
        return _emergency(facts, directory, destination, trace)
    trace.append(NO_EMERGENCY)
    if code and not (call_as and call_as.executive and call_as.number):
        return _useless_code(facts, code, trace)
    chosen = _chosen_identity(facts, directory, call_as.executive if call_as else None, trace)
    refusal = _may_speak_as(facts.caller, chosen, directory, trace)
    if refusal:
        return _refused(facts, refusal, trace, destination.number, "outgoing" if destination.trunk else None)
    if destination.extension is not None:
        user = directory.users[destination.extension]
        trace.append(Rule("a user's number", True, f"{quotable(number)} is {user.name} ({user.extension})"))
        return _to_user(facts, directory, user, destination.number, trace, chosen)
    if destination.trunk is not None:
        trace.append(Rule("a trunk's number", True, f"{destination.number} goes out over trunk {destination.trunk}"))
        return _to_outside(facts, directory, destination.number, destination.trunk, chosen, trace)
    trace.append(Rule("a known number", False, f"{quotable(number)} is no user's extension or number, and no trunk takes it"))
    return _refused(facts, Refusal(404, f"nobody has the number {quotable(number)}"), trace)


# --- emergency (B9) -----------------------------------------------------------------------------------------------------------


def _emergency(facts: Facts, directory: Directory, destination: Destination, trace: Trace) -> RoutePlan:
    """Out at once, with the caller's own name and number: no code, line, header or wish for privacy changes that."""
    trace.append(Rule("emergency number", True, f"{destination.number} goes out as oneself, whatever was chosen"))
    if destination.trunk is None:
        return _refused(facts, Refusal(503, "no trunk is configured for emergency calls"), trace, destination.number, "outgoing")
    identity = _own_outside(facts.caller, directory)
    return RoutePlan(
        "ring",
        stages=(Stage((outside(destination.number, destination.trunk, "outside"),), EMERGENCY_RING_SECONDS, "emergency"),),
        direction="outgoing",
        called=destination.number,
        present=identity,
        asserted=identity,
        emergency=True,
        plain=True,
        trace=tuple(trace),
    )


# --- as whom (B2, B3, B5, B7) -------------------------------------------------------------------------------------------------


def _useless_code(facts: Facts, code: Dialled, trace: Trace) -> RoutePlan:
    """A feature code that does nothing: incomplete, or for a feature that is not there."""
    trace.append(Rule("feature code", True, f"{code.code} is the code of {code.feature}"))
    if code.feature == CALL_AS:
        return _refused(facts, Refusal(484, f"incomplete: dial {code.code}, the executive, * and the number"), trace)
    return _refused(facts, Refusal(404, f"feature code {code.code} is not available"), trace)


def _chosen_identity(facts: Facts, directory: Directory, by_code: str | None, trace: Trace) -> Identity:
    """The identity asked for: by the code dialled, else by the header, else by the line. Naming oneself is no choice."""
    caller = facts.caller
    if by_code is not None:
        return _identity(by_code, "feature code", caller, directory) or Identity(by_code, "feature code")
    if facts.preferred_identity:
        preferred = _identity(facts.preferred_identity, "P-Preferred-Identity", caller, directory)
        if preferred and preferred.executive is not None:
            return preferred
        whom = "the caller" if preferred else "nobody here"
        trace.append(Rule("P-Preferred-Identity", False, f"{quotable(facts.preferred_identity)} names {whom}"))
    return ONESELF if caller.line is None else Identity(caller.line, "delegated line")


def _identity(text: str, means: str, caller: Caller, directory: Directory) -> Identity | None:
    """Whom `text` names: a user by extension or number, or one of the caller's own lines; None when it names nobody here."""
    delegation = directory.lines.get(text)
    if delegation is not None and delegation.assistant == caller.extension:
        return Identity(delegation.executive, means)
    user = directory.find(text)
    if user is None:
        return None
    return Identity(None if user.extension == caller.extension else user.extension, means)


def _may_speak_as(caller: Caller, chosen: Identity, directory: Directory, trace: Trace) -> Refusal | None:
    """Speaking as somebody else needs a delegation with the right `call`; None = allowed."""
    if chosen.executive is None:
        trace.append(AS_ONESELF)
        return None
    wanted = quotable(chosen.executive)
    delegation = directory.delegation(caller.extension or "", chosen.executive)
    if delegation is not None and "call" in delegation.rights:
        trace.append(Rule("right to call on behalf", True, f"{caller.extension} may call as {wanted} (chosen by {chosen.means})"))
        return None
    if chosen.executive not in directory.users:
        trace.append(Rule("right to call on behalf", False, f"nobody has the extension {wanted} (chosen by {chosen.means})"))
        return Refusal(404, f"nobody has the extension {wanted}")
    missing = "is no assistant of" if delegation is None else "has no right 'call' for"
    trace.append(Rule("right to call on behalf", False, f"{caller.extension} {missing} {wanted} (chosen by {chosen.means})"))
    return Refusal(403, f"you may not call as {wanted}")


def _speaks_as(chosen: Identity, directory: Directory, inside: str | None, trace: Trace) -> Executive | None:
    """The executive whose identity the called party sees; `inside` is the called user, None for an outside number (B7)."""
    if chosen.executive is None:
        return None
    executive = directory.executives[chosen.executive]
    if inside == executive.extension:
        trace.append(Rule("identity by destination", False, "the executive sees who really calls"))
        return None
    applies = executive.on_behalf.inside if inside else executive.on_behalf.outside
    where = "inside" if inside else "outside"
    trace.append(
        Rule("identity by destination", applies, f"{where} destinations see {'the executive' if applies else 'the caller'}")
    )
    return executive if applies else None


def _own_outside(caller: Caller, directory: Directory) -> Presentation:
    """The caller's own name and number, as the outside sees them."""
    user = directory.users.get(caller.extension or "")
    return callerid.user_outside(user) if user else callerid.caller_inside(caller)


# --- to an outside number -----------------------------------------------------------------------------------------------------


def _to_outside(facts: Facts, directory: Directory, number: str, trunk: str, chosen: Identity, trace: Trace) -> RoutePlan:
    """Out over the trunk: with the executive's name and delegated caller ID on behalf, else with one's own."""
    executive = _speaks_as(chosen, directory, None, trace)
    if executive:
        identity = callerid.executive_outside(directory.users[executive.extension], executive)
    else:
        identity = _own_outside(facts.caller, directory)
    return RoutePlan(
        "ring",
        stages=(Stage((outside(number, trunk, "outside"),), PLAIN_RING_SECONDS, "outside"),),
        direction="outgoing",
        on_behalf_of=executive.extension if executive else None,
        actor=facts.caller.extension if executive else None,
        called=number,
        present=callerid.ANONYMOUS if facts.caller.anonymous else identity,
        asserted=identity,
        plain=True,
        trace=tuple(trace),
    )


# --- to a user ----------------------------------------------------------------------------------------------------------------


def _to_user(facts: Facts, directory: Directory, user: User, called: str, trace: Trace, chosen: Identity = ONESELF) -> RoutePlan:
    """To an executive through the filter, to everybody else directly. Nobody reaches themselves."""
    caller = facts.caller
    if user.extension == caller.extension:
        trace.append(Rule("one's own number", True, "a plan never rings the caller"))
        return _refused(facts, Refusal(486, "this is your own number"), trace, called)
    speaks_as = _speaks_as(chosen, directory, user.extension, trace)
    if caller.anonymous:
        identity = callerid.ANONYMOUS
    elif speaks_as:
        identity = callerid.user_inside(directory.users[speaks_as.extension])
    else:
        identity = callerid.caller_inside(caller)
    call = InsideCall(user, called, identity, speaks_as.extension if speaks_as else None)
    executive = directory.executives.get(user.extension)
    if executive and _filter_takes(caller, executive, directory, trace):
        return _filtered(facts, directory, call, executive, trace)
    return _plain(facts, directory, call, trace)


def _filter_takes(caller: Caller, executive: Executive, directory: Directory, trace: Trace) -> bool:
    """Whether the call goes to the executive's assistants: filtering is on (A9), and the caller is not let past it (A20)."""
    filtering = executive.filtering
    if not filtering.enabled:
        trace.append(FILTERING_OFF)
        return False
    if caller.extension is not None:
        if directory.delegation(caller.extension, executive.extension):
            trace.append(Rule("past the filter", True, f"{caller.extension} is an assistant of this executive"))
            return False
        if filtering.executives_pass and caller.extension in directory.executives:
            trace.append(Rule("past the filter", True, f"{caller.extension} is an executive, and executives pass"))
            return False
    trace.append(NOT_PAST_THE_FILTER)
    origin = "internal" if caller.kind == "user" else "external"
    taken = filtering.type in ("all", origin)
    trace.append(Rule("filter", taken, f"it takes {filtering.type} calls and this call is {origin}"))
    return taken


def _plain(facts: Facts, directory: Directory, call: InsideCall, trace: Trace) -> RoutePlan:
    """All phones of the user ring."""
    trace.append(Rule("plain call", True, f"all phones of {call.user.name} ({call.user.extension}) ring"))
    return RoutePlan(
        "ring",
        stages=directory.phones[call.user.extension],
        direction=_direction(facts.caller),
        on_behalf_of=call.on_behalf_of,
        actor=facts.caller.extension if call.on_behalf_of else None,
        called=call.called,
        present=call.identity,
        plain=True,
        trace=tuple(trace),
        asserted=_assertable(call.identity),
    )


def _filtered(facts: Facts, directory: Directory, call: InsideCall, executive: Executive, trace: Trace) -> RoutePlan:
    """The executive's ring plan: assistants, then the rollover. An assistant's own call handling plays no part (A18)."""
    caller = facts.caller
    ringing = directory.ring_plans[executive.extension].without(caller.extension, caller.number)
    if not ringing.stages and not ringing.rollover:
        trace.append(Rule("somebody to ring", False, "no assistant receives calls, and the rollover hangs up"))
        return _refused(facts, Refusal(480, "nobody takes calls for this number now"), trace, call.called)
    trace.append(Rule("assistants' ring plan", True, f"the ring plan of {call.user.name} ({executive.extension}) is followed"))
    return RoutePlan(
        "ring",
        stages=ringing.stages,
        rollover_after=ringing.rollover_after,
        rollover=ringing.rollover,
        direction=_direction(caller),
        executive=executive.extension,
        diversion_reason="unconditional",
        on_behalf_of=call.on_behalf_of,
        actor=caller.extension if call.on_behalf_of else None,
        called=call.called,
        present=call.identity,
        present_assistant=callerid.to_assistant(call.identity, call.user, executive.alerting),
        alert_info=MARKER,
        trace=tuple(trace),
        asserted=_assertable(call.identity),
        present_outside=_outside_identity(caller, call, directory) if ringing.forwards_outside else None,
    )


def _outside_identity(caller: Caller, call: InsideCall, directory: Directory) -> Presentation | None:
    """As whom an inside caller is known outside, for a rollover that leaves the house."""
    if caller.kind == "trunk" or call.identity is callerid.ANONYMOUS:
        return None
    if call.on_behalf_of is None:
        return _own_outside(caller, directory)
    return callerid.executive_outside(directory.users[call.on_behalf_of], directory.executives[call.on_behalf_of])


# --- common -------------------------------------------------------------------------------------------------------------------


def _refused(
    facts: Facts, refusal: Refusal, trace: Trace, called: str | None = None, direction: Direction | None = None
) -> RoutePlan:
    """A plan that rings nobody. The trace ends with the reason, in the words that the caller's phone may show."""
    trace.append(Rule("refused", True, f"{refusal.status}: {refusal.warning}"))
    return RoutePlan(
        "refuse",
        final_status=refusal.status,
        warning=refusal.warning,
        direction=direction or _direction(facts.caller),
        called=callerid.printable(facts.dialled if called is None else called, MAX_DIALLED),
        trace=tuple(trace),
    )


def _direction(caller: Caller) -> Direction:
    return "internal" if caller.kind == "user" else "incoming"


def _assertable(identity: Presentation) -> Presentation | None:
    """Users' phones are not trusted with an identity that was asked to be kept private (RFC 3325 section 7)."""
    return None if identity is callerid.ANONYMOUS else identity

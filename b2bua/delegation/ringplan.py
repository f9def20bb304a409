"""In which order phones ring (A5-A8, A15, A16, A19, A22): stages made of who is rung, and where a call goes on when nobody answers.

Minimum ring, simultaneous ring, rollover and a user's own forwarding are all stages of one plan, so that they cannot contradict
each other. Forwards end: nobody is reached twice, and after `MAX_HOPS` hops a call goes no further.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from b2bua.delegation import screening
from b2bua.delegation.assistants import MAX_HOPS, who_rings
from b2bua.delegation.callerid import quotable
from b2bua.delegation.digits import number_key
from b2bua.delegation.office import Office, endpoints_of
from b2bua.delegation.people import INACTIVE, Executive, User
from b2bua.delegation.plan import Endpoint, Role, Stage
from b2bua.delegation.situation import Situation
from b2bua.delegation.stages import PLAIN_RING_SECONDS, Stages, assistants_stages, holding, until
from b2bua.delegation.standing import on_dnd

EMERGENCY_RING_SECONDS: Final = 600.0
"""An emergency call may wait in the answering point's queue; it is not cut off as early as another call."""

Path = tuple[str, ...]
"""Extensions that a call has passed, the first one called first."""


@dataclass(frozen=True, slots=True)
class RingPlan:
    """The ringing of one filtered call; the fields mean what they mean in `RoutePlan`."""

    stages: Stages
    rollover_after: float | None
    rollover: Stages


def outside(number: str, trunk: str, role: Role) -> Endpoint:
    """An outside number over a trunk."""
    return Endpoint("number", None, number, trunk, role, None)


# --- an executive's filtered call -----------------------------------------------------------------------------------------------


def ring_office(situation: Situation, office: Office, path: Path = ()) -> RingPlan:
    """The plan for a call that the assistants of `office` take."""
    executive = office.executive
    alerting, after = executive.alerting, executive.rollover.after_seconds
    if executive.extension in situation.facts.full:
        situation.note("queue", False, f"{office.user.shown} is full: {executive.capacity} callers wait already")
        return RingPlan((), 0, rollover_stages(situation, office, path))
    own_phones = _own_phones(situation, office)
    stages = _assistants(situation, office, own_phones)
    if alerting.executive == "first" and own_phones:
        seconds = alerting.ring_seconds if alerting.executive_seconds is None else alerting.executive_seconds
        stages = (Stage(own_phones, seconds, "executive first"), *stages)
    rollover_after = None if after is None else max(after, alerting.minimum_seconds)
    if rollover_after == 0:
        stages = ()  # nobody's phone should ring for no time at all and show a missed call
    return RingPlan(stages, rollover_after, rollover_stages(situation, office, path))


def _own_phones(situation: Situation, office: Office) -> tuple[Endpoint, ...]:
    """The executive's phones where the strategy rings them; none on DND (A19)."""
    strategy = office.executive.alerting.executive
    if strategy == "none" or not office.own_phones:
        return ()
    if on_dnd(situation, office.user):
        situation.note("executive's phones", False, "do not disturb: they are left out")
        return ()
    situation.note("executive's phones", True, f"ring ({strategy})")
    return office.own_phones


def _assistants(situation: Situation, office: Office, own_phones: tuple[Endpoint, ...]) -> Stages:
    """The stages of the assistants, with the executive's phones beside them where the strategy says so."""
    turns = who_rings(situation, office)
    if turns is office.turns and not own_phones:
        return office.stages
    return assistants_stages(office.executive.alerting, turns, own_phones, office.executive.maximum_wait)


# --- rollover (A15) -------------------------------------------------------------------------------------------------------------


def rollover_stages(situation: Situation, office: Office, path: Path) -> Stages:
    """Where a call goes that nobody of `office` takes; empty: nowhere, it is hung up."""
    executive, rollover = office.executive, office.executive.rollover
    here = (*path, executive.extension)
    stages: Stages = ()
    match rollover.action:
        case "executive":
            return _rollover_to_executive(situation, office, path)
        case "no_answer" if office.user.forwarding.no_answer:
            stages = ring_target(situation, office.user.forwarding.no_answer, "forward", here)
        case "forward" | "voicemail" if rollover.forward:
            role: Role = "forward" if rollover.action == "forward" else "voicemail"
            stages = _limited(ring_target(situation, rollover.forward, role, here), executive, f"rollover {rollover.action}")
    return mark(stages, executive.extension, "no-answer")


def _rollover_to_executive(situation: Situation, office: Office, path: Path) -> Stages:
    """The executive's phones, for as long as the assistants' did, then the executive's own forwarding."""
    stages = ring_user(situation, office.user, "executive", path)
    seconds = office.executive.alerting.ring_seconds
    return tuple(
        stage._replace(seconds=min(seconds, stage.seconds or seconds), name="rollover executive")
        if stage.endpoints and stage.endpoints[0].role == "executive"
        else stage
        for stage in stages
    )


def _limited(stages: Stages, executive: Executive, name: str) -> Stages:
    """What a rollover forwards to rings as long as the assistants did; a target with stages of its own keeps its times."""
    if len(stages) != 1 or stages[0].endpoints[0].for_executive is not None:
        return stages
    stage = stages[0]
    return (stage._replace(seconds=min(executive.alerting.ring_seconds, stage.seconds or PLAIN_RING_SECONDS), name=name),)


# --- a user's own phones, and where they forward --------------------------------------------------------------------------------


def ring_user(situation: Situation, user: User, role: Role, path: Path = ()) -> Stages:
    """The user's own phones, with the user's own forwarding: always, busy, no answer, unreachable. Empty on DND without one."""
    forwarding = user.forwarding
    here = (*path, user.extension)
    if not user.active and user.type != "forwarding":
        situation.note("no phones", True, f"{situation.named(user.extension)} {INACTIVE[user.status]}")
        return ()
    if forwarding.always:
        situation.note("forward always", True, f"{situation.named(user.extension)} forwards all calls to {quotable(forwarding.always)}")
        return mark(ring_target(situation, forwarding.always, "forward", here), user.extension, "unconditional")
    if user.type == "forwarding":
        return ()
    if on_dnd(situation, user):
        situation.note("do not disturb", True, f"the phones of {situation.named(user.extension)} do not ring")
        return _follow_up(situation, user, forwarding.busy, here, "do-not-disturb") if forwarding.busy else ()
    name = "rollover" if role == "executive" else "forwarded call" if path else "plain call"
    situation.note(name, True, f"all phones of {user.shown} ring{'' if name == 'plain call' else ' then'}")
    if role == "user" and user.extension in situation.directory.phones:
        return situation.directory.phones[user.extension]
    seconds = forwarding.no_answer_seconds if forwarding.no_answer else PLAIN_RING_SECONDS
    ways = _follow_ups(situation, user, here)
    return (Stage(endpoints_of(user, role), seconds, "phones", ways["user-busy"], ways["no-answer"], ways["unavailable"]),)


_WHEN: Final = {
    "user-busy": "when busy",
    "no-answer": "when nobody answers",
    "unavailable": "when unreachable",
    "do-not-disturb": "on do not disturb",
}
"""The reasons of a Diversion (RFC 5806) in the words of the explainer."""


def _follow_ups(situation: Situation, user: User, path: Path) -> dict[str, Stages]:
    """Where the call goes on, by the reason; ways that lead to the same target are worked out once."""
    forwarding = user.forwarding
    ways = {"user-busy": forwarding.busy, "no-answer": forwarding.no_answer, "unavailable": forwarding.unreachable}
    found: dict[str, Stages] = {}
    for reason, target in ways.items():
        same = next((known for known in found if target is not None and ways[known] == target), None)
        if target is None:
            found[reason] = ()
        elif same is None:
            found[reason] = _follow_up(situation, user, target, path, reason)
        else:
            situation.note(f"forward {_WHEN[reason]}", True, f"to {quotable(target)} as well")
            found[reason] = mark(found[same], user.extension, reason, instead_of=same)
    return found


def _follow_up(situation: Situation, user: User, target: str, path: Path, reason: str) -> Stages:
    situation.note(f"forward {_WHEN[reason]}", True, f"{situation.named(user.extension)} forwards to {quotable(target)}")
    return mark(ring_target(situation, target, "forward", path), user.extension, reason)


def ring_target(situation: Situation, target: str, role: Role, path: Path) -> Stages:
    """Where a forward leads: a user, a group, a service, an outside number, or a SIP URI such as a mailbox."""
    if len(path) > MAX_HOPS:
        situation.note("forward", False, f"not to {quotable(target)}: the call has been forwarded {MAX_HOPS} times")
        return ()
    if target.startswith(("sip:", "sips:")):
        return (Stage((Endpoint("uri", None, target, None, "voicemail", None),), PLAIN_RING_SECONDS, "voicemail"),)
    destination = situation.directory.numbers.resolve(target)
    if destination.kind == "outside" and destination.trunk is not None:
        return (Stage((outside(destination.number, destination.trunk, role),), PLAIN_RING_SECONDS, role),)
    if destination.extension is None:
        situation.note("forward", False, f"{quotable(target)} leads nowhere")
        return ()
    if destination.extension in path:
        situation.note("forward", False, f"not to {situation.named(destination.extension)}: the call was there already")
        return ()
    user = situation.directory.users[destination.extension]
    office = situation.directory.offices.get(user.extension)
    verdict = "executive" if office is None else screening.screen(situation, office, target)
    if office is not None and verdict == "assistants":
        return flat(ring_office(situation, office, path))
    if verdict == "confidential":
        return _only_phones(situation, user, role)
    return ring_user(situation, user, role, path)


def _only_phones(situation: Situation, user: User, role: Role) -> Stages:
    """A confidential contact whom somebody else forwards rings the executive's phones, and goes no further (A24)."""
    if not user.active:
        return ()
    if on_dnd(situation, user):
        situation.note("do not disturb", True, f"the phones of {situation.named(user.extension)} do not ring")
        return ()
    return (Stage(endpoints_of(user, role), user.forwarding.no_answer_seconds, "phones"),)


def flat(plan: RingPlan) -> Stages:
    """A ring plan as stages of another one: what comes after its time limit is cut off."""
    stages = plan.stages if plan.rollover_after is None else until(plan.stages, plan.rollover_after)
    waits = any(stage.hold is not None for stage in stages)
    return (*_until_the_rollover(stages), *(holding(plan.rollover, 0.0) if waits else plan.rollover))


def _until_the_rollover(stages: Stages) -> Stages:
    """Endpoints that last beyond their stage ring for as long as these stages take, not into what follows them."""
    if not any(each.lasting for stage in stages for each in stage.endpoints):
        return stages
    total = sum(stage.seconds or 0.0 for stage in stages)
    return tuple(
        stage._replace(endpoints=tuple(each._replace(seconds=total) if each.lasting else each for each in stage.endpoints))
        for stage in stages
    )


def mark(stages: Stages, extension: str, reason: str, instead_of: str = "") -> Stages:
    """Say who forwarded the call, and why, on what has no such mark yet; or another reason of the same user's."""
    marked = []
    for stage in stages:
        endpoints = tuple(
            each._replace(diverting=extension, diversion=reason)
            if not each.diversion or (instead_of and (each.diverting, each.diversion) == (extension, instead_of))
            else each
            for each in stage.endpoints
        )
        marked.append(stage._replace(endpoints=endpoints))
    return tuple(marked)


def spare(stages: Stages, extension: str | None, key: str) -> Stages:
    """`stages` without endpoints that are the caller: a plan never rings the caller. The same object when there is none.

    The hold of a stage that is left out is the next one's: the round of a queue begins with who rings first.
    """
    if not any(_rings(stage, extension, key) for stage in stages):
        return stages
    spared: list[Stage] = []
    hold = None
    for stage in stages:
        hold = hold if stage.hold is None else stage.hold
        endpoints = tuple(each for each in stage.endpoints if not _is_caller(each, extension, key))
        if endpoints:
            busy, no_answer, unreachable = (spare(each, extension, key) for each in (stage.busy, stage.no_answer, stage.unreachable))
            rung: Stages = (stage._replace(endpoints=endpoints, busy=busy, no_answer=no_answer, unreachable=unreachable),)
        else:
            rung = spare(stage.unreachable or stage.no_answer or stage.busy, extension, key)
        if rung:
            spared.extend(rung if hold is None else holding(rung, hold))
            hold = None
    return tuple(spared)


def _rings(stage: Stage, extension: str | None, key: str) -> bool:
    for endpoint in stage.endpoints:
        if endpoint.extension == extension if endpoint.kind == "user" else _is_caller(endpoint, extension, key):
            return True
    return any(_rings(each, extension, key) for follow_up in (stage.busy, stage.no_answer, stage.unreachable) for each in follow_up)


def _is_caller(endpoint: Endpoint, extension: str | None, key: str) -> bool:
    if endpoint.kind == "user":
        return extension is not None and endpoint.extension == extension
    return endpoint.kind == "number" and bool(key) and number_key(endpoint.number or "") == key

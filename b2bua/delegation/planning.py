"""A decision becomes a plan: whom it rings, as whom the caller is shown to each of them (A17, A24), or why it is refused."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from b2bua.delegation import callerid, speaking
from b2bua.delegation.anchoring import feature_rule, media_rule
from b2bua.delegation.features import NEEDS_MIXER
from b2bua.delegation.numbering import MAX_DIALLED
from b2bua.delegation.office import Office
from b2bua.delegation.plan import Caller, Direction, Endpoint, Presentation, PresentFor, RoutePlan, Rule
from b2bua.delegation.situation import Refusal, Situation
from b2bua.delegation.speaking import Voice
from b2bua.delegation.stages import Stages, every_endpoint

MAX_WARNING: Final = 200
MARKER: Final = "delegated"
"""What the assistants' Alert-Info says, so that phones can choose another ring for delegated calls."""


class Shown(NamedTuple):
    """What a called party sees: what was dialled, the caller's identity, and on whose behalf."""

    called: str
    identity: Presentation
    spoken: Voice | None

    @property
    def on_behalf_of(self) -> str | None:
        return self.spoken.executive.extension if self.spoken else None


def ring(
    situation: Situation,
    call: Shown,
    stages: Stages,
    *,
    rollover_after: float | None = None,
    rollover: Stages = (),
    office: Office | None = None,
    as_prepared: bool = False,
    media: Rule | None = None,
) -> RoutePlan:
    """The plan of a call inside: whom it rings, and as whom the caller is shown (A17).

    `office`: whose filtered call it is, None for a plain call. `as_prepared`: the stages were worked out when the directory was
    loaded, and ring phones of that one user or office only. `media`: the rule of that name, where it does not depend on the call.
    """
    endpoints = () if as_prepared else tuple(every_endpoint((*stages, *rollover)))
    others = dict.fromkeys(each.for_executive for each in endpoints if each.for_executive is not None)
    if office is not None:
        others.pop(office.executive.extension, None)
    leaves_the_house = any(each.kind == "number" for each in endpoints)
    executive = None if office is None else office.executive.extension
    if media is None and executive is not None and situation.directory.media_mode == "auto":
        media = situation.directory.media_rules[executive]  # nearly every call that there is much to decide about
    elif media is None:
        media = media_of(situation, executive, call.on_behalf_of, stages[0].endpoints if as_prepared else endpoints)
    situation.trace.append(media)
    return RoutePlan(
        "ring",
        stages=stages,
        rollover_after=rollover_after,
        rollover=rollover,
        direction=direction(situation.caller),
        executive=executive,
        diversion_reason="" if office is None else "unconditional",
        on_behalf_of=call.on_behalf_of,
        actor=situation.caller.extension if call.spoken else None,
        called=call.called,
        present=call.identity,
        present_assistant=None if office is None else to_assistants(call.identity, office),
        alert_info="" if office is None and not others else MARKER,
        plain=office is None,
        anchored=media.matched,
        trace=tuple(situation.trace),
        asserted=assertable(call.identity),
        present_outside=_outside_identity(situation, call) if leaves_the_house else None,
        present_for=tuple([PresentFor(each, to_assistants(call.identity, situation.directory.offices[each])) for each in others]),
    )


def media_of(situation: Situation, executive: str | None, on_behalf_of: str | None, endpoints: Iterable[Endpoint]) -> Rule:
    """Whether a call is anchored from the start, and why."""
    directory = situation.directory
    return media_rule(directory, directory.media_mode, situation.caller, executive, on_behalf_of, endpoints)


def to_assistants(identity: Presentation, office: Office) -> Presentation:
    """What the assistants of `office` see."""
    return callerid.to_assistant(identity, office.user, office.executive.alerting)


def _outside_identity(situation: Situation, call: Shown) -> Presentation | None:
    """As whom an inside caller is known outside, for a forward that leaves the house."""
    if situation.caller.kind == "trunk" or assertable(call.identity) is None:
        return None
    return speaking.shown_outside(situation, call.spoken)


# --- confidential contacts (A24) ----------------------------------------------------------------------------------------------


def confidential(plan: RoutePlan, office: Office) -> RoutePlan:
    """`plan` for a confidential contact of `office`: should it lead to an assistant, the caller is shown as private."""
    return plan._replace(
        stages=_as_private(plan.stages, office.assistants, office.executive.extension),
        rollover=_as_private(plan.rollover, office.assistants, office.executive.extension),
        executive=office.executive.extension,
        present_assistant=to_assistants(callerid.PRIVATE, office),
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


# --- features that concern another call ---------------------------------------------------------------------------------------


def join(situation: Situation, feature: str, argument: str) -> RoutePlan:
    """A dialled feature that concerns another call; refused where it needs the mixer and there is none."""
    rule = feature_rule(situation.directory.media_mode)
    if feature in NEEDS_MIXER and not rule.matched:
        return refused(situation, Refusal(488, "this needs the media engine, and media.mode is direct"))
    situation.trace.append(rule)
    identity = callerid.caller_inside(situation.caller)
    return RoutePlan(
        "join",
        direction=direction(situation.caller),
        called=callerid.printable(situation.facts.dialled, MAX_DIALLED),
        present=identity,
        asserted=assertable(identity),
        plain=True,
        trace=tuple(situation.trace),
        feature=feature,
        argument=argument,
        anchored=rule.matched,
    )


# --- refused ------------------------------------------------------------------------------------------------------------------


def refused(
    situation: Situation, refusal: Refusal, called: str | None = None, outgoing: Direction | None = None
) -> RoutePlan:
    """A plan that rings nobody. The trace ends with the reason, in the words that the caller's phone may show."""
    situation.note("refused", True, f"{refusal.status}: {refusal.warning}")
    return RoutePlan(
        "refuse",
        final_status=refusal.status,
        warning=callerid.printable(refusal.warning, MAX_WARNING),
        direction=outgoing or direction(situation.caller),
        called=callerid.printable(situation.facts.dialled if called is None else called, MAX_DIALLED),
        trace=tuple(situation.trace),
    )


def direction(caller: Caller) -> Direction:
    """Of a call that ends inside."""
    return "internal" if caller.kind == "user" else "incoming"


def assertable(identity: Presentation) -> Presentation | None:
    """Users' phones are not trusted with an identity that was asked to be kept private (RFC 3325 section 7)."""
    return None if identity.number == callerid.ANONYMOUS.number else identity


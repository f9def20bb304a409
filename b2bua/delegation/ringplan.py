"""How an executive's calls ring (A5-A8, A15, A16), worked out once when the directory is loaded.

A ring plan depends on settings only, never on a call, so that deciding a call is a lookup. Minimum ring, simultaneous ring and
rollover are all stages of one plan and cannot contradict each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from b2bua.delegation.numbering import Destination
from b2bua.delegation.people import Alerting, Delegation, Executive
from b2bua.delegation.plan import Endpoint, Role, Stage

PLAIN_RING_SECONDS: Final = 180.0
"""A plain call rings this long at most, as Timer C of a proxy would allow (RFC 3261 section 16.6)."""
EMERGENCY_RING_SECONDS: Final = 600.0
"""An emergency call may wait in the answering point's queue; it is not cut off as early as another call."""


@dataclass(frozen=True, slots=True)
class RingPlan:
    """The ringing of one executive's filtered calls; the fields mean what they mean in `RoutePlan`."""

    stages: tuple[Stage, ...]
    rollover_after: float | None
    rollover: tuple[Stage, ...]

    @property
    def forwards_outside(self) -> bool:
        """Whether the rollover leaves the house."""
        return any(endpoint.kind == "number" for stage in self.rollover for endpoint in stage.endpoints)

    def without(self, extension: str | None, number: str) -> RingPlan:
        """The same plan without endpoints that are the caller: a plan never rings the caller.

        Nearly always the plan itself: only a caller to whom the rollover forwards is found in it.
        """
        stages = _spare(self.stages, extension, number)
        rollover = _spare(self.rollover, extension, number)
        if stages is self.stages and rollover is self.rollover:
            return self
        return RingPlan(stages, self.rollover_after, rollover)


def phones_of(extension: str, role: Role) -> Endpoint:
    """All phones of a user."""
    return Endpoint("user", extension, None, None, role, None)


def outside(number: str, trunk: str, role: Role) -> Endpoint:
    """An outside number over a trunk."""
    return Endpoint("number", None, number, trunk, role, None)


def plain_stages(extension: str, role: Role = "user") -> tuple[Stage, ...]:
    """A plain call to a user's phones."""
    return (Stage((phones_of(extension, role),), PLAIN_RING_SECONDS, role),)


def ring_plan(executive: Executive, forward: Destination | None) -> RingPlan:
    """The plan of `executive`; `forward` is where the rollover forwards to, resolved, None when it does not forward."""
    alerting = executive.alerting
    assistants = [delegation for delegation in executive.delegations if "receive" in delegation.rights]
    stages = _ring_all(executive, assistants) if alerting.mode == "ring_all" else _sequential(executive, assistants)
    if alerting.executive == "first":
        seconds = alerting.ring_seconds if alerting.executive_seconds is None else alerting.executive_seconds
        stages = (Stage((phones_of(executive.extension, "executive"),), seconds, "executive first"), *stages)
    after = executive.rollover.after_seconds
    rollover_after = None if after is None else max(after, alerting.minimum_seconds)
    if rollover_after == 0:
        stages = ()  # nobody's phone should ring for no time at all and show a missed call
    return RingPlan(stages, rollover_after, _rollover(executive, forward))


def _ring_all(executive: Executive, assistants: list[Delegation]) -> tuple[Stage, ...]:
    alerting = executive.alerting
    endpoints = [_assistant(delegation) for delegation in assistants]
    if alerting.executive == "together":
        endpoints.append(phones_of(executive.extension, "executive"))
    seconds = max(alerting.ring_seconds, alerting.minimum_seconds)
    return (Stage(tuple(endpoints), seconds, "assistants"),) if endpoints else ()


def _sequential(executive: Executive, assistants: list[Delegation]) -> tuple[Stage, ...]:
    alerting = executive.alerting
    if not assistants:
        return _ring_all(executive, assistants)
    stages = [
        Stage((_assistant(delegation),), seconds, f"assistant {delegation.assistant}")
        for delegation, seconds in zip(assistants, _turns(alerting, assistants), strict=True)
    ]
    if alerting.executive == "together":
        lasting = Endpoint("user", executive.extension, None, None, "executive", None, lasting=True)
        stages[0] = Stage((*stages[0].endpoints, lasting), stages[0].seconds, stages[0].name)
    return tuple(stages)


def _turns(alerting: Alerting, assistants: list[Delegation]) -> list[float]:
    """The ring time of each assistant; the last one rings on until the minimum is reached (A16)."""
    turns = [alerting.ring_seconds if each.ring_seconds is None else each.ring_seconds for each in assistants]
    turns[-1] += max(0.0, alerting.minimum_seconds - sum(turns))
    return turns


def _rollover(executive: Executive, forward: Destination | None) -> tuple[Stage, ...]:
    seconds = executive.alerting.ring_seconds
    if executive.rollover.action == "executive":
        return (Stage((phones_of(executive.extension, "executive"),), seconds, "rollover executive"),)
    if forward is None:
        return ()
    if forward.extension is not None:
        return (Stage((phones_of(forward.extension, "forward"),), seconds, "rollover forward"),)
    if forward.trunk is not None:
        return (Stage((outside(forward.number, forward.trunk, "forward"),), seconds, "rollover forward"),)
    return ()


def _assistant(delegation: Delegation) -> Endpoint:
    return Endpoint("user", delegation.assistant, None, None, "assistant", delegation.executive)


def _spare(stages: tuple[Stage, ...], extension: str | None, number: str) -> tuple[Stage, ...]:
    """`stages` without the caller's endpoints; the same object when the caller is not in them."""
    if not any(_is(endpoint, extension, number) for stage in stages for endpoint in stage.endpoints):
        return stages
    spared = []
    for stage in stages:
        endpoints = tuple(endpoint for endpoint in stage.endpoints if not _is(endpoint, extension, number))
        if endpoints:
            spared.append(Stage(endpoints, stage.seconds, stage.name))
    return tuple(spared)


def _is(endpoint: Endpoint, extension: str | None, number: str) -> bool:
    if endpoint.kind == "user":
        return extension is not None and endpoint.extension == extension
    return endpoint.number is not None and bool(number) and endpoint.number.removeprefix("+") == number.removeprefix("+")

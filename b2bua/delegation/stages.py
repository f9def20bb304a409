"""Who rings when among an executive's assistants (A5-A8, A16): a pure table of ring modes, without a call.

Worked out once for an office whose assistants all ring whatever the call; otherwise for the assistants whom a call finds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from b2bua.delegation.people import Alerting, Delegation
from b2bua.delegation.plan import Endpoint, Stage

Stages = tuple[Stage, ...]


class Turn(NamedTuple):
    """An assistant who is rung, and what rings."""

    delegation: Delegation
    endpoints: tuple[Endpoint, ...]


def assistants_stages(
    alerting: Alerting, turns: Sequence[Turn], own_phones: tuple[Endpoint, ...] = (), maximum_wait: float = 0.0
) -> Stages:
    """The stages for `turns` in ring order, with the executive's `own_phones` beside them where the strategy says so."""
    beside = _beside(alerting, own_phones) if turns or alerting.executive == "together" else ()  # nobody to screen for
    if alerting.mode == "ring_all" or not turns:
        endpoints = _once((*(endpoint for turn in turns for endpoint in turn.endpoints), *beside))
        seconds = max(alerting.ring_seconds, alerting.minimum_seconds, maximum_wait)
        return (Stage(endpoints, seconds, "assistants"),) if endpoints else ()
    stages = _one_by_one(alerting, turns)
    if beside and stages:
        lasting = tuple(each if each.alert == "splash" else each._replace(lasting=True) for each in beside)
        stages[0] = stages[0]._replace(endpoints=(*stages[0].endpoints, *lasting))
    return _rounds(stages, maximum_wait)


def _beside(alerting: Alerting, own_phones: tuple[Endpoint, ...]) -> tuple[Endpoint, ...]:
    """The executive's phones as they ring together with the assistants (A7/A8)."""
    match alerting.executive:
        case "together":
            return own_phones
        case "splash":
            return tuple(each._replace(seconds=alerting.splash_seconds, alert="splash", after=0.0) for each in own_phones)
        case "silent":
            return tuple(each._replace(alert="silent") for each in own_phones)
    return ()


def _one_by_one(alerting: Alerting, turns: Sequence[Turn]) -> list[Stage]:
    """A stage for each assistant, each endpoint once; the last one rings on until the minimum is reached (A16)."""
    stages: list[Stage] = []
    seen: list[Endpoint] = []
    for delegation, endpoints in turns:
        new = tuple(each for each in endpoints if not _is_among(each, seen))
        if new:
            seen.extend(new)
            seconds = alerting.ring_seconds if delegation.ring_seconds is None else delegation.ring_seconds
            stages.append(Stage(new, seconds, f"assistant {delegation.assistant}"))
    if stages and alerting.minimum_seconds:
        missing = alerting.minimum_seconds - sum(stage.seconds or 0.0 for stage in stages)
        stages[-1] = stages[-1]._replace(seconds=(stages[-1].seconds or 0.0) + max(0.0, missing))
    return stages


def _rounds(stages: list[Stage], maximum_wait: float) -> Stages:
    """A queue rings its members round after round until the maximum wait is over (A4)."""
    total = sum(stage.seconds or 0.0 for stage in stages)
    if not stages or total >= maximum_wait:
        return tuple(stages)
    again = list(stages)
    while total < maximum_wait:
        stage = stages[len(again) % len(stages)]
        again.append(stage)
        total += stage.seconds or 0.0
    last = again[-1]
    again[-1] = last._replace(seconds=(last.seconds or 0.0) - (total - maximum_wait))
    return tuple(again)


def _once(endpoints: tuple[Endpoint, ...]) -> tuple[Endpoint, ...]:
    """Nobody twice: two assistants may divert to the same number, or one to the other."""
    if len({endpoint.extension for endpoint in endpoints}) == len(endpoints):
        return endpoints
    kept: list[Endpoint] = []
    for endpoint in endpoints:
        if not _is_among(endpoint, kept):
            kept.append(endpoint)
    return tuple(kept)


def _is_among(endpoint: Endpoint, others: Sequence[Endpoint]) -> bool:
    extension, number, devices = endpoint.extension, endpoint.number, endpoint.devices
    for other in others:
        if other.extension == extension and other.number == number and (devices == other.devices or "all" in (devices, other.devices)):
            return True
    return False

"""Who rings when among an executive's assistants (A5-A8, A16): a pure table of ring modes, without a call.

Worked out once for an office whose assistants all ring whatever the call; otherwise for the assistants whom a call finds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from b2bua.delegation.people import Alerting, Delegation
from b2bua.delegation.plan import Endpoint, Stage

PLAIN_RING_SECONDS: Final = 180.0
"""A plain call rings this long at most, as Timer C of a proxy would allow (RFC 3261 section 16.6)."""

MAX_ROUNDS: Final = 100
"""A queue begins no more rounds than these, however long callers may wait: a plan has an end that can be read."""
ROUND_SECONDS: Final = 10.0
"""Between the beginnings of two rounds at least: whoever was busy is not asked again at once."""
LAST_RING: Final = 5.0
"""No round begins when less is left: nobody answers a shorter ring."""

Stages = tuple[Stage, ...]


class Turn(NamedTuple):
    """An assistant who is rung, and what rings."""

    delegation: Delegation
    endpoints: tuple[Endpoint, ...]


def every_endpoint(stages: Stages) -> Iterator[Endpoint]:
    """Everything that may ring, follow-ups included."""
    for stage in stages:
        yield from stage.endpoints
        if stage.busy or stage.no_answer or stage.unreachable:
            yield from every_endpoint((*stage.busy, *stage.no_answer, *stage.unreachable))


def without(stages: Stages, rung: Stages) -> Stages:
    """`stages` without those who have been rung in `rung`."""
    already = [endpoint for stage in rung for endpoint in stage.endpoints]
    if not already:
        return stages
    left = [stage._replace(endpoints=tuple(each for each in stage.endpoints if not _is_among(each, already))) for stage in stages]
    return tuple(stage for stage in left if stage.endpoints)


def assistants_stages(
    alerting: Alerting, turns: Sequence[Turn], own_phones: tuple[Endpoint, ...] = (), maximum_wait: float = 0.0
) -> Stages:
    """The stages for `turns` in ring order, with the executive's `own_phones` beside them where the strategy says so.

    `maximum_wait` is a queue's, which has no phones of its own: its stages are rung in rounds for so long, or for the minimum ring.
    """
    wait = max(maximum_wait, alerting.minimum_seconds) if maximum_wait else 0.0
    beside = _beside(alerting, own_phones) if turns or alerting.executive == "together" else ()  # nobody to screen for
    if alerting.mode == "ring_all" or not turns:
        endpoints = once((*(endpoint for turn in turns for endpoint in turn.endpoints), *beside))
        together = Stage(endpoints, max(alerting.ring_seconds, alerting.minimum_seconds), "assistants")
        return _rounds((together,), wait) if endpoints else ()
    stages = _one_by_one(alerting, turns)
    rung = [endpoint for stage in stages for endpoint in stage.endpoints]
    beside = tuple(each for each in beside if not _is_among(each, rung))  # an assistant may divert to the executive
    if beside and stages:
        lasting = tuple(each if each.alert == "splash" else each._replace(lasting=True) for each in beside)
        stages[0] = stages[0]._replace(endpoints=(*stages[0].endpoints, *lasting))
    return _rounds(tuple(stages), wait)


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


def _rounds(stages: Stages, maximum_wait: float) -> Stages:
    """A queue rings its members round after round until the maximum wait is over (A4).

    Each round rings everybody anew: who still rings is rung again, who was busy or had no phone is tried again. Its first stage
    holds up the next round, and the last one the overflow, which therefore comes at the maximum wait and not before; what does
    not fit into it is cut off.
    """
    if not stages or not maximum_wait:
        return stages
    every = max(_length(stages), ROUND_SECONDS, maximum_wait / MAX_ROUNDS)
    more = max(0, int((maximum_wait - LAST_RING) // every))
    left = maximum_wait - more * every
    return (*(holding(stages, every) * more), *holding(until(stages, left), left))


def _length(stages: Stages) -> float:
    return sum(stage.seconds or 0.0 for stage in stages)


def holding(stages: Stages, hold: float) -> Stages:
    """`stages`, the first of which has this hold at least."""
    if not stages:
        return ()
    first = stages[0]
    return (first._replace(hold=hold if first.hold is None else max(first.hold, hold)), *stages[1:])


def until(stages: Stages, end: float) -> Stages:
    """`stages` without what comes `end` seconds after their beginning, where each rings for all of its time."""
    kept: list[Stage] = []
    now = held = 0.0
    for stage in stages:
        if stage.hold is not None:
            now = max(now, held)
            held = now + stage.hold
        left = end - now
        if left <= 0:
            break
        seconds = left if stage.seconds is None else min(stage.seconds, left)
        kept.append(stage._replace(seconds=seconds, hold=None if stage.hold is None else min(stage.hold, left)))
        now += seconds
    return tuple(kept)


def once(endpoints: tuple[Endpoint, ...]) -> tuple[Endpoint, ...]:
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

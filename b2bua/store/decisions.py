"""The decision about a call as it is kept with its history row (F7): when it was made, on which facts, and the plan.

The text is JSON without a field name: named tuples are lists to the encoder, which is written in C, and so a decision costs the
writing thread a few microseconds. Fields are known by their place; therefore new ones are only ever appended, with a default, and
an older row has them from there.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, TypeVar

from b2bua.delegation.plan import Caller, Endpoint, Facts, Presentation, PresentFor, RoutePlan, Rule, Setting, Stage

Decision = tuple[float, Facts, RoutePlan]
"""Seconds since the epoch at which it was decided, the facts, the plan with its trace."""

_T = TypeVar("_T", bound=tuple[Any, ...])

_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


def dumps(decision: Decision) -> str:
    """The decision as text, ASCII only: what a peer sent in other encodings is escaped."""
    return _encode(decision)


def loads(text: str) -> Decision | None:
    """The inverse of `dumps`; None for a text that is none, such as the bare trace that older journals hold in its place."""
    try:
        return decision_of(json.loads(text))
    except (ValueError, TypeError, LookupError):
        return None


def _make(named: type[_T], values: Sequence[Any]) -> _T:
    """The named tuple with these first fields; those that a newer version has appended are left out."""
    return named(*values[: len(named._fields)])  # type: ignore[attr-defined]


def _facts(values: Sequence[Any]) -> Facts:
    found = _make(Facts, values)
    return found._replace(caller=caller_of(found.caller), full=tuple(found.full))


def caller_of(values: Sequence[Any]) -> Caller:
    """A caller from its values."""
    return _make(Caller, values)


def endpoint_of(values: Sequence[Any]) -> Endpoint:
    """An endpoint from its values."""
    return _make(Endpoint, values)


def decision_of(values: Sequence[Any]) -> Decision:
    """A decision from its values. Raises ValueError, TypeError or LookupError for what is none."""
    at, facts, plan = values
    return float(at), _facts(facts), plan_of(plan)


def plan_of(values: Sequence[Any]) -> RoutePlan:
    """A plan from its values, as JSON has them."""
    found = _make(RoutePlan, values)
    return found._replace(
        stages=_stages(found.stages),
        rollover=_stages(found.rollover),
        present=_identity(found.present),
        present_assistant=_identity(found.present_assistant),
        trace=tuple(_make(Rule, each) for each in found.trace),
        asserted=_identity(found.asserted),
        present_outside=_identity(found.present_outside),
        settings=tuple(_make(Setting, each) for each in found.settings),
        present_for=tuple(_present_for(each) for each in found.present_for),
    )


def _stages(values: Sequence[Sequence[Any]]) -> tuple[Stage, ...]:
    return tuple(_stage(each) for each in values)


def _stage(values: Sequence[Any]) -> Stage:
    found = _make(Stage, values)
    return Stage(
        tuple(endpoint_of(each) for each in found.endpoints),
        found.seconds,
        found.name,
        _stages(found.busy),
        _stages(found.no_answer),
        _stages(found.unreachable),
        found.hold,
    )


def _present_for(values: Sequence[Any]) -> PresentFor:
    found = _make(PresentFor, values)
    return found._replace(presentation=_make(Presentation, found.presentation))


def _identity(values: Sequence[Any] | None) -> Presentation | None:
    return None if values is None else _make(Presentation, values)

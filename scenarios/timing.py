"""Graders for what only a clock can tell: who was called when, and for how long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scenarios.office import Grader, Message

SLACK = 0.4
"""Seconds that a busy machine may add to any time measured."""


def _hold(condition: bool, otherwise: str) -> None:
    if not condition:
        raise AssertionError(otherwise)


def _invited(traces: Mapping[str, Sequence[Message]], name: str) -> float:
    times = [float(each.when) for each in traces[name] if not each.sent and each.opens]
    _hold(bool(times), f"{name} was never called")
    return times[0]


def began(first: str, second: str, *, after: float, within: float = SLACK) -> Grader:
    """`second` was called `after` seconds (and at most `within` later) after `first` was."""

    def grade(traces: Mapping[str, Sequence[Message]]) -> None:
        seconds = _invited(traces, second) - _invited(traces, first)
        low = after - (within if after == 0 else 0.05)
        _hold(low <= seconds <= after + within, f"{second} was called {seconds:.2f} s after {first}, not {after:g} s")

    return grade


def rang(name: str, seconds: float, within: float = SLACK) -> Grader:
    """`name` rang for this long before it was cancelled."""

    def grade(traces: Mapping[str, Sequence[Message]]) -> None:
        ended = [float(each.when) for each in traces[name] if not each.sent and each.start.startswith("CANCEL")]
        _hold(bool(ended), f"{name} was not cancelled")
        rung = ended[0] - _invited(traces, name)
        _hold(seconds - 0.05 <= rung <= seconds + within, f"{name} rang {rung:.2f} s, not {seconds:g} s")

    return grade


def hung_up(name: str, seconds: float, within: float = SLACK) -> Grader:
    """The server hung up on the caller `name` so many seconds after its ACK."""

    def grade(traces: Mapping[str, Sequence[Message]]) -> None:
        answered = [float(each.when) for each in traces[name] if each.sent and each.start.startswith("ACK")]
        ended = [float(each.when) for each in traces[name] if not each.sent and each.start.startswith("BYE")]
        _hold(bool(answered and ended), f"nobody hung up on {name}")
        lasted = ended[0] - answered[-1]
        _hold(seconds - 0.05 <= lasted <= seconds + within, f"{name} was hung up on after {lasted:.2f} s, not {seconds:g} s")

    return grade

"""Who rings when, if every phone is reached and nobody answers: a ring plan laid out in time, to be drawn.

The same reckoning as that of the fork which carries plans out; a test holds the two against each other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from math import inf
from typing import Literal, NamedTuple

from b2bua.delegation.plan import Endpoint, RoutePlan, Stage

Part = Literal["ring", "rollover"]


class Bar(NamedTuple):
    """One thing that rings. Times are seconds from the beginning of the call."""

    endpoint: Endpoint
    start: float
    end: float
    """`inf`: until the caller hangs up."""
    phase: int
    """Which of the phases it begins in."""


class Phase(NamedTuple):
    """One stage of the plan while it rings."""

    name: str
    part: Part
    start: float
    end: float


class Timeline(NamedTuple):
    """The whole plan."""

    bars: tuple[Bar, ...]
    phases: tuple[Phase, ...]
    end: float
    """When nobody rings any more; `inf`: never."""


def timeline(plan: RoutePlan) -> Timeline:
    """`plan` in time; nothing at all unless its action is "ring"."""
    if plan.action != "ring":
        return Timeline((), (), 0.0)
    drawing = _Drawing()
    total = sum(stage.seconds or 0.0 for stage in plan.stages)
    end = drawing.draw(plan.stages, "ring", 0.0, total)
    if plan.rollover_after is not None and plan.rollover_after < end:
        end = plan.rollover_after
        drawing.cut(end)
    if plan.rollover and end < inf:
        end = drawing.draw(plan.rollover, "rollover", end, 0.0)
    return Timeline(tuple(drawing.bars), tuple(drawing.phases), end)


class _Drawing:
    def __init__(self) -> None:
        self.bars: list[Bar] = []
        self.phases: list[Phase] = []

    def draw(self, stages: Sequence[Stage], part: Part, now: float, total: float) -> float:
        """Lay out the stages from `now` on; when they are over. What lasts rings on for `total` seconds at least."""
        started, held, queue = now, -inf, deque(stages)
        lasting: list[int] = []
        timed_out = False
        while queue:
            stage = queue.popleft()
            if stage.hold is not None:
                now = max(now, held)
                held = now + stage.hold
            places, later = self._begin(stage, now, len(self.phases))
            lasting += later
            if not places:
                queue.extendleft(reversed(stage.unreachable))
                continue
            limit = inf if stage.seconds is None else now + stage.seconds
            end = min(limit, max(self.bars[place].end for place in places))
            self._end(places, end)
            self.phases.append(Phase(stage.name, part, now, end))
            queue.extendleft(reversed(stage.no_answer))
            timed_out = end == limit
            if lasting and not queue and limit < inf:
                timed_out, end = True, limit
            now = end
        if lasting and not timed_out:
            now = max(now, started + total)
        self._end(lasting, now)
        return max(now, held)

    def _begin(self, stage: Stage, now: float, phase: int) -> tuple[list[int], list[int]]:
        """The bars of the stage's endpoints: those that end with it, and those that last."""
        places: list[int] = []
        lasting: list[int] = []
        for endpoint in sorted(stage.endpoints, key=lambda each: each.after):
            start = now if endpoint.after <= 0 else min(now + endpoint.after, self._silent(endpoint, now))
            end = inf if endpoint.seconds is None else start + endpoint.seconds
            (lasting if endpoint.lasting else places).append(len(self.bars))
            self.bars.append(Bar(endpoint, start, end, phase))
        return places, lasting

    def _silent(self, endpoint: Endpoint, now: float) -> float:
        """From when on no other phone of the same user rings."""
        same = (bar.end for bar in self.bars if bar.end > now and (endpoint.extension is None or bar.endpoint.extension == endpoint.extension))
        return max(same, default=now)

    def _end(self, places: Sequence[int], end: float) -> None:
        for place in places:
            bar = self.bars[place]
            self.bars[place] = bar._replace(end=min(bar.end, end))

    def cut(self, end: float) -> None:
        """Nothing of this goes on after `end`."""
        self.bars = [bar._replace(end=min(bar.end, end)) for bar in self.bars if bar.start < end]
        self.phases = [phase._replace(end=min(phase.end, end)) for phase in self.phases if phase.start < end]

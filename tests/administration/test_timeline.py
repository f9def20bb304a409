"""Ring plans laid out in time: the same as what the fork does when every phone is reached and nobody answers."""

from __future__ import annotations

from math import inf
from pathlib import Path
from random import Random

import pytest

from b2bua.administration.timeline import Timeline, timeline
from b2bua.calls.fork import Fork, Start, Stop
from b2bua.config import load, load_directory
from b2bua.config.whatif import read_cases
from b2bua.delegation.plan import Endpoint, RoutePlan, Stage
from b2bua.delegation.policy import decide

CONFIG = Path(__file__).parents[2] / "config"
Rung = list[tuple[str, str, float, float]]


def fork_of(plan: RoutePlan) -> Rung:
    """Who rings from when until when, as the fork has it."""
    fork = Fork(plan, lambda endpoint: [endpoint])
    ringing: dict[int, tuple[Endpoint, float]] = {}
    rung: Rung = []
    now, actions = 0.0, fork.start(0.0)
    for _ in range(500):
        for action in actions:
            if isinstance(action, Start):
                ringing[action.branch] = (action.endpoint, now)
            elif isinstance(action, Stop):
                endpoint, start = ringing.pop(action.branch)
                rung.append((endpoint.extension or "", endpoint.devices, start, now))
        if fork.deadline is None:
            break
        now = fork.deadline
        actions = fork.tick(now)
    rung += [(endpoint.extension or "", endpoint.devices, start, inf) for endpoint, start in ringing.values()]
    return sorted(each for each in rung if each[3] > each[2])


def drawn(made: Timeline) -> Rung:
    return sorted(
        (bar.endpoint.extension or "", bar.endpoint.devices, bar.start, bar.end) for bar in made.bars if bar.end > bar.start
    )


def test_every_case_of_the_demo_is_drawn_as_it_rings() -> None:
    directory = load_directory(load(CONFIG / "b2bua.yaml"))
    cases, problems = read_cases(CONFIG / "what-if.yaml", directory)
    assert not problems
    plans = [decide(case.facts, directory.with_state(case.state), case.at) for _, case in cases]
    ringing = [plan for plan in plans if plan.action == "ring"]
    assert len(ringing) > 100
    assert [drawn(timeline(plan)) for plan in ringing] == [fork_of(plan) for plan in ringing]


def _endpoints(dice: Random) -> tuple[Endpoint, ...]:
    found = []
    for user in dice.sample("123456", dice.randint(1, 3)):
        found.append(Endpoint("user", user, None, None, "user", None, seconds=dice.choice([None, 2.0, 7.0, 15.0]), devices="desk"))
        if dice.random() < 0.5:
            found.append(Endpoint("user", user, None, None, "user", None, devices="apps", after=dice.choice([3.0, 12.0])))
    if dice.random() < 0.3:
        found.append(Endpoint("user", "7", None, None, "executive", "7", lasting=True))
    return tuple(found)


def _stage(dice: Random, deeper: bool = True) -> Stage:
    follows = tuple(_stage(dice, deeper=False) for _ in range(dice.choice([0, 0, 1, 2]))) if deeper else ()
    return Stage(_endpoints(dice), dice.choice([4.0, 9.0, 20.0]), "stage", no_answer=follows, hold=dice.choice([None, None, 0.0, 25.0]) if deeper else None)


def _plan(dice: Random) -> RoutePlan:
    rollover = tuple(_stage(dice) for _ in range(dice.choice([0, 1, 2])))
    stages = tuple(_stage(dice) for _ in range(dice.randint(1, 4)))
    return RoutePlan("ring", stages, rollover_after=dice.choice([None, None, 0.0, 11.0, 40.0]), rollover=rollover)


@pytest.mark.parametrize("seed", range(4))
def test_whatever_the_plan_the_drawing_is_what_the_fork_does(seed: int) -> None:
    dice = Random(seed)
    for plan in [_plan(dice) for _ in range(250)]:
        assert drawn(timeline(plan)) == fork_of(plan)


def test_who_rings_together_with_the_assistants_rings_on_through_their_stages() -> None:
    boss = Endpoint("user", "667", None, None, "executive", "667", lasting=True)
    first, second = (Endpoint("user", each, None, None, "assistant", "667") for each in ("676", "677"))
    made = timeline(RoutePlan("ring", (Stage((first, boss), 15.0, "first"), Stage((second,), 10.0, "second"))))
    assert {bar.endpoint.extension: (bar.start, bar.end) for bar in made.bars} == {"676": (0, 15), "667": (0, 25), "677": (15, 25)}
    assert [(phase.start, phase.end) for phase in made.phases] == [(0, 15), (15, 25)]
    assert made.end == 25


@pytest.mark.parametrize("seconds", [None, 20.0])
def test_a_stage_without_a_limit_rings_until_the_caller_hangs_up(seconds: float | None) -> None:
    phone = Endpoint("user", "601", None, None, "user", None)
    made = timeline(RoutePlan("ring", (Stage((phone,), seconds, "phones"),), rollover=(Stage((phone,), 5.0, "again"),)))
    assert made.end == (inf if seconds is None else 25.0)


def test_what_does_not_ring_is_nothing_to_draw() -> None:
    assert timeline(RoutePlan("refuse", final_status=403)) == Timeline((), (), 0.0)

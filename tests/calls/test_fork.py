"""The fork as a pure machine: answers, refusals and the time go in, actions come out."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from b2bua.calls.fork import ELSEWHERE, NO_ANSWER, Action, Exhausted, Fork, Start, Stop, Won
from b2bua.delegation.plan import Endpoint, RoutePlan, Stage

NOW = 1000.0


def user(extension: str, *, seconds: float | None = None, lasting: bool = False) -> Endpoint:
    return Endpoint("user", extension, None, None, "assistant", None, seconds, lasting)


def stage(*endpoints: Endpoint, seconds: float | None = 10.0) -> Stage:
    return Stage(endpoints, seconds, "stage")


def plan(*stages: Stage, rollover: tuple[Stage, ...] = (), after: float | None = None, plain: bool = False) -> RoutePlan:
    return RoutePlan("ring", stages, after, rollover, plain=plain)


class Rig:
    """A fork with contacts by extension: one each, unless said otherwise. `rings` is who rings now, by branch."""

    def __init__(self, plan: RoutePlan, **contacts: int) -> None:
        self.contacts = {name.lstrip("u"): count for name, count in contacts.items()}
        self.fork = Fork(plan, self._contacts)
        self.now = NOW
        self.rings: dict[int, str] = {}
        self.over: Won | Exhausted | None = None
        self.take(self.fork.start(NOW))

    def _contacts(self, endpoint: Endpoint) -> Sequence[str]:
        name = endpoint.extension or endpoint.number or ""
        return [f"{name}.{n}" for n in range(self.contacts.get(name, 1))]

    def take(self, actions: list[Action]) -> list[Action]:
        for action in actions:
            assert self.over is None or isinstance(action, Stop), "nothing but stops after the end"
            if isinstance(action, Start):
                assert action.branch not in self.rings
                self.rings[action.branch] = action.contact
            elif isinstance(action, Stop):
                del self.rings[action.branch]
            else:
                self.over = action
                if isinstance(action, Won):
                    del self.rings[action.branch]
        assert self.over is None or not self.rings
        assert self.fork.ringing == len(self.rings)
        return actions

    def branch(self, contact: str) -> int:
        return next(branch for branch, name in self.rings.items() if name == contact)

    def answered(self, contact: str) -> list[Action]:
        return self.take(self.fork.answered(self.branch(contact), self.now))

    def failed(self, contact: str, status: int = 486) -> list[Action]:
        branch = self.branch(contact)
        del self.rings[branch]
        return self.take(self.fork.failed(branch, status, "", self.now))

    def wait(self, seconds: float) -> list[Action]:
        """Let time pass, ticking whenever the fork wants it."""
        end = self.now + seconds
        actions: list[Action] = []
        ticks = 0
        while self.fork.deadline is not None and self.fork.deadline <= end:
            ticks = 0 if self.fork.deadline > self.now else ticks + 1
            assert ticks < 20, "time must go on"  # stages of no time at all take a tick each
            self.now = self.fork.deadline
            actions += self.take(self.fork.tick(self.now))
        self.now = end
        return actions

    @property
    def ringing(self) -> list[str]:
        return sorted(self.rings.values())


def test_ring_all() -> None:
    rig = Rig(plan(stage(user("1"), user("2"), seconds=30)), u1=2)
    assert rig.ringing == ["1.0", "1.1", "2.0"]
    actions = rig.answered("2.0")
    assert isinstance(actions[0], Won)
    assert {each.cause for each in actions if isinstance(each, Stop)} == {ELSEWHERE}
    assert rig.fork.deadline is None
    assert rig.wait(100) == []


def test_a_refusal_takes_out_one_phone_and_a_6xx_the_user() -> None:
    rig = Rig(plan(stage(user("1"), user("2"))), u1=3)
    rig.failed("1.0", 486)
    assert rig.ringing == ["1.1", "1.2", "2.0"]
    (stop,) = rig.failed("1.1", 603)
    assert isinstance(stop, Stop) and rig.ringing == ["2.0"]
    rig.failed("2.0", 404)
    assert rig.over == Exhausted(480, "")


def test_sequential_with_times_of_their_own_and_a_refusal() -> None:
    rig = Rig(plan(stage(user("1"), seconds=5), stage(user("2"), seconds=10), stage(user("3"), seconds=3)))
    rig.wait(4.9)
    assert rig.ringing == ["1.0"]
    rig.wait(0.2)
    assert rig.ringing == ["2.0"]
    rig.failed("2.0")
    assert rig.ringing == ["3.0"]
    actions = rig.wait(3)
    assert [each.cause for each in actions if isinstance(each, Stop)] == [NO_ANSWER]
    assert rig.over == Exhausted(480, "")


def test_stages_that_reach_nobody_are_skipped() -> None:
    rig = Rig(plan(stage(user("1")), stage(user("2"))), u1=0)
    assert rig.ringing == ["2.0"]
    assert Rig(plan(stage(user("1"))), u1=0).over == Exhausted(480, "")


def test_the_ring_limit_of_one_endpoint() -> None:
    rig = Rig(plan(stage(user("1", seconds=4), user("2"), seconds=10)))
    rig.wait(4)
    assert rig.ringing == ["2.0"]


def test_an_endpoint_that_lasts() -> None:
    rig = Rig(plan(stage(user("1"), user("9", lasting=True), seconds=5), stage(user("2"), seconds=5)))
    rig.wait(5)
    assert rig.ringing == ["2.0", "9.0"]
    rig.failed("2.0")
    assert rig.ringing == ["9.0"], "the rest of the time that the stages would have taken"
    rig.wait(4.5)
    assert rig.ringing == ["9.0"]
    rig.wait(1)
    assert rig.over == Exhausted(480, "")


def test_an_endpoint_that_lasts_is_alone_from_the_beginning() -> None:
    rig = Rig(plan(stage(user("1"), user("9", lasting=True), seconds=5), stage(user("2"), seconds=5)), u1=0)
    assert rig.ringing == ["2.0", "9.0"]
    rig.failed("9.0")
    rig.failed("2.0")
    assert rig.over == Exhausted(480, "")


def test_the_rollover_comes_when_nobody_is_left_or_at_its_time() -> None:
    stages, rollover = (stage(user("1"), seconds=20),), (stage(user("9"), seconds=5),)
    early = Rig(plan(*stages, rollover=rollover, after=8.0))
    early.wait(7.9)
    assert early.ringing == ["1.0"]
    early.wait(0.2)
    assert early.ringing == ["9.0"]
    early.wait(4.7)
    assert early.ringing == ["9.0"]
    early.wait(0.3)
    assert early.over == Exhausted(480, "")
    refused = Rig(plan(*stages, rollover=rollover, after=8.0))
    refused.failed("1.0")
    assert refused.ringing == ["9.0"]
    refused.wait(4)
    assert refused.ringing == ["9.0"]


def test_a_rollover_at_once() -> None:
    rig = Rig(plan(stage(user("1")), rollover=(stage(user("9")),), after=0.0))
    rig.wait(0)
    assert rig.ringing == ["9.0"]


@pytest.mark.parametrize(
    ("statuses", "final"), [((486, 603), 603), ((480, 486), 486), ((503, 404), 404), ((500, 302), 302), ((408, 480), 408)]
)
def test_a_plain_call_ends_with_the_best_refusal(statuses: tuple[int, int], final: int) -> None:
    rig = Rig(plan(stage(user("1"), user("2")), plain=True))
    rig.failed("1.0", statuses[0])
    rig.failed("2.0", statuses[1])
    assert isinstance(rig.over, Exhausted) and rig.over.status == final


def test_what_comes_after_the_end_or_from_nobody_is_nothing() -> None:
    rig = Rig(plan(stage(user("1"), user("2"))))
    loser = rig.branch("2.0")
    rig.answered("1.0")
    assert rig.fork.answered(loser, NOW) == []
    assert rig.fork.failed(loser, 486, "", NOW) == []
    assert rig.fork.failed(99, 486, "", NOW) == []
    assert rig.fork.tick(NOW + 1000) == []


# Any plan, any course of events.

endpoints = st.builds(
    user, st.sampled_from("123456"), seconds=st.none() | st.sampled_from([0.0, 1.0, 2.5, 7.0, 30.0]), lasting=st.booleans()
)
stages = st.builds(
    lambda ends, seconds: Stage(tuple(ends), seconds, "s"),
    st.lists(endpoints, max_size=3),
    st.sampled_from([0.0, 1.0, 5.0, 5.0, 20.0]),
)
plans = st.builds(
    lambda first, second, after, plain: RoutePlan("ring", tuple(first), after, tuple(second), plain=plain),
    st.lists(stages, max_size=4),
    st.lists(stages, max_size=2),
    st.none() | st.sampled_from([0.0, 3.0, 12.0, 60.0]),
    st.booleans(),
)


@settings(max_examples=400, deadline=None)
@given(plans, st.dictionaries(st.sampled_from("123456"), st.integers(0, 3)), st.data())
def test_every_plan_comes_to_an_end_and_stops_whoever_it_started(
    made: RoutePlan, contacts: dict[str, int], data: st.DataObject
) -> None:
    rig = Rig(made, **{f"u{name}": count for name, count in contacts.items()})
    total = sum(each.seconds or 0.0 for each in (*made.stages, *made.rollover))
    for _step in range(60):
        if rig.over is not None:
            break
        assert rig.rings, "silence is no state"
        assert rig.fork.deadline is not None, "each stage has an end, and so has the fork"
        assert rig.now <= NOW + total + 1e-6, "nothing rings longer than the plan"
        move = data.draw(st.sampled_from(["wait", "wait", "fail", "fail 6xx", "answer"]))
        if move == "wait":
            rig.wait(max(0.0, rig.fork.deadline - rig.now) * data.draw(st.sampled_from([0.5, 1.0])))
        elif move == "answer":
            if data.draw(st.integers(0, 3)) == 0:
                rig.answered(data.draw(st.sampled_from(rig.ringing)))
        else:
            rig.failed(data.draw(st.sampled_from(rig.ringing)), 486 if move == "fail" else 603)
    rig.wait(total + 1)
    assert rig.over is not None
    assert not rig.rings


@settings(max_examples=200, deadline=None)
@given(plans, st.dictionaries(st.sampled_from("123456"), st.integers(0, 2)))
def test_left_alone_each_stage_rings_its_time(made: RoutePlan, contacts: dict[str, int]) -> None:
    """Nobody does anything: the rollover comes at its time at the latest, and no endpoint rings beyond its own limit."""
    rig = Rig(made, **{f"u{name}": count for name, count in contacts.items()})
    limits = {name: max(e.seconds for s in (*made.stages, *made.rollover) for e in s.endpoints if e.extension == name and e.seconds is not None)
              for name in "123456" if any(e.extension == name and e.seconds is not None for s in (*made.stages, *made.rollover) for e in s.endpoints)
              and all(e.seconds is not None for s in (*made.stages, *made.rollover) for e in s.endpoints if e.extension == name)}  # fmt: skip
    began: dict[int, float] = dict.fromkeys(rig.rings, rig.now)
    while rig.over is None:
        assert rig.fork.deadline is not None
        rig.wait(rig.fork.deadline - rig.now)
        for branch, name in rig.rings.items():
            began.setdefault(branch, rig.now)
            limit = limits.get(name.partition(".")[0])
            assert limit is None or rig.now - began[branch] <= limit + 1e-6
    if made.rollover_after is not None and not made.rollover:
        assert rig.now <= NOW + made.rollover_after + 1e-6

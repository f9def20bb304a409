"""The fork as a pure machine: answers, refusals and the time go in, actions come out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from b2bua.calls.fork import ELSEWHERE, NO_ANSWER, Action, Exhausted, Fork, Start, Stop, Waiting, Won
from b2bua.delegation.plan import Endpoint, RoutePlan, Stage

NOW = 1000.0


def user(extension: str, *, seconds: float | None = None, lasting: bool = False) -> Endpoint:
    return Endpoint("user", extension, None, None, "assistant", None, seconds, lasting)


def device(extension: str, name: str, after: float = 0.0, *, seconds: float | None = None, lasting: bool = False) -> Endpoint:
    """Some of a user's phones; the rig finds their contacts by `name`."""
    return user(extension, seconds=seconds, lasting=lasting)._replace(number=name, after=after)


def stage(*endpoints: Endpoint, seconds: float | None = 10.0, hold: float | None = None, **following: Any) -> Stage:
    """`following`: busy, no_answer, unreachable, each a stage or several."""
    stages = {outcome: (each,) if isinstance(each, Stage) else tuple(each) for outcome, each in following.items()}
    return Stage(endpoints, seconds, "stage", **stages, hold=hold)


def plan(*stages: Stage, rollover: tuple[Stage, ...] = (), after: float | None = None, plain: bool = False) -> RoutePlan:
    return RoutePlan("ring", stages, after, rollover, plain=plain)


class Rig:
    """A fork with contacts by extension: one each, unless said otherwise. `rings` is who rings now, by branch; `waits`: nobody does,
    and the caller was told so."""

    def __init__(self, plan: RoutePlan, **contacts: int) -> None:
        self.contacts = {name.lstrip("u"): count for name, count in contacts.items()}
        self.fork = Fork(plan, self._contacts)
        self.now = NOW
        self.rings: dict[int, str] = {}
        self.waits = False
        self.over: Won | Exhausted | None = None
        self.take(self.fork.start(NOW))

    def _contacts(self, endpoint: Endpoint) -> Sequence[str]:
        name = endpoint.number or endpoint.extension or ""
        return [f"{name}.{n}" for n in range(self.contacts.get(name, 1))]

    def take(self, actions: list[Action]) -> list[Action]:
        for action in actions:
            assert self.over is None or isinstance(action, Stop), "nothing but stops after the end"
            if isinstance(action, Start):
                assert action.branch not in self.rings
                self.rings[action.branch] = action.contact
                self.waits = False
            elif isinstance(action, Stop):
                del self.rings[action.branch]
            elif isinstance(action, Waiting):
                self.waits = True
            else:
                self.over = action
                if isinstance(action, Won):
                    del self.rings[action.branch]
        assert self.over is None or not self.rings
        assert not (self.waits and self.rings)
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


# Who begins later (A22).


def test_desk_phones_after_the_apps() -> None:
    rig = Rig(plan(stage(device("1", "app"), device("1", "desk", 6), user("2"), seconds=20)))
    assert rig.ringing == ["2.0", "app.0"]
    rig.wait(5.9)
    assert rig.ringing == ["2.0", "app.0"]
    rig.wait(0.1)
    assert rig.ringing == ["2.0", "app.0", "desk.0"]
    rig.wait(13.9)
    assert rig.ringing == ["2.0", "app.0", "desk.0"]
    rig.wait(0.1)
    assert rig.over == Exhausted(480, ""), "within the time of the stage"


def test_desk_phones_at_once_when_no_app_rings() -> None:
    assert Rig(plan(stage(device("1", "app"), device("1", "desk", 6), user("2"))), app=0).ringing == ["2.0", "desk.0"]
    rig = Rig(plan(stage(device("1", "app"), device("1", "desk", 6), user("2"))), app=2)
    rig.failed("app.1", 486)
    assert rig.ringing == ["2.0", "app.0"]
    rig.failed("app.0", 480)
    assert rig.ringing == ["2.0", "desk.0"]


def test_desk_phones_when_the_time_of_the_apps_is_over() -> None:
    rig = Rig(plan(stage(device("1", "app", seconds=3), device("1", "desk", 6, seconds=4), seconds=20)))
    rig.wait(3)
    assert rig.ringing == ["desk.0"], "nobody waits for silence"
    rig.wait(4)
    assert rig.over == Exhausted(480, ""), "the desk phone's time runs from its own beginning"


def test_a_decline_speaks_for_the_phones_that_were_to_come() -> None:
    rig = Rig(plan(stage(device("1", "app"), device("1", "desk", 6), user("2"))), app=2)
    rig.failed("app.0", 603)
    assert rig.ringing == ["2.0"], "the other app and the desk phone belong to who has declined"
    rig.wait(7)
    assert rig.ringing == ["2.0"]
    rig.failed("2.0")
    assert rig.over == Exhausted(480, "")


def test_the_next_stage_waits_for_who_is_to_come() -> None:
    rig = Rig(plan(stage(device("1", "app"), device("1", "desk", 6)), stage(user("2"))))
    rig.failed("app.0")
    assert rig.ringing == ["desk.0"]
    rig.failed("desk.0")
    assert rig.ringing == ["2.0"]


def test_one_who_is_to_come_and_reaches_nobody_is_not_waited_for() -> None:
    rig = Rig(plan(stage(device("1", "app"), device("1", "desk", 6)), stage(user("2"))), desk=0)
    rig.failed("app.0")
    assert rig.ringing == ["2.0"]


def test_the_ends_of_stage_and_plan_do_not_wait_for_who_is_to_come() -> None:
    rig = Rig(plan(stage(device("1", "app"), device("1", "desk", 12), seconds=10), stage(user("2"))))
    rig.wait(10)
    assert rig.ringing == ["2.0"]
    rig.wait(5)
    assert rig.ringing == ["2.0"]
    rolled = Rig(plan(stage(device("1", "app"), device("1", "desk", 6)), rollover=(stage(user("9")),), after=4.0))
    rolled.wait(4)
    assert rolled.ringing == ["9.0"]
    rolled.wait(4)
    assert rolled.ringing == ["9.0"]
    won = Rig(plan(stage(device("1", "app"), device("1", "desk", 6))))
    won.answered("app.0")
    assert won.wait(20) == []


def test_lasting_phones_that_begin_later_do_so_in_a_later_stage() -> None:
    """The executive's desk phones after the executive's apps, both beside the sequential assistants."""
    boss = device("9", "app", lasting=True), device("9", "desk", 8, lasting=True)
    rig = Rig(plan(stage(user("1"), *boss, seconds=5), stage(user("2"), seconds=5)))
    rig.wait(5)
    assert rig.ringing == ["2.0", "app.0"]
    rig.wait(3)
    assert rig.ringing == ["2.0", "app.0", "desk.0"]
    rig.wait(2)
    assert rig.over == Exhausted(480, "")


def test_contacts_are_asked_for_when_the_endpoint_begins() -> None:
    rig = Rig(plan(stage(device("1", "app"), device("1", "desk", 6))), desk=0)
    rig.contacts["desk"] = 1
    rig.wait(6)
    assert rig.ringing == ["app.0", "desk.0"]


def test_only_one_who_is_alone_and_stays_alone_is_alone() -> None:
    rig = Rig(plan(stage(device("1", "app"), device("1", "desk", 6))))
    assert not rig.fork.alone
    rig.wait(6)
    assert rig.fork.alone


# What follows an outcome (a user's own forwarding).

FORWARDING = {"busy": stage(user("7")), "no_answer": stage(user("8")), "unreachable": stage(user("9"))}


@pytest.mark.parametrize(
    ("statuses", "forwarded"),
    [
        ((486,), "7.0"),
        ((600,), "7.0"),
        ((603,), "7.0"),
        ((480, 486), "7.0"),
        ((488, 486), "7.0"),
        ((488,), "8.0"),
        ((488, 404), "8.0"),
        ((415,), "8.0"),
        ((404,), "9.0"),
        ((480, 408), "9.0"),
        ((410,), "9.0"),
        ((430,), "9.0"),
        ((503, 500), "9.0"),
        ((604,), "9.0"),
    ],
)
def test_what_follows_a_refusal(statuses: tuple[int, ...], forwarded: str) -> None:
    rig = Rig(plan(stage(user("1"), seconds=30, **FORWARDING), stage(user("2")), plain=True), u1=len(statuses))
    for n, status in enumerate(statuses):
        rig.failed(f"1.{n}", status)
    assert rig.ringing == [forwarded]
    rig.failed(forwarded, 486)
    assert rig.ringing == ["2.0"], "then the rest of the list"


def test_what_follows_when_the_phones_have_rung_out() -> None:
    rig = Rig(plan(stage(user("1"), user("2"), seconds=30, **FORWARDING)), u1=2)
    rig.failed("1.0", 503)
    rig.wait(30)
    assert rig.ringing == ["8.0"]
    short = Rig(plan(stage(user("1", seconds=4), seconds=30, **FORWARDING)))
    short.wait(4)
    assert short.ringing == ["8.0"]
    busy = Rig(plan(stage(user("1"), user("2"), seconds=30, **FORWARDING)))
    busy.failed("1.0", 486)
    busy.wait(30)
    assert busy.ringing == ["7.0"], "busy on one phone is busy"


def test_what_follows_when_nobody_is_there() -> None:
    assert Rig(plan(stage(user("1"), **FORWARDING)), u1=0).ringing == ["9.0"]
    assert Rig(plan(stage(device("1", "app"), device("1", "desk", 6), **FORWARDING)), app=0, desk=0).ringing == ["9.0"]
    assert Rig(plan(stage(**FORWARDING))).ringing == ["9.0"]


def test_where_nothing_follows_that_outcome_the_list_goes_on() -> None:
    rig = Rig(plan(stage(user("1"), busy=stage(user("7"))), stage(user("2"))))
    rig.failed("1.0", 480)
    assert rig.ringing == ["2.0"]


def test_follow_ups_follow_follow_ups() -> None:
    mobile = stage(user("7"), seconds=5, no_answer=(stage(user("8"), seconds=5, unreachable=stage(user("9"))), stage(user("3"))))
    rig = Rig(plan(stage(user("1"), busy=mobile), stage(user("2"))))
    rig.failed("1.0", 486)
    rig.wait(5)
    assert rig.ringing == ["8.0"]
    rig.failed("8.0", 503)
    assert rig.ringing == ["9.0"]
    rig.failed("9.0", 486)
    assert rig.ringing == ["3.0"]
    rig.failed("3.0", 486)
    assert rig.ringing == ["2.0"]


def test_follow_ups_that_reach_nobody_are_skipped() -> None:
    rig = Rig(plan(stage(user("1"), busy=(stage(user("7"), unreachable=stage(user("8"))), stage(user("9"))))), u7=0, u8=0)
    rig.failed("1.0", 486)
    assert rig.ringing == ["9.0"]


def test_the_rollover_does_not_wait_for_follow_ups_and_may_have_its_own() -> None:
    following = stage(user("7"), seconds=30)
    rig = Rig(
        plan(
            stage(user("1"), busy=following, no_answer=following),
            rollover=(stage(user("9"), no_answer=stage(user("8"))),),
            after=8.0,
        )
    )
    rig.failed("1.0", 486)
    assert rig.ringing == ["7.0"]
    rig.wait(8)
    assert rig.ringing == ["9.0"]
    rig.wait(10)
    assert rig.ringing == ["8.0"]
    rig.wait(10)
    assert rig.over == Exhausted(480, "")


def test_one_who_lasts_rings_beside_the_follow_ups_and_decides_nothing() -> None:
    rig = Rig(plan(stage(user("1"), user("9", lasting=True), seconds=5, busy=stage(user("8")), no_answer=stage(user("7")))), u9=2)
    rig.failed("9.0", 486)
    rig.wait(5)
    assert rig.ringing == ["7.0", "9.1"]
    rig.wait(10)
    assert rig.over == Exhausted(480, "")


def test_after_forwarding_the_caller_hears_of_whom_it_was_forwarded_to() -> None:
    def refused(*statuses: int, contacts: int = 1) -> Exhausted:
        rig = Rig(plan(stage(user("1"), busy=stage(user("7"), seconds=5)), plain=True), u7=contacts)
        rig.failed("1.0", 486)
        for status in statuses:
            rig.failed("7.0", status)
        rig.wait(5)
        assert isinstance(rig.over, Exhausted)
        return rig.over

    assert refused(404).status == 404
    assert refused().status == 480, "it rang there, so nobody was busy"
    assert refused(contacts=0).status == 486, "no forwarding took place"


def test_forwarding_that_reached_nobody_leaves_all_refusals_of_the_list() -> None:
    rig = Rig(plan(stage(user("1"), busy=stage(user("7"))), stage(user("2"), seconds=5), plain=True), u7=0)
    rig.failed("1.0", 486)
    rig.wait(5)
    assert rig.over == Exhausted(486, "")


# A splash: one short ring (A8).


def test_a_splash_that_ends_is_no_missed_call() -> None:
    splash = user("9", seconds=2)._replace(alert="splash")
    rig = Rig(plan(stage(splash, user("1"), seconds=10)))
    (stop,) = rig.wait(2)
    assert isinstance(stop, Stop) and stop.cause == ELSEWHERE
    (stop, _) = rig.wait(8)
    assert isinstance(stop, Stop) and stop.cause == NO_ANSWER
    for after in (None, 1.0):
        (stop, _) = Rig(plan(stage(splash, seconds=1), after=after)).wait(1)
        assert isinstance(stop, Stop) and stop.cause == ELSEWHERE


# Who waits in a queue (A4).


def queue(*extensions: str, hold: float = 30.0, rounds: int = 2, **rest: Any) -> RoutePlan:
    """Members one after the other, 10 s each, in rounds that begin every `hold`; overflow to 9."""
    first, *others = (stage(user(each)) for each in extensions)
    rest.setdefault("rollover", (stage(user("9")),))
    return plan(*(first._replace(hold=hold), *others) * rounds, **rest)


def test_the_next_round_begins_at_its_time_also_when_everybody_is_busy() -> None:
    rig = Rig(queue("1", "2"))
    rig.failed("1.0")
    assert rig.ringing == ["2.0"], "within a round nobody waits"
    rig.failed("2.0")
    assert rig.waits and rig.fork.deadline == NOW + 30
    rig.wait(29)
    assert rig.waits and not rig.ringing
    rig.wait(1)
    assert rig.ringing == ["1.0"] and not rig.waits
    rig.wait(20)
    assert rig.waits, "the overflow waits, too"
    rig.wait(9.9)
    assert rig.waits
    rig.wait(0.1)
    assert rig.ringing == ["9.0"]
    rig.failed("9.0")
    assert rig.over == Exhausted(480, "")


def test_a_queue_without_overflow_ends_when_the_wait_is_over() -> None:
    rig = Rig(queue("1", rounds=1, rollover=()))
    rig.failed("1.0", 603)
    rig.wait(29.9)
    assert rig.waits and rig.over is None
    rig.wait(0.1)
    assert rig.over == Exhausted(480, "") and rig.now == NOW + 30


def test_who_comes_while_the_caller_waits_is_rung_in_the_next_round() -> None:
    rig = Rig(queue("1", "2"), u1=0, u2=0)
    assert rig.waits, "nobody is there: the caller waits all the same"
    rig.contacts["2"] = 1
    rig.wait(29)
    assert rig.waits
    rig.wait(1)
    assert rig.ringing == ["2.0"]
    rig.answered("2.0")
    assert isinstance(rig.over, Won)


def test_members_who_ring_are_rung_anew_by_the_next_round() -> None:
    rig = Rig(plan(stage(user("1"), user("2"), seconds=20, hold=20.0), stage(user("1"), user("2"), seconds=20, hold=20.0)))
    rig.failed("1.0")
    actions = rig.wait(20)
    assert [type(each) for each in actions] == [Stop, Start, Start], "no wait between the rounds"
    assert rig.ringing == ["1.0", "2.0"]


def test_the_time_of_the_rollover_counts_while_the_caller_waits() -> None:
    rig = Rig(queue("1", after=12.0))
    rig.failed("1.0")
    rig.wait(11.9)
    assert rig.waits
    rig.wait(0.1)
    assert rig.ringing == ["9.0"]
    rig.failed("9.0")
    assert rig.over == Exhausted(480, ""), "nothing is held up by the queue any more"


def test_a_queue_among_follow_ups_and_its_overflow() -> None:
    """A user who forwards to a queue: its overflow is one more stage there, with a hold of no time."""
    following = (stage(user("7"), hold=15.0), stage(user("7"), hold=15.0), stage(user("8"), hold=0.0))
    rig = Rig(plan(stage(user("1"), busy=following)), u7=0)
    rig.failed("1.0")
    assert rig.waits
    rig.wait(29.9)
    assert rig.waits
    rig.wait(0.1)
    assert rig.ringing == ["8.0"]
    rig.failed("8.0")
    assert rig.over == Exhausted(480, "")


def test_who_lasts_rings_while_the_others_are_waited_for() -> None:
    rig = Rig(plan(stage(user("1"), user("9", lasting=True), hold=30.0), stage(user("2"), hold=30.0)))
    assert rig.failed("1.0") == [] and rig.ringing == ["9.0"], "no silence, so nothing to say"
    rig.failed("9.0")
    assert rig.waits
    rig.wait(30)
    assert rig.ringing == ["2.0"]


def test_forwarding_of_a_member_does_not_wait() -> None:
    rig = Rig(plan(stage(user("1"), hold=30.0, busy=stage(user("7"))), stage(user("2"), hold=30.0)))
    rig.failed("1.0")
    assert rig.ringing == ["7.0"]


# Any plan, any course of events.

endpoints = st.builds(
    lambda extension, seconds, lasting, after: user(extension, seconds=seconds, lasting=lasting)._replace(after=after),
    st.sampled_from("123456"),
    st.none() | st.sampled_from([0.0, 1.0, 2.5, 7.0, 30.0]),
    st.booleans(),
    st.sampled_from([0.0, 0.0, 0.0, 1.0, 6.0]),
)


def some_stages(following: st.SearchStrategy[Any]) -> st.SearchStrategy[Stage]:
    return st.builds(
        lambda ends, seconds, hold, *follow_ups: Stage(tuple(ends), seconds, "s", *map(tuple, follow_ups), hold),
        st.lists(endpoints, max_size=3),
        st.sampled_from([0.0, 1.0, 5.0, 5.0, 20.0]),
        st.sampled_from([None, None, 0.0, 4.0, 25.0]),
        *[following] * 3,
    )


stages = some_stages(
    st.just(()) | st.lists(some_stages(st.just(()) | st.lists(some_stages(st.just(())), max_size=1)), max_size=2)
)
plans = st.builds(
    lambda first, second, after, plain: RoutePlan("ring", tuple(first), after, tuple(second), plain=plain),
    st.lists(stages, max_size=4),
    st.lists(stages, max_size=2),
    st.none() | st.sampled_from([0.0, 3.0, 12.0, 60.0]),
    st.booleans(),
)


def longest(made: Iterable[Stage]) -> float:
    """How long stages can ring or hold up what follows, the longest follow-ups included."""
    return sum((s.seconds or 0.0) + (s.hold or 0.0) + max(map(longest, (s.busy, s.no_answer, s.unreachable))) for s in made)


def every(made: Iterable[Stage]) -> Iterator[Endpoint]:
    """All endpoints, those of follow-ups too."""
    for each in made:
        yield from each.endpoints
        yield from every((*each.busy, *each.no_answer, *each.unreachable))


@settings(max_examples=250, deadline=None)
@given(plans, st.dictionaries(st.sampled_from("123456"), st.integers(0, 3)), st.data())
def test_every_plan_comes_to_an_end_and_stops_whoever_it_started(
    made: RoutePlan, contacts: dict[str, int], data: st.DataObject
) -> None:
    rig = Rig(made, **{f"u{name}": count for name, count in contacts.items()})
    total = longest((*made.stages, *made.rollover))
    for _step in range(60):
        if rig.over is not None:
            break
        assert rig.rings or rig.waits, "silence is no state, unless the caller knows"
        assert rig.fork.deadline is not None, "each stage has an end, and so has the fork"
        assert rig.now <= NOW + total + 1e-6, "nothing rings longer than the plan"
        move = "wait" if rig.waits else data.draw(st.sampled_from(["wait", "wait", "fail", "fail 6xx", "answer"]))
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
    limits: dict[str, float] = {}
    for name in "123456":
        own = [each.seconds for each in every((*made.stages, *made.rollover)) if each.extension == name]
        if own and None not in own:
            limits[name] = max(seconds for seconds in own if seconds is not None)
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

"""What holds for every call in every organisation, whatever phones have set and whatever the clock shows."""

from collections.abc import Iterator
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from b2bua.calls.fork import Action, Exhausted, Fork, Start, Stop
from b2bua.delegation.callers import Callers
from b2bua.delegation.model import Directory
from b2bua.delegation.people import Divert, Forwarding, OnBehalf, Rollover, User
from b2bua.delegation.plan import Caller, Endpoint, Facts, RoutePlan, Setting, Stage
from b2bua.delegation.policy import decide
from b2bua.delegation.state import State
from tests.delegation.by_hand import ByHand, digits
from tests.delegation.strategies import (
    ASSISTANTS,
    AVAILABILITY,
    EMERGENCIES,
    EMERGENCY,
    FIRST,
    FORWARDS,
    GROUP,
    INSIDE,
    MAILBOX,
    MOBILES,
    MOMENTS,
    NO_MORE,
    OFFICES,
    PERSON,
    PROFILES,
    SERVICE,
    TO_MOBILES,
    TRUNK_CALLERS,
    USER_CALLERS,
    Case,
    Draft,
    boss_with,
    cases,
    chains,
    delegation_with,
    user_with,
    written,
)

MOST_HOPS = 5
OWN_PHONES = ("user", "forward", "executive")
"""Roles in which a user is rung for a call of their own, not for somebody else's."""
TO_OFFICES = st.sampled_from(
    [text for office in OFFICES for number in (office, f"+6221500{office}") for text in written(number)[:2]]
)
STRANGER = Caller("trunk", None, None, "carrier", "+15559999999", "", anonymous=False)
seeded = settings(max_examples=150, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))


def plan_of(case: Case) -> RoutePlan:
    return decide(case.facts, case.directory, case.now)


def every(stages: tuple[Stage, ...]) -> Iterator[Stage]:
    """All stages, those that follow up included."""
    for stage in stages:
        yield stage
        yield from every((*stage.busy, *stage.no_answer, *stage.unreachable))


def endpoints(plan: RoutePlan) -> list[Endpoint]:
    return [endpoint for stage in every((*plan.stages, *plan.rollover)) for endpoint in stage.endpoints]


def called(case: Case) -> User | None:
    """Whom a plain number inside leads to."""
    dialled = case.facts.dialled
    for user in case.directory.users.values():
        if dialled == user.extension or (digits(dialled) in {digits(each) for each in user.numbers} and len(dialled) > 4):
            return user
    return None


@seeded
@given(cases() | cases(USER_CALLERS, EMERGENCIES.map("#71{}".format)))
def test_every_call_has_one_outcome(case: Case) -> None:
    before = repr((case.directory.users, case.directory.offices, case.directory.state, case.directory.lines))
    plan = plan_of(case)
    assert plan.trace, "every plan explains itself"
    assert all(rule.name and rule.reason and rule.reason.isprintable() for rule in plan.trace)
    assert plan.called.isprintable()
    if plan.action == "ring":
        assert endpoints(plan), "somebody is rung"
        assert all(stage.endpoints for stage in every((*plan.stages, *plan.rollover)))
        assert plan.final_status >= 400
        assert plan.present is not None
        assert not plan.confirmation
    else:
        assert not endpoints(plan)
        assert (plan.action, bool(plan.settings)) in (("set", True), ("refuse", False), ("join", False))
        assert plan.final_status == 200 if plan.action == "set" else plan.final_status >= 400
        assert bool(plan.confirmation) == (plan.action == "set")
        assert bool(plan.warning) == (plan.action == "refuse")
    assert plan.rollover_after != 0 or not plan.stages, "nobody rings for no time at all"
    assert case.facts.caller.kind == "user" or plan.action not in ("set", "join"), "nothing is set, and no call joined, from outside"
    assert bool(plan.feature) == (plan.action == "join")
    assert not any(each.kind == "divert_to" and each.value in EMERGENCY for each in plan.settings)
    assert plan_of(case) == plan, "the same call, the same plan"
    assert repr((case.directory.users, case.directory.offices, case.directory.state, case.directory.lines)) == before


def test_a_rollover_at_once_rings_nobody_before_not_even_who_would_be_called_back() -> None:
    draft = Draft()
    draft.change("boss", "601", "", "on_behalf", OnBehalf(callback_seconds=3600.0))
    called_lately = Setting("callback", "601", digits(STRANGER.number), "604", MOMENTS[0].timestamp() + 60)
    directory = draft.directory().with_state(State.of([called_lately]))
    assert [each.extension for each in plan_of(Case(directory, Facts(STRANGER, "601"), MOMENTS[0])).stages[0].endpoints] == [
        "604"
    ]
    draft.change("boss", "601", "", "rollover", Rollover(0.0, "forward", "607"))
    directory = draft.directory().with_state(State.of([called_lately]))
    assert plan_of(Case(directory, Facts(STRANGER, "601"), MOMENTS[0])).stages == ()


# --- following the plan -------------------------------------------------------------------------------------------------------

ANSWERS = st.sampled_from(("absent", "rings", "busy", "declines", "fails"))
SCREENED = st.tuples(
    boss_with("alerting", "mode", st.just("sequential"), FIRST),
    boss_with("alerting", "executive", st.sampled_from(("together", "silent", "splash")), FIRST),
    user_with("divert", st.just(Divert(True, "601")), st.sampled_from(("604", "605", "606"))),
).map(list)
"""The executive's phones ring beside the assistants, one of whom diverts to them."""
BEHAVIOUR = st.tuples(ANSWERS, st.dictionaries(PERSON, ANSWERS, max_size=4))
REFUSALS = {"busy": 486, "declines": 603, "fails": 500}


def follow(plan: RoutePlan, behaviour: tuple[str, dict[str, str]]) -> float:
    """Carry out the plan while nobody answers; the seconds until the caller is told. Nothing is rung twice at the same time."""
    usual, others = behaviour

    def how(endpoint: Endpoint) -> str:
        return others.get(endpoint.extension or "", usual)

    fork = Fork(plan, lambda endpoint: [] if how(endpoint) == "absent" else [endpoint])
    now, ringing = 0.0, dict[int, Endpoint]()
    actions: list[Action] = fork.start(now)
    for _ in range(10_000):
        refused = []
        for action in actions:
            assert not isinstance(action, Exhausted) or action.status >= 400
            if isinstance(action, Exhausted):
                return now
            if isinstance(action, Stop):
                del ringing[action.branch]
            elif isinstance(action, Start):
                assert not any(same_phone(action.endpoint, each) for each in ringing.values()), action.endpoint
                ringing[action.branch] = action.endpoint
                refused += [action.branch] if how(action.endpoint) in REFUSALS else []
        actions = []
        for branch in refused:
            if branch in ringing:
                actions += fork.failed(branch, REFUSALS[how(ringing.pop(branch))], "", now)
        if not refused:
            assert fork.deadline is not None, "somebody would ring for ever"
            now = max(now, fork.deadline)
            actions = fork.tick(now)
    raise AssertionError("the plan does not end")


def same_phone(one: Endpoint, other: Endpoint) -> bool:
    if one.kind != "user" or other.kind != "user":
        return one.kind == other.kind and one.number == other.number
    return one.extension == other.extension and (one.devices == other.devices or "all" in (one.devices, other.devices))


def longest(directory: Directory) -> float:
    """A bound for the time that a call takes: what the slowest office or user takes, for the number called and each hop."""
    slowest = 180.0
    for user in directory.users.values():
        slowest = max(slowest, user.forwarding.no_answer_seconds)
    for boss in directory.executives.values():
        ring = boss.alerting.ring_seconds
        assistants = sum(each.ring_seconds or ring for each in boss.delegations)
        first = boss.alerting.executive_seconds or ring
        slowest = max(slowest, first + max(ring, assistants) + boss.alerting.minimum_seconds + boss.maximum_wait + ring)
    calls_back = max(
        max(each.ring_seconds or 0, boss.alerting.ring_seconds)
        for boss in directory.executives.values()
        for each in boss.delegations
    )
    return calls_back + (1 + MOST_HOPS) * slowest


@seeded
@given(cases(dialled=INSIDE, more=st.lists(FORWARDS, max_size=8)) | cases(dialled=FIRST, more=SCREENED), BEHAVIOUR)
def test_a_plan_that_nobody_answers_ends_in_time(case: Case, behaviour: tuple[str, dict[str, str]]) -> None:
    plan = plan_of(case)
    if plan.action != "ring":
        return
    seconds = follow(plan, behaviour)
    assert seconds <= (600 if plan.emergency else longest(case.directory))
    if plan.rollover_after is not None and not plan.rollover:
        assert seconds <= plan.rollover_after


@seeded
@given(
    cases(dialled=INSIDE, more=st.lists(FORWARDS, max_size=8))
    | cases(TRUNK_CALLERS, st.just("604"), st.lists(TO_MOBILES, min_size=1, max_size=1))
)
def test_a_plan_never_rings_the_caller(case: Case) -> None:
    caller, plan = case.facts.caller, plan_of(case)
    assert all(each.extension is None or each.extension != caller.extension for each in endpoints(plan))
    if caller.kind == "trunk":
        assert digits(caller.number) not in {digits(each.number) for each in endpoints(plan) if each.number} - {""}
        assert plan.on_behalf_of is None


# --- rights (A24, A25, B5, B6) ------------------------------------------------------------------------------------------------


@seeded
@given(cases())
def test_an_assistant_is_rung_only_by_right(case: Case) -> None:
    plan, rules = plan_of(case), ByHand(case.directory, case.facts.caller, case.now)
    for endpoint in endpoints(plan):
        if endpoint.role == "assistant" and not plan.confidential:  # there whoever is forwarded to sees what assistants see
            acting = case.directory.delegation(endpoint.diverted_by or endpoint.extension or "", endpoint.for_executive or "")
            assert acting
            assert rules.takes(acting)


OWN_ASSISTANTS = USER_CALLERS.filter(lambda caller: caller.extension in ASSISTANTS["601"])
MEMBERS = st.tuples(
    boss_with("", "confidential", st.sampled_from(("internal", "external")).map(Callers.of), st.just("602")),
    delegation_with("rights", st.sampled_from((frozenset({"call"}), frozenset({"receive"}))), st.just("602"), st.just(SERVICE)),
).map(list)
"""An executive in a group and in a service."""


# --- who is rung (A9-A14, A18-A20, A24, A25) ----------------------------------------------------------------------------------


@seeded
@given(cases(dialled=TO_OFFICES, more=NO_MORE | chains() | st.lists(PROFILES, max_size=4)))
def test_who_is_rung_is_what_the_rules_written_by_hand_say(case: Case) -> None:
    check_who_is_rung(case)


@seeded
@given(cases(dialled=FIRST, more=st.lists(AVAILABILITY, max_size=8)))
def test_opt_out_hours_duty_dnd_and_divert_compose(case: Case) -> None:
    check_who_is_rung(case)


@seeded
@given(cases(OWN_ASSISTANTS, FIRST, st.lists(AVAILABILITY, min_size=2)))
def test_own_assistants_pass_the_filter_while_they_are(case: Case) -> None:
    check_who_is_rung(case)


@seeded
@given(cases(dialled=st.sampled_from((GROUP, SERVICE)), more=MEMBERS))
def test_delegation_comes_first_in_groups(case: Case) -> None:
    check_who_is_rung(case)


def check_who_is_rung(case: Case) -> None:
    """Whether the call is filtered, and whose phones ring then, are as the rules written by hand say."""
    case = at_rest(case)
    user, rules, plan = called(case), ByHand(case.directory, case.facts.caller, case.now), plan_of(case)
    if user is None or user.extension == case.facts.caller.extension or plan.final_status == 403:
        return
    boss = case.directory.executives[user.extension]
    dnd = rules.on("dnd", user.extension, user.dnd)
    if not rules.filtered(boss, case.facts.dialled):
        if not dnd and not user.forwarding.always:
            (stage,) = plan.stages
            assert {(each.extension, each.role) for each in stage.endpoints} == {(user.extension, "user")}
        return
    assistants = rules.rung(boss)
    alone = boss.alerting.executive in ("first", "together")  # with nobody there, there is nobody to screen for
    own_phones = {user.extension} if not dnd and (alone or (assistants and boss.alerting.executive != "none")) else set()
    after = boss.rollover.after_seconds
    if after is not None:
        after = max(after, boss.alerting.minimum_seconds)
    if after == 0:
        assistants, own_phones = set(), set()
    ringing = [endpoint for stage in plan.stages for endpoint in stage.endpoints]
    rung = {each.extension or f"+{digits(each.number or '')}" for each in ringing}
    expected = (assistants | own_phones) - {case.facts.caller.extension, f"+{digits(case.facts.caller.number)}"}
    if boss.maximum_wait and boss.alerting.mode == "sequential":
        assert rung <= expected, "the wait in a queue may be over before everybody's turn"
    else:
        assert rung == expected
    assert {each.role for each in ringing} <= {"assistant", "executive"}
    if plan.action == "ring":
        assert (plan.executive, plan.plain, plan.rollover_after) == (boss.extension, False, after)
    else:
        assert (plan.action, plan.final_status) == ("refuse", 480)


def at_rest(case: Case) -> Case:
    """The case without delegated lines, headers and sticky callbacks."""
    state = State.of([each for each in case.directory.state.settings.values() if each.kind != "callback"])
    facts = Facts(case.facts.caller._replace(line=None), case.facts.dialled)
    return Case(case.directory.with_state(state), facts, case.now)


# --- forwards end (A15) -------------------------------------------------------------------------------------------------------


@seeded
@given(cases(dialled=INSIDE, more=chains() | st.lists(FORWARDS, max_size=8)))
def test_no_call_is_forwarded_more_than_five_times_or_in_a_circle(case: Case) -> None:
    plan, first = plan_of(case), called(case)
    for stage in (*plan.stages, *plan.rollover):
        no_circle(stage, ())
    if first is None:
        return
    near = reached(case.directory, first)
    for endpoint in endpoints(plan):
        if endpoint.role != "assistant":
            assert (endpoint.extension or digits(endpoint.number or "")) in near, endpoint


def no_circle(stage: Stage, passed: tuple[str, ...]) -> None:
    """Nobody's own phones ring again on the way on from them."""
    own = {each.extension or "" for each in stage.endpoints if each.role in OWN_PHONES and each.kind == "user"}
    assert own.isdisjoint(passed)
    for each in (*stage.busy, *stage.no_answer, *stage.unreachable):
        no_circle(each, (*passed, *own))


def reached(directory: Directory, first: User) -> set[str]:
    """The extensions and numbers within five forwards of `first`."""
    near, edge = {first.extension}, {first.extension}
    for _ in range(MOST_HOPS):
        edge = {target for each in edge if each in directory.users for target in forwards(directory, each)} - near
        near |= edge
    return near


@seeded
@given(chains())
def test_a_chain_is_followed_for_five_hops(chain: list[tuple[Any, ...]]) -> None:
    """Diverts in a longer chain ring the assistant's own phones; a longer chain of forwards is cut off."""
    first, diverted = chain[0][1], isinstance(chain[0][3], Divert)
    draft = Draft()
    draft.delegations = {}
    draft.delegate(first, "601")
    for change in chain:
        draft.change(*change)
    directory = draft.directory()
    plan = decide(Facts(STRANGER, "601" if diverted else first), directory, MOMENTS[0])
    rung = {each.extension or each.number for each in endpoints(plan)}
    if diverted:
        assert rung == {ByHand(directory, STRANGER, MOMENTS[0]).where(first)}
        return
    passed = [first, *(on_to(handling) for _, _, _, handling in chain)][: 1 + MOST_HOPS]
    assert rung == set(passed) - {who for _, who, _, handling in chain if handling.always}


def on_to(handling: Forwarding) -> str | None:
    return handling.always or handling.busy or handling.no_answer or handling.unreachable


def forwards(directory: Directory, extension: str) -> set[str]:
    own, boss = directory.users[extension].forwarding, directory.executives.get(extension)
    targets = {own.always, own.busy, own.no_answer, own.unreachable, boss.rollover.forward if boss else None} - {None}
    return {(each or "").removeprefix("+6221500") if each != MAILBOX else digits(MAILBOX) for each in targets} | {
        digits(each or "") for each in targets if each in MOBILES
    }

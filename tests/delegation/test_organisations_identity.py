"""As whom callers are shown in every organisation: never as an executive without the right, never as anybody else in an emergency."""

from hypothesis import given
from hypothesis import strategies as st

from b2bua.calls.identity import Origin, from_header, identity_headers
from b2bua.calls.ports import Trunk
from b2bua.delegation.model import Directory
from b2bua.delegation.plan import Caller, Endpoint, Facts, Presentation, RoutePlan, Setting
from b2bua.sip.values import Uri
from tests.delegation.by_hand import ByHand, digits
from tests.delegation.strategies import (
    CONFIDENTIAL,
    EMERGENCIES,
    EMERGENCY,
    FIRST,
    FORWARDS,
    INSIDE,
    NAMED,
    OFFICE,
    OFFICES,
    OUTSIDE,
    USER_CALLERS,
    Case,
    cases,
)
from tests.delegation.test_organisations import TO_OFFICES, called, endpoints, plan_of, seeded

TRUSTED = Trunk("carrier", Uri.parse("sip:192.0.2.1"), trusted=True, owns=lambda _: False)

# --- emergency (B9) -----------------------------------------------------------------------------------------------------------

BEHIND_A_CODE = st.tuples(st.sampled_from(("#64", "#73")), NAMED | st.just(""), st.just("*"), EMERGENCIES).map("".join)


@seeded
@given(cases(USER_CALLERS, EMERGENCIES | BEHIND_A_CODE | EMERGENCIES.map("#74{}".format)))
def test_emergency_never_impersonates(case: Case) -> None:
    plan = plan_of(case)
    own = case.directory.users[case.facts.caller.extension or ""]
    (stage,) = plan.stages
    (endpoint,) = stage.endpoints
    assert (endpoint.kind, endpoint.number in EMERGENCY, endpoint.trunk) == ("number", True, "carrier")
    assert plan.present == plan.asserted == Presentation(own.name, own.main_number)
    assert plan.present_outside in (None, plan.present)
    assert (plan.emergency, plan.on_behalf_of, plan.actor, plan.rollover, plan.settings) == (True, None, None, (), ())
    assert not (stage.busy or stage.no_answer or stage.unreachable)


# --- on behalf (B3-B7, B10) ---------------------------------------------------------------------------------------------------


@seeded
@given(cases(USER_CALLERS))
def test_nobody_speaks_as_an_executive_without_the_right(case: Case) -> None:
    plan, rules, caller = plan_of(case), ByHand(case.directory, case.facts.caller, case.now), case.facts.caller
    own = case.directory.users[caller.extension or ""]
    for shown in (plan.present, plan.asserted, plan.present_outside):
        if shown is not None and shown.number not in (own.extension, *own.numbers, "anonymous"):
            (owner,) = [each for each in case.directory.users.values() if shown.number in (each.extension, *each.numbers)]
            assert rules.may_speak_as(caller.extension, owner.extension)
            assert plan.on_behalf_of == owner.extension
    if plan.on_behalf_of:
        assert rules.may_speak_as(caller.extension, plan.on_behalf_of)
        assert plan.actor == caller.extension
    for setting in plan.settings:
        if setting.kind == "call_as" and setting.value:
            assert rules.may_speak_as(setting.subject, setting.value)
        if setting.kind == "callback":
            assert rules.may_speak_as(setting.value, setting.subject)
        if setting.kind == "filter" and setting.subject != caller.extension:
            assert rules.has_right(caller.extension, setting.subject, "manage")
        if setting.kind == "opt":
            assert setting.subject == caller.extension
            assert rules.has_right(caller.extension, setting.object, "opt")


ASSISTANTS_CALL = USER_CALLERS.filter(lambda caller: caller.extension not in OFFICES)
MEANS = st.sampled_from(("#64", "#73", "header", "line", "sticky"))


def speaking_as(case: Case, means: str, executive: str) -> Case:
    """The case as a call on behalf of `executive`."""
    directory, facts = case.directory, case.facts
    caller = facts.caller._replace(line=executive if means == "line" else None, anonymous=False)
    sticky = [Setting("call_as", caller.extension or "", "", executive)] if means == "sticky" else []
    code = f"{means}{executive}*" if means.startswith("#") else ""
    asked = Facts(caller, f"{code}{facts.dialled}", executive if means == "header" else None)
    return Case(directory.with_state(directory.state.with_settings(sticky)), asked, case.now)


@seeded
@given(cases(ASSISTANTS_CALL, OUTSIDE), MEANS, OFFICE)
def test_by_every_means_the_outside_sees_the_same(case: Case, means: str, executive: str) -> None:
    """The executive's caller ID by right, as the executive wants it (B3, B7, B10); otherwise the call is refused."""
    case = speaking_as(case, means, executive)
    plan, caller, directory = plan_of(case), case.facts.caller, case.directory
    rules, dialled = ByHand(directory, caller, case.now), case.facts.dialled.rpartition("*")[2]
    if not rules.may_speak_as(caller.extension, executive):
        assert (plan.action, plan.final_status, plan.on_behalf_of) == ("refuse", 403, None)
        return
    boss, user, own = directory.executives[executive], directory.users[executive], directory.users[caller.extension or ""]
    listed = [each.disclosure for each in boss.on_behalf.classes if digits(dialled).startswith("1555")]
    disclosure = [*listed, boss.on_behalf.outside][0]
    if disclosure == "self":
        assert (plan.present, plan.on_behalf_of, plan.settings) == (Presentation(own.name, own.main_number), None, ())
        return
    name = user.name if (disclosure, means == "#73") == ("executive", False) else f"{own.name} for {user.name}"
    assert plan.present == plan.asserted == Presentation(name, boss.caller_id or user.main_number)
    assert (plan.on_behalf_of, plan.actor) == (executive, caller.extension)


# --- what may be seen (A24, B10, B12) -----------------------------------------------------------------------------------------


def shown_to(plan: RoutePlan, endpoint: Endpoint) -> str:
    """The headers that say who calls, as this phone or a trusted trunk gets them."""
    trunk = TRUSTED if endpoint.kind == "number" else None
    origin = Origin(70, False, "", "", vouched=True)
    return from_header(plan, endpoint, "acme.test") + identity_headers(plan, endpoint, origin, trunk, "acme.test", ())


def traces_of(caller: Caller, directory: Directory) -> set[str]:
    """What would tell who calls; an outside number that happens to be one of ours tells nothing."""
    user = directory.users.get(caller.extension or "")
    number = "" if user is None and directory.find(caller.number) else f"sip:{caller.number}@"
    return {caller.name, number, *(user.numbers if user else ())} - {"", "sip:@"}


@seeded
@given(cases(dialled=FIRST, more=CONFIDENTIAL) | cases(dialled=TO_OFFICES, more=CONFIDENTIAL))
def test_assistants_never_see_a_confidential_contact(case: Case) -> None:
    plan, caller, user = plan_of(case), case.facts.caller, called(case)
    rules, bosses = ByHand(case.directory, caller, case.now), case.directory.executives
    for endpoint in endpoints(plan):
        acting = endpoint.diverted_by or endpoint.extension or ""
        whose = [endpoint.for_executive or ""] if endpoint.role == "assistant" else []
        whose += [user.extension] if user and case.directory.delegation(acting, user.extension) else []
        if any(rules.confidential(bosses[each]) for each in whose):
            shown = shown_to(plan, endpoint)
            assert not any(each in shown for each in traces_of(caller, case.directory)), shown


@seeded
@given(cases(ASSISTANTS_CALL, INSIDE | OUTSIDE, st.lists(FORWARDS, max_size=8)), MEANS, OFFICE)
def test_nothing_outside_names_the_assistant_who_calls_on_behalf(case: Case, means: str, executive: str) -> None:
    case = speaking_as(case, means, executive)
    plan, own = plan_of(case), case.directory.users[case.facts.caller.extension or ""]
    for endpoint in endpoints(plan):
        if endpoint.kind == "number" and plan.on_behalf_of is not None:
            shown = shown_to(plan, endpoint)
            assert not any(number in shown for number in (f"sip:{own.extension}@", *own.numbers)), shown
            assert own.name not in shown or f"{own.name} for " in shown

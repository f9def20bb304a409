"""What rings while somebody waits with music: push, recall, transfer, give back (C3, C5, C14, C15). Nobody is lost, and everybody sees who waits."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from b2bua.delegation.handover import Waiting, give_back, push_back, recall, transfer
from b2bua.delegation.model import Directory, Executive
from b2bua.delegation.people import Alerting, Divert, Filtering, Forwarding, Parking, Rollover, User
from b2bua.delegation.plan import Caller, Endpoint, Presentation, RoutePlan, Setting
from b2bua.delegation.policy import decide
from b2bua.delegation.state import State
from tests.delegation.organisation import NOW, USERS, assistants, call, callers_of, directory, outside, ringing, seconds, user
from tests.delegation.strategies import Case, cases

MOBILE = "+6281234567890"
PRESS = outside("+15557001234", "Daily News")
SALES = User("500", "Sales", "", kind="group")
FORWARD = Rollover(None, "forward", "600")


def olivia(**settings: Any) -> Executive:
    return Executive("667", "+6221500600", delegations=assistants("667", "676", "677"), **{"rollover": FORWARD, **settings})


def where(*executives: Executive, **changes: Any) -> Directory:
    """Olivia with Sam and Ana, and reception at the end; Victor with Tom."""
    return directory(*(executives or (olivia(), Executive("668", delegations=assistants("668", "678")))), **{"users": (*USERS, SALES), **changes})


def people(**changes: dict[str, Any]) -> tuple[User, ...]:
    """The users, with other settings of ``u<extension>``."""
    return tuple(replace(each, **changes.get(f"u{each.extension}", {})) for each in (*USERS, SALES))


def waits(caller: Caller = PRESS, executive: str | None = "667", **more: Any) -> Waiting:
    return Waiting(caller, executive, **more)


def endpoints(plan: RoutePlan) -> Iterator[Endpoint]:
    for stage in (*plan.stages, *plan.rollover):
        yield from stage.endpoints


def later(plan: RoutePlan) -> list[list[str]]:
    return ringing(plan._replace(stages=plan.rollover))


class TestPush:
    def test_the_executive_then_the_assistant_then_the_rollover(self) -> None:
        plan = push_back(where(olivia(recall_seconds=12)), "667", "676", waits(), NOW)
        assert (ringing(plan), seconds(plan), later(plan)) == ([["667"], ["676"]], [12, 30], [["600"]])
        assert [each.name for each in plan.stages] == ["push", "recall"]
        assert (plan.action, plan.rollover_after, plan.plain, plan.executive, plan.anchored) == ("ring", None, False, "667", True)

    def test_who_waits_is_shown_as_before(self) -> None:
        """The executive's phone shows the caller; the assistant's for whom it is, and that it comes back."""
        plan = push_back(where(), "667", "676", waits(), NOW)
        assert plan.present == Presentation("Daily News", "+15557001234")
        assert plan.present_assistant == Presentation("Daily News → Olivia Boss", "+15557001234")
        pushed, back = plan.stages[0].endpoints[0], plan.stages[1].endpoints[0]
        assert (pushed.role, pushed.diverting, pushed.diversion, pushed.alert) == ("executive", "676", "deflection", "")
        assert (back.role, back.for_executive, back.diverting, back.diversion) == ("assistant", "667", "667", "no-answer")
        assert (back.alert, back.devices) == ("recall", "all")

    def test_a_caller_on_behalf_stays_who_they_were(self) -> None:
        shown = Presentation("Victor Chief", "668")
        plan = push_back(where(), "667", "676", waits(user("678"), present=shown), NOW)
        assert (plan.present, plan.asserted) == (shown, shown)

    def test_an_outside_party_that_was_called_on_behalf(self) -> None:
        plan = push_back(where(), "667", "676", waits(outside("+15551234567")), NOW)
        assert plan.present == Presentation("", "+15551234567")

    def test_while_the_executive_does_not_want_to_be_disturbed_nothing_happens(self) -> None:
        found = where().with_state(State.of([Setting("dnd", "667", "", "on")]))
        plan = push_back(found, "667", "676", waits(), NOW)
        assert (plan.action, plan.final_status, plan.warning) == ("refuse", 480, "667 does not want to be disturbed")

    def test_the_executive_who_waits_cannot_be_rung(self) -> None:
        plan = push_back(where(), "667", "676", waits(user("667")), NOW)
        assert (plan.action, plan.warning) == ("refuse", "667 is in this call")

    @pytest.mark.parametrize(
        ("always", "rung"),
        [
            (MOBILE, f"{MOBILE}@carrier"),
            ("601", "601"),
            ("676", "667"),  # meant for callers; this call comes from there
            ("500", "667"),
            ("sip:vm@127.0.0.9", "667"),
        ],
    )
    def test_the_executive_is_rung_where_they_are(self, always: str, rung: str) -> None:
        group = Executive("500", kind="group", delegations=assistants("500", ("601", {"receive"})))
        found = where(olivia(), group, users=people(u667={"forwarding": Forwarding(always=always, busy="600")}))
        assert ringing(push_back(found, "667", "676", waits(), NOW)) == [[rung], ["676"]]

    def test_towards_a_mobile_no_assistant_is_named(self) -> None:
        found = where(users=people(u667={"forwarding": Forwarding(always=MOBILE)}))
        pushed = push_back(found, "667", "676", waits(), NOW).stages[0].endpoints[0]
        assert (pushed.diverting, pushed.diversion) == ("667", "unconditional")

    def test_an_assistant_who_diverts_is_rung_where_they_took_the_call(self) -> None:
        found = where(users=people(u676={"divert": Divert(True, MOBILE)}))
        plan = push_back(found, "667", "676", waits(), NOW)
        assert ringing(plan) == [["667"], [f"{MOBILE}@carrier"]]
        assert plan.stages[1].endpoints[0].diverted_by == "676"

    def test_the_recall_rings_on_do_not_disturb(self) -> None:
        found = where().with_state(State.of([Setting("dnd", "676", "", "on")]))
        assert ringing(push_back(found, "667", "676", waits(), NOW))[1] == ["676"]

    @pytest.mark.parametrize(
        ("rollover", "rung"),
        [
            (Rollover(None, "forward", "600"), [["600"]]),
            (Rollover(0, "forward", "600"), [["600"]]),
            (Rollover(None, "executive"), [["667"]]),
            (Rollover(None, "voicemail", "sip:vm@127.0.0.9"), [["sip:vm@127.0.0.9@None"]]),
            (Rollover(None, "hangup"), [["676", "677", "667"]]),
        ],
    )
    def test_nobody_is_hung_up_on_as_long_as_somebody_may_take_the_call(self, rollover: Rollover, rung: list[list[str]]) -> None:
        plan = push_back(where(olivia(rollover=rollover)), "667", "676", waits(), NOW)
        assert later(plan) == rung
        assert plan.rollover_after is None, "the recall is not cut short"

    def test_who_waits_is_never_rung(self) -> None:
        plan = push_back(where(olivia(rollover=Rollover(None, "hangup"))), "667", "676", waits(user("677")), NOW)
        assert all(each.extension != "677" for each in endpoints(plan))
        plan = push_back(where(), "667", "676", waits(user("600")), NOW)
        assert (plan.rollover, plan.final_status) == ((), 480)

    def test_a_confidential_call_is_private_to_assistants_and_goes_no_further(self) -> None:
        contacts = callers_of("+15557001234")
        found = where(olivia(confidential=contacts), users=people(u667={"forwarding": Forwarding(no_answer="600")}))
        plan = push_back(found, "667", "676", waits(confidential=True), NOW)
        assert (ringing(plan), later(plan)) == ([["667"], ["676"]], [["667"]])
        assert plan.rollover[0].no_answer[0].endpoints[0].extension == "600"
        assert plan.confidential
        assert plan.present_assistant == Presentation("Private → Olivia Boss", "anonymous")
        assert plan.stages[1].endpoints[0].role == "assistant"


class TestRecall:
    def test_a_parked_call_comes_back_for_as_long_as_the_parking_says(self) -> None:
        plan = recall(where(parking=Parking(ring_seconds=18)), "676", waits(), NOW)
        assert (ringing(plan), seconds(plan), later(plan)) == ([["676"]], [18], [["600"]])

    def test_what_an_executive_has_parked_comes_back_to_the_executive(self) -> None:
        plan = recall(where(), "667", waits(), NOW)
        assert (ringing(plan), plan.stages[0].endpoints[0].role) == ([["667"]], "executive")

    @pytest.mark.parametrize(("forwarding", "rung"), [(Forwarding(), []), (Forwarding(no_answer="600"), [["600"]])])
    def test_a_plain_users_call_comes_back_and_then_follows_their_forwarding(self, forwarding: Forwarding, rung: list[list[str]]) -> None:
        plan = recall(where(users=people(u601={"forwarding": forwarding})), "601", waits(executive=None), NOW)
        assert (ringing(plan), later(plan), plan.executive, plan.final_status) == ([["601"]], rung, None, 480)
        assert plan.stages[0].endpoints[0].alert == "recall"

    def test_somebody_outside_the_office_sees_the_caller(self) -> None:
        """Reception has got Olivia's call by transfer, and parked it."""
        plan = recall(where(), "600", waits(), NOW)
        assert plan.stages[0].endpoints[0].role == "user"
        assert later(plan) == [["676", "677", "667"]], "the rollover is reception, which has just rung in vain"

    def test_who_is_no_user_any_more_is_left_out(self) -> None:
        plan = recall(where(), "999", waits(), NOW)
        assert (ringing(plan), later(plan)) == ([], [["600"]])


class TestTransfer:
    def test_to_a_colleague_and_back(self) -> None:
        plan = transfer(where(), user("676"), "601", waits(), NOW)
        assert (ringing(plan), seconds(plan), later(plan)) == ([["601"], ["676"]], [45, 30], [["600"]])
        first = plan.stages[0].endpoints[0]
        assert (first.diverting, first.diversion) == ("676", "deflection")
        assert plan.present == Presentation("Daily News", "+15557001234"), "the colleague sees who waits, not who transfers"

    def test_to_where_a_colleague_forwards(self) -> None:
        found = where(users=people(u601={"forwarding": Forwarding(no_answer="600", no_answer_seconds=15)}))
        plan = transfer(found, user("676"), "601", waits(executive=None), NOW)
        assert (ringing(plan), seconds(plan)) == ([["601"], ["676"]], [15, 30])
        assert ringing(plan._replace(stages=plan.stages[0].no_answer)) == [["600"]]

    def test_an_own_assistant_reaches_the_executive(self) -> None:
        plan = transfer(where(), user("676"), "667", waits(), NOW)
        assert ringing(plan) == [["667"], ["676"]]

    def test_everybody_elses_calls_go_through_the_filter_as_the_callers_would(self) -> None:
        """Victor filters calls from outside only. Reception is inside, who waits is not."""
        found = where(olivia(), Executive("668", filtering=Filtering(type="external"), delegations=assistants("668", "678")))
        assert ringing(transfer(found, user("600"), "668", waits(executive=None), NOW)) == [["678"], ["600"]]
        assert ringing(transfer(found, user("600"), "668", waits(user("601"), None), NOW)) == [["668"], ["600"]]

    def test_the_plan_of_another_executive_and_then_back(self) -> None:
        found = where(olivia(), Executive("668", rollover=Rollover(40, "forward", "601"), delegations=assistants("668", "678")))
        plan = transfer(found, user("676"), "668", waits(), NOW)
        assert (ringing(plan), later(plan)) == ([["678"], ["601"], ["676"]], [["600"]])
        assert plan.present_for[0].executive == "668"
        assert plan.rollover_after is None

    def test_outside_with_the_right_to_dial_it(self) -> None:
        plan = transfer(where(), user("676"), MOBILE, waits(), NOW)
        first = plan.stages[0].endpoints[0]
        assert (ringing(plan), seconds(plan)) == ([[f"{MOBILE}@carrier"], ["676"]], [45, 30])
        assert (first.diverting, first.diversion) == ("667", "deflection"), "no assistant is named outside"
        inside = transfer(where(), user("601"), MOBILE, waits(user("600"), None), NOW)
        assert inside.present_outside == Presentation("Reception", "+6221500601")
        assert inside.stages[0].endpoints[0].diverting == "601"

    @pytest.mark.parametrize(
        ("transferor", "dialled", "status", "says"),
        [
            ("676", "999", 404, "nobody has the number 999"),
            ("601", f"#64667*{MOBILE}", 403, "you may not call as 667"),
            ("676", "112", 403, "a call cannot be transferred to an emergency number"),
            ("676", "#68", 403, "a call cannot be transferred to a feature code"),
            ("676", "*11", 403, "a call cannot be transferred to this feature code"),
            ("676", "*88", 403, "a call cannot be transferred to this feature code"),
            ("676", "676", 486, "this is your own number"),
            ("601", "##20", 403, "you are nobody's assistant: there is nobody to send the call to"),
            ("676", "*68799", 404, "there is no park slot 799"),
        ],
    )
    def test_where_it_may_not_go(self, transferor: str, dialled: str, status: int, says: str) -> None:
        plan = transfer(where(), user(transferor), dialled, waits(), NOW)
        assert (plan.action, plan.final_status, plan.warning, plan.stages) == ("refuse", status, says, ())

    def test_not_to_who_waits(self) -> None:
        plan = transfer(where(), user("676"), "601", waits(user("601"), None), NOW)
        assert (plan.action, plan.final_status) == ("refuse", 480)

    @pytest.mark.parametrize(
        ("dialled", "feature", "argument"),
        [("701", "park", "701"), ("*88701", "park", "701"), ("*68", "park", ""), ("##20", "push_back", ""), ("#63", "push", "")],
    )
    def test_to_a_slot_or_a_code(self, dialled: str, feature: str, argument: str) -> None:
        plan = transfer(where(), user("676"), dialled, waits(), NOW)
        assert (plan.action, plan.feature, plan.argument) == ("join", feature, argument)

    def test_a_confidential_contact_stays_one(self) -> None:
        found = where(olivia(confidential=callers_of("+15557001234")))
        plan = transfer(found, user("676"), "677", waits(confidential=True), NOW)
        assert plan.confidential
        assert [(each.role, each.for_executive) for each in plan.stages[0].endpoints] == [("assistant", "667")]
        strangers = transfer(found, user("600"), "667", waits(executive=None), NOW)
        assert ringing(strangers) == [["667"], ["600"]], "past the assistants"


class TestGiveBack:
    def test_the_others_ring_and_then_who_gave_it_back(self) -> None:
        found = where()
        plan = give_back(found, call(PRESS, "+6221500667", found), ["676"], waits(), NOW)
        assert (ringing(plan), seconds(plan), later(plan)) == ([["677"], ["676"]], [30, 30], [["600"]])
        assert (plan.present_assistant, plan.executive, plan.called) == (
            Presentation("Daily News → Olivia Boss", "+15557001234"),
            "667",
            "+6221500667",
        )

    def test_one_after_the_other_without_them(self) -> None:
        found = where(olivia(alerting=Alerting("sequential", 15), rollover=Rollover(50, "hangup")))
        plan = give_back(found, call(PRESS, "667", found), ["676"], waits(), NOW)
        assert (ringing(plan), plan.rollover_after, later(plan)) == ([["677"], ["676"]], 50, [["676", "677", "667"]])

    def test_when_nobody_else_is_left_they_ring_again(self) -> None:
        found = where()
        plan = give_back(found, call(PRESS, "667", found), ["676", "677"], waits(), NOW)
        assert ringing(plan) == [["676"], ["677"]]

    def test_who_diverts_gives_back_from_where_they_divert(self) -> None:
        found = where(users=people(u676={"divert": Divert(True, MOBILE)}))
        plan = give_back(found, call(PRESS, "667", found), ["676"], waits(), NOW)
        assert ringing(plan) == [["677"], [f"{MOBILE}@carrier"]]

    def test_a_new_directory_may_have_dropped_whom_the_plan_names(self) -> None:
        both = (olivia(rollover=Rollover(None, "forward", "668")), Executive("668", delegations=assistants("668", "678", "677")))
        decided = call(PRESS, "667", where(*both))
        without = where(olivia(rollover=Rollover(None, "forward", "668")))
        plan = give_back(without, decided, ["676"], waits(), NOW)
        assert (ringing(plan), later(plan)) == ([["677"], ["676"]], [["668"]]), "Victor is no executive any more: he rings himself"
        assert plan.present_for == ()
        plan = give_back(where(both[1]), decided, ["676"], waits(), NOW)
        assert (ringing(plan), plan.executive) == ([["676"]], None)
        nobody = directory(both[1], users=[each for each in (*USERS, SALES) if each.extension not in ("676", "667")])
        plan = give_back(nobody, decided, ["676"], waits(), NOW)
        assert [each.extension for each in endpoints(plan)] == ["678", "677"]

    def test_the_rounds_of_a_queue_begin_with_who_is_left(self) -> None:
        members = assistants("500", ("601", {"receive"}), ("600", {"receive"}))
        queue = Executive("500", kind="group", alerting=Alerting("sequential", 10), maximum_wait=60, delegations=members)
        found = where(olivia(), queue)
        plan = give_back(found, call(PRESS, "500", found), ["601"], waits(executive="500"), NOW)
        assert ringing(plan) == [["600"], ["600"], ["600"], ["601"]]
        assert [stage.hold for stage in plan.stages] == [20, 20, 20, None]


def test_a_plan_without_media_says_so() -> None:
    assert not push_back(where(media_mode="direct"), "667", "676", waits(), NOW).anchored


def test_every_step_is_explained() -> None:
    plan = push_back(where(), "667", "676", waits(), NOW)
    assert [(rule.name, rule.reason) for rule in plan.trace] == [
        ("push", "Sam Secretary (676) sends the call to Olivia Boss (667)"),
        ("recall", "comes back to Sam Secretary (676)"),
        ("forwarded call", "all phones of Reception (600) ring then"),
        ("media", "anchored: the feature joins this call to another one"),
    ]


def handovers(case: Case) -> Iterator[tuple[str, RoutePlan]]:
    """Whatever may become of this call when somebody has answered it, each with who sent it away."""
    found, waiting, at = case.directory, Waiting(case.facts.caller), case.now
    decided = decide(case.facts, found, at)
    waiting = waiting._replace(executive=decided.executive, confidential=decided.confidential)
    for executive in filter(found.is_executive, found.executives):
        for delegation in found.executives[executive].delegations[:2]:
            yield delegation.assistant, push_back(found, executive, delegation.assistant, waiting, at)
    for extension, person in list(found.users.items())[:4]:
        if person.kind == "person":
            caller = Caller("user", extension, None, None, extension, person.name, anonymous=False)
            yield extension, transfer(found, caller, case.facts.dialled, waiting, at)
            yield extension, recall(found, extension, waiting, at)
    if decided.action == "ring" and decided.executive is not None:
        answered = next((each.extension for each in endpoints(decided) if each.kind == "user"), None)
        if answered is not None:
            yield answered, give_back(found, decided, [answered], waiting, at)


@given(cases())
def test_nobody_who_waits_is_lost(case: Case) -> None:
    for actor, plan in handovers(case):
        rung = {each.extension for each in endpoints(plan)} - {None}
        assert plan.trace
        assert all(stage.endpoints for stage in (*plan.stages, *plan.rollover)), "no stage is empty"
        assert case.facts.caller.extension not in rung, "who waits is never rung"
        if plan.action == "refuse":
            assert plan.warning and plan.final_status >= 400
            assert not rung
        elif plan.action == "ring" and actor != case.facts.caller.extension:
            back = [each for stage in plan.stages for each in stage.endpoints if each.alert == "recall"]
            assert back, "it comes back to whoever sent it away"
            assert not plan.plain
            assert plan.present is not None

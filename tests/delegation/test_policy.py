"""Where calls go and as whom, told by what a user would notice."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.delegation.model import Executive, Filtering, OnBehalf, Rollover, TrunkRoute
from b2bua.delegation.plan import Caller, Endpoint, Facts, Presentation, RoutePlan
from b2bua.delegation.policy import decide
from tests.delegation.organisation import NOW, TRUNKS, USERS, assistants, call, directory, outside, ringing, user

SAM_CALLS_AS_OLIVIA = Presentation("Olivia Boss", "+6221500600")


def olivia(**settings: object) -> Executive:
    boss = Executive("667", "+6221500600", delegations=assistants("667", "676", "677"))
    return replace(boss, **settings)  # type: ignore[arg-type]


class TestPlainCalls:
    @pytest.mark.parametrize("dialled", ["676", "+6221500676", "6221500676", "+62 21-500(676)", "676-667"])
    def test_a_colleague_by_extension_or_number(self, dialled: str) -> None:
        plan = call("601", dialled)
        assert ringing(plan) == [["676"]]
        assert plan.plain
        assert plan.direction == "internal"
        assert plan.present == Presentation("Lee Colleague", "601")
        assert plan.stages[0].seconds == 180
        assert plan.executive is None

    def test_an_outside_number_goes_to_the_first_trunk_that_takes_it(self) -> None:
        plan = call("601", "+15551234567")
        assert ringing(plan) == [["+15551234567@carrier"]]
        assert (plan.direction, plan.plain, plan.called) == ("outgoing", True, "+15551234567")
        assert ringing(call("601", "012")) == [["012@short"]]

    def test_outside_sees_name_and_main_number_or_the_extension_without_one(self) -> None:
        assert call("601", "+15551234567").present == Presentation("Lee Colleague", "+6221500602")
        assert call("677", "+15551234567").present == Presentation("Ana Aide", "677")

    def test_visual_separators_do_not_go_out(self) -> None:
        assert call("601", "+1 (555) 123-4567").called == "+15551234567"

    @pytest.mark.parametrize(
        "dialled", ["999", "", "nobody", "+1", "6" * 65, "123456\r\nX: y", "#99", "123456;x=y"]
    )
    def test_what_leads_nowhere_is_404(self, dialled: str) -> None:
        plan = call("601", dialled)
        assert (plan.action, plan.final_status) == ("refuse", 404)
        assert plan.warning.isprintable()
        assert plan.called.isprintable()
        assert '"' not in plan.warning

    def test_an_executive_who_calls_is_a_plain_user(self) -> None:
        plan = call("667", "+15551234567")
        assert plan.present == Presentation("Olivia Boss", "+6221500667")
        assert (plan.on_behalf_of, plan.plain) == (None, True)
        assert ringing(call("667", "601")) == [["601"]]

    @pytest.mark.parametrize(("caller", "dialled"), [("601", "601"), ("601", "+6221500603"), ("667", "667"), ("676", "676-667")])
    def test_ones_own_number_is_busy(self, caller: str, dialled: str) -> None:
        assert call(caller, dialled).final_status == 486


class TestFromATrunk:
    @pytest.mark.parametrize("dialled", ["601", "+6221500602", "6221500603"])
    def test_a_users_extension_or_number(self, dialled: str) -> None:
        plan = call(outside(name="Anna"), dialled)
        assert ringing(plan) == [["601"]]
        assert (plan.direction, plan.called) == ("incoming", dialled)
        assert plan.present == Presentation("Anna", "+15551234567")

    @pytest.mark.parametrize("dialled", ["+15559876543", "112", "#64667*+15559876543", "012", "999"])
    def test_nothing_else_for_that_would_be_toll_fraud(self, dialled: str) -> None:
        plan = call(outside(), dialled)
        assert (plan.action, plan.final_status, plan.direction) == ("refuse", 404, "incoming")

    def test_a_number_that_looks_like_a_user_gives_no_rights(self) -> None:
        """An assistant's number from outside is an outside caller: filtered, not let through."""
        assert call(outside("676"), "667").executive == "667"
        assert call(outside("676"), "+15559876543", preferred="667").final_status == 404

    def test_an_anonymous_caller(self) -> None:
        plan = call(outside(anonymous=True), "601")
        assert plan.present == Presentation("Anonymous", "anonymous")
        assert plan.asserted is None

    def test_a_name_from_outside_cannot_break_a_line(self) -> None:
        plan = call(outside("+1555\r\n1", 'Eve\r\nX: "y\udcff'), "667")
        assert plan.present_assistant
        assert plan.present_assistant.name.isprintable()
        assert plan.present_assistant.number == "+15551"


class TestFilteredCalls:
    @pytest.mark.parametrize("caller", [user("601"), user("668"), outside()])
    def test_the_assistants_ring_for_the_executive(self, caller: Caller) -> None:
        plan = call(caller, "667")
        assert ringing(plan) == [["676", "677"]]
        assert {each.for_executive for each in plan.stages[0].endpoints} == {"667"}
        assert {each.role for each in plan.stages[0].endpoints} == {"assistant"}
        assert (plan.executive, plan.diversion_reason, plan.alert_info, plan.plain) == (
            "667",
            "unconditional",
            "delegated",
            False,
        )
        assert plan.rollover == ()
        assert plan.final_status == 480

    def test_what_the_assistants_see(self) -> None:
        assert call("601", "667").present_assistant == Presentation("Lee Colleague → Olivia Boss", "601")
        assert call(outside(), "667").present_assistant == Presentation("+15551234567 → Olivia Boss", "+15551234567")
        assert call(outside(anonymous=True), "667").present_assistant == Presentation("Anonymous → Olivia Boss", "anonymous")

    def test_only_assistants_who_receive_ring(self) -> None:
        boss = olivia(delegations=assistants("667", ("676", {"call"}), "677"))
        assert ringing(call("601", "667", directory(boss))) == [["677"]]

    @pytest.mark.parametrize(
        ("filtering", "inside", "from_outside"),
        [
            (Filtering(), True, True),
            (Filtering(type="internal"), True, False),
            (Filtering(type="external"), False, True),
            (Filtering(enabled=False), False, False),
            (Filtering(enabled=False, type="external"), False, False),
        ],
    )
    def test_the_filter(self, filtering: Filtering, inside: bool, from_outside: bool) -> None:
        where = directory(olivia(filtering=filtering))
        for caller, filtered in ((user("601"), inside), (outside(), from_outside)):
            plan = call(caller, "+6221500600", where)
            assert ringing(plan) == ([["676", "677"]] if filtered else [["667"]])
            assert plan.plain is not filtered

    def test_ones_own_assistants_pass_and_others_do_not(self) -> None:
        victor = Executive("668", delegations=assistants("668", "678"))
        where = directory(olivia(), victor)
        assert ringing(call("676", "667", where)) == [["667"]]
        assert ringing(call("678", "667", where)) == [["676", "677"]]

    def test_other_executives_pass_by_option(self) -> None:
        victor = Executive("668")
        assert ringing(call("668", "667", directory(olivia(), victor))) == [["676", "677"]]
        assert ringing(call("668", "667", directory(olivia(filtering=Filtering(executives_pass=True)), victor))) == [["667"]]
        assert ringing(call("601", "667", directory(olivia(filtering=Filtering(executives_pass=True)), victor))) == [
            ["676", "677"]
        ]

    def test_nobody_to_ring_is_480_at_once_or_the_rollover(self) -> None:
        assert call("601", "667", directory(olivia(delegations=()))).final_status == 480
        assert call("601", "667", directory(olivia(delegations=()))).action == "refuse"
        plan = call("601", "667", directory(olivia(delegations=(), rollover=Rollover(action="executive"))))
        assert (plan.action, plan.stages) == ("ring", ())
        assert plan.rollover[0].endpoints[0].extension == "667"

    @pytest.mark.parametrize("target", ["600", "+6221500601"])
    def test_a_rollover_never_rings_the_caller_inside(self, target: str) -> None:
        where = directory(olivia(rollover=Rollover(action="forward", forward=target)))
        assert call("601", "667", where).rollover[0].endpoints[0].extension == "600"
        assert call("600", "667", where).rollover == ()

    def test_a_rollover_never_rings_the_caller_outside(self) -> None:
        where = directory(olivia(rollover=Rollover(action="forward", forward="+15551234567")))
        endpoint = call("601", "667", where).rollover[0].endpoints[0]
        assert (endpoint.number, endpoint.trunk, endpoint.role) == ("+15551234567", "carrier", "forward")
        assert call(outside("15551234567"), "667", where).rollover == ()

    def test_a_forwarded_call_shows_the_caller(self) -> None:
        where = directory(olivia(rollover=Rollover(action="forward", forward="+15559876543")))
        inside = call("601", "667", where)
        assert inside.present == Presentation("Lee Colleague", "601")
        assert inside.present_outside == Presentation("Lee Colleague", "+6221500602")
        assert call(user("601", anonymous=True), "667", where).present_outside is None
        assert call(outside(), "667", where).present_outside is None
        assert call("601", "667").present_outside is None

    def test_a_call_on_behalf_that_is_forwarded_outside_carries_the_caller_id(self) -> None:
        victor = Executive(
            "668", delegations=assistants("668", "678"), rollover=Rollover(action="forward", forward="+15559876543")
        )
        plan = call("676", "#64667*668", directory(olivia(on_behalf=OnBehalf(inside="executive")), victor))
        assert plan.present == Presentation("Olivia Boss", "667")
        assert plan.present_outside == SAM_CALLS_AS_OLIVIA


class TestOnBehalf:
    ways = pytest.mark.parametrize(
        ("caller", "dialled", "preferred"),
        [
            (user("676"), "#64667*+15551234567", None),
            (user("676"), "#64+6221500667*+15551234567", None),
            (user("676", line="667"), "+15551234567", None),
            (user("676"), "+15551234567", "667"),
            (user("676"), "+15551234567", "+6221500667"),
            (user("676"), "+15551234567", "676-667"),
            (user("676", line="667"), "+15551234567", "676"),
            (user("676", line="667"), "+15551234567", "somebody else"),
        ],
    )

    @ways
    def test_the_outside_sees_the_executive(self, caller: Caller, dialled: str, preferred: str | None) -> None:
        plan = call(caller, dialled, preferred=preferred)
        assert ringing(plan) == [["+15551234567@carrier"]]
        assert plan.present == plan.asserted == SAM_CALLS_AS_OLIVIA
        assert (plan.on_behalf_of, plan.actor, plan.called, plan.direction) == ("667", "676", "+15551234567", "outgoing")

    @ways
    def test_not_without_the_right(self, caller: Caller, dialled: str, preferred: str | None) -> None:
        where = directory(olivia(delegations=assistants("667", ("676", {"receive"}), "677")))
        plan = call(caller, dialled, where, preferred)
        assert (plan.action, plan.final_status, plan.on_behalf_of) == ("refuse", 403, None)
        assert "667" in plan.warning

    @pytest.mark.parametrize(
        ("dialled", "preferred"), [("#64667*+15551234567", None), ("+15551234567", "667"), ("#64601*600", None)]
    )
    def test_a_stranger_may_not(self, dialled: str, preferred: str | None) -> None:
        assert call("678", dialled, preferred=preferred).final_status == 403

    def test_a_line_whose_delegation_has_gone(self) -> None:
        assert call(user("678", line="667"), "+15551234567").final_status == 403

    def test_the_main_number_unless_a_caller_id_is_chosen(self) -> None:
        where = directory(olivia(caller_id=None))
        assert call("676", "#64667*+15551234567", where).present == Presentation("Olivia Boss", "+6221500667")

    def test_the_code_outranks_the_header_and_the_header_the_line(self) -> None:
        victor = Executive("668", delegations=assistants("668", "676"))
        where = directory(olivia(), victor)
        assert call(user("676", line="667"), "#64668*+15551234567", where, "667").on_behalf_of == "668"
        assert call(user("676", line="667"), "+15551234567", where, "668").on_behalf_of == "668"

    def test_inside_sees_the_assistant_by_default(self) -> None:
        plan = call("676", "#64667*601")
        assert ringing(plan) == [["601"]]
        assert plan.present == Presentation("Sam Secretary", "676")
        assert (plan.on_behalf_of, plan.actor) == (None, None)

    def test_by_destination_class(self) -> None:
        where = directory(olivia(on_behalf=OnBehalf(outside="self", inside="executive")))
        inside = call("676", "#64667*601", where)
        assert inside.present == Presentation("Olivia Boss", "667")
        assert (inside.on_behalf_of, inside.actor) == ("667", "676")
        out = call("676", "#64667*+15551234567", where)
        assert out.present == Presentation("Sam Secretary", "+6221500676")
        assert out.on_behalf_of is None
        assert call("676", "#64667*667", where).present == Presentation("Sam Secretary", "676")

    def test_on_behalf_to_another_executive_is_filtered_like_any_call(self) -> None:
        victor = Executive("668", delegations=assistants("668", "678"), filtering=Filtering(executives_pass=True))
        assert ringing(call("676", "#64667*668", directory(olivia(), victor))) == [["678"]]

    @pytest.mark.parametrize("dialled", ["#64", "#64667", "#64667*", "#64*+15551234567"])
    def test_an_incomplete_code_is_484_and_says_how(self, dialled: str) -> None:
        plan = call("676", dialled)
        assert plan.final_status == 484
        assert "#64" in plan.warning

    def test_an_unknown_executive_or_number_is_404(self) -> None:
        assert call("676", "#64999*+15551234567").final_status == 404
        assert call("676", "#64667*999").final_status == 404
        assert call("676", "#64667*#64667*601").final_status == 404

    def test_a_renumbered_code(self) -> None:
        where = directory(feature_codes={"call_as": "*7"})
        assert call("676", "*7667*+15551234567", where).on_behalf_of == "667"
        assert call("676", "#64667*+15551234567", where).final_status == 404

    def test_as_oneself_by_code_needs_no_right(self) -> None:
        assert call("667", "#64667*+15551234567").present == Presentation("Olivia Boss", "+6221500667")

    def test_a_header_that_names_nobody_changes_nothing(self) -> None:
        assert call("676", "+15551234567", preferred="anonymous").present == Presentation("Sam Secretary", "+6221500676")


class TestPrivacy:
    def test_a_private_call_outside_is_anonymous_and_only_asserted(self) -> None:
        plan = call(user("676", line="667", anonymous=True), "+15551234567")
        assert plan.present == Presentation("Anonymous", "anonymous")
        assert plan.asserted == SAM_CALLS_AS_OLIVIA

    def test_a_private_call_inside_is_anonymous_altogether(self) -> None:
        plan = call(user("601", anonymous=True), "667")
        assert plan.present == Presentation("Anonymous", "anonymous")
        assert plan.present_assistant == Presentation("Anonymous → Olivia Boss", "anonymous")
        assert plan.asserted is None


class TestEmergency:
    @pytest.mark.parametrize(
        ("caller", "dialled", "preferred"),
        [
            (user("676"), "112", None),
            (user("676"), "#64667*112", None),
            (user("676"), "#64999*911", None),
            (user("676"), "#64*112", None),
            (user("676", line="667"), "112", None),
            (user("676"), "112", "667"),
            (user("676", line="668", anonymous=True), "1-1-2", "668"),
        ],
    )
    def test_always_out_as_oneself(self, caller: Caller, dialled: str, preferred: str | None) -> None:
        plan = call(caller, dialled, preferred=preferred)
        assert ringing(plan) in ([["112@carrier"]], [["911@carrier"]])
        assert plan.present == plan.asserted == Presentation("Sam Secretary", "+6221500676")
        assert (plan.emergency, plan.on_behalf_of, plan.direction) == (True, None, "outgoing")

    def test_by_the_trunk_that_says_so(self) -> None:
        where = directory(trunks=(*TRUNKS, TrunkRoute("rescue", (), emergency=True)))
        assert ringing(call("601", "112", where)) == [["112@rescue"]]

    def test_without_a_trunk_it_cannot_be(self) -> None:
        assert call("601", "112", directory(trunks=())).final_status == 503


EXTENSIONS = st.sampled_from([each.extension for each in USERS] + ["999"])
TEXTS = st.one_of(
    EXTENSIONS,
    st.sampled_from(
        [number for each in USERS for number in each.numbers] + ["112", "+15551234567", "676-667", "#64", "##20", "*97601"]
    ),
    st.builds("#64{}*{}".format, EXTENSIONS, st.sampled_from(["112", "+15551234567", "601", "667"])),
    st.text(max_size=80),
)
CALLERS = st.one_of(
    st.builds(Caller, st.just("user"), EXTENSIONS, st.none() | EXTENSIONS, st.none(), st.just("0"), st.text(), st.booleans()),
    st.builds(Caller, st.just("trunk"), st.none(), st.none(), st.just("carrier"), TEXTS, st.text(), st.booleans()),
)
EXECUTIVES = st.builds(
    lambda forward, action, inside: olivia(
        rollover=Rollover(action=action, forward=forward if action == "forward" else None), on_behalf=OnBehalf(inside="executive" if inside else "self")
    ),
    st.sampled_from(["600", "601", "+15551234567", "676"]),
    st.sampled_from(["hangup", "executive", "forward"]),
    st.booleans(),
)


def endpoints(plan: RoutePlan) -> list[Endpoint]:
    return [endpoint for stage in (*plan.stages, *plan.rollover) for endpoint in stage.endpoints]


class TestForEveryCall:
    """What holds for any caller, any dialled string and any header."""

    @given(CALLERS, TEXTS, st.none() | TEXTS, EXECUTIVES)
    def test_the_promises(self, caller: Caller, dialled: str, preferred: str | None, boss: Executive) -> None:
        if caller.kind == "user" and caller.extension:
            caller = caller._replace(number=caller.extension)
        where = directory(boss)
        plan = decide(Facts(caller, dialled, preferred), where, NOW)

        assert plan.trace, "every plan explains itself"
        assert all(rule.reason for rule in plan.trace)
        assert plan.called.isprintable()
        if plan.action == "refuse":
            assert plan.final_status >= 400
            assert not endpoints(plan)
            assert plan.warning.isascii()
            return
        if plan.action == "join":
            assert caller.kind == "user", "no feature codes from outside"
            assert plan.feature
            assert not endpoints(plan)
            return
        assert endpoints(plan), "a plan that rings has somebody to ring"
        assert all(stage.endpoints for stage in (*plan.stages, *plan.rollover)), "no stage is empty"
        assert caller.extension not in {each.extension for each in endpoints(plan)} - {None}, "a plan never rings the caller"
        assert plan.present is not None
        assert plan.present.name.isprintable()
        if caller.kind == "trunk":
            assert all(each.kind == "user" or each.role == "forward" for each in endpoints(plan)), "no toll fraud"
            assert plan.on_behalf_of is None
        if plan.on_behalf_of:
            delegation = where.delegation(caller.extension or "", plan.on_behalf_of)
            assert delegation
            assert "call" in delegation.rights
            assert not plan.emergency
            assert caller.extension not in (plan.present.name, plan.present.number), "nothing names the assistant"
        assert (plan.present_assistant is not None) == (plan.executive is not None)
        assert decide(Facts(caller, dialled, preferred), where, NOW) == plan, "the same call, the same plan"

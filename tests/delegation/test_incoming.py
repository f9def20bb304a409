"""Incoming calls, row by row of the feature list: who rings, in which order, for how long, and what comes after."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from b2bua.delegation.model import Alerting, Delegation, Directory, Executive, Filtering, Rollover
from b2bua.delegation.people import (
    Criterion,
    DeviceRings,
    Divert,
    Forwarding,
    OnBehalf,
    User,
)
from b2bua.delegation.plan import Caller, RoutePlan, Setting
from b2bua.delegation.schedule import Holiday, Hours, Schedule
from tests.delegation.organisation import (
    NOW,
    USERS,
    assistants,
    call,
    callers_of,
    changed,
    directory,
    outside,
    ringing,
    rule,
    seconds,
    user,
)

PRESS, LEGAL, MOTHER = "+15557001234", "+15558001234", "+628119990001"
OFFICE = Schedule("office", tuple((Hours(480, 1020),) if day < 5 else () for day in range(7)), (Holiday(date(2026, 12, 25), date(2026, 12, 25)),))
WITHHELD = Caller("trunk", None, None, "carrier", "", "", anonymous=True)
NO_NUMBER = Caller("trunk", None, None, "carrier", "", "", anonymous=True, unavailable=True)


def olivia(*delegations: Delegation, **settings: object) -> Executive:
    return Executive("667", "+6221500600", delegations=delegations or assistants("667", "676", "677"), **settings)  # type: ignore[arg-type]


def rollover(plan: RoutePlan) -> list[list[str]]:
    return [[each.extension or each.number or "" for each in stage.endpoints] for stage in plan.rollover]


def holds(plan: RoutePlan) -> list[float | None]:
    return [stage.hold for stage in plan.stages]


def where(*executives: Executive, **changes: object) -> Directory:
    return directory(*executives or (olivia(),), **changes)


class TestGroups:
    """A4: queues and groups with members."""

    SALES = User("500", "Sales", "", ("+6221500500",), kind="group")

    def organisation(self, *others: Executive, **settings: object) -> Directory:
        members = tuple(Delegation(each, "500", frozenset({"receive"})) for each in ("601", "600", "667"))
        sales = Executive("500", kind="group", delegations=members, **settings)  # type: ignore[arg-type]
        return where(sales, *others, users=(*USERS, self.SALES))

    def test_every_member_rings(self) -> None:
        plan = call(outside(), "+6221500500", self.organisation())
        assert ringing(plan) == [["601", "600", "667"]]
        assert plan.executive == "500", "phones show for which group the call is"

    def test_a_member_who_calls_the_group_reaches_the_others(self) -> None:
        assert ringing(call("601", "500", self.organisation())) == [["600", "667"]]

    def test_delegation_comes_first(self) -> None:
        """A member whose own calls are filtered is represented by their assistants."""
        assert ringing(call(outside(), "500", self.organisation(olivia()))) == [["601", "600", "676", "677"]]

    def test_a_member_with_the_filter_off_rings(self) -> None:
        plan = call(outside(), "500", self.organisation(olivia()), state=[Setting("filter", "667", "", "off")])
        assert ringing(plan) == [["601", "600", "667"]]

    def queue(self, **settings: object) -> RoutePlan:
        return call(outside(), "500", self.organisation(**settings))

    def test_a_queue_rings_round_after_round_until_the_maximum_wait(self) -> None:
        plan = self.queue(alerting=Alerting("sequential", 20), maximum_wait=90)
        assert ringing(plan) == [["601"], ["600"], ["667"], ["601"], ["600"]]
        assert seconds(plan) == [20, 20, 20, 20, 10]
        assert holds(plan) == [60, None, None, 30, None], "the second round begins after 60 s, the overflow comes after 90"

    def test_a_queue_that_rings_everybody_does_so_in_rounds(self) -> None:
        plan = self.queue(alerting=Alerting(ring_seconds=25), maximum_wait=80)
        assert ringing(plan) == [["601", "600", "667"]] * 4
        assert (seconds(plan), holds(plan)) == ([25, 25, 25, 5], [25, 25, 25, 5])

    def test_short_rounds_do_not_follow_each_other_at_once(self) -> None:
        plan = self.queue(alerting=Alerting(ring_seconds=4), maximum_wait=32)
        assert (seconds(plan), holds(plan)) == ([4, 4, 4], [10, 10, 12]), "no round for the last two seconds"

    def test_a_long_wait_has_a_hundred_rounds_at_most(self) -> None:
        plan = self.queue(alerting=Alerting(ring_seconds=5), maximum_wait=7200)
        assert (seconds(plan), holds(plan)) == ([5] * 100, [72] * 100)

    def test_the_maximum_wait_cuts_the_first_round_too(self) -> None:
        plan = self.queue(alerting=Alerting("sequential", 20), maximum_wait=30)
        assert (ringing(plan), seconds(plan), holds(plan)) == ([["601"], ["600"]], [20, 10], [30, None])
        plan = self.queue(alerting=Alerting("sequential", 20, minimum_seconds=70), maximum_wait=30)
        assert (seconds(plan), holds(plan)) == ([20, 20, 30], [70, None, None]), "but for the minimum ring"

    def test_a_round_without_the_caller_begins_with_the_next_member(self) -> None:
        """The first member diverts to the number that calls."""
        users = (*changed("601", divert=Divert(True, outside().number)), self.SALES)
        members = tuple(Delegation(each, "500", frozenset({"receive"})) for each in ("601", "600", "667"))
        sales = Executive("500", kind="group", delegations=members, alerting=Alerting("sequential", 20), maximum_wait=120)
        plan = call(outside(), "500", where(sales, users=users))
        assert ringing(plan) == [["600"], ["667"]] * 2
        assert holds(plan) == [60, None] * 2

    def test_the_overflow_of_a_queue_that_a_call_is_forwarded_to_waits_too(self) -> None:
        """There the overflow is one more stage; a rollover timer of the queue ends the rounds."""
        forwards = Rollover(after_seconds=25, action="forward", forward="678")
        settings = {"alerting": Alerting(ring_seconds=20), "maximum_wait": 60.0, "rollover": forwards}
        members = (Delegation("601", "500", frozenset({"receive"})),)
        sales = Executive("500", kind="group", delegations=members, **settings)  # type: ignore[arg-type]
        users = (*changed("600", forwarding=Forwarding(always="500")), self.SALES)
        plan = call(outside(), "600", where(sales, users=users))
        assert ringing(plan) == [["601"], ["601"], ["678"]]
        assert (seconds(plan), holds(plan)) == ([20, 5, 20], [20, 5, 0])

    def test_a_group_that_is_no_queue_holds_nobody_up(self) -> None:
        assert holds(self.queue(alerting=Alerting("sequential", 20))) == [None, None, None]

    def test_overflow(self) -> None:
        plan = call(outside(), "500", self.organisation(rollover=Rollover(action="forward", forward="678")))
        assert rollover(plan) == [["678"]]


class TestExecutivesPhones:
    """A7/A8, A19."""

    @pytest.mark.parametrize(("strategy", "alert", "limit"), [("splash", "splash", 2.0), ("silent", "silent", None)])
    def test_screening(self, strategy: str, alert: str, limit: float | None) -> None:
        stage = call("601", "667", where(olivia(alerting=Alerting(executive=strategy)))).stages[0]  # type: ignore[arg-type]
        own = stage.endpoints[-1]
        assert (own.extension, own.role, own.alert, own.seconds) == ("667", "executive", alert, limit)
        assert stage.seconds == 30, "the assistants ring on"

    def test_a_splash_before_assistants_one_by_one_does_not_last(self) -> None:
        plan = call("601", "667", where(olivia(alerting=Alerting("sequential", executive="splash"))))
        assert ringing(plan) == [["676", "667"], ["677"]]
        assert not plan.stages[0].endpoints[1].lasting

    def test_silent_lasts_beside_assistants_one_by_one(self) -> None:
        plan = call("601", "667", where(olivia(alerting=Alerting("sequential", executive="silent"))))
        assert plan.stages[0].endpoints[1].lasting

    @pytest.mark.parametrize("strategy", ["first", "together", "splash", "silent"])
    @pytest.mark.parametrize("by_phone", [False, True])
    def test_do_not_disturb_leaves_them_out(self, strategy: str, by_phone: bool) -> None:
        boss = olivia(alerting=Alerting(executive=strategy), rollover=Rollover(action="executive"))  # type: ignore[arg-type]
        users = USERS if by_phone else changed("667", dnd=True)
        state = [Setting("dnd", "667", "", "on")] if by_phone else []
        plan = call("601", "667", where(boss, users=users), state=state)
        assert ringing(plan) == [["676", "677"]]
        assert plan.rollover == ()

    def test_do_not_disturb_ended_by_phone(self) -> None:
        found = where(olivia(alerting=Alerting(executive="together")), users=changed("667", dnd=True))
        assert ringing(call("601", "667", found, state=[Setting("dnd", "667", "", "off")])) == [["676", "677", "667"]]


class TestFilter:
    """A9-A12, A20."""

    @pytest.mark.parametrize(
        ("kind", "caller", "filtered"),
        [
            ("all", "601", True), ("all", outside(), True),
            ("internal", "601", True), ("internal", outside(), False),
            ("external", "601", False), ("external", outside(), True),
        ],
    )  # fmt: skip
    def test_simple(self, kind: str, caller: Caller | str, filtered: bool) -> None:
        plan = call(caller, "667", where(olivia(filtering=Filtering(type=kind))))  # type: ignore[arg-type]
        assert ringing(plan) == ([["676", "677"]] if filtered else [["667"]])

    @pytest.mark.parametrize(("enabled", "switched", "filtered"), [(True, "off", False), (False, "on", True)])
    def test_switched_by_phone(self, enabled: bool, switched: str, filtered: bool) -> None:
        plan = call("601", "667", where(olivia(filtering=Filtering(enabled))), state=[Setting("filter", "667", "", switched)])
        assert ringing(plan) == ([["676", "677"]] if filtered else [["667"]])
        assert any("by phone" in each.reason for each in plan.trace)

    def criteria(self, *criteria: Criterion, **settings: object) -> Directory:
        return where(olivia(filtering=Filtering(mode="criteria", criteria=criteria), **settings))

    @pytest.mark.parametrize(
        ("callers", "caller", "matches"),
        [
            (("any",), "601", True),
            (("internal",), "601", True), (("internal",), outside(), False),
            (("external",), outside(), True), (("external",), "601", False),
            (("+15551234567",), outside("+15551234567"), True), (("+1 555 123-4567",), outside("15551234567"), True),
            (("+15551234568",), outside("+15551234567"), False),
            (("+1555*",), outside("+15551234567"), True), (("+1556*",), outside("+15551234567"), False),
            (("601",), "601", True), (("600",), "601", False),
            (("anonymous",), WITHHELD, True), (("anonymous",), NO_NUMBER, False), (("anonymous",), outside(), False),
            (("unavailable",), NO_NUMBER, True), (("unavailable",), WITHHELD, False),
            (("external",), WITHHELD, True), (("+1555*",), WITHHELD, False),
            (("anonymous",), user("601", anonymous=True), True), (("601",), user("601", anonymous=True), True),
        ],
    )  # fmt: skip
    def test_callers(self, callers: tuple[str, ...], caller: Caller | str, matches: bool) -> None:
        plan = call(caller, "667", self.criteria(Criterion("c", callers=callers_of(*callers))))
        assert ringing(plan) == ([["676", "677"]] if matches else [["667"]])

    @pytest.mark.parametrize(("dialled", "matches"), [("+6221500600", True), ("6221500600", True), ("+6221500667", False), ("667", False)])
    def test_the_number_dialled(self, dialled: str, matches: bool) -> None:
        plan = call(outside(), dialled, self.criteria(Criterion("second line", dialled=frozenset({"6221500600"}))))
        assert ringing(plan) == ([["676", "677"]] if matches else [["667"]])

    @pytest.mark.parametrize(
        ("at", "during", "outside_hours", "holiday"),
        [
            ("2026-11-23T01:00Z", True, False, False),   # Monday 08:00 in Jakarta
            ("2026-11-23T00:59Z", False, True, False),   # 07:59
            ("2026-11-23T10:00Z", False, True, False),   # 17:00: over
            ("2026-11-22T03:00Z", False, True, False),   # Sunday
            ("2026-12-25T03:00Z", False, True, True),    # Christmas, a Friday
        ],
    )  # fmt: skip
    def test_schedules_in_the_executives_time_zone(self, at: str, during: bool, outside_hours: bool, holiday: bool) -> None:
        jakarta = timezone(timedelta(hours=7))
        for criterion, expected in (
            (Criterion("d", during=OFFICE), during),
            (Criterion("o", outside=OFFICE), outside_hours),
            (Criterion("h", holidays=OFFICE), holiday),
        ):
            plan = call(outside(), "667", self.criteria(criterion, time_zone=jakarta), at=datetime.fromisoformat(at))
            assert (ringing(plan) == [["676", "677"]]) is expected, criterion.name

    def test_one_of_several_criteria_is_enough_and_the_others_are_explained(self) -> None:
        plan = call(
            outside(PRESS),
            "667",
            self.criteria(
                Criterion("legal", callers=callers_of("+1555800*")),
                Criterion("off", callers=callers_of("any"), active=False),
                Criterion("press", callers=callers_of("+1555700*")),
                Criterion("rest"),
            ),
        )
        looked_at = [(each.name, each.matched) for each in plan.trace if each.name.startswith("criterion")]
        assert looked_at == [("criterion 'legal'", False), ("criterion 'off'", False), ("criterion 'press'", True)]
        assert PRESS in rule(plan, "the call")[1]
        assert ringing(plan) == [["676", "677"]]

    def test_no_criterion_means_no_filter(self) -> None:
        assert ringing(call(outside(), "667", self.criteria())) == [["667"]]

    @pytest.mark.parametrize("mode", ["simple", "criteria"])
    def test_an_exception_wins_over_everything(self, mode: str) -> None:
        """A11."""
        filtering = Filtering(
            mode=mode,  # type: ignore[arg-type]
            criteria=(Criterion("all"), Criterion("mother", filter=False, callers=callers_of(MOTHER))),
        )
        assert ringing(call(outside(MOTHER), "667", where(olivia(filtering=filtering)))) == [["667"]]
        assert ringing(call(outside(), "667", where(olivia(filtering=filtering)))) == [["676", "677"]]

    def test_own_assistants_pass_others_do_not(self) -> None:
        """A20."""
        both = where(olivia(), Executive("668", delegations=assistants("668", "678")))
        assert ringing(call("676", "667", both)) == [["667"]]
        assert ringing(call("678", "667", both)) == [["676", "677"]]


class TestWhoOfTheAssistants:
    """A13, A14, A18, A24, A25, and how they compose."""

    def test_opted_out(self) -> None:
        plan = call("601", "667", state=[Setting("opt", "676", "667", "out")])
        assert ringing(plan) == [["677"]]
        assert rule(plan, "assistant Sam Secretary (676)") == (False, "has opted out")

    def test_opted_out_for_another_executive(self) -> None:
        assert ringing(call("601", "667", state=[Setting("opt", "676", "668", "out")])) == [["676", "677"]]

    def test_all_opted_out_is_the_rollover_at_once(self) -> None:
        state = [Setting("opt", each, "667", "out") for each in ("676", "677")]
        plan = call("601", "667", where(olivia(rollover=Rollover(60, "executive"))), state=state)
        assert (plan.stages, rollover(plan)) == ((), [["667"]])
        assert (call("601", "667", state=state).action, call("601", "667", state=state).final_status) == ("refuse", 480)

    @pytest.mark.parametrize("by_phone", [False, True])
    @pytest.mark.parametrize(("number", "rings"), [("+4930123456", "+4930123456@carrier"), ("600", "600")])
    def test_divert(self, by_phone: bool, number: str, rings: str) -> None:
        users = USERS if by_phone else changed("676", divert=Divert(enabled=True, number=number))
        state = [Setting("divert", "676", "", "on"), Setting("divert_to", "676", "", number)] if by_phone else []
        plan = call("601", "667", where(users=users), state=state)
        assert ringing(plan) == [[rings, "677"]]
        assert plan.stages[0].endpoints[0].role == "assistant", "they see what the assistant would see"
        assert plan.stages[0].endpoints[0].diverted_by == "676"
        assert plan.present_outside is None or plan.present_outside.number == "+6221500602"

    def test_divert_switched_off_by_phone_and_on_to_the_old_number(self) -> None:
        found = where(users=changed("676", divert=Divert(enabled=True, number="600")))
        assert ringing(call("601", "667", found, state=[Setting("divert", "676", "", "off")])) == [["676", "677"]]
        found = where(users=changed("676", divert=Divert(enabled=False, number="600")))
        assert ringing(call("601", "667", found, state=[Setting("divert", "676", "", "on")])) == [["600", "677"]]

    def test_a_divert_concerns_filtered_calls_only(self) -> None:
        assert ringing(call("601", "676", where(users=changed("676", divert=Divert(True, "600"))))) == [["676"]]

    def test_divert_chain_and_two_to_one_number(self) -> None:
        state = [
            *(Setting("divert", each, "", "on") for each in ("676", "677")),
            Setting("divert_to", "676", "", "677"),
            Setting("divert_to", "677", "", "600"),
        ]
        assert ringing(call("601", "667", state=state)) == [["600"]], "once, not twice"

    def test_divert_circle_rings_the_assistants_themselves(self) -> None:
        state = [
            *(Setting("divert", each, "", "on") for each in ("676", "677")),
            Setting("divert_to", "676", "", "677"),
            Setting("divert_to", "677", "", "676"),
        ]
        assert ringing(call("601", "667", state=state)) == [["676", "677"]]

    def test_an_assistants_own_handling_plays_no_part(self) -> None:
        """A18: neither forwarding nor working hours."""
        users = changed("676", forwarding=Forwarding(always="600", busy="600", no_answer="600"), hours=OFFICE)
        plan = call("601", "667", where(users=users), at=datetime(2026, 11, 22, 3, tzinfo=UTC))
        assert ringing(plan) == [["676", "677"]]
        assert plan.stages[0][3:6] == ((), (), ())

    @pytest.mark.parametrize(("hour", "rings"), [(9, ["676", "677"]), (18, ["677"])])
    def test_respect_hours(self, hour: int, rings: list[str]) -> None:
        boss = olivia(Delegation("676", "667", respect_hours=True), Delegation("677", "667"))
        assert ringing(call("601", "667", where(boss, users=changed("676", hours=OFFICE)), at=NOW.replace(hour=hour))) == [rings]

    @pytest.mark.parametrize(
        ("caller", "rings"), [(outside(PRESS), ["676", "678"]), (outside(LEGAL), ["677", "678"]), ("601", ["678"]), (WITHHELD, ["678"])]
    )
    def test_scope_by_caller_group(self, caller: Caller | str, rings: list[str]) -> None:
        """A24."""
        boss = olivia(
            Delegation("676", "667", callers=callers_of("+1555700*", text="press")),
            Delegation("677", "667", callers=callers_of("+1555800*", text="legal")),
            Delegation("678", "667"),
        )
        assert ringing(call(caller, "667", where(boss))) == [rings]

    def test_a_confidential_contact_rings_the_executive_only(self) -> None:
        boss = olivia(confidential=callers_of(MOTHER), alerting=Alerting(executive="together"), rollover=Rollover(action="forward", forward="600"))
        plan = call(outside(MOTHER), "667", where(boss))
        assert (ringing(plan), plan.rollover, plan.confidential) == ([["667"]], (), True)

    def test_a_confidential_contact_forwarded_to_an_assistant_is_private(self) -> None:
        found = where(olivia(confidential=callers_of(MOTHER)), users=changed("667", forwarding=Forwarding(no_answer="676")))
        plan = call(outside(MOTHER, "Mother"), "667", found)
        forwarded = plan.stages[0].no_answer[0].endpoints[0]
        assert (forwarded.extension, forwarded.role) == ("676", "assistant")
        assert plan.present_assistant is not None
        assert (plan.present_assistant.name, plan.present_assistant.number) == ("Private → Olivia Boss", "anonymous")

    @pytest.mark.parametrize(
        ("at", "covered"),
        [("2026-11-30T23:59Z", False), ("2026-12-01T00:00Z", True), ("2026-12-23T23:59Z", True), ("2026-12-24T00:00Z", False)],
    )
    def test_time_box(self, at: str, covered: bool) -> None:
        """A25."""
        locum = Delegation("678", "667", begins=datetime(2026, 12, 1, tzinfo=UTC), ends=datetime(2026, 12, 24, tzinfo=UTC))
        plan = call("601", "667", where(olivia(Delegation("676", "667"), locum)), at=datetime.fromisoformat(at))
        assert ringing(plan) == [["676", "678"] if covered else ["676"]]

    @pytest.mark.parametrize(("approval", "rings"), [("approved", ["676"]), ("pending", []), ("declined", [])])
    def test_approval(self, approval: str, rings: list[str]) -> None:
        boss = olivia(Delegation("676", "667", approval=approval), rollover=Rollover(action="executive"))  # type: ignore[arg-type]
        assert ringing(call("601", "667", where(boss))) == ([rings] if rings else [])

    def test_do_not_disturb_counts_for_assistants_too(self) -> None:
        assert ringing(call("601", "667", state=[Setting("dnd", "676", "", "on")])) == [["677"]]

    def test_they_compose(self) -> None:
        """One out, one outside hours, one off duty by time box, one on DND: who is left rings; filter off: nobody of them does."""
        boss = olivia(
            Delegation("676", "667"),
            Delegation("677", "667", respect_hours=True),
            Delegation("678", "667", ends=NOW - timedelta(days=1)),
            Delegation("600", "667"),
            Delegation("601", "667"),
        )
        found = where(boss, users=changed("677", hours=Schedule("never", ((),) * 7)))
        state = [Setting("opt", "676", "667", "out"), Setting("dnd", "600", "", "on")]
        assert ringing(call(outside(), "667", found, state=state)) == [["601"]]
        assert ringing(call(outside(), "667", found, state=[*state, Setting("filter", "667", "", "off")])) == [["667"]]


class TestRollover:
    """A15 and the executive's own handling."""

    @pytest.mark.parametrize(
        ("action", "forward", "target"),
        [
            ("executive", None, [["667"]]),
            ("forward", "600", [["600"]]),
            ("forward", "+4930123456", [["+4930123456"]]),
            ("voicemail", "sip:vm@127.0.0.9:5070", [["sip:vm@127.0.0.9:5070"]]),
            ("no_answer", None, [["601"]]),
            ("hangup", None, []),
        ],
    )
    def test_actions(self, action: str, forward: str | None, target: list[list[str]]) -> None:
        found = where(
            olivia(rollover=Rollover(action=action, forward=forward)),  # type: ignore[arg-type]
            users=changed("667", forwarding=Forwarding(no_answer="601")),
        )
        plan = call(outside(), "667", found)
        assert rollover(plan) == target

    def test_the_executive_who_does_not_answer_after_the_rollover_is_forwarded(self) -> None:
        found = where(olivia(rollover=Rollover(action="executive")), users=changed("667", forwarding=Forwarding(no_answer="600")))
        stage = call(outside(), "667", found).rollover[0]
        assert [each.extension for each in stage.no_answer[0].endpoints] == ["600"]

    @pytest.mark.parametrize(("after", "minimum", "expected"), [(7200.0, 0, 7200.0), (10.0, 30, 30.0), (None, 0, None)])
    def test_timer(self, after: float | None, minimum: float, expected: float | None) -> None:
        boss = olivia(alerting=Alerting(minimum_seconds=minimum), rollover=Rollover(after, "executive"))
        assert call(outside(), "667", where(boss)).rollover_after == expected

    def test_to_another_executive_goes_through_their_filter(self) -> None:
        victor = Executive("668", delegations=assistants("668", "678"), rollover=Rollover(after_seconds=10, action="executive"))
        plan = call(outside(), "667", where(olivia(rollover=Rollover(action="forward", forward="668")), victor))
        assert rollover(plan) == [["678"], ["668"]]
        assert [stage.seconds for stage in plan.rollover] == [10, 30], "and keeps their times"

    def test_a_circle_ends(self) -> None:
        victor = Executive("668", delegations=assistants("668", "678"), rollover=Rollover(action="forward", forward="667"))
        plan = call(outside(), "667", where(olivia(rollover=Rollover(action="forward", forward="668")), victor))
        assert rollover(plan) == [["678"]]
        assert "was there already" in rule(plan, "forward")[1]


class TestForwarding:
    """A user's own forwarding, for calls that ring their own phones."""

    def test_always(self) -> None:
        plan = call("601", "600", where(users=changed("600", forwarding=Forwarding(always="+4930123456"))))
        assert ringing(plan) == [["+4930123456@carrier"]]
        assert plan.present_outside is not None
        assert plan.present_outside.number == "+6221500602"

    def test_busy_no_answer_unreachable(self) -> None:
        forwarding = Forwarding(busy="676", no_answer="677", unreachable="sip:vm@127.0.0.9", no_answer_seconds=15)
        stage = call("601", "600", where(users=changed("600", forwarding=forwarding))).stages[0]
        assert stage.seconds == 15
        ways = [each[0].endpoints[0] for each in (stage.busy, stage.no_answer, stage.unreachable)]
        assert [each.extension or each.number for each in ways] == ["676", "677", "sip:vm@127.0.0.9"]
        assert [each.diversion for each in ways] == ["user-busy", "no-answer", "unavailable"]
        assert {each.diverting for each in ways} == {"600"}

    def test_do_not_disturb_is_busy(self) -> None:
        found = where(users=changed("600", forwarding=Forwarding(busy="676"), dnd=True))
        assert ringing(call("601", "600", found)) == [["676"]]
        refused = call("601", "600", where(users=changed("600", dnd=True)))
        assert (refused.action, refused.final_status) == ("refuse", 480)

    def test_to_an_executive_goes_through_the_filter(self) -> None:
        plan = call("601", "600", where(users=changed("600", forwarding=Forwarding(always="667"))))
        assert ringing(plan) == [["676", "677"]]
        assert [(each.executive, each.presentation.name) for each in plan.present_for] == [("667", "Lee Colleague → Olivia Boss")]
        assert (plan.executive, plan.plain) == (None, True), "it is 600 who was called"

    def test_each_forward_names_who_forwarded(self) -> None:
        """601 forwards to Olivia, whose rollover forwards to Tom: Tom's phone is told of Olivia, not of 601."""
        boss = olivia(rollover=Rollover(action="forward", forward="678"))
        plan = call("600", "601", where(boss, users=changed("601", forwarding=Forwarding(always="667"))))
        marks = {each.extension: (each.diverting, each.diversion) for stage in plan.stages for each in stage.endpoints}
        assert marks == {"676": ("601", "unconditional"), "677": ("601", "unconditional"), "678": ("667", "no-answer")}

    def test_each_executives_assistants_see_whose_call_it_is(self) -> None:
        """600 forwards to Olivia when busy and to Victor when nobody answers: Victor's assistant does not see Olivia."""
        victor = Executive("668", delegations=assistants("668", "678"))
        found = where(olivia(), victor, users=changed("600", forwarding=Forwarding(busy="667", no_answer="668")))
        plan = call("601", "600", found)
        assert {each.executive: each.presentation.name for each in plan.present_for} == {
            "667": "Lee Colleague → Olivia Boss",
            "668": "Lee Colleague → Victor Chief",
        }
        nested = call("601", "667", where(olivia(rollover=Rollover(action="forward", forward="668")), victor))
        assert nested.present_assistant is not None
        assert nested.present_assistant.name == "Lee Colleague → Olivia Boss"
        assert [(each.executive, each.presentation.name) for each in nested.present_for] == [("668", "Lee Colleague → Victor Chief")]

    def test_ways_to_the_same_target_are_one(self) -> None:
        found = where(users=changed("600", forwarding=Forwarding(busy="676", no_answer="676", unreachable="677")))
        stage = call("601", "600", found).stages[0]
        marks = [(each[0].endpoints[0].extension, each[0].endpoints[0].diversion) for each in (stage.busy, stage.no_answer, stage.unreachable)]
        assert marks == [("676", "user-busy"), ("676", "no-answer"), ("677", "unavailable")]

    def test_at_most_five_hops(self) -> None:
        chain = ["600", "601", "676", "677", "678", "668", "667"]
        users = tuple(
            User(each, each, "x", forwarding=Forwarding(always=then)) for each, then in zip(chain, [*chain[1:], None], strict=True)
        )
        plan = call(outside(), "600", Directory.build(domain="acme.test", users=users))
        assert (plan.action, plan.final_status) == ("refuse", 480)
        assert "5 times" in rule(plan, "forward")[1]
        assert ringing(call(outside(), "601", Directory.build(domain="acme.test", users=users))) == [["667"]], "five are allowed"

    def test_a_circle_ends(self) -> None:
        users = (User("1", "A", "x", forwarding=Forwarding(always="2")), User("2", "B", "x", forwarding=Forwarding(always="1")))
        assert call(outside(), "1", Directory.build(domain="acme.test", users=users)).final_status == 480


class TestDevices:
    """A22."""

    @pytest.mark.parametrize(
        ("devices", "expected"),
        [
            (DeviceRings(), [("all", None, 0)]),
            (DeviceRings("apps_first", 18), [("apps", 18, 0), ("desk", None, 18)]),
            (DeviceRings("desk_first", 12), [("desk", 12, 0), ("apps", None, 12)]),
            (DeviceRings("apps_first", 0), [("desk", None, 0)]),
        ],
    )
    def test_order(self, devices: DeviceRings, expected: list[tuple[str, float | None, float]]) -> None:
        found = where(users=changed("676", devices=devices))
        for plan in (call("601", "676", found), call("601", "667", where(olivia(Delegation("676", "667")), users=found.users.values()))):
            assert [(each.devices, each.seconds, each.after) for each in plan.stages[0].endpoints] == expected


class TestCallBack:
    """B11."""

    REMEMBERED = Setting("callback", "667", "15551234567", "677", NOW.timestamp() + 60)

    def organisation(self, **settings: object) -> Directory:
        return where(olivia(on_behalf=OnBehalf(callback_seconds=3600), **settings))

    @pytest.mark.parametrize("filtered", [True, False])
    def test_rings_the_assistant_first(self, filtered: bool) -> None:
        found = self.organisation(filtering=Filtering(enabled=filtered))
        plan = call(outside(), "+6221500600", found, state=[self.REMEMBERED])
        assert ringing(plan) == [["677"], ["676"] if filtered else ["667"]]

    def test_only_that_number_and_only_so_long(self) -> None:
        found = self.organisation()
        assert ringing(call(outside("+15550000000"), "667", found, state=[self.REMEMBERED])) == [["676", "677"]]
        assert ringing(call(outside(), "667", found, state=[self.REMEMBERED], at=NOW + timedelta(minutes=2))) == [["676", "677"]]

    def test_not_an_assistant_who_has_opted_out(self) -> None:
        plan = call(outside(), "667", self.organisation(), state=[self.REMEMBERED, Setting("opt", "677", "667", "out")])
        assert ringing(plan) == [["676"]]


class TestWhoeverLooksLikeAColleague:
    """A number over a trunk is no extension, whatever it looks like."""

    @pytest.mark.parametrize("caller", [outside("601"), outside("+601"), outside("601", "Lee Colleague")])
    def test_passes_no_exception_and_is_no_confidential_contact(self, caller: Caller) -> None:
        exception = Filtering(criteria=(Criterion("Lee", filter=False, callers=callers_of("601")),))
        assert ringing(call(caller, "667", where(olivia(filtering=exception)))) == [["676", "677"]]
        assert ringing(call("601", "667", where(olivia(filtering=exception)))) == [["667"]]
        assert ringing(call(caller, "667", where(olivia(confidential=callers_of("601"))))) == [["676", "677"]]

    def test_is_not_shown_as_the_colleague(self) -> None:
        plan = call(outside("601", "Lee Colleague"), "600")
        assert plan.present is not None
        assert plan.present.number == "anonymous", "phones would call back, and show the colleague's name"
        assert plan.present.name == "601 (outside)"
        assert plan.asserted is None

    def test_a_prefix_means_outside_numbers_only(self) -> None:
        found = where(olivia(filtering=Filtering(mode="criteria", criteria=(Criterion("x", callers=callers_of("60*")),))))
        assert ringing(call("601", "667", found)) == [["667"]]
        assert ringing(call(outside("+60123456789"), "667", found)) == [["676", "677"]]


class TestReviewed:
    """Cases that once went wrong."""

    def test_a_confidential_contact_is_private_where_an_assistant_diverts_or_forwards(self) -> None:
        mobile = "+628111111111"
        shared = Executive("668", delegations=assistants("668", "676", "677"))
        boss = olivia(confidential=callers_of(MOTHER))
        users = tuple(
            each
            for each in changed("667", forwarding=Forwarding(no_answer="668"))
            if each.extension != "676"
        ) + changed("676", divert=Divert(enabled=True, number=mobile))[2:3]
        plan = call(outside(MOTHER, "Mother"), "667", where(boss, shared, users=users))
        reached = [each for stage in plan.stages[0].no_answer for each in stage.endpoints]
        assert {each.number or each.extension for each in reached} == {mobile, "677"}
        assert {each.role for each in reached} == {"assistant"}
        assert plan.confidential
        forwards = tuple(each for each in changed("667", forwarding=Forwarding(no_answer="676")) if each.extension != "676")
        forwards += changed("676", forwarding=Forwarding(always=mobile))[2:3]
        plan = call(outside(MOTHER, "Mother"), "667", where(boss, users=forwards))
        (endpoint,) = plan.stages[0].no_answer[0].endpoints
        assert (endpoint.number, endpoint.role) == (mobile, "assistant")

    @pytest.mark.parametrize("delegation", [
        Delegation("676", "667", ends=NOW),
        Delegation("676", "667", begins=NOW + timedelta(days=1)),
        Delegation("676", "667", approval="pending"),
    ])  # fmt: skip
    def test_who_is_no_assistant_now_is_filtered_like_others(self, delegation: Delegation) -> None:
        assert ringing(call("676", "667", where(olivia(delegation, Delegation("677", "667"))))) == [["677"]]

    def test_an_executive_on_do_not_disturb_is_represented_in_a_group_all_the_same(self) -> None:
        sales = TestGroups().organisation(olivia())
        assert ringing(call(outside(), "500", sales, state=[Setting("dnd", "667", "", "on")])) == [["601", "600", "676", "677"]]

    def test_a_call_back_finds_the_assistant_where_they_divert(self) -> None:
        found = where(olivia(on_behalf=OnBehalf(callback_seconds=3600)), users=changed("677", divert=Divert(True, "600")))
        assert ringing(call(outside(), "667", found, state=[TestCallBack.REMEMBERED])) == [["600"], ["676"]]

    def test_a_divert_rings_the_users_phones_in_their_order(self) -> None:
        users = tuple(each for each in changed("676", divert=Divert(True, "600")) if each.extension != "600")
        users += changed("600", devices=DeviceRings("apps_first", 18))[5:6]
        stage = call("601", "667", where(olivia(Delegation("676", "667")), users=users)).stages[0]
        assert [(each.extension, each.devices, each.after) for each in stage.endpoints] == [("600", "apps", 0), ("600", "desk", 18)]

    def test_the_executives_phone_does_not_ring_on_into_a_nested_rollover(self) -> None:
        boss = olivia(alerting=Alerting("sequential", 10, executive="together"), rollover=Rollover(action="forward", forward="678"))
        plan = call("601", "600", where(boss, users=changed("600", forwarding=Forwarding(always="667"))))
        own = next(each for stage in plan.stages for each in stage.endpoints if each.role == "executive")
        assert (own.lasting, own.seconds) == (True, 20)

    def test_a_name_written_like_a_line_is_no_number(self) -> None:
        assert call("601", "676-112").final_status == 404
        assert call("601", "601-600").final_status == 404

    def test_a_confidential_contact_whom_somebody_forwards_goes_no_further_than_the_executive(self) -> None:
        boss = olivia(confidential=callers_of(MOTHER))
        users = tuple(each for each in changed("600", forwarding=Forwarding(always="667")) if each.extension != "667")
        users += changed("667", forwarding=Forwarding(no_answer="676"))[0:1]
        plan = call(outside(MOTHER, "Mother"), "600", where(boss, users=users))
        assert ringing(plan) == [["667"]]
        assert plan.stages[0][3:6] == ((), (), ())

    def test_an_opt_out_ends_with_the_right_to_it(self) -> None:
        """Or nothing could bring the assistant back: #65 needs the right as well."""
        boss = olivia(Delegation("676", "667", frozenset({"receive"})))
        assert ringing(call("601", "667", where(boss), state=[Setting("opt", "676", "667", "out")])) == [["676"]]

"""What-if cases: a plan as an office writes it down, and what a case says when the plan is another one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from b2bua.delegation.explain import facts_for
from b2bua.delegation.model import Alerting, Directory, Executive, OnBehalf, Rollover
from b2bua.delegation.people import DeviceRings, Divert, DutyProfile, Forwarding
from b2bua.delegation.plan import Endpoint, RoutePlan, Setting, Stage
from b2bua.delegation.policy import decide
from b2bua.delegation.state import State
from b2bua.delegation.whatif import MAX_LINE, MAX_RULES_SHOWN, Case, Result, run_case, summary
from tests.delegation.organisation import NOW, USERS, assistants, directory

OUTSIDE = "+15551234567"


def case(caller: str, dialled: str, where: Directory, state: State | None = None, **expect: Any) -> Case:
    return Case("a case", facts_for(caller, dialled, where), NOW, expect, state or State())


def shown(caller: str, dialled: str, where: Directory | None = None) -> dict[str, Any]:
    where = where or directory()
    return summary(decide(facts_for(caller, dialled, where), where, NOW))


def office(**settings: Any) -> Directory:
    """Olivia's office with other settings, and Sam with a divert."""
    boss = Executive("667", "+6221500600", delegations=assistants("667", "676", "677"), **settings)
    return directory(boss)


class TestSummary:
    def test_a_filtered_call_from_inside(self) -> None:
        assert shown("601", "667") == {
            "ring": ("676 + 677, 30 s",),
            "rollover": (),
            "after": None,
            "end": "hang up 480",
            "assistants_see": "Lee Colleague → Olivia Boss <601>",
            "called_sees": "Lee Colleague <601>",
            "outside_sees": None,
            "asserted": "Lee Colleague <601>",
            "on_behalf_of": None,
            "actor": None,
            "warning": "",
            "sets": (),
            "says": "",
            "confidential": False,
            "joins": "",
            "media": "anchored",
        }

    def test_a_call_on_behalf(self) -> None:
        found = shown("676", f"#64667*{OUTSIDE}")
        assert found["ring"] == (f"{OUTSIDE} over carrier, 180 s",)
        assert found["end"] == "as the phone answers"
        assert (found["called_sees"], found["on_behalf_of"], found["actor"]) == ("Olivia Boss <+6221500600>", "667", "676")

    def test_a_caller_without_a_name(self) -> None:
        assert shown(OUTSIDE, "601")["called_sees"] == f"<{OUTSIDE}>"

    def test_a_refusal(self) -> None:
        found = shown("601", f"#64667*{OUTSIDE}")
        assert (found["end"], found["warning"], found["ring"]) == ("refused 403", "you may not call as 667", ())

    def test_a_code_that_was_obeyed(self) -> None:
        found = shown("667", "#61")
        assert (found["end"], found["sets"], found["says"]) == ("done", ("filter 667 = on",), "Filter on: Olivia Boss")

    @pytest.mark.parametrize(
        ("caller", "dialled", "joins", "end", "media"),
        [
            ("676", "*11", "pull", "joins another call", "anchored"),
            ("601", "701", "retrieve 701", "joins another call", "anchored"),
            ("601", "600", "", "as the phone answers", "direct"),
            ("667", "#61", "", "done", None),
            ("601", "#99", "", "refused 404", None),
        ],
    )
    def test_a_feature_that_joins_another_call_and_where_the_sound_goes(
        self, caller: str, dialled: str, joins: str, end: str, media: str | None
    ) -> None:
        found = shown(caller, dialled)
        assert (found["joins"], found["end"], found["media"]) == (joins, end, media)

    def test_a_rollover_that_leaves_the_house(self) -> None:
        found = shown("601", "667", office(rollover=Rollover(60, "forward", "+15559876543")))
        assert (found["after"], found["rollover"]) == (60, ("+15559876543 over carrier, 30 s",))
        assert found["outside_sees"] == "Lee Colleague <+6221500602>"

    def test_a_mailbox(self) -> None:
        found = shown("601", "667", office(rollover=Rollover(None, "voicemail", "sip:vm@127.0.0.9")))
        assert found["rollover"] == ("sip:vm@127.0.0.9, 30 s",)

    @pytest.mark.parametrize(
        ("strategy", "ring"),
        [
            ("first", ("667, 30 s", "676 + 677, 30 s")),
            ("splash", ("676 + 677 + 667 splash for 2 s, 30 s",)),
            ("silent", ("676 + 677 + 667 silent, 30 s",)),
        ],
    )
    def test_the_executives_own_phones(self, strategy: Any, ring: tuple[str, ...]) -> None:
        assert shown("601", "667", office(alerting=Alerting(executive=strategy)))["ring"] == ring

    def test_one_after_the_other_with_the_executive_to_the_end(self) -> None:
        found = shown("601", "667", office(alerting=Alerting("sequential", 15, "together")))
        assert found["ring"] == ("676 + 667 to the end, 15 s", "677, 15 s")

    def test_the_order_of_devices(self) -> None:
        users = [replace(user, devices=DeviceRings("apps_first")) if user.extension == "601" else user for user in USERS]
        found = shown("676", "601", directory(users=users))
        assert found["ring"] == ("601 apps for 18 s + 601 desk after 18 s, 180 s",)

    def test_where_a_call_goes_on_stands_below_its_stage(self) -> None:
        forwarding = {
            "601": Forwarding(busy="600", no_answer="sip:vm@127.0.0.9", no_answer_seconds=20),
            "600": Forwarding(busy=OUTSIDE),
        }
        users = [replace(user, forwarding=forwarding.get(user.extension, Forwarding())) for user in USERS]
        assert shown("676", "601", directory(users=users))["ring"] == (
            "601, 20 s",
            "if busy: 600, 180 s",
            f"if busy: if busy: {OUTSIDE} over carrier, 180 s",
            "if no answer: sip:vm@127.0.0.9, 180 s",
        )

    def test_a_divert(self) -> None:
        users = [replace(user, divert=Divert(True, OUTSIDE)) if user.extension == "676" else user for user in USERS]
        assert shown("601", "667", directory(users=users))["ring"] == (f"{OUTSIDE} over carrier for 676 + 677, 30 s",)

    def test_a_stage_without_a_limit(self) -> None:
        plan = RoutePlan("ring", (Stage((Endpoint("user", "601", None, None, "user", None),), None, "user"),))
        assert summary(plan)["ring"] == ("601",)

    @pytest.mark.parametrize(
        ("setting", "line"),
        [
            (Setting("opt", "677", "667", "out"), "opt 677 for 667 = out"),
            (Setting("opt", "677", "667"), "opt 677 for 667 = as the directory says"),
            (Setting("duty", "676", "", ""), "duty 676 = off"),
            (Setting("divert_to", "676", "", OUTSIDE), f"divert_to 676 = {OUTSIDE}"),
            (Setting("callback", "667", "15551234567", "676"), "callback 667 from 15551234567 = 676"),
        ],
    )
    def test_what_is_remembered(self, setting: Setting, line: str) -> None:
        assert summary(RoutePlan("set", settings=(setting,)))["sets"] == (line,)

    def test_until_when_in_the_zone_asked_for(self) -> None:
        until = datetime(2026, 11, 23, 10, 0, tzinfo=UTC).timestamp()
        plan = RoutePlan("set", settings=(Setting("call_as", "676", "", "667", until),))
        assert summary(plan)["sets"] == ("call_as 676 = 667 until 2026-11-23 10:00",)
        assert summary(plan, ZoneInfo("Asia/Jakarta"))["sets"] == ("call_as 676 = 667 until 2026-11-23 17:00",)


class TestCases:
    def test_a_case_that_holds(self) -> None:
        where = directory()
        held = case(
            "601", "667", where, ring=("676 + 677, 30 s",), end="hang up 480", rules=("filter: yes", "past the filter: no")
        )
        assert run_case(held, where) is None

    def test_only_what_was_written_is_compared(self) -> None:
        where = directory()
        assert run_case(case("601", "667", where, confidential=False), where) is None

    def test_the_difference_and_the_reason(self) -> None:
        where = directory()
        result = run_case(case("601", "667", where, ring=("676, 30 s",), after=60.0, end="hang up 480"), where)
        assert str(result).splitlines() == [
            "ring, after are not as expected",
            '    expected  ring: ["676, 30 s"]',
            '    got       ring: ["676 + 677, 30 s"]',
            "    expected  after: 60",
            "    got       after: null",
            "    because of these rules, in the order in which they were looked at:",
            "      no   emergency number: not one of the emergency numbers",
            "      no   on behalf: no other identity was chosen",
            "      yes  a user's number: 667 is Olivia Boss (667)",
            "      no   past the filter: the caller is no assistant of this executive, nor let through otherwise",
            "      yes  filter: it takes all calls and this call is internal",
            "      yes  assistant Sam Secretary (676): takes calls, and is rung",
            "      yes  assistant Ana Aide (677): takes calls, and is rung",
            "      yes  assistants' ring plan: the ring plan of Olivia Boss (667) is followed",
            "      yes  media: anchored: calls of Olivia Boss (667) may be sent back, picked up and joined",
        ]

    def test_one_difference_is_told_in_the_singular(self) -> None:
        where = directory()
        assert str(run_case(case("601", "667", where, end="done"), where)).startswith("end is not as expected\n")

    def test_rules_that_came_out_otherwise_or_were_not_looked_at(self) -> None:
        where = directory()
        result = run_case(case("601", "667", where, rules=("filter: no", "sticky callback: yes", "filter: yes")), where)
        assert result is not None
        (difference,) = result.differences
        assert difference.got == ("filter: yes", "sticky callback: not looked at", "filter: yes")

    def test_the_order_of_stages_counts(self) -> None:
        where = office(alerting=Alerting("sequential", 15))
        assert run_case(case("601", "667", where, ring=("676, 15 s", "677, 15 s")), where) is None
        assert run_case(case("601", "667", where, ring=("677, 15 s", "676, 15 s")), where) is not None

    def test_a_case_brings_its_own_state(self) -> None:
        where = directory()
        off = State.of([Setting("filter", "667", "", "off")])
        assert run_case(case("601", "667", where, off, ring=("667, 180 s",)), where) is None
        assert run_case(case("601", "667", where, ring=("676 + 677, 30 s",)), where.with_state(off)) is None

    def test_the_time_of_the_case_counts(self) -> None:
        until = NOW.timestamp()
        where = office(on_behalf=OnBehalf(callback_seconds=3600))
        state = State.of([Setting("callback", "667", "15551234567", "676", until)])
        asked = case(OUTSIDE, "667", where, state, ring=("676 + 677, 30 s",))
        assert run_case(asked, where) is None
        earlier = replace(asked, at=datetime.fromtimestamp(until - 1, UTC))
        assert run_case(earlier, where) is not None

    def test_a_long_list_of_rules_is_cut(self) -> None:
        many = [f"{n}" for n in range(1000, 1000 + MAX_RULES_SHOWN)]
        users = (*USERS, *(replace(USERS[-1], extension=each, numbers=()) for each in many))
        where = directory(Executive("667", delegations=assistants("667", *many)), users=users)
        result = run_case(case("601", "667", where, end="done"), where)
        assert result is not None
        lines = str(result).splitlines()
        assert len([line for line in lines if line.startswith(("      yes", "      no"))]) == MAX_RULES_SHOWN
        assert lines[-1] == f"      … and {len(result.trace) - MAX_RULES_SHOWN} more"

    def test_no_line_is_longer_than_a_terminal_can_bear(self) -> None:
        profile = DutyProfile("D" * 2000, "1", frozenset({"676"}), frozenset({"668"}))
        where = directory(Executive("667", delegations=assistants("667", "676")), Executive("668"), duty_profiles=[profile])
        result = Result(case("601", "667", where), (), (*decide(facts_for("676", "#69", where), where, NOW).trace,))
        assert all(len(line) <= MAX_LINE for line in str(result).splitlines())

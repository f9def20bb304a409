"""Calls on behalf, row by row of the feature list: as whom, to whom, who may, and what is never done."""

from datetime import timedelta
from typing import Any

import pytest

from b2bua.delegation.model import Delegation, Directory, Executive
from b2bua.delegation.people import DutyProfile, NumberClass, OnBehalf, User
from b2bua.delegation.plan import Caller, Presentation, RoutePlan, Setting
from tests.delegation.organisation import NOW, USERS, assistants, call, callers_of, directory, outside, ringing, rule, user

NUMBER, PRESS = "+15551234567", "+15557001234"
OLIVIA = Presentation("Olivia Boss", "+6221500600")
SAM = Presentation("Sam Secretary", "+6221500676")
STICKY = Setting("call_as", "676", "", "667")


def olivia(**settings: Any) -> Executive:
    return Executive("667", "+6221500600", **{"delegations": assistants("667", "676", "677"), **settings})


WAYS: dict[str, tuple[Caller | str, str, str | None, list[Setting]]] = {
    "code": ("676", "#64667*{}", None, []),
    "disclosed": ("676", "#73667*{}", None, []),
    "code by number": ("676", "#64+6221500667*{}", None, []),
    "header": ("676", "{}", "667", []),
    "line": (user("676", "667"), "{}", None, []),
    "sticky": ("676", "{}", None, [STICKY]),
    "all at once": (user("676", "667"), "#64667*{}", "667", [STICKY]),
    "as oneself": (user("676", "667"), "#74{}", "667", [STICKY]),
}
"""Every way to choose an identity: caller, dialled, P-Preferred-Identity, state."""


def by(way: str, number: str, where: Directory | None = None) -> RoutePlan:
    caller, dialled, preferred, state = WAYS[way]
    return call(caller, dialled.format(number), where, preferred, state=state)


class TestEmergency:
    """B9: never another identity, whatever was chosen, and nothing switches that off."""

    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize("number", ["112", "911"])
    def test_goes_out_as_oneself(self, way: str, number: str) -> None:
        plan = by(way, number)
        assert ringing(plan) == [[f"{number}@carrier"]]
        assert (plan.present, plan.asserted, plan.on_behalf_of, plan.settings) == (SAM, SAM, None, ())
        assert plan.emergency

    @pytest.mark.parametrize("way", WAYS)
    def test_without_the_right_as_well(self, way: str) -> None:
        nobody = directory(olivia(delegations=(Delegation("676", "667", frozenset()),)))
        assert by(way, "112", nobody).present == SAM

    def test_of_somebody_who_wants_privacy(self) -> None:
        assert call(user("676", anonymous=True), "112").present == SAM


class TestChoice:
    """B1, B2, B4, B10: how an identity is chosen, and what the called party then sees."""

    @pytest.mark.parametrize("way", ["code", "code by number", "header", "line", "sticky", "all at once"])
    def test_as_the_executive(self, way: str) -> None:
        plan = by(way, NUMBER)
        assert (plan.present, plan.asserted) == (OLIVIA, OLIVIA)
        assert (plan.on_behalf_of, plan.actor) == ("667", "676")

    def test_as_oneself_although_another_identity_is_chosen(self) -> None:
        plan = by("as oneself", NUMBER)
        assert (plan.present, plan.on_behalf_of, plan.called) == (SAM, None, NUMBER)

    def test_disclosed_for_one_call(self) -> None:
        plan = by("disclosed", NUMBER)
        assert plan.present == Presentation("Sam Secretary for Olivia Boss", "+6221500600")
        assert (plan.on_behalf_of, plan.actor) == ("667", "676")

    def test_sticky_choice_ends(self) -> None:
        state = [STICKY._replace(until=NOW.timestamp() + 60)]
        assert call("676", NUMBER, state=state).present == OLIVIA
        assert call("676", NUMBER, state=state, at=NOW + timedelta(minutes=1)).present == SAM

    def test_sticky_choice_of_another_assistant(self) -> None:
        assert call("677", NUMBER, state=[STICKY]).on_behalf_of is None

    def test_the_line_wins_over_the_sticky_choice(self) -> None:
        victor = Executive("668", delegations=assistants("668", "676"))
        plan = call(user("676", "668"), NUMBER, directory(olivia(), victor), state=[STICKY])
        assert plan.on_behalf_of == "668"

    def test_a_sticky_choice_whose_right_was_taken_away_says_how_to_end_it(self) -> None:
        taken = directory(olivia(delegations=(Delegation("676", "667", frozenset({"receive"})),)))
        plan = call("676", NUMBER, taken, state=[STICKY])
        assert plan.final_status == 403
        assert "#68" in plan.warning

    @pytest.mark.parametrize("sticky", ["667", "999"], ids=["right taken away", "no longer there"])
    def test_a_sticky_choice_that_is_void_keeps_nobody_from_calling_colleagues(self, sticky: str) -> None:
        taken = directory(olivia(delegations=(Delegation("676", "667", frozenset({"receive"})),)))
        state = [STICKY._replace(value=sticky)]
        inside = call("676", "601", taken, state=state)
        assert (inside.action, inside.present) == ("ring", Presentation("Sam Secretary", "676"))
        outside_call = call("676", NUMBER, taken, state=state)
        assert (outside_call.final_status, "#68" in outside_call.warning) == (403, True)

    def test_on_a_delegated_line_the_executive_may_be_left_away(self) -> None:
        assert call(user("676", "667"), f"#64*{NUMBER}").present == OLIVIA
        assert call(user("676", "667"), f"#73*{NUMBER}").present == Presentation("Sam Secretary for Olivia Boss", "+6221500600")

    @pytest.mark.parametrize("dialled", ["#64", "#64667", "#64667*", "#64*+15551234567", "#73", "#73667", "#73*1", "#74"])
    def test_missing_digits_are_named(self, dialled: str) -> None:
        plan = call("676", dialled)
        assert plan.final_status == 484
        assert plan.warning.startswith(f"incomplete: dial {dialled[:3]} and ")


class TestPreconditions:
    """B5, B6: the right, the service, the direction and the duty profile."""

    HELP = User("510", "Help Desk", "", ("+6221500510",), kind="service")

    def organisation(self, *profiles: DutyProfile, enabled: bool = True) -> Directory:
        agents = (
            Delegation("676", "510", frozenset({"receive", "call"})),
            Delegation("677", "510", frozenset({"receive"})),
            Delegation("601", "510", frozenset({"call"})),
        )
        service = Executive("510", kind="service", delegations=agents, may_be_impersonated=enabled)
        return directory(olivia(), service, users=(*USERS, self.HELP), duty_profiles=profiles)

    DAY = DutyProfile("Day", "1", frozenset({"676", "677"}), frozenset({"510"}))
    NIGHT = DutyProfile("Night", "2", frozenset({"676", "601"}), frozenset({"510", "667"}), active=False)
    LEAVE = DutyProfile("Leave", "3", frozenset({"676"}), frozenset())

    @pytest.mark.parametrize(("agent", "status"), [("676", 480), ("601", 480), ("677", 403), ("600", 403)])
    def test_direction_of_the_agent(self, agent: str, status: int) -> None:
        plan = call(agent, f"#64510*{NUMBER}", self.organisation())
        assert (plan.action, plan.final_status) == ("ring" if status == 480 else "refuse", status)
        if status == 480:
            assert plan.present == Presentation("Help Desk", "+6221500510")

    def test_incoming_rings_the_agents_of_that_direction(self) -> None:
        assert ringing(call(outside(), "+6221500510", self.organisation())) == [["676", "677"]]

    def test_a_service_that_is_not_enabled(self) -> None:
        plan = call("676", f"#64510*{NUMBER}", self.organisation(enabled=False))
        assert plan.final_status == 403
        assert "not enabled" in rule(plan, "right to call on behalf")[1]
        assert ringing(call(outside(), "510", self.organisation(enabled=False))) == [["676", "677"]], "incoming it still serves"

    @pytest.mark.parametrize(
        ("chosen", "may_call", "rings"),
        [
            (None, True, ["676", "677"]),          # Day is active by itself
            ("Night", True, ["676", "677"]),
            ("Leave", False, ["677"]),             # active, but not responsible
            ("", False, ["677"]),                  # off duty
            ("Renamed", True, ["676", "677"]),     # a profile that is no more: as if nothing had been chosen
        ],
    )  # fmt: skip
    def test_duty(self, chosen: str | None, may_call: bool, rings: list[str]) -> None:
        found = self.organisation(self.DAY, self.NIGHT, self.LEAVE)
        state = [] if chosen is None else [Setting("duty", "676", "", chosen)]
        assert (call("676", f"#64510*{NUMBER}", found, state=state).action == "ring") is may_call
        assert ringing(call(outside(), "510", found, state=state)) == [rings]

    def test_an_executive_named_by_a_profile_is_subject_to_duty_too(self) -> None:
        found = self.organisation(self.NIGHT)
        assert ringing(call(outside(), "667", found)) == []
        assert ringing(call(outside(), "667", found, state=[Setting("duty", "676", "", "Night")])) == [["676"]]

    def test_without_profiles_duty_plays_no_part(self) -> None:
        assert ringing(call(outside(), "667", self.organisation(self.DAY))) == [["676", "677"]]

    @pytest.mark.parametrize("way", [way for way in WAYS if way != "as oneself"])
    @pytest.mark.parametrize(
        "delegation",
        [
            Delegation("676", "667", frozenset({"receive", "opt", "manage"})),
            Delegation("676", "667", approval="pending"),
            Delegation("676", "667", begins=NOW + timedelta(days=1)),
            Delegation("676", "667", ends=NOW),
        ],
        ids=["no right", "not approved", "not yet", "no more"],
    )
    def test_no_right_by_no_way(self, way: str, delegation: Delegation) -> None:
        plan = by(way, NUMBER, directory(olivia(delegations=(delegation,))))
        assert (plan.action, plan.final_status) == ("refuse", 403)


class TestDestinations:
    """B7, B10: as whom, by class of destination."""

    CLASSES = (NumberClass("press", callers_of("+1555700*"), "assistant"), NumberClass("colleagues", callers_of("601"), "executive"))

    @pytest.mark.parametrize(
        ("settings", "number", "name", "shown"),
        [
            ({}, NUMBER, "Olivia Boss", "+6221500600"),
            ({"outside": "assistant"}, NUMBER, "Sam Secretary for Olivia Boss", "+6221500600"),
            ({"outside": "self"}, NUMBER, "Sam Secretary", "+6221500676"),
            ({}, "601", "Sam Secretary", "676"),
            ({"inside": "executive"}, "601", "Olivia Boss", "667"),
            ({"inside": "assistant"}, "601", "Sam Secretary for Olivia Boss", "667"),
            ({"classes": CLASSES}, PRESS, "Sam Secretary for Olivia Boss", "+6221500600"),
            ({"classes": CLASSES}, "601", "Olivia Boss", "667"),
            ({"classes": CLASSES}, "600", "Sam Secretary", "676"),
        ],
    )
    def test_shown(self, settings: dict[str, Any], number: str, name: str, shown: str) -> None:
        plan = call("676", f"#64667*{number}", directory(olivia(on_behalf=OnBehalf(**settings))))
        assert plan.present == Presentation(name, shown)
        assert plan.on_behalf_of == (None if shown.endswith("676") else "667")

    def test_the_executive_sees_who_really_calls(self) -> None:
        plan = call("676", "#64667*667", directory(olivia(on_behalf=OnBehalf(inside="executive"))))
        assert plan.present == Presentation("Sam Secretary", "676")


class TestCallBackMemory:
    """B11: what an on-behalf call leaves behind."""

    FOUND = directory(olivia(on_behalf=OnBehalf(callback_seconds=7200)))

    def test_the_assistant_is_remembered_for_that_number(self) -> None:
        plan = call("676", "#64667*+1 555 123-4567", self.FOUND)
        assert plan.settings == (Setting("callback", "667", "15551234567", "676", NOW.timestamp() + 7200),)

    @pytest.mark.parametrize("dialled", [NUMBER, "#64667*601", f"#74{NUMBER}"])
    def test_only_calls_on_behalf_to_the_outside(self, dialled: str) -> None:
        assert call("676", dialled, self.FOUND).settings == ()

    def test_not_when_switched_off(self) -> None:
        assert call("676", f"#64667*{NUMBER}").settings == ()

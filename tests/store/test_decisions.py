"""Decisions as they are kept: nothing lost, old texts readable, and the order of the fields, which is the format."""

from __future__ import annotations

import json
from typing import Any

import pytest

from b2bua.delegation.plan import Caller, Endpoint, Facts, Presentation, PresentFor, RoutePlan, Rule, Setting, Stage
from b2bua.store import decisions

CALLER = Caller("user", "676", "667", "carrier", "676", "Sam \udcff „Sekretärin“", True, True)
PHONES = Endpoint("user", "667", None, None, "executive", "668", 2.5, True, "desk", 18.0, "splash", "676", "user-busy", "668", "urgent")
MAILBOX = Stage((Endpoint("uri", None, "sip:vm@127.0.0.9:5070", None, "voicemail", None),), None, "voicemail")
OUTSIDE = Stage((Endpoint("number", None, "+15551234567", "carrier", "forward", None),), 30.0, "forward", busy=(MAILBOX,))
PLAN = RoutePlan(
    "ring",
    (Stage((PHONES, PHONES), 30.0, "assistants", (OUTSIDE,), (MAILBOX,), (OUTSIDE, MAILBOX), 40.0),),
    90.0,
    (OUTSIDE, MAILBOX),
    486,
    "Busy",
    "a word",
    "outgoing",
    "667",
    "unconditional",
    "668",
    "676",
    "+6221500667",
    Presentation("Olivia", "667"),
    Presentation("Sam → Olivia", "676"),
    "delegated",
    True,
    True,
    (Rule("filter", True, "it takes all calls"), Rule("hours", False, "closed")),
    Presentation("Olivia Boss", "+6221500600"),
    Presentation("Lee", "+6221500602"),
    (Setting("callback", "667", "+15551234567", "676", 1_790_000_000.5),),
    "Filtering is on",
    True,
    (PresentFor("669", Presentation("Sam → Grace", "676")),),
    "retrieve",
    "701",
    True,
    "676",
)
DECISION = (1_790_000_000.0, Facts(CALLER, "#64667*1", "667", ("500",)), PLAN)


def test_a_decision_comes_back_as_it_was_made() -> None:
    assert [name for name, value in PLAN._asdict().items() if value == RoutePlan._field_defaults.get(name)] == [], (
        "a new field of RoutePlan: give it a value above, so that it is seen to come back"
    )
    text = decisions.dumps(DECISION)
    found = decisions.loads(text)
    assert found == DECISION
    assert repr(found) == repr(DECISION), "with the same types inside, not only equal to them"
    assert text.isascii()


@pytest.mark.parametrize("named", [Caller, Facts, Endpoint, Stage, Presentation, Setting, Rule, RoutePlan])
def test_fields_are_only_ever_appended(named: Any) -> None:
    """Stored decisions know the fields by their place. A field may be added at the end of a line, with a default; nothing else."""
    assert " ".join(named._fields) == {
        Caller: "kind extension line trunk number name anonymous unavailable device",
        Facts: "caller dialled preferred_identity full",
        Endpoint: "kind extension number trunk role for_executive seconds lasting devices after alert diverted_by diversion diverting"
        " note",
        Stage: "endpoints seconds name busy no_answer unreachable hold",
        Presentation: "name number",
        Setting: "kind subject object value until",
        Rule: "name matched reason",
        RoutePlan: "action stages rollover_after rollover final_status final_reason warning direction executive diversion_reason"
        " on_behalf_of actor called present present_assistant alert_info emergency plain trace asserted present_outside settings"
        " confirmation confidential present_for feature argument anchored pin_of",
    }[named]


def test_what_an_older_version_wrote_has_the_defaults_for_newer_fields() -> None:
    at, facts, plan = json.loads(decisions.dumps(DECISION))
    facts[0] = facts[0][:7]
    plan[1][0] = plan[1][0][:3]
    plan[1][0][0] = [phones[:6] for phones in plan[1][0][0]]
    found = decisions.loads(json.dumps([at, facts[:2], plan[:19]]))
    assert found is not None
    assert found[1] == Facts(CALLER._replace(unavailable=False), "#64667*1")
    phones = Endpoint("user", "667", None, None, "executive", "668")
    assert found[2].stages == (Stage((phones, phones), 30.0, "assistants"),)
    assert (found[2].asserted, found[2].settings, found[2].confidential) == (None, (), False)


def test_what_a_newer_version_wrote_is_read_without_what_is_new() -> None:
    at, facts, plan = json.loads(decisions.dumps(DECISION))
    plan[1][0][0][0].append("new")
    assert decisions.loads(json.dumps([at, [*facts, "new"], [*plan, "new"]])) == DECISION


@pytest.mark.parametrize(
    "text",
    [
        '[["filtering", true, "on, all calls"]]',
        '[["a", true, "x"], ["b", true, "x"], ["c", true, "x"]]',
        "[]",
        "{}",
        "[1.0, {}, {}]",
        "[1.0, [null, null], []]",
        "7",
        "[1, [",
    ],
)
def test_what_is_no_decision_is_none(text: str) -> None:
    assert decisions.loads(text) is None

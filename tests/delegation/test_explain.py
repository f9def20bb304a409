"""The explainer: readable by an executive, and by a program."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.delegation.explain import facts_for, render_text, to_json
from b2bua.delegation.model import Alerting, Executive, Rollover
from b2bua.delegation.policy import decide
from tests.delegation.organisation import NOW, assistants, directory

OLIVIA = Executive(
    "667",
    "+6221500600",
    alerting=Alerting(mode="sequential", executive="together", minimum_seconds=70),
    rollover=Rollover(90, "forward", "+15559876543"),
    delegations=assistants("667", "676", "677"),
)
DIRECTORY = directory(OLIVIA)


def explained(caller: str, dialled: str) -> str:
    facts = facts_for(caller, dialled, DIRECTORY)
    return render_text(facts, decide(facts, DIRECTORY, NOW), NOW, DIRECTORY)


@pytest.mark.parametrize(
    ("caller", "kind", "extension", "line", "number"),
    [
        ("676", "user", "676", None, "676"),
        ("+6221500676", "user", "676", None, "676"),
        ("676-667", "user", "676", "667", "676"),
        ("+15551234567", "trunk", None, None, "+15551234567"),
        ("anonymous", "trunk", None, None, ""),
    ],
)
def test_who_calls(caller: str, kind: str, extension: str | None, line: str | None, number: str) -> None:
    found = facts_for(caller, "601", DIRECTORY).caller
    assert (found.kind, found.extension, found.line, found.number) == (kind, extension, line, number)
    assert found.trunk == ("carrier" if kind == "trunk" else None)


def test_a_number_as_a_phone_escapes_it() -> None:
    assert facts_for("676", "%2364667*%2B15551234567", DIRECTORY).dialled == "#64667*+15551234567"


def test_a_filtered_call() -> None:
    assert explained("+15551234567", "+6221500667").splitlines() == [
        "+15551234567 (outside, over trunk carrier) calls +6221500667 on Monday, 2026-11-23 at 09:00 +0000",
        "",
        "The rules, in the order in which they were looked at:",
        "  yes  a user's number: +6221500667 is Olivia Boss (667)",
        "  no   past the filter: the caller is no assistant of this executive, nor let through otherwise",
        "  yes  filter: it takes all calls and this call is external",
        "  yes  assistants' ring plan: the ring plan of Olivia Boss (667) is followed",
        "",
        "What happens:",
        "  1. assistant 676, 30 s: Sam Secretary (676), Olivia Boss (667), until the end",
        "  2. assistant 677, 40 s: Ana Aide (677)",
        "  When nobody is left to ring, and after 90 s at the latest:",
        "     rollover forward, 30 s: +15559876543 over trunk carrier",
        "  Then: hang up (480).",
        "",
        'Assistants see "+15551234567 → Olivia Boss" <+15551234567>.',
        "Everybody else sees <+15551234567>.",
    ]


def test_a_call_that_may_be_forwarded_outside_tells_both_identities() -> None:
    text = explained("601", "667")
    assert 'Everybody else sees "Lee Colleague" <601>.' in text
    assert 'Outside numbers see "Lee Colleague" <+6221500602>.' in text


def test_a_call_on_behalf() -> None:
    text = explained("676", "#64667*+15551234567")
    assert 'The called party sees "Olivia Boss" <+6221500600>.' in text
    assert "Sam Secretary (676) speaks on behalf of Olivia Boss (667)." in text


def test_a_refusal() -> None:
    assert explained("678", "#64667*+15551234567").splitlines()[-1] == "The call is refused with 403 (you may not call as 667)."


def test_as_data() -> None:
    facts = facts_for("+15551234567", "667", DIRECTORY)
    data = json.loads(json.dumps(to_json(facts, decide(facts, DIRECTORY, NOW), NOW)))
    assert data["at"] == "2026-11-23T09:00:00+00:00"
    assert data["caller"]["trunk"] == "carrier"
    assert data["rules"][0] == {"rule": "a user's number", "matched": True, "reason": "667 is Olivia Boss (667)"}
    assert data["plan"]["stages"][0]["endpoints"][0]["extension"] == "676"
    assert data["plan"]["rollover_after"] == 90
    assert "trace" not in data["plan"]


@given(st.text(max_size=100), st.text(max_size=100))
def test_anything_can_be_asked_and_nothing_moves_the_cursor(caller: str, dialled: str) -> None:
    assert all(line.isprintable() for line in explained(caller, dialled).split("\n"))

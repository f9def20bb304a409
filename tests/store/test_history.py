"""The views of FEATURES.md F1/F2 and the JSON of the public contract."""

from __future__ import annotations

from b2bua.store.history import iso, to_json, view
from b2bua.store.ports import HistoryRow, Segment

DELEGATED = HistoryRow(
    "1", 0.0, 5.0, 65.25, "incoming", "+15551230001", "+6221500667", "667", "676", None, None, "answered",
    (Segment("talk", "676", 5.0, 65.25),), 200, ("667", "676", "677"),
)  # fmt: skip
MISSED = DELEGATED._replace(id="2", answered=None, answered_by=None, outcome="missed", segments=(), status=480)
BY_EXECUTIVE = DELEGATED._replace(id="3", answered_by="667")
ON_BEHALF = HistoryRow(
    "4", 0.0, 5.0, 9.0, "outgoing", "+6221500600", "+15557654321", None, "+15557654321", "667", "676", "answered",
    (Segment("talk", "676", 5.0, 9.0, "667"),), 200, ("676", "667"),
)  # fmt: skip
PLAIN = HistoryRow("5", 0.0, 5.0, 9.0, "internal", "601", "602", None, "602", None, None, "answered", parties=("601", "602"))
INTERNAL = DELEGATED._replace(id="6", direction="internal", caller="601", called="667", parties=("601", "667", "676", "677"))
ALL = [DELEGATED, MISSED, BY_EXECUTIVE, ON_BEHALF, PLAIN, INTERNAL]


def notes(extension: str) -> dict[object, object]:
    return {each["id"]: each["note"] for each in view(ALL, extension)}


def test_the_executive() -> None:
    assert notes("667") == {
        "1": "delegated, answered by 676",
        "2": "delegated, not answered",
        "3": "",
        "4": "on behalf, by 676",
        "6": "delegated, answered by 676",
    }


def test_the_assistant_who_answered() -> None:
    assert notes("676") == {"1": "for 667", "2": "for 667", "4": "on behalf of 667", "6": "for 667"}


def test_an_assistant_whose_phone_only_rang() -> None:
    assert notes("677") == {"2": "for 667"}


def test_inside_callers() -> None:
    assert notes("601") == {"5": "", "6": ""}
    assert notes("602") == {"5": ""}


def test_nobody_else_sees_anything() -> None:
    assert notes("603") == {}
    assert notes("") == {}


def test_a_number_from_outside_that_looks_like_an_extension_is_no_extension() -> None:
    assert view([DELEGATED._replace(caller="601")], "601") == []


def test_on_behalf_names_the_assistant_to_nobody_else() -> None:
    inside = ON_BEHALF._replace(called="601", answered_by="601", parties=("676", "667", "601"))
    (seen,) = view([inside], "601")
    assert "676" not in str(seen)
    (seen,) = view([inside], "667")
    assert (seen["caller"], seen["actor"], seen["on_behalf_of"]) == ("+6221500600", "676", "667")


def test_json_has_the_names_of_the_contract() -> None:
    assert to_json(DELEGATED) == {
        "id": "1",
        "started": "1970-01-01T00:00:00.000Z",
        "answered": "1970-01-01T00:00:05.000Z",
        "ended": "1970-01-01T00:01:05.250Z",
        "direction": "incoming",
        "caller": "+15551230001",
        "called": "+6221500667",
        "executive": "667",
        "answered_by": "676",
        "on_behalf_of": None,
        "actor": None,
        "outcome": "answered",
        "status": 200,
        "segments": [
            {
                "kind": "talk",
                "party": "676",
                "started": "1970-01-01T00:00:05.000Z",
                "ended": "1970-01-01T00:01:05.250Z",
                "speaks_as": None,
            }
        ],
    }
    assert iso(None) is None

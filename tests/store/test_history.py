"""The views of FEATURES.md F1/F2 and the JSON of the public contract."""

from __future__ import annotations

from b2bua.delegation.plan import Caller, Endpoint, Facts, Role, RoutePlan, Stage
from b2bua.store.history import iso, to_json, view
from b2bua.store.ports import HistoryRow, Quality, Segment

DELEGATED = HistoryRow(
    "1", 0.0, 5.0, 65.25, "incoming", "+15551230001", "+6221500667", "667", "676", None, None, "answered",
    (Segment("talk", "676", 5.0, 65.25),), 200, ("667", "676", "677"),
)  # fmt: skip
MISSED = DELEGATED._replace(id="2", answered=None, answered_by=None, outcome="missed", segments=(), status=480)
BY_EXECUTIVE = DELEGATED._replace(id="3", answered_by="667", segments=(Segment("ring", "676", 0.0, 5.0), Segment("talk", "667", 5.0, 65.25)))
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


def decided(row: HistoryRow, caller: Caller, plan: RoutePlan) -> HistoryRow:
    return row._replace(decision=(0.0, Facts(caller, row.called), plan))


def test_members_of_a_group_see_its_calls_as_the_groups() -> None:
    sales = DELEGATED._replace(called="500", executive="500", answered_by="601", parties=("500", "601", "602"))
    missed = sales._replace(answered=None, answered_by=None, outcome="missed")
    assert [each["note"] for each in view([sales, missed], "601")] == ["for 500", "for 500"]
    assert [each["note"] for each in view([sales, missed], "602")] == ["for 500"]
    assert [each["note"] for each in view([sales, missed], "500")] == ["delegated, answered by 601", "delegated, not answered"]


def test_an_agent_who_called_as_a_service() -> None:
    desk = ON_BEHALF._replace(on_behalf_of="510", parties=("676", "510"))
    assert [each["note"] for each in view([desk], "676")] == ["on behalf of 510"]
    assert [each["note"] for each in view([desk], "510")] == ["on behalf, by 676"]


def phones(extension: str, role: Role = "user") -> Endpoint:
    return Endpoint("user", extension, None, None, role, None)


FRIEND = Caller("trunk", None, None, "carrier", "+15551230001", "", False)
FORWARDED = RoutePlan(
    "ring",
    (Stage((phones("667"),), 20.0, "user", no_answer=(Stage((phones("676", "assistant"),), 20.0, "forward"),)),),
    executive="667",
    confidential=True,
)


def test_an_assistant_whom_a_confidential_call_reached_does_not_see_the_caller() -> None:
    row = decided(DELEGATED, FRIEND, FORWARDED)
    (seen,) = view([row], "676")
    assert (seen["caller"], seen["note"]) == ("private", "for 667")
    assert "+15551230001" not in str(seen)
    (seen,) = view([row], "667")
    assert (seen["caller"], seen["note"]) == ("+15551230001", "confidential, answered by 676")


def test_a_confidential_call_that_the_executive_took_is_a_normal_call() -> None:
    row = decided(BY_EXECUTIVE, FRIEND, FORWARDED)
    assert [(each["caller"], each["note"]) for each in view([row], "667")] == [("+15551230001", "")]
    assert view([row], "676") == []


def test_an_assistant_who_got_a_confidential_call_later_does_not_see_the_contact_anywhere() -> None:
    """The executive had it first: transferred, or parked and retrieved (A24)."""
    number = "+15551230001"
    segments = (Segment("talk", "667", 5.0, 9.0, None, (number,)), Segment("talk", "676", 9.0, 20.0, None, (number,), "transferred"))
    came = BY_EXECUTIVE._replace(segments=segments, quality=(Quality("676", 1, 1, 0, 0.0, 0.0, 0), Quality(number, 1, 1, 0, 0.0, 0.0, 0)))
    plan = RoutePlan("ring", (Stage((phones("667"),), 20.0, "user"),), executive="667", confidential=True)
    for row in (decided(came, FRIEND, plan), decided(came, FRIEND, plan)._replace(answered_by="676")):
        (seen,) = view([row], "676")
        assert number not in str(seen)
        assert (seen["caller"], seen["note"]) == ("private", "for 667")
        (own,) = view([row], "667")
        assert str(own).count(number) == 4


def test_an_executive_who_called_a_confidential_contact() -> None:
    number = "+15551230001"
    boss = Caller("user", "667", None, None, "667", "Olivia", False)
    row = PLAIN._replace(caller="+6221500667", called=number, executive="667", direction="outgoing", answered_by=number)
    row = decided(row._replace(segments=(Segment("talk", "676", 1.0, 2.0, None, (number,), "retrieved"),)), boss, RoutePlan("ring", executive="667", confidential=True))
    (seen,) = view([row], "676")
    assert number not in str(seen) and (seen["called"], seen["answered_by"]) == ("private", "private")
    (own,) = view([row], "667")
    assert (own["called"], own["note"]) == (number, "")


def test_a_caller_from_outside_has_the_name_that_the_call_came_with() -> None:
    plain = FORWARDED._replace(confidential=False)
    for name, shown in (("Carla Client", "Carla Client"), ("=cmd\r\n\u202ex\x1b[2J", "=cmd   x [2J"), ("x" * 300, "x" * 128)):
        row = decided(DELEGATED, FRIEND._replace(name=name), plain)
        assert to_json(row)["caller_name"] == shown
        assert [each["caller_name"] for extension in ("667", "676") for each in view([row], extension)] == [shown, shown]
    assert to_json(DELEGATED)["caller_name"] == "", "nothing was decided"


def test_who_withheld_the_number_has_no_name_either() -> None:
    row = decided(DELEGATED._replace(caller="anonymous"), FRIEND._replace(number="", name="Carla Client", anonymous=True), FORWARDED)
    assert "Carla" not in str(to_json(row))


def test_a_user_who_calls_as_somebody_else_is_not_named() -> None:
    sam = Caller("user", "676", "667", None, "676", "Sam Secretary", False)
    inside = decided(ON_BEHALF._replace(called="601", answered_by="601", parties=("676", "667", "601")), sam, RoutePlan("ring"))
    assert [each["caller_name"] for extension in ("601", "667", "676") for each in view([inside], extension)] == ["", "", ""]


def test_the_name_of_a_confidential_contact_is_for_whom_the_contact_is() -> None:
    row = decided(DELEGATED, FRIEND._replace(name="Dr. Private"), FORWARDED)
    assert "Dr. Private" not in str(view([row], "676"))
    assert "Dr. Private" not in str(view([row], "667", by_another=True))
    assert [each["caller_name"] for each in view([row], "667")] == ["Dr. Private"]


def test_who_was_forwarded_to_openly_sees_a_confidential_caller() -> None:
    plan = FORWARDED._replace(stages=(Stage((phones("601"),), 20.0, "forward"),))
    (seen,) = view([decided(DELEGATED._replace(answered_by="601"), FRIEND, plan)], "601")
    assert seen["caller"] == "+15551230001"


def test_whoever_came_into_a_call_later_sees_it() -> None:
    later = BY_EXECUTIVE._replace(segments=(*BY_EXECUTIVE.segments, Segment("talk", "601", 60.0, 65.0, why="retrieved")))
    assert [each["note"] for each in view([later], "601")] == ["for 667"]
    assert view([later], "676") == []  # whose phone only rang


def test_a_feature_code_appears_to_the_one_who_dialled_it() -> None:
    sam = Caller("user", "676", None, None, "676", "Sam", True)
    row = PLAIN._replace(caller="anonymous", called="#61667", answered_by=None, parties=("676", "667"))
    row = decided(row, sam, RoutePlan("set", confirmation="Filter on: Olivia Boss"))
    assert [each["note"] for each in view([row], "676")] == ["Filter on: Olivia Boss"]
    assert view([row], "667") == []


def test_who_withheld_the_number_still_sees_the_call() -> None:
    lee = Caller("user", "601", None, None, "601", "Lee", True)
    row = decided(PLAIN._replace(caller="anonymous"), lee, RoutePlan("ring"))
    assert [(each["caller"], each["note"]) for each in view([row], "601")] == [("anonymous", "")]


def test_json_has_the_names_of_the_contract() -> None:
    assert to_json(DELEGATED) == {
        "id": "1",
        "started": "1970-01-01T00:00:00.000Z",
        "answered": "1970-01-01T00:00:05.000Z",
        "ended": "1970-01-01T00:01:05.250Z",
        "direction": "incoming",
        "caller": "+15551230001",
        "caller_name": "",
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
                "with": [],
                "why": "",
            }
        ],
        "quality": [],
    }
    assert iso(None) is None

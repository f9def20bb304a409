"""Entries that name each other: removed and renamed with all that names them, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.web.support.answers import keys, problem
from tests.web.support.web_office import Person, WebOffice

# --- removing


def test_what_others_name_is_not_removed_and_it_says_by_whom(reader: Person) -> None:
    found = problem(reader.delete("/users/601", tag="*"), 409)
    assert {(each["kind"], each["key"], each["field"]) for each in found["findings"]} == {
        ("executives", "667", "rollover.forward"),
        ("groups", "500", "members[0]"),
    }
    assert "references=remove" in found["detail"]
    assert {each["key"] for each in problem(reader.delete("/sites/HQ", tag="*"), 409)["findings"]} >= {"HQ 12", "667", "680", "00:15:65:00:00:01"}
    assert problem(reader.delete("/caller-groups/family", tag="*"), 409)["findings"][0]["field"] == "confidential[0]"
    assert problem(reader.delete("/schedules/office", tag="*"), 409)["findings"][0]["key"] == "601"


def test_with_its_references_it_goes_and_says_what_that_means(anywhere: WebOffice) -> None:
    office, admin = anywhere, anywhere.as_("admin")
    answer = admin.delete("/users/601?references=remove", tag="*")
    assert answer.status_code == 200, answer.text
    assert answer.json()["removed"] == "601"
    assert ("667", "rollover") in {(each["key"], each["field"]) for each in answer.json()["warnings"]}
    assert admin.get("/executives/667").json()["rollover"] == {"action": "hangup"}
    assert admin.get("/groups/500").json()["members"] == ["602"]
    assert "601" not in office.book.directory.users


def test_a_user_who_is_an_executive_goes_with_the_delegation(admin: Person) -> None:
    assert {each["kind"] for each in problem(admin.delete("/users/667", tag="*"), 409)["findings"]} == {"executives", "phones", "conferences"}
    assert admin.delete("/users/667?references=remove", tag="*").status_code == 200
    problem(admin.get("/executives/667"), 404)
    assert "user" not in admin.get("/phones/001565000001").json()


def test_what_would_mean_something_else_without_the_name_stays(reader: Person) -> None:
    """A criterion without its only caller would be about everybody."""
    found = problem(reader.delete("/caller-groups/press?references=remove", tag="*"), 422)
    assert found["findings"][0]["field"].startswith("filtering.criteria[0].from")
    assert reader.get("/caller-groups/press").status_code == 200


def test_a_schedule_that_limits_a_rule_is_not_just_left_out_of_it(admin: Person) -> None:
    criteria = {"filtering": {"criteria": [{"name": "Press", "from": ["press"], "during": "office"}]}}
    assert admin.patch("/executives/667", criteria, tag="*").status_code == 200
    found = problem(admin.delete("/schedules/office?references=remove", tag="*"), 422)
    assert [(each["key"], each["field"]) for each in found["findings"]] == [("667", "filtering.criteria[0].during")]
    assert admin.get("/users/601").json()["hours"] == "office", "nothing of it was done"
    assert admin.patch("/executives/667", {"filtering": {"mode": "simple", "criteria": []}}, tag="*").status_code == 200
    assert admin.delete("/schedules/office?references=remove", tag="*").status_code == 200
    assert "hours" not in admin.get("/users/601").json()


# --- renaming


def test_a_user_is_renamed_everywhere_at_once(anywhere: WebOffice) -> None:
    office, admin = anywhere, anywhere.as_("admin")
    before = admin.get("/executives/667").json()["assistants"]
    answer = admin.post("/users/676/rename", {"to": "776"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["location"] == "/api/v1/users/776"
    assert answer.json()["name"] == "Sam Secretary"
    assert any(each["field"] == "password" and each["key"] == "776" for each in answer.json()["warnings"])
    problem(admin.get("/users/676"), 404)
    assert admin.get("/executives/667").json()["assistants"] == [{**before[0], "extension": "776"}, before[1]]
    assert admin.get("/phones/001565000002").json()["user"] == "776"
    assert not office.book.directory.users["776"].digests
    rows = admin.get("/audit?limit=5").json()["items"]
    assert {(row["action"], row["kind"], row["key"]) for row in rows[:4]} == {
        ("removed", "users", "676"), ("created", "users", "776"), ("changed", "executives", "667"), ("changed", "phones", "00:15:65:00:00:02"),
    }  # fmt: skip


def test_an_executive_is_renamed_with_all_that_is_about_them(office: WebOffice, admin: Person) -> None:
    assert "676-667" in office.book.directory.users["676"].digests
    answer = admin.post("/users/667/rename", {"to": "767"})
    assert answer.status_code == 200, answer.text
    assert admin.get("/executives/767").json()["confidential"] == ["family"]
    problem(admin.get("/executives/667"), 404)
    assert admin.get("/conferences/800").json()["moderators"] == ["767"]
    assert set(office.book.directory.users["676"].digests) == {"676"}, "the line's password was made of its old name"
    assert {each["key"] for each in answer.json()["warnings"] if each["field"] == "password"} == {"767", "676", "677"}


@pytest.mark.parametrize(
    ("path", "to", "where"),
    [
        ("/sites/HQ", "Main", [("/users/667", "location"), ("/sites/HQ%2012", "parent"), ("/phones/001565000001", "site")]),
        ("/groups/500", "550", []),
        ("/services/510", "511", []),
        ("/cost-centres/Sales", "Sellers", [("/users/676", "cost_centre"), ("/cost-centres/Sales%20abroad", "parent")]),
        ("/schedules/office", "day", [("/users/601", "hours")]),
        ("/phones/001565000003", "00:15:65:00:00:99", []),
    ],
)
def test_anything_is_renamed_with_its_references(admin: Person, path: str, to: str, where: list[tuple[str, str]]) -> None:
    answer = admin.post(f"{path}/rename", {"to": to})
    assert answer.status_code == 200, answer.text
    for other, field in where:
        assert admin.get(other).json()[field] == to
    if path == "/groups/500":
        assert admin.get("/users/680").json()["manages"] == {"sites": ["HQ"], "groups": ["550"]}
    if path == "/services/510":
        assert admin.get("/duty-profiles/Help%20desk%20early").json()["responsible_for"] == ["511"]
    problem(admin.get(path), 404)


def test_caller_groups_are_renamed_in_every_list_of_callers(anywhere: WebOffice) -> None:
    """And stay where they are: a group names only groups above it."""
    admin = anywhere.as_("admin")
    assert admin.post("/caller-groups", {"key": "loud", "value": ["press", "+1555900*"]}).status_code == 201
    assert admin.post("/caller-groups/press/rename", {"to": "papers"}).status_code == 200
    assert admin.get("/executives/667").json()["filtering"]["criteria"][0]["from"] == ["papers"]
    assert admin.get("/caller-groups/loud").json()["value"] == ["papers", "+1555900*"]
    assert keys(admin.get("/caller-groups")) == ["papers", "family", "loud"]
    assert admin.post("/caller-groups/family/rename", {"to": "kin"}).status_code == 200
    assert admin.get("/executives/667").json()["confidential"] == ["kin"]


@pytest.mark.parametrize(
    ("to", "status"), [("667", 409), ("500", 422), ("a b", 422), ("", 422), (None, 422), (5, 422), ("601", 409), ("676", 200)]
)
def test_a_name_that_cannot_be_had_changes_nothing(admin: Person, to: Any, status: int) -> None:
    before = admin.get("/executives/667").json()
    assert admin.post("/users/676/rename", {"to": to}).status_code == status
    assert admin.get("/users/676").status_code == 200
    assert admin.get("/executives/667").json() == before
    problem(admin.post("/users/676/rename", {"to": "776"}, tag='"99"'), 412)


def test_renaming_makes_nobody_accept_again(new_office: Callable[..., WebOffice]) -> None:
    from tests.web.support.web_office import DIRECTORY

    office = new_office(DIRECTORY.replace("organisation: Acme", "organisation: Acme\nacceptance: true"))
    admin = office.as_("admin")
    assert admin.post("/users/677/rename", {"to": "777"}).status_code == 200
    assert admin.post("/users/667/rename", {"to": "767"}).status_code == 200
    assert {each.approval for each in office.book.directory.executives["767"].delegations} == {"approved"}

"""The simulator, the coverage calendar, new offices and registered phones over the API: shapes, refusals, and who may ask."""

from __future__ import annotations

from typing import Any

import pytest

from b2bua.administration.ports import PhoneView
from b2bua.delegation.plan import Setting
from b2bua.delegation.state import State
from tests.web.support.web_office import NOW, Person, WebOffice

OUTSIDE = "+15551234567"


@pytest.fixture
def admin(office: WebOffice) -> Person:
    return office.as_("admin")


def ask(person: Person, caller: str = OUTSIDE, dialled: str = "668", **more: Any) -> Any:
    return person.post("/simulate", {"caller": caller, "dialled": dialled, **more})


# --- simulating


def test_a_question_is_answered_with_rules_plan_and_drawing(reading: WebOffice) -> None:
    answer = ask(reading.as_("admin"))
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert [(bar["name"], bar["start"], bar["end"]) for bar in found["timeline"]["bars"]] == [("Ana Aide", 0, 30), ("Tom Deputy", 0, 30)]
    assert found["plan"]["action"] == "ring"
    assert found["rules"][0].keys() == {"rule", "matched", "reason"}


@pytest.mark.parametrize(
    ("account", "dialled", "status"),
    [("admin", "668", 200), ("690", "668", 200), ("667", "667", 200), ("676", "667", 200), ("676", "668", 403), ("677", "667", 403), ("680", "667", 403), ("", "667", 401)],
)
def test_who_may_ask_about_whom(reading: WebOffice, account: str, dialled: str, status: int) -> None:
    assert ask(reading.as_(account), dialled=dialled).status_code == status


def test_a_token_that_may_only_read_asks_and_keeps_nothing(office: WebOffice) -> None:
    reader = office.as_("admin", "read")
    assert ask(reader).status_code == 200
    kept = reader.post("/what-if", {"caller": OUTSIDE, "dialled": "668", "name": "Kept"})
    assert kept.status_code == 403
    assert reader.get("/what-if").json()["cases"] == []


def test_what_is_wrong_is_told_at_its_field(reading: WebOffice) -> None:
    answer = ask(reading.as_("admin"), caller="nobody at all", at="soon")
    assert answer.status_code == 422
    assert {each["field"] for each in answer.json()["findings"]} == {"caller", "at"}
    assert ask(reading.as_("admin"), colour="red").json()["findings"][0]["field"] == "colour"
    assert ask(reading.as_("admin"), caller="6" * 1000).status_code == 422


def test_a_draft_is_tried_without_being_saved(admin: Person) -> None:
    body = {"extension": "668", "rollover": {"action": "hangup"}, "assistants": ["678"], "alerting": {"ring_seconds": 5}}
    answer = ask(admin, changes=[{"kind": "executives", "key": "668", "body": body}])
    assert [(bar["name"], bar["end"]) for bar in answer.json()["timeline"]["bars"]] == [("Tom Deputy", 5)]
    assert admin.get("/executives/668").json()["assistants"] == ["677", {"extension": "678", "rights": ["receive"]}]
    wrong = ask(admin, changes=[{"kind": "executives", "key": "668", "body": {**body, "assistants": ["668"]}}])
    assert wrong.status_code == 422
    assert wrong.json()["findings"][0]["field"].startswith("assistants[0]")


def test_a_draft_needs_the_right_to_save_it(reading: WebOffice) -> None:
    body = {"extension": "668", "rollover": {"action": "hangup"}, "assistants": []}
    answer = ask(reading.as_("676"), dialled="667", changes=[{"kind": "executives", "key": "668", "body": body}])
    assert answer.status_code == 403
    assert "668" in answer.json()["detail"]


def test_a_name_with_markup_comes_back_as_the_text_that_it_is(admin: Person) -> None:
    name = '<img src=x onerror="alert(1)"> \u202eevil 🎉'
    tag = admin.tag("/users/677")
    named = admin.patch("/users/677", {"name": name}, tag=tag)
    if named.status_code == 200:
        assert ask(admin).json()["timeline"]["bars"][0]["name"] == name


# --- cases


def test_a_case_is_kept_run_and_removed(admin: Person) -> None:
    kept = admin.post("/what-if", {"caller": OUTSIDE, "dialled": "668", "name": "Ana and Tom"})
    assert kept.status_code == 201, kept.text
    assert admin.post("/what-if/run").json()["passed"] == 1
    tag = admin.tag("/executives/668")
    assert admin.patch("/executives/668", {"alerting": {"ring_seconds": 9}}, tag=tag).status_code == 200
    ran = admin.get("/what-if").json()
    assert (ran["failed"], ran["cases"][0]["differences"][0]["key"]) == (1, "ring")
    other = admin.post("/what-if", {"caller": "601", "dialled": "667", "name": "Another"}).json()
    assert admin.delete(f"/what-if/{other['id']}").status_code == 204
    assert [each["name"] for each in admin.get("/what-if").json()["cases"]] == ["Ana and Tom"]
    assert admin.delete("/what-if/0000").status_code == 404
    assert admin.delete(f"/what-if/{kept.json()['id']}").status_code == 409, "the last one stays"


def test_cases_are_shown_to_those_whom_they_concern(office: WebOffice) -> None:
    admin = office.as_("admin")
    for dialled in ("667", "668"):
        assert admin.post("/what-if", {"caller": OUTSIDE, "dialled": dialled, "name": f"To {dialled}"}).status_code == 201
    assert [each["name"] for each in office.as_("676").get("/what-if").json()["cases"]] == ["To 667"]
    assert "/" not in office.as_("676").get("/what-if").json()["file"]
    assert office.as_("601").get("/what-if").status_code == 403
    theirs = next(each["id"] for each in admin.get("/what-if").json()["cases"] if each["to"] == "668")
    assert office.as_("676").delete(f"/what-if/{theirs}").status_code == 404


def test_a_kept_case_is_in_the_audit(admin: Person) -> None:
    admin.post("/what-if", {"caller": OUTSIDE, "dialled": "668", "name": "Noted"})
    row = admin.get("/audit?kind=what_if").json()["items"][0]
    assert (row["key"], row["action"], row["actor"]) == ("Noted", "created", "admin")


# --- coverage


def test_the_week_of_an_executive_with_its_gaps(admin: Person) -> None:
    tag = admin.tag("/executives/668")
    timed = [{"extension": "677", "until": "2026-11-18T12:00"}]
    assert admin.patch("/executives/668", {"assistants": timed}, tag=tag).status_code == 200
    week = admin.get("/coverage/668?week=2026-11-19").json()
    assert (week["week"], week["days"][-1], week["time_zone"]) == ("2026-11-16", "2026-11-22", "Asia/Jakarta")
    assert [(each["gap"], each["from_minute"], each["to_minute"]) for each in week["spans"]] == [(False, 0, 3600), (True, 3600, 10080)]
    assert week["gaps"] == ["Wed 2026-11-18 12:00 – Sun 2026-11-22 24:00: nobody"]
    assert admin.get("/coverage/668").json()["week"] == "2026-11-16", "this week"


@pytest.mark.parametrize(("account", "status"), [("667", 200), ("676", 200), ("677", 200), ("680", 200), ("690", 200), ("678", 404), ("601", 404), ("", 401)])
def test_who_sees_the_coverage_of_an_executive(reading: WebOffice, account: str, status: int) -> None:
    """The office, who manages the site, and administrators."""
    assert reading.as_(account).get("/coverage/667").status_code == status


@pytest.mark.parametrize(("path", "status"), [("/coverage/601", 404), ("/coverage/999", 404), ("/coverage/667?week=2026-13-01", 422), ("/coverage/667?week=soon", 422)])
def test_what_has_no_coverage(reading: WebOffice, path: str, status: int) -> None:
    assert reading.as_("admin").get(path).status_code == status


# --- new offices

BOSS = {"extension": "701x", "name": "New Boss"}
HELP = [{"extension": "702x", "name": "First Help", "number": "+6221500650"}, {"extension": "703x", "name": "Second Help"}]


def test_an_office_is_made_in_one_go_and_its_passwords_are_shown_once(admin: Person) -> None:
    free = admin.get("/offices/proposal?people=3").json()
    assert len(set(free["extensions"])) == 3
    assert not {each["extension"] for each in admin.get("/users").json()["items"]} & set(free["extensions"])
    boss, *helpers = ({"extension": each, "name": f"Person {each}"} for each in free["extensions"])
    made = admin.post("/offices", {"executive": boss, "assistants": helpers, "alerting": {"mode": "sequential", "ring_seconds": 12}})
    assert made.status_code == 201, made.text
    people = made.json()["people"]
    assert [each["role"] for each in people] == ["executive", "assistant", "assistant"]
    assert len({each["password"] for each in people}) == 3
    assert people[1]["lines"] == [f"{helpers[0]['extension']}-{boss['extension']}"]
    assert made.json()["connection"]["domain"] == "acme.test"
    text = admin.get(f"/users/{boss['extension']}").text + admin.get("/audit").text
    assert not [each["password"] for each in people if each["password"] in text]
    rung = ask(admin, dialled=boss["extension"]).json()["timeline"]["bars"]
    assert [(each["extension"], each["start"]) for each in rung] == [(helpers[0]["extension"], 0), (helpers[1]["extension"], 12), (boss["extension"], 24)]


def test_all_of_an_office_or_nothing(admin: Person) -> None:
    wrong = [{**HELP[0], "number": "+6221500667"}, HELP[1]]
    answer = admin.post("/offices", {"executive": BOSS, "assistants": wrong})
    assert answer.status_code == 422
    assert any(each["key"] == "702x" and each["field"].startswith("numbers") for each in answer.json()["findings"]), answer.text
    assert admin.get("/users/701x").status_code == 404
    twice = admin.post("/offices", {"executive": BOSS, "assistants": [HELP[0], {**HELP[1], "extension": "702x"}]})
    assert [each["field"] for each in twice.json()["findings"]] == ["assistants[1].extension"]
    taken = admin.post("/offices", {"executive": {"extension": "601", "name": "New Boss"}, "assistants": HELP})
    assert taken.status_code in (409, 412)
    assert admin.get("/users/601").json()["name"] == "Lee Colleague"


def test_somebody_who_is_here_already_joins_a_new_office(admin: Person) -> None:
    made = admin.post("/offices", {"executive": BOSS, "assistants": [{"extension": "677", "existing": True}, HELP[0]], "colleagues": [HELP[1]]})
    assert made.status_code == 201, made.text
    ana = made.json()["people"][1]
    assert (ana["name"], ana["password"], ana["lines"]) == ("Ana Aide", None, ["677-701x"])
    caller = made.json()["people"][3]
    assert (caller["role"], caller["lines"], bool(caller["password"])) == ("colleague", [], True)
    assert [bar["extension"] for bar in ask(admin, "703x", "701x").json()["timeline"]["bars"][:2]] == ["677", "702x"]


@pytest.mark.parametrize("account", ["667", "676", "680", "601"])
def test_only_administrators_make_offices(reading: WebOffice, account: str) -> None:
    assert reading.as_(account).post("/offices", {"executive": BOSS, "assistants": HELP}).status_code == 403


# --- registered phones


def test_registered_phones_are_shown_to_whom_they_concern(office: WebOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    phone = PhoneView("676-667", "sip:676@192.0.2.5", "Desk phone 1.0", "192.0.2.5:5060", "UDP", 1_763_600_000.0, False)
    monkeypatch.setattr(office.desk, "phones", lambda account: [phone] if account == "676-667" else [])
    for account in ("admin", "690", "676", "680"):
        assert [each["account"] for each in office.as_(account).get("/users/676/phones").json()["items"]] == ["676-667"], account
    for account in ("667", "677", "601"):
        assert office.as_(account).get("/users/676/phones").status_code == 404, account
    assert office.as_("admin").get("/users/999/phones").status_code == 404


# --- hot desks


SHARED = {"extension": "695", "name": "Lobby desk", "type": "shared", "location": "HQ"}


def test_who_sits_at_a_shared_phone_and_logging_them_out(office: WebOffice, admin: Person) -> None:
    assert admin.post("/users", SHARED).status_code == 201
    assert admin.get("/hot-desks").json()["items"][0]["user"] is None
    assert admin.post("/hot-desks/695/log-out").status_code == 409
    office.desk.state = State.of([Setting("hot_desk", "695", "", "676", NOW.timestamp() + 60)])
    for account in ("admin", "680", "676"):
        assert [each["user_name"] for each in office.as_(account).get("/hot-desks").json()["items"]] == ["Sam Secretary"], account
    assert office.as_("677").get("/hot-desks").json()["items"] == []
    assert office.as_("677").post("/hot-desks/695/log-out").status_code == 404
    assert admin.post("/hot-desks/676/log-out").status_code == 404
    assert office.as_("676").post("/hot-desks/695/log-out").status_code == 200
    assert office.desk.pressed == [("695", "*91")]
    assert admin.get("/audit?kind=setting").json()["items"][0]["before"] == {"hot_desk": "676"}


def test_a_pin_is_neither_shown_nor_kept(office: WebOffice, admin: Person) -> None:
    assert admin.post("/users", SHARED).status_code == 201
    answer = ask(admin, caller="695", dialled="*90676*4711")
    assert answer.status_code == 200, answer.text
    assert "4711" not in answer.text
    kept = admin.post("/what-if", {"caller": "695", "dialled": "*90676*4711", "name": "Log in"})
    assert "4711" not in kept.text
    assert "4711" not in admin.get("/what-if").text + admin.get("/audit").text

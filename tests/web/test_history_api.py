"""The history over the API: views, pages, the sheet, explanations, and the audit of who looks at somebody else's."""

import csv
import io
from typing import Any

import pytest

from b2bua.administration.records import Records
from b2bua.store.ports import AuditQuery
from tests.administration.test_records import DELEGATED, MISSED, OWN, PERSONAL, ROWS, SECRET, Reader, row
from tests.delegation.organisation import outside
from tests.web.support.web_office import WebOffice, at_once


@pytest.fixture
def kept(office: WebOffice) -> WebOffice:
    """An office that has had calls."""
    show(office, *ROWS)
    return office


def show(office: WebOffice, *rows: Any) -> None:
    object.__setattr__(office.services, "records", Records(Reader(*rows), lambda: office.desk.directory, at_once))


def test_everybody_has_their_own_view(kept: WebOffice) -> None:
    answer = kept.as_("676").get("/history").json()
    assert [each["id"] for each in answer["items"]] == ["call-delegated", "call-missed", "call-own", "call-behalf"]
    assert answer["next"] is None and answer["names"]["667"] == "Olivia Boss"
    assert {each["id"]: each["note"] for each in answer["items"]}["call-delegated"] == "for 667"
    assert {each["id"]: each["note"] for each in kept.as_("667").get("/history").json()["items"]}[
        "call-delegated"
    ] == "delegated, answered by 676"


def test_pages_follow_each_other(kept: WebOffice) -> None:
    first = kept.as_("676").get("/history?limit=3").json()
    rest = kept.as_("676").get("/history", params={"limit": 3, "before": first["next"]}).json()
    assert [each["id"] for each in (*first["items"], *rest["items"])] == [
        "call-delegated",
        "call-missed",
        "call-own",
        "call-behalf",
    ]
    assert rest["next"] is None


def test_a_question_that_makes_no_sense_is_refused(kept: WebOffice) -> None:
    for query in (
        "limit=0",
        "limit=201",
        "limit=x",
        "before=x",
        "before=1e9_x",
        "outcome=lost",
        "direction=up",
        "whose=667",
        f"search={'x' * 81}",
    ):
        answer = kept.as_("676").get(f"/history?{query}")
        assert answer.status_code in (400, 422) and answer.headers["content-type"] == "application/problem+json", query


def test_a_view_of_somebody_else_needs_the_right(kept: WebOffice) -> None:
    assert [each["id"] for each in kept.as_("676").get("/history?as=667").json()["items"]] == [
        "call-delegated",
        "call-missed",
        "call-behalf",
    ]
    for who in ("601", "680", "690", "678"):
        answer = kept.as_(who).get("/history?as=667")
        assert answer.status_code == 403 and "you may see" in answer.json()["detail"]
        assert kept.as_(who).get("/history.csv?as=667").status_code == 403
        assert kept.as_(who).get("/history/call-delegated/explanation?as=667").status_code == 403
    assert kept.as_("").get("/history").status_code == 401
    assert kept.as_("admin").get("/history").status_code == 403


def test_the_manager_of_a_queue_sees_what_came_to_it(kept: WebOffice) -> None:
    assert [each["id"] for each in kept.as_("680").get("/history?as=500").json()["items"]] == ["call-queue"]


def test_a_super_administrator_who_looks_is_written_down(kept: WebOffice) -> None:
    admin = kept.as_("admin")
    assert admin.get("/history?as=667").status_code == 200
    assert admin.get("/history/call-personal/explanation?as=667").status_code == 200
    assert admin.get("/history.csv?as=667").status_code == 200
    rows = kept.run(kept.book.audit(AuditQuery(kind="history")))
    assert [(each.actor, each.key, each.action) for each in rows] == [("admin", "667", "looked at")] * 3
    kept.as_("667").get("/history")
    assert len(kept.run(kept.book.audit(AuditQuery(kind="history")))) == 3, "one's own is nobody's business"
    for path in ("/history?as=667", "/history.csv?as=667", "/history/call-personal/explanation?as=667"):
        assert SECRET not in admin.get(path).text


def test_a_call_is_explained_to_whom_it_concerns(kept: WebOffice) -> None:
    told = kept.as_("676").get("/history/call-delegated/explanation").json()
    assert told["plan"] and told["rules"] and "Sam Secretary (676) talked" in told["text"]
    for who, call_id in (("678", "call-delegated"), ("676", "call-nothing"), ("676", "call-del"), ("601", "%2e%2e")):
        assert kept.as_(who).get(f"/history/{call_id}/explanation").status_code == 404


def test_the_sheet_has_every_call_and_no_formula(office: WebOffice) -> None:
    hostile = row("call-evil", outside("=cmd|' /C calc'!A0", '=HYPERLINK("http://x")'), "667")._replace(
        caller="=cmd|' /C calc'!A0", called="@SUM(1)", answered_by="-1+1"
    )
    show(office, DELEGATED, MISSED, OWN, hostile)
    answer = office.as_("676").get("/history.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8" and "attachment" in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert {each["id"] for each in rows} == {"call-delegated", "call-missed", "call-own", "call-evil"}
    evil = next(each for each in rows if each["id"] == "call-evil")
    assert (evil["caller"], evil["called"], evil["answered_by"]) == ("'=cmd|' /C calc'!A0", "'@SUM(1)", "'-1+1")
    assert evil["caller_name"] == "'=HYPERLINK(\"http://x\")"
    known = next(each for each in rows if each["id"] == "call-delegated")
    assert (known["caller"], known["caller_name"]) == ("+15551234567", "Carla")
    assert next(each for each in rows if each["id"] == "call-own")["caller_name"] == "Lee Colleague"


def test_a_caller_from_outside_whose_number_is_like_an_extension_has_no_name_in_the_sheet(office: WebOffice) -> None:
    show(office, row("call-1", outside("601"), "667"))
    (found,) = csv.DictReader(io.StringIO(office.as_("676").get("/history.csv").text.removeprefix("\ufeff")))
    assert found["caller"] == "601" and found["caller_name"] == ""


def test_a_confidential_contact_is_in_no_sheet_but_the_executives(office: WebOffice) -> None:
    show(office, PERSONAL._replace(answered_by="676", parties=("667", "676")))
    for path in ("/history.csv", "/history"):
        told = office.as_("676").get(path).text
        assert SECRET not in told and "Dr. Private" not in told and "private" in told
        told = office.as_("667").get(path).text
        assert SECRET in told and "Dr. Private" in told

"""Imports, bulk edits and exports over HTTP: who may, what is answered, and that nothing hostile in a file gets anywhere."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from b2bua.administration.sheets import MAX_BYTES
from tests.web.support.web_office import Person, WebOffice

TEXT = "extension,name,location\n701,Mia New,HQ\n676,Sam Secretary,HQ 12\n"


def upload(person: Person, text: str | bytes = TEXT, *, name: str = "users.csv", **options: Any) -> Any:
    data = text if isinstance(text, bytes) else text.encode()
    return person.post("/imports", files={"file": (name, data)}, data={"options": json.dumps(options)} if options else {})


def settled(office: WebOffice, person: Person, import_id: str) -> dict[str, Any]:
    task = office.services.imports._known[import_id].task
    if task is not None:
        office.run(task)
    answer = person.get(f"/imports/{import_id}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def imported(office: WebOffice, person: Person, text: str | bytes = TEXT, **options: Any) -> dict[str, Any]:
    answer = upload(person, text, **options)
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"].endswith(answer.json()["id"])
    return settled(office, person, answer.json()["id"])


def test_a_dry_run_is_applied_and_rolled_back(office: WebOffice) -> None:
    admin = office.as_("admin")
    found = imported(office, admin)
    assert (found["state"], found["counts"]["created"], found["counts"]["changed"]) == ("checked", 1, 1)
    assert {change["key"]: change["fields"] for change in found["changes"]} == {"701": [], "676": ["location"]}
    assert admin.get("/users/701").status_code == 404
    assert admin.post(f"/imports/{found['id']}/apply").status_code == 202
    assert settled(office, admin, found["id"])["state"] == "applied"
    assert admin.get("/users/701").json()["name"] == "Mia New"
    assert admin.post(f"/imports/{found['id']}/apply").status_code == 409
    assert admin.post(f"/imports/{found['id']}/rollback", {}).json() == {"restored": 1, "removed": 1}
    assert admin.get("/users/701").status_code == 404
    assert [each["state"] for each in admin.get("/imports").json()["items"]] == ["rolled_back"]


def test_a_rollback_tells_what_others_have_changed_since(office: WebOffice) -> None:
    admin = office.as_("admin")
    found = imported(office, admin, dry_run=False)
    assert admin.patch("/users/676", {"dnd": True}, tag="*").status_code == 200
    answer = admin.post(f"/imports/{found['id']}/rollback")
    assert answer.status_code == 409
    assert answer.json()["changed"] == [{"kind": "users", "key": "676"}]
    assert admin.post(f"/imports/{found['id']}/rollback", {"force": True}).status_code == 200
    assert "dnd" not in admin.get("/users/676").json()


def test_problems_come_as_lines_and_as_a_sheet(office: WebOffice) -> None:
    admin = office.as_("admin")
    found = imported(office, admin, 'extension,name,email,password\n701,"=HYPERLINK(""x"")",,secret-words\n676,,olivia@acme.test,secret-words\n')
    assert found["state"] == "refused"
    assert [(line["row"], line["column"]) for line in found["wrong"]] == [(2, "name"), (3, "email")]
    sheet = admin.get(f"/imports/{found['id']}/errors.csv")
    assert sheet.headers["content-disposition"].startswith("attachment")
    rows = list(csv.DictReader(io.StringIO(sheet.content.decode("utf-8-sig"))))
    assert rows[0]["value"] == "'=HYPERLINK(\"x\")"
    assert rows[1]["problem"].startswith("olivia@acme.test is already the address of Olivia Boss")
    assert admin.get(f"/imports/{found['id']}/errors.xlsx").content.startswith(b"PK")
    assert "secret-words" not in json.dumps(found) + sheet.text


def test_export_edit_import(office: WebOffice) -> None:
    admin = office.as_("admin")
    for format_ in ("csv", "xlsx"):
        answer = admin.get(f"/export/users.{format_}")
        assert answer.status_code == 200
        found = imported(office, admin, answer.content)
        assert (found["state"], found["counts"]["unchanged"], found["problems"]) == ("checked", 13, 0)
    rows = list(csv.DictReader(io.StringIO(admin.get("/export/users.csv?site=HQ 12").content.decode("utf-8-sig"))))
    assert [row["extension"] for row in rows] == ["601"]
    assert admin.get("/export/users.csv?colour=red").status_code == 400
    assert admin.get("/export/users.pdf").status_code in (404, 422)


def test_who_may(office: WebOffice) -> None:
    assert upload(office.as_("")).status_code == 401
    assert upload(office.as_("676")).status_code == 403
    assert upload(office.as_("admin", "read")).status_code == 403
    assert office.as_("676").get("/export/users.csv").status_code == 403
    manager = office.as_("680")
    rows = list(csv.DictReader(io.StringIO(manager.get("/export/users.csv").content.decode("utf-8-sig"))))
    assert "668" not in {row["extension"] for row in rows}
    assert "667" in {row["extension"] for row in rows}
    found = imported(office, manager, "extension,name,location\n668,Victor Thief,HQ\n677,Ana,HQ\n", mode="partial", dry_run=False)
    assert (found["state"], [line["row"] for line in found["wrong"]], found["counts"]["changed"]) == ("applied", [2], 1)
    assert office.as_("admin").get("/users/668").json()["name"] == "Victor Chief"
    mine = found["id"]
    assert office.as_("683").get(f"/imports/{mine}").status_code == 404
    assert office.as_("690").get(f"/imports/{mine}").status_code == 200
    assert office.as_("676").post(f"/imports/{mine}/rollback", {}).status_code == 404


def test_forged_requests_are_refused(office: WebOffice) -> None:
    client, csrf = office.sign_in("admin")
    files = {"file": ("users.csv", TEXT.encode())}
    assert office.run(client.post("/api/v1/imports", files=files)).status_code == 403
    assert office.run(client.post("/api/v1/imports", files=files, headers={"X-CSRF-Token": csrf, "Origin": "http://evil.test"})).status_code == 403
    assert office.run(client.post("/api/v1/imports", files=files, headers={"X-CSRF-Token": csrf})).status_code == 202


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"json": {"file": "x"}}, 415),
        ({"content": b"--x--", "headers": {"Content-Type": "multipart/form-data"}}, 400),
        ({"files": {"other": ("users.csv", b"extension\n")}}, 422),
        ({"files": {"file": ("users.csv", b"extension\n")}, "data": {"options": "no json"}}, 422),
        ({"files": {"file": ("users.csv", b"extension\n")}, "data": {"options": '{"mode": "some"}'}}, 422),
        ({"files": {"file": ("users.csv", b"extension\n")}, "data": {"options": '{"colour": "red"}'}}, 422),
        ({"files": {"file": ("users.csv", b"extension\n")}, "data": {"more": "x"}}, 422),
        ({"files": {"file": ("users.csv", b"extension\n")}, "data": {"options": '{"mode": "partial", "delete_missing": true}'}}, 422),
        ({"files": {"file": ("users.csv", b"x" * (MAX_BYTES + (1 << 20)))}}, 413),
    ],
)
def test_requests_that_cannot_be_understood(office: WebOffice, sent: dict[str, Any], status: int) -> None:
    answer = office.as_("admin").post("/imports", **sent)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"]


def test_imports_that_there_are_not(office: WebOffice) -> None:
    admin = office.as_("admin")
    for path in ("/imports/0123456789abcdef", "/imports/0123456789abcdef/errors.csv"):
        assert admin.get(path).status_code == 404
    assert admin.delete("/imports/0123456789abcdef").status_code == 404
    assert admin.post("/imports/0123456789abcdef/rollback").status_code == 404
    assert admin.get("/imports/..%2f..").status_code in (404, 422)


def test_a_dry_run_can_be_let_go(office: WebOffice) -> None:
    admin = office.as_("admin")
    found = imported(office, admin)
    assert admin.delete(f"/imports/{found['id']}").status_code == 202
    assert settled(office, admin, found["id"])["state"] == "cancelled"
    assert admin.delete(f"/imports/{found['id']}").status_code == 409


def test_the_name_of_a_file_is_only_a_name(office: WebOffice) -> None:
    admin = office.as_("admin")
    answer = upload(admin, name="..\\..\\etc/pass\u202ewd<script>.csv")
    assert settled(office, admin, answer.json()["id"])["file"] == "passwd<script>.csv"


def test_many_at_once(office: WebOffice) -> None:
    admin = office.as_("admin")
    body = {"filter": {"site": "Branch"}, "set": {"cost_centre": "Sales"}}
    tried = admin.post("/bulk", body).json()
    assert (tried["users"], tried["counts"]["changed"], tried["id"]) == (3, 3, "")
    assert admin.post("/bulk", {**body, "dry_run": False}).json()["users"] == 3
    answer = admin.post("/bulk", {**body, "dry_run": False, "confirm": 2})
    assert (answer.status_code, answer.json()["users"]) == (409, 3)
    done = admin.post("/bulk", {**body, "dry_run": False, "confirm": 3}).json()
    assert admin.get("/users/668").json()["cost_centre"] == "Sales"
    assert admin.post(f"/imports/{done['id']}/rollback").json() == {"restored": 3, "removed": 0}
    gone = admin.post("/bulk", {"extensions": ["602"], "remove": True, "dry_run": False, "confirm": 1}).json()
    assert (gone["problems"], gone["counts"]["removed"]) == (0, 1)
    assert admin.get("/groups/500").json()["members"] == ["601"]
    for wrong in ({}, {"remove": True}, {"extensions": ["602"]}, {**body, "remove": True}, {"filter": {"colour": "red"}, "remove": True}, {**body, "more": 1}):
        assert admin.post("/bulk", wrong).status_code == 422
    assert office.as_("680").post("/bulk", {"extensions": ["668"], "set": {"dnd": True}}).status_code == 422
    assert office.as_("676").post("/bulk", {"filter": {"site": "HQ"}, "set": {"name": "x"}}).status_code == 403


def test_the_columns_are_told(office: WebOffice) -> None:
    found = {each["name"]: each for each in office.as_("680").get("/imports/columns").json()}
    assert found["forwarding.no_answer"]["about"] == "user"
    assert found["password"]["exported"] is False
    assert found["assistants"]["hint"].startswith("extensions in ring order")


def test_the_page_is_for_those_who_may(office: WebOffice) -> None:
    client, _ = office.sign_in("680")
    answer = office.run(client.get("/imports"))
    assert (answer.status_code, "Import users" in answer.text) == (200, True)
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert "style=" not in answer.text
    client, _ = office.sign_in("676")
    assert office.run(client.get("/imports")).status_code == 403

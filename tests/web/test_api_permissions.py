"""Who may do what to which entry, over the API: role by route by object."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from b2bua.web.services import PREFIX
from tests.web.support.web_office import PEOPLE, WebOffice

COLUMNS = ("", "601", "677", "676", "667", "680", "683", "690", "699", "admin")
"""Nobody · a user · an assistant · one with `manage` · the executive · the manager of HQ and queue 500 · of Branch and service 510 · a user
administrator · a super administrator · the first administrator."""
CHECK = "?check=true"
ROWS: list[tuple[str, str, Any, str]] = [
    # method, path, body: what it is answered for each of the columns. With check=true all rights count, and nothing is changed.
    ("GET", "/users", None, "401 200 200 200 200 200 200 200 200 200"),
    ("GET", "/users/602", None, "401 200 200 200 200 200 200 200 200 200"),
    ("POST", f"/users{CHECK}", {"extension": "650", "name": "N"}, "401 403 403 403 403 403 403 200 200 200"),
    ("POST", f"/users{CHECK}", {"extension": "650", "name": "N", "location": "HQ 12"}, "401 403 403 403 403 200 403 200 200 200"),
    ("POST", f"/users{CHECK}", {"extension": "650", "name": "N", "location": "Branch"}, "401 403 403 403 403 403 200 200 200 200"),
    ("POST", f"/users{CHECK}", {"extension": "650", "name": "N", "location": "HQ", "role": "user_admin"}, "401 403 403 403 403 403 403 200 200 200"),
    ("POST", f"/users{CHECK}", {"extension": "650", "name": "N", "role": "super_admin"}, "401 403 403 403 403 403 403 403 200 200"),
    ("PATCH", f"/users/601{CHECK}", {"dnd": True}, "401 200 403 403 403 200 403 200 200 200"),
    ("PATCH", f"/users/601{CHECK}", {"password": "another-word"}, "401 200 403 403 403 200 403 200 200 200"),
    ("PATCH", f"/users/601{CHECK}", {"name": "L"}, "401 403 403 403 403 200 403 200 200 200"),
    ("PATCH", f"/users/601{CHECK}", {"role": "user_admin"}, "401 403 403 403 403 403 403 200 200 200"),
    ("PATCH", f"/users/601{CHECK}", {"location": "Branch"}, "401 403 403 403 403 403 403 200 200 200"),
    ("PATCH", f"/users/602{CHECK}", {"dnd": True}, "401 403 403 403 403 403 200 200 200 200"),
    ("PATCH", f"/users/690{CHECK}", {"name": "U"}, "401 403 403 403 403 403 403 200 200 200"),
    ("PATCH", f"/users/699{CHECK}", {"name": "S"}, "401 403 403 403 403 403 403 403 200 200"),
    ("PATCH", f"/users/667{CHECK}", {"email": "mine@acme.test"}, "401 403 403 403 200 200 403 200 200 200"),
    ("DELETE", f"/users/678{CHECK}&references=remove", None, "401 403 403 403 403 403 403 200 200 200"),
    ("POST", f"/users/678/rename{CHECK}", {"to": "778"}, "401 403 403 403 403 403 403 200 200 200"),
    ("GET", "/executives/667", None, "401 404 200 200 200 200 404 200 200 200"),
    ("GET", "/executives/668", None, "401 404 200 404 404 404 200 200 200 200"),
    ("PATCH", f"/executives/667{CHECK}", {"alerting": {"ring_seconds": 9}}, "401 404 403 200 200 403 404 200 200 200"),
    ("PATCH", f"/executives/667{CHECK}", {"confidential": []}, "401 404 403 403 200 403 404 200 200 200"),
    ("PATCH", f"/executives/667{CHECK}", {"assistants": ["677"]}, "401 404 403 403 200 403 404 200 200 200"),
    ("PATCH", f"/executives/668{CHECK}", {"alerting": {"ring_seconds": 9}}, "401 404 403 404 404 404 403 200 200 200"),
    ("DELETE", f"/executives/667{CHECK}", None, "401 404 403 403 403 403 404 200 200 200"),
    ("POST", f"/executives{CHECK}", {"extension": "683", "rollover": {"action": "hangup"}}, "401 403 403 403 403 403 403 200 200 200"),
    ("GET", "/groups/500", None, "401 200 200 200 200 200 200 200 200 200"),
    ("PATCH", f"/groups/500{CHECK}", {"members": ["602"]}, "401 403 403 403 403 200 403 200 200 200"),
    ("PATCH", f"/groups/500{CHECK}", {"name": "Q"}, "401 403 403 403 403 403 403 200 200 200"),
    ("PATCH", f"/services/510{CHECK}", {"agents": ["604"]}, "401 403 403 403 403 403 200 200 200 200"),
    ("DELETE", f"/services/510{CHECK}&references=remove", None, "401 403 403 403 403 403 403 200 200 200"),
    ("GET", "/duty-profiles/Help%20desk%20early", None, "401 404 404 404 404 404 200 200 200 200"),
    ("GET", "/conferences/800", None, "401 200 200 200 200 200 200 200 200 200"),
    ("PATCH", f"/conferences/800{CHECK}", {"pin": "1111"}, "401 403 403 403 403 403 403 200 200 200"),
    ("GET", "/sites/Branch", None, "401 200 200 200 200 200 200 200 200 200"),
    ("PATCH", f"/sites/Branch{CHECK}", {"managers": ["601"]}, "401 403 403 403 403 403 403 200 200 200"),
    ("GET", "/cost-centres/Sales", None, "401 404 404 404 404 200 200 200 200 200"),
    ("POST", f"/cost-centres{CHECK}", {"name": "N"}, "401 403 403 403 403 403 403 200 200 200"),
    ("GET", "/phones/001565000001", None, "401 404 404 404 200 200 404 200 200 200"),
    ("GET", "/phones/001565000003", None, "401 404 404 404 404 404 200 200 200 200"),
    ("PATCH", f"/phones/001565000001{CHECK}", {"user": "601"}, "401 404 404 404 403 200 404 200 200 200"),
    ("PATCH", f"/phones/001565000001{CHECK}", {"user": "602"}, "401 404 404 404 403 403 404 200 200 200"),
    ("POST", "/phones/001565000001/swap", {"with": "001565000003"}, "401 404 404 404 404 404 404 - - -"),
    ("GET", "/schedules/office", None, "401 200 200 200 200 200 200 200 200 200"),
    ("PUT", f"/schedules/office{CHECK}", {"value": {"hours": {"mon": "08:00-09:00"}}}, "401 403 403 403 403 403 403 200 200 200"),
    ("GET", "/caller-groups/press", None, "401 404 404 200 200 200 200 200 200 200"),
    ("GET", "/caller-groups/family", None, "401 404 404 404 200 404 404 200 200 200"),
    ("PUT", f"/caller-groups/press{CHECK}", {"value": ["+1"]}, "401 404 404 403 403 403 403 200 200 200"),
    ("GET", "/organisation", None, "401 200 200 200 200 200 200 200 200 200"),
    ("PATCH", f"/organisation{CHECK}", {"acceptance": True}, "401 403 403 403 403 403 403 403 200 200"),
    ("GET", "/numbers", None, "401 403 403 403 403 200 200 200 200 200"),
    ("GET", "/audit", None, "401 200 200 200 200 200 200 200 200 200"),
    ("GET", "/audit?kind=users&key=602", None, "401 404 404 404 404 404 200 200 200 200"),
    ("GET", "/audit?kind=executives&key=667", None, "401 404 404 200 200 200 404 200 200 200"),
    ("GET", "/audit?kind=organisation&key=", None, "401 200 200 200 200 200 200 200 200 200"),
    ("GET", "/audit?kind=conferences&key=800", None, "401 404 404 404 404 404 404 200 200 200"),
    ("POST", "/executives/667/acceptance", {"accept": True}, "401 404 409 409 403 403 404 403 403 403"),
]
CELLS = [
    (method, path, body, account, status)
    for method, path, body, statuses in ROWS
    for account, status in zip(COLUMNS, statuses.split(), strict=True)
    if status != "-"
]


@pytest.mark.parametrize(("method", "path", "body", "account", "status"), CELLS)
def test_role_by_route_by_object(reading: WebOffice, method: str, path: str, body: Any, account: str, status: str) -> None:
    answer = reading.as_(account).ask(method, path, body)
    assert answer.status_code == int(status), f"{answer.status_code} {answer.text[:400]}"
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"


BODY_FIRST = ("/session/password",)
"""Where a body that says nothing is refused before anybody asks who sends it."""


CHANGES_NOTHING = ("/simulate", "/what-if/run")
"""Questions that are asked with POST."""


def operations(office: WebOffice) -> Iterator[tuple[str, str, dict[str, Any]]]:
    document = office.as_("").get("/openapi.json").json()
    for path, item in document["paths"].items():
        for method, operation in item.items():
            filled = path.removeprefix(PREFIX)
            for parameter in operation.get("parameters", ()):
                if parameter["in"] == "path":
                    filled = filled.replace(f"{{{parameter['name']}}}", "676")
            yield method.upper(), filled, operation


def test_nothing_is_answered_to_nobody(reading: WebOffice) -> None:
    """Every route that is described, but for those that say that they are open."""
    open_to_all = set()
    for method, path, operation in operations(reading):
        if operation["security"] == []:
            open_to_all.add((method, path))
            continue
        if path not in BODY_FIRST:
            assert reading.as_("").ask(method, path).status_code == 401, f"{method} {path}"
    assert {path for _, path in open_to_all} <= {"/session", "/activation", "/activation/676", "/session/password"}


def test_a_token_that_may_only_read_does_nothing_else(reading: WebOffice) -> None:
    """A simulation changes nothing."""
    reader = reading.as_("admin", "read")
    before = reading.book.revision
    for method, path, operation in operations(reading):
        if method != "GET" and operation["security"] != [] and path not in ("/session", *CHANGES_NOTHING, *BODY_FIRST):
            assert reader.ask(method, path, {}).status_code == 403, f"{method} {path}"
    assert reader.get("/users").status_code == 200
    assert reading.book.revision == before


LISTS = (
    "/users", "/executives", "/groups", "/services", "/duty-profiles", "/conferences", "/sites", "/cost-centres", "/phones", "/schedules",
    "/caller-groups", "/audit",
)  # fmt: skip


@pytest.mark.parametrize("account", PEOPLE)
def test_no_list_holds_a_secret_or_anothers_confidential_contact(reading: WebOffice, account: str) -> None:
    person = reading.as_(account)
    texts = [person.get(f"{path}?limit=500").text for path in LISTS]
    texts += [person.get(f"/{kind}/{quote(key)}").text for kind in ("users", "executives", "conferences") for key in (*PEOPLE, "800")]
    everything = "\n".join([*texts, person.get("/organisation").text])
    digests = [each for user in reading.book.directory.users.values() for pair in user.digests.values() for each in pair]
    assert digests
    for secret in (*digests, "2580", "boss-667", "sam-676"):
        assert secret not in everything
    trusted = account in ("667", "690", "699", "admin")
    assert ("+628119990001" in everything) is trusted
    assert ("family" in everything) is trusted


def test_findings_tell_nothing_of_what_one_may_not_see(reading: WebOffice) -> None:
    """Bea may remove Mia, but for a queue that is none of Bea's: that there is something is said, and not what."""
    answer = reading.as_("683").delete("/users/602", tag="*")
    assert answer.status_code == 409
    assert [(each["kind"], each["key"], each["field"]) for each in answer.json()["findings"]] == [("groups", "", "")]
    assert "members" not in answer.text
    whole = reading.as_("690").delete("/users/602", tag="*").json()["findings"]
    assert [(each["key"], each["field"]) for each in whole] == [("500", "members[1]")]


def test_a_session_changes_something_only_from_a_page_of_ours(office: WebOffice) -> None:
    """Forged requests are the business of `security`; that the routes of the entries ask it is shown here."""
    browser, csrf = office.sign_in("601")
    url, headers = f"{PREFIX}/users/601", {"If-Match": "*"}
    assert office.run(browser.patch(url, json={"dnd": True}, headers=headers)).status_code == 403
    assert office.run(browser.patch(url, json={"dnd": True}, headers={**headers, "X-CSRF-Token": csrf, "Origin": "http://evil.test"})).status_code == 403
    assert office.run(browser.patch(url, json={"dnd": True}, headers={**headers, "X-CSRF-Token": csrf})).status_code == 200


def test_a_right_that_is_taken_away_is_gone_at_once(office: WebOffice) -> None:
    sam = office.as_("676")
    assert sam.patch("/executives/667", {"alerting": {"ring_seconds": 9}}, tag="*").status_code == 200
    changed = office.as_("667").patch("/executives/667", {"assistants": [{"extension": "676", "rights": ["receive"]}, "677"]}, tag="*")
    assert changed.status_code == 200
    assert sam.patch("/executives/667", {"alerting": {"ring_seconds": 8}}, tag="*").status_code == 403
    assert "confidential" not in sam.get("/executives/667").json()


def test_an_assistant_with_manage_who_replaces_the_entry_loses_nothing_of_it(office: WebOffice) -> None:
    """They have never seen the confidential contacts, and send the entry back without them."""
    sam = office.as_("676")
    seen = sam.get("/executives/667")
    answer = sam.put("/executives/667", {**seen.json(), "recall_seconds": 30}, tag=seen.headers["etag"])
    assert answer.status_code == 200, answer.text
    assert office.as_("667").get("/executives/667").json()["confidential"] == ["family"]
    assert answer.json()["recall_seconds"] == 30


def test_users_who_change_their_own_entry_do_not_get_at_more_of_it(office: WebOffice) -> None:
    lee = office.as_("601")
    seen = lee.get("/users/601").json()
    answer = lee.put("/users/601", {**seen, "dnd": True}, tag="*")
    assert answer.status_code == 200, answer.text
    for more in ({"role": "super_admin"}, {"manages": {"sites": ["HQ"]}}, {"self_service": True, "status": "enabled", "type": "shared"}):
        assert lee.put("/users/601", {**seen, **more}, tag="*").status_code == 403
        assert lee.patch("/users/601", more, tag="*").status_code == 403
    assert office.book.directory.users["601"].role == "user"

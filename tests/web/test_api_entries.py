"""Entries over the API: lists, reading, writing, preconditions, and what is sent that is no entry."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from b2bua.web.api import dependencies
from tests.web.support.answers import keys, problem
from tests.web.support.web_office import Person, WebOffice

# --- lists


def test_a_list_comes_in_pages_that_name_the_next(reader: Person) -> None:
    first = reader.get("/users?limit=5").json()
    assert [each["extension"] for each in first["items"]] == ["667", "668", "676", "677", "678"]
    assert first["total"] == 13
    second = reader.get("/users", params={"limit": 5, "after": first["next"]}).json()
    third = reader.get("/users", params={"limit": 5, "after": second["next"]}).json()
    assert [each["extension"] for each in third["items"]] == ["683", "690", "699"]
    assert third["next"] is None


def test_a_cursor_stays_good_while_entries_come_and_go(admin: Person) -> None:
    """Nothing is shown twice and nothing is left out, though the entry that the cursor was made of is gone."""
    first = admin.get("/users?limit=4&sort=key").json()
    assert [each["extension"] for each in first["items"]] == ["601", "602", "603", "604"]
    assert admin.delete("/users/604?references=remove", tag="*").status_code == 200
    assert admin.post("/users", {"extension": "599", "name": "Before"}).status_code == 201
    assert admin.post("/users", {"extension": "605", "name": "Behind"}).status_code == 201
    assert keys(admin.get("/users", params={"limit": 2, "sort": "key", "after": first["next"]})) == ["605", "667"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("search=olivia", ["667"]),
        ("search=COLLEAGUE%20mia", ["602"]),
        ("search=%2B62%2021-500%20(667)", ["667"]),
        ("search=olivia%40acme", ["667"]),
        ("search=60", ["667", "601", "602", "603", "604"]),
        ("search=boss-667", []),
        ("site=HQ%2012", ["601"]),
        ("site=Branch", ["668", "678", "602"]),
        ("cost_centre=Sales", ["676", "601"]),
        ("cost_centre=Sales%20abroad", ["601"]),
        ("role=super_admin", ["699"]),
        ("type=limited", ["603"]),
        ("status=disabled", []),
        ("role=user&site=Branch&search=tom", ["678"]),
        ("sort=-key&limit=2", ["699", "690"]),
        ("sort=name&limit=3", ["677", "683", "601"]),
    ],
)
def test_lists_are_searched_filtered_and_sorted(reader: Person, query: str, found: list[str]) -> None:
    assert keys(reader.get(f"/users?{query}")) == found


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/executives?search=olivia", ["667"]),
        ("/executives?assistant=678", ["668"]),
        ("/groups?member=602", ["500"]),
        ("/services?agent=604", ["510"]),
        ("/phones?user=667", ["00:15:65:00:00:01"]),
        ("/phones?site=HQ", ["00:15:65:00:00:01", "00:15:65:00:00:02"]),
        ("/phones?search=t54w", ["00:15:65:00:00:01"]),
        ("/duty-profiles?responsible_for=510", ["Help desk early"]),
        ("/cost-centres?search=4712", ["Sales abroad"]),
        ("/sites?parent=HQ", ["HQ 12"]),
        ("/conferences?moderator=667", [None]),
        ("/schedules", ["office"]),
        ("/caller-groups?sort=-key", ["press", "family"]),
    ],
)
def test_every_kind_has_its_filters(reader: Person, path: str, found: list[Any]) -> None:
    answer = reader.get(path)
    assert answer.status_code == 200, answer.text
    if found == [None]:
        assert [each["number"] for each in answer.json()["items"]] == ["800"]
    else:
        assert keys(answer) == found


def test_who_is_not_shown_a_field_does_not_find_out_by_filtering(reading: WebOffice) -> None:
    office = reading
    assert keys(office.as_("601").get("/users?role=super_admin")) == []
    assert keys(office.as_("601").get("/users?cost_centre=Sales")) == ["601"], "one's own"
    assert keys(office.as_("601").get("/users?site=Branch")) == ["668", "678", "602"]
    assert keys(office.as_("602").get("/groups?member=601")) == ["500"]
    assert keys(office.as_("604").get("/groups?member=601")) == []
    assert keys(office.as_("601").get("/executives")) == []
    assert office.as_("601").get("/executives").json()["total"] == 0
    assert keys(office.as_("677").get("/executives")) == ["667", "668"]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("limit=0", 422), ("limit=501", 422), ("limit=x", 422), ("limit=-1", 422), ("sort=password", 422), ("after=x", 422), ("after=W10", 422),
        ("after=WyJvcmRlciIsInRleHQiLCJ4Il0", 422), ("sort=name&after=WyJvcmRlciIsMSwiNjY4Il0", 422), ("search=" + "x" * 201, 422),
        ("sitee=HQ", 400), ("limit=5&limit=6", 400), ("after=%5B%5B", 422), ("search=%00", 200),
    ],
)  # fmt: skip
def test_parameters_that_mean_nothing_are_refused(reader: Person, query: str, status: int) -> None:
    answer = reader.get(f"/users?{query}")
    if status == 200:
        assert keys(answer) == []
    else:
        problem(answer, status)


def test_a_mistyped_parameter_is_told_which_there_are(reader: Person) -> None:
    assert "cost_centre" in problem(reader.get("/users?sites=HQ"), 400)["detail"]
    assert problem(reader.get("/users/667?limit=5"), 400)["detail"] == "there is no parameter 'limit'; there are none here"


# --- one entry


def test_an_entry_is_read_with_its_revision_and_without_its_secrets(reader: Person) -> None:
    answer = reader.get("/users/676")
    assert answer.json() == {
        "extension": "676", "name": "Sam Secretary", "numbers": ["+6221500676"], "location": "HQ", "cost_centre": "Sales", "revision": 1,
    }  # fmt: skip
    assert answer.headers["etag"] == '"1"'
    assert answer.headers["cache-control"] == "no-store"
    assert "pin" not in reader.get("/conferences/800").json()
    assert reader.get("/caller-groups/press").json() == {"key": "press", "value": ["+1555700*"], "revision": 1}


def test_what_is_known_already_is_not_sent_again(reader: Person) -> None:
    assert reader.get("/users/676", headers={"If-None-Match": '"7", W/"1"'}).status_code == 304
    assert reader.get("/users/676", headers={"If-None-Match": '"7"'}).status_code == 200


def test_names_may_have_anything_in_them(anywhere: WebOffice) -> None:
    admin = anywhere.as_("admin")
    for name in ("A/B", "Straße 5 %2F?#", "مكتب", "🏢", "a..b"):
        answer = admin.post("/sites", {"name": name})
        assert answer.status_code == 201, answer.text
        answer = admin.get(answer.headers["location"].removeprefix("/api/v1"))
        assert answer.json()["name"] == name


def test_a_phone_is_found_however_its_address_is_written(reader: Person) -> None:
    assert reader.get("/phones/00-15-65-00-00-01").json()["name"] == "Desk of Olivia"
    assert reader.get("/phones/001565000001").json()["mac"] == "00:15:65:00:00:01"


@pytest.mark.parametrize("path", ["/users/999", "/users/", "/executives/601", "/phones/x", "/sites/Nowhere", "/schedules/none"])
def test_what_is_not_there_is_404(reader: Person, path: str) -> None:
    problem(reader.get(path), 404)


# --- making


def test_an_entry_is_no_larger_than_anybody_needs(office: WebOffice) -> None:
    """Whoever has `manage` would otherwise keep everybody else waiting for seconds, and fill the audit."""
    admin, before = office.as_("admin"), office.book.revision
    criteria = [{"name": f"c{place}", "from": [f"+49301{place:03}{each:03}" for each in range(100)]} for place in range(60)]
    answer = admin.patch("/executives/667", {"filtering": {"mode": "criteria", "criteria": criteria}}, tag="*")
    problem(answer, 422)
    assert answer.json()["findings"][0]["text"].endswith("an entry may have 65,536; write less, for example caller groups instead of long lists")
    assert "an entry may have" in problem(admin.post("/groups", {"extension": "530", "name": "Much", "alerting": {"custom_name": "x" * 66_000}}), 422)["detail"]
    assert office.book.revision == before
    ok = admin.patch("/executives/667", {"filtering": {"mode": "criteria", "criteria": criteria[:30]}}, tag="*")
    assert ok.status_code == 200, ok.text


def test_a_new_user_is_there_at_once_for_the_calls_too(anywhere: WebOffice) -> None:
    office, admin = anywhere, anywhere.as_("admin")
    answer = admin.post("/users", {"extension": "650", "name": "New", "numbers": ["+62 21 500-650"], "location": "HQ", "password": "phone-of-650"})
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == "/api/v1/users/650"
    assert keys(admin.get("/users?search=%2B6221500650")) == ["650"]
    assert admin.get("/numbers?search=500650").json()["items"][0]["owner"]["key"] == "650", "however it was written"
    assert "phone-of-650" not in answer.text
    assert admin.get("/users/650").headers["etag"] == answer.headers["etag"]
    user = office.book.directory.users["650"]
    assert user.password == "" and set(user.digests) == {"650"}


@pytest.mark.parametrize("password", ["1", "601", "Lee Colleague", "nine-char", "ColleagueColleague", "Xy7!secr", "secret-601", "6016016016", "+6221500601"])
def test_a_password_of_phones_that_others_would_guess_is_refused(office: WebOffice, password: str) -> None:
    lee, admin, before = office.as_("601"), office.as_("admin"), office.book.directory.users["601"].digests
    for answer in (
        lee.patch("/users/601", {"password": password}, tag="*"),
        admin.patch("/users/601", {"password": password}, tag="*"),
        admin.put("/users/601", {"extension": "601", "name": "Lee Colleague", "password": password, "numbers": ["+6221500601"]}, tag="*"),
        admin.post("/users", {"extension": "650", "name": "Lee Colleague", "email": "601@acme.test", "password": password, "numbers": ["+6221500601"]}),
    ):
        (finding,) = problem(answer, 422)["findings"]
        assert finding["field"] == "password" and "choose" in finding["text"] and password not in finding["text"].split()
    assert office.book.directory.users["601"].digests == before
    assert lee.patch("/users/601", {"password": "four quite usual words"}, tag="*").status_code == 200


def test_a_user_without_a_password_has_none(office: WebOffice, admin: Person) -> None:
    assert admin.post("/users", {"extension": "650", "name": "New"}).status_code == 201
    assert not office.book.directory.users["650"].digests


def test_what_is_there_already_is_a_conflict(reader: Person) -> None:
    assert "676 already" in problem(reader.post("/users", {"extension": "676", "name": "Twice"}), 409)["detail"]
    problem(reader.post("/caller-groups", {"key": "press", "value": ["+1"]}), 409)
    problem(reader.post("/phones", {"mac": "001565000001", "name": "Twice"}), 409)
    findings = problem(reader.post("/groups", {"extension": "676", "name": "Of a user"}), 422)["findings"]
    assert findings[0]["kind"] == "groups" and findings[0]["field"] == "extension"


def test_a_wrong_entry_is_refused_with_every_finding_at_its_field(reader: Person) -> None:
    answer = reader.post("/users", {"extension": "650", "name": "", "numbers": ["abc"], "dnd": "perhaps", "location": "Nowhere", "nonsense": 1})
    findings = problem(answer, 422)["findings"]
    assert {each["field"] for each in findings} >= {"name", "numbers[0]", "dnd", "location", "nonsense"}
    assert {each["key"] for each in findings} == {"650"}
    problem(reader.get("/users/650"), 404)


def test_a_change_can_be_tried_out(reader: Person) -> None:
    before = reader.get("/users").json()
    wrong = reader.post("/users?check=true", {"extension": "650", "name": "", "location": "Nowhere"})
    assert wrong.status_code == 200
    assert {each["field"] for each in wrong.json()["findings"]} == {"name", "location"}
    assert reader.post("/users?check=true", {"extension": "650", "name": "Good"}).json() == {"findings": []}
    assert reader.patch("/users/676?check=true", {"name": "Good"}).json() == {"findings": []}
    assert reader.put("/users/676?check=true", {"name": ""}).json()["findings"][0]["field"] == "name"
    assert reader.delete("/users/678?check=true&references=remove").json() == {"findings": []}
    assert reader.post("/users/676/rename?check=true", {"to": "699x"}).json() == {"findings": []}
    assert reader.get("/users").json() == before
    problem(reader.post("/users?check=perhaps", {"extension": "650", "name": "Good"}), 422)


@pytest.mark.parametrize("body", [{}, {"name": "No key"}, {"extension": 5.5, "name": "X"}, {"extension": None}, {"extension": ""}, {"extension": ["1"]}])
def test_an_entry_without_a_name_is_refused(reader: Person, body: dict[str, Any]) -> None:
    assert problem(reader.post("/users", body), 422)["findings"][0]["field"] == "extension"


def test_a_named_entry_is_its_value(admin: Person) -> None:
    assert admin.post("/schedules", {"key": "late", "value": {"hours": {"mon-fri": "14:00-22:00"}}}).status_code == 201
    findings = problem(admin.put("/schedules/late", {"hours": {}}, tag="*"), 422)["findings"]
    assert findings[0]["field"] == "value"
    problem(admin.post("/caller-groups", {"key": "any", "value": ["+1555*"]}), 422)
    answer = admin.put("/schedules/late", {"value": {"hours": {"sat": "10:00-12:00"}}, "key": "late", "revision": 1}, tag="*")
    assert answer.json()["value"] == {"hours": {"sat": "10:00-12:00"}}


# --- changing


def test_what_was_read_can_be_sent_back(admin: Person) -> None:
    """As a page does it: read, change a field, write; what nobody is shown stays."""
    answer = admin.get("/conferences/800")
    changed = admin.put("/conferences/800", {**answer.json(), "name": "Bored room"}, tag=answer.headers["etag"])
    assert changed.status_code == 200, changed.text
    assert changed.json()["name"] == "Bored room"
    assert changed.headers["etag"] == f'"{changed.json()["revision"]}"' != answer.headers["etag"]


def test_a_replacement_takes_away_what_it_does_not_name_but_for_secrets(office: WebOffice, admin: Person) -> None:
    answer = admin.put("/users/676", {"name": "Sam"}, tag="*").json()
    assert answer.keys() == {"extension", "name", "revision", "warnings"}
    assert "no outside number" in answer["warnings"][0]["text"]
    assert office.book.directory.users["676"].digests, "the password is still what it was"


def test_a_patch_changes_what_it_names(anywhere: WebOffice) -> None:
    admin = anywhere.as_("admin")
    answer = admin.patch("/users/667", {"numbers": ["+6221500667", "+6221500600", "+6221500699"], "email": None, "forwarding": {"busy": "601"}}, tag="*")
    assert answer.status_code == 200, answer.text
    assert "email" not in answer.json()
    answer = admin.patch("/users/667", {"forwarding": {"no_answer": "602"}}, tag=answer.headers["etag"], headers={"Content-Type": "application/merge-patch+json"})
    assert answer.json()["forwarding"] == {"busy": "601", "no_answer": "602"}
    assert admin.patch("/users/667", {"forwarding": {"busy": None}}, tag="*").json()["forwarding"] == {"no_answer": "602"}


def test_a_patch_that_says_nothing_changes_nothing(admin: Person) -> None:
    before = admin.get("/users/676")
    assert admin.patch("/users/676", {}, tag="*").headers["etag"] == before.headers["etag"]


def test_a_secret_is_taken_away_by_null(anywhere: WebOffice) -> None:
    office, admin = anywhere, anywhere.as_("admin")
    assert admin.patch("/conferences/800", {"pin": None}, tag="*").status_code == 200
    assert office.book.directory.rooms["800"].pin is None
    assert admin.patch("/users/676", {"password": None}, tag="*").status_code == 200
    assert not office.book.directory.users["676"].digests


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_key_is_changed_by_renaming_only(reader: Person, method: str) -> None:
    answer = reader.ask(method, "/users/676", {"extension": "650", "name": "Sam"}, tag="*")
    assert "rename" in problem(answer, 422)["findings"][0]["text"]


# --- two editors


def test_a_change_says_what_it_is_based_on(reader: Person) -> None:
    for method in ("PUT", "PATCH", "DELETE"):
        assert '"1"' in problem(reader.ask(method, "/users/676", None if method == "DELETE" else {"name": "Sam"}), 428)["detail"]


def test_the_second_of_two_editors_is_shown_what_the_first_has_done(anywhere: WebOffice) -> None:
    office, admin = anywhere, anywhere.as_("admin")
    etag = admin.tag("/users/601")
    assert office.as_("601").patch("/users/601", {"dnd": True}, tag=etag).status_code == 200
    found = problem(admin.patch("/users/601", {"name": "Lea"}, tag=etag), 412)
    assert found["current"]["dnd"] is True
    assert found["current"]["name"] == "Lee Colleague"
    assert admin.patch("/users/601", {"name": "Lea"}, tag=f'"{found["current"]["revision"]}"').status_code == 200


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ('"1"', 200), ('"7", "1"', 200), ("*", 200), (' "1" ', 200), ('W/"1"', 412), ('"01"', 412), ('"2"', 412), ('W/"1", "9"', 412), ('""', 412),
        ("1", 400), ('"1', 400), ('"1" "2"', 400), ("w/\"1\"", 400), ('*, "1"', 400),
    ],
)  # fmt: skip
def test_if_match_is_read_as_the_standard_says(admin: Person, header: str, status: int) -> None:
    assert admin.patch("/users/676", {"name": "Sam"}, headers={"If-Match": header}).status_code == status


def test_of_many_editors_at_once_one_wins(anywhere: WebOffice) -> None:
    """All have read the same revision; nobody's change is overwritten."""
    office = anywhere
    import asyncio

    client = office.client("admin")

    async def all_at_once() -> list[int]:
        changes = [client.patch("/api/v1/users/676", json={"name": f"Sam {number}"}, headers={"If-Match": '"1"'}) for number in range(8)]
        return [answer.status_code for answer in await asyncio.gather(*changes)]

    assert sorted(office.run(all_at_once())) == [200] + [412] * 7


# --- what is no JSON, or too much of it


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400), (b"{", 400), (b"\xff\xfe", 400), (b'{"extension": "650", "name": "A", "name": "B"}', 400), (b'{"extension": NaN}', 400),
        (b'{"extension": 1e999}', 400), (b'{"extension": "650", "name": "\\u0000"}', 400), (b'{"extension": "650", "name": "\\ud800"}', 400),
        (b"[" * 100_000, 400), (b'{"a":' * 40 + b"1" + b"}" * 40, 400), (b"9" * 10_000, 400), (b'{"extension": 99999999999999999999}', 400),
        (b"[]", 422), (b'"x"', 422), (b"null", 422), (b"\xef\xbb\xbf{}", 400), (b" " * (2 << 20) + b"{}", 413),
    ],
)  # fmt: skip
def test_bodies_that_are_no_entry_are_refused(reader: Person, body: bytes, status: int) -> None:
    problem(reader.ask("POST", "/users", content=body, headers={"Content-Type": "application/json"}), status)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "multipart/form-data; boundary=x", "application/jsonx"])
def test_only_json_is_read(reader: Person, kind: str) -> None:
    """A form of another page can send the other types without asking."""
    problem(reader.ask("POST", "/users", content=b'{"extension": "650", "name": "X"}', headers={"Content-Type": kind}), 415)


NAMES = ("<script>alert(1)</script>", "=cmd|'/c calc'!A1", "‮gnorw‬", "👩‍👩‍👧 Ω", "'; DROP TABLE entry; --", "{{7*7}}", "a\"b")  # fmt: skip


def test_names_come_back_as_they_were_sent(anywhere: WebOffice) -> None:
    """They are text everywhere; what cannot travel in a header is refused."""
    admin = anywhere.as_("admin")
    for index, name in enumerate(NAMES):
        answer = admin.post("/users", {"extension": f"75{index}", "name": name})
        if answer.status_code == 201:
            assert admin.get(f"/users/75{index}").json()["name"] == name
            assert answer.headers["content-type"] == "application/json"
        else:
            assert problem(answer, 422)["findings"][0]["field"] == "name"
    problem(admin.post("/users", {"extension": "760", "name": "two\nlines"}), 422)
    problem(admin.post("/users", {"extension": "760", "name": "x" * 129}), 422)


def test_a_database_that_is_away_is_said_and_loses_nothing(office: WebOffice, admin: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    from b2bua.store.ports import Unavailable

    def away(*_arguments: Any) -> Any:
        raise Unavailable("away")

    before = admin.get("/users/676").json()
    with monkeypatch.context() as patch:
        patch.setattr(office.organisation.directory, "write", away)
        answer = admin.patch("/users/676", {"name": "Sam"}, tag="*")
        assert problem(answer, 503) and answer.headers["retry-after"] == "2"
        assert admin.get("/users/676").json() == before, "reading goes on"
    with monkeypatch.context() as patch:
        patch.setattr(office.organisation.directory, "audit", away)
        problem(admin.get("/audit"), 503)
    assert admin.patch("/users/676", {"name": "Sam"}, tag="*").status_code == 200


def test_a_change_of_which_nobody_knows_whether_it_was_made_is_not_called_undone(
    office: WebOffice, admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    from b2bua.store.ports import Undecided

    def gone(*_arguments: Any) -> Any:
        raise Undecided("gone")

    monkeypatch.setattr(office.organisation.directory, "write", gone)
    said = problem(admin.patch("/users/676", {"name": "Sam"}, tag="*"), 503)
    assert "not known whether it was made" in said["detail"] and "nothing was changed" not in said["detail"]


def test_whoever_may_change_nothing_there_is_told_before_their_body_is_read(office: WebOffice) -> None:
    for method, path in (("POST", "/users"), ("PUT", "/users/602"), ("PATCH", "/users/602"), ("PATCH", "/sites/HQ"), ("POST", "/groups")):
        answer = office.as_("601").ask(method, path, content=b"{", headers={"Content-Type": "application/json"})
        problem(answer, 403)


def test_a_long_body_is_read_beside_the_loop(admin: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    where: list[bool] = []
    parse = dependencies.parse_json

    def watched(data: bytes) -> Any:
        where.append(threading.current_thread() is threading.main_thread())
        return parse(data)

    monkeypatch.setattr(dependencies, "parse_json", watched)
    for padding in (0, 100_000):
        body = b'{"extension": "650", "name": ' + b" " * padding + b"1}"
        problem(admin.ask("POST", "/users", content=body, headers={"Content-Type": "application/json"}), 422)
    assert where == [True, False]


def test_nobody_is_called_as_the_first_administrator(admin: Person) -> None:
    for extension in ("admin", "Admin"):
        problem(admin.post("/users", {"extension": extension, "name": "Not the one"}), 422)
        problem(admin.post("/users/602/rename", {"to": extension}), 422)


def test_what_is_hidden_is_not_found_out_by_writing_it(office: WebOffice) -> None:
    """Sam manages Olivia, whose confidential contacts are the family: the right guess is answered as a wrong one."""
    sam = office.as_("676")
    shown = sam.get("/executives/667").json()
    for method, body in (("PATCH", {}), ("PUT", shown)):
        said = [
            (answer.status_code, answer.json()["detail"])
            for guess in (["family"], ["press"], [])
            for answer in [sam.ask(method, "/executives/667", {**body, "confidential": guess}, tag="*")]
        ]
        assert set(said) == {(403, "only 667 and administrators may change confidential")}


def test_problems_are_json_that_can_be_read(reader: Person) -> None:
    found = json.loads(reader.get("/nothing").content)
    assert found["status"] == 404
    problem(reader.ask("POST", "/users/676"), 405)

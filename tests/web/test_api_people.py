"""SIP passwords, the assistant's yes or no, phones that change hands; the organisation, its numbers, and who changed what."""

from __future__ import annotations

from collections.abc import Callable

from tests.web.support.answers import problem
from tests.web.support.web_office import Person, WebOffice

# --- people and phones


def test_a_new_sip_password_is_shown_once_and_opens_the_lines_too(anywhere: WebOffice) -> None:
    office = anywhere
    answer = office.as_("676").post("/users/676/sip-password")
    assert answer.status_code == 200, answer.text
    shown = answer.json()
    assert (shown["account"], shown["domain"], shown["lines"]) == ("676", "acme.test", ["676-667"])
    assert len(shown["password"]) >= 12
    assert set(office.book.directory.users["676"].digests) == {"676", "676-667"}
    again = office.as_("676").post("/users/676/sip-password").json()
    assert again["password"] != shown["password"]
    assert shown["password"] not in office.as_("admin").get("/audit").text
    problem(office.as_("601").post("/users/676/sip-password"), 403)


def test_an_assistant_accepts_or_declines(new_office: Callable[..., WebOffice]) -> None:
    from tests.web.support.web_office import DIRECTORY

    office = new_office(DIRECTORY.replace("organisation: Acme", "organisation: Acme\nacceptance: true"))
    victor, tom, bea = office.as_("668"), office.as_("678"), office.as_("683")
    changed = victor.patch("/executives/668", {"assistants": ["677", {"extension": "678", "rights": ["receive"]}, "683"]}, tag="*")
    assert changed.json()["assistants"][2] == {"extension": "683", "approval": "pending"}
    assert office.book.directory.delegation("683", "668").approval == "pending"  # type: ignore[union-attr]
    problem(tom.post("/executives/668/acceptance", {"accept": True}), 409)
    problem(bea.post("/executives/668/acceptance", {"accept": "yes"}), 422)
    assert bea.get("/executives/668").json()["assistants"][2] == {"extension": "683", "approval": "pending"}
    assert bea.post("/executives/668/acceptance", {"accept": True}).status_code == 200
    assert office.book.directory.delegation("683", "668").approval == "approved"  # type: ignore[union-attr]
    problem(office.as_("601").post("/executives/668/acceptance", {"accept": True}), 404)
    problem(victor.post("/executives/668/acceptance", {"accept": True}), 403)


def test_two_phones_change_hands(anywhere: WebOffice) -> None:
    admin = anywhere.as_("admin")
    answer = admin.post("/phones/001565000001/swap", {"with": "00-15-65-00-00-03"})
    assert answer.status_code == 200, answer.text
    assert [(each["mac"], each.get("user"), each["site"]) for each in answer.json()["items"]] == [
        ("00:15:65:00:00:01", None, "HQ"),
        ("00:15:65:00:00:03", "667", "Branch"),
    ]
    assert admin.post("/phones/001565000003/release").json()["items"][0].get("user") is None
    assert admin.post("/phones/001565000003/release").status_code == 200, "there is nothing left to release"
    problem(admin.post("/phones/001565000003/swap", {"with": "001565000003"}), 422)
    problem(admin.post("/phones/001565000003/swap", {"with": "001565000009"}), 404)
    problem(admin.post("/phones/001565000003/swap", {}), 422)


# --- the organisation, numbers, the audit


def test_the_organisation_is_one_entry(anywhere: WebOffice) -> None:
    office, admin = anywhere, anywhere.as_("admin")
    answer = admin.get("/organisation")
    assert answer.json()["number_inventory"] == ["+6221500600-699"]
    assert "number_inventory" not in office.as_("601").get("/organisation").json()
    changed = admin.patch("/organisation", {"limits": {"assistants_per_executive": 3}}, tag=answer.headers["etag"])
    assert changed.status_code == 200, changed.text
    assert office.book.limits()["assistants_per_executive"] == 3
    problem(admin.patch("/organisation", {"acceptance": True}, tag=answer.headers["etag"]), 412)
    problem(admin.put("/organisation", {"organisation": "X"}), 428)
    problem(admin.patch("/organisation", {"users": []}, tag="*"), 422)
    problem(office.as_("690").patch("/organisation", {"acceptance": True}, tag="*"), 403)


def test_the_inventory_tells_whose_a_number_is_and_which_are_free(office: WebOffice, admin: Person) -> None:
    found = admin.get("/numbers?limit=3").json()
    assert found["total"] == 100
    assert found["items"] == [
        {"number": "+6221500600", "inventory": True, "owner": {"kind": "users", "key": "667", "name": "Olivia Boss", "main": False}},
        {"number": "+6221500601", "inventory": True, "owner": {"kind": "users", "key": "601", "name": "Lee Colleague", "main": True}},
        {"number": "+6221500602", "inventory": True, "owner": None},
    ]
    following = admin.get("/numbers", params={"limit": 100, "after": found["next"]}).json()
    assert len(following["items"]) == 97 and following["next"] is None
    free = admin.get("/numbers?free=true&search=66").json()
    assert [each["number"] for each in free["items"]] == [f"+622150066{digit}" for digit in "01234569"]
    assert free["total"] == 8
    assert admin.patch("/users/602", {"numbers": ["+15550001"]}, tag="*").status_code == 200
    outside = admin.get("/numbers?limit=1").json()
    assert outside["items"][0] == {"number": "+15550001", "inventory": False, "owner": {"kind": "users", "key": "602", "name": "Mia Colleague", "main": True}}
    assert outside["total"] == 101
    assert office.as_("680").get("/numbers").status_code == 200
    problem(office.as_("601").get("/numbers"), 403)
    problem(admin.get("/numbers?after=x"), 422)


def test_who_did_what_is_kept(anywhere: WebOffice) -> None:
    office, admin = anywhere, anywhere.as_("admin")
    office.as_("676").patch("/executives/667", {"alerting": {"ring_seconds": 12}}, tag="*")
    row = admin.get("/audit?kind=executives&key=667&limit=1").json()["items"][0]
    assert (row["actor"], row["action"], row["via"].split()[0]) == ("676", "changed", "token")
    assert "alerting" not in row["before"] and row["after"]["alerting"] == {"ring_seconds": 12}
    assert row["before"]["confidential"] == ["family"]
    seen = office.as_("676").get("/audit?kind=executives&key=667&limit=1").json()["items"][0]
    assert "confidential" not in seen["before"] and "confidential" not in seen["after"]
    assert "confidential" in office.as_("667").get("/audit?kind=executives&limit=1").json()["items"][0]["before"]
    problem(office.as_("601").get("/audit?kind=executives&key=667"), 404)
    problem(office.as_("601").get("/audit?kind=users&key=667"), 404)
    assert {row["key"] for row in office.as_("601").get("/audit").json()["items"]} == {"601"}


def test_the_audit_comes_in_pages(reader: Person) -> None:
    first = reader.get("/audit?limit=4").json()
    second = reader.get("/audit", params={"limit": 4, "after": first["next"]}).json()
    ids = [row["id"] for row in (*first["items"], *second["items"])]
    assert ids == sorted(set(ids), reverse=True) and len(ids) == 8
    problem(reader.get("/audit?after=x"), 422)
    problem(reader.get("/audit?limit=501"), 422)

"""The API of sessions, activation, accounts and tokens, as pages and programs use it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import httpx
import pytest

from b2bua.administration.secrets import TOKEN_PREFIX
from tests.administration.account_world import ADMIN, GOOD, OTHER, START
from tests.web.support.browsers import Site, visited

DAY = 86_400.0


def problem(answer: httpx.Response, status: int) -> Any:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.json()


def finding(answer: httpx.Response, field: str) -> str:
    """The text of the only finding, which is about this field."""
    (found,) = problem(answer, 422)["findings"]
    assert found["field"] == field
    return str(found["text"])


@visited
async def test_the_first_administrator_signs_in_changes_the_password_and_is_super_admin(site: Site) -> None:
    printed = await site.world.accounts.bootstrap()
    assert printed is not None
    admin = site.browser()
    assert (await admin.sign_in("admin", printed)).json() == {"must_change": True, "csrf": admin.csrf}
    assert (await admin.ask("GET", "/api/v1/session")).json()["must_change"] is True
    changed = await admin.ask("PUT", "/api/v1/session/password", {"old": printed, "new": GOOD})
    admin.csrf = changed.json()["csrf"]
    me = (await admin.ask("GET", "/api/v1/me")).json()
    assert (me["account"], me["extension"], me["role"], me["csrf"]) == ("admin", None, "super_admin", admin.csrf)
    assert (await admin.ask("POST", "/api/v1/accounts/677/invitation")).status_code == 200
    assert (await admin.client.get("/account")).status_code == 200


@visited
async def test_who_one_is(site: Site) -> None:
    sam = await site.signed_in("676")
    assert (await sam.ask("GET", "/api/v1/me")).json() == {
        "account": "676",
        "extension": "676",
        "name": "Sam Secretary",
        "role": "manager",
        "sites": ["Branch"],
        "offices": [],
        "manages": ["667"],
        "works_for": [{"extension": "667", "name": "Olivia Boss"}],
        "read_only": False,
        "csrf": sam.csrf,
    }
    problem(await site.browser().ask("GET", "/api/v1/me"), 401)


@visited
async def test_a_wrong_password_says_nothing_and_the_sixth_when_to_come_again(site: Site) -> None:
    await site.world.member("676")
    browser = site.browser()
    for name in ("676", "nobody"):
        for _ in range(5):
            assert problem(await browser.sign_in(name, "wrong"), 401)["detail"] == "the name or the password is wrong"
        answer = await browser.sign_in(name)
        assert problem(answer, 429)["retry_after"] == 900
        assert answer.headers["retry-after"] == "900"


@pytest.mark.parametrize(
    "body",
    [None, {}, [], "x", {"account": "676"}, {"account": "", "password": "x"}, {"account": 676, "password": "x"}, {"account": "676", "password": None},
     {"account": "676", "password": GOOD, "role": "super_admin"}, {"account": "x" * 257, "password": "x"}],
)  # fmt: skip
def test_a_sign_in_that_is_none_is_answered_clearly(body: Any) -> None:
    async def story(site: Site) -> None:
        await site.world.member("676")
        assert problem(await site.browser().ask("POST", "/api/v1/session", body), 422)["findings"]
        assert site.world.accounts.sessions_of("676") == []

    visited(story)()


@visited
async def test_hostile_names_are_only_wrong(site: Site) -> None:
    browser = site.browser()
    for name in ("<script>alert(1)</script>", "\u202e676", "😀" * 100, "676' OR 1=1 --", "\x00", "\ud800"):
        content = json.dumps({"account": name, "password": "x"})
        answer = await browser.client.post("/api/v1/session", content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code in (401, 422), (name, answer.text)


@visited
async def test_own_sessions_are_listed_and_ended(site: Site) -> None:
    first, second = await site.signed_in("676"), await site.signed_in("676")
    third, other = await site.signed_in("676"), await site.signed_in("667")
    items = (await first.ask("GET", "/api/v1/sessions")).json()["items"]
    assert len(items) == 3
    assert [each["current"] for each in items].count(True) == 1
    assert {each["agent"] for each in items} == {"Firefox"}
    (theirs,) = (await other.ask("GET", "/api/v1/sessions")).json()["items"]
    problem(await first.ask("DELETE", f"/api/v1/sessions/{theirs['id']}"), 404)
    second_id = next(each["id"] for each in (await second.ask("GET", "/api/v1/sessions")).json()["items"] if each["current"])
    assert (await first.ask("DELETE", f"/api/v1/sessions/{second_id}")).status_code == 204
    problem(await second.ask("GET", "/api/v1/me"), 401)
    assert (await first.ask("DELETE", "/api/v1/sessions")).status_code == 204
    problem(await third.ask("GET", "/api/v1/me"), 401)
    assert (await first.ask("GET", "/api/v1/me")).status_code == 200
    assert (await other.ask("GET", "/api/v1/me")).status_code == 200


@visited
async def test_a_password_is_refused_with_what_to_choose_instead(site: Site) -> None:
    sam = await site.signed_in("676")
    path = "/api/v1/session/password"
    assert "10 characters" in finding(await sam.ask("PUT", path, {"old": GOOD, "new": "short"}), "password")
    assert "name of yours" in finding(await sam.ask("PUT", path, {"old": GOOD, "new": "sam secretary"}), "password")
    assert "the old one" in finding(await sam.ask("PUT", path, {"old": GOOD, "new": GOOD}), "password")
    assert finding(await sam.ask("PUT", path, {"old": "wrong", "new": OTHER}), "old") == "is not your password"
    assert (await sam.ask("GET", "/api/v1/me")).status_code == 200
    assert (await sam.ask("PUT", path, {"old": GOOD, "new": "パスワードは長いほど良い"})).status_code == 200


# --- accounts of others


@visited
async def test_from_the_invitation_to_the_first_sign_in(site: Site) -> None:
    sue = await site.signed_in("682")
    answer = (await sue.ask("POST", "/api/v1/accounts/677/invitation")).json()
    assert answer["valid_until"] == START + DAY
    assert answer["link"].startswith("http://127.0.0.1:8080/activate/")
    state = (await sue.ask("GET", "/api/v1/accounts/677")).json()
    assert (state["status"], state["invited_until"], state["has_password"]) == ("invited", START + DAY, False)

    ana = site.browser()
    assert "Ana Aide" in (await ana.client.get(answer["link"])).text
    secret = answer["link"].rpartition("/")[2]
    assert "tried first" in finding(await ana.ask("POST", "/api/v1/activation", {"secret": secret, "password": GOOD, "pin": "1234"}), "pin")
    done = await ana.ask("POST", "/api/v1/activation", {"secret": secret, "password": GOOD, "pin": "8352"})
    assert done.json() == {"account": "677"}
    problem(await ana.ask("POST", "/api/v1/activation", {"secret": secret, "password": OTHER}), 410)
    assert (await ana.client.get(answer["link"])).status_code == 410
    assert (await ana.sign_in("677")).status_code == 200
    state = (await ana.ask("GET", "/api/v1/accounts/677")).json()
    assert (state["status"], state["invited_until"], state["has_pin"], state["signed_in"]) == ("enabled", None, True, START)


@visited(url="https://pbx.acme.test")
async def test_links_name_the_address_that_people_are_told(site: Site) -> None:
    token = await site.token("682")
    answer = await site.browser("http://127.0.0.1:8080").client.post("/api/v1/accounts/677/invitation", headers=token)
    assert answer.json()["link"].startswith("https://pbx.acme.test/activate/")


ACTIONS = ("invitation", "password-reset", "pin-reset", "disable", "enable")


@pytest.mark.parametrize(
    ("who", "whom", "may"),
    [
        ("682", "676", True), ("682", "681", True), ("682", "admin", True), ("681", "676", True), ("681", "680", True),
        ("681", "682", False), ("681", "admin", False), ("680", "667", True), ("680", "677", True),
        ("680", "676", False), ("680", "681", False), ("680", "admin", False), ("676", "667", False), ("667", "676", False), ("667", "999", False),
    ],
)  # fmt: skip
def test_nobody_reaches_an_account_with_more_rights_than_their_own(who: str, whom: str, may: bool) -> None:
    """680 manages the site HQ, where 667 and 676 are (676 manages Branch, and so is no plain user); Branch, where 677 is, is below it."""

    async def story(site: Site) -> None:
        await site.world.accounts.bootstrap()
        for extension in ("676", "667", "680", "681", "682"):
            await site.world.member(extension)
        before = dict(site.world.store.rows), dict(site.world.book.users)
        browser = await site.signed_in(who)
        for action in ACTIONS:
            answer = await browser.ask("POST", f"/api/v1/accounts/{whom}/{action}")
            if may:
                assert answer.status_code in (200, 409) or (whom == "admin" and answer.status_code == 404), (action, answer.text)
            else:
                assert problem(answer, 404)["detail"] == "there is no such user, or not one whom you administer", action
        assert (await browser.ask("GET", f"/api/v1/accounts/{whom}")).status_code == (200 if may else 404)
        if not may:
            assert site.world.book.users == before[1]
            assert {name: row.password for name, row in site.world.store.rows.items()} == {name: row.password for name, row in before[0].items()}

    visited(story)()


@visited
async def test_one_does_not_lock_oneself_out(site: Site) -> None:
    sue = await site.signed_in("682")
    for action in ACTIONS:
        problem(await sue.ask("POST", f"/api/v1/accounts/682/{action}"), 409)
    sam = await site.signed_in("667")
    for action in ACTIONS:
        problem(await sam.ask("POST", f"/api/v1/accounts/667/{action}"), 403)


@visited
async def test_resets_are_shown_once_and_forced_to_be_changed(site: Site) -> None:
    sue, sam = await site.signed_in("682"), await site.signed_in("676")
    password = (await sue.ask("POST", "/api/v1/accounts/676/password-reset")).json()
    assert password["must_change"] is True
    problem(await sam.ask("GET", "/api/v1/me"), 401)
    pin = (await sue.ask("POST", "/api/v1/accounts/676/pin-reset")).json()["pin"]
    assert len(pin) == 6
    state = (await sue.ask("GET", "/api/v1/accounts/676")).text
    assert password["password"] not in state
    assert pin not in state
    again = await sam.sign_in("676", password["password"])
    assert again.json()["must_change"] is True
    assert [(each.actor, each.action) for each in site.world.book.notes if each.key == "676"][-2:] == [("682", "password reset"), ("682", "PIN reset")]


@visited
async def test_disabling_throws_out_and_enabling_lets_in(site: Site) -> None:
    sue, sam = await site.signed_in("682"), await site.signed_in("676")
    assert (await sue.ask("POST", "/api/v1/accounts/676/disable")).json()["status"] == "disabled"
    problem(await sam.ask("GET", "/api/v1/me"), 401)
    problem(await sam.sign_in("676"), 401)
    problem(await sue.ask("POST", "/api/v1/accounts/676/password-reset"), 409)
    assert (await sue.ask("POST", "/api/v1/accounts/676/enable")).json()["status"] == "enabled"
    assert (await sam.sign_in("676")).status_code == 200


@visited
async def test_the_own_pin(site: Site) -> None:
    sam = await site.signed_in("676")
    path = "/api/v1/accounts/676/pin"
    for pin, words in (("123", "4 to 10"), ("12a4", "4 to 10"), ("٤٢٤٢", "4 to 10"), ("0000", "tried first"), ("1234", "tried first"),
                       ("6760", "your number"), ("0676", "your number")):  # fmt: skip
        assert words in finding(await sam.ask("PUT", path, {"pin": pin}), "pin")
    assert (await sam.ask("PUT", path, {"pin": "8352"})).status_code == 204
    assert await site.world.accounts.verify_pin("676", "8352") == "ok"
    problem(await sam.ask("PUT", "/api/v1/accounts/667/pin", {"pin": "8352"}), 404)
    sue = await site.signed_in("682")
    problem(await sue.ask("PUT", path, {"pin": "9461"}), 403)


# --- tokens


@visited
async def test_tokens_are_made_listed_and_revoked_by_their_owner(site: Site) -> None:
    sam, olivia = await site.signed_in("676"), await site.signed_in("667")
    made = await sam.ask("POST", "/api/v1/tokens", {"name": "crm", "scope": "read", "days": 30})
    assert made.status_code == 201
    item = made.json()
    assert made.headers["location"] == f"/api/v1/tokens/{item['id']}"
    token = item.pop("token")
    assert token.startswith(TOKEN_PREFIX)
    assert item == {"id": item["id"], "name": "crm", "scope": "read", "created": START, "expires": START + 30 * DAY, "used": None}
    program = site.browser().client
    assert (await program.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})).json()["account"] == "676"
    (listed,) = (await sam.ask("GET", "/api/v1/tokens")).json()["items"]
    assert listed == {**item, "used": START}
    assert (await olivia.ask("GET", "/api/v1/tokens")).json()["items"] == []
    problem(await olivia.ask("DELETE", f"/api/v1/tokens/{item['id']}"), 404)
    assert (await sam.ask("DELETE", f"/api/v1/tokens/{item['id']}")).status_code == 204
    problem(await program.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"}), 401)
    assert [each.action for each in site.world.book.notes if each.key == "676"] == ["invited", "activated", "token made", "token revoked"]


@visited
async def test_a_token_has_at_most_the_rights_of_its_owner_now(site: Site) -> None:
    token = await site.token("682")
    program = site.browser().client
    assert (await program.post("/api/v1/accounts/676/invitation", headers=token)).status_code == 200
    site.world.book.put(replace(site.world.book.users["682"], role="user"))
    problem(await program.post("/api/v1/accounts/676/invitation", headers=token), 404)
    site.world.book.put(replace(site.world.book.users["682"], status="disabled"))
    problem(await program.get("/api/v1/me", headers=token), 401)


@visited
async def test_a_token_that_cannot_be_is_refused(site: Site) -> None:
    sam = await site.signed_in("676")
    for body in ({}, {"name": ""}, {"name": "x", "scope": "admin"}, {"name": "x", "days": 0}, {"name": "x", "days": 99_999}, {"name": "x", "owner": "667"}):
        assert problem(await sam.ask("POST", "/api/v1/tokens", body), 422)["findings"], body
    for number in range(20):
        assert (await sam.ask("POST", "/api/v1/tokens", {"name": f"t{number}"})).status_code == 201
    assert "revoke one" in finding(await sam.ask("POST", "/api/v1/tokens", {"name": "one more"}), "name")


# --- pages


@visited
async def test_the_pages_are_there_for_whom_they_should(site: Site) -> None:
    stranger, sam = site.browser(), await site.signed_in("676")
    assert 'autocomplete="current-password"' in (await stranger.client.get("/sign-in")).text
    assert (await stranger.client.get("/change-password")).headers["location"] == "/sign-in"
    page = (await sam.client.get("/account")).text
    assert f'<meta name="csrf" content="{sam.csrf}">' in page
    assert "PIN for shared phones" in page
    assert 'value="676"' in (await sam.client.get("/change-password")).text
    assert 'method="post"' in (await stranger.client.get("/sign-in")).text, "without a script no password gets into an address"


@visited
async def test_names_on_the_activation_page_are_text(site: Site) -> None:
    site.world.book.put(replace(site.world.book.users["677"], name="<img src=x onerror=alert(1)> 😀 \u202eevil"))
    link = await site.world.accounts.invite(ADMIN, "677")
    text = (await site.browser().client.get(f"/activate/{link.secret}")).text
    assert "<img" not in text
    assert "&lt;img src=x onerror=alert(1)&gt;" in text

"""What an attacker would try against the door: forged requests, foreign origins and names, planted sessions, tokens that may not, floods."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from starlette.websockets import WebSocket

from b2bua.administration.secrets import Hasher, csrf_of
from b2bua.web.api.entries import RESOURCES
from b2bua.web.guard import MAX_BODY, POLICY, Origins, most_of
from b2bua.web.security import local_path, viewer_of_socket
from tests.administration.account_world import ADMIN, GOOD, OTHER, QUICK, START, AccountWorld, services_of
from tests.web.support.browsers import HOST, Browser, Site, visited

TOKENS = "/api/v1/tokens"
NEW = {"name": "crm", "scope": "write"}


def problem(answer: httpx.Response, status: int) -> Any:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.json()


# --- forged requests


@visited
async def test_a_page_of_ours_may_change_something(site: Site) -> None:
    sam = await site.signed_in("676")
    assert (await sam.ask("POST", TOKENS, NEW)).status_code == 201


FORGERIES: dict[str, dict[str, str | None]] = {
    "no token": {"X-CSRF-Token": None},
    "an empty token": {"X-CSRF-Token": ""},
    "a wrong token": {"X-CSRF-Token": "A" * 43},
    "a token that is no text": {"X-CSRF-Token": "\xff\xfe"},
    "a page of another site": {"Origin": "https://evil.test", "Sec-Fetch-Site": "cross-site"},
    "a page of another site in an old browser": {"Origin": "https://evil.test", "Sec-Fetch-Site": None},
    "a sandboxed page": {"Origin": "null", "Sec-Fetch-Site": None},
    "another server on this machine": {"Origin": "http://127.0.0.1:9999", "Sec-Fetch-Site": "same-site"},
    "a name that begins like ours": {"Origin": HOST + ".evil.test", "Sec-Fetch-Site": None},
    "an origin that lies beside its site": {"Sec-Fetch-Site": "cross-site"},
    "a request that says nothing": {"Origin": None, "Sec-Fetch-Site": None},
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_request_changes_nothing(forgery: str) -> None:
    async def story(site: Site) -> None:
        sam = await site.signed_in("676")
        csrf = sam.csrf
        headers = {name.replace("-", "_"): value for name, value in FORGERIES[forgery].items()}
        for method, path, body in (
            ("POST", TOKENS, NEW),
            ("PUT", "/api/v1/session/password", {"old": GOOD, "new": OTHER}),
            ("DELETE", "/api/v1/session", None),
            ("DELETE", "/api/v1/sessions", None),
            ("PUT", "/api/v1/accounts/676/pin", {"pin": "8352"}),
        ):
            problem(await sam.ask(method, path, body, **headers), 403)
        assert site.world.accounts.tokens_of("676") == []
        assert sam.csrf == csrf
        assert (await sam.ask("GET", "/api/v1/me")).status_code == 200, "the session goes on"

    visited(story)()


@visited
async def test_the_token_of_another_session_does_not_do(site: Site) -> None:
    sam, olivia = await site.signed_in("676"), await site.signed_in("667")
    again = await site.signed_in("676")
    for other in (olivia, again):
        problem(await sam.ask("POST", TOKENS, NEW, X_CSRF_Token=other.csrf), 403)


@visited
async def test_another_site_cannot_sign_somebody_in_as_the_attacker(site: Site) -> None:
    await site.world.member("676")
    victim = site.browser()
    body = {"account": "676", "password": GOOD}
    for headers in (
        {"Origin": "https://evil.test", "Sec_Fetch_Site": "cross-site"},
        {"Origin": "https://evil.test", "Sec_Fetch_Site": None},
        {"Origin": "null", "Sec_Fetch_Site": None},
    ):
        problem(await victim.ask("POST", "/api/v1/session", body, **headers), 403)
    form = await victim.client.post("/api/v1/session", content=json.dumps(body), headers={"Content-Type": "text/plain"})
    assert form.status_code in (403, 415, 422), "a form of another site can send no JSON"
    assert victim.cookie == ""
    assert site.world.accounts.sessions_of("676") == []


@visited
async def test_a_program_may_sign_in_without_saying_where_it_comes_from(site: Site) -> None:
    await site.world.member("676")
    answer = await site.browser().ask("POST", "/api/v1/session", {"account": "676", "password": GOOD}, Origin=None, Sec_Fetch_Site=None)
    assert answer.status_code == 200


# --- sessions and cookies


@visited
async def test_a_planted_session_is_worth_nothing_after_signing_in(site: Site) -> None:
    await site.world.member("667")
    attacker = await site.signed_in("676")
    victim = site.browser()
    for planted in (attacker.cookie, "chosen-by-the-attacker"):
        victim.client.cookies.set("session", planted, domain="127.0.0.1", path="/")
        await victim.sign_in("667")
        assert victim.cookie not in (planted, "")
    me = await attacker.ask("GET", "/api/v1/me")
    problem(me, 401)


@visited
async def test_the_cookie_is_for_no_script_and_no_other_site(site: Site) -> None:
    await site.world.member("676")
    cookie = (await site.browser().sign_in("676")).headers["set-cookie"].lower()
    assert all(part in cookie for part in ("httponly", "samesite=strict", "path=/"))
    assert "domain" not in cookie
    assert "secure" not in cookie, "by http a browser would drop it"


@visited(url="https://pbx.acme.test")
async def test_behind_tls_the_cookie_is_secure_and_bound_to_the_host(site: Site) -> None:
    await site.world.member("676")
    browser = site.browser("https://pbx.acme.test")
    cookie = (await browser.sign_in("676")).headers["set-cookie"]
    assert cookie.startswith("__Host-session=")
    assert "Secure" in cookie
    assert (await browser.ask("POST", TOKENS, NEW)).status_code == 201
    problem(await browser.ask("POST", TOKENS, NEW, Origin="http://pbx.acme.test"), 403)


@visited
async def test_an_ended_session_is_over_for_whoever_has_copied_it(site: Site) -> None:
    sam = await site.signed_in("676")
    stolen = sam.cookie
    out = await sam.ask("DELETE", "/api/v1/session")
    assert out.status_code == 204
    assert 'session="";' in out.headers["set-cookie"] or "Max-Age=0" in out.headers["set-cookie"]
    thief = site.browser()
    thief.client.cookies.set("session", stolen, domain="127.0.0.1", path="/")
    problem(await thief.ask("GET", "/api/v1/me"), 401)


@visited
async def test_a_changed_password_throws_everybody_else_out(site: Site) -> None:
    sam, thief = await site.signed_in("676"), await site.signed_in("676")
    before = sam.cookie
    answer = await sam.ask("PUT", "/api/v1/session/password", {"old": GOOD, "new": OTHER})
    assert answer.status_code == 200
    assert sam.cookie != before
    assert answer.json()["csrf"] == csrf_of(sam.cookie)
    assert (await sam.ask("GET", "/api/v1/me")).status_code == 200
    problem(await thief.ask("GET", "/api/v1/me"), 401)


# --- tokens


@visited
async def test_a_token_that_may_read_changes_nothing(site: Site) -> None:
    await site.world.member("682")
    reading, writing = await site.token("682", "read"), await site.token("682", "write")
    program = site.browser()
    assert (await program.client.get("/api/v1/me", headers=reading)).json()["read_only"] is True
    problem(await program.client.post("/api/v1/accounts/677/invitation", headers=reading), 403)
    assert site.world.book.users["677"].status == "not_activated"
    assert (await program.client.post("/api/v1/accounts/677/invitation", headers=writing)).status_code == 200


@visited
async def test_a_stolen_token_cannot_make_itself_at_home(site: Site) -> None:
    """It makes no other tokens, and changes neither password nor PIN."""
    writing = await site.token("676", "write")
    program = site.browser().client
    problem(await program.post(TOKENS, json=NEW, headers=writing), 403)
    problem(await program.put("/api/v1/session/password", json={"old": GOOD, "new": OTHER}, headers=writing), 403)
    problem(await program.put("/api/v1/accounts/676/pin", json={"pin": "8352"}, headers=writing), 403)
    problem(await program.delete("/api/v1/sessions", headers=writing), 403)


@visited
async def test_a_wrong_token_is_not_healed_by_a_cookie(site: Site) -> None:
    sam = await site.signed_in("676")
    for wrong in ("Bearer b2b_wrong", "Bearer ", "bearer x y"):
        answer = await sam.ask("GET", "/api/v1/me", Authorization=wrong)
        problem(answer, 401)
        assert answer.headers["www-authenticate"] == "Bearer"


@visited
async def test_while_a_new_password_is_due_pages_wait_and_tokens_are_gone(site: Site) -> None:
    token = await site.token("676")
    given = await site.world.accounts.reset_password(ADMIN, "676")
    sam = site.browser()
    answer = await sam.sign_in("676", given)
    assert answer.json()["must_change"] is True
    for path in ("/api/v1/me", "/api/v1/sessions", TOKENS, "/api/v1/accounts/676"):
        assert problem(await sam.ask("GET", path), 403)["must_change"] is True, path
    problem(await site.browser().client.get("/api/v1/me", headers=token), 401)
    page = await sam.client.get("/account")
    assert (page.status_code, page.headers["location"]) == (303, "/change-password?next=/account")
    assert (await sam.ask("PUT", "/api/v1/session/password", {"old": given, "new": OTHER})).status_code == 200
    assert (await sam.ask("GET", "/api/v1/me")).status_code == 200


# --- names, sizes, headers


@visited
async def test_a_name_that_somebody_points_here_is_not_served(site: Site) -> None:
    """DNS rebinding: the page of evil.test asks evil.test, which is 127.0.0.1 by now."""
    evil = site.browser("http://evil.test:8080")
    for path in ("/sign-in", "/api/v1/me", "/static/x/base.css"):
        problem(await evil.client.get(path), 421)
    assert (await evil.client.get("/health")).status_code == 200, "probes have names of their own"
    for host in (HOST, "http://localhost:8080", "http://[::1]:8080", "http://acme.test", "http://localhost:9090"):
        assert (await site.browser(host).client.get("/sign-in")).status_code == 200, host


@visited
async def test_every_answer_forbids_what_is_not_ours(site: Site) -> None:
    browser = site.browser()
    for path in ("/sign-in", "/api/v1/me", "/nowhere", "/health"):
        headers = (await browser.client.get(path)).headers
        assert headers["content-security-policy"] == POLICY, path
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["referrer-policy"] == "same-origin"
        assert "camera=()" in headers["permissions-policy"]
        assert headers["cache-control"] == "no-store", path
    evil = (await site.browser("http://evil.test").client.get("/")).headers
    assert evil["content-security-policy"] == POLICY


@visited
async def test_pages_have_nothing_inline(site: Site) -> None:
    link = await site.world.accounts.invite(ADMIN, "677")
    sam = await site.signed_in("676")
    stranger = site.browser()
    texts = [
        (await stranger.client.get(path)).text
        for path in ("/sign-in", "/sign-in?account=%22onfocus%3Dalert(1)%20x%3D%22", f"/activate/{link.secret}", "/activate/wrong")
    ] + [(await sam.client.get(path)).text for path in ("/account", "/change-password")]
    for text in texts:
        assert " style=" not in text
        assert "<style" not in text
        assert "<script>" not in text
        assert ' onfocus="' not in text
        assert '"onfocus' not in text


@visited
async def test_bodies_are_bounded_announced_or_not(site: Site) -> None:
    client = site.browser().client
    problem(await client.post("/api/v1/session", content=b"x" * (MAX_BODY + 1)), 413)

    async def flood() -> AsyncIterator[bytes]:
        for _ in range(MAX_BODY // 65_536 + 2):
            yield b"x" * 65_536

    answer = await client.post("/api/v1/session", content=flood(), headers={"Content-Type": "application/json"})
    problem(answer, 413)


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("/api/v1/session", 16 << 10), ("/api/v1/activation", 16 << 10), ("/api/v1/calls", 16 << 10), ("/api/v1/tokens", 16 << 10),
        ("/api/v1/imports/abc/apply", 16 << 10), ("/sign-in", 16 << 10), ("/users", 16 << 10), ("/api/v1/nowhere", 16 << 10),
        ("/api/v1/simulate", 64 << 10), ("/api/v1/what-if", 64 << 10), ("/api/v1/bulk", 2 << 20), ("/api/v1/organisation", 256 << 10),
        *((f"/api/v1/{each.path}/667", 256 << 10) for each in RESOURCES), *((f"/api/v1/{each.path}", 256 << 10) for each in RESOURCES),
    ],
)  # fmt: skip
def test_a_request_may_be_as_long_as_what_is_meant_there(path: str, most: int) -> None:
    """What comes without a password is read on the loop of the calls."""
    assert most_of(path) == most


@pytest.mark.parametrize("host", ["acme.test:8080@evil.test", "127.0.0.1:8080@evil.test", "acme.test:80x", "acme.test:", "acme.test/x", "[::1]x", "[::1]:8080@e", "acme.test:123456"])
def test_a_host_that_a_link_would_read_otherwise_is_none_of_ours(host: str) -> None:
    origins = Origins("", "", frozenset({"acme.test", "127.0.0.1", "::1"}), any_address=True)
    assert not origins.known(host)
    assert origins.known("acme.test") and origins.known("acme.test:8080") and origins.known("[::1]:8080") and origins.known("127.0.0.1:9090")


@visited
async def test_a_body_that_trickles_in_is_not_waited_for_for_ever(site: Site) -> None:
    from b2bua.web import guard

    async def nothing() -> AsyncIterator[bytes]:
        yield b'{"account": '
        await asyncio.sleep(30)

    seconds = guard.BODY_SECONDS
    guard.BODY_SECONDS = 0.05  # type: ignore[misc]
    try:
        headers = {"Content-Type": "application/json"}
        async with asyncio.timeout(5):
            problem(await site.browser().client.post("/api/v1/session", content=nothing(), headers=headers), 408)
    finally:
        guard.BODY_SECONDS = seconds  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/history?as=667", "/history?as=667"),
        ("/", "/"),
        (None, "/"),
        ("", "/"),
        ("https://evil.test", "/"),
        ("//evil.test", "/"),
        ("/\\evil.test", "/"),
        ("/x\\..\\evil", "/"),
        ("/\tevil", "/"),
        ("/\n/evil.test", "/"),
        ("javascript:alert(1)", "/"),
        (" /x", "/"),
        ("/" + "x" * 2000, "/"),
        ("/\u202egpj", "/"),
    ],
)
def test_after_signing_in_one_stays_here(text: str | None, path: str) -> None:
    assert local_path(text) == path


@visited
async def test_pages_send_strangers_to_the_sign_in_page_and_back(site: Site) -> None:
    stranger = site.browser()
    answer = await stranger.client.get("/account?x=1&y=2")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?next=/account%3Fx%3D1%26y%3D2"
    page = await stranger.client.get(answer.headers["location"])
    assert 'data-next="/account?x=1&amp;y=2"' in page.text
    assert 'data-next="/"' in (await stranger.client.get("/sign-in?next=//evil.test")).text
    sam = await site.signed_in("676")
    there = await sam.client.get("/sign-in?next=/account")
    assert (there.status_code, there.headers["location"]) == (303, "/account")


# --- many at once


class Gate:
    """A hasher whose hashes take as long as the test wants."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.open.set()
        self.hash = QUICK.hash

    def verify(self, stored: str, secret: bytes) -> bool:
        assert self.open.wait(30)
        return QUICK.verify(stored, secret)


def test_two_hundred_sign_ins_at_once_leave_the_loop_to_the_calls() -> None:
    """Hashes are made beside the loop, few wait, the rest are asked to come again."""
    gate = Gate()

    async def story(site: Site) -> None:
        await site.world.member("676")
        gate.open.clear()
        browsers = [site.browser(address=f"198.51.{number // 100}.{number % 100}") for number in range(200)]
        asked = [asyncio.create_task(each.sign_in(f"user-{number}")) for number, each in enumerate(browsers)]
        async with asyncio.timeout(30):
            while sum(each.done() for each in asked) < 192:  # noqa: ASYNC110 - tasks have no event for "most of them"
                await asyncio.sleep(0.01)
            assert (await site.browser().client.get("/health")).status_code == 200, "the loop has time for others meanwhile"
            await asyncio.sleep(0.05)
            assert sum(each.done() for each in asked) == 192
            gate.open.set()
            answers = await asyncio.gather(*asked)
        found = [each.status_code for each in answers]
        assert (found.count(401), found.count(503)) == (8, 192)
        assert {each.headers["retry-after"] for each in answers if each.status_code == 503} == {"3"}
        assert (await site.browser().sign_in("676")).status_code == 200, "and then it goes on"

    visited(story, hasher=Hasher(gate, waiting=8))()  # type: ignore[arg-type]


@visited
async def test_whoever_was_asked_to_come_again_has_not_failed(site: Site) -> None:
    await site.world.member("676")
    site.world.hasher._most = 0
    browser = site.browser()
    for _ in range(30):
        assert (await browser.sign_in("676")).status_code == 503
    site.world.hasher._most = 8
    assert (await browser.sign_in("676")).status_code == 200


# --- WebSockets


def socket(site: Site, **headers: str) -> WebSocket:
    sent = {"host": "127.0.0.1:8080", **headers}
    scope = {
        "type": "websocket", "app": site.app, "path": "/api/v1/events", "query_string": b"", "client": ("192.0.2.1", 1),
        "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
        "state": {"origins": Origins.of(site.app.state.services.switchboard)},
    }  # fmt: skip

    async def nothing(*_: Any) -> Any:
        raise AssertionError

    return WebSocket(scope, nothing, nothing)


@visited
async def test_a_socket_of_another_site_is_nobodys(site: Site) -> None:
    sam = await site.signed_in("676")
    cookie = f"session={sam.cookie}"
    found = viewer_of_socket(socket(site, cookie=cookie, origin=HOST))
    assert found is not None
    assert found.account == "676"
    for origin in ({"origin": "https://evil.test"}, {"origin": "null"}, {}):
        assert viewer_of_socket(socket(site, cookie=cookie, **origin)) is None
    token = await site.token("676", "read")
    found = viewer_of_socket(socket(site, authorization=token["Authorization"]))
    assert found is not None
    assert found.read_only
    assert viewer_of_socket(socket(site, authorization="Bearer wrong", cookie=cookie, origin=HOST)) is None


@visited
async def test_an_open_socket_learns_that_its_session_is_over(site: Site) -> None:
    sam = await site.signed_in("676")
    opened = socket(site, cookie=f"session={sam.cookie}", origin=HOST)
    told: list[str] = []
    site.world.accounts.listen(told.append)
    assert viewer_of_socket(opened) is not None
    await sam.ask("DELETE", "/api/v1/session")
    assert told == ["676"]
    assert viewer_of_socket(opened) is None
    again = await site.signed_in("676")
    opened = socket(site, cookie=f"session={again.cookie}", origin=HOST)
    await site.world.accounts.reset_password(ADMIN, "676")
    assert viewer_of_socket(opened) is None


@visited
async def test_an_open_socket_keeps_nobody_signed_in_and_waits_for_a_new_password(site: Site) -> None:
    sam = await site.signed_in("676")
    opened = socket(site, cookie=f"session={sam.cookie}", origin=HOST)
    for _ in range(11):
        site.world.now += 3600
        assert viewer_of_socket(opened) is not None
    site.world.now += 3600
    assert viewer_of_socket(opened) is None
    given = await site.world.accounts.reset_password(ADMIN, "676")
    await sam.sign_in("676", given)
    assert viewer_of_socket(socket(site, cookie=f"session={sam.cookie}", origin=HOST)) is None


@pytest.mark.parametrize(
    ("url", "origin", "host", "own"),
    [
        (None, "http://127.0.0.1:8080", "127.0.0.1:8080", True),
        (None, "https://pbx.acme.test", "pbx.acme.test", True),
        (None, "http://127.0.0.1:8081", "127.0.0.1:8080", False),
        (None, "http://127.0.0.1", "127.0.0.1:8080", False),
        (None, "http://HOST", "host", True),
        (None, "null", "null", False),
        (None, "", "", False),
        (None, "http://", "", False),
        (None, "file://127.0.0.1:8080", "127.0.0.1:8080", False),
        ("https://pbx.acme.test", "https://pbx.acme.test", "127.0.0.1:8080", True),
        ("https://pbx.acme.test", "http://pbx.acme.test", "pbx.acme.test", False),
        ("https://pbx.acme.test", "http://127.0.0.1:8080", "127.0.0.1:8080", False),
        ("https://pbx.acme.test", "https://pbx.acme.test.evil.test", "pbx.acme.test", False),
        ("https://pbx.acme.test", "https://evil.test", "pbx.acme.test", False),
    ],
)
def test_which_pages_are_ours(url: str | None, origin: str, host: str, own: bool) -> None:
    found = Origins.of(services_of(AccountWorld(), url=url).switchboard)
    assert found.own(origin, host) is own


# --- secrets


@visited
async def test_no_secret_is_in_a_log_or_an_answer(site: Site) -> None:
    lines: list[str] = []
    from b2bua import logs
    from b2bua.administration import accounts, pins, sessions

    def heard(event: str, **values: object) -> None:
        lines.append(f"{event} {values}")

    spy = SimpleNamespace(info=heard, warning=heard, error=heard)
    before = accounts._log, pins._log, sessions._log
    accounts._log = pins._log = sessions._log = spy  # type: ignore[assignment]
    try:
        link = await site.world.accounts.invite(ADMIN, "677")
        browser = site.browser()
        texts = [(await browser.client.get(f"/activate/{link.secret}x")).text]
        sent = {"secret": link.secret, "password": GOOD, "pin": "8352"}
        texts.append((await browser.ask("POST", "/api/v1/activation", {**sent, "pin": "1234"})).text)
        texts.append((await browser.ask("POST", "/api/v1/activation", sent)).text)
        texts.append((await browser.ask("POST", "/api/v1/session", {"account": "677", "password": [GOOD]})).text)
        texts.append((await browser.ask("POST", "/api/v1/session", {"account": "677", "password": GOOD * 100})).text)
        texts.append((await browser.ask("POST", "/api/v1/session", {"account": GOOD, "password": "677"})).text)
        await browser.sign_in("677")
        texts.append((await browser.ask("PUT", "/api/v1/session/password", {"old": OTHER, "new": "8352"})).text)
        texts.append((await browser.ask("PUT", "/api/v1/session/password", {"old": GOOD, "new": {"x": OTHER}})).text)
        texts.append((await browser.ask("GET", "/api/v1/accounts/677")).text)
        texts.append((await browser.ask("GET", "/api/v1/sessions")).text)
        texts.append((await browser.ask("GET", "/api/v1/me", Authorization="Bearer b2b_mistyped")).text)
        texts.append((await browser.client.get("/account")).text)
    finally:
        accounts._log, pins._log, sessions._log = before
    assert lines
    assert logs.REDACTED not in "".join(lines)
    for text in (*texts, *lines):
        for secret in (GOOD, OTHER, link.secret, "8352", browser.cookie, "b2b_mistyped", "argon2"):
            assert secret not in text, (secret, text)


@visited
async def test_the_activation_page_tells_no_other_page_its_address(site: Site) -> None:
    link = await site.world.accounts.invite(ADMIN, "677")
    answer = await site.browser().client.get(f"/activate/{link.secret}")
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "Ana Aide" in answer.text
    assert "http://" not in answer.text.replace(HOST, "")
    over = await site.browser().client.get("/activate/wrong")
    assert over.status_code == 410
    assert site.world.now == START


@visited
async def test_addresses_behind_a_proxy_are_believed_only_from_this_machine(site: Site) -> None:
    """Without TLS there is no proxy that we know of: whoever writes the header fails under their own address."""
    await site.world.member("676")
    for number in range(20):
        browser = Browser(site.app)
        assert (await browser.sign_in(f"x{number}", "wrong")).status_code == 401
        await browser.client.aclose()
    liar = site.browser()
    answer = await liar.ask("POST", "/api/v1/session", {"account": "676", "password": GOOD}, X_Forwarded_For="203.0.113.9")
    problem(answer, 429)
    assert int(answer.headers["retry-after"]) == 900


@visited(url="https://pbx.acme.test")
async def test_a_tls_proxy_on_this_machine_says_who_asks(site: Site) -> None:
    await site.world.member("676")
    proxied = site.browser("https://pbx.acme.test", address="127.0.0.1")
    for number in range(20):
        sent = {"account": f"x{number}", "password": "wrong"}
        assert (await proxied.ask("POST", "/api/v1/session", sent, X_Forwarded_For="10.9.9.9, 203.0.113.9")).status_code == 401
    good = {"account": "676", "password": GOOD}
    assert (await proxied.ask("POST", "/api/v1/session", good, X_Forwarded_For="1.2.3.4, 203.0.113.9")).status_code == 429
    assert (await proxied.ask("POST", "/api/v1/session", good, X_Forwarded_For="203.0.113.10")).status_code == 200
    stranger = site.browser("https://pbx.acme.test", address="198.51.100.7")
    for number in range(20):
        sent = {"account": f"y{number}", "password": "wrong"}
        assert (await stranger.ask("POST", "/api/v1/session", sent, X_Forwarded_For=f"203.0.113.{number + 20}")).status_code == 401
    assert (await stranger.ask("POST", "/api/v1/session", good, X_Forwarded_For="203.0.113.99")).status_code == 429

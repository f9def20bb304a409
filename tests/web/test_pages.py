"""The portal's pages: who may open which, what a browser may keep and run, and the administration as people use it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright", reason="the tests' packages are not installed")

import httpx
from fastapi import FastAPI
from playwright.sync_api import Browser, Locator, Page, expect

from b2bua.administration.ports import PhoneView
from b2bua.delegation.plan import Setting
from b2bua.delegation.state import State
from b2bua.web.pages.shell import Assets, assets
from tests.support.browser import accessible, chromium, fits, picture
from tests.web.support.live_office import LiveOffice
from tests.web.support.web_office import NOW, WebOffice

HTML = {"Accept": "text/html"}
TOPICS = ("users", "executives", "groups", "services", "duty-profiles", "conferences", "schedules", "caller-groups", "phones", "sites", "cost-centres", "numbers", "audit")
HOSTILE = "<img src=x onerror=alert(1)> مرحبا \U0001f680"


def get(office: WebOffice, account: str, path: str) -> Any:
    """A page as the browser of somebody gets it, redirects not followed."""
    client = office.sign_in(account)[0] if account else office.client()
    return office.run(client.get(path, headers=HTML))


# --- who may open what


@pytest.mark.parametrize("path", ["/admin", "/admin/users", "/admin/users/676", "/admin/executives/667", "/my-delegation", "/my-delegation/667", "/simulator"])
def test_nobody_sees_a_page_before_signing_in(reading: WebOffice, path: str) -> None:
    answer = get(reading, "", path)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/sign-in?next={path}")


@pytest.mark.parametrize(
    ("account", "path", "status"),
    [
        *(("admin", f"/admin/{topic}", 200) for topic in (*TOPICS, "organisation")),
        *(("690", f"/admin/{topic}", 200) for topic in TOPICS),
        ("690", "/admin/organisation", 403),
        *(("680", f"/admin/{topic}", 200) for topic in ("users", "groups", "services", "duty-profiles", "phones", "sites", "cost-centres")),
        *(("680", f"/admin/{topic}", 403) for topic in ("executives", "conferences", "schedules", "caller-groups", "numbers", "organisation", "audit")),
        *((extension, path, 403) for extension in ("667", "676", "601") for path in ("/admin", "/admin/users", "/admin/executives/667")),
        ("601", "/simulator", 403),
        ("676", "/simulator", 200),
        ("676", "/my-delegation/667", 200),
        ("676", "/my-delegation/668", 403),
        ("667", "/my-delegation/667", 200),
        ("677", "/my-delegation/667", 403),
        ("690", "/my-delegation/667", 200),
        ("admin", "/admin/nothing", 404),
    ],
)
def test_who_may_open_which_page(reading: WebOffice, account: str, path: str, status: int) -> None:
    assert get(reading, account, path).status_code == status


@pytest.mark.parametrize(
    ("account", "path", "status", "title", "words"),
    [
        ("676", "/nope", 404, "There is no such page", "address is written right"),
        ("", "/nope", 404, "There is no such page", "address is written right"),
        ("690", "/admin/organisation", 403, "You may not open this page", "administr"),
        ("admin", "/admin/nothing", 404, "There is no such page", "address is written right"),
    ],
)
def test_a_browser_is_told_on_a_page_what_is_wrong(reading: WebOffice, account: str, path: str, status: int, title: str, words: str) -> None:
    answer = get(reading, account, path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert f"<h1>{title}</h1>" in answer.text
    assert words in re.sub(r"<[^>]*>", "", answer.text)
    assert ('data-account="' in answer.text) == bool(account), "who has signed in keeps the navigation"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"


def test_a_program_is_told_by_a_document_what_is_wrong(reading: WebOffice) -> None:
    client = reading.client()
    for path, headers in (("/nope", {"Accept": "*/*"}), ("/api/v1/nope", HTML), ("/api/v1/users", HTML), ("/static/1/nope.js", HTML)):
        answer = reading.run(client.get(path, headers=headers))
        assert answer.headers["content-type"] == "application/problem+json", path
        assert answer.json()["status"] == answer.status_code >= 400


def test_a_bug_is_told_on_a_page_without_its_secrets(reading: WebOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("the secret is 4711")

    client = reading.sign_in("690")[0]
    assert isinstance(client._transport, httpx.ASGITransport)
    client._transport.raise_app_exceptions = False
    monkeypatch.setattr("b2bua.web.pages.admin.page", broken)
    answer = reading.run(client.get("/admin", headers=HTML))
    assert (answer.status_code, answer.headers["content-type"]) == (500, "text/html; charset=utf-8")
    assert "<h1>The server failed</h1>" in answer.text
    assert "4711" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    told = reading.run(client.get("/admin", headers={"Accept": "application/json"}))
    assert told.headers["content-type"] == "application/problem+json"


def test_whose_delegation_concerns_whom(reading: WebOffice) -> None:
    assert get(reading, "667", "/my-delegation").headers["location"] == "/my-delegation/667", "an executive is at home at once"
    sams, anas, lees = (get(reading, each, "/my-delegation").text for each in ("676", "677", "601"))
    assert 'href="/my-delegation/667"' in sams
    assert "Victor Chief" not in sams
    assert "Olivia Boss" in anas
    assert "Victor Chief" in anas
    assert 'href="/my-delegation/66' not in anas
    assert "You are nobody" in lees


def test_the_navigation_has_what_one_may_open(reading: WebOffice) -> None:
    def places(account: str, path: str) -> set[str]:
        return set(re.findall(r'<a href="(/[^"]*)"', get(reading, account, path).text))

    assert {"/admin", "/simulator", "/history", "/admin/organisation", "/imports"} <= places("admin", "/admin")
    assert "/admin/organisation" not in places("690", "/admin")
    assert not {"/admin/executives", "/admin/audit", "/simulator"} & places("680", "/admin")
    assert "/admin" not in places("676", "/my-delegation/667")


# --- what a browser gets


@pytest.mark.parametrize("path", ["/admin", "/admin/users", "/admin/users/676", "/my-delegation/667", "/simulator", "/admin/audit"])
def test_a_page_runs_and_styles_nothing_of_its_own_and_is_not_kept(reading: WebOffice, path: str) -> None:
    answer = get(reading, "admin", path)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["cache-control"] == "no-store"
    assert re.search(r'<meta name="csrf" content="[^"]{20,}">', answer.text)
    scripts = re.findall(r"<script[^>]*>(.*?)</script>", answer.text, re.S)
    assert scripts
    assert not "".join(scripts).strip()
    assert "<style" not in answer.text
    assert not re.search(r"<[^>]+\s(style|on\w+)=", answer.text)
    assert not re.search(r'(src|href)="(https?:)?//', answer.text)


def test_a_key_with_markup_stays_text(reading: WebOffice) -> None:
    answer = get(reading, "admin", "/admin/users/%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E")
    assert answer.status_code == 200
    assert "<script>alert" not in answer.text


def test_static_files_are_kept_for_ever_under_their_version(reading: WebOffice) -> None:
    client = reading.client()
    path = assets().url("base.js")
    answer = reading.run(client.get(path))
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "public, max-age=31536000, immutable")
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["content-encoding"] == "gzip"
    again = reading.run(client.get(path, headers={"If-None-Match": answer.headers["etag"]}))
    assert (again.status_code, again.content) == (304, b"")
    before = reading.run(client.get("/static/0123456789ab/base.js"))
    assert (before.status_code, before.headers["cache-control"]) == (200, "no-cache")


@pytest.mark.parametrize("path", ["nothing.js", "%2e%2e/app.py", "..%2fapp.py", ""])
def test_only_static_files_are_served(reading: WebOffice, path: str) -> None:
    assert reading.run(reading.client().get(f"/static/{assets().version}/{path}")).status_code == 404


def test_the_version_follows_every_file(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "one.css").write_text("a{}")
    before = Assets(tmp_path)
    assert before.url("deep/one.css") == f"/static/{before.version}/deep/one.css"
    (tmp_path / "deep" / "one.css").write_text("b{}")
    assert Assets(tmp_path).version != before.version
    with pytest.raises(KeyError):
        before.url("two.css")


def test_every_file_that_a_script_imports_is_there() -> None:
    folder = Path(__file__).parents[2] / "b2bua" / "web" / "static"
    for script in folder.glob("*.js"):
        text = script.read_text("utf-8")
        for name in re.findall(r'from "\./([^"]+)"', text):
            assert (folder / name).exists(), f"{script.name} imports {name}"
        assert not re.search(r"\.(innerHTML|outerHTML|insertAdjacentHTML)\b|document\.write|\beval\(", text), script.name


@pytest.mark.parametrize(("cookie", "shown"), [("dark", ' data-theme="dark"'), ("light", ' data-theme="light"'), ('"><script>', ""), ("", "")])
def test_the_theme_is_that_of_the_cookie(reading: WebOffice, cookie: str, shown: str) -> None:
    client, _ = reading.sign_in("admin")
    answer = reading.run(client.get("/admin", headers={**HTML, "Cookie": f"{'; '.join(f'{k}={v}' for k, v in client.cookies.items())}; theme={cookie}"}))
    assert re.search(r'<html lang="en"([^>]*)>', answer.text)[1] == shown  # type: ignore[index]


# --- with a browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if shutil.which("chromium") is None:
        pytest.skip("there is no chromium here")
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def _app() -> list[FastAPI]:
    return []


@pytest.fixture
def live(browser: Browser, tmp_path: Path, migrated: Path, _app: list[FastAPI]) -> Iterator[LiveOffice]:
    def make() -> WebOffice:
        office = WebOffice(tmp_path / "office", template=migrated, app=_app[0] if _app else None)
        _app[:] = [office.app]
        return office

    with LiveOffice(make, browser) as ready:
        ready.enrol("667", "676")
        yield ready
        ready.site.leave()


def opened(live: LiveOffice, path: str, account: str = "admin") -> Page:
    page = live.site.visit(account, path).page
    expect(page.locator("main .loading")).to_have_count(0)
    return page


def field(page: Page | Locator, path: str) -> Locator:
    return page.locator(f'[data-path="{path}"]')


def save(page: Page) -> None:
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#toasts")).to_contain_text("Saved")


def body(live: LiveOffice, path: str) -> dict[str, Any]:
    return dict(live.site.admin.ask("GET", path).json())


def test_a_newcomer_makes_an_office_and_sees_its_phones_register(live: LiveOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    registered: set[str] = set()

    def phones(account: str) -> list[PhoneView]:
        return [PhoneView(account, "sip:x@192.0.2.5", "Blue phone", "192.0.2.5:5060", "UDP", 0.0, False)] if account in registered else []

    monkeypatch.setattr(live.office.desk, "phones", phones)
    page = opened(live, "/admin")
    live.site.visitors[-1].expects("422")
    page.get_by_role("button", name="Executive with assistants").click()
    page.get_by_role("button", name="Make them, and show the phones").click()
    expect(field(page, "executive.name")).to_contain_text("Write a name.")
    page.get_by_role("textbox", name="Executive: name").or_(field(page, "executive.name").get_by_role("textbox")).fill("Nina New")
    field(page, "assistants[0].name").get_by_role("textbox").fill(HOSTILE)
    field(page, "assistants[1].name").get_by_role("textbox").fill("Otto Other")
    field(page, "assistants[1].number").get_by_role("textbox").fill("+6221500667")
    page.get_by_role("button", name="Make them, and show the phones").click()
    expect(field(page, "assistants[1].number")).to_contain_text("667", timeout=8000)
    field(page, "assistants[1].number").get_by_role("textbox").fill("+6221500699")
    extensions = [field(page, f"{place}.extension").get_by_role("textbox").input_value() for place in ("executive", "assistants[0]", "assistants[1]")]
    caller = field(page, "colleagues[0].extension").get_by_role("textbox").input_value()
    page.get_by_role("button", name="Make them, and show the phones").click()
    expect(page.get_by_role("heading", name="Connect the phones")).to_be_visible()
    cards = page.locator(".phone-card")
    expect(cards).to_have_count(4)
    expect(cards.nth(1)).to_contain_text(HOSTILE)
    passwords = [cards.nth(each).locator(".secret code").inner_text() for each in range(4)]
    assert len(set(passwords)) == 4
    cards.nth(1).get_by_text("A second line key").click()
    expect(cards.nth(1)).to_contain_text(f"{extensions[1]}-{extensions[0]}")
    registered.add(extensions[1])
    expect(cards.nth(1)).to_contain_text("Connected: Blue phone")
    expect(cards.nth(0)).to_contain_text("Waiting for the phone")
    registered.update((extensions[2], caller))
    expect(page.get_by_text(f"Now call {extensions[0]}.")).to_be_visible()
    assert body(live, f"/executives/{extensions[0]}")["assistants"] == extensions[1:]
    links = page.get_by_role("region", name="Follow the calls on the page")
    links.get_by_role("button", name="Make a sign-in link").nth(1).click()
    visitor = live.site.visit()
    visitor.open(links.locator("code").inner_text())
    expect(visitor.page.get_by_role("heading", name=re.compile(re.escape(HOSTILE)))).to_be_visible()


@pytest.mark.parametrize("account", ["680", "683", "690"])
def test_every_page_that_one_may_open_works(live: LiveOffice, account: str) -> None:
    """For the managers of sites, queues and services, and for user administrators: nothing on it asks for what they may not see."""
    live.enrol(account)
    page = live.site.visit(account, "/admin").page
    places = {link.get_attribute("href") or "" for link in page.locator(".side a").all()} - {"/imports"}
    entries = {"/admin/users/601", "/admin/groups/500", "/admin/phones/00:15:65:00:00:01", "/admin/sites/HQ", "/my-delegation", "/simulator"}
    if account == "683":
        entries -= {"/admin/phones/00:15:65:00:00:01"}
    for path in sorted({*places, *entries} - ({"/simulator"} if account != "690" else set())):
        page.goto(path)
        expect(page.locator("main h1").first).to_be_visible()
        page.wait_for_load_state("networkidle")
        expect(page.locator("main .loading:visible, main .notice.bad:visible")).to_have_count(0)


def test_the_manager_of_a_queue_changes_who_is_in_it_and_not_its_name(live: LiveOffice) -> None:
    live.enrol("680")
    page = live.site.visit("680", "/admin/groups/500").page
    expect(page.get_by_role("tab")).to_have_text(["Members", "Ringing", "Overflow"])
    page.get_by_role("button", name="Remove 602").click()
    box = page.get_by_role("combobox", name="Add somebody")
    box.fill("604")
    page.get_by_role("option", name="Nora Noservice").click()
    save(page)
    assert body(live, "/groups/500")["members"] == ["601", "604"]


def test_changes_that_are_not_saved_are_told_of_and_can_be_discarded(live: LiveOffice) -> None:
    page = opened(live, "/admin/executives/668")
    page.get_by_role("tab", name="Ringing").click()
    expect(page.get_by_role("button", name="Discard")).to_have_count(0)
    page.get_by_label("Ring time (seconds)").fill("7")
    expect(page.get_by_text("Changes are not saved yet")).to_be_visible()
    page.get_by_role("button", name="Discard").click()
    expect(page.get_by_label("Ring time (seconds)")).to_have_value("")
    page.wait_for_load_state("networkidle")
    asked: list[str] = []
    page.on("request", lambda request: asked.append((request.post_data or "").replace(" ", "")) if request.url.endswith("/simulate") else None)
    page.get_by_label("Ring time (seconds)").fill("8")
    expect(page.locator(".plan-chart")).to_have_accessible_name(re.compile("for 8 s"))
    assert not [each for each in asked if '"ring_seconds":7' in each], "the form that was drawn before does not ask any more"
    assert len([each for each in asked if '"ring_seconds":8' in each]) == 1


def test_nobody_yet_and_what_to_do_then(browser: Browser, tmp_path: Path, migrated: Path, _app: list[FastAPI]) -> None:
    with LiveOffice(lambda: WebOffice(tmp_path, "organisation: Empty\n", migrated, app=_app[0] if _app else None), browser) as empty:
        page = opened(empty, "/admin")
        page.get_by_role("button", name="Add an executive with assistants").click()
        expect(page.locator('[data-path$=".extension"] input')).to_have_count(4)
        assert [each.input_value() for each in page.locator('[data-path$=".extension"] input').all()] == ["101", "102", "103", "104"]
        for place, name in (("executive", "Olivia"), ("assistants[0]", "Sam"), ("assistants[1]", "Ana")):
            field(page, f"{place}.name").get_by_role("textbox").fill(name)
        page.get_by_role("button", name="Make them, and show the phones").click()
        expect(page.locator(".phone-card")).to_have_count(4)
        empty.site.leave()


def test_a_user_is_found_changed_and_told_what_is_wrong(live: LiveOffice) -> None:
    page = opened(live, "/admin/users")
    page.get_by_role("searchbox").fill("sam")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("link", name="Sam Secretary").click()
    expect(page.get_by_role("heading", name="Sam Secretary")).to_be_visible()
    expect(page.get_by_role("button", name="Save", exact=True)).to_be_disabled()
    live.site.visitors[-1].expects("422")
    page.get_by_label("E-mail").fill("no address")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(field(page, "email")).to_contain_text("write an e-mail address")
    expect(page.get_by_label("E-mail")).to_be_focused()
    page.get_by_label("E-mail").fill("sam@acme.test")
    page.get_by_label("Name", exact=True).fill(HOSTILE)
    save(page)
    assert body(live, "/users/676")["email"] == "sam@acme.test"
    expect(page.get_by_role("heading", level=1)).to_have_text(HOSTILE)
    assert page.locator("main img").count() == 0


def test_a_new_user_gets_a_password_that_is_shown_once(live: LiveOffice) -> None:
    page = opened(live, "/admin/users/new")
    page.get_by_label("Extension").fill("605")
    page.get_by_label("Name", exact=True).fill("Nora Newest")
    page.get_by_role("button", name="Add the user").click()
    dialog = page.get_by_role("dialog", name="SIP password of Nora Newest")
    password = dialog.locator("code").inner_text()
    dialog.get_by_role("button", name="I have it").click()
    expect(page).to_have_url(re.compile(r"/admin/users/605"))
    expect(page.get_by_text(password)).to_have_count(0)


def test_who_is_named_elsewhere_is_removed_with_a_warning(live: LiveOffice) -> None:
    page = opened(live, "/admin/users/677")
    live.site.visitors[-1].expects("409", "404")
    page.get_by_role("button", name="Remove").click()
    dialog = page.get_by_role("dialog", name="Remove Ana Aide?")
    expect(dialog).to_contain_text("Executive 667, Assistants 2")
    dialog.get_by_role("button", name="Remove").click()
    expect(page).to_have_url(re.compile(r"/admin/users$"))
    assert "677" not in str(body(live, "/executives/667")["assistants"])


def test_the_ring_plan_is_drawn_before_anything_is_saved(live: LiveOffice) -> None:
    page = opened(live, "/admin/executives/668")
    chart = page.locator(".plan-chart")
    expect(chart).to_have_accessible_name(re.compile("Ana Aide, Tom Deputy for 30 s"))
    page.get_by_role("tab", name="Ringing").click()
    page.get_by_role("radio", name="One after the other").check()
    page.get_by_label("Ring time (seconds)").fill("12")
    expect(chart).to_have_accessible_name(re.compile("Ana Aide for 12 s; then at 12 s Tom Deputy for 12 s"))
    assert "alerting" not in body(live, "/executives/668")
    live.site.visitors[-1].expects("422")
    page.get_by_label("Ring time (seconds)").fill("0")
    expect(field(page, "alerting.ring_seconds")).to_contain_text("seconds from 1 to 7200")
    page.get_by_label("Ring time (seconds)").fill("15")
    expect(field(page, "alerting.ring_seconds").locator(".problem")).to_have_count(0)
    save(page)
    assert body(live, "/executives/668")["alerting"] == {"mode": "sequential", "ring_seconds": 15}


def test_a_gap_in_the_coverage_is_shown_as_text(live: LiveOffice) -> None:
    live.site.admin.change("/executives/668", {"assistants": [{"extension": "677", "until": "2026-11-18T12:00"}]})
    page = opened(live, "/admin/executives/668")
    expect(page.get_by_text("One gap this week")).to_be_visible()
    expect(page.get_by_text("Wed 2026-11-18 12:00 – Sun 2026-11-22 24:00: nobody").first).to_be_visible()
    page.get_by_role("button", name="The week before").click()
    expect(page.get_by_text("Somebody is there all week.")).to_be_visible()
    opened(live, "/admin").get_by_text("1 gap").wait_for()


def test_an_assistant_who_manages_edits_that_executive_and_sees_no_secrets_of_hers(live: LiveOffice) -> None:
    page = opened(live, "/my-delegation", "676")
    page.get_by_role("link", name="Change the delegation").click()
    expect(page).to_have_url(re.compile("/my-delegation/667"))
    page.get_by_role("tab", name="Filter").click()
    page.get_by_role("button", name="Exception").click()
    field(page, "filtering.criteria[1].name").get_by_role("textbox").fill("The board")
    box = field(page, "filtering.criteria[1].from").get_by_role("combobox")
    box.fill("668")
    page.get_by_role("option", name="Victor Chief").click()
    save(page)
    assert body(live, "/executives/667")["filtering"]["criteria"][1] == {"name": "The board", "filter": False, "from": ["668"]}
    assert body(live, "/executives/667")["confidential"] == ["family"], "what is hidden from Sam stays"
    assert "family" not in page.content()


def test_an_assistant_who_is_asked_accepts(live: LiveOffice) -> None:
    live.site.admin.change("/organisation", {"acceptance": True})
    live.site.admin.change("/executives/668", {"assistants": ["677", {"extension": "676", "approval": "pending"}]})
    page = opened(live, "/my-delegation", "676")
    asked = page.get_by_role("region", name="Victor Chief")
    expect(asked).to_contain_text("waits for your answer")
    accessible(page, "/my-delegation")
    page.set_viewport_size({"width": 360, "height": 740})
    fits(page, "/my-delegation")
    picture(page, "my-delegation")
    asked.get_by_role("button", name="Accept").click()
    expect(page.get_by_text("waits for your answer")).to_have_count(0)
    assert ask(live, "668") == ["Ana Aide", "Sam Secretary"]


def ask(live: LiveOffice, dialled: str) -> list[str]:
    answer = live.site.admin.ask("POST", "/simulate", {"caller": "+15551234567", "dialled": dialled}).json()
    return [bar["name"] for bar in answer["timeline"]["bars"]]


def test_a_call_is_simulated_another_state_tried_and_the_answer_kept(live: LiveOffice) -> None:
    page = opened(live, "/simulator?to=668")
    chart = page.locator(".plan-chart")
    expect(chart).to_have_accessible_name(re.compile("Ana Aide, Tom Deputy for 30 s"))
    row = page.get_by_role("row", name=re.compile("Ana Aide"))
    row.get_by_label("Opted out").check()
    expect(chart).to_have_accessible_name(re.compile("Who rings when. Tom Deputy for 30 s"))
    page.get_by_role("button", name="Keep as a what-if case").click()
    dialog = page.get_by_role("dialog", name="Keep as a what-if case")
    dialog.get_by_label("What the case shows").fill("Ana is away")
    dialog.get_by_role("button", name="Keep", exact=True).click()
    expect(page.get_by_text("1 case as written")).to_be_visible()
    case = live.site.admin.ask("GET", "/what-if").json()["cases"][0]
    assert (case["name"], case["state"]) == ("Ana is away", {"opted_out": ["677-668"]})
    live.site.admin.change("/executives/668", {"alerting": {"ring_seconds": 9}})
    page.get_by_role("button", name="Run all").click()
    expect(page.get_by_text("1 of 1 case do not come out as written")).to_be_visible()
    expect(page.get_by_text("now 678, 9 s")).to_be_visible()


def test_what_cannot_be_simulated_is_told_at_its_field(live: LiveOffice) -> None:
    page = opened(live, "/simulator?from=nobody&to=668")
    live.site.visitors[-1].expects("422", "404")
    expect(field(page, "caller")).to_contain_text("nobody here is")


def test_the_audit_shows_what_was_and_what_is(live: LiveOffice) -> None:
    live.site.admin.change("/users/601", {"name": HOSTILE})
    page = opened(live, "/admin/audit?kind=users&key=601")
    row = page.locator(".case-row").first
    expect(row).to_contain_text("changed")
    row.locator("summary").click()
    expect(row.locator(".was")).to_have_text("Lee Colleague")
    expect(row.locator(".is")).to_have_text(HOSTILE)


def test_phones_change_hands(live: LiveOffice) -> None:
    page = opened(live, "/admin/phones")
    page.get_by_role("button", name="Swap Desk of Olivia").click()
    dialog = page.get_by_role("dialog", name="Swap Desk of Olivia")
    dialog.get_by_label("Swap with").select_option("00:15:65:00:00:02")
    dialog.get_by_role("button", name="Swap").click()
    expect(page.locator("#toasts")).to_contain_text("Swapped")
    assert body(live, "/phones/00:15:65:00:00:01")["user"] == "676"
    page.get_by_role("button", name="Release Desk of Sam").click()
    expect(page.get_by_role("row", name=re.compile("Desk of Sam"))).to_contain_text("on the shelf")


def test_who_sits_at_a_hot_desk_is_logged_out(live: LiveOffice) -> None:
    live.site.admin.ask("POST", "/users", {"extension": "695", "name": "Lobby desk", "type": "shared", "location": "HQ"})
    live.office.desk.state = State.of([Setting("hot_desk", "695", "", "676", NOW.timestamp() + 3600)])
    page = opened(live, "/admin/phones#hot-desks")
    expect(page.get_by_role("row", name=re.compile("Lobby desk"))).to_contain_text("Sam Secretary (676)")
    accessible(page, "hot desks")
    page.get_by_role("button", name="Log out Sam Secretary").click()
    expect(page.locator("#toasts")).to_contain_text("Lobby desk is free")
    assert live.office.desk.pressed == [("695", "*91")]


def test_the_page_of_a_user_says_at_which_shared_phone_they_are_and_logs_them_out(live: LiveOffice) -> None:
    live.site.admin.ask("POST", "/users", {"extension": "695", "name": "Lobby desk", "type": "shared", "location": "HQ"})
    live.office.desk.state = State.of([Setting("hot_desk", "695", "", "676", NOW.timestamp() + 3600)])
    for extension, words in (("676", "Logged in at: Lobby desk (695)"), ("695", "Logged in: Sam Secretary (676)")):
        page = opened(live, f"/admin/users/{extension}")
        page.get_by_role("tab", name="Phones").click()
        expect(page.get_by_role("group", name="Shared phones")).to_contain_text(words)
        accessible(page, f"phones of {extension}")
        page.get_by_role("button", name="Log out", exact=True).click()
        expect(page.locator("#toasts")).to_contain_text("Lobby desk is free")
    assert live.office.desk.pressed == [("695", "*91")] * 2
    assert opened(live, "/admin/users/601").get_by_role("group", name="Shared phones").count() == 0


def test_who_has_logged_in_at_a_shared_phone_sees_it_beside_the_calls_and_leaves(live: LiveOffice) -> None:
    live.site.admin.ask("POST", "/users", {"extension": "695", "name": "Lobby <b>desk</b>", "type": "shared", "location": "HQ"})
    live.office.desk.state = State.of([Setting("hot_desk", "695", "", "676", NOW.timestamp() + 3600)])
    page = live.site.visit("676", "/").page
    mine = page.get_by_role("list", name="Shared phones")
    expect(mine).to_contain_text("Logged in at Lobby <b>desk</b> (695), until")
    mine.get_by_role("button", name="Log out at Lobby <b>desk</b>").click()
    expect(page.locator("#toasts")).to_contain_text("You have logged out at Lobby <b>desk</b>")
    assert live.office.desk.pressed == [("695", "*91")]


def test_a_schedule_is_written_and_drawn(live: LiveOffice) -> None:
    page = opened(live, "/admin/schedules/new")
    page.get_by_label("Name", exact=True).fill("night")
    page.get_by_label("Hours 1").first.fill("22:00-06:00")
    expect(page.locator(".week-span")).to_have_count(10)
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page).to_have_url(re.compile("/admin/schedules/night"))
    assert body(live, "/schedules/night")["value"] == {"hours": {"mon-fri": "22:00-06:00"}}

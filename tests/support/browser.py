"""Debian's Chromium before the pages, driven by Playwright: whoever visits is watched, and whatever a page complains of fails the test.

A `Site` is a running server as people reach it: `enrol` gives somebody an account, `visit` a browser context of their own in which they
are signed in. A `Visitor` has the page, and the list of what went wrong in it: uncaught errors, messages of the console, violations of the
content security policy, dialogs of the browser, answers that say that the server has failed.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import httpx
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Locator, Page, Response, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run",
    "--disable-dev-shm-usage", "--force-color-profile=srgb",
)  # fmt: skip
PASSWORD = "four words make one"
"""Of accounts that live as long as a test."""
SECONDS = 8.0
"""How long a page may take to show what is expected of it."""
DESKTOP = (1360, 900)
PHONE = (360, 740)
Theme = Literal["light", "dark"]

_AXE = Axe()
_WATCH = """
document.addEventListener("securitypolicyviolation", (event) => console.error(`CSP: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """One browser, for as long as the block lasts."""
    expect.set_options(timeout=SECONDS * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), headless=True, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


# --- who looks ------------------------------------------------------------------------------------------------------------------


@dataclass
class Visitor:
    """Somebody before a browser of their own. `complaints` must be empty at the end, but for what the test has said that it `expects`."""

    context: BrowserContext
    page: Page
    complaints: list[str] = field(default_factory=list)
    asked: int = 0
    """Requests that are not answered yet."""
    _expected: list[re.Pattern[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.context.add_init_script(_WATCH)
        self.context.on("page", self._watch)
        self._watch(self.page)

    def _watch(self, page: Page) -> None:
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))
        page.on("dialog", self._asked)
        page.on("response", self._answered)
        page.on("request", lambda _: self._asks(1))
        page.on("requestfinished", lambda _: self._asks(-1))
        page.on("requestfailed", lambda _: self._asks(-1))

    def _asks(self, more: int) -> None:
        self.asked += more

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"console {message.type}: {message.text} ({message.location.get('url', '')})")

    def _asked(self, dialog: Dialog) -> None:
        self.complaints.append(f"dialog: {dialog.type} {dialog.message}")
        dialog.accept()

    def _answered(self, response: Response) -> None:
        if response.status >= 500:
            self.complaints.append(f"{response.request.method} {response.url} was answered with {response.status}")

    def expects(self, *patterns: str) -> None:
        """These complaints belong to the test."""
        self._expected += [re.compile(each) for each in patterns]

    def judge(self) -> None:
        """Raises AssertionError when the page has complained of anything that was not expected."""
        left = [each for each in self.complaints if not any(pattern.search(each) for pattern in self._expected)]
        assert not left, f"{self.page.url} complains:\n" + "\n".join(left)

    def open(self, path: str) -> Page:
        """Goes to a page of the site."""
        self.page.goto(path)
        return self.page

    def settle(self) -> None:
        """Until the page has been answered everything that it has asked for, and shows it."""
        quiet, until = 0, time.monotonic() + SECONDS
        while quiet < 3:
            self.page.wait_for_timeout(25)  # in which events come in
            quiet = 0 if self.asked else quiet + 1
            assert time.monotonic() < until, f"{self.page.url} still waits for {self.asked} answers"
        expect(self.page.locator(".loading:visible, .skeleton:visible")).to_have_count(0)


# --- the site -------------------------------------------------------------------------------------------------------------------


class Portal:
    """The API as one account, for what a test needs beforehand; raises AssertionError when it is refused."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, headers={"Origin": url}, timeout=20)
        self.csrf = ""

    def close(self) -> None:
        self._client.close()

    @property
    def cookies(self) -> dict[str, str]:
        """The session, as a browser keeps it."""
        return dict(self._client.cookies)

    def ask(self, method: str, path: str, body: Any = None, *, tag: str = "", status: int | None = None) -> httpx.Response:
        """One request below /api/v1. Without `status` anything below 300 will do."""
        headers = {"X-CSRF-Token": self.csrf} | ({"If-Match": tag} if tag else {})
        answer = self._client.request(method, f"/api/v1{path}", json=body, headers=headers)
        good = answer.status_code < 300 if status is None else answer.status_code == status
        assert good, f"{method} {path}: {answer.status_code} {answer.text[:2000]}"
        return answer

    def sign_in(self, account: str, password: str) -> bool:
        """Whether the password must be changed now."""
        answer = self.ask("POST", "/session", {"account": account, "password": password}).json()
        self.csrf = answer["csrf"]
        return bool(answer["must_change"])

    def choose(self, old: str, new: str) -> None:
        """Changes the own password."""
        self.csrf = self.ask("PUT", "/session/password", {"old": old, "new": new}).json()["csrf"]

    def change(self, path: str, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Merges changes into an entry, whatever it is now."""
        tag = self.ask("GET", path).headers["ETag"]
        return dict(self.ask("PATCH", path, changes, tag=tag).json())


@dataclass
class Site:
    """The server's pages at `url`, where `admin` has signed in with the one-time password."""

    url: str
    browser: Browser
    admin: Portal
    portals: dict[str, Portal] = field(default_factory=dict)
    visitors: list[Visitor] = field(default_factory=list)

    def enrol(self, *extensions: str) -> None:
        """Gives users accounts, by invitation, and signs them in."""
        for extension in extensions:
            link = self.admin.ask("POST", f"/accounts/{extension}/invitation").json()["link"]
            self.admin.ask("POST", "/activation", {"secret": link.rpartition("/")[2], "password": PASSWORD})
            portal = self.portals[extension] = Portal(self.url)
            portal.sign_in(extension, PASSWORD)

    def as_(self, account: str) -> Portal:
        """The API as somebody who is enrolled."""
        return self.admin if account == "admin" else self.portals[account]

    def visit(
        self, account: str | None = None, path: str | None = None, *, size: tuple[int, int] = DESKTOP, theme: Theme = "light", at: str = ""
    ) -> Visitor:
        """Somebody with a browser; signed in as `account` where one is named, and then at `path`. `at`: another way to the server."""
        width, height = size
        url = at or self.url
        context = self.browser.new_context(
            base_url=url, viewport={"width": width, "height": height}, color_scheme=theme, has_touch=size == PHONE,
            device_scale_factor=2 if size == PHONE else 1,
            accept_downloads=True, reduced_motion="reduce", locale="en-GB", timezone_id="Asia/Jakarta",
        )  # fmt: skip
        context.set_default_timeout(SECONDS * 1000)
        visitor = Visitor(context, context.new_page())
        self.visitors.append(visitor)
        if account is not None:
            context.add_cookies([{"name": name, "value": value, "url": url} for name, value in self.as_(account).cookies.items()])
        if path is not None:
            visitor.open(path)
        return visitor

    def leave(self, judge: bool = True) -> None:
        """Closes every browser context; AssertionError when a page had complained."""
        gone, self.visitors = self.visitors, []
        try:
            for visitor in gone if judge else []:
                visitor.judge()
        finally:
            for visitor in gone:
                visitor.context.close()

    def close(self) -> None:
        """Lets go of the API."""
        for portal in (self.admin, *self.portals.values()):
            portal.close()


@contextmanager
def site(url: str, log: Path, browser: Browser) -> Iterator[Site]:
    """The site of a server that has just been started; `log` is what it has printed."""
    admin = Portal(url)
    first = one_time_password(log)
    assert admin.sign_in("admin", first), "the one-time password has to be changed"
    admin.choose(first, PASSWORD)
    made = Site(url, browser, admin)
    try:
        yield made
    finally:
        made.close()


def one_time_password(log: Path) -> str:
    """What the server has printed for the first sign-in."""
    found = re.search(r"sign in as\s+admin\s+with the one-time password\s+(\S+)", log.read_text(encoding="utf-8"))
    assert found, "the server has printed no one-time password"
    return found[1]


# --- what is seen ---------------------------------------------------------------------------------------------------------------


def shows(place: Locator, *words: str) -> None:
    """Waits until all of this can be read there: what is hidden does not count."""
    for each in words:
        expect(place).to_contain_text(each, use_inner_text=True)


def pictures() -> Path:
    """Where pictures of pages go: $SCREENSHOTS, else build/screenshots, which git ignores."""
    folder = Path(os.environ.get("SCREENSHOTS") or ROOT / "build" / "screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def picture(page: Page, name: str, *, full: bool = False) -> None:
    """Keeps a picture of the page."""
    page.screenshot(path=pictures() / f"{name}.png", full_page=full, animations="disabled")


def accessible(page: Page, where: str, *, only: str = "") -> None:
    """Raises AssertionError with every violation that axe finds (WCAG A and AA, and its best practices), or with those of one rule only."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(_AXE.axe_script)
    options = {"resultTypes": ["violations"], "iframes": False} | ({"runOnly": [only]} if only else {})
    found = page.evaluate("options => axe.run(options).then((told) => told.violations)", options)
    told = [
        f"{each['id']} ({each['impact']}): {each['help']}\n" + "\n".join(f"    {node['target']}: {node['html'][:200]} {node['failureSummary'][:300]}" for node in each["nodes"][:4])
        for each in found
    ]
    assert not told, f"{where}:\n" + "\n".join(told)


_OUT_OF_REACH = """
() => {
    const width = document.documentElement.clientWidth;
    const found = document.documentElement.scrollWidth > width ? [`the page is ${document.documentElement.scrollWidth} wide`] : [];
    const scrolls = (node) => {
        for (let each = node.parentElement; each && each !== document.body; each = each.parentElement)
            if (/auto|scroll/.test(getComputedStyle(each).overflowX) && each.scrollWidth > each.clientWidth) return each.matches("nav, [role=tablist]");
        return false;
    };
    for (const node of document.querySelectorAll("button, a[href], input, select, textarea, summary, .badge, p, li, td, dt, dd, label, h1, h2, h3")) {
        const box = node.getBoundingClientRect();
        const seen = node.checkVisibility({visibilityProperty: true, opacityProperty: true}) && box.width > 1 && box.height > 1 && !node.closest(".skip, .hidden");
        if (seen && (box.left < -1 || box.right > width + 1) && !scrolls(node))
            found.push(`${node.outerHTML.slice(0, 140)} is at ${Math.round(box.left)}..${Math.round(box.right)} of ${width}`);
    }
    for (const node of document.querySelectorAll("body *")) {
        if (node.scrollWidth > node.clientWidth + 1 && /auto|scroll/.test(getComputedStyle(node).overflowX) && node.clientWidth && node.checkVisibility()
            && !node.matches("nav, [role=tablist], pre, input, textarea"))
            found.push(`${node.outerHTML.slice(0, 140)} scrolls: ${node.scrollWidth} of ${node.clientWidth}`);
    }
    return found;
}
"""


def fits(page: Page, where: str) -> None:
    """Raises AssertionError when the page is wider than the screen, or something in it to click or to read is beyond its edge.

    Navigations and tabs may be scrolled for themselves.
    """
    found = page.evaluate(_OUT_OF_REACH)
    assert not found, f"{where} scrolls sideways:\n" + "\n".join(found[:12])

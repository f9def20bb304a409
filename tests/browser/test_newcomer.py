"""Somebody who has never seen this: from the line that the server prints to the story of a call, by nothing but what the pages say."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import Browser, Locator, Page, expect

from tests.support.audio import TONES
from tests.support.baresip import Baresip
from tests.support.browser import DESKTOP, PASSWORD, ROOT, Visitor, one_time_password, picture, shows
from tests.support.network import network
from tests.support.phone import Account
from tests.support.server import Server

pytestmark = [pytest.mark.needs("chromium", "baresip"), pytest.mark.timeout(90)]

NAMES = BOSS, *ASSISTANTS = "Greta Green", "Ben Brown", "Wendy White"
CALLER = "Colleague"
"""Whom the page proposes, so that there is somebody to call from."""


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Server]:
    """The configuration that comes along, on addresses of our own, with no state yet; Debian's baresip knows MD5 only."""
    with network() as net:
        shutil.copytree(ROOT / "config", tmp_path / "config")
        config = tmp_path / "config" / "b2bua.yaml"
        host = f"{net}.0.1"
        text = config.read_text(encoding="utf-8").replace("//127.0.0.1:5060", f"//{host}:5060").replace("127.0.0.1:8080", f"{host}:8080")
        config.write_text(text, encoding="utf-8")
        settings = yaml.safe_load(text)
        settings |= {"digest": ["MD5"], "state": "state", "drain_seconds": 1, "media": {**settings["media"], "address": host}}
        config.write_text(yaml.safe_dump(settings), encoding="utf-8")
        with Server(config) as server:
            yield server


@pytest.fixture
def newcomer(browser: Browser) -> Iterator[Callable[[], Visitor]]:
    """Opens a browser, or a private window of it."""
    opened = []

    def window() -> Visitor:
        width, height = DESKTOP
        context = browser.new_context(viewport={"width": width, "height": height}, reduced_motion="reduce")
        opened.append(Visitor(context, context.new_page()))
        return opened[-1]

    yield window
    for each in opened:
        each.context.close()


@dataclass
class Shown:
    """What a card of the wizard tells about one phone."""

    server: str
    user: str
    password: str
    domain: str

    @classmethod
    def read(cls, card: Locator) -> Shown:
        names, values = card.locator("dl").first.locator("dt").all_inner_texts(), card.locator("dl").first.locator("dd").all_inner_texts()
        facts = dict(zip(names, (each.strip() for each in values), strict=True))
        server = facts["SIP server"]
        return cls(server if ":" in server else f"{server}:5060", facts["User name"], facts["Password"], facts.get("Domain", server))


def signed_in(page: Page, server: Server) -> None:
    """With what the server has printed, and then with a password of one's own."""
    text = server.log.read_text(encoding="utf-8")
    address = re.search(r"Open (http://\S+) and sign in", text)
    assert address is not None
    page.goto(address[1])
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    first = one_time_password(server.log)
    page.get_by_label("Extension or e-mail address").fill("admin")
    page.get_by_label("Password", exact=True).fill(first)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Choose your own password")).to_be_visible()
    page.get_by_label("The password that you were given").fill(first)
    page.get_by_label("New password", exact=True).fill(PASSWORD)
    page.get_by_label("The new password again").fill(PASSWORD)
    page.get_by_role("button", name="Change the password").click()


def activated(page: Page, link: str) -> None:
    """With the link of an invitation: a password, and in."""
    page.goto(link)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("The password again").fill(PASSWORD)
    page.get_by_role("button", name="Activate").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def test_from_the_first_start_to_the_history(fresh: Server, newcomer: Callable[[], Visitor], tmp_path: Path) -> None:
    administrator, assistant = newcomer(), newcomer()
    page, window = administrator.page, assistant.page
    signed_in(page, fresh)

    page.get_by_role("button", name="Executive with assistants").click()
    for who, name in zip(("Executive", "Assistant 1", "Assistant 2"), NAMES, strict=True):
        page.get_by_label(f"{who}: name").fill(name)
    page.get_by_role("button", name="Make them, and show the phones").click()
    expect(page.get_by_role("heading", name="Connect the phones")).to_be_visible()
    boss = Shown.read(page.get_by_role("region", name=BOSS))
    shown = [Shown.read(page.get_by_role("region", name=name)) for name in (*ASSISTANTS, CALLER)]
    picture(page, "newcomer-phones", full=True)

    with ExitStack() as stack:
        accounts = [Account("127.0.0.1", each.user, each.password, each.domain, each.server, tone) for each, tone in zip(shown, TONES, strict=False)]
        ben, wendy, caller = [stack.enter_context(Baresip(each, tmp_path)) for each in accounts]
        for name in (*ASSISTANTS, CALLER):
            shows(page.get_by_role("region", name=name), "Connected: baresip")
        expect(page.get_by_text(f"The phones are connected. Now call {boss.user}.")).to_be_visible()

        links = page.get_by_role("region", name="Follow the calls on the page")
        links.get_by_role("button", name="Make a sign-in link").nth(1).click()
        activated(window, links.locator("code").inner_text())
        expect(window.get_by_text("No calls", exact=True)).to_be_visible()

        caller.dial(boss.user)
        ben.events.wait("incoming")
        wendy.events.wait("incoming")
        calls = window.locator("#calls")
        for words in (CALLER, f"for {BOSS}", "Ringing"):
            shows(calls, words)
        picture(window, "newcomer-ringing")
        ben.answer()
        caller.events.wait("established")
        wendy.events.wait("closed")
        shows(calls, "You are talking")
        caller.hangup()
        ben.events.wait("closed")
        expect(window.get_by_text("No calls", exact=True)).to_be_visible()

    window.get_by_role("link", name="History").click()
    row = window.get_by_role("listitem").filter(has_text=CALLER).last
    shows(row, f"for {BOSS}, answered by you")
    row.get_by_role("button", name="Why?").click()
    shows(window.get_by_role("dialog"), "What was decided")
    shows(window.get_by_role("dialog"), BOSS)
    picture(window, "newcomer-why")
    for each in (administrator, assistant):
        each.judge()

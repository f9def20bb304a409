"""The rows of the history in a browser: who called, with which name, and what the sign before it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright", reason="the tests' packages are not installed")

from playwright.sync_api import Page, expect

from b2bua.administration.records import Records
from tests.administration.test_records import Reader, row
from tests.delegation.organisation import outside
from tests.support.browser import PHONE, accessible, chromium, fits
from tests.web.support.live_office import LiveOffice
from tests.web.support.web_office import WebOffice, at_once

HOSTILE = "<img src=x onerror=alert(1)> שלום"
UNANSWERED: dict[str, Any] = {"answered": None, "answered_by": None, "segments": ()}
ROWS = (
    row("named", outside("+15551234567", "Carla Client"), "667", 60),
    row("hostile", outside("+442071838750", HOSTILE), "667", 120),
    row("nameless", outside("+15551110000"), "667", 180, outcome="missed", status=480, **UNANSWERED),
    row("withheld", outside("", "Nobody Knows", anonymous=True), "667", 240),
    row("number-in-the-name", outside("", "+19005550000"), "667", 300),
    row("made", "676", "+15553334444", 360, answered_by="+15553334444"),
    row("made-in-vain", "676", "601", 420, outcome="busy", status=486, **UNANSWERED),
)
SIGNS = ["incoming", "incoming", "missed", "incoming", "incoming", "outgoing", "outgoing"]


def made(folder: Path, migrated: Path) -> WebOffice:
    office = WebOffice(folder, template=migrated)
    object.__setattr__(office.services, "records", Records(Reader(*ROWS), lambda: office.desk.directory, at_once))
    return office


def check(page: Page) -> None:
    """The same rows on either page."""
    rows = page.locator(".history-row")
    expect(rows).to_have_count(len(ROWS))
    named, hostile, nameless, withheld, numbered = (page.locator(f'[data-call="{each.id}"]') for each in ROWS[:5])
    expect(named.locator("strong")).to_have_text("From Carla Client")
    expect(named.locator(".history-number")).to_have_text("+15551234567")
    expect(named.get_by_role("button", name="Call Carla Client", exact=True)).to_be_visible()
    expect(hostile.locator("strong")).to_have_text(f"From {HOSTILE}")
    expect(page.locator(".history-row img")).to_have_count(0)
    expect(nameless.locator("strong")).to_have_text("From +15551110000")
    expect(nameless.locator(".history-number")).to_have_count(0)
    expect(withheld).not_to_contain_text("Nobody Knows")
    for each in (withheld, numbered):  # a name is no number to call
        expect(each.get_by_role("button", name="Call ", exact=False).filter(has_not_text="Why?")).to_have_count(0)
    assert [each.get_attribute("href") for each in page.locator(".history-row .direction use").all()] == [f"#i-{each}" for each in SIGNS]
    for sign in set(SIGNS):
        assert page.locator(f"symbol#i-{sign} path").count() == 1


@pytest.mark.needs("chromium")
@pytest.mark.timeout(60)
def test_the_rows_of_the_history(tmp_path: Path, migrated: Path) -> None:
    with chromium() as browser, LiveOffice(lambda: made(tmp_path, migrated), browser) as live:
        live.enrol("676")
        visitor = live.site.visit("676", "/history")
        visitor.settle()
        check(visitor.page)
        for theme in ("light", "dark"):
            visitor.page.emulate_media(color_scheme=theme)
            accessible(visitor.page, f"/history, {theme}")
        visitor.open("/")
        expect(visitor.page.locator(".compact .history-row")).to_have_count(len(ROWS))
        check(visitor.page)
        narrow = live.site.visit("676", "/history", size=PHONE)
        narrow.settle()
        fits(narrow.page, "/history")
        live.site.leave()

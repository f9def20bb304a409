"""Import and export as people do it: drop a file, look, correct, apply, take it back; on a large screen and on a small one."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="the tests' packages are not installed")

from playwright.sync_api import Browser, Page, expect

from tests.support.browser import PHONE, accessible, chromium, fits, picture
from tests.web.support.live_office import LiveOffice
from tests.web.support.web_office import WebOffice

HOSTILE = "<img src=x onerror=alert(1)> مرحبا \U0001f680"
WRONG = f'extension,name,email,forwarding.no_answer\n701,{HOSTILE},olivia@acme.test,\n702,"=cmd|x",,\n703,Eve,,999\n704,Tom,,\n'
RIGHT = f"extension,name,location\n701,{HOSTILE},HQ\n676,,HQ 12\n"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if shutil.which("chromium") is None:
        pytest.skip("there is no chromium here")
    with chromium() as started:
        yield started


@pytest.fixture
def live(browser: Browser, tmp_path: Path, migrated: Path) -> Iterator[LiveOffice]:
    with LiveOffice(lambda: WebOffice(tmp_path / "office", template=migrated), browser) as ready:
        ready.enrol("680")
        yield ready
        ready.site.leave()


def drop(page: Page, text: str, name: str = "users.csv") -> None:
    """A file, dropped where files are dropped."""
    transfer = page.evaluate_handle(
        "([text, name]) => { const made = new DataTransfer(); made.items.add(new File([text], name, {type: 'text/csv'})); return made; }", [text, name]
    )
    page.dispatch_event("#drop", "drop", {"dataTransfer": transfer})
    expect(page.locator("#chosen")).to_contain_text(name)


def check(page: Page, text: str, name: str = "users.csv") -> None:
    drop(page, text, name)
    page.get_by_role("button", name="Check the file").click()
    expect(page.locator("#result-title")).to_have_text(name)


def test_a_file_is_looked_at_corrected_applied_and_taken_back(live: LiveOffice) -> None:
    page = live.site.visit("admin", "/imports").page
    check(page, WRONG, "wrong.csv")
    expect(page.locator("#state")).to_have_text("Has errors")
    rows = page.locator("#problem-rows tr")
    expect(rows).to_have_count(3)
    expect(rows.first).to_contain_text("already the address of Olivia Boss")
    picture(page, "import", full=True)
    accessible(page, "an import with errors")
    page.get_by_label("Filter the problems").fill("formula")
    expect(rows).to_have_count(1)
    with page.expect_download() as download:
        page.get_by_role("link", name="Error sheet (CSV)").click()
    sheet = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text("utf-8-sig"))))
    assert [(row["row"], row["column"]) for row in sheet] == [("2", "email"), ("3", "name"), ("4", "forwarding.no_answer")]
    assert sheet[1]["value"] == "'=cmd|x"
    check(page, RIGHT, "right.csv")
    expect(page.locator("#counts")).to_contain_text("Would be created1")
    page.get_by_text("What is changed").click()
    expect(page.locator("#change-rows")).to_contain_text(HOSTILE)
    page.get_by_role("button", name="Apply 2 changes").click()
    expect(page.locator("#state")).to_have_text("Applied")
    assert live.site.admin.ask("GET", "/users/701").json()["name"] == HOSTILE
    page.get_by_role("button", name="Roll back", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Roll back").click()
    expect(page.locator("#state")).to_have_text("Rolled back")
    live.site.admin.ask("GET", "/users/701", status=404)
    expect(page.locator("#past tbody tr")).to_have_count(2)


def test_others_have_changed_it_since(live: LiveOffice) -> None:
    page = live.site.visit("admin", "/imports").page
    check(page, RIGHT)
    page.get_by_role("button", name="Apply 2 changes").click()
    expect(page.locator("#state")).to_have_text("Applied")
    live.site.admin.change("/users/676", {"dnd": True})
    live.site.visitors[0].expects("409")
    page.get_by_role("button", name="Roll back users.csv").click()
    page.get_by_role("dialog").get_by_role("button", name="Roll back").click()
    expect(page.get_by_role("dialog")).to_contain_text("users 676")
    page.get_by_role("button", name="Restore them too").click()
    page.get_by_role("dialog").get_by_role("button", name="Roll back").click()
    expect(page.locator("#past")).to_contain_text("Rolled back")
    assert "dnd" not in live.site.admin.ask("GET", "/users/676").json()


def test_what_is_exported_can_be_imported_by_a_manager(live: LiveOffice) -> None:
    page = live.site.visit("680", "/imports").page
    page.get_by_label("Only users with this").fill("Secretary")
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV", exact=True).click()
    text = Path(download.value.path()).read_text("utf-8-sig")
    assert text.count("Sam Secretary") == 1 and "Victor" not in text
    check(page, text.replace("Sam Secretary", "Sam Sekretär"))
    expect(page.get_by_role("button", name="Apply 1 change")).to_be_visible()
    page.get_by_role("button", name="Discard").click()
    expect(page.locator("#state")).to_have_text("Cancelled")
    assert live.site.admin.ask("GET", "/users/676").json()["name"] == "Sam Secretary"


def test_many_are_changed_after_their_number_was_seen(live: LiveOffice) -> None:
    page = live.site.visit("admin", "/imports").page
    form = page.locator("#bulk")
    form.get_by_role("textbox", name="Site").fill("Branch")
    form.locator("[name=column]").select_option("cost_centre")
    form.get_by_role("textbox", name="Value").fill("Sales")
    form.get_by_role("button", name="Look what it would do").click()
    expect(page.locator("#bulk-result")).to_contain_text("3 users chosen; 3 entries would change.")
    page.get_by_role("button", name="Change 3 users").click()
    page.get_by_role("dialog").get_by_role("button", name="Change").click()
    expect(page.locator("#past")).to_contain_text("bulk edit")
    assert live.site.admin.ask("GET", "/users/668").json()["cost_centre"] == "Sales"


def test_on_a_small_screen(live: LiveOffice) -> None:
    page = live.site.visit("admin", "/imports", size=PHONE, theme="dark").page
    check(page, WRONG)
    expect(page.locator("#problem-rows tr")).to_have_count(3)
    fits(page, "an import")
    accessible(page, "an import on a phone")
    picture(page, "import-small", full=True)

"""People from a spreadsheet: what is wrong is told row by row, what is right is taken in as a whole, and given back as a whole."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.office import Office
from tests.browser.office import office as opened
from tests.support.browser import picture, shows

pytestmark = [pytest.mark.needs("chromium", "module:pjsua2"), pytest.mark.timeout(90), pytest.mark.usefixtures("nothing_left")]

WRONG = """\
extension,name,numbers,email,assistant_of
801,Nina Novak,+6221500801,nina@acme.example,667
802,,+6221500802,omar@acme.example,
803,"=cmd|' /C calc'!A0",+6221500803,paul@acme.example,
804,"<img src=x onerror=alert(1)>",+6221500804,,999
805,Zed Zero,not a number,,
801,Nina Twice,+6221500809,,
"""
RIGHT = """\
extension,name,numbers,email,assistant_of
801,Nina Novak,+6221500801,nina@acme.example,667
802,Omar Osman,+6221500802,omar@acme.example,
803,Paul Petrov,+6221500803,paul@acme.example,
804,"Ruth <b>Ray</b> عمر",+6221500804,,
"""


@pytest.fixture(scope="module")
def office(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with opened(tmp_path_factory.mktemp("imports"), browser) as ready:
        yield ready


def check(page: Page, file: Path) -> Locator:
    """Has a file checked; what came of it."""
    page.locator("#file").set_input_files(file)
    page.get_by_role("button", name="Check the file").click()
    result = page.get_by_role("region", name=file.name)
    expect(result).to_be_visible()
    return result


def known(office: Office) -> set[str]:
    return {each["extension"] for each in office.site.admin.ask("GET", "/users?limit=500").json()["items"]}


def test_import_with_mistakes_corrected_applied_and_rolled_back(office: Office, tmp_path: Path) -> None:
    """The whole way of somebody who moves here with a spreadsheet."""
    wrong, right = tmp_path / "people.csv", tmp_path / "people-corrected.csv"
    wrong.write_text(WRONG, encoding="utf-8")
    right.write_text(RIGHT, encoding="utf-8")
    before = known(office)
    page = office.site.visit("admin", "/imports").page

    result = check(page, wrong)
    shows(result, "Has errors")
    problems = result.get_by_role("region", name="Problems").get_by_role("row")
    for row, words in ((3, "is missing"), (4, "formula"), (5, "999"), (6, "not a number"), (7, "801")):
        expect(problems.filter(has=page.get_by_role("cell", name=str(row), exact=True)).filter(has_text=words).first).to_be_visible()
    assert page.locator("main img").count() == 0
    picture(page, "import-with-errors", full=True)
    assert result.get_by_role("button", name="Apply").count() == 0, "all or nothing"
    assert known(office) == before

    with page.expect_download() as download:
        result.get_by_role("link", name="Error sheet (CSV)").click()
    rows = list(csv.DictReader(download.value.path().read_text(encoding="utf-8-sig").splitlines()))
    assert {int(each["row"]) for each in rows} >= {3, 4, 5, 6, 7}
    assert all(not each.startswith(("=", "+", "-", "@")) for row in rows for each in row.values()), "no cell of it is a formula"

    result = check(page, right)
    shows(result, "Ready to apply")
    assert known(office) == before, "checking changes nothing"
    result.get_by_role("button", name="Apply").click()
    shows(result, "Applied")
    assert known(office) == before | {"801", "802", "803", "804"}
    assert "801" in str(office.site.admin.ask("GET", "/executives/667").json()["assistants"])

    page.goto("/admin/users?search=Ruth")
    expect(page.get_by_text("Ruth <b>Ray</b> عمر")).to_be_visible()

    page.goto("/imports")
    page.get_by_role("button", name="Roll back people-corrected.csv").click()
    page.get_by_role("dialog", name="Roll back this import?").get_by_role("button", name="Roll back").click()
    shows(page.locator("#toasts"), "Rolled back")
    assert known(office) == before
    assert "801" not in str(office.site.admin.ask("GET", "/executives/667").json()["assistants"])


def test_export_edit_import(office: Office, tmp_path: Path) -> None:
    """What was exported, with one cell changed, changes that one thing."""
    page = office.site.visit("admin", "/imports").page
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV", exact=True).click()
    text = download.value.path().read_text(encoding="utf-8-sig")
    assert "Olivia Boss" in text
    edited = tmp_path / "edited.csv"
    edited.write_text(text.replace("Lee Colleague", "Lee Li"), encoding="utf-8")
    result = check(page, edited)
    shows(result, "Ready to apply")
    result.get_by_role("button", name="Apply 1 change").click()
    shows(result, "Applied")
    assert office.site.admin.ask("GET", "/users/601").json()["name"] == "Lee Li"

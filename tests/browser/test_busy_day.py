"""A busy moment on the assistant's page: a call that rings, one on hold, one that is parked, one that a colleague has."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.office import Office
from tests.browser.office import office as opened
from tests.support.browser import PHONE, accessible, fits, picture, shows
from tests.support.network import wait_for

pytestmark = [pytest.mark.needs("chromium", "module:pjsua2"), pytest.mark.timeout(90)]

PARTS = ("Calls", "Office", "Recent", "People")


@pytest.fixture(scope="module")
def office(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with opened(tmp_path_factory.mktemp("busy"), browser) as ready:
        ready.site.enrol("676")
        ready.site.admin.change("/organisation", {"parking": {"recall_seconds": 300}})
        everybody = [*ready.site.admin.ask("GET", "/executives/667").json()["assistants"], {"extension": "678", "rights": ["receive"]}]
        ready.site.admin.change("/executives/667", {"assistants": everybody, "alerting": {"ring_seconds": 120}})
        yield ready


def earlier(office: Office) -> None:
    """Calls that are over: one for Olivia that Sam took, and one that was missed."""
    lee, sam = office.phone("lee"), office.phone("sam")
    lee.dial("667")
    sam.events.wait("incoming")
    sam.answer()
    lee.events.wait("established")
    lee.hangup()
    sam.events.wait("closed")
    call = office.carrier.call(office.boss.number, "+15550013456", "Ingrid Berg")
    sam.events.wait("incoming")
    call.hangup()
    sam.events.wait("closed")
    wait_for(lambda: "Ingrid Berg" in office.site.as_("676").ask("GET", "/history").text, "the calls to be in the history")


@pytest.fixture(scope="module")
def busy(office: Office) -> Iterator[Page]:
    """Sam's page. Pedro is parked, Maria waits on hold, Ana talks with Mia, and Noor Haddad rings at Tom's."""
    sam = office.phone("sam")
    office.phone("boss")
    earlier(office)
    page = office.site.visit("676", "/", size=(1360, 920)).page

    def from_outside(number: str, name: str) -> None:
        call = office.carrier.call(office.boss.number, number, name)
        sam.events.wait("incoming")
        sam.answer()
        call.events.wait("established")

    from_outside("+15550011234", "Pedro Alves")
    page.get_by_role("button", name="Park: Pedro Alves").click()
    sam.events.wait("closed")
    from_outside("+15550015678", "Maria Lindgren")
    page.get_by_role("button", name="Hold: Maria Lindgren").click()
    ana, mia = office.phone("ana"), office.phone("mia")
    mia.dial("667")
    ana.events.wait("incoming")
    ana.answer()
    mia.events.wait("established")
    tom = office.phone("tom")
    office.carrier.call(office.boss.number, "+15550019012", "Noor Haddad")
    tom.events.wait("incoming")
    for title, name in (("Ringing", "Noor Haddad"), ("My calls", "Maria Lindgren"), ("Parked", "Pedro Alves"), ("In progress", "Mia Moore")):
        shows(page.locator("#calls").get_by_role("list", name=title), name)
    yield page
    office.site.leave()
    office.over()


def test_everything_at_a_glance(busy: Page) -> None:
    """Each call with its state, its owner and how long; and what can be done with it, one click away."""
    calls = busy.locator("#calls")
    shows(calls, "You have it on hold")
    shows(calls, "Parked by you")
    shows(calls, "Ana Aide is talking")
    shows(calls, "Rings at Tom Deputy")
    for button in ("Resume: Maria Lindgren", "Retrieve: Pedro Alves", "Pick up: Noor Haddad", "Barge in: Mia Moore"):
        expect(busy.get_by_role("button", name=button)).to_be_visible()
    shows(busy.locator("#recent"), "Ingrid Berg")
    assert busy.title().startswith("(1) "), "the tab says that a call rings"
    picture(busy, "hud-light")


def test_for_every_eye(busy: Page) -> None:
    """axe finds nothing, in light and in dark, nor in the dialogs."""
    accessible(busy, "calls, light")
    busy.get_by_role("button", name="Send to Olivia: Maria Lindgren").click()
    accessible(busy, "the note, light")
    busy.keyboard.press("Escape")
    busy.get_by_role("button", name="Keys and help").click()
    accessible(busy, "the keys, light")
    busy.emulate_media(color_scheme="dark")
    accessible(busy, "the keys, dark", only="color-contrast")
    busy.keyboard.press("Escape")
    accessible(busy, "calls, dark", only="color-contrast")
    picture(busy, "hud-dark")
    busy.emulate_media(color_scheme="light")


def test_history_for_every_eye(office: Office, busy: Page) -> None:
    """With calls in it, and with the explanation of one of them."""
    page = office.site.visit("676", "/history").page
    page.get_by_role("button", name="Why?").first.click()
    shows(page.get_by_role("dialog"), "What was decided")
    accessible(page, "why, light")
    page.emulate_media(color_scheme="dark")
    accessible(page, "why, dark", only="color-contrast")
    page.keyboard.press("Escape")
    accessible(page, "history, dark")
    page.emulate_media(color_scheme="light")
    accessible(page, "history, light", only="color-contrast")
    picture(page, "history")


def test_on_a_phone(office: Office, busy: Page) -> None:
    """360 × 740: every part fits, and every action of every call is there, and large enough for a finger."""
    page = office.site.visit("676", "/", size=PHONE, theme="dark").page
    expect(page.locator("#calls .call")).to_have_count(4)
    expect(busy.get_by_role("button", name="Give back: Maria Lindgren")).to_have_count(0)  # it is there for five seconds
    expect(page.get_by_role("button", name="Give back: Maria Lindgren")).to_have_count(0)
    wanted = busy.locator("#calls button:visible").evaluate_all("all => all.map((each) => each.ariaLabel)")
    assert page.locator("#calls button:visible").evaluate_all("all => all.map((each) => each.ariaLabel)") == wanted
    small = page.locator("#calls button:visible").evaluate_all(
        "all => all.map((each) => [each.ariaLabel, each.getBoundingClientRect()]).filter(([, box]) => box.width < 24 || box.height < 24).map(([label]) => label)"
    )
    assert not small, f"too small for a finger (WCAG 2.5.8): {small}"
    picture(page, "hud-phone-dark")
    for part in PARTS:
        page.get_by_role("button", name=part, exact=False).and_(page.locator(".hud-tabs button")).click()
        fits(page, f"calls, {part}")
        accessible(page, f"calls, {part}, phone, dark")

"""Calls handled from the page, with real phones and the carrier behind it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.office import Office
from tests.browser.office import office as opened
from tests.support.browser import PASSWORD, picture, shows
from tests.support.carrier import OutsideCall
from tests.support.desk import hear
from tests.support.network import wait_for
from tests.support.phone import Phone

pytestmark = [pytest.mark.needs("chromium", "module:pjsua2"), pytest.mark.timeout(90), pytest.mark.usefixtures("nothing_left")]

CALLER = "+15550019999"
HOSTILE = '"><img src=x onerror="alert(1)"><script>alert(2)</script>‮gnp.exe \U0001f469‍\U0001f680'


@pytest.fixture(scope="module")
def office(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with opened(tmp_path_factory.mktemp("calls"), browser) as ready:
        ready.site.enrol("667", "676", "677")
        yield ready


def row(page: Page, name: str) -> Locator:
    """The call with somebody, as the page lists it."""
    return page.locator("#calls").get_by_role("listitem").filter(has_text=name)


def section(page: Page, title: str) -> Locator:
    """Ringing, My calls, On hold, Parked or In progress."""
    return page.locator("#calls").get_by_role("list", name=title)


def press(page: Page, button: str, name: str) -> None:
    """Clicks a button of the call with somebody."""
    page.get_by_role("button", name=f"{button}: {name}").click()


def taken(office: Office, caller: Phone, callee: Phone) -> None:
    """A call for Olivia that somebody answers on the phone."""
    caller.dial("667")
    callee.events.wait("incoming")
    callee.answer()
    caller.events.wait("established")
    callee.events.wait("established")


def outside(office: Office, name: str, callee: Phone, answered: bool = True) -> OutsideCall:
    """A call for Olivia from outside."""
    call = office.carrier.call(office.boss.number, CALLER, name)
    callee.events.wait("incoming")
    if answered:
        callee.answer()
        call.events.wait("established")
        callee.events.wait("established")
    return call


def test_a_delegated_call_is_taken_parked_and_retrieved(office: Office) -> None:
    """Sam takes it on the phone and parks it on the page; Olivia retrieves it on hers, and she and the caller hear each other."""
    lee, sam, boss = office.phone("lee"), office.phone("sam"), office.phone("boss")
    hers, his = office.site.visit("667", "/").page, office.site.visit("676", "/").page
    lee.dial("667")
    shows(section(his, "Ringing"), "Lee Colleague")
    shows(section(hers, "Ringing"), "Lee Colleague")
    sam.events.wait("incoming")
    sam.answer()
    sam.events.wait("established")
    shows(section(his, "My calls"), "for Olivia Boss")
    shows(row(hers, "Lee Colleague"), "Sam Secretary is talking")
    shows(hers.locator("#toasts"), "Lee Colleague: answered by Sam Secretary")
    press(his, "Park", "Lee Colleague")  # Sam is told the slot, and hung up on, while this goes on
    shows(section(his, "Parked"), "Parked 7667")
    shows(section(hers, "Parked"), "Parked by Sam Secretary")
    press(hers, "Retrieve", "Lee Colleague")
    boss.events.wait("incoming")
    boss.answer()
    boss.events.wait("established")
    shows(section(hers, "My calls"), "Lee Colleague")
    shows(section(his, "In progress"), "Olivia Boss is talking")
    hear({lee: [boss], boss: [lee]})
    press(hers, "Hang up", "Lee Colleague")
    lee.events.wait("closed")
    sam.events.wait("closed")
    expect(his.get_by_text("No calls", exact=True)).to_be_visible()


def test_call_as_the_executive(office: Office) -> None:
    """Sam's phone rings first; then the far end, which sees Olivia's caller ID and nothing of Sam."""
    sam = office.phone("sam")
    page = office.site.visit("676", "/").page
    page.get_by_role("button", name="Call as Olivia Boss").click()
    expect(page.get_by_label("Call as", exact=True)).to_have_value("667")
    page.get_by_role("combobox", name="Name or number to call").fill(office.trunk.outside(7))
    page.get_by_role("button", name="Call", exact=True).click()
    sam.events.wait("incoming")
    shows(section(page, "My calls"), "Your phone rings: pick it up")
    sam.answer()
    call = office.carrier.called()
    for header in ("From", "P-Asserted-Identity"):
        value = office.carrier.header(call, header)
        assert office.boss.caller_id in value, f"{header}: {value}"
        assert "676" not in value.partition(";tag")[0], f"{header}: {value}"
        assert "Sam" not in value, f"{header}: {value}"
    shows(row(page, office.trunk.outside(7)), "as Olivia Boss")
    call.answer()
    shows(row(page, office.trunk.outside(7)), "Live")
    press(page, "Hang up", office.trunk.outside(7))
    call.events.wait("closed")
    sam.events.wait("closed")


def test_pushed_with_a_note(office: Office) -> None:
    """Sam sends the call to Olivia with a note; she reads it while her phone rings, and knows who has sent it."""
    sam, boss = office.phone("sam"), office.phone("boss")
    hers, his = office.site.visit("667", "/").page, office.site.visit("676", "/").page
    call = outside(office, "Maria Lindgren", sam)
    press(his, "Send to Olivia", "Maria Lindgren")
    dialog = his.get_by_role("dialog", name="Send to Olivia Boss")
    dialog.get_by_label("Note").fill("The contract: sign before <noon>")
    dialog.get_by_role("button", name="Send").click()
    expect(dialog).to_be_hidden()
    boss.events.wait("incoming")
    sam.events.wait("closed")
    ringing = section(hers, "Ringing")
    shows(ringing, "The contract: sign before <noon>")
    shows(ringing, "Sam Secretary has sent it")
    picture(hers, "push-with-note")
    boss.answer()
    boss.events.wait("established")
    shows(section(hers, "My calls"), "The contract: sign before <noon>")
    call.hangup()
    boss.events.wait("closed")


def test_barge_in(office: Office) -> None:
    """Olivia barges into Sam's call from the page: her phone rings, and all three hear each other."""
    lee, sam, boss = office.phone("lee"), office.phone("sam"), office.phone("boss")
    hers = office.site.visit("667", "/").page
    taken(office, lee, sam)
    shows(section(hers, "In progress"), "Lee Colleague")
    press(hers, "Barge in", "Lee Colleague")
    boss.events.wait("incoming")
    boss.answer()
    boss.events.wait("established")
    hear({lee: [sam, boss], sam: [lee, boss], boss: [lee, sam]})
    shows(section(hers, "My calls"), "You, with Sam Secretary")


def test_a_name_full_of_markup(office: Office) -> None:
    """What a caller calls themselves is text: on the page, in the title of things, and in what is read out."""
    sam = office.phone("sam")
    his, hers = office.site.visit("676", "/").page, office.site.visit("667", "/").page
    call = outside(office, HOSTILE, sam)
    for page in (his, hers):
        shows(page.locator("#calls .call-name"), '"><img src=x onerror="alert(1)">')
        assert page.locator("#calls img, #calls script").count() == 0
        assert page.locator("#calls .call-name bdi").count() == 1, "a name is isolated, so that RTL cannot turn the line around"
    picture(his, "hostile-name")
    call.hangup()
    sam.events.wait("closed")
    wait_for(lambda: "onerror" in office.site.as_("676").ask("GET", "/history").text, "the call to be in the history")
    his.goto("/history")
    his.get_by_role("listitem").filter(has_text="onerror").last.get_by_role("button", name="Why?").click()
    shows(his.get_by_role("dialog"), "What happened")
    assert his.locator("main img, dialog img").count() == 0


def test_without_a_mouse(office: Office) -> None:
    """Sam signs in and handles calls with the keyboard alone: calls Lee, then hold, resume, send to Olivia with a note."""
    sam, boss, lee = office.phone("sam"), office.phone("boss"), office.phone("lee")
    page = office.site.visit(path="/").page
    page.keyboard.type("676")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("#lamp")).to_have_text("Live")
    page.keyboard.press("/")
    page.keyboard.type("Lee")
    expect(page.get_by_role("option", name="Lee Colleague")).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    sam.events.wait("incoming")
    sam.answer()
    lee.events.wait("incoming")
    shows(row(page, "Lee Colleague"), "Ringing")
    page.get_by_role("main").focus()
    page.keyboard.press("e")
    lee.events.wait("closed")
    sam.events.wait("closed")
    outside(office, "Maria Lindgren", sam)
    call = row(page, "Maria Lindgren")
    shows(call, "Live")
    page.keyboard.press("j")
    expect(call).to_be_focused()
    page.keyboard.press("h")
    shows(call, "On hold")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Resume: Maria Lindgren")).to_be_focused()
    page.keyboard.press("Enter")
    shows(call, "Live")
    page.keyboard.press("u")
    dialog = page.get_by_role("dialog", name="Send to Olivia Boss")
    expect(dialog.get_by_label("Note")).to_be_focused()
    page.keyboard.type("Maria, about the hotel")
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    boss.events.wait("incoming")
    shows(row(page, "Maria Lindgren"), "You have sent it; rings at Olivia Boss")


def test_who_may_not_sees_no_button(office: Office) -> None:
    """Ana only takes calls for Olivia: nothing on her page joins, listens or calls as her, and the API refuses it."""
    sam = office.phone("sam")
    outside(office, "Maria Lindgren", sam)
    page = office.site.visit("677", "/").page
    call = row(page, "Maria Lindgren")
    shows(call, "Sam Secretary is talking")
    for button in ("Barge in", "Listen", "Whisper", "Hold", "Park", "Hang up"):
        expect(call.get_by_role("button", name=button)).to_have_count(0)
    expect(page.get_by_role("button", name="Call as Olivia Boss")).to_have_count(0)
    expect(page.get_by_label("Call as", exact=True)).to_be_hidden()
    ana = office.site.as_("677")
    [running] = ana.ask("GET", "/calls").json()["items"]
    for command in ("join", "listen", "whisper", "end", "park"):
        ana.ask("POST", f"/calls/{running['id']}/commands", {"command": command}, status=403)
    ana.ask("POST", "/calls", {"number": "601", "as": "667"}, status=403)
    ana.ask("PATCH", "/executives/667", {"slot": "7000"}, tag='"1"', status=403)
    assert {(each["kind"], each["key"]) for each in ana.ask("GET", "/audit").json()["items"]} == {("users", "677")}

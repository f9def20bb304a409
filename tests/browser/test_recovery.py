"""What the page shows is right again within two seconds after the connection, or the server, has come back."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.office import Office
from tests.browser.office import office as opened
from tests.support.browser import picture, shows
from tests.support.line import Line

pytestmark = [pytest.mark.needs("chromium", "module:pjsua2"), pytest.mark.timeout(90), pytest.mark.usefixtures("nothing_left")]

RIGHT_AGAIN_SECONDS = 2.0


@pytest.fixture(scope="module")
def office(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with opened(tmp_path_factory.mktemp("recovery"), browser) as ready:
        ready.site.enrol("676")
        yield ready


def talking(office: Office, name: str) -> None:
    """Somebody outside has called Olivia, and Sam has answered."""
    sam = office.phone("sam")
    call = office.carrier.call(office.boss.number, "+15550019999", name)
    sam.events.wait("incoming")
    sam.answer()
    call.events.wait("established")


def right_again(page: Page, since: float) -> None:
    """The page is live, and has been within the time."""
    calls = page.locator("#calls")
    shows(calls, "Maria Lindgren")
    shows(calls, "You are talking")
    expect(calls).not_to_contain_text("Pedro Alves")
    expect(page.locator("#lamp")).to_have_text("Live")
    expect(page.locator("#lost")).to_be_hidden()
    late = time.monotonic() - since
    print(f"the page was right again {1000 * late:.0f} ms after it could be")
    assert late < RIGHT_AGAIN_SECONDS


def test_after_the_connection_was_cut(office: Office) -> None:
    """A call begins and another one ends while the page cannot hear of it; the page says that it is behind, and catches up."""
    sam = office.phone("sam")
    with Line(office.server.http) as line:
        visitor = office.site.visit("676", at=line.url)
        visitor.page.clock.install()
        page = visitor.open("/")
        visitor.expects("ERR_", "WebSocket")
        first = office.carrier.call(office.boss.number, "+15550018888", "Pedro Alves")
        sam.events.wait("incoming")
        shows(page.locator("#calls"), "Pedro Alves")
        line.cut()
        shows(page.locator("#lost"), "Connection lost.")
        expect(page.locator("#lamp")).to_have_text("Reconnecting")
        picture(page, "connection-lost")
        first.hangup()
        sam.events.wait("closed")
        talking(office, "Maria Lindgren")
        for _ in range(8):  # it has tried in vain for long, and yet waits no longer now
            page.clock.run_for(2000)
            page.wait_for_timeout(50)
        line.mend()
        right_again(page, time.monotonic())
        office.site.leave()


def test_after_the_server_was_killed(office: Office) -> None:
    """kill -9, and another process in its place: a call that was answered goes on and is shown, one that only rang is gone."""
    visitor = office.site.visit("676")
    page = visitor.open("/")
    visitor.expects("ERR_", "WebSocket")
    talking(office, "Maria Lindgren")
    shows(page.locator("#calls"), "You are talking")
    ana = office.phone("ana")
    office.carrier.call(office.boss.number, "+15550018888", "Pedro Alves")
    ana.events.wait("incoming")
    shows(page.locator("#calls"), "Pedro Alves")
    office.restart()
    right_again(page, time.monotonic())
    page.get_by_role("button", name="Hang up: Maria Lindgren").click()
    office.phone("sam").events.wait("closed")
    expect(page.get_by_text("No calls", exact=True)).to_be_visible()

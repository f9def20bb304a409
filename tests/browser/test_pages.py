"""Every page, by every eye: axe in light and in dark, and a screen of 360 × 740 on which nothing scrolls sideways."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote

import pytest
from playwright.sync_api import Browser, Locator

from tests.browser.office import Office
from tests.browser.office import office as opened
from tests.support.browser import DESKTOP, PHONE, Visitor, accessible, fits, picture

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.timeout(90)]

ENTRIES = {
    "sites": {"name": "Headquarters in the old town", "emergency_location": "Unter den Linden 1, 3rd floor"},
    "cost-centres": {"name": "Board", "code": "4711"},
    "schedules": {"key": "office", "value": {"hours": {"mon-fri": "08:00-12:00, 13:00-17:00"}, "holidays": ["01-01", {"date": "12-25", "name": "Christmas"}]}},
    "caller-groups": {"key": "press", "value": ["+1555700*", "anonymous"]},
    "groups": {"extension": "500", "name": "Sales", "type": "queue", "members": ["601", "602"], "capacity": 5, "managers": ["601"], "rollover": {"action": "hangup"}},
    "services": {"extension": "510", "name": "Help Desk", "agents": ["601", {"extension": "602", "direction": "in"}], "rollover": {"action": "hangup"}},
    "duty-profiles": {"name": "Help desk early", "code": "1", "agents": ["601"], "responsible_for": ["510"]},
    "conferences": {"number": "800", "name": "Board room", "moderators": ["667"]},
    "phones": {"mac": "00:04:13:aa:bb:cc", "name": "Desk of the reception", "model": "Snom D785", "site": "Headquarters in the old town"},
}
TOPICS = {
    "users": "667", "executives": "667", "groups": "500", "services": "510", "duty-profiles": "Help%20desk%20early", "conferences": "800",
    "schedules": "office", "caller-groups": "press", "phones": "00:04:13:aa:bb:cc", "sites": "Headquarters%20in%20the%20old%20town",
    "cost-centres": "Board",
}  # fmt: skip
BY_ADMINISTRATORS = [
    "/admin", "/admin#start", *(f"/admin/{topic}" for topic in TOPICS), *(f"/admin/{topic}/new" for topic in TOPICS),
    *(f"/admin/{topic}/{key}" for topic, key in TOPICS.items()), "/admin/numbers", "/admin/organisation", "/admin/audit", "/imports", "/simulator",
    "/account", "/change-password",
]  # fmt: skip
TABS = {"/admin/users/667", "/admin/executives/667", "/admin/organisation"}
"""Pages of which every tab is looked at."""
BY_PEOPLE = ["/", "/history", "/my-delegation/667", "/simulator", "/account"]
BY_STRANGERS = ["/sign-in", "/activate/none"]


@pytest.fixture(scope="module")
def office(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with opened(tmp_path_factory.mktemp("pages"), browser) as ready:
        ready.site.enrol("667", "676")
        for kind, body in ENTRIES.items():
            ready.site.admin.ask("POST", f"/{kind}", body)
        yield ready


@pytest.fixture(scope="module")
def administrator(office: Office) -> Visitor:
    return office.site.visit("admin")


@pytest.fixture(scope="module")
def olivia(office: Office) -> Visitor:
    return office.site.visit("667")


@pytest.fixture(scope="module")
def stranger(office: Office) -> Visitor:
    return office.site.visit()


def look(visitor: Visitor, path: str) -> None:
    """The page in light, in dark, and on a phone; what there is in tabs, tab by tab."""
    page = visitor.open(path)
    visitor.settle()
    tabs: list[Locator | None] = [*page.get_by_role("tab").all()] if path in TABS else []
    for tab in tabs or [None]:
        where = path
        if tab is not None:
            tab.click()
            visitor.settle()
            where = f"{path}, {tab.inner_text()}"
        accessible(page, f"{where}, light")
        page.emulate_media(color_scheme="dark")
        accessible(page, f"{where}, dark", only="color-contrast")
        page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
        fits(page, where)
        picture(page, "page-" + (re.sub(r"[^A-Za-z0-9]+", "-", unquote(where)).strip("-") or "calls"), full=True)
        page.emulate_media(color_scheme="light")
        page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})
    visitor.judge()


@pytest.mark.parametrize("path", BY_ADMINISTRATORS)
def test_administration(administrator: Visitor, path: str) -> None:
    look(administrator, path)


@pytest.mark.parametrize("path", BY_PEOPLE)
def test_own_pages(olivia: Visitor, path: str) -> None:
    look(olivia, path)


@pytest.mark.parametrize("path", BY_STRANGERS)
def test_before_sign_in(stranger: Visitor, path: str) -> None:
    stranger.expects("410")
    look(stranger, path)

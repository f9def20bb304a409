"""Click to dial and pick up from the page, with real phones: both ends are heard, and the page's API is the real one."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from http.cookiejar import CookieJar
from typing import Any

import pytest

from tests.support.audio import TONES
from tests.support.desk import Desk, desk, hear, hears_sound
from tests.support.network import wait_for

pytestmark = [pytest.mark.needs("baresip", "module:pjsua2"), pytest.mark.timeout(90)]
CHOSEN = "correct horse battery"


class Page:
    """A browser without pictures: signs in and talks to the API as the pages do."""

    def __init__(self, http: str) -> None:
        self._base = f"http://{http}/api/v1"
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        self._csrf = ""

    def ask(self, method: str, path: str, **body: Any) -> Any:
        """The answer as data. Raises urllib.error.HTTPError for anything that is no success."""
        headers = {"Content-Type": "application/json", "X-CSRF-Token": self._csrf, "Origin": self._base.removesuffix("/api/v1")}
        request = urllib.request.Request(self._base + path, json.dumps(body).encode() if body else None, headers, method=method)
        with self._opener.open(request, timeout=20) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def sign_in(self, account: str, password: str) -> None:
        """With a password that has to be changed at once."""
        self._csrf = self.ask("POST", "/session", account=account, password=password)["csrf"]
        self._csrf = (self.ask("PUT", "/session/password", old=password, new=CHOSEN) or {}).get("csrf", self._csrf)

    def sign_in_again(self, account: str) -> None:
        """With the password that was chosen then."""
        self._csrf = self.ask("POST", "/session", account=account, password=CHOSEN)["csrf"]


@pytest.fixture(scope="module")
def office(net: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with desk(tmp_path_factory.mktemp("dialling"), net, 41) as ready:
        yield ready


@pytest.fixture(scope="module")
def administrator(office: Desk) -> Page:
    shown = re.search(r"one-time password  (\S+)", office.server.log.read_text(encoding="utf-8"))
    assert shown is not None, office.server.tail()
    page = Page(office.server.http)
    page.sign_in("admin", shown[1])
    return page


def at_the_page(office: Desk, administrator: Page, label: str) -> Page:
    extension = office.extension(label)
    given = administrator.ask("POST", f"/accounts/{extension}/password-reset")
    page = Page(office.server.http)
    page.sign_in(extension, given["password"])
    return page


@pytest.fixture(autouse=True)
def nothing_left(office: Desk) -> Iterator[None]:
    yield
    office.over()


def test_dialled_at_the_page(office: Desk, administrator: Page) -> None:
    """Sam's phone rings, then Lee's; the audio goes both ways; either phone ends it."""
    sam, lee = office.phone("sam", TONES[2]), office.phone("lee", TONES[1])
    page = at_the_page(office, administrator, "sam")
    placed = page.ask("POST", "/calls", number=lee.account.user)
    assert placed["call"]
    assert f"<sip:{lee.account.user}@" in str(sam.events.wait("incoming")["remote"])
    sam.answer()
    sam.events.wait("established")
    assert f"<sip:{sam.account.user}@" in str(lee.events.wait("incoming")["remote"])
    lee.answer()
    lee.events.wait("established")
    hear({sam: [lee], lee: [sam]})
    (seen,) = page.ask("GET", "/calls")["items"]
    assert seen["state"] == "talking"
    lee.hangup()
    sam.events.wait("closed")
    row = wait_for(lambda: next((each for each in office.server.history() if each["id"] == placed["call"]), {}), "the record")
    assert (row["caller"], row["called"], row["answered_by"], row["outcome"]) == (sam.account.user, lee.account.user, lee.account.user, "answered")


def test_who_is_called_declines(office: Desk, administrator: Page) -> None:
    """Words say so at the phone from which nobody has dialled; then it is over."""
    sam, lee = office.phone("sam", TONES[2]), office.phone("lee", TONES[1])
    page = Page(office.server.http)
    page.sign_in_again(sam.account.user)
    page.ask("POST", "/calls", number=lee.account.user)
    sam.events.wait("incoming")
    sam.answer()
    sam.events.wait("established")
    sam.record_anew()
    lee.events.wait("incoming")
    lee.hangup()
    hears_sound(sam, "unavailable")
    sam.events.wait("closed", 12)


def test_picked_up_at_the_page(office: Desk, administrator: Page) -> None:
    """It rings at Sam and Ana for the executive, who takes it at their own phone."""
    sam, lee, boss = office.phone("sam", TONES[2]), office.phone("lee", TONES[1]), office.phone("boss", TONES[3])
    page = at_the_page(office, administrator, "boss")
    lee.dial(office.boss.extension)
    sam.events.wait("incoming")
    (ringing,) = page.ask("GET", "/calls")["items"]
    assert ringing["state"] == "ringing"
    page.ask("POST", f"/calls/{ringing['id']}/commands", command="take")
    boss.events.wait("incoming")
    boss.answer()
    boss.events.wait("established")
    lee.events.wait("established")
    sam.events.wait("closed")
    hear({boss: [lee], lee: [boss]})
    page.ask("POST", f"/calls/{ringing['id']}/commands", command="hold")
    lee.record_anew()
    hears_sound(lee, "music")
    page.ask("POST", f"/calls/{ringing['id']}/commands", command="resume")
    hear({boss: [lee], lee: [boss]})

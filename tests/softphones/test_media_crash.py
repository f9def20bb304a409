"""kill -9 of the signalling process: nobody who talks hears anything of it, and what was possible before is possible after."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.support.audio import TONES, describe, heard, longest_gap
from tests.support.desk import Desk, desk, hear, hears_sound, talk
from tests.support.network import wait_for

pytestmark = [pytest.mark.needs("module:pjsua2"), pytest.mark.timeout(120)]

GAP = 0.2
"""Seconds without sound that are allowed."""


@pytest.fixture(scope="module")
def office(net: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with desk(tmp_path_factory.mktemp("crash"), net, 33, parked_seconds=30) as ready:
        yield ready
        server = ready.server
        assert server.media_lives()
        server.stop()
        wait_for(lambda: not server.media_lives(), "the media process to end with the server", 5)


@pytest.fixture(autouse=True)
def nothing_left(office: Desk) -> Iterator[None]:
    yield
    office.over()


def test_calls_survive(office: Desk) -> None:
    """Two who talk, one on hold, one parked. Then: re-INVITE, `##20`, retrieve, BYE, and complete rows in the history."""
    lee, sam, boss = office.phone("lee", TONES[1]), office.phone("sam", TONES[2]), office.phone("boss", TONES[4])
    kim, ana, mia = office.phone("kim", TONES[3]), office.phone("ana", TONES[5]), office.phone("mia", TONES[0])
    talk(kim, ana, office.boss.extension)
    kim.record_anew()
    ana.press("*68701")
    hears_sound(kim, "music")
    ana.hangup()
    ana.events.wait("closed")
    talk(lee, sam, office.boss.extension)
    hear({lee: [sam], sam: [lee]})
    for phone in (lee, sam, kim):
        phone.record_anew()
    wait_for(lambda: heard(lee.record(), sam.account.tone) > 0.4, "sound before the end of the server")
    started = time.monotonic()
    office.restart()
    print(f"back after {time.monotonic() - started:.1f} s")
    assert office.server.health()["calls"] == 2
    before = heard(sam.record(), lee.account.tone)
    wait_for(lambda: heard(sam.record(), lee.account.tone) > before + 0.6, "sound with the new server")
    for phone, other in ((lee, sam), (sam, lee)):
        gap = longest_gap(phone.record(), other.account.tone)
        print(f"{phone.account.user}: longest gap {1000 * gap:.0f} ms; {describe(phone.record())}")
        assert gap <= GAP

    lee.record_anew()
    sam.hold()
    sam.events.wait("media", status="local hold")
    hears_sound(lee, "music")
    sam.resume()
    sam.events.wait("media", status="active")
    hear({lee: [sam], sam: [lee]})
    mia.dial("701")
    mia.events.wait("established")
    hear({kim: [mia], mia: [kim]})
    sam.press("##20")
    boss.events.wait("incoming")
    sam.events.wait("closed")
    boss.answer()
    boss.events.wait("established")
    hear({lee: [boss], boss: [lee], kim: [mia], mia: [kim]})
    boss.hangup()
    lee.events.wait("closed")
    kim.hangup()
    mia.events.wait("closed")
    wait_for(lambda: len(office.server.history()) == 2, "both records")
    rows = {row["caller"]: row for row in office.server.history()}
    talked, parked = rows[lee.account.user], rows[kim.account.user]
    for row in (talked, parked):
        assert row["outcome"] == "answered"
        assert row["started"] <= row["answered"] < row["ended"]
    assert [each["why"] for each in talked["segments"] if each["why"] in ("answered", "held", "resumed", "sent to the executive")] == [
        "answered", "held", "resumed", "sent to the executive"
    ]

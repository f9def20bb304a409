"""Debian's rtpengine and real phones: it carries a delegated call, the own engine has it once somebody holds, and no port is left."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from b2bua.media.ng import PATIENCE
from tests.media.test_rtpengine_real import LOG, NG, Process, ports
from tests.support.audio import TONES, heard_sound, wait_heard
from tests.support.baresip import Baresip
from tests.support.desk import Desk, desk
from tests.support.network import wait_for
from tests.support.phones import sounding

pytestmark = [pytest.mark.needs("baresip", "rtpengine"), pytest.mark.timeout(90)]


class Site(NamedTuple):
    """An office with rtpengine."""

    office: Desk
    rtpengine: Process


@pytest.fixture(scope="module")
def site(net: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("rtpengine")
    rtpengine = Process(f"{net}.7.33", folder)
    try:
        media = {
            "engine": "rtpengine",
            "rtpengine": f"{rtpengine.ip}:{NG}",
            "rtpengine_digits": f"{rtpengine.ip}:{LOG}",
            "address": f"{net}.8.33",
            "ports": "20000-20099",
        }
        with desk(folder, net, 33, media=media) as office:
            yield Site(office, rtpengine)
    finally:
        rtpengine.kill()


@pytest.fixture(autouse=True)
def nothing_left(site: Site) -> Iterator[None]:
    yield
    site.office.over()
    wait_for(lambda: not ports(site.rtpengine.ip), "rtpengine to close its ports")


def talk(office: Desk, caller: Baresip, callee: Baresip) -> None:
    caller.dial(office.boss.extension)
    callee.events.wait("incoming")
    callee.answer()
    caller.events.wait("established")
    callee.events.wait("established")
    wait_heard(caller.record, callee.account.tone)
    wait_heard(callee.record, caller.account.tone)


def test_relayed_by_rtpengine_and_held_with_music(site: Site) -> None:
    office = site.office
    lee, sam = office.baresip("lee", TONES[1]), office.baresip("sam", TONES[2])
    talk(office, lee, sam)
    assert len(ports(site.rtpengine.ip)) >= 4 and office.ports() == 0
    for phone in (lee, sam):
        assert f"c=IN IP4 {site.rtpengine.ip}" in phone.log()
    sam.hold()
    wait_for(lambda: heard_sound(lee.record(), "music") > 0.8, "the caller to hear music")
    wait_for(lambda: not ports(site.rtpengine.ip), "rtpengine to close its ports")
    assert office.ports() == 4
    sam.resume()
    sounding(sam)
    sounding(lee)
    lee.hangup()
    sam.events.wait("closed")
    wait_for(lambda: not office.ports(), "the ports of the own engine to be given back")
    (row,) = wait_for(office.server.history, "the call in the history")
    quality = row["quality"]
    assert sorted(each["party"] for each in quality) == sorted([lee.account.user, sam.account.user] * 2)
    assert all(each["received"] for each in quality), quality


def test_rtpengine_dies_and_comes_back(site: Site) -> None:
    """The call that runs goes on, and is heard again after a re-INVITE at the latest; a new one is refused within two seconds."""
    office = site.office
    lee, sam, kim = (office.baresip(label, TONES[number]) for number, label in enumerate(("lee", "sam", "kim"), 1))
    talk(office, lee, sam)
    kim.events.forget()
    site.rtpengine.kill()
    began = time.monotonic()
    kim.dial(office.boss.extension)
    assert "503" in str(kim.events.wait("closed"))
    assert time.monotonic() - began < PATIENCE + 0.5
    assert office.server.health()["calls"] == 1
    site.rtpengine.start()
    wait_for(lambda: "rtpengine answers" in office.server.log.read_text().partition("rtpengine does not answer")[2], "rtpengine to be found")
    sam.hold()
    wait_for(lambda: office.ports() == 4, "the own engine to have the sound")
    sounding(lee)


def test_keys_that_rtpengine_reports(site: Site) -> None:
    """`##20` from a phone whose sound never came to the own engine."""
    office = site.office
    lee, sam, boss = (office.baresip(label, TONES[number]) for number, label in enumerate(("lee", "sam", "boss"), 1))
    talk(office, lee, sam)
    sam.press("##20")
    boss.events.wait("incoming")
    sam.events.wait("closed")
    wait_for(lambda: not ports(site.rtpengine.ip), "rtpengine to close its ports")
    sounding(lee)  # what comes now can only be music
    boss.answer()
    boss.events.wait("established")
    wait_heard(boss.record, lee.account.tone)

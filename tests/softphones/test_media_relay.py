"""Two phones and the sound between them: through the media engine, or past it; hold with music; keys that are no code."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from tests.support.audio import RATE, TONES, assert_hears, loudest, read, wait_heard, windows_of
from tests.support.baresip import Baresip
from tests.support.desk import Desk, desk, hear, hears_sound, talk
from tests.support.network import wait_for
from tests.support.phones import phones
from tests.support.pjsua import Pjsua

pytestmark = [pytest.mark.needs("baresip", "module:pjsua2"), pytest.mark.timeout(90)]


@pytest.fixture(scope="module")
def office(net: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with desk(tmp_path_factory.mktemp("relay"), net, 31) as ready:
        yield ready


@pytest.fixture(autouse=True)
def nothing_left(office: Desk) -> Iterator[None]:
    yield
    office.over()


@pytest.fixture
def lee(office: Desk) -> Pjsua:
    return office.phone("lee", TONES[1])


@pytest.fixture
def sam(office: Desk) -> Pjsua:
    return office.phone("sam", TONES[3])


def _recorded(phone: Pjsua, seconds: float) -> bool:
    return len(read(phone.record())) > seconds * RATE


def test_a_delegated_call_crosses_the_engine(office: Desk, lee: Pjsua, sam: Pjsua) -> None:
    talk(lee, sam, office.boss.extension)
    hear({lee: [sam], sam: [lee]})
    assert office.ports() == 4
    for phone in (lee, sam):
        assert f"c=IN IP4 {office.server.address.partition(':')[0]}" in phone.log()


def test_a_plain_call_goes_directly(office: Desk, lee: Pjsua) -> None:
    mia = office.phone("mia", TONES[2])
    talk(lee, mia, office.extension("mia"))
    hear({lee: [mia], mia: [lee]})
    assert office.ports() == 0


def test_hold_with_music_and_resume(office: Desk, lee: Pjsua, sam: Pjsua) -> None:
    talk(lee, sam, office.boss.extension)
    hear({lee: [sam], sam: [lee]})
    for holder, held in ((sam, lee), (lee, sam)):
        held.record_anew()
        holder.hold()
        holder.events.wait("media", status="local hold")
        hears_sound(held, "music")
        held.record_anew()
        wait_for(partial(_recorded, held, 1.0), "a second of music")
        assert windows_of(held.record(), holder.account.tone) == 0
        assert loudest(held.record()) > -45
        holder.resume()
        holder.events.wait("media", status="active")
        hear({lee: [sam], sam: [lee]})


def test_keys_that_are_no_code_reach_the_other_side(office: Desk, lee: Pjsua, sam: Pjsua) -> None:
    """From somebody who may use codes (whose keys are taken out first), and from somebody who may not; `#` and `*` included."""
    talk(lee, sam, office.boss.extension)
    for presser, other in ((sam, lee), (lee, sam)):
        presser.press("159#*7")
        got = "".join(str(other.events.wait("digit")["digit"]) for _ in range(6))
        assert got == "159#*7"
    hear({lee: [sam], sam: [lee]})


def test_opus_passes_untouched(office: Desk) -> None:
    """The engine knows no Opus: what arrives is what was sent, through it."""
    with phones(office.server.config.parent, office.server.address) as start:
        kim = start(Baresip, office.people["kim"].seats[0], TONES[2], "opus")
        ana = start(Baresip, office.people["ana"].seats[0], TONES[4], "opus")
        kim.dial(office.boss.extension)
        ana.events.wait("incoming")
        ana.answer()
        kim.events.wait("established")
        wait_heard(ana.record, kim.account.tone)
        wait_heard(kim.record, ana.account.tone)
        assert "opus/48000/2" in kim.log()
        assert office.ports() == 4
        kim.hangup()
        ana.events.wait("closed")
        assert_hears(ana.record(), kim.account.tone)
        assert_hears(kim.record(), ana.account.tone)

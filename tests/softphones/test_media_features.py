"""What assistants and executives do during a call, from real phones: who hears whom before, during and after."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator

import pytest

from tests.support.audio import PRESENT, RATE, TONES, heard, heard_sound, level, read
from tests.support.desk import Desk, desk, hear, hears_sound, talk
from tests.support.network import wait_for
from tests.support.pjsua import Pjsua

pytestmark = [pytest.mark.needs("baresip", "module:pjsua2"), pytest.mark.timeout(90)]


RINGBACK = 425
"""Hz of the ring-back tone."""


@pytest.fixture(scope="module")
def office(net: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with desk(tmp_path_factory.mktemp("features"), net, 32) as ready:
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
    return office.phone("sam", TONES[2])


@pytest.fixture
def ana(office: Desk) -> Pjsua:
    return office.phone("ana", TONES[3])


@pytest.fixture
def boss(office: Desk) -> Pjsua:
    return office.phone("boss", TONES[4])


# --- push (C5) ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("keys", [Pjsua.press, Pjsua.press_info], ids=["RFC 4733", "INFO"])
def test_pushed_to_the_executive_who_takes_it(
    office: Desk, lee: Pjsua, sam: Pjsua, boss: Pjsua, keys: Callable[[Pjsua, str], None]
) -> None:
    talk(lee, sam, office.boss.extension)
    hear({lee: [sam], sam: [lee]})
    lee.record_anew()
    keys(sam, "##20")
    assert f"<sip:{lee.account.user}@" in str(boss.events.wait("incoming")["remote"])
    sam.events.wait("closed")
    hears_sound(lee, "music")
    boss.answer()
    boss.events.wait("established")
    hear({lee: [boss], boss: [lee]})


def test_pushed_from_baresip(office: Desk, lee: Pjsua, boss: Pjsua) -> None:
    bea = office.baresip("bea", TONES[5])
    lee.dial(office.boss.extension)
    bea.events.wait("incoming")
    bea.answer()
    lee.events.wait("established")
    bea.press("##20")
    boss.events.wait("incoming")
    bea.events.wait("closed")
    boss.answer()
    boss.events.wait("established")
    hear({lee: [boss], boss: [lee]})


def test_pushed_and_recalled(office: Desk, lee: Pjsua, sam: Pjsua, boss: Pjsua) -> None:
    """The executive does not answer: it rings who has sent the call, and the caller is still there."""
    talk(lee, sam, office.boss.extension)
    sam.press("##20")
    boss.events.wait("incoming")
    sam.events.wait("closed")
    lee.record_anew()
    sam.events.wait("incoming", 8)
    boss.events.wait("closed")
    hears_sound(lee, "music")
    sam.answer()
    sam.events.wait("established")
    hear({lee: [sam], sam: [lee]})


# --- park (C3) ------------------------------------------------------------------------------------------------------------------


def test_parked_and_retrieved(office: Desk, lee: Pjsua, sam: Pjsua, ana: Pjsua) -> None:
    """The parker hears the slot, the caller hears music; another phone has the call, and nobody else is in it."""
    talk(lee, sam, office.boss.extension)
    lee.record_anew()
    sam.record_anew()
    sam.press("*68701")
    hears_sound(sam, "parked")
    hears_sound(lee, "music")
    sam.events.wait("closed", 8)
    for digit in "701":
        assert heard_sound(sam.record(), f"digit-{digit}") > 0.8
    ana.dial("701")
    ana.events.wait("established")
    hear({lee: [ana], ana: [lee]})


def test_parked_and_recalled(office: Desk, lee: Pjsua, sam: Pjsua) -> None:
    talk(lee, sam, office.boss.extension)
    sam.press("*68702")
    sam.events.wait("closed", 8)
    sam.events.wait("incoming", 8)
    sam.answer()
    sam.events.wait("established")
    hear({lee: [sam], sam: [lee]})


# --- joining (C7, C8) -----------------------------------------------------------------------------------------------------------


def _onset(path_of: Pjsua, hertz: int, begun: float) -> float:
    """The moment (monotonic) at which a tone is in a recording that began at `begun`."""
    step = 160

    def found() -> int:
        samples = read(path_of.record())
        starts = range(0, len(samples) - step + 1, step)
        return next((start + step for start in starts if level(samples[start : start + step], hertz) > PRESENT), 0)

    return begun + wait_for(found, f"{hertz} Hz at {path_of.account.user}") / RATE


def test_listening_whispering_and_joining(office: Desk, lee: Pjsua, sam: Pjsua, ana: Pjsua, boss: Pjsua) -> None:
    """One call, in which the executive first listens, then whispers to the assistant, then joins."""
    talk(lee, sam, office.boss.extension)
    for code, heard_by in (("*80", []), ("*81", [sam])):
        boss.dial(f"{code}{sam.account.user}")
        boss.events.wait("established")
        hear({boss: [lee, sam], sam: [lee, *(boss for each in heard_by if each is sam)], lee: [sam]})
        boss.hangup()
        boss.events.wait("closed")
    hear({lee: [sam], sam: [lee]})
    begun = {}
    for phone in (lee, sam):
        phone.record_anew()
        begun[phone] = time.monotonic()
    boss.dial(f"*15{sam.account.user}")
    boss.events.wait("established")
    joined = time.monotonic()
    for phone in (lee, sam):
        late = _onset(phone, boss.account.tone, begun[phone]) - joined
        print(f"barge-in: {phone.account.user} hears the executive {1000 * late:.0f} ms after their phone was in the call")
        assert late < 2
    hear({lee: [sam, boss], sam: [lee, boss], boss: [lee, sam]})
    lee.hangup()
    lee.events.wait("closed")


# --- pick-up (C10, C11) ---------------------------------------------------------------------------------------------------------


def _named_dialog(phone: Pjsua, invite: str) -> str:
    """The dialog in which a phone rings for an INVITE, as an INVITE with Replaces names it (RFC 3891)."""
    call_id, from_tag = (found[1] for name in (r"Call-ID: *(\S+)", r"From:.*;tag=(\S+)") if (found := re.search(name, invite)))

    def to_tag() -> str:
        messages = [each.partition("--end msg--")[0] for each in phone.log().split("SIP/2.0 180 Ringing")[1:]]
        mine = [each for each in messages if f"Call-ID: {call_id}" in each]  # what follows a message in the log may be about another call
        found = re.search(r"To:[^\n]*;tag=([^\s;]+)\r?\n", mine[-1]) if mine else None  # the whole line: the log may be read while it is written
        return found[1] if found else ""

    return f"{call_id};to-tag={wait_for(to_tag, 'the 180 in the log')};from-tag={from_tag}"


@pytest.mark.parametrize("way", ["code", "Replaces"])
def test_picked_up(office: Desk, lee: Pjsua, sam: Pjsua, boss: Pjsua, way: str) -> None:
    sam.events.forget()
    lee.events.forget()
    lee.dial(office.boss.extension)
    invite = str(sam.events.wait("incoming")["message"])
    lee.events.wait("ringing")  # by then the server knows the dialog
    if way == "code":
        boss.dial(f"*97{sam.account.user}")
    else:
        boss.dial(sam.account.user, Replaces=_named_dialog(sam, invite))
    boss.events.wait("established")
    sam.events.wait("closed")
    hear({lee: [boss], boss: [lee]})


def test_a_held_call_is_pulled_by_the_executive(office: Desk, lee: Pjsua, sam: Pjsua, boss: Pjsua) -> None:
    talk(lee, sam, office.boss.extension)
    sam.hold()
    sam.events.wait("media", status="local hold")
    boss.dial("*11")
    boss.events.wait("established")
    sam.events.wait("closed")
    hear({lee: [boss], boss: [lee]})


# --- transfer (C15) -------------------------------------------------------------------------------------------------------------


def test_attended_transfer(office: Desk, lee: Pjsua, sam: Pjsua) -> None:
    mia = office.phone("mia", TONES[5])
    talk(lee, sam, office.boss.extension)
    sam.hold()
    sam.events.wait("media", status="local hold")
    lee.record_anew()
    talk(sam, mia, office.extension("mia"))
    hears_sound(lee, "music")
    hear({sam: [mia], mia: [sam]})
    sam.transfer_to_other()
    sam.events.wait("closed")
    hear({lee: [mia], mia: [lee]})


def test_blind_transfer(office: Desk, lee: Pjsua, sam: Pjsua) -> None:
    mia = office.phone("mia", TONES[5])
    talk(lee, sam, office.boss.extension)
    mia.events.forget()
    lee.record_anew()
    sam.transfer(office.extension("mia"))
    mia.events.wait("incoming")
    wait_for(lambda: heard(lee.record(), RINGBACK) > 0.4, "the caller to hear it ring")
    mia.answer()
    mia.events.wait("established")
    hear({lee: [mia], mia: [lee]})
    sam.events.wait("closed")

"""A caller from outside whose packets get lost and arrive out of order: still understood, through the relay and in a conference."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.support.audio import TONES, describe, heard
from tests.support.desk import Desk, desk
from tests.support.network import wait_for
from tests.support.pjsua import Pjsua
from tests.support.sipp import Party
from tests.support.voice import Voice

pytestmark = [pytest.mark.needs("sipp", "module:pjsua2"), pytest.mark.timeout(90)]

PORT = 27000
LOSS, SWAPPED = 0.05, 10
SECONDS = 1.2
"""So much of every tone must be heard, of twice as much that is said."""


@pytest.fixture(scope="module")
def office(net: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with desk(tmp_path_factory.mktemp("loss"), net, 34) as ready:
        yield ready


def _media_address(party: Party) -> tuple[str, int] | None:
    """Where the server wants the sound of this party."""
    found = [message.body for message in party.trace if message.status == 200 and message.method == "INVITE"]
    return (re.findall(r"c=IN IP4 (\S+)", found[0])[0], int(re.findall(r"m=audio (\d+)", found[0])[0])) if found else None


def _all_heard(listener: Pjsua | Voice, tones: set[int]) -> bool:
    return all(heard(listener.record(), tone) >= SECONDS for tone in tones)


def _understand(listeners: dict[Pjsua | Voice, set[int]]) -> None:
    """Each hears these tones, and none that is its own."""
    for each in listeners:
        each.record_anew()
    for each, tones in listeners.items():
        try:
            wait_for(partial(_all_heard, each, tones), "the tones", 2.5 * SECONDS)
        except TimeoutError as error:
            raise AssertionError(f"{error} {tones} in {describe(each.record())}") from error
        own = each.tone if isinstance(each, Voice) else each.account.tone
        assert heard(each.record(), own) == 0


def test_loss_and_reordering(office: Desk, tmp_path: Path) -> None:
    sam, boss = office.phone("sam", TONES[2]), office.phone("boss", TONES[4])
    caller = office.draft.caller(office.carrier).calls_up(office.boss.number).answered().byed().sound_at(PORT)
    party = Party(caller, tmp_path)
    with Voice(office.carrier.seat.ip, PORT, TONES[1], tmp_path / "heard.wav", LOSS, SWAPPED) as voice:
        party.start(office.server.address)
        try:
            sam.events.wait("incoming")
            sam.answer()
            sam.events.wait("established")
            address = wait_for(lambda: _media_address(party), "the answer")
            assert address is not None
            voice.speak_to(*address)
            _understand({sam: {voice.tone}, voice: {sam.account.tone}})
            boss.dial(f"*15{sam.account.user}")
            boss.events.wait("established")
            tones = {voice.tone, sam.account.tone, boss.account.tone}
            _understand({sam: tones - {sam.account.tone}, boss: tones - {boss.account.tone}, voice: tones - {voice.tone}})
            boss.hangup()
            boss.events.wait("closed")
            sam.hangup()
            wait_for(party.over, "the caller to see the end of the call")
        finally:
            party.stop()
    assert party.complaint is None
    office.over()
    [row] = wait_for(office.server.history, "the record")[-1:]
    lost = {each["party"]: each["lost"] / (each["lost"] + each["received"]) for each in row["quality"]}
    assert 0.02 < lost.pop(row["caller"]) < 0.08
    assert max(lost.values()) < 0.01

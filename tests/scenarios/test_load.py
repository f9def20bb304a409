"""The load profile, short: a few seconds of a working day, and nothing goes wrong for anybody."""

from __future__ import annotations

from pathlib import Path

import pytest

from scenarios import load
from scenarios.office import write
from tests.support.network import wait_for
from tests.support.server import Server
from tests.support.sipp import Party

RATE, SECONDS = 20.0, 4.0


@pytest.mark.needs("sipp")
@pytest.mark.timeout(60)
def test_the_load_profile(net: str, tmp_path: Path) -> None:
    mix = load.streams(net)
    parties: list[Party] = []
    with Server(write(tmp_path / "server", [stream.draft for stream in mix], net)) as server:
        try:
            for calls in (False, True):
                for stream in mix:
                    folder = tmp_path / stream.draft.name
                    folder.mkdir(exist_ok=True)
                    for script in [stream.caller] if calls else stream.waiting:
                        xml = folder / f"{script.name}.xml"
                        arguments = load.command(script, server.address, xml, RATE * stream.share, SECONDS)
                        parties.append(Party(script, folder, arguments))
                        parties[-1].start(server.address)
            wait_for(lambda: all([party.over() for party in parties]), "all parties to have played", 30)  # noqa: C419 - poll each
        finally:
            for party in parties:
                party.stop()
        complaints = [f"{party.folder.name}/{party.script.name}: {party.complaint}" for party in parties if party.complaint]
        assert not complaints, f"{complaints}\n{server.tail()}"
        wait_for(lambda: not server.health()["calls"], "the end of all calls", 5)
        attempts = sum(round(RATE * SECONDS * stream.share) for stream in mix)
        wait_for(lambda: len(server.history()) == attempts, f"{attempts} records", 10)

"""kill -9 of the signalling process under many running calls: none is lost, none leaks."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from scenarios import load
from scenarios.office import Draft, write
from tests.support.network import wait_for
from tests.support.server import Server
from tests.support.sipp import Party

pytestmark = [pytest.mark.needs("sipp"), pytest.mark.timeout(90)]

CALLS, RATE = 200, 80.0
TALK_SECONDS = 9.0
"""Long enough that all talk when the server is killed, and nobody hangs up before it is back."""
KEPT_SECONDS = 0.2
"""A call is kept over a restart a moment after it has been answered; a moment of the last one, too, has to pass."""
SPEECH = bytes(range(256)) * 32
"""What the callers say, as it is in the packets: whatever, about a second of it."""


def test_two_hundred_calls_outlive_the_server(net: str, tmp_path: Path) -> None:
    """Calls to an executive, so relayed; the callers talk all the time, the assistant's phone sends back what it hears."""
    speech = tmp_path / "speech.ulaw"
    speech.write_bytes(SPEECH)
    draft = Draft(1, "killed", net)
    carrier, sam = draft.trunk(), draft.user("sam")
    boss = draft.executive([sam])
    caller = draft.caller(carrier).calls_up(boss.number).answered().plays(speech).pause(TALK_SECONDS).bye()
    callee = draft.callee(sam).takes()
    callee.echo = True
    config = write(tmp_path / "server", [draft], net)
    parties: list[Party] = []
    try:
        with Server(config) as server:
            for script in (callee, caller):
                xml = tmp_path / f"{script.name}.xml"
                parties.append(Party(script, tmp_path, load.command(script, server.address, xml, RATE, CALLS / RATE)))
                parties[-1].start(server.address)
            wait_for(lambda: sum(message.status == 200 for message in parties[0].trace) >= CALLS, "all calls to be answered", 15)
            wait_for(lambda: server.health()["calls"] == CALLS, f"{CALLS} calls, {server.busy()}")
            assert server.health()["media_ports"] == 4 * CALLS
            time.sleep(KEPT_SECONDS)
            server.kill()
            assert server.media_lives()
        with Server(config) as server:
            health = server.health()
            assert (health["calls"], health["media_ports"]) == (CALLS, 4 * CALLS)
            wait_for(lambda: all([party.over() for party in parties]), "all parties to have played", 40)  # noqa: C419 - poll each
            complaints = [f"{party.script.name}: {party.complaint}" for party in parties if party.complaint]
            assert not complaints, f"{complaints}\n{server.tail()}"

            def left() -> dict[str, int]:
                return {key: count for key, count in server.busy().items() if key not in ("transactions", "timers")}

            wait_for(lambda: not left(), f"nothing to be left, {server.busy()}", 5)
            wait_for(lambda: len(server.history()) == CALLS, f"{CALLS} records")
            for row in server.history():
                assert row["outcome"] == "answered"
                assert row["started"] <= row["answered"] < row["ended"]
                heard = {each["party"]: each["received"] for each in row["quality"]}
                assert len(heard) == 2
                assert min(heard.values()) > 40 * TALK_SECONDS, heard
                assert max(each["silent_seconds"] for each in row["quality"]) < 2, row
            assert server.media_lives()
        wait_for(lambda: not server.media_lives(), "the media process to end with the server", 5)
    finally:
        for party in parties:
            party.stop()

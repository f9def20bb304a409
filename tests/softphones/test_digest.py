"""A server that offers SHA-256 before MD5 (the default): a phone that knows both registers and calls."""

from __future__ import annotations

from pathlib import Path

import pytest

from scenarios.office import Draft, write
from tests.support.audio import TONES, wait_heard
from tests.support.phones import phones
from tests.support.pjsua import Pjsua
from tests.support.server import Server


@pytest.mark.needs("module:pjsua2")
def test_phones_that_know_sha_256(net: str, tmp_path: Path) -> None:
    draft = Draft(7, "digest", net)
    ann, bob = draft.user("ann", registers=True), draft.user("bob", registers=True, transport="tcp")
    config = write(tmp_path / "server", [draft], net, digest=["SHA-256", "MD5"])
    with Server(config) as server, phones(tmp_path, server.address) as start:
        one, other = start(Pjsua, ann.seats[0], TONES[0]), start(Pjsua, bob.seats[0], TONES[1])
        one.dial(bob.extension)
        other.events.wait("incoming")
        other.answer()
        one.events.wait("established")
        wait_heard(one.record, TONES[1])
        other.hangup()
        one.events.wait("closed")
        assert "algorithm=SHA-256" in one.log()
        assert server.health()["registrations"] == 2

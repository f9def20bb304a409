"""Calls and registrations that outlive a restart, a reload or a shutdown."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from scenarios.office import Draft, write
from tests.support.grading import EVERY_CALL
from tests.support.network import wait_for
from tests.support.server import Server
from tests.support.sipp import Play

pytestmark = pytest.mark.needs("sipp")


def played(draft: Draft, server: Server, folder: Path) -> None:
    """Plays a scenario, which must succeed."""
    play = Play(draft, folder / f"{draft.name}-played")
    play.run(server.address)
    play.judge(*EVERY_CALL)


def test_bindings_survive_a_restart(net: str, tmp_path: Path) -> None:
    """A phone registers, the server goes and comes, the phone is called without having registered again."""
    draft = Draft(1, "restart", net)
    ann, bob = draft.user("ann"), draft.user("bob", registers=True)
    draft.registrant(bob).registers()
    register = Play(draft, tmp_path / "register")
    config = write(tmp_path / "server", [draft], net)
    with Server(config) as server:
        register.run(server.address)
        register.judge()
        assert server.health()["registrations"] == 1
    draft.scripts.clear()
    draft.caller(ann).calls_up(bob.extension).talks()
    draft.callee(bob).takes()
    with Server(config) as server:
        assert server.health()["registrations"] == 1
        played(draft, server, tmp_path)


def test_what_phones_set_survives_a_restart(net: str, tmp_path: Path) -> None:
    """A phone switches the executive's filter off and an assistant opts out; after a restart, and with the filter on again, so it still is."""
    before, after = Draft(1, "set", net), Draft(1, "still-set", net)
    for draft in (before, after):
        one, two, ann = draft.user("one"), draft.user("two"), draft.user("ann")
        boss = draft.executive([one, two])
        if draft is before:
            draft.caller(boss).obeyed("#62", f"Filter off: {boss.user.name}")
            draft.caller(one).obeyed(f"#66{boss.extension}", f"Opted out of {boss.user.name}")
            continue
        draft.caller(ann).calls_up(boss.extension).talks()
        draft.callee(boss).takes()
        draft.silent(one)
        draft.silent(two)
        draft.then()
        draft.caller(boss).obeyed("#61", f"Filter on: {boss.user.name}")
        draft.then()
        draft.caller(ann).calls_up(boss.extension).talks()
        draft.callee(two).takes()
        draft.silent(one)
        draft.silent(boss)
    config = write(tmp_path / "server", [before], net)
    for draft in (before, after):
        with Server(config) as server:
            played(draft, server, tmp_path)


def test_a_shutdown_lets_calls_end_and_loses_no_record(net: str, tmp_path: Path) -> None:
    """SIGTERM: a running call goes on, a new one gets 503, the server ends with status 0 when the last call has."""
    talking, late = Draft(1, "talking", net), Draft(2, "late", net)
    ann, bob = talking.user("ann"), talking.user("bob")
    talking.caller(ann).calls_up(bob.extension).talks(3.0)
    talking.callee(bob).takes()
    carrier, eve = late.trunk(), late.user("eve")
    late.caller(carrier).invite(eve.number).refused_at_once(503)
    late.silent(eve)
    config = write(tmp_path / "server", [talking, late], net, drain_seconds=20)
    long_call, refused = Play(talking, tmp_path / "talking"), Play(late, tmp_path / "late")
    with Server(config) as server:
        caller = threading.Thread(target=long_call.run, args=(server.address,))
        caller.start()
        try:
            wait_for(lambda: any(each.status == 200 for each in long_call.traces.get("ann-calls", [])), "the long call")
            server.terminate()
            wait_for(lambda: "draining" in server.tail(), "the server to drain")
            refused.run(server.address)
        finally:
            caller.join()
        assert server.stop() == 0
        long_call.judge(*EVERY_CALL)
        refused.judge()
        [record] = server.history(ann.extension)
        assert record["outcome"] == "answered"
        assert record["ended"] is not None


def test_the_directory_is_read_again(net: str, tmp_path: Path) -> None:
    """SIGHUP: a new user can be called, a running call is not disturbed; a broken directory changes nothing."""
    old, new = Draft(1, "old", net), Draft(2, "new", net)
    ann, bob = old.user("ann"), old.user("bob")
    old.caller(ann).calls_up(bob.extension).talks(2.5)
    old.callee(bob).takes()
    carrier, eve = new.trunk(), new.user("eve")
    new.caller(carrier).calls_up(eve.number).talks()
    new.callee(eve).takes()
    folder = tmp_path / "server"
    config = write(folder, [old, new], net)
    both = (folder / "directory.yaml").read_text(encoding="utf-8")
    write(tmp_path / "first", [old], net)
    (folder / "directory.yaml").write_text((tmp_path / "first" / "directory.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    call = Play(old, tmp_path / "old")
    with Server(config) as server:
        caller = threading.Thread(target=call.run, args=(server.address,))
        caller.start()
        try:
            wait_for(lambda: any(each.status == 200 for each in call.traces.get("ann-calls", [])), "the call")
            (folder / "directory.yaml").write_text("users: [\n", encoding="utf-8")
            seen = len(server.tail(1000))
            server.reload()
            wait_for(lambda: "directory.yaml:" in server.tail(1000)[seen:], "word of the broken directory")
            (folder / "directory.yaml").write_text(both, encoding="utf-8")
            server.reload()
            wait_for(lambda: Play(new, tmp_path / "probe").succeeds(server.address), "the new user to be reachable", 20)
        finally:
            caller.join()
        call.judge(*EVERY_CALL)
        assert server.health()["status"] == "ok"

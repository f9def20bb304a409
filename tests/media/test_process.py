"""The media process, turned by hand: who may say what, what is answered, what becomes of contexts that nobody owns."""

from __future__ import annotations

import json
import os
import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from b2bua.media import native, process, wire
from b2bua.media.engine import Context, Play
from b2bua.media.native import Counters, Event
from b2bua.media.process import MediaProcess
from b2bua.media.sockets import listening, older_sockets, socket_path
from b2bua.media.tables import Tables
from b2bua.media.wire import Range
from tests.media.contexts import party, relay
from tests.media.fake_plane import FakePlane

PORTS = Range("127.0.0.1", 23200, 23207)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Rig:
    """A media process with a clock that stands still, and servers that talk to it."""

    def __init__(self, path: Path, listener: socket.socket) -> None:
        self.path = path
        self.clock = Clock()
        self.plane = FakePlane()
        self.tables = Tables(self.plane.as_plane, {"beep": 1})
        self.process = MediaProcess(self.plane.as_plane, self.tables, listener, self.clock)
        self.plane.watch(listener.fileno(), reading=True)
        self.servers: list[Server] = []

    def server(self, *, hello: bool = True) -> Server:
        made = Server(self)
        self.servers.append(made)
        if hello:
            made.say("hello", {"version": wire.VERSION, "ports": PORTS})
        return made

    def turn(self, times: int = 4) -> None:
        for _ in range(times):
            self.process.turn(0)

    def wait(self, seconds: float) -> None:
        """Let time pass, a second at a time."""
        for _ in range(int(seconds)):
            self.clock.now += 1.0
            self.turn(1)

    @property
    def over(self) -> bool:
        return self.process._done


class Server:
    """The other end of the socket."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(str(rig.path))
        self.sock.setblocking(False)
        self._lines = wire.Lines()
        self._heard: list[list[Any]] = []
        self.gone = False

    def say(self, *items: object) -> None:
        self.write(wire.line(*items))

    def write(self, data: bytes) -> None:
        self.sock.sendall(data)
        self.rig.turn()

    def heard(self) -> list[list[Any]]:
        """What it was told since the last time."""
        while not self.gone:
            try:
                data = self.sock.recv(1 << 20)
            except BlockingIOError:
                break
            self.gone = not data
            self._heard += [json.loads(each) for each in self._lines.feed(data)]
        heard, self._heard = self._heard, []
        return heard

    def leave(self) -> None:
        self.sock.close()
        self.rig.turn()


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    path = socket_path(tmp_path)
    with listening(path) as listener:
        made = Rig(path, listener)
        yield made
        for server in made.servers:
            server.sock.close()
        made.turn()
        for connection in tuple(made.process._connections.values()):
            connection.sock.close()


# Hello.


def test_a_server_that_says_hello_learns_whom_it_talks_to(rig: Rig) -> None:
    [[verb, said]] = rig.server().heard()
    assert verb == "hello"
    assert (said["version"], said["pid"], said["contexts"], said["taken"], said["problem"]) == (wire.VERSION, os.getpid(), [], [], "")


def test_ports_of_other_programs_are_told_and_our_own_are_not(rig: Rig) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 23203))
        first = rig.server()
        [[_, said]] = first.heard()
        assert said["taken"] == [23202]
        first.write(wire.set_line(relay("c", party("a", 23202), party("b", 23204))))  # as if it were ours
        other_range = rig.server(hello=False)
        other_range.say("hello", {"version": wire.VERSION, "ports": ["127.0.0.1", 23200, 23209]})
        [[_, said]] = other_range.heard()
        assert (said["taken"], said["contexts"]) == ([], ["c"])


def test_an_address_of_another_machine_is_told(rig: Rig) -> None:
    server = rig.server(hello=False)
    server.say("hello", {"version": wire.VERSION, "ports": ["192.0.2.1", 23200, 23207]})
    [[_, said]] = server.heard()
    assert "192.0.2.1" in said["problem"]


def test_before_hello_nothing_is_obeyed(rig: Rig) -> None:
    server = rig.server(hello=False)
    server.write(wire.set_line(relay("c")))
    assert server.heard() == [["error", "set without hello"]]
    assert rig.tables.contexts == ()


def test_a_server_of_another_version_learns_ours_and_takes_nothing_over(rig: Rig) -> None:
    ours, other = rig.server(), rig.server(hello=False)
    other.say("hello", {"version": wire.VERSION + 1, "ports": PORTS})
    [[_, said]] = other.heard()
    assert said["version"] == wire.VERSION
    other.write(wire.set_line(relay("c")))
    assert other.heard() == [["error", "set without hello"]]
    ours.heard()
    ours.say("ping")
    assert ours.heard()[0][0] == "pong"


def test_a_server_of_another_version_may_end_it(rig: Rig) -> None:
    other = rig.server(hello=False)
    other.say("hello", {"version": wire.VERSION + 1, "something": "new"})
    other.say("quit")
    assert rig.over


def test_who_connects_last_takes_over_and_the_other_is_told(rig: Rig) -> None:
    first = rig.server()
    first.write(wire.set_line(relay("c")))
    first.heard()
    second = rig.server()
    assert second.heard()[0][1]["contexts"] == ["c"]
    assert first.heard() == [["replaced"]] and first.gone
    rig.plane.happened = [Event(native.DIGIT, next(iter(rig.plane.terminations)), ord("1"), False, 0, 0.0)]
    rig.turn()
    assert second.heard() == [["digit", "a", "1", False]]


def test_who_only_connects_takes_nothing_over(rig: Rig) -> None:
    first = rig.server()
    first.heard()
    rig.server(hello=False)
    first.say("ping")
    assert first.heard()[0][0] == "pong"


def test_connections_without_end_are_refused(rig: Rig) -> None:
    for _ in range(process.MAX_CONNECTIONS + 4):
        rig.server(hello=False)
        rig.turn()
    assert len(rig.process._connections) == process.MAX_CONNECTIONS
    assert rig.servers[-1].heard() == [] and rig.servers[-1].gone


# Commands.


def test_a_context_crosses_the_wire_as_it_is(rig: Rig) -> None:
    given = Context("m", (party("a", 20000, digits="take", remote=None), party("b", 20002, inband=True)), hears={"a": ("b",)})
    assert wire.read_context(wire.read_line(wire.set_line(given))[1]) == given
    playing = relay("c", plays={"a": Play("p", ("beep",), loop=True, over=True)})
    assert wire.read_context(wire.read_line(wire.set_line(playing))[1]) == playing


def test_set_and_drop(rig: Rig) -> None:
    server = rig.server()
    server.write(wire.set_line(relay("c")))
    a, _ = rig.plane.terminations
    rig.plane.counters[a] = Counters(7, 6, 5, 4, 0, 0, 0, 3.5, 2.0)
    server.heard()
    server.say("drop", "c", 12)
    [[verb, token, statistics]] = server.heard()
    assert (verb, token) == ("dropped", 12)
    assert wire.read_statistics(statistics)[0] == ("a", 7, 6, 5, 3.5, 2.0, 4)
    assert rig.tables.contexts == ()
    server.say("drop", "c", 13)
    assert server.heard() == [["dropped", 13, []]]


def test_digits_and_ping(rig: Rig) -> None:
    server = rig.server()
    server.write(wire.set_line(relay("c")) + wire.line("digits", "a", "1#") + wire.line("ping"))
    assert rig.plane.calls[-1][0] == "send_digits"
    assert server.heard()[-1][1]["terminations"] == 2


@pytest.mark.parametrize(
    "bad",
    [
        b"garbage\n",
        b"{}\n",
        b"[]\n",
        b"[1]\n",
        b"\xff\xfe\n",
        b"[" * 100_000 + b"\n",
        wire.line("dance"),
        wire.line("set"),
        wire.line("set", ["c"]),
        wire.line("set", ["c", [["a", 7, None, "pass", False]], True, {}, {}]),
        wire.line("set", ["c", [["a", 7, [], "pass", False]], True, {}, {}]),
        wire.line("set", ["c", [], True, [], {}]),
        wire.line("set", ["c", [["a", "127.0.0.1", [["audio", 2, None, None, [], [[999, "X", 1, 1, ""]], []]], "pass", False]], True, {}, {}]),
        wire.line("drop"),
        wire.line("drop", [], {}),
        wire.line("digits", "a"),
        wire.line("digits", "nobody", "1"),
        wire.line("hello"),
        wire.line("hello", 5),
        wire.line("hello", {"version": "x"}),
        wire.line("hello", {"version": 1, "ports": [1]}),
    ],
)
def test_a_bad_command_is_answered_and_kills_nothing(rig: Rig, bad: bytes) -> None:
    server = rig.server()
    server.write(wire.set_line(relay("c")))
    server.heard()
    server.write(bad)
    [[verb, why]] = server.heard()
    assert verb == "error" and why
    server.say("ping")
    assert server.heard()[0][0] == "pong"
    assert "c" in rig.tables.contexts


def test_a_line_without_end_is_cut_off(rig: Rig) -> None:
    server = rig.server()
    server.sock.setblocking(True)
    for _ in range(2 * wire.MAX_LINE // (1 << 16)):
        try:
            server.sock.sendall(b"x" * (1 << 16))
        except OSError:
            break
        rig.turn(1)
    rig.turn()
    assert rig.process._connections == {}


def test_a_server_that_does_not_read_is_cut_off_and_the_sound_goes_on(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "MAX_UNREAD", 100_000)
    server = rig.server()
    server.write(wire.set_line(relay("c")))
    for _ in range(20_000):
        server.sock.sendall(wire.line("ping"))
        rig.turn(1)
        if not rig.process._connections:
            break
    assert rig.process._connections == {}
    assert rig.tables.contexts == ("c",)


def test_what_does_not_fit_into_the_socket_is_written_later(rig: Rig) -> None:
    server = rig.server()
    heard = len(server.heard())
    for _ in range(3_000):
        server.sock.sendall(wire.line("ping"))
        rig.turn(1)
    rig.turn()
    while len(found := server.heard()):
        heard += len(found)
        rig.turn()
    assert heard == 3_001


def test_commands_wait_when_packets_are_due(rig: Rig) -> None:
    """A server that gives all its contexts again does not hold the packets up: a turn has a budget."""
    server = rig.server()

    def slow(items: list[Any]) -> None:
        rig.clock.now += 0.001
        done.append(items)

    done: list[Any] = []
    rig.process._commands["slow"] = slow
    server.sock.sendall(wire.line("slow") * 10)
    rig.process.turn(0)
    assert len(done) == 3
    rig.turn()
    assert len(done) == 10


# The end of things.


def test_what_a_server_said_last_is_obeyed_though_it_was_killed(rig: Rig) -> None:
    server = rig.server()
    server.sock.sendall(wire.set_line(relay("c")) + wire.set_line(relay("d", party("x", 20004))))
    server.leave()
    assert rig.tables.contexts == ("c", "d")
    assert rig.process._connections == {}


def test_contexts_outlive_the_server_while_somebody_speaks(rig: Rig) -> None:
    server = rig.server()
    server.write(wire.set_line(relay("c")) + wire.set_line(relay("d", party("x", 20004), party("y", 20006))))
    b = list(rig.plane.terminations)[1]
    server.leave()
    for packets in range(40):
        rig.plane.counters[b] = Counters(packets, 0, 0, 0, 0, 0, 0, 0.0, 0.0)
        rig.wait(5)
    assert rig.tables.contexts == ("c",)  # nothing came from x or y
    rig.wait(70)
    assert rig.tables.contexts == ()
    rig.wait(31)
    assert rig.over


def test_an_orphan_has_its_minute(rig: Rig) -> None:
    server = rig.server()
    server.write(wire.set_line(relay("c")))
    server.leave()
    rig.wait(59)
    assert rig.tables.contexts == ("c",)
    rig.wait(10)
    assert rig.tables.contexts == ()


def test_while_a_server_is_there_silence_closes_nothing_and_nothing_ends(rig: Rig) -> None:
    server = rig.server()
    rig.wait(40)
    server.write(wire.set_line(relay("c")))
    rig.wait(200)
    assert rig.tables.contexts == ("c",) and not rig.over


def test_a_process_that_nobody_calls_ends(rig: Rig) -> None:
    rig.wait(29)
    assert not rig.over
    rig.wait(7)
    assert rig.over


def test_a_server_that_comes_back_in_time_keeps_it(rig: Rig) -> None:
    rig.server().leave()
    rig.wait(25)
    rig.server()
    rig.wait(100)
    assert not rig.over


def test_quit(rig: Rig) -> None:
    rig.server().say("quit")
    assert rig.over


def test_sigterm_waits_for_a_server_that_drains(rig: Rig) -> None:
    server = rig.server()
    server.write(wire.set_line(relay("c")))
    rig.process.leave()
    rig.turn()
    assert not rig.over
    server.say("drop", "c", 1)
    assert rig.over


def test_sigterm_ends_one_without_a_server_at_once_and_a_second_one_ends_any(rig: Rig) -> None:
    server = rig.server()
    server.write(wire.set_line(relay("c")))
    rig.process.leave()
    rig.process.leave()
    assert rig.over


def test_sigterm_ends_one_without_a_server(rig: Rig) -> None:
    server = rig.server()
    server.write(wire.set_line(relay("c")))
    server.leave()
    rig.process.leave()
    rig.turn()
    assert rig.over


def test_a_lost_port_is_remembered_for_the_next_server(rig: Rig) -> None:
    server = rig.server()
    server.write(wire.set_line(relay("c", party("a", 23202), party("b", 23204))))
    rig.plane.happened = [Event(native.PORT_LOST, next(iter(rig.plane.terminations)), 23203, False, 98, 0.0)]
    rig.turn()
    assert server.heard()[-1] == ["port_lost", "a", 23203]
    assert rig.server().heard()[0][1]["taken"] == [23202]


# The socket.


def test_the_socket_is_for_this_user_alone_and_for_one_process(rig: Rig, tmp_path: Path) -> None:
    assert stat.S_IMODE(rig.path.stat().st_mode) == 0o600
    with pytest.raises(OSError, match="another media process serves it"), listening(rig.path):
        pass
    assert rig.path.exists()


def test_a_socket_that_a_killed_process_left_is_replaced(tmp_path: Path) -> None:
    path = socket_path(tmp_path)
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.close()
    with listening(path) as listener:
        assert listener.getsockname() == str(path)
    assert not path.exists()


def test_a_folder_with_a_long_name_has_its_socket_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as short:  # pytest's own folders are long themselves
        monkeypatch.setenv("XDG_RUNTIME_DIR", short)
        has_its_socket_elsewhere(tmp_path)


def has_its_socket_elsewhere(tmp_path: Path) -> None:
    long, other = tmp_path / ("x" * 100), tmp_path / ("y" * 100)
    path = socket_path(long)
    assert path == socket_path(long) != socket_path(other)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    with listening(path):
        pass


def test_a_folder_that_others_may_enter_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    root = tmp_path / f"b2bua-{os.geteuid()}"
    root.mkdir()
    root.chmod(0o777)
    with pytest.raises(OSError, match="not a folder of this user alone"):
        socket_path(tmp_path / ("x" * 100))


def test_sockets_of_other_versions_are_found(tmp_path: Path) -> None:
    ours = socket_path(tmp_path)
    other = socket_path(tmp_path, wire.VERSION + 1)
    for each in (ours, other):
        each.touch()
    assert older_sockets(ours) == [other]

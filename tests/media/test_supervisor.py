"""The media process for real: started, killed, stuck, taken over, outlived. Sound is packets that come out at the other side."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvloop

from b2bua import logs
from b2bua.media import build, process, supervisor, wire
from b2bua.media.client import NativeEngine, _peer
from b2bua.media.engine import Address, Context, Digit, MediaEvent, Statistics
from b2bua.media.sockets import listening, socket_path
from b2bua.media.supervisor import Supervisor
from b2bua.media.wire import Range
from tests.media.contexts import HERE, party, relay

pytestmark = pytest.mark.skipif(build.compiler() is None and not build.library().exists(), reason="no C compiler")
SECONDS = 30.0
"""For what takes a fraction of one on a machine that has nothing else to do."""
PORTS = Range(HERE, 23000, 23099)


class Phones:
    """Two sockets that send each other packets through a relay."""

    def __init__(self) -> None:
        self.a, self.b = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in "ab")
        for each in (self.a, self.b):
            each.bind((HERE, 0))
            each.setblocking(False)
        self._sequence = 0

    def context(self, ports: tuple[int, ...], name: str = "c") -> Context:
        ends = [Address(*each.getsockname()) for each in (self.a, self.b)]
        parties = [party(n, port, remote=end, sources=(HERE,)) for n, port, end in zip("ab", ports, ends, strict=True)]
        return relay(name, *parties)

    async def hear(self, ports: tuple[int, ...]) -> bool:
        """Whether b gets to hear what a says, soon."""
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            self._sequence += 1
            header = b"\x80\x00" + self._sequence.to_bytes(2, "big") + (self._sequence * 160).to_bytes(4, "big") + b"abcd"
            self.a.sendto(header + b"\xd5" * 160, (HERE, ports[0]))
            await asyncio.sleep(0.01)
            if self.heard():
                return True
        return False

    def heard(self) -> int:
        """How many packets wait at b."""
        count = 0
        while True:
            try:
                self.b.recv(2_000)
            except BlockingIOError:
                return count
            count += 1

    def press(self, port: int) -> None:
        """Key 5, as a telephone event (RFC 4733)."""
        self._sequence += 1
        header = b"\x80\xe5" + self._sequence.to_bytes(2, "big") + (self._sequence * 160).to_bytes(4, "big") + b"abcd"
        self.a.sendto(header + b"\x05\x0a\x00\xa0", (HERE, port))

    def close(self) -> None:
        self.a.close()
        self.b.close()


class Office:
    """A state folder, and the servers that use it; in the end every media process that served it is gone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = socket_path(folder)
        self.phones = Phones()
        self.command = (
            *(sys.executable, "-c"),
            f"from b2bua.media.process import *; run(Settings(Path({str(folder)!r}), None))",
        )
        self.pids: set[int] = set()
        self.servers: list[Supervisor] = []

    def server(self, command: tuple[str, ...] | None = None, ports: Range = PORTS) -> Supervisor:
        log = logs.get("media")
        engine = NativeEngine(ports, asyncio.get_running_loop(), log)
        made = Supervisor(engine, self.path, command or self.command, log)
        self.servers.append(made)
        return made

    def pid(self, server: Supervisor) -> int:
        """Of the media process that it is connected to."""
        assert server._link is not None
        self.pids.add(server._link.pid)
        return server._link.pid

    def is_alive(self, pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
        except FileNotFoundError:
            return False

    def close(self) -> None:
        self.phones.close()
        for pid in self.pids:
            if self.is_alive(pid):
                os.kill(pid, signal.SIGKILL)
        for server in self.servers:
            if server._process is not None:
                server._process.kill()
                server._process.wait(SECONDS)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path)
    yield made
    made.close()


def run(test: Callable[[], Awaitable[None]]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(asyncio.wait_for(test(), 100))


async def until(done: Callable[[], Any]) -> None:
    end = time.monotonic() + SECONDS
    while not done():
        assert time.monotonic() < end, "in vain"
        await asyncio.sleep(0.01)


async def started(server: Supervisor) -> None:
    await server.start()
    await until(lambda: server.engine.available)


async def vanish(server: Supervisor) -> None:
    """As with kill -9: no word to the media process."""
    assert server._link is not None and server._keeper is not None and server._link._transport is not None
    server._keeper.cancel()
    server._link._transport.abort()
    await asyncio.wait([server._link.closed])
    server.engine.detach()


async def counted(engine: NativeEngine, context: str) -> tuple[Statistics, ...]:
    answer: asyncio.Future[tuple[Statistics, ...]] = asyncio.get_running_loop().create_future()
    engine.drop(context, answer.set_result)
    return await asyncio.wait_for(answer, SECONDS)


def test_a_server_starts_it_and_ends_it(office: Office) -> None:
    async def test() -> None:
        server = office.server()
        assert not server.engine.available
        await started(server)
        assert server.engine.available
        pid = office.pid(server)
        ports = server.engine.reserve(2)
        server.engine.set(office.phones.context(ports))
        assert await office.phones.hear(ports)
        told: list[MediaEvent] = []
        server.engine.listen("a", told.append)
        server.engine.set(relay("c", *(each._replace(digits="take") for each in office.phones.context(ports).terminations)))
        server.engine.drop("nothing", lambda _: office.phones.press(ports[0]))  # by its answer the change has been made
        await until(lambda: told)
        assert told == [Digit("a", "5")]
        a, b = await counted(server.engine, "c")
        assert a.received >= 2 and b.sent >= 1 and b.received == 0
        await server.stop()
        await until(lambda: not office.is_alive(pid))
        assert not office.path.exists()

    run(test)


def test_when_it_is_killed_another_one_carries_on(office: Office) -> None:
    async def test() -> None:
        server = office.server()
        await started(server)
        ports = server.engine.reserve(2)
        server.engine.set(office.phones.context(ports))
        assert await office.phones.hear(ports)
        killed = office.pid(server)
        os.kill(killed, signal.SIGKILL)
        await until(lambda: not server.engine.available)
        await until(lambda: server.engine.available)
        assert office.pid(server) != killed
        assert await office.phones.hear(ports)
        assert server.deaths == 1
        await counted(server.engine, "c")
        await server.stop()

    run(test)


def test_one_that_is_stuck_is_killed_and_replaced(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "PING_SECONDS", 0.1)

    async def test() -> None:
        server = office.server()
        await started(server)
        stuck = office.pid(server)
        os.kill(stuck, signal.SIGSTOP)
        await until(lambda: not office.is_alive(stuck))
        await until(lambda: server.engine.available)
        office.pid(server)
        await server.stop()

    run(test)


def test_the_sound_goes_on_while_the_server_is_killed_and_comes_back(office: Office) -> None:
    async def test() -> None:
        server = office.server()
        await started(server)
        pid = office.pid(server)
        ports = server.engine.reserve(4)
        context = office.phones.context(ports[:2])
        server.engine.set(context)
        server.engine.set(relay("unclaimed", party("x", ports[2]), party("y", ports[3])))
        assert await office.phones.hear(ports)
        await vanish(server)
        assert await office.phones.hear(ports)  # nobody is there to ask for it
        second = office.server()
        await started(second)
        assert office.pid(second) == pid
        second.engine.claim(ports[:2])
        second.engine.set(context)
        second.engine.restored()
        assert await office.phones.hear(ports)
        assert await counted(second.engine, "unclaimed") == ()
        a, _b = await counted(second.engine, "c")
        assert a.received >= 3  # counted through both servers
        second.engine.release(ports[:2])
        assert second.engine.ports_in_use == 0
        await second.stop()
        await until(lambda: not office.is_alive(pid))

    run(test)


def test_a_server_that_stops_while_calls_run_leaves_them_their_sound(office: Office) -> None:
    async def test() -> None:
        server = office.server()
        await started(server)
        pid = office.pid(server)
        ports = server.engine.reserve(2)
        server.engine.set(office.phones.context(ports))
        assert await office.phones.hear(ports)
        await server.stop()
        assert office.is_alive(pid)
        assert await office.phones.hear(ports)

    run(test)


def test_a_second_server_takes_it_over_and_the_first_lets_go(office: Office) -> None:
    async def test() -> None:
        first, second = office.server(), office.server()
        await started(first)
        await started(second)
        assert office.pid(second) == office.pid(first)
        await until(lambda: not first.engine.available)
        await asyncio.sleep(0.2)
        assert second.engine.available and not first.engine.available
        await first.stop()
        await second.stop()

    run(test)


def test_a_port_that_another_program_takes_meanwhile_is_lost_and_told(office: Office) -> None:
    async def test() -> None:
        server = office.server()
        await started(server)
        office.pid(server)
        ports = server.engine.reserve(2)
        told: list[MediaEvent] = []
        server.engine.listen("b", told.append)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind((HERE, ports[1]))
            server.engine.set(office.phones.context(ports))
            await until(lambda: told)
        assert told[0][:2] == ("b", ports[1])
        await counted(server.engine, "c")
        await server.stop()

    run(test)


# The command line.

SERVER = """
domain: acme.test
listen: [udp://127.0.0.1:0]
http: {{listen: 127.0.0.1:0}}
state: {state}
media: {{ports: 23100-23199}}
"""


@pytest.fixture
def config(office: Office) -> Path:
    (office.folder / "directory.yaml").write_text("organisation: Acme\n")
    file = office.folder / "b2bua.yaml"
    file.write_text(SERVER.format(state=office.folder))
    return file


def test_the_command_line_serves_the_same_folder(office: Office, config: Path) -> None:
    async def test() -> None:
        server = office.server((sys.executable, "-m", "b2bua", "media", "--config", str(config)))
        await started(server)
        assert server.engine.available
        office.pid(server)
        await server.stop()

    run(test)


def test_it_outlives_a_server_that_is_killed_serves_the_next_one_and_ends_with_it(office: Office, config: Path) -> None:
    def start() -> subprocess.Popen[bytes]:
        with (office.folder / "log").open("wb") as log:
            return subprocess.Popen([sys.executable, "-m", "b2bua", "run", "--config", str(config)], stdout=log, stderr=log)

    async def ready(server: subprocess.Popen[bytes]) -> int:
        """The media process that serves it."""
        await until(lambda: b'"ready"' in (office.folder / "log").read_bytes() or server.poll() is not None)
        assert server.poll() is None, (office.folder / "log").read_text()
        _, writer = await asyncio.open_unix_connection(str(office.path))
        office.pids.add(pid := _peer(writer.get_extra_info("socket")))
        writer.close()
        return pid

    async def test() -> None:
        first = start()
        try:
            pid = await ready(first)
            first.kill()
            first.wait(SECONDS)
            second = start()
            try:
                assert await ready(second) == pid
                second.terminate()
                assert second.wait(SECONDS) == 0
                await until(lambda: not office.is_alive(pid))
            finally:
                second.kill()
        finally:
            first.kill()

    run(test)


# When it cannot be had.


def test_one_that_dies_at_once_is_tried_again_and_the_server_goes_on(office: Office) -> None:
    async def test() -> None:
        server = office.server((sys.executable, "-c", "raise SystemExit(3)"))
        began = time.monotonic()
        await server.start()
        assert not server.engine.available
        assert time.monotonic() - began < SECONDS
        server._command = office.command
        await until(lambda: server.engine.available)
        office.pid(server)
        await server.stop()

    run(test)


def test_a_command_that_is_none_does_not_stop_the_server(office: Office) -> None:
    async def test() -> None:
        server = office.server(("/no/such/program",))
        await server.start()
        assert not server.engine.available
        await server.stop()

    run(test)


def test_one_that_never_answers_is_given_up(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "PATIENCE_SECONDS", 0.5)
    monkeypatch.setattr(supervisor, "LONGEST_PAUSE", 0.1)

    async def test() -> None:
        server = office.server((sys.executable, "-c", "import time; time.sleep(60)"))
        await server.start()
        assert not server.engine.available
        silent = server._process
        server._command = office.command
        supervisor.PATIENCE_SECONDS = SECONDS
        await until(lambda: server.engine.available)
        assert silent is not None and silent.poll() == -signal.SIGKILL
        office.pid(server)
        await server.stop()

    run(test)


def test_the_server_starts_without_one_that_is_slow_and_has_it_later(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "START_SECONDS", 0.2)
    code = f"import time; time.sleep(1); {office.command[2]}"

    async def test() -> None:
        server = office.server((*office.command[:2], code))
        await server.start()
        assert not server.engine.available
        slow = server._process
        await until(lambda: server.engine.available)
        assert slow is not None and office.pid(server) == slow.pid
        await server.stop()

    run(test)


def test_one_that_is_ended_while_it_starts_leaves_nothing(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "START_SECONDS", 0.2)

    async def test() -> None:
        server = office.server((sys.executable, "-c", "import time; time.sleep(60)"))
        await server.start()
        starting = server._process
        await server.stop()
        assert starting is not None and starting.poll() == -signal.SIGKILL

    run(test)


def test_without_a_compiler_nothing_is_started(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "compiler", lambda: None)
    monkeypatch.setattr(supervisor, "library", lambda: office.folder / "none.so")

    async def test() -> None:
        server = office.server()
        await server.start()
        assert not server.engine.available and server._process is None
        await server.stop()

    run(test)


def test_an_address_of_another_machine_makes_it_unavailable(office: Office) -> None:
    async def test() -> None:
        server = office.server(ports=Range("192.0.2.1", 23000, 23099))
        await server.start()
        assert not server.engine.available
        assert server._process is not None
        office.pids.add(server._process.pid)
        await server.stop()

    run(test)


# Another version.


def test_one_of_another_version_is_ended_when_its_calls_are_restored(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    old = "; ".join(
        (
            "from b2bua.media import wire",
            f"wire.VERSION = {wire.VERSION + 1}",
            "from b2bua.media import sockets, process",
            "from pathlib import Path",
            f"process.socket_path = lambda state: sockets.socket_path(state, {wire.VERSION + 1})",
            f"process.run(process.Settings(Path({str(office.folder)!r}), None))",
        )
    )
    running = subprocess.Popen([sys.executable, "-c", old])
    office.pids.add(running.pid)
    older = socket_path(office.folder, wire.VERSION + 1)

    async def test() -> None:
        await until(older.exists)
        ports = (23000, 23002)
        reader, writer = await asyncio.open_unix_connection(str(older))
        writer.write(wire.line("hello", {"version": wire.VERSION + 1, "ports": PORTS}))
        writer.write(wire.set_line(office.phones.context(ports)))
        await reader.readline()
        assert await office.phones.hear(ports)
        writer.close()
        server = office.server()
        await server.start()
        assert running.poll() is None and not server.engine.available
        assert await office.phones.hear(ports)
        server.engine.claim(ports)
        server.engine.set(office.phones.context(ports))
        server.engine.restored()
        await until(lambda: running.poll() is not None)
        await until(lambda: server.engine.available)
        office.pid(server)
        assert await office.phones.hear(ports)
        await counted(server.engine, "c")
        await server.stop()

    run(test)


def test_it_is_a_process_of_its_own_that_a_terminal_does_not_end(office: Office) -> None:
    async def test() -> None:
        server = office.server()
        await started(server)
        pid = office.pid(server)
        assert os.getsid(pid) == pid
        for number in (signal.SIGHUP, signal.SIGINT):
            os.kill(pid, number)
        ports = server.engine.reserve(2)
        server.engine.set(office.phones.context(ports))
        assert await office.phones.hear(ports)
        os.kill(pid, signal.SIGTERM)  # it is in a call, and its server is there
        assert await office.phones.hear(ports)
        await counted(server.engine, "c")
        await until(lambda: not office.is_alive(pid))
        await until(lambda: server.engine.available)
        office.pid(server)
        await server.stop()

    run(test)


def test_a_second_process_for_one_folder_refuses_to_start(office: Office) -> None:
    with listening(office.path), pytest.raises(OSError, match="another media process"):
        process.run(process.Settings(office.folder, None))

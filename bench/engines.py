"""The media servers that are measured, each alone on one core: our media process, and Debian's rtpengine in user space as the yardstick."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from b2bua.media import wire
from b2bua.media.bencode import Encodable, Value, decode, encode
from b2bua.media.engine import Address, Context, Stream, Termination
from b2bua.media.sockets import socket_path
from b2bua.media.wire import Range
from b2bua.sip.description import Format
from bench import server
from bench.load import Leg, local_port

HOST = server.SERVER
LOAD_HOST = server.PARTIES
PORTS = range(20_000, 32_768)
"""Of the engine: below those that the system gives out by itself."""
NG_PORT = 2223
WAIT_SECONDS = 20.0
FORMATS = (Format(0, "PCMU"), Format(101, "TELEPHONE-EVENT", 8000, 1, "0-16"))
MEMBERS = 3
"""Of a conference."""


class Engine(Protocol):
    """A media server that runs."""

    name: str

    @property
    def pids(self) -> tuple[int, ...]: ...

    def relay(self, calls: int) -> list[Leg]:
        """Carry that many calls; the callers, then the callees."""
        ...

    def clear(self) -> None:
        """Carry nothing any more."""
        ...


class Process:
    """A program on one core whose output is kept in a file."""

    def __init__(self, command: Sequence[str], core: int, log: Path) -> None:
        self._log = log.open("wb")
        self._popen = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),  # no threads here
        )
        self.pid = self._popen.pid

    @property
    def ended(self) -> bool:
        return self._popen.poll() is not None

    def failed(self) -> SystemExit:
        """With the end of what it has written."""
        return SystemExit(f"{self._popen.args!r} is not there:\n{Path(self._log.name).read_text(errors='replace')[-2000:]}")

    def stop(self) -> None:
        if not self.ended:
            self._popen.terminate()
            try:
                self._popen.wait(5)
            except subprocess.TimeoutExpired:
                self._popen.kill()
                self._popen.wait()
        self._log.close()


class Own:
    """Our media process, told what to do as the server tells it."""

    name = "own"

    def __init__(self, folder: Path, core: int) -> None:
        folder.mkdir(exist_ok=True)
        config = server.write(folder, "anchored")
        path = socket_path(folder / "state")
        self._contexts: list[str] = []
        self._lines = wire.Lines()
        self._heard: list[tuple[str, list[Any]]] = []
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._process = Process([sys.executable, "-m", "b2bua", "media", "--config", str(config)], core, folder / "media.log")
        try:
            self._connect(path)
            self._sock.sendall(wire.hello_line(Range(HOST, PORTS.start, PORTS.stop - 1)))
            hello = wire.read_hello(self._await("hello"))
        except BaseException:
            self.stop()
            raise
        if hello.problem or hello.taken:
            self.stop()
            raise SystemExit(f"ports {PORTS.start}-{PORTS.stop - 1} on {HOST} cannot be used: {hello.problem or hello.taken[:5]}")

    @property
    def pids(self) -> tuple[int, ...]:
        return (self._process.pid,)

    def relay(self, calls: int) -> list[Leg]:
        for call in range(calls):
            places = (call, calls + call)
            parties = tuple(_termination(place) for place in places)
            self._set(Context(f"call{call}", parties, relay=True))
        self.counts()
        return [Leg(HOST, _port(place), place % calls, place // calls) for place in range(2 * calls)]

    def mix(self, conferences: int) -> list[Leg]:
        """Carry that many conferences of `MEMBERS`, in which each hears all the others."""
        for conference in range(conferences):
            parties = tuple(_termination(conference + member * conferences) for member in range(MEMBERS))
            hears = {each.id: tuple(other.id for other in parties if other is not each) for each in parties}
            self._set(Context(f"conference{conference}", parties, hears=hears))
        self.counts()
        return [Leg(HOST, _port(place), place % conferences, place // conferences) for place in range(MEMBERS * conferences)]

    def counts(self) -> dict[str, int]:
        """What the process says that it has done, after it has done all that it was told before."""
        self._sock.sendall(wire.line("ping"))
        (counts,) = self._await("pong")
        return dict(counts)

    def clear(self) -> None:
        for context in self._contexts:
            self._sock.sendall(wire.line("drop", context, 0))
        self._contexts.clear()
        left = self.counts()
        if left["ports"] or left["contexts"]:
            raise SystemExit(f"the media process has not closed everything: {left}")

    def stop(self) -> None:
        with suppress(OSError):
            self._sock.sendall(wire.line("quit"))
        self._sock.close()
        self._process.stop()

    def _set(self, context: Context) -> None:
        self._contexts.append(context.id)
        self._sock.sendall(wire.set_line(context))

    def _connect(self, path: Path) -> None:
        end = time.monotonic() + WAIT_SECONDS
        while not self._process.ended and time.monotonic() < end:
            try:
                self._sock.connect(str(path))
            except OSError:
                time.sleep(0.05)
            else:
                self._sock.settimeout(WAIT_SECONDS)
                return
        raise self._process.failed()

    def _await(self, verb: str) -> list[Any]:
        """What comes with that verb; what it tells of the parties before is left out. Exits when it refuses something."""
        while True:
            for index, (said, items) in enumerate(self._heard):
                if said == "error":
                    raise SystemExit(f"the media process refuses: {items}")
                if said == verb:
                    del self._heard[: index + 1]
                    return items
            data = self._sock.recv(1 << 18)
            if not data:
                raise self._process.failed()
            self._heard = [wire.read_line(line) for line in self._lines.feed(data)]


class Rtpengine:
    """Debian's rtpengine, without its kernel module, told by its ng protocol; one worker thread for one core."""

    name = "rtpengine"

    def __init__(self, folder: Path, core: int) -> None:
        folder.mkdir(exist_ok=True)
        command = ["rtpengine", "--foreground", "--table=-1", f"--interface={HOST}", f"--listen-ng={HOST}:{NG_PORT}", "--num-threads=1"]
        command += [f"--port-min={PORTS.start}", f"--port-max={PORTS.stop - 1}", "--log-level=1", "--log-stderr"]
        self._calls: list[str] = []
        self._serial = 0
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind((LOAD_HOST, 0))
        self._sock.connect((HOST, NG_PORT))
        self._sock.settimeout(0.5)
        self._process = Process(command, core, folder / "rtpengine.log")
        try:
            self._ask({"command": "ping"})
        except BaseException:
            self.stop()
            raise

    @property
    def pids(self) -> tuple[int, ...]:
        return (self._process.pid,)

    def relay(self, calls: int) -> list[Leg]:
        legs: list[Leg] = []
        for call in range(calls):
            name = f"bench-{os.getpid()}-{self._serial}"
            self._calls.append(name)
            both = {"call-id": name, "from-tag": "a", "ICE": "remove", "replace": ["origin", "session-connection"]}
            offered = self._ask({**both, "command": "offer", "sdp": _sdp(call)})
            answered = self._ask({**both, "command": "answer", "to-tag": "b", "sdp": _sdp(calls + call)})
            legs.insert(call, Leg(HOST, _port_in(answered), call, 0))
            legs.append(Leg(HOST, _port_in(offered), call, 1))
        return legs

    def clear(self) -> None:
        for name in self._calls:
            self._ask({"command": "delete", "call-id": name, "from-tag": "a", "delete-delay": 0})
        self._calls.clear()

    def stop(self) -> None:
        self._sock.close()
        self._process.stop()

    def _ask(self, question: dict[str, Encodable]) -> dict[str, Value]:
        self._serial += 1
        cookie = f"{os.getpid()}_{self._serial}".encode()
        end = time.monotonic() + WAIT_SECONDS
        while not self._process.ended and time.monotonic() < end:
            with suppress(TimeoutError, ConnectionRefusedError):
                self._sock.send(cookie + b" " + encode(question))
                answered, _, text = self._sock.recv(65536).partition(b" ")
                reply = decode(text) if answered == cookie else None
                if isinstance(reply, dict):
                    if reply.get("result") not in (b"ok", b"pong"):
                        raise SystemExit(f"rtpengine refuses: {reply}")
                    return reply
            time.sleep(0.05)
        raise self._process.failed()


def engines() -> list[type[Own] | type[Rtpengine]]:
    """Those that are here."""
    return [Own, Rtpengine] if shutil.which("rtpengine") else [Own]


@contextmanager
def running(kind: type[Own] | type[Rtpengine], folder: Path, core: int) -> Iterator[Own | Rtpengine]:
    """An engine for a while."""
    with ExitStack() as stack:
        engine = kind(folder, core)
        stack.callback(engine.stop)
        yield engine


def _port(place: int) -> int:
    """The engine's port for the leg with that place in the list."""
    return PORTS.start + 2 * place


def _termination(place: int) -> Termination:
    remote = Address(LOAD_HOST, local_port(place))
    stream = Stream("audio", _port(place), remote, None, (LOAD_HOST,), FORMATS, FORMATS)
    return Termination(f"party{place}", HOST, (stream,), "take")


def _sdp(place: int) -> str:
    media = f"m=audio {local_port(place)} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\n"
    return f"v=0\r\no=- 1 1 IN IP4 {LOAD_HOST}\r\ns=-\r\nc=IN IP4 {LOAD_HOST}\r\nt=0 0\r\n{media}"


def _port_in(reply: dict[str, Value]) -> int:
    """The audio port in the description that a reply carries."""
    sdp = reply.get("sdp")
    assert isinstance(sdp, bytes)
    line = next(each for each in sdp.splitlines() if each.startswith(b"m=audio "))
    return int(line.split()[1])

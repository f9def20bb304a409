"""The media process: one thread that carries packets in C and listens to signalling on a Unix socket between them.

It outlives the signalling process, so that a restart of that cuts nobody's sound. Who connects last and says ``hello`` is signalling.
While nobody is, a context from whose parties nothing has come for `ORPHAN_SECONDS` is closed, and without contexts the process ends.
"""

from __future__ import annotations

import faulthandler
import gc
import os
import resource
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from b2bua import logs
from b2bua.media import native, wire
from b2bua.media.build import BuildError, build
from b2bua.media.engine import EngineError, PortLost
from b2bua.media.ports import probe
from b2bua.media.prompts import SoundError, catalogue
from b2bua.media.sockets import listening, socket_path
from b2bua.media.tables import Tables
from b2bua.media.wire import Hello, Range, WireError

RUN_MS: Final = 500
"""How long the plane runs at most before this looks at the clock."""
BUDGET_SECONDS: Final = 0.002
"""How long commands may be obeyed before packets are looked at: a server that gives all its contexts again disturbs none."""
ORPHAN_SECONDS: Final = 60.0
IDLE_SECONDS: Final = 30.0
LISTEN_SECONDS: Final = 5.0
"""How often contexts that belong to nobody are asked whether something has come."""
NICE: Final = -10
SILENT_MS: Final = 10_000
"""When a party from which nothing comes is told as `Silent`, and how often."""
MAX_UNREAD: Final = 4 << 20
"""Bytes that signalling may leave unread before it is taken for dead."""
MAX_CONNECTIONS: Final = 16
LEAKED_OBJECTS: Final = 100_000
"""Commands leave no cycles behind; only when so many objects more are alive than before there is something to look for."""
_RECEIVED: Final = 1 << 18
_SHOWN: Final = 400
"""Characters of a reason that are told."""


class Connection:
    """One peer on the socket."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.fd = sock.fileno()
        self.lines = wire.Lines()
        self.waiting: deque[bytes] = deque()
        """Commands not yet obeyed."""
        self.out = bytearray()
        self.blocked = False
        """Whether the plane watches for room to write."""
        self.ended = False
        """Nothing more will come; what waits is obeyed all the same."""
        self.closed = False


class MediaProcess:
    """Obeys commands between packets. `clock`: monotonic seconds."""

    def __init__(
        self, plane: native.Plane, tables: Tables, listener: socket.socket, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._plane = plane
        self._tables = tables
        self._listener = listener
        self._clock = clock
        self.log = logs.get("media")
        self._connections: dict[int, Connection] = {}
        self._signalling: Connection | None = None
        self._range: Range | None = None
        self._taken: set[int] = set()
        self._problem = ""
        self._alone_since = clock()
        self._look_at = 0.0
        self._heard: dict[str, tuple[int, float]] = {}
        """For each context of nobody: packets received, and when that had grown last."""
        self._leaving = False
        self._done = False
        self._commands: dict[str, Callable[[list[Any]], None]] = {
            "set": self._set,
            "drop": self._drop,
            "digits": self._digits,
            "ping": self._ping,
        }

    def serve(self) -> None:
        """Until it is told to quit, or nobody needs it any more."""
        self._plane.watch(self._listener.fileno(), reading=True)
        while not self._done:
            self.turn(0 if any(each.waiting for each in self._connections.values()) else RUN_MS)
        for connection in tuple(self._connections.values()):
            self._close(connection)
        self._plane.watch(self._listener.fileno(), reading=False)

    def turn(self, timeout_ms: int) -> None:
        """Carry packets for a while, then see to what has come up."""
        if self._plane.run(timeout_ms) & native.WATCHED:
            for fd in self._plane.ready():
                self._on_ready(fd)
        self._obey()
        self._tell()
        for connection in tuple(self._connections.values()):
            self._flush(connection)
        self._look_after_orphans(self._clock())

    def leave(self) -> None:
        """SIGTERM: end when signalling needs it no more, for it may have got the same signal and be draining; the second time at once."""
        self._done = self._leaving
        self._leaving = True

    # The socket

    def _on_ready(self, fd: int) -> None:
        if fd == self._listener.fileno():
            self._accept()
        elif (connection := self._connections.get(fd)) is not None:
            self._read(connection)

    def _accept(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except OSError as error:  # gone again, or no descriptors left: who called will call again
            self.log.warning("cannot accept", error=str(error))
            return
        sock.setblocking(False)
        if len(self._connections) >= MAX_CONNECTIONS:
            sock.close()
            return
        connection = Connection(sock)
        self._connections[connection.fd] = connection
        self._plane.watch(connection.fd, reading=True)

    def _read(self, connection: Connection) -> None:
        try:
            data = connection.sock.recv(_RECEIVED)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        try:
            connection.waiting.extend(connection.lines.feed(data))
        except WireError as error:
            self.log.error("signalling cut off", why=str(error))  # noqa: TRY400 - its text says it all
            data = b""
        if not data:
            connection.ended = True
            self._plane.watch(connection.fd, reading=False)

    def _flush(self, connection: Connection) -> None:
        if connection.closed or not (connection.out or connection.blocked):
            return
        try:
            del connection.out[: connection.sock.send(connection.out)]
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:
            self._close(connection)
            return
        if len(connection.out) > MAX_UNREAD:
            self.log.error("signalling cut off", why="it does not read")
            self._close(connection)
        elif bool(connection.out) != connection.blocked:
            connection.blocked = bool(connection.out)
            self._plane.watch(connection.fd, reading=not connection.ended, writing=connection.blocked)

    def _close(self, connection: Connection) -> None:
        if connection.closed:
            return
        connection.closed = True
        self._plane.watch(connection.fd, reading=False)
        del self._connections[connection.fd]
        connection.sock.close()
        if connection is self._signalling:
            self._signalling = None
            self._alone_since = self._clock()
            self._heard.clear()
            self.log.info("signalling gone", contexts=len(self._tables.contexts))

    def _say(self, data: bytes) -> None:
        if self._signalling is not None:
            self._signalling.out += data

    # Commands

    def _obey(self) -> None:
        end = self._clock() + BUDGET_SECONDS
        for connection in tuple(self._connections.values()):
            while connection.waiting and not connection.closed and not self._done:
                self._command(connection, connection.waiting.popleft())
                if self._clock() > end:
                    return
            if connection.ended:
                self._close(connection)

    def _command(self, connection: Connection, data: bytes) -> None:
        """Whatever is wrong with it: the process goes on, and who said it is told."""
        try:
            verb, items = wire.read_line(data)
            if verb == "hello":
                self._hello(connection, items)
            elif verb == "quit":
                self.log.info("quit", contexts=len(self._tables.contexts))
                self._done = True
            else:
                self._signalled(connection, verb)(items)
        except (EngineError, WireError) as error:
            connection.out += wire.line("error", str(error)[:_SHOWN])
        except Exception as error:
            self.log.exception("bug", command=data[:_SHOWN])
            connection.out += wire.line("error", f"{error!r:.{_SHOWN}}")

    def _signalled(self, connection: Connection, verb: str) -> Callable[[list[Any]], None]:
        """What obeys `verb`. Raises `WireError`."""
        if connection is not self._signalling:
            raise WireError(f"{verb[:40]} without hello")
        command = self._commands.get(verb)
        if command is None:
            raise WireError(f"unknown verb {verb[:40]}")
        return command

    def _hello(self, connection: Connection, items: list[Any]) -> None:
        """Of another version: it is told ours, and may ask us to quit. Of ours: it is signalling from now on."""
        version, ports = wire.read_range(items)
        if version == wire.VERSION:
            if ports != self._range or self._problem:
                self._probe(ports)
            self._take_over(connection)
        hello = Hello(wire.VERSION, os.getpid(), self._tables.contexts, tuple(sorted(self._taken)), self._problem)
        connection.out += wire.line("hello", hello._asdict())

    def _take_over(self, connection: Connection) -> None:
        former, self._signalling = self._signalling, connection
        if former is not None and former is not connection:
            former.out += wire.line("replaced")
            former.waiting.clear()
            self._flush(former)
            self._close(former)
            self.log.warning("another server took over")

    def _probe(self, ports: Range) -> None:
        own = set(self._tables.ports())
        wanted = range(ports.first + ports.first % 2, ports.last, 2)
        taken, self._problem = probe(ports.host, (each for each in wanted if each not in own))
        self._range, self._taken = ports, set(taken)

    def _set(self, items: list[Any]) -> None:
        self._tables.set(wire.read_context(items))

    def _drop(self, items: list[Any]) -> None:
        context, token = items
        self._say(wire.line("dropped", token, self._tables.drop(context)))

    def _digits(self, items: list[Any]) -> None:
        termination, digits = items
        self._tables.send_digits(termination, digits)

    def _ping(self, items: list[Any]) -> None:
        self._say(wire.line("pong", self._plane.counts()._asdict()))

    # What happens

    def _tell(self) -> None:
        for event in self._tables.events():
            if isinstance(event, PortLost):
                self._taken.add(event.port - event.port % 2)
            self._say(wire.event_line(event))

    def _look_after_orphans(self, now: float) -> None:
        if self._leaving and (self._signalling is None or not self._tables.contexts):
            self._done = True
        if self._signalling is not None or now < self._look_at:
            return
        self._look_at = now + LISTEN_SECONDS
        contexts = self._tables.contexts
        if not contexts and now - self._alone_since >= IDLE_SECONDS:
            self.log.info("nobody needs it any more")
            self._done = True
        for context in contexts:
            received = self._tables.received(context)
            had, since = self._heard.get(context, (-1, now))
            if received != had:
                self._heard[context] = (received, now)
            elif now - since >= ORPHAN_SECONDS:
                self.log.warning("orphan closed", context=context)
                self._tables.drop(context)


class Settings(NamedTuple):
    """What the media process needs of the configuration."""

    state: Path
    """The server's folder: the socket is in it."""
    sounds: Path | None
    """The folder with the operator's own sounds."""


def _settle() -> None:
    """As many sockets as the system lets us have, no pauses by the garbage collector, and a word when C crashes."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    gc.collect()
    gc.freeze()
    gc.set_threshold(LEAKED_OBJECTS)
    with suppress(OSError):  # only who may: sound cannot wait as other work can
        os.setpriority(os.PRIO_PROCESS, 0, NICE)
        Path("/proc/self/autogroup").write_text(str(NICE), "ascii")
    if sys.stderr is not None:
        faulthandler.enable()


def run(settings: Settings) -> None:
    """Serve until nobody needs it any more. Raises OSError: another one serves this folder, the library cannot be built or used."""
    log = logs.get("media")
    for number in (signal.SIGHUP, signal.SIGINT):  # meant for the server, whose terminal it shares when started by hand
        signal.signal(number, signal.SIG_IGN)
    with listening(socket_path(settings.state)) as listener:
        try:
            library, made = build()
            plane = native.Plane(native.load(library), silent_ms=SILENT_MS)
        except (BuildError, native.NativeError) as error:
            raise OSError(str(error)) from None
        try:
            process = MediaProcess(plane, Tables(plane, load_sounds(plane, settings.sounds)), listener)
            signal.signal(signal.SIGTERM, lambda *_: process.leave())
            _settle()
            log.info("media process serves", socket=listener.getsockname(), library=library.name, built=made)
            process.serve()
        finally:
            plane.free()
            logs.flush()


def load_sounds(plane: native.Plane, folder: Path | None) -> dict[str, int]:
    """The catalogue: the number of each sound by its name. Raises OSError: what is shipped is not all there."""
    try:
        found = catalogue(folder)
    except SoundError as error:
        raise OSError(str(error)) from None
    for problem in found.problems:
        logs.get("media").warning("sound not used", why=problem)
    return {name: plane.sound(*sound) for name, sound in found.sounds.items()}

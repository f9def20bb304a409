"""The media engine as call control has it: the port of `engine`, in front of the media process at the other end of a socket.

It keeps every context that it was given, and gives them all again whenever it is connected: to the same media process after a restart
of the server, or to a new one after that has died. What it says is written once per turn of the event loop, and nothing here waits.
"""

from __future__ import annotations

import asyncio
import itertools
import socket
import struct
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, cast

from b2bua.logs import Logger
from b2bua.media import wire
from b2bua.media.engine import Ability, Context, EngineError, Listener, MediaEvent, Played, PortLost, Statistics
from b2bua.media.ports import PortPool
from b2bua.media.wire import Hello, Range, WireError

DROP_SECONDS: Final = 1.0
"""How long the statistics of a dropped context are waited for."""
MAX_UNREAD: Final = 4 << 20
"""Bytes that the media process may leave unread before it is taken for stuck."""
MAX_UNANSWERED: Final = 3
"""Pings, one a second, that it may leave unanswered."""
ABILITIES: Final[frozenset[Ability]] = frozenset(("relay", "mix", "play", "digits"))

Done = Callable[[tuple[Statistics, ...]], None]


class Link(asyncio.Protocol):
    """One connection to a media process: lines out, lines in."""

    def __init__(self, ports: Range, deliver: Callable[[str, list[Any]], None], log: Logger) -> None:
        loop = asyncio.get_running_loop()
        self.greeted: asyncio.Future[Hello] = loop.create_future()
        """What it said of itself."""
        self.closed: asyncio.Future[None] = loop.create_future()
        self.replaced = False
        """Another server has taken it over."""
        self.counts: Mapping[str, int] = {}
        """What it said last of what it does."""
        self.pid = 0
        """The process that listens at the other end; 0: not known."""
        self._ports = ports
        self._deliver = deliver
        self.log = log
        self._lines = wire.Lines()
        self._unanswered = 0
        self._transport: asyncio.Transport | None = None

    @property
    def unanswered(self) -> int:
        """Pings in a row."""
        return self._unanswered

    @property
    def stuck(self) -> str:
        """Why it is to be taken for dead though it is connected; "" when it is not."""
        if self._transport is not None and self._transport.get_write_buffer_size() > MAX_UNREAD:
            return f"more than {MAX_UNREAD} bytes wait to be read"
        return f"{self._unanswered} pings without an answer" if self._unanswered >= MAX_UNANSWERED else ""

    def write(self, data: bytes) -> None:
        """Say it, unless there is nobody any more or it is stuck anyway."""
        if self._transport is not None and self._transport.get_write_buffer_size() <= MAX_UNREAD:
            self._transport.write(data)

    def ping(self) -> None:
        """Once a second."""
        self._unanswered += 1
        self.write(wire.line("ping"))

    def close(self) -> None:
        """After what was said has left."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say who we are."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's transports are not subclasses of it
        self.pid = _peer(transport.get_extra_info("socket"))
        self.write(wire.hello_line(self._ports))

    def data_received(self, data: bytes) -> None:
        """Obey what it says of itself, pass on the rest. A process that talks nonsense is cut off."""
        try:
            for each in self._lines.feed(data):
                self._receive(*wire.read_line(each))
        except WireError as error:
            self.log.error("media process talks nonsense", why=str(error))  # noqa: TRY400 - its text says it all
            if self._transport is not None:
                self._transport.abort()

    def _receive(self, verb: str, items: list[Any]) -> None:
        match verb:
            case "hello" if not self.greeted.done():
                self.greeted.set_result(wire.read_hello(items))
            case "pong":
                self._unanswered = 0
                self.counts = items[0] if items and isinstance(items[0], dict) else {}
            case "replaced":
                self.replaced = True
            case _:
                self._deliver(verb, items)

    def connection_lost(self, exc: Exception | None) -> None:
        """It has gone."""
        self._transport = None
        if not self.closed.done():
            self.closed.set_result(None)


class NativeEngine:
    """The `MediaEngine` of the media process. `Supervisor` connects it."""

    def __init__(self, ports: Range, loop: asyncio.AbstractEventLoop, log: Logger) -> None:
        self.ports = ports
        self.is_restored = asyncio.Event()
        """What ran before the restart of the server has been given, or will never be."""
        self.abilities = ABILITIES
        self.wake: Callable[[], None] = lambda: None
        """Called before anybody is told of an event: signalling sets its clock, and sends what comes of it at the end of this turn."""
        self._loop = loop
        self.log = log
        self._pool = PortPool(ports.first, ports.last)
        self._contexts: dict[str, Context] = {}
        """In the order in which they were given last."""
        self._where: dict[str, str] = {}
        """The context that each termination was given in last."""
        self._theirs: frozenset[str] = frozenset()
        """What the media process had when it was connected."""
        self._listeners: dict[str, Listener] = {}
        self._tokens = itertools.count(1)
        self._drops: dict[int, tuple[Done, asyncio.TimerHandle]] = {}
        self._out: list[bytes] = []
        self._link: Link | None = None

    # The port

    @property
    def ports_in_use(self) -> int:
        return self._pool.in_use

    @property
    def available(self) -> bool:
        return self._link is not None

    @property
    def contexts(self) -> int:
        """How many are open."""
        return len(self._contexts)

    @property
    def counts(self) -> Mapping[str, int]:
        """What the media process said last of what it does."""
        return {} if self._link is None else self._link.counts

    def reserve(self, streams: int) -> tuple[int, ...]:
        if self._link is None:
            raise EngineError("the media engine is not there")
        return self._pool.reserve(streams)

    def claim(self, ports: Iterable[int]) -> None:
        """RTP ports that a call had before the restart of the server."""
        self._pool.claim(ports)

    def release(self, ports: tuple[int, ...]) -> None:
        self._pool.release(ports)

    def set(self, context: Context) -> None:
        self._forget(context.id)
        self._contexts[context.id] = context
        for each in context.terminations:
            self._where[each.id] = context.id
        if self._link is not None:
            self._say(wire.set_line(context))

    def drop(self, context: str, done: Done) -> None:
        self._forget(context)
        if self._link is None:
            self._loop.call_soon(done, ())
            return
        token = next(self._tokens)
        self._drops[token] = (done, self._loop.call_later(DROP_SECONDS, self._dropped, token, ()))
        self._say(wire.line("drop", context, token))

    def send_digits(self, termination: str, digits: str) -> None:
        if self._link is not None:
            self._say(wire.line("digits", termination, digits))

    def listen(self, termination: str, listener: Listener | None) -> None:
        if listener is None:
            self._listeners.pop(termination, None)
        else:
            self._listeners[termination] = listener

    def restored(self) -> None:
        """Every call that survived the restart of the server has been given: what else the media process has is nobody's."""
        self.is_restored.set()
        self._drop_unclaimed()

    # The other side

    def attach(self, link: Link, hello: Hello) -> None:
        """There is a media process: it gets everything that it should have."""
        self._link = link
        self._theirs = frozenset(hello.contexts)
        self._pool.regain(hello.taken)
        if hello.taken:
            self.log.warning("media ports that other programs have are left out", count=len(hello.taken), first=hello.taken[0])
        for context in self._contexts.values():
            self._say(wire.set_line(context))
        if self.is_restored.is_set():
            self._drop_unclaimed()

    def detach(self) -> None:
        """It has gone. Nobody learns what it has counted."""
        self._link = None
        self._out.clear()
        for token in tuple(self._drops):
            self._dropped(token, ())

    def deliver(self, verb: str, items: list[Any]) -> None:
        """What the media process says. Raises `WireError`."""
        if verb == "dropped" and len(items) == 2:
            self._dropped(items[0], wire.read_statistics(items[1]))
        elif verb == "error":
            self.log.error("media process refused", why=str(items))
        elif (event := wire.read_event(verb, items)) is not None:
            self._happened(event)
        else:
            raise WireError(f"unknown verb {verb[:40]}")

    def _happened(self, event: MediaEvent) -> None:
        if isinstance(event, PortLost):
            self._pool.lose(event.port)
            self.log.warning("media port lost", port=event.port, termination=event.termination)
        elif isinstance(event, Played):
            self._is_over(event)
        listener = self._listeners.get(event.termination)
        if listener is not None:
            self._protected(listener, event)

    def _is_over(self, event: Played) -> None:
        """What has been played shall not be played again to a new media process."""
        context = self._contexts.get(self._where.get(event.termination, ""))
        if context is not None and (play := context.plays.get(event.termination)) is not None and play.id == event.play:
            plays = {member: each for member, each in context.plays.items() if member != event.termination}
            self._contexts[context.id] = context._replace(plays=plays)

    def _dropped(self, token: int, statistics: tuple[Statistics, ...]) -> None:
        found = self._drops.pop(token, None)
        if found is not None:
            done, timer = found
            timer.cancel()
            self._protected(done, statistics)

    def _protected(self, call: Callable[[Any], None], argument: object) -> None:
        """A bug of whom we tell something must not cut the connection."""
        self.wake()
        try:
            call(argument)
        except Exception:
            self.log.exception("bug")

    def _forget(self, context: str) -> None:
        former = self._contexts.pop(context, None)
        for each in former.terminations if former is not None else ():
            if self._where.get(each.id) == context:
                del self._where[each.id]

    def _drop_unclaimed(self) -> None:
        if self._link is not None:
            for context in self._theirs - self._contexts.keys():
                self.log.warning("media of no call closed", context=context)
                self._say(wire.line("drop", context, 0))
            self._theirs = frozenset()

    def _say(self, data: bytes) -> None:
        if not self._out:
            self._loop.call_soon(self.flush)
        self._out.append(data)

    def flush(self) -> None:
        """Write what waits for the end of this turn of the loop."""
        data, self._out = b"".join(self._out), []
        if self._link is not None and data:
            self._link.write(data)


def _peer(sock: Any) -> int:
    """The process that listens at the other end of a Unix socket; 0 when the system does not tell."""
    try:
        pid, _, _ = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    except (AttributeError, OSError):
        return 0
    return int(pid)

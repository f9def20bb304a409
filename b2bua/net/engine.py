"""The asyncio shell over the sans-IO stack: opens the sockets, feeds what arrives, sends what comes out, keeps one timer.

`now` is `loop.time()` in seconds, read once per wake-up. Everything runs on the loop's thread.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Hashable, Iterable
from typing import ClassVar, Final, Protocol

from b2bua.net.address import ANY_HOST, Listen, is_ip_literal, parse_advertise, reach
from b2bua.net.limits import DEFAULT_LIMITS, Limits
from b2bua.net.stream import Streams
from b2bua.net.udp import UdpFlow, UdpSocket
from b2bua.sip.flow import Flow, Target, host_port

log = logging.getLogger(__name__)

TIMER_SPACING = 0.005  # seconds at least to the next timer wake-up, whatever the stack asks for
OVERLOAD_SECONDS = 0.4  # a timer that comes so late says that messages wait as long: peers begin to repeat them at 0.5 s
OVERLOAD_HOLD = 1.0  # how long one late timer counts; after a pause of the machine it may be the last for hours
CLOCK_STEP = 0.001  # uvloop's clock and timers count milliseconds; one more saves a wake-up that comes too early
TICKS_PER_FLUSH = 4  # a timer that is due at once runs in the wake-up that set it, but cannot hold the loop


class Stack(Protocol):
    """What the engine needs of `b2bua.sip.stack.SipStack`: none of these raises."""

    overloaded_until: float

    def receive(self, flow: Flow, data: bytes, now: float) -> None:
        """Take one datagram, or one framed message of a stream."""
        ...

    def tick(self, now: float) -> None:
        """Run the timers that are due."""
        ...

    def next_deadline(self) -> float | None:
        """When the next timer is due; None without timers."""
        ...

    def drain(self) -> list[tuple[Flow, bytes]]:
        """Hand over what is to be sent, in order."""
        ...

    def flow_failed(self, flow: Flow, now: float) -> None:
        """Learn that `flow` is broken: refused, closed, unreachable."""
        ...


class UnreachableFlow:
    """Where no socket leads: each send is reported as failed, so that the stack tries the next target."""

    __slots__ = ("_engine", "key", "remote", "transport")

    reliable: ClassVar[bool] = False
    local: ClassVar[tuple[str, int]] = ("", 0)
    sent_by: ClassVar[str] = "invalid"
    closed: ClassVar[bool] = True

    def __init__(self, engine: Engine, target: Target) -> None:
        self._engine = engine
        self.transport = target.transport
        self.remote = (target.host, target.port)
        self.key: Hashable = ("unreachable", target)

    def send(self, data: bytes) -> None:
        """Report the failure."""
        self._engine.flow_failed_soon(self)

    def close(self) -> None:
        """Do nothing: it is closed."""


MOST_WAITING: Final = 10_000
"""Messages kept while the server restores its calls."""


class Engine:
    """Drives one stack on one loop; a `b2bua.sip.flow.Connector`.

    `advertise` is the public address, with or without a port, that Via and Contact show instead of the socket's own.
    """

    def __init__(
        self, stack: Stack, loop: asyncio.AbstractEventLoop, *, advertise: str | None = None, limits: Limits = DEFAULT_LIMITS
    ) -> None:
        self.stack = stack
        self.loop = loop
        self.limits = limits
        self._advertise = parse_advertise(advertise)
        self._udp: list[UdpSocket] = []
        self._streams = Streams(self, limits)
        self._timer: asyncio.TimerHandle | None = None
        self._armed = float("inf")
        self._flush_soon = False
        self._failed: dict[int, Flow] = {}  # by identity: the stack knows its flows by it
        self._running = False
        self._waiting: list[tuple[Flow, bytes]] | None = None  # what came before the server knew its calls again

    # Life

    def hold_back(self) -> None:
        """Keep what comes from now on until `let_in`: a request of a call that is not restored yet must not be told that there is none."""
        self._waiting = []

    def let_in(self) -> None:
        """Deal with what was kept, in order."""
        waiting, self._waiting = self._waiting, None
        for flow, data in waiting or ():
            self.received(flow, data, self.loop.time())
        self.flush()

    async def start(self, listens: Iterable[str]) -> None:
        """Open all of `listens` (`udp://127.0.0.1:5060`); none stays open when one fails. Raises `ValueError`, `OSError`."""
        wanted = [Listen.parse(text) for text in listens]
        self._running = True
        try:
            for listen in wanted:
                await self._open(listen)
        except BaseException:
            await self.stop()
            raise
        self.flush()

    async def _open(self, listen: Listen) -> None:
        try:
            if listen.transport == "UDP":
                self._udp.append(await UdpSocket.open(self, listen.host, listen.port))
            else:
                await self._streams.listen(listen.host, listen.port)
        except OSError as error:
            where = f"{listen.transport.lower()}://{host_port(listen.host, listen.port)}"
            raise OSError(error.errno, f"cannot listen on {where}: {error.strerror or error}") from error

    async def stop(self) -> None:
        """Send what is due, close every socket, end the timer. Nothing reaches the stack afterwards."""
        if self._running:
            self.flush()
        self._running = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for udp in self._udp:
            udp.close()
        self._udp.clear()
        self._failed.clear()
        await self._streams.close()

    @property
    def listens(self) -> list[Listen]:
        """The addresses really listened on, with the ports that the system chose."""
        udp = [Listen("UDP", *socket.local) for socket in self._udp]
        return udp + [Listen("TCP", *local) for local in self._streams.locals]

    @property
    def connections(self) -> int:
        """Open stream connections."""
        return len(self._streams)

    # From the sockets to the stack

    def datagram_received(self, flow: Flow, data: bytes) -> None:
        """Feed one datagram and send what comes out."""
        if self._waiting is not None:
            self._keep_back(flow, data)
            return
        now = self.loop.time()
        try:
            self.stack.receive(flow, data, now)
        except Exception:
            log.exception("a datagram from %s was dropped", flow.remote)
        self.flush(now)

    def received(self, flow: Flow, data: bytes, now: float) -> None:
        """Feed one message; a bug in the stack costs this message, never the loop. The caller flushes afterwards."""
        if self._waiting is not None:
            self._keep_back(flow, data)
            return
        try:
            self.stack.receive(flow, data, now)
        except Exception:
            log.exception("a message from %s was dropped", flow.remote)

    def _keep_back(self, flow: Flow, data: bytes) -> None:
        if self._waiting is not None and len(self._waiting) < MOST_WAITING:
            self._waiting.append((flow, data))  # more are sent again by who sent them

    def flow_failed_soon(self, flow: Flow) -> None:
        """Report `flow` as broken in the next round of the loop: not from inside the sending, which may be the stack's."""
        if not self._running:
            return
        if not self._failed:
            self.loop.call_soon(self._report_failed)
        self._failed[id(flow)] = flow

    def _report_failed(self) -> None:
        failed, self._failed = self._failed, {}
        now = self.loop.time()
        for flow in failed.values():
            try:
                self.stack.flow_failed(flow, now)
            except Exception:
                log.exception("the failure of the way to %s was not handled", flow.remote)
        self.flush(now)

    # From the stack to the sockets

    def run_soon(self) -> None:
        """Flush once in the next round of the loop, however often this is called: for callers outside the engine."""
        if not self._flush_soon and self._running:
            self._flush_soon = True
            self.loop.call_soon(self._flush_now)

    def _flush_now(self) -> None:
        self._flush_soon = False
        self.flush()

    def flush(self, now: float | None = None) -> None:
        """Send what the stack has for the wire, run timers that are due, arm the timer."""
        if not self._running:
            return
        stack = self.stack
        for flow, data in stack.drain():
            flow.send(data)
        deadline = stack.next_deadline()
        if deadline is None or deadline >= self._armed:
            return
        if now is None:
            now = self.loop.time()
        if deadline <= now:
            deadline = self._tick(now)
        if deadline is not None and deadline < self._armed:
            self._arm(deadline, now)

    def _tick(self, now: float) -> float | None:
        stack = self.stack
        for _ in range(TICKS_PER_FLUSH):
            try:
                stack.tick(now)
            except Exception:
                log.exception("a timer failed")
            for flow, data in stack.drain():
                flow.send(data)
            deadline = stack.next_deadline()
            if deadline is None or deadline > now:
                break
        return deadline

    def _arm(self, deadline: float, now: float) -> None:
        delay = max(deadline - now + CLOCK_STEP, TIMER_SPACING)
        if now + delay >= self._armed:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._armed = now + delay
        self._timer = self.loop.call_later(delay, self._on_timer)

    def _on_timer(self) -> None:
        now = self.loop.time()
        self.stack.overloaded_until = now + OVERLOAD_HOLD if now - self._armed > OVERLOAD_SECONDS else 0.0
        self._timer = None
        self._armed = float("inf")
        self.flush(now)

    # Connector

    def flow_to(self, target: Target, via: Flow | None = None) -> Flow:
        """A flow to `target`, over the socket of `via` where that fits; one that fails at once where nothing leads there."""
        transport, host, port = target
        flow: Flow | None = None
        if not 0 < port < 65_536:
            pass
        elif transport == "UDP":
            udp = self._udp_socket_for(host, via)
            flow = udp.flow_to(host, port) if udp is not None else None
        elif transport == "TCP":
            flow = self._streams.flow_to(host, port, via)
        return UnreachableFlow(self, target) if flow is None else flow

    def udp_flow(self, local: tuple[str, int], remote: tuple[str, int]) -> Flow | None:
        """The flow between two UDP addresses, as it was before a restart; None when nothing listens on `local` any more."""
        for udp in self._udp:
            if udp.local == local or (udp.local[1] == local[1] and udp.local[0] in ANY_HOST):
                return udp.flow_to(*remote)
        return None

    def _udp_socket_for(self, host: str, via: Flow | None) -> UdpSocket | None:
        best: UdpSocket | None = None
        best_rank = -1
        for udp in self._udp:
            rank = reach(udp.local[0], host)
            if rank is None:
                continue
            if isinstance(via, UdpFlow) and via.socket is udp:
                rank += 1  # before its equals, not before one that leads to the host better
            if rank > best_rank:
                best, best_rank = udp, rank
        return best

    def sent_by(self, local: tuple[str, int]) -> str:
        """Via sent-by and Contact host of a flow whose socket listens on `local`."""
        if self._advertise is None:
            return host_port(*local)
        host, port = self._advertise
        if is_ip_literal(host) and (":" in host) != (":" in local[0]):
            return host_port(*local)  # a public IPv4 address says nothing to an IPv6 peer
        return host_port(host, port or local[1])

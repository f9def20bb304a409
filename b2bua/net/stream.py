"""TCP: accepting and opening connections, both usable in both directions (RFC 3261 §18), and ending the slow and the silent.

A connection is found again by its remote address and only by that (the safe part of RFC 5923): a peer cannot make us send
to it what is meant for another address.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections import Counter
from contextlib import suppress
from ipaddress import IPv6Address
from typing import TYPE_CHECKING

from b2bua.net.address import ANY_HOST, family_of, reach
from b2bua.net.connection import StreamFlow
from b2bua.net.deadlines import Deadlines
from b2bua.net.limits import Limits

if TYPE_CHECKING:
    from b2bua.net.engine import Engine
    from b2bua.sip.flow import Flow

log = logging.getLogger(__name__)

BACKLOG = 1_024
SWEEP_SECONDS = 1.0  # how late a connection may be cut off
CLOSE_SECONDS = 2.0  # for what was sent to leave when the server stops


class Streams:
    """All listening sockets and connections of one engine."""

    def __init__(self, engine: Engine, limits: Limits) -> None:
        self.engine = engine
        self.limits = limits
        self.locals: list[tuple[str, int]] = []
        self._servers: list[asyncio.Server] = []
        self._flows: set[StreamFlow] = set()
        self._by_remote: dict[tuple[str, int], StreamFlow] = {}
        self._per_host: Counter[str] = Counter()
        self._connecting: dict[StreamFlow, asyncio.Task[None]] = {}
        self._message = Deadlines[StreamFlow](limits.message_seconds)
        self._first_message = Deadlines[StreamFlow](limits.first_message_seconds)
        self._idle = Deadlines[StreamFlow](limits.idle_seconds)
        self._closing = Deadlines[StreamFlow](limits.message_seconds)
        self._sweeper: asyncio.TimerHandle | None = None
        self._emptied: asyncio.Future[None] | None = None
        shortest = min(limits.message_seconds, limits.first_message_seconds, limits.idle_seconds)
        self._sweep_seconds = min(SWEEP_SECONDS, shortest)

    def __len__(self) -> int:
        return len(self._flows)

    # Opening

    async def listen(self, host: str, port: int) -> None:
        """Accept connections on `host` (an IP literal) and `port` (0: any). Raises `OSError`."""
        family = family_of(host)
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind((host, port))
            sock.setblocking(False)
            local = sock.getsockname()[:2]
            server = await self.engine.loop.create_server(lambda: StreamFlow(self, inbound=True), sock=sock, backlog=BACKLOG)
        except BaseException:
            sock.close()
            raise
        self._servers.append(server)
        self.locals.append(local)

    def flow_to(self, host: str, port: int, via: Flow | None) -> StreamFlow | None:
        """The open connection with that address, else a new one; None where none of our addresses leads there."""
        if isinstance(via, StreamFlow) and via.remote == (host, port) and via in self._flows and not via.closed:
            return via
        return self._by_remote.get((host, port)) or self._connect(host, port)

    def _connect(self, host: str, port: int) -> StreamFlow | None:
        reaching = [(rank, local) for local in self.locals if (rank := reach(local[0], host)) is not None]
        if not reaching or len(self._flows) >= self.limits.connections:
            return None
        rank, listen = max(reaching, key=lambda pair: pair[0])
        sock = socket.socket(family_of(host), socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            if rank and listen[0] not in ANY_HOST:
                sock.bind((listen[0], 0))  # the peer knows us by this address
            _start_connecting(sock, (host, port))
            local = sock.getsockname()[:2]
        except (OSError, OverflowError) as error:
            log.debug("no connection to %s:%d: %s", host, port, error)
            sock.close()
            return None
        flow = StreamFlow(self, inbound=False)
        flow.remote = (host, port)
        flow.local = local
        flow.sent_by = self.engine.sent_by((local[0], listen[1]))  # where we take connections, not this one's own port
        self._add(flow)
        task = self.engine.loop.create_task(self._finish_connecting(flow, sock))
        self._connecting[flow] = task
        task.add_done_callback(lambda task: self._connecting_ended(flow, sock, task))
        return flow

    async def _finish_connecting(self, flow: StreamFlow, sock: socket.socket) -> None:
        loop = self.engine.loop
        async with asyncio.timeout(self.limits.connect_seconds):
            await _writable(loop, sock)
            error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error:
                raise OSError(error, os.strerror(error))
            await loop.create_connection(lambda: flow, sock=sock)

    def _connecting_ended(self, flow: StreamFlow, sock: socket.socket, task: asyncio.Task[None]) -> None:
        self._connecting.pop(flow, None)
        error = None if task.cancelled() else task.exception()
        if error is None and not task.cancelled():
            return
        sock.close()
        if not isinstance(error, OSError | None):
            log.error("connecting to %s failed", flow.remote, exc_info=error)
        flow.abort(f"no connection: {error!r}")

    def admit(self, flow: StreamFlow) -> bool:
        """Count in a connection that a peer opened; False when there are too many."""
        host = _counted_host(flow.remote[0])
        if len(self._flows) >= self.limits.connections or self._per_host[host] >= self.limits.connections_per_host:
            log.warning("connection from %s refused: too many", flow.remote)
            return False
        self._per_host[host] += 1
        self._first_message.set(flow, self._add(flow))
        return True

    def _add(self, flow: StreamFlow) -> float:
        now = self.engine.loop.time()
        self._flows.add(flow)
        self._by_remote[flow.remote] = flow
        self._idle.set(flow, now)
        if self._sweeper is None:
            self._sweeper = self.engine.loop.call_later(self._sweep_seconds, self._sweep_soon)
        return now

    # What happens to a connection

    def heard(self, flow: StreamFlow, whole: bool, partial: bool, now: float) -> None:
        """Bytes came over `flow`; `whole`: a message ended with them, `partial`: one is left unfinished."""
        if flow.closed or flow not in self._flows:
            return
        self._idle.set(flow, now)
        if whole:
            self._first_message.discard(flow)
            self._message.discard(flow)
        if not partial:
            self._message.discard(flow)
        elif flow not in self._message:
            self._message.set(flow, now)

    def closing(self, flow: StreamFlow) -> None:
        """`flow` leaves; it is not used for anything new."""
        self._unlist(flow)
        for deadlines in (self._message, self._first_message, self._idle):
            deadlines.discard(flow)
        if flow in self._flows:
            self._closing.set(flow, self.engine.loop.time())
        self._stop_connecting(flow)

    def _stop_connecting(self, flow: StreamFlow) -> None:
        task = self._connecting.get(flow)
        if task is not None:
            task.cancel()

    def lost(self, flow: StreamFlow) -> None:
        """`flow` is gone: forget it, tell the stack once."""
        if flow not in self._flows:
            return
        self._flows.discard(flow)
        self._unlist(flow)
        self._stop_connecting(flow)
        for deadlines in (self._message, self._first_message, self._idle, self._closing):
            deadlines.discard(flow)
        if flow.inbound:
            host = _counted_host(flow.remote[0])
            self._per_host[host] -= 1
            if self._per_host[host] <= 0:
                del self._per_host[host]
        if not self._flows and self._emptied is not None and not self._emptied.done():
            self._emptied.set_result(None)
        self.engine.flow_failed_soon(flow)

    def _unlist(self, flow: StreamFlow) -> None:
        if self._by_remote.get(flow.remote) is flow:
            del self._by_remote[flow.remote]

    # Slow and silent peers

    def _sweep_soon(self) -> None:
        self._sweeper = None
        self.sweep(self.engine.loop.time())
        if self._flows:
            self._sweeper = self.engine.loop.call_later(self._sweep_seconds, self._sweep_soon)

    def sweep(self, now: float) -> None:
        """Cut off what is late at `now`."""
        for flow in self._message.expired(now):
            flow.abort("a message takes too long")
        for flow in self._first_message.expired(now):
            flow.abort("no message came")
        for flow in self._closing.expired(now):
            flow.abort("it does not end")
        for flow in self._idle.expired(now):
            log.debug("connection with %s closed: idle", flow.remote)
            flow.close()

    async def close(self) -> None:
        """Close the listening sockets, then every connection after what was sent has left, soon if need be by force."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        for server in self._servers:
            server.close()
        for flow in list(self._flows):
            flow.close()
        if self._flows:
            self._emptied = self.engine.loop.create_future()
            try:
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self._emptied
            except TimeoutError:
                for flow in list(self._flows):
                    flow.abort("the server stops")
        await asyncio.sleep(0)  # the transports end in the next round of the loop
        self.locals.clear()
        self._servers.clear()


def _start_connecting(sock: socket.socket, address: tuple[str, int]) -> None:
    """Begin a connection, so that the local address is known before it stands. Raises `OSError`."""
    with suppress(BlockingIOError):  # it is under way
        sock.connect(address)


async def _writable(loop: asyncio.AbstractEventLoop, sock: socket.socket) -> None:
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_writer(sock, _set_done, ready)
    try:
        await ready
    finally:
        loop.remove_writer(sock)


def _set_done(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


def _counted_host(host: str) -> str:
    """What counts as one source: an IPv4 address, or the /64 network that one IPv6 host owns whole."""
    if ":" not in host:
        return host
    return IPv6Address(host).exploded[:19]

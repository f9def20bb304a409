"""The HTTP socket, served by uvicorn in the same event loop as the calls."""

import asyncio
import functools
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ipaddress import IPv6Address, ip_address
from typing import Any, cast

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

MAX_CONNECTIONS = 2_500
"""Above that, requests are answered with 503. An open page holds one."""
MAX_OPEN = 3_000
"""Above that, connections are not taken at all."""
MAX_OF_ADDRESS = 500
"""Connections of one address that are no open pages (those have signed in). A browser has six; behind one address there may be an office,
or a proxy. So nobody alone keeps everybody else out."""
MAX_EVENT_BYTES = 65_536
"""Of one message that a page sends."""
REQUEST_SECONDS = 10.0
KEEP_ALIVE_SECONDS = 5
STOP_SECONDS = 2
TICK_SECONDS = 1.0


class _Http(H11Protocol):
    """HTTP/1.1 with a client that must be quick: one that asks nothing for ``REQUEST_SECONDS`` makes room for others."""

    def __init__(self, *arguments: Any, shares: Counter[str], **named: Any) -> None:
        """`shares`: how many connections each address has."""
        super().__init__(*arguments, **named)
        self._shares = shares
        self._share: str | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take part, unless there are too many, or too many of the same address."""
        super().connection_made(cast("asyncio.Transport", transport))
        self._waits_since = self.loop.time()
        self._share = _share_of(self.client[0]) if self.client else None
        if self._share is not None:
            self._shares[self._share] += 1
        if len(self.connections) > MAX_OPEN or (self._share is not None and self._shares[self._share] > MAX_OF_ADDRESS):
            self.transport.abort()
        else:
            self.loop.call_later(REQUEST_SECONDS, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Make room."""
        self._release()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """An open page is another protocol's from now on."""
        self._release()
        super().handle_websocket_upgrade(event)

    def _release(self) -> None:
        share, self._share = self._share, None
        if share is not None:
            self._shares[share] -= 1
            if not self._shares[share]:
                del self._shares[share]

    def _look(self) -> None:
        if self.transport.is_closing():
            return
        left = self._waits_since + REQUEST_SECONDS - self.loop.time()
        if self.conn.our_state is h11.IDLE and left <= 0:
            self.transport.close()
        else:
            self.loop.call_later(left if left > 0 else REQUEST_SECONDS, self._look)

    def on_response_complete(self) -> None:
        """The next request may take as long again."""
        self._waits_since = self.loop.time()
        super().on_response_complete()


def _share_of(host: str) -> str | None:
    """Whom a connection counts for: an address, of IPv6 the network of one customer (RFC 6177). None for this machine, where a proxy may
    be that speaks for everybody."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    if address.is_loopback:
        return None
    return address.packed[:8].hex() if isinstance(address, IPv6Address) else str(address)


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers, and without waking the loop ten times a second to look for a flag."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._stopping = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave SIGTERM and SIGINT to the composition root, which drains calls first."""
        yield

    async def main_loop(self) -> None:
        """Renew the Date header once a second until ``stop``."""
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), TICK_SECONDS)

    def stop(self) -> None:
        """End ``main_loop``."""
        self.should_exit = True
        self._stopping.set()


class HttpServer:
    """A running HTTP server. ``port`` is the real one, also when 0 was asked for."""

    def __init__(self, server: _Server, task: asyncio.Task[None], port: int) -> None:
        self._server = server
        self._task = task
        self.port = port

    async def stop(self) -> None:
        """Close the socket, give open requests ``STOP_SECONDS``, and return when nothing is left."""
        self._server.stop()
        await self._task


async def serve(app: ASGIApp, host: str, port: int) -> HttpServer:
    """Listen on ``host`` (an IP literal) and ``port`` and serve ``app`` from the running loop.

    Raises OSError when the address cannot be bound.
    """
    listener = _listen(host, port)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        http=cast("type[asyncio.Protocol]", functools.partial(_Http, shares=Counter())),
        ws="websockets-sansio",
        ws_max_size=MAX_EVENT_BYTES,
        ws_ping_interval=20.0,
        ws_ping_timeout=20.0,
        ws_per_message_deflate=False,  # most messages are short, and a page on the other side of the room pays for the rest
        server_header=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
        proxy_headers=False,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]), name="http")
    while not server.started:
        if task.done():
            await task
            raise OSError(f"the HTTP server on {host}:{port} ended while starting")
        await asyncio.sleep(0.005)
    return HttpServer(server, task, listener.getsockname()[1])


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((host, port))
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"{error.strerror}: HTTP on {host}:{port}") from error
    return listener

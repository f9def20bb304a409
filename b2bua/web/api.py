"""The HTTP side: ``GET /health`` and ``GET /metrics``, in the same event loop as the calls.

Every error is an ``application/problem+json`` document (RFC 9457).
"""

import asyncio
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http import HTTPStatus
from typing import cast

import h11
import uvicorn
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

Health = Callable[[], Mapping[str, object]]
"""What ``/health`` answers: ``status`` and the counts of the contract."""

MAX_CONNECTIONS = 100
"""Above that, requests are answered with 503."""
MAX_OPEN = 200
"""Above that, connections are not taken at all."""
REQUEST_SECONDS = 10.0
KEEP_ALIVE_SECONDS = 5
STOP_SECONDS = 2
TICK_SECONDS = 1.0
_NO_STORE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def create_app(health: Health, metrics: CollectorRegistry) -> Starlette:
    """The application. ``health`` is asked at each request; anything but ``{"status": "ok"}`` is answered with 503."""

    async def get_health(_request: Request) -> Response:
        report = dict(health())
        status = HTTPStatus.OK if report.get("status") == "ok" else HTTPStatus.SERVICE_UNAVAILABLE
        return JSONResponse(report, status, _NO_STORE)

    async def get_metrics(_request: Request) -> Response:
        return Response(generate_latest(metrics), headers=_NO_STORE, media_type=CONTENT_TYPE_LATEST)

    return Starlette(
        routes=[Route("/health", get_health), Route("/metrics", get_metrics)],
        exception_handlers={HTTPException: _refused, Exception: _failed},
    )


async def _refused(_request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    return _problem(error.status_code, error.detail, error.headers)


async def _failed(_request: Request, _error: Exception) -> Response:
    # What went wrong is in the log (uvicorn writes it with its traceback), not in the answer.
    return _problem(HTTPStatus.INTERNAL_SERVER_ERROR, "the server failed to answer; its log says why")


def _problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """An RFC 9457 document."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return JSONResponse(body, status, {**_NO_STORE, **(headers or {})}, media_type="application/problem+json")


class _Http(H11Protocol):
    """HTTP/1.1 with a client that must be quick: one that asks nothing for ``REQUEST_SECONDS`` makes room for others."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take part, unless there are too many."""
        super().connection_made(cast("asyncio.Transport", transport))
        if len(self.connections) > MAX_OPEN:
            self.transport.abort()
        else:
            self.loop.call_later(REQUEST_SECONDS, self._look)

    def _look(self) -> None:
        if self.transport.is_closing():
            return
        if self.conn.our_state is h11.IDLE:
            self.transport.close()
        else:
            self.loop.call_later(REQUEST_SECONDS, self._look)


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
        http=_Http,
        ws="none",
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

"""A stack that records and answers, and short helpers around real loopback sockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import uvloop

from b2bua.net.engine import Engine
from b2bua.net.limits import DEFAULT_LIMITS, Limits
from b2bua.sip.flow import Flow

T = TypeVar("T")
PATIENCE = 5.0  # seconds until a test that waits for nothing fails


class FakeStack:
    """Answers each message with `answer(message)`, keeps what it was told."""

    def __init__(self) -> None:
        self.received: list[tuple[Flow, bytes]] = []
        self.failed: list[Flow] = []
        self.ticks: list[float] = []
        self.output: list[tuple[Flow, bytes]] = []
        self.deadlines: list[float] = []
        self.answer: Callable[[bytes], bytes | None] = lambda data: b"re:" + data
        self.on_failed: Callable[[Flow], None] = lambda flow: None

    def receive(self, flow: Flow, data: bytes, now: float) -> None:
        self.received.append((flow, data))
        if data.startswith(b"BUG"):
            raise RuntimeError("a bug in the stack")
        answer = self.answer(data)
        if answer is not None:
            self.output.append((flow, answer))

    def tick(self, now: float) -> None:
        self.ticks.append(now)
        self.deadlines = [deadline for deadline in self.deadlines if deadline > now]

    def next_deadline(self) -> float | None:
        return min(self.deadlines, default=None)

    def drain(self) -> list[tuple[Flow, bytes]]:
        output, self.output = self.output, []
        return output

    def flow_failed(self, flow: Flow, now: float) -> None:
        self.failed.append(flow)
        self.on_failed(flow)


class Shell:
    """An engine on a fake stack; `async with Shell("udp://127.0.0.1:0") as shell`."""

    def __init__(self, *listens: str, limits: Limits = DEFAULT_LIMITS, advertise: str | None = None) -> None:
        self.stack = FakeStack()
        self.engine = Engine(self.stack, asyncio.get_running_loop(), limits=limits, advertise=advertise)
        self._listens = listens

    async def __aenter__(self) -> Shell:
        await self.engine.start(self._listens)
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.engine.stop()
        assert self.engine.connections == 0

    def address(self, index: int = 0) -> tuple[str, int]:
        listen = self.engine.listens[index]
        return listen.host, listen.port


class Peer:
    """A UDP or TCP socket of the other side, driven by the same loop."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.address: tuple[str, int] = sock.getsockname()[:2]

    @staticmethod
    def udp(host: str = "127.0.0.1", buffer: int | None = None) -> Peer:
        sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        if buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        sock.setblocking(False)
        sock.bind((host, 0))
        return Peer(sock)

    @staticmethod
    async def tcp(to: tuple[str, int]) -> Peer:
        sock = socket.socket(socket.AF_INET6 if ":" in to[0] else socket.AF_INET, socket.SOCK_STREAM)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, to)
        return Peer(sock)

    async def read(self, size: int = 65_536) -> bytes:
        """What comes next; b"" at the end of a stream."""
        async with asyncio.timeout(PATIENCE):
            try:
                return await asyncio.get_running_loop().sock_recv(self.sock, size)
            except ConnectionResetError:
                return b""

    async def read_exactly(self, data: bytes) -> None:
        """Check that `data` comes, in pieces of any size."""
        got = b""
        while len(got) < len(data):
            piece = await self.read()
            assert piece, got
            got += piece
        assert got == data

    async def write(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.sock, data)

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *exc: object) -> None:
        self.sock.close()


async def until(condition: Callable[[], Any]) -> None:
    """Let the loop run until `condition` holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - what is waited for is in the code under test
            await asyncio.sleep(0.001)


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run on uvloop, as the server does."""
    return uvloop.run(coroutine)


def sip(body: bytes = b"", length: str | None = None, header: str = "Content-Length") -> bytes:
    """A small message with `body`; `length` replaces the right one."""
    said = str(len(body)) if length is None else length
    return f"OPTIONS sip:a SIP/2.0\r\n{header}: {said}\r\nX: 1\r\n\r\n".encode() + body

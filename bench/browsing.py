"""Who uses the pages and the API: sockets of open pages that note when each message came, and programs that ask and wait for the answer."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from websockets.asyncio.client import ClientConnection, connect

from bench import company
from bench.server import HTTP_PORT, SERVER

PREFIX = "/api/v1"
ANSWER_SECONDS = 30.0
AT_ONCE = 50
"""Pages that are opened at the same time."""


class Received(NamedTuple):
    """A message, and when it came in seconds since the epoch."""

    at: float
    text: str


@dataclass(slots=True)
class OpenPage:
    """The socket of a page of `account`, and what it was told."""

    account: str
    socket: ClientConnection
    heard: list[Received] = field(default_factory=list)

    async def listen(self) -> None:
        """Until the socket is closed."""
        async for message in self.socket:
            self.heard.append(Received(time.time(), str(message)))

    def events(self) -> list[tuple[float, dict[str, Any]]]:
        """What it was told, one by one."""
        found = []
        for at, text in self.heard:
            message = json.loads(text)
            found += [(at, each) for each in (message["events"] if message["type"] == "batch" else [message])]
        return found


@asynccontextmanager
async def pages(accounts: Sequence[str]) -> AsyncIterator[list[OpenPage]]:
    """A page of each account, open and told its state; closed at the end."""
    some = asyncio.Semaphore(AT_ONCE)

    async def open_one(account: str) -> OpenPage:
        async with some:
            page = OpenPage(account, await _connect(account))
            page.heard.append(Received(time.time(), str(await asyncio.wait_for(page.socket.recv(), ANSWER_SECONDS))))
            return page

    made = await asyncio.gather(*map(open_one, accounts))
    listening = [asyncio.create_task(page.listen()) for page in made]
    try:
        yield list(made)
        gone = [page.account for page, task in zip(made, listening, strict=True) if task.done()]
        if gone:
            raise OSError(f"{len(gone)} pages were closed by the server, the first of {gone[0]}")
    finally:
        await asyncio.gather(*(page.socket.close() for page in made))
        await asyncio.gather(*listening, return_exceptions=True)


async def _connect(account: str) -> ClientConnection:
    headers = {"Authorization": f"Bearer {company.token(account)}"}
    where = f"ws://{SERVER}:{HTTP_PORT}{PREFIX}/events?batch=1"
    return await connect(where, additional_headers=headers, compression=None, proxy=None, open_timeout=ANSWER_SECONDS)


class Answer(NamedTuple):
    """What a program was answered, and after how many milliseconds."""

    status: int
    body: bytes
    ms: float


class Program:
    """A client of the API that keeps its connections. ``close`` it."""

    def __init__(self, account: str = company.ADMINISTRATOR) -> None:
        self._head = f"Host: {SERVER}:{HTTP_PORT}\r\nAuthorization: Bearer {company.token(account)}\r\n"
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def ask(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        """One request on a connection of its own. Raises OSError."""
        further = {**(headers or {}), **({"Content-Length": str(len(body))} if method != "GET" else {})}
        lines = "".join(f"{name}: {value}\r\n" for name, value in further.items())
        head = f"{method} {path} HTTP/1.1\r\n{self._head}{lines}\r\n"
        while True:
            kept = bool(self._idle)
            begun = time.perf_counter()
            reader, writer = self._idle.pop() if kept else await asyncio.open_connection(SERVER, HTTP_PORT)
            try:
                writer.write(head.encode() + body)
                async with asyncio.timeout(ANSWER_SECONDS):
                    status, content = await _read(reader)
            except (asyncio.IncompleteReadError, ConnectionError):
                writer.close()
                if kept:
                    continue  # the server has closed a connection that nobody used
                raise
            self._idle.append((reader, writer))
            return Answer(status, content, 1000 * (time.perf_counter() - begun))

    async def json(self, method: str, path: str, value: object = None) -> Answer:
        """The same under the API, with a body of JSON, whatever revision the entry has. Raises OSError where it is refused."""
        body = b"" if value is None else json.dumps(value).encode()
        headers = {} if value is None else {"Content-Type": "application/json", "If-Match": "*"}
        answer = await self.ask(method, PREFIX + path, body, headers)
        if answer.status >= 300:
            raise OSError(f"{method} {path}: {answer.status} {answer.body[:200].decode(errors='replace')}")
        return answer

    def close(self) -> None:
        while self._idle:
            self._idle.pop()[1].close()


async def _read(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    status, *lines = head.split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if fields.get("transfer-encoding") != "chunked":
        return int(status.split()[1]), await reader.readexactly(int(fields.get("content-length", 0)))
    content = b""
    while size := int(await reader.readline(), 16):
        content += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readexactly(2)
    return int(status.split()[1]), content

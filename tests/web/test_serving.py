"""The HTTP side over a real socket."""

import asyncio
import json
import signal
import socket
from collections.abc import Mapping
from typing import Any

import pytest
import websockets

from b2bua.web import serving
from b2bua.web.metrics import Reading, registry
from b2bua.web.serving import HttpServer, serve
from tests.support.http import application

COUNTS = {"calls": 0, "legs": 0, "dialogs": 0, "transactions": 0, "timers": 0, "registrations": 3, "media_ports": 0}


class Answer:
    def __init__(self, raw: bytes) -> None:
        head, _, self.body = raw.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        self.status = int(first.split()[1])
        self.headers = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in lines)}

    @property
    def json(self) -> Any:
        return json.loads(self.body)


async def ask(server: HttpServer, request: str, host: str = "127.0.0.1") -> Answer:
    reader, writer = await asyncio.open_connection(host, server.port)
    writer.write(f"{request} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
    raw = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    await writer.wait_closed()
    return Answer(raw)


def over_http(
    request: str, health: Mapping[str, object] | None = None, readings: tuple[Reading, ...] = (), host: str = "127.0.0.1"
) -> Answer:
    async def once() -> Answer:
        server = await serve(application(lambda: health or {"status": "ok", **COUNTS}, registry(readings)), host, 0)
        try:
            return await ask(server, request, host)
        finally:
            await asyncio.wait_for(server.stop(), 5)

    return asyncio.run(once())


def test_health_is_the_contract() -> None:
    answer = over_http("GET /health")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json == {"status": "ok", **COUNTS}


def test_health_of_a_server_that_takes_no_calls_is_503() -> None:
    answer = over_http("GET /health", {"status": "draining", **COUNTS})
    assert (answer.status, answer.json["status"]) == (503, "draining")


def test_metrics_are_read_when_asked_for() -> None:
    outcomes = {"answered": 1}
    readings = (
        Reading("b2bua_calls", "Calls now.", lambda: 7),
        Reading("b2bua_attempts", "Calls so far.", lambda: outcomes, "counter", "outcome"),
    )
    outcomes["refused"] = 2
    text = over_http("GET /metrics", readings=readings).body.decode()
    assert "b2bua_calls 7.0\n" in text
    assert 'b2bua_attempts_total{outcome="answered"} 1.0\n' in text
    assert 'b2bua_attempts_total{outcome="refused"} 2.0\n' in text
    assert "process_cpu_seconds_total" in text


@pytest.mark.parametrize(
    ("request_line", "status", "title"), [("GET /nothing", 404, "Not Found"), ("POST /health", 405, "Method Not Allowed")]
)
def test_a_refusal_is_a_problem_document(request_line: str, status: int, title: str) -> None:
    answer = over_http(request_line)
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
    assert (answer.json["status"], answer.json["title"]) == (status, title)


def test_a_bug_is_a_problem_document_that_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> float:
        raise RuntimeError("inner detail")

    answer = over_http("GET /metrics", readings=(Reading("b2bua_calls", "Calls now.", broken),))
    assert (answer.status, answer.headers["content-type"]) == (500, "application/problem+json")
    assert b"inner detail" not in answer.body
    assert "inner detail" in caplog.text


def test_signals_stay_with_the_composition_root() -> None:
    async def look() -> None:
        before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
        server = await serve(application(), "127.0.0.1", 0)
        assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
        await server.stop()

    asyncio.run(look())


def test_an_address_in_use_is_an_os_error() -> None:
    async def twice() -> None:
        app = application()
        server = await serve(app, "127.0.0.1", 0)
        try:
            with pytest.raises(OSError, match=r"in use: HTTP on 127\.0\.0\.1:\d+"):
                await serve(app, "127.0.0.1", server.port)
        finally:
            await server.stop()

    asyncio.run(twice())


def test_ipv6() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 loopback here")
    assert over_http("GET /health", host="::1").status == 200


def test_stopping_closes_the_socket_and_open_connections() -> None:
    async def stop() -> None:
        server = await serve(application(), "127.0.0.1", 0)
        _reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        await asyncio.wait_for(server.stop(), 5)
        with pytest.raises(OSError, match=r"refused|failed"):
            await asyncio.open_connection("127.0.0.1", server.port)
        writer.close()

    asyncio.run(stop())


def test_one_address_does_not_take_all_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "MAX_OF_ADDRESS", 3)
    monkeypatch.setattr(serving, "_share_of", lambda host: host)  # loopback would not be counted

    async def crowd() -> None:
        server = await serve(application(), "127.0.0.1", 0)

        async def asked(address: str) -> bool:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port, local_addr=(address, 0))
            try:
                writer.write(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
                return (await asyncio.wait_for(reader.read(), 5)).startswith(b"HTTP/1.1 200 ")
            except ConnectionError:
                return False
            finally:
                writer.close()

        idle = [await asyncio.open_connection("127.0.0.1", server.port, local_addr=("127.0.0.8", 0)) for _ in range(3)]
        assert not await asked("127.0.0.8")
        assert await asked("127.0.0.9"), "somebody else is served all the same"
        for _, writer in idle:
            writer.close()
        async with asyncio.timeout(5):
            while not await asked("127.0.0.8"):
                pass
        assert all([await asked("127.0.0.8") for _ in range(10)]), "each that has gone makes room"
        await server.stop()

    asyncio.run(crowd())


def test_open_pages_do_not_count_as_connections_that_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "MAX_OF_ADDRESS", 2)
    monkeypatch.setattr(serving, "_share_of", lambda host: host)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await receive()

    async def many() -> None:
        server = await serve(app, "127.0.0.1", 0)
        pages = [await websockets.connect(f"ws://127.0.0.1:{server.port}/") for _ in range(5)]
        await asyncio.gather(*(page.close() for page in pages))
        await server.stop()

    asyncio.run(many())


@pytest.mark.parametrize(
    ("host", "share"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:0:1::7", "20010db800000001"),
        ("2001:db8:0:1:ffff::8", "20010db800000001"),
        ("127.0.0.1", None),
        ("127.8.8.8", None),
        ("::1", None),
        ("", None),
    ],
)
def test_for_whom_a_connection_counts(host: str, share: str | None) -> None:
    assert serving._share_of(host) == share


def test_a_client_that_asks_again_and_again_is_not_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("b2bua.web.serving.REQUEST_SECONDS", 0.1)

    async def keep_asking() -> None:
        server = await serve(application(), "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        end = asyncio.get_running_loop().time() + 0.35
        while asyncio.get_running_loop().time() < end:
            writer.write(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
            length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
            await asyncio.wait_for(reader.readexactly(length), 5)
        assert await asyncio.wait_for(reader.read(), 5) == b"", "and who has nothing more to ask makes room"
        writer.close()
        await server.stop()

    asyncio.run(keep_asking())

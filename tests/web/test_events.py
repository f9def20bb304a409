"""The WebSocket over a real socket: who gets in, what comes, what ends it, and that a page finds its state again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from b2bua.administration import page
from b2bua.cluster.bus import CallChanged, CallEnded
from b2bua.web.api import events
from b2bua.web.serving import serve
from tests.administration.live_world import held, ringing, talking, viewer
from tests.web.support.web_office import WebOffice

SECONDS = 5.0


class Opened:
    """The office on a port of its own."""

    def __init__(self, office: WebOffice, port: int, tokens: dict[str, str]) -> None:
        self.office, self.port, self.tokens = office, port, tokens

    def socket(self, who: str = "676", query: str = "", **headers: str) -> connect:
        sent = {"Authorization": f"Bearer {self.tokens[who]}"} if who else {}
        return connect(f"ws://127.0.0.1:{self.port}/api/v1/events{query}", additional_headers={**sent, **headers}, proxy=None)


Story = Callable[[Opened], Awaitable[None]]


@pytest.fixture
def opened(office: WebOffice) -> Callable[[Story], None]:
    """Plays a story while the application is served."""
    tokens = {who: office.token(who) for who in ("676", "677")}

    def play(story: Story) -> None:
        async def run() -> None:
            server = await serve(office.app, "127.0.0.1", 0)
            try:
                await asyncio.wait_for(story(Opened(office, server.port, tokens)), 3 * SECONDS)
            finally:
                await server.stop()

        office.run(run())

    office.accounts.listen(office.services.live.recheck)
    return play


async def told(socket: ClientConnection) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(await asyncio.wait_for(socket.recv(), SECONDS))
    return found


async def told_of(socket: ClientConnection, *kinds: str) -> dict[str, Any]:
    while True:
        event = await told(socket)
        if event["type"] in kinds:
            return event


async def closed(socket: ClientConnection) -> int:
    with pytest.raises(ConnectionClosed) as error:
        while True:
            await asyncio.wait_for(socket.recv(), SECONDS)
    assert error.value.rcvd is not None
    return error.value.rcvd.code


def test_the_state_comes_first_and_then_what_happens(opened: Callable[[Story], None]) -> None:
    async def story(at: Opened) -> None:
        desk = at.office.desk
        desk.running["call-1"] = ringing()
        async with at.socket("677") as socket:
            state = await told(socket)
            assert state["type"] == "state" and state["me"]["extension"] == "677"
            assert [each["id"] for each in state["calls"]] == ["call-1"]
            desk.running["call-1"] = talking()
            desk.bus.publish(CallChanged(talking()))
            call = (await told_of(socket, "call"))["call"]
            assert call["answered_by"] == "676" and call["names"]["676"] == "Sam Secretary"
            del desk.running["call-1"]
            desk.bus.publish(CallEnded("call-1", "answered", "676"))
            assert (await told_of(socket, "call_ended"))["answered_by"] == "676"

    opened(story)


def test_a_page_that_comes_back_finds_the_state_as_it_is(opened: Callable[[Story], None]) -> None:
    async def story(at: Opened) -> None:
        desk = at.office.desk
        desk.running["call-1"] = ringing()
        async with at.socket("677") as socket:
            await told(socket)
        async with asyncio.timeout(SECONDS):
            while at.office.services.live.pages:  # noqa: ASYNC110 - it is the server that notices
                await asyncio.sleep(0.01)
        desk.running = {"call-2": held("call-2")}
        async with at.socket("677") as socket:
            assert [(each["id"], each["state"]) for each in (await told(socket))["calls"]] == [("call-2", "held")]

    opened(story)


def test_without_a_sign_in_nothing_is_told(opened: Callable[[Story], None]) -> None:
    async def story(at: Opened) -> None:
        at.office.desk.running["call-1"] = ringing()
        async with at.socket("") as socket:
            assert await closed(socket) == page.SIGNED_OUT
        async with at.socket("", Authorization="Bearer nonsense") as socket:
            assert await closed(socket) == page.SIGNED_OUT
        assert at.office.services.live.pages == 0

    opened(story)


def test_a_page_of_somebody_else_cannot_use_the_cookie(opened: Callable[[Story], None]) -> None:
    async def story(at: Opened) -> None:
        cookie = await _session(at)
        own = f"http://127.0.0.1:{at.port}"
        async with at.socket("", Cookie=cookie, Origin=own) as socket:
            assert (await told(socket))["type"] == "state"
        for origin in ("http://evil.example", "null", ""):
            async with at.socket("", Cookie=cookie, **({"Origin": origin} if origin else {})) as socket:
                assert await closed(socket) == page.SIGNED_OUT
        with pytest.raises(InvalidStatus):  # a name that somebody makes point here
            async with at.socket("", Cookie=cookie, Host="evil.example"):
                pass

    opened(story)


async def _session(at: Opened) -> str:
    signed = await at.office.accounts.sign_in("677", "correct horse battery", "test", "127.0.0.1")
    return f"session={signed.secret}"


def test_signing_out_ends_the_page_at_once(opened: Callable[[Story], None]) -> None:
    async def story(at: Opened) -> None:
        cookie = await _session(at)
        async with at.socket("", Cookie=cookie, Origin=f"http://127.0.0.1:{at.port}") as socket:
            await told(socket)
            (session,) = at.office.accounts.sessions_of("677")
            await at.office.accounts.end_session(session)
            at.office.desk.bus.publish(CallChanged(ringing()))
            assert await closed(socket) == page.SIGNED_OUT

    opened(story)


def test_the_right_to_look_is_asked_for_again_and_again(opened: Callable[[Story], None], monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(events, "CHECK_SECONDS", 0.05)
    monkeypatch.setattr(events, "BEAT_SECONDS", 0.05)
    real = events.viewer_of_socket

    def once(socket: Any) -> Any:
        asked.append(socket)
        return real(socket) if len(asked) < 3 else None

    monkeypatch.setattr(events, "viewer_of_socket", once)

    async def story(at: Opened) -> None:
        async with at.socket() as socket:
            assert await closed(socket) == page.SIGNED_OUT

    opened(story)
    assert len(asked) == 3


def test_a_page_is_told_that_the_server_is_there(opened: Callable[[Story], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "BEAT_SECONDS", 0.05)

    async def story(at: Opened) -> None:
        async with at.socket() as socket:
            await told(socket)
            assert (await told(socket))["type"] == "beat"

    opened(story)


def test_several_events_come_as_one_message_to_who_asks_for_that(opened: Callable[[Story], None]) -> None:
    async def story(at: Opened) -> None:
        desk = at.office.desk
        async with at.socket("677", "?batch=1") as socket:
            await told(socket)
            for number in range(3):
                desk.running[f"call-{number}"] = ringing(f"call-{number}")
                desk.bus.publish(CallChanged(ringing(f"call-{number}")))
            batch = await told_of(socket, "batch")
            assert [each["call"]["id"] for each in batch["events"] if each["type"] == "call"] == ["call-0", "call-1", "call-2"]

    opened(story)


def test_a_page_that_talks_without_end_is_shown_out(opened: Callable[[Story], None]) -> None:
    async def story(at: Opened) -> None:
        async with at.socket() as socket:
            for _ in range(events.MOST_RECEIVED + 1):
                await socket.send('{"type":"command"}')
            assert await closed(socket) == 1008

    opened(story)


def test_a_message_that_is_too_large_ends_the_connection_and_nothing_else(opened: Callable[[Story], None]) -> None:
    async def story(at: Opened) -> None:
        async with at.socket() as socket, at.socket("677") as other:
            await told(other)
            await socket.send("x" * 1_000_000)
            assert await closed(socket) == 1009
            at.office.desk.running["call-1"] = ringing()
            at.office.desk.bus.publish(CallChanged(ringing()))
            assert (await told_of(other, "call"))["call"]["id"] == "call-1"

    opened(story)


class Stuck:
    """A connection whose other side takes nothing."""

    def __init__(self) -> None:
        self.query_params: dict[str, str] = {}
        self.closed = asyncio.Event()
        self.code = 0

    async def send_text(self, _message: str) -> None:
        await asyncio.sleep(3600)

    async def receive(self) -> dict[str, str]:
        await asyncio.sleep(3600)
        return {}

    async def close(self, code: int, _reason: str) -> None:
        self.code = code
        self.closed.set()


def test_a_page_that_takes_nothing_is_dropped(office: WebOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "MOST_BEHIND", 0.02)

    async def story() -> int:
        live, stuck = office.services.live, Stuck()
        opened_page = live.connect(viewer("677"))
        await asyncio.wait_for(events._serve(stuck, live, opened_page), SECONDS)  # type: ignore[arg-type]
        live.disconnect(opened_page)
        return stuck.code

    assert office.run(story()) == page.TRY_AGAIN


def test_when_the_server_stops_pages_are_told_to_come_back(opened: Callable[[Story], None]) -> None:
    async def story(at: Opened) -> None:
        async with at.socket() as socket:
            await told(socket)
            at.office.services.live.close()
            assert await closed(socket) == page.RESTART

    opened(story)

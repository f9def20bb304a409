"""``/api/v1/events``: a WebSocket that tells a page what goes on, filtered by what its viewer may see (docs/hud.md lists the messages)."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from fastapi import APIRouter
from starlette.websockets import WebSocket, WebSocketDisconnect

from b2bua.administration.live import Live
from b2bua.administration.page import MOST_BEHIND, SIGNED_OUT, TRY_AGAIN, Page, PageClosed
from b2bua.web.security import viewer_of_socket
from b2bua.web.services import services

router = APIRouter()

BEAT_SECONDS: Final = 10.0
"""After so long without news a page is told that the server is there: a browser sees no pings, and must notice a line that is dead."""
CHECK_SECONDS: Final = 30.0
"""How often the right to look is asked for again, besides whenever it has changed."""
CLOSE_SECONDS: Final = 2.0
MOST_RECEIVED: Final = 30
"""Messages that a page may send between two beats; none has a meaning yet."""
_VIOLATION: Final = 1008


@router.websocket("/events")
async def events(websocket: WebSocket) -> None:
    """Closed with 4401 without a valid session or token, 4429 when the account has opened too many, 1013 when the page is too slow."""
    viewer = viewer_of_socket(websocket)
    await websocket.accept()
    if viewer is None:
        await websocket.close(SIGNED_OUT, "sign in first")
        return
    live = services(websocket).live
    try:
        page = live.connect(viewer)
    except PageClosed as refusal:
        await websocket.close(refusal.code, refusal.reason)
        return
    try:
        await _serve(websocket, live, page)
    finally:
        live.disconnect(page)


async def _serve(websocket: WebSocket, live: Live, page: Page) -> None:
    """Until either side ends it; then the other is told, where it can be."""
    tasks = {asyncio.create_task(_tell(websocket, live, page)), asyncio.create_task(_listen(websocket))}
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        error = task.exception()
        if isinstance(error, PageClosed):
            with suppress(TimeoutError, RuntimeError, WebSocketDisconnect):  # it may be gone already, or take nothing
                await asyncio.wait_for(websocket.close(error.code, error.reason), CLOSE_SECONDS)
        elif error is not None and not isinstance(error, WebSocketDisconnect):
            raise error


async def _tell(websocket: WebSocket, live: Live, page: Page) -> None:
    """Send what there is, again and again. Raises PageClosed."""
    several = websocket.query_params.get("batch") == "1"
    clock = asyncio.get_running_loop().time
    checked = clock()
    while True:
        messages = await page.next(BEAT_SECONDS)
        if page.recheck or clock() - checked >= CHECK_SECONDS:
            page.recheck, checked = False, clock()
            if _renewed(websocket, live, page):
                continue  # the state that comes now replaces what was to be sent
        if several and len(messages) > 1:
            messages = [f'{{"type":"batch","events":[{",".join(messages)}]}}']
        for message in messages or [live.beat()]:
            try:
                async with asyncio.timeout(MOST_BEHIND):
                    await websocket.send_text(message)
            except TimeoutError:
                raise PageClosed(TRY_AGAIN, "the page takes nothing") from None


def _renewed(websocket: WebSocket, live: Live, page: Page) -> bool:
    """Ask again who looks; whether that has changed. Raises PageClosed when they may not any more."""
    viewer = viewer_of_socket(websocket)
    if viewer is None:
        raise PageClosed(SIGNED_OUT, "the session is over")
    return live.renew(page, viewer)


async def _listen(websocket: WebSocket) -> None:
    """Notice that the page is gone. What it says is not asked for; one that says much is shown out."""
    loop = asyncio.get_running_loop()
    since, received = loop.time(), 0
    while (await websocket.receive())["type"] != "websocket.disconnect":
        if loop.time() - since > BEAT_SECONDS:
            since, received = loop.time(), 0
        received += 1
        if received > MOST_RECEIVED:
            raise PageClosed(_VIOLATION, "this socket only tells; ask by HTTP")

"""A `WebOffice` behind a real socket, in a thread of its own, for tests that look at its pages with a browser."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from playwright.sync_api import Browser

from b2bua.web.serving import serve
from tests.support.browser import Portal, Site
from tests.web.support.web_office import PASSWORD, WebOffice

T = TypeVar("T")


class LiveOffice:
    """Served from `with` to its end. `site.visit("676", "/…")` opens a browser; `do` runs a coroutine in the office's loop."""

    def __init__(self, make: Callable[[], WebOffice], browser: Browser) -> None:
        self._make = make
        self._browser = browser
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="office")
        self._error: BaseException | None = None
        self.url = ""

    def __enter__(self) -> LiveOffice:
        self._thread.start()
        assert self._ready.wait(30)
        if self._error is not None:
            raise self._error
        admin = Portal(self.url)
        admin.sign_in("admin", PASSWORD)
        self.site = Site(self.url, self._browser, admin)
        return self

    def __exit__(self, *_: object) -> None:
        self.site.close()
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(30)

    def enrol(self, *extensions: str) -> None:
        """Signs users in."""
        for extension in extensions:
            portal = self.site.portals[extension] = Portal(self.url)
            portal.sign_in(extension, PASSWORD)

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    def _run(self) -> None:
        try:
            self.office = self._make()
            self.office.run(self._open())
        except BaseException as error:  # noqa: BLE001 - raised in the test's own thread
            self._error = error
            self._ready.set()
            return
        self._ready.set()
        self.office.runner.run(self._serve())
        self.office.close()

    async def _open(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        self._server = await serve(self.office.app, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.port}"

    async def _serve(self) -> None:
        await self._over.wait()
        await self._server.stop()

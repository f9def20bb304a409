"""Browsers before the application: they keep cookies, say where a request comes from, and know the token of their page."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
from fastapi import FastAPI

from b2bua.administration.secrets import Hasher
from b2bua.web.app import create_app
from tests.administration.account_world import GOOD, AccountWorld, services_of

HOST = "http://127.0.0.1:8080"


class Browser:
    """One browser at one page of ours."""

    def __init__(self, app: FastAPI, host: str = HOST, address: str = "192.0.2.1") -> None:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(address, 40_000))
        self.client = httpx.AsyncClient(transport=transport, base_url=host, headers={"User-Agent": "Firefox"})
        self.origin = host
        self.csrf = ""

    async def ask(self, method: str, path: str, body: Any = None, **headers: str | None) -> httpx.Response:
        """As fetch() of a page of ours does; a header given as None is left out."""
        sent: dict[str, str | None] = {}
        if method not in ("GET", "HEAD"):
            sent = {"Origin": self.origin, "Sec-Fetch-Site": "same-origin", "X-CSRF-Token": self.csrf}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        kept = [(name.encode(), value.encode("latin-1")) for name, value in sent.items() if value is not None]
        return await self.client.request(method, path, json=body, headers=kept)

    async def sign_in(self, account: str, password: str = GOOD) -> httpx.Response:
        answer = await self.ask("POST", "/api/v1/session", {"account": account, "password": password})
        if answer.status_code == 200:
            self.csrf = answer.json()["csrf"]
        return answer

    @property
    def cookie(self) -> str:
        return self.client.cookies.get("session") or self.client.cookies.get("__Host-session") or ""


class Site:
    """The application and who looks at it."""

    def __init__(self, hasher: Hasher | None = None, **config: Any) -> None:
        self.world = AccountWorld(hasher)
        self.app = create_app(services_of(self.world, **config))
        self.browsers: list[Browser] = []

    def browser(self, host: str = HOST, address: str = "192.0.2.1") -> Browser:
        made = Browser(self.app, host, address)
        self.browsers.append(made)
        return made

    async def signed_in(self, extension: str) -> Browser:
        """A new member's browser."""
        if extension not in self.world.store.rows:
            await self.world.member(extension)
        browser = self.browser()
        assert (await browser.sign_in(extension)).status_code == 200
        return browser

    async def token(self, extension: str, scope: str = "write") -> dict[str, str]:
        """The header of a program."""
        if extension not in self.world.store.rows:
            await self.world.member(extension)
        _, secret = await self.world.accounts.make_token(extension, f"{scope} token", scope, None)
        return {"Authorization": f"Bearer {secret}"}

    async def close(self) -> None:
        for each in self.browsers:
            await each.client.aclose()
        await self.world.accounts.close()


def visited(story: Callable[[Site], Awaitable[None]] | None = None, **config: Any) -> Any:
    """A test that is a coroutine of a site."""
    if story is None:
        return functools.partial(visited, **config)

    @functools.wraps(story)
    def test() -> None:
        async def play() -> None:
            site = Site(**config)
            await site.world.accounts.open()
            try:
                await story(site)
            finally:
                await site.close()

        asyncio.run(play())

    del test.__wrapped__  # type: ignore[attr-defined]  # pytest would ask for a fixture named site
    return test

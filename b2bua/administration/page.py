"""One open page: what it was told, and what waits to be sent to it. A page that does not take what it is sent is dropped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from b2bua.administration.sight import Eyes
from b2bua.administration.viewer import Viewer

MOST_WAITING: Final = 256 * 1024
"""Characters: a page with more than that behind what it has taken is too slow."""
MOST_BEHIND: Final = 5.0
"""Seconds that a page may take over what it was given."""
TRY_AGAIN: Final = 1013
"""Close code (RFC 6455): the page was too slow, or there are too many; it comes back and is told everything anew."""
RESTART: Final = 1012
"""The server stops."""
SIGNED_OUT: Final = 4401
"""The session is over: coming back needs a sign-in."""
TOO_MANY: Final = 4429
"""The account has opened more pages since; this one stays closed."""


class PageClosed(Exception):
    """The page is over, by `code`."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class Page:
    """A page of `viewer`. Made by `Live.connect`; whoever owns the connection takes messages with `next` until PageClosed."""

    def __init__(self, viewer: Viewer, wall: Callable[[], float]) -> None:
        self.viewer = viewer
        self.eyes = Eyes.of(viewer)
        self.keys: frozenset[str] = frozenset()
        """Extensions whose calls may concern this page."""
        self.watching: frozenset[str] = frozenset()
        """Extensions that stand on it."""
        self.calls: dict[str, str] = {}
        """What it was told last of each call that it shows."""
        self.told: dict[str, str] = {}
        """The same of everything else: "me", "executive 667", "person 676"."""
        self.closed: PageClosed | None = None
        self.recheck = False
        """Whether the right to look should be asked for again; whoever owns the connection does, and takes it back."""
        self._wall = wall
        self._waiting: list[str] = []
        self._size = 0
        self._taken: float | None = None
        self._wake = asyncio.Event()

    def send(self, message: str) -> None:
        """Queue a message (JSON); a page that is too slow is closed instead."""
        if self.closed is not None:
            return
        if self._size and self._size + len(message) > MOST_WAITING:
            self.close(TRY_AGAIN, "too much waits to be sent")
            return
        if self.is_behind():
            self.close(TRY_AGAIN, f"nothing was taken for {MOST_BEHIND:g} seconds")
            return
        self._waiting.append(message)
        self._size += len(message)
        self._wake.set()

    def is_behind(self) -> bool:
        """Whether what it was given has not been taken for too long."""
        return self._taken is not None and self._wall() - self._taken > MOST_BEHIND

    def wake(self) -> None:
        """Let `next` return, with nothing if there is nothing."""
        self._wake.set()

    def close(self, code: int, reason: str) -> None:
        """What waits is dropped; `next` raises."""
        if self.closed is None:
            self.closed = PageClosed(code, reason)
            self._wake.set()

    async def next(self, seconds: float) -> list[str]:
        """What is to be sent, at most after so many seconds, 0: at once; empty: nothing was. What was given before counts as taken now.

        Raises PageClosed.
        """
        self._taken, self._size = None, sum(map(len, self._waiting))
        if seconds > 0 and not self._wake.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._wake.wait()
        self._wake.clear()
        if self.closed is not None:
            raise self.closed
        messages, self._waiting = self._waiting, []
        if messages:
            self._taken = self._wall()
        return messages

"""One ordered queue per call and the coroutine that reads it.

A call awaits nothing but its mailbox, so it needs no event loop of its own: `post` runs the coroutine up to its next wait,
in the same breath and in the order of posting. What is posted while it runs waits its turn. That makes a call deterministic
(a test steps it without a loop) and cheap (a wake-up is a function call).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine, Generator
from typing import Any


class Mailbox:
    """Feeds events to one coroutine. An exception of the coroutine goes to `crashed`, with the event that it could not handle; what it
    has not read in the end to `unread`."""

    __slots__ = ("_queue", "_coroutine", "_running", "_crashed", "_unread")

    def __init__(self, crashed: Callable[[Exception, object], None], unread: Callable[[Any], None] = lambda _: None) -> None:
        self._queue: deque[Any] = deque()
        self._coroutine: Coroutine[Any, Any, None] | None = None
        self._running = False
        self._crashed = crashed
        self._unread = unread

    @property
    def done(self) -> bool:
        return self._coroutine is None

    def start(self, script: Coroutine[Any, Any, None]) -> None:
        """Run `script` to its first wait."""
        self._coroutine = script
        self._step(None)
        self._drain()

    def post(self, event: object) -> None:
        """Queue `event`; the coroutine gets it now unless it is running already."""
        if self._coroutine is None:
            return
        self._queue.append(event)
        if not self._running:
            self._drain()

    def __await__(self) -> Generator[None, Any, Any]:
        """`await mailbox` is the next event (only for the coroutine itself)."""
        return (yield)

    def _drain(self) -> None:
        queue = self._queue
        while queue and self._coroutine is not None:
            self._step(queue.popleft())
        if self._coroutine is None and queue:
            unread, self._unread = self._unread, _ignored
            while queue:
                unread(queue.popleft())

    def _step(self, event: object) -> None:
        script = self._coroutine
        if script is None:
            return
        self._running = True
        try:
            script.send(event)
        except StopIteration:
            self._end()
        except Exception as error:  # noqa: BLE001 - a bug ends one call, never the server
            crashed = self._crashed
            self._end()
            crashed(error, event)
        finally:
            self._running = False

    def _end(self) -> None:
        """The script is over. The call that owns us is let go, so that its memory is free without the garbage collector."""
        self._coroutine = None
        self._crashed = _over
        if not self._queue:
            self._unread = _ignored


def _ignored(event: Any) -> None:
    """Stands for `unread` when all is read."""


def _over(error: Exception, event: object) -> None:
    """Stands for `crashed` when nothing can crash any more."""

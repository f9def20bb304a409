"""A media plane without packets: it writes down what it is asked for, and has the events and descriptors that a test gives it."""

from __future__ import annotations

import itertools
import select
from collections.abc import Iterator, Sequence
from typing import Any, cast

from b2bua.media import native
from b2bua.media.native import Counters, Counts, Event, NativeError, Plane


class FakePlane:
    """Stands in for `native.Plane`; `as_plane` says so to the type checker."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.happened: list[Event] = []
        self.counters: dict[int, Counters] = {}
        self.terminations: dict[int, str] = {}
        """Host by handle."""
        self.contexts: dict[int, tuple[tuple[int, ...], Any]] = {}
        self.refuses: set[str] = set()
        self._handles = itertools.count(1)
        self._watched: dict[int, tuple[bool, bool]] = {}
        self._ready: list[int] = []

    @property
    def as_plane(self) -> Plane:
        return cast("Plane", self)

    def take(self) -> list[tuple[Any, ...]]:
        """What was asked for since the last time."""
        calls, self.calls = self.calls, []
        return calls

    def watch(self, fd: int, *, reading: bool, writing: bool = False) -> None:
        self._watched[fd] = (reading, writing)
        if not (reading or writing):
            del self._watched[fd]

    def run(self, timeout_ms: int) -> int:
        reading = [fd for fd, (wanted, _) in self._watched.items() if wanted]
        writing = [fd for fd, (_, wanted) in self._watched.items() if wanted]
        found = select.select(reading, writing, [], 0)
        self._ready = sorted({*found[0], *found[1]})
        return native.WATCHED * bool(self._ready) | native.EVENTS * bool(self.happened)

    def ready(self) -> list[int]:
        return self._ready

    def events(self) -> Iterator[Event]:
        while self.happened:
            yield self.happened.pop(0)

    def counts(self) -> Counts:
        return Counts(len(self.terminations), len(self.contexts), 0, 0, 0, 0, 0, 0, 0, 0)

    def open_termination(self, host: str) -> int:
        host.encode()
        handle = next(self._handles)
        self._call("open_termination", handle)
        self.terminations[handle] = host
        return handle

    def close_termination(self, termination: int) -> Counters:
        self._call("close_termination", termination)
        del self.terminations[termination]
        return self.statistics(termination)

    def statistics(self, termination: int) -> Counters:
        return self.counters.get(termination, Counters(0, 0, 0, 0, 0, 0, 0, 0.0, 0.0))

    def set_digits(self, termination: int, *, take: bool, inband: bool) -> None:
        self._call("set_digits", termination, take, inband)

    def open_stream(self, termination: int, stream: int, kind: int, port: int) -> None:
        self._call("open_stream", termination, stream, kind, port)

    def close_stream(self, termination: int, stream: int) -> None:
        self._call("close_stream", termination, stream)

    def set_remote(self, termination: int, stream: int, rtp: Any, rtcp: Any, sources: Sequence[str]) -> None:
        self._call("set_remote", termination, stream, rtp, rtcp, tuple(sources))

    def set_direction(self, termination: int, stream: int, *, from_party: bool, to_party: bool) -> None:
        self._call("set_direction", termination, stream, from_party, to_party)

    def set_payloads(self, termination: int, stream: int, sends: Any, receives: Any) -> None:
        self._call("set_payloads", termination, stream, tuple(sends), tuple(receives))

    def set_translation(self, termination: int, stream: int, table: bytes | None) -> None:
        self._call("set_translation", termination, stream, table)

    def open_context(self) -> int:
        handle = next(self._handles)
        self._call("open_context", handle)
        self.contexts[handle] = ((), None)
        return handle

    def close_context(self, context: int) -> None:
        self._call("close_context", context)
        del self.contexts[context]

    def set_context(self, context: int, members: Sequence[int], hears: Sequence[int] | None) -> None:
        self._call("set_context", context, tuple(members), None if hears is None else tuple(hears))
        self.contexts[context] = (tuple(members), hears)

    def start_play(self, termination: int, number: int, sounds: Sequence[int], *, loop: bool, over: bool) -> None:
        self._call("start_play", termination, number, tuple(sounds), loop, over)

    def stop_play(self, termination: int) -> None:
        self._call("stop_play", termination)

    def send_digits(self, termination: int, digits: str) -> None:
        self._call("send_digits", termination, digits)

    def _call(self, name: str, *arguments: Any) -> None:
        if name in self.refuses:
            raise NativeError(f"{name}: EINVAL (Invalid argument)")
        self.calls.append((name, *arguments))

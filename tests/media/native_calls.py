"""Calls on the C media plane with real sockets on loopback. For tests only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from b2bua.media import build, native
from b2bua.media.native import Plane
from tests.media.rtp import EVENT, PCMU, Party, free_port

AUDIO, VIDEO = 0, 1
SOUND = b"\x7f" * 160
"""20 ms of silence in PCMU."""


@contextmanager
def new_plane(silent_ms: int = 0) -> Iterator[Plane]:
    library, _ = build.build()
    plane = Plane(native.load(library), silent_ms=silent_ms)
    yield plane
    plane.free()


class Side:
    """One party and its termination, with one stream."""

    def __init__(
        self,
        plane: Plane,
        host: str = "127.0.0.1",
        kind: int = AUDIO,
        address: tuple[str, int] | None = None,
        sources: tuple[str, ...] | None = None,
        port: int = 0,
    ) -> None:
        self.plane, self.host = plane, host
        self.party = Party(host)
        self.port = port or free_port(host)
        self.handle = plane.open_termination(host)
        plane.open_stream(self.handle, 0, kind, self.port)
        plane.set_payloads(self.handle, 0, [PCMU, EVENT], [PCMU, EVENT])
        self.remote(address, sources)

    def remote(self, address: tuple[str, int] | None = None, sources: tuple[str, ...] | None = None) -> None:
        self.plane.set_remote(self.handle, 0, address or self.party.address, None, (self.host,) if sources is None else sources)

    def counters(self) -> native.Counters:
        return self.plane.statistics(self.handle)

    def talk(self, payload: bytes = SOUND) -> bytes:
        return self.party.talk(self.port, payload)


class Call:
    """Two sides in a relay."""

    def __init__(self, plane: Plane, a: Side | None = None, b: Side | None = None) -> None:
        self.plane = plane
        self.a, self.b = a or Side(plane), b or Side(plane)
        self.context = plane.open_context()
        plane.set_context(self.context, [self.a.handle, self.b.handle], None)

    def close(self) -> None:
        for side in (self.a, self.b):
            self.plane.close_termination(side.handle)
            side.party.close()
        self.plane.close_context(self.context)


@contextmanager
def new_call(plane: Plane) -> Iterator[Call]:
    """Nothing is left of it at the end."""
    call = Call(plane)
    yield call
    call.close()
    assert plane.counts()[:3] == (0, 0, 0)

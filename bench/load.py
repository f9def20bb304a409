"""The load of `native/load.c`: parties that speak G.711 with a media server, and what became of their packets."""

import ctypes
import os
from collections.abc import Sequence
from ctypes import c_char, c_double, c_int32, c_uint64
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

from b2bua.media.build import build

SOURCES = Path(__file__).parent / "native"
PACKETS_PER_SECOND = 50
"""Of a party: 20 ms of sound in each."""
SHARE = 8
"""Parties that have one socket of the load together: it would need more time for 1,600 sockets than the server."""
FIRST_PORT = 10_000
"""Of the load's sockets."""


class Leg(NamedTuple):
    """A party: where the server expects its packets, its call or conference, and its place there."""

    server_host: str
    server_port: int
    group: int
    member: int


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds."""

    p50: float
    p99: float
    p999: float
    most: float


@dataclass(frozen=True, slots=True)
class Traffic:
    """What was seen from outside during the measured seconds. CPU in seconds."""

    sent: int
    received: int
    missing: int
    strays: int
    left_out: int
    errors: int
    heard_others: int
    seconds: float
    server_cpu: float
    load_cpu: float
    times: Times
    """Relayed: from sending to arrival. Mixed: from one packet to the next of a party."""
    lags: Times
    """Of the load: how late it sent."""

    @property
    def lost(self) -> float:
        """The share of relayed packets that did not arrive."""
        return 1 - self.received / max(1, self.sent)


class _Leg(ctypes.Structure):
    _fields_ = [
        ("local_host", c_char * 16),
        ("server_host", c_char * 16),
        *((name, c_int32) for name in ("local_port", "server_port", "group", "member")),
    ]


class _Times(ctypes.Structure):
    _fields_ = [(name, c_double) for name in ("p50", "p99", "p999", "most")]


class _Result(ctypes.Structure):
    _fields_ = [
        ("warm_ms", c_int32),
        ("measured_ms", c_int32),
        *((name, c_uint64) for name in ("sent", "received", "missing", "strays", "left_out", "errors", "heard_others")),
        *((name, c_double) for name in ("seconds", "server_cpu", "load_cpu")),
        ("times", _Times),
        ("lags", _Times),
    ]


def local_port(place: int) -> int:
    """The load's port of the leg with that place in the list."""
    return FIRST_PORT + 2 * (place // SHARE)


def run(host: str, legs: Sequence[Leg], *, mixed: bool, seconds: float, warm: float, pids: Sequence[int]) -> Traffic:
    """Let all `legs` (on our side at `host`) speak for `warm` and then for `seconds`, in this thread; the server is `pids`."""
    library = _library()
    given = (_Leg * len(legs))()
    for place, (leg, each) in enumerate(zip(legs, given, strict=True)):
        each.local_host, each.local_port = host.encode(), local_port(place)
        each.server_host, each.server_port = leg.server_host.encode(), leg.server_port
        each.group, each.member = leg.group, leg.member
    result = _Result(warm_ms=int(warm * 1000), measured_ms=int(seconds * 1000))
    error = library.load_run(given, len(legs), mixed, (c_int32 * len(pids))(*pids), len(pids), ctypes.byref(result))
    if error:
        raise OSError(-error, f"the load: {os.strerror(-error)}")
    counts = {name: getattr(result, name) for name in Traffic.__slots__ if name not in ("times", "lags")}
    return Traffic(**counts, times=_times(result.times), lags=_times(result.lags))


def _times(found: _Times) -> Times:
    return Times(*(round(getattr(found, name), 3) for name in Times.__slots__))


@cache
def _library() -> ctypes.CDLL:
    path, _ = build(SOURCES)
    library = ctypes.CDLL(str(path))
    for number, structure in enumerate((_Leg, _Result)):
        if library.load_sizeof(number) != ctypes.sizeof(structure):
            raise TypeError(f"{path}: {structure.__name__} is not what load.h says")
    return library

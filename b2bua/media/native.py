"""The C media plane (`native/engine.h`) as Python calls it: one method a function, handles as ints, errors as `NativeError`."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterator, Sequence
from ctypes import POINTER, byref, c_char_p, c_double, c_int, c_int32, c_int64, c_ubyte, c_uint64, c_void_p
from pathlib import Path
from typing import Any, Final, NamedTuple

VERSION: Final = 1
"""Of `engine.h`."""
MAX_STREAMS: Final = 8
MAX_MEMBERS: Final = 32
PAYLOADS: Final = 128
DROP: Final = 255
"""In a table of `stream_translate`: this payload type does not cross."""
KINDS: Final = {"audio": 0, "video": 1}
KIND_OTHER: Final = 2
CODECS: Final = {"PCMU": 1, "PCMA": 2, "G722": 3, "TELEPHONE-EVENT": 4, "CN": 5}
CODEC_OTHER: Final = 0
EVENTS: Final = 1
"""`run`: `events` has something."""
WATCHED: Final = 2
"""`run`: a watched descriptor is ready."""
DIGIT: Final = 1
PLAYED: Final = 2
SILENT: Final = 3
PORT_LOST: Final = 4
_MOST_READY: Final = 64


class NativeError(Exception):
    """What the library would not do; the text names the function and the reason."""


class _Payload(ctypes.Structure):
    _fields_ = [("type", c_int32), ("codec", c_int32), ("clock", c_int32)]


class _Statistics(ctypes.Structure):
    _fields_ = [
        *((name, c_uint64) for name in ("received", "sent", "lost", "foreign", "flood", "malformed", "unsent")),
        *((name, c_double) for name in ("jitter_ms", "silent_seconds")),
    ]


class _Event(ctypes.Structure):
    _fields_ = [
        ("kind", c_int32),
        ("termination", c_int32),
        ("number", c_int64),
        ("inband", c_int32),
        ("error", c_int32),
        ("seconds", c_double),
    ]


class _Counts(ctypes.Structure):
    _fields_ = [
        *((name, c_int32) for name in ("terminations", "contexts", "ports", "sounds")),
        *((name, c_uint64) for name in ("received", "sent", "ticks", "ticks_late", "ticks_skipped", "events_lost")),
    ]


class Event(NamedTuple):
    """What happened at a termination, by its handle."""

    kind: int
    termination: int
    number: int
    """`PLAYED`: of the play. `PORT_LOST`: the port. `DIGIT`: the character."""
    inband: bool
    error: int
    """`PORT_LOST`: errno."""
    seconds: float


class Counters(NamedTuple):
    """What one termination has counted."""

    received: int
    sent: int
    lost: int
    foreign: int
    flood: int
    malformed: int
    unsent: int
    jitter_ms: float
    silent_seconds: float


class Counts(NamedTuple):
    """What the whole plane has, and has done since its start."""

    terminations: int
    contexts: int
    ports: int
    """Sockets that are open, RTCP ones included."""
    sounds: int
    received: int
    sent: int
    ticks: int
    ticks_late: int
    ticks_skipped: int
    events_lost: int


_SIGNATURES: Final[dict[str, tuple[Any, ...]]] = {
    "engine_watch": (c_int, c_int, c_int),
    "engine_run": (c_int,),
    "engine_ready": (POINTER(c_int), c_int),
    "engine_event": (POINTER(_Event),),
    "engine_sound": (c_void_p, c_int, c_void_p, c_int),
    "termination_open": (c_char_p,),
    "termination_close": (c_int, POINTER(_Statistics)),
    "termination_statistics": (c_int, POINTER(_Statistics)),
    "termination_digits": (c_int, c_int, c_int),
    "stream_open": (c_int, c_int, c_int, c_int),
    "stream_close": (c_int, c_int),
    "stream_remote": (c_int, c_int, c_char_p, c_int, c_char_p, c_int, c_char_p),
    "stream_direction": (c_int, c_int, c_int, c_int),
    "stream_payloads": (c_int, c_int, POINTER(_Payload), c_int, POINTER(_Payload), c_int),
    "stream_translate": (c_int, c_int, POINTER(c_ubyte)),
    "context_open": (),
    "context_close": (c_int,),
    "context_set": (c_int, c_int, POINTER(c_int32), c_int, POINTER(c_uint64)),
    "play_start": (c_int, c_int64, POINTER(c_int32), c_int, c_int, c_int),
    "play_stop": (c_int,),
    "digits_send": (c_int, c_char_p),
}
"""What each function takes after the engine; all of them give an int."""


def load(path: Path) -> ctypes.CDLL:
    """The library at `path`, its functions typed. Raises `NativeError` when it is another version, OSError when it cannot be loaded."""
    library = ctypes.CDLL(str(path))
    if library.engine_version() != VERSION:
        raise NativeError(f"{path}: made for version {library.engine_version()} of engine.h, not {VERSION}")
    for number, structure in enumerate((_Payload, _Statistics, _Event, _Counts)):
        if library.engine_sizeof(number) != ctypes.sizeof(structure):
            raise NativeError(f"{path}: {structure.__name__} has {library.engine_sizeof(number)} bytes, not {ctypes.sizeof(structure)}")
    library.engine_new.argtypes, library.engine_new.restype = (c_uint64, c_int), c_void_p
    library.engine_free.argtypes, library.engine_free.restype = (c_void_p,), None
    library.engine_counts.argtypes, library.engine_counts.restype = (c_void_p, POINTER(_Counts)), None
    for name, arguments in _SIGNATURES.items():
        getattr(library, name).argtypes = (c_void_p, *arguments)
    return library


class Plane:
    """One media plane. Everything is done in the thread that calls; only `run` waits, and lets go of the interpreter meanwhile."""

    def __init__(self, library: ctypes.CDLL, *, silent_ms: int) -> None:
        self._library = library
        self._engine = library.engine_new(int.from_bytes(os.urandom(8), "little"), silent_ms)
        if not self._engine:
            raise NativeError("engine_new: no memory or no descriptors")
        self._ready = (c_int * _MOST_READY)()
        self._event = _Event()

    def free(self) -> None:
        """Close everything; nothing else may be called any more."""
        engine, self._engine = self._engine, None
        if engine is not None:
            self._library.engine_free(engine)

    def watch(self, fd: int, *, reading: bool, writing: bool = False) -> None:
        """Let `run` return when `fd` can be read or written. Both False before it is closed."""
        self._call("engine_watch", fd, reading, writing)

    def run(self, timeout_ms: int) -> int:
        """Carry packets until there is something to do (`EVENTS`, `WATCHED`), a signal came, or the time is over."""
        return self._call("engine_run", timeout_ms)

    def ready(self) -> list[int]:
        """The watched descriptors that were ready when `run` returned."""
        count = self._call("engine_ready", self._ready, _MOST_READY)
        return list(self._ready[:count])

    def events(self) -> Iterator[Event]:
        """What has happened, oldest first, taken out of the queue."""
        event = self._event
        while self._call("engine_event", byref(event)):
            yield Event(event.kind, event.termination, event.number, bool(event.inband), event.error, event.seconds)

    def counts(self) -> Counts:
        counts = _Counts()
        self._library.engine_counts(self._engine, byref(counts))
        return Counts(*(getattr(counts, name) for name in Counts._fields))

    def sound(self, narrow: bytes, wide: bytes) -> int:
        """A sound's number: 16-bit samples, native order, of 8 kHz (`narrow`) and 16 kHz; an empty one is made from the other."""
        return self._call("engine_sound", narrow or None, len(narrow) // 2, wide or None, len(wide) // 2)

    def open_termination(self, host: str) -> int:
        return self._call("termination_open", host.encode())

    def close_termination(self, termination: int) -> Counters:
        """What it has counted until now."""
        return self._counters("termination_close", termination)

    def statistics(self, termination: int) -> Counters:
        return self._counters("termination_statistics", termination)

    def set_digits(self, termination: int, *, take: bool, inband: bool) -> None:
        self._call("termination_digits", termination, take, inband)

    def open_stream(self, termination: int, stream: int, kind: int, port: int) -> None:
        self._call("stream_open", termination, stream, kind, port)

    def close_stream(self, termination: int, stream: int) -> None:
        self._call("stream_close", termination, stream)

    def set_remote(
        self, termination: int, stream: int, rtp: tuple[str, int] | None, rtcp: tuple[str, int] | None, sources: Sequence[str]
    ) -> None:
        """`rtcp` None: at the next higher port."""
        host, port = _address(rtp)
        rtcp_host, rtcp_port = _address(rtcp)
        self._call("stream_remote", termination, stream, host, port, rtcp_host, rtcp_port, " ".join(sources).encode())

    def set_direction(self, termination: int, stream: int, *, from_party: bool, to_party: bool) -> None:
        self._call("stream_direction", termination, stream, from_party, to_party)

    def set_payloads(
        self, termination: int, stream: int, sends: Sequence[tuple[int, int, int]], receives: Sequence[tuple[int, int, int]]
    ) -> None:
        """Each payload as type, codec, clock."""
        self._call("stream_payloads", termination, stream, _payloads(sends), len(sends), _payloads(receives), len(receives))

    def set_translation(self, termination: int, stream: int, table: bytes | None) -> None:
        """For each payload type from the party the one at the other, or `DROP`; None: as they are."""
        self._call("stream_translate", termination, stream, None if table is None else (c_ubyte * PAYLOADS).from_buffer_copy(table))

    def open_context(self) -> int:
        return self._call("context_open")

    def close_context(self, context: int) -> None:
        """Its terminations stay open, in no context."""
        self._call("context_close", context)

    def set_context(self, context: int, members: Sequence[int], hears: Sequence[int] | None) -> None:
        """A relay when `hears` is None; else for each member a mask: bit k is set when it hears member k."""
        relay = hears is None
        masks = None if hears is None else (c_uint64 * len(hears))(*hears)
        self._call("context_set", context, relay, (c_int32 * len(members))(*members), len(members), masks)

    def start_play(self, termination: int, number: int, sounds: Sequence[int], *, loop: bool, over: bool) -> None:
        self._call("play_start", termination, number, (c_int32 * len(sounds))(*sounds), len(sounds), loop, over)

    def stop_play(self, termination: int) -> None:
        self._call("play_stop", termination)

    def send_digits(self, termination: int, digits: str) -> None:
        self._call("digits_send", termination, digits.encode())

    def _counters(self, name: str, termination: int) -> Counters:
        found = _Statistics()
        self._call(name, termination, byref(found))
        return Counters(*(getattr(found, field) for field in Counters._fields))

    def _call(self, name: str, *arguments: Any) -> int:
        result: int = getattr(self._library, name)(self._engine, *arguments)
        if result < 0:
            raise NativeError(f"{name}: {errno.errorcode.get(-result, str(-result))} ({os.strerror(-result)})")
        return result


def _address(address: tuple[str, int] | None) -> tuple[bytes | None, int]:
    return (None, 0) if address is None else (address[0].encode(), address[1])


def _payloads(payloads: Sequence[tuple[int, int, int]]) -> ctypes.Array[_Payload]:
    return (_Payload * len(payloads))(*(_Payload(*each) for each in payloads))

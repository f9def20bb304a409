"""What the signalling process and the media process say to each other: one JSON array a line, its first item the verb.

Signalling says ``hello`` (first of all), ``set``, ``drop``, ``digits``, ``ping``, ``quit``; the media process says ``hello``,
``dropped``, ``digit``, ``played``, ``silent``, ``port_lost``, ``pong``, ``error``, ``replaced``. A context crosses as the nested
arrays of its named tuples, in the order of their fields. ``hello`` and ``quit`` are the same in every `VERSION`: a new server can always
ask an old media process what it is, and end it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from b2bua.media.engine import (
    Address,
    Context,
    Digit,
    MediaEvent,
    Play,
    Played,
    PortLost,
    Silent,
    Statistics,
    Stream,
    Termination,
)
from b2bua.sip.description import Format

VERSION: Final = 1
"""Raised whenever a line means something else than before. Each version has a socket of its own: see `sockets`."""
MAX_LINE: Final = 1 << 20
"""Bytes of a line; a context of 300 members with ten formats each is about 200,000."""


class WireError(ValueError):
    """A line that makes no sense; the text says why."""


class Hello(NamedTuple):
    """What the media process says of itself."""

    version: int
    pid: int
    contexts: tuple[str, ...] = ()
    """Those it has."""
    taken: tuple[int, ...] = ()
    """RTP ports of the range that other programs have, in whole or their RTCP port."""
    problem: str = ""
    """Why the range cannot be used at all: the address is none of this machine's."""


class Range(NamedTuple):
    """The ports to hand out, both ends included, and the address they are on."""

    host: str
    first: int
    last: int


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} does not cross the wire")


_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False, default=_plain).encode


def line(*items: object) -> bytes:
    """One line of any verb."""
    return _encode(items).encode() + b"\n"


def set_line(context: Context) -> bytes:
    """``set``: about 10 µs for a relay of two parties."""
    return _encode(("set", context)).encode() + b"\n"


def hello_line(ports: Range) -> bytes:
    """What signalling begins with."""
    return line("hello", {"version": VERSION, "ports": ports})


def read_line(data: bytes) -> tuple[str, list[Any]]:
    """The verb and what follows it. Raises `WireError`."""
    try:
        items = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise WireError(f"no JSON: {error}") from None
    if not isinstance(items, list) or not items or not isinstance(items[0], str):
        raise WireError("no array with a verb")
    return items[0], items[1:]


def read_hello(items: list[Any]) -> Hello:
    """The media process's ``hello``, of whatever version. Raises `WireError`."""
    try:
        said = dict(items[0])
        return Hello(
            int(said["version"]),
            int(said["pid"]),
            tuple(map(str, said.get("contexts", ()))),
            tuple(map(int, said.get("taken", ()))),
            str(said.get("problem", "")),
        )
    except (LookupError, TypeError, ValueError) as error:
        raise WireError(f"no hello: {error!r}") from None


def read_range(items: list[Any]) -> tuple[int, Range]:
    """The version and the ports in signalling's ``hello``. Raises `WireError`."""
    try:
        said = dict(items[0])
        version = int(said["version"])
        host, first, last = said.get("ports") or ("", 0, 0)
        return version, Range(str(host), int(first), int(last))
    except (LookupError, TypeError, ValueError) as error:
        raise WireError(f"no hello: {error!r}") from None


def read_context(items: list[Any]) -> Context:
    """What `set_line` made. Raises `WireError`."""
    try:
        name, terminations, relay, hears, plays = items[0]
        return Context(
            str(name),
            tuple(map(_termination, terminations)),
            bool(relay),
            {str(member): tuple(others) for member, others in hears.items()},
            {str(member): Play(play[0], tuple(play[1]), bool(play[2]), bool(play[3])) for member, play in plays.items()},
        )
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise WireError(f"no context: {error!r}") from None


def _termination(data: list[Any]) -> Termination:
    name, host, streams, digits, inband = data
    return Termination(name, host, tuple(map(_stream, streams)), digits, inband)


def _stream(data: list[Any]) -> Stream:
    kind, port, remote, remote_rtcp, sources, sends, receives, to_party, from_party = data
    return Stream(
        kind,
        port,
        Address(*remote) if remote else None,
        Address(*remote_rtcp) if remote_rtcp else None,
        tuple(sources),
        tuple(Format(*each) for each in sends),
        tuple(Format(*each) for each in receives),
        to_party,
        from_party,
    )


def event_line(event: MediaEvent) -> bytes:
    """``digit``, ``played``, ``silent`` or ``port_lost``."""
    return line(_VERBS[type(event)], *event)


def read_event(verb: str, items: list[Any]) -> MediaEvent | None:
    """The event that `event_line` made; None when `verb` is none. Raises `WireError`."""
    kind = _EVENTS.get(verb)
    if kind is None:
        return None
    try:
        event: MediaEvent = kind(*items)
    except TypeError as error:
        raise WireError(f"no {verb}: {error}") from None
    return event


def read_statistics(data: list[Any]) -> tuple[Statistics, ...]:
    """What ``dropped`` carries. Raises `WireError`."""
    try:
        return tuple(Statistics(*each) for each in data)
    except TypeError as error:
        raise WireError(f"no statistics: {error}") from None


_EVENTS: Final[dict[str, Any]] = {"digit": Digit, "played": Played, "silent": Silent, "port_lost": PortLost}
_VERBS: Final = {kind: verb for verb, kind in _EVENTS.items()}


class Lines:
    """Cuts what comes off a stream socket into lines."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that are whole now. Raises `WireError` when one grows beyond `MAX_LINE`."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > MAX_LINE:
            raise WireError(f"a line of more than {MAX_LINE} bytes")
        return lines

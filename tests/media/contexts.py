"""Contexts as tests want them: parties with one audio stream, said in few words."""

from __future__ import annotations

from typing import Any

from b2bua.media.engine import Address, Context, Stream, Termination
from b2bua.sip.description import Format

PCMU = Format(0, "PCMU")
PCMA = Format(8, "PCMA")
G722 = Format(9, "G722")
OPUS = Format(111, "OPUS", 48000, 2, "useinbandfec=1")
EVENTS = Format(101, "TELEPHONE-EVENT", 8000, 1, "0-16")
FORMATS = (PCMU, PCMA, EVENTS)
HERE = "127.0.0.1"


def stream(port: int, **changes: Any) -> Stream:
    """Audio of a phone at 127.0.0.9, that sends and takes G.711 and keys."""
    return Stream("audio", port, Address("127.0.0.9", 4000), None, ("127.0.0.9",), FORMATS, FORMATS)._replace(**changes)


def party(name: str, port: int, *, digits: Any = "pass", inband: bool = False, host: str = HERE, **changes: Any) -> Termination:
    return Termination(name, host, (stream(port, **changes),), digits, inband)


def relay(name: str, *parties: Termination, **more: Any) -> Context:
    return Context(name, parties or (party("a", 20000), party("b", 20002)), relay=True, **more)


def mix(name: str, *parties: Termination, hears: Any, **more: Any) -> Context:
    return Context(name, parties, hears=hears, **more)

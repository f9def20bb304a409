"""What all softphones of the tests have in common: an account, a tone to say, and a list of things that happened."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self


@dataclass(frozen=True, slots=True)
class Account:
    """Where a phone sits, whose it is, and what it says: a sine tone of `tone` Hz."""

    ip: str
    user: str
    password: str
    domain: str
    server: str
    """"host:port" to which everything is sent; "" for a phone that calls other phones directly."""
    tone: int
    transport: str = "udp"
    port: int = 5060
    codec: str = "PCMU"
    """The only codec that the phone knows: PCMU, PCMA, G722, opus, GSM …"""

    @property
    def uri(self) -> str:
        """Where other phones reach it without a server."""
        return f"sip:{self.user}@{self.ip}:{self.port}"


class Events:
    """Things that happened to a phone, in order; each is waited for once."""

    def __init__(self, whose: str) -> None:
        self._whose = whose
        self._all: list[tuple[float, str, Mapping[str, Any]]] = []
        self._changed = threading.Condition()
        self._seen = 0

    def add(self, kind: str, **details: Any) -> None:
        """Something has happened."""
        with self._changed:
            self._all.append((time.monotonic(), kind, details))
            self._changed.notify_all()

    def wait(self, kind: str, seconds: float = 10.0, **details: Any) -> Mapping[str, Any]:
        """The next `kind` (with these details) after the last one waited for; TimeoutError tells what came instead."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while True:
                for index in range(self._seen, len(self._all)):
                    _, found, having = self._all[index]
                    if found == kind and all(having.get(key) == value for key, value in details.items()):
                        self._seen = index + 1
                        return having
                left = deadline - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    raise TimeoutError(f"{self._whose}: no {kind} {details or ''} in {seconds:g} s\n{self}")

    def forget(self) -> None:
        """Only what happens from now on is waited for."""
        with self._changed:
            self._seen = len(self._all)

    def count(self, kind: str) -> int:
        """How often something has happened so far."""
        with self._changed:
            return sum(found == kind for _, found, _ in self._all)

    def __str__(self) -> str:
        with self._changed:
            return "\n".join(f"{when:.3f} {kind} {dict(details)}" for when, kind, details in self._all)


class Phone(Protocol):
    """A real phone under remote control. Events: incoming, ringing, established, closed."""

    account: Account
    events: Events

    def __enter__(self) -> Self: ...
    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...
    def dial(self, number: str) -> None:
        """Calls a number, as its user would dial it (or a whole URI)."""

    def answer(self) -> None:
        """Takes the ringing call."""

    def hold(self) -> None:
        """Puts the call on hold."""

    def resume(self) -> None:
        """Takes the call back from hold."""

    def hangup(self) -> None:
        """Ends the call, or refuses the ringing one."""

    def press(self, digits: str) -> None:
        """Keys during the call, as telephone events (RFC 4733)."""

    def transfer(self, number: str) -> None:
        """Sends the other party to a number (REFER)."""

    def audible(self) -> float:
        """Seconds of sound that have arrived so far: it stands still while the phone hears nothing."""

    def record(self) -> Path:
        """The recording of what the phone hears."""

    def log(self) -> str:
        """Everything the phone has to say, for a failed test."""

"""Several phones in one test."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

from scenarios.office import DOMAIN
from scenarios.script import Seat
from tests.support.audio import TONES
from tests.support.baresip import Baresip
from tests.support.network import wait_for
from tests.support.phone import Account, Phone
from tests.support.pjsua import Pjsua

PhoneT = TypeVar("PhoneT", bound=Baresip | Pjsua)


class Start(Protocol):
    """start(kind, seat, tone, codec): a running phone, registered when there is a server."""

    def __call__(self, kind: type[PhoneT], seat: Seat, tone: int = ..., codec: str = ...) -> PhoneT: ...


@contextmanager
def phones(folder: Path, server: str) -> Iterator[Start]:
    """Starts phones; prints their logs, and ends them all."""
    started: list[Phone] = []
    with ExitStack() as stack:

        def start(kind: type[PhoneT], seat: Seat, tone: int = TONES[0], codec: str = "PCMU") -> PhoneT:
            account = Account(seat.ip, seat.user, seat.password or "", DOMAIN, server, tone, seat.transport, codec=codec)
            phone = kind(account, folder)
            started.append(phone)
            stack.enter_context(phone)
            return phone

        try:
            yield start
        finally:
            for phone in started:  # pytest shows this when the test has failed
                print(f"===== {type(phone).__name__} {phone.account.user} at {phone.account.ip}\n{phone.events}\n{phone.log()}")


def quiet(phone: Phone, seconds: float = 0.6) -> None:
    """Until the phone has heard nothing for this long."""
    last, since = -1.0, time.monotonic()

    def unchanged() -> bool:
        nonlocal last, since
        now = phone.audible()
        if now != last:
            last, since = now, time.monotonic()
        return time.monotonic() - since > seconds

    wait_for(unchanged, f"{seconds:g} s of silence at {phone.account.user}")


def sounding(phone: Phone, seconds: float = 0.8) -> None:
    """Until the phone has heard this much more."""
    before = phone.audible()
    wait_for(lambda: phone.audible() >= before + seconds, f"{seconds:g} s of sound at {phone.account.user}")

"""A voice without a phone: G.711 over a bad network, for a party whose SIP somebody else speaks."""

from __future__ import annotations

import array
import math
import random
import socket
import struct
import threading
import time
import wave
from bisect import bisect_left
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.audio import RATE, SAID

FRAME = 160
"""Samples of a packet: 20 ms."""
_HEADER = struct.Struct("!BBHII")


def _expand(code: int) -> int:
    """A code of G.711 µ-law as a sample."""
    code = ~code & 0xFF
    magnitude = (((code & 0x0F) << 3) + 0x84 << (code >> 4 & 7)) - 0x84
    return -magnitude if code & 0x80 else magnitude


_EXPANDED = [_expand(code) for code in range(256)]
_BY_VALUE = sorted((sample, code) for code, sample in enumerate(_EXPANDED))
_VALUES = [sample for sample, _ in _BY_VALUE]


def _compress(sample: int) -> int:
    """The nearest code."""
    at = bisect_left(_VALUES, sample)
    return min(_BY_VALUE[max(0, at - 1) : at + 1], key=lambda each: abs(each[0] - sample))[1]


class Voice:
    """Says a tone by RTP from `(ip, port)` and records what comes there, in the order of arrival.

    `loss` is the share of packets that never leave; every `swapped`th packet changes places with the next one.
    """

    def __init__(self, ip: str, port: int, tone: int, path: Path, loss: float = 0.0, swapped: int = 0) -> None:
        self.tone = tone
        self._path = path
        self._loss = loss
        self._swapped = swapped
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((ip, port))
        self._socket.setblocking(False)
        self._target: tuple[str, int] | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"voice at {ip}", daemon=True)
        peak = 32767 * 10 ** (SAID / 20)
        self._says = bytes(_compress(round(peak * math.sin(2 * math.pi * tone * at / RATE))) for at in range(RATE))
        self._heard = array.array("h")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        self._thread.join(5)
        self._socket.close()

    def speak_to(self, host: str, port: int) -> None:
        """Where its packets go from now on."""
        self._target = (host, port)

    def record(self) -> Path:
        """What it has heard so far."""
        with wave.open(str(self._path), "wb") as file:
            file.setparams((1, 2, RATE, 0, "NONE", ""))
            file.writeframes(self._heard[:].tobytes())
        return self._path

    def record_anew(self) -> None:
        """Forgets what it has heard."""
        self._heard = array.array("h")

    def _run(self) -> None:
        chance = random.Random(20)
        number, due, kept = 0, time.monotonic(), b""
        while not self._over.wait(max(0.0, due - time.monotonic())):
            due += FRAME / RATE
            self._listen()
            at = number * FRAME % RATE
            packet = _HEADER.pack(0x80, 0, number & 0xFFFF, number * FRAME, 0x5EED) + self._says[at : at + FRAME]
            number += 1
            if self._target is None or chance.random() < self._loss:
                continue
            if self._swapped and number % self._swapped == 0 and not kept:
                kept = packet
                continue
            for each in (packet, kept) if kept else (packet,):
                self._socket.sendto(each, self._target)
            kept = b""

    def _listen(self) -> None:
        while True:
            try:
                data = self._socket.recv(2048)
            except BlockingIOError:
                return
            if len(data) > _HEADER.size and data[1] & 0x7F == 0:
                self._heard.extend(_EXPANDED[code] for code in data[_HEADER.size :])

"""The sound of a scripted phone: a tone of its own and pressed keys over RTP (RFC 3550, 4733), and who is heard in what comes."""

import asyncio
import math
import re
import secrets
import struct
import time
from collections import deque
from collections.abc import Sequence
from functools import cache
from operator import mul
from typing import NamedTuple

Address = tuple[str, int]
KEYS = "0123456789*#ABCD"
FRAME_SECONDS = 0.02
SAMPLES = 160
LOUD = 1_000.0
"""The amplitude from which a tone is heard; each is spoken with `AMPLITUDE`."""
AMPLITUDE = 6_000
KEY_FRAMES = 5
PAUSE_FRAMES = 3
"""A key is pressed for 100 ms, and the next one 60 ms later: a quick hand."""
EVENT_TYPE = 101
"""The payload type of telephone events."""


class Heard(NamedTuple):
    """A packet that came, and when (`time.perf_counter`)."""

    at: float
    payload: bytes


class Sound(asyncio.DatagramProtocol):
    """The RTP socket of a call: one frame each 20 ms once it knows whereto."""

    def __init__(self, hertz: int) -> None:
        self._frame = tone(hertz)
        self._keys: deque[tuple[str, int]] = deque()
        self._sequence, self._clock, self._ssrc = 0, 0, secrets.randbits(32)
        self._remote: Address | None = None
        self._transport: asyncio.DatagramTransport | None = None
        self._task: asyncio.Task[None] | None = None
        self.heard: list[Heard] = []
        self.pressed = 0.0
        """When the last key went down (`time.perf_counter`)."""

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Address) -> None:
        if len(data) == 12 + SAMPLES and data[1] & 127 == 0:
            self.heard.append(Heard(time.perf_counter(), data[12:]))

    @property
    def port(self) -> int:
        assert self._transport is not None
        return int(self._transport.get_extra_info("sockname")[1])

    def speak(self, description: bytes) -> None:
        """To where that description (SDP) wants it, from now on."""
        host = re.search(rb"^c=IN IP4 (\S+)", description, re.MULTILINE)
        port = re.search(rb"^m=audio (\d+)", description, re.MULTILINE)
        if host and port:
            self._remote = (host[1].decode(), int(port[1]))
            self._task = self._task or asyncio.get_running_loop().create_task(self._speak())

    def press(self, keys: str) -> None:
        """One after the other (RFC 4733), instead of the tone."""
        for key in keys:
            self._keys.extend((key, frame) for frame in range(KEY_FRAMES + PAUSE_FRAMES))

    def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
        if self._transport is not None:
            self._transport.close()

    async def _speak(self) -> None:
        due = time.perf_counter()
        while True:
            self._send_frame()
            self._clock += SAMPLES
            due += FRAME_SECONDS
            await asyncio.sleep(max(0.0, due - time.perf_counter()))

    def _send_frame(self) -> None:
        key, frame = self._keys.popleft() if self._keys else ("", 0)
        if not key or frame >= KEY_FRAMES:
            self._send(0, self._clock, self._frame)
            return
        if frame == 0:
            self.pressed = time.perf_counter()
        last = frame == KEY_FRAMES - 1
        begun = self._clock - frame * SAMPLES
        event = struct.pack("!BBH", KEYS.index(key), last << 7 | 10, (frame + 1) * SAMPLES)
        for _ in range(3 if last else 1):
            self._send(EVENT_TYPE, begun, event, marker=frame == 0)

    def _send(self, payload_type: int, timestamp: int, payload: bytes, *, marker: bool = False) -> None:
        header = struct.pack("!BBHII", 0x80, marker << 7 | payload_type, self._sequence & 0xFFFF, timestamp & 0xFFFFFFFF, self._ssrc)
        self._sequence += 1
        if self._transport is not None:
            self._transport.sendto(header + payload, self._remote)


@cache
def tone(hertz: int) -> bytes:
    """A frame of PCMU; whole waves fit into it when 50 divides `hertz`, so that frames follow each other without a break."""
    return bytes(_to_ulaw(round(AMPLITUDE * math.sin(2 * math.pi * hertz * n / 8000))) for n in range(SAMPLES))


def loudness(payload: bytes, hertz: int) -> float:
    """The amplitude of that tone in a frame."""
    samples = [_LINEAR[octet] for octet in payload]
    parts = (sum(map(mul, samples, wave)) for wave in _waves(hertz))
    return 2 * math.hypot(*parts) / SAMPLES


@cache
def _waves(hertz: int) -> tuple[list[float], list[float]]:
    turns = [2 * math.pi * hertz * n / 8000 for n in range(SAMPLES)]
    return [math.cos(each) for each in turns], [math.sin(each) for each in turns]


class Ear:
    """Waits for the first packet after `since` that has all the tones `hertz`, looking at each packet once."""

    def __init__(self, sound: Sound, hertz: Sequence[int], since: float) -> None:
        self._sound, self._hertz, self._since = sound, hertz, since
        self._next = 0
        self.at: float | None = None
        """When it came (`time.perf_counter`); None: not yet."""

    def listen(self) -> float | None:
        """`at`, after a look at what has come."""
        heard = self._sound.heard
        while self.at is None and self._next < len(heard):
            each = heard[self._next]
            self._next += 1
            if each.at >= self._since and all(loudness(each.payload, hertz) > LOUD for hertz in self._hertz):
                self.at = each.at
        return self.at


def _to_ulaw(sample: int) -> int:
    """ITU-T G.711."""
    sign, magnitude = (0x80, -sample) if sample < 0 else (0, sample)
    magnitude += 132
    exponent = magnitude.bit_length() - 8
    return ~(sign | exponent << 4 | magnitude >> exponent + 3 & 15) & 255


def _to_linear(octet: int) -> int:
    octet = ~octet & 255
    magnitude = (((octet & 15) << 3) + 132 << (octet >> 4 & 7)) - 132
    return -magnitude if octet & 0x80 else magnitude


_LINEAR = [_to_linear(octet) for octet in range(256)]

"""RTP and RTCP as a party at the other end of a port sees it: sockets, packets, tones and how loud they are. For tests only."""

from __future__ import annotations

import math
import socket
import struct
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from b2bua.media.native import Plane

PCMU = (0, 1, 8000)
PCMA = (8, 2, 8000)
G722 = (9, 3, 8000)
EVENT = (101, 4, 8000)
OPUS = (111, 0, 48000)
KEYS = "0123456789*#ABCD"
DEADLINE = 5.0
"""Seconds after which something that ought to have come will not come."""


class Packet(NamedTuple):
    """One RTP packet without extensions."""

    type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    marker: bool = False

    def __bytes__(self) -> bytes:
        second = self.marker << 7 | self.type
        return struct.pack("!BBHII", 0x80, second, self.sequence & 0xFFFF, self.timestamp & 0xFFFFFFFF, self.ssrc) + self.payload

    @classmethod
    def parse(cls, data: bytes) -> Packet:
        first, second, sequence, timestamp, ssrc = struct.unpack_from("!BBHII", data)
        assert first == 0x80, f"not a plain RTP header: {data[:12].hex()}"
        return cls(second & 127, sequence, timestamp, ssrc, data[12:], bool(second & 128))


class Event(NamedTuple):
    """A payload of RFC 4733."""

    digit: str
    end: bool
    duration: int

    @classmethod
    def parse(cls, payload: bytes) -> Event:
        code, flags, duration = struct.unpack("!BBH", payload)
        return cls(KEYS[code], bool(flags & 0x80), duration)

    def __bytes__(self) -> bytes:
        return struct.pack("!BBH", KEYS.index(self.digit), self.end << 7 | 10, self.duration)


def key(digit: str, *, timestamp: int, sequence: int, ssrc: int = 7, payload_type: int = 101) -> list[bytes]:
    """A key pressed for 100 ms: five packets, the last of them three times."""
    durations = [(160, False), (320, False), (480, False), (640, False), (800, True), (800, True), (800, True)]
    return [
        bytes(Packet(payload_type, sequence + n, timestamp, ssrc, bytes(Event(digit, end, duration)), marker=n == 0))
        for n, (duration, end) in enumerate(durations)
    ]


class Party:
    """The sockets of a party: RTP, and RTCP above it. Everything that comes is kept."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.host = host
        self.rtp, self.rtcp = _pair(family, host)
        self.port: int = self.rtp.getsockname()[1]
        self.sequence = 0
        self.ssrc = 7

    @property
    def address(self) -> tuple[str, int]:
        return self.host, self.port

    def send(self, port: int, data: bytes, host: str | None = None) -> None:
        """From the RTP port to `port` at our side."""
        self.rtp.sendto(data, (host or self.host, port))

    def send_control(self, port: int, data: bytes) -> None:
        """From the RTCP port to the RTCP port above `port`."""
        self.rtcp.sendto(data, (self.host, port + 1))

    def talk(self, port: int, payload: bytes, payload_type: int = 0) -> bytes:
        """The next 20 ms of its sound."""
        packet = bytes(Packet(payload_type, self.sequence, self.sequence * 160, self.ssrc, payload))
        self.sequence += 1
        self.send(port, packet)
        return packet

    def received(self) -> list[bytes]:
        return _drain(self.rtp)

    def received_control(self) -> list[bytes]:
        return _drain(self.rtcp)

    def packets(self) -> list[Packet]:
        return [Packet.parse(data) for data in self.received()]

    def close(self) -> None:
        self.rtp.close()
        self.rtcp.close()


def _pair(family: int, host: str) -> tuple[socket.socket, socket.socket]:
    """Two ports, even and the next."""
    while True:
        rtp, rtcp = socket.socket(family, socket.SOCK_DGRAM), socket.socket(family, socket.SOCK_DGRAM)
        try:
            rtp.bind((host, 0))
            if rtp.getsockname()[1] % 2 == 0:
                rtcp.bind((host, rtp.getsockname()[1] + 1))
                rtp.setblocking(False)
                rtcp.setblocking(False)
                return rtp, rtcp
        except OSError:
            pass
        rtp.close()
        rtcp.close()


def free_port(host: str = "127.0.0.1") -> int:
    """An even port for our side; it and the next are free."""
    party = Party(host)
    party.close()
    return party.port


def _drain(sock: socket.socket) -> list[bytes]:
    found = []
    while True:
        try:
            found.append(sock.recv(4096))
        except BlockingIOError:
            return found


def run(plane: Plane, seconds: float, each: Callable[[], object] | None = None, every: float = 0.02) -> None:
    """Let the plane work for so long, and do `each` every 20 ms."""
    begin = time.monotonic()
    due = begin
    while time.monotonic() < begin + seconds:
        if each is not None and time.monotonic() >= due:
            each()
            due += every
        plane.run(2)


def settle(plane: Plane) -> None:
    """Let it take everything that has been sent to it."""
    before = None
    while before != (before := plane.counts()[4:6]):
        plane.run(3)


def until(plane: Plane, done: Callable[[], bool]) -> None:
    """Let it work until something has come about."""
    limit = time.monotonic() + DEADLINE
    while not done():
        assert time.monotonic() < limit, "it has not come about"
        plane.run(5)


# ---- sound ----


def _ulaw(sample: int) -> int:
    """ITU-T G.711, from a 16-bit sample."""
    sign, magnitude = (0x80, -sample) if sample < 0 else (0, sample)
    magnitude = min(magnitude, 32635) + 132
    exponent = magnitude.bit_length() - 8
    return ~(sign | exponent << 4 | (magnitude >> exponent + 3) & 15) & 255


def _linear(octet: int) -> int:
    octet = ~octet & 255
    magnitude = (((octet & 15) << 3) + 132 << (octet >> 4 & 7)) - 132
    return -magnitude if octet & 0x80 else magnitude


_ULAW = bytes(_ulaw(sample) for sample in range(-32768, 32768))
_LINEAR = [_linear(octet) for octet in range(256)]


def encode(samples: Sequence[int]) -> bytes:
    """PCMU."""
    return bytes(_ULAW[sample + 32768] for sample in samples)


def decode(octets: bytes) -> list[int]:
    return [_LINEAR[octet] for octet in octets]


def tone(hertz: float, count: int = 160, start: int = 0, amplitude: int = 8000, rate: int = 8000) -> list[int]:
    """That many samples of a sine."""
    return [round(amplitude * math.sin(2 * math.pi * hertz * (start + n) / rate)) for n in range(count)]


class Tone:
    """A tone as PCMU, 20 ms at a time without a break."""

    def __init__(self, hertz: float, amplitude: int = 8000) -> None:
        self.hertz, self.amplitude, self._at = hertz, amplitude, 0

    def __call__(self) -> bytes:
        self._at += 160
        return encode(tone(self.hertz, 160, self._at - 160, self.amplitude))


def dtmf_5(number: int) -> bytes:
    """The key 5 as PCMU, that 20 ms of it."""
    pair = zip(tone(770, 160, number * 160), tone(1336, 160, number * 160), strict=True)
    return encode([low + high for low, high in pair])


def loudness(samples: Sequence[int], hertz: float, rate: int = 8000) -> float:
    """The amplitude of that tone in the sound."""
    if not samples:
        return 0.0
    turn = 2 * math.pi * hertz / rate
    re = sum(sample * math.cos(turn * n) for n, sample in enumerate(samples))
    im = sum(sample * math.sin(turn * n) for n, sample in enumerate(samples))
    return 2 * math.hypot(re, im) / len(samples)

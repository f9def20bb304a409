"""A leg's place in the media engine: the ports that its descriptions name, and what the engine is told about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from b2bua.calls.ports import MediaPlace
from b2bua.media.engine import Address, Digits, EngineError, MediaEngine, Stream, Termination
from b2bua.sip import description
from b2bua.sip.description import Format
from b2bua.sip.values import SipError

if TYPE_CHECKING:
    from b2bua.calls.leg import Leg

MAX_STREAMS: Final = 4
"""Streams of one party that get ports; further m-lines are refused with port 0 (RFC 3264 §6)."""
_RECEIVES: Final = ("sendrecv", "recvonly")
_SENDS: Final = ("sendrecv", "sendonly")


class Anchor:
    """Ports are reserved when the leg's first description is written, and given back by `release`, when the leg ends.

    `digits` says whether keys are taken out of the sound and reported; `inband` whether they are listened for in it.
    """

    __slots__ = ("id", "place", "ports", "digits", "_engine", "_leg", "_local", "_remote", "_termination")

    def __init__(self, engine: MediaEngine, leg: Leg, termination: str, place: MediaPlace) -> None:
        self.id = termination
        self.place = place
        self.ports: tuple[int, ...] = ()
        self.digits: Digits = "pass"
        self._engine = engine
        self._leg: Leg | None = leg
        self._local = b""
        self._remote = b""
        self._termination: Termination | None = None

    def put(self, body: bytes) -> bytes:
        """A description as the leg's peer is to see it: every stream comes to our ports. Raises `SipError`: 503 without free ports."""
        wanted = min(MAX_STREAMS, body.count(b"\nm="))
        if wanted > len(self.ports):
            try:
                self.ports += self._engine.reserve(wanted - len(self.ports))
            except EngineError as error:
                raise SipError(503, str(error)) from error
        return description.with_ports(body, self.place.shown, self.ports)

    @property
    def released(self) -> bool:
        """Whether the leg is over."""
        return self._leg is None

    @property
    def host(self) -> str:
        """The address that the leg's descriptions name."""
        return self.place.shown

    @property
    def port(self) -> int:
        """The first stream's port; 9 (discard) as long as there is none, which `put` replaces."""
        return self.ports[0] if self.ports else 9

    def termination(self) -> Termination | None:
        """The leg as the engine is to know it; None until both sides have described themselves. Raises `SipError(488)`."""
        leg = self._leg
        if leg is None or not leg.local.last or not leg.remote_sdp:
            return None
        known = self._termination
        if known is not None and leg.local.last is self._local and leg.remote_sdp is self._remote and known.digits == self.digits:
            return known
        self._local, self._remote = leg.local.last, leg.remote_sdp
        self._termination = found = Termination(self.id, self.place.bound, self._streams(leg), self.digits, self._inband())
        return found

    def _inband(self) -> bool:
        """A peer that knows no telephone-event can press keys only as tones."""
        theirs = description.audio(description.parse(self._remote))
        return self.digits == "take" and theirs is not None and not any(each.encoding == "TELEPHONE-EVENT" for each in theirs.formats)

    def _streams(self, leg: Leg) -> tuple[Stream, ...]:
        ours, theirs = description.parse(self._local).streams, description.parse(self._remote).streams
        streams = []
        for mine, its, port in zip(ours, theirs, self.ports, strict=False):
            if mine.port == 0 or its.port == 0:
                continue
            remote = None if _nowhere(its.host) else Address(its.host, its.port)
            rtcp = None if remote is None else Address(*its.rtcp) if its.rtcp is not None else Address(its.host, its.port + 1)
            streams.append(
                Stream(
                    its.kind,
                    port,
                    remote,
                    rtcp,
                    self._sources(leg, its.host),
                    _common(mine.formats, its.formats),
                    _common(its.formats, mine.formats),
                    to_party=its.direction in _RECEIVES and mine.direction in _SENDS,
                    from_party=its.direction in _SENDS and mine.direction in _RECEIVES,
                )
            )
        return tuple(sorted(streams, key=_not_sound))  # a relay pairs them by their order, and the other party may have none but the sound

    @staticmethod
    def _sources(leg: Leg, host: str) -> tuple[str, ...]:
        """Where its packets may come from: a trunk's from where its description says; a phone's from where it signals, first of all."""
        dialog = leg.current_dialog()
        signalled = dialog.host if dialog is not None else host
        if signalled == host or _nowhere(host):
            return (signalled,)
        return (host, signalled) if leg.trunk is not None else (signalled, host)

    def release(self) -> None:
        """The leg is over."""
        ports, self.ports = self.ports, ()
        self._leg = None
        self._engine.listen(self.id, None)
        if ports:
            self._engine.release(ports)


def _not_sound(stream: Stream) -> bool:
    return stream.kind != "audio"


def _nowhere(host: str) -> bool:
    return host in ("0.0.0.0", "::", "")  # noqa: S104 - what phones wrote to hold before RFC 3264


def _common(ones: tuple[Format, ...], others: tuple[Format, ...]) -> tuple[Format, ...]:
    """Those of `ones` that are among the `others`, whatever their payload types."""
    names = {(each.encoding, each.clock, each.channels) for each in others}
    return tuple(each for each in ones if (each.encoding, each.clock, each.channels) in names)

"""What a session description says (RFC 4566, RFC 3264, RFC 3551): streams, where they go, formats; and how to write one of our own.

Reading is tolerant of what phones write and strict about what sends packets somewhere. Rewriting leaves every other byte as it was.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Final, NamedTuple

from b2bua.sip.sdp import Direction
from b2bua.sip.values import SipError


class Format(NamedTuple):
    """One payload type of a stream: number, encoding name as in its rtpmap (upper case), clock rate, channels, fmtp parameters."""

    payload_type: int
    encoding: str
    clock: int = 8000
    channels: int = 1
    parameters: str = ""


class Stream(NamedTuple):
    """One m-line as its author wrote it: where that party wants its packets, and which formats it takes there."""

    kind: str
    """"audio", "video", "image", …"""
    port: int
    """0: refused, or ended."""
    protocol: str
    """As written: RTP/AVP, RTP/SAVP, udptl, …"""
    formats: tuple[Format, ...]
    """Best first. Payload types that nothing names are left out; () where the protocol is not RTP, or the port is 0."""
    host: str
    """An IP literal without brackets, or a host name (see `hostile`). 0.0.0.0 is the old way to hold; "" only where the port is 0."""
    rtcp: tuple[str, int] | None
    """Where it wants RTCP, if it says so (RFC 3605); else that is the port above."""
    direction: Direction
    ptime: int | None
    """Milliseconds of sound that it likes in a packet."""
    keyed: bool
    """Whether it is, or may be, encrypted: SAVP, a crypto line, or a fingerprint."""


class Description(NamedTuple):
    """A session description as read."""

    streams: tuple[Stream, ...]
    times: bytes
    """Its first t= line, which an answer repeats (RFC 3264 §6)."""
    raw: bytes


MIXABLE: Final = (Format(9, "G722"), Format(0, "PCMU"), Format(8, "PCMA"))
"""What the mixer can decode and encode, best first. The clock of G.722 is 8000 by an old mistake (RFC 3551 §4.5.2)."""
TELEPHONE_EVENT: Final = Format(101, "TELEPHONE-EVENT", 8000, 1, "0-16")
"""Keys pressed (RFC 4733), flash included."""

_NO_SOUND: Final = frozenset({"TELEPHONE-EVENT", "CN", "RED"})  # formats that a call cannot be made of alone
_STATIC: Final = {
    format_.payload_type: format_
    for format_ in (
        *MIXABLE,
        *(Format(number, name) for number, name in ((3, "GSM"), (4, "G723"), (5, "DVI4"), (7, "LPC"), (12, "QCELP"), (13, "CN"))),
        *(Format(15, "G728"), Format(18, "G729"), Format(6, "DVI4", 16000), Format(16, "DVI4", 11025), Format(17, "DVI4", 22050)),
        *(Format(10, "L16", 44100, 2), Format(11, "L16", 44100)),
        *(Format(number, name, 90000) for number, name in ((14, "MPA"), (25, "CELB"), (26, "JPEG"), (28, "NV"), (31, "H261"))),
        *(Format(number, name, 90000) for number, name in ((32, "MPV"), (33, "MP2T"), (34, "H263"))),
    )
}
"""RFC 3551 §6."""
_SPELLING: Final = {"TELEPHONE-EVENT": "telephone-event", "OPUS": "opus", "SPEEX": "speex", "ILBC": "iLBC"}
"""Names are compared without case (RFC 4855 §3), but some phones do not know that."""

_MEDIA = re.compile(rb"m=([!-~]+) +([0-9]{1,5})(?:/[0-9]{1,5})? +([!-~]+)((?: +[!-~]+)*)[ \t]*")
_CONNECTION = re.compile(rb"c=IN +IP[46] +\[?([!-.0-Z^-~]+)")  # all of a token but the slash before a TTL, and brackets
_RTCP = re.compile(rb" *([0-9]{1,5})(?: +IN +IP[46] +\[?([!-.0-Z^-~]+)\]?)?[ \t]*")
_MAPPING = re.compile(rb"([!-.0-~]+)(?:/([0-9]{1,6})(?:/([0-9]{1,2}))?)?")
_DIRECTION_LINE = re.compile(rb"a=(?:sendrecv|sendonly|recvonly|inactive)[ \t]*[\r\n]*")
_ADDRESS_LINE = re.compile(
    rb"a=(?:rtcp:|rtcp-mux|candidate:|ice-|end-of-candidates|remote-candidates|source-filter|altc:|ccap:|group:BUNDLE|bundle-only)"
)
"""What would lead packets past a relay: other addresses (RFC 3605, 8839, 4570, 6947, 7006), several streams on one port (RFC 8843)."""
_NULL: Final = (b"0.0.0.0", b"::")
_MOST_FORMATS: Final = 128  # there are no more payload types
_LONGEST_ADDRESS: Final = 45
_HOST_NAME: Final = "Host Name As Media Address"
_LINE_ENDS: Final = b"\r\n"
_PLAIN_RTP: Final = ("RTP/AVP", "RTP/AVPF")  # the only ones that take no key to answer


# --- reading -----------------------------------------------------------------------------------------------------------------


class _Section:
    """What the lines of the session, or of one stream, say."""

    __slots__ = ("attributes", "connection", "mappings", "parameters")

    def __init__(self, lines: Iterable[bytes]) -> None:
        self.connection = b""
        self.attributes: dict[bytes, bytes] = {}
        self.mappings: dict[bytes, bytes] = {}
        self.parameters: dict[bytes, bytes] = {}
        for line in lines:
            if line[:2] == b"a=":
                name, _, value = line[2:].partition(b":")
                if name == b"rtpmap":
                    number, _, text = value.strip().partition(b" ")
                    self.mappings[number] = text
                elif name == b"fmtp":
                    number, _, text = value.strip().partition(b" ")
                    self.parameters[number] = text
                else:
                    self.attributes.setdefault(name.rstrip(), value)
            elif line[:2] == b"c=" and not self.connection:
                found = _CONNECTION.match(line)
                self.connection = found[1] if found is not None else b"?"


def parse(body: bytes) -> Description:
    """Read a description. Raises `SipError(488)` for what is none, or does not say where its packets go."""
    if not body.startswith(b"v=0"):
        raise SipError(488, "Not A Session Description")
    lines = body.splitlines()
    starts = [at for at, line in enumerate(lines) if line[:2] == b"m="]
    ends = [*starts[1:], len(lines)]
    head = lines[: starts[0]] if starts else lines
    session = _Section(head)
    times = next((line for line in head if line[:2] == b"t="), b"t=0 0")
    return Description(tuple([_stream(lines[start:end], session) for start, end in zip(starts, ends, strict=False)]), times, body)


def _media_line(line: bytes) -> re.Match[bytes]:
    found = _MEDIA.fullmatch(line)
    if found is None or int(found[2]) > 65535 or (int(found[2]) and not found[4]):
        raise SipError(488, "Bad Media Description")
    return found


def _stream(lines: list[bytes], session: _Section) -> Stream:
    kind, port, protocol, formats = _media_line(lines[0]).groups()
    section = _Section(lines[1:])
    connection = section.connection or session.connection
    if connection in (b"", b"?"):
        if int(port):
            raise SipError(488, "No Connection Address")
        connection = b""
    profile = protocol.decode()
    attributes = section.attributes
    host = connection.decode()
    rtcp, ptime = attributes.get(b"rtcp"), attributes.get(b"ptime")
    return Stream(
        kind.decode(),
        int(port),
        profile,
        _formats(formats.split(), section) if int(port) and b"RTP/" in protocol.upper() else (),
        host,
        _rtcp(rtcp, host) if rtcp is not None and int(port) else None,
        _direction(section, session, held=connection in _NULL),
        None if ptime is None else _ptime(ptime),
        b"SAVP" in protocol.upper()
        or b"crypto" in attributes
        or b"fingerprint" in attributes
        or b"fingerprint" in session.attributes,
    )


def _formats(numbers: list[bytes], section: _Section) -> tuple[Format, ...]:
    if len(numbers) > _MOST_FORMATS:
        raise SipError(488, "Bad Media Description")
    mappings, parameters = section.mappings, section.parameters
    formats = []
    for number in numbers:
        format_ = _format(number, mappings.get(number, b""), parameters.get(number, b""))
        if format_.encoding:
            formats.append(format_)
    return tuple(formats)


def _format(number: bytes, mapping: bytes, parameters: bytes) -> Format:
    if len(mapping) + len(parameters) > 200:  # a flood of odd ones must not pin memory
        return _read_format.__wrapped__(number, mapping, parameters)
    return _read_format(number, mapping, parameters)


@lru_cache(1024)
def _read_format(number: bytes, mapping: bytes, parameters: bytes) -> Format:
    """The encoding is "" where nothing names the payload type."""
    if not (number.isdigit() and len(number) < 4 and int(number) < 128):
        raise SipError(488, "Bad Payload Type")
    payload_type = int(number)
    usual = _STATIC.get(payload_type, Format(payload_type, "", 8000))
    said = parameters.strip().decode("latin-1")
    found = _MAPPING.match(mapping.lstrip())
    if found is None:
        return usual._replace(parameters=said)
    encoding = found[1].decode().upper()
    clock = int(found[2] or usual.clock)
    if encoding == "G722":
        clock = 8000  # some phones write the sampling rate
    return Format(payload_type, encoding, clock, int(found[3] or 1) or 1, said)


def _direction(section: _Section, session: _Section, *, held: bool) -> Direction:
    for attributes in (section.attributes, session.attributes):
        if b"sendrecv" in attributes:
            return "sendrecv"
        if b"sendonly" in attributes:
            return "sendonly"
        if b"recvonly" in attributes:
            return "recvonly"
        if b"inactive" in attributes:
            return "inactive"
    return "sendonly" if held else "sendrecv"


def _rtcp(value: bytes, host: str) -> tuple[str, int] | None:
    found = _RTCP.fullmatch(value)
    if found is None or int(found[1]) > 65535:
        raise SipError(488, "Bad RTCP Address")
    port = int(found[1])
    return ((found[2].decode() if found[2] else host), port) if port else None


def _ptime(value: bytes) -> int | None:
    digits = value.strip()
    return int(digits) or None if digits.isdigit() and len(digits) < 5 else None


def audio(description: Description) -> Stream | None:
    """The stream that the call is about: the first of sound that is not refused."""
    return next((stream for stream in description.streams if stream.kind == "audio" and stream.port), None)


# --- judging -----------------------------------------------------------------------------------------------------------------


def is_mixable(format_: Format) -> bool:
    """Whether the mixer can decode and encode it."""
    return format_.encoding in ("PCMU", "PCMA", "G722") and format_.clock == 8000 and format_.channels == 1


def common(offered: Stream, ours: Sequence[Format]) -> tuple[Format, ...]:
    """Those of the formats of `offered` that are among `ours` too, in its order, with its payload types and parameters."""
    known = {(format_.encoding, format_.clock, format_.channels) for format_ in ours}
    return tuple(f for f in offered.formats if (f.encoding, f.clock, f.channels) in known)


def answering_direction(offered: Direction, wanted: Direction = "sendrecv") -> Direction:
    """The most of what we want that `offered` leaves open (RFC 3264 §6.1), each seen by who writes it."""
    send = wanted in ("sendrecv", "sendonly") and offered in ("sendrecv", "recvonly")
    receive = wanted in ("sendrecv", "recvonly") and offered in ("sendrecv", "sendonly")
    if send:
        return "sendrecv" if receive else "sendonly"
    return "recvonly" if receive else "inactive"


def hostile(description: Description, own: Callable[[str, int], bool], ours: str = "") -> str:
    """Why no packet may be sent where `description` wants them, fit for a reason phrase; "" when nothing is wrong.

    `own` says whether an address and port are ours: media that come back to us would go round for ever. 0.0.0.0 is no fault, but the
    old way to hold. Ports below 1024 are none either: 9 is written by who wants nothing yet. `ours`: the address from which we send; one
    of another family cannot be reached from there.
    """
    for stream in description.streams:
        if stream.port:
            for host, port in ((stream.host, stream.port), stream.rtcp or (stream.host, stream.port + 1)):
                address, reason = _place(host) if len(host) <= _LONGEST_ADDRESS else ("", _HOST_NAME)
                if reason:
                    return reason
                if address and own(address, port):
                    return "Media Address Is Our Own"
                if address and ours and (":" in host) is not (":" in ours):
                    return "Other Address Family"
    return ""


@lru_cache(1024)
def _place(host: str) -> tuple[str, str]:
    """The address in its usual spelling, "" for 0.0.0.0; and why nothing may be sent there."""
    try:
        address = ip_address(host)
    except ValueError:
        return "", _HOST_NAME
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return "", "Scoped Media Address"
        address = address.ipv4_mapped or address  # an IPv4 address in disguise is judged as what it is
    if address.is_multicast:
        return "", "Multicast Media Address"
    if address.is_unspecified:
        return "", ""
    if address.version == 4 and (address.is_reserved or address.packed[0] == 0):  # 255.255.255.255 too
        return "", "Broadcast Or Reserved Media Address"
    return str(address), ""


# --- rewriting ---------------------------------------------------------------------------------------------------------------


def _connection_line(host: str) -> bytes:
    return f"c=IN {'IP6' if ':' in host else 'IP4'} {host}".encode()


def _split_end(line: bytes) -> tuple[bytes, bytes]:
    text = line.rstrip(_LINE_ENDS)
    return text, line[len(text) :]


def _relayed(protocol: bytes) -> bool:
    """Whether its packets are UDP, so that they can cross a relay."""
    name = protocol.upper()
    return name.startswith((b"RTP/", b"UDP")) and b"TCP" not in name


def with_ports(body: bytes, host: str, ports: Sequence[int]) -> bytes:
    """`body` with its streams led over a relay: stream i is to be sent to `host` and ``ports[i]``.

    A stream with no port, or 0, there is refused, and so is one that does not run over UDP; what is refused already stays so. Whatever
    names other places goes (RTCP addresses and ICE; the relay speaks plain RTP with RTCP on the port above). A held stream's 0.0.0.0
    stays. All else crosses byte for byte. Raises `SipError(488)` like `parse`.
    """
    written: list[bytes] = []
    index = -1
    connected, needs = False, False  # whether the session has a c= line; whether the stream being read still lacks one
    connection = _connection_line(host)
    for line in body.splitlines(keepends=True):
        start = line[:2]
        if start == b"m=":
            if needs:
                raise SipError(488, "No Connection Address")
            index += 1
            text, end = _split_end(line)
            kind, was, protocol, formats = _media_line(text).groups()
            port = ports[index] if index < len(ports) and int(was) and _relayed(protocol) else 0
            needs = port != 0 and not connected
            written.append(b"m=%b %d %b%b%b" % (kind, port, protocol, formats, end))
        elif start == b"c=":
            text, end = _split_end(line)
            found = _CONNECTION.match(text)
            connected = connected or index < 0
            needs = False
            written.append(line if found is not None and found[1] in _NULL else connection + end)
        elif start != b"a=" or _ADDRESS_LINE.match(line) is None:
            written.append(line)
    if needs:
        raise SipError(488, "No Connection Address")
    return b"".join(written)


def with_direction(body: bytes, direction: Direction) -> bytes:
    """`body` with its audio stream (see `audio`) flowing that way, seen by who sends it; unchanged when it has none."""
    sections = list(_sections(body))
    for lines in sections[1:]:
        text, end = _split_end(lines[0])
        kind, port, _, _ = _media_line(text).groups()
        if kind == b"audio" and int(port):
            end = end or b"\r\n"
            kept = [line for line in lines if _DIRECTION_LINE.fullmatch(line) is None]
            if not kept[-1].endswith((b"\r", b"\n")):
                kept.append(end)
            lines[:] = [*kept, b"a=" + direction.encode() + end]
            break
    return b"".join(line for lines in sections for line in lines)


def _sections(body: bytes) -> Iterator[list[bytes]]:
    """The lines of the session, then of each stream, with their ends."""
    lines: list[bytes] = []
    for line in body.splitlines(keepends=True):
        if line.startswith(b"m="):
            yield lines
            lines = []
        lines.append(line)
    yield lines


# --- writing -----------------------------------------------------------------------------------------------------------------


def offer(host: str, port: int, formats: Sequence[Format], direction: Direction = "sendrecv", ptime: int | None = None) -> bytes:
    """A description with one audio stream. Its origin is a stand-in: `LocalDescription.of` writes the leg's."""
    return _head(host, b"t=0 0") + _audio(b"RTP/AVP", port, formats, direction, ptime)


def offer_again(last: bytes, host: str, port: int, formats: Sequence[Format]) -> bytes:
    """`offer` to a peer that we have sent `last`: no stream of that may be missing (RFC 3264 §8), so all but the sound stand there as
    refused. b"" for `last`: nothing has been sent."""
    sections = list(_sections(last))[1:]
    lines = [_media_line(_split_end(section[0])[0]).groups() for section in sections]
    sounds = [at for at, (kind, *_) in enumerate(lines) if kind == b"audio"]
    chosen = next((at for at in sounds if int(lines[at][1])), sounds[0] if sounds else None)
    if chosen is None:
        return offer(host, port, formats)
    written = [_head(host, b"t=0 0")]
    for at, (kind, _, protocol, listed) in enumerate(lines):
        if at == chosen:
            written.append(_audio(b"RTP/AVP", port, formats, "sendrecv", None))
        else:
            written.append(b"m=%b 0 %b %b\r\n" % (kind, protocol, (listed.split() or [b"0"])[0]))
    return b"".join(written)


def answer(offered: Description, host: str, port: int, formats: Sequence[Format], direction: Direction = "sendrecv") -> bytes:
    """Our answer to `offered` (RFC 3264 §6): its first stream of plain audio with a format of `formats`, and nothing else.

    `direction` is what we want; the answer has as much of it as the offer leaves open. Raises `SipError(488)` when no format fits.
    """
    chosen = next((at for at, stream in enumerate(offered.streams) if _fits(stream, formats)), None)
    if chosen is None:
        raise SipError(488, "No Common Codec")
    written = [_head(host, offered.times)]
    media = [line for line in offered.raw.splitlines() if line[:2] == b"m="]
    for at, stream in enumerate(offered.streams):
        if at == chosen:
            way = answering_direction(stream.direction, direction)
            written.append(_audio(stream.protocol.encode(), port, _as_answered(stream, formats), way, None))
        else:
            kind, _, protocol, listed = _media_line(media[at]).groups()
            written.append(b"m=%b 0 %b %b\r\n" % (kind, protocol, (listed.split() or [b"0"])[0]))
    return b"".join(written)


def answerable(offered: Description, formats: Sequence[Format]) -> Stream | None:
    """The stream that `answer` accepts. Not always the one of `audio`: that may be encrypted, and a plain one stand beside it."""
    return next((stream for stream in offered.streams if _fits(stream, formats)), None)


def _fits(stream: Stream, formats: Sequence[Format]) -> bool:
    return (
        stream.kind == "audio"
        and stream.port != 0
        and stream.protocol.upper() in _PLAIN_RTP
        and any(format_.encoding not in _NO_SOUND for format_ in common(stream, formats))
    )


def _as_answered(stream: Stream, formats: Sequence[Format]) -> list[Format]:
    """The parameters are ours, as they say what we take; only the events are the offerer's, as phones expect their own back."""
    ours = {(format_.encoding, format_.clock, format_.channels): format_.parameters for format_ in formats}
    return [
        format_
        if format_.encoding in _NO_SOUND
        else format_._replace(parameters=ours[format_.encoding, format_.clock, format_.channels])
        for format_ in common(stream, formats)
    ]


def _head(host: str, times: bytes) -> bytes:
    connection = _connection_line(host)
    return b"v=0\r\no=- 0 0 " + connection[2:] + b"\r\ns=-\r\n" + connection + b"\r\n" + times + b"\r\n"


def _audio(protocol: bytes, port: int, formats: Sequence[Format], direction: Direction, ptime: int | None) -> bytes:
    lines = [f"m=audio {port} {protocol.decode()} {' '.join(str(format_.payload_type) for format_ in formats)}"]
    for format_ in formats:
        channels = f"/{format_.channels}" if format_.channels != 1 else ""
        name = _SPELLING.get(format_.encoding, format_.encoding)
        lines.append(f"a=rtpmap:{format_.payload_type} {name}/{format_.clock}{channels}")
        if format_.parameters:
            lines.append(f"a=fmtp:{format_.payload_type} {format_.parameters}")
    if ptime is not None:
        lines.append(f"a=ptime:{ptime}")
    lines.append(f"a={direction}")
    return "".join(line + "\r\n" for line in lines).encode("latin-1")

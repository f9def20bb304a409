"""SIP as plain text, for the scripted phones: nothing here comes from b2bua.sip, so a mistake there is not made here again.

Read with string splitting, written with f-strings. Good enough for phones that trust their server, and for nothing else.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import NamedTuple

_COMPACT = {
    "v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length", "c": "content-type", "k": "supported",
    "x": "session-expires", "r": "refer-to", "b": "referred-by", "o": "event", "u": "allow-events", "s": "subject", "e": "content-encoding",
}  # fmt: skip
_LISTS = (
    "via",
    "contact",
    "route",
    "record-route",
    "supported",
    "require",
    "diversion",
    "history-info",
    "p-asserted-identity",
    "allow",
)


class Sip:
    """One message. Header names in any case; `get` is "" for what is not there."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        head, _, self.body = data.partition(b"\r\n\r\n")
        self.start, *lines = re.sub(r"\r\n[ \t]+", " ", head.decode("utf-8", "surrogateescape")).split("\r\n")
        self.headers: list[tuple[str, str]] = []
        for line in lines:
            name, _, value = line.partition(":")
            name = name.strip().lower()
            self.headers.append((_COMPACT.get(name, name), value.strip()))

    @property
    def is_request(self) -> bool:
        return not self.start.startswith("SIP/2.0 ")

    @property
    def method(self) -> str:
        """The method of a request, "" of a response."""
        return self.start.split(" ")[0] if self.is_request else ""

    @property
    def uri(self) -> str:
        return self.start.split(" ")[1]

    @property
    def status(self) -> int:
        """The status of a response, 0 of a request."""
        return 0 if self.is_request else int(self.start.split(" ")[1])

    @property
    def reason(self) -> str:
        return self.start.split(" ", 2)[2]

    def get(self, name: str) -> str:
        return next((value for other, value in self.headers if other == name.lower()), "")

    def all(self, name: str) -> list[str]:
        """Every value, the comma-separated ones of list headers apart."""
        name = name.lower()
        lines = [value for other, value in self.headers if other == name]
        return [value for line in lines for value in split(line)] if name in _LISTS else lines

    @property
    def call_id(self) -> str:
        return self.get("call-id")

    @property
    def cseq(self) -> tuple[int, str]:
        number, method = self.get("cseq").split()
        return int(number), method

    @property
    def branch(self) -> str:
        return param(self.all("via")[0], "branch")

    @property
    def from_tag(self) -> str:
        return param(self.get("from"), "tag")

    @property
    def to_tag(self) -> str:
        return param(self.get("to"), "tag")

    @property
    def sdp(self) -> Sdp | None:
        return Sdp.parse(self.body) if self.body.startswith(b"v=0") else None

    def __str__(self) -> str:
        return self.start

    def __repr__(self) -> str:
        return f"<{self.start}>"


def split(line: str) -> list[str]:
    """At commas outside of quotes and angle brackets."""
    return [part.strip() for part in re.findall(r'(?:"(?:\\.|[^"\\])*"|<[^>]*>|[^,"<])+', line) if part.strip()]


def uri_of(address: str) -> str:
    """The URI of a name-addr or addr-spec."""
    found = re.search(r"<([^>]*)>", address)
    return found[1] if found else address.split(";")[0].strip()


def display_of(address: str) -> str:
    if "<" not in address:
        return ""
    text = address[: address.rindex("<")].strip()
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text


def user_of(address: str) -> str:
    """The user part of the URI in an address, "" without one."""
    found = (
        re.match(r"(?:sips?|tel):([^@;]*)(?:@|;|$)", uri_of(address))
        if "@" in uri_of(address) or "tel:" in uri_of(address)
        else None
    )
    return found[1].split(":")[0] if found else ""


def param(value: str, name: str) -> str:
    """A parameter behind the URI of a header value, "" without one."""
    tail = value.rpartition(">")[2] if "<" in value else value
    found = re.search(rf";\s*{re.escape(name)}\s*=\s*(\"[^\"]*\"|[^;\s,]*)", tail, re.IGNORECASE)
    return found[1].strip('"') if found else ""


def address_of(uri: str) -> tuple[str, int, str] | None:
    """Host, port and transport of a URI with an IP literal, None for a name."""
    found = re.match(r"sips?:(?:[^@]*@)?(\[[0-9a-fA-F:.]+\]|[0-9.]+)(?::(\d+))?", uri)
    if found is None:
        return None
    transport = "TCP" if ";transport=tcp" in uri.lower() else "UDP"
    return found[1].strip("[]"), int(found[2] or 5060), transport


def write(start: str, headers: Iterable[str], body: bytes = b"", content_type: str = "application/sdp") -> bytes:
    """A message from its start line and header lines (empty ones are left out)."""
    lines = [start, *(line for line in headers if line)]
    if body:
        lines.append(f"Content-Type: {content_type}")
    lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape") + body


class Sdp(NamedTuple):
    """One audio stream."""

    host: str
    port: int
    direction: str = "sendrecv"
    version: int = 1
    session: int = 1
    origin: str = "-"
    codecs: tuple[str, ...] = ("8 PCMA/8000", "101 telephone-event/8000")

    @staticmethod
    def parse(body: bytes) -> Sdp:
        text = body.decode("utf-8", "replace")
        found = re.search(r"^o=(\S+) (\d+) (\d+)", text, re.MULTILINE)
        origin, session, version = found.groups() if found else ("-", "0", "0")
        media = re.search(r"^m=audio (\d+)", text, re.MULTILINE)
        after = text[media.start() :] if media else ""
        host = re.search(r"^c=IN IP[46] (\S+)", after, re.MULTILINE) or re.search(r"^c=IN IP[46] (\S+)", text, re.MULTILINE)
        ways = re.findall(r"^a=(sendrecv|sendonly|recvonly|inactive)\s*$", after or text, re.MULTILINE)
        way = ways[0] if ways else "sendrecv"
        return Sdp(host[1] if host else "", int(media[1]) if media else 0, way, int(version), int(session), origin)

    def __bytes__(self) -> bytes:
        family = "IP6" if ":" in self.host else "IP4"
        return (
            f"v=0\r\no={self.origin} {self.session} {self.version} IN {family} {self.host}\r\ns=-\r\nc=IN {family} {self.host}\r\nt=0 0\r\n"
            f"m=audio {self.port} RTP/AVP {' '.join(codec.split()[0] for codec in self.codecs)}\r\n"
            f"{''.join(f'a=rtpmap:{codec}' + chr(13) + chr(10) for codec in self.codecs)}a={self.direction}\r\n"
        ).encode()

    @property
    def sends(self) -> bool:
        return self.direction in ("sendrecv", "sendonly")

    @property
    def receives(self) -> bool:
        return self.direction in ("sendrecv", "recvonly")


_REVERSED = {"sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive", "sendrecv": "sendrecv"}


def answering(offered: str, wanted: str = "sendrecv") -> str:
    """The direction of an answer (RFC 3264 §6.1)."""
    mine = _REVERSED[offered]
    if wanted == "sendrecv" or mine == wanted:
        return mine
    return wanted if mine == "sendrecv" else "inactive"


def digest_answer(challenge: str, method: str, uri: str, user: str, password: str, *, cnonce: str, count: int = 1) -> str:
    """The value of an Authorization header (RFC 7616, RFC 2617; qop auth or none)."""
    given = {name.lower(): a or b for name, a, b in re.findall(r'(\w+)\s*=\s*(?:"([^"]*)"|([^\s,"]+))', challenge)}
    algorithm = given.get("algorithm", "MD5")
    name = {"MD5": "md5", "SHA-256": "sha256"}[algorithm.upper()]

    def hashed(text: str) -> str:
        return hashlib.new(name, text.encode()).hexdigest()

    realm, nonce = given["realm"], given["nonce"]
    first, second = hashed(f"{user}:{realm}:{password}"), hashed(f"{method}:{uri}")
    parts = f'Digest username="{user}", realm="{realm}", nonce="{nonce}", uri="{uri}", algorithm={algorithm}'
    if "opaque" in given:
        parts += f', opaque="{given["opaque"]}"'
    if "auth" not in given.get("qop", "").replace(" ", "").split(","):
        return f'{parts}, response="{hashed(f"{first}:{nonce}:{second}")}"'
    answer = hashed(f"{first}:{nonce}:{count:08x}:{cnonce}:auth:{second}")
    return f'{parts}, qop=auth, nc={count:08x}, cnonce="{cnonce}", response="{answer}"'


def algorithm_of(challenge: str) -> str:
    found = re.search(r"algorithm\s*=\s*\"?([A-Za-z0-9-]+)", challenge)
    return found[1].upper() if found else "MD5"

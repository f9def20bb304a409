"""Session descriptions (RFC 4566, RFC 3264) as far as a B2BUA that leaves media alone must touch them.

A description crosses byte for byte, but for who made it: the origin line becomes ours, and lines that name a person go.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, Literal

from b2bua.sip.values import SipError

CONTENT_TYPE: Final = "application/sdp"
Direction = Literal["sendrecv", "sendonly", "recvonly", "inactive"]

_USUAL_START = re.compile(rb"v=0\r\no=[^\r\n]*\r\ns=[^\r\n]*\r\n")
_ORIGIN = re.compile(rb"^o=[^\r\n]*", re.MULTILINE)
_SUBJECT = re.compile(rb"^s=[^\r\n]*", re.MULTILINE)
_PERSONAL = re.compile(rb"^[iuep]=[^\r\n]*(?:\r?\n|\Z)", re.MULTILINE)
_CNAME = re.compile(rb"(\bcname:)[^\r\n ]*")  # RFC 5576 §6.1; phones like to write their own address there
_DIRECTION = re.compile(rb"^a=(sendrecv|sendonly|recvonly|inactive)[ \t]*\r?$", re.MULTILINE)
_NULL_ADDRESS = re.compile(rb"^c=IN IP4 0\.0\.0\.0[ \t]*\r?$", re.MULTILINE)


class LocalDescription:
    """What one of our legs tells its peer: one session id for the leg's life, a version that grows with each change.

    `last` is the description last sent, b"" before the first.
    """

    __slots__ = ("session_id", "version", "address", "last", "through", "_source")

    def __init__(self, session_id: int, address: str) -> None:
        self.session_id = session_id
        self.version = 0
        self.address = address
        self.last = b""
        self.through: Callable[[bytes], bytes] | None = None
        """Where each description goes through first, once its sound comes to us; may raise `SipError`."""
        self._source = b""

    def of(self, body: bytes) -> bytes:
        """`body` of the other leg as ours. The same body gives the same text again (RFC 3264 §8). Raises `SipError(488)`."""
        if self.through is not None:
            body = self.through(body)
        if body == self._source:
            return self.last
        self.version += 1
        family = "IP6" if ":" in self.address else "IP4"
        origin = f"o=- {self.session_id} {self.version} IN {family} {self.address}".encode()
        usual = _USUAL_START.match(body)
        if usual is not None:
            local = b"v=0\r\n" + origin + b"\r\ns=-\r\n" + body[usual.end() :]
        else:
            local, found = _ORIGIN.subn(origin, body, count=1)
            if not found or not body.startswith(b"v=0"):
                self.version -= 1
                raise SipError(488, "Not A Session Description")
            local = _SUBJECT.sub(b"s=-", local, count=1)
        if b"\ni=" in local or b"\nu=" in local or b"\ne=" in local or b"\np=" in local:
            local = _PERSONAL.sub(b"", local)
        if b"cname:" in local:
            local = _CNAME.sub(rb"\1-", local)
        self._source = body
        self.last = local
        return local

    def restore(self, last: bytes) -> None:
        """What was written after `last` has been refused: it never was (RFC 3261 §14.1). The version goes on."""
        if self.last is not last:
            self.last = last
            self._source = b""


def direction(body: bytes) -> Direction:
    """Which way the first stream flows, seen by who wrote `body`; the old way of holding (0.0.0.0) counts as sendonly."""
    match = _DIRECTION.search(body)
    if match is not None:
        found: Direction = match[1].decode()  # type: ignore[assignment]
        return found
    return "sendonly" if _NULL_ADDRESS.search(body) is not None else "sendrecv"


def on_hold(body: bytes) -> bool:
    """Whether who wrote `body` does not want to hear the other side."""
    return direction(body) in ("sendonly", "inactive")


def extract(content_type: str, body: bytes) -> bytes:
    """The session description in a message body; the part that is one in a multipart body (RFC 5621).

    Raises `SipError(415)` where there is none.
    """
    if content_type == CONTENT_TYPE:
        return body
    kind = content_type.partition(";")[0].strip().lower()
    if kind == CONTENT_TYPE:
        return body
    if kind.startswith("multipart/"):
        boundary = re.search(r'boundary="?([^";]+)"?', content_type, re.IGNORECASE)
        if boundary is not None:
            for part in body.split(b"--" + boundary[1].strip().encode("utf-8", "surrogateescape")):
                head, _, content = part.partition(b"\r\n\r\n")
                if b"application/sdp" in head.lower():
                    return content.removesuffix(b"\r\n")
    raise SipError(415, "Unsupported Media Type")

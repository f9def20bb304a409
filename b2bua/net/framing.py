"""Messages out of a stream of bytes: framing by Content-Length (RFC 3261 §18.3) and keep-alives (RFC 5626 §4.4.1)."""

from __future__ import annotations

import re
from typing import Final

CRLF: Final = b"\r\n"
HEADER_END: Final = b"\r\n\r\n"
MAX_DIGITS: Final = 10
_CONTENT_LENGTH = re.compile(rb"\r\n(?:content-length|l)[ \t]*:([^\r\n]*(?:\r\n[ \t][^\r\n]*)*)", re.IGNORECASE)


class FramingError(Exception):
    """The stream cannot be framed any further; `message` is what came of the last message, b"" when nothing can be said."""

    def __init__(self, problem: str, message: bytes = b"") -> None:
        super().__init__(problem)
        self.message = message


class Framer:
    """The receiving half of one stream.

    `feed` bytes as they come, in pieces of any size, then call `next_message` until it gives None. Holds at most
    `message_size` bytes beyond the last piece.
    """

    __slots__ = ("_buffer", "_end", "_half_ping", "_header_size", "_message_size", "_scanned", "pings")

    def __init__(self, header_size: int, message_size: int) -> None:
        self._header_size = header_size
        self._message_size = message_size
        self._buffer = bytearray()
        self._scanned = 0  # no header end starts before this offset
        self._end = 0  # where the current message ends; 0 while its header is incomplete
        self._half_ping = False
        self.pings = 0  # double CRLFs to be answered by one CRLF each; the caller takes them back to 0

    @property
    def partial(self) -> bool:
        """Whether a message has begun and not ended."""
        return len(self._buffer) > 0

    def feed(self, data: bytes) -> None:
        """Append what arrived."""
        self._buffer += data

    def next_message(self) -> bytes | None:
        """The next whole message, None when more bytes are needed. Raises `FramingError`; the stream is to be closed then."""
        if self._end == 0 and not self._read_header():
            return None
        if len(self._buffer) < self._end:
            return None
        message = bytes(self._buffer[: self._end])
        self._forget(self._end)
        return message

    def _forget(self, count: int) -> None:
        del self._buffer[:count]
        self._scanned = self._end = 0

    def _read_header(self) -> bool:
        """Find the end of the header and of the message; False when the header is incomplete."""
        buffer = self._buffer
        if self._scanned == 0:
            self._take_keep_alives()
        at = buffer.find(HEADER_END, self._scanned)
        if at < 0:
            if len(buffer) > self._header_size:
                raise FramingError("the header is too large")
            self._scanned = max(0, len(buffer) - len(HEADER_END) + 1)
            return False
        header_end = at + len(HEADER_END)
        if header_end > self._header_size:
            raise FramingError("the header is too large")
        length = self._content_length(at)
        if length is None:
            raise FramingError("Content-Length is missing or wrong", bytes(buffer[:header_end]))
        if header_end + length > self._message_size:
            raise FramingError("the message is too large", bytes(buffer[:header_end]))
        self._end = header_end + length
        return True

    def _content_length(self, header_end: int) -> int | None:
        """The one Content-Length of the header; None when it is missing, no number, or there are two that differ."""
        found = {value.strip() for value in _CONTENT_LENGTH.findall(self._buffer, 0, header_end)}
        if len(found) != 1:
            return None
        digits = found.pop()
        return int(digits) if digits.isdigit() and len(digits) <= MAX_DIGITS else None

    def _take_keep_alives(self) -> None:
        """Drop the CRLFs before a message and count the double ones (RFC 3261 §7.5, RFC 5626 §4.4.1)."""
        buffer = self._buffer
        at = 0
        while buffer.startswith(CRLF, at):
            at += len(CRLF)
        if at:
            crlfs = at // len(CRLF) + self._half_ping
            self.pings += crlfs // 2
            self._half_ping = crlfs % 2 == 1
            del buffer[:at]
        if buffer and buffer != b"\r":
            self._half_ping = False

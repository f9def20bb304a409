"""One TCP connection: framed messages in, bytes out."""

from __future__ import annotations

import asyncio
import itertools
import logging
import socket
from collections.abc import Hashable
from typing import TYPE_CHECKING, ClassVar, cast

from b2bua.net.framing import CRLF, Framer, FramingError

if TYPE_CHECKING:
    from b2bua.net.stream import Streams

log = logging.getLogger(__name__)

UNACKNOWLEDGED_SECONDS = 30  # a peer that acknowledges nothing for so long is gone (TCP_USER_TIMEOUT)
_connection_ids = itertools.count(1)


class StreamFlow(asyncio.Protocol):
    """One connection; a `b2bua.sip.flow.Flow`. What is sent while it connects waits, at most `Limits.write_buffer` bytes."""

    __slots__ = (
        "_framer",
        "_size",
        "_streams",
        "_transport",
        "_waiting",
        "closed",
        "inbound",
        "key",
        "local",
        "remote",
        "sent_by",
    )

    transport: ClassVar[str] = "TCP"
    reliable: ClassVar[bool] = True

    def __init__(self, streams: Streams, *, inbound: bool) -> None:
        self._streams = streams
        self.inbound = inbound
        self.closed = False
        self.key: Hashable = ("TCP", next(_connection_ids))
        self.local: tuple[str, int] = ("", 0)
        self.remote: tuple[str, int] = ("", 0)
        self.sent_by = ""
        self._transport: asyncio.Transport | None = None
        self._waiting: list[bytes] = []  # sent before the connection stood
        self._size = 0  # bytes in `_waiting`
        self._framer = Framer(streams.limits.header_size, streams.limits.message_size)

    # Flow

    def send(self, data: bytes) -> None:
        """Send or queue; a closed connection and a peer that does not read are reported as a failed flow."""
        transport = self._transport
        limit = self._streams.limits.write_buffer
        if self.closed:
            self._streams.engine.flow_failed_soon(self)
        elif transport is None:
            self._waiting.append(data)
            self._size += len(data)
            if self._size > limit:
                self.abort("too much waits for the connection")
        elif transport.get_write_buffer_size() + len(data) > limit:
            self.abort("the peer does not read")
        else:
            transport.write(data)

    def close(self) -> None:
        """Close after what was sent has left; a peer that does not take it within `Limits.message_seconds` is cut off."""
        if self.closed:
            return
        self.closed = True
        self._streams.closing(self)
        if self._transport is not None:
            self._transport.close()

    def abort(self, why: str) -> None:
        """Cut the connection at once and report it as failed."""
        log.debug("connection with %s cut off: %s", self.remote, why)
        self.closed = True
        self._waiting.clear()
        if self._transport is not None:
            self._transport.abort()
        self._streams.lost(self)

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take part, unless the limits say no or the flow was closed while it connected."""
        stream = cast("asyncio.Transport", transport)  # uvloop's transports are not subclasses of it
        if self.inbound:
            self.closed = not self._accept(stream)
        if self.closed:
            stream.abort()
            return
        _watch_for_dead_peers(transport.get_extra_info("socket"))
        self._transport = stream
        if self._waiting:
            stream.write(b"".join(self._waiting))
            self._waiting.clear()

    def _accept(self, stream: asyncio.Transport) -> bool:
        peer, local = stream.get_extra_info("peername"), stream.get_extra_info("sockname")
        if peer is None or local is None:
            return False  # the peer was gone before we looked
        self.remote = peer[:2]
        self.local = local[:2]
        self.sent_by = self._streams.engine.sent_by(self.local)
        return self._streams.admit(self)

    def data_received(self, data: bytes) -> None:
        """Frame, feed the stack, answer keep-alives, flush."""
        if self.closed:
            return
        streams = self._streams
        engine = streams.engine
        now = engine.loop.time()
        framer = self._framer
        framer.feed(data)
        whole = self._pass_on(now)
        if framer.pings:
            framer.pings = 0
            if not self.closed:
                self.send(CRLF)
        streams.heard(self, whole, framer.partial, now)
        engine.flush(now)

    def _pass_on(self, now: float) -> bool:
        """Give the stack the messages that are whole; False when there was none."""
        whole = False
        try:
            while not self.closed and (message := self._framer.next_message()) is not None:
                whole = True
                self._streams.engine.received(self, message, now)
        except FramingError as error:
            self._give_up(error, now)
        return whole

    def _give_up(self, error: FramingError, now: float) -> None:
        """What follows cannot be told from the body: let the stack answer what it can read, then close (RFC 3261 §18.3)."""
        log.debug("stream from %s: %s", self.remote, error)
        if error.message:
            self._streams.engine.received(self, error.message, now)
        self._streams.engine.flush(now)
        if self.closed or self._transport is None:
            return
        self.closed = True
        self._streams.closing(self)
        self._transport.write_eof()  # closing now, with input unread, would reset the connection and lose the answer

    def eof_received(self) -> None:
        """The peer is done. What is already answered leaves; later answers need a connection of their own (RFC 3261 §18.2.2)."""
        if not self.closed:
            self.closed = True
            self._streams.closing(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Report to the stack."""
        if exc is not None:
            log.debug("connection with %s lost: %s", self.remote, exc)
        self.closed = True
        self._transport = None
        self._streams.lost(self)


def _watch_for_dead_peers(sock: socket.socket) -> None:
    """Let the kernel find peers that vanished without a word."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    user_timeout = getattr(socket, "TCP_USER_TIMEOUT", None)  # Linux only
    if user_timeout is not None:
        sock.setsockopt(socket.IPPROTO_TCP, user_timeout, UNACKNOWLEDGED_SECONDS * 1000)

"""UDP: one socket per listening address, one flow per remote address.

Receiving goes through the loop's datagram endpoint, which in uvloop reads until the socket is empty (at most 32 datagrams a
wake-up, so timers get their turn) without an exception or a handle per wake-up; sending goes straight to the socket, which
saves the loop's request. `docs/transport.md` has the measurements.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Hashable
from typing import TYPE_CHECKING, ClassVar, cast

from b2bua.net.address import ANY_HOST, family_of, routed_host
from b2bua.net.stun import binding_response

if TYPE_CHECKING:
    from b2bua.net.engine import Engine

log = logging.getLogger(__name__)

SOCKET_BUFFER = 4 * 1024 * 1024  # bytes; the system may grant less. A burst of calls waits here, not in retransmissions
LONGEST_KEEP_ALIVE = 4  # bytes: CRLF CRLF, or the NULs that some phones send
STUN_FIRST_BYTES = 4  # a STUN message starts with two zero bits and a method, a SIP message with a letter

SocketAddress = tuple[str, int] | tuple[str, int, int, int]


class UdpFlow:
    """One remote address as seen from one socket; a `b2bua.sip.flow.Flow`."""

    __slots__ = ("_address", "key", "local", "remote", "sent_by", "socket")

    transport: ClassVar[str] = "UDP"
    reliable: ClassVar[bool] = False

    def __init__(self, udp: UdpSocket, address: SocketAddress, local: tuple[str, int], sent_by: str) -> None:
        self.socket = udp
        self.remote = address[:2]
        self.local = local
        self.sent_by = sent_by
        self.key: Hashable = ("UDP", udp.local, address)
        self._address = address

    @property
    def closed(self) -> bool:
        """Whether the socket is closed; a remote address cannot be."""
        return self.socket.closed

    def send(self, data: bytes) -> None:
        """Send one datagram."""
        try:
            self.socket.sendto(data, self._address)
        except OSError as error:
            self.socket.send_failed(self, data, self._address, error)

    def close(self) -> None:
        """Do nothing: there is no connection."""


class UdpSocket(asyncio.DatagramProtocol):
    """One bound socket. Made by `open`."""

    def __init__(self, engine: Engine, sock: socket.socket) -> None:
        self._engine = engine
        self._transport: asyncio.DatagramTransport | None = None
        self._flows: dict[SocketAddress, UdpFlow] = {}
        self._max_flows = engine.limits.udp_flows
        self._wildcard = sock.getsockname()[0] in ANY_HOST
        self.sendto = sock.sendto
        self.local: tuple[str, int] = sock.getsockname()[:2]
        self.closed = False

    @staticmethod
    async def open(engine: Engine, host: str, port: int) -> UdpSocket:
        """Bind `host` (an IP literal) and `port` (0: any). Raises `OSError`."""
        family = family_of(host)
        sock = socket.socket(family, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BUFFER)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BUFFER)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind((host, port))
            udp = UdpSocket(engine, sock)
            await engine.loop.create_datagram_endpoint(lambda: udp, sock=sock)
        except BaseException:
            sock.close()
            raise
        return udp

    def close(self) -> None:
        """Close the socket; what waits in the loop's queue is lost."""
        self.closed = True
        self._flows.clear()
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    # Receiving

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the endpoint."""
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: SocketAddress) -> None:
        """Feed the stack with one datagram and send what comes out."""
        flow = self._flows.get(addr)
        if flow is None:
            flow = self._new_flow(addr)
        if len(data) > LONGEST_KEEP_ALIVE and data[0] >= STUN_FIRST_BYTES:
            self._engine.datagram_received(flow, data)
        elif (answer := binding_response(data, flow.remote)) is not None:
            flow.send(answer)

    def error_received(self, exc: Exception) -> None:
        """Note an error of the socket; which flow it belongs to is not known."""
        log.debug("UDP socket %s: %s", self.local, exc)

    # Sending

    def flow_to(self, host: str, port: int) -> UdpFlow:
        """The flow to `host` (an IP literal of this socket's family) and `port`."""
        address: SocketAddress = (host, port, 0, 0) if ":" in host else (host, port)
        return self._flows.get(address) or self._new_flow(address)

    def _new_flow(self, address: SocketAddress) -> UdpFlow:
        local = (routed_host(address[0]), self.local[1]) if self._wildcard else self.local
        flow = UdpFlow(self, address, local, self._engine.sent_by(local))
        if len(self._flows) >= self._max_flows:
            self._flows.clear()  # whoever is alive is back with the next datagram; flows in use stay with their users
        self._flows[address] = flow
        return flow

    def send_failed(self, flow: UdpFlow, data: bytes, address: SocketAddress, error: OSError) -> None:
        """A full socket buffer: let the loop send later, within limits. Anything else: the flow is broken."""
        transport = self._transport
        if isinstance(error, BlockingIOError) and transport is not None:
            if self._queued() < self._engine.limits.udp_queue:
                transport.sendto(data, address)
            return  # a full queue loses the datagram, as UDP may; the stack retransmits
        if error.errno == errno.EMSGSIZE:  # the fault of this message: whoever else is reached over this flow must not suffer
            log.info("%d bytes to %s are too many for a datagram", len(data), flow.remote)
            return
        log.debug("UDP to %s: %s", flow.remote, error)
        self._engine.flow_failed_soon(flow)

    def _queued(self) -> int:
        """Bytes that wait in the loop's endpoint."""
        return cast("asyncio.WriteTransport", self._transport).get_write_buffer_size()

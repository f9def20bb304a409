"""A fake network on a virtual clock: UDP that loses, repeats, reorders and delays, TCP that does not, and as many hosts as a test needs.

Nothing sleeps: `run` jumps from one event to the next, so 32 seconds cost a test microseconds. Every random choice comes from
one seeded generator: the same seed gives the same run. A `Host` is the network side of whatever is tested: it is the stack's
`Connector` and drives any object with receive, tick, next_deadline, drain and flow_failed.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, NamedTuple, Protocol

from b2bua.sip.flow import Flow, Target, host_port

Address = tuple[str, int]
START = 1000.0
CONNECT_TIMEOUT = 4.0
_FIRST_EPHEMERAL = 40_000


class Node(Protocol):
    """What a host drives: a SipStack, or a whole server behind the same verbs."""

    def receive(self, flow: Flow, data: bytes, now: float) -> None: ...
    def tick(self, now: float) -> None: ...
    def next_deadline(self) -> float | None: ...
    def drain(self) -> list[tuple[Flow, bytes]]: ...
    def flow_failed(self, flow: Flow, now: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Conditions:
    """What happens to datagrams on a link. Times in seconds, the others are shares from 0 to 1.

    `reorder` holds that share of datagrams back by `late`; `jitter` adds up to that much to each delay.
    """

    delay: float = 0.001
    jitter: float = 0.0
    loss: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    late: float = 0.03


class Packet(NamedTuple):
    """One datagram or one stream write, as `Wire.trace` keeps it and as filters see it. `copies` is how many will arrive."""

    at: float
    transport: str
    source: Address
    destination: Address
    data: bytes
    copies: int = 1

    @property
    def start_line(self) -> str:
        return self.data.split(b"\r\n", 1)[0].decode("utf-8", "replace")

    def __str__(self) -> str:
        lost = "" if self.copies else "  (lost)"
        return (
            f"{self.at:9.3f} {self.transport} {host_port(*self.source)} > {host_port(*self.destination)} {self.start_line}{lost}"
        )


class Alarm:
    """Something that will happen on the wire's clock unless it is cancelled."""

    __slots__ = ("action",)

    def __init__(self, action: Callable[[], None]) -> None:
        self.action: Callable[[], None] | None = action

    def cancel(self) -> None:
        self.action = None


class Stream:
    """One end of a TCP connection. Writes arrive whole and in order: framing is the business of `net`, not of this wire."""

    transport = "TCP"
    reliable = True

    def __init__(self, wire: Wire, local: Address, remote: Address) -> None:
        self.wire = wire
        self.local = local
        self.remote = remote
        self.closed = False
        self.sent_by = host_port(*local)
        self.key: Hashable = ("TCP", next(wire.serial))
        self.peer: Stream | None = None
        self.on_data: Callable[[Stream, bytes], None] = lambda _stream, _data: None
        self.on_close: Callable[[Stream], None] = lambda _stream: None
        self.last_arrival = wire.now

    def send(self, data: bytes) -> None:
        if not self.closed:
            self.wire.send_stream(self, data)

    def close(self) -> None:
        """Close this end; the other end notices after the delay of the link."""
        if not self.closed:
            self.closed = True
            self.wire.at(max(self.wire.now + self.wire.delay(self), self.last_arrival), self._close_peer)

    def _close_peer(self) -> None:
        if self.peer is not None:
            self.peer.fail()

    def fail(self) -> None:
        """This end finds its connection gone."""
        if not self.closed:
            self.closed = True
            self.on_close(self)


class Wire:
    """The network and its clock.

    `trace` keeps every packet. `filters` are asked in order about each packet and may return how many copies arrive (0 drops it)
    or None for no opinion. `settlers` run after every event and return True while they still had something to do.
    """

    def __init__(self, seed: int = 1, conditions: Conditions = Conditions()) -> None:
        self.now = START
        self.random = random.Random(seed)
        self.conditions = conditions
        self.trace: list[Packet] = []
        self.filters: list[Callable[[Packet], int | None]] = []
        self.settlers: list[Callable[[], bool]] = []
        self.unreachable = False
        """Whether a datagram to a port nobody has bound comes back as an ICMP error."""
        self.serial = count(1)
        self._ports = count(_FIRST_EPHEMERAL)
        self._events: list[tuple[float, int, Alarm]] = []
        self._sockets: dict[Address, Callable[[bytes, Address], None]] = {}
        self._listeners: dict[Address, Callable[[Stream], None]] = {}
        self._links: dict[frozenset[str], Conditions] = {}
        self._cut: set[str] = set()
        self._hosts: list[Host] = []

    # The clock.

    def at(self, when: float, action: Callable[[], None]) -> Alarm:
        alarm = Alarm(action)
        heapq.heappush(self._events, (max(when, self.now), next(self.serial), alarm))
        return alarm

    def after(self, seconds: float, action: Callable[[], None]) -> Alarm:
        return self.at(self.now + seconds, action)

    def run(self, seconds: float) -> None:
        """Let that much time pass."""
        end = self.now + seconds
        self._settle()
        while self._step(end):
            pass
        self.now = end

    def run_until(self, condition: Callable[[], Any], within: float = 5.0) -> bool:
        """Let time pass until the condition holds; False when it does not within that many seconds."""
        end = self.now + within
        self._settle()
        while not condition():
            if not self._step(end):
                self.now = end
                return bool(condition())
        return True

    def _step(self, end: float) -> bool:
        """The next event up to `end`; False when there is none."""
        while self._events and self._events[0][2].action is None:
            heapq.heappop(self._events)
        due, host = min(
            ((h.next_deadline(), i) for i, h in enumerate(self._hosts)), default=(None, -1), key=lambda d: _never(d[0])
        )
        first = self._events[0][0] if self._events else None
        if _never(due) < _never(first):
            if due is None or due > end:
                return False
            self.now = max(self.now, due)
            self._hosts[host].tick()
        else:
            if first is None or first > end:
                return False
            self.now = first
            action = heapq.heappop(self._events)[2].action
            if action is not None:
                action()
        self._settle()
        return True

    def _settle(self) -> None:
        for _round in range(10_000):
            busy = [settler() for settler in self.settlers]
            busy += [host.flush() for host in self._hosts]
            if not any(busy):
                return
        raise AssertionError("the server never comes to rest")

    # Links.

    def link(self, one: str, other: str, **changes: float) -> None:
        """Other conditions between two hosts (IP literals)."""
        self._links[frozenset((one, other))] = replace(self.conditions, **changes)

    def cut(self, host: str) -> None:
        """From now on nothing reaches or leaves that host."""
        self._cut.add(host)

    def heal(self, host: str) -> None:
        self._cut.discard(host)

    def drop(self, matches: Callable[[Packet], bool], times: int = 1) -> None:
        """Lose the next `times` packets that match."""
        left = [times]

        def lose(packet: Packet) -> int | None:
            if left[0] and matches(packet):
                left[0] -= 1
                return 0
            return None

        self.filters.append(lose)

    def between(self, one: str, other: str) -> Conditions:
        return self._links.get(frozenset((one, other)), self.conditions)

    def delay(self, stream: Stream) -> float:
        return self.between(stream.local[0], stream.remote[0]).delay

    def reachable(self, one: str, other: str) -> bool:
        return one not in self._cut and other not in self._cut

    def _copies(self, packet: Packet, conditions: Conditions) -> int:
        if not self.reachable(packet.source[0], packet.destination[0]):
            return 0
        for judge in self.filters:
            verdict = judge(packet)
            if verdict is not None:
                return verdict
        if packet.transport == "TCP":
            return 1
        if conditions.loss and self.random.random() < conditions.loss:
            return 0
        return 2 if conditions.duplicate and self.random.random() < conditions.duplicate else 1

    # UDP.

    def bind(self, address: Address, receiver: Callable[[bytes, Address], None]) -> None:
        """Receive the datagrams for an address: `receiver(data, source)`."""
        if address in self._sockets:
            raise ValueError(f"{host_port(*address)} is in use")
        self._sockets[address] = receiver

    def unbind(self, address: Address) -> None:
        self._sockets.pop(address, None)

    def send(self, source: Address, destination: Address, data: bytes, unreachable: Callable[[], None] | None = None) -> None:
        """Send one datagram."""
        conditions = self.between(source[0], destination[0])
        packet = Packet(self.now, "UDP", source, destination, data)
        packet = packet._replace(copies=self._copies(packet, conditions))
        self.trace.append(packet)
        for _copy in range(packet.copies):
            delay = conditions.delay + (self.random.random() * conditions.jitter if conditions.jitter else 0.0)
            if conditions.reorder and self.random.random() < conditions.reorder:
                delay += conditions.late
            self.after(delay, lambda: self._arrive(packet, unreachable))

    def _arrive(self, packet: Packet, unreachable: Callable[[], None] | None) -> None:
        receiver = self._sockets.get(packet.destination)
        if receiver is not None:
            receiver(packet.data, packet.source)
        elif self.unreachable and unreachable is not None:
            unreachable()

    # TCP.

    def listen(self, address: Address, accept: Callable[[Stream], None]) -> None:
        """Take connections to an address: `accept(stream)` sets its on_data and on_close."""
        self._listeners[address] = accept

    def unlisten(self, address: Address) -> None:
        self._listeners.pop(address, None)

    def connect(self, host: str, remote: Address) -> Stream:
        """A connection from `host`; it may be written to at once, and fails when nobody listens there."""
        stream = Stream(self, (host, next(self._ports)), remote)
        delay = self.delay(stream)
        if self.reachable(host, remote[0]):
            stream.last_arrival = self.now + 2 * delay
            self.after(delay, lambda: self._accept(stream))
        else:
            self.after(CONNECT_TIMEOUT, stream.fail)
        return stream

    def _accept(self, stream: Stream) -> None:
        accept = self._listeners.get(stream.remote)
        if accept is None:
            self.after(self.delay(stream), stream.fail)
            return
        peer = Stream(self, stream.remote, stream.local)
        peer.peer, stream.peer = stream, peer
        accept(peer)

    def send_stream(self, stream: Stream, data: bytes) -> None:
        packet = Packet(self.now, "TCP", stream.local, stream.remote, data)
        packet = packet._replace(copies=self._copies(packet, self.conditions))
        self.trace.append(packet)
        if packet.copies:
            stream.last_arrival = max(self.now + self.delay(stream), stream.last_arrival)
            self.at(stream.last_arrival, lambda: self._arrive_stream(stream, data))

    @staticmethod
    def _arrive_stream(stream: Stream, data: bytes) -> None:
        peer = stream.peer
        if peer is not None and not peer.closed:
            peer.on_data(peer, data)

    def transcript(self, last: int = 60) -> str:
        """The last packets, for the message of a failed assertion."""
        return "\n".join(str(packet) for packet in self.trace[-last:])


class UdpFlow:
    """A way from one bound address to one remote address."""

    transport = "UDP"
    reliable = False

    def __init__(self, host: Host, local: Address, remote: Address) -> None:
        self.host = host
        self.local = local
        self.remote = remote
        self.sent_by = host.advertise or host_port(*local)
        self.key: Hashable = ("UDP", local, remote)
        self.closed = False

    def send(self, data: bytes) -> None:
        self.host.wire.send(self.local, self.remote, data, self._unreachable)

    def _unreachable(self) -> None:
        if self.host.node is not None:
            self.host.node.flow_failed(self, self.host.wire.now)

    def close(self) -> None:
        self.closed = True


class Host:
    """The sockets of a server under test, and its `Connector`. `attach` gives it what to drive."""

    def __init__(self, wire: Wire, *addresses: Address, tcp: bool = True, advertise: str = "") -> None:
        self.wire = wire
        self.addresses = addresses or (("127.0.0.1", 5060),)
        self.advertise = advertise
        self.node: Node | None = None
        self.streams: list[Stream] = []
        self._flows: dict[tuple[Address, Address], UdpFlow] = {}
        for address in self.addresses:
            wire.bind(address, lambda data, source, local=address: self._datagram(local, source, data))  # type: ignore[misc]
            if tcp:
                wire.listen(address, self._take)
        wire._hosts.append(self)

    def attach(self, node: Node) -> None:
        self.node = node

    # The Connector.

    def flow_to(self, target: Target, via: Flow | None = None) -> Flow:
        remote = (target.host, target.port)
        if target.transport == "UDP":
            local = via.local if via is not None and via.transport == "UDP" else self._local_for(target.host)
            return self.udp_flow(local, remote)
        for stream in self.streams:
            if stream.remote == remote and not stream.closed:
                return stream
        local = self._local_for(target.host)
        return self._keep(self.wire.connect(local[0], remote), host_port(*local))

    def _local_for(self, host: str) -> Address:
        return next((a for a in self.addresses if (":" in a[0]) == (":" in host)), self.addresses[0])

    def udp_flow(self, local: Address, remote: Address) -> UdpFlow:
        """The flow between two addresses: always the same object."""
        flow = self._flows.get((local, remote))
        if flow is None:
            flow = self._flows[local, remote] = UdpFlow(self, local, remote)
        return flow

    # What the sockets report.

    def _datagram(self, local: Address, source: Address, data: bytes) -> None:
        if self.node is not None:
            self.node.receive(self.udp_flow(local, source), data, self.wire.now)

    def _take(self, stream: Stream) -> None:
        self._keep(stream, host_port(*stream.local))

    def _keep(self, stream: Stream, sent_by: str) -> Stream:
        stream.sent_by = self.advertise or sent_by
        stream.on_data = self._stream_data
        stream.on_close = self._stream_closed
        self.streams.append(stream)
        return stream

    def _stream_data(self, stream: Stream, data: bytes) -> None:
        if self.node is not None and data.strip(b"\r\n"):
            self.node.receive(stream, data, self.wire.now)

    def _stream_closed(self, stream: Stream) -> None:
        self.streams.remove(stream)
        if self.node is not None:
            self.node.flow_failed(stream, self.wire.now)

    # What the clock does.

    def next_deadline(self) -> float | None:
        return self.node.next_deadline() if self.node is not None else None

    def tick(self) -> None:
        if self.node is not None:
            self.node.tick(self.wire.now)

    def flush(self) -> bool:
        """Send what waits to be sent; whether there was any."""
        output = self.node.drain() if self.node is not None else []
        for flow, data in output:
            flow.send(data)
        return bool(output)


def _never(when: float | None) -> float:
    return float("inf") if when is None else when

"""rtpengine as a second engine for large sites: it rewrites the descriptions of two-party calls, relays them, and reports keys.

Spoken to in its ng protocol (`b2bua.media.ng`), as of 10.5. A leg's id is the tag of its party, given with every request, so that
nothing has to be remembered here: after a restart of this server or of rtpengine the next re-INVITE sets the relay right again.
`docs/media.md` says how to start rtpengine for it, and what it cannot do.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple

from b2bua.media.bencode import Encodable
from b2bua.media.engine import Address, Digit, Listener, Statistics
from b2bua.media.ng import PATIENCE, Alarm, Exchange, Later, Reply
from b2bua.media.rewriter import Rewritten
from b2bua.media.rtpengine_reports import parse_event, statistics

log = logging.getLogger(__name__)

UNAVAILABLE: Final = Rewritten(None, 503, "Media Engine Unavailable")
NOT_ACCEPTABLE: Final = Rewritten(None, 488, "Not Acceptable Here")
CLOSED: Final = Rewritten(None, 481, "Call Is Over")

LONGEST_BODY = 60_000  # bytes; a request is one datagram
MOST_OWED = 10_000  # calls; any more end by rtpengine's own timeout
_FLAWS = (b"Failed to parse SDP", b"Incomplete SDP specification", b"Error rewriting SDP")
"""Errors that are the fault of the description. All others are rtpengine's."""
_WEAK = ("NULL_HMAC_SHA1_80", "NULL_HMAC_SHA1_32", "F8_128_HMAC_SHA1_80", "F8_128_HMAC_SHA1_32")

_FLAGS: Final[dict[str, Encodable]] = {
    "replace": ["origin", "session-connection"],
    "flags": ["trust-address", "strict-source"],  # where the description says, whatever --sip-source; and from nowhere else
    "endpoint-learning": "heuristic",  # a phone behind NAT is learnt in the first 3 s, what the description says is preferred
    "ICE": "remove",
    "rtcp-mux": ["demux"],
    "DTLS": "off",
    "SDES": [f"no-{suite}" for suite in _WEAK],  # rtpengine adds all suites that it knows to an offer of SRTP
    "supports": ["load limit"],
}

Message = dict[str, Encodable]


class _Request(NamedTuple):
    """A request that waits for the one before it. `refuse`: what to do instead when the relay is closed."""

    message: Message | None
    """None: it has waited too long to be sent."""
    done: Callable[[Reply | None], None]
    refuse: Callable[[Rewritten], None] | None


class RtpengineRelay:
    """One call in rtpengine; a `b2bua.media.rewriter.Relay`.

    One request at a time: rtpengine has many threads, and a delete that overtakes an offer would leave ports behind.
    """

    def __init__(self, engine: Rtpengine, call: str, listener: Listener) -> None:
        self.listener = listener
        self._engine = engine
        self._call = call
        self._queue: deque[_Request] = deque()
        self._busy = False
        self._closed = False

    def offer(self, body: bytes, source: str, target: str, done: Callable[[Rewritten], None]) -> None:
        self._describe("offer", source, target, body, done)

    def answer(self, body: bytes, source: str, target: str, done: Callable[[Rewritten], None]) -> None:
        self._describe("answer", target, source, body, done)

    def _describe(self, command: str, offerer: str, answerer: str, body: bytes, done: Callable[[Rewritten], None]) -> None:
        if self._closed:
            done(CLOSED)
        elif len(body) > LONGEST_BODY:
            done(NOT_ACCEPTABLE)
        else:
            message: Message = {"command": command, "call-id": self._call, "from-tag": offerer, "to-tag": answerer, "sdp": body}
            self._enqueue(message | _FLAGS, lambda reply: done(rewritten(self._call, reply)), done)

    def forget(self, party: str) -> None:
        if not self._closed:
            self._enqueue({"command": "delete", "call-id": self._call, "from-tag": party, "delete delay": 0}, _nothing)

    def close(self, done: Callable[[tuple[Statistics, ...]], None]) -> None:
        if self._closed:
            done(())
            return
        self._closed = True
        self._engine.closed(self._call, self)
        waiting, self._queue = self._queue, deque()
        self._enqueue({"command": "query", "call-id": self._call}, lambda reply: self._delete(statistics(reply or {}), done))
        for request in waiting:
            if request.refuse is not None:
                request.refuse(CLOSED)

    def _delete(self, counted: tuple[Statistics, ...], done: Callable[[tuple[Statistics, ...]], None]) -> None:
        def deleted(reply: Reply | None) -> None:
            self._engine.deleted(self._call, reply)
            done(counted)

        self._enqueue(_delete_all(self._call), deleted)

    def _enqueue(
        self, message: Message, done: Callable[[Reply | None], None], refuse: Callable[[Rewritten], None] | None = None
    ) -> None:
        self._queue.append(_Request(message, done, refuse))
        self._go_on()

    def _go_on(self) -> None:
        if self._queue and not self._busy:
            self._busy = True
            request = self._queue.popleft()
            if request.message is None:
                self._replied(request, None)
            else:
                self._engine.exchange.request(request.message, partial(self._replied, request))

    def _replied(self, request: _Request, reply: Reply | None) -> None:
        if reply is None:  # what waited for this one has waited long enough
            self._queue = deque(each._replace(message=None) if each.refuse is not None else each for each in self._queue)
        try:
            request.done(reply)
        finally:
            self._busy = False
            self._go_on()


class Rtpengine:
    """One rtpengine; a `b2bua.media.rewriter.Rewriter`. Made by `open_rtpengine`; tests give it a wire of their own."""

    def __init__(self, send: Callable[[bytes], None], later: Later) -> None:
        self.exchange = Exchange(send, later, self._found)
        self.first_verdict: Callable[[], None] = _no_one_waits
        """Called when the engine is found alive or dead for the first time."""
        self.wake: Callable[[], None] = _no_one_waits
        """Called before anybody is told of anything: signalling sets its clock, and sends what comes of it at the end of this turn."""
        self._relays: dict[str, RtpengineRelay] = {}
        self._owed: dict[str, None] = {}
        self._events = {"digits": 0, "strange_events": 0}

    @property
    def available(self) -> bool:
        return self.exchange.alive

    @property
    def counts(self) -> dict[str, int]:
        """What happened since the start, by name: see `Exchange.counts`; `strange_events` were no keys of a call that is known here."""
        return {**self.exchange.counts, **self._events, "relays": len(self._relays)}

    def relay(self, call: str, listener: Listener) -> RtpengineRelay:
        relay = self._relays[call] = RtpengineRelay(self, call, listener)
        self._owed.pop(call, None)
        return relay

    def closed(self, call: str, relay: RtpengineRelay) -> None:
        """This relay is not told of keys any more."""
        if self._relays.get(call) is relay:
            del self._relays[call]

    def deleted(self, call: str, reply: Reply | None) -> None:
        """A delete that is not answered is owed: again when the engine is back, which may have been out of reach only."""
        if reply is None and len(self._owed) < MOST_OWED and call not in self._relays:
            self._owed[call] = None

    def _found(self, alive: bool) -> None:
        if alive:
            log.info("rtpengine answers")
            owed, self._owed = self._owed, {}
            for call in owed:
                self.exchange.request(_delete_all(call), partial(self.deleted, call))
        else:
            log.warning("rtpengine does not answer: calls that need it are refused until it does")
        self.first_verdict()

    def event_received(self, datagram: bytes) -> None:
        """A datagram at the address that rtpengine has as --dtmf-log-dest. The sender is not known, but the ids are not guessed."""
        event = parse_event(datagram)
        relay = self._relays.get(event.call) if event is not None else None
        if event is None or relay is None:
            self._events["strange_events"] += 1
            return
        self._events["digits"] += 1
        relay.listener(Digit(event.party, event.digit))


def rewritten(call: str, reply: Reply | None) -> Rewritten:
    """What a reply to an offer or answer means."""
    if reply is None:
        return UNAVAILABLE
    body = reply.get("sdp")
    if reply.get("result") == b"ok" and isinstance(body, bytes) and body:
        return Rewritten(body)
    reason = reply.get("error-reason", reply.get("message"))
    log.warning("rtpengine refuses a description of call %s: %r", call, reason)
    return NOT_ACCEPTABLE if reason in _FLAWS else UNAVAILABLE


def _delete_all(call: str) -> Message:
    return {"command": "delete", "call-id": call, "delete delay": 0}


def _nothing(reply: Reply | None) -> None:
    """The reply makes no difference."""


def _no_one_waits() -> None:
    """Nobody is to be told."""


# The sockets.


class _Datagrams(asyncio.DatagramProtocol):
    """Hands each datagram on."""

    def __init__(self, received: Callable[[bytes], None]) -> None:
        self._received = received

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        self._received(data)

    def error_received(self, exc: Exception) -> None:
        log.debug("socket to rtpengine: %s", exc)  # it is not listening; repetitions and pings find out what becomes of it


class OpenRtpengine(NamedTuple):
    """An engine with its sockets. `close` ends it; whoever waits for a reply is told that there is none."""

    engine: Rtpengine
    transports: tuple[asyncio.DatagramTransport, ...]

    def close(self) -> None:
        self.engine.exchange.stop()
        for transport in self.transports:
            transport.abort()


async def open_rtpengine(control: Address, digits: Address | None = None) -> OpenRtpengine:
    """An rtpengine that listens for ng requests at `control`, and logs keys to `digits`, where we listen.

    Returns when it has answered, or not answered for two seconds: then it is dead for now. Raises `OSError` when an address is no good.
    """
    loop = asyncio.get_running_loop()
    transports: list[asyncio.DatagramTransport] = []

    def send(datagram: bytes) -> None:
        if not transports[0].is_closing():
            transports[0].sendto(datagram)

    def awake(what: Callable[..., None]) -> Callable[..., None]:
        def happen(*arguments: object) -> None:
            engine.wake()
            what(*arguments)

        return happen

    def later(seconds: float, what: Callable[[], None]) -> Alarm:
        return loop.call_later(seconds, awake(what))

    engine = Rtpengine(send, later)
    opened = OpenRtpengine(engine, ())
    try:
        endpoint = await loop.create_datagram_endpoint(lambda: _Datagrams(awake(engine.exchange.receive)), remote_addr=control)
        transports.append(endpoint[0])
        if digits is not None:
            endpoint = await loop.create_datagram_endpoint(lambda: _Datagrams(awake(engine.event_received)), local_addr=digits)
            transports.append(endpoint[0])
        verdict = asyncio.Event()
        engine.first_verdict = verdict.set
        engine.exchange.start()
        opened = opened._replace(transports=tuple(transports))
        await asyncio.wait_for(verdict.wait(), 2 * PATIENCE)
    except BaseException:
        OpenRtpengine(engine, tuple(transports)).close()
        raise
    return opened

"""A stand-in for rtpengine on the fake wire: rewrites addresses and ports, keeps its replies by cookie, dies and comes back as told."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from b2bua.media.bencode import decode, encode
from b2bua.media.engine import Digit, MediaEvent
from b2bua.media.rewriter import Rewritten
from b2bua.media.rtpengine import Rtpengine
from tests.wire import Address, Wire

CONTROL: Address = ("127.7.7.1", 2223)
CLIENT: Address = ("127.0.0.1", 40_001)


class FakeRtpengine:
    """`calls` are the calls that it has, each with the port of each party. `requests` are those carried out, repetitions left out."""

    def __init__(self, wire: Wire, address: Address = CONTROL) -> None:
        self.wire = wire
        self.address = address
        self.calls: dict[str, dict[str, int]] = {}
        self.requests: list[dict[str, Any]] = []
        self.scripted: dict[str, list[dict[str, Any] | bytes | None]] = {}
        """By command: replies to give instead, in order (bytes: this datagram; None: none)."""
        self.replies: list[bytes] = []
        self._kept: dict[bytes, bytes | None] = {}
        self._next_port = 30_000
        self.start()

    def start(self) -> None:
        """It listens, and knows nothing of what was before."""
        self.calls.clear()
        self._kept.clear()
        self.wire.bind(self.address, self._receive)

    def die(self) -> None:
        self.wire.unbind(self.address)

    def commands(self, *, pings: bool = False) -> list[str]:
        return [request["command"] for request in self.requests if pings or request["command"] != "ping"]

    def _receive(self, datagram: bytes, source: Address) -> None:
        cookie, _, text = datagram.partition(b" ")
        if cookie not in self._kept:
            request = {
                key: value.decode() if isinstance(value, bytes) and key != "sdp" else value for key, value in _read(text).items()
            }
            self.requests.append(request)
            self._kept[cookie] = self._answer(cookie, request)
        reply = self._kept[cookie]
        if reply is not None:
            self.replies.append(reply)
            self.wire.send(self.address, source, reply)

    def _answer(self, cookie: bytes, request: dict[str, Any]) -> bytes | None:
        script = self.scripted.get(request["command"])
        reply = script.pop(0) if script else self._do(request)
        return cookie + b" " + encode(reply) if isinstance(reply, dict) else reply

    def _do(self, request: dict[str, Any]) -> dict[str, Any]:
        command, call = request["command"], request.get("call-id", "")
        if command == "ping":
            return {"result": "pong"}
        if command == "delete":
            return self._delete(call, request.get("from-tag"))
        if command == "query":
            return {"result": "ok", "tags": {}} if call in self.calls else {"result": "error", "error-reason": "Unknown call-id"}
        if command == "answer" and call not in self.calls:
            return {"result": "error", "error-reason": "Unknown call-id"}
        if not request["sdp"].startswith(b"v=0"):
            return {"result": "error", "error-reason": "Failed to parse SDP"}
        return {"result": "ok", "sdp": self._rewrite(request)}

    def _delete(self, call: str, tag: str | None) -> dict[str, Any]:
        found = self.calls.get(call, {}).pop(tag, None) if tag is not None else self.calls.pop(call, None)
        return {"result": "ok"} if found is not None else {"result": "ok", "warning": "Call-ID not found or tags didn't match"}

    def _rewrite(self, request: dict[str, Any]) -> bytes:
        """The port that the other side is to send to: the one that stands for the party that wrote this."""
        ports = self.calls.setdefault(request["call-id"], {})
        from_tag, to_tag = request["from-tag"], request["to-tag"]
        hearer = to_tag if request["command"] == "offer" else from_tag
        if hearer not in ports:
            ports[hearer] = self._next_port = self._next_port + 2
        body = re.sub(rb"(?m)^c=IN IP4 \S+", b"c=IN IP4 " + self.address[0].encode(), request["sdp"])
        return re.sub(rb"(?m)^m=(\w+) \d+", rb"m=\1 %d" % ports[hearer], body)


def _read(text: bytes) -> dict[str, Any]:
    found = decode(text)
    assert isinstance(found, dict)
    return found


class Site:
    """A `Rtpengine` on a wire with a fake of what it talks to, and what it told."""

    def __init__(self, *, alive: bool = True) -> None:
        self.wire = Wire()
        self.wire.settlers = []
        self.fake = FakeRtpengine(self.wire)
        if not alive:
            self.fake.die()
        self.engine = Rtpengine(lambda data: self.wire.send(CLIENT, CONTROL, data), self.wire.after)
        self.wire.bind(CLIENT, lambda data, source: self.engine.exchange.receive(data))
        self.told: list[MediaEvent] = []
        self.engine.exchange.start()
        self.wire.run(0.1)

    def relay(self, call: str = "call-1") -> Any:
        return self.engine.relay(call, self.told.append)

    def digits(self) -> list[tuple[str, str]]:
        return [(event.termination, event.digit) for event in self.told if isinstance(event, Digit)]

    def log(self, call: str = "call-1", party: str = "anna", **changes: Any) -> None:
        """Deliver an event as rtpengine's --dtmf-log-dest does."""
        self.engine.event_received(json.dumps(event(call, party, **changes)).encode())


def event(call: str, party: str, **changes: Any) -> dict[str, Any]:
    """What rtpengine 10.5 writes at the end of a telephone event."""
    return {
        "callid": call, "source_tag": party, "tags": ["anna", "bert"], "type": "DTMF", "timestamp": 1_795_312_576,
        "source_ip": "127.7.7.2", "event": 1, "duration": 120, "volume": 10,
    } | changes  # fmt: skip


class Answers(list[Any]):
    """Collects what `done` is called with; `one` is the only one."""

    @property
    def done(self) -> Callable[[Any], None]:
        return self.append

    @property
    def one(self) -> Any:
        assert len(self) == 1, f"{len(self)} times done: {list(self)}"
        return self[0]

    @property
    def refused(self) -> tuple[int, str]:
        answer = self.one
        assert isinstance(answer, Rewritten) and answer.body is None, answer
        return answer.status, answer.reason

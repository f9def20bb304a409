"""A stack without a network, for tests that look at one message or one timer at a time."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable
from typing import Any

from b2bua.sip.flow import Flow, Target, host_port
from b2bua.sip.ids import Identifiers
from b2bua.sip.message import Request, Response, parse_message
from b2bua.sip.stack import SipStack
from b2bua.sip.transaction import ClientTransaction, InviteServer, ServerTransaction

NOW = 1000.0
PEER = ("192.0.2.7", 5062)
US = ("192.0.2.1", 5060)
_serial = itertools.count(1)


class FakeFlow:
    """A flow that goes nowhere: what is sent stays in the stack's output."""

    def __init__(self, remote: tuple[str, int] = PEER, transport: str = "UDP", local: tuple[str, int] = US) -> None:
        self.transport, self.remote, self.local = transport, remote, local
        self.reliable = transport != "UDP"
        self.sent_by = host_port(*local)
        self.closed = False
        self.key: Hashable = (transport, local, remote) if transport == "UDP" else (transport, next(_serial))

    def send(self, data: bytes) -> None:
        raise AssertionError("a stack hands its output out by drain()")

    def close(self) -> None:
        self.closed = True


class FakeConnector:
    """Makes flows and remembers what was asked for. `streams` off: whoever is asked has no TCP."""

    def __init__(self) -> None:
        self.asked: list[Target] = []
        self.made: dict[Target, FakeFlow] = {}
        self.streams = True

    def flow_to(self, target: Target, via: Flow | None = None) -> FakeFlow:
        self.asked.append(target)
        if target not in self.made:
            self.made[target] = FakeFlow((target.host, target.port), target.transport)
            self.made[target].closed = target.transport == "TCP" and not self.streams
        return self.made[target]


class Recorder:
    """An owner that writes down what it is told. `then` may act on each event: it gets the same arguments."""

    def __init__(self, then: Callable[..., Any] | None = None, vouches: bool = False) -> None:
        self.events: list[tuple[str, Any]] = []
        self.then = then
        self.vouches = vouches

    def _note(self, what: str, detail: Any, *args: Any) -> None:
        self.events.append((what, detail))
        if self.then is not None:
            self.then(what, *args)

    def on_response(self, tx: ClientTransaction, response: Response, now: float) -> None:
        self._note("response", response.status, tx, response, now)

    def on_failure(self, tx: ClientTransaction, status: int, now: float) -> None:
        self._note("failure", status, tx, status, now)

    def on_request(self, tx: ServerTransaction, request: Request, now: float) -> None:
        self._note("request", request.method, tx, request, now)

    def on_ack(self, tx: InviteServer, request: Request, now: float) -> None:
        self._note("ack", request.cseq, tx, request, now)

    def on_no_ack(self, tx: InviteServer, now: float) -> None:
        self._note("no ack", None, tx, now)

    def on_cancel(self, tx: InviteServer, request: Request, now: float) -> None:
        self._note("cancel", None, tx, request, now)

    def trusts(self, flow: Flow) -> bool:
        return self.vouches


class Rig:
    """A stack, its clock, and what it sent. An exception of the stack fails the test."""

    def __init__(self) -> None:
        self.connector = FakeConnector()
        counter = itertools.count(1)
        self.stack = SipStack(
            self.connector, Identifiers("0", lambda n: b"".join(next(counter).to_bytes(8, "big") for _ in range(n // 8)))
        )
        self.now = NOW
        self.sent: list[tuple[float, Flow, bytes]] = []

    def receive(self, data: bytes, flow: FakeFlow | None = None) -> list[bytes]:
        """Feed one message; what was sent because of it."""
        self.stack.receive(flow or UDP, data, self.now)
        return self.drained()

    def drained(self) -> list[bytes]:
        output = self.stack.drain()
        self.sent += [(self.now, flow, data) for flow, data in output]
        return [data for _, data in output]

    def run(self, seconds: float) -> list[tuple[float, bytes]]:
        """Let time pass; what was sent and when, from the start of this run."""
        start, end = self.now, self.now + seconds
        out: list[tuple[float, bytes]] = [(0.0, data) for data in self.drained()]
        while (due := self.stack.next_deadline()) is not None and due <= end:
            self.now = due
            self.stack.tick(due)
            out += [(round(due - start, 6), data) for data in self.drained()]
        self.now = end
        return out

    def settle(self) -> None:
        """Everything a transaction may still wait for passes, and nothing is left."""
        self.run(70.0)
        self.assert_empty()

    def assert_empty(self) -> None:
        stack = self.stack
        left = {
            "servers": stack.servers,
            "clients": stack.clients,
            "dialogs": stack.dialogs,
            "merged": stack._merged,
            "output": stack.output,
        }
        assert {name: dict.fromkeys(what) for name, what in left.items() if what} == {}
        assert stack.timers.count == 0
        assert stack.next_deadline() is None


UDP = FakeFlow()
TCP = FakeFlow(transport="TCP")


def status_of(data: bytes) -> int:
    """The status of a response, 0 of a request."""
    return int(data[8:11]) if data.startswith(b"SIP/2.0 ") else 0


def method_of(data: bytes) -> str:
    """The method of a request, the status of a response: what a row of a test names a message by."""
    return data.split(b" ", 2)[1 if data.startswith(b"SIP/2.0 ") else 0].decode()


def request_bytes(
    method: str = "OPTIONS",
    *,
    uri: str = "sip:667@acme.test",
    via: str = "",
    branch: str = "z9hG4bKone",
    from_: str = "<sip:676@acme.test>;tag=theirs",
    to: str = "<sip:667@acme.test>",
    call_id: str = "call-1",
    cseq: int = 1,
    headers: str = "",
    body: bytes = b"",
    contact: str = "<sip:676@192.0.2.7:5062>",
) -> bytes:
    """A request of the peer."""
    via = via or f"SIP/2.0/UDP 192.0.2.7:5062;branch={branch};rport"
    contact = f"Contact: {contact}\r\n" if contact else ""
    return (
        f"{method} {uri} SIP/2.0\r\nVia: {via}\r\nFrom: {from_}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n"
        f"Max-Forwards: 70\r\n{contact}{headers}Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def request(method: str = "OPTIONS", **parts: Any) -> Request:
    message = parse_message(request_bytes(method, **parts))
    assert isinstance(message, Request)
    return message


def response_bytes(
    to: bytes, status: int, *, tag: str = "theirs", headers: str = "", contact: str = "<sip:667@192.0.2.7:5062>"
) -> bytes:
    """The peer's response to a request that the stack sent."""
    sent = parse_message(to)
    to_text = sent.get("to") or ""
    if tag and "tag=" not in to_text and status > 100:
        to_text += f";tag={tag}"
    lines = [
        f"SIP/2.0 {status} Whatever",
        *(f"Via: {via}" for via in sent.get_all("via")),
        f"From: {sent.get('from')}",
        f"To: {to_text}",
    ]
    lines += [f"Call-ID: {sent.call_id}", f"CSeq: {sent.get('cseq')}"]
    if contact:
        lines.append(f"Contact: {contact}")
    return ("\r\n".join(lines) + f"\r\n{headers}Content-Length: 0\r\n\r\n").encode()


def response(to: bytes, status: int, **parts: Any) -> Response:
    message = parse_message(response_bytes(to, status, **parts))
    assert isinstance(message, Response)
    return message


def ringing(rig: Rig) -> tuple[list[Any], Recorder]:
    """Take every INVITE, answer 180, and leave it ringing; CANCEL gets its 487."""
    taken: list[Any] = []

    def on_event(what: str, tx: Any, *_: Any) -> None:
        if what == "cancel":
            rig.stack.respond(tx, 487, now=rig.now)

    owner = Recorder(on_event)

    def handler(incoming: Request, flow: Any, now: float) -> None:
        tx = rig.stack.accept(incoming, flow, now)
        tx.owner = owner
        taken.append(tx)
        rig.stack.respond(tx, 180, now=now)

    rig.stack.handlers["INVITE"] = handler
    return taken, owner


def ask(rig: Rig, method: str = "OPTIONS", owner: Recorder | None = None, flow: FakeFlow = UDP, **parts: Any) -> Any:
    given: dict[str, Any] = {"from_": "<sip:us@acme.test>;tag=ours", "to": "<sip:them@acme.test>", "call_id": "ours", "cseq": 1}
    return rig.stack.request(method, "sip:them@192.0.2.7", flow, owner=owner or Recorder(), now=rig.now, **(given | parts))


def statuses(out: list[bytes]) -> list[int]:
    return [status_of(data) for data in out]

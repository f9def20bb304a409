"""The stack: transactions and dialogs behind five verbs (receive, tick, next_deadline, drain, and requests and responses to send).

Sans-IO: `now` is monotonic seconds and always an argument; what is to be sent waits in `output` until `drain`. `receive`
never raises: what a peer sends wrong is answered or dropped, and a bug of an owner costs that one request a 500.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Callable, Hashable
from typing import Any, Final, Protocol

from b2bua.sip.dialog import Dialog, Key
from b2bua.sip.flow import Connector, Flow, Target, host_port
from b2bua.sip.ids import BRANCH_COOKIE, Identifiers
from b2bua.sip.message import MessageError, Request, Response, encode, parse_message
from b2bua.sip.timers import TimerValues, TimerWheel
from b2bua.sip.transaction import (
    ACCEPTED,
    ACK,
    CALLING,
    FAILURE,
    FINAL,
    PROCEEDING,
    PROVISIONAL,
    REQUEST,
    SUCCESS,
    TRANSPORT_ERROR,
    TRYING,
    ClientTransaction,
    InviteClient,
    InviteServer,
    NonInviteClient,
    NonInviteServer,
    ServerTransaction,
)
from b2bua.sip.values import SipError, Uri, Via, split_values

ALLOW: Final = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, PRACK, INFO"
ALLOWED: Final = frozenset(ALLOW.split(", "))
SUPPORTED: Final = frozenset({"100rel", "timer"})
# Standard methods that are understood and not served answer 405, anything else 501 (RFC 3261 §21.4.6, §21.5.2).
_KNOWN: Final = frozenset({"REGISTER", "SUBSCRIBE", "NOTIFY", "PUBLISH", "MESSAGE", "REFER"})
_MID_DIALOG: Final = frozenset({"BYE", "UPDATE", "PRACK", "INFO", "NOTIFY"})
_HEAVY: Final = frozenset({"INVITE", "REGISTER"})
DATAGRAM_LIMIT: Final = 1300  # a larger request goes over a congestion-controlled transport (RFC 3261 §18.1.1)
LARGEST_DATAGRAM: Final = 65_507  # bytes over IPv4; what is larger needs a stream or fails
MAX_EARLY_DIALOGS: Final = 16
MAX_TRANSACTIONS: Final = 250_000  # of peers, most of them lingering; some 1.5 KiB each. Half a minute at 1,500 calls/s is 100,000

REASONS: Final = {
    100: "Trying", 180: "Ringing", 181: "Call Is Being Forwarded", 182: "Queued", 183: "Session Progress", 200: "OK", 202: "Accepted",
    400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 406: "Not Acceptable",
    407: "Proxy Authentication Required", 408: "Request Timeout", 413: "Request Entity Too Large", 415: "Unsupported Media Type",
    416: "Unsupported URI Scheme", 420: "Bad Extension", 421: "Extension Required", 422: "Session Interval Too Small",
    423: "Interval Too Brief", 480: "Temporarily Unavailable", 481: "Call/Transaction Does Not Exist", 482: "Loop Detected",
    483: "Too Many Hops", 484: "Address Incomplete", 486: "Busy Here", 487: "Request Terminated", 488: "Not Acceptable Here",
    489: "Bad Event", 491: "Request Pending", 500: "Server Internal Error", 501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable",
    504: "Server Time-out", 505: "Version Not Supported", 513: "Message Too Large", 600: "Busy Everywhere", 603: "Decline",
    604: "Does Not Exist Anywhere", 606: "Not Acceptable",
}  # fmt: skip

_IP: Final = re.compile(r"[0-9.]+|[0-9a-f:.]*:[0-9a-f:.]*")
_RECEIVED: Final = frozenset({"received", "rport"})
_RPORT: Final = re.compile(r";\s*rport(?![^\s;=])", re.IGNORECASE)

Handler = Callable[[Request, Flow, float], None]


class Owner(Protocol):
    """Who holds a client transaction or a dialog, and is told what happens in it."""

    def on_response(self, tx: ClientTransaction, response: Response, now: float) -> None: ...
    def on_failure(self, tx: ClientTransaction, status: int, now: float) -> None:
        """No response came (408) or the transport failed (503)."""


class DialogOwner(Owner, Protocol):
    """Who holds an INVITE of a peer or a dialog."""

    def trusts(self, flow: Flow) -> bool:
        """Whether requests over `flow` may speak in the dialog, besides those from its own host."""
        ...

    def on_request(self, tx: ServerTransaction, request: Request, now: float) -> None: ...
    def on_ack(self, tx: InviteServer, request: Request, now: float) -> None: ...
    def on_no_ack(self, tx: InviteServer, now: float) -> None: ...
    def on_cancel(self, tx: InviteServer, request: Request, now: float) -> None: ...


class SipStack:
    """All transactions and dialogs of one worker. `now` is the clock reading of the last receive, tick or flow_failed.

    `connector` makes new flows and may be set later (whoever has the sockets needs the stack first). `flow_listeners` are told of
    flows that failed. `handlers` serve requests outside of dialogs, by method; they answer with `reject` (stateless) or `accept` + `respond`.
    `on_error` is told of every exception that a bug let out.
    """

    def __init__(
        self,
        connector: Connector | None = None,
        ids: Identifiers | None = None,
        values: TimerValues = TimerValues(),
        on_error: Callable[[Exception], None] | None = None,
    ) -> None:
        self.connector: Connector = connector or _Unconnected()
        self.ids = ids or Identifiers()
        self.values = values
        self.on_error = on_error or _raise
        self.timers = TimerWheel(self.on_error)
        self.handlers: dict[str, Handler] = {}
        self.output: list[tuple[Flow, bytes]] = []
        self.now = 0.0
        self.overloaded_until = 0.0
        """Set by whoever runs the loop while it cannot keep up: new calls and registrations get 503 (RFC 3261 §21.5.4)."""
        self.servers: dict[Any, ServerTransaction] = {}
        self.clients: dict[tuple[str, str], ClientTransaction] = {}
        self.dialogs: dict[Key, Dialog] = {}
        self.counters: Counter[str] = Counter()
        self.flow_listeners: list[Callable[[Flow], None]] = []
        self._merged: dict[Any, ServerTransaction] = {}
        self._no_stream: dict[tuple[str, int], float] = {}
        self._streams: set[Hashable] = set()  # keys of the open streams over which requests of ours went
        self._tag_secret = os.urandom(16)
        self._own_branch = f"{BRANCH_COOKIE}{self.ids.owner}-"

    # The border: receive, tick, next_deadline, drain; and what a transport reports.

    def receive(self, flow: Flow, data: bytes, now: float) -> None:
        """One datagram, or one message cut from a stream. Never raises."""
        self.now = now
        try:
            message = parse_message(data, not flow.reliable)
        except MessageError as error:
            self.counters["malformed"] += 1
            if error.request is not None:
                self._guard(self.reject, error.request, flow, error.status, error.reason)
            return
        except Exception as error:  # noqa: BLE001 - a bug costs one message, never the stack
            self.on_error(error)
            return
        try:
            if isinstance(message, Request):
                self._receive_request(message, flow, now)
            else:
                self._receive_response(message, flow, now)
        except SipError as error:
            if isinstance(message, Request) and message.method != "ACK":
                self._guard(self._refuse, message, flow, error.status, error.reason, now)
        except Exception as error:  # noqa: BLE001 - a bug costs one message, never the stack
            self.on_error(error)
            if isinstance(message, Request) and message.method != "ACK":
                self._guard(self._refuse, message, flow, 500, "", now)

    def tick(self, now: float) -> None:
        """Fire the timers that are due."""
        self.now = now
        self.timers.fire(now)

    def next_deadline(self) -> float | None:
        """When `tick` has something to do."""
        return self.timers.next_deadline()

    def drain(self) -> list[tuple[Flow, bytes]]:
        """What is to be sent, in order; the caller sends it."""
        output = self.output
        if output:
            self.output = []
        return output

    def flow_failed(self, flow: Flow, now: float) -> None:
        """The transport gave up on a flow: its transactions fail now instead of timing out (RFC 3261 §17.1.4)."""
        self.now = now
        if not flow.reliable or flow.key in self._streams:  # anybody may open and close streams; only ours are worth the search
            self._streams.discard(flow.key)
            self._fail_clients(flow, now)
        for listener in self.flow_listeners:
            self._guard(listener, flow)

    def _fail_clients(self, flow: Flow, now: float) -> None:
        for tx in [tx for tx in self.clients.values() if tx.flow is flow]:
            if tx.fallback is not None:
                self._no_stream[flow.remote] = now + 600.0  # the peer has no stream transport: no second try for a while
                self._fall_back(tx, tx.fallback, now)
            else:
                self._guard(tx.fire, TRANSPORT_ERROR, now)

    def _guard(self, function: Callable[..., Any], *args: Any) -> None:
        try:
            function(*args)
        except Exception as error:  # noqa: BLE001 - a bug costs one message, never the stack
            self.on_error(error)

    # Requests coming in.

    def _receive_request(self, request: Request, flow: Flow, now: float) -> None:
        method = request.method
        self.counters[method if method in ALLOWED or method in _KNOWN else "other"] += 1
        key = request.key = self._server_key(request, method)
        if method == "ACK":
            self._receive_ack(request, flow, key, now)
            return
        tx = self.servers.get(key)
        if tx is not None:
            if flow.remote[0] == tx.source:
                self.counters["retransmitted"] += 1
                tx.fire(REQUEST, now)
            return
        if method == "CANCEL":
            self._receive_cancel(request, flow, key, now)
        elif request.to.tag:
            self._receive_in_dialog(request, flow, key, now)
        else:
            self._receive_initial(request, flow, now)

    @staticmethod
    def _server_key(request: Request, method: str) -> Any:
        """What identifies a server transaction (RFC 3261 §17.2.3), ACK counting as INVITE; older peers by the fields of RFC 2543."""
        via = request.via
        branch = via.branch
        if method == "ACK":
            method = "INVITE"
        if branch.startswith(BRANCH_COOKIE) and len(branch) > 7:
            return (branch, via.host, via.port, method)
        return (request.uri, request.from_.tag, request.call_id, request.cseq, request.get("via"), method)

    def _receive_ack(self, request: Request, flow: Flow, key: Any, now: float) -> None:
        tx = self.servers.get(key)
        if tx is not None and tx.state is not ACCEPTED:
            if flow.remote[0] == tx.source:
                tx.fire(ACK, now)
            return
        dialog = self.dialogs.get((request.call_id, request.to.tag, request.from_.tag))
        if dialog is None or not dialog.trusts(flow):
            return
        invite = dialog.pending_ack
        if invite is not None and request.cseq == invite.cseq:
            dialog.pending_ack = None
            invite.fire(ACK, now)
            dialog.owner.on_ack(invite, request, now)

    def _receive_cancel(self, request: Request, flow: Flow, key: Any, now: float) -> None:
        """CANCEL counts only from where its INVITE came (RFC 3261 §9.2)."""
        invite = self.servers.get((*key[:-1], "INVITE"))
        if not isinstance(invite, InviteServer) or flow.remote[0] != invite.source:
            self.reject(request, flow, 481)
            return
        tx = self.accept(request, flow, now)
        if invite.local_tag:
            tx.local_tag = invite.local_tag
        self.respond(tx, 200, now=now)
        if not invite.answered and invite.owner is not None:
            invite.owner.on_cancel(invite, request, now)

    def _receive_in_dialog(self, request: Request, flow: Flow, key: Any, now: float) -> None:
        """A request inside a dialog counts only over the flow or the host that the dialog lives on."""
        dialog = self.dialogs.get((request.call_id, request.to.tag, request.from_.tag))
        if dialog is None or not dialog.trusts(flow):
            self.reject(request, flow, 481)
            return
        if request.method not in ALLOWED:
            self._refuse_method(request, flow)
            return
        if self._refuse_extensions(request, flow):
            return
        if request.cseq <= dialog.remote_seq:
            self.reject(request, flow, 500, "CSeq Out Of Order", "Retry-After: 1\r\n")  # RFC 3261 §12.2.2
            return
        dialog.remote_seq = request.cseq
        tx = self.accept(request, flow, now)
        tx.dialog = dialog
        tx.local_tag = dialog.local_tag
        tx.owner = dialog.owner
        dialog.owner.on_request(tx, request, now)

    def _receive_initial(self, request: Request, flow: Flow, now: float) -> None:
        """A request outside of dialogs: inspected as RFC 3261 §8.2 says, then its handler."""
        method = request.method
        handler = self.handlers.get(method)
        if handler is None:
            if method in _MID_DIALOG and method in ALLOWED:
                self.reject(request, flow, 481)
            else:
                self._refuse_method(request, flow)
            return
        if method in _HEAVY and (now < self.overloaded_until or len(self.servers) >= MAX_TRANSACTIONS):
            self.counters["overload"] += 1
            self.reject(request, flow, 503, headers="Retry-After: 5\r\n")
            return
        uri = request.target
        if uri.scheme not in ("sip", "sips", "tel"):
            self.reject(request, flow, 416)
            return
        if uri.headers or "method" in uri.params:
            raise SipError(400, "Bad Request-URI")  # not allowed there (RFC 3261 §19.1.1)
        if self._merge_key(request) in self._merged or self._looped(request):
            self.counters["loop"] += 1
            self.reject(request, flow, 482)
            return
        if not self._refuse_extensions(request, flow):
            handler(request, flow, now)

    def _refuse_method(self, request: Request, flow: Flow) -> None:
        status = 405 if request.method in _KNOWN or request.method in ALLOWED else 501
        self.reject(request, flow, status, headers=f"Allow: {ALLOW}\r\n")

    def _refuse_extensions(self, request: Request, flow: Flow) -> bool:
        """420 for what we are required to understand and do not (RFC 3261 §8.2.2.3)."""
        if request.get("require") is None and request.get("proxy-require") is None:
            return False
        supported = SUPPORTED if request.method != "REGISTER" else SUPPORTED | {"path", "outbound"}
        unknown = sorted((request.tokens("require") | request.tokens("proxy-require")) - supported)
        if unknown:
            self.reject(request, flow, 420, headers=f"Unsupported: {', '.join(unknown)}\r\n")
        return bool(unknown)

    @staticmethod
    def _merge_key(request: Request) -> Any:
        return (request.call_id, request.from_.tag, request.cseq, request.method)

    def _looped(self, request: Request) -> bool:
        """Whether this is a request of ours that came back unchanged (RFC 3261 §16.3 step 4, for a B2BUA)."""
        ours = self._own_branch
        if request.via_count == 1 and not request.via.branch.startswith(ours):
            return False
        if not any(ours in line for line in request.get_all("via")):  # ours is not the top one when a proxy sent it back
            return False
        for text in request.values("via"):
            sent = self.clients.get((Via.parse(text).branch, request.method))
            if sent is not None and sent.uri == request.uri:
                return True
        return False

    # Responses going out.

    def accept(self, request: Request, flow: Flow, now: float) -> ServerTransaction:
        """The server transaction of a request; INVITE is answered with 100 at once."""
        method = request.method
        key = request.key
        reply_flow = self._reply_flow(request, flow)
        if method == "INVITE":
            tx: ServerTransaction = InviteServer(self, key, request, reply_flow, PROCEEDING)
        else:
            tx = NonInviteServer(self, key, request, reply_flow, TRYING)
        tx.source = flow.remote[0]
        tx.head, tx.to_text, tx.tail = self._response_parts(request, flow)
        self.servers[key] = tx
        if not request.to.tag:
            tx.merge_key = self._merge_key(request)
            self._merged[tx.merge_key] = tx
        if method == "INVITE":
            if request.get("record-route") is not None:
                tx.record_route = "".join([f"Record-Route: {route}\r\n" for route in request.get_all("record-route")])
            tx.status = 100
            tx.sent = f"SIP/2.0 100 Trying\r\n{tx.head}To: {tx.to_text}\r\n{tx.tail}Content-Length: 0\r\n\r\n".encode(
                "utf-8", "surrogateescape"
            )
            tx.transmit(now)
        return tx

    def respond(
        self,
        tx: ServerTransaction,
        status: int,
        reason: str = "",
        headers: str = "",
        body: bytes = b"",
        content_type: str = "application/sdp",
        *,
        now: float,
        tag: str = "",
    ) -> None:
        """Send a response. `headers` are whole lines; `tag` overrides the To tag (one INVITE, several early dialogs).

        After a final response, further ones are ignored: two decisions may cross, the first one stands.
        """
        if tx.answered:
            return
        tx.status = status
        to_text = tx.to_text
        if status > 100:
            if tx.request is not None and not tx.request.to.tag:
                tag = tag or tx.local_tag
                if not tag:
                    tag = tx.local_tag = self.ids.tag()
                to_text = f"{to_text};tag={tag}"
            if tx.record_route and status < 300:
                headers = tx.record_route + headers
        head = f"{tx.head}To: {to_text}\r\n{tx.tail}{headers}"
        tx.sent = encode(f"SIP/2.0 {status} {reason or REASONS.get(status, '')}", head, body, content_type)
        if status < 200:
            tx.fire(PROVISIONAL, now)
            return
        tx.drop_parts()
        if tx.method != "INVITE":
            tx.fire(FINAL, now)
        elif status < 300:
            tx.fire(SUCCESS, now)
        else:
            tx.fire(FAILURE, now)

    def reject(
        self, request: Request, flow: Flow, status: int, reason: str = "", headers: str = "", body: bytes = b"", content_type: str = ""
    ) -> None:
        """Answer without keeping anything (RFC 3261 §8.2.7): one message out for one in, the same tag each time."""
        if request.method == "ACK":
            return
        head, to_text, tail = self._response_parts(request, flow)
        if to_text and not (request.to.tag if hasattr(request, "to") else "tag=" in to_text):
            to_text = f"{to_text};tag={self._stateless_tag(request)}"
        to_line = f"To: {to_text}\r\n" if to_text else ""
        self.counters["rejected"] += 1
        data = encode(f"SIP/2.0 {status} {reason or REASONS.get(status, '')}", f"{head}{to_line}{tail}{headers}", body, content_type)
        self.output.append((self._reply_flow(request, flow), data))

    def _refuse(self, request: Request, flow: Flow, status: int, reason: str, now: float) -> None:
        """The answer to a request that could not be served: by its transaction where it has one."""
        tx = self.servers.get(request.key)
        if tx is None:
            self.reject(request, flow, status, reason)
        elif not tx.answered:
            self.respond(tx, status, reason, now=now)

    def _stateless_tag(self, request: Request) -> str:
        text = f"{request.get('call-id')}\n{request.get('from')}\n{request.get('cseq')}\n{request.get('via')}"
        return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), key=self._tag_secret, digest_size=8).hexdigest()

    def _response_parts(self, request: Request, flow: Flow) -> tuple[str, str, str]:
        """What a response copies (RFC 3261 §8.2.6.2): the lines before To, the To value, the lines after it."""
        vias = request.get_all("via")
        top, others = vias[0], ""
        if len(vias) > 1 or "," in top:
            top, others = _split_vias(vias)
        lines = f"Via: {self._received(top, request.via, flow)}\r\n{others}"
        from_, call_id, cseq, timestamp = request.get("from"), request.get("call-id"), request.get("cseq"), request.get("timestamp")
        if from_ is not None:
            lines = f"{lines}From: {from_}\r\n"
        tail = f"Call-ID: {call_id}\r\n" if call_id is not None else ""
        if cseq is not None:
            tail = f"{tail}CSeq: {cseq}\r\n"
        if timestamp is not None:
            tail = f"{tail}Timestamp: {timestamp}\r\n"
        return lines, request.get("to") or "", tail

    @staticmethod
    def _received(top: str, via: Via, flow: Flow) -> str:
        """The top Via with where the request really came from (RFC 3261 §18.2.1, RFC 3581 §4)."""
        host, port = flow.remote
        params = via.params
        rport = "rport" in params
        if not rport and via.host == host and "received" not in params:
            return top
        if "received" in via.params or (rport and via.params["rport"] is not None):
            # Whatever the sender wrote there does not become true by being written.
            sent_by = host_port(via.host, via.port) if via.port is not None else f"[{via.host}]" if ":" in via.host else via.host
            kept = (f";{name}={value}" if value is not None else f";{name}" for name, value in params.items() if name not in _RECEIVED)
            top = f"SIP/2.0/{via.transport} {sent_by}{''.join(kept)}{';rport' if rport else ''}"
        if rport:
            at = _RPORT.search(top)
            end = at.end() if at is not None else len(top)
            return f"{top[:end]}={port};received={host}{top[end:]}"
        return top if via.host == host else f"{top};received={host}"

    def _reply_flow(self, request: Request, flow: Flow) -> Flow:
        """Where responses go: RFC 3261 §18.2.2 and RFC 3581 §4, and nowhere else (maddr is not followed).

        Over a stream: back on it. Over UDP: to the source address, and to its port with rport, else to the port of the Via.
        """
        host, port = flow.remote
        if flow.reliable:
            if not flow.closed:
                return flow
            return self.connector.flow_to(Target(flow.transport, host, request.via.port or 5060))
        if "rport" in request.via.params:
            return flow
        via_port = request.via.port or 5060
        return flow if via_port == port else self.connector.flow_to(Target("UDP", host, via_port), flow)

    def forget_server(self, tx: ServerTransaction) -> None:
        """A server transaction has ended."""
        self.servers.pop(tx.key, None)
        if tx.merge_key is not None:
            self._merged.pop(tx.merge_key, None)
        dialog = tx.dialog
        if dialog is not None and dialog.pending_ack is tx:
            dialog.pending_ack = None

    def deliver_no_ack(self, tx: InviteServer, now: float) -> None:
        """A 2xx of ours was never acknowledged."""
        if tx.owner is not None:
            tx.owner.on_no_ack(tx, now)

    # Requests going out.

    def contact(self, flow: Flow) -> str:
        """The Contact header line that peers over this flow reach us by."""
        suffix = ";transport=tcp" if flow.reliable else ""
        return f"Contact: <sip:{self.ids.owner}@{flow.sent_by}{suffix}>\r\n"

    def request(
        self,
        method: str,
        uri: str,
        flow: Flow,
        *,
        from_: str,
        to: str,
        call_id: str,
        cseq: int,
        owner: Any,
        now: float,
        headers: str = "",
        body: bytes = b"",
        content_type: str = "application/sdp",
        route: str = "",
        max_forwards: int = 70,
        dialog: Dialog | None = None,
    ) -> ClientTransaction:
        """Send a request in a transaction of its own. `headers` and `route` are whole lines; `uri` the Request-URI."""
        branch = self.ids.branch()
        tx: ClientTransaction
        if method == "INVITE":
            tx = InviteClient(self, branch, method, flow, CALLING)
        else:
            tx = NonInviteClient(self, branch, method, flow, TRYING)
        tx.owner = owner
        tx.dialog = dialog
        tx.uri, tx.from_text, tx.to_text, tx.call_id, tx.cseq, tx.route = uri, from_, to, call_id, cseq, route
        head = (
            f"{route}From: {from_}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\nMax-Forwards: {max_forwards}\r\n{headers}"
        )
        self._assign_flow(tx, f"{method} {uri} SIP/2.0", head, body, content_type, now)
        self.clients[tx.key] = tx
        tx.start(now)
        return tx

    def _assign_flow(self, tx: ClientTransaction, start_line: str, head: str, body: bytes, content_type: str, now: float) -> None:
        """Via and bytes; a request too large for a datagram goes over TCP where the peer has it (RFC 3261 §18.1.1)."""
        flow, branch = tx.flow, tx.branch
        tx.via = f"Via: SIP/2.0/{flow.transport} {flow.sent_by};branch={branch};rport\r\n"
        tx.sent = encode(start_line, f"{tx.via}{head}", body, content_type)
        if flow.reliable:
            self._streams.add(flow.key)
            return
        size = len(tx.sent)
        if size <= DATAGRAM_LIMIT:
            return
        fits = size <= LARGEST_DATAGRAM
        if fits and self._no_stream.get(flow.remote, 0.0) > now:
            return
        if len(self._no_stream) > 10_000:
            self._no_stream.clear()
        stream = self.connector.flow_to(Target("TCP", *flow.remote), flow)
        if stream.closed:
            return
        tx.fallback = (flow, tx.via, tx.sent) if fits else None
        tx.flow = stream
        self._streams.add(stream.key)
        tx.via = f"Via: SIP/2.0/TCP {stream.sent_by};branch={branch};rport\r\n"
        tx.sent = encode(start_line, f"{tx.via}{head}", body, content_type)

    @staticmethod
    def _fall_back(tx: ClientTransaction, fallback: tuple[Flow, str, bytes], now: float) -> None:
        """No stream to be had: the datagram it is after all, if the request still waits for a first response."""
        tx.fallback = None
        tx.flow, tx.via, tx.sent = fallback
        if tx.state in (CALLING, TRYING):
            tx.transmit(now)
            tx.start_retransmit(now)
            tx.set_timer(now)

    def request_in(
        self,
        dialog: Dialog,
        method: str,
        *,
        owner: Any,
        now: float,
        headers: str = "",
        body: bytes = b"",
        content_type: str = "application/sdp",
    ) -> ClientTransaction:
        """Send a request inside a dialog."""
        dialog.local_seq += 1
        uri, route = dialog.request_target()
        return self.request(
            method,
            uri,
            self._flow_of(dialog),
            from_=dialog.local_text,
            to=dialog.remote_text,
            call_id=dialog.call_id,
            cseq=dialog.local_seq,
            owner=owner,
            now=now,
            headers=headers,
            body=body,
            content_type=content_type,
            route=route,
            dialog=dialog,
        )

    def _flow_of(self, dialog: Dialog) -> Flow:
        """Where a request in a dialog is sent: to its next hop when that is on the host the dialog lives on, else back over its flow.

        A Contact that names another host is what a phone behind NAT writes; only of a trunk it is believed.
        """
        flow = dialog.flow
        uri = Uri.parse(dialog.next_hop())
        port = uri.port or 5060
        if (uri.host, port) == flow.remote or (flow.reliable and not flow.closed):
            return flow
        if uri.host != flow.remote[0] and not (dialog.roams and _IP.fullmatch(uri.host)):
            return flow
        transport = "TCP" if uri.transport == "TCP" or flow.reliable else "UDP"
        return self.connector.flow_to(Target(transport, uri.host, port), flow)

    def acknowledge(
        self, dialog: Dialog, tx: ClientTransaction, headers: str = "", body: bytes = b"", content_type: str = "application/sdp"
    ) -> None:
        """ACK a 2xx (RFC 3261 §13.2.2.4). Kept with the INVITE's transaction, which repeats it whenever the 2xx comes again."""
        uri, route = dialog.request_target()
        flow = self._flow_of(dialog)
        head = (
            f"Via: SIP/2.0/{flow.transport} {flow.sent_by};branch={self.ids.branch()};rport\r\n{route}From: {dialog.local_text}\r\n"
            f"To: {dialog.remote_text}\r\nCall-ID: {dialog.call_id}\r\nCSeq: {tx.cseq} ACK\r\nMax-Forwards: 70\r\n{headers}"
        )
        data = encode(f"ACK {uri} SIP/2.0", head, body, content_type)
        if tx.state is ACCEPTED:
            if tx.acks is None:
                tx.acks = {}
            tx.acks[dialog.remote_tag] = (flow, data)
        self.output.append((flow, data))

    def failure_ack(self, tx: ClientTransaction, response: Response) -> bytes:
        """The ACK of a 3xx–6xx: the INVITE's Request-URI, Via and Route, the response's To (RFC 3261 §17.1.1.3)."""
        head = (
            f"{tx.via}{tx.route}From: {tx.from_text}\r\nTo: {response.get('to')}\r\nCall-ID: {tx.call_id}\r\n"
            f"CSeq: {tx.cseq} ACK\r\nMax-Forwards: 70\r\n"
        )
        return encode(f"ACK {tx.uri} SIP/2.0", head)

    def cancel(self, tx: ClientTransaction, now: float, headers: str = "") -> None:
        """CANCEL an INVITE that has a provisional response and no final one (RFC 3261 §9.1); otherwise nothing is sent.

        A final response within 64·T1 or the transaction fails with 408.
        """
        if tx.state is not PROCEEDING or tx.cancelled:
            return
        tx.cancelled = True
        head = (
            f"{tx.via}{tx.route}From: {tx.from_text}\r\nTo: {tx.to_text}\r\nCall-ID: {tx.call_id}\r\n"
            f"CSeq: {tx.cseq} CANCEL\r\nMax-Forwards: 70\r\n{headers}"
        )
        cancel = NonInviteClient(self, tx.branch, "CANCEL", tx.flow, TRYING)
        cancel.owner = _NOBODY
        cancel.sent = encode(f"CANCEL {tx.uri} SIP/2.0", head)
        self.clients[cancel.key] = cancel
        cancel.start(now)
        tx.start_timeout(now)
        tx.set_timer(now)

    # Responses coming in.

    def _receive_response(self, response: Response, flow: Flow, now: float) -> None:
        """Only for a branch that is ours and open, with no Via but ours (RFC 3261 §8.1.3.3, §18.1.2)."""
        tx = self.clients.get((response.via.branch, response.cseq_method))
        if tx is None or response.via_count != 1:
            self.counters["stray_response"] += 1
            return
        if response.call_id != tx.call_id and tx.call_id:
            self.counters["stray_response"] += 1
            return
        status = response.status
        tx.response = response
        if status < 200:
            tx.fire(PROVISIONAL, now)
        elif tx.method != "INVITE":
            tx.fire(FINAL, now)
        elif status < 300:
            tx.fire(SUCCESS, now)
        else:
            tx.fire(FAILURE, now)
        tx.response = None

    def deliver_response(self, tx: ClientTransaction, response: Response, now: float) -> None:
        """Tell the owner of a response."""
        if tx.owner is not None:
            tx.owner.on_response(tx, response, now)

    def deliver_failure(self, tx: ClientTransaction, status: int, now: float) -> None:
        """Tell the owner that no response will come."""
        if tx.owner is not None:
            tx.owner.on_failure(tx, status, now)

    # Dialogs.

    def add_dialog(self, dialog: Dialog) -> None:
        """From now on requests inside this dialog reach its owner."""
        self.dialogs[dialog.key] = dialog

    def remove_dialog(self, dialog: Dialog) -> None:
        """The dialog has ended."""
        self.dialogs.pop(dialog.key, None)
        dialog.owner = None
        dialog.pending_ack = None


class _Unconnected:
    """Stands for the connector until there is one."""

    def flow_to(self, target: Target, via: Flow | None = None) -> Flow:
        raise RuntimeError("the stack has no connector yet")


def _split_vias(lines: list[str]) -> tuple[str, str]:
    """The top Via value, and the others as header lines; also of a request that is refused because of a Via."""
    top, *rest = lines
    if "," in top:
        try:
            top, *same_line = split_values(top)
        except SipError:
            same_line = []
        if same_line:
            rest = [", ".join(same_line), *rest]
    return top, "".join([f"Via: {value}\r\n" for value in rest])


class _Nobody:
    """The owner of a CANCEL: what becomes of the INVITE is what counts."""

    def on_response(self, tx: ClientTransaction, response: Response, now: float) -> None:
        pass

    def on_failure(self, tx: ClientTransaction, status: int, now: float) -> None:
        pass


_NOBODY = _Nobody()


def _raise(error: Exception) -> None:
    raise error

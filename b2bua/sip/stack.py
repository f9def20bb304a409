"""The stack: transactions and dialogs behind five verbs (receive, tick, next_deadline, drain, and requests and responses to send).

Sans-IO: `now` is monotonic seconds and always an argument; what is to be sent waits in `output` until `drain`. `receive`
never raises: what a peer sends wrong is answered or dropped, and a bug of an owner costs that one request a 500.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from b2bua.sip.flow import Connector, Flow
from b2bua.sip.ids import Identifiers
from b2bua.sip.message import MessageError, Request, parse_message
from b2bua.sip.timers import TimerValues
from b2bua.sip.transaction import ACCEPTED, ACK, REQUEST, InviteServer
from b2bua.sip.uac import UserAgentClient
from b2bua.sip.uas import UserAgentServer, merge_key, server_key
from b2bua.sip.values import SipError, Via

ALLOW: Final = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, PRACK, INFO, REFER, SUBSCRIBE"
ALLOWED: Final = frozenset(ALLOW.split(", "))
SUPPORTED: Final = frozenset({"100rel", "timer", "replaces", "join", "norefersub"})
# Standard methods that are understood and not served answer 405, anything else 501 (RFC 3261 §21.4.6, §21.5.2).
_KNOWN: Final = frozenset({"REGISTER", "SUBSCRIBE", "NOTIFY", "PUBLISH", "MESSAGE", "REFER"})
_MID_DIALOG: Final = frozenset({"BYE", "UPDATE", "PRACK", "INFO", "NOTIFY"})
_HEAVY: Final = frozenset({"INVITE", "REGISTER"})
MAX_EARLY_DIALOGS: Final = 16
MAX_TRANSACTIONS: Final = 250_000  # of peers, most of them lingering; some 1.5 KiB each. Half a minute at 1,500 calls/s is 100,000

Handler = Callable[[Request, Flow, float], None]


class SipStack(UserAgentServer, UserAgentClient):
    """All transactions and dialogs of one worker.

    `handlers` serve requests outside of dialogs, by method; they answer with `reject` (stateless) or `accept` + `respond`.
    `flow_listeners` are told of flows that failed.
    """

    def __init__(
        self,
        connector: Connector | None = None,
        ids: Identifiers | None = None,
        values: TimerValues = TimerValues(),
        on_error: Callable[[Exception], None] | None = None,
    ) -> None:
        super().__init__(connector, ids, values, on_error)
        self.handlers: dict[str, Handler] = {}
        self.flow_listeners: list[Callable[[Flow], None]] = []
        self.overloaded_until = 0.0
        """Set by whoever runs the loop while it cannot keep up: new calls and registrations get 503 (RFC 3261 §21.5.4)."""

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

    # Requests coming in.

    def _receive_request(self, request: Request, flow: Flow, now: float) -> None:
        method = request.method
        self.counters[method if method in ALLOWED or method in _KNOWN else "other"] += 1
        key = request.key = server_key(request, method)
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
        if dialog.flow.closed:
            dialog.flow = flow  # the peer has come back over another connection
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
        if merge_key(request) in self._merged or self._looped(request):
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

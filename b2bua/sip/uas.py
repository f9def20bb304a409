"""The server side: transactions of peers, and the responses to them (RFC 3261 §8.2)."""

from __future__ import annotations

import hashlib
import re
from typing import Any, Final

from b2bua.sip.core import Core
from b2bua.sip.flow import Flow, Target, host_port
from b2bua.sip.ids import BRANCH_COOKIE
from b2bua.sip.message import Request, encode
from b2bua.sip.transaction import (
    FAILURE,
    FINAL,
    PROCEEDING,
    PROVISIONAL,
    SUCCESS,
    TRYING,
    InviteServer,
    NonInviteServer,
    ServerTransaction,
)
from b2bua.sip.values import SipError, Via, split_values

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

_RECEIVED: Final = frozenset({"received", "rport"})
_RPORT: Final = re.compile(r";\s*rport(?![^\s;=])", re.IGNORECASE)


class UserAgentServer(Core):
    """Answers requests: by `accept` and `respond` in a transaction, by `reject` without keeping anything."""

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
        tx.head, tx.to_text, tx.tail = _response_parts(request, flow)
        self.servers[key] = tx
        if not request.to.tag:
            tx.merge_key = merge_key(request)
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
        head, to_text, tail = _response_parts(request, flow)
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


def server_key(request: Request, method: str) -> Any:
    """What identifies a server transaction (RFC 3261 §17.2.3), ACK counting as INVITE; older peers by the fields of RFC 2543."""
    via = request.via
    branch = via.branch
    if method == "ACK":
        method = "INVITE"
    if branch.startswith(BRANCH_COOKIE) and len(branch) > 7:
        return (branch, via.host, via.port, method)
    return (request.uri, request.from_.tag, request.call_id, request.cseq, request.get("via"), method)


def merge_key(request: Request) -> Any:
    """What is the same in a request that reaches us twice on different ways (RFC 3261 §8.2.2.2)."""
    return (request.call_id, request.from_.tag, request.cseq, request.method)


def _response_parts(request: Request, flow: Flow) -> tuple[str, str, str]:
    """What a response copies (RFC 3261 §8.2.6.2): the lines before To, the To value, the lines after it."""
    vias = request.get_all("via")
    top, others = vias[0], ""
    if len(vias) > 1 or "," in top:
        top, others = _split_vias(vias)
    lines = f"Via: {_received(top, request.via, flow)}\r\n{others}"
    from_, call_id, cseq, timestamp = request.get("from"), request.get("call-id"), request.get("cseq"), request.get("timestamp")
    if from_ is not None:
        lines = f"{lines}From: {from_}\r\n"
    tail = f"Call-ID: {call_id}\r\n" if call_id is not None else ""
    if cseq is not None:
        tail = f"{tail}CSeq: {cseq}\r\n"
    if timestamp is not None:
        tail = f"{tail}Timestamp: {timestamp}\r\n"
    return lines, request.get("to") or "", tail


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

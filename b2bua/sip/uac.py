"""The client side: requests of ours, in and outside of dialogs, and the responses to them (RFC 3261 §8.1, §12.2.1, §13.2.2)."""

from __future__ import annotations

import re
from typing import Any, Final

from b2bua.sip.core import Core
from b2bua.sip.dialog import Dialog
from b2bua.sip.flow import Flow, Target
from b2bua.sip.message import Response, encode
from b2bua.sip.transaction import (
    ACCEPTED,
    CALLING,
    FAILURE,
    FINAL,
    PROCEEDING,
    PROVISIONAL,
    SUCCESS,
    TRANSPORT_ERROR,
    TRYING,
    ClientTransaction,
    InviteClient,
    NonInviteClient,
)
from b2bua.sip.values import Uri

DATAGRAM_LIMIT: Final = 1300  # a larger request goes over a congestion-controlled transport (RFC 3261 §18.1.1)
LARGEST_DATAGRAM: Final = 65_507  # bytes over IPv4; what is larger needs a stream or fails
_IP: Final = re.compile(r"[0-9.]+|[0-9a-f:.]*:[0-9a-f:.]*")


class UserAgentClient(Core):
    """Sends requests; their owners are told of the responses."""

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
            tx.drop_parts()
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

    def _fail_clients(self, flow: Flow, now: float) -> None:
        for tx in [tx for tx in self.clients.values() if tx.flow is flow]:
            if tx.fallback is not None:
                self._no_stream[flow.remote] = now + 600.0  # the peer has no stream transport: no second try for a while
                self._fall_back(tx, tx.fallback, now)
            else:
                self._guard(tx.fire, TRANSPORT_ERROR, now)


class _Nobody:
    """The owner of a CANCEL: what becomes of the INVITE is what counts."""

    def on_response(self, tx: ClientTransaction, response: Response, now: float) -> None:
        pass

    def on_failure(self, tx: ClientTransaction, status: int, now: float) -> None:
        pass


_NOBODY = _Nobody()

"""The outside, as a scripted SIP party behind a trunk: calls with any display name, takes calls, and keeps every request that it was sent.

One UDP socket and one thread. It trusts its server, answers whatever a dialog asks of it, and says nothing (its RTP port is open, and silent).
"""

from __future__ import annotations

import secrets
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from tests.plain_sip import Sdp, Sip, answering, uri_of, write
from tests.support.phone import Events

RTP_PORT = 26000
CODECS = ("0 PCMU/8000", "101 telephone-event/8000")
_OURS = ("ACK", "BYE", "CANCEL", "INFO", "INVITE", "NOTIFY", "OPTIONS", "PRACK", "UPDATE")


@dataclass(eq=False)
class OutsideCall:
    """One call, as who is outside has it. Events: ringing, established, refused, closed."""

    carrier: Carrier
    call_id: str
    local: str
    remote: str
    target: str
    invite: Sip | None = None
    """The INVITE with which the server called; None where the outside calls."""
    events: Events = field(init=False)
    cseq: int = 0
    version: int = 1
    branch: str = ""
    tag: str = ""
    established: bool = False

    def __post_init__(self) -> None:
        self.events = Events(f"outside {self.local}")

    def answer(self) -> None:
        """Takes the call."""
        assert self.invite is not None
        self.carrier.respond(self.invite, 200, "OK", self, body=bytes(self.sdp()))

    def hangup(self) -> None:
        """Ends the call: BYE, or CANCEL before the answer."""
        if self.invite is None and not self.established:
            self.carrier.request(self, "CANCEL", branch=self.branch, cseq=self.cseq)
        elif self.established:
            self.carrier.request(self, "BYE")
            self.established = False

    def sdp(self, direction: str = "sendrecv") -> Sdp:
        """What we offer, or answer."""
        return Sdp(self.carrier.ip, RTP_PORT, direction, self.version, codecs=CODECS)


class Carrier:
    """The carrier's switch at `ip`:5060; `server` is "host:port"."""

    def __init__(self, ip: str, server: str) -> None:
        self.ip = ip
        host, _, port = server.partition(":")
        self.server = (host, int(port or 5060))
        self.calls: dict[str, OutsideCall] = {}
        self.events = Events("carrier")
        self._sip = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._thread = threading.Thread(target=self._read, name="carrier", daemon=True)
        self._open = True

    def __enter__(self) -> Self:
        self._sip.bind((self.ip, 5060))
        self._rtp.bind((self.ip, RTP_PORT))
        self._sip.settimeout(0.2)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._open = False
        self._thread.join(5)
        self._sip.close()
        self._rtp.close()

    # -- what a test does

    def call(self, to: str, number: str, display: str = "") -> OutsideCall:
        """Calls a number of the organisation from outside. `display` goes onto the wire as a quoted string, whatever is in it."""
        quoted = display.replace("\\", "\\\\").replace('"', '\\"')
        local = f'{f"{chr(34)}{quoted}{chr(34)} " if display else ""}<sip:{number}@{self.ip}>;tag={secrets.token_hex(4)}'
        uri = f"sip:{to}@{self.server[0]}:{self.server[1]}"
        made = OutsideCall(self, f"{secrets.token_hex(8)}@{self.ip}", local, f"<{uri}>", uri)
        self.calls[made.call_id] = made
        made.branch = self.request(made, "INVITE", body=bytes(made.sdp()))
        return made

    def called(self, seconds: float = 10.0) -> OutsideCall:
        """The next call that comes from the server; it rings."""
        return self.calls[str(self.events.wait("incoming", seconds)["call_id"])]

    def over(self) -> None:
        """Hangs up whatever is left."""
        for each in self.calls.values():
            each.hangup()
        self.calls.clear()

    # -- SIP

    def request(self, call: OutsideCall, method: str, *, body: bytes = b"", branch: str = "", cseq: int = 0) -> str:
        """Sends a request of a call; the branch of its Via."""
        if not cseq:
            call.cseq += 1
        branch = branch or f"z9hG4bK{secrets.token_hex(8)}"
        headers = [
            f"Via: SIP/2.0/UDP {self.ip}:5060;branch={branch};rport", "Max-Forwards: 70", f"From: {call.local}", f"To: {call.remote}",
            f"Call-ID: {call.call_id}", f"CSeq: {cseq or call.cseq} {method}", f"Contact: <sip:{self.ip}:5060>", f"Allow: {', '.join(_OURS)}",
        ]  # fmt: skip
        self._send(write(f"{method} {call.target} SIP/2.0", headers, body))
        return branch

    def respond(self, request: Sip, status: int, reason: str, call: OutsideCall | None, body: bytes = b"") -> None:
        """Answers a request of the server."""
        to = request.get("to")
        tag = f";tag={call.tag}" if call is not None and call.tag and not request.to_tag else ""
        headers = [
            *(f"Via: {each}" for each in request.all("via")), f"From: {request.get('from')}", f"To: {to}{tag}", f"Call-ID: {request.call_id}",
            f"CSeq: {request.get('cseq')}", f"Contact: <sip:{self.ip}:5060>", f"Allow: {', '.join(_OURS)}",
        ]  # fmt: skip
        self._send(write(f"SIP/2.0 {status} {reason}", headers, body))

    def _send(self, data: bytes) -> None:
        self._sip.sendto(data, self.server)

    def _read(self) -> None:
        while self._open:
            with suppress(TimeoutError):
                data, _ = self._sip.recvfrom(65535)
                if data.strip():
                    self._received(Sip(data))
            with suppress(BlockingIOError):
                while True:
                    self._rtp.recv(2048, socket.MSG_DONTWAIT)

    def _received(self, message: Sip) -> None:
        call = self.calls.get(message.call_id)
        if not message.is_request:
            if call is not None:
                self._response(call, message)
        elif message.method == "INVITE" and not message.to_tag:
            self._invited(message, call)
        elif message.method == "INVITE" and call is not None:
            call.version += 1
            offered = message.sdp.direction if message.sdp else "sendrecv"
            self.respond(message, 200, "OK", call, bytes(call.sdp(answering(offered))))
        elif message.method == "ACK":
            if call is not None and not call.established and call.invite is not None and call.tag in message.get("to"):
                call.established = True
                call.events.add("established")
        else:
            self._asked(message, call)

    def _asked(self, message: Sip, call: OutsideCall | None) -> None:
        if call is None and message.method != "OPTIONS":
            self.respond(message, 481, "Call/Transaction Does Not Exist", None)
            return
        self.respond(message, 200, "OK", call)
        if call is not None and message.method in ("BYE", "CANCEL"):
            if message.method == "CANCEL" and call.invite is not None and not call.established:
                self.respond(call.invite, 487, "Request Terminated", call)
            call.established = False
            call.events.add("closed", at=time.monotonic())

    def _invited(self, message: Sip, call: OutsideCall | None) -> None:
        if call is not None:  # sent again
            return
        made = OutsideCall(self, message.call_id, message.get("to"), message.get("from"), uri_of(message.get("contact")), message)
        made.tag = secrets.token_hex(4)
        made.local = f"{made.local};tag={made.tag}"
        self.calls[message.call_id] = made
        self.respond(message, 180, "Ringing", made)
        self.events.add("incoming", call_id=message.call_id)

    def _response(self, call: OutsideCall, message: Sip) -> None:
        _, method = message.cseq
        if method != "INVITE" or message.status == 100:
            return
        if message.status < 200:
            call.events.add("ringing", status=message.status)
            return
        if message.status < 300:
            call.remote, call.target = message.get("to"), uri_of(message.get("contact"))
            self._acknowledge(call, message, f"z9hG4bK{secrets.token_hex(8)}")
            if not call.established:
                call.established = True
                call.events.add("established")
        else:
            self._acknowledge(call, message, call.branch)
            call.events.add("refused", status=message.status)

    def _acknowledge(self, call: OutsideCall, message: Sip, branch: str) -> None:
        number, _ = message.cseq
        headers = [
            f"Via: SIP/2.0/UDP {self.ip}:5060;branch={branch};rport", "Max-Forwards: 70", f"From: {call.local}", f"To: {message.get('to')}",
            f"Call-ID: {call.call_id}", f"CSeq: {number} ACK",
        ]  # fmt: skip
        self._send(write(f"ACK {call.target} SIP/2.0", headers))

    def header(self, call: OutsideCall, name: str) -> str:
        """A header of the INVITE that the server sent."""
        assert call.invite is not None
        return call.invite.get(name)



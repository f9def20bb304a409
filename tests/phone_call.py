"""One call as one phone sees it: the dialog, the offers and answers, and what the person at the phone does and notices."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import quote

from tests.plain_sip import Sdp, Sip, answering, display_of, param, uri_of, user_of, write

if TYPE_CHECKING:
    from tests.phone_transactions import Answer, Attempt
    from tests.phones import Phone
    from tests.wire import Address

SOON = 3.0


class PhoneCall:
    """`state` is calling, ringing, up or ended. `status` is the final status of the INVITE, 0 before it.

    `ended_by` says who ended an answered call: "us" or "them".
    """

    def __init__(self, phone: Phone, incoming: Answer | None = None) -> None:
        self.phone = phone
        self.incoming = incoming is not None
        self.expected = False
        self.invite_answer = incoming
        self.attempt: Attempt | None = None
        self.state = "calling"
        self.status = 0
        self.ended_by = ""
        self.reason = ""
        """The Reason header of the CANCEL or BYE that ended it."""
        self.responses: list[Sip] = []
        self.early: dict[str, Sip] = {}
        self.local_sdp = Sdp(phone.at[0], 20_000 + 2 * len(phone.calls))
        self.remote_sdp: Sdp | None = None
        self.auto_ack = True
        self.auto_prack = True
        self.cancelled = False
        self.held_back = False
        """Whether the person has pressed hold."""
        self.local_tag = phone.new_id("tag")
        self.remote_tag = ""
        self.local_text = f'"{phone.display}" <{phone.aor}>' if phone.display else f"<{phone.aor}>"
        self.remote_text = ""
        self.remote_target = ""
        self.routes: list[str] = []
        self.call_id = phone.new_id("call")
        self.local_seq = 0
        self._reliable = False
        self._headers: list[str] = []
        self._offered = True
        self._rseq = 0
        self._pracked: set[str] = set()
        self._acks: dict[tuple[str, int], tuple[bytes, tuple[Address, str]]] = {}
        self._heard_acks: set[str] = set()
        self._reinvites: list[Attempt] = []
        self._waiting: list[Answer] = []
        if incoming is not None:
            self._take_invite(incoming.request)

    @property
    def caller(self) -> tuple[str, str]:
        """Name and number on the display of the called phone."""
        assert self.invite_answer is not None
        text = self.invite_answer.request.get("from")
        return display_of(text), user_of(text)

    @property
    def invite(self) -> Sip:
        """The INVITE that began the call."""
        if self.invite_answer is not None:
            return self.invite_answer.request
        assert self.attempt is not None
        return self.attempt.request

    # Calling.

    def dial(self, uri: str, headers: list[str], *, sdp: bool, reliable: bool) -> None:
        self.remote_target = uri
        self.remote_text = f"<{uri}>"
        self._headers, self._offered, self._reliable = headers, sdp, reliable
        self._send_invite([])

    def _send_invite(self, credentials: list[str]) -> None:
        lines = [*self._headers, *credentials, "Supported: 100rel" if self._reliable else ""]
        data = self._request("INVITE", lines, bytes(self.local_sdp) if self._offered else b"")
        self.attempt = self.phone.attempt(data, None, self._on_invite_response)

    def _request(
        self, method: str, headers: Iterable[str] = (), body: bytes = b"", content_type: str = "application/sdp", early: str = ""
    ) -> bytes:
        """A request of this call; `early` is the To tag of the early dialog it is in."""
        self.local_seq += 1
        target, remote, routes = self.remote_target, self.remote_text, self.routes
        if early and not self.remote_tag and early in self.early:
            target, remote, routes = _dialog_of(self.early[early], target)
        lines = [self.phone.via(), *(f"Route: {route}" for route in routes)]
        lines += [
            f"From: {self.local_text};tag={self.local_tag}" if not param(self.local_text, "tag") else f"From: {self.local_text}"
        ]
        lines += [f"To: {remote}", f"Call-ID: {self.call_id}", f"CSeq: {self.local_seq} {method}", "Max-Forwards: 70"]
        if method in ("INVITE", "UPDATE"):
            lines.append(f"Contact: {self.phone.contact}")
        return write(f"{method} {target} SIP/2.0", [*lines, *headers], body, content_type)

    def _way(self) -> tuple[Address, str]:
        return self.phone.way_to(uri_of(self.routes[0]) if self.routes else self.remote_target)

    def _on_invite_response(self, response: Sip) -> None:
        self.responses.append(response)
        status = response.status
        if status < 200:
            self._on_provisional(response)
        elif status < 300:
            self._on_success(response)
        elif (
            status in (401, 407)
            and self.phone.password
            and not self.cancelled
            and not any("uthorization:" in h for h in self.invite_lines)
        ):
            line = self.phone.credentials(response, "INVITE", self.remote_target)
            if line:
                self._send_invite([line])
            else:
                self._finish(status)
        else:
            self._finish(status)

    @property
    def invite_lines(self) -> list[str]:
        return [f"{name}: {value}" for name, value in self.invite.headers]

    def _finish(self, status: int) -> None:
        self.status, self.state = status, "ended"

    def _on_provisional(self, response: Sip) -> None:
        if response.status > 100 and response.to_tag:
            self.early[response.to_tag] = response
            if response.sdp is not None:
                self.remote_sdp = response.sdp
        if response.status == 180 and self.state == "calling":
            self.state = "ringing"
        if self.cancelled:
            self._send_cancel()
        if "100rel" in response.all("require") and self.auto_prack:
            self._prack(response)

    def _prack(self, response: Sip) -> None:
        key = f"{response.to_tag} {response.get('rseq')}"
        if key in self._pracked:
            return
        self._pracked.add(key)
        self.send("PRACK", [f"RAck: {response.get('rseq')} {response.get('cseq')}"], early=response.to_tag)

    def _on_success(self, response: Sip) -> None:
        key = (response.to_tag, response.cseq[0])
        if key in self._acks:
            self.phone.transmit(*self._acks[key])
            return
        if self.remote_tag and response.to_tag != self.remote_tag:
            self._decline_fork(response)
            return
        if self.status and not self.auto_ack:
            return
        self.status, self.state, self.remote_tag = response.status, "up", response.to_tag
        self.remote_target, self.remote_text, self.routes = _dialog_of(response, self.remote_target)
        if response.sdp is not None:
            self.remote_sdp = response.sdp
        if self.auto_ack:
            self.acknowledge(response)
        if self.cancelled:
            self.hang_up()

    def acknowledge(self, response: Sip | None = None, body: bytes | None = None) -> None:
        """ACK a 2xx; by itself unless `auto_ack` is off. An offer in the 2xx is answered in it."""
        response = response or self.responses[-1]
        request = next(
            (a.request for a in [*self._reinvites, self.attempt] if a and a.request.cseq == response.cseq), self.invite
        )
        if body is None:
            body = b"" if request.sdp is not None or response.sdp is None else bytes(self._answer_to(response.sdp))
        data = self._ack(response, body, self.remote_target, self.remote_text, self.routes)
        self._acks[response.to_tag, response.cseq[0]] = (data, self._way())
        self.phone.transmit(*self._acks[response.to_tag, response.cseq[0]])

    def _ack(self, response: Sip, body: bytes, target: str, remote: str, routes: list[str]) -> bytes:
        lines = [self.phone.via(), *(f"Route: {route}" for route in routes), f"From: {response.get('from')}", f"To: {remote}"]
        lines += [f"Call-ID: {self.call_id}", f"CSeq: {response.cseq[0]} ACK", "Max-Forwards: 70"]
        return write(f"ACK {target} SIP/2.0", lines, body)

    def _decline_fork(self, response: Sip) -> None:
        """A second 2xx of one INVITE: ACK it and end it (RFC 3261 §13.2.2.4)."""
        target, remote, routes = _dialog_of(response, self.remote_target)
        way = self.phone.way_to(uri_of(routes[0]) if routes else target)
        ack = self._ack(response, b"", target, remote, routes)
        self._acks[response.to_tag, response.cseq[0]] = (ack, way)
        self.phone.transmit(ack, way)
        lines = [self.phone.via(), *(f"Route: {route}" for route in routes), f"From: {response.get('from')}", f"To: {remote}"]
        lines += [f"Call-ID: {self.call_id}", f"CSeq: {response.cseq[0] + 1} BYE", "Max-Forwards: 70"]
        self.phone.attempt(write(f"BYE {target} SIP/2.0", lines), way)

    def cancel(self) -> None:
        """Give up before it is answered; waits for a provisional response as RFC 3261 §9.1 wants."""
        self.cancelled = True
        if self.attempt is not None and self.attempt.provisional and not self.attempt.done:
            self._send_cancel()

    def _send_cancel(self) -> None:
        assert self.attempt is not None
        request = self.attempt.request
        if ("CANCEL", request.branch) in {(sent.method, sent.branch) for sent in self.phone.sent if sent.is_request}:
            return
        lines = [f"Via: {request.all('via')[0]}", *(f"Route: {route}" for route in request.all("route"))]
        lines += [f"From: {request.get('from')}", f"To: {request.get('to')}", f"Call-ID: {request.call_id}"]
        lines += [f"CSeq: {request.cseq[0]} CANCEL", "Max-Forwards: 70"]
        self.phone.attempt(write(f"CANCEL {request.uri} SIP/2.0", lines), self.attempt.way)

    # Being called.

    def _take_invite(self, request: Sip) -> None:
        self.call_id, self.remote_tag = request.call_id, request.from_tag
        self.local_text, self.remote_text = request.get("to"), request.get("from")
        self.remote_target = uri_of(request.get("contact"))
        self.routes = request.all("record-route")
        self.remote_sdp = request.sdp
        self.state = "trying"

    def ring(
        self, status: int = 180, headers: Iterable[str] = (), *, sdp: bool = False, reliable: bool = False, tag: str = ""
    ) -> None:
        """A provisional response; `sdp` makes it early media, `tag` another early dialog of a forking peer."""
        assert self.invite_answer is not None
        lines = [f"Contact: {self.phone.contact}", *headers]
        if reliable:
            self._rseq += 1
            lines += ["Require: 100rel", f"RSeq: {self._rseq}"]
        self.state = "ringing" if self.state == "trying" else self.state
        body = bytes(self._our_session()) if sdp else b""
        self.phone.reply(self.invite_answer, status, lines, body, tag=tag or self._tag(), insist=reliable)

    def _tag(self) -> str:
        if not param(self.local_text, "tag"):
            self.local_text = f"{self.local_text};tag={self.local_tag}"
        return self.local_tag

    def _our_session(self) -> Sdp:
        return self._answer_to(self.remote_sdp) if self.remote_sdp is not None else self.local_sdp

    def _answer_to(self, offer: Sdp) -> Sdp:
        wanted = "sendonly" if self.held_back else "sendrecv"
        return self._describe(answering(offer.direction, wanted))

    def _describe(self, direction: str) -> Sdp:
        if direction != self.local_sdp.direction:
            self.local_sdp = self.local_sdp._replace(direction=direction, version=self.local_sdp.version + 1)
        return self.local_sdp

    def answer(self, headers: Iterable[str] = (), *, sdp: bool = True, tag: str = "") -> None:
        """Pick up; the 200 is repeated until its ACK. `tag` makes it the 200 of another fork."""
        assert self.invite_answer is not None
        if tag:
            self._tag()
            self.local_text = self.local_text.replace(self.local_tag, tag)
            self.local_tag = tag
        self.status, self.state = 200, "up"
        self.invite_answer.gave_up = self.hang_up
        body = bytes(self._our_session()) if sdp else b""
        self.phone.reply(
            self.invite_answer, 200, [f"Contact: {self.phone.contact}", *headers], body, tag=self._tag(), insist=True
        )
        self._waiting.append(self.invite_answer)

    def reject(self, status: int = 486, headers: Iterable[str] = ()) -> None:
        assert self.invite_answer is not None
        self.phone.reply(self.invite_answer, status, headers, tag=self._tag())
        self._finish(status)

    def on_ack(self, request: Sip) -> bool:
        """An ACK of the peer; whether it was one again."""
        again = request.branch in self._heard_acks
        self._heard_acks.add(request.branch)
        for answer in self._waiting:
            if answer.request.cseq[0] == request.cseq[0]:
                answer.settled = True
                if request.sdp is not None:
                    self.remote_sdp = request.sdp
        return again

    @property
    def acknowledged(self) -> bool:
        """Whether every 2xx of ours has got its ACK."""
        return all(answer.settled for answer in self._waiting)

    def on_cancel(self, cancel: Sip) -> None:
        if self.state in ("trying", "ringing"):
            self.reason = cancel.get("reason")
            self.reject(487)

    # In the dialog.

    def on_request(self, answer: Answer) -> None:
        request = answer.request
        match request.method:
            case "BYE":
                self.reason, self.ended_by = request.get("reason"), "them"
                self.state = "ended"
                self.phone.reply(answer, 200)
            case "INVITE" if any(not attempt.done for attempt in self._reinvites):
                self.phone.reply(answer, 491)
            case "INVITE" | "UPDATE":
                self._answer_offer(answer)
            case "PRACK":
                if self.invite_answer is not None and self.invite_answer.status < 200:
                    self.invite_answer.settled = True
                self.phone.reply(answer, 200)
            case "REFER":
                self.phone.reply(answer, 202)
            case _:
                self.phone.reply(answer, 200)

    def _answer_offer(self, answer: Answer) -> None:
        request = answer.request
        if request.get("contact"):
            self.remote_target = uri_of(request.get("contact"))
        if request.sdp is not None:
            self.remote_sdp = request.sdp
            body = bytes(self._answer_to(request.sdp))
        else:
            body = bytes(self._describe("sendonly" if self.held_back else "sendrecv")) if request.method == "INVITE" else b""
        invite = request.method == "INVITE"
        if invite:
            self._waiting.append(answer)
        self.phone.reply(answer, 200, [f"Contact: {self.phone.contact}"], body, insist=invite)

    def send(
        self, method: str, headers: Iterable[str] = (), body: bytes = b"", content_type: str = "application/sdp", early: str = ""
    ) -> Attempt:
        """Any request in the dialog, or in an early one by its To tag."""
        if early and not self.remote_tag:
            target, _, routes = _dialog_of(self.early[early], self.remote_target)
            way = self.phone.way_to(uri_of(routes[0]) if routes else target)
        else:
            way = self._way()
        made = self.phone.attempt(self._request(method, headers, body, content_type, early), way, self._on_dialog_response)
        if method == "INVITE":
            self._reinvites.append(made)
        return made

    def _on_dialog_response(self, response: Sip) -> None:
        method = response.cseq[1]
        if method == "INVITE":
            self.responses.append(response)
        if not 200 <= response.status < 300 or method not in ("INVITE", "UPDATE"):
            return
        key = (response.to_tag, response.cseq[0])
        if key in self._acks:
            self.phone.transmit(*self._acks[key])
            return
        if response.get("contact"):
            self.remote_target = uri_of(response.get("contact"))
        if response.sdp is not None:
            self.remote_sdp = response.sdp
        if method == "INVITE" and self.auto_ack:
            self.acknowledge(response)

    def reinvite(self, direction: str = "sendrecv", *, sdp: bool = True, headers: Iterable[str] = ()) -> Attempt:
        return self.send("INVITE", headers, bytes(self._describe(direction)) if sdp else b"")

    def update(self, direction: str = "sendrecv", *, sdp: bool = True, headers: Iterable[str] = (), early: str = "") -> Attempt:
        return self.send("UPDATE", headers, bytes(self._describe(direction)) if sdp else b"", early=early)

    def hold(self) -> Attempt:
        self.held_back = True
        return self.reinvite("sendonly")

    def resume(self) -> Attempt:
        self.held_back = False
        return self.reinvite("sendrecv")

    def info(self, digits: str) -> Attempt:
        """A key pressed, as application/dtmf-relay."""
        return self.send("INFO", body=f"Signal={digits}\r\nDuration=160\r\n".encode(), content_type="application/dtmf-relay")

    def refer(self, target: str, headers: Iterable[str] = (), *, replaces: PhoneCall | None = None, join: PhoneCall | None = None) -> Attempt:
        """Ask for a transfer, to a number or in place of another call of this phone."""
        uri = target if target.startswith(("sip:", "tel:")) else f"sip:{target}@{self.phone.domain}"
        for name, call in (("Replaces", replaces), ("Join", join)):
            if call is not None:
                uri += f"?{name}={quote(call.dialog, safe='')}"
        return self.send("REFER", [f"Refer-To: <{uri}>", f"Referred-By: <{self.phone.aor}>", *headers])

    @property
    def dialog(self) -> str:
        """The dialog as others name it to whom this phone speaks with: the value of Replaces and Join."""
        remote_tag = self.remote_tag or next(iter(self.early), "")
        return f"{self.call_id};to-tag={remote_tag};from-tag={self.local_tag}"

    @property
    def notified(self) -> list[int]:
        """What the NOTIFYs of a transfer have said so far."""
        heard = [message for message in self.phone.heard("NOTIFY") if message.call_id == self.call_id]
        return [int(message.body.split()[1]) for message in heard]

    def hang_up(self, headers: Iterable[str] = ()) -> Attempt:
        self.state, self.ended_by = "ended", "us"
        return self.send("BYE", headers)

    # What a person notices.

    def expect_ringing(self, within: float = SOON) -> None:
        """The ringing tone in the receiver."""
        self.phone.wire.run_until(lambda: self.state == "ringing", within)
        assert self.state == "ringing", self._wrong("ringing")

    def expect_up(self, within: float = SOON) -> None:
        """Somebody speaks at the other end: answered here and acknowledged there."""
        self.phone.wire.run_until(lambda: self.state == "up" and self.acknowledged, within)
        assert self.state == "up", self._wrong("up")
        assert self.acknowledged, self._wrong("acknowledged")

    def expect_ended(self, status: int | None = None, within: float = SOON) -> None:
        """It is over; `status` is how the INVITE ended."""
        self.phone.wire.run_until(lambda: self.state == "ended", within)
        assert self.state == "ended", self._wrong("ended")
        if status is not None:
            assert self.status == status, f"ended with {self.status}, not {status}\n{self.phone.transcript()}"

    def _wrong(self, wanted: str) -> str:
        return f"the call at {self.phone.user} is {self.state} ({self.status}), not {wanted}\n{self.phone.transcript()}"

    def hears(self, other: PhoneCall) -> bool:
        """Whether the audio of the other reaches this phone, media going directly between them."""
        theirs, ours = other.remote_sdp, self.local_sdp
        if self.state != "up" or other.state != "up" or theirs is None or self.remote_sdp is None:
            return False
        return (
            (theirs.host, theirs.port) == (ours.host, ours.port) and other.local_sdp.sends and theirs.receives and ours.receives
        )


def _dialog_of(response: Sip, target: str) -> tuple[str, str, list[str]]:
    """Remote target, remote party and route set that a response to our INVITE gives."""
    contact = response.get("contact")
    return uri_of(contact) if contact else target, response.get("to"), list(reversed(response.all("record-route")))

"""A leg: one party of a call, whoever called whom.

While the INVITE that sets it up is under way, `invite` (a `ServerInvite` or a `ClientInvite`) knows the rest; once there is a
confirmed dialog it is dropped and the leg is the same whichever way it began. The leg turns what the stack reports into
events of its call and the call's wishes into requests; it decides nothing about the call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from b2bua.calls.events import Acknowledged, Ended, Event, Info, Moved, OfferAnswered, Offered, OfferFailed, Referred
from b2bua.calls.farewell import Farewell
from b2bua.calls.identity import reason_header
from b2bua.calls.ports import Home, Trunk
from b2bua.calls.retry import Credentials, may_retry
from b2bua.calls.session_timer import MIN_SE, SessionTimer, seconds_in
from b2bua.delegation.callerid import printable
from b2bua.delegation.plan import Endpoint
from b2bua.sip.dialog import Dialog
from b2bua.sip.flow import Flow
from b2bua.sip.message import Request, Response
from b2bua.sip.sdp import LocalDescription, extract
from b2bua.sip.stack import ALLOW, SipStack
from b2bua.sip.timers import Timer
from b2bua.sip.transaction import ClientTransaction, InviteServer, ServerTransaction
from b2bua.sip.values import SipError, parse_seconds

if TYPE_CHECKING:
    from b2bua.calls.anchor import Anchor
    from b2bua.calls.invite_client import ClientInvite
    from b2bua.calls.invite_server import ServerInvite

SETUP: Final = "setup"
CONFIRMED: Final = "confirmed"
ENDED: Final = "ended"
_MAX_INFOS: Final = 32  # under way to one peer at a time: a whole number dialled in one breath
_IDENTITY_SECONDS: Final = 2.0  # before it is tried again to tell who is connected
_REINVITE_SECONDS: Final = 180.0  # as Timer C (RFC 3261 §16.6): how long a peer may think about a re-INVITE

CAPABILITIES: Final = f"Allow: {ALLOW}\r\nSupported: 100rel, timer, replaces, join, norefersub\r\n"


class Leg:
    """One party. `post` is the mailbox of its call; `remote_sdp` and `local.last` the last descriptions, whoever offered.

    `party` is who it is for the record: an extension or an outside number.
    """

    __slots__ = (
        "stack", "post", "party", "state", "dialog", "invite", "local", "remote_sdp", "timer", "allows", "credentials", "call_id",
        "trunk", "host", "anchor", "endpoint", "home", "focus", "_outgoing", "_unanswered", "_incoming", "_bye_headers", "_tried", "_infos", "_before",
        "_agreed", "_refreshing", "_identity", "_identity_timer",
    )  # fmt: skip

    def __init__(self, stack: SipStack, post: Callable[[Event], None], party: str, address: str) -> None:
        self.stack = stack
        self.post = post
        self.party = party
        self.state = SETUP
        self.dialog: Dialog | None = None
        self.invite: ServerInvite | ClientInvite | None = None
        self.local = LocalDescription(int(stack.ids.token()[:12], 16), address)
        self.remote_sdp = b""
        self.timer: SessionTimer | None = None
        self.allows: frozenset[str] = frozenset()
        self.credentials: Credentials | None = None
        self.call_id = ""
        self.trunk: Trunk | None = None
        self.host = ""
        """Where its party signals from, before there is a dialog; "" when that is not known."""
        self.anchor: Anchor | None = None
        """Its place in the media engine; None while its sound goes directly."""
        self.endpoint: Endpoint | None = None
        """For what it was rung; None for who called."""
        self.home: Home | None = None
        """The call that it is in; None when it is over."""
        self.focus = False
        """Whether the peer is in a conference room: our Contact says so (RFC 4579 §5.1)."""
        self._outgoing: ClientTransaction | None = None  # our re-INVITE or UPDATE with an offer
        self._unanswered: ClientTransaction | None = None  # its 2xx brought an offer, our ACK owes the answer
        self._incoming: ServerTransaction | None = None  # the peer's offer that waits for `answer_offer`
        self._bye_headers: str | None = None  # a BYE that waits for the peer's ACK
        self._tried = False  # the running request has been repeated with credentials
        self._infos = 0  # passed on to the peer and not answered yet
        self._agreed = b""  # our description before the offer of ours that is under way
        self._before = b""  # what held before the peer's offer that waits
        self._refreshing = False  # the offer under way is about the session timer or who is connected; the call has not asked for it
        self._identity = ""  # P-Asserted-Identity lines that the peer has not been told yet
        self._identity_timer: Timer | None = None

    # What the call asks for.

    def offer(self, sdp: bytes | None, update: bool = False) -> None:
        """Pass on an offer, or ask for one (`sdp` None). `OfferAnswered` or `OfferFailed` follows.

        With `update`, UPDATE is used where the peer allows it; before the answer it is the only way (RFC 3311).
        """
        dialog = self.current_dialog()
        confirmed = self.state is CONFIRMED
        if dialog is None or self.state is ENDED:
            self.post(OfferFailed(self, 481, ""))
            return
        if self._outgoing is not None or self._incoming is not None or self._unanswered is not None or dialog.pending_ack is not None:
            self.post(OfferFailed(self, 491, ""))  # an offer crosses an offer (RFC 3261 §14.1)
            return
        use_update = "update" in self.allows and sdp is not None and (update or not confirmed)
        if not confirmed and not (use_update and self.invite is not None and self.invite.settled):
            self.post(OfferFailed(self, 488, ""))  # the first offer is still open (RFC 3311 §5.1)
            return
        before = self.local.last
        try:
            body = b"" if sdp is None else self.local.of(sdp)
        except SipError as error:
            self.post(OfferFailed(self, error.status, error.reason))
            return
        self._agreed = before
        self._send_offer(dialog, "UPDATE" if use_update else "INVITE", body)

    def contact(self, flow: Flow) -> str:
        """Our Contact header line."""
        line = self.stack.contact(flow)
        return f"{line[:-2]};isfocus\r\n" if self.focus else line

    def answer_offer(self, sdp: bytes) -> None:
        """Answer the peer's re-INVITE or UPDATE with the other leg's description (its offer, if the peer asked for one)."""
        tx, self._incoming = self._incoming, None
        dialog = self.dialog or (tx.dialog if tx is not None else None)
        if tx is None or dialog is None:
            return
        try:
            body = self.local.of(sdp)
        except SipError as error:
            self._incoming = tx
            self.refuse_offer(error.status, error.reason)
            return
        headers = self.contact(dialog.flow) + CAPABILITIES
        if self.timer is not None:
            headers += self.timer.response_headers()
        if isinstance(tx, InviteServer):
            dialog.pending_ack = tx
        self.stack.respond(tx, 200, headers=headers, body=body, now=self.stack.now)
        self._decided()

    def refuse_offer(self, status: int, reason: str = "") -> None:
        """Refuse the peer's re-INVITE or UPDATE; the session goes on as it was."""
        tx, self._incoming = self._incoming, None
        if tx is not None:
            self.remote_sdp = self._before
            self.stack.respond(tx, status if status >= 300 else 488, reason, now=self.stack.now)
            self._decided()

    def _decided(self) -> None:
        """No offer of the peer is open any more: an answer to its INVITE that waited for that may go out."""
        if self.invite is not None:
            self.invite.go_on()

    def acknowledge(self, sdp: bytes) -> bool:
        """Send the ACK that owes an answer: the peer's 2xx brought an offer. False when `sdp` is none; then nothing is sent."""
        tx, dialog = self._unanswered, self.dialog
        if tx is None or dialog is None:
            return True
        try:
            body = self.local.of(sdp)
        except SipError:
            return False
        self._unanswered = None
        self.stack.acknowledge(dialog, tx, self._authorization(tx), body)
        return True

    @property
    def owes_answer(self) -> bool:
        """Whether a 2xx with an offer waits for our ACK."""
        return self._unanswered is not None

    def acknowledge_early(self, sdp: bytes) -> bool:
        """Send the PRACK that owes an answer. False when `sdp` is none; then nothing is sent."""
        return self.invite is None or self.invite.acknowledge_early(sdp)

    @property
    def deciding(self) -> bool:
        """Whether an offer of the peer waits for `answer_offer` or `refuse_offer`."""
        return self._incoming is not None

    def owe_answer(self, tx: ClientTransaction) -> None:
        """The 2xx of `tx` brought an offer: its ACK waits for `acknowledge`."""
        self._unanswered = tx

    def info(self, content_type: str, body: bytes, origin: ServerTransaction | None = None) -> None:
        """Pass an INFO on; its final status answers `origin`. None: it is one of ours, and is lost if it cannot be sent now."""
        dialog = self.current_dialog()
        if dialog is None or self.state is not CONFIRMED or self._infos >= _MAX_INFOS:
            if origin is not None and dialog is not None and self.state is CONFIRMED:
                self.stack.respond(origin, 500, headers="Retry-After: 1\r\n", now=self.stack.now)
            elif origin is not None:
                self.stack.respond(origin, 481, now=self.stack.now)
            return
        self._infos += 1
        self.stack.request_in(dialog, "INFO", owner=_InfoRelay(self, origin), now=self.stack.now, body=body, content_type=content_type)

    def info_done(self) -> None:
        """An INFO that was passed on has been answered, or never will be."""
        self._infos -= 1

    def hang_up(self, status: int = 480, reason: str = "", headers: str = "") -> None:
        """End the leg, whatever it is doing: refuse or cancel the INVITE, or BYE. The call hears nothing more of it.

        `status` is the refusal when the INVITE of the peer is not answered yet; `headers` go into CANCEL or BYE.
        """
        if self.state is ENDED:
            return
        invite, self.invite = self.invite, None
        if self._incoming is not None:
            self.refuse_offer(487)
        if self.state is SETUP:
            self._end()
            if invite is not None:
                invite.stop(status, reason, headers)
            return
        dialog = self.dialog
        if dialog is None:
            self._end()
        elif dialog.pending_ack is not None:
            self._bye_headers = headers  # the callee does not send BYE before the ACK (RFC 3261 §15)
            self._end()
        else:
            self._bye(dialog, headers)

    def current_dialog(self) -> Dialog | None:
        """The confirmed dialog, or the early one that speaks for the leg."""
        if self.dialog is not None or self.invite is None:
            return self.dialog
        return self.invite.early_dialog()

    def confirm(self, dialog: Dialog) -> None:
        """The INVITE has been answered: from here on the leg is its dialog."""
        dialog.confirmed = True
        self.dialog = dialog
        self.state = CONFIRMED

    def lose(self, reason: str) -> None:
        """The peer is gone or confused: say BYE into the dark and tell the call."""
        if self.state is ENDED:
            return
        post = self.post
        self.hang_up()
        post(Ended(self, "", lost=reason))

    # What the stack reports (DialogOwner).

    def trusts(self, flow: Flow) -> bool:
        """A trunk may speak from any of its addresses."""
        return self.trunk is not None and self.trunk.owns(flow)

    def on_request(self, tx: ServerTransaction, request: Request, now: float) -> None:
        method = request.method
        if method == "BYE":
            self._on_bye(tx, request, now)
        elif self.state is ENDED:
            self.stack.respond(tx, 481, now=now)  # our BYE only waits for the peer's ACK
        elif method == "PRACK":
            if self.invite is None or not self.invite.on_prack(tx, request, now):
                self.stack.respond(tx, 481, now=now)
        elif method in ("INVITE", "UPDATE"):
            self._on_offer(tx, request, now)
        elif method == "INFO":
            content_type = request.get("content-type") or ""
            if request.body and (not content_type or not content_type.isprintable()):
                self.stack.respond(tx, 415, now=now)
            else:
                self.post(Info(self, tx, content_type, request.body))
        elif method == "REFER":
            self.post(Referred(self, tx, request))
        elif method == "SUBSCRIBE":
            self.stack.respond(tx, 489, now=now)  # nothing can be watched inside of a call
        else:
            self.stack.respond(tx, 200, headers=CAPABILITIES, now=now)  # OPTIONS

    def on_ack(self, tx: InviteServer, request: Request, now: float) -> None:
        if self.state is ENDED:
            self._after_ack()
            return
        sdp = None
        if request.body:
            try:
                sdp = self.remote_sdp = extract(request.get("content-type") or "", request.body)
            except SipError:
                sdp = None  # which matters only where an answer is owed
        self.post(Acknowledged(self, sdp))

    def on_no_ack(self, tx: InviteServer, now: float) -> None:
        if self.dialog is None:
            return
        self.dialog.pending_ack = None
        if self.state is ENDED:
            self._after_ack()
        else:
            self.lose("no ACK for our answer")

    def _after_ack(self) -> None:
        """What waited for the ACK of our 2xx: our BYE, or, when the peer's came before it, the end of the dialog."""
        dialog = self.dialog
        if dialog is None:
            return
        if self._bye_headers is not None:
            self._bye(dialog, self._bye_headers)
        else:
            self.dialog = None
            self.stack.remove_dialog(dialog)

    def on_cancel(self, tx: InviteServer, request: Request, now: float) -> None:
        """CANCEL of a re-INVITE (RFC 3261 §14.2)."""
        if tx is self._incoming:
            self.refuse_offer(487)

    def on_response(self, tx: ClientTransaction, response: Response, now: float) -> None:
        """Responses to our re-INVITE, UPDATE and session refreshes."""
        status = response.status
        if status < 200:
            if tx.method == "INVITE":
                tx.expire_in(now, _REINVITE_SECONDS if tx is self._outgoing else self.stack.values.transaction)
            return
        if tx.method == "INVITE" and 200 <= status < 300:
            self._on_reinvite_accepted(tx, response)
            return
        if tx is not self._outgoing:
            return
        self._outgoing = None
        if status < 300:
            self._learn(response)
            self._offer_answered(response)
        elif status in (401, 407) and may_retry(self.credentials, response) and not self._tried:
            self._repeat_authorized(tx, response)
        elif status == 422 and self.timer is not None and (seconds_in(response, "min-se") or 0) > self.timer.interval:
            self.timer.interval = seconds_in(response, "min-se") or self.timer.interval
            self._offer_failed(491, "")
        elif status in (408, 481):
            self.lose(f"{status} to {tx.method}")  # the dialog is gone at the peer (RFC 5057)
        else:
            self._offer_failed(status, printable(response.reason))

    def on_failure(self, tx: ClientTransaction, status: int, now: float) -> None:
        if tx is self._outgoing:
            self._outgoing = None
            self.lose(f"no response to {tx.method}")

    # Offers.

    def _send_offer(self, dialog: Dialog, method: str, body: bytes, headers: str = "") -> None:
        lines = self.contact(dialog.flow) + CAPABILITIES + headers
        if self.timer is not None:
            lines += self.timer.request_headers()
        if self.credentials is not None:
            lines += self.credentials.ahead(method, dialog.request_target()[0], body)
        self._tried = False
        self._outgoing = self.stack.request_in(dialog, method, owner=self, now=self.stack.now, headers=lines, body=body)

    def _repeat_authorized(self, tx: ClientTransaction, response: Response) -> None:
        dialog = self.current_dialog()
        assert self.credentials is not None
        body = self.local.last if tx.sent.endswith(self.local.last) else b""
        line = self.credentials.answer(response, tx.method, tx.uri, body)
        if dialog is None or line is None:
            self._offer_failed(response.status, response.reason)
            return
        lines = self.contact(dialog.flow) + CAPABILITIES + line + (self._identity if self._refreshing else "")
        if self.timer is not None:
            lines += self.timer.request_headers()
        self._outgoing = self.stack.request_in(dialog, tx.method, owner=self, now=self.stack.now, headers=lines, body=body)
        self._tried = True

    def tell_identity(self, headers: str) -> None:
        """Tell the peer who it is connected to now: `headers` are P-Asserted-Identity lines (RFC 3325 §9.1, RFC 5876 §3.2).

        By UPDATE without an offer or a re-INVITE that changes nothing; when an offer is under way, as soon as that is over.
        """
        self._identity = headers
        if headers and not self.refresh_session():
            self._tell_later()

    def _tell_later(self) -> None:
        self._forget_identity()
        wait = _IDENTITY_SECONDS + int(self.stack.ids.token()[:4], 16) / 65536  # both sides draw lots (RFC 3261 §14.1)
        self._identity_timer = self.stack.timers.after(self.stack.now, wait, self._tell_again)

    def _tell_again(self, now: float) -> None:
        self._identity_timer = None
        self.tell_identity(self._identity)

    def _forget_identity(self) -> None:
        if self._identity_timer is not None:
            self._identity_timer.cancel()
            self._identity_timer = None

    def refresh_session(self) -> bool:
        """Prove that the peer is alive (RFC 4028 §10): UPDATE without an offer, or a re-INVITE with our last description.

        False when an offer is under way; that one refreshes the session as well.
        """
        dialog = self.dialog
        if dialog is None or self.state is not CONFIRMED:
            return True
        if self._outgoing is not None or self._incoming is not None or self._unanswered is not None or dialog.pending_ack is not None:
            return False
        if "update" in self.allows:
            self._send_offer(dialog, "UPDATE", b"", self._identity)
        else:
            self._send_offer(dialog, "INVITE", self.local.last, self._identity)
        self._refreshing = True
        return True

    def _on_offer(self, tx: ServerTransaction, request: Request, now: float) -> None:
        """re-INVITE or UPDATE: target refresh, session timer, and the offer if there is one."""
        dialog = tx.dialog
        assert dialog is not None
        requested = parse_seconds(request.get("session-expires"))
        if requested is not None and requested < MIN_SE and "timer" in request.tokens("supported"):
            self.stack.respond(tx, 422, headers=f"Min-SE: {MIN_SE}\r\n", now=now)
            return
        sdp = extract(request.get("content-type") or "", request.body) if request.body else None
        if sdp is None and request.method == "UPDATE":
            self._learn(request)
            headers = self.contact(dialog.flow) + CAPABILITIES
            if self.timer is not None:
                headers += self.timer.response_headers()
            self.stack.respond(tx, 200, headers=headers, now=now)
            return
        if self._outgoing is not None or self._unanswered is not None or dialog.pending_ack is not None or not self._may_offer(request):
            self.stack.respond(tx, 491, now=now)
            return
        if self._incoming is not None:
            self.stack.respond(tx, 500, headers=f"Retry-After: {int(self.stack.ids.token()[:4], 16) % 11}\r\n", now=now)
            return
        self._learn(request)
        self._incoming = tx
        self._before = self.remote_sdp
        if sdp is not None:
            self.remote_sdp = sdp
        self.post(Offered(self, tx, sdp))

    def _may_offer(self, request: Request) -> bool:
        """Before the answer only UPDATE may change the session, and only once our first answer is out."""
        if self.state is CONFIRMED:
            return True
        return request.method == "UPDATE" and bool(self.local.last) and bool(self.remote_sdp)

    def prack_offer(self, tx: ServerTransaction, sdp: bytes) -> bool:
        """A PRACK that brings an offer (RFC 3262 §5); False when another offer is under way."""
        if self._outgoing is not None or self._incoming is not None:
            return False
        self._incoming = tx
        self._before, self.remote_sdp = self.remote_sdp, sdp
        self.post(Offered(self, tx, sdp))
        return True

    def _learn(self, message: Request | Response) -> None:
        """Target refresh and session timer from a target refresh request or its 2xx."""
        dialog = self.current_dialog()
        if dialog is not None:
            try:
                dialog.learn_target(message)
            except SipError:
                if isinstance(message, Request):
                    raise
                # A 2xx with a broken Contact is a 2xx all the same: the target stays what it was.
        allow = message.get("allow")
        if allow is not None:
            self.allows = message.tokens("allow")
        if isinstance(message, Request):
            if self.timer is not None:
                self.timer.on_peer_refresh(message, self.stack.now)
        elif self.timer is not None:
            self.timer.on_refreshed(message, self.stack.now)

    def _on_reinvite_accepted(self, tx: ClientTransaction, response: Response) -> None:
        """2xx to our re-INVITE: ACK at once when it answers our offer, later when it offers (RFC 3264 §4)."""
        dialog = self.dialog or tx.dialog
        if dialog is None:
            return
        if tx is self._unanswered:
            return  # again, while our ACK still waits for the answer to put into it
        if tx is not self._outgoing:
            self.stack.acknowledge(dialog, tx)  # the leg ended meanwhile, or the 2xx came from yet another fork
            return
        self._outgoing = None
        self._learn(response)
        offered = b"\r\nContent-Length: 0\r\n\r\n" not in tx.sent
        if offered or self.state is ENDED or not response.body:
            self.stack.acknowledge(dialog, tx, self._authorization(tx))
        else:
            self._unanswered = tx
        self._offer_answered(response)

    def _offer_answered(self, response: Response) -> None:
        refresh, self._refreshing = self._refreshing, False
        if refresh:
            self._identity = ""
        sdp = None
        if response.body:
            try:
                sdp = extract(response.get("content-type") or "", response.body)
            except SipError:
                self.post(OfferFailed(self, 488, ""))
                return
            before, self.remote_sdp = self.remote_sdp, sdp
            if refresh and sdp != before:
                self.post(Moved(self))
        if not refresh:
            self.post(OfferAnswered(self, sdp))

    def _offer_failed(self, status: int, reason: str) -> None:
        if self._refreshing:
            self._refreshing = False
            if status in (405, 501):
                self.allows -= {"update"}  # whatever its Allow said; the next refresh is a re-INVITE
            if self._identity and status in (405, 491, 500, 501):
                self._tell_later()
            if self.timer is not None:
                self.timer.retry(self.stack.now)  # 491 and the like: our own refresh backs off by itself
        else:
            self.local.restore(self._agreed)
            self.post(OfferFailed(self, status, reason))

    def _authorization(self, tx: ClientTransaction) -> str:
        """The ACK of a 2xx carries the credentials of its INVITE (RFC 3261 §22.1)."""
        return self.credentials.of(tx.sent) if self.credentials is not None else ""

    # Endings.

    def _on_bye(self, tx: ServerTransaction, request: Request, now: float) -> None:
        self.stack.respond(tx, 200, now=now)
        if self.state is ENDED:
            self._bye_headers = None  # the peer was faster than our BYE
            self._forget_dialog()
            return
        post, reason = self.post, reason_header(request)
        invite, self.invite = self.invite, None
        if self._incoming is not None:
            self.refuse_offer(487)
        confirmed = self.state is CONFIRMED
        self._end()
        self._forget_dialog()
        if not confirmed and invite is not None:
            invite.stop(487, "", "")  # BYE of an early dialog (RFC 3261 §15)
        post(Ended(self, reason))

    def _forget_dialog(self) -> None:
        """The peer has said BYE. A 2xx of ours that waits for its ACK keeps the dialog until then: the ACK must find it."""
        dialog = self.dialog
        if dialog is not None and dialog.pending_ack is None:
            self.dialog = None
            self.stack.remove_dialog(dialog)

    def _bye(self, dialog: Dialog, headers: str) -> None:
        self.dialog = None
        self._bye_headers = None
        if self._unanswered is not None:
            self.stack.acknowledge(dialog, self._unanswered, self._authorization(self._unanswered))
        self._end()
        Farewell(self.stack, dialog, self.credentials, headers)

    def _end(self) -> None:
        self.state = ENDED
        self.post = _deaf
        if self._outgoing is not None and self._outgoing.method == "INVITE":
            self._outgoing.expire_in(self.stack.now, self.stack.values.transaction)  # the peer need not answer it after a BYE
        self._outgoing = None
        self._unanswered = None
        self.home = None
        self._stop_timer()
        self._forget_identity()
        if self.anchor is not None:
            self.anchor.release()

    def _stop_timer(self) -> None:
        if self.timer is not None:
            self.timer.stop()
            self.timer = None


class _InfoRelay:
    """Answers an INFO with what its copy on the other leg was answered with; None: nobody waits for that."""

    __slots__ = ("_leg", "_origin")

    def __init__(self, leg: Leg, origin: ServerTransaction | None) -> None:
        self._leg = leg
        self._origin = origin

    def on_response(self, tx: ClientTransaction, response: Response, now: float) -> None:
        if response.status >= 200:
            status = 500 if response.status in (401, 407) else response.status
            self._answer(status, now)

    def on_failure(self, tx: ClientTransaction, status: int, now: float) -> None:
        self._answer(status, now)

    def _answer(self, status: int, now: float) -> None:
        self._leg.info_done()
        if self._origin is not None:
            self._leg.stack.respond(self._origin, status, now=now)


def _deaf(event: Event) -> None:
    """The mailbox of a leg that is over."""

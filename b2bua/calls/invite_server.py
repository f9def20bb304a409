"""The caller's INVITE while it is not answered: provisional responses (reliable ones too), the answer, the refusal, CANCEL."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

from b2bua.calls.events import Cancelled, EarlyAnswered, Ended
from b2bua.calls.identity import reason_header
from b2bua.calls.leg import CAPABILITIES, Leg
from b2bua.calls.session_timer import MIN_SE, for_answer
from b2bua.sip.dialog import Dialog, checked_routes, server_dialog
from b2bua.sip.message import Request
from b2bua.sip.sdp import extract
from b2bua.sip.stack import SipStack
from b2bua.sip.transaction import InviteServer, ServerTransaction
from b2bua.sip.values import NameAddr, SipError, parse_seconds

if TYPE_CHECKING:
    from b2bua.sip.timers import Timer


_MAX_WAITING: Final = 16  # reliable provisional responses that may wait for the PRACK of the one before them


class _Provisional(NamedTuple):
    """A reliable provisional response that waits for its turn or its PRACK."""

    status: int
    reason: str
    body: bytes
    dialog: Dialog
    rseq: int


class ServerInvite:
    """Owner of the INVITE server transaction. `offer` is the caller's offer, None when the INVITE had none.

    Raises `SipError` when the INVITE cannot become a dialog (400, 415, 422 with `headers` for the response).
    """

    __slots__ = (
        "leg", "offer", "reliable", "reliable_required", "_tx", "_request", "_early", "_primary", "_bound", "_session_expires", "_supported",
        "_interval", "_rseq", "_queue", "_unacknowledged", "_timer", "_wait", "_pending_answer", "_deadline", "settled", "_min_se",
    )  # fmt: skip

    def __init__(self, leg: Leg, tx: InviteServer, request: Request, session_interval: int) -> None:
        self.leg: Leg | None = leg
        self.offer = extract(request.get("content-type") or "", request.body) if request.body else None
        supported = request.tokens("supported")
        self.reliable_required = "100rel" in request.tokens("require")
        self.reliable = self.reliable_required or "100rel" in supported
        self._tx = tx
        self._request: Request | None = request
        self._early: dict[str, Dialog] = {}
        self._primary: Dialog | None = None
        self._bound = ""  # which early dialog of the other side the primary one speaks for
        self._session_expires = request.get("session-expires")
        self._min_se = request.get("min-se")
        self._supported = supported
        self._interval = session_interval
        self._rseq = 0
        self._queue: deque[_Provisional] = deque()
        self._unacknowledged: _Provisional | None = None
        self._timer: Timer | None = None
        self._wait = 0.0
        self._deadline = 0.0
        self.settled = False  # offer and answer are exchanged, in a reliable provisional response
        self._pending_answer: tuple[bytes, str, str] | None = None
        tx.owner = self
        leg.invite = self
        leg.call_id = request.call_id
        leg.allows = request.tokens("allow")
        if self.offer is not None:
            leg.remote_sdp = self.offer

    def progress(self, status: int, reason: str = "", sdp: bytes | None = None, reliable: bool = False, early: str = "") -> None:
        """A provisional response above 100. `early` names the early dialog of the other side that `sdp` belongs to.

        Descriptions of different early dialogs go out with different To tags: to the caller they are what they are, a fork.
        Raises `SipError`.
        """
        leg, tx = self.leg, self._tx
        if leg is None or tx.answered:
            return
        dialog = self._dialog_for(leg, early if sdp is not None else "")
        body = leg.local.of(sdp) if sdp is not None else b""
        if self.reliable_required or (reliable and self.reliable):
            if len(self._queue) >= _MAX_WAITING:
                return  # nobody acknowledges, and somebody keeps on talking
            self._rseq = self._rseq + 1 if self._rseq else 1 + int(leg.stack.ids.token()[:6], 16)
            self._queue.append(_Provisional(status, reason, body, dialog, self._rseq))
            self._send_next(leg)
            return
        headers = leg.stack.contact(dialog.flow)
        if body:
            headers += CAPABILITIES
        leg.stack.respond(tx, status, reason, headers, body, now=leg.stack.now, tag=dialog.local_tag)

    def answer(self, sdp: bytes, early: str = "", headers: str = "") -> None:
        """The 2xx, with `headers` besides the usual lines. It waits for the PRACK of a reliable response that carried a description
        (RFC 3262 §3). Raises `SipError`."""
        leg, tx = self.leg, self._tx
        if leg is None or tx.answered:
            return
        waiting = self._unacknowledged
        if (waiting is not None and waiting.body) or leg.deciding:
            self._pending_answer = (sdp, early, headers)
            return
        self._stop_retransmitting()
        dialog = self._dialog_for(leg, early)
        stack = leg.stack
        sent = leg.local.last
        body = leg.local.of(sdp)
        if self.settled and body == sent:
            body = b""
        leg.timer = for_answer(leg, self._session_expires, self._supported, self._interval, self._min_se)
        headers += leg.contact(dialog.flow) + CAPABILITIES
        if leg.timer is not None:
            headers += leg.timer.response_headers()
            leg.timer.start(stack.now)
        self._forget_dialogs(stack, dialog)
        leg.confirm(dialog)
        leg.invite = None
        dialog.pending_ack = tx
        tx.dialog = dialog
        self._request = None
        self.leg = None
        stack.respond(tx, 200, "", headers, body, now=stack.now, tag=dialog.local_tag)
        tx.owner = leg

    def stop(self, status: int, reason: str, headers: str) -> None:
        """Refuse the INVITE for good (called by the leg, which forgets us)."""
        leg, self.leg = self.leg, None
        if leg is None:
            return
        self._stop_retransmitting()
        self._forget_dialogs(leg.stack, None)
        self._request = None
        leg.stack.respond(self._tx, status, reason, headers, now=leg.stack.now)
        self._tx.owner = None

    def acknowledge_early(self, sdp: bytes) -> bool:
        return True

    def early_dialog(self) -> Dialog | None:
        return self._primary

    def on_prack(self, tx: ServerTransaction, request: Request, now: float) -> bool:
        """PRACK (RFC 3262 §3): False when it acknowledges nothing of ours."""
        leg, waiting = self.leg, self._unacknowledged
        fields = (request.get("rack") or "").split()
        if leg is None or waiting is None or fields != [str(waiting.rseq), str(self._tx.cseq), "INVITE"]:
            return False
        self._stop_retransmitting()
        self.settled = self.settled or bool(waiting.body)
        if self._accept_prack_body(leg, tx, request, now):
            self.go_on()
        return True

    def go_on(self) -> None:
        """PRACK and whatever it offered are answered: the next reliable response goes out, or the 2xx that waited."""
        leg = self.leg
        if leg is None or self._unacknowledged is not None or leg.deciding:
            return
        if self._queue:
            self._send_next(leg)
        elif self._pending_answer is not None:
            (sdp, early, headers), self._pending_answer = self._pending_answer, None
            self.answer(sdp, early, headers)

    def _accept_prack_body(self, leg: Leg, tx: ServerTransaction, request: Request, now: float) -> bool:
        """Answer the PRACK; False when a new offer in it is on its way to the other side."""
        if not request.body:
            leg.stack.respond(tx, 200, now=now)
            return True
        sdp = extract(request.get("content-type") or "", request.body)
        if self.offer is None and not leg.remote_sdp:
            leg.remote_sdp = sdp
            leg.stack.respond(tx, 200, now=now)
            leg.post(EarlyAnswered(leg, sdp))
            return True
        if not leg.prack_offer(tx, sdp):
            leg.stack.respond(tx, 491, now=now)
            return True
        return False

    # Owner of the transaction.

    def on_cancel(self, tx: InviteServer, request: Request, now: float) -> None:
        leg = self.leg
        if leg is None:
            return
        post = leg.post
        leg.hang_up(487)
        post(Cancelled(leg, reason_header(request)))

    def on_no_ack(self, tx: InviteServer, now: float) -> None:
        pass

    # Early dialogs.

    def _dialog_for(self, leg: Leg, early: str) -> Dialog:
        """The dialog on this side that speaks for `early` on the other; "" is whichever there is."""
        known = self._early.get(early)
        if known is not None:
            return known
        if self._primary is not None and (not early or not self._bound or self._bound == early):
            if early:
                self._bound = early
                self._early[early] = self._primary
            return self._primary
        assert self._request is not None
        dialog = server_dialog(self._request, self._tx.flow, leg.stack.ids.tag(), leg)
        dialog.roams = leg.trunk is not None
        leg.stack.add_dialog(dialog)
        if self._primary is None:
            self._primary = dialog
            self._bound = early
            self._tx.local_tag = dialog.local_tag
        self._early[early] = dialog
        return dialog

    def _forget_dialogs(self, stack: SipStack, kept: Dialog | None) -> None:
        for dialog in {self._primary, *self._early.values()}:
            if dialog is not None and dialog is not kept:
                stack.remove_dialog(dialog)
        self._early.clear()
        self._primary = None

    # Reliable provisional responses.

    def _send_next(self, leg: Leg) -> None:
        if self._unacknowledged is not None or not self._queue:
            return
        self._unacknowledged = self._queue.popleft()
        self._wait = leg.stack.values.t1
        self._deadline = leg.stack.now + leg.stack.values.transaction
        self._transmit(leg.stack.now)

    def _transmit(self, now: float) -> None:
        """Send, and again at doubling intervals until the PRACK; after 64·T1 the INVITE is refused (RFC 3262 §3)."""
        leg, waiting = self.leg, self._unacknowledged
        self._timer = None
        if leg is None or waiting is None:
            return
        if now >= self._deadline:
            post = leg.post
            leg.hang_up(504)
            post(Ended(leg, "", lost="reliable provisional response never acknowledged"))
            return
        headers = f"{leg.stack.contact(waiting.dialog.flow)}Require: 100rel\r\nRSeq: {waiting.rseq}\r\n{CAPABILITIES}"
        leg.stack.respond(self._tx, waiting.status, waiting.reason, headers, waiting.body, now=now, tag=waiting.dialog.local_tag)
        self._timer = leg.stack.timers.after(now, min(self._wait, self._deadline - now), self._transmit)
        self._wait *= 2

    def _stop_retransmitting(self) -> None:
        self._unacknowledged = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def check_invite(request: Request) -> tuple[int, str] | None:
    """What makes an INVITE unservable before anything rings: (status, header lines), None when nothing does. Raises `SipError(400)`."""
    if request.body:
        try:
            extract(request.get("content-type") or "", request.body)
        except SipError:
            return 415, "Accept: application/sdp\r\n"
    if request.get("content-encoding") not in (None, "identity", ""):
        return 415, "Accept-Encoding: identity\r\n"
    if request.get("accept") is not None and not _accepts_sdp(request):
        return 406, 'Warning: 399 b2bua "application/sdp must be acceptable"\r\n'
    contact = request.get("contact")
    if contact is None:
        return 400, 'Warning: 399 b2bua "Contact is missing"\r\n'
    if NameAddr.parse(contact).uri.scheme not in ("sip", "sips"):
        raise SipError(400, "Bad Contact")
    if request.get("record-route") is not None:
        checked_routes(request.values("record-route"))
    parse_seconds(request.get("min-se"))
    interval = request.get("session-expires")
    if interval is not None and (parse_seconds(interval) or 0) < MIN_SE and "timer" in request.tokens("supported"):
        return 422, f"Min-SE: {MIN_SE}\r\n"
    return None


def _accepts_sdp(request: Request) -> bool:
    accepted = ",".join(request.get_all("accept")).lower()
    return any(kind in accepted for kind in ("application/sdp", "*/*", "application/*"))

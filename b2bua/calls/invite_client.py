"""Our INVITE while it is not answered: one try after the other (targets, credentials, session interval), early dialogs, PRACK,
CANCEL, and the 2xx that comes when nobody wants it any more."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

from b2bua.calls.events import Answered, Failed, Progress
from b2bua.calls.farewell import Farewell
from b2bua.calls.leg import CAPABILITIES, Leg
from b2bua.calls.retry import may_retry
from b2bua.calls.session_timer import MIN_SE, for_response, seconds_in
from b2bua.delegation.callerid import printable
from b2bua.sip.dialog import Dialog, client_dialog, refresh_client_dialog
from b2bua.sip.flow import Flow, Target
from b2bua.sip.message import Request, Response
from b2bua.sip.sdp import extract
from b2bua.sip.stack import MAX_EARLY_DIALOGS
from b2bua.sip.transaction import CALLING, ClientTransaction, ServerTransaction
from b2bua.sip.values import SipError, parse_seconds

if TYPE_CHECKING:
    from b2bua.sip.timers import Timer

_TRY_NEXT = frozenset({408, 503})  # RFC 3263 §4.3: what makes us try the next target
_MOST_TRIES: Final = 8  # INVITEs to one contact; who asks for an ever longer session interval gets no more
FAIL_OVER_SECONDS: Final = 4.0
"""How long a target may stay silent while another could be tried: timer B's 32 s would lose the caller."""


class Invitation(NamedTuple):
    """All that makes up an INVITE of ours. `headers` and `route` are whole header lines; `sdp` is the other leg's offer.

    It goes over `flow`, or to each of `targets` until one answers; `failed` is told of those that did not.
    """

    uri: str
    from_: str
    to: str
    headers: str
    sdp: bytes | None
    flow: Flow | None = None
    targets: tuple[Target, ...] = ()
    route: str = ""
    max_forwards: int = 70
    session_interval: int = 0
    reliable: bool = True  # whether we may say Supported: 100rel
    failed: Callable[[Target], None] | None = None


class ClientInvite:
    """Owner of the INVITE client transactions of one leg."""

    __slots__ = ("leg", "_stack", "_invitation", "_tx", "_from", "_cseq", "_next_target", "_early", "_rseq", "_stopping", "_stop_headers",
                 "_tried", "_interval", "_min_se", "_credentials", "_answered", "_current", "_prack_owes", "_roams", "_patience", "settled", "call_id")  # fmt: skip

    def __init__(self, leg: Leg, invitation: Invitation) -> None:
        self.leg: Leg | None = leg
        self._stack = leg.stack
        self._invitation = invitation
        self._tx: ClientTransaction | None = None
        self._from = f"{invitation.from_};tag={leg.stack.ids.tag()}"
        self._cseq = 0
        self._next_target = 0
        self._early: dict[str, Dialog] = {}
        self._rseq: dict[str, int] = {}
        self._stopping = False
        self._stop_headers = ""
        self._tried = False
        self._interval = invitation.session_interval
        self._min_se = MIN_SE  # the largest that was asked of us (RFC 4028 §7.4)
        self._credentials = leg.credentials
        self._roams = leg.trunk is not None
        self._answered = ""
        self._current: Dialog | None = None
        self._prack_owes: tuple[Dialog, str] | None = None
        self._patience: Timer | None = None
        self.settled = False
        """Offer and answer are exchanged for good before the 2xx: the answer came in a reliable provisional response."""
        self.call_id = leg.call_id = leg.stack.ids.call_id()
        leg.invite = self

    def start(self) -> None:
        """Send the INVITE. Raises `SipError(488)` when the offer is no session description."""
        invitation = self._invitation
        flow = invitation.flow
        if flow is None:
            if self._next_target >= len(invitation.targets):
                self._fail(503, "No Route")
                return
            flow = self._stack.connector.flow_to(invitation.targets[self._next_target])
            self._next_target += 1
            if self._next_target < len(invitation.targets):
                self._patience = self._stack.timers.after(self._stack.now, FAIL_OVER_SECONDS, self._on_silence)
        self._send(flow)

    def _on_silence(self, now: float) -> None:
        """Not a word from this target: the next one. Should the silent one ring after all, it is cancelled."""
        self._patience = None
        if self._tx is not None and self._tx.state is CALLING and self._more_targets():
            self._blame_target()
            self.start()

    def _blame_target(self) -> None:
        """Let others try the target that failed last."""
        invitation = self._invitation
        if invitation.failed is not None and 0 < self._next_target <= len(invitation.targets):
            invitation.failed(invitation.targets[self._next_target - 1])

    def _lose_patience(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _send(self, flow: Flow, authorization: str = "") -> None:
        invitation, stack, leg = self._invitation, self._stack, self.leg
        if leg is None:
            return
        body = leg.local.of(invitation.sdp) if invitation.sdp is not None else b""
        if not authorization and self._credentials is not None:
            authorization = self._credentials.ahead("INVITE", invitation.uri, body)
        headers = f"{stack.contact(flow)}{CAPABILITIES if invitation.reliable else _PLAIN_CAPABILITIES}{invitation.headers}{authorization}"
        if self._interval:
            headers += f"Session-Expires: {self._interval}\r\nMin-SE: {self._min_se}\r\n"
        self._cseq += 1
        self._tx = stack.request(
            "INVITE",
            invitation.uri,
            flow,
            from_=self._from,
            to=invitation.to,
            call_id=self.call_id,
            cseq=self._cseq,
            owner=self,
            now=stack.now,
            headers=headers,
            body=body,
            route=invitation.route,
            max_forwards=invitation.max_forwards,
        )

    def stop(self, status: int, reason: str, headers: str) -> None:
        """Nobody wants the answer any more (called by the leg, which forgets us): CANCEL, and BYE to a 2xx that crosses it.

        Without any response yet the CANCEL waits for the first one (RFC 3261 §9.1).
        """
        self.leg = None
        self._stopping = True
        self._stop_headers = headers
        self._lose_patience()
        if self._tx is not None:
            self._stack.cancel(self._tx, self._stack.now, headers)

    def early_dialog(self) -> Dialog | None:
        return self._current

    def on_prack(self, tx: ServerTransaction, request: Request, now: float) -> bool:
        return False

    def acknowledge_early(self, sdp: bytes) -> bool:
        """Send the PRACK that owes an answer to the offer of a reliable provisional response; False when `sdp` is none."""
        if self._prack_owes is None or self.leg is None:
            return True
        try:
            body = self.leg.local.of(sdp)
        except SipError:
            return False
        (dialog, rack), self._prack_owes = self._prack_owes, None
        self._send_prack(dialog, rack, body)
        return True

    def go_on(self) -> None:
        """Nothing of ours waits for an answer that we owe."""

    # Owner of the transactions.

    def trusts(self, flow: Flow) -> bool:
        return False

    def on_response(self, tx: ClientTransaction, response: Response, now: float) -> None:
        if tx.method != "INVITE":
            return  # PRACK: what matters is that it was sent
        if tx is not self._tx and response.status < 200:
            self._stack.cancel(tx, now)  # a target that was given up speaks after all
            return
        self._lose_patience()
        if response.status < 200:
            self._on_provisional(tx, response, now)
        elif response.status < 300:
            self._on_success(tx, response, now)
        elif tx is self._tx:
            self._on_refusal(tx, response, now)

    def on_failure(self, tx: ClientTransaction, status: int, now: float) -> None:
        if tx.method != "INVITE" or tx is not self._tx:
            return
        self._lose_patience()
        self._blame_target()
        if self._more_targets():
            self.start()
        else:
            self._fail(status, "")

    def on_request(self, tx: ServerTransaction, request: Request, now: float) -> None:
        """A request in an early dialog of an INVITE that nobody wants any more."""
        self._stack.respond(tx, 200 if request.method == "BYE" else 481, now=now)

    def _on_provisional(self, tx: ClientTransaction, response: Response, now: float) -> None:
        if self._stopping:
            self._stack.cancel(tx, now, self._stop_headers)
            return
        leg = self.leg
        if leg is None or response.status == 100:
            return
        tag = response.to.tag
        sdp = _early_description(response)
        reliable = False
        if response.get("allow") is not None:
            leg.allows = response.tokens("allow")
        if tag:
            dialog = self._early_dialog(tx, response, tag)
            if dialog is None:
                return
            self._current = dialog
            if "100rel" in response.tokens("require"):
                rseq = self._new_rseq(response, tag)
                if rseq is None:
                    return
                reliable = True
                self.settled = self.settled or (sdp is not None and self._invitation.sdp is not None)
                rack = f"{rseq} {tx.cseq} INVITE"
                if sdp is not None and self._invitation.sdp is None:
                    self._prack_owes = (dialog, rack)
                else:
                    self._send_prack(dialog, rack, b"")
        if not reliable and self._invitation.sdp is None:
            sdp = None  # an offer may stand in a reliable response only (RFC 3262 §5); the real one comes with the 2xx
        if sdp is not None:
            leg.remote_sdp = sdp
        leg.post(Progress(leg, response.status, sdp, reliable, tag))

    def _early_dialog(self, tx: ClientTransaction, response: Response, tag: str) -> Dialog | None:
        dialog = self._early.get(tag)
        if dialog is not None:
            dialog.learn_target(response)
            return dialog
        if len(self._early) >= MAX_EARLY_DIALOGS:
            return None
        dialog = client_dialog(response, tx.flow, self.leg or self)
        if not dialog.remote_target:
            dialog.remote_target = self._invitation.uri  # a 180 without Contact; the 2xx will have one
        self._add_dialog(dialog)
        self._early[tag] = dialog
        return dialog

    def _add_dialog(self, dialog: Dialog) -> None:
        dialog.roams = self._roams
        self._stack.add_dialog(dialog)

    def _new_rseq(self, response: Response, tag: str) -> int | None:
        """The RSeq of a reliable response that has not been seen and is in order, else None (RFC 3262 §4)."""
        rseq = parse_seconds(response.get("rseq"))
        last = self._rseq.get(tag)
        if not rseq or (last is not None and rseq != last + 1):
            return None
        self._rseq[tag] = rseq
        return rseq

    def _send_prack(self, dialog: Dialog, rack: str, body: bytes) -> None:
        headers = f"RAck: {rack}\r\n"
        if self._credentials is not None:
            headers += self._credentials.ahead("PRACK", dialog.request_target()[0], body)
        self._stack.request_in(dialog, "PRACK", owner=self, now=self._stack.now, headers=headers, body=body)

    def _on_success(self, tx: ClientTransaction, response: Response, now: float) -> None:
        tag = response.to.tag
        leg = self.leg
        if tag == self._answered and tag:
            return  # the same 2xx again while our ACK still waits for the answer to put into it
        dialog = self._early.pop(tag, None)
        if dialog is None and tx.acks is not None and len(tx.acks) >= MAX_EARLY_DIALOGS:
            return  # no fork has so many ends; each would cost a BYE and its repetitions
        try:
            if dialog is None:
                dialog = client_dialog(response, tx.flow, leg or self)
                self._add_dialog(dialog)
            else:
                refresh_client_dialog(dialog, response)
            sdp = extract(response.get("content-type") or "", response.body) if response.body else None
        except SipError as error:
            if dialog is None:
                self._fail(502, error.reason)  # a 2xx that makes no dialog: there is nothing to send an ACK or BYE in
                return
            dialog.remote_target = dialog.remote_target or self._invitation.uri
            self._refuse_late(tx, dialog)
            self._fail(502, error.reason)
            return
        if not dialog.remote_target:
            dialog.remote_target = self._invitation.uri
        if leg is None or self._stopping or self._answered:
            self._refuse_late(tx, dialog)  # it crossed our CANCEL, or another fork was first
            return
        self._answered = tag
        self._drop_early()
        if self._tx is not None and self._tx is not tx:
            self._stack.cancel(self._tx, now)  # a target that was given up has answered before the next one
        self._tx = tx
        self._confirm(leg, tx, dialog, response, sdp)

    def _confirm(self, leg: Leg, tx: ClientTransaction, dialog: Dialog, response: Response, sdp: bytes | None) -> None:
        stack = self._stack
        leg.allows = response.tokens("allow")
        leg.invite = None
        self.leg = None
        leg.confirm(dialog)
        leg.timer = for_response(leg, response)
        if leg.timer is not None:
            leg.timer.start(stack.now)
        if self._invitation.sdp is not None:
            stack.acknowledge(dialog, tx, self._authorization(tx))
            sdp = sdp or leg.remote_sdp or None  # the answer came with a reliable provisional response
        elif sdp is not None and not leg.local.last:
            leg.owe_answer(tx)
        else:
            stack.acknowledge(dialog, tx, self._authorization(tx))
            sdp = sdp or leg.remote_sdp or None
        if sdp is not None:
            leg.remote_sdp = sdp
        # We stay for half a minute, for a second 2xx; what the INVITE was made of need not.
        self._invitation = Invitation(self._invitation.uri, "", "", "", None)
        leg.post(Answered(leg, sdp, dialog.remote_tag))

    def _on_refusal(self, tx: ClientTransaction, response: Response, now: float) -> None:
        status = response.status
        if self._stopping or self.leg is None:
            self._drop_early()
            return
        if status in (401, 407) and not self._tried and self._credentials is not None and may_retry(self._credentials, response):
            body = self.leg.local.of(self._invitation.sdp) if self._invitation.sdp is not None else b""
            line = self._credentials.answer(response, "INVITE", self._invitation.uri, body)
            if line is not None:
                self._tried = True
                self._drop_early()
                self._send(tx.flow, line)
                return
        min_se = seconds_in(response, "min-se") if status == 422 else None
        if min_se and self._interval and self._interval < min_se <= 86_400 and self._cseq < _MOST_TRIES:
            self._interval = self._min_se = min_se
            self._drop_early()
            self._send(tx.flow)
            return
        if status in _TRY_NEXT:
            self._blame_target()
        if status in _TRY_NEXT and self._more_targets():
            self._drop_early()
            self.start()
            return
        self._fail(status, printable(response.reason))

    def _more_targets(self) -> bool:
        return not self._stopping and self.leg is not None and self._next_target < len(self._invitation.targets)

    def _fail(self, status: int, reason: str) -> None:
        self._lose_patience()
        self._drop_early()
        leg, self.leg = self.leg, None
        if leg is not None:
            post = leg.post
            leg.invite = None
            leg.hang_up()
            post(Failed(leg, status, reason))

    def _drop_early(self) -> None:
        for dialog in self._early.values():
            self._stack.remove_dialog(dialog)
        self._early.clear()
        self._current = None
        self._prack_owes = None

    def _refuse_late(self, tx: ClientTransaction, dialog: Dialog) -> None:
        """ACK, then BYE, once (RFC 3261 §13.2.2.4)."""
        if self._stopping:
            self._drop_early()
        self._stack.acknowledge(dialog, tx, self._authorization(tx))
        Farewell(self._stack, dialog, self._credentials, self._stop_headers)

    def _authorization(self, tx: ClientTransaction) -> str:
        return self._credentials.of(tx.sent) if self._credentials is not None else ""


def _early_description(response: Response) -> bytes | None:
    """The session description in a provisional response. One that is none takes nothing from the rest of it."""
    try:
        return extract(response.get("content-type") or "", response.body) if response.body else None
    except SipError:
        return None


_PLAIN_CAPABILITIES = CAPABILITIES.replace("100rel, ", "")

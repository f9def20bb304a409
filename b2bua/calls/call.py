"""One call: from the caller's INVITE to the last BYE.

The script is `_run`: ring until somebody has the call, then talk until somebody hangs up; `_close` releases everything, in one
place. It reads one mailbox, so what happens at the same time is handled in order, and hanging up is possible at any instant.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from b2bua.calls.bridge import Bridge
from b2bua.calls.events import (
    Acknowledged,
    Answered,
    Cancelled,
    Deadline,
    EarlyAnswered,
    Ended,
    Event,
    Failed,
    HangUp,
    Info,
    OfferAnswered,
    Offered,
    OfferFailed,
    Progress,
)
from b2bua.calls.fork import ELSEWHERE, Action, Exhausted, Fork, Start, Stop, Waiting, Won
from b2bua.calls.identity import COMPLETED_ELSEWHERE, Origin
from b2bua.calls.invite_server import ServerInvite
from b2bua.calls.leg import ENDED, Leg
from b2bua.calls.mailbox import Mailbox
from b2bua.calls.record import Record
from b2bua.delegation.plan import Caller, Endpoint, RoutePlan
from b2bua.sip.message import Request
from b2bua.sip.timers import Timer
from b2bua.sip.transaction import InviteServer
from b2bua.sip.values import SipError

if TYPE_CHECKING:
    from b2bua.calls.index import CallIndex

_PROVISIONAL: Final = (180, 181, 182, 183)
_FORK: Final = Deadline("fork")
REMIND_SECONDS: Final = 60.0
"""How often a caller is told anew that it rings."""


class Call:
    """A call and its legs. Made by the index, which is told when it is over."""

    __slots__ = ("id", "index", "plan", "caller", "origin", "record", "mailbox", "incoming", "invite", "legs", "bridge", "_fork", "_timer",
                 "_rang", "_remind_at", "__weakref__")  # fmt: skip

    def __init__(self, index: CallIndex, call_id: str, plan: RoutePlan, caller: Caller, origin: Origin, record: Record) -> None:
        self.id = call_id
        self.index = index
        self.plan = plan
        self.caller = caller
        self.origin = origin
        self.record = record
        self.mailbox = Mailbox(self._crashed)
        self.incoming: Leg | None = None
        self.invite: ServerInvite | None = None
        self.legs: dict[int, Leg] = {}  # rung legs by branch of the fork
        self.bridge: Bridge | None = None
        self._fork: Fork | None = None
        self._timer: Timer | None = None
        self._rang = 0  # last provisional status that the caller got
        self._remind_at = 0.0

    def start(self, tx: InviteServer, request: Request) -> None:
        """Take the INVITE and begin. Raises `SipError` for an INVITE that can become no dialog; then there is no call."""
        index = self.index
        leg = Leg(index.stack, self.mailbox.post, self.caller.extension or self.caller.number, index.media_address)
        leg.trunk = index.trunks.get(self.caller.trunk) if self.caller.trunk is not None else None
        self.invite = ServerInvite(leg, tx, request, index.session_interval)
        self.incoming = leg
        self.record.call_ids.append(request.call_id)
        self.mailbox.start(self._run())

    @property
    def live_legs(self) -> int:
        """How many parties are in the call, ringing ones included."""
        return (self.incoming is not None) + len(self.legs)

    # The script.

    async def _run(self) -> None:
        try:
            if await self._ring():
                await self._talk()
        except Exception:
            self.record.refuse(500)  # for the caller, if nobody has answered yet
            raise
        finally:
            self._close()

    async def _ring(self) -> bool:
        """Carry out the plan; True when caller and called are joined."""
        self._fork = Fork(self.plan, self._contacts)
        self._remind_at = self.index.stack.now + REMIND_SECONDS
        self._perform(self._fork.start(self.index.stack.now))
        while self.bridge is None and self.incoming is not None:
            event = await self.mailbox
            _WHILE_RINGING[type(event)](self, event)
        return self.bridge is not None

    async def _talk(self) -> None:
        """Two parties speak; what they ask crosses the bridge."""
        while self.bridge is not None:
            event = await self.mailbox
            _WHILE_TALKING[type(event)](self, event)

    def _close(self) -> None:
        """Release everything: the one place where a call ends."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        incoming, self.incoming = self.incoming, None
        for leg in self.legs.values():
            leg.hang_up()
        if incoming is not None:
            incoming.hang_up(self.record.status or 480)
        self.legs.clear()
        self.bridge = None
        self.invite = None
        self._fork = None
        self.index.ended(self)

    def _crashed(self, error: Exception, event: object) -> None:
        """A bug ends this call and no other; `_close` has told whoever is in it. What was asked is answered all the same."""
        self.index.crashed(self, error)
        if isinstance(event, Info) and not event.tx.answered:
            self.index.stack.respond(event.tx, 500, now=self.index.stack.now)

    # Ringing.

    def _contacts(self, endpoint: Endpoint) -> Sequence[Any]:
        return self.index.contacts(endpoint)

    def _perform(self, actions: list[Action]) -> None:
        """What the fork decided. The winner is joined first: the caller should not wait for the others to be stopped."""
        starts = sum(isinstance(action, Start) for action in actions)
        alone = starts == 1 and self._fork is not None and self._fork.alone
        for action in actions:
            if isinstance(action, Start):
                self._start_branch(action, alone=alone and not self.legs)
            elif isinstance(action, Won):
                continue
            elif isinstance(action, Stop):
                self._stop_branch(action)
            elif isinstance(action, Waiting):
                self._let_wait()
            else:
                self._exhausted(action)
        self._arm()

    def _start_branch(self, action: Start, *, alone: bool) -> None:
        """Ring one contact. An early offer of one of several could not be answered, so without an offer of ours only one may make it."""
        branch, endpoint = action.branch, action.endpoint
        leg = Leg(self.index.stack, self.mailbox.post, endpoint.extension or endpoint.number or "", self.index.media_address)
        self.legs[branch] = leg
        self.record.ringing(branch, leg.party, endpoint.for_executive)
        invite = self.invite
        assert invite is not None
        reliable = invite.offer is not None or (invite.reliable and alone)
        self.index.ring(self, leg, endpoint, action.contact, invite.offer, reliable)

    def _stop_branch(self, action: Stop) -> None:
        leg = self.legs.pop(action.branch, None)
        self.record.rang(action.branch)
        if leg is not None:
            leg.hang_up(headers=COMPLETED_ELSEWHERE if action.cause is ELSEWHERE else "")

    def _let_wait(self) -> None:
        """Nobody rings at the moment: the caller hears ringing all the same, and no early media that somebody has left behind."""
        if self.invite is None or self._rang == 180:
            return
        try:
            self.invite.progress(180)
        except SipError as error:
            self._fail_call(error)
            return
        self._rang = 180

    def _exhausted(self, action: Exhausted) -> None:
        self.record.refuse(action.status)
        self._end_incoming(action.status, action.reason)

    def _end_incoming(self, status: int, reason: str = "") -> None:
        incoming, self.incoming = self.incoming, None
        if incoming is not None:
            incoming.hang_up(status, reason)

    def _arm(self) -> None:
        """One timer for the fork's next deadline, or for the caller's next reminder."""
        fork = self._fork
        deadline = fork.deadline if fork is not None else None
        if deadline is not None and self._remind_at < deadline:
            deadline = self._remind_at
        timer = self._timer
        if timer is not None:
            if deadline is not None and timer.pending and timer.args and timer.args[0] == deadline:
                return
            timer.cancel()
            self._timer = None
        if deadline is not None:
            now = self.index.stack.now
            self._timer = self.index.stack.timers.after(now, max(0.0, deadline - now), self._on_timer, deadline)

    def _on_timer(self, now: float, deadline: float) -> None:
        self._timer = None
        self.mailbox.post(_FORK)

    def _branch_of(self, leg: Leg) -> int | None:
        for branch, known in self.legs.items():
            if known is leg:
                return branch
        return None

    def _on_progress(self, event: Progress) -> None:
        """One 180 to the caller, whoever rings; early media only when it is clear whose (FEATURES A5, CONTRACT)."""
        invite = self.invite
        if invite is None or self._branch_of(event.leg) is None:
            return
        status = event.status if event.status in _PROVISIONAL else 183
        try:
            if event.sdp is not None and len(self.legs) == 1:
                invite.progress(status, sdp=event.sdp, reliable=event.reliable, early=event.early)
            elif self._rang == 0 or (len(self.legs) == 1 and status not in (self._rang, 183)):
                status = 180 if status == 183 else status
                invite.progress(status)
            else:
                return
        except SipError as error:
            self._fail_call(error)
            return
        self._rang = status

    def _on_answered(self, event: Answered) -> None:
        branch = self._branch_of(event.leg)
        fork, invite, incoming = self._fork, self.invite, self.incoming
        if branch is None or fork is None or invite is None or incoming is None:
            event.leg.hang_up()
            return
        actions = fork.answered(branch, self.index.stack.now)
        del self.legs[branch]
        error = _answer(invite, event)
        if error is None:
            self.bridge = Bridge(incoming, event.leg)
            self.record.answered(branch, event.leg.party, event.leg.call_id)
        else:
            self.record.rang(branch)
            event.leg.hang_up()
            self._fail_call(error)
        self._perform(actions)
        if self.bridge is not None:
            self.legs = {branch: event.leg}
            self._fork = None
            self._arm()

    def _on_failed(self, event: Failed) -> None:
        branch = self._branch_of(event.leg)
        if branch is None or self._fork is None:
            return
        del self.legs[branch]
        self.record.rang(branch)
        self.index.log.debug("refused", call=self.id, party=event.leg.party, status=event.status, reason=event.reason)
        status = _status_for_caller(event.status)
        reason = event.reason if status == event.status else ""
        self._perform(self._fork.failed(branch, status, reason, self.index.stack.now))

    def _on_deadline(self, event: Deadline) -> None:
        if self._fork is not None:
            now = self.index.stack.now
            if now >= self._remind_at:
                self._remind(now)
            self._perform(self._fork.tick(now))

    def _remind(self, now: float) -> None:
        """Proxies on the caller's side give up an INVITE of which they hear nothing for three minutes (RFC 3261 §13.3.1.1, Timer C)."""
        self._remind_at = now + REMIND_SECONDS
        if self.invite is not None and self._rang:
            self.invite.progress(self._rang)

    def _on_cancelled(self, event: Cancelled) -> None:
        """The caller gave up: every phone that rings is told so."""
        self.record.cancel()
        self.incoming = None
        for branch, leg in self.legs.items():
            self.record.rang(branch)
            leg.hang_up(headers=event.reason)
        self.legs.clear()

    def _on_early_end(self, event: Ended) -> None:
        """A party is gone before the answer: the caller (then it is over), or one that rings (then it failed)."""
        if event.leg is self.incoming:
            self._on_cancelled(Cancelled(event.leg, event.reason))
        else:
            self._on_failed(Failed(event.leg, 480, ""))

    def _fail_call(self, error: SipError) -> None:
        """What was negotiated cannot be passed on to the caller."""
        self.record.refuse(error.status)
        self._end_incoming(error.status, error.reason)

    def _early_bridge(self, leg: Leg) -> Bridge | None:
        """Before the answer, requests cross only when it is clear who speaks with whom."""
        incoming = self.incoming
        if incoming is None or len(self.legs) != 1:
            return None
        called = next(iter(self.legs.values()))
        return Bridge(incoming, called) if leg is incoming or leg is called else None

    def _on_early_offered(self, event: Offered) -> None:
        bridge = self._early_bridge(event.leg)
        if bridge is None:
            event.leg.refuse_offer(491)
        else:
            bridge.offered(event)

    def _on_early_offer_answered(self, event: OfferAnswered) -> None:
        bridge = self._early_bridge(event.leg)
        if bridge is not None:
            bridge.answered(event)

    def _on_early_offer_failed(self, event: OfferFailed) -> None:
        bridge = self._early_bridge(event.leg)
        if bridge is not None:
            bridge.failed(event)

    def _on_early_answered(self, event: EarlyAnswered) -> None:
        bridge = self._early_bridge(event.leg)
        if bridge is not None:
            bridge.early_answered(event)

    def _on_early_info(self, event: Info) -> None:
        self.index.stack.respond(event.tx, 481, now=self.index.stack.now)

    def _on_hang_up(self, event: HangUp) -> None:
        """The server ends the call."""
        self.record.refuse(event.status)
        for leg in self.legs.values():
            leg.hang_up(headers=event.reason)
        self.legs.clear()
        self._end_incoming(event.status)
        self.bridge = None

    # Talking.

    def _on_ended(self, event: Ended) -> None:
        """Whoever hangs up, both legs end."""
        bridge = self.bridge
        if bridge is None or event.leg not in (bridge.caller, bridge.called):
            return
        other = bridge.other(event.leg)
        if event.lost:
            self.index.log.warning("leg lost", call=self.id, party=event.leg.party, reason=event.lost)
        other.hang_up(headers=event.reason)
        self.bridge = None

    def _on_late_cancel(self, event: Cancelled) -> None:
        """The caller gave up while our 2xx still waited for a PRACK: somebody has answered already, and is alone now."""
        self.record.cancel()
        if self.bridge is not None:
            self.bridge.called.hang_up(headers=event.reason)
            self.bridge = None

    def _on_offered(self, event: Offered) -> None:
        if self.bridge is not None:
            self.bridge.offered(event)

    def _on_offer_answered(self, event: OfferAnswered) -> None:
        if self.bridge is not None:
            self.bridge.answered(event)

    def _on_offer_failed(self, event: OfferFailed) -> None:
        if self.bridge is not None:
            self.bridge.failed(event)

    def _on_acknowledged(self, event: Acknowledged) -> None:
        if self.bridge is not None:
            self.bridge.acknowledged(event)

    def _on_info(self, event: Info) -> None:
        if self.bridge is not None:
            self.bridge.info(event)

    def _on_late_branch(self, event: Answered | Failed | Progress) -> None:
        """A branch that was stopped says something all the same."""
        if isinstance(event, Answered) and event.leg.state is not ENDED:
            event.leg.hang_up()

    def _ignore(self, event: Event) -> None:
        pass


def _answer(invite: ServerInvite, event: Answered) -> SipError | None:
    """Give the caller the answer; why it cannot be given, None when it can."""
    if event.sdp is None:
        return SipError(488, "No Session Description")
    try:
        invite.answer(event.sdp, event.early)
    except SipError as error:
        return error
    return None


def _status_for_caller(status: int) -> int:
    """What a refusal of the called side means to the caller. A redirection is not followed (A18), a challenge is not the caller's to
    answer, and a request of ours that found no dialog or no answer is no fault of the caller's."""
    if status < 400 or status in (408, 481, 487):
        return 480
    return 502 if status in (401, 407, 420, 421, 422, 482, 483, 494) else status


_WHILE_RINGING: Final[dict[type, Callable[[Call, Any], None]]] = {
    Progress: Call._on_progress,
    Answered: Call._on_answered,
    Failed: Call._on_failed,
    Cancelled: Call._on_cancelled,
    Ended: Call._on_early_end,
    Deadline: Call._on_deadline,
    Offered: Call._on_early_offered,
    OfferAnswered: Call._on_early_offer_answered,
    OfferFailed: Call._on_early_offer_failed,
    EarlyAnswered: Call._on_early_answered,
    Info: Call._on_early_info,
    Acknowledged: Call._ignore,
    HangUp: Call._on_hang_up,
}
_WHILE_TALKING: Final[dict[type, Callable[[Call, Any], None]]] = {
    Progress: Call._ignore,
    Answered: Call._on_late_branch,
    Failed: Call._ignore,
    Cancelled: Call._on_late_cancel,
    Ended: Call._on_ended,
    Deadline: Call._ignore,
    Offered: Call._on_offered,
    OfferAnswered: Call._on_offer_answered,
    OfferFailed: Call._on_offer_failed,
    EarlyAnswered: Call._ignore,
    Info: Call._on_info,
    Acknowledged: Call._on_acknowledged,
    HangUp: Call._on_hang_up,
}

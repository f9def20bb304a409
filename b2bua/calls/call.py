"""One call: from the caller's INVITE to the last BYE.

The script is `_run`: ring until somebody has the call, then talk until somebody hangs up; `_close` releases everything, in one
place. It reads one mailbox, so what happens at the same time is handled in order, and hanging up is possible at any instant.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Final

from b2bua.calls import pickup_by_page
from b2bua.calls.bridge import Bridge
from b2bua.calls.commands import End, Outcome, Take
from b2bua.calls.conversation import Conversation, dismiss
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
    Heard,
    Info,
    Joining,
    OfferAnswered,
    Offered,
    OfferFailed,
    Ordered,
    Pressed,
    Progress,
    Referred,
    Rewrote,
)
from b2bua.calls.hunt import Hunt, status_for_caller
from b2bua.calls.identity import COMPLETED_ELSEWHERE, Origin
from b2bua.calls.invite_server import ServerInvite
from b2bua.calls.leg import ENDED, Leg
from b2bua.calls.mailbox import Mailbox
from b2bua.calls.party import Party
from b2bua.calls.pickup import pick_up
from b2bua.calls.pickup_by_page import PickUp
from b2bua.calls.record import Record
from b2bua.calls.relaying import Relaying, bridge_between
from b2bua.calls.topology import arrange
from b2bua.delegation.incall import Subject
from b2bua.delegation.plan import Caller, Presentation, RoutePlan
from b2bua.media.rewriter import Rewritten
from b2bua.sip.message import Request
from b2bua.sip.transaction import InviteServer
from b2bua.sip.values import SipError

if TYPE_CHECKING:
    from b2bua.calls.index import CallIndex

_PROVISIONAL: Final = (180, 181, 182, 183)
REMIND_SECONDS: Final = 60.0
"""How often a caller is told anew that it rings."""


class Call:
    """A call and its legs. Made by the index, which is told when it is over."""

    visible: ClassVar[bool] = True
    """Whether it is anything to others: not a feature code that somebody has dialled."""
    __slots__ = ("id", "index", "plan", "caller", "origin", "record", "mailbox", "incoming", "invite", "hunt", "conversation", "frozen", "relaying",
                 "takes", "picked_up", "_rang", "_winner", "_exhausted", "__weakref__")  # fmt: skip

    def __init__(self, index: CallIndex, call_id: str, plan: RoutePlan, caller: Caller, origin: Origin, record: Record) -> None:
        self.id = call_id
        self.index = index
        self.plan = plan
        self.caller = caller
        self.origin = origin
        self.record = record
        self.mailbox = Mailbox(self._crashed, self._unread)
        self.incoming: Leg | None = None
        self.invite: ServerInvite | None = None
        self.hunt: Hunt | None = None
        """Whom it rings for the caller; None once somebody has answered."""
        self.conversation: Conversation | None = None
        self.relaying: Relaying | None = None
        """What its sound goes by, until it comes to our own engine; None where it does at once, or goes directly."""
        self.frozen = ""
        """What of a snapshot never changes, as text; "" before the first one."""
        self.takes: tuple[PickUp, ...] = ()
        """Who is rung to pick it up from the page, while it rings elsewhere."""
        self.picked_up = False
        """Whether one of them has it."""
        self._exhausted: tuple[int, str] | None = None  # nobody else takes the call, but somebody is about to pick it up
        self._rang = 0  # last provisional status that the caller got
        self._winner: Leg | None = None  # has answered, and its answer is being rewritten

    def start(self, tx: InviteServer, request: Request) -> None:
        """Take the INVITE and begin. Raises `SipError` for an INVITE that can become no dialog; then there is no call."""
        index = self.index
        self.relaying = index.relaying(self)
        anchored = self.plan.anchored and self.relaying is None
        leg = index.new_leg(self.mailbox.post, self.caller.extension or self.caller.number, host=tx.source, anchored=anchored)
        leg.trunk = index.trunks.get(self.caller.trunk) if self.caller.trunk is not None else None
        leg.home = self
        self.invite = ServerInvite(leg, tx, request, index.session_interval)
        if leg.anchor is not None and self.invite.offer is not None and (reason := index.hostile(self.invite.offer, leg)):
            raise SipError(488, reason)
        self.incoming = leg
        self.record.call_ids.append(request.call_id)
        self.mailbox.start(self._run())

    def resume(self, conversation: Conversation) -> None:
        """Go on with a conversation that an earlier life of the server has begun."""
        self.conversation = conversation
        if not conversation.anchored:
            self.relaying = self.index.relaying(self)
        if self.relaying is not None:
            self.relaying.resume()
        self.mailbox.start(self._run())

    @property
    def dialling(self) -> bool:
        """Whether nobody has been called yet: it rings who wants to call."""
        return False

    @property
    def live_legs(self) -> int:
        """How many parties are in the call, ringing ones included."""
        if self.conversation is not None:
            return self.conversation.live_legs
        return (self.incoming is not None) + (self._winner is not None) + sum(len(hunt.legs) for hunt in self._hunts())

    def subject(self) -> Subject:
        """What the policy may know of it."""
        if self.conversation is not None:
            return self.conversation.subject()
        ringing = frozenset(leg.party for leg in self.hunt.legs.values()) if self.hunt is not None else frozenset()
        plan = self.plan
        parties = frozenset((self.caller.extension,)) if self.caller.extension else frozenset[str]()
        return Subject(
            parties, ringing, self.caller, plan.executive, plan.on_behalf_of, plan.confidential, called=plan.called, seconds=self.record.seconds
        )

    # The script.

    async def _run(self) -> None:
        try:
            if self.conversation is not None or await self._ring():
                assert self.conversation is not None
                await self.conversation.run()
        except Exception:
            self.record.refuse(500)  # for the caller, if nobody has answered yet
            raise
        finally:
            self._close()

    async def _ring(self) -> bool:
        """Carry out the plan; True when caller and called are joined."""
        self.hunt = Hunt(self, self.plan, self.origin, self.plan.anchored and self.relaying is None, self.relaying)
        self.hunt.remind_at = self.index.stack.now + REMIND_SECONDS
        self.hunt.start()
        while self.conversation is None and self.incoming is not None:
            event = await self.mailbox
            if self.takes and isinstance(event, Answered) and not pickup_by_page.answered(self, event):
                continue
            if self.relaying is not None and isinstance(event, Answered):
                await self._relay_answer(event, self.relaying)
            else:
                _WHILE_RINGING[type(event)](self, event)
        if self.conversation is not None:
            self._stop_takes(COMPLETED_ELSEWHERE)
            if self.picked_up:
                self.conversation.why = "picked up"
        return self.conversation is not None

    def _close(self) -> None:
        """Release everything: the one place where a call ends."""
        hunt, self.hunt = self.hunt, None
        if hunt is not None:
            hunt.stop()
        self._stop_takes()
        incoming, self.incoming = self.incoming, None
        if incoming is not None:
            incoming.hang_up(self.record.status or 480)
        self._end_winner()
        conversation, self.conversation = self.conversation, None
        if conversation is not None:
            conversation.close()
        self.invite = None
        self.index.ended(self)

    def _crashed(self, error: Exception, event: object) -> None:
        """A bug ends this call and no other; `_close` has told whoever is in it. What was asked is answered all the same."""
        self.index.crashed(self, error)
        if isinstance(event, (Info, Referred, Joining)):
            dismiss(self.index, event, 500)

    def _unread(self, event: Event) -> None:
        """What came too late is answered."""
        dismiss(self.index, event, 481)

    # Ringing: what the hunt asks of its owner.

    def offer_for(self, leg: Leg, alone: bool) -> tuple[bytes | None, bool]:
        """The caller's own offer; without one the phone may make it early only when it rings alone."""
        invite = self.invite
        assert invite is not None
        return invite.offer, invite.offer is not None or (invite.reliable and alone)

    def hunt_waits(self) -> None:
        """Nobody rings at the moment: the caller hears ringing all the same, and no early media that somebody has left behind."""
        if self.invite is None or self._rang == 180:
            return
        try:
            self.invite.progress(180)
        except SipError as error:
            self._fail_call(error)
            return
        self._rang = 180

    def hunt_failed(self, status: int, reason: str) -> None:
        if self.takes:
            self._exhausted = (status, reason)
            return
        refused = self.relaying.refused if self.relaying is not None else None
        if refused is not None:
            _, status, reason = refused
        self.record.refuse(status)
        self._end_incoming(status, reason)

    def _end_incoming(self, status: int, reason: str = "") -> None:
        incoming, self.incoming = self.incoming, None
        if incoming is not None:
            incoming.hang_up(status, reason)

    def not_taken(self, wish: PickUp) -> None:
        """Who wanted to pick it up does not answer."""
        self.takes = tuple(each for each in self.takes if each is not wish)
        if self._exhausted is not None:
            self.hunt_failed(*self._exhausted)

    def _stop_takes(self, headers: str = "") -> None:
        takes, self.takes = self.takes, ()
        for wish in takes:
            wish.hunt.stop(headers)

    def _hunts(self) -> list[Hunt]:
        """All that rings."""
        own = [self.hunt] if self.hunt is not None else []
        return [*own, *(wish.hunt for wish in self.takes)] if self.takes else own

    def _branch_of(self, leg: Leg) -> int | None:
        return self.hunt.branch_of(leg) if self.hunt is not None else None

    def _on_progress(self, event: Progress) -> None:
        """Early media go to the caller when they are rewritten, where they are."""
        hunt, relaying = self.hunt, self.relaying
        if relaying is None or event.sdp is None or hunt is None or hunt.branch_of(event.leg) is None or len(hunt.legs) > 1:
            self._progress(event)
        else:
            relaying.for_caller(event.sdp, event.leg, lambda found: self._progress(event._replace(sdp=found.body)))

    def _progress(self, event: Progress) -> None:
        """One 180 to the caller, whoever rings; early media only when it is clear whose (FEATURES A5, CONTRACT)."""
        invite, hunt = self.invite, self.hunt
        if invite is None or hunt is None or hunt.branch_of(event.leg) is None:
            return
        status = event.status if event.status in _PROVISIONAL else 183
        alone = len(hunt.legs) == 1
        try:
            if event.sdp is not None and alone:
                invite.progress(status, sdp=event.sdp, reliable=event.reliable, early=event.early)
                self._connect_early(event.leg)
            elif self._rang == 0 or (alone and status not in (self._rang, 183)):
                status = 180 if status == 183 else status
                invite.progress(status)
            else:
                return
        except SipError as error:
            self._fail_call(error)
            return
        self._rang = status

    def _connect_early(self, leg: Leg) -> None:
        """The sound before the answer comes to us as well, where the call's does."""
        incoming, media = self.incoming, self.index.media
        if media is None or incoming is None or incoming.anchor is None or leg.anchor is None:
            return
        parties = [Party(each, None, Presentation("", each.party)) for each in (incoming, leg)]
        context = arrange(self.id, parties, None)
        if context.terminations:
            self.index.uses_media(self)
            media.set(context)

    def _on_answered(self, event: Answered) -> None:
        hunt, invite, incoming = self.hunt, self.invite, self.incoming
        branch = self._branch_of(event.leg)
        if branch is None or hunt is None or invite is None or incoming is None:
            event.leg.hang_up()
            return
        if event.sdp is not None and event.leg.anchor is not None and (reason := self.index.hostile(event.sdp, event.leg)):
            event.leg.hang_up()
            hunt.failed(branch, 488, reason)
            return
        actions = hunt.answered(branch)
        self._join(event, branch, invite, incoming)
        hunt.finish(actions)
        if self.conversation is not None:
            self.hunt = self.incoming = None

    def _join(self, event: Answered, branch: int, invite: ServerInvite, incoming: Leg) -> None:
        """The caller and who has answered."""
        error = _answer(invite, event)
        if error is None:
            self.record.answered(branch, event.leg.party, event.leg.call_id)
            self.conversation = Conversation.between(self, incoming, event.leg)
        else:
            self.record.rang(branch)
            event.leg.hang_up()
            self._fail_call(error)

    async def _relay_answer(self, event: Answered, relaying: Relaying) -> None:
        """Somebody has the call, and the caller gets the answer when it has been rewritten. Whoever hangs up meanwhile has hung up;
        what else happens waits until it is clear whether there is a conversation."""
        branch, hunt = self._branch_of(event.leg), self.hunt
        if branch is None or hunt is None or event.sdp is None:
            self._on_answered(event)
            return
        found: list[Rewritten] = []
        later: list[Event] = []
        actions = hunt.answered(branch)
        self._winner = event.leg
        relaying.for_caller(event.sdp, event.leg, found.append)
        hunt.finish(actions)
        while not found and self.incoming is not None and event.leg.state is not ENDED:
            other = await self.mailbox
            if type(other) in _WHILE_REWRITING:
                _WHILE_RINGING[type(other)](self, other)
            else:
                later.append(other)
        self._answer_rewritten(event, branch, found)
        for other in later:
            if self.conversation is not None:
                self.mailbox.post(other)
            else:
                _WHILE_RINGING[type(other)](self, other)

    def _answer_rewritten(self, event: Answered, branch: int, found: list[Rewritten]) -> None:
        """Join the two if they are still there and the answer can be given."""
        invite, incoming = self.invite, self.incoming
        if found and found[0].body is not None and event.leg.state is not ENDED and invite is not None and incoming is not None:
            self._winner = None
            self._join(event._replace(sdp=found[0].body), branch, invite, incoming)
            if self.conversation is not None:
                self.hunt = self.incoming = None
            return
        self.record.rang(branch)
        self._end_winner()
        if incoming is not None:
            status, reason = found[0][1:] if found and found[0].body is None else (480, "")
            self.hunt_failed(status, reason)

    def _end_winner(self) -> None:
        winner, self._winner = self._winner, None
        if winner is not None:
            winner.hang_up()

    def _on_failed(self, event: Failed) -> None:
        for hunt in self._hunts():
            branch = hunt.branch_of(event.leg)
            if branch is not None:
                self.index.log.debug("refused", call=self.id, party=event.leg.party, status=event.status, reason=event.reason)
                status = status_for_caller(event.status)
                hunt.failed(branch, status, event.reason if status == event.status else "")
                return

    def _on_deadline(self, event: Deadline) -> None:
        hunt = self.hunt
        if hunt is not None:
            if hunt.remind_at is not None and self.index.stack.now >= hunt.remind_at:
                self._remind(hunt)
            hunt.tick()
        for wish in self.takes:
            wish.hunt.tick()

    def _remind(self, hunt: Hunt) -> None:
        """Proxies on the caller's side give up an INVITE of which they hear nothing for three minutes (RFC 3261 §13.3.1.1, Timer C)."""
        hunt.remind_at = self.index.stack.now + REMIND_SECONDS
        if self.invite is not None and self._rang:
            self.invite.progress(self._rang)

    def _on_cancelled(self, event: Cancelled) -> None:
        """The caller gave up: every phone that rings is told so."""
        self.record.cancel()
        self.incoming = None
        if self.hunt is not None:
            self.hunt.stop(event.reason)
        self._stop_takes(event.reason)

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
        incoming, hunt = self.incoming, self.hunt
        if incoming is None or hunt is None or len(hunt.legs) != 1:
            return None
        called = next(iter(hunt.legs.values()))
        return bridge_between(incoming, called, self.relaying) if leg is incoming or leg is called else None

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

    def _on_early_refer(self, event: Referred) -> None:
        """481 would end the dialog for the phone (RFC 5057 §5.1), and with it the call that rings or the code that is confirmed."""
        self.index.stack.respond(event.tx, 403, now=self.index.stack.now)

    def _on_hang_up(self, event: HangUp) -> None:
        """The server ends the call."""
        self.record.refuse(event.status)
        if self.hunt is not None:
            self.hunt.stop(event.reason)
        self._end_incoming(event.status)

    def _on_joining(self, event: Joining) -> None:
        """Somebody else answers for the phones that ring (C10, C11)."""
        pick_up(self, event)

    def _on_ordered(self, event: Ordered) -> None:
        command = event.command
        if isinstance(command, Take):
            event.done(pickup_by_page.take(self, command))
        elif isinstance(command, End) and command.actor == self.caller.extension and self.incoming is not None:
            incoming = self.incoming
            self._on_cancelled(Cancelled(incoming))
            incoming.hang_up(487)
            event.done(Outcome(200, "ended"))
        else:
            event.done(Outcome(409, "the call rings and is not answered yet"))

    def _on_rewrote(self, event: Rewrote) -> None:
        event.go_on()

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
    Referred: Call._on_early_refer,
    Joining: Call._on_joining,
    Ordered: Call._on_ordered,
    Pressed: Call._ignore,
    Heard: Call._ignore,
    Rewrote: Call._on_rewrote,
}
_WHILE_REWRITING: Final = frozenset({Rewrote, Progress, Answered, Failed, Cancelled, Ended, Deadline, Offered, HangUp, Pressed, Heard})
"""What is dealt with while the answer that the caller is to get is being rewritten."""

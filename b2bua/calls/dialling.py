"""Click to dial (B1, B4, D4): somebody's own phones ring, and whoever picks up one of them is put through as if that phone had dialled.

Where the call goes, and as whom, is decided before anything rings. Who has picked up is in a conversation from then on, alone, and hears
it ring; the far end is rung for them as for anybody who waits, so that hanging up, a pick-up and a restart of the server are what they
are in every conversation. Without a media engine there would be nothing to hear, nor to offer: such a call is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from b2bua.calls import keys, showing
from b2bua.calls.call import Call
from b2bua.calls.commands import End, Outcome
from b2bua.calls.conversation import Conversation, dismiss
from b2bua.calls.events import Answered, Deadline, Ended, Event, Failed, HangUp, Info, Joining, Offered, Ordered, Referred
from b2bua.calls.hunt import DUE, Hunt
from b2bua.calls.identity import Origin
from b2bua.calls.leg import Leg
from b2bua.calls.party import Party
from b2bua.calls.record import Record, Untold
from b2bua.calls.topology import RINGING
from b2bua.delegation import hot_desk
from b2bua.delegation.features import CALL_AS_SELF
from b2bua.delegation.plan import Caller, Endpoint, Facts, Presentation, RoutePlan, Stage
from b2bua.delegation.policy import decide
from b2bua.sip import description
from b2bua.sip.description import MIXABLE, TELEPHONE_EVENT

if TYPE_CHECKING:
    from b2bua.calls.index import CallIndex
    from b2bua.calls.mailbox import Mailbox

RING_SECONDS: Final = 30.0
"""How long the phones ring of who wants to call."""
_ORIGIN: Final = Origin(70, private=False, subject="", priority="", vouched=True)


class Placed(NamedTuple):
    """What became of a wish to call: `call` is the call's id, "" when there is none."""

    outcome: Outcome
    call: str = ""


def dial(index: CallIndex, actor: str, number: str, on_behalf_of: str | None) -> Placed:
    """Ring the actor's phones, and `number` when one of them is picked up: 202 as soon as they ring. `on_behalf_of`: an executive, the actor
    for as oneself, None for whatever counts when the phone dials. What the policy refuses is kept in the history, as when it had been dialled."""
    number = number.strip()
    refused = _impossible(index, actor, None if _is_emergency(index, number) else on_behalf_of)
    if refused is None and _is_emergency(index, number):
        refused = _elsewhere(index, actor)
    if refused is not None:
        return Placed(refused)
    user = index.directory.users[actor]
    caller = Caller("user", actor, None, None, actor, user.name, anonymous=False)
    facts = _facts(index, caller, hot_desk.without_pin(number, index.directory)[0], on_behalf_of)._replace(full=index.full_queues())
    now = index.local_time()
    plan = decide(facts, index.directory, now)
    record = Record(index.wall)
    record.decided(facts, now.timestamp())
    call_id = index.stack.ids.token()
    if plan.action == "refuse":
        index.keep_refusal(call_id, caller, plan, record)
        return Placed(Outcome(plan.final_status, plan.warning or plan.final_reason or "this number cannot be called"))
    refused = _not_now(index, plan, actor)
    if refused is not None:
        return Placed(refused)
    call = index.calls[call_id] = DialledCall(index, call_id, plan._replace(anchored=True), caller, record)
    index.counters["attempts"] += 1
    call.begin()
    if call_id not in index.calls:
        return Placed(Outcome(480, "none of your phones can be reached"))
    return Placed(Outcome(202, "your phones ring"), call_id)


def _facts(index: CallIndex, caller: Caller, number: str, on_behalf_of: str | None) -> Facts:
    """As if the phone had dialled it, with P-Preferred-Identity for the executive, or with the code for oneself, which ends a sticky choice.

    An emergency number is dialled as it is: it goes out as oneself, whatever was chosen. So is a feature code, which would not be found
    behind another one.
    """
    codes = index.directory.codes
    if _is_emergency(index, number):
        return Facts(caller, codes.behind(number))
    if on_behalf_of != caller.extension or number[:1] in ("*", "#"):
        return Facts(caller, number, on_behalf_of)
    return Facts(caller, f"{codes.codes[CALL_AS_SELF]}{number}")


def _is_emergency(index: CallIndex, number: str) -> bool:
    return index.directory.numbers.is_emergency(index.directory.codes.behind(number))


def _impossible(index: CallIndex, actor: str, on_behalf_of: str | None) -> Outcome | None:
    """Why this user can dial nothing at all now."""
    directory, media = index.directory, index.media
    user = directory.users.get(actor)
    if user is None or user.kind != "person":
        return Outcome(403, "you are no user of this server")
    if on_behalf_of is not None and on_behalf_of not in directory.users:
        return Outcome(404, f"nobody has the extension {on_behalf_of[:40]!r}")
    if index.draining:
        return Outcome(503, "the server is about to stop: it takes no new calls")
    if media is None:
        return Outcome(488, "no sound passes through this server (media.mode: direct): dial it at your phone")
    if not media.available:
        return Outcome(503, "the media engine is not available: dial it at your phone")
    if any(call.dialling and call.caller.extension == actor for call in index.calls.values()):
        return Outcome(409, "your phones ring already")
    return None


def _elsewhere(index: CallIndex, actor: str) -> Outcome | None:
    """Why this user's phones cannot all be rung for an emergency call: it goes out with the number of the user, at whose place help would look
    for them, and a shared phone at which they have logged in stands elsewhere (E7). Dialled there it is the phone's own call."""
    desks = [each for each in index.directory.state.at_desks(actor, index.wall()) if index.contacts(Endpoint("user", each, None, None, "user", None))]
    if not desks:
        return None
    return Outcome(403, f"you have logged in at {index.directory.users[desks[0]].name}: dial emergency numbers on the phone itself, so that help comes to where it stands")


def _not_now(index: CallIndex, plan: RoutePlan, actor: str) -> Outcome | None:
    """Why what has been decided cannot be done."""
    if plan.action != "ring":
        return Outcome(400, "this is a feature code, a park slot or a conference room: dial it at your phone")
    if len(index.calls) >= index.settings.max_calls and not plan.emergency:
        return Outcome(503, "the server has as many calls as it can take")
    if not index.contacts(_own_phones(index, plan, actor)):
        return Outcome(480, "none of your phones can be reached")
    return None


def _own_phones(index: CallIndex, plan: RoutePlan, actor: str) -> Endpoint:
    """All phones of who wants to call; on behalf the delegated line of a phone that has one."""
    return Endpoint("user", actor, None, None, "user", plan.on_behalf_of, alert="answer" if index.settings.auto_answer else "")


class DialledCall(Call):
    """A call that begins at the server: first it rings who wants to call."""

    __slots__ = ("_phones",)

    def __init__(self, index: CallIndex, call_id: str, plan: RoutePlan, caller: Caller, record: Record) -> None:
        super().__init__(index, call_id, plan, caller, _ORIGIN, record)
        self._phones = _Phones(self)

    def begin(self) -> None:
        """Ring the phones of who wants to call."""
        self.mailbox.start(self._run())

    @property
    def dialling(self) -> bool:
        return self.conversation is None

    @property
    def live_legs(self) -> int:
        return super().live_legs + len(self._phones.hunt.legs)

    async def _ring(self) -> bool:
        """Until one of the phones has been picked up; then the far end rings."""
        hunt = self._phones.hunt
        hunt.start()
        while not hunt.over:
            event = await self.mailbox
            handler = _HANDLERS.get(type(event))
            if handler is not None:
                handler(self, event)
        return self.conversation is not None

    def _close(self) -> None:
        self._phones.hunt.stop()
        super()._close()

    def _picked_up(self, event: Answered) -> None:
        hunt = self._phones.hunt
        branch = hunt.branch_of(event.leg)
        if branch is None:
            event.leg.hang_up()
        elif event.sdp is None or self.index.hostile(event.sdp, event.leg):
            event.leg.hang_up()
            hunt.failed(branch, 488, "")
        else:
            actions = hunt.answered(branch)
            self.conversation = conversation = self._alone(event.leg)
            hunt.finish(actions)
            if self.plan.settings:
                self.index.remember(self.plan.settings)
            conversation.ring(self.plan, "answered", RINGING)

    def _alone(self, leg: Leg) -> Conversation:
        """The conversation of who has picked up, with nobody yet."""
        conversation = Conversation(self)
        party = Party(leg, self.caller.extension, showing.caller_as_shown(self), since=conversation.now)
        party.speaks_as = self.plan.on_behalf_of
        conversation.parties = [party]
        conversation.caller_party = conversation.subject_party = party
        leg.home = self
        keys.listen(conversation, party)
        self.record.call_ids.append(leg.call_id)
        return conversation

    def not_picked_up(self, status: int, reason: str) -> None:
        """Who wanted to call does not any more."""
        self.record.cancel()
        self.index.log.info("not dialled", call=self.id, actor=self.caller.extension, status=status, reason=reason)

    def _on_failed(self, event: Failed) -> None:
        branch = self._phones.hunt.branch_of(event.leg)
        if branch is not None:
            self._phones.hunt.failed(branch, event.status, event.reason)

    def _on_gone(self, event: Ended) -> None:
        self._on_failed(Failed(event.leg, 480, ""))

    def _on_deadline(self, event: Deadline) -> None:
        if event is DUE:
            self._phones.hunt.tick()

    def _on_offered(self, event: Offered) -> None:
        event.leg.refuse_offer(491)

    def _on_hang_up(self, event: HangUp) -> None:
        self.record.refuse(event.status)
        self._phones.hunt.stop(event.reason)

    def _on_ordered(self, event: Ordered) -> None:
        if isinstance(event.command, End) and event.command.actor == self.caller.extension:
            self.not_picked_up(487, "ended")
            self._phones.hunt.stop()
            event.done(Outcome(200, "ended"))
        else:
            event.done(Outcome(409, "nobody has been called yet: the phone of who wants to call rings"))

    def _refuse(self, event: Event) -> None:
        dismiss(self.index, event, 403)


_HANDLERS: Final[dict[type, Callable[[DialledCall, Any], None]]] = {
    Answered: DialledCall._picked_up,
    Failed: DialledCall._on_failed,
    Ended: DialledCall._on_gone,
    Deadline: DialledCall._on_deadline,
    Offered: DialledCall._on_offered,
    HangUp: DialledCall._on_hang_up,
    Ordered: DialledCall._on_ordered,
    Info: DialledCall._refuse,
    Referred: DialledCall._refuse,
    Joining: DialledCall._refuse,
}
"""What counts while the phones ring of who wants to call; the rest is of no interest yet."""


class _Phones:
    """The owner of the hunt for who wants to call."""

    __slots__ = ("_call", "hunt", "record")

    def __init__(self, call: DialledCall) -> None:
        self._call = call
        self.record: Record = Untold()
        plan, actor = call.plan, call.caller.extension or ""
        shown = _shown(call.index, plan)
        stage = Stage((_own_phones(call.index, plan, actor),), RING_SECONDS, "dialling")
        own = RoutePlan("ring", stages=(stage,), called=actor, present=shown, asserted=shown, plain=True, anchored=True)
        self.hunt = Hunt(self, own, _ORIGIN, anchored=True)

    @property
    def id(self) -> str:
        return self._call.id

    @property
    def index(self) -> CallIndex:
        return self._call.index

    @property
    def mailbox(self) -> Mailbox:
        return self._call.mailbox

    def offer_for(self, leg: Leg, alone: bool) -> tuple[bytes | None, bool]:
        """Everything that the engine can convert: who will be met is not known yet."""
        assert leg.anchor is not None
        return description.offer(leg.anchor.host, leg.anchor.port, (*MIXABLE, TELEPHONE_EVENT)), False

    def hunt_waits(self) -> None:
        pass

    def hunt_failed(self, status: int, reason: str) -> None:
        self._call.not_picked_up(status, reason)


def _shown(index: CallIndex, plan: RoutePlan) -> Presentation:
    """What the phones show that ring: who will be called."""
    extension = index.directory.numbers.resolve(plan.called).extension
    user = index.directory.users.get(extension or "")
    return Presentation(user.name, user.extension) if user is not None else Presentation("", plan.called)

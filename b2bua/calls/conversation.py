"""A conversation: what happens in a call from the answer to the last BYE.

Who is in it stands in `parties`; whom the server rings for those who wait, in `hunt`; everything that anybody asks comes through the
call's mailbox, one thing at a time. Whatever has changed, `apply` makes the sound fit, from the parties alone. Nothing that must
outlive a restart stands anywhere but in the attributes.

The features (park, push, transfer, joining …) are modules of their own that work on a conversation by its public methods; the tables
at the end say which event or command leads where.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from b2bua.calls import conference, early, holding, joining, keys, parking, pushing, resuming, showing, taking, transfer
from b2bua.calls.commands import (
    BargeIn,
    Command,
    End,
    GiveBack,
    Hold,
    Lock,
    Mute,
    Outcome,
    Park,
    PushBack,
    Remove,
    Resume,
    Take,
    Transfer,
)
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
    Merging,
    Moved,
    OfferAnswered,
    Offered,
    OfferFailed,
    Ordered,
    Pressed,
    Progress,
    Referred,
    Rewrote,
    Taken,
)
from b2bua.calls.hunt import DUE, Hunt, status_for_caller
from b2bua.calls.identity import COMPLETED_ELSEWHERE, reason
from b2bua.calls.leg import ENDED, Leg
from b2bua.calls.party import Party
from b2bua.calls.record import Doing
from b2bua.calls.referral import Referral
from b2bua.calls.sounding import Sounding
from b2bua.calls.topology import MUSIC, arrange
from b2bua.delegation.incall import Subject
from b2bua.delegation.plan import Presentation, RoutePlan
from b2bua.media.engine import Play
from b2bua.sip import description

if TYPE_CHECKING:
    from b2bua.calls.call import Call
    from b2bua.calls.index import CallIndex

UNAVAILABLE_SECONDS: Final = 8.0
"""How long the words that nobody is there may take; then the waiting party is let go."""
_BUSY: Final = (486, 600)
_NO_BRANCH: Final = -1  # whatever rang of theirs has been told of


class Conversation(Sounding):
    """The parties of an answered call, and what they do. Made by the call when somebody answers; `run` ends with the last party."""

    __slots__ = (
        "caller_party", "subject_party", "slot", "parked_by", "locked_by", "gave_back", "since", "note", "sent_by",
        "referral", "why", "takes", "resumed", "early", "_deferred", "_current",
    )  # fmt: skip

    def __init__(self, call: Call) -> None:
        """Nobody is in it yet."""
        super().__init__(call)
        self.caller_party: Party | None = None
        """Who called."""
        self.subject_party: Party | None = None
        """On whose account all this happens: the outside party where there is one, else the caller. It is never left alone unasked."""
        self.slot: str | None = None
        self.parked_by: str | None = None
        self.locked_by: str | None = None
        self.gave_back: tuple[str, ...] = ()
        self.since = self.now
        self.note = ""
        """What the assistant has written to the executive about the call (C13)."""
        self.sent_by = ""
        """The assistant who has sent the call to the executive last."""
        self.referral: Referral | None = None
        """What tells a transferor how the transfer goes (`transfer`)."""
        self.takes: dict[str, taking.Taking] = {}
        """Who is rung to be let in, by extension (`Take`)."""
        self.early: Party | None = None
        """Who is heard before they have answered."""
        self.why = "answered"
        """Why the parties are as they are: the word for the record."""
        self._deferred: deque[Event] = deque()
        self._current: Event | None = None  # what is being dealt with across waits
        self.resumed: resuming.Resumed | None = None
        """What was under way when the server was restarted, until it goes on."""

    @classmethod
    def between(cls, call: Call, caller: Leg, called: Leg | Party) -> Conversation:
        """The conversation of who called and who answered: on the leg that we rang, or as a party of its own."""
        self = cls(call)
        plan = call.plan
        first = Party(caller, call.caller.extension, showing.caller_as_shown(call), since=self.now)
        first.speaks_as = plan.on_behalf_of
        second = called if isinstance(called, Party) else self.party_for(called)
        self.parties = [first, second]
        self.caller_party = first
        self.subject_party = second if first.extension is not None and second.extension is None else first
        for party in self.parties:
            party.leg.home = call
            keys.listen(self, party)
        return self

    # What a hunt asks of its owner.

    def offer_for(self, leg: Leg, alone: bool) -> tuple[bytes | None, bool]:
        """An offer of what has been agreed with those who wait."""
        assert leg.anchor is not None
        return description.offer(leg.anchor.host, leg.anchor.port, self.formats_for(None)), False

    def hunt_waits(self) -> None:
        """Nobody rings at the moment: they hear what they have heard."""

    def hunt_failed(self, status: int, reason: str) -> None:
        """Nobody has answered, the rollover included."""
        hunt, self.hunt = self.hunt, None
        if transfer.failed(self, status, reason) or (hunt is not None and pushing.failed(self, hunt)):
            return
        if self.leaving is not None and self.leaving in self.parties:
            self.leaving = None
            self.apply("nobody answered")
        else:
            self.record.refuse(status_for_caller(status))
            self.say_unavailable()

    # The script.

    async def run(self) -> None:
        """Until nobody is left."""
        if self.resumed is not None:
            resumed, self.resumed = self.resumed, None
            resuming.go_on(self, resumed)
        self.apply(self.why)
        while self.parties:
            event = self._deferred.popleft() if self._deferred else await self.mailbox
            work = _HANDLERS[type(event)](self, event)
            if work is not None:
                self._current = event
                await work
                self._current = None

    def close(self) -> None:
        """Release everything."""
        for name in list(self._timers):
            self.cancel_timer(name)
        hunt, self.hunt = self.hunt, None
        if hunt is not None:
            hunt.stop()
        taking.stop(self)
        conference.closed(self)
        parking.release(self)
        transfer.release(self)
        if self._current is not None:
            dismiss(self.index, self._current, 500)
        for event in self._deferred:
            dismiss(self.index, event, 481)
        self._deferred.clear()
        for party in list(self.parties):
            self.release(party)
        self._bridge = None

    @property
    def live_legs(self) -> int:
        return len(self.parties) + sum(len(hunt.legs) for hunt in self.hunts)

    @property
    def hunts(self) -> list[Hunt]:
        """All that rings: for those who wait, and to let somebody in."""
        own = [self.hunt] if self.hunt is not None else []
        return [*own, *(each.hunt for each in self.takes.values())]

    def ringing_on(self, leg: Leg) -> tuple[Hunt, int] | None:
        """The hunt and the branch that ring on `leg`."""
        for hunt in self.hunts:
            branch = hunt.branch_of(leg)
            if branch is not None:
                return hunt, branch
        return None

    def respond(self, event: Referred | Info, status: int, reason: str = "", headers: str = "") -> None:
        """Answer a request that came with an event."""
        self.index.stack.respond(event.tx, status, reason, headers, now=self.now)

    # Who is who.

    def party_of(self, extension: str) -> Party | None:
        """The party with this extension."""
        return next((party for party in self.parties if party.extension == extension), None)

    def party_on(self, leg: Leg) -> Party | None:
        for party in self.parties:
            if party.leg is leg:
                return party
        return None

    def party_for(self, leg: Leg) -> Party:
        """A party for a leg that we have rung and that has answered."""
        endpoint = leg.endpoint
        extension = endpoint.extension if endpoint is not None else None
        user = self.index.directory.users.get(extension or "")
        shown = Presentation(user.name, user.extension) if user is not None else Presentation("", leg.party)
        return Party(leg, extension, shown, for_executive=endpoint.for_executive if endpoint is not None else None, since=self.now)

    @property
    def executive(self) -> str | None:
        """Whose call it is."""
        return self.call.plan.executive or self.call.plan.on_behalf_of or self.record.served_for

    @property
    def holder(self) -> Party | None:
        """Who has put the other party on hold."""
        return next((party for party in self.parties if party.holding and party.role == "talk"), None)

    def subject(self) -> Subject:
        """What the policy may know of the call."""
        plan = self.call.plan
        if self.room is not None:
            return conference.subject(self)
        talking = [party for party in self.parties if party.role == "talk" and party is not self.leaving]
        holder = self.holder
        ringing = frozenset(leg.party for leg in self.hunt.legs.values()) if self.hunt is not None else frozenset()
        answered_by = self.record.answered_by
        return Subject(
            parties=frozenset(party.extension for party in talking if party.extension is not None),
            ringing=ringing,
            caller=self.call.caller,
            executive=plan.executive or self.record.served_for,
            on_behalf_of=plan.on_behalf_of,
            confidential=plan.confidential,
            holder=holder.extension if holder is not None else None,
            parked_by=self.parked_by,
            slot=self.slot,
            locked_by=self.locked_by,
            answered_by=answered_by if any(party.extension == answered_by for party in talking) else None,
            listeners=frozenset(party.extension for party in self.parties if party.role != "talk" and party.extension is not None),
            called=plan.called,
            seconds=self.now - self.since,
            since_answer=max((self.now - party.since for party in talking if party.extension == answered_by), default=0.0),
        )

    # Changing who is in it.

    def add(self, party: Party, why: str, *, told: bool = False) -> None:
        """A party comes in: everybody hears it, the others are told who it is. `told`: it knows already with whom it is connected."""
        transfer.joins(self, party)
        first = party.role == "talk" and not self.record.is_answered
        if first:
            self._first(party)
        party.leg.home = self.call
        party.leg.post = self.mailbox.post
        self.parties.append(party)
        if party.role == "talk":
            self.since = self.now
            self.say_no_more()
            taking.settled(self)
        keys.listen(self, party)
        if self.subject_party is None or self.subject_party not in self.parties:
            self.subject_party = self.parties[0]
        self.apply(why)
        if party.role == "talk" and not first:
            self.introduce(party if told else None)

    def _first(self, party: Party) -> None:
        """Somebody has answered whom the caller has dialled from the page: as in any call, nobody need be told who that is."""
        self.record.answered(_NO_BRANCH, party.name, party.leg.call_id)
        if party.extension is None:
            self.subject_party = party

    def release(self, party: Party, headers: str = "") -> None:
        """Let a party go. The others stay as they are: `apply` follows."""
        transfer.leaves(self, party)
        if party in self.parties:
            self.parties.remove(party)
            self._unlock()
        if self.leaving is party:
            self.leaving = None
        if party.leg.anchor is not None:
            self.plays.pop(party.leg.anchor.id, None)
        party.leg.hang_up(headers=headers)

    def release_listeners(self, headers: str = "") -> None:
        """Who listens has the right to the calls of who has this one now; whoever comes next may be anybody."""
        for party in list(self.parties):
            if party.role != "talk":
                self.release(party, headers)

    def hand_over(self, party: Party) -> None:
        """Give a party away to another call, which takes it in with `add`."""
        self.parties.remove(party)
        self._unlock()
        if party.leg.anchor is not None:
            self.plays.pop(party.leg.anchor.id, None)

    def _unlock(self) -> None:
        """Private is what somebody in the call has made so (C9)."""
        if self.locked_by is not None and self.party_of(self.locked_by) is None:
            self.locked_by = None

    def introduce(self, knows: Party | None = None) -> None:
        """Tell each of two who the other is (RFC 3325 §9.1): phones display it. `knows` has been told already."""
        talking = [party for party in self.parties if party.role == "talk" and not party.aside]
        if len(talking) != 2 or self.room is not None:
            return
        one, other = talking
        for party, met in ((one, other), (other, one)):
            if party is not knows:
                party.leg.tell_identity(showing.connected_identity(self.call, party, met))

    # The sound.

    def apply(self, why: str = "") -> None:
        """Make the sound and the record fit who is in the call and what they do."""
        if why:
            self.why = why
        if self.hunt is None:
            self.idle = MUSIC
        pushing.settle(self)
        self.record.changed(self._doing(), self.why)
        conference.changed(self)
        media = self.index.media
        self.index.keeping.changed(self.call)
        self.index.live.changed(self.id)
        if media is None or not self.parties or not self.anchored:
            return
        if self.call.relaying is not None:
            self.call.relaying.close()
        waits = self.hunt is not None or self.slot is not None or self.room is not None or self.referral is not None or len(self.parties) > 1
        context = arrange(self.id, early.heard_parties(self), self.idle if waits else None, self.plays)
        if context != self._context:
            self._context = context
            self.index.uses_media(self.call)
            media.set(context)

    def _doing(self) -> dict[str, Doing]:
        """What each party does, for the record. Who called is not in it while in the call, nor afterwards whoever the others are
        there for."""
        plan, present = self.call.plan, self.heard_parties()
        behalf = plan.on_behalf_of
        if behalf is not None and not any(party.extension == plan.actor for party in present):
            behalf = None
        if self.slot is not None:
            return {self.parked_by or "": Doing("park", behalf, (self.slot,), extension=True)}
        subject = self.caller_party if self.caller_party in self.parties else self.subject_party
        return {
            party.name: Doing(
                "hold" if party.holding or pushing.waits(self, party) else party.role,
                behalf,
                tuple([other.name for other in present if other is not party and other.role == "talk" and bool(other.aside) is bool(party.aside)]),
                party.extension is not None,
            )
            for party in present
            if party is not subject
        }

    # Ringing somebody for those who wait.

    def reaches(self, plan: RoutePlan) -> bool:
        """Whether the first stage of a plan has a phone to ring now."""
        return bool(plan.stages) and any(self.index.contacts(endpoint) for endpoint in plan.stages[0].endpoints)

    def ring(self, plan: RoutePlan, why: str, idle: Play = MUSIC) -> None:
        """Ring by `plan` for those who are left. They hear `idle` until somebody answers."""
        if self.hunt is not None:
            self.hunt.stop(COMPLETED_ELSEWHERE)
        self.idle = idle
        self.since = self.now
        referred_by = self.referral.actor if self.referral is not None else ""
        self.hunt = hunt = Hunt(self, plan, self.call.origin._replace(referred_by=referred_by), anchored=True)
        hunt.start()
        if self.hunt is hunt:
            self.apply(why)

    def stop_ringing(self, headers: str = "") -> None:
        """Nobody is rung for those who wait any more."""
        hunt, self.hunt = self.hunt, None
        if hunt is not None:
            hunt.stop(headers)

    def say_unavailable(self) -> None:
        """Whoever is left hears that nobody is there, or busy, and is let go."""
        if self.index.media is None or not self.anchored or not self.parties:
            self.end(480)
            return
        sounds = ("tone:busy",) * 4 if self.record.status in _BUSY else ("unavailable",)
        for party in list(self.parties):
            self.play(party, Play("unavailable", sounds))
        self.after(Deadline("unavailable"), UNAVAILABLE_SECONDS)

    def say_no_more(self) -> None:
        """Somebody is there after all."""
        self.cancel_timer("unavailable")
        self.plays = {id_: play for id_, play in self.plays.items() if play.id != "unavailable"}

    def end(self, status: int = 480, headers: str = "") -> None:
        """Everybody is let go."""
        transfer.release(self)
        self.stop_ringing(headers)
        for party in list(self.parties):
            self.release(party, headers)

    # Events.

    def on_ended(self, event: Ended) -> None:
        """Somebody hung up. Two parties end together; of more, the others go on while two of them talk."""
        party = self.party_on(event.leg)
        if party is None:
            ringing = self.ringing_on(event.leg)
            if ringing is not None:
                ringing[0].failed(ringing[1], 480, "")
            return
        if event.lost:
            self.index.log.warning("leg lost", call=self.id, party=event.leg.party, reason=event.lost)
        self.leave(party, event.reason)

    def leave(self, party: Party, reason: str = "") -> None:
        """A party hangs up, or has hung up: the others go on, or are let go; `reason` is a Reason header line for them."""
        if self.is_plain:
            self.end(headers=reason)
            return
        if self.hunt is not None and party is self.caller_party and not self.record.is_answered:
            self.record.cancel()
        gone = party is self.leaving
        self.release(party)
        if pushing.left(self, party, reason):
            return
        if party.role != "talk" and self.parties:
            self.apply()
        elif gone or self.goes_on():
            conference.left(self, party)
            self.apply("hung up")
            self.introduce()
        else:
            self.end(headers=reason)

    @property
    def is_plain(self) -> bool:
        """Whether nothing has happened but that two talk: as in nearly all calls."""
        if len(self.parties) != 2 or self.hunt is not None or self.slot is not None or self.room is not None or self.referral is not None:
            return False
        one, other = self.parties
        return one.role == other.role == "talk" and not one.aside and not other.aside and self.leaving is None and self.moving is None

    def goes_on(self) -> bool:
        """Whether there is a call without who has just left."""
        if not self.parties:
            return False
        talking = sum(party.role == "talk" and party is not self.moving for party in self.heard_parties())
        waits = self.hunt is not None or self.slot is not None or self.room is not None or self.referral is not None or self.moving is not None
        return talking > (0 if waits else 1)

    def on_cancelled(self, event: Cancelled) -> None:
        """The caller gave up while our 2xx still waited for a PRACK: somebody has answered already, and is alone now."""
        party = self.party_on(event.leg)
        if party is not None:
            self.record.cancel()
            self.release(party)
            self.end(headers=event.reason)

    def on_answered(self, event: Answered) -> None:
        """Somebody whom we rang for those who wait is there."""
        ringing = self.ringing_on(event.leg)
        if ringing is None or event.sdp is None or event.leg.state is ENDED or self.index.hostile(event.sdp, event.leg):
            if ringing is not None:
                ringing[0].failed(ringing[1], 488, "")
            event.leg.hang_up()
            return
        hunt, branch = ringing
        actions = hunt.answered(branch)
        if self.why == pushing.GIVEN_BACK:
            hunt.elsewhere = reason(f"taken by {self.party_for(event.leg).shown.name or event.leg.party}")
        if hunt is not self.hunt:
            self._deferred.append(taking.answered(self, hunt, event.leg))
            hunt.finish(actions)
            return
        if self.record.is_answered:
            self.record.answered(branch, event.leg.party, event.leg.call_id)
        else:
            self.record.rang(branch)  # `add` says who has it
        parking.release(self)
        arrived = pushing.arrived if self.referral is None else transfer.arrived
        arrived(self, self.party_for(event.leg))
        hunt.finish(actions)

    def on_failed(self, event: Failed) -> None:
        ringing = self.ringing_on(event.leg)
        if ringing is not None:
            self.index.log.debug("refused", call=self.id, party=event.leg.party, status=event.status, reason=event.reason)
            ringing[0].failed(ringing[1], event.status, event.reason)
            self._still_heard()

    def on_progress(self, event: Progress) -> None:
        transfer.progress(self, event)
        early.progress(self, event)

    def on_due(self, event: Deadline) -> None:
        """A ring time has run out."""
        for hunt in self.hunts:
            hunt.tick()
        self._still_heard()

    def _still_heard(self) -> None:
        """Who was heard before they answered may not ring any more."""
        if self.early is not None and self.parties:
            self.apply()

    def on_deadline(self, event: Deadline) -> Awaitable[None] | None:
        if event is DUE:
            self.on_due(event)
            return None
        handler = _DEADLINES.get(event.name)
        return handler(self) if handler is not None else None

    def meanwhile(self, event: Event) -> None:
        handler = _AT_ONCE.get(type(event))
        if event is DUE:
            handler = Conversation.on_due  # phones ring no longer than they are to
        if handler is not None:
            handler(self, event)
        else:
            self._deferred.append(event)

    def on_unavailable(self) -> None:
        self.end(480)

    def on_heard(self, event: Heard) -> None:
        """What was played to somebody is over."""
        party = self.party_on(event.leg)
        if party is None or party.leg.anchor is None:
            return
        play = self.plays.get(party.leg.anchor.id)
        if play is None or play.id != event.play:
            return
        del self.plays[party.leg.anchor.id]
        if event.play == "unavailable":
            self.release(party)
            if not self.parties:
                return
        if event.play == parking.SPOKEN:
            parking.spoken(self)
            return
        self.apply()

    def on_hang_up(self, event: HangUp) -> None:
        """The server ends the call."""
        self.record.refuse(event.status)
        self.end(event.status, event.reason)

    async def on_ordered(self, event: Ordered) -> None:
        event.done(await self.carry_out(event.command))

    async def carry_out(self, command: Command) -> Outcome:
        """Do what somebody asks, if they may."""
        outcome = await _COMMANDS[type(command)](self, command)
        self.index.log.info("command", call=self.id, command=type(command).__name__, actor=command.actor, status=outcome.status, words=outcome.words)
        return outcome

    # Offers, answers and what else crosses.

    def on_offer_answered(self, event: OfferAnswered) -> None:
        bridge = self.crossing(event.leg)
        if bridge is not None:
            bridge.answered(event)
        self.apply()

    def on_moved(self, event: Moved) -> None:
        self.apply()

    def on_offer_failed(self, event: OfferFailed) -> None:
        bridge = self.crossing(event.leg)
        if bridge is not None:
            bridge.failed(event)

    def on_acknowledged(self, event: Acknowledged) -> None:
        if event.sdp is None and not self._owed():
            return
        bridge = self.crossing(event.leg)
        if bridge is not None:
            bridge.acknowledged(event)
        if event.sdp is not None:
            self.apply()

    def _owed(self) -> bool:
        """Whether an ACK of ours waits for the answer that another ACK brings."""
        return any(party.leg.owes_answer for party in self.parties)

    def on_rewrote(self, event: Rewrote) -> None:
        event.go_on()

    def ignore(self, event: Event) -> None:
        pass


def dismiss(index: CallIndex, event: Event, status: int) -> None:
    """Answer what nobody will deal with any more."""
    if isinstance(event, Ordered):
        event.done(Outcome(404 if status == 481 else status, "the call is over"))
    elif isinstance(event, (Joining, Taken)):
        event.leg.hang_up(status)
    elif isinstance(event, (Referred, Info)):
        if not event.tx.answered:
            index.stack.respond(event.tx, status, now=index.stack.now)
    elif isinstance(event, Merging):
        transfer.gone(event)


_Handler = Callable[[Conversation, Any], Awaitable[None] | None]
_HANDLERS: Final[dict[type, _Handler]] = {
    Progress: Conversation.on_progress,
    Answered: Conversation.on_answered,
    Failed: Conversation.on_failed,
    Cancelled: Conversation.on_cancelled,
    Ended: Conversation.on_ended,
    Deadline: Conversation.on_deadline,
    Offered: holding.offered,
    OfferAnswered: Conversation.on_offer_answered,
    OfferFailed: Conversation.on_offer_failed,
    EarlyAnswered: Conversation.ignore,
    Info: keys.info,
    Pressed: keys.pressed,
    Heard: Conversation.on_heard,
    Acknowledged: Conversation.on_acknowledged,
    Moved: Conversation.on_moved,
    HangUp: Conversation.on_hang_up,
    Referred: transfer.referred,
    Merging: transfer.merging,
    Joining: joining.joining,
    Taken: taking.taken,
    Ordered: Conversation.on_ordered,
    Rewrote: Conversation.on_rewrote,
}
_AT_ONCE: Final[dict[type, Callable[[Conversation, Any], None]]] = {
    Answered: Conversation.on_answered,
    Failed: Conversation.on_failed,
    Cancelled: Conversation.on_cancelled,
    Ended: Conversation.on_ended,
    Offered: holding.offered_meanwhile,
    Acknowledged: Conversation.on_acknowledged,
    Moved: Conversation.on_moved,
    Heard: Conversation.on_heard,
    HangUp: Conversation.on_hang_up,
    Progress: Conversation.on_progress,
    Rewrote: Conversation.on_rewrote,
}
"""What is dealt with while an offer of ours is under way; the rest waits for its end."""
_COMMANDS: Final[dict[type, Callable[[Conversation, Any], Awaitable[Outcome]]]] = {
    Hold: holding.hold,
    Resume: holding.resume,
    PushBack: pushing.push_back,
    GiveBack: pushing.give_back,
    Park: parking.park,
    Transfer: transfer.transfer,
    Lock: joining.lock,
    Take: taking.take,
    BargeIn: joining.barge_in,
    Mute: conference.mute,
    Remove: conference.remove,
    End: holding.end,
}
_DEADLINES: Final[dict[str, Callable[[Conversation], Awaitable[None] | None]]] = {
    "unavailable": Conversation.on_unavailable,
    "park recall": parking.recall,
    "parked": parking.spoken,
    "keys": keys.tick,
    "note": pushing.note_deadline,
    "transfer": transfer.overdue,
    "lobby": conference.lobby,
    "listeners": joining.ask_again,
}
DEADLINES: Final = {name: Deadline(name) for name in _DEADLINES}
"""The deadlines that survive a restart."""

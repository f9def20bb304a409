"""The sound of a plain call of two in an engine that rewrites descriptions and relays what they describe (`b2bua.media.rewriter`).

A leg of such a call has no anchor: its sound looks direct, and a feature that needs it brings it to the own engine as any other
(`Conversation.anchor`), whereupon the relay is closed. Until then each description that crosses is rewritten first. That takes a
moment, in which anything may happen: what is to be done with it comes back through the call's mailbox as `Rewrote`, and looks then
whether anybody still waits for it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from b2bua.calls.bridge import Bridge
from b2bua.calls.events import Acknowledged, EarlyAnswered, Failed, HangUp, OfferAnswered, Offered, OfferFailed, Pressed, Rewrote
from b2bua.calls.leg import ENDED, Leg
from b2bua.media.engine import Digit, MediaEvent, Statistics
from b2bua.media.rewriter import Relay, Rewriter, Rewritten
from b2bua.sip import description
from b2bua.sip.values import SipError

if TYPE_CHECKING:
    from b2bua.calls.call import Call

Then = Callable[[Rewritten], None]


class _Given(NamedTuple):
    """What a party was given last: what whom had written, as rewritten."""

    source: str
    body: bytes
    rewritten: bytes


def name_of(leg: Leg) -> str:
    """By what the engine knows a leg: its session id, which no other has and which survives a restart."""
    return f"{leg.local.session_id:x}"


class Relaying:
    """The relay of one call. Begun with the first offer, closed once: when the own engine has the sound, or with the call."""

    __slots__ = ("closed", "_call", "_rewriter", "_relay", "_legs", "_given", "_counted", "_done", "_rang", "_refused")

    def __init__(self, rewriter: Rewriter, call: Call) -> None:
        self.closed = False
        self._rewriter = rewriter
        self._call: Call | None = call
        self._relay: Relay | None = None
        self._legs: dict[str, Leg] = {}
        self._given: dict[str, _Given] = {}
        self._rang = False
        self._refused: Rewritten | None = None
        self._counted: tuple[Statistics, ...] | None = None
        self._done: Callable[[tuple[Statistics, ...]], None] | None = None

    def resume(self) -> None:
        """Go on with what an earlier life of the server has begun."""
        conversation = self._call.conversation if self._call is not None else None
        for party in conversation.parties if conversation is not None else ():
            self._know(party.leg)
        self._open()

    def carries(self, one: Leg, other: Leg) -> bool:
        """Whether what crosses between two legs is rewritten."""
        return not self.closed and one.anchor is None and other.anchor is None

    # Before the answer.

    def invite(self, leg: Leg, offer: bytes, ring: Callable[[bytes], None]) -> None:
        """`ring` with the caller's offer as `leg` is to see it. When there is none, the leg has failed."""
        call = self._call
        if call is not None and call.incoming is not None:
            self.offer(offer, call.incoming, leg, partial(self._ring, leg, offer, ring))

    def _ring(self, leg: Leg, offer: bytes, ring: Callable[[bytes], None], found: Rewritten) -> None:
        if leg.state is ENDED:
            return
        if found.body is not None:
            self._rang = True
            ring(found.body)
        elif self._call is not None and self._call.plan.emergency:
            self.close()  # nothing stands in the way of an emergency call (B9)
            ring(offer)
        elif self._call is not None and not self._rewriter.available:
            self._call.mailbox.post(HangUp(503, ""))  # whomever else the plan names, it would be the same with them
        else:
            self._refused = found
            post = leg.post
            leg.hang_up()
            post(Failed(leg, found.status, found.reason))

    @property
    def refused(self) -> Rewritten | None:
        """Why it rang nowhere at all, if that was for want of a description."""
        return None if self._rang else self._refused

    def for_caller(self, body: bytes, leg: Leg, then: Then) -> None:
        """What a rung leg has described, early or with its answer: an offer, where the caller has made none."""
        call = self._call
        if call is None or call.incoming is None or call.invite is None:
            return
        given = self._given.get(name_of(call.incoming))
        if given is not None and given[:2] == (name_of(leg), body):  # the 2xx repeats what the 183 has said
            self._back(then, Rewritten(given.rewritten))
        elif call.invite.offer is None:
            self.offer(body, leg, call.incoming, then)
        else:
            self.answer(body, leg, call.incoming, then)

    def forget(self, leg: Leg) -> None:
        """A branch that rings no more."""
        found = self._legs.pop(name_of(leg), None)
        if found is not None and self._relay is not None and not self.closed:
            self._relay.forget(name_of(leg))

    # Descriptions.

    def offer(self, body: bytes, source: Leg, target: Leg, then: Then) -> None:
        """Have an offer rewritten; `then` gets it through the mailbox."""
        self._ask(body, source, target, then, offered=True)

    def answer(self, body: bytes, source: Leg, target: Leg, then: Then) -> None:
        """The same with an answer."""
        self._ask(body, source, target, then, offered=False)

    def restore(self, one: Leg, other: Leg) -> None:
        """An offer was refused: what held before is described anew, for the engine has believed the offer."""
        if self.carries(one, other) and one.remote_sdp and other.remote_sdp:
            self.offer(one.remote_sdp, one, other, _nothing)
            self.answer(other.remote_sdp, other, one, _nothing)

    def _ask(self, body: bytes, source: Leg, target: Leg, then: Then, *, offered: bool) -> None:
        if self.closed:
            self._back(then, Rewritten(body))
            return
        flaw = self._flaw(body)
        if flaw is not None:
            self._back(then, flaw)
            return
        self._know(source)
        self._know(target)
        relay, names = self._open(), (name_of(source), name_of(target))
        ask = relay.offer if offered else relay.answer
        ask(body, *names, partial(self._rewritten, then, body, *names))

    def _flaw(self, body: bytes) -> Rewritten | None:
        """Why no packet may be sent where a description wants them."""
        call = self._call
        try:
            reason = description.hostile(description.parse(body), call.index.is_own_media) if call is not None else ""
        except SipError as error:
            return Rewritten(None, error.status, error.reason)
        return Rewritten(None, 488, reason) if reason else None

    def _rewritten(self, then: Then, body: bytes, source: str, target: str, found: Rewritten) -> None:
        if found.body is not None:
            self._given[target] = _Given(source, body, found.body)
        self._back(then, found)

    def _back(self, then: Then, found: Rewritten) -> None:
        if self._call is not None:
            self._call.mailbox.post(Rewrote(partial(then, found)))

    def _know(self, leg: Leg) -> None:
        self._legs[name_of(leg)] = leg
        if self._call is not None:
            self._call.record.places[name_of(leg)] = leg.party

    def _open(self) -> Relay:
        if self._relay is None:
            assert self._call is not None
            self._relay = self._rewriter.relay(self._call.id, self._on_media)
        return self._relay

    def _on_media(self, event: MediaEvent) -> None:
        """A key that the engine has seen, and has let through as well."""
        leg = self._legs.get(event.termination)
        if isinstance(event, Digit) and leg is not None:
            leg.post(Pressed(leg, event.digit, crossed=True))

    # The end.

    def close(self) -> None:
        """The own engine has the sound now, or nobody: the ports are given back."""
        if self.closed:
            return
        self.closed = True
        if self._relay is None:
            self._on_closed(())
        else:
            self._relay.close(self._on_closed)

    def finish(self, done: Callable[[tuple[Statistics, ...]], None]) -> None:
        """The call is over. `done` gets what was counted, now or as soon as it is known."""
        self.close()
        self._call = None
        if self._counted is not None:
            done(self._counted)
        else:
            self._done = done

    def _on_closed(self, counted: tuple[Statistics, ...]) -> None:
        self._counted = counted
        self._relay = None
        self._legs.clear()
        self._given.clear()
        done, self._done = self._done, None
        if done is not None:
            done(counted)


def _nothing(found: Rewritten) -> None:
    """Nobody waits for it."""


def bridge_between(one: Leg, other: Leg, relaying: Relaying | None) -> Bridge:
    """What joins two legs, by way of the relay where there is one."""
    return Bridge(one, other) if relaying is None else RelayedBridge(one, other, relaying)


class RelayedBridge(Bridge):
    """A bridge on which descriptions are rewritten before they cross, as long as the relay has the sound."""

    __slots__ = ("_relaying",)

    def __init__(self, caller: Leg, called: Leg, relaying: Relaying) -> None:
        super().__init__(caller, called)
        self._relaying = relaying

    def _carries(self) -> bool:
        return self._relaying.carries(self.caller, self.called)

    def offered(self, event: Offered) -> None:
        if event.sdp is None or not self._carries():
            super().offered(event)
        else:
            self._relaying.offer(event.sdp, event.leg, self.other(event.leg), partial(self._offer, event))

    def _offer(self, event: Offered, found: Rewritten) -> None:
        leg = event.leg
        if event.tx.answered or leg.state is ENDED:
            return  # the peer has taken it back
        if found.body is None or not self._carries():
            self._refuse(leg, found)
        else:
            super().offered(event._replace(sdp=found.body))

    def _refuse(self, leg: Leg, found: Rewritten) -> None:
        """Refuse what a peer has offered; 491, as to an offer that crosses one, where the sound has been taken elsewhere meanwhile."""
        if self._carries():
            leg.refuse_offer(found.status, found.reason)
        else:
            leg.refuse_offer(491)

    def answered(self, event: OfferAnswered) -> None:
        leg, other = event.leg, self.other(event.leg)
        if event.sdp is None or not self._carries():
            super().answered(event)
        elif leg.owes_answer:  # it was asked for an offer, and has made one
            self._relaying.offer(event.sdp, leg, other, partial(self._answer, event))
        else:
            self._relaying.answer(event.sdp, leg, other, partial(self._answer, event))

    def _answer(self, event: OfferAnswered, found: Rewritten) -> None:
        if found.body is not None:
            super().answered(event._replace(sdp=found.body))
            return
        self._refuse(self.other(event.leg), found)
        if event.leg.owes_answer:
            event.leg.acknowledge(event.leg.local.last)  # what held holds on

    def failed(self, event: OfferFailed) -> None:
        other = self.other(event.leg)
        super().failed(event)
        if not event.leg.deciding:  # an offer that crossed goes on
            self._relaying.restore(other, event.leg)

    def acknowledged(self, event: Acknowledged) -> None:
        other = self.other(event.leg)
        if event.sdp is None or not other.owes_answer or not self._carries():
            super().acknowledged(event)
        else:
            self._relaying.answer(event.sdp, event.leg, other, partial(self._acknowledge, event))

    def _acknowledge(self, event: Acknowledged, found: Rewritten) -> None:
        body = found.body or self.other(event.leg).local.last
        super().acknowledged(event._replace(sdp=body or None))

    def early_answered(self, event: EarlyAnswered) -> None:
        if self._carries():
            self._relaying.answer(event.sdp, event.leg, self.other(event.leg), partial(self._early_answer, event))
        else:
            super().early_answered(event)

    def _early_answer(self, event: EarlyAnswered, found: Rewritten) -> None:
        if event.leg.state is not ENDED:
            super().early_answered(event._replace(sdp=found.body or b""))

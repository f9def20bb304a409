"""The sound of a conversation: who hears what, where it flows, and the offers that bring it to the media engine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from b2bua.calls import keys
from b2bua.calls.bridge import Bridge
from b2bua.calls.events import Deadline, Event, OfferAnswered, OfferFailed
from b2bua.calls.leg import ENDED, Leg
from b2bua.calls.party import Party
from b2bua.calls.relaying import bridge_between
from b2bua.calls.topology import MUSIC
from b2bua.media.engine import Context, Play
from b2bua.sip import description
from b2bua.sip.description import TELEPHONE_EVENT, Format
from b2bua.sip.timers import Timer

if TYPE_CHECKING:
    from b2bua.calls.call import Call
    from b2bua.calls.hunt import Hunt
    from b2bua.calls.index import CallIndex
    from b2bua.calls.mailbox import Mailbox
    from b2bua.calls.record import Record

REOFFERS: Final = 4
"""How often an offer of ours is repeated that crossed an offer of the peer (RFC 3261 §14.1)."""
_REOFFER: Final = Deadline("reoffer")


class Sounding(ABC):
    """What a conversation needs to bring sound to its parties; `Conversation` is the only one."""

    __slots__ = (
        "call", "id", "index", "mailbox", "record", "parties", "hunt", "idle", "plays", "leaving", "moving", "room", "due", "_bridge", "_context", "_timers",
    )  # fmt: skip

    def __init__(self, call: Call) -> None:
        self.call = call
        self.id = call.id
        self.index: CallIndex = call.index
        self.mailbox: Mailbox = call.mailbox
        self.record: Record = call.record
        self.parties: list[Party] = []
        self.hunt: Hunt | None = None
        """Who is rung for those who wait."""
        self.idle: Play = MUSIC
        """What waiting parties hear."""
        self.plays: dict[str, Play] = {}
        """What is played to a party besides, by termination."""
        self.leaving: Party | None = None
        """Who has sent the others away and has not hung up yet: they come back to them if all else fails."""
        self.moving: Party | None = None
        """Who is about to send the others away, while their sound is brought to us: the others stay if they hang up."""
        self.room: str | None = None
        """The conference room that this is."""
        self.due: dict[str, float] = {}
        """When the deadlines are, by name."""
        self._bridge: Bridge | None = None
        self._context: Context | None = None
        self._timers: dict[str, Timer] = {}

    @abstractmethod
    def apply(self, why: str = "") -> None:
        """Make the sound and the record fit who is in the call and what they do."""

    @abstractmethod
    def meanwhile(self, event: Event) -> None:
        """Deal with what cannot wait while an offer of ours is under way; put the rest aside."""

    @abstractmethod
    def goes_on(self) -> bool:
        """Whether there is a call without who has just left."""

    @abstractmethod
    def end(self, status: int = 480, headers: str = "") -> None:
        """Everybody is let go."""

    @property
    def now(self) -> float:
        return self.index.stack.now

    def others(self, party: Party) -> list[Party]:
        return [other for other in self.parties if other is not party]

    def talking(self, besides: Party | None = None) -> list[Party]:
        """Who talks here, `besides` somebody: nobody who has hung up, or waits to be let into a conference."""
        return [each for each in self.heard_parties() if each is not besides and each.role == "talk" and not each.waits and each.leg.state is not ENDED]

    @property
    def anchored(self) -> bool:
        """Whether everybody's sound comes to the engine."""
        return all(party.anchored for party in self.parties)

    def heard_parties(self) -> list[Party]:
        """Those who take part: who has sent the others away hears nothing any more."""
        if self.leaving is None:
            return self.parties
        return [party for party in self.parties if party is not self.leaving]

    def play(self, party: Party, play: Play) -> None:
        """Let one party hear something, in place of the others or over them; `Heard` follows."""
        if party.leg.anchor is not None and self.index.media is not None:
            self.plays[party.leg.anchor.id] = play
            self.apply()

    def formats_for(self, party: Party | None) -> tuple[Format, ...]:
        """What `party` (None: a new one) may be offered so that the others understand it, best first."""
        others = [other for other in self.heard_parties() if other is not party and other.anchored]
        agreed = others[0].formats() if len(others) == 1 else ()
        mixable = [each for each in description.MIXABLE if all(other.mixable for other in others)]
        taken = {each.payload_type for each in agreed}
        known = {(each.encoding, each.clock) for each in agreed}
        more = tuple(each for each in (*mixable, TELEPHONE_EVENT) if (each.encoding, each.clock) not in known and each.payload_type not in taken)
        return (*agreed, *more)

    def agreeable(self, party: Party | None) -> tuple[tuple[Format, ...], ...]:
        """What to answer an offer of `party` with, in order of preference: what the other has agreed on, so that nothing need be
        converted, else what the engine can convert."""
        others = [other for other in self.heard_parties() if other is not party and other.anchored]
        first = ((*others[0].formats(), TELEPHONE_EVENT),) if len(others) == 1 and others[0].role == "talk" else ()
        return (*first, (*description.MIXABLE, TELEPHONE_EVENT)) if all(other.mixable for other in others) else first

    async def anchor(self, only: Iterable[Party] | None = None) -> bool:
        """Bring everybody's sound to the engine, by re-INVITE where it goes directly. False when that cannot be; nothing has changed then."""
        media = self.index.media
        if media is None or not media.available:
            return False
        moved: list[tuple[Party, bytes]] = []
        for party in list(self.parties if only is None else only):
            if party.anchored:
                continue
            leg, before = party.leg, party.leg.local.last
            self.index.anchor(leg)
            assert leg.anchor is not None
            if await self.reoffer(party, description.offer_again(before, leg.anchor.host, leg.anchor.port, _own_formats(party))):
                moved.append((party, before))
                continue
            self.index.unanchor(leg)
            for earlier, body in reversed(moved):
                self.index.unanchor(earlier.leg)
                await self.reoffer(earlier, body)
            return False
        for party in self.parties:
            keys.listen(self, party)
        if moved:
            self.index.keeping.at_once(self.call)
        return True

    async def bring(self, party: Party, *, whole: bool = False, stays: bool = False) -> bool:
        """Bring the sound of those to the engine whom `party` sends away; with `whole` theirs as well, if their phone lets it; it must if
        they stay. They may hang up meanwhile, as people do who have pressed the last key: the others stay."""
        waiting = self.others(party)
        self.moving = party
        try:
            anchored = (whole or stays) and await self.anchor()
            if not anchored and not (stays and party in self.parties):
                anchored = await self.anchor(waiting)
        finally:
            self.moving = None
        if not anchored and self.parties and not self.goes_on():
            self.end()
        return anchored

    async def reoffer(self, party: Party, body: bytes) -> bool:
        """Offer `body` to a party and wait for its answer; whether it agreed. Meanwhile only what cannot wait is dealt with."""
        leg = party.leg
        tries = 0
        leg.offer(body)
        while party in self.parties:
            event = await self.mailbox
            if isinstance(event, (OfferAnswered, OfferFailed)) and event.leg is leg:
                if isinstance(event, OfferAnswered):
                    return event.sdp is not None and not self.index.hostile(event.sdp, leg)
                tries += 1
                if event.status != 491 or tries >= REOFFERS:
                    return False
                self.after(_REOFFER, self._back_off(leg))
            elif event is _REOFFER:
                leg.offer(body)
            else:
                self.meanwhile(event)
        self.cancel_timer(_REOFFER.name)
        return False

    def _back_off(self, leg: Leg) -> float:
        """How long to wait when offers have crossed: longer for who began the dialog (RFC 3261 §14.1)."""
        lot = int(self.index.stack.ids.token()[:4], 16) / 65536
        return 2.1 + 1.9 * lot if leg.endpoint is not None else 2.0 * lot

    # Where offers cross.

    def crossing(self, leg: Leg) -> Bridge | None:
        """Where what `leg` asks is put to the other side: only when there are two, who talk."""
        bridge = self._bridge
        if len(self.parties) != 2 or self.hunt is not None or self.room is not None or any(party.role != "talk" or party.aside for party in self.parties):
            return None
        one, other = self.parties[0].leg, self.parties[1].leg
        if leg is not one and leg is not other:
            return None
        if bridge is None or {bridge.caller, bridge.called} != {one, other}:
            bridge = self._bridge = bridge_between(one, other, self.call.relaying)
        return bridge

    # Time.

    def after(self, deadline: Deadline, seconds: float) -> None:
        """Post `deadline` in so many seconds; a running one of that name is replaced."""
        self.cancel_timer(deadline.name)
        self.due[deadline.name] = self.now + seconds
        self._timers[deadline.name] = self.index.stack.timers.after(self.now, seconds, self._on_timer, deadline)

    def cancel_timer(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        self.due.pop(name, None)
        if timer is not None:
            timer.cancel()

    def _on_timer(self, now: float, deadline: Deadline) -> None:
        self._timers.pop(deadline.name, None)
        self.due.pop(deadline.name, None)
        self.mailbox.post(deadline)


def _own_formats(party: Party) -> tuple[Format, ...]:
    """What a party has said that it understands and the engine does too; everything that the engine knows, where that is nothing."""
    stream = party.audio()
    known = tuple(each for each in stream.formats if description.is_mixable(each) or each.encoding == "TELEPHONE-EVENT") if stream is not None else ()
    return known if any(description.is_mixable(each) for each in known) else (*description.MIXABLE, TELEPHONE_EVENT)

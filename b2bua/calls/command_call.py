"""A call to the server itself for a call that the caller has on hold, or talks in at another phone: ``##20``, ``*68``, ``*83`` … dialled
anew (C3, C5, C9, C14).

The command is given to that call; what has become of it answers the INVITE. Who has parked a call hears the slot, everybody else a
tone, as far as there is a media engine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from b2bua.calls import parking
from b2bua.calls.call import Call
from b2bua.calls.commands import Command, Outcome, Park
from b2bua.calls.events import Acknowledged, Cancelled, CarriedOut, Deadline, Event, HangUp, Heard, Offered, Ordered
from b2bua.calls.identity import Origin
from b2bua.calls.record import Record
from b2bua.calls.service_call import CONFIRMATION_SECONDS, READ, ServiceCall, joins_nothing
from b2bua.delegation.plan import Caller, RoutePlan
from b2bua.media.engine import Context, MediaEvent, Play, Played
from b2bua.sip import description
from b2bua.sip.description import TELEPHONE_EVENT
from b2bua.sip.values import SipError

if TYPE_CHECKING:
    from b2bua.calls.index import CallIndex

COMMAND_SECONDS: Final = 20.0
"""How long the other call may take: the phones in it may have to agree to a new description."""
_LATE: Final = Deadline("command")
_ORIGIN: Final = Origin(70, private=False, subject="", priority="", vouched=True)  # nobody is called for it


class CommandCall(ServiceCall):
    """Gives `command` to `target`, and tells the caller how that went. None: somebody else is asked (`LogInCall`)."""

    __slots__ = ("_command", "_target", "_sounds")

    def __init__(
        self, index: CallIndex, call_id: str, plan: RoutePlan, caller: Caller, record: Record, command: Command | None, target: Call | None
    ) -> None:
        super().__init__(index, call_id, plan, caller, _ORIGIN, record)
        self._command = command
        self._target: Call | None = target
        self._sounds: tuple[str, ...] = ("tone:confirm",)

    def _handle(self, event: Event) -> None:
        handler = _HANDLERS.get(type(event))
        if handler is not None:
            handler(self, event)
        else:
            super()._handle(event)

    def _obey(self) -> None:
        """Ask the other call; `CarriedOut` follows."""
        target, self._target = self._target, None
        assert target is not None and self._command is not None
        self._after(COMMAND_SECONDS, _LATE)
        target.mailbox.post(Ordered(self._command, self._on_outcome(target.id)))

    def _on_outcome(self, target: str) -> Callable[[Outcome], None]:
        """What is told the outcome; a slot is looked up at once, for the call may leave it again."""

        def tell(outcome: Outcome) -> None:
            slot = self.index.parking.slot_of(target) if outcome.done and isinstance(self._command, Park) else None
            if slot is not None:
                self._sounds = parking.sounds(slot)
            self.mailbox.post(CarriedOut(outcome))

        return tell

    def _on_carried_out(self, event: CarriedOut) -> None:
        outcome = event.outcome
        self._cancel_timer()
        if not outcome.done:
            self._refuse(outcome.status, outcome.words)
            return
        self.plan = self.plan._replace(confirmation=outcome.words)
        try:
            self._answer()
        except SipError as error:
            self._fail_call(error)
        else:
            self.record.served()

    def _answer(self) -> None:
        """With sound where that can be, else with a description that joins nothing. Raises `SipError`."""
        invite, leg = self.invite, self.incoming
        assert invite is not None and leg is not None
        try:
            body = self._with_sound(invite.offer)
            if body is not None:
                invite.answer(body, headers=self._confirmation())
                return
        except SipError as error:
            self.index.log.debug("no sound for a code", call=self.id, reason=error.reason)
        self.index.unanchor(leg)
        invite.answer(joins_nothing(invite.offer, self.index.media_address), headers=self._confirmation())

    def _with_sound(self, offer: bytes | None) -> bytes | None:
        """Our description to the caller when it is to hear something; None without a media engine. Raises `SipError(488)`."""
        index, leg = self.index, self.incoming
        if index.media is None or not index.media.available or leg is None:
            return None
        index.anchor(leg)
        anchor = leg.anchor
        assert anchor is not None
        formats = (*description.MIXABLE, TELEPHONE_EVENT)
        if offer is None:
            return description.offer(anchor.host, anchor.port, formats)
        wanted = description.parse(offer)
        reason = description.hostile(wanted, index.is_own_media, anchor.host)
        if reason:
            raise SipError(488, reason)
        return description.answer(wanted, anchor.host, anchor.port, formats)

    def _refuse(self, status: int, words: str) -> None:
        """Nothing has been done; the words say why."""
        self.plan = self.plan._replace(action="refuse" if status < 500 else self.plan.action, final_status=status, warning=words)
        self.record.refuse(status)
        incoming, self.incoming = self.incoming, None
        if incoming is not None:
            incoming.hang_up(status, headers=self.index.warning(words))

    # The sound.

    def _on_acknowledged(self, event: Acknowledged) -> None:
        """The caller is there: it hears what there is to hear, for as long as that can be read."""
        if self._timer is not None:
            return
        speaks = self._play()
        self._after(parking.SPEAKING_SECONDS if speaks and len(self._sounds) > 1 else CONFIRMATION_SECONDS, READ)

    def _play(self) -> bool:
        """Let the caller hear the sounds; whether it can."""
        leg, media = self.incoming, self.index.media
        if media is None or leg is None or leg.anchor is None:
            return False
        try:
            termination = leg.anchor.termination()
        except SipError:
            return False
        if termination is None:
            return False
        media.listen(termination.id, self._on_media)
        self.index.uses_media(self)
        media.set(Context(self.id, (termination,), plays={termination.id: Play("code", self._sounds)}))
        return True

    def _on_media(self, event: MediaEvent) -> None:
        if isinstance(event, Played) and self.incoming is not None:
            self.mailbox.post(Heard(self.incoming, event.play))

    def _on_sounds_over(self, event: Heard) -> None:
        """A slot has been spoken; a tone is over sooner than the display can be read."""
        if len(self._sounds) > 1:
            self._good_bye()

    def _on_new_offer(self, event: Offered) -> None:
        """A re-INVITE or UPDATE meanwhile: the same sound, wherever it is wanted."""
        leg = event.leg
        if leg.anchor is None or event.sdp is None:
            self._on_offered(event)
            return
        try:
            leg.answer_offer(self._with_sound(event.sdp) or leg.local.last)
        except SipError as error:
            leg.refuse_offer(error.status, error.reason)
            return
        self._play()

    # Endings.

    def _on_due(self, event: Deadline) -> None:
        if event is READ:
            self._good_bye()
        else:
            self._refuse(504, "the call has not done it in time")

    def _on_cancelled(self, event: Cancelled) -> None:
        """The caller gave up before the answer; what has been asked is done all the same."""
        if not self.record.status:
            self.record.cancel()
        self.incoming = None

    def _on_stop(self, event: HangUp) -> None:
        """The server ends the call."""
        self.record.refuse(event.status)
        self._good_bye()


_HANDLERS: Final[dict[type, Callable[[CommandCall, Any], None]]] = {
    CarriedOut: CommandCall._on_carried_out,
    Acknowledged: CommandCall._on_acknowledged,
    Heard: CommandCall._on_sounds_over,
    Offered: CommandCall._on_new_offer,
    Deadline: CommandCall._on_due,
    Cancelled: CommandCall._on_cancelled,
    HangUp: CommandCall._on_stop,
}
"""What a feature code that acts on another call does differently."""

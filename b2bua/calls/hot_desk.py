"""Logging in on a shared phone (E7): the PIN is looked at beside the calls, and the phone hears what came of it.

The PIN is here for as long as it takes to hand it on, and nowhere else: what is kept and shown of the call has stars in its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from b2bua.calls.command_call import CommandCall
from b2bua.calls.commands import Outcome
from b2bua.calls.events import CarriedOut, Deadline, Event
from b2bua.calls.ports import PinAnswer
from b2bua.calls.record import Record
from b2bua.calls.service_call import joins_nothing
from b2bua.delegation.plan import Caller, RoutePlan
from b2bua.sip.values import SipError

if TYPE_CHECKING:
    from b2bua.calls.index import CallIndex

PIN_SECONDS: Final = 5.0
"""How long the answer may take."""
_LATE: Final = Deadline("PIN")
_REFUSED: Final[dict[PinAnswer, Outcome]] = {
    "wrong": Outcome(403, "wrong PIN"),
    "locked": Outcome(403, "too many wrong PINs: try again in a quarter of an hour"),
    "must_change": Outcome(403, "your PIN was reset: choose one of your own on the page first"),
    "none": Outcome(403, "you have no PIN: choose one on the page first"),
    "busy": Outcome(503, "too many log in at once: try again in some seconds"),
}


class LogInCall(CommandCall):
    """Asks whether the PIN is right, and only then does what the plan says."""

    __slots__ = ("_pin",)

    def __init__(self, index: CallIndex, call_id: str, plan: RoutePlan, caller: Caller, record: Record, pin: str) -> None:
        super().__init__(index, call_id, plan, caller, record, None, None)
        self._pin = pin

    def _handle(self, event: Event) -> None:
        if event is _LATE:
            self._refuse(504, "the PIN could not be looked at in time: try again")
            return
        if isinstance(event, CarriedOut) and event.outcome.done:
            self.index.remember(self.plan.settings)
        super()._handle(event)

    def _obey(self) -> None:
        """Ask; `CarriedOut` follows. An INVITE whose offer cannot be answered asks nothing."""
        invite, index, pin = self.invite, self.index, self._pin
        self._pin = ""
        assert invite is not None and self.plan.pin_of is not None
        try:
            joins_nothing(invite.offer, index.media_address)
        except SipError as error:
            self._fail_call(error)
            return
        self._after(PIN_SECONDS, _LATE)
        index.verify_pin(self.plan.pin_of, pin, self._on_answer)

    def _on_answer(self, answer: PinAnswer) -> None:
        self.mailbox.post(CarriedOut(_REFUSED.get(answer) or Outcome(200, self.plan.confirmation)))


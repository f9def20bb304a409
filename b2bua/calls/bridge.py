"""The bridge: two legs that speak with each other. The media go directly between the parties; offers and answers cross.

What one party asks (re-INVITE, UPDATE, INFO) is put to the other, and the other's word is the answer.
"""

from __future__ import annotations

from b2bua.calls.events import Acknowledged, EarlyAnswered, Info, OfferAnswered, Offered, OfferFailed
from b2bua.calls.leg import Leg


class Bridge:
    """Joins `caller` and `called`; either may be asked for the other."""

    __slots__ = ("caller", "called")

    def __init__(self, caller: Leg, called: Leg) -> None:
        self.caller = caller
        self.called = called

    def other(self, leg: Leg) -> Leg:
        return self.called if leg is self.caller else self.caller

    def offered(self, event: Offered) -> None:
        """An offer, or the wish for one, goes to the other leg by the same method."""
        self.other(event.leg).offer(event.sdp, update=event.tx.method != "INVITE")

    def answered(self, event: OfferAnswered) -> None:
        """The other leg's answer (or the offer that was asked for) goes back."""
        other = self.other(event.leg)
        if event.sdp is None:
            other.refuse_offer(488)
        else:
            other.answer_offer(event.sdp)

    def failed(self, event: OfferFailed) -> None:
        """The refusal goes back; the session stays as it was on both legs (RFC 3261 §14.2)."""
        status = event.status if event.status not in (401, 407) else 488
        self.other(event.leg).refuse_offer(status, event.reason if event.status == status else "")

    def acknowledged(self, event: Acknowledged) -> None:
        """The ACK of our 2xx: the answer in it is what the other leg's ACK still owes."""
        other = self.other(event.leg)
        if not other.owes_answer:
            return
        if event.sdp is None or not other.acknowledge(event.sdp):
            event.leg.lose("ACK without the answer that it owes")

    def early_answered(self, event: EarlyAnswered) -> None:
        """PRACK brought the answer to the called party's early offer."""
        if not self.other(event.leg).acknowledge_early(event.sdp):
            event.leg.lose("PRACK without a usable answer")

    def info(self, event: Info) -> None:
        """INFO crosses as it is (RFC 6086; DTMF of many phones)."""
        self.other(event.leg).info(event.content_type, event.body, event.tx)

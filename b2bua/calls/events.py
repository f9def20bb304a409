"""What a call is told through its mailbox. Every event names the leg it is about.

Bodies are session descriptions as the peer wrote them; None where the message had none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from b2bua.calls.leg import Leg
    from b2bua.sip.transaction import ServerTransaction


class Progress(NamedTuple):
    """A rung leg sent a provisional response above 100. `early` tells the early dialogs of one INVITE apart."""

    leg: Leg
    status: int
    sdp: bytes | None
    reliable: bool
    early: str


class Answered(NamedTuple):
    """A rung leg answered; `sdp` is its answer, or its offer when the INVITE had none."""

    leg: Leg
    sdp: bytes | None
    early: str


class Failed(NamedTuple):
    """A rung leg will not answer."""

    leg: Leg
    status: int
    reason: str


class Cancelled(NamedTuple):
    """The caller gave up before the answer; `reason` is the Reason header line for the other legs, or ""."""

    leg: Leg
    reason: str = ""


class Acknowledged(NamedTuple):
    """The ACK of our 2xx came; `sdp` is the answer to the offer in our 2xx."""

    leg: Leg
    sdp: bytes | None


class Offered(NamedTuple):
    """A re-INVITE, UPDATE or PRACK with an offer, or a re-INVITE that asks for one (`sdp` None). Answer it on `leg`."""

    leg: Leg
    tx: ServerTransaction
    sdp: bytes | None


class OfferAnswered(NamedTuple):
    """The peer accepted our re-INVITE or UPDATE; `sdp` is its answer, or its offer when ours asked for one."""

    leg: Leg
    sdp: bytes | None


class OfferFailed(NamedTuple):
    """The peer refused our re-INVITE or UPDATE; the session stays as it was."""

    leg: Leg
    status: int
    reason: str


class EarlyAnswered(NamedTuple):
    """PRACK brought the answer to the offer of our reliable provisional response."""

    leg: Leg
    sdp: bytes


class Info(NamedTuple):
    """An INFO request, to be answered through `tx`."""

    leg: Leg
    tx: ServerTransaction
    content_type: str
    body: bytes


class Ended(NamedTuple):
    """The leg is over: the peer hung up (`reason`: Reason header line for the other leg, or ""), or it is `lost`."""

    leg: Leg
    reason: str
    lost: str = ""


class Deadline(NamedTuple):
    """A timer of the call itself; `name` says which."""

    name: str


class HangUp(NamedTuple):
    """The server ends the call (drain deadline, a crash, an administrator)."""

    status: int
    reason: str


Event = (
    Progress | Answered | Failed | Cancelled | Acknowledged | Offered | OfferAnswered | OfferFailed | EarlyAnswered | Info | Ended
    | Deadline | HangUp
)  # fmt: skip

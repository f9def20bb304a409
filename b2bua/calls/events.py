"""What a call is told through its mailbox. Events of a party name the leg.

Bodies are session descriptions as the peer wrote them; None where the message had none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from b2bua.calls.commands import Command, Outcome

if TYPE_CHECKING:
    from b2bua.calls.conversation import Conversation
    from b2bua.calls.invite_server import ServerInvite
    from b2bua.calls.leg import Leg
    from b2bua.calls.referral import Referral
    from b2bua.delegation.plan import Caller
    from b2bua.sip.message import Request
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


class Moved(NamedTuple):
    """The peer has described its sound anew on the occasion of a session refresh."""

    leg: Leg


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


class Referred(NamedTuple):
    """A REFER in the dialog of a leg (RFC 3515), to be answered through `tx`."""

    leg: Leg
    tx: ServerTransaction
    request: Request


class Joining(NamedTuple):
    """Somebody who has dialled a feature, or sent Replaces or Join, wants into this call. `invite` is to be answered, or refused through
    `leg`; `feature` says how they come in: a key of `features.IN_CALL`. `actor` is an extension. `replaces`: the leg that is replaced."""

    leg: Leg
    invite: ServerInvite
    actor: str
    feature: str
    replaces: Leg | None = None
    argument: str = ""
    """What was dialled after the code: the extension of who is meant, or the room."""
    caller: Caller | None = None
    """conference: who comes in; an outside caller is no `actor`."""


class Taken(NamedTuple):
    """The actor of a `Take` has answered on `leg`; the rest as in `Joining`."""

    leg: Leg
    actor: str
    feature: str
    replaces: Leg | None
    argument: str


class Merging(NamedTuple):
    """A transferor wants the others of this call and those of `other` to be together (C15). `leg` is the transferor's here."""

    leg: Leg
    other: Conversation
    referral: Referral


class Ordered(NamedTuple):
    """A command; `done` is called once with its outcome."""

    command: Command
    done: Callable[[Outcome], None]


class CarriedOut(NamedTuple):
    """What has become of a command that this call has given to another one."""

    outcome: Outcome


class Pressed(NamedTuple):
    """A party pressed a key that was taken out of its sound; `crossed`: that was only seen in it, and has reached the other side."""

    leg: Leg
    digit: str
    crossed: bool = False


class Heard(NamedTuple):
    """What was played to a party is over; `play` is its id."""

    leg: Leg
    play: str


class Rewrote(NamedTuple):
    """A description has been rewritten, or could not be; `go_on` looks who still waits for it."""

    go_on: Callable[[], None]


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
    | Deadline | HangUp | Referred | Merging | Joining | Taken | Ordered | CarriedOut | Pressed | Heard | Moved | Rewrote
)  # fmt: skip

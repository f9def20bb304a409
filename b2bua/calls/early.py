"""Early media for who has clicked to dial: what the far end lets them hear before it answers, an announcement or the ringing of another
network (RFC 3960). It is heard in place of our own ringing as long as nobody else is rung.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from b2bua.calls.events import Progress
from b2bua.calls.party import Party
from b2bua.delegation.plan import Presentation

if TYPE_CHECKING:
    from b2bua.calls.conversation import Conversation


class Early(Party):
    """Who is about to answer. One that sends and does not receive announces something; it holds nobody."""

    __slots__ = ()

    @property
    def holding(self) -> bool:
        return False


def progress(conversation: Conversation, event: Progress) -> None:
    """Somebody who is rung for the first time describes sound."""
    hunt, leg = conversation.hunt, event.leg
    if conversation.record.is_answered or event.sdp is None or hunt is None or hunt.branch_of(leg) is None:
        return
    if leg.anchor is not None and not conversation.index.hostile(event.sdp, leg):
        conversation.early = Early(leg, None, Presentation("", leg.party))
        conversation.apply()


def heard_parties(conversation: Conversation) -> Sequence[Party]:
    """Those who take part, with who is heard before the answer; who does not ring any more, or not alone, is forgotten."""
    early, hunt = conversation.early, conversation.hunt
    if early is None:
        return conversation.heard_parties()
    if hunt is None or len(hunt.legs) != 1 or hunt.branch_of(early.leg) is None:
        conversation.early = None
        return conversation.heard_parties()
    return (*conversation.heard_parties(), early)

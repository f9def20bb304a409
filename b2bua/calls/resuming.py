"""What a restarted server does first in a call: it rings again whom it was ringing, and leaves nobody alone.

A transfer goes on where somebody was being rung: the transferor's leg is in the snapshot, and so is what they are told. Two calls that
were to become one stay two, for neither knows any more how far the other had come.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from b2bua.calls import transfer
from b2bua.calls.party import Party
from b2bua.calls.referral import Referral
from b2bua.delegation.plan import RoutePlan
from b2bua.store import decisions

if TYPE_CHECKING:
    from b2bua.calls.conversation import Conversation


class Resumed(NamedTuple):
    """What was under way when the server was restarted."""

    plan: RoutePlan | None
    """By what somebody was being rung for those who wait."""
    transferor: str | None
    """Who was sending the others away, by extension."""


def dump(conversation: Conversation, parties: Sequence[Party]) -> dict[str, Any]:
    """Who is being rung, and the transfer, as plain data. `parties` are those that are kept."""
    referral, leaving, hunt = conversation.referral, conversation.leaving, conversation.hunt
    return {
        "hunt": hunt.plan if hunt is not None else None,
        "leaving": parties.index(leaving) if leaving is not None and leaving in parties else None,
        "referral": referral.dump() if referral is not None and referral.home == conversation.id else None,
    }


def load(conversation: Conversation, parties: Sequence[Party | None], data: dict[str, Any]) -> None:
    """The same again. `parties` are those that were kept, None for who cannot be reached any more."""
    plan = decisions.plan_of(data["hunt"]) if data["hunt"] is not None else None
    kept = data["referral"]
    leaving = parties[data["leaving"]] if data["leaving"] is not None else None
    rest = decisions.plan_of(kept["rest"]) if kept is not None and kept["rest"] is not None else None
    if leaving is not None:
        conversation.leaving = leaving
        if kept is not None:
            conversation.referral = Referral.load(conversation, leaving, rest, kept)
    elif plan is not None and rest is not None:
        plan = plan._replace(stages=(*plan.stages, *rest.stages))  # the transferor cannot have the call back but by being rung
    conversation.resumed = Resumed(plan, kept["actor"] if kept is not None else None)


def go_on(conversation: Conversation, resumed: Resumed) -> None:
    """Ring again; without anybody to be rung, everybody is where they were before, if two of them are left."""
    if any(party.anchored for party in conversation.parties):
        conversation.index.uses_media(conversation.call)
    waiting = any(party.role == "talk" for party in conversation.heard_parties())
    if resumed.plan is not None and waiting:
        conversation.ring(resumed.plan, conversation.why, conversation.idle)
    else:
        transfer.broken_off(conversation, resumed.transferor)
        if conversation.why != "answered":
            conversation.introduce()  # their phones may not have been told yet whom they have now

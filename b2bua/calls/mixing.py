"""Before more than two hear each other: everybody has to speak what the mixer understands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.calls.party import Party
from b2bua.sip import description
from b2bua.sip.description import MIXABLE, TELEPHONE_EVENT

if TYPE_CHECKING:
    from b2bua.calls.conversation import Conversation


async def make_mixable(conversation: Conversation, without: Party | None = None) -> bool:
    """Offer whoever may send what the mixer cannot decode (Opus) what it can: G.722 and G.711.

    All are anchored already; `without` is about to leave. False when somebody refuses or hangs up: nothing has changed then for the
    others.
    """
    changed: list[tuple[Party, bytes]] = []
    while (party := _unmixable(conversation, without)) is not None:  # somebody may come in meanwhile
        anchor, before = party.leg.anchor, party.leg.local.last
        assert anchor is not None
        offer = description.offer_again(before, anchor.host, anchor.port, (*MIXABLE, TELEPHONE_EVENT))
        agreed = await conversation.reoffer(party, offer)
        if agreed:
            changed.append((party, before))
        if not agreed or not _agrees(party):
            for earlier, body in reversed(changed):
                await conversation.reoffer(earlier, body)
            conversation.apply()
            return False
    if changed:
        conversation.apply()
    return True


def _unmixable(conversation: Conversation, without: Party | None) -> Party | None:
    for party in conversation.parties:
        if party is not without and party.anchored and not party.sends_mixable:
            return party
    return None


def _agrees(party: Party) -> bool:
    """Whether the answer has a codec of our offer at all."""
    known = party.termination()
    return party.sends_mixable and known is not None and bool(known.streams) and party.mixable

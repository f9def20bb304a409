"""Who is shown to whom in a call that has been answered, and as whom a party is known who waits for somebody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.calls.identity import name_addr
from b2bua.calls.party import Party
from b2bua.delegation.handover import Waiting
from b2bua.delegation.plan import Caller, Presentation

if TYPE_CHECKING:
    from b2bua.calls.call import Call
    from b2bua.calls.conversation import Conversation


def caller_as_shown(call: Call) -> Presentation:
    """As whom the others know the caller."""
    plan, caller = call.plan, call.caller
    return plan.present or Presentation(caller.name, caller.extension or caller.number or "anonymous")


def connected_identity(call: Call, party: Party, met: Party) -> str:
    """P-Asserted-Identity lines that tell `party` that it is connected to `met` now (RFC 3325 §9.1); "" where it may not know."""
    plan, leg = call.plan, party.leg
    if leg.trunk is not None and (not leg.trunk.trusted or met.extension is not None):
        return ""  # nobody outside learns who of us speaks
    if plan.confidential and _assists(call, party):
        return ""  # A24: an assistant does not learn who it is
    shown = met.shown
    if party.for_executive is not None and call.conversation is not None and met is call.conversation.caller_party:
        shown = plan.present_assistant or shown  # for whom the call is stays on the display, whoever of the office has it
    return f"P-Asserted-Identity: {name_addr(shown, call.index.directory.domain)}\r\n"


def _assists(call: Call, party: Party) -> bool:
    """Whether a party works for whose call it is, however it has come into the call."""
    if party.for_executive is not None or party.extension is None:
        return party.for_executive is not None
    executive = call.conversation.executive if call.conversation is not None else call.plan.executive
    return executive is not None and call.index.directory.delegation(party.extension, executive) is not None


def waiting(conversation: Conversation, party: Party) -> Waiting:
    """A party for whom somebody else is to be rung."""
    call = conversation.call
    plan = call.plan
    if party is conversation.caller_party:
        return Waiting(call.caller, conversation.executive, plan.confidential, plan.present, plan.present_outside)
    if party.extension is not None:
        user = conversation.index.directory.users.get(party.extension)
        name = user.name if user is not None else ""
        caller = Caller("user", party.extension, None, None, party.extension, name, anonymous=False)
    else:
        trunk = party.leg.trunk.name if party.leg.trunk is not None else None
        caller = Caller("trunk", None, None, trunk, party.leg.party, party.shown.name, anonymous=party.shown.number == "anonymous")
    return Waiting(caller, conversation.executive, plan.confidential)

"""An INVITE with Replaces or Join (RFC 3891, RFC 3911): by lamp or by transfer, into a call that is there already.

The Request-URI says nothing: the dialog that is named does. It may be named from our side of it or from the peer's, for a lamp tells
others what its owner knows (RFC 4235). To know a dialog is no right to it: whether the call may be had is asked as for a dialled code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.calls import joining
from b2bua.calls.call import Call
from b2bua.calls.invite_client import ClientInvite
from b2bua.calls.leg import CONFIRMED, ENDED, Leg
from b2bua.calls.record import Record
from b2bua.delegation import incall
from b2bua.delegation.plan import Caller, RoutePlan
from b2bua.delegation.situation import Refusal
from b2bua.sip.message import Request
from b2bua.sip.refer import Join, Replaces
from b2bua.sip.transaction import InviteServer

if TYPE_CHECKING:
    from b2bua.calls.index import CallIndex


def enter(
    index: CallIndex, tx: InviteServer, request: Request, call_id: str, caller: Caller, named: Replaces | Join, record: Record
) -> None:
    """Bring an INVITE that names a dialog to the call that the dialog is part of, or refuse it; then nothing has changed."""
    plan = RoutePlan("join", called=index.named(request))
    found = _wanted(index, caller, named)
    if isinstance(found, Refusal):
        refused = plan._replace(action="refuse", final_status=found.status, warning=found.warning)
        index.refuse(tx, request, call_id, caller, refused, record)
        return
    call, leg, feature = found
    index.entrance.join(
        call, tx, request, call_id, caller, plan._replace(feature=feature), record, leg if feature == "pull" else None
    )


def _wanted(index: CallIndex, caller: Caller, named: Replaces | Join) -> tuple[Call, Leg, str] | Refusal:
    """The call, the leg whose dialog is named, and the feature that this amounts to."""
    leg = _leg(index, named)
    if isinstance(leg, Refusal):
        return leg
    call = index.calls.get(leg.home.id) if leg.home is not None else None
    if call is None or (call.conversation is None and call.hunt is None):
        return Refusal(481, "there is no such call")
    if leg.state is CONFIRMED and isinstance(named, Replaces) and named.early_only:
        return Refusal(486, "the call has been answered")
    if leg.state is not CONFIRMED and isinstance(named, Join):
        return Refusal(481, "the call has not been answered")  # RFC 3911 §4
    feature = _feature(call, leg, named)
    reason = _may_not(index, caller.extension or "", call, leg, feature)
    return Refusal(403, reason) if reason else (call, leg, feature)


def _leg(index: CallIndex, named: Replaces | Join) -> Leg | Refusal:
    """The leg that the dialog belongs to. One that is about to end is declined (RFC 3891 §3)."""
    dialogs = index.stack.dialogs
    dialog = dialogs.get((named.call_id, named.to_tag, named.from_tag)) or dialogs.get((named.call_id, named.from_tag, named.to_tag))
    if dialog is None or isinstance(dialog.owner, ClientInvite):
        return Refusal(481, "there is no such call")
    if not isinstance(dialog.owner, Leg) or dialog.owner.state is ENDED:
        return Refusal(603, "the call is over")
    return dialog.owner


def _feature(call: Call, leg: Leg, named: Replaces | Join) -> str:
    if isinstance(named, Join):
        return "barge_in"
    conversation = call.conversation
    if conversation is None or leg.state is not CONFIRMED:
        return "pick_up"
    return "retrieve" if conversation.slot is not None else "pull"


def _may_not(index: CallIndex, actor: str, call: Call, leg: Leg, feature: str) -> str:
    """Why `actor` may not have the call so."""
    reason = incall.may(index.directory, actor, feature, call.subject(), index.local_time())
    if reason or feature != "pull" or call.conversation is None:
        return reason
    return joining.unreplaceable(call.conversation, actor, call.conversation.party_on(leg))

"""The way to a call that is there already: a dialled feature, Replaces or Join (C1-C14).

The call that is meant is found, and who has dialled is brought there (`join`), or what they want is done there (`CommandCall`). Each
attempt that leads nowhere leaves one row in the history; one that leads into a call stands in that call's row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.calls import commands, joining
from b2bua.calls.call import Call
from b2bua.calls.command_call import CommandCall
from b2bua.calls.commands import Command
from b2bua.calls.events import Joining
from b2bua.calls.invite_server import ServerInvite
from b2bua.calls.leg import Leg
from b2bua.calls.record import Record
from b2bua.calls.room_call import RoomCall
from b2bua.delegation import incall
from b2bua.delegation.features import CONFERENCE, OWN_CALL
from b2bua.delegation.plan import Caller, RoutePlan
from b2bua.delegation.situation import Refusal
from b2bua.sip.message import Request
from b2bua.sip.transaction import InviteServer
from b2bua.sip.values import SipError

if TYPE_CHECKING:
    from b2bua.calls.index import CallIndex


class Attempt(ServerInvite):
    """The INVITE of somebody who wants into a call: whoever refuses it, and why ever, the attempt is kept, once."""

    __slots__ = ("_index", "_call_id", "_caller", "_plan", "_record")

    def __init__(
        self, index: CallIndex, leg: Leg, tx: InviteServer, request: Request, call_id: str, caller: Caller, plan: RoutePlan, record: Record
    ) -> None:
        super().__init__(leg, tx, request, index.session_interval)
        self._index = index
        self._call_id = call_id
        self._caller = caller
        self._plan = plan
        self._record = record
        record.call_ids.append(request.call_id)

    def stop(self, status: int, reason: str, headers: str) -> None:
        """Refuse it; `reason` are words for who has dialled."""
        if self.leg is None:
            return
        super().stop(status, "", headers + self._index.warning(reason))
        if status == 487:
            self._record.cancel()
        plan = self._plan._replace(final_status=status, warning=reason)
        self._index.keep_refusal(self._call_id, self._caller, plan if status >= 500 else plan._replace(action="refuse"), self._record)


class Entrance:
    """Finds the call that is meant."""

    __slots__ = ("_index",)

    def __init__(self, index: CallIndex) -> None:
        self._index = index

    def enter(self, tx: InviteServer, request: Request, call_id: str, caller: Caller, plan: RoutePlan, record: Record) -> None:
        """A dialled feature that concerns another call: `plan` is the "join" that was decided."""
        if plan.feature == CONFERENCE:
            self._enter_room(tx, request, call_id, caller, plan, record)
            return
        index, actor = self._index, caller.extension or ""
        calls = self._concerned(actor, plan.feature, plan.argument)
        subjects = [call.subject() for call in calls]
        found = incall.choose(index.directory, actor, plan.feature, plan.argument, subjects, index.local_time())
        if isinstance(found, Refusal):
            refused = plan._replace(action="refuse", final_status=found.status, warning=found.warning)
            index.refuse(tx, request, call_id, caller, refused, record)
            return
        command = _command(actor, plan)
        if command is not None:
            index.begin(CommandCall(index, call_id, plan, caller, record, command, calls[found]), tx, request)
        else:
            self.join(calls[found], tx, request, call_id, caller, plan, record)

    def join(
        self,
        call: Call,
        tx: InviteServer,
        request: Request,
        call_id: str,
        caller: Caller,
        plan: RoutePlan,
        record: Record,
        replaces: Leg | None = None,
    ) -> None:
        """Bring the new INVITE to `call`, which answers it or refuses it. `plan.feature` says how; `replaces`: in whose place."""
        index, actor = self._index, caller.extension or ""
        leg = index.new_leg(call.mailbox.post, actor or caller.number, anchored=False)
        leg.trunk = index.trunks.get(caller.trunk) if caller.trunk is not None else None
        leg.home = call
        try:
            invite = Attempt(index, leg, tx, request, call_id, caller, plan, record)
        except SipError as error:
            refused = plan._replace(action="refuse", final_status=error.status, final_reason=error.reason)
            index.refuse(tx, request, call_id, caller, refused, record)
            return
        feature = "barge_in" if plan.feature == "barge" else plan.feature
        replaces = replaces or joining.place_of(call, feature, actor, plan.argument)
        call.mailbox.post(Joining(leg, invite, actor, feature, replaces, plan.argument, caller))

    def _enter_room(self, tx: InviteServer, request: Request, call_id: str, caller: Caller, plan: RoutePlan, record: Record) -> None:
        """A conference room: who comes first opens it (C12)."""
        index = self._index
        running = index.rooms.get(plan.argument)
        if running is not None:
            self.join(running, tx, request, call_id, caller, plan, record)
        else:
            index.begin(RoomCall(index, call_id, plan, caller, record), tx, request)

    def _concerned(self, actor: str, feature: str, argument: str) -> list[Call]:
        """Those of all calls that can be meant at all: only they are looked at closely."""
        index = self._index
        if feature == "retrieve":
            return [index.calls[parked] for parked in index.parking.calls if parked in index.calls]
        if feature in ("pick_up", "pick_up_group"):
            return [call for call in index.calls.values() if _rings(call)]
        if feature == "pull" and not argument:
            ours = {actor, *(each.executive for each in index.directory.delegations.get(actor, ()))}
            return [call for call in index.calls.values() if _belongs_to(call, ours)]
        party = argument if argument and feature not in OWN_CALL else actor
        return [call for call in index.calls.values() if call.conversation is not None and call.conversation.party_of(party) is not None]


def _command(actor: str, plan: RoutePlan) -> Command | None:
    """What is asked of the call without coming into it."""
    if plan.feature in OWN_CALL or (plan.feature == "barge" and not plan.argument):
        return commands.dialled(plan.feature, plan.argument, actor)
    return None


def _rings(call: Call) -> bool:
    return call.hunt is not None or (call.conversation is not None and call.conversation.hunt is not None)


def _belongs_to(call: Call, people: set[str]) -> bool:
    """Whether it is one of their calls: they are in it, or it is for them or on their behalf."""
    conversation, plan = call.conversation, call.plan
    if conversation is None:
        return False
    if plan.executive in people or plan.on_behalf_of in people or call.record.served_for in people:
        return True
    return any(party.extension in people for party in conversation.parties)

"""The call that opens a conference room: who dials it first is answered, and waits for the others (C12)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from b2bua.calls import conference
from b2bua.calls.call import Call
from b2bua.calls.conversation import Conversation
from b2bua.calls.events import Joining
from b2bua.calls.identity import Origin
from b2bua.calls.record import Record
from b2bua.delegation.plan import Caller, RoutePlan
from b2bua.sip.values import SipError

if TYPE_CHECKING:
    from b2bua.calls.index import CallIndex

_ORIGIN: Final = Origin(70, private=False, subject="", priority="", vouched=True)  # nobody is called for it


class RoomCall(Call):
    """A conversation from the first moment on: nobody is rung for it."""

    __slots__ = ()

    def __init__(self, index: CallIndex, call_id: str, plan: RoutePlan, caller: Caller, record: Record) -> None:
        super().__init__(index, call_id, plan, caller, _ORIGIN, record)

    async def _ring(self) -> bool:
        """Answer who has dialled the room."""
        leg, invite = self.incoming, self.invite
        assert leg is not None and invite is not None
        media = self.index.media
        if media is None or not media.available:
            self._fail_call(SipError(503, "there is no media engine"))
            return False
        conversation = Conversation(self)
        conversation.room = self.plan.argument
        conversation.why = "joined"
        try:
            conference.answer(conversation, Joining(leg, invite, self.caller.extension or "", "conference"))
        except SipError as error:
            self._fail_call(error)
            return False
        self.record.served()
        self.incoming = None
        self.conversation = conversation
        conversation.caller_party = party = conference.party_for(conversation, leg, self.caller)
        conference.arrived(conversation, party)
        return True

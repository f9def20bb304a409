"""Running calls over the end of the process: kept a moment after each change, and gone on with by the next server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from b2bua.calls.snapshot import FlowOf, dump, load
from b2bua.sip.timers import Timer
from b2bua.sip.values import SipError
from b2bua.store.ports import CallStore

if TYPE_CHECKING:
    from b2bua.calls.call import Call
    from b2bua.calls.index import CallIndex

SNAPSHOT_SECONDS: Final = 0.05
"""How soon after a change a call is kept. Calls that are shorter cost nothing."""


class Keeping:
    """What of the index's calls is in `store`; None: nothing is kept."""

    __slots__ = ("_index", "_store", "_changed", "_kept", "_timer")

    def __init__(self, index: CallIndex, store: CallStore | None) -> None:
        self._index = index
        self._store = store
        self._changed: dict[str, Call] = {}
        self._kept: set[str] = set()
        self._timer: Timer | None = None

    def at_once(self, call: Call) -> None:
        """Keep a call now: what has changed may not be forgotten, such as where its sound goes."""
        if self._store is not None:
            self._changed[call.id] = call
            self._keep(self._index.stack.now)

    def changed(self, call: Call) -> None:
        """Keep a call as it is: at once when it has just been answered and its sound comes to us, else in a moment, for most changes come
        several at a time and most calls that go directly are left alone."""
        if self._store is None:
            return
        if call.id not in self._kept and call.plan.anchored:
            self.at_once(call)
            return
        if self._timer is None:
            stack = self._index.stack
            self._timer = stack.timers.after(stack.now, SNAPSHOT_SECONDS, self._keep)
        self._changed[call.id] = call

    def _keep(self, now: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        changed, self._changed = self._changed, {}
        for call_id, call in changed.items():
            try:
                text = dump(call)
            except Exception as error:
                self._index.log.error("snapshot failed", call=call_id, exc_info=error)  # noqa: TRY400 - the port has no other word
                continue
            if text is not None and self._store is not None:
                self._store.save(call_id, text)
                self._kept.add(call_id)

    def forget(self, call_id: str) -> None:
        """The call is over."""
        self._changed.pop(call_id, None)
        if call_id in self._kept and self._store is not None:
            self._kept.remove(call_id)
            self._store.delete(call_id)

    def hand_over(self) -> None:
        """Leave the running calls to the next server: keep them as they are now, whatever becomes of them here."""
        self._keep(self._index.stack.now)
        self._store = None

    def restore(self, flow_of: FlowOf) -> None:
        """Go on with the calls that an earlier life of the server has left. All are there before one of them rings anybody: else it might
        be given the ports of another."""
        index = self._index
        found: list[Call] = []
        for call_id, text in self._store.load() if self._store is not None else ():
            self._kept.add(call_id)
            try:
                call = load(text, index, flow_of)
            except (ValueError, SipError) as error:
                index.log.warning("call not restored", call=call_id, reason=str(error))
                self.forget(call_id)
                continue
            index.calls[call.id] = call
            found.append(call)
        for call in found:
            assert call.conversation is not None
            call.resume(call.conversation)
        if found:
            index.log.info("restored", calls=len(found))

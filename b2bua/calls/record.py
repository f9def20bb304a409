"""What a call leaves behind: one history row per attempt, collected while it runs and written once when it ends (F1, F2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from b2bua.delegation.plan import Caller, Facts, RoutePlan
from b2bua.store.ports import HistoryRow, Outcome, Segment

LONGEST_CALL_ID: Final = 256  # characters kept of what a peer chose; ours are shorter


class Record:
    """Collects the facts of one attempt. `wall` reads the wall clock, seconds since the epoch."""

    __slots__ = (
        "call_ids", "status", "answered_by", "_wall", "_started", "_answered_at", "_ringing", "_segments", "_parties", "_cancelled",
        "_decided", "_served",
    )  # fmt: skip

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._started = wall()
        self._answered_at: float | None = None
        self._ringing: dict[int, tuple[str, float]] = {}
        self._segments: list[Segment] = []
        self._parties: list[str] = []
        self._cancelled = False
        self._decided: tuple[float, Facts] | None = None
        self.call_ids: list[str] = []
        self.status = 0
        self._served: str | None = None  # the executive to whose assistants a plain call was forwarded
        self.answered_by: str | None = None

    def decided(self, facts: Facts, at: float) -> None:
        """Where it goes has been decided on these facts, `at` seconds since the epoch."""
        self._decided = (at, facts)

    def ringing(self, branch: int, party: str, for_executive: str | None) -> None:
        """A phone or outside number begins to ring. `for_executive`: whose assistant it is."""
        self._served = self._served or for_executive
        self._ringing[branch] = (party, self._wall())
        if party not in self._parties:
            self._parties.append(party)

    def rang(self, branch: int) -> None:
        """It rings no more and did not answer."""
        ringing = self._ringing.pop(branch, None)
        if ringing is not None:
            self._segments.append(Segment("ring", ringing[0], ringing[1], self._wall()))

    def answered(self, branch: int, party: str, call_id: str) -> None:
        """It has the call."""
        self.rang(branch)
        self.status = 200
        self.answered_by = party
        self._answered_at = self._wall()
        self.call_ids.append(call_id)

    def served(self) -> None:
        """The server itself answered: a feature code. Nobody else has a part in that."""
        self.status = 200
        self._answered_at = self._wall()

    def cancel(self) -> None:
        """The caller gave up."""
        self.status = 487
        self._cancelled = True

    def refuse(self, status: int) -> None:
        """The caller got this final status."""
        if self._answered_at is None:
            self.status = status

    def row(self, call_id: str, caller: Caller, plan: RoutePlan) -> HistoryRow:
        """The finished row."""
        ended = self._wall()
        for branch in list(self._ringing):
            self.rang(branch)
        segments = self._segments
        if self._answered_at is not None and self.answered_by is not None:
            segments.append(Segment("talk", self.answered_by, self._answered_at, ended, plan.on_behalf_of))
        parties = self._parties
        if caller.extension is not None and caller.extension not in parties:
            parties.append(caller.extension)
        executive = plan.executive or self._served if plan.action != "set" else None  # a code concerns nobody but who dials it
        for extension in (executive, plan.on_behalf_of):
            if extension is not None and extension not in parties:
                parties.append(extension)
        return HistoryRow(
            id=call_id,
            started=self._started,
            answered=self._answered_at,
            ended=ended,
            direction=plan.direction,
            caller=plan.present.number if plan.present is not None else caller.extension or caller.number,
            called=plan.called,
            executive=executive,
            answered_by=self.answered_by,
            on_behalf_of=plan.on_behalf_of,
            actor=plan.actor,
            outcome=self._outcome(plan),
            segments=tuple(segments),
            status=self.status,
            parties=tuple(parties),
            call_ids=tuple([each[:LONGEST_CALL_ID] for each in self.call_ids]),
            decision=None if self._decided is None else (*self._decided, plan),
        )

    def _outcome(self, plan: RoutePlan) -> Outcome:
        if self._answered_at is not None:
            return "answered"
        if self._cancelled:
            return "cancelled"
        if self.status in (486, 600):
            return "busy"
        if plan.action == "refuse" or self.status in (403, 404, 603, 604):
            return "refused"
        return "failed" if self.status >= 500 or self.status in (400, 415, 488) else "missed"

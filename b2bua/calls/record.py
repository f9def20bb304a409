"""What a call leaves behind: one history row per attempt, collected while it runs and written once when it ends (F1, F2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from b2bua.delegation.plan import Caller, Facts, RoutePlan
from b2bua.media.engine import Statistics
from b2bua.store.ports import HistoryRow, Outcome, Quality, Segment, SegmentKind

LONGEST_CALL_ID: Final = 256  # characters kept of what a peer chose; ours are shorter


class Doing(NamedTuple):
    """What a party does: kind of segment, the executive as whom it is spoken to, with whom; `extension`: it is a user."""

    kind: SegmentKind
    speaks_as: str | None
    with_: tuple[str, ...]
    extension: bool = False


class Record:
    """Collects the facts of one attempt. `wall` reads the wall clock, seconds since the epoch."""

    __slots__ = (
        "call_ids", "status", "answered_by", "_wall", "_started", "_answered_at", "_ringing", "_segments", "_parties", "_cancelled",
        "_decided", "served_for", "places", "_open", "_ended",
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
        self.served_for: str | None = None
        """The executive to whose assistants a plain call was forwarded."""
        self.places: dict[str, str] = {}
        """Who was at a termination of the media engine, by its id."""
        self._open: dict[str, Segment] = {}  # what each party does now, by name
        self.answered_by: str | None = None
        self._ended: float | None = None

    def over(self) -> None:
        """It ends now, though the row may still wait for what was counted."""
        self._ended = self._wall()

    def decided(self, facts: Facts, at: float) -> None:
        """Where it goes has been decided on these facts, `at` seconds since the epoch."""
        self._decided = (at, facts)

    def ringing(self, branch: int, party: str, for_executive: str | None) -> None:
        """A phone or outside number begins to ring. `for_executive`: whose assistant it is."""
        self.served_for = self.served_for or for_executive
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
        if self._answered_at is None:
            self._answered_at = self._wall()
        self.call_ids.append(call_id)

    def changed(self, doing: Mapping[str, Doing], why: str) -> None:
        """What each party does from now on, by name: what has changed ends a segment and begins another."""
        now = self._wall()
        for party in [party for party in self._open if party not in doing]:
            self._end_segment(party, now)
        for party, does in doing.items():
            open_ = self._open.get(party)
            if open_ is not None and (open_.kind, open_.speaks_as, open_.with_) == does[:3]:
                continue
            if open_ is not None:
                self._end_segment(party, now)
            self._open[party] = Segment(does.kind, party, now, None, does.speaks_as, does.with_, why)
            if does.extension and party not in self._parties:
                self._parties.append(party)

    def _end_segment(self, party: str, now: float) -> None:
        self._segments.append(self._open.pop(party)._replace(ended=now))

    @property
    def started(self) -> float:
        """When it began, seconds since the epoch."""
        return self._started

    @property
    def is_answered(self) -> bool:
        """Whether anybody has ever answered it."""
        return self._answered_at is not None

    @property
    def seconds(self) -> float:
        """How long ago it began."""
        return self._wall() - self._started

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

    def dump(self) -> list[Any]:
        """What has been collected, as plain data; phones that ring now are not in it."""
        return [getattr(self, name) for name in _KEPT]

    def load(self, values: Sequence[Any]) -> None:
        """The inverse of `dump`. Raises TypeError, ValueError or LookupError for what is none."""
        for name, value in zip(_KEPT, values, strict=True):
            setattr(self, name, value)
        self._segments = [_segment(each) for each in self._segments]
        self._open = {party: _segment(each) for party, each in self._open.items()}
        if self._decided is not None:
            at, facts = self._decided
            self._decided = (at, Facts(Caller(*facts[0]), *facts[1:3], *map(tuple, facts[3:4])))

    def row(self, call_id: str, caller: Caller, plan: RoutePlan, counted: Sequence[Statistics] = (), called: str | None = None) -> HistoryRow:
        """The finished row. `counted` is what the media engine counted, `called` the extension that was called, whether a phone rang or not."""
        ended = self._ended if self._ended is not None else self._wall()
        for branch in list(self._ringing):
            self.rang(branch)
        segments = self._segments
        for party in list(self._open):
            self._end_segment(party, ended)
        parties = self._parties
        if caller.extension is not None and caller.extension not in parties:
            parties.append(caller.extension)
        executive = plan.executive or self.served_for if plan.action != "set" else None  # a code concerns nobody but who dials it
        for extension in (executive, plan.on_behalf_of, called):
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
            outcome=self.outcome(plan),
            segments=tuple(segments),
            status=self.status,
            parties=tuple(parties),
            call_ids=tuple([each[:LONGEST_CALL_ID] for each in self.call_ids]),
            decision=None if self._decided is None else (*self._decided, plan),
            quality=tuple([_quality(self.places.get(each.termination, ""), each) for each in counted]),
        )

    def outcome(self, plan: RoutePlan) -> Outcome:
        """The word for what became of it."""
        if self._answered_at is not None:
            return "answered"
        if self._cancelled:
            return "cancelled"
        if self.status in (486, 600):
            return "busy"
        if plan.action == "refuse" or self.status in (403, 404, 603, 604):
            return "refused"
        return "failed" if self.status >= 500 or self.status in (400, 415, 488) else "missed"


class Untold(Record):
    """Of phones that ring for their own user, who is nobody that was called."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(lambda: 0.0)

    def ringing(self, branch: int, party: str, for_executive: str | None) -> None:
        pass

    def rang(self, branch: int) -> None:
        pass


_KEPT: Final = (
    "call_ids", "status", "answered_by", "served_for", "places", "_started", "_answered_at", "_segments", "_parties", "_cancelled", "_decided",
    "_open",
)  # fmt: skip


def _segment(values: Sequence[Any]) -> Segment:
    found = Segment(*values)
    return found._replace(with_=tuple(found.with_))


def _quality(party: str, counted: Statistics) -> Quality:
    return Quality(party, *counted[1:])

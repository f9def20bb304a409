"""Call history: rows to and from the database, as JSON, and the two views of an executive and an assistant (F1/F2)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Engine, select

from b2bua.delegation.plan import Stage
from b2bua.store import decisions
from b2bua.store.models import history
from b2bua.store.ports import HistoryRow, Quality, Segment

JsonRow = dict[str, object]
FOUND_AT_MOST: Final = 10
PRIVATE: Final = "private"
"""Instead of the caller, where a call was confidential."""
MAX_NAME: Final = 128

_dumps = json.JSONEncoder(separators=(",", ":"), default=str).encode


class SqlHistory:
    """`HistoryReader` over the database; opens a connection per call, also while the server writes."""

    def __init__(self, engine: Engine, settle: Callable[[], None] = lambda: None) -> None:
        """`settle` is called before rows are read: in a running server it has the calls written that have just ended."""
        self._engine = engine
        self._settle = settle

    def rows(self, extension: str | None = None, limit: int = 1000, before: tuple[float, str] | None = None) -> list[HistoryRow]:
        """The newest `limit` rows; with `extension` only those in which it took part, with `before` (`started` and `id` of a row) older ones."""
        self._settle()
        query = select(history).order_by(history.c.started.desc(), history.c.id).limit(limit)
        if before is not None:
            started, last = before
            query = query.where((history.c.started < started) | ((history.c.started == started) & (history.c.id > last)))
        if extension is not None:
            query = query.where(history.c.parties.contains(f",{extension},", autoescape=True))
        with self._engine.connect() as connection:
            return [from_columns(tuple(row)) for row in connection.execute(query)]

    def find(self, prefix: str) -> list[HistoryRow]:
        """The calls whose id begins with `prefix`, in the order of their ids, ten at most."""
        query = select(history).where(history.c.id >= prefix).order_by(history.c.id).limit(FOUND_AT_MOST)
        with self._engine.connect() as connection:
            found = [from_columns(tuple(row)) for row in connection.execute(query)]
        return [row for row in found if row.id.startswith(prefix)]


def to_columns(row: HistoryRow) -> tuple[object, ...]:
    """The values of `models.history`, in its order."""
    return (
        *row[:12],
        _dumps(row.segments) if row.segments else "[]",
        row.status,
        f",{','.join(row.parties)}," if row.parties else "",
        _dumps(row.call_ids) if row.call_ids else "[]",
        None if row.decision is None else decisions.dumps(row.decision),
        _dumps(row.quality) if row.quality else None,
    )


def from_columns(columns: tuple[Any, ...]) -> HistoryRow:
    """The inverse of `to_columns`, also for rows that an earlier version has left in the journal."""
    segments, status, parties, call_ids, decision, *later = columns[12:]
    quality = later[0] if later else None
    return HistoryRow._make(
        (
            *columns[:12],
            tuple(_segment(each) for each in json.loads(segments)),
            status,
            tuple(parties.strip(",").split(",")) if parties else (),
            tuple(json.loads(call_ids)),
            None if decision is None else decisions.loads(decision),
            () if quality is None else tuple(Quality(*each) for each in json.loads(quality)),
        )
    )


def _segment(values: list[Any]) -> Segment:
    found = Segment(*values)
    return found._replace(with_=tuple(found.with_))


def iso(seconds: float | None) -> str | None:
    """A wall-clock time as ISO 8601 in UTC, to the millisecond."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def to_json(row: HistoryRow) -> JsonRow:
    """The row with the names of the public contract, plus `caller_name` and `status`."""
    return {
        "id": row.id,
        "started": iso(row.started),
        "answered": iso(row.answered),
        "ended": iso(row.ended),
        "direction": row.direction,
        "caller": row.caller,
        "caller_name": _caller_name(row),
        "called": row.called,
        "executive": row.executive,
        "answered_by": row.answered_by,
        "on_behalf_of": row.on_behalf_of,
        "actor": row.actor,
        "outcome": row.outcome,
        "status": row.status,
        "segments": [
            {
                "kind": each.kind,
                "party": each.party,
                "started": iso(each.started),
                "ended": iso(each.ended),
                "speaks_as": each.speaks_as,
                "with": list(each.with_),
                "why": each.why,
            }
            for each in row.segments
        ],
        "quality": [each._asdict() for each in row.quality],
    }


def _caller_name(row: HistoryRow) -> str:
    """The display name with which a call came from outside, printable; "" without one, and for who did not want to be named.

    Users have their names in the directory; on whose behalf one of them called, that name must not tell.
    """
    if row.decision is None or row.decision[1].caller.kind != "trunk" or row.decision[1].caller.anonymous:
        return ""
    name = row.decision[1].caller.name
    return "".join(each if each.isprintable() else " " for each in name).strip()[:MAX_NAME]


def view(rows: Iterable[HistoryRow], extension: str, *, by_another: bool = False) -> list[JsonRow]:
    """The calls in which `extension` had a part, in the order given, each as that user sees it, with a `note`.

    The executive reads "delegated, answered by 676", the assistant "for 667"; a call on behalf reads "on behalf, by 676"
    for the executive and "on behalf of 667" for the assistant, and names neither to anybody else.  Somebody whose phone
    only rang while another answered has no part in the call: that phone logs no missed call either (A23).

    A feature code appears only to the one who dialled it. Who calls in confidence (A24) is named to the executive only:
    to an assistant whom such a call reached, by forwarding or during the call, the contact is "private"; `by_another`: somebody else
    looks at the view of `extension`, and is not told either.
    """
    seen = []
    for row in rows:
        note = _note(row, extension)
        if note is None:
            continue
        shown = to_json(row)
        if row.on_behalf_of is not None and extension not in (row.on_behalf_of, row.actor):
            shown.update(on_behalf_of=None, actor=None, segments=[], quality=[])
        if _is_private(row, extension) or (by_another and row.decision is not None and row.decision[2].confidential):
            shown = _without_contact(shown, row)
        seen.append({**shown, "note": note})
    return seen


def _note(row: HistoryRow, extension: str) -> str | None:
    """What sets the call apart for this user; "" for a normal call, None when it is none of theirs."""
    if row.decision is not None and row.decision[2].action == "set":
        return row.decision[2].confirmation if _called(row, extension) else None
    if row.on_behalf_of is not None and extension == row.actor:
        return f"on behalf of {row.on_behalf_of}"
    if row.on_behalf_of is not None and extension == row.on_behalf_of:
        return f"on behalf, by {row.actor}"
    if _called(row, extension):
        return ""
    if extension == row.executive:
        return _executive_note(row)
    if extension == row.called:
        return ""
    if not _had_it(row, extension) and (row.answered_by is not None or extension not in row.parties):
        return None
    return f"for {row.executive}" if row.executive is not None else ""


def _called(row: HistoryRow, extension: str) -> bool:
    """Whether this user made the call. A number from outside may look like an extension; only inside it is one."""
    if row.decision is not None:
        return row.decision[1].caller.extension == extension  # also of who asked for privacy, and whom the row does not name
    return extension == row.caller and row.direction != "incoming"


def _had_it(row: HistoryRow, extension: str) -> bool:
    """Whether this user answered the call, or came into it later."""
    return row.answered_by == extension or any(each.party == extension and each.kind != "ring" for each in row.segments)


def _is_private(row: HistoryRow, extension: str) -> bool:
    """Whether the contact is hidden from this user: of a confidential call all but the executive, the contact, and who was rung for it
    as somebody other than an assistant."""
    if row.decision is None or not row.decision[2].confidential or extension == row.executive or _called(row, extension):
        return False
    rung = _roles(row.decision[2].stages, extension)
    return "assistant" in rung or not rung


def _roles(stages: Iterable[Stage], extension: str) -> set[str]:
    """As what this user is rung, in one of the stages or where they lead."""
    found: set[str] = set()
    for stage in stages:
        found.update(each.role for each in stage.endpoints if each.extension == extension)
        found |= _roles((*stage.busy, *stage.no_answer, *stage.unreachable), extension)
    return found


def _without_contact(shown: JsonRow, row: HistoryRow) -> JsonRow:
    """The row with "private" in place of the confidential contact, wherever they stand in it."""
    assert row.decision is not None
    facts = row.decision[1]
    contact = {row.called, facts.dialled} if row.direction == "outgoing" else {row.caller, facts.caller.number, facts.caller.extension}

    def hide(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: hide(each) for key, each in value.items()}
        if isinstance(value, list):
            return [hide(each) for each in value]
        return PRIVATE if isinstance(value, str) and value in contact else value

    hidden = {key: hide(shown[key]) for key in ("caller", "called", "answered_by", "segments", "quality")}
    return {**shown, **hidden, "caller_name": ""}


def _executive_note(row: HistoryRow) -> str:
    how = "confidential" if row.decision is not None and row.decision[2].confidential else "delegated"
    if row.answered_by is None:
        return f"{how}, not answered"
    return "" if row.answered_by == row.executive else f"{how}, answered by {row.answered_by}"

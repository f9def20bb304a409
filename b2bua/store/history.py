"""Call history: rows to and from the database, as JSON, and the two views of an executive and an assistant (F1/F2)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, select

from b2bua.store.models import history
from b2bua.store.ports import HistoryRow, Segment

JsonRow = dict[str, object]

_dumps = json.JSONEncoder(separators=(",", ":"), default=str).encode


class SqlHistory:
    """`HistoryReader` over the database; opens a connection per call, also while the server writes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def rows(self, extension: str | None = None, limit: int = 1000) -> list[HistoryRow]:
        """The newest `limit` rows; with `extension` only those in which it took part."""
        query = select(history).order_by(history.c.started.desc(), history.c.id).limit(limit)
        if extension is not None:
            query = query.where(history.c.parties.contains(f",{extension},", autoescape=True))
        with self._engine.connect() as connection:
            return [from_columns(tuple(row)) for row in connection.execute(query)]

    def row(self, row_id: str) -> HistoryRow | None:
        """The call with that id, with its trace."""
        with self._engine.connect() as connection:
            found = connection.execute(select(history).where(history.c.id == row_id)).first()
        return None if found is None else from_columns(tuple(found))


def to_columns(row: HistoryRow) -> tuple[object, ...]:
    """The values of `models.history`, in its order."""
    return (
        *row[:12],
        _dumps(row.segments) if row.segments else "[]",
        row.status,
        f",{','.join(row.parties)}," if row.parties else "",
        _dumps(row.call_ids) if row.call_ids else "[]",
        _dumps(row.trace) if row.trace is not None else None,
    )


def from_columns(columns: tuple[Any, ...]) -> HistoryRow:
    """The inverse of `to_columns`."""
    segments, status, parties, call_ids, trace = columns[12:]
    return HistoryRow._make(
        (
            *columns[:12],
            tuple(Segment(*each) for each in json.loads(segments)),
            status,
            tuple(parties.strip(",").split(",")) if parties else (),
            tuple(json.loads(call_ids)),
            None if trace is None else json.loads(trace),
        )
    )


def iso(seconds: float | None) -> str | None:
    """A wall-clock time as ISO 8601 in UTC, to the millisecond."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def to_json(row: HistoryRow) -> JsonRow:
    """The row with the names of the public contract, plus `status`."""
    return {
        "id": row.id,
        "started": iso(row.started),
        "answered": iso(row.answered),
        "ended": iso(row.ended),
        "direction": row.direction,
        "caller": row.caller,
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
            }
            for each in row.segments
        ],
    }


def view(rows: Iterable[HistoryRow], extension: str) -> list[JsonRow]:
    """The calls in which `extension` had a part, in the order given, each as that user sees it, with a `note`.

    The executive reads "delegated, answered by 676", the assistant "for 667"; a call on behalf reads "on behalf, by 676"
    for the executive and "on behalf of 667" for the assistant, and names neither to anybody else.  Somebody whose phone
    only rang while another answered has no part in the call: that phone logs no missed call either (A23).
    """
    seen = []
    for row in rows:
        note = _note(row, extension)
        if note is None:
            continue
        shown = to_json(row)
        if row.on_behalf_of is not None and extension not in (row.on_behalf_of, row.actor):
            shown.update(on_behalf_of=None, actor=None, segments=[])
        seen.append({**shown, "note": note})
    return seen


def _note(row: HistoryRow, extension: str) -> str | None:
    """What sets the call apart for this user; "" for a normal call, None when it is none of theirs."""
    if row.on_behalf_of is not None and extension == row.actor:
        return f"on behalf of {row.on_behalf_of}"
    if row.on_behalf_of is not None and extension == row.on_behalf_of:
        return f"on behalf, by {row.actor}"
    # A number from outside may look like an extension; only inside it is one.
    if extension == row.called or (extension == row.caller and row.direction != "incoming"):
        return "" if extension != row.executive else _executive_note(row)
    if extension == row.executive:
        return _executive_note(row)
    if row.answered_by != extension and (row.answered_by is not None or extension not in row.parties):
        return None
    return f"for {row.executive}" if row.executive is not None else ""


def _executive_note(row: HistoryRow) -> str:
    if row.answered_by is None:
        return "delegated, not answered"
    return "" if row.answered_by == row.executive else f"delegated, answered by {row.answered_by}"

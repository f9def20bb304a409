"""Rows of the organisation's tables: JSON, and writing one in place of an older one, the same way on both databases."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

Body = Mapping[str, Any]


def dumps(value: Any) -> str:
    """JSON in ASCII: escapes carry what a database's text may not, such as NUL. Raises TypeError, for what is no JSON."""
    return json.dumps(value, separators=(",", ":"))


def dumps_or_none(value: Body | None) -> str | None:
    """None stays None."""
    return None if value is None else dumps(value)


def loads_or_none(text: str | None) -> dict[str, Any] | None:
    """The inverse."""
    return None if text is None else json.loads(text)


def upsert(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], columns: Iterable[Column[Any]] = (), **values: Any
) -> None:
    """Insert `rows`; of one whose primary key is there already, `columns` (every other if none are named) get the new values, and those
    of `values` what is said there."""
    if not rows:
        return
    statement = postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)
    changed = columns or [column for column in table.columns if not column.primary_key]
    assigned = {**{column.name: statement.excluded[column.name] for column in changed}, **values}
    connection.execute(statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=assigned), rows)

"""Imports in the database, and the entries as they were before each: an import can be taken back long after the process that made it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, select

from b2bua.store.organisation.connections import Database
from b2bua.store.organisation.models import entries, imports, undo
from b2bua.store.organisation.rows import dumps, loads_or_none, upsert
from b2bua.store.ports import AuditRow, ImportRow, UndoRow, Written


class SqlImports:
    """`ImportStore` over the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save_import(self, row: ImportRow) -> None:
        """Keep it, in place of one with the same id."""
        columns = {**row._asdict(), "counts": dumps(dict(row.counts)), "errors": dumps(list(row.errors))}
        with self._database.writing() as connection:
            upsert(connection, imports, [columns])

    def find_import(self, import_id: str) -> ImportRow | None:
        with self._database.reading() as connection:
            row = connection.execute(select(imports).where(imports.c.id == import_id)).one_or_none()
        return None if row is None else _import(row)

    def imports(self, limit: int) -> list[ImportRow]:
        """The newest first."""
        with self._database.reading() as connection:
            return [_import(row) for row in connection.execute(select(imports).order_by(imports.c.started.desc()).limit(limit))]

    def undo(self, import_id: str) -> list[UndoRow]:
        """Every entry that this import has changed, as it was before, by kind and position."""
        wanted = select(undo).where(undo.c.group == import_id).order_by(undo.c.kind, undo.c.position, undo.c.key)
        with self._database.reading() as connection:
            return [
                UndoRow(row.kind, row.key, loads_or_none(row.body), row.position, row.revision)
                for row in connection.execute(wanted)
            ]

    def delete_import(self, import_id: str) -> None:
        """Forget an import and what would undo it."""
        with self._database.writing() as connection:
            connection.execute(delete(imports).where(imports.c.id == import_id))
            connection.execute(delete(undo).where(undo.c.group == import_id))


def keep_undo(connection: Connection, writes: Sequence[Written], audit: Sequence[AuditRow], revision: int) -> None:
    """Keep the entries that are about to be written as they are, where their audit rows belong to a group."""
    groups = {(row.kind, row.key): row.group for row in audit if row.group}
    changed = {(each.kind, each.key) for each in writes} & groups.keys()
    if not changed:
        return
    found = {
        (row.kind, row.key): row
        for row in connection.execute(select(entries).where(entries.c.kind.in_({kind for kind, _ in changed})))
    }
    rows = [_undo_columns(groups[name], name, found.get(name), revision) for name in sorted(changed)]
    # An import that is applied in several steps: what was before the first of them is what counts.
    upsert(connection, undo, rows, (undo.c.revision,))


def _undo_columns(group: str, name: tuple[str, str], row: Row[Any] | None, revision: int) -> dict[str, Any]:
    kind, key = name
    position, body = (0, None) if row is None else (row.position, row.body)
    return {"group": group, "kind": kind, "key": key, "position": position, "revision": revision, "body": body}


def _import(row: Row[Any]) -> ImportRow:
    return ImportRow(**{**row._mapping, "counts": json.loads(row.counts), "errors": json.loads(row.errors)})

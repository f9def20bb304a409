"""The directory in the database: one document for each entry, a count of the changes, and the audit (F5).

A removed entry stays as a row without a body, so that whoever has read up to some revision learns of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, case, func, insert, literal_column, select, update

from b2bua.store.organisation import models
from b2bua.store.organisation.connections import Database
from b2bua.store.organisation.imports import keep_undo
from b2bua.store.organisation.models import base, counter, entries
from b2bua.store.organisation.rows import Body, dumps, dumps_or_none, loads_or_none, upsert
from b2bua.store.ports import AuditQuery, AuditRow, Entry, Moved, Written, without_secrets

THE_ROW: Final = 1
"""Key of a table's only row."""


class SqlDirectory:
    """`DirectoryStore` over the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def revision(self) -> int:
        """How many changes there have been."""
        with self._database.glancing() as connection:
            return _revision(connection)

    def load(self, since: int = 0) -> tuple[int, list[Entry], list[tuple[str, str]]]:
        """The revision, every entry changed after `since` by kind and position, and the (kind, key) of those removed after it."""
        wanted = select(entries).where(entries.c.revision > since).order_by(entries.c.kind, entries.c.position, entries.c.key)
        with self._database.reading() as connection:
            revision = _revision(connection)
            rows = connection.execute(wanted).all()
        removed = [(row.kind, row.key) for row in rows if row.body is None and since]
        return revision, [_entry(row) for row in rows if row.body is not None], removed

    def write(self, writes: Sequence[Written], audit: Sequence[AuditRow], expected: int) -> int:
        """All of it in one transaction; the new revision. Of two writes for one entry the last counts. Raises Moved."""
        with self._database.writing() as connection:
            revision = _revision(connection, lock=True)
            if revision != expected:
                raise Moved(f"the directory is at revision {revision}, not at {expected}")
            if writes:
                revision += 1
                connection.execute(update(counter).values(revision=revision))
                keep_undo(connection, writes, audit, revision)
                _write_entries(connection, writes, revision)
            _write_audit(connection, audit)
        return revision

    def base(self) -> tuple[str, dict[tuple[str, str], Body]]:
        """The directory file that was taken in last: a digest of it ("" for none), and its entries."""
        with self._database.reading() as connection:
            row = connection.execute(select(base)).one_or_none()
        return (
            ("", {})
            if row is None
            else (row.digest, {(kind, key): body for kind, key, body in map(json.loads, row.entries.splitlines())})
        )

    def keep_base(self, digest: str, entries: Mapping[tuple[str, str], Body]) -> None:
        """Remember the file that has been taken in."""
        # Line by line: one document of some megabytes would hold the interpreter, and with it every call, until it is written.
        lines = "\n".join(dumps((*name, body)) for name, body in entries.items())
        row = {"id": THE_ROW, "digest": digest, "entries": lines}
        with self._database.writing() as connection:
            upsert(connection, base, [row])

    def audit(self, query: AuditQuery, limit: int) -> list[AuditRow]:
        """The newest rows first."""
        table = models.audit
        wanted = select(table).order_by(table.c.id.desc()).limit(limit)
        for field in ("kind", "key", "actor", "group", "via"):
            if value := getattr(query, field):
                wanted = wanted.where(table.c[field] == value)
        if query.before_id:
            wanted = wanted.where(table.c.id < query.before_id)
        if query.after_id:
            wanted = wanted.where(table.c.id > query.after_id)
        with self._database.reading() as connection:
            return [_audit_row(row) for row in connection.execute(wanted)]

    def note(self, rows: Sequence[AuditRow]) -> None:
        """Audit rows about something that is no entry."""
        with self._database.writing() as connection:
            _write_audit(connection, rows)


def _revision(connection: Connection, *, lock: bool = False) -> int:
    """With `lock` nobody else changes the directory before this transaction is over. On SQLite that has been so from its beginning."""
    wanted = select(counter.c.revision)
    return int(connection.execute(wanted.with_for_update() if lock else wanted).scalar_one())


def _write_entries(connection: Connection, writes: Sequence[Written], revision: int) -> None:
    last = _last_positions(connection, {each.kind for each in writes if each.position is None})
    placed: list[dict[str, Any]] = []
    unplaced: list[dict[str, Any]] = []
    for each in {(each.kind, each.key): each for each in writes}.values():
        position = each.position
        if position is None:
            position = last[each.kind] = last.get(each.kind, -1) + 1
        row = {"kind": each.kind, "key": each.key, "position": position, "revision": revision, "body": dumps_or_none(each.body)}
        (unplaced if each.position is None else placed).append(row)
    upsert(connection, entries, placed)
    # Whoever is there keeps their place; who comes back after having been removed comes last.
    kept = case((entries.c.body.is_(None), literal_column("excluded.position")), else_=entries.c.position)
    upsert(connection, entries, unplaced, (entries.c.revision, entries.c.body), position=kept)


def _last_positions(connection: Connection, kinds: set[str]) -> dict[str, int]:
    if not kinds:
        return {}
    wanted = select(entries.c.kind, func.max(entries.c.position)).where(entries.c.kind.in_(kinds), entries.c.body.is_not(None))
    return {row[0]: row[1] for row in connection.execute(wanted.group_by(entries.c.kind))}


def _write_audit(connection: Connection, rows: Sequence[AuditRow]) -> None:
    if rows:
        connection.execute(insert(models.audit), [_audit_columns(row) for row in rows])


def _audit_columns(row: AuditRow) -> dict[str, Any]:
    # Whoever makes a row leaves secrets out; here none gets past, whoever makes it.
    before, after = (dumps_or_none(without_secrets(body)) for body in (row.before, row.after))
    columns = {**row._asdict(), "before": before, "after": after}
    del columns["id"]
    return columns


def _audit_row(row: Row[Any]) -> AuditRow:
    return AuditRow(**{**row._mapping, "before": loads_or_none(row.before), "after": loads_or_none(row.after)})


def _entry(row: Row[Any]) -> Entry:
    return Entry(row.kind, row.key, row.position, row.revision, json.loads(row.body))

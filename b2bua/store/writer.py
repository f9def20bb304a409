"""The one thread that writes to the database: batched, off the call path, losing nothing while it can be helped.

The event loop appends to deques and wakes the thread at most once per batch.  History and bindings are collected for a moment;
a setting, which a phone was told is made, is written at once.  While the database fails, rows wait in memory, coalesced and
bounded; what exceeds the bound goes to a journal (JSON lines) and from there into the database as soon as it works again, at the
latest at the next start.  Bindings and settings are kept per key, the last state wins.  Settings are journaled as soon as the
database fails, for they count at the next start whether it works by then or not; bindings never are: a phone registers again.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, Table
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.sql.dml import Delete, Insert

from b2bua import logs
from b2bua.delegation.plan import Setting
from b2bua.store import bindings as bindings_rows
from b2bua.store import history as history_rows
from b2bua.store import models
from b2bua.store.ports import HistoryRow, StoredBinding
from b2bua.store.private import private
from b2bua.store.settings_journal import SettingsJournal

JOURNAL: Final = "history-journal.jsonl"
"""Rows that the database could not take in time; read back when it can."""
REJECTED: Final = "history-rejected.jsonl"
"""Rows that no database takes; kept for whoever looks for the reason."""
LONGEST_WAIT: Final = 30.0
"""Seconds between two attempts at a failing database, at most."""
LONGEST_DOUBLING: Final = 7
"""Failures in a row up to which the wait doubles, which is beyond `LONGEST_WAIT`; a number of days of them would be too large to count."""
LOCK_SECONDS: Final = 2.0
SETTLE_STEP: Final = 0.005
"""Seconds between two looks at whether the rows are written."""

BindingKey = tuple[str, str]
SettingKey = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be written besides history: the last state of each key. None, or a setting without a value, deletes."""

    bindings: dict[BindingKey, StoredBinding | None] = field(default_factory=dict)
    settings: dict[SettingKey, Setting] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.bindings or self.settings)

    def singly(self) -> list[Changes]:
        """Each change alone."""
        return [
            *(Changes(bindings={key: binding}) for key, binding in self.bindings.items()),
            *(Changes(settings={key: setting}) for key, setting in self.settings.items()),
        ]

    def clear(self) -> None:
        self.bindings.clear()
        self.settings.clear()


_NO_CHANGES: Final = Changes()
_ROW_ERRORS = (SQLAlchemyError, UnicodeError, ValueError, TypeError, OverflowError)
_log = logs.get("store")


def _sql(statement: Insert | Delete) -> str:
    """The statement as text with positional parameters: compiled once, so that a row costs SQLite's work and little more."""
    dialect = sqlite.dialect(paramstyle="qmark")
    return str(statement.compile(dialect=dialect))


def _upsert(table: Table) -> str:
    statement = sqlite.insert(table)
    changed = {column.name: statement.excluded[column.name] for column in table.columns if not column.primary_key}
    return _sql(statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=changed))


# A row that is already there came from the journal, or from a commit whose confirmation was lost.
_INSERT_HISTORY = _sql(sqlite.insert(models.history).on_conflict_do_nothing())
_UPSERT_BINDING = _upsert(models.bindings)
_DELETE_BINDING = "DELETE FROM bindings WHERE aor = ? AND contact = ?"
_UPSERT_SETTING = _upsert(models.state)
_DELETE_SETTING = "DELETE FROM state WHERE kind = ? AND subject = ? AND object = ?"


class Writer:
    """`HistorySink` and the writing side of `BindingStore` and `StateStore`. The public methods belong to one thread, the event loop's.

    `interval`: seconds that history and bindings are collected before a commit · `batch`: most rows of one transaction ·
    `capacity`: history rows kept in memory while the database does not take them.
    """

    def __init__(self, engine: Engine, state: Path, *, interval: float = 0.5, batch: int = 1000, capacity: int = 50_000) -> None:
        self._engine = engine
        self._journal = state / JOURNAL
        self._rejected = state / REJECTED
        self._settings_journal = SettingsJournal(state)
        self._interval = interval
        self._batch = batch
        self._capacity = capacity
        self._rows: deque[HistoryRow] = deque()
        self._changes: deque[tuple[BindingKey, StoredBinding | None]] = deque(maxlen=4 * capacity)
        self._settings: deque[Setting] = deque()
        self._pending = False
        self._wake = threading.Event()
        self._hurry = threading.Event()
        self._stop = threading.Event()
        self._connection: Connection | None = None
        self._failures = 0
        self._unsaved = Changes()
        self._fresh: dict[SettingKey, Setting] = {}  # those unsaved settings that are not in the journal either
        self._journaled = True  # whether the journal may hold a setting; at first it may, from the last time
        self._journal_lock = threading.Lock()  # the event loop spills only when the queue is full
        self.written = 0
        """History rows committed."""
        self.spilled = 0
        """History rows that went to the journal."""
        self._take_in_settings()
        self._thread = threading.Thread(target=self._run, name="store", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """History rows not yet committed."""
        return len(self._rows)

    @property
    def healthy(self) -> bool:
        """False while the database refuses to be written."""
        return self._failures == 0

    def record(self, row: HistoryRow) -> None:
        """Queue a finished call; never raises, never waits unless the queue is full (then for the journal)."""
        if len(self._rows) >= self._capacity or self._stop.is_set():
            self._spill([row])
            return
        self._rows.append(row)
        if not self._pending:
            self._notify()

    def settle(self, seconds: float) -> None:
        """Have the calls that are over by now written at once, and wait for it, for at most `seconds`. Blocks; for any other thread."""
        if not self._rows:
            return
        self._hurry.set()
        self._notify()
        end = time.monotonic() + seconds
        while self._rows and time.monotonic() < end and self._thread.is_alive():
            time.sleep(SETTLE_STEP)

    def save_binding(self, binding: StoredBinding) -> None:
        """Queue a binding's new state; states that follow fast are written once."""
        self._changes.append(((binding.aor, binding.contact), binding))
        if not self._pending:
            self._notify()

    def delete_binding(self, aor: str, contact: str) -> None:
        """Queue the removal of a binding."""
        self._changes.append(((aor, contact), None))
        if not self._pending:
            self._notify()

    def save_settings(self, settings: Sequence[Setting]) -> None:
        """Queue settings, to be written at once; those that follow fast for the same key are written once."""
        if not settings:
            return
        self._settings.extend(settings)
        self._hurry.set()
        if not self._pending:
            self._notify()

    def close(self, seconds: float) -> None:
        """Write what waits, for at most `seconds`, then journal the settings and the history that are left."""
        self._stop.set()
        self._hurry.set()
        self._wake.set()
        self._thread.join(seconds)
        left = [*self._fresh.copy().values(), *self._settings.copy()]
        if not self._journal_settings(left):
            _log.error("settings lost", settings=len(left))
        if self._thread.is_alive():
            _log.error("database does not answer", rows=len(self._rows))
        self._spill(tuple(self._rows.copy()))  # copied at once: a thread that hangs may still come back

    # -- the thread

    def _notify(self) -> None:
        # Set before the wake-up and cleared before the queues are read: a row is never left behind unannounced.
        self._pending = True
        self._wake.set()

    def _run(self) -> None:
        self._take_in_journal()
        stopping = False
        while not stopping:
            self._wake.wait()
            self._pause()
            self._wake.clear()
            self._hurry.clear()
            self._pending = False
            stopping = self._stop.is_set()  # asked before writing: whatever came before the stop is written
            self._write_all()
            if self._failures:
                self._notify()
        if self._connection is not None:
            self._connection.close()

    def _pause(self) -> None:
        """Let history and bindings gather, unless there is a setting; after a failure let the database recover."""
        if not self._failures:
            self._hurry.wait(self._interval)
            return
        end = time.monotonic() + min(LONGEST_WAIT, 0.25 * 2 ** min(self._failures, LONGEST_DOUBLING))
        while not self._stop.is_set() and (left := end - time.monotonic()) > 0 and self._hurry.wait(left):
            self._hurry.clear()
            self._collect_changes()
            self._journal_fresh()

    def _write_all(self) -> None:
        """Write until the queues are empty or the database fails. Rows leave their queue when they are committed."""
        while self._rows or self._changes or self._settings or self._unsaved:
            self._collect_changes()
            rows = [self._rows[at] for at in range(min(len(self._rows), self._batch))]
            if not self._write(rows, self._unsaved):
                self._journal_fresh()
                return
            self._unsaved.clear()
            self._fresh.clear()
            self._clear_settings_journal()
            for _ in rows:
                self._rows.popleft()

    def _collect_changes(self) -> None:
        bindings, settings = self._unsaved.bindings, self._unsaved.settings
        while self._changes:
            key, binding = self._changes.popleft()
            bindings[key] = binding
            if len(bindings) > 4 * self._capacity:  # a phone registers again
                del bindings[next(iter(bindings))]
        while self._settings:
            setting = self._settings.popleft()
            settings[setting[:3]] = self._fresh[setting[:3]] = setting

    def _write(self, rows: Sequence[HistoryRow], changes: Changes) -> bool:
        """One transaction; False when the database fails, which is logged when it begins and when it ends."""
        try:
            self._store(rows, changes)
        except OperationalError as error:  # locked, full, read-only, gone: it may pass
            self._failed(error)
            return False
        self.written += len(rows)
        if self._failures:
            _log.info("database takes rows again", after_failures=self._failures)
            self._failures = 0
            self._take_in_journal()
        return True

    def _store(self, rows: Sequence[HistoryRow], changes: Changes) -> None:
        """Bring all of it into the database that can be stored. Raises OperationalError."""
        try:
            self._transaction(rows, changes)
        except OperationalError:
            raise
        except _ROW_ERRORS:
            self._write_singly(rows, changes)

    def _transaction(self, rows: Sequence[HistoryRow], changes: Changes) -> None:
        connection = self._connection
        if connection is None:
            connection = self._connection = self._engine.connect()
        with connection.begin():
            if rows:
                connection.exec_driver_sql(_INSERT_HISTORY, [history_rows.to_columns(row) for row in rows])
            if saved := [bindings_rows.to_columns(each) for each in changes.bindings.values() if each is not None]:
                connection.exec_driver_sql(_UPSERT_BINDING, saved)
            if deleted := [key for key, binding in changes.bindings.items() if binding is None]:
                connection.exec_driver_sql(_DELETE_BINDING, deleted)
            if made := [tuple(each) for each in changes.settings.values() if each.value is not None]:
                connection.exec_driver_sql(_UPSERT_SETTING, made)
            if forgotten := [key for key, setting in changes.settings.items() if setting.value is None]:
                connection.exec_driver_sql(_DELETE_SETTING, forgotten)

    def _write_singly(self, rows: Sequence[HistoryRow], changes: Changes) -> None:
        """One of these cannot be stored: store the others, and set aside the history row that is to blame."""
        for change in changes.singly():
            self._try((), change)
        for row in rows:
            if not self._try((_clean(row),), _NO_CHANGES):
                self._append(self._rejected, (row,))

    def _try(self, rows: Sequence[HistoryRow], changes: Changes) -> bool:
        try:
            self._transaction(rows, changes)
        except OperationalError:
            raise  # whoever is stored already is stored once more, which does no harm
        except _ROW_ERRORS as error:
            keys = [*changes.bindings, *changes.settings]
            _log.error("row cannot be stored", error=str(error), rows=[row.id for row in rows], changes=keys)
            return False
        return True

    def _failed(self, error: Exception) -> None:
        self._failures += 1
        if self._failures == 1:
            _log.error("database fails, rows are kept", error=str(error), rows=len(self._rows))
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    # -- the journal of settings

    def _take_in_settings(self) -> None:
        """What the database could not take before the last end. Raises OSError."""
        if left := self._settings_journal.read():
            self._unsaved.settings.update((each[:3], each) for each in left)
            self._hurry.set()
            self._notify()
            _log.info("settings journal taken in", settings=len(self._unsaved.settings))

    def _journal_fresh(self) -> None:
        if self._journal_settings(list(self._fresh.values())):
            self._fresh.clear()

    def _journal_settings(self, settings: Sequence[Setting]) -> bool:
        """Keep `settings` over the end of the process, which the database does not at the moment; False, logged, when that fails, too."""
        if not settings:
            return True
        self._journaled = True
        try:
            self._settings_journal.append(settings)
        except OSError as error:
            _log.error("settings are kept in memory only", settings=len(settings), error=str(error))
            return False
        return True

    def _clear_settings_journal(self) -> None:
        """The database has everything that is in the journal, unless `close` has just added what waits."""
        if not self._journaled or self._settings:
            return
        try:
            self._settings_journal.clear()
            self._journaled = False
        except OSError as error:
            _log.error("settings journal cannot be removed", error=str(error))

    # -- the journal of history

    def _spill(self, rows: Sequence[HistoryRow]) -> None:
        if not rows:
            return
        # At the end of the process the thread may hang with the lock in hand; the rows matter more then.
        locked = self._journal_lock.acquire(timeout=LOCK_SECONDS)
        self._append(self._journal, rows)
        self.spilled += len(rows)
        if locked:
            self._journal_lock.release()

    def _append(self, path: Path, rows: Sequence[HistoryRow]) -> None:
        try:
            self._append_text(path, [json.dumps(history_rows.to_columns(row), default=str) for row in rows])
        except OSError as error:
            _log.error("history lost", rows=[row.id for row in rows], error=str(error))

    def _append_text(self, path: Path, lines: Sequence[str]) -> None:
        with open(path, "a", encoding="ascii", errors="backslashreplace", opener=private) as file:
            file.writelines(line + "\n" for line in lines)

    def _take_in_journal(self) -> None:
        """Bring the journal into the database; rows it has already are skipped, so being interrupted does no harm."""
        with self._journal_lock:
            if not self._journal.exists():
                return
            lines = self._journal.read_text("ascii", "replace").splitlines()
            rows = {line: _from_line(line) for line in lines}
            if self._write([row for row in rows.values() if row is not None], _NO_CHANGES):
                self._set_aside([line for line, row in rows.items() if row is None])
                self._journal.unlink()
                _log.info("journal taken in", rows=len(rows))

    def _set_aside(self, lines: Sequence[str]) -> None:
        if lines:
            _log.error("journal lines unreadable", lines=len(lines), kept=REJECTED)
            with suppress(OSError):
                self._append_text(self._rejected, lines)


def _from_line(line: str) -> HistoryRow | None:
    """One line of the journal; None for the torn last line of a machine that lost power."""
    try:
        return history_rows.from_columns(tuple(json.loads(line)))
    except (ValueError, TypeError):
        return None


def _clean(row: HistoryRow) -> HistoryRow:
    """The row with texts that UTF-8 can carry; what a peer sent in other encodings becomes question marks."""
    caller, called = (each.encode("utf-8", "replace").decode() for each in (row.caller, row.called))
    return row._replace(caller=caller, called=called)

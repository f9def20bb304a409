"""The embedded database: opened, migrated, closed. Nothing else knows that it is SQLite."""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, create_engine, event, inspect, text
from sqlalchemy.pool import NullPool

from b2bua.delegation.plan import Setting
from b2bua.store import migrations
from b2bua.store.bindings import SqlBindings
from b2bua.store.calls import JOURNAL as CALLS_JOURNAL
from b2bua.store.calls import CallJournal
from b2bua.store.history import SqlHistory
from b2bua.store.private import private
from b2bua.store.settings_journal import JOURNAL as SETTINGS_JOURNAL
from b2bua.store.settings_journal import SettingsJournal
from b2bua.store.state import SqlState, load
from b2bua.store.writer import JOURNAL, REJECTED, Writer

DATABASE: Final = "b2bua.sqlite"
JOURNALS: Final = (JOURNAL, REJECTED, SETTINGS_JOURNAL, CALLS_JOURNAL)
SETTLE_SECONDS: Final = 1.0
"""How long somebody who asks for the history waits for the calls that have just ended."""
BUSY_SECONDS: Final = 5.0
"""How long a statement waits for another process (a backup, `b2bua history`) to let go of the file."""


class Store:
    """The open store of a running server: a sink and a reader of history, the bindings, what phones have set, and the calls that run."""

    def __init__(self, engine: Engine, directory: Path) -> None:
        self._engine = engine
        journal = SettingsJournal(directory)
        self.writer = Writer(engine, directory)
        self.history = SqlHistory(engine, lambda: self.writer.settle(SETTLE_SECONDS))
        self.bindings = SqlBindings(engine, self.writer)
        self.state = SqlState(engine, journal, self.writer)
        self.calls = CallJournal(directory)

    def close(self, seconds: float = 5.0) -> None:
        """Write what is queued, for at most `seconds`; what the database does not take goes to the journal."""
        self.writer.close(seconds)
        self.calls.close()
        self._engine.dispose()


def open_store(state: Path) -> Store:
    """Open the database under the directory `state` (made with mode 0700 if missing), migrated to the newest revision.

    Blocks: call it before the server starts. Raises OSError or sqlalchemy.exc.DatabaseError when it cannot be used.
    """
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    _keep_private(state)
    engine = _engine(state / DATABASE, "rwc")
    migrate(engine)
    return Store(engine, state)


def _keep_private(state: Path) -> None:
    """Who called whom is for nobody else on this machine. SQLite gives the files beside a database its mode."""
    os.close(private(str(state / DATABASE), os.O_RDWR | os.O_CREAT))
    for each in (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", *JOURNALS):
        with suppress(FileNotFoundError):
            (state / each).chmod(0o600)


def open_history(state: Path) -> SqlHistory | None:
    """History for reading, beside a running server; None when there is no database yet.

    Raises OSError when the database was made by another version of the server.
    """
    engine = _existing(state / DATABASE)
    return None if engine is None else SqlHistory(engine)


def stored_settings(state: Path) -> list[Setting]:
    """What phones have set, as stored, beside a running server; nothing when there is no database yet. Raises as `open_history`."""
    engine = _existing(state / DATABASE)
    return [] if engine is None else load(engine, SettingsJournal(state))


def _existing(path: Path) -> Engine | None:
    if not path.exists():
        return None
    engine = _engine(path, "rw")
    revision = _revision(engine)
    if revision not in (None, migrations.HEAD):
        raise OSError(f"{path}: made by another version ({revision}); start the server once, it brings the database up to date")
    return engine if revision else None


def migrate(engine: Engine) -> None:
    """Bring the schema to `migrations.HEAD`."""
    if _revision(engine) == migrations.HEAD:
        return
    with engine.begin() as connection:
        # Loaded only when there is work: it would stay in memory for the life of the server.
        from alembic import command  # noqa: PLC0415
        from alembic.config import Config  # noqa: PLC0415

        config = Config()
        config.set_main_option("script_location", str(Path(migrations.__file__).parent).replace("%", "%%"))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _revision(engine: Engine) -> str | None:
    """The schema's revision; None for a new database."""
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _engine(path: Path, mode: str) -> Engine:
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    # A connection per use, closed after it: the writer keeps its own for good, readers are rare.
    engine = create_engine(
        "sqlite+pysqlite://",
        creator=lambda: sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, check_same_thread=False),
        poolclass=NullPool,
        hide_parameters=True,  # errors are logged, and who called whom is nobody's business there
    )
    event.listen(engine, "connect", _prepare)
    return engine


def _prepare(connection: sqlite3.Connection, _record: Any) -> None:
    # WAL: readers and the writer do not wait for each other. NORMAL: a commit is not an fsync; the database stays
    # consistent, and only a power failure (not a crash of the process) can lose the last commits.
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")

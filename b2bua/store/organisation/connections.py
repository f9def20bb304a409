"""Reaching the organisation's database: SQLite in a file or PostgreSQL by URL, with a deadline for every wait.

Whatever is wrong with the database itself comes out as `Unavailable`, without the URL's password; the next call tries again.
"""

from __future__ import annotations

import os
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, DisconnectionError, IntegrityError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import QueuePool

from b2bua.store.ports import Unavailable, Undecided

SCHEME: Final = "postgresql://"
BUSY_SECONDS: Final = 5.0
"""How long a change waits for another process (a command, another node) to finish its own."""
CONNECT_SECONDS: Final = 5
STATEMENT_SECONDS: Final = 8
"""After which the PostgreSQL server gives up on a statement."""
ANSWER_SECONDS: Final = 10.0
"""After which without an answer a connection is cut on this side, whatever it is doing: a server that hangs does not give up by itself."""
ROWS_A_SECOND: Final = 1_000
"""How many rows of one statement, at least, a server takes in that time besides."""
POOL: Final = 2
"""Connections that are kept: one for the directory's thread, one for that of the accounts."""


class Database:
    """An engine with the two ways of using it."""

    def __init__(self, engine: Engine, name: str, password: str = "") -> None:
        self.engine = engine
        self.name = name
        """For messages: the file, or the URL without its password."""
        self._password = password

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one state of the database throughout. Raises Unavailable."""
        with self._told(), self.engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                connection.execution_options(isolation_level="REPEATABLE READ")
            yield connection

    @contextmanager
    def glancing(self) -> Iterator[Connection]:
        """A connection for one cheap question. Raises Unavailable."""
        with self._told(), self.engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                connection.execution_options(isolation_level="AUTOCOMMIT")
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction, committed at the end unless something is raised. On SQLite it is the only one from its beginning. Raises
        Unavailable; Undecided when the database has gone while it was to commit."""
        committing = False
        try:
            with self._told(), self.engine.connect().execution_options(writing=True) as connection, connection.begin():
                yield connection
                committing = True
        except Unavailable as error:
            if committing and self.engine.dialect.name != "sqlite":
                raise Undecided(str(error)) from None
            raise

    def close(self) -> None:
        self.engine.dispose()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (IntegrityError, DataError):  # what was to be written is at fault
            raise
        except (DBAPIError, PoolTimeout) as error:
            self.engine.dispose()  # a connection to a server that has become a standby answers, and is of no use
            raise Unavailable(self._text(error)) from None

    def _text(self, error: SQLAlchemyError) -> str:
        reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        return f"{self.name}: {reason.replace(self._password, '***') if self._password else reason}"


def sqlite_database(path: Path) -> Database:
    """The file `path`, made if missing, for nobody else to read. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # SQLite gives the files beside it (-wal, -shm) the mode of this one.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    path.chmod(0o600)
    uri = f"{path.absolute().as_uri()}?mode=rw"
    engine = create_engine(
        "sqlite+pysqlite://",
        creator=lambda: sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, check_same_thread=False, isolation_level=None),
        poolclass=QueuePool,
        pool_size=POOL,
        pool_timeout=CONNECT_SECONDS,
        hide_parameters=True,  # errors are logged, and there are secrets among them
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return Database(engine, str(path))


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    # WAL: readers and the writer do not wait for each other. FULL: what an administrator was told is done survives a power failure;
    # changes are rare enough to pay for it.
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")


def _begin_sqlite(connection: Connection) -> None:
    # A change takes its place at once: one that finds out at its first INSERT that somebody else was faster could not wait any more.
    writing = connection.get_execution_options().get("writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def postgres_database(text: str) -> Database:
    """The database of the URL ``postgresql://USER:PASSWORD@HOST/DATABASE``. Connects later. Raises OSError, without the URL in it."""
    url = _url(text)
    engine = create_engine(
        url,
        connect_args={
            "connect_timeout": CONNECT_SECONDS,
            "application_name": "b2bua",
            "client_encoding": "utf8",
            # A peer that has gone without a word is noticed by the kernel.
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "tcp_user_timeout": STATEMENT_SECONDS * 1000,
        },
        pool_size=POOL,
        pool_timeout=CONNECT_SECONDS,
        hide_parameters=True,
    )
    event.listen(engine, "connect", _prepare_postgres)
    event.listen(engine, "checkout", _look_after)
    event.listen(engine, "before_cursor_execute", _asked)
    event.listen(engine, "commit", lambda connection: _await_answer(connection.connection.dbapi_connection, connection.connection))
    event.listen(engine, "checkin", _let_go)
    event.listen(engine, "invalidate", lambda connection, record, _error: _let_go(connection, record))
    name = URL.create("postgresql", url.username, None, url.host, url.port, url.database).render_as_string()
    return Database(engine, name, url.password or "")


def _url(text: str) -> URL:
    """Its errors name what is wrong, never the text: it holds a password, and parts of one stand anywhere when it is written wrongly."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise OSError("database: is no URL; write postgresql://USER:PASSWORD@HOST/DATABASE") from None
    if text.count("@") > 1 or "@" in f"{url.host}{url.database}":
        raise OSError(
            "database: has a character in its user or password that must be written otherwise: %40 for @, %3A for :, %2F for /"
        )
    if not url.database:
        raise OSError("database: names none behind the host; write postgresql://USER:PASSWORD@HOST/DATABASE")
    return url.set(drivername="postgresql+psycopg")


def _prepare_postgres(connection: Any, _record: Any) -> None:
    connection.autocommit = True
    connection.execute(f"SET statement_timeout = {STATEMENT_SECONDS * 1000}")
    connection.execute(f"SET lock_timeout = {round(BUSY_SECONDS * 1000)}")
    connection.execute(f"SET idle_in_transaction_session_timeout = {round(ANSWER_SECONDS * 1000)}")
    connection.autocommit = False


def _look_after(connection: Any, record: Any, _proxy: Any) -> None:
    """Start the deadline of the first answer, and see whether the connection still stands; the pool makes another one if not."""
    _await_answer(connection, record)
    try:
        connection.autocommit = True
        connection.execute("")
        connection.autocommit = False
    except Exception as error:
        _let_go(connection, record)
        raise DisconnectionError from error


def _asked(connection: Connection, _cursor: Any, _statement: str, parameters: Any, _context: Any, executemany: bool) -> None:
    _await_answer(connection.connection.dbapi_connection, connection.connection, len(parameters) if executemany else 1)


def _await_answer(connection: Any, record: Any, rows: int = 1) -> None:
    """The deadline of what is asked now, in place of the one before."""
    _let_go(connection, record)
    timer = record.info["deadline"] = threading.Timer(ANSWER_SECONDS + rows / ROWS_A_SECOND, _cut, (connection,))
    timer.daemon = True
    timer.start()


def _let_go(_connection: Any, record: Any) -> None:
    if (timer := record.info.pop("deadline", None)) is not None:
        timer.cancel()


def _cut(connection: Any) -> None:
    """End the wait of another thread for a server that does not answer."""
    # Nothing to cut where it has been closed meanwhile.
    with suppress(Exception), socket.socket(fileno=os.dup(connection.pgconn.socket)) as wire:
        wire.shutdown(socket.SHUT_RDWR)

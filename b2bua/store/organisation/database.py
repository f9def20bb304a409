"""The organisation's database: opened, migrated, closed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

from b2bua.store.organisation import migrations
from b2bua.store.organisation.accounts import SqlAccounts
from b2bua.store.organisation.connections import SCHEME, Database, postgres_database, sqlite_database
from b2bua.store.organisation.directory import SqlDirectory
from b2bua.store.organisation.imports import SqlImports
from b2bua.store.organisation.models import VERSION_TABLE
from b2bua.store.ports import Unavailable

DATABASE: Final = "directory.sqlite"
"""The file under the state directory, where no other database is named."""
FILE_SCHEME: Final = "sqlite:///"
"""Before the path of a file in a configuration."""
OPENING_SECONDS: Final = 10.0
"""How long a server that starts waits for another one that starts on the same database."""
MIGRATING: Final = 0x62326275
"""The advisory lock that one of several servers has while it migrates."""


class Organisation:
    """The open database. Everything in it blocks."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.name = database.name
        """For messages: the file, or the URL without its password."""
        self.directory = SqlDirectory(database)
        self.accounts = SqlAccounts(database)
        self.imports = SqlImports(database)

    def close(self) -> None:
        """Let go of every connection."""
        self.database.close()


def open_organisation(place: str | Path) -> Organisation:
    """Open the SQLite file or the PostgreSQL database ``postgresql://…`` at `place`, migrated to the newest revision.

    Blocks, for at most a minute. Raises Unavailable and other OSErrors: what is no URL, a file that cannot be used, a database of a newer
    version.
    """
    database = postgres_database(place) if isinstance(place, str) and place.startswith(SCHEME) else sqlite_database(Path(place))
    try:
        _migrate_in_time(database)
    except BaseException:
        database.close()
        raise
    return Organisation(database)


def _migrate_in_time(database: Database) -> None:
    """While another server makes the file, SQLite says at once that it is locked (the change to WAL waits for nobody); so it is asked again."""
    end = time.monotonic() + OPENING_SECONDS
    while True:
        try:
            migrate(database)
        except Unavailable:
            if database.engine.dialect.name != "sqlite" or time.monotonic() > end:
                raise
            time.sleep(0.05)
        else:
            return


def place_of(named: str | None, state: Path) -> str | Path:
    """Where the organisation is: the database that the configuration names, or the file under the directory `state`."""
    if named is None:
        return state / DATABASE
    return Path(named.removeprefix(FILE_SCHEME)) if named.startswith(FILE_SCHEME) else named


def existing_organisation(named: str | None, state: Path) -> Organisation | None:
    """The database, opened; None where it would be a file that is not there yet. Raises as `open_organisation`."""
    place = place_of(named, state)
    return None if isinstance(place, Path) and not place.exists() else open_organisation(place)


def migrate(database: Database) -> None:
    """Bring the schema to `migrations.HEAD`."""
    with database.reading() as connection:
        if _revision(connection) == migrations.HEAD:
            return
    with database.writing() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATING})
        if _revision(connection) != migrations.HEAD:  # else another server has done it, while this one waited
            _upgrade(connection, database.name)


def _upgrade(connection: Connection, name: str) -> None:
    # Loaded only when there is work: it would stay in memory for the life of the server.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    revision = _revision(connection)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if revision is not None and revision not in known:
        raise OSError(f"{name}: made by a newer version ({revision}); start that one")
    command.upgrade(config, "head")


def _revision(connection: Connection) -> str | None:
    """The schema's revision; None for a new database."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608 -- a constant of ours

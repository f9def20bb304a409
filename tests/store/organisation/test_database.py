"""The organisation's database is opened, migrated, away and back; a password never shows; a killed process leaves all or nothing."""

from __future__ import annotations

import os
import random
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from b2bua.store.organisation import Organisation, connections, migrations, open_organisation
from b2bua.store.organisation.database import existing_organisation, place_of
from b2bua.store.organisation.models import VERSION_TABLE, metadata
from b2bua.store.ports import AccountRow, AuditQuery, Unavailable, Undecided
from tests.store.organisation.test_directory import row, user
from tests.support import postgres as support

EVERYTHING: list[Callable[[Organisation], object]] = [
    lambda each: each.directory.revision(),
    lambda each: each.directory.load(),
    lambda each: each.directory.write([user("676")], [row()], 1),
    lambda each: each.directory.base(),
    lambda each: each.directory.audit(AuditQuery(), 1),
    lambda each: each.directory.note([row()]),
    lambda each: each.accounts.account("667"),
    lambda each: each.accounts.save_account(AccountRow("667", "", False)),
    lambda each: each.imports.imports(1),
]


@pytest.fixture
def away() -> Iterator[support.Postgres]:
    """The server, which a test may stop; it runs again afterwards."""
    server = support.postgres()
    yield server
    server.stop()
    server.start()


# --- schema ------------------------------------------------------------------------------------------------------------------------


def test_migrations_make_what_the_models_say(organisation: Organisation) -> None:
    with organisation.database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, metadata) == []
    assert ScriptDirectory(str(Path(migrations.__file__).parent)).get_current_head() == migrations.HEAD


def test_what_is_there_outlives_the_process(place: str | Path) -> None:
    first = open_organisation(place)
    first.directory.write([user("667")], [row()], 0)
    first.close()
    again = open_organisation(place)
    assert again.directory.load()[1][0].body["name"] == "Olivia"
    again.close()


def test_a_migrated_database_opens_without_alembic(place: str | Path) -> None:
    open_organisation(place).close()
    program = (
        "import sys; from b2bua.store.organisation import open_organisation; open_organisation(sys.argv[1]).close();"
        "print('alembic' in sys.modules, 'psycopg' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(place)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", str(isinstance(place, str))]


def test_servers_that_start_at_the_same_time_make_one_schema(place: str | Path) -> None:
    opened: list[Organisation] = []
    threads = [threading.Thread(target=lambda: opened.append(open_organisation(place))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [each.directory.revision() for each in opened] == [0] * 4
    for each in opened:
        each.close()


def test_a_database_of_a_newer_version_is_left_alone(place: str | Path) -> None:
    first = open_organisation(place)
    with first.database.writing() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    first.close()
    with pytest.raises(OSError, match="made by a newer version \\(9999\\)"):
        open_organisation(place)


# --- the file ----------------------------------------------------------------------------------------------------------------------


def test_the_file_is_for_nobody_else_to_read(tmp_path: Path) -> None:
    path = tmp_path / "var" / "state" / "directory.sqlite"
    opened = open_organisation(path)
    opened.directory.write([user("667")], [], 0)
    assert {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()} == {
        "directory.sqlite": 0o600,
        "directory.sqlite-wal": 0o600,
        "directory.sqlite-shm": 0o600,
    }
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    opened.close()


def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "directory.sqlite"
    open_organisation(path).close()
    path.chmod(0o644)
    open_organisation(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_change_survives_a_power_failure(tmp_path: Path) -> None:
    opened = open_organisation(tmp_path / "directory.sqlite")
    with opened.database.reading() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2  # FULL: a commit is an fsync
    opened.close()


def test_what_is_no_database_is_told_with_the_name_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "directory.sqlite"
    path.write_bytes(b"no database, and long enough to be one" * 99)
    with pytest.raises(Unavailable, match=r"directory\.sqlite: file is not a database"):
        open_organisation(path)
    assert path.read_bytes().startswith(b"no database")
    with pytest.raises(OSError, match="Is a directory"):
        open_organisation(tmp_path)


def test_where_the_organisation_is(tmp_path: Path) -> None:
    assert place_of(None, tmp_path) == tmp_path / "directory.sqlite"
    assert place_of("sqlite:////srv/b2bua/directory.sqlite", tmp_path) == Path("/srv/b2bua/directory.sqlite")
    assert place_of("postgresql://b2bua@db/b2bua", tmp_path) == "postgresql://b2bua@db/b2bua"


def test_whoever_only_looks_makes_no_file(tmp_path: Path) -> None:
    state = tmp_path / "var"
    assert existing_organisation(None, state) is None
    assert not state.exists()
    open_organisation(place_of(None, state)).close()
    found = existing_organisation(None, state)
    assert found is not None
    assert found.directory.revision() == 0
    found.close()


_WRITE_FOR_EVER = """
import sys
from b2bua.store.organisation import open_organisation
from b2bua.store.ports import Written
from tests.store.organisation.test_directory import row
store = open_organisation(sys.argv[1]).directory
print("open", flush=True)
for revision in range(store.revision(), 1_000_000):
    keys = [str(number) for number in range(200)]
    store.write([Written("users", key, {"revision": revision + 1}) for key in keys], [row(key=key) for key in keys], revision)
    print(revision + 1, flush=True)
"""


def test_a_killed_process_leaves_all_of_a_change_or_nothing(tmp_path: Path) -> None:
    path = tmp_path / "directory.sqlite"
    chance = random.Random(5)
    for _ in range(5):
        writer = subprocess.Popen([sys.executable, "-c", _WRITE_FOR_EVER, str(path)], stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        assert writer.stdout.readline() == "open\n"
        assert writer.stdout.readline().strip().isdigit()
        time.sleep(chance.uniform(0, 0.1))
        writer.send_signal(signal.SIGKILL)
        confirmed = [line for line in writer.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
        writer.stdout.close()
        writer.wait()
        opened = open_organisation(path)
        revision, entries, _ = opened.directory.load()
        assert {(each.revision, each.body["revision"]) for each in entries} == {(revision, revision)}
        assert len(entries) == 200
        assert len(opened.directory.audit(AuditQuery(), 1_000_000)) == 200 * revision
        assert revision >= int(confirmed[-1] if confirmed else 1)
        opened.close()


def test_a_file_in_use_is_waited_for_and_then_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "BUSY_SECONDS", 0.2)
    path = tmp_path / "directory.sqlite"
    opened = open_organisation(path)
    opened.directory.write([user("667")], [], 0)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        started = time.monotonic()
        with pytest.raises(Unavailable, match=r"directory\.sqlite: database is locked"):
            opened.directory.write([user("676")], [], 1)
        assert 0.15 < time.monotonic() - started < 2
        assert opened.directory.load()[0] == 1  # whoever only reads is not in the way of who writes
        other.execute("ROLLBACK")
    assert opened.directory.write([user("676")], [], 1) == 2
    opened.close()


# --- PostgreSQL --------------------------------------------------------------------------------------------------------------------


@pytest.mark.needs("initdb")
def test_a_database_that_is_away_is_told_and_used_again_when_it_is_back(away: support.Postgres) -> None:
    with away.database() as url:
        opened = open_organisation(url)
        opened.directory.write([user("667")], [], 0)
        away.stop()
        for ask in EVERYTHING:
            with pytest.raises(Unavailable, match=f"^postgresql://b2bua@127.0.0.1:{away.port}/test_[0-9]+: .+") as told:
                ask(opened)
            assert support.PASSWORD not in str(told.value)
            assert told.value.__cause__ is None
        away.start()
        assert opened.directory.revision() == 1
        opened.close()


@pytest.mark.needs("initdb")
def test_a_restart_between_two_questions_is_not_noticed(away: support.Postgres) -> None:
    with away.database() as url:
        opened = open_organisation(url)
        opened.directory.write([user("667")], [], 0)
        for expected in (1, 2):
            away.stop()
            away.start()
            assert opened.directory.write([user("667")], [], expected) == expected + 1
        opened.close()


@pytest.mark.needs("initdb")
def test_a_row_that_somebody_holds_is_waited_for_and_then_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "BUSY_SECONDS", 0.2)
    with support.postgres().database() as url:
        opened, other = open_organisation(url), open_organisation(url)
        with other.database.writing() as connection:
            connection.execute(text("SELECT revision FROM counter FOR UPDATE"))
            with pytest.raises(Unavailable, match="lock timeout"):
                opened.directory.write([user("667")], [], 0)
        assert opened.directory.write([user("667")], [], 0) == 1
        opened.close()
        other.close()


@pytest.mark.needs("initdb")
def test_a_statement_that_takes_too_long_is_ended_by_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "STATEMENT_SECONDS", 1)
    with support.postgres().database() as url:
        opened = open_organisation(url)
        with pytest.raises(Unavailable, match="statement timeout"), opened.database.reading() as connection:
            connection.execute(text("SELECT pg_sleep(20)"))
        assert opened.directory.revision() == 0
        opened.close()


@pytest.mark.needs("initdb")
def test_a_server_that_hangs_is_left_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the server's own deadline nor the kernel's helps against a process that is there and does nothing."""
    with support.postgres().database() as url:
        opened = open_organisation(url)
        monkeypatch.setattr(connections, "ANSWER_SECONDS", 0.5)
        with opened.database.glancing() as connection:
            backend = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        os.kill(backend, signal.SIGSTOP)
        try:
            started = time.monotonic()
            assert opened.directory.write([user("667")], [], 0) == 1  # the connection is cut, and another one serves
            assert 0.4 < time.monotonic() - started < 5
        finally:
            os.kill(backend, signal.SIGCONT)
        opened.close()


@pytest.mark.needs("initdb")
def test_a_wrong_password_is_told_without_it() -> None:
    wrong = "wr0ng@:/secret"
    with pytest.raises(Unavailable, match="password authentication failed") as told:
        open_organisation(support.postgres().url(password=wrong))
    assert wrong not in str(told.value)


def test_a_server_that_never_says_a_word_is_left_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "CONNECT_SECONDS", 2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.monotonic()
        with pytest.raises(Unavailable, match="timeout"):
            open_organisation(f"postgresql://b2bua:x@127.0.0.1:{silent.getsockname()[1]}/b2bua")
        assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("postgresql://user:hunt@er2@host/db", "%40"),
        ("postgresql://us/er:hunter2@host/db", "%40"),
        ("postgresql://user:hunt@er2/x?y@host/db", "%40"),
        ("postgresql://user:hunter2@host:port/db", "is no URL"),
        ("postgresql://user:hunter2@host", "names none"),
        ("postgresql://", "names none"),
    ],
)
def test_a_url_that_is_none_is_told_without_its_password(url: str, what: str) -> None:
    with pytest.raises(OSError, match=what) as told:
        open_organisation(url)
    assert "er2" not in str(told.value)
    assert told.value.__cause__ is None
    assert told.value.__suppress_context__ or told.value.__context__ is None


@pytest.mark.parametrize("host", ["db.acme.test:5433", "[2001:db8::1]:5433", ""])
def test_the_name_of_a_database_holds_no_password(host: str) -> None:
    database = connections.postgres_database(f"postgresql://user:hunter2@{host}/b2bua?sslmode=require")
    assert database.name == f"postgresql://user@{host}/b2bua"
    assert "hunter2" not in repr(database.engine)


@pytest.mark.needs("initdb")
def test_a_server_that_goes_while_it_commits_leaves_open_what_has_become_of_the_change() -> None:
    with support.postgres().database() as url:
        opened, other = open_organisation(url), open_organisation(url)
        with pytest.raises(Undecided), opened.database.writing() as connection:
            backend = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
            with other.database.glancing() as killer:
                killer.execute(text("SELECT pg_terminate_backend(:backend, 2000)"), {"backend": backend})
        with pytest.raises(Unavailable) as told, opened.database.writing() as connection:
            backend = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
            with other.database.glancing() as killer:
                killer.execute(text("SELECT pg_terminate_backend(:backend, 2000)"), {"backend": backend})
            connection.execute(text("SELECT 1"))
        assert not isinstance(told.value, Undecided), "before the commit nothing can have been made"
        assert opened.directory.revision() == 0
        opened.close()
        other.close()


@pytest.mark.needs("initdb")
def test_each_answer_is_waited_for_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long change is no server that hangs."""
    with support.postgres().database() as url:
        opened = open_organisation(url)
        monkeypatch.setattr(connections, "ANSWER_SECONDS", 0.6)
        with opened.database.writing() as connection:
            for _ in range(4):
                connection.execute(text("SELECT pg_sleep(0.3)"))
        with pytest.raises(Unavailable), opened.database.reading() as connection:
            connection.execute(text("SELECT pg_sleep(3)"))
        opened.close()

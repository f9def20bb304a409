"""The embedded store: nothing lost, whatever the database does; the schema is what the models say."""

from __future__ import annotations

import json
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from b2bua.delegation.plan import Setting
from b2bua.store import Store, migrations, open_store
from b2bua.store import history as history_rows
from b2bua.store.database import DATABASE, open_history, stored_settings
from b2bua.store.models import metadata
from b2bua.store.ports import HistoryRow, Segment, StoredBinding
from b2bua.store.settings_journal import JOURNAL as SETTINGS_JOURNAL
from b2bua.store.settings_journal import SettingsJournal
from b2bua.store.writer import JOURNAL, REJECTED, Writer
from tests.store.test_decisions import DECISION


def row(number: int = 1, **changes: Any) -> HistoryRow:
    base = HistoryRow(
        id=f"call-{number}",
        started=1_790_000_000.25 + number,
        answered=1_790_000_003.0,
        ended=1_790_000_060.5,
        direction="incoming",
        caller="+15551230001",
        called="667",
        executive="667",
        answered_by="676",
        on_behalf_of=None,
        actor=None,
        outcome="answered",
        segments=(Segment("talk", "676", 1_790_000_003.0, 1_790_000_060.5),),
        status=200,
        parties=("667", "676", "677"),
        call_ids=("0-abc", "0-def"),
        decision=DECISION,
    )
    return base._replace(**changes)


def binding(aor: str = "667", contact: str = "sip:667@192.0.2.1", **changes: Any) -> StoredBinding:
    base = StoredBinding(
        aor,
        contact,
        ";x=1",
        1.0,
        "<urn:uuid:1>",
        1,
        2e9,
        "UDP",
        "192.0.2.1",
        5060,
        "127.0.0.1",
        5060,
        ("<sip:edge;lr>",),
        "c",
        1,
        "ua",
    )
    return base._replace(**changes)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path / "state")
    yield opened
    opened.close()


def eventually(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def reopened(state: Path) -> list[HistoryRow]:
    again = open_store(state)
    again.close()
    history = open_history(state)
    assert history is not None
    return history.rows()


def fast(engine: Engine, state: Path, **options: Any) -> Writer:
    return Writer(engine, state, interval=0.01, **options)


def test_the_state_directory_is_private(tmp_path: Path) -> None:
    open_store(tmp_path / "a" / "state").close()
    assert stat.S_IMODE((tmp_path / "a" / "state").stat().st_mode) == 0o700


def test_and_so_is_everything_in_it(tmp_path: Path) -> None:
    """Also what an earlier version has left for everybody to read."""
    tmp_path.chmod(0o755)
    (tmp_path / SETTINGS_JOURNAL).write_text("", "ascii")
    (tmp_path / SETTINGS_JOURNAL).chmod(0o644)
    store = open_store(tmp_path)
    store.writer.record(row())
    store.calls.save("call-1", "{}")
    (tmp_path / REJECTED).unlink(missing_ok=True)
    store.writer._append(tmp_path / REJECTED, [row(2)])
    (tmp_path / "new").mkdir()
    SettingsJournal(tmp_path / "new").append([])
    with store._engine.connect() as connection:
        connection.exec_driver_sql("SELECT count(*) FROM history")
        modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in tmp_path.rglob("*") if each.is_file()}
    store.close()
    assert {DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", REJECTED, SETTINGS_JOURNAL, "calls.journal"} <= modes.keys()
    assert set(modes.values()) == {0o600}, modes


def test_migrations_make_what_the_models_say(store: Store) -> None:
    with store._engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    script = ScriptDirectory(str(Path(migrations.__file__).parent))
    assert script.get_current_head() == migrations.HEAD


def test_a_migrated_database_opens_without_alembic(tmp_path: Path) -> None:
    open_store(tmp_path).close()
    program = (
        "import sys, pathlib; from b2bua.store import open_store; open_store(pathlib.Path(sys.argv[1])).close();"
        "print('alembic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_rows_come_back_as_recorded_newest_first(store: Store) -> None:
    store.writer.record(row(1))
    store.writer.record(row(2, answered=None, answered_by=None, segments=(), decision=None, call_ids=(), parties=()))
    eventually(lambda: store.writer.written == 2)
    newest, oldest = store.history.rows()
    assert newest == row(2, answered=None, answered_by=None, segments=(), decision=None, call_ids=(), parties=())
    assert oldest == row(1)
    assert store.history.find("call-1") == [oldest]
    assert store.history.find("nobody") == []
    assert [each.id for each in store.history.rows(limit=1)] == ["call-2"]


def test_a_call_is_found_by_the_beginning_of_its_id(store: Store) -> None:
    for each in (1, 12, 2):
        store.writer.record(row(each))
    eventually(lambda: store.writer.written == 3)
    assert [each.id for each in store.history.find("call-1")] == ["call-1", "call-12"]
    assert [each.id for each in store.history.find("call-12")] == ["call-12"]
    assert store.history.find("call-%") == [] == store.history.find("zzz")


def test_rows_of_one_extension_are_selected_exactly(store: Store) -> None:
    store.writer.record(row(1, parties=("667", "676")))
    store.writer.record(row(2, parties=("6671", "1667", "6_7")))
    eventually(lambda: store.writer.written == 2)
    assert [each.id for each in store.history.rows("667")] == ["call-1"]
    assert [each.id for each in store.history.rows("6_7")] == ["call-2"]
    assert store.history.rows("%") == []


def test_closing_writes_everything(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    for each in range(3000):
        store.writer.record(row(each))
    store.close()
    assert len(reopened(tmp_path)) == 1000  # the default limit
    with sqlite3.connect(tmp_path / DATABASE) as connection:
        assert connection.execute("SELECT count(*) FROM history").fetchone() == (3000,)
    connection.close()
    assert not (tmp_path / JOURNAL).exists()


def test_history_can_be_read_beside_the_server(store: Store, tmp_path: Path) -> None:
    store.writer.record(row())
    eventually(lambda: store.writer.written == 1)
    reader = open_history(tmp_path / "state")
    assert reader is not None and [each.id for each in reader.rows()] == ["call-1"]
    store.writer.record(row(2))
    eventually(lambda: len(reader.rows()) == 2)


def test_no_database_means_no_history(tmp_path: Path) -> None:
    assert open_history(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_bindings_last_state_wins(store: Store) -> None:
    for cseq in range(50):
        store.bindings.save(binding(cseq=cseq))
    store.bindings.save(binding(contact="sip:gone@192.0.2.9"))
    store.bindings.delete("667", "sip:gone@192.0.2.9")
    eventually(lambda: store.bindings.load() == [binding(cseq=49)])
    store.bindings.delete("667", "sip:667@192.0.2.1")
    eventually(lambda: store.bindings.load() == [])


def test_bindings_survive_closing(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.bindings.save(binding())
    store.close()
    again = open_store(tmp_path)
    assert again.bindings.load() == [binding()]
    again.close()


def test_settings_last_value_wins_and_none_deletes(store: Store) -> None:
    store.state.save([Setting("filter", "667", "", "on"), Setting("opt", "676", "667", "out"), Setting("dnd", "601", "", "on")])
    store.state.save([Setting("filter", "667", "", "off"), Setting("dnd", "601")])
    store.state.save([Setting("callback", "667", "+15551234567", "676", 2e9)])
    kept = {Setting("filter", "667", "", "off"), Setting("opt", "676", "667", "out"), Setting("callback", "667", "+15551234567", "676", 2e9)}
    eventually(lambda: set(store.state.load()) == kept)
    store.state.save([Setting("opt", "676", "667")])
    store.state.save([])
    eventually(lambda: set(store.state.load()) == {each for each in kept if each.kind != "opt"})


def test_settings_survive_closing_and_can_be_read_beside_the_server(tmp_path: Path) -> None:
    assert stored_settings(tmp_path) == []
    store = open_store(tmp_path)
    store.state.save([Setting("filter", "667", "", "off")])
    store.close()
    assert stored_settings(tmp_path) == [Setting("filter", "667", "", "off")]


class FailingEngine:
    """An engine whose connections can be made to fail."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.failing = True
        self.attempts = 0

    def connect(self) -> Any:
        self.attempts += 1
        if self.failing:
            raise OperationalError("INSERT", {}, Exception("database is locked"))
        return self._engine.connect()


def test_a_failing_database_loses_nothing(store: Store, tmp_path: Path) -> None:
    engine = FailingEngine(store._engine)
    writer = fast(engine, tmp_path)  # type: ignore[arg-type]
    writer.record(row(1))
    writer.save_binding(binding())
    writer.save_settings([Setting("filter", "667", "", "off")])
    eventually(lambda: engine.attempts >= 1)
    writer.save_settings([Setting("filter", "667", "", "on")])
    eventually(lambda: engine.attempts >= 2)
    assert not writer.healthy and writer.waiting == 1
    engine.failing = False
    eventually(lambda: writer.written == 1 and writer.healthy)
    assert store.bindings.load() == [binding()]
    assert store.state.load() == [Setting("filter", "667", "", "on")]
    writer.close(5)


def test_what_exceeds_memory_is_journaled_and_taken_in_again(store: Store, tmp_path: Path) -> None:
    engine = FailingEngine(store._engine)
    writer = fast(engine, tmp_path, capacity=3)  # type: ignore[arg-type]
    for each in range(10):
        writer.record(row(each))
    assert (writer.spilled, writer.waiting) == (7, 3)
    eventually(lambda: engine.attempts >= 1)
    engine.failing = False
    eventually(lambda: len(store.history.rows()) == 10)
    eventually(lambda: not (tmp_path / JOURNAL).exists())
    writer.close(5)


def test_a_database_that_fails_to_the_end_leaves_a_journal(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    writer = fast(FailingEngine(store._engine), tmp_path)  # type: ignore[arg-type]
    writer.record(row(1, caller="torn \udcff"))
    writer.close(5)
    writer.record(row(2))
    store.close()
    with (tmp_path / JOURNAL).open("a") as file:
        file.write('["torn')
    assert {each.id for each in reopened(tmp_path)} == {"call-1", "call-2"}
    assert not (tmp_path / JOURNAL).exists()
    assert (tmp_path / REJECTED).read_text() == '["torn\n'


class LogLines:
    """What the writer and its journals log."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, object]]] = []

    def error(self, event: str, **values: object) -> None:
        self.lines.append((event, values))

    info = error

    @property
    def events(self) -> list[str]:
        return [event for event, _ in self.lines]


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> LogLines:
    lines = LogLines()
    monkeypatch.setattr("b2bua.store.writer._log", lines)
    monkeypatch.setattr("b2bua.store.settings_journal._log", lines)
    return lines


SAVED = [Setting("filter", "667", "", "off"), Setting("dnd", "601", "", "on"), Setting("callback", "667", "+15551234567", "676", 2e9)]


def journaled(state: Path) -> list[Setting]:
    return SettingsJournal(state).read()


def test_a_setting_waits_for_nothing(tmp_path: Path) -> None:
    """A phone was told 200: whatever happens to the server now, the setting counts."""
    store = open_store(tmp_path)
    store.close()
    writer = Writer(store._engine, tmp_path, interval=60.0)
    writer.record(row())  # for which the writer would wait a minute
    writer.save_binding(binding())
    for each in SAVED:
        writer.save_settings([each])
        eventually(lambda each=each: each in store.state.load())  # type: ignore[misc]
    writer.close(5)


def test_settings_that_a_failing_database_never_took_count_at_the_next_start(tmp_path: Path, log: LogLines) -> None:
    """Also while it still fails, for a reader beside the server, and when nobody came to stop the server in good order."""
    store = open_store(tmp_path)
    store.state.save([Setting("opt", "676", "667", "out"), Setting("filter", "667", "", "on")])
    store.close()
    crashed = fast(FailingEngine(store._engine), tmp_path)  # type: ignore[arg-type]
    crashed.save_settings(SAVED)
    crashed.save_settings([Setting("opt", "676", "667"), Setting("dnd", "601", "", "off")])
    expected = {SAVED[0], SAVED[2], Setting("dnd", "601", "", "off")}
    eventually(lambda: set(stored_settings(tmp_path)) == expected)
    still_failing = fast(FailingEngine(store._engine), tmp_path)  # type: ignore[arg-type]
    assert set(stored_settings(tmp_path)) == expected
    still_failing.close(5)
    crashed.close(5)
    again = open_store(tmp_path)
    assert set(again.state.load()) == expected
    again.close()
    assert journaled(tmp_path) == []
    assert set(again.state.load()) == expected
    assert log.events.count("settings journal taken in") == 2


def test_settings_made_while_the_database_fails_are_journaled_without_another_attempt(store: Store, tmp_path: Path) -> None:
    engine = FailingEngine(store._engine)
    writer = fast(engine, tmp_path)  # type: ignore[arg-type]
    writer._failures = 20  # the next attempt is half a minute away
    for each in SAVED:
        writer.save_settings([each])
        eventually(lambda each=each: each in journaled(tmp_path))  # type: ignore[misc]
    assert engine.attempts == 0
    engine.failing = False
    writer.close(5)
    assert set(store.state.load()) == set(SAVED)
    assert journaled(tmp_path) == []


def test_a_database_that_recovers_takes_the_settings_and_the_journal_goes(store: Store, tmp_path: Path) -> None:
    engine = FailingEngine(store._engine)
    writer = fast(engine, tmp_path)  # type: ignore[arg-type]
    writer.save_settings(SAVED)
    eventually(lambda: journaled(tmp_path) == SAVED)
    writer.save_settings([SAVED[0]._replace(value="on")])
    eventually(lambda: len(journaled(tmp_path)) == 4)
    engine.failing = False
    eventually(lambda: set(store.state.load()) == {SAVED[0]._replace(value="on"), *SAVED[1:]})
    eventually(lambda: not (tmp_path / SETTINGS_JOURNAL).exists())
    writer.close(5)


def test_what_is_torn_in_the_journal_of_settings_costs_no_other_line(tmp_path: Path, log: LogLines) -> None:
    journal = SettingsJournal(tmp_path)
    journal.append(SAVED[:1])
    with (tmp_path / SETTINGS_JOURNAL).open("a") as file:
        file.write('["dnd","60')  # the disk was full
    journal.append(SAVED[1:])
    assert journaled(tmp_path) == SAVED
    assert ("journal lines unreadable", {"journal": SETTINGS_JOURNAL, "lines": 1}) in log.lines


def test_settings_that_neither_database_nor_journal_takes_are_told(store: Store, tmp_path: Path, log: LogLines) -> None:
    (tmp_path / SETTINGS_JOURNAL).symlink_to(tmp_path / "no directory" / "file")
    writer = fast(FailingEngine(store._engine), tmp_path)  # type: ignore[arg-type]
    writer.save_settings(SAVED)
    writer.close(5)
    assert "settings are kept in memory only" in log.events
    lost = next(values for event, values in log.lines if event == "settings lost")
    assert lost["settings"] == 3


def test_a_server_may_fail_for_weeks(store: Store, tmp_path: Path) -> None:
    engine = FailingEngine(store._engine)
    writer = fast(engine, tmp_path)  # type: ignore[arg-type]
    writer._failures = 2000
    writer.save_settings(SAVED[:1])
    engine.failing = False
    eventually(lambda: journaled(tmp_path) == SAVED[:1])
    writer.close(5)
    assert store.state.load() == SAVED[:1]


def test_an_error_of_the_database_is_logged_without_what_was_to_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: LogLines) -> None:
    monkeypatch.setattr("b2bua.store.database.BUSY_SECONDS", 0.02)
    store = open_store(tmp_path)
    intruder = sqlite3.connect(tmp_path / DATABASE, isolation_level=None)
    intruder.execute("BEGIN EXCLUSIVE")
    store.writer.record(row())
    store.state.save(SAVED)
    eventually(lambda: "database fails, rows are kept" in log.events)
    intruder.execute("ROLLBACK")
    intruder.close()
    store.close()
    (error,) = [str(values["error"]) for event, values in log.lines if event == "database fails, rows are kept"]
    assert "database is locked" in error
    assert not any(told in error for told in ("+1555", "667", "676", "call-1"))


class HangingEngine:
    def connect(self) -> Any:
        time.sleep(1)
        raise OperationalError("INSERT", {}, Exception("gone"))


def test_closing_does_not_wait_longer_than_allowed(tmp_path: Path) -> None:
    writer = fast(HangingEngine(), tmp_path)  # type: ignore[arg-type]
    writer.record(row())
    started = time.monotonic()
    writer.close(0.2)
    assert time.monotonic() - started < 0.8
    assert json.loads((tmp_path / JOURNAL).read_text())[0] == "call-1"
    writer._thread.join()


def test_one_row_that_cannot_be_stored_holds_up_no_other(store: Store, tmp_path: Path) -> None:
    store.writer.record(row(1))
    store.writer.record(row(2, caller="caf\udce9"))
    store.writer.record(row(3, status=1 << 80))
    store.writer.record(row(4))
    store.bindings.save(binding())
    store.bindings.save(binding(contact="sip:\udcff@x"))
    store.state.save([Setting("callback", "667", "\udcff", "676"), Setting("filter", "667", "", "on")])
    eventually(lambda: store.bindings.load() != [] and len(store.history.rows()) == 3)
    assert {each.id: each.caller for each in store.history.rows()}["call-2"] == "caf?"
    assert store.bindings.load() == [binding()]
    assert store.state.load() == [Setting("filter", "667", "", "on")]
    rejected = (tmp_path / "state" / REJECTED).read_text().splitlines()
    assert [json.loads(line)[0] for line in rejected] == ["call-3"]


def test_a_database_that_fails_while_the_culprit_is_looked_for_loses_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    transaction = store.writer._transaction
    ends: list[Exception] = [ValueError("one of these"), OperationalError("INSERT", {}, Exception("disk I/O error"))]

    def transact(*what: Any) -> None:
        if ends:
            raise ends.pop(0)
        transaction(*what)

    monkeypatch.setattr(store.writer, "_transaction", transact)
    store.state.save(SAVED)
    store.writer.record(row())
    eventually(lambda: set(store.state.load()) == set(SAVED) and len(store.history.rows()) == 1)


def test_recording_costs_the_loop_little(store: Store) -> None:
    item, count = row(), 5000
    started = time.thread_time()
    for _ in range(count):
        store.writer.record(item)
    assert (time.thread_time() - started) / count < 10e-6  # about 0.2 µs; the bound allows for a busy machine


def test_a_locked_database_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("b2bua.store.database.BUSY_SECONDS", 0.02)
    store = open_store(tmp_path)
    intruder = sqlite3.connect(tmp_path / DATABASE, isolation_level=None)
    intruder.execute("BEGIN EXCLUSIVE")
    store.writer.record(row())
    store.bindings.save(binding())
    eventually(lambda: not store.writer.healthy)
    intruder.execute("ROLLBACK")
    intruder.close()
    eventually(lambda: store.writer.written == 1)
    assert store.bindings.load() == [binding()]
    store.close()


def test_a_full_disk_is_waited_for(store: Store, tmp_path: Path) -> None:
    store.writer.record(row(0))
    eventually(lambda: store.writer.written == 1)
    connection = store.writer._connection
    assert connection is not None
    pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
    connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
    connection.rollback()
    for each in range(1, 200):
        store.writer.record(row(each))
    eventually(lambda: store.writer.written == 200 and store.writer.healthy)  # the next attempt has a connection without that limit
    assert len(store.history.rows()) == 200


def made_by_the_first_version(state: Path) -> None:
    """A database of revision 0001 with one row, and a journal with another."""
    state.mkdir()
    columns = list(history_rows.to_columns(row(1, decision=None)))[:17]
    columns[-1] = '[["filtering",true,"on, all calls"]]'
    engine = create_engine(f"sqlite:///{state / DATABASE}", poolclass=NullPool)
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(Path(migrations.__file__).parent))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.exec_driver_sql(f"INSERT INTO history VALUES ({', '.join('?' * len(columns))})", tuple(columns))
    columns[0] = "call-2"
    (state / JOURNAL).write_text(json.dumps(columns) + "\n")


def test_a_database_of_the_first_version_keeps_its_calls(tmp_path: Path) -> None:
    state = tmp_path / "state"
    made_by_the_first_version(state)
    with pytest.raises(OSError, match=r"made by another version .* start the server once"):
        open_history(state)
    store = open_store(state)
    eventually(lambda: not (state / JOURNAL).exists())
    assert {each.id: each for each in store.history.rows()} == {
        "call-1": row(1, decision=None),
        "call-2": row(1, id="call-2", decision=None),
    }
    store.state.save([Setting("filter", "667", "", "off")])
    store.close()
    assert stored_settings(state) == [Setting("filter", "667", "", "off")]


def test_who_asks_sees_the_call_that_has_just_ended(tmp_path: Path) -> None:
    """The writer collects rows for a while; nobody who hangs up and looks shall find nothing."""
    store = open_store(tmp_path)
    store.writer._interval = 30.0
    store.writer.record(row(7))
    assert [each.id for each in store.history.rows()] == [row(7).id]
    store.close()

"""SIGHUP and what-if cases: a directory file that breaks a case is refused, and calls go on as before."""

from __future__ import annotations

import gc
import queue
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from b2bua.administration.book import Book, open_book
from b2bua.config import Config
from b2bua.config.draft import Draft
from b2bua.delegation.plan import Setting
from b2bua.reload import Reloads
from b2bua.store import open_store
from b2bua.store.organisation.database import open_organisation
from b2bua.store.ports import StateStore
from b2bua.web.metrics import registry
from tests.support.network import network, wait_for
from tests.support.server import Server
from tests.world import DOMAIN, EPOCH, World, configuration

DIRECTORY = """organisation: Acme
users:
  - {extension: "667", name: Olivia Boss, password: boss-667, numbers: ["+6221500667", "+6221500600"]}
  - {extension: "676", name: Sam Secretary, password: sam-676, numbers: ["+6221500676"]}
  - {extension: "677", name: Ana Aide, password: ana-677}
  - {extension: "601", name: Lee Colleague, password: lee-601, numbers: ["+6221500602"]}
executives:
  - {extension: "667", rollover: {action: hangup}, assistants: ["676", "677"]}
"""
CASES = """cases:
  - {name: Both ring, from: "601", to: "667", expect: {ring: ["676 + 677, 30 s"]}}
  - {name: Sam reaches Olivia, from: "676", to: "667", expect: {ring: ["667, 180 s"]}}
"""


class LogLines(list[tuple[str, str, dict[str, Any]]]):
    """A logger that keeps its lines: level, event, values."""

    def info(self, event: str, **values: Any) -> None:
        self.append(("info", event, values))

    def warning(self, event: str, **values: Any) -> None:
        self.append(("warning", event, values))

    def error(self, event: str, **values: Any) -> None:
        self.append(("error", event, values))

    @property
    def refused(self) -> list[str]:
        return [values["problem"] for level, event, values in self if (level, event) == ("error", "directory refused")]

    @property
    def dropped(self) -> list[tuple[str, ...]]:
        return [tuple(values.values()) for _, event, values in self if event == "setting dropped"]


def at_once(work: Callable[..., None], *arguments: object) -> None:
    """Work that is done beside the calls, or by the loop, is done on the spot."""
    work(*arguments)


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    """What a reload has kept from the garbage collector is none of the other tests' business."""
    yield
    gc.unfreeze()


class Office:
    """A server with its database, its directory file and its cases. What is done beside the calls is done at once."""

    def __init__(self, folder: Path, text: str = DIRECTORY, cases: str | None = CASES, state: StateStore | None = None) -> None:
        self.directory = folder / "directory.yaml"
        self.cases = folder / "what-if.yaml"
        self.directory.write_text(text)
        if cases is not None:
            self.cases.write_text(cases)
        files = {"directory": str(self.directory), "state": str(folder)} | ({"what_if": str(self.cases)} if cases is not None else {})
        self.config: Config = configuration(**files)
        self.organisation = open_organisation(folder / "directory.sqlite")
        self.book: Book = open_book(self.organisation.directory, self.config, lambda: EPOCH)
        self.book.begin = at_once  # type: ignore[method-assign]
        self.world = World(config=self.config, organisation=self.book.directory, state=state)
        self.world.passwords = {"667": "boss-667", "676": "sam-676", "677": "ana-677", "601": "lee-601"}
        self.log = LogLines()
        self.world.core.log = self.log  # type: ignore[assignment]
        self.reloads = Reloads(self.world.core, self.book, at_once, at_once)
        self.book.publish_to(self.reloads, at_once)

    def reload(self, *changes: tuple[str, str]) -> None:
        """SIGHUP after these changes of the directory file."""
        text = self.directory.read_text()
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        self.directory.write_text(text)
        self.reloads.request()

    def close(self) -> None:
        self.book.close()
        self.organisation.close()


@pytest.fixture
def new_office(tmp_path: Path) -> Iterator[Callable[..., Office]]:
    made: list[Office] = []

    def new(*arguments: Any, **named: Any) -> Office:
        made.append(Office(tmp_path, *arguments, **named))
        return made[-1]

    yield new
    for each in made:
        each.world.settle()
        each.close()


@pytest.fixture
def office(new_office: Callable[..., Office]) -> Office:
    made = new_office()
    made.reload()
    assert made.log[0] == ("info", "directory loaded", {"users": 4, "executives": 1})
    return made


def test_a_directory_in_which_every_case_holds_is_loaded(office: Office) -> None:
    office.reload(("name: Ana Aide", "name: Ana Ayu"))
    assert office.log.refused == []
    lee, ana = office.world.phones("601", "677")
    lee.call("677")
    ana.expect_call()


def test_a_directory_that_breaks_a_case_is_refused_and_calls_ring_as_before(office: Office) -> None:
    office.reload(('assistants: ["676", "677"]', 'assistants: ["677"]'), ("organisation: Acme", "organisation: Other"))
    broken, other = office.log.refused
    assert broken.startswith(f"{office.cases}:2: case 'Both ring': ring is not as expected")
    assert 'got       ring: ["677, 30 s"]' in broken
    assert other.startswith(f"{office.cases}:3: case 'Sam reaches Olivia': ")
    lee, sam, ana = office.world.phones("601", "676", "677")
    lee.call("667")
    sam.expect_call()
    ana.expect_call()
    assert office.world.core.directory.organisation == "Acme"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, ":1: (file): cannot be read"),
        ("cases: []", ":1: cases: is empty"),
        ('cases:\n  - {name: x, from: "999", to: "667", expect: {end: done}}', ":2: cases[0].from: nobody here is '999'"),
    ],
)
def test_cases_that_cannot_be_read_refuse_the_directory(office: Office, text: str | None, problem: str) -> None:
    office.cases.unlink()
    if text is not None:
        office.cases.write_text(text)
    office.reload(("organisation: Acme", "organisation: Other"))
    (refused,) = office.log.refused
    assert refused.startswith(f"{office.cases}{problem}")
    assert office.world.core.directory.organisation == "Acme"


def test_the_case_corrected_with_the_directory_is_accepted(office: Office) -> None:
    office.cases.write_text(CASES.replace("676 + 677, 30 s", "677 + 676, 30 s"))
    office.reload(('assistants: ["676", "677"]', 'assistants: ["677", "676"]'))
    assert office.log.refused == []


def test_what_phones_have_set_breaks_no_case(office: Office) -> None:
    olivia, lee, sam = office.world.phones("667", "601", "676")
    olivia.call("%2362").expect_up()
    office.world.run(5)
    office.reload()
    assert office.log.refused == []
    lee.call("667")
    olivia.expect_call()
    assert not sam.calls


def test_without_cases_every_sound_directory_is_loaded(new_office: Callable[..., Office]) -> None:
    office = new_office(cases=None)
    office.reload(('["676", "677"]', '["677"]'))
    assert len(office.world.core.directory.executives["667"].delegations) == 1


def test_a_directory_is_read_beside_the_calls_and_once_more_when_asked_meanwhile(office: Office) -> None:
    beside: list[Callable[[], None]] = []
    posted: queue.Queue[tuple[Any, ...]] = queue.Queue()
    office.book.begin = beside.append  # type: ignore[method-assign]
    office.reloads = Reloads(office.world.core, office.book, lambda *call: posted.put(call), at_once)
    office.book.publish_to(office.reloads, lambda *call: posted.put(call))
    office.reload(("Acme", "First"))
    (read,) = beside
    read()
    office.reload(("First", "Second"))
    office.reload()
    assert office.world.core.directory.organisation == "Acme", "nothing changes but on the loop"
    assert len(beside) == 1, "two requests at a time are one"
    for work, *arguments in (posted.get_nowait(), posted.get_nowait()):
        work(*arguments)
    assert office.world.core.directory.organisation == "First"
    beside[1]()
    for work, *arguments in (posted.get_nowait(), posted.get_nowait()):
        work(*arguments)
    assert office.world.core.directory.organisation == "Second"
    assert (posted.empty(), len(beside)) == (True, 2)


# What the log and the figures tell.


def test_warnings_are_told_after_a_reload_as_they_are_at_the_start(office: Office) -> None:
    office.log.clear()
    office.reload(('password: sam-676, numbers: ["+6221500676"]', "password: sam-676"))
    loaded, *warnings = office.log
    assert loaded[:2] == ("info", "directory loaded")
    told = [(level, event, values["problem"]) for level, event, values in warnings]
    assert told == [
        ("warning", "directory", "users 676: assistant Sam Secretary has no outside number; write one under `numbers`"),
        ("warning", "directory", "users 677: assistant Ana Aide has no outside number; write one under `numbers`"),
    ]


def test_a_directory_without_users_is_refused_when_there_were_some(office: Office) -> None:
    """As an editor leaves a file half-way through saving."""
    office.directory.write_text("organisation: Acme\n")
    office.cases.write_text('cases:\n  - {name: x, from: "+15551234567", to: "1", expect: {end: refused 404}}\n')
    office.reload()
    assert office.log.refused == [f"{office.directory}:1: users: there are none any more; write some, or remove them on the page"]
    lee, ana = office.world.phones("601", "677")
    lee.call("677")
    ana.expect_call()


def test_reloads_are_counted_by_result(office: Office) -> None:
    def counted(result: str) -> float | None:
        figures = registry(office.world.core.readings())
        return figures.get_sample_value("b2bua_directory_reloads_total", {"result": result})

    assert (counted("loaded"), counted("refused")) == (1, 0)
    office.reload(("organisation: Acme", "organization: Acme"))
    assert (counted("loaded"), counted("refused")) == (1, 1)


# What goes wrong meanwhile.


def test_a_server_that_has_stopped_meanwhile_needs_no_directory(office: Office) -> None:
    def closed(*_: object) -> None:
        raise RuntimeError("Event loop is closed")

    office.log.clear()
    office.book.publish_to(office.reloads, closed)
    office.reloads = Reloads(office.world.core, office.book, closed, at_once)
    office.reload(("organisation: Acme", "organisation: Other"))
    assert (office.log, office.world.core.errors) == ([], 0)


def test_a_bug_while_reading_refuses_the_directory(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    def bug(*_: object) -> None:
        raise RuntimeError("bug")

    monkeypatch.setattr("b2bua.administration.book.file_bodies", bug)
    office.reload(("organisation: Acme", "organisation: Other"))
    assert office.log.refused == [f"{office.directory}: cannot be read because of a bug (RuntimeError('bug'))"]
    assert (office.world.core.errors, office.world.core.directory.organisation) == (1, "Acme")


def test_a_bug_while_taking_over_loses_no_request(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(office.world.core, "use_directory", lambda *_: 1 / 0)
        office.reload(("Acme", "First"))
    assert [repr(values["exc_info"]) for level, event, values in office.log if (level, event) == ("error", "bug")] == ["ZeroDivisionError('division by zero')"]
    office.reload(("First", "Second"))
    assert (office.world.core.errors, office.world.core.directory.organisation) == (1, "Second")


# What phones have set.


def test_who_gets_the_extension_of_somebody_who_left_begins_anew(new_office: Callable[..., Office], tmp_path: Path) -> None:
    store = open_store(tmp_path)
    office = new_office(cases=None, state=store.state)
    world, log = office.world, office.log
    world.core.remember([Setting("dnd", "677", "", "on"), Setting("opt", "677", "667", "out"), Setting("dnd", "601", "", "on")])
    office.directory.write_text(DIRECTORY.replace('["676", "677"]', '["676"]').replace("677", "679"))
    office.reload()
    assert log.dropped == [
        ("dnd", "677", "", "on", "there is no user 677"),
        ("opt", "677", "667", "out", "there is no user 677"),
    ]
    office.directory.write_text(DIRECTORY.replace("Ana Aide", "Newcomer"))
    office.reload()
    carrier, newcomer = world.carrier, world.phone("677")
    carrier.call("+6221500667")
    newcomer.expect_call()
    world.settle()
    store.close()
    store = open_store(tmp_path)
    assert store.state.load() == [Setting("dnd", "601", "", "on")]
    store.close()


def test_settings_without_an_owner_are_dropped_at_the_start(tmp_path: Path) -> None:
    kept, gone = Setting("dnd", "601", "", "on"), Setting("dnd", "999", "", "on")
    store = open_store(tmp_path)
    store.state.save([kept, gone])
    store.close()
    store = open_store(tmp_path)
    world = World(state=store.state)
    assert list(world.core.directory.state) == list(world.core.calls.directory.state) == [kept]
    store.close()
    store = open_store(tmp_path)
    assert store.state.load() == [kept]
    store.close()


# Memory.


def alive(kind: type) -> int:
    return sum(type(each) is kind for each in gc.get_objects())


def garbage() -> list[object]:
    """What only the cyclic garbage collector would free, but for the statements of the database's own library."""
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        gc.collect()
        return [each for each in gc.garbage if type(each).__module__.startswith("b2bua") or (isinstance(each, dict) and "extension" in each)]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()


def test_reading_a_directory_leaves_nothing_for_the_garbage_collector(office: Office) -> None:
    """Neither a good one nor one in which the extensions, groups and callers that are named are mistyped."""
    wrong = DIRECTORY.replace('["676", "677"]', '["676", "679"], confidential: [famly]') + (
        "groups:\n  - {extension: '500', name: Sales, members: ['699'], rollover: {action: hangup}}\n"
        "services:\n  - {extension: '510', name: Desk, agents: [{group: '501'}], rollover: {action: hangup}}\n"
        "duty_profiles:\n  - {name: Day, code: '1', agents: ['699'], responsible_for: ['511']}\n"
    )
    for text in (DIRECTORY, wrong):
        gc.unfreeze()
        gc.collect()
        gc.disable()
        try:
            kept = alive(Draft)  # what has been read of the directory in force
            office.directory.write_text(f"{text}# once more\n")
            office.reload()
            gc.unfreeze()
            assert (alive(Draft), garbage()) == (kept, [])
        finally:
            gc.enable()


def test_the_old_directory_is_freed_beside_the_loop(office: Office) -> None:
    begun: list[tuple[Any, ...]] = []
    office.reloads = Reloads(office.world.core, office.book, at_once, lambda *call: begun.append(call))
    office.book.publish_to(office.reloads, at_once)
    old = office.world.core.directory.users["601"]
    office.reload(("Lee Colleague", "Lee Collins"))
    references = sys.getrefcount(old)
    assert office.world.core.directory.users["601"] is not old
    tidy, *arguments = begun[0]
    begun.clear()
    tidy(*arguments)
    assert sys.getrefcount(old) < references, "what the loop has replaced is let go by the thread"


def write_broken_case(folder: Path, net: str) -> None:
    """The files of a server whose first case fails."""
    (folder / "directory.yaml").write_text(DIRECTORY)
    (folder / "what-if.yaml").write_text(CASES.replace("30 s", "20 s"))
    (folder / "b2bua.yaml").write_text(
        f"domain: {DOMAIN}\nlisten: [udp://{net}.0.1:5060]\nhttp: {{listen: {net}.0.1:8080}}\n"
        "directory: directory.yaml\nwhat_if: what-if.yaml\nstate: var\nlog: {format: json}\n"
    )


def test_cases_are_run_before_the_first_socket_is_open(tmp_path: Path) -> None:
    """Phones that are answered wait for nothing: where the address is taken, the cases have been told all the same."""
    with network() as net, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind((f"{net}.0.1", 5060))
        write_broken_case(tmp_path, net)
        command = [sys.executable, "-m", "b2bua", "run", "--config", str(tmp_path / "b2bua.yaml")]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 1
    assert "case 'Both ring': ring is not as expected" in ended.stdout


def test_a_broken_case_does_not_keep_the_server_from_starting(tmp_path: Path) -> None:
    """A reboot must not take the phones away; the log says what is broken, line by line."""
    with network() as net:
        write_broken_case(tmp_path, net)
        with Server(tmp_path / "b2bua.yaml") as server:
            assert server.health()["status"] == "ok"
            assert "what-if.yaml:2: case 'Both ring': ring is not as expected" in server.tail()
            assert "Sam reaches Olivia" not in server.tail()
            seen = len(server.tail(1000))
            server.reload()
            wait_for(lambda: "directory refused" in server.tail(1000)[seen:], "word of the broken case")

"""SIGHUP and what-if cases: a directory that breaks a case is refused, and calls go on as before."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from b2bua.app import Reloads, read_candidate, take_over
from tests.support.network import network, wait_for
from tests.support.server import Server
from tests.world import DOMAIN, World, configuration

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

    def error(self, event: str, **values: Any) -> None:
        self.append(("error", event, values))

    @property
    def refused(self) -> list[str]:
        return [values["problem"] for level, event, values in self if (level, event) == ("error", "directory refused")]


def reload(world: World) -> None:
    """What SIGHUP does, without the thread."""
    take_over(world.core, read_candidate(world.config))


class Office:
    """A server, its directory file and its cases."""

    def __init__(self, folder: Path) -> None:
        self.directory = folder / "directory.yaml"
        self.cases = folder / "what-if.yaml"
        self.directory.write_text(DIRECTORY)
        self.cases.write_text(CASES)
        self.world = World(config=configuration(directory=str(self.directory), what_if=str(self.cases)))
        self.log = LogLines()
        self.world.core.log = self.log  # type: ignore[assignment]

    def reload(self, *changes: tuple[str, str]) -> None:
        """SIGHUP after these changes of the directory file."""
        text = self.directory.read_text()
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        self.directory.write_text(text)
        reload(self.world)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path)
    made.reload()
    assert made.log == [("info", "directory loaded", {"users": 4, "executives": 1})]
    yield made
    made.world.settle()


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


def test_without_cases_every_sound_directory_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "directory.yaml").write_text(DIRECTORY.replace('["676", "677"]', '["677"]'))
    world = World(config=configuration(directory=str(tmp_path / "directory.yaml")))
    reload(world)
    assert len(world.core.directory.executives["667"].delegations) == 1
    world.settle()


def test_a_directory_is_read_beside_the_calls_and_once_more_when_asked_meanwhile(office: Office) -> None:
    posted: queue.Queue[tuple[Any, ...]] = queue.Queue()
    reloads = Reloads(office.world.core, lambda *call: posted.put(call))
    office.directory.write_text(DIRECTORY.replace("Acme", "First"))
    reloads.request()
    done, first = posted.get(timeout=30)
    office.directory.write_text(DIRECTORY.replace("Acme", "Second"))
    reloads.request()
    reloads.request()
    assert office.world.core.directory.organisation == "Acme", "nothing changes but on the loop"
    done(first)
    assert office.world.core.directory.organisation == "First"
    done, second = posted.get(timeout=30)
    done(second)
    assert office.world.core.directory.organisation == "Second"
    assert posted.empty(), "two requests at a time are one"


def test_a_broken_case_does_not_keep_the_server_from_starting(tmp_path: Path) -> None:
    """A reboot must not take the phones away; the log says what is broken, line by line."""
    (tmp_path / "directory.yaml").write_text(DIRECTORY)
    (tmp_path / "what-if.yaml").write_text(CASES.replace("30 s", "20 s"))
    with network() as net:
        (tmp_path / "b2bua.yaml").write_text(
            f"domain: {DOMAIN}\nlisten: [udp://{net}.0.1:5060]\nhttp: {{listen: {net}.0.1:8080}}\n"
            "directory: directory.yaml\nwhat_if: what-if.yaml\nstate: var\nlog: {format: json}\n"
        )
        with Server(tmp_path / "b2bua.yaml") as server:
            assert server.health()["status"] == "ok"
            assert "what-if.yaml:2: case 'Both ring': ring is not as expected" in server.tail()
            assert "Sam reaches Olivia" not in server.tail()
            seen = len(server.tail(1000))
            server.reload()
            wait_for(lambda: "directory refused" in server.tail(1000)[seen:], "word of the broken case")

"""Two files as the contract has them, and an organisation that uses every key, ready to be spoilt."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from b2bua.config import load, load_directory
from b2bua.delegation.lint import Looked
from b2bua.delegation.model import Directory
from b2bua.errors import ConfigError

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)

SERVER = r"""domain: acme.test
listen: [udp://127.0.0.1:5060, tcp://127.0.0.1:5060]
advertise: null
http: {listen: 127.0.0.1:8080}
directory: directory.yaml
state: ../var
drain_seconds: 300
trunks:
  - name: carrier
    uri: sip:127.0.0.2:5090
    addresses: [127.0.0.2]
    trusted: true
    numbers: ['^\+?[0-9]{6,15}$']
    auth: null
emergency: ["112", "911"]
digest: [SHA-256, MD5]
feature_codes: {push_back: "##20"}
media: {mode: auto, address: 127.0.0.1, ports: 20000-20999}
"""
DIRECTORY = """organisation: Acme
limits: {assistants_per_executive: 10, executives_per_assistant: 10}
users:
  - {extension: "667", name: Olivia Boss, password: boss-667, numbers: ["+6221500667", "+6221500600"], location: HQ}
  - {extension: "676", name: Sam Secretary, password: sam-676, numbers: ["+6221500676"], location: HQ}
  - {extension: "677", name: Ana Aide, password: ana-677, location: HQ}
executives:
  - extension: "667"
    caller_id: "+6221500600"
    filtering: {enabled: true, mode: simple, type: all}
    alerting:
      mode: ring_all
      ring_seconds: 30
      executive: none
      minimum_seconds: 0
      name: originator_executive
      number: originator
    rollover: {after_seconds: null, action: hangup}
    assistants:
      - {extension: "676", ring_seconds: 15, rights: [receive, call, pick_up_held, join]}
      - "677"
"""
ORGANISATION = """organisation: Acme
time_zone: Asia/Jakarta
schedules:
  office:
    hours: {mon-fri: "08:00-12:00, 13:00-17:00", sat: "22:00-06:00"}
    holidays: ["2026-12-25", "12-26", {date: "2026-12-28..2026-12-31", name: Year end}]
    exceptions: {"2026-12-24": "08:00-12:00", "2026-12-31": closed}
  night: {hours: {mon-sun: "22:00-06:00"}}
caller_groups:
  press: ["+1555*", "+4930123456"]
  family: ["676", "+62 811-999", press]
users:
  - {extension: "667", name: Olivia Boss, password: geheimes-wort, numbers: ["+6221500667", "+6221500600"], time_zone: Europe/Berlin,
     hours: office, forwarding: {no_answer: "600", no_answer_seconds: 25}}
  - {extension: "676", name: Sam Secretary, password: geheimes-wort, numbers: ["+6221500676"], hours: night,
     divert: {enabled: true, to: "+6281234567"}}
  - {extension: "677", name: Ana Aide, password: geheimes-wort, numbers: ["+6221500677"]}
  - {extension: "600", name: Reception, password: geheimes-wort, devices: {order: apps_first, rings: 2}}
  - {extension: "601", name: Lee Colleague, password: geheimes-wort}
  - {extension: "602", name: Mia Colleague, password: geheimes-wort, dnd: true}
executives:
  - extension: "667"
    caller_id: "+6221500600"
    confidential: [family]
    filtering:
      mode: criteria
      criteria:
        - {name: VIPs, filter: false, from: [family, "+4930*"]}
        - {name: Press, from: [press, anonymous], dialled: ["+6221500600"], during: night, outside: office, holidays: office}
    alerting: {executive: splash, splash_seconds: 3}
    rollover: {after_seconds: 0, action: no_answer}
    on_behalf: {outside: assistant, inside: true, classes: {press: self}, callback_hours: 24, sticky_hours: 8}
    assistants:
      - {extension: "676", callers: [press], respect_hours: true, from: 2026-12-01T08:00, until: 2026-12-24, approval: pending}
      - "677"
groups:
  - {extension: "500", name: Sales, type: queue, numbers: ["+6221500500"], location: HQ, maximum_wait: 120,
     members: ["601", {extension: "602", rings: 2}],
     rollover: {action: voicemail, voicemail: "sip:vm@127.0.0.9:5070"}}
services:
  - {extension: "510", name: Help Desk, numbers: ["+6221500510"], caller_id: "+6221500510", alerting: {mode: sequential},
     agents: ["676", {extensions: ["601", "600"], direction: out}, {group: "500", direction: in}],
     rollover: {action: {forward: "600"}}}
duty_profiles:
  - {name: Day, code: "1", agents: ["676", "677"], responsible_for: ["510", "667"]}
  - {name: Night, code: "22", agents: ["600", "601", "602"], responsible_for: ["510"], active: false}
"""
"""Without findings."""


class Files:
    """The two files in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.server = folder / "b2bua.yaml"
        self.directory = folder / "directory.yaml"
        self.server.write_text(SERVER)
        self.directory.write_text(DIRECTORY)

    def change(self, file: Path, *changes: tuple[str, str]) -> None:
        """Replaces text that must be there."""
        text = file.read_text()
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new, 1)
        file.write_text(text)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@pytest.fixture
def no_linter(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests of what is read: an organisation that is spoilt in one place is often found fault with by the linter, too."""
    nothing = Looked((), {}, NOW.date(), frozenset(), {})
    monkeypatch.setattr("b2bua.config.directory.look", lambda directory, today, before: nothing)


@pytest.fixture
def organisation(files: Files) -> Files:
    files.directory.write_text(ORGANISATION)
    return files


def read(files: Files) -> Directory:
    return load_directory(load(files.server), now=NOW)


def problems(files: Files) -> list[str]:
    """The problems of the directory, without its name."""
    config = load(files.server)
    with pytest.raises(ConfigError) as caught:
        load_directory(config, now=NOW)
    return [str(problem).removeprefix(f"{files.directory}:") for problem in caught.value.problems]


def warnings(files: Files) -> list[str]:
    """The warnings about a directory that is good."""
    return [each.removeprefix(f"{files.directory}:") for each in read(files).warnings]


def refused(files: Files, old: str, new: str, *expected: str) -> None:
    """With this change exactly the problems `expected` are found, in order; each is given by its beginning."""
    files.change(files.directory, (old, new))
    found = problems(files)
    assert [text[: len(start)] for text, start in zip(found, expected, strict=False)] == list(expected), found
    assert len(found) == len(expected), found
    assert not any("geheim" in text for text in found)


def warned(files: Files, old: str, new: str, *expected: str) -> None:
    """The same for warnings, and the directory is good."""
    files.change(files.directory, (old, new))
    found = warnings(files)
    assert [text[: len(start)] for text, start in zip(found, expected, strict=False)] == list(expected), found
    assert len(found) == len(expected), found

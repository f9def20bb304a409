"""One way to write an entry: from YAML, from JSON, with passwords as digests."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from b2bua.administration import entries
from b2bua.config import load
from b2bua.config.canonical import KEY_FIELDS, KINDS, NAMED, SECRET_FIELDS, canonical, canonical_tree, secrets_to_digests
from b2bua.config.directory import check_tree, read_directory
from b2bua.config.schema import Report
from b2bua.config.yamltree import read
from tests.config.conftest import NOW, ORGANISATION, Files

DEMO = Path(__file__).resolve().parents[2] / "config" / "directory.yaml"


def parsed(folder: Path, text: str) -> dict[str, Any]:
    file = folder / "parsed.yaml"
    file.write_text(text, encoding="utf-8")
    problems: list[Any] = []
    found = read(file, problems)
    assert problems == []
    return found


def test_the_kinds_are_those_of_the_administration() -> None:
    assert KINDS == entries.KINDS
    assert dict(KEY_FIELDS) == dict(entries.KEY_FIELDS)
    assert NAMED == entries.NAMED


@pytest.mark.parametrize(
    ("kind", "written", "expected"),
    [
        ("users", {"dnd": "true", "extension": "667"}, {"extension": "667", "dnd": True}),
        ("users", {"extension": "0667", "name": "15", "numbers": ["6221"]}, {"extension": "0667", "name": "15", "numbers": ["6221"]}),
        ("users", {"numbers": [6221500]}, {"numbers": ["6221500"]}),
        ("users", {"devices": {"rings": "2.0", "order": "desk_first"}}, {"devices": {"order": "desk_first", "rings": 2}}),
        ("users", {"location": None, "dnd": None}, {"dnd": None}),
        ("users", {"self_service": "off"}, {"self_service": False}),
        ("users", {"manages": {"groups": ["500"], "sites": ["HQ"]}}, {"manages": {"sites": ["HQ"], "groups": ["500"]}}),
        ("executives", {"assistants": ["677", {"ring_seconds": "15", "extension": "676"}]},
         {"assistants": ["677", {"extension": "676", "ring_seconds": 15}]}),
        ("executives", {"assistants": [{"extension": "676", "until": "2026-12-24", "from": "2026-12-01"}]},
         {"assistants": [{"extension": "676", "from": "2026-12-01", "until": "2026-12-24"}]}),
        ("executives", {"filtering": {"criteria": [{"from": ["any"], "filter": "no"}]}}, {"filtering": {"criteria": [{"filter": False, "from": ["any"]}]}}),
        ("executives", {"on_behalf": {"outside": "true", "inside": False, "classes": {"press": "Assistant"}}},
         {"on_behalf": {"outside": "executive", "inside": "self", "classes": {"press": "assistant"}}}),
        ("executives", {"rollover": {"after_seconds": None, "action": {"forward": "600"}}}, {"rollover": {"action": {"forward": "600"}}}),
        ("executives", {"alerting": {"ring_seconds": 12.5}}, {"alerting": {"ring_seconds": 12.5}}),
        ("groups", {"members": ["1", {"extension": "2", "rings": "3"}], "maximum_wait": "60"},
         {"members": ["1", {"extension": "2", "rings": 3}], "maximum_wait": 60}),
        ("services", {"agents": [{"extensions": ["1"], "direction": "in"}]}, {"agents": [{"extensions": ["1"], "direction": "in"}]}),
        ("duty_profiles", {"code": "01", "active": "yes"}, {"code": "01", "active": True}),
        ("conferences", {"pin": "0001", "number": "800"}, {"number": "800", "pin": "0001"}),
        ("phones", {"mac": "00-15-65-AA-BB-CC"}, {"mac": "00:15:65:aa:bb:cc"}),
        ("organisation", {"limits": {"assistants_per_executive": "3"}, "parking": {"recall_seconds": "45"}, "organisation": "A"},
         {"organisation": "A", "limits": {"assistants_per_executive": 3}, "parking": {"recall_seconds": 45}}),
        ("schedules", {"value": {"holidays": [{"name": "X", "date": "12-25"}, "01-01"]}},
         {"value": {"holidays": [{"date": "12-25", "name": "X"}, "01-01"]}}),
        ("caller_groups", {"value": ["+1555*", "667"]}, {"value": ["+1555*", "667"]}),
    ],
)  # fmt: skip
def test_how_an_entry_is_written(kind: str, written: dict[str, Any], expected: dict[str, Any]) -> None:
    found = canonical(kind, written)
    assert json.dumps(found) == json.dumps(expected), "types and the order of the keys count"
    assert canonical(kind, found) == found


@pytest.mark.parametrize(
    ("kind", "written"),
    [
        ("users", {"dnd": "perhaps", "devices": {"rings": "many"}, "colour": ["red"], "numbers": "12"}),
        ("users", {"forwarding": "600", "devices": [], "manages": "HQ", "digest": {"667": "x"}}),
        ("executives", {"assistants": "676", "filtering": {"criteria": {"x": 1}}, "on_behalf": {"outside": "nobody"}}),
        ("executives", {"alerting": {"ring_seconds": "1_0", "minimum_seconds": "inf"}, "rollover": {"action": 5}}),
        ("phones", {"mac": "nothing"}),
        ("schedules", {"value": "always", "extra": 1}),
    ],
)
def test_what_is_wrong_is_left_for_the_check_to_find(kind: str, written: dict[str, Any]) -> None:
    assert canonical(kind, written) == written


def test_a_file_and_its_entries_are_the_same_directory(tmp_path: Path) -> None:
    files = Files(tmp_path)
    config = load(files.server)
    report = Report("", parsed(tmp_path, ORGANISATION))
    directory = read_directory(report.tree, config, report, now=NOW)
    checked = check_tree(canonical_tree(report.tree), config, now=NOW)
    assert directory is not None and checked.directory is not None
    assert checked.directory.users == directory.users
    assert checked.directory.executives == directory.executives


# --- secrets --------------------------------------------------------------------------------------------------------------------


def test_which_fields_are_secret() -> None:
    assert {"users": {"password", "digest"}, "conferences": {"pin"}} == SECRET_FIELDS


def test_a_password_becomes_digests_of_the_extension_and_its_lines() -> None:
    body = {"extension": "676", "name": "Sam", "password": "geheim", "digest": {"676": {}}, "location": "HQ"}
    found = secrets_to_digests(body, "acme.test", ["676-667"])
    assert list(found) == ["extension", "name", "digest", "location"]
    assert list(found["digest"]) == ["676", "676-667"]
    assert found["digest"]["676-667"] == {
        "md5": hashlib.md5(b"676-667:acme.test:geheim").hexdigest(),
        "sha256": hashlib.sha256(b"676-667:acme.test:geheim").hexdigest(),
    }
    assert "geheim" not in str(found)
    assert secrets_to_digests(found, "acme.test", ["676-668"]) == found


@pytest.mark.parametrize("password", ["", None, 5, ["x"], "x" * 257])
def test_what_can_be_no_password_is_left_for_the_check(password: object) -> None:
    body = {"extension": "676", "name": "Sam", "password": password}
    assert secrets_to_digests(body, "acme.test") == body

"""One way to write an entry: from YAML, from JSON, with passwords as digests, and back as a file."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from b2bua.administration import entries
from b2bua.config import load
from b2bua.config.canonical import KEY_FIELDS, KINDS, NAMED, SECRET_FIELDS, canonical, canonical_tree, secrets_to_digests
from b2bua.config.directory import check_tree, read_directory
from b2bua.config.schema import Report
from b2bua.config.yamltree import read
from b2bua.config.yamlwriter import write_yaml
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


# --- as a file --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [ORGANISATION, DEMO.read_text("utf-8")], ids=["organisation", "demo"])
def test_a_tree_that_is_written_reads_the_same(text: str, tmp_path: Path) -> None:
    tree = canonical_tree(parsed(tmp_path, text))
    written = write_yaml(tree)
    assert canonical_tree(parsed(tmp_path, written)) == tree
    assert write_yaml(canonical_tree(parsed(tmp_path, written))) == written


def test_it_is_written_for_people(tmp_path: Path) -> None:
    written = write_yaml(canonical_tree(parsed(tmp_path, DEMO.read_text("utf-8"))))
    assert '\n  - {extension: "676", name: Sam Secretary, password: sam-676, numbers: ["+6221500676"], location: HQ}\n' in written
    assert "\n    filtering: {enabled: true, mode: simple, type: all}\n" in written
    assert "\nparking: {slots: \"701-750\", recall_seconds: 45, ring_seconds: 30}\n" in written
    places = [written.index(f"\n{kind}:") for kind in ("schedules", "caller_groups", "users", "executives", "groups", "services")]
    assert places == sorted(places)
    assert max(map(len, written.splitlines())) <= 132


WORDS = st.sampled_from(["null", "~", "true", "No", "1e3", "0x1", "- a", "a: b", "a #b", "#64", "*68", "&x", "!y", "{a}", "[b]", " x ", "", "'", '"', "\\", "%", "@", "`", "?", "2026-12-24", "۱۲", "שלום", "🎉", "\u200f", "\ufeff", "\x85", "\x00", "\n", "\r\n\t", "a  b", "a -", "|", ">"])  # fmt: skip
TEXTS = st.one_of(WORDS, st.text(max_size=40), st.text(alphabet="ab -:#,[]{}\"'\\\n", max_size=200))
VALUES = st.recursive(
    st.one_of(TEXTS, st.booleans(), st.integers(-(10**9), 10**9), st.floats(allow_nan=False, allow_infinity=False, width=32), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=12,
)


@given(names=st.lists(TEXTS, max_size=6), odd=VALUES, key=TEXTS)
@example(names=["x" * 200], odd={"a": ["b" * 150, {"c": "d" * 150}]}, key="long")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
def test_any_text_survives_being_written(names: list[str], odd: Any, key: str, tmp_path: Path) -> None:
    users = [{"extension": str(n), "name": name, "password": name, "dnd": bool(n % 2), "devices": {"rings": n}} for n, name in enumerate(names)]
    tree = canonical_tree({"organisation": "".join(names[:1]), "users": users, "caller_groups": {key: names}, "schedules": {key: {"hours": {key: key}}}})
    found = canonical_tree(parsed(tmp_path, write_yaml(tree)))
    assert found == tree
    plain = parsed(tmp_path, write_yaml({"x": odd}))["x"]
    assert as_text(plain) == as_text(odd)


def as_text(value: Any) -> Any:
    """What a reader that knows texts only makes of it."""
    if isinstance(value, dict):
        return {each: as_text(inner) for each, inner in value.items()}
    if isinstance(value, list):
        return [as_text(each) for each in value]
    return value if value is None or isinstance(value, str) else str(value).lower() if isinstance(value, bool) else repr(value)

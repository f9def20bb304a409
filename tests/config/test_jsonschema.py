"""The schema of an entry, for the API's description and for forms."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from b2bua.config.canonical import KEY_FIELDS, KINDS, canonical_tree
from b2bua.config.jsonschema import json_schema
from b2bua.config.yamltree import read
from tests.config.conftest import ORGANISATION


def nodes(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        yield schema
        for each in schema.values():
            yield from nodes(each)
    elif isinstance(schema, list):
        for each in schema:
            yield from nodes(each)


@pytest.mark.parametrize("kind", KINDS)
def test_it_stands_for_itself(kind: str) -> None:
    schema = json_schema(kind)
    json.dumps(schema)
    assert schema["type"] == "object" and schema["additionalProperties"] is False
    assert not [each for each in nodes(schema) if "$ref" in each or "$defs" in each]
    if kind in KEY_FIELDS:
        assert KEY_FIELDS[kind] in schema["required"]
        assert all(each.get("description") for each in schema["properties"].values())


def test_sections_are_written_out() -> None:
    executive = json_schema("executives")["properties"]
    assert executive["alerting"]["properties"]["mode"]["enum"] == ["ring_all", "sequential"]
    assert executive["alerting"]["properties"]["minimum_seconds"]["maximum"] == 7200
    assert "from" in executive["filtering"]["properties"]["criteria"]["items"]["properties"]
    bare, full = executive["assistants"]["items"]["anyOf"]
    assert (bare["type"], full["required"]) == ("string", ["extension"])
    assert full["properties"]["rights"]["anyOf"][0]["items"]["enum"][0] == "receive"
    assert json_schema("organisation")["properties"]["parking"]["properties"]["slots"]["default"] == "701-750"
    assert "users" not in json_schema("organisation")["properties"]
    assert json_schema("users")["properties"]["manages"]["properties"]["groups"]["items"]["type"] == "string"


def test_secrets_are_only_written() -> None:
    user = json_schema("users")["properties"]
    assert user["password"]["writeOnly"] is True and user["digest"]["writeOnly"] is True
    assert json_schema("conferences")["properties"]["pin"]["writeOnly"] is True
    assert not [each for each in nodes(json_schema("executives")) if each.get("writeOnly")]


def test_a_caller_may_change_what_it_got() -> None:
    json_schema("users")["properties"].clear()
    assert "extension" in json_schema("users")["properties"]


def test_what_the_configuration_takes_the_schema_takes(tmp_path: Path) -> None:
    file = tmp_path / "directory.yaml"
    file.write_text(ORGANISATION)
    tree = canonical_tree(read(file, []))
    for kind in KINDS[1:]:
        part = tree.get(kind, [])
        for body in [{"value": each} for each in part.values()] if isinstance(part, dict) else part:
            jsonschema_rs.validator_for(json_schema(kind)).validate(body)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("users", {"extension": "6-7", "name": "Olivia"}),
        ("users", {"extension": "667"}),
        ("users", {"extension": "667", "name": "Olivia", "devices": {"order": "random"}}),
        ("executives", {"extension": "667", "assistants": [{"rights": ["receive"]}]}),
        ("executives", {"extension": "667", "rollover": {"action": {"forward": 5}}}),
        ("phones", {"mac": "x", "name": "y"}),
        ("caller_groups", {"value": "press"}),
    ],
)
def test_what_the_schema_refuses(kind: str, body: dict[str, Any]) -> None:
    assert not jsonschema_rs.validator_for(json_schema(kind)).is_valid(body)

"""How long a list may be: one entry keeps nobody else waiting."""

from __future__ import annotations

import time
from typing import Any

import pytest

from b2bua.config import Config, load
from b2bua.config.canonical import KINDS, canonical_tree
from b2bua.config.directory import check_tree
from b2bua.config.jsonschema import json_schema
from tests.config.conftest import NOW, Files

USER: dict[str, Any] = {"extension": "667", "name": "Olivia", "password": "boss-667"}
OTHER: dict[str, Any] = {"extension": "676", "name": "Sam", "password": "sam-676"}


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    return load(Files(tmp_path_factory.mktemp("server")).server)


def numbers(count: int) -> list[str]:
    return [f"+62215{place:06}" for place in range(count)]


def people(count: int) -> list[str]:
    return [f"{place:05}" for place in range(count)]


def executive(**more: Any) -> dict[str, Any]:
    return {"executives": [{"extension": "667", "rollover": {"action": "hangup"}, **more}]}


def findings(config: Config, more: dict[str, Any], users: list[dict[str, Any]] | None = None) -> list[str]:
    tree = canonical_tree({"organisation": "Acme", "users": users or [USER, OTHER], **more})
    return [str(each) for each in check_tree(tree, config, now=NOW).findings]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (executive(filtering={"mode": "criteria", "criteria": [{"name": f"c{place}"} for place in range(201)]}), "executives 667: filtering.criteria: has 201 entries; write at most 200"),
        (executive(filtering={"mode": "criteria", "criteria": [{"from": numbers(1_001)}]}), "executives 667: filtering.criteria[0].from: has 1001 entries; write at most 1000"),
        (executive(filtering={"mode": "criteria", "criteria": [{"dialled": numbers(102)}]}), "executives 667: filtering.criteria[0].dialled: has 102 entries; write at most 101"),
        (executive(assistants=[{"extension": "676", "callers": numbers(1_001)}]), "executives 667: assistants[0].callers: has 1001 entries; write at most 1000"),
        (executive(assistants=[{"extension": "676", "rights": ["call"] * 21}]), "executives 667: assistants[0].rights: has 21 entries; write at most 20"),
        (executive(assistants=people(1_001)), "executives 667: assistants: has 1001 entries; write at most 1000"),
        (executive(confidential=numbers(1_001)), "executives 667: confidential: has 1001 entries; write at most 1000"),
        (executive(on_behalf={"classes": {f"c{place}": "self" for place in range(1_001)}}), "executives 667: on_behalf.classes: has 1001 entries; write at most 1000"),
        ({"caller_groups": {"press": numbers(1_001)}}, "caller_groups press: value: has 1001 entries; write at most 1000"),
        ({"groups": [{"extension": "500", "name": "Sales", "members": people(1_001)}]}, "groups 500: members: has 1001 entries; write at most 1000"),
        ({"groups": [{"extension": "500", "name": "Sales", "managers": people(1_001)}]}, "groups 500: managers: has 1001 entries; write at most 1000"),
        ({"groups": [{"extension": "500", "name": "Sales", "numbers": numbers(101)}]}, "groups 500: numbers: has 101 entries; write at most 100"),
        ({"services": [{"extension": "550", "name": "Help", "agents": [{"extensions": people(1_001)}]}]}, "services 550: agents[0].extensions: has 1001 entries; write at most 1000"),
        ({"duty_profiles": [{"name": "Night", "code": "1", "agents": people(1_001)}]}, "duty_profiles Night: agents: has 1001 entries; write at most 1000"),
        ({"conferences": [{"number": "800", "moderators": people(1_001)}]}, "conferences 800: moderators: has 1001 entries; write at most 1000"),
        ({"conferences": [{"number": "800", "numbers": numbers(101)}]}, "conferences 800: numbers: has 101 entries; write at most 100"),
        ({"schedules": {"office": {"holidays": ["12-25"] * 1_001}}}, "schedules office: value.holidays: has 1001 entries; write at most 1000"),
        ({"schedules": {"office": {"exceptions": {f"x{place}": "closed" for place in range(1_001)}}}}, "schedules office: value.exceptions: has 1001 entries; write at most 1000"),
        ({"number_inventory": numbers(2_001)}, "organisation: number_inventory: has 2001 entries; write at most 2000"),
        ({"users": [{**USER, "numbers": numbers(101)}]}, "users 667: numbers: has 101 entries; write at most 100"),
        ({"users": [{**USER, "manages": {"sites": people(1_001)}}]}, "users 667: manages.sites: has 1001 entries; write at most 1000"),
        ({"users": [{**USER, "contacts": ["sip:gw@192.0.2.7"] * 11}]}, "users 667: contacts: has 11 entries; write at most 10"),
    ],
)
def test_a_list_that_is_too_long_is_refused_once(config: Config, more: dict[str, Any], expected: str) -> None:
    assert findings(config, more) == [expected]


def test_as_many_as_may_be_are_taken(config: Config) -> None:
    assert findings(config, {"users": [{**USER, "numbers": numbers(100)}]}) == []
    criteria = [{"name": f"c{place}", "from": numbers(1_000)} for place in range(200)]
    assert findings(config, executive(filtering={"mode": "criteria", "criteria": criteria})) == []


def test_services_count_their_agents_whichever_way_they_are_named(config: Config) -> None:
    """Otherwise a thousand lists of a thousand would be read one by one."""
    users = [{"extension": each, "name": each} for each in people(1_000)]
    whole = {"extensions": people(1_000)}
    assert findings(config, {"services": [{"extension": "550", "name": "Help", "rollover": {"action": "hangup"}, "agents": [whole]}]}, users) == []
    began = time.process_time()
    found = findings(config, {"services": [{"extension": "550", "name": "Help", "rollover": {"action": "hangup"}, "agents": [whole] * 1_000}]}, users)
    assert found == ["services 550: agents[1]: names, with those above, more than 1000 agents; write fewer"]
    assert time.process_time() - began < 5


@pytest.mark.parametrize("kind", KINDS)
def test_the_schema_tells_of_every_list_how_long_it_may_be(kind: str) -> None:
    def unbounded(node: Any, path: str) -> list[str]:
        if not isinstance(node, dict):
            return [found for each in node for found in unbounded(each, path)] if isinstance(node, list) else []
        own = [path] if node.get("type") == "array" and "maxItems" not in node else []
        return [*own, *(found for key, each in node.items() for found in unbounded(each, f"{path}.{key}"))]

    assert unbounded(json_schema(kind), kind) == []

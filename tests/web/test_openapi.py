"""The API's description: whether it is one, whether it names everything, and whether the server does what it says, whatever is sent."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from requests import Request
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from b2bua.administration.entries import KINDS
from b2bua.web.api import schemas
from b2bua.web.services import PREFIX
from tests.web.support.web_office import WebOffice

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance, response_schema_conformance]
EXAMPLES = 4
KEYS = {
    "users": "601", "executives": "667", "groups": "500", "services": "510", "duty-profiles": "Help desk early", "conferences": "800",
    "sites": "HQ 12", "cost-centres": "Sales", "phones": "001565000001", "schedules": "office", "caller-groups": "press",
}  # fmt: skip
BEHIND_OTHERS = frozenset({f"{PREFIX}/session"})
"""Signing out would end the rest of the test."""


def described(office: WebOffice) -> dict[str, Any]:
    found: dict[str, Any] = office.as_("").get("/openapi.json").json()
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def test_the_document_is_openapi(office: WebOffice) -> None:
    document = described(office)
    assert document["openapi"].startswith("3.1")
    schemathesis.openapi.from_dict(document).validate()


def test_every_route_is_described_with_how_it_refuses_and_how_one_signs_in(office: WebOffice) -> None:
    document = described(office)
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert sorted(names) == sorted(set(names))
    for path, method, operation in operations(document):
        place = f"{method} {path}"
        assert operation.get("summary"), place
        assert "security" in operation, place
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                assert list(response["content"]) == ["application/problem+json"], f"{place} {status}"
        assert {"401", "403", "422"} <= operation["responses"].keys(), place


def test_references_lead_somewhere_and_every_kind_has_its_schema(office: WebOffice) -> None:
    document = described(office)
    schemas = document["components"]["schemas"]

    def references(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                yield node["$ref"]
            for each in node.values():
                yield from references(each)
        elif isinstance(node, list):
            for each in node:
                yield from references(each)

    assert {each for each in references(document) if each.rpartition("/")[2] not in schemas} == set()
    assert len(KINDS) * 4 <= len(schemas)
    assert "password" in schemas["UserNew"]["properties"]
    assert not {"password", "digest"} & schemas["User"]["properties"].keys()
    assert "pin" not in schemas["Conference"]["properties"]


def test_the_examples_are_accepted(office: WebOffice) -> None:
    """Each may be made as it stands, after those that it names."""
    document = described(office)
    admin = office.as_("admin")
    made = {"sites": "Site", "cost-centres": "CostCentre", "schedules": "Schedule", "caller-groups": "CallerGroup"}
    for path, name in made.items():
        example = dict(document["components"]["schemas"][f"{name}New"]["examples"][0])
        key = "key" if "key" in example else "name"
        example[key] = f"{example[key]} 2"
        answer = admin.post(f"/{path}", example)
        assert answer.status_code == 201, answer.text
    for path, name, key in (("users", "User", "667"), ("executives", "Executive", "667"), ("phones", "Phone", "00:15:65:00:00:01")):
        example = dict(document["components"]["schemas"][f"{name}Written"]["examples"][0])
        example.pop("mac", None)
        answer = admin.put(f"/{path}/{quote(key)}?check=true", example)
        assert answer.status_code == 200, answer.text
        assert answer.json()["findings"] == [], path


@pytest.mark.parametrize("account", ["admin", "601"])
def test_the_server_does_what_the_document_says(office: WebOffice, account: str) -> None:
    """Whatever the schema allows, and what it does not: no bug, no undocumented answer, no field that is not described."""
    person = office.as_(account)
    document = described(office)
    tried = 0
    for result in schemathesis.openapi.from_dict(document).get_all_operations():
        operation = result.ok()
        if operation.path in BEHIND_OTHERS:
            continue
        _try(operation, _sender(office, person.client))
        tried += 1
    assert tried > 60


def _sender(office: WebOffice, client: Any) -> Callable[[Any], None]:
    def send(case: Any) -> None:
        sent = Request(**{key: value for key, value in case.as_transport_kwargs(base_url="http://127.0.0.1:8080").items() if key != "timeout"}).prepare()
        body = sent.body if isinstance(sent.body, bytes | str) or sent.body is None else b"".join(sent.body)
        request = client.build_request(sent.method, sent.url, content=body, headers={**sent.headers, **client.headers})
        case.validate_response(office.run(client.send(request)), checks=CHECKS)

    return send


def _try(operation: Any, send: Callable[[Any], None]) -> None:
    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck), print_blob=False
    )
    @given(case=operation.as_strategy(), real=st.booleans(), whichever=st.booleans())
    def tried(case: Any, real: bool, whichever: bool) -> None:
        collection = operation.path.removeprefix(f"{PREFIX}/").split("/")[0]
        if real and collection in KEYS and "key" in (case.path_parameters or {}):
            case.path_parameters["key"] = quote(KEYS[collection], safe="")
        if whichever and operation.method.upper() != "GET":
            case.headers = {**(case.headers or {}), "If-Match": "*"}
        send(case)

    tried()


def test_people_read_it_as_a_page(office: WebOffice) -> None:
    browser, _ = office.sign_in("601")
    answer = office.run(browser.get("/api/docs"))
    assert answer.status_code == 200, answer.text
    for path in described(office)["paths"]:
        assert path in answer.text
    assert "<script>" not in answer.text and "http://" not in answer.text.replace("http://127.0.0.1", "").replace("http://www.w3.org", "")
    assert office.run(office.client().get("/api/docs")).status_code == 303


def test_the_description_is_made_and_written_once_and_beside_the_loop(office: WebOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    where: list[threading.Thread] = []
    made = schemas.document

    def watched(app: Any) -> Any:
        where.append(threading.current_thread())
        return made(app)

    monkeypatch.setattr(schemas, "document", watched)
    if hasattr(office.app.state, "described"):
        del office.app.state.described
    first, second = office.as_("").get("/openapi.json"), office.as_("").get("/openapi.json")
    assert first.content == second.content and first.headers["content-type"] == "application/json"
    assert len(where) == 1 and where[0] is not threading.main_thread()

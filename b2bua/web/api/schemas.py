"""The API's description (OpenAPI 3.1): what each route of the entries takes and answers, and what all routes have in common."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from functools import cache
from threading import Lock
from typing import Any, Final

from fastapi import APIRouter
from fastapi.openapi.utils import get_openapi
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from b2bua.administration.documents import json_schema
from b2bua.administration.entries import KEY_FIELDS, KINDS, NAMED, SECRETS
from b2bua.web.api.examples import EXAMPLES
from b2bua.web.api.listing import DEFAULT_LIMIT, FILTERS, MAX_LIMIT, SORTS
from b2bua.web.services import PREFIX

router = APIRouter()
_DESCRIBING: Final = Lock()
Json = dict[str, Any]
ABOUT: Final = """The directory of a telephone server, its calls, and who may do what.

Programs send `Authorization: Bearer …`. Pages have a session cookie, and send `X-CSRF-Token` with everything that changes something.
Errors are problem documents (RFC 9457); where entries are refused, `findings` says what is wrong with which field. What one may not see
is answered with 404. An entry's `ETag` is its revision: `PUT`, `PATCH` and `DELETE` need it in `If-Match`."""
NAMES: Final[Mapping[str, str]] = {
    "organisation": "Organisation",
    "sites": "Site",
    "cost_centres": "CostCentre",
    "schedules": "Schedule",
    "caller_groups": "CallerGroup",
    "users": "User",
    "phones": "Phone",
    "executives": "Executive",
    "groups": "Group",
    "services": "Service",
    "duty_profiles": "DutyProfile",
    "conferences": "Conference",
}
"""What the schema of each kind is called."""
PROBLEMS: Final[Mapping[int, str]] = {
    400: "Not understood: no JSON, an unknown parameter, a header that cannot be read",
    401: "Not signed in",
    403: "Signed in, and without the right that `detail` names",
    404: "Not there, or not to be seen",
    408: "The request did not arrive in time",
    409: "In conflict with another entry, or changed meanwhile",
    410: "Not valid any more",
    412: "`If-Match` names another state; `current` is the entry as it is",
    413: "Too large",
    415: "A body of another type",
    421: "Asked for by a name that is not this server's",
    422: "Not accepted; `findings` says why",
    428: "`If-Match` is missing",
    429: "Too often; `Retry-After` says when",
    503: "Not now; `Retry-After` says when",
    504: "Nobody has answered in time",
}
_ALWAYS: Final = (400, 401, 403, 404, 408, 421, 422, 429, 503)
_WRITES: Final = (409, 410, 412, 413, 415, 428, 504)
_PROBLEM: Final[Json] = {
    "type": "object",
    "description": "What went wrong (RFC 9457).",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "what is wrong and what to do"},
        "findings": {"type": "array", "items": {"$ref": "#/components/schemas/Finding"}},
        "current": {"type": "object", "description": "412: the entry as it is"},
        "must_change": {"type": "boolean", "description": "403: a new password must be chosen first"},
    },
    "required": ["type", "title", "status", "detail"],
    "examples": [{"type": "about:blank", "title": "Forbidden", "status": 403, "detail": "to change sites HQ you need the role user_admin"}],
}
_FINDING: Final[Json] = {
    "type": "object",
    "description": "What is wrong with an entry, or may be.",
    "properties": {
        "kind": {"type": "string", "description": "the kind of the entry; `request` for the request itself"},
        "key": {"type": "string"},
        "field": {"type": "string", "description": 'the path in the entry, "" for the entry itself'},
        "text": {"type": "string"},
    },
    "required": ["kind", "key", "field", "text"],
    "examples": [{"kind": "users", "key": "667", "field": "numbers[0]", "text": "+6221500667 is already a number of Sam Secretary (676)"}],
}
SECURITY: Final[Json] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A token that was made on the page or with POST /tokens."},
    "session": {"type": "apiKey", "in": "cookie", "name": "session", "description": "Named __Host-session where the page is reached by https."},
    "csrf": {"type": "apiKey", "in": "header", "name": "X-CSRF-Token", "description": "The session's token, from GET /me."},
}


# --- the routes of the entries --------------------------------------------------------------------------------------------------


def ref(name: str) -> Json:
    """A schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def content(schema: Json) -> Json:
    """A body of JSON."""
    return {"application/json": {"schema": schema}}


def parameter(name: str, text: str, schema: Json) -> Json:
    """A query parameter."""
    return {"name": name, "in": "query", "required": False, "description": text, "schema": schema}


def header(name: str, text: str) -> Json:
    """A request header."""
    return {"name": name, "in": "header", "required": False, "description": text, "schema": {"type": "string"}}


CHECK: Final = parameter("check", "true: change nothing, and answer what speaks against it", {"type": "boolean", "default": False})
_IF_MATCH: Final = header("If-Match", 'the ETag of the entry that the change is based on, such as `"42"`, or `*`')
_CHECKED: Final = {"description": "With `check=true`: what speaks against it", "content": content(ref("Findings"))}


def _plural(kind: str) -> str:
    return "the organisation" if kind == "organisation" else kind.replace("_", " ")


def _one(kind: str) -> str:
    word = _plural(kind).removesuffix("s")
    return word if kind == "organisation" else f"{'an' if word[0] in 'aeio' else 'a'} {word}"


def _answered(kind: str, text: str, *, checked: bool = True) -> Json:
    schema = {"anyOf": [ref(NAMES[kind]), ref("Findings")]} if checked else ref(NAMES[kind])
    return {"description": text, "content": content(schema), "headers": {"ETag": {"schema": {"type": "string"}, "description": "the entry's revision"}}}


def _body(schema: Json, kind: str = "application/json") -> Json:
    return {"required": True, "content": {kind: {"schema": schema}}}


def listed(kind: str) -> Json:
    """GET of a list."""
    filters = [parameter(name, f"only those {each.text}", {"type": "string"}) for name, each in FILTERS.get(kind, {}).items()]
    parameters = [
        parameter("limit", "how many", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}),
        parameter("after", "the cursor `next` of the page before", {"type": "string"}),
        parameter("search", "words that the key, the name, a number or the e-mail address contains", {"type": "string", "maxLength": 200}),
        parameter("sort", "with `-` before it the other way round", {"type": "string", "enum": [*SORTS, *(f"-{each}" for each in SORTS)], "default": "order"}),
        *filters,
    ]
    page = {"description": "A page of the list", "content": content(ref(f"{NAMES[kind]}Page"))}
    return {"summary": f"List {_plural(kind)}", "responses": {200: page}, "openapi_extra": {"parameters": parameters}}


def read(kind: str) -> Json:
    """GET of one."""
    responses = {200: _answered(kind, "The entry", checked=False), 304: {"description": "As `If-None-Match` says: nothing has changed"}}
    return {"summary": f"Read {_one(kind)}", "responses": responses, "openapi_extra": {"parameters": [header("If-None-Match", "the ETag that is known")]}}


def created(kind: str) -> Json:
    """POST to a list."""
    location = {"schema": {"type": "string"}, "description": "where the entry is"}
    made = _answered(kind, "Made", checked=False)
    responses = {200: _CHECKED, 201: {**made, "headers": {**made["headers"], "Location": location}}}
    return {"summary": f"Make {_one(kind)}", "responses": responses, "openapi_extra": {"parameters": [CHECK], "requestBody": _body(ref(f"{NAMES[kind]}New"))}}


def replaced(kind: str) -> Json:
    """PUT."""
    extra = {"parameters": [CHECK, _IF_MATCH], "requestBody": _body(ref(f"{NAMES[kind]}Written"))}
    text = "Fields that the writer may not see stay as they are, and so do secrets that are not mentioned."
    return {"summary": f"Replace {_one(kind)}", "description": text, "responses": {200: _answered(kind, "Replaced")}, "openapi_extra": extra}


def patched(kind: str) -> Json:
    """PATCH."""
    patch: Json = {"type": "object", "description": f"a merge patch of {NAMES[kind]} (RFC 7396): null removes a field, lists are replaced"}
    extra = {"parameters": [CHECK, _IF_MATCH], "requestBody": _body(patch, "application/merge-patch+json")}
    return {"summary": f"Change {_one(kind)} in part", "responses": {200: _answered(kind, "Changed")}, "openapi_extra": extra}


def deleted(kind: str) -> Json:
    """DELETE."""
    references = parameter("references", "remove: with every reference to it", {"type": "string", "enum": ["keep", "remove"], "default": "keep"})
    responses = {200: {"description": "Removed", "content": content({"anyOf": [ref("Removed"), ref("Findings")]})}}
    text = "What is named by other entries is not removed: 409 with `findings` that say by which."
    extra = {"parameters": [references, CHECK, _IF_MATCH]}
    return {"summary": f"Remove {_one(kind)}", "description": text, "responses": responses, "openapi_extra": extra}


def renamed(kind: str) -> Json:
    """POST …/rename."""
    body: Json = {"type": "object", "properties": {"to": {"type": "string", "minLength": 1}}, "required": ["to"], "additionalProperties": False}
    extra = {"parameters": [CHECK, _IF_MATCH], "requestBody": _body(body)}
    text = "The entry and every reference to it, all or nothing."
    return {"summary": f"Rename {_one(kind)}", "description": text, "responses": {200: _answered(kind, "Renamed")}, "openapi_extra": extra}


# --- the document ---------------------------------------------------------------------------------------------------------------


def schemas_of(kind: str) -> dict[str, Json]:
    """The schemas of a kind: as it is shown, as it is written, as it is made, and a page of them."""
    name, example = NAMES[kind], EXAMPLES[kind]
    written = {key: value for key, value in json_schema(kind).items() if key != "description"}
    shown_revision: Json = {
        "revision": {"type": "integer", "description": "of the change that made it as it is; not looked at when it is sent back"},
        "warnings": {"type": "array", "items": ref("Finding"), "description": "after a change: what is allowed and probably not meant"},
    }
    properties: Json = {**written["properties"], **shown_revision}
    key = KEY_FIELDS.get(kind)
    if kind in NAMED:
        key = "key"
        properties = {"key": {"type": "string", "description": "the name"}, **properties}
    needed = [key] if key else []
    new = {**written, "properties": properties, "required": [*needed, *(each for each in written.get("required", ()) if each not in needed)]}
    optional = {**new, "required": [each for each in new["required"] if each not in needed]}
    shown_properties = {each: value for each, value in properties.items() if each not in SECRETS}
    value = ["value"] if kind in NAMED else []
    shown: Json = {**written, "properties": shown_properties, "required": [*needed, *value, "revision"], "examples": [{**example, "revision": 42}]}
    page: Json = {
        "type": "object",
        "properties": {
            "items": {"type": "array", "items": ref(name)},
            "total": {"type": "integer", "description": "on all pages"},
            "next": {"type": ["string", "null"], "description": "the cursor of the next page"},
        },
        "required": ["items", "total", "next"],
    }
    return {name: shown, f"{name}New": {**new, "examples": [example]}, f"{name}Written": {**optional, "examples": [example]}, f"{name}Page": page}


@cache
def components() -> dict[str, Json]:
    """Every schema that routes of the entries name."""
    found: dict[str, Json] = {"Problem": _PROBLEM, "Finding": _FINDING}
    found["Findings"] = {"type": "object", "properties": {"findings": {"type": "array", "items": ref("Finding")}}, "required": ["findings"]}
    found["Removed"] = {
        "type": "object",
        "properties": {
            "removed": {"type": "string", "description": "the key"},
            "revision": {"type": "integer"},
            "warnings": {"type": "array", "items": ref("Finding")},
        },
        "required": ["removed", "revision", "warnings"],
    }
    for kind in KINDS:
        found |= schemas_of(kind)
    return found


def document(app: Starlette) -> Json:
    """The description of an application, made once."""
    made: Json | None = getattr(app.state, "description", None)
    if made is None:
        made = get_openapi(title="b2bua", version="1", openapi_version="3.1.0", description=ABOUT, routes=app.routes)
        schemas = made.setdefault("components", {}).setdefault("schemas", {})
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        schemas |= components()
        made["components"]["securitySchemes"] = SECURITY
        made["paths"] = {path: item for path, item in made["paths"].items() if path.startswith(f"{PREFIX}/")}
        for path, item in made["paths"].items():
            for method, operation in item.items():
                _complete(operation, method, path)
        app.state.description = made
    return made


def _complete(operation: Json, method: str, path: str) -> None:
    """What all routes have in common: how one signs in, and how they refuse."""
    safe = method == "get"
    operation.setdefault("security", [{"bearer": []}, {"session": []} if safe else {"session": [], "csrf": []}])
    responses = operation["responses"]
    for status in (*_ALWAYS, *(() if safe else _WRITES)):
        if status == 422 or str(status) not in responses:
            responses[str(status)] = {"description": PROBLEMS[status]}
    for status, response in responses.items():
        if int(status) >= 400:
            response["content"] = {"application/problem+json": {"schema": ref("Problem")}}
    operation["responses"] = dict(sorted(responses.items()))
    for each in operation.get("parameters", ()):
        if each["in"] == "path" and each["name"] == "key":
            each.setdefault("description", f"the {'MAC address' if '/phones/' in path else 'extension, number or name'} of the entry")
            each["schema"]["minLength"] = 1


@router.get("/openapi.json", include_in_schema=False)
async def openapi(request: Request) -> Response:
    """The description of the API. Open to all: it tells nothing about anybody."""
    made: bytes | None = getattr(request.app.state, "described", None)
    if made is None:
        made = await asyncio.to_thread(_described, request.app)
    return Response(made, media_type="application/json")


def _described(app: Starlette) -> bytes:
    """In a thread: making and writing it takes a quarter of a second, once."""
    with _DESCRIBING:
        made: bytes | None = getattr(app.state, "described", None)
        if made is None:
            made = app.state.described = json.dumps(document(app), ensure_ascii=False, separators=(",", ":")).encode()
        return made

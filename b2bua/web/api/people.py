"""What is special about people and their phones: SIP passwords, the assistant's yes or no, phones that change hands (E1, E5, E8)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from b2bua.administration import assistants, secrets
from b2bua.administration.book import Changed
from b2bua.administration.entries import Finding, Op, Put, masked
from b2bua.administration.viewer import Viewer
from b2bua.store.ports import Entry
from b2bua.web.api import schemas
from b2bua.web.api.dependencies import answer, book_of, carry_out, expect, found_of, invalid, item_of, object_body
from b2bua.web.api.entries import ATTEMPTS, visible, written
from b2bua.web.problems import ProblemError
from b2bua.web.security import Writer
from b2bua.web.services import services

router = APIRouter()
_PASSWORD: Final[schemas.Json] = {
    "type": "object",
    "properties": {
        "account": {"type": "string", "description": "the user name of the phone"},
        "password": {"type": "string", "description": "shown this once"},
        "domain": {"type": "string"},
        "lines": {"type": "array", "items": {"type": "string"}, "description": "accounts of delegated lines, with the same password"},
        "revision": {"type": "integer"},
    },
    "required": ["account", "password", "domain", "lines", "revision"],
}
_PHONES: Final[schemas.Json] = {
    "type": "object",
    "properties": {"items": {"type": "array", "items": schemas.ref("Phone")}, "warnings": {"type": "array", "items": schemas.ref("Finding")}},
    "required": ["items", "warnings"],
}


def _body(properties: schemas.Json) -> schemas.Json:
    schema = {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
    return {"requestBody": {"required": True, "content": schemas.content(schema)}}


async def _again(request: Request, viewer: Viewer, kind: str, key: str, ops: Callable[[Entry], list[Op]]) -> Changed:
    """A change that is right whatever else of the entry changes meanwhile."""
    for attempt in range(ATTEMPTS):
        try:
            return await carry_out(request, viewer, ops(visible(request, viewer, kind, key)))
        except ProblemError as error:
            if error.status not in (409, 412) or attempt == ATTEMPTS - 1:
                raise
    raise AssertionError


@router.post(
    "/users/{key:path}/sip-password",
    tags=["users"],
    operation_id="new_sip_password",
    summary="Give a user's phones a new random password",
    description="The old one opens nothing any more. It is shown once; only its digests are kept.",
    responses={200: {"description": "The password", "content": schemas.content(_PASSWORD)}},
)
async def new_password(request: Request, key: str, viewer: Writer) -> Response:
    """Raises ProblemError."""
    password = secrets.new_password()
    changed = await _again(
        request, viewer, "users", key, lambda entry: [Put("users", entry.key, {**masked(entry.body), "password": password}, entry.revision)]
    )
    entry = changed.entries[0]
    lines = [each.line for each in book_of(request).directory.delegations.get(entry.key, ())]
    domain = services(request).switchboard.config.domain
    return answer({"account": entry.key, "password": password, "domain": domain, "lines": lines, "revision": entry.revision})


@router.post(
    "/executives/{key:path}/acceptance",
    tags=["executives"],
    operation_id="answer_delegation",
    summary="Accept or decline to be an executive's assistant",
    description="By the assistant, while the delegation is pending.",
    responses={200: {"description": "The executive's entry", "content": schemas.content(schemas.ref("Executive"))}},
    openapi_extra=_body({"accept": {"type": "boolean"}}),
)
async def acceptance(request: Request, key: str, viewer: Writer) -> Response:
    """Raises ProblemError: 409 where it has been answered already."""
    executive = visible(request, viewer, "executives", key).key
    sent = await object_body(request)
    accept = sent.get("accept")
    if set(sent) != {"accept"} or not isinstance(accept, bool):
        raise invalid(Finding("executives", executive, "accept", 'is missing; send {"accept": true} or {"accept": false}'))

    def ops(entry: Entry) -> list[Op]:
        return [Put("executives", entry.key, _answered(viewer, entry, accept=accept), entry.revision)]

    changed = await _again(request, viewer, "executives", executive, ops)
    return written(viewer, changed, changed.entries[0], book_of(request))


def _answered(viewer: Viewer, entry: Entry, *, accept: bool) -> Mapping[str, Any]:
    mine = assistants.items(entry.body).get(viewer.extension or "")
    if mine is None:
        raise ProblemError(403, f"you are no assistant of {entry.key}: there is nothing for you to accept")
    if assistants.approval(mine) != "pending":
        raise ProblemError(409, f"your delegation for {entry.key} is {assistants.approval(mine)} already")
    return assistants.answered(entry.body, viewer.extension or "", accept=accept)


@router.post(
    "/phones/{key:path}/swap",
    tags=["phones"],
    operation_id="swap_phones",
    summary="Let two phones change hands",
    responses={200: {"description": "Both phones", "content": schemas.content(_PHONES)}},
    openapi_extra=_body({"with": {"type": "string", "description": "the MAC address of the other phone"}}),
)
async def swap(request: Request, key: str, viewer: Writer) -> Response:
    """Each gets the user of the other, all or nothing."""
    one = visible(request, viewer, "phones", key)
    sent = await object_body(request)
    named = sent.get("with")
    if set(sent) != {"with"} or not isinstance(named, str):
        raise invalid(Finding("phones", one.key, "with", 'is missing; send {"with": the MAC address of the other phone}'))
    other = visible(request, viewer, "phones", named)
    if other.key == one.key:
        raise invalid(Finding("phones", one.key, "with", "is the same phone; name another one"))
    expect(request, viewer, one, book_of(request), needed=False)
    return await _handed(request, viewer, (one, other.body.get("user")), (other, one.body.get("user")))


@router.post(
    "/phones/{key:path}/release",
    tags=["phones"],
    operation_id="release_phone",
    summary="Take a phone from its user",
    responses={200: {"description": "The phone", "content": schemas.content(_PHONES)}},
)
async def release(request: Request, key: str, viewer: Writer) -> Response:
    """It goes back to the shelf."""
    phone = visible(request, viewer, "phones", key)
    expect(request, viewer, phone, book_of(request), needed=False)
    return await _handed(request, viewer, (phone, None))


async def _handed(request: Request, viewer: Viewer, *phones: tuple[Entry, Any]) -> Response:
    """Give each phone to a user, None: to nobody."""
    book = book_of(request)
    changed = await carry_out(request, viewer, [Put("phones", phone.key, _of(phone.body, user), phone.revision) for phone, user in phones])
    return answer({"items": [item_of(viewer, each, book) for each in changed.entries], "warnings": found_of(changed.warnings, viewer, book)})


def _of(body: Mapping[str, Any], user: Any) -> dict[str, Any]:
    rest = {key: value for key, value in body.items() if key != "user"}
    return rest if user is None else {**rest, "user": user}

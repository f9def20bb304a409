"""Who has changed what, when, from what to what (F5). Administrators see all of it, everybody else what was done to what is theirs."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from b2bua.administration import rights
from b2bua.administration.book import Book
from b2bua.administration.entries import masked
from b2bua.administration.viewer import Viewer
from b2bua.store.ports import AuditQuery, AuditRow, Unavailable
from b2bua.web.api import schemas
from b2bua.web.api.dependencies import RETRY_SECONDS, answer, bad_parameter, book_of, not_found
from b2bua.web.api.listing import DEFAULT_LIMIT, MAX_LIMIT, limit_of
from b2bua.web.problems import ProblemError
from b2bua.web.security import SignedIn

router = APIRouter()
MAX_TEXT: Final = 200
_ROW: Final[schemas.Json] = {
    "type": "object",
    "properties": {
        "id": {"type": "integer"},
        "at": {"type": "number", "description": "seconds since the epoch"},
        "actor": {"type": "string", "description": "who: an extension or an account"},
        "via": {"type": "string", "description": "page, token <name>, file, command or import <id>"},
        "kind": {"type": "string"},
        "key": {"type": "string"},
        "action": {"type": "string"},
        "before": {"type": ["object", "null"]},
        "after": {"type": ["object", "null"]},
        "group": {"type": "string", "description": "the import that it was part of"},
    },
    "required": ["id", "at", "actor", "via", "kind", "key", "action", "before", "after", "group"],
}
_PAGE: Final[schemas.Json] = {
    "type": "object",
    "properties": {"items": {"type": "array", "items": _ROW}, "next": {"type": ["string", "null"], "description": "the cursor of the next page"}},
    "required": ["items", "next"],
}
_PARAMETERS: Final = [
    schemas.parameter("kind", "only changes of entries of this kind; also account, token, import, setting", {"type": "string"}),
    schemas.parameter("key", "only changes of this entry", {"type": "string"}),
    schemas.parameter("actor", "only what this one has done", {"type": "string"}),
    schemas.parameter("group", "only what was part of this import", {"type": "string"}),
    schemas.parameter("limit", "how many", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}),
    schemas.parameter("after", "the cursor `next` of the page before", {"type": "string"}),
]


@router.get(
    "/audit",
    tags=["audit"],
    operation_id="list_audit",
    summary="Who has changed what, the newest first",
    responses={200: {"description": "A page of the list", "content": schemas.content(_PAGE)}},
    openapi_extra={"parameters": _PARAMETERS},
)
async def audit(request: Request, viewer: SignedIn) -> Response:
    """The newest first. Raises ProblemError."""
    limit = limit_of(request, MAX_LIMIT, DEFAULT_LIMIT)
    query = _query(request)
    queries = [query] if viewer.administers else _own(query, viewer, book_of(request))
    try:
        found = [row for each in queries for row in await book_of(request).audit(each, limit)]
    except Unavailable:
        raise ProblemError(503, "the database does not answer now; try again", {"Retry-After": str(RETRY_SECONDS)}) from None
    rows = sorted({row.id: row for row in found}.values(), key=lambda row: -row.id)[:limit]
    following = str(rows[-1].id) if len(rows) == limit and rows[-1].id > 1 else None
    return answer({"items": [_shown(row, viewer) for row in rows], "next": following})


def _query(request: Request) -> AuditQuery:
    given = request.query_params
    for name in ("kind", "key", "actor", "group"):
        if len(given.get(name, "")) > MAX_TEXT or "\x00" in given.get(name, ""):
            raise bad_parameter(name, f"is longer than {MAX_TEXT} characters, or is no text")
    after = given.get("after", "0")
    if not (after.isascii() and after.isdecimal() and len(after) <= 18):
        raise bad_parameter("after", "is no cursor of this list; begin without it")
    return AuditQuery(given.get("kind", ""), given.get("key", ""), given.get("actor", ""), given.get("group", ""), int(after))


def _own(query: AuditQuery, viewer: Viewer, book: Book) -> list[AuditQuery]:
    """What somebody may ask who is no administrator: about an entry that is theirs, or about all of these. Raises ProblemError 404."""
    if query.kind and query.key:
        entry = book.entry(query.kind, query.key)
        if entry is None or not _theirs(viewer, query.kind, query.key, rights.level_of(viewer, entry, book)):
            raise not_found(query.kind, query.key)
        return [query]
    names = [("executives", each) for each in sorted(viewer.manages)]
    if viewer.extension is not None:
        names.append(("users", viewer.extension))
    return [query._replace(kind=kind, key=key) for kind, key in names if query.kind in ("", kind) and query.key in ("", key)]


def _theirs(viewer: Viewer, kind: str, key: str, level: rights.Level) -> bool:
    """What everybody sees whole is nobody's own."""
    return kind in ("users", "executives", "phones") and level in ("whole", "private") and (kind != "executives" or key in viewer.manages or level == "private")


def _shown(row: AuditRow, viewer: Viewer) -> dict[str, Any]:
    hidden = rights.PRIVATE_FIELDS if not viewer.administers and row.key != viewer.extension else frozenset()
    bodies = {name: None if body is None else {key: value for key, value in masked(body).items() if key not in hidden} for name, body in _bodies(row)}
    return {**row._asdict(), **bodies}


def _bodies(row: AuditRow) -> tuple[tuple[str, Any], ...]:
    return ("before", row.before), ("after", row.after)

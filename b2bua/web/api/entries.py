"""The entries of the directory: lists, and each entry read, made, replaced, changed in part, renamed and removed.

All kinds are alike; what is special about phones, executives and passwords is in `people` and `phones`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from b2bua.administration import rights
from b2bua.administration.book import Book, Changed
from b2bua.administration.documents import typed
from b2bua.administration.entries import KEY_FIELDS, NAMED, SECRETS, Delete, Finding, Kind, Put, masked
from b2bua.administration.references import Changes, references, removed, renamed
from b2bua.administration.viewer import Viewer
from b2bua.store.ports import Entry
from b2bua.web.api import schemas
from b2bua.web.api.dependencies import (
    answer,
    bad_parameter,
    book_of,
    carry_out,
    expect,
    flag,
    found_of,
    invalid,
    item_of,
    knock,
    merged,
    named,
    not_found,
    object_body,
    permitted,
    tag_of,
    try_out,
    unchanged,
)
from b2bua.web.api.listing import page_of
from b2bua.web.problems import ProblemError
from b2bua.web.security import SignedIn, Writer
from b2bua.web.services import PREFIX

router = APIRouter()
NOT_LOOKED_AT: Final = frozenset({"revision", "warnings"})
"""Members of answers that may be sent back as they came."""
ATTEMPTS: Final = 3
"""How often a rename is worked out anew when an entry that names the renamed one is changed meanwhile."""


class Resource(NamedTuple):
    """A kind of entry as it is reached."""

    kind: Kind
    path: str
    renamed: bool = True

    def location(self, key: str) -> str:
        return f"{PREFIX}/{self.path}/{quote(key, safe='')}"


RESOURCES: Final = (
    Resource("users", "users"),
    Resource("executives", "executives", renamed=False),
    Resource("groups", "groups"),
    Resource("services", "services"),
    Resource("duty_profiles", "duty-profiles"),
    Resource("conferences", "conferences"),
    Resource("sites", "sites"),
    Resource("cost_centres", "cost-centres"),
    Resource("phones", "phones"),
    Resource("schedules", "schedules"),
    Resource("caller_groups", "caller-groups"),
)
"""An executive's entry is renamed with its user."""


def visible(request: Request, viewer: Viewer, kind: str, key: str) -> Entry:
    """The entry, where the viewer may see it. Raises ProblemError 404."""
    book = book_of(request)
    entry = book.entry(kind, key)
    if entry is None and kind == "phones":
        entry = book.entry(kind, str(typed("phones", {"mac": key})["mac"]))
    if entry is None or not rights.may_see(viewer, entry, book):
        raise not_found(kind, key)
    return entry


def written(viewer: Viewer, changed: Changed, entry: Entry, book: Book, status: int = 200, more: tuple[Finding, ...] = (), **headers: str) -> Response:
    """The entry as it is after a change, and what is probably not meant."""
    body = item_of(viewer, entry, book)
    warnings = found_of((*changed.warnings, *more), viewer, book)
    return answer({**body, "warnings": warnings} if warnings else body, status, ETag=tag_of(entry), **headers)


async def put_entry(request: Request, viewer: Viewer, entry: Entry, body: Mapping[str, Any]) -> Response:
    """Write an entry that there is, based on what the request says it is based on. Raises ProblemError."""
    book = book_of(request)
    ops = permitted(viewer, (Put(entry.kind, entry.key, body, entry.revision),), book)  # type: ignore[arg-type]
    trying = flag(request, "check")
    expect(request, viewer, entry, book, needed=not trying)
    if trying:
        return answer({"findings": await try_out(request, viewer, ops)})
    changed = await carry_out(request, viewer, ops)
    return written(viewer, changed, changed.entries[0], book)


class Routes:
    """The handlers of one kind."""

    def __init__(self, resource: Resource) -> None:
        self._resource = resource
        self._kind = resource.kind

    async def listed(self, request: Request, viewer: SignedIn) -> Response:
        page = page_of(request, self._kind, viewer)
        book = book_of(request)
        return answer({"items": [item_of(viewer, each, book) for each in page.entries], "total": page.total, "next": page.next})

    async def read(self, request: Request, key: str, viewer: SignedIn) -> Response:
        entry = visible(request, viewer, self._kind, key)
        if unchanged(request, entry):
            return Response(status_code=304, headers={"ETag": tag_of(entry)})
        return answer(item_of(viewer, entry, book_of(request)), ETag=tag_of(entry))

    async def created(self, request: Request, viewer: Writer) -> Response:
        book = book_of(request)
        knock(viewer, self._kind, None, book)
        key, body = self._sent(await object_body(request), None)
        ops = permitted(viewer, (Put(self._kind, key, body, 0),), book)
        if book.entry(self._kind, key) is not None:
            raise _taken(self._kind, key)
        if flag(request, "check"):
            return answer({"findings": await try_out(request, viewer, ops)})
        try:
            changed = await carry_out(request, viewer, ops)
        except ProblemError as error:
            raise _taken(self._kind, key) if error.status == 412 else error from None
        return written(viewer, changed, changed.entries[0], book, 201, Location=self._resource.location(key))

    async def replaced(self, request: Request, key: str, viewer: Writer) -> Response:
        entry = visible(request, viewer, self._kind, key)
        book = book_of(request)
        knock(viewer, self._kind, entry.key, book)
        sent = await object_body(request)
        named(viewer, entry, _asked(sent, self._kind), book)
        _, body = self._sent(sent, entry.key)
        return await put_entry(request, viewer, entry, rights.restored(viewer, entry, body, book))

    async def patched(self, request: Request, key: str, viewer: Writer) -> Response:
        entry = visible(request, viewer, self._kind, key)
        book = book_of(request)
        knock(viewer, self._kind, entry.key, book)
        sent = await object_body(request)
        named(viewer, entry, _asked(sent, self._kind), book)
        taken_away = {name: None for name in SECRETS if name in sent and sent[name] is None}
        _, body = self._sent({**merged(masked(entry.body), _asked(sent, self._kind)), **taken_away}, entry.key)
        return await put_entry(request, viewer, entry, body)

    async def deleted(self, request: Request, key: str, viewer: Writer) -> Response:
        book = book_of(request)
        entry = visible(request, viewer, self._kind, key)
        mode = request.query_params.get("references", "keep")
        if mode not in ("keep", "remove"):
            raise bad_parameter("references", "is neither keep nor remove")
        trying = flag(request, "check")
        permitted(viewer, (Delete(self._kind, entry.key, entry.revision),), book)
        expect(request, viewer, entry, book, needed=not trying)
        changes = await asyncio.to_thread(self._removal, entry, mode, viewer, book)
        if trying:
            return answer({"findings": await try_out(request, viewer, changes.ops)})
        changed = await carry_out(request, viewer, changes.ops)
        warnings = found_of((*changed.warnings, *changes.warnings), viewer, book)
        return answer({"removed": entry.key, "revision": changed.revision, "warnings": warnings})

    def _removal(self, entry: Entry, mode: str, viewer: Viewer, book: Book) -> Changes:
        if mode == "remove":
            return removed(self._kind, entry.key, book)
        found = references(self._kind, entry.key, book)
        if found:
            text = f"{entry.key} is named elsewhere; change that first, or remove it with ?references=remove"
            raise ProblemError(409, text, findings=found_of(found, viewer, book))
        return Changes((Delete(self._kind, entry.key, entry.revision),))

    async def renamed(self, request: Request, key: str, viewer: Writer) -> Response:
        book = book_of(request)
        entry = visible(request, viewer, self._kind, key)
        to = self._new_key(await object_body(request))
        trying = flag(request, "check")
        permitted(viewer, (Delete(self._kind, entry.key), Put(self._kind, to, _rekeyed(self._kind, entry, to))), book)
        expect(request, viewer, entry, book, needed=False)
        if to == entry.key:
            return answer(item_of(viewer, entry, book), ETag=tag_of(entry))
        if book.entry(self._kind, to) is not None:
            raise _taken(self._kind, to)
        for attempt in range(ATTEMPTS):
            changes = await asyncio.to_thread(_renaming, self._kind, entry.key, to, book)
            if trying:
                return answer({"findings": await try_out(request, viewer, changes.ops)})
            try:
                changed = await carry_out(request, viewer, changes.ops)
            except ProblemError as error:
                if error.status not in (409, 412) or attempt == ATTEMPTS - 1:
                    raise
                continue
            new = next(each for each in changed.entries if (each.kind, each.key) == (self._kind, to))
            location = {"Location": self._resource.location(to)}
            return written(viewer, changed, new, book, 200, changes.warnings, **location)
        raise AssertionError

    def _new_key(self, sent: Mapping[str, Any]) -> str:
        to = sent.get("to")
        if set(sent) != {"to"} or not isinstance(to, str) or not to:
            raise invalid(Finding(self._kind, "", "to", 'is missing; send {"to": the new name}'))
        field = KEY_FIELDS.get(self._kind)
        return to if field is None else str(typed(self._kind, {field: to})[field])

    def _sent(self, sent: Mapping[str, Any], key: str | None) -> tuple[str, dict[str, Any]]:
        """The key and the typed body of what was sent for the entry `key`, None: a new one. Raises ProblemError 422."""
        asked = _asked(sent, self._kind)
        named = sent.get("key") if self._kind in NAMED else asked.get(KEY_FIELDS[self._kind])
        field = "key" if self._kind in NAMED else KEY_FIELDS[self._kind]
        if named is None:
            named = key
        if not isinstance(named, str) or not named:
            raise invalid(Finding(self._kind, key or "", field, "is missing; write the name of the entry, in quotes"))
        if self._kind in NAMED:
            return self._known(named, key, field), typed(self._kind, _value(self._kind, asked, named))
        body = typed(self._kind, {**asked, field: named})
        body |= {name: None for name in SECRETS if name in asked and asked[name] is None}  # takes the secret away
        return self._known(str(body[field]), key, field), body

    def _known(self, named: str, key: str | None, field: str) -> str:
        if key is not None and named != key:
            instead = "use POST …/rename" if self._resource.renamed else "it is renamed with its user"
            raise invalid(Finding(self._kind, key, field, f"cannot be changed here; {instead}"))
        return named


def _asked(sent: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Without what is only shown."""
    return {name: value for name, value in sent.items() if name not in NOT_LOOKED_AT and not (kind in NAMED and name == "key")}


def _value(kind: str, asked: Mapping[str, Any], key: str) -> dict[str, Any]:
    if set(asked) != {"value"}:
        raise invalid(Finding(kind, key, "value", f'is needed, and nothing else; send {{"value": …}}, not {", ".join(sorted(asked)) or "nothing"}'))
    return dict(asked)


def _rekeyed(kind: str, entry: Entry, key: str) -> dict[str, Any]:
    field = KEY_FIELDS.get(kind)
    return dict(entry.body) if field is None else {**entry.body, field: key}


def _taken(kind: str, key: str) -> ProblemError:
    return ProblemError(409, f"there is a {kind.rstrip('s').replace('_', ' ')} {key} already; change that one, or take another name")


def _renaming(kind: Kind, key: str, to: str, book: Book) -> Changes:
    try:
        return renamed(kind, key, to, book)
    except KeyError:
        raise not_found(kind, key) from None


def _add(resource: Resource) -> None:
    """The routes of one kind."""
    routes, path = Routes(resource), f"/{resource.path}"
    one = f"{path}/{{key:path}}"
    name = resource.kind
    tags: list[str | Any] = [resource.path]
    add = router.add_api_route
    add(path, routes.listed, methods=["GET"], tags=tags, operation_id=f"list_{name}", **schemas.listed(resource.kind))
    add(path, routes.created, methods=["POST"], tags=tags, operation_id=f"create_{name}", status_code=201, **schemas.created(resource.kind))
    if resource.renamed:
        add(f"{one}/rename", routes.renamed, methods=["POST"], tags=tags, operation_id=f"rename_{name}", **schemas.renamed(resource.kind))
    add(one, routes.read, methods=["GET"], tags=tags, operation_id=f"read_{name}", **schemas.read(resource.kind))
    add(one, routes.replaced, methods=["PUT"], tags=tags, operation_id=f"replace_{name}", **schemas.replaced(resource.kind))
    add(one, routes.patched, methods=["PATCH"], tags=tags, operation_id=f"patch_{name}", **schemas.patched(resource.kind))
    add(one, routes.deleted, methods=["DELETE"], tags=tags, operation_id=f"delete_{name}", **schemas.deleted(resource.kind))


for _resource in RESOURCES:
    _add(_resource)

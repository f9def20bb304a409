"""The organisation's own settings, and the inventory of its outside numbers (E17)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import Any, Final, NamedTuple

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from b2bua.administration import rights
from b2bua.administration.book import Book
from b2bua.administration.documents import typed
from b2bua.administration.entries import KINDS, ORGANISATION, Finding, masked
from b2bua.store.ports import Entry
from b2bua.web.api import schemas
from b2bua.web.api.dependencies import (
    answer,
    bad_parameter,
    book_of,
    flag,
    invalid,
    item_of,
    merged,
    object_body,
    tag_of,
    unchanged,
)
from b2bua.web.api.entries import NOT_LOOKED_AT, put_entry, visible
from b2bua.web.api.listing import DEFAULT_LIMIT, MAX_LIMIT, limit_of, plain, words_of
from b2bua.web.problems import ProblemError
from b2bua.web.security import SignedIn, Writer

router = APIRouter()
KIND: Final = "organisation"
TAGS: Final[list[Any]] = ["organisation"]


async def read(request: Request, viewer: SignedIn) -> Response:
    """The settings, or those of them that everybody is shown."""
    entry = visible(request, viewer, *ORGANISATION)
    if unchanged(request, entry):
        return Response(status_code=304, headers={"ETag": tag_of(entry)})
    return answer(item_of(viewer, entry, book_of(request)), ETag=tag_of(entry))


async def replaced(request: Request, viewer: Writer) -> Response:
    """Replace them."""
    entry = visible(request, viewer, *ORGANISATION)
    body = _typed(await object_body(request))
    return await put_entry(request, viewer, entry, rights.restored(viewer, entry, body, book_of(request)))


async def patched(request: Request, viewer: Writer) -> Response:
    """Change some."""
    entry = visible(request, viewer, *ORGANISATION)
    return await put_entry(request, viewer, entry, _typed(merged(masked(entry.body), await object_body(request))))


def _typed(sent: Mapping[str, Any]) -> dict[str, Any]:
    """Raises ProblemError 422 for what has routes of its own."""
    lists = [name for name in sent if name in KINDS and name != KIND]
    if lists:
        raise invalid(*(Finding(KIND, "", name, "is no setting of the organisation: its entries have routes of their own") for name in lists))
    return typed(KIND, {name: value for name, value in sent.items() if name not in NOT_LOOKED_AT})


router.add_api_route("/organisation", read, methods=["GET"], tags=TAGS, operation_id="read_organisation", **schemas.read(KIND))
router.add_api_route("/organisation", replaced, methods=["PUT"], tags=TAGS, operation_id="replace_organisation", **schemas.replaced(KIND))
router.add_api_route("/organisation", patched, methods=["PATCH"], tags=TAGS, operation_id="patch_organisation", **schemas.patched(KIND))


# --- numbers ------------------------------------------------------------------------------------------------------------------


class _Owner(NamedTuple):
    kind: str
    key: str
    name: str
    main: bool
    """Whether it is the first of its owner's numbers."""


class _Span(NamedTuple):
    """Numbers one after the other."""

    first: str
    last: str

    @property
    def place(self) -> tuple[int, str]:
        return _place(self.first)

    def numbers(self, after: str | None) -> Iterator[str]:
        """From the first behind `after`."""
        plus, digits = ("+", self.first[1:]) if self.first.startswith("+") else ("", self.first)
        start, width = int(digits), len(digits)
        if after is not None and _place(after) >= self.place:
            start = int(after.removeprefix("+")) + 1 if len(after) == len(self.first) and after.startswith("+") == bool(plus) else int(self.last.removeprefix("+")) + 1
        return (f"{plus}{number:0{width}}" for number in range(start, int(self.last.removeprefix("+")) + 1))

    def has(self, number: str) -> bool:
        return len(number) == len(self.first) and self.first <= number <= self.last


def _place(number: str) -> tuple[int, str]:
    """Numbers in order: shorter ones first, those with a plus behind those without."""
    return (len(number), number)


_PAGE: Final[schemas.Json] = {
    "type": "object",
    "properties": {
        "items": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "number": {"type": "string"},
                    "inventory": {"type": "boolean", "description": "false: somebody has it, and the inventory does not name it"},
                    "owner": {
                        "anyOf": [
                            {
                                "type": "object",
                                "properties": {"kind": {"type": "string"}, "key": {"type": "string"}, "name": {"type": "string"}, "main": {"type": "boolean"}},
                                "required": ["kind", "key", "name", "main"],
                            },
                            {"type": "null"},
                        ],
                        "description": "null: it is free",
                    },
                },
                "required": ["number", "inventory", "owner"],
            },
        },
        "total": {"type": "integer"},
        "next": {"type": ["string", "null"], "description": "the cursor of the next page"},
    },
    "required": ["items", "total", "next"],
}
_PARAMETERS: Final = [
    schemas.parameter("free", "true: only those that nobody has", {"type": "boolean", "default": False}),
    schemas.parameter("search", "digits that the number contains", {"type": "string", "maxLength": 200}),
    schemas.parameter("limit", "how many", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}),
    schemas.parameter("after", "the cursor `next` of the page before", {"type": "string"}),
]


@router.get(
    "/numbers",
    tags=TAGS,
    operation_id="list_numbers",
    summary="List outside numbers, those that are free among them",
    responses={200: {"description": "A page of the list", "content": schemas.content(_PAGE)}},
    openapi_extra={"parameters": _PARAMETERS},
)
async def numbers(request: Request, viewer: SignedIn) -> Response:
    """The inventory, with whose each number is."""
    if viewer.role == "user":
        raise ProblemError(403, "to see the inventory of numbers you need the role user_admin, or to be a manager")
    after = request.query_params.get("after")
    if after is not None and not (after.removeprefix("+").isdecimal() and after.isascii() and len(after) <= 21):
        raise bad_parameter("after", "is no cursor of this list; begin without it")
    limit, words, free = limit_of(request, MAX_LIMIT, DEFAULT_LIMIT), words_of(request), flag(request, "free")
    return answer(await asyncio.to_thread(lambda: _inventory(request).page(limit, after, words, free)))


class _Inventory:
    """The numbers at one state of the directory."""

    def __init__(self, book: Book) -> None:
        self.source = _source(book)
        self.owners = _owners(book)
        spans = [_Span(each.first, each.last) for each in book.directory.number_inventory]
        self.outside = {number for number in self.owners if not any(span.has(number) for span in spans)}
        self.spans = sorted([*spans, *(_Span(number, number) for number in self.outside)], key=lambda span: span.place)

    def page(self, limit: int, after: str | None, words: tuple[str, ...], free: bool) -> dict[str, Any]:
        """In a thread: there may be a million numbers."""
        behind = chain.from_iterable(span.numbers(after) for span in self.spans)
        found = list(islice((each for each in behind if self._wanted(each, words, free)), limit + 1))
        items = [{"number": each, "inventory": each not in self.outside, "owner": self._owner(each)} for each in found[:limit]]
        return {"items": items, "total": self._total(words, free), "next": found[limit - 1] if len(found) > limit else None}

    def _owner(self, number: str) -> dict[str, Any] | None:
        return self.owners[number]._asdict() if number in self.owners else None

    def _wanted(self, number: str, words: tuple[str, ...], free: bool) -> bool:
        return not (free and number in self.owners) and all(word in number for word in words)

    def _total(self, words: tuple[str, ...], free: bool) -> int:
        if words:
            return sum(self._wanted(number, words, free) for span in self.spans for number in span.numbers(None))
        size = sum(int(span.last.removeprefix("+")) - int(span.first.removeprefix("+")) + 1 for span in self.spans)
        return size - len(self.owners) if free else size


_KINDS: Final = ("conferences", "services", "groups", "users")
"""Who may have numbers."""


def _inventory(request: Request) -> _Inventory:
    """Worked out anew only when somebody has changed."""
    book = book_of(request)
    known: _Inventory | None = getattr(request.app.state, "numbers", None)
    if known is None or any(one is not other for one, other in zip(known.source, _source(book), strict=True)):
        known = request.app.state.numbers = _Inventory(book)
    return known


def _source(book: Book) -> tuple[object, ...]:
    return (*(book.entries(kind) for kind in _KINDS), book.entry(*ORGANISATION))


def _owners(book: Book) -> dict[str, _Owner]:
    """Who has which number."""
    return {
        plain(str(number)): _Owner(kind, entry.key, str(entry.body.get("name", "")), index == 0)
        for kind in _KINDS
        for entry in book.entries(kind).values()
        for index, number in enumerate(_numbers(entry))
    }


def _numbers(entry: Entry) -> Iterable[Any]:
    found: Iterable[Any] = entry.body.get("numbers") or ()
    return found

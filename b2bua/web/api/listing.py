"""Lists of entries: searched, filtered, sorted and cut into pages whose cursors stay good while entries come and go.

Everything is read from memory. What is searched is written down once for each entry, and anew only for those that have changed.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from starlette.requests import Request

from b2bua.administration import assistants, rights
from b2bua.administration.book import Book
from b2bua.administration.viewer import Viewer
from b2bua.store.ports import Entry
from b2bua.web.api.dependencies import bad_parameter, book_of

MAX_LIMIT: Final = 500
DEFAULT_LIMIT: Final = 50
FEW: Final = 200
"""Rows that are put into their places one by one; more are sorted altogether."""
MANY: Final = 4
"""A filter that lets pass more than one in so many looks at all."""
MAX_SEARCH: Final = 200
"""Characters of a search."""
SORTS: Final = ("order", "key", "name", "revision")
_NUMBER = re.compile(r"[+0-9][0-9 ()\-/]*")
_BETWEEN: Final = str.maketrans("", "", " ().-/")
_NUMBERS: Final = frozenset({"numbers", "caller_id"})
_SEARCHED: Final[Mapping[str, tuple[str, ...]]] = {
    "users": ("name", "numbers", "email"),
    "groups": ("name", "numbers"),
    "services": ("name", "numbers"),
    "conferences": ("name", "numbers"),
    "executives": ("caller_id",),
    "phones": ("name", "model", "user"),
    "cost_centres": ("code",),
    "duty_profiles": ("code",),
}
"""What is searched beside the key: only what everybody is shown who sees the entry at all."""

Value = Callable[[Mapping[str, Any]], Iterable[str]]
"""The values of a body that a filter compares."""


class Filter(NamedTuple):
    """A parameter that keeps only the entries with this value."""

    field: str
    """The top-level field that it looks at: whoever is not shown it does not filter by it."""
    values: Value | None
    """None: the field is one string."""
    text: str
    default: str = ""
    """What counts where the entry says nothing."""
    below: str = ""
    """The kind whose tree it means: whoever is below counts, too."""

    def value(self, entry: Entry) -> str:
        """What a field that is one string says."""
        found: str | None = entry.body.get(self.field)
        return self.default if found is None else found


def _agents(body: Mapping[str, Any]) -> Iterable[str]:
    for each in body.get("agents") or ():
        yield from (each,) if isinstance(each, str) else (*each.get("extensions", ()), *filter(None, (each.get("extension"), each.get("group"))))


def _members(body: Mapping[str, Any]) -> Iterable[str]:
    return (each if isinstance(each, str) else str(each.get("extension")) for each in body.get("members") or ())


def _strings(name: str) -> Value:
    return lambda body: map(str, body.get(name) or ())


_SITE: Final = Filter("location", None, "at this site, or one below it", below="sites")
FILTERS: Final[Mapping[str, Mapping[str, Filter]]] = {
    "users": {
        "site": _SITE,
        "cost_centre": Filter("cost_centre", None, "of this cost centre, or one below it", below="cost_centres"),
        "role": Filter("role", None, "with this role", "user"),
        "status": Filter("status", None, "with this status", "enabled"),
        "type": Filter("type", None, "of this type", "person"),
    },
    "executives": {"assistant": Filter("assistants", lambda body: assistants.items(body), "with this assistant")},
    "groups": {
        "site": _SITE,
        "type": Filter("type", None, "group or queue", "group"),
        "member": Filter("members", _members, "with this member"),
    },
    "services": {"site": _SITE, "agent": Filter("agents", _agents, "with this agent")},
    "duty_profiles": {
        "agent": Filter("agents", _strings("agents"), "with this agent"),
        "responsible_for": Filter("responsible_for", _strings("responsible_for"), "responsible for this extension"),
    },
    "sites": {"parent": Filter("parent", None, "below this site")},
    "cost_centres": {"parent": Filter("parent", None, "below this cost centre")},
    "phones": {
        "user": Filter("user", None, "of this user"),
        "site": Filter("site", None, "at this site, or one below it", below="sites"),
    },
    "conferences": {"moderator": Filter("moderators", _strings("moderators"), "with this moderator")},
}


class Query(NamedTuple):
    """What a list is asked for."""

    limit: int
    after: tuple[Any, ...] | None
    words: tuple[str, ...]
    sort: str
    descending: bool
    filters: Mapping[str, str]


class Page(NamedTuple):
    """A part of a list."""

    entries: list[Entry]
    total: int
    """How many there are on all pages."""
    next: str | None
    """The cursor of the next page; None: this is the last."""


def query_of(request: Request, kind: str) -> Query:
    """As the request asks. Raises ProblemError 422."""
    given = request.query_params
    sort = given.get("sort", "order")
    name, descending = sort.removeprefix("-"), sort.startswith("-")
    if name not in SORTS:
        raise bad_parameter("sort", f"is none of {', '.join(SORTS)}, with - before it for the other way round")
    return Query(
        limit_of(request, MAX_LIMIT, DEFAULT_LIMIT),
        _cursor(given["after"], sort) if "after" in given else None,
        words_of(request),
        name,
        descending,
        {key: given[key] for key in FILTERS.get(kind, ()) if key in given},
    )


def limit_of(request: Request, most: int, default: int) -> int:
    """How many are asked for. Raises ProblemError 422."""
    text = request.query_params.get("limit", str(default))
    if not (text.isascii() and text.isdecimal() and len(text) <= 6 and 1 <= int(text) <= most):
        raise bad_parameter("limit", f"is no whole number from 1 to {most}")
    return int(text)


def words_of(request: Request) -> tuple[str, ...]:
    """What is searched for: every word must be found; a number may be written with blanks and dashes. Raises ProblemError 422."""
    text = request.query_params.get("search", "").strip().casefold()
    if len(text) > MAX_SEARCH:
        raise bad_parameter("search", f"is longer than {MAX_SEARCH} characters")
    if _NUMBER.fullmatch(text):
        return (plain(text),)
    return tuple(text.split())


def plain(number: str) -> str:
    """A number without what people write between its digits."""
    return number.translate(_BETWEEN)


def cursor_of(sort: str, place: tuple[Any, ...]) -> str:
    """The cursor behind the entry at `place`."""
    return base64.urlsafe_b64encode(json.dumps([sort, *place], separators=(",", ":")).encode()).decode().rstrip("=")


def _cursor(text: str, sort: str) -> tuple[Any, ...]:
    try:
        written = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError):
        written = None
    if not isinstance(written, list) or not written or written[0] != sort:
        raise bad_parameter("after", "is no cursor of this list in this order; begin without it")
    place = tuple(written[1:])
    shape = {"order": (int, str), "revision": (int, str), "name": (str, str), "key": (int, int, str)}[sort.removeprefix("-")]
    if len(place) != len(shape) or not all(type(one) is wanted for one, wanted in zip(place, shape, strict=True)):
        raise bad_parameter("after", "is no cursor of this list; begin without it")
    return place


# --- the rows -----------------------------------------------------------------------------------------------------------------


class _Row(NamedTuple):
    entry: Entry
    text: str
    """What is searched."""
    name: str


_PLACES: Final[Mapping[str, Callable[[_Row], tuple[Any, ...]]]] = {
    "order": lambda row: (row.entry.position, row.entry.key),
    "name": lambda row: (row.name, row.entry.key),
    "revision": lambda row: (row.entry.revision, row.entry.key),
    "key": lambda row: (0, len(row.entry.key), row.entry.key) if row.entry.key.isdecimal() else (1, 0, row.entry.key),
}
"""Where a row stands in each order; no two stand in the same place."""


class Listing:
    """The entries of one kind, made ready for lists; one for each kind and application."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._source: Mapping[str, Entry] | None = None
        self._rows: dict[str, _Row] = {}
        self._sorted: dict[str, list[_Row]] = {}
        self._indexes: dict[Filter, dict[str, dict[str, _Row]]] = {}
        """Rows by the value of a filter and by key; made when somebody filters."""

    def page(self, query: Query, viewer: Viewer, book: Book) -> Page:
        """Those that the viewer may see and has asked for."""
        rows = self._in_order(query.sort, book.entries(self._kind))
        for name, value in query.filters.items():
            rows = self._filtered(rows, query.sort, FILTERS[self._kind][name], value, viewer, book)
        if query.words:
            rows = self._searched(rows, query.words, book)
        if not viewer.administers and self._kind not in rights.SEEN_BY_ALL:
            rows = [row for row in rows if rights.may_see(viewer, row.entry, book)]
        place = _PLACES[query.sort]
        if query.descending:
            rows = rows[::-1]
        start = _behind(rows, query, place)
        found = rows[start : start + query.limit]
        sort = f"-{query.sort}" if query.descending else query.sort
        more = start + query.limit < len(rows)
        return Page([row.entry for row in found], len(rows), cursor_of(sort, place(found[-1])) if more else None)

    def _searched(self, rows: list[_Row], words: tuple[str, ...], book: Book) -> list[_Row]:
        """Those with every word; executives are also found by the name of their user."""
        if self._kind != "executives":
            for word in words:
                rows = [row for row in rows if word in row.text]
            return rows
        users = book.entries("users")
        texts = [f"{row.text}\n{users[row.entry.key].body.get('name', '')}".casefold() if row.entry.key in users else row.text for row in rows]
        return [row for row, text in zip(rows, texts, strict=True) if all(word in text for word in words)]

    def _filtered(self, rows: list[_Row], sort: str, which: Filter, value: str, viewer: Viewer, book: Book) -> list[_Row]:
        wanted = _wanted(which, value, book)
        few = self._few_with(which, wanted) if rows is self._sorted[sort] else None
        found = _passed(rows, which, wanted) if few is None else sorted(few, key=_PLACES[sort])
        if viewer.administers or (which.field in rights.PART.get(self._kind, ()) and self._kind in rights.SEEN_BY_ALL):
            return found
        return [row for row in found if not rights.hides(rights.level_of(viewer, row.entry, book), self._kind, which.field)]

    def _few_with(self, which: Filter, wanted: frozenset[str]) -> list[_Row] | None:
        """Those with one of these values, where they are so few that sorting them is quicker than looking at all the others. None: look."""
        if which.values is not None:
            return None
        if which not in self._indexes:
            index = self._indexes[which] = {}
            for row in self._rows.values():
                index.setdefault(which.value(row.entry), {})[row.entry.key] = row
        index = self._indexes[which]
        found = [row for value in wanted for row in index.get(value, {}).values()]
        return found if MANY * len(found) < len(self._rows) else None

    def _in_order(self, sort: str, entries: Mapping[str, Entry]) -> list[_Row]:
        if self._source is not entries:
            self._source = entries
            self._renew(entries)
        if sort not in self._sorted:
            self._sorted[sort] = sorted(self._rows.values(), key=_PLACES[sort])
        return self._sorted[sort]

    def _renew(self, entries: Mapping[str, Entry]) -> None:
        """The rows as the entries are now. Most changes are of a few: they are put into their places, for sorting all of them takes
        ten times as long, and calls wait."""
        known = self._rows
        fresh = [self._row(entry) for key, entry in entries.items() if (row := known.get(key)) is None or row.entry is not entry]
        stale = [row for each in fresh if (row := known.get(each.entry.key)) is not None]
        if len(known) + len(fresh) - len(stale) != len(entries):
            stale += [known[key] for key in known.keys() - entries.keys()]
        for row in stale:
            del known[row.entry.key]
        known.update((row.entry.key, row) for row in fresh)
        if len(fresh) + len(stale) > FEW:
            self._sorted.clear()
            self._indexes.clear()
        for which, index in self._indexes.items():
            for row in stale:
                del index[which.value(row.entry)][row.entry.key]
            for row in fresh:
                index.setdefault(which.value(row.entry), {})[row.entry.key] = row
        for sort, rows in self._sorted.items():
            _replace(rows, stale, fresh, _PLACES[sort])

    def _row(self, entry: Entry) -> _Row:
        body = entry.body
        parts = [entry.key]
        for field in _SEARCHED.get(self._kind, ()):
            value = body.get(field)
            values = value if isinstance(value, list | tuple) else () if value is None else (value,)
            parts += map(plain, map(str, values)) if field in _NUMBERS else map(str, values)
        return _Row(entry, "\n".join(parts).casefold(), str(body.get("name", entry.key)).casefold())


def _replace(rows: list[_Row], stale: Iterable[_Row], fresh: Iterable[_Row], place: Callable[[_Row], tuple[Any, ...]]) -> None:
    """Some rows by others, in rows that stay in order."""
    for row in stale:
        del rows[bisect_left(rows, place(row), key=place)]
    for row in fresh:
        insort(rows, row, key=place)


def _behind(rows: list[_Row], query: Query, place: Callable[[_Row], tuple[Any, ...]]) -> int:
    """Where the page begins: the first row behind the cursor, whether or not the row of the cursor is still there."""
    if query.after is None:
        return 0
    low, high = 0, len(rows)
    while low < high:
        middle = (low + high) // 2
        here = place(rows[middle])
        if here > query.after if not query.descending else here < query.after:
            high = middle
        else:
            low = middle + 1
    return low


def _passed(rows: list[_Row], which: Filter, wanted: frozenset[str]) -> list[_Row]:
    """Those with one of these values. The usual filter asks ten thousand users for one string each, while calls wait."""
    field, values = which.field, which.values
    if values is not None:
        default = (which.default,)
        return [row for row in rows if not wanted.isdisjoint(tuple(values(row.entry.body)) or default)]
    return [row for row in rows if (which.default if (found := row.entry.body.get(field)) is None else found) in wanted]


def _wanted(which: Filter, value: str, book: Book) -> frozenset[str]:
    """The values that a filter lets pass: with a tree, those below as well."""
    if not which.below:
        return frozenset({value})
    found, left = {value}, True
    while left:
        more = {entry.key for entry in book.entries(which.below).values() if entry.body.get("parent") in found} - found
        found |= more
        left = bool(more)
    return frozenset(found)


def listing_of(request: Request, kind: str) -> Listing:
    """The listing of this application."""
    made: dict[str, Listing] | None = getattr(request.app.state, "listings", None)
    if made is None:
        made = request.app.state.listings = {}
    if kind not in made:
        made[kind] = Listing(kind)
    return made[kind]


def page_of(request: Request, kind: str, viewer: Viewer) -> Page:
    """The page that a request asks for. Raises ProblemError 422."""
    return listing_of(request, kind).page(query_of(request, kind), viewer, book_of(request))

"""What the routes of the API share: strict bodies and parameters, preconditions, and the one way in which a change is made."""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple, NoReturn, TypeVar

from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response

from b2bua.administration import rights, sip_passwords
from b2bua.administration.book import Book, Changed, Conflict, Missing, Refusal
from b2bua.administration.entries import NAMED, ORGANISATION, Finding, Op, Put
from b2bua.administration.viewer import Viewer
from b2bua.errors import Refused
from b2bua.store.ports import Entry, Moved, Unavailable, Undecided
from b2bua.web.problems import NO_STORE, ProblemError
from b2bua.web.security import actor_of
from b2bua.web.services import services

MAX_ENTRY: Final = 64 << 10
"""Bytes of an entry as JSON. The audit keeps it twice with each change, and whoever looks gets it as a whole."""
MAX_DEPTH: Final = 32
"""How deep a body may be nested; the deepest entry has eight levels."""
PARSED_AT_ONCE: Final = 64 << 10
"""Bytes; more of them are read beside the loop, on which calls wait."""
RETRY_SECONDS: Final = 2
UNDECIDED: Final = "the database has gone while the change was written: it is not known whether it was made; load again, and look"
_JSON: Final = frozenset({"application/json", "application/merge-patch+json"})
_TAG: Final = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\uffff]*)"')
_LARGEST: Final = 1 << 63
"""Whole numbers beyond are none that any database keeps."""
_T = TypeVar("_T")
_ELSEWHERE: Final = "this would break an entry that you may not see; ask an administrator"


def book_of(request: Request) -> Book:
    """The directory."""
    return services(request).book


# --- parameters ---------------------------------------------------------------------------------------------------------------


async def refuse_unknown_parameters(request: HTTPConnection) -> None:
    """A mistyped filter that is not looked at would show, or change, more than was asked for. Raises ProblemError 400."""
    if not request.url.query or request.scope["type"] == "websocket":
        return
    known = _parameters(request.scope.get("route"))
    names = [name for name, _ in request.query_params.multi_items()]
    unknown = sorted(set(names) - known)
    if unknown:
        instead = f"there are {', '.join(sorted(known))}" if known else "there are none here"
        raise ProblemError(400, f"there is no parameter {unknown[0]!r}; {instead}")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ProblemError(400, f"the parameter {twice[0]!r} stands there twice; write it once")


def _parameters(route: Any) -> frozenset[str]:
    """The names of the query parameters that a route declares."""
    known = getattr(route, "known_parameters", None)
    if known is None:
        extra = (getattr(route, "openapi_extra", None) or {}).get("parameters", ())
        known = frozenset({*_declared(getattr(route, "dependant", None)), *(each["name"] for each in extra if each.get("in") == "query")})
        if route is not None:
            route.known_parameters = known
    return frozenset(known)


def _declared(dependant: Any) -> Iterable[str]:
    """The query parameters in the signature of a handler, and of what it depends on."""
    if dependant is not None:
        yield from (field.alias for field in dependant.query_params)
        for each in dependant.dependencies:
            yield from _declared(each)


def bad_parameter(name: str, text: str) -> ProblemError:
    """The answer to a parameter that cannot be read."""
    finding = {"kind": "request", "key": "query", "field": name, "text": text}
    return ProblemError(422, f"the parameter {name} {text}", findings=[finding])


def flag(request: Request, name: str) -> bool:
    """A parameter that is true or false. Raises ProblemError 422."""
    text = request.query_params.get(name, "false").lower()
    if text not in ("true", "false", "1", "0"):
        raise bad_parameter(name, "is neither true nor false")
    return text in ("true", "1")


# --- bodies -------------------------------------------------------------------------------------------------------------------


async def json_body(request: Request) -> Any:
    """The JSON of a request, without anything that one reader would take for this and another one for that.

    Raises ProblemError: 415 for another type, 400 for what is no JSON; too much is refused where requests are received.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in _JSON:
        raise ProblemError(415, "send the body as application/json")
    data = await request.body()
    return parse_json(data) if len(data) <= PARSED_AT_ONCE else await asyncio.to_thread(parse_json, data)


async def object_body(request: Request) -> dict[str, Any]:
    """The same, where it must be an object. Raises ProblemError 422, too."""
    sent = await json_body(request)
    if not isinstance(sent, dict):
        raise invalid(Finding("request", "body", "", "is no JSON object"))
    return sent


def parse_json(data: bytes) -> Any:
    """RFC 8259, UTF-8, each name once in an object, numbers and texts that every database keeps. Raises ProblemError 400."""
    try:
        found = json.loads(data.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_number, parse_float=_finite)
        _check_plain(found, MAX_DEPTH)
    except (UnicodeDecodeError, RecursionError):
        raise ProblemError(400, "the body is no JSON in UTF-8, or nested too deeply") from None
    except ValueError as error:
        raise ProblemError(400, f"the body is no proper JSON: {_reason(error)}") from None
    return found


def _reason(error: ValueError) -> str:
    return f"{error.msg} at character {error.pos}" if isinstance(error, json.JSONDecodeError) else str(error)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object names a member twice")
    return found


def _no_number(_text: str) -> NoReturn:
    raise ValueError("NaN and Infinity are no numbers")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number


def _check_plain(value: Any, depth: int) -> None:
    if depth == 0:
        raise ValueError("it is nested too deeply")
    if isinstance(value, str):
        if "\x00" in value or not _encodable(value):
            raise ValueError("a text has a character that cannot be stored")
    elif isinstance(value, dict):
        for key, each in value.items():
            _check_plain(key, depth)
            _check_plain(each, depth - 1)
    elif isinstance(value, list):
        for each in value:
            _check_plain(each, depth - 1)
    elif isinstance(value, int) and abs(value) >= _LARGEST:
        raise ValueError("a number is too large")


def _encodable(text: str) -> bool:
    """Without halves of surrogate pairs."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def merged(target: Any, patch: Any) -> Any:
    """RFC 7396: what `patch` names replaces, null removes."""
    if not isinstance(patch, dict):
        return patch
    found = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            found.pop(key, None)
        else:
            found[key] = merged(found.get(key), value)
    return found


# --- answers ------------------------------------------------------------------------------------------------------------------


def item_of(viewer: Viewer, entry: Entry, book: Book) -> dict[str, Any]:
    """An entry as this viewer sees it."""
    body = rights.shown(viewer, entry, book)
    return {"key": entry.key, **body, "revision": entry.revision} if entry.kind in NAMED else {**body, "revision": entry.revision}


def answer(body: Any, status: int = 200, **headers: str) -> Response:
    """JSON that nobody keeps."""
    return JSONResponse(body, status, {**NO_STORE, **headers})


def tag_of(entry: Entry) -> str:
    """The ETag (RFC 9110 §8.8.3)."""
    return f'"{entry.revision}"'


def found_of(findings: Iterable[Finding], viewer: Viewer, book: Book) -> list[dict[str, str]]:
    """Findings as JSON; of entries that the viewer may not see only that there is something."""
    return [each._asdict() if _visible(each, viewer, book) else {"kind": each.kind, "key": "", "field": "", "text": _ELSEWHERE} for each in findings]


def _visible(finding: Finding, viewer: Viewer, book: Book) -> bool:
    entry = book.entry(finding.kind, finding.key)
    return entry is None or rights.level_of(viewer, entry, book) in ("whole", "private")


def invalid(*findings: Finding) -> ProblemError:
    """422 with what is wrong."""
    return ProblemError(422, findings[0].text if len(findings) == 1 else "the entry is not accepted", findings=[each._asdict() for each in findings])


# --- preconditions ------------------------------------------------------------------------------------------------------------


class Condition(NamedTuple):
    """``If-Match`` (RFC 9110 §13.1.1)."""

    tags: frozenset[str] | None
    """Strong tags, without quotes; None: any entry that there is (``*``)."""

    def holds(self, entry: Entry) -> bool:
        """Weak tags never match: whoever has one does not know exactly what they change."""
        return self.tags is None or str(entry.revision) in self.tags


def condition_of(request: Request) -> Condition | None:
    """What the request is based on; None without the header. Raises ProblemError 400 when it cannot be read."""
    lines = request.headers.getlist("if-match")
    if not lines:
        return None
    text = ", ".join(lines).strip()
    return Condition(None) if text == "*" else Condition(_tags(text, "If-Match", strong=True))


def unchanged(request: Request, entry: Entry) -> bool:
    """Whether the client has the entry as it is (``If-None-Match``, by weak comparison)."""
    text = ", ".join(request.headers.getlist("if-none-match")).strip()
    return bool(text) and (text == "*" or str(entry.revision) in _tags(text, "If-None-Match", strong=False))


def _tags(text: str, header: str, *, strong: bool) -> frozenset[str]:
    found, place = set(), 0
    while place < len(text):
        match = _TAG.match(text, place)
        if match is None:
            raise ProblemError(400, f'the header {header} cannot be read; send the ETag as it came, "…", or *')
        if not (strong and match[1]):
            found.add(match[2])
        place = match.end()
        gap = re.compile(r"[ \t]*(,[ \t]*)*").match(text, place)
        assert gap is not None
        if gap.end() < len(text) and "," not in gap[0]:
            raise ProblemError(400, f"the header {header} cannot be read; write commas between the ETags")
        place = gap.end()
    return frozenset(found)


def expect(request: Request, viewer: Viewer, entry: Entry, book: Book, *, needed: bool = True) -> None:
    """That the change is based on the entry as it is. Raises ProblemError 428 without a word about it, 412 with `current`."""
    condition = condition_of(request)
    if condition is None:
        if needed:
            raise ProblemError(428, f"send If-Match with the ETag of what you have read, {tag_of(entry)} as it is now, so that nobody's change is lost")
        return
    if not condition.holds(entry):
        raise moved_on(viewer, entry, book)


def moved_on(viewer: Viewer, entry: Entry, book: Book) -> ProblemError:
    """412 with the entry as it is."""
    text = "somebody else has changed it meanwhile; look at what is there now, and change that"
    return ProblemError(412, text, {"ETag": tag_of(entry)}, current=item_of(viewer, entry, book))


def not_found(kind: str, key: str) -> ProblemError:
    """404, also for what one may not see."""
    return ProblemError(404, "there is no such organisation" if (kind, key) == ORGANISATION else f"there is no {kind.rstrip('s').replace('_', ' ')} {key}")


# --- changing -----------------------------------------------------------------------------------------------------------------


def permitted(viewer: Viewer, ops: Sequence[Op], book: Book) -> tuple[Op, ...]:
    """The operations as the viewer may make them. Raises ProblemError 403 with the right that is missing, 422 for a
    SIP password that others would guess."""
    with _as_problems():
        allowed = rights.check(viewer, tuple(ops), book)
    guessed = sip_passwords.unsuitable(allowed)
    if guessed:
        raise invalid(*guessed)
    return allowed


def knock(viewer: Viewer, kind: str, key: str | None, book: Book) -> None:
    """Before a body is read: that the viewer may change anything there. Raises ProblemError 403."""
    with _as_problems():
        rights.check_door(viewer, kind, key, book)


def named(viewer: Viewer, entry: Entry, sent: Iterable[str], book: Book) -> None:
    """That the viewer is shown every field that they write. Raises ProblemError 403."""
    with _as_problems():
        rights.check_named(viewer, entry, sent, book)


@contextmanager
def _as_problems() -> Iterator[None]:
    try:
        yield
    except Refused as error:
        raise ProblemError(error.status, error.reason) from None


async def carry_out(request: Request, viewer: Viewer, ops: Sequence[Op]) -> Changed:
    """Make a change, when the viewer may and the directory stays good.

    Raises ProblemError: 403, 404, 409 or 412 where somebody was faster, 422 with findings, 503 while the database is away.
    """
    book = book_of(request)
    allowed = permitted(viewer, ops, book)
    _bounded(allowed, book)
    return await _told(lambda: book.change(actor_of(viewer), allowed), viewer, book)


async def try_out(request: Request, viewer: Viewer, ops: Sequence[Op]) -> list[dict[str, str]]:
    """What speaks against a change, without making it. Raises ProblemError as `carry_out`, but for findings."""
    book = book_of(request)
    allowed = permitted(viewer, ops, book)
    _bounded(allowed, book)
    return found_of(await _told(lambda: book.check(allowed), viewer, book), viewer, book)


def _bounded(ops: Sequence[Op], book: Book) -> None:
    """No entry becomes larger than `MAX_ENTRY`; one that a file has made so may become smaller. Raises ProblemError 422."""
    for op in ops:
        if isinstance(op, Put) and (size := _size(op.body)) > MAX_ENTRY:
            before = book.entry(op.kind, op.key)
            if before is None or size > _size(before.body):
                text = f"has {size:,} bytes, and an entry may have {MAX_ENTRY:,}; write less, for example caller groups instead of long lists"
                raise invalid(Finding(op.kind, op.key, "", text))


def _size(body: Any) -> int:
    return len(json.dumps(body, ensure_ascii=False).encode("utf-8", "replace"))


async def _told(work: Callable[[], Awaitable[_T]], viewer: Viewer, book: Book) -> _T:
    try:
        return await work()
    except Refusal as error:
        findings = found_of(error.findings, viewer, book)
        raise ProblemError(422, findings[0]["text"] if len(findings) == 1 else "the directory would not be right", findings=findings) from None
    except Conflict as error:
        raise _conflict(error, viewer, book) from None
    except Missing as error:
        raise not_found(error.kind, error.key) from None
    except Undecided:
        raise ProblemError(503, UNDECIDED, {"Retry-After": str(RETRY_SECONDS)}) from None
    except (Unavailable, Moved):
        raise ProblemError(503, "the database does not answer now; nothing was changed, try again", {"Retry-After": str(RETRY_SECONDS)}) from None


def _conflict(error: Conflict, viewer: Viewer, book: Book) -> ProblemError:
    current = error.current
    if current is None or not rights.may_see(viewer, current, book):
        return ProblemError(409, f"{error.kind} {error.key} has been changed meanwhile; read it again")
    return moved_on(viewer, current, book)

"""``/api/v1/history``: finished calls in the view of who asks, why they went where they went, and the same as a sheet (F1, F2, F7)."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Path
from fastapi import Query as Asked
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from b2bua.administration.records import MOST, Found, Query
from b2bua.administration.viewer import Viewer
from b2bua.errors import Refused
from b2bua.store.ports import AuditRow
from b2bua.web.problems import NO_STORE, ProblemError
from b2bua.web.security import SignedIn
from b2bua.web.services import Services, services

router = APIRouter(tags=["history"])

Whose = Annotated[
    str, Asked(alias="as", max_length=40, description="Whose: an executive for whom you work, a queue that you look after; empty: your own.")
]
Search = Annotated[str, Asked(max_length=80, description="Part of a number or a name.")]
Outcome = Annotated[Literal["", "answered", "missed", "cancelled", "busy", "refused", "failed"], Asked()]
Direction = Annotated[Literal["", "incoming", "outgoing", "internal"], Asked()]
Before = Annotated[str, Asked(max_length=120, pattern=r"^$|^[0-9]{1,12}(\.[0-9]{1,9})?_[0-9A-Za-z_.:-]{1,80}$", description="`next` of the page before.")]
COLUMNS: Final = ("id", "started", "answered", "ended", "direction", "caller", "called", "executive", "answered_by", "on_behalf_of", "outcome", "note")
_HARMLESS: Final = re.compile(r"\+?[0-9]*")


@router.get("/history", summary="Finished calls, newest first")
async def get_history(
    request: Request,
    viewer: SignedIn,
    whose: Whose = "",
    search: Search = "",
    outcome: Outcome = "",
    direction: Direction = "",
    before: Before = "",
    limit: Annotated[int, Asked(ge=1, le=MOST)] = 50,
) -> Response:
    """`extension` is whose view it is, `next` the place to go on from, null at the end; a page of a search may have fewer calls than asked for and still not be the last."""
    found = services(request)
    query = Query(whose, search.strip(), outcome, direction, _place(before))
    try:
        await _audit(found, viewer, whose)
        page = await found.records.page(viewer, query, limit)
    except Refused as error:
        raise ProblemError(error.status, error.reason) from None
    return JSONResponse({"items": page.calls, "names": page.names, "next": _following(page), "extension": page.extension}, headers=NO_STORE)


@router.get("/history/{call_id}/explanation", summary="Why a call went where it went")
async def get_explanation(
    request: Request,
    viewer: SignedIn,
    call_id: Annotated[str, Path(min_length=1, max_length=80)],
    whose: Whose = "",
) -> Response:
    """`text` for people, `rules` and `plan` for programs; both are empty where the rules are somebody else's."""
    found = services(request)
    try:
        await _audit(found, viewer, whose, call_id)
        explained = await found.records.explanation(viewer, call_id, whose)
    except Refused as error:
        raise ProblemError(error.status, error.reason) from None
    if explained is None:
        raise ProblemError(HTTPStatus.NOT_FOUND, "there is no such call in this history")
    return JSONResponse(explained, headers=NO_STORE)


@router.get(
    "/history.csv",
    summary="The same as a sheet",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
)
async def get_sheet(
    request: Request, viewer: SignedIn, whose: Whose = "", search: Search = "", outcome: Outcome = "", direction: Direction = ""
) -> Response:
    """Times are UTC; a cell that a spreadsheet would take for a formula begins with an apostrophe."""
    found = services(request)
    try:
        found.records.standpoint(viewer, whose)
        await _audit(found, viewer, whose)
    except Refused as error:
        raise ProblemError(error.status, error.reason) from None
    pages = found.records.every(viewer, Query(whose, search.strip(), outcome, direction))
    headers = {**NO_STORE, "Content-Disposition": 'attachment; filename="calls.csv"'}
    return StreamingResponse(_sheet(pages), headers=headers, media_type="text/csv; charset=utf-8")


async def _sheet(pages: AsyncIterator[Found]) -> AsyncIterator[str]:
    yield "\ufeff" + ",".join((*COLUMNS, "caller_name", "called_name", "answered_by_name")) + "\r\n"
    async for page in pages:
        sheet = io.StringIO()
        writer = csv.writer(sheet)
        for call in page.calls:
            writer.writerow([_cell(call[column]) for column in COLUMNS] + [_cell(each) for each in _names(call, page.names)])
        yield sheet.getvalue()


def _names(call: dict[str, Any], names: dict[str, str]) -> list[str]:
    """A caller from outside is nobody of ours, whatever the number looks like; the call came with a name, or with none."""
    caller = call["caller_name"] if call["direction"] == "incoming" else names.get(call["caller"], "")
    return [caller, names.get(call["called"], ""), names.get(call["answered_by"] or "", "")]


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return text if _HARMLESS.fullmatch(text) or text[:1] not in ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%") else f"'{text}"


async def _audit(found: Services, viewer: Viewer, whose: str, call_id: str = "") -> None:
    """Whoever looks at somebody's calls by being an administrator is written down first (F3, F5)."""
    if not found.records.standpoint(viewer, whose).audited:
        return
    now = found.switchboard.now().timestamp()
    seen = {"call": call_id} if call_id else None
    await found.book.note([AuditRow(0, now, viewer.account, viewer.via, "history", whose, "looked at", None, seen)])


def _place(before: str) -> tuple[float, str] | None:
    if not before:
        return None
    started, _, call_id = before.partition("_")
    return float(started), call_id


def _following(page: Found) -> str | None:
    return None if page.next is None else f"{json.dumps(page.next[0])}_{page.next[1]}"

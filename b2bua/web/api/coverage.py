"""``/coverage``: who covers an executive in a week, and when nobody does (A25)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request

from b2bua.administration.calendar import may_see, week_of
from b2bua.web.problems import ProblemError
from b2bua.web.security import SignedIn
from b2bua.web.services import services

router = APIRouter(tags=["coverage"])


@router.get("/coverage/{executive}")
async def get_coverage(
    request: Request,
    executive: Annotated[str, Path(max_length=64)],
    viewer: SignedIn,
    week: Annotated[str, Query(max_length=10, description="any day of the week, 2026-11-23; empty: this week")] = "",
) -> dict[str, Any]:
    """Who takes the executive's filtered calls from Monday to Sunday as agreed, and the gaps in which nobody does."""
    board = services(request).switchboard
    directory = board.directory
    if not may_see(viewer, executive, directory):
        raise ProblemError(404, f"there is no executive {executive}")
    try:
        return week_of(directory, executive, week, board.now())
    except ValueError as error:
        findings = [{"kind": "request", "key": "query", "field": "week", "text": str(error)}]
        raise ProblemError(422, f"week {error}", findings=findings) from None

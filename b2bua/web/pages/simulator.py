"""The simulator page: what would become of a call, and the what-if cases that are kept of the answers."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from b2bua.web.pages.shell import Visitor, page
from b2bua.web.problems import ProblemError
from b2bua.web.services import services

router = APIRouter(include_in_schema=False)


@router.get("/simulator")
async def simulator(request: Request, viewer: Visitor) -> Response:
    """For administrators, and for those who manage an executive."""
    if not (viewer.administers or viewer.manages):
        raise ProblemError(403, "the simulator is for administrators, and for those who manage an executive")
    directory = services(request).switchboard.directory
    only = "" if viewer.administers else ",".join(sorted(viewer.manages))
    return page(request, "simulator.html", viewer, time_zone=str(directory.time_zone), only=only)

"""``/history``: the call history in the viewer's own view, with the reason for each call (F1, F2, F7)."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from b2bua.administration.desk import watched_by
from b2bua.administration.viewer import Viewer
from b2bua.web.pages.shell import Visitor, page
from b2bua.web.services import services

router = APIRouter(include_in_schema=False)


@router.get("/history")
async def history(request: Request, viewer: Visitor) -> Response:
    """The calls are asked for by the page itself."""
    return page(request, "history.html", viewer, whose=_whose(request, viewer))


def _whose(request: Request, viewer: Viewer) -> list[tuple[str, str]]:
    """Whose history there is to choose from besides one's own: extension and name."""
    board = services(request).switchboard
    directory = board.directory
    found = [each for each in watched_by(directory, viewer, board.now()).executives if each != viewer.extension]
    return [(each, directory.users[each].name) for each in found if directory.is_executive(each) or each in viewer.offices]

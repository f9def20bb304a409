"""``/``: the heads-up display, live calls with every action one click or key away (D4)."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from b2bua.web.pages.shell import Visitor, page

router = APIRouter(include_in_schema=False)


@router.get("/")
async def hud(request: Request, viewer: Visitor) -> Response:
    """Somebody without a phone has no calls to see: an administrator's first page is another one."""
    if viewer.extension is None:
        return RedirectResponse("/admin", HTTPStatus.SEE_OTHER, {"Cache-Control": "no-store"})
    return page(request, "hud.html", viewer)

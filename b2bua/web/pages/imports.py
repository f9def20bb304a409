"""``/imports``: users from a spreadsheet and into one, and the same change for many (E4)."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from b2bua.administration.columns import columns, exported
from b2bua.administration.sheets import MAX_BYTES
from b2bua.administration.workbooks import MAX_ROWS
from b2bua.web.pages.shell import Visitor, page
from b2bua.web.problems import ProblemError

router = APIRouter(include_in_schema=False)


@router.get("/imports")
async def imports(request: Request, viewer: Visitor) -> Response:
    """What is running and what was, the page asks for itself."""
    if viewer.role == "user":
        raise ProblemError(403, "to import users you need to be the manager of a site, or the role user_admin")
    settable = [each for each in columns().values() if each.name != "extension" and not each.secret]
    return page(
        request,
        "imports.html",
        viewer,
        columns=list(columns().values()),
        exported={each.name for each in exported()},
        settable=settable,
        most_bytes=MAX_BYTES,
        most_rows=MAX_ROWS,
    )


@router.get("/admin/import")
async def old_address() -> Response:
    """Where somebody may look for it."""
    return RedirectResponse("/imports", 307)

"""The pages: how one is rendered, the static files that they load, and who may open which.

A page is a shell: Jinja fills in who looks and where they are, the module in ``{% block scripts %}`` asks the API for everything else.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import mimetypes
from collections.abc import Callable, Coroutine, Iterable
from functools import cache
from http import HTTPStatus
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Annotated, Any, Final, NamedTuple

from fastapi import APIRouter, Depends
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from b2bua.administration.viewer import Viewer
from b2bua.web.guard import HEADERS
from b2bua.web.problems import ProblemError
from b2bua.web.security import page_viewer, pass_of

router = APIRouter(include_in_schema=False)
visitor = page_viewer
"""Who opens a page; where nobody has signed in, the browser is sent to the sign-in page."""
Visitor = Annotated[Viewer, Depends(page_viewer)]
"""The same for routes."""

THEMES: Final = ("light", "dark")
_FOREVER: Final = "public, max-age=31536000, immutable"
_ASK: Final = "no-cache"
_COMPRESSED: Final = frozenset({".css", ".js", ".svg"})
_TYPES: Final = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}


class Place(NamedTuple):
    """An item of the navigation."""

    path: str
    label: str
    icon: str
    shown: Callable[[Viewer], bool]


def _administers(viewer: Viewer) -> bool:
    return viewer.administers


def _manages(viewer: Viewer) -> bool:
    return viewer.administers or bool(viewer.sites or viewer.offices)


PLACES: Final = (
    Place("/", "Calls", "calls", lambda viewer: viewer.extension is not None),
    Place("/history", "History", "history", lambda _: True),
    Place("/my-delegation", "My delegation", "delegation", lambda viewer: viewer.extension is not None),
    Place("/admin", "Administration", "admin", _manages),
    Place("/simulator", "Simulator", "simulator", lambda viewer: viewer.administers or bool(viewer.manages)),
)
"""The header's navigation; the routes behind it check for themselves."""
ADMIN_PLACES: Final = (
    Place("/admin", "Overview", "overview", _manages),
    Place("/admin/users", "Users", "users", _manages),
    Place("/admin/executives", "Executives", "delegation", _administers),
    Place("/admin/groups", "Groups and queues", "groups", _manages),
    Place("/admin/services", "Services and duty", "service", _manages),
    Place("/admin/conferences", "Conferences", "conference", _administers),
    Place("/admin/schedules", "Schedules", "schedule", _administers),
    Place("/admin/caller-groups", "Caller groups", "callers", _administers),
    Place("/admin/phones", "Phones", "phone", _manages),
    Place("/admin/sites", "Sites and cost centres", "site", _manages),
    Place("/admin/numbers", "Numbers", "numbers", _administers),
    Place("/imports", "Import and export", "import", lambda viewer: viewer.administers or bool(viewer.sites)),
    Place("/admin/organisation", "Organisation", "organisation", lambda viewer: viewer.role == "super_admin"),
    Place("/admin/audit", "Audit", "audit", _administers),
)
"""The side navigation of the administration."""


# --- static files ---------------------------------------------------------------------------------------------------------------


class Asset(NamedTuple):
    """One static file, held in memory."""

    content: bytes
    compressed: bytes | None
    """gzip; None where that saves nothing."""
    media_type: str
    etag: str


class Assets:
    """Every static file. `version` changes when one of them does, and stands in their path: modules import each other by relative paths,
    and a browser may keep each for ever."""

    def __init__(self, root: Traversable) -> None:
        self._files = {path: _asset(path, each.read_bytes()) for path, each in sorted(_walk(root, ""))}
        digest = hashlib.sha256("".join(f"{path} {each.etag} " for path, each in self._files.items()).encode())
        self.version = digest.hexdigest()[:12]

    def find(self, path: str) -> Asset | None:
        return self._files.get(path)

    def url(self, path: str) -> str:
        """Where a page finds it. Raises KeyError: a page names a file that is not there."""
        self._files[path]
        return f"/static/{self.version}/{path}"


def _walk(folder: Traversable, prefix: str) -> Iterable[tuple[str, Traversable]]:
    for each in folder.iterdir():
        if each.is_dir():
            yield from _walk(each, f"{prefix}{each.name}/")
        elif not each.name.startswith("."):
            yield f"{prefix}{each.name}", each


def _asset(path: str, content: bytes) -> Asset:
    suffix = path[path.rfind(".") :]
    media_type = _TYPES.get(suffix) or mimetypes.guess_type(path)[0] or "application/octet-stream"
    small = gzip.compress(content, 9, mtime=0) if suffix in _COMPRESSED else content
    return Asset(content, small if len(small) < len(content) else None, media_type, f'"{hashlib.sha256(content).hexdigest()[:20]}"')


@cache
def assets() -> Assets:
    """Read once, at the first page."""
    return Assets(files("b2bua.web").joinpath("static"))


@router.get("/static/{version}/{path:path}")
async def static(request: Request, version: str, path: str) -> Response:
    """One of the files. Under its own version it may be kept for ever; under another one, from a page of before, it is asked for again."""
    found = assets().find(path)
    if found is None:
        raise ProblemError(404, f"there is no static file {path[:100]}")
    headers = {
        "ETag": found.etag,
        "Cache-Control": _FOREVER if version == assets().version else _ASK,
        "X-Content-Type-Options": "nosniff",
        "Vary": "Accept-Encoding",
    }
    if found.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    if found.compressed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        return Response(found.compressed, headers={**headers, "Content-Encoding": "gzip"}, media_type=found.media_type)
    return Response(found.content, headers=headers, media_type=found.media_type)


# --- pages ----------------------------------------------------------------------------------------------------------------------


@cache
def _templates() -> Environment:
    made = Environment(
        loader=PackageLoader("b2bua.web", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals["static"] = assets().url
    return made


def page(request: Request, template: str, viewer: Viewer | None, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A page from a template that extends ``base.html``. `viewer` None: nobody has signed in. `values` reach the template, escaped.

    ``request.state.csrf`` is the session's token, set by whoever authenticated the request.
    """
    path = request.url.path
    theme = request.cookies.get("theme", "")
    text = _templates().get_template(template).render(
        viewer=viewer,
        places=[each for each in PLACES if each.shown(viewer)] if viewer else [],
        admin_places=[each for each in ADMIN_PLACES if each.shown(viewer)] if viewer else [],
        path=path,
        theme=theme if theme in THEMES else "",
        csrf=getattr(request.state, "csrf", ""),
        **values,
    )
    return HTMLResponse(text, status, {"Cache-Control": "no-store"})


# --- errors ---------------------------------------------------------------------------------------------------------------------

Handler = Callable[[Request, Exception], Coroutine[Any, Any, Response]]
TITLES: Final = {403: "You may not open this page", 404: "There is no such page", 500: "The server failed"}
_NO_PAGE: Final = "Look whether the address is written right, or go on from the start."


def readable(handler: Handler) -> Handler:
    """The same handler of errors, whose answers a browser that has opened a page gets as a page."""

    async def told(request: Request, error: Exception) -> Response:
        answer = await handler(request, error)
        if answer.status_code < HTTPStatus.BAD_REQUEST or not _wants_page(request):
            return answer
        return _problem_page(request, answer)

    return told


def _problem_page(request: Request, answer: Response) -> HTMLResponse:
    status, detail = answer.status_code, str(json.loads(bytes(answer.body))["detail"])
    phrase = HTTPStatus(status).phrase
    words = _NO_PAGE if status == HTTPStatus.NOT_FOUND else f"{detail[:1].upper()}{detail[1:]}{'' if detail.endswith(('.', '!', '?')) else '.'}"
    made = page(request, "problem.html", _looker(request, status), status=status, title=TITLES.get(status, phrase), detail=words)
    made.headers.update({**dict(HEADERS), **{name: value for name, value in answer.headers.items() if not name.startswith("content-")}})
    return made


def _looker(request: Request, status: int) -> Viewer | None:
    """Who has opened a page that cannot be shown; nobody is looked for where the server has failed: that may fail again."""
    found = pass_of(request, used=False) if status < HTTPStatus.INTERNAL_SERVER_ERROR else None
    if found is None or found.must_change:
        return None
    request.state.csrf = found.csrf
    return found.viewer


def _wants_page(request: Request) -> bool:
    return not request.url.path.startswith(("/api/", "/static/")) and "text/html" in request.headers.get("accept", "")

"""Who asks, and whether the request is theirs: sessions and tokens, forged requests, foreign origins, and the headers of every answer.

A browser brings a session cookie, and with everything that changes something the session's token, which only our own pages know. A
program brings a token of its own, and no browser sends that unasked.
"""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import quote

from fastapi import Depends
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.websockets import WebSocket

from b2bua.administration import secrets
from b2bua.administration.admission import Pass
from b2bua.administration.book import Actor
from b2bua.administration.viewer import Viewer
from b2bua.web.guard import Guard, Origins, origins_of
from b2bua.web.problems import ProblemError
from b2bua.web.services import services

__all__ = ["CSRF_HEADER", "Guard", "Origins", "PageWriter", "SignedIn", "Writer"]

CSRF_HEADER: Final = "X-CSRF-Token"
MAX_LOCAL_PATH: Final = 1000
SIGN_IN: Final = "/sign-in"
CHANGE_PASSWORD: Final = "/change-password"  # noqa: S105 - a page
_BEARER: Final = {"WWW-Authenticate": "Bearer"}
_OWN_SITE: Final = ("same-origin", "none")


def pass_of(connection: HTTPConnection, *, used: bool = True) -> Pass | None:
    """Who has signed in, also where the password must be changed first. A token counts, where there is one, and not the cookie."""
    accounts = services(connection).accounts
    token = _bearer(connection)
    if token is not None:
        return accounts.by_token(token, used=used)
    secret = session_secret(connection)
    return accounts.by_session(secret, used=used) if secret else None


def require(request: Request) -> Pass:
    """The same; raises ProblemError 401."""
    found = pass_of(request)
    if found is None:
        raise ProblemError(401, "sign in first, or send a token that is valid", _BEARER)
    request.state.csrf = found.csrf
    return found


async def viewer(request: Request) -> Viewer:
    """Who looks. Raises ProblemError: 401, or 403 with `must_change` where a new password is due."""
    return _ready(require(request)).viewer


async def writer(request: Request) -> Viewer:
    """Who changes something, with a request of their own. Raises ProblemError as `viewer`, and 403 for a forged one or a token that may only
    read."""
    return _ready(require_own(request)).viewer


async def page_writer(request: Request) -> Viewer:
    """As `writer`, but a person on a page: what keeps others out is not changed by a program."""
    found = _ready(require_own(request))
    if not found.csrf:
        raise ProblemError(403, "a token does not do; sign in on the page")
    return found.viewer


async def page_viewer(request: Request) -> Viewer:
    """Who opens a page. Raises ProblemError 303 to the sign-in page, or to where the password is changed."""
    found = pass_of(request)
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if found is None:
        raise _go(SIGN_IN, here)
    if found.must_change:
        raise _go(CHANGE_PASSWORD, here)
    request.state.csrf = found.csrf
    return found.viewer


signed_in = viewer
SignedIn = Annotated[Viewer, Depends(viewer)]
"""For routes that only look."""
Writer = Annotated[Viewer, Depends(writer)]
"""For routes that change something."""
PageWriter = Annotated[Viewer, Depends(page_writer)]
"""For routes with which a person changes what lets them in."""


def require_own(request: Request) -> Pass:
    """Who has signed in, where the request was made by a page of ours or by a program that may write."""
    found = require(request)
    if found.viewer.read_only:
        raise ProblemError(403, "this token may only read; use one with the scope write")
    if found.csrf:
        own_origin(request, needed=True)
        if not secrets.same(request.headers.get(CSRF_HEADER, ""), found.csrf):
            raise ProblemError(403, f"the header {CSRF_HEADER} is missing or not this session's; load the page again")
    return found


def own_origin(request: Request, *, needed: bool) -> None:
    """Raises ProblemError 403 where a page of somebody else has made the browser ask. `needed`: a request that says nothing is refused, too;
    browsers always say where a request comes from that changes something."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    foreign = (site is not None and site not in _OWN_SITE) or (origin is not None and not origins_of(request).own(origin, _host(request)))
    if foreign or (needed and site is None and origin is None):
        raise ProblemError(403, "this request was not made by a page of this server; programs use a token")


def viewer_of_socket(websocket: WebSocket) -> Viewer | None:
    """Who opens a WebSocket: by token, or by the cookie where a page of ours opens it. Ask again to learn whether they still may; that does
    not keep the session alive."""
    if _bearer(websocket) is None and not origins_of(websocket).own(websocket.headers.get("origin", ""), _host(websocket)):
        return None
    return _for_socket(pass_of(websocket, used=False))


def actor_of(viewer: Viewer) -> Actor:
    """For the audit."""
    return Actor(viewer.account, viewer.via)


def csrf_of(request: Request) -> str:
    """The token of the session that the request has come with, "" without one; for ``<meta name="csrf">``."""
    found = pass_of(request, used=False)
    return found.csrf if found is not None else ""


def local_path(text: str | None) -> str:
    """Where to go after signing in: a path of this server, "/" for everything else."""
    if not text or len(text) > MAX_LOCAL_PATH or not text.startswith("/") or text.startswith(("//", "/\\")):
        return "/"
    if not text.isascii() or not text.isprintable() or "\\" in text:
        return "/"
    return text


def agent_of(connection: HTTPConnection) -> str:
    """What the browser calls itself."""
    return connection.headers.get("user-agent", "")


def session_secret(connection: HTTPConnection) -> str:
    """What the cookie holds; "" without one."""
    return connection.cookies.get(_cookie(connection), "")


def keep_session(response: Response, request: Request, secret: str) -> None:
    """Give the browser a session: until it is closed, for no script, for no request of another site."""
    secure = origins_of(request).secure
    response.set_cookie(_cookie(request), secret, path="/", secure=secure, httponly=True, samesite="strict")


def drop_session(response: Response, request: Request) -> None:
    """Take it back."""
    response.delete_cookie(_cookie(request), path="/", secure=origins_of(request).secure, httponly=True, samesite="strict")


def _cookie(connection: HTTPConnection) -> str:
    """Where it can be, the name is one that no other host and no unencrypted page can set (RFC 6265bis §4.1.3.2)."""
    return "__Host-session" if origins_of(connection).secure else "session"


def _bearer(connection: HTTPConnection) -> str | None:
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _host(connection: HTTPConnection) -> str:
    return connection.headers.get("host", "")


def _ready(found: Pass) -> Pass:
    if found.must_change:
        raise ProblemError(403, "choose a new password first", must_change=True)
    return found


def _for_socket(found: Pass | None) -> Viewer | None:
    return None if found is None or found.must_change else found.viewer


def _go(page: str, here: str) -> ProblemError:
    path = local_path(here)
    return ProblemError(303, "sign in first", {"Location": page if path == "/" else f"{page}?next={quote(path, safe='/')}"})

"""Signing in, activation, the change of a password, and the own account. What these pages send goes to the API."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from b2bua.administration.admission import LinkOver
from b2bua.administration.attempts import TooMany
from b2bua.web import security
from b2bua.web.guard import address_of
from b2bua.web.pages.shell import page
from b2bua.web.problems import ProblemError
from b2bua.web.security import local_path
from b2bua.web.services import services

router = APIRouter(include_in_schema=False)
NO_REFERRER = {"Referrer-Policy": "no-referrer"}
MAX_ACCOUNT = 256


@router.get("/sign-in")
async def sign_in(request: Request, next: str = "", account: str = "") -> Response:  # noqa: A002 - the name in the address
    """The form; who has signed in already goes on."""
    path = local_path(next)
    found = security.pass_of(request)
    if found is not None:
        return RedirectResponse("/change-password" if found.must_change else path, 303)
    return page(request, "sign_in.html", None, next=path, account=account[:MAX_ACCOUNT])


@router.get("/change-password")
async def change_password(request: Request, next: str = "") -> Response:  # noqa: A002
    """For everybody who has signed in, and the only page for those who must."""
    found = security.pass_of(request)
    if found is None or not found.csrf:
        raise ProblemError(303, "sign in first", {"Location": "/sign-in"})
    request.state.csrf = found.csrf
    viewer = None if found.must_change else found.viewer
    return page(request, "change_password.html", viewer, next=local_path(next), account=found.viewer.account, must_change=found.must_change)


@router.get("/account")
async def account(request: Request) -> Response:
    """Password, PIN, sessions and tokens of one's own."""
    viewer = await security.page_viewer(request)
    return page(request, "account.html", viewer)


@router.get("/activate/{secret}")
async def activate(request: Request, secret: str) -> Response:
    """Whoever has the link chooses a password. The link counts until that is done, so looking at the page ends nothing."""
    try:
        user = services(request).accounts.invited(secret, address_of(request))
    except LinkOver:
        answer = page(request, "activate.html", None, status=410, user=None, secret="")
    except TooMany as error:
        raise ProblemError(429, "too many wrong links; try again later", {"Retry-After": str(error.seconds)}) from None
    else:
        answer = page(request, "activate.html", None, user=user, secret=secret)
    answer.headers.update(NO_REFERRER)
    return answer

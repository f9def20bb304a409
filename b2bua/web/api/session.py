"""Signing in and out, the own sessions and password, activation, and who one is."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from b2bua.administration.admission import WrongPassword
from b2bua.administration.secrets import MAX_PASSWORD, Unsuitable
from b2bua.store.ports import SessionRow
from b2bua.web import security
from b2bua.web.api.refusals import answered
from b2bua.web.guard import address_of
from b2bua.web.problems import ProblemError
from b2bua.web.security import PageWriter, SignedIn
from b2bua.web.services import services

router = APIRouter(tags=["session"])
OPEN: dict[str, Any] = {"security": []}
MAX_TYPED = 1024
"""Characters of a password that is only looked at: wrong, but no error."""
Name = Annotated[str, Field(min_length=1, max_length=256, description="extension, e-mail address, or the name of an account without extension")]
Typed = Annotated[str, Field(max_length=MAX_TYPED)]
Chosen = Annotated[str, Field(max_length=MAX_PASSWORD * 2, description="at least 10 characters, or 8 of three kinds; any script")]


class Strict(BaseModel):
    """Keys that are not known are an error."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class SignIn(Strict):
    """Who signs in."""

    account: Name
    password: Typed


class NewPassword(Strict):
    """A change of the own password."""

    old: Typed
    new: Chosen


class Activation(Strict):
    """What somebody who was invited chooses."""

    secret: Annotated[str, Field(max_length=128, description="the last part of the link")]
    password: Chosen
    pin: Annotated[str, Field(max_length=32, description="4 to 10 digits for shared phones; empty for none")] = ""


class SessionMade(BaseModel):
    """A session has begun; its cookie came along."""

    must_change: bool
    """Nothing may be done before the password has been changed."""
    csrf: str
    """For the header X-CSRF-Token of unsafe requests."""


class SessionState(SessionMade):
    """The session that the request came with."""

    account: str


class SessionItem(BaseModel):
    """A signed-in browser. Times are seconds since the epoch."""

    id: str
    created: float
    seen: float
    agent: str
    """What the browser calls itself."""
    current: bool


class SessionList(BaseModel):
    """One's own."""

    items: list[SessionItem]


class Activated(BaseModel):
    """With what to sign in now."""

    account: str


class ExecutiveName(BaseModel):
    """Somebody for whom one works."""

    extension: str
    name: str


class Me(BaseModel):
    """Who one is, and what one may."""

    account: str
    extension: str | None
    name: str
    role: str
    sites: list[str]
    """manager: of these."""
    offices: list[str]
    """manager: of the groups, queues and services with these extensions."""
    manages: list[str]
    """Executives whose delegation one may edit."""
    works_for: list[ExecutiveName]
    read_only: bool
    csrf: str


@router.post("/session", openapi_extra=OPEN)
async def sign_in(request: Request, response: Response, body: SignIn) -> SessionMade:
    """Sign in with a password; the session is in the cookie."""
    security.own_origin(request, needed=False)
    with answered():
        made = await services(request).accounts.sign_in(
            body.account, body.password, security.agent_of(request), address_of(request), security.session_secret(request)
        )
    security.keep_session(response, request, made.secret)
    return SessionMade(must_change=made.must_change, csrf=made.csrf)


@router.get("/session")
async def get_session(request: Request) -> SessionState:
    """The session of this browser, also while a new password is due."""
    found = security.require(request)
    return SessionState(account=found.viewer.account, must_change=found.must_change, csrf=found.csrf)


@router.delete("/session", status_code=204)
async def sign_out(request: Request, response: Response) -> None:
    """End the session of this browser."""
    found = security.require_own(request)
    row = _own(request, found.viewer.account, found.id)
    if row is not None:
        with answered():
            await services(request).accounts.end_session(row)
    security.drop_session(response, request)


@router.put("/session/password")
async def change_password(request: Request, response: Response, body: NewPassword) -> SessionMade:
    """Change the own password; every session ends, and this browser gets a new one."""
    found = security.require_own(request)
    if not found.csrf:
        raise ProblemError(403, "a token does not do; sign in on the page")
    account = found.viewer.account
    with answered(account):
        try:
            made = await services(request).accounts.change_password(account, body.old, body.new, security.agent_of(request), address_of(request))
        except WrongPassword:
            raise Unsuitable("old", "is not your password") from None
    security.keep_session(response, request, made.secret)
    return SessionMade(must_change=made.must_change, csrf=made.csrf)


@router.get("/sessions")
async def list_sessions(request: Request, viewer: SignedIn) -> SessionList:
    """The browsers that are signed in with this account."""
    here = security.require(request).id
    rows = sorted(services(request).accounts.sessions_of(viewer.account), key=lambda each: -each.seen)
    return SessionList(
        items=[SessionItem(id=each.id, created=each.created, seen=each.seen, agent=each.agent, current=each.id == here) for each in rows]
    )


@router.delete("/sessions", status_code=204)
async def end_other_sessions(request: Request, viewer: PageWriter) -> None:
    """Sign every other browser out."""
    with answered():
        await services(request).accounts.end_others(viewer.account, security.require(request).id)


@router.delete("/sessions/{session_id}", status_code=204)
async def end_session(request: Request, viewer: PageWriter, session_id: str) -> None:
    """Sign one of the own browsers out."""
    row = _own(request, viewer.account, session_id)
    if row is None:
        raise ProblemError(404, "there is no such session of yours")
    with answered():
        await services(request).accounts.end_session(row)


@router.post("/activation", openapi_extra=OPEN)
async def activate(request: Request, body: Activation) -> Activated:
    """Choose password and PIN with the link of an invitation."""
    security.own_origin(request, needed=False)
    with answered():
        account = await services(request).accounts.activate(body.secret, body.password, body.pin, address_of(request))
    return Activated(account=account)


@router.get("/me")
async def get_me(request: Request, viewer: SignedIn) -> Me:
    """Who has signed in, and what they may."""
    directory = services(request).switchboard.directory
    works_for = [each.executive for each in directory.delegations.get(viewer.extension or "", ()) if each.executive in viewer.works_for]
    return Me(
        account=viewer.account,
        extension=viewer.extension,
        name=viewer.name,
        role=viewer.role,
        sites=sorted(viewer.sites),
        offices=sorted(viewer.offices),
        manages=sorted(viewer.manages),
        works_for=[ExecutiveName(extension=each, name=directory.users[each].name) for each in works_for],
        read_only=viewer.read_only,
        csrf=security.require(request).csrf,
    )


def _own(request: Request, account: str, session_id: str) -> SessionRow | None:
    return next((each for each in services(request).accounts.sessions_of(account) if each.id == session_id), None)

"""Accounts of users, for those who administer them: invitation (E5), reset of password and PIN (E17), disabling; and everybody's own PIN."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from b2bua.administration.standing import ADMINISTRATOR
from b2bua.administration.viewer import Viewer
from b2bua.web.api.refusals import answered
from b2bua.web.api.session import Strict
from b2bua.web.guard import origins_of
from b2bua.web.problems import ProblemError
from b2bua.web.security import PageWriter, SignedIn, Writer, actor_of
from b2bua.web.services import services

router = APIRouter(prefix="/accounts", tags=["accounts"])


class State(BaseModel):
    """How far an account is. Times are seconds since the epoch."""

    account: str
    status: str
    """The user's."""
    has_password: bool
    must_change: bool
    """The password came from a reset and was not changed yet."""
    has_pin: bool
    pin_must_change: bool
    invited_until: float | None
    """Until then the link of the last invitation is valid; null: there is none."""
    signed_in: float | None
    """When last; null: never."""
    sessions: int
    tokens: int


class Invited(BaseModel):
    """An activation link, shown this once."""

    link: str
    valid_until: float


class PasswordReset(BaseModel):
    """A random password, shown this once."""

    password: str
    must_change: bool = True


class PinReset(BaseModel):
    """A random PIN, shown this once."""

    pin: str
    must_change: bool = True


class NewPin(Strict):
    """The own PIN."""

    pin: Annotated[str, Field(max_length=32, description="4 to 10 digits")]


@router.get("/{account}")
async def get_account(request: Request, viewer: SignedIn, account: str) -> State:
    """How far an account is."""
    if account != viewer.account:
        _administered(request, viewer, account)
    return _state(request, account)


@router.post("/{account}/invitation")
async def invite(request: Request, viewer: Writer, account: str) -> Invited:
    """A link for 24 hours, with which the user chooses a password; an earlier one ends."""
    _of_another(request, viewer, account)
    with answered(account):
        made = await services(request).accounts.invite(actor_of(viewer), account)
    return Invited(link=f"{origins_of(request).link(request.headers['host'])}/activate/{made.secret}", valid_until=made.until)


@router.post("/{account}/password-reset")
async def reset_password(request: Request, viewer: Writer, account: str) -> PasswordReset:
    """A random password, which must be changed at first sign-in; every session of the user ends."""
    _of_another(request, viewer, account)
    with answered(account):
        return PasswordReset(password=await services(request).accounts.reset_password(actor_of(viewer), account))


@router.post("/{account}/pin-reset")
async def reset_pin(request: Request, viewer: Writer, account: str) -> PinReset:
    """A random PIN, which must be changed."""
    _of_another(request, viewer, account)
    with answered(account):
        return PinReset(pin=await services(request).accounts.pins.reset(actor_of(viewer), account))


@router.put("/{account}/pin", status_code=204)
async def set_pin(request: Request, viewer: PageWriter, account: str, body: NewPin) -> None:
    """Choose the own PIN."""
    if account != viewer.account:
        _administered(request, viewer, account)
        raise ProblemError(403, "everybody chooses their own PIN; reset it to give out a random one")
    with answered(account):
        await services(request).accounts.pins.choose(actor_of(viewer), account, body.pin)


@router.post("/{account}/disable")
async def disable(request: Request, viewer: Writer, account: str) -> State:
    """The user's phones and sessions end at once."""
    _of_another(request, viewer, account)
    with answered(account):
        await services(request).accounts.disable(actor_of(viewer), account)
    return _state(request, account)


@router.post("/{account}/enable")
async def enable(request: Request, viewer: Writer, account: str) -> State:
    """From whatever status, also without activation."""
    _of_another(request, viewer, account)
    with answered(account):
        await services(request).accounts.enable(actor_of(viewer), account)
    return _state(request, account)


def _of_another(request: Request, viewer: Viewer, account: str) -> None:
    _administered(request, viewer, account)
    if account == viewer.account:
        raise ProblemError(409, "this is your own account; change what is yours at /account")


def _administered(request: Request, viewer: Viewer, account: str) -> None:
    """Raises ProblemError 404 for an account that the viewer does not administer, as for one that there is not; 403 for their own."""
    if not _may_administer(request, viewer, account):
        if account == viewer.account:
            raise ProblemError(403, "this needs an administrator")
        raise ProblemError(404, "there is no such user, or not one whom you administer")


def _may_administer(request: Request, viewer: Viewer, account: str) -> bool:
    """Nobody gives themselves an account with more rights than their own."""
    if viewer.role == "super_admin":
        return True
    user = services(request).switchboard.directory.users.get(account)
    if user is None or account == ADMINISTRATOR:
        return False
    if viewer.role == "user_admin":
        return user.role != "super_admin"
    other = services(request).accounts.viewer_of(account)
    plain = user.role == "user" and (other is None or other.role == "user")
    return viewer.role == "manager" and plain and user.location in viewer.sites


def _state(request: Request, account: str) -> State:
    with answered(account):
        state = services(request).accounts.state(account)
    return State(
        account=state.name,
        status=state.status,
        has_password=state.has_password,
        must_change=state.must_change,
        has_pin=state.has_pin,
        pin_must_change=state.pin_must_change,
        invited_until=state.invited_until or None,
        signed_in=state.signed_in or None,
        sessions=state.sessions,
        tokens=state.tokens,
    )

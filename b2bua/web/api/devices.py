"""Where a user can be rung now: the phones that are registered, also those of their delegated lines; and who sits at which shared phone (E7).

Stands before the routes of the entries, whose keys may have slashes.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.requests import Request

from b2bua.administration import rights
from b2bua.administration.book import Actor
from b2bua.administration.shared_phones import log_out, logged_in, may_log_out, shared_phones
from b2bua.store.ports import AuditRow
from b2bua.web.problems import ProblemError
from b2bua.web.security import SignedIn, Writer, actor_of
from b2bua.web.services import Services, services

router = APIRouter(tags=["users"])


class RegisteredPhone(BaseModel):
    """One registered phone. `expires` is in seconds since the epoch, 0: a permanent contact."""

    account: str
    contact: str
    user_agent: str
    address: str
    transport: str
    expires: float
    app: bool


class RegisteredPhones(BaseModel):
    """All of a user's."""

    items: list[RegisteredPhone]


@router.get("/users/{extension}/phones", operation_id="list_registered_phones")
async def registered(request: Request, extension: str, viewer: SignedIn) -> RegisteredPhones:
    """The phones of a user: one's own, and those of users whom one administers."""
    made = services(request)
    entry = made.book.entry("users", extension)
    if entry is None or rights.level_of(viewer, entry, made.book) != "whole":
        raise ProblemError(404, f"there is no user {extension[:64]}, or not one whose phones you may see")
    lines = [each.line for each in made.book.directory.delegations.get(extension, ())]
    found: list[dict[str, Any]] = [each._asdict() for account in (extension, *lines) for each in made.switchboard.phones(account)]
    return RegisteredPhones(items=[RegisteredPhone(**each) for each in found])


class SharedPhone(BaseModel):
    """A phone that belongs to nobody until somebody logs in. `until` is in seconds since the epoch."""

    extension: str
    name: str
    location: str | None
    user: str | None
    user_name: str | None
    until: float | None


class SharedPhones(BaseModel):
    """Those that the viewer looks after."""

    items: list[SharedPhone]


@router.get("/hot-desks", tags=["phones"], operation_id="list_hot_desks")
async def hot_desks(request: Request, viewer: SignedIn) -> SharedPhones:
    """Shared phones, and who has logged in."""
    made = services(request)
    found = shared_phones(viewer, made.book, made.switchboard.directory, made.switchboard.now().timestamp())
    return SharedPhones(items=[SharedPhone(**each) for each in found])


@router.post("/hot-desks/{extension}/log-out", tags=["phones"], operation_id="log_out_hot_desk")
async def log_out_hot_desk(request: Request, extension: str, viewer: Writer) -> SharedPhones:
    """Log out whoever has logged in there; running calls go on."""
    made = services(request)
    user = logged_in(made.switchboard.directory, extension, made.switchboard.now().timestamp())
    if not may_log_out(viewer, extension, user, made.book) or made.book.directory.users[extension].type != "shared":
        raise ProblemError(404, f"there is no shared phone {extension[:64]}, or not one that you look after")
    if user is None:
        raise ProblemError(409, f"nobody has logged in on {extension}")
    outcome = await log_out(made.switchboard, extension)
    if outcome.status >= 300:
        raise ProblemError(409, outcome.words)
    await _note(made, actor_of(viewer), extension, user)
    return await hot_desks(request, viewer)


async def _note(made: Services, actor: Actor, phone: str, user: str) -> None:
    at = made.switchboard.now().timestamp()
    await made.book.note([AuditRow(0, at, actor.name, actor.via, "setting", phone, "logged out", {"hot_desk": user}, None)])

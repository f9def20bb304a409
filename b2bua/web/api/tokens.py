"""Tokens with which programs use the API, made by people for themselves."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from b2bua.store.ports import TokenRow
from b2bua.web.api.refusals import answered
from b2bua.web.api.session import Strict
from b2bua.web.problems import ProblemError
from b2bua.web.security import PageWriter, SignedIn
from b2bua.web.services import PREFIX, services

router = APIRouter(tags=["tokens"])


class NewToken(Strict):
    """What a token is for."""

    name: Annotated[str, Field(max_length=200, description="1 to 60 characters; the audit names it")]
    scope: Literal["read", "write"] = "read"
    days: Annotated[int, Field(ge=1, le=3650)] | None = None
    """After so many it is not valid any more; null: until it is revoked."""


class TokenItem(BaseModel):
    """A token without its secret. Times are seconds since the epoch."""

    id: str
    name: str
    scope: str
    created: float
    expires: float | None
    used: float | None
    """When last, to five minutes."""


class TokenList(BaseModel):
    """One's own."""

    items: list[TokenItem]


class TokenMade(TokenItem):
    """A new token."""

    token: str
    """Shown this once: ``Authorization: Bearer …``."""


@router.get("/tokens")
async def list_tokens(request: Request, viewer: SignedIn) -> TokenList:
    """The own tokens."""
    return TokenList(items=[TokenItem(**_shown(each)) for each in services(request).accounts.tokens_of(viewer.account)])


@router.post("/tokens", status_code=201)
async def make_token(request: Request, response: Response, viewer: PageWriter, body: NewToken) -> TokenMade:
    """A new token for oneself; it may at most what its owner may."""
    with answered(viewer.account):
        row, secret = await services(request).accounts.make_token(viewer.account, body.name, body.scope, body.days)
    response.headers["Location"] = f"{PREFIX}/tokens/{row.id}"
    return TokenMade(**_shown(row), token=secret)


@router.delete("/tokens/{token_id}", status_code=204)
async def revoke_token(request: Request, viewer: PageWriter, token_id: str) -> None:
    """Make a token invalid."""
    accounts = services(request).accounts
    row = next((each for each in accounts.tokens_of(viewer.account) if each.id == token_id), None)
    if row is None:
        raise ProblemError(404, "there is no such token of yours")
    with answered():
        await accounts.revoke(row)


def _shown(row: TokenRow) -> dict[str, object]:
    return {
        "id": row.id, "name": row.name, "scope": row.scope, "created": row.created, "expires": row.expires or None, "used": row.used or None,
    }  # fmt: skip

"""``/api/v1/calls``: the running calls that one may see, click to dial (B1), and commands in a call (C1-C15)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from b2bua.calls import commands
from b2bua.calls.commands import Command, Outcome
from b2bua.web.problems import NO_STORE, ProblemError
from b2bua.web.security import SignedIn, Writer
from b2bua.web.services import services

router = APIRouter(tags=["calls"])

STATUS: Final[Mapping[int, HTTPStatus]] = {
    400: HTTPStatus.BAD_REQUEST,
    403: HTTPStatus.FORBIDDEN,
    404: HTTPStatus.NOT_FOUND,
    429: HTTPStatus.TOO_MANY_REQUESTS,
    503: HTTPStatus.SERVICE_UNAVAILABLE,
    504: HTTPStatus.GATEWAY_TIMEOUT,
}
"""HTTP for the SIP status of an outcome; any other refusal is a conflict with how the call, or the phone, is now."""
Name = Literal[
    "hold", "resume", "park", "push", "transfer", "give_back", "lock", "unlock", "take", "join", "listen", "whisper", "barge", "mute", "unmute",
    "remove", "end",
]  # fmt: skip
Number = Annotated[str, Field(min_length=1, max_length=80)]
CallId = Annotated[str, Path(min_length=1, max_length=80, description="The call's id.")]


class Dial(BaseModel):
    """Whom to call, and as whom."""

    model_config = ConfigDict(extra="forbid")

    number: Number = Field(description="As it is dialled: an extension, an outside number, a feature code.")
    on_behalf_of: str | None = Field(None, alias="as", max_length=40, description="The executive's extension, or one's own; null: as the phone would, by the sticky choice.")


class Order(BaseModel):
    """What to do in a call; each command looks at its own fields only."""

    model_config = ConfigDict(extra="forbid")

    command: Name
    slot: str = Field("", max_length=20, description="park: where; empty: the next free slot.")
    note: str = Field("", max_length=200, description="push: what the executive reads before answering (C13).")
    announced: bool = Field(False, description="push: speak to the executive first.")
    target: str = Field("", max_length=80, description="transfer: a number as it is dialled. take, whisper: whose place, or to whom.")
    party: str = Field("", max_length=80, description="mute, unmute, remove: whom.")


class Words(BaseModel):
    """What has come of it."""

    words: str


class Placed(Words):
    """A call that was dialled: the own phone rings first."""

    call: str


@router.get("/calls", summary="The running calls that you may see")
async def get_calls(request: Request, viewer: SignedIn) -> Response:
    """Own calls, those of the own executives, and those of the queues one looks after; each with what one may do in it."""
    found = services(request).live.calls(viewer)
    return JSONResponse({"items": found, "total": len(found)}, headers=NO_STORE)


@router.get("/calls/{call_id}", summary="One running call")
async def get_call(request: Request, viewer: SignedIn, call_id: CallId) -> Response:
    """404 also for a call that one may not see."""
    return JSONResponse(_seen(request, viewer, call_id), headers=NO_STORE)


@router.post("/calls", summary="Click to dial", status_code=HTTPStatus.ACCEPTED, response_model=Placed)
async def dial(request: Request, viewer: Writer, wanted: Dial) -> Response:
    """Ring the own phones; whoever picks one up is connected with the number, as the executive or as oneself."""
    if viewer.extension is None:
        raise ProblemError(HTTPStatus.FORBIDDEN, "this account has no extension and therefore no phone")
    switchboard = services(request).switchboard
    dialled = await switchboard.dial(viewer.extension, wanted.number.strip(), wanted.on_behalf_of)
    if not dialled.outcome.done:
        raise refused(dialled.outcome)
    return JSONResponse({"call": dialled.call, "words": dialled.outcome.words}, HTTPStatus.ACCEPTED, NO_STORE)


@router.post("/calls/{call_id}/commands", summary="Do something in a call", response_model=Words)
async def order(request: Request, viewer: Writer, call_id: CallId, wanted: Order) -> Response:
    """202 when phones ring for it first. The call itself decides whether it may be: a call's `can` lists what may."""
    if viewer.extension is None:
        raise ProblemError(HTTPStatus.FORBIDDEN, "this account has no extension and therefore a part in no call")
    _seen(request, viewer, call_id)
    outcome = await services(request).switchboard.order(call_id, command_of(viewer.extension, wanted))
    return answer(outcome)


def _seen(request: Request, viewer: SignedIn, call_id: str) -> dict[str, Any]:
    found = services(request).live.call(viewer, call_id)
    if found is None:
        raise ProblemError(HTTPStatus.NOT_FOUND, "there is no such call")
    return found


def command_of(actor: str, wanted: Order) -> Command:
    """Raises ProblemError for a command that lacks what it needs."""
    if wanted.command == "transfer" and not wanted.target:
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "transfer needs a target", findings=[_lacks("target")])
    if wanted.command in ("mute", "unmute", "remove") and not wanted.party:
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, f"{wanted.command} needs a party", findings=[_lacks("party")])
    return _COMMANDS[wanted.command](actor, wanted)


def _lacks(field: str) -> dict[str, str]:
    return {"kind": "request", "key": "body", "field": field, "text": "is missing"}


_COMMANDS: Final[Mapping[str, Callable[[str, Order], Command]]] = {
    "hold": lambda actor, _: commands.Hold(actor),
    "resume": lambda actor, _: commands.Resume(actor),
    "park": lambda actor, wanted: commands.Park(actor, wanted.slot),
    "push": lambda actor, wanted: commands.PushBack(actor, wanted.note, wanted.announced),
    "transfer": lambda actor, wanted: commands.Transfer(actor, wanted.target),
    "give_back": lambda actor, _: commands.GiveBack(actor),
    "lock": lambda actor, _: commands.Lock(actor),
    "unlock": lambda actor, _: commands.Lock(actor, on=False),
    "take": lambda actor, wanted: commands.Take(actor, "take", wanted.target),
    "join": lambda actor, wanted: commands.Take(actor, "join", wanted.target),
    "listen": lambda actor, wanted: commands.Take(actor, "listen", wanted.target),
    "whisper": lambda actor, wanted: commands.Take(actor, "whisper", wanted.target),
    "barge": lambda actor, _: commands.BargeIn(actor),
    "mute": lambda actor, wanted: commands.Mute(actor, wanted.party),
    "unmute": lambda actor, wanted: commands.Mute(actor, wanted.party, on=False),
    "remove": lambda actor, wanted: commands.Remove(actor, wanted.party),
    "end": lambda actor, _: commands.End(actor),
}


def answer(outcome: Outcome) -> Response:
    """200, or 202 when it is under way. Raises ProblemError for a refusal."""
    if not outcome.done:
        raise refused(outcome)
    status = HTTPStatus.ACCEPTED if outcome.status == HTTPStatus.ACCEPTED else HTTPStatus.OK
    return JSONResponse({"words": outcome.words}, status, NO_STORE)


def refused(outcome: Outcome) -> ProblemError:
    """A refusal in the server's words, with the SIP status that it has."""
    status = STATUS.get(outcome.status, HTTPStatus.CONFLICT)
    return ProblemError(status, outcome.words or "that is not possible now", sip_status=outcome.status)

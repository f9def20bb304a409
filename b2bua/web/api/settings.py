"""``/api/v1/settings``: what the feature codes set (A12-A14, A19, B4, B6), from the page or a program instead of the phone."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from b2bua.web.api.calls import Words, answer
from b2bua.web.problems import ProblemError
from b2bua.web.security import Writer
from b2bua.web.services import services

router = APIRouter(tags=["settings"])

Feature = Literal[
    "filter_on", "filter_off", "opt_in", "opt_out", "divert_on", "divert_off", "dnd_on", "dnd_off", "call_as_set", "call_as_clear",
    "duty_on", "duty_off",
]  # fmt: skip
ARGUMENT: Final = {
    "filter_on": "executive", "filter_off": "executive", "opt_in": "executive", "opt_out": "executive", "call_as_set": "executive",
    "divert_on": "number", "duty_on": "code",
}  # fmt: skip
"""Which field follows the code, where one does."""
NEEDED: Final = frozenset({"opt_in", "opt_out", "call_as_set", "duty_on"})
_DIALLED: Final = r"^\+?[0-9A-Za-z._-]*$"
"""Nothing that would make the code another one: a star or hash ends what belongs to it."""


class Wanted(BaseModel):
    """What to set; a field that the feature does not take is refused."""

    model_config = ConfigDict(extra="forbid")

    feature: Feature
    executive: str = Field("", max_length=40, pattern=_DIALLED, description="filter, opt, call_as: whose; filter: empty, one's own.")
    number: str = Field("", max_length=40, pattern=_DIALLED, description="divert_on: where to; empty: the number given before.")
    code: str = Field("", max_length=20, pattern=_DIALLED, description="duty_on: the code of the duty profile.")


@router.post("/settings", summary="Set what a feature code sets", response_model=Words)
async def set_feature(request: Request, viewer: Writer, wanted: Wanted) -> Response:
    """The answer has the words that a phone would show."""
    if viewer.extension is None:
        raise ProblemError(HTTPStatus.FORBIDDEN, "this account has no extension and therefore nothing to set")
    field = ARGUMENT.get(wanted.feature)
    for name in ("executive", "number", "code"):
        if getattr(wanted, name) and name != field:
            raise _refused(name, f"{wanted.feature} takes none")
    argument = getattr(wanted, field) if field else ""
    if field and not argument and wanted.feature in NEEDED:
        raise _refused(field, "is missing")
    found = services(request)
    code = found.switchboard.directory.codes.codes[wanted.feature]
    return answer(await found.switchboard.press(viewer.extension, f"{code}{argument}"))


def _refused(field: str, text: str) -> ProblemError:
    finding = {"kind": "request", "key": "body", "field": field, "text": text}
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, f"{field}: {text}", findings=[finding])

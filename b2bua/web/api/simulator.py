"""``/simulate`` and ``/what-if``: what would become of a call, and the cases that are kept of the answers (F7)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from b2bua.administration.book import Conflict, Missing, Refusal
from b2bua.administration.cases import CannotWrite
from b2bua.administration.entries import Put
from b2bua.administration.simulator import NotAllowed, Question
from b2bua.administration.viewer import Viewer
from b2bua.errors import Refused
from b2bua.store.ports import Unavailable
from b2bua.web.problems import ProblemError
from b2bua.web.security import SignedIn, Writer, actor_of
from b2bua.web.services import services

router = APIRouter(tags=["simulator"])

Short = Annotated[str, Field(max_length=256)]
MOST_CHANGES: Final = 20


class ChangeBody(BaseModel):
    """An entry as it is in a form that is not saved."""

    model_config = ConfigDict(extra="forbid")
    kind: Literal["users", "executives", "groups", "services", "schedules", "caller_groups", "duty_profiles"]
    key: Short
    body: dict[str, Any]


class QuestionBody(BaseModel):
    """One call that somebody asks about."""

    model_config = ConfigDict(extra="forbid")
    caller: Short = Field(description="an extension, a delegated line 676-667, an outside number, anonymous or unavailable")
    dialled: Short = Field(description="an extension, a number or a feature code")
    at: Annotated[str, Field(max_length=40)] = Field(default="", description="a date, or date and time, ISO 8601; empty: now")
    time_zone: Annotated[str, Field(max_length=64)] = Field(default="", description="of `at`; empty: the organisation's")
    identity: Short | None = Field(default=None, description="the number in P-Preferred-Identity")
    privacy: bool = Field(default=False, description="the caller asks for privacy")
    state: dict[str, Any] | None = Field(default=None, description="what phones have set, as in a what-if case; null: as it is now")
    changes: Annotated[list[ChangeBody], Field(max_length=MOST_CHANGES)] = Field(default=[], description="entries that are not saved yet")

    def question(self) -> Question:
        """The same for the simulator."""
        ops = tuple(Put(each.kind, each.key, each.body) for each in self.changes)
        return Question(self.caller, self.dialled, self.at, self.time_zone, self.identity, self.privacy, self.state, ops)


class CaseBody(QuestionBody):
    """A question that is kept with its present answer."""

    name: Short = Field(description="what the case shows, in a few words")
    keys: Annotated[list[str], Field(max_length=40)] | None = Field(
        default=None, description="what of the answer's `summary` is compared; null: whatever it says"
    )


@router.post("/simulate")
async def simulate(request: Request, body: QuestionBody, viewer: SignedIn) -> dict[str, Any]:
    """What would become of a call: the rules that were looked at, the plan, and who rings when. Nobody's phone rings."""
    with _told():
        return await services(request).simulator.simulate(viewer, body.question())


@router.get("/what-if")
async def list_cases(request: Request, viewer: SignedIn) -> dict[str, Any]:
    """The cases that are kept, each with what comes of it on the directory as it is."""
    _someone(viewer)
    return await services(request).simulator.cases(viewer)


@router.post("/what-if", status_code=HTTPStatus.CREATED)
async def keep_case(request: Request, body: CaseBody, viewer: Writer) -> dict[str, Any]:
    """Keep a question with its present answer as a case."""
    with _told():
        return await services(request).simulator.keep(viewer, actor_of(viewer), body.name, body.question(), body.keys)


@router.post("/what-if/run")
async def run_cases(request: Request, viewer: SignedIn) -> dict[str, Any]:
    """The same as the list: cases are always run."""
    _someone(viewer)
    return await services(request).simulator.cases(viewer)


@router.delete("/what-if/{case_id}", status_code=HTTPStatus.NO_CONTENT)
async def remove_case(request: Request, case_id: Annotated[str, Path(max_length=64)], viewer: Writer) -> Response:
    """Take a case out of the file."""
    _someone(viewer)
    with _told():
        await services(request).simulator.remove(viewer, actor_of(viewer), case_id)
    return Response(status_code=HTTPStatus.NO_CONTENT)


def _someone(viewer: Viewer) -> None:
    if not (viewer.administers or viewer.manages):
        raise ProblemError(403, "what-if cases are for administrators, and for those who manage an executive")


@contextmanager
def _told() -> Iterator[None]:
    """What the simulator refuses, as problems."""
    try:
        yield
    except Refusal as error:
        findings = [each._asdict() for each in error.findings]
        raise ProblemError(422, "this cannot be simulated as it is written", findings=findings) from None
    except NotAllowed as error:
        raise ProblemError(403, str(error)) from None
    except Refused as error:
        raise ProblemError(error.status, error.reason) from None
    except (CannotWrite, Conflict) as error:
        raise ProblemError(409, str(error)) from None
    except Unavailable:
        raise ProblemError(503, "the database does not answer now; look at what is there, and try again", {"Retry-After": "2"}) from None
    except Missing as error:
        raise ProblemError(404, "there is no such case" if error.kind == "what_if" else str(error)) from None

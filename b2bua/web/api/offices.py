"""``/offices``: an executive with assistants in one go, for whoever sets the server up; and what a phone must be told to register."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from b2bua.administration.new_office import MOST_PEOPLE, NewPerson, connection, free_extensions, new_office, twice
from b2bua.web.api.dependencies import carry_out
from b2bua.web.problems import ProblemError
from b2bua.web.security import SignedIn, Writer
from b2bua.web.services import services

router = APIRouter(tags=["offices"])


class PersonBody(BaseModel):
    """Somebody of the office."""

    model_config = ConfigDict(extra="forbid")
    extension: Annotated[str, Field(min_length=1, max_length=32)]
    name: Annotated[str, Field(max_length=128)] = ""
    number: Annotated[str, Field(max_length=40)] = ""
    existing: bool = Field(default=False, description="a user who is there already")

    def person(self) -> NewPerson:
        """The same for the office."""
        return NewPerson(self.extension, self.name, self.number, self.existing)


class AlertingBody(BaseModel):
    """How the assistants ring."""

    model_config = ConfigDict(extra="forbid")
    mode: Literal["ring_all", "sequential"] = "ring_all"
    ring_seconds: Annotated[float, Field(ge=1, le=7200)] = 30


class OfficeBody(BaseModel):
    """An executive with assistants."""

    model_config = ConfigDict(extra="forbid")
    executive: PersonBody
    assistants: Annotated[list[PersonBody], Field(min_length=1, max_length=MOST_PEOPLE)]
    colleagues: Annotated[list[PersonBody], Field(max_length=MOST_PEOPLE)] = Field(default=[], description="more users, to call from")
    alerting: AlertingBody = AlertingBody()
    rollover: Literal["executive", "hangup"] = Field(default="executive", description="what happens when no assistant answers")


@router.get("/offices/proposal")
async def propose(request: Request, _viewer: SignedIn, people: Annotated[int, Query(ge=1, le=MOST_PEOPLE)] = 3) -> dict[str, Any]:
    """Free extensions for so many people, and what a phone must be told of this server."""
    board = services(request).switchboard
    return {"extensions": free_extensions(board.directory, people), "connection": connection(board.config)}


@router.post("/offices", status_code=HTTPStatus.CREATED)
async def make_office(request: Request, body: OfficeBody, viewer: Writer) -> dict[str, Any]:
    """Make the users and the executive, all or none; the SIP passwords are in this answer and nowhere else."""
    executive, assistants, colleagues = body.executive.person(), *([each.person() for each in some] for some in (body.assistants, body.colleagues))
    findings = twice(executive, assistants, colleagues)
    if findings:
        raise ProblemError(422, findings[0].text, findings=[each._asdict() for each in findings])
    made = new_office(executive, assistants, colleagues, {"alerting": body.alerting.model_dump(), "rollover": {"action": body.rollover}})
    await carry_out(request, viewer, made.ops)
    directory = services(request).switchboard.directory
    people = [
        {
            "extension": each.extension,
            "name": directory.users[each.extension].name if each.extension in directory.users else each.name,
            "role": role,
            "password": made.passwords.get(each.extension),
            "lines": [f"{each.extension}-{executive.extension}"] if role == "assistant" else [],
        }
        for role, some in (("executive", [executive]), ("assistant", assistants), ("colleague", colleagues))
        for each in some
    ]
    return {"executive": executive.extension, "people": people, "connection": connection(services(request).switchboard.config)}

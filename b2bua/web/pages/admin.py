"""The pages of the administration, and everybody's page about their own delegation: shells whose scripts talk to the API."""

from __future__ import annotations

from typing import Final, NamedTuple

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from b2bua.administration.own_work import manages, works_for
from b2bua.administration.viewer import Viewer
from b2bua.web.pages.shell import ADMIN_PLACES, Visitor, page
from b2bua.web.problems import ProblemError
from b2bua.web.services import services

router = APIRouter(include_in_schema=False)


class Topic(NamedTuple):
    """A kind of entries as it is administered. `one` is what a single one is called."""

    path: str
    title: str
    one: str
    text: str
    script: str
    place: str = ""
    """The item of the side navigation, where it has another path."""

    @property
    def navigation(self) -> str:
        return f"/admin/{self.place or self.path}"


TOPICS: Final = {
    each.path: each
    for each in (
        Topic("users", "Users", "user", "Everybody with an extension: people, rooms, shared phones and extensions that only forward.", "admin_users.js"),
        Topic("executives", "Executives", "executive", "Whose calls assistants take, and how.", "admin_executives.js"),
        Topic("groups", "Groups and queues", "group", "Extensions that ring several people: all at once, in turn, or with a queue.", "admin_offices.js"),
        Topic("services", "Services and duty", "service", "Help desks and the like: agents answer, and call, as the service.", "admin_offices.js"),
        Topic("duty-profiles", "Duty profiles", "duty profile", "Who is responsible for a service, and when they say so.", "admin_offices.js", "services"),
        Topic("conferences", "Conferences", "conference room", "Rooms that are dialled like an extension.", "admin_simple.js"),
        Topic("schedules", "Schedules", "schedule", "Weekly hours, holidays and exceptions.", "admin_schedules.js"),
        Topic("caller-groups", "Caller groups", "caller group", "Callers with a name, to be used in filters and scopes.", "admin_simple.js"),
        Topic("phones", "Phones", "phone", "The inventory: which device is whose, and which are on the shelf.", "admin_phones.js"),
        Topic("sites", "Sites and cost centres", "site", "Where people work, and who pays.", "admin_sites.js"),
        Topic("cost-centres", "Cost centres", "cost centre", "Who pays.", "admin_sites.js", "sites"),
        Topic("numbers", "Numbers", "number", "The organisation's outside numbers: used, free, and where they lead.", "admin_numbers.js"),
        Topic("organisation", "Organisation", "organisation", "What holds for everybody.", "admin_organisation.js"),
        Topic("audit", "Audit", "change", "Who has changed what, when, from what, to what.", "admin_audit.js"),
    )
}
_PLAIN: Final = frozenset({"numbers", "organisation", "audit"})
"""Topics that are a single page."""


@router.get("/admin")
async def overview(request: Request, viewer: Visitor) -> Response:
    """The overview, with the wizard for newcomers."""
    _allow(viewer, "/admin")
    return page(request, "admin/overview.html", viewer)


@router.get("/admin/{topic}")
async def listed(request: Request, topic: str, viewer: Visitor) -> Response:
    """A list, or a single page."""
    found = _topic(topic, viewer)
    return page(request, "admin/topic.html", viewer, topic=found, key="", mode="page" if topic in _PLAIN else "list")


@router.get("/admin/{topic}/new")
async def new(request: Request, topic: str, viewer: Visitor) -> Response:
    """The form for a new entry."""
    return page(request, "admin/topic.html", viewer, topic=_topic(topic, viewer), key="", mode="new")


@router.get("/admin/{topic}/{key:path}")
async def one(request: Request, topic: str, key: str, viewer: Visitor) -> Response:
    """One entry."""
    return page(request, "admin/topic.html", viewer, topic=_topic(topic, viewer), key=key, mode="edit")


@router.get("/my-delegation")
async def my_delegations(request: Request, viewer: Visitor) -> Response:
    """The executives whom the viewer manages, and those for whom they work; an executive who is nobody's assistant is at home at once."""
    directory = services(request).switchboard.directory
    work = works_for(viewer, directory)
    if len(viewer.manages) == 1 and not work:
        return RedirectResponse(f"/my-delegation/{next(iter(viewer.manages))}", 303)
    shown = {each.executive.extension for each in work}
    others = [each for each in manages(viewer, directory) if each.extension not in shown]
    return page(request, "admin/my_delegations.html", viewer, executives=others, work=work)


@router.get("/my-delegation/{extension}")
async def my_delegation(request: Request, extension: str, viewer: Visitor) -> Response:
    """One of them."""
    if extension not in viewer.manages and not viewer.administers:
        raise ProblemError(403, f"to change the delegation of {extension[:32]} you need the right 'manage' for that executive")
    return page(request, "admin/my_delegation.html", viewer, key=extension, own=extension == viewer.extension)


def _topic(name: str, viewer: Viewer) -> Topic:
    found = TOPICS.get(name)
    if found is None:
        raise ProblemError(404, "there is no such page")
    _allow(viewer, found.navigation)
    return found


def _allow(viewer: Viewer, path: str) -> None:
    if not any(each.path == path and each.shown(viewer) for each in ADMIN_PLACES):
        raise ProblemError(403, "this page is for administrators")

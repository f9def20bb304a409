"""What users of a kind may be and have: e-mail addresses, sites, cost centres, and the limits of rooms, shared phones and extensions that only
forward (E5-E7, E9-E11)."""

from __future__ import annotations

from typing import Final

from b2bua.config.draft import Boss, Draft
from b2bua.config.resources import check_cost_centre, check_managers, check_site
from b2bua.config.schema import Report, quoted
from b2bua.config.values import is_uri
from b2bua.config.yamltree import Where
from b2bua.delegation.organisation import NOTHING_MANAGED
from b2bua.delegation.people import User, UserType

CALLED: Final[dict[UserType, str]] = {
    "person": "a person",
    "limited": "a limited extension",
    "forwarding": "a forwarding-only extension",
    "shared": "a shared phone",
}


def check_kinds(draft: Draft, report: Report) -> None:
    """Every user, group and service, with what it names."""
    addresses: dict[str, str] = {}
    for extension, user in draft.users.items():
        where = draft.places[extension]
        if user.location is not None:
            check_site(user.location, (*where, "location"), draft, report)
        if user.kind != "person":
            continue
        if user.email is not None:
            _check_email(user, (*where, "email"), addresses, draft, report)
        if user.cost_centre is not None:
            check_cost_centre(user.cost_centre, (*where, "cost_centre"), draft, report)
        if user.manages is not NOTHING_MANAGED:
            _check_manages(user, (*where, "manages"), draft, report)
        if user.type != "person":
            _check_type(user, where, draft, report)
    for boss in draft.bosses.values():
        check_managers(boss.settings.managers, boss.where, draft, report)
        _check_office(boss, draft, report)
    for where, room in draft.rooms:
        for moderator in sorted(room.moderators):
            found = draft.users.get(moderator)
            if found is not None and found.type != "person":
                report.error((*where, "moderators"), f"{draft.shown(moderator)} is {CALLED[found.type]} and moderates no room; write a person")


def _check_email(user: User, where: Where, addresses: dict[str, str], draft: Draft, report: Report) -> None:
    """Each address is one person's."""
    other = addresses.setdefault((user.email or "").casefold(), user.extension)
    if other != user.extension:
        report.error(where, f"{user.email} is already the address of {draft.shown(other)}; write another one")


def _check_manages(user: User, where: Where, draft: Draft, report: Report) -> None:
    for index, name in enumerate(user.manages.sites):
        check_site(name, (*where, "sites", index), draft, report)
    for index, extension in enumerate(user.manages.groups):
        place = draft.places.get(extension)
        if place is None or place[0] not in ("groups", "services"):
            guess = report.guesses.closest(extension, "group", (*draft.of_list("groups"), *draft.of_list("services")))
            text = f"{quoted(extension)} is no group, queue or service{guess}; write the extension of one"
            report.error((*where, "groups", index), text)


def _check_type(user: User, where: Where, draft: Draft, report: Report) -> None:
    """A room, a shared phone, or an extension that only forwards."""
    if user.role != "user" and draft.is_sure(user.extension, "role"):
        report.error((*where, "role"), f"is {user.role}, but this is {CALLED[user.type]}; write user")
    if user.type == "limited":
        for key in ("always", "busy", "no_answer", "unreachable"):
            target = getattr(user.forwarding, key)
            if target is not None and is_uri(target):
                report.error((*where, "forwarding", key), "is a mailbox, and a limited extension has none; write an extension or outside number")
    if user.type == "forwarding":
        if user.forwarding.always is None and draft.is_sure(user.extension, "forwarding", "forwarding.always"):
            report.error((*where, "forwarding", "always"), "is missing, and this extension only forwards; write where to, or another `type`")
        for key, written in (("password", user.password), ("digest", user.digests), ("contacts", user.contacts)):
            if written:
                report.error((*where, key), "is for phones, and this extension only forwards; remove it, or write another `type`")


def _check_office(boss: Boss, draft: Draft, report: Report) -> None:
    """Who may delegate, and to whom calls may be given."""
    user = draft.users.get(boss.extension)
    if boss.kind == "executive" and user is not None and user.type != "person":
        report.error((*boss.where, "extension"), f"{draft.shown(boss.extension)} is {CALLED[user.type]} and no executive; write a person")
    for where, delegation in boss.delegations:
        member = draft.users.get(delegation.assistant)
        if member is not None and member.type != "person" and not _may_be_member(member, boss):
            text = f"{draft.shown(delegation.assistant)} is {CALLED[member.type]} and {_MUST_NOT[boss.kind]}; write a person"
            report.error(where, text)


def _may_be_member(user: User, boss: Boss) -> bool:
    """A room or a shared phone may ring with a group, but waits for no queue."""
    return boss.kind == "group" and not boss.settings.maximum_wait and user.type != "forwarding"


_MUST_NOT: Final = {"executive": "nobody's assistant", "group": "no member of this group", "service": "no agent"}

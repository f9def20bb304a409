"""What the directory makes of somebody who signs in: whether they may, as whom, and with what role (E1-E3, E10)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final, NamedTuple

from b2bua.administration.admission import NotPossible, NoUser
from b2bua.administration.viewer import Role, Viewer, counts, offices_of
from b2bua.delegation.model import Directory, Executive, User
from b2bua.delegation.organisation import Site

ADMINISTRATOR: Final = "admin"
"""The account of the first administrator. It has no extension, and a user with this extension has no account."""
WITH_ACCOUNT: Final = frozenset({"person", "forwarding"})
"""The types of users who are people; nobody signs in as a room or as a shared phone."""


class _Managers(NamedTuple):
    """Who manages what, as sites, groups and services name their managers."""

    sites: Mapping[str, Site]
    executives: Mapping[str, Executive]
    by_site: Mapping[str, frozenset[str]]
    by_office: Mapping[str, frozenset[str]]


class Standing:
    """Asks the directory; what would mean looking through all of it is worked out once per snapshot."""

    def __init__(self) -> None:
        self._managers: _Managers | None = None
        self._users: Mapping[str, User] | None = None
        self._addresses: Mapping[str, str] = {}

    def viewer(self, directory: Directory, extension: str, now: datetime, via: str, read_only: bool) -> Viewer | None:
        """None: there is no such user, or not one who may sign in now."""
        user = directory.users.get(extension)
        if user is None or not may_sign_in(user):
            return None
        known = self._who_manages(directory)
        sites = directory.below(*user.manages.sites, *known.by_site.get(extension, ()))
        offices = frozenset(user.manages.groups) | known.by_office.get(extension, frozenset())
        role: Role = user.role if user.role != "user" else "manager" if sites or offices else "user"
        works_for = frozenset(offices_of(directory, extension, now))
        return Viewer(extension, extension, user.name, role, sites, offices, _edited(directory, extension, now), via, read_only, works_for)

    def by_email(self, directory: Directory, address: str) -> str | None:
        """The extension of the only user with this e-mail address."""
        if directory.users is not self._users:
            self._users, self._addresses = directory.users, _addresses(directory.users.values())
        return self._addresses.get(address.casefold()) or None

    def _who_manages(self, directory: Directory) -> _Managers:
        known = self._managers
        if known is None or known.sites is not directory.sites or known.executives is not directory.executives:
            sites = ((each.name, each.managers) for each in directory.sites.values())
            offices = ((each.extension, each.managers) for each in directory.executives.values())
            known = self._managers = _Managers(directory.sites, directory.executives, _by_manager(sites), _by_manager(offices))
        return known


def administrator(via: str, read_only: bool) -> Viewer:
    """Who has signed in as `ADMINISTRATOR`."""
    return Viewer(ADMINISTRATOR, None, "Administrator", "super_admin", via=via, read_only=read_only)


def may_have_account(user: User) -> bool:
    """Whether this is a person, whatever their status."""
    return user.kind == "person" and user.type in WITH_ACCOUNT and user.extension != ADMINISTRATOR


def enabled_user(directory: Directory, extension: str) -> User:
    """A user who may sign in. Raises NoUser, NotPossible."""
    user = directory.users.get(extension)
    if user is None or not may_have_account(user):
        raise NoUser
    if user.status in ("invited", "not_activated"):
        raise NotPossible(f"{user.shown} is not activated yet: send an invitation")
    if user.status != "enabled":
        raise NotPossible(f"{user.shown} is {user.status}: enable the user first")
    return user


def may_sign_in(user: User) -> bool:
    """Whether this is a person who is enabled."""
    return may_have_account(user) and user.status == "enabled"


def _edited(directory: Directory, extension: str, now: datetime) -> frozenset[str]:
    """The executives whose delegation this user may edit: their own, and those who have let them, now."""
    found = {each.executive for each in directory.delegations.get(extension, ()) if "manage" in each.rights and counts(each, now)}
    if directory.is_executive(extension):
        found.add(extension)
    return frozenset(found)


def _by_manager(places: Iterable[tuple[str, Iterable[str]]]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for place, managers in places:
        for extension in managers:
            found.setdefault(extension, set()).add(place)
    return {extension: frozenset(managed) for extension, managed in found.items()}


def _addresses(users: Iterable[User]) -> dict[str, str]:
    """By e-mail address; "" where two users have the same one, who then sign in with their extensions."""
    found: dict[str, str] = {}
    for user in users:
        if user.email:
            address = user.email.casefold()
            found[address] = "" if address in found else user.extension
    return found

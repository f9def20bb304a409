"""Who looks or changes: a signed-in person or a program, and what role that gives (E1-E3, E10).

Immutable; made anew from the directory at every request, so that a right that is taken away is gone at once.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from b2bua.delegation.model import Directory

Role = Literal["user", "manager", "user_admin", "super_admin"]
ROLES: Final[tuple[Role, ...]] = ("user", "manager", "user_admin", "super_admin")
"""In rising order. manager: of the sites and of the groups, queues and services that the entry of the user names. user_admin: users and all that
belongs to them, but no super administrators and not the organisation's settings. super_admin: everything."""


class Viewer(NamedTuple):
    """Somebody who has signed in."""

    account: str
    """The extension, or the name of an account without one (``admin``)."""
    extension: str | None
    name: str
    role: Role
    sites: frozenset[str] = frozenset()
    """manager: of these sites, with those below them."""
    offices: frozenset[str] = frozenset()
    """manager: of the groups, queues and services with these extensions."""
    manages: frozenset[str] = frozenset()
    """Executives whose delegation this user may edit: their own, and those for whom they are an assistant with `manage`."""
    via: str = "page"
    """For the audit: page, or the token's name."""
    read_only: bool = False
    """A token that may only read."""

    @property
    def administers(self) -> bool:
        return self.role in ("user_admin", "super_admin")


def offices_of(directory: Directory, extension: str) -> frozenset[str]:
    """The executives whose calls and state somebody may see: themselves, where they are one, and those for whom they work now (an
    approved delegation; its times are looked at where it is used)."""
    own = {extension} if directory.is_executive(extension) else set()
    return frozenset(own | {each.executive for each in directory.delegations.get(extension, ()) if each.approval == "approved"})

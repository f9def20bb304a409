"""Who looks or changes: a signed-in person or a program, and what role that gives (E1-E3, E10).

Immutable; made anew from the directory at every request, so that a right that is taken away is gone at once.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal, NamedTuple

from b2bua.delegation.model import Delegation, Directory

Role = Literal["user", "manager", "user_admin", "super_admin"]
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
    works_for: frozenset[str] = frozenset()
    """Executives, groups and services for whom this user works now."""

    @property
    def administers(self) -> bool:
        return self.role in ("user_admin", "super_admin")


def offices_of(directory: Directory, extension: str, at: datetime) -> tuple[str, ...]:
    """The executives, groups and services for whom somebody works at that time, which is aware: whose calls and state they may see."""
    return tuple(each.executive for each in directory.delegations.get(extension, ()) if counts(each, at))


def counts(delegation: Delegation, at: datetime) -> bool:
    """Whether it is approved, has begun, and is not over."""
    begun = delegation.begins is None or delegation.begins <= at
    return begun and delegation.approval == "approved" and (delegation.ends is None or at < delegation.ends)

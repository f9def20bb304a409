"""Shared phones of which something is missing (E7)."""

from __future__ import annotations

from collections.abc import Iterator

from b2bua.delegation.hot_desk import is_shared
from b2bua.delegation.lint_finding import Finding
from b2bua.delegation.model import Directory
from b2bua.delegation.people import User


def check_desks(directory: Directory) -> Iterator[Finding]:
    """Whoever has logged in there and calls for help must be found there."""
    for user in directory.users.values():
        if is_shared(user) and not _has_place(user, directory):
            text = "is missing: who calls for help from this shared phone is not found; write where it stands, or write it at its site"
            yield Finding("warning", "users", user.extension, ("emergency_location",), text)


def _has_place(user: User, directory: Directory) -> bool:
    if user.emergency_location:
        return True
    name, seen = user.location, set[str]()
    while name is not None and name not in seen:
        seen.add(name)
        site = directory.sites.get(name)
        if site is not None and site.emergency_location:
            return True
        name = site.parent if site is not None else None
    return False

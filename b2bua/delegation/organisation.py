"""What is administered and plays no part in any call: sites, cost centres, the inventories of phones and of numbers, who manages what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

UserRole = Literal["user", "user_admin", "super_admin"]
"""What somebody may administer (E1-E3); who manages sites or groups is a manager besides."""


class Manages(NamedTuple):
    """What a manager manages."""

    sites: tuple[str, ...] = ()
    """With those below them."""
    groups: tuple[str, ...] = ()
    """Extensions of groups, queues and services."""


class Site(NamedTuple):
    """A place where people work (E9); users name it as their location."""

    name: str
    parent: str | None = None
    emergency_location: str | None = None
    """Where help is to go, for users and phones that say nothing else."""
    managers: tuple[str, ...] = ()
    """Extensions of users."""


class CostCentre(NamedTuple):
    """Who pays (E9)."""

    name: str
    parent: str | None = None
    code: str | None = None
    """As the book-keeping knows it."""


class Phone(NamedTuple):
    """A device in the inventory (E8)."""

    mac: str
    """``aa:bb:cc:dd:ee:ff``."""
    name: str
    model: str | None = None
    user: str | None = None
    """The extension of whose it is; None: on the shelf."""
    site: str | None = None


class NumberRange(NamedTuple):
    """Outside numbers that the organisation has (E17), both ends included and of the same length."""

    first: str
    last: str

    @property
    def size(self) -> int:
        """How many they are."""
        return int(self.last.removeprefix("+")) - int(self.first.removeprefix("+")) + 1


class Resources(NamedTuple):
    """All of it."""

    sites: Mapping[str, Site] = MappingProxyType({})
    cost_centres: Mapping[str, CostCentre] = MappingProxyType({})
    phones: Mapping[str, Phone] = MappingProxyType({})
    """By MAC."""
    numbers: tuple[NumberRange, ...] = ()


NOTHING_MANAGED: Final = Manages()
NO_RESOURCES: Final = Resources()


def below(nodes: Mapping[str, Site] | Mapping[str, CostCentre], tops: Iterable[str]) -> frozenset[str]:
    """The sites (or cost centres) `tops` and all below them; a name that is not there stands for itself."""
    children: dict[str | None, list[str]] = {}
    for name, node in nodes.items():
        children.setdefault(node.parent, []).append(name)
    found: set[str] = set()
    pending = list(tops)
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            pending += children.get(name, ())
    return frozenset(found)

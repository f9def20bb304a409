"""The number plan: what a dialled string leads to.

Order (first match wins): emergency number, extension, delegated line, a user's number, a trunk's pattern. Numbers of users are
matched with or without their leading ``+``, because trunks deliver both. Visual separators of RFC 3966 (``-``, ``.``, ``(``,
``)`` and blanks) in a number are ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final, Literal, NamedTuple

from b2bua.delegation.digits import normalise, number_key
from b2bua.delegation.people import TrunkRoute, User

MAX_DIALLED: Final = 64
"""Longer strings lead nowhere; it bounds the work of a trunk's regular expression."""

_OUTSIDE = re.compile(r"[A-Za-z0-9+*#._\-]+")


class Destination(NamedTuple):
    """Where a dialled string leads."""

    kind: Literal["emergency", "inside", "outside", "nowhere"]
    number: str
    """As it goes out or is shown: the extension or number without separators."""
    extension: str | None = None
    """inside: the user."""
    trunk: str | None = None
    """outside and emergency: the trunk's name (None for emergency when there is no trunk at all)."""


class NumberPlan:
    """Immutable index over users, their numbers, delegated lines, trunks' patterns and emergency numbers."""

    __slots__ = ("_by_number", "_emergency", "_lines", "_routes", "_users", "emergency_trunk")

    def __init__(
        self,
        users: Mapping[str, User],
        lines: Mapping[str, str],
        trunks: Iterable[TrunkRoute],
        emergency: Iterable[str],
        owners: Mapping[str, str] | None = None,
    ) -> None:
        """`users` by extension, `lines` from a delegated line's name to the assistant's extension, `trunks` in order; `owners`: the
        extensions by the look-up keys of the users' numbers, where they are known already."""
        trunks = tuple(trunks)
        self._users = users
        self._lines = lines
        self._by_number = owners_of(users.values()) if owners is None else owners
        self._routes = tuple((re.compile(pattern), trunk.name) for trunk in trunks for pattern in trunk.numbers)
        self._emergency = frozenset(emergency)
        first_choice = next((trunk for trunk in trunks if trunk.emergency), trunks[0] if trunks else None)
        self.emergency_trunk: str | None = first_choice.name if first_choice else None

    @property
    def owners(self) -> Mapping[str, str]:
        """The extensions by the look-up keys of the users' numbers."""
        return self._by_number

    def owner_of(self, number: str) -> str | None:
        """The extension of the user whose outside number this is, with or without ``+``."""
        return self._by_number.get(number_key(number))

    def trunk_for(self, number: str) -> str | None:
        """The trunk whose pattern matches first, None when no trunk takes the number."""
        if len(number) > MAX_DIALLED or not _OUTSIDE.fullmatch(number):
            return None
        for pattern, trunk in self._routes:
            if pattern.search(number):
                return trunk
        return None

    def is_emergency(self, dialled: str) -> bool:
        """Whether this is an emergency number (B9)."""
        return self.resolve(dialled).kind == "emergency"

    def resolve(self, dialled: str) -> Destination:
        """What `dialled` leads to."""
        if len(dialled) > MAX_DIALLED:
            return Destination("nowhere", dialled)
        if dialled in self._emergency:
            return Destination("emergency", dialled, trunk=self.emergency_trunk)
        if dialled in self._users:
            return Destination("inside", dialled, extension=dialled)
        if dialled in self._lines:
            return Destination("inside", dialled, extension=self._lines[dialled])
        assistant, dash, executive = dialled.partition("-")
        if dash and assistant in self._users and (executive in self._users or executive in self._emergency):
            return Destination("nowhere", dialled)  # written like a delegated line; nobody means the digits of both as one number
        number = normalise(dialled)
        if number in self._emergency:
            return Destination("emergency", number, trunk=self.emergency_trunk)
        extension = self._by_number.get(number.removeprefix("+"))
        if extension is not None:
            return Destination("inside", number, extension=extension)
        trunk = self.trunk_for(number)
        if trunk is not None:
            return Destination("outside", number, trunk=trunk)
        return Destination("nowhere", number)


def owners_of(users: Iterable[User]) -> dict[str, str]:
    """The extensions of `users` by the look-up keys of their numbers."""
    return {number_key(number): user.extension for user in users for number in user.numbers}

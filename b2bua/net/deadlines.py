"""Things that must happen within the same number of seconds: a queue in the order of their ends."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

Item = TypeVar("Item", bound=Hashable)


class Deadlines(Generic[Item]):
    """Items that are due `seconds` after they were last set; each operation costs the same however many there are."""

    __slots__ = ("_due", "_seconds")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._due: dict[Item, float] = {}  # insertion order is the order of the deadlines, as all wait equally long

    def __len__(self) -> int:
        return len(self._due)

    def __contains__(self, item: Item) -> bool:
        return item in self._due

    def set(self, item: Item, now: float) -> None:
        """(Re)start the wait for `item`."""
        self._due.pop(item, None)
        self._due[item] = now + self._seconds

    def discard(self, item: Item) -> None:
        """Stop waiting for `item`, if it is waited for."""
        self._due.pop(item, None)

    def first(self) -> float | None:
        """When the next item is due."""
        return next(iter(self._due.values()), None)

    def expired(self, now: float) -> list[Item]:
        """Take out and return what is due."""
        found: list[Item] = []
        for item, due in self._due.items():
            if due > now:
                break
            found.append(item)
        for item in found:
            del self._due[item]
        return found

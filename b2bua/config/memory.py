"""What has been read from the entries of a directory, so that after a change only what the change touches is read again.

An entry is known by where it stands and by its body, which must be the same object. What else its reading depends on, users above all,
is named in the body; the rest (schedules, caller groups, the time zone) makes everything be read again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from b2bua.config.schema import Report
from b2bua.config.yamltree import Where
from b2bua.errors import Problem

_LONGEST_NAME: Final = 32
"""No extension is longer."""


class Read(NamedTuple):
    """What was read from an entry, without errors."""

    item: object
    result: Any
    warnings: tuple[Problem, ...]
    names: frozenset[str]
    """Every word in it that may be an extension."""
    expires: datetime | None
    """From then on other warnings are due."""


class Mark(NamedTuple):
    """How much a report had before something was read."""

    problems: int
    warnings: int
    asked: int


NOTHING: Final[Mapping[Where, Read]] = MappingProxyType({})


class Memory:
    """What is known from before, and what is known now."""

    def __init__(self, now: datetime, before: Mapping[Where, Read] = NOTHING, *, keeps: bool = False) -> None:
        """`keeps` False: for a file that is read once."""
        self._now = now
        self._before = before
        self._keeps = keeps
        self.known: dict[Where, Read] = {}
        self.changed: set[str] = set()
        """Extensions of users, groups and services that are not as they were before."""

    def recall(self, where: Where, item: object, report: Report) -> Any:
        """What was read from this entry, its warnings said again; None when it is to be read."""
        known = self._before.get(where)
        if known is None or known.item is not item or not known.names.isdisjoint(self.changed):
            return None
        if known.expires is not None and known.expires <= self._now:
            return None
        self.known[where] = known
        report.warnings += known.warnings
        return known.result

    def forget(self) -> None:
        """Nothing from before counts any more."""
        self._before = NOTHING

    def mark(self, report: Report) -> Mark:
        """Before an entry is read."""
        return Mark(len(report.problems), len(report.warnings), report.guesses.asked)

    def keep(
        self, where: Where, item: object, result: Any, report: Report, mark: Mark, *, names: bool = False, expires: datetime | None = None
    ) -> None:
        """`result` was read from the entry, unless something was wrong. A guess depends on all the others, and is made anew.

        `names`: whether it depends on users that it names.
        """
        if self._keeps and mark.problems == len(report.problems) and mark.asked == report.guesses.asked:
            words = frozenset(_words(item)) if names else frozenset[str]()
            self.known[where] = Read(item, result, tuple(report.warnings[mark.warnings :]), words, expires)


def _words(node: object) -> Iterator[str]:
    if isinstance(node, str):
        if len(node) <= _LONGEST_NAME:
            yield node
    elif isinstance(node, Mapping):
        for key, value in node.items():
            yield from _words(key)
            yield from _words(value)
    elif isinstance(node, list | tuple):
        for each in node:
            yield from _words(each)

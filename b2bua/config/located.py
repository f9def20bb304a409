"""Findings about entries of a directory that does not stand in a file: by kind and key instead of by line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from b2bua.config.schema import Report
from b2bua.config.yamltree import Map, Where, dotted
from b2bua.errors import Problem

KEY_FIELDS: Final[Mapping[str, str]] = {
    "sites": "name",
    "cost_centres": "name",
    "users": "extension",
    "phones": "mac",
    "executives": "extension",
    "groups": "extension",
    "services": "extension",
    "duty_profiles": "name",
    "conferences": "number",
}
"""Which field of a list's entry names it."""
NAMED: Final = frozenset({"schedules", "caller_groups"})
"""Mappings by name; the body of an entry is ``{"value": …}``."""


class Located(NamedTuple):
    """One finding."""

    kind: str
    """"organisation", with the key "", for what stands in no list."""
    key: str
    field: str
    """The path in the body, ``assistants[3].rights``; "" for the entry as a whole."""
    text: str
    is_error: bool

    def __str__(self) -> str:
        place = f"{self.kind} {self.key}".rstrip()
        return f"{place}: {self.field}: {self.text}" if self.field else f"{place}: {self.text}"


@dataclass(frozen=True, slots=True)
class EntryProblem(Problem):
    """A finding, before it is said of which severity it is."""

    where: Where = ()

    def located(self, *, is_error: bool) -> Located:
        kind, *rest = self.where or ("organisation",)
        if kind in KEY_FIELDS:
            return Located(str(kind), str(rest[0]) if rest else "", _path(rest[1:]), self.text, is_error)
        if kind in NAMED and rest:
            return Located(str(kind), str(rest[0]), _path(["value", *rest[1:]]), self.text, is_error)
        return Located("organisation", "", _path(self.where), self.text, is_error)


def _path(where: list[str | int] | Where) -> str:
    return dotted(tuple(where)) if where else ""


class EntryReport(Report):
    """Findings by entry: where something stands begins with kind and key, and so stays what it is when others come and go."""

    def __init__(self) -> None:
        super().__init__("", Map(1))

    def entry(self, kind: str, index: int, item: object) -> Where:
        key = item.get(KEY_FIELDS[kind]) if isinstance(item, dict) else None
        return (kind, key if isinstance(key, str) else f"#{index + 1}")

    def located(self) -> tuple[tuple[Located, ...], tuple[Located, ...]]:
        """The errors, and the warnings."""
        return _located(self.problems, is_error=True), _located(self.warnings, is_error=False)

    def beside(self, where: Where) -> str:
        return ""

    def key(self, where: Where) -> str:
        return f"`{_path(where[2:])}`"

    def _problem(self, where: Where, text: str) -> Problem:
        return EntryProblem("", 1, "", text, where)


def _located(found: Iterable[Problem], *, is_error: bool) -> tuple[Located, ...]:
    return tuple(each.located(is_error=is_error) for each in found if isinstance(each, EntryProblem))

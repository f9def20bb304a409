"""Whose fault a finding is: from what is wrong with the directory, as rows want it, back to row and column."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from b2bua.administration import columns as col
from b2bua.administration.entries import Finding, Put
from b2bua.administration.rows import Line, Wrong
from b2bua.administration.wishes import Wishes, extension_of

_INDEX: Final = re.compile(r"\[([0-9]+)\]")
_WORD: Final = re.compile(r"[A-Za-z0-9._]+")


def blame(finding: Finding, wishes: Wishes) -> list[Wrong]:
    """The lines of the error sheet for what is wrong with the directory as the rows want it: one for each row that may be meant."""
    name = (finding.kind, finding.key)
    rows = wishes.sources.get(name) or _named(finding, wishes)
    if not rows:
        return [Wrong(0, "", f"{finding.kind} {finding.key} {finding.field}".strip(), finding.text)]
    column = _column(finding)
    own = [row for row in rows if wishes.lines[row].extension == finding.key]
    guest = _guest(finding, wishes, rows)
    if guest is not None:
        return [_at(wishes.lines[guest], col.ASSISTANT_OF, finding.text)]
    elsewhere = "" if name in wishes.sources else f"{finding.kind} {finding.key}: {finding.field}: "
    return [_at(wishes.lines[row], "" if elsewhere else column, elsewhere + finding.text) for row in own or rows]


def _at(line: Line, column: str, text: str) -> Wrong:
    return Wrong(line.number, column, line.cells.get(column, ""), text)


def _column(finding: Finding) -> str:
    """The column that a path in a body belongs to: the longest that is the beginning of it."""
    path = _INDEX.sub("", finding.field).split(".")
    names = {column.path: column.name for column in col.columns().values() if column.holder == finding.kind and column.path}
    while path:
        if tuple(path) in names:
            return names[tuple(path)]
        path.pop()
    return ""


def _guest(finding: Finding, wishes: Wishes, rows: Sequence[int]) -> int | None:
    """The row of an assistant who has joined an executive by `assistant_of`, where the finding is about that delegation."""
    match = _INDEX.search(finding.field)
    if finding.kind != "executives" or match is None or not finding.field.startswith(col.ASSISTANTS):
        return None
    op = next((each for each in wishes.ops if (each.kind, each.key) == ("executives", finding.key)), None)
    items = op.body.get(col.ASSISTANTS, ()) if isinstance(op, Put) else ()
    extension = extension_of(items[int(match[1])]) if int(match[1]) < len(items) else ""
    return next((row for row in rows if wishes.lines[row].extension == extension != finding.key), None)


def _named(finding: Finding, wishes: Wishes) -> list[int]:
    """The rows of users whom the words about an entry name that no row is about: a number that they have taken, a user who is gone."""
    words = set(_WORD.findall(finding.text))
    found = [rows[0] for (kind, key), rows in wishes.sources.items() if kind == "users" and key in words]
    return found[:1]

"""The rows of a sheet of users: by column and value, with a line for everything that cannot be read."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from b2bua.administration import columns as col
from b2bua.administration.columns import Column
from b2bua.administration.entries import SECRETS
from b2bua.administration.sheets import Row, Sheet, is_formula, unguarded
from b2bua.config.values import parse_extension

MAX_SHOWN: Final = 200
"""Characters of a cell in the error sheet."""
Beat = Callable[[int], None]
"""Told how many rows are done; may raise to stop the work."""


class Wrong(NamedTuple):
    """One line of the error sheet."""

    row: int
    """As spreadsheet programs count; 0: no row of the file."""
    column: str
    value: str
    """What stands there; never a password."""
    text: str
    """What is wrong, and what to write instead."""


@dataclass(frozen=True, slots=True)
class Line:
    """A row that can be read."""

    number: int
    extension: str
    values: Mapping[Column, Any]
    """None: take away what is there."""
    cells: Mapping[str, str]
    """By the name of the column, as written, without secrets."""


class Reading(NamedTuple):
    """A sheet as read, before it is held against the directory."""

    lines: tuple[Line, ...]
    wrong: tuple[Wrong, ...]
    hopeless: bool = False
    """The header cannot be used: there is no telling what the rows mean."""
    spoilt: tuple[Line, ...] = ()
    """Rows with cells that cannot be read, which stand in `wrong`: what else is wrong with them is to be told at the same time."""


def read_lines(sheet: Sheet, beat: Beat = lambda _: None) -> Reading:
    """The rows by column and value, and what cannot be read of them."""
    heads, wrong = _heads(sheet)
    if wrong:
        return Reading((), tuple(wrong), hopeless=True)
    lines: list[Line] = []
    spoilt: list[Line] = []
    seen: dict[str, int] = {}
    for done, row in enumerate(sheet.rows):
        if not done & 0xFF:
            beat(done)
        before = len(wrong)
        found = _line(row, heads, wrong)
        if found is not None and found.extension in seen:
            text = f"{found.extension} stands on row {seen[found.extension]}, too; write each extension once"
            wrong.append(Wrong(row.number, col.KEY, found.extension, text))
        elif found is not None:
            seen[found.extension] = row.number
            (lines if len(wrong) == before else spoilt).append(found)
    beat(len(sheet.rows))
    return Reading(tuple(lines), tuple(wrong), spoilt=tuple(spoilt))


def _heads(sheet: Sheet) -> tuple[dict[int, Column], list[Wrong]]:
    """Which column stands where."""
    found: dict[int, Column] = {}
    wrong: list[Wrong] = []
    row = sheet.header.number
    for index, cell in enumerate(sheet.header.cells):
        word = unguarded(cell).strip().lower()
        column = col.known().get(word)
        if column is not None and column in found.values():
            wrong.append(Wrong(row, column.name, _cut(cell), f"{column.name} stands in the first line twice; remove one of the two columns"))
        elif column is not None:
            found[index] = column
        elif word in SECRETS:
            wrong.append(Wrong(row, word, _cut(cell), f"{word} cannot stand in a sheet; write the column {col.PASSWORD} with a new password"))
        elif word:
            wrong.append(Wrong(row, _cut(cell), _cut(cell), f"is no column{_guess(word)}; correct the name, or remove the column"))
        elif any(len(each.cells) > index and each.cells[index].strip() for each in sheet.rows):
            wrong.append(Wrong(row, _letters(index), "", f"column {_letters(index)} has values and no name; write its name in the first line"))
    if not any(column.name == col.KEY for column in found.values()):
        guess = "" if found else "; the first line of the file must name the columns"
        wrong.append(Wrong(row, col.KEY, "", f"there is no column {col.KEY}, which says who is meant{guess}; write it"))
    return found, wrong


def _guess(word: str) -> str:
    close = difflib.get_close_matches(word, list(col.known()), n=1, cutoff=0.6)
    return f"; did you mean {col.known()[close[0]].name}?" if close else ""


def _line(row: Row, heads: Mapping[int, Column], wrong: list[Wrong]) -> Line | None:
    """What can be read of it, and None when there is no telling whom it means, or what; `wrong` says what cannot be read."""
    before = len(wrong)
    values: dict[Column, Any] = {}
    cells: dict[str, str] = {}
    for index, column in heads.items():
        raw = row.cells[index] if index < len(row.cells) else ""
        if index in row.formulas:
            wrong.append(Wrong(row.number, column.name, "", "is a formula; write its result as a value"))
        elif raw.strip():
            if not column.secret:
                cells[column.name] = _cut(unguarded(raw))
            _read_cell(row, column, raw, values, wrong)
    if _beyond(row, heads):
        wrong.append(Wrong(row.number, "", "", "has more cells than the first line has columns; a separator may stand unquoted in a cell"))
        return None
    extension = values.pop(col.columns()[col.KEY], "")
    if not extension and not any(each.column == col.KEY for each in wrong[before:]):
        wrong.append(Wrong(row.number, col.KEY, "", "is missing; write the extension of the user whom this row is about"))
    return Line(row.number, extension, values, cells) if extension else None


def _beyond(row: Row, heads: Mapping[int, Column]) -> bool:
    """Whether something stands to the right of the last named column."""
    return any(cell.strip() for cell in row.cells[max(heads) + 1 :]) if len(row.cells) > max(heads) + 1 else False


def _read_cell(row: Row, column: Column, raw: str, values: dict[Column, Any], wrong: list[Wrong]) -> None:
    text = unguarded(raw)
    shown = "" if column.secret else _cut(text)
    if text == raw and raw.strip() == col.CLEAR and column.name != col.KEY:
        values[column] = None
        return
    if text == raw and not column.secret and is_formula(raw):
        wrong.append(Wrong(row.number, column.name, shown, "begins like a formula; write the text itself, or an apostrophe before it"))
        return
    try:
        values[column] = parse_extension(text.strip()) if column.name == col.KEY else text if column.secret else col.read(column.shape, text)
    except ValueError as error:
        wrong.append(Wrong(row.number, column.name, shown, str(error)))


def _cut(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 1]}…"


def _letters(index: int) -> str:
    """0 is A, 26 is AA."""
    found = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        found = chr(65 + rest) + found
    return found

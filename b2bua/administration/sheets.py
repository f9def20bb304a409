"""Spreadsheets: what a CSV or XLSX file holds, row by row, and the same way out.

A file is hostile until it is read: size, rows, columns and cells are bounded, and nothing that a spreadsheet program would compute comes in
or goes out. On the way out a text that begins like a formula gets an apostrophe before it, which the way in takes off again.
"""

from __future__ import annotations

import csv
import io
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import IO, Final, Literal, NamedTuple

import xlsxwriter  # type: ignore[import-untyped]

from b2bua.administration.workbooks import MAX_CELL, MAX_COLUMNS, MAX_ROWS, Damaged, Formula, read_workbook

Format = Literal["csv", "xlsx"]
MAX_BYTES: Final = 32 << 20
TYPES: Final = {"csv": "text/csv; charset=utf-8", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}
_STARTERS: Final = frozenset("=+-@\t\r'")
_DELIMITERS: Final = (",", ";", "\t")
_PHONE = re.compile(r"[+-][0-9 ()./;*+-]*")
"""What begins like a formula and is a number, or several."""
_OPEN: Final = b"PK\x03\x04"
_OLD: Final = b"\xd0\xcf\x11\xe0"


class Unreadable(Exception):
    """A file of which nothing can be read; says what is wrong and what to do."""


class Row(NamedTuple):
    """One line of a sheet."""

    number: int
    """As spreadsheet programs count: the first line is 1."""
    cells: tuple[str, ...]
    """As they were written: no apostrophe is taken off yet."""
    formulas: frozenset[int] = frozenset()
    """Columns (from 0) in which a formula stands."""


class Sheet(NamedTuple):
    """What has been read of a file."""

    header: Row
    rows: tuple[Row, ...]
    """Without empty ones."""
    notes: tuple[str, ...] = ()
    """What the reader has guessed."""


Tick = Callable[[int], None]
"""Told how many rows there are so far; may raise to stop the reading."""


def read_sheet(data: bytes, tick: Tick = lambda _: None) -> Sheet:
    """The sheet in a CSV or XLSX file; which of the two, its first bytes say. Raises Unreadable."""
    if len(data) > MAX_BYTES:
        raise Unreadable(f"the file is larger than {MAX_BYTES >> 20} MiB: split it")
    if data.startswith(_OLD):
        raise Unreadable("the file is encrypted, or an old Excel file (.xls): save it as .xlsx without a password, or as CSV")
    if data.startswith(_OPEN):
        try:
            notes, found = read_workbook(data, tick)
        except Damaged as error:
            raise Unreadable(str(error)) from error
        rows = [Row(number, tuple(_plain(cell) for cell in cells), _formulas(cells)) for number, cells in found]
    else:
        text, notes = _decoded(data)
        rows = list(_csv_rows(text, tick))
    if not rows:
        raise Unreadable("the file is empty: its first line must name the columns, such as extension and name")
    return Sheet(rows[0], tuple(rows[1:]), tuple(notes))


def _plain(cell: str | Formula) -> str:
    return cell if isinstance(cell, str) else ""


def _formulas(cells: Sequence[str | Formula]) -> frozenset[int]:
    return frozenset(index for index, cell in enumerate(cells) if not isinstance(cell, str))


# --- text ---------------------------------------------------------------------------------------------------------------------


def _decoded(data: bytes) -> tuple[str, list[str]]:
    """The text of a CSV file, and what was guessed about it."""
    encoding, notes = _encoding(data), []
    if encoding == "cp1252":
        notes.append("The file is not UTF-8; it was read as Windows-1252. If letters look wrong, save it as “CSV UTF-8”.")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise Unreadable(f"the file is no text at byte {error.start}: save it as “CSV UTF-8”, or as .xlsx") from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise Unreadable(f"line {line} has a NUL character: this is no CSV file; save it as “CSV UTF-8”, or as .xlsx")
    return text, notes


def _encoding(data: bytes) -> str:
    if data.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    start = data[:1_000]
    if len(start) >= 4 and 0 in start and len(start) % 2 == 0:  # UTF-16 without its mark: half of the bytes of Latin text are zero
        if not any(start[0::2]):
            return "utf-16-be"
        if not any(start[1::2]):
            return "utf-16-le"
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _csv_rows(text: str, tick: Tick) -> Iterator[Row]:
    """The rows that hold something. Raises Unreadable."""
    text, delimiter = _delimiter(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    number, kept = 0, 0
    try:
        for cells in reader:
            number += 1
            if not number & 0x3FF:
                tick(kept)
            if not any(cells):
                continue
            if len(cells) > MAX_COLUMNS and any(cells[MAX_COLUMNS:]):
                raise Unreadable(f"line {reader.line_num} has more than {MAX_COLUMNS} columns: is this the right file?")
            kept += 1
            if kept > MAX_ROWS + 1:
                raise Unreadable(f"the file has more than {MAX_ROWS:,} rows: split it")
            yield Row(number, tuple(cells))
    except csv.Error as error:
        raise Unreadable(_unbalanced(reader.line_num, error)) from error
    tick(kept)


def _unbalanced(line: int, error: csv.Error) -> str:
    if "field larger" in str(error):
        return f"line {line} has a cell of more than {MAX_CELL:,} characters; a quote may be missing before it"
    return f"line {line}: quotes are not balanced; inside a quoted cell write each quote twice"


def _delimiter(text: str) -> tuple[str, str]:
    """What separates cells: what ``sep=`` in the first line says, or what the header has most of."""
    first = text[: text.find("\n") if "\n" in text else len(text)].rstrip("\r")
    if first.lower().startswith("sep=") and len(first) == 5:
        return text[len(first) :].lstrip("\r\n"), first[4]
    bare = re.sub(r'"[^"]*"', "", first)
    return text, max(_DELIMITERS, key=bare.count)


# --- formulas -----------------------------------------------------------------------------------------------------------------


def guarded(text: str) -> str:
    """The text as it is safe in a spreadsheet."""
    return f"'{text}" if text[:1] in _STARTERS and text else text


def unguarded(text: str) -> str:
    """The inverse."""
    return text[1:] if text[:1] == "'" and text[1:2] in _STARTERS and len(text) > 1 else text


def is_formula(cell: str) -> bool:
    """Whether a spreadsheet program would compute this text; numbers of telephones are not meant."""
    return cell[:1] in ("=", "@", "\t", "\r") or (cell[:1] in ("+", "-") and not _PHONE.fullmatch(cell))


# --- the way out --------------------------------------------------------------------------------------------------------------


def write_sheet(format_: Format, header: Sequence[str], rows: Iterable[Sequence[str]], *, name: str = "users") -> IO[bytes]:
    """A file, rewound, which the caller closes; in memory while it is small. Every text is guarded. Raises Unreadable for what the
    format cannot hold."""
    file: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=4 << 20)  # noqa: SIM115 - the caller closes it
    try:
        if format_ == "csv":
            _write_csv(file, header, rows)
        else:
            _write_xlsx(file, header, rows, name)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file


def _write_csv(file: IO[bytes], header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """With a mark of its encoding, without which Excel takes UTF-8 for something else."""
    with _text(file) as text:
        text.write("\ufeff")
        writer = csv.writer(text)
        writer.writerow(header)
        writer.writerows([guarded(cell) for cell in row] for row in rows)


@contextmanager
def _text(file: IO[bytes]) -> Iterator[io.TextIOWrapper]:
    wrapper = io.TextIOWrapper(file, "utf-8", errors="replace", newline="")
    try:
        yield wrapper
    finally:
        wrapper.flush()
        wrapper.detach()


def _write_xlsx(file: IO[bytes], header: Sequence[str], rows: Iterable[Sequence[str]], name: str) -> None:
    """Every cell is a text: extensions keep their zeros, and nothing is computed."""
    with closing(xlsxwriter.Workbook(file, {"constant_memory": True})) as book:
        sheet = book.add_worksheet(name)
        text = book.add_format({"num_format": "@"})
        sheet.set_column(0, max(len(header) - 1, 0), 18, text)
        sheet.freeze_panes(1, 1)
        for column, word in enumerate(header):
            sheet.write_string(0, column, word, book.add_format({"bold": True}))
        for index, row in enumerate(rows, 1):
            for column, cell in enumerate(row):
                if cell and sheet.write_string(index, column, guarded(cell), text) == _TOO_LONG:
                    raise Unreadable(f"row {index + 1}, {header[column]}: {len(cell):,} characters are too long for .xlsx; export CSV instead")


_TOO_LONG: Final = -2
"""Of `write_string`: Excel's limit is 32,767 characters."""

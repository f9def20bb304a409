"""XLSX files from strangers (ECMA-376): one streaming pass over the XML, so that memory follows what the file holds, not what it claims.

A reader that builds the rectangle between the first and the last cell can be made to fill the memory by two cells, and one that copies
shared texts by a thousand references; here a cell costs what it is. Formulas are seen as formulas, not as their last value.
"""

from __future__ import annotations

import functools
import io
import re
import zipfile
import zlib
from collections.abc import Callable
from typing import Any, Final
from xml.parsers import expat

MAX_ROWS: Final = 100_000
MAX_COLUMNS: Final = 256
MAX_CELL: Final = 131_072
"""Characters."""
MAX_UNPACKED: Final = 256 << 20
MAX_PARTS: Final = 1_000
MAX_SHEETS: Final = 50
MAX_STRINGS: Final = 2_000_000
MAX_DEPTH: Final = 64
CHUNK: Final = 1 << 16
_REFERENCE = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})")
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_DAMAGED: Final = "the file is damaged or incomplete: open it and save it anew as .xlsx"


class Damaged(Exception):
    """A workbook that is not read; says why and what to do."""


class Formula:
    """A cell that is computed."""


FORMULA: Final = Formula()
Cells = list[str | Formula]


def read_workbook(data: bytes, tick: Callable[[int], None]) -> tuple[list[str], list[tuple[int, Cells]]]:
    """What was guessed, and the rows of the first visible sheet (or the one called ``users``) that hold something, by number.

    Raises Damaged.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = _inspected(archive, data)
            return _read(archive, parts, tick)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, ValueError, KeyError, RuntimeError, expat.ExpatError) as error:
        raise Damaged(_DAMAGED) from error


def _inspected(archive: zipfile.ZipFile, data: bytes) -> dict[str, str]:
    """The parts by lower-case name, after everything has been unpacked once, into nowhere: what a part claims to be is no matter."""
    infos = archive.infolist()
    if len(infos) > MAX_PARTS:
        raise Damaged(f"the file has more than {MAX_PARTS} parts: this is no spreadsheet")
    parts = {info.filename.lower(): info.filename for info in infos}
    if any(info.flag_bits & 1 for info in infos):
        raise Damaged("the file is encrypted: save it without a password")
    if any(name.endswith("vbaproject.bin") or name.startswith("xl/macrosheets/") for name in parts):
        raise Damaged("the file holds macros: save it as .xlsx without them")
    if "[content_types].xml" not in parts:
        raise Damaged("the file is a ZIP archive but no spreadsheet: save it as .xlsx or CSV")
    left = MAX_UNPACKED
    for info in infos:
        left -= _unpacked(info, data, left)
    if b"macroEnabled" in archive.read(parts["[content_types].xml"]):
        raise Damaged("the file holds macros: save it as .xlsx without them")
    return parts


def _unpacked(info: zipfile.ZipInfo, data: bytes, limit: int) -> int:
    """The size of a part as it really unpacks. Raises Damaged when that is more than `limit`."""
    if info.compress_type == zipfile.ZIP_STORED:
        size = info.compress_size
    elif info.compress_type == zipfile.ZIP_DEFLATED:
        size = _inflated(info, data, limit)
    else:
        raise Damaged(_DAMAGED)
    if max(size, info.file_size) > limit:
        raise Damaged(f"the file unpacks to more than {MAX_UNPACKED >> 20} MiB: remove what is no list of users, or save it as CSV")
    return size


def _inflated(info: zipfile.ZipInfo, data: bytes, limit: int) -> int:
    """RFC 1951, chunk by chunk. The local header says where the packed bytes begin (APPNOTE.TXT 4.3.7)."""
    offset = info.header_offset
    header = data[offset : offset + 30]
    if header[:4] != b"PK\x03\x04":
        raise Damaged(_DAMAGED)
    begin = offset + 30 + int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    packed: bytes | memoryview = memoryview(data)[begin : begin + info.compress_size]
    unpacker, size = zlib.decompressobj(-15), 0
    while packed and not unpacker.eof and size <= limit:
        size += len(unpacker.decompress(packed, CHUNK * 16))
        packed = unpacker.unconsumed_tail
    return size


def _read(archive: zipfile.ZipFile, parts: dict[str, str], tick: Callable[[int], None]) -> tuple[list[str], list[tuple[int, Cells]]]:
    sheets = _sheets(archive, parts)
    name, path = next((each for each in sheets if each[0].casefold() == "users"), sheets[0])
    others = len(sheets) - 1
    notes = [f"Only the sheet “{name}” was read; the file has {others} more."] if others else []
    strings = _Strings()
    if "xl/sharedstrings.xml" in parts:
        _parse(archive, parts["xl/sharedstrings.xml"], strings, lambda: tick(0))
    cells = _Cells(strings.found)
    _parse(archive, path, cells, lambda: tick(len(cells.rows)))
    return notes, cells.rows


def _sheets(archive: zipfile.ZipFile, parts: dict[str, str]) -> list[tuple[str, str]]:
    """The visible worksheets: name and part."""
    if "xl/workbook.xml" not in parts:
        raise Damaged("the file is no Excel workbook: save it as .xlsx or CSV")
    listed, targets = _Elements("sheet"), _Elements("Relationship")
    _parse(archive, parts["xl/workbook.xml"], listed)
    _parse(archive, parts.get("xl/_rels/workbook.xml.rels", ""), targets)
    if len(listed.found) > MAX_SHEETS:
        raise Damaged(f"the file has more than {MAX_SHEETS} sheets: keep the one with the users")
    by_id = {each.get("Id", ""): each for each in targets.found if each.get("Type", "").endswith("/worksheet")}
    found = []
    for each in listed.found:
        target = by_id.get(each.get("id", ""), {}).get("Target", "")
        path = (target.lstrip("/") if target.startswith("/") else f"xl/{target}").lower()
        if target and path in parts and each.get("state", "visible") == "visible":
            found.append((each.get("name", ""), parts[path]))
    if not found:
        raise Damaged("the file has no visible sheet with rows")
    return found


# --- XML ----------------------------------------------------------------------------------------------------------------------


class _Elements:
    """Collects the attributes of every element of one name."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.found: list[dict[str, str]] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == self._name:
            self.found.append({_local(key): value for key, value in attributes.items()})

    def end(self, name: str) -> None:
        pass

    def text(self, text: str) -> None:
        pass


class _Strings:
    """``xl/sharedStrings.xml``: the texts that cells point at; readings (``rPh``) are no part of them."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._parts: list[str] = []
        self._reading = self._aside = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "si":
            self._parts = []
        elif name == "rPh":
            self._aside = True
        elif name == "t":
            self._reading = not self._aside

    def end(self, name: str) -> None:
        if name == "t":
            self._reading = False
        elif name == "rPh":
            self._aside = False
        elif name == "si":
            self.found.append(_unescaped("".join(self._parts)))
            if len(self.found) > MAX_STRINGS:
                raise Damaged(f"the file has more than {MAX_STRINGS:,} texts: split it")

    def text(self, text: str) -> None:
        if self._reading:
            self._parts.append(text)


class _Cells:
    """A worksheet: the cells that hold something, row by row."""

    def __init__(self, strings: list[str]) -> None:
        self.rows: list[tuple[int, Cells]] = []
        self._strings = strings
        self._row, self._column = 0, -1
        self._cells: dict[int, str | Formula] = {}
        self._kind, self._formula = "", False
        self._parts: list[str] = []
        self._reading = self._aside = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "c":
            self._begin_cell(attributes)
        elif name == "v" or (name == "t" and not self._aside):
            self._reading = True
        elif name == "f":
            self._formula = True
        elif name == "rPh":
            self._aside = True
        elif name == "row":
            written = attributes.get("r", "")
            self._row = int(written) if written.isascii() and written.isdigit() and len(written) < 9 else self._row + 1
            self._column, self._cells = -1, {}

    def _begin_cell(self, attributes: dict[str, str]) -> None:
        self._kind, self._formula, self._parts = attributes.get("t", "n"), False, []
        reference = attributes.get("r")
        if reference is None:
            self._column += 1
            return
        match = _REFERENCE.fullmatch(reference)
        if match is None or int(match[2]) != self._row:
            raise Damaged(_DAMAGED)
        self._column = _index(match[1])

    def end(self, name: str) -> None:
        if name in ("v", "t"):
            self._reading = False
        elif name == "rPh":
            self._aside = False
        elif name == "c":
            self._end_cell()
        elif name == "row" and self._cells:
            self._end_row()

    def text(self, text: str) -> None:
        if self._reading:
            self._parts.append(text)

    def _end_cell(self) -> None:
        value = FORMULA if self._formula else self._value("".join(self._parts))
        if isinstance(value, str) and not value:
            return
        if self._column >= MAX_COLUMNS:
            raise Damaged(f"row {self._row} has more than {MAX_COLUMNS} columns: is this the right file?")
        if isinstance(value, str) and len(value) > MAX_CELL:
            raise Damaged(f"row {self._row} has a cell of more than {MAX_CELL:,} characters")
        self._cells[self._column] = value

    def _value(self, raw: str) -> str:
        match self._kind:
            case "s":
                return self._strings[int(raw)] if raw.isdigit() and int(raw) < len(self._strings) else ""
            case "str" | "inlineStr":
                return _unescaped(raw)
            case "b":
                return "true" if raw == "1" else "false" if raw else ""
            case "n":
                return _number(raw)
        return raw  # e: an error such as #REF!, d: a date in ISO 8601

    def _end_row(self) -> None:
        cells: Cells = [""] * (max(self._cells) + 1)
        for column, value in self._cells.items():
            cells[column] = value
        self.rows.append((self._row, cells))
        if len(self.rows) > MAX_ROWS + 1:
            raise Damaged(f"the file has more than {MAX_ROWS:,} rows: split it")


def _parse(archive: zipfile.ZipFile, name: str, handler: Any, pause: Callable[[], None] = lambda: None) -> None:
    """A part of the archive through expat; `pause` is called now and then and may raise. A document type is refused: entities are how
    XML grows."""
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    depth = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise Damaged(_DAMAGED)
        handler.start(_local(tag), attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        handler.end(_local(tag))

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = handler.text
    parser.StartDoctypeDeclHandler = _refuse
    with archive.open(name) as part:
        while chunk := part.read(CHUNK):
            parser.Parse(chunk, False)
            pause()
        parser.Parse(b"", True)


def _refuse(*_: object) -> None:
    raise Damaged(_DAMAGED)


@functools.lru_cache(1_000)
def _local(name: str) -> str:
    return name.rpartition(" ")[2]


def _index(letters: str) -> int:
    """``A`` is 0, ``AA`` is 26."""
    found = 0
    for letter in letters:
        found = found * 26 + ord(letter) - 64
    return found - 1


def _number(raw: str) -> str:
    """As people write it: 667, not 667.0; a number of 15 digits keeps them."""
    if not raw or raw.lstrip("-").isdigit():
        return raw
    value = float(raw)
    return str(int(value)) if value.is_integer() and abs(value) < 1e18 else repr(value)


def _unescaped(text: str) -> str:
    """``_x000D_`` is a carriage return (ECMA-376, ST_Xstring); half a character stays as it was written."""
    return _ESCAPED.sub(lambda match: match[0] if match[1][0] in "dD" and match[1][1] in "89abcdefABCDEF" else chr(int(match[1], 16)), text)

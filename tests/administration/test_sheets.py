"""Spreadsheets from strangers and back to people: encodings, separators, damaged and hostile files, formulas both ways."""

from __future__ import annotations

import csv
import io
import struct
import time
import zipfile
from collections.abc import Sequence
from typing import Any

import openpyxl  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.administration import workbooks
from b2bua.administration.sheets import (
    MAX_BYTES,
    Format,
    Sheet,
    Unreadable,
    guarded,
    is_formula,
    read_sheet,
    unguarded,
    write_sheet,
)
from b2bua.administration.workbooks import MAX_COLUMNS, MAX_ROWS

HEADER = ["extension", "name"]
ANY_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)


def cells(sheet: Sheet) -> list[list[str]]:
    return [[unguarded(cell) for cell in row.cells] for row in sheet.rows]


def refused(data: bytes) -> str:
    with pytest.raises(Unreadable) as caught:
        read_sheet(data)
    return str(caught.value)


def written(format_: Format, rows: Sequence[Sequence[str]], header: Sequence[str] = HEADER) -> bytes:
    with write_sheet(format_, header, rows) as file:
        return file.read()


def workbook(*rows: Sequence[Any], **more: bytes) -> bytes:
    """What openpyxl, which is not what we write with, makes of the rows."""
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in rows:
        book.active.append(list(row))
    file = io.BytesIO()
    book.save(file)
    return with_parts(file.getvalue(), more) if more else file.getvalue()


def with_parts(data: bytes, parts: dict[str, bytes]) -> bytes:
    """The archive with parts added or replaced; `__` stands for a slash."""
    names = {name.replace("__", "/"): content for name, content in parts.items()}
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            if info.filename not in names:
                new.writestr(info.filename, old.read(info.filename))
        for name, content in names.items():
            new.writestr(name, content)
    return file.getvalue()


def sheet_xml(inner: str) -> bytes:
    return f'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{inner}</sheetData></worksheet>'.encode()


SHEET = "xl__worksheets__sheet1.xml"


# --- text -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_text_is_read_whatever_saved_it(separator: str, encoding: str, end: str) -> None:
    text = f"extension{separator}name{end}667{separator}Zoë Müller{end}"
    sheet = read_sheet(text.encode(encoding))
    assert sheet.header.cells == ("extension", "name")
    assert cells(sheet) == [["667", "Zoë Müller"]]
    assert sheet.notes == ()


def test_what_is_not_unicode_is_taken_for_windows_1252_and_that_is_told() -> None:
    sheet = read_sheet("extension;name\n667;Zoë – Müller".encode("cp1252"))
    assert cells(sheet) == [["667", "Zoë – Müller"]]
    assert "Windows-1252" in sheet.notes[0]


def test_bytes_that_are_no_text_at_all() -> None:
    assert "at byte 16" in refused(b"extension,name\n6\x81")


def test_excel_says_what_separates_in_its_own_line() -> None:
    assert cells(read_sheet(b"sep=;\r\nextension;name\r\n667;Boss, Olivia\r\n")) == [["667", "Boss, Olivia"]]


def test_rows_are_numbered_as_people_see_them() -> None:
    sheet = read_sheet(b'extension,name\n667,"two\nlines"\n\n,,\n676,Sam\n')
    assert [row.number for row in sheet.rows] == [2, 5]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"\n\n\n", "is empty"),
        (b'extension,name\n667,"Olivia\n676,Sam\n', "quotes are not balanced"),
        (b'extension,name\n667,"Olivia"x\n', "line 2: quotes are not balanced"),
        (b"extension,name\n667,Oli\0via\n", "line 2 has a NUL"),
        (b"extension,name\n667," + b"x" * 140_000 + b"\n", "a cell of more than"),
        (b"\xd0\xcf\x11\xe0" + bytes(2_000), "encrypted, or an old Excel file"),
        (b"," * 300 + b"x\n", f"more than {MAX_COLUMNS} columns"),
        (b"x" * (MAX_BYTES + 1), "larger than 32 MiB"),
    ],
)
def test_text_that_is_refused_says_why(data: bytes, words: str) -> None:
    assert words in refused(data)


def test_so_many_rows_and_no_more() -> None:
    lines = [b"extension"] + [str(number).encode() for number in range(MAX_ROWS)]
    assert len(read_sheet(b"\n".join(lines)).rows) == MAX_ROWS
    assert "more than 100,000 rows" in refused(b"\n".join([*lines, b"one more"]))


def test_reading_can_be_stopped() -> None:
    class Enough(Exception):
        pass

    def tick(_rows: int) -> None:
        raise Enough

    for data in (b"extension\n" * 5_000, workbook(HEADER, *(["1", "x"] for _ in range(2_000)))):
        with pytest.raises(Enough):
            read_sheet(data, tick)


# --- workbooks ------------------------------------------------------------------------------------------------------------------


def test_a_workbook_of_another_program() -> None:
    sheet = read_sheet(workbook(HEADER, [667, "Olivia"], ["0676", None, True], [1.5, "<b>&amp;"], [None], [681.0, 6221500667]))
    assert sheet.header.cells == ("extension", "name")
    assert cells(sheet) == [["667", "Olivia"], ["0676", "", "true"], ["1.5", "<b>&amp;"], ["681", "6221500667"]]
    assert [row.number for row in sheet.rows] == [2, 3, 4, 6]


def test_formulas_are_seen_and_not_taken_for_their_value() -> None:
    sheet = read_sheet(workbook(HEADER, ["667", "=cmd|' /C calc'!A0"], ["=1+1", "Sam"]))
    assert [row.formulas for row in sheet.rows] == [{1}, {0}]
    assert "cmd" not in str(sheet)


def test_shared_rich_and_inline_texts_and_readings() -> None:
    strings = (
        '<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>extension</t></si>'
        "<si><r><t>Oli</t></r><r><t>via</t></r><rPh><t>reading</t></rPh></si><si><t>a_x000D_b_xD800_</t></si></sst>"
    )
    cells_ = '<row r="1"><c r="A1" t="s"><v>0</v></c></row><row r="2"><c t="s"><v>1</v></c><c t="inlineStr"><is><t>x</t></is></c></row>'
    data = workbook(HEADER, **{SHEET: sheet_xml(cells_ + '<row r="3"><c r="B3" t="s"><v>2</v></c><c t="s"><v>9</v></c></row>'), "xl__sharedStrings.xml": strings.encode()})
    assert cells(read_sheet(data)) == [["Olivia", "x"], ["", "a\rb_xD800_"]]


def test_the_sheet_that_is_called_users_is_read_and_others_are_told_of() -> None:
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.append(["something"])
    book.create_sheet("Users").append(HEADER)
    file = io.BytesIO()
    book.save(file)
    sheet = read_sheet(file.getvalue())
    assert sheet.header.cells == ("extension", "name")
    assert sheet.notes == ("Only the sheet “Users” was read; the file has 1 more.",)


def test_a_million_empty_rows_are_no_rows() -> None:
    rows = '<row r="1"><c r="A1" t="inlineStr"><is><t>extension</t></is></c></row>'
    rows += "".join(f'<row r="{number}"><c r="A{number}" s="1"/></row>' for number in range(2, 1_000_001))
    began = time.perf_counter()
    sheet = read_sheet(workbook(HEADER, **{SHEET: sheet_xml(rows)}))
    assert sheet.rows == ()
    assert time.perf_counter() - began < 20


def test_two_cells_far_apart_cost_what_two_cells_cost() -> None:
    far = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="IV1048576"><v>2</v></c></row>'
    sheet = read_sheet(workbook(HEADER, **{SHEET: sheet_xml(far)}))
    assert [row.number for row in sheet.rows] == [1_048_576]
    assert "more than 256 columns" in refused(workbook(HEADER, **{SHEET: sheet_xml('<row r="1"><c r="XFD1"><v>1</v></c></row>')}))


def test_a_bomb_is_refused_before_it_goes_off(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = workbook(HEADER, xl__big=b" " * (260 << 20))
    assert len(bomb) < 1 << 20
    assert "unpacks to more than 256 MiB" in refused(bomb)
    monkeypatch.setattr(workbooks, "MAX_UNPACKED", 1 << 20)
    lie = bytearray(workbook(HEADER, xl__big=b"x" * (2 << 20)))
    at = lie.rindex(b"xl/big") - 46
    assert lie[at : at + 4] == b"PK\x01\x02"
    struct.pack_into("<I", lie, at + 24, 10)  # the directory claims that it is small
    assert "unpacks to more than" in refused(bytes(lie))


def test_texts_that_grow_by_entities_are_refused() -> None:
    grow = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><worksheet><sheetData/></worksheet>'
    assert "damaged" in refused(workbook(HEADER, **{SHEET: grow}))


@pytest.mark.parametrize("length", [4, 30, 500, -100, -10])
def test_a_truncated_workbook_is_refused(length: int) -> None:
    assert "damaged" in refused(workbook(HEADER, ["667", "Olivia"])[:length])


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"xl__vbaProject.bin": b"x"}, "macros"),
        ({"xl__macrosheets__sheet1.xml": b"x"}, "macros"),
        ({"[Content_Types].xml": b'<Types><Default ContentType="application/vnd.ms-excel.sheet.macroEnabled.main+xml"/></Types>'}, "macros"),
        ({"xl__workbook.xml": b"<workbook/>"}, "no visible sheet"),
        ({SHEET: sheet_xml('<row r="1"><c r="??"><v>1</v></c></row>')}, "damaged"),
        ({SHEET: b"<worksheet>" + b"<a>" * 100}, "damaged"),
        ({SHEET: b"not xml"}, "damaged"),
        ({SHEET: sheet_xml("<row/>" * 5)}, "is empty"),
    ],
)
def test_workbooks_that_are_refused_say_why(parts: dict[str, bytes], words: str) -> None:
    assert words in refused(workbook(HEADER, ["667", "Olivia"], **parts))


def test_archives_that_are_no_workbooks() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("letter.txt", "hello")
    assert "no spreadsheet" in refused(file.getvalue())
    locked = bytearray(workbook(HEADER))
    locked[locked.rindex(b"PK\x01\x02") + 8] |= 1
    assert "encrypted" in refused(bytes(locked))


# --- formulas and the way out ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "@SUM(1)", "+cmd", "-2+3+cmd|x", "\t=1", "\r=1"])
def test_what_a_spreadsheet_would_compute_is_known(text: str) -> None:
    assert is_formula(text)
    assert guarded(text) == f"'{text}"


@pytest.mark.parametrize("text", ["+6221500667", "+62 21 (500) 667; +62215006", "-", "667", "'=x", "Olivia", "", "a=b"])
def test_what_it_would_not_compute_into_something_else_is_let_in(text: str) -> None:
    assert not is_formula(text)


@given(ANY_TEXT)
def test_a_guarded_text_is_no_formula_and_comes_back(text: str) -> None:
    assert guarded(text)[:1] not in set("=+-@\t\r")
    assert unguarded(guarded(text)) == text


@given(st.lists(st.lists(ANY_TEXT.filter(bool), min_size=2, max_size=2), min_size=1, max_size=4))
def test_what_is_written_as_csv_is_read_back(rows: list[list[str]]) -> None:
    assert cells(read_sheet(written("csv", rows))) == rows


@given(st.lists(st.lists(ANY_TEXT.filter(lambda text: bool(text) and "�" not in text), min_size=2, max_size=2), min_size=1, max_size=3))
def test_what_is_written_as_xlsx_is_read_back(rows: list[list[str]]) -> None:
    allowed = [[cell for cell in row if not {"￾", "￿"} & set(cell)] for row in rows]
    if allowed == rows:
        assert cells(read_sheet(written("xlsx", rows))) == rows


def test_nothing_in_an_exported_file_is_computed() -> None:
    rows = [["=1+1", "@x"], ["+6221", "-1"]]
    plain = list(csv.reader(io.StringIO(written("csv", rows).decode("utf-8-sig"))))
    assert plain[1:] == [["'=1+1", "'@x"], ["'+6221", "'-1"]]
    book = openpyxl.load_workbook(io.BytesIO(written("xlsx", rows)))
    assert book.active is not None
    found = list(book.active.iter_rows(min_row=2))
    assert [[cell.value for cell in row] for row in found] == plain[1:]
    assert {cell.data_type for row in found for cell in row} == {"s"}


def test_a_text_that_xlsx_cannot_hold_is_told() -> None:
    with pytest.raises(Unreadable, match="row 2, name: 40,000 characters"):
        write_sheet("xlsx", HEADER, [["667", "x" * 40_000]])

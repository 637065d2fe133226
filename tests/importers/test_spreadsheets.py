import datetime as dt
import io
import zipfile

import pytest
from imports import said
from openpyxl import Workbook

from analysis_lib.importers import spreadsheets
from analysis_lib.importers.spreadsheets import read


def sheet(*rows, change=None):
    book = Workbook()
    page = book.active
    page.title = "Votes"
    for row in rows:
        page.append(row)
    if change:
        change(book, page)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_numbers_dates_and_truths_become_texts():
    when = dt.datetime(2031, 3, 8, 19, 30)  # noqa: DTZ001 - a spreadsheet's times have no zone
    data = sheet(["id", "at", "day", "yes", "share"], [12.0, when, dt.date(2031, 3, 8), True, 0.25])
    found = read(data, "f.xlsx")
    assert found.tables[0].cells.row(0) == ("12", "2031-03-08T19:30:00", "2031-03-08", "true", "0.25")
    assert found.tables[0].name == "Votes"
    assert found.tables[0].rows.to_list() == [2]


def test_a_number_too_long_to_be_whole_is_placed():
    found = read(sheet(["id", "x"], [1234567890123456789, "a"]), "f.xlsx")
    assert "f.xlsx, sheet Votes, column A, row 2: a number has more than 15 digits" in said(found.faults)


def test_an_error_of_a_formula_is_read_as_empty_and_placed():
    found = read(sheet(["a", "b"], ["#REF!", "x"]), "f.xlsx")
    assert found.tables[0].cells.row(0) == ("", "x")
    assert "column A, row 2: the cell holds an error of a formula" in said(found.faults)


def test_merged_cells_are_filled_and_said():
    def merge(_, page):
        page.merge_cells("A2:A3")

    found = read(sheet(["Branch", "n"], ["North", 1], [None, 2], change=merge), "f.xlsx")
    assert found.tables[0].cells.rows() == [("North", "1"), ("North", "2")]
    assert "cells are merged: A2:A3" in said(found.faults)
    assert [(r.row, r.column, r.repair) for r in found.repairs] == [(3, "A", "joined_cells")]


def test_a_merged_title_above_the_heading():
    def merge(_, page):
        page.merge_cells("A1:B1")

    found = read(sheet(["Members", None], ["Name", "Number"], ["Ann", 7], change=merge), "f.xlsx")
    assert found.tables[0].cells.rows(named=True) == [{"Name": "Ann", "Number": "7"}]
    assert "the column names stand in row 2" in said(found.faults)


def test_a_hidden_sheet_is_read_and_said():
    def hide(book, _):
        page = book.create_sheet("Old")
        page.append(["a", "b"])
        page.append(["1", "2"])
        page.sheet_state = "hidden"

    found = read(sheet(["a", "b"], ["3", "4"], change=hide), "f.xlsx")
    assert [table.name for table in found.tables] == ["Votes", "Old"]
    assert "f.xlsx, sheet Old: the sheet is hidden" in said(found.faults)


def test_empty_rows_and_columns_before_the_table_keep_the_row_numbers():
    found = read(sheet([None], [None], [None, "a", "b"], [None, "1", "2"]), "f.xlsx")
    assert found.tables[0].rows.to_list() == [4]
    assert found.tables[0].cells.rows(named=True) == [{"a": "1", "b": "2"}]


def test_a_total_below_is_left_out():
    found = read(sheet(["Branch", "n"], ["North", 3], ["Grand total", 3]), "f.xlsx")
    assert found.tables[0].cells.height == 1
    assert "sheet Votes, row 3: this looks like a row of totals" in said(found.faults)


def test_only_sheets_with_the_heading_are_given():
    found = read(sheet(["a", "b"], ["1", "2"]), "f.xlsx", lambda names: {"c"} <= names)
    assert found.tables == ()


@pytest.mark.parametrize("data", [b"PK\x03\x04 nonsense", b"\xd0\xcf\x11\xe0 nonsense", b""])
def test_what_is_no_spreadsheet_is_said(data):
    found = read(data, "f.xlsx")
    assert "this isn't a whole spreadsheet file" in said(found.faults)


def test_an_empty_book_is_said():
    assert "there is no cell filled in any sheet" in said(read(sheet(), "f.xlsx").faults)


def test_a_member_of_the_file_that_is_not_whole_is_no_exception():
    data = bytearray(sheet(["id", "x"], *([str(n), "a" * n] for n in range(60))))
    place = data.index(b"xl/worksheets/sheet1.xml") + 60
    for at in range(place, place + 40):
        data[at] ^= 0x5A
    found = read(bytes(data), "f.xlsx")
    assert not found.tables
    assert "this isn't a whole spreadsheet file" in said(found.faults) or "the sheet can't be read" in said(found.faults)


def test_an_error_of_a_formula_is_placed_by_the_name_of_its_sheet():
    def write(book, page):
        other = book.create_sheet("Late & early", 0)
        other.append(["a"])
        other.append(["#DIV/0!"])
        page["B2"].data_type = "e"

    found = read(sheet(["a", "b"], ["1", "#REF!"], change=write), "f.xlsx")
    assert "f.xlsx, sheet Votes, column B, row 2: the cell holds an error of a formula" in said(found.faults)
    assert "f.xlsx, sheet Late & early, column A, row 2" in said(found.faults)


def packed(*cells, more=b""):
    """An XLSX file of one sheet, its cells as they are given."""
    out = io.BytesIO()
    book = Workbook()
    book.active.append(["x"])
    book.save(out)
    made = io.BytesIO()
    with zipfile.ZipFile(out) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "xl/worksheets/sheet1.xml":
                data = data[: data.index(b"<sheetData>")] + b"<sheetData>" + b"".join(cells) + b"</sheetData></worksheet>"
            new.writestr(name, data + more * (name == "xl/styles.xml"))
    return made.getvalue()


def test_two_cells_far_apart_do_not_fill_the_memory():
    row = b'<row r="%d"><c r="%s" t="inlineStr"><is><t>x</t></is></c></row>'
    found, faults, _ = spreadsheets.grids(packed(row % (1, b"A1"), row % (1048576, b"XFD1048576")), "far.xlsx")
    assert found == ()
    assert "a sheet spans 1,048,576 rows and 16,384 columns" in faults[0].found


def test_a_file_that_unpacks_to_more_than_can_be_held_is_not_unpacked(monkeypatch):
    monkeypatch.setattr(spreadsheets, "MOST_UNPACKED", 10**6)
    data = packed(more=b"<!--" + b"a" * 2 * 10**6 + b"-->")
    assert len(data) < 20_000
    found, faults, _ = spreadsheets.grids(data, "bomb.xlsx")
    assert found == ()
    assert "unpacked the file has more than 1,000,000 bytes" in faults[0].found


ODS = "application/vnd.oasis.opendocument.spreadsheet"
OFFICE = "urn:oasis:names:tc:opendocument:xmlns:"


def ods(*rows):
    """Pack rows of ready-made cells as LibreOffice does, with nothing that a reader can do without."""
    spaces = " ".join(f'xmlns:{name}="{OFFICE}{name}:1.0"' for name in ("office", "table", "text"))
    lines = "".join(f"<table:table-row>{''.join(row)}</table:table-row>" for row in rows)
    content = (
        f'<?xml version="1.0" encoding="UTF-8"?><office:document-content {spaces} office:version="1.3"><office:body>'
        f'<office:spreadsheet><table:table table:name="List">{lines}</table:table></office:spreadsheet></office:body>'
        "</office:document-content>"
    )
    entry = f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{ODS}"/>'
    manifest = f'<manifest:manifest xmlns:manifest="{OFFICE}manifest:1.0" manifest:version="1.3">{entry}</manifest:manifest>'
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as file:
        for name, text in (("mimetype", ODS), ("content.xml", content), ("META-INF/manifest.xml", manifest)):
            file.writestr(name, text)
    return whole.getvalue()


def test_an_open_document_is_read_as_well():
    def text(value):
        return f'<table:table-cell office:value-type="string"><text:p>{value}</text:p></table:table-cell>'

    number = '<table:table-cell office:value-type="float" office:value="12"><text:p>12</text:p></table:table-cell>'
    day = '<table:table-cell office:value-type="date" office:date-value="2031-03-08T20:15:00"><text:p>8.3.</text:p></table:table-cell>'
    found = read(ods([text("Name"), text("N"), text("At")], [text("Ann"), number, day]), "list.ods")
    (table,) = found.tables
    assert table.cells.rows() == [("Ann", "12", "2031-03-08T20:15:00")]
    assert table.rows.to_list() == [2]


def test_a_binary_excel_file_is_refused_with_what_to_save_it_as():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as parts:
        parts.writestr("xl/workbook.bin", b"")
    found = read(out.getvalue(), "f.xlsb")
    assert not found.tables
    assert "error spreadsheet | f.xlsb: this is a binary Excel file (XLSB)" in said(found.faults)
    assert "Save it as an Excel workbook (XLSX)" in said(found.faults)

"""XLSX, XLS and ODS: every sheet to a grid of texts; what Excel did to dates, ids and merged cells is said."""

from __future__ import annotations

import datetime as dt
import html
import io
import re
import zipfile
import zlib
from collections.abc import Sequence
from typing import Any

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
    TablesNotSupported,
)

from analysis_lib.faults import WARNING, Fault
from analysis_lib.importers.grids import Grid, IsHeading, raw_table
from analysis_lib.importers.raw import RawTable, Read, Repair

MAGIC = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # xlsx and ods; xls
MOST_CELLS = 50_000_000  # of one sheet: more than any roll needs, less than would fill the memory
_MOST_XML, _MOST_SHEET = 10**6, 10**9  # characters of a list of sheets, bytes of a sheet, that are searched
MOST_UNPACKED = 2 * 10**9  # bytes of all parts of a file together
_BLOCK = 1 << 20
_PLACE = re.compile(rb"""\br\s*=\s*["']([A-Za-z]{1,3})([0-9]{1,7})["']""")  # of a cell of an XLSX file
_EXACT = 10**15  # from here on a spreadsheet no longer keeps every digit of a number
_ERRORS = re.compile(r"#(REF|VALUE|N/A|NAME|DIV/0|NULL|NUM)[!?]?")
_ERROR_CELL = re.compile(
    rb'<c\b[^>]*\br="([A-Z]{1,3}[0-9]{1,7})"[^>]*\bt="e"'
)  # in a sheet of an XLSX file; calamine gives "" for it
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)  # what Python says of a damaged zip file
_BINARY = "xl/workbook.bin"
_SHEET = re.compile(r"xl/worksheets/sheet([0-9]+)\.xml")


def _text(value: Any) -> str:
    """Write a cell as the text a CSV file would hold."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    return str(value)  # whole numbers and durations


def _letters(column: int) -> str:
    """Give the name a spreadsheet shows over a column, from 0: A, B, … Z, AA."""
    name = ""
    while column >= 0:
        name = chr(ord("A") + column % 26) + name
        column = column // 26 - 1
    return name


def _fault(file: str, found: str, remedy: str, *, row: int | None = None, column: str = "", severity: str = WARNING) -> Fault:
    expected = "plain cells, one record in each row, every value as the platform wrote it"
    return Fault(
        file=file, column=column, row=row, found=found, expected=expected, remedy=remedy, severity=severity, rule="spreadsheet"
    )


def _merged(sheet: CalamineSheet, cells: list[list[str]], place: str) -> tuple[list[Fault], list[Repair]]:
    """Write the text of each merged range into all its cells, as it is meant."""
    try:
        ranges = sheet.merged_cell_ranges or []
    except (CalamineError, TablesNotSupported):
        return [], []
    repairs, named = [], []
    for (top, left), (bottom, right) in ranges:
        if top >= len(cells) or left >= len(cells[top]) or not cells[top][left]:
            continue
        text = cells[top][left]
        named.append(f"{_letters(left)}{top + 1}:{_letters(right)}{bottom + 1}")
        for row in range(top, min(bottom + 1, len(cells))):
            for column in range(left, min(right + 1, len(cells[row]))):
                if not cells[row][column]:
                    cells[row][column] = text
                    repairs.append(Repair(row + 1, _letters(column), "joined_cells"))
    if not named:
        return [], []
    more = f" and {len(named) - 5} more" if len(named) > 5 else ""
    remedy = "Their text is read into every cell of the range. If that isn't meant, unmerge them and import the file again."
    return [_fault(place, f"cells are merged: {', '.join(named[:5])}{more}", remedy)], repairs


def _damage(values: Sequence[Sequence[Any]], place: str) -> list[Fault]:
    """Say which cells hold an error of a formula, or a number too long to be kept whole."""
    faults = []
    for row, line in enumerate(values, 1):
        for column, value in enumerate(line):
            if isinstance(value, str) and _ERRORS.fullmatch(value):
                remedy = "The cell is read as empty. Mend the formula, or write its value."
                faults.append(_fault(place, "the cell holds an error of a formula", remedy, row=row, column=_letters(column)))
            elif isinstance(value, int | float) and not isinstance(value, bool) and abs(value) >= _EXACT:
                remedy = "Ask for the export as CSV: a spreadsheet keeps 15 digits of a number, and the rest of an id is lost."
                faults.append(_fault(place, "a number has more than 15 digits", remedy, row=row, column=_letters(column)))
    return faults[:50]


def _number(letters: bytes) -> int:
    """Give the number of a column from its letters, A being 1."""
    number = 0
    for letter in letters.upper():
        number = 26 * number + letter - ord("A") + 1
    return number


def _is_binary(data: bytes) -> bool:
    """Whether the parts of a packed file are of XLSB, in which no damage could be found."""
    with zipfile.ZipFile(io.BytesIO(data)) as parts:
        return _BINARY in parts.namelist()


def _too_large(data: bytes) -> str:
    """Say what a packed file would come to, if that is more than can be held; a few kilobytes may unpack to fill the memory."""
    n_bytes = 0
    with zipfile.ZipFile(io.BytesIO(data)) as parts:
        for about in parts.infolist():
            rest, row, columns = b"", 0, set()
            with parts.open(about) as part:
                while block := part.read(_BLOCK):
                    n_bytes += len(block)
                    if n_bytes > MOST_UNPACKED:
                        return f"unpacked the file has more than {MOST_UNPACKED:,} bytes"
                    if about.filename.startswith("xl/worksheets/"):
                        found = _PLACE.findall(rest + block)
                        row = max([row, *(int(number) for _, number in found)])
                        columns |= {letters for letters, _ in found}
                        rest = block[-40:]
            column = max(map(_number, columns), default=0)
            if row * column > MOST_CELLS:
                return f"a sheet spans {row:,} rows and {column:,} columns"
    return ""


def _sheet_names(parts: zipfile.ZipFile) -> dict[str, str]:
    """Give the name a user sees of each sheet's part of an XLSX file."""
    names = {"xl/workbook.xml", "xl/_rels/workbook.xml.rels"}
    if not names <= {*parts.namelist()}:
        return {}
    book, links = (parts.read(name)[:_MOST_XML].decode("utf-8", "replace") for name in sorted(names, reverse=True))
    targets = {}
    for link in re.findall(r"<Relationship\b[^>]*>", links):
        said = dict(re.findall(r'(\w+)="([^"]*)"', link))
        targets[said.get("Id", "")] = "xl/" + said.get("Target", "").removeprefix("/xl/")
    sheets = [dict(re.findall(r'([\w:]+)="([^"]*)"', sheet)) for sheet in re.findall(r"<sheet\b[^>]*>", book)]
    return {targets.get(said.get("r:id", ""), ""): html.unescape(said.get("name", "")) for said in sheets}


def _formula_errors(data: bytes, file: str) -> list[Fault]:
    """Name the cells of an XLSX file that hold an error of a formula: read as they are, they look empty."""
    faults = []
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as parts:
            names = _sheet_names(parts)
            for about in parts.infolist():
                sheet = _SHEET.fullmatch(about.filename)
                if not sheet or about.file_size > _MOST_SHEET:
                    continue
                cells = [cell.decode() for cell in _ERROR_CELL.findall(parts.read(about))]
                place = f"{file}, sheet {names.get(about.filename) or f'number {sheet[1]}'}"
                for cell in cells[:10]:
                    column, row = re.fullmatch(r"([A-Z]+)([0-9]+)", cell).groups()
                    more = f"; cells like this one: {len(cells):,}" if len(cells) > 10 else ""
                    remedy = "The cell is read as empty. Mend the formula, or write its value."
                    faults.append(
                        _fault(place, f"the cell holds an error of a formula{more}", remedy, row=int(row), column=column)
                    )
    except (OSError, ValueError, *_BROKEN):
        return []  # not a whole XLSX file; XLS and ODS are read without this
    return faults


def _grid(sheet: CalamineSheet, file: str, name: str) -> tuple[Grid | None, list[Fault], list[Repair]]:
    place = f"{file}, sheet {name}"
    if sheet.total_height * sheet.total_width > MOST_CELLS:
        found = f"the sheet spans {sheet.total_height:,} rows and {sheet.total_width:,} columns"
        remedy = "It isn't read. Delete what lies outside the table, or hand it over as CSV."
        return None, [_fault(place, found, remedy, severity="error")], []
    values = sheet.to_python(skip_empty_area=False)
    cells = [["" if isinstance(value, str) and _ERRORS.fullmatch(value) else _text(value) for value in line] for line in values]
    faults, repairs = _merged(sheet, cells, place)
    lines = tuple((row, line) for row, line in enumerate(cells, 1) if any(cell.strip() for cell in line))
    return (Grid(name, file, lines) if lines else None), _damage(values, place) + faults, repairs


def grids(data: bytes, file: str) -> tuple[tuple[Grid, ...], tuple[Fault, ...], tuple[Repair, ...]]:
    """Read every sheet that holds cells; hidden ones too, and that is said."""
    remedy = "Open it in a spreadsheet program, save it again without a password, or save each sheet as CSV UTF-8."
    try:
        if data.startswith(MAGIC[0]) and _is_binary(data):
            found, save = (
                "this is a binary Excel file (XLSB)",
                "It isn't read. Save it as an Excel workbook (XLSX), and keep both.",
            )
            return (), (_fault(file, found, save, severity="error"),), ()
        if data.startswith(MAGIC[0]) and (large := _too_large(data)):
            smaller = "It isn't read. Delete what lies outside the table, or hand it over as CSV."
            return (), (_fault(file, large, smaller, severity="error"),), ()
        book = CalamineWorkbook.from_filelike(io.BytesIO(data))
    except PasswordError:
        return (), (_fault(file, "the spreadsheet is locked with a password", remedy, severity="error"),), ()
    except (CalamineError, OSError, ValueError, *_BROKEN):
        return (), (_fault(file, "this isn't a whole spreadsheet file", remedy, severity="error"),), ()
    found, faults, repairs = [], _formula_errors(data, file), []
    for about in book.sheets_metadata:
        if about.typ != SheetTypeEnum.WorkSheet:
            continue
        try:
            grid, more, mended = _grid(book.get_sheet_by_name(about.name), file, about.name)
        except (CalamineError, OSError, ValueError):
            grid, more, mended = (
                None,
                [_fault(f"{file}, sheet {about.name}", "the sheet can't be read", remedy, severity="error")],
                [],
            )
        if grid and about.visible != SheetVisibleEnum.Visible:
            note = "It is read like the others. Ask why it is hidden, and whether it belongs to the export."
            more.append(_fault(f"{file}, sheet {about.name}", "the sheet is hidden", note))
        found += [grid] * (grid is not None)
        faults += more
        repairs += mended
    if not found and not faults:
        faults.append(_fault(file, "there is no cell filled in any sheet", remedy, severity="error"))
    return tuple(found), tuple(faults), tuple(repairs)


def read(data: bytes, file: str, is_heading: IsHeading | None = None) -> Read:
    """Read the sheets as tables; with `is_heading`, those sheets alone that have such a line."""
    found, faults, repairs = grids(data, file)
    tables: list[RawTable] = []
    for grid in found:
        part = raw_table(grid, is_heading)
        tables += part.tables
        faults, repairs = faults + part.faults, repairs + part.repairs
    return Read(tuple(tables), faults, repairs)

"""CSV, TSV and the like: bytes of some encoding to a grid of texts, with what had to be repaired."""

from __future__ import annotations

import csv
import io

from analysis_lib.faults import Fault
from analysis_lib.importers.grids import Grid, IsHeading, raw_table
from analysis_lib.importers.raw import Read, Repair

_SEPARATORS = (",", ";", "\t", "|")
_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_LONGEST_CELL = 2**31 - 1
_AGAIN = "Ask for the export again as CSV in UTF-8."


def _fault(file: str, found: str, row: int | None = None, *, rule: str) -> Fault:
    return Fault(file=file, row=row, found=found, expected="a CSV file, in UTF-8 if possible", remedy=_AGAIN, rule=rule)


def _decoded(data: bytes, file: str) -> tuple[str, str] | Fault:
    """Give the text and the repair that reading it took ("" for none)."""
    if data.startswith(_UTF16_MARKS):
        try:
            return data.decode("utf-16"), ""
        except UnicodeDecodeError:
            return _fault(file, "the text is marked as UTF-16 and isn't whole", rule="encoding")
    if (place := data.find(b"\0")) >= 0:
        line = data.count(b"\n", 0, place) + 1
        return _fault(file, f"there is a NUL byte in line {line:,}: this isn't plain text", rule="encoding")
    repair = "byte_order_mark" if data.startswith(_UTF8_MARK) else ""
    try:
        return data.decode("utf-8-sig"), repair
    except UnicodeDecodeError:
        pass
    try:
        return data.decode("cp1252"), "decoded_windows_1252"
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return _fault(file, f"byte 0x{data[error.start]:02x} in line {line:,} is neither UTF-8 nor Windows-1252", rule="encoding")


def _separator(text: str) -> str:
    """Give the sign that parts the cells: the one that stands most often in the first lines, outside quotation marks."""
    outside = "".join(text[:20_000].split('"')[::2])
    return max(_SEPARATORS, key=outside.count)


def grids(data: bytes, file: str) -> tuple[tuple[Grid, ...], tuple[Fault, ...], tuple[Repair, ...]]:
    """Read the cells of a file whose cells are parted by a comma, semicolon, tab or bar.

    Rows are numbered as a spreadsheet would: a cell that holds a line break is one row. Text that
    isn't UTF-8 is read as Windows-1252, and every row where that mattered is a repair.
    """
    decoded = _decoded(data, file)
    if isinstance(decoded, Fault):
        return (), (decoded,), ()
    text, repair = decoded
    if not text.strip():
        return (), (_fault(file, "the file is empty", rule="empty"),), ()
    if "\0" in text:
        return (), (_fault(file, "there is a NUL sign in the text", rule="encoding"),), ()
    lines: list[tuple[int, list[str]]] = []
    limit = csv.field_size_limit(_LONGEST_CELL)
    number = 0
    try:
        for number, cells in enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text), strict=True), 1):
            if any(cell.strip() for cell in cells):
                lines.append((number, cells))
    except csv.Error:
        found = "a quotation mark is opened and not closed as it should be, so the cells after it can't be told apart"
        return (), (_fault(file, found, number + 1, rule="quoting"),), ()
    finally:
        csv.field_size_limit(limit)
    repairs = [Repair(1, "", repair)] if repair == "byte_order_mark" else []
    if repair == "decoded_windows_1252":
        repairs = [Repair(row, "", repair) for row, cells in lines if not all(cell.isascii() for cell in cells)]
    return (Grid("", file, tuple(lines)),), (), tuple(repairs)


def read(data: bytes, file: str, is_heading: IsHeading | None = None) -> Read:
    """Read one file as a table; `is_heading` knows the line with its column names."""
    found, faults, repairs = grids(data, file)
    if not found:
        return Read((), faults, repairs)
    whole = raw_table(found[0], is_heading)
    return Read(whole.tables, faults + whole.faults, repairs + whole.repairs)

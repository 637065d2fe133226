"""Bytes to a table of texts with the file's own row numbers; what can't be read becomes a fault, never a traceback."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from analysis_lib.faults import WARNING, Fault, hint, quoted, row_faults, shown
from analysis_lib.schema import TableSchema

SUFFIXES = (".csv", ".parquet")
MOST_NAMED = 10  # unknown columns named in one message
_CELL_END = "\0"  # parts the cells of a record once it is read; a file with this sign in it is refused
_LONGEST_CELL = 2**31 - 1
_SPREADSHEETS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # xlsx and ods; xls
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_AS_CSV = "Save the table as CSV UTF-8 (comma delimited) and hand that over."


@dataclass(frozen=True, slots=True)
class TextTable:
    """One file as texts, nothing checked but its shape.

    `cells` has the columns of the schema that the file has, in the schema's order; `extras` those it
    doesn't know, under the numbers of their places in `extra_names`. `rows` are row numbers as a
    spreadsheet shows them: the header is row 1, a cell that holds a line break is still one row, and
    a blank row is counted though it is left out here. A Parquet file is counted as if its column names
    stood in row 1. `ragged` marks rows with too few or too many cells. `is_usable` is false if a
    column that every row must fill is not there.
    """

    file: str
    cells: pl.DataFrame
    extras: pl.DataFrame
    extra_names: tuple[str, ...]
    rows: pl.Series
    ragged: pl.Series
    is_usable: bool


def _file_fault(file: str, found: str, expected: str, remedy: str, rule: str) -> Fault:
    return Fault(file=file, found=found, expected=expected, remedy=remedy, rule=rule)


def _decoded(data: bytes, file: str) -> str | Fault:
    """Turn bytes into text, or say why that can't be done."""
    expected = "a CSV file in UTF-8"
    if data.startswith(_SPREADSHEETS):
        return _file_fault(file, "this is a spreadsheet file with another name", expected, _AS_CSV, "encoding")
    if data.startswith(_UTF16_MARKS):
        return _file_fault(file, "the text is in UTF-16", expected, _AS_CSV, "encoding")
    if (place := data.find(b"\0")) >= 0:
        row = data.count(b"\n", 0, place) + 1
        return _file_fault(
            file, f"there is a NUL byte in line {row:,}: this isn't plain text, or it is in UTF-16", expected, _AS_CSV, "encoding"
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        byte = f"byte 0x{data[error.start]:02x} in line {line:,} isn't UTF-8"
        found = f"{byte}: this is an older encoding such as Windows-1252, or not text at all"
        return _file_fault(file, found, expected, _AS_CSV, "encoding")
    if not text.strip():
        return _file_fault(file, "the file is empty", expected, "Ask for the file again, or take it out of the package.", "empty")
    return text


def _records(text: str, file: str) -> list[str] | Fault:
    """Parse CSV strictly; each record comes back as one text, its cells parted by `_CELL_END`.

    Without a quotation mark every comma parts two cells and every line is a record: no parser is
    needed, and a log of a million rows is read in half the time.
    """
    if '"' not in text:
        return text.replace("\r\n", "\n").replace("\r", "\n").replace(",", _CELL_END).removesuffix("\n").split("\n")
    records: list[str] = []
    limit = csv.field_size_limit(_LONGEST_CELL)
    try:
        records.extend(map(_CELL_END.join, csv.reader(io.StringIO(text, newline=""), strict=True)))
    except csv.Error:
        return Fault(
            file=file,
            row=len(records) + 1,
            found="a quotation mark is opened and not closed as it should be, so the cells after it can't be told apart",
            expected='cells that hold a comma, a line break or a quotation mark to be put in "quotation marks", doubled inside',
            remedy="Correct this row and open the package again; until then nothing in this file is used.",
            rule="quoting",
        )
    finally:
        csv.field_size_limit(limit)
    return records


def _separator_fault(file: str, header: Sequence[str], schema: TableSchema) -> Fault | None:
    for separator, name in ((";", "semicolons"), ("\t", "tabs"), ("|", "vertical bars")):
        if len(header) == 1 and set(header[0].split(separator)) & set(schema.names):
            remedy = "Save it again as CSV with commas."
            return _file_fault(file, f"the cells are parted by {name}", "cells parted by commas", remedy, "separator")
    return None


def _header_faults(file: str, header: Sequence[str], schema: TableSchema) -> list[Fault]:
    """Say which columns are missing, doubled or not known; faults that aren't warnings make the file unusable."""
    if fault := _separator_fault(file, header, schema):
        return [fault]
    known = set(schema.names)
    if not known & set(header):
        return [
            _file_fault(
                file,
                f"none of the {len(header)} column names in row 1 is known",
                "the columns " + ", ".join(schema.names),
                "Put the column names in the first row, spelt as in data_schema/dictionary.md.",
                "header",
            )
        ]
    extras = [name for name in header if name not in known]
    faults = [
        Fault(
            file=file,
            column=name,
            row=1,
            found=f"the column {quoted(name)} stands there {header.count(name)} times",
            expected="every column once",
            remedy="Take out the copies that don't belong there.",
            rule="header",
        )
        for name in schema.names
        if header.count(name) > 1
    ]
    faults += [
        Fault(
            file=file,
            column=field.name,
            row=1,
            found=f"there is no column {quoted(field.name)}",
            expected=f"the columns {', '.join(field.name for field in schema.fields if field.is_required)} at least",
            remedy=hint(field.name, extras) + "Add the column; every row must have a value in it.",
            rule="header",
        )
        for field in schema.fields
        if field.is_required and field.name not in header
    ]
    if named := [name for name in extras if name.strip()]:
        more = f" and {len(named) - MOST_NAMED:,} more" if len(named) > MOST_NAMED else ""
        absent = [name for name in schema.names if name not in header]
        faults.append(
            Fault(
                file=file,
                row=1,
                found=f"columns not known here: {', '.join(shown(name, True) for name in named[:MOST_NAMED])}{more}",
                expected="columns of data_schema/dictionary.md",
                remedy="".join(hint(name, absent) for name in named[:MOST_NAMED]) + "They aren't loaded.",
                severity=WARNING,
                rule="extra_column",
            )
        )
    return faults


def _table(file: str, schema: TableSchema, header: Sequence[str], cells: pl.DataFrame, **more: Any) -> TextTable:
    """Part the columns the schema knows from the rest; `cells` has them in the order of `header`, whatever their names."""
    places = {name: place for place, name in reversed(list(enumerate(header)))}
    extras = [place for place, name in enumerate(header) if name not in schema.names]
    columns = cells.columns
    return TextTable(
        file=file,
        cells=cells.select(pl.col(columns[places[name]]).alias(name) for name in schema.names if name in places),
        extras=cells.select(pl.col(columns[place]).alias(str(number)) for number, place in enumerate(extras)),
        extra_names=tuple(header[place] for place in extras),
        **more,
    )


def _read_csv(data: bytes, file: str, schema: TableSchema) -> tuple[TextTable | None, list[Fault]]:
    text = _decoded(data, file)
    if isinstance(text, Fault):
        return None, [text]
    parsed = _records(text, file)
    if isinstance(parsed, Fault):
        return None, [parsed]
    header = parsed[0].split(_CELL_END)
    faults = _header_faults(file, header, schema)
    is_usable = all(fault.severity == WARNING for fault in faults)
    records = pl.Series("record", parsed[1:], dtype=pl.String)
    rows = pl.int_range(2, records.len() + 2, dtype=pl.Int64, eager=True).alias("row")
    is_filled = records.str.strip_chars(_CELL_END) != ""
    records, rows = records.filter(is_filled), rows.filter(is_filled)
    widths = records.str.count_matches(_CELL_END, literal=True) + 1
    cells = records.str.splitn(_CELL_END, len(header)).struct.unnest().fill_null("")
    ragged = widths != len(header)
    common = Fault(
        file=file,
        found="",
        expected=f"{len(header)} cells, as in row 1",
        remedy="Put text that holds a comma in quotation marks, and leave a cell empty rather than out.",
        rule="ragged",
    )
    wrong = widths.filter(ragged)
    faults += row_faults(common, rows.filter(ragged), lambda place: {"found": f"the row has {wrong[place]} cells"})
    return _table(file, schema, header, cells, rows=rows, ragged=ragged, is_usable=is_usable), faults


def _is_plain(dtype: pl.DataType) -> bool:
    return not dtype.is_nested() and dtype not in (pl.Binary, pl.Object)


def _as_text(name: str, dtype: pl.DataType) -> pl.Expr:
    """Write a typed column as the text a CSV file would hold."""
    column = pl.col(name)
    if isinstance(dtype, pl.Datetime):
        return column.dt.strftime("%Y-%m-%dT%H:%M:%S%.6f" + ("%:z" if dtype.time_zone else ""))
    if not _is_plain(dtype):  # of a column that isn't known, whether it is filled is all that the secrecy guard asks
        return pl.when(column.is_not_null()).then(pl.lit("filled")).alias(name)
    return column.cast(pl.String)


def _read_parquet(data: bytes, file: str, schema: TableSchema) -> tuple[TextTable | None, list[Fault]]:
    try:
        frame = pl.read_parquet(io.BytesIO(data))
        cells = frame.select(_as_text(name, dtype).fill_null("") for name, dtype in frame.schema.items())
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError):
        found, remedy = "this isn't a whole Parquet file", "Ask for it again, or hand over the table as CSV UTF-8."
        return None, [_file_fault(file, found, "a Parquet file", remedy, "encoding")]
    header = frame.columns
    faults = _header_faults(file, header, schema)
    faults += [
        Fault(
            file=file,
            column=name,
            row=1,
            found=f"the column {quoted(name)} holds lists or bytes",
            expected="one text, number or time in each cell",
            remedy="Write one value in each cell.",
            rule="type",
        )
        for name, dtype in frame.schema.items()
        if name in schema.names and not _is_plain(dtype)
    ]
    rows = pl.int_range(2, cells.height + 2, dtype=pl.Int64, eager=True).alias("row")
    ragged = pl.repeat(False, cells.height, dtype=pl.Boolean, eager=True)
    is_usable = all(fault.severity == WARNING for fault in faults)
    return _table(file, schema, header, cells, rows=rows, ragged=ragged, is_usable=is_usable), faults


def read_table(data: bytes, file: str, schema: TableSchema) -> tuple[TextTable | None, list[Fault]]:
    """Read one file, CSV or Parquet by its name.

    Returns
    -------
    TextTable
        Null if nothing of the file can be used.
    list of Fault
        Why not, and what is wrong with its header and the shape of its rows.
    """
    table, faults = (_read_parquet if file.lower().endswith(".parquet") else _read_csv)(data, file, schema)
    if table is not None and table.is_usable and not table.cells.height:
        faults.append(
            Fault(
                file=file,
                found="the table has column names and no rows",
                expected="at least one row",
                remedy="Fill it in, or take the file out of the package.",
                severity=WARNING,
                rule="empty",
            )
        )
    return table, faults

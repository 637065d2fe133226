"""Bytes to a table of texts with the file's own row numbers; what can't be read becomes a fault, never a traceback."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from analysis_lib import parquet
from analysis_lib.faults import WARNING, Fault, hint, quoted, row_faults, shown
from analysis_lib.schema import TableSchema

SUFFIXES = (".csv", ".parquet")
MOST_BYTES = 10**9  # of one text file: it is held whole, and several times over while it is read
MOST_NAMED = 10  # unknown columns named in one message
_CELL_END = "\0"  # parts the cells of a record once it is read; a file with this sign in it is refused
_HEAD = 1_000_000  # bytes looked at for the kind of line ends
_LONGEST_CELL = 2**31 - 1
_SPREADSHEETS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # xlsx and ods; xls
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_AS_CSV = "Save the table as CSV UTF-8 (comma delimited) and hand that over."


@dataclass(frozen=True, slots=True)
class TextTable:
    """One file as texts, nothing checked but its shape. Columns of a Parquet file that have the type asked for keep it.

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


def too_large(source: bytes | Path, file: str) -> Fault | None:
    """Look how many bytes there are before they are read; more than `MOST_BYTES` are refused.

    Raises
    ------
    OSError
        There is no such file.
    """
    n_bytes = len(source) if isinstance(source, bytes) else source.stat().st_size
    if n_bytes <= MOST_BYTES:
        return None
    found, expected = f"the file has {n_bytes:,} bytes", f"at most {MOST_BYTES:,} bytes"
    remedy = "Check that it is the right file. If it is, ask for each contest, or each month, in a file of its own."
    return _file_fault(file, found, expected, remedy, "too_large")


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


def _regular(data: bytes) -> tuple[list[str], pl.DataFrame] | None:
    """Read a file in which every comma parts two cells and every line is a whole record, in a tenth of the time; null: it isn't.

    Whatever is odd (a quotation mark, an old Mac's line ends, a blank line, a row too long or too short)
    is left to the slow road, which says what it is.
    """
    data = data.removeprefix(codecs.BOM_UTF8)
    data = data.replace(b"\r\n", b"\n") if b"\r\n" in data[:_HEAD] else data
    start = data.find(b"\n") + 1
    width, n_lines = data.count(b",", 0, start) + 1, data.count(b"\n") + (not data.endswith(b"\n"))
    is_odd = any(sign in data for sign in (b'"', b"\r", b"\0", b"\n\n")) or data.count(b",") != n_lines * (width - 1)
    if is_odd or width < 2 or not 0 < start < len(data):
        return None
    try:
        header = data[: start - 1].decode("utf-8")
        frame = pl.read_csv(
            data,
            has_header=False,
            skip_lines=1,
            quote_char=None,
            infer_schema=False,
            empty_string_is_null=False,
            extra_columns="raise",
        )
    except (pl.exceptions.PolarsError, UnicodeDecodeError):
        return None
    is_whole = frame.shape == (n_lines - 1, width) and not sum(frame.null_count().row(0))
    return (header.split(","), frame) if is_whole else None


def _odd(data: bytes, file: str) -> tuple[list[str], pl.DataFrame, pl.Series] | Fault:
    """Read any CSV file: its header, its rows, and how many cells each has."""
    text = _decoded(data, file)
    if isinstance(text, Fault):
        return text
    parsed = _records(text, file)
    if isinstance(parsed, Fault):
        return parsed
    header = parsed[0].split(_CELL_END)
    records = pl.Series("record", parsed[1:], dtype=pl.String)
    cells = records.str.splitn(_CELL_END, len(header)).struct.unnest().fill_null("")
    return header, cells, records.str.count_matches(_CELL_END, literal=True) + 1


def _read_csv(source: bytes | Path, file: str, schema: TableSchema) -> tuple[TextTable | None, list[Fault]]:
    if fault := too_large(source, file):
        return None, [fault]
    data = source if isinstance(source, bytes) else source.read_bytes()
    if regular := _regular(data):
        header, cells = regular
        widths = pl.repeat(len(header), cells.height, dtype=pl.UInt32, eager=True)
    elif isinstance(odd := _odd(data, file), Fault):
        return None, [odd]
    else:
        header, cells, widths = odd
    del data
    faults = _header_faults(file, header, schema)
    is_usable = all(fault.severity == WARNING for fault in faults)
    rows = pl.int_range(2, cells.height + 2, dtype=pl.Int64, eager=True).alias("row")
    is_filled = cells.select(pl.any_horizontal(pl.all() != "")).to_series() if cells.width else widths > 0
    if not is_filled.all():
        cells, rows, widths = cells.filter(is_filled), rows.filter(is_filled), widths.filter(is_filled)
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


def _read_parquet(source: bytes | Path, file: str, schema: TableSchema) -> tuple[TextTable | None, list[Fault]]:
    frame = parquet.read(source, file, schema)
    if isinstance(frame, Fault):
        return None, [frame]
    faults = _header_faults(file, frame.columns, schema)
    faults += parquet.type_faults(frame, file, schema)
    rows = pl.int_range(2, frame.height + 2, dtype=pl.Int64, eager=True).alias("row")
    ragged = pl.repeat(False, frame.height, dtype=pl.Boolean, eager=True)
    is_usable = all(fault.severity == WARNING for fault in faults)
    return _table(file, schema, frame.columns, frame, rows=rows, ragged=ragged, is_usable=is_usable), faults


def read_table(source: bytes | Path, file: str, schema: TableSchema) -> tuple[TextTable | None, list[Fault]]:
    """Read one file, CSV or Parquet by its name.

    Returns
    -------
    TextTable
        Null if nothing of the file can be used.
    list of Fault
        Why not, and what is wrong with its header and the shape of its rows.
    """
    try:
        table, faults = (_read_parquet if file.lower().endswith(".parquet") else _read_csv)(source, file, schema)
    except OSError as error:
        found, remedy = f"the file can't be read ({error.strerror})", "Check who may read it."
        return None, [_file_fault(file, found, "a file that can be opened", remedy, "unreadable")]
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

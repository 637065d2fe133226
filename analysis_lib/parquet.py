"""A Parquet file: its columns in the types the schema asks for where they have them, and as texts where not."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl

from analysis_lib.columns import as_text, is_plain, suits
from analysis_lib.faults import Fault, quoted
from analysis_lib.schema import TableSchema

AT_ONCE = 2  # columns read at a time; more would be quicker with more cores, and hold more memory
MOST_ROWS, MOST_BYTES = 50_000_000, 3_000_000_000
WIDE, NARROW = 16, 8  # bytes a text or a number takes at least


def _column(cells: pl.Series, schema: TableSchema) -> pl.Series:
    if cells.name not in schema.names or not is_plain(cells.dtype):
        return cells
    field = schema.field(cells.name)
    if cells.dtype.is_float():
        cells = cells.fill_nan(None)
    return cells if suits(cells.dtype, field) else as_text(cells, field.type)


def _too_large(place: Path | io.BytesIO, file: str) -> Fault | None:
    """Look, before anything is read, how many rows a file says it has: a few kilobytes may unpack to fill the memory."""
    n_rows = pl.scan_parquet(place, glob=False).select(pl.len()).collect().item()
    width = sum(
        WIDE if dtype in (pl.String, pl.Categorical, pl.Enum) else NARROW for dtype in pl.read_parquet_schema(place).values()
    )
    if n_rows <= MOST_ROWS and n_rows * width <= MOST_BYTES:
        return None
    return Fault(
        file=file,
        found=f"the file has {n_rows:,} rows, which take at least {n_rows * width / 1e9:,.1f} GB of memory",
        expected=f"at most {MOST_ROWS:,} rows and {MOST_BYTES / 1e9:,.1f} GB",
        remedy="Check that it is the right file. If it is, hand over each contest in a package of its own.",
        rule="too_large",
    )


def read(source: bytes | Path, file: str, schema: TableSchema) -> pl.DataFrame | Fault:
    """Read a whole file, column by column so that little is held twice, or say why that can't be done."""

    def column(name: str) -> pl.Series:
        place = io.BytesIO(source) if isinstance(source, bytes) else source
        return _column(pl.read_parquet(place, columns=[name]).to_series().rechunk(), schema)

    try:
        place = io.BytesIO(source) if isinstance(source, bytes) else source
        if fault := _too_large(place, file):
            return fault
        names = pl.read_parquet_schema(io.BytesIO(source) if isinstance(source, bytes) else source)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return pl.DataFrame(list(pool.map(column, names)))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, ValueError):
        found, remedy = "this isn't a whole Parquet file", "Ask for it again, or hand over the table as CSV UTF-8."
        return Fault(file=file, found=found, expected="a Parquet file", remedy=remedy, rule="encoding")


def type_faults(frame: pl.DataFrame, file: str, schema: TableSchema) -> list[Fault]:
    """Find columns whose cells are not one text, number or time."""
    return [
        Fault(
            file=file,
            column=name,
            row=1,
            found=f"the column {quoted(name)} holds " + ("lengths of time" if dtype == pl.Duration else "lists or bytes"),
            expected="one text, number or time in each cell",
            remedy="Write one value in each cell.",
            rule="type",
        )
        for name, dtype in frame.schema.items()
        if name in schema.names and not is_plain(dtype)
    ]

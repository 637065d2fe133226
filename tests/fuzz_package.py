"""Damaged tables for open_package: CSV with any fault, Parquet with any type, in memory or as a whole package."""

from __future__ import annotations

import csv
import io
import tempfile
from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path
from random import Random

import polars as pl
from damage import damaged, damaged_bytes, hostile
from fuzz_rows import is_cut
from tiny_package import around, example_row, write

from analysis_lib import keys, offsets, privacy, secrecy
from analysis_lib.checks import check_cells
from analysis_lib.faults import ERROR, Fault, fault_table, message
from analysis_lib.package import open_package
from analysis_lib.reading import TextTable, read_table
from analysis_lib.schema import TABLES, TableSchema, load_schema

_TYPES = (
    pl.String, pl.Int64, pl.Int8, pl.UInt64, pl.Float64, pl.Boolean, pl.Date, pl.Datetime("us", "UTC"), pl.Datetime("ms"), pl.Time,
    pl.Datetime("ns", "Europe/London"), pl.Duration("us"), pl.Binary, pl.Categorical, pl.List(pl.String), pl.Null, pl.Float32, pl.Decimal(20, 4),
)  # fmt: skip


@cache
def _csv(table: str) -> bytes:
    row = example_row(table)
    key = load_schema(table).primary_key[-1]
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(row), lineterminator="\n")
    writer.writeheader()
    writer.writerows([row, row | {key: row[key] + "0"}, row | {key: row[key] + "1"}])
    return out.getvalue().encode()


def _parquet(table: str, rng: Random) -> bytes:
    """A table in which some columns have another type, a hostile name, or are gone."""
    frame = pl.read_csv(_csv(table), infer_schema=False)
    needed = {field.name for field in load_schema(table).fields if field.is_required}
    frame = frame.select([name for name in frame.columns if name in needed or rng.random() < 0.2])  # few are read sooner
    for _ in range(rng.randrange(4)):
        name = rng.choice(frame.columns)
        cells = frame[name]
        match rng.randrange(6):
            case 0:
                cells = pl.Series(name, [hostile(rng).encode("utf-8", "replace").decode() for _ in cells])
            case 1:
                cells = cells.cast(rng.choice(_TYPES[:5]), strict=False)
            case 2:
                cells = pl.Series(name, [None] * len(cells), dtype=rng.choice(_TYPES))
            case 3 if frame.width > 1:
                frame = frame.drop(name)
                continue
            case 4:
                cells = pl.Series(name, [rng.choice((0, -1, 7, 10**12, 2**40)) for _ in cells], dtype=pl.Int64).cast(
                    rng.choice(_TYPES[1:10]), strict=False
                )
            case _:
                cells = pl.Series(name, [rng.choice((0.5, float("nan"), float("inf"), -1e300)) for _ in cells])
        frame = frame.with_columns(cells.alias(name))
    out = io.BytesIO()
    frame.write_parquet(out, compression=rng.choice(("uncompressed", "snappy", "zstd")))
    return out.getvalue()


def _check(text: TextTable, schema: TableSchema, faults: list[Fault], counts: Counter[str]) -> None:
    """Check a table as open_package does, without its neighbours."""
    draft, found = check_cells(text, schema)
    faults += found
    more, bad = keys.key_faults(text, schema, {schema.name: text})
    faults += more
    draft = replace(draft, bad=draft.bad | bad)
    faults += (
        offsets.offset_faults(text, draft, {}) + secrecy.personal_data_faults(text, schema) + privacy.table_faults(text, schema)
    )
    faults += secrecy.small_unit_faults(text, schema.name, draft.typed) + keys.same_person_faults(text, schema.name, draft.typed)
    secrecy.guard(text, schema, [], False, set())
    secrecy.small_bin_fault(text, schema.name, draft.typed, [], 10)
    secrecy.paired_times_fault(text, schema.name, draft.typed, [])
    named = {fault.row for fault in faults if fault.severity == ERROR}
    counts["rows_left_out"] += int(draft.bad.sum())
    counts["rows_made"] += int((~draft.bad).sum())
    counts["through_mapping"] += 1
    if not is_cut(faults):
        counts["rows_lost"] += sum(row not in named for row in text.rows.filter(draft.bad))


def _open(table: str, data: bytes, suffix: str, counts: Counter[str]) -> list[Fault]:
    """Open a package whose other tables are whole."""
    with tempfile.TemporaryDirectory() as place:
        folder = write(Path(place), only=around(table))
        (folder / "data" / f"{table}.csv").unlink()
        (folder / "data" / f"{table}{suffix}").write_bytes(data)
        if suffix != ".csv":
            (folder / "datapackage.json").unlink()
        package = open_package(folder)
    counts["written"] += 1
    return [Fault(**row) for row in package.faults.iter_rows(named=True)]


def one(kind: str, rng: Random, counts: Counter[str], *, is_whole: bool, is_checked: bool) -> tuple[str, str]:
    """Put in one damaged table; give the way in which it was damaged, and what was said."""
    table = rng.choice(TABLES)
    schema = load_schema(table)
    suffix = ".parquet" if kind.endswith("parquet") else ".csv"
    if suffix == ".csv":
        way, data = damaged("table.csv", _csv(table), rng)
    else:
        way, data = "types", _parquet(table, rng)
        if rng.random() < 0.2:
            way, data = "bytes", damaged_bytes(data, rng)
    text, faults = read_table(data, f"{table}{suffix}", schema)
    if text is None and not faults:
        counts["rows_lost"] += 1
    if text is not None:
        counts["rows_read"] += text.rows.len()
        if is_checked and text.is_usable:
            _check(text, schema, faults, counts)
    if is_whole:
        faults += _open(table, data, suffix, counts)
    counts["faults"] += len(faults)
    return way, "\n".join(message(row) for row in fault_table(faults).iter_rows(named=True))

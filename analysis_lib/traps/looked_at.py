"""What every trap is looked for with: the rows looked at, and the fault that tells of it."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from analysis_lib.faults import WARNING, Fault, shown

MOST = 50_000  # rows looked at, evenly spread; a trap is a habit of a log, and habits show in a part of it
STAMPED = ("ballot_events", "credential_events", "contact_changes", "roll_changes", "vote_applications", "admin_actions")
Tables = Mapping[str, pl.DataFrame]


def some(rows: pl.DataFrame) -> pl.DataFrame:
    """At most `MOST` rows, evenly spread over the table."""
    return rows if rows.height <= MOST else rows.gather_every(-(-rows.height // MOST))


def stretch(rows: pl.DataFrame) -> pl.DataFrame:
    """At most `MOST` rows that follow each other, from the middle: where neighbours matter."""
    return rows if rows.height <= MOST else rows.slice((rows.height - MOST) // 2, MOST)


def holds(tables: Tables, table: str, *columns: str) -> bool:
    """Whether a table has these columns with some value in each."""
    rows = tables.get(table)
    return rows is not None and all(name in rows.columns and rows[name].null_count() < rows.height for name in columns)


def with_clocks(rows: pl.DataFrame, tables: Tables) -> pl.DataFrame:
    """Rows with a time, each with its clock's description; what isn't described is null."""
    clocks = tables["clocks"].select("clock_id", "tz_used", "tz_basis", "resolution", "write_semantics", "dst_policy")
    return rows.drop_nulls("at").join(clocks, on="clock_id", how="left", maintain_order="left")


def counted(n: int, rows: pl.DataFrame, whole: pl.DataFrame) -> str:
    """Write a count of rows: "12 of 40 rows", and that only a part was looked at where that is so."""
    part = f" looked at, of {whole.height:,}" if rows.height < whole.height else ""
    return f"{n:,} of {rows.height:,} rows{part}"


def named(name: object) -> str:
    """Quote the name of a clock or a source, unless it looks like somebody's address or key."""
    return shown(str(name), is_public=True) if name is not None else "that is not named"


def first_row(rows: pl.DataFrame) -> str:
    """Say where the first of some rows stands in its source's file, where that was noted."""
    if not rows.height or "source_row" not in rows.columns or rows["source_row"].null_count() == rows.height:
        return ""
    first = rows.drop_nulls("source_row").sort("source_id", "source_row").row(0, named=True)
    return f"; the first is row {first['source_row']:,} of source {named(first['source_id'])}"


def trap(name: str, table: str, column: str, found: str, expected: str, remedy: str) -> Fault:
    """Make the warning; `file` is the table, which `package` turns into its file's name."""
    return Fault(file=table, column=column, found=found, expected=expected, remedy=remedy, severity=WARNING, rule=f"trap_{name}")

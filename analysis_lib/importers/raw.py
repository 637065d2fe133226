"""What every reader of a format gives: tables of texts with the source's own row numbers, nothing checked but their shape."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from analysis_lib.faults import Fault


@dataclass(frozen=True, slots=True)
class RawTable:
    """One part of an export as texts.

    `name` says which part ("voters", "Sheet1"), `file` the file's name without its folder. `cells` are
    strings, "" where there is nothing, under the source's own column names. `rows` are row numbers as the
    source counts them: lines of a CSV file (its header is row 1), rows of a sheet, places in a list from 1.
    """

    name: str
    file: str
    cells: pl.DataFrame
    rows: pl.Series


@dataclass(frozen=True, slots=True)
class Repair:
    """One cell that isn't read as it was written; `repair` is a category of repairs.repair. Never holds the cell."""

    row: int
    column: str
    repair: str


@dataclass(frozen=True, slots=True)
class Read:
    """What a reader made of a file. Without tables, `faults` says why."""

    tables: tuple[RawTable, ...]
    faults: tuple[Fault, ...] = ()
    repairs: tuple[Repair, ...] = ()

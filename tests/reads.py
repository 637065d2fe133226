"""Helpers for the tests of importers: what a reader said, its table, and the real files held beside the repository."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import polars as pl
import pytest

from analysis_lib.faults import Fault, message
from analysis_lib.importers.raw import RawTable, Read

REAL_DATA = Path(__file__).resolve().parents[2] / "shared" / "realdata"


def real(path: str) -> Path:
    """A real file; the test is skipped where the collection isn't held."""
    whole = REAL_DATA / path
    if not whole.exists():
        pytest.skip(f"the collection of real data isn't held beside the repository ({path})")
    return whole


def told(faults: Iterable[Fault]) -> str:
    """Every fault as the user reads it, a line each, with its severity and rule before it."""
    return "\n".join(f"{fault.severity} {fault.rule} | {message(asdict(fault))}" for fault in faults)


def table(read: Read, name: str) -> RawTable:
    """The one table of a name."""
    (found,) = (table for table in read.tables if table.name == name)
    return found


def is_sound(read: Read) -> bool:
    """Texts only, a row number for each, and a reason where there is no table."""
    for one in read.tables:
        is_text = all(kind == pl.String for kind in one.cells.dtypes)
        if not is_text or one.cells.height != one.rows.len() or any(column.null_count() for column in one.cells):
            return False
    return bool(read.tables or read.faults)

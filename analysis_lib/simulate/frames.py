"""Small tools between a story and its tables: pseudonyms, typed columns, stamps and names."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import polars as pl

from analysis_lib.schema import load_schema
from analysis_lib.simulate.setting import Setting

REGIONAL = -1  # the number of whoever works at the regional office
INSTANT = pl.Datetime("us", "UTC")


class Keys:
    """Pseudonyms as an importer would make them: HMAC-SHA256 under a case key, here a made-up one, cut to 16 digits."""

    def __init__(self, seed: int) -> None:
        self._case_key = hashlib.sha256(f"made-up case key {seed}".encode()).digest()

    def __call__(self, kind: str, name: object) -> str:
        """Give the key of a member, an administrator or a network."""
        return hmac.digest(self._case_key, f"{kind} {name}".encode(), "sha256").hex()[:16]


def frame(table: str, columns: Mapping[str, Any], n: int) -> pl.DataFrame:
    """Make a table of n rows, typed and sorted as `open_package` gives it; instants are given in UTC microseconds.

    A list is a column, any other value fills one, and columns that aren't named stay empty.
    """
    schema = load_schema(table)
    if unknown := sorted(set(columns) - set(schema.names)):
        raise KeyError(f"{table} has no column {', '.join(unknown)}. Expected columns of {', '.join(schema.names)}.")
    series = []
    for name, dtype in schema.dtypes.items():
        value = columns.get(name)
        values = value if isinstance(value, list) else [value] * n
        series.append(pl.Series(name, values, dtype=pl.Int64 if dtype == INSTANT else dtype).cast(dtype))
    return pl.DataFrame(series).sort(schema.primary_key)


def from_rows(table: str, rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Make the same from rows, each a mapping of the columns it fills."""
    names = {name: None for row in rows for name in row}
    return frame(table, {name: [row.get(name) for row in rows] for name in names}, len(rows))


def microseconds(instant: datetime) -> int:
    """Give a timezone-aware instant in UTC microseconds."""
    return int(instant.timestamp()) * 1_000_000 + instant.microsecond


def stamp(setting: Setting, at: float) -> int:
    """Give what the platform's log shows for an instant: cut down to its resolution, never rounded up past a deadline."""
    whole = int(at // setting.resolution_s) * setting.resolution_s
    return microseconds(setting.opens_at) + whole * 1_000_000


def role(officer: int | None) -> str:
    """Name a role: 0 is the procedures secretary, -1 the regional office, others are local officers, none is the platform."""
    if officer is None:
        return "system"
    return {0: "procedures_secretary", REGIONAL: "regional_staff"}.get(officer, "local_officer")


def branch_name(number: int) -> str:
    """Name a branch by letters: A to Z, then AA."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return f"Branch {letters[number // 26 - 1] if number >= 26 else ''}{letters[number % 26]}"


def in_order(events: Iterable[Any]) -> list[Any]:
    """Put log rows in order of time; rows of one instant keep the order in which they happened."""
    return sorted(events, key=lambda event: event.at)

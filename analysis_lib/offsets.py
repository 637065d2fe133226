"""Offsets from UTC: are all the times of a column written in one place's local time?"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from analysis_lib.checks import Draft
from analysis_lib.columns import OFFSET
from analysis_lib.faults import WARNING, Fault
from analysis_lib.reading import TextTable


def _offsets(cells: pl.Series, is_read: pl.Series) -> pl.Series | None:
    """Give the offset of each time that could be read, such as +0100; null for the column: all are in UTC."""
    if isinstance(cells.dtype, pl.Datetime):
        return None if cells.dtype.time_zone == "UTC" else cells.dt.strftime("%z")
    if cells.str.ends_with("Z").all() or cells.str.ends_with("+00:00").all():
        return None
    offsets = cells.str.extract(OFFSET, 1).str.replace(":", "").str.replace(r"^([+-]..)$", "${1}00")
    return offsets.str.replace(r"^(Z|-0000)$", "+0000").set(~is_read, None)


def offset_faults(text: TextTable, draft: Draft, zones: Mapping[str, Mapping[str, str]]) -> list[Fault]:
    """Warn of a column whose offsets from UTC are several and don't follow the local time of the row's place.

    Parameters
    ----------
    zones : mapping
        Zones that a row's times may be written in, by the value of a column: contest_id, clock_id.
    """
    faults = []
    for name in (name for name, dtype in draft.typed.schema.items() if dtype == pl.Datetime and name in text.cells.columns):
        instants = draft.typed[name]
        offsets = _offsets(text.cells[name], instants.is_not_null())
        if offsets is None or offsets.drop_nulls().n_unique() < 2:
            continue
        fits = instants.is_null()
        for column in (column for column in zones if column in draft.typed.columns):
            row_zone = draft.typed[column].replace_strict(zones[column], default=None, return_dtype=pl.String)
            for zone in row_zone.drop_nulls().unique().sort():
                local = instants.dt.convert_time_zone(zone).dt.strftime("%z")
                fits = fits | ((row_zone == zone) & (local == offsets)).fill_null(False)
        if not (strange := text.rows.filter(~fits)).len():
            continue
        counts = offsets.drop_nulls().value_counts(sort=False).sort("count", name, descending=[True, False]).rows()
        listed = ", ".join(f"{offset[:3]}:{offset[3:]} ({n:,})" for offset, n in counts[:5])
        faults.append(
            Fault(
                file=text.file,
                column=name,
                row=strange[0],
                found=f"one column has times with the offsets {listed}; {strange.len():,}, first here, don't fit the local time",
                expected="all times of a column in UTC, or all in the local time of the contest or of the clock in clock_id",
                remedy="The rows are kept and read as written. Ask if two exports were joined; correct what is wrong.",
                severity=WARNING,
                rule="mixed_zones",
            )
        )
    return faults

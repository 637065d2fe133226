"""The same case under every reading that its clocks allow, for questions that set times of several logs against each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from analysis_lib.case import Case
from analysis_lib.clocks import readings
from analysis_lib.methods.clock_offset import anchored_offsets

MOST_READINGS = 24


def under_every_reading(case: Case, tables: Sequence[str]) -> dict[str, Case]:
    """Give the case as recorded, and once more for every reading that moves some row of `tables` otherwise.

    First all clocks are read alike, then each clock by itself with the others as recorded, for only a
    difference between two clocks can change an order. At most `MOST_READINGS`, in a fixed order.

    Parameters
    ----------
    case : Case
    tables : sequence of str
        Tables with ``at`` and ``clock_id``. Rows without a time or a described clock stay as they are.

    Returns
    -------
    dict of str to Case
        By name: ``as_recorded``; a reading's own name where all clocks are read so; else "clock: reading".
    """
    rows = pl.concat([case.package.tables[table].select("at", "clock_id", table=pl.lit(table)) for table in tables])
    clocks, zone, anchored = case.rows("clocks"), case.contest["timezone"], anchored_offsets(case)
    together = readings(rows, clocks, zone, anchored)
    found = dict(together)
    used = rows["clock_id"].drop_nulls().unique().sort().to_list()
    if len(used) > 1 and len(together) > 1:
        for clock_id in used:
            own = rows["clock_id"].eq_missing(clock_id)
            for name, at in together.items():
                found[f"{clock_id}: {name}"] = pl.select(pl.when(own).then(at).otherwise(rows["at"]).alias("at")).to_series()
    kept: dict[str, pl.Series] = {}
    for name, at in found.items():
        if not any(at.equals(other) for other in kept.values()) and len(kept) < MOST_READINGS:
            kept[name] = at
    return {name: case if name == "as_recorded" else _moved(case, rows, at) for name, at in kept.items()}


def _moved(case: Case, rows: pl.DataFrame, at: pl.Series) -> Case:
    moved = rows.with_columns(at=at)
    tables = dict(case.package.tables)
    for name in rows["table"].unique(maintain_order=True):
        tables[name] = tables[name].with_columns(at=moved.filter(pl.col("table") == name)["at"])
    return replace(case, package=replace(case.package, tables=tables))

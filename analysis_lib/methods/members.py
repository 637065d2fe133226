"""Members on the roll that voted: shared by the questions on credentials."""

from __future__ import annotations

import polars as pl

from analysis_lib.case import Case

IN_FORCE = ("platform_upload", "freeze")  # copies made before voting; a marked register or a copy for an audit comes later


def min_cell(case: Case) -> int:
    """Give the smallest number of members that may be shown by itself."""
    return getattr(case.package, "min_cell", 10)


def roll_in_force(case: Case) -> pl.DataFrame:
    """Give the latest copy of the roll made for the platform or at the freeze; without one, the latest of any kind.

    Returns
    -------
    DataFrame
        Rows of the roll table, sorted by voter key; empty if no roll is held.
    """
    copies = case.rows("roll_snapshots").sort("taken_at", "snapshot_id")
    fitting = copies.filter(pl.col("purpose").is_in(IN_FORCE))
    chosen = (fitting if fitting.height else copies).tail(1)
    return case.rows("roll").join(chosen.select("snapshot_id"), on="snapshot_id").sort("voter_key")

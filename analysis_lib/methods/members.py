"""Members on the roll that voted: shared by the questions on credentials."""

from __future__ import annotations

import polars as pl

from analysis_lib.case import Case

IN_FORCE = ("platform_upload", "freeze")  # copies made before voting; a marked register or a copy for an audit comes later


def is_complete(case: Case, table: str) -> bool:
    """Whether whoever supplied the rows of a table says that nothing is missing; false of an empty table."""
    used = case.rows(table).select("source_id").unique().join(case.rows("sources"), on="source_id", how="left")
    return used.height > 0 and (used["completeness"] == "complete").fill_null(False).all()


def whole_roll(case: Case) -> pl.DataFrame:
    """Give the roll in force only where a copy of the whole of it is held: a list for a candidate leaves members out."""
    copies = case.rows("roll_snapshots").filter(pl.col("purpose").is_in(IN_FORCE))
    roll = roll_in_force(case)
    return roll.join(copies.select("snapshot_id"), on="snapshot_id", how="semi", maintain_order="left")


def roll_in_force(case: Case) -> pl.DataFrame:
    """Give the latest copy of the roll made for the platform or at the freeze; without one, the latest of any kind.

    A later copy with fewer than half of the rows of the largest is an addition, such as late joiners
    loaded by themselves: its rows stand beside those of the copy before, and in place of theirs.

    Returns
    -------
    DataFrame
        Rows of the roll table, a voter once, sorted by voter key; empty if no roll is held.
    """
    rows = case.rows("roll")
    copies = case.rows("roll_snapshots").join(rows.group_by("snapshot_id").len("held"), on="snapshot_id")
    copies = copies.sort("taken_at", "snapshot_id")
    fitting = copies.filter(pl.col("purpose").is_in(IN_FORCE))
    if not fitting.height:
        return rows.join(copies.tail(1).select("snapshot_id"), on="snapshot_id").sort("voter_key")
    is_whole = (pl.col("held") * 2 >= pl.col("held").max()).cast(pl.Int64)
    chosen = fitting.with_columns(later=is_whole.reverse().cum_sum().reverse()).filter(
        (pl.col("later") == 0) | ((pl.col("later") == 1) & (is_whole == 1))
    )  # fmt: skip
    placed = rows.join(chosen.select("snapshot_id", "taken_at"), on="snapshot_id")
    last = placed.sort("voter_key", "taken_at", "snapshot_id").unique("voter_key", keep="last", maintain_order=True)
    return last.select(rows.columns)

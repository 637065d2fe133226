"""What was declared: candidates' totals over all channels, first and in later declarations. Shared by several questions."""

from __future__ import annotations

import polars as pl

LATER = ("correction", "recount", "certified")  # a later declaration stands beside the first one


def latest_totals(results: pl.DataFrame, *, first_round: bool = False) -> tuple[list[tuple[str, int]], str]:
    """Give `candidate_totals` of the declaration that stands, and its name: certified, else a recount, a correction, the first."""
    for declaration in ("certified", "recount", "correction", "first"):
        if totals := candidate_totals(results, declaration, first_round=first_round):
            return totals, declaration
    return [], "first"


def with_declaration(results: pl.DataFrame) -> pl.DataFrame:
    """Add ``declaration``: "first", or the status of a later declaration."""
    return results.with_columns(declaration=pl.when(pl.col("status").is_in(LATER)).then("status").otherwise(pl.lit("first")))


def whole_contest(results: pl.DataFrame) -> pl.DataFrame:
    """Leave out the figures of single units."""
    return results.filter(pl.col("unit").is_null())


def candidate_totals(results: pl.DataFrame, declaration: str, *, first_round: bool = False) -> list[tuple[str, int]]:
    """Give (candidate_id, ballots) over all channels, most first, in the last round declared (or the first one).

    Rows of channel "all" with a count; without them, the sum over channels where every channel has
    a count. Empty where the totals aren't held or two sources give different ones.
    """
    rows = with_declaration(whole_contest(results))
    rows = rows.filter((pl.col("item") == "candidate") & (pl.col("declaration") == declaration))
    if not rows.height:
        return []
    number = rows["round"].min() if first_round else rows["round"].max()
    rows = rows.filter(pl.col("round") == number)
    whole = rows.filter((pl.col("channel") == "all") & pl.col("n").is_not_null())
    if not whole.height and rows["n"].null_count():
        return []
    held = whole if whole.height else rows
    cells = held.group_by("candidate_id", "channel").agg(pl.col("n").first(), claims=pl.col("n").n_unique())
    if cells["claims"].max() > 1:
        return []
    totals = cells.group_by("candidate_id").agg(pl.col("n").sum())
    return [(row[0], int(row[1])) for row in totals.sort(["n", "candidate_id"], descending=[True, False]).iter_rows()]

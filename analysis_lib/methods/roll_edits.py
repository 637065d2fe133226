"""The edits of a roll one by one: how many members each brought in, took out or renamed. Shown beside edits_outside_window."""

from __future__ import annotations

import polars as pl

from analysis_lib.case import Case
from analysis_lib.methods.edit_causes import with_moves
from analysis_lib.methods.instants import edge

DONE = {
    "added": "added", "reinstated": "added", "transferred_in": "added",
    "removed": "removed", "transferred_out": "removed",
    "key_changed": "renamed", "merged": "renamed",
    "eligibility_set": "other", "unit_changed": "other",
}  # fmt: skip
SEVERAL = "several"


def roll_edits(case: Case) -> pl.DataFrame:
    """List every edit of the roll with a time: the changes of one source at one instant.

    Returns
    -------
    DataFrame
        ``at`` (UTC), ``source_id``, the numbers of members ``added``, ``removed``, ``renamed`` (whose key changed) and
        changed in another way (``other``), ``reason`` on file ("several" where the changes of an edit have not the same
        one; null: none), and ``in_voting``, whether it was made while votes were taken (null: the opening or the close
        isn't known). Sorted by time. Changes of which only two limits are known are in none.
    """
    rows = with_moves(case.rows("roll_changes")).drop_nulls("at")
    rows = rows.with_columns(done=pl.col("change").replace_strict(DONE, default="other", return_dtype=pl.String))
    members = [
        pl.col("voter_key").filter(pl.col("done") == done).n_unique().cast(pl.Int64).alias(done)
        for done in dict.fromkeys(DONE.values())
    ]
    reason = pl.when(pl.col("reason").n_unique() == 1).then(pl.col("reason").first()).otherwise(pl.lit(SEVERAL))
    edits = rows.group_by("at", "source_id").agg(*members, reason=reason).sort("at", "source_id")
    opens, closes = edge(case, "voting", "opens_at"), edge(case, "voting", "closes_at")
    known = opens is not None and closes is not None
    return edits.with_columns(in_voting=pl.col("at").is_between(opens, closes) if known else pl.lit(None, pl.Boolean))

"""Who was entitled to vote under each reading of the rule: at the freeze, the issue, the ballot and the count. Shared by the questions on the roll."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from analysis_lib.case import Case
from analysis_lib.methods.instants import possibly_before, stamped, surely_before
from analysis_lib.methods.members import is_complete, whole_roll

AT_FREEZE, AT_ISSUE, AT_CAST, AT_COUNT = "freeze", "issue", "cast", "count"
JOINED = "joined"  # by the day of joining, not by a copy
CAME, WENT = ("added", "reinstated", "transferred_in"), ("removed", "transferred_out")
AFTER_THE_VOTE = ("post_poll", "marked_register")
SET = "eligibility_set"
STANDINGS = {"voter_key": pl.String, "is_barred": pl.Boolean, "is_open": pl.Boolean}


def readings(case: Case, voters: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Say of every voter, under each reading of the rule that the data allow, whether the ballot was one too many.

    Parameters
    ----------
    voters : DataFrame
        One row per ``voter_key``, with the instants of the ballot as `instants.stamped` gives them; null: not known.

    Returns
    -------
    dict of str to DataFrame
        ``freeze``: by the copy of the roll made at the freeze; ``joined``: by the day of joining against the freeze;
        ``issue``: by the roll loaded into the voting system; ``cast``: by that roll and all changes up to the ballot;
        ``count``: by the first copy made after the vote. In each ``voter_key``, ``is_barred`` (not entitled for certain) and
        ``is_open`` (the data leave it open). Readings without their data are left out.
    """
    keys = voters.select("voter_key")
    found = {
        AT_FREEZE: _on_copy(case, keys, at_the_freeze(case)),
        JOINED: _by_joining(case, keys),
        AT_ISSUE: _on_copy(case, keys, whole_roll(case)),
        AT_CAST: _at_the_ballot(case, voters),
        AT_COUNT: _at_the_count(case, keys),
    }
    return {name: rows.select(list(STANDINGS)).sort("voter_key") for name, rows in found.items() if rows is not None}


def _copies(case: Case, *purposes: str) -> pl.DataFrame:
    """Copies of these purposes of which rows are held, in order of time."""
    roll = case.rows("roll").select("snapshot_id").unique()
    copies = case.rows("roll_snapshots").filter(pl.col("purpose").is_in(purposes))
    return copies.join(roll, on="snapshot_id", how="semi").sort("taken_at", "snapshot_id")


def _rows_of(case: Case, copies: pl.DataFrame) -> pl.DataFrame:
    return case.rows("roll").filter(pl.col("snapshot_id").is_in(copies["snapshot_id"].to_list()))


def at_the_freeze(case: Case) -> pl.DataFrame:
    """Rows of the last copy of the roll made at the freeze; none where none is held."""
    return _rows_of(case, _copies(case, "freeze").tail(1))


def _on_copy(case: Case, keys: pl.DataFrame, copy: pl.DataFrame) -> pl.DataFrame | None:
    """Held against one copy: who stands there as not entitled is barred; who is missing, only if no copy and no change has them."""
    if not copy.height:
        return None
    taken = copy.join(case.rows("roll_snapshots").select("snapshot_id", "taken_at"), on="snapshot_id", how="left")
    rows = keys.join(taken.select("voter_key", "eligible", "taken_at"), on="voter_key", how="left", maintain_order="left")
    let_in = stamped(case.rows("roll_changes").filter(~pl.col("change").is_in(WENT)), case)
    named = pl.concat(
        [let_in.select("voter_key", "latest"), let_in.select("latest", voter_key="other_voter_key").select("voter_key", "latest")]
    )
    later = named.drop_nulls("voter_key").group_by("voter_key").agg(
        latest=pl.when(pl.col("latest").null_count() == 0).then(pl.col("latest").max()), has_change=pl.lit(True).first()
    )  # fmt: skip
    rows = rows.join(later, on="voter_key", how="left", maintain_order="left").with_columns(pl.col("has_change").fill_null(False))
    # A change made before the copy is on it.
    undone = pl.col("has_change") & (pl.col("latest") >= pl.col("taken_at")).fill_null(True)
    elsewhere = pl.col("voter_key").is_in(case.rows("roll")["voter_key"].unique().implode())
    is_whole = pl.lit(is_complete(case, "roll") and not case.package.n_left_out.get("roll", 0))
    barred, missing = ~pl.col("eligible").fill_null(True), pl.col("eligible").is_null()
    sure = barred & ~undone | missing & ~elsewhere & ~pl.col("has_change") & is_whole
    return rows.with_columns(is_barred=sure, is_open=(barred | missing & ~pl.col("has_change")) & ~sure)


def _by_joining(case: Case, keys: pl.DataFrame) -> pl.DataFrame | None:
    """Held against the freeze by the day of joining; on the day of the freeze itself it is open."""
    freeze: datetime | None = case.contest["freeze_at"]
    joined = case.rows("roll").drop_nulls("joined_on").group_by("voter_key").agg(pl.col("joined_on").min())
    if freeze is None or not joined.height:
        return None
    day = pl.lit(freeze).dt.convert_time_zone(case.contest["timezone"]).dt.date()
    rows = keys.join(joined, on="voter_key", how="left", maintain_order="left")
    return rows.with_columns(
        is_barred=(pl.col("joined_on") > day).fill_null(False), is_open=(pl.col("joined_on") == day).fill_null(False)
    )


def _at_the_ballot(case: Case, voters: pl.DataFrame) -> pl.DataFrame | None:
    """Held against the roll in force with the changes between that copy and the ballot: the last one decides."""
    roll = whole_roll(case)
    changes = stamped(case.rows("roll_changes").filter(pl.col("change").is_in((*CAME, *WENT, SET))), case)
    issue = _on_copy(case, voters.select("voter_key"), roll)
    if issue is None or not changes.height:
        return None
    pairs = voters.join(issue.select("voter_key", "taken_at"), on="voter_key").join(changes, on="voter_key", suffix="_of_right")
    pairs = pairs.filter((pl.col("latest_of_right") >= pl.col("taken_at")).fill_null(True)).with_columns(
        before=surely_before("_of_right", ""), perhaps=possibly_before("_of_right", "")
    )
    states = pairs.sort("latest_of_right", "change_id", nulls_last=True).group_by("voter_key").agg(
        last=pl.col("change").filter("before").last(), possible=pl.col("change").filter("perhaps").last()
    )  # fmt: skip
    rows = issue.join(states, on="voter_key", how="left", maintain_order="left")
    gone, gone_perhaps = (pl.col(name).is_in(WENT).fill_null(False) for name in ("last", "possible"))
    came = pl.col("last").is_in(CAME).fill_null(False)
    is_set = ((pl.col("last") == SET) | (pl.col("possible") == SET)).fill_null(False)  # which way isn't on record
    sure = gone & gone_perhaps | pl.col("is_barred") & ~came & ~is_set
    is_open = gone | gone_perhaps | is_set | (pl.col("is_barred") | pl.col("is_open")) & ~came
    return rows.with_columns(is_barred=sure, is_open=is_open & ~sure)


def _at_the_count(case: Case, keys: pl.DataFrame) -> pl.DataFrame | None:
    """Held against the first copy made after the vote; who is missing there is barred if the last change took them off."""
    for chosen in _copies(case, *AFTER_THE_VOTE)["snapshot_id"]:
        copy = case.rows("roll").filter(pl.col("snapshot_id") == chosen)
        if copy["voted_flag"].count() and copy["voted_flag"].fill_null(True).all():
            continue  # a register of voters alone: who is missing did not vote by it, whatever the entitlement
        changes = case.rows("roll_changes").filter(pl.col("change").is_in((*CAME, *WENT)))
        last = changes.sort("at", "at_hi", "change_id", nulls_last=True).group_by("voter_key").agg(pl.col("change").last())
        rows = keys.join(copy.select("voter_key", "eligible"), on="voter_key", how="left", maintain_order="left")
        rows = rows.join(last, on="voter_key", how="left", maintain_order="left")
        missing = pl.col("eligible").is_null()
        sure = ~pl.col("eligible").fill_null(True) | missing & pl.col("change").is_in(WENT).fill_null(False)
        return rows.with_columns(is_barred=sure, is_open=missing & ~sure)
    return None

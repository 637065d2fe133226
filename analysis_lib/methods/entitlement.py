"""Who was entitled to vote under each reading of the rule: at the freeze, the issue, the ballot and the count. Shared by the questions on the roll."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from analysis_lib.case import Case
from analysis_lib.methods.edit_causes import SAME_ENTRY, complaints_upheld
from analysis_lib.methods.instants import possibly_before, stamped, surely_before
from analysis_lib.methods.members import IN_FORCE, is_complete, whole_roll

AT_FREEZE, AT_ISSUE, AT_CAST, AT_COUNT = "freeze", "issue", "cast", "count"
JOINED = "joined"  # by the day of joining, not by a copy
CAME, WENT = ("added", "reinstated", "transferred_in"), ("removed", "transferred_out")
AFTER_THE_VOTE = ("post_poll", "marked_register")
SET = "eligibility_set"
STAYS = ("duplicate", "renamed", "reverted")  # an entry left the roll, and its member did not
LEFT = (pl.col("change") == "removed") & ~pl.col("reason").is_in(STAYS).fill_null(False)
GONE = pl.col("change").is_in(WENT)  # if not LEFT, only an entry went, or the member to another part, which may vote here too
IS_WHOLE = (
    pl.len().over("snapshot_id") * 2 >= pl.len().over("snapshot_id").max()
)  # else an addition, as in `members.roll_in_force`
MANY = 10  # house rule: so many strangers one after the other are rather a new numbering
STANDINGS = ("voter_key", "is_barred", "is_open", "let_in_later")


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
        ``issue``: by the roll loaded into the voting system, of one loaded after the ballot only against whom none before it
        has as entitled; ``cast``: by that roll and all changes up to the ballot;
        ``count``: by the first copy made after the vote. In each ``voter_key``, ``is_barred`` (not entitled for certain),
        ``is_open`` (the data leave it open; so are those of `doubted_voters`) and, by the freeze alone, ``let_in_later``: a list loaded after it and before the
        ballot has the voter as entitled. Readings without their data are left out.
    """
    keys, roll = voters.select("voter_key", let_in_later=pl.lit(False)), _at_the_issue(case, voters)
    found = {
        AT_FREEZE: _on_copy(case, _let_in_later(case, voters, roll), at_the_freeze(case)),
        JOINED: _by_joining(case, keys),
        AT_ISSUE: _on_copy(case, keys, roll),
        AT_CAST: _at_the_ballot(case, voters, roll),
        AT_COUNT: _at_the_count(case, keys),
    }
    doubted = pl.col("is_barred") & pl.col("voter_key").is_in(doubted_voters(case, voters).implode())
    told = {name: rows.with_columns(is_barred=pl.col("is_barred") & ~doubted, is_open=pl.col("is_open") | doubted)
            for name, rows in found.items() if rows is not None}  # fmt: skip
    return {name: rows.select(STANDINGS).sort("voter_key") for name, rows in told.items()}


def doubted_voters(case: Case, voters: pl.DataFrame) -> pl.Series:
    """Voters of whom no list tells for certain: a complaint about their place on it was upheld, or members were numbered anew.

    It looks like the latter where `MANY` or more are on no copy and all of them voted after the last voter who is on one.
    """
    is_known = pl.col("voter_key").is_in(case.rows("roll")["voter_key"].unique().implode())
    known, strangers = voters.filter(is_known), voters.filter(~is_known)
    last, first = known["latest"].max(), strangers["earliest"].min()
    is_cut = strangers.height >= MANY and not strangers["earliest"].null_count() and last is not None and first > last
    if is_cut:  # a new numbering leaves the pace of voting as it was
        span = strangers["latest"].max() - first
        is_cut = known.filter(pl.col("latest") >= first - span).height * 4 >= strangers.height
    return pl.concat([complaints_upheld(case), strangers["voter_key"] if is_cut else strangers["voter_key"].clear()])


def _copies(case: Case, *purposes: str) -> pl.DataFrame:
    """Copies of these purposes of which rows are held, in order of time."""
    roll = case.rows("roll").select("snapshot_id").unique()
    copies = case.rows("roll_snapshots").filter(pl.col("purpose").is_in(purposes))
    return copies.join(roll, on="snapshot_id", how="semi").sort("taken_at", "snapshot_id")


def _rows_of(case: Case, copies: pl.DataFrame) -> pl.DataFrame:
    return case.rows("roll").join(copies, on="snapshot_id", how="semi", maintain_order="left")


def _dated(case: Case, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of the roll with the time at which their copy was made."""
    copies = case.rows("roll_snapshots").select("snapshot_id", "taken_at")
    return rows.join(copies, on="snapshot_id", how="left", maintain_order="left")


def at_the_freeze(case: Case) -> pl.DataFrame:
    """Rows of the last copy of the roll made at the freeze; none where none is held.

    A later copy with fewer than half of the rows of the largest is an addition to the one before, as in `members.roll_in_force`.
    """
    rows = _dated(case, _rows_of(case, _copies(case, "freeze")))
    last = rows.filter(IS_WHOLE)["taken_at"].max()
    rows = rows.filter(pl.col("taken_at") >= pl.lit(last, rows["taken_at"].dtype)).sort("voter_key", "taken_at", "snapshot_id")
    return rows.unique("voter_key", keep="last", maintain_order=True).drop("taken_at")


def _at_the_issue(case: Case, voters: pl.DataFrame) -> pl.DataFrame:
    """Rows of the roll in force; of voters whose ballot is older than its last copy, those of the copy before, if entitled there.

    Who lapsed after voting stands as not entitled on a list that was loaded again meanwhile.
    """
    roll, rows = whole_roll(case), _dated(case, _rows_of(case, _copies(case, *IN_FORCE)))
    whole = rows.filter(IS_WHOLE).select(whole_at="taken_at").unique().sort("whole_at")
    times = voters.select("voter_key", "latest").drop_nulls().sort("latest")
    times = times.join_asof(whole, left_on="latest", right_on="whole_at", check_sortedness=False)
    before = rows.join(times, on="voter_key").filter(pl.col("taken_at").is_between("whole_at", "latest"))
    last = before.sort("voter_key", "taken_at", "snapshot_id").unique("voter_key", keep="last", maintain_order=True)
    last = last.filter("eligible").select(roll.columns)
    return pl.concat([last, roll.join(last, on="voter_key", how="anti")]).sort("voter_key")


def _let_in_later(case: Case, voters: pl.DataFrame, roll: pl.DataFrame) -> pl.DataFrame:
    """Say of every voter whether a list loaded after the freeze and before the ballot has them as entitled.

    Not of those who joined after the freeze, by the list of that day itself: no fee booked late makes up for that.
    """
    frozen = pl.lit(_copies(case, "freeze")["taken_at"].max(), case.rows("roll_snapshots")["taken_at"].dtype)
    rows = voters.select("voter_key", "latest").join(_dated(case, roll), on="voter_key", how="left", maintain_order="left")
    late = at_the_freeze(case).filter(pl.col("ineligible_reason") == "joined_after_freeze")["voter_key"].implode()
    is_between = (pl.col("taken_at") > frozen) & (pl.col("taken_at") <= pl.col("latest")).fill_null(True)
    let_in = (pl.col("eligible") & is_between).fill_null(False) & ~pl.col("voter_key").is_in(late)
    return rows.select("voter_key", let_in_later=let_in)


def _on_copy(case: Case, keys: pl.DataFrame, copy: pl.DataFrame) -> pl.DataFrame | None:
    """Held against one copy: who stands there as not entitled is barred; who is missing, only if no copy and no change has them.

    Who was added after it and on no exception is open too. A list on which fewer than half of the voters stand is not theirs, however complete: who is missing from it is open.
    """
    if not copy.height:
        return None
    dated = _dated(case, copy).select("voter_key", "eligible", "taken_at")
    copy_at = pl.lit(dated["taken_at"].max())
    rows = keys.join(dated, on="voter_key", how="left", maintain_order="left")
    let_in = stamped(case.rows("roll_changes").filter(~pl.col("change").is_in(WENT)), case)
    named = pl.concat(
        [let_in.select("voter_key", "latest"), let_in.select("latest", voter_key="other_voter_key").select("voter_key", "latest")]
    )
    fresh = let_in.filter(pl.col("change").is_in(CAME) & ~pl.col("reason").is_in(SAME_ENTRY).fill_null(False))
    added = fresh.group_by("voter_key").agg(added=pl.col("earliest").max())
    later = named.drop_nulls("voter_key").group_by("voter_key").agg(
        latest=pl.when(pl.col("latest").null_count() == 0).then(pl.col("latest").max()), has_change=pl.lit(True).first()
    )  # fmt: skip
    rows = rows.join(later, on="voter_key", how="left", maintain_order="left").join(
        added, on="voter_key", how="left", maintain_order="left"
    )
    rows = rows.with_columns(pl.col("has_change").fill_null(False))
    came_late = (pl.col("added") > copy_at).fill_null(False)
    # A change made before the copy is on it.
    undone = pl.col("has_change") & (pl.col("latest") >= pl.col("taken_at")).fill_null(True)
    elsewhere = pl.col("voter_key").is_in(case.rows("roll")["voter_key"].unique().implode())
    is_theirs = rows["eligible"].count() * 2 >= rows.height
    is_whole = pl.lit(is_complete(case, "roll") and not case.package.n_left_out.get("roll", 0) and is_theirs)
    barred, missing = ~pl.col("eligible").fill_null(True), pl.col("eligible").is_null()
    sure = barred & ~undone | missing & ~elsewhere & ~pl.col("has_change") & is_whole
    return rows.with_columns(is_barred=sure, is_open=(barred | missing & (~pl.col("has_change") | came_late)) & ~sure)


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


def _at_the_ballot(case: Case, voters: pl.DataFrame, roll: pl.DataFrame) -> pl.DataFrame | None:
    """Held against the roll in force with the changes between that copy and the ballot: the last one decides."""
    changes = stamped(case.rows("roll_changes").filter(pl.col("change").is_in((*CAME, *WENT, SET))), case)
    issue = _on_copy(case, voters.select("voter_key", let_in_later=pl.lit(False)), roll)
    if issue is None or not changes.height:
        return None
    pairs = voters.join(issue.select("voter_key", "taken_at"), on="voter_key").join(changes, on="voter_key", suffix="_of_right")
    pairs = pairs.filter((pl.col("latest_of_right") >= pl.col("taken_at")).fill_null(True)).with_columns(
        before=surely_before("_of_right", ""), perhaps=possibly_before("_of_right", "")
    )
    # A member who moves between branches leaves one and joins another, and either may be entered first.
    is_out = pl.col("change") == "transferred_out"
    what = pl.when(LEFT).then(pl.lit("left")).when(GONE).then(pl.lit("gone")).when(pl.col("change") == SET).then(pl.lit("set"))
    pairs = pairs.with_columns(
        what=what.otherwise(pl.lit("came")), place=pl.col("latest_of_right") - pl.duration(days=is_out.cast(pl.Int64))
    )
    states = pairs.sort("place", "change_id", nulls_last=True).group_by("voter_key").agg(
        last=pl.col("what").filter("before").last(), possible=pl.col("what").filter("perhaps").last()
    )  # fmt: skip
    rows = issue.join(states, on="voter_key", how="left", maintain_order="left")

    def either(*what: str) -> pl.Expr:
        return pl.any_horizontal(pl.col("last", "possible").is_in(what)).fill_null(False)

    came = (pl.col("last") == "came").fill_null(False)
    left = ((pl.col("last") == "left") & (pl.col("possible") == "left")).fill_null(False)
    sure = left | pl.col("is_barred") & ~came & ~either("set")
    is_open = either("left", "gone", "set") | (pl.col("is_barred") | pl.col("is_open")) & ~came
    return rows.with_columns(is_barred=sure, is_open=is_open & ~sure)


def _at_the_count(case: Case, keys: pl.DataFrame) -> pl.DataFrame | None:
    """Held against the first copy made after the vote; who is missing there is barred if the last change took them off."""
    for chosen in _copies(case, *AFTER_THE_VOTE)["snapshot_id"]:
        copy = case.rows("roll").filter(pl.col("snapshot_id") == chosen)
        if copy["voted_flag"].count() and copy["voted_flag"].fill_null(True).all():
            continue  # a register of voters alone: who is missing did not vote by it, whatever the entitlement
        made = _dated(case, copy)["taken_at"].max()
        is_before = (pl.coalesce("at", "at_hi") <= pl.lit(made, case.rows("roll_snapshots")["taken_at"].dtype)).fill_null(False)
        changes = case.rows("roll_changes").filter(pl.col("change").is_in((*CAME, *WENT)) & is_before)
        last = changes.sort("at", "at_hi", "change_id", nulls_last=True).group_by("voter_key").agg(has_left=LEFT.last())
        rows = keys.join(copy.select("voter_key", "eligible"), on="voter_key", how="left", maintain_order="left")
        rows = rows.join(last, on="voter_key", how="left", maintain_order="left")
        missing = pl.col("eligible").is_null()
        sure = ~pl.col("eligible").fill_null(True) | missing & pl.col("has_left").fill_null(False)
        return rows.with_columns(is_barred=sure, is_open=missing & ~sure)
    return None

"""What is on record for an edit: who made it, at whose wish, and why. Shared by the questions on edits of the roll."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from analysis_lib.case import Case

AGAINST, OPEN, APART = "against", "open", "apart"
ON_REQUEST = (
    "member_request_logged",
    "bounce_logged",
    "bulk_cleanse",
)  # a contact edit with one of these has its cause on record
SAME_ENTRY = ("exception_granted", "reverted", "renamed")  # allowed by the rules, or the entry is as it was before
GONE = ("resigned", "opted_out", "deceased", "duplicate", "bounced")  # causes to take an entry off at any time
STRUCK_OFF = ("arrears", "lapsed")  # causes that a last day is set against: who may vote is settled by then
CAME = ("added", "reinstated", "transferred_in")
A_MOVE = timedelta(days=1)  # house rule: an office enters both halves of a transfer within a day


def with_moves(changes: pl.DataFrame) -> pl.DataFrame:
    """Read a transfer out and one in of the same member within a day as one move to another branch, `unit_changed`."""
    outs = changes.filter(pl.col("change") == "transferred_out").select("voter_key", "at", "change_id")
    ins = changes.filter(pl.col("change") == "transferred_in").select("voter_key", "at", "change_id")
    pairs = ins.join(outs, on="voter_key", suffix="_out").filter((pl.col("at") - pl.col("at_out")).abs() <= A_MOVE)
    rest = changes.filter(~pl.col("change_id").is_in(pairs["change_id_out"].to_list()))
    is_move = pl.col("change_id").is_in(pairs["change_id"].to_list())
    return rest.with_columns(change=pl.when(is_move).then(pl.lit("unit_changed")).otherwise("change"))


def complaints_upheld(case: Case) -> pl.Series:
    """Keys of members whose complaint about their place on the list was upheld: a decision that a list may not show."""
    is_upheld = pl.col("outcome").is_in(("upheld", "partly_upheld"))
    about_the_list = pl.col("category").is_in(("list_inaccurate", "turned_away"))
    return case.rows("complaints").filter(is_upheld & about_the_list)["voter_key"].drop_nulls()


def _perhaps_stayed(changes: pl.DataFrame) -> pl.Series:
    """Ids of additions of perhaps the entry that was there before: taken out within the day before, or one out and one in at one instant."""
    came = changes.filter(pl.col("change").is_in(CAME))
    outs = changes.filter(pl.col("change") == "removed").drop_nulls("at").select("voter_key", "at", "source_id")
    again = came.join(outs, on="voter_key", suffix="_out")
    again = again.filter((pl.col("at") - pl.col("at_out")).is_between(timedelta(0), A_MOVE))
    pairs = changes.filter(pl.len().over("source_id", "at") == 2).select("change_id")
    swapped = came.join(pairs, on="change_id", how="semi").join(outs, on=["source_id", "at"], how="semi")
    return pl.concat([again["change_id"], swapped["change_id"]])


def beside(case: Case, changes: pl.DataFrame) -> pl.DataFrame:
    """Add to changes of the roll the cause that stands elsewhere, ``beside`` (null: none), and ``may_stay``: perhaps the entry before.

    "upheld": a complaint of the member about the list was upheld; "no_vote": the member stands on copies of the roll, on none
    of them as entitled (and on one made before, if the change takes the vote away), so that nobody's vote hung on it.
    """
    is_upheld = pl.col("voter_key").is_in(complaints_upheld(case).implode())
    copies = case.rows("roll").join(case.rows("roll_snapshots").select("snapshot_id", "taken_at"), on="snapshot_id")
    seen = copies.group_by("voter_key").agg(
        first=pl.col("taken_at").min(), last=pl.col("taken_at").max(), ever=pl.col("eligible").any()
    )  # fmt: skip
    without = seen.filter(~pl.col("ever"))
    comes, at = pl.col("change").is_in(CAME), pl.coalesce("at", "at_lo")
    is_without = (
        pl.when(comes).then(pl.col("last") >= pl.coalesce("at", "at_hi")).otherwise(pl.col("first") <= at).fill_null(False)
    )
    cause = pl.when(is_upheld & (comes | (pl.col("change") == "eligibility_set"))).then(pl.lit("upheld"))
    changes = changes.with_columns(may_stay=pl.col("change_id").is_in(_perhaps_stayed(changes).implode()))
    rows = changes.join(without.select("voter_key", "first", "last"), on="voter_key", how="left", maintain_order="left")
    return rows.with_columns(beside=cause.when(is_without).then(pl.lit("no_vote"))).drop("first", "last")


def with_causes(edits: pl.DataFrame) -> pl.DataFrame:
    """Say of every edit whether a last day for changes forbids it, as far as the log tells.

    A member may mend their own address, leave or die after any last day; it binds whoever keeps the list.

    Parameters
    ----------
    edits : DataFrame
        ``what`` (roll or contact), ``kind`` (of the roll: the change), ``actor_role`` and ``reason`` (of a contact:
        `request_evidence`); null: not on record; ``derived_from``, and ``beside``: a cause held elsewhere, as of `beside`.

    Returns
    -------
    DataFrame
        The rows with ``cause`` (self, or the reason that speaks for the edit; null: none does) and ``standing``: "apart"
        (a cause is on record), "against" (made by somebody other than the member, and either a search found no
        request, or a log has a member let in with no reason that speaks for it, or struck off for arrears or a lapse), or "open".
    """
    reason, role, kind = pl.col("reason"), pl.col("actor_role"), pl.col("kind")
    is_contact = pl.col("what") == "contact"
    may_leave = ~is_contact & ~kind.is_in(CAME)
    speaks = pl.when(is_contact).then(reason.is_in(ON_REQUEST)).otherwise(
        reason.is_in(SAME_ENTRY) | may_leave & reason.is_in(GONE)
    )  # fmt: skip
    is_own = (role == "self").fill_null(False) & (is_contact | may_leave)
    by_hand = ~role.is_in(("self", "system")).fill_null(False)
    # Two copies of a list hold no reasons, and "other" stands for a reason that no word of the schema fits.
    has_no_reason = pl.col("derived_from").ne_missing("snapshot_diff") & reason.ne_missing("other")
    may_be_own = (role == "unknown").fill_null(True)
    is_barred = pl.when(is_contact).then((reason == "none_found") & ~may_be_own).otherwise(
        (kind == "added") & has_no_reason & ~pl.col("may_stay") | may_leave & reason.is_in(STRUCK_OFF)
    )  # fmt: skip
    cause = pl.when(is_own).then(pl.lit("self")).when(speaks.fill_null(False)).then(reason).otherwise("beside")
    return edits.with_columns(cause=cause).with_columns(
        standing=pl.when(pl.col("cause").is_not_null()).then(pl.lit(APART))
        .when(by_hand & is_barred.fill_null(False)).then(pl.lit(AGAINST))
        .otherwise(pl.lit(OPEN))
    )  # fmt: skip

"""An account of the changes of a roll: what was undone, what was taken out and restored, what was only renamed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl

from analysis_lib.case import Case
from analysis_lib.methods.edit_causes import with_moves
from analysis_lib.methods.instants import coarse, edge

CAME, WENT = ("added", "reinstated", "transferred_in"), ("removed", "transferred_out")
UNDONE_WITHIN = timedelta(days=1)  # house rule: an addition taken back later than that is an ordinary removal
TIMED = ("undone", "restored", "cleared", "swapped")
MOST_SWAPPED = 2  # one edit that takes out and brings in this many and no others is read as a renaming


def account(case: Case) -> dict[str, Any]:
    """Tell the changes of the roll and of contacts as a reader would ask for them.

    Returns
    -------
    dict
        ``undone``: additions taken back within a day, with the seconds between. ``restored``: removals during the
        voting, one row per edit, with how many came back and after how long. ``cleared``: edits that took contact
        details out, with how many were set again later, and whether members put back on the roll came without them (``on_return``). ``renamed``: changes of a key, by reason, and ``swapped``:
        edits that took out as many members as they brought in (at most two), which may be renamings. ``interval``: edits
        of which only two limits are known. ``by_kind``: how many of each kind. ``n`` counts of all.
    """
    changes = _roll_changes(case)
    return {
        "n_roll": case.rows("roll_changes").height,
        "n_contact": case.rows("contact_changes").height,
        "undone": _undone(changes),
        "restored": _restored(changes, case),
        "cleared": _cleared(case),
        "renamed": _renamed(case),
        "swapped": _swapped(changes),
        "by_kind": _by_kind(case),
        "interval": _interval(case),
    }


def published(told: dict[str, Any], case: Case) -> dict[str, Any]:
    """Give an account with the day alone for what concerned few members."""
    return told | {name: [row | {"at": coarse(row["at"], row["n"], case)} for row in told[name]] for name in TIMED}


def _roll_changes(case: Case) -> pl.DataFrame:
    """Members who came or went at a known time, but for moves between branches, with the size of the edit: the rows of one source at one instant."""
    rows = with_moves(case.rows("roll_changes")).filter(pl.col("change").is_in((*CAME, *WENT))).drop_nulls("at").with_columns(
        came=pl.col("change").is_in(CAME)
    )  # fmt: skip
    edit = ("source_id", "at")
    rows = rows.with_columns(n_came=pl.col("came").sum().over(edit), n_went=(~pl.col("came")).sum().over(edit))
    is_swap = (pl.col("n_came") == pl.col("n_went")) & (pl.col("n_went") <= MOST_SWAPPED)
    return rows.with_columns(is_swap=is_swap).sort("at", "change_id")


def _next(rows: pl.DataFrame) -> pl.DataFrame:
    """Add what came next for the same member: ``next_came`` and ``next_at``."""
    ordered = rows.sort("voter_key", "at", "change_id")
    return ordered.with_columns(
        next_came=pl.col("came").shift(-1).over("voter_key"), next_at=pl.col("at").shift(-1).over("voter_key")
    )


def _undone(changes: pl.DataFrame) -> list[dict[str, Any]]:
    rows = _next(changes.filter(~pl.col("is_swap")))
    undone = rows.filter(pl.col("came") & ~pl.col("next_came") & (pl.col("next_at") - pl.col("at") <= UNDONE_WITHIN))
    grouped = undone.group_by("source_id", "at", "next_at").agg(n=pl.len())
    return grouped.with_columns(seconds=(pl.col("next_at") - pl.col("at")).dt.total_seconds()).sort("at", "next_at", "source_id").select(
        "at", "n", "seconds"
    ).to_dicts()  # fmt: skip


def _restored(changes: pl.DataFrame, case: Case) -> list[dict[str, Any]]:
    opens, closes = edge(case, "voting", "opens_at"), edge(case, "voting", "closes_at")
    if opens is None or closes is None:
        return []
    rows = _next(changes.filter(~pl.col("is_swap")))
    removed = rows.filter(~pl.col("came") & pl.col("at").is_between(opens, closes))
    seconds = (pl.col("next_at") - pl.col("at")).dt.total_seconds().filter(pl.col("next_came").fill_null(False))
    grouped = removed.group_by("source_id", "at").agg(
        n=pl.len(), n_restored=pl.col("next_came").fill_null(False).sum(), fewest_s=seconds.min(), most_s=seconds.max()
    )  # fmt: skip
    return grouped.sort("at", "source_id").select("at", "n", "n_restored", "fewest_s", "most_s").to_dicts()


def _cleared(case: Case) -> list[dict[str, Any]]:
    rows = case.rows("contact_changes").drop_nulls("at").with_columns(
        cleared=pl.col("new_missing").fill_null(False) | (pl.col("edit_class") == "removed").fill_null(False)
    )  # fmt: skip
    own = ("voter_key", "field")
    rows = rows.sort(*own, "at", "change_id").with_columns(set_again=(~pl.col("cleared")).shift(-1).over(own).fill_null(False))
    edit = ("source_id", "voter_key", "at")
    back = case.rows("roll_changes").filter(pl.col("change") == "reinstated").drop_nulls("at").select(*edit).unique()
    rows = rows.join(back.with_columns(on_return=pl.lit(True)), on=edit, how="left").with_columns(
        pl.col("on_return").fill_null(False)
    )
    grouped = (
        rows.filter("cleared")
        .group_by("source_id", "at", "field", "on_return")
        .agg(n=pl.len(), n_set_again=pl.col("set_again").sum())
    )
    return grouped.sort("at", "field", "source_id", "on_return").select("at", "field", "on_return", "n", "n_set_again").to_dicts()


def _renamed(case: Case) -> list[dict[str, Any]]:
    rows = case.rows("roll_changes").filter(pl.col("change").is_in(("key_changed", "merged")))
    rows = rows.with_columns(pl.col("reason").fill_null("unknown"), known=pl.col("other_voter_key").is_not_null())
    return (
        rows.group_by("change", "reason", "derived_from")
        .agg(n=pl.len(), with_both_keys=pl.col("known").sum())
        .sort("change", "reason", "derived_from")
        .to_dicts()
    )


def _by_kind(case: Case) -> list[dict[str, Any]]:
    roll = case.rows("roll_changes").group_by(kind="change").len("n").with_columns(what=pl.lit("roll"))
    contact = case.rows("contact_changes").group_by(what="field", kind=pl.col("edit_class").fill_null("class not known")).len("n")
    return pl.concat([roll, contact], how="diagonal").sort("what", "kind").select("what", "kind", "n").to_dicts()


def _swapped(changes: pl.DataFrame) -> list[dict[str, Any]]:
    rows = changes.filter(pl.col("is_swap") & pl.col("came")).group_by("source_id", "at").agg(n=pl.len())
    return rows.sort("at", "source_id").select("at", "n").to_dicts()


def _interval(case: Case) -> dict[str, int]:
    unknown = pl.col("at").is_null() & pl.col("at_lo").is_not_null() & pl.col("at_hi").is_not_null()
    return {
        table: case.rows(table).filter(unknown).height for table in ("roll_changes", "contact_changes")
    }  # fmt: skip

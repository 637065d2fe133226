"""Every edit of the roll with its reason on file, and what else is on record then; beside edits_outside_window."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from analysis_lib.cards import Table
from analysis_lib.case import Case
from analysis_lib.exhibits.shown import Shown, when
from analysis_lib.methods.bulk_edits import on_record_then
from analysis_lib.methods.roll_edits import roll_edits as edits_of
from analysis_lib.plaintext import count

MOST_LISTED = 50
NUMBERS = ("added", "removed", "renamed", "other")
PRIVATE = (
    "deceased",
    "resigned",
    "arrears",
    "lapsed",
    "suspended",
    "expelled",
)  # of few members of one day it may tell who they are
IN_VOTING = {True: "yes", False: "no", None: None}


def roll_edits(case: Case) -> Shown:
    """List the edits by time, at most fifty of them, those of the most members; of all, the caption counts those of the voting."""
    edits = edits_of(case)
    if not edits.height:
        return []
    listed = edits.with_columns(n=pl.sum_horizontal(NUMBERS)).sort("n", "at", "source_id", descending=[True, False, False])
    listed = listed.head(MOST_LISTED).sort("at", "source_id")
    beside = on_record_then(case, listed["at"].to_list())
    rows = [
        {"edit": when(row["at"], row["n"], case)}
        | {name: row[name] or None for name in NUMBERS}
        | {"reason": _reason(row, case), "voting": IN_VOTING[row["in_voting"]], "beside": text}
        for row, text in zip(listed.iter_rows(named=True), beside, strict=True)
    ]
    titles = {
        "edit": "edit of", "added": "members added", "removed": "members removed", "renamed": "keys changed",
        "other": "changed otherwise", "reason": "reason on file", "voting": "during the voting", "beside": "what else is on record then",
    }  # fmt: skip
    return [Table(rows, titles, f"Edits of the roll{_which(edits)}.{_in_voting(edits)}")]


def _reason(row: Mapping[str, Any], case: Case) -> str | None:
    told = row["reason"] or ""
    return "one of the member's own" if told in PRIVATE and row["n"] < case.package.min_cell else told.replace("_", " ") or None


def _which(edits: pl.DataFrame) -> str:
    return f": of {edits.height:,}, the {MOST_LISTED} of the most members" if edits.height > MOST_LISTED else ""


def _in_voting(edits: pl.DataFrame) -> str:
    during = edits.filter("in_voting")
    if edits["in_voting"].null_count():
        return " When votes were taken isn't known, so it isn't told which edits came then."
    n_came, n_went = (int(during[name].sum()) for name in ("added", "removed"))
    return f" During the voting: {count(during.height, 'edit')}, {count(n_came, 'member')} added and {n_went:,} removed."

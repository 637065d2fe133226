"""Rows of a log that were one piece of work: the same source, the same hand and the same minute. Shared by the questions on the roll."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl

from analysis_lib.case import Case

BULK_ROWS, BULK_S = 10, 120  # house rule: nobody edits ten members by hand within two minutes
NEAR = timedelta(hours=1)  # of an edit: what else is on record as going on then


def with_edits(rows: pl.DataFrame, by: Sequence[str] = ()) -> pl.DataFrame:
    """Say of every row which edit it was part of.

    Parameters
    ----------
    rows : DataFrame
        ``source_id``, ``actor_key`` (null: not known, taken as one hand), ``at`` (UTC, not null), and the columns of `by`.
    by : sequence of str
        Further columns that keep edits apart, such as the kind of change.

    Returns
    -------
    DataFrame
        The rows, sorted by time within edits, with ``edit`` (its number), ``edit_n`` (its rows) and ``is_bulk``: ten rows
        or more within two minutes. A run of such rows is one edit, however long; all others are one by the minute.
    """
    groups = ["source_id", "actor_key", *by]
    rows = rows.with_columns(_group=pl.struct(groups).rank("dense").cast(pl.Int64)).sort("_group", "at", maintain_order=True)
    group, at = rows["_group"].to_numpy(), rows["at"].dt.epoch("s").to_numpy()
    n = group.size
    if not n:
        return rows.drop("_group").with_columns(edit=pl.lit(0, pl.Int64), edit_n=pl.lit(0, pl.Int64), is_bulk=pl.lit(False))
    place = at - at.min() + group * (int(np.ptp(at)) + 2 * BULK_S)  # one axis, groups far apart
    ends = np.searchsorted(place, place + BULK_S, side="left")
    starts = np.flatnonzero(ends - np.arange(n) >= BULK_ROWS)
    covered = np.zeros(n + 1, np.int64)
    np.add.at(covered, starts, 1)
    np.add.at(covered, ends[starts], -1)
    is_bulk = np.cumsum(covered[:-1]) > 0
    near = np.diff(place, prepend=place[0] - 10 * BULK_S) < BULK_S
    same_run = near & is_bulk & np.r_[False, is_bulk[:-1]]
    same_minute = (
        (np.diff(group, prepend=-1) == 0) & (np.diff(at // 60, prepend=-1) == 0) & (is_bulk == np.r_[False, is_bulk[:-1]])
    )
    edit = np.cumsum(~(same_run | same_minute))
    return rows.drop("_group").with_columns(
        edit=pl.Series(edit), edit_n=pl.Series(np.bincount(edit)[edit].astype(np.int64)), is_bulk=pl.Series(is_bulk)
    )


def collapsed(rows: pl.DataFrame, by: Sequence[str] = ()) -> pl.DataFrame:
    """One row an edit: ``edit, at`` (its first row), ``n``, ``n_members``, ``is_bulk``, ``actor_role``, ``reason`` (where all agree) and `by`."""
    found = with_edits(rows, by)
    told = [name for name in ("actor_role", "reason") if name in found.columns]
    agreed = [pl.when(pl.col(name).n_unique() == 1).then(pl.col(name).first()).alias(name) for name in told]
    return (
        found.group_by("edit", *by)
        .agg(
            *agreed, at=pl.col("at").min(), until=pl.col("at").max(), n=pl.len().cast(pl.Int64),
            n_members=pl.col("voter_key").n_unique().cast(pl.Int64), is_bulk=pl.col("is_bulk").first(),
        )
        .sort("at", "edit")
    )  # fmt: skip


def on_record_then(case: Case, instants: Sequence[Any]) -> list[str]:
    """What the timeline tells of the hour before and after each instant, as it stands there; empty where it tells nothing.

    It is shown beside an edit so that a documented cause is not overlooked; that it is near does not make it the cause.
    """
    events = case.rows("timeline").drop_nulls("description").sort("starts_at", "timeline_id")
    spans = [
        (start - NEAR, (end or start) + NEAR, text)
        for start, end, text in events.select("starts_at", "ends_at", "description").iter_rows()
    ]
    return ["; ".join(dict.fromkeys(text for low, high, text in spans if low <= at <= high)) for at in instants]

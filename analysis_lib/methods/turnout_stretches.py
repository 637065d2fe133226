"""Hours in which the usual pace isn't to be had: answers to a message, an outage, days that a log lacks."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from analysis_lib.case import Case
from analysis_lib.clocks import window_in_force
from analysis_lib.methods.turnout import Casts

HOUR = timedelta(hours=1)
ANSWERS = timedelta(hours=2)  # members answer a message within minutes, and the answers fade within the hour
SENT = ("issued", "reissued_new", "resent_same")
BATCH, BATCH_SHARE = 10, 0.01  # codes sent within an hour, and their share of all codes, from which on they call members up
LONGEST_MEETING = timedelta(hours=6)  # what lasts longer is a season: only its start and its end call members up
MESSAGES = ("invitation", "reminder", "candidate_mailing", "notice")
EVENTS = ("hustings", "meeting", "phone_bank", "outage", "media", "endorsement", "candidate_withdrawal")
EMPTY_HOURS, EMPTY_EXPECTED = 24, 10.0  # so long without a ballot, where so many were expected, is no chance

Stretch = tuple[datetime, datetime]


def answering(case: Case) -> list[Stretch]:
    """Stretches in which members answer a message, a meeting, an outage or a batch of codes; UTC."""
    return sorted([*messages(case), *batches(case)])


def messages(case: Case) -> list[Stretch]:
    """Stretches from a message, hustings, meeting or outage to two hours after it ended; UTC.

    A message to a single member calls up nobody else, and is left aside.
    """
    sent = case.rows("communications").filter(
        pl.col("kind").is_in(MESSAGES) & (pl.col("audience").ne_missing("single")) & pl.col("sent_at").is_not_null()
    )
    happened = list(sent.select("sent_at", pl.coalesce("sent_end_at", "sent_at").alias("end")).iter_rows())
    windows = case.rows("contest_windows").filter((pl.col("kind") == "hustings") & pl.col("opens_at").is_not_null())
    happened += list(windows.select("opens_at", pl.coalesce("closes_at", "opens_at").alias("end")).iter_rows())
    events = case.rows("timeline").filter(pl.col("kind").is_in(EVENTS) & pl.col("starts_at").is_not_null())
    happened += list(events.select("starts_at", pl.coalesce("ends_at", "starts_at").alias("end")).iter_rows())
    found: list[Stretch] = []
    for start, end in happened:
        ends = [(start, end)] if end - start <= LONGEST_MEETING else [(start, start), (end, end)]
        found += [(first, last + ANSWERS) for first, last in ends]
    return sorted(found)


def batches(case: Case) -> list[Stretch]:
    """From the first to two hours after the last of many codes sent within an hour: whoever had waited for one votes at once; UTC.

    A member to whom codes go again and again counts once an hour.
    """
    codes = case.rows("credential_events").filter(pl.col("event").is_in(SENT)).drop_nulls("at")
    codes = codes.with_columns(own=pl.coalesce("voter_key", "credential_id", "event_id")).sort("at", "event_id")
    fewest = max(BATCH, int(np.ceil(BATCH_SHARE * codes["own"].n_unique())))
    since = pl.col("at") - pl.col("at").shift(1).over("own")
    sent = codes.filter((since > HOUR).fill_null(True)).select(start=pl.col("at").shift(fewest - 1), end="at")
    many = sent.filter(pl.col("end") - pl.col("start") <= HOUR)
    apart = (pl.col("start") > pl.col("end").shift(1)).fill_null(True).cum_sum()
    found = many.group_by(apart.alias("batch")).agg(pl.col("start").min(), pl.col("end").max()).sort("start")
    return [(start, end + ANSWERS) for start, end in found.select("start", "end").iter_rows()]


def ends_of_voting(case: Case) -> list[Stretch]:
    """The two hours after the opening and before the close: members who waited for the one, or put it off to the other."""
    window = window_in_force(case.rows("contest_windows"), "online")
    if window is None or window.opens_at is None or window.closes_at is None:
        return []
    return [(window.opens_at, window.opens_at + ANSWERS), (window.closes_at - ANSWERS, window.closes_at)]


def outages(case: Case) -> list[Stretch]:
    """Stated outages; UTC."""
    rows = case.rows("timeline").filter((pl.col("kind") == "outage") & pl.col("ends_at").is_not_null())
    return sorted(rows.select("starts_at", "ends_at").iter_rows())


def touched(stretches: list[Stretch], opens_at: datetime, edges: NDArray) -> NDArray:
    """Which of the hours between `edges` (seconds since the opening) any stretch reaches into."""
    mask = np.zeros(edges.size - 1, bool)
    for start, end in stretches:
        first, last = ((at - opens_at).total_seconds() for at in (start, end))
        mask |= (edges[:-1] < last) & (edges[1:] > first)
    return mask


def hours_of(series: Casts) -> NDArray:
    """Number of the hour in which each stamp lies."""
    return np.clip(np.searchsorted(series.edges, series.stamps, side="right") - 1, 0, series.edges.size - 2)


def empty_days(counts: NDArray, expected: NDArray) -> list[tuple[int, int, float]]:
    """Runs of a day and more without a ballot where many were expected: first hour, hour after the last, ballots expected."""
    empty = np.concatenate(([0], counts == 0, [0])).astype(int)
    starts, stops = np.flatnonzero(np.diff(empty) == 1), np.flatnonzero(np.diff(empty) == -1)
    runs = [(int(i), int(j), float(expected[i:j].sum())) for i, j in zip(starts, stops, strict=True)]
    return [run for run in runs if run[1] - run[0] >= EMPTY_HOURS and run[2] >= EMPTY_EXPECTED]

"""Bursts from a running count alone: rises between readings, against the rest of their hour; and slow rises, described only."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from analysis_lib.methods.burst_forms import burst_result, counted_window, listing_line
from analysis_lib.methods.slow_rises import slow_rises
from analysis_lib.results import Assumption, Status, TestResult
from analysis_lib.stats import scan

MIN_STEPS = 30
PAIRED = 0.12  # chance that two ballots of an hour are a couple's: with 0 7.9 %, with 0.2 3.5 % of clean contests with couples have p <= 0.05
LONGEST_STEPS = 15  # runs of up to this many readings
UP_TO_DATE = Assumption(
    statement="The count is read at the instants given, and is up to date then.",
    status=Status.UNTESTED,
    evidence="A site that shows an old figure for some minutes makes a rise look sudden.",
)


def counted_bursts(
    frame: pl.DataFrame, *, n_resamples: int, rng: np.random.Generator, confidence_level: float, parameters: dict,
    assumptions: tuple[Assumption, ...] = (), n_left_out: int = 0, whole: pl.DataFrame | None = None,
) -> TestResult:  # fmt: skip
    """Find the readings between which a running count rose more than the rest of its hour explains.

    Parameters
    ----------
    frame : DataFrame
        ``start, end`` (UTC), ``seconds``, ``count``, ``hour`` as `turnout.steps` gives them.
    n_left_out : int
        Ballots of readings that aren't in the frame, in the hours after a message.
    whole : DataFrame, optional
        The frame with those readings, for the slow rises.

    Notes
    -----
    Null hypothesis: see `NULLS`. Each hour's total is kept; its ballots fall on the steps by
    duration, with gamma noise whose spread is measured on all hours but the one in question. A count
    can't tell couples who vote together, so some ballots come in pairs, in one step.
    """
    counts, seconds, hours = (frame[c].to_numpy().astype(np.int64) for c in ("count", "seconds", "hour"))
    weights = seconds.astype(float)
    expected = _expected(counts, weights, hours)
    top = scan.scan_bins(counts, expected, LONGEST_STEPS) or scan.Window(0, 1, int(counts[0]), float(max(expected[0], 1e-9)), 0.0)
    aside = np.isin(hours, hours[top.start : top.start + top.length])
    noise_cv = step_noise(counts[~aside], expected[~aside], weights[~aside], hours[~aside])
    null = scan.grouped_bins_null(
        counts, weights, hours, LONGEST_STEPS, noise_cv=noise_cv, n_resamples=n_resamples, rng=rng, paired=PAIRED
    )
    starts, ends = frame["start"].to_list(), frame["end"].to_list()

    def shown(window: scan.Window) -> dict:
        last = window.start + window.length - 1
        return counted_window(window, starts[window.start], ends[last], int(seconds[window.start : last + 1].sum()))

    listed = scan.bin_clusters(counts, expected, LONGEST_STEPS, listing_line(null))
    return burst_result(
        "turnout_counts", top, null, window=shown(top), clusters=[shown(w) for w in listed], n=int(counts.sum()), n_excluded=n_left_out,
        confidence_level=confidence_level, assumptions=(UP_TO_DATE, *assumptions), parameters=parameters | {"longest_run": LONGEST_STEPS},
        statistic_name="largest log-likelihood ratio of a run of readings", noise_cv=noise_cv, n_household=0, n_outside=0,
        slow_rises=slow_rises(frame if whole is None else whole), smallest_visible=[],
    )  # fmt: skip


def _expected(counts: NDArray, weights: NDArray, groups: NDArray) -> NDArray:
    _, index = np.unique(groups, return_inverse=True)
    return (np.bincount(index, counts) / np.bincount(index, weights))[index] * weights


def step_noise(counts: NDArray, expected: NDArray, weights: NDArray, groups: NDArray) -> float:
    """Coefficient of variation of a step's rate within its hour, beyond counting noise; moment estimate, 0 if there is none.

    With an hour's total D kept and duration shares w, E[(c - Dw)^2] = D w (1 - w) + cv^2 D^2 w^2 (1 - 2w + sum w^2)
    to first order.
    """
    _, index = np.unique(groups, return_inverse=True)
    share = weights / np.bincount(index, weights)[index]
    squares = np.bincount(index, share**2)[index]
    excess = ((counts - expected) ** 2 - expected * (1 - share)).sum()
    scale = (expected**2 * np.maximum(1 - 2 * share + squares, 0)).sum()
    return float(np.sqrt(max(0.0, excess / scale))) if scale > 0 else 0.0

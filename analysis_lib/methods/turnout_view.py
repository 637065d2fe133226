"""Ballots hour by hour and one by one, for charts."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import nbinom, poisson

from analysis_lib.case import Case
from analysis_lib.methods.turnout import casts, expected_shares, own_hours, peer_baseline
from analysis_lib.stats.segments import level_segments


def hourly(case: Case) -> pl.DataFrame:
    """Ballots per hour for the chart: ``start`` (UTC), ``hours`` (length), ``count``, ``expected, low, high`` (null without peers).

    The band holds 95 hours in 100 under the peers' pace and noise.
    """
    series = casts(case)
    if series is None:
        return pl.DataFrame(
            schema={
                "start": pl.Datetime("us", "UTC"),
                "hours": pl.Float64,
                "count": pl.Int64,
                "expected": pl.Float64,
                "low": pl.Float64,
                "high": pl.Float64,
            }
        )
    counts = np.histogram(series.stamps, series.edges)[0]
    frame = pl.DataFrame(
        {"start": [series.at(s) for s in series.edges[:-1]], "hours": np.diff(series.edges) / 3600, "count": counts}
    )
    baseline = peer_baseline(case, series)
    if baseline is None:
        empty = pl.lit(None, dtype=pl.Float64)
        return frame.with_columns(expected=empty, low=empty, high=empty)
    mean = expected_shares(baseline, own_hours(case, series), series) * series.stamps.size
    low, high = _band(mean, baseline.noise_cv)
    return frame.with_columns(expected=pl.Series(mean), low=pl.Series(low), high=pl.Series(high))


def levels(frame: pl.DataFrame) -> list[dict]:
    """Stretches of one pace in what `hourly` gives: ``start, end`` (UTC), ``level`` (ballots an hour). For drawing only."""
    if frame.height < 2:
        return []
    starts = frame["start"].to_list()
    ends = [*starts[1:], starts[-1] + timedelta(hours=float(frame["hours"][-1]))]
    segments, _ = level_segments(frame["count"].to_numpy(), frame["hours"].to_numpy())
    return [{"start": starts[piece.start], "end": ends[piece.stop - 1], "level": piece.rate} for piece in segments]


def _band(mean: NDArray, noise_cv: float) -> tuple[NDArray, NDArray]:
    if noise_cv == 0:
        return poisson.ppf(0.025, mean), poisson.ppf(0.975, mean)
    size = 1 / noise_cv**2
    return nbinom.ppf(0.025, size, size / (size + mean)), nbinom.ppf(0.975, size, size / (size + mean))


def zoom(case: Case, start: datetime, end: datetime) -> pl.DataFrame:
    """Single ballots around a window, for the chart: ``at`` (UTC), one row each, households counted once."""
    series = casts(case)
    stamps = pl.DataFrame({"at": [series.at(s) for s in series.stamps]}, schema={"at": pl.Datetime("us", "UTC")})
    margin = (end - start) * 2
    return stamps.filter((pl.col("at") >= start - margin) & (pl.col("at") <= end + margin))

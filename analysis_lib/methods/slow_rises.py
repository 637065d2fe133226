"""Stretches of hours in which a running count rose faster than before and after: described, never judged."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from analysis_lib.stats.segments import level_segments

HOUR_S = 3600
DAY_H = 24
MOST_H = 12
WELL_ABOVE = 1.3  # times the level of the stretches on both sides
LEAST_EXCESS = 30
MEDIAN_OF_SQUARE = 0.4549364231  # of a standard normal draw


def slow_rises(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """List stretches of 2 to 12 hours well above those on both sides, largest excess first.

    The pace of an hour is taken relative to the same hour of the day before and of the day after (geometric mean),
    so that neither the daily cycle nor a steady decline counts as a rise; the first and last day are not looked at.
    A burst of a few minutes is no slow rise: of each hour its median pace is taken.

    Parameters
    ----------
    frame : DataFrame
        ``end`` (UTC), ``seconds``, ``count``, ``hour``, as `turnout.steps` gives them.

    Returns
    -------
    list of dict
        ``start, end`` (UTC), ``count``, ``before`` and ``after`` (ballots an hour in as many hours on either side),
        ``excess`` over what the level of both sides would have given.
    """
    paced = frame.with_columns(pace=pl.col("count") * HOUR_S / pl.col("seconds"))
    hourly = paced.group_by("hour").agg(pl.col("pace").median()).sort("hour")
    first, n = (hourly["hour"][0], hourly["hour"][-1] - hourly["hour"][0] + 1) if hourly.height else (0, 0)
    if n < 3 * DAY_H:
        return []
    pace = np.zeros(n)
    pace[hourly["hour"].to_numpy() - first] = hourly["pace"].to_numpy()
    inner = slice(DAY_H, n - DAY_H)
    usual = np.sqrt((pace[: n - 2 * DAY_H] + 0.5) * (pace[2 * DAY_H :] + 0.5))
    counts = np.rint(pace[inner])
    # Hours of thousands are never Poisson: a cut must be worth more the less neighbouring hours agree.
    penalty = 2.0 * float(np.log(counts.size)) * _dispersion(counts, usual)
    segments, _ = level_segments(counts, usual, penalty=penalty)
    cut, levels = [(segment.start, segment.stop) for segment in segments], [segment.rate for segment in segments]
    found: list[dict[str, Any]] = []
    for first_cut in range(1, len(cut) - 1):
        for last_cut in range(first_cut, len(cut) - 1):
            i, j = cut[first_cut][0], cut[last_cut][1]
            sides = levels[first_cut - 1], levels[last_cut + 1]
            excess = float(counts[i:j].sum() - usual[i:j].sum() * sum(sides) / 2)
            line = WELL_ABOVE * max(sides)
            held = min(levels[first_cut : last_cut + 1]) >= line and np.sum(counts[i:j] >= line * usual[i:j]) >= 2
            if j - i > MOST_H or not held or excess < LEAST_EXCESS:
                continue
            start, end = DAY_H + i, DAY_H + j
            found.append(
                {
                    "start": _instant(first + start), "end": _instant(first + end), "count": int(counts[i:j].sum()),
                    "before": float(pace[start - (j - i) : start].mean()), "after": float(pace[end : end + j - i].mean()),
                    "excess": excess,
                }
            )  # fmt: skip
    return _apart(sorted(found, key=lambda rise: -rise["excess"]))


def _apart(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Drop what overlaps a larger one."""
    kept: list[dict[str, Any]] = []
    for rise in found:
        if all(rise["end"] <= other["start"] or rise["start"] >= other["end"] for other in kept):
            kept.append(rise)
    return kept


def _dispersion(counts: NDArray, usual: NDArray) -> float:
    """Variance over mean of a count, at least 1, from the median step between neighbours, which a few jumps hardly move."""
    typical = (counts[1:] + counts[:-1]) / (usual[1:] + usual[:-1])
    variance = typical * (1 / usual[1:] + 1 / usual[:-1])
    some = variance > 0
    if not some.any():
        return 1.0
    return max(1.0, float(np.median(np.diff(counts / usual)[some] ** 2 / variance[some])) / MEDIAN_OF_SQUARE)


def _instant(hour: int) -> datetime:
    return datetime.fromtimestamp(int(hour) * HOUR_S, UTC)

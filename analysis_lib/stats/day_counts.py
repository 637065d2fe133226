"""Does one day's count stand out from the days near it? The largest days are judged one after the other, each without those above it.

References
----------
.. [1] Rosner (1983), Technometrics 25(2), 165-172: take the extremes away one by one, then ask of each whether it belonged to the rest.
.. [2] Garwood (1936), Biometrika 28(3/4), 437-442.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaincinv, nbdtrik

from analysis_lib.stats.predictive_counts import BetaBinomials, from_repeats

NEAREST = 60  # other days of the same kind, on both sides: some three months of working days
FEWEST = 20  # fewer other days do not show how much days differ
MOST_TAKEN = 10  # of so many days one may stand out; more are a habit


@dataclass(frozen=True, slots=True, eq=False)
class StandingOut:
    """For each day: mean of the days near it, its adjusted p-value, and whether it was judged at all (enough days of its kind)."""

    expected: NDArray
    pvalues: NDArray
    is_judged: NDArray
    shapes: tuple[BetaBinomials | None, ...]

    @property
    def pvalue(self) -> float:
        """That any day stands out; 1 if none could be judged."""
        return float(self.pvalues[self.is_judged].min(initial=1.0))

    def limits(self, probability: float) -> NDArray:
        """Counts that a day like those near it stays at or below with this probability; for display."""
        found = np.full(self.expected.size, np.nan)
        for i, noise in enumerate(self.shapes):
            if noise is not None and self.expected[i] > 0:
                success = noise.a / (noise.a + self.expected[i])
                found[i] = (noise.weight * nbdtrik(probability, noise.a, success)).sum()
        return np.maximum(found, 0)


def standing_out(counts: ArrayLike, kinds: ArrayLike) -> StandingOut:
    """Judge every day against the nearest other days of its kind.

    The days are taken away from the largest (relative to the median of the days near it) down, one in ten at most. Each
    is judged by the days that are then left, so that several large days cannot hide one another; times the number of
    days left, since it is the largest of them. A day belongs to those that stand out if it, or a smaller one taken away
    after it, does.

    Parameters
    ----------
    counts : array of int (days,)
        In order of time.
    kinds : array (days,)
        What makes days comparable, such as working day or weekend. A day with fewer than `FEWEST` others of its kind is not judged.

    Returns
    -------
    StandingOut

    Notes
    -----
    *Null hypothesis:* a day's count is Poisson with a gamma rate, of one mean and spread among days near each other; the
    spread's uncertainty is carried (`predictive_counts.from_repeats`). Days one after the other that are alike make the
    p-value of a lasting busy time too small if it is longer than the days near by can show.
    """
    counts, kinds = np.asarray(counts, np.int64), np.asarray(kinds)
    near = _nearest(kinds)
    judged = near.sum(axis=1) >= FEWEST
    medians = np.array([np.median(counts[row]) if ok else np.inf for row, ok in zip(near, judged, strict=True)])
    height = (counts + 0.5) / (medians + 0.5)
    order = np.lexsort((np.arange(counts.size), -counts, -height))[: max(1, int(judged.sum()) // MOST_TAKEN)]
    left, raw, taken = judged.copy(), np.ones(counts.size), []
    for i in order[judged[order]]:
        others = counts[near[i] & left & (np.arange(counts.size) != i)]
        raw[i] = min(1.0, _tail(int(counts[i]), others) * int(left.sum()))
        left[i] = False
        taken.append(i)
    pvalues = np.ones(counts.size)
    if taken:
        pvalues[taken] = np.minimum.accumulate(raw[taken][::-1])[::-1]
    usual = judged & ~(pvalues <= 0.05)
    expected, shapes = np.full(counts.size, np.nan), []
    for i in range(counts.size):
        others = counts[near[i] & usual]
        shapes.append(from_repeats(others) if judged[i] and others.size else None)
        expected[i] = others.mean() if judged[i] and others.size else np.nan
    return StandingOut(expected, pvalues, judged, tuple(shapes))


def _nearest(kinds: NDArray) -> NDArray:
    """For each day the `NEAREST` others of its kind, as a square of yes and no."""
    n = kinds.size
    near = np.zeros((n, n), bool)
    for kind in np.unique(kinds):
        days = np.flatnonzero(kinds == kind)
        m = days.size
        width = min(NEAREST + 1, m)
        first = np.clip(np.arange(m) - width // 2, 0, m - width)
        for place, start in enumerate(first):
            near[days[place], days[start : start + width]] = True
    np.fill_diagonal(near, False)
    return near


def _tail(count: int, others: NDArray) -> float:
    """Chance of so many or more in one more day, given the sum."""
    return float(from_repeats(others).upper_tails(int(others.sum()) + count)[count]) if count else 1.0


def fewest_visible(counts: ArrayLike, kinds: ArrayLike, level: float) -> int:
    """Give the smallest count that would have stood out at this level on a day in the middle of the largest kind of days.

    Days that stand out themselves are left aside. It allows for the number of days as `standing_out` does.
    """
    counts, kinds = np.asarray(counts, np.int64), np.asarray(kinds)
    found = standing_out(counts, kinds)
    names, sizes = np.unique(kinds, return_counts=True)
    days = np.flatnonzero((kinds == names[np.argmax(sizes)]) & (found.pvalues > level))
    middle = days.size // 2
    others = np.delete(counts[days], middle)[max(0, middle - NEAREST // 2) : middle + NEAREST // 2]
    n_judged = int(found.is_judged.sum())
    low, high = 0, 8
    while _tail(high, others) * n_judged > level:
        low, high = high, 2 * high
    while high - low > 1:
        half = (low + high) // 2
        low, high = (half, high) if _tail(half, others) * n_judged > level else (low, half)
    return high


def poisson_interval(count: int, confidence_level: float) -> tuple[float, float]:
    """Exact interval of the mean of a Poisson count [2]_."""
    tail = (1 - confidence_level) / 2
    low = float(gammaincinv(count, tail)) if count else 0.0
    return low, float(gammaincinv(count + 1, 1 - tail))

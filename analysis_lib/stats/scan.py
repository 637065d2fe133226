"""Temporal scan statistic: the window with more events than its share of a baseline explains.

The statistic is Kulldorff's log-likelihood ratio, maximised over windows [1]_. Every null draws
its stamps continuous, truncates them to the resolution of the data and passes them through the
same statistic, so that ties need no rule of their own.

References
----------
.. [1] Kulldorff (1997), Commun. Stat. Theory Methods 26(6), 1481-1496.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri

from analysis_lib.stats import scan_kernels as kernels
from analysis_lib.stats.scan_kernels import TIE

BATCH = 256  # replicates drawn at a time, or fewer of a large contest: memory stays flat, whatever their number
BATCH_NUMBERS = 2**20  # random numbers held for a batch, 8 MiB


@dataclass(frozen=True, slots=True)
class Window:
    """One window: `start` (s, or bin), `length` (s, or bins), events seen, events expected, log-likelihood ratio."""

    start: int
    length: int
    count: int
    expected: float
    llr: float


def _cumulative(expected: NDArray) -> NDArray:
    return np.concatenate(([0.0], np.cumsum(expected)))


def scan_events(stamps: NDArray, edges: NDArray, shares: NDArray, lengths: tuple[int, ...]) -> Window | None:
    """Find the window with the largest ratio among those anchored at a stamp.

    Parameters
    ----------
    stamps : array of int64
        Seconds since the opening, in any order; a window of W covers stamps t to t + W - 1.
    edges : array of float
        Step edges of the baseline in seconds since the opening, one more than `shares`.
    shares : array of float
        Baseline share of all events in each step; sums to 1.
    lengths : tuple of int
        Window lengths in seconds.

    Returns
    -------
    Window or None
        None where no window holds two events above its expectation. Of equals, the first length and
        the earliest start. A window in which the baseline expects nothing has no ratio and is passed over.
    """
    stamps, edges = np.sort(stamps), np.asarray(edges, float)
    found = kernels.events_maximum(stamps, edges, stamps.size * _cumulative(shares), np.asarray(lengths, np.int64))
    llr, i, w, count, expected = found
    return None if i < 0 else Window(int(stamps[i]), int(lengths[w]), int(count), float(expected), float(llr))


def clusters(stamps: NDArray, edges: NDArray, shares: NDArray, lengths: tuple[int, ...], threshold: float) -> list[Window]:
    """List windows whose ratio exceeds `threshold`, largest first, none overlapping one already listed."""
    stamps, cumulative = np.sort(stamps), stamps.size * _cumulative(shares)
    anchors = np.unique(stamps)
    first = np.searchsorted(stamps, anchors, side="left")
    found = []
    for length in lengths:
        count = np.searchsorted(stamps, anchors + length, side="left") - first
        expected = np.interp(anchors + length, edges, cumulative) - np.interp(anchors, edges, cumulative)
        found += _above(threshold, anchors, length, count, expected, stamps.size, fewest=2)
    return _separate(found)


def _above(
    threshold: float, starts: NDArray, length: int, counts: NDArray, expected: NDArray, total: int, *, fewest: int
) -> list[Window]:
    """Windows of one length that hold `fewest` events or more and whose ratio exceeds the threshold."""
    llr = kernels.ratios(counts, expected, total)
    return [
        Window(int(starts[i]), int(length), int(counts[i]), float(expected[i]), float(llr[i]))
        for i in np.flatnonzero((llr > threshold) & (counts >= fewest))
    ]


def _separate(left: list[Window]) -> list[Window]:
    """Take the largest ratio, of equals the first in `left`; drop what overlaps it; and again."""
    chosen = []
    while left:
        largest = max(window.llr for window in left)
        top = next(window for window in left if window.llr >= largest - TIE)
        chosen.append(top)
        left = [w for w in left if w.start + w.length <= top.start or top.start + top.length <= w.start]
    return chosen


def scan_bins(counts: NDArray, expected: NDArray, longest: int) -> Window | None:
    """Find the run of 1 to `longest` bins with the largest ratio; `expected` sums to the counts' total."""
    llr, i, length, count, mu = kernels.bins_maximum(np.asarray(counts, np.int64), _cumulative(expected), longest)
    return None if i < 0 else Window(int(i), int(length), int(count), float(mu), float(llr))


def bin_clusters(counts: NDArray, expected: NDArray, longest: int, threshold: float) -> list[Window]:
    """List runs of bins whose ratio exceeds `threshold`, largest first, none overlapping one already listed."""
    cumulative, below = _cumulative(expected), np.concatenate(([0], np.cumsum(counts)))
    found = []
    for length in range(1, min(longest, counts.size) + 1):
        count, mu = below[length:] - below[:-length], cumulative[length:] - cumulative[:-length]
        found += _above(threshold, np.arange(count.size), length, count, mu, int(below[-1]), fewest=1)
    return _separate(sorted(found, key=lambda window: (window.start, window.length)))


Fill = Callable[[np.random.Generator, NDArray], None]


def _replicates(n_resamples: int, n_numbers: int, rng: np.random.Generator, fill: Fill) -> NDArray:
    """Fill `n_resamples` values in batches that each draw from a stream of their own.

    The size of a batch hangs on the contest alone and its stream on its place, so the number of threads
    changes nothing. There are as many as numba was told to use (NUMBA_NUM_THREADS, else one for each
    core); a process that runs beside others, as in the calibration, should be given one.
    """
    size = max(1, min(BATCH, BATCH_NUMBERS // max(n_numbers, 1)))
    out = np.empty(n_resamples)
    parts = [out[start : start + size] for start in range(0, n_resamples, size)]
    streams = rng.spawn(len(parts))
    threads = min(numba.config.NUMBA_NUM_THREADS, len(parts))
    if threads < 2:
        for stream, part in zip(streams, parts, strict=True):
            fill(stream, part)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(fill, streams, parts))  # the list: an error in a thread is raised here
    return out


def _gamma(rng: np.random.Generator, noise_cv: float, size: int, n_steps: int) -> NDArray:
    """Multipliers with mean 1, one row for each replicate; without noise a single row of ones serves all."""
    if noise_cv <= 0:
        return np.ones((1, n_steps))
    shape = 1.0 / noise_cv**2
    return rng.gamma(shape, 1.0 / shape, (size, n_steps))


@dataclass(frozen=True, slots=True)
class Pace:
    """How a null draws `n` events: shares of the steps, gamma noise on each step, and how well the shares are known.

    `uncertainty` (steps, k): each replicate is drawn from another baseline that the peers allow, its log
    shares moved by `uncertainty` times k standard normal draws.
    """

    shares: NDArray
    noise_cv: float
    uncertainty: NDArray | None = None

    def multipliers(self, rng: np.random.Generator, size: int) -> NDArray:
        """One row of multipliers for each of `size` replicates, or a single row of ones."""
        drawn = _gamma(rng, self.noise_cv, size, self.shares.size)
        if self.uncertainty is None:
            return drawn
        return drawn * np.exp(rng.standard_normal((size, self.uncertainty.shape[1])) @ self.uncertainty.T)


def baseline_null(
    n: int,
    edges: NDArray,
    shares: NDArray,
    lengths: tuple[int, ...],
    *,
    noise_cv: float,
    resolution: int,
    n_resamples: int,
    rng: np.random.Generator,
    uncertainty: NDArray | None = None,
) -> NDArray:
    """Draw maxima for `n` events from the baseline with gamma noise of coefficient of variation `noise_cv` on each step.

    `uncertainty` (steps, k): see `Pace`; the statistic keeps `shares`.
    `noise_cv` 0 is the plain Poisson null, which flags a third of clean contests where hours are
    noisy (cv 0.6); it is here for the reference numbers, not for a report.
    """
    pace, edges, cumulative = Pace(shares, noise_cv, uncertainty), np.asarray(edges, float), n * _cumulative(shares)
    totals, starts, lengths_array = np.array([n]), np.array([0, shares.size]), np.asarray(lengths, np.int64)

    def fill(stream: np.random.Generator, out: NDArray) -> None:
        multipliers, draws = pace.multipliers(stream, out.size), stream.standard_exponential((out.size, n + 1))
        kernels.event_replicates(
            draws, totals, starts, shares, multipliers, edges, resolution, cumulative, lengths_array, out
        )  # fmt: skip

    return _replicates(n_resamples, max(n + 1, shares.size), rng, fill)


def course_null(
    n: int,
    edges: NDArray,
    shares: NDArray,
    statistic: Callable[[NDArray], NDArray],
    *,
    noise_cv: float,
    resolution: int,
    n_resamples: int,
    rng: np.random.Generator,
    uncertainty: NDArray | None = None,
) -> NDArray:
    """Draw another statistic of `n` events from the baseline: `statistic` takes stamps (replicates, n), each row sorted."""
    pace, edges, totals, starts = (
        Pace(shares, noise_cv, uncertainty),
        np.asarray(edges, float),
        np.array([n]),
        np.array([0, shares.size]),
    )

    def fill(stream: np.random.Generator, out: NDArray) -> None:
        multipliers, draws = pace.multipliers(stream, out.size), stream.standard_exponential((out.size, n + 1))
        stamps = np.empty((out.size, n), np.int64)
        kernels.stamp_replicates(draws, totals, starts, shares, multipliers, edges, resolution, stamps)
        out[:] = statistic(stamps)

    return _replicates(n_resamples, max(n + 1, shares.size), rng, fill)


def within_step_null(
    stamps: NDArray,
    edges: NDArray,
    shares: NDArray,
    lengths: tuple[int, ...],
    *,
    resolution: int,
    n_resamples: int,
    rng: np.random.Generator,
) -> NDArray:
    """Draw maxima with every event kept in its step and placed uniformly inside it: no baseline is needed."""
    steps = np.clip(np.searchsorted(edges, stamps, side="right") - 1, 0, shares.size - 1)
    totals, starts = np.bincount(steps, minlength=shares.size), np.arange(shares.size + 1)
    edges, cumulative, lengths_array = np.asarray(edges, float), stamps.size * _cumulative(shares), np.asarray(lengths, np.int64)
    n_numbers, even = int(stamps.size + np.count_nonzero(totals)), np.ones((1, shares.size))

    def fill(stream: np.random.Generator, out: NDArray) -> None:
        draws = stream.standard_exponential((out.size, n_numbers))
        kernels.event_replicates(draws, totals, starts, even[0], even, edges, resolution, cumulative, lengths_array, out)

    return _replicates(n_resamples, n_numbers, rng, fill)


def uniform_bins_null(total: int, n_bins: int, longest: int, *, n_resamples: int, rng: np.random.Generator) -> NDArray:
    """Draw maxima for `total` events spread evenly over the bins: SaTScan's purely temporal null."""
    even = np.full(n_bins, 1.0 / n_bins)
    return baseline_bins_null(total, even, longest, noise_cv=0.0, n_resamples=n_resamples, rng=rng)


def baseline_bins_null(
    n: int,
    shares: NDArray,
    longest: int,
    *,
    noise_cv: float,
    n_resamples: int,
    rng: np.random.Generator,
    uncertainty: NDArray | None = None,
) -> NDArray:
    """Draw maxima over runs of 1 to `longest` bins for `n` events from the baseline, with noise as in `baseline_null`."""
    pace, cumulative, totals, starts = (
        Pace(shares, noise_cv, uncertainty),
        _cumulative(n * shares),
        np.array([n]),
        np.array([0, shares.size]),
    )
    least = kernels.least_expected(cumulative, min(longest, shares.size))

    def fill(stream: np.random.Generator, out: NDArray) -> None:
        multipliers, draws = pace.multipliers(stream, out.size), stream.standard_exponential((out.size, n + 1))
        kernels.bin_replicates(draws, totals, starts, shares, multipliers, cumulative, least, out)

    return _replicates(n_resamples, max(n + 1, shares.size), rng, fill)


def grouped_bins_null(
    counts: NDArray,
    weights: NDArray,
    groups: NDArray,
    longest: int,
    *,
    noise_cv: float,
    n_resamples: int,
    rng: np.random.Generator,
    paired: float = 0.0,
) -> NDArray:
    """Draw maxima with each group's total kept and shared among its bins by weight, with gamma noise on each bin.

    Bins of one group (an hour) stand together; `weights` are their durations. `paired` is the chance that
    two events of a group come as a pair, in one bin. Events are drawn bin by bin, not one by one: a count may run into millions.
    """
    first = np.flatnonzero(np.r_[True, groups[1:] != groups[:-1]])
    stops = np.r_[first[1:], counts.size]
    totals = np.add.reduceat(np.asarray(counts, np.int64), first)
    weights = np.asarray(weights, float)
    cumulative = _cumulative(np.repeat(totals / np.add.reduceat(weights, first), stops - first) * weights)

    def fill(stream: np.random.Generator, out: NDArray) -> None:
        noised = weights * np.broadcast_to(_gamma(stream, noise_cv, out.size, counts.size), (out.size, counts.size))
        draws = np.zeros((out.size, counts.size), np.int64)
        for start, stop, total in zip(first, stops, totals.tolist(), strict=True):
            if total:
                part = noised[:, start:stop]
                sums = part.sum(axis=1, keepdims=True)
                chances = np.where(
                    sums > 0, part / np.where(sums > 0, sums, 1.0), weights[start:stop] / weights[start:stop].sum()
                )
                pairs = stream.binomial(total // 2, paired, out.size)
                draws[:, start:stop] = stream.multinomial(total - 2 * pairs, chances) + 2 * stream.multinomial(pairs, chances)
        kernels.bins_maxima(draws, cumulative, longest, out)

    return _replicates(n_resamples, 4 * counts.size, rng, fill)


def smallest_seen(total: int, threshold: float, expected: Callable[[int], float]) -> int | None:
    """Give the fewest events in one window whose ratio exceeds `threshold`, if c of them are expected to be `expected(c)`."""
    return next((c for c in range(2, total + 1) if kernels.ratio(c, float(expected(c)), total) > threshold), None)


def rank_pvalue(observed: float, null: NDArray) -> float:
    """p = (1 + b) / (R + 1), b the simulated values that reach the observed one."""
    return float((1 + np.count_nonzero(null >= observed - TIE)) / (null.size + 1))


def rank_pvalue_error(pvalue: float, n_resamples: int) -> float:
    """Standard error that simulating leaves in a rank p-value: sqrt(p(1-p)/(R+1))."""
    return float(np.sqrt(pvalue * (1 - pvalue) / (n_resamples + 1)))


def rate_ratio_interval(count: int, expected: float, confidence_level: float) -> tuple[float, float, float]:
    """Ratio of a Poisson count to its expectation, with Garwood's exact interval (Garwood 1936, Biometrika 28, 437-442)."""
    tail = (1.0 - confidence_level) / 2.0
    low = float(chdtri(2 * count, 1.0 - tail)) / 2.0 if count > 0 else 0.0
    high = float(chdtri(2 * count + 2, tail)) / 2.0
    return count / expected, low / expected, high / expected

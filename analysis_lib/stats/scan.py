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
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.special import chdtri

BATCH = 256  # replicates drawn at a time: memory stays flat, whatever their number
TIE = 1e-9  # a simulated maximum within this of the observed one counts as reaching it


@dataclass(frozen=True, slots=True)
class Window:
    """One window: `start` (s, or bin), `length` (s, or bins), events seen, events expected, log-likelihood ratio."""

    start: int
    length: int
    count: int
    expected: float
    llr: float


@njit(cache=True, nogil=True)
def _llr(count, expected, total):
    """c log(c/mu) + (N-c) log((N-c)/(N-mu)) where c > mu, else 0."""
    if count <= expected or expected <= 0.0:
        return 0.0
    value = count * np.log(count / expected)
    if count < total:
        value += (total - count) * np.log((total - count) / (total - expected))
    return value


@njit(cache=True, nogil=True)
def _share_before(t, edges, cumulative):
    """Baseline share before instant t: piecewise linear between the edges."""
    if t <= edges[0]:
        return 0.0
    if t >= edges[-1]:
        return cumulative[-1]
    k = np.searchsorted(edges, t, side="right") - 1
    return cumulative[k] + (cumulative[k + 1] - cumulative[k]) * (t - edges[k]) / (edges[k + 1] - edges[k])


@njit(cache=True, nogil=True)
def _scan_events(stamps, edges, cumulative, lengths):
    """Largest ratio over windows [t_i, t_i + W) anchored at each distinct stamp; `stamps` sorted."""
    n = stamps.size
    best, best_i, best_w, best_c, best_mu = 0.0, -1, -1, 0, 0.0
    before = np.empty(n)
    for i in range(n):
        before[i] = _share_before(stamps[i], edges, cumulative)
    for w in range(lengths.size):
        j = 0
        for i in range(n):
            if i > 0 and stamps[i] == stamps[i - 1]:
                continue
            end = stamps[i] + lengths[w]
            while j < n and stamps[j] < end:
                j += 1
            count = j - i
            if count < 2:
                continue
            expected = n * (_share_before(end, edges, cumulative) - before[i])
            # c(c/mu - 1) bounds the ratio from above: most windows are ruled out without a logarithm.
            if expected > 0.0 and count * (count / expected - 1.0) <= best:
                continue
            value = _llr(count, expected, n)
            if value > best + TIE:
                best, best_i, best_w, best_c, best_mu = value, i, w, count, expected
    return best, best_i, best_w, best_c, best_mu


@njit(cache=True, nogil=True)
def _scan_bins(counts, cumulative, longest):
    """Largest ratio over runs of 1..`longest` bins; `cumulative` expected counts, one longer than `counts`."""
    n = counts.size
    total = 0
    for i in range(n):
        total += counts[i]
    best, best_i, best_len, best_c, best_mu = 0.0, -1, 0, 0, 0.0
    for i in range(n):
        count = 0
        for j in range(i, min(i + longest, n)):
            count += counts[j]
            expected = cumulative[j + 1] - cumulative[i]
            if count < 1 or expected <= 0.0 or count * (count / expected - 1.0) <= best:
                continue
            value = _llr(count, expected, total)
            if value > best + TIE:
                best, best_i, best_len, best_c, best_mu = value, i, j - i + 1, count, expected
    return best, best_i, best_len, best_c, best_mu


@njit(cache=True, nogil=True)
def _draw_stamps(uniforms, edges, cumulative, resolution):
    """Stamps drawn from a piecewise-constant density by inversion, truncated to the resolution, sorted."""
    stamps = np.empty(uniforms.size, np.int64)
    total = cumulative[-1]
    for i in range(uniforms.size):
        u = uniforms[i] * total
        k = np.searchsorted(cumulative, u, side="right") - 1
        if k > edges.size - 2:
            k = edges.size - 2
        width = cumulative[k + 1] - cumulative[k]
        t = edges[k] + (edges[k + 1] - edges[k]) * ((u - cumulative[k]) / width if width > 0.0 else 0.0)
        stamps[i] = np.int64(t) // resolution * resolution
    stamps.sort()
    return stamps


@njit(cache=True, nogil=True)
def _noised_maxima(uniforms, multipliers, edges, shares, lengths, resolution, out):
    """Maxima under the baseline with each step multiplied by its draw; the statistic keeps the un-noised one."""
    cumulative = np.zeros(shares.size + 1)
    noised = np.zeros(shares.size + 1)
    for k in range(shares.size):
        cumulative[k + 1] = cumulative[k] + shares[k]
    for r in range(uniforms.shape[0]):
        for k in range(shares.size):
            noised[k + 1] = noised[k] + shares[k] * multipliers[r, k]
        stamps = _draw_stamps(uniforms[r], edges, noised, resolution)
        out[r] = _scan_events(stamps, edges, cumulative, lengths)[0]


@njit(cache=True, nogil=True)
def _within_step_maxima(uniforms, steps, edges, cumulative, lengths, resolution, out):
    """Maxima with each event kept in its step (hour) and placed at random inside it."""
    stamps = np.empty(steps.size, np.int64)
    for r in range(uniforms.shape[0]):
        for i in range(steps.size):
            k = steps[i]
            t = edges[k] + (edges[k + 1] - edges[k]) * uniforms[r, i]
            stamps[i] = np.int64(t) // resolution * resolution
        ordered = np.sort(stamps)
        out[r] = _scan_events(ordered, edges, cumulative, lengths)[0]


@njit(cache=True, nogil=True)
def _bin_maxima(draws, cumulative, longest, out):
    for r in range(draws.shape[0]):
        out[r] = _scan_bins(draws[r], cumulative, longest)[0]


def _cumulative(shares: NDArray) -> NDArray:
    return np.concatenate(([0.0], np.cumsum(shares)))


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
    stamps, lengths_array = np.sort(stamps), np.asarray(lengths, np.int64)
    llr, i, w, count, expected = _scan_events(stamps, edges, _cumulative(shares), lengths_array)
    return None if i < 0 else Window(int(stamps[i]), int(lengths[w]), int(count), float(expected), float(llr))


def clusters(stamps: NDArray, edges: NDArray, shares: NDArray, lengths: tuple[int, ...], threshold: float) -> list[Window]:
    """List windows whose ratio exceeds `threshold`, largest first, none overlapping one already listed."""
    stamps, cumulative = np.sort(stamps), _cumulative(shares)
    anchors = np.unique(stamps)
    found = []
    for length in lengths:
        first = np.searchsorted(stamps, anchors, side="left")
        count = np.searchsorted(stamps, anchors + length, side="left") - first
        expected = stamps.size * (np.interp(anchors + length, edges, cumulative) - np.interp(anchors, edges, cumulative))
        found += [
            Window(int(t), int(length), int(c), float(mu), float(_llr(int(c), float(mu), stamps.size)))
            for t, c, mu in zip(anchors, count, expected, strict=True)
            if c >= 2
        ]
    return _separate(found, threshold)


def _separate(found: list[Window], threshold: float) -> list[Window]:
    """Take the largest ratio above the threshold, of equals the first in `found`; drop what overlaps it; and again."""
    left, chosen = [window for window in found if window.llr > threshold], []
    while left:
        largest = max(window.llr for window in left)
        top = next(window for window in left if window.llr >= largest - TIE)
        chosen.append(top)
        left = [w for w in left if w.start + w.length <= top.start or top.start + top.length <= w.start]
    return chosen


def scan_bins(counts: NDArray, expected: NDArray, longest: int) -> Window | None:
    """Find the run of 1 to `longest` bins with the largest ratio; `expected` sums to the counts' total."""
    llr, i, length, count, mu = _scan_bins(counts, _cumulative(expected), longest)
    return None if i < 0 else Window(int(i), int(length), int(count), float(mu), float(llr))


def bin_clusters(counts: NDArray, expected: NDArray, longest: int, threshold: float) -> list[Window]:
    """List runs of bins whose ratio exceeds `threshold`, largest first, none overlapping one already listed."""
    cumulative, below = _cumulative(expected), np.concatenate(([0], np.cumsum(counts)))
    total = int(below[-1])
    found = []
    for length in range(1, longest + 1):
        count = below[length:] - below[:-length]
        mu = cumulative[length:] - cumulative[:-length]
        for i in np.flatnonzero((count > mu) & (mu > 0)):
            llr = _llr(int(count[i]), float(mu[i]), total)
            if llr > threshold:
                found.append(Window(int(i), length, int(count[i]), float(mu[i]), float(llr)))
    return _separate(sorted(found, key=lambda window: (window.start, window.length)), threshold)


def _batches(n_resamples: int):
    for start in range(0, n_resamples, BATCH):
        yield slice(start, min(start + BATCH, n_resamples))


def baseline_null(
    n: int,
    edges: NDArray,
    shares: NDArray,
    lengths: tuple[int, ...],
    *,
    noise_cv: float,
    resolution: int,
    n_resamples: int,
    rng,
    uncertainty: NDArray | None = None,
) -> NDArray:
    """Draw maxima for `n` events from the baseline with gamma noise of coefficient of variation `noise_cv` on each step.

    `uncertainty` (steps, k): each replicate is drawn from another baseline that the peers allow, its
    log shares moved by `uncertainty` times k standard normal draws; the statistic keeps `shares`.
    `noise_cv` 0 is the plain Poisson null, which flags a third of clean contests where hours are
    noisy (cv 0.6); it is here for the reference numbers, not for a report.
    """
    out = np.empty(n_resamples)
    lengths_array = np.asarray(lengths, np.int64)
    for batch in _batches(n_resamples):
        size = batch.stop - batch.start
        shape = 1.0 / noise_cv**2 if noise_cv > 0 else np.inf
        multipliers = rng.gamma(shape, 1.0 / shape, (size, shares.size)) if noise_cv > 0 else np.ones((size, shares.size))
        if uncertainty is not None:
            multipliers *= np.exp(rng.standard_normal((size, uncertainty.shape[1])) @ uncertainty.T)
        _noised_maxima(rng.random((size, n)), multipliers, edges, shares, lengths_array, resolution, out[batch])
    return out


def within_step_null(
    stamps: NDArray, edges: NDArray, shares: NDArray, lengths: tuple[int, ...], *, resolution: int, n_resamples: int, rng
) -> NDArray:
    """Draw maxima with every event kept in its step and placed uniformly inside it: no baseline is needed."""
    stamps = np.sort(stamps)
    steps = np.clip(np.searchsorted(edges, stamps, side="right") - 1, 0, shares.size - 1)
    out = np.empty(n_resamples)
    cumulative, lengths_array = _cumulative(shares), np.asarray(lengths, np.int64)
    for batch in _batches(n_resamples):
        uniforms = rng.random((batch.stop - batch.start, stamps.size))
        _within_step_maxima(uniforms, steps, edges, cumulative, lengths_array, resolution, out[batch])
    return out


def uniform_bins_null(total: int, n_bins: int, longest: int, *, n_resamples: int, rng) -> NDArray:
    """Draw maxima for `total` events spread evenly over the bins: SaTScan's purely temporal null."""
    cumulative = _cumulative(np.full(n_bins, total / n_bins))
    out = np.empty(n_resamples)
    for batch in _batches(n_resamples):
        draws = rng.multinomial(total, np.full(n_bins, 1.0 / n_bins), size=batch.stop - batch.start)
        _bin_maxima(draws, cumulative, longest, out[batch])
    return out


def grouped_bins_null(
    counts: NDArray, weights: NDArray, groups: NDArray, longest: int, *, noise_cv: float, n_resamples: int, rng
) -> NDArray:
    """Draw maxima with each group's total kept and shared among its bins by weight, with gamma noise on each bin.

    Bins of one group (an hour) stand together; `weights` are their durations.
    """
    starts = np.flatnonzero(np.r_[True, groups[1:] != groups[:-1]])
    stops = np.r_[starts[1:], counts.size]
    totals = np.add.reduceat(counts, starts)
    expected = np.repeat(totals / np.add.reduceat(weights, starts), stops - starts) * weights
    cumulative = _cumulative(expected)
    shape = 1.0 / noise_cv**2 if noise_cv > 0 else np.inf
    out = np.empty(n_resamples)
    for batch in _batches(n_resamples):
        size = batch.stop - batch.start
        noised = weights * rng.gamma(shape, 1.0 / shape, (size, counts.size)) if noise_cv > 0 else np.tile(weights, (size, 1))
        draws = np.zeros((size, counts.size), np.int64)
        for start, stop, total in zip(starts, stops, totals, strict=True):
            part = noised[:, start:stop]
            sums = part.sum(axis=1, keepdims=True)
            pvals = np.where(sums > 0, part / np.where(sums > 0, sums, 1.0), 1.0 / (stop - start))
            if total > 0:
                draws[:, start:stop] = rng.multinomial(total, pvals)
        _bin_maxima(draws, cumulative, longest, out[batch])
    return out


def smallest_seen(total: int, threshold: float, expected: Callable[[int], float]) -> int | None:
    """Give the fewest events in one window whose ratio exceeds `threshold`, if c of them are expected to be `expected(c)`."""
    return next((c for c in range(2, total + 1) if _llr(c, expected(c), total) > threshold), None)


def rank_pvalue(observed: float, null: NDArray) -> float:
    """p = (1 + b) / (R + 1), b the simulated values that reach the observed one."""
    return float((1 + np.count_nonzero(null >= observed - TIE)) / (null.size + 1))


def rate_ratio_interval(count: int, expected: float, confidence_level: float) -> tuple[float, float, float]:
    """Ratio of a Poisson count to its expectation, with Garwood's exact interval (Garwood 1936, Biometrika 28, 437-442)."""
    tail = (1.0 - confidence_level) / 2.0
    low = float(chdtri(2 * count, 1.0 - tail)) / 2.0 if count > 0 else 0.0
    high = float(chdtri(2 * count + 2, tail)) / 2.0
    return count / expected, low / expected, high / expected

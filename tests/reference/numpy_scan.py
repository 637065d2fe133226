"""The scan statistic and its nulls in plain numpy, one replicate at a time: the other road, and what the speed is measured against."""

import numpy as np


def ratios(counts, expected, total):
    """Log-likelihood ratio of each window."""
    counts = np.asarray(counts, float)
    rest = total - counts
    with np.errstate(divide="ignore", invalid="ignore"):
        inside = counts * np.log(counts / expected)
        outside = np.where(rest > 0, rest * np.log(rest / (total - expected)), 0.0)
    return np.where((counts > expected) & (expected > 0), inside + outside, 0.0)


def events_maximum(stamps, edges, shares, lengths):
    """Largest ratio over windows of two events or more that begin at a stamp."""
    stamps, cumulative = np.sort(stamps), np.concatenate(([0.0], np.cumsum(shares)))
    anchors, n = np.unique(stamps), stamps.size
    first, before = np.searchsorted(stamps, anchors), np.interp(anchors, edges, cumulative)
    best = 0.0
    for length in lengths:
        counts = np.searchsorted(stamps, anchors + length) - first
        expected = n * (np.interp(anchors + length, edges, cumulative) - before)
        best = max(best, ratios(counts, expected, n)[counts >= 2].max(initial=0.0))
    return best


def bins_maximum(counts, expected, longest):
    """Largest ratio over runs of bins."""
    below, cumulative = np.concatenate(([0], np.cumsum(counts))), np.concatenate(([0.0], np.cumsum(expected)))
    return max(
        ratios(below[m:] - below[:-m], cumulative[m:] - cumulative[:-m], below[-1]).max(initial=0.0)
        for m in range(1, min(longest, len(counts)) + 1)
    )


def baseline_null(n, edges, shares, lengths, *, noise_cv, resolution, n_resamples, rng):
    """Maxima for `n` events of the baseline with gamma noise on each step."""
    out = np.empty(n_resamples)
    for r in range(n_resamples):
        noised = shares * (rng.gamma(1 / noise_cv**2, noise_cv**2, shares.size) if noise_cv else 1.0)
        cumulative = np.concatenate(([0.0], np.cumsum(noised)))
        t = np.interp(rng.random(n) * cumulative[-1], cumulative, edges)
        out[r] = events_maximum(t.astype(np.int64) // resolution * resolution, edges, shares, lengths)
    return out


def uniform_bins_null(total, n_bins, longest, *, n_resamples, rng):
    """Maxima for `total` events spread evenly over the bins."""
    expected = np.full(n_bins, total / n_bins)
    return np.array([
        bins_maximum(np.bincount(rng.integers(0, n_bins, total), minlength=n_bins), expected, longest) for _ in range(n_resamples)
    ])  # fmt: skip

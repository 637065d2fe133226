"""The null of a scan within the hour, where some events follow others and nobody can tell which."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, xlog1py, xlogy

from analysis_lib.stats import scan

PAIR_LEAST_S, PAIR_MEAN_S = 60, 300  # the second of a pair comes a minute after the first, and then some


def pair_chances(n: int, pace: float, paired: float) -> NDArray:
    """Chance of 0, 1, ... pairs among `n` events of one step, if single and leading events come at `pace` a step.

    `paired` is the chance that such an event brings a second one.
    """
    pairs = np.arange(n // 2 + 1)
    first = n - pairs
    logs = (
        xlogy(first, pace)
        - gammaln(pairs + 1)
        - gammaln(first - pairs + 1)
        + xlogy(pairs, paired)
        + xlog1py(first - pairs, -paired)
    )
    chances = np.exp(logs - logs.max())
    return chances / chances.sum()


def paired_within_step_null(
    stamps: NDArray, edges: NDArray, shares: NDArray, lengths: tuple[int, ...], *, along: float, resolution: int, n_resamples: int,
    rng: np.random.Generator,
) -> NDArray:  # fmt: skip
    """Draw maxima with every event kept in its step, a share `along` of all events following another within minutes.

    As `scan.within_step_null`, for when couples can't be told apart. In a thin step two events are mostly a
    pair; its pace is taken as the geometric mean of its own events and those of a usual step.
    """
    counts = np.histogram(stamps, edges)[0]
    step = np.repeat(np.arange(counts.size), counts)
    place = np.arange(step.size) - np.repeat(np.cumsum(counts) - counts, counts)
    paired = along / (1 - along)
    held, usual = np.unique(counts[counts > 1]), counts.mean()
    chances = {n: np.cumsum(pair_chances(int(n), (1 - along) * np.sqrt(n * usual), paired)) for n in held}
    hours = {n: np.flatnonzero(counts == n) for n in held}
    start, width = edges[:-1][step], np.diff(edges)[step]
    out = np.empty(n_resamples)
    for r in range(n_resamples):
        pairs = np.zeros(counts.size, np.int64)
        for n in held:
            pairs[hours[n]] = np.minimum(np.searchsorted(chances[n], rng.random(hours[n].size)), n // 2)
        at = rng.random(step.size) * width
        second = np.flatnonzero((place < 2 * pairs[step]) & (place % 2 == 1))
        gap = PAIR_LEAST_S + rng.exponential(PAIR_MEAN_S, second.size)
        first, end = at[second - 1], width[second]
        at[second] = np.where(first + gap < end, first + gap, np.maximum(first - gap, 0.0))
        top = scan.scan_events((start + at).astype(np.int64) // resolution * resolution, edges, shares, lengths)
        out[r] = top.llr if top else 0.0
    return out

"""Do labelled items differ from the others in the mean of several outcomes at once? A permutation of the labels.

References
----------
.. [1] Westfall & Young (1993), Resampling-Based Multiple Testing, ch. 2 (the maximum over outcomes under one permutation).
.. [2] Janssen (1997), Statist. Probab. Lett. 36, 9-21; Chung & Romano (2013), Ann. Statist. 41, 484-507, theorem 2.1 (a
   difference in its own standard error keeps its level where the two groups differ in spread; the bare difference does not).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BATCH = 1024
MOST_CELLS = 20_000_000  # labels dealt out at once
TIE = 1e-9  # rounding: relative to an outcome's largest value, and between two standardised maxima


@dataclass(frozen=True, slots=True)
class MaximumTest:
    """Standardised excess of the labelled items in each outcome, its maximum, and that maximum under permuted labels."""

    scores: NDArray
    maximum: float
    pvalue: float
    null_draws: NDArray


def maximum_excess(
    values: NDArray, labels: NDArray, *, n_resamples: int, rng: np.random.Generator, clusters: NDArray | None = None
) -> MaximumTest:
    """Test whether labelled items have larger values, over all outcomes together (one-sided, one p-value) [1]_.

    Exact where labels could be exchanged, and close to its level where the two groups have one mean but not one spread [2]_.

    Parameters
    ----------
    values : array (items, outcomes)
        Not a number where an outcome isn't known of an item; it keeps that gap whatever its label.
    labels : array of bool (items,)
        At least one labelled and one not.
    clusters : array of int (items,), optional
        Items that came about together: those of one cluster and one label count once, by their sum, and their label is dealt
        out as one. So a few large clusters show little, however many items they hold.

    Returns
    -------
    MaximumTest
        Scores are differences of the two means over their standard error; each group's variance is that of its own values and
        of one more item as far from its mean as all are, so that it is never 0. A score is 0 for an outcome that is the same
        for all items, or not known of any on one side.
    """
    labels = np.asarray(labels, bool)
    known = ~np.isnan(values)
    n = np.maximum(known.sum(axis=0), 1)
    filled = np.where(known, values, 0.0)
    centred = np.where(known, filled - filled.sum(axis=0) / n, 0.0)
    spread = np.sqrt((centred**2).sum(axis=0) / n)
    varies = spread > TIE * np.abs(filled).max(axis=0)
    unit = np.divide(centred, spread, out=np.zeros_like(centred), where=varies)
    counts, sums = known.astype(float), unit
    if clusters is not None:
        _, first, cell = np.unique(2 * np.asarray(clusters) + labels, return_index=True, return_inverse=True)
        labels = labels[first]
        counts, sums = (_added_up(part, cell, first.size) for part in (counts, sums))
    parts = np.hstack([counts, sums, sums**2, counts * sums, counts**2])
    totals = parts.sum(axis=0)
    scores = _studentised(parts[labels].sum(axis=0)[None, :], totals, varies)[0]
    draws = np.empty(n_resamples)
    batch = min(BATCH, max(1, MOST_CELLS // labels.size))
    for start in range(0, n_resamples, batch):
        size = min(batch, n_resamples - start)
        chosen = rng.permuted(np.tile(labels, (size, 1)), axis=1)
        draws[start : start + size] = _studentised(chosen.astype(float) @ parts, totals, varies).max(axis=1)
    maximum = float(scores.max())
    pvalue = (1 + np.count_nonzero(draws >= maximum - TIE)) / (n_resamples + 1)
    return MaximumTest(scores, maximum, float(pvalue), draws)


def _added_up(part: NDArray, cell: NDArray, n_cells: int) -> NDArray:
    return np.column_stack([np.bincount(cell, column, n_cells) for column in part.T])


def _studentised(sums: NDArray, totals: NDArray, varies: NDArray) -> NDArray:
    """Scores (draws, outcomes) from counts, sums, their squares and products of the labelled (draws, 5 x outcomes) and of all."""
    sides = [np.hsplit(side, 5) for side in (sums, totals - sums)]
    enough = varies & (np.minimum(sides[0][0], sides[1][0]) >= 1)
    means, variances = [], []
    for count, total, squares, products, counts_squared in sides:
        size = np.maximum(count, 1)
        mean = total / size
        means.append(mean)
        around = squares - 2 * mean * products + mean**2 * counts_squared  # of each cluster's sum around its size times the mean
        variances.append((np.maximum(around, 0.0) + 1.0) / size**2)  # the unit is the spread of all
    score = (means[0] - means[1]) / np.sqrt(variances[0] + variances[1])
    return np.where(enough, score, 0.0)

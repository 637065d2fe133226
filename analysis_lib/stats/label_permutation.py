"""Do labelled items differ from the others in the mean of several outcomes at once? A permutation of the labels.

References
----------
.. [1] Westfall & Young (1993), Resampling-Based Multiple Testing, ch. 2 (the maximum over outcomes under one permutation).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BATCH = 1024
TIE = 1e-9  # rounding: relative to an outcome's largest value, and between two standardised maxima


@dataclass(frozen=True, slots=True)
class MaximumTest:
    """Standardised excess of the labelled items in each outcome, its maximum, and that maximum under permuted labels."""

    scores: NDArray
    maximum: float
    pvalue: float
    null_draws: NDArray


def maximum_excess(values: NDArray, labels: NDArray, *, n_resamples: int, rng: np.random.Generator) -> MaximumTest:
    """Test whether labelled items have larger values, over all outcomes together (one-sided, one p-value) [1]_.

    Parameters
    ----------
    values : array (items, outcomes)
    labels : array of bool (items,)
        At least one labelled and one not.

    Returns
    -------
    MaximumTest
        Scores are (sum over the labelled - its permutation mean) / its permutation standard
        deviation; 0 for an outcome that is the same for all items.
    """
    labels = np.asarray(labels, bool)
    n, m = labels.size, int(labels.sum())
    centred = values - values.mean(axis=0)
    spread = np.sqrt(m * (n - m) / (n * (n - 1)) * (centred**2).sum(axis=0))
    unit = np.divide(centred, spread, out=np.zeros_like(centred), where=spread > TIE * np.abs(values).max(axis=0))
    scores = unit[labels].sum(axis=0)
    draws = np.empty(n_resamples)
    for start in range(0, n_resamples, BATCH):
        size = min(BATCH, n_resamples - start)
        chosen = rng.permuted(np.tile(labels, (size, 1)), axis=1)
        draws[start : start + size] = (chosen.astype(float) @ unit).max(axis=1)
    maximum = float(scores.max())
    pvalue = (1 + np.count_nonzero(draws >= maximum - TIE)) / (n_resamples + 1)
    return MaximumTest(scores, maximum, float(pvalue), draws)

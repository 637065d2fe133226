"""Do labelled items spread over several choices as the others of their stratum do? A permutation of the labels within strata."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

MOST_EXACT = 20_000  # labelled items; beyond, the statistic's chi-square limit is as good
MOST_STRATA = 500
TIE = 1e-9


@dataclass(frozen=True, slots=True)
class SpreadTest:
    """Pearson sum over the choices, its p-value, what was seen and expected of each choice, and the null's draws if simulated."""

    statistic: float
    pvalue: float
    seen: NDArray
    expected: NDArray
    null_draws: NDArray | None


def spread_test(labelled: NDArray, others: NDArray, *, n_resamples: int, rng: np.random.Generator) -> SpreadTest:
    """Test whether labels fall on choices by chance within each stratum.

    Parameters
    ----------
    labelled, others : array of int (strata, choices)
        Items with and without the label.

    Returns
    -------
    SpreadTest
        Statistic: the sum over choices of (seen - expected)² / expected among the labelled. p-value: (1 + draws that
        reach it) / (1 + draws); with more than 20,000 labelled items or 500 strata, the chi-square limit of the
        same deviations under their covariance.
    """
    labelled, others = np.asarray(labelled, np.int64), np.asarray(others, np.int64)
    both = (labelled.sum(axis=1) > 0) & (others.sum(axis=1) > 0)
    labelled, others = labelled[both], others[both]
    whole = labelled + others
    n, m = whole.sum(axis=1), labelled.sum(axis=1)
    expected = (m[:, None] * whole / n[:, None]).sum(axis=0) if n.size else np.zeros(labelled.shape[1])
    seen = labelled.sum(axis=0)
    statistic = _pearson(seen, expected)
    if m.sum() > MOST_EXACT or n.size > MOST_STRATA:
        return SpreadTest(statistic, _limit(labelled, whole), seen, expected, None)
    totals = np.zeros((n_resamples, labelled.shape[1]), np.int64)
    for colours, size in zip(whole, m, strict=True):
        totals += rng.multivariate_hypergeometric(colours, int(size), size=n_resamples, method="marginals")
    draws = _pearson(totals, expected)
    pvalue = (1 + np.count_nonzero(draws >= statistic - TIE)) / (n_resamples + 1)
    return SpreadTest(float(statistic), float(pvalue), seen, expected, draws)


def _pearson(seen: NDArray, expected: NDArray) -> NDArray:
    parts = np.divide((seen - expected) ** 2, expected, out=np.zeros(np.shape(seen)), where=expected > 0)
    return parts.sum(axis=-1)


def _limit(labelled: NDArray, whole: NDArray) -> float:
    """Chi-square p-value of the deviations under their permutation covariance."""
    n, m = whole.sum(axis=1).astype(float), labelled.sum(axis=1)
    share = whole / n[:, None]
    factor = m * (n - m) / np.maximum(n - 1, 1)
    covariance = np.diag((factor[:, None] * share).sum(axis=0)) - (
        factor[:, None, None] * share[:, :, None] * share[:, None, :]
    ).sum(axis=0)
    apart = labelled.sum(axis=0) - (m[:, None] * share).sum(axis=0)
    rank = np.linalg.matrix_rank(covariance)
    return float(chi2.sf(apart @ np.linalg.pinv(covariance, hermitian=True) @ apart, rank)) if rank else 1.0

"""Does the event come sooner in one group than in another?

References
----------
.. [1] Mantel (1966), Cancer Chemother. Rep. 50, 163-170; Peto & Peto (1972), J. R. Statist. Soc. A 135, 185-207, section 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import chi2

from analysis_lib.errors import ParameterError, TooFewObservations


@dataclass(frozen=True, slots=True, eq=False)
class LogRank:
    """Chi-square statistic and its asymptotic p-value, and by group the events seen and those expected if no group differs."""

    statistic: float
    pvalue: float
    observed: NDArray
    expected: NDArray


def log_rank(times: ArrayLike, events: ArrayLike, groups: ArrayLike, strata: ArrayLike | None = None) -> LogRank:
    """Compare how soon an event comes in groups, at each instant among those still waiting [1]_.

    Groups must be known from the start: one formed by what came later (as "asked for a new code at some time") has waited
    longer by construction, and seems slow.

    Parameters
    ----------
    times : array (n,)
        How long each was followed, in any one unit; ties are allowed.
    events : array of bool (n,)
        Whether the event came then; otherwise nobody looked any longer.
    groups, strata : array (n,)
        What is compared, and within what.

    Raises
    ------
    ParameterError
        Arrays of different length, or a missing time.
    TooFewObservations
        One group only, or no event while two groups were waiting.
    """
    times, events, groups = np.asarray(times), np.asarray(events).astype(bool), np.asarray(groups)
    strata = np.zeros(times.size) if strata is None else np.asarray(strata)
    if not times.shape == events.shape == groups.shape == strata.shape or times.ndim != 1:
        raise ParameterError("times, events, groups and strata differ in length. Expected n values of each.")
    if not np.isfinite(times.astype(float)).all():
        raise ParameterError("A time is missing or infinite. Leave such rows out and count them.")
    names, group = np.unique(groups, return_inverse=True)
    observed, expected = np.zeros(names.size), np.zeros(names.size)
    covariance = np.zeros((names.size, names.size))
    for stratum in np.unique(strata):
        parts = _one_stratum(times[strata == stratum], events[strata == stratum], group[strata == stratum], names.size)
        observed, expected, covariance = observed + parts[0], expected + parts[1], covariance + parts[2]
    free = np.linalg.matrix_rank(covariance, hermitian=True)
    if not free:
        raise TooFewObservations("No event came while members of two groups were waiting; at least one is needed.")
    apart = observed - expected
    statistic = float(apart @ np.linalg.pinv(covariance, hermitian=True) @ apart)
    return LogRank(statistic, float(chi2.sf(statistic, free)), observed, expected)


def _one_stratum(times: NDArray, events: NDArray, group: NDArray, n_groups: int) -> tuple[NDArray, NDArray, NDArray]:
    """Events seen by group, events expected, and the covariance of the difference."""
    instants = np.unique(times[events])
    waiting, came = (np.zeros((instants.size, n_groups)) for _ in range(2))
    for g in range(n_groups):
        own = np.sort(times[group == g])
        waiting[:, g] = own.size - np.searchsorted(own, instants)
        came[:, g] = np.bincount(np.searchsorted(instants, times[events & (group == g)]), minlength=instants.size)
    n, d = waiting.sum(axis=1), came.sum(axis=1)
    share = waiting / n[:, None]
    is_shared = (waiting > 0).sum(axis=1) > 1  # elsewhere exactly 0, whatever the rounding
    spread = np.where(is_shared, d * (n - d) / np.maximum(n - 1, 1), 0.0)
    covariance = np.diag(spread @ share) - (share * spread[:, None]).T @ share
    return came.sum(axis=0), d @ share, covariance

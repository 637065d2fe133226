"""How unusual is one unit's rate, given the other units? A leave-one-out predictive tail that allows units to differ.

A binomial funnel takes every unit to share one rate: among 20 clean units that differ a little
it flags at least one in 78-98 % of cases. Here the spread between units is learnt from the
others, and its uncertainty is carried through.

References
----------
.. [1] Spiegelhalter (2005), Statist. Med. 24(8), 1185-1202.
.. [2] Clopper & Pearson (1934), Biometrika 26(4), 404-413.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import bdtr, betaincinv, betaln, expit, gammaln, logit

GRID_CENTRE, GRID_HALF_WIDTH, MEAN_POINTS = -3.25, 2.25, 46  # logit of the mean rate, -5.5 to -1.0: 0.4 % to 27 %
SPREAD_LOW, SPREAD_HIGH, SPREAD_POINTS = 1e-4, 0.5, 40  # rho, the correlation of two members of one unit
RATE_RANGE = (0.005, 0.25)  # a pooled rate outside moves the grid so that it is centred on it


def _grid(events: NDArray, sizes: NDArray) -> tuple[NDArray, NDArray]:
    pooled = (events.sum() + 0.5) / (sizes.sum() + 1.0)
    centre = GRID_CENTRE if RATE_RANGE[0] <= pooled <= RATE_RANGE[1] else logit(pooled)
    means = expit(np.linspace(centre - GRID_HALF_WIDTH, centre + GRID_HALF_WIDTH, MEAN_POINTS))
    spreads = np.geomspace(SPREAD_LOW, SPREAD_HIGH, SPREAD_POINTS)
    mean, spread = np.meshgrid(means, spreads, indexing="ij")
    return mean.ravel(), spread.ravel()


def _log_beta_binomial(k: NDArray, n: NDArray, a: NDArray, b: NDArray) -> NDArray:
    return gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1) + betaln(k + a, n - k + b) - betaln(a, b)


def predictive_tails(events: ArrayLike, sizes: ArrayLike) -> NDArray:
    """Give P(X >= k_i) for each unit under the rates and spread that all the other units show.

    Parameters
    ----------
    events, sizes : array of int
        Events and members of each unit; at least 3 units, sizes above 0.

    Returns
    -------
    array of float
        One upper tail per unit: a beta-binomial averaged over a grid of (mean, spread), weighted by
        the likelihood of the other units and a prior uniform in the root of the spread.
    """
    k, n = np.asarray(events, np.int64), np.asarray(sizes, np.int64)
    mean, spread = _grid(k, n)
    a, b = mean * (1 - spread) / spread, (1 - mean) * (1 - spread) / spread
    log_likelihood = _log_beta_binomial(k[:, None], n[:, None], a, b)
    log_weight = log_likelihood.sum(axis=0) + 0.5 * np.log(spread)
    tails = np.empty(k.size)
    for i in range(k.size):
        others = log_weight - log_likelihood[i]
        weight = np.exp(others - others.max())
        below = np.arange(k[i])[:, None]
        tail = 1.0 - np.exp(_log_beta_binomial(below, n[i], a, b)).sum(axis=0)
        tails[i] = np.clip((weight * tail).sum() / weight.sum(), 0.0, 1.0)
    return tails


def hypergeometric_tails(events: ArrayLike, sizes: ArrayLike) -> NDArray:
    """Give P(X_i >= k_i) for each unit when all events fall at random on all members: no spread between units is allowed for."""
    k, n = np.asarray(events, np.int64), np.asarray(sizes, np.int64)
    total, size = int(k.sum()), int(n.sum())
    tails = np.empty(k.size)
    for i in range(k.size):
        x = np.arange(k[i], min(int(n[i]), total) + 1)
        log_pmf = _log_choose(n[i], x) + _log_choose(size - n[i], total - x) - _log_choose(size, total)
        tails[i] = min(1.0, float(np.exp(log_pmf).sum()))
    return tails


def _log_choose(n: NDArray | int, k: NDArray | int) -> NDArray:
    return gammaln(np.add(n, 1)) - gammaln(np.add(k, 1)) - gammaln(np.subtract(n, k) + 1)


def clopper_pearson(events: int, size: int, confidence_level: float) -> tuple[float, float]:
    """Exact interval of a proportion [2]_."""
    tail = (1 - confidence_level) / 2
    low = float(betaincinv(events, size - events + 1, tail)) if events > 0 else 0.0
    high = float(betaincinv(events + 1, size - events, 1 - tail)) if events < size else 1.0
    return low, high


def funnel_limit(size: int, rate: float, probability: float) -> float:
    """Limit of a funnel plot at one unit size: the interpolated binomial quantile [1]_. For display, not for a verdict."""
    cumulative = bdtr(np.arange(size + 1), size, rate)
    r = int(np.searchsorted(cumulative, probability))
    below = cumulative[r - 1] if r > 0 else 0.0
    return float(np.clip((r - (cumulative[r] - probability) / (cumulative[r] - below)) / size, 0.0, 1.0))

"""How unusual is one unit's rate, given the other units? A leave-one-out predictive tail that allows units to differ.

A binomial funnel takes every unit to share one rate: among 20 clean units that differ a little
it flags at least one in 78-98 % of cases. Here the spread between units is learnt from the
others, and its uncertainty is carried through.

References
----------
.. [1] Spiegelhalter (2005), Statist. Med. 24(8), 1185-1202.
.. [2] Clopper & Pearson (1934), Biometrika 26(4), 404-413.
.. [3] Koopman (1984), Biometrics 40(2), 513-517 (the ratio of two rates, neither of them known).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import bdtr, betaincinv, betaln, expit, gammaln, logit
from scipy.stats import chi2

GRID_CENTRE, GRID_HALF_WIDTH, MEAN_POINTS = -3.25, 2.25, 46  # logit of the mean rate, -5.5 to -1.0: 0.4 % to 27 %
SPREAD_LOW, SPREAD_HIGH, SPREAD_POINTS = 1e-4, 0.5, 40  # rho, the correlation of two members of one unit
FARTHEST_RATIO = 60.0  # logarithm of a ratio beyond which no end of an interval is looked for
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


def ratio_interval(events: int, size: int, others: int, others_size: int, confidence_level: float) -> tuple[float, float]:
    """Score interval of one rate over another [3]_: both are estimates, so it is wider than that of the first rate alone.

    Ratios at which the chi-square statistic of the two counts, at the rates that fit best with that ratio, is small enough.
    0 to infinity where neither side has an event.
    """
    limit, total, n = float(chi2.isf(1 - confidence_level, 1)), events + others, size + others_size

    def excess(log_ratio: float) -> float:
        ratio = np.exp(log_ratio)
        half = ratio * (size + others) + events + others_size
        rate = min(2 * ratio * total / (half + np.sqrt(max(0.0, half**2 - 4 * ratio * n * total))), 1.0)
        pairs = ((events, size, rate), (others, others_size, min(rate / ratio, 1.0)))
        return sum((k - m * p) ** 2 / (m * p * (1 - p)) if p < 1 else 0.0 if k == m else np.inf for k, m, p in pairs) - limit

    if not total:
        return 0.0, np.inf
    seen = np.log(events * others_size) - np.log(others * size) if events and others else 0.0
    low = _crossing(excess, seen if others else FARTHEST_RATIO, -FARTHEST_RATIO) if events else 0.0
    high = _crossing(excess, seen if events else -FARTHEST_RATIO, FARTHEST_RATIO) if others else np.inf
    return low, high


def _crossing(excess: Callable[[float], float], inside: float, outside: float) -> float:
    """Where the statistic passes its limit between a logarithm that fits and one that does not."""
    while excess((inside + outside) / 2) == np.inf:  # a rate of 1 there: nothing to be found so far out
        outside = (inside + outside) / 2
    return float(np.exp(brentq(lambda x: min(excess(x), 1e6), inside, outside, xtol=1e-12)))


def funnel_limit(size: int, rate: float, probability: float) -> float:
    """Limit of a funnel plot at one unit size: the interpolated binomial quantile [1]_. For display, not for a verdict."""
    cumulative = bdtr(np.arange(size + 1), size, rate)
    r = int(np.searchsorted(cumulative, probability))
    below = cumulative[r - 1] if r > 0 else 0.0
    return float(np.clip((r - (cumulative[r] - probability) / (cumulative[r] - below)) / size, 0.0, 1.0))

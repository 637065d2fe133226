"""How many events should one unit have, given what others had? A mixture of beta-binomials that carries the spread's uncertainty.

Two ways to the mixture: from other units, each with events out of a size of its own (the grid of
`predictive_rates`, finer and for one unit that is not among them); or from repeated counts of the same
unit, where nothing but their sum is held fixed.

References
----------
.. [1] Spiegelhalter (2005), Statist. Med. 24(8), 1185-1202: why a spread between units must be allowed for.
.. [2] Mosimann (1962), Biometrika 49(1/2), 65-82: counts with gamma rates are Dirichlet-multinomial given their sum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaln, expit, gammaln, logit

MEAN_STEP, MEAN_REACH = 0.05, 2.25  # of the grid of the mean rate, on the logit scale, around the pooled rate
SPREADS = np.geomspace(1e-4, 0.5, 40)  # rho, the correlation of two members of one unit
SHAPES = np.geomspace(0.1, 1e4, 60)  # of the gamma rates of repeated counts: 1 over their squared coefficient of variation
LEAST_WEIGHT = 1e-15  # a wide spread of little weight is what the far tail is made of
NOTHING = 1e-300  # chances beyond one below this, relative to the largest, are left out
BLOCK = 256  # chances worked out before it is looked whether any more are needed


@dataclass(frozen=True, slots=True)
class BetaBinomials:
    """Beta-binomials with parameters `a` and `b` (arrays of one shape) and weights that sum to 1."""

    a: NDArray
    b: NDArray
    weight: NDArray

    @property
    def mean(self) -> float:
        """Share of the events to be expected."""
        return float((self.weight * self.a / (self.a + self.b)).sum())

    def chances(self, size: int) -> NDArray:
        """Give P(X = 0), ..., P(X = size) of a unit of this size."""
        return _chances(size, self.a, self.b, self.weight)

    def upper_tails(self, size: int) -> NDArray:
        """Give P(X >= k) for k = 0, ..., size, summed from the far end so that small tails keep their digits."""
        return np.minimum(1.0, np.cumsum(self.chances(size)[::-1])[::-1])


@njit(cache=True, error_model="numpy", fastmath={"reassoc"})  # no check of divisors, sums in any order: many at once
def _chances(size: int, a: NDArray, b: NDArray, weight: NDArray) -> NDArray:
    """Add up the beta-binomials, each by the ratio of neighbouring chances from its mode outwards, then set to sum to 1."""
    found, own = np.zeros(size + 1), np.empty(size + 1)
    ratio, step = np.empty(BLOCK), np.arange(BLOCK) * 1.0
    for g in range(a.size):
        top = min(size, int((size + 1) * (a[g] - 1) / (a[g] + b[g] - 2))) if a[g] > 1 and b[g] > 1 else (0 if b[g] > 1 else size)
        low = high = top
        own[top] = 1.0
        while high < size and own[high] >= NOTHING:
            n = min(BLOCK, size - high)
            for i in range(n):
                k = high + step[i]
                ratio[i] = ((size - k) * (k + a[g])) / ((k + 1) * (size - k - 1 + b[g]))
            _products(own[high], ratio, own[high + 1 : high + 1 + n])
            high += n
        while low > 0 and own[low] >= NOTHING:
            n = min(BLOCK, low)
            for i in range(n):
                k = low - step[i]
                ratio[i] = (k * (size - k + b[g])) / ((size - k + 1) * (k - 1 + a[g]))
            _products(own[low], ratio, own[low - n : low][::-1])
            low -= n
        part = weight[g] / own[low : high + 1].sum()
        for k in range(low, high + 1):
            found[k] += part * own[k]
    return found


@njit(cache=True, error_model="numpy")
def _products(first: float, ratio: NDArray, out: NDArray) -> None:
    """Running products, by fours: each waits for one multiplication, not for four."""
    n = out.size - out.size % 4
    for i in range(0, n, 4):
        two = ratio[i] * ratio[i + 1]
        four = two * (ratio[i + 2] * ratio[i + 3])
        out[i] = first * ratio[i]
        out[i + 1] = first * two
        out[i + 2] = first * (two * ratio[i + 2])
        first *= four
        out[i + 3] = first
    for i in range(n, out.size):
        first *= ratio[i]
        out[i] = first


def from_units(events: ArrayLike, sizes: ArrayLike, reach: float) -> BetaBinomials:
    """Weigh mean rates and spreads by the likelihood of the units given.

    Parameters
    ----------
    events, sizes : array of int, one entry per unit
        The unit that is to be judged is not among them.
    reach : float
        A rate in (0, 1) that the grid of the mean must take in, such as that of the unit to be judged.

    Returns
    -------
    BetaBinomials
        Prior uniform in the logit of the mean and in the root of the spread.
    """
    k, n = np.asarray(events, np.int64), np.asarray(sizes, np.int64)
    centre, other = logit((k.sum() + 0.5) / (n.sum() + 1.0)), logit(reach)
    low, high = min(centre - MEAN_REACH, other), max(centre + MEAN_REACH, other)
    means = expit(np.linspace(low, high, int(np.ceil((high - low) / MEAN_STEP)) + 1))
    mean, spread = (values.ravel() for values in np.meshgrid(means, SPREADS, indexing="ij"))
    a, b = mean * (1 - spread) / spread, (1 - mean) * (1 - spread) / spread
    log_weight = (betaln(k[:, None] + a, (n - k)[:, None] + b) - betaln(a, b)).sum(axis=0) + 0.5 * np.log(spread)
    return _weighed(a, b, log_weight)


def from_repeats(counts: ArrayLike) -> BetaBinomials:
    """Weigh the noise of one more count of the same kind, given the sum of all of them.

    Parameters
    ----------
    counts : array of int
        Earlier counts, at least one. Each is taken to be Poisson with a gamma rate of the same mean and shape.

    Returns
    -------
    BetaBinomials
        Of one more count out of the sum of all counts, that one included [2]_. Without noise it is the
        conditional binomial with share 1 / (number of counts + 1). Prior uniform in the rates' coefficient of variation.
    """
    y = np.asarray(counts, np.int64)
    total, n = y.sum(), y.size
    log_likelihood = (
        (gammaln(y[:, None] + SHAPES) - gammaln(SHAPES)).sum(axis=0) + gammaln(n * SHAPES) - gammaln(total + n * SHAPES)
    )
    return _weighed(SHAPES, n * SHAPES, log_likelihood - 0.5 * np.log(SHAPES))


def _weighed(a: NDArray, b: NDArray, log_weight: NDArray) -> BetaBinomials:
    weight = np.exp(log_weight - log_weight.max())
    kept = weight > LEAST_WEIGHT
    return BetaBinomials(a[kept], b[kept], weight[kept] / weight[kept].sum())

"""How many items share a key, and how many would if keys were shared as elsewhere.

References
----------
.. [1] Diaconis & Mosteller (1989), J. Am. Stat. Assoc. 84(408), 853-861, sec. 7 (coincidences of k).
.. [2] Westfall & Young (1993), Resampling-Based Multiple Testing, ch. 2 (the smallest of several p-values).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, expm1, lgamma, log

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

AT_LEAST = (3, 5, 10)  # items in groups of so many or more are counted
LARGEST_HOUSEHOLD = 5  # the frequency of each size up to here is taken as it is; beyond, a tail is fitted


def birthday(n: int, classes: int, coincident: int = 2) -> float:
    """Chance that some class holds at least `coincident` of n items that fall evenly; exact for 2, else approximate [1]_.

    An upper anchor for the arithmetic alone: networks and devices aren't used evenly.
    """
    if coincident < 2 or n > classes * (coincident - 1):
        return 1.0
    if coincident > n:
        return 0.0
    if coincident == 2:
        return float(-expm1(np.log1p(-np.arange(n) / classes).sum()))
    k = coincident
    left = n * exp(-n / (classes * k)) / (1 - n / (classes * (k + 1))) ** (1 / k)
    return -expm1(-exp(k * log(left) - (k - 1) * log(classes) - lgamma(k + 1)))


def tallies(sizes: NDArray) -> NDArray:
    """Items in groups of at least 3, 5 and 10, and the largest of these groups (0: none); of groups that have these sizes."""
    sizes = np.asarray(sizes, np.int64)
    sizes = sizes[sizes >= AT_LEAST[0]]
    return np.array([*(int(sizes[sizes >= least].sum()) for least in AT_LEAST), int(sizes.max(initial=0))])


def predicted_tallies(reference: NDArray, n_reference: int, n: int, *, n_resamples: int, rng: np.random.Generator) -> NDArray:
    """Draw the tallies of n items that share keys as reference items do, with what the reference leaves open.

    Groups of 3, 4 and 5 and groups above come as Poisson counts; the sizes of those above fall off
    geometrically. Rates and fall-off are drawn from what the reference allows (priors: Gamma(1/2) and
    Beta(3/4, 1)), so that the tail is heavier than geometric, the more so the less there is to learn from.

    Parameters
    ----------
    reference : array of int
        Sizes of the reference's groups; those under 3 play no part.
    n_reference, n : int
        Items in the reference, and items to draw; above 0.

    Returns
    -------
    array of int (n_resamples, 4)
        As `tallies`.
    """
    reference = np.asarray(reference, np.int64)
    found = np.zeros((n_resamples, len(AT_LEAST) + 1), np.int64)

    def count(k: int) -> NDArray:
        return rng.poisson(rng.gamma(k + 0.5, n / n_reference, n_resamples))

    def add(which: NDArray, sizes: NDArray) -> None:
        for column, least in enumerate(AT_LEAST):
            found[:, column] += np.bincount(which, np.where(sizes >= least, sizes, 0), n_resamples).astype(np.int64)
        np.maximum.at(found[:, -1], which, sizes)

    for size in range(AT_LEAST[0], LARGEST_HOUSEHOLD + 1):
        k = count(int((reference == size).sum()))
        add(np.repeat(np.arange(n_resamples), k), np.full(k.sum(), size))
    large = reference[reference > LARGEST_HOUSEHOLD]
    beyond = int((large - LARGEST_HOUSEHOLD - 1).sum())
    k = count(large.size)
    which = np.repeat(np.arange(n_resamples), k)
    stop = rng.beta(0.75 + large.size, 1 + beyond, n_resamples)[which]
    add(which, LARGEST_HOUSEHOLD + np.minimum(rng.geometric(np.maximum(stop, 1e-6)), n))
    return np.minimum(found, n)


@dataclass(frozen=True, slots=True)
class Excess:
    """p of each tally, p of all together, and the p that a single tally must reach for a given level of all together."""

    each: NDArray
    pvalue: float
    smallest: NDArray

    def needed(self, alpha: float) -> float:
        """Give the p-value of one tally at which all together reach alpha."""
        return float(np.quantile(self.smallest, alpha))


def excess(observed: NDArray, draws: NDArray) -> Excess:
    """Compare tallies with draws of them: the smallest of their p-values against its own distribution [2]_."""
    pool = np.vstack([observed, draws])  # the observed one counts among them, so that the p-value is exact
    ranks = pool.shape[0] + 1 - rankdata(pool, method="min", axis=0)  # how many are at least as large
    shares = ranks / pool.shape[0]
    smallest = shares.min(axis=1)
    return Excess(shares[0], float((smallest <= smallest[0] + 1e-12).mean()), smallest)

"""Do several groups differ in a share? Fisher's exact test for more than two groups, simulated given all totals.

References
----------
.. [1] Freeman & Halton (1951), Biometrika 38(1/2), 141-149.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from analysis_lib.errors import ParameterError

TIE = 1e-7  # relative: tables as likely as the observed one, as in R


def freeman_halton(events: ArrayLike, sizes: ArrayLike, *, n_resamples: int, rng: np.random.Generator) -> float:
    """Give the share of tables with the same totals that are no likelier than the observed one [1]_, p = (1 + b) / (R + 1).

    Parameters
    ----------
    events, sizes : array of int
        Events and members of each group; two groups or more, sizes above 0.

    Raises
    ------
    ParameterError
        If the counts don't fit together.
    """
    k, n = np.asarray(events, np.int64), np.asarray(sizes, np.int64)
    if k.size < 2 or k.shape != n.shape or (k < 0).any() or (k > n).any() or (n < 1).any():
        raise ParameterError(
            f"{k.tolist()} events of {n.tolist()}: expected 0 to all of each group, in two groups or more of at least 1."
        )
    draws = rng.multivariate_hypergeometric(n, int(k.sum()), size=n_resamples, method="marginals")
    as_likely = _log_chance(draws, n) <= _log_chance(k[None, :], n) + np.log1p(TIE)
    return float((1 + np.count_nonzero(as_likely)) / (n_resamples + 1))


def _log_chance(k: NDArray, n: NDArray) -> NDArray:
    """Logarithm of a table's chance but for a constant."""
    return -(gammaln(k + 1.0) + gammaln(n - k + 1.0)).sum(axis=1)

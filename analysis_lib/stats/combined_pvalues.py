"""Is there anything in a set of tests at all? P-values put together into one.

References
----------
.. [1] Wilkinson (1951), Psychol. Bull. 48(2), 156-158 (the r-th smallest).
.. [2] Liu & Xie (2020), J. Amer. Statist. Assoc. 115(529), 393-402 (Cauchy).
.. [3] Wilson (2019), PNAS 116(4), 1195-1200 (harmonic mean with its Landau law; the mean itself is no p-value).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from analysis_lib.errors import ParameterError

INDEPENDENT = ("fisher", "stouffer", "tippett")


def combined(
    pvalues: ArrayLike, method: Literal["fisher", "stouffer", "tippett", "wilkinson", "cauchy", "harmonic"], *, rank: int = 2
) -> float:
    """Give one p-value for the null that all the tests' nulls hold.

    Parameters
    ----------
    pvalues : array of float
        Above 0 and at most 1; at least one (two for "harmonic", whose law is one of many tests).
    method
        "fisher", "stouffer", "tippett" and "wilkinson" suppose that the tests are independent; "cauchy" [2]_ and
        "harmonic" [3]_ bear most kinds of dependence when the result is small, and mean little when it is not.
    rank : int
        For "wilkinson" alone: which of the p-values from the smallest one on is looked at, chosen beforehand [1]_.

    Raises
    ------
    ParameterError
        If there are too few p-values, one is outside its range, or `rank` exceeds their number.
    """
    p = np.sort(np.asarray(pvalues, float))
    least = {"wilkinson": rank, "harmonic": 2}.get(method, 1)
    if rank < 1 or p.size < least:
        raise ParameterError(
            f"{p.size} p-values and rank {rank} for method {method!r}: expected at least {max(1, least)}, and rank 1 or more."
        )
    if not (p[0] > 0 and p[-1] <= 1):
        raise ParameterError(f"P-values from {p[0]} to {p[-1]}: expected above 0 and at most 1, none missing.")
    if method in INDEPENDENT:
        return float(stats.combine_pvalues(p, method=method).pvalue)
    if method == "wilkinson":
        return float(stats.beta.cdf(p[rank - 1], rank, p.size - rank + 1))
    if method == "cauchy":
        return float(stats.cauchy.sf(stats.cauchy.isf(p).mean()))
    if method == "harmonic":
        scale = np.pi / 2
        centre = np.log(p.size) + 1 - np.euler_gamma + np.log(scale)
        return float(stats.landau.sf((1 / p).mean(), loc=centre, scale=scale))
    raise ParameterError(f"Method {method!r}: expected one of {', '.join(INDEPENDENT)}, wilkinson, cauchy, harmonic.")

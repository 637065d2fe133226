"""How many of several events, each with a chance of its own, happen? The exact law by convolution.

References
----------
.. [1] Hong (2013), Comput. Statist. Data Anal. 59, 41-51 (the Poisson-binomial law and the ways to compute it).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis_lib.errors import ParameterError


def pmf(chances: ArrayLike) -> NDArray:
    """Give P(X = 0), ..., P(X = n) of the number of events that happen.

    Parameters
    ----------
    chances : array of float (n,)
        Chance of each event, 0 to 1, in any order; the events are independent. Meant for up to some 5,000.

    Returns
    -------
    array of float (n + 1,)
        Exact but for rounding: only sums and products of positive numbers, without a Fourier transform [1]_, so
        that a small chance keeps its digits.

    Raises
    ------
    ParameterError
        If a chance is missing or outside 0 to 1.
    """
    p = np.asarray(chances, float)
    wrong = np.flatnonzero(~((p >= 0) & (p <= 1)))
    if wrong.size:
        raise ParameterError(f"Chance {wrong[0] + 1} of {p.size} is {p[wrong[0]]}: expected a number from 0 to 1.")
    laws = [np.array([1.0])] + [np.array([1 - x, x]) for x in p]
    while len(laws) > 1:  # halves of like size: much of the work is then done by few long convolutions
        laws = [np.convolve(*laws[i : i + 2]) if i + 1 < len(laws) else laws[i] for i in range(0, len(laws), 2)]
    return laws[0]


def upper_tail(chances: ArrayLike, count: int) -> float:
    """P(X >= count), summed from the far end so that a small one keeps its digits; 1 for a count of 0 or below."""
    law = pmf(chances)
    return float(min(1.0, law[max(count, 0) :][::-1].cumsum()[-1])) if count < law.size else 0.0

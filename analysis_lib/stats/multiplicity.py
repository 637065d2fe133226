"""Adjusted p-values for a family declared before it was tested.

References
----------
.. [1] Holm (1979), Scand. J. Statist. 6(2), 65-70.
.. [2] Benjamini & Hochberg (1995), J. R. Statist. Soc. B 57(1), 289-300.
.. [3] Benjamini & Yekutieli (2001), Ann. Statist. 29(4), 1165-1188, theorem 1.3.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def holm(pvalues: ArrayLike) -> NDArray:
    """Adjust for the family-wise error rate [1]_, under any dependence; the order of the input is kept."""
    p = np.asarray(pvalues, float)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1)))
    return adjusted


def benjamini_hochberg(pvalues: ArrayLike) -> NDArray:
    """Adjust for the false discovery rate [2]_, for independent p-values; the smallest is Simes' p of the whole family."""
    p = np.asarray(pvalues, float)
    order = np.argsort(p, kind="stable")
    scaled = p[order] * (p.size / np.arange(1, p.size + 1))  # the factor of the largest is 1 and leaves it as it is
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1.0, np.minimum.accumulate(scaled[::-1])[::-1])
    return adjusted


def benjamini_yekutieli(pvalues: ArrayLike) -> NDArray:
    """Adjust for the false discovery rate under any dependence [3]_: Benjamini-Hochberg times 1 + 1/2 + ... + 1/m, at most 1."""
    adjusted = benjamini_hochberg(pvalues)
    return np.minimum(1.0, adjusted * (1 / np.arange(1, adjusted.size + 1)).sum())

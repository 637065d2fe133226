"""Poisson regression with a log link by iteratively reweighted least squares (McCullagh & Nelder 1989, ch. 2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

CONVERGED = 1e-10
MOST_STEPS = 60
LOWEST = -30.0  # a log rate this low is "never": a day on which nobody voted must not run off to minus infinity


@dataclass(frozen=True, slots=True)
class PoissonFit:
    """Coefficients in the order of the design's columns, and twice the log-likelihood lost against a perfect fit."""

    coefficients: NDArray
    deviance: float


def fit_poisson(counts: NDArray, design: NDArray, offset: NDArray) -> PoissonFit:
    """Fit log E(counts) = offset + design @ coefficients.

    Parameters
    ----------
    counts : array (n,)
        Events per cell, 0 or above.
    design : array (n, p)
        Full column rank on the cells given.
    offset : array (n,)
        Log exposure of each cell.
    """
    mean = counts + 0.5
    eta = np.log(mean)
    deviance = np.inf
    for _ in range(MOST_STEPS):
        working = eta - offset + (counts - mean) / mean
        weighted = design * mean[:, None]
        coefficients = np.linalg.lstsq(weighted.T @ design, weighted.T @ working, rcond=None)[0]
        eta = np.maximum(offset + design @ coefficients, LOWEST)
        mean = np.exp(eta)
        previous, deviance = deviance, float(2.0 * (xlogy(counts, counts / mean) - (counts - mean)).sum())
        if abs(previous - deviance) <= CONVERGED * (abs(deviance) + 1.0):
            break
    return PoissonFit(coefficients, deviance)

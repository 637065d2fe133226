"""E-values: bets against a null, whose mean under it is at most 1, so that 20 is as rare as a p-value of 1/20.

They may be multiplied or watched while data come in, and lists of them adjusted whatever their dependence.

References
----------
.. [1] Vovk & Wang (2021), Ann. Statist. 49(3), 1736-1754 (calibrators; an e-value to a p-value is 1/e).
.. [2] Wang & Ramdas (2022), J. R. Statist. Soc. B 84(3), 822-852 (e-BH).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincc, betaln, xlog1py, xlogy

from analysis_lib.errors import ParameterError
from analysis_lib.stats.multiplicity import benjamini_hochberg

SHAPE = (0.5, 9.5)  # of the share that is bet on: on average one in twenty, mostly less


def from_pvalues(pvalues: ArrayLike, kappa: float = 0.5) -> NDArray:
    """Turn p-values into e-values, kappa p^(kappa - 1) [1]_; a p-value of 0 gives an infinite one.

    Raises
    ------
    ParameterError
        If kappa, to be fixed beforehand, is not between 0 and 1.
    """
    if not 0 < kappa < 1:
        raise ParameterError(f"kappa = {kappa}: expected a number between 0 and 1.")
    with np.errstate(divide="ignore"):
        return kappa * np.asarray(pvalues, float) ** (kappa - 1)


def averaged_over_kappa(pvalues: ArrayLike) -> NDArray:
    """Turn p-values into e-values by the mean of all kappas [1]_, (e^t - 1 - t) / t^2 with t = -log p: none need be chosen."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        t = -np.log(np.asarray(pvalues, float))
        series = 1 / 2 + t / 6 + t**2 / 24 + t**3 / 120  # where the formula is 0/0
        return np.where(t < 0.01, series, np.where(t < np.inf, (np.expm1(t) - t) / t**2, np.inf))


def e_benjamini_hochberg(evalues: ArrayLike) -> NDArray:
    """Adjust for the false discovery rate under any dependence: at most q are found at level q [2]_; the order is kept.

    It is the Benjamini-Hochberg adjustment of 1/e.
    """
    with np.errstate(divide="ignore", over="ignore"):
        return benjamini_hochberg(1 / np.asarray(evalues, float))


def share_evalue(found: int, asked: int, error_rate: float, *, one_sided: bool = True) -> float:
    """How far do the finds among those asked exceed what errors alone would give?

    Parameters
    ----------
    found, asked : int
        May be looked at after every answer; the e-value stays valid if calling stops when it is large.
    error_rate : float
        Chance below 1 that one who is asked is found by mistake, taken as known.
    one_sided : bool
        Bets on higher shares only, and so holds for every lower error rate too. Without it fewer finds than
        errors would make also raise the e-value: 0 of 1,000 at an error rate of .01 gives about 2,000.

    Returns
    -------
    float
        Mean likelihood over shares by a beta law of shape `SHAPE`, over that of the error rate. Infinite for
        a find where no error can be.

    Raises
    ------
    ParameterError
        If more are found than asked, or the error rate is not in [0, 1).

    Notes
    -----
    *Null hypothesis:* each who is asked is found by mistake with that chance at most, independently.
    """
    if not 0 <= found <= asked or not 0 <= error_rate < 1:
        raise ParameterError(
            f"{found} found of {asked} asked at an error rate of {error_rate}: expected 0 <= found <= asked and 0 <= rate < 1."
        )
    if error_rate == 0 and found > 0:
        return np.inf
    a, b = SHAPE
    log_errors = xlogy(found, error_rate) + xlog1py(asked - found, -error_rate)
    log_ratio = betaln(a + found, b + asked - found) - betaln(a, b)
    if one_sided:
        log_ratio += np.log(betaincc(a + found, b + asked - found, error_rate)) - np.log(betaincc(a, b, error_rate))
    with np.errstate(over="ignore"):  # beyond the largest number: infinite
        return float(np.exp(log_ratio - log_errors))

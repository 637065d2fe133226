"""How many have had an event of one kind by a time, where others can come first and some are followed for a shorter time?

References
----------
.. [1] Aalen & Johansen (1978), Scand. J. Statist. 5, 141-150 (the estimator).
.. [2] Andersen, Borgan, Gill & Keiding (1993), Statistical Models Based on Counting Processes, Springer, section IV.4.1 (its
   variance, here with multinomial increments, as Greenwood's).
.. [3] Kalbfleisch & Prentice (2002), The Statistical Analysis of Failure Time Data, 2nd ed., Wiley, section 1.4 (the
   interval on the scale of log(-log share)).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from analysis_lib.errors import ParameterError, TooFewObservations

CENSORED = 0


@dataclass(frozen=True, slots=True, eq=False)
class Incidence:
    """Share with an event of one kind by each time asked for, its standard error and interval, and how many are still followed.

    `at_risk` counts those with no event of any kind before the time, who are still followed at it.
    """

    share: NDArray
    standard_error: NDArray
    low: NDArray
    high: NDArray
    at_risk: NDArray


def cumulative_incidence(
    times: ArrayLike, causes: ArrayLike, cause: int, at: ArrayLike, confidence_level: float = 0.95
) -> Incidence:
    """Estimate the share with an event of one kind by given times, after Aalen and Johansen [1]_.

    An event of another kind ends the wait for good; it is not the same as being followed no longer, and to count it so
    makes the share too large. Why somebody is followed no longer must have nothing to do with what would have come.

    Parameters
    ----------
    times : array (n,)
        How long each was followed, from a start of their own, in any one unit; 0 or above.
    causes : array of int (n,)
        Which event ended it: 0 none (followed no longer), otherwise 1, 2, and so on. Of what falls on one instant, events
        come first.
    cause : int
        The kind of event asked for.
    at : array (m,)
        Times by which (included), in the same unit.

    Returns
    -------
    Incidence
        Arrays (m,). The interval is pointwise, approximate [3]_, and never empty: where there was no event yet, its upper end is the
        largest share that those still followed make likely enough (an exact bound, 1 if nobody is), and where nobody is left
        without the event, its lower end is that of the time before.

    Raises
    ------
    ParameterError
        A time that is missing, infinite or below 0, a cause that is no whole number, or arrays of different length.
    TooFewObservations
        Nobody at all.
    """
    times, causes, at = np.asarray(times), np.asarray(causes), np.atleast_1d(at)
    _check(times, causes, cause, confidence_level)
    instants, place = np.unique(times, return_inverse=True)
    ended = np.bincount(place, causes != CENSORED)
    of_kind = np.bincount(place, causes == cause)
    at_risk = times.size - np.concatenate([[0], np.cumsum(np.bincount(place))[:-1]])
    kind, any_kind = of_kind / at_risk, ended / at_risk
    before = np.concatenate([[1.0], np.cumprod(1 - any_kind)[:-1]])  # share without any event just before
    share = np.cumsum(before * kind)
    error = np.sqrt(_variance(share, before, kind, any_kind, at_risk))
    low, high = _interval(share, error, times.size, confidence_level)
    row = np.searchsorted(instants, at, side="right")  # 0: before the first instant
    followed = times.size - np.searchsorted(np.sort(times), at, side="left")
    none_yet = row == 0
    row = np.maximum(row - 1, 0)
    share, error, low = (np.where(none_yet, 0.0, values[row]) for values in (share, error, low))
    tail = (1 - confidence_level) / 2
    high = np.where(share == 0, _most(followed, tail), high[row])
    return Incidence(share, error, low, high, followed)


def _check(times: NDArray, causes: NDArray, cause: int, confidence_level: float) -> None:
    if times.ndim != 1 or times.shape != causes.shape:
        raise ParameterError(f"times have the shape {times.shape}, causes {causes.shape}. Expected n values of each.")
    if not times.size:
        raise TooFewObservations("Nobody was followed; at least one is needed.")
    if not np.isfinite(times).all() or (times < 0).any():
        raise ParameterError("A time is missing, infinite or below 0. Leave such rows out and count them.")
    if causes.dtype.kind not in "iub" or (causes < 0).any() or cause < 1:
        raise ParameterError(f"causes are whole numbers, 0 for none; the kind asked for is 1 or above, here {cause}.")
    if not 0 < confidence_level < 1:
        raise ParameterError(f"confidence_level is {confidence_level}; expected a number between 0 and 1, as 0.95.")


def _variance(share: NDArray, before: NDArray, kind: NDArray, any_kind: NDArray, at_risk: NDArray) -> NDArray:
    """Variance of the share at each instant by the delta method [2]_.

    With p of the kind and q of any kind among n at risk at an instant s, S without event just before it, and what is still
    to come, R = share(t) - share(s), an instant adds (p(1-p) S^2 - 2 p S R + q/(1-q) R^2) / n.
    """
    odds = np.divide(any_kind, 1 - any_kind, out=np.zeros_like(any_kind), where=any_kind < 1)  # nothing is to come after q = 1
    own = kind * (1 - kind) * before**2 + 2 * kind * before * share + odds * share**2
    mixed = 2 * kind * before + 2 * odds * share
    constant, linear, square = (np.cumsum(part / at_risk) for part in (own, mixed, odds))
    return np.maximum(0.0, constant - linear * share + square * share**2)


def _interval(share: NDArray, error: NDArray, n: int, confidence_level: float) -> tuple[NDArray, NDArray]:
    """Ends at each instant; where the share is 0, the upper one is left to those still followed."""
    tail = (1 - confidence_level) / 2
    inside = (share > 0) & (share < 1 - 1e-12)
    log_share = np.log(share, out=np.full(share.size, -1.0), where=inside)
    wide = norm.isf(tail) * np.divide(error, -share * log_share, out=np.zeros(share.size), where=inside)
    low = np.where(inside, np.exp(log_share * np.exp(wide)), 0.0)
    high = np.where(inside, np.exp(log_share * np.exp(-wide)), 1.0)
    full = (share > 0) & ~inside
    if full.any():
        first = int(np.argmax(full))
        low[full] = low[first - 1] if first and inside[first - 1] else tail ** (1 / n)
    return low, high


def _most(followed: NDArray, tail: float) -> NDArray:
    """Largest share of which none among so many would still turn up with the chance `tail`."""
    return 1 - np.where(followed > 0, tail ** (1 / np.maximum(followed, 1)), 0.0)

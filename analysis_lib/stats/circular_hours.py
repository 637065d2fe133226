"""At which hours of the day? Hours on the circle of 24: are they even, and do two sets of them differ?

References
----------
.. [1] Mardia & Jupp (2000), Directional Statistics, Wiley, pp. 94-95 (Rayleigh and its series).
.. [2] Wilkie (1983), Appl. Statist. 32(3), 311-312 (Rayleigh's p where the series fails).
.. [3] Stephens (1970), J. R. Statist. Soc. B 32(1), 115-122 (Kuiper's V and Watson's U2, modified for the sample's size).
.. [4] Watson (1962), Biometrika 49(1/2), 57-63 (U2 of two samples).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis_lib.errors import ParameterError, TooFewObservations

HOURS = 24.0
BATCH = 4_000_000  # cells of one batch of permuted counts
TIE = 1e-9


@dataclass(frozen=True, slots=True)
class Direction:
    """Mean hour (0 to 24; not a number if the hours cancel out), resultant length (0: even, 1: one hour), Rayleigh's p."""

    mean_hour: float
    length: float
    pvalue: float


@dataclass(frozen=True, slots=True)
class TwoSamples:
    """Watson's U2 of two samples, its p-value, its values under permuted labels, and whether these are all there are."""

    statistic: float
    pvalue: float
    null_draws: NDArray
    is_exact: bool


def _hours(hours: ArrayLike) -> NDArray:
    hours = np.asarray(hours, float)
    if hours.size == 0:
        raise TooFewObservations("No hour of the day is given; at least one is needed.")
    if not np.isfinite(hours).all():
        raise ParameterError(
            f"{(~np.isfinite(hours)).sum()} of {hours.size} hours are missing or infinite: expected numbers from 0 to 24."
        )
    return hours % HOURS


def rayleigh(hours: ArrayLike) -> Direction:
    """Do the hours lean to one side of the day?

    For actions of their own only: those of one sitting come together, and make any hours look uneven.

    Parameters
    ----------
    hours : array of float
        Hours of the wall clock, 0 to 24 (24 is 0), in any order.

    Returns
    -------
    Direction
        The p-value is the corrected series [1]_ or Wilkie's form [2]_, whichever is larger: far out the series goes
        below 0. Two peaks on opposite sides are not seen.
    """
    hours = _hours(hours)
    n, resultant = hours.size, np.exp(2j * np.pi * hours / HOURS).sum()
    length = float(min(1.0, abs(resultant) / n))
    z = n * length**2
    series = np.exp(-z) * (1 + (2 * z - z**2) / (4 * n) - (24 * z - 132 * z**2 + 76 * z**3 - 9 * z**4) / (288 * n**2))
    wilkie = np.exp(np.sqrt(1 + 4 * n + 4 * n**2 * (1 - length**2)) - (1 + 2 * n))
    mean_hour = float(np.angle(resultant) * HOURS / (2 * np.pi) % HOURS) if length > TIE else float("nan")
    return Direction(mean_hour, length, float(min(1.0, max(series, wilkie))))


def kuiper(hours: ArrayLike) -> tuple[float, float]:
    """Kuiper's V from even hours, and V* = V (sqrt n + .155 + .24 / sqrt n), which hardly depends on n [3]_."""
    u = np.sort(_hours(hours)) / HOURS
    n, i = u.size, np.arange(u.size)
    v = float(((i + 1) / n - u).max() + (u - i / n).max())
    return v, v * (np.sqrt(n) + 0.155 + 0.24 / np.sqrt(n))


def watson(hours: ArrayLike) -> tuple[float, float]:
    """Watson's U2 from even hours, and (U2 - .1 / n + .1 / n^2)(1 + .8 / n), which hardly depends on n [3]_."""
    u = np.sort(_hours(hours)) / HOURS
    n = u.size
    u2 = float(((u - u.mean() - (np.arange(n) + 0.5) / n + 0.5) ** 2).sum() + 1 / (12 * n))
    return u2, (u2 - 0.1 / n + 0.1 / n**2) * (1 + 0.8 / n)


def two_samples(
    hours: ArrayLike, labels: ArrayLike, blocks: ArrayLike, *, n_resamples: int, rng: np.random.Generator
) -> TwoSamples:
    """Do labelled actions keep other hours than the rest? Watson's U2 [4]_, labels permuted between whole days or sittings.

    Parameters
    ----------
    hours : array of float
        Hours of the wall clock, 0 to 24; equal ones may be many.
    labels : array of bool
        Such as: of the period asked about. One label for all actions of a block; both labels must occur.
    blocks : array
        Day or sitting of each action. Actions of one sitting come together: permuted singly they would make any
        two periods differ.

    Returns
    -------
    TwoSamples
        0 if both keep the same hours; it does not say which hours differ, nor in which direction. With no more
        arrangements than `n_resamples` all of them are taken, so that p is exact.

    Raises
    ------
    ParameterError
        If a block has both labels, or the arrays differ in length.
    TooFewObservations
        If one label has no action.

    Notes
    -----
    *Null hypothesis:* the label of a block has nothing to do with its hours and its size. Draws keep the factor of
    U2 that holds the two samples' sizes: with a factor of their own, logs whose labelled sittings were a quarter as
    large never had p <= 0.05. As it is, sittings of unlike size err on the safe side (0.02 to 0.05 at 0.05).
    """
    hours, labels = _hours(hours), np.asarray(labels, bool)
    _, block = np.unique(np.asarray(blocks), return_inverse=True)
    if not hours.size == labels.size == block.size:
        raise ParameterError(f"{hours.size} hours, {labels.size} labels, {block.size} blocks: expected as many of each.")
    own = np.bincount(block, labels)
    mixed = (own > 0) & (own < np.bincount(block))
    if mixed.any():
        raise ParameterError(
            f"{mixed.sum()} of {own.size} blocks hold both labels: expected one. Cut blocks where the label changes."
        )
    own = own > 0
    if own.all() or not own.any():
        raise TooFewObservations("All actions have the same label; at least one of each is needed.")
    values, place = np.unique(hours, return_inverse=True)
    below = np.zeros((own.size, values.size))  # actions of each block up to each hour
    np.add.at(below, (block, place), 1.0)
    below = below.cumsum(axis=1)
    scale = labels.sum() * (labels.size - labels.sum()) / labels.size**2
    statistic = float(scale * _gap_variances(own[None], below)[0])
    n_labelled = int(own.sum())
    is_exact = comb(own.size, n_labelled) <= n_resamples
    if is_exact:
        chosen = np.array(list(combinations(range(own.size), n_labelled)))
        draws = _gap_variances((chosen[:, :, None] == np.arange(own.size)).any(axis=1), below)
    else:
        size = max(1, BATCH // max(values.size, own.size))
        parts = [min(size, n_resamples - start) for start in range(0, n_resamples, size)]
        draws = np.concatenate([_gap_variances(rng.permuted(np.tile(own, (n, 1)), axis=1), below) for n in parts])
    draws *= scale
    reached = int((draws >= statistic - TIE).sum())
    pvalue = reached / draws.size if is_exact else (1 + reached) / (n_resamples + 1)
    return TwoSamples(statistic, pvalue, draws, is_exact)


def _gap_variances(chosen: NDArray, below: NDArray) -> NDArray:
    """Sum of squares of the gap for each row of chosen blocks; tied hours are stepped over at once, each counts."""
    everyone = below.sum(axis=0)
    total, weight = everyone[-1], np.diff(everyone, prepend=0.0)
    first = chosen.astype(float) @ below
    n = first[:, -1:]  # at least one: a block without actions does not exist
    gap = first / n - (everyone - first) / (total - n)
    return gap**2 @ weight - (gap @ weight) ** 2 / total

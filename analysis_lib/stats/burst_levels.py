"""Stretches in which events follow one another faster, by a hidden state that is costly to raise: for display only.

The automaton gives no p-value, so nothing here is a test.

References
----------
.. [1] Kleinberg (2003), Data Min. Knowl. Discov. 7(4), 373-397, section 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import numpy as np
from numba import njit
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Burst:
    """A stretch at or above a level (1: the first above the usual), from one event's stamp to another's."""

    level: int
    start: int
    end: int


def spread_ties(stamps: NDArray, resolution: int) -> NDArray:
    """Place events of one stamp evenly inside its resolution, sorted: the automaton can't take a gap of zero."""
    _, first, size = np.unique(np.sort(stamps), return_index=True, return_counts=True)
    rank = np.arange(stamps.size) - np.repeat(first, size)
    return np.sort(stamps) + resolution * (rank + 0.5) / np.repeat(size, size)


def gap_levels(
    stamps: NDArray, *, resolution: int, speed_up: float = 2.0, reluctance: float = 1.0, n_levels: int = 2
) -> tuple[NDArray, float]:
    """Give the level of each gap between neighbouring events: the sequence of states of least cost.

    Parameters
    ----------
    stamps : array of int64
        In any order, ties allowed (`spread_ties`).
    resolution : int
        What a stamp was cut down to, in the unit of the stamps.
    speed_up : float
        How many times as fast events come one level up; `s` in [1]_, above 1.
    reluctance : float
        Going one level up costs this times log(number of gaps); `gamma` in [1]_. Going down is free.
    n_levels : int
        2 is the two-state automaton of [1]_.

    Returns
    -------
    levels : array of int
        0 is the usual pace, one for each gap.
    cost : float
        Negative log density of the gaps at those levels, plus what going up cost.

    Raises
    ------
    ValueError
        If `speed_up` isn't above 1, or `n_levels` is under 1.
    """
    if speed_up <= 1.0 or n_levels < 1:
        raise ValueError(f"speed_up = {speed_up} and n_levels = {n_levels}: expected above 1, and at least 1.")
    gaps = np.diff(spread_ties(stamps, resolution))
    if gaps.size == 0:
        return np.zeros(0, np.int64), 0.0
    rates = speed_up ** np.arange(n_levels) / gaps.mean()
    levels, cost = _cheapest(gaps, rates, reluctance * log(gaps.size))
    return levels, float(cost)


@njit(cache=True, nogil=True, error_model="numpy")
def _cheapest(gaps, rates, step_up):
    """Viterbi's recursion; of equally cheap states the lowest, of ways there the one from the lowest."""
    n, m = gaps.size, rates.size
    cost, reached = np.arange(m) * step_up, np.empty(m)
    came_from = np.zeros((n, m), np.int64)
    for t in range(n):
        for state in range(m):
            best, best_from = np.inf, 0
            for before in range(m):
                value = cost[before] + max(state - before, 0) * step_up if t > 0 else cost[state]
                if value < best:
                    best, best_from = value, before
            reached[state] = best + rates[state] * gaps[t] - np.log(rates[state])
            came_from[t, state] = best_from
        cost[:] = reached
    levels = np.empty(n, np.int64)
    levels[n - 1] = np.argmin(cost)
    for t in range(n - 1, 0, -1):
        levels[t - 1] = came_from[t, levels[t]]
    return levels, cost.min()


def bursts(stamps: NDArray, levels: NDArray) -> list[Burst]:
    """List the stretches at or above each level from 1 on, by level and then by time; `levels` from `gap_levels`."""
    stamps, found = np.sort(stamps), []
    for level in range(1, int(levels.max(initial=0)) + 1):
        change = np.diff(np.concatenate(([0], (levels >= level).astype(np.int64), [0])))
        found += [
            Burst(level, int(stamps[first]), int(stamps[last]))
            for first, last in zip(np.flatnonzero(change == 1), np.flatnonzero(change == -1), strict=True)
        ]
    return found

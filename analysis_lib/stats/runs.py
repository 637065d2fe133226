"""The longest run of successes in a row: its exact law, for chances that may differ from trial to trial.

References
----------
.. [1] Fu & Koutras (1994), J. Amer. Statist. Assoc. 89(427), 1050-1058 (runs by a Markov chain).
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray


def longest_run(successes: ArrayLike) -> tuple[int, int]:
    """Length and first index of the longest run of true values, the first of equals; (0, 0) without any."""
    flags = np.concatenate(([0], np.asarray(successes, bool).astype(np.int64), [0]))
    edges = np.diff(flags)
    starts, lengths = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1) - np.flatnonzero(edges == 1)
    if not lengths.size:
        return 0, 0
    top = int(lengths.argmax())
    return int(lengths[top]), int(starts[top])


def longest_run_tail(chances: ArrayLike, length: int) -> float:
    """Chance of a run of at least `length` successes in independent trials with these chances.

    Exact: a chain over the length of the run that is going on, 0 to `length`, which is not left again [1]_.
    """
    values = np.asarray(chances, float)
    if length <= 0:
        return 1.0
    return float(min(1.0, _tail(values, length))) if length <= values.size else 0.0


@njit(cache=True, nogil=True)
def _tail(chances, length):
    going = np.zeros(length)  # going[k]: chance that a run of k goes on now and none was long enough yet
    going[0] = 1.0
    done = 0.0
    for p in chances:
        done += p * going[length - 1]
        total = 0.0
        for k in range(length):
            total += going[k]
        for k in range(length - 1, 0, -1):
            going[k] = p * going[k - 1]
        going[0] = (1.0 - p) * total
    return done


def band_chance(rate: ArrayLike, band: tuple[int, int], resolution: int) -> NDArray:
    """Chance that an exponential gap lies in [low, high] as a log shows it, whose stamps are cut down to `resolution`.

    `rate` per second, above 0; the band in seconds, both ends included. 0 if no multiple of the resolution lies in it.
    """
    rates = np.asarray(rate, float)
    low, high = -(-band[0] // resolution) * resolution, band[1] // resolution * resolution
    if low > high:
        return np.zeros_like(rates)
    # Stamps that differ by d stand for gaps from d - resolution to d + resolution, in a triangle.
    smoothed = -np.expm1(-rates * resolution) / (rates * resolution)
    return (np.exp(-rates * (low - resolution)) - np.exp(-rates * high)) * smoothed


def most_band_chance(band: tuple[int, int], resolution: int) -> float:
    """Give the largest chance of a gap in the band that any rate gives."""
    return float(band_chance(np.geomspace(0.01 / band[1], 10 / resolution, 2000), band, resolution).max())

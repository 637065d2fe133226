"""Does a sequence go down a list? Neighbours in a row, runs of small steps, and smooth drift, against shuffles within blocks.

References
----------
.. [1] Kaplansky (1944), Bull. Amer. Math. Soc. 50(12), 906-914 (successions of a permutation).
.. [2] Bartels (1982), J. Amer. Statist. Assoc. 77(377), 40-46 (von Neumann's ratio of ranks).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

MOST_MOVES = 300_000_000  # places drawn over all resamples
FEWEST_RESAMPLES = 999
STATISTICS = ("successions", "longest_run", "drift")  # of the last, small values count


def succession_law(n: int) -> NDArray:
    """Chance of s successions (a place followed by the next one) in a random order of n, for s = 0..n-1. Exact [1]_.

    P(S = s) = C(n - 1, s) D(n - s) / n! with D(m) = sum_j (-1)^j C(m - 1, j) (m - j)!, the orders of m
    without any. With d(m) = sum_{i <= m} (-1)^i / i!, D(m) / m! = d(m) + d(m - 1) / m.
    """
    partial = np.cumsum([(-1.0) ** i / math.factorial(i) for i in range(min(n, 30) + 1)])
    derangements = lambda m: partial[min(m, partial.size - 1)]  # noqa: E731 (as the formula has it)
    law = np.zeros(n)
    for s in range(n):
        m = n - s
        without = derangements(m) + derangements(m - 1) / m
        law[s] = m / n * without / math.factorial(s) if s < 150 else 0.0
    return law


def succession_tail(n: int, successions: int) -> float:
    """Chance of at least so many successions in a random order of n."""
    return float(min(1.0, succession_law(n)[max(successions, 0) :].sum()))


@dataclass(frozen=True, slots=True)
class Sequence:
    """Events in order, each with its place on a list.

    ``ranks`` are 0..n-1, each once. Steps are looked at between neighbours of one ``track`` (events of a track
    stand together); shuffles stay within ``blocks``. ``near`` says whether an event follows the one before it
    so soon that the two, if they are also neighbours on the list, count as one; all false to count every event.
    """

    ranks: NDArray
    tracks: NDArray
    blocks: NDArray
    near: NDArray


def statistics(sequence: Sequence, most: int) -> tuple[int, int, float]:
    """Successions, longest run of steps from 1 to `most` (in steps), and von Neumann's ratio of ranks over all tracks together [2]_."""
    found = _measured(sequence.ranks.astype(np.int64), sequence.tracks.astype(np.int64), sequence.near.astype(bool), most)
    return int(found[0]), int(found[1]), float(found[2])


def longest_run_at(sequence: Sequence, most: int) -> tuple[int, int]:
    """Index of the first event of the longest run, and how many events it has; neighbours are not counted as one."""
    nobody = np.zeros(sequence.ranks.size, bool)
    found = _measured(sequence.ranks.astype(np.int64), sequence.tracks.astype(np.int64), nobody, most)
    length = int(found[1])
    return int(found[3]) - length, length + 1


def shuffled_null(sequence: Sequence, most: int, *, n_resamples: int, rng: np.random.Generator) -> NDArray:
    """Draw the three statistics with the places shuffled within each block; fewer draws for very long sequences.

    Returns
    -------
    array (draws, 3)
        As `statistics` gives them.
    """
    n = sequence.ranks.size
    n_draws = min(n_resamples, max(FEWEST_RESAMPLES, MOST_MOVES // max(n, 1)))
    order = np.argsort(sequence.blocks, kind="stable")
    _, sizes = np.unique(sequence.blocks, return_counts=True)
    out = np.empty((n_draws, 3))
    ranks, tracks, near = sequence.ranks.astype(np.int64), sequence.tracks.astype(np.int64), sequence.near.astype(bool)
    ends = np.cumsum(sizes)
    size = max(1, 2_000_000 // max(n, 1))
    for start in range(0, n_draws, size):
        stop = min(start + size, n_draws)
        _shuffles(rng.random((stop - start, n)), ranks, order, ends, tracks, near, most, out[start:stop])
    return out


@njit(cache=True, nogil=True)
def _shuffles(uniforms, ranks, order, ends, tracks, near, most, out):
    moved = ranks.copy()
    for r in range(out.shape[0]):
        first = 0
        for end in ends:
            for i in range(end - 1, first, -1):
                j = first + int(uniforms[r, i] * (i - first + 1))
                moved[order[i]], moved[order[j]] = moved[order[j]], moved[order[i]]
            first = end
        found = _measured(moved, tracks, near, most)
        out[r, 0], out[r, 1], out[r, 2] = found[0], found[1], found[2]


@njit(cache=True, nogil=True)
def _measured(ranks, tracks, near, most):
    """Successions, longest run in steps, von Neumann's ratio, and the index at which the longest run ends.

    Places are counted anew once neighbours are put together, and the ratio is over what is left, so that a
    sequence with many couples is not taken for a drift.
    """
    n = ranks.size
    kept = np.ones(n, np.bool_)
    shift = np.zeros(n + 1, np.int64)
    for i in range(1, n):
        if near[i] and kept[i - 1] and tracks[i] == tracks[i - 1] and abs(ranks[i] - ranks[i - 1]) == 1:
            kept[i] = False
            shift[ranks[i] + 1] = 1
    for k in range(n):
        shift[k + 1] += shift[k]
    successions, longest, ends_at, run = 0, 0, 0, 0
    squares, around, size = 0.0, 0.0, 0.0
    before, track = np.int64(-1), np.int64(-1)
    for i in range(n):
        if not kept[i]:
            continue
        place = ranks[i] - shift[ranks[i]]
        if before >= 0 and tracks[i] == track:
            step = place - before
            squares += float(step) ** 2
            if step == 1:
                successions += 1
            run = run + 1 if 1 <= step <= most else 0
            if run > longest:
                longest, ends_at = run, i
            size += 1.0
        else:
            around += size * (size * size - 1.0) / 12.0
            run, size = 0, 1.0
        before, track = place, tracks[i]
    around += size * (size * size - 1.0) / 12.0
    return successions, longest, squares / around if around > 0.0 else 2.0, ends_at

"""Order of a list against order in time: entries out of place, how they lie together, and whether a list was mixed.

References
----------
.. [1] Fredman (1975), Discrete Mathematics 11(1), 29-35 (longest subsequence in order).
.. [2] Bartels (1982), J. Am. Stat. Assoc. 77(377), 40-46 (the rank version of von Neumann's ratio).
.. [3] Hollander & Wolfe (1999), Nonparametric Statistical Methods, 2nd ed., sec. 8.3 (interval for Kendall's tau).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.stats import binom, binomtest, kstest, norm, rankdata

SIZES = (5, 1000)  # of the blocks in which a server may take numbers
MOST_FALLS = 2000  # the largest tell enough
BY_CHANCE = 0.001
LIKE_PACE, LIKE_EVEN = 2.0, 0.4  # a pace up to so many times the usual one; a distance from evenness that busy logs show
ODD_PACE = 0.05  # a pace beyond that is still like it if chance makes it as often
MIN_USUAL = 20  # entries by which the usual pace is known


@njit(cache=True, nogil=True)
def _longest_in_order(times):
    """Mark one longest subsequence that never falls."""
    n = times.size
    tails, before, size = np.empty(n, np.int64), np.empty(n, np.int64), 0
    for i in range(n):
        low, high = 0, size
        while low < high:
            middle = (low + high) // 2
            if times[tails[middle]] <= times[i]:
                low = middle + 1
            else:
                high = middle
        before[i] = tails[low - 1] if low > 0 else -1
        tails[low] = i
        size = max(size, low + 1)
    kept = np.zeros(n, np.bool_)
    i = tails[size - 1] if size else -1
    while i >= 0:
        kept[i] = True
        i = before[i]
    return kept


def displacement(times: NDArray, tolerance: int) -> NDArray:
    """Give by how much each entry of a numbered list is out of its place in time.

    As many entries as possible are taken to be in order [1]_; each of the others is held against them.

    Parameters
    ----------
    times : array of int (n,)
        In the order of the entries' numbers, any unit.
    tolerance : int
        Disagreement up to this much is none.

    Returns
    -------
    array of int (n,)
        0: in order. Above 0: written down after entries that are later by this much. Below 0: written
        down before entries that are earlier by this much.
    """
    times = np.asarray(times, np.int64)
    if not times.size:
        return times
    kept = _longest_in_order(times)
    far = np.int64(2**62)
    latest_before = np.maximum.accumulate(np.where(kept, times, -far))
    earliest_after = np.minimum.accumulate(np.where(kept, times, far)[::-1])[::-1]
    late = np.where(latest_before > -far, latest_before - times, 0)
    early = np.where(earliest_after < far, times - earliest_after, 0)
    late, early = np.where(late > tolerance, late, 0), np.where(early > tolerance, early, 0)
    return np.where(kept, 0, np.where(late >= early, late, -early))


@njit(cache=True, nogil=True)
def _pairs_before(ranks, limits, n):
    """Sum over j of the earlier entries whose rank is at least ``limits[j]`` (a Fenwick tree)."""
    tree = np.zeros(n + 1, np.int64)
    total = 0
    for j in range(n):
        i, below = limits[j], 0
        while i > 0:
            below += tree[i]
            i -= i & -i
        total += j - below
        i = ranks[j] + 1
        while i <= n:
            tree[i] += 1
            i += i & -i
    return total


def n_inversions(times: NDArray, tolerance: int) -> int:
    """Count pairs of entries of which the one with the lower number is later by more than the tolerance."""
    times = np.asarray(times, np.int64)
    by_time = np.sort(times)
    limits = np.searchsorted(by_time, times + tolerance, side="right")
    ranks = np.searchsorted(by_time, times, side="left")
    return int(_pairs_before(ranks, limits, times.size)) if times.size else 0


def longest_block(displaced: NDArray) -> tuple[int, int]:
    """Give start and length of the longest run of displaced entries with consecutive places; (0, 0) if there is none."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], (np.asarray(displaced) != 0).astype(np.int8), [0]])))
    starts, lengths = edges[::2], np.diff(edges)[::2]
    if not lengths.size:
        return 0, 0
    top = int(np.argmax(lengths))
    return int(starts[top]), int(lengths[top])


def even_blocks(numbers: NDArray, times: NDArray, tolerance: int) -> int | None:
    """Give the size of the blocks in which numbers were handed out, if times fall back mostly where blocks of one size begin.

    Servers that take blocks of numbers beforehand and use them side by side make such a log. A block
    of entries put in afterwards makes one fall, and scattered late entries make falls at any number.

    Parameters
    ----------
    numbers : array of int (n,)
        Rising. A block begins between the numbers on either side of a fall, or at the upper one.
    times : array of int (n,)
        In the order of the numbers, any unit.
    tolerance : int
        A fall up to this much is none.

    Returns
    -------
    int or None
        Null unless as many falls would fit some size by chance less often than `BY_CHANCE`, all sizes and
        places tried taken together (the binomial tail is an upper bound where gaps between numbers differ).
    """
    numbers, times = np.asarray(numbers, np.int64), np.asarray(times, np.int64)
    depths = times[:-1] - times[1:]
    falls = np.flatnonzero(depths > tolerance)
    falls = falls[np.argsort(-depths[falls], kind="stable")[:MOST_FALLS]]
    largest = min(SIZES[1], int(numbers[-1] - numbers[0]) // 3) if falls.size else 0
    sizes = range(SIZES[0], largest + 1)
    best, found = BY_CHANCE / max(sum(sizes), 1), None
    first, gaps = numbers[falls] + 1, numbers[falls + 1] - numbers[falls]
    for size in sizes:
        start, length = first % size, np.minimum(gaps, size)
        steps = np.bincount(start, minlength=2 * size + 1) - np.bincount(start + length, minlength=2 * size + 1)
        counts = np.cumsum(steps)[: 2 * size]
        most = int((counts[:size] + counts[size:]).max())
        tail = float(binom.sf(most - 1, falls.size, length.mean() / size))
        if tail < best:
            best, found = tail, size
    return found


def set_back(times: NDArray, start: int, length: int, tolerance: int) -> int | None:
    """Give by how much times fall at a block out of order, if they go on from there as after a clock that was set back.

    After a block put in afterwards, times return at once to where they were. After a clock is set back,
    the same stretch of time is gone through once more, in order, evenly and at about the usual pace.

    Parameters
    ----------
    times : array of int (n,)
        In the order of the entries' numbers, any unit.
    start, length : int
        Of the longest run of displaced entries; the fall is inside it or at one of its ends.
    tolerance : int
        Disagreement in order up to this much is none.

    Returns
    -------
    int or None
        The fall, in the unit of the times. Null if the entries after it are out of order more often than the
        others, or lie too close together or too far apart for an ordinary course: beyond chance, and beyond what
        noise in the rate would make. The usual course is that just before the fall and that just after the stretch,
        each with `MIN_USUAL` entries at least; null if neither side has so many.
    """
    times = np.asarray(times, np.int64)
    first, stop = max(start - 1, 0), min(start + length, times.size - 1)
    fall = first + int(np.argmax(times[first:stop] - times[first + 1 : stop + 1])) if stop > first else 0
    low, level = times[fall + 1], times[first : fall + 1].max()
    if level <= low:
        return None
    back = np.flatnonzero(times[fall + 1 :] >= level)
    end = fall + 1 + int(back[0]) if back.size else times.size
    high = level if back.size else times[fall + 1 : end].max()
    again = times[fall + 2 : end]  # the first one marks where the stretch begins
    again = again[again >= low]
    span = int(high - low)
    if not again.size or not span:
        return None
    even = kstest((again - low) / span, "uniform")
    if even.statistic > LIKE_EVEN and even.pvalue < BY_CHANCE:
        return None
    if _is_mixed(times, first, fall, end, tolerance):
        return None
    before, after = np.sort(level - times[: fall + 1]), np.sort(times[end:] - level)
    sides = [_nearest(distances[distances >= 0], span) for distances in (before, after)]
    return int(level - low) if _is_like(again.size, span, [side for side in sides if side[0] >= MIN_USUAL]) else None


def _nearest(distances: NDArray, span: int) -> tuple[int, int]:
    """Entries within a span on one side, and that span: longer where voting is thin, until enough entries tell the pace."""
    if not distances.size:
        return 0, 0
    reach = min(max(span, int(distances[:MIN_USUAL].max())), int(distances.max()))
    return int((distances <= reach).sum()), reach


def _is_mixed(times: NDArray, first: int, fall: int, end: int, tolerance: int) -> bool:
    """Whether either side of a fall is out of order more often than chance makes it at the rate of the other entries."""
    pieces = (times[first : fall + 1], times[fall + 1 : end])
    n_out = sum(int((displacement(piece, tolerance) != 0).sum()) for piece in pieces)
    others = np.concatenate([times[:first], times[end:]])
    rate = ((displacement(np.delete(times, slice(first, end)), tolerance) != 0).sum() + 1) / (others.size + 2)
    return bool(binom.sf(n_out - 1, end - first, rate) < BY_CHANCE)


def _is_like(n: int, span: int, usual: list[tuple[int, int]]) -> bool:
    """Whether a count over a span goes at a pace like one of those on either side or between them, but for chance and noise."""
    if not any(width for _, width in usual):
        return False
    paces = [n * width / (m * span) for m, width in usual]
    n_usual, width = (sum(column) for column in zip(*usual, strict=True))
    by_chance = binomtest(n, n + n_usual, span / (span + width)).pvalue >= ODD_PACE
    return by_chance or (min(paces) <= LIKE_PACE and max(paces) >= 1 / LIKE_PACE)


@njit(cache=True, nogil=True)
def _largest_group(chosen, keys, is_late, by_time):
    """Most displaced entries that come to stand between the same two entries in order."""
    moved = np.sort(chosen)
    places = np.empty(keys.size, np.int64)
    for i in range(keys.size):
        side_right = is_late[i]
        if side_right:
            places[i] = np.searchsorted(by_time, keys[i], "right") - np.searchsorted(moved, keys[i], "right")
        else:
            places[i] = np.searchsorted(by_time, keys[i], "left") - np.searchsorted(moved, keys[i], "left")
    places.sort()
    best, run = 1, 1
    for i in range(1, places.size):
        run = run + 1 if places[i] == places[i - 1] else 1
        best = max(best, run)
    return best


def random_blocks(times: NDArray, displaced: NDArray, tolerance: int, *, n_resamples: int, rng: np.random.Generator) -> NDArray:
    """Draw the longest block if each displacement had befallen an entry at random, whichever it could have shown at.

    A delay shows only where another entry follows within it, so each is given to one of the entries
    of which that is so: delays show at busy times in an orderly log too.

    Parameters
    ----------
    times, displaced : array of int (n,)
        As for and from `displacement`.

    Returns
    -------
    array of int (n_resamples,)
    """
    times = np.asarray(times, np.int64)
    shifts = np.asarray(displaced, np.int64)[np.asarray(displaced) != 0]
    if not shifts.size:
        return np.zeros(n_resamples, np.int64)
    by_time = np.sort(times)
    far = np.int64(2**62)
    after = np.searchsorted(by_time, by_time + tolerance, side="right")
    before = np.searchsorted(by_time, by_time - tolerance, side="left") - 1
    gaps = (
        np.where(after < by_time.size, by_time[np.minimum(after, by_time.size - 1)] - by_time, far),
        np.where(before >= 0, by_time - by_time[np.maximum(before, 0)], far),
    )
    is_late = shifts > 0
    orders = [np.argsort(gap, kind="stable") for gap in gaps]
    n_able = [np.searchsorted(np.sort(gap), np.abs(shifts), side="right") for gap in gaps]
    able = np.maximum(np.where(is_late, n_able[0], n_able[1]), 1)
    draws = np.empty(n_resamples, np.int64)
    for r in range(n_resamples):
        place = (rng.random(shifts.size) * able).astype(np.int64)
        chosen = by_time[np.where(is_late, orders[0][place], orders[1][place])]
        draws[r] = _largest_group(chosen, chosen + shifts, is_late, by_time)
    return draws


def neumann_ratio(values: NDArray) -> float:
    """Rank version of von Neumann's ratio [2]_: near 2 in a mixed list, near 0 where neighbours are alike; ties share a rank."""
    ranks = rankdata(values)
    return float((np.diff(ranks) ** 2).sum() / ((ranks - ranks.mean()) ** 2).sum())


@njit(cache=True, nogil=True)
def _squared_steps(ranks, starts, rng, out):
    """Sum of squared steps between neighbours, each list mixed by itself, `out.size` times."""
    for r in range(out.size):
        total = 0.0
        for k in range(starts.size - 1):
            for i in range(starts[k + 1] - 1, starts[k], -1):
                j = starts[k] + int(rng.random() * (i - starts[k] + 1))
                ranks[i], ranks[j] = ranks[j], ranks[i]
                if i < starts[k + 1] - 1:
                    total += (ranks[i + 1] - ranks[i]) ** 2
            total += (ranks[starts[k] + 1] - ranks[starts[k]]) ** 2
        out[r] = total


@dataclass(frozen=True, slots=True)
class Mixing:
    """Von Neumann's ratio over all lists, the chance of so small a one in mixed lists, and that ratio in mixed lists."""

    ratio: float
    pvalue: float
    null_draws: NDArray


def mixing(lists: list[NDArray], *, n_resamples: int, rng: np.random.Generator) -> Mixing:
    """Test whether neighbours in a list are nearer each other than in a list mixed at random; rising, falling or in pieces.

    Parameters
    ----------
    lists : list of array
        Each of at least 2 values, not all alike; ranks and permutations are taken within a list.
    """
    ranked = [rankdata(values) for values in lists]
    spread = sum(((ranks - ranks.mean()) ** 2).sum() for ranks in ranked)
    seen = sum((np.diff(ranks) ** 2).sum() for ranks in ranked)
    draws = np.empty(n_resamples)
    starts = np.concatenate([[0], np.cumsum([ranks.size for ranks in ranked])])
    _squared_steps(np.concatenate(ranked), starts, rng, draws)
    pvalue = (1 + np.count_nonzero(draws <= seen + 1e-9 * spread)) / (n_resamples + 1)
    return Mixing(float(seen / spread), float(pvalue), draws / spread)


@njit(cache=True, nogil=True)
def _below_and_above(ranks, order):
    """For each entry: smaller ones less larger ones among those before it in `order`; ties count for neither."""
    n = ranks.size
    tree, found = np.zeros(n + 2, np.int64), np.empty(n, np.int64)
    for seen in range(n):
        entry = order[seen]
        counts = np.zeros(2, np.int64)
        for which in range(2):
            i = ranks[entry] + which
            while i > 0:
                counts[which] += tree[i]
                i -= i & -i
        found[entry] = counts[0] - (seen - counts[1])
        i = ranks[entry] + 1
        while i <= n:
            tree[i] += 1
            i += i & -i
    return found


def kendall(values: NDArray, confidence_level: float) -> tuple[float, float, float]:
    """Kendall's tau of a list against its own order, with an interval [3]_; pairs tied in value count as neither.

    Parameters
    ----------
    values : array (n,)
        At least 2.

    Returns
    -------
    tau, low, high : float
        1: rising throughout; -1: falling; near 0: mixed.
    """
    values = np.asarray(values)
    n = values.size
    ranks = np.unique(values, return_inverse=True)[1].astype(np.int64)
    forward = _below_and_above(ranks, np.arange(n))
    backward = -_below_and_above(ranks, np.arange(n)[::-1].copy())
    scores = (forward + backward).astype(float)
    tau = float(scores.sum() / (n * (n - 1)))
    variance = 2 / (n * (n - 1)) * (2 * (n - 2) / (n * (n - 1) ** 2) * ((scores - scores.mean()) ** 2).sum() + 1 - tau**2)
    half = float(norm.ppf(0.5 + confidence_level / 2) * np.sqrt(max(variance, 0.0)))
    return tau, max(-1.0, tau - half), min(1.0, tau + half)

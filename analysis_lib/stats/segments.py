"""Where the level of a row of counts changes: the division into segments of least cost.

For drawing a chart and describing slow rises. A penalty is not a p-value, so nothing here is a test;
short bursts are what `scan` is for.

References
----------
.. [1] Killick, Fearnhead & Eckley (2012), J. Amer. Statist. Assoc. 107(500), 1590-1598 (PELT).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import log

import numpy as np
from numba import njit
from numpy.typing import NDArray

SHORTEST = 2  # bins in a segment


@dataclass(frozen=True, slots=True)
class Segment:
    """Bins `start` to `stop` - 1 and their events over their exposure."""

    start: int
    stop: int
    rate: float


def level_segments(
    counts: NDArray, exposure: NDArray | None = None, *, penalty: float | None = None, shortest: int = SHORTEST
) -> tuple[list[Segment], float]:
    """Divide counts into segments of steady rate.

    Not a test: some rise is always found if the penalty is low, and ordinary cycles of the day are rises too.

    Parameters
    ----------
    counts : array of int
        Events in each bin, in order of time.
    exposure : array of float, optional
        What they are relative to, above 0: the bin's hours, or events expected in it; 1 each if None.
    penalty : float, optional
        Cost of one more segment; 2 log n if None, n the number of bins.
    shortest : int
        Fewest bins in a segment.

    Returns
    -------
    segments : list of Segment
        In order; one alone where there are fewer than 2 * `shortest` bins, none where there is no bin.
    cost : float
        Twice the negative Poisson log-likelihood at the segments' rates, without what is the same for
        every division, plus the penalty for each division. The least there is ([1]_ leaves nothing out).
    """
    counts = np.asarray(counts, np.int64)
    if counts.size == 0:
        return [], 0.0
    penalty = 2.0 * log(counts.size) if penalty is None else penalty
    below = np.concatenate(([0], np.cumsum(counts)))
    exposed = np.concatenate(([0.0], np.cumsum(np.ones(counts.size) if exposure is None else exposure)))
    last, cost = _last_divisions(below, exposed, exposure is None, penalty, min(shortest, counts.size))
    stops = [counts.size]
    while last[stops[-1]] > 0:
        stops.append(int(last[stops[-1]]))
    edges = [0, *reversed(stops)]
    return [
        Segment(start, stop, float((below[stop] - below[start]) / (exposed[stop] - exposed[start])))
        for start, stop in pairwise(edges)
    ], float(cost)


@njit(cache=True, nogil=True, error_model="numpy")
def _last_divisions(below, exposed, is_even, penalty, shortest):
    """For each number of bins: where the last segment of the best division begins; and the cost of the whole.

    A start is dropped once a division here would cost no more, but only from `shortest` bins further on: until
    then no segment can begin here. Now and then is often enough for that.
    """
    n, period = below.size - 1, max(16, shortest)
    # Two tables, since logarithms would take most of the time.
    count_logs, length_logs = np.arange(below[n] + 1.0), np.log(np.arange(n + 1.0))
    count_logs[1:] *= np.log(count_logs[1:])
    cost = np.full(n + 1, np.inf)
    cost[0] = -penalty
    last = np.zeros(n + 1, np.int64)
    starts, counts, costs = np.empty(n + 1, np.int64), np.empty(n + 1, np.int64), np.empty(n + 1)
    value, is_doomed, m = np.empty(n + 1), np.zeros(n + 1, np.bool_), 0
    for stop in range(shortest, n + 1):
        start = stop - shortest
        starts[m], counts[m], costs[m], is_doomed[m] = start, below[start], cost[start], False
        m += 1
        for i in range(m):
            count = below[stop] - counts[i]
            log_exposure = length_logs[stop - starts[i]] if is_even else np.log(exposed[stop] - exposed[starts[i]])
            value[i] = costs[i] - 2.0 * (count_logs[count] - count * log_exposure)
        best = np.argmin(value[:m])
        cost[stop], last[stop] = value[best] + penalty, starts[best]
        if stop % period == 0:
            is_doomed[:m] = value[:m] >= cost[stop]
        if stop % period == shortest - 1:
            kept = 0
            for i in range(m):
                if not is_doomed[i]:
                    starts[kept], counts[kept], costs[kept] = starts[i], counts[i], costs[i]
                    kept += 1
            is_doomed[:m] = False
            m = kept
    return last, cost[n]

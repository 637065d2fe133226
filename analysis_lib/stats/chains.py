"""How many chains of three steps, each soon after the one before, and how many if chance had dealt the members out.

References
----------
.. [1] Kleinberg & Tardos (2006), Algorithm Design, sec. 4.1 (taking the earliest end first gives the most intervals that don't overlap).
.. [2] Phipson & Smyth (2010), Stat. Appl. Genet. Mol. Biol. 9(1), art. 39 (permutation p-values are never 0).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

STEPS = 3
NEVER = np.iinfo(np.int64).min // 2  # so long ago that no gap reaches back to it
NOWHERE = -1
TIE = 1e-9  # rounding, relative, between two sums of squares

compiled = njit(cache=True, nogil=True)


@dataclass(frozen=True, slots=True)
class Steps:
    """Events in order of time, of equal times the earlier step first: when, which step (0, 1, 2), whose, and dealt out among which.

    Members of the events of one `stratum` may change places; a stratum holds events of one step alone.
    """

    at: NDArray
    step: NDArray
    member: NDArray
    stratum: NDArray


def in_order(at: NDArray, step: NDArray, member: NDArray, stratum: NDArray) -> Steps:
    """Put events in order and number members and strata from 0.

    Parameters
    ----------
    at : array of int
        Any unit, the same as that of the gap.
    step : array of int
        0, 1 or 2.
    member, stratum : array
        Anything that can be sorted; strata of different steps are kept apart.
    """
    step = np.asarray(step, np.int64)
    order = np.lexsort((step, np.asarray(at, np.int64)))
    members = np.unique(member, return_inverse=True)[1].astype(np.int64)
    strata = np.unique(np.unique(stratum, return_inverse=True)[1] * STEPS + step, return_inverse=True)[1].astype(np.int64)
    return Steps(np.asarray(at, np.int64)[order], step[order], members[order], strata[order])


@dataclass(frozen=True, slots=True)
class Dealings:
    """Chains in each of many dealings, and the sum of their squared gaps: the smaller, the closer the steps follow each other."""

    counts: NDArray
    squares: NDArray

    def pvalue(self, count: int, square: float) -> float:
        """Give the share of dealings with more chains, or with as many as close, the observed one among them [2]_."""
        extreme = (self.counts > count) | ((self.counts == count) & (self.squares <= square * (1 + TIE)))
        return float((1 + np.count_nonzero(extreme)) / (1 + self.counts.size))


@compiled
def _find(at, step, member, gap, first, second, chains):
    """Write the chains found, as places of their three events, and give their number.

    `first` and `second` are scratch: the place of each member's last first step, and of the first and second
    step of what may still become a chain.
    """
    first[:] = NOWHERE
    second[:] = NOWHERE
    found = 0
    for i in range(at.size):
        m = member[i]
        if step[i] == 0:
            first[m] = i
        elif step[i] == 1:
            if first[m] != NOWHERE and at[i] - at[first[m]] <= gap:
                second[m, 0], second[m, 1] = first[m], i
        elif second[m, 1] != NOWHERE and at[i] - at[second[m, 1]] <= gap:
            chains[found, 0], chains[found, 1], chains[found, 2] = second[m, 0], second[m, 1], i
            found += 1
            first[m] = NOWHERE
            second[m] = NOWHERE
    return found


@compiled
def _squares(at, chains, n):
    """Sum of the squared gaps of the first n chains."""
    total = 0.0
    for c in range(n):
        for step in range(STEPS - 1):
            gap = float(at[chains[c, step + 1]] - at[chains[c, step]])
            total += gap * gap
    return total


def squared_gaps(steps: Steps, found: NDArray) -> float:
    """Add up the squared gaps of chains, in the square of the unit of ``at``.

    Their plain sum would tell nothing where all first and last steps are used: it is then the same for every dealing.
    """
    return float(_squares(steps.at, found, found.shape[0]))


def _scratch(n_members: int, n_events: int) -> tuple[NDArray, NDArray, NDArray]:
    return np.empty(n_members, np.int64), np.empty((n_members, 2), np.int64), np.empty((n_events, STEPS), np.int64)


def chains(steps: Steps, gap: int) -> NDArray:
    """Find as many chains as there are of which no two overlap in time, the earliest end taken first [1]_.

    The latest first step before a second one is the best for the gap, and so is the latest second step before
    a third; so one pass in order of time finds them.

    Parameters
    ----------
    steps : Steps
    gap : int
        Most that may lie between a step and the next, in the unit of ``at``; that much included.

    Returns
    -------
    array of int (chains, 3)
        Places in `steps` of the three events of each chain, in the order of their last ones.
    """
    first, second, out = _scratch(int(steps.member.max(initial=-1)) + 1, steps.at.size)
    return out[: _find(steps.at, steps.step, steps.member, gap, first, second, out)]


@compiled
def _deal(at, step, gap, places, starts, holders, holder_starts, scratch, counts, squares, rng):
    """Fill in chains and their squared gaps for each dealing.

    `places` lists events by stratum, `starts` where each stratum begins; `holders` are the members to be placed in
    each stratum. Only they are: each gets an event of its own at random (a shuffle broken off early).
    """
    first, second, out = scratch
    chosen, member = np.empty(holders.size, np.int64), np.empty(holders.size, np.int64)
    for k in range(counts.size):
        for s in range(starts.size - 1):
            for i in range(holder_starts[s + 1] - holder_starts[s]):
                a = starts[s] + i
                b = a + int(rng.random() * (starts[s + 1] - a))
                places[a], places[b] = places[b], places[a]
                chosen[holder_starts[s] + i] = places[a]
        order = np.argsort(chosen)
        for i in range(order.size):
            member[i] = holders[order[i]]
        placed = chosen[order]
        when = at[placed]
        counts[k] = _find(when, step[placed], member, gap, first, second, out)
        squares[k] = _squares(when, out, counts[k])


def within_reach(steps: Steps, gap: int) -> Steps:
    """Leave out strata of which no event can be part of a chain at any dealing, going by times alone."""

    def last(step: int, kept: NDArray) -> NDArray:
        """Give the time of the last kept event of a step at or before each event."""
        return np.asarray(np.maximum.accumulate(np.where(kept & (steps.step == step), steps.at, NEVER)))

    def following(step: int, kept: NDArray) -> NDArray:
        times = np.where(kept & (steps.step == step), steps.at, -NEVER)
        return np.asarray(np.minimum.accumulate(times[::-1])[::-1])

    everything = np.ones(steps.at.size, bool)
    second = (steps.step == 1) & (steps.at - last(0, everything) <= gap) & (following(2, everything) - steps.at <= gap)
    first = (steps.step == 0) & (following(1, second) - steps.at <= gap)
    third = (steps.step == 2) & (steps.at - last(1, second) <= gap)
    reached = np.bincount(steps.stratum, weights=first | second | third) > 0
    keep = reached[steps.stratum]
    return Steps(*(column[keep] for column in (steps.at, steps.step, steps.member, steps.stratum)))


def dealings(steps: Steps, gap: int, *, n_resamples: int, rng: np.random.Generator) -> Dealings:
    """Count chains after members were dealt out again at random among the events of each stratum.

    Members without an event of every step can end no chain, so it does not matter which event they get.
    """
    near = within_reach(steps, gap)
    counts, squares = np.zeros(n_resamples, np.int64), np.zeros(n_resamples)
    own = [np.unique(near.member[near.step == step]) for step in range(STEPS)]
    able = np.intersect1d(np.intersect1d(own[0], own[1]), own[2])
    if able.size:
        stratum = np.unique(near.stratum, return_inverse=True)[1]
        places = np.argsort(stratum, kind="stable")
        held = places[np.isin(near.member[places], able)]
        holders = np.searchsorted(able, near.member[held]).astype(np.int64)
        n = int(stratum.max()) + 1
        starts, holder_starts = (
            np.concatenate([[0], np.cumsum(np.bincount(s, minlength=n))]).astype(np.int64) for s in (stratum, stratum[held])
        )
        scratch = _scratch(able.size, holders.size)
        _deal(near.at, near.step, gap, places, starts, holders, holder_starts, scratch, counts, squares, rng)
    return Dealings(counts, squares)

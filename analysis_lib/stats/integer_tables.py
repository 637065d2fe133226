"""Every table of whole ballots that fits published totals and rounded shares: no model, no sampling, just counting."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class TableSet:
    """Arrays of equal length, one entry per table that fits: ballots yes/no in channels a and b, and in all other channels."""

    a_yes: NDArray
    a_no: NDArray
    b_yes: NDArray
    b_no: NDArray
    other_yes: NDArray
    other_no: NDArray

    @property
    def size(self) -> int:
        return self.a_yes.size


def rounding_interval(share: float, decimals: int) -> tuple[Fraction, Fraction]:
    """Give the closed range of true shares that a published percentage with `decimals` decimals may stand for.

    Half a unit of the last place either way, both ends included: papers round halves up, down and to even.
    """
    published, half = Fraction(round(share * 10 ** (decimals + 2)), 10 ** (decimals + 2)), Fraction(1, 2 * 10 ** (decimals + 2))
    return max(Fraction(0), published - half), min(Fraction(1), published + half)


def fitting_tables(
    yes: int, no: int, share_a: tuple[Fraction, Fraction], share_b: tuple[Fraction, Fraction], max_other: int
) -> TableSet:
    """List all tables with the given totals, shares of yes within the given ranges in channels a and b, and few other ballots.

    Parameters
    ----------
    yes, no : int
        Ballots for the candidate, and for all others, over all channels.
    share_a, share_b : pair of Fraction
        Closed range of the candidate's share in each channel.
    max_other : int
        At most this many ballots came through channels without a published share; 0 if there were none.
    """
    total = yes + no
    sizes = range(1, total)
    a = _channel(sizes, share_a)
    b = _channel(sizes, share_b)
    b_by_size = {int(n): b[b[:, 0] == n] for n in np.unique(b[:, 0])}
    rows = []
    for n, a_yes in a:
        a_no = n - a_yes
        if a_yes > yes or a_no > no:
            continue
        for size in range(max(1, total - n - max_other), total - n + 1):
            cells = b_by_size.get(size)
            if cells is None:
                continue
            other_yes, other_no = yes - a_yes - cells[:, 1], no - a_no - (size - cells[:, 1])
            fits = (other_yes >= 0) & (other_no >= 0)
            if fits.any():
                k = cells[fits, 1]
                own = np.full(k.size, a_yes), np.full(k.size, a_no)
                rows.append(np.column_stack([*own, k, size - k, other_yes[fits], other_no[fits]]))
    table = np.concatenate(rows) if rows else np.empty((0, 6), np.int64)
    return TableSet(*table.T)


def _channel(sizes: range, share: tuple[Fraction, Fraction]) -> NDArray:
    """Pairs (size, yes) of one channel whose share lies in the closed range, in exact integer arithmetic."""
    low, high = share
    pairs = [
        (n, k) for n in sizes for k in range(-(-low.numerator * n // low.denominator), high.numerator * n // high.denominator + 1)
    ]
    return np.array(pairs, np.int64).reshape(-1, 2)

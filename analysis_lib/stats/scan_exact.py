"""Chance that some window of fixed length holds k of N uniform points: exact rationals, and a bound for sizing.

Used to check the simulated nulls and to tell the smallest burst that a roll of this size could show.

References
----------
.. [1] Naus (1966), J. Amer. Statist. Assoc. 61(316), 1191-1199 (determinants for w = 1/L).
.. [2] Wallenstein & Neff (1987), Statist. Med. 6(2), 197-207.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import exp, factorial, prod

from scipy.special import bdtr, bdtrc, gammaln, xlog1py, xlogy


def _compositions(total: int, parts: int, largest: int) -> Iterator[tuple[int, ...]]:
    if parts == 1:
        if total <= largest:
            yield (total,)
        return
    for first in range(min(total, largest) + 1):
        for rest in _compositions(total - first, parts - 1, largest):
            yield (first, *rest)


def _determinant(rows: list[list[Fraction]]) -> Fraction:
    rows, sign = [row[:] for row in rows], 1
    for i in range(len(rows)):
        pivot = next((r for r in range(i, len(rows)) if rows[r][i]), None)
        if pivot is None:
            return Fraction(0)
        if pivot != i:
            rows[i], rows[pivot], sign = rows[pivot], rows[i], -sign
        for r in range(i + 1, len(rows)):
            factor = rows[r][i] / rows[i][i]
            rows[r] = [a - factor * b for a, b in zip(rows[r], rows[i], strict=True)]
    return sign * prod((rows[i][i] for i in range(len(rows))), start=Fraction(1))


def scan_probability(k: int, n: int, parts: int) -> Fraction:
    """Give the exact chance that a window of length 1/`parts` holds at least `k` of `n` uniform points.

    Sums a determinant over every way of putting fewer than k points into each of the L parts [1]_;
    for small n only (the sum has up to k^L terms).
    """
    inverse = [Fraction(1, factorial(m)) for m in range(n + 1)]
    clear = Fraction(0)
    for cells in _compositions(n, parts, k - 1):
        below = [0]
        for cell in cells:
            below.append(below[-1] + cell)
        rows = []
        for i in range(parts):
            row = []
            for j in range(parts):
                size = below[i + 1] - below[j] - (i - j) * k if i >= j else (j - i) * k - (below[j] - below[i + 1])
                row.append(inverse[size] if 0 <= size <= n else Fraction(0))
            rows.append(row)
        clear += _determinant(rows)
    return 1 - clear * factorial(n) / Fraction(parts) ** n


def scan_probability_bound(k: int, n: int, window: float) -> float:
    """Approximate the same chance for any window in (0, 1/2] (Wallenstein-Naus [2]_); exact for k > n/2, else close and above."""
    if k > n:
        return 0.0
    log_pmf = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1) + xlogy(k, window) + xlog1py(n - k, -window)
    upper = bdtrc(k - 1, n, window) if k > 0 else 1.0
    return float((k / window - n - 1) * exp(log_pmf) + 2.0 * upper)


def smallest_burst(n: int, window: float, alpha: float) -> int:
    """Give the fewest events in one window that evenly spread stamps reach with a chance of at most `alpha`."""
    k = max(2, int(n * window))
    while not 0.0 <= scan_probability_bound(k, n, window) <= alpha or bdtr(k - 1, n, window) < 1.0 - alpha:
        k += 1
        if k > n:
            return n + 1
    return k

"""Chance that some window of fixed length holds k points: exact rationals, a bound, and what could be seen at all.

Used to check the simulated nulls, and for the table of what would stand out under an even pace. What one contest
could have shown under its own null is `scan.smallest_seen`.

References
----------
.. [1] Naus (1966), J. Amer. Statist. Assoc. 61(316), 1191-1199 (determinants for w = 1/L).
.. [2] Wallenstein & Neff (1987), Statist. Med. 6(2), 197-207.
.. [3] Naus (1982), J. Amer. Statist. Assoc. 77(377), 177-183 (product formula from Q2 and Q3).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import exp, factorial

from scipy.special import bdtrc, gammaln, pdtr, xlog1py, xlogy


def _compositions(total: int, parts: int, largest: int) -> Iterator[tuple[int, ...]]:
    if parts == 1:
        if total <= largest:
            yield (total,)
        return
    for first in range(min(total, largest) + 1):
        for rest in _compositions(total - first, parts - 1, largest):
            yield (first, *rest)


def _determinant(rows: list[list[int]]) -> int:
    """Bareiss' elimination: every division is exact, so whole numbers stay whole."""
    rows, sign, previous = [row[:] for row in rows], 1, 1
    for i in range(len(rows) - 1):
        pivot = next((r for r in range(i, len(rows)) if rows[r][i]), None)
        if pivot is None:
            return 0
        if pivot != i:
            rows[i], rows[pivot], sign = rows[pivot], rows[i], -sign
        top = rows[i]
        for row in rows[i + 1 :]:
            row[i + 1 :] = [(a * top[i] - row[i] * b) // previous for a, b in zip(row[i + 1 :], top[i + 1 :], strict=True)]
        previous = top[i]
    return sign * rows[-1][-1]


def scan_probability(k: int, n: int, parts: int) -> Fraction:
    """Give the exact chance that a window of length 1/`parts` holds at least `k` of `n` uniform points.

    Sums a determinant over every way of putting fewer than k points into each of the L parts [1]_;
    for small n only (the sum has up to k^L terms).
    """
    scaled = [factorial(n) // factorial(m) for m in range(n + 1)]  # n!/m!, so that the determinants are of whole numbers
    clear = 0
    for cells in _compositions(n, parts, k - 1):
        below = [0]
        for cell in cells:
            below.append(below[-1] + cell)
        rows = []
        for i in range(parts):
            row = []
            for j in range(parts):
                size = below[i + 1] - below[j] + (j - i) * k
                row.append(scaled[size] if 0 <= size <= n else 0)
            rows.append(row)
        clear += _determinant(rows)
    return 1 - Fraction(clear, factorial(n) ** (parts - 1) * parts**n)


def scan_probability_bound(k: int, n: int, window: float) -> float:
    """Approximate the same chance for any window in (0, 1/2] (Wallenstein-Naus [2]_).

    Exact for k > n/2, else close and above; 1 where k is no more than a window holds anyway.
    """
    if k > n:
        return 0.0
    if k <= window * (n + 1):  # the formula's first factor turns negative, and its value falls below the chance
        return 1.0
    log_pmf = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1) + xlogy(k, window) + xlog1py(n - k, -window)
    return min(1.0, float((k / window - n - 1) * exp(log_pmf) + 2.0 * bdtrc(k - 1, n, window)))


def smallest_burst(n: int, window: float, alpha: float) -> int:
    """Give the fewest events, 2 or more, that some window of this length holds with a chance of at most `alpha`.

    For `n` stamps spread evenly at random and a window in (0, 1/2]; by the bound, so never too few.
    n + 1 means that not even all events in one window would be that rare.
    """
    k = max(2, int(n * window))
    while scan_probability_bound(k, n, window) > alpha:
        k += 1
    return k


def poisson_scan_probability(k: int, expected: float, length: float) -> float:
    """Approximate the chance that some window holds at least `k` events of a Poisson process [3]_.

    For when the total isn't fixed. `expected` events in one window, `length` in windows, at least 2. Exact at
    2 and 3 windows; beyond, windows that do not touch are taken for independent given their neighbours.
    """

    def pmf(x: int) -> float:
        return float(exp(xlogy(x, expected) - expected - gammaln(x + 1)))

    def cdf(x: int) -> float:
        return float(pdtr(x, expected)) if x >= 0 else 0.0

    if k <= 1:
        return 1.0 - exp(-expected * length) if k == 1 else 1.0
    psi = expected  # the symbol of the paper, as A1 to A4 are
    clear_2 = cdf(k - 1) ** 2 - (k - 1) * pmf(k) * pmf(k - 2) - (k - 1 - psi) * pmf(k) * cdf(k - 3)
    a_1 = 2 * pmf(k) * cdf(k - 1) * ((k - 1) * cdf(k - 2) - psi * cdf(k - 3))
    a_2 = pmf(k) ** 2 / 2 * ((k - 1) * (k - 2) * cdf(k - 3) - 2 * (k - 2) * psi * cdf(k - 4) + psi**2 * cdf(k - 5))
    a_3 = sum(pmf(2 * k - r) * cdf(r - 1) ** 2 for r in range(1, k))
    a_4 = sum(pmf(2 * k - r) * pmf(r) * ((r - 1) * cdf(r - 2) - psi * cdf(r - 3)) for r in range(2, k))
    clear_3 = cdf(k - 1) ** 3 - a_1 + a_2 + a_3 - a_4
    return 1.0 - clear_2 * (clear_3 / clear_2) ** (length - 2)


def sizing(n: int, length_s: int, window_s: int, alpha: float, rate: float = 1.0) -> int | None:
    """Fewest of `n` events in one window that would stand out at `alpha`, in a stretch where the pace is `rate` times the mean.

    By the bound, so never too few. None where not even all of them would, or where the window is over half of the
    time at that pace (the bound does not hold there).
    """
    window = rate * window_s / length_s
    if n < 2 or window > 0.5:
        return None
    fewest = smallest_burst(n, window, alpha)
    return fewest if fewest <= n else None


def smallest_visible_table(n: int, length_s: int, windows_s: Sequence[int], alpha: float) -> list[dict[str, int | None]]:
    """What `n` events over `length_s` could have shown at all: for each window the fewest that would stand out.

    `ballots` at the mean pace, `at_five_times_the_pace` in the busiest stretch one should think of; None where
    nothing would.
    """
    return [
        {
            "window_s": window_s,
            "ballots": sizing(n, length_s, window_s, alpha),
            "at_five_times_the_pace": sizing(n, length_s, window_s, alpha, rate=5.0),
        }
        for window_s in windows_s
    ]

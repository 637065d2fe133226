"""The exact scan probability and its bound, against Naus, against closed forms, and against points thrown at random."""

from fractions import Fraction
from itertools import permutations
from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import held

from analysis_lib.stats import scan_exact

STEADY = settings(deadline=None, derandomize=True, max_examples=200)
FORTNIGHT_MINUTES = 20160


# 1. Reference numbers


@pytest.mark.parametrize(("k", "n", "parts", "chance"), held.value("R1.chances"))
def test_small_cases_are_naus_fractions(k, n, parts, chance):
    assert scan_exact.scan_probability(k, n, parts) == Fraction(chance)


def test_a_larger_case_agrees_with_naus():
    assert float(scan_exact.scan_probability(5, 12, 8)) == held.number("R2.chance")


def test_the_approximation_agrees_with_wallenstein_and_neff():
    assert scan_exact.scan_probability_bound(5, 12, 1 / 8) == held.number("R3.bound_12")
    assert scan_exact.scan_probability_bound(5, 10, 1 / 5) == held.number("R3.bound_10")


@pytest.mark.parametrize(("n", "plain", "busy"), held.value("sizing.ballots"))
def test_the_sizing_table(n, plain, busy):
    windows = [minutes / FORTNIGHT_MINUTES for minutes in (5, 15, 60)]
    assert [scan_exact.smallest_burst(n, w, 0.001) for w in windows] == plain
    assert [scan_exact.smallest_burst(n, 5 * w, 0.001) for w in windows] == busy


# 2. Another road


def thrown(seed, n, n_contests):
    return np.sort(np.random.default_rng(seed).random((n_contests, n)), axis=1)


def largest_reaches(points, k, window):
    """Does some window hold k points? Only if the k-th after some point is no further than the window."""
    return (points[:, k - 1 :] - points[:, : points.shape[1] - k + 1] <= window).any(axis=1)


@pytest.mark.parametrize("n", range(2, 9))
@pytest.mark.parametrize("parts", [2, 3, 5])
def test_two_points_and_all_points_have_closed_forms(n, parts):
    w = Fraction(1, parts)
    apart = max(Fraction(0), 1 - (n - 1) * w) ** n  # all neighbours further apart than the window
    assert scan_exact.scan_probability(2, n, parts) == 1 - apart
    assert scan_exact.scan_probability(n, n, parts) == n * w ** (n - 1) - (n - 1) * w**n  # the law of the range


@pytest.mark.parametrize(("k", "n", "parts"), [(3, 7, 4), (4, 9, 6), (4, 6, 3), (3, 9, 7)])
def test_points_thrown_at_random_agree_with_the_exact_chance(k, n, parts):
    chance = float(scan_exact.scan_probability(k, n, parts))
    share = largest_reaches(thrown(21, n, 40000), k, 1 / parts).mean()
    assert abs(share - chance) <= 4 * np.sqrt(chance * (1 - chance) / 40000)


def slow_determinant(rows):
    """Leibniz' sum over all permutations."""
    total = 0
    for order in permutations(range(len(rows))):
        inversions = sum(order[i] > order[j] for i in range(len(rows)) for j in range(i + 1, len(rows)))
        total += (-1) ** inversions * prod(rows[i][j] for i, j in enumerate(order))
    return total


@STEADY
@given(
    st.integers(1, 4).flatmap(lambda n: st.lists(st.lists(st.integers(-3, 3), min_size=n, max_size=n), min_size=n, max_size=n))
)
def test_the_determinant_is_the_sum_over_permutations(rows):
    assert scan_exact._determinant(rows) == slow_determinant(rows)


# 3. Properties


@STEADY
@given(st.integers(1, 60), st.integers(1, 60), st.floats(1e-4, 0.5))
def test_the_bound_is_a_probability_that_falls_with_k_and_rises_with_n_and_the_window(k, n, window):
    bound = scan_exact.scan_probability_bound(k, n, window)
    assert 0 <= bound <= 1
    assert scan_exact.scan_probability_bound(k + 1, n, window) <= bound + 1e-12
    assert scan_exact.scan_probability_bound(k, n + 1, window) >= bound - 1e-12
    assert scan_exact.scan_probability_bound(k, n, min(0.5, window * 1.1)) >= bound - 1e-12


@pytest.mark.parametrize("parts", [2, 3, 4, 5])
def test_the_bound_is_never_below_the_chance_and_exact_above_half(parts):
    for n in range(1, 8):
        for k in range(1, n + 2):
            chance, bound = float(scan_exact.scan_probability(k, n, parts)), scan_exact.scan_probability_bound(k, n, 1 / parts)
            assert bound >= chance - 1e-12
            if k > n / 2:
                assert bound == pytest.approx(chance, abs=1e-12)


@STEADY
@given(st.integers(1, 3000), st.floats(1e-5, 0.5), st.sampled_from([0.1, 0.01, 0.001]))
def test_the_smallest_burst_is_the_smallest(n, window, alpha):
    k = scan_exact.smallest_burst(n, window, alpha)
    assert 2 <= k <= n + 1
    assert scan_exact.scan_probability_bound(k, n, window) <= alpha
    if k > 2:
        assert scan_exact.scan_probability_bound(k - 1, n, window) > alpha
    assert scan_exact.smallest_burst(n, window, alpha / 10) >= k
    assert scan_exact.smallest_burst(n + 1, window, alpha) >= k


# 4. False alarms, 5. power


@pytest.mark.parametrize(("n", "window"), [(40, 0.01), (300, 0.003), (25, 0.2)])
def test_even_points_reach_the_smallest_burst_no_more_often_than_alpha(n, window):
    k, points = scan_exact.smallest_burst(n, window, 0.05), thrown(22, n, 4000)
    share, one_less = largest_reaches(points, k, window).mean(), largest_reaches(points, k - 1, window).mean()
    assert share <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 4000)
    assert one_less > 0.05 - 3 * np.sqrt(0.05 * 0.95 / 4000)  # and one fewer would be too common: the size is not idle


# 6. Edges


def test_one_part_no_point_and_more_than_there_are():
    assert scan_exact.scan_probability(3, 5, 1) == 1
    assert scan_exact.scan_probability(1, 4, 3) == 1
    assert scan_exact.scan_probability(1, 0, 3) == 0
    assert scan_exact.scan_probability(6, 5, 3) == 0
    assert scan_exact.scan_probability_bound(6, 5, 0.2) == 0
    assert scan_exact.scan_probability_bound(0, 5, 0.2) == 1
    assert scan_exact.scan_probability_bound(1, 5, 0.2) == 1


def test_too_few_stamps_for_any_burst_give_one_more_than_there_are():
    assert scan_exact.smallest_burst(1, 0.01, 0.05) == 2
    assert scan_exact.smallest_burst(2, 0.4, 0.05) == 3
    assert scan_exact.smallest_burst(5, 0.5, 1e-6) == 6

"""The exact scan probability and its bound, against Naus, against closed forms, and against points thrown at random."""

from fractions import Fraction
from itertools import permutations
from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import held
from scipy.stats import poisson

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


@pytest.mark.parametrize(("n", "plain", "busy"), held.value("sizing.ballots"))
def test_the_table_beside_a_quiet_finding(n, plain, busy):
    table = scan_exact.smallest_visible_table(n, FORTNIGHT_MINUTES * 60, (300, 900, 3600), 0.001)
    assert [row["window_s"] for row in table] == [300, 900, 3600]
    assert [row["ballots"] for row in table] == plain
    assert [row["at_five_times_the_pace"] for row in table] == busy


@pytest.mark.parametrize(("k", "expected", "length", "chance", "simulated"), held.value("R4.chances"))
def test_the_product_formula_agrees_with_naus_and_with_simulation(k, expected, length, chance, simulated):
    assert scan_exact.poisson_scan_probability(k, expected, length) == pytest.approx(chance, abs=1e-10)
    assert chance == pytest.approx(simulated, abs=0.002)


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


@pytest.mark.parametrize(("k", "expected"), [(2, 0.7), (3, 1.0), (4, 2.5)])
@pytest.mark.parametrize("length", [2, 3])
def test_two_and_three_windows_are_exact_over_every_total(k, expected, length):
    # Given their number, events of a Poisson process are uniform, and Naus's fractions tell the rest. Of many, some
    # window surely holds k: from length * (k - 1) + 1 on some whole part does.
    totals = range(k, length * (k - 1) + 1)
    given_total = {n: float(scan_exact.scan_probability(k, n, length)) for n in totals}
    chance = sum(poisson.pmf(n, expected * length) * p for n, p in given_total.items())
    chance += poisson.sf(length * (k - 1), expected * length)
    assert scan_exact.poisson_scan_probability(k, expected, length) == pytest.approx(chance, rel=1e-10)


@STEADY
@given(st.integers(1, 30), st.floats(0.05, 10), st.integers(2, 400))
def test_more_events_are_rarer_and_more_windows_hold_them_more_often(k, expected, length):
    chance = scan_exact.poisson_scan_probability(k, expected, length)
    assert -1e-9 <= chance <= 1 + 1e-9
    assert scan_exact.poisson_scan_probability(k + 1, expected, length) <= chance + 1e-9
    assert scan_exact.poisson_scan_probability(k, expected, length + 1) >= chance - 1e-9


# 6. Edges


def test_nothing_to_be_seen_is_said_as_none():
    assert scan_exact.sizing(1, 86400, 300, 0.001) is None
    assert scan_exact.sizing(2, 86400, 3600, 0.001) is None
    assert scan_exact.sizing(500, 86400, 14400, 0.001, rate=5.0) is None  # at that pace the window is most of the time
    (row,) = scan_exact.smallest_visible_table(2, 86400, (3600,), 0.001)
    assert row == {"window_s": 3600, "ballots": None, "at_five_times_the_pace": None}


@STEADY
@given(st.integers(2, 2000), st.sampled_from([300, 900, 3600]), st.floats(1, 20))
def test_a_faster_pace_never_needs_fewer(n, window_s, rate):
    mean, busy = (scan_exact.sizing(n, 14 * 86400, window_s, 0.001, rate=r) for r in (1.0, rate))
    assert busy is None or busy >= mean


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

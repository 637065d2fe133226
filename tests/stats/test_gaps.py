"""Even gaps: published figures, the volume by hand and by simulation, and the smallest of many stretches."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import held
from scipy.stats import gamma
from tiny_package import STEADY

from analysis_lib.stats import gaps

KEYED = held.column("gaps_operator25.csv", "gap_s")


def test_the_gaps_of_one_person_keying_codes():
    assert KEYED.mean() == held.number("R16.mean")
    assert gaps.gap_cv(KEYED) == held.number("R16.cv")
    assert gaps.greenwood(KEYED) == held.number("R16.greenwood")
    assert gaps.gamma_shape(KEYED, 0.95)[0] == held.number("R16.shape")
    # No draw of a million came as low, and the exact chance says why.
    assert gaps.greenwood(KEYED) < held.value("R16.least_greenwood")
    assert np.exp(gaps.log_tail(gaps.gap_cv(KEYED), 25)) < 1e-12


def test_two_and_three_gaps_by_hand():
    # Two gaps x, 1 - x: sd/mean = |2x - 1| sqrt 2, so P(CV <= c) = c / sqrt 2. Three: a circle of area pi rho^2 in a triangle
    # of area sqrt(3)/2, with rho^2 = 2 c^2 / 9.
    assert np.exp(gaps.log_tail(0.4, 2)) == pytest.approx(0.4 / np.sqrt(2), rel=1e-12)
    assert np.exp(gaps.log_tail(0.3, 3)) == pytest.approx(np.pi * 2 * 0.09 / 9 / (np.sqrt(3) / 2), rel=1e-12)


@pytest.mark.parametrize(("n", "cv"), [(4, 0.4), (8, 0.3535), (8, 0.6)])
def test_the_tail_is_exact_for_small_spreads_and_never_below_the_truth(n, cv):
    draws = np.random.default_rng(4).standard_exponential((400_000, n))
    share = np.mean(draws.std(axis=1, ddof=1) / draws.mean(axis=1) <= cv)
    error = 4 * np.sqrt(share / 400_000)
    tail = np.exp(gaps.log_tail(cv, n))
    assert tail > share - error
    if cv <= 1 / np.sqrt(n):
        assert tail == pytest.approx(share, abs=error)


@pytest.mark.parametrize(("n", "quantile"), held.value("R16.cv_quantiles"))
def test_the_null_keeps_the_quantiles_of_even_spacings(n, quantile):
    null = gaps.stretch_null([n], [1_000_000], 1, n_resamples=40_000, rng=np.random.default_rng(5))
    assert np.mean(null <= gaps.log_tail(quantile, n)) == pytest.approx(0.01, abs=4 * np.sqrt(0.01 / 40_000) + 0.0005)


def slow_null(n, total, resolution, n_draws, rng):
    """Uniform instants between the true ends, cut down, sorted, gap by gap."""
    found = []
    for _ in range(n_draws):
        first, last = rng.uniform(0, resolution), total + rng.uniform(0, resolution)
        inner = np.sort(rng.uniform(first, last, n - 1)) // resolution * resolution
        stamps = [0.0, *inner, float(total)]
        found.append(gaps.log_tail(gaps.gap_cv(np.diff(stamps)), n))
    return np.array(found)


@pytest.mark.parametrize(("n", "total", "resolution"), [(8, 30, 1), (9, 600, 60), (12, 40_000, 1)])
def test_the_null_by_a_slow_road_on_stamps_cut_down(n, total, resolution):
    fast = gaps.stretch_null([n], [total], resolution, n_resamples=20_000, rng=np.random.default_rng(6))
    slow = slow_null(n, total, resolution, 4_000, np.random.default_rng(7))
    for level in (0.02, 0.1, 0.5):
        cut = np.quantile(fast, level)
        # <= at the same cut on both sides: stamps cut down make many draws alike
        assert np.mean(slow <= cut + 1e-9) == pytest.approx(np.mean(fast <= cut + 1e-9), abs=4 * np.sqrt(0.25 / 4_000))


def test_the_smallest_of_independent_stretches():
    rng = np.random.default_rng(8)
    one = gaps.stretch_null([10], [50_000], 1, n_resamples=50_000, rng=rng)
    five = gaps.stretch_null([10] * 5, [50_000] * 5, 1, n_resamples=20_000, rng=rng)
    cut = np.quantile(one, 0.02)
    assert np.mean(five <= cut) == pytest.approx(1 - 0.98**5, abs=4 * np.sqrt(0.09 / 20_000) + 0.004)


@STEADY
@given(st.lists(st.integers(1, 5000), min_size=3, max_size=30).filter(lambda x: len(set(x)) > 1), st.integers(2, 50))
def test_neither_order_nor_unit_changes_evenness(values, factor):
    assert gaps.gap_cv(values) == pytest.approx(gaps.gap_cv(sorted(values)), rel=1e-9)
    scaled = [factor * value for value in values]
    assert gaps.gap_cv(values) == pytest.approx(gaps.gap_cv(scaled), rel=1e-9)
    assert gaps.gamma_shape(values, 0.95) == pytest.approx(gaps.gamma_shape(scaled, 0.95), rel=1e-5)
    n, cv = len(values), gaps.gap_cv(values)
    assert gaps.greenwood(values) == pytest.approx((1 + cv**2 * (n - 1) / n) / n, rel=1e-9)


def test_the_shape_agrees_with_scipy_and_its_interval_covers():
    rng = np.random.default_rng(9)
    draws = rng.gamma(3.0, 20.0, (300, 30))
    fitted = [gaps.gamma_shape(row, 0.95) for row in draws]
    assert fitted[0][0] == pytest.approx(gamma.fit(draws[0], floc=0)[0], rel=1e-4)
    covered = np.mean([low <= 3.0 <= high for _, low, high in fitted])
    assert covered == pytest.approx(0.95, abs=0.04)


def test_equal_gaps_are_no_more_even_than_the_unit_can_show():
    shape, low, high = gaps.gamma_shape([40] * 10, 0.95, resolution=1)
    assert 1_000 < low < shape < high < np.inf
    assert gaps.gamma_shape([0, 0, 3, 400], 0.95, resolution=1)[0] < 1

"""A count beside what other units or earlier counts show: R's numbers, scipy's beta-binomial, and false alarms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import held
from scipy.special import expit, logit
from scipy.stats import betabinom, dirichlet_multinomial, nbinom, poisson
from tiny_package import STEADY

from analysis_lib.stats.predictive_counts import SHAPES, SPREADS, BetaBinomials, from_repeats, from_units

NO_SPREAD = 1e14  # a beta so narrow that the beta-binomial is binomial to 12 digits


def one(a, b):
    return BetaBinomials(np.array([float(a)]), np.array([float(b)]), np.ones(1))


# 1. Published numbers


def test_without_spread_the_tail_is_the_conditional_binomial_of_r():
    assert 2 * one(NO_SPREAD, NO_SPREAD).upper_tails(95)[64] == held.number("R36b.equal_exposure")
    chances = one(0.1 * NO_SPREAD, 0.9 * NO_SPREAD).chances(374)
    assert chances[chances <= chances[64] * (1 + 1e-7)].sum() == held.number("R36b.one_to_nine")


def test_with_gamma_rates_the_tail_goes_to_the_negative_binomial_and_far_above_poisson():
    # Given the sum of ever more days, one more day is negative binomial with the days' mean; what is left falls with 1 / days.
    assert nbinom.sf(63, 5, 5 / 36) == held.number("R36b.negative_binomial")
    limit = held.value("R36b.negative_binomial")
    gaps = [one(5, 5 * days).upper_tails(31 * days + 64)[64] - limit for days in (1000, 10_000)]
    assert gaps[1] == pytest.approx(gaps[0] / 10, rel=0.05)
    assert abs(gaps[1]) < 2e-5
    assert poisson.sf(63, 31) < 2e-7


# 2. Another road


@pytest.mark.parametrize(
    ("size", "a", "b"),
    [
        (0, 1, 1),
        (1, 2, 3),
        (10, 0.3, 0.4),
        (50, 5, 0.5),
        (50, 0.5, 5),
        (200, 30, 70),
        (257, 2, 90),
        (3000, 0.4, 20),
        (3000, 900, 900),
    ],
)
def test_the_chances_are_scipys(size, a, b):
    assert one(a, b).chances(size) == pytest.approx(betabinom(size, a, b).pmf(np.arange(size + 1)), rel=1e-9)


def test_units_are_weighed_over_the_whole_grid():
    events, sizes, reach = np.array([2, 3, 1, 4, 2, 3, 2]), np.array([50, 60, 40, 55, 45, 50, 62]), 9.5 / 51
    centre = logit((events.sum() + 0.5) / (sizes.sum() + 1))
    weights, tails = [], []
    for mean in expit(np.linspace(centre - 2.25, centre + 2.25, 91)):
        for rho in SPREADS:
            a, b = mean * (1 - rho) / rho, (1 - mean) * (1 - rho) / rho
            weights.append(np.exp(betabinom(sizes, a, b).logpmf(events).sum()) * np.sqrt(rho))
            tails.append(betabinom(50, a, b).sf(8))
    found = from_units(events, sizes, reach)
    assert found.upper_tails(50)[9] == pytest.approx(np.average(tails, weights=weights), rel=1e-6)
    assert found.mean == pytest.approx((found.chances(50) * np.arange(51)).sum() / 50, rel=1e-9)


def test_repeats_are_weighed_by_the_chance_of_how_their_sum_was_shared_out():
    counts = np.array([3, 0, 7, 1, 7])
    weights = [dirichlet_multinomial([a] * 5, 18).pmf(counts) / np.sqrt(a) for a in SHAPES]
    tails = [betabinom(18 + 12, a, 5 * a).sf(11) for a in SHAPES]
    assert from_repeats(counts).upper_tails(30)[12] == pytest.approx(np.average(tails, weights=weights), rel=1e-6)


# 3. Properties


def test_the_grid_reaches_the_rate_that_is_judged():
    near, far = (from_units([1, 1, 1], [5, 5, 5], reach) for reach in (0.3, 0.9999))
    assert (near.a / (near.a + near.b)).max() < 0.8
    assert (far.a / (far.a + far.b)).max() == pytest.approx(0.9999)


@STEADY
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(9, 40)), min_size=3, max_size=9), st.randoms(), st.integers(0, 30))
def test_order_changes_nothing_and_tails_fall(units, random, size):
    shuffled = random.sample(units, len(units))
    tails, others = (from_units(*zip(*listed, strict=True), 0.2).upper_tails(size) for listed in (units, shuffled))
    assert tails == pytest.approx(others, rel=1e-9)
    assert tails[0] == pytest.approx(1.0)
    assert (np.diff(tails) <= 1e-12).all()


def test_the_more_others_differ_the_less_a_high_count_says():
    even = from_units([10] * 20, [100] * 20, 0.3).upper_tails(100)[30]
    uneven = from_units([2, 18] * 10, [100] * 20, 0.3).upper_tails(100)[30]
    assert even < 1e-3 < uneven
    assert from_repeats([8, 8, 8, 8, 8, 8, 8]).upper_tails(76)[20] < from_repeats([0, 16, 8, 1, 15, 8, 8]).upper_tails(76)[20]


# 4. False alarms


@pytest.mark.parametrize(("mean", "rho"), [(0.01, 0.01), (0.05, 0.02), (0.1, 0.001)])
def test_a_clean_unit_stands_out_as_seldom_as_it_should(mean, rho):
    rng, n = np.random.default_rng(3), 400
    seen = []
    for _ in range(n):
        sizes = rng.integers(80, 320, 21)
        events = rng.binomial(sizes, rng.beta(mean * (1 / rho - 1), (1 - mean) * (1 / rho - 1), 21))
        tails = from_units(events[1:], sizes[1:], (events[0] + 0.5) / (sizes[0] + 1)).upper_tails(sizes[0])
        seen.append(tails[events[0]])
    assert np.mean(np.array(seen) <= 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / n)


@pytest.mark.parametrize("shape", [2, 10, 1e4])
def test_a_clean_day_stands_out_as_seldom_as_it_should(shape):
    rng, n = np.random.default_rng(4), 600
    days = rng.poisson(rng.gamma(shape, 8 / shape, (n, 14)))
    seen = [from_repeats(counts[1:]).upper_tails(int(counts.sum()))[counts[0]] for counts in days]
    assert np.mean(np.array(seen) <= 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / n)


# 6. Edges


def test_nothing_anywhere():
    assert from_repeats([0, 0, 0]).upper_tails(0) == pytest.approx([1.0])
    assert from_units([0, 0, 0], [5, 5, 5], 0.5 / 6).upper_tails(5)[1] < 0.5
    assert from_units([5, 5, 5], [5, 5, 5], 0.9).upper_tails(5)[5] > 0.5

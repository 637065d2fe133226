"""Offsets between clocks: ranks from the binomial table, other roads on small data, coverage, steps and drift."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import theilslopes
from tiny_package import STEADY

from analysis_lib.stats.clock_offset import (
    STEP_PRICE,
    _best_partition,
    _median_slope,
    feasible_offset,
    offset_course,
    paired_offset,
    spike_offset,
)

HOUR, DAY = 3600, 86400


@pytest.mark.parametrize(("n", "lower", "upper"), [(6, 1, 6), (10, 2, 9), (20, 6, 15), (50, 18, 33), (100, 40, 61)])
def test_ranks_of_the_median_interval(n, lower, upper):
    # R 4: qbinom(0.025, n, 0.5) is the lower rank, and n + 1 less it the upper one.
    found = paired_offset(np.random.default_rng(1).permutation(n) + 1)
    assert (found.low, found.high, found.n) == (lower, upper, n)


def test_too_few_pairs_bound_nothing():
    assert (paired_offset([]).low, paired_offset([]).high) == (-np.inf, np.inf)
    five = paired_offset([3, 1, 2, 5, 4])
    assert (five.value, five.low, five.high) == (3, -np.inf, np.inf)


def test_the_spread_is_that_of_a_normal_law():
    assert paired_offset(np.random.default_rng(2).normal(7, 3, 20_000)).spread == pytest.approx(3, abs=0.1)


@pytest.mark.parametrize("law", ["normal", "lognormal", "rounded"])
def test_the_median_interval_covers(law):
    rng, n, covered = np.random.default_rng(3), 25, 0
    for _ in range(2000):
        drawn = rng.lognormal(0, 1.5, n) - 1 if law == "lognormal" else rng.normal(0, 2, n)
        found = paired_offset(np.round(drawn) if law == "rounded" else drawn)
        covered += found.low <= 0 <= found.high
    assert covered / 2000 >= 0.95 - 3 * np.sqrt(0.05 * 0.95 / 2000)  # exact 0.957 for 25; more where stamps tie


def test_order_bounds_the_offset_by_hand():
    # Effects come 5, 9 and 3 after their causes, on a clock 60 behind; causes 2 and 7 before their effects.
    low, high = feasible_offset(np.array([5, 9, 3]) - 60, np.array([-2, -7]) - 60)
    assert (low, high) == (-62, -57)
    assert feasible_offset([], []) == (-np.inf, np.inf)
    assert feasible_offset([4], [5]) == (5, 4)  # no one offset keeps both orders


def test_so_many_rows_may_break_the_order():
    values = np.array([7.0, -500.0, 3.0, 4.0, 3.0])
    assert [feasible_offset(values, [], n_spare=k)[1] for k in range(6)] == [*sorted(values), np.inf]
    assert feasible_offset([], -values, n_spare=1)[0] == -3


@STEADY
@given(
    st.integers(-50_000, 50_000), st.lists(st.floats(0, 1e5), min_size=1, max_size=30), st.lists(st.floats(0, 1e5), max_size=30)
)
def test_the_true_offset_is_never_excluded(offset, delays, leads):
    low, high = feasible_offset(np.array(delays) + offset, offset - np.array(leads))
    assert low - 1e-6 <= offset <= high + 1e-6


@pytest.mark.parametrize("price", [0.5, 3.0, 20.0])
def test_the_best_partition_against_all_of_them(price):
    rng = np.random.default_rng(5)
    for _ in range(5):
        values = np.round(rng.normal(0, 1, 8) + np.repeat(rng.normal(0, 3, 2), 4), 1)
        costs = {}
        for k in range(8):
            for cuts in combinations(range(1, 8), k):
                bounds = [0, *cuts, 8]
                parts = [values[a:b] for a, b in pairwise(bounds)]
                costs[tuple(bounds)] = sum(((part - part.mean()) ** 2).sum() for part in parts) + price * k
        bounds, cost = _best_partition(values, price)
        assert cost == pytest.approx(min(costs.values()))
        assert costs[tuple(bounds)] == pytest.approx(cost)


def test_the_slope_is_the_median_of_slopes():
    rng = np.random.default_rng(6)
    times, values = rng.permutation(40).astype(float), rng.standard_t(2, 40)
    assert _median_slope(times, values) == pytest.approx(theilslopes(values, times).slope)
    assert _median_slope(np.ones(3), np.arange(3.0)) == 0.0


@pytest.mark.parametrize("law", ["normal", "t3", "lognormal"])
def test_a_constant_offset_seldom_shows_steps(law):
    rng, changed = np.random.default_rng(7), 0
    for _ in range(200):
        n = 150
        noise = {"normal": rng.normal(0, 5, n), "t3": 5 * rng.standard_t(3, n), "lognormal": rng.lognormal(5, 1, n)}[law]
        found = offset_course(np.arange(n) * 600.0, 40 + noise, floor_s=1)
        largest = max(s.value for s in found.segments) - min(s.value for s in found.segments)
        changed += found.kind == "drift" or largest > HOUR / 2
    assert changed <= 6  # steps of half an hour, which is what a zone or a season would give, never come of noise


def test_a_step_of_an_hour_is_found_where_it_is():
    rng = np.random.default_rng(8)
    times = rng.permutation(300) * 600.0
    found = offset_course(times, np.where(times >= 90_000, 3600, 0) + rng.lognormal(4, 0.8, 300), floor_s=60)
    assert (found.kind, found.slope) == ("steps", 0.0)
    big = [s for s in found.segments if s.value > 3000]
    assert min(s.start for s in big) == pytest.approx(90_000, abs=1200)
    assert sum(s.n for s in found.segments) == 300


def test_a_drift_is_no_staircase():
    rng = np.random.default_rng(9)
    times = np.sort(rng.uniform(0, 14 * DAY, 2000))
    found = offset_course(times, times * 60 / (15 * HOUR) + rng.normal(0, 20, 2000))
    assert found.kind == "drift"
    assert found.slope == pytest.approx(4, abs=0.05)  # a minute in 15 hours is 4 seconds an hour


def test_few_stamps_are_one_stretch():
    assert offset_course([], []).segments == ()
    two = offset_course([5.0, 1.0], [7.0, 9.0])
    assert (two.kind, two.segments[0].start, two.segments[0].end, two.segments[0].value) == ("constant", 1.0, 5.0, 8.0)
    assert STEP_PRICE > 2  # BIC: a step has two parameters, a place and a height


SENDS = np.array([0.4, 3.4, 8.75, 12.4]) * DAY


def activity(rng, *, lift=12.0, fade=2 * HOUR, rate=25, noise=0.0):
    """Events of 14 days with a daily round, and a response to each message that begins within a few minutes."""
    t = rng.uniform(0, 14 * DAY, rng.poisson(rate * 14 * 2))
    hour = t / HOUR % 24
    kept = t[rng.random(t.size) < np.where((hour > 7) & (hour < 23), 0.7, 0.05)]
    if noise:
        level = rng.gamma(1 / noise**2, noise**2, 14 * 24)
        kept = kept[rng.random(kept.size) < np.minimum(level[(kept // HOUR).astype(int)] / 2, 1)]
    responses = [send + rng.exponential(fade, rng.poisson(lift * rate / 24 * fade / HOUR * 2)) for send in SENDS]
    return np.concatenate([kept, *responses])


@pytest.mark.parametrize(("offset", "noise"), [(0, 0.0), (-8 * HOUR, 0.0), (HOUR, 0.6), (5.5 * HOUR, 0.6)])
def test_the_interval_of_the_spikes_covers(offset, noise):
    rng, covered, widths = np.random.default_rng(10), 0, []
    for _ in range(60):
        found = spike_offset(activity(rng, noise=noise) + offset, SENDS)
        covered += found.low <= offset <= found.high
        widths.append(found.high - found.low)
    assert covered >= 57 - 3 * np.sqrt(60 * 0.05 * 0.95)
    assert np.median(widths) < 3 * HOUR


def test_without_spikes_the_interval_is_wide():
    rng = np.random.default_rng(11)
    wide = [spike_offset(rng.uniform(0, 14 * DAY, 300), SENDS) for _ in range(20)]
    assert np.median([found.high - found.low for found in wide]) > 8 * HOUR


def test_spikes_do_not_depend_on_order_or_on_the_day():
    rng = np.random.default_rng(12)
    stamps = activity(rng)
    found = spike_offset(stamps, SENDS)
    assert spike_offset(rng.permutation(stamps), SENDS[::-1]) == found
    assert spike_offset(stamps + 900 * DAY, SENDS + 900 * DAY) == found
    assert spike_offset([], SENDS) is None
    assert spike_offset(stamps, []) is None

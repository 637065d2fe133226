"""Hours of the day: R's numbers, slow definitions, turning the clock, and logs whose actions come in sittings."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import held
from scipy.stats import kstest
from tiny_package import STEADY

from analysis_lib.errors import ParameterError, TooFewObservations
from analysis_lib.stats.circular_hours import kuiper, rayleigh, two_samples, watson

HOURS = st.lists(st.sampled_from([0.0, 0.5, 9.0, 9.25, 12.0, 23.75]) | st.floats(0, 23.99), min_size=1, max_size=30)


def compared(hours, labels, blocks, n_resamples=5_000, seed=1):
    return two_samples(hours, labels, blocks, n_resamples=n_resamples, rng=np.random.default_rng(seed))


# 1. Published numbers


def test_the_hours_of_reference():
    hours = held.column("admin_hours80.csv", "hour_of_day")
    found = rayleigh(hours)
    assert found.length == held.number("R37.length")
    assert found.mean_hour == held.number("R37.mean_hour")
    assert found.pvalue == held.number("R37.rayleigh")
    assert list(kuiper(hours)) == held.number("R37.kuiper")
    assert list(watson(hours)) == held.number("R37.watson")


# 2. Another road


@STEADY
@given(HOURS)
def test_kuiper_and_watson_are_kolmogorovs_and_cramers(hours):
    u = np.array(hours) / 24
    sides = [kstest(u, "uniform", alternative=side).statistic for side in ("greater", "less")]
    assert kuiper(hours)[0] == pytest.approx(sum(sides), abs=1e-12)
    # U2 = n * integral of (F_n - F - mean of it)^2, on a fine grid
    grid = (np.arange(200_000) + 0.5) / 200_000
    gap = np.searchsorted(np.sort(u), grid, side="right") / u.size - grid
    assert watson(hours)[0] == pytest.approx(u.size * gap.var(), abs=2e-4 * u.size)


def slow_u2(first, second, n, m):
    """Watson (1962): the variance of the gap between two samples' shares over all actions, times nm / (n + m)."""
    everyone = [*first, *second]
    gaps = [np.mean([x <= h for x in first]) - np.mean([x <= h for x in second]) for h in everyone]
    return n * m / (n + m) * np.var(gaps)


def test_all_ways_of_labelling_whole_blocks_written_out():
    hours = np.array([9.5, 18, 9.5, 23.5, 12, 12, 0.25, 9.5, 18, 20, 8])  # unsorted, tied
    blocks = np.array(["c", "a", "c", "b", "a", "d", "b", "e", "e", "d", "d"])
    labels = np.isin(blocks, ["a", "d"])
    draws = []
    for chosen in combinations("abcde", 2):
        own = np.isin(blocks, chosen)
        draws.append(slow_u2(hours[own], hours[~own], 5, 6))  # of the samples seen
    found = compared(hours, labels, blocks)
    assert found.is_exact
    assert np.sort(found.null_draws) == pytest.approx(np.sort(draws))
    assert found.statistic == pytest.approx(slow_u2(hours[labels], hours[~labels], 5, 6))
    assert found.pvalue == np.mean(np.array(draws) >= found.statistic - 1e-9)
    drawn = compared(hours, labels, blocks, n_resamples=9)
    assert not drawn.is_exact
    assert set(drawn.null_draws.round(9)) <= set(np.round(draws, 9))


# 3. Properties


@STEADY
@given(HOURS, st.integers(1, 23), st.randoms(use_true_random=False))
def test_turning_the_clock_and_the_order_change_nothing(hours, turn, random):
    turned = [(h + turn) % 24 for h in random.sample(hours, len(hours))]
    first, second = rayleigh(hours), rayleigh(turned)
    assert second.length == pytest.approx(first.length, abs=1e-9)
    assert second.pvalue == pytest.approx(first.pvalue, rel=1e-6)
    assert 0 < first.pvalue <= 1
    if first.length > 1e-6:
        assert np.cos((second.mean_hour - first.mean_hour - turn) * np.pi / 12) == pytest.approx(1, abs=1e-9)
    assert kuiper(turned) == pytest.approx(kuiper(hours), abs=1e-9)
    assert watson(turned) == pytest.approx(watson(hours), abs=1e-9)


@STEADY
@given(
    st.lists(st.tuples(st.sampled_from([0.5, 9.0, 12.0, 23.5]) | st.floats(0, 23.9), st.integers(0, 4)), min_size=5, max_size=25),
    st.floats(0, 24),
)
def test_two_samples_do_not_turn_on_where_the_day_begins_or_on_which_is_labelled(actions, turn):
    hours, blocks = np.array([h for h, _ in actions]).round(3), np.array([b for _, b in actions])
    labels = blocks <= 1
    if labels.all() or not labels.any():
        return
    found = compared(hours, labels, blocks)
    assert compared(hours + round(turn, 3), labels, blocks).statistic == pytest.approx(found.statistic, abs=1e-9)
    other = compared(hours, ~labels, blocks)
    assert (other.statistic, other.pvalue) == (pytest.approx(found.statistic), found.pvalue)
    assert found.statistic >= 0
    assert 0 < found.pvalue <= 1


# 4. False alarms


@pytest.mark.parametrize("n", [4, 10, 80])
def test_even_hours_seldom_lean_to_one_side(n):
    rng, draws = np.random.default_rng(71), 3000
    found = np.array([rayleigh(hours).pvalue for hours in rng.uniform(0, 24, (draws, n))])
    for level in (0.01, 0.05, 0.2):
        assert abs((found <= level).mean() - level) <= 3 * np.sqrt(level * (1 - level) / draws) + 0.003 * (n < 10)


def log(rng, *, sizes=(4.0, 4.0), shift=0.0):
    """Twelve evenings of a labelled period and twenty others: each sitting at an hour of its own, its actions within it."""
    labelled = np.repeat([True, False], [12, 20])
    counts = 1 + rng.poisson(np.where(labelled, *sizes))
    begins = rng.normal(18, 2.5, labelled.size) + shift * labelled
    blocks = np.repeat(np.arange(labelled.size), counts)
    return (begins[blocks] + rng.exponential(0.3, blocks.size)) % 24, labelled[blocks], blocks


@pytest.mark.parametrize("sizes", [(4.0, 4.0), (8.0, 4.0), (2.0, 8.0)])
def test_periods_of_like_hours_seldom_differ_though_actions_come_in_sittings(sizes):
    n = 400
    found, singly = [], []
    for child in np.random.SeedSequence(72).spawn(n):
        rng = np.random.default_rng(child)
        hours, labels, blocks = log(rng, sizes=sizes)
        found.append(two_samples(hours, labels, blocks, n_resamples=199, rng=rng).pvalue)
        singly.append(two_samples(hours, labels, np.arange(hours.size), n_resamples=199, rng=rng).pvalue)
    assert 0.01 <= (np.array(found) <= 0.05).mean() <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / n)
    assert (np.array(singly) <= 0.05).mean() > 0.3  # each action on its own: most periods differ


# 5. Power


def test_another_hour_of_work_is_found():
    n, found = 100, []
    for child in np.random.SeedSequence(73).spawn(n):
        rng = np.random.default_rng(child)
        found.append(two_samples(*log(rng, shift=-6), n_resamples=199, rng=rng).pvalue)
    assert (np.array(found) <= 0.05).mean() > 0.9


# 6. Edges


def test_one_hour_all_hours_and_hours_that_cancel_out():
    alone = rayleigh([13.5])
    assert (alone.mean_hour, alone.length) == (pytest.approx(13.5), pytest.approx(1.0))
    assert alone.pvalue > 0.2
    together = rayleigh([24.0] * 50)
    assert together.mean_hour == pytest.approx(0.0)
    assert 0 < together.pvalue < 1e-19
    spread = rayleigh([0.0, 6.0, 12.0, 18.0])
    assert np.isnan(spread.mean_hour)
    assert spread.pvalue == pytest.approx(1.0)
    assert kuiper([5.0]) == (1.0, pytest.approx(1.395))
    assert watson([5.0])[0] == pytest.approx(1 / 12)


def test_the_same_hours_in_both_samples():
    found = compared([9, 9, 18, 18], [True, False, True, False], [0, 1, 0, 1])
    assert (found.statistic, found.pvalue) == (0.0, 1.0)


# 7. Messages


def test_what_cannot_be_is_refused():
    for statistic in (rayleigh, kuiper, watson):
        with pytest.raises(TooFewObservations, match="No hour of the day"):
            statistic([])
    with pytest.raises(ParameterError, match="1 of 2 hours are missing"):
        rayleigh([1.0, np.nan])
    with pytest.raises(ParameterError, match="1 of 2 blocks hold both labels"):
        compared([1, 2, 3], [True, False, True], [0, 0, 1])
    with pytest.raises(ParameterError, match="3 hours, 2 labels, 3 blocks"):
        compared([1, 2, 3], [True, False], [0, 0, 1])
    with pytest.raises(TooFewObservations, match="the same label"):
        compared([1, 2], [True, True], [0, 1])

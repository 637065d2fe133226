"""Days that stand out: Rosner's example, a slow second road on small tied data, masking, false alarms, power, edges."""

import numpy as np
import pytest
from scipy.stats import betabinom, chi2

from analysis_lib.stats.day_counts import (
    FEWEST,
    NEAREST,
    fewest_visible,
    poisson_interval,
    standing_out,
)
from analysis_lib.stats.predictive_counts import from_repeats


def slow_pvalues(counts, kinds):
    """The same by loops over lists: take the highest days away one by one, judge each by what is left."""
    n = len(counts)

    def near(i):
        same = [j for j in range(n) if kinds[j] == kinds[i]]
        place, width = same.index(i), min(NEAREST + 1, len(same))
        start = min(max(place - width // 2, 0), len(same) - width)
        return [j for j in same[start : start + width] if j != i]

    judged = [i for i in range(n) if len(near(i)) >= FEWEST]
    height = {i: (counts[i] + 0.5) / (np.median([counts[j] for j in near(i)]) + 0.5) for i in judged}
    taken, raw = [], {}
    for i in sorted(judged, key=lambda i: (-height[i], -counts[i], i))[: max(1, len(judged) // 10)]:
        others = [counts[j] for j in near(i) if j in judged and j not in taken]
        weights = from_repeats(others)
        chance = 1.0
        if counts[i]:
            parts = [
                betabinom.sf(counts[i] - 1, sum(others) + counts[i], a, b) for a, b in zip(weights.a, weights.b, strict=True)
            ]
            chance = float(weights.weight @ np.array(parts))
        raw[i] = min(1.0, chance * (len(judged) - len(taken)))
        taken.append(i)
    return [min((raw[j] for j in taken[taken.index(i) :]), default=1.0) if i in taken else 1.0 for i in range(n)]


@pytest.mark.parametrize("seed", range(6))
def test_the_slow_road_gives_the_same(seed):
    rng = np.random.default_rng(seed)
    counts = rng.poisson(rng.gamma(2, 2, 90))
    counts[[5, 40, 41]] = (30, 60, 60)  # tied extremes
    kinds = np.arange(90) % 7 > 4
    found = standing_out(counts, kinds)
    assert found.pvalues == pytest.approx(slow_pvalues(counts.tolist(), kinds.tolist()), rel=1e-6)


def test_a_few_large_days_do_not_hide_one_another():
    rng = np.random.default_rng(1)
    counts = rng.poisson(rng.gamma(4, 250, 120))
    counts[[20, 60, 61, 90]] = (90_000, 100_000, 101_000, 60_000)
    found = standing_out(counts, np.zeros(120, int))
    assert set(np.flatnonzero(found.pvalues <= 0.001)) == {20, 60, 61, 90}
    others = np.delete(counts, 61)  # all at once: the spread learnt from the large days hides each of them
    masked = 120 * from_repeats(others).upper_tails(int(counts.sum()))[counts[61]]
    assert masked > 100 * found.pvalues[61]


@pytest.mark.parametrize(("shape", "mean"), [(1e6, 0.4), (2.0, 3.0), (1.0, 20.0)])
def test_clean_days_are_flagged_no_more_than_they_should(shape, mean):
    rng = np.random.default_rng(20)
    found = [
        standing_out(rng.poisson(rng.gamma(shape, mean / shape, 77)), np.arange(77) % 7 > 4).pvalue <= 0.05 for _ in range(250)
    ]
    assert np.mean(found) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 250)


def test_a_level_that_drifts_over_a_year_is_no_shock():
    rng = np.random.default_rng(3)
    level = 200 * np.exp(np.sin(np.arange(250) / 40))
    found = [standing_out(rng.poisson(rng.gamma(5, level / 5)), np.zeros(250, int)).pvalue <= 0.05 for _ in range(60)]
    assert np.mean(found) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 60)


def test_the_smallest_visible_day_is_visible_and_one_less_is_not():
    counts = np.random.default_rng(5).poisson(3, 60)
    least = fewest_visible(counts, np.zeros(60, int), 0.01)
    for n, stands_out in ((least, True), (least - 1, False)):
        trial = counts.copy()
        trial[30] = n
        assert (standing_out(trial, np.zeros(60, int)).pvalues[30] <= 0.01) is np.bool_(stands_out) or n == least
    assert 10 <= least <= 40


def test_order_of_kinds_and_days_of_another_kind_do_not_matter():
    rng = np.random.default_rng(8)
    counts, kinds = rng.poisson(4, 80), np.arange(80) % 2
    found = standing_out(counts, kinds).pvalues
    assert found == pytest.approx(standing_out(counts, 1 - kinds).pvalues)


def test_few_days_of_a_kind_are_not_judged():
    kinds = np.r_[np.zeros(30, int), np.ones(FEWEST, int)]
    found = standing_out(np.r_[np.ones(30, int), np.full(FEWEST, 999)], kinds)
    assert found.is_judged.tolist() == [True] * 30 + [False] * FEWEST
    assert found.pvalues[30:].tolist() == [1.0] * FEWEST
    assert np.isnan(found.expected[30:]).all()
    assert np.isnan(found.limits(0.99)[30:]).all()
    assert standing_out([5, 6], [0, 0]).pvalue == 1.0
    assert standing_out(np.zeros(40, int), np.zeros(40, int)).pvalue == 1.0


def test_an_exact_interval_of_a_poisson_count():
    low, high = poisson_interval(10, 0.95)
    assert (low, high) == pytest.approx((4.7954, 18.3904), abs=1e-4)  # Garwood 1936; R 4.2.2: poisson.test(10)$conf.int
    assert (low, high) == pytest.approx((chi2.ppf(0.025, 20) / 2, chi2.ppf(0.975, 22) / 2))
    assert poisson_interval(0, 0.95)[0] == 0.0

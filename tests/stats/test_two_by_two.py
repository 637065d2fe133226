"""Exact two-sided p-values of two-by-two tables, against print, R and enumeration, and their size and power in full."""

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import held
from scipy.stats import binom, fisher_exact, hypergeom, nchypergeom_fisher
from scipy.stats.contingency import odds_ratio as conditional_odds_ratio

from analysis_lib.stats import two_by_two
from analysis_lib.stats.two_by_two import central_pvalues, exact_interval, odds_ratio, unconditional_pvalue

STEADY = settings(deadline=None, derandomize=True, max_examples=150)
CELLS = st.tuples(*[st.integers(0, 25)] * 4)


def pvalue(*cells):
    return float(central_pvalues(*cells)[0])


# 1. Published numbers


def test_the_lady_who_tastes_tea():
    assert pvalue(3, 1, 1, 3) == pytest.approx(float(2 * Fraction(held.value("tea.three_right"))))
    assert pvalue(4, 0, 0, 4) == pytest.approx(2 / 70)


def test_the_interval_of_late_ballots_agrees_with_r():
    assert exact_interval(38, 31, 186, 209, 0.95) == held.number("R26.interval")


def test_with_only_the_sizes_fixed_the_groups_are_the_rows():
    late, printed = (38, 31, 186, 209), (7, 8, 12, 3)
    for cells, side, name in ((late, "greater", "boschloo.late"), (printed, "less", "boschloo.printed")):
        found = [
            unconditional_pvalue(cells, kind=kind, alternative=alternative)
            for kind, alternative in (("boschloo", side), ("boschloo", "two-sided"), ("barnard", "two-sided"))
        ]
        assert found == held.number(name)
    right, turned = (unconditional_pvalue(cells, kind="barnard", alternative="two-sided") for cells in (late, (38, 186, 31, 209)))
    assert abs(right - turned) > 0.005  # the wrong way round is another test
    assert unconditional_pvalue((0, 5, 0, 7), kind="boschloo", alternative="greater") == 1.0


# 2. Another road


@pytest.mark.parametrize("cells", [(2, 1, 0, 3), (3, 0, 1, 2), (0, 2, 4, 1), (1, 1, 3, 3)])
def test_the_pvalue_counts_every_way_of_handing_out_the_channel(cells):
    a_yes, a_no, b_yes, b_no = cells
    said_yes = [True, False] * min(a_yes + b_yes, a_no + b_no)  # unsorted
    said_yes += [a_yes + b_yes > a_no + b_no] * (sum(cells) - len(said_yes))
    counts = np.array([sum(said_yes[i] for i in group) for group in combinations(range(sum(cells)), a_yes + a_no)])
    assert pvalue(*cells) == pytest.approx(min(1.0, 2 * min((counts >= a_yes).mean(), (counts <= a_yes).mean())))


@STEADY
@given(CELLS)
def test_the_pvalue_is_twice_the_smaller_tail_of_fishers_test(cells):
    table = [cells[:2], cells[2:]]
    tails = [fisher_exact(table, alternative=side).pvalue for side in ("greater", "less")]
    assert pvalue(*cells) == pytest.approx(min(1.0, 2 * min(tails)), rel=1e-8)


@STEADY
@given(CELLS.filter(lambda c: c[0] + c[1] and c[2] + c[3]), st.sampled_from([0.5, 0.8, 0.95]))
def test_the_interval_is_the_one_that_scipy_finds(cells, confidence_level):
    expected = conditional_odds_ratio(np.reshape(cells, (2, 2))).confidence_interval(confidence_level)
    if cells[0] + cells[2] and cells[1] + cells[3]:  # else scipy gives no number
        assert exact_interval(*cells, confidence_level) == pytest.approx(tuple(expected), rel=1e-6)


@STEADY
@given(CELLS, st.sampled_from([0.5, 0.8, 0.95]))
def test_each_end_of_the_interval_leaves_half_the_rest_in_its_tail(cells, confidence_level):
    a_yes, a_no, b_yes, b_no = cells
    low, high = exact_interval(*cells, confidence_level)
    everyone, size_a, yes = sum(cells), a_yes + a_no, a_yes + b_yes
    if low > 0:
        assert nchypergeom_fisher.sf(a_yes - 1, everyone, size_a, yes, low) == pytest.approx((1 - confidence_level) / 2, rel=1e-5)
    else:
        assert a_yes == max(0, yes - b_yes - b_no)
    if high < np.inf:
        assert nchypergeom_fisher.cdf(a_yes, everyone, size_a, yes, high) == pytest.approx((1 - confidence_level) / 2, rel=1e-5)
    else:
        assert a_yes == min(yes, size_a)


@STEADY
@given(CELLS, st.sampled_from([0.5, 0.8, 0.95]))
def test_the_pvalue_agrees_with_the_interval(cells, confidence_level):
    # The central p-value falls below 1 - level exactly where the interval leaves 1 out.
    low, high = exact_interval(*cells, confidence_level)
    p = pvalue(*cells)
    if abs(p - (1 - confidence_level)) > 1e-6:
        assert (p < 1 - confidence_level) == (low > 1 or high < 1)


@STEADY
@given(CELLS)
def test_the_odds_ratio_is_the_cross_product(cells):
    a_yes, a_no, b_yes, b_no = cells
    found = float(odds_ratio(*cells))
    if a_no * b_yes:
        assert found == float(Fraction(a_yes * b_no, a_no * b_yes))
    else:
        assert np.isnan(found) if a_yes * b_no == 0 else found == np.inf


# 3. Properties


@STEADY
@given(CELLS)
def test_swapping_groups_or_answers_changes_nothing_but_the_side(cells):
    a_yes, a_no, b_yes, b_no = cells
    p = pvalue(*cells)
    assert 0 < p <= 1
    assert pvalue(b_yes, b_no, a_yes, a_no) == pytest.approx(p, rel=1e-9)
    assert pvalue(a_no, a_yes, b_no, b_yes) == pytest.approx(p, rel=1e-9)
    if min(cells) > 0:
        assert odds_ratio(b_yes, b_no, a_yes, a_no) == pytest.approx(1 / odds_ratio(*cells))
        low, high = exact_interval(*cells, 0.95)
        assert 0 <= low < odds_ratio(*cells) < high
        assert exact_interval(b_yes, b_no, a_yes, a_no, 0.95) == pytest.approx((1 / high, 1 / low if low else np.inf))
        narrower = exact_interval(*cells, 0.8)
        assert low < narrower[0] < narrower[1] < high


@STEADY
@given(st.integers(1, 20), st.integers(1, 20), st.data())
def test_a_wider_gap_at_the_same_margins_is_rarer(size_a, size_b, data):
    yes = data.draw(st.integers(1, size_a + size_b))
    low, high = max(0, yes - size_b), min(yes, size_a)
    mode = int(hypergeom(size_a + size_b, yes, size_a).median())
    k = np.arange(mode, high + 1)
    assert (np.diff(central_pvalues(k, size_a - k, yes - k, size_b - yes + k)) <= 1e-12).all()
    k = np.arange(low, mode + 1)
    assert (np.diff(central_pvalues(k, size_a - k, yes - k, size_b - yes + k)) >= -1e-12).all()


def test_many_tables_at_once_are_each_table_alone():
    draw = np.random.default_rng(81)
    n = two_by_two.CHUNK * 2 + 3  # three parts, the last of three tables
    tables = draw.integers(0, 60, (4, n))
    at_once = central_pvalues(*tables)
    assert at_once.shape == (n,)
    for i in (0, two_by_two.CHUNK - 1, two_by_two.CHUNK, 2 * two_by_two.CHUNK, n - 1):
        assert at_once[i] == pytest.approx(pvalue(*tables[:, i]), rel=1e-12)


# 4. False alarms, 5. power: no simulation, every outcome is added up


def rejection_rate(size_a, size_b, share_a, share_b, alpha, upward_only=False):
    a, b = np.meshgrid(np.arange(size_a + 1), np.arange(size_b + 1), indexing="ij")
    chance = binom.pmf(a, size_a, share_a) * binom.pmf(b, size_b, share_b)
    likely = chance > 1e-12  # the rest adds up to less than 1e-6
    a, b, chance = a[likely], b[likely], chance[likely]
    rejected = central_pvalues(a, size_a - a, b, size_b - b) <= alpha
    if upward_only:
        rejected &= a * size_b > b * size_a
    return chance[rejected].sum()


@pytest.mark.parametrize(("size_a", "size_b"), [(12, 12), (40, 25), (5, 80)])
@pytest.mark.parametrize("share", [0.05, 0.3, 0.5])
def test_no_more_false_alarms_than_stated(size_a, size_b, share):
    for alpha in (0.01, 0.05, 0.2):
        assert rejection_rate(size_a, size_b, share, share, alpha) <= alpha


def test_the_pvalue_is_exact_at_each_value_it_can_take_within_its_margins():
    k = np.arange(0, 8)
    p, chance = central_pvalues(k, 7 - k, 9 - k, 4 + k), hypergeom.pmf(k, 20, 9, 7)
    for level in np.unique(p):
        upper_or_lower = chance[p <= level + 1e-12].sum()
        assert upper_or_lower <= level + 1e-12
    assert chance[p <= p[-1] + 1e-12].sum() == pytest.approx(p[-1] / 2 + chance[(p <= p[-1] + 1e-12) & (k < 3)].sum())


@pytest.mark.parametrize("truth", [1.0, 2.5, 0.1])
def test_the_interval_holds_the_truth_at_least_as_often_as_stated(truth):
    k, margins = np.arange(0, 13), (30, 17, 12)  # all, group a, yes
    chance = nchypergeom_fisher.pmf(k, *margins, truth)
    intervals = [exact_interval(a, 17 - a, 12 - a, 1 + a, 0.9) for a in k.tolist()]
    missed_below = sum(p for p, (low, _) in zip(chance, intervals, strict=True) if truth < low)
    missed_above = sum(p for p, (_, high) in zip(chance, intervals, strict=True) if truth > high)
    assert 0 < missed_below <= 0.05
    assert 0 < missed_above <= 0.05


@pytest.mark.parametrize(("late", "on_time", "power"), held.value("late_choice.power"))
def test_power_to_see_fifteen_points_more(late, on_time, power):
    # Central at .10 and upward is Fisher's one-sided test at .05. Printed to two or three digits.
    if late <= 100:  # the largest case takes 360,000 tables
        assert rejection_rate(late, on_time, 0.60, 0.45, 0.10, upward_only=True) == pytest.approx(power, abs=0.006)


@pytest.mark.parametrize(("late", "on_time", "power"), held.value("late_choice.power_25"))
def test_power_to_see_twenty_five_points_more(late, on_time, power):
    if late <= 100:
        assert rejection_rate(late, on_time, 0.70, 0.45, 0.10, upward_only=True) == pytest.approx(power, abs=0.006)


def test_power_to_see_a_gap_as_wide_as_the_printed_one():
    hall, online = (percent / 100 for percent in held.value("ilford.percent"))
    assert rejection_rate(250, 600, hall, online, 0.05) > 0.999


# 6. Edges


def test_an_empty_group_or_answer_says_nothing():
    for cells in ((0, 0, 3, 4), (3, 4, 0, 0), (0, 5, 0, 7), (5, 0, 7, 0), (0, 0, 0, 0)):
        assert pvalue(*cells) == pytest.approx(1.0)
        assert np.isnan(odds_ratio(*cells))
        assert exact_interval(*cells, 0.95) == (0.0, np.inf)


def test_a_group_that_never_says_no_has_an_infinite_odds_ratio():
    assert odds_ratio(5, 0, 3, 4) == np.inf
    assert exact_interval(5, 0, 3, 4, 0.95)[1] == np.inf
    assert odds_ratio(0, 5, 3, 4) == 0.0
    assert exact_interval(0, 5, 3, 4, 0.95)[0] == 0.0


def test_large_counts_keep_their_digits():
    cells = (1500, 1500, 1400, 1600)
    exact = fisher_exact([cells[:2], cells[2:]], alternative="greater").pvalue
    assert pvalue(*cells) == pytest.approx(2 * exact, rel=1e-7)
    many = (30000, 20000, 25000, 25000)  # here the normal approximation holds to three digits
    spread = 1.959964 * np.sqrt(sum(1 / n for n in many))
    assert np.log(exact_interval(*many, 0.95)) == pytest.approx(np.log(1.5) + np.array([-spread, spread]), abs=1e-4)

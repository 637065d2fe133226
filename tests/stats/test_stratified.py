"""Tables in strata: against R and print, enumeration of every outcome, and another distribution of scipy; what must not matter."""

from bisect import bisect_left
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import held
from scipy.stats import binom, fisher_exact, hypergeom, nchypergeom_fisher, norm
from scipy.stats.contingency import odds_ratio
from tiny_package import STEADY

from analysis_lib.stats import stratified
from analysis_lib.stats.stratified import adjusted_difference, approximate_ratio, cochran_mantel_haenszel, common_ratio

BERKELEY = held.value("R24.tables")
COLUMNS = ("late_A", "late_notA", "ontime_A", "ontime_notA")
LATE = np.stack([held.column("late_by_branch.csv", name) for name in COLUMNS], axis=1)
TABLES = st.lists(st.tuples(*[st.integers(0, 9)] * 4), min_size=1, max_size=5)


# 1. Published numbers


def test_admissions_at_berkeley():
    assert cochran_mantel_haenszel(BERKELEY) == held.number("R24.statistic")
    assert cochran_mantel_haenszel(BERKELEY, corrected=True) == held.number("R24.corrected")
    assert stratified.mantel_haenszel_ratio(BERKELEY) == held.number("R24.ratio")
    found = common_ratio(BERKELEY, 0.95)
    assert found.two_sided == held.number("R24.exact_pvalue")
    assert [found.ratio, found.low, found.high] == held.number("R24.conditional")


def test_late_ballots_by_branch():
    assert cochran_mantel_haenszel(LATE) == held.number("R25.statistic")
    found = common_ratio(LATE, 0.95)
    assert found.greater == held.number("R25.one_sided")
    assert found.two_sided == held.number("R25.two_sided")
    assert [found.ratio, found.low, found.high] == held.number("R25.conditional")
    assert common_ratio(LATE.sum(axis=0), 0.95).two_sided == held.number("R25.pooled_two_sided")


def test_one_stratum_is_fishers_test_with_its_exact_interval():
    found = common_ratio([(38, 31, 186, 209)], 0.95)
    assert [found.ratio, found.low, found.high] == held.number("boschloo.late_ratio")


def test_what_an_unmeasured_trait_would_have_to_do():
    assert [stratified.needed_ratio(3.9), stratified.needed_ratio(1.8)] == held.number("evalue.needed")
    assert stratified.needed_ratio(1 / 3.9) == pytest.approx(stratified.needed_ratio(3.9))
    assert stratified.needed_ratio(1.0) == 1.0
    assert stratified.needed_for_odds(4.0, 0.8, 9.0) == (pytest.approx(2 + 2**0.5), 1.0)
    assert stratified.needed_for_odds(0.25, 0.1, 0.5)[1] == pytest.approx(stratified.needed_ratio(2**0.5))
    assert stratified.needed_for_odds(np.inf, 4.0, np.inf) == (np.inf, pytest.approx(2 + 2**0.5))


# 2. Another road


@pytest.mark.parametrize("tables", [[(2, 1, 0, 3), (1, 4, 3, 2)], [(0, 2, 1, 1), (3, 0, 2, 2), (1, 1, 1, 4)]])
def test_the_chances_are_those_of_every_outcome_in_every_stratum(tables):
    seen = sum(table[0] for table in tables)
    ways = []
    for a, b, c, d in tables:
        law = hypergeom(a + b + c + d, a + c, a + b)
        ways.append([(x, law.pmf(x)) for x in range(a + b + 1)])
    outcomes = [(sum(x for x, _ in way), np.prod([p for _, p in way])) for way in product(*ways)]
    chance = {}
    for total, p in outcomes:
        chance[total] = chance.get(total, 0.0) + p
    found = common_ratio(tables, 0.95)
    assert found.greater == pytest.approx(sum(p for x, p in chance.items() if x >= seen))
    assert found.less == pytest.approx(sum(p for x, p in chance.items() if x <= seen))
    assert found.two_sided == pytest.approx(sum(p for p in chance.values() if p <= chance[seen] * (1 + 1e-7)))
    assert found.central == pytest.approx(min(1.0, 2 * min(found.less, found.greater)))
    assert found.mid == pytest.approx(min(1.0, found.central - chance[seen]) if found.central < 1 else found.mid)


@pytest.mark.parametrize("tables", [BERKELEY, LATE.tolist()])
def test_the_ratio_and_its_ends_solve_their_equations(tables):
    """R stops its root search early; these hold to nine digits."""
    found = common_ratio(tables, 0.9)

    def law(a, b, c, d):
        return a + b + c + d, a + b, a + c

    mean = sum(nchypergeom_fisher.mean(*law(*table), found.ratio) for table in tables)
    assert mean == pytest.approx(sum(table[0] for table in tables), rel=1e-9)
    for end, is_low in ((found.low, True), (found.high, False)):
        chance = np.ones(1)
        for table in tables:
            chance = np.convolve(chance, nchypergeom_fisher.pmf(np.arange(table[0] + table[1] + 1), *law(*table), end))
        seen = sum(table[0] for table in tables)
        assert (chance[seen:] if is_low else chance[: seen + 1]).sum() == pytest.approx(0.05, rel=1e-6)


@STEADY
@given(st.tuples(*[st.integers(1, 20)] * 4))
def test_one_stratum_agrees_with_scipy(cells):
    found, table = common_ratio([cells], 0.95), np.reshape(cells, (2, 2))
    assert found.two_sided == pytest.approx(fisher_exact(table).pvalue, rel=1e-6)
    known = odds_ratio(table).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((known.low, known.high), rel=1e-4)


def test_many_ballots_by_approximation():
    many = np.array(BERKELEY) * 5
    exact, close = common_ratio(many, 0.95), approximate_ratio(many, 0.95)
    assert (close.ratio, close.low, close.high) == pytest.approx((exact.ratio, exact.low, exact.high), rel=0.01)
    assert close.central == pytest.approx(cochran_mantel_haenszel(many)[1])
    assert close.greater == pytest.approx(exact.greater, abs=0.003)


def test_differences_of_shares():
    # Newcombe (1998), table II, example (a): 56/70 - 48/80, method 10.
    found = stratified.share_difference(56, 70, 48, 80, 0.95)
    assert found == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)
    value, low, high = adjusted_difference(BERKELEY, 0.95)
    a_yes, a_no, b_yes, b_no = np.array(BERKELEY).T
    a, b = a_yes + a_no, b_yes + b_no
    by_hand = sum(a * b / (a + b) * (a_yes / a - b_yes / b)) / sum(a * b / (a + b))
    assert value == pytest.approx(by_hand)
    assert low < value < high
    z = value / (high - value) * norm.isf(0.025)
    assert z**2 == pytest.approx(cochran_mantel_haenszel(BERKELEY)[0], rel=0.01)


# 3. Properties


@STEADY
@given(TABLES, st.randoms())
def test_order_empty_strata_and_names_of_groups_change_nothing(tables, random):
    found = common_ratio(tables, 0.95)
    mixed = [*tables, (0, 0, 3, 4), (5, 0, 2, 0)]
    random.shuffle(mixed)
    other = common_ratio(mixed, 0.95)
    assert (other.greater, other.two_sided) == pytest.approx((found.greater, found.two_sided))
    turned = common_ratio([(c, d, a, b) for a, b, c, d in tables], 0.95)
    assert (turned.less, turned.greater) == pytest.approx((found.greater, found.less))
    if 0 < found.ratio < np.inf:
        assert turned.ratio == pytest.approx(1 / found.ratio, rel=1e-6)
        assert found.low <= found.ratio <= found.high
    assert found.less + found.greater >= 1 - 1e-12
    assert 0 <= found.mid <= found.central + 1e-12


# 5. Power


def test_a_shift_of_25_points_at_50_of_500_is_found_in_95_of_100():
    """Summed over every outcome, not simulated: 45 % of 450 earlier ballots, 70 % of 50 late ones, one-sided at 0.05."""
    n_late, n_early, base = 50, 450, 0.45
    late, early = np.arange(n_late + 1), np.arange(n_early + 1)
    power = level = 0.0
    for b in early[binom.pmf(early, n_early, base) > 1e-9]:
        # The tail falls with the late ballots for the candidate, so the first count that is found can be halved down to.
        found = bisect_left(late, True, key=lambda a: common_ratio([(a, n_late - a, b, n_early - b)], 0.95).greater <= 0.05)
        power += binom.pmf(b, n_early, base) * binom.sf(found - 1, n_late, base + 0.25)
        level += binom.pmf(b, n_early, base) * binom.sf(found - 1, n_late, base)
    assert power == pytest.approx(0.95074, abs=1e-5)  # by scipy's hypergeometric tails over all 51 x 451 outcomes
    assert round(power, 2) >= 0.95
    assert 0.03 < level <= 0.05


# 6. Edges


def test_where_nothing_can_be_told():
    for tables in ([], [(0, 0, 3, 4)], [(3, 0, 4, 0)]):
        found = common_ratio(tables, 0.95)
        assert (found.central, found.low, found.high) == (1.0, 0.0, np.inf)
        assert np.isnan(found.ratio)
        assert approximate_ratio(tables, 0.95).central == 1.0
        assert cochran_mantel_haenszel(tables) == (0.0, 1.0)
    assert np.isnan(adjusted_difference([(0, 0, 3, 4)], 0.95)[0])
    assert common_ratio([(5, 0, 3, 4)], 0.95).ratio == np.inf
    assert common_ratio([(0, 5, 3, 4)], 0.95).low == 0.0
    assert approximate_ratio([(5, 0, 3, 4)], 0.95).high == np.inf
    assert stratified.wilson_interval(0, 0, 0.95) == (0.0, 1.0)

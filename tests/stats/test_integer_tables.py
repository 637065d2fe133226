"""Tables of whole ballots that fit rounded shares: against four nested loops, and the truth is always among them."""

from decimal import ROUND_HALF_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from reference import held

from analysis_lib.stats.integer_tables import fitting_tables, rounding_interval
from analysis_lib.stats.two_by_two import central_pvalues, odds_ratio

STEADY = settings(deadline=None, derandomize=True, max_examples=100)
ROUNDINGS = (ROUND_HALF_UP, ROUND_HALF_DOWN, ROUND_HALF_EVEN)


def rows(tables):
    return np.column_stack([tables.a_yes, tables.a_no, tables.b_yes, tables.b_no, tables.other_yes, tables.other_no]).tolist()


def published(yes, size, decimals, rounding):
    """The share that a paper prints: a percentage with so many decimals."""
    percentage = (Decimal(100 * yes) / Decimal(size)).quantize(Decimal(1).scaleb(-decimals), rounding)
    return float(percentage / 100)


# 1. and 2. The printed case, counted again by four nested loops


@njit
def nested_loops(yes, no, percent_a, percent_b, most_other):
    """Tables, and the least and most ballots of either channel; a share within half a point counts."""
    found, least_a, most_a, least_b, most_b = 0, yes + no, 0, yes + no, 0
    for a_yes in range(yes + 1):
        for a_no in range(no + 1):
            a = a_yes + a_no
            if a == 0 or abs(200 * a_yes - 2 * percent_a * a) > a:
                continue
            for b_yes in range(yes - a_yes + 1):
                for b_no in range(no - a_no + 1):
                    b = b_yes + b_no
                    if b > 0 and yes + no - a - b <= most_other and abs(200 * b_yes - 2 * percent_b * b) <= b:
                        found += 1
                        least_a, most_a, least_b, most_b = min(least_a, a), max(most_a, a), min(least_b, b), max(most_b, b)
    return found, least_a, most_a, least_b, most_b


def printed_case(most_other):
    shares = [rounding_interval(percent / 100, 0) for percent in held.value("ilford.percent")]
    return fitting_tables(*held.value("ilford.totals"), *shares, most_other)


@pytest.mark.parametrize(("most_other", "n_tables"), held.value("ilford.tables"))
def test_the_printed_case_has_as_many_tables_as_four_nested_loops_find(most_other, n_tables):
    tables = printed_case(most_other)
    a, b = tables.a_yes + tables.a_no, tables.b_yes + tables.b_no
    by_loops = nested_loops(*held.value("ilford.totals"), *held.value("ilford.percent"), most_other)
    assert tables.size == n_tables
    assert (tables.size, a.min(), a.max(), b.min(), b.max()) == by_loops
    assert len({tuple(row) for row in rows(tables)}) == tables.size


def test_the_printed_case_keeps_its_gap_in_every_table():
    tables = printed_case(60)
    ratios = odds_ratio(tables.a_yes, tables.a_no, tables.b_yes, tables.b_no)
    low, high = held.value("ilford.odds_ratio")
    assert round(ratios.min(), 1) == low
    assert round(ratios.max(), 1) == high


def test_the_printed_case_bounds_the_size_of_each_channel():
    tables = printed_case(20)
    hall, online = tables.a_yes + tables.a_no, tables.b_yes + tables.b_no
    assert [hall.min(), hall.max()] == held.value("ilford.hall_with_20")
    assert [online.min(), online.max()] == held.value("ilford.online_with_20")


def slow_tables(yes, no, share_a, share_b, most_other):
    found = []
    for a_yes in range(yes + 1):
        for a_no in range(no + 1):
            for b_yes in range(yes - a_yes + 1):
                for b_no in range(no - a_no + 1):
                    a, b = a_yes + a_no, b_yes + b_no
                    if a and b and yes + no - a - b <= most_other:
                        fits_a = share_a[0] <= Fraction(a_yes, a) <= share_a[1]
                        if fits_a and share_b[0] <= Fraction(b_yes, b) <= share_b[1]:
                            found.append([a_yes, a_no, b_yes, b_no, yes - a_yes - b_yes, no - a_no - b_no])
    return found


@st.composite
def ranges(draw):
    parts = draw(st.integers(1, 12))
    ends = sorted(draw(st.lists(st.integers(0, parts), min_size=2, max_size=2)))
    return Fraction(ends[0], parts), Fraction(ends[1], parts)


@STEADY
@given(st.integers(0, 7), st.integers(0, 7), ranges(), ranges(), st.integers(0, 15))
def test_small_cases_are_those_of_four_nested_loops(yes, no, share_a, share_b, most_other):
    assert sorted(rows(fitting_tables(yes, no, share_a, share_b, most_other))) == sorted(
        slow_tables(yes, no, share_a, share_b, most_other)
    )


# 3. Properties


@STEADY
@given(st.integers(0, 9), st.integers(0, 9), ranges(), ranges(), st.integers(0, 4))
def test_naming_the_channels_or_the_candidates_the_other_way_round(yes, no, share_a, share_b, most_other):
    tables = sorted(rows(fitting_tables(yes, no, share_a, share_b, most_other)))
    channels = [[r[2], r[3], r[0], r[1], r[4], r[5]] for r in rows(fitting_tables(yes, no, share_b, share_a, most_other))]
    assert sorted(channels) == tables
    mirror_a, mirror_b = ((1 - high, 1 - low) for low, high in (share_a, share_b))
    rival = [[r[1], r[0], r[3], r[2], r[5], r[4]] for r in rows(fitting_tables(no, yes, mirror_a, mirror_b, most_other))]
    assert sorted(rival) == tables


@STEADY
@given(st.integers(0, 9), st.integers(0, 9), ranges(), ranges(), st.integers(0, 4))
def test_wider_shares_and_more_other_ballots_only_add_tables(yes, no, share_a, share_b, most_other):
    tables = {tuple(row) for row in rows(fitting_tables(yes, no, share_a, share_b, most_other))}
    wider = (share_a[0] / 2, (1 + share_a[1]) / 2)
    assert tables <= {tuple(row) for row in rows(fitting_tables(yes, no, wider, share_b, most_other))}
    assert tables <= {tuple(row) for row in rows(fitting_tables(yes, no, share_a, share_b, most_other + 1))}
    assert all(min(row) >= 0 and row[4] + row[5] <= most_other for row in tables)


# 4. False alarms and 5. power: the truth is always among the tables, so no table can be stranger than all


@STEADY
@given(
    st.tuples(*[st.integers(0, 40)] * 4).filter(lambda c: c[0] + c[1] and c[2] + c[3]),
    st.tuples(*[st.integers(0, 2)] * 2),
    st.integers(0, 2),
    st.sampled_from(ROUNDINGS),
)
def test_the_true_table_is_found_whichever_way_a_paper_rounds(cells, other, decimals, rounding):
    a_yes, a_no, b_yes, b_no = cells
    shares = [rounding_interval(published(k, k + m, decimals, rounding), decimals) for k, m in ((a_yes, a_no), (b_yes, b_no))]
    tables = fitting_tables(a_yes + b_yes + other[0], a_no + b_no + other[1], *shares, sum(other))
    assert [*cells, *other] in rows(tables)
    largest = central_pvalues(tables.a_yes, tables.a_no, tables.b_yes, tables.b_no).max()
    assert largest >= central_pvalues(*cells)[0] - 1e-12


@STEADY
@given(st.integers(1, 3000), st.data(), st.integers(0, 3), st.sampled_from(ROUNDINGS))
def test_the_interval_holds_the_true_share_and_is_one_unit_wide(size, data, decimals, rounding):
    yes = data.draw(st.integers(0, size))
    share = published(yes, size, decimals, rounding)
    low, high = rounding_interval(share, decimals)
    assert low <= Fraction(yes, size) <= high
    unit = Fraction(1, 100 * 10**decimals)
    assert high - low == (unit if 0 < share < 1 else unit / 2)


# 6. Edges


def test_halves_are_kept_on_both_sides():
    assert rounding_interval(0.57, 0) == (Fraction(565, 1000), Fraction(575, 1000))
    assert rounding_interval(0.575, 1) == (Fraction(5745, 10000), Fraction(5755, 10000))
    assert rounding_interval(0.0, 0) == (0, Fraction(1, 200))
    assert rounding_interval(1.0, 2) == (Fraction(19999, 20000), 1)


def test_shares_that_no_ballots_can_have():
    nobody = (Fraction(0), Fraction(0))
    everybody = (Fraction(1), Fraction(1))
    assert fitting_tables(10, 10, nobody, nobody, 0).size == 0
    assert fitting_tables(10, 10, (Fraction(2, 3), Fraction(1, 3)), everybody, 20).size == 0
    assert rows(fitting_tables(3, 2, everybody, nobody, 0)) == [[3, 0, 0, 2, 0, 0]]


def test_too_few_ballots_for_two_channels():
    anything = (Fraction(0), Fraction(1))
    assert fitting_tables(0, 0, anything, anything, 5).size == 0
    assert fitting_tables(1, 0, anything, anything, 5).size == 0
    assert sorted(rows(fitting_tables(1, 1, anything, anything, 0))) == [[0, 1, 1, 0, 0, 0], [1, 0, 0, 1, 0, 0]]

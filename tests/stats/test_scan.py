"""The scan statistic against SaTScan and R, against counting by hand, and on clean and planted contests."""

from dataclasses import astuple
from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import held, slow_scan
from scipy.stats import poisson

from analysis_lib.stats import scan

STEADY = settings(deadline=None, derandomize=True, max_examples=100)
HOURS = np.arange(337) * 3600.0
LENGTHS = (60, 300, 900, 3600, 14400)


def shares_of_hours():
    shares = held.column("baseline_hourly.csv", "share")
    return shares / shares.sum()  # printed to ten digits, so their sum is 1.0000000002


def rng(seed):
    return np.random.default_rng(seed)


# 1. Reference numbers


def test_counts_with_a_planted_rise_agree_with_satscan():
    counts = held.column("pelt_counts150.csv", "count")
    top = scan.scan_bins(counts, np.full(150, counts.sum() / 150), 30)
    assert astuple(top) == held.window("R5")
    ratio_to_the_rest = (top.count / top.expected) / ((counts.sum() - top.count) / (counts.sum() - top.expected))
    assert ratio_to_the_rest == held.number("R5.relative_risk")
    null = scan.uniform_bins_null(int(counts.sum()), 150, 30, n_resamples=9999, rng=rng(5))
    assert scan.rank_pvalue(top.llr, null) == held.number("R5.pvalue")


def test_counts_with_a_weak_rise_agree_with_satscan():
    counts = held.column("scan_counts_weak150.csv", "count")
    top = scan.scan_bins(counts, np.full(150, counts.sum() / 150), 30)
    assert astuple(top) == held.window("R6")
    null = scan.uniform_bins_null(int(counts.sum()), 150, 30, n_resamples=99999, rng=rng(6))
    assert scan.rank_pvalue(top.llr, null) == held.number("R6.pvalue")


def test_even_events_in_small_bins_agree_with_satscan():
    counts = np.bincount(held.column("events_uniform2000_minutes.csv", "minute") // 5, minlength=4032)
    top = scan.scan_bins(counts, np.full(4032, 2000 / 4032), 48)
    assert astuple(top) == held.window("R7")
    null = scan.uniform_bins_null(2000, 4032, 48, n_resamples=9999, rng=rng(7))
    assert scan.rank_pvalue(top.llr, null) == held.number("R7.pvalue")


def test_planted_ballots_agree_with_r():
    stamps, shares = held.column("events_diurnal.csv", "t_s"), shares_of_hours()
    top = scan.scan_events(stamps, HOURS, shares, LENGTHS)
    assert astuple(top) == held.window("R8")
    null = scan.baseline_null(stamps.size, HOURS, shares, LENGTHS, noise_cv=0.0, resolution=1, n_resamples=39999, rng=rng(8))
    assert np.quantile(null, 0.95) == held.number("R8.q95")
    assert np.quantile(null, 0.99) == held.number("R8.q99")
    assert scan.rank_pvalue(top.llr, null) == (1 + held.value("R8.reached")) / 40000


def test_clean_ballots_agree_with_r():
    stamps, shares = held.column("events_null2000.csv", "t_s"), shares_of_hours()
    top = scan.scan_events(stamps, HOURS, shares, LENGTHS)
    assert astuple(top) == held.window("R9")
    null = scan.baseline_null(stamps.size, HOURS, shares, LENGTHS, noise_cv=0.0, resolution=1, n_resamples=9999, rng=rng(9))
    assert scan.rank_pvalue(top.llr, null) == held.number("R9.pvalue")


# 2. Another road: every window, counted one event at a time


def same(window, other):
    if window is None or other is None:
        return window is other
    return astuple(window) == pytest.approx(other, rel=1e-9, abs=1e-9)


@st.composite
def contests(draw):
    """A few tied stamps in any order, steps of unequal length, shares with zeros, windows up to longer than the contest."""
    widths = draw(st.lists(st.integers(1, 12), min_size=1, max_size=5))
    edges = np.concatenate(([0], np.cumsum(widths))).astype(float)
    weights = np.array(draw(st.lists(st.integers(0, 5), min_size=len(widths), max_size=len(widths)).filter(any)), float)
    stamps = draw(st.lists(st.integers(0, int(edges[-1]) - 1), min_size=1, max_size=12))
    lengths = tuple(draw(st.lists(st.integers(1, 70), min_size=1, max_size=3, unique=True)))
    return np.array(stamps, np.int64), edges, weights / weights.sum(), lengths


@st.composite
def binned(draw):
    counts = draw(st.lists(st.integers(0, 6), min_size=1, max_size=14))
    weights = np.array(draw(st.lists(st.integers(0, 4), min_size=len(counts), max_size=len(counts)).filter(any)), float)
    return np.array(counts, np.int64), weights / weights.sum() * sum(counts), draw(st.integers(1, 20))


@STEADY
@given(contests())
def test_the_largest_window_is_the_one_found_by_hand(contest):
    stamps, edges, shares, lengths = contest
    assert same(
        scan.scan_events(*contest), slow_scan.first_of_the_largest(slow_scan.windows(stamps.tolist(), edges, shares, lengths))
    )


@STEADY
@given(binned())
def test_the_largest_run_of_bins_is_the_one_found_by_hand(case):
    counts, expected, longest = case
    assert same(
        scan.scan_bins(*case), slow_scan.first_of_the_largest(slow_scan.runs(counts.tolist(), expected.tolist(), longest))
    )


@STEADY
@given(contests(), st.sampled_from([1e-6, 0.5, 2.0]))
def test_clusters_are_picked_one_after_another_and_start_with_the_largest(contest, threshold):
    stamps, edges, shares, lengths = contest
    listed = scan.clusters(*contest, threshold)
    by_hand = slow_scan.clusters(slow_scan.windows(stamps.tolist(), edges, shares, lengths), threshold)
    assert len(listed) == len(by_hand)
    assert all(same(window, other) for window, other in zip(listed, by_hand, strict=True))
    if listed:
        top = scan.scan_events(*contest)
        assert (listed[0].start, listed[0].length) == (top.start, top.length)


@STEADY
@given(binned(), st.sampled_from([1e-6, 0.5, 2.0]))
def test_clusters_of_bins_are_picked_one_after_another_and_start_with_the_largest(case, threshold):
    counts, expected, longest = case
    listed = scan.bin_clusters(*case, threshold)
    by_hand = slow_scan.clusters(slow_scan.runs(counts.tolist(), expected.tolist(), longest), threshold)
    assert len(listed) == len(by_hand)
    assert all(same(window, other) for window, other in zip(listed, by_hand, strict=True))
    if listed:
        top = scan.scan_bins(*case)
        assert (listed[0].start, listed[0].length) == (top.start, top.length)


# 3. Properties


@STEADY
@given(contests(), st.integers(2, 9), st.randoms(use_true_random=False))
def test_row_order_the_unit_of_time_and_an_empty_step_do_not_matter(contest, unit, random):
    stamps, edges, shares, lengths = contest
    top = scan.scan_events(*contest)
    shuffled = np.array(random.sample(stamps.tolist(), stamps.size))
    assert scan.scan_events(shuffled, edges, shares, lengths) == top
    assert scan.clusters(shuffled, edges, shares, lengths, 0.1) == scan.clusters(*contest, 0.1)
    longer = scan.scan_events(stamps, np.append(edges, edges[-1] + 7), np.append(shares, 0.0), lengths)
    assert longer == top
    in_units = scan.scan_events(stamps * unit, edges * unit, shares, tuple(length * unit for length in lengths))
    if top is None:
        assert in_units is None
    else:
        assert same(in_units, (top.start * unit, top.length * unit, top.count, top.expected, top.llr))


@STEADY
@given(binned())
def test_running_time_backwards_leaves_the_largest_ratio(case):
    counts, expected, longest = case
    forth, back = scan.scan_bins(*case), scan.scan_bins(counts[::-1].copy(), expected[::-1].copy(), longest)
    assert (forth is None) == (back is None)
    if forth is not None:
        assert forth.llr == pytest.approx(back.llr, rel=1e-9)


@STEADY
@given(contests())
def test_one_more_window_length_never_lowers_the_maximum(contest):
    stamps, edges, shares, lengths = contest
    few, more = scan.scan_events(*contest), scan.scan_events(stamps, edges, shares, (*lengths, 5))
    if few is not None:
        assert more.llr >= few.llr - 1e-9


# 6. Edges


def test_one_event_and_no_event_make_no_window():
    edges, shares = np.array([0.0, 100.0]), np.array([1.0])
    for stamps in (np.array([5]), np.array([], np.int64)):
        assert scan.scan_events(stamps, edges, shares, (10,)) is None
        assert scan.clusters(stamps, edges, shares, (10,), 0.0) == []


def test_all_events_at_one_stamp_are_one_window():
    top = scan.scan_events(np.full(8, 50), np.array([0.0, 100.0]), np.array([1.0]), (10, 20))
    assert (top.start, top.length, top.count) == (50, 10, 8)
    assert top.expected == pytest.approx(0.8)
    assert top.llr == pytest.approx(8 * log(10))  # no term for the rest: nothing is left outside


def test_a_window_covers_its_first_second_and_not_the_one_after_its_last():
    edges, shares = np.array([0.0, 1000.0]), np.array([1.0])
    assert scan.scan_events(np.array([100, 109, 900]), edges, shares, (10,)).count == 2
    assert scan.scan_events(np.array([100, 110, 900]), edges, shares, (10,)) is None


def test_a_window_longer_than_the_contest_is_no_burst():
    assert scan.scan_events(np.array([0, 3, 7]), np.array([0.0, 10.0]), np.array([1.0]), (500,)) is None


def test_a_long_window_with_everything_in_it_is_not_passed_over_for_a_shorter_one():
    stamps, edges, shares = np.array([59, *range(9)]), np.array([0.0, 100.0]), np.array([1.0])
    top = scan.scan_events(stamps, edges, shares, (45, 60))  # 9 of 10 in 45 %: 4.53; 10 of 10 in 60 %: 5.11
    assert (top.length, top.count) == (60, 10)
    counts = np.array([0, 9, 1, 0])
    run = scan.scan_bins(counts, np.array([2.0, 4.5, 1.5, 2.0]), 4)
    assert (run.start, run.length, run.count) == (1, 2, 10)


def test_events_where_the_baseline_expects_none_have_no_ratio():
    stamps, edges, shares = np.array([15, 15, 16, 2, 21]), np.array([0.0, 10.0, 20.0, 30.0]), np.array([0.5, 0.0, 0.5])
    assert scan.scan_events(stamps, edges, shares, (3,)) is None
    assert scan.scan_events(stamps, edges, shares, (8,)).start == 15  # reaches the step where something is expected


def test_bins_without_a_count_and_a_single_bin_make_no_run():
    assert scan.scan_bins(np.zeros(5, np.int64), np.zeros(5), 3) is None
    assert scan.scan_bins(np.array([7]), np.array([7.0]), 3) is None
    assert scan.bin_clusters(np.array([7]), np.array([7.0]), 3, 0.0) == []


def test_of_equal_windows_the_earliest_is_taken_by_both_lists():
    stamps = np.array([2000, 2010, 500, 510, 1200, 1210])  # equal but for rounding
    edges, shares = np.array([0.0, 700.0, 3000.0]), np.array([700 / 3000, 2300 / 3000])
    assert scan.scan_events(stamps, edges, shares, (60,)).start == 500
    assert [w.start for w in scan.clusters(stamps, edges, shares, (60,), 0.1)] == [500, 1200, 2000]


# Rank and interval


def test_the_rank_counts_the_observed_value_among_the_simulated():
    null = np.array([1.0, 2.0, 3.0, 3.0 - 1e-12])
    assert scan.rank_pvalue(3.0, null) == 3 / 5
    assert scan.rank_pvalue(3.1, null) == 1 / 5
    assert scan.rank_pvalue(0.0, null) == 1.0


@STEADY
@given(st.integers(0, 400), st.floats(0.01, 300), st.sampled_from([0.8, 0.95, 0.99]))
def test_each_end_of_the_interval_leaves_half_the_rest_in_its_tail(count, expected, confidence_level):
    ratio, low, high = scan.rate_ratio_interval(count, expected, confidence_level)
    assert low <= ratio <= high
    assert ratio == count / expected
    tail = (1 - confidence_level) / 2
    assert poisson.cdf(count, high * expected) == pytest.approx(tail, rel=1e-6)
    assert poisson.sf(count - 1, low * expected) == pytest.approx(tail if count else 1.0, rel=1e-6)

"""The compiled loops: against plain numpy on small tied data, whatever the threads, and in memory that does not grow."""

import tracemalloc

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import held, numpy_scan

from analysis_lib.stats import scan, scan_kernels

STEADY = settings(deadline=None, derandomize=True, max_examples=80)
HOURS = np.arange(337) * 3600.0
LENGTHS = (60, 300, 900, 3600, 14400)
N_REPLICATES = 3 * scan_kernels.PILOTS


def rng(seed):
    return np.random.default_rng(seed)


def cumulative(expected):
    return np.concatenate(([0.0], np.cumsum(expected)))


# 2. Another road


@st.composite
def baselines(draw):
    """Steps of unequal length, some that expect nothing, an opening that may lie off the resolution, and window lengths."""
    widths = draw(st.lists(st.integers(1, 60), min_size=1, max_size=6))
    shares = np.array(draw(st.lists(st.integers(0, 5), min_size=len(widths), max_size=len(widths)).filter(any)), float)
    edges = draw(st.integers(0, 4)) + np.concatenate(([0], np.cumsum(widths))).astype(float)
    lengths = draw(st.lists(st.integers(1, 80), min_size=1, max_size=3, unique=True))
    return edges, shares / shares.sum(), np.array(lengths, np.int64)


@STEADY
@given(baselines(), st.integers(1, 40), st.sampled_from([1, 3, 10]), st.sampled_from([0.0, 0.6, 2.0]), st.integers(0, 10**6))
def test_windows_passed_over_are_never_the_largest(baseline, n, resolution, noise_cv, seed):
    edges, shares, lengths = baseline
    totals, starts = np.array([n]), np.array([0, shares.size])
    draws, multipliers = rng(seed).standard_exponential((N_REPLICATES, n + 1)), np.ones((1, shares.size))
    if noise_cv:
        multipliers = rng(seed).gamma(1 / noise_cv**2, noise_cv**2, (N_REPLICATES, shares.size))
    found, stamps = np.empty(N_REPLICATES), np.empty((N_REPLICATES, n), np.int64)
    expected = cumulative(n * shares)
    scan_kernels.event_replicates(draws, totals, starts, shares, multipliers, edges, resolution, expected, lengths, found)
    scan_kernels.stamp_replicates(draws, totals, starts, shares, multipliers, edges, resolution, stamps)
    assert (np.diff(stamps) >= 0).all()
    assert (stamps % resolution == 0).all()
    assert found == pytest.approx([numpy_scan.events_maximum(row[::-1], edges, shares, lengths) for row in stamps], abs=1e-8)


@st.composite
def grouped(draw):
    """Groups of bins with weights, of which some may be 0, and the events of each group."""
    sizes = draw(st.lists(st.integers(1, 6), min_size=1, max_size=4))
    weights = [draw(st.lists(st.integers(0, 3), min_size=size, max_size=size).filter(any)) for size in sizes]
    totals = draw(st.lists(st.integers(0, 9), min_size=len(sizes), max_size=len(sizes)).filter(any))
    return np.array(totals, np.int64), np.concatenate(([0], np.cumsum(sizes))), np.concatenate(weights).astype(float)


@STEADY
@given(grouped(), st.integers(1, 15), st.booleans(), st.integers(0, 10**6))
def test_runs_passed_over_are_never_the_largest(case, longest, is_noisy, seed):
    totals, starts, weights = case
    n = int(totals.sum())
    draws = rng(seed).standard_exponential((N_REPLICATES, n + np.count_nonzero(totals)))
    multipliers = rng(seed).gamma(1.0, 1.0, (N_REPLICATES, weights.size)) if is_noisy else np.ones((1, weights.size))
    expected = np.repeat(totals / np.add.reduceat(weights, starts[:-1]), np.diff(starts)) * weights
    found, least = np.empty(N_REPLICATES), scan_kernels.least_expected(cumulative(expected), longest)
    scan_kernels.bin_replicates(draws, totals, starts, weights, multipliers, cumulative(expected), least, found)
    stamps = np.empty((N_REPLICATES, n), np.int64)  # with edges 0, 1, 2, ... a stamp is a bin
    edges = np.arange(weights.size + 1.0)
    scan_kernels.stamp_replicates(draws, totals, starts, weights, multipliers, edges, 1, stamps)
    counts = [np.bincount(row, minlength=weights.size) for row in stamps]
    assert all((np.add.reduceat(row, starts[:-1]) == totals).all() for row in counts)
    assert not any(row[weights == 0].any() for row in counts)
    assert found == pytest.approx([numpy_scan.bins_maximum(row, expected, longest) for row in counts], abs=1e-8)


@STEADY
@given(st.integers(1, 60), st.floats(0.001, 59), st.integers(0, 60))
def test_the_bound_that_rules_a_window_out_is_never_below_its_ratio(total, expected, count):
    if expected < count <= total:
        ratio = float(scan_kernels.ratio(count, expected, total))
        assert ratio == pytest.approx(float(numpy_scan.ratios(count, expected, total)))
        assert ratio <= (count - expected) ** 2 * (total + expected) / (2 * expected * (total - expected)) * (1 + 1e-12)


@STEADY
@given(st.integers(1, 60), st.floats(0.001, 59), st.floats(0, 20))
def test_the_fewest_events_above_a_level_are_found(total, expected, level):
    above = [c for c in range(1, total + 1) if scan_kernels.ratio(c, expected, total) > level]
    assert scan_kernels.fewest_above(level, expected, total) == min(above, default=total + 1)


def test_plain_numpy_draws_the_same_law():
    shares = held.column("baseline_hourly.csv", "share")
    common = {"noise_cv": 0.6, "resolution": 60, "n_resamples": 1500}
    null, plain = (
        module.baseline_null(150, HOURS, shares / shares.sum(), LENGTHS[1:], **common, rng=rng(31))
        for module in (scan, numpy_scan)
    )
    for level in (0.1, 0.5, 0.9, 0.95):
        assert abs((null <= np.quantile(plain, level)).mean() - level) <= 4 * np.sqrt(2 * level * (1 - level) / 1500)


def test_runs_of_an_uneven_baseline_follow_plain_numpy():
    shares, n = np.array([4.0, 1, 0, 2, 8, 1]) / 16, 12
    null = scan.baseline_bins_null(n, shares, 3, noise_cv=0.0, n_resamples=4000, rng=rng(32))
    plain = np.array([numpy_scan.bins_maximum(draw, n * shares, 3) for draw in rng(33).multinomial(n, shares, 4000)])
    for level in (2.0, 3.0, 5.0):
        share = (plain >= level).mean()
        assert abs((null >= level).mean() - share) <= 4 * np.sqrt(2 * share * (1 - share) / 4000)


# 3. Properties


def every_null(n_resamples, seed):
    shares, stamps = np.full(336, 1 / 336), rng(seed).integers(0, 336 * 3600, 60)
    common = {"n_resamples": n_resamples, "rng": rng(seed)}
    return [
        scan.baseline_null(60, HOURS, shares, LENGTHS, noise_cv=0.6, resolution=1, uncertainty=np.eye(336, 2), **common),
        scan.within_step_null(stamps, HOURS, shares, LENGTHS, resolution=1, **common),
        scan.uniform_bins_null(60, 336, 24, **common),
        scan.grouped_bins_null(np.ones(60, np.int64), np.ones(60), np.repeat(np.arange(10), 6), 15, noise_cv=0.5, **common),
        scan.baseline_bins_null(60, shares, 24, noise_cv=0.6, uncertainty=np.eye(336, 2), **common),
    ]


@pytest.mark.parametrize("threads", [2, 3, 8])
def test_the_number_of_threads_changes_nothing(monkeypatch, threads):
    n = 3 * scan.BATCH + 5
    monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", 1)
    alone = every_null(n, 41)
    monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", threads)
    for one, several in zip(alone, every_null(n, 41), strict=True):
        assert (one == several).all()


def test_one_generator_gives_another_null_each_time():
    draw = rng(42)
    first, second = (scan.uniform_bins_null(60, 336, 24, n_resamples=50, rng=draw) for _ in range(2))
    assert (first != second).any()


def test_memory_does_not_grow_with_the_number_of_replicates(monkeypatch):
    monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", 1)

    def peak(n_resamples):
        tracemalloc.start()
        scan.baseline_null(
            2000, HOURS, np.full(336, 1 / 336), (60,), noise_cv=0.6, resolution=1, n_resamples=n_resamples, rng=rng(43)
        )
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    few = peak(999)
    assert peak(4995) <= few + 4995 * 8 + 2**20  # the maxima themselves, and a mebibyte of small change


# 6. Edges


def test_an_error_in_a_thread_is_not_lost(monkeypatch):
    monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", 2)

    def fails(stamps):
        raise RuntimeError("stop here")

    with pytest.raises(RuntimeError, match="stop here"):
        scan.course_null(
            5, HOURS, np.full(336, 1 / 336), fails, noise_cv=0.0, resolution=1, n_resamples=2 * scan.BATCH, rng=rng(44)
        )


def test_a_large_contest_is_drawn_in_small_batches():
    n = scan.BATCH_NUMBERS // 2
    null = scan.uniform_bins_null(n, 10, 2, n_resamples=3, rng=rng(45))
    assert (null > 0).all()
    assert (null == scan.uniform_bins_null(n, 10, 2, n_resamples=4, rng=rng(45))[:3]).all()


def test_noise_that_leaves_a_group_nothing_falls_back_on_its_weights():
    null = scan.grouped_bins_null(np.array([2, 2]), np.ones(2), np.ones(2), 1, noise_cv=60.0, n_resamples=500, rng=rng(46))
    assert np.isfinite(null).all()

"""Segments of one level: against R's PELT, and against every division of a few bins."""

from itertools import combinations, pairwise
from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import held

from analysis_lib.stats.segments import Segment, level_segments

STEADY = settings(deadline=None, derandomize=True, max_examples=150)


def test_the_ends_agree_with_r():
    counts = held.column("pelt_counts150.csv", "count")
    for penalty in held.value("R12.penalties"):
        segments, _ = level_segments(counts, penalty=penalty)
        assert [segment.start for segment in segments[1:]] == held.value("R12.ends")
    segments, cost = level_segments(counts)
    assert [segment.start for segment in segments[1:]] == held.value("R12.ends")
    assert cost == held.number("R12.cost")


def slow_cost(counts, exposure, cuts, penalty):
    edges, cost = [0, *cuts, len(counts)], penalty * len(cuts)
    for start, stop in pairwise(edges):
        total = sum(counts[start:stop])
        cost -= 2 * total * log(total / sum(exposure[start:stop])) if total else 0.0
    return cost


@STEADY
@given(
    st.lists(st.tuples(st.integers(0, 9), st.sampled_from([0.5, 1.0, 3.0])), min_size=1, max_size=9),
    st.floats(0, 8),
    st.integers(1, 3),
)
def test_no_division_of_a_few_bins_costs_less(bins, penalty, shortest):
    counts, exposure = zip(*bins, strict=True)
    n = len(counts)
    every = [
        cuts
        for size in range(n)
        for cuts in combinations(range(1, n), size)
        if size == 0 or min(np.diff([0, *cuts, n])) >= shortest
    ]
    segments, cost = level_segments(np.array(counts), np.array(exposure), penalty=penalty, shortest=shortest)
    assert cost == pytest.approx(min(slow_cost(counts, exposure, cuts, penalty) for cuts in every), abs=1e-9)
    assert slow_cost(counts, exposure, [s.start for s in segments[1:]], penalty) == pytest.approx(cost, abs=1e-9)
    assert [s.start for s in segments] + [n] == [0] + [s.stop for s in segments]
    for s in segments:
        assert s.rate == pytest.approx(sum(counts[s.start : s.stop]) / sum(exposure[s.start : s.stop]))


@STEADY
@given(st.lists(st.integers(0, 40), min_size=30, max_size=80), st.floats(0.5, 12), st.integers(1, 3))
def test_starts_that_are_dropped_could_not_have_been_chosen(counts, penalty, shortest):
    n, best = len(counts), [-penalty]  # optimal partitioning, nothing dropped
    for stop in range(1, n + 1):
        ways = [best[i] + slow_cost(counts[i:stop], [1] * (stop - i), [], penalty) + penalty for i in range(stop - shortest + 1)]
        best.append(min(ways, default=np.inf))
    assert level_segments(np.array(counts), penalty=penalty, shortest=shortest)[1] == pytest.approx(best[n], abs=1e-8)


def test_a_planted_rise_is_found_and_an_even_pace_left_whole():
    draw, whole = np.random.default_rng(51), 0
    for _ in range(100):
        whole += len(level_segments(draw.poisson(4.0, 300))[0]) == 1
    assert whole >= 90
    counts = draw.poisson(np.repeat([4.0, 12.0, 4.0], [150, 12, 138]))
    starts = [s.start for s in level_segments(counts)[0]]
    assert len(starts) == 3
    assert abs(starts[1] - 150) <= 2
    assert abs(starts[2] - 162) <= 2


def test_no_bin_one_bin_and_no_event():
    assert level_segments(np.array([], int)) == ([], 0.0)
    assert level_segments(np.array([3]))[0] == [Segment(0, 1, 3.0)]
    assert level_segments(np.zeros(9, int)) == ([Segment(0, 9, 0.0)], 0.0)

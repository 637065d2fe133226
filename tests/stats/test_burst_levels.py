"""Kleinberg's automaton: against a published program, and against every sequence of states."""

from itertools import product
from math import ceil, log, log2

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import held

from analysis_lib.stats.burst_levels import Burst, bursts, gap_levels, spread_ties

STEADY = settings(deadline=None, derandomize=True, max_examples=100)
MANUAL_OF_R = [
    *range(0, 401, 100), *range(410, 451, 5), *range(451, 471, 2), *range(480, 601, 5), 700, *range(710, 801, 5), 900, 1000,
]  # fmt: skip
MANUAL_OF_PYTHON = [4, 17, 23, 27, 33, 35, 37, 76, 77, 82, 84, 88, 90, 92]


@pytest.mark.parametrize(
    ("events", "reluctance", "expected"),
    [(MANUAL_OF_R, 1.0, held.value("R13.manual_of_r")), (MANUAL_OF_PYTHON, 0.1, held.value("R13.manual_of_python"))],
)
def test_the_stretches_agree_with_a_published_program(events, reluctance, expected):
    gaps = np.diff(events)
    n_levels = ceil(1 + log2(gaps.sum()) - log2(gaps.min()))
    levels, _ = gap_levels(np.array(events), resolution=1, reluctance=reluctance, n_levels=n_levels)
    assert {(b.level, b.start, b.end) for b in bursts(np.array(events), levels)} == {tuple(row) for row in expected}


def slow_cost(gaps, levels, speed_up, reluctance):
    rates, cost, before = speed_up ** np.array(levels) / np.mean(gaps), 0.0, 0
    for gap, rate, level in zip(gaps, rates, levels, strict=True):
        cost += max(level - before, 0) * reluctance * log(len(gaps)) + rate * gap - log(rate)
        before = level
    return cost


@STEADY
@given(
    st.lists(st.integers(0, 60), min_size=2, max_size=7),
    st.sampled_from([2, 3]),
    st.floats(1.1, 4),
    st.floats(0.0, 1.5),
)
def test_no_sequence_of_levels_costs_less(stamps, n_levels, speed_up, reluctance):
    levels, cost = gap_levels(np.array(stamps), resolution=1, speed_up=speed_up, reluctance=reluctance, n_levels=n_levels)
    gaps = np.diff(spread_ties(np.array(stamps), 1))
    every = [slow_cost(gaps, way, speed_up, reluctance) for way in product(range(n_levels), repeat=gaps.size)]
    assert cost == pytest.approx(min(every), abs=1e-9)
    assert slow_cost(gaps, levels, speed_up, reluctance) == pytest.approx(cost, abs=1e-9)


def test_ties_are_spread_evenly_inside_their_unit_and_nothing_leaves_it():
    spread = spread_ties(np.array([120, 60, 60, 120, 60, 0]), 60)
    assert spread == pytest.approx([30, 70, 90, 110, 135, 165])
    assert (np.diff(spread) > 0).all()


def test_the_unit_of_time_changes_no_level():
    stamps = np.array(MANUAL_OF_R)
    levels, _ = gap_levels(stamps, resolution=1)
    assert (gap_levels(stamps * 60, resolution=60)[0] == levels).all()
    assert (gap_levels(stamps[::-1], resolution=1)[0] == levels).all()


def test_planted_events_raise_the_level_and_an_even_pace_does_not():
    draw = np.random.default_rng(52)
    even = [gap_levels(draw.integers(0, 86400, 200), resolution=1)[0].any() for _ in range(100)]
    assert np.mean(even) <= 0.2  # no p-value: some clean rows show a level
    stamps = np.concatenate((draw.integers(0, 86400, 200), 40000 + draw.integers(0, 300, 25)))
    found = bursts(stamps, gap_levels(stamps, resolution=1)[0])
    assert any(b.start <= 40100 and b.end >= 40200 for b in found)


def test_one_event_all_at_one_stamp_and_wrong_settings():
    for stamps in (np.array([5]), np.array([], int)):
        levels, cost = gap_levels(stamps, resolution=1)
        assert (levels.size, cost) == (0, 0.0)
        assert bursts(stamps, levels) == []
    levels, _ = gap_levels(np.full(9, 30), resolution=60)
    assert not levels.any()  # evenly spread, so at one pace
    assert bursts(np.array([1, 2, 9]), np.array([1, 0])) == [Burst(1, 1, 2)]
    with pytest.raises(ValueError, match=r"speed_up = 1\.0"):
        gap_levels(np.array([1, 2]), resolution=1, speed_up=1.0)

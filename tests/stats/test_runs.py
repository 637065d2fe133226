"""Runs: textbook figures, every outcome counted, and the chance of a gap in a band as a log shows it."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import held
from tiny_package import STEADY

from analysis_lib.stats import runs


def test_textbook_figures():
    assert runs.longest_run_tail([0.5] * 10, 4) == held.number("R17.fair")
    assert runs.longest_run_tail([0.12995041431682475] * 100, 6) == held.number("R17.rare")


@pytest.mark.parametrize("length", [1, 2, 3, 6])
def test_every_outcome_of_unequal_trials(length):
    chances = [0.9, 0.2, 0.5, 0.7, 0.35, 0.6]
    whole = 0.0
    for outcome in product((0, 1), repeat=6):
        if "1" * length in "".join(map(str, outcome)):
            whole += np.prod([p if hit else 1 - p for hit, p in zip(outcome, chances, strict=True)])
    assert runs.longest_run_tail(chances, length) == pytest.approx(whole, rel=1e-12)


@STEADY
@given(st.lists(st.floats(0, 1), min_size=1, max_size=25), st.integers(0, 26))
def test_a_longer_run_is_rarer_and_the_order_may_be_turned_round(chances, length):
    tail = runs.longest_run_tail(chances, length)
    assert 0 <= tail <= 1
    assert runs.longest_run_tail(chances, length + 1) <= tail + 1e-12
    assert runs.longest_run_tail(chances[::-1], length) == pytest.approx(tail, abs=1e-12)


@STEADY
@given(st.lists(st.booleans(), max_size=30))
def test_the_longest_run_by_splitting_a_text(flags):
    length, first = runs.longest_run(flags)
    text = "".join("x" if flag else " " for flag in flags)
    assert length == max(map(len, text.split(" ")), default=0)
    assert all(flags[first : first + length])
    assert length == 0 or text.find("x" * length) == first


@pytest.mark.parametrize("resolution", [1, 15, 60])
def test_the_chance_of_a_gap_in_the_band_as_the_log_shows_it(resolution):
    rng = np.random.default_rng(3)
    start, gap = rng.uniform(0, resolution, 400_000), rng.exponential(45, 400_000)
    seen = np.floor((start + gap) / resolution) * resolution
    share = np.mean((seen >= 20) & (seen <= 90))
    assert runs.band_chance(1 / 45, (20, 90), resolution) == pytest.approx(share, abs=4 * np.sqrt(0.25 / 400_000))


def test_no_pace_gives_a_larger_chance_than_the_largest():
    # Without a unit the best pace is log(b/a)/(b - a): 0.0215 a second, and 0.5053 of the gaps.
    assert runs.most_band_chance((20, 90), 1) == pytest.approx(0.5146752951, rel=1e-4)
    assert (runs.band_chance(np.linspace(0.001, 1, 5000), (20, 90), 1) <= runs.most_band_chance((20, 90), 1) + 1e-6).all()
    assert runs.most_band_chance((20, 50), 60) == 0

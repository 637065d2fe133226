"""Events with chances of their own: R's numbers, every subset written out in fractions, and the binomial."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import held
from scipy.stats import binom
from tiny_package import STEADY

from analysis_lib.errors import ParameterError
from analysis_lib.stats.poisson_binomial import pmf, upper_tail

HUNDREDTHS = st.lists(st.integers(0, 100), max_size=7)  # 0 and 100 are events that never and always happen

# 1. Published numbers


def test_thirty_events():
    chances = np.arange(1, 31) / 100
    assert upper_tail(chances, 10) == held.number("R35.ten_or_more")
    assert pmf(chances)[5] == held.number("R35.five")
    assert upper_tail(np.linspace(0.95, 0.55, 30), 28) == held.number("R35.targeted")


# 2. Another road


@STEADY
@given(HUNDREDTHS)
def test_every_subset_in_fractions(hundredths):
    exact = [Fraction(0)] * (len(hundredths) + 1)
    for happens in product([False, True], repeat=len(hundredths)):
        chance = Fraction(1)
        for yes, p in zip(happens, hundredths, strict=True):
            chance *= Fraction(p if yes else 100 - p, 100)
        exact[sum(happens)] += chance
    chances = np.array(hundredths) / 100
    assert pmf(chances) == pytest.approx([float(x) for x in exact], rel=1e-12, abs=1e-300)
    for k in range(len(exact) + 1):
        assert upper_tail(chances, k) == pytest.approx(float(sum(exact[k:])), rel=1e-12, abs=1e-300)


@pytest.mark.parametrize(("n", "p"), [(1, 0.3), (64, 0.5), (1001, 0.02), (5000, 0.9)])
def test_equal_chances_are_binomial_even_far_out(n, p):
    k = np.arange(n + 1)
    exact = binom.pmf(k, n, p)
    there = exact > 1e-280
    assert pmf(np.full(n, p))[there] == pytest.approx(exact[there], rel=1e-9)


# 3. Properties


@STEADY
@given(st.lists(st.floats(0, 1), min_size=1, max_size=60), st.randoms(use_true_random=False))
def test_order_is_nothing_and_the_mean_is_the_sum_of_chances(chances, random):
    law = pmf(chances)
    assert law.sum() == pytest.approx(1)
    assert law @ np.arange(law.size) == pytest.approx(sum(chances), abs=1e-12)
    assert pmf(random.sample(chances, len(chances))) == pytest.approx(law, rel=1e-9, abs=1e-300)
    assert pmf([1 - p for p in chances])[::-1] == pytest.approx(law, abs=1e-12)


# 6. Edges, 7. messages


def test_no_events_and_counts_out_of_reach():
    assert pmf([]).tolist() == [1.0]
    assert upper_tail([], 0) == 1.0
    assert [upper_tail([0.5, 1.0], k) for k in (-1, 0, 1, 2, 3)] == [1.0, 1.0, 1.0, 0.5, 0.0]


@pytest.mark.parametrize(("chances", "said"), [([0.1, 1.2], "Chance 2 of 2 is 1.2"), ([np.nan], "Chance 1 of 1 is nan")])
def test_what_is_no_chance_is_refused(chances, said):
    with pytest.raises(ParameterError, match=said):
        pmf(chances)

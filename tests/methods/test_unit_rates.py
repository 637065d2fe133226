"""Units compared with each other: the same p-values as in the question on reissues, small units joined, what could be seen."""

import numpy as np
import polars as pl
import pytest

from analysis_lib.methods.reissue_rates import reissue_rates
from analysis_lib.methods.unit_rates import learnt_spread, pooled, uneven
from analysis_lib.results import Status

LEVEL = {"confidence_level": 0.95, "alpha": 0.01}


def units(events, sizes):
    return pl.DataFrame({"unit": [f"u{i:02d}" for i in range(len(events))], "events": events, "size": sizes})


@pytest.mark.parametrize("n", [3, 12])
def test_it_gives_the_p_value_of_the_question_on_reissues(n):
    rng = np.random.default_rng(n)
    sizes = rng.integers(15, 90, n)
    frame = units(rng.binomial(sizes, 0.08), sizes)
    assert uneven(frame, **LEVEL).pvalue == reissue_rates(frame, by="branch", confidence_level=0.95).pvalue


def test_the_order_of_rows_changes_nothing_and_the_top_is_the_most_unusual():
    frame = units([1, 9, 1, 0, 2, 1, 0, 1, 3], [30, 31, 29, 30, 33, 40, 22, 30, 60])
    found = uneven(frame, **LEVEL)
    assert repr(found) == repr(uneven(frame.sample(fraction=1.0, shuffle=True, seed=3), **LEVEL))
    assert (found.top["unit"], found.spread_known) == ("u01", True)
    assert found.effect.value == pytest.approx((9 / 31) / (9 / 274))
    assert found.effect.low < found.effect.value < found.effect.high


def test_under_eight_units_the_assumption_fails():
    assert learnt_spread(uneven(units([0, 5], [20, 20]), **LEVEL), "Branches").status is Status.FAILS
    assert learnt_spread(uneven(units([0] * 7 + [5], [20] * 8), **LEVEL), "Branches").status is Status.UNTESTED


def test_the_others_may_have_none():
    assert uneven(units([0, 5], [20, 20]), **LEVEL).effect.value == np.inf


def test_what_would_have_stood_out_does_so_and_one_fewer_does_not():
    few = units([2, 1, 3], [40, 40, 40])
    k = uneven(few, **LEVEL).smallest_visible["events"]
    tails = [uneven(units([2, n, 3], [40, 40, 40]), **LEVEL).units[1]["pvalue"] * 3 for n in (k - 1, k)]
    assert tails[0] > 0.01 >= tails[1]
    assert uneven(units([1, 0], [1, 1]), **LEVEL).smallest_visible is None


def test_small_units_are_joined():
    found = pooled(units([1, 2, 3], [9, 10, 4]), 10, "small ones")
    assert found.rows() == [("small ones", 4, 13), ("u01", 2, 10)]


def test_any_of_twenty_clean_units_is_flagged_in_few_contests():
    rng, flagged = np.random.default_rng(11), 0
    for _ in range(120):
        sizes = rng.integers(15, 90, 20)
        rates = rng.beta(0.05 * 49, 0.95 * 49, 20)  # rho 0.02
        flagged += uneven(units(rng.binomial(sizes, rates), sizes), **LEVEL).pvalue <= 0.05
    assert flagged <= 13  # 6 expected, and three standard errors

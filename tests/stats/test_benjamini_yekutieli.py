"""Benjamini and Yekutieli's adjustment: R's numbers, scipy's, and families that Benjamini-Hochberg gets wrong."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import held
from scipy.stats import binom, false_discovery_control
from tiny_package import STEADY

from analysis_lib.stats.multiplicity import benjamini_hochberg, benjamini_yekutieli

FAMILIES = st.lists(st.sampled_from([0.0, 0.001, 0.01, 0.02, 0.5, 1.0]) | st.floats(0, 1), min_size=1, max_size=8)


def test_the_lists_of_reference():
    assert benjamini_yekutieli(held.value("R22.pvalues"))[0] == held.number("R22.first_any_dependence")
    members, events = held.column("reissues_branch.csv", "members"), held.column("reissues_branch.csv", "reissued")
    tails = binom.sf(events - 1, members, events.sum() / members.sum())
    assert benjamini_yekutieli(tails)[6] == held.number("R19.adjusted_any_dependence")


@STEADY
@given(FAMILIES)
def test_it_agrees_with_scipy(p):
    assert benjamini_yekutieli(p) == pytest.approx(false_discovery_control(p, method="by"), abs=1e-14)


@STEADY
@given(FAMILIES, st.randoms(use_true_random=False))
def test_order_is_kept_and_it_is_never_below_benjamini_hochberg(p, random):
    adjusted, order = benjamini_yekutieli(p), random.sample(range(len(p)), len(p))
    assert benjamini_yekutieli([p[i] for i in order]).tolist() == adjusted[order].tolist()
    assert (adjusted >= benjamini_hochberg(p)).all()
    assert (adjusted <= 1).all()


def test_it_holds_where_benjamini_hochberg_does_not():
    # The dependence of the bound's proof: one rank j of m drawn with chance ~ 1/j, and j p-values in its step of the rule.
    m, level, n = 10, 0.1, 20_000
    rng = np.random.default_rng(51)
    step = level / m
    weight = step / np.arange(1, m + 1) * m  # chance that the family falls into step j
    found = {benjamini_hochberg: 0, benjamini_yekutieli: 0}
    for _ in range(n):
        j = 1 + np.searchsorted(np.cumsum(weight), rng.random())
        p = rng.uniform(m * step, 1, m)
        if j <= m:
            p[rng.permutation(m)[:j]] = rng.uniform((j - 1) * step, j * step, j)
        for adjust in found:
            found[adjust] += adjust(p).min() <= level
    assert found[benjamini_hochberg] / n == pytest.approx(weight.sum(), abs=0.01)  # .29 where .1 was promised
    assert found[benjamini_yekutieli] / n <= level


def test_none_one_and_the_ends_of_the_range():
    assert benjamini_yekutieli([]).size == 0
    assert benjamini_yekutieli([0.03]).tolist() == [0.03]
    assert benjamini_yekutieli([1.0, 0.0]).tolist() == [1.0, 0.0]

"""Holm's and Benjamini and Hochberg's adjustments, against print, against their definitions, and on families of clean tests."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import held
from scipy.stats import binom, false_discovery_control, norm

from analysis_lib.stats.multiplicity import benjamini_hochberg, holm

STEADY = settings(deadline=None, derandomize=True, max_examples=200)
BOTH = pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
# sevenths and a grid of five values make ties
FAMILIES = st.lists(st.sampled_from([0.0, 0.001, 0.01, 0.02, 0.5, 1.0]) | st.floats(0, 1), min_size=1, max_size=6)


# 1. Published numbers


def test_the_fifteen_tests_of_benjamini_and_hochberg():
    p = held.value("R22.pvalues")
    adjusted = benjamini_hochberg(p)
    assert adjusted[:5].tolist() == held.number("R22.adjusted")
    assert (adjusted <= 0.05).sum() == held.number("R22.found_by_bh")
    assert (holm(p) <= 0.05).sum() == held.number("R22.found_by_bonferroni")  # Holm finds no more here


def test_the_branch_of_the_reference_list():
    members, events = held.column("reissues_branch.csv", "members"), held.column("reissues_branch.csv", "reissued")
    tails = binom.sf(events - 1, members, events.sum() / members.sum())
    assert tails[6] == held.number("R19.tail")
    assert benjamini_hochberg(tails)[6] == held.number("R19.adjusted")


# 2. Another road


@STEADY
@given(FAMILIES)
def test_holm_is_the_closed_test_with_bonferroni(p):
    subsets = [s for size in range(1, len(p) + 1) for s in combinations(range(len(p)), size)]
    closed = [max(min(1.0, len(s) * min(p[j] for j in s)) for s in subsets if i in s) for i in range(len(p))]
    assert holm(p) == pytest.approx(closed, abs=1e-15)


@STEADY
@given(FAMILIES, st.floats(1e-3, 1))
def test_benjamini_hochberg_rejects_as_the_step_up_rule_does(p, alpha):
    m = len(p)
    cut = max((value for value in p if value <= alpha * sum(other <= value for other in p) / m), default=-1.0)
    adjusted = benjamini_hochberg(p)
    for value, own in zip(p, adjusted, strict=True):
        assert (value <= cut) == (own <= alpha) or own == pytest.approx(alpha, rel=1e-12)


@STEADY
@given(FAMILIES)
def test_benjamini_hochberg_agrees_with_scipy(p):
    assert benjamini_hochberg(p) == pytest.approx(false_discovery_control(p), abs=1e-15)


# 3. Properties


@BOTH
@STEADY
@given(FAMILIES, st.randoms(use_true_random=False))
def test_order_does_not_matter_and_ranks_are_kept(adjust, p, random):
    adjusted, order = adjust(p), random.sample(range(len(p)), len(p))
    assert adjust([p[i] for i in order]) == pytest.approx(adjusted[order], abs=0)
    ranked = adjusted[np.argsort(p)]
    assert (np.diff(ranked) >= 0).all()
    assert (adjusted >= np.array(p)).all()
    assert (adjusted <= np.minimum(1.0, len(p) * np.array(p))).all()


@BOTH
@STEADY
@given(FAMILIES, st.integers(0, 5), st.floats(0, 1))
def test_a_larger_pvalue_never_lowers_another(adjust, p, at, more):
    raised = list(p)
    raised[at % len(p)] = max(p[at % len(p)], more)
    assert (adjust(raised) >= adjust(p)).all()


@BOTH
@STEADY
@given(FAMILIES)
def test_one_more_test_that_shows_nothing_never_helps(adjust, p):
    assert (adjust([*p, 1.0])[:-1] >= adjust(p)).all()


@STEADY
@given(FAMILIES)
def test_holm_is_never_below_benjamini_hochberg(p):
    assert (holm(p) >= benjamini_hochberg(p) - 1e-15).all()


# 4. False alarms, 5. power


def families(seed, n, m, correlation):
    """P-values of families of clean tests that lean on a common cause."""
    draw = np.random.default_rng(seed)
    shared, own = draw.normal(size=(n, 1)), draw.normal(size=(n, m))
    return norm.sf(np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * own)


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.95])
def test_holm_raises_a_false_alarm_in_at_most_one_family_in_twenty(correlation):
    alarms = [holm(p).min() <= 0.05 for p in families(31, 4000, 8, correlation)]
    assert np.mean(alarms) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 4000)


def test_the_smallest_by_benjamini_hochberg_is_uniform_for_independent_tests():
    smallest = np.array([benjamini_hochberg(p).min() for p in families(32, 4000, 8, 0.0)])
    for level in (0.01, 0.05, 0.2, 0.5):
        assert abs((smallest <= level).mean() - level) <= 3 * np.sqrt(level * (1 - level) / 4000)


def test_the_false_share_of_discoveries_is_held_and_planted_effects_are_found():
    p = families(33, 2000, 20, 0.0)
    p[:, :5] = norm.sf(norm.isf(p[:, :5]) + 3.5)
    found = np.array([benjamini_hochberg(row) <= 0.05 for row in p])
    false_share = found[:, 5:].sum(axis=1) / np.maximum(found.sum(axis=1), 1)
    assert false_share.mean() == pytest.approx(0.05 * 15 / 20, abs=3 * false_share.std() / np.sqrt(2000))
    # Between the power of one test at .05/20 and of one test at .05; Holm, which holds more, finds fewer.
    assert norm.sf(norm.isf(0.05 / 20) - 3.5) < found[:, :5].mean() < norm.sf(norm.isf(0.05) - 3.5)
    assert np.mean([holm(row)[:5] <= 0.05 for row in p]) < found[:, :5].mean()


# 6. Edges


@BOTH
def test_one_test_none_and_ends_of_the_range(adjust):
    assert adjust([]).size == 0
    assert adjust([0.03]).tolist() == [0.03]
    assert adjust([1.0, 1.0]).tolist() == [1.0, 1.0]
    assert adjust([0.0, 0.0, 1.0]).tolist() == [0.0, 0.0, 1.0]

"""P-values put together: R's numbers, formulas written out, and clean families."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import held
from scipy.stats import chi2, hmean, norm
from tiny_package import STEADY

from analysis_lib.errors import ParameterError
from analysis_lib.stats.combined_pvalues import combined

METHODS = ("fisher", "stouffer", "tippett", "wilkinson", "cauchy", "harmonic")
EVERY = pytest.mark.parametrize("method", METHODS)
SEVERAL = st.lists(st.floats(1e-12, 1) | st.sampled_from([0.05, 0.5, 1.0]), min_size=2, max_size=7)


def test_the_eight_of_reference():
    p = held.value("R23.pvalues")
    assert combined(p, "fisher") == held.number("R23.fisher")
    assert combined(p, "stouffer") == held.number("R23.stouffer")
    assert combined(p, "tippett") == held.number("R23.tippett")
    assert combined(p, "wilkinson") == held.number("R23.wilkinson")
    assert combined(p, "cauchy") == held.number("R23.cauchy")
    assert combined(p, "harmonic") == held.number("R23.harmonic")
    assert hmean(p) == held.number("R23.harmonic_mean")  # what the Landau law corrects upwards


@STEADY
@given(st.lists(st.floats(1e-6, 0.999), min_size=2, max_size=6))
def test_the_formulas_written_out(p):
    assert combined(p, "fisher") == pytest.approx(chi2.sf(-2 * sum(np.log(p)), 2 * len(p)), rel=1e-9)
    assert combined(p, "stouffer") == pytest.approx(norm.sf(norm.isf(p).sum() / np.sqrt(len(p))), rel=1e-9)
    assert combined(p, "cauchy") == pytest.approx(0.5 - np.arctan(np.mean(np.tan((0.5 - np.array(p)) * np.pi))) / np.pi, abs=1e-9)
    second = sorted(p)[1]
    at_least_two = sum(
        second ** len(s) * (1 - second) ** (len(p) - len(s)) for k in range(2, len(p) + 1) for s in combinations(range(len(p)), k)
    )
    assert combined(p, "wilkinson") == pytest.approx(at_least_two, rel=1e-9)
    assert combined(p, "wilkinson", rank=1) == pytest.approx(combined(p, "tippett"), rel=1e-9)


@EVERY
@STEADY
@given(p=SEVERAL, random=st.randoms(use_true_random=False), at=st.integers(0, 6), less=st.floats(0.01, 1))
def test_order_is_nothing_and_a_smaller_pvalue_never_raises_it(method, p, random, at, less):
    found = combined(p, method)
    assert 0 <= found <= 1
    assert combined(random.sample(p, len(p)), method) == pytest.approx(found, rel=1e-9, abs=1e-300)
    lowered = list(p)
    lowered[at % len(p)] *= less
    assert combined(lowered, method) <= found * (1 + 1e-9)


@EVERY
def test_clean_families(method):
    rng, n = np.random.default_rng(52), 3000
    alarms = np.mean([combined(p, method) <= 0.05 for p in rng.random((n, 8))])
    assert abs(alarms - 0.05) <= 3 * np.sqrt(0.05 * 0.95 / n)


@pytest.mark.parametrize("method", ["cauchy", "harmonic"])
def test_clean_families_that_lean_on_a_common_cause(method):
    rng, n = np.random.default_rng(53), 3000
    p = norm.sf(np.sqrt(0.6) * rng.normal(size=(n, 1)) + np.sqrt(0.4) * rng.normal(size=(n, 8)))
    assert np.mean([combined(row, method) <= 0.01 for row in p]) <= 0.01 + 3 * np.sqrt(0.01 * 0.99 / n)
    assert np.mean([combined(row, "fisher") <= 0.01 for row in p]) > 0.05  # which takes them for independent


@EVERY
def test_ones_are_no_sign_of_anything(method):
    assert combined([1.0] * 5, method) > (0.6 if method == "harmonic" else 0.99)


def test_what_is_no_pvalue_is_refused():
    for p, method in (([], "fisher"), ([0.1], "wilkinson"), ([0.1], "harmonic")):
        with pytest.raises(ParameterError, match=f"{len(p)} p-values"):
            combined(p, method)
    for p in ([0.0, 0.2], [0.2, 1.1], [np.nan, 0.1]):
        with pytest.raises(ParameterError, match="above 0 and at most 1"):
            combined(p, "fisher")
    with pytest.raises(ParameterError, match="'pearson': expected one of fisher"):
        combined([0.1, 0.2], "pearson")

"""Two rates: R's numbers, sums in fractions, clean periods with and without noise."""

from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import held
from scipy.stats import binom
from tiny_package import STEADY

from analysis_lib.errors import ParameterError
from analysis_lib.stats.predictive_counts import from_repeats
from analysis_lib.stats.rate_change import rate_ratio


def test_r_s_poisson_test():
    found = rate_ratio(64, 1, 310, 9)
    assert found.ratio == held.number("R36.ratio")
    assert [found.low, found.high] == held.number("R36.interval")
    assert found.pvalue == held.number("R36b.one_to_nine")
    assert rate_ratio(64, 2.5, 31, 2.5).pvalue == held.number("R36b.equal_exposure")


@STEADY
@given(st.integers(0, 25), st.integers(0, 25), st.integers(1, 9), st.integers(1, 9))
def test_the_pvalue_adds_up_what_is_no_likelier(a, b, one, other):
    share, n = Fraction(one, one + other), a + b
    law = [comb(n, k) * share**k * (1 - share) ** (n - k) for k in range(n + 1)]
    assert rate_ratio(a, one, b, other).pvalue == pytest.approx(float(sum(p for p in law if p <= law[a])), rel=1e-9)


@STEADY
@given(st.integers(0, 60), st.integers(0, 60), st.floats(0.1, 50), st.floats(0.1, 50))
def test_the_ends_leave_half_of_the_rest_and_turning_round_inverts(a, b, one, other):
    found, turned = rate_ratio(a, one, b, other), rate_ratio(b, other, a, one)
    assert turned.pvalue == pytest.approx(found.pvalue, rel=1e-9)
    for ratio, tail in (
        (found.low, lambda share: binom.sf(a - 1, a + b, share)),
        (found.high, lambda share: binom.cdf(a, a + b, share)),
    ):
        if 0 < ratio < np.inf:
            assert tail(ratio * one / (ratio * one + other)) == pytest.approx(0.025, rel=1e-7)
    if a + b:
        assert found.low <= found.ratio <= found.high
        assert (1 / turned.high if turned.high else np.inf) == pytest.approx(found.low, rel=1e-7)


def test_the_interval_covers_the_ratio():
    rng, n = np.random.default_rng(54), 500
    held_ratio = [
        (r := rate_ratio(a, 1, b, 4)).low <= 1.5 <= r.high for a, b in zip(rng.poisson(15, n), rng.poisson(40, n), strict=True)
    ]
    assert np.mean(held_ratio) >= 0.95 - 3 * np.sqrt(0.05 * 0.95 / n)


def test_noise_between_periods_is_for_the_predictive_tail():
    # Eleven earlier months and the one asked about, all with gamma rates of cv .5 and mean 30.
    rng, n = np.random.default_rng(55), 300
    plain, predictive = [], []
    for counts in rng.poisson(rng.gamma(4, 30 / 4, (n, 12))):
        now, earlier = int(counts[0]), counts[1:]
        plain.append(rate_ratio(now, 1, int(earlier.sum()), 11).pvalue)
        predictive.append(from_repeats(earlier).upper_tails(int(earlier.sum()) + now)[now])
    assert np.mean(np.array(plain) <= 0.05) > 0.3
    assert np.mean(np.array(predictive) <= 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / n)


def test_none_in_one_period_or_both():
    assert (rate_ratio(0, 1, 5, 1).ratio, rate_ratio(0, 1, 5, 1).low) == (0.0, 0.0)
    assert (rate_ratio(5, 1, 0, 1).ratio, rate_ratio(5, 1, 0, 1).high) == (np.inf, np.inf)
    none = rate_ratio(0, 1, 0, 1)
    assert np.isnan(none.ratio)
    assert (none.low, none.high, none.pvalue) == (0.0, np.inf, 1.0)


@pytest.mark.parametrize("given_", [(-1, 1, 2, 1), (1, 0, 2, 1), (1, 1, 2, float("nan"))])
def test_what_can_be_no_rate_is_refused(given_):
    with pytest.raises(ParameterError, match="expected counts of 0 or more, exposures above 0"):
        rate_ratio(*given_)

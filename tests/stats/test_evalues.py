"""E-values: reference numbers, their mean under the null, integrals written out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import held
from scipy.integrate import quad
from scipy.stats import beta, betabinom, binom, norm
from tiny_package import STEADY

from analysis_lib.errors import ParameterError
from analysis_lib.stats.evalues import SHAPE, averaged_over_kappa, e_benjamini_hochberg, from_pvalues, share_evalue

# 1. Published numbers


def test_the_reference_numbers():
    assert float(from_pvalues(0.001)) == held.number("R38.calibrated")
    assert float(averaged_over_kappa(0.001)) == held.number("R38.averaged")
    assert share_evalue(6, 120, 0.01, one_sided=False) == held.number("R38.share")


# 2. Another road


@pytest.mark.parametrize("p", [1e-9, 0.003, 0.4, 0.9899, 0.9901, 0.9999999, 1.0])
def test_the_average_over_kappa_is_the_integral(p):
    written_out = quad(lambda kappa: kappa * p ** (kappa - 1), 0, 1, epsabs=0, epsrel=1e-11)[0]
    assert float(averaged_over_kappa(p)) == pytest.approx(written_out, rel=1e-9)  # above .99 by a short series


@pytest.mark.parametrize("calibrate", [from_pvalues, averaged_over_kappa, lambda p: from_pvalues(p, 0.1)])
def test_the_mean_over_even_pvalues_is_one_and_more_evidence_is_never_less(calibrate):
    def over_logs(t):  # p = exp(-t): what lies near 0 is spread out
        return float(calibrate(np.exp(-t))) * np.exp(-t)

    far = 400.0
    beyond = 1 / far if calibrate is averaged_over_kappa else 0.0  # of its mean below exp(-far), in the limit
    assert quad(over_logs, 0, 20)[0] + quad(over_logs, 20, far)[0] + beyond == pytest.approx(1, abs=1e-5)
    assert (np.diff(calibrate(np.linspace(0.001, 1, 999))) < 0).all()


@STEADY
@given(st.integers(0, 40), st.integers(0, 40), st.floats(0.001, 0.9))
def test_the_share_is_bet_on_by_a_beta_law(found, others, rate):
    asked = found + others
    two_sided = betabinom.pmf(found, asked, *SHAPE) / binom.pmf(found, asked, rate)
    assert share_evalue(found, asked, rate, one_sided=False) == pytest.approx(two_sided, rel=1e-8)


@pytest.mark.parametrize(("found", "asked", "rate"), [(0, 30, 0.01), (2, 5, 0.4), (6, 120, 0.01), (1, 200, 0.02), (9, 9, 0.5)])
def test_one_sided_bets_are_on_shares_above_the_rate(found, asked, rate):
    def gain(share):
        return beta.pdf(share, *SHAPE) * (share / rate) ** found * ((1 - share) / (1 - rate)) ** (asked - found)

    most = quad(gain, rate, 1, limit=200, points=[rate + 0.01, rate + 0.1])[0] / beta.sf(rate, *SHAPE)
    assert share_evalue(found, asked, rate) == pytest.approx(most, rel=1e-7)


@STEADY
@given(st.lists(st.floats(0, 1000), min_size=1, max_size=8), st.floats(0.01, 1))
def test_e_bh_finds_the_largest_set_whose_bets_are_high_enough(evalues, level):
    m = len(evalues)
    enough = [k for k in range(1, m + 1) if k * sorted(evalues, reverse=True)[k - 1] >= m / level * (1 + 1e-9)]
    found = (e_benjamini_hochberg(evalues) <= level / (1 + 1e-9)).sum()
    assert found >= max(enough, default=0) if enough else found == 0 or found <= m
    least = sorted(evalues, reverse=True)[found - 1] if found else np.inf
    assert found == 0 or found * least >= m / level * (1 - 1e-8)


# 4. False alarms


@pytest.mark.parametrize("asked", [1, 20, 120])
def test_a_bet_on_errors_alone_gains_nothing_on_average(asked):
    found = np.arange(asked + 1)
    for one_sided in (True, False):
        bets = np.array([share_evalue(k, asked, 0.02, one_sided=one_sided) for k in found])
        assert bets @ binom.pmf(found, asked, 0.02) == pytest.approx(1, rel=1e-7)
    one_sided = np.array([share_evalue(k, asked, 0.02) for k in found])
    for lower in (0.0, 0.005, 0.015):  # fewer errors than were allowed for are no evidence
        assert one_sided @ binom.pmf(found, asked, lower) < 1


def test_two_sided_bets_win_where_errors_are_fewer():
    assert share_evalue(0, 1000, 0.01, one_sided=False) > 1000
    assert share_evalue(0, 1000, 0.01) < 0.1


def test_watching_until_the_bet_is_high_raises_few_alarms():
    rng, n = np.random.default_rng(56), 2000
    bets = np.array([[share_evalue(k, asked, 0.02) for k in range(41)] for asked in range(40, 401, 10)])
    wrong = rng.random((n, 400)) < 0.02
    counts = wrong.cumsum(axis=1)[:, 39::10]
    highest = bets[np.arange(counts.shape[1]), counts].max(axis=1)
    assert (highest >= 20).mean() <= 0.05
    planted = (rng.random((n, 400)) < 0.08).cumsum(axis=1)[:, 39::10]
    assert (bets[np.arange(counts.shape[1]), np.minimum(planted, 40)].max(axis=1) >= 20).mean() > 0.9


def test_e_bh_holds_the_false_share_under_dependence():
    rng, n = np.random.default_rng(57), 2000
    z = np.sqrt(0.5) * rng.normal(size=(n, 1)) + np.sqrt(0.5) * rng.normal(size=(n, 20))
    z[:, :5] += 4.5
    found = np.array([e_benjamini_hochberg(from_pvalues(norm.sf(row))) <= 0.1 for row in z])
    false_share = found[:, 5:].sum(axis=1) / np.maximum(found.sum(axis=1), 1)
    assert false_share.mean() <= 0.1 * 15 / 20
    assert found[:, :5].mean() > 0.5


# 6. Edges, 7. messages


def test_ends():
    assert float(from_pvalues(0.0)) == np.inf
    assert float(averaged_over_kappa(0.0)) == np.inf
    assert averaged_over_kappa([1.0, 0.5]).shape == (2,)
    assert e_benjamini_hochberg([0.0, np.inf, 1.0]).tolist() == [1.0, 0.0, 1.0]
    assert share_evalue(1, 5, 0.0) == np.inf
    assert share_evalue(0, 5, 0.0) < 1
    assert share_evalue(0, 0, 0.3) == pytest.approx(1.0)


def test_what_cannot_be_is_refused():
    for kappa in (0, 1, float("nan")):
        with pytest.raises(ParameterError, match="expected a number between 0 and 1"):
            from_pvalues([0.1], kappa)
    for found, asked, rate in ((3, 2, 0.1), (-1, 2, 0.1), (1, 2, 1.0), (1, 2, float("nan"))):
        with pytest.raises(ParameterError, match="0 <= found <= asked"):
            share_evalue(found, asked, rate)

"""Shares past their earlier trend: the fit against its own equations, what must not matter, size with a drift and power."""

import numpy as np
import pytest
from scipy.optimize import minimize

from analysis_lib.stats import share_trend
from analysis_lib.stats.share_trend import placebo_cuts, trend_test


def contest(seed, n_before, n_after, *, drift=0.0, jump=0.0, bins=20, strata=3, choices=2):
    """Counts by stratum, bin and choice; the last bin is the one after the cut."""
    rng = np.random.default_rng(seed)
    times = np.append(np.linspace(-1, 0, bins, endpoint=False) + 0.5 / bins, 0.02)
    sizes = np.append(rng.multinomial(n_before, np.ones(bins) / bins), n_after)
    base = rng.normal(0, 0.4, (strata, choices))
    counts = np.zeros((strata, bins + 1, choices), np.int64)
    for t, size in enumerate(sizes):
        eta = base.copy()
        eta[:, 0] += drift * times[t] + jump * (t == bins)
        share = np.exp(eta) / np.exp(eta).sum(axis=1, keepdims=True)
        for s, n in enumerate(rng.multinomial(size, np.ones(strata) / strata)):
            counts[s, t] = rng.multinomial(n, share[s])
    return counts, times


def outcome(counts, times, cut=20, seed=0, n_resamples=199):
    rng = np.random.default_rng(seed)
    return trend_test(counts, times, cut, n_placebos=10, fewest=20, n_resamples=n_resamples, rng=rng)


def test_the_fit_is_the_one_that_a_plain_search_finds():
    counts, times = contest(1, 400, 40, drift=1.0, choices=3)
    fit = share_trend._fit(counts, times, 20)

    def loss(flat):
        b = flat.reshape(4, 2)
        eta = np.concatenate([np.zeros((3, 20, 1)), b[:3, None, :] + times[None, :20, None] * b[3]], axis=2)
        share = np.exp(eta) / np.exp(eta).sum(axis=2, keepdims=True)
        return -(counts[:, :20] * np.log(share)).sum() + share_trend.RIDGE / 2 * (flat**2).sum()

    b = minimize(loss, np.zeros(8), method="BFGS").x.reshape(4, 2)
    eta = np.concatenate([np.zeros((3, 21, 1)), b[:3, None, :] + times[None, :, None] * b[3]], axis=2)
    assert fit.share == pytest.approx(np.exp(eta) / np.exp(eta).sum(axis=2, keepdims=True), abs=1e-4)


def test_the_covariance_is_that_of_contests_made_again_and_again():
    counts, times = contest(2, 600, 60, drift=0.8)
    first = outcome(counts, times).actual
    fit = share_trend._fit(counts, times, 20)
    rng = np.random.default_rng(3)
    n = counts.sum(axis=2)
    apart = []
    for _ in range(400):
        again = np.stack([[rng.multinomial(n[s, t], fit.share[s, t]) for t in range(21)] for s in range(3)])
        apart.append(share_trend._excess(again, times, 20, 21)[0].apart[0])
    assert np.var(apart) == pytest.approx(first.covariance[0, 0], rel=0.25)
    assert abs(np.mean(apart)) < 4 * np.sqrt(first.covariance[0, 0] / 400)


def test_the_order_of_strata_and_choices_and_the_unit_of_time_change_nothing():
    counts, times = contest(4, 500, 50, drift=1.0, choices=3)
    found, other = outcome(counts, times), outcome(counts[::-1][:, :, ::-1], 24 * times + 7)
    assert other.actual.statistic == pytest.approx(found.actual.statistic, rel=0.01)  # the ridge leans on the first choice
    assert other.dispersion == pytest.approx(found.dispersion, rel=0.01)
    assert 24 * other.slope[::-1] == pytest.approx(found.slope, abs=1e-3)  # a change a day is 24 times a change an hour


def test_the_slope_is_for_each_unit_of_the_times_handed_over():
    counts, times = contest(9, 200_000, 100, drift=1.0, strata=1)
    days = 20 * times  # 20 bins of a day each
    slope, half = outcome(counts, days, n_resamples=9).slope, outcome(counts, 2 * days, n_resamples=9).slope
    assert half == pytest.approx(slope / 2)
    share = counts[0, :20, 0] / counts[0, :20].sum(axis=1)
    assert slope[0] == pytest.approx(np.polyfit(days[:20], share, 1)[0], rel=0.05)  # the logistic curve is nearly straight here
    assert slope.sum() == pytest.approx(0.0, abs=1e-12)


def test_placebo_cuts_leave_enough_on_either_side():
    counts, _ = contest(5, 500, 50)
    before = counts[:, :20].sum(axis=(0, 2)).cumsum()
    cuts = placebo_cuts(counts, 20, 10, 20)
    assert 5 <= len(cuts) <= 10
    for first, last in cuts:
        assert before[first - 1] >= 20
        assert before[last - 1] - before[first - 1] >= 20
        assert last <= 20
    assert placebo_cuts(counts[:, 15:], 5, 10, 1000) == []


@pytest.mark.parametrize("drift", [0.0, 1.5])
def test_a_drift_alone_raises_no_alarm(drift):
    p = np.array([outcome(*contest(100 + seed, 300, 40, drift=drift), seed=seed, n_resamples=99).pvalue for seed in range(200)])
    assert (p <= 0.05).mean() <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)
    assert p.mean() == pytest.approx(0.5, abs=0.1)


def test_a_jump_is_found_past_a_drift():
    p = np.array([outcome(*contest(500 + seed, 900, 100, drift=1.0, jump=1.2), seed=seed).pvalue for seed in range(40)])
    assert (p <= 0.05).mean() > 0.8


def test_choices_that_clump_in_time_widen_what_is_usual():
    counts, times = contest(6, 900, 100)
    clumped = counts.copy()
    clumped[:, ::2] = clumped[:, ::2].sum(axis=2, keepdims=True) * np.array([1, 0])
    clumped[:, 1::2] = clumped[:, 1::2].sum(axis=2, keepdims=True) * np.array([0, 1])
    assert outcome(clumped, times).dispersion > 5 > outcome(counts, times).dispersion

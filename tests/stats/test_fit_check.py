"""Does a baseline fit? Against R, against exact laws, and on clean, truncated, noisy and planted contests."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import held
from scipy.stats import kstest

from analysis_lib.stats import fit_check

HOURS = np.arange(337) * 3600.0
STEADY = settings(deadline=None, derandomize=True, max_examples=100)


def shares_of_hours():
    shares = held.column("baseline_hourly.csv", "share")
    return shares / shares.sum()


def rng(seed):
    return np.random.default_rng(seed)


def test_the_distance_and_its_chances_agree_with_r():
    stamps, shares = held.column("events_diurnal.csv", "t_s"), shares_of_hours()
    distance, asymptotic, exact = fit_check.uniform_distance(fit_check.rescaled(stamps, HOURS, shares, 1))
    assert distance == held.number("R10.distance")
    assert asymptotic == held.number("R10.asymptotic")
    assert exact == held.number("R10.exact")
    fit = fit_check.baseline_fit(stamps, HOURS, shares, resolution=1, n_resamples=9999, rng=rng(61))
    assert fit.distance == held.number("R10.distance")
    chance = held.value("R10.exact")
    assert abs(fit.pvalue - chance) <= 4 * np.sqrt(chance * (1 - chance) / 9999)  # a second in a fortnight is nearly continuous


@STEADY
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_the_distance_is_scipys(values):
    result = kstest(values, "uniform", method="exact")
    distance, _, exact = fit_check.uniform_distance(np.array(values))
    assert distance == pytest.approx(result.statistic, abs=1e-12)
    assert exact == pytest.approx(result.pvalue, abs=1e-9)


@STEADY
@given(st.lists(st.integers(0, 99), min_size=1, max_size=8), st.sampled_from([1, 5, 20]))
def test_the_distance_of_tied_stamps_is_found_event_by_event(stamps, resolution):
    edges, shares = np.array([0.0, 30.0, 100.0]), np.array([0.7, 0.3])
    stamps = np.array(stamps) // resolution * resolution
    fit = fit_check.baseline_fit(stamps, edges, shares, resolution=resolution, n_resamples=9, rng=rng(62))
    ahead = [(stamps <= t).mean() - np.interp(t + resolution / 2, edges, [0, 0.7, 1]) for t in stamps]
    behind = [np.interp(t + resolution / 2, edges, [0, 0.7, 1]) - (stamps < t).mean() for t in stamps]
    assert fit.distance == pytest.approx(max(*ahead, *behind) if len(stamps) > 1 else max(ahead + behind))
    gaps = ahead if fit.is_ahead else behind
    assert max(gap for gap, t in zip(gaps, stamps, strict=True) if t == fit.at) == pytest.approx(fit.distance)


def clean(draw, n, shares, noise_cv=0.0, resolution=1):
    rates = shares * (draw.gamma(1 / noise_cv**2, noise_cv**2, shares.size) if noise_cv else 1)
    hours = draw.choice(shares.size, n, p=rates / rates.sum())
    return (hours * 3600 + draw.random(n) * 3600).astype(np.int64) // resolution * resolution


@pytest.mark.parametrize(("resolution", "noise_cv"), [(1, 0.0), (3600, 0.0), (86400, 0.0), (1, 0.8)])
def test_clean_contests_keep_their_rate_however_coarse_their_stamps(resolution, noise_cv):
    draw, shares, n = rng(63), shares_of_hours(), 300
    pvalues = [
        fit_check.baseline_fit(
            clean(draw, 100, shares, noise_cv, resolution), HOURS, shares,
            resolution=resolution, noise_cv=noise_cv, n_resamples=99, rng=draw,
        ).pvalue
        for _ in range(n)
    ]  # fmt: skip
    for level in (0.05, 0.2, 0.5):
        assert (np.array(pvalues) <= level).mean() <= level + 3 * np.sqrt(level * (1 - level) / n)
    assert (np.array(pvalues) <= 0.05).mean() >= 0.01


def test_whole_days_would_be_condemned_by_the_law_of_continuous_data():
    draw, shares = rng(64), shares_of_hours()
    alarms = [
        fit_check.uniform_distance(fit_check.rescaled(clean(draw, 300, shares, 0, 86400), HOURS, shares, 86400))[2] <= 0.05
        for _ in range(100)
    ]
    assert np.mean(alarms) >= 0.2


def test_another_pace_is_noticed_and_told_ahead_or_behind():
    draw, shares = rng(65), shares_of_hours()
    early = np.where(np.arange(336) < 168, 1.4, 0.6) * shares
    stamps = clean(draw, 400, early / early.sum())
    fit = fit_check.baseline_fit(stamps, HOURS, shares, resolution=1, n_resamples=199, rng=draw)
    assert fit.pvalue == 1 / 200
    assert fit.is_ahead
    assert abs(fit.at - 168 * 3600) <= 48 * 3600
    mirrored = np.where(np.arange(336) < 168, 0.6, 1.4) * shares
    behind = fit_check.baseline_fit(
        clean(draw, 400, mirrored / mirrored.sum()), HOURS, shares, resolution=1, n_resamples=9, rng=draw
    )
    assert not behind.is_ahead


def test_one_event_has_a_distance():
    fit = fit_check.baseline_fit(np.array([0]), np.array([0.0, 10.0]), np.ones(1), resolution=1, n_resamples=99, rng=rng(66))
    assert fit.distance == pytest.approx(0.95)
    assert 0 < fit.pvalue <= 1

"""The null of a scan over whole hours: SaTScan's where there is no noise, and clean contests whose noise lasts."""

import clean_contests
import numpy as np
import pytest
from clean_contests import Habits
from reference import held

from analysis_lib.stats import scan
from analysis_lib.stats.burst_nulls import pair_chances, paired_within_step_null
from analysis_lib.stats.turnout_baseline import fit_baseline


def null(n, shares, longest, noise_cv=0.0, spread=None, n_resamples=999, seed=1):
    spread = np.zeros((shares.size, 1)) if spread is None else spread
    return scan.baseline_bins_null(
        n, shares, longest, noise_cv=noise_cv, uncertainty=spread, n_resamples=n_resamples, rng=np.random.default_rng(seed)
    )


def test_without_noise_it_is_satscans_temporal_poisson_model():
    counts = held.column("scan_counts_weak150.csv", "count")
    shares = np.full(150, 1 / 150)
    top = scan.scan_bins(counts, counts.sum() * shares, 30)
    found = null(int(counts.sum()), shares, 30, n_resamples=9999)
    # SaTScan's rank p, known to 0.004 from its own draws; ours to 0.0033.
    assert scan.rank_pvalue(top.llr, found) == pytest.approx(held.value("R6.pvalue"), abs=0.012)


def test_uneven_shares_by_a_slow_road():
    shares, draw = np.array([0.5, 0.3, 0.1, 0.1]), np.random.default_rng(3)

    def ratio(c, mu, n):
        return c * np.log(c / mu) + ((n - c) * np.log((n - c) / (n - mu)) if c < n else 0.0) if c > mu else 0.0

    maxima = []
    for _ in range(4000):
        counts = np.bincount(draw.choice(4, 12, p=shares), minlength=4)
        runs = [(i, j) for i in range(4) for j in range(i + 1, min(i + 2, 4) + 1)]
        maxima.append(max(ratio(counts[i:j].sum(), 12 * shares[i:j].sum(), 12) for i, j in runs))
    found = null(12, shares, 2, n_resamples=4000)
    for level in (0.5, 0.9, 0.95):
        assert np.mean(found <= np.quantile(maxima, level) + 1e-9) == pytest.approx(
            np.mean(maxima <= np.quantile(maxima, level) + 1e-9), abs=0.04
        )


def test_noise_of_either_kind_widens_it():
    shares = np.full(100, 0.01)
    spread = 0.5 * np.ones((100, 1)) * (np.arange(100)[:, None] // 10 == np.arange(10)[None, :])
    plain, fresh, lasting = (
        np.quantile(null(300, shares, 24, cv, root), 0.95) for cv, root in ((0, None), (0.6, None), (0, spread))
    )
    assert plain < fresh
    assert plain < lasting


@pytest.mark.calibration
@pytest.mark.parametrize(
    "habits", [Habits(), Habits(drift=0.6), Habits(drift=0.6, along=0.2)], ids=["fresh", "lasting", "couples"]
)
def test_clean_hours_raise_few_alarms(habits):
    draw, edges, alarms = np.random.default_rng(21), np.arange(habits.hours + 1) * 3600, []
    for _ in range(20):
        baseline = fit_baseline(clean_contests.peers(habits, 600, draw), [habits.clock] * 20)
        shares = baseline.shares(habits.clock)
        maxima = null(600, shares, 24, baseline.noise.fresh_cv, baseline.spread(habits.clock), seed=int(draw.integers(10**9)))
        for _ in range(20):
            counts = np.histogram(clean_contests.stamps(habits, 600, draw), edges)[0]
            alarms.append(scan.rank_pvalue(scan.scan_bins(counts, 600 * shares, 24).llr, maxima) <= 0.05)
    assert np.mean(alarms) <= 0.07


@pytest.mark.parametrize(("pace", "paired"), [(0.2, 0.3), (3.0, 0.1)])
def test_how_many_pairs_by_drawing_them(pace, paired):
    # Singles and leaders come at a pace; each brings a second with a fixed chance. Of steps that hold three, how many pairs?
    draw = np.random.default_rng(4)
    first = draw.poisson(pace, 400_000)
    pairs = draw.binomial(first, paired)
    held_three = pairs[first + pairs == 3]
    expected = pair_chances(3, pace, paired)
    assert expected.sum() == pytest.approx(1.0)
    error = 4 * np.sqrt(expected.max() * (1 - expected.max()) / held_three.size)
    assert [np.mean(held_three == k) for k in (0, 1)] == pytest.approx(expected.tolist(), abs=error)


def test_pairs_keep_every_hours_total_and_widen_the_null():
    draw, edges = np.random.default_rng(6), np.arange(49) * 3600.0
    stamps = np.sort(draw.integers(0, 48 * 3600, 150)) // 60 * 60
    shares = np.histogram(stamps, edges)[0] / 150
    common = {"resolution": 60, "n_resamples": 400}
    singles = scan.within_step_null(stamps, edges, shares, (300, 900), rng=np.random.default_rng(1), **common)
    pairs = paired_within_step_null(stamps, edges, shares, (300, 900), along=0.25, rng=np.random.default_rng(2), **common)
    assert np.median(pairs) > np.median(singles)
    none = paired_within_step_null(stamps, edges, shares, (300, 900), along=0.0, rng=np.random.default_rng(3), **common)
    assert np.median(none) == pytest.approx(np.median(singles), abs=0.5)
    whole_hours = paired_within_step_null(
        stamps, edges, shares, (3600,), along=0.25, rng=np.random.default_rng(3), resolution=3600, n_resamples=20
    )
    assert np.ptp(whole_hours) == 0.0  # cut down to the hour, only the totals are left

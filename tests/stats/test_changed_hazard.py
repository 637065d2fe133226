"""Residuals after a change: a slow second road on tied data, their sum at the fit, edges."""

import numpy as np
import pytest

from analysis_lib.stats.changed_hazard import residuals_after
from analysis_lib.stats.cox import fit_cox, risk_rows


def slow(change, stop, event, strata, log_ratio):
    found = []
    for i in range(len(stop)):
        expected = 0.0
        for t in sorted({stop[j] for j in range(len(stop)) if event[j] and strata[j] == strata[i]}):
            risk = [j for j in range(len(stop)) if strata[j] == strata[i] and stop[j] >= t]
            deaths = sum(event[j] and stop[j] == t for j in risk)
            if change[i] < t <= stop[i]:
                expected += deaths * np.exp(log_ratio) / sum(np.exp(log_ratio) if change[j] < t else 1.0 for j in risk)
        found.append(event[i] - expected if change[i] < stop[i] else 0.0)
    return found


def some(seed, n=60):
    rng = np.random.default_rng(seed)
    change = np.where(rng.random(n) < 0.5, rng.integers(0, 12, n), np.inf)
    return change, rng.integers(1, 15, n).astype(float), rng.random(n) < 0.6, rng.integers(0, 3, n)


@pytest.mark.parametrize("seed", range(8))
def test_the_slow_road_gives_the_same(seed):
    change, stop, event, strata = some(seed)
    assert residuals_after(change, stop, event, strata, 0.7) == pytest.approx(slow(change, stop, event, strata, 0.7))


def test_they_sum_to_nothing_where_the_ratio_is_the_fitted_one():
    rng = np.random.default_rng(2)
    change, _, event, strata = some(2, 200)
    stop = rng.permutation(200) + 1.0  # no ties, where Breslow and Efron are one
    has = change < stop
    later = np.flatnonzero(has & (change > 0))
    first = has & (change <= 0)
    ends, events = stop.copy(), event.copy()
    ends[later], events[later] = change[later], False
    rows = risk_rows(
        np.r_[np.zeros(200), change[later]], np.r_[ends, stop[later]], np.r_[events, event[later]],
        np.r_[first, np.ones(later.size)].astype(float)[:, None], np.r_[strata, strata[later]],
    )  # fmt: skip
    found = residuals_after(change, stop, event, strata, float(fit_cox(rows).coefficients[0]))
    assert abs(found.sum()) < 1e-6 < np.abs(found).sum()


def test_nobody_changed_or_nobody_had_the_event():
    stop = np.array([1.0, 2.0])
    assert residuals_after([np.inf, np.inf], stop, [True, True], [0, 0], 0.0).tolist() == [0.0, 0.0]
    assert residuals_after([0.0, np.inf], stop, [False, False], [0, 0], 0.0).tolist() == [0.0, 0.0]

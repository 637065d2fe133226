"""How long the hazard model takes on a small contest and on half a million members.

`python3 run.py test -m benchmark -n 0 -s tests/benchmarks` prints what was measured. The machine should be quiet.
"""

import time

import numpy as np
import pytest
from reference import held

from analysis_lib.stats.cox import fit_cox, profile_interval, proportionality, risk_rows

pytestmark = pytest.mark.benchmark

RUNS = 3  # the fastest counts
MEMBERS, BRANCHES, OPEN_SECONDS = 500_000, 50, 14 * 86_400
COPIES = 14  # of the 170 rows: 2,380
MOST_SECONDS = {"small": 0.05, "large": 5.0}


def measured(name, case):
    """Seconds to make rows ready and fit them; prints those of the rest too."""
    fit_cox(risk_rows(*[part[:: max(1, len(part) // 2000)] for part in case]))  # compiled or read from the cache
    times = []
    for _ in range(RUNS):
        began = time.perf_counter()
        rows = risk_rows(*case)
        fit = fit_cox(rows)
        times.append(time.perf_counter() - began)
    began = time.perf_counter()
    profile_interval(rows, fit, 0, 0.95)
    interval = time.perf_counter() - began
    proportionality(rows, fit)
    print(
        f"\n{name}: {fit.n_rows:,} rows, {fit.n_events:,} events at {rows.n_cells:,} instants within strata: fit {min(times):.4f} s "
        f"({fit.iterations} steps), interval {interval:.4f} s, proportionality {time.perf_counter() - began - interval:.4f} s"
    )
    return fit, min(times)


def test_two_thousand_rows():
    names = ("start", "stop", "voted", "reissued", "age")
    start, stop, event, *covariates = (np.tile(held.column("reissue_hazard.csv", name), COPIES) for name in names)
    _, seconds = measured("small", (start, stop, event, np.column_stack(covariates)))
    assert seconds <= MOST_SECONDS["small"]


def test_half_a_million_members():
    rng = np.random.default_rng(95)
    branch, age, sex = rng.integers(0, BRANCHES, MEMBERS), rng.integers(18, 90, MEMBERS), rng.integers(0, 2, MEMBERS)
    rate = 0.45 / OPEN_SECONDS * np.exp(0.01 * (age - 50) + 0.2 * sex)
    asked = np.where(rng.random(MEMBERS) < 0.5, rng.integers(1, OPEN_SECONDS, MEMBERS), 2 * OPEN_SECONDS)
    voted = np.ceil(rng.exponential(1 / rate))
    again = asked + np.ceil(rng.exponential(1 / (1.5 * rate)))
    voted = np.where(voted > asked, again, voted).astype(np.int64)
    two = asked < np.minimum(voted, OPEN_SECONDS)
    until = np.minimum(np.minimum(voted, asked), OPEN_SECONDS)
    case = (
        np.append(np.zeros(MEMBERS, np.int64), asked[two]),
        np.append(until, np.minimum(voted, OPEN_SECONDS)[two]),
        np.append((voted <= until), (voted <= OPEN_SECONDS)[two]),
        np.column_stack([np.repeat([0, 1], [MEMBERS, two.sum()]), np.append(age, age[two]), np.append(sex, sex[two])]),
        np.append(branch, branch[two]),
    )
    order = rng.permutation(case[0].size)
    fit, seconds = measured("large", [part[order] for part in case])
    assert fit.coefficients == pytest.approx([np.log(1.5), 0.01, 0.2], abs=4 * np.sqrt(np.diag(fit.covariance)).max())
    assert seconds <= MOST_SECONDS["large"]

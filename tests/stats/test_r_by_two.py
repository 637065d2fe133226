"""Freeman and Halton's test: Fisher's table, all tables counted out, false alarms, messages."""

from itertools import product

import numpy as np
import pytest
from scipy.special import comb

from analysis_lib.errors import ParameterError
from analysis_lib.stats.r_by_two import freeman_halton


def counted_out(events, sizes):
    """Every table with the same totals, one after the other."""
    total = sum(events)
    tables = [t for t in product(*(range(n + 1) for n in sizes)) if sum(t) == total]
    chance = {t: np.prod([comb(n, k, exact=True) for n, k in zip(sizes, t, strict=True)]) for t in tables}
    return sum(c for c in chance.values() if c <= chance[tuple(events)]) / sum(chance.values())


def test_fishers_tea():
    # Fisher (1935) / Agresti (2002), Categorical Data Analysis, p. 92: three of four cups right, two-sided p = 0.486.
    found = freeman_halton([3, 1], [4, 4], n_resamples=20_000, rng=np.random.default_rng(1))
    assert found == pytest.approx(0.4857, abs=4 * np.sqrt(0.25 / 20_000))


@pytest.mark.parametrize(
    ("events", "sizes"), [([0, 2, 5], [9, 4, 7]), ([5, 0, 2], [7, 9, 4]), ([1, 1, 1], [3, 8, 2]), ([4, 0, 0, 1], [5, 6, 3, 3])]
)
def test_it_agrees_with_all_tables_counted_out(events, sizes):
    exact = counted_out(events, sizes)
    found = freeman_halton(events, sizes, n_resamples=9_999, rng=np.random.default_rng(2))
    assert found == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 9_999) + 2e-4)


def test_nothing_or_everything_taken_is_no_surprise():
    for events in ([0, 0], [5, 9]):
        assert freeman_halton(events, [5, 9], n_resamples=99, rng=np.random.default_rng(3)) == 1.0


def test_it_raises_few_false_alarms_and_finds_a_difference():
    rng = np.random.default_rng(4)
    sizes = np.array([300, 60, 25])
    clean = [freeman_halton(rng.binomial(sizes, 0.05), sizes, n_resamples=199, rng=rng) for _ in range(300)]
    assert np.mean(np.array(clean) <= 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)
    uneven = [freeman_halton(rng.binomial(sizes, [0.02, 0.2, 0.2]), sizes, n_resamples=199, rng=rng) for _ in range(50)]
    assert np.mean(np.array(uneven) <= 0.05) >= 0.9


@pytest.mark.parametrize(
    ("events", "sizes"), [([1], [2]), ([3, 0], [2, 2]), ([-1, 0], [2, 2]), ([0, 0], [2, 0]), ([1, 1, 1], [2, 2])]
)
def test_counts_that_do_not_fit_are_refused(events, sizes):
    with pytest.raises(ParameterError, match="expected 0 to all of each group"):
        freeman_halton(events, sizes, n_resamples=99, rng=np.random.default_rng(5))

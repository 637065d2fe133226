"""The permutation over all choices: against every permutation of small tied data, its size, and its limit."""

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import chi2, chi2_contingency

from analysis_lib.stats import choice_permutation
from analysis_lib.stats.choice_permutation import spread_test


def test_every_permutation_of_small_tied_data():
    choices = {0: [1, 0, 2, 0, 1], 1: [2, 2, 0, 1]}  # unsorted, tied
    late = {0: {1, 3}, 1: {0, 2}}
    labelled, others = (np.zeros((2, 3), int) for _ in range(2))
    for s, made in choices.items():
        for i, c in enumerate(made):
            (labelled if i in late[s] else others)[s, c] += 1
    expected = sum(2 * np.bincount(made, minlength=3) / len(made) for made in choices.values())
    sums = [
        ((np.bincount([choices[0][i] for i in one] + [choices[1][i] for i in two], minlength=3) - expected) ** 2 / expected).sum()
        for one in combinations(range(5), 2)
        for two in combinations(range(4), 2)
    ]
    found = spread_test(labelled, others, n_resamples=20_000, rng=np.random.default_rng(1))
    truth = np.mean(np.array(sums) >= found.statistic - 1e-9)
    assert found.expected == pytest.approx(expected)
    assert found.pvalue == pytest.approx(truth, abs=4 * np.sqrt(truth * (1 - truth) / 20_000) + 1e-4)


def test_one_large_stratum_is_the_chi_square_of_a_table():
    labelled, others = np.array([[620, 480, 900]]), np.array([[1300, 1250, 1900]])
    found = spread_test(labelled, others, n_resamples=9999, rng=np.random.default_rng(2))
    assert found.pvalue == pytest.approx(chi2_contingency([labelled[0], others[0]]).pvalue, abs=0.003)


def test_the_limit_for_many_items_agrees_with_the_draws(monkeypatch):
    rng = np.random.default_rng(3)
    labelled, others = rng.integers(10, 40, (6, 3)), rng.integers(50, 90, (6, 3))
    drawn = spread_test(labelled, others, n_resamples=9999, rng=rng)
    monkeypatch.setattr(choice_permutation, "MOST_EXACT", 10)
    limit = spread_test(labelled, others, n_resamples=9, rng=rng)
    assert limit.null_draws is None
    assert limit.statistic == drawn.statistic
    assert limit.pvalue == pytest.approx(drawn.pvalue, abs=0.03)


def test_its_size_is_its_level():
    rng = np.random.default_rng(4)
    hits = 0
    for _ in range(300):
        shares = rng.dirichlet([3, 2, 1], 4)
        labelled = np.stack([rng.multinomial(9, share) for share in shares])
        others = np.stack([rng.multinomial(60, share) for share in shares])
        hits += spread_test(labelled, others, n_resamples=199, rng=rng).pvalue <= 0.05
    assert 0.02 <= hits / 300 <= 0.08


def test_strata_with_one_side_alone_and_empty_choices_say_nothing():
    labelled, others = np.array([[3, 1, 0], [5, 5, 0]]), np.array([[2, 6, 0], [0, 0, 0]])
    found = spread_test(labelled, others, n_resamples=99, rng=np.random.default_rng(5))
    assert found.seen.tolist() == [3, 1, 0]
    nothing = spread_test(labelled[1:], others[1:], n_resamples=99, rng=np.random.default_rng(5))
    assert (nothing.statistic, nothing.pvalue) == (0.0, 1.0)
    assert chi2.sf(0, 1) == 1.0

"""Shared keys: coincidences by R and by simulation, tallies by hand, and predictions that leave open what little data leave open."""

import numpy as np
import pytest
from reference import held

from analysis_lib.stats import collisions


def test_coincidences_as_r_has_them():
    assert collisions.birthday(23, 365) == held.number("R18.two")
    assert collisions.birthday(500, 2000, 3) == held.number("R18.three")


def test_coincidences_at_the_ends():
    assert collisions.birthday(366, 365) == 1.0
    assert collisions.birthday(2, 365, 3) == 0.0
    assert collisions.birthday(5, 10, 1) == 1.0


def test_the_approximate_coincidence_of_three_by_simulation():
    rng = np.random.default_rng(1)
    hits = [np.bincount(rng.integers(0, 100, 30)).max() >= 3 for _ in range(4000)]
    assert collisions.birthday(30, 100, 3) == pytest.approx(np.mean(hits), abs=0.03)


def test_tallies_by_hand():
    assert collisions.tallies([1, 1, 2, 3, 3, 5, 12]).tolist() == [23, 17, 12, 12]
    assert collisions.tallies([]).tolist() == [0, 0, 0, 0]


def test_with_much_to_learn_from_the_mean_is_the_references_own():
    rng = np.random.default_rng(2)
    sizes = np.repeat([1, 2, 3, 4, 5, 6, 8, 13], [40_000, 8000, 700, 200, 100, 60, 30, 15])
    n = int(sizes.sum())
    draws = collisions.predicted_tallies(sizes, n, 400, n_resamples=40_000, rng=rng)
    assert draws[:, 0].mean() == pytest.approx(collisions.tallies(sizes)[0] * 400 / n, rel=0.03)
    assert (draws[:, 0] >= draws[:, 1]).all()
    assert (draws[:, 1] >= draws[:, 2]).all()


def test_with_little_to_learn_from_large_groups_are_not_ruled_out():
    rng = np.random.default_rng(3)
    few, many = (collisions.predicted_tallies(np.ones(n, int), n, 300, n_resamples=5000, rng=rng)[:, -1] for n in (300, 30_000))
    assert (few >= 30).mean() > 10 * (many >= 30).mean()


def test_the_pvalue_of_all_tallies_together_is_exact():
    rng, hits = np.random.default_rng(4), []
    for _ in range(1000):
        made = np.cumsum(rng.integers(0, 5, (100, 4)), axis=1)
        hits.append(collisions.excess(made[0], made[1:]).pvalue <= 0.1)
    assert np.mean(hits) <= 0.1 + 4 * np.sqrt(0.09 / 1000)


def test_the_excess_by_hand():
    draws = np.array([[0, 1], [0, 2], [1, 0], [2, 2]])
    found = collisions.excess(np.array([2, 0]), draws)
    # Of the five the first tally is reached by 2, 5, 5, 3, 2, the second by 5, 3, 2, 5, 2: smallest shares .4 .6 .4 .6 .4.
    assert found.each.tolist() == [0.4, 1.0]
    assert found.smallest.tolist() == pytest.approx([0.4, 0.6, 0.4, 0.6, 0.4])
    assert found.pvalue == 0.6

"""Chains of three steps: the most that fit in by trying all, every dealing of the members tried out, and nothing that depends on order."""

from itertools import combinations, pairwise, permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis_lib.stats import chains

GAP = 3
ROWS = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 2), st.integers(0, 2), st.integers(0, 1)), max_size=9)


def steps(rows):
    """Rows of (at, step, member, stratum)."""
    at, step, member, stratum = (
        (np.array(column, np.int64) for column in zip(*rows, strict=True)) if rows else [np.zeros(0, np.int64)] * 4
    )
    return chains.in_order(at, step, member, stratum)


def most_by_trying(rows, gap):
    """The most chains of which no two overlap, member by member, over every choice of them."""
    total = 0
    for member in {row[2] for row in rows}:
        own = sorted((at, step) for at, step, who, _ in rows if who == member)
        fits = [
            (i, k)
            for i, j, k in combinations(range(len(own)), 3)
            if [own[x][1] for x in (i, j, k)] == [0, 1, 2] and own[j][0] - own[i][0] <= gap and own[k][0] - own[j][0] <= gap
        ]
        total += max(
            (n for n in range(len(fits) + 1) for chosen in combinations(sorted(fits), n) if apart(chosen)), default=0
        )  # fmt: skip
    return total


def apart(chosen):
    return all(first[1] < second[0] for first, second in pairwise(chosen))


@given(ROWS)
@settings(max_examples=150, deadline=None)
def test_as_many_chains_as_trying_all_finds(rows):
    made = steps(rows)
    found = chains.chains(made, GAP)
    assert found.shape[0] == most_by_trying(rows, GAP)
    assert (made.step[found] == [0, 1, 2]).all()
    assert (np.diff(made.at[found], axis=1) <= GAP).all()
    assert all(len(set(who)) == 1 for who in made.member[found].tolist())


@given(ROWS, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_rows_in_another_order_times_moved_and_names_changed_give_the_same(rows, random):
    other = [(at + 1000, step, 7 - who, stratum + 5) for at, step, who, stratum in random.sample(rows, len(rows))]
    assert chains.chains(steps(rows), GAP).shape == chains.chains(steps(other), GAP).shape
    drawn = [chains.dealings(steps(r), GAP, n_resamples=400, rng=np.random.default_rng(1)).counts.mean() for r in (rows, other)]
    assert drawn[0] == pytest.approx(drawn[1], abs=0.35)


def every_dealing(made):
    """Counts and squared gaps of every way to deal the members out within the strata."""
    parts = [np.flatnonzero(made.stratum == s) for s in np.unique(made.stratum)]
    told = []
    for dealt in product(*(permutations(made.member[part]) for part in parts)):
        member = made.member.copy()
        for part, own in zip(parts, dealt, strict=True):
            member[part] = own
        other = chains.Steps(made.at, made.step, member, made.stratum)
        found = chains.chains(other, GAP)
        told.append((found.shape[0], chains.squared_gaps(other, found)))
    return np.array(told)


# Unsorted, tied, two hours of one step, and a ballot of a member without any other step.
TIED = [
    (3, 2, 1, 0),
    (0, 0, 1, 0),
    (1, 1, 1, 0),
    (3, 1, 2, 0),
    (1, 0, 2, 0),
    (4, 2, 3, 0),
    (2, 2, 4, 0),
    (5, 2, 2, 0),
    (9, 0, 3, 1),
    (11, 1, 3, 1),
    (12, 2, 3, 1),
]


def test_the_pvalue_against_every_dealing():
    made = steps(TIED)
    count, square = chains.chains(made, GAP).shape[0], chains.squared_gaps(made, chains.chains(made, GAP))
    every = every_dealing(made)
    exact = np.mean((every[:, 0] > count) | ((every[:, 0] == count) & (every[:, 1] <= square + 1e-9)))
    drawn = chains.dealings(made, GAP, n_resamples=20_000, rng=np.random.default_rng(2))
    assert 0.01 < exact < 0.5
    assert drawn.pvalue(count, square) == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 20_000) + 1e-4)
    assert drawn.counts.mean() == pytest.approx(every[:, 0].mean(), abs=0.03)


@given(ROWS)
@settings(max_examples=40, deadline=None)
def test_strata_out_of_reach_change_nothing(rows):
    made = steps(rows)
    near = chains.within_reach(made, GAP)
    assert chains.chains(near, GAP).shape == chains.chains(made, GAP).shape
    whole, part = (np.sort(every_dealing(m)[:, 0]) for m in (made, near)) if len(rows) <= 6 else (np.zeros(1), np.zeros(1))
    assert whole.mean() == pytest.approx(part.mean())


def test_three_by_hand():
    # Changes at 0, 1, 2, reissues at 10, 11, 12 and ballots at 20, 21, 22, in the same order of members: every one of the 36 dealings
    # gives three chains, and none follows as closely.
    made = steps([(10 * step + i, step, i, 0) for step in range(3) for i in range(3)])
    assert chains.squared_gaps(made, chains.chains(made, 15)) == 3 * (10**2 + 10**2)
    drawn = chains.dealings(made, 15, n_resamples=36_000, rng=np.random.default_rng(3))
    assert set(drawn.counts) == {3}
    assert drawn.pvalue(3, 600.0) == pytest.approx(1 / 36, abs=0.004)


def test_a_gap_of_just_the_limit_counts_and_one_more_does_not():
    assert chains.chains(steps([(0, 0, 1, 0), (3, 1, 1, 0), (6, 2, 1, 0)]), GAP).shape[0] == 1
    assert chains.chains(steps([(0, 0, 1, 0), (4, 1, 1, 0), (6, 2, 1, 0)]), GAP).shape[0] == 0
    assert chains.chains(steps([(0, 0, 1, 0), (3, 1, 1, 0), (7, 2, 1, 0)]), GAP).shape[0] == 0


def test_all_at_one_instant_count_in_their_order():
    assert chains.chains(steps([(5, 2, 1, 0), (5, 0, 1, 0), (5, 1, 1, 0)]), GAP).shape[0] == 1


def test_nothing_and_single_events():
    for rows in ([], [(0, 0, 1, 0)], [(0, 2, 1, 0), (0, 0, 1, 0)]):
        made = steps(rows)
        assert chains.chains(made, GAP).shape == (0, 3)
        drawn = chains.dealings(made, GAP, n_resamples=99, rng=np.random.default_rng(1))
        assert drawn.counts.max(initial=0) == 0
        assert drawn.pvalue(0, 0.0) == 1.0


def test_under_its_null_the_pvalue_is_not_too_small():
    rng, pvalues = np.random.default_rng(8), []
    for _ in range(300):
        n = 6
        rows = [(int(rng.integers(0, 12)), step, who, 0) for step in range(3) for who in rng.permutation(n)]
        made = steps(rows)
        found = chains.chains(made, GAP)
        drawn = chains.dealings(made, GAP, n_resamples=199, rng=rng)
        pvalues.append(drawn.pvalue(found.shape[0], chains.squared_gaps(made, found)))
    for level in (0.05, 0.1, 0.3):
        assert np.mean(np.array(pvalues) <= level) <= level + 3 * np.sqrt(level * (1 - level) / 300)

"""Order down a list: every order counted, a published sequence, shuffles within blocks, and couples counted as one."""

from itertools import pairwise, permutations
from math import factorial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import held
from scipy.stats import kendalltau
from tiny_package import STEADY

from analysis_lib.stats import list_order as orders

ROLL = held.column("roll_order60.csv", "roll_no")
RANKS = ROLL.argsort().argsort()


def sequence(ranks, tracks=None, blocks=None, near=None):
    n = len(ranks)
    given = (tracks, blocks, near)
    return orders.Sequence(np.array(ranks), *(np.zeros(n, int) if part is None else np.array(part) for part in given))


def test_successions_among_all_orders_of_eight():
    counted = np.zeros(8, int)
    for order in permutations(range(8)):
        counted[sum(b == a + 1 for a, b in pairwise(order))] += 1
    assert counted.tolist() == held.value("R14.counts")
    assert orders.succession_law(8) * factorial(8) == pytest.approx(counted, rel=1e-12)
    assert orders.succession_tail(8, 3) == held.number("R14.eight")
    assert orders.succession_tail(60, 7) == held.number("R14.sixty")


@pytest.mark.parametrize("n", [1, 2, 3, 60, 5000])
def test_the_law_is_a_law_with_its_known_mean(n):
    law = orders.succession_law(n)
    assert law.sum() == pytest.approx(1, rel=1e-12)
    assert (law * np.arange(n)).sum() == pytest.approx((n - 1) / n, rel=1e-9, abs=1e-12)
    assert orders.succession_tail(n, 0) == pytest.approx(1)


def test_the_published_sequence():
    successions, longest, ratio = orders.statistics(sequence(RANKS), 2)
    assert (successions, longest) == (held.value("R15.successions"), held.value("R15.run"))
    assert ratio == held.number("R15.ratio")
    # A rank correlation sees nothing of the run.
    tau = kendalltau(np.arange(60), ROLL, method="exact")
    assert tau.statistic == held.number("R15.tau")
    assert tau.pvalue == held.number("R15.tau_p")
    null = orders.shuffled_null(sequence(RANKS), 2, n_resamples=200_000, rng=np.random.default_rng(1))
    assert np.mean(null[:, 1] >= longest) == held.number("R15.run_p")
    assert np.mean(null[:, 0] >= successions) == pytest.approx(held.value("R14.sixty"), abs=4 * np.sqrt(7.5e-5 / 200_000))


def slow(ranks, tracks, near, most):
    """Couples put together first, places counted anew, then every step in turn."""
    kept, gone = [], []
    for i in range(len(ranks)):
        first = kept[-1] if kept else None
        if i and near[i] and first == i - 1 and tracks[i] == tracks[i - 1] and abs(ranks[i] - ranks[i - 1]) == 1:
            gone.append(ranks[i])
        else:
            kept.append(i)
    places = {i: ranks[i] - sum(g < ranks[i] for g in gone) for i in kept}
    steps = [places[b] - places[a] if tracks[a] == tracks[b] else None for a, b in pairwise(kept)]
    runs, run = [0], 0
    for step in steps:
        run = run + 1 if step is not None and 1 <= step <= most else 0
        runs.append(run)
    sizes = [sum(tracks[i] == track for i in kept) for track in set(tracks)]
    around = sum(m * (m * m - 1) / 12 for m in sizes)
    squares = sum(step**2 for step in steps if step is not None)
    return steps.count(1), max(runs), squares / around if around else 2.0


@STEADY
@given(st.data())
def test_the_statistics_by_a_slow_road(data):
    n = data.draw(st.integers(1, 14))
    ranks = data.draw(st.permutations(range(n)))
    tracks = sorted(data.draw(st.lists(st.integers(0, 2), min_size=n, max_size=n)))
    near = data.draw(st.lists(st.booleans(), min_size=n, max_size=n))
    most = data.draw(st.integers(1, 3))
    near[0] = False
    found = orders.statistics(sequence(ranks, tracks, None, near), most)
    assert found == pytest.approx(slow(ranks, tracks, near, most), rel=1e-9)
    first, length = orders.longest_run_at(sequence(ranks, tracks), most)
    steps = np.diff(np.array(ranks)[first : first + length])
    assert length == slow(ranks, tracks, [False] * n, most)[1] + 1
    assert ((steps >= 1) & (steps <= most)).all()


def test_a_shuffle_stays_within_its_blocks():
    # Blocks of one leave the sequence as it is; of two, each pair stands either way round.
    ranks = [3, 0, 1, 2, 5, 4]
    still = orders.shuffled_null(sequence(ranks, blocks=range(6)), 2, n_resamples=50, rng=np.random.default_rng(2))
    assert (still == orders.statistics(sequence(ranks), 2)).all()
    pairs = sequence(ranks, blocks=[0, 0, 1, 1, 2, 2])
    null = orders.shuffled_null(pairs, 1, n_resamples=16_000, rng=np.random.default_rng(3))
    every = []
    for a, b, c in [(x, y, z) for x in (0, 1) for y in (0, 1) for z in (0, 1)]:
        turned = [*(ranks[:2][:: -1 if a else 1]), *(ranks[2:4][:: -1 if b else 1]), *(ranks[4:][:: -1 if c else 1])]
        every.append(orders.statistics(sequence(turned), 1)[0])
    for s in range(4):
        assert np.mean(null[:, 0] == s) == pytest.approx(np.mean(np.array(every) == s), abs=0.016)


def test_a_couple_counts_once_and_a_long_run_still_shows():
    # 2 and 3 vote together: one succession goes. Places 0..11 in a row: six pairs, of which five follow the one before.
    couple = [5, 2, 3, 0, 4, 1]
    assert orders.statistics(sequence(couple), 1)[0] == 1
    assert orders.statistics(sequence(couple, near=[False] + [True] * 5), 1)[0] == 0
    assert orders.statistics(sequence(range(12), near=[False] + [True] * 11), 1)[:2] == (5, 5)

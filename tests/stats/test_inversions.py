"""Order against time: every number by a slow road, delays that are given out at random, and lists that were or weren't mixed."""

from itertools import combinations, pairwise, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from reference import held
from scipy.stats import kendalltau
from tiny_package import STEADY

from analysis_lib.stats import inversions

TIMES = arrays(np.int64, st.integers(1, 9), elements=st.integers(0, 12))
TOLERANCE = st.integers(0, 3)


def longest_in_order(times):
    """By every subset."""
    return max(
        (k for k in range(len(times) + 1) for own in combinations(times, k) if list(own) == sorted(own)),
        default=0,
    )


@STEADY
@given(TIMES, TOLERANCE)
def test_pairs_and_entries_out_of_order_by_brute_force(times, tolerance):
    pairs = sum(int(a) > int(b) + tolerance for a, b in combinations(times.tolist(), 2))
    assert inversions.n_inversions(times, tolerance) == pairs
    out = inversions.displacement(times, tolerance)
    assert (out != 0).sum() <= len(times) - longest_in_order(times.tolist())
    if tolerance == 0:
        assert (out != 0).sum() == len(times) - longest_in_order(times.tolist())
    assert (pairs == 0) == (not out.any())
    assert np.abs(out[out != 0]).min(initial=99) > tolerance


def test_displacement_by_hand():
    # 70 stands after 109, 39 late; 300 stands before 120 and 130, 180 early; 110 before 109 is within the tolerance.
    times = np.array([100, 110, 109, 70, 300, 120, 130])
    assert inversions.displacement(times, 2).tolist() == [0, 0, 0, 39, -180, 0, 0]
    assert inversions.longest_block(inversions.displacement(times, 2)) == (3, 2)
    assert inversions.longest_block(np.zeros(4)) == (0, 0)
    assert inversions.longest_block(np.array([1, 0, -1, 2])) == (2, 2)


def test_nothing_is_out_of_order_in_an_empty_list():
    none = np.zeros(0, np.int64)
    assert inversions.displacement(none, 1).size == 0
    assert inversions.n_inversions(none, 1) == 0


def test_random_blocks_by_every_way_of_handing_out_the_delays():
    # Entries at 0, 10, 20, 30, 100; two delays of 15 each show at 0, 10 and 20 alone (30 is followed by nothing within 15).
    times, delay = np.array([0, 10, 20, 30, 100]), 15
    expected = []
    for a in (0, 10, 20):
        for b in (0, 10, 20):
            places = sorted(sum(t <= x + delay for t in times) - sum(t <= x + delay for t in (a, b)) for x in (a, b))
            expected.append(1 + (places[0] == places[1]))
    draws = inversions.random_blocks(
        times, np.array([0, delay, 0, delay, 0]), 0, n_resamples=20_000, rng=np.random.default_rng(1)
    )
    assert draws.mean() == pytest.approx(np.mean(expected), abs=0.02)
    assert set(draws.tolist()) == {1, 2}
    assert not inversions.random_blocks(times, np.zeros(5, int), 0, n_resamples=3, rng=np.random.default_rng(1)).any()


def test_kendall_and_neumann_of_the_reference_list():
    ranks = held.column("roll_order60.csv", "roll_no")
    tau, low, high = inversions.kendall(ranks, 0.95)
    assert tau == held.number("R15.tau")
    assert low < tau < high
    assert inversions.neumann_ratio(ranks) == held.number("R15.ratio")


@STEADY
@given(arrays(np.int64, st.integers(3, 30), elements=st.integers(0, 9)))
def test_tau_by_all_pairs_and_reversed(values):
    n = values.size
    slow = sum(np.sign(int(b) - int(a)) for a, b in combinations(values.tolist(), 2)) / (n * (n - 1) / 2)
    tau, low, high = inversions.kendall(values, 0.9)
    assert tau == pytest.approx(slow)
    assert -1 <= low <= tau <= high <= 1
    assert inversions.kendall(values[::-1], 0.9)[0] == pytest.approx(-tau)


def test_tau_without_ties_is_scipys():
    values = np.random.default_rng(3).permutation(40)
    assert inversions.kendall(values, 0.95)[0] == pytest.approx(kendalltau(np.arange(40), values).statistic)


def test_the_interval_of_tau_covers_as_often_as_it_says():
    rng, true, hits = np.random.default_rng(5), 2 / np.pi * np.arcsin(0.5), 0
    for _ in range(400):
        x, y = rng.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], 60).T
        _, low, high = inversions.kendall(y[np.argsort(x)], 0.95)
        hits += low <= true <= high
    assert 0.95 - 4 * np.sqrt(0.95 * 0.05 / 400) <= hits / 400 <= 0.99


def test_mixing_by_every_permutation_of_two_short_lists():
    first, second = [3, 1, 1, 2], [5, 9, 7]

    def steps(order):
        ranks = {1: 1.5, 2: 3, 3: 4, 5: 1, 7: 2, 9: 3}
        return sum((ranks[a] - ranks[b]) ** 2 for a, b in pairwise(order))

    every = [steps(a) + steps(b) for a in permutations(first) for b in permutations(second)]
    seen = steps(first) + steps(second)
    found = inversions.mixing([np.array(first), np.array(second)], n_resamples=20_000, rng=np.random.default_rng(2))
    assert found.pvalue == pytest.approx(np.mean(np.array(every) <= seen + 1e-9), abs=0.015)


@pytest.mark.parametrize("made", [np.arange(60), np.arange(60)[::-1], np.concatenate([np.arange(0, 60, 2), np.arange(1, 60, 2)])])
def test_a_list_in_order_either_way_or_in_two_pieces_is_not_mixed(made):
    found = inversions.mixing([made], n_resamples=999, rng=np.random.default_rng(1))
    assert found.pvalue == 1 / 1000
    assert found.ratio == pytest.approx(inversions.neumann_ratio(made))


def test_mixed_lists_raise_alarms_at_their_rate():
    rng = np.random.default_rng(11)
    pvalues = [inversions.mixing([rng.permutation(rng.integers(0, 40, 50))], n_resamples=199, rng=rng).pvalue for _ in range(600)]
    for alpha in (0.01, 0.05, 0.2):
        assert abs(np.mean(np.array(pvalues) <= alpha) - alpha) <= 4 * np.sqrt(alpha * (1 - alpha) / 600)


def test_falls_where_blocks_of_numbers_begin():
    # Two servers with 10 numbers each at a time, ballots by turns: 0-9 and 10-19 side by side, then 20-29 and 30-39.
    numbers = np.arange(120)
    times = 20 * (numbers // 20) + 2 * (numbers % 10) + numbers // 10 % 2
    falls = np.flatnonzero(np.diff(times) < 0) + 1
    assert falls.tolist() == [10, 30, 50, 70, 90, 110]
    assert inversions.even_blocks(numbers, times, 0) == 20
    assert inversions.even_blocks(numbers + 7, times, 0) == 20  # wherever the first block began
    kept = np.ones(120, bool)
    kept[[3, 29, 30, 55]] = False  # numbers that no entry bears
    assert inversions.even_blocks(numbers[kept], times[kept], 0) == 20
    assert inversions.even_blocks(numbers, times, 20) is None  # no fall beyond the tolerance
    assert inversions.even_blocks(numbers[:80], times[:80], 0) is None  # too few to tell


def test_falls_at_random_numbers_are_rarely_taken_for_blocks():
    found = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        times = np.arange(400) * 10
        times[rng.choice(400, rng.integers(2, 40), replace=False)] -= 35
        found += inversions.even_blocks(np.arange(400), times, 2) is not None
    assert found <= 3  # 0.3 expected at most


@pytest.mark.parametrize("gap", [60, 7])
def test_a_clock_set_back_is_told_from_a_block_put_in(gap):
    times = np.arange(200) * gap
    back = np.where(np.arange(200) < 100, times, times - 20 * gap)
    start, length = inversions.longest_block(inversions.displacement(back, 2))
    assert inversions.set_back(back, start, length, 2) == 19 * gap
    put_in = np.insert(times, 100, 80 * gap + np.arange(8) * gap // 8)
    assert inversions.set_back(put_in, *inversions.longest_block(inversions.displacement(put_in, 2)), 2) is None
    at_the_end = back[:105]
    assert inversions.set_back(at_the_end, *inversions.longest_block(inversions.displacement(at_the_end, 2)), 2) == 19 * gap
    assert inversions.set_back(times, 0, 0, 2) is None


WEEK = 7 * 86_400


def excused(make, n=30):
    """Share of made-up logs, of 600 entries over a week, whose block is read as a clock that was set back."""
    found = 0
    for seed in range(n):
        rng = np.random.default_rng(seed)
        times = make(rng, np.sort(rng.integers(0, WEEK, 600)))
        block = inversions.longest_block(inversions.displacement(times, 2))
        found += inversions.set_back(times, *block, 2) is not None
    return found / n


def backdated(n, hours, *, in_order):
    """Entries put in after two thirds of the log, with times drawn over some hours before."""

    def make(rng, times):
        late = times[399] - rng.integers(0, hours * 3600, n)
        return np.concatenate([times[:400], np.sort(late) if in_order else late, times[400:]])

    return make


@pytest.mark.parametrize("n", [20, 40, 100, 200])
def test_entries_appended_and_backdated_over_the_whole_week_are_no_clock_set_back(n):
    assert excused(lambda rng, times: np.concatenate([times, np.sort(rng.integers(0, WEEK, n))])) == 0


@pytest.mark.parametrize(("n", "hours"), [(20, 2), (40, 4), (30, 12), (60, 24)])
def test_a_clock_that_was_set_back_goes_on_in_order(n, hours):
    assert excused(backdated(n, hours, in_order=False)) <= 0.1


def test_a_clock_that_was_set_back_goes_on_at_about_its_pace():
    # The log has 3.6 entries an hour; 10 an hour are 2.8 times as many, and 3.5 are as many.
    assert excused(backdated(40, 4, in_order=True)) <= 0.2
    assert excused(backdated(120, 12, in_order=True)) == 0
    assert excused(backdated(42, 12, in_order=True)) >= 0.9


@pytest.mark.parametrize("minutes", [60, 180])
@pytest.mark.parametrize("n", [600, 2000])
def test_a_clock_set_back_for_good_is_seen_though_some_entries_were_late(n, minutes):
    seen = blocks = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        at = np.sort(rng.integers(0, WEEK, n))
        written = at + np.where(rng.random(n) < 0.05, rng.exponential(120, n), 0)
        times, place = at[np.argsort(written, kind="stable")], rng.integers(n // 5, n - n // 10)
        times = np.concatenate([times[:place], times[place:] - 60 * minutes])
        start, length = inversions.longest_block(inversions.displacement(times, 2))
        if length >= 4:
            blocks += 1
            seen += inversions.set_back(times, start, length, 2) is not None
    assert seen >= 0.85 * blocks > 0

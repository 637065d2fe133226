"""Points inside intervals, against the same hours of other days: days written out, and made-up courses forwards in time."""

from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_package import STEADY

from analysis_lib.errors import ParameterError, TooFewObservations
from analysis_lib.stats.circular_shift import DAY, joined, points_inside

HOUR, DAYS = 3600, 14
# Points by hour of the day: few at night, most from six to nine in the evening.
PROFILE = np.array([1, 0.5, 0.3, 0.2, 0.3, 0.6, 1.5, 3, 4, 4, 4, 4.5, 5, 4.5, 4, 4, 4.5, 5.5, 7, 8, 7.5, 6, 4, 2])
PROFILE = PROFILE / PROFILE.sum()
WORK = (8, 12, 18)  # hours at which the owner may sit down
NOISE_CV = 0.6  # of every hour of every day


def course(rng, *, n_points=600, held=0.4, busy=1.0, planted=0, message_hour=None):
    """A clean course of 14 days: levels of days, noise of hours, then points; work is done more often on busy days.

    First and last days are busy too, as openings and closings are. `message_hour`: a message at that hour of the
    three busy days brings points within minutes, and somebody is always at work to answer.
    """
    level = rng.gamma(6, 1 / 6, DAYS) * np.concatenate(([2.5], np.ones(DAYS - 2), [3.0]))
    busy_days = rng.choice(np.arange(1, DAYS - 1), 3, replace=False)
    chance = np.full((DAYS, len(WORK)), held)
    if busy > 1:
        level[busy_days] *= busy
        chance[[0, *busy_days, DAYS - 1]] = 0.9
    rate = level[:, None] * PROFILE * rng.gamma(1 / NOISE_CV**2, NOISE_CV**2, (DAYS, 24))
    counts = rng.poisson(n_points * rate / level.sum()).ravel()
    points = (np.repeat(np.arange(DAYS * 24), counts) + rng.random(counts.sum())) * HOUR
    if message_hour is not None:
        chance[busy_days] = 1.0
        answers = [(day * 24 + message_hour) * HOUR + rng.exponential(1500, n_points // 15) for day in busy_days]
        points = np.concatenate([points, *answers])
    day, hour = np.nonzero(rng.random(chance.shape) < chance)
    starts = day * DAY + np.array(WORK)[hour] * HOUR + rng.integers(0, 1200, day.size)
    ends = starts + rng.integers(1200, 2400, day.size)
    if planted and day.size:
        chosen = rng.integers(0, day.size, planted)
        points = np.concatenate([points, starts[chosen] + rng.random(planted) * (ends[chosen] - starts[chosen])])
    messages = np.sort(busy_days)[:, None] * DAY + (message_hour or 0) * HOUR + np.array([0, 2 * HOUR])
    return points.astype(np.int64), starts, ends, messages


def pvalues(n, seed, *, leave_messages_out=False, levelled=True, **made):
    """P-values of courses of one kind."""
    found = []
    for child in np.random.SeedSequence(seed).spawn(n):
        rng = np.random.default_rng(child)
        points, starts, ends, messages = course(rng, **made)
        closed = messages if leave_messages_out else ()
        options = {"opens": 0, "closes": DAYS * DAY, "closed": closed, "levelled": levelled, "n_resamples": 299, "rng": rng}
        try:
            found.append(points_inside(points, starts, ends, **options).pvalue)
        except TooFewObservations:
            continue
    return np.array(found)


def within(share, n, level=0.05, least=0.0):
    spread = 3 * np.sqrt(level * (1 - level) / n)
    return least <= share <= level + spread


# 2. Another road


def small(points, starts, ends, **options):
    options = {"opens": 0, "closes": 3 * DAY, "n_resamples": 10_000, "rng": np.random.default_rng(1)} | options
    return points_inside(points, starts, ends, **options)


def test_all_arrangements_of_two_groups_written_out():
    # Three days, levels alike. Unsorted and tied points; two sittings at eight, one at noon, the second of them twice as long.
    hours = [(0, 8.5), (0, 8.5), (1, 8.9), (2, 8.1), (0, 8.2), (1, 12.1), (1, 12.1), (1, 12.9), (0, 12.5), (2, 9.5), (2, 20.0)]
    points = [int(day * DAY + hour * HOUR) for day, hour in hours[::-1]]
    sittings = [(0, 8.0, 9.0), (1, 8.5, 10.0), (1, 12.0, 13.0)]
    starts, ends = (np.array([int(s[0] * DAY + s[i] * HOUR) for s in sittings]) for i in (1, 2))

    def inside(i, day):
        first, last = sittings[i][1:]
        return sum(d == day and first <= hour < last for d, hour in hours)

    mean = [sum(inside(i, day) for day in range(3)) / 3 for i in range(3)]

    def score(i, day):
        return (inside(i, day) - mean[i]) / mean[i] ** 0.5

    draws = [score(0, a) + score(1, b) + score(2, c) for (a, b), c in product(permutations(range(3), 2), range(3))]
    found = small(points, starts, ends, levelled=False)
    assert found.is_exact
    assert np.sort(found.null_draws) == pytest.approx(np.sort(draws))
    seen = score(0, 0) + score(1, 1) + score(2, 1)
    assert (found.count, found.expected, found.score) == (3 + 1 + 3, pytest.approx(sum(mean)), pytest.approx(seen))
    assert found.pvalue == sum(x >= seen - 1e-9 for x in draws) / len(draws)
    drawn = small(points, starts, ends, levelled=False, n_resamples=17)
    assert not drawn.is_exact
    assert set(drawn.null_draws.round(9)) <= set(np.round(draws, 9))


def test_the_drawn_pvalue_goes_to_that_of_all_arrangements():
    rng = np.random.default_rng(61)
    points, starts, ends, _ = course(rng, planted=6)
    starts, ends = starts[:3], ends[:3]
    exact = points_inside(points, starts, ends, opens=0, closes=DAYS * DAY, n_resamples=3_000, rng=rng)
    drawn = points_inside(points, starts, ends, opens=0, closes=DAYS * DAY, n_resamples=1_000, rng=rng)
    assert exact.is_exact
    assert not drawn.is_exact
    assert 0.01 < exact.pvalue < 0.9
    assert abs(drawn.pvalue - exact.pvalue) <= 4 * np.sqrt(exact.pvalue * (1 - exact.pvalue) / 1_000) + 1 / 1_001


# 3. Properties


@STEADY
@given(st.integers(0, 10_000), st.integers(1, 5))
def test_order_cuts_and_whole_days_before_the_opening_change_nothing(seed, more_days):
    rng = np.random.default_rng(seed)
    points, starts, ends, _ = course(rng, n_points=100, held=0.2)
    shuffled, order = rng.permutation(points), rng.permutation(starts.size)
    middles = (starts + ends) // 2
    found = []
    for p, s, e, shift in (
        (points, starts, ends, 0),
        (shuffled, starts[order], ends[order], 0),
        (points, np.append(starts, middles), np.append(middles, ends), 0),  # each in two halves
        (points + more_days * DAY, starts + more_days * DAY, ends + more_days * DAY, more_days * DAY),
    ):
        options = {"opens": shift, "closes": shift + DAYS * DAY, "n_resamples": 50, "rng": np.random.default_rng(seed)}
        try:
            found.append(points_inside(p, s, e, **options))
        except TooFewObservations:
            found.append(None)
    if found[0] is None:
        assert found == [None] * 4
        return
    for other in found[1:]:
        assert (other.count, other.n_moved) == (found[0].count, found[0].n_moved)
    for other in found[1:3]:
        assert (other.score, other.pvalue) == (pytest.approx(found[0].score), found[0].pvalue)


@STEADY
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 9)), max_size=8))
def test_joined_intervals_hold_the_same_seconds(intervals):
    starts, ends = np.array([s for s, _ in intervals], int), np.array([s + n for s, n in intervals], int)
    seconds = {t for s, e in zip(starts, ends, strict=True) for t in range(s, e)}
    first, last = joined(starts, ends)
    assert {t for s, e in zip(first, last, strict=True) for t in range(s, e)} == seconds
    assert (first[1:] > last[:-1]).all()


def test_a_point_more_inside_never_raises_the_pvalue():
    rng = np.random.default_rng(62)
    points, starts, ends, _ = course(rng, held=0.15)
    options = {"opens": 0, "closes": DAYS * DAY, "n_resamples": 999}
    found = [
        points_inside(np.append(points, [starts[0] + 5] * k), starts, ends, rng=np.random.default_rng(1), **options).pvalue
        for k in range(0, 12, 3)
    ]
    assert found == sorted(found, reverse=True)
    assert found[-1] < 0.02 < found[0]


# 4. False alarms: 300 made-up courses each, forwards in time. Rates at .05 when this was written, in the order below.

COURSES = {
    "no busy days": {},
    "few sittings": {"held": 0.15},
    "nearly every day": {"held": 0.7},
    "few points": {"n_points": 150},
    "busy days": {"busy": 6.0},
    "busy days, few sittings": {"busy": 6.0, "held": 0.15},
    "busy days, few points": {"busy": 6.0, "n_points": 150},
}


@pytest.mark.parametrize("kind", COURSES)
def test_clean_courses_stand_out_as_seldom_as_they_should(kind):
    found = pvalues(300, 63, **COURSES[kind])
    assert found.size > 250
    assert within((found <= 0.05).mean(), found.size, least=0.01)
    assert within((found <= 0.01).mean(), found.size, 0.01)


def test_without_the_days_level_work_on_busy_days_looks_like_a_finding():
    assert (pvalues(200, 64, busy=6.0, held=0.15, levelled=False) <= 0.05).mean() > 0.5


def test_what_comes_within_minutes_of_a_message_is_left_out():
    made = {"n_points": 400, "message_hour": 12, "held": 0.3}
    assert (pvalues(200, 65, **made) <= 0.05).mean() > 0.3
    found = pvalues(300, 65, **made, leave_messages_out=True)
    assert within((found <= 0.05).mean(), found.size)


# 5. Power


@pytest.mark.parametrize(
    ("made", "least"), [({"planted": 15}, 0.55), ({"planted": 10, "n_points": 150}, 0.8), ({"planted": 15, "held": 0.15}, 0.85)]
)
def test_planted_points_are_found(made, least):
    assert (pvalues(200, 66, **made) <= 0.05).mean() >= least


# 6. Edges


def test_one_sitting_alone_has_as_many_places_as_days():
    found = points_inside(
        [8 * HOUR + 60], [8 * HOUR], [9 * HOUR], opens=0, closes=14 * DAY, n_resamples=99, rng=np.random.default_rng(1)
    )
    assert (found.is_exact, found.pvalue, found.null_draws.size) == (True, 1 / 14, 14)


def test_days_of_another_kind_and_days_not_wholly_open_are_no_places_to_go_to():
    starts = np.array([8, 32]) * HOUR  # eight o'clock on two days
    kinds = np.array([0, 0, 1])
    found = small([8 * HOUR + 1], starts, starts + HOUR, day_kinds=kinds)
    assert (found.n_moved, found.null_draws.size) == (2, 2)
    found = small([8 * HOUR + 1], starts, starts + HOUR, closed=[[33 * HOUR - 1, 33 * HOUR]])
    assert (found.n_moved, found.n_left_out, found.null_draws.size) == (1, 1, 2)
    found = small([8 * HOUR + 1], starts, starts + HOUR, opens=8 * HOUR + 1)  # the first day's hour is cut at the opening
    assert (found.n_moved, found.n_left_out, found.count) == (1, 1, 0)
    found = small([8 * HOUR + 1], starts, starts + HOUR, opens=8 * HOUR, closes=2 * DAY + 9 * HOUR)  # just held
    assert (found.n_moved, found.null_draws.size) == (2, 6)


def test_a_day_that_is_half_open_is_not_taken_for_a_quiet_one():
    # Ten points an hour at all times, and the last day ends at nine in the morning.
    every = np.arange(0, 2 * DAY + 9 * HOUR, 360)
    start = np.array([2 * DAY + 8 * HOUR])
    found = small(every, start, start + HOUR, closes=2 * DAY + 9 * HOUR)
    assert found.expected == pytest.approx(10, rel=0.02)
    assert found.pvalue > 0.3


def test_a_sitting_past_midnight_moves_as_a_whole():
    start = np.array([DAY - HOUR])
    found = small([DAY + 60, DAY + 61], start, start + 2 * HOUR)
    assert (found.count, found.null_draws.size) == (2, 2)  # the third night goes beyond the close


def test_levels_may_come_from_more_points_than_those_that_count():
    rng = np.random.default_rng(67)
    everyone, starts, ends, _ = course(rng, busy=6.0)
    few = np.sort(rng.choice(everyone, 40, replace=False))
    options = {"opens": 0, "closes": DAYS * DAY, "n_resamples": 99, "rng": rng}
    assert points_inside(few, starts, ends, everyone=everyone, **options).expected > 0
    assert points_inside(np.array([], int), starts, ends, everyone=everyone, **options).pvalue == 1.0


# 7. Messages


def test_what_cannot_be_is_refused():
    with pytest.raises(ParameterError, match="1 intervals don't end after their start"):
        small([5], [10], [10])
    with pytest.raises(ParameterError, match="0 <= opens < closes"):
        small([5], [10], [11], opens=7, closes=7)
    for starts, closes in (([], 3 * DAY), ([10], DAY)):
        with pytest.raises(TooFewObservations, match="has its hours open on another day"):
            small([5], starts, [s + 5 for s in starts], closes=closes)

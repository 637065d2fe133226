"""Hours of administrators: every share by hand, days dealt out in full, nights found, and what no log can tell."""

from datetime import timedelta
from itertools import combinations

import numpy as np
import polars as pl
import pytest
from cases import answered, one, tiny
from office_rows import OPENS, WINDOW, code, sitting

from analysis_lib import simulate, wording
from analysis_lib.case import open_case
from analysis_lib.methods.off_hours_actions import draws, hours_by_period, near, newness, thinned
from analysis_lib.methods.registry import answer_chapter
from analysis_lib.results import NotAnswerable, Status, TestResult, Verdict

NOUN = "off_hours_actions"


def day(*hours, weekend=False):
    row = np.zeros(48, bool)
    row[[hour + 24 * weekend for hour in hours]] = True
    return row


def at(days, hour, minute=0):
    return OPENS.replace(hour=hour, minute=minute) + timedelta(days=days)


def office(nights=0, n_before=20, n_during=10, who="ann"):
    """Mornings at ten on working and other days alike; on the last days of the vote work at two at night instead."""
    before = [row for d in range(-n_before - 1, -1) for row in sitting(at(d, 10), who)]
    during = [row for d in range(1, n_during + 1) for row in sitting(at(d, 2 if d > n_during - nights else 10), who)]
    return before + during


def case(folder, rows, **more):
    return tiny(folder, admin_actions=rows, contest_windows=[WINDOW], **more)


def test_the_hours_next_to_one_are_near_also_over_midnight_and_weekends_stand_apart():
    wide = near(np.array([day(0), day(23, weekend=True)]))
    assert np.flatnonzero(wide[0]).tolist() == [0, 1, 23]
    assert np.flatnonzero(wide[1]).tolist() == [24, 46, 47]


def test_newness_by_hand():
    days = np.array([day(9, 10), day(10), day(11, 14), day(3)])
    labels = np.array([[False, False, True, True], [True, False, False, False], [False] * 4])
    # Of 11, 14 and 3, only 11 lies next to an hour of the other days; 9 and 10 both do.
    assert newness(days, labels).tolist() == pytest.approx([2 / 3, 0, 0])


def test_dealt_out_days_against_every_way_of_dealing():
    rng = np.random.default_rng(3)
    days = rng.random((7, 48)) < 0.06
    days[:, 24:] = False
    labels = np.array([True, True, False, False, False, False, False])
    every = newness(days, np.array([np.isin(np.arange(7), chosen) for chosen in combinations(range(7), 2)]))
    null = draws(days, labels, np.zeros(7, bool), n_resamples=6000, rng=rng)
    values = np.unique(every.round(9))
    assert values.size > 2
    for value in values:  # 6,000 draws: three standard errors are below 0.02
        assert np.mean(null >= value - 1e-9) == pytest.approx(np.mean(every >= value - 1e-9), abs=0.02)


def test_weekends_are_dealt_out_among_weekends():
    days = np.array([day(10), day(10), day(10), day(2, weekend=True)])
    null = draws(
        days,
        np.array([False, False, True, True]),
        np.array([False, False, False, True]),
        n_resamples=50,
        rng=np.random.default_rng(1),
    )
    assert set(null.tolist()) == {0.5}  # the only weekend day stays labelled


def test_nights_stand_out_and_the_hours_are_told(tmp_path):
    # The vote's three nights fall on Tuesday to Thursday: 3 of 10 days, and of 20 + 10 days in all.
    finding = one(case(tmp_path, office(nights=3), plan="n_resamples = 1999"), NOUN)
    row = finding.details["administrators"][0]
    assert (row["off"], row["hours"], row["off_hours"], row["days"], row["days_before"]) == (3, 10, [2], 10, 20)
    assert (finding.result.form, finding.result.statistic) == ("period", 3)
    assert finding.result.pvalue < 0.05
    assert "By the clock in Europe/London: the hour from 2:00." in wording.sentence(finding)


def test_the_same_hours_stand_for_nothing(tmp_path):
    finding = one(case(tmp_path, office()), NOUN)
    assert (finding.result.pvalue, finding.result.statistic, finding.verdict) == (1, 0, Verdict.WITHIN_BASELINE)


def test_the_order_of_the_rows_changes_nothing(tmp_path):
    rows = office(nights=2) + office(who="bo")
    first, second = (one(case(tmp_path / name, part), NOUN).result for name, part in (("a", rows), ("b", rows[::-1])))
    assert (first.pvalue, first.effect) == (second.pvalue, second.effect)


def test_a_busy_vote_at_the_usual_hours_is_no_finding(tmp_path):
    more = [row for d in range(1, 14) for hour in (9, 10, 11) for row in sitting(at(d, hour), minutes=20)]
    assert one(case(tmp_path, office(n_during=0) + more), NOUN).result.statistic == 0


def shift(hour, who="ann", n_before=24, n_during=12, minutes=50):
    """Mornings at ten before the vote; during it the same number of hours from another hour on."""
    before = [row for d in range(-n_before - 1, -1) for row in sitting(at(d, 10), who, minutes)]
    return before + [row for d in range(1, n_during + 1) for row in sitting(at(d, hour), who, minutes)]


def nights_on_top(who="ann"):
    return shift(10, who) + [row for d in range(4, 10) for row in sitting(at(d, 2), who)]


def failing(finding):
    return [item.statement.split()[0] for item in finding.result.assumptions if item.status is Status.FAILS]


@pytest.mark.parametrize(
    ("rows", "fails", "verdict"),
    [
        (nights_on_top(), [], Verdict.NOT_EXPLAINED),
        (shift(16), ["New"], Verdict.UNDETERMINED),  # a new shift, another time zone, a substitute
        (shift(14, minutes=300), ["New"], Verdict.UNDETERMINED),  # 10 to 15 o'clock became 14 to 19
    ],
)
def test_nights_on_top_of_the_usual_hours_are_told_from_a_day_that_moved(tmp_path, rows, fails, verdict):
    finding = one(case(tmp_path, rows, plan="n_resamples = 9999"), NOUN)
    assert finding.result.pvalue <= 0.01
    assert (failing(finding), finding.verdict) == (fails, verdict)


def test_a_colleague_with_a_new_shift_hides_no_nights(tmp_path):
    finding = one(case(tmp_path, shift(16, "bo", n_during=13) + nights_on_top(), plan="n_resamples = 9999"), NOUN)
    assert finding.verdict is Verdict.NOT_EXPLAINED
    assert finding.details["administrators"][0]["off_hours"] == [2]
    assert "the hour from 2:00" in wording.sentence(finding)


def test_a_fuller_log_during_the_vote_shows_more_hours_and_is_left_open(tmp_path):
    # The same hours of the day, one entry a day before the vote and eight a day during it.
    low, open_still = 0, []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        before = [row for d in range(-10, -1) for row in sitting(at(d, int(rng.integers(8, 22))), minutes=20)]
        during = [
            row for d in range(1, 13) for hour in rng.choice(np.arange(8, 22), 8, replace=False)
            for row in sitting(at(d, int(hour)), minutes=20)
        ]  # fmt: skip
        finding = one(case(tmp_path / str(seed), before + during, plan="n_resamples = 1999\nalpha = 0.05"), NOUN)
        low += finding.result.pvalue <= 0.05
        open_still.append(finding.verdict is Verdict.NOT_EXPLAINED)
    assert low >= 3
    assert sum(open_still) <= 1
    assert "on a day of the vote and 1.0 on a day before" in finding.result.assumptions[-2].evidence


@pytest.mark.parametrize(("logged_in", "verdict"), [(True, Verdict.NOT_EXPLAINED), (False, Verdict.UNDETERMINED)])
def test_hours_that_only_the_log_of_codes_shows_have_no_earlier_ones_to_be_held_against(tmp_path, logged_in, verdict):
    codes = [code(at(d, 2, 10), f"v{d}") for d in range(4, 10)]
    rows = nights_on_top() if logged_in else shift(10)
    finding = one(case(tmp_path, rows, credential_events=codes, plan="n_resamples = 9999"), NOUN)
    assert finding.result.pvalue <= 0.01
    assert finding.result.assumptions[-1].statement == "The new hours are in the administrators' own log too."
    assert finding.verdict is verdict


def test_thinned_days_keep_no_more_hours_than_the_others_have():
    days = np.array([day(9, 10), day(9, 10, 11, 12), day(1, 2, 3, 4, 5), day(7)])
    few = thinned(days, np.array([False, False, True, True]), rng=np.random.default_rng(2))
    assert few.sum(axis=1).tolist() == [2, 4, 3, 1]
    assert not (few & ~days).any()


def test_whoever_stays_logged_in_may_work_at_any_hour_between(tmp_path):
    before = [row for d in range(-21, -1) for row in sitting(at(d, 9), minutes=480)]
    during = [row for d in range(1, 11) for row in sitting(at(d, 14), minutes=20)]
    held = case(tmp_path / "a", before + during)
    assert one(held, NOUN).result.statistic == 0
    assert hours_by_period(held).filter(~pl.col("is_own"))["hour"].unique().to_list() == [*range(9, 17)]
    overnight = [row for d in range(-21, -1) for row in sitting(at(d, 9), minutes=13 * 60)]  # a logout long forgotten
    assert one(case(tmp_path / "b", overnight + during), NOUN).result.statistic == 10


def test_with_no_earlier_period_others_are_compared_with_and_nothing_is_found(tmp_path):
    rows = [row for who, hour in (("ann", 10), ("bo", 10), ("cy", 2)) for d in range(1, 13) for row in sitting(at(d, hour), who)]
    finding = one(case(tmp_path, rows, plan="n_resamples = 1999"), NOUN)
    assert (finding.result.form, finding.verdict) == ("peers", Verdict.UNDETERMINED)
    assert finding.result.pvalue <= 0.01
    assert finding.result.assumptions[0].status is Status.FAILS
    assert finding.result.n_observations == 36


def test_one_newcomer_is_left_out_and_counted(tmp_path):
    finding = one(case(tmp_path, office() + office(n_before=0, who="bo")), NOUN)
    assert [row["administrator"] for row in finding.details["administrators"]] == ["administrator 01"]
    assert finding.result.n_excluded == 10


@pytest.mark.parametrize(
    ("rows", "window", "part"),
    [
        (office(n_before=3), WINDOW, "no other one to compare with"),
        (office(n_during=0), WINDOW, "No administrator's entry"),
        (office(), WINDOW | {"opens_at": None}, "the opening isn't known"),
        (office(n_during=1), WINDOW, "no other one to compare with"),
    ],
)
def test_what_cannot_be_answered_says_why(tmp_path, rows, window, part):
    finding = one(tiny(tmp_path, admin_actions=rows, contest_windows=[window]), NOUN)
    assert isinstance(finding.result, NotAnswerable)
    assert part in finding.result.reason


def test_without_accounts_the_column_is_named(tmp_path):
    rows = [row | {"actor_key": None} for row in office()]
    assert answered(case(tmp_path, rows), NOUN)[0].result.needs == ("admin_actions.actor_key",)


def test_after_the_close_nothing_counts(tmp_path):
    rows = office() + sitting(WINDOW["closes_at"] + timedelta(hours=5))
    assert hours_by_period(case(tmp_path, rows)).filter("is_own").height == 10


def test_offices_of_clean_made_up_contests_keep_their_hours(tmp_path):
    setting = simulate.Setting(**simulate.OFFICE_LIFE | {"n_members": 200})
    low = 0
    for seed in range(8):
        made = simulate.selection(seed, setting)
        simulate.write_package(made, tmp_path / str(seed), name="x", title="Made up", description="Made up.")
        (finding,) = answer_chapter("30_credential_reissues", open_case(tmp_path / str(seed), n_resamples=199), (NOUN,))[NOUN]
        assert isinstance(finding.result, TestResult)
        low += finding.result.pvalue <= 0.05
    assert low <= 2  # 3 or more of 8 at a rate of 0.05: chance 0.006


def evenings(who):
    """The usual mornings, and the office open until ten at night on the days of the vote."""
    return shift(10, who) + [row for d in range(1, 13) for row in sitting(at(d, 20), who, 110)]


def test_an_office_that_is_open_longer_for_the_vote_leaves_it_open(tmp_path):
    both = evenings("ann") + evenings("bo")
    finding = one(case(tmp_path / "both", both, plan="n_resamples = 9999"), NOUN)
    assert finding.result.pvalue <= 0.01
    assert (failing(finding), finding.verdict) == (["The"], Verdict.UNDETERMINED)
    assert "Of 1 other administrator with days to compare, 1 had half as many" in finding.result.assumptions[-3].evidence
    # It hides nobody's nights, and one person's evenings are still that person's.
    nights = one(case(tmp_path / "nights", both + nights_on_top("cy"), plan="n_resamples = 9999"), NOUN)
    assert (nights.verdict, nights.details["administrators"][0]["off_hours"]) == (Verdict.NOT_EXPLAINED, [2])
    alone = one(case(tmp_path / "alone", evenings("ann") + shift(10, "bo"), plan="n_resamples = 9999"), NOUN)
    assert alone.verdict is Verdict.NOT_EXPLAINED

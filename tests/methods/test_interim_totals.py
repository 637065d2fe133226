"""Running totals by branch: whose reading stands for a cut-off, what an old reading leaves open, and cut-offs that divide alike."""

from datetime import timedelta

import numpy as np
import pytest
from cases import QUICK, answered, tiny
from late_ballots import CLOSES, OPENS, WINDOW

from analysis_lib.methods.interim_totals import MOST_STALE
from analysis_lib.results import Status, Verdict

AFTER_CLOSE = f"{QUICK}\nlate_cuts_s = [0]\n"
STOOD = [{"candidate_id": key, "display_name": name} for key, name in (("A", "Ann Ash"), ("B", "Bo Birch"))]


def by_branch(n_a, n_b, unit, at=None):
    row = {"round": 1, "channel": "online", "unit": unit, "item": "candidate", "basis": "declared", "as_of": at}
    return [row | {"candidate_id": c, "n": n} for c, n in (("A", n_a), ("B", n_b))]


def minutes(n):
    return CLOSES + timedelta(minutes=n)


def case_of(folder, results, **more):
    return tiny(folder, results=results, candidates=STOOD, contest_windows=[WINDOW], **more)


def test_running_totals_by_branch_that_fall_are_left_out_and_told(tmp_path):
    at = OPENS + timedelta(days=9)
    results = (
        by_branch(50, 40, "North", at) + by_branch(80, 60, "North") + by_branch(30, 30, "South", at) + by_branch(28, 70, "South")
    )
    case = tiny(tmp_path, results=results, candidates=STOOD, contest_windows=[WINDOW])
    (finding,) = answered(case, "late_choice_shift")
    assert (finding.details["n_late"], finding.details["n_on_time"], finding.details["n_fell"]) == (50, 90, 1)
    assert finding.details["cut_at"] == at
    assert "Left out: 1 branch of which some running total falls" in finding.result.assumptions[-1].evidence


def test_branches_read_at_different_minutes_are_both_compared(tmp_path):
    """North is read 2 minutes before the close, South 3 minutes after it: each is divided at its own reading, and none falls."""
    before, after = CLOSES - timedelta(minutes=2), CLOSES + timedelta(minutes=3)
    results = by_branch(50, 40, "North", before) + by_branch(80, 60, "North") + by_branch(30, 30, "South", after)
    case = tiny(tmp_path, results=results + by_branch(45, 70, "South"), candidates=STOOD, contest_windows=[WINDOW])
    (finding,) = answered(case, "late_choice_shift")
    assert (finding.details["n_late"], finding.details["n_on_time"], finding.details["n_fell"]) == (50 + 55, 90 + 60, 0)
    assert finding.details["left_out"]["in a span that the cut-off divides"] == 0
    assert "1 read up to 5 minutes away" in finding.result.assumptions[-2].evidence
    # As the count went on, a branch stands as it was last read.
    assert [row["n"] for row in finding.details["running"]] == [90, 150, 255]


def test_why_no_running_total_is_left_is_told(tmp_path):
    at = OPENS + timedelta(days=9)
    results = by_branch(50, 40, "North", at) + by_branch(40, 60, "North")
    twice = by_branch(30, 30, "South", at) + by_branch(31, 30, "South", at) + by_branch(50, 70, "South")
    case = tiny(tmp_path, results=results + twice, candidates=STOOD, contest_windows=[WINDOW])
    (finding,) = answered(case, "late_choice_shift")
    assert finding.result.reason == (
        "Running totals by candidate are held for 2 branches and channels, and all are left out: "
        "of 1 some total falls; for 1 two papers give different figures."
    )


# A branch whose last reading is old


@pytest.fixture(scope="module")
def jumped():
    """Six branches read every eight hours, 45 % of each 60 for A; after the close 70 of 80."""
    rng, rows = np.random.default_rng(3), []
    for unit in (f"U{i}" for i in range(6)):
        a = rng.binomial(60, 0.45, 28).cumsum()
        for i, at in enumerate(range(-27 * 480, 1, 480)):
            rows += by_branch(int(a[i]), 60 * (i + 1) - int(a[i]), unit, minutes(at))
        rows += by_branch(int(a[-1]) + 70, 60 * 28 - int(a[-1]) + 10, unit)
    return rows


OLD = "Of 7 branches and channels: 1 last read more than 15 minutes before"


@pytest.mark.parametrize(
    ("since", "status", "verdict", "told"),
    [
        (0, Status.HOLDS, Verdict.NOT_EXPLAINED, ", with no further ballot in the next figures."),
        (1, Status.UNTESTED, Verdict.NOT_EXPLAINED, ": 1 ballot counted between that and the next figures is left out, beside 480 late in all."),
        (24, Status.UNTESTED, Verdict.NOT_EXPLAINED, ": 24 ballots counted between that and the next figures are left out, beside 480 late in all."),
        (25, Status.FAILS, Verdict.UNDETERMINED, ": 25 ballots counted between that and the next figures are left out, beside 480 late in all."),
    ],
)  # fmt: skip
def test_an_old_reading_fails_only_for_what_came_since(tmp_path, jumped, since, status, verdict, told):
    """A jump that six branches show is no less open for a seventh of which 24 ballots in 480 can't be placed."""
    assert 24 <= MOST_STALE * 480 < 25
    old = by_branch(1, 1, "Z", minutes(-20)) + by_branch(1, 1 + since, "Z")
    finding = answered(case_of(tmp_path, jumped + old, plan=AFTER_CLOSE), "late_choice_shift")[0]
    assert (finding.details["n_late"], finding.details["left_out"]["in a span that the cut-off divides"]) == (480, since)
    together = finding.result.assumptions[-2]
    assert (together.evidence, together.status, finding.verdict) == (OLD + told, status, verdict)


def test_what_came_between_an_old_reading_and_the_next_counts_not_what_came_after(tmp_path, jumped):
    old = by_branch(10, 10, "Z", minutes(-20)) + by_branch(10, 11, "Z", minutes(30)) + by_branch(80, 20, "Z")
    finding = answered(case_of(tmp_path, jumped + old, plan=AFTER_CLOSE), "late_choice_shift")[0]
    assert finding.details["n_late"] == 480 + 79
    assert "1 ballot counted between that and the next figures is left out" in finding.result.assumptions[-2].evidence


def test_a_branch_that_is_left_out_anyhow_has_no_old_reading(tmp_path, jumped):
    fell = by_branch(90, 10, "Z", minutes(-20)) + by_branch(10, 90, "Z")
    finding = answered(case_of(tmp_path, jumped + fell, plan=AFTER_CLOSE), "late_choice_shift")[0]
    assert [assumption.evidence for assumption in finding.result.assumptions[-2:]] == [
        "All were.",
        "Left out: 1 branch of which some running total falls, as after a correction.",
    ]


@pytest.mark.parametrize(
    ("since", "told", "status", "verdict"),
    [
        (0, ", with no further ballot in the next figures.", Status.HOLDS, Verdict.COULD_CHANGE),
        (1, ": 1 ballot counted between that and the next figures counts as late, among 41 late in all.", Status.UNTESTED, Verdict.UNDETERMINED),
        (3, ": 3 ballots counted between that and the next figures count as late, among 43 late in all.", Status.FAILS, Verdict.UNDETERMINED),
    ],
)  # fmt: skip
def test_the_bounds_count_what_came_since_as_late(tmp_path, since, told, status, verdict):
    results = by_branch(50, 50, "North", CLOSES) + by_branch(80, 60, "North")
    results += by_branch(5, 5, "Z", minutes(-20)) + by_branch(5 + since, 5, "Z")
    finding = answered(case_of(tmp_path, results), "late_choice_bounds")[0]
    together = finding.result.assumptions[-1]
    assert together.evidence == "Of 2 branches and channels: 1 last read more than 15 minutes before" + told
    assert (together.status, finding.verdict, finding.result.statistic) == (status, verdict, 40 + since)


# Cut-offs that divide alike


@pytest.mark.parametrize("cuts", [(0, 86400), (86400, 0)])
@pytest.mark.parametrize("noun", ["late_choice_shift", "late_choice_bounds"])
def test_two_cut_offs_with_the_same_ballots_late_are_answered_once(tmp_path, noun, cuts):
    """South is read at either minute, with the same figures; North 2 minutes before the close alone. The close's own is kept."""
    results = by_branch(20, 30, "North", minutes(-2)) + by_branch(60, 70, "North") + by_branch(70, 65, "South")
    results += by_branch(25, 25, "South", minutes(-2)) + by_branch(25, 25, "South", minutes(2))
    (finding,) = answered(case_of(tmp_path, results, plan=f"{QUICK}\nlate_cuts_s = {list(cuts)}\n"), noun)
    assert finding.result.form == "after_close"


@pytest.mark.parametrize("noun", ["late_choice_shift", "late_choice_bounds"])
def test_cut_offs_that_differ_by_one_ballot_are_both_answered(tmp_path, noun):
    results = by_branch(20, 30, "North", minutes(-2)) + by_branch(60, 70, "North") + by_branch(70, 65, "South")
    results += by_branch(25, 24, "South", minutes(-2)) + by_branch(25, 25, "South", minutes(2))
    assert [finding.result.form for finding in answered(case_of(tmp_path, results), noun)] == ["after_close", "last_86400_s"]

"""Bounds on late ballots: by hand, against brute force, exact where running totals are held, and what transfers leave open."""

from datetime import timedelta

import polars as pl
import pytest
from cases import answered, one, tiny
from late_ballots import CLOSES, OPENS, WINDOW

from analysis_lib import exhibits, wording
from analysis_lib.methods.late_choice_bounds import answer as late_choice_bounds_of
from analysis_lib.methods.late_choice_bounds import late_choice_bounds
from analysis_lib.results import Status, Verdict

STOOD = [{"candidate_id": key, "display_name": name} for key, name in (("A", "Ann Ash"), ("B", "Bo Birch"), ("C", "Cy Cole"))]


def cells(*given, late_n=None):
    """(cell, late, {candidate: ballots})."""
    rows = [
        {"cell": cell, "candidate": c, "n": n, "late": late, "late_n": (late_n or {}).get(c)}
        for cell, late, totals in given
        for c, n in totals.items()
    ]
    return pl.DataFrame(rows, schema_overrides={"late_n": pl.Int64})


def test_by_hand():
    # 100 ballots: A 60, B 30, C 10. Of 35 late ones A can have all or none; without them A leads by -5 to 60.
    found = late_choice_bounds(cells(("", 35, {"A": 60, "B": 30, "C": 10})))
    assert found.details["candidates"] == [
        {"candidate": "A", "ballots": 60, "late_low": 0, "late_high": 35},
        {"candidate": "B", "ballots": 30, "late_low": 0, "late_high": 30},
        {"candidate": "C", "ballots": 10, "late_low": 0, "late_high": 10},
    ]
    assert (found.effect.low, found.effect.high) == (-5, 60)
    assert (found.verdict, found.details["fewest"], found.details["margin"]) == (Verdict.COULD_CHANGE, 30, 30)


def test_one_fewer_than_the_lead_is_not_enough_and_as_many_are():
    totals = {"A": 60, "B": 30}
    verdicts = [late_choice_bounds(cells(("", late, totals))).verdict for late in (29, 30)]
    assert verdicts == [Verdict.COULD_NOT_CHANGE, Verdict.COULD_CHANGE]


def test_branches_bound_more_tightly_than_the_whole():
    north, south = {"A": 50, "B": 0}, {"A": 10, "B": 30}
    whole = late_choice_bounds(cells(("", 35, {"A": 60, "B": 30})))
    branches = late_choice_bounds(cells(("north", 5, north), ("south", 30, south)))
    assert (whole.details["candidates"][0]["late_low"], whole.details["candidates"][0]["late_high"]) == (5, 35)
    assert (branches.details["candidates"][0]["late_low"], branches.details["candidates"][0]["late_high"]) == (5, 15)
    assert (whole.verdict, branches.verdict) == (Verdict.COULD_CHANGE, Verdict.COULD_NOT_CHANGE)


def test_running_totals_make_it_exact():
    found = late_choice_bounds(cells(("", 35, {"A": 60, "B": 30}), late_n={"A": 10, "B": 25}))
    assert (found.effect.low, found.effect.value, found.effect.high) == (45, 45, 45)
    assert found.verdict is Verdict.COULD_NOT_CHANGE
    assert late_choice_bounds(cells(("", 35, {"A": 60, "B": 30}), late_n={"A": 30, "B": 5})).verdict is Verdict.COULD_CHANGE


def test_transfers_leave_it_open_unless_nothing_is_late():
    totals = {"A": 60, "B": 30, "C": 10}
    assert late_choice_bounds(cells(("", 1, totals)), one_round=False).verdict is Verdict.UNDETERMINED
    assert late_choice_bounds(cells(("", 0, totals)), one_round=False).verdict is Verdict.COULD_NOT_CHANGE


def test_with_two_places_the_last_one_elected_is_looked_at():
    found = late_choice_bounds(cells(("", 6, {"A": 60, "B": 30, "C": 25})), seats=2)
    assert (found.details["elected"], found.details["rival"], found.verdict) == ("B", "C", Verdict.COULD_CHANGE)


def declared(counts, **more):
    return [
        {"round": 1, "channel": "all", "item": "candidate", "candidate_id": c, "n": n, "basis": "declared"} | more
        for c, n in counts.items()
    ]


def ballots(n_before, n_late, channel="online"):
    at = [OPENS + timedelta(minutes=i) for i in range(n_before)] + [CLOSES + timedelta(minutes=i + 1) for i in range(n_late)]
    return [{"event": "cast", "channel": channel, "voter_key": f"{channel}{i}", "at": t} for i, t in enumerate(at)]


CLOCK = {"clock_id": "P", "tz_used": "UTC", "tz_basis": "stated_offset", "resolution": "s", "write_semantics": "event_time"}


def logged(folder, on_time, late, *, clocks=(CLOCK,), results=None, **more):
    """A case whose late ballots are in a log with a clock that stamps the event."""
    later = {True: timedelta(hours=2), False: timedelta(0)}  # so that none comes before the opening if clocks are an hour off
    events = [row | {"clock_id": "P", "at": row["at"] + later[row["at"] < CLOSES]} for row in ballots(on_time, late)]
    results = results or declared({"A": 60, "B": 30})
    return tiny(folder, results=results, candidates=STOOD, contest_windows=[WINDOW], ballot_events=events, clocks=clocks, **more)


def test_late_ballots_come_from_the_log(tmp_path):
    case = logged(tmp_path, 55, 35)
    finding = answered(case, "late_choice_bounds")[0]
    assert (finding.result.statistic, finding.result.n_observations, finding.result.form) == (35, 90, "after_close")
    told = wording.sentence(finding)
    assert "35 ballots came in after 16 October 2031, 12:00:00 BST (11:00:00 UTC), of 90 declared." in told
    assert (
        "Ann Ash 5 to 35, Bo Birch 0 to 30 at least and at most; with all of them removed, the lead of 30 ballots would be -5 to 55"
        in told
    )
    assert "Removing as few as 30 ballots" in told


def test_the_finest_cells_that_both_sides_tell(tmp_path):
    results = (
        declared({"A": 60, "B": 30})
        + declared({"A": 50, "B": 0}, channel="online")
        + declared({"A": 10, "B": 30}, channel="postal")
    )
    events = ballots(45, 5) + ballots(10, 30, "postal")
    case = tiny(tmp_path, results=results, candidates=STOOD, contest_windows=[WINDOW], ballot_events=events)
    finding = answered(case, "late_choice_bounds")[0]
    assert finding.details["n_cells"] == 2
    assert finding.verdict is Verdict.COULD_NOT_CHANGE


def test_a_running_count_bounds_the_late_ballots_too(tmp_path):
    counts = [
        {"as_of": CLOSES + timedelta(hours=h), "channel": "online", "unit": "ALL", "voted_n": n}
        for h, n in ((-30, 40), (-1, 50), (0, 55), (1, 90))
    ]
    case = tiny(tmp_path, results=declared({"A": 60, "B": 30}), candidates=STOOD, contest_windows=[WINDOW], turnout_counts=counts)
    finding = one(
        case, "late_choice_bounds"
    )  # after the close alone: every contest has more ballots on its last day than a narrow lead
    assert (finding.result.form, finding.result.statistic) == ("after_close", 35)
    assert "35 ballots were counted after" in wording.sentence(finding)


def test_interim_totals_are_exact_and_no_final_figures(tmp_path):
    interim = declared({"A": 50, "B": 28}, as_of=CLOSES)
    case = tiny(tmp_path, results=declared({"A": 60, "B": 30}) + interim, candidates=STOOD, contest_windows=[WINDOW])
    finding = one(case, "late_choice_bounds")
    assert finding.details["is_exact"]
    assert finding.result.effect.value == 22
    assert case.rows("results").height == 2
    assert case.interim_results().height == 2


def test_what_is_missing_is_said(tmp_path):
    case = tiny(tmp_path, results=declared({"A": 60, "B": 30}), ballot_events=ballots(10, 2), candidates=STOOD)
    found = answered(case, "late_choice_bounds")
    assert {finding.verdict for finding in found} == {Verdict.CANNOT_BE_ANSWERED}
    assert found[0].result.reason == "The late ballots cannot be counted: no close of the voting is held."
    assert found[0].result.needs == ("contest_windows.closes_at",)


def test_the_table_tells_the_numbers_that_the_sentence_tells(tmp_path):
    case = tiny(
        tmp_path, results=declared({"A": 60, "B": 55}), candidates=STOOD, contest_windows=[WINDOW], ballot_events=ballots(109, 6)
    )
    findings = answered(case, "late_choice_bounds")
    assert "Ann Ash 0 to 6, Bo Birch 0 to 6" in wording.sentence(findings[0])
    (table,) = exhibits.late_choice_bounds(case, findings)
    assert [(row["low"], row["high"]) for row in table.rows] == [(0, 6), (0, 6)]


@pytest.mark.parametrize("late", [0, 1])
def test_one_late_ballot_or_none_reads_well(tmp_path, late):
    case = tiny(
        tmp_path,
        results=declared({"A": 60, "B": 30}),
        candidates=STOOD,
        contest_windows=[WINDOW],
        ballot_events=ballots(89, late),
    )
    told = wording.sentence(answered(case, "late_choice_bounds")[0])
    assert told.startswith("1 ballot came in" if late else "No ballot of those declared is known to have come in")


def test_ballots_that_are_only_shown_late_change_nothing_for_certain(tmp_path):
    finding = answered(logged(tmp_path, 55, 35, clocks=[CLOCK | {"tz_basis": "assumed"}]), "late_choice_bounds")[0]
    assert finding.verdict is Verdict.UNDETERMINED
    assert "Whether they came late is open" in wording.sentence(finding)


def test_the_declaration_that_stands_is_judged(tmp_path):
    recount = [row | {"status": "recount"} for row in declared({"A": 80, "B": 10})]
    case = logged(tmp_path, 55, 35, results=declared({"A": 60, "B": 30}) + recount)
    assert answered(case, "late_choice_bounds")[0].details["margin"] == 70


def test_late_ballots_of_the_third_change_no_tie(tmp_path):
    results = declared({"A": 40, "B": 40, "C": 10})
    interim = declared({"A": 40, "B": 40}, as_of=CLOSES) + declared({"C": 0}, as_of=CLOSES)
    case = tiny(tmp_path, results=results + interim, candidates=STOOD, contest_windows=[WINDOW])
    assert one(case, "late_choice_bounds").verdict is not Verdict.COULD_CHANGE


def test_whom_a_handful_of_late_ballots_were_for_is_not_shown(tmp_path):
    interim = declared({"A": 59, "B": 30}, as_of=CLOSES)
    case = tiny(tmp_path, results=declared({"A": 60, "B": 30}) + interim, candidates=STOOD, contest_windows=[WINDOW])
    finding = one(case, "late_choice_bounds")
    assert finding.result.effect is None
    assert "1 ballot was counted after" in wording.sentence(finding)
    assert "whom they were for is not shown" in wording.sentence(finding)
    assert "late, at" not in repr(exhibits.late_choice_bounds(case, [finding]))


def by_branch(**readings):
    """Rows by branch: (instant or null, {candidate: ballots})."""
    return [
        row for unit, given in readings.items() for at, n in given for row in declared(n, unit=unit, as_of=at, channel="online")
    ]


def minutes(n):
    return CLOSES + timedelta(minutes=n)


NORTH = [(minutes(-2), {"A": 50, "B": 20}), (None, {"A": 60, "B": 40})]
SOUTH = [(minutes(3), {"A": 30, "B": 30}), (None, {"A": 35, "B": 45})]


def test_every_branch_is_divided_at_its_own_minute(tmp_path):
    """By hand: North has 10 and 20 more than at 2 minutes before the close, South 5 and 15 more than at 3 minutes after."""
    case = bounds_of(tmp_path, North=NORTH, South=SOUTH)
    finding = one(case, "late_choice_bounds")
    assert {row["candidate"]: row["late_low"] for row in finding.details["candidates"]} == {"Ann Ash": 15, "Bo Birch": 35}
    assert finding.result.statistic == 50
    together = finding.result.assumptions[-1]
    assert together.evidence == "Of 2 branches and channels: 1 read up to 5 minutes away, each divided at its own reading."
    assert together.status is Status.UNTESTED
    assert wording.sentence(finding).startswith("50 ballots were counted after 16 October 2031, 12:03:00 BST")
    (table,) = exhibits.late_choice_bounds(case, [finding])
    assert table.caption.startswith("Ballots that were counted after")


def bounds_of(folder, **readings):
    return tiny(folder, results=by_branch(**readings), candidates=STOOD, contest_windows=[WINDOW])


def test_a_branch_read_long_before_counts_from_there_and_one_not_read_was_not_counted(tmp_path):
    stale = [(minutes(-120), {"A": 10, "B": 10}), (None, {"A": 20, "B": 12})]
    never = [(None, {"A": 7, "B": 4})]
    finding, _ = answered(bounds_of(tmp_path, North=NORTH, South=SOUTH, West=stale, East=never), "late_choice_bounds")
    assert {row["candidate"]: row["late_low"] for row in finding.details["candidates"]} == {
        "Ann Ash": 15 + 10 + 7, "Bo Birch": 35 + 2 + 4,
    }  # fmt: skip
    told = finding.result.assumptions[-1]
    assert told.status is Status.FAILS
    assert "1 last read more than 15 minutes before" in told.evidence
    assert "1 in no reading by then, so that nothing is taken as counted" in told.evidence
    assert finding.verdict is not Verdict.COULD_CHANGE


def test_each_channels_own_close_is_told_where_they_differ(tmp_path):
    windows = [WINDOW | {"channel": "online"}, WINDOW | {"channel": "postal", "closes_at": CLOSES + timedelta(days=2)}]
    events = ballots(50, 6) + ballots(30, 0, "postal")
    case = tiny(tmp_path, results=declared({"A": 60, "B": 55}), candidates=STOOD, contest_windows=windows, ballot_events=events)
    finding = one(case, "late_choice_bounds")
    own = "online: 16 October 2031, 12:00:00 BST (11:00:00 UTC); postal: 18 October 2031, 12:00:00 BST (11:00:00 UTC)"
    assert wording.sentence(finding).startswith(f"6 ballots came in after each channel's own close ({own}), of 115 declared.")
    (table,) = exhibits.late_choice_bounds(case, [finding])
    assert "after each channel's own close" in table.caption


def test_a_running_total_above_the_final_one_is_told(tmp_path):
    interim = declared({"A": 70, "B": 30}, as_of=CLOSES)
    case = tiny(tmp_path, results=declared({"A": 60, "B": 35}) + interim, candidates=STOOD, contest_windows=[WINDOW])
    found = answered(case, "late_choice_bounds")
    assert all("a candidate's running total is above the final figure" in finding.result.reason for finding in found)


def test_a_ballot_before_the_opening_records_no_late_one(tmp_path):
    """Both logs show 35 ballots after the close, by a clock whose zone is assumed; one voter's stamp, of another clock, is too early."""
    early = {"event": "cast", "channel": "in_person", "voter_key": "v1", "at": OPENS - timedelta(days=2), "clock_id": "Q"}
    events = [row | {"clock_id": "P"} for row in ballots(54, 35)] + [early]
    clocks = [CLOCK | {"tz_basis": "assumed"}, CLOCK | {"clock_id": "Q"}]
    more = {"candidates": STOOD, "contest_windows": [WINDOW], "clocks": clocks}
    case = tiny(tmp_path, results=declared({"A": 60, "B": 30}), ballot_events=events, **more)
    (outside,) = answered(case, "ballots_outside_window")
    assert outside.verdict is Verdict.BREACH_RECORDED
    assert answered(case, "late_choice_bounds")[0].verdict is Verdict.UNDETERMINED


def test_the_question_on_ballots_outside_the_window_is_not_answered_again(tmp_path, monkeypatch):
    case = logged(tmp_path, 55, 35)
    monkeypatch.delattr("analysis_lib.methods.ballots_outside_window.sessions")
    assert late_choice_bounds_of(case)[0].verdict is Verdict.COULD_CHANGE

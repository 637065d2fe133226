"""Ballots before the opening and after the close: every clock trap counted by hand on a package of a few rows."""

import re

import pytest
from cases import one, tiny, utc
from hypothesis import given
from hypothesis import strategies as st
from tiny_package import STEADY

from analysis_lib import exhibits, wording
from analysis_lib.case import open_case
from analysis_lib.errors import ParameterError
from analysis_lib.figure import Figure
from analysis_lib.methods.ballots_outside_window import ballots_outside_window, brought_in
from analysis_lib.methods.registry import answer_chapter
from analysis_lib.results import NotAnswerable, Status, Verdict

ADVERTISED = {
    "channel": "online",
    "kind": "voting",
    "basis": "advertised",
    "opens_at": utc("2031-10-06 11:00"),
    "closes_at": utc("2031-10-20 11:00"),
}
SURE = {"clock_id": "C1", "tz_used": "UTC", "tz_basis": "stated_offset", "resolution": "s", "write_semantics": "event_time"}


def ballots(*times, **more):
    """Ballots stamped at times of October 2031 such as 20 11:30 (UTC)."""
    row = {"event": "cast", "channel": "online", "clock_id": "C1", "actor_role": "self"} | more
    return [row | {"at": utc(f"2031-10-{text}") if text else None} for text in times]


def case(folder, events, windows=(ADVERTISED,), clock=SURE, **more):
    return tiny(folder, ballot_events=events, contest_windows=list(windows), clocks=[clock], **more)


def found(*args, **more):
    return one(case(*args, **more), "ballots_outside_window")


def seen(finding):
    return finding.verdict, finding.details["before"], finding.details["after"]


def test_made_up_vale_holds_the_six_planted_ballots_and_its_twin_none():
    vale, clean = (
        answer_chapter("20_late_votes", open_case(name))["ballots_outside_window"][0]
        for name in ("made_up_vale", "made_up_vale_clean")
    )
    assert seen(vale) == (Verdict.BREACH_RECORDED, 0, 6)
    assert "(6 online, entered under the role local officer)" in wording.sentence(vale)
    assert vale.details["by_role"] == [{"channel": "online", "actor_role": "local_officer", "n": 6}]
    assert seen(clean) == (Verdict.NO_BREACH, 0, 0)


def test_the_close_itself_is_in_time_and_the_second_after_it_is_late(tmp_path):
    finding = found(tmp_path, ballots("06 11:00:00", "20 10:59:59", "20 11:00:00", "20 11:00:01", "20 11:34:56"))
    assert seen(finding) == (Verdict.BREACH_RECORDED, 0, 2)
    assert (finding.result.statistic, finding.result.n_observations, finding.details["longest_s"]) == (2, 5, 34 * 60 + 56)
    assert (
        "2 ballots after the close of the window in force, the last one 34 minutes after it (2 online, sent in by the member)"
        in wording.sentence(finding)
    )


def test_a_ballot_before_the_opening_is_one_too(tmp_path):
    finding = found(tmp_path, ballots("06 10:59:59", "06 10:00:00", "06 11:00:00"))
    assert seen(finding) == (Verdict.BREACH_RECORDED, 2, 0)
    assert "2 ballots before the opening of the window in force (2 online, sent in by the member)." in wording.sentence(finding)


@pytest.mark.parametrize(("tolerance", "before", "after"), [(0, 2, 3), (60, 1, 2), (300, 0, 1)])
def test_every_tolerance_is_counted(tmp_path, tolerance, before, after):
    finding = found(tmp_path, ballots("06 10:58:00", "06 10:59:59", "20 11:00:30", "20 11:01:01", "20 11:05:01"))
    (row,) = (row for row in finding.details["counts"] if row["tolerance_s"] == tolerance)
    assert (row["before"], row["after"], row["n"]) == (before, after, 5)
    assert seen(finding) == (Verdict.BREACH_RECORDED, 2, 3)  # the finding itself rests on 0


def test_the_verdict_is_taken_at_tolerance_0_whatever_else_the_plan_counts(tmp_path):
    # A plan may come with the package: no tolerance in it can hide a late ballot.
    events = ballots("20 11:00:30", "20 11:02:00")
    plan = "tolerances_s = [3600, 60, 0]"
    finding = found(tmp_path, events, plan=plan)
    assert seen(finding) == (Verdict.BREACH_RECORDED, 0, 2)
    assert sum(row["n"] for row in finding.details["by_role"]) == 2
    drawn = next(
        x for x in exhibits.ballots_outside_window(case(tmp_path, events, plan=plan), [finding]) if isinstance(x, Figure)
    )
    assert "2 ballots after the close" in drawn.alt
    with pytest.raises(ParameterError, match="expected 0 among them"):
        found(tmp_path, events, plan="tolerances_s = [3600]")


@pytest.mark.parametrize(("grace", "after"), [(None, 2), (0, 2), (60, 1), (300, 0)])
def test_a_documented_grace_is_in_time(tmp_path, grace, after):
    finding = found(tmp_path, ballots("20 11:00:30", "20 11:05:00"), [ADVERTISED | {"grace_s": grace}])
    assert finding.details["after"] == after


def test_a_log_in_universal_time_may_be_local_time(tmp_path):
    # The close is noon BST, 11:00 UTC. 11:30 in a log whose zone nobody wrote down: half an hour late, or half an hour early.
    finding = found(tmp_path, ballots("20 11:30", "19 12:00"), clock=SURE | {"tz_basis": "assumed"})
    assert seen(finding) == (Verdict.UNDETERMINED, 0, 1)
    assert (finding.details["fewest"], finding.details["most"]) == (0, 1)
    assert "the count runs from 0 to 1" in wording.sentence(finding)
    assert finding.result.assumptions[0].status is Status.UNTESTED


def test_a_log_in_local_time_may_be_universal_time(tmp_path):
    # Handed over as 11:30+01:00, before the close; if that 11:30 was UTC, it was half an hour after it.
    clock = SURE | {"tz_used": "Europe/London", "tz_basis": "inferred_from_anchor"}
    finding = found(tmp_path, ballots("20 10:30"), clock=clock)
    assert seen(finding) == (Verdict.UNDETERMINED, 0, 0)
    assert (finding.details["fewest"], finding.details["most"]) == (0, 1)
    assert "the log stamps none outside the window in force. Under the readings" in wording.sentence(finding)


def test_late_under_both_readings_is_a_breach(tmp_path):
    finding = found(tmp_path, ballots("20 12:30"), clock=SURE | {"tz_basis": "assumed"})
    assert (finding.verdict, finding.details["fewest"], finding.details["most"]) == (Verdict.BREACH_RECORDED, 1, 1)
    assert "readings" not in wording.sentence(finding)


@pytest.mark.parametrize(
    ("stamp", "verdict"),
    [("25 23:30", "no_breach"), ("26 00:30", "undetermined"), ("26 00:45", "breach_recorded"), ("26 01:15", "undetermined")],
)
def test_the_hour_that_comes_twice_counts_only_if_late_both_times(tmp_path, stamp, verdict):
    # The close is 01:40 by the first of the two hours, 00:40 UTC on 26 October 2031. 00:30 UTC may have been 01:30, late;
    # 00:45 is late and 01:45 more so; 01:15 may have been 00:15, in time.
    clock = SURE | {"tz_used": "Europe/London", "tz_basis": "stated_zone", "dst_policy": "both_bounds"}
    assert found(tmp_path, ballots(stamp), [ADVERTISED | {"closes_at": utc("2031-10-26 00:40")}], clock).verdict == verdict


@pytest.mark.parametrize(
    ("stamp", "fewest", "verdict"),
    [
        ("11:00:20", 0, "undetermined"),
        ("11:01:00", 0, "undetermined"),
        ("11:01:30", 0, "undetermined"),
        ("11:01:31", 1, "breach_recorded"),
    ],
)
def test_a_clock_known_to_run_ahead_within_limits(tmp_path, stamp, fewest, verdict):
    # It ran 60 s ahead, give or take 15 s; two deviations either way: 30 to 90 s. All are late as recorded.
    finding = found(tmp_path, ballots(f"20 {stamp}"), clock=SURE | {"offset_s": 60, "offset_sd_s": 15})
    assert (finding.details["after"], finding.details["fewest"], finding.verdict) == (1, fewest, verdict)


@pytest.mark.parametrize(("stamp", "before"), [("06 11:00", 0), ("06 10:59", 1), ("06 10:45", 1)])
def test_stamps_cut_to_the_minute(tmp_path, stamp, before):
    finding = found(tmp_path, ballots(stamp, "20 11:00", "20 11:01"), clock=SURE | {"resolution": "min"})
    assert seen(finding) == (Verdict.BREACH_RECORDED, before, 1)  # 11:00 may be any second of that minute, the close among them


def test_stamps_cut_to_the_hour_are_outside_only_if_the_whole_hour_is(tmp_path):
    windows = [ADVERTISED | {"opens_at": utc("2031-10-06 11:30"), "closes_at": utc("2031-10-20 11:30")}]
    finding = found(
        tmp_path,
        ballots("06 11:00", "06 10:00", "20 11:00", "20 12:00"),
        windows,
        SURE | {"resolution": "hour", "rounding": "truncate"},
    )
    assert seen(finding) == (Verdict.BREACH_RECORDED, 1, 1)


def test_ballots_entered_in_a_batch_are_counted_apart(tmp_path):
    hall = ballots("20 15:00", "20 15:01", batch_id="hall", event="entered_by_officer")
    finding = found(tmp_path, ballots("20 10:00") + hall)
    assert (seen(finding), finding.details["batch_after"]) == ((Verdict.NO_BREACH, 0, 0), 2)
    assert wording.sentence(finding).endswith("2 ballots entered in a batch bear a later time of entry.")
    assert finding.details["by_role"] == []
    early = found(tmp_path / "early", ballots("06 09:00", batch_id="post", event="imported") + ballots("20 10:00"))
    assert seen(early) == (Verdict.NO_BREACH, 0, 0)


def test_every_version_of_the_window_is_counted_and_the_last_told_decides(tmp_path):
    windows = [
        ADVERTISED,
        ADVERTISED | {"basis": "configured", "closes_at": utc("2031-10-20 12:00")},
        {"channel": "online", "kind": "voting", "basis": "amended", "closes_at": utc("2031-10-20 11:15")},
        ADVERTISED | {"basis": "actual", "closes_at": utc("2031-10-20 11:45")},
    ]
    finding = found(tmp_path, ballots("06 10:30", "20 11:10", "20 11:20", "20 11:50", "20 12:10"), windows)
    counts = {row["basis"]: (row["before"], row["after"]) for row in finding.details["counts"] if row["tolerance_s"] == 0}
    assert counts == {"advertised": (1, 4), "configured": (1, 1), "amended": (1, 3), "actual": (1, 2)}
    assert seen(finding) == (Verdict.BREACH_RECORDED, 1, 3)
    assert finding.details["basis_in_force"] == {"online": "amended"}


def test_only_events_that_bring_a_ballot_in_are_counted(tmp_path):
    late = [
        ballots("20 12:00", event=event)[0]
        for event in ("cast", "recast", "entered_by_officer", "imported", "voided", "counted", "ballot_opened")
    ]
    details = found(tmp_path, late).details
    assert (details["after"], details["batch_after"]) == (2, 2)  # what is keyed in bears the time of keying in


HALL = ADVERTISED | {"channel": "in_person", "opens_at": utc("2031-10-20 18:00"), "closes_at": utc("2031-10-20 20:00")}


def test_each_channel_is_held_to_its_own_window(tmp_path):
    events = ballots("20 11:30", "20 10:00") + ballots("20 19:00", "20 20:30", "20 17:00", channel="in_person")
    finding = found(tmp_path, events, [ADVERTISED, HALL])
    assert seen(finding) == (Verdict.BREACH_RECORDED, 1, 2)
    assert {(row["channel"], row["n"]) for row in finding.details["by_role"]} == {("online", 1), ("in_person", 2)}
    assert "2 in person, sent in by the member" in wording.sentence(finding)


def test_a_channel_without_a_window_is_not_judged_and_says_so(tmp_path):
    events = ballots("20 10:00") + ballots("20 23:00", channel="postal")
    finding = found(tmp_path, events)
    assert (seen(finding), finding.result.n_observations, finding.result.n_excluded) == ((Verdict.NO_BREACH, 0, 0), 1, 1)
    assert finding.result.assumptions[-1].status is Status.FAILS
    assert "None is held for: postal; those ballots were not judged." in finding.result.assumptions[-1].evidence


@pytest.mark.parametrize(
    "windows",
    [[HALL], [ADVERTISED | {"closes_at": None}], [ADVERTISED | {"kind": "hustings"}], [ADVERTISED | {"closes_at": None}, HALL]],
    ids=["another channel's", "no close", "only a hustings", "a close of another channel"],
)
def test_without_a_close_no_ballot_can_be_called_in_time(tmp_path, windows):
    finding = found(tmp_path, ballots("20 10:00", "20 23:00"), windows)
    assert isinstance(finding.result, NotAnswerable)
    assert finding.result.needs == ("contest_windows.closes_at",)


def test_a_channel_whose_clock_is_sure_is_not_excused_by_the_doubt_of_another(tmp_path):
    # The hall's clock leaves no doubt; the online one's zone is assumed, and nothing of it is late.
    doubtful = SURE | {"clock_id": "C2", "tz_basis": "assumed"}
    events = ballots("15 11:30", clock_id="C2") + ballots("20 20:30", "20 21:00", channel="in_person")
    finding = one(
        tiny(tmp_path, ballot_events=events, contest_windows=[ADVERTISED, HALL], clocks=[SURE, doubtful]),
        "ballots_outside_window",
    )
    assert (finding.verdict, finding.details["fewest"], finding.details["most"]) == (Verdict.BREACH_RECORDED, 2, 2)


def test_ballots_without_a_time_are_left_out_and_counted(tmp_path):
    finding = found(tmp_path, ballots("20 10:00", "", ""))
    assert (finding.result.n_observations, finding.result.n_excluded) == (1, 2)
    assert wording.sentence(finding).startswith("The one ballot with a time is stamped within the window")
    nothing = found(tmp_path / "none", ballots("", ""))
    assert nothing.result.needs == ("ballot_events.at|turnout_counts.voted_n",)


def test_an_empty_package_names_what_it_needs(tmp_path):
    needs = one(tiny(tmp_path), "ballots_outside_window").result.needs
    assert needs == ("ballot_events.at|turnout_counts.voted_n", "contest_windows.closes_at")


@pytest.mark.parametrize(
    ("clock", "status", "evidence"),
    [
        (SURE, Status.HOLDS, "The log states its zone or offset."),
        (SURE | {"tz_basis": "assumed"}, Status.UNTESTED, "under the other reading too"),
        (SURE | {"clock_id": "other"}, Status.UNTESTED, "No clock is described for some of these times"),
    ],
)
def test_what_is_known_of_the_clock_is_said(tmp_path, clock, status, evidence):
    events = ballots("20 10:00", clock_id=None if clock["clock_id"] == "other" else "C1")
    zone, stamp = found(tmp_path, events, clock=clock).result.assumptions[:2]
    assert zone.status is status
    assert evidence in zone.evidence
    assert stamp.status is (Status.UNTESTED if clock["clock_id"] == "other" else Status.HOLDS)


@pytest.mark.parametrize("semantics", ["commit_time", "queue_time", "last_overwrite", "export_time", "placeholder", "unknown"])
def test_a_stamp_of_processing_is_not_a_time_of_casting(tmp_path, semantics):
    assert (
        found(tmp_path, ballots("20 10:00"), clock=SURE | {"write_semantics": semantics}).result.assumptions[1].status
        is Status.UNTESTED
    )


def test_logged_actions_on_the_window_stand_beside_it(tmp_path):
    actions = [
        {"at": utc("2031-10-20 11:05"), "actor_role": "local_officer", "action": action} for action in ("contest_closed", "login")
    ]
    this = case(
        tmp_path, ballots("20 11:03"), admin_actions=[*actions, {"action": "window_changed", "actor_role": "platform_staff"}]
    )
    finding = one(this, "ballots_outside_window")
    assert [row["action"] for row in finding.details["window_actions"]] == ["window_changed", "contest_closed"]
    told = "".join(map(repr, exhibits.ballots_outside_window(this, [finding])))
    assert "login" not in told
    assert "2031-10-20 12:05:00 BST | contest closed | local officer" in told


def shown(this):
    finding = one(this, "ballots_outside_window")
    return [x for x in exhibits.ballots_outside_window(this, [finding]) if not isinstance(x, Figure)]


def test_tables_are_in_words_and_bare_of_columns_that_tell_nothing(tmp_path):
    late = ballots("20 11:34:52", "10 11:00", actor_role="local_officer") + ballots(
        "20 20:30", channel="in_person", actor_role=None
    )
    listed, counts = shown(case(tmp_path, late, [ADVERTISED, HALL]))
    assert "2031-10-20 12:34:52 BST | online | local officer | 34 minutes 52 seconds after the close" in repr(listed)
    assert "2031-10-20 21:30:00 BST | in person |  | 30 minutes after the close" in repr(listed)
    assert list(listed.columns.values())[1:] == ["channel", "recorded role", "outside by"]
    assert list(counts.columns.values()) == [
        "channel",
        "window",
        "ballots",
        "after close",
        "more than 1 minute after",
        "more than 5 minutes after",
    ]
    assert "as the clock recorded it. Columns in which no ballot would stand are left out." in counts.caption
    assert not re.search(r"[a-z]_[a-z]", repr(listed) + repr(counts))


def test_columns_that_tell_something_stay(tmp_path):
    events = ballots("06 10:30", "20 11:30") + ballots("20 15:00", event="imported")
    listed, counts = shown(case(tmp_path, events, clock=SURE | {"tz_basis": "assumed"}))
    assert "30 minutes before the opening" in repr(listed)
    assert list(listed.columns)[-1] == "in_batch"
    assert {"reading", "before", "batch_after"} <= set(counts.columns)
    assert counts.caption.endswith("under every clock reading that the evidence allows.")


def test_where_none_is_late_the_count_of_none_is_still_shown(tmp_path):
    (counts,) = shown(case(tmp_path, ballots("10 11:00")))
    assert list(counts.columns.values()) == ["channel", "window", "ballots", "after close"]


@pytest.fixture(scope="module")
def eight(tmp_path_factory):
    times = ("20 11:30", "20 11:30", "06 10:00", "10 10:00", "20 11:00", "20 12:30", "20 11:00:30", "06 11:00")
    return case(tmp_path_factory.mktemp("eight"), ballots(*times), clock=SURE | {"tz_basis": "assumed", "offset_s": 3})


def counted(this, events, *tolerances_s):
    return ballots_outside_window(
        events, this.rows("clocks"), this.rows("contest_windows"), zone="Europe/London", tolerances_s=tolerances_s
    )


@STEADY
@given(st.permutations(range(8)))
def test_the_order_of_rows_changes_nothing(eight, order):
    shuffled, plain = (counted(eight, events, 0, 60) for events in (brought_in(eight)[order], brought_in(eight)))
    assert shuffled[0].equals(plain[0])
    assert shuffled[1].equals(plain[1])


@STEADY
@given(st.integers(0, 600), st.integers(0, 6000))
def test_a_wider_tolerance_never_finds_more(eight, small, more):
    counts, _ = counted(eight, brought_in(eight), small, small + more)
    narrow, wide = (counts.filter(tolerance_s=tolerance)["after"].sum() for tolerance in (small, small + more))
    assert narrow >= wide


@pytest.mark.parametrize("semantics", ["queue_time", "last_overwrite", "export_time", "placeholder", "unknown"])
def test_a_clock_that_does_not_stamp_the_event_records_no_breach(tmp_path, semantics):
    finding = found(tmp_path, ballots("20 11:30", "20 10:00"), clock=SURE | {"write_semantics": semantics})
    assert seen(finding) == (Verdict.UNDETERMINED, 0, 1)


def test_no_clock_at_all_is_not_firmer_than_a_doubtful_one(tmp_path):
    assert seen(found(tmp_path, ballots("20 11:30", clock_id=None))) == (Verdict.UNDETERMINED, 0, 1)


def test_hall_papers_keyed_in_next_morning_are_no_late_ballots(tmp_path):
    keyed = ballots("21 09:00", event="entered_by_officer", channel="in_person", actor_role="procedures_secretary")
    finding = found(tmp_path, keyed, [ADVERTISED, HALL])
    assert (finding.verdict, finding.details["after"], finding.details["batch_after"]) == (Verdict.NO_BREACH, 0, 1)

"""Closes on record, notices of another one, sessions begun in time, and running counts: each worked by hand."""

from datetime import timedelta

import polars as pl
import pytest
from cases import one, tiny, utc
from hypothesis import given
from hypothesis import strategies as st
from tiny_package import STEADY

from analysis_lib import exhibits, wording
from analysis_lib.figure import Figure
from analysis_lib.methods import ballots_outside_window as outside
from analysis_lib.methods.around_the_close import counted_after_close
from analysis_lib.results import Finding, Grade, NotAnswerable, Status, Verdict

CLOSE = utc("2031-10-20 11:00")
WINDOW = {"channel": "online", "kind": "voting", "basis": "advertised", "opens_at": utc("2031-10-06 11:00"), "closes_at": CLOSE}
WINDOW |= {"announced_at": utc("2031-09-20 09:00")}
CLOCK = {"clock_id": "C1", "tz_used": "UTC", "tz_basis": "stated_offset", "resolution": "s", "write_semantics": "event_time"}


def at(minutes):
    return CLOSE + timedelta(minutes=minutes)


def ballots(*minutes, event="cast", **more):
    row = {"event": event, "channel": "online", "clock_id": "C1", "actor_role": "self"} | more
    return [row | {"at": at(m)} for m in minutes]


def found(folder, events, *windows, **more):
    case = tiny(folder, ballot_events=events, contest_windows=windows or (WINDOW,), clocks=[CLOCK], **more)
    return case, one(case, "ballots_outside_window")


def amended(minutes, told=None, **more):
    return WINDOW | {"basis": "amended", "closes_at": at(minutes), "announced_at": None if told is None else at(told)} | more


# Notices


@pytest.mark.parametrize(
    ("told", "when", "before_notice"), [(-1440, "before", 0), (0, "before", 0), (12, "after", 2), (None, "unknown", None)]
)
def test_a_notice_is_set_against_the_close_it_changes(tmp_path, told, when, before_notice):
    _, finding = found(tmp_path, ballots(-5, 0, 5, 10, 20, 30, 31), WINDOW, amended(30, told))
    (row,) = finding.details["extensions"]
    assert (row["told"], row["between"], row["before_notice"]) == (when, 4, before_notice)
    assert (row["old_close"], row["new_close"]) == (CLOSE, at(30))
    assert (finding.verdict, finding.details["after"]) == (Verdict.BREACH_RECORDED, 1)
    assert "there is a minute of the change of the close." in wording.sentence(finding)


def test_a_close_put_off_twice_and_one_brought_forward(tmp_path):
    events = ballots(-20, -10, 5, 40)
    _, finding = found(tmp_path, events, WINDOW, amended(60, 30), amended(30, -60))
    told = [(row["old_close"], row["new_close"], row["between"]) for row in finding.details["extensions"]]
    assert told == [(CLOSE, at(30), 1), (at(30), at(60), 1)]
    _, early = found(tmp_path / "early", events, WINDOW, amended(-15, -60))
    (row,) = early.details["extensions"]
    assert (row["told"], row["between"], early.details["after"]) == ("before", 1, 3)
    assert (
        "was brought forward to 20 October 2031, 11:45:00 BST (10:45:00 UTC), announced before the new close;"
        in wording.sentence(early)
    )


def test_the_same_close_again_and_ballots_entered_in_a_batch_are_no_extension(tmp_path):
    keyed = ballots(5, event="entered_by_officer") + ballots(5, batch_id="b")
    _, finding = found(tmp_path, ballots(-5) + keyed, WINDOW, amended(0, -60), amended(30, -30))
    assert [row["between"] for row in finding.details["extensions"]] == [0]


def test_two_closes_are_both_shown(tmp_path):
    windows = (WINDOW, WINDOW | {"closes_at": at(-30)}, WINDOW | {"channel": "all", "basis": "actual", "closes_at": at(10)})
    case, finding = found(tmp_path, ballots(-40, -20, 5, 20), *windows)
    listed = [(row["basis"], row["closes_at"], row["after"]) for row in finding.details["closes"]]
    assert listed == [("actual", at(10), 1), ("advertised", at(-30), 3), ("advertised", CLOSE, 2)]
    assert finding.details["after"] == 2  # nothing is late that one of them allows
    (shown,) = (x for x in exhibits.ballots_outside_window(case, [finding]) if "Every close" in getattr(x, "caption", ""))
    assert "2031-10-20 11:30:00 BST" in repr(shown)


def test_one_close_is_not_listed_again(tmp_path):
    case, finding = found(tmp_path, ballots(-40), WINDOW, WINDOW | {"basis": "configured"})
    assert not any("Every close" in x.caption for x in exhibits.ballots_outside_window(case, [finding]))


# Sessions


def begun(*events):
    """The count of one voter's ballot: pairs of event and minutes from the close."""
    return [row for what, minutes in events for row in ballots(minutes, event=what, voter_key="v1")]


@pytest.mark.parametrize(
    ("events", "grace_s", "where"),
    [
        ([("ballot_opened", -5), ("cast", 3)], 0, "begun_before"),
        ([("ballot_opened", -5), ("cast", 3)], 300, "in_grace_begun_before"),
        ([("ballot_opened", -5), ("ballot_filled", 1), ("cast", 3)], 0, "begun_before"),
        ([("ballot_filled", 0), ("cast", 3)], 0, "begun_before"),
        ([("ballot_opened", -5), ("ballot_opened", 1), ("cast", 3)], 0, "begun_after"),
        ([("ballot_opened", 2), ("cast", 3)], 300, "in_grace_begun_after"),
        ([("ballot_opened", -9), ("cast", -8), ("recast", 3)], 0, "unknown"),
        ([("ballot_opened", -9), ("cast", -8), ("ballot_opened", -7), ("recast", 3)], 0, "begun_before"),
        ([("ballot_filled", 2), ("cast", 3)], 0, "begun_after"),
        ([("cast", 3), ("ballot_opened", 4)], 0, "unknown"),
    ],
)
def test_a_ballot_is_begun_before_the_close_if_it_lay_open_then(tmp_path, events, grace_s, where):
    _, finding = found(tmp_path, begun(*events), WINDOW | {"grace_s": grace_s})
    assert {key: n for key, n in finding.details["sessions"].items() if n} == {where: 1}


def test_sessions_are_joined_by_session_then_voter_then_code(tmp_path):
    events = ballots(-5, event="ballot_opened", session_key="s1") + ballots(3, session_key="s1", voter_key="v1")
    events += ballots(-5, event="ballot_opened", credential_id="c2") + ballots(4, credential_id="c2") + ballots(5)
    case, finding = found(tmp_path, events)
    assert (finding.details["sessions"]["begun_before"], finding.details["sessions"]["unknown"]) == (2, 1)
    assert "2 late ballots were begun before the close." in wording.sentence(finding)
    shown = "".join(map(repr, exhibits.ballots_outside_window(case, [finding])))
    assert "begun | cast after it" in shown  # no grace, so none within it
    assert not any(key in shown for key in ("s1", "v1", "c2"))


def test_without_openings_on_record_nothing_is_said_of_them(tmp_path):
    _, finding = found(tmp_path, ballots(-5, 3))
    assert finding.details["sessions"] is None


def test_how_late_the_ballots_are(tmp_path):
    _, finding = found(tmp_path, ballots(-5, 0.5, 1, 1.5, 5, 5.1, 600))
    assert [(row["over_s"], row["up_to_s"], row["n"]) for row in finding.details["how_late"]] == [
        (0, 60, 2),
        (60, 300, 2),
        (300, None, 2),
    ]


# Running counts alone


def count_of(*pairs, channel="online", **more):
    return [{"as_of": at(m), "voted_n": n, "channel": channel, "unit": "ALL"} | more for m, n in pairs]


def bounded(folder, counts, *windows):
    case = tiny(folder, turnout_counts=counts, contest_windows=windows or (WINDOW,))
    (result,) = outside.answer(case)
    return result


@pytest.mark.parametrize(
    ("pairs", "fewest", "most", "verdict"),
    [
        ([(-10, 400), (10, 400)], 0, 0, Verdict.NO_BREACH),
        ([(-10, 400), (10, 412)], 0, 12, Verdict.UNDETERMINED),
        ([(-10, 400), (10, 412), (60, 415)], 3, 15, Verdict.UNDETERMINED),
        ([(0, 400), (1, 410), (4, 415)], 0, 15, Verdict.UNDETERMINED),  # a display may lag five minutes
        ([(10, 412), (60, 415)], 3, 415, Verdict.UNDETERMINED),
        ([(-10, 400), (10, 412), (60, 402), (90, 405)], 3, 15, Verdict.UNDETERMINED),  # ten were taken away
    ],
)
def test_two_readings_bound_the_late_ballots(tmp_path, pairs, fewest, most, verdict):
    result = bounded(tmp_path, count_of(*pairs))
    assert (result.form, result.details["fewest"], result.details["most"], result.verdict) == (
        "turnout_counts",
        fewest,
        most,
        verdict,
    )
    assert result.statistic == fewest
    assert result.assumptions[0].status is Status.UNTESTED


def test_a_count_that_takes_in_the_hall_records_no_breach(tmp_path):
    result = bounded(tmp_path, count_of((-10, 400), (10, 412), (60, 415), channel="all"))
    assert (result.details["fewest"], result.verdict) == (3, Verdict.UNDETERMINED)
    hall = WINDOW | {"channel": "in_person", "closes_at": at(50)}
    later = bounded(tmp_path / "hall", count_of((-10, 400), (10, 412), (60, 415), channel="all"), WINDOW, hall)
    assert (later.details["counts"][0]["closes_at"], later.details["fewest"], later.details["most"]) == (at(50), 0, 3)


def test_a_grace_is_in_time_for_a_count_too(tmp_path):
    result = bounded(tmp_path, count_of((-10, 400), (4, 412), (15, 415), (60, 415)), WINDOW | {"grace_s": 300})
    assert (result.details["fewest"], result.details["most"]) == (0, 3)


@pytest.mark.parametrize(
    ("counts", "windows"),
    [
        (count_of((-60, 10), (0, 20)), [WINDOW]),
        (count_of((-60, 10), (30, 20)), [WINDOW | {"channel": "postal"}]),
        (count_of((-60, 10), (30, 20), unit="North"), [WINDOW]),
    ],
    ids=["none after the close", "another channel's close", "one branch"],
)
def test_counts_that_bound_nothing_cannot_answer(tmp_path, counts, windows):
    result = bounded(tmp_path, counts, *windows)
    assert isinstance(result, NotAnswerable)
    assert "no running count that was read after a close" in result.reason


@STEADY
@given(st.lists(st.tuples(st.integers(-90, 90), st.integers(0, 50)), min_size=2, max_size=8), st.integers(-90, 89))
def test_the_bounds_hold_for_every_course_of_casting(votes, read):
    # The truth is known: so many ballots at such minutes. Whatever two more readings show, the bounds hold it.
    cast = [minute for minute, n in votes for _ in range(n)]
    counts = pl.DataFrame(
        [{"as_of": at(m), "voted_n": sum(c <= m for c in cast)} for m in (*sorted({read, 20}), 90)],
        schema={"as_of": pl.Datetime("us", "UTC"), "voted_n": pl.Int64},
    )
    bounds = counted_after_close(counts, CLOSE, 0)
    assert bounds["fewest"] <= sum(c > 0 for c in cast) <= bounds["most"]


def test_what_the_counts_say_is_shown(tmp_path):
    case = tiny(tmp_path, turnout_counts=count_of((-10, 400), (10, 412), (60, 415)), contest_windows=[WINDOW])
    (result,) = outside.answer(case)
    finding = Finding(
        question="ballots_outside_window", chapter="20_late_votes", grade=Grade.BREACH, verdict=result.verdict, result=result
    )
    assert wording.sentence(finding).startswith(
        "By the running count, 3 to 15 ballots came after the close, 20 October 2031, 12:00:00 BST"
    )
    (shown,) = exhibits.ballots_outside_window(case, [finding])
    assert "online | 2031-10-20 12:00:00 BST | 2031-10-20 11:50:00 BST | 2031-10-20 13:00:00 BST | 415 | 3 | 15" in repr(shown)


def test_the_chart_has_a_row_for_each_reading_of_the_clock(tmp_path):
    events = ballots(-30, -2, 5, 45)
    case = tiny(tmp_path, ballot_events=events, contest_windows=[WINDOW], clocks=[CLOCK | {"tz_basis": "assumed"}])
    finding = one(case, "ballots_outside_window")
    (figure,) = (x for x in exhibits.ballots_outside_window(case, [finding]) if isinstance(x, Figure))
    assert figure.alt == (
        "As recorded: 2 ballots after the close, the last one 45 minutes after it; "
        "if UTC and local time were mixed up: no ballot after the close."
    )

"""Stamps brought to the nearest unit, and logs that are late by one reading and early by the other: no ballot is placed too surely."""

import pytest
from cases import one, tiny, utc

from analysis_lib import wording
from analysis_lib.results import Status, Verdict

ADVERTISED = {
    "channel": "online",
    "kind": "voting",
    "basis": "advertised",
    "opens_at": utc("2031-10-06 11:00"),
    "closes_at": utc("2031-10-20 11:00"),
}
SURE = {"clock_id": "C1", "tz_used": "UTC", "tz_basis": "stated_offset", "resolution": "s", "write_semantics": "event_time"}


def ballots(*times):
    """Ballots stamped at times of October 2031 such as 20 11:30 (UTC)."""
    return [{"event": "cast", "channel": "online", "clock_id": "C1", "at": utc(f"2031-10-{text}")} for text in times]


def found(folder, events, windows, clock):
    return one(tiny(folder, ballot_events=events, contest_windows=windows, clocks=[clock]), "ballots_outside_window")


def seen(finding):
    return finding.verdict, finding.details["before"], finding.details["after"]


HOURS = SURE | {"resolution": "hour"}


@pytest.mark.parametrize("rounding", ["truncate", "round", "unknown", None])
def test_a_stamp_brought_to_the_nearest_unit_may_be_of_before_it(tmp_path, rounding):
    # A ballot at 11:30 to 12:30 is stamped 12:00 if brought to the nearest hour: it may have come with the close, at 11:31.
    # Stamped 10:00 it came before 10:30 if brought to the nearest, but perhaps at 10:59 if cut off; the opening is 10:31.
    windows = [ADVERTISED | {"opens_at": utc("2031-10-06 10:31"), "closes_at": utc("2031-10-20 11:31")}]
    near = found(tmp_path, ballots("06 10:00", "20 12:00"), windows, HOURS | {"rounding": rounding})
    assert near.details["before"] == int(rounding == "round")
    assert near.details["after"] == int(rounding == "truncate")
    windows = [ADVERTISED | {"opens_at": utc("2031-10-06 11:00"), "closes_at": utc("2031-10-20 11:29")}]
    far = found(tmp_path / "far", ballots("06 10:00", "20 12:00"), windows, HOURS | {"rounding": rounding})
    assert seen(far) == (Verdict.BREACH_RECORDED, 1, 1)  # whichever way it was


def test_minutes_brought_to_the_nearest_against_a_grace_of_half_a_minute(tmp_path):
    clock, windows = SURE | {"resolution": "min", "rounding": "round"}, [ADVERTISED | {"grace_s": 30}]
    assert seen(found(tmp_path / "a", ballots("20 11:00", "20 11:01"), windows, clock)) == (Verdict.NO_BREACH, 0, 0)
    assert seen(found(tmp_path / "b", ballots("20 11:02"), windows, clock)) == (Verdict.BREACH_RECORDED, 0, 1)
    cut = found(tmp_path / "c", ballots("20 11:01"), windows, clock | {"rounding": "truncate"})
    assert seen(cut) == (Verdict.BREACH_RECORDED, 0, 1)


def test_a_log_late_by_one_reading_and_early_by_the_other_records_no_breach(tmp_path):
    # A contest of one afternoon; its log says UTC, but the zone was assumed. As UTC three are late, by New York time two are early.
    windows = [ADVERTISED | {"opens_at": utc("2031-10-20 15:00"), "closes_at": utc("2031-10-20 16:30")}]
    clock = SURE | {"tz_basis": "assumed", "tz_used": "America/New_York"}
    events = ballots("20 16:31", "20 16:40", "20 16:50", "20 16:20", "20 16:25")
    finding = found(tmp_path, events, windows, clock)
    assert seen(finding) == (Verdict.UNDETERMINED, 0, 3)
    assert finding.details["sides"] == {"before": [0, 5], "after": [0, 3]}
    assert (
        "the count of ballots before the opening runs from 0 to 5 and that of ballots after the close runs from 0 to 3."
        in wording.sentence(finding)
    )
    sure = ballots("20 22:00")  # and 18:00 by the other reading
    assert found(tmp_path / "late", events + sure, windows, clock).verdict is Verdict.BREACH_RECORDED


@pytest.mark.parametrize("resolution", ["hour", "day"])
@pytest.mark.parametrize("rounding", ["round", None])
def test_one_ballot_of_a_coarse_clock_hides_no_late_one_of_another(tmp_path, resolution, rounding):
    coarse = SURE | {"clock_id": "C2", "resolution": resolution, "rounding": rounding}
    events = [*ballots(*(f"20 11:{minute:02d}" for minute in range(2, 28))), ballots("10 10:00")[0] | {"clock_id": "C2"}]
    finding = one(
        tiny(tmp_path, ballot_events=events, contest_windows=[ADVERTISED], clocks=[SURE, coarse]), "ballots_outside_window"
    )
    assert seen(finding) == (Verdict.BREACH_RECORDED, 0, 26)


BETWEEN = [ADVERTISED | {"opens_at": utc("2031-10-06 10:31"), "closes_at": utc("2031-10-20 11:31")}]
ROUNDING = "How the clock brings a time to its smallest step is known."


def of_rounding(finding):
    return [(a.status, a.evidence) for a in finding.result.assumptions if a.statement == ROUNDING]


@pytest.mark.parametrize(("n", "told"), [(30, "30 ballots bear a stamp"), (1, "1 ballot bears a stamp")])
def test_late_if_cut_off_and_in_time_if_rounded_is_undetermined_and_says_so(tmp_path, n, told):
    finding = found(tmp_path, ballots("10 10:00", *["20 12:00"] * n), BETWEEN, HOURS)
    assert (seen(finding), finding.details["near"]) == ((Verdict.UNDETERMINED, 0, 0), n)
    assert (finding.details["fewest"], finding.details["most"]) == (0, n)
    ((status, evidence),) = of_rounding(finding)
    assert status is Status.UNTESTED
    assert f"{n} ballot" in evidence
    text = wording.sentence(finding)
    assert told in text
    assert ("They may all" if n > 1 else "It may") + " have been given within the window" in text
    assert f"the count runs from 0 to {n}." in text


def test_in_time_by_a_rounding_that_is_said_is_not_called_stamped_within(tmp_path):
    finding = found(tmp_path, ballots("10 10:00", "20 12:00", "20 12:00"), BETWEEN, HOURS | {"rounding": "round"})
    assert (seen(finding), of_rounding(finding)) == ((Verdict.NO_BREACH, 0, 0), [])
    text = wording.sentence(finding)
    assert text.startswith("All 3 ballots with a time may have been given within the window in force")
    assert "2 ballots bear a stamp outside it" in text


def test_a_part_of_a_second_after_the_close_on_a_clock_of_seconds(tmp_path):
    near, far = (found(tmp_path / at[-1], ballots(at), [ADVERTISED], SURE) for at in ("20 11:00:00.400", "20 11:00:01"))
    assert seen(near) == (Verdict.UNDETERMINED, 0, 0)
    assert (seen(far), far.details["near"], of_rounding(far)) == ((Verdict.BREACH_RECORDED, 0, 1), 0, [])


def test_a_ballot_early_by_one_rounding_and_one_late_by_the_other_are_not_added_up(tmp_path):
    finding = found(tmp_path, ballots("06 10:00", "20 12:00", "20 12:00"), BETWEEN, HOURS)
    assert finding.details["sides"] == {"before": [0, 1], "after": [0, 2]}
    assert finding.details["most"] == 2
    assert "; 3 ballots are outside the window by one of the two only." in of_rounding(finding)[0][1]


def test_a_side_that_is_certain_has_one_count_and_thousands_are_set_apart(tmp_path):
    finding = found(tmp_path, ballots("06 09:00", "06 08:00", *["20 12:00"] * 1200), BETWEEN, HOURS)
    text = wording.sentence(finding)
    assert "the count of ballots before the opening is 2 and that of ballots after the close runs from 0 to 1,200." in text

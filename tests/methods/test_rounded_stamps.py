"""Stamps brought to the nearest unit, and logs that are late by one reading and early by the other: no ballot is placed too surely."""

import pytest
from cases import one, tiny, utc

from analysis_lib import wording
from analysis_lib.results import Verdict

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
        "the count of ballots before the opening runs from 0 to 5 and that of ballots after the close from 0 to 3."
        in wording.sentence(finding)
    )
    sure = ballots("20 22:00")  # and 18:00 by the other reading
    assert found(tmp_path / "late", events + sure, windows, clock).verdict is Verdict.BREACH_RECORDED

"""A case under every reading of its clocks: what moves, what stays, how many there are."""

from datetime import timedelta

import pytest
from cases import tiny, utc

from analysis_lib import wording
from analysis_lib.case import open_case
from analysis_lib.methods.clock_readings import MOST_READINGS, under_every_reading

NOON = utc("2031-10-10 12:00")
TABLES = ("credential_events", "ballot_events")


def clock(name, basis="stated_offset", **more):
    return {"clock_id": name, "tz_used": "UTC", "tz_basis": basis, "resolution": "s"} | more


def case(folder, *clocks, ballots="A", credentials="B"):
    return tiny(
        folder,
        clocks=clocks,
        ballot_events=[{"voter_key": "a", "event": "cast", "channel": "online", "at": NOON, "clock_id": ballots}],
        credential_events=[{"voter_key": "a", "event": "issued", "at": NOON, "clock_id": credentials}],
    )


def hours(cases):
    """By reading, the hours by which ballots and credentials stand away from noon."""
    return {
        name: tuple((this.rows(table)["at"][0] - NOON) / timedelta(hours=1) for table in ("ballot_events", "credential_events"))
        for name, this in cases.items()
    }


def test_clocks_that_are_sure_leave_the_case_alone(tmp_path):
    this = case(tmp_path, clock("A"), clock("B"))
    assert under_every_reading(this, TABLES) == {"as_recorded": this}
    assert list(under_every_reading(open_case("made_up_vale"), TABLES)) == ["as_recorded"]


def test_one_doubtful_clock_moves_its_own_rows(tmp_path):
    found = hours(under_every_reading(case(tmp_path, clock("A", "assumed"), clock("B")), TABLES))
    assert found == {"as_recorded": (0, 0), "other_zone": (-1, 0)}


def test_two_doubtful_clocks_are_moved_together_and_apart(tmp_path):
    found = hours(under_every_reading(case(tmp_path, clock("A", "assumed"), clock("B", "assumed")), TABLES))
    assert found == {"as_recorded": (0, 0), "other_zone": (-1, -1), "A: other_zone": (-1, 0), "B: other_zone": (0, -1)}
    assert wording.reading("B: other_zone") == "if UTC and local time were mixed up, clock B alone"


def test_one_clock_for_both_moves_both(tmp_path):
    found = hours(under_every_reading(case(tmp_path, clock("A", "assumed"), credentials="A"), TABLES))
    assert found == {"as_recorded": (0, 0), "other_zone": (-1, -1)}


@pytest.mark.parametrize("tables", [("ballot_events",), ("credential_events",)])
def test_only_the_tables_named_are_moved(tmp_path, tables):
    found = hours(under_every_reading(case(tmp_path, clock("A", "assumed"), clock("B", "assumed")), tables))
    assert len(found) == 2
    assert sorted(found["other_zone"]) == [-1, 0]


def test_readings_are_bounded(tmp_path):
    vague = {"offset_s": 60, "offset_sd_s": 30, "dst_policy": "both_bounds"}
    this = case(tmp_path, clock("A", "assumed", **vague), clock("B", "assumed", **vague))
    assert 10 < len(under_every_reading(this, TABLES)) <= MOST_READINGS

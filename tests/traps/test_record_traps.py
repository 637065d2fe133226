"""Rows that are not what they seem: each trap with a table that has it and one that hasn't."""

from datetime import timedelta

import pytest
from trap_tables import START, casts, pace
from trap_tables import told as told_by

from analysis_lib.traps.record_traps import SCAN_ROWS, find

COPY = {"snapshot_id": "L1", "contest_id": "c1", "taken_at": START, "purpose": "freeze"}


def told(**given):
    return told_by(find, **given)


def test_an_ordinary_package_has_no_trap():
    votes = casts(pace())
    roll = [{"snapshot_id": "L1", "voter_key": row["voter_key"], "unit": "North"} for row in votes]
    assert told(ballot_events=votes, roll=roll, roll_snapshots=[COPY]) == {}
    assert told() == {}


@pytest.mark.parametrize("value", ["1E+05", "1.2345E+11", "3e+12"])
def test_ids_that_a_spreadsheet_turned_into_numbers(value):
    found = told(roll=[{"snapshot_id": "L1", "voter_key": "v", "unit": unit} for unit in (value, "North", "100000")])
    assert "1 different ids are numbers with an exponent" in found["exponent"]


def test_ids_with_and_without_their_zeros():
    roll = [{"snapshot_id": "L1", "voter_key": f"v{i}", "unit": unit} for i, unit in enumerate(("007", "7", "0012", "12", "13"))]
    assert "2 ids stand both with and without leading zeros" in told(roll=roll)["leading_zeros"]
    assert told(roll=roll[1:2] + roll[3:]) == {}


def opened(n, seconds):
    sent = [
        {"event_id": f"s{i:03d}", "voter_key": f"v{i}", "contest_id": "c1", "event": "delivered", "clock_id": "C1", "at": at}
        for i, at in enumerate(pace(n))
    ]
    return sent + [
        row | {"event_id": f"o{i:03d}", "event": "opened", "at": row["at"] + timedelta(seconds=seconds)}
        for i, row in enumerate(sent)
    ]


def test_mail_that_machines_open():
    found = told(credential_events=opened(SCAN_ROWS, 2))
    assert f"{SCAN_ROWS} of {SCAN_ROWS} messages opened or clicked were so within 10 seconds" in found["mail_scanner"]
    assert told(credential_events=opened(SCAN_ROWS, 60)) == {}
    assert told(credential_events=opened(SCAN_ROWS - 1, 2)) == {}


def test_voters_whom_no_copy_of_the_roll_holds():
    votes = casts(pace(50))
    roll = [{"snapshot_id": "L1", "voter_key": row["voter_key"]} for row in votes[3:]]
    found = told(ballot_events=votes, roll=roll, roll_snapshots=[COPY])
    assert "3 of 50 voters looked at can't be found in any copy of the roll" in found["deleted_voters"]
    assert told(ballot_events=votes, roll=roll, roll_snapshots=[COPY | {"contest_id": "other"}]) == {}


def test_ballots_before_every_opening():
    window = {"contest_id": "c1", "channel": "online", "kind": "voting", "basis": "advertised", "opens_at": START}
    early = casts([START - timedelta(minutes=5), START - timedelta(seconds=30), *pace(5)])
    assert (
        "1 of 7 rows were cast before the earliest opening" in told(ballot_events=early, contest_windows=[window])["test_votes"]
    )
    sooner = window | {"basis": "configured", "opens_at": START - timedelta(hours=1)}
    assert told(ballot_events=early, contest_windows=[window, sooner]) == {}
    assert told(ballot_events=early, contest_windows=[window | {"kind": "hustings"}]) == {}


def test_officers_on_the_roll():
    actions = [{"at": START, "clock_id": "C1", "actor_key": key} for key in ("a1", "a2")]
    found = told(admin_actions=actions, roll=[{"snapshot_id": "L1", "voter_key": key} for key in ("a1", "v1", "v2")])
    assert "1 officer with a key that also stands on the roll as a voter's" in found["administrator_votes"]
    assert "a1" not in found["administrator_votes"]


@pytest.mark.parametrize(("table", "kind", "rule"), [("turnout_counts", "screenshot", "screenshot"), ("results", "pdf", "pdf")])
def test_figures_that_were_copied(table, kind, rule):
    source = {"source_id": "S1", "kind": kind}
    assert "2 of 2 rows" in told(**{table: [{}, {}]}, sources=[source])[rule]
    assert told(**{table: [{}, {}]}, sources=[source | {"kind": "platform_export"}]) == {}

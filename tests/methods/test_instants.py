"""Which of two stamps came first: on one clock as they stand, on two clocks under every reading; and the ends of windows."""

from datetime import timedelta

import polars as pl
import pytest
from cases import tiny, utc

from analysis_lib.methods.instants import edge, possibly_before, stamped, surely_before

AT = utc("2031-10-20 12:00")
CLOCK = {"clock_id": "P", "tz_used": "UTC", "tz_basis": "stated_offset", "resolution": "s", "write_semantics": "event_time"}


def order(folder, first, second, *clocks):
    """Whether the first stamp is before the second: for certain, and perhaps."""
    events = [{"event": "cast", "channel": "online", **cells} for cells in (first, second)]
    case = tiny(folder, clocks=[CLOCK | clock for clock in clocks], ballot_events=events)
    rows = stamped(case.rows("ballot_events").sort("event_id"), case)
    pair = rows[:1].join(rows[1:], on="contest_id", suffix="_of_right")
    return pair.select(a=surely_before(), b=possibly_before()).row(0)


@pytest.mark.parametrize(
    ("seconds", "resolution", "found"),
    [
        (0, "s", (False, False)),
        (1, "s", (True, True)),
        (-1, "s", (False, False)),
        (30, "min", (False, True)),
        (60, "min", (True, True)),
    ],
)
def test_stamps_of_one_clock_are_compared_as_they_stand_but_for_its_unit(tmp_path, seconds, resolution, found):
    stamps = [{"at": AT, "clock_id": "P"}, {"at": AT + timedelta(seconds=seconds), "clock_id": "P"}]
    assert order(tmp_path, *stamps, {"resolution": resolution, "offset_sd_s": 9000}) == found


@pytest.mark.parametrize(("n", "step", "unit"), [(10, 60, 3600), (10, 1, 60), (10, 1 / 60, 1), (9, 60, 1)])
def test_a_log_without_a_clock_shows_by_its_stamps_how_it_was_cut(tmp_path, n, step, unit):
    events = [{"event": "cast", "channel": "online", "at": AT + i * timedelta(minutes=step)} for i in range(n)]
    case = tiny(tmp_path, ballot_events=events)
    assert set(stamped(case.rows("ballot_events"), case)["unit_s"]) == {unit}


@pytest.mark.parametrize(
    ("minutes", "other", "found"),
    [
        (30, {}, (True, True)),
        (-30, {}, (False, False)),
        (30, {"tz_used": "Europe/London", "tz_basis": "assumed"}, (True, True)),
        (90, {"tz_basis": "assumed"}, (True, True)),
        (30, {"tz_basis": "assumed"}, (False, True)),
        (30, {"offset_s": 3600}, (False, True)),
        (30, {"offset_sd_s": 900}, (False, True)),
        (32, {"offset_sd_s": 900}, (True, True)),  # and a minute: no clock is better known
        (0.5, {"offset_sd_s": 0}, (False, True)),
        (4, {}, (False, True)),  # two computers that nobody compared
        (-4, {}, (False, True)),
        (6, {}, (True, True)),
        (-6, {}, (False, False)),
        (4, {"offset_sd_s": 10}, (True, True)),
    ],
)
def test_stamps_of_two_clocks_are_compared_under_every_reading(tmp_path, minutes, other, found):
    stamps = [{"at": AT, "clock_id": "P"}, {"at": AT + timedelta(minutes=minutes), "clock_id": "M"}]
    assert order(tmp_path, *stamps, {}, {"clock_id": "M"} | other) == found


def test_a_time_that_is_not_known_is_never_certain(tmp_path):
    assert order(tmp_path, {"at": AT, "clock_id": "P"}, {"clock_id": "P"}, {}) == (False, True)


def test_limits_stand_in_for_a_time(tmp_path):
    change = {"voter_key": "a", "change": "added", "derived_from": "snapshot_diff", "at_lo": AT, "at_hi": AT + timedelta(days=1)}
    case = tiny(tmp_path, roll_changes=[change])
    placed = stamped(case.rows("roll_changes"), case)
    assert placed.select("earliest", "latest").row(0) == (AT, AT + timedelta(days=1))
    assert stamped(case.rows("roll_changes").clear(), case).select(pl.len()).item() == 0


def test_the_ends_of_a_window_over_all_channels(tmp_path):
    windows = [
        {"channel": channel, "kind": "voting", "basis": basis, "opens_at": AT + timedelta(hours=opens), "closes_at": AT + timedelta(hours=closes)}
        for channel, basis, opens, closes in (("online", "advertised", 0, 48), ("online", "amended", 0, 60), ("postal", "advertised", -24, 40))
    ]  # fmt: skip
    case = tiny(tmp_path, contest_windows=windows)
    assert edge(case, "voting", "opens_at") == AT - timedelta(hours=24)
    assert edge(case, "voting", "closes_at") == AT + timedelta(hours=60)
    assert edge(case, "roll_edits", "closes_at") is None

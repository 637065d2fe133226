"""Times that may not mean what they seem: each trap with a log that has it and one that hasn't."""

import re
from datetime import date, timedelta

import pytest
from cases import utc
from trap_tables import CLOCK, SOURCE, START, casts, pace
from trap_tables import told as told_by

from analysis_lib.traps.time_traps import _repeated, find

LONDON = CLOCK | {"tz_used": "Europe/London", "tz_basis": "stated_zone"}


def told(**given):
    return told_by(find, **given)


def with_text(rows, form="%Y-%m-%d %H:%M:%S", hours=0):
    return [row | {"at_raw": (row["at"] + timedelta(hours=hours)).strftime(form)} for row in rows]


def test_an_ordinary_log_has_no_trap():
    assert told(ballot_events=casts(pace())) == {}
    assert told(ballot_events=with_text(casts(pace()))) == {}
    assert told() == {}


def test_summer_time_read_as_universal_time():
    # The text is London's wall clock, an hour ahead in summer; it was handed over as if it were UTC.
    rows = [row | {"at": row["at"] + timedelta(hours=1)} for row in with_text(casts(pace(50)), hours=1)]
    found = told(ballot_events=rows, clocks=[LONDON])
    assert set(found) == {"raw_zone"}
    assert (
        "50 of 50 rows have a time that is not the log's own text read in the clock's zone, most often 1 hour later"
        in found["raw_zone"]
    )
    assert told(ballot_events=with_text(casts(pace(50)), hours=1), clocks=[LONDON]) == {}


def test_an_offset_in_the_text_is_believed():
    rows = with_text(casts(pace(20)), "%Y-%m-%dT%H:%M:%S+00:00")
    assert told(ballot_events=rows, clocks=[LONDON]) == {}
    wrong = with_text(casts(pace(20)), "%Y-%m-%dT%H:%M:%S+02:00")
    assert "2 hours later" in told(ballot_events=wrong)["raw_zone"]


def test_either_pass_of_a_repeated_hour_is_a_right_reading():
    clock = LONDON | {"dst_policy": "both_bounds"}
    rows = casts([utc("2031-10-26 00:30"), utc("2031-10-26 01:30")])
    assert told(ballot_events=[row | {"at_raw": "2031-10-26 01:30:00"} for row in rows], clocks=[clock]) == {}


def test_an_hour_that_is_skipped():
    row = casts([utc("2031-03-30 01:30")])[0] | {"at_raw": "2031-03-30 01:30:00"}
    assert "1 of 1 rows have a text whose hour does not exist" in told(ballot_events=[row], clocks=[LONDON])["missing_hour"]


def test_an_hour_that_comes_twice_needs_a_policy():
    rows = casts([utc("2031-10-26 00:30"), utc("2031-10-26 01:59"), utc("2031-10-26 02:00"), utc("2031-10-25 23:59")])
    assert "2 of 4 rows lie in the hour that comes twice" in told(ballot_events=rows, clocks=[LONDON])["repeated_hour"]
    for change in ({"dst_policy": "both_bounds"}, {"dst_policy": "fold0"}, {"tz_basis": "stated_offset"}, {"tz_used": "UTC"}):
        assert told(ballot_events=rows, clocks=[LONDON | change]) == {}


@pytest.mark.parametrize(
    ("zone", "start", "end"),
    [
        ("Europe/London", "2031-10-26 00:00", "2031-10-26 02:00"),
        ("America/Los_Angeles", "2031-11-02 08:00", "2031-11-02 10:00"),
        ("Australia/Lord_Howe", "2031-04-05 14:30", "2031-04-05 15:30"),  # half an hour
    ],
)
def test_repeated_hours_of_zones(zone, start, end):
    assert _repeated(zone, utc("2031-01-02"), utc("2031-12-30")) == [(utc(start), utc(end))]
    assert _repeated("UTC", utc("2031-01-02"), utc("2031-12-30")) == []


def test_whole_minutes_said_to_be_seconds():
    rows = casts([at.replace(second=0) for at in pace()])
    found = told(ballot_events=rows)
    assert set(found) == {"whole_minutes"}
    assert "where one in 60 would by chance" in found["whole_minutes"]
    assert "Set resolution = min in clocks.csv" in found["whole_minutes"]
    assert told(ballot_events=rows, clocks=[CLOCK | {"resolution": "min"}]) == {}


def test_a_bulk_action_at_a_whole_minute_is_no_coarse_clock():
    assert told(ballot_events=casts([START] * 500 + pace())) == {}


def test_times_written_down_by_hand():
    rows = casts([at.replace(minute=at.minute // 5 * 5) for at in pace()])
    assert "multiples of five" in told(ballot_events=rows)["heaping"]


@pytest.mark.parametrize("day", ["1970-01-01 00:00", "1980-01-01 00:00", "1899-12-30 00:00", "1970-01-01 01:00"])
def test_a_date_that_stands_for_none(day):
    found = told(ballot_events=casts([*pace(5), utc(day)]))
    assert "1 of 6 rows bear a date of 1899, 1970 or 1980" in found["placeholder"]


def test_one_time_for_all_and_dates_without_a_time():
    assert "all 20 rows bear one and the same time" in told(ballot_events=casts([START] * 20))["constant"]
    assert told(ballot_events=casts([START] * 19)) == {}
    days = casts([START.replace(hour=0) + timedelta(days=i) for i in range(20)])
    assert "exactly midnight" in told(ballot_events=days)["midnight"]
    assert told(ballot_events=days, clocks=[CLOCK | {"resolution": "day"}]) == {}
    london = casts([utc("2031-10-06 23:00") + timedelta(days=i) for i in range(19)])  # midnight there until the 26th
    assert "midnight" in told(ballot_events=london + casts(pace(1)), clocks=[LONDON])


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["03/10/2031", "10/03/2031"], "none of 2 texts tells whether the day or the month comes first"),
        (["13/10/2031", "10/13/2031"], "1 texts can only be day/month and 1 only month/day"),
        (["13/10/2031", "03/10/2031"], None),
        (["10-13-2031 12:00"], None),
        (["2031-10-03"], None),
    ],
)
def test_days_and_months(texts, message):
    rows = [row | {"at_raw": text} for row, text in zip(casts(pace(len(texts))), texts, strict=True)]
    assert (message or "no day_month") in told(ballot_events=rows).get("day_month", "no day_month")


@pytest.mark.parametrize("semantics", ["last_overwrite", "export_time", "placeholder"])
def test_a_clock_that_stamps_no_event(semantics):
    found = told(ballot_events=casts(pace()), clocks=[CLOCK | {"write_semantics": semantics}])
    assert set(found) == {semantics}
    assert re.search(r"200 of 200 rows are stamped by clock .C1.", found[semantics])


def test_events_later_than_their_source():
    source = SOURCE | {"obtained_at": date(2031, 10, 8)}
    times = [utc("2031-10-07 10:00"), utc("2031-10-09 23:00"), utc("2031-10-10 00:00")]  # one day of grace for the zone
    assert (
        "1 of 3 rows are later than the day their source was obtained"
        in told(ballot_events=casts(times), sources=[source])["future"]
    )


def test_the_first_row_is_named_where_it_is_known():
    rows = [row | {"source_row": i + 2} for i, row in enumerate(casts([*pace(5), utc("1970-01-01")]))]
    assert 'the first is row 7 of source "S1"' in told(ballot_events=rows)["placeholder"]


@pytest.mark.parametrize("table", ["credential_events", "contact_changes", "roll_changes", "vote_applications", "admin_actions"])
def test_every_table_of_events_is_looked_at(table):
    assert "constant" in told(**{table: [{"at": START, "clock_id": "C1"}] * 30})


def test_a_hostile_name_of_a_clock_is_quoted_in_one_line():
    clock = CLOCK | {"clock_id": "line\nbreak", "write_semantics": "export_time"}
    found = told(ballot_events=casts(pace(), clock_id="line\nbreak"), clocks=[clock])
    assert r'clock "line\nbreak"' in found["export_time"]
    assert "\n" not in found["export_time"]
    private = told(ballot_events=casts(pace(), clock_id="a@b.example"), clocks=[clock | {"clock_id": "a@b.example"}])
    assert "@" not in private["export_time"]

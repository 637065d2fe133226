from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_package import STEADY

from analysis_lib.importers import times
from analysis_lib.importers.times import day_order, needs_zone, read_time, read_times, smallest_step, written

LONDON = "Europe/London"


def at(text, forms=("iso",), zone=LONDON, order=times.UNDECIDED):
    found = read_time(text, forms, zone, order)
    return written(found.at) if found.at else found.problem


@pytest.mark.parametrize(
    ("text", "forms", "expected"),
    [
        ("2031-03-08 19:30:00", ("iso",), "2031-03-08T19:30:00Z"),
        ("2031-06-08 19:30", ("iso",), "2031-06-08T18:30:00Z"),  # summer time
        ("2031-06-08T19:30:00Z", ("iso",), "2031-06-08T19:30:00Z"),
        ("2031-06-08 19:30:00 UTC", ("iso",), "2031-06-08T19:30:00Z"),
        ("2031-06-08 19:30:00.5+02", ("iso",), "2031-06-08T17:30:00.500000Z"),
        ("2031-06-08T19:30:00.123456789Z", ("iso",), "2031-06-08T19:30:00.123456Z"),
        ("08/06/2031 19:30", ("%d/%m/%Y %H:%M",), "2031-06-08T18:30:00Z"),
        ("2031-06-08T19:30:00", ("%d/%m/%Y %H:%M",), "2031-06-08T18:30:00Z"),  # ISO under every form
        ("Sat Mar  8 19:30:00 2031", ("%a %b %d %H:%M:%S %Y",), "2031-03-08T19:30:00Z"),
        ("1930764600", ("epoch_s",), "2031-03-08T19:30:00Z"),
        ("1930764600500", ("epoch_ms",), "2031-03-08T19:30:00.500000Z"),
        ("47915.8125", ("iso",), "2031-03-08T19:30:00Z"),  # a spreadsheet's day number
        ("13/2/2031 7:05 pm", ("slashes",), "2031-02-13T19:05:00Z"),
    ],
)
def test_a_text_becomes_an_instant(text, forms, expected):
    assert at(text, forms, order=times.DAY_FIRST) == expected


@pytest.mark.parametrize(
    "text",
    ["1970-01-01 00:00:00", "1980-01-01 00:00", "1899-12-30", "0000-00-00 00:00:00", "0001-01-01T00:00:00Z", "01/01/1970 00:00"],
)
def test_dates_that_stand_for_no_date(text):
    assert at(text, ("iso", "%d/%m/%Y %H:%M")) == "placeholder"


def test_a_count_of_no_seconds_stands_for_no_date():
    assert at("0", ("epoch_s",)) == "placeholder"


@pytest.mark.parametrize(
    "text", ["soon", "2031-02-30 10:00", "31/31/2031", "2031-03-08 25:00", "99999999999999999", "2300-01-01 10:00"]
)
def test_what_is_no_time(text):
    assert at(text, ("iso", "epoch_s", "%d/%m/%Y"), order=times.DAY_FIRST) == "unreadable"


def test_the_repeated_hour_gives_the_earlier_instant_and_says_so():
    found = read_time("2031-10-26 01:30:00", ("iso",), LONDON)
    assert (written(found.at), found.problem) == ("2031-10-26T00:30:00Z", "repeated")


def test_the_skipped_hour_gives_none():
    assert at("2031-03-30 01:30:00") == "skipped"
    assert at("2031-03-30 02:00:00") == "2031-03-30T01:00:00Z"
    assert at("2031-03-09 02:30:00", zone="America/Los_Angeles") == "skipped"


def test_an_offset_in_the_text_beats_the_zone():
    found = read_time("2031-10-26T01:30:00+01:00", ("iso",), LONDON)
    assert (written(found.at), found.problem, found.had_offset) == ("2031-10-26T00:30:00Z", "", True)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["13/02/2031", "01/02/2031"], times.DAY_FIRST),
        (["02/13/2031", "01/02/2031"], times.MONTH_FIRST),
        (["02/11/2031", "01/02/2031"], times.UNDECIDED),
        (["02/13/2031", "13/02/2031"], times.MIXED),
    ],
)
def test_days_above_twelve_tell_the_order(texts, expected):
    assert day_order(texts) == expected


def test_without_an_order_no_slashed_date_is_read():
    found = read_times(["02/11/2031 10:00", "01/02/2031 11:00"], ("slashes",), LONDON)
    assert {reading.problem for reading in found.values()} == {"undecided"}
    found = read_times(["02/13/2031 10:00", "13/02/2031 11:00"], ("slashes",), LONDON)
    assert {reading.problem for reading in found.values()} == {"mixed"}


def test_the_order_may_be_told():
    found = read_times(["02/11/2031 10:00"], ("slashes",), LONDON, times.MONTH_FIRST)
    assert written(found["02/11/2031 10:00"].at) == "2031-02-11T10:00:00Z"


def test_only_a_time_without_an_offset_needs_a_zone():
    assert needs_zone(["2031-03-08 10:00:00"], ("iso",))
    assert needs_zone(["02/11/2031 10:00"], ("slashes",))
    assert not needs_zone(["2031-03-08T10:00:00Z", "", "1970-01-01", "soon"], ("iso",))
    assert not needs_zone(["1930764600"], ("epoch_s",))


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["2031-03-08"], "day"),
        (["2031-03-08 10:00"], "min"),
        (["2031-03-08 10:00:00"], "s"),
        (["2031-03-08 10:00:00.5"], "us"),
        (["2031-03-08T10:00+00:00"], "min"),
        ([f"2031-03-08 10:{minute}:00" for minute in range(10, 40)], "min"),  # seconds are written and never used
    ],
)
def test_the_smallest_step_that_is_seen(texts, expected):
    assert smallest_step(list(read_times(texts, ("iso",), LONDON).values())) == expected


@STEADY
@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001
    st.sampled_from(["UTC", LONDON, "America/Los_Angeles", "Asia/Kolkata"]),
)
def test_an_instant_written_on_a_wall_clock_comes_back_or_is_called_repeated(wall, zone):
    instant = wall.replace(microsecond=0, tzinfo=UTC)
    text = instant.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S")
    found = read_time(text, ("iso",), zone)
    assert found.at is not None
    assert found.at == instant or (found.problem == "repeated" and instant - found.at == timedelta(hours=1))


@STEADY
@given(st.text(max_size=30), st.sampled_from(["iso", "epoch_s", "epoch_ms", "excel", "slashes", "%d.%m.%Y %H:%M"]))
def test_no_text_breaks_it(text, form):
    found = read_time(text, (form,), LONDON, times.DAY_FIRST)
    assert (found.at is None) == (found.problem not in ("", "repeated"))


@pytest.mark.parametrize(
    ("text", "form", "step"),
    [
        ("20311026013012", "%Y%m%d%H%M%S", "s"),
        ("203110260130", "%Y%m%d%H%M", "min"),
        ("26.10.2031 01h", "%d.%m.%Y %Hh", "hour"),
        ("26.10.2031", "%d.%m.%Y", "day"),
        ("2031-10-26", "iso", "day"),
    ],
)
def test_a_time_without_colons_is_as_fine_as_its_form(text, form, step):
    assert times.read_time(text, [form], "UTC").step == step
    assert times.smallest_step([times.read_time(text, [form], "UTC")]) == step


@pytest.mark.parametrize(
    ("text", "is_so"),
    [
        ("31/02/2031 10:00", True), ("2031-03-30 01:30:00", True), ("Sat Mar 08 20:00:00 2031", True), ("8 March 2031", True), ("1970-01-01", True),
        ("1101", False), ("07700 900123", False), ("VM-1101", False), ("Ann May 3", False), ("Mozilla/5.0", False), ("", False), ("may", False),
    ],
)  # fmt: skip
def test_only_what_is_made_of_times_may_be_repeated(text, is_so):
    assert times.is_like_a_time(text) is is_so


def test_the_example_of_a_form_is_of_that_form():
    at = datetime(2031, 3, 8, 20, 15, tzinfo=UTC)
    for form in ("%d/%m/%Y %H:%M", "%a %b %d %H:%M:%S %Y", times.ISO):
        assert times.read_time(times.example(form), [form], "UTC").at == at
    for form in (times.EPOCH_S, times.EPOCH_MS):
        assert times.read_time(times.example(form).partition(" ")[0], [form], "UTC").at == at
    assert times.read_time(times.example(times.SLASHES), [times.SLASHES], "UTC", times.DAY_FIRST).at == at

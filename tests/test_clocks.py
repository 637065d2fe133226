"""Windows in four bases, and what an uncertain clock allows: every trap worked out by hand."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from cases import rows, utc
from hypothesis import given
from hypothesis import strategies as st
from tiny_package import STEADY

from analysis_lib.clocks import in_force, raw_instants, reach, readings, resolution_s, voting_windows, window_in_force
from analysis_lib.schema import load_schema

LONDON = "Europe/London"


def frame(table, *given):
    """Typed rows of a table, as a package would give them."""
    schema = load_schema(table).dtypes
    typed = pl.DataFrame(
        [{name: value or None for name, value in row.items()} for row in rows(table, *given)],
        schema=dict.fromkeys(schema, pl.String),
    )
    cast = {
        name: pl.col(name).str.to_datetime("%+", time_zone="UTC", time_unit="us")
        if dtype == pl.Datetime
        else pl.col(name).cast(dtype)
        for name, dtype in schema.items()
        if dtype != pl.Boolean
    }
    return typed.with_columns(**cast)


def window(channel="online", basis="advertised", opens=None, closes=None, **more):
    times = {"opens_at": utc(f"2031-10-{opens}") if opens else None, "closes_at": utc(f"2031-10-{closes}") if closes else None}
    return {"channel": channel, "basis": basis, "kind": "voting"} | times | more


def found(*windows, channel="online"):
    return voting_windows(frame("contest_windows", *windows), channel)


def test_a_channel_has_its_own_window_else_that_for_all():
    windows = [window("all", closes="20 12:00"), window("postal", closes="18 12:00")]
    assert found(*windows)["advertised"].closes_at == utc("2031-10-20 12:00")
    assert found(*windows, channel="postal")["advertised"].closes_at == utc("2031-10-18 12:00")
    assert found(windows[1]) == {}


def test_a_hustings_is_no_voting_window():
    assert found(window(closes="20 12:00", kind="hustings")) == {}


def test_the_last_announced_stands():
    windows = [
        window(closes="20 12:00", announced_at=utc("2031-10-01")),
        window(closes="19 12:00", announced_at=utc("2031-10-05")),
    ]
    for order in (windows, windows[::-1]):
        assert found(*order)["advertised"].closes_at == utc("2031-10-19 12:00")
    assert found(windows[0], window(closes="25 12:00"))["advertised"].closes_at == utc(
        "2031-10-20 12:00"
    )  # that one bears no date


def test_of_two_closes_announced_together_the_widest_window_counts():
    windows = [window(opens="06 12:00", closes="20 12:00"), window(opens="06 11:00", closes="20 13:00", grace_s=60)]
    for order in (windows, windows[::-1]):
        got = found(*order)["advertised"]
        assert (got.opens_at, got.closes_at, got.grace_s) == (utc("2031-10-06 11:00"), utc("2031-10-20 13:00"), 60)


def test_an_amendment_of_one_end_leaves_the_other_as_it_was():
    base = window(opens="06 12:00", closes="20 12:00", grace_s=300)
    got = found(base, window(basis="amended", closes="21 12:00"))
    assert (got["amended"].opens_at, got["amended"].closes_at, got["amended"].grace_s) == (
        utc("2031-10-06 12:00"),
        utc("2031-10-21 12:00"),
        300,
    )
    got = found(base, window(basis="amended", opens="07 12:00", grace_s=0))
    assert (got["amended"].opens_at, got["amended"].closes_at, got["amended"].grace_s) == (
        utc("2031-10-07 12:00"),
        utc("2031-10-20 12:00"),
        0,
    )


@pytest.mark.parametrize(
    ("bases", "chosen"),
    [
        (["advertised", "configured", "amended", "actual"], "amended"),
        (["configured", "actual", "advertised"], "advertised"),
        (["actual", "configured"], "configured"),
        (["actual"], "actual"),
    ],
)
def test_what_members_were_last_told_is_in_force(bases, chosen):
    windows = [window(basis=basis, closes=f"{10 + i} 12:00") for i, basis in enumerate(bases)]
    assert in_force(found(*windows)) == chosen
    assert window_in_force(frame("contest_windows", *windows), "online").basis == chosen


def test_a_version_without_a_close_gives_way_to_one_with():
    windows = [window(opens="06 12:00"), window(basis="actual", closes="20 12:01")]
    assert in_force(found(*windows)) == "actual"
    assert in_force(found(windows[0])) == "advertised"
    assert in_force({}) is None
    assert window_in_force(frame("contest_windows"), "online") is None


CLOCKS = {
    "sure": {"tz_used": "UTC", "tz_basis": "stated_offset"},
    "utc": {"tz_used": "UTC", "tz_basis": "assumed"},
    "gmt": {"tz_used": "GMT", "tz_basis": "assumed"},
    "london": {"tz_used": LONDON, "tz_basis": "inferred_from_anchor"},
    "angeles": {"tz_used": "America/Los_Angeles", "tz_basis": "assumed"},
    "fold": {"tz_used": LONDON, "tz_basis": "stated_zone", "dst_policy": "both_bounds"},
    "fold0": {"tz_used": LONDON, "tz_basis": "stated_zone", "dst_policy": "fold0"},
    "ahead": {"tz_used": "UTC", "tz_basis": "stated_offset", "offset_s": 90},
    "vague": {"tz_used": "UTC", "tz_basis": "stated_offset", "offset_s": 10, "offset_sd_s": 2},
    "both": {"tz_used": "UTC", "tz_basis": "assumed", "offset_s": 60},
}


def read(clock, *instants, zone=LONDON):
    """The readings of a few instants of October 2031, written as 20 11:30 in UTC."""
    clocks = frame("clocks", *[{"clock_id": name} | values for name, values in CLOCKS.items()])
    events = pl.DataFrame(
        {"at": [utc(f"2031-10-{text}") for text in instants], "clock_id": pl.Series([clock] * len(instants), dtype=pl.String)}
    )
    events = events.with_columns(pl.col("at").cast(pl.Datetime("us", "UTC")))
    return {name: [f"{at:%d %H:%M:%S}" for at in values] for name, values in readings(events, clocks, zone).items()}


@pytest.mark.parametrize("clock", ["sure", "unknown", None])
def test_a_clock_that_is_sure_or_not_described_is_read_as_it_stands(clock):
    assert read(clock, "20 11:30") == {"as_recorded": ["20 11:30:00"]}


@pytest.mark.parametrize("clock", ["utc", "gmt"])
def test_a_log_taken_for_utc_may_be_london_time(clock):
    # 11:30 in the log; if that was London summer time, it was 10:30 UTC. In winter there is no difference.
    assert read(clock, "20 11:30") == {"as_recorded": ["20 11:30:00"], "other_zone": ["20 10:30:00"]}
    assert read(clock, "27 11:30") == {"as_recorded": ["27 11:30:00"]}
    assert read(clock, "20 11:30", zone="UTC") == {"as_recorded": ["20 11:30:00"]}


def test_a_log_taken_for_london_time_may_be_utc():
    # Handed over as 12:30+01:00, that is 11:30 UTC; if the log's 12:30 was UTC, it was an hour later.
    assert read("london", "20 11:30") == {"as_recorded": ["20 11:30:00"], "other_zone": ["20 12:30:00"]}


def test_a_server_in_another_zone_is_read_by_its_own_wall_clock():
    # 04:30 on a clock in Los Angeles (seven hours behind) is 11:30 UTC; if that 04:30 was UTC, it was seven hours earlier.
    assert read("angeles", "20 11:30") == {"as_recorded": ["20 11:30:00"], "other_zone": ["20 04:30:00"]}


def test_the_hour_that_comes_twice_is_read_both_ways():
    # On 26 October 2031 at 02:00 BST (01:00 UTC) London's clocks go back: 01:30 comes at 00:30 and at 01:30 UTC.
    assert read("fold", "26 00:30", "26 01:30", "26 00:00", "26 01:59") == {
        "as_recorded": ["26 00:30:00", "26 01:30:00", "26 00:00:00", "26 01:59:00"],
        "other_fold": ["26 01:30:00", "26 00:30:00", "26 01:00:00", "26 00:59:00"],
    }
    assert read("fold", "25 23:59", "26 02:00") == {"as_recorded": ["25 23:59:00", "26 02:00:00"]}
    assert read("fold0", "26 00:30") == {"as_recorded": ["26 00:30:00"]}


def test_a_known_error_is_taken_off():
    assert read("ahead", "20 11:00:30") == {"as_recorded": ["20 11:00:30"], "offset_removed": ["20 10:59:00"]}


def test_an_error_known_within_limits_is_tried_two_deviations_either_way():
    assert read("vague", "20 11:00:00") == {
        "as_recorded": ["20 11:00:00"],
        "offset_removed": ["20 10:59:50"],
        "clock_slow": ["20 10:59:54"],
        "clock_fast": ["20 10:59:46"],
    }


def test_a_doubtful_zone_is_exchanged_after_the_known_error_is_taken_off():
    assert read("both", "20 11:30:00")["other_zone"] == ["20 10:29:00"]


def test_a_wall_time_that_was_skipped_is_left_as_it_was():
    # London skips 01:00 to 02:00 on 30 March 2031, so 01:30 in a log taken for UTC can't have been London time.
    clocks = frame("clocks", {"clock_id": "utc"} | CLOCKS["utc"])
    events = pl.DataFrame({"at": [datetime(2031, 3, 30, 1, 30, tzinfo=UTC)], "clock_id": ["utc"]}).with_columns(
        pl.col("at").cast(pl.Datetime("us", "UTC"))
    )
    assert set(readings(events, clocks, LONDON)) == {"as_recorded"}


def nearest(name, alone):
    """The reading of a row by itself that a reading of many rows is for it: without the parts that don't move it."""
    parts = name.split("+")
    kept = [name] + ["+".join(part for part in parts if part != left) for left in parts] + parts
    return next((alone[reading] for reading in kept if reading in alone), alone.get("offset_removed", alone["as_recorded"]))


@STEADY
@given(st.lists(st.tuples(st.integers(0, 40 * 86400), st.sampled_from([*CLOCKS, "unknown"])), min_size=1, max_size=8))
def test_readings_keep_rows_apart_and_in_order(drawn):
    clocks = frame("clocks", *[{"clock_id": name} | values for name, values in CLOCKS.items()])
    start = utc("2031-10-01").timestamp()
    events = pl.DataFrame(
        {"at": [datetime.fromtimestamp(start + s, UTC) for s, _ in drawn], "clock_id": [clock for _, clock in drawn]}
    )
    events = events.with_columns(pl.col("at").cast(pl.Datetime("us", "UTC")))
    together = readings(events, clocks, LONDON)
    for i in range(events.height):
        alone = readings(events[[i]], clocks, LONDON)
        for name, values in together.items():
            assert values[i] == nearest(name, alone)[0]
    assert together["as_recorded"].to_list() == events["at"].to_list()


def test_the_coarsest_clock_sets_the_resolution():
    clocks = frame("clocks", *[{"clock_id": name, "resolution": name} for name in ("us", "ms", "s", "min", "hour", "day")])
    for used, seconds in ((["us", "s"], 1), (["s", "min"], 60), (["min", "hour"], 3600), (["day"], 86400), ([None], 1), ([], 1)):
        assert resolution_s(pl.DataFrame({"clock_id": pl.Series(used, dtype=pl.String)}), clocks) == seconds


def test_zone_and_error_are_combined_and_told_in_a_fixed_order():
    clocks = frame(
        "clocks",
        {
            "clock_id": "C",
            "tz_used": "UTC",
            "tz_basis": "assumed",
            "offset_s": 60,
            "offset_sd_s": 15,
            "dst_policy": "both_bounds",
        },
    )
    events = pl.DataFrame({"at": [utc("2031-10-20 11:30"), utc("2031-10-26 01:30")], "clock_id": ["C", "C"]})
    events = events.with_columns(pl.col("at").cast(pl.Datetime("us", "UTC")))
    found = {name: [f"{at:%H:%M:%S}" for at in values] for name, values in readings(events, clocks, LONDON).items()}
    assert list(found) == [
        "as_recorded", "offset_removed", "clock_slow", "clock_fast", "other_zone",
        "other_zone+clock_slow", "other_zone+clock_fast", "other_zone+other_fold",
        "other_zone+other_fold+clock_slow", "other_zone+other_fold+clock_fast",
    ]  # fmt: skip
    # An hour earlier if London time was meant; 01:29 there came twice, at 00:29 and 01:29 UTC.
    assert found["other_zone"] == ["10:29:00", "00:29:00"]
    assert found["other_zone+clock_fast"] == ["10:28:30", "00:28:30"]
    assert found["other_zone+other_fold"] == ["10:29:00", "01:29:00"]


def test_an_anchored_offset_is_a_reading_of_its_own():
    clocks = frame("clocks", *[{"clock_id": name} | CLOCKS["ahead"] for name in ("A", "B")])
    events = pl.DataFrame({"at": [utc("2031-10-20 11:00")] * 3, "clock_id": ["A", "B", None]})
    events = events.with_columns(pl.col("at").cast(pl.Datetime("us", "UTC")))
    found = readings(events, clocks, LONDON, {"A": -8 * 3600})
    assert list(found) == ["as_recorded", "offset_removed", "anchored"]
    assert [f"{at:%H:%M:%S}" for at in found["anchored"]] == ["18:58:30", "10:58:30", "11:00:00"]
    assert list(readings(events, clocks, LONDON, {"C": 60})) == ["as_recorded", "offset_removed"]


def test_readings_are_bounded_in_number():
    clocks = frame(
        "clocks",
        *[{"clock_id": name} | values | {"offset_sd_s": 7, "dst_policy": "both_bounds"} for name, values in CLOCKS.items()],
    )
    start = utc("2031-10-25 20:00").timestamp()
    events = pl.DataFrame(
        {
            "at": [datetime.fromtimestamp(start + 600 * i, UTC) for i in range(90)],
            "clock_id": [[*CLOCKS][i % len(CLOCKS)] for i in range(90)],
        }
    ).with_columns(pl.col("at").cast(pl.Datetime("us", "UTC")))
    found = readings(events, clocks, LONDON, dict.fromkeys(CLOCKS, 3600.0))
    assert len(found) == 14
    assert len({tuple(values) for values in found.values()}) == 14


@pytest.mark.parametrize(
    ("text", "earliest", "latest"),
    [
        ("2031-10-20 12:00", "20 11:00:00", "20 11:00:00"),
        ("2031-10-20T12:00:01.25", "20 11:00:01", "20 11:00:01"),
        ("2031-10-26 01:30:00", "26 00:30:00", "26 01:30:00"),
        ("2031-10-20 12:00:00+02:00", "20 10:00:00", "20 10:00:00"),
        ("2031-10-20T12:00:00Z", "20 12:00:00", "20 12:00:00"),
        ("2031-03-30 01:30:00", None, None),
        ("20/10/2031 12:00", None, None),
        (None, None, None),
    ],
)
def test_the_logs_own_text_is_read_in_its_zone(text, earliest, latest):
    clocks = frame("clocks", {"clock_id": "C", "tz_used": LONDON})
    rows = pl.DataFrame({"at_raw": [text], "clock_id": ["C"]}, schema={"at_raw": pl.String, "clock_id": pl.String})
    for which, told in (("earliest", earliest), ("latest", latest)):
        (at,) = raw_instants(rows, clocks, which)
        assert (at and f"{at:%d %H:%M:%S}") == told


@pytest.mark.parametrize(
    ("resolution", "rounding", "before", "after"),
    [
        ("min", "truncate", 0, 60), ("min", "round", 30, 30), ("min", "unknown", 30, 60), ("min", None, 30, 60),
        ("s", "round", 0.5, 0.5), ("s", None, 0.5, 1), ("ms", None, 0, 1), ("us", "round", 0, 1), ("day", "round", 43_200, 43_200),
    ],
)  # fmt: skip
def test_how_far_an_event_may_lie_from_its_stamp(resolution, rounding, before, after):
    clocks = frame("clocks", {"clock_id": "C1", "resolution": resolution, "rounding": rounding})
    at_most = timedelta(seconds=after) - timedelta(microseconds=after > before)  # what was cut off is less than a unit
    rows = pl.DataFrame({"clock_id": ["C1"]})
    told = [tuple(side[0] for side in reach(rows, clocks, how)) for how in ("truncate", "round")]
    assert tuple(max(side) for side in zip(*told, strict=True)) == (timedelta(seconds=before), at_most)
    if rounding in ("truncate", "round"):
        assert told[0] == told[1]


def test_each_stamp_is_read_by_its_own_clock_and_none_is_a_clock_of_seconds():
    clocks = frame(
        "clocks",
        {"clock_id": "C1", "resolution": "min", "rounding": "truncate"},
        {"clock_id": "C2", "resolution": "hour", "rounding": "round"},
    )
    earlier, later = reach(pl.DataFrame({"clock_id": ["C2", "C1", None, "C3", "C2"]}), clocks, "round")
    half, second = timedelta(minutes=30), timedelta(microseconds=999_999)
    assert earlier.to_list() == [half, timedelta(0), timedelta(0), timedelta(0), half]
    assert later.to_list() == [half, timedelta(seconds=60, microseconds=-1), second, second, half]

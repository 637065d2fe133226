"""Falls of a running count: the published ones of a petition, and series that must never be mixed."""

import random
from datetime import timedelta

import polars as pl
import pytest
from cases import one, tiny, utc
from petition import PETITION, petition_rows

from analysis_lib import exhibits, wording
from analysis_lib.methods.falling_turnout_counts import falling_turnout_counts
from analysis_lib.results import NotAnswerable, Verdict

START = utc("2031-10-20 08:00")


def counts(*voted, minutes=10, **more):
    row = {"channel": "all", "unit": "ALL"} | more
    return [row | {"as_of": START + timedelta(minutes=minutes * i), "voted_n": n} for i, n in enumerate(voted)]


@PETITION
def test_petition_131215_fell_six_times_by_94149(tmp_path):
    # PROVENANCE.md of the data: exactly six negative steps, -94,149 in all; the largest matches the published removal.
    finding = one(tiny(tmp_path, turnout_counts=petition_rows()), "falling_turnout_counts")
    found = [(f"{fall['as_of']:%m-%d %H:%M:%S}", fall["change"]) for fall in finding.details["falls"]]
    assert found == [
        ("06-26 12:50:01", -75_169),
        ("06-25 18:24:01", -12_407),
        ("06-27 21:52:01", -3_226),
        ("06-27 12:24:01", -1_867),
        ("06-27 06:24:01", -1_070),
        ("06-28 14:10:01", -410),
    ]
    assert (finding.details["total_fall"], finding.result.statistic, finding.result.n_observations) == (-94_149, 6, 5_033)
    assert (
        "fell 6 times, by 94,149 in all; the largest fall is 75,169, read at 26 June 2016, 13:50:01 BST (12:50:01 UTC)"
        in wording.sentence(finding)
    )


def test_every_lower_reading_is_a_fall_and_an_equal_one_is_not(tmp_path):
    finding = one(tiny(tmp_path, turnout_counts=counts(5, 9, 9, 7, 8, 2, 20)), "falling_turnout_counts")
    assert [(fall["before"], fall["voted_n"], fall["change"]) for fall in finding.details["falls"]] == [(8, 2, -6), (9, 7, -2)]
    assert finding.verdict is Verdict.BREACH_RECORDED
    assert "2 times, by 8 in all" in wording.sentence(finding)


def test_a_count_that_only_rises_is_no_breach(tmp_path):
    finding = one(tiny(tmp_path, turnout_counts=counts(0, 3, 3, 10)), "falling_turnout_counts")
    assert (finding.verdict, finding.details["total_fall"]) == (Verdict.NO_BREACH, 0)
    assert wording.sentence(finding) == "The running count never fell in 4 readings."
    assert exhibits.falling_turnout_counts(tiny(tmp_path / "again"), [finding]) == []


@pytest.mark.parametrize(("received", "gap"), [(10, 0), (11, 0), (9, 1)])
def test_the_last_reading_is_no_more_than_the_ballots_received(tmp_path, received, gap):
    figures = [{"round": 0, "channel": "all", "item": "ballots_received", "n": received}]
    readings = counts(0, 3, 10) + counts(0, 99, unit="North", minutes=7)  # a unit's count is set against no total
    finding = one(tiny(tmp_path, turnout_counts=readings, results=figures), "falling_turnout_counts")
    assert [(item["check"], item["gap"]) for item in finding.details["totals"]] == [("R14", gap)]
    assert finding.verdict is (Verdict.BREACH_RECORDED if gap else Verdict.NO_BREACH)
    assert ("last reading 10, ballots received 9: 1 ballot apart, unexplained" in wording.sentence(finding)) is bool(gap)


@pytest.mark.parametrize(("key", "value"), [("channel", "online"), ("unit", "North"), ("source_id", "S2")])
def test_two_series_are_never_set_against_each_other(tmp_path, key, value):
    high, low = (
        tiny(tmp_path / str(minutes), turnout_counts=counts(*voted, minutes=minutes)).rows("turnout_counts")
        for minutes, voted in ((10, (50, 60, 70)), (7, (1, 2, 3)))
    )
    both = high.vstack(low).sort("as_of")
    assert falling_turnout_counts(both).height > 0
    assert falling_turnout_counts(high.vstack(low.with_columns(pl.lit(value).alias(key))).sort("as_of")).height == 0


def test_the_order_of_rows_changes_nothing(tmp_path):
    frame = tiny(tmp_path, turnout_counts=counts(5, 9, 9, 7, 8, 2, 20) + counts(4, 3, channel="online")).rows("turnout_counts")
    expected = falling_turnout_counts(frame)
    for seed in range(5):
        order = list(range(frame.height))
        random.Random(seed).shuffle(order)
        assert falling_turnout_counts(frame[order]).equals(expected)


@pytest.mark.parametrize("rows", [counts(5), counts(5) + counts(3, channel="online"), counts(5) + counts(3, unit="North")])
def test_one_reading_of_each_series_is_not_enough(tmp_path, rows):
    finding = one(tiny(tmp_path, turnout_counts=rows), "falling_turnout_counts")
    assert isinstance(finding.result, NotAnswerable)
    assert "at least two readings of one series" in finding.result.reason


def test_without_a_running_count_it_names_the_column(tmp_path):
    assert one(tiny(tmp_path), "falling_turnout_counts").result.needs == ("turnout_counts.voted_n",)

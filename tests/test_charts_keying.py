"""Charts of gaps and of places on a list: what is drawn where, in words too, and never more rows than a report can hold."""

import polars as pl
import pytest
from cases import utc
from findings import rows

from analysis_lib import charts
from analysis_lib.figure import MAX_ROWS

START = utc("2031-10-24 02:00:04")
LONDON = "Europe/London"


def test_every_ballot_is_as_high_as_its_gap():
    figure = charts.gap_strip(START, [40, 45, 30], (20, 90), LONDON)
    band, rules, points = rows(figure)
    assert band == [{"low": 20, "high": 90}]
    assert [row["gap"] for row in points] == [40, 45, 30]
    assert [row["x"] for row in points] == pytest.approx([40 / 3600, 85 / 3600, 115 / 3600], abs=1e-6)
    assert rules == points
    assert figure.alt == (
        "4 ballots one after the other; the gaps between them run from 30 to 45 seconds. The shaded band is 20 to 90 seconds."
    )
    assert "local time, Europe/London" in str(figure.spec)
    assert figure.svg()


def test_long_gaps_are_drawn_in_minutes():
    figure = charts.gap_strip(START, [301, 600], (20, 90), LONDON)
    band, _, points = rows(figure)
    assert (band, [row["gap"] for row in points]) == ([{"low": 0.33, "high": 1.5}], [5.02, 10.0])
    assert "run from 5.0 to 10.0 minutes. The shaded band is 20 to 90 seconds." in figure.alt
    assert "minutes since the ballot before" in str(figure.spec)
    assert "seconds since" in str(charts.gap_strip(START, [300, 40], None, LONDON).spec)


def test_a_strip_without_a_band_and_of_one_gap():
    figure = charts.gap_strip(START, [0], None, LONDON)
    assert "band" not in figure.alt
    assert figure.svg()


def dots(n, run=range(0)):
    at = pl.datetime_range(START, START.replace(year=2033), "1m", eager=True, time_unit="us").head(n)
    return pl.DataFrame({"at": at, "rank": range(1, n + 1), "in_run": [i in run for i in range(n)]})


def test_the_run_is_marked_and_every_voter_drawn():
    figure = charts.list_dots(dots(30, range(10, 14)), "the roll", LONDON)
    (drawn,) = rows(figure)
    assert sorted(row["rank"] for row in drawn) == list(range(1, 31))
    assert [row["rank"] for row in drawn if row["group"] == "longest run"] == [11, 12, 13, 14]
    assert figure.alt.startswith(
        "30 voters by time and by place on the roll; the longest run down the list, of 4 voters, is marked."
    )
    assert "One in" not in figure.caption
    assert "place among the voters" in str(figure.spec)
    assert figure.svg()


def test_of_many_voters_an_even_sample_is_drawn_and_the_whole_run():
    figure = charts.list_dots(dots(9000, range(500, 520)), "the roll", LONDON)
    (drawn,) = rows(figure)
    assert len(drawn) <= MAX_ROWS
    assert sum(row["group"] == "longest run" for row in drawn) == 20
    assert "One in 7 of the other voters is drawn." in figure.caption

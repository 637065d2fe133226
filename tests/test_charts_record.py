"""Charts of the order of a log: dots where they belong, the block apart, and few enough rows."""

from datetime import timedelta

import numpy as np
import polars as pl
from cases import utc
from findings import rows

from analysis_lib import charts
from analysis_lib.figure import MAX_ROWS
from analysis_lib.methods.record_order import US, places_and_times

START = utc("2031-10-25 22:00")
ZONE = "Europe/London"


def entries(hours):
    at = [START + timedelta(minutes=10 * i) for i in range(len(hours))]
    return pl.DataFrame({"at": at, "hours": hours}, schema={"at": pl.Datetime("us", "UTC"), "hours": pl.Float64})


def block(first, last, length):
    return {"first": START + timedelta(minutes=first), "last": START + timedelta(minutes=last), "length": length}


def test_each_entry_is_drawn_where_it_belongs_and_the_block_apart():
    figure = charts.displaced_entries(entries([0.5, 2.0, 2.0, -1.0]), block(10, 20, 2), ZONE)
    (drawn,) = rows(figure)
    assert sorted((round(row["x"], 3), row["minutes"], row["what"]) for row in drawn) == [
        (0.0, 30.0, "other"),
        (0.167, 120.0, "longest block"),
        (0.333, 120.0, "longest block"),
        (0.5, -60.0, "other"),
    ]
    assert figure.alt == "4 entries out of order, at most by 120.0 minutes; the longest block has 2."
    assert ZONE in str(figure.spec)
    assert figure.svg().startswith("<svg")


def test_one_entry_across_the_clock_change_and_very_many():
    assert charts.displaced_entries(entries([1.0]), block(0, 0, 1), ZONE).alt.startswith("1 entry out of order")
    (drawn,) = rows(charts.displaced_entries(entries([1.0] * 5000), block(0, 0, 1), ZONE))
    assert 1000 < len(drawn) < MAX_ROWS


def test_a_file_in_order_rises_and_a_mixed_one_lies_level():
    stamps = np.arange(400) * 600 * US + int(START.timestamp()) * US
    for order, least, most in ((stamps, 45.0, 55.0), (np.random.default_rng(1).permutation(stamps), -15.0, 15.0)):
        figure = charts.places_and_times(places_and_times(order), ZONE)
        drawn = rows(figure)[0]
        assert len(drawn) == 40
        at = [row["at"] for row in drawn]
        assert least < np.mean(at[-10:]) - np.mean(at[:10]) < most
        assert figure.alt.startswith("400 receipts in 40 stretches of the file")
        assert figure.svg().startswith("<svg")


def test_stretches_of_a_short_file():
    frame = places_and_times(np.array([3, 1, 2]) * US)
    assert (frame["n"].to_list(), frame["place"].to_list()) == ([3], [0.5])
    assert frame["at"][0].second == 2

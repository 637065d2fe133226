"""The chart of lists over time: a dot for what each list held, on its day, in few enough rows."""

from datetime import timedelta

from cases import utc
from findings import rows

from analysis_lib import charts
from analysis_lib.charts.lists import OWN, WHAT
from analysis_lib.figure import MAX_ROWS

START = utc("2031-10-25 12:00")


def held(holder, days, *n):
    return {"holder": holder, "at": START + timedelta(days=days)} | dict(zip(WHAT, (*n, *[None] * 4), strict=False))


def test_each_list_is_drawn_on_its_day_with_what_it_holds():
    lists = [held("Bo Birch", 1, 497, 440), held("Ann Ash", 0, 500, 450, 300), held(OWN, 2, 510)]
    figure = charts.lists_over_time(lists, "Europe/London")
    (drawn, *_) = rows(figure)
    assert sorted((row["holder"], row["x"], row["what"], row["n"]) for row in drawn) == [
        ("Ann Ash", 0.0, "members", 500),
        ("Ann Ash", 0.0, "with e-mail address", 450),
        ("Ann Ash", 0.0, "with telephone number", 300),
        ("Bo Birch", 24.0, "members", 497),  # by the clock 23 hours later: the hour came twice
        ("Bo Birch", 24.0, "with e-mail address", 440),
        (OWN, 48.0, "members", 510),
    ]
    assert figure.alt == "2 lists given to candidates, in order of time: Ann Ash: 500 members; Bo Birch: 497 members."
    assert "Europe/London" in str(figure.spec)
    assert figure.svg().startswith("<svg")


def test_one_list_lists_of_one_instant_without_sizes_and_very_many():
    assert charts.lists_over_time([held("Ann Ash", 0, 1)], "UTC").alt.startswith(
        "1 list given to candidates, in order of time: Ann Ash: 1 member."
    )
    same = charts.lists_over_time([held("Ann Ash", 0), held("Bo Birch", 0)], "UTC")
    assert same.alt == "2 lists given to candidates, in order of time: sizes not held."
    assert same.svg().startswith("<svg")
    many = charts.lists_over_time([held("Ann Ash", i, 500, 450, 300, 500) for i in range(3000)], "UTC")
    assert 1000 < sum(map(len, rows(many))) <= MAX_ROWS

"""Charts of turnout: bars with their marks, outages and step line; the zone on every axis."""

import json
import re
from datetime import timedelta

import polars as pl
import pytest
from cases import answered, tiny, utc
from findings import rows

from analysis_lib import charts, exhibits
from analysis_lib.charts import turnout
from analysis_lib.figure import MAX_ROWS
from analysis_lib.methods.turnout_view import levels

LONDON = "Europe/London"
OPENS = utc("2031-10-18 11:00")


def hourly(counts, start=OPENS):
    frame = pl.DataFrame({"start": [start + timedelta(hours=h) for h in range(len(counts))], "hours": 1.0, "count": counts})
    empty = pl.lit(None, dtype=pl.Float64)
    return frame.with_columns(pl.col("start").cast(pl.Datetime("us", "UTC")), expected=empty, low=empty, high=empty)


def test_an_outage_is_a_grey_stripe_inside_the_window_and_no_line():
    marks = [
        {"at": OPENS + timedelta(hours=5), "until": OPENS + timedelta(hours=7), "what": "outage"},
        {"at": OPENS - timedelta(hours=3), "until": OPENS + timedelta(hours=1), "what": "outage"},
        {"at": OPENS - timedelta(hours=9), "until": OPENS - timedelta(hours=8), "what": "outage"},
        {"at": OPENS + timedelta(hours=9), "what": "hustings"},
    ]
    figure = charts.ballots_per_hour(hourly([3] * 48), marks, None, LONDON)
    bars, away, lines = rows(figure)
    assert len(bars) == 48
    assert [(row["x"], row["x2"]) for row in away] == [(5.0, 7.0), (0.0, 1.0)]
    assert [row["what"] for row in lines] == ["hustings"]
    assert "Grey stripes are outages." in figure.caption
    assert "Grey" not in charts.ballots_per_hour(hourly([3] * 48), marks[3:], None, LONDON).caption


def test_stretches_of_one_pace_are_a_step_line_only():
    frame = hourly([2, 2, 3, 2, 2, 3, 40, 42, 41, 39, 2, 3, 2, 2, 3, 2])
    found = levels(frame)
    assert [(item["start"], item["end"]) for item in found] == [
        (OPENS + timedelta(hours=a), OPENS + timedelta(hours=b)) for a, b in ((0, 6), (6, 10), (10, 16))
    ]
    assert [item["level"] for item in found] == pytest.approx([14 / 6, 162 / 4, 14 / 6])
    figure = charts.ballots_per_hour(frame, [], None, LONDON, found)
    assert [(row["x"], row["y"]) for row in rows(figure)[1]] == [
        (0, 2.333),
        (6, 2.333),
        (6, 40.5),
        (10, 40.5),
        (10, 2.333),
        (16, 2.333),
    ]
    assert "stepped line" in figure.caption
    assert LONDON in " ".join(re.findall(r'"title": "([^"]*)"', json.dumps(figure.spec)))
    assert levels(hourly([5])) == []


def test_many_levels_and_outages_fit():
    many = [{"start": OPENS + timedelta(hours=h), "end": OPENS + timedelta(hours=h + 1), "level": h} for h in range(800)]
    away = [{"at": item["start"], "until": item["end"], "what": "outage"} for item in many]
    figure = charts.ballots_per_hour(hourly([1] * 800), away, None, LONDON, many)
    assert sum(map(len, rows(figure))) <= MAX_ROWS
    assert len(rows(figure)[1]) == 2 * turnout.MOST_LEVELS
    assert figure.svg().startswith("<svg")


def test_the_exhibit_marks_messages_meetings_outages_and_the_close(tmp_path):
    window = {
        "channel": "online",
        "kind": "voting",
        "basis": "advertised",
        "opens_at": OPENS,
        "closes_at": OPENS + timedelta(hours=48),
    }
    case = tiny(
        tmp_path,
        ballot_events=[{"event": "cast", "channel": "online", "at": OPENS + timedelta(minutes=31 * i)} for i in range(90)],
        contest_windows=[window, window | {"kind": "hustings", "opens_at": OPENS + timedelta(hours=8), "closes_at": None}],
        communications=[
            {"kind": "reminder", "sent_at": OPENS + timedelta(hours=20)},
            {"kind": "reminder", "audience": "single", "sent_at": OPENS + timedelta(hours=22)},
        ],
        timeline=[{"kind": "outage", "starts_at": OPENS + timedelta(hours=30), "ends_at": OPENS + timedelta(hours=31)}],
    )
    figure = exhibits.cast_rate_bursts(case, answered(case, "cast_rate_bursts"))[0]
    marked = [row["what"] for group in rows(figure) for row in group if "what" in row]
    assert sorted(marked) == ["close", "hustings", "message"]
    assert "Grey stripes" in figure.caption

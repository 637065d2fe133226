"""Charts of the close: what is drawn where, on which clock, and in words for those who can't see it."""

import json
import re

import polars as pl
import pytest
from cases import utc
from fake_report import HOSTILE
from findings import rows

from analysis_lib import charts
from analysis_lib.charts import drawing
from analysis_lib.figure import MAX_ROWS

LONDON = "Europe/London"
PLACED = {"reading": pl.String, "seconds": pl.Float64, "channel": pl.String, "actor_role": pl.String}


def placed(*seconds, reading="as recorded", role="local_officer", channel="online"):
    return pl.DataFrame([(reading, float(s), channel, role) for s in seconds], schema=PLACED, orient="row")


def test_ballots_stand_on_a_line_around_the_close():
    figure = charts.late_ballots(placed(30, 90, 3600, -40, -3601), {"online": utc("2031-10-26 00:30")}, LONDON)
    zero, drawn = rows(figure)
    assert zero == [{"minutes": 0}]
    assert [(row["minutes"], row["actor"]) for row in drawn] == [
        (0.5, "local officer"),
        (1.5, "local officer"),
        (60.0, "local officer"),
        (-0.667, "before the close"),
    ]
    assert figure.alt == "3 ballots after the close, the last one 60 minutes after it."
    assert "online: 26 October 2031 01:30 BST" in figure.caption
    assert f"minutes from the close in force ({LONDON} clock)" in json.dumps(figure.spec)
    assert "Ballots more than 60 minutes before it are left out." in figure.caption
    assert "1 ballot after the close, the last one 60 seconds" in charts.late_ballots(placed(60), {}, LONDON).alt


def test_every_reading_has_its_row_and_says_what_it_holds():
    both = pl.concat([placed(30, 90), placed(-3570, -3510, reading="if the clock ran fast")])
    figure = charts.late_ballots(both, {}, LONDON)
    assert {row["reading"] for row in rows(figure)[1]} == {"as recorded"}  # the other's lie outside what is drawn
    assert '"sort": ["as recorded", "if the clock ran fast"]' in json.dumps(figure.spec)
    assert figure.alt.startswith(
        "As recorded: 2 ballots after the close, the last one 90 seconds after it; if the clock ran fast: no"
    )
    assert "A row for each way in which the clock may be read." in figure.caption


@pytest.mark.parametrize("frame", [pl.DataFrame(schema=PLACED), placed(-5), placed(0)])
def test_without_a_late_ballot_there_is_no_chart(frame):
    assert charts.late_ballots(frame, {}, LONDON) is None


def encoded(figure, field):
    """The scale of one field, wherever the chart has it."""
    (found,) = {json.dumps(item["scale"]) for item in layers(figure.spec) if item.get("field") == field}
    return json.loads(found)


def layers(spec):
    for value in spec.values() if isinstance(spec, dict) else spec:
        if isinstance(value, dict) and "scale" in value:
            yield value
        if isinstance(value, dict | list):
            yield from layers(value)


def test_the_axis_and_the_key_hold_what_is_drawn_and_no_more():
    alone = charts.late_ballots(placed(461, 2092, -9000), {}, LONDON)
    assert encoded(alone, "actor")["domain"] == ["local officer"]
    left, right = encoded(alone, "minutes")["domain"]
    assert (left, right) == pytest.approx((-0.05 * 2092 / 60, 1.05 * 2092 / 60), abs=1e-3)
    assert "before the close" not in alone.svg()
    assert "Ballots more than 35 minutes before it are left out." in alone.caption
    both = charts.late_ballots(placed(461, 2092, -600), {}, LONDON)
    assert set(encoded(both, "actor")["domain"]) == {"local officer", "before the close"}
    assert encoded(both, "minutes")["domain"][0] == pytest.approx(-10 - 0.05 * (2092 + 600) / 60, abs=1e-3)
    assert "left out" not in both.caption


def test_so_many_ballots_still_fit_and_the_caption_says_what_is_left_out():
    many = pl.concat([placed(*range(-3000, 3000), reading=name) for name in ("as recorded", "if the clock ran slow")])
    figure = charts.late_ballots(many, {}, LONDON)
    drawn = rows(figure)[1]
    assert len(drawn) == drawing.MOST_POINTS
    assert all(row["minutes"] > 0 for row in drawn)
    assert "Of 11,999 marks, the 1,500 late ones" in figure.caption or "the 1,500 late ones" in figure.caption
    assert sum(map(len, rows(figure))) <= MAX_ROWS


def test_a_hostile_role_or_channel_is_drawn_as_text():
    figure = charts.late_ballots(placed(5, role=HOSTILE, channel=HOSTILE), {HOSTILE: utc("2031-10-26 00:30")}, LONDON)
    assert "<svg" in figure.svg()
    assert "<script" not in figure.svg()


@pytest.mark.parametrize("form", ["peers", "own_days"])
def test_each_stretch_stands_beside_what_is_expected(form):
    stretches = [
        {"length_s": w, "count": n, "expected": 1.25, "low": 0, "high": 4} for w, n in ((900, 1), (3600, 2), (10_800, 9), (90, 0))
    ]
    figure = charts.closing_stretches(stretches, 0.95, form)
    drawn = rows(figure)[0]
    assert [row["length"] for row in drawn] == ["last 15 minutes", "last hour", "last 3 hours", "last 90 seconds"]
    assert "last 3 hours: 9 seen, 1.2 expected" in figure.alt
    assert ("peers" in figure.caption) == (form == "peers")
    assert "95 % interval" in figure.caption
    assert "<svg" in figure.svg()


@pytest.mark.parametrize(
    ("most", "ticks"),
    [(0, [0]), (1, [0, 1]), (2, [0, 1, 2]), (11, [0, 2, 4, 6, 8, 10]), (1234, [0, 200, 400, 600, 800, 1000, 1200])],
)
def test_counts_stand_at_whole_numbers(most, ticks):
    figure = charts.closing_stretches([{"length_s": 900, "count": 0, "expected": 0.6, "low": 0, "high": most}], 0.95, "peers")
    drawn = re.findall(r">([\d.,]+)</text>", figure.svg())
    assert drawn == [f"{tick:,}" for tick in ticks]

"""Charts: what is drawn where, on which clock, in words for those who can't see it; and nothing a name can break."""

import json
import re
from datetime import timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from cases import utc
from fake_report import HOSTILE
from findings import rows

from analysis_lib import charts
from analysis_lib.charts import drawing, totals, turnout
from analysis_lib.figure import MAX_ROWS

LONDON = "Europe/London"
NAMES = [
    HOSTILE,
    'O\'Neill "the" `best`',
    "a\nb",
    "# head | **x** [y](http://example.org)",
    "${alert(1)}",
    "' : datum.value : '",
    "back\\slash\\",
    "Ünïcødé 東京",
    "ring\x07",
    "\u202eturned round",
    "n" * 100_000,
]


def axis_labels(figure):
    """Every labelled position of the time axis, in hours since the left edge, with its text."""
    (expression,) = set(re.findall(r'"labelExpr": "(.*?)(?<!\\)"', json.dumps(figure.spec)))
    return {float(value): text for value, text in re.findall(r"datum\.value - ([\d.e-]+)\) < 1e-4 \? '([^']*)'", expression)}


def hourly(start, n, counts=None, band=True):
    value = pl.lit(2.0 if band else None, dtype=pl.Float64)
    frame = pl.DataFrame(
        {"start": [start + timedelta(hours=h) for h in range(n)], "hours": 1.0, "count": counts or [h % 7 for h in range(n)]}
    )
    return frame.with_columns(pl.col("start").cast(pl.Datetime("us", "UTC")), expected=value, low=value - 1, high=value + 2)


def window(start, minutes, n=14):
    return {
        "start": start,
        "end": start + timedelta(minutes=minutes),
        "length_s": 60 * minutes,
        "count": n,
        "expected": 0.3,
        "llr": 40.0,
    }


OPENS = utc("2031-10-18 11:00")  # noon BST; 14 days and an hour later it is noon GMT
PER_HOUR = hourly(OPENS, 337)
MARKS = [
    {"at": OPENS + timedelta(days=d), "what": what}
    for d, what in ((2, "message"), (9, "hustings"), (14, "close"), (-3, "message"))
]
BURST = window(utc("2031-10-24 02:00:04"), 15)


def test_days_are_labelled_at_local_midnight_before_and_after_the_clocks_change():
    # By hand: 20 October 00:00 BST is 19 October 23:00 UTC, 36 hours after the opening; 30 October 00:00 GMT, 277 hours.
    labels = axis_labels(charts.ballots_per_hour(PER_HOUR, MARKS, BURST, LONDON))
    assert {text: value for value, text in labels.items()} == {
        "20 Oct": 36.0,
        "22 Oct": 84.0,
        "24 Oct": 132.0,
        "26 Oct": 180.0,
        "28 Oct": 229.0,
        "30 Oct": 277.0,
        "1 Nov": 325.0,
    }


@pytest.mark.parametrize("day", ["2031-10-25 20:00", "2031-03-29 20:00"], ids=["autumn", "spring"])
@pytest.mark.parametrize(
    ("hours", "labelled"), [(0.15, 1), (0.45, 5), (2.5, 10), (11.5, 11), (30, 4), (60, 2), (300, 6), (1500, 9)]
)
@pytest.mark.parametrize("zone", [LONDON, "UTC", "America/St_Johns", "Asia/Kathmandu"])
def test_every_label_stands_where_its_local_time_is(day, hours, labelled, zone):
    origin = utc(day)
    end = origin + timedelta(hours=hours)
    axis = drawing.clock_axis(origin, origin, end, zone).to_dict()
    assert zone in axis["title"]
    labels = dict(re.findall(r"datum\.value - ([\d.e-]+)\) < 1e-4 \? '([^']*)'", axis["labelExpr"]))
    assert len(labels) >= labelled
    assert sorted(map(float, labels)) == axis["values"]
    for value, text in labels.items():
        local = (origin + timedelta(hours=float(value), milliseconds=10)).astimezone(ZoneInfo(zone))
        shown = {f"{local:%H:%M}", f"{local:%d %b}".lstrip("0"), f"{local:%d %b %H:%M}".lstrip("0")}
        assert text in shown
        if ":" not in text:
            assert (local.hour, local.minute) == (0, 0)


def test_midnight_is_written_out():
    figure = charts.burst_close_up(pl.DataFrame({"at": [utc("2031-10-23 23:01")]}), window(utc("2031-10-23 22:55"), 10), LONDON)
    assert "00:00" in axis_labels(figure).values()
    assert ">00:00<" in figure.svg()


def test_the_hour_that_comes_twice_is_drawn_twice_as_long():
    # 25 October 22:00 UTC is 23:00 BST; 02:00 GMT comes four hours later, not three.
    figure = charts.burst_close_up(pl.DataFrame({"at": [utc("2031-10-26 00:30")]}), window(utc("2031-10-26 00:00"), 60), LONDON)
    labels = {text: value for value, text in axis_labels(figure).items()}
    assert labels["23:00"] == 0.0
    assert labels["01:00"] == 2.0
    assert labels["02:00"] == 4.0
    assert [row["x"] for row in rows(figure)[1]] == [2.5]


def test_a_zone_aware_origin_is_not_subtracted_by_its_wall_clock():
    london = ZoneInfo(LONDON)
    before, after = (utc(text).astimezone(london) for text in ("2031-10-26 00:30", "2031-10-26 02:30"))
    assert drawing.hours_since(before, after) == 2.0


def test_bars_band_and_marks_are_drawn_and_told():
    figure = charts.ballots_per_hour(PER_HOUR, MARKS, BURST, LONDON)
    band, bars, shade, arrow, marks = rows(figure)
    assert len(bars) == len(band) == 337
    assert bars[5] == {"x": 5.0, "x2": 6.0, "hour": "18 Oct 17:00", "count": 5, "expected": 2.0, "low": 1.0, "high": 4.0}
    assert shade[0]["x"] == pytest.approx(135 + 4 / 3600)
    assert arrow == [{"x": (shade[0]["x"] + shade[0]["x2"]) / 2}]
    assert "The arrow marks the window that stands out most." in figure.caption
    assert "arrow" not in charts.ballots_per_hour(PER_HOUR, MARKS, None, LONDON).caption
    assert [mark["what"] for mark in marks] == ["message", "hustings", "close"]  # that before the opening is left out
    assert f"{PER_HOUR['count'].sum():,} in all" in figure.alt
    assert "The busiest hour began 18 October 18:00 local time with 6." in figure.alt
    assert "shaded band" in figure.caption


def test_without_peers_there_is_no_band_and_nothing_said_of_one():
    figure = charts.ballots_per_hour(hourly(OPENS, 48, band=False), [], None, LONDON)
    assert len(rows(figure)) == 1
    assert "band" not in figure.alt + figure.caption


@pytest.mark.parametrize("hours", [900, 901, 2016, 8760])
def test_a_long_contest_still_fits_into_a_chart(hours):
    frame = hourly(OPENS, hours)
    marks = [{"at": OPENS + timedelta(hours=h), "what": "message"} for h in range(min(hours, 400))]
    figure = charts.ballots_per_hour(frame, marks, BURST, LONDON)
    assert sum(map(len, rows(figure))) <= MAX_ROWS
    assert ("averaged over" in figure.caption) is (hours > 900)
    bars = rows(figure)[-4]
    assert sum(bar["count"] * (bar["x2"] - bar["x"]) for bar in bars) == pytest.approx(frame["count"].sum(), rel=1e-3)
    assert bars[-1]["x2"] == hours


def test_close_up_marks_single_ballots():
    stamps = pl.DataFrame({"at": [BURST["start"] + timedelta(minutes=m) for m in range(-10, 20, 5)]})
    figure = charts.burst_close_up(stamps, BURST, LONDON)
    shade, ticks = rows(figure)
    assert (shade[0]["x"], shade[0]["x2"]) == (0.5, 0.75)
    assert [round(tick["x"] * 60, 6) for tick in ticks] == [20, 25, 30, 35, 40, 45]
    assert figure.alt == "Each tick is one ballot; 14 lie in the shaded window, where 0.3 were expected."
    many = pl.DataFrame({"at": [BURST["start"]] * 5000})
    assert len(rows(charts.burst_close_up(many, BURST, LONDON))[1]) <= MAX_ROWS


def steps(n, minutes=2):
    start = utc("2031-10-24 00:00")
    frame = pl.DataFrame(
        {"start": [start + timedelta(minutes=minutes * i) for i in range(n)], "count": [(i * 7) % 50 for i in range(n)]}
    )
    return frame.with_columns(end=pl.col("start") + timedelta(minutes=minutes), seconds=pl.lit(60 * minutes)).with_columns(
        pl.col("start", "end").cast(pl.Datetime("us", "UTC"))
    )


def test_a_running_count_keeps_its_largest_rises():
    frame = steps(5000).with_columns(count=pl.when(pl.int_range(pl.len()) == 1234).then(9999).otherwise("count"))
    falls = [{"as_of": utc("2031-10-24 01:00"), "change": -7}] * 300 + [{"as_of": utc("2031-12-24 01:00"), "change": -5}]
    figure = charts.running_count(frame, window(utc("2031-10-25 17:08"), 2, 9999), falls, LONDON)
    shade, _, points, marked = rows(figure)
    assert len(points) <= 1750
    assert {"x": round(1235 * 2 / 60, 5), "y": 9999 / 2} in points
    assert len(marked) == turnout.MOST_FALLS
    assert "200 falls are marked" in figure.alt
    assert shade[0]["x"] < shade[0]["x2"]
    assert "Triangles at the foot" in figure.caption
    assert "foot" not in charts.running_count(steps(40), BURST, falls[-1:], LONDON).caption
    assert charts.running_count(steps(40), BURST, falls[-1:], LONDON).alt.endswith("0 falls are marked.")


@pytest.mark.parametrize("n", [1950, 2799, 4000])
def test_a_running_count_of_any_length_fits_with_all_its_marks(n):
    frame = steps(n)
    falls = [{"as_of": frame["start"][1], "change": -7}] * 300
    marks = [
        {"at": frame["start"][i], "until": frame["end"][i], "what": what} for i in range(400) for what in ("message", "outage")
    ]
    figure = charts.running_count(frame, window(frame["start"][9], 2, 30), falls, LONDON, marks)
    assert sum(map(len, rows(figure))) <= MAX_ROWS


def test_a_running_count_bears_the_marks_too():
    frame = steps(400)
    begins, ends = frame["start"][0], frame["end"][-1]
    marks = [{"at": begins + timedelta(hours=h), "what": what} for h, what in ((2, "message"), (5, "hustings"), (-3, "close"))]
    marks += [
        {"at": begins + timedelta(hours=1), "until": begins + timedelta(hours=2), "what": "outage"},
        {"at": ends, "what": "close"},
    ]
    figure = charts.running_count(frame, window(begins + timedelta(hours=3), 2), [], LONDON, marks)
    *_, away, lines = rows(figure)
    assert away == [{"x": 1.0, "x2": 2.0}]
    assert [(line["what"], line["x"]) for line in lines] == [
        ("message", 2.0),
        ("hustings", 5.0),
        ("close", pytest.approx(400 / 30)),
    ]
    assert "Grey stripes are outages. Lines are messages, meetings and the close" in figure.caption
    assert "Lines" not in charts.running_count(frame, window(begins, 2), [], LONDON).caption


def test_kinds_of_marks_differ_without_their_colours():
    kinds = ("message", "hustings", "outage", "close")
    layer = drawing.marks_layer([{"at": OPENS, "what": what} for what in kinds], OPENS, OPENS, OPENS).to_dict()["encoding"]
    dashes = dict(zip(layer["strokeDash"]["scale"]["domain"], map(tuple, layer["strokeDash"]["scale"]["range"]), strict=True))
    assert len(set(dashes.values())) == len(kinds)
    assert dashes["close"] == (1, 0)  # solid
    assert layer["strokeDash"]["legend"] == layer["color"]["legend"]
    assert layer["strokeDash"]["title"] == layer["color"]["title"]  # hence one key for both
    svg = charts.ballots_per_hour(PER_HOUR, MARKS, BURST, LONDON).svg()
    assert len(set(re.findall(r'stroke-dasharray="([^"]+)"', svg))) == 3
    assert svg.count(">marked<") == 1


def late(*seconds, role="local_officer", channel="online"):
    names = ("reading", "seconds", "channel", "actor_role")
    return pl.DataFrame([("as recorded", float(s), channel, role) for s in seconds], schema=names, orient="row")


def units(*names):
    return [
        {"unit": name, "events": i + 1, "size": 20 + i, "pvalue": 0.5, "pvalue_adjusted": 0.9 - i / 100}
        for i, name in enumerate(names)
    ]


LIMITS = pl.DataFrame({"size": [10, 30], "probability": [0.975, 0.975], "limit": [0.4, 0.3]})


def test_the_funnel_names_the_unit_that_stands_out_most():
    figure = charts.funnel(units("North", "South", "West"), LIMITS, 0.1, "branch")
    assert figure.alt == "3 dots, one per branch: its rate against its size. West stands out most, with 14% against 10% over all."
    assert [row["rate"] for row in rows(figure)[2]] == [1 / 20, 2 / 21, 3 / 22]


def test_delay_curves_tell_the_share_at_ten_minutes():
    curve = pl.DataFrame(
        {"group": ["not requested", "requested"] * 2, "minutes": [0.0, 0.0, 10.0, 10.0], "share": [0.0, 0.0, 0.6, 0.2]}
    )
    figure = charts.delay_curves(curve)
    assert "60% of reissues that were not requested and 20% of reissues that were requested" in figure.alt
    assert all(row["minutes"] > 0 for group in rows(figure) for row in group)  # the axis is logarithmic


def gap(candidate="Ann Ash", low=(0.64, 0.42), high=(0.66, 0.44)):
    return {"candidate": candidate, "channels": ["online", "in_person"], "share_low": list(low), "share_high": list(high)}


def test_channel_shares_are_drawn_with_their_range():
    figure = charts.channel_shares(gap())
    assert rows(figure)[0][1] == {"channel": "in person", "low": 0.42, "high": 0.44, "mid": pytest.approx(0.43)}
    assert figure.alt == "Share of Ann Ash: online 65%; in person 43%."


def identity(gap, i=0):
    return {"name": f"sum {i}", "declaration": "first", "unit": None, "left_low": 100 + gap, "right_low": 100, "gap": gap}


def test_of_many_sums_those_that_fail_are_drawn():
    figure = charts.sums([identity(0, i) for i in range(60)] + [identity(81, 99)])
    joined, points = rows(figure)
    assert joined == [{"sum": "sum 99 (first)", "x": 181, "x2": 100}]
    assert points[0]["sum"] == "sum 99 (first)"
    assert len(points) == 2 * totals.MOST_SUMS
    assert figure.alt == "61 sums; 1 does not add up."
    assert charts.sums([identity(0)]).alt == "1 sum; 0 do not add up."


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name[:20]))
def test_no_name_breaks_a_chart(name):
    figures = [
        charts.channel_shares(gap(name)),
        charts.funnel(units(name, "South"), LIMITS, 0.1, "branch"),
        charts.sums([identity(3) | {"name": name}]),
        charts.late_ballots(late(60, role=name, channel=name), {name: OPENS}, LONDON),
    ]
    for figure in figures:
        svg = figure.svg()
        assert svg.startswith("<svg")
        assert not set(svg + json.dumps(figure.spec, ensure_ascii=False) + figure.alt + figure.caption) & {"\x07", "\u202e"}
        assert len(svg + figure.alt + figure.caption) < 200_000
        assert not re.search(r"<script|<img|onerror=alert\(2\)>", svg)
        json.dumps(figure.spec, allow_nan=False)


ALL = [
    charts.ballots_per_hour(PER_HOUR, MARKS, BURST, LONDON),
    charts.burst_close_up(pl.DataFrame({"at": [BURST["start"]]}), BURST, LONDON),
    charts.running_count(steps(400), BURST, [], LONDON),
    charts.late_ballots(late(30, 90), {"online": OPENS}, LONDON),
    charts.funnel(units("North", "South"), LIMITS, 0.1, "administrator"),
    charts.delay_curves(pl.DataFrame({"group": ["requested", "not requested"], "minutes": [10.0, 10.0], "share": [0.1, 0.2]})),
    charts.channel_shares(gap()),
    charts.sums([identity(0), identity(4, 1)]),
]


@pytest.mark.parametrize("figure", ALL, ids=lambda figure: figure.caption[:20])
def test_every_chart_draws_and_says_what_it_shows(figure):
    assert figure.svg().count("<path") > 3
    assert figure.svg() == figure.svg()
    assert figure.alt.endswith(".")
    assert figure.caption.endswith(".")
    assert sum(map(len, rows(figure))) <= MAX_ROWS


@pytest.mark.parametrize("figure", ALL[:4], ids=lambda figure: figure.caption[:20])
def test_every_time_axis_names_its_zone(figure):
    titles = re.findall(r'"title": "([^"]*)"', json.dumps(figure.spec))
    assert any(LONDON in title for title in titles)
    assert f">{next(title for title in titles if LONDON in title)}<" in figure.svg()

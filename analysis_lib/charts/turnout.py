"""Ballots and running counts over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import altair as alt
import polars as pl

from analysis_lib.charts.drawing import (
    EXPECTED,
    HEIGHT,
    MOST_POINTS,
    OTHER,
    SEEN,
    STANDS_OUT,
    WIDTH,
    clock_axis,
    hours_since,
    marks_layer,
    styled,
    window_layers,
)
from analysis_lib.figure import Figure

MOST_HOURS = 900  # drawn twice, as bars and as a band
MOST_FALLS = 200
MOST_LEVELS = 60
STEP = "#196f3d"


def ballots_per_hour(
    hourly: pl.DataFrame,
    marks: Sequence[Mapping[str, Any]],
    window: Mapping[str, Any] | None,
    zone: str,
    levels: Sequence[Mapping[str, Any]] = (),
) -> Figure:
    """Ballots per hour as bars on the band that the peers' pace and noise allow; messages, meetings, outages and the close marked.

    Parameters
    ----------
    hourly : DataFrame
        As `turnout_view.hourly` gives it.
    marks : sequence of {"at", "what"}
        ``what``: message, hustings or close; an outage has ``until`` too, and is shaded grey.
    window : mapping or None
        The window that stands out most (``start``, ``end``), shaded.
    levels : sequence of {"start", "end", "level"}
        Stretches of one pace, drawn as a step line: a help to the eye, no test.
    """
    origin = hourly["start"][0]
    end = hourly["start"][-1] + timedelta(hours=float(hourly["hours"][-1]))
    length = hours_since(origin, end)
    bars, together = _coarsened(hourly)
    rows = bars.with_columns(x=((pl.col("start") - origin).dt.total_seconds() / 3600).round(6))
    hour = pl.col("start").dt.convert_time_zone(zone).dt.strftime("%d %b %H:%M")
    rows = rows.with_columns(x2=pl.col("x") + pl.col("hours"), hour=hour)
    rows = rows.select("x", "x2", "hour", "count", "expected", "low", "high")
    base = alt.Chart(alt.Data(values=rows.to_dicts()))
    x = alt.X("x:Q", axis=clock_axis(origin, origin, end, zone), scale=alt.Scale(domain=[0, length], nice=False))
    layers = []
    has_band = bars["expected"].null_count() == 0
    if has_band:
        layers.append(base.mark_rect(color=EXPECTED, opacity=0.25).encode(x=x, x2="x2:Q", y=alt.Y("low:Q"), y2="high:Q"))
    layers.append(
        base.mark_rect(color=SEEN, opacity=0.85).encode(
            tooltip=[alt.Tooltip("hour:N", title="hour from"), alt.Tooltip("count:Q", title="ballots")],
            x=x,
            x2="x2:Q",
            y=alt.Y("count:Q", title="ballots per hour"),
            y2=alt.datum(0),
        )
    )
    is_marked = bool(window and window["count"])
    if window and is_marked:
        begun = hours_since(origin, window["start"])
        layers += window_layers(begun, max(hours_since(origin, window["end"]), begun + length / 300))
    if levels:
        layers.append(_step_line(levels[:MOST_LEVELS], origin))
    away, rules = _outages_within(marks, origin, end), _rules(marks, origin, end)
    layers += [_outages(away, origin, length)] if away else []
    layers += [rules] if rules is not None else []
    busiest = hourly.sort("count", "start", descending=[True, False]).row(0, named=True)
    when = f"{busiest['start'].astimezone(ZoneInfo(zone)):%d %B %H:%M}"
    band = "The shaded band holds 95 hours in 100 at the peers' pace. " if has_band else ""
    down = "Grey stripes are outages. " if away else ""
    stepped = "The stepped line is the average pace of stretches that are much alike. " if levels else ""
    arrow = "The arrow marks the window that stands out most. " if is_marked else ""
    lines = "Lines are messages, meetings and the close, as the key tells. " if rules is not None else ""
    mean = f", averaged over {together} hours" if together > 1 else ""
    return Figure(
        styled(alt.layer(*layers).properties(width=WIDTH, height=HEIGHT)),
        alt=f"Bars: ballots in each hour of the window, {hourly['count'].sum():,} in all. The busiest hour began {when} local time with {busiest['count']:,}. {band}".strip(),
        caption=f"Ballots per hour{mean}. {band}{stepped}{down}{arrow}{lines}".strip(),
    )


def _outages_within(marks: Sequence[Mapping[str, Any]], origin: datetime, end: datetime) -> list[Mapping[str, Any]]:
    return [mark for mark in marks if mark["what"] == "outage" and mark["at"] < end and mark["until"] > origin]


def _rules(marks: Sequence[Mapping[str, Any]], origin: datetime, end: datetime) -> alt.Chart | None:
    return marks_layer([mark for mark in marks if mark["what"] != "outage"], origin, origin, end)


def _outages(away: Sequence[Mapping[str, Any]], origin: datetime, length: float) -> alt.Chart:
    rows = []
    for mark in away[:MOST_LEVELS]:
        x = max(0.0, hours_since(origin, mark["at"]))
        rows.append({"x": x, "x2": min(length, max(hours_since(origin, mark["until"]), x + length / 300))})
    return alt.Chart(alt.Data(values=rows)).mark_rect(color=OTHER, opacity=0.3).encode(x="x:Q", x2="x2:Q")


def _step_line(levels: Sequence[Mapping[str, Any]], origin: datetime) -> alt.Chart:
    rows = [{"x": hours_since(origin, item[end]), "y": round(item["level"], 3)} for item in levels for end in ("start", "end")]
    return alt.Chart(alt.Data(values=rows)).mark_line(color=STEP, strokeWidth=1.5).encode(x="x:Q", y="y:Q")


def _coarsened(hourly: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """Hours put together, so many at a time, where there are more than a chart can hold; then without the band."""
    together = -(-hourly.height // MOST_HOURS)
    if together <= 1:
        return hourly, 1
    groups = hourly.with_row_index("i").group_by(pl.col("i") // together, maintain_order=True)
    empty = pl.lit(None, dtype=pl.Float64)
    bars = groups.agg(pl.col("start").first(), pl.col("hours").sum(), (pl.col("count").sum() / pl.col("hours").sum()).round(3))
    return bars.with_columns(expected=empty, low=empty, high=empty), together


def burst_close_up(stamps: pl.DataFrame, window: Mapping[str, Any], zone: str) -> Figure:
    """Single ballots around a window: one tick each, the window shaded."""
    start, end = window["start"], window["end"]
    margin = (end - start) * 2
    origin, last = start - margin, end + margin
    rows = [{"x": hours_since(origin, at)} for at in stamps["at"][:MOST_POINTS]]
    x = alt.X(
        "x:Q", axis=clock_axis(origin, origin, last, zone), scale=alt.Scale(domain=[0, hours_since(origin, last)], nice=False)
    )
    shade = alt.Chart(alt.Data(values=[{"x": hours_since(origin, start), "x2": hours_since(origin, end)}]))
    layers = [
        shade.mark_rect(color=STANDS_OUT, opacity=0.45).encode(x=x, x2="x2:Q"),
        alt.Chart(alt.Data(values=rows)).mark_tick(color=SEEN, thickness=1.5, size=60).encode(x=x),
    ]
    return Figure(
        styled(alt.layer(*layers).properties(width=WIDTH, height=80)),
        alt=f"Each tick is one ballot; {window['count']} lie in the shaded window, where {window['expected']:.1f} were expected.",
        caption="The window that stands out most, close up. Each tick is one ballot; the shaded stretch is the window.",
    )


def running_count(
    steps: pl.DataFrame,
    window: Mapping[str, Any],
    falls: Sequence[Mapping[str, Any]],
    zone: str,
    marks: Sequence[Mapping[str, Any]] = (),
) -> Figure:
    """Rise of a running count per reading, at most 1,500 points (the largest rises and an even sample), falls as triangles; marks as in `ballots_per_hour`."""
    origin, end = steps["start"][0], steps["end"][-1]
    rate = steps.with_columns(
        x=((pl.col("end") - origin).dt.total_seconds() / 3600).round(5), y=(pl.col("count") * 60 / pl.col("seconds")).round(2)
    )
    every = -(-rate.height // (MOST_POINTS - 100))
    kept = (
        pl.concat([rate.gather_every(every), rate.sort("count", "end", descending=[True, False]).head(50)]).unique("x").sort("x")
    )
    x = alt.X(
        "x:Q", axis=clock_axis(origin, origin, end, zone), scale=alt.Scale(domain=[0, hours_since(origin, end)], nice=False)
    )
    points = alt.Chart(alt.Data(values=kept.select("x", "y").to_dicts())).mark_line(color=SEEN, strokeWidth=1).encode(
        x=x, y=alt.Y("y:Q", title="rise per minute")
    )  # fmt: skip
    begun, length = hours_since(origin, window["start"]), hours_since(origin, end)
    layers = [*window_layers(begun, max(hours_since(origin, window["end"]), begun + length / 250), x), points]
    drawn = [fall for fall in falls if origin <= fall["as_of"] <= end][:MOST_FALLS]
    if drawn:
        rows = [{"x": hours_since(origin, fall["as_of"]), "y": 0, "fall": fall["change"]} for fall in drawn]
        layers.append(
            alt.Chart(alt.Data(values=rows))
            .mark_point(shape="triangle-down", color="#922b21", filled=True, size=70)
            .encode(x=x, y="y:Q", tooltip=["fall:Q"])
        )
    away, rules = _outages_within(marks, origin, end), _rules(marks, origin, end)
    layers += [_outages(away, origin, length)] if away else []
    layers += [rules] if rules is not None else []
    down = " Grey stripes are outages." if away else ""
    lines = " Lines are messages, meetings and the close, as the key tells." if rules is not None else ""
    low = " Triangles at the foot mark readings lower than the one before." if drawn else ""
    return Figure(
        styled(alt.layer(*layers).properties(width=WIDTH, height=HEIGHT)),
        alt=f"Line: how fast the running count rose. The largest rise beyond its hour is {window['count']:,} where {window['expected']:,.0f} were expected; {len(drawn)} {'fall is' if len(drawn) == 1 else 'falls are'} marked.",
        caption=f"Rise of the running count per minute. The arrow marks the rise that stands out most.{low}{down}{lines}",
    )

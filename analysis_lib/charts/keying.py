"""Ballots one after the other: how long between them, and where their voters stand on a list."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import altair as alt
import polars as pl

from analysis_lib.charts.drawing import (
    EXPECTED,
    HEIGHT,
    MOST_POINTS,
    OTHER,
    SEEN,
    WIDTH,
    clock_axis,
    hours_since,
    styled,
)
from analysis_lib.figure import Figure
from analysis_lib.plaintext import count

SHADE = 0.25  # opacity of the band
LONG_S = 300  # gaps beyond this are drawn in minutes


def gap_strip(start: datetime, gaps_s: Sequence[int], band: Sequence[int] | None, zone: str) -> Figure:
    """Draw each ballot of one stretch at its time, as high as the seconds since the ballot before it.

    Parameters
    ----------
    start : datetime
        Instant of the first ballot.
    gaps_s : sequence of int
        Seconds from each ballot to the next, in order; at least one.
    band : (low, high) or None
        Gaps shaded as those of one person keying codes, seconds.
    """
    unit, size = ("minutes", 60) if max(gaps_s) > LONG_S else ("seconds", 1)
    seconds = [sum(gaps_s[: i + 1]) for i in range(min(len(gaps_s), MOST_POINTS))]
    rows = [{"x": round(s / 3600, 6), "gap": round(gap / size, 2)} for s, gap in zip(seconds, gaps_s, strict=False)]
    end = start + timedelta(seconds=max(seconds[-1], 60))
    x = alt.X(
        "x:Q", axis=clock_axis(start, start, end, zone), scale=alt.Scale(domain=[0, hours_since(start, end) * 1.01], nice=False)
    )
    y = alt.Y("gap:Q", title=f"{unit} since the ballot before", scale=alt.Scale(zero=True))
    layers = []
    if band:
        shade = alt.Chart(alt.Data(values=[{"low": round(band[0] / size, 2), "high": round(band[1] / size, 2)}]))
        layers.append(shade.mark_rect(color=EXPECTED, opacity=SHADE).encode(y=alt.Y("low:Q"), y2="high:Q"))
    points = alt.Chart(alt.Data(values=rows))
    tooltip = [alt.Tooltip("gap:Q", title=f"{unit} since the ballot before")]
    layers += [
        points.mark_rule(color=SEEN, opacity=0.35).encode(x=x, y=y, y2=alt.datum(0)),
        points.mark_point(filled=True, color=SEEN, size=45).encode(x=x, y=y, tooltip=tooltip),
    ]
    digits = 1 if size > 1 else 0
    shaded = f" The shaded band is {band[0]} to {band[1]} seconds." if band else ""
    return Figure(
        styled(alt.layer(*layers).properties(width=WIDTH, height=HEIGHT)),
        alt=f"{count(len(rows) + 1, 'ballot')} one after the other; the gaps between them run from {min(gaps_s) / size:,.{digits}f} to {max(gaps_s) / size:,.{digits}f} {unit}.{shaded}",
        caption=f"Each dot is a ballot: across, when it came; upwards, how many {unit} after the one before. Dots on a level line are evenly spaced.{shaded}",
    )


def list_dots(dots: pl.DataFrame, name: str, zone: str) -> Figure:
    """Draw voters by time and by place on a list among those who voted; the longest run down the list marked.

    Parameters
    ----------
    dots : DataFrame
        ``at`` (UTC), ``rank``, ``in_run``, in order of time. Beyond `MOST_POINTS` an even sample is drawn, with the whole run.
    name : str
        What the list is called, for the axis.
    """
    origin, end = dots["at"][0], max(dots["at"][-1], dots["at"][0] + timedelta(minutes=10))
    n_run = int(dots["in_run"].sum())
    others = dots.filter(~pl.col("in_run"))
    every = max(1, -(-others.height // (MOST_POINTS - n_run)))
    drawn = pl.concat([others.gather_every(every), dots.filter("in_run")]).with_columns(
        x=((pl.col("at") - origin).dt.total_seconds() / 3600).round(4),
        group=pl.when("in_run").then(pl.lit("longest run")).otherwise(pl.lit("other voters")),
    )
    x = alt.X(
        "x:Q", axis=clock_axis(origin, origin, end, zone), scale=alt.Scale(domain=[0, hours_since(origin, end)], nice=False)
    )
    points = (
        alt.Chart(alt.Data(values=drawn.select("x", "rank", "group").to_dicts()))
        .mark_point(filled=True, opacity=0.8)
        .encode(
            x=x,
            y=alt.Y("rank:Q", title="place among the voters", scale=alt.Scale(reverse=True, zero=False)),
            color=alt.Color(
                "group:N",
                title=None,
                scale=alt.Scale(domain=["other voters", "longest run"], range=[OTHER, "#922b21"]),
                legend=alt.Legend(orient="top"),
            ),
            size=alt.condition("datum.group == 'longest run'", alt.value(70), alt.value(18)),
        )
    )
    sampled = f" One in {every} of the other voters is drawn." if every > 1 else ""
    return Figure(
        styled(points.properties(width=WIDTH, height=HEIGHT)),
        alt=f"{count(dots.height, 'voter')} by time and by place on {name}; the longest run down the list, of {count(n_run, 'voter')}, is marked.",
        caption=f"Each dot is a voter: across, when the ballot came; downwards, the place on {name} counted among those who voted. Somebody working down the list leaves a short line of dots that falls.{sampled}",
    )

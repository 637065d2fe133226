"""Administrators' hours: at which hours of the day each worked, before the vote and during it; and ballots beside their sittings."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

import altair as alt
import polars as pl

from analysis_lib.charts.drawing import MOST_POINTS, OTHER, SEEN, WIDTH, clock_axis, hours_since, styled
from analysis_lib.figure import Figure
from analysis_lib.plaintext import count

PERIODS = ("before the vote", "during the vote")
MOST_ADMINISTRATORS = 40
ROW_HEIGHT = 26
BALLOTS, ON_LINES = "online ballots", "of these over an administrator's line"


def hours_grid(worked: pl.DataFrame, zone: str) -> Figure:
    """Draw, for each administrator and hour of the day, the share of the days worked on which that hour was worked.

    Parameters
    ----------
    worked : DataFrame
        ``administrator, day, hour, is_own`` (during the vote), an hour once. Only the first `MOST_ADMINISTRATORS` are drawn.
    zone : str
        Name of the time zone of the hours.
    """
    names = worked["administrator"].unique().sort().to_list()
    drawn = worked.filter(pl.col("administrator").is_in(names[:MOST_ADMINISTRATORS]))
    period = pl.when("is_own").then(pl.lit(PERIODS[1])).otherwise(pl.lit(PERIODS[0]))
    days = pl.col("day").n_unique().over("administrator", "is_own")
    cells = (
        drawn.with_columns(period=period, days=days)
        .group_by("administrator", "period", "hour")
        .agg(share=(pl.len() / pl.col("days").first()).round(3))
        .sort("period", "administrator", "hour")
    )
    chart = (
        alt.Chart(alt.Data(values=cells.to_dicts()))
        .mark_rect(stroke="white")
        .encode(
            x=alt.X(
                "hour:O",
                title=f"hour of the day, {zone}",
                scale=alt.Scale(domain=list(range(24))),
                axis=alt.Axis(labelAngle=0, values=list(range(0, 24, 3))),
            ),
            y=alt.Y("administrator:N", title=None),
            color=alt.Color(
                "share:Q",
                title="share of days",
                scale=alt.Scale(range=["#d6e4ee", SEEN], domain=[0, 1]),
                legend=alt.Legend(orient="top", format="%"),
            ),
            tooltip=["administrator:N", "hour:O", alt.Tooltip("share:Q", format=".0%")],
        )
        .properties(width=WIDTH // 2 - 60, height=max(60, ROW_HEIGHT * min(len(names), MOST_ADMINISTRATORS)))
    )
    held = [name for name in PERIODS if name in cells["period"]]
    grid = chart.encode(column=alt.Column("period:N", title=None, sort=list(PERIODS)))
    some = f" The first {MOST_ADMINISTRATORS} of {len(names)} are drawn." if len(names) > MOST_ADMINISTRATORS else ""
    return Figure(
        styled(grid),
        alt=f"A grid of {count(len(names), 'administrator')} by hour of the day, {' and '.join(held)}; the darker a square, the more of the days worked had work in that hour.{some}",
        caption=f"Each row is an administrator, each square an hour of the day in local time; dark where that hour was worked on most of the days worked. A dark square on the right without one on the left is an hour not worked before.{some}",
    )


def sittings_and_ballots(
    sittings: pl.DataFrame, ballots: pl.DataFrame, opens_at: datetime, closes_at: datetime, zone: str, *, least: int
) -> Figure:
    """Draw each administrator's sittings as bars over time, and the online ballots as blocks below; all in whole hours.

    Parameters
    ----------
    sittings : DataFrame
        ``administrator, start, end`` (UTC).
    ballots : DataFrame
        ``at`` (UTC), ``is_own_line`` (over a line that an administrator worked from).
    opens_at, closes_at : datetime
        Ends of the time axis.
    least : int
        Ballots in a block, at least: nobody's ballot is to be found by its time. A row with fewer in all is left out.
    """
    names = sittings["administrator"].unique().sort().to_list()
    kept = (
        sittings.filter(pl.col("administrator").is_in(names[:MOST_ADMINISTRATORS]))
        .sort("administrator", "start")
        .head(MOST_POINTS // 2)
    )
    bars = [
        {"row": name, "x": math.floor(hours_since(opens_at, start)), "x2": math.floor(hours_since(opens_at, end)) + 1}
        for name, start, end in kept.select("administrator", "start", "end").iter_rows()
    ]
    own = ballots.filter("is_own_line")
    cells = [
        {"row": row, "x": first, "x2": last + 1, "ballots": n}
        for row, part in ((BALLOTS, ballots), (ON_LINES, own))
        for first, last, n in blocks([math.floor(hours_since(opens_at, at)) for at in part["at"]], least)
    ]
    rows = list(dict.fromkeys(item["row"] for item in (*bars, *cells)))
    end = max(closes_at, opens_at + timedelta(hours=1))
    x = alt.X(
        "x:Q",
        axis=clock_axis(opens_at, opens_at, end, zone),
        scale=alt.Scale(domain=[0, hours_since(opens_at, end)], nice=False, clamp=True),
    )
    y = alt.Y("row:N", title=None, sort=rows, scale=alt.Scale(domain=rows), axis=alt.Axis(labelLimit=230))
    rate = alt.Opacity("rate:Q", scale=alt.Scale(range=[0.15, 1], zero=True), legend=None)
    blocks_drawn = (
        alt.Chart(alt.Data(values=cells))
        .transform_calculate(rate="datum.ballots / (datum.x2 - datum.x)")
        .mark_bar(color=OTHER, height=16)
        .encode(x=x, x2="x2:Q", y=y, opacity=rate, tooltip=["ballots:Q"])
    )
    layers = [alt.Chart(alt.Data(values=bars)).mark_bar(color=SEEN, height=12).encode(x=x, x2="x2:Q", y=y), blocks_drawn]
    on_lines = f"; {own.height:,} of them came over a line from which an administrator worked" if own.height else ""
    return Figure(
        styled(alt.layer(*layers).properties(width=WIDTH, height=max(90, ROW_HEIGHT * len(rows)))),
        alt=f"{count(len(bars), 'sitting')} of {count(len({bar['row'] for bar in bars}), 'administrator')} as bars over the time of the vote, and {count(ballots.height, 'online ballot')} as blocks below{on_lines}.",
        caption=f"Bars: the hours in which each administrator sat at work. Blocks: online ballots, at least {least} in each, the darker the more an hour{', in the last row those over a line from which an administrator worked' if ON_LINES in rows else ''}. Both crowd into the evening anyway; the test compares the same hours of different days.",
    )


def blocks(hours: Iterable[int], least: int) -> list[tuple[int, int, int]]:
    """Join whole hours, from the first on, into blocks of `least` events or more: first hour, last hour, events. The last takes in what is left."""
    found: list[tuple[int, int, int]] = []
    first, n = None, 0
    for hour, events in sorted(Counter(hours).items()):
        first, n = hour if first is None else first, n + events
        if n >= least:
            found.append((first, hour, n))
            first, n = None, 0
    if n and found:
        start, _, events = found.pop()
        found.append((start, hour, events + n))
    return found

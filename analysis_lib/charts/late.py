"""Ballots around the close."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

import altair as alt
import polars as pl

from analysis_lib.charts.drawing import (
    MOST_POINTS,
    WIDTH,
    styled,
)
from analysis_lib.figure import Figure
from analysis_lib.plaintext import label


def late_ballots(late: pl.DataFrame, closes_at: Mapping[str, datetime], zone: str) -> Figure | None:
    """Ballots stamped outside the window on a line around the close, by channel; null where there are none to draw."""
    rows = late.filter((pl.col("seconds") > 0) & ~pl.col("in_batch")) if late.height else late
    if not rows.height:
        return None
    drawn = [
        {
            "minutes": round(row["seconds"] / 60, 3),
            "channel": row["channel"],
            "role": (row["actor_role"] or "unknown").replace("_", " "),
        }
        for row in rows.sort("seconds", "event_id").head(MOST_POINTS).iter_rows(named=True)
    ]
    longest = max(row["minutes"] for row in drawn)
    last = f"{int(longest)} minutes" if longest >= 2 else f"{round(60 * longest)} seconds"
    x = alt.X(
        "minutes:Q",
        title=f"minutes after the close in force ({zone} clock)",
        scale=alt.Scale(domain=[min(-1.0, -longest * 0.05), longest * 1.05], nice=False),
    )
    zero = alt.Chart(alt.Data(values=[{"minutes": 0}])).mark_rule(color="#922b21", strokeDash=[4, 3]).encode(x=x)
    points = (
        alt.Chart(alt.Data(values=drawn))
        .mark_point(filled=True, size=80, opacity=0.8)
        .encode(
            x=x,
            y=alt.Y("channel:N", title=None),
            color=alt.Color("role:N", title="recorded actor", legend=alt.Legend(orient="top")),
        )
    )
    closes = "; ".join(
        f"{label(channel)}: {at.astimezone(ZoneInfo(zone)):%d %B %Y %H:%M %Z}" for channel, at in sorted(closes_at.items())
    )
    return Figure(
        styled(alt.layer(zero, points).properties(width=WIDTH, height=90)),
        alt=f"{len(drawn)} {'ballot' if len(drawn) == 1 else 'ballots'} after the close, the last one {last} after it.",
        caption=f"Ballots stamped after the close in force ({closes}). The dashed line is the close.",
    )

"""Shares by channel, and sums."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from analysis_lib.charts.drawing import (
    EXPECTED,
    OTHER,
    SEEN,
    WIDTH,
    styled,
)
from analysis_lib.figure import Figure
from analysis_lib.plaintext import label

MOST_SUMS = 40


def channel_shares(details: Mapping[str, Any]) -> Figure:
    """The candidate's share in each channel, with the range over all tables that fit."""
    rows = [
        {"channel": channel.replace("_", " "), "low": low, "high": high, "mid": (low + high) / 2}
        for channel, low, high in zip(details["channels"], details["share_low"], details["share_high"], strict=True)
    ]
    candidate = label(details["candidate"])
    base = alt.Chart(alt.Data(values=rows)).encode(y=alt.Y("channel:N", title=None))
    # No name in a title: it would stand in an expression, and a line break in it would stop the chart from being drawn.
    x = alt.X("low:Q", title="share of the candidate", axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1]))
    layers = alt.layer(
        base.mark_rule(color=SEEN, strokeWidth=6, opacity=0.5).encode(x=x, x2="high:Q"),
        base.mark_point(color=SEEN, filled=True, size=90).encode(
            x="mid:Q", tooltip=["channel:N", alt.Tooltip("mid:Q", format=".1%")]
        ),
        alt.Chart(alt.Data(values=[{"x": 0.5}])).mark_rule(color=OTHER, strokeDash=[4, 3]).encode(x="x:Q"),
    )
    return Figure(
        styled(layers.properties(width=WIDTH, height=100)),
        alt=f"Share of {candidate}: " + "; ".join(f"{label(row['channel'])} {row['mid']:.0%}" for row in rows) + ".",
        caption=f"Share of {candidate} in each channel. The thick bar is the whole range that the published figures allow; the dashed line is one half.",
    )


def _sum_named(item: Mapping[str, Any]) -> str:
    said = ", ".join(part for part in (item["unit"], item["declaration"]) if part)
    return f"{item['name']} ({said})" if said else item["name"]


def sums(identities: Sequence[Mapping[str, Any]]) -> Figure:
    """Both sides of the sums checked, joined by a line where they differ; of many, those that differ first."""
    shown = sorted(identities, key=lambda item: item["gap"] == 0)[:MOST_SUMS]
    rows = [
        {"sum": _sum_named(item), "side": side, "ballots": item[f"{side}_low"], "gap": item["gap"]}
        for item in shown
        for side in ("left", "right")
    ]
    joined = [{"sum": _sum_named(item), "x": item["left_low"], "x2": item["right_low"]} for item in shown if item["gap"]]
    y = alt.Y("sum:N", title=None, sort=None, axis=alt.Axis(labelLimit=330))
    points = alt.Chart(alt.Data(values=rows)).mark_point(size=70, filled=True).encode(
        y=y, x=alt.X("ballots:Q", title="ballots", scale=alt.Scale(zero=True)),
        color=alt.Color("side:N", title="side of the sum", scale=alt.Scale(domain=["left", "right"], range=[SEEN, EXPECTED]), legend=alt.Legend(orient="top")),
        shape=alt.Shape("side:N", legend=None), tooltip=["sum:N", "side:N", "ballots:Q"],
    )  # fmt: skip
    lines = alt.Chart(alt.Data(values=joined)).mark_rule(color="#922b21", strokeWidth=3).encode(y=y, x="x:Q", x2="x2:Q")
    apart = sum(1 for item in identities if item["gap"])
    return Figure(
        styled(alt.layer(*([lines] if joined else []), points).properties(width=WIDTH - 260, height=alt.Step(26))),
        alt=f"{len(identities)} {'sum' if len(identities) == 1 else 'sums'}; {apart} {'do' if apart != 1 else 'does'} not add up.",
        caption="Both sides of each sum. Where they differ beyond what the sum allows, a red line joins them.",
    )

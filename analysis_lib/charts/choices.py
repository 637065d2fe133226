"""Choices of late and earlier ballots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import altair as alt

from analysis_lib.charts.drawing import EXPECTED, HEIGHT, OTHER, SEEN, WIDTH, clock_axis, hours_since, styled
from analysis_lib.figure import Figure
from analysis_lib.plaintext import label

ROW_HEIGHT = 60
SIGNED = "+~f"
MOST_CANDIDATES = 8


def placebo_cuts(cuts: Sequence[Mapping[str, Any]], candidate: str, zone: str) -> Figure:
    """Excess share of a candidate after each cut-off in points, with its interval; the actual cut-off stands apart by colour and shape."""
    start, end = min(cut["at"] for cut in cuts), max(cut["at"] for cut in cuts)
    margin = max(timedelta(minutes=30), (end - start) / 20)
    start, end = start - margin, end + margin
    rows = [
        {
            "x": hours_since(start, cut["at"]), "n": cut["n"], **{name: 100 * cut[name] for name in ("excess", "low", "high")},
            "which": "actual cut-off" if cut["is_actual"] else "earlier cut-off",
        }
        for cut in cuts
    ]  # fmt: skip
    colour = alt.Color(
        "which:N", title="", scale=alt.Scale(domain=["earlier cut-off", "actual cut-off"], range=[OTHER, EXPECTED]),
        legend=alt.Legend(orient="top"),
    )  # fmt: skip
    x = alt.X("x:Q", axis=clock_axis(start, start, end, zone), scale=alt.Scale(domain=[0, hours_since(start, end)]))
    base = alt.Chart(alt.Data(values=rows)).encode(x=x, color=colour)
    title = ["points more (+) or fewer (-)", "after the cut-off"]
    lines = base.mark_rule(strokeWidth=2).encode(y=alt.Y("low:Q", title=title, axis=alt.Axis(format=SIGNED)), y2="high:Q")
    points = base.mark_point(filled=True, size=80).encode(
        y=alt.Y("excess:Q"), shape=alt.Shape("which:N", legend=None), tooltip=[alt.Tooltip("excess:Q", format="+.1f"), "n:Q"]
    )
    level = alt.Chart(alt.Data(values=[{"y": 0}])).mark_rule(color=OTHER).encode(y="y:Q")
    (actual,) = (cut for cut in cuts if cut["is_actual"])
    larger = sum(abs(cut["excess"]) >= abs(actual["excess"]) for cut in cuts if not cut["is_actual"])
    return Figure(
        styled(alt.layer(level, lines, points).properties(width=WIDTH, height=HEIGHT)),
        alt=f"{len(rows)} points with intervals, one a cut-off. At the actual one {label(candidate)} has {100 * actual['excess']:+.1f} points against the earlier drift; {larger} of {len(rows) - 1} earlier ones {'is' if larger == 1 else 'are'} as far from it.",
        caption=f"How far the share of {label(candidate)} after each cut-off lies from where the ballots before it lead. Points with long lines rest on few ballots and are known less well; the ranking counts a jump in units of its own uncertainty.",
    )


def late_shares(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Late less earlier share of each candidate in points: over all ballots, and within the same branch and channel."""
    shown = rows[:MOST_CANDIDATES]
    values = [
        {
            "candidate": label(row["candidate"]),
            "how": how,
            "value": 100 * row[key],
            "low": 100 * row[f"{key}_low"],
            "high": 100 * row[f"{key}_high"],
        }
        for row in shown
        for how, key in (("all ballots", "raw"), ("same branch and channel", "adjusted"))
    ]
    order = [label(row["candidate"]) for row in shown]
    scale = alt.Scale(domain=["all ballots", "same branch and channel"], range=[OTHER, SEEN])
    base = alt.Chart(alt.Data(values=values)).encode(
        y=alt.Y("candidate:N", sort=order, title=""),
        yOffset=alt.YOffset("how:N", sort=["all ballots", "same branch and channel"]),
        color=alt.Color("how:N", title="", scale=scale, legend=alt.Legend(orient="top")),
    )
    lines = base.mark_rule(strokeWidth=2).encode(
        x=alt.X("low:Q", title="points more (+) or fewer (-) among late ballots", axis=alt.Axis(format=SIGNED)), x2="high:Q"
    )
    points = base.mark_point(filled=True, size=80).encode(x="value:Q", shape=alt.Shape("how:N", legend=None))
    level = alt.Chart(alt.Data(values=[{"x": 0}])).mark_rule(color=OTHER).encode(x="x:Q")
    told = "; ".join(
        f"{label(row['candidate'])} {100 * row['raw']:+.1f} and {100 * row['adjusted']:+.1f} points" for row in shown
    )
    return Figure(
        styled(alt.layer(level, lines, points).properties(width=WIDTH, height=ROW_HEIGHT * len(shown))),
        alt=f"Two points with intervals for each candidate, over all ballots and within the same branch and channel: {told}.",
        caption="Late less earlier share of each candidate. Where the two points of a candidate lie apart, who voted late explains a part of the difference.",
    )

"""Lists of members: who got which, when, and what stood on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from analysis_lib.charts.drawing import EXPECTED, HEIGHT, MOST_POINTS, OTHER, SEEN, WIDTH, clock_axis, hours_since, styled
from analysis_lib.figure import Figure
from analysis_lib.plaintext import count

WHAT = ("members", "with e-mail address", "with telephone number", "with postal address")
COLOURS = (SEEN, EXPECTED, "#117a65", OTHER)
OWN = "the body's own copies"


def lists_over_time(lists: Sequence[Mapping[str, Any]], zone: str) -> Figure:
    """What each list held over time: one dot per list and kind of content, a shape per holder.

    Parameters
    ----------
    lists : sequence of mapping
        ``holder`` (a candidate's name, or `OWN`), ``at`` (UTC), and a number or null for each of `WHAT`; at least one row.
    zone : str
        The contest's zone, in which the axis is written.
    """
    shown = sorted(lists, key=lambda row: (row["at"], row["holder"]))[: MOST_POINTS // len(WHAT)]
    start, end = shown[0]["at"], shown[-1]["at"]
    rows = [
        {"x": round(hours_since(start, row["at"]), 4), "n": row[what], "what": what, "holder": row["holder"]}
        for row in shown
        for what in WHAT
        if row[what] is not None
    ]
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("x:Q", axis=clock_axis(start, start, end, zone, f"day of the list, {zone}")),
        y=alt.Y("n:Q", title="on the list", scale=alt.Scale(zero=False)),
        color=alt.Color(
            "what:N", title="holds", scale=alt.Scale(domain=list(WHAT), range=list(COLOURS)), legend=alt.Legend(orient="top")
        ),
    )
    points = base.mark_point(filled=True, size=90, opacity=0.8).encode(
        shape=alt.Shape("holder:N", title="list of", legend=alt.Legend(orient="top", columns=3))
    )
    lines = base.mark_line(strokeWidth=1, opacity=0.5).encode(detail="holder:N")
    candidates = [row for row in shown if row["holder"] != OWN]
    sizes = [f"{row['holder']}: {count(row['members'], 'member')}" for row in candidates[:6] if row["members"] is not None]
    return Figure(
        styled(alt.layer(lines, points).properties(width=WIDTH, height=HEIGHT)),
        alt=f"{count(len(candidates), 'list')} given to candidates, in order of time: {'; '.join(sizes) or 'sizes not held'}.",
        caption="Each dot is a list on the day it was made: how many members stood on it, and of how many it had a contact detail. Dots of two candidates that lie side by side on different days show that one had the list before the other.",
    )

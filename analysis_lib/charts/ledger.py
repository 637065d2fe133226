"""Stories of members as strips, and how soon ballots followed reissues."""

from __future__ import annotations

import altair as alt
import polars as pl

from analysis_lib.charts.drawing import EXPECTED, HEIGHT, OTHER, SEEN, WIDTH, since_axis, styled
from analysis_lib.figure import Figure
from analysis_lib.plaintext import count

MARKS = {  # what a strip shows: colour and shape, apart in grey too
    "contact changed": ("#7d3c98", "square"),
    "new code": (EXPECTED, "diamond"),
    "shown to staff": ("#117a65", "triangle-up"),
    "ballot": (SEEN, "circle"),
    "contact changed again": ("#922b21", "cross"),
}
STRIP_HEIGHT = 14
MINUTES = (-1440, -240, -60, -30, -10, -5, -1, 0, 1, 5, 10, 30, 60, 240, 1440)


def case_strips(events: pl.DataFrame, origin: str) -> Figure:
    """One strip per case: what happened to a member, in minutes from one event of the story. Cases are numbered, never named.

    Parameters
    ----------
    events : DataFrame
        ``case`` (integer from 1), ``what`` (one of `MARKS`), ``minutes`` (from the event `origin`, below 0 before it).
    origin : str
        The event at 0, one of `MARKS`.
    """
    present = [what for what in MARKS if what in set(events["what"])]
    rows = events.select("case", "what", minutes=pl.col("minutes").round(3)).to_dicts()
    spans = events.group_by("case").agg(low=pl.col("minutes").min(), high=pl.col("minutes").max()).sort("case").to_dicts()
    n = len(spans)
    edge = max(abs(events["minutes"].min() or 0), abs(events["minutes"].max() or 0))
    ticks = [minute for minute in MINUTES if abs(minute) <= max(edge * 1.2, 5)]
    x = alt.X(
        "minutes:Q", title=f"minutes from the {origin} (distances far from it are drawn closer together)",
        scale=alt.Scale(type="symlog", constant=3), axis=alt.Axis(values=ticks),
    )  # fmt: skip
    y = alt.Y("case:O", title="case", axis=alt.Axis(labelOverlap=True))
    line = alt.Chart(alt.Data(values=spans)).mark_rule(color=OTHER, size=1).encode(x=alt.X("low:Q"), x2="high:Q", y=y)
    colours = alt.Scale(domain=present, range=[MARKS[what][0] for what in present])
    shapes = alt.Scale(domain=present, range=[MARKS[what][1] for what in present])
    legend = alt.Legend(orient="top", title=None)
    points = (
        alt.Chart(alt.Data(values=rows))
        .mark_point(filled=True, size=70, opacity=1)
        .encode(
            x=x,
            y=y,
            color=alt.Color("what:N", scale=colours, legend=legend),
            shape=alt.Shape("what:N", scale=shapes, legend=legend),
        )
    )
    ballots = events.filter(pl.col("what") == "ballot")["minutes"]
    changes = events.filter(pl.col("what") == "contact changed")["case"].n_unique()
    soon = int(((ballots >= 0) & (ballots <= 10)).sum())
    again = events.filter(pl.col("what") == "contact changed again")["case"].n_unique()
    return Figure(
        styled(alt.layer(line, points).properties(width=WIDTH, height=max(60, STRIP_HEIGHT * n))),
        alt=f"{count(n, 'strip')}, one per case. In {changes} a change of contact is drawn; in {ballots.len()} a ballot, {soon} of them within "
        f"ten minutes after the {origin}; in {again} the contact was changed again afterwards.",
        caption=f"Each strip is one member's story around the {origin}, drawn as distances in time and not by the clock, so that nobody can "
        f"be found by it. Cases are numbered in the order of how much happened and how soon; at most {_most(n)} are drawn.",
    )


def _most(n: int) -> int:
    return max(n, 40)


def incidence(curves: pl.DataFrame) -> Figure:
    """Share of reissues followed by a ballot within so long, asked for and not asked for, with bands of their intervals.

    Parameters
    ----------
    curves : DataFrame
        ``group`` ("not requested" or "requested"), ``minutes``, ``share``, ``low``, ``high``, ``at_risk``.
    """
    rows = curves.with_columns(pl.col("share", "low", "high").round(5)).drop("at_risk").to_dicts()
    last = float(curves["minutes"].max() or 10.0)
    x = alt.X(
        "minutes:Q",
        scale=alt.Scale(type="log", domain=[1, last], nice=False),
        title="time since the reissue (log scale)",
        axis=since_axis(60),
    )
    scale = alt.Scale(domain=["not requested", "requested"], range=[SEEN, EXPECTED])
    colour = alt.Color("group:N", title="the reissue was", scale=scale, legend=alt.Legend(orient="top", symbolOpacity=1))
    base = alt.Chart(alt.Data(values=rows))
    axis = alt.Axis(format="%", title="share followed by a ballot")
    band = base.mark_area(opacity=0.15, interpolate="step-after").encode(
        x=x, y=alt.Y("low:Q", axis=axis, scale=alt.Scale(domain=[0, 1])), y2="high:Q", color=colour
    )
    line = base.mark_line(strokeWidth=2, interpolate="step-after").encode(
        x=x, y=alt.Y("share:Q", axis=axis), color=colour, strokeDash=alt.StrokeDash("group:N", legend=None)
    )
    told = []
    for group in curves["group"].unique(maintain_order=True):
        own = curves.filter(pl.col("group") == group)
        day = own.filter(pl.col("minutes") <= 1440).tail(1)
        told.append(f"{day['share'].item():.0%} of reissues that were {group}")
    return Figure(
        styled(alt.layer(band, line).properties(width=WIDTH, height=HEIGHT)),
        alt=f"Two rising lines with bands. Within a day a ballot had followed {' and '.join(told)}.",
        caption="How many reissues were followed by a ballot, by the time since the reissue. A second reissue ends the wait, and whoever "
        "was still waiting at the close counts as long as they could be followed. The bands are intervals of each line at each time.",
    )

"""The roll over time: its size with edits marked, changes by day, changes of contact by week, ballots after a change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import altair as alt

from analysis_lib.charts.drawing import (
    EXPECTED,
    HEIGHT,
    MARK_COLOURS,
    MOST_POINTS,
    OTHER,
    SEEN,
    STANDS_OUT,
    WIDTH,
    since_axis,
    styled,
)
from analysis_lib.figure import Figure
from analysis_lib.plaintext import count

MOST_MARKED = 60
SHAPES = {"added": "triangle-up", "removed": "triangle-down", "changed": "diamond"}


def _wall(at: date | datetime, zone: str) -> str:
    """A local day or time without its offset, drawn as it stands, whatever the zone of the reader's machine."""
    local = at.astimezone(ZoneInfo(zone)).replace(tzinfo=None) if isinstance(at, datetime) else at
    return local.isoformat()


def _time(zone: str) -> alt.X:
    return alt.X(
        "at:T", title=f"local date, {zone}", scale=alt.Scale(type="utc"), axis=alt.Axis(format="%-d %b %Y", labelOverlap=True)
    )


def roll_size(copies: Sequence[Mapping[str, Any]], edits: Sequence[Mapping[str, Any]], zone: str) -> Figure:
    """Members on the list at each copy, and bulk edits marked at the foot.

    Parameters
    ----------
    copies : sequence of mapping
        ``at`` (instant) and ``n``, in order of time; at least one.
    edits : sequence of mapping
        ``at``, ``kind``, ``n``; the largest first.
    """
    step = len(copies) // (MOST_POINTS // 2) + 1  # a line and its dots
    rows = [{"at": _wall(row["at"], zone) + "Z", "n": row["n"]} for row in copies[::step]]
    size = alt.Chart(alt.Data(values=rows)).encode(
        x=_time(zone), y=alt.Y("n:Q", title="members on the list", scale=alt.Scale(zero=False))
    )
    layers = [size.mark_line(color=SEEN, interpolate="step-after"), size.mark_circle(color=SEEN, size=35).encode(tooltip=["n:Q"])]
    marked = [{"at": _wall(row["at"], zone) + "Z", "kind": row["kind"], "n": row["n"]} for row in edits[:MOST_MARKED]]
    if marked:
        points = alt.Chart(alt.Data(values=marked)).mark_point(filled=True, color=EXPECTED, opacity=0.9)
        layers.append(
            points.encode(
                x="at:T", y=alt.value(HEIGHT - 8), shape=alt.Shape("kind:N", title="bulk edit", legend=alt.Legend(orient="top")),
                size=alt.Size("n:Q", title="members", legend=alt.Legend(orient="top"), scale=alt.Scale(range=[60, 400])),
                tooltip=["kind:N", "n:Q"],
            )
        )  # fmt: skip
    first, last = copies[0]["n"], copies[-1]["n"]
    told = f"; the largest bulk edit has {count(marked[0]['n'], 'member')}" if marked else ""
    marks = " Marks at the foot are bulk edits: ten members or more within two minutes by one account." if marked else ""
    return Figure(
        styled(alt.layer(*layers).properties(width=WIDTH, height=HEIGHT)),
        alt=f"A line with {count(len(copies), 'copy', 'copies')} of the list, from {first:,} to {last:,} members{told}.",
        caption=f"Members on the list at each copy of it. The axis need not begin at nought.{marks}",
    )


def changes_per_day(days: Sequence[Mapping[str, Any]], kind: str, what: str, zone: str) -> Figure:
    """One kind of change by day, with what the days near by lead to expect and the days that stand out.

    Parameters
    ----------
    days : sequence of mapping
        ``at`` (day or instant), ``n``, ``expected`` and ``limit`` (null: not judged), ``stands_out`` (bool).
    kind, what : str
        The kind of change, and what is counted: "edits" or "members".
    """
    kept = (
        days
        if len(days) <= MOST_POINTS
        else [row for i, row in enumerate(days) if row["stands_out"] or i % (len(days) // MOST_POINTS + 1) == 0]
    )
    rows = [{**row, "at": _wall(row["at"], zone) + "Z"} for row in kept]
    top = max(row["n"] for row in rows)
    wide = top > 50 * max(1.0, max((row["expected"] or 0 for row in rows), default=1.0))
    scale = alt.Scale(type="symlog") if wide else alt.Scale()
    y = alt.Y(
        "n:Q",
        title=f"{what} a day ({kind}){', log scale' if wide else ''}",
        scale=scale,
        axis=alt.Axis(format=",d", values=list(range(top + 2))) if top < 6 else alt.Axis(format=",d", tickMinStep=1),
    )
    base = alt.Chart(alt.Data(values=rows)).encode(x=_time(zone))
    layers = [
        base.mark_area(color=EXPECTED, opacity=0.25, interpolate="step").encode(y=alt.Y("limit:Q", scale=scale)),
        base.mark_line(color=EXPECTED, strokeDash=[4, 2], interpolate="step").encode(y=alt.Y("expected:Q", scale=scale)),
        base.mark_circle(color=SEEN, size=28).encode(y=y, tooltip=["n:Q", alt.Tooltip("expected:Q", format=",.1f")]),
        base.transform_filter("datum.stands_out")
        .mark_point(shape="triangle-up", filled=True, color=MARK_COLOURS["close"], size=110)
        .encode(y=alt.Y("n:Q", scale=scale)),
    ]
    out = sum(row["stands_out"] for row in days)
    return Figure(
        styled(alt.layer(*layers).properties(width=WIDTH, height=HEIGHT)),
        alt=f"{count(len(days), 'day')} of “{kind}”, the largest with {top:,} {what}; {count(out, 'day')} {'stands' if out == 1 else 'stand'} out.",
        caption="Dots: each day. Dashed: the mean of the days near by; shaded: up to what 99 of 100 such days stay within. Triangles: days that stand out, all days and kinds allowed for.",
    )


def churn_by_week(weeks: Sequence[Mapping[str, Any]], zone: str) -> Figure:
    """Changes of contact by week, asked for and not, with the contest's period shaded.

    Parameters
    ----------
    weeks : sequence of mapping
        ``at`` (start of the week), ``asked``, ``n``, ``in_contest``; in order.
    """
    rows = [
        {"at": _wall(row["at"], zone)[:10], "asked": row["asked"], "n": row["n"], "in_contest": row["in_contest"]}
        for row in weeks[:MOST_POINTS]
    ]
    order = list(dict.fromkeys(row["at"] for row in rows))
    x = alt.X("at:O", title=f"week from, local date, {zone}", sort=order, axis=alt.Axis(labelAngle=-45, labelOverlap=True))
    kinds = ["asked for", "not known", "none found", "bulk"]
    bars = (
        alt.Chart(alt.Data(values=rows))
        .mark_bar()
        .encode(
            x=x, y=alt.Y("n:Q", title="changes of contact", stack=True, axis=alt.Axis(format=",d", tickMinStep=1)),
            color=alt.Color("asked:N", title="request", scale=alt.Scale(domain=kinds, range=[OTHER, EXPECTED, SEEN, "#d5d8dc"]), legend=alt.Legend(orient="top")),
            tooltip=["asked:N", "n:Q"],
        )
    )  # fmt: skip
    shade = (
        alt.Chart(alt.Data(values=[{"at": at} for at in order if any(row["at"] == at and row["in_contest"] for row in rows)]))
        .mark_rect(color=STANDS_OUT, opacity=0.35)
        .encode(x=x)
    )
    during = sum(row["n"] for row in rows if row["in_contest"] and row["asked"] in ("none found", "not known"))
    return Figure(
        styled(alt.layer(shade, bars).properties(width=WIDTH, height=HEIGHT)),
        alt=f"Bars of changes of contact over {count(len(order), 'week')}; in the contest's weeks {count(during, 'change')} without a request on record.",
        caption="Changes of e-mail, telephone and postal address by week and by what is on record of a request. Shaded: weeks of the contest's period.",
    )


def ballots_after_change(curves: Sequence[Mapping[str, Any]]) -> Figure:
    """Share of members who had voted online so many hours after their contact was changed.

    Parameters
    ----------
    curves : sequence of mapping
        ``group``, ``hours``, ``share``; in order.
    """
    groups = list(dict.fromkeys(row["group"] for row in curves))
    chart = (
        alt.Chart(alt.Data(values=list(curves)))
        .mark_line(interpolate="step-after", strokeWidth=2)
        .encode(
            x=alt.X("hours:Q", title="time since the change, or since the opening if that came later (log scale)", scale=alt.Scale(type="log"), axis=since_axis(3600)),
            y=alt.Y("share:Q", title="share who had voted online", axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1])),
            color=alt.Color("group:N", title="the change was", scale=alt.Scale(domain=groups, range=[SEEN, EXPECTED][: len(groups)]), legend=alt.Legend(orient="top")),
            strokeDash=alt.StrokeDash("group:N", legend=None),
        )
    )  # fmt: skip
    ends = {row["group"]: row["share"] for row in curves}
    return Figure(
        styled(chart.properties(width=WIDTH, height=HEIGHT)),
        alt="Rising lines: in the end "
        + " and ".join(f"{share:.0%} of members had voted ({group})" for group, share in ends.items())
        + ".",
        caption="How soon an online ballot followed a change of contact (of all members with such a change; those who voted otherwise or whom the close cut off count as not having voted). Members who asked are what to compare with.",
    )

"""Rates of reissue and what followed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import polars as pl

from analysis_lib.charts.drawing import (
    EXPECTED,
    HEIGHT,
    OTHER,
    SEEN,
    WIDTH,
    since_axis,
    styled,
)
from analysis_lib.figure import Figure
from analysis_lib.plaintext import label


def funnel(units: Sequence[Mapping[str, Any]], limits: pl.DataFrame, pooled: float, noun: str) -> Figure:
    """Rate of each unit against its size, with the binomial funnel for display (the verdict does not rest on it)."""
    rows = [{"unit": u["unit"], "size": u["size"], "rate": u["events"] / u["size"], "p": u["pvalue_adjusted"]} for u in units]
    x = alt.X("size:Q", title="members" if noun == "branch" else "reissues handled")
    y = alt.Y(
        "rate:Q",
        title="share with a reissue" if noun == "branch" else "share without a logged request",
        axis=alt.Axis(format="%"),
    )
    sides = [{**row, "between": f"{1 - 2 * min(row['probability'], 1 - row['probability']):.1%}"} for row in limits.to_dicts()]
    lines = (
        alt.Chart(alt.Data(values=sides))
        .mark_line(color=EXPECTED, strokeWidth=1)
        .encode(
            x=x,
            y="limit:Q",
            strokeDash=alt.StrokeDash(
                "between:N", title="chance alone leaves between the lines", legend=alt.Legend(orient="top", titleLimit=WIDTH)
            ),
            detail="probability:N",
        )
    )
    centre = alt.Chart(alt.Data(values=[{"rate": pooled}])).mark_rule(color=OTHER).encode(y="rate:Q")
    points = (
        alt.Chart(alt.Data(values=rows))
        .mark_circle(color=SEEN, size=70)
        .encode(x=x, y=y, tooltip=["unit:N", "size:Q", alt.Tooltip("rate:Q", format=".1%")])
    )
    order = {u["unit"]: (u["pvalue_adjusted"], u["pvalue"], u["unit"]) for u in units}  # adjusted ones are often equal
    top = min(rows, key=lambda row: order[row["unit"]])
    right = top["size"] > 0.6 * max(row["size"] for row in rows)  # else the name would run off the edge
    named = alt.Chart(alt.Data(values=[top])).mark_text(
        align="right" if right else "left", dx=-8 if right else 8, dy=-8, fontSize=12
    )
    labels = named.encode(x=x, y=y, text="unit:N")
    return Figure(
        styled(alt.layer(lines, centre, points, labels).properties(width=WIDTH, height=HEIGHT)),
        alt=f"{len(rows)} dots, one per {noun}: its rate against its size. {label(top['unit'])} stands out most, with {top['rate']:.0%} against {pooled:.0%} over all.",
        caption=f"Each dot is {'a branch' if noun == 'branch' else 'an administrator'}; the level line is the rate of all together. The curved lines show how far rates stray by chance alone if all shared one rate; real ones differ more, which the test allows for and the lines do not.",
    )


def delay_curves(incidence: pl.DataFrame) -> Figure:
    """Share of reissues followed by a ballot within so many minutes, asked for and not asked for."""
    rows = incidence.filter(pl.col("minutes") > 0).to_dicts()
    chart = (
        alt.Chart(alt.Data(values=rows))
        .mark_line(interpolate="step-after", strokeWidth=2)
        .encode(
            x=alt.X("minutes:Q", scale=alt.Scale(type="log"), title="time since the reissue (log scale)", axis=since_axis(60)),
            y=alt.Y("share:Q", title="share followed by a ballot", axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1])),
            color=alt.Color(
                "group:N",
                title="the reissue was",
                scale=alt.Scale(domain=["not requested", "requested"], range=[SEEN, EXPECTED]),
                legend=alt.Legend(orient="top"),
            ),
            strokeDash=alt.StrokeDash("group:N", legend=None),
        )
    )
    ten = {row["group"]: row["share"] for row in rows if row["minutes"] == 10}
    return Figure(
        styled(chart.properties(width=WIDTH, height=HEIGHT)),
        alt="Two rising lines. Within ten minutes a ballot had followed "
        + " and ".join(f"{share:.0%} of reissues that were {group}" for group, share in sorted(ten.items()))
        + ".",
        caption="How soon a ballot followed a reissue. A member who asks for a code is ready to vote: the requested line is what to compare with.",
    )

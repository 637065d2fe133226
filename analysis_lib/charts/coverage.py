"""Shares by unit with their intervals, and counts by day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from analysis_lib.charts.drawing import EXPECTED, HEIGHT, OTHER, SEEN, WIDTH, styled
from analysis_lib.figure import Figure
from analysis_lib.plaintext import label

MOST_UNITS = 40


def unit_shares(units: Sequence[Mapping[str, Any]], what: str, usual: str) -> Figure:
    """Share of each unit as a dot with its interval; `what` names the share, `usual` the level of the interval.

    Units are drawn in the order given, at most `MOST_UNITS`.
    """
    rows = [
        {"unit": label(u["unit"]), "share": u["share"], "low": u["low"], "high": u["high"], "n": u["size"]}
        for u in units[:MOST_UNITS]
    ]
    base = alt.Chart(alt.Data(values=rows)).encode(y=alt.Y("unit:N", title=None, sort=[row["unit"] for row in rows]))
    x = alt.X("low:Q", title=what, axis=alt.Axis(format="%"))
    bars = base.mark_rule(color=EXPECTED, strokeWidth=5, opacity=0.5).encode(x=x, x2="high:Q")
    dots = base.mark_point(filled=True, color=SEEN, size=90).encode(
        x="share:Q", tooltip=["unit:N", alt.Tooltip("share:Q", format=".1%"), "n:Q"]
    )
    pooled = sum(u["events"] for u in units) / max(1, sum(u["size"] for u in units))
    line = alt.Chart(alt.Data(values=[{"x": pooled}])).mark_rule(color=OTHER, strokeDash=[4, 3]).encode(x="x:Q")
    top = max(rows, key=lambda row: row["share"])
    return Figure(
        styled(alt.layer(bars, line, dots).properties(width=WIDTH, height=max(80, 26 * len(rows)))),
        alt=f"{len(rows)} dots, one for each row: {what}. The largest is {top['unit']} with {top['share']:.1%}; over all it is {pooled:.1%}.",
        caption=f"Dots: {what}. Bars: {usual} of each taken by itself. Dashed: all together. Real units differ by more than the bars allow for, which the test learns from the others where there are enough.",
    )


def by_day(days: Sequence[Mapping[str, Any]], what: str, marked: str, zone: str) -> Figure:
    """Count by local day, with the part of it that is `marked` in front."""
    rows = [{"day": f"{d['unit']}T12:00:00", "n": d["size"], "marked": d["events"]} for d in days]
    x = alt.X("yearmonthdate(day):T", title=f"local day, {zone}", axis=alt.Axis(format="%-d %b"))
    base = alt.Chart(alt.Data(values=rows))
    whole = base.mark_bar(color=OTHER, opacity=0.5).encode(
        x=x, y=alt.Y("n:Q", title=what, axis=alt.Axis(format=",d", tickMinStep=1))
    )
    part = base.mark_bar(color=SEEN).encode(x=x, y="marked:Q")
    shown = [whole, part] if any(row["marked"] for row in rows) else [whole]
    n, k = sum(row["n"] for row in rows), sum(row["marked"] for row in rows)
    top = max(rows, key=lambda row: (row["marked"], row["n"]))
    return Figure(
        styled(alt.layer(*shown).properties(width=WIDTH, height=HEIGHT)),
        alt=f"Bars over {len(rows)} days: {n:,} {what}, {k:,} of them {marked}; most of these on {top['day'][:10]}, with {top['marked']:,} of {top['n']:,}.",
        caption=f"Pale: {what}, by local day. Dark: those {marked}.",
    )

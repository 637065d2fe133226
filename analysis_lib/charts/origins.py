"""Ballots that share a network or a device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from analysis_lib.charts.drawing import EXPECTED, SEEN, WIDTH, styled
from analysis_lib.figure import Figure


def shared_groups(tallies: Sequence[Mapping[str, Any]], attribute: str, usual: str) -> Figure:
    """Ballots in groups of several sizes and in the largest one: seen, expected, and the range that the reference leads to expect.

    `usual` says in words how often the range holds, such as "95 of 100 such contests".
    """
    names = [f"in groups of {row['at_least']} or more" if row["at_least"] else "in the largest group" for row in tallies]
    rows = [
        {"group": name, "seen": row["seen"], "expected": round(row["expected"], 2), "low": row["low"], "high": row["high"]}
        for name, row in zip(names, tallies, strict=True)
    ]
    base = alt.Chart(alt.Data(values=rows)).encode(y=alt.Y("group:N", title=None, sort=names))
    x = alt.X("low:Q", title="ballots", axis=alt.Axis(format=",d", tickMinStep=1))
    bars = base.mark_rule(color=EXPECTED, strokeWidth=10, opacity=0.5).encode(x=x, x2="high:Q")
    ticks = base.mark_tick(color=EXPECTED, thickness=3, size=24).encode(x="expected:Q")
    points = base.mark_point(filled=True, color=SEEN, size=110).encode(x="seen:Q", tooltip=["group:N", "seen:Q", "expected:Q"])
    three, largest = tallies[0], tallies[-1]
    return Figure(
        styled(alt.layer(bars, ticks, points).properties(width=WIDTH, height=130)),
        alt=f"{three['seen']} ballots came in groups of three or more with one {attribute}, where {three['low']:.0f} to {three['high']:.0f} were to be expected; "
        f"the largest group has {largest['seen']}, where {largest['low']:.0f} to {largest['high']:.0f} were.",
        caption=f"Dots: ballots that came from a {attribute} used by several voters. Upright marks: what is expected where members share as those in the reference do; bars: what such groups come to in {usual}.",
    )

"""The order of a log or a file against time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import altair as alt
import polars as pl

from analysis_lib.charts.drawing import HEIGHT, MOST_POINTS, OTHER, SEEN, WIDTH, clock_axis, hours_since, styled
from analysis_lib.figure import Figure
from analysis_lib.plaintext import count

BLOCK = "#922b21"


def displaced_entries(entries: pl.DataFrame, block: Mapping[str, Any], zone: str) -> Figure:
    """Entries out of order: the time each bears, and by how much it was written after it.

    Parameters
    ----------
    entries : DataFrame
        ``at`` (UTC), ``hours``; at least one row. The first `MOST_POINTS` by size are drawn.
    block : mapping
        ``first``, ``last`` (UTC) and ``length`` of the longest block.
    """
    origin, end = entries["at"].min(), entries["at"].max()
    drawn = entries.sort(pl.col("hours").abs(), "at", descending=[True, False]).head(MOST_POINTS)
    is_block = (pl.col("at") >= block["first"]) & (pl.col("at") <= block["last"]) & (block["length"] > 1)
    rows = [
        {"x": round(hours_since(origin, row["at"]), 5), "minutes": round(60 * row["hours"], 3), "what": row["what"]}
        for row in drawn.with_columns(
            what=pl.when(is_block).then(pl.lit("longest block")).otherwise(pl.lit("other"))
        ).iter_rows(named=True)
    ]  # fmt: skip
    chart = (
        alt.Chart(alt.Data(values=rows))
        .mark_point(filled=True, size=60, opacity=0.75)
        .encode(
            x=alt.X("x:Q", axis=clock_axis(origin, origin, end, zone, f"time that the entry bears, {zone}")),
            y=alt.Y("minutes:Q", title="minutes by which it was written later", scale=alt.Scale(type="symlog")),
            color=alt.Color(
                "what:N", title="entry", scale=alt.Scale(domain=["longest block", "other"], range=[BLOCK, OTHER]),
                legend=alt.Legend(orient="top"),
            ),
        )
    )  # fmt: skip
    largest = entries["hours"].abs().max() * 60
    return Figure(
        styled(chart.properties(width=WIDTH, height=HEIGHT)),
        alt=f"{count(entries.height, 'entry', 'entries')} out of order, at most by {largest:,.1f} minutes; the longest block has {block['length']:,}.",
        caption="Each dot is an entry whose number and time disagree: how much later (below 0: earlier) its number was given than its time says. A few scattered dots are ordinary; a block was written down in one go.",
    )


def places_and_times(frame: pl.DataFrame, zone: str) -> Figure:
    """Time against place in a file that was meant to be mixed: flat if it was, a slope if it stands in order of time."""
    first: datetime = frame["low"].min()
    last: datetime = frame["high"].max()
    rows = [
        {"place": row["place"], **{name: round(hours_since(first, row[name]), 4) for name in ("at", "low", "high")}}
        for row in frame.iter_rows(named=True)
    ]
    y_axis = clock_axis(first, first, last, zone)
    base = alt.Chart(alt.Data(values=rows)).encode(x=alt.X("place:Q", title="place in the file", axis=alt.Axis(format="%")))
    bars = base.mark_rule(color=OTHER, strokeWidth=4, opacity=0.5).encode(y=alt.Y("low:Q", axis=y_axis), y2="high:Q")
    points = base.mark_point(filled=True, color=SEEN, size=60).encode(y=alt.Y("at:Q", axis=y_axis))
    n = int(frame["n"].sum())
    return Figure(
        styled(alt.layer(bars, points).properties(width=WIDTH, height=HEIGHT)),
        alt=f"{count(n, 'receipt')} in {count(frame.height, 'stretch', 'stretches')} of the file: the middle time of each, with its middle half.",
        caption="The file from its first row to its last. In a mixed file every stretch holds times of all days, so the dots lie level; in a file in order of time they rise or fall from one end to the other.",
    )

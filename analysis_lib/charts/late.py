"""Ballots around the close."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import count as count_up
from typing import Any
from zoneinfo import ZoneInfo

import altair as alt
import polars as pl

from analysis_lib.charts.drawing import EXPECTED, MARK_COLOURS, MOST_POINTS, OTHER, SEEN, WIDTH, styled
from analysis_lib.figure import Figure
from analysis_lib.plaintext import count, label

RECORDED = "as recorded"
LEAST_S, MOST_BEFORE_S = 300, 10_800  # so much before the close is shown at least, and at most
IN_TIME = "before the close"
ROW_HEIGHT = 34


def late_ballots(placed: pl.DataFrame, closes_at: Mapping[str, datetime], zone: str) -> Figure | None:
    """Draw ballots on a line around the close, a row for each reading of the clock; null where none is late under any.

    Parameters
    ----------
    placed : DataFrame
        ``reading`` (in words), ``seconds`` past the close (negative: before it), ``channel``, ``actor_role``.
    closes_at : mapping of str to datetime
        The close in force of each channel with late ballots, for the caption.
    zone : str
        IANA zone of the contest.
    """
    late = placed.filter(pl.col("seconds") > 0) if placed.height else placed
    if not late.height:
        return None
    longest = float(late["seconds"].max())
    span = 60 * math.ceil(min(max(longest, LEAST_S), MOST_BEFORE_S) / 60)
    order = placed["reading"].unique(maintain_order=True).to_list()
    nearest = placed.filter(pl.col("seconds") >= -span).sort(
        pl.col("seconds") <= 0, pl.col("seconds").abs(), maintain_order=True  # late ones first, then those nearest to the close
    )  # fmt: skip
    kept = nearest.group_by("reading", maintain_order=True).head(MOST_POINTS // len(order))
    drawn = [
        {
            "minutes": round(row["seconds"] / 60, 3),
            "reading": row["reading"],
            "actor": _actor(row) if row["seconds"] > 0 else IN_TIME,
            "channel": label(row["channel"].replace("_", " ")),
        }
        for row in kept.iter_rows(named=True)
    ]
    first, last = min(0.0, *(row["minutes"] for row in drawn)), max(row["minutes"] for row in drawn)
    margin = 0.05 * (last - first)
    x = alt.X(
        "minutes:Q",
        title=f"minutes from the close in force ({zone} clock); 0 is the close",
        scale=alt.Scale(domain=[first - margin, last + margin], nice=False),
    )
    actors = sorted({row["actor"] for row in drawn} - {IN_TIME})
    colour_of = {actor: _PALETTE[i % len(_PALETTE)] for i, actor in enumerate(actors)}
    colour_of |= {IN_TIME: OTHER} if any(row["actor"] == IN_TIME for row in drawn) else {}
    colours = alt.Scale(domain=list(colour_of), range=list(colour_of.values()))
    zero = (
        alt.Chart(alt.Data(values=[{"minutes": 0}])).mark_rule(color=MARK_COLOURS["close"], strokeDash=[4, 3], size=2).encode(x=x)
    )
    points = (
        alt.Chart(alt.Data(values=drawn))
        .mark_tick(thickness=2, size=ROW_HEIGHT * 0.6, opacity=0.8)
        .encode(
            x=x,
            y=alt.Y("reading:N", title=None, sort=order, axis=alt.Axis(labelLimit=240)),
            color=alt.Color("actor:N", title="ballot by", scale=colours, legend=alt.Legend(orient="top", columns=3)),
        )
    )
    closes = "; ".join(
        f"{label(channel)}: {at.astimezone(ZoneInfo(zone)):%d %B %Y %H:%M %Z}" for channel, at in sorted(closes_at.items())
    )
    cut = (
        ""
        if kept.height == nearest.height
        else f" Of {nearest.height:,} marks, the {kept.height:,} late ones and those nearest to the close are drawn."
    )
    earlier = (
        f" Ballots more than {count(span // 60, 'minute')} before it are left out." if nearest.height < placed.height else ""
    )
    rows = " A row for each way in which the clock may be read." if len(order) > 1 else ""
    return Figure(
        styled(alt.layer(zero, points).properties(width=WIDTH, height=ROW_HEIGHT * len(order) + 20)),
        alt=_told(late, order),
        caption=f"Ballots around the close in force ({closes}), one tick each. The dashed line is the close.{earlier}{rows}{cut}",
    )


_PALETTE = (SEEN, EXPECTED, "#7d3c98", "#117a65", "#5d4037", "#00838f")


def _actor(row: Mapping[str, Any]) -> str:
    return (row["actor_role"] or "actor unknown").replace("_", " ")


def _told(late: pl.DataFrame, order: Sequence[str]) -> str:
    """Say for each reading how many ballots come after the close; one reading as recorded goes without its name."""
    texts = []
    for reading in order:
        past = late.filter(pl.col("reading") == reading)["seconds"]
        minutes = past.max() / 60 if past.len() else 0.0
        last = count(int(minutes), "minute") if minutes >= 2 else f"{round(60 * minutes)} seconds"
        text = (
            f"{count(past.len(), 'ballot')} after the close, the last one {last} after it"
            if past.len()
            else "no ballot after the close"
        )
        texts.append(text if order == [RECORDED] else f"{reading}: {text}")
    told = "; ".join(texts)
    return f"{told[0].upper()}{told[1:]}."


def closing_stretches(stretches: Sequence[Mapping[str, Any]], confidence_level: float, form: str) -> Figure:
    """Draw the ballots of each stretch before the close beside what others lead one to expect, with its interval."""
    rows = [
        {
            "length": _length(row["length_s"]), "count": row["count"], "expected": round(row["expected"], 3), "low": row["low"],
            "high": row["high"],
        }
        for row in stretches
    ]  # fmt: skip
    order = [row["length"] for row in rows]
    y = alt.Y("length:N", title=None, sort=order, axis=alt.Axis(labelLimit=160))
    base = alt.Chart(alt.Data(values=rows))
    whole = alt.Axis(values=_whole_steps(max(max(row["high"], row["count"]) for row in rows)), format=",d", title="ballots")
    x = alt.X("low:Q", scale=alt.Scale(zero=True), axis=whole)
    span = base.mark_bar(height=12, color=EXPECTED, opacity=0.35).encode(x=x, x2="high:Q", y=y)
    middle = base.mark_tick(color=EXPECTED, thickness=3, size=20).encode(x=alt.X("expected:Q", axis=whole), y=y)
    seen = base.mark_point(filled=True, size=110, color=SEEN, opacity=1).encode(x=alt.X("count:Q", axis=whole), y=y)
    others = "peers" if form == "peers" else "the same hours of earlier days"
    told = "; ".join(f"{row['length']}: {row['count']} seen, {row['expected']:.1f} expected" for row in rows)
    return Figure(
        styled(alt.layer(span, middle, seen).properties(width=WIDTH, height=ROW_HEIGHT * len(rows) + 20)),
        alt=f"Ballots in the last stretch before the close. {told}.",
        caption=f"Dots: ballots that came in the last stretch before the close. Bars: where {others} lead one to expect "
        f"them ({100 * confidence_level:g} % interval; the line in it is the expected count).",
    )


def _whole_steps(most: int) -> list[int]:
    """At most eleven round numbers from 0 to `most`; a least step between ticks isn't kept where layers share an axis."""
    step = next(k * 10**power for power in count_up() for k in (1, 2, 5) if k * 10**power * 10 >= most)
    return list(range(0, most + 1, step))


def _length(seconds: int) -> str:
    for size, noun in ((3600, "hour"), (60, "minute")):
        if seconds % size == 0:
            return f"last {count(seconds // size, noun)}" if seconds > size else f"last {noun}"
    return f"last {count(seconds, 'second')}"

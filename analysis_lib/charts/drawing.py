"""What all charts share: look, colours, and axes of time.

Every time axis is in the contest's zone and says so. Times are drawn as hours since the opening (or minutes,
close up), labelled with the local clock, so that the hour which a clock change repeats or skips is drawn
where it belongs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import altair as alt

SEEN, EXPECTED, OTHER = "#1b4f72", "#b9770e", "#7f8c8d"  # apart for colour-blind readers, and in grey
MARK_COLOURS = {"message": "#7d3c98", "hustings": "#117a65", "outage": "#5d6d7e", "close": "#922b21"}
MARK_DASHES = {"message": [2, 2], "hustings": [7, 3], "outage": [7, 2, 2, 2], "close": [1, 0]}  # apart in grey too
STANDS_OUT = "#f4d03f"
WIDTH, HEIGHT = 660, 260
MOST_POINTS = 1500
MOST_MARKS = 150


def styled(chart: alt.TopLevelMixin) -> alt.TopLevelMixin:
    """Give a chart the look that all charts have."""
    return chart.configure_view(strokeWidth=0).configure_axis(
        grid=True, gridColor="#eeeeee", labelFontSize=11, titleFontSize=12, titleFontWeight="normal"
    )


def hours_since(origin: datetime, at: datetime) -> float:
    """Hours that went by; in UTC, since times of one zone are subtracted by their wall clocks."""
    return (at.astimezone(UTC) - origin.astimezone(UTC)).total_seconds() / 3600


def clock_axis(origin: datetime, start: datetime, end: datetime, zone: str, title: str = "") -> alt.Axis:
    """Axis over hours since `origin`, labelled at round local times."""
    local = ZoneInfo(zone)
    span = (end - start).total_seconds()
    step, form = next(
        (step, form)
        for limit, step, form in (
            (600, 60, "%H:%M"), (1800, 300, "%H:%M"), (3 * 3600, 900, "%H:%M"), (12 * 3600, 3600, "%H:%M"), (36 * 3600, 6 * 3600, "%d %b %H:%M"),
            (8 * 86400, 86400, "%d %b"), (21 * 86400, 2 * 86400, "%d %b"), (float("inf"), max(86400, int(span / 10 // 86400) * 86400), "%d %b"),
        )
        if span <= limit
    )  # fmt: skip
    first = start.astimezone(local).replace(hour=0, minute=0, second=0, microsecond=0)
    labels = {}
    for k in range(int((span + 2 * 86400) // step) + 2):
        wall = first + timedelta(seconds=k * step)  # wall-clock arithmetic: stays on round local times through a clock change
        position = hours_since(origin, wall)
        if hours_since(origin, start) - 1e-9 <= position <= hours_since(origin, end) + 1e-9:
            text = f"{wall:{form}}"
            labels[round(position, 6)] = text if form == "%H:%M" else text.lstrip("0")
    lookup = (
        " : ".join(f"abs(datum.value - {value}) < 1e-4 ? '{text}'" for value, text in labels.items()) + " : ''"
        if labels
        else "''"
    )
    return alt.Axis(title=title or f"local time, {zone}", values=list(labels), labelExpr=lookup, labelOverlap=True)


SINCE_S = (1, 10, 60, 600, 3600, 21_600, 86_400, 259_200, 864_000, 2_592_000)


def since_axis(unit_s: int) -> alt.Axis:
    """Axis of a log scale over time gone by, in units of so many seconds, labelled "10 min", "6 h", "3 days"."""
    seconds = f"round(datum.value * {unit_s})"
    told = (
        f"{seconds} < 60 ? {seconds} + ' s' : {seconds} < 3600 ? {seconds} / 60 + ' min' : "
        f"{seconds} < 86400 ? {seconds} / 3600 + ' h' : {seconds} == 86400 ? '1 day' : {seconds} / 86400 + ' days'"
    )
    return alt.Axis(values=[s / unit_s for s in SINCE_S], labelExpr=told)


def marks_layer(marks: Sequence[Mapping[str, Any]], origin: datetime, start: datetime, end: datetime) -> alt.Chart | None:
    """Lines at messages, hustings, outages and the close, each kind dashed in its own way, with their legend; null where none lies between."""
    inside = sorted((mark for mark in marks if start <= mark["at"] <= end), key=lambda mark: (mark["at"], mark["what"]))
    rows = [{"x": hours_since(origin, mark["at"]), "what": mark["what"]} for mark in inside[:MOST_MARKS]]
    if not rows:
        return None
    present = {row["what"] for row in rows}
    kinds = [name for name in MARK_COLOURS if name in present]
    colours = alt.Scale(domain=kinds, range=[MARK_COLOURS[name] for name in kinds])
    dashes = alt.Scale(domain=kinds, range=[MARK_DASHES[name] for name in kinds])
    legend = alt.Legend(orient="top", symbolType="stroke", symbolSize=500)  # long enough to show the dashes
    return (
        alt.Chart(alt.Data(values=rows))
        .mark_rule(size=1.5)
        .encode(
            x="x:Q",
            color=alt.Color("what:N", title="marked", scale=colours, legend=legend),
            strokeDash=alt.StrokeDash("what:N", title="marked", scale=dashes, legend=legend),
        )
    )


def window_layers(start: float, end: float, x: alt.X | str = "x:Q") -> list[alt.Chart]:
    """A yellow stripe over the window that stands out most, and an arrow above it, for where the stripe cannot be told in grey."""
    stripe = alt.Chart(alt.Data(values=[{"x": start, "x2": end}])).mark_rect(color=STANDS_OUT, opacity=0.45)
    arrow = alt.Chart(alt.Data(values=[{"x": (start + end) / 2}])).mark_point(
        shape="triangle-down", filled=True, size=90, color="black", opacity=1
    )
    return [stripe.encode(x=x, x2="x2:Q"), arrow.encode(x=x, y=alt.value(-7))]

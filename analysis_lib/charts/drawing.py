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
MARK_COLOURS = {"message": "#7d3c98", "hustings": "#117a65", "close": "#922b21"}
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


def marks_layer(marks: Sequence[Mapping[str, Any]], origin: datetime, start: datetime, end: datetime) -> alt.Chart | None:
    """Dashed lines at messages, hustings and the close, with their legend; null where none lies between."""
    inside = sorted((mark for mark in marks if start <= mark["at"] <= end), key=lambda mark: (mark["at"], mark["what"]))
    rows = [{"x": hours_since(origin, mark["at"]), "what": mark["what"]} for mark in inside[:MOST_MARKS]]
    if not rows:
        return None
    present = {row["what"] for row in rows}
    colours = {name: colour for name, colour in MARK_COLOURS.items() if name in present}
    scale = alt.Scale(domain=list(colours), range=list(colours.values()))
    return (
        alt.Chart(alt.Data(values=rows))
        .mark_rule(strokeDash=[4, 3], size=1.5)
        .encode(x="x:Q", color=alt.Color("what:N", title="marked", scale=scale, legend=alt.Legend(orient="top")))
    )

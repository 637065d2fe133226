"""Results and tidy frames to Altair charts. Every time axis is in the contest's zone and says so.

Times are drawn as hours since the opening (or minutes, close up), labelled with the local clock, so
that the hour which a clock change repeats or skips is drawn where it belongs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import altair as alt
import polars as pl

from analysis_lib.figure import Figure
from analysis_lib.plaintext import label

SEEN, EXPECTED, OTHER = "#1b4f72", "#b9770e", "#7f8c8d"  # apart for colour-blind readers, and in grey
MARK_COLOURS = {"message": "#7d3c98", "hustings": "#117a65", "close": "#922b21"}
WIDTH, HEIGHT = 660, 260
MOST_POINTS = 1500
MOST_HOURS = 900  # drawn twice, as bars and as a band
MOST_FALLS = 200
MOST_SUMS = 40
MOST_MARKS = 150


def _styled(chart: alt.TopLevelMixin) -> alt.TopLevelMixin:
    return chart.configure_view(strokeWidth=0).configure_axis(
        grid=True, gridColor="#eeeeee", labelFontSize=11, titleFontSize=12, titleFontWeight="normal"
    )


def _hours_since(origin: datetime, at: datetime) -> float:
    """Hours that went by; in UTC, since times of one zone are subtracted by their wall clocks."""
    return (at.astimezone(UTC) - origin.astimezone(UTC)).total_seconds() / 3600


def _clock_axis(origin: datetime, start: datetime, end: datetime, zone: str, title: str = "") -> alt.Axis:
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
        position = _hours_since(origin, wall)
        if _hours_since(origin, start) - 1e-9 <= position <= _hours_since(origin, end) + 1e-9:
            text = f"{wall:{form}}"
            labels[round(position, 6)] = text if form == "%H:%M" else text.lstrip("0")
    lookup = (
        " : ".join(f"abs(datum.value - {value}) < 1e-4 ? '{text}'" for value, text in labels.items()) + " : ''"
        if labels
        else "''"
    )
    return alt.Axis(title=title or f"local time, {zone}", values=list(labels), labelExpr=lookup, labelOverlap=True)


def _marks_layer(marks: Sequence[Mapping[str, Any]], origin: datetime, start: datetime, end: datetime) -> alt.Chart | None:
    inside = sorted((mark for mark in marks if start <= mark["at"] <= end), key=lambda mark: (mark["at"], mark["what"]))
    rows = [{"x": _hours_since(origin, mark["at"]), "what": mark["what"]} for mark in inside[:MOST_MARKS]]
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


def ballots_per_hour(
    hourly: pl.DataFrame, marks: Sequence[Mapping[str, Any]], window: Mapping[str, Any] | None, zone: str
) -> Figure:
    """Ballots per hour as bars on the band that the peers' pace and noise allow; messages, hustings and close marked.

    Parameters
    ----------
    hourly : DataFrame
        As `cast_rate_bursts.hourly` gives it.
    marks : sequence of {"at", "what"}
        ``what``: message, hustings or close.
    window : mapping or None
        The window that stands out most (``start``, ``end``), shaded.
    """
    origin = hourly["start"][0]
    end = hourly["start"][-1] + timedelta(hours=float(hourly["hours"][-1]))
    length = _hours_since(origin, end)
    bars, together = _coarsened(hourly)
    rows = bars.with_columns(x=((pl.col("start") - origin).dt.total_seconds() / 3600).round(6))
    hour = pl.col("start").dt.convert_time_zone(zone).dt.strftime("%d %b %H:%M")
    rows = rows.with_columns(x2=pl.col("x") + pl.col("hours"), hour=hour)
    rows = rows.select("x", "x2", "hour", "count", "expected", "low", "high")
    base = alt.Chart(alt.Data(values=rows.to_dicts()))
    x = alt.X("x:Q", axis=_clock_axis(origin, origin, end, zone), scale=alt.Scale(domain=[0, length], nice=False))
    layers = []
    has_band = bars["expected"].null_count() == 0
    if has_band:
        layers.append(base.mark_rect(color=EXPECTED, opacity=0.25).encode(x=x, x2="x2:Q", y=alt.Y("low:Q"), y2="high:Q"))
    layers.append(
        base.mark_rect(color=SEEN, opacity=0.85).encode(
            tooltip=[alt.Tooltip("hour:N", title="hour from"), alt.Tooltip("count:Q", title="ballots")],
            x=x,
            x2="x2:Q",
            y=alt.Y("count:Q", title="ballots per hour"),
            y2=alt.datum(0),
        )
    )
    if window and window["count"]:
        shade = [
            {
                "x": _hours_since(origin, window["start"]),
                "x2": max(_hours_since(origin, window["end"]), _hours_since(origin, window["start"]) + length / 300),
            }
        ]
        layers.append(alt.Chart(alt.Data(values=shade)).mark_rect(color="#f4d03f", opacity=0.45).encode(x="x:Q", x2="x2:Q"))
    rules = _marks_layer(marks, origin, origin, end)
    layers += [rules] if rules is not None else []
    busiest = hourly.sort("count", "start", descending=[True, False]).row(0, named=True)
    when = f"{busiest['start'].astimezone(ZoneInfo(zone)):%d %B %H:%M}"
    band = "The shaded band holds 95 hours in 100 at the peers' pace. " if has_band else ""
    mean = f", averaged over {together} hours" if together > 1 else ""
    return Figure(
        _styled(alt.layer(*layers).properties(width=WIDTH, height=HEIGHT)),
        alt=f"Bars: ballots in each hour of the window, {hourly['count'].sum():,} in all. The busiest hour began {when} local time with {busiest['count']:,}. {band}".strip(),
        caption=f"Ballots per hour{mean}. {band}The yellow stripe is the window that stands out most; dashed lines are messages, hustings and the close.",
    )


def _coarsened(hourly: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """Hours put together, so many at a time, where there are more than a chart can hold; then without the band."""
    together = -(-hourly.height // MOST_HOURS)
    if together <= 1:
        return hourly, 1
    groups = hourly.with_row_index("i").group_by(pl.col("i") // together, maintain_order=True)
    empty = pl.lit(None, dtype=pl.Float64)
    bars = groups.agg(pl.col("start").first(), pl.col("hours").sum(), (pl.col("count").sum() / pl.col("hours").sum()).round(3))
    return bars.with_columns(expected=empty, low=empty, high=empty), together


def burst_close_up(stamps: pl.DataFrame, window: Mapping[str, Any], zone: str) -> Figure:
    """Single ballots around a window: one tick each, the window shaded."""
    start, end = window["start"], window["end"]
    margin = (end - start) * 2
    origin, last = start - margin, end + margin
    rows = [{"x": _hours_since(origin, at)} for at in stamps["at"][:MOST_POINTS]]
    x = alt.X(
        "x:Q", axis=_clock_axis(origin, origin, last, zone), scale=alt.Scale(domain=[0, _hours_since(origin, last)], nice=False)
    )
    shade = alt.Chart(alt.Data(values=[{"x": _hours_since(origin, start), "x2": _hours_since(origin, end)}]))
    layers = [
        shade.mark_rect(color="#f4d03f", opacity=0.45).encode(x=x, x2="x2:Q"),
        alt.Chart(alt.Data(values=rows)).mark_tick(color=SEEN, thickness=1.5, size=60).encode(x=x),
    ]
    return Figure(
        _styled(alt.layer(*layers).properties(width=WIDTH, height=80)),
        alt=f"Each tick is one ballot; {window['count']} lie in the shaded window, where {window['expected']:.1f} were expected.",
        caption="The window that stands out most, close up. Each tick is one ballot; the shaded stretch is the window.",
    )


def running_count(steps: pl.DataFrame, window: Mapping[str, Any], falls: Sequence[Mapping[str, Any]], zone: str) -> Figure:
    """Rise of a running count per reading, at most 1,500 points (the largest rises and an even sample), falls as triangles."""
    origin, end = steps["start"][0], steps["end"][-1]
    rate = steps.with_columns(
        x=((pl.col("end") - origin).dt.total_seconds() / 3600).round(5), y=(pl.col("count") * 60 / pl.col("seconds")).round(2)
    )
    every = max(1, rate.height // (MOST_POINTS - 100))
    kept = (
        pl.concat([rate.gather_every(every), rate.sort("count", "end", descending=[True, False]).head(50)]).unique("x").sort("x")
    )
    x = alt.X(
        "x:Q", axis=_clock_axis(origin, origin, end, zone), scale=alt.Scale(domain=[0, _hours_since(origin, end)], nice=False)
    )
    points = alt.Chart(alt.Data(values=kept.select("x", "y").to_dicts())).mark_line(color=SEEN, strokeWidth=1).encode(
        x=x, y=alt.Y("y:Q", title="rise per minute")
    )  # fmt: skip
    shade = [
        {
            "x": _hours_since(origin, window["start"]),
            "x2": max(
                _hours_since(origin, window["end"]), _hours_since(origin, window["start"]) + _hours_since(origin, end) / 250
            ),
        }
    ]
    layers = [alt.Chart(alt.Data(values=shade)).mark_rect(color="#f4d03f", opacity=0.6).encode(x=x, x2="x2:Q"), points]
    drawn = [fall for fall in falls if origin <= fall["as_of"] <= end][:MOST_FALLS]
    if drawn:
        rows = [{"x": _hours_since(origin, fall["as_of"]), "y": 0, "fall": fall["change"]} for fall in drawn]
        layers.append(
            alt.Chart(alt.Data(values=rows))
            .mark_point(shape="triangle-down", color="#922b21", filled=True, size=70)
            .encode(x=x, y="y:Q", tooltip=["fall:Q"])
        )
    return Figure(
        _styled(alt.layer(*layers).properties(width=WIDTH, height=HEIGHT)),
        alt=f"Line: how fast the running count rose. The largest rise beyond its hour is {window['count']:,} where {window['expected']:,.0f} were expected; {len(drawn)} {'fall is' if len(drawn) == 1 else 'falls are'} marked.",
        caption="Rise of the running count per minute. The yellow stripe is the rise that stands out most; triangles mark readings lower than the one before.",
    )


def late_ballots(late: pl.DataFrame, closes_at: Mapping[str, datetime], zone: str) -> Figure | None:
    """Ballots stamped outside the window on a line around the close, by channel; null where there are none to draw."""
    rows = late.filter((pl.col("seconds") > 0) & ~pl.col("in_batch")) if late.height else late
    if not rows.height:
        return None
    drawn = [
        {
            "minutes": round(row["seconds"] / 60, 3),
            "channel": row["channel"],
            "role": (row["actor_role"] or "unknown").replace("_", " "),
        }
        for row in rows.sort("seconds", "event_id").head(MOST_POINTS).iter_rows(named=True)
    ]
    longest = max(row["minutes"] for row in drawn)
    last = f"{int(longest)} minutes" if longest >= 2 else f"{round(60 * longest)} seconds"
    x = alt.X(
        "minutes:Q",
        title=f"minutes after the close in force ({zone} clock)",
        scale=alt.Scale(domain=[min(-1.0, -longest * 0.05), longest * 1.05], nice=False),
    )
    zero = alt.Chart(alt.Data(values=[{"minutes": 0}])).mark_rule(color="#922b21", strokeDash=[4, 3]).encode(x=x)
    points = (
        alt.Chart(alt.Data(values=drawn))
        .mark_point(filled=True, size=80, opacity=0.8)
        .encode(
            x=x,
            y=alt.Y("channel:N", title=None),
            color=alt.Color("role:N", title="recorded actor", legend=alt.Legend(orient="top")),
        )
    )
    closes = "; ".join(
        f"{label(channel)}: {at.astimezone(ZoneInfo(zone)):%d %B %Y %H:%M %Z}" for channel, at in sorted(closes_at.items())
    )
    return Figure(
        _styled(alt.layer(zero, points).properties(width=WIDTH, height=90)),
        alt=f"{len(drawn)} {'ballot' if len(drawn) == 1 else 'ballots'} after the close, the last one {last} after it.",
        caption=f"Ballots stamped after the close in force ({closes}). The dashed line is the close.",
    )


def funnel(units: Sequence[Mapping[str, Any]], limits: pl.DataFrame, pooled: float, noun: str) -> Figure:
    """Rate of each unit against its size, with the binomial funnel for display (the verdict does not rest on it)."""
    rows = [{"unit": u["unit"], "size": u["size"], "rate": u["events"] / u["size"], "p": u["pvalue_adjusted"]} for u in units]
    x = alt.X("size:Q", title="members" if noun == "branch" else "reissues handled")
    y = alt.Y(
        "rate:Q",
        title="share with a reissue" if noun == "branch" else "share without a logged request",
        axis=alt.Axis(format="%"),
    )
    lines = (
        alt.Chart(alt.Data(values=limits.to_dicts()))
        .mark_line(color=EXPECTED, strokeWidth=1)
        .encode(
            x=x,
            y="limit:Q",
            strokeDash=alt.StrokeDash("probability:N", title="funnel limit", legend=alt.Legend(orient="top")),
            detail="probability:N",
        )
    )
    centre = alt.Chart(alt.Data(values=[{"rate": pooled}])).mark_rule(color=OTHER).encode(y="rate:Q")
    points = (
        alt.Chart(alt.Data(values=rows))
        .mark_circle(color=SEEN, size=70)
        .encode(x=x, y=y, tooltip=["unit:N", "size:Q", alt.Tooltip("rate:Q", format=".1%")])
    )
    top = min(rows, key=lambda row: (row["p"], row["unit"]))
    right = top["size"] > 0.6 * max(row["size"] for row in rows)  # else the name would run off the edge
    named = alt.Chart(alt.Data(values=[top])).mark_text(
        align="right" if right else "left", dx=-8 if right else 8, dy=-8, fontSize=12
    )
    labels = named.encode(x=x, y=y, text="unit:N")
    return Figure(
        _styled(alt.layer(lines, centre, points, labels).properties(width=WIDTH, height=HEIGHT)),
        alt=f"{len(rows)} dots, one per {noun}: its rate against its size. {label(top['unit'])} stands out most, with {top['rate']:.0%} against {pooled:.0%} over all.",
        caption="Each dot is one unit. The curved lines show how far rates stray by chance alone if all units shared one rate; real units differ more, which the test allows for and the lines do not.",
    )


def delay_curves(incidence: pl.DataFrame) -> Figure:
    """Share of reissues followed by a ballot within so many minutes, asked for and not asked for."""
    rows = incidence.filter(pl.col("minutes") > 0).to_dicts()
    chart = (
        alt.Chart(alt.Data(values=rows))
        .mark_line(interpolate="step-after", strokeWidth=2)
        .encode(
            x=alt.X("minutes:Q", scale=alt.Scale(type="log"), title="minutes since the reissue (log scale)"),
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
        _styled(chart.properties(width=WIDTH, height=HEIGHT)),
        alt="Two rising lines. Within ten minutes a ballot had followed "
        + " and ".join(f"{share:.0%} of reissues that were {group}" for group, share in sorted(ten.items()))
        + ".",
        caption="How soon a ballot followed a reissue. A member who asks for a code is ready to vote: the requested line is what to compare with.",
    )


def channel_shares(details: Mapping[str, Any]) -> Figure:
    """The candidate's share in each channel, with the range over all tables that fit."""
    rows = [
        {"channel": channel.replace("_", " "), "low": low, "high": high, "mid": (low + high) / 2}
        for channel, low, high in zip(details["channels"], details["share_low"], details["share_high"], strict=True)
    ]
    candidate = label(details["candidate"])
    base = alt.Chart(alt.Data(values=rows)).encode(y=alt.Y("channel:N", title=None))
    # No name in a title: it would stand in an expression, and a line break in it would stop the chart from being drawn.
    x = alt.X("low:Q", title="share of the candidate", axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1]))
    layers = alt.layer(
        base.mark_rule(color=SEEN, strokeWidth=6, opacity=0.5).encode(x=x, x2="high:Q"),
        base.mark_point(color=SEEN, filled=True, size=90).encode(
            x="mid:Q", tooltip=["channel:N", alt.Tooltip("mid:Q", format=".1%")]
        ),
        alt.Chart(alt.Data(values=[{"x": 0.5}])).mark_rule(color=OTHER, strokeDash=[4, 3]).encode(x="x:Q"),
    )
    return Figure(
        _styled(layers.properties(width=WIDTH, height=100)),
        alt=f"Share of {candidate}: " + "; ".join(f"{label(row['channel'])} {row['mid']:.0%}" for row in rows) + ".",
        caption=f"Share of {candidate} in each channel. The thick bar is the whole range that the published figures allow; the dashed line is one half.",
    )


def _sum_named(item: Mapping[str, Any]) -> str:
    said = ", ".join(part for part in (item["unit"], item["declaration"]) if part)
    return f"{item['name']} ({said})" if said else item["name"]


def sums(identities: Sequence[Mapping[str, Any]]) -> Figure:
    """Both sides of the sums checked, joined by a line where they differ; of many, those that differ first."""
    shown = sorted(identities, key=lambda item: item["gap"] == 0)[:MOST_SUMS]
    rows = [
        {"sum": _sum_named(item), "side": side, "ballots": item[f"{side}_low"], "gap": item["gap"]}
        for item in shown
        for side in ("left", "right")
    ]
    joined = [{"sum": _sum_named(item), "x": item["left_low"], "x2": item["right_low"]} for item in shown if item["gap"]]
    y = alt.Y("sum:N", title=None, sort=None, axis=alt.Axis(labelLimit=330))
    points = alt.Chart(alt.Data(values=rows)).mark_point(size=70, filled=True).encode(
        y=y, x=alt.X("ballots:Q", title="ballots", scale=alt.Scale(zero=True)),
        color=alt.Color("side:N", title="side of the sum", scale=alt.Scale(domain=["left", "right"], range=[SEEN, EXPECTED]), legend=alt.Legend(orient="top")),
        shape=alt.Shape("side:N", legend=None), tooltip=["sum:N", "side:N", "ballots:Q"],
    )  # fmt: skip
    lines = alt.Chart(alt.Data(values=joined)).mark_rule(color="#922b21", strokeWidth=3).encode(y=y, x="x:Q", x2="x2:Q")
    apart = sum(1 for item in identities if item["gap"])
    return Figure(
        _styled(alt.layer(*([lines] if joined else []), points).properties(width=WIDTH - 260, height=alt.Step(26))),
        alt=f"{len(identities)} {'sum' if len(identities) == 1 else 'sums'}; {apart} {'do' if apart != 1 else 'does'} not add up.",
        caption="Both sides of each sum. Where they differ beyond what the sum allows, a red line joins them.",
    )

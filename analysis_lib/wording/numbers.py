"""Numbers, durations and instants as they are read."""

from __future__ import annotations

import math
import re
from datetime import datetime
from zoneinfo import ZoneInfo

from analysis_lib.plaintext import count
from analysis_lib.results import Finding
from analysis_lib.wording.fixed import FORMS


def number(value: float, digits: int = 2) -> str:
    """Write a number for reading: thousands separated; whole from 100 on, and where it is whole."""
    if not math.isfinite(value):
        return "undefined" if math.isnan(value) else "infinity" if value > 0 else "minus infinity"
    return f"{value:,.0f}" if abs(value) >= 100 or (abs(value) >= 1 and float(value).is_integer()) else f"{value:,.{digits}f}"


def percent(share: float, digits: int = 0) -> str:
    """Write a share in [0, 1] as a percentage."""
    return f"{100 * share:.{digits}f} %"


def duration(seconds: float) -> str:
    """Write a duration in the largest unit that keeps it whole."""
    for size, noun in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size and seconds % size == 0:
            return count(int(seconds // size), noun)
    return count(int(seconds), "second")


def about(seconds: float) -> str:
    """Write a duration cut down to whole minutes; to seconds under a minute, to hours from a day on."""
    unit = 3600 if seconds >= 86400 else 60 if seconds >= 60 else 1
    return duration(seconds // unit * unit)


def lasting(seconds: float) -> str:
    """Write a duration in its two largest units: "3 minutes 42 seconds", "4 hours 53 minutes"; the rest is cut off."""
    units = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
    first = next((i for i, (size, _) in enumerate(units) if seconds >= size), len(units) - 1)
    parts, rest = [], int(seconds)
    for size, noun in units[first : first + 2]:
        parts += [count(rest // size, noun)] if rest // size or not parts else []
        rest %= size
    return " ".join(parts)


def expected(value: float) -> str:
    """Write an expected count: one decimal, or "fewer than 0.1"."""
    return number(value, 1) if value >= 0.1 else "fewer than 0.1"


def instant(at: datetime, zone: str) -> str:
    """Write an instant in the contest's zone, with UTC beside it where that differs."""
    local, utc = at.astimezone(ZoneInfo(zone)), at.astimezone(ZoneInfo("UTC"))
    text = f"{local.day} {local:%B %Y, %H:%M:%S} {local.tzname()}"
    return text if local.utcoffset() == utc.utcoffset() else f"{text} ({utc:%H:%M:%S} UTC)"


def pvalue(value: float) -> str:
    """Write a p-value at two digits, never as 0 and never as a power of ten."""
    return "< 0.0001" if value < 0.0001 else f"{value:.2g}"


def how_often(pvalue: float, n_resamples: int | None = None) -> str:
    """Say how often chance alone does it: "about 1 time in 250"."""
    if n_resamples and pvalue <= 1.0 / (n_resamples + 1) + 1e-12:
        return f"fewer than 1 time in {n_resamples:,}"
    if pvalue < 1e-6:
        return "fewer than 1 time in 1,000,000"
    if pvalue >= 0.995:
        return "nearly every time"
    if pvalue >= 0.095:
        return f"about {round(100 * pvalue)} times in 100"
    nice = 1.0 / pvalue
    digits = len(str(int(nice))) - 2
    return f"about 1 time in {round(nice, -digits) if digits > 0 else round(nice):,.0f}"


def form(name: str) -> str:
    """Name the form of an answer in words, "last_86400_s" as "in the last day"; a form without a name of its own has none."""
    base = name.removesuffix("_final_two")
    if base != name:
        return f"{form(base)}, of the last two candidates"
    last = re.fullmatch(r"last_(\d+)_s", name)
    return f"in the last {duration(int(last[1])).removeprefix('1 ')}" if last else FORMS.get(name, "")


def interval(confidence_level: float) -> str:
    """Name an interval by its level: "95 % interval"."""
    return f"{number(100 * confidence_level, 1)} % interval"


def _counted(value: float) -> str:
    return "0" if value == 0 else number(value, 1)


def effect(finding: Finding) -> str:
    """Write the effect with its interval; empty where the result has none."""
    estimate = getattr(finding.result, "effect", None)
    if estimate is None:
        return ""
    write = {"share": lambda x: percent(x, 1), "points": lambda x: f"{100 * x:+.1f}", "ratio": number}.get(
        estimate.unit, _counted
    )
    value, low, high = (write(x) for x in (estimate.value, estimate.low, estimate.high))
    unit = "" if estimate.unit in ("ratio", "share") else f" {estimate.unit}"
    span = "range" if estimate.confidence_level is None else interval(estimate.confidence_level)
    return f"{estimate.name}: {value}{unit} ({span} {low} to {high})"

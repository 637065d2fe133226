"""Sentences of cast_rate_bursts and falling_turnout_counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from analysis_lib.results import Finding, Status, Verdict
from analysis_lib.wording.numbers import count, duration, expected, instant, lasting, number
from analysis_lib.wording.totals import identity


def cast_rate_bursts(finding: Finding) -> str:
    """The window that stands out most; where none does, what would have."""
    result, window = finding.result, finding.details["window"]
    zone, aside = result.parameters["zone"], _aside(finding.details.get("n_after_codes", 0))
    if not window["count"]:
        return f"No window holds more of the {result.n_observations:,} ballots than expected.{aside}"
    seen = (
        f"The window that stands out most holds {count(window['count'], 'ballot')} in {duration(window['length_s'])} "
        f"{between(window['start'], window['end'], zone)}, where {were_expected(window['expected'])} "
        f"({number(result.effect.low, 1)} to {number(result.effect.high, 1)} times as many, a figure on the high side because the "
        f"fullest of many windows was picked).{aside}"
    )
    if finding.verdict is Verdict.NOT_EXPLAINED:
        listed = len(finding.details["clusters"])
        slow = _slow(finding.details.get("slow_rises", ()), zone)
        return f"{seen} {count(listed, 'separate window')} in all {'stand' if listed != 1 else 'stands'} out.{slow}"
    if finding.verdict is Verdict.UNDETERMINED:
        broken = " ".join(item.statement for item in result.assumptions if item.status is Status.FAILS)
        return f"{seen} It stands out, but this leans on what does not hold here{': ' + broken if broken else '.'}"
    rows = [row for row in finding.details["smallest_visible"] if row["ballots"]]
    slow = _slow(finding.details.get("slow_rises", ()), zone)
    if not rows:
        unknown = " How small a burst would have been seen cannot be said of a running count."
        return f"{seen}{unknown if result.form == 'turnout_counts' else ''}{slow}"
    row = min(rows, key=lambda item: abs(item["length_s"] - 600))
    return f"{seen} Fewer than {row['ballots']} ballots in {duration(row['length_s'])}, at the average pace, would not have stood out.{slow}"


def _aside(n: int) -> str:
    """Ballots of which only codes say why they came together."""
    if not n:
        return ""
    verb = "stands" if n == 1 else "stand"
    return (
        f" {count(n, 'ballot')} that followed nothing but many codes sent together {verb} aside here; chapter 30 asks of codes."
    )


def between(start: datetime, end: datetime, zone: str) -> str:
    """Write a stretch of time in the contest's zone, the day and UTC once: "from 24 October 2031, 03:00:04 to 03:15:04 BST (...)"."""
    first, last = (at.astimezone(ZoneInfo(zone)) for at in (start, end))
    day = "" if first.date() == last.date() else f"{last.day} {last:%B %Y}, "
    named = f" {first.tzname()}" if day or first.tzname() != last.tzname() else ""
    text = f"from {first.day} {first:%B %Y, %H:%M:%S}{named} to {day}{last:%H:%M:%S} {last.tzname()}"
    if not first.utcoffset() and not last.utcoffset():
        return text
    return f"{text} ({start.astimezone(UTC):%H:%M:%S} to {end.astimezone(UTC):%H:%M:%S} UTC)"


def were_expected(value: float) -> str:
    """Say how many were expected: "1 was expected", "2.5 were expected"."""
    told = expected(value).removesuffix(".0")
    return f"{told} {'was' if told == '1' else 'were'} expected"


def _slow(rises: Sequence[Mapping[str, Any]], zone: str) -> str:
    """The largest slow rise, which no test settles."""
    if not rises:
        return ""
    rise = rises[0]
    more = f" (the largest of {len(rises)} such stretches)" if len(rises) > 1 else ""
    return (
        f" The count rose by {rise['count']:,} over {lasting((rise['end'] - rise['start']).total_seconds())} "
        f"{between(rise['start'], rise['end'], zone)}{more}, about {rise['excess']:,.0f} above the level before and after; "
        "this test does not settle whether that is unusual."
    )


def falling_turnout_counts(finding: Finding) -> str:
    """How often the running count fell, and the largest fall."""
    falls, zone = finding.details["falls"], finding.result.parameters["zone"]
    over = [item for item in finding.details["totals"] if item["gap"]]
    ended = "".join(f" {item['check']}, {item['name']}: {identity(item)}." for item in over)
    if not falls:
        return f"The running count never fell in {count(finding.result.n_observations, 'reading')}.{ended}"
    largest = falls[0]
    return (
        f"The running count fell {count(len(falls), 'time')}, by {-finding.details['total_fall']:,} in all; "
        f"the largest fall is {-largest['change']:,}, read at {instant(largest['as_of'], zone)}.{ended}"
    )

"""Sentences of cast_rate_bursts and falling_turnout_counts."""

from __future__ import annotations

from analysis_lib.results import Finding, Verdict
from analysis_lib.wording.numbers import count, duration, expected, instant, interval, number
from analysis_lib.wording.totals import identity


def cast_rate_bursts(finding: Finding) -> str:
    """The window that stands out most; where none does, what would have."""
    result, window = finding.result, finding.details["window"]
    zone = result.parameters["zone"]
    if not window["count"]:
        return f"No window holds more of the {result.n_observations:,} ballots than expected."
    seen = (
        f"The window that stands out most holds {count(window['count'], 'ballot')} in {duration(window['length_s'])} from "
        f"{instant(window['start'], zone)} to {instant(window['end'], zone)}, where {expected(window['expected'])} were expected "
        f"({interval(result.effect.confidence_level)} of the ratio {number(result.effect.low, 1)} to {number(result.effect.high, 1)}, "
        "biased upward since it is the largest of many)."
    )
    if finding.verdict is Verdict.NOT_EXPLAINED:
        return f"{seen} {count(len(finding.details['clusters']), 'separate window')} in all {'stand' if len(finding.details['clusters']) != 1 else 'stands'} out."
    visible = finding.details["smallest_visible"]
    if not visible:
        return seen
    row = min(visible, key=lambda item: abs(item["length_s"] - 600))
    where = "alone in its hour" if result.form == "within_hour" else "at the quietest hour"
    return f"{seen} Fewer than {row['ballots']} ballots in {duration(row['length_s'])}, {where}, would not have stood out."


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

"""Sentences of late_choice_shift, late_choice_bounds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analysis_lib.results import Finding, Verdict
from analysis_lib.wording.numbers import count, effect, instant, interval, percent

LEVEL = 0.0005  # a change of the share a day that is written as 0.0 points


def _when(details: Mapping[str, Any], zone: str) -> str:
    """Write the cut-off, or each channel's own where they differ."""
    if not (own := details.get("cuts_by_channel")):
        return instant(details["cut_at"], zone)
    each = "; ".join(f"{row['channel'].replace('_', ' ')}: {instant(row['at'], zone)}" for row in own)
    return f"each channel's own {'cut-off' if details['cut_s'] else 'close'} ({each})"


def points(share: float) -> str:
    """Write a difference of shares in points."""
    text = f"{abs(100 * share):.1f}"
    return f"{text} point" if text == "1.0" else f"{text} points"


def late_choice_shift(finding: Finding) -> str:
    """Late against earlier shares of the candidate who stands out, raw and within branches; then against the earlier drift and cut-offs."""
    details, zone = finding.details, finding.result.parameters["zone"]
    row = next(row for row in details["by_candidate"] if row["candidate"] == details["candidate"])
    when = _when(details, zone)
    counted = "counted" if details["road"] == "interim" else "cast"
    which = ", of the last two candidates," if finding.result.form.endswith("final_two") else ""
    text = (
        f"Of {count(details['n_late'], 'ballot')} {counted} after {when}{which}{'' if which else ','} {percent(row['late_share'], 1)} chose {row['candidate']}, "
        f"of {details['n_on_time']:,} earlier {percent(row['share'], 1)}; within the same branch and channel "
        f"{points(row['adjusted'])} {'more' if row['adjusted'] >= 0 else 'fewer'}. "
    )
    if details["has_trend"]:
        text += f"{_past_the_drift(finding)} {_among_cuts(details['n_placebos'], details['rank'])}"
    else:
        text += f"{effect(finding)[:1].upper()}{effect(finding)[1:]}."
    if details["road"] == "interim" and (expected := details["expected"]):
        text += (
            f" Where a branch has both, the late lead of {expected['first']} over {expected['second']} is {_signed(expected['seen'])} points, "
            f"against {_signed(expected['led_to'])} as the same branches' earlier ballots lead to."
        )
    if finding.verdict is Verdict.WITHIN_BASELINE:
        text += f" A shift of less than {points(details['smallest_visible'])} would often not have shown."
    return text


def _past_the_drift(finding: Finding) -> str:
    """Where the earlier drift would have led, and how far from there the late ballots are."""
    details, found = finding.details, finding.result.effect
    drift = details["drift_per_day"]
    how = "kept level" if abs(drift) < LEVEL else f"been {'rising' if drift > 0 else 'falling'} by {points(drift)} a day"
    span = f"{interval(found.confidence_level)} {100 * found.low:+.1f} to {100 * found.high:+.1f} points"
    return (
        f"The share of {details['candidate']} had {how}; had that gone on evenly, it would be {percent(details['share_if_even'], 1)} "
        f"among late ballots: it is {points(found.value)} {'higher' if found.value >= 0 else 'lower'} ({span})."
    )


def _among_cuts(n_earlier: int, rank: int) -> str:
    """How the actual cut-off stands among the earlier ones that were tried; rank 1 stands out most."""
    tried = f"Of {n_earlier + 1} cut-offs tried, the actual one and {n_earlier:,} earlier {'one' if n_earlier == 1 else 'ones'},"
    if rank == 1:
        return f"{tried} this one stands out most."
    return f"{tried} {'1 earlier one stands' if rank == 2 else f'{rank - 1} earlier ones stand'} out at least as much."


def _signed(share: float) -> str:
    return f"{100 * share:+.2f}"


def late_choice_bounds(finding: Finding) -> str:
    """Fewest and most late ballots of the first two, the lead at both ends, and whether the late ballots are enough to undo it."""
    result, details = finding.result, finding.details
    n, zone = int(result.statistic), result.parameters["zone"]
    when = _when(details, zone)
    is_count = details["is_exact"] or details.get("is_count")
    if n == 0:
        return f"No ballot of those declared is known to have {'been counted' if is_count else 'come in'} after {when}."
    came = f"{'was' if n == 1 else 'were'} counted" if is_count else "came in"
    if details.get("is_few"):
        return f"{count(n, 'ballot')} {came} after {when}, of {result.n_observations:,} declared. So few could tell of single voters, so whom they were for is not shown."
    rows = {row["candidate"]: row for row in details["candidates"]}
    spans = ", ".join(
        f"{name} {_span(rows[name]['late_low'], rows[name]['late_high'])}" for name in (details["elected"], details["rival"])
    )
    low, high = int(result.effect.low), int(result.effect.high)
    left = f"{_ballots(low)}" if low == high else f"{low:,} to {_ballots(high)}"
    text = (
        f"{count(n, 'ballot')} {came} after {when}, of {result.n_observations:,} declared. Of them, {spans}"
        f"{'' if details['is_exact'] else ' at least and at most'}; with all of them removed, the lead of {_ballots(details['margin'])} would be {left}."
    )
    if finding.verdict is Verdict.COULD_CHANGE:
        text += f" Removing as few as {_ballots(details['fewest'])}, all for the candidate in front, would undo the lead."
    elif finding.verdict is Verdict.UNDETERMINED:
        text += (
            " Whether they came late is open: they were counted or shown late, or the clock allows another reading."
            if details["one_round"]
            else " Preferences transfer, so that first preferences alone don't tell what the removal would do."
        )
    else:
        text += " No choice of them is enough to undo the lead."
    return text


def _ballots(n: int) -> str:
    return "1 ballot" if n == 1 else f"{n:,} ballots"


def _span(low: int, high: int) -> str:
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"

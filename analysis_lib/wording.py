"""Results to sentences: the only place where words meet numbers. No word here convicts, and none names a person."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from analysis_lib.results import Finding, NotAnswerable, TestResult, Verdict

VERDICTS = {
    Verdict.BREACH_RECORDED: "Recorded breach of a rule",
    Verdict.NO_BREACH: "No breach recorded",
    Verdict.NOT_EXPLAINED: "Not explained by the stated baseline",
    Verdict.WITHIN_BASELINE: "Within the baseline",
    Verdict.COULD_CHANGE: "Could have changed the result",
    Verdict.COULD_NOT_CHANGE: "Could not have changed the result",
    Verdict.UNDETERMINED: "Undetermined",
    Verdict.CANNOT_BE_ANSWERED: "Cannot be answered with the data held",
}
CANNOT_SHOW = {
    "totals_reconciliation": "why two figures differ, which of them is right, or who caused the difference",
    "struck_ballots": "whom the struck ballots were for, or whether striking them was right",
    "cast_rate_bursts": "who cast the ballots, or why they came together",
    "falling_turnout_counts": "whether ballots were taken out rightly, or whether a display was only out of date",
    "ballots_outside_window": "whether a late ballot was given in time, allowed by a notice not held, or stamped by a wrong clock",
    "reissue_rates": "whether a reissue was asked for by word of mouth, or what became of it",
    "reissue_to_ballot_delay": "who cast the ballot: a member just helped by an officer votes at once too",
    "channel_gap": "why the channels differ: members choose their channel, and a gap is no evidence of its cause",
}
READINGS = {
    "as_recorded": "as recorded",
    "offset_removed": "with the clock's known error removed",
    "clock_slow": "if the clock ran slow",
    "clock_fast": "if the clock ran fast",
    "other_zone": "if UTC and local time were mixed up",
    "other_fold": "if the repeated hour was the other one",
}


def number(value: float, digits: int = 2) -> str:
    """Write a number for reading: thousands separated; whole from 100 on, and where it is whole."""
    if not math.isfinite(value):
        return "undefined" if math.isnan(value) else "infinity" if value > 0 else "minus infinity"
    return f"{value:,.0f}" if abs(value) >= 100 or (abs(value) >= 1 and float(value).is_integer()) else f"{value:,.{digits}f}"


def count(n: int, noun: str, plural: str = "") -> str:
    """Write a count with its noun: "1 ballot", "2 ballots"."""
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


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


def expected(value: float) -> str:
    """Write an expected count: one decimal, or "fewer than 0.1"."""
    return number(value, 1) if value >= 0.1 else "fewer than 0.1"


def instant(at: datetime, zone: str) -> str:
    """Write an instant in the contest's zone, with UTC beside it where that differs."""
    local, utc = at.astimezone(ZoneInfo(zone)), at.astimezone(ZoneInfo("UTC"))
    text = f"{local.day} {local:%B %Y, %H:%M:%S} {local.tzname()}"
    return text if local.utcoffset() == utc.utcoffset() else f"{text} ({utc:%H:%M:%S} UTC)"


def how_often(pvalue: float, n_resamples: int | None = None) -> str:
    """Say how often chance alone does it: "about 1 time in 250"."""
    if n_resamples and pvalue <= 1.0 / (n_resamples + 1) + 1e-12:
        return f"fewer than 1 time in {n_resamples:,}"
    if pvalue < 1e-6:
        return "fewer than 1 time in 1,000,000"
    if pvalue >= 0.095:
        return f"about {round(100 * pvalue)} times in 100"
    nice = 1.0 / pvalue
    digits = len(str(int(nice))) - 2
    return f"about 1 time in {round(nice, -digits) if digits > 0 else round(nice):,.0f}"


def chance(finding: Finding) -> str:
    """Say what the p-value says, with the null in words; in a family of several tests, the adjusted one."""
    result, n = finding.result, finding.result.parameters.get("n_resamples")
    often = f"would turn up {how_often(result.pvalue, n)}"
    if finding.family_size > 1:
        adjusted = how_often(finding.pvalue_adjusted)
        if often.endswith(how_often(0.0, n)) and n:  # no draw came near: the adjusted figure is a bound too
            adjusted = adjusted.replace("about", "fewer than")
        often += f"; allowing for the {finding.family_size} tests made, {adjusted}"
    return f"If {result.null_hypothesis}, a result at least this extreme {often}."


def interval(confidence_level: float) -> str:
    """Name an interval by its level: "95 % interval"."""
    return f"{number(100 * confidence_level, 1)} % interval"


def effect(finding: Finding) -> str:
    """Write the effect with its interval; empty where the result has none."""
    estimate = getattr(finding.result, "effect", None)
    if estimate is None:
        return ""
    value, low, high = (
        percent(x, 1) if estimate.unit == "share" else number(x) for x in (estimate.value, estimate.low, estimate.high)
    )
    unit = "" if estimate.unit in ("ratio", "share") else f" {estimate.unit}"
    span = "range" if estimate.confidence_level is None else interval(estimate.confidence_level)
    return f"{estimate.name}: {value}{unit} ({span} {low} to {high})"


def sentence(finding: Finding) -> str:
    """Write one finding in one or two sentences: what was seen, how large, and how often chance alone does it.

    Returns
    -------
    str
        Plain text; names of candidates stand in it as they were handed over, so whoever shows it as
        HTML must escape it.
    """
    result = finding.result
    if isinstance(result, NotAnswerable):
        text = f"This cannot be answered with the data held. {result.reason} Needed: {', '.join(result.needs)}."
    else:
        text = _SENTENCES[finding.question](finding)
        if isinstance(result, TestResult):
            text = f"{text} {chance(finding)}"
    text = " ".join(text.split())  # a name may hold a line break
    return text if finding.planned else f"Exploratory, not in the plan: {text}"


def _side(item: Mapping[str, Any], side: str) -> str:
    low, high = item[f"{side}_low"], item[f"{side}_high"]
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def identity(item: Mapping[str, Any]) -> str:
    """Write one sum that was checked: both sides and the difference."""
    text = f"{item['left']} {_side(item, 'left')}, {item['right']} {_side(item, 'right')}"
    return (
        f"{text}: {count(item['gap'], 'row' if item['declaration'] == 'roll' else 'ballot')} apart"
        if item["gap"]
        else f"{text}: agree"
    )


def _declared(item: Mapping[str, Any]) -> str:
    return "roll" if item["declaration"] == "roll" else f"{item['declaration']} declaration"


def _totals(finding: Finding) -> str:
    result, identities = finding.result, finding.details["identities"]
    failing = [item for item in identities if item["gap"]]
    if not failing:
        n = result.n_observations
        every = "The one sum" if n == 1 else f"All {n:,} sums"
        return f"{every} that the published totals allow {'was' if n == 1 else 'were'} checked, and {'it agrees' if n == 1 else 'they agree'}."
    listed = "; ".join(f"{item['name']} ({_declared(item)}): {identity(item)}" for item in failing[:3])
    more = f"; and {len(failing) - 3} more" if len(failing) > 3 else ""
    return f"{len(failing)} of {count(result.n_observations, 'sum')} checked {'does' if len(failing) == 1 else 'do'} not add up: {listed}{more}."


def _struck(finding: Finding) -> str:
    details, struck = finding.details, int(finding.result.statistic)
    first, second = details["before"][details["seats"] - 1 : details["seats"] + 1]
    text = (
        f"{count(struck, 'ballot')} {'was' if struck == 1 else 'were'} struck out; the lead before was {count(details['margin'], 'ballot')} "
        f"({first['candidate']} {first['ballots']:,}, {second['candidate']} {second['ballots']:,})."
    )
    if all(item["after"] is None for item in details["before"]):
        could = {
            Verdict.COULD_CHANGE: "Striking them could have changed the result.",
            Verdict.COULD_NOT_CHANGE: "Striking them could not have changed the result.",
        }.get(finding.verdict, "They are fewer than the lead, but where preferences transfer fewer can be enough.")
        return f"{text} {could}"
    changed = "Who is in front changed" if details["winner_changed"] else "Who is in front stayed the same"
    turned = " into ".join(
        "-".join(f"{item['ballots'] if item[key] is None else item[key]:,}" for item in (first, second))
        for key in ("ballots", "after")
    )
    return f"{text} Striking them turns {turned}. {changed}."


def _bursts(finding: Finding) -> str:
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


def _falls(finding: Finding) -> str:
    falls, zone = finding.details["falls"], finding.result.parameters["zone"]
    if not falls:
        return f"The running count never fell in {count(finding.result.n_observations, 'reading')}."
    largest = falls[0]
    return (
        f"The running count fell {count(len(falls), 'time')}, by {-finding.details['total_fall']:,} in all; "
        f"the largest fall is {-largest['change']:,}, read at {instant(largest['as_of'], zone)}."
    )


def _outside(finding: Finding) -> str:
    result, details = finding.result, finding.details
    if finding.verdict is Verdict.NO_BREACH:
        every = (
            "The one ballot with a time is"
            if result.n_observations == 1
            else f"All {result.n_observations:,} ballots with a time are"
        )
        their = "its" if result.n_observations == 1 else "their"
        text = f"{every} stamped within the window in force for {their} channel."
        if batch := details["batch_after"]:
            text += f" {count(batch, 'ballot')} entered in a batch {'bears' if batch == 1 else 'bear'} a later time of entry."
        return text
    parts = [
        f"{count(details[key], 'ballot')} {words}"
        for key, words in (("before", "before the opening"), ("after", "after the close"))
        if details[key]
    ]
    stamped = f"{' and '.join(parts)} of the window in force" if parts else "none outside the window in force"
    text = f"Of {count(result.n_observations, 'ballot')}, the log stamps {stamped}"
    if details["longest_s"] and details["after"]:
        text += f", the last one {about(details['longest_s'])} after it"
    roles = "; ".join(f"{row['n']} {row['channel']}, actor {row['actor_role']}".replace("_", " ") for row in details["by_role"])
    text += f" ({roles})." if roles else "."
    if details["fewest"] != details["most"]:
        text += f" Under the readings that the clock allows, the count runs from {details['fewest']} to {details['most']}."
    return text


def _rates(finding: Finding) -> str:
    result, form = finding.result, finding.result.form
    top = min(finding.details["units"], key=lambda unit: (unit["pvalue"], unit["unit"]))
    what = "members with a reissued credential" if form == "branch" else "reissues without a logged request"
    of = "members on its roll" if form == "branch" else "reissues handled"
    who = top["unit"] if form == "branch" else "one administrator"
    ratio = result.effect
    compared = f"{ratio.value:,.2f} times the rate of the others, {interval(ratio.confidence_level)} {number(ratio.low)} to {number(ratio.high)}, biased upward since it is the largest of many"
    if not math.isfinite(ratio.value):
        compared = "the others have none"
    text = (
        f"Of {count(finding.details['n_units'], form, 'branches' if form == 'branch' else form + 's')}, {who} stands out most: "
    )
    return f"{text}{top['events']} {what} of {top['size']} {of} ({compared})."


def _delay(finding: Finding) -> str:
    details = finding.details
    row = details["horizons"][0]
    difference = effect(finding).replace("had voted", f"had voted within {duration(details['horizon_s'])}", 1)
    text = (
        f"A ballot followed within {duration(row['horizon_s'])} after {row['unrequested']} of {details['n_unrequested']} reissues without a logged "
        f"request, and after {row['requested']} of {details['n_requested']} with a request, a bounce or another cause on record. "
        f"{difference[0].upper()}{difference[1:]}."
    )
    if details["n_after_edit_without_request"]:
        text += (
            f" {details['n_after_edit_without_request']} of the former followed, within half an hour, a change of the member's contact for which "
            f"a search found no request; in {details['n_by_same_hand']} of these whoever changed the contact also reissued "
            f"({count(details['n_hands'], 'different administrator')} in all)."
        )
    return text


def _gap(finding: Finding) -> str:
    details, result = finding.details, finding.result
    first, second = (channel.replace("_", " ") for channel in details["channels"])
    shares = [
        percent(low) if percent(low) == percent(high) else f"{percent(low)} to {percent(high)}"
        for low, high in zip(details["share_low"], details["share_high"], strict=True)
    ]
    text = f"{details['candidate']} has {shares[0]} of the {first} ballots and {shares[1]} of the {second} ballots. "
    span = f"{number(result.effect.low)} to {number(result.effect.high)}"
    if result.form == "counts":
        text += f"Odds ratio, {first} against {second}: {number(details['odds_ratio_low'])} ({interval(result.effect.confidence_level)} {span})."
    else:
        text += (
            f"All {details['n_tables']:,} tables of whole ballots that fit the published shares and totals with at most "
            f"{result.parameters['max_other_ballots']} ballots of other channels were tried ({details['ballots_low'][0]:,} to {details['ballots_high'][0]:,} "
            f"{first}, {details['ballots_low'][1]:,} to {details['ballots_high'][1]:,} {second}): the odds ratio, {first} against {second}, is "
            f"{details['odds_ratio_low']:.4f} to {details['odds_ratio_high']:.4f} throughout (with chance: {span})."
        )
    if finding.verdict is Verdict.NOT_EXPLAINED:
        span = number(details["to_equal_low"]) + (
            "" if details["to_equal_low"] == details["to_equal_high"] else f" to {number(details['to_equal_high'])}"
        )
        text += (
            f" The gap is real; its cause is open. {span} {first} ballots would have to change sides to bring the shares level"
        )
        text += f", and {details['to_tie']:,} to undo a lead of {abs(details['lead']):,}." if details["lead"] else "."
    return text


_SENTENCES: dict[str, Callable[[Finding], str]] = {
    "totals_reconciliation": _totals,
    "struck_ballots": _struck,
    "cast_rate_bursts": _bursts,
    "falling_turnout_counts": _falls,
    "ballots_outside_window": _outside,
    "reissue_rates": _rates,
    "reissue_to_ballot_delay": _delay,
    "channel_gap": _gap,
}

"""Sentences of operator_gaps, list_order, record_order."""

from __future__ import annotations

import math

from analysis_lib.results import Finding, Verdict
from analysis_lib.wording.numbers import count, expected, instant, interval, lasting, number, percent
from analysis_lib.wording.timing import between

KINDS = {
    "block": "of the log in order",
    "session": "of one session",
    "network": "of one network",
    "device": "of one device",
    "administrator's login": "given while one administrator was logged in",
}
LISTS = {"roll": "the roll", "issue": "the list in which codes went out"}


def operator_gaps(finding: Finding) -> str:
    """The most even stretch, or the longest run of gaps in the band; where it does not stand out, what would have."""
    result, details, zone = finding.result, finding.details, finding.result.parameters["zone"]
    stretch, least = details["stretch"], details["smallest_visible"]
    even = result.form == "even_gaps"
    if not even:
        low, high = result.parameters["gap_band_s"]
        if stretch is None:
            return f"No two ballots of {result.n_observations:,} came {low} to {high} seconds apart."
    placed = (
        f"{count(stretch['ballots'], 'ballot')} {KINDS[stretch['kind']]}, {between(stretch['start'], stretch['end'], zone)}, "
        f"on average {gap(stretch['mean_s'])} apart"
    )
    if even:
        seen = (
            f"Of {count(details['n_stretches'], 'stretch', 'stretches')} of ballots looked at, the most even is one of {placed}, "
            f"give or take {percent(stretch['cv'])} of that; at random it would be about 100 %."
        )
    else:
        seen = (
            f"The longest run of gaps of {low} to {high} seconds is one of {placed}; "
            f"at random one of {whole(details['expected_ballots'])} would be expected."
        )
    if finding.verdict is Verdict.NOT_EXPLAINED or least is None:
        return seen
    if even:
        return f"{seen} Fewer than {least} ballots keyed every 40 seconds, give or take 5, would not have stood out."
    return f"{seen} Fewer than {least + 1} ballots in such a run would not have stood out."


def gap(seconds: float) -> str:
    """Write a mean gap: "40.9 seconds", "11 minutes 22 seconds"."""
    told = number(seconds, 1)
    return lasting(seconds) if seconds >= 60 else f"{told} {'second' if told == '1' else 'seconds'}"


def whole(value: float) -> str:
    """Write a count that is an average as a whole one: "9", "about 4", "fewer than 1"."""
    if float(value).is_integer():
        return f"{value:,.0f}"
    return f"about {math.floor(value + 0.5):,}" if value >= 0.5 else "fewer than 1"


def list_order(finding: Finding) -> str:
    """The longest run down the list, and how often a voter came right after a neighbour on it."""
    result, details, zone = finding.result, finding.details, finding.result.parameters["zone"]
    run, where = details["run"], LISTS[result.form]
    together = next(test for test in details["tests"] if (test["view"], test["test"]) == (run["view"], "successions"))
    standing = finding.verdict is Verdict.NOT_EXPLAINED
    when = f", {between(run['start'], run['end'], zone)}" if standing else ""
    averaged = "" if float(together["statistic"]).is_integer() else " (an average, since some times are equal)"
    within = " within one branch" if run["view"] == "unit by unit" else ""
    seen = (
        f"Of {count(result.n_observations, 'voter')} with a place on {where}, {count(run['voters'], 'voter')} came in the longest run "
        f"down it{within}{when}; {whole(together['statistic'])} came right after their neighbour on it{averaged}, where "
        f"{whole(together['expected'])} would be expected."
    )
    if standing or details["smallest_visible"] is None:
        return seen
    return f"{seen} A run of fewer than {details['smallest_visible']} voters would not have stood out."


def record_order(finding: Finding) -> str:
    """Entries out of order and the longest block of them, with missing numbers and equal stamps; or whether receipts were mixed."""
    return _mixed(finding) if finding.result.form == "shuffled" else _numbered(finding)


def _mixed(finding: Finding) -> str:
    result = finding.result
    rising = finding.details["rising"]
    return (
        f"In a file of {count(result.n_observations, 'receipt')} that was meant to be mixed, {percent(rising)} of neighbours stand in the "
        f"order of time, where about 50 % would if it was; {result.effect.name} is {number(result.effect.value)} "
        f"({interval(result.effect.confidence_level)} {number(result.effect.low)} to {number(result.effect.high)}), "
        "near 0 in a mixed file and 1 in one in order of time."
    )


def _numbered(finding: Finding) -> str:
    result, details, zone = finding.result, finding.details, finding.result.parameters["zone"]
    block, k = details["block"], details["n_displaced"]
    if not k:
        text = f"All {result.n_observations:,} entries of the log stand in one order by number and by time"
        where = " in the longest of the logs" if details["n_logs"] > 1 else ""
        least = details["smallest_visible"]
        text += f"; a block of {least} written down an hour late{where} would have stood out, taken by itself." if least else "."
    else:
        text = (
            f"Of {count(result.n_observations, 'entry', 'entries')} of the log {k:,} {'is' if k == 1 else 'are'} out of order, "
            f"at most by {lasting(details['largest_s'])}; the longest block of consecutive numbers out of order has "
            f"{count(block['length'], 'entry', 'entries')}"
        )
        text += f", stamped {between(block['first'], block['last'], zone)}" if block["length"] > 1 else ""
        is_late = block["length"] > 1 and block["after"] and block["n_late"]
        text += f" and numbered after {instant(block['after'], zone)}" if is_late else ""
        text += f"; scattered ones would make {number(block['length'] - result.effect.value, 1)}."
        if finding.verdict is not Verdict.NOT_EXPLAINED and details["smallest_visible"]:
            least = details["smallest_visible"]
            text += f" A block of fewer than {count(least, 'entry', 'entries')} would not have stood out."
    if details["n_missing"]:
        verb = "is" if details["n_missing"] == 1 else "are"
        text += f" {count(details['n_missing'], 'number')} {verb} missing, which by itself tells nothing: databases skip numbers."
    stamps = details["stamps"]
    if stamps and stamps["n"]:
        verb = "is" if stamps["n"] == 1 else "are"
        text += (
            f" {count(stamps['n'], 'stamp')} {verb} borne by three entries or more, where the busy hours alone would make "
            f"{expected(stamps['expected']).removesuffix('.0')}."
        )
    return text

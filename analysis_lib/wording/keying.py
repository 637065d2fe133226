"""Sentences of operator_gaps, list_order, record_order."""

from __future__ import annotations

from analysis_lib.results import Finding, Verdict
from analysis_lib.wording.numbers import count, expected, instant, interval, lasting, number, percent

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
    apart = number(stretch["mean_s"], 1)
    placed = (
        f"{count(stretch['ballots'], 'ballot')} {KINDS[stretch['kind']]}, from {instant(stretch['start'], zone)} to "
        f"{instant(stretch['end'], zone)}, on average {apart} {'second' if apart == '1' else 'seconds'} apart"
    )
    if even:
        seen = (
            f"Of {count(details['n_stretches'], 'stretch', 'stretches')} of ballots looked at, the most even is one of {placed}, "
            f"give or take {percent(stretch['cv'])} of that; at random it would be about 100 %."
        )
    else:
        seen = f"The longest run of gaps of {low} to {high} seconds is one of {placed}."
    if finding.verdict is Verdict.NOT_EXPLAINED or least is None:
        return seen
    if even:
        return f"{seen} Fewer than {least} ballots keyed every 40 seconds, give or take 5, would not have stood out."
    return f"{seen} Fewer than {least + 1} ballots in such a run would not have stood out."


def list_order(finding: Finding) -> str:
    """The longest run down the list, and how often a voter came right after a neighbour on it."""
    result, details, zone = finding.result, finding.details, finding.result.parameters["zone"]
    run, where = details["run"], LISTS[result.form]
    together = next(test for test in details["tests"] if (test["view"], test["test"]) == (run["view"], "successions"))
    standing = finding.verdict is Verdict.NOT_EXPLAINED
    when = f", from {instant(run['start'], zone)} to {instant(run['end'], zone)}" if standing else ""
    within = " within one branch" if run["view"] == "unit by unit" else ""
    seen = (
        f"Of {count(result.n_observations, 'voter')} with a place on {where}, {count(run['voters'], 'voter')} came in the longest run "
        f"down it{within}{when}; {number(together['statistic'], 1).removesuffix('.0')} came right after their neighbour on it, where "
        f"{expected(together['expected'])} would be expected."
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
        text = f"All {result.n_observations:,} entries of the log stand in one order by number and by time."
    else:
        text = (
            f"Of {count(result.n_observations, 'entry', 'entries')} of the log {k:,} {'is' if k == 1 else 'are'} out of order, "
            f"at most by {lasting(details['largest_s'])}; the longest block of consecutive numbers out of order has "
            f"{count(block['length'], 'entry', 'entries')}"
        )
        text += f", stamped {instant(block['first'], zone)} to {instant(block['last'], zone)}" if block["length"] > 1 else ""
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
            f"{expected(stamps['expected'])}."
        )
    return text

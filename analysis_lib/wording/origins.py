"""Sentences of shared_origin."""

from __future__ import annotations

from analysis_lib.results import Finding
from analysis_lib.wording.numbers import count, number
from analysis_lib.wording.timing import were_expected


def of_100(confidence_level: float) -> str:
    """Say in how many contests a range of the null's draws holds: "95 of 100 such contests"."""
    return f"{number(100 * confidence_level, 1)} of 100 such contests"


def shared_origin(finding: Finding) -> str:
    """How many ballots came in groups, how many were expected, and the smallest group that would have stood out."""
    result, details = finding.result, finding.details
    three, largest = details["tallies"][0], details["tallies"][-1]
    group = f"the largest group has {count(largest['seen'], 'ballot')}" if largest["seen"] else "no group has more than two"
    wide = ", a wide range because few groups are held to learn from" if three["expected"] < 0.1 and three["high"] >= 1 else ""
    text = (
        f"Of {count(result.n_observations, 'ballot')} whose {result.form} is known, {three['seen']:,} came from a {result.form} used by "
        f"three voters or more, where {were_expected(three['expected'])} "
        f"({three['low']:,.0f} to {three['high']:,.0f} in {of_100(result.parameters['confidence_level'])}{wide}); {group}."
    )
    if result.n_excluded:
        verb = "was" if result.n_excluded == 1 else "were"
        text += f" {count(result.n_excluded, 'ballot')} {verb} left out, having come by operators or networks that many share elsewhere too."
    sessions = details["sessions"]
    if sessions["n"]:
        verb = "holds" if sessions["n"] == 1 else "hold"
        text += f" {count(sessions['n'], 'visit')} to the voting site {verb} ballots of two voters or more, {sessions['n_ballots']:,} in all."
    if details["smallest_visible"]:
        text += f" A single group of fewer than {details['smallest_visible']} would not have stood out."
    return text

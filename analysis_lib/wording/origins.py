"""Sentences of shared_origin."""

from __future__ import annotations

from analysis_lib.results import Finding
from analysis_lib.wording.numbers import count, expected, interval, number


def shared_origin(finding: Finding) -> str:
    """How many ballots came in groups, how many were expected, and the smallest group that would have stood out."""
    result, details = finding.result, finding.details
    three, largest = details["tallies"][0], details["tallies"][-1]
    effect = result.effect
    group = f"the largest group has {count(largest['seen'], 'ballot')}" if largest["seen"] else "no group has more than two"
    text = (
        f"Of {count(result.n_observations, 'ballot')} whose {result.form} is known, {three['seen']:,} came from a {result.form} used by "
        f"three voters or more, where {expected(three['expected'])} were expected ({interval(effect.confidence_level)} of the difference "
        f"{number(effect.low, 1)} to {number(effect.high, 1)}); {group}."
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

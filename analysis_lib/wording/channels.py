"""Sentences of channel_gap."""

from __future__ import annotations

from analysis_lib.results import Finding, Verdict
from analysis_lib.wording.numbers import interval, number, percent


def channel_gap(finding: Finding) -> str:
    """Both shares, the odds ratio, and the ballots that would have to change sides."""
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

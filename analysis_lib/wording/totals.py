"""Sentences of totals_reconciliation and struck_ballots."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analysis_lib.results import Finding, Verdict
from analysis_lib.wording.numbers import count, number


def _figure(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else number(value, 4)


def _side(item: Mapping[str, Any], side: str) -> str:
    low, high = item[f"{side}_low"], item[f"{side}_high"]
    return _figure(low) if low == high else f"{_figure(low)} to {_figure(high)}"


def identity(item: Mapping[str, Any]) -> str:
    """Write one sum that was checked: both sides, the difference, and its cause."""
    text = f"{item['left']} {_side(item, 'left')}, {item['right']} {_side(item, 'right')}"
    if not item["gap"]:
        return f"{text}: {'agree' if item['left_low'] == item['right_low'] else 'no conflict'}"
    gap = count(item["gap"], item["counted"]) if isinstance(item["gap"], int) else f"{_figure(item['gap'])} {item['counted']}s"
    return f"{text}: {gap} apart, {item['cause']}"


def _where(item: Mapping[str, Any]) -> str:
    named = [part for part in (item["unit"], f"{item['declaration']} declaration" if item["declaration"] else "") if part]
    return f" ({', '.join(named)})" if named else ""


def sums_checked(finding: Finding, what: str) -> str:
    """How many sums do not add up, and the first three of them; `what` allows the sums."""
    result, n = finding.result, finding.result.n_observations
    failing = [item for item in finding.details["identities"] if item["gap"]]
    n_failing = int(result.statistic)
    if not n_failing:
        every = {1: "The one sum", 2: "Both sums"}.get(n, f"All {n:,} sums")
        return f"{every} that {what} {'was' if n == 1 else 'were'} checked, and {'it agrees' if n == 1 else 'they agree'}."
    listed = "; ".join(f"{item['check']}, {item['name']}{_where(item)}: {identity(item)}" for item in failing[:3])
    more = f"; and {n_failing - len(failing[:3]):,} more" if n_failing > len(failing[:3]) else ""
    if n == 1:
        return f"The one sum checked does not add up: {listed}."
    return f"{n_failing:,} of {count(n, 'sum')} checked {'does' if n_failing == 1 else 'do'} not add up: {listed}{more}."


def totals_reconciliation(finding: Finding) -> str:
    """How many sums do not add up, and the first three of them; and units that may be one listed twice."""
    text = sums_checked(finding, "the published totals allow")
    if twins := finding.details["identical_units"]:
        n = sum(len(units) for units in twins)
        text += f" {count(n, 'unit')} have the same figures throughout as another and may be listed twice."
    return text


def struck_ballots(finding: Finding) -> str:
    """How many ballots were struck out, and what that does to the lead."""
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

"""Beside totals_reconciliation and struck_ballots."""

from __future__ import annotations

from collections.abc import Sequence

from analysis_lib import charts, wording
from analysis_lib.cards import Table
from analysis_lib.case import Case
from analysis_lib.exhibits.shown import Shown, answered
from analysis_lib.results import Finding

MOST_TWINS = 100


def totals_reconciliation(case: Case, findings: Sequence[Finding]) -> Shown:
    """Every sum checked, drawn and listed; units that may be listed twice."""
    shown: Shown = []
    for finding in answered(findings):
        ballots = [item for item in finding.details["identities"] if item["counted"] in ("ballot", "vote")]
        shown += [charts.sums(ballots)] if ballots else []
        shown.append(every_sum(finding))
        if twins := finding.details["identical_units"]:
            rows = [{"units": ", ".join(units)} for units in twins[:MOST_TWINS]]
            caption = "Units with the same figures throughout: one may be the other, listed twice."
            shown.append(Table(rows, {"units": "units"}, caption))
    return shown


def every_sum(finding: Finding) -> Table:
    """List the sums of a finding: all of the whole contest, and those of single units that fail."""
    rows = [item | {"result": wording.identity(item), "of": item["declaration"]} for item in finding.details["identities"]]
    titles = {
        "check": "check",
        "name": "sum",
        "of": "declaration",
        "unit": "unit",
        "result": "both sides",
        "gap": "apart",
        "cause": "cause",
    }
    titles = {
        name: title for name, title in titles.items() if name not in ("of", "unit", "cause") or any(row[name] for row in rows)
    }
    listed, made = finding.details["identities"], finding.result.n_observations
    more = (
        f" {made:,} sums were checked; of those that agree, and of those for single units, not all are listed."
        if made > len(listed)
        else ""
    )
    return Table(rows, titles, f"Every sum that was checked.{more}")


def struck_ballots(case: Case, findings: Sequence[Finding]) -> Shown:
    """Totals before and after striking."""
    titles = {"candidate": "candidate", "ballots": "first declared", "after": "declared after striking"}
    return [
        Table(finding.details["before"], titles, "Candidates' totals before and after the ballots were struck out.")
        for finding in answered(findings)
    ]

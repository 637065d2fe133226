"""Beside shared_origin."""

from __future__ import annotations

from collections.abc import Sequence

from analysis_lib import charts, wording
from analysis_lib.cards import Table
from analysis_lib.case import Case
from analysis_lib.exhibits.shown import Shown, answered
from analysis_lib.results import Finding
from analysis_lib.wording.origins import of_100


def shared_origin(case: Case, findings: Sequence[Finding]) -> Shown:
    """What was expected and what was seen; and groups by size, which are told even where nothing shows what is usual."""
    shown: Shown = [
        charts.shared_groups(f.details["tallies"], f.result.form, of_100(f.result.parameters["confidence_level"]))
        for f in answered(findings)
    ]
    for finding in findings:
        groups = finding.details.get("groups", ())
        if any(row["n_groups"] for row in groups):
            shown.append(_groups(finding))
        if finding in answered(findings):
            shown.append(_tallies(finding))
    return shown


def _groups(finding: Finding) -> Table:
    form, sessions = finding.result.form, finding.details["sessions"]
    rows = [
        {"size": _size(row["least"], row["most"]), "n_groups": row["n_groups"], "n_ballots": row["n_ballots"]}
        for row in finding.details["groups"]
    ]
    if sessions["n"]:
        rows.append({"size": "one visit, 2 or more", "n_groups": sessions["n"], "n_ballots": sessions["n_ballots"]})
    titles = {"size": f"voters with one {form}", "n_groups": f"{form}s", "n_ballots": "ballots"}
    return Table(rows, titles, f"Online ballots by how many voters shared a {form}; each voter's last ballot.")


def _size(least: int, most: int | None) -> str:
    return f"{least} or more" if most is None else str(least) if most == least else f"{least} to {most}"


def _tallies(finding: Finding) -> Table:
    rows = [
        {
            "what": f"in groups of {row['at_least']} or more" if row["at_least"] else "in the largest group",
            "seen": row["seen"], "expected": wording.expected(row["expected"]).removesuffix(".0"),
            "range": f"{row['low']:.0f} to {row['high']:.0f}", "pvalue": round(row["pvalue"], 4),
        }
        for row in finding.details["tallies"]
    ]  # fmt: skip
    usual = f"in {of_100(finding.result.parameters['confidence_level'])}"
    titles = {"what": "ballots", "seen": "seen", "expected": "expected", "range": usual, "pvalue": "p-value of this row alone"}
    return Table(rows, titles, f"Ballots that share a {finding.result.form}, after what many share elsewhere was left out.")

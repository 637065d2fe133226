"""Beside late_choice_shift, late_choice_bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from analysis_lib import charts, wording
from analysis_lib.cards import Table
from analysis_lib.case import Case
from analysis_lib.exhibits.shown import Shown, answered, at_text, few
from analysis_lib.results import Finding

LEAST_PVALUE = 1e-4


def late_choice_shift(case: Case, findings: Sequence[Finding]) -> Shown:
    """Running totals where they are held; shares late and earlier, raw and within branches; the same test at earlier cut-offs."""
    shown: Shown = []
    zone = case.contest["timezone"]
    for i, finding in enumerate(answered(findings)):
        details = finding.details
        if details.get("running") and i == 0:
            shown.append(_running(details["running"], zone))
        shown.append(charts.late_shares(details["by_candidate"]))
        shown.append(_shares(details, case, f"cut-off {_cut(details, zone)}"))
        if details["has_trend"]:
            shown.append(charts.placebo_cuts(details["cuts"], details["candidate"], zone))
    return shown


def _cut(details: Mapping[str, Any], zone: str) -> str:
    if details.get("cuts_by_channel"):
        return f"each channel's own {'cut-off' if details['cut_s'] else 'close'}"
    return at_text(details["cut_at"], zone)


def _running(readings: Sequence[Mapping[str, Any]], zone: str) -> Table:
    rows = [
        {
            "at": at_text(row["at"], zone) if row["at"] else "final", "n": row["n"], "first": f"{100 * row['share_first']:.2f} %",
            "second": f"{100 * row['share_second']:.2f} %", "lead": f"{100 * row['lead']:+.2f}",
        }
        for row in readings
    ]  # fmt: skip
    titles = {
        "at": f"count as it stood ({zone})", "n": "votes", "first": readings[0]["first"], "second": readings[0]["second"] or "second",
        "lead": "lead, points",
    }  # fmt: skip
    return Table(rows, titles, "The lead as the count went on.")


def _shares(details: Mapping[str, Any], case: Case, when: str) -> Table:
    rows = [
        {
            "candidate": row["candidate"], "late": few(row["late"], case), "late_share": wording.percent(row["late_share"], 1),
            "share": wording.percent(row["share"], 1), "raw": _difference(row, "raw"), "adjusted": _difference(row, "adjusted"),
            "odds": f"{wording.number(row['odds_ratio'])} ({wording.number(row['odds_low'])} to {wording.number(row['odds_high'])})",
            "pvalue": _pvalue(row["pvalue_adjusted"]), "mid": _pvalue(row["pvalue_mid"]),
        }
        for row in details["by_candidate"]
    ]  # fmt: skip
    titles = {
        "candidate": "candidate", "late": "late ballots", "late_share": "late share", "share": "earlier share", "raw": "difference in points, all ballots",
        "adjusted": "in points, same branch and channel", "odds": "odds ratio, same branch and channel", "pvalue": "p-value (Holm)", "mid": "mid-p",
    }  # fmt: skip
    return Table(
        rows, titles,
        f"Late against earlier ballots, {when}. These p-values take no drift into account, so they alone are no finding.",
    )  # fmt: skip


def _pvalue(value: float) -> str:
    return f"below {LEAST_PVALUE:.4f}" if value < LEAST_PVALUE else f"{value:#.2g}"


def _difference(row: Mapping[str, Any], key: str) -> str:
    return f"{100 * row[key]:+.1f} ({100 * row[f'{key}_low']:+.1f} to {100 * row[f'{key}_high']:+.1f})"


def late_choice_bounds(case: Case, findings: Sequence[Finding]) -> Shown:
    """Fewest and most late ballots of each candidate, at each cut-off: of the whole contest, so none is too few to be shown."""
    shown: Shown = []
    for finding in answered(findings):
        details = finding.details
        rows = [
            {"candidate": row["candidate"], "ballots": row["ballots"], "low": row["late_low"], "high": row["late_high"]}
            for row in details["candidates"]
        ]
        titles = {"candidate": "candidate", "ballots": "declared", "low": "late, at least", "high": "late, at most"}
        at = _cut(details, case.contest["timezone"])
        counted = details["is_exact"] or details.get("is_count")
        how = "differences of running totals" if details["is_exact"] else "bounds that hold whatever was chosen"
        shown.append(Table(rows, titles, f"Ballots that {'were counted' if counted else 'came in'} after {at}: {how}."))
    return shown

"""Beside operator_gaps, list_order, record_order."""

from __future__ import annotations

from collections.abc import Sequence

from analysis_lib import charts, wording
from analysis_lib.cards import Table
from analysis_lib.case import Case
from analysis_lib.exhibits.shown import Shown, answered, at_text
from analysis_lib.methods import list_order as orders
from analysis_lib.methods import record_order as records
from analysis_lib.results import Finding

KINDS = {
    "block": "the log in order",
    "session": "one session",
    "network": "one network",
    "device": "one device",
    "administrator's login": "one administrator's login",
}
LISTS = {"roll": "the roll", "issue": "the list in which codes went out"}
TESTS = {
    "successions": "voters right after their neighbour on the list",
    "longest_run": "steps of the longest run down the list",
    "drift": "drift along the list (about 2 at random, less in a drift)",
}


def operator_gaps(case: Case, findings: Sequence[Finding]) -> Shown:
    """Gap after gap of the stretch that stands out most, and a table of the most even stretches."""
    shown: Shown = []
    zone = case.contest["timezone"]
    held = answered(findings)
    drawn = [finding for finding in held if finding.details["gaps_s"]]
    if drawn:
        top = min(drawn, key=lambda finding: finding.result.pvalue)
        shown.append(charts.gap_strip(top.details["stretch"]["start"], top.details["gaps_s"], case.plan.gap_band_s, zone))
    for finding in held:
        if finding.result.form == "even_gaps":
            shown.append(_stretches(finding, zone))
    return shown


def _stretches(finding: Finding, zone: str) -> Table:
    rows = [
        {
            "kind": KINDS[item["kind"]], "start": at_text(item["start"], zone), "end": at_text(item["end"], zone),
            "ballots": item["ballots"], "mean": f"{item['mean_s']:,.1f} s", "cv": wording.percent(item["cv"]),
        }
        for item in finding.details["stretches"]
    ]  # fmt: skip
    titles = {
        "kind": "ballots of",
        "start": "from",
        "end": "to",
        "ballots": "ballots",
        "mean": "mean gap",
        "cv": "spread of the gaps",
    }
    n = finding.details["n_stretches"]
    some = f" (the first {len(rows)} of {n:,})" if n > len(rows) else ""
    return Table(
        rows,
        titles,
        f"Stretches of ballots, those first whose gaps are most even for their number{some}. At random the spread is about 100 %.",
    )


def list_order(case: Case, findings: Sequence[Finding]) -> Shown:
    """Voters by time and place on the list, for the list that stands out most; and every test made."""
    shown: Shown = []
    zone = case.contest["timezone"]
    held = answered(findings)
    if held:
        top = min(held, key=lambda finding: finding.result.pvalue)
        view = next(v for v in orders.views_of(case, top.result.form) if v.name == top.details["run"]["view"])
        if view.seconds.size >= case.package.min_cell:
            dots = orders.dots(view, case.plan.list_step)
            shown.append(charts.list_dots(dots, LISTS[top.result.form], zone))
        shown.append(_tests(held))
    return shown


def _tests(held: Sequence[Finding]) -> Table:
    rows = [
        {
            "list": LISTS[finding.result.form], "view": test["view"], "test": TESTS[test["test"]],
            "seen": round(test["statistic"], 2), "expected": round(test["expected"], 2), "p": f"{test['pvalue']:.2g}",
            "range": f"{test['pvalue_min']:.2g} to {test['pvalue_max']:.2g}", "adjusted": f"{test['pvalue_adjusted']:.2g}",
        }
        for finding in held
        for test in finding.details["tests"]
    ]  # fmt: skip
    titles = {
        "list": "list", "view": "voters", "test": "what is measured", "seen": "seen", "expected": "at random", "p": "p-value",
        "range": "over orders of tied times", "adjusted": "p-value, adjusted",
    }  # fmt: skip
    return Table(rows, titles, "Every test of the order, list by list; p-values are adjusted for the tests of the same list.")


def record_order(case: Case, findings: Sequence[Finding]) -> Shown:
    """Entries out of order with their block, or the times along a file that was meant to be mixed."""
    shown: Shown = []
    zone = case.contest["timezone"]
    for finding in answered(findings):
        if finding.result.form == "shuffled":
            longest = max(records.shuffled_lists(case), key=len)
            shown.append(charts.places_and_times(records.places_and_times(longest), zone))
        else:
            if finding.details["n_displaced"]:
                shown.append(charts.displaced_entries(records.displaced_entries(case), finding.details["block"], zone))
            shown.append(_order_counts(finding))
    return shown


def _order_counts(finding: Finding) -> Table:
    details, stamps = finding.details, finding.details["stamps"]
    counted = {
        "entries with a number and a time": finding.result.n_observations,
        "entries out of order": details["n_displaced"],
        "pairs of entries in the wrong order": details["n_pairs"],
        "entries of the longest block out of order": int(finding.result.statistic),
        "numbers that are missing (normal by itself)": details["n_missing"],
    }
    if stamps:
        counted |= {
            "stamps that three entries or more bear": stamps["n"],
            "such stamps that the busy hours alone would make": wording.expected(stamps["expected"]),
            "most entries with one stamp": stamps["largest"],
        }
    rows = [{"what": what, "n": n} for what, n in counted.items()]
    return Table(rows, {"what": "what was counted", "n": "number"}, "The log's numbers held against its times.")

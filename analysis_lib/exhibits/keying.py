"""Beside operator_gaps, list_order, record_order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from analysis_lib import charts, wording
from analysis_lib.cards import Table
from analysis_lib.case import Case
from analysis_lib.exhibits.shown import Shown, answered, at_text
from analysis_lib.methods import list_order as orders
from analysis_lib.methods import record_order as records
from analysis_lib.results import Finding
from analysis_lib.wording.keying import gap, whole

KINDS = {
    "block": "the log in order",
    "session": "one session",
    "network": "one network",
    "device": "one device",
    "administrator's login": "one administrator's login",
}
LISTS = {"roll": "the roll", "issue": "the list in which codes went out"}
VIEWS = {"all together": "", "unit by unit": ", within each branch"}
TESTS = {
    "successions": "voters right after their neighbour on the list",
    "longest_run": "voters in the longest run down the list",
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
            "ballots": item["ballots"], "mean": gap(item["mean_s"]), "cv": wording.percent(item["cv"]),
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
    """Voters by time and place, a chart for each list; and every test made."""
    shown: Shown = []
    zone = case.contest["timezone"]
    held = answered(findings)
    for finding in held:
        form = finding.result.form
        view = next(v for v in orders.views_of(case, form) if v.name == finding.details["run"]["view"])
        if view.seconds.size >= case.package.min_cell:
            shown.append(charts.list_dots(orders.dots(view, case.plan.list_step), LISTS[form], zone))
    return [*shown, _tests(held)] if held else shown


def _tests(held: Sequence[Finding]) -> Table:
    rows = [
        {
            "list": LISTS[finding.result.form] + VIEWS[test["view"]], "test": TESTS[test["test"]],
            **_seen(test), "adjusted": f"{test['pvalue_adjusted']:.2g}",
        }
        for finding in held
        for test in finding.details["tests"]
    ]  # fmt: skip
    titles = {
        "list": "list", "test": "what is measured", "seen": "seen", "expected": "at random", "adjusted": "p-value",
    }  # fmt: skip
    return Table(rows, titles, "Every test of the order, list by list; each p-value allows for the tests of the same list.")


def _seen(test: Mapping[str, Any]) -> dict[str, str]:
    if test["test"] == "drift":
        return {"seen": f"{test['statistic']:.2f}", "expected": f"{test['expected']:.2f}"}
    if test["test"] == "longest_run":  # a run has one voter more than steps
        return {"seen": f"{test['voters']:,}", "expected": whole(test["expected"] + 1)}
    return {"seen": whole(test["statistic"]), "expected": whole(test["expected"])}


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

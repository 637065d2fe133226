"""Beside reissue_rates and reissue_to_ballot_delay."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import polars as pl

from analysis_lib import charts, wording
from analysis_lib.cards import Table, table
from analysis_lib.case import Case
from analysis_lib.clocks import window_in_force
from analysis_lib.exhibits.shown import Shown, answered
from analysis_lib.methods import reissue_rates as rates
from analysis_lib.methods import reissue_to_ballot_delay as delay
from analysis_lib.methods.clock_offset import stamped_tables
from analysis_lib.results import Finding

ADJUSTED = {
    "benjamini_hochberg": "Benjamini and Hochberg",
    "benjamini_yekutieli": "Benjamini and Yekutieli, since branches share administrators",
    "holm": "Holm",
}
NUMBERED = {
    "branch": "",
    "administrator": " Administrators are numbered by how much they handled in all; no key or name is shown.",
}


def reissue_rates(case: Case, findings: Sequence[Finding]) -> Shown:
    """A funnel and a list, by branch and by administrator; and what set the reissues off."""
    shown: Shown = []
    if answered(findings):
        titles = {"trigger": "set off by", "actor_role": "made by", "reissued_new": "new codes", "resent_same": "same code again",
                  "destination_changed": "sent elsewhere"}  # fmt: skip
        told = "What was sent, by what set it off and by the role on record. New codes alone are compared between units."
        sent = rates.reissues_by_trigger(case).with_columns(pl.col("trigger", "actor_role").str.replace_all("_", " "))
        shown.append(table(sent, told, titles))
    for finding in answered(findings):
        form, units = finding.result.form, finding.details["units"]
        shown.append(charts.funnel(units, rates.funnel(finding.result), finding.details["pooled_rate"], form))
        ranked = sorted(units, key=lambda unit: (unit["pvalue"], unit["unit"]))[:15]
        rows = [
            unit
            | {"rate": wording.percent(unit["events"] / unit["size"])}
            | {name: wording.pvalue(unit[name]) for name in ("pvalue", "pvalue_adjusted")}
            for unit in ranked
        ]
        what = ("reissued", "members") if form == "branch" else ("not requested", "reissues handled")
        titles = {
            "unit": form,
            "events": what[0],
            "size": what[1],
            "rate": "rate",
            "pvalue": "p-value of this row alone",
            "pvalue_adjusted": "all rows allowed for",
        }
        shown.append(
            Table(
                rows,
                titles,
                f"Rates by {form}, most unusual first. The last column allows for all rows ({ADJUSTED[finding.details['adjusted_by']]}) and "
                f"not for the other tests of the chapter, as the card does.{NUMBERED[form]}",
            )
        )
    return shown


def reissue_to_ballot_delay(case: Case, findings: Sequence[Finding]) -> Shown:
    """How soon a ballot followed, asked for and not asked for, and the members at risk at the same instants."""
    shown: Shown = []
    for finding in answered(findings):
        window = window_in_force(case.rows("contest_windows"), "online")
        cases, _ = delay.reissue_cases(case, case.plan.horizons_s, window.closes_at if window else None)
        shown.append(charts.delay_curves(delay.incidence(cases)))
        details = finding.details
        rows = [
            {
                "horizon": wording.duration(row["horizon_s"]),
                "unrequested": f"{row['unrequested']} of {row['n_unrequested']}", "requested": f"{row['requested']} of {row['n_requested']}",
                "others_unrequested": wording.percent(row["others_unrequested"], 1), "others_requested": wording.percent(row["others_requested"], 1),
            }
            for row in details["horizons"]
        ]  # fmt: skip
        titles = {
            "horizon": "ballot within", "unrequested": "reissues not asked for", "requested": "reissues asked for",
            "others_unrequested": "others waiting then (not asked for)", "others_requested": "others waiting then (asked for)",
        }  # fmt: skip
        shown.append(
            Table(
                rows,
                titles,
                "Reissues followed by a ballot, and the share of waiting members without a reissue who voted in the same time.",
            )
        )
        if "readings" in details:
            shown.append(by_reading(details["readings"], stamped_tables(case), "followed at once, not asked for", "difference"))
    return shown


def by_reading(told: list[dict], stamped: dict[str, list[str]], counted: str, effect: str) -> Table:
    """Show one test under every reading of the clocks; `effect` names what its effect is, a "ratio" or else a share."""
    write = wording.number if effect == "ratio" else partial(wording.percent, digits=1)
    rows = [
        {
            "reading": wording.reading(row["reading"], stamped), "followed": None if row["statistic"] is None else int(row["statistic"]),
            "effect": None if row["effect"] is None else write(row["effect"]),
            "pvalue": "too few to compare" if row["pvalue"] is None else wording.pvalue(row["pvalue"]),
        }
        for row in told
    ]  # fmt: skip
    titles = {"reading": "clock", "followed": counted, "effect": effect, "pvalue": "p-value"}
    return Table(rows, titles, "The same test under every reading of the clocks that the evidence allows.")

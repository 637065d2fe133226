"""Beside application_denials, message_coverage, voided_ballots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from analysis_lib import charts, wording
from analysis_lib.cards import Table
from analysis_lib.case import Case
from analysis_lib.exhibits.shown import Shown, answered, at_text, few
from analysis_lib.methods import voided_ballots as voided
from analysis_lib.results import Finding
from analysis_lib.wording.coverage import WAYS

MOST_ROWS = 15


def application_denials(case: Case, findings: Sequence[Finding]) -> Shown:
    """What members say by how they are said to have applied; and in what ways applications came together."""
    shown: Shown = []
    for finding in answered(findings):
        shown += [_answers(finding, case)] if finding.result.form == "denials" else [_ways(finding)]
    return shown


def _answers(finding: Finding, case: Case) -> Table:
    told = finding.details["by_via"]
    rows = [
        {"via": row["via"], "asked": few(row["asked"], case)} | {k: few(row[k], case) for k in ("denied", "for_me")}
        for row in told
    ]
    bounds = finding.details["bounds"]["taken_at_their_word"]
    stop = (
        f" Evidence against mistakes alone: {wording.number(finding.details['evalue'], 1)} to 1; asking may stop once it is above 20 to 1, whenever that is."
        if finding.details["by_lot"]
        else ""
    )
    titles = {
        "via": "application came by",
        "asked": "said whether they applied",
        "denied": "say no",
        "for_me": "say somebody did for them",
    }
    return Table(
        rows,
        titles,
        f"What members say of the applications in their names. Taken at their word, {bounds['low']:,} to {bounds['high']:,} of all applications were not made by the members.{stop}",
    )


def _ways(finding: Finding) -> Table:
    zone = finding.result.parameters["zone"]
    rows = [
        {
            "way": WAYS[row["way"]] if row["way"] != "moments" else f"within {wording.duration(row['length_s'])}, {_from(row['start'], zone)}",
            "seen": row["seen"], "n": row["n"], "expected": wording.expected(row["expected"]), "aside": row["n_set_aside"],
            "pvalue": wording.pvalue(row["pvalue"]),
        }
        for row in finding.details["ways"]
    ]  # fmt: skip
    titles = {
        "way": "applications",
        "seen": "seen",
        "n": "of",
        "expected": "expected",
        "aside": "left out",
        "pvalue": "p-value of this row alone",
    }
    return Table(rows, titles, "Applications that came together, in each way that the data allow to be looked at.")


def _from(start: date, zone: str) -> str:
    return f"from {at_text(start, zone)}" if isinstance(start, datetime) else f"on {start.isoformat()}"


def message_coverage(case: Case, findings: Sequence[Finding]) -> Shown:
    """Members not reached, by what happened to their contact and by branch; and the mailings as counted."""
    shown: Shown = []
    for finding in answered(findings):
        form = finding.result.form
        units = finding.details["units"] if form == "branch" else finding.details["groups"]
        what = "share of members who say that they got no code" if form == "said" else "share of members whose message came back"
        title = "branch" if form == "branch" else "members by their contact"
        shown += _shares(finding, units, title, what, ("not reached", "members"))
    if mailings := next((f.details["mailings"] for f in findings if f.details.get("mailings")), ()):
        shown.append(_mailings(mailings, case))
    return shown


def _mailings(mailings: Sequence[Mapping[str, Any]], case: Case) -> Table:
    zone = case.contest["timezone"]
    rows = [
        {
            "sent": at_text(row["sent_at"], zone) if row["sent_at"] else None, "kind": row["kind"], "medium": row["medium"],
            "audience": (row["audience"] or "").replace("_", " "), "n": row["n_recipients"],
            "back": None if row["n_bounced"] is None else few(row["n_bounced"], case),
            "share": wording.percent(row["n_bounced"] / row["n_recipients"], 1) if row["n_bounced"] is not None and row["n_recipients"] else None,
        }
        for row in mailings[:MOST_ROWS]
    ]  # fmt: skip
    titles = {
        "sent": "sent",
        "kind": "kind",
        "medium": "by",
        "audience": "to",
        "n": "recipients",
        "back": "came back",
        "share": "share",
    }
    return Table(rows, titles, "Invitation and reminders with how many came back, as counted by whoever sent them.")


def voided_ballots(case: Case, findings: Sequence[Finding]) -> Shown:
    """Ballots taken out by kind and role, by channel, by day and by administrator."""
    shown: Shown = []
    told = next((f.details for f in findings if f.details.get("kinds")), None)
    if told:
        kinds = [
            {"event": row["event"].replace("_", " "), "role": row["role"].replace("_", " "), "n": few(row["n"], case)}
            for row in told["kinds"]
        ]
        shown.append(
            Table(
                kinds,
                {"event": "what was done", "role": "by", "n": "ballots"},
                "Ballots taken out and put back, by the role on record. The log holds no reasons.",
            )
        )
    for finding in answered(findings):
        form = finding.result.form
        if form == "day":
            days = voided.day_units(voided.given_ballots(case)[0], case.contest["timezone"]).to_dicts()
            shown.append(charts.by_day(days, "ballots cast online", "taken out later", case.contest["timezone"]))
        what = (
            "share of an administrator's entries that took a ballot out"
            if form == "administrator"
            else "share of ballots taken out"
        )
        shown += _shares(
            finding, finding.details["units"], form, what, ("taken out", "entries" if form == "administrator" else "ballots")
        )
    return shown


def _shares(finding: Finding, units: Sequence[Mapping[str, Any]], title: str, what: str, columns: tuple[str, str]) -> Shown:
    """A chart of shares with exact intervals, and the same as a table; units that were tested come most unusual first."""
    level = finding.result.parameters["confidence_level"]
    ranked = sorted(units, key=lambda unit: (unit["pvalue"], unit["unit"])) if "pvalue" in units[0] else list(units)
    with_limits = voided.with_limits(ranked[:MOST_ROWS], level)
    rows = [
        {"unit": u["unit"], "events": u["events"], "size": u["size"], "share": wording.percent(u["share"], 1)}
        | ({name: wording.pvalue(u[name]) for name in ("pvalue", "pvalue_adjusted")} if "pvalue" in u else {})
        for u in with_limits
    ]
    titles = {"unit": title, "events": columns[0], "size": columns[1], "share": "share"}
    if "pvalue" in rows[0]:
        titles |= {"pvalue": "p-value of this row alone", "pvalue_adjusted": "all rows allowed for"}
    chart = charts.unit_shares(with_limits, what, wording.interval(level))
    return [chart, Table(rows, titles, f"{what[0].upper()}{what[1:]}; no key or name is shown.")]

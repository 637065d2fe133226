"""Beside nonvoter_targeting, administrator_sessions, off_hours_actions."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from analysis_lib import charts, wording
from analysis_lib.cards import Table
from analysis_lib.case import Case
from analysis_lib.clocks import window_in_force
from analysis_lib.exhibits.shown import Shown, answered
from analysis_lib.methods import administrator_sessions as sessions
from analysis_lib.methods import off_hours_actions as off_hours
from analysis_lib.methods.clock_offset import stamped_tables
from analysis_lib.methods.sittings import owner_labels, sittings
from analysis_lib.results import Finding

MOST_ROWS = 20


def nonvoter_targeting(case: Case, findings: Sequence[Finding]) -> Shown:
    """What was compared: reissues with and without the mark, or work after a look at the list."""
    return [_after_view(finding) if finding.result.form == "after_view" else _aimed(finding) for finding in answered(findings)]


def _aimed(finding: Finding) -> Table:
    details, left_out = finding.details, finding.details["left_out"]
    counted = {
        "reissues compared, one for each member": details["n"],
        "to members still to vote" if finding.result.form == "share" else "to members not heard from": int(
            finding.result.statistic
        ),
        "as many as chance would give": wording.expected(details["expected"]),
        "left out: asked for, or with another cause on record": left_out["asked_for"],
        "left out: the code before had come back, or another cause is on record": left_out["bounced"],
        "left out: cause not known, or not on the roll": left_out["unknown"],
        "left out: a further reissue to the same member": left_out["repeated"],
    }
    rows = [{"what": what, "n": n} for what, n in counted.items()]
    return Table(rows, {"what": "what was counted", "n": "number"}, "New codes that nobody asked for, and to whom they went.")


def _after_view(finding: Finding) -> Table:
    details = finding.details
    rows = [
        {
            "administrator": row["administrator"], "sittings": f"{row['looks']} of {row['sittings']}",
            "unasked": f"{row['unasked_after']} of {row['n_unasked']}", "asked": f"{row['asked_after']} of {row['n_asked']}",
            "adjusted": wording.pvalue(row["pvalue_adjusted"]),
        }
        for row in details["administrators"][:MOST_ROWS]
    ]  # fmt: skip
    within = wording.duration(finding.result.parameters["view_s"])
    titles = {
        "administrator": "administrator", "sittings": "sittings with such work in which the list was looked at",
        "unasked": f"not asked for, done within {within} after a look", "asked": "asked for, done then", "adjusted": "p-value, all rows allowed for",
    }  # fmt: skip
    return Table(
        rows,
        titles,
        f"New codes and changed contacts by administrator{_some(details)}. Nobody is named; administrators are numbered by how much they handled in all.",
    )


def _some(details: dict) -> str:
    n = len(details["administrators"])
    return f" (the first {MOST_ROWS} of {n:,})" if n > MOST_ROWS else ""


def administrator_sessions(case: Case, findings: Sequence[Finding]) -> Shown:
    """Sittings and ballots over time, and a table for each form."""
    held = answered(findings)
    shown: Shown = _sittings_and_ballots(case) if held else []
    for finding in held:
        shown.append(_inside(finding) if finding.result.form == "inside" else _own_line(finding))
        if "readings" in finding.details:
            shown.append(_by_reading(finding.details["readings"], stamped_tables(case)))
    return shown


def _sittings_and_ballots(case: Case) -> Shown:
    window = window_in_force(case.rows("contest_windows"), "online")
    if window is None or window.opens_at is None or window.closes_at is None:
        return []
    names, own = owner_labels(case), sessions.lines(case)["ip_key"].to_list()
    work = sittings(case).filter((pl.col("end") > window.opens_at) & (pl.col("start") < window.closes_at))
    cast = sessions.ballots(case).filter((pl.col("at") >= window.opens_at) & (pl.col("at") < window.closes_at))
    if not work.height or cast.height < case.package.min_cell:
        return []
    bars = work.with_columns(administrator=pl.col("owner").replace_strict(names, return_dtype=pl.String))
    ticks = cast.select("at", is_own_line=pl.col("ip_key").is_in(own).fill_null(False))
    zone, least = case.contest["timezone"], case.package.min_cell
    return [charts.sittings_and_ballots(bars, ticks, window.opens_at, window.closes_at, zone, least=least)]


def _inside(finding: Finding) -> Table:
    rows = [
        {
            "administrator": row["administrator"], "sittings": row["sittings"], "left_out": row["left_out"], "ballots": row["ballots"],
            "expected": wording.expected(row["expected"]), "adjusted": wording.pvalue(row["pvalue_adjusted"]),
        }
        for row in finding.details["administrators"][:MOST_ROWS]
    ]  # fmt: skip
    titles = {
        "administrator": "administrator", "sittings": "sittings compared", "left_out": "sittings left out", "ballots": "ballots inside them",
        "expected": "as other days make it", "adjusted": "p-value, all rows allowed for",
    }  # fmt: skip
    return Table(
        rows,
        titles,
        f"Online ballots inside each administrator's sittings{_some(finding.details)}. Sittings after a message or a look at the list of who has not voted are left out.",
    )


def _own_line(finding: Finding) -> Table:
    rows = [
        {
            "administrator": row["administrator"], "unasked": f"{row['own_unasked']} of {row['n_unasked']}",
            "asked": f"{row['own_asked']} of {row['n_asked']}", "others": f"{row['own_others']} of {row['n_others']}",
            "adjusted": wording.pvalue(row["pvalue_adjusted"]),
        }
        for row in finding.details["administrators"][:MOST_ROWS]
    ]  # fmt: skip
    titles = {
        "administrator": "administrator", "unasked": "after a code that this administrator sent unasked", "asked": "after one that was asked for",
        "others": "all other ballots", "adjusted": "p-value, all rows allowed for",
    }  # fmt: skip
    return Table(
        rows, titles, f"Online ballots that came over a line from which the administrator worked{_some(finding.details)}."
    )


def _by_reading(told: Sequence[dict], stamped: dict[str, list[str]]) -> Table:
    rows = [
        {
            "reading": wording.reading(row["reading"], stamped), "ballots": None if row["statistic"] is None else int(row["statistic"]),
            "pvalue": "can't be compared" if row["pvalue"] is None else wording.pvalue(row["pvalue"]),
        }
        for row in told
    ]  # fmt: skip
    titles = {"reading": "clock", "ballots": "ballots inside one administrator's sittings", "pvalue": "p-value"}
    return Table(rows, titles, "The same test under every reading of the clocks that the evidence allows.")


def off_hours_actions(case: Case, findings: Sequence[Finding]) -> Shown:
    """Each administrator's hours before the vote and during it, and what was compared."""
    shown: Shown = []
    zone = case.contest["timezone"]
    for finding in answered(findings):
        shown.append(charts.hours_grid(off_hours.hours_by_period(case), zone))
        shown.append(_hours(finding))
    return shown


def _hours(finding: Finding) -> Table:
    rows = [
        {
            "administrator": row["administrator"], "before": row["days_before"], "during": row["days"],
            "off": f"{row['off']} of {row['hours']}", "expected": wording.expected(row["expected"]),
            "hours": ", ".join(f"{hour}:00" for hour in row["off_hours"]), "adjusted": wording.pvalue(row["pvalue_adjusted"]),
        }
        for row in finding.details["administrators"][:MOST_ROWS]
    ]  # fmt: skip
    before = "days worked before the vote" if finding.result.form == "period" else "days worked by the others"
    titles = {
        "administrator": "administrator", "before": before, "during": "days worked during the vote", "off": "hours not worked before",
        "expected": "as many as chance would give", "hours": "which hours of the day", "adjusted": "p-value, all rows allowed for",
    }  # fmt: skip
    return Table(
        rows,
        titles,
        f"Hours worked during the vote that lie more than an hour from any worked on the days compared with{_some(finding.details)}.",
    )

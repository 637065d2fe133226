"""Beside roll_change_bursts, contact_change_churn, changed_contact_ballots."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl

from analysis_lib import charts, wording
from analysis_lib.cards import Table
from analysis_lib.case import Case
from analysis_lib.exhibits.shown import Shown, answered, at_text, few
from analysis_lib.methods import changed_contact_ballots as changed
from analysis_lib.methods import contact_change_churn as churn
from analysis_lib.methods import roll_change_bursts as bursts
from analysis_lib.methods.clock_offset import stamped_tables
from analysis_lib.methods.contact_edits import contact_edits, contest_period, placed
from analysis_lib.results import Finding
from analysis_lib.stats.day_counts import standing_out

MOST_WEEKS = 156
BESIDE = "what else is on record then"
FIRST_MINUTE_H = 1 / 60


def roll_change_bursts(case: Case, findings: Sequence[Finding]) -> Shown:
    """The roll's size with bulk edits marked, the days that stand out, and every bulk edit with what is on record near it."""
    zone, bulk = case.contest["timezone"], bursts.bulk_edits(case)
    sizes = _sizes(case)
    shown: Shown = [charts.roll_size(sizes, bulk, zone)] if len(sizes) > 1 else []
    for finding in answered(findings):
        shown += _days(case, finding, zone)
    if bulk:
        rows = [
            {
                "at": at_text(row["at"], zone), "kind": row["kind"], "n": row["n"], "role": _spaced(row["role"]),
                "reason": _spaced(row["reason"]), "beside": row["beside"],
            }
            for row in bulk[:100]
        ]  # fmt: skip
        titles = {
            "at": "edit of",
            "kind": "what was done",
            "n": "members",
            "role": "made by",
            "reason": "reason on file",
            "beside": BESIDE,
        }
        shown.append(
            Table(rows, titles, "Bulk edits: ten members or more within two minutes by one account. Each counts once by day.")
        )
    return shown


def _sizes(case: Case) -> list[dict[str, Any]]:
    """How many members stood on each copy of the whole list: held, else stated; and the counts by copy."""
    held = case.rows("roll").group_by("snapshot_id").len("held")
    copies = (
        case.rows("roll_snapshots").filter(pl.col("purpose") != "given_to_candidate").join(held, on="snapshot_id", how="left")
    )
    rows = copies.select(at="taken_at", n=pl.coalesce("held", "row_count").cast(pl.Int64))
    counted = case.rows("roll_change_counts").select(at="taken_at", n="after_n")
    return pl.concat([rows, counted]).drop_nulls().sort("at", "n").to_dicts()


def _days(case: Case, finding: Finding, zone: str) -> Shown:
    form, details = finding.result.form, finding.details
    series = bursts.usable(bursts.series_of_the_log(case) if form == "log" else bursts.series_of_counts(case))
    shown: Shown = []
    out = {(row["kind"], row["day"]) for row in details["out"]}
    for one in series:
        if one.kind != details["top"]["kind"]:
            continue
        found = standing_out(one.counts, one.classes)
        limits = found.limits(0.99)
        rows = [
            {
                "at": day, "n": int(n), "expected": _known(expected), "limit": _known(limit), "stands_out": (one.kind, day) in out,
            }
            for day, n, expected, limit in zip(one.days, one.counts, found.expected, limits, strict=True)
        ]  # fmt: skip
        shown.append(charts.changes_per_day(rows, one.kind, "edits" if form == "log" else "members", zone))
    rows = [
        {
            "day": _day(row["day"], zone),
            "kind": row["kind"],
            "n": row["n"],
            "expected": round(row["expected"], 1),
            "p": wording.pvalue(row["pvalue"]),
        }
        for row in details["out"]
    ]
    if rows:
        what = "edits" if form == "log" else "members"
        titles = {
            "day": "day",
            "kind": "kind of change",
            "n": what,
            "expected": "mean of the days near by",
            "p": "p-value, days and kinds allowed for",
        }
        shown.append(Table(rows, titles, "Days that stand out, the largest excess first."))
    rows = [{"kind": row["kind"], "n": row["n"]} for row in details["smallest_visible"]]
    shown.append(
        Table(
            rows, {"kind": "kind of change", "n": "smallest day that would have stood out"}, "What these days could have shown."
        )
    )
    return shown


def _day(day: Any, zone: str) -> str:
    return at_text(day, zone)[:10] if hasattr(day, "tzinfo") else day.isoformat()


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _spaced(value: str | None) -> str | None:
    return value and value.replace("_", " ")


def contact_change_churn(case: Case, findings: Sequence[Finding]) -> Shown:
    """Changes by week, by field, outcome and request, against the weeks before; bulk edits; branches and administrators."""
    period, zone = contest_period(case), case.contest["timezone"]
    edits = placed(contact_edits(case), *period) if period else contact_edits(case).with_columns(period=pl.lit(None, pl.String))
    shown: Shown = _weeks(edits, period, zone)
    told = churn.tallies(edits)
    titles = {
        "field": "detail", "outcome": "what became of it", "asked": "request", "earlier": "before the contest's period", "contest": "in it",
        "later": "after the close", "either": "only limits known, or no time",
    }  # fmt: skip
    if told["by_cause"]:
        rows = [row | {"field": _spaced(row["field"])} for row in told["by_cause"]]
        shown.append(Table(rows, titles, "Changes of contact details, those of form alone left out."))
        rows = [
            {name: _spaced(value) if isinstance(value, str) else value for name, value in row.items()} for row in told["by_class"]
        ]
        titles = {
            "field": "detail",
            "edit_class": "what the change amounts to",
            "n": "changes",
            "contest": "in the contest's period",
        }
        shown.append(Table(rows, titles, "The same changes by what they amount to."))
    rows = [
        row | {"at": at_text(row["at"], zone), "role": _spaced(row["role"]), "evidence": _spaced(row["evidence"])}
        for row in churn.bulk(edits, case)[:100]
    ]
    if rows:
        titles = {"at": "edit of", "n": "changes", "role": "made by", "evidence": "reason on file", "beside": BESIDE}
        shown.append(Table(rows, titles, "Bulk edits of contact details, told apart and not tested."))
    for finding in answered(findings):
        shown += [_fields(finding)] if finding.result.form == "period" else [_units(finding, case)]
    return shown


def _weeks(edits: pl.DataFrame, period: Any, zone: str) -> Shown:
    timed = edits.drop_nulls("at").filter(pl.col("asked") != "entered again")
    if not timed.height:
        return []
    origin = period[0] if period else timed["at"].max()
    number = ((pl.col("at") - pl.lit(origin)).dt.total_microseconds() / (7 * 86400e6)).floor().cast(pl.Int64)
    counted = (
        timed.with_columns(week=number)
        .filter(pl.col("week") >= -MOST_WEEKS)
        .group_by("week", "asked")
        .len("n")
        .sort("week", "asked")
    )
    rows = [
        {
            "at": origin + timedelta(days=7 * week), "asked": asked, "n": n,
            "in_contest": bool(period) and period[0] <= origin + timedelta(days=7 * week) < period[1],
        }
        for week, asked, n in counted.iter_rows()
    ]  # fmt: skip
    held = {row["at"] for row in rows}
    empty = [origin + timedelta(days=7 * week) for week in range(counted["week"].min(), counted["week"].max() + 1)]
    rows += [
        {"at": at, "asked": "asked for", "n": 0, "in_contest": bool(period) and period[0] <= at < period[1]}
        for at in empty
        if at not in held
    ]
    return [charts.churn_by_week(sorted(rows, key=lambda row: (row["at"], row["asked"])), zone)]


def _fields(finding: Finding) -> Table:
    rows = [
        {
            "field": _spaced(row["field"]), "seen": row["seen"], "before": row["before"], "rates": f"{row['a_week_before']:.2f}, {row['a_week']:.2f}",
            "p": wording.pvalue(row["pvalue_adjusted"]), "visible": row["smallest_visible"],
        }
        for row in finding.details["fields"]
    ]  # fmt: skip
    titles = {
        "field": "detail", "seen": "in the contest's period", "before": "in the weeks before", "rates": "a week, before and in it",
        "p": "p-value, details allowed for", "visible": "smallest number that would have stood out",
    }  # fmt: skip
    return Table(rows, titles, "Changes that nobody is on record as asking for, bulk edits left out.")


def _units(finding: Finding, case: Case) -> Table:
    form = finding.result.form
    ranked = sorted(finding.details["units"], key=lambda unit: (unit["pvalue"], unit["unit"]))[:15]
    rows = [
        unit
        | {
            "events": few(unit["events"], case) if form == "branch" else unit["events"],
            "p": wording.pvalue(unit["pvalue_adjusted"]),
        }
        for unit in ranked
    ]
    of = "members" if form == "branch" else "changes searched for or asked for"
    titles = {"unit": form, "events": "without a request", "size": of, "p": "p-value, all units allowed for"}
    return Table(rows, titles, f"Changes without a request by {form}, most unusual first.")


def changed_contact_ballots(case: Case, findings: Sequence[Finding]) -> Shown:
    """How soon ballots followed, asked for and not; the groups; and the same under every reading of the clocks."""
    shown: Shown = []
    for finding in answered(findings):
        details = finding.details
        if finding.result.form == "with_times" and (members := changed.members_at_risk(case)):
            shown.append(charts.ballots_after_change(_curves(members)))
        rows = [
            {
                "group": row["group"], "n": few(row["n"], case), "voted": few(row["voted"], case),
                "median": None if row["median_delay_s"] is None else wording.about(row["median_delay_s"]),
            }
            for row in details["groups"]
        ]  # fmt: skip
        titles = {"group": "the change was", "n": "members", "voted": "voted online", "median": "half of them within"}
        left = {name.replace("_", " "): n for name, n in details.get("left_out", {}).items() if n}
        caption = "Members by their first change in the contest's period, and whether they voted online after it."
        if left:
            caption += " Left out: " + "; ".join(f"{name} {n:,}" for name, n in left.items()) + "."
        shown.append(Table(rows, titles, caption))
        if "readings" in details:
            shown.append(_by_reading(details["readings"], stamped_tables(case)))
    return shown


def _curves(members: changed.Members) -> list[dict[str, Any]]:
    rows = []
    for unasked, name in changed.GROUPS.items():
        own = members.compared & (members.unasked == unasked)
        hours = np.maximum((members.stop - members.change)[own] / 3600, FIRST_MINUTE_H)
        voted = members.voted[own]
        grid = np.geomspace(FIRST_MINUTE_H, max(hours.max(initial=1.0), 1.0), 80)
        n = max(int(own.sum()), 1)
        rows += [{"group": name, "hours": float(h), "share": float((voted & (hours <= h)).sum() / n)} for h in grid]
    return rows


def _by_reading(told: list[dict[str, Any]], stamped: dict[str, list[str]]) -> Table:
    rows = [
        {
            "reading": wording.reading(row["reading"], stamped), "voted": None if row["statistic"] is None else int(row["statistic"]),
            "effect": None if row["effect"] is None else wording.number(row["effect"]),
            "p": "too few to compare" if row["pvalue"] is None else wording.pvalue(row["pvalue"]),
        }
        for row in told
    ]  # fmt: skip
    titles = {
        "reading": "clock",
        "voted": "voted after an unasked change",
        "effect": "times the rate of those asked for",
        "p": "p-value",
    }
    return Table(rows, titles, "The same test under every reading of the clocks that the evidence allows.")

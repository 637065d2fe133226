"""Beside credential_ledger and reissue_hazard."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from analysis_lib import charts, wording
from analysis_lib.cards import Table
from analysis_lib.case import Case
from analysis_lib.exhibits.credentials import by_reading
from analysis_lib.exhibits.shown import Shown, answered, few
from analysis_lib.methods import ledger
from analysis_lib.methods import reissue_hazard as hazard
from analysis_lib.methods.clock_offset import stamped_tables
from analysis_lib.methods.reissue_course import course
from analysis_lib.results import Finding
from analysis_lib.wording.ledger import FATES, KINDS

MOST_ROWS = 60
AT_HOURS = (1 / 6, 1, 24, 168)


def credential_ledger(case: Case, findings: Sequence[Finding]) -> Shown:
    """What happened to credentials by kind and role, how each ended, rules counted elsewhere, and stories drawn as strips."""
    shown: Shown = [_kinds(case)] if case.rows("credential_events").height else []
    for finding in answered(findings):
        fates = [{"fate": FATES[row["fate"]], "n": few(row["n"], case)} for row in finding.details["fates"]]
        if fates:
            shown.append(
                Table(fates, {"fate": "how it ended", "n": "credentials"}, "How each credential ended, as far as the log tells.")
            )
        shown += _clocks(case)
        shown.append(_elsewhere(finding.details["elsewhere"]))
        stories = ledger.timelines(case)
        if stories.height:
            shown.append(charts.case_strips(stories, "new code"))
    return shown


def _kinds(case: Case) -> Table:
    rows = ledger.by_kind(case, "role", "trigger")
    told = [
        {"kind": KINDS[row["kind"]], "role": _spaced(row["role"]), "trigger": _spaced(row["trigger"]), "n": row["n"], "credentials": row["credentials"]}
        for row in rows.head(MOST_ROWS).to_dicts()
    ]  # fmt: skip
    titles = {"kind": "what happened", "role": "by", "trigger": "set off by", "n": "times", "credentials": "credentials"}
    cut = f" The {MOST_ROWS} first of {rows.height} lines." if rows.height > MOST_ROWS else ""
    return Table(
        told, titles, f"What the log tells of credentials. Each kind stands apart: a new code is not the same code again.{cut}"
    )


def _clocks(case: Case) -> list[Table]:
    rows = ledger.by_kind(case, "clock_id")
    if rows["clock_id"].n_unique() < 2:
        return []
    told = [
        {"clock": clock or "not named", "kinds": ", ".join(KINDS[kind] for kind in kinds), "n": n}
        for clock, kinds, n in rows.group_by("clock_id", maintain_order=True)
        .agg(pl.col("kind"), pl.col("n").sum())
        .sort("clock_id", nulls_last=True)
        .iter_rows()
    ]
    titles = {"clock": "clock", "kinds": "what it stamped", "n": "times"}
    return [Table(told, titles, "Which clock stamped what: between two clocks an order may be open.")]


def _elsewhere(rules: Sequence[dict]) -> Table:
    rows = [
        {
            "rule": f"{rule['check']}, {rule['name']}", "looked": "cannot be asked" if rule["looked"] is None else rule["looked"],
            "broken": rule["broken"], "undetermined": rule["undetermined"],
        }
        for rule in rules
    ]  # fmt: skip
    titles = {"rule": "rule", "looked": "rows held against it", "broken": "break it", "undetermined": "cannot be told"}
    return Table(
        rows, titles, "Other rules of credentials. Their rows are listed and counted in chapter 00, and not once more here."
    )


def reissue_hazard(case: Case, findings: Sequence[Finding]) -> Shown:
    """How many had voted by a time after the reissue, with what can come first taken into account; and the rates."""
    shown: Shown = []
    for finding in answered(findings):
        followed = course(case)
        level = case.plan.confidence_level
        curves = hazard.incidence(followed, max(AT_HOURS), level)
        shown.append(charts.incidence(curves))
        shown.append(_by_time(curves, level))
        shown.append(_rates(finding, level))
        if "readings" in finding.details:
            shown.append(
                by_reading(finding.details["readings"], stamped_tables(case), "ballots after those not asked for", "ratio")
            )
    return shown


def _by_time(curves: pl.DataFrame, level: float) -> Table:
    rows = []
    for hours in AT_HOURS:
        row = {"within": wording.duration(round(hours * 3600))}
        for group in ("not requested", "requested"):
            own = curves.filter((pl.col("group") == group) & (pl.col("minutes") <= hours * 60 + 1e-6)).tail(1).to_dicts()
            row[group] = (
                f"{wording.percent(own[0]['share'])} ({wording.percent(own[0]['low'])} to {wording.percent(own[0]['high'])})"
                if own
                else None
            )
        rows.append(row)
    titles = {"within": "ballot within", "not requested": "reissues not asked for", "requested": "reissues asked for"}
    return Table(
        rows, titles, f"Share followed by a ballot, with {wording.interval(level)}; a second reissue and the close end the wait."
    )


def _rates(finding: Finding, level: float) -> Table:
    rows = [
        {
            "kind": "not asked for" if row["unrequested"] else "asked for",
            "ratio": f"{wording.number(row['ratio'])} ({wording.number(row['low'])} to {wording.number(row['high'])})",
        }
        for row in finding.details["against_none"]
    ]
    titles = {"kind": "after a reissue", "ratio": f"times the rate of members waiting without one ({wording.interval(level)})"}
    caption = "Shown, and never tested: who is sent a new code votes sooner than others in an innocent contest too."
    return Table(rows, titles, caption)


def _spaced(name: str) -> str:
    return name.replace("_", " ")

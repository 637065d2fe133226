"""Beside ballots_outside_window and closing_surge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import polars as pl

from analysis_lib import charts, wording
from analysis_lib.cards import Table, table
from analysis_lib.case import Case
from analysis_lib.clocks import window_in_force
from analysis_lib.exhibits.shown import Shown, answered, at_text, local
from analysis_lib.methods import ballots_outside_window as outside
from analysis_lib.methods.clock_offset import anchored_offsets
from analysis_lib.results import Finding


def ballots_outside_window(case: Case, findings: Sequence[Finding]) -> Shown:
    """Ballots on a line around the close under each clock reading, the counts in every basis, and what notice was given."""
    shown: Shown = []
    zone = case.contest["timezone"]
    for finding in answered(findings):
        shown += [_counts(finding, zone)] if finding.result.form == outside.COUNTS else _stamped(case, finding, zone)
        if finding.details["window_actions"]:
            actions = [
                row | {"at": at_text(row["at"], zone) if row["at"] else None} | _spaced(row, "action", "actor_role")
                for row in finding.details["window_actions"]
            ]
            shown.append(
                Table(actions, {"at": "time", "action": "action", "actor_role": "role"}, "Logged actions on the window.")
            )
    return shown


def _stamped(case: Case, finding: Finding, zone: str) -> Shown:
    shown: Shown = []
    windows, ballots = case.rows("contest_windows"), outside.brought_in(case)
    closes = {
        channel: window.closes_at
        for channel in ballots["channel"].unique().sort()
        if (window := window_in_force(windows, channel)) and window.closes_at
    }
    _, late = outside.ballots_outside_window(
        ballots, case.rows("clocks"), windows, zone=zone, tolerances_s=case.plan.tolerances_s
    )
    if finding.details["most"]:
        placed = outside.around_close(ballots, case.rows("clocks"), closes, zone, anchored_offsets(case))
        placed = placed.with_columns(pl.col("reading").map_elements(wording.reading, return_dtype=pl.String))
        late_in = {c: at for c, at in closes.items() if c in placed.filter(pl.col("seconds") > 0)["channel"]}
        figure = charts.late_ballots(placed, late_in, zone)
        shown += [figure] if figure else []
    if late.height:
        listed = late.sort("at", "event_id").with_columns(
            local(pl.col("at"), zone),
            pl.col("channel", "actor_role").str.replace_all("_", " "),
            pl.col("seconds").map_elements(_how_far, return_dtype=pl.String),
        )
        titles = {
            "at": f"stamp ({zone})", "channel": "channel", "actor_role": "recorded role", "seconds": "outside by", "in_batch": "keyed in",
        }  # fmt: skip
        titles = _telling(listed.to_dicts(), titles, "in_batch")
        shown.append(table(listed, "Ballots stamped outside the window in force. No voter is shown.", titles))
    shown.append(_every_reading(finding))
    if len({(row["channel"], row["closes_at"]) for row in finding.details["closes"]}) > len(closes):
        shown.append(_closes(finding, zone))
    if finding.details["sessions"]:
        shown.append(_sessions(finding.details["sessions"]))
    return shown


def _closes(finding: Finding, zone: str) -> Table:
    """Every close on record, when it was announced, and the ballots after it."""
    rows = [
        row | _spaced(row, "channel") | {
            "closes_at": at_text(row["closes_at"], zone), "announced_at": at_text(row["announced_at"], zone) if row["announced_at"] else None,
            "grace": wording.lasting(row["grace_s"]) if row["grace_s"] else None,
        }
        for row in finding.details["closes"]
    ]  # fmt: skip
    titles = {
        "channel": "channel", "basis": "window", "closes_at": "close", "announced_at": "announced", "grace": "grace",
        "after": "ballots after it",
    }  # fmt: skip
    return Table(rows, titles, "Every close of the voting on record, and the ballots stamped after each.")


def _sessions(sessions: Mapping[str, int]) -> Table:
    """Ballots after the close by when the voter had begun them, within the grace and beyond."""
    words = {"begun_before": "before the close", "begun_after": "after the close", "unknown": "not on record"}
    rows = [{"begun": text, "in_grace": sessions[f"in_grace_{key}"], "late": sessions[key]} for key, text in words.items()]
    titles = {"begun": "begun", "in_grace": "cast within the grace", "late": "cast after it"}
    told = "Ballots cast after the close, by when the voter had opened or filled in the ballot."
    return Table(rows, _telling(rows, titles, "in_grace"), told)


def _counts(finding: Finding, zone: str) -> Table:
    """The readings around the close, and what they allow."""
    times = ("closes_at", "before_at", "last_at")
    rows = [
        row | _spaced(row, "channel") | {name: at_text(row[name], zone) if row[name] else None for name in times}
        for row in finding.details["counts"]
    ]
    titles = {
        "channel": "channel", "closes_at": "close", "before_at": "last reading before it", "last_at": "last reading",
        "last_n": "count then", "fewest": "after the close, at least", "most": "at most",
    }  # fmt: skip
    return Table(rows, titles, "Ballots after the close, as far as a running count bounds them.")


def _every_reading(finding: Finding) -> Table:
    """One row per channel, version of the window and clock reading; a column of late ballots for each tolerance."""
    rows: dict[tuple, dict] = {}
    for row in finding.details["counts"]:
        key = (row["channel"], row["basis"], row["reading"])
        line = rows.setdefault(key, _spaced(row, "channel") | {
            "basis": row["basis"], "reading": wording.reading(row["reading"]), "n": row["n"],
            "before": row["before"], "batch_after": row["batch_after"],
        })  # fmt: skip
        line[f"after_{row['tolerance_s']}"] = row["after"]
    tolerances, listed = finding.result.parameters["tolerances_s"], list(rows.values())
    titles = {"channel": "channel", "basis": "window", "reading": "clock", "n": "ballots", "before": "before opening"}
    titles |= {f"after_{s}": "after close" if s == 0 else f"more than {wording.duration(s)} after" for s in tolerances}
    titles |= {"batch_after": "entered in a batch after close"}
    several = len({line["reading"] for line in listed}) > 1
    shown = _telling(listed, titles, "before", "batch_after", *(f"after_{s}" for s in tolerances if s))
    clocks = "under every clock reading that the evidence allows" if several else "as the clock recorded it"
    none = " Columns in which no ballot would stand are left out." if len(shown) < len(titles) else ""
    shown = {name: title for name, title in shown.items() if name != "reading" or several}
    return Table(listed, shown, f"Ballots outside the window, in every version of it, {clocks}.{none}")


def _telling(rows: Sequence[Mapping[str, Any]], titles: Mapping[str, str], *may_go: str) -> dict[str, str]:
    """The columns to show: those that may go do so where they are 0 in every row."""
    return {name: title for name, title in titles.items() if name not in may_go or any(row[name] for row in rows)}


def _spaced(row: Mapping[str, Any], *names: str) -> dict[str, str | None]:
    """Codes of a row as words."""
    return {name: row[name].replace("_", " ") if row[name] else None for name in names}


def _how_far(seconds: int) -> str:
    return f"{wording.lasting(abs(seconds))} {'before the opening' if seconds < 0 else 'after the close'}"


def closing_surge(case: Case, findings: Sequence[Finding]) -> Shown:
    """The share of ballots in each stretch before the close beside what others lead one to expect."""
    shown: Shown = []
    for finding in answered(findings):
        stretches, form = finding.details["stretches"], finding.result.form
        shown.append(charts.closing_stretches(stretches, finding.result.effect.confidence_level, form))
        rows = [
            row | {
                "length": wording.duration(row["length_s"]), "share": wording.percent(row["count"] / row["size"], 1),
                "expected": round(row["expected"], 1), "interval": f"{row['low']:,} to {row['high']:,}",
            }
            for row in stretches
        ]  # fmt: skip
        others, ballots = ("peers", "peer ballots") if form == "peers" else ("earlier days", "ballots of earlier days")
        titles = {
            "length": "before the close", "count": "ballots", "share": "share of all", "expected": "expected",
            "interval": wording.interval(finding.result.effect.confidence_level), "smallest_visible": "would stand out from",
            "n_others": others, "n_left_out": f"{others} without a usable reading", "pvalue": "p-value", "pvalue_adjusted": "adjusted",
        }  # fmt: skip
        told = f"Ballots in the last stretch before the close, beside {others}."
        if _more_where_shorter(stretches):
            told += f" The shorter the stretch, the fewer {ballots} tell how much it varies, so more are needed."
        shown.append(Table(rows, _telling(rows, titles, "n_left_out"), told))
        if "readings" in finding.details:
            shown.append(_surge_by_reading(finding.details["readings"]))
    return shown


def _more_where_shorter(stretches: Sequence[Mapping[str, Any]]) -> bool:
    """Whether each shorter stretch needs more ballots to stand out."""
    needed = [row["smallest_visible"] for row in sorted(stretches, key=lambda row: row["length_s"])]
    return len(needed) > 1 and all(a and b and a > b for a, b in pairwise(needed))


def _surge_by_reading(told: Sequence[Mapping[str, Any]]) -> Table:
    rows = [
        {
            "reading": wording.reading(row["reading"]), "ballots": None if row["statistic"] is None else int(row["statistic"]),
            "above": None if row["effect"] is None else wording.number(row["effect"], 1),
            "pvalue": "not comparable" if row["pvalue"] is None else f"{row['pvalue']:.2g}",
        }
        for row in told
    ]  # fmt: skip
    titles = {"reading": "clock", "ballots": "ballots", "above": "above expectation", "pvalue": "p-value"}
    return Table(rows, titles, "The same test under every reading of the clock that the evidence allows.")

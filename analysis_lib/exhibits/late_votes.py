"""Beside ballots_outside_window."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from analysis_lib import charts, wording
from analysis_lib.cards import Table, table
from analysis_lib.case import Case
from analysis_lib.clocks import window_in_force
from analysis_lib.exhibits.shown import Shown, answered, at_text, local
from analysis_lib.methods import ballots_outside_window as outside
from analysis_lib.results import Finding


def ballots_outside_window(case: Case, findings: Sequence[Finding]) -> Shown:
    """Late ballots on a line around the close, and the counts in every basis, under every clock reading and tolerance."""
    shown: Shown = []
    zone = case.contest["timezone"]
    for finding in answered(findings):
        windows, ballots = case.rows("contest_windows"), outside.brought_in(case)
        closes = {
            channel: window.closes_at
            for channel in ballots["channel"].unique().sort()
            if (window := window_in_force(windows, channel)) and window.closes_at
        }
        _, late = outside.ballots_outside_window(
            ballots, case.rows("clocks"), windows, zone=zone, tolerances_s=case.plan.tolerances_s
        )
        figure = charts.late_ballots(late, {c: at for c, at in closes.items() if late.height and c in late["channel"]}, zone)
        shown += [figure] if figure else []
        if late.height:
            listed = late.sort("at", "event_id").with_columns(local(pl.col("at"), zone))
            titles = {
                "at": f"stamp ({zone})",
                "channel": "channel",
                "actor_role": "recorded actor",
                "seconds": "seconds past close",
            }
            shown.append(table(listed, "Ballots stamped outside the window in force. No voter is shown.", titles))
        shown.append(_every_reading(finding))
        if finding.details["window_actions"]:
            actions = [row | {"at": at_text(row["at"], zone) if row["at"] else None} for row in finding.details["window_actions"]]
            shown.append(
                Table(actions, {"at": "time", "action": "action", "actor_role": "role"}, "Logged actions on the window.")
            )
    return shown


def _every_reading(finding: Finding) -> Table:
    """One row per channel, version of the window and clock reading; a column of late ballots for each tolerance."""
    rows: dict[tuple, dict] = {}
    for row in finding.details["counts"]:
        key = (row["channel"], row["basis"], row["reading"])
        line = rows.setdefault(key, {
            "channel": row["channel"], "basis": row["basis"], "reading": wording.reading(row["reading"]), "n": row["n"],
            "before": row["before"], "batch_after": row["batch_after"],
        })  # fmt: skip
        line[f"after_{row['tolerance_s']}"] = row["after"]
    tolerances = finding.result.parameters["tolerances_s"]
    titles = {"channel": "channel", "basis": "window", "reading": "clock", "n": "ballots", "before": "before opening"}
    titles |= {f"after_{s}": "after close" if s == 0 else f"more than {wording.duration(s)} after" for s in tolerances}
    titles |= {"batch_after": "entered in a batch after close"}
    return Table(
        list(rows.values()),
        titles,
        "Ballots outside the window, in every version of it, under every clock reading that the evidence allows.",
    )

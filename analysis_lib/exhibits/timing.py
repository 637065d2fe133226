"""Beside cast_rate_bursts and falling_turnout_counts."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from analysis_lib import charts, wording
from analysis_lib.cards import Table
from analysis_lib.case import Case
from analysis_lib.clocks import window_in_force
from analysis_lib.exhibits.shown import Shown, answered, at_text
from analysis_lib.methods import falling_turnout_counts as falling
from analysis_lib.methods.turnout import steps
from analysis_lib.methods.turnout_stretches import MESSAGES, outages
from analysis_lib.methods.turnout_view import hourly, levels, zoom
from analysis_lib.results import Finding

MOST_CLUSTERS = 12
MOST_FALLS = 200
BY_BALLOT = ("within_hour", "peer_baseline", "hours")
AGAINST = {
    "within_hour": "own hours", "peer_baseline": "the peers' pace", "hours": "the peers' pace", "turnout_counts": "the rest of the hour",
}  # fmt: skip


def cast_rate_bursts(case: Case, findings: Sequence[Finding]) -> Shown:
    """Ballots per hour on the peers' band and the top window close up; or the rise of a running count; what would have shown."""
    shown: Shown = []
    zone = case.contest["timezone"]
    held = answered(findings)
    timed = [finding for finding in held if finding.result.form in BY_BALLOT]
    if timed:
        top = min(timed, key=lambda finding: finding.result.pvalue)
        window, frame = top.details["window"], hourly(case)
        if frame.height:
            shown.append(charts.ballots_per_hour(frame, _marks(case), window, zone, levels(frame)))
        if window["count"] and top.result.form != "hours":
            shown.append(charts.burst_close_up(zoom(case, window["start"], window["end"]), window, zone))
    for finding in held:
        if finding.result.form == "turnout_counts":
            falls = falling.falling_turnout_counts(case.rows("turnout_counts")).to_dicts()
            shown.append(charts.running_count(steps(case), finding.details["window"], falls, zone, _marks(case)))
        shown.append(_clusters(finding, zone))
        shown += _slow_rises(finding, zone) + _smallest(finding)
    return shown


def _clusters(finding: Finding, zone: str) -> Table:
    listed = finding.details["clusters"] or [finding.details["window"]]
    rows = [
        {
            "start": at_text(w["start"], zone), "end": at_text(w["end"], zone), "length": wording.duration(w["length_s"]),
            "count": w["count"], "expected": wording.expected(w["expected"]), "llr": round(w["llr"], 2),
        }
        for w in listed[:MOST_CLUSTERS]
    ]  # fmt: skip
    titles = {
        "start": "from", "end": "to", "length": "length", "count": "ballots", "expected": "expected",
        "llr": "how unusual (log-likelihood ratio)",
    }  # fmt: skip
    what = AGAINST[finding.result.form]
    if finding.details["clusters"]:
        more = f" (the first {MOST_CLUSTERS} of {len(listed)})" if len(listed) > MOST_CLUSTERS else ""
        return Table(
            rows, titles,
            f"Separate windows that stand out against {what}, most unusual first{more}: each reaches a line that not one window "
            "reaches in 95 contests of 100 that keep to it.",
        )  # fmt: skip
    return Table(rows, titles, f"The window that stands out most against {what}; none is listed as unusual.")


def _slow_rises(finding: Finding, zone: str) -> Shown:
    rises = finding.details.get("slow_rises", ())
    if not rises:
        return []
    rows = [
        {"start": at_text(r["start"], zone), "end": at_text(r["end"], zone)}
        | {name: f"{r[name]:,.0f}" for name in ("count", "before", "after", "excess")}
        for r in rises[:MOST_CLUSTERS]
    ]
    titles = {
        "start": "from", "end": "to", "count": "rise", "before": "an hour before", "after": "an hour after", "excess": "above both sides by",
    }  # fmt: skip
    return [
        Table(rows, titles, "Stretches of hours in which the count rose faster than before and after. A description: not tested.")
    ]


def _smallest(finding: Finding) -> Shown:
    rows = [
        {"length": wording.duration(row["length_s"])}
        | {name: str(row.get(name) or "not even all") for name in ("ballots", "ballots_busy")}
        for row in finding.details["smallest_visible"]
    ]
    titles = {"length": "in", "ballots": "at the average pace", "ballots_busy": "at five times that pace"}
    what = AGAINST[finding.result.form]
    return [Table(rows, titles, f"Fewest ballots in one window that would have stood out against {what}.")] if rows else []


def _marks(case: Case) -> list[dict]:
    sent = case.rows("communications").filter(pl.col("kind").is_in(MESSAGES) & pl.col("audience").ne_missing("single"))
    windows, events = case.rows("contest_windows"), case.rows("timeline")
    marks = [{"at": at, "what": "message"} for at in sent["sent_at"].drop_nulls()]
    marks += [{"at": at, "what": "hustings"} for at in windows.filter(pl.col("kind") == "hustings")["opens_at"].drop_nulls()]
    marks += [{"at": at, "what": "hustings"} for at in events.filter(pl.col("kind").is_in(["hustings", "meeting"]))["starts_at"]]
    marks += [{"at": start, "until": end, "what": "outage"} for start, end in outages(case)]
    window = window_in_force(windows, "online")
    return marks + ([{"at": window.closes_at, "what": "close"}] if window and window.closes_at else [])


def falling_turnout_counts(case: Case, findings: Sequence[Finding]) -> Shown:
    """Every fall of the running count."""
    zone, shown = case.contest["timezone"], []
    for finding in answered(findings):
        if finding.details["falls"]:
            falls = finding.details["falls"]
            rows = [
                fall | {"read": at_text(fall["as_of"], zone), "utc": at_text(fall["as_of"], "UTC")} for fall in falls[:MOST_FALLS]
            ]
            more = f" (the first {MOST_FALLS} of {len(falls):,})" if len(falls) > MOST_FALLS else ""
            titles = {"read": "read at", "utc": "UTC", "before": "count before", "voted_n": "count then", "change": "change"}
            shown.append(
                Table(
                    rows, titles, f"Readings of the running count that are lower than the one before, largest fall first{more}."
                )
            )
    return shown

"""What each section of a chapter shows beside its finding: figures and tables, or nothing where the question has no answer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from analysis_lib import charts, wording
from analysis_lib.cards import Table, table
from analysis_lib.case import Case
from analysis_lib.clocks import window_in_force
from analysis_lib.figure import Figure
from analysis_lib.methods import ballots_outside_window as outside
from analysis_lib.methods import cast_rate_bursts as bursts
from analysis_lib.methods import falling_turnout_counts as falling
from analysis_lib.methods import reissue_rates as rates
from analysis_lib.methods import reissue_to_ballot_delay as delay
from analysis_lib.methods.turnout import steps
from analysis_lib.results import Finding, NotAnswerable, Verdict
from analysis_lib.schema import NOT_SUPPLIED

Shown = list[Figure | Table]
MOST_CLUSTERS = 12
MOST_FALLS = 200


def _answered(findings: Sequence[Finding]) -> list[Finding]:
    return [finding for finding in findings if not isinstance(finding.result, NotAnswerable)]


def evidence(case: Case) -> Shown:
    """What was handed over: sources, tables with rows kept and left out, faults, coded missing values, clocks, windows."""
    package, zone = case.package, case.contest["timezone"]
    held = [
        {
            "table": name,
            "rows": frame.height,
            "of this contest": case.rows(name).height,
            "left out": _left_out(package.n_left_out, name),
        }
        for name, frame in package.tables.items()
        if name in package.held
    ]
    shown: Shown = [
        table(
            package.tables["sources"].select(
                "title", "kind", "supplied_by_role", "interest", "completeness", "obtained_at", "note"
            ),
            "Every source of this package, who gave it, and how complete it is said to be.",
        ),
        Table(
            held,
            {name: name for name in ("table", "rows", "of this contest", "left out")},
            "Tables held: rows in good order, and rows left out for a fault.",
        ),
    ]
    if package.faults.height:
        titles = {name: name for name in ("file", "column", "row", "found", "expected", "remedy", "severity")}
        shown.append(
            table(package.faults, "Faults of the files. A row with an error is left out of every count in this report.", titles)
        )
    coded = package.missingness.filter(pl.col("code") != NOT_SUPPLIED).sort("table", "column", "code")
    if coded.height:
        shown.append(table(coded, "Values that are missing for a reason that was given."))
    blank = package.missingness.filter(pl.col("code") == NOT_SUPPLIED).sort("table", "column")
    if blank.height:
        cells = blank.group_by("table", maintain_order=True).agg(columns=pl.format("{} ({})", "column", "n").str.join(", "))
        shown.append(
            table(
                cells,
                "Cells left blank, with no reason given, by column.",
                {"table": "table", "columns": "columns (blank cells)"},
            )
        )
    clocks = package.tables["clocks"]
    if clocks.height:
        shown.append(table(clocks.drop("source_id"), "Clocks: what zone a log's times are in, and how that is known."))
    windows = case.rows("contest_windows").with_columns(
        _local(pl.col(name), zone).alias(name) for name in ("opens_at", "closes_at", "announced_at")
    )  # fmt: skip
    results = case.rows("results").join(
        case.rows("candidates").select("candidate_id", "display_name"), on="candidate_id", how="left"
    )
    if results.height:
        figures = results.sort("row_id").select(
            "round", "channel", "item", "display_name", "n", "share", "lo", "hi", "basis", "status", "source_id"
        )
        shown.append(table(figures, "Published figures, as they were handed over, each with its basis and source."))
    messages = case.rows("communications").sort("sent_at", "message_id")
    if messages.height:
        sent = messages.select("kind", _local(pl.col("sent_at"), zone), "n_recipients")
        shown.append(table(sent, f"Messages to members, in {zone} time."))
    if windows.height:
        shown.append(table(windows.drop("window_id", "contest_id", "source_id"), f"Windows of the contest, in {zone} time."))
    return shown


def _left_out(left_out: Any, name: str) -> int:
    return sum(n for key, n in left_out.items() if key.rsplit("/", 1)[-1].split(".")[0] == name)


def _local(column: pl.Expr, zone: str) -> pl.Expr:
    return column.dt.convert_time_zone(zone).dt.strftime("%Y-%m-%d %H:%M:%S %Z")


def _at(instant: datetime, zone: str) -> str:
    return f"{instant.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S %Z}"


def totals_reconciliation(case: Case, findings: Sequence[Finding]) -> Shown:
    """Every sum checked, drawn and listed."""
    shown: Shown = []
    for finding in _answered(findings):
        identities = finding.details["identities"]
        rows = [item | {"result": wording.identity(item)} for item in identities]
        titles = {"name": "sum", "declaration": "declaration", "result": "both sides", "gap": "ballots apart"}
        shown += [charts.sums(identities), Table(rows, titles, "Every sum that was checked.")]
    return shown


def struck_ballots(case: Case, findings: Sequence[Finding]) -> Shown:
    """Totals before and after striking."""
    titles = {"candidate": "candidate", "ballots": "first declared", "after": "declared after striking"}
    return [
        Table(finding.details["before"], titles, "Candidates' totals before and after the ballots were struck out.")
        for finding in _answered(findings)
    ]


def cast_rate_bursts(case: Case, findings: Sequence[Finding]) -> Shown:
    """Ballots per hour on the peers' band and the top window close up; or the rise of a running count."""
    shown: Shown = []
    zone = case.contest["timezone"]
    answered = _answered(findings)
    timed = [finding for finding in answered if finding.result.form != "turnout_counts"]
    if timed:
        top = min(timed, key=lambda finding: finding.result.pvalue)
        window = top.details["window"]
        shown.append(charts.ballots_per_hour(bursts.hourly(case), _marks(case), window, zone))
        if window["count"]:
            shown.append(charts.burst_close_up(bursts.zoom(case, window["start"], window["end"]), window, zone))
    for finding in answered:
        if finding.result.form == "turnout_counts":
            falls = falling.falling_turnout_counts(case.rows("turnout_counts")).to_dicts()
            shown.append(charts.running_count(steps(case), finding.details["window"], falls, zone))
        shown.append(_clusters(finding, zone))
    return shown


def _clusters(finding: Finding, zone: str) -> Table:
    listed = finding.details["clusters"] or [finding.details["window"]]
    rows = [
        {
            "start": _at(w["start"], zone), "end": _at(w["end"], zone), "length": wording.duration(w["length_s"]),
            "count": w["count"], "expected": wording.expected(w["expected"]), "llr": round(w["llr"], 2),
        }
        for w in listed[:MOST_CLUSTERS]
    ]  # fmt: skip
    titles = {
        "start": "from",
        "end": "to",
        "length": "length",
        "count": "ballots",
        "expected": "expected",
        "llr": "log-likelihood ratio",
    }
    what = {"within_hour": "own hours", "peer_baseline": "the peers' pace", "turnout_counts": "the rest of the hour"}[
        finding.result.form
    ]
    if finding.details["clusters"]:
        more = f" (the first {MOST_CLUSTERS} of {len(listed)})" if len(listed) > MOST_CLUSTERS else ""
        return Table(rows, titles, f"Separate windows that stand out against {what}, most unusual first{more}.")
    return Table(rows, titles, f"The window that stands out most against {what}; none is listed as unusual.")


def _marks(case: Case) -> list[dict]:
    messages = (
        case.rows("communications")
        .filter(pl.col("kind").is_in(["invitation", "reminder", "candidate_mailing"]))["sent_at"]
        .drop_nulls()
    )
    windows = case.rows("contest_windows")
    marks = [{"at": at, "what": "message"} for at in messages]
    marks += [{"at": at, "what": "hustings"} for at in windows.filter(pl.col("kind") == "hustings")["opens_at"].drop_nulls()]
    window = window_in_force(windows, "online")
    return marks + ([{"at": window.closes_at, "what": "close"}] if window and window.closes_at else [])


def falling_turnout_counts(case: Case, findings: Sequence[Finding]) -> Shown:
    """Every fall of the running count."""
    zone, shown = case.contest["timezone"], []
    for finding in _answered(findings):
        if finding.details["falls"]:
            falls = finding.details["falls"]
            rows = [fall | {"read": _at(fall["as_of"], zone), "utc": _at(fall["as_of"], "UTC")} for fall in falls[:MOST_FALLS]]
            more = f" (the first {MOST_FALLS} of {len(falls):,})" if len(falls) > MOST_FALLS else ""
            titles = {"read": "read at", "utc": "UTC", "before": "count before", "voted_n": "count then", "change": "change"}
            shown.append(
                Table(
                    rows, titles, f"Readings of the running count that are lower than the one before, largest fall first{more}."
                )
            )
    return shown


def ballots_outside_window(case: Case, findings: Sequence[Finding]) -> Shown:
    """Late ballots on a line around the close, and the counts in every basis, under every clock reading and tolerance."""
    shown: Shown = []
    zone = case.contest["timezone"]
    for finding in _answered(findings):
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
            listed = late.sort("at", "event_id").with_columns(_local(pl.col("at"), zone))
            titles = {
                "at": f"stamp ({zone})",
                "channel": "channel",
                "actor_role": "recorded actor",
                "seconds": "seconds past close",
            }
            shown.append(table(listed, "Ballots stamped outside the window in force. No voter is shown.", titles))
        shown.append(_every_reading(finding))
        if finding.details["window_actions"]:
            actions = [row | {"at": _at(row["at"], zone) if row["at"] else None} for row in finding.details["window_actions"]]
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
            "channel": row["channel"], "basis": row["basis"], "reading": wording.READINGS[row["reading"]], "n": row["n"],
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


def reissue_rates(case: Case, findings: Sequence[Finding]) -> Shown:
    """A funnel and a list, by branch and by administrator; and what set the reissues off."""
    shown: Shown = []
    if _answered(findings):
        titles = {"trigger": "set off by", "actor_role": "made by", "n": "reissues"}
        shown.append(table(rates.reissues_by_trigger(case), "Reissues by what set them off and by the role on record.", titles))
    for finding in _answered(findings):
        form, units = finding.result.form, finding.details["units"]
        shown.append(charts.funnel(units, rates.funnel(finding.result), finding.details["pooled_rate"], form))
        ranked = sorted(units, key=lambda unit: (unit["pvalue"], unit["unit"]))[:15]
        rows = [unit | {"rate": wording.percent(unit["events"] / unit["size"])} for unit in ranked]
        what = ("reissued", "members") if form == "branch" else ("not requested", "reissues handled")
        titles = {
            "unit": form,
            "events": what[0],
            "size": what[1],
            "rate": "rate",
            "pvalue": "p-value",
            "pvalue_adjusted": "adjusted",
        }
        shown.append(
            Table(
                rows,
                titles,
                f"Rates by {form}, most unusual first. Administrators are numbered by how much they handled; no key or name is shown.",
            )
        )
    return shown


def reissue_to_ballot_delay(case: Case, findings: Sequence[Finding]) -> Shown:
    """How soon a ballot followed, asked for and not asked for, and the members at risk at the same instants."""
    shown: Shown = []
    for finding in _answered(findings):
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
    return shown


def channel_gap(case: Case, findings: Sequence[Finding]) -> Shown:
    """The candidate's share in each channel, with all that the published figures allow."""
    answered = _answered(findings)
    return [charts.channel_shares(answered[0].details)] if answered else []


def by_grade(entries: Sequence[dict]) -> Shown:
    """The summary's tables, one for each grade and one for what can't be answered, from the entries of findings.json."""
    shown: Shown = []
    for grade, title in (
        ("breach", "Breaches: counts of facts"),
        ("anomaly", "Anomalies: calibrated tests"),
        ("materiality", "Could it have changed the result?"),
    ):
        rows = [
            {"chapter": e["chapter"][:2], "verdict": wording.VERDICTS[Verdict(e["verdict"])], "sentence": e["sentence"]}
            for e in entries
            if e["grade"] == grade and e["verdict"] != Verdict.CANNOT_BE_ANSWERED
        ]
        if rows:
            shown.append(Table(rows, {"chapter": "chapter", "verdict": "verdict", "sentence": "finding"}, title))
    open_ones = [
        {"chapter": e["chapter"][:2], "question": e["question"].replace("_", " "), "needs": ", ".join(e["needs"])}
        for e in entries
        if e["verdict"] == Verdict.CANNOT_BE_ANSWERED
    ]
    if open_ones:
        shown.append(
            Table(
                open_ones,
                {"chapter": "chapter", "question": "question", "needs": "columns that would answer it"},
                "Cannot be answered with the data held",
            )
        )
    return shown

"""What was handed over, and in what state."""

from __future__ import annotations

from typing import Any

import polars as pl

from analysis_lib.cards import Table, table
from analysis_lib.case import Case
from analysis_lib.exhibits.shown import Shown, local
from analysis_lib.exhibits.summaries import summaries
from analysis_lib.methods.declared import whole_contest
from analysis_lib.schema import NOT_SUPPLIED

CLOCK = (
    "clock_id", "applies_to", "tz_used", "tz_basis", "resolution", "rounding", "write_semantics", "offset_s", "offset_sd_s", "offset_basis",
    "dst_policy",
)  # fmt: skip


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
                "source_id", "title", "kind", "supplied_by_role", "interest", "completeness", "obtained_at", "note"
            ),
            "Every source of this package, who gave it, and how complete it is said to be.",
        ),
        *_custody(case, zone),
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
        shown.append(table(clocks.select(CLOCK), "Clocks: what zone a log's times are in, and how that is known."))
    windows = case.rows("contest_windows").with_columns(
        local(pl.col(name), zone).alias(name) for name in ("opens_at", "closes_at", "announced_at")
    )  # fmt: skip
    results = whole_contest(case.rows("results")).join(
        case.rows("candidates").select("candidate_id", "display_name"), on="candidate_id", how="left"
    )
    if results.height:
        figures = results.sort("row_id").select(
            "round", "channel", "item", "display_name", "n", "share", "lo", "hi", "basis", "status", "source_id"
        )
        shown.append(table(figures, "Published figures, as they were handed over, each with its basis and source."))
    if case.holds("candidates.ballot_order") or case.holds("candidates.withdrawn_at"):
        stood = case.rows("candidates").sort("ballot_order", "candidate_id").select(
            "display_name", "ballot_order", local(pl.col("withdrawn_at"), zone)
        )  # fmt: skip
        shown.append(table(stood, "Candidates, in the order of the ballot."))
    messages = case.rows("communications").sort("sent_at", "message_id")
    if messages.height:
        sent = messages.select(
            "kind",
            "medium",
            "audience",
            local(pl.col("sent_at"), zone),
            local(pl.col("sent_end_at"), zone),
            "n_recipients",
            "n_bounced",
        )
        shown.append(table(sent, f"Messages to members, in {zone} time."))
    if windows.height:
        shown.append(
            table(windows.drop("window_id", "contest_id", "source_id", "source_row"), f"Windows of the contest, in {zone} time.")
        )
    return shown + summaries(case)


def _custody(case: Case, zone: str) -> Shown:
    """The files as they came, and what was mended on the way in, by source and kind of repair."""
    sources = case.rows("sources").with_columns(
        covers_from=local(pl.col("covers_from"), zone),
        covers_to=local(pl.col("covers_to"), zone),
        sha256=pl.col("sha256").str.replace_all("(.{16})", "$1 ").str.strip_chars_end(),  # 64 digits in one are cut off in print
    )
    columns = ("platform", "bytes", "rows", "covers_from", "covers_to", "sha256")
    held = [name for name in columns if sources[name].count()]
    custody = sources.select("source_id", *held)
    shown: Shown = [table(custody, "The files as they were received, with the SHA-256 of each.")] if held else []
    repairs = case.rows("repairs")
    if repairs.height:
        mended = repairs.group_by("source_id", "repair").agg(
            cells=pl.len(),
            rows=pl.col("source_row").n_unique(),
            columns=pl.col("column").drop_nulls().unique().sort().str.join(", "),
        )
        shown.append(
            table(mended.sort("source_id", "repair"), "Cells mended when the files were read, by source and kind of repair.")
        )
    return shown


def _left_out(left_out: Any, name: str) -> int:
    return sum(n for key, n in left_out.items() if key.rsplit("/", 1)[-1].split(".")[0] == name)

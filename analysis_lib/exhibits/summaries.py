"""Counts of what members, candidates and third parties reported, and of what was sent; small counts are not shown."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from analysis_lib.cards import Table, table
from analysis_lib.case import Case
from analysis_lib.exhibits.shown import Shown, few, local

ANSWERS = ("says_voted", "says_channel", "says_applied", "says_received_credential", "says_changed_contact")


def summaries(case: Case) -> Shown:
    """Complaints, confirmations, checks of the roll, applications, lists given out, credentials sent, and events of the calendar."""
    return [
        *_complaints(case),
        *_confirmations(case),
        *_roll_checks(case),
        *_applications(case),
        *_lists(case),
        *_destinations(case),
        *_batches(case),
        *_timeline(case),
    ]


def _counted(rows: pl.DataFrame, by: Sequence[str], caption: str, case: Case, what: str = "n", **more: pl.Expr) -> Shown:
    """One row for each combination, with its count; `more` are counts too. Underscores are for the data, spaces for readers."""
    if not rows.height:
        return []
    counts = {what: pl.len()} | more
    counted = rows.with_columns(pl.col(by).fill_null("not stated")).group_by(by).agg(**counts).sort(by)
    shown = [
        {name: value.replace("_", " ") if isinstance(value, str) else few(value, case) for name, value in row.items()}
        for row in counted.iter_rows(named=True)
    ]
    return [Table(shown, {name: name.replace("_", " ") for name in (*by, *counts)}, caption)]


def _complaints(case: Case) -> Shown:
    rows = case.rows("complaints")
    members = {"members": pl.col("voter_key").drop_nulls().n_unique()}
    settled = (pl.col("outcome_at") - pl.col("received_at")).is_not_null()
    return [
        *_counted(rows, ["category", "outcome"], "Complaints, by what they are about and what became of them.", case, "complaints",
                  **members, with_both_dates=settled.sum()),
        *_counted(rows, ["channel", "complainant_role"], "Complaints, by way of voting and by who complained.", case, "complaints"),
    ]  # fmt: skip


def _confirmations(case: Case) -> Shown:
    rows, zone = case.rows("confirmations"), case.contest["timezone"]
    if not rows.height:
        return []
    days = [f"{day:%Y-%m-%d}" for day in rows["contacted_at"].dt.convert_time_zone(zone).drop_nulls()]
    when = f", asked from {min(days)} to {max(days)}" if days else ""
    caption = (
        f"Members asked about their vote{when}: how they were chosen, and who was reached. Volunteers give a lower bound only."
    )
    shown = _counted(
        rows, ["sampling", "mode", "stratum", "contact_outcome"], caption, case, "asked", members=pl.col("voter_key").n_unique()
    )
    answers = rows.unpivot(ANSWERS, index="sampling", variable_name="question", value_name="answer").drop_nulls("answer")
    caption = "What members answered. What was chosen is never asked."
    return [*shown, *_counted(answers, ["question", "sampling", "answer"], caption, case, "answers")]


def _roll_checks(case: Case) -> Shown:
    rows = case.rows("roll_checks").with_columns(year=pl.col("checked_at").dt.year().cast(pl.String))
    caption = "Rows of the roll held against other registers, by check and result. A mismatch has many innocent causes."
    return _counted(rows, ["check", "result", "year"], caption, case, "rows")


def _applications(case: Case) -> Shown:
    rows = case.rows("vote_applications")
    more = {
        "contacts": pl.col("contact_key").drop_nulls().n_unique(),
        "networks": pl.col("ip_key").drop_nulls().n_unique(),
        "decided": pl.col("decided_at").count(),
    }
    caption = "Applications for a way of voting, and from how many different contacts and networks they came."
    return _counted(rows, ["channel_requested", "submitted_via", "decision"], caption, case, "applications", **more)


def _lists(case: Case) -> Shown:
    """Copies of the roll that were handed out, and to whom."""
    copies = case.rows("roll_snapshots").filter(
        pl.col("recipient_role").is_not_null() | (pl.col("purpose") == "given_to_candidate")
    )
    if not copies.height:
        return []
    names = case.rows("candidates").select("candidate_id", candidate="display_name")
    rows = copies.join(names, on="candidate_id", how="left").sort("taken_at", "snapshot_id")
    rows = rows.with_columns(taken=local(pl.col("taken_at"), case.contest["timezone"]))
    titles = {
        "snapshot_id": "copy",
        "taken": "as of",
        "recipient_role": "given to",
        "candidate": "candidate",
        "row_count": "rows",
    }
    return [table(rows, "Copies of the roll that were handed out: who got which list, and how long it was.", titles)]


def _destinations(case: Case) -> Shown:
    rows = case.rows("credential_events").drop_nulls("destination_kind")
    networks = {"networks": pl.col("ip_key").drop_nulls().n_unique()}
    return _counted(
        rows, ["event", "destination_kind"], "Credentials, by what was done and where they went.", case, "events", **networks
    )


def _batches(case: Case) -> Shown:
    rows = case.rows("ballot_choices").unique(["ballot_id"], keep="first", maintain_order=True)
    return _counted(rows, ["channel", "batch_id"], "Ballots held, by way of voting and batch.", case, "ballots")


def _timeline(case: Case) -> Shown:
    rows, zone = case.rows("timeline").sort("starts_at", "timeline_id"), case.contest["timezone"]
    if not rows.height:
        return []
    told = rows.select(
        "kind", starts=local(pl.col("starts_at"), zone), ends=local(pl.col("ends_at"), zone), what="description"
    )  # fmt: skip
    return [table(told, f"What happened around the contest, in {zone} time: much that looks odd in a log has its cause here.")]

"""Beside roll_reconciliation, record_rules and edits_outside_window."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from analysis_lib import wording
from analysis_lib.cards import Table
from analysis_lib.case import Case
from analysis_lib.exhibits.roll_edits import roll_edits
from analysis_lib.exhibits.shown import Shown, answered, at_text, parts, when
from analysis_lib.exhibits.totals import every_sum
from analysis_lib.methods.bulk_edits import on_record_then
from analysis_lib.methods.edit_account import account
from analysis_lib.results import Finding

STANDINGS = {"against": "yes", "open": "cannot be told", "apart": "no: a cause is on record"}


def roll_reconciliation(case: Case, findings: Sequence[Finding]) -> Shown:
    """Every sum of lists that was checked."""
    held = answered(findings)
    return [every_sum(finding) for finding in held] + _composition(case)


def _composition(case: Case) -> Shown:
    """Who stands on each copy of the roll: entitled or why not, by way of voting, by sort of e-mail address, joined since the freeze."""
    barred = pl.concat_str(pl.lit("not entitled: "), pl.col("ineligible_reason").fill_null("no reason given"))
    freeze = pl.lit(case.contest["freeze_at"], pl.Datetime("us", "UTC")).dt.date()
    roll = case.rows("roll").with_columns(
        entitlement=pl.when("eligible").then(pl.lit("entitled")).otherwise(barred),
        since_freeze=pl.when(pl.col("joined_on") > freeze)
        .then(pl.lit("yes"))
        .when(pl.col("joined_on") <= freeze)
        .then(pl.lit("no")),
    )
    copies, zone = case.rows("roll_snapshots").select("snapshot_id", "taken_at"), case.contest["timezone"]
    groups = {
        "entitlement": "entitlement", "channel_entitled": "way of voting", "email_domain_class": "sort of e-mail address",
        "since_freeze": "joined after the freeze",
    }  # fmt: skip
    rows = []
    for name, told in groups.items():
        counts = roll.drop_nulls(name).group_by("snapshot_id", name).len().join(copies, on="snapshot_id", how="left")
        for (copy,), own in counts.sort("taken_at", "snapshot_id", name).group_by("snapshot_id", maintain_order=True):
            at = own["taken_at"][0]
            shown = {"copy": copy, "as_of": at_text(at, zone) if at else None, "what": told}
            values = zip(own[name], parts(own["len"].to_list(), case), strict=True)
            rows += [shown | {"value": _spaced(value), "n": n} for value, n in values]
    tested = _spaced(case.contest["eligibility_tested_at"] or "a time not stated")
    titles = {"copy": "roll copy", "as_of": "as of", "what": "by", "value": "is", "n": "members"}
    return [Table(rows, titles, f"Who stands on each copy of the roll. Entitlement was tested at: {tested}.")] if rows else []


def record_rules(case: Case, findings: Sequence[Finding]) -> Shown:
    """Every rule with the rows held against it, and where the rows at fault stand; never whose they are."""
    shown: Shown = []
    for finding in answered(findings):
        rules = finding.details["rules"]
        rows = [
            rule | {"asked": "elsewhere" if rule["counted_elsewhere"] else "yes" if rule["looked"] is not None else "not held"}
            for rule in rules
        ]
        titles = {
            "check": "rule", "name": "what it says", "asked": "counted here", "looked": "rows looked at", "broken": "rows that break it",
            "undetermined": "cannot be told", "cause": "usual innocent cause",
        }  # fmt: skip
        shown.append(Table(rows, titles, "Every rule, and the rows held against it."))
        faulty = [
            {"check": rule["check"], "source": row["source_id"], "row": row["source_row"], "day": row["day"] and row["day"].isoformat()}
            for rule in rules
            for row in rule["rows"]
        ]  # fmt: skip
        if faulty:
            titles = {"check": "rule", "source": "source or file", "row": "row of the source", "day": "day"}
            shown.append(Table(faulty, titles, "Rows that break a rule, at most fifty for each. No member is shown."))
    return shown


def edits_outside_window(case: Case, findings: Sequence[Finding]) -> Shown:
    """Late changes in every version of the window, by kind; and the account of all changes, which needs no window."""
    shown: Shown = []
    zone = case.contest["timezone"]
    for finding in answered(findings):
        details = finding.details
        rows = [row | {"closes": at_text(row["closes_at"], zone)} for row in details["by_basis"]]
        titles = {
            "basis": "window", "closes": "last day for changes", "in_time": "in time", "late": "after it, before the close",
            "after_close": "after the close", "either": "open: only limits known", "unknown": "no time at all",
        }  # fmt: skip
        shown.append(
            Table(
                rows,
                titles,
                "Changes of the roll and of contacts, whatever their cause, against every version of the last day for them.",
            )
        )
        if details["by_kind"]:
            titles = {
                "what": "of", "kind": "change", "system": "made in", "new_domain_class": "new provider", "actor_role": "made by",
                "reason": "reason on file", "standing": "counted", "n": "changes",
            }  # fmt: skip
            rows = [
                {name: _spaced(value) for name, value in row.items()} | {"standing": STANDINGS[row["standing"]]}
                for row in details["by_kind"]
            ]
            shown.append(Table(rows, titles, "Late changes, by the role and the reason on record."))
    return shown + roll_edits(case) + _account(case)


def _spaced(value: object) -> object:
    return value.replace("_", " ") if isinstance(value, str) else value


def _account(case: Case) -> Shown:
    told = account(case)
    beside = iter(
        on_record_then(case, [row["at"] for name in ("undone", "restored", "cleared", "swapped") for row in told[name]])
    )
    rows = [
        {"at": when(row["at"], row["n"], case), "what": "added, taken back", "n": row["n"], "again": None, "after": wording.lasting(row["seconds"])}
        for row in told["undone"]
    ]  # fmt: skip
    rows += [
        {
            "at": when(row["at"], row["n"], case), "what": "removed during the voting", "n": row["n"], "again": row["n_restored"],
            "after": None if row["fewest_s"] is None else wording.lasting(row["fewest_s"]),
        }
        for row in told["restored"]
    ]  # fmt: skip
    rows += [
        {"at": when(row["at"], row["n"], case), "what": f"{'put back without ' if row['on_return'] else ''}{_spaced(row['field'])}{'' if row['on_return'] else ' cleared'}", "n": row["n"], "again": row["n_set_again"], "after": None}
        for row in told["cleared"]
    ]  # fmt: skip
    rows += [
        {
            "at": when(row["at"], row["n"], case),
            "what": "one out, one in: perhaps renamed",
            "n": row["n"],
            "again": None,
            "after": None,
        }
        for row in told["swapped"]
    ]
    rows = [row | {"beside": text} for row, text in zip(rows, beside, strict=True)]
    titles = {
        "at": "edit of", "what": "what was done", "n": "members", "again": "restored or set again", "after": "after",
        "beside": "what else is on record then",
    }  # fmt: skip
    kinds = [{name: _spaced(value) for name, value in row.items()} for row in told["by_kind"]]
    shown: Shown = (
        [Table(kinds, {"what": "of", "kind": "change", "n": "changes"}, "All changes on record, by kind, late or not.")]
        if kinds
        else []
    )
    shown += (
        [Table(rows, titles, "Edits that were undone, restored or cleared, and those that may be renamings.")] if rows else []
    )
    if told["renamed"]:
        rows = [{name: _spaced(value) for name, value in row.items()} for row in told["renamed"]]
        titles = {
            "change": "change", "reason": "reason on file", "derived_from": "known from", "n": "members", "with_both_keys": "with both keys known",
        }  # fmt: skip
        caption = "Keys that were changed: neither new members nor removed ones."
        if any(row["reason"] == "unknown" and row["derived_from"] == "snapshot diff" for row in rows):
            caption += (
                " Those found by comparing copies, with no reason known, are an inference: one left and one came in one edit."
            )
        shown.append(Table(rows, titles, caption))
    return shown

"""Beside list_asymmetry, eligibility_breaches, double_channel_ballots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from analysis_lib import charts
from analysis_lib.cards import Table
from analysis_lib.case import Case
from analysis_lib.charts.lists import OWN
from analysis_lib.exhibits.shown import Shown, answered, at_text, few
from analysis_lib.methods.candidate_lists import lists_of
from analysis_lib.results import Finding
from analysis_lib.wording.lists import TOLD_READINGS, TOLD_RECORDS, TOLD_REFUSALS

MOST_UNITS = 40
CONTENT = {"with e-mail address": "email_key", "with telephone number": "phone_key", "with postal address": "address_key"}
CAUSES = {"age": "explained by age", "opted_out": "at the member's wish", "not_age": "not explained by age", "open": "open"}


def list_asymmetry(case: Case, findings: Sequence[Finding]) -> Shown:
    """What each list held and when, and how every two candidates' lists differ."""
    shown: Shown = []
    for finding in answered(findings):
        held, zone = _lists(case), finding.result.parameters["zone"]
        shown.append(charts.lists_over_time(held, zone))
        titles = {"holder": "list of", "day": "made", "members": "members", **{name: name for name in CONTENT}}
        rows = [row | {"day": at_text(row["at"], zone)} for row in held if row["holder"] != OWN]
        shown.append(Table(rows, titles, "Every list that was given to a candidate."))
        differing = [row for pair in finding.details["pairs"] if pair["compared"] for row in _differences(pair, case)]
        if differing:
            titles = {"pair": "lists of", "what": "what differs", "n": "in all", **CAUSES}
            shown.append(Table(differing, titles, "What stands on one list and not, or otherwise, on the other."))
        for pair in finding.details["pairs"]:
            shown += _units(pair, case) if pair["compared"] else []
    return shown


def _lists(case: Case) -> list[dict[str, Any]]:
    """Every list of a candidate and every own copy, with what stands on it."""
    own = {item.snapshot_id: item for item in lists_of(case)}
    held = case.rows("roll").group_by("snapshot_id").agg(
        pl.len().alias("members"), *(pl.col(key).count().alias(name) for name, key in CONTENT.items())
    )  # fmt: skip
    copies = case.rows("roll_snapshots").join(held, on="snapshot_id", how="left").sort("taken_at", "snapshot_id")
    rows = []
    for row in copies.iter_rows(named=True):
        item = own.get(row["snapshot_id"])
        size = item.size if item else row["members"] or row["row_count"]
        holder = OWN if item is None else item.holder or "a candidate not named"
        rows.append({"holder": holder, "at": row["taken_at"], "members": size} | {name: row[name] or None for name in CONTENT})
    return rows


def _differences(pair: Mapping[str, Any], case: Case) -> list[dict[str, Any]]:
    names = f"{pair['a']}, {pair['b']}"
    rows = [{"what": "members on one list alone", **pair["members"], "n": sum(pair["members"].values())}]
    for row in pair["by_field"]:
        rows.append(
            row | {"what": f"{row['field'].replace('_', ' ')} of a member on both", "n": sum(row[cause] for cause in CAUSES)}
        )
    return [
        {"pair": names, "what": row["what"], **{name: few(row[name], case) for name in ("n", *CAUSES)}}
        for row in rows
        if row["n"]
    ]


def _units(pair: Mapping[str, Any], case: Case) -> Shown:
    """By branch, the small ones joined into one line."""
    large = pair["by_unit"]
    if not any(row["n"] for row in large):
        return []
    rows = [{"unit": row["unit"], "members": few(row["members"], case), "n": few(row["n"], case)} for row in large[:MOST_UNITS]]
    caption = (
        f"By branch: members whose place on the lists of {pair['a']} and {pair['b']}, or contact details, age does not explain."
    )
    return [Table(rows, {"unit": "branch", "members": "members on either list", "n": "of these, not explained by age"}, caption)]


def eligibility_breaches(case: Case, findings: Sequence[Finding]) -> Shown:
    """Voters not entitled under each reading of the rule, by reason; people refused; and where the rows stand."""
    shown: Shown = []
    for finding in answered(findings):
        details = finding.details
        if details["by_reading"]:
            rows = [
                {**row, "reading": TOLD_READINGS[row["reading"]], "rule": "yes" if row["reading"] == details["reading"] else ""}
                for row in details["by_reading"]
            ]
            titles = {
                "reading": "entitled or not",
                "rule": "the rule on record",
                "voters": "voters",
                "barred": "not entitled",
                "open": "open",
            }
            tested = details["tested_at"]
            caption = (
                f"Voters who were not entitled, under each reading of the rule. On record, entitlement was tested at: {tested}."
            )
            shown.append(Table(rows, titles, caption))
        if details["reasons"]:
            rows = [{"reason": row["reason"].replace("_", " "), "n": few(row["n"], case)} for row in details["reasons"]]
            shown.append(
                Table(rows, {"reason": "reason on the list", "n": "voters"}, "Voters not entitled, by the reason on a list.")
            )
        if details["refusals"]:
            titles = {
                "how": "known from",
                "n": "people",
                "voted": "voted all the same",
                "sure": "refused wrongly, by a decision",
                "open": "open",
            }
            rows = [row | {"how": TOLD_REFUSALS[row["how"]]} for row in details["refusals"]]
            shown.append(Table(rows, titles, "People on record as refused. One person may stand in several rows."))
        shown += _places(details["rows"], "Where ballots of voters not entitled stand. No member is shown.")
    return shown


def _places(rows: Sequence[Mapping[str, Any]], caption: str) -> Shown:
    told = [{"source": row["source_id"], "day": row["day"] and row["day"].isoformat(), "n": row["n"]} for row in rows]
    return [Table(told, {"source": "source", "day": "day", "n": "ballots"}, caption)] if told else []


def double_channel_ballots(case: Case, findings: Sequence[Finding]) -> Shown:
    """Voters by the channels of their ballots, and where the second ballots stand."""
    shown: Shown = []
    for finding in answered(findings):
        if rows := [row | {"record": TOLD_RECORDS[row["record"]]} for row in finding.details["by_channels"]]:
            titles = {
                "channels": "ballots in", "record": "by", "stand": "both stand", "open": "cannot be told", "replaced": "one at most stands",
            }  # fmt: skip
            shown.append(Table(rows, titles, "Voters with ballots in two channels. Nobody is shown who voted in one alone."))
        shown += _places(finding.details["rows"], "Where the second ballots stand. No member is shown.")
    return shown

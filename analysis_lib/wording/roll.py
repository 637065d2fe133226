"""Sentences of roll_change_bursts, contact_change_churn, changed_contact_ballots."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from analysis_lib.results import Finding
from analysis_lib.wording.clocks import readings_told
from analysis_lib.wording.numbers import about, count, effect, expected, interval, number

DID = {  # of members between two copies; of edits in a log
    "added": "added to the list", "removed": "taken off the list", "changed": "changed on the list",
    "entitlement changed": "given or refused the vote", "moved to another branch": "moved to another branch",
}  # fmt: skip
EDITS = {
    "added": "adding members", "removed": "taking members off", "entitlement changed": "giving or refusing the vote",
    "moved to another branch": "moving members to another branch",
}  # fmt: skip
FIELDS = {"email": "e-mail addresses", "phone": "telephone numbers", "postal_address": "postal addresses"}
MOST_TOLD = 3


def roll_change_bursts(finding: Finding) -> str:
    """Which days stand out, the largest first; and the largest bulk edit."""
    details, form = finding.details, finding.result.form
    told, zone = [_day(row, form, details["zone"]) for row in details["out"][:MOST_TOLD]], details["zone"]
    looked = f"{count(finding.result.n_observations, 'daily count')} of {count(len(details['kinds']), 'kind of change', 'kinds of change')}"
    if told:
        n = details["n_out"]
        verb = "stands" if n == 1 else "stand"
        text = f"Of {looked}, {n:,} {verb} out from the days near by. Largest first: {'; '.join(told)}."
        text += f" There {'is' if n - len(told) == 1 else 'are'} {n - len(told):,} more." if n > len(told) else ""
        least = details["top"]
        if (least["kind"], least["day"]) != (details["out"][0]["kind"], details["out"][0]["day"]):
            text += f" Furthest from what the days near by lead to expect: {_day(least, form, zone)}."
    else:
        text = f"Of {looked}, none stands out from the days near by. The most unusual: {_day(details['top'], form, zone)}."
    if bulk := details["bulk"]:
        first = bulk[0]
        others = f"; {count(len(bulk) - 1, 'more bulk edit')} {'is' if len(bulk) == 2 else 'are'} listed" if len(bulk) > 1 else ""
        text += f" A bulk edit counts once; the largest, on {_date(first['at'], zone)}: {count(first['n'], 'member')} {DID[first['kind']]}{others}."
    return text


def _day(row: Mapping[str, Any], form: str, zone: str) -> str:
    if form == "log":
        what = f"{count(row['n'], 'edit')} {EDITS[row['kind']]}"
    else:
        what = f"{count(row['n'], 'member')} {DID[row['kind']]}"
    return f"{_date(row['day'], zone)}, {what}, where the days near by have {expected(row['expected'])} on average"


def _date(day: date | datetime, zone: str) -> str:
    local = day.astimezone(ZoneInfo(zone)) if isinstance(day, datetime) else day
    return f"{local.day} {local:%B %Y}"


def contact_change_churn(finding: Finding) -> str:
    """How many changes without a request came, against the weeks before or against other units."""
    return _period(finding) if finding.result.form == "period" else _unit(finding)


def _period(finding: Finding) -> str:
    details = finding.details
    top = next(row for row in details["fields"] if row["field"] == details["field"])
    text = (
        f"From {_date(details['start'], details['zone'])} to the close, {count(top['seen'], 'change')} of {FIELDS[top['field']]} that nobody is on "
        f"record as asking for came, bulk edits left out; the {count(details['n_weeks'], 'week')} before lead to expect "
        f"{expected(details['expected'])} ({number(details['low'], 0)} to {number(details['high'], 0)} in "
        f"{number(100 * finding.result.effect.confidence_level, 1)} of 100 such periods)."
    )
    if bulk := details["bulk"]:
        sizes = ", ".join(f"{row['n']:,}" for row in bulk[:MOST_TOLD])
        text += (
            f" One bulk edit, of {sizes} rows, is listed apart."
            if len(bulk) == 1
            else f" {len(bulk):,} bulk edits are listed apart, the largest of {sizes} rows."
        )
    return text


def _unit(finding: Finding) -> str:
    form, ratio = finding.result.form, finding.result.effect
    top = min(finding.details["units"], key=lambda unit: (unit["pvalue"], unit["unit"]))
    who = top["unit"] if form == "branch" else "one administrator"
    what = (
        f"{count(top['events'], 'member')} of {top['size']:,} had an address changed that nobody is on record as asking for"
        if form == "branch"
        else f"for {top['events']:,} of {count(top['size'], 'change')} a search found no request"
    )
    compared = (
        f"{number(ratio.value)} times the rate of the others, {interval(ratio.confidence_level)} {number(ratio.low)} to {number(ratio.high)}, "
        "on the high side since the largest of many was picked"
        if math.isfinite(ratio.value)
        else "the others have none"
    )
    units = (
        count(finding.details["n_units"], "branch", "branches")
        if form == "branch"
        else count(finding.details["n_units"], "administrator")
    )
    return f"Of {units}, {who} stands out most: {what} ({compared})."


def changed_contact_ballots(finding: Finding) -> str:
    """How many voted online after a change without a request, and after one that was asked for."""
    unasked, asked = finding.details["groups"][:2]
    text = (
        f"Of {count(unasked['n'], 'member')} whose contact was replaced and for which a search found no request, {unasked['voted']:,} voted online"
        f"{_after(finding, unasked)}; of {count(asked['n'], 'member')} who had asked, or had none before, {asked['voted']:,} did{_after(finding, asked)}."
    )
    told = effect(finding)
    text += f" {told[0].upper()}{told[1:]}."
    if finding.result.form == "register":
        text += " Only changes before the opening are compared, since a register does not tell when a member voted."
    if "readings" in finding.details:
        text += f" {readings_told(finding.details['readings'])}"
    return text


def _after(finding: Finding, group: Mapping[str, Any]) -> str:
    if finding.result.form == "register":
        return ""
    if group["median_delay_s"] is None:
        return " after the change"
    return f" after the change, half of them within {about(group['median_delay_s'])}"

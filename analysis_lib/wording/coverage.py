"""Sentences of application_denials, message_coverage, voided_ballots."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from analysis_lib.plaintext import on_one_line
from analysis_lib.results import Finding
from analysis_lib.wording.numbers import count, expected, instant, interval, lasting, number, percent

MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
LEAST_TOLD = 3  # applications over one network; two are a couple's
WAYS = {
    "networks": "over a network that two others or more used too",
    "addresses": "with an address that two others or more gave too",
}


def application_denials(finding: Finding) -> str:
    """How many deny having applied and what follows for all; or which applications came together."""
    return _denials(finding) if finding.result.form == "denials" else _together(finding)


def _denials(finding: Finding) -> str:
    result, details = finding.result, finding.details
    denied, effect = int(result.statistic), result.effect
    who = "in whose names an application is held" + (
        " and who voted, as all who were asked did" if details["only_voters"] else ""
    )
    among = "" if details["by_lot"] else " among all of them"
    text = (
        f"Of {count(details['n_applicants'], 'member')} {who}, {result.n_observations:,} said whether they "
        f"applied, and {denied:,} of these {'says' if denied == 1 else 'say'} no; mistakes at a rate of "
        f"{percent(result.parameters['misreport_rate'], 1)} would make {expected(details['expected'])}{among}. "
    )
    if details["by_lot"]:
        low, high = round(effect.low), round(effect.high)
        many = count(high, "application") if low == high else f"{low:,} to {high:,} applications"
        whole = "these members" if details["only_voters"] else "all applicants"
        text += f"Over {whole} that comes to {many} that their members did not make ({interval(effect.confidence_level)})."
    else:
        text += f"They were not picked by lot, and whoever has something to tell comes first, so this tells nothing of the others: at least {effect.low:,.0f} of the applications were not the members' own, if mistakes come at that rate."
    if details["n_unsure"]:
        text += f" {count(details['n_unsure'], 'member')} of those asked {_verb(details['n_unsure'], 'is', 'are')} not sure."
    if details["n_for_me"]:
        text += f" {count(details['n_for_me'], 'more member')} {_verb(details['n_for_me'], 'says', 'say')} that somebody applied on their behalf."
    if details["n_volunteers_denying"]:
        n = details["n_volunteers_denying"]
        text += f" Apart from them, {count(n, 'member')} who came forward {_verb(n, 'denies', 'deny')} it too."
    if details["n_without_application"]:
        n = details["n_without_application"]
        text += f" {count(n, 'member')} {_verb(n, 'says', 'say')} that they applied, where no application is held."
    if details["smallest_visible"]:
        text += f" Fewer than {details['smallest_visible']} denials among as many would not have stood out."
    return text


def _together(finding: Finding) -> str:
    details = finding.details
    told = [_way(row, finding.result.parameters["zone"]) for row in details["ways"]]
    text = f"Of {count(finding.result.n_observations + details['n_batch'], 'application')}: {'; '.join(told)}."
    if (n := details["n_one_line"]) >= LEAST_TOLD:
        text += f" As many as {n:,} came over one network. No other contests are held to show what is usual, so this is told and not tested; whose network it is would settle it."
    if n := details["n_batch"]:
        text += f" {n:,} bear the same second as nine others or more, as what is loaded at one go does, and stand aside."
    return text


def _way(row: Mapping[str, Any], zone: str) -> str:
    if row["way"] != "moments":
        usual = expected(row["expected"]).removesuffix(".0")
        largest = f", the largest group has {row['largest']}" if row["largest"] else ""
        return f"{row['seen']:,} of {row['n']:,} came {WAYS[row['way']]}, where {usual} would be usual ({row['low']:,.0f} to {row['high']:,.0f}){largest}"
    if not row["seen"]:
        return f"no moment stands out among {row['n']:,} with a time"
    return (
        f"at most {row['seen']:,} of {row['n']:,} with a time within {lasting(row['length_s'])}, {_from(row['start'], zone)}, "
        f"where that hour's pace makes {expected(row['expected'])}"
    )


def _from(start: date, zone: str) -> str:
    """Say from when on; of few applications the day alone is held."""
    return f"from {instant(start, zone)} on" if isinstance(start, datetime) else f"on {start.day} {start:%B %Y}"


def message_coverage(finding: Finding) -> str:
    """How many were not reached, changed against unchanged, or in the branch that stands out most."""
    return _branches(finding) if finding.result.form == "branch" else _changed(finding)


def _changed(finding: Finding) -> str:
    details, effect = finding.details, finding.result.effect
    rows = {row["unit"]: row for row in details["groups"]}
    changed = [rows[name] for name in details["compared"] if name in rows]
    missed, n = sum(row["events"] for row in changed), sum(row["size"] for row in changed)
    other = next(row for name, row in rows.items() if name not in details["compared"] and "not changed" in name)
    whose = (
        "whose contact had been changed, and for whose change a search found no request,"
        if len(details["compared"]) == 1
        else "whose contact had been changed"
    )
    how = (
        f"the next message came back from {missed:,} of {count(n, 'member')} {whose} and from {other['events']:,} of {other['size']:,} others"
        if finding.result.form == "changed"
        else f"{missed:,} of {count(n, 'member')} {whose} {_verb(missed, 'says', 'say')} that no code came, and {other['events']:,} of {other['size']:,} others"
    )
    ratio = (
        f"odds {number(effect.value)} times those of the others in the same branch, {interval(effect.confidence_level)} {number(effect.low)} to {number(effect.high)}"
        if not math.isnan(effect.value)
        else "no branch holds enough of both to compare"
    )
    return f"{how[0].upper()}{how[1:]} ({ratio}).{_visible_members(details['smallest_visible'])}"


def _visible_members(fewest: int | None) -> str:
    return (
        f" Fewer than {fewest} not reached would not have stood out."
        if fewest
        else " However many had not been reached, none of it would have stood out: too few are compared."
    )


def _branches(finding: Finding) -> str:
    top = finding.details["top"]
    return (
        f"Of {len(finding.details['units'])} branches, {on_one_line(top['unit'])} stands out most: the first message came back from "
        f"{top['events']:,} of {count(top['size'], 'member')} ({_compared(finding)}).{_visible_units(finding)}"
    )


def voided_ballots(finding: Finding) -> str:
    """How many ballots were taken out and what became of them, the unit that stands out most, and the lead."""
    details, form = finding.details, finding.result.form
    top, n = details["top"], details["n_out"] + details["n_unmatched"]
    text = f"{count(n, 'ballot')} of {details['n_given']:,} {_verb(n, 'was', 'were')} voided, rejected, set aside or left out of the count"
    if details["n_gone"] is not None:
        text += f"; {details['n_back']:,} came back, {details['n_again']:,} {_verb(details['n_again'], 'was', 'were')} given anew by the same voter, {details['n_gone']:,} {_verb(details['n_gone'], 'is', 'are')} gone"
        text += f", and of {details['n_unmatched']:,} it is not on record" if details["n_unmatched"] else ""
    text += f", against a lead of {count(details['lead'], 'vote')}. " if details["lead"] is not None else ". "
    if details["n_bulk"]:
        text += f"{count(details['n_bulk'], 'ballot')} taken out many at a time {_verb(details['n_bulk'], 'is', 'are')} counted and not compared. "
    who = {
        "channel": f"By channel, {top['unit']} stands out most: {top['events']:,} of {count(top['size'], 'ballot')}",
        "day": f"By the day on which they were cast, {_day(top['unit'])} stands out most: {top['events']:,} of {count(top['size'], 'ballot')}",
        "administrator": f"Of {len(details['units'])} administrators, {top['unit']} stands out most: {top['events']:,} ballots taken out in {count(top['size'], 'entry', 'entries')} of the logs",
    }[form].replace(" 1 ballots", " 1 ballot")
    return f"{text}{who} ({_compared(finding)}).{_visible_units(finding)}"


def _day(unit: str) -> str:
    return f"{int(unit[8:])} {MONTHS[int(unit[5:7]) - 1]} {unit[:4]}" if unit[:1].isdigit() else unit


def _compared(finding: Finding) -> str:
    effect = finding.result.effect
    if not math.isfinite(effect.value):
        return "the others have none"
    return f"{number(effect.value)} times the rate of the others, {interval(effect.confidence_level)} {number(effect.low)} to {number(effect.high)}, on the high side since the largest of several was picked"


def _visible_units(finding: Finding) -> str:
    if "smallest_visible" not in finding.details or (
        finding.details["smallest_visible"] is None and finding.result.pvalue <= finding.alpha
    ):
        return ""
    seen = finding.details["smallest_visible"]
    return (
        f" In a group of {seen['size']:,}, fewer than {seen['events']:,} would not have stood out."
        if seen
        else " However many they were, they could not have stood out here: too few are compared."
    )


def _verb(n: int, one: str, many: str) -> str:
    return one if n == 1 else many

"""Sentences of list_asymmetry, eligibility_breaches, double_channel_ballots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from analysis_lib.results import Finding
from analysis_lib.wording.numbers import count, lasting

MOST_TOLD, SECONDS_A_DAY = 2, 86_400
TOLD_READINGS = {
    "freeze": "by the list made at the freeze",
    "joined": "by the day of joining against the freeze",
    "issue": "by the list loaded into the voting system",
    "cast": "by that list and all changes up to the ballot",
    "count": "by the first list made after the vote",
}
TOLD_REFUSALS = {
    "complaints": "complaints of having been turned away",
    "applications": "applications refused to members entitled",
    "taken_off": "members entitled at the freeze who are not on the list loaded later",
    "published": "people turned away, as published",
}
TOLD_RECORDS = {"log": "in the log of ballots", "two_records": "in two separate records"}
FIELD_NOUNS = {"email": "e-mail address", "phone": "telephone number", "postal_address": "postal address"}


def listed(items: Sequence[str]) -> str:
    """Join names: "A, B and C"."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}" if items else ""


def list_asymmetry(finding: Finding) -> str:
    """Which candidates did not get the same list on the same day, and how far apart the lists are."""
    result, details = finding.result, finding.details
    zone, pairs = result.parameters["zone"], details["pairs"]
    names = sorted({name for pair in pairs for name in (pair["a"], pair["b"])})
    if result.statistic:
        who = "The two candidates" if len(names) == 2 else f"{result.statistic:,} of {count(len(pairs), 'pair')} of candidates"
        text = f"{who} whose lists are on record did not get the same list on the same day."
    elif any(pair["is_open"] for pair in pairs):
        text = f"Of the lists of {listed(names)} it cannot be told for certain whether they are the same list of the same day."
    else:
        text = f"As far as lists are on record, {listed(names)} got the same list on the same day."
    worst = sorted(pairs, key=lambda pair: (-pair["differs"], -_weight(pair), pair["a"], pair["b"]))[:MOST_TOLD]
    parts = [text, *(_pair(pair, zone) for pair in worst if pair["differs"] or pair["is_open"] or _apart(pair))]
    if len(names) > 2 and any(pair["days_apart"] for pair in pairs):
        parts.append(f"The first list went to {details['first']}.")
    if details["without"]:
        parts.append(f"No list given to {listed(details['without'])} is on record.")
    return " ".join(parts)


def _apart(pair: Mapping[str, Any]) -> int:
    return sum(pair["members"].values()) + sum(pair["contacts"].values()) if pair["compared"] else 0


def _weight(pair: Mapping[str, Any]) -> int:
    return (
        pair["members"]["not_age"] + pair["contacts"]["not_age"] + pair["days_apart"] if pair["compared"] else pair["days_apart"]
    )


def _pair(pair: Mapping[str, Any], zone: str) -> str:
    days = f"The list of {pair['a']} is of {day(pair['first_at'], zone)}, that of {pair['b']} of {day(pair['second_at'], zone)}"
    gap = (pair["second_at"] - pair["first_at"]).total_seconds()
    if is_one_night := not pair["is_one_day"] and gap < SECONDS_A_DAY:
        days += f", {lasting(gap)} apart"
    hints = " Whether that is the same day hangs on when each was handed over, which is not on record." if is_one_night else ""
    if n := pair["other_days"]:
        hints += f" On {count(n, 'other day')} one of the two got a list and the other did not."
    if not pair["compared"]:
        sizes = "" if None in pair["sizes"] else f", with {pair['sizes'][0]:,} and {pair['sizes'][1]:,} members"
        return f"{days}{sizes}; what stands on them is not held.{hints}"
    members, contacts = pair["members"], pair["contacts"]
    alone = sum(members.values())
    parts = [f"{days}: {count(pair['on_both'], 'member')} {_stand(pair['on_both'])} on both and {alone:,} on one alone"]
    if alone:
        parts.append(f" ({_causes(members)})")
    text = "".join(parts) + "."
    if n := sum(contacts.values()):
        text += f" {count(n, 'contact detail')} of members on both {'differs' if n == 1 else 'differ'} ({_causes(contacts)})."
    if (alone or n) and members["not_age"] + members["open"] + contacts["not_age"] + contacts["open"] == 0:
        text += " But for their days, and what changed between them, the two lists are the same."
    for lack in pair["columns"]:
        text += f" The list of {lack['holder']} holds no {FIELD_NOUNS[lack['field']]} at all."
    return text + hints


def _stand(n: int) -> str:
    return "stands" if n == 1 else "stand"


def _causes(n: Mapping[str, int]) -> str:
    told = {
        "age": "explained by the days between the lists",
        "opted_out": "taken off at the member's wish",
        "not_age": "not explained by age",
        "open": "open",
    }
    return ", ".join(f"{n[cause]:,} {words}" for cause, words in told.items() if n[cause])


def day(instant: datetime, zone: str) -> str:
    """Write a calendar day in the contest's zone: "8 March 2031"."""
    local = instant.astimezone(ZoneInfo(zone))
    return f"{local.day} {local:%B %Y}"


def eligibility_breaches(finding: Finding) -> str:
    """How many voters were not entitled under the rule on record and under each other reading, and who was refused."""
    result, details = finding.result, finding.details
    parts = []
    if details["by_reading"]:
        rule = (
            f"under the rule on record, {TOLD_READINGS[details['reading']]}"
            if details["reading"]
            else "under every reading of the rule"
        )
        n, barred, n_open = result.n_observations, details["barred"], details["open"]
        text = f"Of {count(n, 'voter')}, "
        if barred:
            text += f"{barred:,} {'was' if barred == 1 else 'were'} not entitled {rule}"
        else:
            text += f"{n - n_open:,} {'was' if n - n_open == 1 else 'were'} entitled {rule}"
        parts.append(text + (f", and of {n_open:,} it is open." if n_open else "."))
        others = [
            row for row in details["by_reading"] if row["reading"] != details["reading"] and row["barred"] != details["barred"]
        ]
        if others:
            told = "; ".join(f"{TOLD_READINGS[row['reading']]} {row['barred']:,}" for row in others)
            parts.append(f"Under other readings the number is another: {told}.")
        parts += _why_open(details)
        if details["struck"]:
            parts.append(f"{count(details['struck'], 'member')} not entitled gave a ballot that does not stand.")
        if barred:
            parts.append("What rule V01 of the chapter on the evidence also counts is the same breach, not a second one.")
    refused = [row for row in details["refusals"] if row["n"]]
    if refused:
        told = "; ".join(f"{TOLD_REFUSALS[row['how']]}: {row['n']:,}" + _voted(row) for row in refused)
        parts.append(f"On record of people refused: {told}.")
        sure, upheld = details["refused"], sum(row["upheld"] for row in refused)
        if sure or not upheld:
            told = "none is" if not sure else f"{sure:,} {'is' if sure == 1 else 'are'}"
            parts.append(f"Of these, {told} held by a decision to have been refused wrongly.")
        if upheld:
            parts.append(
                f"{count(upheld, 'more complaint' if sure else 'complaint')} {'was' if upheld == 1 else 'were'} upheld, and whether "
                f"{'that member' if upheld == 1 else 'those members'} voted in the end is not on record: "
                "who complained, and who voted in every channel, would settle it."
            )
    if details["margin"] is not None:
        parts.append(f"The lead declared was {count(details['margin'], 'vote')}.")
    return " ".join(parts)


def _why_open(details: Mapping[str, Any]) -> list[str]:
    """What leaves voters open, and what would settle it."""
    told = []
    if n := details["disputed"]:
        told.append(
            f"{count(n, 'voter')} {'is' if n == 1 else 'are'} not entitled by the list made at the freeze and entitled by one loaded later, "
            "before the ballot: the day on which the fee was paid, or the decision on it, would settle it."
        )
    if details["open"] == n:
        return told
    if details["reading"]:
        settles = "The whole list of that day, and every change of it with its time and reason, would settle"
    elif [row["reading"] for row in details["by_reading"]] == ["count"]:
        settles = "The only list held was made after the vote: one made before it would settle"
    else:
        settles = "The rule on the day that counts, and the list of that day, would settle"
    return [*told, f"{settles} {'the rest' if n else 'it'}."]


def _voted(row: Mapping[str, Any]) -> str:
    return f" ({row['voted']:,} of them voted all the same)" if row["voted"] else ""


def double_channel_ballots(finding: Finding) -> str:
    """How many members have ballots that stand in two channels, and which ballots were replaced as the rules allow."""
    result, details = finding.result, finding.details
    n, channels = result.statistic, listed([name.replace("_", " ") for name in details["channels"]])
    text = f"Of {count(result.n_observations, 'voter')} with a ballot on record ({channels}), "
    text += (
        f"{n:,} {'has' if n == 1 else 'have'} ballots that stand in two channels"
        if n
        else "none has ballots that stand in two channels for certain"
    )
    if details["across_records"]:
        text += f", {details['across_records']:,} of them by two separate records"
    parts = [f"{text}."]
    if details["in_log"]:
        parts.append(
            "Those in the log are counted under rule V05 of the chapter on the evidence too: the same breach, not a second one."
        )
    aside = details["aside"]
    if aside:
        parts.append(
            f"{count(aside, 'voter')} {'has' if aside == 1 else 'have'} ballots in two channels by two separate records, "
            "of which one may have been put aside before the count: how many were counted and rejected in each channel would settle it."
        )
    if n_open := details["open"] - aside:
        told = (
            "the rules let one replace another, and no record marks which"
            if details["may_replace"]
            else "the records leave open which of them stand"
        )
        parts.append(f"{count(n_open, 'voter')} {'has' if n_open == 1 else 'have'} ballots in two channels of which {told}.")
    if details["replaced"]:
        parts.append(
            f"{count(details['replaced'], 'voter')} gave ballots in two channels of which no more than one stands, as the rules ask."
        )
    if details["same_channel"]:
        parts.append(
            f"{count(details['same_channel'], 'voter')} may have more than one in the same channel: rule V05 of the chapter on the evidence counts them."
        )
    if details["channels_not_held"]:
        names = listed([name.replace("_", " ") for name in details["channels_not_held"]])
        parts.append(f"Of other channels ({names}) it is not held who voted.")
    return " ".join(parts)

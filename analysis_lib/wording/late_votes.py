"""Sentences of ballots_outside_window and closing_surge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from analysis_lib.results import Finding, Verdict
from analysis_lib.wording.numbers import about, count, duration, expected, instant, interval, number, percent

TOLD = {
    "before": "announced before the {} close",
    "after": "announced only after the {} close",
    "unknown": "announced at a time not held",
}
MINUTE_OF_EXTENSION = " The question to ask is whether the window was extended, and whether there is a minute of it."
MINUTE_OF_CHANGE = " The question to ask is whether there is a minute of the change of the close."


def ballots_outside_window(finding: Finding) -> str:
    """How many ballots are stamped outside the window, by how much, under which readings; and what notice was given."""
    if finding.result.form == "turnout_counts":
        return _from_counts(finding)
    result, details = finding.result, finding.details
    notices = _notices(details["extensions"], result.parameters["zone"])
    if finding.verdict is Verdict.NO_BREACH:
        every = (
            "The one ballot with a time is"
            if result.n_observations == 1
            else f"All {result.n_observations:,} ballots with a time are"
        )
        their = "its" if result.n_observations == 1 else "their"
        text = f"{every} stamped within the window in force for {their} channel."
        if near := details["near"]:
            given = every.removesuffix(" is").removesuffix(" are")
            text = f"{given} may have been given within the window in force for {their} channel.{_near(near)}"
        if batch := details["batch_after"]:
            text += f" {count(batch, 'ballot')} entered in a batch {'bears' if batch == 1 else 'bear'} a later time of entry."
        return text + notices
    parts = [
        f"{count(details[key], 'ballot')} {words}"
        for key, words in (("before", "before the opening"), ("after", "after the close"))
        if details[key]
    ]
    stamped = (
        f"{' and '.join(parts)} of the window in force"
        if parts
        else f"none {'surely ' if details['near'] else ''}outside the window in force"
    )
    text = f"Of {count(result.n_observations, 'ballot')}, the log stamps {stamped}"
    if details["longest_s"] and details["after"]:
        text += f", the last one {about(details['longest_s'])} after it"
    roles = "; ".join(
        f"{row['n']:,} {row['channel']}, {_entered(row['actor_role'])}".replace("_", " ") for row in details["by_role"]
    )
    text += f" ({roles})." if roles else "."
    if details["near"]:
        text += (
            _near(details["near"])
            + (" It may" if details["near"] == 1 else " They may all")
            + " have been given within the window."
        )
    early, late = details["sides"]["before"], details["sides"]["after"]
    if early[1] and late[1] and (early[0] != early[1] or late[0] != late[1]):
        text += (
            f" Under the readings that the clock allows, the count of ballots before the opening {_runs(*early)}"
            f" and that of ballots after the close {_runs(*late)}."
        )
    elif details["fewest"] != details["most"]:
        text += f" Under the readings that the clock allows, the count {_runs(details['fewest'], details['most'])}."
    return text + _begun(details["sessions"]) + notices + _the_question(details)


def _runs(fewest: int, most: int) -> str:
    return f"is {most:,}" if fewest == most else f"runs from {fewest:,} to {most:,}"


def _near(n: int) -> str:
    """Ballots whose stamp lies outside the window, by no more than a clock that cuts off or rounds would make."""
    bear, their = ("bears", "its") if n == 1 else ("bear", "their")
    return f" {count(n, 'ballot')} {bear} a stamp outside it, by no more than the rounding of {their} clock allows."


def _entered(role: str) -> str:
    told = {"self": "sent in by the member", "unknown": "the role not recorded"}
    return told.get(role, f"entered under the role {role}")


def _begun(sessions: dict[str, int] | None) -> str:
    if not sessions or not sessions["begun_before"]:
        return ""
    n = sessions["begun_before"]
    covered = f"; a grace covers {count(sessions['in_grace_begun_before'], 'other')}" if sessions["in_grace_begun_before"] else ""
    return f" {count(n, 'late ballot')} {'was' if n == 1 else 'were'} begun before the close{covered}."


def _notices(extensions: Sequence[dict[str, Any]], zone: str) -> str:
    """Tell of each change of the close: when members were told, and the ballots between the two."""
    texts = []
    for row in extensions:
        later = row["new_close"] > row["old_close"]
        text = f" The {row['channel'].replace('_', ' ')} close was {'put off' if later else 'brought forward'} to {instant(row['new_close'], zone)}, "
        text += f"{TOLD[row['told']].format('old' if later else 'new')}; "
        text += f"{count(row['between'], 'ballot')} {'lies' if row['between'] == 1 else 'lie'} between the old and the new"
        if row["told"] == "after" and row["between"]:
            text += f", {row['before_notice']:,} of them stamped before the notice"
        texts.append(f"{text}.")
    return "".join(texts)


def _the_question(details: dict[str, Any]) -> str:
    """The only thing to ask about late ballots."""
    if not details["after"]:
        return ""
    return MINUTE_OF_CHANGE if details["extensions"] else MINUTE_OF_EXTENSION


def _from_counts(finding: Finding) -> str:
    """What a running count says of ballots after the close: at least, and at most."""
    details, zone = finding.details, finding.result.parameters["zone"]
    row = max(details["counts"], key=lambda row: (row["fewest"], row["most"]))
    close = f"the close, {instant(row['closes_at'], zone)}"
    if not details["most"]:
        return f"The running count did not rise after {close}: it stood at {count(row['last_n'], 'ballot')} at {instant(row['last_at'], zone)}."
    text = f"By the running count, {details['fewest']:,} to {count(details['most'], 'ballot')} came after {close}"
    since = f"from {instant(row['before_at'], zone)} " if row["before_at"] else ""
    text += f", in readings {since}to {instant(row['last_at'], zone)}."
    return text + MINUTE_OF_EXTENSION


def closing_surge(finding: Finding) -> str:
    """The stretch before the close that stands out most, what others lead one to expect, and what would have stood out."""
    result, row, stretches = finding.result, finding.details["stretch"], finding.details["stretches"]
    came = f"{row['count']:,} of {count(row['size'], 'ballot')} ({percent(row['count'] / row['size'], 1)}) came within {duration(row['length_s'])} of the close"
    of = "the shares of peers" if result.form == "peers" else "the same hours of earlier days"
    likely = f"{expected(row['expected'])} ({interval(result.effect.confidence_level)} {row['low']:,} to {row['high']:,})"
    n = len(stretches)
    if all(other["count"] <= other["expected"] for other in stretches):
        none = f"In none of the {n} lengths looked at did more ballots come" if n > 1 else "No more ballots came"
        text = f"{none} than {of} lead one to expect; {came}, where {likely} were to be expected."
    else:
        ratio = f", a ratio of {number(row['ratio'], 1)}" if row["ratio"] else ""
        most = f"; of {n} lengths looked at, this one stands out most" if n > 1 else ""
        text = f"{came}, where {of} lead one to expect {likely}{ratio}{most}."
    if visible := row["smallest_visible"]:
        text += f" Fewer than {count(visible, 'ballot')} there ({percent(visible / row['size'], 1)}) would not have stood out."
    if result.form == "own_days":
        text += " This is a weak comparison: a rush to the close is usual, and one contest alone cannot show how large a usual one is."
    return text

"""Sentences of ballots_outside_window."""

from __future__ import annotations

from analysis_lib.results import Finding, Verdict
from analysis_lib.wording.numbers import about, count


def ballots_outside_window(finding: Finding) -> str:
    """How many ballots are stamped outside the window, by how much, under which readings."""
    result, details = finding.result, finding.details
    if finding.verdict is Verdict.NO_BREACH:
        every = (
            "The one ballot with a time is"
            if result.n_observations == 1
            else f"All {result.n_observations:,} ballots with a time are"
        )
        their = "its" if result.n_observations == 1 else "their"
        text = f"{every} stamped within the window in force for {their} channel."
        if batch := details["batch_after"]:
            text += f" {count(batch, 'ballot')} entered in a batch {'bears' if batch == 1 else 'bear'} a later time of entry."
        return text
    parts = [
        f"{count(details[key], 'ballot')} {words}"
        for key, words in (("before", "before the opening"), ("after", "after the close"))
        if details[key]
    ]
    stamped = f"{' and '.join(parts)} of the window in force" if parts else "none outside the window in force"
    text = f"Of {count(result.n_observations, 'ballot')}, the log stamps {stamped}"
    if details["longest_s"] and details["after"]:
        text += f", the last one {about(details['longest_s'])} after it"
    roles = "; ".join(f"{row['n']} {row['channel']}, actor {row['actor_role']}".replace("_", " ") for row in details["by_role"])
    text += f" ({roles})." if roles else "."
    if details["fewest"] != details["most"]:
        text += f" Under the readings that the clock allows, the count runs from {details['fewest']} to {details['most']}."
    return text

"""Sentences of reissue_rates and reissue_to_ballot_delay."""

from __future__ import annotations

import math

from analysis_lib.results import Finding, Verdict
from analysis_lib.wording.clocks import readings_told
from analysis_lib.wording.numbers import count, duration, effect, interval, number


def reissue_rates(finding: Finding) -> str:
    """Which branch or administrator stands out most, and by how much."""
    result, form = finding.result, finding.result.form
    top = min(finding.details["units"], key=lambda unit: (unit["pvalue"], unit["unit"]))
    events, size = top["events"], top["size"]
    held = f"{count(events, 'reissue')} without a logged request of {count(size, 'reissue')} handled"
    if form == "branch":
        held = f"{count(events, 'member')} with a reissued credential of {count(size, 'member')} on its roll"
    who = top["unit"] if form == "branch" else "one administrator"
    ratio = result.effect
    compared = f"{ratio.value:,.2f} times the rate of the others, {interval(ratio.confidence_level)} {number(ratio.low)} to {number(ratio.high)}, on the high side since the largest of many was picked"
    if not math.isfinite(ratio.value):
        compared = "the others have none"
    text = (
        f"Of {count(finding.details['n_units'], form, 'branches' if form == 'branch' else form + 's')}, {who} stands out most: "
    )
    return f"{text}{held} ({compared})."


def reissue_to_ballot_delay(finding: Finding) -> str:
    """How many ballots followed soon, after reissues asked for and not asked for."""
    details = finding.details
    row = details["horizons"][0]
    difference = effect(finding).replace("had voted", f"had voted within {duration(details['horizon_s'])}", 1)
    text = (
        f"A ballot followed within {duration(row['horizon_s'])} after {row['unrequested']} of {details['n_unrequested']} reissues without a logged "
        f"request, and after {row['requested']} of {details['n_requested']} with a request, a bounce or another cause on record. "
        f"{difference[0].upper()}{difference[1:]}."
    )
    if details["n_after_edit_without_request"]:
        n, same = details["n_after_edit_without_request"], details["n_by_same_hand"]
        of_these = f"all {n:,}" if same == n > 1 else f"{same:,}"
        hands = f" ({count(details['n_hands'], 'administrator')} in all)" if same else ""
        text += (
            f" {n:,} of the reissues without a logged request followed, within half an hour, a change of the member's contact for which a search "
            f"found no request; in {of_these} of these whoever changed the contact also reissued{hands}."
        )
    text += sittings_told(finding)
    if "readings" in details:
        text += f" {readings_told(details['readings'])}"
    return text


def sittings_told(finding: Finding) -> str:
    """Say, where it leaves the answer open, that few sittings make what stands out, and what would settle it."""
    sittings = finding.details["sittings"]
    if finding.verdict is not Verdict.UNDETERMINED or not sittings["leaves_open"]:
        return ""
    made = "in one sitting"
    if sittings["n"] > 1:
        made = (
            f"in {sittings['n']:,} sittings, at most {sittings['fullest']:,} in one; without that one, and with each of the others counted "
            "as one, this does not stand out"
        )
    return (
        f" The reissues without a logged request were made {made}: members helped one after another at a meeting look the same. "
        "A list of meetings, and of who was helped there, would settle it."
    )

"""Sentences of edit_reissue_ballot_chains, shared_destinations."""

from __future__ import annotations

from typing import Any

from analysis_lib.results import Finding
from analysis_lib.wording.clocks import readings_told
from analysis_lib.wording.numbers import about, count, duration, number
from analysis_lib.wording.origins import of_100
from analysis_lib.wording.timing import were_expected


def edit_reissue_ballot_chains(finding: Finding) -> str:
    """How many chains there are, how many chance would make, and what is on record about them."""
    result, details = finding.result, finding.details
    n, gap = int(result.statistic), duration(result.parameters["gap_s"])
    step = f"each step within {gap} of the one before and none with a cause on record"
    if not n:
        held = details["n"]
        return (
            "No chain is on record in which somebody changed a member's e-mail address or telephone number, then reissued the code, "
            f"and then a ballot came in, {step}: {count(held['changes'], 'such change')} and {count(held['reissues'], 'such reissue')} are held."
            + _with_cause(details)
        )
    verb = "is" if n == 1 else "are"
    text = (
        f"On record {verb} {count(n, 'chain')} in which somebody changed a member's e-mail address or telephone number, then reissued the code, "
        f"and then a ballot came in, {step}; {were_expected(details['expected'])} ({details['low']:,} to {details['high']:,} in "
        f"{number(100 * result.parameters['confidence_level'], 1)} of 100 tries with members dealt out at random). {_about_chains(details, n, gap)}"
    )
    if details["smallest_visible"]:
        text += f" Fewer than {count(details['smallest_visible'], 'chain')} would not have stood out by number alone, but only if their steps came close together."
    if "readings" in details:
        text += f" {readings_told(details['readings'])}"
    return text


def _about_chains(details: dict[str, Any], n: int, gap: str) -> str:
    """What the logs say of the chains: hands, time, requests looked for, changes undone, chains without anything to compare with."""
    whole = "It" if n == 1 else "Half of them"
    parts = [f"{whole} took {about(details['median_s'])}{' or less' if n > 1 else ''} from the change to the ballot."]
    parts += [f"{_of(details['n_one_hand'], n)} one account made both change and reissue."] if details["n_one_hand"] else []
    parts += [f"{_of(details['n_none_found'], n)} a search found no request for the change."] if details["n_none_found"] else []
    parts += (
        [f"{_of(details['n_undone'], n)} the contact was changed back within {gap} after the ballot."]
        if details["n_undone"]
        else []
    )
    if details["n_after_last_day"]:
        late = f"{_of(details['n_after_last_day'], n)} such a change came after the last day for changes"
        parts.append(f"{late}, which is counted as a breach under changes after the last day.")
    if details["n_alone"]:
        parts.append(f"{count(details['n_alone'], 'chain')} stood alone in the hour and told nothing about chance.")
    return " ".join(parts) + _with_cause(details)


def _with_cause(details: dict[str, Any]) -> str:
    """Tell of the like with a cause on record: whoever sends a code also notes why, and that note is not tested."""
    n, disputed = details["n_with_cause"], details["n_disputed"]
    if not n:
        return ""
    text = f" Left out {'is 1 more' if n == 1 else f'are {n:,} more'}, with a cause such as a request on record for the change or for the code."
    if disputed:
        text += f" For {disputed:,} of these a search found no request for the change all the same: the records differ, and asking the members would settle it."
    return text


def _of(k: int, n: int) -> str:
    return "In it" if n == 1 else f"In all {n:,}" if k == n else f"In {k:,} of them"


def shared_destinations(finding: Finding) -> str:
    """How many members share an address that was set anew, how many were expected, and the smallest group that would stand out."""
    result, details = finding.result, finding.details
    three, largest = details["tallies"][0], details["tallies"][-1]
    group = (
        f"the largest such group has {count(largest['seen'], 'member')}" if largest["seen"] else "no such group has more than two"
    )
    verb = "was" if result.n_observations == 1 else "were"
    text = (
        f"Of {count(result.n_observations, 'member')} whose e-mail address or telephone number {verb} set anew since the earlier list, "
        f"{three['seen']:,} got one that was set for three or more of them, where {were_expected(three['expected'])} "
        f"({three['low']:,.0f} to {three['high']:,.0f} in {of_100(result.parameters['confidence_level'])}); {group}."
    )
    joined = details["joined"]
    if joined:
        n_new, searched = (sum(row[name] for row in joined) for name in ("n_new", "n_none_found"))
        serves, have = ("serves", "has") if len(joined) == 1 else ("serve", "have")
        text += f" {count(len(joined), 'address', 'addresses')} that {serves} three members or more {have} been set anew for {count(n_new, 'member')}"
        text += f"; for {searched:,} of these a search found no request." if searched else "."
    if details["n_not_set"]:
        verb = "was" if details["n_not_set"] == 1 else "were"
        text += f" {count(details['n_not_set'], 'member')} with a stop-gap address that reaches nobody {verb} left out."
    least = details["smallest_visible"]
    return text + (
        f" A single group of fewer than {count(least, 'member')} would not have stood out."
        if least
        else " No single group would have stood out, however large: the earlier list is too short to learn from."
    )

"""Sentences of nonvoter_targeting, administrator_sessions, off_hours_actions."""

from __future__ import annotations

import math
from typing import Any

from analysis_lib.results import Finding, Verdict
from analysis_lib.wording.clocks import readings_told
from analysis_lib.wording.numbers import count, duration, expected, interval, number, percent

MOST_HOURS, FEWEST = 6, 3


def nonvoter_targeting(finding: Finding) -> str:
    """How many reissues went to such members, or how much of the work was done after a look at the list."""
    return _after_view(finding) if finding.result.form == "after_view" else _aimed(finding)


def _aimed(finding: Finding) -> str:
    result, details = finding.result, finding.details
    whom = "members who had not voted by then" if result.form == "share" else "members never heard from before"
    text = (
        f"Of {count(details['n'], 'member')} sent a new code that nobody is on record as asking for, {int(result.statistic):,} were {whom}, where "
        f"{expected(details['expected'])} would be expected if the codes went to any member of the same branch who had a code"
        f"{'' if result.form == 'share' else ' and had still to vote'}."
    )
    return text + _worked_down(finding) + _unseen(finding, "such members among them")


def _worked_down(finding: Finding) -> str:
    """Say, where it leaves the answer open, that few sittings make what stands out, and what would settle it."""
    sittings = finding.details["sittings"]
    if finding.verdict is not Verdict.UNDETERMINED or not sittings["leaves_open"]:
        return ""
    made = (
        "in one sitting"
        if sittings["n"] == 1
        else f"in {sittings['n']:,} sittings, at most {sittings['fullest']:,} of them in one"
    )
    return (
        f" The codes were sent {made}: a list of those still to vote, worked down as the rules may provide, looks the same. "
        "The rule or the instruction under which they were sent would settle it."
    )


def _after_view(finding: Finding) -> str:
    result, top = finding.result, finding.details["administrators"][0]
    within = duration(result.parameters["view_s"])
    text = (
        f"{_of_all(finding)} did {top['unasked_after']:,} of {count(top['n_unasked'], 'piece')} of work on codes and contacts that nobody is on record as "
        f"asking for within {within} after a look at the list of who has not voted ({percent(_share(top, 'unasked'))}), and "
        f"{top['asked_after']:,} of {top['n_asked']:,} that were asked for ({percent(_share(top, 'asked'))})."
    )
    return text + _unseen(finding, f"of the {top['n_unasked']:,}")


def _share(row: dict[str, Any], kind: str) -> float:
    return row[f"{kind}_after"] / row[f"n_{kind}"]


def _of_all(finding: Finding) -> str:
    """Begin a sentence about the administrator that stands out most."""
    n = len(finding.details["administrators"])
    if finding.details.get("by_role"):
        return f"Accounts are not told apart in the log; of {count(n, 'role')}, the one that stands out most"
    return "The only administrator who can be looked at" if n == 1 else f"Of {n:,} administrators, the one that stands out most"


def _unseen(finding: Finding, what: str) -> str:
    least = finding.details["smallest_visible"]
    if finding.verdict is Verdict.NOT_EXPLAINED or least is None or least < 2:
        return ""
    return f" Fewer than {least:,} {what} would not have stood out."


def administrator_sessions(finding: Finding) -> str:
    """How many ballots came in during one administrator's sittings, or over that administrator's line."""
    result, details = finding.result, finding.details
    if result.form == "own_line":
        return _own_line(finding)
    top = min(details["administrators"], key=lambda row: (row["pvalue"], row["administrator"]))
    text = (
        f"{_of_all(finding)} has {count(top['ballots'], 'online ballot')} inside {count(top['sittings'], 'sitting')}, where the same hours of other "
        f"days make it {expected(top['expected'])}. {count(details['n_after_code'], 'ballot')} within a day of a code sent by an administrator, and "
        f"{count(details['n_on_lines'], 'ballot')} over administrators' own lines, stand aside."
    )
    least = details["smallest_visible"]
    if finding.verdict is not Verdict.NOT_EXPLAINED and least is not None:
        text += f" Fewer than {count(least, 'ballot')} beyond that would not have stood out." if least > 1 else ""
    return f"{text} {readings_told(details['readings'])}" if "readings" in details else text


def _own_line(finding: Finding) -> str:
    result, details, top = finding.result, finding.details, finding.details["administrators"][0]
    ratio = result.effect
    text = (
        f"{_of_all(finding)} worked from a line over which {top['own_unasked']:,} of {count(top['n_unasked'], 'ballot')} came after codes that this "
        f"administrator sent without a request on record, {top['own_asked']:,} of {top['n_asked']:,} after codes that were asked for, and "
        f"{top['own_others']:,} of all {top['n_others']:,} other ballots"
    )
    if top["own_unasked"]:
        ends = f"{number(ratio.low)} to {number(ratio.high)}" if math.isfinite(ratio.high) else f"{number(ratio.low)} or more"
        value = f"odds ratio {number(ratio.value)}, " if math.isfinite(ratio.value) else "odds ratio without an upper limit, "
        text += f" ({value}{interval(ratio.confidence_level)} {ends})"
    asked, of = (sum(row[name] for row in details["administrators"]) for name in ("own_asked", "n_asked"))
    told = f"{text}." + _unseen(finding, f"of the {top['n_unasked']:,}")
    if asked < FEWEST:
        return told
    return told + (
        f" In all, {asked:,} of {of:,} ballots after codes noted as asked for came over the line of the administrator who sent the code, as when members are "
        "helped in person. This is not tested; the requests themselves, or the members, would tell."
    )


def off_hours_actions(finding: Finding) -> str:
    """How many hours one administrator worked at which none was worked before, and which."""
    result, top = finding.result, finding.details["administrators"][0]
    before = (
        f"any hour worked on {count(top['days_before'], 'earlier day')}"
        if result.form == "period"
        else "any hour that the other administrators worked during the vote"
    )
    text = (
        f"{_of_all(finding)} worked in {count(top['hours'], 'hour')} on {count(top['days'], 'day')} of the vote, of which {top['off']:,} "
        f"{'lies' if top['off'] == 1 else 'lie'} more than an hour away from {before}; "
        f"if days of the vote and days before it were mixed at random, {expected(top['expected'])} would be expected."
    )
    hours = top["off_hours"]
    if hours and len(hours) <= MOST_HOURS:
        text += f" By the clock in {result.parameters['zone']}: the hour{'s' if len(hours) > 1 else ''} from {_listed(hours)}."
    return text + _unseen(finding, "such hours")


def _listed(hours: list[int]) -> str:
    told = [f"{hour}:00" for hour in hours]
    return told[0] if len(told) == 1 else f"{', '.join(told[:-1])} and {told[-1]}"

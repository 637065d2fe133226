"""Sentences of late_choice_shift, late_choice_bounds."""

from __future__ import annotations

from analysis_lib.results import Finding, Verdict
from analysis_lib.wording.numbers import count, effect, instant, percent

CAUTION = (
    "That late and early ballots differ is usual: they come from other places and other people (Idrobo, Kronick & Rodriguez 2022); "
    "of the same count, Escobari & Hoover (2024) hold that such differences leave a part open."
)


def points(share: float) -> str:
    """Write a difference of shares in points."""
    text = f"{abs(100 * share):.1f}"
    return f"{text} point" if text == "1.0" else f"{text} points"


def late_choice_shift(finding: Finding) -> str:
    """Late against earlier shares of the candidate who stands out, raw and within branches, past the drift; the caution, always."""
    details, zone = finding.details, finding.result.parameters["zone"]
    row = next(row for row in details["by_candidate"] if row["candidate"] == details["candidate"])
    when = instant(details["cut_at"], zone)
    counted = "counted" if details["road"] == "interim" else "cast"
    which = ", of the last two candidates," if finding.result.form.endswith("final_two") else ""
    text = (
        f"Of {count(details['n_late'], 'ballot')} {counted} after {when}{which} {percent(row['late_share'], 1)} chose {row['candidate']}, "
        f"of {details['n_on_time']:,} earlier {percent(row['share'], 1)}; within the same branch and channel "
        f"{points(row['adjusted'])} {'more' if row['adjusted'] >= 0 else 'fewer'}. {effect(finding)[:1].upper()}{effect(finding)[1:]}."
    )
    if details["has_trend"]:
        text += (
            f" Among {count(details['n_placebos'] + 1, 'cut-off')}, the actual one and earlier ones, it ranks {details['rank']}."
        )
    if details["road"] == "interim" and (expected := details["expected"]):
        text += (
            f" Where a branch has both, the late lead of {expected['first']} over {expected['second']} is {_signed(expected['seen'])} points, "
            f"against {_signed(expected['led_to'])} as the same branches' earlier ballots lead to."
        )
    if finding.verdict is Verdict.WITHIN_BASELINE:
        text += f" A shift of less than {points(details['smallest_visible'])} would often not have shown."
    return f"{text} {CAUTION}"


def _signed(share: float) -> str:
    return f"{100 * share:+.2f}"


def late_choice_bounds(finding: Finding) -> str:
    """Fewest and most late ballots of the first two, the lead at both ends, and whether the late ballots are enough to undo it."""
    result, details = finding.result, finding.details
    n, zone = int(result.statistic), result.parameters["zone"]
    when = instant(details["cut_at"], zone)
    if n == 0:
        return f"No ballot of those declared is known to have come in after {when}."
    rows = {row["candidate"]: row for row in details["candidates"]}
    spans = ", ".join(
        f"{name} {_span(rows[name]['late_low'], rows[name]['late_high'])}" for name in (details["elected"], details["rival"])
    )
    low, high = int(result.effect.low), int(result.effect.high)
    left = f"{_ballots(low)}" if low == high else f"{low:,} to {_ballots(high)}"
    text = (
        f"{count(n, 'ballot')} came in after {when}, of {result.n_observations:,} declared. Of them, {spans}"
        f"{'' if details['is_exact'] else ' at least and at most'}; with all of them removed, the lead of {_ballots(details['margin'])} would be {left}."
    )
    if finding.verdict is Verdict.COULD_CHANGE:
        text += f" Removing as few as {_ballots(details['fewest'])}, all for the candidate in front, would undo the lead."
    elif finding.verdict is Verdict.UNDETERMINED:
        text += " Preferences transfer, so that first preferences alone don't tell what the removal would do."
    else:
        text += " No choice of them is enough to undo the lead."
    return text


def _ballots(n: int) -> str:
    return "1 ballot" if n == 1 else f"{n:,} ballots"


def _span(low: int, high: int) -> str:
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"

"""Sentences of clock_offset, and how a clock's readings are told."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from analysis_lib.results import Finding
from analysis_lib.wording.fixed import READINGS
from analysis_lib.wording.numbers import count

ANCHORS = {
    "opening": "ballots, none before the opening",
    "close": "ballots, none after the close",
    "sent": "mail arriving, links opened and logins, none before the first invitation",
    "request": "credential events, none before the request for them",
    "text": "the log's own text, read in its zone",
    "spike": "spikes of activity that begin with messages",
    "used_and_cast": "credentials used on one clock, ballots cast on the other within half an hour",
    "issued_and_cast": "credentials issued on one clock, ballots cast on the other later",
}
CLOCK_VERDICTS = {"consistent": "consistent", "contradicted": "contradicted", "cannot_tell": "cannot tell"}
STAMPS = {
    "ballot_events": "ballots", "credential_events": "credentials", "contact_changes": "changes of contact details",
    "roll_changes": "changes of the roll", "vote_applications": "applications", "admin_actions": "administrators' acts",
}  # fmt: skip
SEASONS = {"winter": " in winter", "summer": " in summer", "always": ""}


def reading(name: str, stamped: Mapping[str, Sequence[str]] | None = None) -> str:
    """Tell a reading of the clocks: "if UTC and local time were mixed up and if the clock ran slow".

    Parameters
    ----------
    name : str
        The reading; before it "clock: " where the other clocks are read as recorded.
    stamped : mapping of str to sequence of str, optional
        By clock, the tables whose times it gives. A reader knows a clock by these; where two give the same, by its id too.
    """
    clock, _, parts = name.rpartition(": ")
    told = " and ".join(READINGS[part] for part in parts.split("+"))
    if not clock:
        return told
    tables = [table for table in (stamped or {}).get(clock, ()) if table in STAMPS]
    if not tables:
        return f"{told}, clock {clock} alone"
    alike = sum(other == (stamped or {})[clock] for other in (stamped or {}).values())
    return f"{told}, by the clock of {stamps({'stamps': tables})} alone" + (f" ({clock})" if alike > 1 else "")


def span(seconds: float) -> str:
    """Write a duration in hours and minutes; seconds where it is shorter than a minute."""
    minutes = round(abs(seconds) / 60)
    if minutes < 1:
        return count(round(abs(seconds)), "second")
    parts = [count(minutes // 60, "hour")] if minutes >= 60 else []
    return " ".join(parts + ([count(minutes % 60, "minute")] if minutes % 60 else []))


def bounds(low: float | None, high: float | None) -> str:
    """Write what an offset may be: "from 2 minutes behind to 1 hour ahead", "at least 3 minutes behind"."""
    sides = ["" if x is None or not math.isfinite(x) else _side(x) for x in (low, high)]
    if all(sides):
        if sides[0] == sides[1] != "0":
            return sides[0]
        return f"from {sides[0]} to {sides[1]}"
    if not any(sides):
        return "anything"
    limit, outward = (low, 1) if sides[0] else (high, -1)
    if round(limit or 0) == 0:
        return "not behind" if outward > 0 else "not ahead"
    return f"{'at least' if (limit or 0) * outward > 0 else 'no more than'} {sides[0] or sides[1]}"


def _side(seconds: float) -> str:
    return "0" if round(seconds) == 0 else f"{span(seconds)} {'ahead' if seconds > 0 else 'behind'}"


def stamps(clock: Mapping[str, Any]) -> str:
    """Name what a clock stamps: "ballots, credentials and applications"."""
    *first, last = (STAMPS[table] for table in clock["stamps"])
    return f"{', '.join(first)} and {last}" if first else last


def clock_told(clock: Mapping[str, Any], with_id: bool = False) -> str:
    """Say of one clock what its anchors say, and which zone would explain it; `with_id` where two stamp the same."""
    name, shift = f"of {stamps(clock)}" + (f" ({clock['clock_id']})" if with_id else ""), clock["shift_s"]
    if clock["verdict"] == "cannot_tell":
        text = f"Whether the clock {name} is right cannot be told from the records held."
        if shift:
            text += f" Events are out of order as it is read, and would be in order if it were {_side(shift)}."
        elif any(anchor["n_out"] for anchor in clock["anchors"]) and clock["low_s"] <= clock["high_s"]:
            text += f" Events are out of order as it is read, and would be in order if it were {bounds(clock['low_s'], clock['high_s'])}."
        return text
    if clock["verdict"] == "consistent":
        text = f"The clock {name} agrees with what other records fix in time."
        late = [anchor for anchor in clock["anchors"] if anchor["kind"] in ("opening", "close") and anchor["n_out"]]
        if late:
            text += " No offset of it would bring the ballots that stand outside the window into it and keep the other events in order."
        elif clock["also_allowed_s"]:
            text += f" They allow it an offset of its own: {bounds(clock['low_s'], clock['high_s'])}."
        return text
    read_as = f"The clock {name}, read as {clock['tz_used']},"
    if not shift:
        if clock["low_s"] > clock["high_s"]:
            return f"{read_as} is contradicted by other records, and no one shift reconciles them."
        return f"{read_as} is contradicted by other records: they allow it only this offset: {bounds(clock['low_s'], clock['high_s'])}."
    text = f"{read_as} is {span(shift)} {'ahead of' if shift > 0 else 'behind'} the records it is compared with"
    if clock["zones"]:
        zones = " or ".join(f"{zone['zone']}{SEASONS[zone['season']]}" for zone in clock["zones"])
        text += f": this is what a log written in the time of {zones} would give"
    return f"{text}."


def clock_offset(finding: Finding) -> str:
    """What the anchors say of each clock."""
    order = ("contradicted", "cannot_tell", "consistent")
    told = sorted(finding.details["clocks"], key=lambda clock: order.index(clock["verdict"]))
    names = [stamps(clock) for clock in told]
    text = " ".join(clock_told(clock, with_id=names.count(stamps(clock)) > 1) for clock in told[:3])
    if len(told) > 3:
        text += f" And {count(len(told) - 3, 'more clock')}."
    changes = finding.details["changes"]
    if changes:
        text += (
            f" Read as the other records place it, {changes['before']} ballots stand before the opening and {changes['after']} after the close, "
            f"where {changes['before_recorded']} and {changes['after_recorded']} do as recorded."
        )
    return text


def readings_told(rows: list[Mapping[str, Any]]) -> str:
    """Say how many readings of the clocks were tried, and the range of the p-values."""
    pvalues = [row["pvalue"] for row in rows if row["pvalue"] is not None]
    return f"Tried under {count(len(rows), 'reading')} of the clocks, p runs from {min(pvalues):.2g} to {max(pvalues):.2g}."

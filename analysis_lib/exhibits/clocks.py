"""Beside clock_offset."""

from __future__ import annotations

from collections.abc import Sequence

from analysis_lib import wording
from analysis_lib.cards import Table
from analysis_lib.case import Case
from analysis_lib.exhibits.shown import Shown, answered
from analysis_lib.results import Finding


def clock_offset(case: Case, findings: Sequence[Finding]) -> Shown:
    """Every clock in use with its verdict, and every anchor that bounds it."""
    shown: Shown = []
    for finding in answered(findings):
        clocks = finding.details["clocks"]
        rows = [
            {
                "clock": clock["clock_id"], "stamps": wording.stamps(clock), "verdict": wording.CLOCK_VERDICTS[clock["verdict"]], "n": clock["n"],
                "zone": clock["tz_used"], "basis": clock["tz_basis"].replace("_", " "),
                "offset": _bounds(clock["low_s"], clock["high_s"]),
                "zones": ", ".join(zone["zone"] for zone in clock["zones"]),
            }
            for clock in clocks
        ]  # fmt: skip
        titles = {
            "clock": "clock", "stamps": "what it stamps", "verdict": "against other records", "n": "events", "zone": "read as", "basis": "how the zone is known",
            "offset": "further offset that all anchors allow", "zones": "zones that would explain it",
        }  # fmt: skip
        shown.append(Table(rows, titles, "Every clock that stamps events of this contest."))
        listed = [
            {
                "clock": clock["clock_id"], "anchor": wording.ANCHORS[anchor["kind"]], "against": anchor["against"],
                "bounds": wording.bounds(anchor["low_s"], anchor["high_s"]), "n": anchor["n"], "out": anchor["n_out"],
            }
            for clock in clocks
            for anchor in clock["anchors"]
        ]  # fmt: skip
        titles = {
            "clock": "clock", "anchor": "what is known of the order", "against": "compared with", "bounds": "offset that it allows",
            "n": "events", "out": "out of order as read",
        }  # fmt: skip
        caption = "Every anchor: what bounds a clock's offset beyond its known error, one event in a hundred passed over."
        shown.append(Table(listed, titles, caption))
    return shown


def _bounds(low: float, high: float) -> str:
    return "none" if low > high else wording.bounds(low, high)

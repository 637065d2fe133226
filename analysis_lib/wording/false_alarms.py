"""How often innocent causes alone give such a result: measured on made-up contests, read from the table of the calibration."""

from __future__ import annotations

import csv
import functools
from collections.abc import Mapping

from analysis_lib.locations import CALIBRATION
from analysis_lib.results import Finding

NONE_AT_WORK = {
    "credential_ledger",
    "off_hours_actions",
    "edits_outside_window",
    "list_asymmetry",
}  # their causes are not made up


def from_innocent_causes(finding: Finding) -> str:
    """Say in how many made-up contests with bounces, calls, stalls and tidy-ups, and nothing planted, the test stood out.

    Returns
    -------
    str
        Empty where the question was not measured on such contests.
    """
    row = _measured().get((finding.question, finding.result.form))
    if row is None:
        return ""
    seen = {
        name: round(int(row["contests"]) * float(share)) for name, share in row.items() if name.startswith("share_") and share
    }
    of = f"of {int(row['contests']):,} made-up innocent contests"
    if "share_breach_recorded" in seen:
        told = f"{seen['share_breach_recorded'] or 'none'} had such a breach"
    elif seen["share_p_at_most_0.05"]:
        told = f"{seen['share_p_at_most_0.01'] or 'none'} had a p-value of 0.01 or less, {seen['share_p_at_most_0.05']} of 0.05 or less"
    else:
        told = "none had a p-value of 0.05 or less"
    caution = "; none of the explanations below is at work in them" if finding.question in NONE_AT_WORK else ""
    return f"{of}, {told}{caution}"


@functools.cache
def _measured() -> Mapping[tuple[str, str], Mapping[str, str]]:
    with CALIBRATION.open(encoding="utf-8", newline="") as file:
        return {(row["question"], row["form"]): row for row in csv.DictReader(file)}

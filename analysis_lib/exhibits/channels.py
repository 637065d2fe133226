"""Beside channel_gap."""

from __future__ import annotations

from collections.abc import Sequence

from analysis_lib import charts
from analysis_lib.case import Case
from analysis_lib.exhibits.shown import Shown, answered
from analysis_lib.results import Finding


def channel_gap(case: Case, findings: Sequence[Finding]) -> Shown:
    """The candidate's share in each channel, with all that the published figures allow."""
    held = answered(findings)
    return [charts.channel_shares(held[0].details)] if held else []

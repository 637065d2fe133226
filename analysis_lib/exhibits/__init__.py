"""What each section of a chapter shows beside its finding: figures and tables, or nothing where the question has no answer."""

from analysis_lib.exhibits.channels import channel_gap
from analysis_lib.exhibits.clocks import clock_offset
from analysis_lib.exhibits.credentials import reissue_rates, reissue_to_ballot_delay
from analysis_lib.exhibits.handed_over import evidence
from analysis_lib.exhibits.late_votes import ballots_outside_window
from analysis_lib.exhibits.missing import missing
from analysis_lib.exhibits.records import edits_outside_window, record_rules, roll_reconciliation
from analysis_lib.exhibits.shown import Shown
from analysis_lib.exhibits.summary import by_grade
from analysis_lib.exhibits.timing import cast_rate_bursts, falling_turnout_counts
from analysis_lib.exhibits.totals import struck_ballots, totals_reconciliation

__all__ = [
    "Shown",
    "ballots_outside_window",
    "by_grade",
    "cast_rate_bursts",
    "channel_gap",
    "clock_offset",
    "edits_outside_window",
    "evidence",
    "falling_turnout_counts",
    "missing",
    "record_rules",
    "reissue_rates",
    "reissue_to_ballot_delay",
    "roll_reconciliation",
    "struck_ballots",
    "totals_reconciliation",
]

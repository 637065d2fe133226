"""What each section of a chapter shows beside its finding: figures and tables, or nothing where the question has no answer."""

from analysis_lib.exhibits.channels import channel_gap
from analysis_lib.exhibits.clocks import clock_offset
from analysis_lib.exhibits.credentials import reissue_rates, reissue_to_ballot_delay
from analysis_lib.exhibits.handed_over import evidence
from analysis_lib.exhibits.keying import list_order, operator_gaps, record_order
from analysis_lib.exhibits.late_choices import late_choice_bounds, late_choice_shift
from analysis_lib.exhibits.late_votes import ballots_outside_window, closing_surge
from analysis_lib.exhibits.missing import missing
from analysis_lib.exhibits.origins import shared_origin
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
    "closing_surge",
    "edits_outside_window",
    "evidence",
    "falling_turnout_counts",
    "late_choice_bounds",
    "late_choice_shift",
    "list_order",
    "missing",
    "operator_gaps",
    "record_order",
    "record_rules",
    "reissue_rates",
    "reissue_to_ballot_delay",
    "roll_reconciliation",
    "shared_origin",
    "struck_ballots",
    "totals_reconciliation",
]

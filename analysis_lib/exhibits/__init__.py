"""What each section of a chapter shows beside its finding: figures and tables, or nothing where the question has no answer."""

from analysis_lib.exhibits.chains import edit_reissue_ballot_chains, shared_destinations
from analysis_lib.exhibits.channels import channel_gap
from analysis_lib.exhibits.clocks import clock_offset
from analysis_lib.exhibits.coverage import application_denials, message_coverage, voided_ballots
from analysis_lib.exhibits.credentials import reissue_rates, reissue_to_ballot_delay
from analysis_lib.exhibits.handed_over import evidence
from analysis_lib.exhibits.keying import list_order, operator_gaps, record_order
from analysis_lib.exhibits.late_choices import late_choice_bounds, late_choice_shift
from analysis_lib.exhibits.late_votes import ballots_outside_window, closing_surge
from analysis_lib.exhibits.ledger import credential_ledger, reissue_hazard
from analysis_lib.exhibits.lists import double_channel_ballots, eligibility_breaches, list_asymmetry
from analysis_lib.exhibits.missing import missing
from analysis_lib.exhibits.officers import administrator_sessions, nonvoter_targeting, off_hours_actions
from analysis_lib.exhibits.origins import shared_origin
from analysis_lib.exhibits.records import edits_outside_window, record_rules, roll_reconciliation
from analysis_lib.exhibits.roll import changed_contact_ballots, contact_change_churn, roll_change_bursts
from analysis_lib.exhibits.shown import Shown
from analysis_lib.exhibits.summary import by_grade
from analysis_lib.exhibits.timing import cast_rate_bursts, falling_turnout_counts
from analysis_lib.exhibits.totals import struck_ballots, totals_reconciliation

__all__ = [
    "Shown",
    "administrator_sessions",
    "application_denials",
    "ballots_outside_window",
    "by_grade",
    "cast_rate_bursts",
    "changed_contact_ballots",
    "channel_gap",
    "clock_offset",
    "closing_surge",
    "contact_change_churn",
    "credential_ledger",
    "double_channel_ballots",
    "edit_reissue_ballot_chains",
    "edits_outside_window",
    "eligibility_breaches",
    "evidence",
    "falling_turnout_counts",
    "late_choice_bounds",
    "late_choice_shift",
    "list_asymmetry",
    "list_order",
    "message_coverage",
    "missing",
    "nonvoter_targeting",
    "off_hours_actions",
    "operator_gaps",
    "record_order",
    "record_rules",
    "reissue_hazard",
    "reissue_rates",
    "reissue_to_ballot_delay",
    "roll_change_bursts",
    "roll_reconciliation",
    "shared_destinations",
    "shared_origin",
    "struck_ballots",
    "totals_reconciliation",
    "voided_ballots",
]

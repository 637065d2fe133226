"""Results and tidy frames to Altair charts, a module for each subject."""

from analysis_lib.charts.choices import late_shares, placebo_cuts
from analysis_lib.charts.coverage import by_day, unit_shares
from analysis_lib.charts.destinations import shared_addresses
from analysis_lib.charts.keying import gap_strip, list_dots
from analysis_lib.charts.late import closing_stretches, late_ballots
from analysis_lib.charts.ledger import case_strips, incidence
from analysis_lib.charts.lists import lists_over_time
from analysis_lib.charts.officers import hours_grid, sittings_and_ballots
from analysis_lib.charts.origins import shared_groups
from analysis_lib.charts.rates import delay_curves, funnel
from analysis_lib.charts.record import displaced_entries, places_and_times
from analysis_lib.charts.roll import ballots_after_change, changes_per_day, churn_by_week, roll_size
from analysis_lib.charts.totals import channel_shares, sums
from analysis_lib.charts.turnout import ballots_per_hour, burst_close_up, running_count

__all__ = [
    "ballots_after_change",
    "ballots_per_hour",
    "burst_close_up",
    "by_day",
    "case_strips",
    "changes_per_day",
    "channel_shares",
    "churn_by_week",
    "closing_stretches",
    "delay_curves",
    "displaced_entries",
    "funnel",
    "gap_strip",
    "hours_grid",
    "incidence",
    "late_ballots",
    "late_shares",
    "list_dots",
    "lists_over_time",
    "placebo_cuts",
    "places_and_times",
    "roll_size",
    "running_count",
    "shared_addresses",
    "shared_groups",
    "sittings_and_ballots",
    "sums",
    "unit_shares",
]

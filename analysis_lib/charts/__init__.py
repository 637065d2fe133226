"""Results and tidy frames to Altair charts, a module for each subject."""

from analysis_lib.charts.choices import late_shares, placebo_cuts
from analysis_lib.charts.keying import gap_strip, list_dots
from analysis_lib.charts.late import closing_stretches, late_ballots
from analysis_lib.charts.origins import shared_groups
from analysis_lib.charts.rates import delay_curves, funnel
from analysis_lib.charts.record import displaced_entries, places_and_times
from analysis_lib.charts.totals import channel_shares, sums
from analysis_lib.charts.turnout import ballots_per_hour, burst_close_up, running_count

__all__ = [
    "ballots_per_hour",
    "burst_close_up",
    "channel_shares",
    "closing_stretches",
    "delay_curves",
    "displaced_entries",
    "funnel",
    "gap_strip",
    "late_ballots",
    "late_shares",
    "list_dots",
    "placebo_cuts",
    "places_and_times",
    "running_count",
    "shared_groups",
    "sums",
]

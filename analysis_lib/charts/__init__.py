"""Results and tidy frames to Altair charts, a module for each subject."""

from analysis_lib.charts.late import late_ballots
from analysis_lib.charts.rates import delay_curves, funnel
from analysis_lib.charts.totals import channel_shares, sums
from analysis_lib.charts.turnout import ballots_per_hour, burst_close_up, running_count

__all__ = [
    "ballots_per_hour",
    "burst_close_up",
    "channel_shares",
    "delay_curves",
    "funnel",
    "late_ballots",
    "running_count",
    "sums",
]

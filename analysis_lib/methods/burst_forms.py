"""What every form of the burst question shares: its null in words, innocent explanations, and how a result is put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis_lib.results import Assumption, Estimate, TestResult
from analysis_lib.stats import scan

METHOD = "cast_rate_bursts"
MIN_BALLOTS = 30
ENOUGH_PEERS = 20
HOUR_S = 3600
LISTED = 0.95  # the null's point above which a window is listed: no window at all in 95 clean contests of 100
BUSY = 5  # times the average pace
EXPLANATIONS = (
    "A reminder e-mail or text message, or a candidate's own mailing.",
    "The end of a hustings, or a branch meeting at which members voted on their phones.",
    "An outage, after which everybody who had waited voted at once.",
    "Ballots taken on one tablet at a stall, or a phone bank calling members.",
    "A log that stamps processing, not casting: a queue written out in one go.",
)
NULLS = {
    "within_hour": "within each hour, every moment was equally likely for each ballot cast in that hour",
    "peer_baseline": "ballots came at the pace that peer contests show, hour by hour, with as much extra noise as those have",
    "hours": "ballots came at the pace that peer contests show, hour by hour, with as much extra noise as those have",
    "turnout_counts": "within each hour, ballots came evenly over the readings, with as much extra noise as the other hours show",
}


def burst_result(
    form: str,
    top: scan.Window,
    null: NDArray,
    *,
    window: Mapping[str, Any],
    clusters: Sequence[Mapping[str, Any]],
    n: int,
    n_excluded: int,
    confidence_level: float,
    assumptions: tuple[Assumption, ...],
    parameters: Mapping[str, Any],
    statistic_name: str = "largest log-likelihood ratio of a window",
    **details: Any,
) -> TestResult:
    """Put a scan's largest window and its simulated maxima into words and numbers."""
    ratio, low, high = scan.rate_ratio_interval(top.count, top.expected, confidence_level)
    pvalue = scan.rank_pvalue(top.llr, null)
    return TestResult(
        method=METHOD, form=form, null_hypothesis=NULLS[form], alternative="greater",
        statistic=top.llr, statistic_name=statistic_name, pvalue=pvalue,
        effect=Estimate(name="ballots over ballots expected", value=ratio, low=low, high=high, confidence_level=confidence_level, unit="ratio"),
        n_observations=n, n_excluded=n_excluded, assumptions=assumptions, innocent_explanations=EXPLANATIONS,
        references=("kulldorff1997", "garwood1936"), parameters=parameters | {"n_resamples": int(null.size)},
        details={
            "window": window, "clusters": list(clusters), "threshold": listing_line(null),
            "pvalue_se": scan.rank_pvalue_error(pvalue, null.size),
            **details,
        },
        null_draws=null,
    )  # fmt: skip


def listing_line(null: NDArray) -> float:
    """The ratio that the largest window of a clean contest stays under 95 times in 100."""
    return float(np.quantile(null, LISTED))


def counted_window(window: scan.Window, start: Any, end: Any, length_s: int) -> dict[str, Any]:
    """A window as it is shown: UTC instants, seconds, ballots."""
    return {
        "start": start, "end": end, "length_s": length_s, "count": window.count, "expected": window.expected, "llr": window.llr,
    }  # fmt: skip

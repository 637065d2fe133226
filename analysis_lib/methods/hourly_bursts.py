"""Bursts from whole hours: a log cut down to the hour, or a running count read once an hour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis_lib.case import Case
from analysis_lib.clocks import window_in_force
from analysis_lib.methods.burst_assumptions import (
    NO_PEERS,
    PEERS_NEEDED,
    LeftOut,
    answers_left_out,
    holes,
    household,
    peer_assumptions,
)
from analysis_lib.methods.burst_forms import BUSY, HOUR_S, METHOD, MIN_BALLOTS, burst_result, counted_window, listing_line
from analysis_lib.methods.turnout import Casts, expected_shares, hour_edges, own_hours, peer_baseline, steps
from analysis_lib.methods.turnout_stretches import Stretch, batches, messages, outages, touched
from analysis_lib.results import Assumption, NotAnswerable, TestResult
from analysis_lib.stats import scan

LONGEST_HOURS = 24  # runs of up to this many hours
MIN_BINS = 24
LONGEST_BIN_S = 5400  # readings further apart than this aren't hourly
SHOWN_HOURS = (1, 3, 24)


@dataclass(frozen=True, slots=True)
class Bins:
    """Ballots between instants, seconds since the opening: `starts`, `ends`, `counts`; they need not join up."""

    starts: NDArray
    ends: NDArray
    counts: NDArray

    def only(self, keep: NDArray) -> Bins:
        """Those bins."""
        return Bins(self.starts[keep], self.ends[keep], self.counts[keep])


def hourly_bursts(
    bins: Bins, series: Casts, shares: NDArray, *, noise_cv: float, spread: NDArray, n_left_out: int, n_after_codes: int = 0, n_resamples: int,
    rng: np.random.Generator, alpha: float, confidence_level: float, assumptions: tuple[Assumption, ...], parameters: dict,
) -> TestResult:  # fmt: skip
    """Find the run of up to 24 hours that holds more ballots than peers lead one to expect.

    Parameters
    ----------
    bins : Bins
        Ballots hour by hour.
    series : Casts
        Where the window begins; its stamps are not looked at.
    shares : array (bins,)
        What peers expect of each; sums to 1.
    noise_cv, spread
        Noise of single hours; what else moves the log shares (`Baseline.spread`), a row for each bin.

    Returns
    -------
    TestResult
        Statistic: the largest log-likelihood ratio over all runs. Nothing is said of less than an hour.

    Notes
    -----
    Null hypothesis: see `NULLS`. Without noise it is the purely temporal discrete Poisson model (Kulldorff 1997).
    """
    n = int(bins.counts.sum())
    null = scan.baseline_bins_null(
        n, shares, LONGEST_HOURS, noise_cv=noise_cv, uncertainty=spread, n_resamples=n_resamples, rng=rng
    )
    top = scan.scan_bins(bins.counts, n * shares, LONGEST_HOURS)
    top = top or scan.Window(0, 1, 0, max(float(n * shares[0]), 1e-9), 0.0)
    listed = scan.bin_clusters(bins.counts, n * shares, LONGEST_HOURS, listing_line(null))

    def shown(window: scan.Window) -> dict:
        run = slice(window.start, window.start + window.length)
        length = int((bins.ends[run] - bins.starts[run]).sum())
        return counted_window(window, series.at(bins.starts[run][0]), series.at(bins.ends[run][-1]), length)

    threshold, seconds = float(np.quantile(null, 1 - alpha)), float((bins.ends - bins.starts).sum())

    def fewest(hours: int, times: int) -> int | None:
        return scan.smallest_seen(n, threshold, lambda _: times * n * hours * HOUR_S / seconds)

    return burst_result(
        "hours", top, null, window=shown(top), clusters=[shown(window) for window in listed], n=n, n_excluded=n_left_out,
        confidence_level=confidence_level, assumptions=assumptions, parameters=parameters | {"longest_run": LONGEST_HOURS},
        statistic_name="largest log-likelihood ratio of a run of hours", noise_cv=noise_cv, n_left_out=n_left_out, n_after_codes=n_after_codes,
        smallest_visible=[
            {"length_s": hours * HOUR_S, "ballots": fewest(hours, 1), "ballots_busy": fewest(hours, BUSY)} for hours in SHOWN_HOURS
        ],
    )  # fmt: skip


def clock_bins(series: Casts) -> Bins:
    """Ballots in each hour of the clock that cut the stamps down; the first and the last may be part hours."""
    phases = series.stamps[series.stamps > 0] % HOUR_S
    phase = int(phases[0]) if phases.size else 0
    edges = np.unique(np.r_[0.0, np.arange(phase, series.edges[-1], HOUR_S), series.edges[-1]])
    return Bins(edges[:-1], edges[1:], np.histogram(series.stamps, edges)[0])


def _read(case: Case) -> tuple[Casts, Bins] | None:
    """Rises of a running count inside the window in force, those over an hour and a half left out; null without both its ends."""
    window = window_in_force(case.rows("contest_windows"), "online")
    if window is None or window.opens_at is None or window.closes_at is None:
        return None
    edges = hour_edges(window.opens_at, window.closes_at)
    series = Casts(
        stamps=np.empty(0, np.int64), opens_at=window.opens_at, edges=edges, resolution=HOUR_S, n_outside=0, n_household=0,
        networks_known=False,
    )  # fmt: skip
    frame = steps(case)
    starts, ends = (((frame[name] - window.opens_at).dt.total_seconds()).to_numpy().astype(float) for name in ("start", "end"))
    bins = Bins(starts, ends, frame["count"].to_numpy().astype(np.int64))
    return series, bins.only((starts >= 0) & (ends <= edges[-1]) & (ends - starts <= LONGEST_BIN_S))


def _reached(stretches: list[Stretch], begun: Casts, bins: Bins) -> NDArray:
    edges = zip(bins.starts, bins.ends, strict=True)
    return np.array([touched(stretches, begun.opens_at, np.array(edge))[0] for edge in edges], bool)


def answer_by_the_hour(case: Case, series: Casts | None) -> TestResult | NotAnswerable:
    """Answer the form "hours" from stamps cut down to the hour, or from a running count where `series` is null."""
    plan, read = case.plan, (series, clock_bins(series)) if series else _read(case)
    if read is None:
        reason = "The running count is read about once an hour, and when voting opened and closed isn't held, so its hours can't be laid beside peers'."
        return NotAnswerable(method=METHOD, form="hours", reason=reason, needs=PEERS_NEEDED)
    begun, bins = read
    baseline = peer_baseline(case, begun)
    if baseline is None:
        reason = f"Only whole hours are known, which say nothing without other contests to lay them beside. {NO_PEERS}"
        return NotAnswerable(method=METHOD, form="hours", reason=reason, needs=PEERS_NEEDED)
    called, codes = messages(case), batches(case)
    away_but_for_codes = _reached([*called, *outages(case)], begun, bins)
    away = away_but_for_codes | _reached(codes, begun, bins)
    failed = bool(bins.counts[~away].sum() < MIN_BALLOTS or (~away).sum() < MIN_BINS)
    kept = bins if failed else bins.only(~away)
    if kept.counts.sum() < MIN_BALLOTS or kept.counts.size < MIN_BINS:
        reason = f"{kept.counts.sum()} ballots in {kept.counts.size} hours or readings are held; {MIN_BALLOTS} ballots in {MIN_BINS} are needed."
        return NotAnswerable(method=METHOD, form="hours", reason=reason, needs=("ballot_events.at", "turnout_counts.voted_n"))
    clock = own_hours(case, begun)
    by_hour = expected_shares(baseline, clock, begun)
    cumulative = np.concatenate(([0.0], np.cumsum(by_hour)))
    shares = np.interp(kept.ends, begun.edges, cumulative) - np.interp(kept.starts, begun.edges, cumulative)
    middles = np.clip(np.searchsorted(begun.edges, (kept.starts + kept.ends) / 2, side="right") - 1, 0, by_hour.size - 1)
    n_left_out = int(bins.counts.sum() - kept.counts.sum())
    n_after_codes = 0 if failed else int(bins.counts[away & ~away_but_for_codes].sum())
    aside = LeftOut(n=n_left_out, hours=int(away.sum()), n_after_codes=n_after_codes, failed=failed)
    counts = np.histogram((bins.starts + bins.ends) / 2, begun.edges, weights=bins.counts)[0]
    unread = np.histogram((bins.starts + bins.ends) / 2, begun.edges)[0] == 0
    empty = holes(case, begun, counts, np.where(unread, 0.0, by_hour * bins.counts.sum())) if series else []
    leans = (
        *((household(begun),) if series else ()),
        *peer_assumptions(baseline, empty),
        answers_left_out(aside, len(called), len(codes)),
    )
    return hourly_bursts(
        kept, begun, shares / shares.sum(), noise_cv=baseline.noise.fresh_cv, spread=baseline.spread(clock)[middles],
        n_left_out=n_left_out, n_after_codes=n_after_codes, n_resamples=plan.n_resamples,
        rng=plan.rng(case.contest_id, METHOD, "hours"), alpha=plan.alpha,
        confidence_level=plan.confidence_level, assumptions=leans,
        parameters={"zone": case.contest["timezone"], "peers": list(case.peers())},
    )  # fmt: skip

"""Did ballots come in a burst that the usual pace of voting does not explain?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from analysis_lib.case import Case
from analysis_lib.errors import TooFewObservations
from analysis_lib.methods.burst_assumptions import (
    NO_PEERS,
    PEERS_NEEDED,
    LeftOut,
    answers_left_out,
    holes,
    household,
    keeps_pace,
    peer_assumptions,
)
from analysis_lib.methods.burst_forms import (
    BUSY,
    EXPLANATIONS,
    HOUR_S,
    METHOD,
    MIN_BALLOTS,
    NULLS,
    burst_result,
    counted_window,
    listing_line,
)
from analysis_lib.methods.counted_bursts import MIN_STEPS, counted_bursts, step_noise
from analysis_lib.methods.hourly_bursts import answer_by_the_hour
from analysis_lib.methods.turnout import HOUSEHOLD_BALLOTS, Casts, casts, expected_shares, own_hours, peer_baseline, steps
from analysis_lib.methods.turnout_stretches import Stretch, batches, ends_of_voting, hours_of, messages, outages, touched
from analysis_lib.results import Assumption, NotAnswerable, Result, TestResult
from analysis_lib.stats import scan
from analysis_lib.stats.burst_nulls import paired_within_step_null

__all__ = ["EXPLANATIONS", "NULLS", "answer", "cast_rate_bursts", "counted_bursts", "step_noise"]

DAY_S = 86_400
FIT_RESAMPLES = 999
ALONG = 0.25  # share of ballots that follow a housemate's, where no network keys can tell them
NEEDS = ("ballot_events.at", "contest_windows.opens_at", "contest_windows.closes_at", "turnout_counts.voted_n")


def cast_rate_bursts(
    series: Casts, *, form: str, shares: NDArray, noise_cv: float, lengths: tuple[int, ...], confidence_level: float,
    n_resamples: int, rng: np.random.Generator, assumptions: tuple[Assumption, ...], alpha: float, parameters: dict,
    uncertainty: NDArray | None = None, n_after_codes: int = 0,
) -> TestResult:  # fmt: skip
    """Find the window that holds more ballots than its share of a baseline explains.

    A burst has many innocent causes; the window is where to look for one.

    Parameters
    ----------
    series : Casts
        Stamps in seconds since the opening, sorted, one per household sitting.
    form : {'within_hour', 'peer_baseline'}
        Null: hourly totals kept and stamps uniform inside the hour; or the baseline `shares` with
        gamma noise `noise_cv` on every hour.
    shares : array
        Share of all ballots expected in each hour: the contest's own totals for 'within_hour', the
        peers' for 'peer_baseline' (never fitted on this contest).
    lengths : tuple of int
        Window lengths, seconds; those shorter than twice the resolution are left out.
    uncertainty : array (hours, k), optional
        What else moves the log shares: the peers' own error, and noise that lasts (`Baseline.spread`).
    n_after_codes : int
        Ballots that stand aside for nothing but a batch of codes.

    Returns
    -------
    TestResult
        Statistic: the largest log-likelihood ratio over all windows. Effect: ballots in that window
        over ballots expected, exact Poisson interval; as the largest of many it is biased upward.

    Raises
    ------
    TooFewObservations
        Under `MIN_BALLOTS` ballots, no window length fits the resolution, or 'within_hour' of whole hours.

    Notes
    -----
    Null hypothesis: see `NULLS`. Simulated; calibrated on clean contests. The within-hour form can't
    see a burst that fills its whole hour, and errs on the safe side.
    """
    usable = tuple(length for length in lengths if length >= 2 * series.resolution)
    if series.stamps.size < MIN_BALLOTS or not usable:
        raise TooFewObservations(
            f"{series.stamps.size} timed ballots at a resolution of {series.resolution} s; at least {MIN_BALLOTS} ballots "
            "and one window of twice the resolution are needed. Ask for the log with seconds."
        )
    if form == "within_hour" and series.resolution >= HOUR_S:
        raise TooFewObservations(
            "The stamps are cut down to the hour, so where in its hour a ballot came isn't known; at least minutes are needed. "
            "Ask for the log with seconds."
        )
    common = {"resolution": series.resolution, "n_resamples": n_resamples, "rng": rng}
    if form == "within_hour" and not series.networks_known:
        null = paired_within_step_null(series.stamps, series.edges, shares, usable, along=ALONG, **common)
    elif form == "within_hour":
        null = scan.within_step_null(series.stamps, series.edges, shares, usable, **common)
    else:
        null = scan.baseline_null(
            series.stamps.size, series.edges, shares, usable, noise_cv=noise_cv, uncertainty=uncertainty, **common
        )
    top = scan.scan_events(series.stamps, series.edges, shares, usable) or scan.Window(0, usable[0], 0, 1.0, 0.0)
    listed = scan.clusters(series.stamps, series.edges, shares, usable, listing_line(null))
    if not series.networks_known and top.count <= HOUSEHOLD_BALLOTS:  # perhaps one household: a larger window may stand out too
        top = next((w for w in listed if w.count > HOUSEHOLD_BALLOTS and scan.rank_pvalue(w.llr, null) <= alpha), top)
    stands_out = scan.rank_pvalue(top.llr, null) <= alpha
    return burst_result(
        form, top, null, window=_window(series, top), clusters=[_window(series, w) for w in listed],
        n=int(series.stamps.size), n_excluded=series.n_outside + series.n_household + series.n_left_out,
        confidence_level=confidence_level, assumptions=(household(series, top.count if stands_out else None), *assumptions), parameters=parameters | {"scan_windows_s": list(usable)},
        n_household=series.n_household, n_outside=series.n_outside, n_left_out=series.n_left_out, n_after_codes=n_after_codes, noise_cv=noise_cv,
        smallest_visible=smallest_visible(series, form, usable, float(np.quantile(null, 1 - alpha / 2))),
    )  # fmt: skip


def _window(series: Casts, window: scan.Window) -> dict:
    return counted_window(window, series.at(window.start), series.at(window.start + window.length), window.length)


def smallest_visible(series: Casts, form: str, lengths: tuple[int, ...], threshold: float) -> list[dict]:
    """Fewest ballots in a window that would stand out: ``length_s, ballots`` at the average pace, ``ballots_busy`` at five times it.

    The threshold is at half of alpha, for the two forms that are tested together. Null where not even all
    ballots would do. Within the hour, ballots in the window add to what its hour holds. Without networks, more
    than one household casts.
    """
    n, least = int(series.stamps.size), 0 if series.networks_known else HOUSEHOLD_BALLOTS + 1
    found = []
    for length in lengths:
        if form == "within_hour" and length >= HOUR_S:
            continue
        fewest = []
        for times in (1, BUSY):
            usual = times * n * length / float(series.edges[-1])
            own = length / HOUR_S if form == "within_hour" else 0.0
            seen = scan.smallest_seen(n, threshold, lambda c, usual=usual, own=own: usual + c * own)
            fewest.append(seen and max(seen, least))
        found.append({"length_s": length, "ballots": fewest[0], "ballots_busy": fewest[1]})
    return found


def answer(case: Case) -> tuple[Result, ...]:
    """Answer for one contest of a package: from single ballots where they have times, else from a running count."""
    series = casts(case) if case.holds("ballot_events.at") else None
    if series is None or series.stamps.size < MIN_BALLOTS:
        return _from_a_count(case, 0 if series is None else int(series.stamps.size))
    if series.resolution >= DAY_S:
        reason = "The stamps are cut down to the day, so nothing is known of the hours; ask for the log with seconds."
        return (NotAnswerable(method=METHOD, reason=reason, needs=("ballot_events.at",)),)
    if series.resolution >= HOUR_S:
        reason = (
            "The stamps are cut down to the hour, so where in its hour a ballot came isn't known; at least minutes are needed. "
            "Ask for the log with seconds."
        )
        within = NotAnswerable(method=METHOD, form="within_hour", reason=reason, needs=("ballot_events.at",))
        return (within, answer_by_the_hour(case, series))
    return _from_ballots(case, series)


def _from_a_count(case: Case, n_timed: int) -> tuple[Result, ...]:
    plan, frame = case.plan, steps(case)
    if frame.height >= MIN_STEPS and frame["count"].sum() >= MIN_BALLOTS:
        if float(np.median(frame["seconds"].to_numpy())) > HOUR_S / 2:
            return (answer_by_the_hour(case, None),)
        called, codes = messages(case), batches(case)
        kept, failed = _away(frame, [*called, *codes, *outages(case), *ends_of_voting(case)])
        n_left_out = int(frame["count"].sum() - kept["count"].sum())
        hours = frame["hour"].n_unique() - kept["hour"].n_unique()
        after_codes = (
            0
            if failed
            else int(_away(frame, [*called, *outages(case), *ends_of_voting(case)])[0]["count"].sum() - kept["count"].sum())
        )
        aside = LeftOut(n=n_left_out, hours=hours, n_after_codes=after_codes, failed=failed)
        result = counted_bursts(
            kept, rng=plan.rng(case.contest_id, METHOD, "turnout_counts"), parameters={"zone": case.contest["timezone"]},
            n_resamples=plan.n_resamples, confidence_level=plan.confidence_level, whole=frame, n_left_out=n_left_out,
            assumptions=(answers_left_out(aside, len(called), len(codes)),),
        )  # fmt: skip
        return (result,)
    reason = f"Of ballots with a time inside a known window {n_timed} are held; {MIN_BALLOTS} are needed, or {MIN_STEPS} readings of a running count of as many."
    return (NotAnswerable(method=METHOD, reason=reason, needs=NEEDS),)


def _away(frame: pl.DataFrame, apart: list[Stretch]) -> tuple[pl.DataFrame, bool]:
    """The readings that no stretch reaches into; all of them, and true, where too few would be left."""
    reached = pl.any_horizontal(pl.lit(False), *((pl.col("start") < end) & (pl.col("end") > start) for start, end in apart))
    kept = frame.filter(~reached)
    failed = bool(kept.height < MIN_STEPS or kept["count"].sum() < MIN_BALLOTS)
    return (frame if failed else kept), failed


def _from_ballots(case: Case, series: Casts) -> tuple[Result, ...]:
    plan = case.plan
    hours, called, codes = hours_of(series), messages(case), batches(case)
    away_but_for_codes = touched([*called, *outages(case), *ends_of_voting(case)], series.opens_at, series.edges)
    away = away_but_for_codes | touched(codes, series.opens_at, series.edges)
    n_after_codes = int((away & ~away_but_for_codes)[hours].sum())
    kept = series.stamps[~away[hours]]
    failed = kept.size < MIN_BALLOTS
    if failed:
        away, kept, n_after_codes = np.zeros_like(away), series.stamps, 0
    left = replace(series, stamps=kept, n_left_out=int(series.stamps.size - kept.size))
    aside = LeftOut(n=left.n_left_out, hours=int(away.sum()), n_after_codes=n_after_codes, failed=failed)
    answers = answers_left_out(aside, len(called), len(codes))
    own = np.histogram(left.stamps, left.edges)[0] / left.stamps.size
    tests = [("within_hour", own, 0.0, None, (answers,), {})]
    baseline = peer_baseline(case, series)
    if baseline is not None:
        clock = own_hours(case, series)
        shares = expected_shares(baseline, clock, series)
        counts = np.bincount(hours, minlength=shares.size)
        empty = holes(case, series, counts, shares * series.stamps.size)
        shares = np.where(away, 0.0, shares)
        noise = {"noise_cv": baseline.noise.fresh_cv, "uncertainty": baseline.spread(clock)}
        pace = keeps_pace(
            left, shares / shares.sum(), lengths=plan.scan_windows_s, n_resamples=min(plan.n_resamples, FIT_RESAMPLES),
            rng=plan.rng(case.contest_id, METHOD, "fit"), **noise,
        )  # fmt: skip
        leans = (*peer_assumptions(baseline, empty), pace, answers)
        tests.append(("peer_baseline", shares / shares.sum(), *noise.values(), leans, {"peers": list(case.peers())}))
    found: list[Result] = []
    for form, shares, noise_cv, uncertainty, assumptions, more in tests:
        try:
            found.append(
                cast_rate_bursts(
                    left, form=form, shares=shares, noise_cv=noise_cv, uncertainty=uncertainty, lengths=plan.scan_windows_s,
                    rng=plan.rng(case.contest_id, METHOD, form), assumptions=assumptions,
                    parameters={"zone": case.contest["timezone"]} | more, n_resamples=plan.n_resamples, alpha=plan.alpha,
                    confidence_level=plan.confidence_level, n_after_codes=n_after_codes,
                )
            )  # fmt: skip
        except TooFewObservations as error:
            found.append(NotAnswerable(method=METHOD, form=form, reason=str(error), needs=("ballot_events.at",)))
    if baseline is None:
        found.append(NotAnswerable(method=METHOD, form="peer_baseline", reason=NO_PEERS, needs=PEERS_NEEDED))
    return tuple(found)

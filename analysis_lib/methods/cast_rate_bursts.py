"""Did ballots come in a burst that the usual pace of voting does not explain?"""

from __future__ import annotations

from datetime import datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from analysis_lib.case import Case
from analysis_lib.errors import TooFewObservations
from analysis_lib.methods.turnout import Casts, casts, expected_shares, own_hours, peer_baseline, steps
from analysis_lib.results import Assumption, Estimate, NotAnswerable, Result, Status, TestResult
from analysis_lib.stats import scan
from analysis_lib.stats.turnout_baseline import Baseline

MIN_BALLOTS = 30
ENOUGH_PEERS = 20
MIN_STEPS = 30
HOUR_S = 3600
LONGEST_STEPS = 15  # runs of up to this many readings
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
    "turnout_counts": "within each hour, ballots came evenly over the readings, with as much extra noise as the other hours show",
}


def cast_rate_bursts(
    series: Casts, *, form: str, shares: NDArray, noise_cv: float, lengths: tuple[int, ...], confidence_level: float,
    n_resamples: int, rng: np.random.Generator, assumptions: tuple[Assumption, ...], alpha: float, parameters: dict,
    uncertainty: NDArray | None = None,
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
        What the peers leave open about the log shares (`Baseline.uncertainty`).

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
    if form == "within_hour":
        null = scan.within_step_null(series.stamps, series.edges, shares, usable, **common)
    else:
        null = scan.baseline_null(
            series.stamps.size, series.edges, shares, usable, noise_cv=noise_cv, uncertainty=uncertainty, **common
        )
    top = scan.scan_events(series.stamps, series.edges, shares, usable) or scan.Window(0, usable[0], 0, 1.0, 0.0)
    threshold = float(np.quantile(null, 1 - alpha))
    listed = scan.clusters(series.stamps, series.edges, shares, usable, threshold)
    ratio, low, high = scan.rate_ratio_interval(top.count, top.expected, confidence_level)
    return TestResult(
        method="cast_rate_bursts", form=form, null_hypothesis=NULLS[form], alternative="greater",
        statistic=top.llr, statistic_name="largest log-likelihood ratio of a window",
        pvalue=scan.rank_pvalue(top.llr, null),
        effect=Estimate(name="ballots over ballots expected", value=ratio, low=low, high=high, confidence_level=confidence_level, unit="ratio"),
        n_observations=int(series.stamps.size), n_excluded=series.n_outside + series.n_household,
        assumptions=assumptions, innocent_explanations=EXPLANATIONS, references=("kulldorff1997", "garwood1936"),
        parameters=parameters | {"scan_windows_s": list(usable), "n_resamples": n_resamples},
        details={
            "window": _window(series, top), "clusters": [_window(series, w) for w in listed], "threshold": threshold,
            "n_household": series.n_household, "n_outside": series.n_outside, "noise_cv": noise_cv,
            "smallest_visible": _visible(series, form, shares, usable, float(np.quantile(null, 1 - alpha / 2))),
        },
        null_draws=null,
    )  # fmt: skip


def _window(series: Casts, window: scan.Window) -> dict:
    return {
        "start": series.at(window.start), "end": series.at(window.start + window.length), "length_s": window.length,
        "count": window.count, "expected": window.expected, "llr": window.llr,
    }  # fmt: skip


def _visible(series: Casts, form: str, shares: NDArray, lengths: tuple[int, ...], threshold: float) -> list[dict]:
    """Fewest ballots in a window that would stand out: at the peers' quietest hour, or alone in an hour of the contest's own.

    The threshold is at half of alpha, for the two forms that are tested together.
    """
    n = int(series.stamps.size)
    quietest = float((shares / np.diff(series.edges)).min())
    found = []
    for length in lengths:
        if form == "within_hour" and length >= HOUR_S:
            continue
        part = length / HOUR_S
        expected = (lambda c, part=part: c * part) if form == "within_hour" else (lambda _, mu=n * quietest * length: mu)
        fewest = scan.smallest_seen(n, threshold, expected)
        if fewest is not None:
            found.append({"length_s": length, "ballots": fewest})
    return found


def counted_bursts(
    frame: pl.DataFrame, *, n_resamples: int, rng: np.random.Generator, alpha: float, confidence_level: float, parameters: dict
) -> TestResult:
    """Find the readings between which a running count rose more than the rest of its hour explains.

    Parameters
    ----------
    frame : DataFrame
        ``start, end`` (UTC), ``seconds``, ``count``, ``hour`` as `turnout.steps` gives them.

    Notes
    -----
    Null hypothesis: see `NULLS`. Each hour's total is kept; its ballots fall on the steps by
    duration, with gamma noise whose spread is measured on all hours but the one in question.
    """
    counts, seconds, hours = (frame[c].to_numpy().astype(np.int64) for c in ("count", "seconds", "hour"))
    weights = seconds.astype(float)
    expected = _expected(counts, weights, hours)
    top = scan.scan_bins(counts, expected, LONGEST_STEPS) or scan.Window(0, 1, int(counts[0]), float(max(expected[0], 1e-9)), 0.0)
    aside = np.isin(hours, hours[top.start : top.start + top.length])
    noise_cv = step_noise(counts[~aside], expected[~aside], weights[~aside], hours[~aside])
    null = scan.grouped_bins_null(counts, weights, hours, LONGEST_STEPS, noise_cv=noise_cv, n_resamples=n_resamples, rng=rng)
    threshold = float(np.quantile(null, 1 - alpha))
    ratio, low, high = scan.rate_ratio_interval(top.count, top.expected, confidence_level)
    starts, ends = frame["start"].to_list(), frame["end"].to_list()

    def shown(window: scan.Window) -> dict:
        last = window.start + window.length - 1
        return {
            "start": starts[window.start], "end": ends[last], "length_s": int(seconds[window.start : last + 1].sum()),
            "count": window.count, "expected": window.expected, "llr": window.llr,
        }  # fmt: skip

    return TestResult(
        method="cast_rate_bursts", form="turnout_counts", null_hypothesis=NULLS["turnout_counts"], alternative="greater",
        statistic=top.llr, statistic_name="largest log-likelihood ratio of a run of readings",
        pvalue=scan.rank_pvalue(top.llr, null),
        effect=Estimate(name="ballots over ballots expected", value=ratio, low=low, high=high, confidence_level=confidence_level, unit="ratio"),
        n_observations=int(counts.sum()), n_excluded=0,
        assumptions=(
            Assumption(
                statement="The count is read at the instants given, and is up to date then.",
                status=Status.UNTESTED,
                evidence="A site that shows an old figure for some minutes makes a rise look sudden.",
            ),
        ),
        innocent_explanations=EXPLANATIONS, references=("kulldorff1997", "garwood1936"),
        parameters=parameters | {"longest_run": LONGEST_STEPS, "n_resamples": n_resamples},
        details={
            "window": shown(top), "clusters": [shown(w) for w in scan.bin_clusters(counts, expected, LONGEST_STEPS, threshold)],
            "threshold": threshold, "noise_cv": noise_cv, "n_household": 0, "n_outside": 0, "smallest_visible": [],
        },
        null_draws=null,
    )  # fmt: skip


def _expected(counts: NDArray, weights: NDArray, groups: NDArray) -> NDArray:
    _, index = np.unique(groups, return_inverse=True)
    return (np.bincount(index, counts) / np.bincount(index, weights))[index] * weights


def step_noise(counts: NDArray, expected: NDArray, weights: NDArray, groups: NDArray) -> float:
    """Coefficient of variation of a step's rate within its hour, beyond counting noise; moment estimate, 0 if there is none.

    With an hour's total D kept and duration shares w, E[(c - Dw)^2] = D w (1 - w) + cv^2 D^2 w^2 (1 - 2w + sum w^2)
    to first order.
    """
    _, index = np.unique(groups, return_inverse=True)
    share = weights / np.bincount(index, weights)[index]
    squares = np.bincount(index, share**2)[index]
    excess = ((counts - expected) ** 2 - expected * (1 - share)).sum()
    scale = (expected**2 * np.maximum(1 - 2 * share + squares, 0)).sum()
    return float(np.sqrt(max(0.0, excess / scale))) if scale > 0 else 0.0


def _assumptions(series: Casts, baseline: Baseline | None) -> tuple[Assumption, ...]:
    household = Assumption(
        statement="Members decide when to vote independently of each other, once households are counted once.",
        status=Status.UNTESTED,
        evidence=f"{series.n_household} ballots that followed another of the same small network within half an hour were left out."
        if series.networks_known
        else "No network keys are held, so couples who voted together could not be counted once; bursts of a few ballots may be theirs.",
    )
    if baseline is None:
        return (household,)
    return (
        household,
        Assumption(
            statement="Peer contests show how this one's members would have paced themselves.",
            status=Status.UNTESTED if baseline.n_peers >= ENOUGH_PEERS else Status.FAILS,
            evidence=f"{baseline.n_peers} peers with {baseline.n_events:,} ballots; at least {ENOUGH_PEERS} peers are needed to know their noise well.",
        ),
    )


def answer(case: Case) -> tuple[Result, ...]:
    """Answer for one contest of a package: from single ballots where they have times, else from a running count."""
    plan, series = case.plan, casts(case) if case.holds("ballot_events.at") else None
    common = {"n_resamples": plan.n_resamples, "alpha": plan.alpha, "confidence_level": plan.confidence_level}
    if series is None or series.stamps.size < MIN_BALLOTS:
        frame = steps(case)
        if frame.height >= MIN_STEPS and frame["count"].sum() >= MIN_BALLOTS:
            rng = plan.rng(case.contest_id, "cast_rate_bursts", "turnout_counts")
            return (counted_bursts(frame, rng=rng, parameters={"zone": case.contest["timezone"]}, **common),)
        held = 0 if series is None else series.stamps.size
        reason = f"Of ballots with a time inside a known window {held} are held; {MIN_BALLOTS} are needed, or {MIN_STEPS} readings of a running count of as many."
        needs = ("ballot_events.at", "contest_windows.opens_at", "contest_windows.closes_at", "turnout_counts.voted_n")
        return (NotAnswerable(method="cast_rate_bursts", reason=reason, needs=needs),)
    own = np.histogram(series.stamps, series.edges)[0] / series.stamps.size
    tests = [("within_hour", own, 0.0, None, None)]
    baseline = peer_baseline(case, series)
    if baseline is not None:
        hours = own_hours(case, series)
        tests.append(
            ("peer_baseline", expected_shares(baseline, hours, series), baseline.noise_cv, baseline.uncertainty(hours), baseline)
        )
    found: list[Result] = []
    for form, shares, noise_cv, uncertainty, peers in tests:
        try:
            found.append(
                cast_rate_bursts(
                    series, form=form, shares=shares, noise_cv=noise_cv, uncertainty=uncertainty, lengths=plan.scan_windows_s,
                    rng=plan.rng(case.contest_id, "cast_rate_bursts", form), assumptions=_assumptions(series, peers),
                    parameters={"zone": case.contest["timezone"]} | ({"peers": list(case.peers())} if peers else {}), **common,
                )
            )  # fmt: skip
        except TooFewObservations as error:
            found.append(NotAnswerable(method="cast_rate_bursts", form=form, reason=str(error), needs=("ballot_events.at",)))
    if baseline is None:
        reason = "Too few peer contests of the same length, opening hour and weekday are held to know the usual pace."
        needs = ("contests.comparison_only", "contest_windows.opens_at", "turnout_counts.voted_n")
        found.append(NotAnswerable(method="cast_rate_bursts", form="peer_baseline", reason=reason, needs=needs))
    return tuple(found)


def hourly(case: Case) -> pl.DataFrame:
    """Ballots per hour for the chart: ``start`` (UTC), ``hours`` (length), ``count``, ``expected, low, high`` (null without peers).

    The band holds 95 hours in 100 under the peers' pace and noise.
    """
    series = casts(case)
    if series is None:
        return pl.DataFrame(
            schema={
                "start": pl.Datetime("us", "UTC"),
                "hours": pl.Float64,
                "count": pl.Int64,
                "expected": pl.Float64,
                "low": pl.Float64,
                "high": pl.Float64,
            }
        )
    counts = np.histogram(series.stamps, series.edges)[0]
    frame = pl.DataFrame(
        {"start": [series.at(s) for s in series.edges[:-1]], "hours": np.diff(series.edges) / 3600, "count": counts}
    )
    baseline = peer_baseline(case, series)
    if baseline is None:
        empty = pl.lit(None, dtype=pl.Float64)
        return frame.with_columns(expected=empty, low=empty, high=empty)
    mean = expected_shares(baseline, own_hours(case, series), series) * series.stamps.size
    low, high = _band(mean, baseline.noise_cv)
    return frame.with_columns(expected=pl.Series(mean), low=pl.Series(low), high=pl.Series(high))


def _band(mean: NDArray, noise_cv: float) -> tuple[NDArray, NDArray]:
    from scipy.stats import nbinom, poisson

    if noise_cv == 0:
        return poisson.ppf(0.025, mean), poisson.ppf(0.975, mean)
    size = 1 / noise_cv**2
    return nbinom.ppf(0.025, size, size / (size + mean)), nbinom.ppf(0.975, size, size / (size + mean))


def zoom(case: Case, start: datetime, end: datetime) -> pl.DataFrame:
    """Single ballots around a window, for the chart: ``at`` (UTC), one row each, households counted once."""
    series = casts(case)
    stamps = pl.DataFrame({"at": [series.at(s) for s in series.stamps]}, schema={"at": pl.Datetime("us", "UTC")})
    margin = max((end - start) * 2, (end - start))
    return stamps.filter((pl.col("at") >= start - margin) & (pl.col("at") <= end + margin))

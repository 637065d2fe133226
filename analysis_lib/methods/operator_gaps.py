"""Did ballots follow each other at distances as even as one person keying codes would keep?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

from analysis_lib.case import Case
from analysis_lib.clocks import resolution_s
from analysis_lib.errors import TooFewObservations
from analysis_lib.methods.ballot_kinds import CAST, KIOSK, given_online
from analysis_lib.methods.turnout import last_of_each, seen_resolution
from analysis_lib.results import Assumption, Estimate, NotAnswerable, Result, Status, TestResult
from analysis_lib.stats import gaps, runs
from analysis_lib.stats.scan import rank_pvalue, rank_pvalue_error

MIN_BALLOTS = 30
MIN_GAPS = 8
BLOCK = 10  # gaps; longer stretches are cut into pieces, so that a few keyed ballots are not lost among many others
NEAREST = 10  # gaps around one that tell the pace at which it fell
STEADY_CV = 0.13  # what somebody keying codes keeps: 40 seconds, give or take 5
MOST_GAPS, MOST_LISTED = 200, 12
KEYED = (("session", "session_key"), ("network", "ip_key"), ("device", "device_key"))
EXPLANATIONS = (
    "A queue at one tablet or computer, at a meeting or a stall, that the log does not show as such.",
    "A household or a care home voting one after the other on one device.",
    "A program that takes ballots from a queue, or retries them, at a fixed beat.",
    "A limit on how many ballots a network may send in a minute.",
    "A phone bank that puts one member through after another.",
)
NULLS = {
    "even_gaps": "within every stretch of ballots, each moment between its first ballot and its last was equally likely",
    "band_run": "ballots came at random at the pace of their hour and of the ballots next to them",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Ballots looked at together: of one session, network, device or administrator's login, or of a block of the log.

    ``seconds`` since 1970 (UTC), sorted, whole.
    """

    kind: str
    seconds: NDArray

    @property
    def gaps(self) -> NDArray:
        """Distances, seconds; one fewer than ballots."""
        return np.diff(self.seconds)


def operator_gaps(
    stretches: Sequence[Stretch], *, resolution: int, confidence_level: float, n_resamples: int, rng: np.random.Generator,
    alpha: float, assumptions: tuple[Assumption, ...], n_excluded: int, parameters: dict,
) -> TestResult:  # fmt: skip
    """Find the stretch of ballots with the most even gaps, and ask whether chance makes any of them so even.

    Evenness points to one hand or one queue, never to whose.

    Parameters
    ----------
    stretches : sequence of Stretch
        Chosen without a look at their evenness; those that lie within one unit of the stamps, or have fewer than
        `MIN_GAPS` gaps, are left out.
    resolution : int
        Unit of the stamps, seconds.

    Returns
    -------
    TestResult
        Statistic: CV of the gaps of the most even stretch, by the chance of its like [1]_. Effect: shape of a gamma law
        fitted to them, profile interval; 1 for ballots at random, larger for even ones. As the most even of many it is
        biased upward. p-value: of the whole list of stretches together.

    Raises
    ------
    TooFewObservations
        No stretch can be looked at.

    Notes
    -----
    Null hypothesis: see `NULLS`. Simulated with every stretch's ends kept and the stamps cut down to their unit. A pace that
    changes within a stretch, and ballots that stand in two stretches, make the test err on the safe side.

    References
    ----------
    .. [1] `analysis_lib.stats.gaps.log_tail`; Greenwood (1946), J. R. Statist. Soc. 109(2), 85-110.
    """
    tested = [s for s in stretches if s.gaps.size >= MIN_GAPS and s.gaps.sum() >= 2 * resolution]
    if not tested:
        raise TooFewObservations(
            f"None of {len(stretches)} stretches has {MIN_GAPS + 1} ballots that are not all of one moment, at a resolution of "
            f"{resolution} s. Ask for the log with seconds."
        )
    sizes, totals = [s.gaps.size for s in tested], [int(s.gaps.sum()) for s in tested]
    cvs = np.array([gaps.gap_cv(s.gaps) for s in tested])
    tails = gaps.log_tail(cvs, sizes)
    order = np.lexsort((np.arange(tails.size), tails))
    null = gaps.stretch_null(sizes, totals, resolution, n_resamples=n_resamples, rng=rng)
    top = tested[int(order[0])]
    pvalue = rank_pvalue(-float(tails[order[0]]), -null)
    shape, low, high = gaps.gamma_shape(top.gaps, confidence_level, resolution)
    return TestResult(
        method="operator_gaps", form="even_gaps", null_hypothesis=NULLS["even_gaps"], alternative="less",
        statistic=float(cvs[order[0]]), statistic_name="standard deviation over mean of the gaps in the most even stretch",
        pvalue=pvalue,
        effect=Estimate(name="evenness of the gaps (1 is random; 10 or more is very even)", value=shape, low=low, high=high, confidence_level=confidence_level, unit="ratio"),
        n_observations=int(np.unique(np.concatenate([s.seconds for s in tested])).size), n_excluded=n_excluded,
        assumptions=assumptions, innocent_explanations=EXPLANATIONS, references=("greenwood1946", "pyke1965", "choi1969"),
        parameters=parameters | {"block": BLOCK, "n_resamples": n_resamples, "resolution": resolution},
        details={
            "pvalue_se": rank_pvalue_error(pvalue, n_resamples), "n_stretches": len(tested),
            "stretch": told(top), "gaps_s": [int(gap) for gap in top.gaps[:MOST_GAPS]], "greenwood": gaps.greenwood(top.gaps),
            "stretches": [told(tested[int(i)]) for i in order[:MOST_LISTED]],
            "smallest_visible": _fewest_even(float(np.quantile(null, alpha / 2))),
        },
        null_draws=null,
    )  # fmt: skip


def _fewest_even(threshold: float) -> int | None:
    """Fewest ballots keyed at `STEADY_CV` that would stand out alone; half of alpha, for the two forms tested."""
    sizes = np.arange(MIN_GAPS, 2 * BLOCK)
    seen = sizes[gaps.log_tail(np.full(sizes.size, STEADY_CV), sizes) <= threshold]
    return int(seen[0]) + 1 if seen.size else None


def told(stretch: Stretch) -> dict:
    """Give a stretch as a report tells it, without any key."""
    size, total = stretch.gaps.size, float(stretch.gaps.sum())
    return {
        "kind": stretch.kind, "ballots": size + 1, "start": instant(stretch.seconds[0]), "end": instant(stretch.seconds[-1]),
        "mean_s": total / size, "cv": gaps.gap_cv(stretch.gaps) if total and size > 1 else None,
    }  # fmt: skip


def instant(seconds: float) -> datetime:
    """Instant of a stamp in seconds since 1970."""
    return datetime.fromisoformat("1970-01-01T00:00:00+00:00") + timedelta(seconds=int(seconds))


def band_run(
    whole: Stretch, keyed: Sequence[Stretch], *, band: tuple[int, int], resolution: int, confidence_level: float, alpha: float,
    assumptions: tuple[Assumption, ...], n_excluded: int, parameters: dict,
) -> TestResult:  # fmt: skip
    """Find the longest run of gaps that all lie in the plan's band, such as 20 to 90 seconds.

    Parameters
    ----------
    whole : Stretch
        All ballots given online, in order; at least `MIN_BALLOTS`.
    keyed : sequence of Stretch
        Ballots of one session, network, device or login each, uncut.

    Returns
    -------
    TestResult
        Statistic: gaps in that run. Effect: its ballots beyond the mean of the null's longest run in the same sequence, with
        the range of that law. p-value: the smallest over the sequences, times their number (Bonferroni).

    Notes
    -----
    Null hypothesis: see `NULLS`. Exact for independent gaps. The chance of a gap in the band is taken at the pace of the
    ballot's hour, of the gaps around it, or of the whole log's share, whichever is largest; within one session or network it
    is the largest that any pace gives. So the test errs on the safe side.

    References
    ----------
    .. [1] Fu & Koutras (1994), J. Amer. Statist. Assoc. 89(427), 1050-1058.
    """
    most = runs.most_band_chance(band, resolution)
    found = []
    for stretch in (whole, *keyed):
        inside = (stretch.gaps >= band[0]) & (stretch.gaps <= band[1])
        chances = _chances(stretch, inside, band, resolution) if stretch is whole else np.full(inside.size, most)
        length, first = runs.longest_run(inside)
        found.append((runs.longest_run_tail(chances, length), stretch, first, length, chances))
    tail, stretch, first, length, chances = min(found, key=lambda item: item[0])
    run = Stretch(kind=stretch.kind, seconds=stretch.seconds[first : first + length + 1])
    mean, low, high = _longest_range(chances, confidence_level)
    return TestResult(
        method="operator_gaps", form="band_run", null_hypothesis=NULLS["band_run"], alternative="greater",
        statistic=float(length), statistic_name="gaps in a row that lie in the band", pvalue=min(1.0, tail * len(found)),
        effect=Estimate(
            name="ballots of the longest run beyond those expected at random", value=length - mean, low=length - high, high=length - low,
            confidence_level=None, unit="ballots",
        ),
        n_observations=int(whole.seconds.size), n_excluded=n_excluded,
        assumptions=assumptions, innocent_explanations=EXPLANATIONS, references=("fukoutras1994",),
        parameters=parameters | {"gap_band_s": list(band), "resolution": resolution, "confidence_level": confidence_level},
        details={
            "n_stretches": len(found), "stretch": told(run) if length else None, "expected_ballots": mean + 1,
            "gaps_s": [int(gap) for gap in run.gaps[:MOST_GAPS]], "in_band": float(np.mean((whole.gaps >= band[0]) & (whole.gaps <= band[1]))),
            "typical_chance": float(np.median(found[0][4])), "smallest_visible": _shortest_run(found[0][4], alpha / 2 / len(found)),
        },
    )  # fmt: skip


def _chances(stretch: Stretch, inside: NDArray, band: tuple[int, int], resolution: int) -> NDArray:
    """Chance of a gap in the band, for each gap: the largest that the hour, its neighbours and the whole log suggest."""
    _, index, counts = np.unique(stretch.seconds // 3600, return_inverse=True, return_counts=True)
    hourly = counts[index[:-1]] / 3600
    n, half = inside.size, NEAREST // 2
    first = np.clip(np.arange(n) - half, 0, max(n - NEAREST, 0))
    last = np.minimum(first + NEAREST, n)
    near = (last - first) / np.maximum(stretch.seconds[last] - stretch.seconds[first], resolution)
    found = [runs.band_chance(rates, band, resolution) for rates in (hourly, near)]
    return np.maximum(np.maximum(*found), inside.mean())


def _longest_range(chances: NDArray, confidence_level: float) -> tuple[float, int, int]:
    """Mean of the longest run, in gaps, and the range that holds it so often."""
    tails = [1.0]
    while tails[-1] > 1e-9 and len(tails) <= MOST_GAPS:  # tails[k]: chance of k or more; 0 beyond the number of gaps
        tails.append(runs.longest_run_tail(chances, len(tails)))
    out = (1 - confidence_level) / 2
    low = max(k for k, tail in enumerate(tails) if tail >= 1 - out)
    return sum(tails[1:]), low, next((k for k, tail in enumerate(tails[1:]) if tail <= out), MOST_GAPS)


def _shortest_run(chances: NDArray, level: float) -> int | None:
    lengths = range(1, min(chances.size, 100) + 1)
    return next((length for length in lengths if runs.longest_run_tail(chances, length) <= level), None)


def online(case: Case) -> tuple[pl.DataFrame, int]:
    """Give the ballots that members gave online themselves, in order of time, and how many timed ones are left aside.

    Ballots of a kiosk and of a batch are even by design: people queue, and papers are keyed in one after the other.
    """
    timed = case.rows("ballot_events").filter(pl.col("event").is_in(CAST) & pl.col("at").is_not_null())
    aside = timed.filter((pl.col("channel") == KIOSK) | pl.col("batch_id").is_not_null())
    return last_of_each(given_online(timed, kiosks=False)), aside.height


def keyed_stretches(case: Case, rows: pl.DataFrame) -> list[Stretch]:
    """Give the ballots of every session, network, device and administrator's login that has enough of them, uncut."""
    seconds = rows["at"].dt.epoch("us") // 1_000_000
    found = []
    for kind, column in KEYED:
        groups = pl.DataFrame({"key": rows[column], "s": seconds}).drop_nulls().group_by("key", maintain_order=True).agg("s")
        found += [Stretch(kind=kind, seconds=np.array(s)) for s in groups["s"] if len(s) > MIN_GAPS]
    for start, end in logins(case):
        inside = rows.filter((pl.col("at") >= start) & (pl.col("at") <= end))
        if inside.height > MIN_GAPS:
            found.append(Stretch(kind="administrator's login", seconds=(inside["at"].dt.epoch("us") // 1_000_000).to_numpy()))
    # Two keys may mark the same ballots, such as a session and its device: they are one stretch.
    once = {tuple(stretch.seconds): stretch for stretch in reversed(found)}
    return sorted(once.values(), key=lambda stretch: (tuple(stretch.seconds), stretch.kind))


def logins(case: Case) -> list[tuple[datetime, datetime]]:
    """From each login of an administrator to the logout that is that account's next entry of the two."""
    rows = case.rows("admin_actions").filter(
        pl.col("action").is_in(["login", "logout"]) & pl.col("at").is_not_null() & pl.col("actor_key").is_not_null()
    )
    ordered = rows.sort("actor_key", "at", "action", "event_id").with_columns(
        then=pl.col("action").shift(-1).over("actor_key"), until=pl.col("at").shift(-1).over("actor_key")
    )
    pairs = ordered.filter((pl.col("action") == "login") & (pl.col("then") == "logout")).sort("at", "until")
    return list(pairs.select("at", "until").iter_rows())


def pieces(stretch: Stretch) -> list[Stretch]:
    """Cut a stretch into pieces of `BLOCK` gaps, the last of which takes what is left over; counted from the first ballot."""
    n = max(1, stretch.gaps.size // BLOCK)
    ends = [*(BLOCK * i for i in range(n)), stretch.gaps.size]
    return [Stretch(kind=stretch.kind, seconds=stretch.seconds[first : last + 1]) for first, last in pairwise(ends)]


def answer(case: Case) -> tuple[Result, ...]:
    """Answer for one contest of a package: the most even stretch, and the longest run of gaps in the plan's band."""
    plan, (rows, n_aside) = case.plan, online(case)
    if rows.height < MIN_BALLOTS:
        reason = f"Of ballots that members gave online with a time {rows.height} are held; {MIN_BALLOTS} are needed."
        return (NotAnswerable(method="operator_gaps", reason=reason, needs=("ballot_events.at",)),)
    resolution = max(resolution_s(rows, case.rows("clocks")), seen_resolution(rows["at"], case.contest["timezone"]))
    whole = Stretch(kind="block", seconds=(rows["at"].dt.epoch("us") // 1_000_000).to_numpy())
    keyed = keyed_stretches(case, rows)
    kept = Assumption(
        statement="Ballots given at a meeting or keyed in by an officer are marked as such.",
        status=Status.UNTESTED,
        evidence=f"Ballots of a kiosk or of a batch stand aside: {n_aside:,}; a queue that is not marked keeps an even pace too.",
    )
    common = {
        "resolution": resolution, "confidence_level": plan.confidence_level, "alpha": plan.alpha, "assumptions": (kept,),
        "n_excluded": n_aside, "parameters": {"zone": case.contest["timezone"]},
    }  # fmt: skip
    found: list[Result] = []
    try:
        stretches = [piece for stretch in (*keyed, whole) for piece in pieces(stretch)]
        rng = plan.rng(case.contest_id, "operator_gaps", "even_gaps")
        found.append(operator_gaps(stretches, n_resamples=plan.n_resamples, rng=rng, **common))
    except TooFewObservations as error:
        found.append(NotAnswerable(method="operator_gaps", form="even_gaps", reason=str(error), needs=("ballot_events.at",)))
    if runs.most_band_chance(plan.gap_band_s, resolution) > 0:
        found.append(band_run(whole, keyed, band=plan.gap_band_s, **common))
    else:
        reason = f"The stamps are cut down to {resolution} seconds, so whether a gap lay in the band can't be seen."
        found.append(NotAnswerable(method="operator_gaps", form="band_run", reason=reason, needs=("ballot_events.at",)))
    return tuple(found)

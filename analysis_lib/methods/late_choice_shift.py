"""Did late ballots choose otherwise than earlier ones of the same channel and branch?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import norm

from analysis_lib.case import Case
from analysis_lib.methods import choice_counts as counting
from analysis_lib.methods.interim_totals import corrections, read_together, why_none_is_left
from analysis_lib.plaintext import count
from analysis_lib.results import Assumption, Estimate, NotAnswerable, Result, Status, TestResult
from analysis_lib.stats import stratified
from analysis_lib.stats.choice_permutation import spread_test
from analysis_lib.stats.multiplicity import holm
from analysis_lib.stats.scan import rank_pvalue_error
from analysis_lib.stats.share_trend import Excess, TrendTest, placebo_cuts, trend_test

NOUN = "late_choice_shift"
FEWEST = 20  # late ballots, and on-time ones; below, only the bound on what they can have changed is told
RAREST = 5  # ballots before and after; candidates with fewer are taken together
MOST_BINS = 60
IN_TIME = Assumption(
    statement="Nothing but the hour sets these ballots apart, which were given in time.", status=Status.FAILS,
    evidence="A canvass on the last day, a withdrawal, or other people who vote last look just like this, and no column tells them apart.",
)  # fmt: skip
FEWEST_BINS = 8  # before the cut: fewer don't show whether the shares drift
FEWEST_PLACEBOS = 5
SMALL_STRATUM = 10  # ballots before the cut; smaller strata share one intercept in the trend
MOST_COEFFICIENTS = 400
MOST_EXACT = 20_000
POWER = 0.8
OTHERS = "other candidates"
EXPLANATIONS = (
    "Late voters are other people: younger, at work all day, of other branches, or brought in by one campaign's last canvass.",
    "A candidate withdrew, was endorsed, or sent a last message shortly before the cut-off.",
    "Places that are slow to vote or to count prefer another candidate, and the branch held is too coarse to show it.",
    "Ballots of one branch or household were keyed in together, so that they are fewer independent choices than they seem.",
    "That late and early ballots differ is usual: they come from other places and other people (Idrobo, Kronick & Rodriguez, Journal of "
    "Politics 84(4), 2022). Of the same count, Escobari & Hoover (World Development 173, 2024, 106407) hold that a part stays unexplained.",
)
NULLS = {
    "trend": "late ballots kept to the even drift that the earlier ballots of their branch and channel show",
    "exchange": "late ballots were drawn from the same choices as the earlier ones of their branch and channel",
}
TIMES, CLOSE, READINGS = "ballot_choices.cast_bin|results.as_of", "contest_windows.closes_at", "results.as_of"
REFERENCES = ("mantel1959", "gart1970", "newcombe1998", "vanderweele2017", "idrobo2022", "escobari2024")


def late_choice_shift(
    counts: pl.DataFrame, *, form: str = "", alpha: float = 0.01, confidence_level: float = 0.95, n_resamples: int = 9999, n_placebos: int = 10,
    rng: np.random.Generator, parameters: Mapping[str, Any] | None = None,
) -> TestResult:  # fmt: skip
    """Compare late with earlier ballots, within branch and channel, past the drift that the earlier ones show.

    Early and late ballots usually differ in an innocent contest, so the p-value is that of the excess over the earlier drift wherever the
    data show one. Without it the p-value is that of plain exchange, which an innocent drift can make small; that is said.

    Parameters
    ----------
    counts : DataFrame
        ``stratum``, ``is_late``, ``candidate``, ``n``; ``at_days`` (days from the cut-off, negative before it; null or no such column:
        not known). At least 20 ballots either side.
    alpha : float
        Level at which the smallest visible shift is told.

    Returns
    -------
    TestResult
        Statistic: with a drift to hold against, the chi-square of the late ballots' excess over it, as a multiple of what earlier
        cut-offs show by chance; else the Pearson sum over candidates. Effect: the share of the candidate who stands out, less the one
        that the drift leads to (above 0: more among late ballots); else that candidate's common odds ratio, late against earlier.

    Notes
    -----
    Null hypothesis: late ballots kept to the even drift that the earlier ballots of their branch and channel show. Simulated.
    """
    table, names, strata = _table(counts)
    late, early = table[:, :, 1], table[:, :, 0]
    spread = spread_test(late, early, n_resamples=n_resamples, rng=rng)
    rows = _by_candidate(late, early, names, confidence_level)
    trend, starts, late_shares = _trend(counts, names, n_placebos, n_resamples, rng)
    details: dict[str, Any] = {
        "n_late": int(late.sum()), "n_on_time": int(early.sum()), "n_strata": len(strata), "by_candidate": rows,
        "n_compared": int(table[(late.sum(axis=1) > 0) & (early.sum(axis=1) > 0)].sum()),
        "pvalue_exchange": spread.pvalue, "pvalue_se": None, "has_trend": trend is not None, "expected": _expected(late, early, rows),
    }  # fmt: skip
    standing = _standing_out(rows, trend)
    row = rows[standing]
    needed, needed_low = stratified.needed_for_odds(row["odds_ratio"], row["odds_low"], row["odds_high"])
    details |= {"candidate": row["candidate"], "needed_ratio": needed, "needed_ratio_low": needed_low}
    if trend is None:
        pvalue, statistic, name = spread.pvalue, spread.statistic, "Pearson sum over candidates"
        effect = Estimate(
            name=f"odds of choosing {row['candidate']}, late against earlier ballots of the same branch and channel",
            value=row["odds_ratio"], low=row["odds_low"], high=row["odds_high"], confidence_level=confidence_level, unit="ratio",
        )  # fmt: skip
        details["smallest_visible"] = _visible(int(late.sum()), int(early.sum()), alpha)
    else:
        pvalue, statistic = trend.pvalue, trend.actual.statistic / trend.dispersion
        name = "chi-square of late shares past the earlier drift"
        cuts = [_cut(excess, trend.dispersion, standing, confidence_level, starts) for excess in (*trend.placebos, trend.actual)]
        cuts[-1]["is_actual"] = True
        effect = Estimate(
            name=f"share of {row['candidate']} among late ballots, against where the earlier drift leads", value=cuts[-1]["excess"],
            low=cuts[-1]["low"], high=cuts[-1]["high"], confidence_level=confidence_level, unit="points",
        )  # fmt: skip
        half = norm.isf((1 - confidence_level) / 2)
        se = (cuts[-1]["high"] - cuts[-1]["excess"]) / half
        details |= {
            "cuts": cuts, "rank": 1 + sum(cut["statistic"] >= cuts[-1]["statistic"] for cut in cuts[:-1]), "n_placebos": len(trend.placebos),
            "dispersion": trend.dispersion, "drift_per_day": float(trend.slope[standing]),
            "share_if_even": float(late_shares[standing]) - cuts[-1]["excess"],
            "smallest_visible": float(min(1.0, (norm.isf(alpha / 2) + norm.isf(1 - POWER)) * se)),
        }  # fmt: skip
    simulated = trend is not None or spread.null_draws is not None
    details["pvalue_se"] = rank_pvalue_error(pvalue, n_resamples) if simulated else 0.0
    return TestResult(
        method=NOUN, form=form, null_hypothesis=NULLS["exchange" if trend is None else "trend"], alternative="two-sided",
        statistic=float(statistic), statistic_name=name, pvalue=float(pvalue), effect=effect,
        n_observations=int(table.sum()), n_excluded=0, assumptions=_assumptions(details), innocent_explanations=EXPLANATIONS,
        references=REFERENCES, parameters=dict(parameters or {}) | {"n_resamples": n_resamples, "n_placebos": n_placebos},
        details=details, null_draws=spread.null_draws if trend is None else trend.null_draws,
    )  # fmt: skip


def _table(counts: pl.DataFrame) -> tuple[NDArray, list[str], list[str]]:
    """Ballots by stratum, candidate (most first; the rare taken together) and side (0 before, 1 late)."""
    totals = counts.group_by("candidate").agg(
        pl.col("n").sum(), before=pl.col("n").filter(~pl.col("is_late")).sum()
    ).sort(["n", "candidate"], descending=[True, False])  # fmt: skip
    common = totals.filter(pl.col("before") >= RAREST)["candidate"].to_list()
    names = common + ([OTHERS] if len(common) < totals.height else [])
    strata = counts["stratum"].unique().sort().to_list()
    place = {name: i for i, name in enumerate(names)}
    found = np.zeros((len(strata), len(names), 2), np.int64)
    columns = counts.select(
        pl.col("stratum").replace_strict(strata, list(range(len(strata))), return_dtype=pl.Int64),
        pl.col("candidate").replace_strict(place, default=len(names) - 1, return_dtype=pl.Int64),
        pl.col("is_late").cast(pl.Int64),
        "n",
    )
    np.add.at(found, tuple(columns[:, i].to_numpy() for i in range(3)), columns["n"].to_numpy())
    return found, names, strata


def _by_candidate(late: NDArray, early: NDArray, names: list[str], confidence_level: float) -> list[dict[str, Any]]:
    """Each candidate against the rest: pooled and within strata side by side, exact where there aren't too many ballots."""
    n_late, n_early = late.sum(axis=1), early.sum(axis=1)
    ratio = stratified.common_ratio if late.sum() <= MOST_EXACT else stratified.approximate_ratio
    rows = []
    for c, name in enumerate(names):
        tables = np.stack([late[:, c], n_late - late[:, c], early[:, c], n_early - early[:, c]], axis=1)
        common = ratio(tables, confidence_level)
        raw = stratified.share_difference(late[:, c].sum(), n_late.sum(), early[:, c].sum(), n_early.sum(), confidence_level)
        adjusted = stratified.adjusted_difference(tables, confidence_level)
        rows.append(
            {
                "candidate": name, "late": int(late[:, c].sum()), "on_time": int(early[:, c].sum()),
                "late_share": float(late[:, c].sum() / n_late.sum()), "share": float(early[:, c].sum() / n_early.sum()),
                "raw": raw[0], "raw_low": raw[1], "raw_high": raw[2], "adjusted": adjusted[0], "adjusted_low": adjusted[1],
                "adjusted_high": adjusted[2], "odds_ratio": common.ratio, "odds_low": common.low, "odds_high": common.high,
                "pvalue": common.central, "pvalue_mid": float(common.mid),
            }
        )  # fmt: skip
    listed = rows[:1] if len(rows) == 2 else rows  # of two candidates the second is the mirror of the first
    for row, adjusted_p in zip(listed, holm([row["pvalue"] for row in listed]), strict=True):
        row["pvalue_adjusted"] = float(adjusted_p)
    for row in rows[len(listed) :]:
        row["pvalue_adjusted"] = rows[0]["pvalue_adjusted"]
    return rows


def _trend(
    counts: pl.DataFrame, names: list[str], n_placebos: int, n_resamples: int, rng: np.random.Generator
) -> tuple[TrendTest | None, NDArray, NDArray]:
    """The test against the earlier drift, the starts of its bins and the late shares in it; none where too few times are known."""
    none = np.zeros(0)
    if "at_days" not in counts.columns or counts["at_days"].null_count() or len(names) < 2:
        return None, none, none
    binned, times, cut = _binned(counts, names)
    if cut < FEWEST_BINS or len(placebo_cuts(binned, cut, n_placebos, FEWEST)) < FEWEST_PLACEBOS:
        return None, none, none
    test = trend_test(binned, times, cut, n_placebos=n_placebos, fewest=FEWEST, n_resamples=n_resamples, rng=rng)
    late = binned[:, cut:].sum(axis=(0, 1))
    return test, np.append(times[0], (times[1:] + times[:-1]) / 2), late / late.sum()


def _binned(counts: pl.DataFrame, names: list[str]) -> tuple[NDArray, NDArray, int]:
    """Ballots by stratum, time and candidate: at most 60 bins of like size before the cut, up to 6 after; strata met before it."""
    rows = counts.with_columns(candidate=pl.when(pl.col("candidate").is_in(names)).then("candidate").otherwise(pl.lit(names[-1])))
    bins, n_before = [], 0
    for is_late, most in ((False, MOST_BINS), (True, 6)):
        held = rows.filter(pl.col("is_late") == is_late, pl.col("n") > 0)
        at = held.group_by("at_days").agg(pl.col("n").sum()).sort("at_days")
        number = ((at["n"].cum_sum() - at["n"]) * most // max(1, int(at["n"].sum()))).rank("dense").cast(pl.Int64) - 1
        bins.append(at.with_columns(bin=number + n_before, is_late=pl.lit(is_late)))
        n_before += number.n_unique()
    cut = bins[0]["bin"].n_unique()
    found = pl.concat(bins)
    times = found.group_by("bin").agg(at=(pl.col("at_days") * pl.col("n")).sum() / pl.col("n").sum()).sort("bin")["at"].to_numpy()
    before = rows.filter(~pl.col("is_late")).group_by("stratum").agg(pl.col("n").sum()).filter(pl.col("n") > 0).sort("stratum")
    least = SMALL_STRATUM
    while True:
        own = before.filter(pl.col("n") >= least)["stratum"].to_list()
        if (len(own) + 2) * (len(names) - 1) <= MOST_COEFFICIENTS:
            break
        least *= 2
    place = {name: i for i, name in enumerate(own)}
    known = rows.filter(pl.col("stratum").is_in(before["stratum"].to_list()))
    cells = known.join(found.select("is_late", "at_days", "bin"), on=["is_late", "at_days"]).select(
        pl.col("stratum").replace_strict(place, default=len(own), return_dtype=pl.Int64), "bin",
        pl.col("candidate").replace_strict(names, list(range(len(names))), return_dtype=pl.Int64), "n",
    )  # fmt: skip
    array = np.zeros((len(own) + 1, times.size, len(names)), np.int64)
    np.add.at(array, tuple(cells[:, i].to_numpy() for i in range(3)), cells["n"].to_numpy())
    return array[array.sum(axis=(1, 2)) > 0], times, cut


def _standing_out(rows: list[dict[str, Any]], trend: TrendTest | None) -> int:
    if trend is not None:
        spread = np.sqrt(np.maximum(np.diag(trend.actual.covariance), 1e-12))
        return int(np.argmax(np.abs(trend.actual.apart) / spread))
    return min(range(len(rows)), key=lambda c: (rows[c]["pvalue"], c))


def _cut(excess: Excess, dispersion: float, candidate: int, confidence_level: float, starts: NDArray) -> dict[str, Any]:
    value = float(excess.apart[candidate]) / excess.size
    half = (
        float(norm.isf((1 - confidence_level) / 2) * np.sqrt(max(0.0, excess.covariance[candidate, candidate]) * dispersion))
        / excess.size
    )
    return {
        "at_days": float(starts[excess.first]), "n": excess.size, "excess": value, "low": value - half, "high": value + half,
        "statistic": excess.statistic, "is_actual": False,
    }  # fmt: skip


def _visible(n_late: int, n_early: int, alpha: float) -> float:
    """Shift that a test of two shares at `alpha` finds in four contests of five; as if half the voters chose the candidate."""
    return float(min(1.0, (norm.isf(alpha / 2) + norm.isf(1 - POWER)) * 0.5 * np.sqrt(1 / max(1, n_late) + 1 / max(1, n_early))))


def _assumptions(details: Mapping[str, Any]) -> tuple[Assumption, ...]:
    if not details["has_trend"]:
        drift = Assumption(
            statement="Choices did not drift before the cut-off.",
            status=Status.FAILS,
            evidence="Too few earlier times are held to see a drift. In most ballots early and late voters differ, so that a small p-value alone tells nothing.",
        )
        return (drift, _unmeasured(details))
    rank, n = details["rank"], details["n_placebos"]
    unusual = Assumption(
        statement="No earlier cut-off stands out as clearly, for the ballots it rests on.",
        status=Status.HOLDS if rank == 1 else Status.FAILS,
        evidence=f"Of {n} earlier cut-offs {f'{rank - 1}' if rank > 1 else 'none'} {'stand' if rank > 2 else 'stands'} out at least as much.",
    )
    drift = Assumption(
        statement="The drift before the cut-off would have gone on evenly past it.",
        status=Status.UNTESTED,
        evidence=f"The share of {details['candidate']} changed by {100 * details['drift_per_day']:+.1f} points a day before the cut-off; that is taken out.",
    )
    return (unusual, drift, _unmeasured(details))


def _unmeasured(details: Mapping[str, Any]) -> Assumption:
    needed = details["needed_ratio_low"]
    how = (
        f"To explain the odds ratio's near end alone, a trait that no column holds would have to be {needed:.1f} times as common among late "
        f"voters and to make the choice {needed:.1f} times as likely."
        if np.isfinite(needed) and needed > 1
        else "The interval of the odds ratio holds 1, so no such trait is needed to explain it."
    )
    return Assumption(
        statement="Late voters differ from earlier ones in nothing else that sways a choice.",
        status=Status.UNTESTED,
        evidence=how,
    )


def answer(case: Case) -> tuple[Result, ...]:
    """Answer for one contest of a package: each cut-off of the plan, first preferences and, if ranked, the last two candidates."""
    counts = counting.choice_counts(case)
    if counts is None or not counts.rows.height:
        reason = "No choices with a time, and no running totals by candidate, are held."
        if counts is not None and counts.interim is not None:
            reason = why_none_is_left(counts.interim)
        return (_missing(reason, "", case.missing((TIMES, CLOSE))),)
    found: list[Result] = []
    seen: list[tuple[str, list[Any]]] = []
    for preference in (counting.FIRST_PREFERENCES, counting.FINAL_TWO) if counts.is_ranked else (counting.FIRST_PREFERENCES,):
        own = counts if preference == counting.FIRST_PREFERENCES else counting.choice_counts(case, preference)
        for cut_s in sorted(case.plan.late_cuts_s) if own is not None else ():
            divided = counting.split(case, own, cut_s)
            sides = _sides(divided.rows) if divided is not None else []
            if sides and (preference, sides) in seen:
                continue  # two cut-offs with the same ballots on either side are one test: that nearest to the close
            seen.append((preference, sides))
            found.append(_one(case, own, divided, cut_s, counting.form_of(cut_s, preference)))
    return tuple(found)


def _sides(rows: pl.DataFrame) -> list[Any]:
    """Ballots by branch, choice and side; none where nothing is late."""
    by = ["stratum", "candidate", "is_late"]
    held = rows.filter(pl.col("n") > 0).group_by(by).agg(pl.col("n").sum()).sort(by)
    return held.rows() if held["is_late"].any() else []


def _missing(reason: str, form: str, needs: tuple[str, ...] = (), **details: Any) -> NotAnswerable:
    """Where all columns are held, readings of the count while it went on are what helps."""
    return NotAnswerable(method=NOUN, form=form, reason=reason, needs=needs or (READINGS,), details=details)


def _one(case: Case, counts: counting.Counts, divided: counting.Split | None, cut_s: int, form: str) -> Result:
    if divided is None:
        return _missing("No close of the voting is held for any channel with these ballots.", form, (CLOSE,))
    late = int(divided.rows.filter("is_late")["n"].sum())
    early = int(divided.rows.filter(~pl.col("is_late"))["n"].sum())
    if min(late, early) < FEWEST or divided.rows.filter(pl.col("n") > 0)["candidate"].n_unique() < 2:
        visible = _visible(late, early, case.plan.alpha)
        reason = _too_few(late, early, divided.n_straddling, visible, cut_s, form, counts)
        return _missing(reason, form, n_late=late, n_on_time=early, smallest_visible=visible, n_straddling=divided.n_straddling)
    names = dict(case.rows("candidates").select("candidate_id", "display_name").iter_rows())
    rows = divided.rows.with_columns(pl.col("candidate").replace(names))
    rows = rows.group_by("stratum", "is_late", "candidate", "at_days").agg(pl.col("n").sum()).sort(pl.all())
    compared = rows.filter(pl.col("is_late").n_unique().over("stratum") == 2).group_by("is_late").agg(pl.col("n").sum())["n"]
    if compared.len() < 2 or compared.min() < FEWEST:
        reason = "Late and earlier ballots hardly stand in the same branch and channel, so that there is little to compare."
        return _missing(reason, form, n_late=late, n_on_time=early, n_straddling=divided.n_straddling)
    plan = case.plan
    result = late_choice_shift(
        rows, form=form, alpha=plan.alpha, confidence_level=plan.confidence_level, n_resamples=plan.n_resamples,
        n_placebos=plan.n_placebos, rng=plan.rng(case.contest_id, NOUN, form),
        parameters={"cut_s": cut_s, "zone": case.contest["timezone"], "confidence_level": plan.confidence_level},
    )  # fmt: skip
    left_out = {
        "without choice or time": counts.n_left_out, "in a span that the cut-off divides": divided.n_straddling,
        "of a channel with no close": divided.n_without_close,
    }  # fmt: skip
    details = dict(result.details) | {"cut_at": divided.cut_at, "cut_s": cut_s, "road": counts.road, "left_out": left_out}
    details |= counting.cuts_that_differ(divided.cuts)
    for cut in details.get("cuts", ()):
        cut["at"] = divided.cut_at if cut["is_actual"] else divided.cut_at + timedelta(days=cut["at_days"])
    if cut_s > 0:
        result = replace(result, assumptions=(*result.assumptions, IN_TIME))
    if counts.interim is not None:
        details |= {"running": counting.running_shares(counts, names), "n_fell": counts.interim.n_fell}
        together = read_together(counts.interim, divided.cut_at, details["n_late"], are_late=False)
        result = replace(result, assumptions=(*result.assumptions, together, corrections(counts.interim.n_fell)))
    return replace(result, n_excluded=sum(left_out.values()), details=details)


def _too_few(late: int, early: int, n_straddling: int, visible: float, cut_s: int, form: str, counts: counting.Counts) -> str:
    """Why there is nothing to compare, though the columns are held."""
    choice = "choice between the last two candidates" if form.endswith(counting.FINAL_TWO) else "choice"
    held = f"whose {choice} and time are both held"
    if min(late, early) >= FEWEST:
        return f"All {late + early:,} ballots {held} are for one candidate, so there is nothing to compare."
    span = counting.span_of(cut_s)
    if counts.interim is not None:
        span = f"after the reading of the count nearest to {'the close' if cut_s == 0 else f'the start of {span}'}"
    came = f"{late:,} {'is' if late == 1 else 'are'}" if late else "none is"
    text = f"Of {count(late + early, 'ballot')} {held}, {came} from {span}; at least {FEWEST} late and {FEWEST} earlier ones are needed."
    if n_straddling:
        text += f" The cut-off divides the span of time of {n_straddling:,} more, which are left out."
    if visible < 0.995:
        text += f" With so few, even a shift of {100 * visible:.0f} points would often not show."
    if counts.interim is None:
        text += " The columns are held; a reading of the count by candidate at the cut-off would help."
    return text


def _expected(late: NDArray, early: NDArray, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The late lead of the first two, as seen and as the same strata's earlier ballots lead to, over strata that have both."""
    n, n_before = late.sum(axis=1), early.sum(axis=1)
    both = (n > 0) & (n_before > 0)
    if len(rows) < 2 or not both.any():
        return {}
    lead, before = (side[both, 0] - side[both, 1] for side in (late, early))
    whole = int(n[both].sum())
    led_to = float((n[both] * before / n_before[both]).sum() / whole)
    return {
        "first": rows[0]["candidate"],
        "second": rows[1]["candidate"],
        "n": whole,
        "seen": float(lead.sum() / whole),
        "led_to": led_to,
    }

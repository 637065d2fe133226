"""Did an administrator act at hours at which that administrator did not act before?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from analysis_lib.case import Case
from analysis_lib.clocks import window_in_force
from analysis_lib.methods.sittings import acts, hours_worked, owner_labels, sittings
from analysis_lib.plaintext import count
from analysis_lib.results import Assumption, Estimate, NotAnswerable, Result, Status, TestResult
from analysis_lib.stats.multiplicity import holm
from analysis_lib.stats.scan import rank_pvalue

METHOD = "off_hours_actions"
MIN_DAYS = 8  # days worked in the earlier period from which its hours can be taken for usual
MIN_OWN = 2  # days worked during the vote
HOURS = 24
BATCH = 2_000  # draws at a time
KEPT = 2 / 3  # of the usual hours of a day: with fewer left on the days with new ones, the day moved rather than grew
ALIKE = 2  # another administrator with one in so many of the same new hours shares the cause
FULLER = 1.5  # times as many usual hours a day as before: the log then shows more of a day's work
LONGEST_DAY = timedelta(hours=12)  # from a login to its logout, the hours between count as worked, entries or not
EXPLANATIONS = (
    "A deadline, a count or a fault of the platform kept somebody up.",
    "A holiday, an illness or a new shift moved the hours.",
    "Somebody lives or travels in another time zone.",
    "A colleague used the account, or a program ran under it.",
)
NULLS = {
    "period": "an administrator kept the same hours on days of the vote as on days before it",
    "peers": "all administrators kept the same hours during the vote",
}


def newness(days: NDArray, labelled: NDArray) -> NDArray:
    """Share of the hours worked on labelled days that lie more than an hour from any hour worked on the other days.

    Parameters
    ----------
    days : array of bool (n_days, 48)
        Hours worked: 24 of working days, then 24 of Saturdays and Sundays.
    labelled : array of bool (n_sets, n_days)
        Which days are labelled, in one set or in many.

    Returns
    -------
    array of float (n_sets,)
        0 to 1; 0 where a set has no hour.
    """
    worked = days.astype(float)
    wide = near(days).astype(float)
    chosen = labelled.astype(float)
    unknown = ((1 - chosen) @ wide) == 0
    hours = chosen @ worked
    return (hours * unknown).sum(axis=1) / np.maximum(hours.sum(axis=1), 1)


def near(days: NDArray) -> NDArray:
    """Hours worked and those next to them, on the circle of 24, working days and weekends apart."""
    parts = days.reshape(-1, 2, HOURS)
    return (parts | np.roll(parts, 1, axis=2) | np.roll(parts, -1, axis=2)).reshape(days.shape)


def draws(days: NDArray, labelled: NDArray, is_weekend: NDArray, *, n_resamples: int, rng: np.random.Generator) -> NDArray:
    """`newness` with the labels dealt out anew among whole days, working days and weekends apart."""
    found = []
    for start in range(0, n_resamples, BATCH):
        dealt = np.tile(labelled, (min(BATCH, n_resamples - start), 1))
        for kind in (False, True):
            own = np.flatnonzero(is_weekend == kind)
            if own.size:
                dealt[:, own] = rng.permuted(dealt[:, own], axis=1)
        found.append(newness(days, dealt))
    return np.concatenate(found)


def thinned(days: NDArray, labelled: NDArray, *, rng: np.random.Generator) -> NDArray:
    """Leave on labelled days no more hours, drawn by lot, than the other days have on average: a fuller log shows more hours."""
    least = max(1, round(days[~labelled].sum(axis=1).mean()))
    rank = np.argsort(np.argsort(np.where(days, rng.random(days.shape), 2.0), axis=1), axis=1)
    return days & (~labelled[:, None] | (rank < least))


def off_hours_actions(
    worked: pl.DataFrame, *, form: str, confidence_level: float, n_resamples: int, rng: np.random.Generator, alpha: float,
    assumptions: tuple[Assumption, ...], n_excluded: int, parameters: dict,
) -> TestResult:  # fmt: skip
    """Compare the hours each administrator worked during the vote with the hours of the days to compare with.

    An unusual hour is no fault: elections keep people up.

    Parameters
    ----------
    worked : DataFrame
        ``administrator, block, hour, is_weekend, is_own``: one row for each hour worked by the clock of the contest's zone;
        ``block`` numbers whole days, ``is_own`` marks days of the vote (else: a day to compare with).
    form : {'period', 'peers'}
        Whether one compares with the administrator's own earlier days or with the other administrators' days of the vote.

    Returns
    -------
    TestResult
        Statistic: hours worked during the vote more than an hour away from any hour of the days compared with, of the
        administrator with the smallest p-value, of those whose usual hours did not move, and whose new hours no other
        shares, if any stands out. Effect: their share, less the share that dealt-out days show; its range is
        that of the dealt-out days. p-value: that administrator's after Holm.

    Notes
    -----
    Null hypothesis: see `NULLS`. Whole days are dealt out, since the hours of one day come together; 9,999 times, and by
    share, so that a busy vote alone makes no finding. One-sided.
    """
    told, results = [], []
    for (name,), own in worked.sort("administrator", "block", "hour").group_by("administrator", maintain_order=True):
        days, labelled, is_weekend = _table(own)
        share = float(newness(days, labelled[None])[0])
        null = draws(days, labelled, is_weekend, n_resamples=n_resamples, rng=rng)
        results.append((days, labelled, is_weekend, share, null))
        told.append({"administrator": name, "pvalue": rank_pvalue(share, null)} | _hours(days, labelled, float(null.mean())))
    adjusted = holm([row["pvalue"] for row in told])
    told = [row | {"pvalue_adjusted": float(p)} for row, p in zip(told, adjusted, strict=True)]
    off = [_off(*result[:2]) for result in results]
    alike = [_alike(off, place) if form == "period" else 0 for place in range(len(off))]
    # Neither a shift that moved nor an office's long evenings must hide a colleague's nights.
    order = sorted(
        range(len(told)),
        key=lambda i: (
            _moved(told[i]) or bool(alike[i]) or told[i]["pvalue_adjusted"] > alpha,
            told[i]["pvalue"],
            -told[i]["off"],
            told[i]["administrator"],
        ),
    )
    top = order[0]
    if form == "period" and told[top]["pvalue_adjusted"] <= alpha:
        days, labelled, is_weekend, *_ = results[top]
        few = thinned(days, labelled, rng=rng)
        null = draws(few, labelled, is_weekend, n_resamples=n_resamples, rng=rng)
        again = rank_pvalue(float(newness(few, labelled[None])[0]), null) * len(told)
        alone = _not_alike(alike[top], len(told) - 1)
        assumptions = (*assumptions, _not_moved(told[top]), alone, _as_full(told[top], again <= alpha))
    (*_, share, null), hours = results[top], told[top]["hours"]
    low, high = np.quantile(null, [(1 - confidence_level) / 2, (1 + confidence_level) / 2])
    level = alpha / len(told)
    fewest = int(np.floor(np.quantile(null, 1 - level) * hours)) + 1 if n_resamples * level >= 1 else None
    return TestResult(
        method=METHOD, form=form, null_hypothesis=NULLS[form], alternative="greater",
        statistic=float(told[top]["off"]), statistic_name="hours worked by one administrator at which none was worked before",
        pvalue=told[top]["pvalue_adjusted"],
        effect=Estimate(
            name="share of hours worked that are new, beyond the share among days dealt out at random", value=share - float(null.mean()),
            low=share - float(high), high=share - float(low), confidence_level=None, unit="share",
        ),
        n_observations=worked.filter("is_own").height if form == "period" else worked.filter("is_own").unique(["administrator", "block", "hour"]).height,
        n_excluded=n_excluded, assumptions=assumptions, innocent_explanations=EXPLANATIONS,
        references=("westfall1993", "holm1979"), parameters=parameters | {"n_resamples": n_resamples, "confidence_level": confidence_level},
        details={
            "administrators": [told[i] for i in order],
            "smallest_visible": fewest if fewest is not None and fewest <= hours else None,
        },
        null_draws=null,
    )  # fmt: skip


def _table(own: pl.DataFrame) -> tuple[NDArray, NDArray, NDArray]:
    """One administrator's days: hours worked (n_days, 48), which are days of the vote, and which are of a weekend."""
    blocks, place = np.unique(own["block"].to_numpy(), return_inverse=True)
    days, weekend = np.zeros((blocks.size, 2 * HOURS), bool), own["is_weekend"].to_numpy()
    days[place, own["hour"].to_numpy() + HOURS * weekend] = True
    labelled, is_weekend = (np.zeros(blocks.size, bool) for _ in range(2))
    labelled[place], is_weekend[place] = own["is_own"].to_numpy(), weekend
    return days, labelled, is_weekend


def _off(days: NDArray, labelled: NDArray) -> NDArray:
    """On how many labelled days each hour (48,) was worked, of those that are new."""
    return np.asarray(days[labelled].sum(axis=0) * (near(days)[~labelled].sum(axis=0) == 0))


def _hours(days: NDArray, labelled: NDArray, expected_share: float) -> dict:
    """What one administrator's hours come to; ``usual``: per day with new hours, and per day compared with."""
    is_new = near(days)[~labelled].sum(axis=0) == 0
    off, hours = _off(days, labelled), int(days[labelled].sum())
    with_new = days[labelled & days[:, is_new].any(axis=1)]
    return {
        "days": int(labelled.sum()), "days_before": int((~labelled).sum()), "hours": hours, "off": int(off.sum()),
        "expected": expected_share * hours, "off_hours": [int(hour) for hour in np.flatnonzero(off.reshape(2, HOURS).sum(axis=0))],
        "days_with_new": len(with_new), "usual": float(with_new[:, ~is_new].sum() / max(1, len(with_new))),
        "usual_before": float(days[~labelled].sum(axis=1).mean()),
    }  # fmt: skip


def _moved(row: dict) -> bool:
    return bool(row["off"]) and row["usual"] < KEPT * row["usual_before"]


def _not_moved(row: dict) -> Assumption:
    moved = _moved(row)
    return Assumption(
        statement="New hours came on top of the usual ones, and did not take their place as with a new shift, another time zone or a substitute.",
        status=Status.FAILS if moved else Status.HOLDS,
        evidence=f"On the {count(row['days_with_new'], 'day')} with new hours {row['usual']:.1f} of the usual hours were worked, on a day before {row['usual_before']:.1f}."
        + (" A rota, or from where the account was used, would settle it." if moved else ""),
    )  # fmt: skip


def _as_full(row: dict, stands: bool) -> Assumption:
    now, before = (row["hours"] - row["off"]) / row["days"], row["usual_before"]
    is_fuller = now > FULLER * before
    evidence = f"At the usual hours it shows {now:.1f} on a day of the vote and {before:.1f} on a day before."
    if is_fuller:
        evidence += " With no more hours a day than before, drawn by lot, it " + (
            "stands out as well."
            if stands
            else "does not stand out. A log of the same kind from before the vote would settle it."
        )
    return Assumption(
        statement="The log of the days compared with shows as much of a day's work.",
        status=Status.FAILS if is_fuller and not stands else Status.HOLDS, evidence=evidence,
    )  # fmt: skip


def _alike(off: list[NDArray], place: int) -> int:
    """How many others have half as many new hours at the same times, as where an office is open in the evening for the vote."""
    others = [other for i, other in enumerate(off) if i != place]
    return sum(bool(ALIKE * np.minimum(off[place], other).sum() >= max(off[place].sum(), 1)) for other in others)


def _not_alike(n: int, n_others: int) -> Assumption:
    return Assumption(
        statement="The new hours are this administrator's own, and not those of an office that was open longer for the vote.",
        status=Status.FAILS if n else Status.HOLDS if n_others else Status.UNTESTED,
        evidence=f"Of {count(n_others, 'other administrator')} with days to compare, {n:,} had half as many new hours at the same times of day or more."
        + (" The office's hours, or a rota, would settle it." if n else ""),
    )


def hours_by_period(case: Case, names: dict[str, str] | None = None) -> pl.DataFrame:
    """Give every hour that an administrator worked up to the close: ``administrator, day, hour, is_weekend, is_own`` (after the opening).

    Empty where the opening isn't known. A sitting over the opening belongs to the vote.
    """
    window = window_in_force(case.rows("contest_windows"), "online")
    zone = case.contest["timezone"]
    work = pl.concat([sittings(case).select("owner", "start", "end"), _sessions(case)])
    is_own = pl.lit(True)
    if window is None or window.opens_at is None:
        work = work.clear()
    else:
        is_own = pl.col("end") > window.opens_at
        work = work.filter(pl.col("start") < window.closes_at) if window.closes_at else work
    parts = [hours_worked(work.filter(is_own == side), zone).with_columns(is_own=pl.lit(side)) for side in (False, True)]
    names = names or owner_labels(case)
    named = pl.concat(parts).with_columns(
        administrator=pl.col("owner").replace_strict(names, default=None, return_dtype=pl.String)
    )
    return named.select("administrator", "day", "hour", "is_weekend", "is_own").sort("administrator", "is_own", "day", "hour")


def _sessions(case: Case) -> pl.DataFrame:
    """From a login to its logout within `LONGEST_DAY`: ``owner, start, end``. Whoever stays logged in works now and then without an entry."""
    session = (pl.col("action") == "login").cum_sum().over("owner")
    spans = acts(case).group_by("owner", session.alias("session"), maintain_order=True).agg(
        start=pl.col("at").first(), end=pl.col("at").last(), is_whole=(pl.col("action").first() == "login") & (pl.col("action").last() == "logout")
    )  # fmt: skip
    return spans.filter(pl.col("is_whole") & ((pl.col("end") - pl.col("start")) <= LONGEST_DAY)).select("owner", "start", "end")


def _days(frame: pl.DataFrame, is_own: bool) -> pl.DataFrame:
    return frame.filter(pl.col("is_own") == is_own).group_by("administrator").agg(n=pl.col("day").n_unique())


def _against_earlier(worked: pl.DataFrame) -> pl.DataFrame:
    """Those administrators who worked on enough days of both periods, days numbered."""
    earlier, own = _days(worked, False).filter(pl.col("n") >= MIN_DAYS), _days(worked, True).filter(pl.col("n") >= MIN_OWN)
    kept = worked.join(earlier, on="administrator", how="semi").join(own, on="administrator", how="semi")
    return kept.with_columns(block=pl.struct("is_own", "day").rank("dense").over("administrator"))


def _against_peers(worked: pl.DataFrame) -> pl.DataFrame:
    """During the vote alone: each administrator's days beside those of all the others."""
    during = worked.filter("is_own")
    able = _days(worked, True).filter(pl.col("n") >= MIN_OWN)["administrator"].sort()
    if during["administrator"].n_unique() < 2:
        return during.clear().with_columns(block=pl.lit(0, pl.Int64))
    parts = [
        during.with_columns(
            block=pl.struct("administrator", "day").rank("dense"), is_own=pl.col("administrator") == name, administrator=pl.lit(name)
        )
        for name in able
    ]  # fmt: skip
    return pl.concat(parts) if parts else during.clear().with_columns(block=pl.lit(0, pl.Int64))


def answer(case: Case) -> tuple[Result, ...]:
    """Answer for one contest of a package: against each administrator's own earlier days; where none are held, against the others."""
    worked = hours_by_period(case)
    if not worked.filter("is_own").height:
        reason = "No administrator's entry with a time lies between the opening and the close, or the opening isn't known."
        return (NotAnswerable(method=METHOD, reason=reason, needs=("admin_actions.at", "contest_windows.opens_at")),)
    form, compared = "period", _against_earlier(worked)
    if not compared.height:
        form, compared = "peers", _against_peers(worked)
    if not compared.height:
        reason = f"No administrator worked on {MIN_DAYS} days before the vote and {MIN_OWN} during it, and no other one to compare with did."
        return (NotAnswerable(method=METHOD, reason=reason, needs=("admin_actions.at", "admin_actions.actor_key")),)
    assumption = Assumption(
        statement="The days compared with show the administrator's usual hours.",
        status=Status.UNTESTED if form == "period" else Status.FAILS,
        evidence="The log before the opening is taken to be as whole as the log after it."
        if form == "period"
        else f"No log of {MIN_DAYS} days worked before the vote is held, so administrators are compared with each other, who may keep different hours.",
    )
    n_left_out = worked.filter("is_own").join(compared, on="administrator", how="anti").height
    result = _tested(case, form, compared, (assumption,), n_left_out)
    if form == "period" and result.pvalue <= case.plan.alpha:
        result = replace(
            result, assumptions=(*result.assumptions, _in_own_log(case, result.details["administrators"][0]["administrator"]))
        )
    return (result,)


def _tested(case: Case, form: str, compared: pl.DataFrame, assumptions: tuple[Assumption, ...], n_excluded: int) -> TestResult:
    plan = case.plan
    return off_hours_actions(
        compared, form=form, confidence_level=plan.confidence_level, n_resamples=plan.n_resamples,
        rng=plan.rng(case.contest_id, METHOD, form), alpha=plan.alpha, assumptions=assumptions, n_excluded=n_excluded,
        parameters={"zone": case.contest["timezone"]},
    )  # fmt: skip


def _in_own_log(case: Case, administrator: str) -> Assumption:
    """The log of codes starts with the vote, so hours that it alone shows have no earlier ones to be held against."""
    tables = case.package.tables
    bare = replace(case.package, tables={**tables, "credential_events": tables["credential_events"].clear()})
    compared = _against_earlier(hours_by_period(replace(case, package=bare), owner_labels(case)))
    told = _tested(case, "period", compared, (), 0).details["administrators"] if compared.height else ()
    stands = any(row["administrator"] == administrator and row["pvalue_adjusted"] <= case.plan.alpha for row in told)
    return Assumption(
        statement="The new hours are in the administrators' own log too.", status=Status.HOLDS if stands else Status.FAILS,
        evidence="Without the log of codes, which starts with the vote, it "
        + ("stands out as well." if stands else "does not stand out. A log of logins that covers these hours would settle it."),
    )  # fmt: skip

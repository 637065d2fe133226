"""Were members added, removed or changed on some day far more than on others?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from analysis_lib.case import Case
from analysis_lib.methods.administrators import told_role
from analysis_lib.methods.bulk_edits import collapsed, on_record_then
from analysis_lib.methods.edit_causes import with_moves
from analysis_lib.methods.instants import edge
from analysis_lib.methods.roll_day_causes import ordinary_causes
from analysis_lib.plaintext import count
from analysis_lib.results import Assumption, Estimate, NotAnswerable, Result, Status, TestResult
from analysis_lib.stats.day_counts import FEWEST, StandingOut, fewest_visible, poisson_interval, standing_out

NEEDS = ("roll_changes.change|roll_change_counts.added_n",)
Form = Literal["log", "counts"]
KINDS = {  # by what it does to the list; a new key or two records joined change nobody
    "added": "added", "reinstated": "added", "transferred_in": "added",
    "removed": "removed", "transferred_out": "removed",
    "eligibility_set": "entitlement changed", "unit_changed": "moved to another branch",
}  # fmt: skip
MOVED = KINDS["unit_changed"]
COUNTED = {"added_n": "added", "removed_n": "removed", "changed_n": "changed"}
LEAST = 10  # edits, or members, of a kind; of fewer the days cannot be told apart
MOST_LISTED = 20
LONG_GAP_DAYS = 4
EXPLANATIONS = (
    "A list was imported in one go: joiners of a drive, members of an affiliated body, a branch that was merged.",
    "The office cleansed its list: lapsed members, the dead and duplicates taken off on one day.",
    "Work piled up over a holiday or an absence and was entered on one day.",
    "A last day for joining or for changes brought a rush before it.",
    "The program was changed, so that the same row counts as another.",
)
NULLS = {
    "log": "the number of edits differed from day to day no more than on the days near by, bulk edits counted once",
    "counts": "the number of members changed differed from copy to copy no more than between the copies near by",
}
STATEMENTS = {
    "log": "Days near each other are alike but for noise, working days and weekends apart.",
    "counts": "Copies near each other are alike but for noise, those after a weekend or a gap apart.",
}


@dataclass(frozen=True, slots=True)
class Series:
    """One kind of change by day: days in order (date or instant), counts, and what makes days comparable."""

    kind: str
    days: list[Any]
    counts: np.ndarray
    classes: np.ndarray


def roll_change_bursts(
    series: list[Series], *, form: Form, alpha: float, confidence_level: float, details: dict[str, Any] | None = None
) -> TestResult:
    """Hold each day's count against the days near it, for every kind of change.

    Parameters
    ----------
    series : list of Series
        At least one, with a day that has enough others of its kind to be judged.
    form : {'log', 'counts'}
        Edits of a log, or members between two copies.
    alpha : float
        At which the smallest visible day is told.

    Returns
    -------
    TestResult
        Statistic: count of the day that stands out most: of the days at or below `alpha` the one with the largest excess,
        else the one with the smallest p-value. Effect: that count over the mean of the days near it; interval: of a Poisson
        count (Garwood), the mean taken as known. p-value: smallest over days and kinds, adjusted for both.

    Notes
    -----
    Null hypothesis: see `NULLS`. p-value: `stats.day_counts.standing_out`, times the number of kinds (Bonferroni).
    """
    found = {one.kind: standing_out(one.counts, one.classes) for one in series}
    rows = [row for one in series for row in _days(one, found[one.kind], len(series))]
    out = sorted((row for row in rows if row["pvalue"] <= alpha), key=lambda row: (row["expected"] - row["n"], row["kind"]))
    rest = sorted((row for row in rows if row["pvalue"] > alpha), key=lambda row: (row["pvalue"], row["expected"] - row["n"]))
    top = [*out, *rest][0]
    low, high = poisson_interval(top["n"], confidence_level)
    value, low, high = (x / top["expected"] if top["expected"] else np.inf for x in (top["n"], low, high))
    judged = sum(int(one.is_judged.sum()) for one in found.values())
    return TestResult(
        method="roll_change_bursts", form=form, null_hypothesis=NULLS[form], alternative="greater",
        statistic=float(top["n"]), statistic_name=f"{'edits' if form == 'log' else 'members'} on the day that stands out most",
        pvalue=min(row["pvalue"] for row in rows),
        effect=Estimate(
            name="that day over the mean of the days near it", value=float(value), low=float(low), high=float(high),
            confidence_level=confidence_level, unit="ratio",
        ),
        n_observations=judged, n_excluded=sum(one.counts.size for one in series) - judged,
        assumptions=(
            Assumption(
                statement=STATEMENTS[form], status=Status.UNTESTED,
                evidence="The spread is learnt from up to 60 days near by; a season or a deadline moves all of them.",
            ),
        ),
        innocent_explanations=EXPLANATIONS, references=("rosner1983", "mosimann1962", "garwood1936"),
        parameters={"alpha": alpha, "confidence_level": confidence_level},
        details={
            "n_days": max(one.counts.size for one in series), "kinds": [one.kind for one in series],
            "n_out": len(out), "out": out[:MOST_LISTED], "top": top,
            "smallest_visible": [
                {"kind": one.kind, "n": fewest_visible(one.counts, one.classes, alpha / len(series))} for one in series
            ],
        } | (details or {}),
    )  # fmt: skip


def _days(one: Series, found: StandingOut, n_kinds: int) -> list[dict[str, Any]]:
    return [
        {
            "kind": one.kind, "day": one.days[i], "n": int(one.counts[i]), "expected": float(found.expected[i]),
            "pvalue": min(1.0, float(found.pvalues[i]) * n_kinds),
        }
        for i in np.flatnonzero(found.is_judged)
    ]  # fmt: skip


def edits_of_the_log(case: Case) -> pl.DataFrame:
    """Changes of the roll with a time, as edits: ``kind, at, until, n, n_members, is_bulk, actor_role, reason``."""
    rows = with_moves(case.rows("roll_changes")).drop_nulls("at")
    rows = rows.with_columns(kind=pl.col("change").replace_strict(KINDS, default=None))
    # Branches are joined or bounded anew by one decision, and entered member by member: the moves of one hand on one day are one edit.
    day = pl.col("at").dt.convert_time_zone(case.contest["timezone"]).dt.date()
    at_first = pl.col("at").min().over("source_id", "actor_key", "kind", day)
    rows = rows.with_columns(at=pl.when(pl.col("kind") == MOVED).then(at_first).otherwise("at"))
    return collapsed(rows.drop_nulls("kind"), by=("kind",))


def bulk_edits(case: Case) -> list[dict[str, Any]]:
    """Every edit of ten members and more, the largest first, with what else is on record near it."""
    edits = edits_of_the_log(case).filter("is_bulk").sort("n_members", "at", "kind", descending=[True, False, False])
    rows = edits.select("kind", "at", n="n_members", role=told_role(case), reason="reason").to_dicts()
    return [row | {"beside": beside} for row, beside in zip(rows, on_record_then(case, [row["at"] for row in rows]), strict=True)]


def series_of_the_log(case: Case) -> list[Series]:
    """Edits by local day, one series a kind, from the first change on record to the close or the last change."""
    edits = edits_of_the_log(case)
    if not edits.height:
        return []
    zone = ZoneInfo(case.contest["timezone"])
    local = edits.with_columns(day=pl.col("at").dt.convert_time_zone(zone.key).dt.date())
    last = max(filter(None, (local["day"].max(), _local_day(edge(case, "voting", "closes_at"), zone))))
    days = pl.date_range(local["day"].min(), last, eager=True)
    is_weekend = (days.dt.weekday() > 5).to_numpy()
    if min(np.count_nonzero(is_weekend), np.count_nonzero(~is_weekend)) <= FEWEST:
        is_weekend = np.zeros(days.len(), bool)
    series = []
    for kind in dict.fromkeys(KINDS.values()):
        by_day = dict(local.filter(kind=kind).group_by("day").len().iter_rows())
        series.append(Series(kind, days.to_list(), np.array([by_day.get(day, 0) for day in days], np.int64), is_weekend))
    return series


def series_of_counts(case: Case) -> list[Series]:
    """Members added, removed and changed by copy; copies a day apart, after a weekend, and after a longer gap are told apart."""
    rows = case.rows("roll_change_counts").sort("taken_at", "source_id", "source_row")
    gaps = (rows["taken_at"].diff().dt.total_seconds() / 86400).round().fill_null(1).to_numpy()
    classes = np.digitize(gaps, (1.5, LONG_GAP_DAYS + 0.5))
    series = []
    for column, kind in COUNTED.items():
        held = rows[column].is_not_null().to_numpy()
        counts, days = rows[column].to_numpy()[held], rows["taken_at"].filter(pl.Series(held)).to_list()
        series.append(Series(kind, days, counts.astype(np.int64), classes[held]))
    return series


def _local_day(at: datetime | None, zone: ZoneInfo) -> Any:
    return at and at.astimezone(zone).date()


def usable(series: list[Series]) -> list[Series]:
    """Those with enough changes and enough days of a kind to be judged."""
    return [one for one in series if one.counts.sum() >= LEAST and standing_out(one.counts, one.classes).is_judged.any()]


def answer(case: Case) -> tuple[Result, ...]:
    """Answer for one contest of a package: from the log of changes, and from counts by copy."""
    found: list[Result] = []
    for form, table, make in (("log", "roll_changes", series_of_the_log), ("counts", "roll_change_counts", series_of_counts)):
        if not case.rows(table).height:
            continue
        series = usable(make(case))
        bulk = {"bulk": bulk_edits(case)} if form == "log" else {"bulk": []}
        if not series:
            found.append(_too_few(form, case, bulk))
            continue
        untimed = case.rows("roll_changes")["at"].null_count() if form == "log" else 0
        result = roll_change_bursts(
            series, form=form, alpha=case.plan.alpha, confidence_level=case.plan.confidence_level,
            details=bulk | {"n_untimed": untimed, "zone": case.contest["timezone"]},
        )  # fmt: skip
        is_all = result.details["n_out"] == len(result.details["out"])
        cause = ordinary_causes(case, edits_of_the_log(case), result.details["out"]) if form == "log" and is_all else None
        found.append(replace(result, assumptions=(*result.assumptions, cause)) if cause else result)
    return tuple(found)


def _too_few(form: str, case: Case, bulk: dict[str, Any]) -> NotAnswerable:
    if form == "counts":
        needs = ("roll_change_counts.added_n", "roll_change_counts.taken_at")
        n = case.rows("roll_change_counts").height
        reason = (
            f"Changes are counted for {count(n, 'copy', 'copies')} of the roll; more than {FEWEST} are needed to tell days apart."
        )
        return NotAnswerable(method="roll_change_bursts", form=form, reason=reason, needs=needs)
    rows = case.rows("roll_changes")
    edits = edits_of_the_log(case)
    untimed = rows["at"].null_count()
    limits = f"; of {count(untimed, 'change')} only limits or no time is known" if untimed else ""
    reason = (
        f"{_timed(edits)}{limits}. At least {LEAST} edits of one kind over more than {FEWEST} days are needed to tell days apart."
    )
    return NotAnswerable(
        method="roll_change_bursts", form=form, reason=reason, needs=("roll_changes.at", "roll_changes.actor_key"), details=bulk
    )


def _timed(edits: pl.DataFrame) -> str:
    if not edits.height:
        return "The log has no edit of the roll with a time"
    days = (edits["at"].max() - edits["at"].min()) // timedelta(days=1) + 1
    return f"The log has {count(edits.height, 'edit')} of the roll with a time{f', within {days:,} days' if days > 1 else ''}"

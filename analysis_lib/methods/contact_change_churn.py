"""Were contact details changed beyond the normal churn?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Literal

import numpy as np
import polars as pl

from analysis_lib.case import Case
from analysis_lib.methods import contact_noting as noting
from analysis_lib.methods.administrators import labels, told_role
from analysis_lib.methods.bulk_edits import on_record_then
from analysis_lib.methods.change_causes import with_platform_causes
from analysis_lib.methods.contact_edits import REACHES, contact_edits, contest_period, placed, weeks_before
from analysis_lib.methods.members import whole_roll
from analysis_lib.methods.unit_rates import SMALLEST, learnt_spread, too_small, uneven
from analysis_lib.results import Assumption, Estimate, NotAnswerable, Result, Status, TestResult
from analysis_lib.stats.multiplicity import benjamini_hochberg, holm
from analysis_lib.stats.predictive_counts import BetaBinomials, from_repeats

LEAST_WEEKS, TRUSTED_WEEKS = 4, 6  # fewer do not show how much weeks differ
DRAWS = 4000  # of the range to be expected; it is shown, and no verdict rests on it
EXPLANATIONS = {
    "period": (
        "Invitations and reminders come back, so that addresses are mended which nobody had looked at for years.",
        "Members asked by telephone or at a meeting, and nobody noted it.",
        "The office searched for requests only of the weeks in dispute, so that earlier changes look better covered or worse.",
        "A rule, a new program or a fee letter brought changes in these weeks.",
    ),
    "branch": (
        "One branch's list was old, and an officer set it right before the vote.",
        "A branch of older members changes telephone numbers and addresses through its officer, by word of mouth.",
        "A move of a home, a workplace or a provider changed many addresses of one branch at once.",
    ),
    "administrator": (
        "One officer answers the telephone, so that requests reach that officer without a note.",
        "One officer was asked to work through returned mail.",
        "Officers differ in how they note a request.",
    ),
}
NULLS = {
    "period": "changes that nobody is on record as asking for came in the contest's weeks as in the weeks before, which differ among themselves",
    "branch": "every branch's share of members with such a change is drawn from the same spread that the other branches show",
    "administrator": "changes without a request on record fall on administrators in proportion to all the changes they made",
}
Form = Literal["branch", "administrator"]


def contact_change_churn(
    weekly: dict[str, list[int]],
    seen: dict[str, int],
    weeks: float,
    *,
    confidence_level: float,
    alpha: float,
    rng: np.random.Generator,
) -> TestResult:
    """Compare the contest's weeks with the weeks before, field by field.

    Parameters
    ----------
    weekly : dict of str to list of int
        For each field the unasked changes of every whole earlier week.
    seen : dict of str to int
        The same changes of the contest's period.
    weeks : float
        How long that period is, in weeks.

    Returns
    -------
    TestResult
        Statistic: changes of the field that stands out most. Effect: those over what the earlier weeks lead to expect;
        interval: what such a period would show in that share of cases, turned round. p-value: smallest after Holm.

    Notes
    -----
    Null hypothesis: see `NULLS`. Weeks are Poisson with gamma rates of one mean and shape (`from_repeats`), so that `weeks`
    weeks together are negative binomial with `weeks` times the shape; given the sum of all, beta-binomial. Discrete.
    """
    fields = sorted(weekly)
    tails = np.array([tail(weekly[name], seen[name], weeks) for name in fields])
    adjusted = holm(tails)
    top = fields[int(np.lexsort((fields, tails))[0])]
    expected, low, high = expected_range(weekly[top], weeks, confidence_level, rng)
    value, least, most = (_over(seen[top], x) for x in (expected, high, low))
    n_weeks = len(weekly[top])
    return TestResult(
        method="contact_change_churn", form="period", null_hypothesis=NULLS["period"], alternative="greater",
        statistic=float(seen[top]), statistic_name="changes of the field that stands out most",
        pvalue=float(adjusted.min()),
        effect=Estimate(
            name="changes over what the weeks before lead to expect", value=value, low=least, high=most,
            confidence_level=confidence_level, unit="ratio",
        ),
        n_observations=sum(map(sum, weekly.values())) + sum(seen.values()), n_excluded=0,
        assumptions=(
            Assumption(
                statement="The weeks before show how much such weeks differ.",
                status=Status.UNTESTED if n_weeks >= TRUSTED_WEEKS else Status.FAILS,
                evidence=f"{n_weeks} whole weeks are held; "
                + ("a busier season would still not show." if n_weeks >= TRUSTED_WEEKS else f"{TRUSTED_WEEKS} at least are wanted."),
            ),
        ),
        innocent_explanations=EXPLANATIONS["period"], references=("mosimann1962", "holm1979"),
        parameters={"confidence_level": confidence_level},
        details={
            "field": top, "weeks": weeks, "n_weeks": n_weeks, "expected": expected, "low": low, "high": high,
            "fields": [
                {
                    "field": name, "seen": seen[name], "before": sum(weekly[name]), "a_week_before": sum(weekly[name]) / n_weeks,
                    "a_week": seen[name] / weeks, "pvalue": float(p), "pvalue_adjusted": float(q),
                    "smallest_visible": fewest_visible(weekly[name], weeks, alpha / len(fields)),
                }
                for name, p, q in zip(fields, tails, adjusted, strict=True)
            ],
        },
    )  # fmt: skip


def _over(seen: float, expected: float) -> float:
    return seen / expected if expected else (np.inf if seen else np.nan)


def _noise(weekly: list[int], weeks: float) -> BetaBinomials:
    one = from_repeats(weekly)
    return BetaBinomials(one.a * weeks, one.b, one.weight)


def tail(weekly: list[int], seen: int, weeks: float) -> float:
    """Chance of so many or more in `weeks` weeks, given the sum of all weeks."""
    return float(_noise(weekly, weeks).upper_tails(sum(weekly) + seen)[seen]) if seen else 1.0


def fewest_visible(weekly: list[int], weeks: float, level: float) -> int:
    """Give the smallest number of changes in the period that would be rarer than `level`."""
    low, high = 0, 8
    while tail(weekly, high, weeks) > level:
        low, high = high, 2 * high
    while high - low > 1:
        half = (low + high) // 2
        low, high = (half, high) if tail(weekly, half, weeks) > level else (low, half)
    return high


def expected_range(
    weekly: list[int], weeks: float, confidence_level: float, rng: np.random.Generator
) -> tuple[float, float, float]:
    """Mean number of changes to be expected in the period, and the range that holds it in a share `confidence_level` of cases."""
    one, n = from_repeats(weekly), len(weekly)
    shape = rng.choice(one.a, DRAWS, p=one.weight)
    mean = (sum(weekly) + 0.5) / n  # half a change more: none seen does not mean that none can come
    level = rng.gamma(1 / (1 / (sum(weekly) + 0.5) + 1 / (n * shape))) * mean * (1 / (sum(weekly) + 0.5) + 1 / (n * shape))
    draws = rng.poisson(rng.gamma(shape * weeks) * level / shape)
    tails = (1 - confidence_level) / 2
    return sum(weekly) / n * weeks, float(np.quantile(draws, tails)), float(np.quantile(draws, 1 - tails))


def unit_test(units: pl.DataFrame, *, by: Form, confidence_level: float, alpha: float) -> TestResult:
    """Compare each unit's share with what the other units show, allowing units to differ.

    Parameters
    ----------
    units : DataFrame
        ``unit``, ``events``, ``size`` (integers, size above 0), one row a unit, at least 2: members with an unasked change
        in the contest's period among members of the branch, or changes without a request among changes made.

    Returns
    -------
    TestResult
        Statistic: events of the unit with the smallest p-value. Effect: its rate over that of all others. p-value: smallest
        after Benjamini-Hochberg (branches) or Holm (`unit_rates.uneven`).

    Notes
    -----
    Null hypothesis: see `NULLS`. With 8 units or more the leave-one-out predictive beta-binomial, with fewer the
    hypergeometric, whose finding is undetermined at best.
    """
    found = uneven(units, confidence_level=confidence_level, alpha=alpha, adjust=benjamini_hochberg if by == "branch" else holm)
    return TestResult(
        method="contact_change_churn", form=by, null_hypothesis=NULLS[by], alternative="greater",
        statistic=float(found.top["events"]), statistic_name=f"changes in the {by} that stands out most", pvalue=found.pvalue,
        effect=found.effect, n_observations=int(units["size"].sum()), n_excluded=0,
        assumptions=(learnt_spread(found, "Branches" if by == "branch" else "Administrators"),),
        innocent_explanations=EXPLANATIONS[by],
        references=("spiegelhalter2005", "koopman1984", "benjamini1995" if by == "branch" else "holm1979"),
        parameters={"by": by, "confidence_level": confidence_level},
        details={
            "n_units": units.height, "pooled_rate": float(units["events"].sum() / units["size"].sum()),
            "units": list(found.units), "top": found.top, "smallest_visible": found.smallest_visible,
        },
    )  # fmt: skip


def unasked(edits: pl.DataFrame) -> pl.DataFrame:
    """Changes that nobody is on record as asking for, bulk edits left out."""
    return edits.filter(pl.col("asked").is_in(("none found", "not known")))


def weekly_counts(edits: pl.DataFrame, start: datetime) -> dict[str, list[int]]:
    """Unasked changes of each whole week before `start`, by field; fields that never changed are left out."""
    n = weeks_before(edits, start)
    ago = (pl.lit(start) - pl.col("at")).dt.total_microseconds()
    week = ((ago - 1) // (timedelta(days=7) // timedelta(microseconds=1))).cast(pl.Int64)
    rows = unasked(edits).filter(pl.col("at") < start).with_columns(week=week).filter(pl.col("week") < n)
    known = set(unasked(edits)["field"])
    return {
        name: np.bincount(rows.filter(field=name)["week"].to_numpy(), minlength=n).tolist() for name in REACHES if name in known
    }


def named_branches(case: Case) -> pl.DataFrame:
    """Members and their branch, small branches under one name: ``voter_key, unit``."""
    members = whole_roll(case).select("voter_key", "unit").drop_nulls("unit")
    joined = too_small(members.group_by("unit").agg(size=pl.len()), case.package.min_cell)
    return members.with_columns(unit=pl.when(pl.col("unit").is_in(joined)).then(pl.lit(SMALLEST)).otherwise("unit"))


def branch_units(edits: pl.DataFrame, case: Case) -> pl.DataFrame:
    """Members with an unasked change in the contest's period, and members, by branch; small branches together."""
    hit = unasked(edits).filter(period="contest").select("voter_key").unique().with_columns(hit=pl.lit(1, pl.Int64))
    joined = named_branches(case).join(hit, on="voter_key", how="left")
    return joined.group_by("unit").agg(events=pl.col("hit").sum(), size=pl.len().cast(pl.Int64)).sort("unit")


def administrator_units(edits: pl.DataFrame, case: Case) -> pl.DataFrame:
    """Changes of the contest's period by administrator, and those without a request; where a search was made, the ones not searched for are left out."""
    rows = edits.filter((pl.col("period") == "contest") & pl.col("asked").is_in(("asked for", "none found")))
    named = rows.with_columns(unit=pl.col("actor_key").replace_strict(labels(case), default=None, return_dtype=pl.String))
    return (
        named.drop_nulls("unit")
        .group_by("unit")
        .agg(events=(pl.col("asked") == "none found").sum().cast(pl.Int64), size=pl.len().cast(pl.Int64))
        .sort("unit")
    )


def tallies(edits: pl.DataFrame) -> dict[str, Any]:
    """Changes by field, outcome and cause in each period; by class; and the bulk edits."""
    period = pl.col("period").fill_null("either")
    by = ("field", "outcome", "asked")
    classes = pl.col("edit_class").fill_null("unknown")
    return {
        "by_cause": edits.group_by(*by).agg(
            *((period == name).sum().cast(pl.Int64).alias(name) for name in ("earlier", "contest", "later", "either"))
        ).sort(by).to_dicts(),
        "by_class": edits.group_by("field", edit_class=classes).agg(n=pl.len(), contest=(period == "contest").sum()).sort("field", "edit_class").to_dicts(),
    }  # fmt: skip


def bulk(edits: pl.DataFrame, case: Case) -> list[dict[str, Any]]:
    """Bulk edits with their size, the largest first; fewer than ten rows of a tidy-up that stand alone are told in one line."""
    rows = edits.filter((pl.col("asked") == "bulk") & pl.col("edit").is_not_null())
    found = rows.group_by("edit").agg(
        at=pl.col("at").min(), n=pl.len(), role=told_role(case).first(), evidence=pl.col("request_evidence").first()
    )
    found = found.filter(pl.col("n") >= case.package.min_cell).sort("n", "at", descending=[True, False]).drop("edit")
    told = found.to_dicts()
    return [row | {"beside": beside} for row, beside in zip(told, on_record_then(case, found["at"].to_list()), strict=True)]


def answer(case: Case) -> tuple[Result, ...]:
    """Answer for one contest of a package: against its own earlier weeks, by branch, and by administrator."""
    period = contest_period(case)
    if period is None:
        reason = (
            "The contest's period is not known: it runs from the last day for changes, the freeze or the opening to the close."
        )
        return (
            NotAnswerable(
                method="contact_change_churn", reason=reason, needs=("contest_windows.opens_at", "contest_windows.closes_at")
            ),
        )
    as_searched = contact_edits(case)
    known = with_platform_causes(case, as_searched)
    edits, by_hand = placed(known, *period), placed(_with_notes(as_searched, known), *period)
    told = tallies(edits) | {"bulk": bulk(edits, case), "start": period[0], "close": period[1], "zone": case.contest["timezone"]}
    return (
        _weighed(edits, case, "period", lambda rows: _by_period(rows, period, case, told)),
        _weighed(edits, case, "branch", lambda rows: _by_unit("branch", rows, case, told)),
        _weighed(by_hand, case, "administrator", lambda rows: _by_unit("administrator", rows, case, told)),
    )


def _with_notes(as_searched: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Changes as the search for requests left them, with ``noted``: the platform has a cause all the same, which the same hand may have entered."""
    rows = as_searched.join(known.select("change_id", known="asked"), on="change_id", how="left", maintain_order="left")
    return rows.with_columns(noted=((pl.col("asked") == "none found") & (pl.col("known") != "none found")).fill_null(False)).drop(
        "known"
    )


def _by_period(edits: pl.DataFrame, period: tuple[datetime, datetime], case: Case, told: dict[str, Any]) -> Result:
    start, close = period
    n_weeks, weekly = weeks_before(edits, start), weekly_counts(edits, start)
    if n_weeks < LEAST_WEEKS or not weekly:
        untimed = edits["at"].null_count()
        reason = (
            f"{n_weeks} whole weeks of contact changes before the contest's period are on record"
            + (f", and {untimed:,} changes have only limits or no time" if untimed else "")
            + f"; at least {LEAST_WEEKS} weeks with changes that nobody is on record as asking for are needed."
        )
        return NotAnswerable(
            method="contact_change_churn", form="period", reason=reason, needs=("contact_changes.at",), details=told
        )
    rows = unasked(edits).filter((pl.col("period") == "contest") & pl.col("at").is_not_null())
    seen = {name: rows.filter(field=name).height for name in weekly}
    result = contact_change_churn(
        weekly, seen, (close - start) / timedelta(days=7), confidence_level=case.plan.confidence_level,
        alpha=case.plan.alpha, rng=case.plan.rng(case.contest_id, "contact_change_churn", "period"),
    )  # fmt: skip
    return replace(result, n_excluded=edits.height - result.n_observations, details={**result.details, **told})


def _by_unit(by: Form, edits: pl.DataFrame, case: Case, told: dict[str, Any]) -> Result:
    units = branch_units(edits, case) if by == "branch" else administrator_units(edits, case)
    if units.height < 2 or not units["events"].sum():
        needs = ("roll.unit",) if by == "branch" else ("contact_changes.actor_key", "contact_changes.request_evidence")
        reason = f"Fewer than two {'branches' if by == 'branch' else 'administrators'}, or no change without a request, are on record in the contest's period."
        return NotAnswerable(method="contact_change_churn", form=by, reason=reason, needs=needs)
    result = unit_test(units, by=by, confidence_level=case.plan.confidence_level, alpha=case.plan.alpha)
    in_contest = edits.filter(period="contest").height
    left_out = in_contest - int(units["size"].sum()) if by == "administrator" else edits["period"].null_count()
    return replace(
        result, n_excluded=max(0, left_out), details={**result.details, "bulk_n": sum(row["n"] for row in told["bulk"])}
    )


def _weighed(edits: pl.DataFrame, case: Case, form: str, test: Callable[[pl.DataFrame], Result]) -> Result:
    """Test, and where something stands out, again without the changes that a plainer cause may have brought."""
    result = test(edits)
    if not isinstance(result, TestResult):
        return result
    checks = [noting.told_apart(edits)]
    if result.pvalue <= case.plan.alpha:
        top, contest = _top(result), pl.col("period") == "contest"
        within, beside = _shares(case, form, top)
        mine = (contest & within).fill_null(False)

        def stands(left_out: pl.Expr) -> bool:
            other = test(edits.filter(~(mine & left_out)))
            return isinstance(other, TestResult) and _adjusted(other).get(top, 1.0) <= case.plan.alpha

        checks.append(noting.not_one_move(edits, mine, stands))
        if form == "administrator":
            checks += [noting.no_habit(edits, within), noting.not_noted_elsewhere(edits, mine, stands)]
        else:
            checks += [
                noting.noted_alike(edits, mine, beside, stands),
                noting.not_busier_alone(edits, mine, beside, _exposure(result)),
            ]
    return replace(result, assumptions=(*result.assumptions, *checks))


def _adjusted(result: TestResult) -> dict[str, float]:
    """P-value of each detail or unit, all of them allowed for."""
    if result.form == "period":
        return {row["field"]: row["pvalue_adjusted"] for row in result.details["fields"]}
    return {row["unit"]: row["pvalue_adjusted"] for row in result.details["units"]}


def _exposure(result: TestResult) -> float:
    """Share of the time, or of the members, that what stands out has of all that is compared."""
    details = result.details
    if result.form == "period":
        return float(details["weeks"] / (details["weeks"] + details["n_weeks"]))
    return float(details["top"]["size"] / result.n_observations)


def _top(result: TestResult) -> str:
    return str(result.details["field"] if result.form == "period" else result.details["top"]["unit"])


def _shares(case: Case, form: str, top: str) -> tuple[pl.Expr, pl.Expr]:
    """Which changes are of the detail, branch or hand in question, and which those of the contest or before it to compare with."""
    if form == "period":
        return pl.col("field") == top, (pl.col("field") == top) & (pl.col("period") == "earlier")
    if form == "administrator":
        keys = [key for key, name in labels(case).items() if name == top]
        own = pl.col("actor_key").is_in(keys).fill_null(False)
    else:
        own = pl.col("voter_key").is_in(named_branches(case).filter(unit=top)["voter_key"].to_list()).fill_null(False)
    return own, ~own & (pl.col("period") == "contest")

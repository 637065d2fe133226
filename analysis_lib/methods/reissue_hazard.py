"""Over the whole vote, did ballots follow unrequested reissues sooner than requested ones?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import norm

from analysis_lib.case import Case
from analysis_lib.errors import ParameterError, TooFewObservations
from analysis_lib.methods.clock_readings import under_every_reading
from analysis_lib.methods.reissue_course import BALLOT, Course, course
from analysis_lib.methods.reissue_to_ballot_delay import MIN_EACH, POWER
from analysis_lib.methods.sittings import from_few_sittings, noted_alike
from analysis_lib.results import Assumption, Estimate, NotAnswerable, Result, Status, TestResult
from analysis_lib.stats.cox import CoxFit, RiskRows, fit_cox, profile_interval, proportionality, risk_rows
from analysis_lib.stats.cumulative_incidence import cumulative_incidence
from analysis_lib.stats.label_permutation import maximum_excess
from analysis_lib.stats.martingale import log_rank_residuals

NEEDS = (
    "credential_events.at",
    "credential_events.voter_key",
    "credential_events.trigger",
    "ballot_events.voter_key",
    "ballot_events.at",
    "roll.voter_key",
)
NOT_EVEN = 0.01  # p-value of the test of proportional hazards at which the assumption fails
EXPLANATIONS = (
    "An officer rang members up, sent them a new code and stayed on the line until they had voted.",
    "Members in a meeting were helped one after another.",
    "Requests came by a channel that is not logged, so a reissue that was asked for looks as if it was not.",
    "Officers sent codes to members they knew to be keen to vote; those who asked had lost theirs through a lack of care.",
    "Requested codes went to addresses that still did not work.",
)
NULL = "members vote as soon after a reissue without a logged cause as after one with a cause"


def reissue_hazard(case: Case, followed: Course) -> TestResult:
    """Compare how fast ballots follow unrequested and requested reissues, at the same time after the reissue.

    The rate against members without a reissue is shown and never tested: who asks for a code wants to vote.

    Returns
    -------
    TestResult
        Statistic: ballots after unrequested reissues. Effect: hazard ratio, unrequested over requested, with its
        profile-likelihood interval; above 1 means sooner after unrequested ones.

    Raises
    ------
    ParameterError, TooFewObservations
        No ballot came while reissued members of both kinds waited.

    Notes
    -----
    Null hypothesis: see `NULL`. Cox's model on the clock that starts with each reissue, Efron's ties: whoever is still waiting at
    the close, or gets a second reissue, counts as long as they could be followed, so that reissues late in the vote seem neither
    slow nor fast. p-value: what each member adds to the score of the label (ballots less those expected) is permuted among the
    reissued, studentised, one-sided: exact if reissues could be exchanged, and no large numbers are supposed; what stands out is
    asked again without the fullest sitting, each of the others counted as one (`sittings.from_few_sittings`). On the clock of the
    vote, where every member waits from the opening, a reissue being a covariate that changes at its own instant, branches
    strata: the rates against members without a reissue (`against_none`), and whether the ratio lasts from the opening to the
    close. `reissue_to_ballot_delay` looks at the first minutes against who waited at that instant; this looks at the whole course.
    Both are adjusted together.
    """
    label, delays = followed.reissued["unrequested"].to_numpy(), followed.reissued["delay_us"].to_numpy()
    came = (followed.reissued["cause"] == BALLOT).to_numpy()
    level = case.plan.confidence_level
    rows = risk_rows(np.zeros(delays.size), delays, came, label[:, None])
    fit = fit_cox(rows)
    low, high = profile_interval(rows, fit, 0, level)
    residuals = log_rank_residuals(delays, came)
    rng = case.plan.rng(case.contest_id, "reissue_hazard")
    test = maximum_excess(residuals[:, None], label, n_resamples=case.plan.n_resamples, rng=rng)
    few, sittings = from_few_sittings(
        followed.reissued, test.pvalue, case.plan.alpha,
        lambda keep, sitting: maximum_excess(
            residuals[keep, None], label[keep], n_resamples=case.plan.n_resamples, rng=rng, clusters=sitting[keep]
        ).pvalue,
    )  # fmt: skip
    beside, lasting = on_the_clock_of_the_vote(followed, level)
    told = followed.reissued.group_by("unrequested").agg(n=pl.len(), ballots=(pl.col("cause") == BALLOT).sum())
    counts = {bool(row["unrequested"]): row for row in told.to_dicts()}
    return TestResult(
        method="reissue_hazard", null_hypothesis=NULL, alternative="greater",
        statistic=float(counts[True]["ballots"]), statistic_name="ballots after unrequested reissues",
        pvalue=test.pvalue,
        effect=Estimate(
            name="rate of voting after an unrequested reissue over that after a requested one",
            value=float(np.exp(fit.coefficients[0])), low=float(np.exp(low)), high=float(np.exp(high)),
            confidence_level=level, unit="ratio",
        ),
        n_observations=followed.reissued.height, n_excluded=sum(followed.left_out.values()),
        assumptions=(
            noted_alike(followed.reissued),
            few,
            lasting,
        ),
        innocent_explanations=EXPLANATIONS,
        references=("cox1972", "efron1977", "therneau1990", "grambsch1994", "aalen1978", "suissa2008"),
        parameters={"n_resamples": case.plan.n_resamples, "confidence_level": level},
        details={
            "n_unrequested": counts[True]["n"], "n_requested": counts[False]["n"],
            "ballots_unrequested": counts[True]["ballots"], "ballots_requested": counts[False]["ballots"],
            "expected_unrequested": float((came - residuals)[label].sum()), "left_out": followed.left_out, "against_none": beside,
            "sittings": sittings,
            "smallest_visible": smallest_visible(int(came.sum()), float(label.mean()), case.plan.alpha),
        },
        null_draws=test.null_draws,
    )  # fmt: skip


def on_the_clock_of_the_vote(followed: Course, confidence_level: float) -> tuple[list[dict], Assumption]:
    """Rates of voting after each kind of reissue over that of members waiting without one, and whether their ratio lasts.

    Returns
    -------
    rates : list of dict
        ``unrequested, ratio, low, high``, with Wald intervals; empty where nobody waited beside the reissued.
    lasting : Assumption
    """
    statement = "The ratio is the same from the opening to the close."
    after = followed.member >= 0
    label = after & followed.reissued["unrequested"].to_numpy()[followed.member]
    try:
        rows = risk_rows(followed.start, followed.stop, followed.event, np.column_stack([after, label]), followed.stratum)
        fit = fit_cox(rows)
        if not np.isfinite(fit.coefficients[0]):
            raise TooFewObservations("All ballots came from members with a reissue, or all from those without.")
    except (ParameterError, TooFewObservations):
        evidence = "Reissued members and others of their branch did not both vote while both waited."
        return [], Assumption(statement=statement, status=Status.UNTESTED, evidence=evidence)
    wide, rates = norm.isf((1 - confidence_level) / 2), []
    known = np.isfinite(fit.covariance).all()
    for unrequested in (True, False):
        log_ratio, parts = float(fit.coefficients[: 1 + unrequested].sum()), np.array([1.0, float(unrequested)])
        spread = wide * np.sqrt(parts @ fit.covariance @ parts) if known else np.inf
        ends = {
            "ratio": np.exp(log_ratio),
            "low": np.exp(log_ratio - spread) if known else 0.0,
            "high": np.exp(log_ratio + spread),
        }
        rates.append({"unrequested": unrequested} | {name: float(end) for name, end in ends.items()})
    return rates, _lasting(statement, rows, fit)


def _lasting(statement: str, rows: RiskRows, fit: CoxFit) -> Assumption:
    try:
        pvalue = float(proportionality(rows, fit).pvalues[1])
    except TooFewObservations:
        evidence = "Too few ballots of one kind tell whether it changes."
        return Assumption(statement=statement, status=Status.UNTESTED, evidence=evidence)
    status = Status.FAILS if pvalue <= NOT_EVEN else Status.HOLDS
    return Assumption(statement=statement, status=status, evidence=f"Scaled residuals against time: p = {pvalue:.2g}.")


def smallest_visible(n_ballots: int, share: float, alpha: float) -> float:
    """Smallest ratio that so many ballots, of which a share follow unrequested reissues, show four times in five (Schoenfeld)."""
    spread = np.sqrt(max(n_ballots, 1) * share * (1 - share))
    return float(np.exp(min((norm.isf(alpha) + norm.ppf(POWER)) / spread, 50.0)))


def incidence(followed: Course, hours: float, confidence_level: float) -> pl.DataFrame:
    """Share of reissues followed by a ballot within t, with what can come first taken into account (Aalen and Johansen).

    Returns
    -------
    DataFrame
        ``group`` ("not requested" or "requested"), ``minutes``, ``share, low, high``, ``at_risk``.
    """
    grid = np.unique(np.concatenate([[1, 2, 3, 5, 7], np.geomspace(10, max(hours * 60, 11), 60).round()]))
    parts = []
    for unrequested, group in ((True, "not requested"), (False, "requested")):
        own = followed.reissued.filter(pl.col("unrequested") == unrequested)
        if not own.height:
            continue
        found = cumulative_incidence(own["delay_us"].to_numpy() / 6e7, own["cause"], BALLOT, grid, confidence_level)
        columns = {"share": found.share, "low": found.low, "high": found.high, "at_risk": found.at_risk}
        parts.append(pl.DataFrame({"group": [group] * grid.size, "minutes": grid} | columns))
    return pl.concat(parts)


def answer(case: Case) -> tuple[Result, ...]:
    """Answer for one contest of a package."""
    followed = course(case)
    refused = _refused(followed)
    if refused:
        return (refused,)
    try:
        result = reissue_hazard(case, followed)
    except (ParameterError, TooFewObservations):
        reason = "No ballot came while reissued members of both kinds were waiting, so that nobody can be compared."
        return (NotAnswerable(method="reissue_hazard", reason=reason, needs=NEEDS),)
    return (_under_every_reading(result, case, followed),)


def _refused(followed: Course) -> NotAnswerable | None:
    n = followed.reissued.height
    n_unrequested = int(followed.reissued["unrequested"].sum())
    ballots = int((followed.reissued["cause"] == BALLOT).sum())
    if min(n_unrequested, n - n_unrequested) >= MIN_EACH and ballots >= MIN_EACH:
        return None
    reason = (
        f"{n_unrequested} unrequested and {n - n_unrequested} requested reissues of members still to vote are on record, and {ballots} "
        f"ballots after them; at least {MIN_EACH} of each are needed."
    )
    return NotAnswerable(method="reissue_hazard", reason=reason, needs=("credential_events.event", "credential_events.trigger"))


def _under_every_reading(result: TestResult, case: Case, followed: Course) -> TestResult:
    """Test again under every reading of the clocks that changes what followed a reissue, and say whether all agree."""
    told = [{"reading": "as_recorded", "pvalue": result.pvalue, "statistic": result.statistic, "effect": result.effect.value}]
    seen = [_outcomes(followed)]
    for name, moved in under_every_reading(case, ("credential_events", "ballot_events")).items():
        other = course(moved)
        if any(np.array_equal(_outcomes(other), before) for before in seen):
            continue
        seen.append(_outcomes(other))
        row = {"reading": name, "pvalue": None, "statistic": None, "effect": None}  # too few are left to be compared
        if not _refused(other):
            try:
                again = reissue_hazard(moved, other)
                row = {"reading": name, "pvalue": again.pvalue, "statistic": again.statistic, "effect": again.effect.value}
            except (ParameterError, TooFewObservations):
                pass
        told.append(row)
    if len(told) == 1:
        return result
    agree = len({row["pvalue"] is not None and row["pvalue"] <= case.plan.alpha for row in told}) == 1
    assumption = Assumption(
        statement="The answer is the same under every reading that the clocks allow.",
        status=Status.HOLDS if agree else Status.FAILS,
        evidence=f"It was tested under {len(told)} readings that change what followed a reissue; they "
        + ("agree." if agree else "disagree."),
    )
    assumptions, details = (*result.assumptions, assumption), {**result.details, "readings": told}
    return replace(result, assumptions=assumptions, details=details)


def _outcomes(followed: Course) -> NDArray:
    return np.sort(followed.reissued.select(pl.struct("unrequested", "delay_us", "cause").hash()).to_series().to_numpy())

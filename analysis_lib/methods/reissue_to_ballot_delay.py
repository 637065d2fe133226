"""After a reissue that nobody is on record as asking for, did a ballot follow sooner than after one that was asked for?"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import norm

from analysis_lib.case import Case
from analysis_lib.clocks import window_in_force
from analysis_lib.methods.clock_readings import under_every_reading
from analysis_lib.methods.members import roll_in_force
from analysis_lib.methods.reissue_rates import REQUESTED, reissues
from analysis_lib.methods.sittings import from_few_sittings, noted_alike, numbered
from analysis_lib.results import Assumption, Estimate, NotAnswerable, Result, Status, TestResult
from analysis_lib.stats.label_permutation import maximum_excess
from analysis_lib.stats.stratified import share_difference

MIN_EACH = 5
POWER = 0.8  # with which the smallest visible effect would be seen
EDIT_LEAD_S = 1800  # a contact change within half an hour before the reissue belongs to it
EXPLANATIONS = (
    "The member was on the telephone with the officer, asked aloud, and voted at once.",
    "Members in a meeting were helped one after another.",
    "Requests came by a channel that is not logged, so a reissue that was asked for looks as if it was not.",
    "Requested codes were answered at night or late, when members were away; the officer's own came at a good hour.",
)
NULL = "it made no difference to how soon a ballot followed whether the reissue had a logged cause"


def reissue_to_ballot_delay(
    cases: pl.DataFrame,
    *,
    horizons_s: tuple[int, ...],
    n_resamples: int,
    rng: np.random.Generator,
    confidence_level: float = 0.95,
    alpha: float = 0.01,
    details: dict | None = None,
) -> TestResult:
    """Compare unrequested with requested reissues in the share followed by a ballot, each against its own risk set.

    Never compared with members who had no reissue: who asks for a code wants to vote, so a ballot
    soon after is what an innocent contest shows too.

    Parameters
    ----------
    cases : DataFrame
        One row per first reissue of a member still to vote: ``unrequested`` (bool), ``actor_key`` (null: not on record), ``sitting`` (integer, as
        `sittings.numbered` gives it) and, for each horizon h, ``within_h`` (0/1: a ballot within h seconds; null: the close came first) and
        ``others_h`` (share of members at risk at that instant, without a reissue, who voted within h).
    horizons_s : tuple of int
        Seconds.

    Returns
    -------
    TestResult
        Statistic: unrequested reissues followed by a ballot within the shortest horizon. Effect:
        difference, unrequested less requested, in the share above the risk set, at the horizon
        that stands out most; above 0 means sooner after unrequested ones. Interval: Newcombe's for the
        two shares, moved by what the risk sets did, which are taken as known.

    Notes
    -----
    Null hypothesis: see `NULL`. p-value: permutation of the label over the reissues, maximum over
    the horizons of the difference in its own standard error, since reissues late in the vote spread
    otherwise than early ones. One-sided: if requested reissues are followed sooner, as is usual, p is
    near 1 and the rate of false alarms is below the nominal one. What stands out is asked again without
    the fullest sitting, each of the others counted as one (`sittings.from_few_sittings`): members helped at one meeting are not so many
    reissues that happened to be followed at once. `reissue_hazard` asks the same of the whole course after a reissue, and is adjusted together with this.
    """
    horizons_s = tuple(sorted(set(horizons_s)))  # the first is the shortest, in whatever order a plan names them
    labels = cases["unrequested"].to_numpy()
    within = cases.select([f"within_{h}" for h in horizons_s]).to_numpy().astype(float)
    others = cases.select([f"others_{h}" for h in horizons_s]).to_numpy()
    followed = ~np.isnan(within)
    enough = (followed[labels].sum(axis=0) >= MIN_EACH) & (followed[~labels].sum(axis=0) >= MIN_EACH)
    excess = np.where(enough, within - others, np.nan)
    test = maximum_excess(excess, labels, n_resamples=n_resamples, rng=rng)
    few, sittings = from_few_sittings(
        cases, test.pvalue, alpha,
        lambda keep, sitting: maximum_excess(
            excess[keep], labels[keep], n_resamples=n_resamples, rng=rng, clusters=sitting[keep]
        ).pvalue,
    )  # fmt: skip
    top = int(np.argmax(np.where(enough, test.scores, -np.inf)))
    sides = [(within[side & followed[:, top], top], others[side & followed[:, top], top]) for side in (labels, ~labels)]
    counts = [(float(seen.sum()), seen.size) for seen, _ in sides]
    shift = float(sides[0][1].mean() - sides[1][1].mean())
    difference, low, high = (x - shift for x in share_difference(*counts[0], *counts[1], confidence_level))
    return TestResult(
        method="reissue_to_ballot_delay", null_hypothesis=NULL, alternative="greater",
        statistic=float(np.nansum(within[labels, 0])), statistic_name="unrequested reissues followed at once by a ballot",
        pvalue=test.pvalue,
        effect=Estimate(
            name="difference in the share who had voted, unrequested less requested",
            value=difference, low=low, high=high, confidence_level=confidence_level, unit="points",
        ),
        n_observations=labels.size, n_excluded=0,
        assumptions=(
            noted_alike(cases),
            Assumption(
                statement="Reissues are comparable apart from how they began.",
                status=Status.UNTESTED,
                evidence="Hour and branch are allowed for through the members at risk at the same instant.",
            ),
            few,
        ),
        innocent_explanations=EXPLANATIONS, references=("westfall1993", "chung2013", "newcombe1998", "suissa2008"),
        parameters={"horizons_s": list(horizons_s), "n_resamples": n_resamples, "confidence_level": confidence_level},
        details={
            "n_unrequested": int(labels.sum()), "n_requested": int((~labels).sum()), "horizon_s": horizons_s[top], "sittings": sittings,
            "smallest_visible": smallest_visible(counts[0][1], counts[1][1], sum(k for k, _ in counts) / len(labels), alpha),
            "horizons": [
                {
                    "horizon_s": h,
                    "unrequested": int(np.nansum(within[labels, i])), "requested": int(np.nansum(within[~labels, i])),
                    "n_unrequested": int(followed[labels, i].sum()), "n_requested": int(followed[~labels, i].sum()),
                    "others_unrequested": float(others[labels, i].mean()), "others_requested": float(others[~labels, i].mean()),
                    "score": float(test.scores[i]),
                }
                for i, h in enumerate(horizons_s)
            ],
        } | (details or {}),
        null_draws=test.null_draws,
    )  # fmt: skip


def smallest_visible(n_unrequested: int, n_requested: int, share: float, alpha: float) -> float:
    """Smallest difference in the share that voted which so many reissues show four times in five, in a normal approximation."""
    share = min(max(share, 1 / (n_unrequested + n_requested)), 0.5)  # widest: on the safe side
    spread = np.sqrt(share * (1 - share) * (1 / n_unrequested + 1 / n_requested))
    return float(min(1.0, (norm.isf(alpha) + norm.ppf(POWER)) * spread))


def reissue_cases(case: Case, horizons_s: tuple[int, ...], closes_at: datetime | None) -> tuple[pl.DataFrame, dict[str, int]]:
    """Build one row per first reissue of a member who had still to vote, with the risk set's answer beside it.

    Returns
    -------
    cases : DataFrame
        ``voter_key, at, actor_key, sitting, unrequested, delay_s`` (null: no ballot after it) and ``within_h, others_h`` per horizon.
    left_out : dict
        Reissues left out by reason: ``already_voted``, ``later_reissue``, ``unknown_trigger``, ``too_close_to_the_end``.
    """
    votes = first_ballots(case)
    events = reissues(case).drop_nulls(["at", "voter_key"])
    events = events.with_columns(sitting=numbered(events))
    first = events.unique("voter_key", keep="first", maintain_order=True)
    joined = first.join(votes, on="voter_key", how="left", maintain_order="left")
    live = joined.filter(pl.col("voted_at").is_null() | (pl.col("voted_at") >= pl.col("at")))
    known = live.filter(pl.col("trigger").is_not_null() & (pl.col("trigger") != "unknown"))
    latest = closes_at - timedelta(seconds=min(horizons_s)) if closes_at else None
    followed = known.filter(pl.col("at") <= latest) if latest else known
    left_out = {
        "later_reissue": events.height - first.height,
        "already_voted": first.height - live.height,
        "unknown_trigger": live.height - known.height,
        "too_close_to_the_end": known.height - followed.height,
    }
    rows = followed.select(
        "voter_key", "at", "actor_key", "sitting", unrequested=~pl.col("trigger").is_in(REQUESTED),
        delay_s=(pl.col("voted_at") - pl.col("at")).dt.total_microseconds() / 1e6,
    )  # fmt: skip
    return _with_risk_sets(case, rows, votes, first.select("voter_key", reissued_at="at"), horizons_s, closes_at), left_out


def first_ballots(case: Case) -> pl.DataFrame:
    """First ballot of each member in the log: ``voter_key, voted_at``."""
    casts = (
        case.rows("ballot_events")
        .filter(pl.col("event").is_in(["cast", "recast", "entered_by_officer"]))
        .drop_nulls(["voter_key", "at"])
    )
    return casts.group_by("voter_key").agg(voted_at=pl.col("at").min()).sort("voter_key")


def _with_risk_sets(
    case: Case,
    rows: pl.DataFrame,
    votes: pl.DataFrame,
    reissued: pl.DataFrame,
    horizons_s: tuple[int, ...],
    closes_at: datetime | None,
) -> pl.DataFrame:
    """Members of the same branch, still to vote and without a reissue at that instant: the share who voted within each horizon."""
    roll = roll_in_force(case).select("voter_key", pl.col("unit").fill_null(""))
    members = roll.join(votes, on="voter_key", how="left").join(reissued, on="voter_key", how="left").sort("voter_key")
    far = np.iinfo(np.int64).max
    voted = members["voted_at"].dt.epoch("us").fill_null(far).to_numpy()
    new = members["reissued_at"].dt.epoch("us").fill_null(far).to_numpy()
    own_unit = rows.join(roll, on="voter_key", how="left", maintain_order="left")["unit"].fill_null("")
    at = rows["at"].dt.epoch("us").to_numpy()
    waiting, came = np.zeros(at.size, np.int64), np.zeros((at.size, len(horizons_s)), np.int64)
    codes = pl.concat([members["unit"], own_unit]).rank("dense").to_numpy().astype(np.int64)
    n_codes = int(codes.max(initial=0)) + 1
    for own, here in zip(*(_places(part, n_codes) for part in np.split(codes, [members.height])), strict=True):
        if here.size:
            waiting[here], came[here] = _counts(at[here], voted[own], new[own], horizons_s)
    alone = waiting == 0  # in their branch: then all who wait
    waiting[alone], came[alone] = _counts(at[alone], voted, new, horizons_s)
    columns = {}
    for i, horizon in enumerate(horizons_s):
        within = (rows["delay_s"] <= horizon).fill_null(False).cast(pl.Int64)
        whole = rows["at"] <= closes_at - timedelta(seconds=horizon) if closes_at else within >= 0
        columns[f"within_{horizon}"] = pl.select(pl.when(whole).then(within)).to_series()
        columns[f"others_{horizon}"] = pl.Series(came[:, i] / np.maximum(waiting, 1))
    return rows.with_columns(**columns)


def _counts(at: NDArray, voted: NDArray, new: NDArray, horizons_s: tuple[int, ...]) -> tuple[NDArray, NDArray]:
    """Who waited without a reissue at each instant, and how many of them voted within each horizon."""
    everybody, own = np.sort(voted), (new < np.iinfo(np.int64).max) & (new <= voted)
    before = np.searchsorted(everybody, at, side="left")
    ends = at[:, None] + np.array(horizons_s, np.int64) * 1_000_000
    waiting, came = voted.size - before, np.searchsorted(everybody, ends, side="right") - before[:, None]
    # Those with a reissue by then are no part of it. They waited from the reissue to the ballot, whose horizon holds the instant
    # from so long before it on; so each counts over one stretch.
    voted, new = voted[own], new[own]
    over = np.searchsorted(np.sort(voted), at, side="left")
    waiting -= np.searchsorted(np.sort(new), at, side="right") - over
    for i, horizon in enumerate(horizons_s):
        begins = np.sort(np.maximum(new, voted - horizon * 1_000_000))
        came[:, i] -= np.searchsorted(begins, at, side="right") - over
    return waiting, came


def _places(codes: NDArray, n_codes: int) -> list[NDArray]:
    """Where each code stands, from 0 on."""
    return np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes, minlength=n_codes))[:-1])


def edits_before(case: Case, cases: pl.DataFrame) -> dict[str, int]:
    """Count members whose unrequested reissue followed a change of e-mail or phone within half an hour.

    Also those of them with no request on record for the change, and those where one administrator did both.
    """
    edits = case.rows("contact_changes").filter(pl.col("field").is_in(["email", "phone"])).drop_nulls("at")
    pairs = cases.filter("unrequested").select("voter_key", "actor_key", reissued_at="at").join(
        edits.select("voter_key", "at", "request_evidence", editor_key="actor_key"), on="voter_key"
    )  # fmt: skip
    lead = (pl.col("reissued_at") - pl.col("at")).dt.total_seconds()
    near = pairs.filter((lead >= 0) & (lead <= EDIT_LEAD_S))
    without = near.filter(pl.col("request_evidence") == "none_found")  # silence is not a finding: somebody looked, and found none
    one_hand = without.filter(pl.col("actor_key") == pl.col("editor_key"))
    return {
        "n_after_edit": near["voter_key"].n_unique(),
        "n_after_edit_without_request": without["voter_key"].n_unique(),
        "n_by_same_hand": one_hand["voter_key"].n_unique(),
        "n_hands": one_hand["actor_key"].n_unique(),
    }


def answer(case: Case) -> tuple[Result, ...]:
    """Answer for one contest of a package."""
    needs = ("credential_events.event", "credential_events.at", "credential_events.voter_key", "credential_events.trigger")
    needs += ("ballot_events.voter_key", "ballot_events.at", "roll.voter_key")
    missing = case.missing(needs)
    if missing:
        reason = "Reissues, ballots and the roll can't be joined on a member's key."
        return (NotAnswerable(method="reissue_to_ballot_delay", reason=reason, needs=missing),)
    window = window_in_force(case.rows("contest_windows"), "online")
    closes_at = window.closes_at if window else None
    cases, left_out = reissue_cases(case, case.plan.horizons_s, closes_at)
    n_unrequested = int(cases["unrequested"].sum())
    if min(n_unrequested, cases.height - n_unrequested) < MIN_EACH:
        reason = (
            f"{n_unrequested} unrequested and {cases.height - n_unrequested} requested reissues of members still to vote are on record; "
            f"at least {MIN_EACH} of each are needed to compare them."
        )
        needs = ("credential_events.event", "credential_events.trigger")
        return (NotAnswerable(method="reissue_to_ballot_delay", reason=reason, needs=needs),)
    result = _tested(case, cases, {"left_out": left_out} | edits_before(case, cases))
    return (_under_every_reading(replace(result, n_excluded=sum(left_out.values())), case, cases, closes_at),)


def _tested(case: Case, cases: pl.DataFrame, details: dict) -> TestResult:
    rng = case.plan.rng(case.contest_id, "reissue_to_ballot_delay")
    return reissue_to_ballot_delay(
        cases,
        horizons_s=case.plan.horizons_s,
        n_resamples=case.plan.n_resamples,
        rng=rng,
        confidence_level=case.plan.confidence_level,
        alpha=case.plan.alpha,
        details=details,
    )


def _under_every_reading(result: TestResult, case: Case, cases: pl.DataFrame, closes_at: datetime | None) -> TestResult:
    """Test again under every reading of the clocks that changes what followed within a horizon, and say whether all agree."""
    seen = [_outcomes(cases)]
    told = [{"reading": "as_recorded", "pvalue": result.pvalue, "statistic": result.statistic, "effect": result.effect.value}]
    for name, moved in under_every_reading(case, ("credential_events", "ballot_events")).items():
        frame, _ = reissue_cases(moved, case.plan.horizons_s, closes_at)
        n_unrequested = int(frame["unrequested"].sum())
        if any(_outcomes(frame).equals(other) for other in seen):
            continue
        seen.append(_outcomes(frame))
        row = {"reading": name, "pvalue": None, "statistic": None, "effect": None}  # too few are left to be compared
        if min(n_unrequested, frame.height - n_unrequested) >= MIN_EACH:
            other = _tested(case, frame, {})
            row = {"reading": name, "pvalue": other.pvalue, "statistic": other.statistic, "effect": other.effect.value}
        told.append(row)
    if len(told) == 1:
        return result
    agree = len({row["pvalue"] is not None and row["pvalue"] <= case.plan.alpha for row in told}) == 1
    assumption = Assumption(
        statement="The answer is the same under every reading that the clocks allow.",
        status=Status.HOLDS if agree else Status.FAILS,
        evidence=f"It was tested under {len(told)} readings that change what followed within a horizon; they "
        + ("agree." if agree else "disagree."),
    )
    return replace(result, assumptions=(*result.assumptions, assumption), details={**result.details, "readings": told})


def _outcomes(cases: pl.DataFrame) -> pl.DataFrame:
    columns = [name for name in cases.columns if name.startswith(("within_", "others_"))]
    return cases.sort("voter_key").select("voter_key", "unrequested", *columns)


def incidence(cases: pl.DataFrame, hours: float = 24.0) -> pl.DataFrame:
    """Share of reissues followed by a ballot within t minutes, for the chart: ``group, minutes, share``."""
    grid = np.unique(np.concatenate([np.arange(0, 61, 1), np.geomspace(60, hours * 60, 60).round()]))
    rows = []
    for unrequested, label in ((True, "not requested"), (False, "requested")):
        delays = cases.filter(pl.col("unrequested") == unrequested)["delay_s"].to_numpy() / 60
        n = max(delays.size, 1)
        rows += [{"group": label, "minutes": float(m), "share": float((delays <= m).sum() / n)} for m in grid]
    return pl.DataFrame(rows)

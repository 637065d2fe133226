"""Did changes of contact, reissues and ballots follow each other within minutes, member after member?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from analysis_lib.case import Case
from analysis_lib.methods.chains import ON_RECORD, Events, chain_rows, events, facts, pairs
from analysis_lib.methods.clock_readings import under_every_reading
from analysis_lib.plaintext import count
from analysis_lib.results import Assumption, Estimate, NotAnswerable, Result, Status, TestResult
from analysis_lib.stats import chains
from analysis_lib.stats.chains import Dealings, Steps
from analysis_lib.stats.predictive_rates import hypergeometric_tails
from analysis_lib.stats.scan import rank_pvalue_error

NEEDS = (
    "contact_changes.at",
    "credential_events.at",
    "credential_events.trigger",
    "credential_events.voter_key",
    "ballot_events.at",
    "ballot_events.voter_key|ballot_events.credential_id",
)
TABLES = ("contact_changes", "credential_events", "ballot_events")
CHECK_LEVEL = 0.05  # of the check against chains with a cause on record
FEW = 5  # changes, or reissues, from which on they show whether requests are noted
US = 1_000_000
EXPLANATIONS = (
    "A member rang up, had the address put right, got a new code and voted at once; nobody noted the call.",
    "Members in a meeting were helped one after another: address, code, ballot.",
    "An officer worked through a list of dead addresses that came from somewhere else than the log of bounces.",
    "Requests came by a channel that is not logged, so a change that was asked for looks as if it was not.",
)
NULL = "it were chance whose contact was changed, whose code was reissued and whose ballot came in among those handled by one administrator within an hour"


def edit_reissue_ballot_chains(
    steps: Steps, *, gap_s: int, alpha: float, confidence_level: float, n_resamples: int, rng: np.random.Generator,
    assumptions: tuple[Assumption, ...], details: Mapping[str, Any],
) -> TestResult:  # fmt: skip
    """Test whether changes, reissues and ballots form more chains than members dealt out at random would.

    A chain is what good service looks like too: it counts only where neither change nor reissue has a cause on record.

    Parameters
    ----------
    steps : Steps
        Changes, reissues and ballots (steps 0, 1, 2), UTC in microseconds; members change places within an
        administrator's hour (ballots: within the hour).
    gap_s : int
        Most seconds between a step and the next, that much included.

    Returns
    -------
    TestResult
        Statistic: chains. Effect: chains beyond the mean of the dealings, with the range of the dealings. p-value: share of dealings
        with more chains, or with as many whose steps follow each other as closely (sum of squared gaps).

    Notes
    -----
    Null hypothesis: see `NULL`. Exact but for the number of dealings. A chain that stands alone in its hour
    stays as it is in every dealing and tells nothing; so the test errs on the safe side.
    """
    found = chains.chains(steps, gap_s * US)
    drawn = chains.dealings(steps, gap_s * US, n_resamples=n_resamples, rng=rng)
    n, square = found.shape[0], chains.squared_gaps(steps, found)
    expected, pvalue = float(drawn.counts.mean()), drawn.pvalue(n, square)
    low, high = np.quantile(drawn.counts, [0.5 - confidence_level / 2, 0.5 + confidence_level / 2], method="inverted_cdf")
    return TestResult(
        method="edit_reissue_ballot_chains", null_hypothesis=NULL, alternative="greater",
        statistic=float(n), statistic_name="chains of a change of contact, a reissue and a ballot", pvalue=pvalue,
        effect=Estimate(
            name="chains beyond those expected", value=n - expected, low=float(n - high), high=float(n - low),
            confidence_level=None, unit="chains",
        ),
        n_observations=steps.at.size, n_excluded=0, assumptions=assumptions, innocent_explanations=EXPLANATIONS,
        references=("phipson2010",), parameters={"gap_s": gap_s, "n_resamples": n_resamples, "confidence_level": confidence_level},
        details={
            **details, "expected": expected, "low": int(low), "high": int(high), "n_alone": int(_alone(steps, found).sum()),
             "pvalue_se": rank_pvalue_error(pvalue, n_resamples),
            "smallest_visible": _visible(drawn, steps, alpha),
        },
        null_draws=drawn.counts.astype(float),
    )  # fmt: skip


def _alone(steps: Steps, found: NDArray) -> NDArray:
    """Say of each chain whether nothing in its three strata could change places."""
    sizes = np.bincount(steps.stratum, minlength=1)
    return np.asarray((sizes[steps.stratum[found]] == 1).all(axis=1))


def _visible(drawn: Dealings, steps: Steps, alpha: float) -> int | None:
    """Smallest number of chains that would have stood out, whatever their length; null where no dealing or no such number of events tells."""
    if not drawn.counts.any():
        return None
    top = np.sort(drawn.counts)[::-1]
    allowed = int(alpha * (top.size + 1)) - 1  # dealings that may have as many
    fewest = int(top[allowed]) + 1 if allowed >= 0 else steps.at.size + 1
    most = int(np.bincount(steps.step, minlength=chains.STEPS).min())
    return fewest if fewest <= most else None


def answer(case: Case) -> tuple[Result, ...]:
    """Answer for one contest of a package."""
    missing = case.missing(NEEDS)
    held = events(case)
    if missing or not held.known_triggers:
        reason = "Changes of contact, reissues with their cause, and ballots cannot be joined on a member's key."
        needs = missing or ("credential_events.trigger",)
        return (NotAnswerable(method="edit_reissue_ballot_chains", reason=reason, needs=needs),)
    rows = chain_rows(held, case.plan.chain_gap_s)
    details = facts(case, held, rows)
    alone = _alone(held.steps, chains.chains(held.steps, case.plan.chain_gap_s * US))
    if alone.size and alone.all():
        reason = (
            f"On record {'is 1 chain' if alone.size == 1 else f'are {alone.size:,} chains'} of a change of contact, a reissue and a ballot without a cause, "
            "each by itself in its hour: there is nothing to compare with. They are listed, and not tested."
        )
        return (
            NotAnswerable(
                method="edit_reissue_ballot_chains", reason=reason, needs=("contact_changes.request_evidence",), details=details
            ),
        )  # fmt: skip
    result = _tested(
        case, held, details, (_looked_for(rows), _against_recorded(held, case.plan.chain_gap_s), _requests_noted(held, rows))
    )
    if result.pvalue <= case.plan.alpha:
        result = replace(result, assumptions=(*result.assumptions, _not_one_day(case, held, rows)))
    return (_under_every_reading(replace(result, n_excluded=held.n_left_out), case, rows),)


def _tested(case: Case, held: Events, details: Mapping[str, Any], assumptions: tuple[Assumption, ...]) -> TestResult:
    plan = case.plan
    return edit_reissue_ballot_chains(
        held.steps, gap_s=plan.chain_gap_s, alpha=plan.alpha, confidence_level=plan.confidence_level,
        n_resamples=plan.n_resamples, rng=plan.rng(case.contest_id, "edit_reissue_ballot_chains"),
        assumptions=assumptions, details=details,
    )  # fmt: skip


def _looked_for(rows: pl.DataFrame) -> Assumption:
    n, searched = rows.height, int((rows["evidence"] == "none_found").sum())
    status = Status.HOLDS if searched == n else Status.UNTESTED if 2 * searched >= n else Status.FAILS
    return Assumption(
        statement="Somebody looked for a request before a change counts as one that nobody asked for.", status=status,
        evidence=f"Of {n:,} changes at the head of a chain, {searched:,} are said to have been looked into without finding a request."
        + (" A search for requests behind the others would settle it." if status is Status.FAILS else "")
        if n else "No chain is on record.",
    )  # fmt: skip


def _requests_noted(held: Events, rows: pl.DataFrame) -> Assumption:
    """An office that notes no request makes every change and every reissue look like one that nobody asked for."""
    changed = held.changes.filter(~pl.col("change_id").is_in(rows["change_id"].to_list()))
    sent = held.reissues.filter(~pl.col("event_id").is_in(rows["event_id"].to_list()))
    noted = [
        (int(changed["request_evidence"].is_in(list(ON_RECORD)).sum()), changed.height),
        (int(sent["caused"].sum()), sent.height),
    ]
    (a, m), (b, n) = noted
    status = Status.FAILS if any(not k and of >= FEW for k, of in noted) else Status.HOLDS if a and b else Status.UNTESTED
    return Assumption(
        statement="The office notes requests, so that a search can find them.", status=status,
        evidence=f"Outside the chains a cause is on record for {a:,} of {count(m, 'change')} of contact and for {b:,} of {count(n, 'reissue')}."
        + (" Requests by telephone may have left no note; asking the members of the chains would settle it." if status is Status.FAILS else ""),
    )  # fmt: skip


def _not_one_day(case: Case, held: Events, rows: pl.DataFrame) -> Assumption:
    """Members who are helped one after another at one meeting make such chains too."""
    zone = case.contest["timezone"]
    day = rows["changed_at"].dt.convert_time_zone(zone).dt.date()
    fullest = day.value_counts().sort("count", "changed_at", descending=[True, False])["changed_at"][0]
    at = pl.from_epoch(pl.Series(held.steps.at), time_unit="us").dt.replace_time_zone("UTC").dt.convert_time_zone(zone)
    kept = (at.dt.date() != fullest).to_numpy()
    steps = Steps(*(part[kept] for part in (held.steps.at, held.steps.step, held.steps.member, held.steps.stratum)))
    stands = _tested(case, replace(held, steps=steps), {}, ()).pvalue <= case.plan.alpha
    n = int((day == fullest).sum())
    return Assumption(
        statement="What stands out does not come from one day, as when members were helped at one meeting.",
        status=Status.HOLDS if stands else Status.FAILS,
        evidence=f"{n:,} of {count(rows.height, 'chain')} began on the fullest day; without that day "
        + ("it stands out as well." if stands else "nothing stands out. Whether members met an officer that day would settle it."),
    )  # fmt: skip


def _against_recorded(held: Events, gap_s: int) -> Assumption:
    """Where a cause is on record, a ballot should follow less often; else chains are what this office's service looks like."""
    seen = pairs(held, gap_s)
    (a, m), (b, n) = (
        (int(part["followed"].sum()), part.height) for part in (seen.filter(~pl.col("caused")), seen.filter("caused"))
    )
    pvalue, best = (_more_often(*counts) if m and n else 1.0 for counts in ((a, m, b, n), (m, m, 0, n)))
    status = Status.HOLDS if pvalue <= CHECK_LEVEL else Status.FAILS if best <= CHECK_LEVEL else Status.UNTESTED
    return Assumption(
        statement="A ballot does not follow as often where the change or the reissue has a cause on record.", status=status,
        evidence=f"A ballot followed in time after {a:,} of {m:,} changes with a reissue but no cause on record, and after {b:,} of {n:,} with one"
        + (f" (one-sided exact p = {pvalue:.2g})." if best <= CHECK_LEVEL else "; too few to compare."),
    )  # fmt: skip


def _more_often(a: int, m: int, b: int, n: int) -> float:
    """One-sided exact p-value of a of m against b of n."""
    return float(hypergeometric_tails(np.array([a, b]), np.array([m, n]))[0])


def _under_every_reading(result: TestResult, case: Case, rows: pl.DataFrame) -> TestResult:
    """Test again under every reading of the clocks that changes which chains there are, and say whether all agree."""
    seen = [_members(rows)]
    told = [{"reading": "as_recorded", "pvalue": result.pvalue, "statistic": result.statistic, "effect": result.effect.value}]
    for name, moved in under_every_reading(case, TABLES).items():
        held = events(moved)
        found = _members(chain_rows(held, case.plan.chain_gap_s))
        if found in seen:
            continue
        seen.append(found)
        other = _tested(case, held, {}, ())
        told.append({"reading": name, "pvalue": other.pvalue, "statistic": other.statistic, "effect": other.effect.value})
    if len(told) == 1:
        return result
    agree = len({row["pvalue"] <= case.plan.alpha for row in told}) == 1
    assumption = Assumption(
        statement="The answer is the same under every reading that the clocks allow.",
        status=Status.HOLDS if agree else Status.FAILS,
        evidence=f"It was tested under {len(told)} readings that give other chains; they {'agree' if agree else 'disagree'}.",
    )
    return replace(result, assumptions=(*result.assumptions, assumption), details={**result.details, "readings": told})


def _members(rows: pl.DataFrame) -> list[tuple[Any, ...]]:
    return sorted(rows.select("change_id", "event_id", "ballot").rows())

"""Did one mailbox or telephone serve more members than households explain?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analysis_lib.case import Case
from analysis_lib.methods.destinations import NOT_SET, Destinations, destinations, facts
from analysis_lib.results import Assumption, Estimate, NotAnswerable, Result, Status, TestResult
from analysis_lib.stats import collisions
from analysis_lib.stats.scan import rank_pvalue_error

NEEDS = ("credential_events.destination_key|contact_changes.new_key|roll.email_key",)
MIN_NEW, MIN_REFERENCE = 5, 100  # addresses set anew, and members to learn from
FORM = "destination"
EXPLANATIONS = (
    "A family, a shared house or a care home with one address for all.",
    "A member without e-mail lets a friend or the branch secretary receive the letters.",
    "An employer's or an affiliate's office gave one address for its members.",
    "An officer wrote in a stop-gap address where none was known, or pasted one address into several rows.",
)
NULL = "addresses set anew were shared by as many members as addresses on the earlier list are"


def shared_destinations(
    sizes: NDArray, reference: NDArray, *, alpha: float, confidence_level: float, n_resamples: int, rng: np.random.Generator,
    parameters: dict, assumptions: tuple[Assumption, ...], details: dict,
) -> TestResult:  # fmt: skip
    """Test whether addresses set anew serve larger groups of members than the addresses that were held before.

    One address that a few members share is ordinary, and one group alone can hardly be told from a family's.

    Parameters
    ----------
    sizes : array of int
        For each address set anew: how many members it was set for. At least `MIN_NEW` members in all.
    reference : array of int
        For each address of the earlier lists: how many members have it. At least `MIN_REFERENCE` members in all.

    Returns
    -------
    TestResult
        Statistic: members in groups of three or more. Effect: those beyond what the earlier lists' rate makes of as many, with the range of
        the null's draws. p-value: of four tallies together (members in groups of at least 3, 5 and 10, and the largest group).

    Notes
    -----
    Null hypothesis: see `NULL`. Simulated from what the earlier lists show and what they leave open
    (`collisions.predicted_tallies`), so a short list lets few groups stand out. Errs on the safe side.

    One mailbox written over the addresses of 5 of 500 members is listed and never stands out (p near 0.1 in 40 made-up
    contests). A group is one event, however many members it has: a list of 500 without a group of five leaves a chance of
    about 0.1 for one among 45 addresses set anew, and of 0.01 among the five that nobody is on record as asking for (0.01 or
    less in 17 of 40, but in none once the family's other questions are allowed for). To count each member as set apart from
    the others would do, and would flag every care home that opens a mailbox. A longer list, or those of other contests,
    finds it.
    """
    n, n_reference = int(sizes.sum()), int(reference.sum())
    seen = collisions.tallies(sizes)
    draws = collisions.predicted_tallies(reference, n_reference, n, n_resamples=n_resamples, rng=rng)
    found = collisions.excess(seen, draws)
    low, high = np.quantile(draws, [0.5 - confidence_level / 2, 0.5 + confidence_level / 2], axis=0)
    usual = collisions.tallies(reference) * (n / n_reference)
    usual[-1] = np.median(draws[:, -1])  # the largest group doesn't grow in proportion
    tallies = [
        {"at_least": least, "seen": int(s), "expected": float(m), "low": float(a), "high": float(b), "pvalue": float(p)}
        for least, s, m, a, b, p in zip((*collisions.AT_LEAST, None), seen, usual, low, high, found.each, strict=True)
    ]
    return TestResult(
        method="shared_destinations", form=FORM, null_hypothesis=NULL, alternative="greater",
        statistic=float(seen[0]), statistic_name=f"members in groups of {collisions.AT_LEAST[0]} or more", pvalue=found.pvalue,
        effect=Estimate(
            name="members in groups of three or more, beyond those expected", value=float(seen[0] - usual[0]),
            low=float(seen[0] - high[0]), high=float(seen[0] - low[0]), confidence_level=None, unit="members",
        ),
        n_observations=n, n_excluded=details["n_not_set"], assumptions=assumptions, innocent_explanations=EXPLANATIONS,
        references=("westfall1993", "diaconis1989"),
        parameters=parameters | {"n_resamples": n_resamples, "confidence_level": confidence_level},
        details=details | {
            "tallies": tallies, "pvalue_se": rank_pvalue_error(found.pvalue, n_resamples),
            "smallest_visible": _visible(draws[:, -1], found.needed(alpha), n),
        },
        null_draws=draws[:, 0].astype(float),
    )  # fmt: skip


def _visible(largest: NDArray, needed: float, n: int) -> int | None:
    """Smallest single group that would stand out by its size alone; null where none of n members could make one."""
    top = np.sort(largest)[::-1]
    allowed = int(needed * (top.size + 1)) - 1  # draws that may be at least as large
    fewest = int(top[allowed]) + 1 if allowed >= 0 else n + 1
    return fewest if fewest <= n else None


def _assumptions(held: Destinations) -> tuple[Assumption, ...]:
    lists = f"{held.n_lists:,} earlier {'list' if held.n_lists == 1 else 'lists'}"
    alike = Assumption(
        statement="Addresses set anew are shared as those on the earlier lists are.", status=Status.UNTESTED,
        evidence=f"Learnt from {int(held.reference.sum()):,} members of {lists}; a household or an office that came new would stand out.",
    )  # fmt: skip
    classes = Assumption(
        statement="Stop-gap addresses that reach nobody were set aside.", status=Status.UNTESTED,
        evidence=f"{held.n_not_set:,} members have an address marked as one."
        if held.classes_known
        else "The files don't say which addresses are stop-gaps.",
    )  # fmt: skip
    return alike, classes


def answer(case: Case) -> tuple[Result, ...]:
    """Answer for one contest of a package."""
    plan, held = case.plan, destinations(case)
    details = facts(held)
    n_new, n_reference = int(held.sizes.sum()), int(held.reference.sum())
    if held.reference_kind is None or n_reference < MIN_REFERENCE:
        reason = f"An earlier list with the addresses of at least {MIN_REFERENCE} members is needed to show how members share them; the groups are counted and not tested."
        needs: tuple[str, ...] = ("roll.email_key|roll.phone_key",)
    elif n_new < MIN_NEW:
        reason = f"Since the earlier list {n_new} {'address was' if n_new == 1 else 'addresses were'} set anew; {MIN_NEW} are needed. The groups are counted and not tested."
        needs = ("credential_events.destination_key|contact_changes.new_key",)
    else:
        return (
            shared_destinations(
                held.sizes, held.reference, alpha=plan.alpha, confidence_level=plan.confidence_level,
                n_resamples=plan.n_resamples, rng=plan.rng(case.contest_id, "shared_destinations", FORM),
                parameters={"reference": held.reference_kind, "set_aside": list(NOT_SET)}, assumptions=_assumptions(held), details=details,
            ),
        )  # fmt: skip
    return (NotAnswerable(method="shared_destinations", form=FORM, reason=reason, needs=needs, details=details),)

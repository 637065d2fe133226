"""Do the lists of members, credentials and voters agree with each other?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

import polars as pl

from analysis_lib.case import Case
from analysis_lib.methods import credentials_issued, roll_copies
from analysis_lib.methods.identities import OPEN, Identity, by_check, frame_of, of_frame, small_units, with_causes
from analysis_lib.results import Assumption, Breach, NotAnswerable, Result, Status, Verdict

MOST_UNITS = 200
MOST_AGREEING = 50  # sums of the whole roll that agree; daily counts give hundreds
EXPLANATIONS = (
    "Two lists are of different days: members joined, left or were let in by exception in between.",
    "A member was entered under two numbers, or a number was changed.",
    "A log was kept from a later day on, or was cut off.",
    "Codes for a hall vote are handed out on paper and stand in no log.",
    "Tests and staff accounts stand in one list and not in the other.",
)
NEEDS = (
    "roll_snapshots.row_count",
    "roll.voter_key",
    "roll_changes.change",
    "roll_change_counts.before_n",
    "credential_events.voter_key",
    "vote_applications.voter_key",
    "communications.n_bounced",
)


def roll_reconciliation(identities: Iterable[Identity]) -> tuple[pl.DataFrame, Verdict]:
    """Gather the sums of roll, credentials and marked registers, and say whether one of them fails.

    A difference says that two lists disagree, not which is right.

    Returns
    -------
    identities : DataFrame
        One row per sum, with the fields of `identities.Identity`.
    verdict : Verdict
        A breach where two sides can't be brought together; undetermined where what is not held might.
    """
    found = frame_of(list(identities)).sort("check", "name", "unit", maintain_order=True)
    causes = found.filter(pl.col("gap") > 0)["cause"]
    if (causes != OPEN).any():
        return found, Verdict.BREACH_RECORDED
    return found, Verdict.UNDETERMINED if causes.len() else Verdict.NO_BREACH


def sums_of(case: Case) -> list[Identity]:
    """Make every sum that the lists held allow: R01 to R05, and R12."""
    return [
        *roll_copies.rows_of_copies(case),
        *roll_copies.between_copies(case),
        *roll_copies.from_change_counts(case.rows("roll_change_counts")),
        *roll_copies.last_copy_and_entitled(case),
        *credentials_issued.applications(case),
        *credentials_issued.issued_and_entitled(case),
        *credentials_issued.fates(case),
        *roll_copies.marked_registers(case),
    ]


def answer(case: Case) -> tuple[Result, ...]:
    """Answer for one contest of a package."""
    identities, verdict = roll_reconciliation(sums_of(case))
    if not identities.height:
        reason = "No two lists are held that one sum joins."
        one_of = "|".join((*case.missing(NEEDS), "results.n (item eligible)"))
        return (NotAnswerable(method="roll_reconciliation", reason=reason, needs=(one_of,)),)
    failing = identities.filter(pl.col("gap") > 0)
    whole = pl.col("unit") == ""
    shown = small_units(identities.filter(whole | (pl.col("gap") > 0)), case.package.min_cell)
    of_whole = shown.filter(whole).filter((pl.col("gap") > 0) | ((pl.col("gap") == 0).cum_sum() <= MOST_AGREEING))
    listed = pl.concat([of_whole, shown.filter(~whole).sort("gap", "unit", descending=[True, False]).head(MOST_UNITS)])
    return (
        Breach(
            method="roll_reconciliation",
            rule="the copies of the roll, its changes, the credentials issued and the registers of who voted agree with each other",
            verdict=verdict,
            statistic=failing.height,
            statistic_name="sums that do not agree",
            n_observations=identities.height,
            n_excluded=0,
            assumptions=(_completeness(case),),
            innocent_explanations=EXPLANATIONS,
            parameters={"zone": case.contest["timezone"]},
            details={
                "identities": [asdict(item) for item in with_causes(of_frame(listed), case.rows("statements"))],
                "by_check": by_check(identities),
            },
        ),
    )


def _completeness(case: Case) -> Assumption:
    tables = ("roll", "roll_changes", "credential_events", "vote_applications", "ballot_events")
    used = pl.concat([case.rows(table).select("source_id") for table in tables]).unique()
    rows = used.join(case.rows("sources"), on="source_id", how="left")
    is_complete = (rows["completeness"] == "complete").fill_null(False).all()
    return Assumption(
        statement="Every list and log used here is complete.",
        status=Status.UNTESTED,
        evidence="Their suppliers say so." if is_complete
        else "Not all suppliers say so; a log that may have gaps is held to no more than an upper limit.",
    )  # fmt: skip

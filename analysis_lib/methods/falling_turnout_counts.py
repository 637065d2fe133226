"""Did a running count of ballots ever fall?"""

from __future__ import annotations

from dataclasses import asdict

import polars as pl

from analysis_lib.case import Case
from analysis_lib.methods.identities import Identity, exactly, identity, with_causes
from analysis_lib.methods.recount import declared_once
from analysis_lib.results import Assumption, Breach, NotAnswerable, Result, Status, Verdict

CHECK = "R14"
SERIES = ("channel", "unit", "source_id")  # readings of one count: never mixed, since two sources may lag differently
EXPLANATIONS = (
    "Ballots or signatures were struck out by those in charge: duplicates, tests, ineligible entries.",
    "A voter's later ballot replaced an earlier one, and the count lagged.",
    "Two servers or caches of one site show counts of different age.",
)


def falling_turnout_counts(readings: pl.DataFrame) -> pl.DataFrame:
    """List every reading that is lower than the one before it.

    Parameters
    ----------
    readings : DataFrame
        turnout_counts of one contest: ``as_of`` (UTC), ``channel``, ``unit``, ``source_id``, ``voted_n``
        (cumulative).

    Returns
    -------
    DataFrame
        ``as_of`` of the lower reading, ``channel``, ``unit``, ``source_id``, ``before``, ``voted_n``, ``change`` (below 0),
        largest fall first.
    """
    steps = readings.sort(*SERIES, "as_of").with_columns(before=pl.col("voted_n").shift(1).over(SERIES))
    falls = steps.with_columns(change=pl.col("voted_n") - pl.col("before")).filter(pl.col("change") < 0)
    return falls.select("as_of", *SERIES, "before", "voted_n", "change").sort("change", "as_of", *SERIES)


def last_and_received(readings: pl.DataFrame, results: pl.DataFrame) -> list[Identity]:
    """Set the last reading of each series for the whole contest against the ballots received in that channel: it is no higher."""
    last = readings.filter(pl.col("unit") == "ALL").sort(*SERIES, "as_of").unique(SERIES, keep="last", maintain_order=True)
    received = declared_once(results, "ballots_received")
    return [
        identity(
            CHECK, f"the last reading is no more than the ballots received ({row['channel']})".replace("_", " "),
            exactly("last reading", row["voted_n"]), ("ballots received", row["low"], row["high"]), "at_most",
        )
        for row in last.join(received, on="channel", maintain_order="left").iter_rows(named=True)
    ]  # fmt: skip


def answer(case: Case) -> tuple[Result, ...]:
    """Answer for one contest of a package."""
    readings = case.rows("turnout_counts")
    if not (readings.group_by(SERIES).len()["len"] >= 2).any():
        reason = "A running count of ballots with at least two readings of one series is needed."
        return (
            NotAnswerable(
                method="falling_turnout_counts", reason=reason, needs=("turnout_counts.voted_n", "turnout_counts.as_of")
            ),
        )
    falls = falling_turnout_counts(readings)
    totals = with_causes(last_and_received(readings, case.rows("results")), case.rows("statements"))
    over = [item for item in totals if item.gap]
    return (
        Breach(
            method="falling_turnout_counts",
            rule="a running count of ballots never falls, and ends no higher than the ballots received",
            verdict=Verdict.BREACH_RECORDED if falls.height or over else Verdict.NO_BREACH,
            statistic=falls.height,
            statistic_name="falls of the running count",
            n_observations=readings.height,
            n_excluded=0,
            assumptions=(
                Assumption(
                    statement="All readings of one series are of the same count.",
                    status=Status.UNTESTED,
                    evidence="Series are kept apart by channel, unit and source.",
                ),
            ),
            innocent_explanations=EXPLANATIONS,
            parameters={"zone": case.contest["timezone"]},
            details={
                "check": CHECK,
                "falls": falls.to_dicts(),
                "total_fall": int(falls["change"].sum()),
                "totals": [asdict(item) for item in totals],
            },
        ),
    )

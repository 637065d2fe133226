"""Do the published totals add up?"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict

import polars as pl

from analysis_lib.case import Case
from analysis_lib.methods import recount, sums
from analysis_lib.methods.declared import candidate_totals, whole_contest
from analysis_lib.methods.identities import WHOLE, by_check, frame_of, of_frame, small_units, with_causes
from analysis_lib.results import Assumption, Breach, NotAnswerable, Result, Status, Verdict

SEVERAL_VOTES = ("approval", "block", "cumulative", "AMS")
SET_ASIDE = ("ballots_spoiled", "ballots_blank", "ballots_rejected", "ballots_voided")
MOST_UNITS = 200  # sums of single units that are listed
EXPLANATIONS = (
    "Test ballots, or ballots on a second question, left in one total and not in the other.",
    "Spoilt, blank or rejected ballots counted in one total and not in the other.",
    "The same ballots reported under two channels, or units of two levels listed together.",
    "A slip in copying or in reporting: two papers give two figures, or one line is copied twice.",
)


def totals_reconciliation(results: pl.DataFrame, *, one_vote_each: bool = True, candidates: Collection[str] = ()) -> pl.DataFrame:
    """Check every sum that the published totals allow, for the contest, each channel and each unit.

    A difference is a fact about the record, not about its cause.

    Parameters
    ----------
    results : DataFrame
        The results table of one contest: ``round``, ``channel`` ("all" for a total), ``unit`` (null for all),
        ``item``, ``candidate_id``, ``to_candidate_id``, ``n``, ``weighted_n``, ``lo``, ``hi``, ``status`` (null: as
        first declared). Rows of one status are one declaration; a later one (correction, recount, certified) is
        checked by itself.
    one_vote_each : bool
        Whether a ballot counts for one candidate in a round. If not (approval, block, cumulative),
        votes and ballots are not comparable, and those sums are left out.
    candidates : collection of str
        Ids of all who stood: while the votes of one aren't held, the others' may be fewer than the valid ballots.

    Returns
    -------
    DataFrame
        One row per sum, with the fields of `identities.Identity`, the first declaration and the whole contest first; `gap` is
        above 0 where the two sides can't be brought together.
    """
    figures = sums.cells(results)
    found = [sums.ballots_accounted_for(figures)]
    found += [sums.votes_and_ballots(figures, candidates), sums.transfers(figures)] if one_vote_each else []
    found += [sums.parts_and_whole(figures, by) for by in sums.PARTS]
    return pl.concat(found).sort(
        pl.col("declaration") != "first", "declaration", pl.col("unit") != WHOLE, "check", "name", "unit"
    )


def _one_vote_each(case: Case) -> bool:
    """Whether a ballot counts for one candidate; with several places to fill, a member may mark several names."""
    method, seats = case.contest["voting_method"], case.contest["seats"]
    return method not in SEVERAL_VOTES and not (seats > 1 and method in ("FPP", "other"))


def _counted_again(case: Case, results: pl.DataFrame, stood: list[str]) -> pl.DataFrame:
    """Sums that need more than the published figures: the log, the ballots, rounded shares, and who is in front."""
    sources, seats = case.rows("sources"), case.contest["seats"]
    is_plurality = case.contest["voting_method"] == "FPP" and _one_vote_each(case)
    found = recount.from_log(case.rows("ballot_events"), results, sources)
    found += recount.from_ballots(case.rows("ballot_choices"), results, sources, is_plurality=is_plurality, seats=seats)
    found += recount.shares(results, stood) if _one_vote_each(case) else []
    found += recount.shares_of_two_channels(results, case.plan.channels, max(case.plan.max_other_ballots))
    found += recount.from_parts(results, seats) if is_plurality else []
    return frame_of(found)


def _as_many_as(identities: pl.DataFrame, results: pl.DataFrame) -> pl.DataFrame:
    """Name the cause of a difference that is just as large as a published number of ballots set aside."""
    aside = whole_contest(results).filter(pl.col("item").is_in(SET_ASIDE) & (pl.col("n") > 0))
    sizes = aside.group_by(gap=pl.col("n").cast(pl.Float64)).agg(
        pl.col("item").unique().sort().first().str.replace("ballots_", "")
    )
    told = pl.when(pl.col("item").is_not_null()).then(pl.format("as many as the ballots {}", "item")).otherwise("cause")
    named = identities.join(sizes, on="gap", how="left", maintain_order="left").with_columns(cause=told)
    return named.select(identities.columns)


def answer(case: Case) -> tuple[Result, ...]:
    """Answer for one contest of a package."""
    results = case.rows("results").sort("row_id")
    stood = case.rows("candidates")["candidate_id"].to_list()
    published = totals_reconciliation(results, one_vote_each=_one_vote_each(case), candidates=stood)
    identities = pl.concat([published, _counted_again(case, results, stood)])
    if not identities.height:
        return (
            NotAnswerable(
                method="totals_reconciliation",
                reason="No two totals are held that one sum joins.",
                needs=("results.n (item ballots_received)", "results.n (item ballots_valid)", "results.n (item candidate)"),
            ),
        )
    identities = _as_many_as(identities, results)
    failing = identities.filter(pl.col("gap") > 0)
    shown = small_units(identities.filter((pl.col("unit") == WHOLE) | (pl.col("gap") > 0)), case.package.min_cell)
    units = shown.filter(pl.col("unit") != WHOLE).sort(["gap", "unit", "name"], descending=[True, False, False])
    listed = pl.concat([shown.filter(pl.col("unit") == WHOLE), units.head(MOST_UNITS)])
    figures = results.select(pl.any_horizontal(pl.col("n", "lo", "hi", "weighted_n").is_not_null())).to_series()
    totals = candidate_totals(results, "first")
    return (
        Breach(
            method="totals_reconciliation",
            rule="ballots, voters and votes that are published as sums of each other add up",
            verdict=Verdict.BREACH_RECORDED if failing.height else Verdict.NO_BREACH,
            statistic=failing.height,
            statistic_name="sums that do not add up",
            n_observations=identities.height,
            n_excluded=int(results.height - figures.sum()),
            assumptions=(
                Assumption(
                    statement="The figures are those that were declared.",
                    status=Status.UNTESTED,
                    evidence="Each row names its source; where sources differ, the range between them is used.",
                ),
            ),
            innocent_explanations=EXPLANATIONS,
            parameters={},
            details={
                "identities": [asdict(item) for item in with_causes(of_frame(listed), case.rows("statements"))],
                "by_check": by_check(identities),
                "n_units_failing": failing.filter(pl.col("unit") != WHOLE)["unit"].n_unique(),
                "identical_units": sums.identical_units(sums.cells(results)),
                "n_suppressed": int(results["is_suppressed_for_privacy"].sum()),
                "lead": totals[0][1] - totals[1][1] if len(totals) > 1 else None,
            },
        ),
    )

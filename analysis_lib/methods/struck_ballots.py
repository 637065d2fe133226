"""Could the ballots that were struck out have changed the result?"""

from __future__ import annotations

import polars as pl

from analysis_lib.case import Case
from analysis_lib.methods.declared import candidate_totals, whole_contest
from analysis_lib.results import Assumption, Bounds, Estimate, NotAnswerable, Result, Status, Verdict

EXPLANATIONS = (
    "Ballots are struck for many ordinary reasons: doubled entries, lapsed members, tests.",
    "A result that could have changed need not have changed: who the struck ballots were for is known only from a second count.",
)


def struck_ballots(
    before: list[tuple[str, int]], struck: int, after: list[tuple[str, int]], *, seats: int = 1, one_round: bool = True
) -> Bounds:
    """Compare the struck ballots with the fewest whose removal undoes the lead of the last candidate elected.

    A tie counts as changed. This is the worst case, not a probability.

    Parameters
    ----------
    before, after : list of (candidate, ballots)
        Totals as first declared, most first, and as declared after striking (empty if not declared).
    struck : int
        Ballots struck out.
    seats : int
        Places filled; fewer than there are candidates.
    one_round : bool
        Whether votes are counted once. Where preferences transfer, striking fewer ballots than the last
        lead can change who is eliminated first, so a smaller number leaves the answer undetermined.

    Returns
    -------
    Bounds
        Statistic: ballots struck. Effect: margin less struck ballots, in ballots; 0 or below means
        that the last candidate elected could have lost the lead.
    """
    margin = before[seats - 1][1] - before[seats][1]
    declared_again = dict(after)
    now = sorted(
        (dict(before) | declared_again).items(), key=lambda item: -item[1]
    )  # who isn't declared again keeps the first figure
    changed = {c for c, _ in now[:seats]} != {c for c, _ in before[:seats]}
    below = Verdict.COULD_NOT_CHANGE if one_round or not struck else Verdict.UNDETERMINED  # transfers: fewer may be enough
    verdict = Verdict.COULD_CHANGE if struck and struck >= margin else below
    return Bounds(
        method="struck_ballots",
        verdict=verdict,
        statistic=struck,
        statistic_name="ballots struck out",
        effect=Estimate(
            name="lead left if every struck ballot was for the candidate in front",
            value=margin - struck, low=margin - struck, high=margin + struck, confidence_level=None, unit="ballots",
        ),
        n_observations=sum(n for _, n in before),
        n_excluded=0,
        assumptions=(
            Assumption(
                statement="One round, one vote each: the lead is the difference of the first two.",
                status=Status.UNTESTED,
                evidence="With transfers of preferences the fewest ballots that change the winner can be lower than the last lead.",
            ),
        ),
        innocent_explanations=EXPLANATIONS,
        parameters={},
        details={
            "margin": margin,
            "seats": seats,
            "before": [{"candidate": c, "ballots": n, "after": declared_again.get(c)} for c, n in before],
            "winner_changed": changed,
            "struck_by_candidate": [
                {"candidate": c, "ballots": n - declared_again[c]} for c, n in before if c in declared_again and n != declared_again[c]
            ],
        },
    )  # fmt: skip


def answer(case: Case) -> tuple[Result, ...]:
    """Answer for one contest of a package."""
    results = whole_contest(case.rows("results"))
    struck = _struck(results)
    before, after = candidate_totals(results, "first"), candidate_totals(results, "correction")
    seats = case.contest["seats"]
    if struck is None or len(before) <= seats:
        return (
            NotAnswerable(
                method="struck_ballots",
                reason="The number of ballots struck out, or the totals before, are not held.",
                needs=("results.n (item ballots_voided)", "results.n (item candidate)"),
            ),
        )
    names = dict(case.rows("candidates").select("candidate_id", "display_name").iter_rows())
    named = [[(names.get(c, c), n) for c, n in rows] for rows in (before, after)]
    return (struck_ballots(named[0], struck, named[1], seats=seats, one_round=_one_round(case)),)


def _one_round(case: Case) -> bool:
    rounds = case.rows("results").filter(pl.col("item") == "candidate")["round"].n_unique()
    return case.contest["voting_method"] == "FPP" and rounds == 1


def _struck(results: pl.DataFrame) -> int | None:
    """Ballots struck out over all channels: of several figures the largest; given by candidate alone, their sum."""
    rows = results.filter((pl.col("item") == "ballots_voided") & (pl.col("channel") == "all")).drop_nulls("n")
    if not rows.height:
        return None
    whole = rows.filter(pl.col("candidate_id").is_null())
    return int(whole["n"].max() if whole.height else rows.group_by("candidate_id").agg(pl.col("n").max())["n"].sum())

"""Were reissues aimed at members who had not voted, or made right after the list of them was viewed?"""

from __future__ import annotations

from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from analysis_lib.case import Case
from analysis_lib.methods.members import roll_in_force
from analysis_lib.methods.reissue_rates import REQUESTED, reissues
from analysis_lib.methods.view_work import after_view
from analysis_lib.results import Assumption, Estimate, NotAnswerable, Result, Status, TestResult
from analysis_lib.stats.poisson_binomial import pmf, upper_tail
from analysis_lib.stats.predictive_rates import clopper_pearson

METHOD = "nonvoter_targeting"
NEEDS = (
    "credential_events.at",
    "credential_events.voter_key",
    "credential_events.trigger",
    "ballot_events.at",
    "ballot_events.voter_key",
    "roll.voter_key",
)
MIN_REISSUES = 5
MIN_TO_VOTERS = 5  # with fewer, a code after a ballot is an exception: nearly every innocent contest would stand out
IN, OUT = ("cast", "recast", "entered_by_officer", "imported", "reinstated", "released"), ("voided", "rejected", "quarantined")
OPENED = ("opened", "clicked", "login_ok")
SIGNS = (*OPENED, "login_failed", "used")  # of life, from the member
ASKED = ("member_request", "self_service")
EXPLANATIONS = {
    "share": (
        "A code is of use only to those who have not voted, so officers send it to them.",
        "Members who have not voted ask for help by telephone, which is not noted.",
        "The platform puts those who have not voted at the top of its list.",
    ),
    "silent": (
        "Codes are sent again to members who never opened the message, which is what such a view is for.",
        "Members with dead or mistyped addresses are the ones who need a new code.",
        "Programs that read mail block the signs by which a platform sees that a message was opened.",
    ),
}
NULLS = {
    "share": "codes that nobody asked for went to members who had voted as often as to others of their branch",
    "silent": "codes that nobody asked for went to any member of the branch still to vote, heard from before or not",
}


def nonvoter_targeting(
    marked: NDArray, chances: NDArray, *, form: Literal["share", "silent"], confidence_level: float, alpha: float, n_excluded: int,
    assumptions: tuple[Assumption, ...], details: dict,
) -> TestResult:  # fmt: skip
    """Count reissues that hit the mark, against the chance that each had of it at its own instant.

    Chasing members who have not voted is lawful and usual; what matters is what was done with the codes.

    Parameters
    ----------
    marked : array of bool (n,)
        Whether the member had not voted by then (`share`), or had not been heard from (`silent`).
    chances : array of float (n,)
        Share of the members of the same branch, at the same instant, who had the mark.

    Returns
    -------
    TestResult
        Statistic: reissues with the mark. Effect: their share less the mean chance; above 0 means aimed at the mark; exact
        interval of the share, the chances being known.

    Notes
    -----
    Null hypothesis: see `NULLS`. Exact: the count follows the Poisson-binomial law of the chances [1]_. Choices that
    depend on one another, such as a list worked down, make its spread larger than that.

    References
    ----------
    .. [1] Hong (2013), Comput. Statist. Data Anal. 59, 41-51.
    """
    n, count = marked.size, int(marked.sum())
    low, high = clopper_pearson(count, n, confidence_level)
    tail = pmf(chances)[::-1].cumsum()[::-1]
    seen = np.flatnonzero(tail <= alpha)
    return TestResult(
        method=METHOD, form=form, null_hypothesis=NULLS[form], alternative="greater",
        statistic=float(count), statistic_name="reissues that nobody asked for, to such members", pvalue=upper_tail(chances, count),
        effect=Estimate(
            name="share of them that went to such members, beyond the share of such members then", value=count / n - float(chances.mean()),
            low=low - float(chances.mean()), high=high - float(chances.mean()), confidence_level=confidence_level, unit="share",
        ),
        n_observations=n, n_excluded=n_excluded, assumptions=assumptions, innocent_explanations=EXPLANATIONS[form],
        references=("hong2013", "clopper1934"), parameters={"confidence_level": confidence_level},
        details={"expected": float(chances.sum()), "n": n, "smallest_visible": int(seen[0]) if seen.size else None} | details,
    )  # fmt: skip


def standing(case: Case) -> pl.DataFrame:
    """Tell when a member came to have a ballot that stands, and when no longer: ``voter_key, at, change`` (+1 or -1), by time."""
    rows = case.rows("ballot_events").filter(pl.col("event").is_in(IN + OUT)).drop_nulls(["voter_key", "at"])
    ordered = rows.sort("voter_key", "at", "event_id").with_columns(has=pl.col("event").is_in(IN).cast(pl.Int64))
    change = pl.col("has") - pl.col("has").shift(1, fill_value=0).over("voter_key")
    return ordered.select("voter_key", "at", change=change).filter(pl.col("change") != 0).sort("at", "voter_key")


def _had_ballot(rows: pl.DataFrame, changes: pl.DataFrame) -> pl.DataFrame:
    """Add ``voted``: whether a ballot of the member stood just before ``at``."""
    state = changes.select("voter_key", "at", voted=pl.col("change") > 0).sort("at")
    joined = rows.sort("at").join_asof(state, on="at", by="voter_key", allow_exact_matches=False, check_sortedness=False)
    return joined.with_columns(pl.col("voted").fill_null(False))


def targets(case: Case) -> tuple[pl.DataFrame, dict[str, int], bool]:
    """Give the first reissue that nobody asked for of each member, with the member's branch and whether a ballot stood.

    Returns
    -------
    rows : DataFrame
        ``voter_key, at, unit, voted``.
    left_out : dict
        Reissues by reason: ``asked_for``, ``unknown``, ``bounced`` (whose code came back cannot have voted with it), ``repeated``.
    to_voters : bool
        Whether reissues to members whose ballot stood are more than an exception.
    """
    known = _had_ballot(reissues(case).drop_nulls(["at", "voter_key"]), standing(case))
    bounced = (
        case.rows("credential_events")
        .filter(pl.col("event") == "bounced")
        .group_by("voter_key")
        .agg(bounced_at=pl.col("at").min())
    )
    roll = roll_in_force(case).select("voter_key", unit=pl.col("unit").fill_null(""))
    on_roll = known.join(roll, on="voter_key", how="inner").join(bounced, on="voter_key", how="left").sort("at", "event_id")
    is_known = pl.col("trigger").is_not_null() & (pl.col("trigger") != "unknown")
    asked = pl.col("trigger").is_in(REQUESTED)
    unasked = on_roll.filter(is_known & ~asked)
    live = unasked.filter((pl.col("bounced_at") > pl.col("at")).fill_null(True))
    first = live.unique("voter_key", keep="first", maintain_order=True)
    left_out = {
        "asked_for": on_roll.filter(is_known & asked).height, "unknown": on_roll.filter(~is_known).height + known.height - on_roll.height,
        "bounced": unasked.height - live.height, "repeated": live.height - first.height,
    }  # fmt: skip
    return first.select("voter_key", "at", "unit", "voted"), left_out, int(known["voted"].sum()) >= MIN_TO_VOTERS


def waiting_shares(case: Case, rows: pl.DataFrame) -> NDArray:
    """Share of the branch's members without a standing ballot just before each reissue."""
    roll = roll_in_force(case).select("voter_key", unit=pl.col("unit").fill_null(""))
    changes = standing(case).join(roll, on="voter_key").sort("at")
    sizes = dict(roll.group_by("unit").len().iter_rows())
    shares = np.ones(rows.height)
    for (unit,), own in rows.with_row_index("place").group_by("unit"):
        local = changes.filter(pl.col("unit") == unit)
        voted = np.concatenate([[0], local["change"].cum_sum().to_numpy()])
        before = np.searchsorted(local["at"].to_numpy(), own["at"].to_numpy(), side="left")
        shares[own["place"].to_numpy()] = 1 - voted[before] / sizes[unit]
    return shares


def first_signs(case: Case) -> pl.DataFrame | None:
    """When each member was first heard from: ``voter_key, heard_at``; null where no log tells whether messages were opened."""
    codes = case.rows("credential_events").drop_nulls(["voter_key", "at"])
    if not codes.filter(pl.col("event").is_in(OPENED)).height:
        return None
    own = codes.filter(pl.col("event").is_in(SIGNS)).select("voter_key", heard_at="at")
    asked = codes.filter(pl.col("trigger").is_in(ASKED)).select("voter_key", heard_at=pl.coalesce("request_at", "at"))
    edits = case.rows("contact_changes").filter(pl.col("actor_role") == "self").select("voter_key", heard_at="at")
    votes = case.rows("ballot_events").filter(pl.col("event").is_in(IN)).select("voter_key", heard_at="at")
    heard = pl.concat([own, asked, edits, votes]).drop_nulls()
    return heard.group_by("voter_key").agg(pl.col("heard_at").min()).sort("voter_key")


def silent_marks(case: Case, rows: pl.DataFrame, signs: pl.DataFrame) -> tuple[NDArray, NDArray]:
    """Whether each was unheard of just before the reissue, and the share unheard of among those of the branch still to vote."""
    votes = standing(case).filter(pl.col("change") > 0).group_by("voter_key").agg(voted_at=pl.col("at").min())
    roll = roll_in_force(case).select("voter_key", unit=pl.col("unit").fill_null(""))
    members = roll.join(signs, on="voter_key", how="left").join(votes, on="voter_key", how="left")
    far = np.iinfo(np.int64).max
    timed = members.with_columns(pl.col("heard_at", "voted_at").dt.epoch("us").fill_null(far))
    marked, chances = np.zeros(rows.height, bool), np.zeros(rows.height)
    for (unit,), own in rows.with_row_index("place").join(signs, on="voter_key", how="left").group_by("unit"):
        local = timed.filter(pl.col("unit") == unit)
        heard, voted = local["heard_at"].to_numpy(), local["voted_at"].to_numpy()
        at, place = own["at"].dt.epoch("us").to_numpy(), own["place"].to_numpy()
        marked[place] = own["heard_at"].dt.epoch("us").fill_null(far).to_numpy() >= at
        chances[place] = [np.mean(heard[voted >= instant] >= instant) for instant in at]
    return marked, chances


def _aimed(case: Case) -> TestResult | NotAnswerable:
    """Form `share` where voters can be reissued, else form `silent`."""
    if missing := case.missing(NEEDS):
        return NotAnswerable(
            method=METHOD, form="share", reason="Reissues, ballots and the roll can't be joined on a member's key.", needs=missing
        )
    rows, left_out, to_voters = targets(case)
    if rows.height < MIN_REISSUES:
        reason = f"Members on the roll who were sent a new code that nobody asked for, and whose first one had not come back: {rows.height}; {MIN_REISSUES} are needed."
        return NotAnswerable(
            method=METHOD, form="share", reason=reason, needs=("credential_events.trigger", "credential_events.voter_key")
        )
    plan, details = case.plan, {"left_out": left_out}
    common = {
        "confidence_level": plan.confidence_level, "alpha": plan.alpha, "n_excluded": sum(left_out.values()), "details": details,
    }  # fmt: skip
    noted = Assumption(
        statement="Requests were noted.", status=Status.UNTESTED,
        evidence="A member who asked by word of mouth looks like one who was picked out, and those who ask have not voted.",
    )  # fmt: skip
    if to_voters:
        return nonvoter_targeting(
            (~rows["voted"]).to_numpy(), waiting_shares(case, rows), form="share", assumptions=(noted,), **common
        )
    signs = first_signs(case)
    if signs is None:
        reason = (
            f"Fewer than {MIN_TO_VOTERS} new codes went to members whose ballot stood, so that it is an exception or refused; and no log tells who "
            "opened a message or looked at the voting page, by which those never heard from could be told."
        )
        return NotAnswerable(method=METHOD, form="silent", reason=reason, needs=("credential_events.event",))
    live = rows.filter(~pl.col("voted"))
    marked, chances = silent_marks(case, live, signs)
    seen = Assumption(
        statement="Every opened message was seen by the platform.", status=Status.UNTESTED,
        evidence="Many mail programs hide it; that is no matter as long as it has nothing to do with who was sent a code.",
    )  # fmt: skip
    return nonvoter_targeting(marked, chances, form="silent", assumptions=(noted, seen), **common)


def answer(case: Case) -> tuple[Result, ...]:
    """Answer for one contest of a package: aimed at those still to vote or never heard from; and work after the list was viewed."""
    return _aimed(case), after_view(case)

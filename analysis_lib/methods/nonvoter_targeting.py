"""Were reissues aimed at members who had not voted, or made right after the list of them was viewed?"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from analysis_lib.case import Case
from analysis_lib.methods.members import roll_in_force
from analysis_lib.methods.reissue_rates import REQUESTED, reissues
from analysis_lib.methods.sittings import from_few_sittings, numbered
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
MIN_TO_VOTERS = 5  # unasked codes to them; with fewer, officers see who has voted, and every innocent contest would stand out
LIKE_THIS = "when a list of those still to vote was worked down as the rules provide"
FAR = np.iinfo(np.int64).max
IN, OUT = ("cast", "recast", "entered_by_officer", "imported", "reinstated", "released"), ("voided", "rejected", "quarantined")
SENT = ("issued", "reissued_new")
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
    "share": "codes that nobody asked for went to members who had voted as often as to others of their branch with a code",
    "silent": "codes that nobody asked for went to any member of the branch with a code and still to vote, heard from before or not",
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
        Share with the mark among the members of the branch who could have been sent one at that instant (`members_at_risk`).

    Returns
    -------
    TestResult
        Statistic: reissues with the mark. Effect: their share less the mean chance; above 0 means aimed at the mark; exact
        interval of the share, the chances being known.

    Notes
    -----
    Null hypothesis: see `NULLS`. Exact: the count follows the Poisson-binomial law of the chances [1]_. Choices that
    depend on one another, such as a list worked down, make its spread larger than that; so what stands out is asked again
    without the fullest sitting and with the first code of each of the others.

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


def members_at_risk(case: Case) -> pl.DataFrame:
    """Tell until when each member could have been sent a first reissue without a cause.

    That ends with the member's first reissue of any kind, and before anything that is a cause for one: a message that came
    back, an address mended since it had died, a ballot taken out. Who was never sent a code, having chosen the hall, say,
    can't be sent another; that is known where first sendings to most of the voters are on record.

    Returns
    -------
    DataFrame
        ``voter_key, unit, voted, reissued, caused, until``: microseconds (UTC), `FAR` where it never came; sorted by voter.
    """
    codes = case.rows("credential_events").drop_nulls(["voter_key", "at"])
    ballots = case.rows("ballot_events").drop_nulls(["voter_key", "at"])
    mended = case.rows("contact_changes").filter(pl.col("request_evidence") == "bounce_logged")
    came_back, taken_out = codes.filter(pl.col("event") == "bounced"), ballots.filter(pl.col("event").is_in(OUT))
    firsts = {
        "voted": ballots.filter(pl.col("event").is_in(IN)),
        "reissued": codes.filter(pl.col("event") == "reissued_new"),
        "caused": pl.concat([rows.select("voter_key", "at") for rows in (came_back, taken_out, mended)]),
    }
    members = roll_in_force(case).select("voter_key", pl.col("unit").fill_null(""))
    was_sent = firsts["voted"]["voter_key"].unique().is_in(codes.filter(pl.col("event") == "issued")["voter_key"].implode())
    if was_sent.sum() * 2 > was_sent.len():
        members = members.join(codes.filter(pl.col("event").is_in(SENT)), on="voter_key", how="semi")
    for name, rows in firsts.items():
        first = rows.group_by("voter_key").agg(pl.col("at").min().dt.epoch("us").alias(name))
        members = members.join(first, on="voter_key", how="left").with_columns(pl.col(name).fill_null(FAR))
    return members.sort("voter_key").with_columns(until=pl.min_horizontal("reissued", pl.col("caused") - 1))


def targets(case: Case, members: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
    """Give each member's first reissue, where it has no cause on record, with the member's branch and whether a ballot stood.

    Returns
    -------
    rows : DataFrame
        ``voter_key, at`` (microseconds, UTC), ``unit, voted``, ``sitting`` (`sittings.numbered`; the program is one hand).
    left_out : dict
        Reissues by reason: ``asked_for``, ``unknown``, ``bounced`` (with another cause; whose code came back cannot have voted
        with it), ``repeated``.
    """
    known = reissues(case).drop_nulls(["at", "voter_key"])
    one_hand = known.with_columns(actor_role=pl.col("actor_role").cast(pl.String).replace("system", "program"))
    known = known.with_columns(pl.col("at").dt.epoch("us"), sitting=numbered(one_hand))
    on_roll = known.join(members, on="voter_key", how="inner").sort("at", "event_id")
    is_known = pl.col("trigger").is_not_null() & (pl.col("trigger") != "unknown")
    asked, is_first = pl.col("trigger").is_in(REQUESTED), pl.col("at") == pl.col("reissued")
    unasked = on_roll.filter(is_known & ~asked)
    live = unasked.filter(pl.col("at") < pl.col("caused"))
    first = live.filter(is_first).unique("voter_key", keep="first", maintain_order=True)
    left_out = {
        "asked_for": on_roll.filter(is_known & asked).height, "unknown": on_roll.filter(~is_known).height + known.height - on_roll.height,
        "bounced": unasked.height - live.height, "repeated": live.height - first.height,
    }  # fmt: skip
    return first.select("voter_key", "at", "unit", "sitting", voted=pl.col("voted") < pl.col("at")), left_out


def shares(rows: pl.DataFrame, members: pl.DataFrame, at_risk: str, marked: str) -> NDArray:
    """Share with the mark among the branch's members at risk just before each reissue: of those `at_risk` by then, those `marked`.

    Both are columns of microseconds, up to which a member is at risk and, of those, has the mark.
    """
    found = np.ones(rows.height)
    for (unit,), own in rows.with_row_index("place").group_by("unit"):
        local, at = members.filter(pl.col("unit") == unit), own["at"].to_numpy()
        n, n_marked = (local.height - np.searchsorted(np.sort(local[name].to_numpy()), at) for name in (at_risk, marked))
        found[own["place"].to_numpy()] = n_marked / n
    return found


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


def _aimed(case: Case) -> TestResult | NotAnswerable:
    """Form `share` where voters can be reissued, else form `silent`."""
    if missing := case.missing(NEEDS):
        return NotAnswerable(
            method=METHOD, form="share", reason="Reissues, ballots and the roll can't be joined on a member's key.", needs=missing
        )
    members = members_at_risk(case)
    rows, left_out = targets(case, members)
    if rows.height < MIN_REISSUES:
        reason = f"Members on the roll who were sent a new code that nobody asked for, and whose first one had not come back: {rows.height}; {MIN_REISSUES} are needed."
        return NotAnswerable(
            method=METHOD, form="share", reason=reason, needs=("credential_events.trigger", "credential_events.voter_key")
        )
    plan, details = case.plan, {"left_out": left_out}
    common = {
        "confidence_level": plan.confidence_level, "alpha": plan.alpha, "n_excluded": sum(left_out.values()), "details": details,
    }  # fmt: skip
    if int(rows["voted"].sum()) >= MIN_TO_VOTERS:
        dated = members.with_columns(waiting=pl.min_horizontal("voted", "until"))
        chances = shares(rows, dated, "until", "waiting")
        return _in_few_sittings(rows, (~rows["voted"]).to_numpy(), chances, form="share", assumptions=(_noted(case),), **common)
    signs = first_signs(case)
    if signs is None:
        reason = (
            f"Of {rows.height:,} new codes that nobody asked for, {int(rows['voted'].sum()):,} went to members whose ballot stood, as where officers see "
            "who has voted; and no log tells who opened a message or looked at the voting page, by which those never heard from could be told."
        )
        return NotAnswerable(method=METHOD, form="silent", reason=reason, needs=("credential_events.event",))
    heard = members.join(signs, on="voter_key", how="left").with_columns(pl.col("heard_at").dt.epoch("us").fill_null(FAR))
    dated = heard.with_columns(waiting=pl.min_horizontal("voted", "until")).with_columns(
        silent=pl.min_horizontal("waiting", "heard_at")
    )
    live = rows.filter(~pl.col("voted")).join(heard.select("voter_key", "heard_at"), on="voter_key", maintain_order="left")
    marked = (live["heard_at"] >= live["at"]).to_numpy()
    seen = Assumption(
        statement="Every opened message was seen by the platform.", status=Status.UNTESTED,
        evidence="Many mail programs hide it; that is no matter as long as it has nothing to do with who was sent a code.",
    )  # fmt: skip
    return _in_few_sittings(
        live, marked, shares(live, dated, "waiting", "silent"), form="silent", assumptions=(_noted(case), seen), **common
    )


def _in_few_sittings(
    rows: pl.DataFrame, marked: NDArray, chances: NDArray, *, alpha: float, assumptions: tuple[Assumption, ...], details: dict, **more: Any
) -> TestResult:  # fmt: skip
    """Ask again without the fullest sitting, with the first code of each of the others: a list worked down is one choice."""

    def again(keep: NDArray, sitting: NDArray) -> float:
        _, first = np.unique(np.where(keep, sitting, -1), return_index=True)
        first = first[keep[first]]
        return upper_tail(chances[first], int(marked[first].sum()))

    told = rows.select("sitting", unrequested=pl.lit(True))
    few, sittings = from_few_sittings(told, upper_tail(chances, int(marked.sum())), alpha, again, LIKE_THIS)
    return nonvoter_targeting(
        marked, chances, alpha=alpha, assumptions=(*assumptions, few), details=details | {"sittings": sittings}, **more
    )


def _noted(case: Case) -> Assumption:
    """Whether requests were noted: where not one is on record, a member who asked by word of mouth can't be told from the rest."""
    asked = reissues(case).filter(pl.col("trigger").is_in(ASKED) | pl.col("request_at").is_not_null()).height
    told = "A member who asked by word of mouth looks like one who was picked out, and those who ask have not voted."
    return Assumption(
        statement="Requests were noted.", status=Status.UNTESTED if asked else Status.FAILS,
        evidence=told if asked else f"Not one request is on record. {told} A list of calls and e-mails to the office would settle it.",
    )  # fmt: skip


def answer(case: Case) -> tuple[Result, ...]:
    """Answer for one contest of a package: aimed at those still to vote or never heard from; and work after the list was viewed."""
    return _aimed(case), after_view(case)

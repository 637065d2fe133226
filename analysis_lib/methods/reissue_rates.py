"""Were credentials reissued unusually often in some branch, or without a request by some administrator?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Literal

import numpy as np
import polars as pl

from analysis_lib.case import Case
from analysis_lib.methods.administrators import labels, told_role
from analysis_lib.methods.members import roll_in_force
from analysis_lib.methods.unit_rates import SMALLEST, too_small
from analysis_lib.results import Assumption, Estimate, NotAnswerable, Result, Status, TestResult
from analysis_lib.stats.multiplicity import benjamini_hochberg, benjamini_yekutieli, holm
from analysis_lib.stats.predictive_rates import funnel_limit, hypergeometric_tails, predictive_tails, ratio_interval

MIN_UNITS = 8  # fewer do not show how much units differ, so the tail falls back on the hypergeometric
REQUESTED = ("member_request", "self_service", "bounce_fix", "reminder", "bulk_issue", "system")
REQUEST_LEAD = timedelta(minutes=30)  # a code sent so soon after a change of contact belongs to it
EXPLANATIONS = {
    "branch": (
        "One list was uploaded with misspelt addresses, so one branch's letters bounced.",
        "A branch has older e-mail addresses, or a spam filter that its members share.",
        "Reissue requests open late and cluster after a reminder.",
        "One officer looks after one branch and answers requests promptly.",
    ),
    "administrator": (
        "One officer handles a kind of case (bounces, new members) that brings no written request.",
        "Requests come by telephone and are not logged.",
        "One officer was asked to work through a list of undelivered codes.",
    ),
}
REFERENCES = {
    "benjamini_hochberg": ("benjamini1995",),
    "benjamini_yekutieli": ("benjamini2001",),
    "holm": ("holm1979",),
}
KINDS = ("reissued_new", "resent_same", "destination_changed")  # counted apart; the first alone is tested
FEW = {
    "branch": "Fewer than two branches that are large enough to be told apart, or no reissue at all, are on record.",
    "administrator": "Fewer than two administrators, or no reissue without a logged request, are on record.",
}
NULLS = {
    "branch": "every branch's reissue rate is drawn from the same spread that the other branches show",
    "administrator": "reissues without a logged request fall on administrators in proportion to all the reissues they handled",
}


def reissue_rates(
    units: pl.DataFrame, *, by: Literal["branch", "administrator"], confidence_level: float, overlap: bool = False
) -> TestResult:
    """Compare each unit's rate with what the other units show, allowing units to differ.

    A high rate is a reason to ask how reissues were handled there, no more.

    Parameters
    ----------
    units : DataFrame
        ``unit``, ``events`` (integer), ``size`` (integer, above 0); one row per unit, at least 2.
    by : {'branch', 'administrator'}
        What a unit is: members with a reissue among members on the roll, or reissues without a
        logged request among reissues handled.
    overlap : bool
        Whether some administrator made reissues of several units: their rates may then go up and down together.

    Returns
    -------
    TestResult
        Statistic: events in the unit with the smallest p-value. Effect: its rate over the pooled rate
        of the others, with Koopman's score interval, for which both are estimates; infinite where the
        others have none. p-value: of the whole list of units, i.e. the smallest after Benjamini-Hochberg
        (branches: Simes' test; where units overlap, Benjamini-Yekutieli, which holds however they hang
        together) or Holm (administrators).

    Notes
    -----
    Null hypothesis: see `NULLS`. With 8 units or more: leave-one-out predictive beta-binomial,
    calibrated by simulation. With fewer: exact hypergeometric against the rest, discrete and
    therefore below the nominal rate; no spread between units can be allowed for.
    """
    units = units.sort("unit")
    events, sizes = units["events"].to_numpy(), units["size"].to_numpy()
    spread_known = units.height >= MIN_UNITS
    pvalues = predictive_tails(events, sizes) if spread_known else hypergeometric_tails(events, sizes)
    adjust = holm if by == "administrator" else benjamini_yekutieli if overlap else benjamini_hochberg
    adjusted = adjust(pvalues)
    top = int(np.lexsort((np.arange(pvalues.size), pvalues))[0])
    pooled = int(events.sum())
    k, n, others, others_n = int(events[top]), int(sizes[top]), int(pooled - events[top]), int(sizes.sum() - sizes[top])
    low, high = ratio_interval(k, n, others, others_n, confidence_level)
    value = (k / n) / (others / others_n) if others else np.inf
    return TestResult(
        method="reissue_rates", form=by, null_hypothesis=NULLS[by], alternative="greater",
        statistic=float(events[top]), statistic_name=f"reissues in the {by} that stands out most",
        pvalue=float(adjusted.min()),
        effect=Estimate(
            name="rate over that of the others", value=float(value), low=float(low), high=float(high),
            confidence_level=confidence_level, unit="ratio",
        ),
        n_observations=int(sizes.sum()), n_excluded=0,
        assumptions=(
            Assumption(
                statement="Units differ no more than the others do among themselves.",
                status=Status.UNTESTED if spread_known else Status.FAILS,
                evidence=f"{units.height} units; the spread is learnt from the others."
                if spread_known
                else f"Only {units.height} units: no spread between them could be allowed for, so a busy unit stands out too easily.",
            ),
        ),
        innocent_explanations=EXPLANATIONS[by],
        references=(*REFERENCES[adjust.__name__], "spiegelhalter2005", "koopman1984"),
        parameters={"by": by, "confidence_level": confidence_level},
        details={
            "pooled_rate": pooled / int(sizes.sum()), "n_units": units.height, "spread_allowed_for": spread_known,
            "adjusted_by": adjust.__name__,
            "units": [
                {"unit": u, "events": int(k), "size": int(n), "pvalue": float(p), "pvalue_adjusted": float(q)}
                for u, k, n, p, q in zip(units["unit"], events, sizes, pvalues, adjusted, strict=True)
            ],
        },
    )  # fmt: skip


def funnel(result: TestResult, probabilities: tuple[float, ...] = (0.001, 0.025, 0.975, 0.999)) -> pl.DataFrame:
    """Give the funnel's limits over the range of unit sizes: ``size, probability, limit``. For display only."""
    rate, sizes = result.details["pooled_rate"], [unit["size"] for unit in result.details["units"]]
    grid = np.unique(np.linspace(max(1, min(sizes) // 2), int(max(sizes) * 1.1) + 1, 60).astype(int))
    rows = [{"size": int(n), "probability": p, "limit": funnel_limit(int(n), rate, p)} for p in probabilities for n in grid]
    return pl.DataFrame(rows)


def branch_units(case: Case) -> pl.DataFrame:
    """Members on the roll in force and, of those, members with a new credential, by branch; branches under `min_cell` together.

    Small branches are one unit named "branches of fewer than 10"; where these are fewer than two, or than 10 members in all, the
    next larger ones join them, and it is named SMALLEST.
    """
    roll = roll_in_force(case).filter("eligible").drop_nulls("unit")
    reissued = reissues(case).select("voter_key").unique().with_columns(hit=pl.lit(1))
    joined = roll.join(reissued, on="voter_key", how="left", maintain_order="left")
    counts = joined.group_by("unit").agg(events=pl.col("hit").sum().cast(pl.Int64), size=pl.len().cast(pl.Int64))
    return without_small(counts, case.package.min_cell)


def without_small(units: pl.DataFrame, min_cell: int) -> pl.DataFrame:
    """Join units of fewer than `min_cell` members into one, so that no small unit is named or tested by itself (`too_small`)."""
    joined = too_small(units, min_cell)
    is_joined, sizes = pl.col("unit").is_in(joined), units.filter(pl.col("unit").is_in(joined))["size"]
    all_small = f"branches of fewer than {min_cell}" if len(joined) > 1 else f"a branch of fewer than {min_cell}"
    name = all_small if sizes.len() and (sizes < min_cell).all() else SMALLEST
    renamed = units.with_columns(unit=pl.when(is_joined).then(pl.lit(name)).otherwise("unit"))
    return renamed.group_by("unit").agg(pl.col("events", "size").sum()).sort("unit")


def branches_overlap(case: Case) -> bool:
    """Whether reissues of several branches were made by one administrator, or by nobody who is on record."""
    units = roll_in_force(case).drop_nulls("unit").select("voter_key", "unit")
    made = reissues(case).drop_nulls("voter_key").join(units, on="voter_key").select("actor_key", "actor_role", "unit")
    by_staff = made.filter(~pl.col("actor_role").is_in(("self", "system")).fill_null(False))
    if by_staff["actor_key"].null_count():
        return by_staff["unit"].n_unique() > 1
    return bool((by_staff.group_by("actor_key").agg(n=pl.col("unit").n_unique())["n"] > 1).any())


def administrator_units(case: Case) -> pl.DataFrame:
    """Reissues handled and, of those, reissues without a logged request, by administrator (labelled, never by key)."""
    rows = reissues(case).filter(pl.col("trigger").is_not_null() & (pl.col("trigger") != "unknown"))
    named = rows.with_columns(unit=pl.col("actor_key").replace_strict(labels(case), default=None, return_dtype=pl.String))
    counts = named.drop_nulls("unit").group_by("unit").agg(
        events=(~pl.col("trigger").is_in(REQUESTED)).sum().cast(pl.Int64), size=pl.len().cast(pl.Int64)
    )  # fmt: skip
    return counts.sort("unit")


def reissues_by_trigger(case: Case) -> pl.DataFrame:
    """Count new codes, codes sent again and codes sent elsewhere, each apart: ``trigger, actor_role`` and one column per kind."""
    rows = case.rows("credential_events").filter(pl.col("event").is_in(KINDS))
    known = rows.with_columns(told_role(case), pl.col("trigger").cast(pl.String)).with_columns(
        pl.col("trigger", "actor_role").fill_null("unknown")
    )
    counts = known.group_by("trigger", "actor_role").agg(
        (pl.col("event") == kind).sum().cast(pl.Int64).alias(kind) for kind in KINDS
    )
    return counts.sort(*KINDS, "trigger", "actor_role", descending=[True, True, True, False, False])


def reissues(case: Case) -> pl.DataFrame:
    """Events by which a member got a new credential, in time order; ``trigger`` as `with_requests` tells it."""
    return with_requests(case, new_codes(case))


def new_codes(case: Case) -> pl.DataFrame:
    """Events by which a member got a new credential, in time order and as the log has them."""
    return case.rows("credential_events").filter(pl.col("event") == "reissued_new").sort("at", "event_id")


def with_requests(case: Case, codes: pl.DataFrame) -> pl.DataFrame:
    """Take a code for asked for where another entry than its trigger has the request on record; sorted by time.

    That is the time of a request in its own row, or a change of the member's e-mail address or telephone within `REQUEST_LEAD`
    before it, which the member made or is on record as asking for. A platform logs such a code as the office's own act.
    """
    edits = case.rows("contact_changes").filter(pl.col("field").is_in(("email", "phone")))
    own = (pl.col("request_evidence") == "member_request_logged") | (pl.col("actor_role") == "self")
    asked = edits.filter(own).select("voter_key", "at", asked_at="at").drop_nulls().sort("at")
    rows = codes.sort("at", "event_id")
    near = rows.join_asof(asked, on="at", by="voter_key", tolerance=REQUEST_LEAD, check_sortedness=False)
    on_record = (pl.col("asked_at").is_not_null() | pl.col("request_at").is_not_null()) & ~pl.col("trigger").is_in(
        REQUESTED
    ).fill_null(False)
    request = pl.lit("member_request").cast(codes.schema["trigger"])
    told = near.with_columns(trigger=pl.when(on_record).then(request).otherwise("trigger")).select(codes.columns)
    return told.sort("at", "event_id")


def _left_out(case: Case, by: str, units: pl.DataFrame) -> int:
    """Members without a branch and reissued members who aren't on the roll; or reissues without administrator or cause."""
    if by == "administrator":
        return reissues(case).height - int(units["size"].sum())
    entitled = roll_in_force(case).filter("eligible")
    strangers = reissues(case).select("voter_key").drop_nulls().unique().join(entitled, on="voter_key", how="anti")
    return entitled["unit"].null_count() + strangers.height


def answer(case: Case) -> tuple[Result, ...]:
    """Answer for one contest of a package: by branch, and by administrator."""
    found: list[Result] = []
    for by, needs, make in (
        ("branch", ("credential_events.event", "credential_events.voter_key", "roll.unit"), branch_units),
        (
            "administrator",
            ("credential_events.event", "credential_events.actor_key", "credential_events.trigger"),
            administrator_units,
        ),
    ):
        missing = case.missing(needs)
        units = pl.DataFrame() if missing else make(case)
        if missing or units.height < 2 or not units["events"].sum():
            reason = "Some columns are not held." if missing else FEW[by]
            found.append(NotAnswerable(method="reissue_rates", form=by, reason=reason, needs=missing or needs))
        else:
            overlap = by == "branch" and branches_overlap(case)
            result = reissue_rates(units, by=by, confidence_level=case.plan.confidence_level, overlap=overlap)
            found.append(replace(result, n_excluded=_left_out(case, by, units)))
    return tuple(found)

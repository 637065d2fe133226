"""Rules that every cast ballot and every credential keeps, row by row. Shared by record_rules."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from analysis_lib.case import Case
from analysis_lib.methods.instants import STAMP, possibly_before, stamped, surely_before
from analysis_lib.methods.members import roll_in_force

COUNTED = ("cast", "recast", "entered_by_officer", "imported")
UNDONE = ("superseded", "voided", "rejected", "excluded_from_count", "quarantined")
ISSUED = ("issued", "reissued_new", "printed", "resent_same")
ASKED_FOR = ("member_request", "self_service")
REPLACING = ("last_counts", "first_counts", "paper_overrides_online")
ROW = ("source_id", "source_row", "at")
NO_ROWS = pl.DataFrame(schema={"source_id": pl.String, "source_row": pl.Int64, "at": pl.Datetime("us", "UTC")})


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """How many rows a rule was held against, which break it for certain, and how many perhaps; `looked` is null where it can't be asked."""

    looked: int | None
    broken: pl.DataFrame = field(default_factory=lambda: NO_ROWS)
    undetermined: int = 0


NOT_ASKED = Looked(looked=None)


def looked_at(rows: pl.DataFrame, breaks: pl.Expr, perhaps: pl.Expr | None = None) -> Looked:
    """Hold a rule against every row: `breaks` for certain, `perhaps` under some reading."""
    if not rows.height:
        return NOT_ASKED
    judged = rows.with_columns(
        breaks=breaks.fill_null(False), perhaps=(pl.lit(False) if perhaps is None else perhaps).fill_null(False)
    )
    return Looked(
        looked=rows.height,
        broken=judged.filter("breaks").select(ROW),
        undetermined=judged.filter(~pl.col("breaks") & pl.col("perhaps")).height,
    )


def casts(case: Case) -> pl.DataFrame:
    """Events that bring a ballot in, with the instants that their clocks allow."""
    return stamped(case.rows("ballot_events").filter(pl.col("event").is_in(COUNTED)), case)


def on_the_roll(case: Case) -> Looked:
    """V01: cast only by a voter on the roll in force, or let in by a change of the roll.

    Who stands on it as not entitled breaks the rule only if entitlement was settled with that copy; tested
    at the cast or the count, or at a time not known, it is undetermined.
    """
    roll, own = roll_in_force(case), casts(case).drop_nulls("voter_key")
    if not roll.height:
        return NOT_ASKED
    changes = case.rows("roll_changes")
    let_in = changes.filter(~pl.col("change").is_in(("removed", "transferred_out")))
    keys = pl.concat([let_in.select("voter_key"), let_in.select(voter_key="other_voter_key")])["voter_key"].unique().drop_nulls()
    entry = own.join(roll.select("voter_key", "eligible"), on="voter_key", how="left", maintain_order="left")
    is_let_in = pl.col("voter_key").is_in(keys.to_list())
    is_missing, is_barred = pl.col("eligible").is_null(), ~pl.col("eligible").fill_null(True)
    is_settled = pl.lit(case.contest["eligibility_tested_at"] in ("freeze", "issue"))
    return looked_at(entry, (is_missing | is_barred & is_settled) & ~is_let_in, is_barred)


def _first(rows: pl.DataFrame, key: str) -> pl.DataFrame:
    return rows.drop_nulls([key, "at"]).sort("at", "event_id").unique(key, keep="first", maintain_order=True).select(key, *STAMP)


def after_first_issue(case: Case) -> Looked:
    """V02: cast not before the first issue of that credential; where it isn't named, of the voter's first one."""
    issues = stamped(case.rows("credential_events").filter(pl.col("event").is_in(ISSUED)), case)
    own = casts(case).drop_nulls("at")
    by_code = own.join(_first(issues, "credential_id"), on="credential_id", suffix="_of_right")
    rest = own.join(by_code.select("event_id"), on="event_id", how="anti")
    pairs = pl.concat([by_code, rest.join(_first(issues, "voter_key"), on="voter_key", suffix="_of_right")])
    return looked_at(pairs.sort("at", "event_id"), surely_before(), possibly_before())


def live_credential(case: Case) -> Looked:
    """V04: no credential is used after it was revoked, or after another took its place and ended it."""
    events = stamped(case.rows("credential_events"), case)
    used = events.filter(pl.col("event") == "used").select("event_id", "credential_id", "source_id", "source_row", *STAMP)
    uses = pl.concat([used, casts(case).select(used.columns)]).drop_nulls(["credential_id", "at"])
    replaced = events.filter(pl.col("old_credential_killed")).with_columns(credential_id="replaces_credential_id")
    ends = _first(pl.concat([events.filter(pl.col("event") == "revoked"), replaced]), "credential_id")
    if not ends.height:
        return NOT_ASKED
    pairs = uses.join(ends, on="credential_id", how="left", suffix="_of_right", maintain_order="left")
    ended = pl.col("at_of_right").is_not_null()
    return looked_at(pairs, ended & surely_before("_of_right", ""), ended & possibly_before("_of_right", ""))


def one_ballot_each(case: Case) -> Looked:
    """V05: at most one ballot of a voter stands.

    Where the log says which is current, those are counted; else ballots less those superseded, voided or
    rejected. Where one ballot may replace another and the log marks none, more than one is undetermined.
    """
    events, policy = case.rows("ballot_events").drop_nulls("voter_key"), case.contest["revote_policy"]
    cast = events.filter(pl.col("event").is_in(COUNTED)).sort("at", "event_id")
    undone = events.filter(pl.col("event").is_in(UNDONE)).group_by("voter_key").len("undone")
    marked = pl.col("is_current").is_not_null().all().over("voter_key")
    voters = cast.with_columns(marked=marked, current=pl.col("is_current").fill_null(True)).join(
        undone, on="voter_key", how="left"
    )
    standing = pl.when("marked").then(pl.col("current").sum().over("voter_key")).otherwise(
        pl.len().over("voter_key") - pl.col("undone").fill_null(0)
    )  # fmt: skip
    last = voters.with_columns(standing=standing.cast(pl.Int64)).unique("voter_key", keep="last", maintain_order=True)
    several = pl.col("standing") > 1
    certain = pl.col("marked") | pl.lit(policy == "none")
    return looked_at(last, several & certain, several)


def no_reissue_after_voting(case: Case) -> Looked:
    """V06: no new credential to a voter whose ballot stands, unless it was asked for; where votes may be replaced it is undetermined."""
    reissued = case.rows("credential_events").filter(pl.col("event") == "reissued_new").drop_nulls(["voter_key", "at"])
    first = _first(casts(case).filter(pl.col("is_current").fill_null(True)), "voter_key")
    policy = case.contest["revote_policy"]
    if policy in REPLACING or not first.height:
        return NOT_ASKED
    pairs = stamped(reissued, case).join(first, on="voter_key", how="left", suffix="_of_right", maintain_order="left")
    unasked = ~pl.col("trigger").is_in(ASKED_FOR).fill_null(False) & pl.col("request_at").is_null()
    voted = pl.col("at_of_right").is_not_null() & unasked
    return looked_at(
        pairs, voted & surely_before("_of_right", "") & pl.lit(policy == "none"), voted & possibly_before("_of_right", "")
    )


def ballots_and_casts(case: Case) -> Looked:
    """V10: every ballot id once among the events that bring one in; no ballot without such an event and none of them without a ballot."""
    cast = case.rows("ballot_events").filter(pl.col("event").is_in(COUNTED)).drop_nulls("ballot_id").sort("at", "event_id")
    papers = (
        case.rows("ballot_choices")
        .unique("ballot_id", keep="first", maintain_order=True)
        .with_columns(at=pl.lit(None, cast["at"].dtype))
    )
    doubled = cast.filter(pl.col("ballot_id").cum_count().over("ballot_id") > 1)
    broken = [doubled.select(ROW)]
    if cast.height and papers.height:
        broken += [
            papers.join(cast, on="ballot_id", how="anti").select(ROW),
            cast.join(papers, on="ballot_id", how="anti").select(ROW),
        ]
    if not cast.height:
        return NOT_ASKED
    return Looked(looked=cast.height + papers.height, broken=pl.concat(broken))

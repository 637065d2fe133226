"""What happened to each credential, in order, and how it ended. Shared by the questions on credentials."""

from __future__ import annotations

import polars as pl

from analysis_lib.case import Case
from analysis_lib.methods.administrators import told_role
from analysis_lib.methods.ballot_kinds import CAST
from analysis_lib.methods.reissue_rates import REQUESTED, reissues
from analysis_lib.methods.rules_of_voting import BY_CODE, ISSUED

KINDS = (
    "issued", "printed", "queued", "delivered", "bounced", "opened", "clicked", "resent_same", "reissued_new", "destination_changed",
    "surfaced", "login_ok", "login_failed", "used", "ballot", "revoked", "expired",
)  # fmt: skip
FATES = ("voted with", "ended", "came back", "opened", "sent", "not sent")
NEAR_S = 86_400  # what else is drawn of a member's story, before and after the reissue
MOST_STRIPS = 40


def entries(case: Case) -> pl.DataFrame:
    """Give every event of a credential, and every ballot given with one, in time order; kinds are never lumped.

    Returns
    -------
    DataFrame
        ``life`` (the credential; where it isn't named, the voter's; null: neither is known), ``kind`` (one of `KINDS`),
        ``at`` (UTC), ``role``, ``trigger`` ("unknown" where not told), ``clock_id``, ``event_id``.
    """
    events = case.rows("credential_events").with_columns(kind=pl.col("event").cast(pl.String))
    ballots = case.rows("ballot_events").filter(pl.col("event").is_in(CAST) & pl.col("channel").is_in(BY_CODE))
    issues = events.filter(pl.col("event").is_in(ISSUED)).drop_nulls(["voter_key", "credential_id", "at"])
    named = _named(ballots, issues.sort("at", "event_id"))
    parts = [
        events.select("credential_id", "voter_key", "kind", "at", "clock_id", "event_id", role="actor_role", trigger="trigger"),
        named.select("credential_id", "voter_key", "at", "clock_id", "event_id", kind=pl.lit("ballot"), role=pl.lit("self"), trigger=pl.lit(None)),
    ]  # fmt: skip
    columns = ("credential_id", "voter_key", "kind", "at", "clock_id", "event_id", "role", "trigger")
    both = pl.concat([part.select(columns).with_columns(pl.col("role", "trigger").cast(pl.String)) for part in parts])
    return both.select(
        life_of(), "kind", "at", pl.col("role", "trigger").fill_null("unknown"), "clock_id", "event_id"
    ).sort("at", "event_id", nulls_last=True)  # fmt: skip


def life_of() -> pl.Expr:
    """Name the credential that a row belongs to; the voter's, where none is named."""
    return pl.coalesce("credential_id", pl.format("of {}", "voter_key")).alias("life")


def _named(ballots: pl.DataFrame, issues: pl.DataFrame) -> pl.DataFrame:
    """Give a ballot that names no credential the one its voter was sent last before it."""
    rows = ballots.sort("at", "event_id")
    timed = rows.filter(pl.col("at").is_not_null() & pl.col("voter_key").is_not_null())
    last = timed.join_asof(
        issues.select("voter_key", "at", last="credential_id"), on="at", by="voter_key", strategy="backward", check_sortedness=False
    ).select("event_id", "last")  # fmt: skip
    return rows.join(last, on="event_id", how="left").with_columns(credential_id=pl.coalesce("credential_id", "last"))


def by_kind(case: Case, *more: str) -> pl.DataFrame:
    """Count events and credentials by kind and by other columns of `entries`: ``kind, ..., n, credentials``."""
    told = entries(case).with_columns(told_role(case, "role"))
    counts = told.group_by("kind", *more).agg(n=pl.len().cast(pl.Int64), credentials=pl.col("life").drop_nulls().n_unique())
    order = pl.col("kind").replace_strict({kind: i for i, kind in enumerate(KINDS)}, default=len(KINDS), return_dtype=pl.Int64)
    return counts.sort(order, pl.col("n").neg(), *more)


def fates(case: Case) -> pl.DataFrame:
    """Say how each credential ended, and count: ``fate, n``; the first that fits, in the order of `FATES`.

    A code ended if it was revoked, expired, or made void by another in its place; it came back if it bounced and was neither
    delivered, opened nor sent again afterwards.
    """
    rows = entries(case).drop_nulls("life")
    killed = case.rows("credential_events").filter(pl.col("old_credential_killed").fill_null(False))["replaces_credential_id"]
    again = ("delivered", "opened", "clicked", "resent_same", "destination_changed", "login_ok")

    def has(*kinds: str) -> pl.Expr:
        return pl.col("kind").is_in(kinds).any()

    last_bounce = pl.col("at").filter(pl.col("kind") == "bounced").max()
    better = pl.col("at").filter(pl.col("kind").is_in(again)).max()
    lives = rows.group_by("life").agg(
        voted=has("ballot", "used"), ended=has("revoked", "expired"), opened=has("opened", "clicked", "login_ok"),
        came_back=has("bounced") & (better.is_null() | (better <= last_bounce)).fill_null(True), sent=has(*ISSUED, "delivered", "queued"),
    )  # fmt: skip
    fate = (
        pl.when("voted").then(pl.lit("voted with"))
        .when(pl.col("ended") | pl.col("life").is_in(killed.drop_nulls().to_list())).then(pl.lit("ended"))
        .when("came_back").then(pl.lit("came back"))
        .when("opened").then(pl.lit("opened"))
        .when("sent").then(pl.lit("sent"))
        .otherwise(pl.lit("not sent"))
    )  # fmt: skip
    counts = lives.group_by(fate=fate).agg(n=pl.len().cast(pl.Int64))
    return counts.sort(pl.col("fate").replace_strict({name: i for i, name in enumerate(FATES)}, return_dtype=pl.Int64))


def timelines(case: Case) -> pl.DataFrame:
    """Give the stories without whose they are: ``case`` (from 1), ``what``, ``minutes`` from the new code, as `stories` has them."""
    return stories(case).select("case", "what", "minutes")


def stories(case: Case) -> pl.DataFrame:
    """Tell the story around each unrequested new code: ``case`` (from 1), ``what``, ``minutes`` from the new code, ``voter_key``, ``event_id``.

    The last change of e-mail or phone in the day before, the first ballot in the day after, and a change of the same contact
    after that ballot within a day. Cases with most of these and the soonest ballot first; those with the new code alone are left
    out, and no more than `MOST_STRIPS` are kept. Times are distances: no case can be found by the hour of its ballot.
    """
    new = (
        reissues(case)
        .filter(~pl.col("trigger").is_in(REQUESTED) & (pl.col("trigger") != "unknown"))
        .drop_nulls(["at", "voter_key"])
    )
    first = new.unique("voter_key", keep="first", maintain_order=True).select("voter_key", "at", "event_id")
    edits = case.rows("contact_changes").filter(pl.col("field").is_in(["email", "phone"])).drop_nulls(["voter_key", "at"])
    ballots = case.rows("ballot_events").filter(pl.col("event").is_in(CAST)).drop_nulls(["voter_key", "at"])
    change = _nearest(first, edits.select("voter_key", "field", when="at"), before=True)
    ballot = _nearest(first, ballots.select("voter_key", when="at"))
    voted = ballot.join(change.select("voter_key", "field"), on="voter_key").select(
        "voter_key", "field", at="when", reissued_at="at"
    )
    back = _nearest(voted, edits.select("voter_key", "field", when="at"), on=("voter_key", "field")).select(
        "voter_key", "when", at="reissued_at"
    )
    told = [("contact changed", change), ("ballot", ballot), ("contact changed again", back)]
    rows = pl.concat([
        first.select("voter_key", "event_id", what=pl.lit("new code"), minutes=pl.lit(0.0)),
        *(
            found.join(first.select("voter_key", "event_id"), on="voter_key").select(
                "voter_key", "event_id", what=pl.lit(what), minutes=(pl.col("when") - pl.col("at")).dt.total_microseconds() / 6e7
            )
            for what, found in told
        ),
    ])  # fmt: skip
    delay = pl.col("minutes").filter(pl.col("what") == "ballot").min()
    ranked = (
        rows.group_by("voter_key").agg(n=pl.len(), delay=delay, event_id=pl.col("event_id").first())
        .filter(pl.col("n") > 1).sort("n", "delay", "event_id", descending=[True, False, False], nulls_last=True)
        .with_row_index("case", offset=1).head(MOST_STRIPS)
    )  # fmt: skip
    kept = rows.join(ranked.select("voter_key", "case"), on="voter_key")
    return kept.select(pl.col("case").cast(pl.Int64), "what", "minutes", "voter_key", "event_id").sort("case", "minutes", "what")


def _nearest(
    rows: pl.DataFrame, others: pl.DataFrame, *, before: bool = False, on: tuple[str, ...] = ("voter_key",)
) -> pl.DataFrame:
    """Join to each row of a voter the nearest other one within a day, before or after it."""
    gap = (pl.col("when") - pl.col("at")).dt.total_microseconds() * (-1 if before else 1)
    near = rows.join(others, on=list(on)).filter((gap >= 0) & (gap <= NEAR_S * 1_000_000))
    return near.sort(gap, "voter_key").unique("voter_key", keep="first", maintain_order=True)

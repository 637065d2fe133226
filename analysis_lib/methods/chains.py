"""Changes of contact, reissues and ballots as steps of chains, and the chains found, with what is on record about each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from analysis_lib.case import Case
from analysis_lib.clocks import in_force, windows_of_kind
from analysis_lib.methods.administrators import labels
from analysis_lib.methods.ballot_kinds import given_online
from analysis_lib.methods.change_causes import came_back
from analysis_lib.methods.reissue_rates import REQUESTED, new_codes
from analysis_lib.stats import chains
from analysis_lib.stats.chains import Steps

FIELDS = ("email", "phone")  # to which codes are sent
ON_RECORD = ("member_request_logged", "bounce_logged")
NO_CHANGE = ("formatting_only", "removed")
US = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """Steps without a cause on record, and the tables they come from; `places` tells which row each step is."""

    steps: Steps
    places: pl.DataFrame
    changes: pl.DataFrame
    reissues: pl.DataFrame
    ballots: pl.DataFrame
    known_triggers: int
    n_left_out: int


def events(case: Case) -> Events:
    """Gather the steps of chains.

    A change counts if it sets an e-mail address or a telephone number, neither the member nor a general tidy-up made it, and no request
    or bounce is on record for it; a reissue, if its trigger is known, is none of `REQUESTED` and no time of a request stands beside it. Ballots are those that
    voters gave themselves, by their member's key, else by that of their code.
    """
    changed, new = _changes(case), new_codes(case).drop_nulls(["at", "voter_key"])
    known = new.filter(pl.col("trigger").is_not_null() & (pl.col("trigger") != "unknown"))
    known = known.with_columns(caused=pl.col("trigger").is_in(REQUESTED) | pl.col("request_at").is_not_null())
    ballots = _ballots(case)
    parts = [
        _step(changed.filter(~pl.col("caused")), 0, "change_id", "actor_key"),
        _step(known.filter(~pl.col("caused")), 1, "event_id", "actor_key"),
        _step(ballots, 2, "event_id", None),
    ]
    every = pl.concat(parts).sort("at", "step", "row")
    hour = pl.format("{} {}", pl.col("actor_key").fill_null(""), pl.col("at").dt.truncate("1h"))
    steps = chains.in_order(
        every["at"].dt.epoch("us").to_numpy(), every["step"].to_numpy(), every["voter_key"].to_numpy(), every.select(hour).to_series().to_numpy()
    )  # fmt: skip
    return Events(
        steps=steps, places=every, changes=changed, reissues=known, ballots=ballots,
        known_triggers=known.height, n_left_out=new_codes(case).height - known.height,
    )  # fmt: skip


def _step(rows: pl.DataFrame, step: int, row: str, actor: str | None) -> pl.DataFrame:
    who = pl.col(actor) if actor else pl.lit(None, pl.String)
    return rows.select("at", "voter_key", row=row, actor_key=who, step=pl.lit(step, pl.Int64))


def _changes(case: Case) -> pl.DataFrame:
    """Contacts set by somebody else than the member, with ``caused``: a request or a bounce is on record, here or with the platform."""
    rows = case.rows("contact_changes").filter(pl.col("field").is_in(FIELDS)).drop_nulls(["at", "voter_key"])
    same = pl.col("edit_class").is_in(NO_CHANGE) | (pl.col("old_key") == pl.col("new_key")) | pl.col("new_missing")
    aside = same.fill_null(False) | (pl.col("request_evidence") == "bulk_cleanse").fill_null(False)
    own = pl.col("actor_role").is_in(["self", "system"]).fill_null(False)
    caused = pl.col("request_evidence").is_in(ON_RECORD).fill_null(False) | own | pl.col("had_come_back")
    placed = came_back(case, rows.filter(~aside)).with_columns(caused=caused)
    return placed.select(*rows.columns, "caused").sort("at", "change_id")


def _ballots(case: Case) -> pl.DataFrame:
    """Ballots of members: ``event_id, at, voter_key``."""
    codes = case.rows("credential_events").drop_nulls(["credential_id", "voter_key"]).select("credential_id", holder="voter_key")
    rows = given_online(case.rows("ballot_events")).join(
        codes.unique("credential_id", keep="first", maintain_order=True), on="credential_id", how="left", maintain_order="left"
    )  # fmt: skip
    found = rows.select("event_id", "at", voter_key=pl.coalesce("voter_key", "holder"))
    return found.drop_nulls("voter_key").sort("at", "event_id")


def chain_rows(held: Events, gap_s: int) -> pl.DataFrame:
    """Give one row per chain, in the order of the ballots.

    Returns
    -------
    DataFrame
        ``voter_key, changed_at, reissued_at, voted_at`` (UTC), ``change_id, event_id`` (of the reissue) ``, ballot``,
        ``editor_key, reissuer_key`` (null: not on record), ``field``, ``old_key, old_missing`` (null: not on record), ``evidence`` (null: nothing said).
    """
    found = chains.chains(held.steps, gap_s * US)
    first, second, third = (held.places[found[:, k]] for k in range(chains.STEPS))
    rows = pl.DataFrame(
        {
            "voter_key": first["voter_key"], "changed_at": first["at"], "reissued_at": second["at"], "voted_at": third["at"],
            "change_id": first["row"], "event_id": second["row"], "ballot": third["row"],
            "editor_key": first["actor_key"], "reissuer_key": second["actor_key"],
        }
    )  # fmt: skip
    about = held.changes.select("change_id", "field", "old_key", "old_missing", evidence="request_evidence")
    return rows.join(about, on="change_id", how="left", maintain_order="left")


def changed_back(case: Case, rows: pl.DataFrame, gap_s: int) -> pl.DataFrame:
    """Give the chains whose contact was changed back within the gap after the ballot, and when: ``change_id, back_at`` (UTC)."""
    later = case.rows("contact_changes").drop_nulls("at").select("voter_key", "field", "new_key", "new_missing", back_at="at")
    both = rows.join(later, on=["voter_key", "field"])
    back = (pl.col("new_key") == pl.col("old_key")) | (pl.col("old_missing") & pl.col("new_missing"))
    after = (pl.col("back_at") - pl.col("voted_at")).dt.total_seconds().is_between(0, gap_s)
    return both.filter(after & back.fill_null(False)).group_by("change_id").agg(pl.col("back_at").min()).sort("change_id")


def pairs(held: Events, gap_s: int) -> pl.DataFrame:
    """Reissues that followed a change of the same member's contact.

    ``caused``: a cause is on record for either; ``followed`` by a ballot; ``searched``: a search found no request for the change.
    """
    gap = f"{gap_s}s"
    searched = (pl.col("request_evidence") == "none_found").fill_null(False)
    change = held.changes.select("at", "voter_key", changed_at="at", change_caused="caused", searched=searched).sort("at")
    near = held.reissues.sort("at").join_asof(
        change, on="at", by="voter_key", tolerance=gap, check_sortedness=False
    ).drop_nulls("changed_at")  # fmt: skip
    ballot = held.ballots.select("at", "voter_key", voted_at="at").sort("at")
    near = near.join_asof(ballot, on="at", by="voter_key", tolerance=gap, strategy="forward", check_sortedness=False)
    return near.select("searched", caused=pl.col("caused") | pl.col("change_caused"), followed=pl.col("voted_at").is_not_null())


def facts(case: Case, held: Events, rows: pl.DataFrame) -> dict[str, Any]:
    """Count what is held and what is on record about the chains; nothing tested, no key and no time."""
    n = {
        "changes": int((held.steps.step == 0).sum()), "reissues": int((held.steps.step == 1).sum()),
        "ballots": held.ballots.height,
    }  # fmt: skip
    names = labels(case)
    hands = rows.with_columns(hand=pl.col("reissuer_key").replace_strict(names, default=None, return_dtype=pl.String))
    windows = windows_of_kind(case.rows("contest_windows"), "all", "roll_edits")
    basis = in_force(windows)
    deadline = windows[basis].closes_at if basis else None
    late = rows.filter((pl.col("changed_at") > deadline) & (pl.col("evidence") == "none_found")).height if deadline else None
    seconds = (rows["voted_at"] - rows["changed_at"]).dt.total_seconds().to_numpy()
    with_cause = pairs(held, case.plan.chain_gap_s).filter("caused", "followed")
    return {
        "n": n, "n_chains": rows.height, "n_members": rows["voter_key"].n_unique(),
        "n_with_cause": with_cause.height, "n_disputed": int(with_cause["searched"].sum()),
        "n_none_found": int((rows["evidence"] == "none_found").sum()), "n_after_last_day": late,
        "n_one_hand": int((rows["editor_key"] == rows["reissuer_key"]).sum()), "n_undone": changed_back(case, rows, case.plan.chain_gap_s).height,
        "median_s": int(np.median(seconds)) if rows.height else None,
        "hands": hands.drop_nulls("hand").group_by("hand").len("n").sort("n", "hand", descending=[True, False]).to_dicts(),
    }  # fmt: skip

"""Where members' codes and letters go: on the earlier lists, and where that was set anew. Shared by the question on shared mailboxes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from analysis_lib.case import Case
from analysis_lib.clocks import in_force, windows_of_kind
from analysis_lib.methods.instants import edge

BY_LINE = ("email", "sms", "phone")
FIELDS = ("email", "phone")
SENDS = ("issued", "resent_same", "reissued_new", "destination_changed")
NOT_SET = ("placeholder", "missing")  # classes of addresses that reach nobody
DISPOSABLE = "disposable"
SEVERAL = 3  # members from which on an address counts as shared by more than a couple
CLASSES = ((1, 1), (2, 2), (3, 4), (5, 9), (10, None))


@dataclass(frozen=True, slots=True, kw_only=True)
class Destinations:
    """Groups of members by address: those set anew, those of the earlier lists, and each member's last one.

    `now` has ``voter_key, key, kind, domain_class, is_new, at, actor_key, evidence`` (the last three: of the last change; null: none held).
    """

    sizes: NDArray
    reference: NDArray
    reference_kind: str | None
    n_lists: int
    n_not_set: int
    classes_known: bool
    now: pl.DataFrame


def destinations(case: Case) -> Destinations:
    """Group members by address on the earlier lists, and by the address that was set anew since.

    The earlier lists are the body's own latest copy of the roll made before the opening, and those of the contests to
    compare with; without a roll, the addresses to which the codes first went. Of each member the address of the last code counts, or, if
    changed after it or no code is held, that of the last change. Stop-gap addresses are left out of both sides.
    """
    classes = _classes(case)
    first, kind = _earlier(case)
    lists = [first.with_columns(contest_id=pl.lit(""))] if kind else []
    lists += [_listed(case, peer, None).with_columns(contest_id=pl.lit(peer)) for peer in case.peers()]
    lists = [frame for frame in lists if frame.height]
    earlier = pl.concat(lists) if lists else first.with_columns(contest_id=pl.lit("")).clear()
    now = _last(case, first).join(classes, on="key", how="left", maintain_order="left")
    before = first.select("voter_key", held_key="key").with_columns(is_listed=pl.lit(True))
    now = now.join(before, on="voter_key", how="left", maintain_order="left")
    now = now.with_columns(is_new=(pl.col("key") != pl.col("held_key")).fill_null(True))
    reaches = ~pl.col("domain_class").is_in(NOT_SET).fill_null(False)
    fresh = now.filter(reaches & pl.col("is_new"))
    known = earlier.join(classes, on="key", how="left").filter(reaches)
    return Destinations(
        sizes=_sizes(fresh, "key"), reference=_sizes(known, "contest_id", "key"),
        reference_kind=kind or ("peers" if lists else None), n_lists=len(lists), n_not_set=now.height - now.filter(reaches).height,
        classes_known=bool(classes.height), now=now.drop("held_key", "is_listed"),
    )  # fmt: skip


def _sizes(rows: pl.DataFrame, *keys: str) -> NDArray:
    return rows.group_by(keys).len("n")["n"].sort().to_numpy().astype(np.int64)


def _classes(case: Case) -> pl.DataFrame:
    """What sort of provider each address belongs to, of all contests: ``key, domain_class``. A class that says what it is goes before "unknown"."""
    tables = case.package.tables
    parts = [
        tables["roll"].select(key="email_key", domain_class=pl.col("email_domain_class").cast(pl.String)),
        tables["contact_changes"].filter(pl.col("field") == "email").select(
            key="new_key", domain_class=pl.col("new_domain_class").cast(pl.String)
        ),
    ]  # fmt: skip
    rows = pl.concat(parts).drop_nulls().filter(pl.col("domain_class") != "unknown").sort("key", "domain_class")
    return rows.unique("key", keep="first", maintain_order=True)


def _listed(case: Case, contest_id: str, before: datetime | None) -> pl.DataFrame:
    """Addresses on the latest copy of a contest's roll, of those made before an instant: ``voter_key, key``.

    A copy counts if at least half as many members stand on it with an address as on the fullest.
    """
    rows = case.rows_of("roll", contest_id).select(
        "snapshot_id", "voter_key", key=pl.coalesce("email_key", "phone_key")
    ).drop_nulls("key")  # fmt: skip
    copies = case.rows_of("roll_snapshots", contest_id).join(rows.group_by("snapshot_id").len("held"), on="snapshot_id")
    if before is not None:
        copies = copies.filter(pl.col("taken_at") <= before)
    whole = copies.filter(pl.col("held") * 2 >= pl.col("held").max()).sort("taken_at", "snapshot_id").tail(1)
    return rows.join(whole.select("snapshot_id"), on="snapshot_id", how="semi").select("voter_key", "key").sort("voter_key")


def _earlier(case: Case) -> tuple[pl.DataFrame, str | None]:
    """Addresses before the last day for changes, or before the opening; else those of the first codes."""
    windows = windows_of_kind(case.rows("contest_windows"), "all", "roll_edits")
    basis = in_force(windows)
    ends = [edge(case, "voting", "opens_at"), windows[basis].closes_at if basis else None]
    before = min((end for end in ends if end), default=None)
    roll = _listed(case, case.contest_id, before)
    if roll.height:
        return roll, "roll"
    sent = _sent(case).filter(pl.col("event") == "issued").unique("voter_key", keep="first", maintain_order=True)
    return sent.select("voter_key", "key"), "codes" if sent.height else None


def _sent(case: Case) -> pl.DataFrame:
    """Codes that went to an e-mail address or a telephone, in time order: ``voter_key, key, at, event, kind``; none that bounced."""
    rows = case.rows("credential_events").filter(pl.col("event").is_in(SENDS) & pl.col("destination_kind").is_in(BY_LINE))
    return rows.select("voter_key", key="destination_key", at="at", event="event", kind="destination_kind").drop_nulls(
        ["voter_key", "key"]
    ).sort("at", "voter_key", nulls_last=False)  # fmt: skip


def _set(case: Case) -> pl.DataFrame:
    """Contacts as they were set, in time order: ``voter_key, field, key, at, actor_key, evidence``."""
    rows = case.rows("contact_changes").filter(pl.col("field").is_in(FIELDS))
    placed = rows.with_columns(at=pl.coalesce("at", "at_hi", "at_lo"))
    return placed.select(
        "voter_key", "field", "at", "actor_key", key="new_key", evidence="request_evidence"
    ).drop_nulls("key").sort("at", "voter_key", nulls_last=False)  # fmt: skip


def _last(case: Case, first: pl.DataFrame) -> pl.DataFrame:
    """Give each member's last address by the close: ``voter_key, key, at, actor_key, evidence``."""
    close = edge(case, "voting", "closes_at")
    before = pl.lit(True) if close is None else (pl.col("at") <= close).fill_null(True)
    nothing = pl.lit(None, pl.String)
    when = pl.lit(None, pl.Datetime("us", "UTC"))
    changes = _set(case).filter(before)
    codes = _sent(case).filter(before)
    mail = changes.filter((pl.col("field") == "email") | ~pl.col("voter_key").is_in(first["voter_key"].to_list()))
    last = pl.concat(
        [
            first.select("voter_key", "key", at=when, order=pl.lit(0)),
            mail.select("voter_key", "key", "at", order=pl.lit(1)),
            codes.select("voter_key", "key", "at", order=pl.lit(2)),
        ]
    ).sort("voter_key", "at", "order", nulls_last=False).unique("voter_key", keep="last", maintain_order=True)  # fmt: skip
    hands = changes.select("voter_key", "key", "actor_key", pl.col("evidence").cast(pl.String)).unique(
        ["voter_key", "key"], keep="last", maintain_order=True
    )  # fmt: skip
    told = last.select("voter_key", "key", "at").join(hands, on=["voter_key", "key"], how="left", maintain_order="left")
    return told.with_columns(actor_key=pl.coalesce("actor_key", nothing))


def facts(held: Destinations) -> dict[str, Any]:
    """Count addresses by the members they serve and by class, and those to which several members were moved; nothing tested, no key."""
    now = held.now.with_columns(n=pl.len().over("key"), n_new=pl.col("is_new").sum().over("key"))
    sizes = now.unique("key").select("n", "n_new", "domain_class")
    groups = [
        {"least": least, "most": most, "n_addresses": own.height, "n_members": int(own["n"].sum()), "n_new": int(own["n_new"].sum())}
        for least, most in CLASSES
        for own in (sizes.filter(pl.col("n").is_between(least, most or sizes["n"].max() or least)),)
    ]  # fmt: skip
    classes = now.group_by(pl.col("domain_class").fill_null("unknown")).agg(
        n_members=pl.len().cast(pl.Int64), n_addresses=pl.col("key").n_unique().cast(pl.Int64), n_new=pl.col("is_new").sum().cast(pl.Int64)
    )  # fmt: skip
    joined = now.filter(
        (pl.col("n") >= SEVERAL) & (pl.col("n_new") > 0) & ~pl.col("domain_class").is_in(NOT_SET).fill_null(False)
    )
    listed = joined.group_by("key").agg(
        n_members=pl.len().cast(pl.Int64), n_new=pl.col("is_new").sum().cast(pl.Int64),
        n_none_found=(pl.col("is_new") & (pl.col("evidence") == "none_found").fill_null(False)).sum().cast(pl.Int64),
        n_hands=pl.col("actor_key").filter("is_new").drop_nulls().n_unique().cast(pl.Int64),
    ).sort("n_new", "n_members", "n_none_found", "n_hands", "key", descending=[True, True, True, False, False])  # fmt: skip
    return {
        "groups": groups, "classes": classes.sort("domain_class").to_dicts(), "joined": listed.drop("key").to_dicts(),
        "n_not_set": held.n_not_set, "n_disposable": now.filter(pl.col("domain_class") == DISPOSABLE).height,
        "n_reference": int(held.reference.sum()), "n_lists": held.n_lists, "n_new": int(now["is_new"].sum()),
    }  # fmt: skip

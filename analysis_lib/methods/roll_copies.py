"""Copies of the roll and what changed between them, as sums. Shared by roll_reconciliation and record_rules."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import polars as pl

from analysis_lib.case import Case
from analysis_lib.methods.identities import OPEN, WHOLE, Identity, checked_rows, exactly, identity, of_frame
from analysis_lib.methods.instants import edge, stamped
from analysis_lib.methods.members import IN_FORCE, is_complete, whole_roll
from analysis_lib.methods.recount import declared_once

WHOLE_ROLL = (
    "freeze",
    "platform_upload",
    "post_poll",
)  # of the whole roll, not for somebody or some hall
TRANSFERS = ("transferred_in", "transferred_out")
CAME, WENT = ("added", "reinstated", "transferred_in"), ("removed", "merged", "transferred_out")
ONE_BALLOT_EACH = "none"  # the revote policy under which nobody's ballot replaces another


def rows_of_copies(case: Case) -> list[Identity]:
    """R01: rows held = rows stated on the cover = members that the platform counts as entitled.

    Of a list of which a part alone was handed over, no more rows are held than are stated.
    """
    whole = whole_copies(case)
    copies = case.rows("roll_snapshots").drop_nulls("row_count").sort("taken_at", "snapshot_id")
    held = dict(case.rows("roll").group_by("snapshot_id").len().iter_rows())
    faulty = case.package.n_left_out.get("roll", 0)  # rows left out for a fault were handed over all the same
    found = [
        identity(
            "R01", f"rows of roll copy {_named(row)}", ("rows held", n, n + faulty),
            exactly("row count stated", row["row_count"]), counted="row",
            relation="equal" if row["snapshot_id"] in whole else "at_most",
        )
        for row in copies.iter_rows(named=True) if (n := held.get(row["snapshot_id"]))
    ]  # fmt: skip
    loaded = copies.filter(pl.col("purpose") == "platform_upload").tail(1)
    platform = declared_once(case.rows("results").filter(pl.col("basis") == "platform"), "eligible")
    return found + [
        identity(
            "R01", f"members loaded from roll copy {_named(row)}", exactly("row count stated", row["row_count"]),
            ("members that the platform counts", low, high), counted="member",
        )
        for row in loaded.iter_rows(named=True)
        for low, high in platform.filter(pl.col("channel") == "all").select("low", "high").iter_rows()
    ]  # fmt: skip


def _named(copy: dict[str, Any]) -> str:
    return f"{copy['snapshot_id']} ({copy['taken_at']:%Y-%m-%d %H:%M} UTC)" if copy["taken_at"] else copy["snapshot_id"]


def whole_copies(case: Case) -> set[str]:
    """Copies of which whoever supplied the rows says that none is missing."""
    rows = case.rows("roll").select("snapshot_id", "source_id").unique().join(case.rows("sources"), on="source_id")
    told = rows.group_by("snapshot_id").agg((pl.col("completeness") == "complete").fill_null(False).all().alias("is_whole"))
    return {*told.filter("is_whole")["snapshot_id"]}


def _entitled(case: Case) -> pl.DataFrame:
    """Members entitled in each copy of the whole roll, by unit, copies in order of time."""
    copies = case.rows("roll_snapshots").filter(pl.col("purpose").is_in(WHOLE_ROLL))
    rows = case.rows("roll").filter(pl.col("eligible")).join(copies, on="snapshot_id")
    return rows.select("snapshot_id", "taken_at", "voter_key", unit=pl.col("unit").fill_null("unknown"))


def between_copies(case: Case) -> list[Identity]:
    """R02: members entitled in one copy + came − went = members entitled in the next, in all and by unit.

    Changes whose direction or unit isn't known widen the range, and so do those of which it isn't known whether
    they were made between the two copies, or whether the member was entitled. A member comes and goes once, however often the
    log says so. Only where a complete log of all the time between is held: two copies alone say nothing of what should have
    changed. Two copies that share fewer than half of their members are no two states of one list, and a later
    copy with fewer than half of the rows is an addition to the one before: they are left out.
    """
    changes = case.rows("roll_changes").filter(pl.col("derived_from") != "snapshot_diff")
    if not is_complete(case, "roll_changes"):
        return []
    changes = stamped(changes, case)
    ends = pl.col("latest") + pl.duration(seconds=pl.col("unit_s") - 1)  # a stamp of a day or a minute is cut down to it
    changes = changes.with_columns(latest=ends)
    rolls = _entitled(case)
    copies = rolls.select("snapshot_id", "taken_at").unique().sort("taken_at", "snapshot_id")
    found: list[Identity] = []
    for first, second in zip(copies.iter_rows(named=True), copies.tail(-1).iter_rows(named=True), strict=False):
        keys = [rolls.filter(pl.col("snapshot_id") == copy["snapshot_id"])["voter_key"] for copy in (first, second)]
        is_one_list = keys[1].is_in(keys[0].implode()).sum() * 2 >= min(map(len, keys)) and len(keys[1]) * 2 >= len(keys[0])
        out = (pl.col("latest") <= first["taken_at"]) | (pl.col("earliest") > second["taken_at"])
        own = changes.filter(~out.fill_null(False))
        surely = (pl.col("earliest") > first["taken_at"]) & (pl.col("latest") <= second["taken_at"])
        own = own.with_columns(surely=surely.fill_null(False))
        if own["surely"].any() and is_one_list and _is_logged(case, first["taken_at"], second["taken_at"]):
            found += _one_step(rolls, _of_entitled(case, own, first, second), first, second)
    return found


def _is_logged(case: Case, start: datetime, end: datetime) -> bool:
    """Whether the logs of changes, by what is said of them, reach over all of a time; a limit that isn't stated is none."""
    logs = case.rows("roll_changes").select("source_id").unique().join(case.rows("sources"), on="source_id")
    begins, ends = logs["covers_from"], logs["covers_to"]
    return bool(begins.null_count() or begins.min() <= start) and bool(ends.null_count() or ends.max() >= end)


def _of_entitled(case: Case, changes: pl.DataFrame, first: dict, second: dict) -> pl.DataFrame:
    """Mark as not sure the changes of members who stand on either copy as not entitled."""
    barred = case.rows("roll").filter(
        ~pl.col("eligible") & pl.col("snapshot_id").is_in([first["snapshot_id"], second["snapshot_id"]])
    )
    return changes.with_columns(surely=pl.col("surely") & ~pl.col("voter_key").is_in(barred["voter_key"].unique().to_list()))


def _one_step(rolls: pl.DataFrame, changes: pl.DataFrame, first: dict, second: dict) -> list[Identity]:
    before, after = (rolls.filter(pl.col("snapshot_id") == copy["snapshot_id"]) for copy in (first, second))
    both = before.join(after, on="voter_key", suffix="_after")
    transferred = changes.filter(pl.col("change").is_in(TRANSFERS))["voter_key"].implode()
    moves = both.filter((pl.col("unit") != pl.col("unit_after")) | pl.col("voter_key").is_in(transferred)).select("voter_key")
    changes = changes.join(moves, on="voter_key", how="anti")
    units = pl.concat([after, before]).unique("voter_key", keep="first", maintain_order=True).select("voter_key", "unit")
    was = pl.col("voter_key").is_in(before["voter_key"].implode()).cast(pl.Int64)
    net = pl.when(pl.col("change").is_in(CAME)).then(1).when(pl.col("change").is_in(WENT)).then(-1).otherwise(0)
    is_doubtful = (pl.col("change") == "eligibility_set") | ~pl.col("surely") & (net != 0)
    moved = (
        changes.join(units, on="voter_key", how="left")
        .group_by("voter_key", pl.col("unit").fill_null("unknown"))
        .agg(
            net=net.filter("surely").sum().cast(pl.Int64), open=is_doubtful.any().cast(pl.Int64),
            is_placed=~pl.col("change").is_in(("unit_changed", "key_changed")).any(),
        )
        .with_columns(net=(was + pl.col("net")).clip(0, 1) - was)
    )  # fmt: skip
    # A member whose unit isn't known, or who changed it or the key, may belong to any of them: then only the total is checked.
    is_placed = bool(moved["is_placed"].all()) and not (moved["unit"] == "unknown").any()

    # Who stands on both copies in two branches, or was transferred, moved, whichever half of it was entered, if any:
    # branches are joined, renamed and bounded anew by one decision, which no log of members holds.
    halves = [
        copy.join(moves, on="voter_key", how="semi").select("unit", net=pl.lit(net), open=pl.lit(0, pl.Int64))
        for copy, net in ((before, -1), (after, 1))
    ]
    moved = pl.concat([moved, *halves], how="diagonal_relaxed")

    def by(unit: pl.Expr) -> pl.DataFrame:
        parts = [
            before.group_by(unit=unit).agg(before=pl.len()),
            after.group_by(unit=unit).agg(after=pl.len()),
            moved.group_by(unit=unit).agg(pl.col("net", "open").sum()),
        ]
        rows = pl.concat(parts, how="diagonal_relaxed").group_by("unit").agg(pl.col("before", "after", "net", "open").sum())
        return rows.with_columns(expected=pl.col("before").cast(pl.Int64) + pl.col("net"))

    name = f"members entitled in roll copy {_named(first)}, with what changed, are those of copy {_named(second)}"
    rows = pl.concat([by(pl.lit(WHOLE)), by(pl.col("unit"))]) if is_placed else by(pl.lit(WHOLE))
    found = checked_rows(
        rows, "R02", name, ("before + came - went", pl.col("expected") - pl.col("open"), pl.col("expected") + pl.col("open")),
        ("after", pl.col("after"), pl.col("after")), counted="member",
    )  # fmt: skip
    return of_frame(found)


def from_change_counts(counts: pl.DataFrame) -> list[Identity]:
    """R02: where only counts of changes are held: before + added − removed = after; unchanged + changed + removed = before."""
    rows = counts.sort("taken_at", "source_id").with_columns(
        unit=pl.lit(""), day=pl.col("taken_at").dt.strftime("%Y-%m-%d %H:%M UTC")
    )
    sides = (
        ("before + added - removed", ("before_n", "added_n", "removed_n"), pl.col("before_n") + pl.col("added_n") - pl.col("removed_n"), "after_n", "after"),
        ("unchanged + changed + removed", ("unchanged_n", "changed_n", "removed_n"), pl.sum_horizontal("unchanged_n", "changed_n", "removed_n"), "before_n", "before"),
    )  # fmt: skip
    found: list[Identity] = []
    for label, needed, value, right, right_label in sides:
        held = rows.drop_nulls([*needed, right])
        name = pl.format(f"{label} is {right_label}, copy of {{}}", "day")
        sides_of = (label, value, value), (right_label, pl.col(right), pl.col(right))
        found += of_frame(checked_rows(held, "R02", name, *sides_of, counted="member"))
    return found


def last_copy_and_entitled(case: Case) -> list[Identity]:
    """R02: members entitled on the roll in force are the members entitled that were published.

    Who came or went between the copy and the publication may be counted or not, so the log gives limits; without a
    complete log a difference is open. Of a list held in part, no more are held than were entitled. A copy made after the poll shows who left since, so it is no measure of who was entitled.
    """
    copies = case.rows("roll_snapshots").filter(pl.col("purpose").is_in(IN_FORCE)).sort("taken_at", "snapshot_id").tail(1)
    published = declared_once(case.rows("results"), "eligible").filter(pl.col("channel") == "all")
    is_logged, found = is_complete(case, "roll_changes"), []
    for row in copies.iter_rows(named=True):
        held = (case.rows("roll")["snapshot_id"] == row["snapshot_id"]).any()
        is_whole = not held or row["snapshot_id"] in whole_copies(case)
        n = int(whole_roll(case)["eligible"].sum()) if held else row["row_count"]
        close = edge(case, "voting", "closes_at")  # who left after it was entitled all the same
        in_time = pl.lit(True) if close is None else pl.col("at") <= close
        later = case.rows("roll_changes").filter((pl.col("at") > row["taken_at"]) & in_time)["change"]
        came, went = int(later.is_in(CAME).sum()), int(later.is_in(WENT).sum())
        found += [
            identity(
                "R02", f"members in the last roll copy, {_named(row)}, are the members entitled",
                ("members in the copy", n - went, n + came), ("eligible members published", low, high), counted="member",
                relation="equal" if is_whole else "at_most",
                cause="" if is_logged or (n - went <= high and low <= n + came) else OPEN,
            )
            for low, high in published.select("low", "high").iter_rows() if n is not None
        ]  # fmt: skip
    return found


def marked_registers(case: Case) -> list[Identity]:
    """R12: members marked as having voted, each once, are the ballots, but for ballots that the rules let another replace.

    Registers that may have gaps, or that name fewer channels than ballots were received in, hold at most as many.
    """
    registers = case.rows("roll_snapshots").filter(pl.col("purpose") == "marked_register").select("snapshot_id")
    marked = case.rows("roll").join(registers, on="snapshot_id").filter(pl.col("voted_flag").fill_null(False))
    received = declared_once(case.rows("results"), "ballots_received").filter(pl.col("channel") == "all")
    if not marked.height or not received.height:
        return []
    voters = marked["voter_key"].n_unique()
    marks = marked.select("voter_key", pl.col("voted_channel").fill_null("")).unique().height
    most = voters if case.contest["revote_policy"] == ONE_BALLOT_EACH else marks
    sides = ("members marked as having voted", voters, most), ("ballots received", received["low"][0], received["high"][0])
    by_channel = declared_once(case.rows("results"), "ballots_received").filter(
        (pl.col("channel") != "all") & (pl.col("high") > 0)
    )
    named = marked["voted_channel"]
    own = by_channel.filter(pl.col("channel").is_in(named.unique().to_list()))
    is_part = named.null_count() == 0 and own.height == named.n_unique() and own["high"].sum() < received["low"][0]
    is_whole = not is_part and (named.null_count() > 0 or {*by_channel["channel"]} <= {*named})
    relation = "equal" if is_whole and is_complete(case, "roll") else "at_most"
    return [identity("R12", "members marked in the registers are the ballots", *sides, relation)]

"""Totals counted again: from the log, from the ballots themselves, and from rounded shares. Shared by totals_reconciliation."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import polars as pl

from analysis_lib.methods.ballot_kinds import COUNTED
from analysis_lib.methods.declared import candidate_totals, with_declaration
from analysis_lib.methods.identities import WHOLE, Identity, exactly, identity
from analysis_lib.methods.sums import PARTS, cells, once, parents
from analysis_lib.stats.integer_tables import fitting_tables, rounding_interval

MOST_BALLOTS = 3000  # beyond this the tables that fit two shares run into tens of millions
TAKEN_OUT = ("voided", "rejected", "excluded_from_count", "quarantined")
PUT_BACK = ("reinstated", "released", "counted")


def current_ballots(events: pl.DataFrame) -> pl.DataFrame:
    """Give, per channel, the fewest and most ballots that a log leaves standing: one per voter, and none that was taken out.

    A ballot is one voter's, or one ballot id's where no voter is held. `most` counts those taken out too,
    since a published count of ballots received may or may not hold them.
    """
    one = pl.coalesce("voter_key", "ballot_id")
    rows = events.with_columns(one=one).drop_nulls("one")
    cast = rows.filter(pl.col("event").is_in(COUNTED))
    last = pl.col("at").max()
    out = rows.filter(pl.col("event").is_in(TAKEN_OUT)).group_by("one").agg(out_at=last)
    back = rows.filter(pl.col("event").is_in((*COUNTED, *PUT_BACK))).group_by("one").agg(back_at=last)
    state = out.join(back, on="one", how="left")
    gone = state.filter((pl.col("out_at") >= pl.col("back_at")).fill_null(True))
    current = cast.filter(pl.col("is_current").fill_null(True)).join(gone, on="one", how="anti")
    counts = cast.group_by("channel").agg(most=pl.col("one").n_unique())
    standing = current.group_by("channel").agg(fewest=pl.col("one").n_unique())
    return counts.join(standing, on="channel", how="left").with_columns(pl.col("fewest").fill_null(0)).sort("channel")


def from_log(events: pl.DataFrame, results: pl.DataFrame, sources: pl.DataFrame) -> list[Identity]:
    """R06: the voters with a ballot that stands, by channel, are the ballots received; a log that isn't complete holds at most as many."""
    named = events.filter(pl.col("event").is_in(COUNTED))
    if not named.height or named.select(pl.coalesce("voter_key", "ballot_id").is_null().any()).item():
        return []
    relation = _relation(events, sources)
    received = {row["channel"]: row for row in declared_once(results, "ballots_received").iter_rows(named=True)}
    return [
        identity(
            "R06", f"ballots in the log are the ballots received ({row['channel']})".replace("_", " "),
            ("voters with a ballot in the log", row["fewest"], row["most"]),
            ("ballots received", received[row["channel"]]["low"], received[row["channel"]]["high"]), relation,
        )
        for row in current_ballots(events).iter_rows(named=True) if row["channel"] in received
    ]  # fmt: skip


def _relation(rows: pl.DataFrame, sources: pl.DataFrame) -> str:
    used = rows.select("source_id").unique().join(sources, on="source_id", how="left")
    return "equal" if (used["completeness"] == "complete").fill_null(False).all() else "at_most"


def declared_once(results: pl.DataFrame, item: str) -> pl.DataFrame:
    """Give a total of the whole contest by channel, as the last declaration that has it puts it."""
    found = once(cells(results), item).filter(pl.col("unit") == WHOLE)
    order = pl.col("declaration").replace_strict({"first": 0}, default=1)
    return found.sort(order, "declaration").group_by("channel", maintain_order=True).last()


def from_ballots(
    choices: pl.DataFrame, results: pl.DataFrame, sources: pl.DataFrame, *, is_plurality: bool, seats: int
) -> list[Identity]:
    """R06 and R11: the ballots held are those received, and give each candidate the first preferences declared."""
    if not choices.height:
        return []
    relation = _relation(choices, sources)
    received = declared_once(results, "ballots_received").filter(pl.col("channel") == "all")
    n_ballots = choices["ballot_id"].n_unique()
    found = [
        identity("R06", "ballots held are the ballots received", exactly("ballots held", n_ballots), ("ballots received", low, high), relation)
        for low, high in received.select("low", "high").iter_rows()
    ]  # fmt: skip
    firsts = choices.filter((pl.col("rank") == 1) & pl.col("valid").fill_null(True))
    firsts = firsts.filter(pl.len().over("ballot_id") == 1)  # two firsts on one ballot are no first preference
    counted = dict(firsts.drop_nulls("candidate_id").group_by("candidate_id").len().iter_rows())
    declared = candidate_totals(results, "first", first_round=True)
    found += [
        identity(
            "R11", f"first preferences of candidate {who} counted from the ballots",
            exactly("ballots held", counted.get(who, 0)), exactly("declared", n), relation, counted="vote",
        )
        for who, n in sorted(declared)
    ]  # fmt: skip
    if is_plurality and declared and relation == "equal":
        again = {who: counted.get(who, 0) for who, _ in declared} | counted
        found += winner(declared, again, seats, "the ballots")
    return found


def winner(declared: list[tuple[str, int]], again: dict[str, int], seats: int, source: str) -> list[Identity]:
    """R11: whoever was declared elected still has no fewer votes than any other when counted again."""
    if len(declared) <= seats:
        return []
    elected = [who for who, _ in declared[:seats]]
    last = min(again.get(who, 0) for who in elected)
    best = max(n for who, n in again.items() if who not in elected)
    name = f"who is declared elected has the most votes, counted again from {source}"
    return [
        identity(
            "R11",
            name,
            exactly("most votes of anybody else", best),
            exactly("fewest votes of those elected", last),
            "at_most",
            counted="vote",
        )
    ]


def from_parts(results: pl.DataFrame, seats: int) -> list[Identity]:
    """R11: who is declared elected has the most votes in the sum of the channels, and of the units, where they are all there."""
    declared = candidate_totals(results, "first")
    last = pl.col("round") == pl.col("round").max()
    rows = (
        cells(results).filter((pl.col("item") == "candidate") & (pl.col("declaration") == "first")).filter(last).drop_nulls("low")
    )
    found = []
    for by, (whole, parts) in PARTS.items():
        other = next(name for name in PARTS if name != by)
        own = rows.filter((pl.col(by) != whole) & (pl.col(other) == PARTS[other][0]) & (pl.col("low") == pl.col("high")))
        if by == "unit":
            over = parents(own["unit"].unique())
            own = own.filter(pl.col("unit").is_in([unit for unit, above in over.items() if above == WHOLE]))
        again = {who: int(n) for who, n in own.group_by("candidate_id").agg(pl.col("low").sum()).iter_rows()}
        if again and sum(again.values()) >= sum(n for _, n in declared):  # with a part missing, the sum says nothing on who leads
            found += winner(declared, again, seats, f"the {parts}")
    return found


def shares(results: pl.DataFrame, candidates: Collection[str]) -> list[Identity]:
    """R13: a rounded share of a known number of ballots is some whole number of them, and the shares add up to the whole.

    Without the number of ballots only the sum is checked, in points of a hundred.
    """
    rows = results.filter((pl.col("item") == "candidate") & pl.col("unit").is_null() & pl.col("share").is_not_null())
    rows = with_declaration(rows).unique(["declaration", "round", "channel", "candidate_id"], keep="none").sort("row_id")
    valid = {row["channel"]: row for row in declared_once(results, "ballots_valid").iter_rows(named=True)}
    found = []
    for (declaration, number, channel), group in sorted(
        rows.group_by("declaration", "round", "channel"), key=lambda item: item[0]
    ):
        size = valid.get(channel)
        n = int(size["low"]) if size and size["low"] == size["high"] else None
        where = f"round {number}" + ("" if channel == "all" else f" ({channel})".replace("_", " "))
        ranges = [rounding_interval(row["share"], row["share_dp"] or 0) for row in group.iter_rows(named=True)]
        if n is not None:
            whole = [(-(-low.numerator * n // low.denominator), high.numerator * n // high.denominator) for low, high in ranges]
            found += [
                _whole_ballots(row, fewest, most, f"{row['candidate_id']}, {where}", declaration)
                for row, (fewest, most) in zip(group.iter_rows(named=True), whole, strict=True)
            ]
            sides = ("sum of what the shares allow", *map(sum, zip(*whole, strict=True))), exactly("valid ballots", n)
        else:
            low, high = (float(100 * sum(ends)) for ends in zip(*ranges, strict=True))
            sides = ("sum of the shares", low, high), exactly("a hundred per cent", 100)
        relation = "equal" if number <= 1 and {*candidates} <= {*group["candidate_id"]} and group.height > 1 else "at_most"
        counted = "point" if n is None else "ballot"
        found.append(
            identity("R13", f"published shares add up, {where}", *sides, relation, declaration=declaration, counted=counted)
        )
    return found


def _whole_ballots(row: dict[str, Any], fewest: int, most: int, whose: str, declaration: str) -> Identity:
    """One share of a known number of ballots: with a count beside it that one must fit, else any whole number."""
    fits = fewest <= most
    if fits:
        left = ("ballots that the share allows", fewest, most)
        right = exactly("published", row["n"]) if row["n"] is not None else ("whole ballots", fewest, most)
    else:  # the share lies between two whole numbers
        left, right = exactly("whole ballots next below the share", most), exactly("next above it", fewest)
    return identity("R13", f"the share stands for whole ballots: {whose}", left, right, declaration=declaration)


def shares_of_two_channels(results: pl.DataFrame, channels: tuple[str, str], max_other: int) -> list[Identity]:
    """R13: some table of whole ballots gives the candidate's totals and the share published for each of two channels.

    Needs the totals of all candidates, and few enough ballots to list every table.
    """
    totals = candidate_totals(results, "first", first_round=True)
    everyone = sum(n for _, n in totals)
    rows = with_declaration(results).filter((pl.col("item") == "candidate") & (pl.col("declaration") == "first"))
    rows = rows.filter(pl.col("unit").is_null() & pl.col("n").is_null()).drop_nulls("share")
    found = []
    listed = totals[:1] if len(totals) == 2 else totals  # the second of two is the mirror of the first
    for who, n in sorted(listed) if len(totals) > 1 and everyone <= MOST_BALLOTS else ():
        own = rows.filter((pl.col("candidate_id") == who) & (pl.col("round") == pl.col("round").min()))
        if [own.filter(pl.col("channel") == channel).height for channel in channels] == [1, 1]:
            ranges = [
                rounding_interval(
                    *own.filter(pl.col("channel") == channel).select("share", pl.col("share_dp").fill_null(0)).row(0)
                )
                for channel in channels
            ]
            size = fitting_tables(n, everyone - n, *ranges, max_other).size
            name = f"shares by channel of candidate {who} fit the totals"
            sides = exactly("tables of whole ballots needed", 1), exactly("tables that fit", size)
            found.append(identity("R13", name, *sides, "at_most", counted="table"))
    return found

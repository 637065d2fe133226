"""Order that a log doesn't keep: stamps in runs, at equal gaps, in batches; numbers that jump; effects before their causes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import polars as pl

from analysis_lib.clocks import RESOLUTION_S
from analysis_lib.faults import Fault
from analysis_lib.plaintext import count
from analysis_lib.traps.looked_at import (
    STAMPED,
    Tables,
    counted,
    first_row,
    holds,
    named,
    some,
    stretch,
    trap,
    with_clocks,
)

RUN = 10  # rows with one stamp, or by one hand in one second
FEWEST = 30
GAP_SHARE = 0.5  # of a pace by chance, no gap above the clock's step has more than a quarter
STEP_S = 60
FEW_ROWS, FEW_SHARE = 5, 0.01
RISING = 0.8  # share of rows in order of their number whose time doesn't fall; by chance one half
HANDS = {"contact_changes": "actor_key", "roll_changes": "actor_key", "vote_applications": "ip_key", "ballot_events": "ip_key"}
BALLOTS = ("cast", "recast", "entered_by_officer", "imported")
VOTERS = 2000


def find(tables: Tables) -> list[Fault]:
    """Look at every table of events."""
    found: list[Fault] = []
    for table in STAMPED:
        if holds(tables, table, "at"):
            found += [*_batches(table, tables), *_numbers(table, tables)]
    if holds(tables, "ballot_events", "at"):
        found += _runs(tables)
    return [*found, *_requests(tables), *_issues(tables)]


def _single(rows: pl.DataFrame) -> pl.DataFrame:
    """Ballots that came in one by one."""
    return rows.filter(pl.col("event").is_in(["cast", "recast"]) & pl.col("batch_id").is_null())


def _runs(tables: Tables) -> Iterator[Fault]:
    """Many ballots with one stamp, beyond what the busiest hour explains; or stamps at equal gaps."""
    table = "ballot_events"
    rows = _single(with_clocks(stretch(tables[table]), tables))
    for (clock_id, resolution), own in rows.group_by("clock_id", "resolution", maintain_order=True):
        unit = RESOLUTION_S.get(str(resolution), 1)
        if own.height < FEWEST or unit >= 3600:
            continue
        same = own.group_by("at").len().sort("len", "at", descending=[True, False])
        busiest = own.group_by(pl.col("at").dt.truncate("1h")).len()["len"].max() * unit / 3600
        many = same.filter(pl.col("len") >= max(RUN, busiest + 10 * busiest**0.5))
        if many.height:
            yield trap(
                "same_stamp", table, "at",
                f"{int(many['len'].sum()):,} ballots share {count(many.height, 'stamp')} of clock {named(clock_id)}, up to {many['len'][0]:,} on one",
                "ballots spread over time, or a batch_id where they were entered together",
                "It is the time of a queue, a commit or an import. Give such rows a batch_id, or set write_semantics of the clock: "
                "they stay in the totals, and the tests of pace and of lateness leave them out or say so.",
            )  # fmt: skip
        gaps = np.diff(same["at"].sort().dt.epoch("us").to_numpy()) / 1e6
        if gaps.size >= FEWEST:
            lengths, counts = np.unique(gaps, return_counts=True)
            top = int(np.argmax(counts))
            if counts[top] >= GAP_SHARE * gaps.size and lengths[top] > unit:
                yield trap(
                    "equal_gaps", table, "at",
                    f"{int(counts[top]):,} of {gaps.size:,} gaps between stamps of clock {named(clock_id)} are exactly {lengths[top]:g} seconds",
                    "gaps of many lengths, as people make them",
                    "The stamps are those of a process that runs at fixed times. Set write_semantics = queue_time or commit_time: "
                    "a ballot may be older than its stamp by this much, so none within it of the close can be called late.",
                )  # fmt: skip


def _batches(table: str, tables: Tables) -> Iterator[Fault]:
    """Many rows in one second by one hand or from one network."""
    hand = HANDS.get(table)
    if not hand or not holds(tables, table, hand):
        return
    rows = stretch(tables[table]).drop_nulls(["at", hand])
    if table == "ballot_events":
        rows = rows.filter(pl.col("event").is_in(BALLOTS) & pl.col("batch_id").is_null())
    second = pl.col("at").dt.truncate("1s")
    together = rows.with_columns(n=pl.len().over(second, hand)).filter(pl.col("n") >= RUN)
    if together.height:
        whose = "network" if hand == "ip_key" else "actor"
        yield trap(
            "batch", table, "at",
            f"{counted(together.height, rows, tables[table])} came {RUN} or more in one second from one {whose}{first_row(together)}",
            "rows made by hand one by one, or marked as a batch",
            "This is an import, a script or a shared entry point, which is ordinary. Mark it (batch_id, or channel officer_entered): "
            "leave such rows out of tests of pace and keep them in totals.",
        )  # fmt: skip


def _numbers(table: str, tables: Tables) -> Iterator[Fault]:
    """The log's own numbers against its times: back-steps of the clock, an order that means nothing, resets, gaps."""
    if not holds(tables, table, "seq"):
        return
    for (source_id,), whole in _by_source(tables[table].select("source_id", "seq", "at")):
        rows = stretch(whole).drop_nulls().sort("seq", "at")
        if rows.height < FEWEST:
            continue
        step = rows["at"].diff().dt.total_microseconds().drop_nulls().to_numpy() / 1e6
        rising = float((step >= 0).mean())
        if rising < RISING:
            yield trap(
                "shuffled", table, "seq",
                f"in source {named(source_id)}, times fall from one number to the next in {int((step < 0).sum()):,} of {step.size:,} rows",
                "times that rise with the log's own numbers",
                "The rows were shuffled or numbered later, as some platforms do to keep votes secret. Read nothing from their order; times stand by themselves.",
            )  # fmt: skip
        elif n := int((step < -STEP_S).sum()):
            yield trap(
                "clock_step", table, "seq",
                f"in source {named(source_id)}, the time falls by more than a minute from one number to the next {n:,} times, at most by {-step.min():,.0f} seconds",
                "times that rise with the log's own numbers",
                "The clock was set back, two servers wrote one log, or rows were written later than they happened. Read times near these rows as give or take that much.",
            )  # fmt: skip
        repeated = rows.height - rows["seq"].n_unique()
        if repeated and rising >= RISING:
            yield trap(
                "number_reset", table, "seq", f"in source {named(source_id)}, {repeated:,} of {rows.height:,} numbers come more than once",
                "each number once", "A counter was started again or two logs were joined. Normal by itself; order by time, not by number.",
            )  # fmt: skip
        numbers = whole["seq"]
        span, n = int(numbers.max()) - int(numbers.min()) + 1, numbers.len() - numbers.null_count()
        if span > n + FEW_SHARE * span and not repeated:
            yield trap(
                "number_gaps", table, "seq", f"in source {named(source_id)}, {span - n:,} of {span:,} numbers are missing",
                "numbers without gaps, or gaps that are explained",
                "Normal by itself: databases skip numbers when a write is rolled back, and an export may leave other contests out. Gaps alone tell nothing; ask what else was numbered.",
            )  # fmt: skip


def _by_source(rows: pl.DataFrame) -> Iterator[tuple[tuple, pl.DataFrame]]:
    sources = rows["source_id"].unique().sort() if rows.height <= 1_000_000 else rows["source_id"].head(1)
    for source_id in sources:
        yield (source_id,), rows if sources.len() == 1 else rows.filter(pl.col("source_id") == source_id)


def _requests(tables: Tables) -> Iterator[Fault]:
    """Requests that are stamped after what they asked for."""
    table = "credential_events"
    if holds(tables, table, "at", "request_at"):
        rows = some(tables[table]).drop_nulls(["at", "request_at"])
        early = rows.filter(pl.col("request_at") > pl.col("at") + timedelta(seconds=STEP_S))
        yield from _skew(table, "request_at", early, rows, "come before the request that they answer", "the record of requests")


def _issues(tables: Tables) -> Iterator[Fault]:
    """Ballots cast before the member's first credential went out."""
    if not (holds(tables, "ballot_events", "at", "voter_key") and holds(tables, "credential_events", "at", "voter_key")):
        return
    voters = some(tables["ballot_events"])["voter_key"].drop_nulls().unique().sort()
    voters = voters.gather_every(-(-max(voters.len(), 1) // VOTERS))
    own = (
        tables["credential_events"]
        .filter(pl.col("voter_key").is_in(voters.implode()) & (pl.col("event") == "issued"))
        .drop_nulls("at")
    )
    issued = own.group_by("voter_key", "contest_id").agg(issued=pl.col("at").min())
    votes = tables["ballot_events"].filter(
        pl.col("voter_key").is_in(voters.implode()) & pl.col("event").is_in(["cast", "recast"])
    )
    rows = votes.drop_nulls("at").join(issued, on=["voter_key", "contest_id"], how="inner")
    early = rows.filter(pl.col("at") < pl.col("issued") - timedelta(seconds=STEP_S))
    what = "come before the member's first credential was issued"
    yield from _skew("ballot_events", "at", early, rows, what, "the log of credentials")


def _skew(table: str, column: str, early: pl.DataFrame, rows: pl.DataFrame, what: str, other: str) -> Iterator[Fault]:
    if early.height >= max(FEW_ROWS, FEW_SHARE * rows.height):
        yield trap(
            "skew", table, column, f"{early.height:,} of {rows.height:,} rows that can be compared {what}{first_row(early)}",
            f"effects after their causes, within a minute, against {other}",
            "Two clocks differ, or two kinds of record were joined. See the question on clocks for the offset that would reconcile them; "
            "until it is settled no delay between the two can be read.",
        )  # fmt: skip

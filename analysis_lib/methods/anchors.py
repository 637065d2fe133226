"""What fixes a clock in time: events whose order, or whose instant, is known from other records."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from analysis_lib.case import Case
from analysis_lib.clocks import RESOLUTION_S, SPREADS, raw_instants, voting_windows
from analysis_lib.methods.ballot_kinds import CAST
from analysis_lib.stats.clock_offset import Course, feasible_offset, offset_course, paired_offset, spike_offset

STAMPED = ("ballot_events", "credential_events", "contact_changes", "roll_changes", "vote_applications", "admin_actions")
READ = ("event_id", "at", "at_raw", "clock_id", "event", "channel", "voter_key", "batch_id", "request_at")
RESPONSES = ("delivered", "bounced", "opened", "clicked", "login_ok", "used")  # nothing of it comes before the first invitation
SEEN = ("opened", "clicked", "login_ok", "used")
FEWEST = 20  # rows; fewer bound an offset by chance alone
SPARE = 100  # one row in so many may break the order for reasons of its own
SESSION_S = 1800  # from logging in to the ballot, for at least half of the members
FIRST_RESPONSE_S = 3600  # the soonest anybody responds to a message; a spike may begin so much later
WIDEST_SPIKE_S = 6 * 3600
SPIKE_LEVEL = 0.999  # an interval of 95 % would contradict one clock in twenty that is right
UNIT_S = 1800
SHIFTS_S = tuple(UNIT_S * i for i in range(-28, 29))  # zones lie within 14 hours of universal time
LEAST_TOLERANCE_S = 60  # the yardstick of voting systems: a minute in fifteen hours


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """Bounds in seconds of a clock's offset (its stamp less the time compared with), beyond its known error.

    `kind`: opening, close, sent, request, text, spike, or, against another clock, used_and_cast and
    issued_and_cast. Every row is in order within `low` to `high`, and all but one in a hundred within `loose`. `out` counts
    the rows out of order if the clock were off by each of `SHIFTS_S`. `course` tells steps and drift, where two stamps
    of the same events are held.
    """

    clock_id: str
    kind: str
    against: str
    low: float
    high: float
    n: int
    out: tuple[int, ...]
    loose: tuple[float, float]
    course: Course | None = None

    @property
    def n_out(self) -> int:
        """Rows out of order as the clock is read."""
        return self.out[len(SHIFTS_S) // 2]

    @property
    def mirrored(self) -> Anchor:
        """The same bounds seen from the other clock."""
        loose = (-self.loose[1], -self.loose[0])
        return replace(
            self, clock_id=self.against, against=self.clock_id, low=-self.high, high=-self.low, out=self.out[::-1], loose=loose
        )

    def moved(self, seconds: float) -> Anchor:
        """A pair's bounds once the other clock's own offset, in half hours, is taken off."""
        places = [min(max(i - round(seconds / UNIT_S), 0), len(SHIFTS_S) - 1) for i in range(len(SHIFTS_S))]
        loose = (self.loose[0] + seconds, self.loose[1] + seconds)
        out = tuple(self.out[i] for i in places)
        return replace(self, low=self.low + seconds, high=self.high + seconds, out=out, loose=loose)


def tolerances(clocks: pl.DataFrame) -> dict[str, float]:
    """Seconds by which each clock may differ and still agree: a minute, its resolution, two deviations of its known error."""
    return {
        row["clock_id"]: max(LEAST_TOLERANCE_S, RESOLUTION_S[row["resolution"]]) + SPREADS * (row["offset_sd_s"] or 0.0)
        for row in clocks.iter_rows(named=True)
    }


def stamped(case: Case, table: str) -> pl.DataFrame:
    """Rows with a time and a clock that is described; `known_at` is the time less the clock's known error."""
    rows = case.rows(table)
    rows = rows.select(name for name in READ if name in rows.columns).drop_nulls(["at", "clock_id"])
    rows = rows.join(case.rows("clocks").select("clock_id", "offset_s"), on="clock_id", how="inner")
    seconds = pl.duration(microseconds=(pl.col("offset_s").fill_null(0.0) * 1e6).round().cast(pl.Int64))
    return rows.with_columns(known_at=pl.col("at") - seconds)


def clocks_in_use(case: Case) -> dict[str, int]:
    """Rows stamped by each clock that is described, in the order of its name."""
    used = [case.rows(table).select("clock_id", "at").drop_nulls() for table in STAMPED]
    counts = pl.concat(used).group_by("clock_id").len()
    known = case.rows("clocks")["clock_id"]
    return dict(counts.filter(pl.col("clock_id").is_in(known.to_list())).sort("clock_id").rows())


def anchors(case: Case) -> list[Anchor]:
    """Every anchor that the package holds, of each clock in use, in a fixed order."""
    tables = {table: stamped(case, table) for table in STAMPED}
    allowed = tolerances(case.rows("clocks"))
    found = [
        *_windows(case, tables["ballot_events"], allowed),
        *_sent(case, tables["credential_events"], allowed),
        *_requests(tables["credential_events"], allowed),
        *_texts(tables, case.rows("clocks"), allowed),
        *_spikes(case, tables, allowed),
        *_pairs(tables["credential_events"], tables["ballot_events"], allowed),
    ]
    return sorted(found, key=lambda anchor: (anchor.clock_id, anchor.kind, anchor.against))


def _seconds(column: pl.Expr) -> pl.Expr:
    return column.dt.total_microseconds() / 1e6


def _by_clock(rows: pl.DataFrame, difference: pl.Expr) -> Iterator[tuple[str, NDArray]]:
    """The differences of each clock that has enough of them, in the order of the rows."""
    seconds = rows.select("clock_id", seconds=_seconds(difference)).drop_nulls()
    for (clock_id,), own in seconds.group_by("clock_id", maintain_order=True):
        if own.height >= FEWEST:
            yield str(clock_id), own["seconds"].to_numpy()


def _after(clock_id: str, kind: str, against: str, values: NDArray, allowed: float) -> Anchor:
    """No stamp may lie before what it is compared with."""
    high, loose = (feasible_offset(values, [], n_spare=spare)[1] for spare in (0, values.size // SPARE))
    out = np.searchsorted(np.sort(values), np.array(SHIFTS_S) - allowed)
    return Anchor(
        clock_id=clock_id, kind=kind, against=against, low=-math.inf, high=high, n=values.size, out=tuple(out.tolist()),
        loose=(-math.inf, loose),
    )  # fmt: skip


def _within(clock_id: str, kind: str, against: str, bounds: tuple[float, float], n: int, allowed: float) -> Anchor:
    """An offset estimated from all rows together: outside its bounds, all of them are out of order."""
    out = tuple(n if bounds[0] > shift + allowed or bounds[1] < shift - allowed else 0 for shift in SHIFTS_S)
    return Anchor(clock_id=clock_id, kind=kind, against=against, low=bounds[0], high=bounds[1], n=n, out=out, loose=bounds)


def _windows(case: Case, ballots: pl.DataFrame, allowed: dict[str, float]) -> Iterator[Anchor]:
    """Ballots that came in one by one against the opening and the close, as they were or as they were set in the system."""
    rows = ballots.filter(pl.col("event").is_in(CAST) & pl.col("batch_id").is_null())
    windows = case.rows("contest_windows")
    for channel in sorted(rows["channel"].unique()):
        found = voting_windows(windows, channel)
        own = rows.filter(pl.col("channel") == channel)
        window = found.get("actual") or found.get("configured")
        if window and window.opens_at:
            for clock_id, values in _by_clock(own, pl.col("known_at") - window.opens_at):
                yield _after(clock_id, "opening", f"{window.basis} opening, {channel}", values, allowed[clock_id])
        if window and window.closes_at:
            end = window.closes_at + timedelta(seconds=window.grace_s)
            for clock_id, values in _by_clock(own, pl.col("known_at") - end):
                after = _after(clock_id, "close", f"{window.basis} close, {channel}", -values, allowed[clock_id])
                loose = (-after.loose[1], math.inf)
                yield replace(after, low=-after.high, high=math.inf, out=after.out[::-1], loose=loose)


def _sent(case: Case, credentials: pl.DataFrame, allowed: dict[str, float]) -> Iterator[Anchor]:
    sent = case.rows("communications").filter(pl.col("kind") == "invitation")
    first = sent["sent_at"].min()
    to_all = sent["audience"].fill_null("unknown").is_in(("all", "unknown")).any()
    if first is not None and to_all:  # of a message to late joiners alone, others may have had theirs before
        rows = credentials.filter(pl.col("event").is_in(RESPONSES))
        for clock_id, values in _by_clock(rows, pl.col("known_at") - first):
            yield _after(clock_id, "sent", "first invitation sent", values, allowed[clock_id])


def _requests(credentials: pl.DataFrame, allowed: dict[str, float]) -> Iterator[Anchor]:
    for clock_id, values in _by_clock(credentials, pl.col("known_at") - pl.col("request_at")):
        yield _after(clock_id, "request", "requests on record", values, allowed[clock_id])


def _texts(tables: dict[str, pl.DataFrame], clocks: pl.DataFrame, allowed: dict[str, float]) -> Iterator[Anchor]:
    """The time as handed over against the log's own text, read in the clock's zone."""
    parts = [rows.select("clock_id", "at", "at_raw") for rows in tables.values()]
    rows = pl.concat(parts).drop_nulls("at_raw")
    if rows.height:
        rows = rows.with_columns(read_at=raw_instants(rows, clocks)).sort("clock_id", "at", "read_at")
        for clock_id, values in _by_clock(rows, pl.col("at") - pl.col("read_at")):
            offset = paired_offset(values)
            bounds = (offset.low, offset.high)
            anchor = _within(clock_id, "text", "text of the log", bounds, values.size, allowed[clock_id])
            yield replace(anchor, course=offset_course(np.arange(values.size), values, floor_s=LEAST_TOLERANCE_S))


def _spikes(case: Case, tables: dict[str, pl.DataFrame], allowed: dict[str, float]) -> Iterator[Anchor]:
    """What members do after an invitation or a reminder: where the spikes begin, if they are sharp enough to tell."""
    messages = case.rows("communications").filter(pl.col("kind").is_in(["invitation", "reminder"]))
    sends = messages["sent_at"].drop_nulls().dt.epoch("us").unique().sort().to_numpy() / 1e6
    ballots = tables["ballot_events"].filter(pl.col("event").is_in(CAST) & pl.col("batch_id").is_null())
    seen = tables["credential_events"].filter(pl.col("event").is_in(SEEN))
    rows = pl.concat([ballots.select("clock_id", "known_at"), seen.select("clock_id", "known_at")])
    if sends.size < 2:  # one message goes out at the opening, which tells the same by itself
        return
    for (clock_id,), own in rows.group_by("clock_id"):
        if own.height >= FEWEST:
            offset = spike_offset(own["known_at"].dt.epoch("us").to_numpy() / 1e6, sends, confidence_level=SPIKE_LEVEL)
            if offset and offset.high - offset.low <= WIDEST_SPIKE_S:
                bounds = (offset.low - FIRST_RESPONSE_S, offset.high)
                yield _within(str(clock_id), "spike", f"{sends.size} messages sent", bounds, own.height, allowed[str(clock_id)])


def _pairs(credentials: pl.DataFrame, ballots: pl.DataFrame, allowed: dict[str, float]) -> Iterator[Anchor]:
    """A member's credential on one clock and ballot on another: the first bounds from both sides, the second from one."""
    if len({*credentials["clock_id"].unique(), *ballots["clock_id"].unique()}) < 2:
        return
    cast = _firsts(ballots.filter(pl.col("event").is_in(CAST)), "cast")
    for event, kind in (("used", "used_and_cast"), ("issued", "issued_and_cast")):
        both = _firsts(credentials.filter(pl.col("event") == event), "other").join(cast, on="voter_key")
        both = both.filter(pl.col("cast_clock") != pl.col("other_clock"))
        for (clock_id, against), own in both.group_by("cast_clock", "other_clock", maintain_order=True):
            if own.height < FEWEST:
                continue
            own = own.sort("other", "cast", "voter_key")
            values = own.select(_seconds(pl.col("cast") - pl.col("other"))).to_series().to_numpy()
            limit = allowed[str(clock_id)] + allowed[str(against)]
            anchor = _after(str(clock_id), kind, str(against), values, limit)
            if event == "used":
                late = np.searchsorted(np.sort(-values), -(np.array(SHIFTS_S) + SESSION_S + limit))
                times = own["other"].dt.epoch("us").to_numpy() / 1e6
                course = offset_course(times, values, floor_s=LEAST_TOLERANCE_S)
                low = float(np.median(values)) - SESSION_S
                late = np.where(late * 2 > values.size, late, 0)  # half of the members may take longer
                out = tuple(np.maximum(anchor.out, late).tolist())
                anchor = replace(anchor, low=low, out=out, loose=(low, anchor.loose[1]), course=course)
            yield from (anchor, anchor.mirrored)


def _firsts(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    rows = rows.drop_nulls("voter_key").sort("known_at", "event_id").unique("voter_key", keep="first", maintain_order=True)
    return rows.select("voter_key", pl.col("known_at").alias(name), pl.col("clock_id").alias(f"{name}_clock"))

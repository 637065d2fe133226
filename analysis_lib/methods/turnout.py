"""When ballots came in, and what peers show: the series that the turnout questions share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from analysis_lib.case import Case
from analysis_lib.clocks import resolution_s, window_in_force
from analysis_lib.methods.ballot_kinds import given_online
from analysis_lib.stats.turnout_baseline import Baseline, Hours, fit_baseline

HOUSEHOLD_BALLOTS = 4  # one network with more ballots than this is not taken for a household
HOUSEHOLD_S = 1800  # members of one household who vote within this time of each other count once
MIN_PEERS = 5
TOLD_TWICE = 0.25  # share of another source's stamps that fall on the first one's, from which on it tells the same ballots
QUEUE_UNITS, IN_ONE_TENTH = (900, 300), 0.6  # seconds at which a queue may be written out, and how many stamps then fall together
MIN_QUEUED = 30
MIN_DISTINCT = 5  # fewer different stamps may all be of a whole minute by chance
LENGTH_SLACK_H = 1  # peers may differ by the hour that a clock change adds or takes


@dataclass(frozen=True, slots=True, kw_only=True)
class Casts:
    """Stamps of ballots cast in the window in force, seconds since the opening, sorted; households counted once."""

    stamps: NDArray
    opens_at: datetime
    edges: NDArray
    resolution: int
    n_outside: int
    n_household: int
    networks_known: bool
    n_left_out: int = 0

    def at(self, seconds: float) -> datetime:
        """Instant of a stamp."""
        return self.opens_at + timedelta(seconds=float(seconds))


def casts(case: Case) -> Casts | None:
    """Give the stamps of a contest's online ballots; null where the window or the times aren't held."""
    window = window_in_force(case.rows("contest_windows"), "online")
    if window is None or window.opens_at is None or window.closes_at is None:
        return None
    rows = one_telling(last_of_each(given_online(case.rows("ballot_events"))))
    resolution = max(
        resolution_s(rows, case.rows("clocks")),
        seen_resolution(rows["at"], case.contest["timezone"]),
        queued(rows["at"], case.contest["timezone"]),
    )
    # A stamp cut down to the hour may lie before an opening at half past.
    still_open = pl.col("at") > window.opens_at - timedelta(seconds=resolution)
    inside = rows.filter(still_open & (pl.col("at") < window.closes_at)).sort("at", "event_id")
    kept = once_per_household(inside)
    seconds = ((kept["at"] - window.opens_at).dt.total_microseconds() // 1_000_000).to_numpy().astype(np.int64)
    return Casts(
        stamps=np.sort(np.maximum(seconds, 0)),
        opens_at=window.opens_at,
        edges=hour_edges(window.opens_at, window.closes_at),
        resolution=resolution,
        n_outside=rows.height - inside.height,
        n_household=inside.height - kept.height,
        networks_known=bool(inside["ip_key"].count()),
    )


def last_of_each(rows: pl.DataFrame) -> pl.DataFrame:
    """Keep the last ballot of every voter, code or ballot: one who votes again on a bad line counts once."""
    own = pl.coalesce("voter_key", "credential_id", "ballot_id", "event_id")
    return rows.sort("at", "event_id").with_columns(own=own).unique("own", keep="last", maintain_order=True).drop("own")


def one_telling(rows: pl.DataFrame) -> pl.DataFrame:
    """Keep the longest source alone where nobody is known and a second source bears many of the same stamps: it tells them again."""
    sources = rows.group_by("source_id").len().sort("len", "source_id", descending=[True, False])["source_id"]
    if sources.len() < 2 or rows["voter_key"].count() or rows["credential_id"].count():
        return rows
    first, others = rows.filter(pl.col("source_id") == sources[0]), rows.filter(pl.col("source_id") != sources[0])
    near = others.filter(pl.col("at").dt.round("5s").is_in(first["at"].dt.round("5s").implode()))
    return first if near.height > TOLD_TWICE * others.height else rows


def hour_edges(opens_at: datetime, closes_at: datetime) -> NDArray:
    """Seconds from the opening to the start of each hour of the window, and to the close."""
    length = (closes_at - opens_at).total_seconds()
    return np.unique(np.append(np.arange(0.0, length, 3600.0), length))


def seen_resolution(at: pl.Series, zone: str) -> int:
    """Seconds by which all local times divide: 1, a minute, an hour or a day. A log may be coarser than its clock is said to be."""
    if at.n_unique() < MIN_DISTINCT:
        return 1
    local = _local_us(at, zone)
    return next((unit for unit in (86400, 3600, 60) if (local % (unit * 1_000_000) == 0).all()), 1)


def queued(at: pl.Series, zone: str) -> int:
    """Seconds at which a queue seems to be written out, which leaves most stamps in one tenth of them; 1 if none shows."""
    if at.len() < MIN_QUEUED:
        return 1
    seconds = _local_us(at, zone).to_numpy() / 1e6
    spread = (unit for unit in QUEUE_UNITS if np.unique(seconds // unit).size >= MIN_DISTINCT)
    return next((unit for unit in spread if _in_one_tenth(seconds % unit, unit)), 1)


def _local_us(at: pl.Series, zone: str) -> pl.Series:
    return at.dt.convert_time_zone(zone).dt.replace_time_zone(None).dt.epoch("us")


def _in_one_tenth(phases: NDArray, unit: int) -> bool:
    """Whether most of the phases lie within one tenth of the unit, wherever it begins."""
    around = np.sort(np.concatenate((phases, phases + unit)))
    held = np.searchsorted(around, around[: phases.size] + unit / 10, side="right") - np.arange(phases.size)
    return bool(held.max() >= IN_ONE_TENTH * phases.size)


def once_per_household(rows: pl.DataFrame) -> pl.DataFrame:
    """Leave out a ballot that follows another of the same small network within half an hour: couples vote together.

    A network with more than `HOUSEHOLD_BALLOTS` ballots in the contest is left as it is: it may be an
    office, a carrier or something to be explained, not a household.
    """
    known = pl.col("ip_key").is_not_null()
    since = (pl.col("at") - pl.col("at").shift(1).over("ip_key")).dt.total_seconds()
    together = known & (pl.len().over("ip_key") <= HOUSEHOLD_BALLOTS) & (since <= HOUSEHOLD_S)
    return rows.filter(~together.fill_null(False))


def _hours(case: Case, contest_id: str, opens_at: datetime, n_hours: int) -> Hours:
    zone = case.rows_of("contests", contest_id)["timezone"][0]
    instants = pl.Series([opens_at + timedelta(hours=h) for h in range(n_hours)])
    sent = (
        case.rows_of("communications", contest_id)
        .filter(pl.col("kind").is_in(["invitation", "reminder"]))["sent_at"]
        .drop_nulls()
    )
    since = np.array(sorted((at - opens_at).total_seconds() / 3600 for at in sent))
    return Hours(instants.dt.convert_time_zone(zone).dt.hour().to_numpy(), since)


def own_hours(case: Case, series: Casts) -> Hours:
    """Clock and messages of the contest itself, over the whole and part hours of its window."""
    return _hours(case, case.contest_id, series.opens_at, series.edges.size - 1)


def expected_shares(baseline: Baseline, hours: Hours, series: Casts) -> NDArray:
    """Give the share of all ballots that each hour should hold at the peers' pace; a part hour at the close gets its part."""
    shares = baseline.shares(hours) * np.diff(series.edges)
    return shares / shares.sum()


def peer_baseline(case: Case, series: Casts) -> Baseline | None:
    """Fit the shape of turnout on the peers that opened at the same hour and weekday for as long; null under `MIN_PEERS` of them."""
    zone = case.contest["timezone"]
    length_h = series.edges[-1] / 3600
    start = _local(series.opens_at, zone)
    counts, hours = [], []
    for contest_id in case.peers():
        window = window_in_force(case.rows_of("contest_windows", contest_id), "online")
        if window is None or window.opens_at is None or window.closes_at is None:
            continue
        own = _local(window.opens_at, case.rows_of("contests", contest_id)["timezone"][0])
        n_hours = round((window.closes_at - window.opens_at).total_seconds() / 3600)
        alike = (own.weekday(), own.hour) == (start.weekday(), start.hour) and abs(n_hours - length_h) <= LENGTH_SLACK_H
        hourly = _hourly(case.rows_of("turnout_counts", contest_id), window.opens_at, n_hours) if alike else None
        if hourly is not None and hourly.sum() > 0:
            counts.append(hourly)
            hours.append(_hours(case, contest_id, window.opens_at, n_hours))
    return fit_baseline(counts, hours) if len(counts) >= MIN_PEERS else None


def _local(at: datetime, zone: str) -> datetime:
    return pl.Series([at]).dt.convert_time_zone(zone)[0]


def _hourly(readings: pl.DataFrame, opens_at: datetime, n_hours: int) -> NDArray | None:
    """Ballots in each hour from a cumulative count; null if it falls or any hour has no reading."""
    whole = readings.filter((pl.col("unit") == "ALL") & pl.col("channel").is_in(["online", "all"]))
    # One series only, the online one if there is one: two channels or two sources don't make one count.
    first = whole.sort("channel", "source_id", descending=[True, False]).select("channel", "source_id").head(1)
    whole = whole.join(first, on=["channel", "source_id"]).sort("as_of")
    if not whole.height or (whole["voted_n"].diff().drop_nulls() < 0).any():
        return None
    since = ((whole["as_of"] - opens_at).dt.total_seconds() / 3600).to_numpy()
    latest = np.searchsorted(since, np.arange(n_hours + 1) + 1e-9, side="right") - 1
    if latest[0] < 0 or np.unique(latest).size < n_hours + 1:
        return None
    return np.diff(whole["voted_n"].to_numpy()[latest])


def steps(case: Case) -> pl.DataFrame:
    """Increments of the running count between readings: ``start, end`` (UTC), ``seconds, count, hour``; falls are left out.

    The series with the most readings is taken. ``hour`` numbers the clock hour in which a step's middle lies.
    """
    readings = case.rows("turnout_counts")
    series = (
        readings.group_by("channel", "unit", "source_id")
        .len()
        .sort("len", "channel", "unit", "source_id", descending=[True] + [False] * 3)
    )
    one = readings.join(series.head(1).drop("len"), on=["channel", "unit", "source_id"]).sort("as_of")
    frame = one.select(
        start=pl.col("as_of").shift(1), end=pl.col("as_of"), count=pl.col("voted_n").diff(),
        seconds=pl.col("as_of").diff().dt.total_seconds(),
    ).drop_nulls().filter((pl.col("count") >= 0) & (pl.col("seconds") > 0))  # fmt: skip
    middle = pl.col("start") + pl.duration(seconds=pl.col("seconds") // 2)
    return frame.with_columns(hour=(middle.dt.epoch("s") // 3600))

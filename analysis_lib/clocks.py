"""Windows in four bases, and the readings that an uncertain clock allows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl

BASES = ("advertised", "configured", "amended", "actual")
IN_FORCE = ("amended", "advertised", "configured", "actual")  # the first that is held: what members were last told
RESOLUTION_S = {"us": 1, "ms": 1, "s": 1, "min": 60, "hour": 3600, "day": 86400}
UNCERTAIN_ZONE = ("inferred_from_anchor", "assumed")
SPREADS = 2  # standard deviations of a clock's offset that a reading still allows


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """When one channel was open in one basis; UTC, null where that end isn't known. `grace_s` is a documented allowance."""

    channel: str
    basis: str
    opens_at: datetime | None
    closes_at: datetime | None
    grace_s: int


def voting_windows(windows: pl.DataFrame, channel: str) -> dict[str, Window]:
    """Give the voting window of a channel in each basis held: its own rows, else those for all channels; of several the last announced."""
    rows = windows.filter(pl.col("kind") == "voting")
    found = {}
    for basis in BASES:
        for name in (channel, "all"):
            match = rows.filter((pl.col("basis") == basis) & (pl.col("channel") == name))
            if match.height:
                last = match.sort("announced_at", "window_id", nulls_last=False).row(-1, named=True)
                found[basis] = Window(
                    channel=channel,
                    basis=basis,
                    opens_at=last["opens_at"],
                    closes_at=last["closes_at"],
                    grace_s=last["grace_s"] or 0,
                )
                break
    return found


def window_in_force(windows: pl.DataFrame, channel: str) -> Window | None:
    """Give the window that members were last told of: amended, else advertised, configured, actual; null if none is held."""
    found = voting_windows(windows, channel)
    return next((found[basis] for basis in IN_FORCE if basis in found), None)


def resolution_s(rows: pl.DataFrame, clocks: pl.DataFrame) -> int:
    """Coarsest resolution in seconds among the clocks that stamped these rows; 1 where no clock is named."""
    used = rows.select("clock_id").unique().join(clocks, on="clock_id", how="inner")
    return max((RESOLUTION_S[value] for value in used["resolution"]), default=1)


def readings(rows: pl.DataFrame, clocks: pl.DataFrame, zone: str) -> dict[str, pl.Series]:
    """Give the instants of `rows` under every reading that their clocks allow.

    Parameters
    ----------
    rows : DataFrame
        ``at`` (UTC) and ``clock_id``.
    clocks : DataFrame
        The clocks table: ``tz_used``, ``tz_basis``, ``offset_s``, ``offset_sd_s``, ``dst_policy``.
    zone : str
        IANA zone of the contest's advertised times.

    Returns
    -------
    dict of str to Series
        ``as_recorded`` always; then only those readings that move some row: ``offset_removed`` (the
        clock's known error), ``clock_slow`` and ``clock_fast`` (2 standard deviations of that error
        either way), ``other_zone`` (UTC was local time or the reverse, where the zone was inferred
        or assumed), ``other_fold`` (the repeated hour when clocks go back).
    """
    clock = rows.select("clock_id").join(clocks, on="clock_id", how="left", maintain_order="left")
    at = rows["at"]
    frame = pl.DataFrame(
        {
            "at": at,
            "offset": clock["offset_s"].fill_null(0.0),
            "spread": clock["offset_sd_s"].fill_null(0.0),
            "utc": clock["tz_used"].is_in(["UTC", "Etc/UTC"]).fill_null(False),
            "unsure": clock["tz_basis"].is_in(UNCERTAIN_ZONE).fill_null(False),
            "both": clock["dst_policy"].eq("both_bounds").fill_null(False),
        }
    )
    seconds = lambda column: pl.duration(microseconds=(column * 1e6).round().cast(pl.Int64))  # noqa: E731
    local_wall = pl.col("at").dt.convert_time_zone(zone).dt.replace_time_zone(None)
    utc_wall = pl.col("at").dt.replace_time_zone(None)
    taken_as_utc = local_wall.dt.replace_time_zone("UTC")
    taken_as_local = utc_wall.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null").dt.convert_time_zone("UTC")
    earliest = local_wall.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null").dt.convert_time_zone("UTC")
    latest = local_wall.dt.replace_time_zone(zone, ambiguous="latest", non_existent="null").dt.convert_time_zone("UTC")
    corrected = pl.col("at") - seconds(pl.col("offset"))
    frame = frame.select(
        as_recorded=pl.col("at"),
        offset_removed=corrected,
        clock_slow=corrected + seconds(SPREADS * pl.col("spread")),
        clock_fast=corrected - seconds(SPREADS * pl.col("spread")),
        other_zone=pl.when("unsure").then(pl.when("utc").then(taken_as_local).otherwise(taken_as_utc)).otherwise(pl.col("at")),
        other_fold=pl.when("both").then(pl.when(pl.col("at") == earliest).then(latest).otherwise(earliest)).otherwise(pl.col("at")),
    )
    recorded = frame["as_recorded"]
    found = {"as_recorded": recorded}
    for name in frame.columns[1:]:
        values = frame[name].fill_null(recorded)
        if not (values == recorded).all():
            found[name] = values
    return found

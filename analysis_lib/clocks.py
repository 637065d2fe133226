"""Windows in four bases, and the readings that an uncertain clock allows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

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
    """Give the voting window of a channel in each basis held: its own rows, else those for all channels.

    The last announced stands; of several announced together the widest, so that nothing is late which
    one of them allows. An amendment that names one end leaves the other as it was advertised.
    """
    rows = windows.filter(pl.col("kind") == "voting")
    found: dict[str, Window] = {}
    for basis in BASES:
        for name in (channel, "all"):
            match = rows.filter((pl.col("basis") == basis) & (pl.col("channel") == name))
            if match.height:
                before = found.get("advertised") if basis == "amended" else None
                found[basis] = _last_announced(match, channel, basis, before)
                break
    return found


def _last_announced(match: pl.DataFrame, channel: str, basis: str, before: Window | None) -> Window:
    announced = match["announced_at"].max()
    last = match if announced is None else match.filter(pl.col("announced_at") == announced)
    opens_at, closes_at, grace_s = last["opens_at"].min(), last["closes_at"].max(), last["grace_s"].max()
    if before:
        opens_at, closes_at = opens_at or before.opens_at, closes_at or before.closes_at
        grace_s = before.grace_s if grace_s is None else grace_s
    return Window(channel=channel, basis=basis, opens_at=opens_at, closes_at=closes_at, grace_s=grace_s or 0)


def in_force(found: dict[str, Window]) -> str | None:
    """Name the basis that members were last told of, among those whose close is known; without any close, among all."""
    held = [basis for basis in IN_FORCE if basis in found]
    return next((basis for basis in held if found[basis].closes_at), held[0] if held else None)


def window_in_force(windows: pl.DataFrame, channel: str) -> Window | None:
    """Give the window that members were last told of: amended, else advertised, configured, actual; null if none is held."""
    found = voting_windows(windows, channel)
    basis = in_force(found)
    return found[basis] if basis else None


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
        clock's known error), and from there ``clock_slow`` and ``clock_fast`` (2 standard deviations of
        that error either way), ``other_zone`` (UTC was local time or the reverse, where the zone was
        inferred or assumed), ``other_fold`` (the repeated hour when clocks go back).
    """
    clock = rows.select("clock_id").join(clocks, on="clock_id", how="left", maintain_order="left")
    frame = pl.DataFrame(
        {
            "at": rows["at"],
            "offset": clock["offset_s"].fill_null(0.0),
            "spread": clock["offset_sd_s"].fill_null(0.0),
            "written_in": clock["tz_used"],
            "unsure": clock["tz_basis"].is_in(UNCERTAIN_ZONE).fill_null(False),
            "both": clock["dst_policy"].eq("both_bounds").fill_null(False),
        }
    )
    corrected = pl.col("at") - _seconds(pl.col("offset"))
    other_zone, other_fold = corrected, corrected
    for written_in in clock["tz_used"].drop_nulls().unique().sort():
        wall = corrected.dt.convert_time_zone(written_in).dt.replace_time_zone(None)
        own = pl.col("written_in") == written_in
        meant = zone if _is_utc(written_in) else "UTC"
        other_zone = pl.when(own & pl.col("unsure")).then(_instant(wall, meant, "earliest")).otherwise(other_zone)
        first, second = _instant(wall, written_in, "earliest"), _instant(wall, written_in, "latest")
        other = pl.when(corrected == first).then(second).otherwise(first)
        other_fold = pl.when(own & pl.col("both")).then(other).otherwise(other_fold)
    frame = frame.select(
        as_recorded=pl.col("at"),
        offset_removed=corrected,
        clock_slow=corrected + _seconds(SPREADS * pl.col("spread")),
        clock_fast=corrected - _seconds(SPREADS * pl.col("spread")),
        other_zone=other_zone,
        other_fold=other_fold,
    )
    found: dict[str, pl.Series] = {}
    for name in frame.columns:
        values = frame[name].fill_null(frame["offset_removed"])
        if not any((values == other).all() for other in found.values()):
            found[name] = values
    return found


def _seconds(column: pl.Expr) -> pl.Expr:
    return pl.duration(microseconds=(column * 1e6).round().cast(pl.Int64))


def _instant(wall: pl.Expr, zone: str, which: Literal["earliest", "latest"]) -> pl.Expr:
    """The instant of a wall-clock time; null where clocks skip it."""
    return wall.dt.replace_time_zone(zone, ambiguous=which, non_existent="null").dt.convert_time_zone("UTC")


def _is_utc(zone: str) -> bool:
    """Whether a zone, such as GMT, is universal time in winter and in summer."""
    return all(datetime(2031, month, 1, tzinfo=ZoneInfo(zone)).utcoffset() == timedelta(0) for month in (1, 7))

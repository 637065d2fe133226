"""Windows in four bases, and the readings that an uncertain clock allows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import polars as pl

BASES = ("advertised", "configured", "amended", "actual")
IN_FORCE = ("amended", "advertised", "configured", "actual")  # the first that is held: what members were last told
RESOLUTION_S = {"us": 1, "ms": 1, "s": 1, "min": 60, "hour": 3600, "day": 86400}
FINE = ("us", "ms")
US = 1_000_000
UNCERTAIN_ZONE = ("inferred_from_anchor", "assumed")
READING_ORDER = ("offset_removed", "clock_slow", "clock_fast", "other_zone", "other_fold", "anchored")
RAW_FORMS = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M")
OFFSET_FORM = "%Y-%m-%d %H:%M:%S%.f%#z"
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
    """Give the voting window of a channel in each basis held."""
    return windows_of_kind(windows, channel, "voting")


def windows_of_kind(windows: pl.DataFrame, channel: str, kind: str) -> dict[str, Window]:
    """Give the window of one kind for a channel in each basis held: its own rows, else those for all channels.

    The last announced stands; of several announced together the widest, so that nothing is late which
    one of them allows. An amendment that names one end leaves the other as it was advertised.
    """
    rows = windows.filter(pl.col("kind") == kind)
    found: dict[str, Window] = {}
    for basis in BASES:
        # A later change for all channels stands over an earlier one for this channel.
        for names in ((channel, "all"),) if basis == "amended" else ((channel,), ("all",)):
            match = rows.filter((pl.col("basis") == basis) & pl.col("channel").is_in(names))
            if match.height:
                before = found.get("advertised") if basis == "amended" else None
                found[basis] = _last_announced(match, channel, basis, before)
                break
    return found


def _last_announced(match: pl.DataFrame, channel: str, basis: str, before: Window | None) -> Window:
    announced = match["announced_at"].max()
    last = (
        match
        if announced is None
        else match.filter((pl.col("announced_at").is_null() & (basis == "amended")) | (pl.col("announced_at") == announced))
    )
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


def reach(rows: pl.DataFrame, clocks: pl.DataFrame, unsaid: Literal["truncate", "round"]) -> tuple[pl.Series, pl.Series]:
    """Give by how much each event may lie before its stamp, and by how much after it, as its own clock rounds.

    A time that was cut off lies up to a unit (less a microsecond) after its stamp; one brought to the nearest
    unit, up to half a unit either way. A clock finer than a second is read as one that cuts to the second, and so
    are rows without a described clock.

    Parameters
    ----------
    rows : DataFrame
        ``clock_id``.
    clocks : DataFrame
        The clocks table: ``resolution``, ``rounding``.
    unsaid : {'truncate', 'round'}
        How a clock is read whose ``rounding`` is null or unknown.

    Returns
    -------
    earlier, later : Series of Duration (n,)
        In the order of the rows; no nulls.
    """
    own = rows.select("clock_id").join(clocks, on="clock_id", how="left", maintain_order="left")
    said = pl.when(pl.col("rounding").is_in(("truncate", "round"))).then("rounding").otherwise(pl.lit(unsaid))
    coarse = pl.col("resolution").is_not_null() & ~pl.col("resolution").is_in(FINE)
    nearest = coarse & (said == "round")
    unit = pl.col("resolution").replace_strict(RESOLUTION_S, default=1, return_dtype=pl.Int64) * US
    frame = own.select(
        earlier=pl.duration(microseconds=pl.when(nearest).then(unit // 2).otherwise(0)),
        later=pl.duration(microseconds=pl.when(nearest).then(unit // 2).otherwise(unit - 1)),
    )
    return frame["earlier"], frame["later"]


def readings(
    rows: pl.DataFrame, clocks: pl.DataFrame, zone: str, anchored: Mapping[str, float] | None = None
) -> dict[str, pl.Series]:
    """Give the instants of `rows` under every reading that their clocks allow.

    Parameters
    ----------
    rows : DataFrame
        ``at`` (UTC) and ``clock_id``.
    clocks : DataFrame
        The clocks table: ``tz_used``, ``tz_basis``, ``offset_s``, ``offset_sd_s``, ``dst_policy``.
    zone : str
        IANA zone of the contest's advertised times.
    anchored : mapping of str to float, optional
        By clock, the offset in seconds (stamp less true time) that other records give it beyond its known error.

    Returns
    -------
    dict of str to Series
        ``as_recorded`` always; then only those readings that move some row otherwise than those before
        them, in this order and at most 14: ``offset_removed`` (the clock's known error), and from there
        every combination, joined by "+", of ``other_zone`` (UTC was local time or the reverse, where the
        zone was inferred or assumed), ``other_fold`` (the repeated hour when clocks go back) and ``clock_slow`` or
        ``clock_fast`` (2 standard deviations of the error either way); last ``anchored``.
    """
    clock = rows.select("clock_id").join(clocks, on="clock_id", how="left", maintain_order="left")
    offsets = dict(anchored or {})
    frame = pl.DataFrame(
        {
            "at": rows["at"],
            "offset": clock["offset_s"].fill_null(0.0),
            "spread": clock["offset_sd_s"].fill_null(0.0),
            "written_in": clock["tz_used"],
            "unsure": clock["tz_basis"].is_in(UNCERTAIN_ZONE).fill_null(False),
            "both": clock["dst_policy"].eq("both_bounds").fill_null(False),
            "anchor": clock["clock_id"].replace_strict(offsets, default=0.0, return_dtype=pl.Float64),
        }
    ).with_columns(offset_removed=pl.col("at") - _seconds(pl.col("offset")))
    frame = frame.with_columns(other_zone=_other_zone(frame, zone, "earliest"), later=_other_zone(frame, zone, "latest"))
    frame = frame.with_columns(other_fold=_other_fold(frame))
    # Where a row's zone is exchanged, its other fold is the later of the two instants that the other zone gives.
    both = pl.when(pl.col("unsure")).then(pl.col("later")).otherwise(pl.col("other_fold"))
    bases = {"": pl.col("offset_removed"), "other_zone": pl.col("other_zone"), "other_fold": pl.col("other_fold")}
    bases["other_zone+other_fold"] = both
    spread = _seconds(SPREADS * pl.col("spread"))
    moved = {}
    for base, at in bases.items():
        for error, instant in (("", at), ("clock_slow", at + spread), ("clock_fast", at - spread)):
            moved["+".join(part for part in (base, error) if part) or "offset_removed"] = instant
    moved["anchored"] = pl.col("offset_removed") - _seconds(pl.col("anchor"))
    uncertain = bool(offsets) or frame.select((pl.col("spread") != 0) | pl.col("unsure") | pl.col("both")).to_series().any()
    found = {"as_recorded": frame["at"]}
    for name in sorted(moved, key=_place_of_reading) if uncertain else ["offset_removed"]:
        values = frame.select(moved[name]).to_series().fill_null(frame["offset_removed"])
        if not any((values == other).all() for other in found.values()):
            found[name] = values.alias(name)
    return found


def _place_of_reading(name: str) -> tuple[int, int]:
    """Single readings come before those that combine them."""
    parts = name.split("+")
    return len(parts), READING_ORDER.index(parts[0]) * len(READING_ORDER) + READING_ORDER.index(parts[-1])


def _other_zone(frame: pl.DataFrame, zone: str, which: Literal["earliest", "latest"]) -> pl.Series:
    """Each doubtful wall-clock time read in UTC if it was taken for local time, and in the contest's zone if for UTC."""
    found = pl.col("offset_removed")
    for written_in in frame.filter("unsure")["written_in"].drop_nulls().unique().sort():
        meant = zone if _is_utc(written_in) else "UTC"
        own = pl.col("unsure") & (pl.col("written_in") == written_in)
        found = pl.when(own).then(_instant(_wall(written_in), meant, which)).otherwise(found)
    return frame.select(found.alias("found")).to_series()


def _other_fold(frame: pl.DataFrame) -> pl.Series:
    """Each time of a repeated hour moved to the other one, where the clock doesn't say which it was."""
    found = pl.col("offset_removed")
    for written_in in frame.filter("both")["written_in"].drop_nulls().unique().sort():
        first, second = (_instant(_wall(written_in), written_in, which) for which in ("earliest", "latest"))
        other = pl.when(pl.col("offset_removed") == first).then(second).otherwise(first)
        found = pl.when(pl.col("both") & (pl.col("written_in") == written_in)).then(other).otherwise(found)
    return frame.select(found.alias("found")).to_series()


def _wall(zone: str) -> pl.Expr:
    return pl.col("offset_removed").dt.convert_time_zone(zone).dt.replace_time_zone(None)


def _seconds(column: pl.Expr) -> pl.Expr:
    return pl.duration(microseconds=(column * 1e6).round().cast(pl.Int64))


def _instant(wall: pl.Expr, zone: str, which: Literal["earliest", "latest"]) -> pl.Expr:
    """The instant of a wall-clock time; null where clocks skip it."""
    return wall.dt.replace_time_zone(zone, ambiguous=which, non_existent="null").dt.convert_time_zone("UTC")


def _is_utc(zone: str) -> bool:
    """Whether a zone, such as GMT, is universal time in winter and in summer."""
    return all(datetime(2031, month, 1, tzinfo=ZoneInfo(zone)).utcoffset() == timedelta(0) for month in (1, 7))


def raw_instants(rows: pl.DataFrame, clocks: pl.DataFrame, which: Literal["earliest", "latest"] = "earliest") -> pl.Series:
    """Read the log's own text: by the offset it bears, else in its clock's zone; null where it isn't like 2031-10-20 12:00[:00].

    Parameters
    ----------
    rows : DataFrame
        ``at_raw`` and ``clock_id``.
    clocks : DataFrame
        The clocks table: ``tz_used``.
    which : {'earliest', 'latest'}
        Which instant of an hour that comes twice.
    """
    zones = rows.select("clock_id").join(clocks.select("clock_id", "tz_used"), on="clock_id", how="left", maintain_order="left")
    text = rows["at_raw"].str.strip_chars().str.replace("T", " ", literal=True).str.replace(r"Z$", "+00:00")
    frame = pl.DataFrame({"zone": zones["tz_used"], "text": text}).with_columns(
        wall=pl.coalesce(*(pl.col("text").str.to_datetime(form, strict=False, time_unit="us") for form in RAW_FORMS)),
        found=pl.col("text").str.to_datetime(OFFSET_FORM, strict=False, time_unit="us", time_zone="UTC"),
    )
    found = pl.col("found")
    for zone in frame["zone"].drop_nulls().unique().sort():
        read = _instant(pl.col("wall"), zone, which)
        found = pl.when(pl.col("found").is_null() & (pl.col("zone") == zone)).then(read).otherwise(found)
    return frame.select(found.alias("read_at")).to_series()

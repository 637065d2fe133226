"""Which of two logged acts came first, as far as their clocks can tell. Shared by the questions that set two logs side by side."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

import polars as pl

from analysis_lib.case import Case
from analysis_lib.clocks import RESOLUTION_S, in_force, readings, windows_of_kind
from analysis_lib.methods.clock_offset import anchored_offsets

STAMP = ("at", "clock_id", "earliest", "latest", "unit_s", "margin_s")
ENOUGH = 10  # stamps of a log, all on full minutes or hours, that show how it was cut
MEASURED_S = 60  # of two clocks whose error was stated: the guidelines of NIST let one drift by a minute in 15 hours
UNMEASURED_S = 300  # house rule: two computers that nobody compared may differ by minutes


def stamped(rows: pl.DataFrame, case: Case) -> pl.DataFrame:
    """Add ``earliest`` and ``latest``, over every reading of the clock that stamped a row, and ``unit_s``, that clock's unit.

    ``margin_s`` is by how much it may differ from another one, more if nobody stated the error of either. Where only limits ``at_lo`` and ``at_hi`` are known, they are these; with neither, both are null.
    """
    clocks = case.rows("clocks")
    found = readings(rows, clocks, case.contest["timezone"], anchored_offsets(case))
    every = pl.DataFrame([at.alias(f"reading_{i}") for i, at in enumerate(found.values())])
    clock = rows.select("clock_id").join(clocks, on="clock_id", how="left", maintain_order="left")
    placed = rows.with_columns(
        unit_s=clock["resolution"].replace_strict(RESOLUTION_S, default=_unit_of(rows["at"]), return_dtype=pl.Int64),
        margin_s=clock.select(pl.when(pl.col("offset_sd_s").is_null()).then(UNMEASURED_S).otherwise(MEASURED_S)).to_series(),
        earliest=every.select(pl.min_horizontal(pl.all())).to_series(),
        latest=every.select(pl.max_horizontal(pl.all())).to_series(),
    )
    if {"at_lo", "at_hi"} <= set(rows.columns):
        return placed.with_columns(earliest=pl.coalesce("earliest", "at_lo"), latest=pl.coalesce("latest", "at_hi"))
    return placed


def _unit_of(at: pl.Series) -> int:
    """The coarsest unit that every stamp of a log shows: how it was cut where its clock is not described."""
    seconds = at.drop_nulls().dt.epoch("s")
    return next((unit for unit in (86_400, 3600, 60) if len(seconds) >= ENOUGH and (seconds % unit == 0).all()), 1)


def surely_before(first: str = "", second: str = "_of_right") -> pl.Expr:
    """Whether one stamp is before another under every reading; two stamps of one clock are compared as they stand.

    The arguments are suffixes of the columns that `stamped` makes.
    """
    unit = pl.duration(seconds=pl.col(f"unit_s{first}"))
    as_they_stand = pl.col(f"at{first}") + unit <= pl.col(f"at{second}")
    apart = pl.col(f"latest{first}") + unit + _margin(first, second) <= pl.col(f"earliest{second}")
    return pl.when(_one_clock(first, second)).then(as_they_stand).otherwise(apart).fill_null(False)


def possibly_before(first: str = "", second: str = "_of_right") -> pl.Expr:
    """Whether one stamp is before another under some reading; a time that isn't known may be."""
    unit = pl.duration(seconds=pl.col(f"unit_s{second}") - 1)  # a second is told apart from the next, an hour hides its order
    as_they_stand = pl.col(f"at{first}") < pl.col(f"at{second}")
    apart = pl.col(f"earliest{first}") < pl.col(f"latest{second}") + unit + _margin(first, second)
    return pl.when(_one_clock(first, second)).then(as_they_stand).otherwise(apart).fill_null(True)


def _margin(first: str, second: str) -> pl.Expr:
    return pl.duration(seconds=pl.min_horizontal(f"margin_s{first}", f"margin_s{second}"))


def _one_clock(first: str, second: str) -> pl.Expr:
    same = pl.col(f"clock_id{first}") == pl.col(f"clock_id{second}")
    timed = pl.col(f"at{first}").is_not_null() & pl.col(f"at{second}").is_not_null()
    return (same & timed).fill_null(False)


def edge(case: Case, kind: str, end: Literal["opens_at", "closes_at"]) -> datetime | None:
    """Give the first opening or the last close in force of one kind of window, over all channels; null if none is held."""
    windows = case.rows("contest_windows")
    found = []
    for channel in windows.filter(pl.col("kind") == kind)["channel"].unique():
        held = windows_of_kind(windows, channel, kind)
        if basis := in_force(held):
            found.append(getattr(held[basis], end))
    known = [at for at in found if at is not None]
    if not known:
        return None
    return min(known) if end == "opens_at" else max(known)


def coarse(at: datetime, n: int, case: Case) -> date:
    """Give an instant as it may be published: of what concerned fewer members than `min_cell` the local day alone."""
    return at if n >= case.package.min_cell else at.astimezone(ZoneInfo(case.contest["timezone"])).date()


def by_day(rows: pl.DataFrame, zone: str, *more: str) -> list[dict[str, Any]]:
    """Count rows by source, local day and other columns: where they stand, and nobody's row or time: ``source_id, ..., day, n``."""
    day = pl.col("at").dt.convert_time_zone(zone).dt.date()
    by = ("source_id", *more, "day")
    return rows.with_columns(day=day).group_by(by).agg(n=pl.len().cast(pl.Int64)).sort(by, nulls_last=True).to_dicts()

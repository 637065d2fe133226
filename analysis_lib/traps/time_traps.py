"""Times that may not mean what they seem: zones, repeated hours, coarse or placeholder stamps, days and months mixed up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from analysis_lib.clocks import raw_instants
from analysis_lib.faults import Fault
from analysis_lib.traps.looked_at import STAMPED, Tables, counted, first_row, holds, named, some, trap, with_clocks

FEWEST = 60  # different stamps; of fewer no share is told
FEWEST_ROWS = 20
COARSE_SHARE = 0.5  # 1 stamp in 60 falls on a whole minute by chance, 1 in 5 of the minutes on a multiple of five
MIDNIGHT_SHARE = 0.9
RAW_TOLERANCE_S = 60
FINE = ("us", "ms", "s")
PLACEHOLDERS = (datetime(1899, 12, 30, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC), datetime(1980, 1, 1, tzinfo=UTC))
NO_EVENT_TIME = {
    "last_overwrite": "only the last of several times was kept",
    "export_time": "the stamp is that of the export",
    "placeholder": "the stamp stands for no time",
}
DAY_MONTH = r"^\s*(\d{1,2})[/.-](\d{1,2})[/.-](\d{4}|\d{2})\b"


def find(tables: Tables) -> list[Fault]:
    """Look at every table of events."""
    found: list[Fault] = []
    for table in STAMPED:
        if holds(tables, table, "at"):
            rows = with_clocks(some(tables[table]), tables)
            found += [*_raw(table, rows, tables), *_hours_of_change(table, rows, tables), *_coarse(table, rows)]
            found += [*_placeholders(table, rows, tables), *_semantics(table, rows, tables), *_ahead(table, tables)]
    return found


def _raw(table: str, rows: pl.DataFrame, tables: Tables) -> Iterator[Fault]:
    """The time against the log's own text: read in the clock's zone, and as a date of one or the other order."""
    if not holds(tables, table, "at_raw"):
        return
    rows = rows.drop_nulls("at_raw")
    read = [raw_instants(rows, tables["clocks"], which) for which in ("earliest", "latest")]
    apart = [(rows["at"] - at).dt.total_seconds() for at in read]
    off = (apart[0].abs() > RAW_TOLERANCE_S) & (apart[1].abs() > RAW_TOLERANCE_S)
    if n := int(off.sum()):
        shift = apart[0].filter(off).mode().sort()[0]
        side = "later" if shift > 0 else "earlier"
        told = (
            f"{abs(shift) / 3600:g} hour{'s' * (abs(shift) != 3600)} {side}"
            if shift % 900 == 0
            else f"{abs(shift):,} seconds {side}"
        )
        yield trap(
            "raw_zone", table, "at_raw",
            f"{counted(n, rows, tables[table])} have a time that is not the log's own text read in the clock's zone, most often {told}{first_row(rows.filter(off))}",
            "at to be at_raw read in the zone of its clock (tz_used)",
            "UTC may have been read as local time or the reverse, or summer time left out. Correct tz_used or at; until then "
            "every count by a deadline, every hour of day and every delay against another log may be off by this much.",
        )  # fmt: skip
    wall = rows["at_raw"].str.contains(r"^\s*\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?\s*$")
    skipped = wall & read[0].is_null() & rows["tz_used"].is_not_null()
    if n := int(skipped.sum()):
        yield trap(
            "missing_hour", table, "at_raw",
            f"{counted(n, rows, tables[table])} have a text whose hour does not exist in the clock's zone{first_row(rows.filter(skipped))}",
            "no local time in the hour that is skipped when clocks go forward",
            "The log was not written in that zone, or not by a clock. Correct tz_used; no deadline within a day of the change can be judged.",
        )  # fmt: skip
    yield from _day_month(table, rows)


def _day_month(table: str, rows: pl.DataFrame) -> Iterator[Fault]:
    parts = rows.select(
        first=pl.col("at_raw").str.extract(DAY_MONTH, 1).cast(pl.Int64),
        second=pl.col("at_raw").str.extract(DAY_MONTH, 2).cast(pl.Int64),
    ).drop_nulls()
    if not parts.height:
        return
    day_first, month_first = int((parts["first"] > 12).sum()), int((parts["second"] > 12).sum())
    if bool(day_first) != bool(month_first):
        return
    if day_first:
        found = f"{day_first:,} texts can only be day/month and {month_first:,} only month/day"
    else:
        found = f"none of {parts.height:,} texts tells whether the day or the month comes first"
    yield trap(
        "day_month", table, "at_raw", found, "dates of one order, with some day after the 12th to show which",
        "Ask for the export with ISO dates (2031-10-20). Until then days may be exchanged with months, and no order of events can be read.",
    )  # fmt: skip


def _hours_of_change(table: str, rows: pl.DataFrame, tables: Tables) -> Iterator[Fault]:
    """Times in the hour that comes twice, of clocks that don't say which of the two it was."""
    unsure = rows.filter((pl.col("tz_basis") != "stated_offset") & (pl.col("tz_basis") != "epoch"))
    unsure = unsure.filter(~pl.col("dst_policy").is_in(["both_bounds", "fold0", "fold1"]).fill_null(False))
    for (zone,), own in unsure.drop_nulls("tz_used").group_by("tz_used", maintain_order=True):
        inside = pl.lit(False)
        for start, end in _repeated(str(zone), own["at"].min(), own["at"].max()):
            inside |= pl.col("at").is_between(start, end, closed="left")
        twice = own.filter(inside)
        if twice.height:
            yield trap(
                "repeated_hour", table, "at",
                f"{counted(twice.height, rows, tables[table])} lie in the hour that comes twice when clocks go back in {zone}{first_row(twice)}",
                "dst_policy to say which of the two hours was meant, or both_bounds",
                "Set dst_policy = both_bounds in clocks.csv: every count is then given under both, and an order that hangs on that hour is left open.",
            )  # fmt: skip


def _repeated(zone: str, first: datetime, last: datetime) -> list[tuple[datetime, datetime]]:
    """The two passes, as one stretch of UTC, of every repeated hour between two instants."""
    found, at, local = [], first - timedelta(days=1), ZoneInfo(zone)
    while at <= last + timedelta(days=1):
        after = at + timedelta(days=1)
        fall = at.astimezone(local).utcoffset() - after.astimezone(local).utcoffset()
        if fall > timedelta(0):
            low, high = at, after
            while high - low > timedelta(seconds=1):
                middle = low + (high - low) / 2
                is_after = middle.astimezone(local).utcoffset() == after.astimezone(local).utcoffset()
                low, high = (low, middle) if is_after else (middle, high)
            change = high.replace(microsecond=0)
            found.append((change - fall, change + fall))
        at = after
    return found


def _coarse(table: str, rows: pl.DataFrame) -> Iterator[Fault]:
    """Stamps that are coarser than their clock is said to be, judged on different stamps: a bulk action repeats one."""
    for (clock_id, resolution), own in rows.group_by("clock_id", "resolution", maintain_order=True):
        stamps = own["at"].unique()
        if stamps.len() >= FEWEST and resolution in FINE:
            whole = int((stamps.dt.second() == 0).sum())
            if whole >= COARSE_SHARE * stamps.len():
                yield trap(
                    "whole_minutes", table, "at",
                    f"{whole:,} of {stamps.len():,} different stamps of clock {named(clock_id)} fall on a whole minute, where one in 60 would by chance",
                    f"stamps as fine as the clock's resolution says ({resolution})",
                    "Set resolution = min in clocks.csv: a ballot is then late only beyond the whole minute, and no burst shorter than it is tested.",
                )  # fmt: skip
        minutes = stamps.dt.truncate("1m").unique()
        if minutes.len() >= FEWEST and resolution not in ("hour", "day"):
            fives = int((minutes.dt.minute() % 5 == 0).sum())
            if fives >= COARSE_SHARE * minutes.len():
                yield trap(
                    "heaping", table, "at",
                    f"{fives:,} of {minutes.len():,} different minutes of clock {named(clock_id)} are multiples of five, where one in five would by chance",
                    "minutes spread over the hour",
                    "The times were rounded or written down by hand. Read them as give or take five minutes: no delay or burst shorter than that can be told.",
                )  # fmt: skip


def _placeholders(table: str, rows: pl.DataFrame, tables: Tables) -> Iterator[Fault]:
    early = pl.any_horizontal(pl.col("at").is_between(day - timedelta(days=1), day + timedelta(days=2)) for day in PLACEHOLDERS)
    if (own := rows.filter(early)).height:
        yield trap(
            "placeholder", table, "at",
            f"{counted(own.height, rows, tables[table])} bear a date of 1899, 1970 or 1980 that programs write where there is none{first_row(own)}",
            "the time of the event, or an empty cell",
            "Leave these cells empty, with write_semantics = placeholder for their clock. They would count as before the opening.",
        )  # fmt: skip
        return
    if rows.height >= FEWEST_ROWS and rows["at"].min() == rows["at"].max():
        yield trap(
            "constant", table, "at", f"all {rows.height:,} rows bear one and the same time", "the time of each event",
            "It is the time of an export or an import. Set write_semantics = export_time for its clock: no order, delay or pace can be read.",
        )  # fmt: skip
        return
    for (zone, resolution), own in rows.group_by("tz_used", "resolution", maintain_order=True):
        if own.height >= FEWEST_ROWS and resolution != "day":
            midnight = _midnights(own, zone)
            if midnight >= MIDNIGHT_SHARE * own.height:
                yield trap(
                    "midnight", table, "at", f"{counted(midnight, own, tables[table])} are stamped at exactly midnight",
                    "the time of day of the event, or a clock with resolution = day",
                    "These are dates without a time. Set resolution = day in clocks.csv: nothing within a day is then tested.",
                )  # fmt: skip


def _midnights(rows: pl.DataFrame, zone: str | None) -> int:
    local = rows["at"].dt.convert_time_zone(zone or "UTC")
    return int((local.dt.hour().cast(pl.Int64) * 3600 + local.dt.minute().cast(pl.Int64) * 60 + local.dt.second() == 0).sum())


def _semantics(table: str, rows: pl.DataFrame, tables: Tables) -> Iterator[Fault]:
    for (clock_id, semantics), own in rows.group_by("clock_id", "write_semantics", maintain_order=True):
        if semantics in NO_EVENT_TIME:
            yield trap(
                str(semantics), table, "at",
                f"{counted(own.height, rows, tables[table])} are stamped by clock {named(clock_id)}, of which it is said that {NO_EVENT_TIME[str(semantics)]}",
                "the time of each event",
                "Ask for the log of single events. Until then these times can bound what happened, but no delay, order or pace can be read from them.",
            )  # fmt: skip


def _ahead(table: str, tables: Tables) -> Iterator[Fault]:
    """Events later than the day on which their source was obtained."""
    known = tables["sources"].select("source_id", "obtained_at").drop_nulls()
    if not known.height:
        return
    last = tables[table]["at"].max()
    if last.date() <= known["obtained_at"].min() + timedelta(days=1):
        return
    rows = some(tables[table]).drop_nulls("at").join(known, on="source_id", how="inner")
    late = rows.filter(pl.col("at").dt.date() > pl.col("obtained_at") + pl.duration(days=1))
    if late.height:
        yield trap(
            "future", table, "at", f"{counted(late.height, rows, tables[table])} are later than the day their source was obtained{first_row(late)}",
            "events before obtained_at in sources.csv",
            "Day and month may be exchanged, a clock may be wrong, or obtained_at is. Settle it before any order of events is read.",
        )  # fmt: skip

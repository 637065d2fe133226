"""What the records tell of the days on which a roll changed most."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from analysis_lib.case import Case
from analysis_lib.methods.bulk_edits import on_record_then
from analysis_lib.methods.instants import edge
from analysis_lib.plaintext import count
from analysis_lib.results import Assumption, Status

NEARLY_ALL = 0.8
RUSH = timedelta(days=2)  # house rule: so long before a last day people hurry
NO_REASON = ("other", "unknown")
TOLD = {
    "reasons": "nearly all changes of {} bear a reason on file or were made by the members",
    "last_day": "{} came within two days before a last day for joining, applying or changes",
    "beside": "what else went on at the time is on record for {}",
}


def ordinary_causes(case: Case, edits: pl.DataFrame, days: Sequence[dict[str, Any]]) -> Assumption | None:
    """Say that the days that stand out have ordinary causes on record, if each of them has one.

    Parameters
    ----------
    edits : DataFrame
        ``kind, at`` (UTC), ``actor_role, reason``: edits of the log, null where they differ or aren't held.
    days : sequence of dict
        ``kind, day`` (in the contest's zone) of those that stand out.

    Returns
    -------
    Assumption or None
        One that fails; null where a day has none of them, or there are no days.
    """
    zone = case.contest["timezone"]
    local = edits.with_columns(day=pl.col("at").dt.convert_time_zone(zone).dt.date())
    ends = [at.astimezone(ZoneInfo(zone)).date() for at in _last_moments(case)]
    found = [_cause(case, local.filter(kind=row["kind"], day=row["day"]), row["day"], ends) for row in days]
    if not found or None in found:
        return None
    told = "; ".join(text.format(count(found.count(cause), "such day")) for cause, text in TOLD.items() if cause in found)
    return Assumption(
        statement="Nothing on record tells why the days that stand out had so many changes.",
        status=Status.FAILS,
        evidence=f"{told[0].upper()}{told[1:]}. The papers behind the changes would settle whether that is why.",
    )


def _last_moments(case: Case) -> list[Any]:
    ends = [edge(case, kind, "closes_at") for kind in ("roll_edits", "applications")]
    return [at for at in (case.contest["freeze_at"], *ends) if at is not None]


def _cause(case: Case, edits: pl.DataFrame, day: date, last_days: Sequence[date]) -> str | None:
    told = pl.col("reason").is_not_null() & ~pl.col("reason").is_in(NO_REASON) | (pl.col("actor_role") == "self").fill_null(False)
    if edits.select(told.mean()).item() >= NEARLY_ALL:
        return "reasons"
    if any(end - RUSH <= day <= end for end in last_days):
        return "last_day"
    noted = [bool(text) for text in on_record_then(case, edits["at"].to_list())]
    return "beside" if sum(noted) >= NEARLY_ALL * len(noted) else None

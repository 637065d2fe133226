"""What every exhibit is made with: findings that have an answer, and times in the contest's zone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import polars as pl

from analysis_lib.cards import Table
from analysis_lib.case import Case
from analysis_lib.figure import Figure
from analysis_lib.methods.instants import coarse
from analysis_lib.results import Finding, NotAnswerable

Shown = list[Figure | Table]


def answered(findings: Sequence[Finding]) -> list[Finding]:
    """Leave out what cannot be answered with the data held."""
    return [finding for finding in findings if not isinstance(finding.result, NotAnswerable)]


def few(n: int, case: Case) -> int | str:
    """Give a count of people as it may be shown: none, or at least as many as the package asks for."""
    least = case.package.min_cell
    return n if n == 0 or n >= least else f"fewer than {least}"


def parts(numbers: Sequence[int], case: Case) -> list[int | str]:
    """Give the parts of a known whole as they may be shown: where one alone would be kept back, the next larger one is too.

    Else it would be what the others leave of the whole. Parts that are 0 are shown.
    """
    least = case.package.min_cell
    held = sorted((n, i) for i, n in enumerate(numbers) if n)
    hidden = [(n, i) for n, i in held if n < least]
    if hidden and (len(hidden) == 1 or sum(n for n, _ in hidden) < least):
        hidden = held[: len(hidden) + 1]
    places = {i for _, i in hidden}
    return [n if i not in places else few(n, case) if n < least else "not shown" for i, n in enumerate(numbers)]


def local(column: pl.Expr, zone: str) -> pl.Expr:
    """Write a column of instants in the contest's zone."""
    return column.dt.convert_time_zone(zone).dt.strftime("%Y-%m-%d %H:%M:%S %Z")


def at_text(instant: datetime, zone: str) -> str:
    """Write one instant in the contest's zone."""
    return f"{instant.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S %Z}"


def when(instant: datetime, n: int, case: Case) -> str:
    """Write when something was done to `n` members: the day alone where they are few."""
    told = coarse(instant, n, case)
    return at_text(told, case.contest["timezone"]) if isinstance(told, datetime) else told.isoformat()

"""Does one unit's share stand out from what the others show? Shared by the questions that compare branches, days and administrators."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from analysis_lib.results import Assumption, Estimate, Status
from analysis_lib.stats.multiplicity import benjamini_hochberg
from analysis_lib.stats.predictive_counts import from_units
from analysis_lib.stats.predictive_rates import hypergeometric_tails, predictive_tails, ratio_interval

SMALLEST = "the smallest branches"
MIN_UNITS = 8  # fewer do not show how much units differ
REFERENCES = ("benjamini1995", "spiegelhalter2005")


@dataclass(frozen=True, slots=True, kw_only=True)
class Uneven:
    """Every unit with its p-value, the one that stands out most, and the p-value of all together."""

    units: tuple[dict[str, Any], ...]
    top: dict[str, Any]
    pvalue: float
    effect: Estimate
    spread_known: bool
    smallest_visible: dict[str, int] | None


def uneven(
    units: pl.DataFrame, *, confidence_level: float, alpha: float, adjust: Callable[[ArrayLike], NDArray] = benjamini_hochberg
) -> Uneven:
    """Compare each unit's share with what the other units show, allowing units to differ.

    Parameters
    ----------
    units : DataFrame
        ``unit``, ``events`` (integer), ``size`` (integer, above 0); one row per unit, at least 2, with an event in all.
    confidence_level, alpha : float
        Of the effect's interval; and of the smallest number of events that would have stood out in a unit of middling size.
    adjust : callable
        How the p-values of the units are adjusted for their number.

    Returns
    -------
    Uneven
        Effect: rate of the top unit over that of the others. p-value: the smallest adjusted one (Simes' test, unless told otherwise).

    Notes
    -----
    With `MIN_UNITS` units or more a predictive tail, the spread learnt from the others; with fewer the exact
    hypergeometric tail against the rest, which allows for none (`learnt_spread` says so).
    """
    units = units.sort("unit")
    events, sizes = units["events"].to_numpy(), units["size"].to_numpy()
    spread_known = units.height >= MIN_UNITS
    pvalues = predictive_tails(events, sizes) if spread_known else hypergeometric_tails(events, sizes)
    adjusted = adjust(pvalues)
    top = int(np.lexsort((np.arange(pvalues.size), pvalues))[0])
    rows = tuple(
        {"unit": u, "events": int(k), "size": int(n), "pvalue": float(p), "pvalue_adjusted": float(q)}
        for u, k, n, p, q in zip(units["unit"], events, sizes, pvalues, adjusted, strict=True)
    )
    return Uneven(
        units=rows, top=rows[top], pvalue=float(adjusted.min()), effect=rate_ratio(rows, top, confidence_level),
        spread_known=spread_known, smallest_visible=_smallest(events, sizes, alpha, spread_known),
    )  # fmt: skip


def rate_ratio(rows: Sequence[dict[str, Any]], top: int, confidence_level: float) -> Estimate:
    """Rate of one unit over that of all others together, with a score interval; infinite where the others have no event."""
    k, n = rows[top]["events"], rows[top]["size"]
    others, rest = sum(row["events"] for row in rows) - k, sum(row["size"] for row in rows) - n
    low, high = ratio_interval(k, n, others, rest, confidence_level)
    return Estimate(
        name="rate over that of the others", value=(k / n) / (others / rest) if others else np.inf, low=low, high=high,
        confidence_level=confidence_level, unit="ratio",
    )  # fmt: skip


def learnt_spread(uneven: Uneven, noun: str) -> Assumption:
    """Say whether the spread between units could be allowed for."""
    n = len(uneven.units)
    return Assumption(
        statement=f"{noun} differ no more than the others do among themselves.",
        status=Status.UNTESTED if uneven.spread_known else Status.FAILS,
        evidence=f"There are {n}; the spread is learnt from the others."
        if uneven.spread_known
        else f"There are only {n}: no spread between them could be allowed for, so a busy one stands out too easily.",
    )


def too_small(units: pl.DataFrame, least: int) -> list[str]:
    """Name the units that are shown as one: those of fewer than `least`, and the next larger ones until they are two and `least` in all.

    A small unit joined with no other would be shown all the same: whoever knows the list of branches sees which one is missing.

    Parameters
    ----------
    units : DataFrame
        ``unit``, ``size``; one row per unit.
    """
    ordered = units.select("unit", "size").sort("size", "unit")
    n_small = int((ordered["size"] < least).sum())
    if not n_small:
        return []
    enough = int((ordered["size"].cum_sum() < least).sum()) + 1
    return ordered["unit"].head(max(n_small, 2, enough)).to_list()


def pooled(units: pl.DataFrame, least: int, name: str) -> pl.DataFrame:
    """Join units of fewer than `least` into one line called `name`, so that no small one is shown."""
    named = units.with_columns(unit=pl.when(pl.col("size") < least).then(pl.lit(name)).otherwise("unit"))
    return named.group_by("unit").agg(pl.col("events", "size").sum()).sort("unit")


def _smallest(events: np.ndarray, sizes: np.ndarray, alpha: float, spread_known: bool) -> dict[str, int] | None:
    """Fewest events that would make a unit of middling size stand out; null where not even all would do."""
    unit = int(np.argsort(sizes, kind="stable")[sizes.size // 2])
    size, others, rest = int(sizes[unit]), np.delete(events, unit), np.delete(sizes, unit)
    if spread_known:
        tails = from_units(others, rest, reach=0.5).upper_tails(size)
    else:
        tails = np.array(
            [hypergeometric_tails([k, others.sum()], [size, rest.sum()])[0] for k in range(min(size, 500) + 1)]
        )  # fmt: skip
    seen = np.flatnonzero(tails * sizes.size <= alpha)
    return {"events": int(seen[0]), "size": size} if seen.size else None

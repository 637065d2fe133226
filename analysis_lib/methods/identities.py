"""Sums that must agree: both sides as ranges, by how much they fail, and the cause. Shared by the questions that check sums."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

WHOLE = ""  # the unit of a figure that is for the whole contest
SMALLER = "smaller units"
UNEXPLAINED = "unexplained"
OPEN = "perhaps members who came or went after that copy, of which no complete log is held"  # too little is held to call it a failure
Side = tuple[str, float, float]  # what it is, lowest, highest
ExprSide = tuple[str, pl.Expr, pl.Expr]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """One sum checked: both sides as ranges, `equal` or `at_most`, and by how much it fails (0: it holds).

    `check` is its number in the list of checks (R01 to R14), `counted` what both sides count, `cause` why
    they differ: from the data, as somebody states, or unexplained; empty where the sum holds.
    """

    check: str
    name: str
    declaration: str = ""
    unit: str = WHOLE
    counted: str = "ballot"
    left: str
    left_low: float
    left_high: float
    right: str
    right_low: float
    right_high: float
    relation: str = "equal"
    gap: float
    cause: str = ""


FIELDS: tuple[str, ...] = tuple(Identity.__dataclass_fields__)


def gap_of(left: Side, right: Side, relation: str = "equal") -> float:
    """Give by how much two ranges miss each other; `at_most` minds only a left side that is too large."""
    over = max(0, left[1] - right[2])
    return max(over, right[1] - left[2]) if relation == "equal" else over


def identity(check: str, name: str, left: Side, right: Side, relation: str = "equal", **more: Any) -> Identity:
    """Check one sum."""
    return Identity(
        check=check, name=name, left=left[0], left_low=left[1], left_high=left[2], right=right[0], right_low=right[1],
        right_high=right[2], relation=relation, gap=gap_of(left, right, relation), **more,
    )  # fmt: skip


def exactly(label: str, n: int) -> Side:
    """Give a side that is one number."""
    return label, n, n


def of_frame(frame: pl.DataFrame) -> list[Identity]:
    """Turn rows with the fields of an identity into identities; a figure that is whole becomes a whole number."""
    return [
        Identity(**{name: _whole(value) for name, value in row.items()}) for row in frame.select(FIELDS).iter_rows(named=True)
    ]


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def with_causes(identities: Iterable[Identity], statements: pl.DataFrame) -> list[Identity]:
    """Name the cause of every difference: the data's own if they tell one, else who states one for that check, else none."""
    stated = {
        check: ", ".join(sorted(set(said_by)))
        for check, said_by in statements.drop_nulls("about_check").group_by("about_check").agg("said_by").iter_rows()
    }

    def cause(item: Identity) -> str:
        if not item.gap or item.cause not in ("", OPEN):
            return item.cause
        return f"as stated by {stated[item.check]}" if item.check in stated else item.cause or UNEXPLAINED

    return [replace(item, cause=cause(item)) for item in identities]


def small_units(identities: pl.DataFrame, min_cell: int) -> pl.DataFrame:
    """Join the sums of units with fewer than `min_cell` members into one line each, both sides added up.

    A unit has as many members as the largest number that stands in one of its sums.
    """
    largest = pl.max_horizontal("left_high", "right_high").max().over("unit")
    is_small = (pl.col("unit") != WHOLE) & (largest < min_cell)
    small = identities.filter(is_small).with_columns(unit=pl.lit(SMALLER), cause=pl.lit(""))
    numbers = ("left_low", "left_high", "right_low", "right_high", "gap")
    keys = [name for name in FIELDS if name not in numbers]
    joined = small.group_by(keys, maintain_order=True).agg(pl.col(name).sum() for name in numbers)
    return pl.concat([identities.filter(~is_small).select(FIELDS), joined.select(FIELDS)])


def checked_rows(
    rows: pl.DataFrame, check: str, name: str | pl.Expr, left: ExprSide, right: ExprSide, *, counted: str, relation: str = "equal"
) -> pl.DataFrame:
    """Check the same sum in every row of a frame with a column ``unit``; the sides are columns."""
    values = {"left_low": left[1], "left_high": left[2], "right_low": right[1], "right_high": right[2]}
    over = pl.max_horizontal(pl.lit(0.0), pl.col("left_low") - pl.col("right_high"))
    under = pl.max_horizontal(pl.lit(0.0), pl.col("right_low") - pl.col("left_high"))
    return rows.select(
        check=pl.lit(check), name=pl.lit(name) if isinstance(name, str) else name, declaration=pl.lit(""), unit="unit",
        counted=pl.lit(counted), left=pl.lit(left[0]), right=pl.lit(right[0]), relation=pl.lit(relation), cause=pl.lit(""),
        **{side: value.cast(pl.Float64) for side, value in values.items()},
    ).with_columns(gap=pl.max_horizontal(over, under) if relation == "equal" else over).select(FIELDS)  # fmt: skip


def by_check(identities: pl.DataFrame) -> list[dict[str, Any]]:
    """Count, for each check, the sums made and those that fail."""
    counts = identities.group_by("check").agg(checked=pl.len(), failing=(pl.col("gap") > 0).sum())
    return counts.sort("check").to_dicts()


def frame_of(identities: Sequence[Identity]) -> pl.DataFrame:
    """Turn identities into rows."""
    numbers = ("left_low", "left_high", "right_low", "right_high", "gap")
    schema = {name: pl.Float64 if name in numbers else pl.String for name in FIELDS}
    return pl.DataFrame([{name: getattr(item, name) for name in FIELDS} for item in identities], schema=schema)

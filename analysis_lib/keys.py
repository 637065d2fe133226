"""Keys: every row once, and every row a table points to really there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import polars as pl

from analysis_lib.checks import given
from analysis_lib.faults import WARNING, Fault, row_faults, shown
from analysis_lib.reading import TextTable
from analysis_lib.schema import ForeignKey, TableSchema


def _key_text(names: tuple[str, ...], values: tuple[str, ...], schema: TableSchema) -> str:
    public = {field.name for field in schema.fields if field.is_public}
    return " with ".join(shown(value, name in public) for name, value in zip(names, values, strict=True))


def _unique_faults(text: TextTable, schema: TableSchema) -> tuple[list[Fault], pl.Series]:
    """Find keys that stand in several rows. Every copy is at fault: nobody can tell here which one is right."""
    names = schema.primary_key
    keys = text.cells.select(names)
    doubled = keys.is_duplicated() & keys.select(pl.all_horizontal(given(name, schema) for name in names)).to_series()
    copies = keys.filter(doubled).with_columns(row=text.rows.filter(doubled), ragged=text.ragged.filter(doubled))
    copies = copies.with_columns(first=pl.col("row").min().over(names), n=pl.len().over(names)).filter(~pl.col("ragged"))
    common = Fault(
        file=text.file,
        column=", ".join(names),
        found="",
        expected="every key once",
        remedy="Take out the copies that are wrong, or give each row its own key; until then none of them is used.",
        rule="unique",
    )

    def found(place: int) -> dict[str, str]:
        row = copies.row(place, named=True)
        key = _key_text(names, tuple(row[name] for name in names), schema)
        return {"found": f"the key {key} stands in {row['n']:,} rows, first in row {row['first']:,}"}

    return row_faults(common, copies["row"], found), doubled


def _foreign_faults(
    text: TextTable, schema: TableSchema, key: ForeignKey, texts: Mapping[str, TextTable | None]
) -> tuple[list[Fault], pl.Series]:
    """Find rows that point to a row which isn't there.

    The other table's keys are taken as they stand in its file, so that a row left out there for
    another fault doesn't cost the rows that point to it. A table that was handed over and can't be
    read has a fault of its own: rows that point to it are kept.
    """
    nothing = pl.repeat(False, text.rows.len(), dtype=pl.Boolean, eager=True)
    if not set(key.fields) <= set(text.cells.columns):
        return [], nothing
    points = text.cells.select(pl.all_horizontal(given(name, schema) for name in key.fields)).to_series() & ~text.ragged
    common = Fault(
        file=text.file,
        column=", ".join(key.fields),
        found="",
        expected=f"a row of the table {key.table} with this {', '.join(key.table_fields)}",
        remedy=f"Add that row to {key.table}, or correct the name here: spelling and case must be the same.",
        rule="foreign_key",
    )
    if key.table not in texts:
        told = replace(
            common,
            found=f"the table {key.table} isn't in the package; rows that point to it: {points.sum():,}",
            expected=f"the table {key.table}",
            remedy=f"The rows are kept. Hand over {key.table} as well if you can.",
            severity=WARNING,
        )
        return [told] * points.any(), nothing
    parent = texts[key.table]
    if parent is None or not set(key.table_fields) <= set(parent.cells.columns):
        return [], nothing
    there = parent.cells.select(key.table_fields).unique()
    places = text.cells.select(key.fields).with_row_index("place").filter(points)
    lost = places.join(there, left_on=key.fields, right_on=key.table_fields, how="anti", maintain_order="left")
    common_rows = text.rows.gather(lost["place"])

    def found(place: int) -> dict[str, str]:
        values = lost.row(place)[1:]
        return {"found": f"{_key_text(key.fields, values, schema)} isn't in {key.table}"}

    return row_faults(common, common_rows, found), nothing.scatter(lost["place"], True)


def key_faults(text: TextTable, schema: TableSchema, texts: Mapping[str, TextTable | None]) -> tuple[list[Fault], pl.Series]:
    """Check one table's own key and all its pointers; give the faults and which rows have one.

    Parameters
    ----------
    texts : mapping
        Every table handed over, null where its file couldn't be read; a table not in it wasn't handed over.
    """
    faults, bad = _unique_faults(text, schema)
    for key in schema.foreign_keys:
        more, lost = _foreign_faults(text, schema, key, texts)
        faults, bad = faults + more, bad | lost
    return faults, bad

"""Keys: every row once, and every row a table points to really there."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import polars as pl

from analysis_lib.checks import may_be_shown
from analysis_lib.columns import as_text, given
from analysis_lib.faults import WARNING, Fault, hint, row_faults, shown
from analysis_lib.reading import TextTable
from analysis_lib.schema import ForeignKey, TableSchema

_MOST_NEAR = 1000  # keys of another table that a wrong one is compared with


def _key_text(values: Mapping[str, str], schema: TableSchema, known: Mapping[str, Collection[str]]) -> str:
    """Write a key; `known` has the values there are in the table that a column points to."""
    parts = []
    for name, value in values.items():
        field = schema.field(name)
        near = known.get(name, ())
        is_free = field.is_public and name not in known and not any(name in key.fields for key in schema.foreign_keys)
        parts.append(shown(value, is_free or value in near or may_be_shown(value, field, schema, near)))
    return " with ".join(parts)


def _known(schema: TableSchema, texts: Mapping[str, TextTable | None]) -> dict[str, list[str]]:
    """For each column that points to a table, the values that may stand in it."""
    known = {}
    for key in schema.foreign_keys:
        parent = texts.get(key.table)
        for name, theirs in zip(key.fields, key.table_fields, strict=True):
            if parent is not None and theirs in parent.cells.columns:
                known.setdefault(name, as_text(parent.cells[theirs].unique().sort().head(_MOST_NEAR)).to_list())
    return known


def _all_given(text: TextTable, names: Sequence[str], schema: TableSchema) -> pl.Series:
    all_given = pl.repeat(True, text.rows.len(), dtype=pl.Boolean, eager=True)
    for name in names:
        all_given &= given(text.cells[name], schema)
    return all_given


def _is_unique(keys: pl.DataFrame) -> bool:
    """Whether no two rows are alike, by numbers that stand for them: far quicker to sort than the rows themselves."""
    numbers = (keys.to_series().hash() if keys.width == 1 else keys.hash_rows()).sort()
    return not (numbers == numbers.shift(1)).any()


def _unique_faults(text: TextTable, schema: TableSchema, texts: Mapping[str, TextTable | None]) -> tuple[list[Fault], pl.Series]:
    """Find keys that stand in several rows. Every copy is at fault: nobody can tell here which one is right."""
    names = tuple(
        name for name in schema.primary_key if name in text.cells.columns
    )  # a column that may be empty may not be there
    needed = [field.name for field in schema.fields if field.name in names and field.is_required]
    keys = text.cells.select(names)
    if _is_unique(keys):
        return [], pl.repeat(False, keys.height, dtype=pl.Boolean, eager=True)
    doubled = keys.is_duplicated() & _all_given(text, needed, schema)
    copies = keys.filter(doubled).with_columns(row=text.rows.filter(doubled), ragged=text.ragged.filter(doubled))
    copies = copies.with_columns(first=pl.col("row").min().over(names), n=pl.len().over(names)).filter(~pl.col("ragged"))
    known = _known(schema, texts)
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
        key = _key_text({name: as_text(copies[name][place : place + 1])[0] for name in names}, schema, known)
        return {"found": f"the key {key} stands in {row['n']:,} rows, first in row {row['first']:,}"}

    return row_faults(common, copies["row"], found), doubled


def _different(text: TextTable, names: tuple[str, ...]) -> pl.DataFrame:
    return text.cells[names[0]].unique().to_frame() if len(names) == 1 else text.cells.select(names).unique()


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
    points = _all_given(text, key.fields, schema) & ~text.ragged
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
    there, here = _different(parent, key.table_fields), _different(text, key.fields)
    if not here.join(there, left_on=key.fields, right_on=key.table_fields, how="anti").height:
        return [], nothing
    places = text.cells.select(key.fields).with_row_index("place").filter(points)
    lost = places.join(there, left_on=key.fields, right_on=key.table_fields, how="anti", maintain_order="left")
    known = _known(schema, texts)
    common_rows = text.rows.gather(lost["place"])

    def found(place: int) -> dict[str, str]:
        values = {name: as_text(lost[name][place : place + 1])[0] for name in key.fields}
        nearest = hint(values[key.fields[0]], known[key.fields[0]]) if len(key.fields) == 1 else ""
        return {
            "found": f"{_key_text(values, schema, known)} isn't in {key.table}",
            "remedy": nearest + common.remedy,
        }

    return row_faults(common, common_rows, found), nothing.scatter(lost["place"], True)


def key_faults(text: TextTable, schema: TableSchema, texts: Mapping[str, TextTable | None]) -> tuple[list[Fault], pl.Series]:
    """Check one table's own key and all its pointers; give the faults and which rows have one.

    Parameters
    ----------
    texts : mapping
        Every table handed over, null where its file couldn't be read; a table not in it wasn't handed over.
    """
    faults, bad = _unique_faults(text, schema, texts)
    for key in schema.foreign_keys:
        more, lost = _foreign_faults(text, schema, key, texts)
        faults, bad = faults + more, bad | lost
    return faults, bad


def same_person_faults(text: TextTable, table: str, rows: pl.DataFrame) -> list[Fault]:
    """Warn of members of one roll copy who share e-mail, telephone and address: perhaps one person, entered twice."""
    same = ("snapshot_id", "email_key", "phone_key", "address_key")
    if table != "roll" or not all(rows[name].count() for name in same):
        return []
    groups = rows.drop_nulls(same).group_by(same).agg(n=pl.col("voter_key").n_unique()).filter(pl.col("n") > 1)
    if not groups.height:
        return []
    return [
        Fault(
            file=text.file,
            column="voter_key",
            found=f"{groups['n'].sum():,} voters share e-mail, telephone and address with another one, in {groups.height:,} groups",
            expected="one person under one key in each copy of the roll",
            remedy="The rows are kept. Ask whether they are double entries, or people of one household who share all three.",
            severity=WARNING,
            rule="same_person",
        )
    ]

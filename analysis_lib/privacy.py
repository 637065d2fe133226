"""Personal data in free text: is there an address, a telephone number or a postcode anywhere in the package?"""

from __future__ import annotations

from collections.abc import Iterator

import phonenumbers
import polars as pl

from analysis_lib.checks import is_key
from analysis_lib.faults import WARNING, Fault, shown
from analysis_lib.reading import TextTable
from analysis_lib.schema import TableSchema

REGION = "GB"  # of telephone numbers without a country's code
_PHONE = r"(?:\+|\b0)[0-9][0-9 ().-]{7,18}[0-9]"
_BYTE = r"(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
_PATTERNS = {
    "an e-mail address": r"[^\s@<>,;]+@[^\s@<>,;]+\.[A-Za-z]{2,}",
    "a network address": rf"\b{_BYTE}(?:\.{_BYTE}){{3}}\b"
    r"|\b(?:[0-9A-Fa-f]{1,4}:){4,7}[0-9A-Fa-f]{1,4}\b|\b(?:[0-9A-Fa-f]{1,4}:){1,6}:[0-9A-Fa-f]{1,4}\b",
    "a telephone number": _PHONE,
    "a postcode": r"\b[A-Z]{1,2}[0-9][0-9A-Z]? ?[0-9][A-Z]{2}\b",
}
_ANY = "|".join(f"(?:{pattern})" for pattern in _PATTERNS.values())
_SURE = ("an e-mail address", "a network address", "a telephone number")  # what looks like a postcode may be a branch's name
_PUBLIC = {("candidates", "display_name"), ("sources", "url")}  # who stands is public, and so is where a paper wrote of it


def _is_number(text: str) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(text, REGION))
    except phonenumbers.NumberParseException:
        return False


def _kinds(cells: pl.Series) -> Iterator[tuple[str, pl.Series]]:
    """Give each kind of personal datum that there is, and which cells hold it."""
    for kind, pattern in _PATTERNS.items():
        found = cells.str.contains(pattern)
        if kind == "a telephone number" and found.any():  # many other things look like one
            different = cells.filter(found).unique()
            numbers = [text for text in different if any(map(_is_number, pl.Series([text]).str.extract_all(_PHONE)[0]))]
            found = found & cells.is_in(numbers)
        if found.any():
            yield kind, found


def is_personal(cells: pl.Series) -> pl.Series:
    """Say of each text whether an e-mail address, a network address or a telephone number stands in it."""
    mask = pl.repeat(False, cells.len(), dtype=pl.Boolean, eager=True)
    for kind, found in _kinds(cells):
        mask = mask | (found & (kind in _SURE))
    return mask


def free_columns(schema: TableSchema) -> list[str]:
    """Name the columns of a table that take any text: no keys, ids and categories, which are checked elsewhere."""
    pointers = {name for key in schema.foreign_keys for name in key.fields} | set(schema.primary_key)
    return [
        field.name
        for field in schema.fields
        if field.type == "string" and not (field.categories or field.pattern or field.is_zone or is_key(field))
        and field.name not in pointers and (schema.name, field.name) not in _PUBLIC
    ]  # fmt: skip


def column_faults(file: str, column: str, cells: pl.Series, rows: pl.Series) -> list[Fault]:
    """Warn of personal data in one column: how many cells and the first row, never the cell."""
    if cells.head(1000).n_unique() < 50 and not cells.unique().str.contains(_ANY).any():
        return []  # of few different values each need be looked at but once
    places = cells.str.contains(_ANY).arg_true()
    if not places.len():
        return []
    cells, rows = cells.gather(places), rows.gather(places)
    return [
        Fault(
            file=file,
            column=column,
            row=rows.filter(found)[0],
            found=f"what looks like {kind} stands in {found.sum():,} cell{'s' * (found.sum() > 1)}, first in this row",
            expected="no address, number or postcode of a person in any text",
            remedy="Take it out, or write what it stands for (“a member”). If it is no person's, nothing need be done.",
            severity=WARNING,
            rule="privacy",
        )
        for kind, found in _kinds(cells)
    ]


def table_faults(text: TextTable, schema: TableSchema) -> list[Fault]:
    """Search every free text of a table, in columns that aren't known too; keys, ids and categories are checked elsewhere."""
    faults = []
    free = free_columns(schema)
    for name, cells in zip(text.cells.columns, text.cells, strict=True):
        if name in free and cells.dtype == pl.String:
            faults += column_faults(text.file, name, cells, text.rows)
    for header, cells in zip(text.extra_names, text.extras, strict=True):
        if cells.dtype == pl.String:
            faults += column_faults(text.file, shown(header, True), cells, text.rows)
    return faults


def descriptor_faults(file: str, **texts: str) -> list[Fault]:
    """Search the texts of datapackage.json."""
    faults = []
    for name, text in texts.items():
        faults += column_faults(file, name, pl.Series([text]), pl.Series([1]))
    return faults

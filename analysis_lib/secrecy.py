"""The secrecy guard: no row may tie a voter to a ballot or a choice, and no personal data come in by a side door."""

from __future__ import annotations

import re
from collections.abc import Collection

import polars as pl

from analysis_lib.checks import given
from analysis_lib.faults import MOST_LISTED, WARNING, Fault, shown
from analysis_lib.reading import TextTable
from analysis_lib.schema import TableSchema

LINKABLE = ("open", "secret_linkable")  # kinds of secrecy under which voter and ballot may stand in one row

# Names of columns, small letters with underscores. Rather a table too many is held back than one voter's choice let in.
_VOTER = re.compile(r"(^|_)(voter|member|credential_?id|e_?mail)")
_CHOICE = re.compile(r"(^|_)(candidate|choice|voted?_?for|preference|rank)|^ballot_?id$")
_PERSONAL = re.compile(
    r"(^|_)(e_?mail|phone|mobile|telephone|(ip_?)?address|post_?code|zip_?code|dob|(date_of_)?birth)"
    r"|(^|_)(sur|fore|(first|last|full|given|family|member|voter)_?)name|^name$"
)


def _plain(header: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", header.lower()).strip("_")


def _n_filled(cells: pl.DataFrame, columns: Collection[str], schema: TableSchema) -> pl.Series:
    return cells.select(pl.sum_horizontal(given(name, schema) for name in columns)).to_series()


def guard(text: TextTable, schema: TableSchema, linkable: Collection[str], is_all_linkable: bool) -> Fault | None:
    """Look for a row that tells how, or on which ballot paper, a voter voted; on a hit nothing of the table may be used.

    Columns the schema doesn't know are looked at too, by their names. `linkable` are the contests
    whose secrecy allows it; a table without a contest_id column is judged by whether all do.
    """
    columns = text.cells.columns + text.extras.columns
    names = dict(zip(columns, [*text.cells.columns, *text.extra_names], strict=True))
    voters = [column for column, header in names.items() if _VOTER.search(_plain(header))]
    choices = [column for column, header in names.items() if _CHOICE.search(_plain(header))]
    if not voters or not choices:
        return None
    cells = pl.concat([text.cells, text.extras], how="horizontal")
    # A column such as voter_choice is called like both; two cells must be filled, so that it isn't tied to itself.
    n_voters, n_choices, n_either = (_n_filled(cells, names, schema) for names in (voters, choices, {*voters, *choices}))
    tied = (n_voters > 0) & (n_choices > 0) & (n_either > 1)
    if "contest_id" in text.cells.columns:
        tied = tied & ~text.cells["contest_id"].is_in(list(linkable))
    elif is_all_linkable:
        return None
    rows = text.rows.filter(tied)
    if not rows.len():
        return None
    voter, choice = (" or ".join(shown(names[column], True) for column in columns) for columns in (voters, choices))
    return Fault(
        file=text.file,
        row=rows[0],
        found=f"a voter ({voter}) stands beside a ballot or a choice ({choice}); rows like this one: {rows.len():,}",
        expected=f"no row with both, unless the contest's secrecy is {' or '.join(LINKABLE)}",
        remedy=(
            "Nothing of this table is used. Split the export: voters with times in one table, ballots or choices in another, "
            "each in its own order. If the rules did allow such a link, set secrecy in contests and name the evidence in sources."
        ),
        rule="secrecy",
    )


def personal_data_faults(text: TextTable, schema: TableSchema) -> list[Fault]:
    """Warn of unknown columns that seem to hold e-mail addresses, telephone numbers, names and the like; they aren't loaded."""
    faults = []
    for column, header in zip(text.extras.columns, text.extra_names, strict=True):
        cells = text.extras.filter(given(column, schema))[column]
        is_named = _PERSONAL.search(_plain(header)) and not _plain(header).startswith("candidate")
        if cells.len() and (is_named or cells.str.contains("@", literal=True).any()):
            faults.append(
                Fault(
                    file=text.file,
                    column=shown(header, True),
                    row=1,
                    found=f"this column seems to hold personal data in the clear; cells filled: {cells.len():,}",
                    expected="no names, addresses, numbers or dates of birth of members: keyed hashes only",
                    remedy="The column isn't loaded. Take it out of the file before you hand it on.",
                    severity=WARNING,
                    rule="personal_data",
                )
            )
    return faults[:MOST_LISTED]

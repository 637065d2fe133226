"""A part of an export before it is mapped: its columns named and joined, the rows of one ballot, what looks damaged."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

import polars as pl

from analysis_lib.errors import ParameterError
from analysis_lib.faults import WARNING, Fault, described, is_like_a_name, may_be_quoted, quoted, row_faults, shown
from analysis_lib.importers import values
from analysis_lib.importers.mapping import File, Join, Unpivot
from analysis_lib.importers.raw import RawTable

_PARTNER = "\0partner"


def renamed(table: RawTable, file: File) -> RawTable:
    """Give columns that the platform's versions call differently the name the mapping uses."""
    held = table.cells.columns
    names = {}
    for name, others in file.aliases.items():
        if name not in held and (other := next((each for each in others if each in held), None)):
            names[other] = name
    return replace(table, cells=table.cells.rename(names))


def joined(table: RawTable, joins: Iterable[Join], parts: Mapping[str, RawTable]) -> tuple[RawTable, list[Fault]]:
    """Take columns of other files of the same import; a row without a partner is kept, with a fault.

    Raises
    ------
    ParameterError
        The other file wasn't given.
    """
    faults: list[Fault] = []
    for join in joins:
        if join.file not in parts:
            raise ParameterError(
                f"{table.file}: its rows can be read only together with the file {join.file}, which says who is meant. "
                f"Expected both in one import. Name the file {join.file} as well."
            )
        if join.here not in table.cells.columns:
            raise ParameterError(
                f"{table.file}: there is no column {join.here}. Expected it, to join {parts[join.file].file} by it. "
                "Ask for the file with all its columns."
            )
        other = parts[join.file].cells
        if lacking := [name for name in (join.there, *join.take.values()) if name not in other.columns]:
            raise ParameterError(
                f"{parts[join.file].file}: there is no column {lacking[0]}. Expected it, to join {table.file} by it."
            )
        right = other.unique(join.there, keep="first", maintain_order=True)
        right = right.select(
            pl.col(join.there).alias(_PARTNER), *(pl.col(there).alias(name) for name, there in join.take.items())
        )
        cells = table.cells.drop(list(join.take), strict=False)
        cells = cells.join(right, left_on=join.here, right_on=_PARTNER, how="left", maintain_order="left")
        lost = ~values.column(table, join.here).is_in(right[_PARTNER].to_list())
        common = Fault(
            file=table.file,
            column=join.here,
            found=f"this row's partner isn't in {parts[join.file].file}",
            expected=f"a row there with the same {join.there}",
            remedy="What that file would tell of the row stays empty. Ask for both files as of the same moment.",
            severity=WARNING,
            rule="no_partner",
        )
        faults += row_faults(common, table.rows.filter(lost), lambda _: {})
        table = replace(table, cells=cells.fill_null(""))
    return table, faults


def of_contest(table: RawTable, file: File, wanted: str) -> tuple[RawTable, int]:
    """Keep the rows of one contest where a file holds several; give how many were of others."""
    if not file.contest_column or file.contest_column not in table.cells.columns:
        return table, 0
    texts = table.cells[file.contest_column]
    if file.contest_part:
        texts = texts.str.extract(file.contest_part).fill_null("")
    held = sorted(set(texts.to_list()) - {""})
    if not wanted and len(held) <= 1:
        return table, 0
    if held and wanted not in held:
        codes = [text for text in held if may_be_quoted(text) and not is_like_a_name(text)]  # else the column may be one of names
        first = dict(zip(reversed(texts.to_list()), reversed(table.rows.to_list()), strict=True))
        listed = ", ".join(
            quoted(text) if text in codes else f"{described(text)}, first in row {first[text]:,}" for text in held[:10]
        )
        raise ParameterError(
            f"{table.file}: the column {file.contest_column} holds {len(held)} ballots: {listed}. "
            f"Expected the rows of one. Name it as it stands in the file with --rows-of, for instance --rows-of {(codes or ['ID'])[0]}."
        )
    mask = (texts == wanted) | ((texts == "") & bool(file.contest_part))
    return (filtered(table, mask), int((~mask).sum())) if held else (table, 0)


def filtered(table: RawTable, mask: pl.Series) -> RawTable:
    """Keep some rows."""
    return replace(table, cells=table.cells.filter(mask), rows=table.rows.filter(mask))


def unpivoted(table: RawTable, unpivot: Unpivot) -> RawTable:
    """Make a row of every filled cell of the columns that fit the pattern."""
    pattern = re.compile(unpivot.columns)
    found = {name: match for name in table.cells.columns if (match := pattern.search(name))}
    parts = []
    kept = table.cells.drop(list(found)).with_columns(table.rows.alias("\0row"))
    for name, match in found.items():
        label = match[1] if pattern.groups else name
        parts.append(kept.with_columns(pl.lit(label).alias(unpivot.name), table.cells[name].alias(unpivot.value)))
    if not parts:
        return filtered(table, pl.repeat(False, table.rows.len(), dtype=pl.Boolean, eager=True))
    whole = pl.concat(parts).filter(pl.col(unpivot.value) != "").sort("\0row", maintain_order=True)
    return replace(table, cells=whole.drop("\0row"), rows=whole["\0row"])


def unknown_columns(file: File, table: RawTable) -> list[Fault]:
    """Name the columns the mapping doesn't know."""
    patterns = [re.compile(rows.unpivot.columns) for rows in file.rows if rows.unpivot]
    patterns += [re.compile(file.unused_pattern)] if file.unused_pattern else []
    strange = [name for name in table.cells.columns if name not in file.named and not any(p.search(name) for p in patterns)]
    if not strange:
        return []
    listed = ", ".join(shown(name, True) for name in strange[:10]) + (
        f" and {len(strange) - 10} more" if len(strange) > 10 else ""
    )
    if not table.rows.len():  # the heading may be a line that has run into the next, with a member's data in it
        listed = f"{len(strange):,}"
    return [
        Fault(
            file=table.file,
            found=f"columns that the mapping doesn't know: {listed}",
            expected="columns that the mapping uses or names as unused",
            remedy="They aren't read. If they matter, say in the mapping what they are.",
            severity=WARNING,
            rule="extra_column",
        )
    ]


def without_nul(table: RawTable) -> tuple[RawTable, list[Fault]]:
    """Take out NUL signs, which no text table can hold."""
    mask = pl.select(pl.any_horizontal(*(column.str.contains("\0", literal=True) for column in table.cells))).to_series()
    if not mask.any():
        return table, []
    fault = Fault(
        file=table.file,
        row=table.rows.filter(mask)[0],
        found=f"rows with NUL signs: {int(mask.sum()):,}, first here",
        expected="plain text",
        remedy="They are read without those signs. Ask for the file again, as the system writes it.",
        severity=WARNING,
        rule="nul",
    )
    return replace(table, cells=table.cells.with_columns(pl.all().str.replace_all("\0", "", literal=True))), [fault]


def zeros_lost(file: File, table: RawTable) -> list[Fault]:
    """Say where membership numbers look as if a spreadsheet had taken their leading zeros away."""
    names = {cell.source for rows in file.rows for cell in rows.columns.values() if cell.key == "member" and cell.source}
    faults = []
    for name in sorted(names & {*table.cells.columns}):
        texts = [text for text in table.cells[name].unique() if text and not re.fullmatch(values.SCIENTIFIC, text)]
        is_number = bool(texts) and all(text.isdigit() for text in texts)
        if not is_number or any(text[0] == "0" for text in texts) or len({*map(len, texts)}) == 1:
            continue
        faults.append(
            Fault(
                file=table.file,
                column=name,
                found="membership numbers have several lengths and none begins with 0: a spreadsheet may have taken zeros away",
                expected="membership numbers as text, each as the platform wrote it",
                remedy="Compare a few with another list. If zeros are missing, ask for the file again, unopened: members won't join otherwise.",
                severity=WARNING,
                rule="member_numbers",
            )
        )
    return faults

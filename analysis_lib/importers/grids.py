"""A sheet of cells before its heading is known: where the heading stands, and the table under it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl

from analysis_lib.faults import WARNING, Fault, row_faults, shown
from analysis_lib.importers.raw import RawTable, Read, Repair

BETWEEN = " / "  # between the names of a heading of several rows
_LAST = 5  # rows at the end of a sheet that may be a sum or a note
HEADING_WITHIN = 30  # rows from the top in which a heading is looked for
_TOTALS = frozenset({"total", "totals", "sum", "grand total", "overall total", "all", "overall"})


@dataclass(frozen=True, slots=True)
class Grid:
    """One sheet, or one CSV file: `lines` are (row number as a spreadsheet shows it, cells); blank rows are left out."""

    name: str
    file: str
    lines: tuple[tuple[int, Sequence[str]], ...]


IsHeading = Callable[[set[str]], bool]  # given the names in a line, trimmed


def heading_place(grid: Grid, is_heading: IsHeading | None = None) -> int | None:
    """Find the line with the column names: the first that `is_heading`; else the first that isn't a lone title."""
    for place, (_, cells) in enumerate(grid.lines[:HEADING_WITHIN]):
        names = {cell.strip() for cell in cells} - {""}
        if is_heading(names) if is_heading else len(names) > 1 or len(cells) == 1:
            return place
    return None


def _place(grid: Grid) -> str:
    return f"{grid.file}, sheet {grid.name}" if grid.name else grid.file


def _heading_faults(
    grid: Grid, row: int, heading: Sequence[str], names: Sequence[str], n_rows: int, *, has_rows: bool
) -> list[Fault]:
    """Say what is odd about the heading; where no row fits under it, it may hold a member's data, and isn't repeated."""
    common = {"file": _place(grid), "row": row, "rule": "header"}
    faults = [
        Fault(
            column=name if has_rows else "",
            found=f"the column {shown(name, has_rows)} stands there {names.count(name)} times",
            expected="every column once",
            remedy="Only the first of them is read. Take out or rename the others if one of those is the right one.",
            severity=WARNING,
            **common,
        )
        for name in dict.fromkeys(names)
        if name and names.count(name) > 1
    ]
    padded = [name for name, cell in zip(names, heading, strict=True) if name and name != cell]
    if padded:
        faults.append(
            Fault(
                found=f"spaces stand before or after the column names {', '.join(shown(name, has_rows) for name in padded)}",
                expected="names as the platform writes them",
                remedy="They are read without those spaces; nothing need be done.",
                severity=WARNING,
                **common,
            )
        )
    if row > n_rows:
        faults.append(
            Fault(
                found=f"the column names stand in row {row:,}; what stands above them isn't read",
                expected="column names in row 1",
                remedy="If the rows above hold figures that matter, hand those over apart.",
                severity=WARNING,
                **common,
            )
        )
    return faults


def _is_total(cells: Sequence[str]) -> bool:
    first = next((cell for cell in cells if cell.strip()), "")
    return first.strip().rstrip(":").casefold() in _TOTALS


def _heading(grid: Grid, place: int, n_rows: int) -> list[str]:
    """Give the column names; where the heading is `n_rows` high, what stands above one another is joined."""
    lines = [cells for _, cells in grid.lines[max(0, place + 1 - n_rows) : place + 1]]
    if len(lines) == 1:
        return list(lines[0])
    width = max(map(len, lines))
    columns = zip(*([*cells, *[""] * (width - len(cells))] for cells in lines), strict=True)
    return [BETWEEN.join(cell.strip() for cell in column if cell.strip()) for column in columns]


def _notes(body: Sequence[tuple[int, Sequence[str]]], width: int) -> list[int]:
    """Number the last rows that hold nothing but a sentence, where the table has several columns."""
    found: list[int] = []
    for number, cells in reversed(body[-_LAST:]):
        filled = [cell for cell in cells if cell.strip()]
        is_note = width > 2 and len(filled) == 1 and len(filled[0].split()) > 2
        if not is_note and not _is_total(cells):
            break
        found += [number] * is_note
    return found[::-1]


def raw_table(grid: Grid, is_heading: IsHeading | None = None, n_rows: int = 1) -> Read:
    """Make a table of a sheet: names trimmed, a totals row and rows of the wrong width left out with a fault each.

    `is_heading` knows the lowest of the `n_rows` rows of the heading.
    """
    if (place := heading_place(grid, is_heading)) is None:
        return Read(())
    row, heading = grid.lines[place][0], _heading(grid, place, n_rows)
    names = [cell.strip() for cell in heading]
    repairs = [Repair(row, name, "trimmed") for name, cell in zip(names, heading, strict=True) if name and name != cell]
    body = grid.lines[place + 1 :]
    width = len(names)
    too_long = [number for number, cells in body if any(cell.strip() for cell in cells[width:])]
    notes = _notes(body, width)
    too_short = [number for number, cells in body if len(cells) < width and number not in notes]
    left_out = {*too_long, *too_short, *notes}
    totals = [number for number, cells in body[-_LAST:] if number not in left_out and _is_total(cells)]
    left_out |= {*totals}
    kept = [(number, cells) for number, cells in body if number not in left_out]
    columns: dict[str, list[str]] = {}
    for at, name in enumerate(names):
        if name and name not in columns:
            columns[name] = [cells[at].strip() for _, cells in kept]
            repairs += [Repair(n, name, "trimmed") for n, cells in kept if cells[at] != cells[at].strip()]
    faults = _heading_faults(grid, row, heading, names, n_rows, has_rows=bool(kept))
    ragged = Fault(
        file=_place(grid),
        found="the row has more cells than there are column names",
        expected=f"{width} cells, as in row {row:,}",
        remedy="The row is left out. A text that holds the separator must stand in quotation marks; ask for the export again.",
        rule="ragged",
    )
    faults += row_faults(ragged, pl.Series(too_long, dtype=pl.Int64), lambda _: {})
    found = {"found": "the row has fewer cells than there are column names"}
    faults += row_faults(ragged, pl.Series(too_short, dtype=pl.Int64), lambda _: found)
    faults += [
        Fault(
            file=_place(grid),
            row=number,
            found="this looks like a row of totals",
            expected="one row for each record",
            remedy="The row is left out. If it is a record of its own, change its first cell and import the file again.",
            severity=WARNING,
            rule="totals_row",
        )
        for number in totals
    ]
    faults += [
        Fault(
            file=_place(grid),
            row=number,
            found="this looks like a note under the table: only one cell of the row is filled, with words",
            expected="one row for each record",
            remedy="The row is left out. If it is a record of its own, fill in its other cells and import the file again.",
            severity=WARNING,
            rule="note_row",
        )
        for number in notes
    ]
    unnamed = [at for at, name in enumerate(names) if not name and any(cells[at].strip() for _, cells in kept)]
    if unnamed:
        faults.append(
            Fault(
                file=_place(grid),
                row=row,
                found=f"{len(unnamed)} column{'s' * (len(unnamed) > 1)} with cells filled in {'have' if len(unnamed) > 1 else 'has'} no name",
                expected="a name above every column",
                remedy="They aren't read. Write a name above them if they matter (merged headings: unmerge, and name each column).",
                severity=WARNING,
                rule="header",
            )
        )
    frame = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))
    rows = pl.Series("row", [number for number, _ in kept], dtype=pl.Int64)
    return Read((RawTable(grid.name, grid.file, frame, rows),), tuple(faults), tuple(repairs))

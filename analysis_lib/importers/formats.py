"""Which reader reads which format, and which of a platform's files a file is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from inspect import signature
from typing import Any

from analysis_lib.errors import ParameterError
from analysis_lib.faults import WARNING, Fault, hint, shown
from analysis_lib.importers import bel, blt, civs, delimited, git_roll, spreadsheets, structured
from analysis_lib.importers.grids import Grid, heading_place, raw_table
from analysis_lib.importers.mapping import File, Platform
from analysis_lib.importers.raw import RawTable, Read, Repair

TABLE = "table"  # CSV and its kin, XLSX, XLS, ODS: whichever the bytes are
Reader = Callable[..., Read]  # (data, file name, options of the format by keyword) -> Read

READERS: Mapping[str, Reader] = {
    "json": structured.read_json,
    "jsonl": structured.read_json_lines,
    "lines": structured.read_lines,
    "nist_log": structured.read_nist_log,
    "blt": blt.read,
    "civs_ballots": civs.read_ballots,
    "civs_log": civs.read_log,
    "belenios": bel.read,
    "belenios_records": bel.read_records,
    "git_roll": git_roll.read,
}


@dataclass(frozen=True, slots=True)
class Part:
    """One table of a file, and which of the platform's files it is."""

    file: File
    table: RawTable


@dataclass(frozen=True, slots=True)
class Recognised:
    """What a file was found to hold."""

    parts: tuple[Part, ...]
    faults: tuple[Fault, ...]
    repairs: tuple[Repair, ...]


def _grids(data: bytes, file: str) -> tuple[tuple[Grid, ...], tuple[Fault, ...], tuple[Repair, ...]]:
    return (spreadsheets if data.startswith(spreadsheets.MAGIC) else delimited).grids(data, file)


def _choice(platform: Platform, name: str, wanted: str) -> list[File]:
    """The kinds of file that this one may be, by its name or the user's word."""
    if wanted:
        found = [file for file in platform.files if file.name == wanted]
        if not found:
            names = [file.name for file in platform.files]
            raise ParameterError(
                f"{platform.title} has no file {wanted}. Expected one of {', '.join(names)}. {hint(wanted, names)}Change --as."
            )
        return found
    return [
        file
        for file in platform.files
        if not file.file_names or any(fnmatch(name.lower(), pattern.lower()) for pattern in file.file_names)
    ]


def _only(fitting: Sequence[File], place: str) -> File | None:
    """Of several kinds that fit, the one that asks for most columns; two that ask for as many can't be told apart."""
    if not fitting:
        return None
    most = max(len(file.needs) for file in fitting)
    best = [file for file in fitting if len(file.needs) == most]
    if len(best) > 1:
        raise ParameterError(
            f"{place}: this may be {' or '.join(f'{file.name} ({file.title})' for file in best)}. "
            f"Expected a file that only one of them fits. Say which it is with --as, for instance --as {best[0].name}."
        )
    return best[0]


def _read(reader: Reader, data: bytes, name: str, format_: str, options: Mapping[str, Any]) -> Read:
    try:
        signature(reader).bind(data, name, **options)
    except TypeError as error:
        raise ParameterError(
            f"The format {format_} doesn't take these options ({error}). Expected those of data_schema/mappings/README.md. "
            "Correct options in the mapping."
        ) from None
    return reader(data, name, **options)


def recognise(data: bytes, name: str, platform: Platform, wanted: str = "") -> Recognised:
    """Find out what a file is, and read it.

    Parameters
    ----------
    wanted : str
        The kind of file it is said to be; "" to find out by its column names.

    Raises
    ------
    ParameterError
        It is none of the platform's files, or may be several.
    """
    candidates = _choice(platform, name, wanted)
    parts: list[Part] = []
    faults: list[Fault] = []
    repairs: list[Repair] = []
    failed: list[Fault] = []
    tabular = [file for file in candidates if file.format == TABLE]
    if tabular:
        found, said, mended = _grids(data, name)
        (faults if found else failed).extend(said)
        repairs += mended
        for grid in found:
            fitting = [file for file in tabular if heading_place(grid, file.recognises) is not None]
            place = f"{name}, sheet {grid.name}" if grid.name else name
            best = _only(fitting, place)
            if best:
                whole = raw_table(grid, best.recognises, best.header_rows)
                parts += [Part(best, replace(table, file=place)) for table in whole.tables]
                faults += whole.faults
                repairs += whole.repairs
            elif grid.name:
                faults.append(_unread_sheet(name, grid))
    for file in candidates if not parts else ():
        if file.format == TABLE:
            continue
        if file.format not in READERS:
            raise ParameterError(
                f"The mapping of {platform.title} asks for the format {file.format}, which isn't known. "
                f"Expected one of {', '.join([TABLE, *READERS])}. Correct format in the mapping."
            )
        whole = _read(READERS[file.format], data, name, file.format, file.options)
        fitting = [table for table in whole.tables if file.recognises({*table.cells.columns})]
        taken = {part.table.name for part in parts}
        if new := [Part(file, table) for table in fitting if table.name not in taken]:
            parts += new
            faults += whole.faults
            repairs += whole.repairs
        elif not fitting:
            failed += whole.faults
    if not parts:
        raise ParameterError(_unknown(data, name, platform, candidates, [*failed, *faults]))
    return Recognised(tuple(parts), tuple(faults), tuple(repairs))


def _unread_sheet(name: str, grid: Grid) -> Fault:
    return Fault(
        file=f"{name}, sheet {grid.name}",
        found="none of the platform's lists has column names like those here",
        expected="sheets that are exports of the platform",
        remedy="The sheet isn't read. If it belongs to the export, say in a mapping what its columns are.",
        severity=WARNING,
        rule="unknown_sheet",
    )


def _names_seen(cells: Sequence[str], platform: Platform) -> str:
    """Say what stands in the first row: the names that are known, and how many others; those may be a member's data."""
    known = {name.casefold() for file in platform.files for name in file.named}
    seen = [shown(cell, True) for cell in cells if cell.casefold() in known]
    n_others = len(cells) - len(seen)
    others = [f"{n_others:,} cell{'s' * (n_others > 1)} that {'are' if n_others > 1 else 'is'} no column name known here"] * (
        n_others > 0
    )
    return ", ".join([*seen[:12], *others]) or "nothing that looks like column names"


def _unknown(data: bytes, name: str, platform: Platform, candidates: Sequence[File], faults: Sequence[Fault]) -> str:
    """Say what the file looks like, and what it should look like."""
    if broken := next((fault for fault in faults if fault.severity != WARNING), None):
        return f"{name}: {broken.found}. Expected {broken.expected}. {broken.remedy}"
    grids_, _, _ = _grids(data, name)
    first = [cell.strip() for cell in grids_[0].lines[0][1] if cell.strip()] if grids_ and grids_[0].lines else []
    seen = _names_seen(first, platform)
    known = "; ".join(f"{file.name} ({', '.join(file.needs) or file.format})" for file in candidates)
    return (
        f"{name}: this is none of the files known of {platform.title}. Its first row holds {seen}. Expected one of: {known}. "
        "Check the platform's name; for another version's column names copy its mapping and change them."
    )

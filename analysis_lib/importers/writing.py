"""Rows into a package on disk: merged on their keys, written beside what is there, and put in place all together."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from analysis_lib import secrecy
from analysis_lib.checks import check_cells
from analysis_lib.descriptor import MIN_CELL, NAME, changed_faults, file_hash, read_descriptor
from analysis_lib.errors import PackageError, ParameterError
from analysis_lib.faults import WARNING, Fault, message, shown
from analysis_lib.importers.recovery import beside, interrupted
from analysis_lib.reading import TextTable, read_table
from analysis_lib.schema import TABLES, TableSchema, load_schema

Row = dict[str, str]
MOST_CONFLICTS = 50  # of one table that get a line of their own
_OWN_TO_A_SOURCE = ("source_id", "source_row", "clock_id", "at_raw")  # may differ where two sources tell of one event


@dataclass(slots=True)
class Held:
    """What a package holds: its description and its tables as texts."""

    description: dict[str, Any]
    paths: dict[str, str] = field(default_factory=dict)
    tables: dict[str, list[Row]] = field(default_factory=dict)
    columns: dict[str, list[str]] = field(default_factory=dict)
    hashes: dict[str, str | None] = field(default_factory=dict)  # of each file, as it was read
    faults: list[Fault] = field(default_factory=list)


@dataclass(slots=True)
class Planned:
    """What an import comes to, before anything is written: tables that change, as they will stand."""

    tables: dict[str, list[Row]] = field(default_factory=dict)
    columns: dict[str, list[str]] = field(default_factory=dict)
    n_added: dict[str, int] = field(default_factory=dict)
    n_filled: dict[str, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def frame(self, table: str) -> pl.DataFrame:
        """A table as texts."""
        names = self.columns[table]
        return pl.DataFrame({name: [row.get(name, "") for row in self.tables[table]] for name in names})


def _refuse_link(folder: Path) -> None:
    for path in (folder, folder / "data", folder / NAME):
        if path.is_symlink():
            raise ParameterError(
                f"{path}: this is a link to another place. Expected a folder and files of the package's own. Name the real folder."
            )


def _read_rows(folder: Path, path: str, table: str) -> tuple[list[Row], list[str]]:
    place = folder / path
    if place.is_symlink():
        raise ParameterError(
            f"{place}: this is a link to another place. Expected a file of the package's own. Put the file there."
        )
    if path.lower().endswith(".parquet"):
        raise ParameterError(
            f"{place}: this table is kept as Parquet. Expected CSV: an import adds rows to text tables only. Save it as data/{table}.csv."
        )
    text, faults = read_table(place.read_bytes(), path, load_schema(table))
    broken = next((fault for fault in faults if fault.severity != WARNING), None)
    if text is None or broken is not None:
        raise ParameterError(
            f"The package's own file must be mended before something is added to it. {message(asdict(broken)) if broken else path}"
        )
    names = [*text.cells.columns, *text.extra_names]
    frame = pl.concat([text.cells, text.extras], how="horizontal")
    frame.columns = [*text.cells.columns, *(f"\0{number}" for number in range(len(text.extra_names)))]
    rows = [dict(zip(names, cells, strict=True)) for cells in frame.iter_rows()]
    return rows, names


def read_held(folder: Path) -> Held:
    """Read what a package holds; nothing for a folder that isn't there or is empty. A write that was interrupted is put in order first.

    Raises
    ------
    ParameterError
        A link leads elsewhere, a table can't be added to, or the folder holds something else.
    """
    _refuse_link(folder)
    mended = interrupted(folder, mend=True) if folder.is_dir() else []
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return Held({}, faults=mended)
    if not folder.is_dir():
        raise ParameterError(f"{folder}: this is a file. Expected the folder of a package, or a new one. Change --into.")
    if not (folder / NAME).is_file():
        raise ParameterError(
            f"{folder}: this folder isn't empty and has no {NAME}. Expected a package, or a new folder. Change --into, or write {NAME}."
        )
    said, faults = read_descriptor(folder)
    if broken := next((fault for fault in faults if fault.severity != WARNING), None):
        raise ParameterError(f"The package must be mended before something is added to it. {message(asdict(broken))}")
    held = Held(json.loads((folder / NAME).read_text(encoding="utf-8-sig")))
    for table, path in said.paths.items():
        if path is None:
            raise PackageError(f"{folder}: the file of the table {table} can't be opened. Expected a CSV file. Mend {NAME}.")
        held.paths[table] = path
        held.hashes[path] = file_hash(folder, path)
        held.tables[table], held.columns[table] = _read_rows(folder, path, table)
    remedy = (
        "What stands there now is kept, and registered anew where rows are added to it. Ask who changed it and why, and note it."
    )
    held.faults = mended + [replace(fault, remedy=remedy) for fault in changed_faults(said, held.hashes, folder)]
    held.hashes[NAME] = file_hash(folder, NAME)
    return held


def _columns(schema: TableSchema, old: Iterable[str], rows: Iterable[Row]) -> list[str]:
    """The columns a table is written with: the schema's order, those that hold something; what it had stays."""
    filled = {name for row in rows for name, cell in row.items() if cell}
    needed = {each.name for each in schema.fields if each.is_required}
    kept = [name for name in schema.names if name in filled | needed | {*old}]
    return kept + [name for name in old if name not in schema.names]


def merge(held: Held, incoming: Mapping[str, list[Row]], files: Mapping[str, str]) -> Planned:
    """Add rows to what a package holds.

    A row whose key is there already fills its blank cells; where both have a value that differs, the
    first is kept and a fault says so. The same rows a second time change nothing.

    Parameters
    ----------
    files : mapping
        Name of the file of each source_id, for the messages.
    """
    planned = Planned()
    for table in (name for name in TABLES if incoming.get(name)):
        schema = load_schema(table)
        rows = {tuple(row.get(name, "") for name in schema.primary_key): dict(row) for row in held.tables.get(table, ())}
        n_added = n_filled = n_conflicts = 0
        first_of: dict[tuple[str, ...], Row] = {}  # rows of this import, by key
        doubled: list[Row] = []
        for new in incoming[table]:
            key = tuple(new.get(name, "") for name in schema.primary_key)
            if first_of.setdefault(key, new) is not new and first_of[key].get("source_id") == new.get("source_id"):
                doubled.append(new)
            if key not in rows:
                rows[key] = {name: cell for name, cell in new.items() if cell}
                n_added += 1
                continue
            old, is_filled = rows[key], False
            for name, cell in new.items():
                if cell and not old.get(name):
                    old[name], is_filled = cell, True
                elif cell and old[name] != cell and name not in _OWN_TO_A_SOURCE:
                    n_conflicts += 1
                    if n_conflicts <= MOST_CONFLICTS:
                        planned.faults.append(_conflict(schema, name, old, new, files))
            n_filled += is_filled
        if doubled:
            planned.faults.append(_doubled(schema, doubled, files))
        if n_conflicts > MOST_CONFLICTS:
            planned.faults.append(_more_conflicts(table, n_conflicts - MOST_CONFLICTS))
        if n_added or n_filled:
            planned.tables[table] = [rows[key] for key in sorted(rows)]
            planned.columns[table] = _columns(schema, held.columns.get(table, ()), planned.tables[table])
            planned.n_added[table], planned.n_filled[table] = n_added, n_filled
    return planned


def _conflict(schema: TableSchema, name: str, old: Row, new: Row, files: Mapping[str, str]) -> Fault:
    is_public = next((each.is_public for each in schema.fields if each.name == name), False)
    first, second = old.get("source_id", ""), new.get("source_id", "")
    said = f": {shown(old[name], True)} and {shown(new[name], True)}" if is_public else ""
    row = new.get("source_row", "")
    return Fault(
        file=files.get(second, schema.name),
        column=f"{schema.name}.{name}",
        row=int(row) if row.isdigit() else None,
        found=f"this row tells otherwise than source {first} does (row {old.get('source_row') or 'not known'}){said}",
        expected="sources that agree on one event",
        remedy="What came first is kept. Find out which is right; if both are events of their own, their ids must differ.",
        severity=WARNING,
        rule="conflict",
    )


def _doubled(schema: TableSchema, rows: list[Row], files: Mapping[str, str]) -> Fault:
    first = rows[0].get("source_row", "")
    return Fault(
        file=files.get(rows[0].get("source_id", ""), schema.name),
        column=", ".join(f"{schema.name}.{name}" for name in schema.primary_key),
        row=int(first) if first.isdigit() else None,
        found=f"rows about what a row above is about already: {len(rows):,}, first here",
        expected="one row for each",
        remedy="They are made one row. Ask why the file has them twice.",
        severity=WARNING,
        rule="doubled",
    )


def _more_conflicts(table: str, n: int) -> Fault:
    return Fault(
        file=table, found=f"{n:,} more cells differ between the sources", expected="sources that agree on one event",
        remedy="What came first is kept.", severity=WARNING, rule="conflict",
    )  # fmt: skip


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if any(sign in cell for sign in ',"\r\n') else cell


def _csv(rows: list[Row], columns: list[str]) -> bytes:
    """Write CSV; Python's own writer leaves a lone carriage return unquoted, which splits the row for whoever reads it."""
    lines = [columns, *([row.get(name, "") for name in columns] for row in rows)]
    text = "".join(",".join(map(_quoted, line)) + "\n" for line in lines)
    return text.encode("utf-8", "backslashreplace")  # half a surrogate pair, from JSON, is no character


def _text_table(data: bytes, path: str, table: str) -> TextTable:
    text, faults = read_table(data, path, load_schema(table))
    if text is None:
        raise ParameterError(f"Nothing was written. {message(asdict(faults[0]))}")
    return text


def guard(held: Held, planned: Planned, files: Mapping[str, bytes]) -> None:
    """Refuse the import if a table would tie a voter to a ballot or a choice.

    Raises
    ------
    ParameterError
    """
    whole = held.tables | planned.tables
    contests = whole.get("contests", [])
    linkable = [row["contest_id"] for row in contests if row.get("secrecy") in secrecy.LINKABLE]
    candidates = {row.get(name, "") for row in whole.get("candidates", []) for name in ("candidate_id", "display_name")} - {""}
    min_cell = held.description.get("sf:min_cell", MIN_CELL)
    for table in whole if {"candidates", "contests"} & {*planned.tables} else planned.tables:  # on them hangs what is a choice
        text = _text_table(files[table] if table in files else _csv(held.tables[table], held.columns[table]), table, table)
        schema = load_schema(table)
        fault = secrecy.guard(text, schema, linkable, 0 < len(linkable) == len(contests), candidates)
        if not fault and table in ("ballot_choices", "ballot_events"):
            rows = check_cells(text, schema)[0].typed
            fault = secrecy.small_bin_fault(text, table, rows, linkable, min_cell)
            fault = fault or secrecy.paired_times_fault(text, table, rows, linkable)
        if fault:
            raise ParameterError(f"Nothing was written. {message(asdict(fault))}")
    _no_record_twice(held, planned, linkable)


def _no_record_twice(held: Held, planned: Planned, linkable: Sequence[str]) -> None:
    """Refuse rows made of one record of a file, under two mappings, that join a voter with a ballot or choice by its number."""
    voters: set[tuple[str, str]] = set()
    ballots: set[tuple[str, str]] = set()
    for table, rows in (held.tables | planned.tables).items():
        for row in rows:
            if not row.get("source_row") or row.get("contest_id") in linkable:
                continue
            record = (row["source_id"], row["source_row"])
            if any(row.get(name) for name in secrecy.VOTERS):
                voters.add(record)
            elif table not in ("candidates", "roll_snapshots") and any(row.get(name) for name in secrecy.CHOICES):
                ballots.add(record)
    if both := voters & ballots:
        source_id, number = min(both)
        raise ParameterError(
            f"Nothing was written. Source {source_id}, row {number}: one record of this file would tell of a voter in one table "
            f"and of a ballot or a choice in another; records like this one: {len(both):,}. Expected ballots from a file that has no voters, "
            "in its own order. Ask for the ballots apart, and import that file."
        )


def table_files(planned: Planned) -> dict[str, bytes]:
    """Give the bytes of every table that changes."""
    return {table: _csv(rows, planned.columns[table]) for table, rows in planned.tables.items()}


def describe(held: Held, tables: Mapping[str, bytes], new: Mapping[str, Any]) -> bytes:
    """Write datapackage.json: what it said stays; tables get their path, fingerprint and size."""
    said = dict(held.description)
    for name, value in new.items():
        if isinstance(value, Mapping):
            said[name] = {**value, **said.get(name, {})}
        else:
            said.setdefault(name, value)
    resources = [dict(resource) for resource in said.get("resources", ())]
    by_name = {resource.get("name"): resource for resource in resources}
    for table, data in tables.items():
        if table not in by_name:
            by_name[table] = {"name": table, "path": f"data/{table}.csv"}
            resources.append(by_name[table])
        by_name[table] |= {"hash": f"sha256:{hashlib.sha256(data).hexdigest()}", "bytes": len(data)}
    order = {table: place for place, table in enumerate(TABLES)}
    said["resources"] = sorted(resources, key=lambda resource: order.get(resource.get("name"), len(order)))
    return (json.dumps(said, indent=1, ensure_ascii=False) + "\n").encode("utf-8")


def commit(folder: Path, held: Held, tables: Mapping[str, bytes], description: bytes) -> None:
    """Put the files in place: all are written beside the old ones first, and renamed only when every one is whole.

    If a renaming fails, those already renamed are put back.

    Raises
    ------
    ParameterError
        The disk is full, or the folder may not be written to; the package is as it was.
    """
    targets = {folder / held.paths.get(table, f"data/{table}.csv"): data for table, data in tables.items()}
    targets[folder / NAME] = description  # last: it names what the others hold
    changed = {path: data for path, data in targets.items() if not path.is_file() or path.read_bytes() != data}
    before = {path: path.read_bytes() if path.is_file() else None for path in changed}
    done: list[Path] = []
    try:
        for path, data in changed.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with beside(path).open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        _not_changed_meanwhile(folder, held)
        for path in changed:
            done.append(path)
            beside(path).replace(path)
    except BaseException as error:  # a stop by the user, too, leaves all of it or nothing
        for path in done:
            _put_back(path, before[path])
        if not isinstance(error, OSError):
            raise
        raise ParameterError(
            f"{folder}: the package can't be written ({error.strerror}). Expected a folder you may write to, with room on the disk. "
            "Nothing in it was changed."
        ) from None
    finally:
        for path in changed:
            beside(path).unlink(missing_ok=True)


def _not_changed_meanwhile(folder: Path, held: Held) -> None:
    """Refuse to write over what another import, or a person, wrote since the package was read."""
    hashes = held.hashes or {NAME: None}
    if other := next((path for path, digest in hashes.items() if file_hash(folder, path) != digest), None):
        raise ParameterError(
            f"{folder / other}: this was changed while the import ran. Expected one import at a time, and nobody else at work on the "
            "package. Nothing was written. Import again."
        )


def _put_back(path: Path, data: bytes | None) -> None:
    with suppress(OSError):
        if data is None:
            path.unlink()
        else:
            path.write_bytes(data)


def checked(table: str, rows: list[Row], file: str) -> list[Fault]:
    """Check rows that no file gave (sources, contests, clocks) by the rules of their table."""
    schema = load_schema(table)
    names = [name for name in schema.names if any(name in row for row in rows)]
    cells = pl.DataFrame({name: [row.get(name, "") for row in rows] for name in names}, schema=dict.fromkeys(names, pl.String))
    n = len(rows)
    text = TextTable(
        file=file,
        cells=cells,
        extras=pl.DataFrame(),
        extra_names=(),
        rows=pl.Series("row", range(1, n + 1), dtype=pl.Int64),
        ragged=pl.repeat(False, n, dtype=pl.Boolean, eager=True),
        is_usable=True,
    )
    return check_cells(text, schema)[1]

"""Open a data package: good rows as typed frames, every fault in one table, and nothing that breaks a voter's secrecy."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from analysis_lib import checks, keys, offsets, privacy, secrecy, traps
from analysis_lib.columns import as_text, given
from analysis_lib.descriptor import Descriptor, changed_faults, file_hash, read_descriptor
from analysis_lib.errors import PackageError
from analysis_lib.faults import Fault, fault_table
from analysis_lib.locations import EXAMPLES
from analysis_lib.ordering import in_order
from analysis_lib.reading import TextTable, read_table
from analysis_lib.schema import TABLES, TableSchema, load_schema

MISSINGNESS_SCHEMA = {"table": pl.String, "column": pl.String, "code": pl.String, "n": pl.Int64}


@dataclass(frozen=True, kw_only=True)
class Package:
    """One case as handed over, checked.

    `tables` has a frame for every table of the schema, sorted on its key: good rows only, times in
    UTC; a table that wasn't handed over, couldn't be read or was withheld is an empty frame. `held`
    names the tables that could be used, `refused` those withheld by the secrecy guard. `faults` is
    every fault there is (`faults.message` says one in words). `missingness` counts, in the good rows,
    cells that are empty or hold a code for a missing value. `n_left_out` counts the rows of each file
    that aren't in its frame. `hashes` are the SHA-256 of the files read. No group smaller than `min_cell`
    may be shown.
    """

    name: str
    title: str
    description: str
    made_up: bool
    min_cell: int
    folder: Path
    tables: Mapping[str, pl.DataFrame]
    held: frozenset[str]
    faults: pl.DataFrame
    missingness: pl.DataFrame
    refused: tuple[str, ...]
    n_left_out: Mapping[str, int]
    hashes: Mapping[str, str]


def _find(folder: str | Path) -> Path:
    """Give the package's folder: a path, or the name of an example that comes with the library."""
    path = Path(folder)
    shipped = sorted(example.parent.name for example in EXAMPLES.glob("*/datapackage.json"))
    try:
        if path.is_dir():
            return path
        is_file = path.is_file()
    except OSError as error:
        raise PackageError(
            f"{path}: this can't be opened ({error.strerror}). Expected the folder of a data package. Check the path."
        ) from None
    if is_file:
        raise PackageError(
            f"{path}: this is a file. Expected the folder of a data package. Give the folder it lies in: {path.parent}"
        )
    if str(folder) in shipped:
        return EXAMPLES / str(folder)
    raise PackageError(
        f"{path}: there is no such folder. Expected the folder of a data package, or the name of an example: "
        f"{', '.join(shipped) or 'none is installed'}. Check the path; it is read from {Path.cwd()}."
    )


def _read_texts(folder: Path, descriptor: Descriptor) -> tuple[dict[str, TextTable | None], list[Fault], dict[str, str]]:
    """Read every file that may be opened; a table whose file can't be read is null."""
    texts: dict[str, TextTable | None] = {}
    faults, hashes = [], dict(descriptor.hashes)
    with ThreadPoolExecutor(1) as other:
        for table, path in descriptor.paths.items():
            texts[table] = None
            if path is None:
                continue
            digest = other.submit(file_hash, folder, path)  # while the file is read
            texts[table], found = read_table(folder / path, path, load_schema(table))
            if isinstance(digest.result(), str):
                hashes[path] = digest.result()
            faults += found
    return texts, faults, dict(sorted(hashes.items()))


def _missing_tables(texts: dict[str, TextTable | None]) -> list[Fault]:
    faults = []
    for table in TABLES:
        if load_schema(table).is_core and table not in texts:
            texts[table] = None
            faults.append(
                Fault(
                    file="datapackage.json",
                    found=f"the package has no table {table}",
                    expected="the tables " + " and ".join(name for name in TABLES if load_schema(name).is_core),
                    remedy=f"Add {table}.csv; its columns are in data_schema/dictionary.md. Until then nothing can be asked.",
                    rule="missing_table",
                )
            )
    return faults


def _linkable(drafts: Mapping[str, checks.Draft]) -> tuple[list[str], bool]:
    """The contests whose rules let a voter and a ballot stand in one row, and whether all are such."""
    if "contests" not in drafts:
        return [], False
    good = drafts["contests"].typed.filter(~drafts["contests"].bad)
    linkable = good.filter(pl.col("secrecy").is_in(secrecy.LINKABLE))["contest_id"].sort().to_list()
    return linkable, 0 < len(linkable) == drafts["contests"].typed.height


def _candidates(drafts: Mapping[str, checks.Draft]) -> set[str]:
    """Ids and names of all candidates."""
    if "candidates" not in drafts:
        return set()
    return {name for row in drafts["candidates"].typed.select("candidate_id", "display_name").iter_rows() for name in row if name}


def _zones(drafts: Mapping[str, checks.Draft]) -> dict[str, dict[str, str]]:
    """The zones that times may be written in: by contest_id the contest's, by clock_id the clock's."""
    zones = {}
    for column, table, zone in (("contest_id", "contests", "timezone"), ("clock_id", "clocks", "tz_used")):
        if table in drafts:
            zones[column] = dict(drafts[table].typed.filter(~drafts[table].bad).select(column, zone).drop_nulls().iter_rows())
    return zones


def _missingness(text: TextTable, draft: checks.Draft, schema: TableSchema) -> list[tuple[str, str, str, int]]:
    rows = []
    for name, cells in zip(text.cells.columns, text.cells, strict=True):
        if not draft.typed[name].null_count():
            continue
        is_missing = ~draft.bad & ~given(cells, schema)
        if is_missing.any():
            counts = dict(as_text(cells.filter(is_missing)).value_counts().rows())
            rows += [(schema.name, name, label, counts[code]) for code, label in schema.missing_codes.items() if code in counts]
    return rows


def open_package(folder: str | Path) -> Package:
    """Read and check a data package.

    Every fault is collected, with its file, column and row. Rows that break a rule are left out and
    counted; nothing is mended or guessed.

    Parameters
    ----------
    folder : str or Path
        A folder with datapackage.json, or with files named after the tables, in it or in data/; or the
        name of an example that comes with the library.

    Returns
    -------
    Package

    Raises
    ------
    PackageError
        There is no such folder, nothing in it can be used, or its datapackage.json is broken.
    """
    path = _find(folder)
    descriptor, faults = read_descriptor(path)
    faults += privacy.descriptor_faults("datapackage.json", title=descriptor.title, description=descriptor.description)
    texts, found, hashes = _read_texts(path, descriptor)
    faults += found + changed_faults(descriptor, hashes, path) + _missing_tables(texts)
    usable = {table: text for table, text in texts.items() if text is not None and text.is_usable}
    drafts: dict[str, checks.Draft] = {}
    for table, text in usable.items():
        schema = load_schema(table)
        drafts[table], found = checks.check_cells(text, schema)
        more, bad = keys.key_faults(text, schema, texts)
        drafts[table] = replace(drafts[table], bad=drafts[table].bad | bad)
        faults += found + more
    linkable, candidates = _linkable(drafts), _candidates(drafts)
    refused, missing = [], []
    tables = {table: pl.DataFrame(schema=load_schema(table).dtypes) for table in TABLES}
    n_left_out = {table: text.rows.len() for table, text in texts.items() if text is not None}
    del texts
    zones = _zones(drafts)
    held = frozenset(usable)
    for table in list(usable):  # what is no longer needed is let go: a table may fill half of the memory
        schema, draft, text = load_schema(table), drafts.pop(table), usable.pop(table)
        faults += offsets.offset_faults(text, draft, zones) + secrecy.personal_data_faults(text, schema)
        rows = draft.typed
        faults += privacy.table_faults(text, schema)
        faults += secrecy.small_unit_faults(text, table, rows) + keys.same_person_faults(text, table, rows)
        faults += secrecy.same_order_faults(text, table, rows, linkable[0])
        if fault := (
            secrecy.guard(text, schema, *linkable, candidates)
            or secrecy.small_bin_fault(text, table, rows, linkable[0], descriptor.min_cell)
            or secrecy.paired_times_fault(text, table, rows, linkable[0])
        ):
            faults.append(fault)
            refused.append(table)
            continue
        n_left_out[table] = int(draft.bad.sum())
        missing += _missingness(text, draft, schema)
        columns = (rows.filter(~draft.bad) if n_left_out[table] else rows).get_columns()
        del text, draft, rows
        tables[table] = in_order(columns, schema.primary_key)
    faults += [replace(fault, file=descriptor.paths.get(fault.file) or fault.file) for fault in traps.find(tables)]
    return Package(
        name=descriptor.name,
        title=descriptor.title,
        description=descriptor.description,
        made_up=descriptor.made_up,
        min_cell=descriptor.min_cell,
        folder=path,
        tables=tables,
        held=held - set(refused),
        faults=fault_table(faults),
        missingness=pl.DataFrame(missing, schema=MISSINGNESS_SCHEMA, orient="row").sort("table", "column", "code"),
        refused=tuple(sorted(refused)),
        n_left_out=dict(sorted(n_left_out.items())),
        hashes=hashes,
    )

"""Open a data package: good rows as typed frames, every fault in one table, and nothing that breaks a voter's secrecy."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from analysis_lib import checks, keys, secrecy
from analysis_lib.descriptor import Descriptor, read_descriptor, read_file
from analysis_lib.errors import PackageError
from analysis_lib.faults import Fault, fault_table
from analysis_lib.locations import EXAMPLES
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
    that aren't in its frame. `hashes` are the SHA-256 of the files read.
    """

    name: str
    title: str
    description: str
    made_up: bool
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
    for table, path in descriptor.paths.items():
        texts[table] = None
        data = None if path is None else read_file(folder, path)
        if isinstance(data, Fault):
            faults.append(data)
        elif data is not None:
            hashes[path] = hashlib.sha256(data).hexdigest()
            texts[table], found = read_table(data, path, load_schema(table))
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


def _row_zones(draft: checks.Draft, tables: Mapping[str, checks.Draft]) -> list[pl.Series]:
    """For each row, the zones its times may be written in: the contest's and the clock's."""
    zones = []
    for column, table, zone in (("contest_id", "contests", "timezone"), ("clock_id", "clocks", "tz_used")):
        if column in draft.typed.columns and table in tables:
            good = tables[table].typed.filter(~tables[table].bad)
            zones.append(draft.typed[column].replace_strict(good[column], good[zone], default=None, return_dtype=pl.String))
    return zones


def _missingness(text: TextTable, good: pl.Series, schema: TableSchema) -> list[tuple[str, str, str, int]]:
    rows = []
    for name in text.cells.columns:
        cells = text.cells.filter(good & text.cells.select(~checks.given(name, schema)).to_series())[name]
        counts = dict(cells.value_counts().rows())
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
    texts, found, hashes = _read_texts(path, descriptor)
    faults += found + _missing_tables(texts)
    usable = {table: text for table, text in texts.items() if text is not None and text.is_usable}
    drafts: dict[str, checks.Draft] = {}
    for table, text in usable.items():
        schema = load_schema(table)
        drafts[table], found = checks.check_cells(text, schema)
        more, bad = keys.key_faults(text, schema, texts)
        drafts[table] = replace(drafts[table], bad=drafts[table].bad | bad)
        faults += found + more
    linkable = _linkable(drafts)
    refused, missing = [], []
    tables = {table: pl.DataFrame(schema=load_schema(table).dtypes) for table in TABLES}
    n_left_out = {table: text.rows.len() for table, text in texts.items() if text is not None}
    for table, text in usable.items():
        schema, draft = load_schema(table), drafts[table]
        faults += checks.offset_faults(text, draft, _row_zones(draft, drafts)) + secrecy.personal_data_faults(text, schema)
        if fault := secrecy.guard(text, schema, *linkable):
            faults.append(fault)
            refused.append(table)
            continue
        good = ~draft.bad
        tables[table] = draft.typed.filter(good).sort(schema.primary_key)
        n_left_out[table] = int(draft.bad.sum())
        missing += _missingness(text, good, schema)
    return Package(
        name=descriptor.name,
        title=descriptor.title,
        description=descriptor.description,
        made_up=descriptor.made_up,
        folder=path,
        tables=tables,
        held=frozenset(usable) - set(refused),
        faults=fault_table(faults),
        missingness=pl.DataFrame(missing, schema=MISSINGNESS_SCHEMA, orient="row").sort("table", "column", "code"),
        refused=tuple(sorted(refused)),
        n_left_out=dict(sorted(n_left_out.items())),
        hashes=hashes,
    )

"""The smallest package that breaks no rule: one row in every table, made of the schemas' own examples."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from hypothesis import settings

from analysis_lib.faults import message
from analysis_lib.package import Package, open_package
from analysis_lib.schema import TABLES, load_schema

Rows = list[dict[str, str]]

STEADY = settings(deadline=None, derandomize=True, max_examples=40)  # the same cases every time, on a slow machine too


def example_row(table: str, **changes: str) -> dict[str, str]:
    """The schema's example of a row, with some cells changed. A ballot has a voter or an id, not both."""
    row = {field.name: field.example for field in load_schema(table).fields}
    if table == "ballot_events":
        row |= {"link_level": "voter_linked", "ballot_id": ""}
    return row | changes


def around(table: str) -> set[str]:
    """A table, those it points to and those every package has: a package of these alone is opened sooner."""
    return {"sources", "contests", table} | {key.table for key in load_schema(table).foreign_keys}


def write(folder: Path, tables: Mapping[str, Rows] | None = None, only: Iterable[str] = TABLES) -> Path:
    """Write a package to a folder: the tables given, and one example row in each of the others in `only`."""
    rows = {table: [example_row(table)] for table in only} | dict(tables or {})
    (folder / "data").mkdir(parents=True, exist_ok=True)
    for table, its_rows in rows.items():
        names = list(dict.fromkeys(name for row in its_rows for name in row))
        with (folder / "data" / f"{table}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows(its_rows)
    resources = [{"name": table, "path": f"data/{table}.csv"} for table in rows]
    describe(folder, resources=resources)
    return folder


def describe(folder: Path, **values: object) -> Path:
    """Write datapackage.json."""
    whole = {"name": "tiny", "title": "A tiny package", "description": "Made up.", "sf:made_up": True} | values
    (folder / "datapackage.json").write_text(json.dumps(whole), encoding="utf-8")
    return folder


def lines(package: Package) -> str:
    """Every fault as the user reads it, a line each, with its severity and rule before it."""
    return "\n".join(f"{f['severity']} {f['rule']} | {message(f)}" for f in package.faults.iter_rows(named=True))


def check(folder: Path, tables: Mapping[str, Rows] | None = None, only: Iterable[str] = TABLES) -> tuple[Package, str]:
    """Write a package, open it, and give it with its faults as text."""
    package = open_package(write(folder, tables, only))
    return package, lines(package)

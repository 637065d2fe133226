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
    """The schema's example of a row, with some cells changed. A ballot has a voter, a code or an id, not two of them."""
    row = {field.name: field.example for field in load_schema(table).fields}
    if table == "ballot_events":
        row |= {"link_level": "voter_linked", "credential_id": "", "ballot_id": ""}
    if table == "ballot_choices":
        row["cast_bin"] = ""  # one ballot is fewer than a bin must hold
    if "at_raw" in row:
        row["at_raw"] = "2031-03-08 20:00"  # of 08/03/2031 alone nobody can tell which is the month
    return row | changes


def around(table: str) -> set[str]:
    """A table, those it points to, and so on, and those every package has: a package of these alone is opened sooner."""
    found, todo = set(), {"sources", "contests", table}
    while todo:
        found |= todo
        todo = {key.table for name in todo for key in load_schema(name).foreign_keys} - found
    return found


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
    """Every fault as the user reads it, a line each, with its severity and rule before it; traps have tests of their own."""
    faults = [fault for fault in package.faults.iter_rows(named=True) if not fault["rule"].startswith("trap_")]
    return "\n".join(f"{fault['severity']} {fault['rule']} | {message(fault)}" for fault in faults)


def check(folder: Path, tables: Mapping[str, Rows] | None = None, only: Iterable[str] = TABLES) -> tuple[Package, str]:
    """Write a package, open it, and give it with its faults as text."""
    package = open_package(write(folder, tables, only))
    return package, lines(package)

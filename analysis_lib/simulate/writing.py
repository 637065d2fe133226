"""A made-up selection as a data package on disk: CSV files, a description, and the truth beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from analysis_lib.descriptor import MIN_CELL
from analysis_lib.schema import TABLES, load_schema
from analysis_lib.simulate.selections import Selection, joined


def write_package(
    selection: Selection,
    folder: str | Path,
    *,
    name: str,
    title: str,
    description: str,
    peers: Mapping[str, pl.DataFrame] | None = None,
) -> None:
    """Write a selection, and its peers if given, as a data package.

    The bytes depend on the arguments alone: rows keep their order, lines end in a line feed on every
    system. Columns without a single value are left out. `truth.json` lies beside the package for whoever checks a method; no method reads it.
    """
    folder = Path(folder)
    (folder / "data").mkdir(parents=True, exist_ok=True)
    tables = joined(selection.tables, peers or {})
    held = [table for table in TABLES if table in tables]
    for table in held:
        required = {field.name for field in load_schema(table).fields if field.is_required}
        filled = [column.name for column in tables[table] if column.name in required or column.null_count() < len(column)]
        text = tables[table].select(filled).write_csv(datetime_format="%Y-%m-%dT%H:%M:%SZ", line_terminator="\n")
        _write(folder / "data" / f"{table}.csv", text)
    package = {
        "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
        "name": name,
        "title": title,
        "description": description,
        "version": "1.0.0",
        "licenses": [{"name": "CC0-1.0", "path": "https://creativecommons.org/publicdomain/zero/1.0/"}],
        "sf:made_up": True,
        "sf:min_cell": MIN_CELL,
        "resources": [{"name": t, "path": f"data/{t}.csv", "schema": f"../../tables/{t}.schema.json"} for t in held],
    }
    _write(folder / "datapackage.json", _json(package))
    _write(folder / "truth.json", _json({"seed": selection.seed} | selection.truth))


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def _write(path: Path, text: str) -> None:
    path.write_bytes(text.encode())

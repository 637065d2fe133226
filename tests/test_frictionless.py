"""The shipped packages also pass a validator that isn't ours, so that others can check them with their own tools."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest
from frictionless import Package, Report, system

DATA_SCHEMA = Path(__file__).parents[1] / "data_schema"
EXAMPLES = sorted(path.parent for path in (DATA_SCHEMA / "examples").glob("*/datapackage.json"))


def adapted(schema: dict, header: list[str]) -> dict:
    """Say in the words frictionless 5 knows what Data Package v2 says in words it does not.

    It takes no notice of `categories`, and looks for a key of several columns even where one of
    them is empty (a count that is about no candidate), or isn't in the file: the list is given once
    more as `enum`, and such a key is cut down to its column that may be empty, or left out.
    """
    schema["foreignKeys"] = [key for key in schema.get("foreignKeys", []) if set(key["fields"]) <= set(header)]
    optional = {field["name"] for field in schema["fields"] if not field.get("constraints", {}).get("required")}
    for field in schema["fields"]:
        if "categories" in field:
            field.setdefault("constraints", {})["enum"] = field["categories"]
    for key in schema["foreignKeys"]:
        pairs = zip(key["fields"], key["reference"]["fields"], strict=True)
        if kept := [pair for pair in pairs if pair[0] in optional]:
            key["fields"], key["reference"]["fields"] = map(list, zip(*kept, strict=True))
    return schema


def validated(folder: Path) -> Report:
    descriptor = json.loads((folder / "datapackage.json").read_text(encoding="utf-8"))
    for resource in descriptor["resources"]:
        with (folder / resource["path"]).open(encoding="utf-8", newline="") as file:
            header = next(csv.reader(file))
        resource["schema"] = adapted(json.loads((folder / resource["schema"]).read_text(encoding="utf-8")), header)
    with system.use_context(trusted=True):
        return Package.from_descriptor(descriptor, basepath=str(folder)).validate()


def faults(report: Report) -> list[list]:
    return report.flatten(["title", "rowNumber", "fieldName", "note"])


def test_there_are_examples():
    assert {"ilford_south_2022", "ciudadanos_cyl_2019"} <= {folder.name for folder in EXAMPLES}


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)
def test_example_passes_frictionless(folder):
    report = validated(folder)
    assert report.valid, faults(report)
    assert {task.name for task in report.tasks} == {path.stem for path in (folder / "data").glob("*.csv")}


@pytest.mark.parametrize(
    ("table", "old", "new", "fault"),
    [
        ("results", ",in_person,candidate,TARRY,", ",in_person,candidate,NOBODY,", "Foreign"),
        ("results", ",in_person,candidate,TARRY,", ",by_carrier_pigeon,candidate,TARRY,", "Constraint"),
        ("results", "R2,", "R1,", "PrimaryKey"),
        ("sources", "2026-11-21", "21/11/2026", "Type"),
        ("contests", "Labour Party", "", "Constraint"),
    ],
)
def test_a_planted_fault_is_found(tmp_path, table, old, new, fault):
    shutil.copytree(DATA_SCHEMA / "tables", tmp_path / "tables")
    folder = tmp_path / "examples" / "ilford_south_2022"
    shutil.copytree(DATA_SCHEMA / "examples" / "ilford_south_2022", folder)
    file = folder / "data" / f"{table}.csv"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8", newline="\n")
    found = faults(validated(folder))
    assert len(found) == 1, found
    assert fault in found[0][0]

"""The table schemas keep to Data Package 2.0, and say of every column what a clerk and a checker need to know."""

from __future__ import annotations

import csv
import json
import re
from datetime import date, datetime
from pathlib import Path

import jsonschema
import polars as pl
import pytest

from analysis_lib.faults import message
from analysis_lib.methods.registry import REGISTRY
from analysis_lib.package import open_package

DATA_SCHEMA = Path(__file__).parents[1] / "data_schema"
PACKAGE = json.loads((DATA_SCHEMA / "datapackage.json").read_text(encoding="utf-8"))
TABLES = {
    path.name.removesuffix(".schema.json"): json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((DATA_SCHEMA / "tables").glob("*.schema.json"))
}
COLUMNS = [pytest.param(table, field, id=f"{table}.{field['name']}") for table in TABLES for field in TABLES[table]["fields"]]
EXAMPLES = sorted((DATA_SCHEMA / "examples").glob("*/datapackage.json"))
MODULES = {"package", "clocks", "report", "traps", "importers"}
QUESTIONS = set(REGISTRY)

# The parts of the two published profiles that these files use; a property of any other name must begin with "sf:".
TEXT = {"type": "string", "minLength": 1}
NAMES = {"type": "array", "items": TEXT, "minItems": 1, "uniqueItems": True}
NAME = {"type": "string", "pattern": "^[a-z0-9._-]+$"}


def closed(required: list[str], /, **properties: object) -> dict:
    return {
        "type": "object",
        "required": required,
        "properties": properties,
        "patternProperties": {"^sf:[a-z_A-Z]+$": {}},
        "additionalProperties": False,
    }


FIELD = closed(
    ["name", "title", "description", "type", "example", "sf:privacy", "sf:public", "sf:why_we_ask", "sf:read_by"],
    name=NAME,
    title=TEXT,
    description=TEXT,
    type={"enum": ["string", "integer", "number", "boolean", "date", "datetime"]},
    categories=NAMES,
    example={"type": ["string", "number", "boolean"]},
    constraints=closed(
        [],
        required={"const": True},
        minimum={"type": "number"},
        maximum={"type": "number"},
        pattern={"type": "string", "format": "regex"},
    ),
)
FIELD["properties"] |= {
    "sf:privacy": {"enum": ["public", "pseudonymous", "never_share"]},
    "sf:public": {"enum": ["keep", "coarsen", "drop"]},
    "sf:why_we_ask": TEXT,
    "sf:read_by": NAMES,
    "sf:format": {"const": "iana_zone"},
    "sf:timezone": {"const": "UTC"},
    "sf:unit": TEXT,
    "sf:missing_means": TEXT,
    "sf:example_bad": {
        "type": "object",
        "required": ["value", "message"],
        "properties": {"value": {"type": "string"}, "message": TEXT},
    },
}
TABLE = closed(
    ["$schema", "name", "title", "description", "fieldsMatch", "fields", "missingValues", "primaryKey", "sf:tier", "sf:rules"],
    **{"$schema": {"const": "https://datapackage.org/profiles/2.0/tableschema.json"}},
    name=NAME,
    title=TEXT,
    description=TEXT,
    fieldsMatch={"const": "superset"},  # a file may leave out columns that needn't be filled
    fields={"type": "array", "items": FIELD, "minItems": 1},
    missingValues={
        "type": "array",
        "items": closed(["value", "label"], value={"type": "string"}, label=TEXT),
        "uniqueItems": True,
    },
    primaryKey=NAMES,
    foreignKeys={
        "type": "array",
        "items": closed(
            ["fields", "reference"], fields=NAMES, reference=closed(["resource", "fields"], resource=NAME, fields=NAMES)
        ),
    },
)
DESCRIPTOR = closed(
    ["$schema", "name", "title", "description", "version", "resources"],
    **{"$schema": {"const": "https://datapackage.org/profiles/2.0/datapackage.json"}},
    name=NAME,
    title=TEXT,
    description=TEXT,
    version=TEXT,
    licenses={"type": "array", "items": closed(["name"], name=TEXT, path=TEXT, title=TEXT), "minItems": 1},
    resources={
        "type": "array",
        "items": closed(["name", "path", "schema"], name=NAME, path={"type": "string", "pattern": r"^data/[^/]+$"}, schema=TEXT),
        "minItems": 1,
    },
)


def names(table: str) -> set[str]:
    return {field["name"] for field in TABLES[table]["fields"]}


@pytest.mark.parametrize("table", TABLES)
def test_table_schema_is_well_formed(table):
    schema = TABLES[table]
    jsonschema.validate(schema, TABLE)
    assert schema["name"] == table
    assert len(names(table)) == len(schema["fields"])
    assert [code["value"] for code in schema["missingValues"]] == ["", "-WITHHELD", "-REDACTED", "-NOTRECORDED", "-UNKNOWN"]


def test_datapackage_lists_exactly_the_table_files():
    jsonschema.validate(PACKAGE, DESCRIPTOR)
    listed = [resource["name"] for resource in PACKAGE["resources"]]
    assert sorted(listed) == sorted(TABLES)
    for resource in PACKAGE["resources"]:
        assert resource["schema"] == f"tables/{resource['name']}.schema.json"
        assert resource["sf:optional"] is (TABLES[resource["name"]]["sf:tier"] == "optional")
    assert {name for name in TABLES if TABLES[name]["sf:tier"] == "core"} == {"sources", "contests"}


def test_tables_come_after_those_they_point_at():
    order = [resource["name"] for resource in PACKAGE["resources"]]
    for table, schema in TABLES.items():
        for key in schema.get("foreignKeys", []):
            assert order.index(key["reference"]["resource"]) <= order.index(table)


@pytest.mark.parametrize("table", TABLES)
def test_keys_point_at_columns_that_exist(table):
    schema = TABLES[table]
    required = {field["name"] for field in schema["fields"] if field.get("constraints", {}).get("required")}
    assert set(schema["primaryKey"]) - {"candidate_id"} <= required  # of a choice it is empty where a rank is blank
    pointing = set()
    for key in schema.get("foreignKeys", []):
        assert set(key["fields"]) <= names(table)
        assert key["reference"]["fields"] == TABLES[key["reference"]["resource"]]["primaryKey"]
        pointing |= set(key["fields"])
    homes = {"source_id": "sources", "contest_id": "contests", "clock_id": "clocks", "snapshot_id": "roll_snapshots"}
    assert {name for name, home in homes.items() if name in names(table) and home != table} <= pointing


@pytest.mark.parametrize(("table", "field"), COLUMNS)
def test_column_says_what_is_asked_of_it(table, field):
    constraints = field.get("constraints", {})
    assert ("sf:missing_means" in field) is not constraints.get("required", False)
    assert ("sf:timezone" in field) is (field["type"] == "datetime")
    assert set(field["sf:read_by"]) <= MODULES | QUESTIONS
    if constraints or "categories" in field or "sf:format" in field or field["type"] == "datetime":
        re.compile(field["sf:example_bad"]["message"])
    if field["name"].endswith("_key"):
        assert field["sf:public"] == "drop"
        assert field["sf:privacy"] != "public"


@pytest.mark.parametrize(("table", "field"), COLUMNS)
def test_example_keeps_to_its_own_rules_and_the_bad_one_does_not(table, field):
    example, constraints = field["example"], field.get("constraints", {})
    kind = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "date": str, "datetime": str}[field["type"]]
    assert isinstance(example, kind)
    assert example in field.get("categories", [example])
    assert constraints.get("minimum", example) <= example <= constraints.get("maximum", example)
    assert re.fullmatch(constraints.get("pattern", ".*"), str(example))
    if field["type"] == "datetime":
        assert datetime.fromisoformat(example).tzinfo is not None
    if field["type"] == "date":
        assert date.fromisoformat(example)
    if bad := field.get("sf:example_bad", {}).get("value"):
        assert bad not in field.get("categories", [])
        assert field["type"] != "datetime" or datetime.fromisoformat(bad).tzinfo is None
        assert "pattern" not in constraints or not re.fullmatch(constraints["pattern"], bad)


@pytest.mark.parametrize("table", TABLES)
def test_bad_example_earns_the_message_it_promises(tmp_path, table):
    fields = TABLES[table]["fields"]
    good = {field["name"]: json.dumps(field["example"]).strip('"') for field in fields}
    faulty = [field for field in fields if "sf:example_bad" in field]
    with (tmp_path / f"{table}.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.DictWriter(file, good)
        rows.writeheader()
        rows.writerows([good | {field["name"]: field["sf:example_bad"]["value"]} for field in faulty] + [good])
    faults = open_package(tmp_path).faults.filter(pl.col("file") == f"{table}.csv")
    for row, field in enumerate(faulty, start=2):
        found = faults.filter((pl.col("row") == row) & (pl.col("column") == field["name"]))
        assert found.height == 1, field["name"]
        assert re.search(field["sf:example_bad"]["message"], message(found.row(0, named=True)))
    assert not faults.filter(
        (pl.col("row") == len(faulty) + 2) & (pl.col("column") != ", ".join(TABLES[table]["primaryKey"]))
    ).height


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.parent.name)
def test_example_lists_exactly_the_files_it_has(path):
    descriptor = json.loads(path.read_text(encoding="utf-8"))
    jsonschema.validate(descriptor, DESCRIPTOR)
    assert descriptor["name"] == path.parent.name
    assert isinstance(descriptor["sf:made_up"], bool)
    if not descriptor["sf:made_up"]:
        assert "nothing was established by this project" in descriptor["description"]
    listed = {resource["path"] for resource in descriptor["resources"]}
    assert listed == {f"data/{file.name}" for file in (path.parent / "data").iterdir()}
    for resource in descriptor["resources"]:
        assert resource["schema"] == f"../../tables/{resource['name']}.schema.json"
    core = {table for table in TABLES if TABLES[table]["sf:tier"] == "core"}
    assert core <= {resource["name"] for resource in descriptor["resources"]}

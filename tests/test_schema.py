"""The schema files are read whole, what they ask for is checked, and the dictionary is not stale."""

from __future__ import annotations

import json
import re

import pytest

from analysis_lib import schema
from analysis_lib.errors import PackageError
from analysis_lib.locations import DATA_SCHEMA


def test_the_dictionary_is_fresh():
    path = DATA_SCHEMA / "dictionary.md"
    assert path.read_text(encoding="utf-8") == schema.dictionary(), "stale: run python -m analysis_lib.schema"


def test_the_dictionary_names_every_column_and_every_rule():
    text = schema.dictionary()
    for table in schema.TABLES:
        part = text.split(f"\n## {table}\n")[1].split("\n## ")[0]
        rules = schema.load_schema(table)
        assert re.findall(r"^- \*\*`(\w+)`\*\*", part, re.M) == list(rules.names)
        assert all(schema.ROW_RULES[rule] in part for rule in rules.rules)
        assert all(f"must stand in {key.table} as" in part for key in rules.foreign_keys)


def test_tables_come_in_the_order_of_the_descriptor_and_are_all_there():
    listed = json.loads((DATA_SCHEMA / "datapackage.json").read_text(encoding="utf-8"))["resources"]
    assert [table["name"] for table in listed] == list(schema.TABLES)
    assert {path.name for path in (DATA_SCHEMA / "tables").iterdir()} == {f"{table}.schema.json" for table in schema.TABLES}
    assert [table for table in schema.TABLES if schema.load_schema(table).is_core] == ["sources", "contests"]


@pytest.mark.parametrize("table", schema.TABLES)
def test_a_schema_says_what_its_file_says(table):
    # Another road: straight from the JSON.
    raw = json.loads((DATA_SCHEMA / "tables" / f"{table}.schema.json").read_text(encoding="utf-8"))
    rules = schema.load_schema(table)
    assert list(rules.names) == [field["name"] for field in raw["fields"]]
    assert list(rules.primary_key) == raw["primaryKey"]
    assert dict(rules.missing_codes) == {code["value"]: code["label"] for code in raw["missingValues"]}
    for field, said in zip(rules.fields, raw["fields"], strict=True):
        constraints = said.get("constraints", {})
        assert (field.type, field.is_required) == (said["type"], constraints.get("required", False))
        assert (field.minimum, field.maximum) == (constraints.get("minimum"), constraints.get("maximum"))
        assert field.is_public == (said["sf:privacy"] == "public")
    for key in rules.foreign_keys:
        assert set(key.fields) <= set(rules.names)
        assert set(key.table_fields) <= set(schema.load_schema(key.table).names)
    # A key must be filled, or copies of it could not be told from each other; of a choice, a rank may be blank.
    assert {name for name in rules.primary_key if not rules.field(name).is_required} <= {"candidate_id"}


def broken(tmp_path, monkeypatch, change):
    """The schema of clocks with one thing changed, as the library reads it."""
    raw = json.loads((DATA_SCHEMA / "tables" / "clocks.schema.json").read_text(encoding="utf-8"))
    change(raw)
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "clocks.schema.json").write_text(json.dumps(raw), encoding="utf-8")
    monkeypatch.setattr(schema, "DATA_SCHEMA", tmp_path)
    return schema.load_schema.__wrapped__("clocks")  # past the cache


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda raw: raw.update({"sf:rules": ["cats_are_grey"]}), "there is no rule cats_are_grey. Expected rules of opens_"),
        (lambda raw: raw["fields"][0].update(type="geopoint"), "clocks.schema.json, column clock_id: the type geopoint"),
        (lambda raw: raw["fields"][0].update(constraints={"minLength": 3}), r"a constraint \(minLength\) can't be checked"),
    ],
)
def test_a_schema_that_asks_for_an_unknown_check_is_refused(tmp_path, monkeypatch, change, message):
    with pytest.raises(PackageError, match=message):
        broken(tmp_path, monkeypatch, change)


def test_a_schema_that_is_not_there_is_said_in_words(tmp_path, monkeypatch):
    monkeypatch.setattr(schema, "DATA_SCHEMA", tmp_path)
    with pytest.raises(PackageError, match=r"data_schema/tables/clocks.schema.json can't be read .* Install the library again"):
        schema.load_schema.__wrapped__("clocks")

"""No column is asked for in vain: what a schema says of who reads it is true of the source, and every column is read."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

import analysis_lib
from analysis_lib.checks import ROW_CHECKS
from analysis_lib.methods.registry import REGISTRY
from analysis_lib.schema import TABLES, load_schema

LIBRARY = Path(analysis_lib.__file__).parent
PACKAGE = tuple(
    f"{name}.py"
    for name in ("package", "checks", "columns", "offsets", "secrecy", "keys", "reading", "descriptor", "schema", "case")
)
REPORT = ("exhibits", "case.py", "reports")
PARTS = {"package": PACKAGE, "report": REPORT, "clocks": ("clocks.py",), "traps": ("traps",), "importers": ("importers",)}
COLUMNS = [(table, field.name) for table in TABLES for field in load_schema(table).fields]
READINGS = [(table, field.name, reader) for table in TABLES for field in load_schema(table).fields for reader in field.read_by]


@cache
def text_of(*paths: str) -> str:
    """The source of files and folders of the library, templates too."""
    files = [
        file for path in paths for file in ([LIBRARY / path] if path.endswith(".py") else sorted((LIBRARY / path).rglob("*.*")))
    ]
    return "\n".join(file.read_text(encoding="utf-8") for file in files if file.suffix in (".py", ".j2"))


@cache
def source_of_question(noun: str) -> str:
    """A question's module with the shared modules that it imports, directly or through each other; and what is shown of it."""
    found, todo = {}, [f"analysis_lib.methods.{noun}"]
    while todo:
        name = todo.pop()
        path = LIBRARY.joinpath(*name.split(".")[1:]).with_suffix(".py")
        if name in found or not path.is_file():
            continue
        found[name] = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(found[name])):
            if isinstance(node, ast.ImportFrom) and node.module:
                inside = node.module.startswith("analysis_lib.methods.") or node.module == "analysis_lib.clocks"
                todo += [node.module] if inside else []
                if node.module == "analysis_lib.methods":
                    todo += [f"analysis_lib.methods.{alias.name}" for alias in node.names]
    return "\n".join(found.values()) + shown_beside(noun)


def shown_beside(noun: str) -> str:
    """The function of exhibits that shows a question, with the helpers it calls."""
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in sorted((LIBRARY / "exhibits").glob("*.py"))]
    functions = {node.name: node for tree in trees for node in tree.body if isinstance(node, ast.FunctionDef)}
    called = {name.id for name in ast.walk(functions[noun]) if isinstance(name, ast.Name)} & set(functions)
    return "\n".join(ast.unparse(functions[name]) for name in {noun, *called})


def is_named(column: str, source: str) -> bool:
    """Whether a source names a column: in quotes or after a dot, alone, at a start of a list of names, or as a keyword."""
    return bool(re.search(rf"""["'.{{]{column}\b|\b{column}=|, {column}["',]""", source))


def is_a_matter_of_the_schema(table: str, column: str) -> bool:
    """Whether the checks read a column because the schema names it in a key or in a rule between columns."""
    schema = load_schema(table)
    keys = {*schema.primary_key, *(name for key in schema.foreign_keys for name in key.fields)}
    return column in keys or any(column in ROW_CHECKS[rule][0] for rule in schema.rules)


def reads(reader: str, table: str, column: str) -> bool:
    if reader == "package" and is_a_matter_of_the_schema(table, column):
        return True
    if reader in PARTS:
        source = text_of(*PARTS[reader])
        return is_named(column, source) and (reader != "report" or is_named(table, source))
    source = source_of_question(reader)
    return is_named(column, source) and is_named(table, source + text_of("case.py"))


def test_every_reader_is_a_question_or_a_part_of_the_library():
    assert {reader for _, _, reader in READINGS} <= {*REGISTRY, *PARTS}


def test_every_column_says_who_reads_it():
    assert [f"{table}.{column}" for table, column in COLUMNS if not any(r[:2] == (table, column) for r in READINGS)] == []


@pytest.mark.parametrize("table", TABLES)
def test_a_column_is_read_by_those_who_are_said_to(table):
    untrue = [
        f"{table}.{column} by {reader}" for t, column, reader in READINGS if t == table and not reads(reader, table, column)
    ]
    assert untrue == []  # use the column there, take the reader out of sf:read_by, or cut the column


@pytest.mark.parametrize("noun", REGISTRY)
def test_a_question_is_named_by_every_column_it_needs(noun):
    for need in REGISTRY[noun].needs:
        for part in need.split("|"):
            table, _, column = part.partition(".")
            (field,) = (field for field in load_schema(table).fields if field.name == column)
            assert noun in field.read_by, f"{part} is needed by {noun}, which its sf:read_by leaves out"


def test_the_test_itself_tells_a_column_that_nobody_reads():
    assert not is_named("shoe_size", source_of_question("channel_gap"))
    assert is_named("share_dp", source_of_question("channel_gap"))
    assert is_named("grace_s", text_of("clocks.py"))
    assert is_named("batch_id", source_of_question("cast_rate_bursts"))  # in turnout.py, which it imports
    assert not is_named("ip_key", source_of_question("totals_reconciliation"))

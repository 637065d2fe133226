"""A package as a whole: typed frames, every fault at once in a stable order, and nothing but words for bad bytes."""

from __future__ import annotations

import hashlib
import io
import tempfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_package import STEADY, around, check, example_row, lines, write

from analysis_lib import checks
from analysis_lib.errors import ForensicsError, PackageError
from analysis_lib.faults import FAULT_SCHEMA
from analysis_lib.locations import EXAMPLES
from analysis_lib.package import open_package
from analysis_lib.reading import read_table
from analysis_lib.schema import TABLES, load_schema

SHIPPED = sorted(path.parent.name for path in EXAMPLES.glob("*/datapackage.json"))


def test_frames_are_typed_complete_and_sorted_on_their_keys(tmp_path):
    ids = ["E10", "E9", "e1", "E1", "É"]
    rows = [example_row("ballot_events", event_id=name) for name in ids]
    package, told = check(tmp_path, {"ballot_events": rows}, ("sources", "contests", "clocks"))
    assert told == ""
    assert set(package.tables) == set(TABLES)
    for table, frame in package.tables.items():
        assert dict(frame.schema) == load_schema(table).dtypes
        assert frame.height == {"ballot_events": 5, "sources": 1, "contests": 1, "clocks": 1}.get(table, 0)
    assert package.tables["ballot_events"]["event_id"].to_list() == sorted(ids)
    assert package.tables["ballot_events"]["at"].dtype == pl.Datetime("us", "UTC")
    assert (package.name, package.title, package.description, package.made_up) == ("tiny", "A tiny package", "Made up.", True)


def test_hashes_are_of_the_files_read(tmp_path):
    package, _ = check(tmp_path, only=("sources", "contests"))
    assert list(package.hashes) == ["data/contests.csv", "data/sources.csv", "datapackage.json"]
    for file, digest in package.hashes.items():
        assert digest == hashlib.sha256((tmp_path / file).read_bytes()).hexdigest()


def test_all_faults_come_at_once_in_the_order_of_file_row_and_column(tmp_path):
    tables = {
        "sources": [example_row("sources", kind="rumour", interest="none"), example_row("sources", source_id="S2", title="")],
        "contests": [example_row("contests", seats="0", source_id="S9") | {"colour": "red"}],
        "results": [example_row("results", n="-3"), example_row("results")],
    }
    package, _ = check(tmp_path, tables, ("candidates",))
    assert package.faults.select("file", "row", "column", "rule", "severity").rows() == [
        ("data/contests.csv", 1, "", "extra_column", "warning"),
        ("data/contests.csv", 2, "seats", "minimum", "error"),
        ("data/contests.csv", 2, "source_id", "foreign_key", "error"),
        ("data/results.csv", 2, "n", "minimum", "error"),
        ("data/results.csv", 2, "row_id", "unique", "error"),
        ("data/results.csv", 3, "row_id", "unique", "error"),
        ("data/sources.csv", 2, "interest", "categories", "error"),
        ("data/sources.csv", 2, "kind", "categories", "error"),
        ("data/sources.csv", 3, "title", "required", "error"),
    ]
    assert dict(package.faults.schema) == FAULT_SCHEMA
    assert package.faults.select(pl.all_horizontal(pl.col("found", "expected", "remedy").str.len_chars() > 0)).to_series().all()
    assert package.n_left_out == {"candidates": 0, "contests": 1, "results": 2, "sources": 2}


def test_two_runs_give_the_same(tmp_path):
    rows = [example_row("roll", voter_key=f"v{place % 90}", eligible="maybe" if place % 7 else "true") for place in range(100)]
    write(tmp_path, {"roll": rows})
    first, second = open_package(tmp_path), open_package(tmp_path)
    assert first.faults.equals(second.faults)
    assert first.missingness.equals(second.missingness)
    assert all(first.tables[table].equals(second.tables[table]) for table in TABLES)
    assert list(first.n_left_out.items()) == list(second.n_left_out.items())


def test_a_package_without_a_core_table_opens_and_says_so(tmp_path):
    package, told = check(tmp_path, only=("contests", "candidates"))
    assert "error missing_table | datapackage.json: the package has no table sources. Expected the tables sources and" in told
    assert package.faults.height == 1
    assert package.tables["candidates"].height == 1
    assert "sources" not in package.held


@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_examples_have_no_faults(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # so that the name can't be a folder here
    package = open_package(name)
    assert lines(package) == ""
    assert {"sources", "contests"} <= package.held
    assert package.made_up == name.startswith("made_up")


def test_a_folder_here_goes_before_an_example_and_a_wrong_name_lists_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / SHIPPED[0])
    assert open_package(SHIPPED[0]).name == "tiny"
    with pytest.raises(PackageError, match=", ".join(SHIPPED)):
        open_package("made_up_vail")


CELLS = st.sampled_from(["cast", "Cast", "", "-UNKNOWN", "2031-03-08T20:00:00Z", "2031-03-08T20:00:00", "C1", "C2", "E1", "E2"])
CHANGES = st.fixed_dictionaries({"event_id": CELLS, "event": CELLS, "at": CELLS, "clock_id": CELLS})


@settings(STEADY, max_examples=30)
@given(st.lists(CHANGES, min_size=2, max_size=8), st.randoms())
def test_the_order_of_rows_changes_nothing_but_row_numbers(changes, rng):
    rows = [example_row("ballot_events", **change) for change in changes]
    shuffled = rng.sample(rows, len(rows))
    with tempfile.TemporaryDirectory() as folder:
        first = open_package(write(Path(folder, "a"), {"ballot_events": rows}, around("ballot_events")))
        second = open_package(write(Path(folder, "b"), {"ballot_events": shuffled}, around("ballot_events")))
    assert first.tables["ballot_events"].equals(second.tables["ballot_events"])
    assert first.missingness.equals(second.missingness)
    assert first.n_left_out == second.n_left_out

    def told(package, order):
        """Each fault by the row it is about, whatever its number; a doubled key names its first row in words."""
        at = package.faults.with_columns(pl.col("found").str.replace(r", first in row .*", ""))
        return sorted((str(order[f["row"] - 2]), f["column"], f["rule"], f["found"]) for f in at.iter_rows(named=True))

    assert told(first, rows) == told(second, shuffled)


def bad_bytes() -> st.SearchStrategy[bytes]:
    """Anything at all, and valid files with a few bytes changed, so that every stage is reached."""
    header = ",".join(load_schema("sources").names)
    row = ",".join(example_row("sources").values())
    valid = f"{header}\n{row}\n{row}\n".encode()
    pieces = st.tuples(st.integers(0, len(valid)), st.binary(max_size=5))
    changed = st.lists(pieces, max_size=4).map(lambda cuts: _spliced(valid, cuts))
    return st.binary(max_size=300) | changed | st.text(max_size=100).map(lambda text: f"{header}\n{text}".encode())


def _spliced(data: bytes, cuts: list[tuple[int, bytes]]) -> bytes:
    for place, piece in cuts:
        data = data[:place] + piece + data[place + len(piece) :]
    return data


@settings(STEADY, max_examples=120)
@given(bad_bytes(), st.sampled_from(["data/sources.csv", "data/contests.csv", "data/candidates.csv", "datapackage.json"]))
def test_any_bytes_give_faults_or_one_of_our_errors(data, file):
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), only=around("candidates"))
        Path(folder, file).write_bytes(data)
        try:
            package = open_package(folder)
        except ForensicsError:
            return
    assert all(text.isprintable() for text in package.faults["found"])
    assert set(package.tables) == set(TABLES)


@settings(STEADY, max_examples=120)
@given(st.binary(max_size=200), st.floats(0, 1))
def test_any_bytes_in_a_parquet_file_give_faults_or_rows(junk, place):
    rules = load_schema("sources")
    buffer = io.BytesIO()
    pl.DataFrame([example_row("sources")]).write_parquet(buffer, compression="uncompressed")
    whole = buffer.getvalue()
    table, faults = read_table(_spliced(whole, [(int(place * len(whole)), junk)]), "sources.parquet", rules)
    assert faults or table.cells.columns == list(rules.names)
    if table is not None and table.is_usable:
        checks.check_cells(table, rules)

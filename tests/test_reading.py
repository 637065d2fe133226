"""What a file may be: every kind of bytes gives a table or a clear fault, and row numbers are the file's."""

from __future__ import annotations

import csv
import io
import random
import tempfile
import time
from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_package import STEADY, example_row, lines, write

from analysis_lib import checks, reading
from analysis_lib.package import open_package
from analysis_lib.reading import read_table
from analysis_lib.schema import load_schema

SOURCES = load_schema("sources")
WIDTH = len(SOURCES.names)
HEADER = ",".join(SOURCES.names)
WIDTH = len(SOURCES.names)
ROW = ",".join(f'"{field.example}"' if "," in field.example else field.example for field in SOURCES.fields)


def opened(tmp_path, data: bytes, table: str = "sources"):
    """A tiny package in which one file holds these bytes."""
    write(tmp_path)
    (tmp_path / "data" / f"{table}.csv").write_bytes(data)
    package = open_package(tmp_path)
    return package, lines(package)


def test_marks_and_line_ends_make_no_difference(tmp_path):
    text = f"{HEADER}\n{ROW}\n"
    plain, told = opened(tmp_path, text.encode())
    assert plain.tables["sources"].height == 1
    assert not told
    for version in ("\ufeff" + text, text.replace("\n", "\r\n"), text.replace("\n", "\r"), text[:-1]):
        package, told = opened(tmp_path, version.encode())
        assert package.tables["sources"].equals(plain.tables["sources"])
        assert not told


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the file is empty"),
        (b"\xef\xbb\xbf\r\n", "the file is empty"),
        (f"{HEADER}\n{ROW}\n".encode("utf-16"), "the text is in UTF-16. Expected a CSV file in UTF-8. Save the table as CSV"),
        (f"{HEADER}\n{ROW}\n".encode("utf-16-le"), "NUL byte in line 1: this isn't plain text, or it is in UTF-16"),
        (f"{HEADER}\n{ROW}\n\0".encode(), "NUL byte in line 3"),
        (f"{HEADER}\n{ROW}\n".replace("Opening", "“Opening”").encode("cp1252"), "byte 0x93 in line 2 isn't UTF-8"),
        (f"{HEADER}\nS1,caf\xe9\n".encode("latin-1"), "isn't UTF-8: this is an older encoding such as Windows-1252"),
        (b"PK\x03\x04 and so on", "this is a spreadsheet file with another name"),
        (f"{HEADER}\n{ROW}\n".replace(",", ";").encode(), "the cells are parted by semicolons. Expected cells parted by commas"),
        (f"{HEADER}\n{ROW}\n".replace(",", "\t").encode(), "the cells are parted by tabs"),
        (f'{HEADER}\n{ROW}\nS2,"press\nS3,press\n'.encode(), "sources.csv, row 3: a quotation mark is opened and not closed"),
        (f'{HEADER}\n{ROW}\nS2,"press"x,\n'.encode(), "row 3: a quotation mark"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_clear_fault(tmp_path, data, message):
    package, told = opened(tmp_path, data)
    assert message in told
    assert package.faults.height == 1  # rows of other tables that point to sources aren't blamed for it
    assert "sources" not in package.held
    assert package.tables["contests"].height == 1


@pytest.mark.parametrize("alphabet", [range(256), range(32, 127), b'abc,"\r\n'])
def test_ten_megabytes_of_garbage_are_one_fault_and_soon(tmp_path, alphabet):
    data = bytes(random.Random(5).choices(list(alphabet), k=10_000_000))
    began = time.perf_counter()
    package, told = opened(tmp_path, data)
    assert time.perf_counter() - began < 30  # far above what it takes (about a second): only a hang fails
    assert package.faults.height == 1
    assert len(told) < 1000


def test_rows_are_numbered_as_a_spreadsheet_shows_them(tmp_path):
    # Row 2 spans three lines, row 3 is blank, row 4 has empty cells only, row 5 is the bad one, on line 7 of the file.
    spans = ROW.replace("Opening of the page only", '"Opening\nof the\npage"')
    data = f"{HEADER}\n{spans}\n\n{',' * HEADER.count(',')}\n{ROW.replace('S1', 'S2').replace('press', 'presse')}\n"
    package, told = opened(tmp_path, data.encode())
    assert 'sources.csv, column kind, row 5: "presse"' in told
    assert package.tables["sources"]["note"].to_list() == ["Opening\nof the\npage"]
    assert package.n_left_out["sources"] == 1


@STEADY
@given(
    st.lists(
        st.lists(st.text(st.characters(codec="utf-8", exclude_characters='\0"')), min_size=WIDTH - 1, max_size=WIDTH + 1),
        max_size=3,
    )
)
def test_a_file_without_quotation_marks_reads_as_the_csv_module_reads_it(rows):
    # Another road: cells and records of the text by Python's own parser.
    text = HEADER + "\n" + "".join(",".join(row) + "\n" for row in rows)
    table, _ = read_table(text.encode(), "sources.csv", SOURCES)
    records = list(csv.reader(io.StringIO(text, newline="")))[1:]
    expected = [(number, record) for number, record in enumerate(records, start=2) if any(record)]
    assert table.rows.to_list() == [number for number, _ in expected]
    assert table.ragged.to_list() == [len(record) != WIDTH for _, record in expected]
    whole = [tuple(record) for _, record in expected if len(record) == WIDTH]
    assert table.cells.filter(~table.ragged).rows() == whole


@STEADY
@given(
    st.lists(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=WIDTH, max_size=WIDTH), max_size=3)
)
def test_quoted_cells_come_back_as_they_were(rows):
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([SOURCES.names, *rows])
    table, _ = read_table(text.getvalue().encode(), "sources.csv", SOURCES)
    assert table.cells.rows() == [tuple(row) for row in rows if any(row)]


def test_ragged_rows_are_told_left_out_and_never_flood(tmp_path):
    good = [ROW.replace("S1", f"S{number}") for number in range(1, 301)]
    short = [f"T{number},press" for number in range(200)]
    package, told = opened(tmp_path, "\n".join([HEADER, *good, *short, ROW.replace("S1", "S900") + ",,"]).encode())
    assert package.tables["sources"].height == 300
    assert package.n_left_out["sources"] == 201
    assert package.faults.height == 51
    assert f"row 302: the row has 2 cells. Expected {WIDTH} cells, as in row 1" in told
    assert "row 352: the same kind of fault stands in 151 more rows, the last of them row 502" in told


def test_missing_and_misspelt_columns_are_named_with_the_nearest_word(tmp_path):
    package, told = opened(tmp_path, f"{HEADER},colour\n{ROW},red\n".replace("title", "titel").replace("note", "notes").encode())
    assert 'column title, row 1: there is no column "title"' in told
    assert 'Is "titel" meant? Add the column' in told
    assert 'columns not known here: "titel", "notes", "colour"' in told
    assert 'Is "note" meant?' in told
    assert package.n_left_out["sources"] == 1
    assert "sources" not in package.held


def test_unknown_columns_are_kept_out_and_optional_ones_may_be_absent(tmp_path):
    row = {name: value for name, value in example_row("sources").items() if name != "note"}
    write(tmp_path, {"sources": [row | {"colour": "red", "": ""}]})
    package = open_package(tmp_path)
    assert package.tables["sources"].columns == list(SOURCES.names)
    assert package.tables["sources"]["note"].to_list() == [None]
    assert package.faults["severity"].to_list() == ["warning"]
    assert "colour" in lines(package)


def test_a_doubled_column_is_refused(tmp_path):
    _, told = opened(tmp_path, f"{HEADER},title\n{ROW},another\n".encode())
    assert 'column title, row 1: the column "title" stands there 2 times' in told


def test_a_file_without_its_header_is_told_and_its_cells_are_not_repeated(tmp_path):
    package, told = opened(tmp_path, b"Jane Doe,jane@example.org\n", table="roll")
    assert "roll.csv: none of the 2 column names in row 1 is known. Expected the columns snapshot_id, voter_key" in told
    assert "Jane" not in told
    assert "jane" not in told
    assert "roll" not in package.held


def test_a_header_alone_is_a_warning(tmp_path):
    package, told = opened(tmp_path, HEADER.encode(), table="sources")
    assert "warning empty | data/sources.csv: the table has column names and no rows" in told
    assert "sources" in package.held


def as_parquet(tmp_path, frame: pl.DataFrame, table: str):
    write(tmp_path)
    (tmp_path / "data" / f"{table}.csv").unlink()
    (tmp_path / "datapackage.json").unlink()
    frame.write_parquet(tmp_path / "data" / f"{table}.parquet")
    package = open_package(tmp_path)
    return package, lines(package)


@pytest.mark.parametrize("table", ["sources", "contests", "results", "turnout_counts", "ballot_events"])
def test_parquet_gives_the_same_frame_as_csv(tmp_path, table):
    frame = open_package(write(tmp_path / "csv")).tables[table]
    for name, version in {"typed": frame, "texts": frame.with_columns(pl.all().cast(pl.String))}.items():
        if name == "texts":
            times = [column for column, dtype in frame.schema.items() if dtype == pl.Datetime]
            version = version.with_columns(frame[column].dt.strftime("%Y-%m-%dT%H:%M:%SZ") for column in times)
        package, told = as_parquet(tmp_path / name, version, table)
        assert package.tables[table].equals(frame)
        assert told.count("\n") == 0  # only that there is no datapackage.json


def test_parquet_keeps_the_same_rules(tmp_path):
    frame = open_package(write(tmp_path / "csv")).tables["turnout_counts"]
    naive = frame.with_columns(pl.col("as_of").dt.replace_time_zone(None), pl.col("voted_n").cast(pl.Float64) + 0.5)
    package, told = as_parquet(tmp_path / "naive", naive, "turnout_counts")
    assert "column as_of, row 2: " in told
    assert "has no timezone" in told
    assert '"128.5" isn\'t a whole number' in told
    assert package.n_left_out["turnout_counts"] == 1
    local = frame.with_columns(pl.col("as_of").dt.convert_time_zone("Europe/London"))
    package, _ = as_parquet(tmp_path / "local", local, "turnout_counts")
    assert package.tables["turnout_counts"].equals(frame)
    nested = frame.with_columns(unit=pl.Series([["A", "B"]]))
    package, told = as_parquet(tmp_path / "nested", nested, "turnout_counts")
    assert 'the column "unit" holds lists or bytes' in told
    assert "turnout_counts" not in package.held


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1 and more PAR1", b"PAR1\x15\x04\x15\x00\x00\x00\x00\xffPAR1"])
def test_a_damaged_parquet_file_is_one_fault(tmp_path, data):
    write(tmp_path)
    (tmp_path / "datapackage.json").unlink()
    (tmp_path / "data" / "roll.csv").unlink()
    (tmp_path / "data" / "roll.parquet").write_bytes(data)
    package = open_package(tmp_path)
    assert "data/roll.parquet: this isn't a whole Parquet file. Expected a Parquet file" in lines(package)
    assert "roll" not in package.held


def parquet_of(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


def test_a_parquet_file_that_would_fill_the_memory_is_refused_unread():
    rows = 60_000_000
    data = parquet_of(pl.DataFrame({"voted_n": pl.repeat(1, rows, dtype=pl.Int8, eager=True)}))
    assert len(data) < 1_000_000
    table, (fault,) = read_table(data, "turnout_counts.parquet", load_schema("turnout_counts"))
    assert table is None
    assert fault.rule == "too_large"
    assert fault.found == "the file has 60,000,000 rows, which take at least 0.5 GB of memory"


@pytest.mark.parametrize(
    ("table", "column", "cells", "values"),
    [
        ("turnout_counts", "voted_n", pl.Series([5.0, float("nan")]), [5, None]),
        ("turnout_counts", "voted_n", pl.Series(["5.00", "7.00"]).cast(pl.Decimal(9, 2)), [5, 7]),
        ("results", "share", pl.Series(["0.25", "0.50"]).cast(pl.Decimal(9, 2)), [0.25, 0.5]),
        ("results", "share", pl.Series([0.1, None], dtype=pl.Float32), [0.1, None]),
        ("sources", "obtained_at", pl.Series([datetime(2031, 3, 1), datetime(2031, 3, 2)]), [date(2031, 3, 1), date(2031, 3, 2)]),  # noqa: DTZ001
    ],
)
def test_what_is_exactly_a_value_is_taken_in_any_type(table, column, cells, values):
    schema = load_schema(table)
    frame = pl.DataFrame([example_row(table)] * 2).with_columns(cells.alias(column))
    text, faults = read_table(parquet_of(frame), f"{table}.parquet", schema)
    draft, found = checks.check_cells(text, schema)
    assert draft.typed[column].to_list() == values
    assert [fault for fault in faults + found if fault.column == column and fault.rule != "required"] == []


def test_a_column_of_lengths_of_time_is_named_so():
    frame = pl.DataFrame([example_row("turnout_counts")]).with_columns(as_of=pl.duration(hours=1))
    _, faults = read_table(parquet_of(frame), "turnout_counts.parquet", load_schema("turnout_counts"))
    assert 'the column "as_of" holds lengths of time' in [fault.found for fault in faults]


CELLS = {
    "voted_n": st.integers(-3, 10**18 + 5) | st.none(),
    "as_of": st.datetimes(datetime(1980, 1, 1), datetime(2200, 1, 3)) | st.none(),  # noqa: DTZ001 - older offsets have seconds
    "unit": st.sampled_from(["North", "", "-UNKNOWN", "a\tb", "é", None]),
    "contest_id": st.sampled_from(["vale_2031", "vale", None]),
}


@STEADY
@given(st.lists(st.fixed_dictionaries(CELLS), min_size=1, max_size=6), st.sampled_from(["UTC", "Europe/London", "Asia/Kolkata"]))
def test_a_csv_file_and_its_typed_parquet_give_the_same_package(rows, zone):
    types = {"voted_n": pl.Int64, "as_of": pl.Datetime("us"), "unit": pl.String, "contest_id": pl.String}
    cells = pl.DataFrame(rows, schema=types).with_columns(pl.col("as_of").dt.replace_time_zone("UTC").dt.convert_time_zone(zone))
    fixed = pl.DataFrame([example_row("turnout_counts")] * len(rows)).drop(set(types) & set(example_row("turnout_counts")))
    frame = pl.concat([cells, fixed], how="horizontal").select(load_schema("turnout_counts").names)
    said = []
    for suffix in ("csv", "parquet"):
        with tempfile.TemporaryDirectory() as name:
            folder = write(Path(name), only=("sources", "contests"))
            (folder / "datapackage.json").unlink()
            file = folder / "data" / f"turnout_counts.{suffix}"
            if suffix == "csv":
                frame.write_csv(file, datetime_format="%Y-%m-%dT%H:%M:%S%.6f%:z")
            else:
                frame.write_parquet(file)
            said.append(open_package(folder))
    text, typed = said
    assert text.tables["turnout_counts"].equals(typed.tables["turnout_counts"])
    assert text.missingness.equals(typed.missingness)
    assert text.n_left_out == typed.n_left_out
    assert text.faults.with_columns(pl.col("file").str.replace("csv", "parquet")).equals(
        typed.faults.with_columns(pl.col("file").str.replace("csv", "parquet"))
    )


def test_a_file_too_large_is_refused_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "MOST_BYTES", 1000)
    place = tmp_path / "sources.csv"
    with place.open("wb") as file:
        file.truncate(1001)
    monkeypatch.setattr(Path, "read_bytes", lambda _: pytest.fail("the file was read"))
    table, (fault,) = read_table(place, "sources.csv", SOURCES)
    assert table is None
    assert (fault.rule, fault.found, fault.expected) == ("too_large", "the file has 1,001 bytes", "at most 1,000 bytes")
    assert read_table(b"x" * 1001, "sources.csv", SOURCES)[1][0].rule == "too_large"
    assert read_table(b"x" * 1000, "sources.csv", SOURCES)[1][0].rule != "too_large"

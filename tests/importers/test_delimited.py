import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from imports import said
from tiny_package import STEADY

from analysis_lib.importers.delimited import read


def cells(data, **more):
    read_ = read(data, "f.csv", **more)
    return read_.tables[0].cells.rows(named=True), read_


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_whatever_parts_the_cells(separator):
    rows, found = cells(separator.join("ab").encode() + b"\n" + separator.join("12").encode() + b"\n")
    assert rows == [{"a": "1", "b": "2"}]
    assert not found.faults
    assert not found.repairs


def test_a_separator_in_quotation_marks_does_not_count():
    rows, _ = cells(b'a;"b,c,d,e,f"\n1;"2,5"\n')
    assert rows == [{"a": "1", "b,c,d,e,f": "2,5"}]


def test_rows_are_numbered_as_a_spreadsheet_shows_them():
    found = read(b'a,b\n1,"two\nlines"\n\n3,4\n', "f.csv")
    assert found.tables[0].rows.to_list() == [2, 4]
    assert found.tables[0].cells["b"].to_list() == ["two\nlines", "4"]


def test_a_byte_order_mark_is_taken_off_and_noted():
    rows, found = cells(b"\xef\xbb\xbfa,b\n1,2\n")
    assert rows == [{"a": "1", "b": "2"}]
    assert [(r.row, r.repair) for r in found.repairs] == [(1, "byte_order_mark")]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_with_its_mark(encoding):
    mark = "" if encoding == "utf-16" else "\ufeff"
    rows, _ = cells((mark + "a\tb\nÅsa\t2\n").encode(encoding))
    assert rows == [{"a": "Åsa", "b": "2"}]


def test_windows_1252_is_read_and_noted_for_each_row_where_it_matters():
    rows, found = cells("a,b\nZoë,1\nplain,2\n€,3\n".encode("cp1252"))
    assert [row["a"] for row in rows] == ["Zoë", "plain", "€"]
    assert [(r.row, r.repair) for r in found.repairs] == [(2, "decoded_windows_1252"), (4, "decoded_windows_1252")]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the file is empty"),
        (b"  \n \n", "the file is empty"),
        (b"a,b\n1\x00,2\n", "NUL byte in line 2"),
        (b"a,b\n\x81\xff,2\n", "byte 0x81 in line 2 is neither UTF-8 nor Windows-1252"),
        (b'a,b\n1,"open\n', "row 2: a quotation mark is opened and not closed"),
        ("\ufeffa,b\n\0,1\n".encode("utf-16-le"), "there is a NUL sign in the text"),
        (b"\xff\xfea", "marked as UTF-16 and isn't whole"),
    ],
)
def test_what_cannot_be_read_is_said(data, message):
    found = read(data, "f.csv")
    assert found.tables == ()
    assert message in said(found.faults)


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)


@STEADY
@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=8))
def test_what_was_written_comes_back_trimmed(rows):
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerows([("first name", "second name"), *rows])
    found = read(out.getvalue().encode(), "f.csv")
    kept = [(a.strip(), b.strip()) for a, b in rows if a.strip() or b.strip()]
    totals = [row for row in kept[-3:] if next(filter(None, row)).rstrip(":").casefold() in ("all", "sum", "total")]
    table = found.tables[0]
    assert table.cells.rows() == [row for row in kept if row not in totals]


@STEADY
@given(st.binary(max_size=200))
def test_no_bytes_break_it(data):
    found = read(data, "f.csv")
    assert found.tables or found.faults or data.strip()

"""Bytes that are no text give a fault that says so, and rows keep the order in which columns turn up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reads import told
from tiny_package import STEADY

from analysis_lib.faults import Fault
from analysis_lib.importers import plain_text
from analysis_lib.importers.plain_text import decoded, text_lines, text_table
from analysis_lib.importers.raw import Repair


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "the file is empty. Expected a log. Ask for the file again"),
        (b" \r\n\t", "the file is empty"),
        (b"\xff\xfea\0", "the text is in UTF-16. Expected a log in UTF-8. Save it again as UTF-8."),
        (b"a\nb\0", "there is a NUL byte in line 2"),
        (b"a\nb\ncaf\xe9", "byte 0xe9 in line 3 isn't UTF-8. Expected a log in UTF-8"),
    ],
)
def test_what_is_no_text_is_refused(data, said):
    fault = decoded(data, "x.log", "a log")
    assert isinstance(fault, Fault)
    assert f"x.log: {said}" in told([fault])


def test_a_byte_order_mark_is_taken_off_and_logged():
    assert decoded(b"\xef\xbb\xbfcaf\xc3\xa9", "x", "a log") == ("café", (Repair(1, "", "byte_order_mark"),))
    assert decoded(b"abc", "x", "a log") == ("abc", ())


def test_a_file_may_be_too_big(monkeypatch):
    monkeypatch.setattr(plain_text, "MOST_BYTES", 3)
    assert decoded(b"abc", "x", "a log") == ("abc", ())
    assert "x: the file has 4 bytes. Expected a log of at most 3 bytes. Cut the export" in told([decoded(b"abcd", "x", "a log")])


def test_lines_are_parted_as_an_editor_does():
    assert text_lines("a\r\nb\rc\n\nd\n") == ["a", "b", "c", "", "d"]
    assert text_lines("one\u2028line") == ["one\u2028line"]


def test_a_table_of_texts():
    made = text_table("t", "f", [{"b": "1"}, {"c": "2", "b": "3"}], [2, 5], ["a", "b"])
    assert made.cells.columns == ["a", "b", "c"]
    assert made.cells.rows() == [("", "1", ""), ("", "3", "2")]
    assert made.rows.to_list() == [2, 5]


@STEADY
@given(st.binary())
def test_any_bytes_give_text_or_a_fault(data):
    made = decoded(data, "x", "a log")
    assert isinstance(made, Fault) or made[0].strip()

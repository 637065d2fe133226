"""Signs that aren't seen but act are shown as escapes; everything that is only unusual stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_package import STEADY

from analysis_lib.plaintext import MOST_LABEL, label, on_one_line, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ring\x07", r"ring\x07"),
        ("\x1b[2Jgone", r"\x1b[2Jgone"),
        ("\u202eeman", r"\u202eeman"),
        ("a\u2066b\u2069", r"a\u2066b\u2069"),
        ("line\rover", r"line\rover"),
        ("a\u2028b", r"a\u2028b"),
        ("\ud800", r"\ud800"),
        ("\x9b31m", r"\x9b31m"),
    ],
)
def test_a_sign_that_acts_is_written_out(text, shown):
    assert visible(text) == on_one_line(text) == shown


@pytest.mark.parametrize("text", ["Ünïcødé 東京", "مرحبا שלום", "a\u00a0b", "می\u200cخواهم", "👩\u200d👧", "back\\slash", ""])
def test_other_writing_is_left_alone(text):
    assert visible(text) == on_one_line(text) == label(text) == text


def test_tabs_and_line_breaks_are_kept_where_there_may_be_several_lines():
    assert visible("a\tb\nc") == "a\tb\nc"
    assert on_one_line("a\tb\nc") == r"a\tb\nc"


def test_a_label_is_cut():
    assert label("x" * MOST_LABEL) == "x" * MOST_LABEL
    assert label("x" * 100_000) == "x" * (MOST_LABEL - 1) + "…"


@STEADY
@given(st.text(max_size=200))
def test_what_is_shown_is_shown_the_same_again_and_can_be_written(text):
    for shown in (visible(text), on_one_line(text), label(text)):
        shown.encode("utf-8")
        assert visible(shown) == shown
    assert on_one_line(text).splitlines() in ([], [on_one_line(text)])

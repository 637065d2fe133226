import polars as pl
import pytest

from analysis_lib.errors import ParameterError
from analysis_lib.importers.apply import Private
from analysis_lib.importers.leaks import find


def look(texts, cells, *, kind="name", table="communications", column="message_id", exempt=()):
    private = [Private("Source column", kind, frozenset(texts))]
    return find({table: pl.DataFrame({column: cells})}, private, "GB", exempt)


@pytest.mark.parametrize(
    ("kind", "text", "cell"),
    [
        ("name", "Ann Lee", "Ann Lee"),
        ("name", "Ann Lee", "letter to ANN  LEE of Vale"),
        ("email", "Ann.Lee@Example.org", "ann.lee@example.org"),
        ("email", "ann@example.org", "bounced:ann@example.org;"),
        ("phone", "(07700) 900123", "sms to +447700900123"),
        ("member", "a-12345678", "x A12345678"),
        ("member", "a-12345678", "xA12345678y"),  # long enough to be found inside a word
        ("member", "A123", "member A123 called"),
        ("ip", "192.0.2.77", "from 192.0.2.77"),
        ("credential", "tok-55", "tok-55"),
    ],
)
def test_a_personal_text_stops_the_import(kind, text, cell):
    with pytest.raises(
        ParameterError, match=r"source's column Source column would have come into communications.message_id"
    ) as caught:
        look([text], ["well", cell], kind=kind)
    assert text.casefold() not in str(caught.value).casefold()


@pytest.mark.parametrize(
    ("kind", "text", "cell"),
    [
        ("member", "A123", "BA1234"),  # too short to be looked for inside words
        ("member", "1234", "12345"),
        ("name", "Lee", "Lee"),  # too short
        ("name", "Ann Lee", "Annalee"),
        ("name", "Ann Lee", "E0123456789abcdef0123456789abcdef"),
    ],
)
def test_chance_likenesses_are_no_leak(kind, text, cell):
    assert look([text], ["well", cell], kind=kind) == []


def test_keys_are_not_searched():
    assert look(["12345678"], ["E12345678" + "0" * 24, "12345678" * 4], kind="member") == []


def test_a_surname_that_is_a_place_is_a_warning():
    (fault,) = look(["Newton", "Young"], ["Newton", "Oldham", "Ripon"])
    assert fault.severity == "warning"
    assert fault.found == "something in the source's column Source column is spelt like what stands here; different cells: 1"
    assert "Newton" not in str(fault)


def test_a_column_of_surnames_is_a_leak():
    with pytest.raises(ParameterError, match=r"different cells: 3"):
        look(["Newton", "Young", "Baker", "Smith"], ["Newton", "Young", "Baker"])


def test_what_is_public_may_stand():
    assert look(["Ann Lee"], ["Ann Lee"], exempt=["ann lee"]) == []
    assert look(["Ann Lee"], ["Ann Lee"], table="candidates", column="display_name") == []
    assert look(["annlee12"], ["annlee12"], table="results", column="candidate_id") == []


def test_a_time_as_written_is_no_membership_number():
    assert look(["20310308"], ["20310308 10:00"], kind="member", table="ballot_events", column="at_raw") == []
    with pytest.raises(ParameterError):
        look(["A20310308"], ["A20310308 10:00"], kind="member", table="ballot_events", column="at_raw")


def test_numbers_of_typed_columns_are_not_searched():
    assert look(["12345678"], ["12345678"], kind="member", table="results", column="n") == []


def test_nothing_to_look_for():
    assert find({"results": pl.DataFrame({"unit": ["x"]})}, [], "GB", []) == []

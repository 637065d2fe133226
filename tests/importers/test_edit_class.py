"""What kind of edit it was: many made-up pairs, and what must hold of any pair."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_package import STEADY

from analysis_lib.importers.edit_class import FIELDS, edit_class, name_index, name_words, slips, spellings
from analysis_lib.importers.pseudonyms import canonical
from analysis_lib.schema import load_schema

MEMBERS = name_index(["Mary Jones", "John Smith", "Joan Smith", "Mary Smith", "Zoë Müller-Brown", "Prince"])
EMAILS = [
    # old, new, the member's own name, class
    ("John.Smith@example.org ", "john.smith@EXAMPLE.org", "John Smith", "formatting_only"),
    ("ｊohn@example.org", "john@example.org", "", "formatting_only"),
    ("", "john@example.org", "", "added"),
    ("john@example.org", "  ", "", "removed"),
    ("jonh.smith@example.org", "john.smith@example.org", "John Smith", "typo_fix"),
    ("john.smiht@example.org", "john.smith@example.org", "", "typo_fix"),
    ("john.smith1@example.org", "john.smith2@example.org", "John Smith", "typo_fix"),
    ("john.smith@gmial.com", "john.smith@gmail.com", "", "typo_fix"),
    ("john.smith@gmail.co", "john.smith@gmail.com", "", "typo_fix"),
    ("john.smith@hotmial.co.uk", "john.smith@hotmail.co.uk", "", "typo_fix"),
    ("john@exmaple.org", "john@example.org", "", "typo_fix"),
    ("john.smith@gmail.com", "john.smith@hotmail.com", "", "new_domain"),
    ("john.smith@hotmail.com", "john.smith@hotmail.co.uk", "", "new_domain"),
    ("john@gmx.de", "john@gmx.net", "", "new_domain"),
    ("john@bt.com", "john@qq.com", "", "new_domain"),
    ("john.smith@example.org", "john.smith@work.test", "John Smith", "new_domain"),
    ("john.smith@example.org", "mary.jones@example.org", "John Smith", "different_person_name"),
    ("john.smith@example.org", "mjones@elsewhere.test", "John Smith", "different_person_name"),
    ("jsmith@example.org", "maryjones7@elsewhere.test", "John Smith", "different_person_name"),
    ("john.smith@example.org", "peter.brown@elsewhere.test", "John Smith", "different_person_name"),
    ("john.smith@example.org", "joan.smith@example.org", "John Smith", "different_person_name"),
    ("john.smith@example.org", "mary.smith@example.org", "John Smith", "different_person_name"),
    ("john.smith@example.org", "mary.jones@example.org", "Smith, Mr John", "different_person_name"),
    ("zoe.muller@example.org", "mary.jones@example.org", "Zoë Müller", "different_person_name"),
    ("john.smith@example.org", "mary.jones@example.org", "", "different_person_name"),
    ("mary.smith@example.org", "mary.jones@example.org", "Mary Smith", "different_person_name"),  # there is a Mary Jones
    ("mary.smith@example.org", "mary.brown@example.org", "Mary Smith", "other"),  # married
    ("john.smith@example.org", "j.smith@example.org", "John Smith", "other"),
    ("john.smith@example.org", "sunshine77@elsewhere.test", "John Smith", "other"),
    ("john.smith@example.org", "branch.office@elsewhere.test", "John Smith", "other"),
    ("sunshine77@example.org", "mary.jones@example.org", "John Smith", "other"),
    ("john.smith@example.org", "peter.brown@example.org", "", "other"),
    ("jo@example.org", "al@example.org", "", "other"),
    ("john at example", "john@example.org", "", "other"),
    ("john@example.org", "@example.org", "", "other"),
]


@pytest.mark.parametrize(("old", "new", "own_name", "expected"), EMAILS)
def test_edits_of_an_email_address(old, new, own_name, expected):
    assert edit_class("email", old, new, own_name=own_name, others=MEMBERS) == expected


@pytest.mark.parametrize(
    ("field", "old", "new", "expected"),
    [
        ("phone", "07700 900123", "+44 7700 900 123", "formatting_only"),
        ("phone", "07700 900123", "07700 900132", "typo_fix"),
        ("phone", "07700 900123", "07700 900124", "typo_fix"),
        ("phone", "07700 90012", "07700 900123", "typo_fix"),
        ("phone", "07700 900123", "07700 900555", "other"),
        ("phone", "", "07700 900555", "added"),
        ("address", "12 High Street, AB1 2CD", "12 high street  ab1 2cd", "formatting_only"),
        ("address", "12 High Sreet, AB1 2CD", "12 High Street, AB1 2CD", "typo_fix"),
        ("address", "12 High Street, AB1 2CD", "21 High Street, AB1 2CD", "other"),
        ("address", "12 High Street, AB1 2CD", "12 High Street, AB1 2CE", "other"),
        ("address", "Flat 1, 12 High Street", "Flat 2, 12 High Street", "other"),
        ("address", "12 High Street, AB1 2CD", "3 Low Road, EF3 4GH", "other"),
        ("address", "12 High Street", "", "removed"),
        ("name", "john  smith", "John Smith", "formatting_only"),
        ("name", "Jon Smith", "John Smith", "typo_fix"),
        ("name", "J Smith", "John Brown", "other"),
        ("name", "Mary Smith", "Mary Jones", "other"),
        ("name", "Mary Smith", "Peter Brown", "different_person_name"),
        ("name", "Mary Smith", "---", "other"),
        ("date_of_birth", "1980-01-01", "1980-01-02", "unknown"),
    ],
)
def test_edits_of_other_details(field, old, new, expected):
    assert edit_class(field, old, new) == expected


def test_every_class_is_one_of_the_table():
    (schema,) = (field for field in load_schema("contact_changes").fields if field.name == "edit_class")
    assert {expected for *_, expected in EMAILS} | {"unknown"} <= set(schema.categories)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [("", "", 0), ("ab", "ba", 1), ("kitten", "sitten", 1), ("kitten", "sitting", 3), ("ca", "abc", 3), ("a" * 9, "", 3)],
)
def test_slips_of_words_known(one, other, expected):
    """Known distances: kitten and sitting 3 (Levenshtein); ca and abc 3 where no letter is moved twice."""
    assert slips(one, other) == expected


def slow_slips(one: str, other: str) -> int:
    """The same by its definition, without a table."""
    if not one or not other:
        return len(one) + len(other)
    ways = [
        slow_slips(one[1:], other) + 1,
        slow_slips(one, other[1:]) + 1,
        slow_slips(one[1:], other[1:]) + (one[0] != other[0]),
    ]
    if len(one) > 1 and len(other) > 1 and one[0] == other[1] and one[1] == other[0]:
        ways.append(slow_slips(one[2:], other[2:]) + 1)
    return min(ways)


SHORT = st.text(alphabet="abc", max_size=5)


@STEADY
@given(SHORT, SHORT, st.integers(0, 5))
def test_slips_by_another_road(one, other, most):
    assert slips(one, other, most) == min(slow_slips(one, other), most + 1) == slips(other, one, most)


def test_spellings_of_a_name():
    assert spellings("Mary Ann Jones") == {"maryjones", "jonesmary", "mjones", "jonesm"}
    assert spellings("Zoë Müller-Brown") == {"zoemullerbrown", "mullerbrownzoe", "zmullerbrown", "mullerbrownz"}
    assert spellings("Prince") == spellings("") == set()
    assert spellings("Jones, Mary") == spellings("Mrs. Mary Jones") == spellings("Mary Jones")


def test_words_of_a_name():
    assert name_words("Müller-Brown, Dr. Zoë A.") == ["zoe", "a", "mullerbrown"]
    assert name_words("Mr") == name_words("") == name_words(", 7") == []


LOCAL = st.text(alphabet=string.ascii_lowercase[:6] + ".-1", max_size=8)
ADDRESS = st.one_of(st.text(max_size=8), st.tuples(LOCAL, st.sampled_from(["gmail.com", "gmial.com", "x.org"])).map("@".join))
SWAPPED = {"added": "removed", "removed": "added"}


@STEADY
@given(st.sampled_from([*FIELDS, "unit"]), ADDRESS, ADDRESS, st.sampled_from(["", "Mary Jones", "abc def"]))
def test_what_holds_of_any_pair(field, old, new, own_name):
    kind = edit_class(field, old, new, own_name=own_name, others=MEMBERS)
    back = edit_class(field, new, old, own_name=own_name, others=MEMBERS)
    if "different_person_name" not in (kind, back) or field != "email":
        assert back == SWAPPED.get(kind, kind)
    if field in FIELDS:
        assert (kind == "formatting_only") == (canonical(field, old) == canonical(field, new))
        spaced = edit_class(field, f" {old} ", new, own_name=own_name, others=MEMBERS)
        assert spaced == kind
        assert edit_class(field, old, old) == "formatting_only"


@STEADY
@given(st.text(), st.text(), st.text())
def test_any_texts_have_a_class(old, new, own_name):
    for field in FIELDS:
        assert edit_class(field, old, new, own_name=own_name, others=name_index([old, new]))

"""Copies that come in one after another are joined by their keys; what can't be compared is said."""

from __future__ import annotations

from collections import Counter

from imports import bring, put, said
from rolls import FIRST, HEAD, SECOND, TIMES, both, copy

from analysis_lib.importers.roll_comparison import told
from analysis_lib.package import open_package

THIRD = SECOND + "A-6,Flo,Quill,flo.quill@example.org,6 High St,South,yes\n"


def changes(package):
    tables = open_package(package).tables
    return Counter(tables["roll_changes"]["change"]), tables["contact_changes"]


def test_a_later_copy_by_itself_is_compared_by_keys(tmp_path):
    copy(tmp_path, FIRST, TIMES[0])
    done = copy(tmp_path, SECOND, TIMES[1])
    made, contacts = changes(tmp_path / "p")
    assert made == {"added": 1, "removed": 1, "key_changed": 1, "unit_changed": 1, "eligibility_set": 1}
    assert sorted(contacts["field"]) == ["email", "email", "postal_address"]  # 1 High St. is 1 High St
    assert contacts.filter(field="email")["edit_class"].null_count() == 2
    assert contacts.filter(field="email")["old_key"].null_count() == 0
    assert done.roll_account[1] == "Members: added 1, eligibility set 1, key changed 1, removed 1, unit changed 1."


def test_both_in_one_import_later_fill_in_the_classes(tmp_path):
    copy(tmp_path, FIRST, TIMES[0], "first.csv")
    copy(tmp_path, SECOND, TIMES[1], "second.csv")
    done = both(tmp_path)
    assert "roll_changes" not in done.n_added
    assert done.n_added["contact_changes"] == 1  # an address that is only written otherwise, which keys can't show
    assert done.n_filled["contact_changes"] == 2
    _, contacts = changes(tmp_path / "p")
    assert sorted(contacts.filter(field="email")["edit_class"]) == ["different_person_name", "typo_fix"]
    assert said(done.faults) == ""


def test_whoever_left_in_an_earlier_import_and_returns_is_reinstated(tmp_path):
    both(tmp_path)
    copy(tmp_path, THIRD, "2031-03-15T09:00:00Z")
    made, _ = changes(tmp_path / "p")
    assert made["reinstated"] == 1
    assert made["added"] == 1


def test_and_so_in_two_later_copies_that_are_compared_in_the_clear(tmp_path):
    copy(tmp_path, FIRST, TIMES[0])
    files = [put(tmp_path, "second.csv", HEAD + SECOND), put(tmp_path, "third.csv", HEAD + THIRD)]
    bring("roll_copies", *files, into=tmp_path / "p", taken_at=[TIMES[1], "2031-03-15T09:00:00Z"])
    made, contacts = changes(tmp_path / "p")
    assert (made["reinstated"], made["added"], made["removed"]) == (1, 1, 1)
    assert contacts.height == 3


def test_a_copy_between_two_that_were_compared_is_not(tmp_path):
    both(tmp_path)
    before = changes(tmp_path / "p")[0]
    done = copy(tmp_path, FIRST.replace("North", "West"), "2031-03-04T09:00:00Z")
    assert "a copy of the roll lies between two that were compared already" in said(done.faults)
    assert "import all copies together into a new package" in said(done.faults)
    assert changes(tmp_path / "p")[0] == before


def test_lists_that_name_members_in_two_ways_are_not_compared(tmp_path):
    copy(tmp_path, FIRST, TIMES[0])
    done = copy(tmp_path, FIRST.replace("A-", "77"), TIMES[1])
    assert "two copies of the roll have few members in common" in said(done.faults)
    assert "roll_changes" not in open_package(tmp_path / "p").held


def test_copies_without_members_have_no_account():
    assert told([], {"roll_changes": [], "contact_changes": []}) == []

"""Rows of what changed hold keys and classes, fit their schemas, and have the same ids whenever they are made."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from analysis_lib.importers.pseudonyms import CaseKey
from analysis_lib.importers.snapshot_rows import Target, contact_change_rows, roll_change_count_rows, roll_change_rows
from analysis_lib.importers.snapshots import History, Snapshot, changes
from analysis_lib.schema import load_schema

START = datetime(2031, 3, 1, 12, tzinfo=UTC)
ANN = {"email": "ann@example.org", "phone": "07700900111", "name": "Ann Archer", "unit": "North"}
BOB = {"email": "bob@example.org", "phone": "07700900222", "name": "Bob Baker", "unit": "North"}


def history(*rolls):
    return History("roll.csv", tuple(Snapshot(START + timedelta(days=day), roll) for day, roll in enumerate(rolls)))


def test_rows_for_the_tables():
    made = changes(
        history({"A": ANN, "B": BOB}, {"Z": ANN | {"email": "ann@gmail.com"}, "B": BOB, "C": {"email": "c@example.org"}})
    )
    key = CaseKey(b"x" * 32).key
    target = Target(contest_id="C1", source_id="S1", key=key)
    added, moved = roll_change_rows(made, target)
    assert (added["change"], added["voter_key"]) == ("added", key("member", "c"))
    assert (moved["change"], moved["other_voter_key"], moved["reason"]) == ("key_changed", key("member", "A"), "renamed")
    assert (moved["at"], moved["at_lo"], moved["at_hi"]) == ("", "2031-03-01T12:00:00+00:00", "2031-03-02T12:00:00+00:00")
    (contact,) = contact_change_rows(made, target)
    assert (contact["field"], contact["edit_class"], contact["new_domain_class"]) == ("email", "new_domain", "free_webmail")
    assert (contact["old_key"], contact["new_key"]) == (key("email", "ann@example.org"), key("email", "ann@gmail.com"))
    assert (contact["old_missing"], contact["new_missing"]) == ("false", "false")
    (count,) = roll_change_count_rows(made, target)
    assert count == {
        "contest_id": "C1", "source_id": "S1", "taken_at": "2031-03-02T12:00:00+00:00",
        "before_n": "2", "after_n": "3", "added_n": "1", "removed_n": "0", "changed_n": "1", "unchanged_n": "1",
    }  # fmt: skip
    text = str([added, moved, contact])
    assert not any(word in text for word in ("ann@", "Archer", "07700"))
    keyed = Target(contest_id="C1", source_id="S1", key=key, values="keys")
    assert roll_change_rows(made, keyed)[0]["voter_key"] == "C"
    assert contact_change_rows(made, Target(contest_id="C1", source_id="S1", key=key, values="own"))[0]["new_key"] == ""


def test_rows_fit_their_schemas():
    made = changes(history({"A": ANN, "B": BOB}, {"A": ANN | {"email": ""}}))
    target = Target(contest_id="C1", source_id="S1", key=CaseKey(b"x" * 32).key)
    tables = {
        "roll_changes": roll_change_rows,
        "contact_changes": contact_change_rows,
        "roll_change_counts": roll_change_count_rows,
    }
    for name, rows in tables.items():
        fields = {field.name: field for field in load_schema(name).fields}
        for row in rows(made, target):
            assert set(row) <= set(fields)
            assert all(row.get(field.name) for field in fields.values() if field.is_required)
            assert all(
                not text or not fields[column].categories or text in fields[column].categories for column, text in row.items()
            )


def test_ids_do_not_hang_on_the_order_or_the_number_of_copies():
    target = Target(contest_id="C1", source_id="S1", key=CaseKey(b"x" * 32).key)
    rolls = [{"A": ANN}, {"A": ANN, "B": BOB}, {"B": BOB}]
    few = [row["change_id"] for row in roll_change_rows(changes(history(*rolls)), target)]
    more = [row["change_id"] for row in roll_change_rows(changes(history(*rolls, {})), target)]
    assert few == more[:2]
    assert len(set(more)) == 3

"""Tables and lists of events become copies of a roll; what doesn't fit is listed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reads import told
from tiny_package import STEADY

from analysis_lib.errors import ParameterError
from analysis_lib.importers.plain_text import text_table
from analysis_lib.importers.roll_copies import EVENTS, event_history, snapshot

NOON = datetime(2031, 3, 1, 12, tzinfo=UTC)
COLUMNS = {"member": "No", "email": "E-mail", "unit": "Branch"}


def roll(*rows: tuple[str, str, str]):
    return text_table(
        "roll", "roll.csv", [dict(zip(COLUMNS.values(), row, strict=True)) for row in rows], range(2, len(rows) + 2)
    )


def events(*rows: str, **more: str):
    """Rows as "minute event voter has_address"."""
    records = []
    for row in rows:
        minute, event, voter, *address = row.split(" ")
        about = {"commit": minute, "committed_utc": f"2031-03-01T12:{minute}:00+00:00", "event": event, "voter": voter}
        records.append(about | ({"has_address": address[0]} if address else {}) | more)
    return text_table("events", "events.csv", records, range(2, len(rows) + 2))


def test_a_copy_of_a_roll():
    copy, faults = snapshot(roll(("a-1", " x@y.org", "North"), ("B2", "", "South")), NOON, COLUMNS, label="first")
    assert not faults
    assert copy.members == {"A1": {"email": "x@y.org", "unit": "North"}, "B2": {"email": "", "unit": "South"}}
    assert (copy.taken_at, copy.label) == (NOON, "first")
    keyed, _ = snapshot(roll(("a-1", "k1", "North")), NOON, COLUMNS, is_keyed=True)
    assert list(keyed.members) == ["a-1"]


def test_members_twice_and_none():
    copy, faults = snapshot(roll(("A1", "x@y.org", ""), (" ", "z@y.org", ""), ("a 1", "w@y.org", "")), NOON, COLUMNS)
    assert copy.members == {"A1": {"email": "x@y.org", "unit": ""}}
    assert "roll.csv, column No, row 3: no member is named. Expected one row a member" in told(faults)
    assert "row 4: this member, in the form in which numbers are compared, stands in a row above as well" in told(faults)
    assert "y.org" not in told(faults)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"email": "E-mail"}, "no column is named for member"),
        ({"member": "No", "shoe": "E-mail"}, "there is no field shoe. Expected member and any of email, phone"),
        ({"member": "Number"}, 'roll.csv: there is no column "Number"'),
    ],
)
def test_columns_must_be_there(columns, said):
    with pytest.raises(ParameterError, match=said):
        snapshot(roll(("A1", "", "")), NOON, columns)


def test_events_are_replayed():
    history, faults = event_history(
        events("00 add_voter a 1", "00 add_voter b 0", "01 set_address b 1", "01 change_address a 1", "02 remove_voter a 0",
               "03 clear_address b 0", "04 add_voter a 1")
    )  # fmt: skip
    assert not faults
    assert (history.values, history.are_edits) == ("own", True)
    assert [copy.label for copy in history.snapshots] == ["00", "01", "02", "03", "04"]
    assert [sorted(copy.members) for copy in history.snapshots] == [["a", "b"], ["a", "b"], ["b"], ["b"], ["a", "b"]]
    emails = [{key: member["email"] for key, member in copy.members.items()} for copy in history.snapshots]
    assert emails[0]["a"] != emails[1]["a"] != ""
    assert [one["b"] != "" for one in emails] == [False, True, True, False, False]


def test_a_list_without_addresses_has_no_field_for_them():
    history, _ = event_history(events("00 add_voter a", "01 remove_voter a"))
    assert history.snapshots[0].members == {"a": {}}


def test_events_that_do_not_fit():
    table = events(
        "00 add_voter a", "01 add_voter a", "02 remove_voter b", "03 rename_voter a", "04 set_address ", "05 remove_voter a"
    )
    history, faults = event_history(table)
    assert len(history.snapshots) == 2
    said = told(faults)
    assert "events.csv, column event, row 3: a voter is added who is on the roll already" in said
    assert "row 4: remove_voter of a voter who isn't on the roll" in said
    assert "row 5: the event isn't one of add_voter, remove_voter" in said
    assert "row 6: no voter is named" in said


@pytest.mark.parametrize("time", ["2031-03-01T12:00:00", "yesterday", "", "2031-02-30T12:00:00Z"])
def test_times_need_an_offset(time):
    history, faults = event_history(events("00 add_voter a", committed_utc=time))
    assert not history.snapshots
    assert "its time isn't a date and time with an offset" in told(faults)
    assert "there is no event that can be used" in told(faults)


def test_columns_of_events_must_be_there():
    with pytest.raises(ParameterError, match=r'events\.csv: there is no column "when"'):
        event_history(events("00 add_voter a"), at="when")


@STEADY
@given(
    st.lists(st.tuples(st.integers(0, 5), st.sampled_from([*EVENTS, "x"]), st.sampled_from(["a", "b", ""]), st.text(max_size=1)))
)
def test_any_events_give_copies_or_faults(given_events):
    rows = [
        {
            "commit": f"{edit}",
            "committed_utc": f"2031-03-01T12:{edit:02}:00Z",
            "event": event,
            "voter": voter,
            "has_address": address,
        }
        for edit, event, voter, address in given_events
    ]
    history, faults = event_history(
        text_table("e", "e.csv", rows, range(2, len(rows) + 2), ["commit", "committed_utc", "event", "voter"])
    )
    assert history.snapshots or faults


def test_a_unit_that_no_table_may_hold_is_left_empty_and_said():
    copy, faults = snapshot(roll(("A1", "", "North\u202eern"), ("A2", "", "N" * 501), ("A3", "", "South")), NOON, COLUMNS)
    assert [copy.members[name]["unit"] for name in ("A1", "A2", "A3")] == ["", "", "South"]
    assert (
        "roll.csv, column Branch, row 2: the unit holds signs that aren't seen, looks like an address or number of a person, or is far too long"
        in told(faults)
    )
    assert "row 3" in told(faults)
    assert "ern" not in told(faults)


def test_the_reason_on_file_goes_with_the_member_and_the_edit_it_was_given_for():
    rows = [["01", "add_voter", "V1", ""], ["02", "add_voter", "V2", "exception_granted"], ["02", "remove_voter", "V1", ""]]
    rows += [["02", "add_voter", "V4", "exception_granted"], ["03", "add_voter", "V3", " lapsed "]]
    table = text_table(
        "events",
        "events.csv",
        [
            {"commit": at, "committed_utc": f"2031-03-01T12:{at}:00Z", "event": event, "voter": voter, "why": why}
            for at, event, voter, why in rows
        ],
        range(2, 7),
    )
    history, faults = event_history(table, reason="why")
    assert not faults
    assert [copy.reasons for copy in history.snapshots] == [
        {},
        {"V2": "exception_granted", "V4": "exception_granted"},
        {"V3": "lapsed"},
    ]
    without, _ = event_history(table)
    assert [copy.reasons for copy in without.snapshots] == [{}, {}, {}]


def test_a_reason_in_other_words_is_told_and_not_repeated():
    history, faults = event_history(events("01 add_voter V1", "02 add_voter V2", why="Ann moved"), reason="why")
    assert [copy.members.keys() for copy in history.snapshots] == [{"V1"}, {"V1", "V2"}]
    assert "events.csv, column why, row 2: this isn't a reason that changes of a roll may have" in told(faults)
    assert "Ann" not in told(faults)
    assert [fault.severity for fault in faults] == ["warning"] * 2

"""What changed between copies of a roll; renamed keys are not new people, and each number can be had by another road."""

from __future__ import annotations

import csv
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reads import real, told
from tiny_package import STEADY

from analysis_lib.importers.plain_text import text_table
from analysis_lib.importers.roll_copies import event_history
from analysis_lib.importers.snapshots import CONTACTS, History, Snapshot, changes

START = datetime(2031, 3, 1, 12, tzinfo=UTC)
NAMES = ("email", "phone", "address", "name", "unit", "eligible")


def person(email="", phone="", address="", name="", unit="", eligible=""):
    return dict(zip(NAMES, (email, phone, address, name, unit, eligible), strict=True))


def history(*rolls, values="clear", are_edits=False):
    copies = tuple(Snapshot(START + timedelta(days=day), roll, f"copy{day}") for day, roll in enumerate(rolls))
    return History("roll.csv", copies, values, are_edits)


def happened(*rolls, **more):
    """What changed, in short: (change, member, the key before, reason)."""
    return [(one.change, one.member, one.other_member, one.reason) for one in changes(history(*rolls, **more)).roll]


def edited(*rolls, **more):
    return [(one.member, one.field, one.edit_class) for one in changes(history(*rolls, **more)).contacts]


def real_history(path, year=None):
    with real(path).open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if year in (None, row.get("year"))]
    made, faults = event_history(text_table("events", "roll_events.csv", rows, range(2, len(rows) + 2)))
    assert not faults
    return made


ANN = person("ann@example.org", "07700900111", "1 High Street", "Ann Archer", "North", "yes")
BOB = person("bob@example.org", "07700900222", "2 High Street", "Bob Baker", "North", "yes")


def test_who_came_and_went():
    assert happened({"A": ANN, "B": BOB}, {"A": ANN, "B": BOB}) == []
    assert happened({"A": ANN}, {"A": ANN, "B": BOB}, {"A": ANN}, {"A": ANN, "B": BOB}) == [
        ("added", "B", "", ""),
        ("removed", "B", "", "reverted"),
        ("reinstated", "B", "", "reverted"),
    ]
    assert happened({"A": ANN, "B": BOB}, {"A": ANN}, {"A": ANN | {"unit": "South"}}, {"A": ANN, "B": BOB}) == [
        ("removed", "B", "", ""),
        ("unit_changed", "A", "", ""),
        ("reinstated", "B", "", ""),
        ("unit_changed", "A", "", ""),
    ]
    assert happened({"A": ANN}, {"A": ANN | {"eligible": "no"}}) == [("eligibility_set", "A", "", "")]
    assert happened({"A": ANN}, {"A": ANN | {"unit": " north ", "eligible": "YES"}}) == []


def test_times_bound_a_change():
    made = changes(history({"A": ANN}, {"B": BOB}, {"B": BOB | {"email": "b@example.org"}}))
    assert {(one.at, one.at_lo, one.at_hi) for one in made.roll} == {(None, START, START + timedelta(days=1))}
    (contact,) = made.contacts
    assert (contact.at, contact.at_lo, contact.at_hi) == (None, START + timedelta(days=1), START + timedelta(days=2))
    (one,) = changes(history({"A": ANN}, {"A": ANN, "B": BOB}, are_edits=True)).roll
    assert (one.at, one.at_lo, one.at_hi) == (START + timedelta(days=1), START, START + timedelta(days=1))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (ANN, ANN),
        (person("ann@example.org", "07700900111"), person("ANN@example.org ")),
        (person("ann@example.org", "07700900111"), person("a.new@example.org", "+44 7700 900111")),
        (person(address="1 High Street", name="Ann Archer"), person("new@example.org", "", "1, high street", "ann archer")),
        (person(name="Ann Archer", unit="North"), person("new@example.org", "", "9 Low Road", "ANN ARCHER", "north")),
        (ANN, ANN | {"name": "Ann Cooper"}),  # married
        (ANN, ANN | {"name": "Ann Acher"}),
        (ANN, ANN | {"name": "Anne Archer"}),
        (ANN, ANN | {"name": "Archer, Ms Ann"}),
    ],
)
def test_a_changed_key_is_no_new_person(old, new):
    assert happened({"A": old, "B": BOB}, {"Z": new, "B": BOB}) == [("key_changed", "Z", "A", "renamed")]
    made = changes(history({"A": old, "B": BOB}, {"Z": new, "B": BOB}))
    assert (made.counts[0].added_n, made.counts[0].removed_n, made.counts[0].changed_n) == (0, 0, 1)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"A": ANN}, {"Z": BOB}),
        ({"A": ANN}, {"Z": ANN | {"name": "Carl Archer"}}),  # a couple with one address for mail
        ({"A": ANN | {"name": "Archer, Ann"}}, {"Z": ANN | {"name": "Archer, Carl"}}),
        ({"A": ANN | {"name": "Mr Bill Archer"}}, {"Z": ANN | {"name": "Mr Carl Archer"}}),
        ({"A": person(address="1 High Street")}, {"Z": person(address="1 High Street")}),  # one house
        ({"A": person(name="Ann Archer")}, {"Z": person(name="Ann Archer")}),  # a name alone
        ({"A": person(name="Ann Archer", unit="North")}, {"Z": person(name="Ann Archer", unit="South")}),
        ({"A": person("x@y.org"), "B": person("x@y.org")}, {"Z": person("x@y.org"), "B": person("x@y.org")}),  # shared
        ({"A": person("x@y.org"), "B": person("x@y.org")}, {"Y": person("x@y.org"), "Z": person("x@y.org")}),
    ],
)
def test_what_is_not_enough_for_one_person(before, after):
    assert {change for change, *_ in happened(before, after)} == {"added", "removed"}


def test_a_changed_key_may_come_with_edits():
    assert edited({"A": ANN}, {"Z": ANN | {"phone": "07700900112", "address": ""}}) == [
        ("Z", "phone", "typo_fix"),
        ("Z", "address", "removed"),
    ]


def test_edits_of_contact_details():
    after = ANN | {"email": "Ann@Example.org", "phone": "", "address": "7 Low Road", "name": "Ann Acher"}
    assert edited({"A": ANN}, {"A": after}) == [
        ("A", "email", "formatting_only"),
        ("A", "phone", "removed"),
        ("A", "address", "other"),
        ("A", "name", "typo_fix"),
    ]
    assert edited({"A": ANN | {"phone": ""}}, {"A": ANN}) == [("A", "phone", "added")]
    bobs = {"B": BOB | {"email": "bobby.baker@example.org"}}
    assert edited({"A": ANN} | bobs, {"A": ANN} | {"B": BOB | {"email": "ann.archer@example.org"}}) == [
        ("B", "email", "different_person_name")
    ]


def test_a_name_changed_by_marriage_is_the_members_own():
    before, after = ANN, ANN | {"name": "Ann Cooper", "email": "ann.cooper@example.org"}
    old = {"A": before | {"email": "ann.archer@example.org"}}
    assert edited(old, {"A": after}) == [("A", "email", "other"), ("A", "name", "other")]
    other = before | {"name": "Zoe Cooper", "email": "zoe.cooper@example.org"}
    assert edited(old, {"A": other}) == [("A", "email", "different_person_name"), ("A", "name", "different_person_name")]


def test_only_columns_of_both_copies_are_compared():
    few = {"email": "ann@example.org"}
    assert edited({"A": few}, {"A": ANN}) == edited({"A": ANN}, {"A": few}) == []
    assert happened({"A": few}, {"A": ANN}) == []


def test_whoever_returns_is_compared_with_the_last_record():
    made = changes(history({"A": ANN, "B": BOB}, {"A": ANN}, {"A": ANN}, {"A": ANN, "B": BOB | {"email": ""}}))
    (contact,) = made.contacts
    assert (contact.member, contact.edit_class) == ("B", "removed")
    assert (contact.at_lo, contact.at_hi) == (START, START + timedelta(days=3))
    assert [one.change for one in made.roll] == ["removed", "reinstated"]


def test_keys_in_place_of_texts():
    ann, bob = {"email": "k1", "name": "n1"}, {"email": "k2", "name": "n2"}
    assert happened({"A": ann, "B": bob}, {"Z": ann, "B": bob}, values="keys") == [("key_changed", "Z", "A", "renamed")]
    assert {one for one, *_ in happened({"A": ann}, {"Z": ann | {"name": "n3"}}, values="keys")} == {"added", "removed"}
    assert edited({"A": ann, "B": bob}, {"A": {"email": "k9", "name": "n1"}, "B": bob | {"email": ""}}, values="keys") == [
        ("A", "email", "unknown"),
        ("B", "email", "removed"),
    ]


def test_one_out_and_one_in_within_a_single_edit():
    own = {"values": "own", "are_edits": True}
    before, after = {"a": {"email": "1"}, "b": {"email": "2"}}, {"z": {"email": "3"}, "b": {"email": "2"}}
    assert happened(before, after, **own) == [("key_changed", "z", "a", "unknown")]
    apart = {("added", "z", "", ""), ("removed", "a", "", "")}
    assert set(happened(before, after, values="own")) == apart  # days may lie between
    assert set(happened(before, {"z": {"email": ""}, "b": {"email": "2"}}, **own)) == apart  # one had an address
    known = {"z": {"email": "9"}, **before}
    assert {("reinstated", "z", "", ""), ("removed", "a", "", "")} <= set(happened(known, before, after, **own))
    clear = {"A": person("ann@example.org")}, {"Z": person("zoe@example.org")}
    assert {one for one, *_ in happened(*clear, are_edits=True)} == {"added", "removed"}  # they can be compared, and differ


def test_two_in_and_one_out_are_left_and_warned_of():
    made = changes(history({"a": {}}, {"y": {}, "z": {}}, values="own", are_edits=True))
    assert sorted(one.change for one in made.roll) == ["added", "added", "removed"]
    said = told(made.faults)
    assert said.startswith("warning swap | roll.csv: in the copy copy1 of 2031-03-02 12:00:00 UTC 1 leave and 2 come in one step")
    assert "Expected contact details or names to tell a changed key from a new voter." in said


def test_copies_out_of_order_are_warned_of():
    copies = history({"A": ANN}, {"A": ANN, "B": BOB}).snapshots
    made = changes(History("roll.csv", copies[::-1]))
    assert "copy 2 has an earlier time than the one before it. Expected copies in the order" in told(made.faults)
    assert made.roll[0].at_lo < made.roll[0].at_hi


def test_empty_copies_before_the_first_are_passed_over():
    assert changes(history()).counts == changes(history({})).counts == changes(history({}, {"A": ANN})).counts == []
    assert happened({}, {"A": ANN}, {}) == [("removed", "A", "", "")]


def test_the_published_account_of_nixos():
    """PROVENANCE.md of the collection: each event with its documented cause."""
    account = real_history("nixos_sc_2024/roll_events.csv")
    made = changes(account)
    assert not made.faults
    assert (len(account.snapshots[0].members), len(account.snapshots[-1].members)) == (833, 841)
    assert sum(bool(member["email"]) for member in account.snapshots[-1].members.values()) == 803
    by_commit = {copy.taken_at: copy.label[:7] for copy in account.snapshots}
    keys = [(by_commit[one.at], one.reason) for one in made.roll if one.change == "key_changed"]
    assert keys == [("be3fc32", "unknown"), ("0d610f6", "unknown")]  # a renamed account; access to the repository revoked
    (reverted,) = (one for one in made.roll if one.reason == "reverted")
    assert (by_commit[reverted.at], reverted.change, reverted.at_hi - reverted.at_lo) == (
        "9a15876", "removed", timedelta(minutes=3, seconds=42),
    )  # fmt: skip
    during = [one for one in made.roll if one.at >= datetime(2024, 10, 18, tzinfo=UTC)]
    assert Counter(one.change for one in during) == {"removed": 14, "reinstated": 11}
    bulk = [one for one in during if one.change == "reinstated"]
    assert {by_commit[one.at] for one in bulk} == {"ccdc48b"}
    contacts = [one for one in made.contacts if one.at >= datetime(2024, 10, 18, tzinfo=UTC)]
    on_return = {(one.member, one.at) for one in bulk}  # they came back without the address they had
    assert Counter(one.edit_class for one in contacts if (one.member, one.at) in on_return) == {"removed": 11}
    assert Counter(one.edit_class for one in contacts if (one.member, one.at) not in on_return) == {"added": 9, "removed": 4}
    late = [one for one in made.contacts if one.at > datetime(2024, 11, 3, 12, tzinfo=UTC)]
    assert [(by_commit[one.at], one.edit_class) for one in late] == [("75796ae", "added")]


def test_the_list_of_copies_of_nixos_by_another_road():
    """roll_snapshots.csv counts the same commits: each step's numbers agree, but for keys that changed."""
    made = changes(real_history("nixos_sc_2024/roll_events.csv"))
    with real("nixos_sc_2024/roll_snapshots.csv").open(encoding="utf-8", newline="") as file:
        listed = {datetime.fromisoformat(row["committed_utc"]): row for row in csv.DictReader(file)}
    moved = Counter(one.at for one in made.roll if one.change == "key_changed")
    for count in made.counts:
        row = listed[count.taken_at]
        assert count.after_n == int(row["n_voters"])
        assert count.added_n + moved[count.taken_at] == int(row["added"])
        assert count.removed_n + moved[count.taken_at] == int(row["removed"])


@pytest.mark.parametrize(
    ("year", "n_last", "expected", "n_warned"),
    [
        ("2018", 691, {"added": 7}, 0),
        ("2019", 880, {"added": 15}, 0),
        ("2020", 761, {"added": 161, "key_changed": 1}, 0),
        ("2021", 685, {"added": 19, "removed": 1}, 1),
        ("2022", 698, {"added": 13}, 0),
    ],
)
def test_the_published_account_of_kubernetes(year, n_last, expected, n_warned):
    """Final rolls as PROVENANCE.md has them; 7d9d7b6e of 2021 is an exchange of accounts that can't be seen for certain."""
    account = real_history("kubernetes_steering/roll_events.csv", year)
    made = changes(account)
    assert len(account.snapshots[-1].members) == n_last
    assert Counter(one.change for one in made.roll) == expected
    assert len(made.faults) == n_warned
    assert ("7d9d7b6ea05b" in told(made.faults)) == (year == "2021")


MEMBER = st.builds(
    person,
    email=st.sampled_from(["", "a@x.org", "b@x.org", "A@x.org", "a@gmail.com"]),
    phone=st.sampled_from(["", "07700900111", "07700900112"]),
    name=st.sampled_from(["", "Ann Archer", "Bob Baker"]),
    unit=st.sampled_from(["", "North"]),
)
ROLL = st.dictionaries(st.sampled_from("ABCDE"), MEMBER, max_size=5)


@STEADY
@given(st.lists(ROLL, max_size=5), st.sampled_from(["clear", "keys", "own"]), st.booleans())
def test_what_holds_of_any_copies(rolls, values, are_edits):
    made = changes(history(*rolls, values=values, are_edits=are_edits))
    while rolls and not rolls[0]:
        rolls.pop(0)
    on_roll = set(rolls[0]) if rolls else set()
    assert len(made.counts) == max(0, len(rolls) - 1)
    for place, count in enumerate(made.counts, start=1):
        step = [one for one in made.roll if one.at_hi == count.taken_at]
        for one in step:  # replaying the changes gives the next copy
            if one.change == "removed":
                on_roll.remove(one.member)
            elif one.change in ("added", "reinstated"):
                on_roll.add(one.member)
            elif one.change == "key_changed":
                on_roll.remove(one.other_member)
                on_roll.add(one.member)
        days = START + timedelta(days=place)
        assert count.after_n == count.before_n + count.added_n - count.removed_n
        assert count.after_n == count.added_n + count.changed_n + count.unchanged_n
        assert min(count.changed_n, count.unchanged_n) >= 0
        assert len(on_roll) == count.after_n
        assert len(made.counts) == len(rolls) - 1
        assert count.taken_at >= days
    assert not rolls or on_roll == set(rolls[-1])
    assert {one.field for one in made.contacts} <= set(CONTACTS)


@STEADY
@given(ROLL, ROLL, st.permutations("ABCDE"))
def test_the_order_and_the_names_of_members_make_no_difference(before, after, names):
    renamed = dict(zip("ABCDE", names, strict=True))
    rolls = [{renamed[key]: member for key, member in reversed(roll.items())} for roll in (before, after)]
    given_changes = {
        (one.change, renamed[one.member], renamed.get(one.other_member, "")) for one in changes(history(before, after)).roll
    }
    assert {(one.change, one.member, one.other_member) for one in changes(history(*rolls)).roll} == given_changes

"""Keys: every copy of a doubled one is told, and every row a table points to must be there."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from tiny_package import STEADY, around, check, example_row, lines, write

from analysis_lib.package import open_package

CORE = ("sources", "contests")


def test_every_copy_of_a_key_is_at_fault_and_the_first_row_is_named(tmp_path):
    names = ["S1", "S2", "S3", "S2", "S2"]
    package, told = check(tmp_path, {"sources": [example_row("sources", source_id=name) for name in names]}, CORE)
    assert package.tables["sources"]["source_id"].to_list() == ["S1", "S3"]
    assert package.faults.filter(rule="unique")["row"].to_list() == [3, 5, 6]
    assert 'column source_id, row 5: the key "S2" stands in 3 rows, first in row 3. Expected every key once' in told


def test_a_key_of_two_columns_may_repeat_in_each(tmp_path):
    rows = [
        example_row("roll", snapshot_id=snapshot, voter_key=voter, phone_key="")
        for snapshot in ("L1", "L2")
        for voter in ("v1", "v2")
    ]
    snapshots = [example_row("roll_snapshots", snapshot_id=name) for name in ("L1", "L2")]
    assert check(tmp_path / "a", {"roll": rows, "roll_snapshots": snapshots})[1] == ""
    package, told = check(tmp_path / "b", {"roll": [*rows, rows[0]], "roll_snapshots": snapshots})
    assert "column snapshot_id, voter_key, row 6: " in told
    assert 'the key "L1" with a value of 2 characters (digits and letters) stands in 2 rows, first in row 2' in told
    assert package.tables["roll"].height == 3


def test_cells_without_a_value_are_no_copies_of_each_other(tmp_path):
    rows = [example_row("communications", message_id="") for _ in range(2)]
    package, _ = check(tmp_path, {"communications": rows}, CORE)
    assert package.faults["rule"].to_list() == ["required", "required"]


def test_a_row_must_point_to_one_that_is_there(tmp_path):
    row = example_row("candidates", contest_id="vale 2031")
    package, told = check(tmp_path, {"candidates": [row]}, CORE)
    assert 'column contest_id, row 2: "vale 2031" isn\'t in contests. Expected a row of the table contests with this' in told
    assert package.tables["candidates"].height == 0


def test_a_pointer_of_two_columns_is_checked_as_one(tmp_path):
    contests = [example_row("contests", contest_id=name) for name in ("one", "two")]
    candidates = [example_row("candidates", contest_id="one", candidate_id="A")]
    rows = [example_row("results", row_id=name, contest_id=name, candidate_id="A") for name in ("one", "two")]
    package, told = check(tmp_path, {"contests": contests, "candidates": candidates, "results": rows}, ("sources",))
    assert 'column contest_id, candidate_id, row 3: "two" with "A" isn\'t in candidates' in told
    assert package.tables["results"]["row_id"].to_list() == ["one"]


def test_a_table_may_point_to_itself(tmp_path):
    rows = [example_row("statements", statement_id="A1", answers_statement_id=""), example_row("statements", statement_id="A2")]
    assert check(tmp_path, {"statements": rows}, CORE)[1] == ""


def test_a_bad_row_does_not_cost_the_rows_that_point_to_it(tmp_path):
    package, _ = check(tmp_path, {"sources": [example_row("sources", kind="rumour")]})
    assert package.faults.height == 1
    assert package.n_left_out["sources"] == 1
    assert all(n == 0 for table, n in package.n_left_out.items() if table != "sources")


def test_a_ragged_row_does_not_cost_the_rows_that_point_to_it(tmp_path):
    write(tmp_path)
    path = tmp_path / "data" / "contests.csv"
    path.write_text(path.read_text(encoding="utf-8").rstrip() + ",,\n", encoding="utf-8")
    assert open_package(tmp_path).faults["rule"].to_list() == ["ragged"]


def test_a_table_that_was_not_handed_over_is_one_warning_and_the_rows_stay(tmp_path):
    rows = [example_row("ballot_events", event_id=f"E{place}") for place in range(3)]
    package, told = check(tmp_path, {"ballot_events": rows}, CORE)
    assert "warning foreign_key | data/ballot_events.csv, column clock_id: the table clocks isn't in the package" in told
    assert "rows that point to it: 3" in told
    assert package.faults.height == 1
    assert package.tables["ballot_events"].height == 3


def test_nothing_is_said_of_a_missing_table_that_no_row_points_to(tmp_path):
    assert check(tmp_path, {"ballot_events": [example_row("ballot_events", clock_id="-UNKNOWN")]}, CORE)[1] == ""


def test_a_table_that_cannot_be_read_is_told_once(tmp_path):
    write(tmp_path)
    (tmp_path / "data" / "clocks.csv").write_bytes(b"\xff\xfe")
    package = open_package(tmp_path)
    assert package.faults["rule"].to_list() == ["encoding"]
    assert package.tables["ballot_events"].height == 1


@STEADY
@given(st.lists(st.sampled_from("ABCDE"), max_size=8), st.lists(st.sampled_from("ABCDEFG"), min_size=1, max_size=8))
def test_the_slow_way_finds_the_same_rows(parents, children):
    # Another road: count copies and look every pointer up by hand.
    tables = {
        "sources": [example_row("sources")],
        "contests": [example_row("contests")],
        "statements": [example_row("statements", statement_id=name, answers_statement_id="") for name in parents]
        + [example_row("statements", statement_id=f"x{place}", answers_statement_id=name) for place, name in enumerate(children)],
    }
    with tempfile.TemporaryDirectory() as folder:
        package = open_package(write(Path(folder), tables, ()))
    copies = Counter(parents)
    good = [name for name in parents if copies[name] == 1]
    good += [f"x{place}" for place, name in enumerate(children) if name in parents]
    assert package.tables["statements"]["statement_id"].to_list() == sorted(good), lines(package)


def test_two_voters_who_share_everything_are_counted_and_not_named(tmp_path):
    rows = [example_row("roll", voter_key=f"9f2c41d07ab{place}") for place in range(3)]
    rows[2]["phone_key"] = "37c9be02f5d2"
    package, told = check(tmp_path, {"roll": rows}, ("sources", "contests", "roll_snapshots"))
    assert "warning same_person | data/roll.csv, column voter_key: 2 voters share e-mail, telephone and address" in told
    assert "in 1 groups" in told
    assert "9f2c41d07ab" not in told
    assert package.tables["roll"].height == 3
    for row in rows:
        row["address_key"] = ""
    assert "same_person" not in check(tmp_path, {"roll": rows}, ("sources", "contests", "roll_snapshots"))[1]


def test_a_part_of_a_key_that_may_be_empty_may_not_be_there(tmp_path):
    row = example_row("ballot_choices")
    del row["candidate_id"]
    package, told = check(tmp_path, {"ballot_choices": [row, row]}, around("ballot_choices"))
    assert "stands in 2 rows, first in row 2" in told
    assert package.tables["ballot_choices"].is_empty()

"""The secrecy guard: no table that ties a voter to a ballot or a choice gets in, however its columns are called."""

from __future__ import annotations

import polars as pl
import pytest
from tiny_package import around, check, example_row, lines, write

from analysis_lib.package import open_package

LINKED = {"ballot_id": "B104", "link_level": "voter_linked"}


def refused(package, told: str, table: str) -> bool:
    """Whether nothing at all of the table came in, and the message says why and what to do."""
    held_back = package.refused == (table,)
    assert held_back == ("error secrecy" in told)
    if held_back:
        assert package.tables[table].height == 0
        assert table not in package.held
        assert package.missingness.filter(table=table).height == 0
        assert "stands beside a ballot or a choice" in told
        assert "Split the export" in told
    return held_back


def test_one_row_with_voter_and_ballot_holds_back_the_whole_table(tmp_path):
    rows = [example_row("ballot_events", event_id=f"E{place}") for place in range(9)]
    rows.append(example_row("ballot_events", event_id="E9", **LINKED))
    package, told = check(tmp_path, {"ballot_events": rows})
    assert refused(package, told, "ballot_events")
    assert (
        'row 11: a voter ("voter_key" or "credential_id") stands beside a ballot or a choice ("ballot_id"); rows like this one: 1'
        in told
    )
    assert package.n_left_out["ballot_events"] == 10
    assert "B104" not in told
    assert rows[0]["voter_key"] not in told


@pytest.mark.parametrize(
    ("secrecy", "is_refused"), [("open", False), ("secret_linkable", False), ("secret_unlinkable", True), ("unknown", True)]
)
def test_only_the_contest_can_allow_it(tmp_path, secrecy, is_refused):
    tables = {"contests": [example_row("contests", secrecy=secrecy)], "ballot_events": [example_row("ballot_events", **LINKED)]}
    assert refused(*check(tmp_path, tables), "ballot_events") == is_refused


def test_a_contest_row_with_a_fault_allows_nothing(tmp_path):
    contests = [example_row("contests", secrecy="open", seats="0")]
    package, told = check(tmp_path, {"contests": contests, "ballot_events": [example_row("ballot_events", **LINKED)]})
    assert refused(package, told, "ballot_events")


def test_each_row_is_judged_by_its_own_contest(tmp_path):
    contests = [example_row("contests", contest_id="open", secrecy="open"), example_row("contests", contest_id="secret")]
    linked = example_row("ballot_events", event_id="E1", contest_id="open", **LINKED)
    apart = example_row("ballot_events", event_id="E2", contest_id="secret")
    tables = {"contests": contests, "ballot_events": [linked, apart]}
    for table in ("sources", "clocks"):
        tables[table] = [example_row(table)]
    assert not refused(*check(tmp_path / "a", tables, ()), "ballot_events")
    tables["ballot_events"] = [linked, apart | LINKED]
    assert refused(*check(tmp_path / "b", tables, ()), "ballot_events")


def test_voters_and_ballots_in_rows_of_their_own_are_let_in(tmp_path):
    ballot = example_row("ballot_events", event_id="E2", voter_key="-WITHHELD", ballot_id="B104", link_level="ballot_only")
    voter = example_row("ballot_events", event_id="E1", ballot_id="-REDACTED")
    package, told = check(tmp_path, {"ballot_events": [voter, ballot]})
    assert told == ""
    assert package.tables["ballot_events"].height == 2


CHOICES = ["candidate", "Candidate Name", "choice_1", "Vote For", "votedFor", "preference-1", "rank", "first_choice", "BallotID"]
VOTERS = ["voter", "Voter No", "member_number", "Membership", "credential_id", "e-mail", "Email address"]
PERSONAL = ["email", "Phone number", "mobile", "Surname", "first name", "full_name", "Name", "DOB", "date of birth", "postcode"]


@pytest.mark.parametrize("header", CHOICES)
@pytest.mark.parametrize("table", ["ballot_events", "credential_events", "roll", "contact_changes"])
def test_a_choice_in_a_column_that_is_not_known_is_seen(tmp_path, header, table):
    package, told = check(tmp_path, {table: [example_row(table) | {header: "A"}]}, around(table))
    assert refused(package, told, table)


@pytest.mark.parametrize("header", VOTERS)
def test_a_voter_in_a_column_that_is_not_known_is_seen(tmp_path, header):
    package, told = check(tmp_path, {"results": [example_row("results") | {header: "17"}]}, around("results"))
    assert refused(package, told, "results")


def test_a_choice_column_of_lists_in_parquet_is_seen(tmp_path):
    package, _ = check(tmp_path)
    frame = package.tables["roll"].with_columns(choices=pl.Series([["A", "B"]]))
    frame.write_parquet(tmp_path / "data" / "roll.parquet")
    (tmp_path / "data" / "roll.csv").unlink()
    (tmp_path / "datapackage.json").unlink()
    assert open_package(tmp_path).refused == ("roll",)


def test_a_roll_is_let_in_only_if_every_contest_allows_it(tmp_path):
    roll = {"roll": [example_row("roll") | {"choice": "A"}]}
    contests = [example_row("contests", secrecy="open"), example_row("contests", contest_id="other", secrecy="open")]
    assert not refused(*check(tmp_path / "a", roll | {"contests": contests}), "roll")
    contests[1] |= {"secrecy": "unknown"}
    assert refused(*check(tmp_path / "b", roll | {"contests": contests}), "roll")


@pytest.mark.parametrize("header", ["voter_choice", "member preference", "candidate_of_member"])
def test_a_column_called_like_a_voter_and_a_choice_counts_as_either_but_not_as_both(tmp_path, header):
    row = {header: "A"}
    assert refused(*check(tmp_path / "a", {"roll": [example_row("roll") | row]}, around("roll")), "roll")
    assert refused(*check(tmp_path / "b", {"results": [example_row("results") | row]}, around("results")), "results")
    actions = {"admin_actions": [example_row("admin_actions") | row]}
    assert not refused(*check(tmp_path / "c", actions, around("admin_actions")), "admin_actions")


def test_an_empty_cell_ties_nobody(tmp_path):
    roll = {"roll": [example_row("roll") | {"member_number": "17", "choice": "", "rank": "-WITHHELD"}]}
    assert not refused(*check(tmp_path / "a", roll, around("roll")), "roll")
    results = {"results": [example_row("results") | {"rank": "1", "voter": ""}]}
    assert not refused(*check(tmp_path / "b", results, around("results")), "results")


@pytest.mark.parametrize("header", [*PERSONAL, "IP address"])
def test_personal_data_in_the_clear_are_warned_of_and_not_loaded(tmp_path, header):
    rows = [example_row("admin_actions") | {header: "Jane 020 7946 0123"}]
    package, told = check(tmp_path, {"admin_actions": rows}, around("admin_actions"))
    assert "warning personal_data | data/admin_actions.csv, column" in told
    assert "this column seems to hold personal data in the clear; cells filled: 1" in told
    assert "Jane" not in told
    assert "7946" not in told
    assert header not in package.tables["admin_actions"].columns


def test_addresses_are_seen_by_their_form_under_any_name(tmp_path):
    _, told = check(tmp_path, {"admin_actions": [example_row("admin_actions") | {"remark": "ask jane@example.org"}]})
    assert 'warning personal_data | data/admin_actions.csv, column "remark"' in told
    assert "jane" not in told


@pytest.mark.parametrize("header", ["candidate_name", "remark", "rename", "n_found"])
def test_other_unknown_columns_are_no_personal_data(tmp_path, header):
    _, told = check(tmp_path, {"admin_actions": [example_row("admin_actions") | {header: "17"}]}, around("admin_actions"))
    assert "personal_data" not in told


NAMES = ["ann", "bob"]


def with_candidates(**tables) -> dict:
    return {"candidates": [example_row("candidates", candidate_id=name, display_name=name.title()) for name in NAMES], **tables}


@pytest.mark.parametrize("header", ["batch_id", "at_raw", "colour", "x1"])
@pytest.mark.parametrize("cells", [["ann", "bob"], ["Bob", "Ann"], ["BOB ", "ann"], ["  aNN", "Bob"]])
def test_a_column_of_candidates_beside_a_voter_is_seen_whatever_its_name(tmp_path, header, cells):
    rows = [example_row("ballot_events", event_id=f"E{n}") | {header: cells[n % 2]} for n in range(4)]
    package, told = check(tmp_path, with_candidates(ballot_events=rows))
    assert refused(package, told, "ballot_events")
    assert not any(f'"{name}"' in told for name in cells)


@pytest.mark.parametrize(("header", "cells", "is_seen"), [
    ("vote", ["1", "2", "3"], True), ("memberPref1", ["2", "1", "3"], True), ("votedFor", ["x", "y", "z"], True),
    ("vote", ["1", "0", "1"], False), ("colour", ["1", "2", "3"], False),
])  # fmt: skip
def test_ranks_under_a_name_that_says_so_are_seen(tmp_path, header, cells, is_seen):
    rows = [example_row("ballot_events", event_id=f"E{n}") | {header: cell} for n, cell in enumerate(cells)]
    assert refused(*check(tmp_path, {"ballot_events": rows}), "ballot_events") == is_seen


@pytest.mark.parametrize("secrecy", ["open", "secret_linkable", "secret_unlinkable"])
def test_a_table_of_choices_never_has_a_voter(tmp_path, secrecy):
    tables = {"contests": [example_row("contests", secrecy=secrecy)]}
    tables["ballot_choices"] = [example_row("ballot_choices") | {"voter_key": ""}]
    package, told = check(tmp_path, tables)
    assert package.refused == ("ballot_choices",)
    assert 'a voter ("voter_key") stands in a table of choices' in told


def test_bins_of_few_ballots_hold_back_the_choices(tmp_path):
    def rows(n):
        changes = ({"ballot_id": f"B{place}x", "cast_bin": "2031-03-08T20:00:00Z"} for place in range(n))
        return {"ballot_choices": [example_row("ballot_choices", **change) for change in changes]}

    package, told = check(tmp_path, rows(9))
    assert package.refused == ("ballot_choices",)
    assert "column cast_bin: 1 of 1 bins hold fewer than 10 ballots" in told
    assert check(tmp_path, rows(10))[0].refused == ()


@pytest.mark.parametrize("column", ["unit", "channel"])
def test_bins_of_few_ballots_of_one_branch_or_channel_hold_them_back_too(tmp_path, column):
    def rows(*sizes):
        names = {"unit": ("North", "South"), "channel": ("online", "postal")}[column]
        held = [name for name, size in zip(names, sizes, strict=True) for _ in range(size)]
        changes = (
            {"ballot_id": f"B{place}x", "cast_bin": "2031-03-08T20:00:00Z", column: name} for place, name in enumerate(held)
        )
        return {"ballot_choices": [example_row("ballot_choices", **change) for change in changes]}

    package, told = check(tmp_path, rows(20, 9))
    assert package.refused == ("ballot_choices",)
    assert "1 of 2 bins hold fewer than 10 ballots. Expected bins of at least 10 ballots of each branch and channel" in told
    assert check(tmp_path, rows(20, 10))[0].refused == ()


@pytest.mark.parametrize(
    ("form", "step"),
    [("20:0{}:17", "second"), ("20:0{}:00", "minute"), ("20:0{}:00", "minute of the voters"), ("20:00:00", "")],
)
def test_ballots_whose_times_are_those_of_voters_are_held_back(tmp_path, form, step):
    is_held_back = bool(step)
    times = [f"2031-03-08T{form.format(n)}Z" for n in range(5)]
    rows = [example_row("ballot_events", event_id=f"V{n}", at=at) for n, at in enumerate(times)]
    ballot = {"voter_key": "", "link_level": "ballot_only"}
    fine = [at.replace(":00Z", ":41Z") if step == "minute of the voters" else at for at in times]
    rows += [example_row("ballot_events", event_id=f"B{n}", at=at, ballot_id=f"B{n}", **ballot) for n, at in enumerate(fine)]
    package, told = check(tmp_path, {"ballot_events": rows})
    assert (package.refused == ("ballot_events",)) == is_held_back
    assert ("the times of 5 of 5 ballots are each the time of one voter's row" in told) == is_held_back


def test_a_unit_for_each_voter_is_warned_of(tmp_path):
    def rows(units):
        return {
            "roll": [example_row("roll", voter_key=f"9f2c41d07a{n:02}", unit=f"u{n % units}", email_key="") for n in range(30)]
        }

    assert "warning small_units | data/roll.csv, column unit: 30 voters are spread over 30 units" in check(tmp_path, rows(30))[1]
    assert "small_units" not in check(tmp_path, rows(3))[1]


@pytest.mark.parametrize(
    ("secrecy_of_contest", "seq", "is_told"), [("unknown", "1", True), ("unknown", "", False), ("open", "1", False)]
)
def test_numbered_ballots_beside_voters_with_times_are_told(tmp_path, secrecy_of_contest, seq, is_told):
    voter = {"link_level": "voter_linked", "ballot_id": ""}
    ballot = {"link_level": "ballot_only", "voter_key": "", "credential_id": "", "at": "", "at_raw": ""}
    rows = [example_row("ballot_events", event_id=f"V{n}", source_row=str(n + 2), **voter) for n in range(2)]
    rows += [
        example_row("ballot_events", event_id=f"B{n}", source_row="", seq=seq and str(n + 1), **ballot | {"ballot_id": f"b{n}"})
        for n in range(2)
    ]
    contest = example_row("contests", secrecy=secrecy_of_contest)
    told = lines(open_package(write(tmp_path, {"ballot_events": rows, "contests": [contest]})))
    assert ("warning secrecy_order | data/ballot_events.csv, column seq: 2 ballots bear numbers" in told) == is_told

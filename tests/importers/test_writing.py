import hashlib
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from imports import said
from tiny_package import STEADY, describe, example_row, write

from analysis_lib.errors import ParameterError
from analysis_lib.importers import writing
from analysis_lib.importers.writing import Held, commit, guard, merge, read_held, table_files
from analysis_lib.importers.writing import describe as described

FILES = {"S1": "first.csv", "S2": "second.csv"}


def row(**changes):
    usual = {"snapshot_id": "N1", "voter_key": "a" * 32, "eligible": "true", "source_id": "S1", "source_row": "2"}
    return usual | changes


def put(folder, incoming, **new):
    """Merge and write, as an import does."""
    held = read_held(folder)
    planned = merge(held, incoming, FILES)
    data = table_files(planned)
    commit(folder, held, data, described(held, data, {"name": "x", "sf:canonical": {"member": "rule"}} | new))
    return planned


def files(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_new_package_has_its_tables_and_their_fingerprints(tmp_path):
    put(tmp_path / "p", {"roll": [row(voter_key="b" * 32), row()]})
    text = (tmp_path / "p" / "data" / "roll.csv").read_bytes()
    assert text == (
        b"snapshot_id,voter_key,eligible,source_id,source_row\n"
        + b"N1," + b"a" * 32 + b",true,S1,2\nN1," + b"b" * 32 + b",true,S1,2\n"
    )  # fmt: skip
    said_ = json.loads((tmp_path / "p" / "datapackage.json").read_text())
    assert said_["resources"] == [
        {"name": "roll", "path": "data/roll.csv", "hash": f"sha256:{hashlib.sha256(text).hexdigest()}", "bytes": len(text)}
    ]


def test_the_same_rows_again_change_no_byte(tmp_path):
    put(tmp_path, {"roll": [row(), row(voter_key="b" * 32)]})
    before = files(tmp_path)
    planned = put(tmp_path, {"roll": [row(voter_key="b" * 32), row()]})
    assert files(tmp_path) == before
    assert (planned.tables, planned.n_added, said(planned.faults)) == ({}, {}, "")


def test_blanks_are_filled_and_what_differs_is_said(tmp_path):
    put(tmp_path, {"roll": [row(unit="North")]})
    planned = put(tmp_path, {"roll": [row(unit="South", voted_flag="true", source_id="S2", source_row="9")]})
    assert planned.n_filled == {"roll": 1}
    assert "North,true,S1,2" in (tmp_path / "data" / "roll.csv").read_text()
    line = said(planned.faults)
    assert "warning conflict | second.csv, column roll.unit, row 9: this row tells otherwise than source S1 does (row 2)" in line
    assert "North" not in line  # units are not public in every table


def test_what_is_public_is_shown_when_it_differs():
    old = {"contest_id": "v", "seats": "1", "source_id": "S1"}
    planned = merge(Held({}, tables={"contests": [old]}), {"contests": [old | {"seats": "2", "source_id": "S2"}]}, FILES)
    assert '(row not known): "1" and "2"' in said(planned.faults)


def test_no_key_stands_in_a_message_about_a_conflict():
    old = row(email_key="c" * 32)
    planned = merge(Held({}, tables={"roll": [old]}), {"roll": [row(email_key="d" * 32, source_id="S2")]}, FILES)
    assert "roll.email_key" in said(planned.faults)
    assert not {"c" * 32, "d" * 32, "a" * 32} & {*said(planned.faults).replace('"', " ").split()}


def test_many_conflicts_are_counted_after_the_first():
    keys = [f"{n:032x}" for n in range(60)]
    held = Held({}, tables={"roll": [row(voter_key=key, eligible="true") for key in keys]})
    planned = merge(held, {"roll": [row(voter_key=key, eligible="false", source_id="S2") for key in keys]}, FILES)
    assert len(planned.faults) == 51
    assert "10 more cells differ between the sources" in said(planned.faults)


def test_one_member_twice_in_one_file_is_said():
    planned = merge(Held({}), {"roll": [row(), row(source_row="7")]}, FILES)
    assert len(planned.tables["roll"]) == 1
    assert "first.csv, column roll.snapshot_id, roll.voter_key, row 7: rows about what a row above is about already: 1" in said(
        planned.faults
    )


def test_what_the_package_says_of_itself_stays(tmp_path):
    write(tmp_path, only=["sources", "contests"])
    describe(tmp_path, resources=[{"name": "sources", "path": "data/sources.csv", "extra": 1}, {"name": "contests", "path": "data/contests.csv"}],
             **{"sf:canonical": {"member": "another rule"}, "keywords": ["x"]})  # fmt: skip
    put(tmp_path, {"roll_snapshots": [example_row("roll_snapshots")]}, title="new")
    said_ = json.loads((tmp_path / "datapackage.json").read_text())
    assert (said_["title"], said_["keywords"], said_["sf:canonical"]) == ("A tiny package", ["x"], {"member": "another rule"})
    assert [resource["name"] for resource in said_["resources"]] == ["sources", "contests", "roll_snapshots"]
    assert said_["resources"][0]["extra"] == 1


def test_columns_that_nobody_knows_stay_in_a_table(tmp_path):
    write(tmp_path, {"roll": [row() | {"Remark, by hand": "x"}]}, only=["sources", "contests"])
    put(tmp_path, {"roll": [row(voter_key="b" * 32, unit="N")]})
    lines = (tmp_path / "data" / "roll.csv").read_text().splitlines()
    assert lines[0] == 'snapshot_id,voter_key,eligible,unit,source_id,source_row,"Remark, by hand"'
    assert lines[1].endswith(",S1,2,x")


def test_a_table_that_gets_nothing_is_not_touched(tmp_path):
    write(tmp_path, only=["sources", "contests"])
    before = (tmp_path / "data" / "sources.csv").read_bytes()  # with the line ends of another program
    put(tmp_path, {"roll_snapshots": [example_row("roll_snapshots")]})
    assert (tmp_path / "data" / "sources.csv").read_bytes() == before


HOSTILE = ['=HYPERLINK("http://x")', "a,b", 'a"b', "two\nlines", "a\rb", "{}[]", "\u202ereversed", " space ", "\ud800"]


def test_hostile_texts_come_back_as_they_were(tmp_path):
    put(tmp_path, {"roll": [row(voter_key=f"{n:032x}", unit=text) for n, text in enumerate(HOSTILE)]})
    held = read_held(tmp_path)
    assert [each["unit"] for each in held.tables["roll"]] == [*HOSTILE[:-1], "\\ud800"]
    put(tmp_path, {"roll": [row(voter_key="f" * 32)]})
    assert [each["unit"] for each in read_held(tmp_path).tables["roll"]][:-1] == [*HOSTILE[:-1], "\\ud800"]


def test_a_voter_beside_a_ballot_is_refused():
    ballot = example_row("ballot_events", voter_key="a" * 32, ballot_id="B1", link_level="voter_linked")
    contest = example_row("contests", secrecy="unknown", contest_id=ballot["contest_id"])
    held = Held({}, tables={"contests": [contest]})
    planned = merge(held, {"ballot_events": [ballot]}, {})
    with pytest.raises(ParameterError, match=r"Nothing was written. ballot_events.*a voter.*stands beside a ballot"):
        guard(held, planned, table_files(planned))
    open_ = Held({}, tables={"contests": [contest | {"secrecy": "open"}]})
    guard(open_, planned, table_files(planned))


@pytest.mark.parametrize("n_renamed", [0, 1, 2])
def test_a_failure_leaves_the_package_as_it_was(tmp_path, monkeypatch, n_renamed):
    put(tmp_path, {"roll": [row()]})
    before = files(tmp_path)
    replace_, done = Path.replace, []

    def failing(self, target):
        if len(done) == n_renamed:
            raise OSError(28, "No space left on device")
        done.append(target)
        return replace_(self, target)

    monkeypatch.setattr(Path, "replace", failing)
    with pytest.raises(ParameterError, match=r"can't be written \(No space left on device\).*Nothing in it was changed"):
        put(tmp_path, {"roll": [row(voter_key="b" * 32)], "roll_snapshots": [example_row("roll_snapshots")]})
    assert files(tmp_path) == before


def test_an_interruption_leaves_no_half_written_file(tmp_path, monkeypatch):
    put(tmp_path, {"roll": [row()]})
    before = files(tmp_path)

    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        put(tmp_path, {"roll": [row(voter_key="b" * 32)]})
    assert files(tmp_path) == before


def test_links_are_refused(tmp_path):
    put(tmp_path / "real", {"roll": [row()]})
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(ParameterError, match=r"this is a link to another place"):
        read_held(tmp_path / "link")
    roll = tmp_path / "real" / "data" / "roll.csv"
    roll.rename(tmp_path / "real" / "elsewhere.csv")
    roll.symlink_to(tmp_path / "real" / "elsewhere.csv")
    with pytest.raises(ParameterError, match=r"roll.csv: this is a link"):
        read_held(tmp_path / "real")


def test_what_cannot_be_added_to_is_said(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ParameterError, match=r"this is a file. Expected the folder of a package"):
        read_held(tmp_path / "file")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("x")
    with pytest.raises(ParameterError, match=r"this folder isn't empty and has no datapackage.json"):
        read_held(tmp_path / "full")
    write(tmp_path / "broken", only=["sources"])
    (tmp_path / "broken" / "data" / "sources.csv").write_text("source_id,kind\nS1\n")
    with pytest.raises(ParameterError, match=r"The package's own file must be mended"):
        read_held(tmp_path / "broken")


def test_a_table_kept_as_parquet_is_refused(tmp_path):
    import polars as pl

    (tmp_path / "data").mkdir()
    pl.DataFrame([example_row("sources")]).write_parquet(tmp_path / "data" / "sources.parquet")
    describe(tmp_path, resources=[{"name": "sources", "path": "data/sources.parquet"}])
    with pytest.raises(ParameterError, match=r"this table is kept as Parquet. Expected CSV"):
        read_held(tmp_path)


def test_nothing_is_held_by_a_folder_that_is_not_there_or_empty(tmp_path):
    assert read_held(tmp_path / "none") == read_held(tmp_path) == Held({})


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
ROWS = st.lists(st.tuples(st.sampled_from("abc"), TEXT, st.sampled_from(["S1", "S2"])), max_size=6)


@STEADY
@given(ROWS, ROWS)
def test_merging_again_adds_nothing_and_loses_no_key(first, second):
    def rows(parts):
        return {"roll": [row(voter_key=key * 32, unit=unit, source_id=source) for key, unit, source in parts]}

    held = Held({})
    for part in (first, second):
        planned = merge(held, rows(part), FILES)
        if planned.tables:
            held = Held({}, tables=planned.tables, columns=planned.columns)
    assert {each["voter_key"] for each in held.tables.get("roll", [])} == {key * 32 for key, _, _ in first + second}
    before = table_files(merge(Held({}), held.tables, FILES)) if held.tables else {}
    again = merge(held, rows(first + second), FILES)
    assert again.n_added.get("roll", 0) == 0
    assert {**before, **table_files(again)} == before
    assert writing.NAME == "datapackage.json"


@pytest.mark.parametrize("is_there", [False, True])
def test_what_another_import_wrote_meanwhile_is_not_written_over(tmp_path, is_there):
    if is_there:
        put(tmp_path / "p", {"roll": [row(voter_key="c" * 32)]})
    held = read_held(tmp_path / "p")
    put(tmp_path / "p", {"roll": [row(voter_key="b" * 32)]})
    before = files(tmp_path / "p")
    planned = merge(held, {"roll": [row()]}, FILES)
    data = table_files(planned)
    with pytest.raises(ParameterError, match=r"was changed while the import ran.*Import again"):
        commit(tmp_path / "p", held, data, described(held, data, {"name": "x"}))
    assert files(tmp_path / "p") == before


def test_a_stop_between_two_files_leaves_the_package_as_it_was(tmp_path, monkeypatch):
    put(tmp_path, {"roll": [row()]})
    before = files(tmp_path)
    whole = Path.replace

    def stopped(self, target):
        if Path(target).name == writing.NAME:
            raise KeyboardInterrupt
        return whole(self, target)

    monkeypatch.setattr(Path, "replace", stopped)
    with pytest.raises(KeyboardInterrupt):
        put(tmp_path, {"roll": [row(voter_key="b" * 32)]})
    assert files(tmp_path) == before

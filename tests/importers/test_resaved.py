import pytest
from imports import VOTES, bring, mapping_file, put, said

from analysis_lib.importers.resaved import find
from analysis_lib.importers.writing import Held

ROLL = """
    [[files.rows]]
    table = "roll_snapshots"
    once = true
    columns.snapshot_id = { value = "source" }
    columns.taken_at = { value = "taken_at" }
    columns.purpose = "marked_register"

    [[files.rows]]
    table = "roll"
    columns.snapshot_id = { value = "source" }
    columns.voter_key = { from = "Member", key = "member" }
    columns.eligible = "true"
"""
HEAD = "Member,When,What,Full name,Remarks"
ROWS = [f"A-{n},08/03/2031 19:{n:02d}:05,Voted,Ann Lee {n}," for n in range(20)]
COPY = {"taken_at": "2031-03-09T09:00:00Z"}


def text(rows, end="\n"):
    return end.join([HEAD, *rows, ""])


@pytest.fixture
def club(tmp_path):
    return mapping_file(tmp_path, VOTES + ROLL)


def told(club, folder, first, second, **options):
    bring(club, put(folder, "a.csv", first), into=folder / "p", **COPY)
    return said(bring(club, put(folder, "b.csv", second), into=folder / "p", **(COPY | options)).faults)


@pytest.mark.parametrize("second", [text(ROWS, "\r\n"), text(ROWS) + "\n", text([*ROWS[:-1], ROWS[-1].replace("A-19", "A-77")])])
def test_a_file_saved_again_is_told_with_the_source_it_repeats(club, tmp_path, second):
    line = told(club, tmp_path, text(ROWS), second)
    assert "warning resaved | b.csv: " in line
    assert "rows made of this file say what rows of source S" in line
    assert "make the package anew without it" in line


def test_two_files_of_one_import_are_compared_too(club, tmp_path):
    files = [put(tmp_path, "a.csv", text(ROWS)), put(tmp_path, "b.csv", text(ROWS, "\r\n"))]
    assert said(bring(club, *files, into=tmp_path / "p", **COPY).faults).count("warning resaved | b.csv") == 1


def test_other_rows_a_later_copy_and_a_log_that_grew_are_not_told(club, tmp_path):
    (tmp_path / "x").mkdir()
    (tmp_path / "y").mkdir()
    assert "resaved" not in told(club, tmp_path, text(ROWS[:10]), text(ROWS[5:]))
    assert "resaved" not in told(club, tmp_path / "x", text(ROWS), text(ROWS, "\r\n"), taken_at="2031-03-10T09:00:00Z")
    log = mapping_file(tmp_path / "y")  # its rows are joined by their ids, so none comes in twice
    assert "resaved" not in told(log, tmp_path / "y", text(ROWS), text([*ROWS, ROWS[0].replace("A-0", "A-90")]), taken_at="")


def ballots(source, ranks):
    return [
        {"contest_id": "v", "ballot_id": f"{source}{n}", "rank": str(rank), "candidate_id": name, "source_id": source}
        for n, (rank, name) in enumerate(ranks)
    ]


def test_ballots_that_cannot_be_told_apart_must_all_be_the_same():
    ranks = [(1, "ann"), (1, "bob")] * 30
    held = Held({}, tables={"sources": [{"source_id": "S1"}], "ballot_choices": ballots("S1", ranks)})
    sources = [{"source_id": "S2"}]
    for second, n in ((ranks[::-1], 1), ([*ranks, (1, "ann")], 0), (ranks[:-2], 0)):
        found = find(held, {"ballot_choices": ballots("S2", second), "sources": sources}, {"S2": "b.blt"})
        assert len(found) == n
    assert find(held, {"ballot_choices": ballots("S1", ranks)}, {"S1": "a.blt"}) == []


def test_what_two_kinds_of_file_tell_alike_is_not_told():
    ranks = [(1, "ann"), (1, "bob")] * 30
    held = Held({}, tables={"sources": [{"source_id": "S1", "kind": "db_dump"}], "ballot_choices": ballots("S1", ranks)})
    for kind, n in (("db_dump", 1), ("platform_export", 0)):
        incoming = {"ballot_choices": ballots("S2", ranks), "sources": [{"source_id": "S2", "kind": kind}]}
        assert len(find(held, incoming, {"S2": "b.blt"})) == n

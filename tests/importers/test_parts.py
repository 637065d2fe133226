import pytest
from imports import said, table

from analysis_lib.errors import ParameterError
from analysis_lib.importers import parts
from analysis_lib.importers.mapping import File, Join, Unpivot

JOIN = Join(file="voter", here="voter_id", there="id", take={"login": "voter_login_id"})


def a_file(**changes):
    return File(**({"name": "votes", "title": "votes"} | changes))


def keyed_member(column):
    rows = {"table": "roll", "columns": {"voter_key": {"from": column, "key": "member"}}}
    return a_file(rows=[rows])


def test_other_versions_names():
    file = a_file(aliases={"voter_id": ("voter", "owner")})
    assert parts.renamed(table([{"voter": "1"}]), file).cells.columns == ["voter_id"]
    assert parts.renamed(table([{"voter_id": "1", "voter": "2"}]), file).cells.columns == ["voter_id", "voter"]
    assert parts.renamed(table([{"voter": "1", "owner": "2"}]), file).cells.columns == ["voter_id", "owner"]


def test_columns_of_another_file():
    voters = table([{"id": "7", "voter_login_id": "A1"}, {"id": "7", "voter_login_id": "A9"}], "voter.csv")
    votes = table([{"voter_id": "7", "x": "a"}, {"voter_id": "8", "x": "b"}, {"voter_id": "7", "x": "c"}])
    found, faults = parts.joined(votes, [JOIN], {"voter": voters})
    assert found.cells["login"].to_list() == ["A1", "", "A1"]
    assert found.cells["x"].to_list() == ["a", "b", "c"]
    assert "votes.csv, column voter_id, row 3: this row's partner isn't in voter.csv" in said(faults)


def test_a_file_that_is_missing_or_lacks_the_column_is_asked_for():
    with pytest.raises(ParameterError, match=r"votes.csv: its rows can be read only together with the file voter"):
        parts.joined(table([{"voter_id": "7"}]), [JOIN], {})
    with pytest.raises(ParameterError, match=r"voter.csv: there is no column voter_login_id"):
        parts.joined(table([{"voter_id": "7"}]), [JOIN], {"voter": table([{"id": "7"}], "voter.csv")})


def test_rows_of_one_ballot():
    rows = table([{"e": "1"}, {"e": "2"}, {"e": "1"}])
    file = a_file(contest_column="e")
    with pytest.raises(ParameterError, match=r'the column e holds 2 ballots: "1", "2".*--rows-of 1'):
        parts.of_contest(rows, file, "")
    with pytest.raises(ParameterError, match=r"holds 2 ballots"):
        parts.of_contest(rows, file, "3")
    found, n_other = parts.of_contest(rows, file, "1")
    assert (found.rows.to_list(), n_other) == ([2, 4], 1)
    assert parts.of_contest(table([{"e": "1"}]), file, "")[1] == 0
    assert parts.of_contest(table([{"x": "1"}]), file, "9")[1] == 0


def test_a_column_of_names_taken_for_ballots_is_not_repeated():
    rows = table([{"e": "Ann Lee"}, {"e": "Moss,Bob"}, {"e": "ann@example.org"}, {"e": "vale_2031"}, {"e": "Ann Lee"}])
    with pytest.raises(ParameterError) as error:
        parts.of_contest(rows, a_file(contest_column="e"), "")
    told = str(error.value)
    assert not any(name in told for name in ("Ann", "Lee", "Moss", "Bob", "ann@"))
    assert "a value of 7 characters (letters and spaces), first in row 2" in told
    assert "--rows-of vale_2031" in told
    with pytest.raises(ParameterError, match=r"--rows-of ID"):
        parts.of_contest(table([{"e": "Ann Lee"}, {"e": "Bob Moss"}]), a_file(contest_column="e"), "")


def test_columns_into_rows():
    rows = table([{"name": "Ann", "Round 1": "5", "Round 2": ""}, {"name": "Bob", "Round 1": "3", "Round 2": "4"}])
    found = parts.unpivoted(rows, Unpivot(columns=r"^Round (\d+)$", name="round", value="n"))
    assert found.cells.rows(named=True) == [
        {"name": "Ann", "round": "1", "n": "5"},
        {"name": "Bob", "round": "1", "n": "3"},
        {"name": "Bob", "round": "2", "n": "4"},
    ]
    assert found.rows.to_list() == [2, 3, 3]
    assert parts.unpivoted(rows, Unpivot(columns="^X", name="x", value="n")).rows.len() == 0


def test_columns_nobody_knows_are_named():
    file = a_file(needs=("a",), unused={"b": "free text"})
    faults = parts.unknown_columns(file, table([{"a": "", "b": "", "c": "", "ann@example.org": ""}]))
    assert 'columns that the mapping doesn\'t know: "c", a value of 15 characters' in said(faults)
    assert parts.unknown_columns(file, table([{"a": "", "b": ""}])) == []


def test_nul_signs_are_taken_out_and_said():
    found, faults = parts.without_nul(table([{"a": "x"}, {"a": "y\0z"}]))
    assert found.cells["a"].to_list() == ["x", "yz"]
    assert "row 3: rows with NUL signs: 1, first here" in said(faults)


@pytest.mark.parametrize(
    ("numbers", "is_said"),
    [
        (["123456", "9912"], True),
        (["123456", "009912"], False),
        (["123456", "999999"], False),
        (["A123", "9"], False),
        ([""], False),
    ],
)
def test_zeros_that_a_spreadsheet_may_have_taken(numbers, is_said):
    faults = parts.zeros_lost(keyed_member("Member"), table([{"Member": number} for number in numbers]))
    assert ("a spreadsheet may have taken zeros away" in said(faults)) == is_said


def test_a_file_without_the_column_it_is_joined_by():
    voters = table([{"id": "7", "voter_login_id": "A1"}], "voter.csv")
    with pytest.raises(ParameterError, match=r"votes.csv: there is no column voter_id. Expected it, to join voter.csv by it"):
        parts.joined(table([{"x": "a"}]), [JOIN], {"voter": voters})


def test_strange_columns_of_a_heading_that_no_row_fits_are_counted_and_not_named():
    strange = table([{"Ann Bell": "1", "shoe": "2"}])
    assert '"Ann Bell", "shoe"' in said(parts.unknown_columns(a_file(), strange))
    empty = parts.filtered(strange, strange.rows < 0)
    assert "columns that the mapping doesn't know: 2. Expected" in said(parts.unknown_columns(a_file(), empty))

import pytest
from hypothesis import given
from hypothesis import strategies as st
from imports import VOTES, bring, mapping_file, put, said

from analysis_lib import cli
from analysis_lib.package import open_package
from analysis_lib.plaintext import inert

BRANCHES = VOTES + '    columns.batch_id = { from = "Remarks" }\n'
HEAD = "Member,When,What,Full name,Remarks\n"


@pytest.mark.parametrize(
    "text", ["=1+1", "=cmd|' /C calc'!A0", "@SUM(A1)", "+cmd|x", "-2+3+cmd|x", "=HYPERLINK(1)", "\uff1d1+1", "- none", "+1-a"]
)  # fmt: skip
def test_what_would_run_is_stilled(text):
    assert inert(text) == "'" + text
    assert inert(inert(text)) == inert(text)


@pytest.mark.parametrize(
    "text", ["", "-5", "+44 20 7946 0123", "+44 (0)20 7946-0123", "-1.5e-3", "+01:00", "-", "=", "a=b", "ann@example.org", "2031-03-01", "'=1"]
)  # fmt: skip
def test_numbers_times_and_plain_texts_stay(text):
    assert inert(text) == text


@given(st.text())
def test_no_text_comes_out_that_begins_a_formula(text):
    made = inert(text)
    assert made in (text, "'" + text)
    if made[:1] in ("=", "@"):
        assert not made[1:].strip()


def test_a_formula_comes_in_behind_an_apostrophe_and_is_told(tmp_path):
    club = mapping_file(tmp_path, BRANCHES.replace('unused = { Remarks = "free text" }', ""))
    rows = "A-1,08/03/2031 19:30:05,Voted,Ann Lee,=1+1\nA-2,08/03/2031 20:00:00,Voted,Bob Moss,-5\nA-3,08/03/2031 20:00:01,Voted,Cy Orr,@now\n"
    file = put(tmp_path, "v.csv", HEAD + rows)
    told = said(bring(club, file, into=tmp_path / "p").faults)
    assert "warning formula_text | v.csv, column Remarks, row 2: cells that begin as a formula does" in told
    assert "would run in a spreadsheet: 2, in rows 2, 4." in told
    package = open_package(tmp_path / "p")
    assert sorted(package.tables["ballot_events"]["batch_id"]) == ["'=1+1", "'@now", "-5"]
    assert sorted(package.tables["repairs"].select("column", "source_row", "repair").rows()) == [
        ("Remarks", 2, "other"),
        ("Remarks", 4, "other"),
    ]
    before = {path: path.read_bytes() for path in (tmp_path / "p").rglob("*.*")}
    bring(club, file, into=tmp_path / "p")
    assert {path: path.read_bytes() for path in (tmp_path / "p").rglob("*.*")} == before


def test_a_table_of_faults_runs_nothing(tmp_path, capsys):
    club = mapping_file(tmp_path)
    bring(club, put(tmp_path, "v.csv", HEAD + "A-1,08/03/2031 19:30:05,Voted,Ann Lee,\n"), into=tmp_path / "p")
    (tmp_path / "p" / "data" / "=x.csv").write_text("a\n1\n")
    cli.main(["check", str(tmp_path / "p"), "--format", "csv"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 1
    assert not any(cell[:1] in ("=", "@") for line in lines for cell in line.split(","))

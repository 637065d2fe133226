import io
import re

import pytest
from imports import EXPORTS, mapping, said
from openpyxl import Workbook

from analysis_lib.errors import ParameterError
from analysis_lib.importers.formats import READERS, TABLE, recognise
from analysis_lib.importers.mapping import MAPPINGS, find_mapping, platforms, read_mapping

TWO = """
    platform = "club"
    title = "Club"
    [[files]]
    name = "votes"
    title = "list of votes"
    needs = ["Member", "When"]
    [[files]]
    name = "long"
    title = "long list of votes"
    needs = ["Member", "When", "Where"]
    [[files]]
    name = "other"
    title = "other list"
    needs = ["When", "Member"]
    file_names = ["other*.csv"]
    [[files]]
    name = "log"
    title = "log"
    format = "lines"
    file_names = ["*.log"]
    options = { pattern = '^(?P<when>\\S+) (?P<what>.*)$' }
"""


@pytest.fixture
def club(tmp_path):
    return mapping(tmp_path, TWO)


def kinds(data, name, platform, wanted=""):
    return [part.file.name for part in recognise(data, name, platform, wanted).parts]


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("Member,When\n1,2\n", "a.csv", "votes"),
        ("Member,When,Where\n1,2,3\n", "a.csv", "long"),  # that which asks for most
        ("When;x;Member\n1;2;3\n", "a.txt", "votes"),
        ("2031-03-08T10:00 frozen\n", "a.log", "log"),
    ],
)
def test_a_file_is_known_by_its_columns(club, text, name, expected):
    assert kinds(text.encode(), name, club) == [expected]


def test_two_kinds_that_fit_alike_are_asked_about(club):
    with pytest.raises(
        ParameterError, match=r"other.csv: this may be votes \(list of votes\) or other \(other list\).*--as votes"
    ):
        kinds(b"Member,When\n1,2\n", "other.csv", club)
    assert kinds(b"Member,When\n1,2\n", "other.csv", club, "other") == ["other"]
    with pytest.raises(ParameterError, match=r'Club has no file vote. Expected one of.*Is "votes" meant\?'):
        kinds(b"Member,When\n1,2\n", "a.csv", club, "vote")


def test_a_file_that_is_none_of_them_says_what_it_looks_like(club):
    with pytest.raises(
        ParameterError,
        match=r"a.csv: this is none of the files known of Club. Its first row holds 2 cells that are no column name known here.*votes \(Member, When\)",
    ):
        kinds(b"Name,Age\n1,2\n", "a.csv", club)
    with pytest.raises(ParameterError, match=r"a.csv: the file is empty"):
        kinds(b"", "a.csv", club)


def test_no_cell_of_an_unknown_file_with_addresses_is_repeated(club):
    with pytest.raises(ParameterError) as caught:
        kinds(b"ann@example.org,07700 900123\nx,y\n", "a.csv", club)
    assert not re.search("ann|900123", str(caught.value))


def test_every_sheet_is_looked_at(club):
    book = Workbook()
    book.active.append(["Member", "When"])
    book.active.append(["A1", "x"])
    other = book.create_sheet("Notes")
    other.append(["Who", "Said"])
    out = io.BytesIO()
    book.save(out)
    found = recognise(out.getvalue(), "a.xlsx", club)
    assert [(part.file.name, part.table.name) for part in found.parts] == [("votes", "Sheet")]
    assert "a.xlsx, sheet Notes: none of the platform's lists has column names like those here" in said(found.faults)


def test_options_and_formats_that_do_not_exist_are_the_mappings_fault(tmp_path):
    platform = mapping(tmp_path, TWO.replace("options = { pattern", "options = { patern"))
    with pytest.raises(ParameterError, match=r"The format lines doesn't take these options"):
        kinds(b"x y\n", "a.log", platform)
    platform = mapping(tmp_path, TWO.replace('format = "lines"', 'format = "line"'))
    with pytest.raises(ParameterError, match=r"asks for the format line, which isn't known"):
        kinds(b"x y\n", "a.log", platform)


def test_every_mapping_asks_for_formats_that_exist():
    for path in platforms().values():
        assert {file.format for file in read_mapping(path).files} <= {TABLE, *READERS}


def test_the_readme_names_every_format():
    text = (MAPPINGS / "README.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in text for name in (TABLE, *READERS))


@pytest.mark.parametrize("name", ["voters", "log", "castvote", "voter", "voterfile", "election"])
def test_the_files_of_helios_are_told_apart(name):
    file = "helios_" * (name not in ("voters", "log")) + f"{name}.csv"
    assert kinds((EXPORTS / "helios" / file).read_bytes(), file, find_mapping("helios")) == [name]

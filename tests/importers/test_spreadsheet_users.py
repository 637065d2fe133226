"""What a clerk's spreadsheet does to a list: each damage is told with its place and its remedy, in words a clerk understands."""

import datetime as dt
import re
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO

import pytest
from imports import mapping_file
from openpyxl import Workbook

from analysis_lib import cli
from analysis_lib.package import open_package

CLERK = """
    platform = "vale_office"
    title = "The office's list of votes"
    traps = ["The list is kept by hand."]

    [clocks.office]
    zone = "Europe/London"
    basis = "stated_zone"

    [[files]]
    name = "votes"
    title = "list of votes"
    needs = ["Member number", "Voted at"]
    personal = { name = ["Name"] }
    unused = { Ballots = "how many papers were given out" }

    [[files.rows]]
    table = "ballot_events"
    when."Voted at" = { filled = true }
    id = ["Member number", "Voted at"]
    columns.at = { from = "Voted at", time = ["%d/%m/%Y %H:%M", "excel"], clock = "office" }
    columns.voter_key = { from = "Member number", key = "member" }
    columns.event = "cast"
    columns.channel = { from = "How", map = { post = "postal", hall = "in_person" } }
    columns.link_level = "voter_linked"

    [[files.left_out]]
    when."Voted at" = { filled = false }
    reason = "who didn't vote"
"""


def workbook(path):
    """A list as an office keeps it: nothing in row 1, names of groups in row 2, the columns' names in row 3, votes, a sum, a note."""
    book = Workbook()
    page = book.active
    page.title = "Votes"
    page.append([])
    page["A2"], page["C2"] = "Member", "Vote"
    page.append(["Member number ", "Name", "Voted at", "How", "Ballots"])
    page.append([17, "Ada Bellweather", dt.datetime(2031, 3, 8, 19, 30), "post", 1])  # noqa: DTZ001 - a spreadsheet knows no zone
    page.append([1204, "Ben Colebrook", 47915.8125, "post", 1])
    page.append(["1E+05", "Cora Deansgate", "08/03/2031 20:00", "hall", 1])
    page.append([990, "Dan Ellison", "08/03/2031 20:10", "hall", "#REF!"])
    page.append([20310308123456789, "Eve Frostick", "08/03/2031 20:15", "hall", 1])
    page.append([2201, "Finn Galeworth", "yesterday", "hall", 1])
    page.append([2202, "Gwen Hartwell", "08/03/2031 20:20", "by hand", 1])
    page.append(["Total", None, None, None, "=SUM(E4:E10)"])
    page.append(["Copied by the office on 9 March; two came late"])
    page.merge_cells("A2:B2")
    page.merge_cells("C2:E2")
    old = book.create_sheet("Old list")
    old.append(["Member number", "Name", "Voted at", "How"])
    old.append([17, "Ada Bellweather", "08/03/2031 19:30", "post"])
    old.sheet_state = "hidden"
    notes = book.create_sheet("Notes")
    notes.append(["To do", "By whom"])
    notes.append(["Ask the hall", "Mia Nunnery"])
    book.save(path)
    return path


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """The command's exit status, and what it says; every run of spaces as one."""
    folder = tmp_path_factory.mktemp("office")
    list_ = workbook(folder / "list.xlsx")
    arguments = ["import", str(mapping_file(folder, CLERK)), str(list_), "--into", str(folder / "vale")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "4000")  # so that no sentence is broken in two
        out, err = StringIO(), StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            status = cli.main([*arguments, "--contest", "vale_2031", "--timezone", "Europe/London"])
    return status, out.getvalue(), err.getvalue(), folder / "vale"


VOTES = "list.xlsx, sheet Votes"
PROMISED = [
    # severity, place, column, row, what is found, what to do
    ("warning", VOTES, "", "", "cells are merged: C2:E2, A2:B2", "If that isn't meant, unmerge them and import the file again"),
    ("warning", VOTES, "", "3", "the column names stand in row 3; what stands above them isn't read", "hand those over apart"),
    ("warning", VOTES, "", "3", 'spaces stand before or after the column names "Member number"', "nothing need be done"),
    ("warning", VOTES, "Member number", "", "a spreadsheet may have taken zeros away", "ask for the file again, unopened"),
    ("warning", VOTES, "Voted at", "5", "dates stand there as a spreadsheet's day numbers", "They are read as days since 1899-12-30"),
    ("error", VOTES, "Member number", "6", "in the form 1E+05: its digits are lost", "The row is left out"),
    ("warning", VOTES, "E", "7", "the cell holds an error of a formula", "Mend the formula, or write its value"),
    ("warning", VOTES, "A", "8", "a number has more than 15 digits", "Ask for the export as CSV"),
    ("warning", VOTES, "Voted at", "9", "can't be read as a time", "The row is kept without a time"),
    ("error", VOTES, "How", "10", "isn't among the words the mapping knows for channel", "Add the word to the mapping"),
    ("warning", VOTES, "", "11", "this looks like a row of totals", "The row is left out"),
    ("warning", VOTES, "", "12", "this looks like a note under the table", "The row is left out"),
    ("warning", "list.xlsx, sheet Old list", "", "", "the sheet is hidden", "Ask why it is hidden"),
    ("warning", "list.xlsx, sheet Notes", "", "", "none of the platform's lists has column names", "The sheet isn't read"),
]  # fmt: skip


def _messages(out):
    """The list of faults, a text for each: its place, and all its lines after it."""
    listed = out.split("FAULT\n", 1)[1].split("\n\n", 1)[0]
    messages = []
    for line in listed.splitlines():
        if line.startswith(("error ", "warning ")):
            messages.append(" ".join(line.split()))
        else:
            messages[-1] += " " + " ".join(line.split())
    return messages


@pytest.mark.parametrize(("severity", "place", "column", "row", "found", "remedy"), PROMISED)
def test_each_damage_is_told_with_its_place_and_its_remedy(told, severity, place, column, row, found, remedy):
    start = " ".join(part for part in (severity, place, row, column) if part)
    fitting = [line for line in _messages(told[1]) if line.startswith(start + " ") and found in line]
    assert len(fitting) == 1, (start, found)
    assert remedy in fitting[0]
    assert ". Expected " in fitting[0]


def test_nothing_else_is_told(told):
    status, out, err, _ = told
    assert len(_messages(out)) == len(PROMISED)
    assert "2 errors, 12 warnings" in out
    assert (status, err) == (1, "")


def test_no_message_asks_a_clerk_to_know_a_programmers_words(told):
    said = " ".join(_messages(told[1]))
    assert not re.search(
        r"%[a-zA-Z]|\b(NaN|null|None|dtype|regex|strptime|ISO|cell range|schema|parse)\b|Traceback|Error\b", said
    )


def test_no_message_holds_a_member(told):
    _, out, _, package = told
    written = "".join(path.read_text(encoding="utf-8") for path in package.rglob("*") if path.is_file())
    for person in (
        "Bellweather",
        "Colebrook",
        "Deansgate",
        "Ellison",
        "Frostick",
        "Galeworth",
        "Hartwell",
        "Nunnery",
        "20310308123456",
    ):
        assert person not in out
        assert person not in written


def test_dates_of_the_spreadsheet_come_in_as_the_moments_they_are(told):
    events = open_package(told[3]).tables["ballot_events"].sort("source_row")
    at = {row["source_row"]: str(row["at"]) for row in events.iter_rows(named=True) if row["source_row"] in (4, 5, 7)}
    assert at == {4: "2031-03-08 19:30:00+00:00", 5: "2031-03-08 19:30:00+00:00", 7: "2031-03-08 20:10:00+00:00"}


def test_what_is_read_and_what_is_left_out_is_counted(told):
    out = told[1]
    assert "list.xlsx, Votes: votes (list of votes); rows read: 7" in out
    assert "rows left out, with an error, for ballot_events: 2" in out
    assert "who didn't vote" not in out

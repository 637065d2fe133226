from imports import said

from analysis_lib.importers.grids import Grid, heading_place, raw_table


def grid(*rows, name=""):
    return Grid(name, "f.csv", tuple((number, cells) for number, cells in enumerate(rows, 1)))


def test_the_heading_is_where_the_names_are():
    found = grid(["Members of Vale", "", ""], ["Name", "Number", "Voted"], ["Ann", "1", "yes"])
    assert heading_place(found, lambda names: {"Number"} <= names) == 1
    assert heading_place(found) == 1  # a lone title is passed over
    assert heading_place(found, lambda names: {"Nought"} <= names) is None


def test_a_heading_below_the_first_row_is_said():
    read = raw_table(grid(["Members of Vale", ""], ["Name", "Number"], ["Ann", "1"]))
    assert read.tables[0].cells.rows() == [("Ann", "1")]
    assert read.tables[0].rows.to_list() == [3]
    assert "row 2: the column names stand in row 2; what stands above them isn't read" in said(read.faults)


def test_a_heading_of_several_rows_is_joined():
    found = grid(["", "", "First", "First"], ["", "", "Ann", "Bob"], ["County", "Precinct", ""], ["Vale", "1", "7", "8"])
    read = raw_table(found, lambda names: {"County", "Precinct"} <= names, 3)
    assert read.tables[0].cells.to_dicts() == [{"County": "Vale", "Precinct": "1", "First / Ann": "7", "First / Bob": "8"}]
    assert read.tables[0].rows.to_list() == [4]
    assert read.faults == ()


def test_rows_of_another_width_are_left_out_and_named():
    read = raw_table(grid(["a", "b"], ["1", "2", "3"], ["4"], ["5", "6"], ["7", "8", " "]))
    assert read.tables[0].cells.rows() == [("5", "6"), ("7", "8")]
    assert "error ragged | f.csv, row 2: the row has more cells than there are column names" in said(read.faults)
    assert "error ragged | f.csv, row 3: the row has fewer cells" in said(read.faults)


def test_a_column_twice_is_read_once_and_said():
    read = raw_table(grid(["a", "b", "a"], ["1", "2", "3"]))
    assert read.tables[0].cells.rows(named=True) == [{"a": "1", "b": "2"}]
    assert 'column a, row 1: the column "a" stands there 2 times' in said(read.faults)


def test_spaces_around_a_name_are_said_and_noted():
    read = raw_table(grid(["Member ", "b"], [" 12", "x"]))
    assert read.tables[0].cells.rows(named=True) == [{"Member": "12", "b": "x"}]
    assert 'spaces stand before or after the column names "Member"' in said(read.faults)
    assert [(r.row, r.column, r.repair) for r in read.repairs] == [(1, "Member", "trimmed"), (2, "Member", "trimmed")]


def test_a_row_of_totals_is_left_out_and_said():
    read = raw_table(grid(["Branch", "n"], ["North", "1"], ["Total", "1"]))
    assert read.tables[0].cells.rows() == [("North", "1")]
    assert "row 3: this looks like a row of totals" in said(read.faults)


def test_a_member_called_total_far_from_the_end_stays():
    rows = [["Total", str(n)] for n in range(10)]
    read = raw_table(grid(["Name", "n"], *rows))
    assert read.tables[0].cells.height == 5  # only the last five rows are looked at


def test_a_filled_column_without_a_name_is_said():
    read = raw_table(grid(["a", "", "c"], ["1", "2", "3"]))
    assert read.tables[0].cells.columns == ["a", "c"]
    assert "1 column with cells filled in has no name" in said(read.faults)


def test_a_note_under_the_table_is_left_out_and_named():
    rows = [["No", "Name", "At"], ["1", "Ann", "x"], ["Total", "1", ""], ["Copied by the office", "", ""], ["Seen", "", ""]]
    read = raw_table(grid(*rows[:4]))
    assert read.tables[0].cells.height == 1
    lines = said(read.faults)
    assert "warning totals_row | f.csv, row 3" in lines
    assert "warning note_row | f.csv, row 4: this looks like a note under the table" in lines
    assert "office" not in lines
    read = raw_table(grid(*rows))  # a word alone may be a record, and what stands above it is then no note at the end
    assert read.tables[0].rows.to_list() == [2, 4, 5]


def test_a_heading_that_no_row_fits_is_not_repeated():
    read = raw_table(grid(["No", "Name", "1", "Ann Bell ", "Ann Bell "], ["2", "Bo"]))
    assert "stands there 2 times" in said(read.faults)
    assert "Bell" not in said(read.faults)

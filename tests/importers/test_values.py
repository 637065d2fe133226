import pytest
from imports import KEY, mapping, said, setting, table

from analysis_lib.errors import ParameterError
from analysis_lib.importers.apply import apply
from analysis_lib.importers.mapping import Cell, Clock, Condition
from analysis_lib.importers.values import fits, make
from analysis_lib.schema import load_schema

BALLOTS = load_schema("ballot_events")


def column(cell, rows, target="event", schema=BALLOTS, **settings):
    found = make(Cell.model_validate(cell), table(rows), schema.field(target), setting(**settings), len(rows))
    return found.values.to_list(), found


def test_where_a_text_comes_from():
    rows = [{"a": "x", "b": "y"}, {"a": "", "b": "z"}]
    assert column("cast", rows)[0] == ["cast", "cast"]
    assert column({"from": "a"}, rows)[0] == ["x", ""]
    assert column({"from": "none"}, rows)[0] == ["", ""]
    assert column({"join": ["a", "b"], "with": " / "}, rows)[0] == ["x / y", "z"]
    assert column({"value": "contest"}, rows)[0] == ["vale", "vale"]
    assert column({"value": "source"}, rows)[0] == ["S1", "S1"]
    assert column({"value": "row"}, rows)[0] == ["2", "3"]
    assert column({"value": "n_rows"}, rows)[0] == ["2", "2"]
    assert column({"value": "file"}, rows)[0] == ["votes.csv", "votes.csv"]


def test_a_part_of_a_text():
    rows = [{"a": "Voter password/ A1 removed"}, {"a": "frozen"}]
    assert column({"from": "a", "part": "/(.*) removed"}, rows)[0] == ["A1", ""]


def test_words_become_ours_and_a_strange_one_costs_the_row():
    rows = [{"a": "VOTED "}, {"a": ""}, {"a": "perhaps"}]
    values, found = column({"from": "a", "map": {"Voted": "cast"}}, rows)
    assert values == ["cast", "", ""]
    assert found.bad.to_list() == [False, False, True]
    assert said(found.faults) == (
        "error unknown_word | votes.csv, column a, row 4: a value of 7 characters (letters) isn't among the words the mapping knows for event. "
        'Expected one of "Voted". The row is left out. Add the word to the mapping, or ask what it means.'
    )


def test_a_strange_word_of_a_personal_column_is_not_repeated():
    _, found = column({"from": "a", "map": {"Voted": "cast"}}, [{"a": "Annabel"}], private=frozenset({"a"}))
    assert "Annabel" not in said(found.faults)
    assert "a value of 7 characters (letters)" in said(found.faults)


def test_a_default_takes_every_other_word_and_blanks_may_have_their_own():
    rows = [{"a": "yes"}, {"a": ""}]
    assert column({"from": "a", "map": {"": "false"}, "default": "true"}, rows)[0] == ["true", "false"]
    assert column({"from": "a", "map": {"no": "false"}, "default": "true"}, rows)[0] == ["true", "true"]


def test_numbers_lose_their_separators_and_that_is_noted():
    rows = [{"a": text} for text in ("1,234", "0,5", "12", "1 234 567", "x")]
    values, found = column({"from": "a", "number": True}, rows)
    assert values == ["1234", "0.5", "12", "1234567", "x"]  # the check of the table finds the last
    assert [(r.row, r.repair) for r in found.repairs] == [
        (2, "thousands_separator"),
        (5, "thousands_separator"),
        (3, "decimal_comma"),
    ]


def test_keys():
    rows = [{"a": "a-1"}, {"a": ""}]
    assert column({"from": "a", "key": "member"}, rows)[0] == [KEY.key("member", "A1"), ""]
    assert column({"from": "a", "key": "ip_prefix"}, [{"a": "192.0.2.9"}])[0] == [KEY.key("ip_prefix", "192.0.2.0")]


def test_a_number_whose_digits_are_lost_gives_no_key():
    _, found = column({"from": "a", "key": "member"}, [{"a": "1E+05"}, {"a": "1,2e+7"}, {"a": "E5"}])
    assert found.bad.to_list() == [True, True, False]
    assert "in the form 1E+05: its digits are lost" in said(found.faults)


def test_classes_and_comparisons():
    rows = [{"a": "ann@gmail.com", "b": "ann@gmail.com"}, {"a": "ann@gmail.com", "b": "Ann@Gmail.com"}, {"a": "", "b": "x@x.org"}]
    assert column({"from": "a", "domain_class": True}, rows)[0] == ["free_webmail", "free_webmail", "missing"]
    assert column({"from": "a", "equals": "b"}, rows)[0] == ["true", "false", "false"]
    assert column({"join": ["a", "b"], "edit_class": "email"}, rows)[0] == ["formatting_only", "formatting_only", "added"]


def test_the_class_of_an_edit_goes_by_names_where_they_are_held():
    rows = [
        {"a": "ann.lee@x.org", "b": "bob.moss@x.org", "n": "Ann", "m": "Lee"},
        {"a": "bob.moss@x.org", "b": "rob@x.org", "n": "Bob", "m": "Moss"},
    ]
    assert column({"join": ["a", "b"], "edit_class": "email"}, rows)[0] == ["other", "other"]
    assert column({"join": ["a", "b"], "edit_class": "email", "names": ["n", "m"]}, rows)[0] == ["different_person_name", "other"]


def test_names_may_stand_in_the_json_of_other_rows():
    rows = [
        {"a": '{"email":"ann.lee@x.org"}', "b": '{"email":"bob.moss@x.org"}'},
        {"a": "[]", "b": '{"first":"Bob","last":"Moss","email":""}'},
    ]
    cell = {"join": ["a", "b"], "json_key": "email", "edit_class": "email"}
    assert column(cell, rows)[0][0] == "other"
    assert column(cell | {"names": ["first", "last"]}, rows)[0][0] == "different_person_name"


def test_times_are_instants_with_their_doubts():
    texts = ["2031-10-26 01:30:00", "2031-03-30 01:30:00", "1970-01-01 00:00:00", "soon", "", "47915.8125"]
    values, found = column({"from": "a", "time": "iso", "clock": "server"}, [{"a": text} for text in texts], "at")
    assert values == ["2031-10-26T00:30:00Z", "", "", "", "", "2031-03-08T19:30:00Z"]
    lines = said(found.faults)
    assert 'row 3: "2031-03-30 01:30:00" never was: clocks went forward over it in Europe/London' in lines
    assert 'warning time_placeholder | votes.csv, column a, row 4: "1970-01-01 00:00:00" stands for no time at all' in lines
    assert (
        "warning time_unreadable | votes.csv, column a, row 5: a value of 4 characters (letters) can't be read as a time" in lines
    )
    assert "row 7: dates stand there as a spreadsheet's day numbers" in lines
    assert [(r.row, r.repair) for r in found.repairs] == [(7, "excel_date")]
    assert not found.bad.any()


def test_dates_of_two_orders_are_left_out():
    cell = {"from": "a", "time": "slashes", "clock": "server"}
    _, found = column(cell, [{"a": "13/02/2031 10:00"}, {"a": "02/13/2031 10:00"}], "at")
    assert found.bad.all()
    assert "some have the day first and some the month" in said(found.faults)
    _, found = column(cell, [{"a": "03/02/2031 10:00"}], "at")
    assert "--dates day-first or --dates month-first" in said(found.faults)
    values, found = column(cell, [{"a": "03/02/2031 10:00"}], "at", order="day_first")
    assert values == ["2031-02-03T10:00:00Z"]


def test_a_time_without_a_zone_is_never_taken_as_utc():
    clocks = {"server": Clock()}
    cell = {"from": "a", "time": "iso", "clock": "server"}
    with pytest.raises(ParameterError, match=r"votes.csv, column a: the times show no zone.*--server-zone"):
        column(cell, [{"a": "2031-03-08 10:00:00"}], "at", clocks=clocks)
    assert column(cell, [{"a": "2031-03-08T10:00:00Z"}], "at", clocks=clocks)[0] == ["2031-03-08T10:00:00Z"]


def test_a_midnight_that_all_rows_share_is_a_mark():
    rows = [{"a": "2031-03-08 00:00:00"}] * 5
    values, found = column({"from": "a", "time": "iso", "clock": "server"}, rows, "at")
    assert values == [""] * 5
    assert "stands for no time at all" in said(found.faults)
    assert column({"from": "a", "time": "iso", "clock": "server"}, rows[:4], "at")[0] == ["2031-03-08T00:00:00Z"] * 4


def test_a_date_is_the_day_of_its_place():
    values, _ = column(
        {"from": "a", "time": "iso", "clock": "server"}, [{"a": "2031-06-08 00:30"}], "joined_on", load_schema("roll")
    )
    assert values == ["2031-06-08"]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (["x", "y"], [True, True, False]),
        ({"not": ["x"]}, [False, True, True]),
        ({"matches": "^[xy]$"}, [True, True, False]),
        ({"filled": True}, [True, True, False]),
        ({"filled": False}, [False, False, True]),
    ],
)
def test_conditions(condition, expected):
    rows = table([{"a": "x"}, {"a": "y"}, {"a": ""}])
    assert fits({"a": Condition.model_validate(condition)}, rows).to_list() == expected


def test_all_conditions_must_hold_and_a_column_that_is_not_there_is_empty():
    rows = table([{"a": "x"}])
    filled = Condition(filled=True)
    assert fits({"a": filled, "b": filled}, rows).to_list() == [False]
    assert fits({}, rows).to_list() == [True]


def test_a_word_that_may_have_slipped_in_is_not_repeated(tmp_path):
    file = mapping(tmp_path).files[0]
    row = {"Member": "A-1", "When": "08/03/2031 19:30:05", "What": "", "Full name": "Ann Lee", "Remarks": ""}
    words = ["Ann Lee", "A-17", "Votd", "Lost", "Lost", "Lost"]
    lines = said(apply(file, table([row | {"Member": f"A-{n}", "What": word} for n, word in enumerate(words)]), setting()).faults)
    assert lines.count("unknown_word") == 6
    assert '"Votd" isn\'t among the words' in lines
    assert '"Lost" isn\'t among the words' in lines
    assert "Ann" not in lines
    assert "A-17" not in lines
    whens = ["Ann Lee", "A-17", "31/02/2031 10:00:00"]
    lines = said(apply(file, table([row | {"What": "Voted", "When": text} for text in whens]), setting()).faults)
    assert '"31/02/2031 10:00:00" can\'t be read as a time' in lines
    assert "Ann" not in lines
    assert "A-17" not in lines

"""The rules of cells and rows: what each bad value earns, what each good one becomes, and what is never repeated."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_package import STEADY, around, check, example_row

from analysis_lib import checks
from analysis_lib.reading import read_table
from analysis_lib.schema import ROW_RULES, TABLES, load_schema

BAD = [(table, field.name) for table in TABLES for field in load_schema(table).fields if field.example_bad]
PRIVATE = [
    (table, field.name)
    for table in TABLES
    for field in load_schema(table).fields
    if not field.is_public and field.name != "ballot_id"
]


def typed(table: str, column: str, cells: list[str]) -> list:
    """The values that cells of one column become."""
    schema = load_schema(table)
    rows = [example_row(table) | {column: cell} for cell in cells]
    frame = pl.DataFrame(rows, schema=dict.fromkeys(schema.names, pl.String))
    text, _ = read_table(frame.write_csv(quote_style="always").encode(), f"{table}.csv", schema)
    return checks.check_cells(text, schema)[0].typed[column].to_list()


def test_the_examples_break_no_rule(tmp_path):
    package, told = check(tmp_path)
    assert told == ""
    assert package.held == frozenset(TABLES)


@pytest.mark.parametrize(("table", "column"), BAD)
def test_the_bad_example_earns_the_promised_message(tmp_path, table, column):
    field = next(field for field in load_schema(table).fields if field.name == column)
    value, pattern = field.example_bad
    package, _ = check(tmp_path, {table: [example_row(table, **{column: value})]}, around(table))
    (fault,) = package.faults.filter(file=f"data/{table}.csv", column=column, severity="error").iter_rows(named=True)
    assert fault["row"] == 2
    assert re.search(pattern, f"{fault['found']}. Expected {fault['expected']}. {fault['remedy']}")
    assert package.tables[table].height == 0
    assert package.n_left_out[table] == 1


@pytest.mark.parametrize(
    ("column", "cell", "message"),
    [
        ("closes_at", "01/03/2031 09:00", '"01/03/2031 09:00" has no timezone. Expected ISO 8601 with an offset, e.g. 2031-'),
        ("closes_at", "2031-02-30T09:00:00Z", '"2031-02-30T09:00:00Z" isn\'t a date and time'),
        ("closes_at", "1899-12-30T00:00:00Z", "from 1900 to 2199"),
        ("closes_at", "2031-03-01", '"2031-03-01" isn\'t a date and time'),
        ("closes_at", "2031-03-01T24:00:00Z", "isn't a date and time"),
        ("closes_at", "2031-03-01T09:00:00 Europe/London", "has no timezone"),
        ("channel", "On line", 'Is "online" meant?'),
        ("grace_s", "5 minutes", '"5 minutes" isn\'t a whole number. Expected a whole number. Write digits only'),
        ("grace_s", "-5", '"-5" is too small. Expected at least 0 (seconds)'),
        ("grace_s", "1,000", '"1,000" isn\'t a whole number'),
        ("grace_s", "9" * 19, "isn't a whole number"),
        ("channel", "-WITHHELD", '"-WITHHELD" stands for a missing value (WITHHELD_BY_HOLDER). Expected a value: this column is'),
        ("channel", "x" * 100, "a value of 100 characters (letters) isn't allowed here"),
        ("channel", "Ann Lee", "a value of 7 characters (letters and spaces) isn't allowed here"),
        ("grace_s", "Ann Lee", "a value of 7 characters (letters and spaces) isn't a whole number"),
        ("grace_s", "Lee", "a value of 3 characters (letters) isn't a whole number"),
        ("grace_s", "Lee, Ann 2", "a value of 10 characters (digits and letters and spaces and other signs) isn't a whole"),
        (
            "closes_at",
            "after Ann Lee, 5",
            "a value of 16 characters (digits and letters and spaces and other signs) isn't a date",
        ),
        ("channel", "a\x1b[31m\u202eb", r'"a\x1b[31m\u202eb" isn' + "'t allowed here"),
        ("channel", "jane@example.org", "a value of 16 characters (letters and other signs) isn't allowed here"),
        ("channel", "020 7946 0123", "a value of the form 999 9999 9999 isn't allowed here"),
        ("channel", "9f2c41d07ab39f2c", "a value of 16 characters (digits and letters) isn't allowed here"),
    ],
)
def test_messages_say_what_was_found_expected_and_to_do(tmp_path, column, cell, message):
    _, told = check(tmp_path, {"contest_windows": [example_row("contest_windows", **{column: cell})]}, around("contest_windows"))
    assert f"contest_windows.csv, column {column}, row 2: " in told
    assert message in told


def test_a_zone_is_checked_and_the_nearest_named(tmp_path):
    _, told = check(tmp_path, {"contests": [example_row("contests", timezone="Europe/london")]})
    assert '"Europe/london" isn\'t allowed here. Expected an IANA time zone, e.g. Europe/London or UTC. Is "Europe/' in told


def test_every_zone_let_in_can_be_computed_with():
    instant = pl.Series([datetime(2031, 7, 1, tzinfo=UTC)])
    assert len(checks.zones()) > 400
    for zone in checks.zones():
        assert instant.dt.convert_time_zone(zone).dt.timestamp().to_list() == instant.dt.timestamp().to_list()


@pytest.mark.parametrize(
    ("table", "column", "cells", "values"),
    [
        ("results", "n", ["0", "007", "+5", "-1", "1.0", "1e3", "١", "", " 5"], [0, 7, 5, -1] + [None] * 5),
        ("results", "share", ["0.5", ".5", "1.", "5e-1", "0,5", "nan", "inf", "1e999", "50%"], [0.5, 0.5, 1.0, 0.5] + [None] * 5),
        ("contests", "comparison_only", ["true", "TRUE", "1", "False", "0", "yes", "T"], [True] * 3 + [False] * 2 + [None] * 2),
        ("sources", "obtained_at", ["2031-03-01", "2032-02-29", "2031-02-29"], [date(2031, 3, 1), date(2032, 2, 29), None]),
        ("sources", "obtained_at", ["2031-3-1", "1899-12-30", "01/03/2031"], [None] * 3),
    ],
)
def test_values_are_read_as_written_or_not_at_all(table, column, cells, values):
    assert typed(table, column, cells) == values


@STEADY
@given(
    st.datetimes(datetime(1901, 1, 1), datetime(2199, 12, 30)),  # noqa: DTZ001  (the zone is drawn by itself)
    st.integers(-14 * 60, 14 * 60),
    st.sampled_from(["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%dT%H:%M:%S,%f", "%Y-%m-%dT%H:%M"]),
    st.sampled_from(["colon", "plain", "hours", "Z"]),
)
def test_times_are_the_instants_python_makes_of_them(moment, minutes, form, style):
    minutes = {"hours": round(minutes / 60) * 60, "Z": 0}.get(style, minutes)
    local = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    text, offset = local.strftime(form), local.strftime("%z")
    written = {"colon": f"{offset[:3]}:{offset[3:]}", "plain": offset, "hours": offset[:3], "Z": "Z"}[style]
    expected = datetime.fromisoformat(text.replace(",", ".")).replace(tzinfo=local.tzinfo)
    assert typed("contest_windows", "opens_at", [text + written]) == [expected]


@pytest.mark.parametrize(("offset", "hour"), [("+14:00", 19), ("-14:00", 23), ("+15:00", None), ("+00:60", None), ("+0", None)])
def test_offsets_reach_fourteen_hours(offset, hour):
    (value,) = typed("contest_windows", "opens_at", [f"2031-03-01T09:00:00{offset}"])
    assert (value and value.hour) == hour


def test_coded_missing_values_stay_apart(tmp_path):
    codes = ["", "-WITHHELD", "-REDACTED", "-NOTRECORDED", "-UNKNOWN", "-UNKNOWN", "300"]
    rows = [example_row("contest_windows", window_id=f"W{place}", grace_s=code) for place, code in enumerate(codes)]
    left_out = example_row("contest_windows", window_id="W", channel="pigeon", grace_s="-UNKNOWN")
    package, _ = check(tmp_path, {"contest_windows": [*rows, left_out]})
    assert package.faults["rule"].to_list() == ["categories"]
    assert package.tables["contest_windows"]["grace_s"].to_list() == [None] * 6 + [300]
    grace = package.missingness.filter(table="contest_windows", column="grace_s")
    assert dict(grace.select("code", "n").rows()) == {
        "NOT_SUPPLIED": 1,
        "REDACTED_BEFORE_SUPPLY": 1,
        "SYSTEM_DOES_NOT_RECORD": 1,
        "UNKNOWN": 2,
        "WITHHELD_BY_HOLDER": 1,
    }


def test_a_thousand_faults_of_one_kind_are_fifty_lines_and_a_count(tmp_path):
    rows = [example_row("ballot_events", event_id=f"E{place}", at="2031-03-08T20:00:00") for place in range(1000)]
    package, told = check(tmp_path, {"ballot_events": rows})
    assert package.faults.height == 51
    assert "row 52: the same kind of fault stands in 950 more rows, the last of them row 1,001" in told
    assert package.n_left_out["ballot_events"] == 1000


@pytest.mark.parametrize(("table", "column"), PRIVATE)
def test_private_cells_are_never_repeated(tmp_path, table, column):
    # Doubled keys, cells of the wrong type and addresses in place of keys: whatever the fault, the cell isn't in it.
    for cell in ("secret-1234567", "jane.doe@example.org", "192.0.2.17", "2001:db8::17", "2031-13-01T00:00:00"):
        rows = [example_row(table) | {column: cell}] * 2
        package, told = check(tmp_path, {table: rows}, around(table))
        assert cell not in told
        assert package.tables[table].height == 0
        assert package.faults.filter(file=f"data/{table}.csv").height


@pytest.mark.parametrize("cell", ["jane.doe@example.org", "192.0.2.17", "2001:db8::17", "::1"])
def test_an_address_in_place_of_a_key_is_a_fault(tmp_path, cell):
    _, told = check(tmp_path, {"ballot_events": [example_row("ballot_events", ip_key=cell)]})
    assert "isn't a key but looks like an address, a number or a name in the clear. Expected a keyed hash" in told


@pytest.mark.parametrize(
    ("table", "changes", "message"),
    [
        ("contest_windows", {"opens_at": "2031-03-22T12:00Z", "closes_at": "2031-03-22T12:00:00+00:00"}, "opens_before_closes"),
        ("results", {"lo": "5", "hi": "4"}, 'lo is "5" and hi is "4". Expected lo not above hi'),
        ("results", {"item": "candidate", "candidate_id": ""}, "Expected a candidate_id wherever item is candidate"),
        (
            "results",
            {"n": "", "weighted_n": "", "share": "-UNKNOWN", "lo": "", "hi": ""},
            "Expected a figure in n, weighted_n, share, lo or hi, unless is_suppressed_for_privacy is true",
        ),
        ("results", {"item": "transfer", "to_candidate_id": ""}, "Expected a to_candidate_id wherever item is transfer"),
        ("sources", {"covers_from": "2031-03-12T12:00:00Z"}, "Expected covers_from before covers_to"),
        ("roll_changes", {"at_lo": "2031-03-08T20:00:01Z"}, "at_lo_not_after_at_hi"),
        ("contact_changes", {"at_lo": "2031-03-08T20:00:01Z"}, "Expected at_lo not after at_hi"),
        ("communications", {"sent_end_at": "2031-03-08T19:59:59Z"}, "Expected sent_at not after sent_end_at"),
        ("timeline", {"ends_at": "2031-03-10T18:00:00Z"}, "Expected starts_at not after ends_at"),
        ("complaints", {"outcome_at": "2031-03-09T10:14:59Z"}, "Expected received_at not after outcome_at"),
        ("responses", {"replied_at": "2031-04-09T09:00:00Z"}, "Expected put_at not after replied_at"),
        ("ballot_events", {"voter_key": ""}, 'link_level is "voter_linked" and nothing stands in voter_key, ballot_id'),
        ("ballot_events", {"link_level": "time_only"}, 'link_level is "time_only" and voter_key is a value of 12 characters'),
        ("ballot_events", {"link_level": "ballot_only"}, "link_level_true"),
        ("ballot_events", {"link_level": "ballot_only", "voter_key": "", "ballot_id": ""}, "link_level_true"),
        ("ballot_events", {"link_level": "time_only", "voter_key": "", "ballot_id": "B1"}, "link_level_true"),
    ],
)
def test_cells_of_one_row_must_agree(tmp_path, table, changes, message):
    package, told = check(tmp_path, {table: [example_row(table, **changes)]}, around(table))
    assert message in told
    assert package.n_left_out[table] == 1


@pytest.mark.parametrize(
    ("table", "changes"),
    [
        ("contest_windows", {"opens_at": "", "closes_at": "2031-03-22T12:00:00Z"}),
        ("results", {"lo": "5", "hi": "5"}),
        ("results", {"n": "", "share": "", "lo": "", "hi": "20"}),
        ("results", {"item": "ballots_voided", "candidate_id": ""}),
        ("results", {"share": "1", "share_dp": "6", "n": "0"}),
        ("results", {"n": "", "weighted_n": "", "share": "", "lo": "", "hi": "", "is_suppressed_for_privacy": "true"}),
        ("roll_changes", {"at_lo": "2031-03-08T20:00:00Z", "at_hi": "2031-03-08T20:00:00Z"}),
        ("communications", {"sent_end_at": ""}),
        ("ballot_events", {"link_level": "time_only", "voter_key": ""}),
        ("ballot_events", {"link_level": "ballot_only", "voter_key": "", "ballot_id": "B1"}),
        ("ballot_events", {"link_level": "credential_linked", "voter_key": ""}),
    ],
)
def test_cells_of_one_row_that_agree_are_left_alone(tmp_path, table, changes):
    assert check(tmp_path, {table: [example_row(table, **changes)]}, around(table))[1] == ""


def test_a_row_with_too_few_cells_is_only_that():
    schema = load_schema("sources")
    text, faults = read_table((",".join(schema.names) + "\nS1,rumour\n").encode(), "sources.csv", schema)
    assert [fault.rule for fault in faults] == ["ragged"]
    assert checks.check_cells(text, schema)[1] == []


def test_a_bad_cell_does_not_also_count_as_an_empty_one(tmp_path):
    row = example_row("results", n="many", share="", lo="", hi="", share_dp="")
    package, _ = check(tmp_path, {"results": [row]})
    assert package.faults["rule"].to_list() == ["type"]


def test_every_rule_in_words_has_its_arithmetic():
    assert set(ROW_RULES) == set(checks.ROW_CHECKS)


def ballots(*times: str, clock: str = "") -> list[dict[str, str]]:
    return [example_row("ballot_events", event_id=f"E{place}", at=at, clock_id=clock) for place, at in enumerate(times)]


@pytest.mark.parametrize(
    ("times", "clock"),
    [
        (["2031-03-08T20:00:00Z", "2031-06-08T20:00:00+00:00", "2031-06-08T20:00:00-00:00"], ""),  # all UTC
        (["2031-03-08T20:00:00+00:00", "2031-06-08T20:00:00+01:00", "2031-06-08T20:00+0100"], ""),  # London, winter and summer
        (["2031-03-30T00:59:59Z", "2031-03-30T02:00:00+01:00"], ""),  # London, a second apart at the change
        (["2031-03-08T20:00:00-08:00", "2031-06-08T20:00:00-07:00"], "C1"),  # the clock's own zone
        (["2031-03-08T20:00:00+05:30", "2031-06-08T20:00:00+05:30"], ""),  # one fixed offset
    ],
)
def test_one_clock_in_a_column_is_not_mixed(tmp_path, times, clock):
    clocks = [example_row("clocks", tz_used="America/Los_Angeles")]
    assert check(tmp_path, {"ballot_events": ballots(*times, clock=clock), "clocks": clocks})[1] == ""


def test_mixed_zones_are_a_warning_and_the_rows_stay(tmp_path):
    times = ["2031-06-08T20:00:00+01:00", "2031-06-08T21:00:00+01:00", "2031-06-08T20:00:00Z", "2031-06-08T22:00:00+02:00"]
    package, told = check(tmp_path, {"ballot_events": ballots(*times)})
    assert "warning mixed_zones | data/ballot_events.csv, column at, row 4: " in told
    assert "offsets +01:00 (2), +00:00 (1), +02:00 (1); 2, first here, don't fit the local time" in told
    assert package.tables["ballot_events"].height == 4


def test_two_offsets_of_one_season_are_mixed(tmp_path):
    _, told = check(tmp_path, {"ballot_events": ballots("2031-06-08T20:00:00+01:00", "2031-06-08T20:00:00Z")})
    assert "column at, row 3: one column has times with the offsets +00:00 (1), +01:00 (1); 1, first here" in told


HOSTILE = ["<script>alert(1)</script>", '=HYPERLINK("//x")', "$(id)", "{{7}}", "x" * 500, "Zoë 🗳 Ó Néill"]


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_passes_through_as_text(tmp_path, name):
    package, told = check(tmp_path, {"candidates": [example_row("candidates", display_name=name)]}, around("candidates"))
    assert told == ""
    assert package.tables["candidates"]["display_name"].to_list() == [name]


UNSEEN = ["a\nb", "a\tb", "\x1b[31m", "\u202eabc", "a\u200db", "\x07", "\x85", "a\u2066b"]


@pytest.mark.parametrize("cell", UNSEEN, ids=range(len(UNSEEN)))
def test_signs_that_are_not_seen_are_refused_and_escaped(tmp_path, cell):
    package, told = check(tmp_path, {"candidates": [example_row("candidates", display_name=cell)]}, around("candidates"))
    assert "error characters | data/candidates.csv, column display_name, row 2: " in told
    assert "holds signs that aren't seen. Expected text without tabs, control signs" in told
    assert told.replace("\n", "").isprintable()
    assert package.tables["candidates"].height == 0
    _, told = check(tmp_path, {"ballot_events": [example_row("ballot_events", voter_key=f"9f2c41d07ab3{cell}")]})
    assert "error characters | data/ballot_events.csv, column voter_key" in told


def test_sentences_may_have_lines_and_nothing_else(tmp_path):
    told = {}
    for cell in ("a\nb\r\nc", "a\tb", "a\rb"):
        told[cell] = check(tmp_path, {"sources": [example_row("sources", note=cell)]}, ("contests",))[1]
    assert told["a\nb\r\nc"] == ""
    assert "error characters" in told["a\tb"]
    assert "error characters" in told["a\rb"]


@pytest.mark.parametrize(("column", "most"), [("title", 500), ("note", 2000)])
def test_texts_have_a_greatest_length(tmp_path, column, most):
    assert check(tmp_path, {"sources": [example_row("sources", **{column: "x" * most})]}, ("contests",))[1] == ""
    package, told = check(tmp_path, {"sources": [example_row("sources", **{column: "x" * 100_000})]}, ("contests",))
    assert f"has too many characters. Expected at most {most:,} characters" in told
    assert len(told) < 1000
    assert package.tables["sources"].height == 0


@pytest.mark.parametrize(
    ("column", "cell"), [("actor_role", "Jane Doe"), ("channel", "1234567"), ("clock_id", "O'Neill"), ("link_level", "Doe")]
)
def test_a_name_or_number_in_a_wrong_column_of_a_table_about_persons_is_not_repeated(tmp_path, column, cell):
    rows = [example_row("ballot_events", **{column: cell})] * 2
    _, told = check(tmp_path, {"ballot_events": rows}, around("ballot_events"))
    assert f"column {column}, row 2: a value of " in told
    assert cell not in told


def test_a_misspelt_word_is_repeated_with_the_right_one(tmp_path):
    row = example_row("ballot_events", channel="On line", clock_id="C11")
    _, told = check(tmp_path, {"ballot_events": [row]}, around("ballot_events"))
    assert '"On line" isn\'t allowed here' in told
    assert 'Is "online" meant?' in told
    assert '"C11" isn\'t in clocks. ' in told
    assert 'Is "C1" meant?' in told


@pytest.mark.parametrize("column", ["voter_key", "ip_key", "credential_id"])
@pytest.mark.parametrize(
    "cell",
    ["jane.doe@example.org", "192.0.2.17", "2001:db8::17", "+44 20 7946 0123", "020-7946-0123", "Jane", "O'Neill", "1234567"],
)
def test_what_looks_personal_is_no_key(tmp_path, column, cell):
    links = {"voter_key": "voter_linked", "credential_id": "credential_linked"}
    row = example_row("ballot_events") | {"voter_key": "", "link_level": links.get(column, "time_only"), column: cell}
    _, told = check(tmp_path, {"ballot_events": [row]}, around("ballot_events"))
    assert "error personal_data | data/ballot_events.csv, column " + column in told
    assert cell not in told


@pytest.mark.parametrize(
    ("cell", "is_refused"), [("1", False), ("0412", False), ("jane@example.org", True), ("192.0.2.17", True)]
)
def test_a_ballot_may_have_a_number_and_no_address(tmp_path, cell, is_refused):
    row = example_row("ballot_events") | {"voter_key": "", "link_level": "ballot_only", "ballot_id": cell}
    _, told = check(tmp_path, {"ballot_events": [row]}, around("ballot_events"))
    assert ("error personal_data" in told) == is_refused

"""JSON of any kind becomes rows or faults; numbers stay as written; nothing of a record is repeated in a message."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reads import is_sound, table, told
from tiny_package import STEADY

from analysis_lib.errors import ParameterError
from analysis_lib.importers import structured
from analysis_lib.importers.structured import read_json, read_json_lines, read_lines, read_nist_log

LOG = {
    "@type": "EventLogging.ElectionEventLog",
    "GeneratedTime": "2031-03-09T20:00:00Z",
    "ElectionId": "example-2031",
    "Device": [
        {
            "@type": "EventLogging.Device",
            "Id": "D1",
            "Type": "ems",
            "Event": [
                {"@type": "EventLogging.Event", "Id": "3", "Sequence": "10", "TimeStamp": "2031-03-09T12:00:00Z",
                 "Type": "login", "Disposition": "success", "Severity": "info", "UserId": "officer-7", "Description": "log in"},
                {"@type": "EventLogging.Event", "Id": "4", "Sequence": "11", "TimeStamp": "2031-03-09T12:05:00Z",
                 "Type": "export", "Disposition": "failure"},
            ],
        },
        {"@type": "EventLogging.Device", "Id": "D2", "Type": "other", "OtherType": "mail server", "Event": []},
        {"@type": "EventLogging.Device", "Id": "D3", "Event": [{"@type": "EventLogging.Event", "Id": "1", "Type": "boot"}]},
    ],
}  # fmt: skip


def as_json(value: object) -> bytes:
    return json.dumps(value).encode()


def test_records_become_rows_with_texts_as_they_were_written():
    text = b"""[{"id": 007e0, "n": 1.10}]"""
    assert "line 1, character 10 on" in told(read_json(text, "v.json").faults)
    text = b"""{"data": {"voters": [
      {"id": 12, "n": 1.10, "big": 1E400, "name": {"first": "\\u00e9va", "last": null}, "tags": ["a", 2, true], "ok": false},
      {"id": 13, "log": [{"at": "x"}, {"at": "y", "who": ["p", "q"]}], "none": [], "tags": "z"}]}}"""
    read = read_json(text, "v.json", path="data.voters", name="voters")
    assert not read.faults
    made = table(read, "voters")
    assert made.rows.to_list() == [1, 2]
    first, second = made.cells.to_dicts()
    assert first == {
        "id": "12", "n": "1.10", "big": "1E400", "name.first": "éva", "name.last": "", "tags": "a; 2; true", "ok": "false",
        "log.1.at": "", "log.2.at": "", "log.2.who": "", "none": "",
    }  # fmt: skip
    assert (second["id"], second["log.1.at"], second["log.2.who"], second["none"]) == ("13", "x", "p; q", "")


def test_an_object_of_records_gives_its_keys_a_column():
    data = as_json({"7": {"email": "a"}, "9": {"email": None}, "11": "bare"})
    assert table(read_json(data, "v.json", key_column="id"), "records").cells.to_dicts() == [
        {"id": "7", "email": "a", "value": ""},
        {"id": "9", "email": "", "value": ""},
        {"id": "11", "email": "", "value": "bare"},
    ]
    assert "there is no list at the place that was named" in told(read_json(data, "v.json").faults)
    assert 'have a column "email" of their own' in told(read_json(data, "v.json", key_column="email").faults)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"[", "the file can't be parsed: it isn't JSON from line 1, character 2 on"),
        (b"[1,\n2,]", "from line 2, character 3 on"),
        (b'[{"a": NaN}]', "it holds NaN, which is no number of JSON"),
        (b'[{"a": -Infinity}]', "it holds -Infinity"),
        (b"[" * 100_000, "it is nested too deeply to be read"),
        (b"[1" + b"0" * 10_000 + b"]", "row 1: this record: it isn't an object"),
        (b'[{"a": 1}, {"member-77": 1, "member-77": 2}]', "row 2: this record: an object in it holds the same key twice"),
        (b'[{"a": {"b": 1, "b": 2}}]', "row 1: this record: an object in it holds the same key twice"),
        (b'[{"a": "\\ud800"}]', "row 1: this record: a text in it has a character that can't be written"),
        (b'[{"a": "\\u0000"}]', "row 1: this record: a text in it has a character"),
        (b'[{"\\udfff": 1}]', "row 1: this record: a text in it has a character"),
        (b'[{"a.b": 1, "a": {"b": 2}}]', "two values in it would come to stand in the same column"),
        (b'[{"a":' * 40 + b"1" + b"}]" * 40, "it is nested more than 32 levels deep"),
        (b"[]", "there is no record in it"),
        (b'[{"a": 1}, {}]', "row 2: this record: there is nothing in it"),
        (b"[7, null]", "row 2: this record: it isn't an object"),
        (b'[{"a": "\xff"}]', "byte 0xff in line 1 isn't UTF-8"),
        (b'"voters"', "there is no list at the place that was named"),
        (b"", "the file is empty. Expected a JSON file"),
    ],
)
def test_what_is_wrong_is_said(text, said):
    read = read_json(text, "v.json")
    assert said in told(read.faults)
    assert "77" not in told(read.faults)
    assert is_sound(read)


def test_a_bad_record_costs_no_other():
    read = read_json(b'[{"a": 1}, {"a": 1, "a": 2}, {"a": 3}]', "v.json")
    assert table(read, "records").rows.to_list() == [1, 3]
    assert told(read.faults).startswith(
        "error record | v.json, row 2: this record: an object in it holds the same key twice. Exp"
    )


@pytest.mark.parametrize("path", ["nowhere", "data.nowhere", "data.voters.deep", "twice"])
def test_a_place_that_is_not_there(path):
    data = b'{"data": {"voters": [{"a": 1}]}}' if path != "twice" else b'{"twice": [], "twice": [{"a": 1}]}'
    assert "the place that was named isn't in the file, or is twice" in told(read_json(data, "v.json", path=path).faults)


def test_records_may_not_be_too_wide(monkeypatch):
    monkeypatch.setattr(structured, "MOST_COLUMNS", 3)
    assert not read_json(as_json([{"a": 1, "b": 2, "c": 3}]), "v.json").faults
    assert "it has more than 3 values" in told(read_json(as_json([{"a": 1, "b": 2, "c": 3, "d": 4}]), "v.json").faults)
    assert "more than 3 columns between them" in told(read_json(as_json([{"a": 1, "b": 2}, {"c": 3, "d": 4}]), "v.json").faults)


def test_json_lines_keep_their_line_numbers():
    data = b'{"username": "a"}\r\n\r\n{"username": "b", "x": {"y": 1}}\nnot JSON\n[1]\n{"username": "c"}'
    read = read_json_lines(data, "extended_records.jsons")
    made = table(read, "records")
    assert made.rows.to_list() == [1, 3, 6]
    assert made.cells.rows() == [("a", ""), ("b", "1"), ("c", "")]
    assert "row 4: this record: it isn't JSON from line 1, character 1 on" in told(read.faults)
    assert "row 5: this record: it isn't an object. Expected a JSON object in each line" in told(read.faults)


def test_an_event_log_of_the_standard():
    read = read_nist_log(as_json(LOG), "log.json")
    made = table(read, "events")
    assert made.rows.to_list() == [1, 2, 3]
    first = made.cells.row(0, named=True)
    assert {key: text for key, text in first.items() if text} == {
        "Log.GeneratedTime": "2031-03-09T20:00:00Z", "Log.ElectionId": "example-2031", "Device.Id": "D1", "Device.Type": "ems",
        "Id": "3", "Sequence": "10", "TimeStamp": "2031-03-09T12:00:00Z", "Type": "login", "Disposition": "success",
        "Severity": "info", "UserId": "officer-7", "Description": "log in",
    }  # fmt: skip
    assert made.cells["Device.Id"].to_list() == ["D1", "D1", "D3"]
    assert [fault.column for fault in read.faults] == ["Sequence", "TimeStamp", "Disposition"]
    assert "warning nist_required | log.json, column Sequence, row 3: the event has none. Expected Id, Sequence" in told(
        read.faults
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"Device": None}, "this isn't an event log"),
        ({"@type": "EventLogging.ElectionEventLogDocumentation"}, "this isn't an event log"),
        ({"Device": ["D1"]}, "device 1 of the list isn't an object with a list Event"),
        ({"Device": [{"Id": "D1", "Event": "none"}]}, "device 1 of the list isn't an object with a list Event"),
        ({"Device": []}, "there is no record in it"),
        ({"Device": [{"Id": "D1", "Event": [7]}]}, "row 1: this record: it isn't an object"),
        (
            {"Device": [{"Id": "D1", "Event": [{"Disposition": "maybe"}]}]},
            'column Disposition, row 1: "maybe" isn\'t known. Expec',
        ),
    ],
)
def test_what_is_no_event_log(change, said):
    read = read_nist_log(as_json(LOG | change), "log.json")
    assert said in told(read.faults)
    assert is_sound(read)


def test_doubled_keys_of_an_event_are_seen():
    text = as_json(LOG).replace(b'"Sequence": "10"', b'"Sequence": "10", "Sequence": "12"')
    read = read_nist_log(text, "log.json")
    assert "row 1: this record: an object in it holds the same key twice" in told(read.faults)
    assert table(read, "events").rows.to_list() == [2, 3]


def test_lines_by_a_pattern():
    data = b"10:00 in ann\n\nBOOM ann@example.org 4471\n10:05 out\n"
    read = read_lines(data, "door.log", pattern=r"(?P<at>\d\d:\d\d) (?P<what>\w+)(?: (?P<who>\w+))?", name="door")
    made = table(read, "door")
    assert made.rows.to_list() == [1, 4]
    assert made.cells.rows() == [("10:00", "in", "ann"), ("10:05", "out", "")]
    assert "door.log, row 3: the line is a value of 25 characters" in told(read.faults)
    assert "ann" not in told(read.faults)
    none = read_lines(b"x\ny\n", "door.log", pattern="(?P<at>[0-9]+)")
    assert not none.tables
    assert "no line has the form expected. Expected lines of the form at" in told(none.faults)


@pytest.mark.parametrize(("pattern", "said"), [("(", "pattern: it can't be read"), ("[0-9]+", "pattern: it has no named group")])
def test_a_pattern_must_be_one(pattern, said):
    with pytest.raises(ParameterError, match=said):
        read_lines(b"x", "door.log", pattern=pattern)


def test_many_bad_lines_are_counted():
    read = read_lines(b"1\n" + b"x\n" * 300, "door.log", pattern="(?P<n>[0-9]+)")
    assert len(read.faults) == 51
    assert "250 more rows, the last of them row 301" in told(read.faults)


def test_a_large_file_is_read_in_reasonable_time():
    data = as_json([{"id": number, "email": f"m{number}@example.org", "unit": {"name": "North"}} for number in range(50_000)])
    start = time.perf_counter()
    assert table(read_json(data, "v.json"), "records").cells.height == 50_000
    assert time.perf_counter() - start < 10  # about a second; a machine shared by many is slower


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=20,
)


@STEADY
@given(st.one_of(st.binary(), VALUES.map(as_json), st.lists(VALUES).map(as_json)))
def test_any_bytes_give_rows_or_faults(data):
    for read in (
        read_json(data, "x"),
        read_json(data, "x", key_column="k"),
        read_json_lines(data, "x"),
        read_nist_log(data, "x"),
        read_nist_log(b'{"Device": ' + data + b"}", "x"),
        read_nist_log(b'{"Device": [{"Event": ' + data + b"}]}", "x"),
        read_lines(data, "x", pattern="(?P<a>.)(?P<b>.*)"),
    ):
        assert is_sound(read)


@STEADY
@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.text(st.characters(codec="ascii", min_codepoint=32))), min_size=1))
def test_flat_records_come_back_as_they_were(records):
    read = read_json(as_json(records), "x")
    rows = [{key: text for key, text in row.items() if text} for made in read.tables for row in made.cells.to_dicts()]
    assert rows == [{key: text for key, text in record.items() if text} for record in records if record]
    assert len(read.faults) == sum(not record for record in records) + (not any(records))

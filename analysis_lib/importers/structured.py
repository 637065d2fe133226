"""JSON, JSON lines, the event log of NIST SP 1500-101, and logs of one event a line: each as a table of texts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn

import polars as pl

from analysis_lib.errors import ParameterError
from analysis_lib.faults import WARNING, Fault, described, quoted, row_faults, shown
from analysis_lib.importers.plain_text import decoded, file_fault, refused, text_lines, text_table
from analysis_lib.importers.raw import Read

DEEPEST = 32  # levels within a record
MOST_COLUMNS = 2_000
LONGEST_LINE = 100_000
LONGEST_RECORD = 10_000_000  # characters
BETWEEN = "; "  # parts the values of a list that are joined in one cell
_NOT_WRITABLE = re.compile("[\x00\ud800-\udfff]")  # NUL, and halves of a character
_FIX = "Ask for the export again, or mend the file and note what was changed."

# NIST SP 1500-101, version 1: what a log, a device and an event may hold; the first five of an event are required.
LOG_FIELDS = ("GeneratedTime", "ElectionId", "Details")
DEVICE_FIELDS = ("Id", "Type", "OtherType", "Manufacturer", "Model", "Version", "HashType", "OtherHashType", "Details")
EVENT_FIELDS = (
    "Id", "Sequence", "TimeStamp", "Type", "Disposition", "OtherDisposition", "Severity", "UserId", "Hash", "Description", "Details",
)  # fmt: skip
EVENT_REQUIRED = EVENT_FIELDS[:5]
DISPOSITIONS = ("success", "failure", "na", "other")


class _Object(dict[str, Any]):
    """A JSON object that remembers whether a key stood in it twice."""

    is_doubled = False


class Unreadable(ValueError):
    """A record that can't become a row; the text says why."""


def _object(pairs: list[tuple[str, Any]]) -> _Object:
    made = _Object(pairs)
    made.is_doubled = len(made) < len(pairs)
    return made


def _no_number(word: str) -> NoReturn:
    raise Unreadable(f"it holds {word}, which is no number of JSON")


def parsed(text: str) -> Any:
    """Parse JSON strictly; numbers stay texts, as they were written.

    Raises
    ------
    ValueError
        It isn't JSON; the text of the error says where and why, and repeats nothing of what stands there.
    """
    try:
        return json.loads(text, object_pairs_hook=_object, parse_int=str, parse_float=str, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        raise Unreadable(f"it isn't JSON from line {error.lineno:,}, character {error.colno:,} on ({error.msg})") from None
    except RecursionError:
        raise Unreadable("it is nested too deeply to be read") from None


def _cell(value: Any) -> str:
    """Write a value without parts as the text of a cell."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    if _NOT_WRITABLE.search(text):
        raise Unreadable("a text in it has a character that can't be written")
    return text


def _leaves(value: Any, name: str, depth: int) -> Iterator[tuple[str, str]]:
    if depth > DEEPEST:
        raise Unreadable(f"it is nested more than {DEEPEST} levels deep")
    if isinstance(value, dict):
        if getattr(value, "is_doubled", False):
            raise Unreadable("an object in it holds the same key twice")
        for key, part in value.items():
            yield from _leaves(part, f"{name}.{_cell(key)}" if name else _cell(key), depth + 1)
    elif isinstance(value, list) and any(isinstance(part, (dict, list)) for part in value):
        for place, part in enumerate(value, start=1):
            yield from _leaves(part, f"{name}.{place}", depth + 1)
    elif isinstance(value, list):
        yield name, BETWEEN.join(_cell(part) for part in value)
    else:
        yield name, _cell(value)


def flattened(record: Mapping[str, Any]) -> dict[str, str]:
    """Write a record as one row: a part of a part is named a.b, values of a list are joined, its objects numbered from 1.

    Raises
    ------
    ValueError
        The record can't be a row: a key stands in it twice, it is too deep or too wide.
    """
    row: dict[str, str] = {}
    length = 0
    for name, text in _leaves(record, "", 0):
        length += len(text)
        if name in row:
            raise Unreadable("two values in it would come to stand in the same column")
        if len(row) >= MOST_COLUMNS or length > LONGEST_RECORD:
            raise Unreadable(f"it has more than {MOST_COLUMNS:,} values or {LONGEST_RECORD:,} characters")
        row[name] = text
    return row


def _rows_read(file: str, name: str, records: Sequence[tuple[int, Any]], expected: str, columns: Sequence[str] = ()) -> Read:
    """Make a table of numbered records; those that can't be rows are left out and listed."""
    rows, numbers, bad, reasons = [], [], [], []
    for number, record in records:
        try:
            if isinstance(record, str):
                record = parsed(record)
            if not isinstance(record, dict):
                raise Unreadable("it isn't an object")
            row = flattened(record)
            if not row:
                raise Unreadable("there is nothing in it")
            rows.append(row)
            numbers.append(number)
        except ValueError as error:
            bad.append(number)
            reasons.append(str(error))
    common = Fault(file=file, found="", expected=expected, remedy=_FIX, rule="record")
    faults = row_faults(common, pl.Series(bad, dtype=pl.Int64), lambda place: {"found": f"this record: {reasons[place]}"})
    if len({column for row in rows for column in row}) > MOST_COLUMNS:
        found = f"the records have more than {MOST_COLUMNS:,} columns between them"
        return refused(file_fault(file, found, "records that are alike", "Name the place of the list in the file.", "too_wide"))
    if not rows:
        faults.insert(0, file_fault(file, "there is no record in it", expected, _FIX, "empty"))
        return Read((), tuple(faults))
    return Read((text_table(name, file, rows, numbers, columns),), tuple(faults))


def _json(data: bytes, file: str) -> tuple[Any, Read]:
    """Parse a whole file; the `Read` holds its repairs, or the fault that leaves nothing to read."""
    text = decoded(data, file, "a JSON file")
    if isinstance(text, Fault):
        return None, refused(text)
    try:
        return parsed(text[0]), Read((), (), text[1])
    except ValueError as error:
        return None, refused(file_fault(file, f"the file can't be parsed: {error}", "a JSON file", _FIX, "json"))


def read_json(data: bytes, file: str, *, path: str = "", key_column: str = "", name: str = "records") -> Read:
    """Read a list of records.

    Parameters
    ----------
    data : bytes
        A whole JSON file.
    file : str
        Its name, for messages.
    path : str
        Where the list stands, as in "data.voters"; "" for the file itself.
    key_column : str
        Where an object of records stands in place of a list: the column that takes its keys.
    name : str
        The name of the table.
    """
    whole, start = _json(data, file)
    if start.faults:
        return start
    for step in path.split(".") if path else ():
        if not isinstance(whole, dict) or step not in whole or getattr(whole, "is_doubled", False):
            expected = f"one list of records at {quoted(path)}"
            return refused(file_fault(file, "the place that was named isn't in the file, or is twice", expected, _FIX, "path"))
        whole = whole[step]
    if isinstance(whole, dict) and key_column:
        if getattr(whole, "is_doubled", False):
            return refused(file_fault(file, "the object of records holds a key twice", "each key once", _FIX, "record"))
        parts = [part if isinstance(part, dict) else {"value": part} for part in whole.values()]
        if any(key_column in part for part in parts):
            found = f"the records have a column {quoted(key_column)} of their own"
            return refused(file_fault(file, found, "another name for the column of keys", "Change key_column.", "path"))
        whole = [_keyed(key, part, key_column) for key, part in zip(whole, parts, strict=True)]
    if not isinstance(whole, list):
        expected = "a list of records" + ("" if key_column else ", or an object of records and a name for the column of its keys")
        return refused(file_fault(file, "there is no list at the place that was named", expected, "Name the place.", "path"))
    read = _rows_read(file, name, list(enumerate(whole, start=1)), "a list of JSON objects")
    return Read(read.tables, read.faults, start.repairs)


def _keyed(key: str, part: Mapping[str, Any], key_column: str) -> _Object:
    made = _Object({key_column: key} | part)
    made.is_doubled = getattr(part, "is_doubled", False)
    return made


def read_json_lines(data: bytes, file: str, *, name: str = "records") -> Read:
    """Read one JSON object a line (.jsonl, .jsons); rows are line numbers, blank lines are passed over."""
    text = decoded(data, file, "a file with a JSON object in each line")
    if isinstance(text, Fault):
        return refused(text)
    lines = [(number, line) for number, line in enumerate(text_lines(text[0]), start=1) if line.strip()]
    read = _rows_read(file, name, lines, "a JSON object in each line")
    return Read(read.tables, read.faults, text[1])


def read_nist_log(data: bytes, file: str) -> Read:
    """Read an ElectionEventLog of NIST SP 1500-101 in JSON: one row an event, with its device and its log beside it.

    Event types are the vendor's own words. Columns of the device are named "Device.Id" and so on, those of the
    log "Log.GeneratedTime" and so on; an event's have the standard's names. Rows count events from the start.
    """
    whole, start = _json(data, file)
    if start.faults:
        return start
    expected = "an ElectionEventLog of NIST SP 1500-101 with a list Device"
    kind = str(whole.get("@type", "ElectionEventLog")) if isinstance(whole, dict) else ""
    devices = whole.get("Device") if isinstance(whole, dict) else None
    if not kind.endswith("ElectionEventLog") or not isinstance(devices, list) or whole.is_doubled:
        return refused(file_fault(file, "this isn't an event log", expected, "Ask for the log as JSON.", "nist"))
    log = {f"Log.{key}": whole[key] for key in LOG_FIELDS if key in whole}
    records: list[Any] = []
    faults = []
    for place, device in enumerate(devices, start=1):
        events = device.get("Event", []) if isinstance(device, dict) and not device.is_doubled else None
        if not isinstance(events, list):
            found = f"device {place:,} of the list isn't an object with a list Event"
            faults.append(file_fault(file, found, "devices as the standard has them", _FIX, "nist"))
            continue
        head = log | {f"Device.{key}": part for key, part in device.items() if key not in ("Event", "@type")}
        records += [_with_head(event, head) if isinstance(event, dict) else event for event in events]
    columns = [f"Log.{key}" for key in LOG_FIELDS] + [f"Device.{key}" for key in DEVICE_FIELDS] + [*EVENT_FIELDS]
    read = _rows_read(file, "events", list(enumerate(records, start=1)), "an event as the standard has it", columns)
    for table in read.tables:
        faults += _event_faults(file, table.cells, table.rows)
    return Read(read.tables, (*faults, *read.faults), start.repairs)


def _with_head(event: _Object, head: Mapping[str, Any]) -> _Object:
    made = _Object(head | {key: part for key, part in event.items() if key != "@type"})
    made.is_doubled = event.is_doubled or len(made) < len(head) + len(event) - ("@type" in event)
    return made


def _event_faults(file: str, cells: pl.DataFrame, rows: pl.Series) -> list[Fault]:
    faults = []
    for column in EVENT_REQUIRED:
        common = Fault(
            file=file,
            column=column,
            found="the event has none",
            expected=f"{', '.join(EVENT_REQUIRED)} in each event",
            remedy="Ask whether the system leaves it out, or the export does.",
            severity=WARNING,
            rule="nist_required",
        )
        faults += row_faults(common, rows.filter(cells[column] == ""), lambda _: {})
    is_odd = (cells["Disposition"] != "") & ~cells["Disposition"].is_in(DISPOSITIONS)
    odd = cells["Disposition"].filter(is_odd)
    common = Fault(
        file=file,
        column="Disposition",
        found="",
        expected="one of " + ", ".join(DISPOSITIONS),
        remedy="Ask what it means, and map it to one of them.",
        severity=WARNING,
        rule="nist_disposition",
    )
    return faults + row_faults(common, rows.filter(is_odd), lambda place: {"found": f"{shown(odd[place], True)} isn't known"})


def read_lines(data: bytes, file: str, *, pattern: str, name: str = "lines") -> Read:
    """Read a log of one event a line: the pattern's named groups become columns.

    Lines are matched as a whole. Blank ones are passed over; those that don't match are listed and left out.

    Raises
    ------
    ParameterError
        The pattern can't be read, or has no named group.
    """
    try:
        line_form = re.compile(pattern)
    except re.error as error:
        raise ParameterError(
            f"pattern: it can't be read ({error}). Expected a regular expression. Correct the mapping."
        ) from None
    if not line_form.groupindex:
        raise ParameterError("pattern: it has no named group. Expected one for each column, as in (?P<date>...). Name them.")
    text = decoded(data, file, "a text with an event in each line")
    if isinstance(text, Fault):
        return refused(text)
    records, numbers, bad, found = [], [], [], []
    for number, line in enumerate(text_lines(text[0]), start=1):
        if not line.strip():
            continue
        match = line_form.fullmatch(line) if len(line) <= LONGEST_LINE else None
        if match:
            records.append({key: part or "" for key, part in match.groupdict().items()})
            numbers.append(number)
        else:
            bad.append(number)
            found.append(described(line))
    common = Fault(
        file=file,
        found="",
        expected="lines of the form " + ", ".join(line_form.groupindex),
        remedy="Look the line up in the file; correct the pattern if it is an event.",
        rule="line_form",
    )
    faults = row_faults(common, pl.Series(bad, dtype=pl.Int64), lambda place: {"found": f"the line is {found[place]}"})
    if not records:
        faults.insert(0, file_fault(file, "no line has the form expected", common.expected, common.remedy, "line_form"))
        return Read((), tuple(faults), text[1])
    return Read((text_table(name, file, records, numbers, list(line_form.groupindex)),), tuple(faults), text[1])

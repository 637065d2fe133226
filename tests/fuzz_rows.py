"""Is a row of a file lost without a word? Counted apart from the readers: each row gives a row of a table, or a fault names it."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable

from analysis_lib.faults import Fault
from analysis_lib.importers import bel, delimited, spreadsheets
from analysis_lib.importers.apply import Applied
from analysis_lib.importers.formats import Part
from analysis_lib.importers.grids import heading_place
from analysis_lib.importers.register import Source

_MORE = "the same kind of fault stands in"  # the line that counts those above the fiftieth


def is_cut(faults: Iterable[Fault]) -> bool:
    """Whether there were more faults than are listed one by one."""
    return any(_MORE in fault.found for fault in faults)


def _lines(data: bytes) -> list[tuple[int, str]]:
    text = data.decode("utf-8-sig", "replace")
    return [(number, line) for number, line in enumerate(re.split("\r\n|\r|\n", text), start=1) if line.strip()]


def _ballot_lines(data: bytes) -> set[int]:
    """Lines of a ballot file after the first and before the line 0."""
    found: set[int] = set()
    lines = [(number, re.sub(r'^((?:[^"#]|"[^"]*(?:"|$))*)#.*', r"\1", line).strip()) for number, line in _lines(data)]
    lines = [(number, line) for number, line in lines if line]
    for number, line in lines[1:]:
        if line == "0":
            break
        if not line.startswith("-"):
            found.add(number)
    return found


def _records(data: bytes, path: str) -> int:
    whole = json.loads(data.decode("utf-8-sig"))
    for step in path.split(".") if path else ():
        whole = whole[step]
    return len(whole)


def _expected(part: Part, data: bytes, name: str) -> set[int]:
    """Give the number of every row that a file holds, as the part's format counts them."""
    match part.file.format:
        case "table":
            reader = spreadsheets if data.startswith(spreadsheets.MAGIC) else delimited
            grids = [grid for grid in reader.grids(data, name)[0] if grid.name == part.table.name]
            place = heading_place(grids[0], part.file.recognises)
            return {number for number, _ in grids[0].lines[place + 1 :]}
        case "json":
            return set(range(1, 1 + _records(data, part.file.options.get("path", ""))))
        case "jsonl" | "lines" | "belenios_records" | "civs_log":
            return {number for number, _ in _lines(data)}
        case "nist_log":
            devices = json.loads(data.decode("utf-8-sig"))["Device"]
            events = [device.get("Event", []) for device in devices if isinstance(device, dict)]
            return set(range(1, 1 + sum(len(each) for each in events if isinstance(each, list))))
        case "blt":
            return _ballot_lines(data)
        case "civs_ballots":
            rows = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""))
            return {number for number, row in enumerate(rows, start=1) if number > 1 and any(cell.strip() for cell in row)}
        case "belenios":
            named = enumerate(bel._members(data), start=1)
            return {number for number, member in named if re.fullmatch(r"[0-9a-f]{64}\.event\.json", member.name)}
    return set()


def lost_in_reading(name: str, data: bytes, source: Source) -> int:
    """Count rows of a file that are in no table and in no fault."""
    if is_cut(source.faults):
        return 0
    known = {fault.row for fault in source.faults} | {row for part in source.parts for row in part.table.rows}
    return sum(len(_expected(part, data, name) - known) for part in source.parts)


def lost_in_mapping(part: Part, done: Applied, said: list[Fault]) -> int:
    """Count rows of a table that gave no row of ours, aren't named and aren't among those left out with a reason."""
    if not part.file.every_row or is_cut(said):
        return 0
    known = {fault.row for fault in said}
    free = sum(n for reason, n in done.n_left_out.items() if not reason.startswith("with an error"))
    once = {rows.table for rows in part.file.rows if rows.once}
    for table, frames in done.rows.items():
        for frame in frames:
            if "source_row" in frame.columns:
                known |= {int(row) for row in frame["source_row"]}
            elif table not in once:
                free += frame.height
    return max(0, sum(row not in known for row in part.table.rows) - free)

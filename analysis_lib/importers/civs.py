"""What CIVS gives: the ballots as a table of ranks, and the poll's log."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from typing import Literal

import polars as pl

from analysis_lib.errors import ParameterError
from analysis_lib.faults import WARNING, Fault, row_faults
from analysis_lib.importers.plain_text import decoded, file_fault, refused, text_table
from analysis_lib.importers.raw import RawTable, Read
from analysis_lib.importers.structured import read_lines

NO_OPINION = ("No opinion", "-", "")  # exported; in an uploaded file; left empty
MOST_CELLS = 5_000_000
_LINE = r"(?P<time>[A-Z][a-z]{2} [A-Z][a-z]{2} [ 0-9][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2} [0-9]{4}) (?P<ip>\S+) (?P<message>.*)"
_RANK = re.compile(r"[0-9]{1,9}")
_FIX = "Ask for the ballots again, as CIVS writes them."
_EXPECTED = "a first line of candidates, and a line of ranks for each ballot"
COLUMNS = ("ballot", "candidate", "candidate_name", "rank", "cell", "tied_last")


def _ballot(cells: Sequence[str], is_highest_best: bool) -> list[tuple[int, int, str, bool]]:
    """Give the place, rank, cell and tied_last of each candidate the ballot has an opinion on."""
    held = [(place, int(cell), cell) for place, cell in enumerate(cells, start=1) if cell not in NO_OPINION]
    numbers = [number for _, number, _ in held]
    last = (min if is_highest_best else max)(numbers, default=0)
    is_tied = numbers.count(last) > 1
    return [
        (
            place,
            1 + sum(other > number for other in numbers) if is_highest_best else number,
            cell,
            is_tied and number == last,
        )
        for place, number, cell in held
    ]


def _direction(file: str, ballots: Sequence[Sequence[str]], is_highest_best: bool) -> list[Fault]:
    """Warn where the ties stand at the best rank: voters tie those they don't rank at the worst."""
    at_low = at_high = 0
    for cells in ballots:
        numbers = [int(cell) for cell in cells if cell not in NO_OPINION]
        if len(set(numbers)) > 1:  # one number for all says nothing
            at_low += numbers.count(min(numbers)) > 1
            at_high += numbers.count(max(numbers)) > 1
    at_best, at_worst = (at_high, at_low) if is_highest_best else (at_low, at_high)
    if at_best <= at_worst:
        return []
    best, other = ("highest", "lowest") if is_highest_best else ("lowest", "highest")
    found = f"{at_best:,} of {len(ballots):,} ballots give the {best} number to several candidates, {at_worst:,} the {other}"
    return [
        Fault(
            file=file,
            found=found,
            expected=f"ties at the worst rank, with the {best} number as the best",
            remedy=f'Ask which number is the best. If it is the {other}, as in proportional polls, set best to "{other}".',
            severity=WARNING,
            rule="civs_direction",
        )
    ]


def read_ballots(data: bytes, file: str, *, best: Literal["lowest", "highest"] = "lowest") -> Read:
    """Read the ballots: one row for each ballot and each candidate it has an opinion on.

    CIVS gives all candidates that a voter didn't rank one number, the worst; that is a tie for last and looks the same
    as a tie that was meant. Such rows are kept and marked in `tied_last`; leave them out to compare with a ballot file
    that lists only who was ranked. "No opinion" gives no row, and a ballot with no opinion at all one row without a
    candidate. CIVS shuffles the ballots, so their order means nothing.

    Parameters
    ----------
    data : bytes
        The file of ballots.
    file : str
        Its name, for messages.
    best : {"lowest", "highest"}
        Which number is the best. In polls in proportional mode CIVS turns the ranks round; then 1 is given to those
        not ranked. With "highest", `rank` is 1 plus the number of candidates above; `cell` is always as in the file.
    """
    if best not in ("lowest", "highest"):
        raise ParameterError(f'best: there is no "{best}". Expected lowest or highest. Correct the mapping.')
    text = decoded(data, file, "the ballots of a CIVS poll")
    if isinstance(text, Fault):
        return refused(text)
    try:
        lines = list(csv.reader(io.StringIO(text[0], newline=""), strict=True))
    except csv.Error:
        return refused(file_fault(file, "a quotation mark isn't closed as it should be", _EXPECTED, _FIX, "quoting"))
    names = [name.strip() for name in lines[0]]
    if len(names) * len(lines) > MOST_CELLS:
        found = f"there are {len(lines):,} lines for {len(names):,} candidates"
        return refused(file_fault(file, found, f"at most {MOST_CELLS:,} cells", "Check that these are the ballots.", "too_big"))
    if len(names) < 2 or not all(names) or len(set(names)) < len(names):
        found = f"the first line has {len(names):,} names, of which {len(set(names) - {''}):,} differ"
        return refused(file_fault(file, found, _EXPECTED, _FIX, "civs_head"))
    good, numbers, bad = [], [], []
    for number, line in enumerate(lines[1:], start=2):
        cells = [cell.strip() for cell in line]
        if not any(cells):
            continue
        if len(cells) != len(names):
            bad.append((number, f"the line has {len(cells):,} cells"))
        elif not all(cell in NO_OPINION or _RANK.fullmatch(cell) for cell in cells):
            bad.append((number, "a cell in it is neither a rank nor No opinion"))
        else:
            good.append(cells)
            numbers.append(number)
    common = Fault(file=file, found="", expected=f"{len(names):,} ranks", remedy=_FIX, rule="civs_ballot")
    faults = row_faults(common, pl.Series([row for row, _ in bad], dtype=pl.Int64), lambda place: {"found": bad[place][1]})
    if not good:
        return Read((), (*faults, file_fault(file, "there is no ballot in it", _EXPECTED, _FIX, "empty")), text[1])
    candidates = [{"candidate": f"{place}", "candidate_name": name} for place, name in enumerate(names, start=1)]
    tables = (
        _ballots(file, good, numbers, names, best == "highest"),
        text_table("candidates", file, candidates, [1] * len(names)),
    )
    return Read(tables, (*faults, *_direction(file, good, best == "highest")), text[1])


def _ballots(
    file: str, ballots: Sequence[Sequence[str]], numbers: Sequence[int], names: Sequence[str], is_highest_best: bool
) -> RawTable:
    records, rows = [], []
    for ballot, (cells, number) in enumerate(zip(ballots, numbers, strict=True), start=1):
        ranked = [
            {
                "ballot": f"{ballot}",
                "candidate": f"{place}",
                "candidate_name": names[place - 1],
                "rank": f"{rank}",
                "cell": cell,
                "tied_last": "true" if is_tied else "false",
            }
            for place, rank, cell, is_tied in _ballot(cells, is_highest_best)
        ] or [{"ballot": f"{ballot}", "rank": "1"}]
        records += ranked
        rows += [number] * len(ranked)
    return text_table("ballots", file, records, rows, COLUMNS)


def read_log(data: bytes, file: str) -> Read:
    """Read the log of a poll: time, address and message of each line, and of the message what it says and to whom.

    Times are the server's own, without a zone. `action` is the message up to a voter's key, without the poll's title.
    """
    read = read_lines(data, file, pattern=_LINE, name="log")
    tables = tuple(
        RawTable(
            table.name,
            table.file,
            table.cells.with_columns(
                pl.col("message").str.extract(r"\((E_[0-9a-f]+)\)").fill_null("").alias("poll"),
                pl.col("message")
                .str.replace(r"^(Election|Poll): .* \(E_[0-9a-f]+\) : ", "")
                .str.replace(r"\b(voter key) .*$", "$1")
                .alias("action"),
                pl.col("message").str.extract(r"\bvoter key (\S+)").fill_null("").alias("voter_key"),
            ),
            table.rows,
        )
        for table in read.tables
    )
    return Read(tables, read.faults, read.repairs)

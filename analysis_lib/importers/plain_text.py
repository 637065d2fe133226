"""What the readers of text formats share: bytes to text or a fault, and rows to a table of texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from analysis_lib.faults import Fault
from analysis_lib.importers.raw import RawTable, Read, Repair

MOST_BYTES = 256 * 2**20  # a text with more is a dump to be cut first, not an export of one contest
_MARK = b"\xef\xbb\xbf"
_AGAIN = "Ask for the file again, as the system writes it."


def file_fault(file: str, found: str, expected: str, remedy: str, rule: str) -> Fault:
    """Say what is wrong with a whole file."""
    return Fault(file=file, found=found, expected=expected, remedy=remedy, rule=rule)


def decoded(data: bytes, file: str, expected: str) -> tuple[str, tuple[Repair, ...]] | Fault:
    """Turn bytes into text, or say why that can't be done; a byte order mark is taken off and logged."""
    if len(data) > MOST_BYTES:
        remedy = "Cut the export to one contest, and read the parts one by one."
        found = f"the file has {len(data):,} bytes"
        return file_fault(file, found, f"{expected} of at most {MOST_BYTES:,} bytes", remedy, "too_big")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return file_fault(file, "the text is in UTF-16", f"{expected} in UTF-8", "Save it again as UTF-8.", "encoding")
    if (place := data.find(b"\0")) >= 0:
        line = data.count(b"\n", 0, place) + 1
        found = f"there is a NUL byte in line {line:,}: this isn't plain text, or it is in UTF-16"
        return file_fault(file, found, f"{expected} in UTF-8", _AGAIN, "encoding")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        found = f"byte 0x{data[error.start]:02x} in line {line:,} isn't UTF-8"
        return file_fault(file, found, f"{expected} in UTF-8", "Save it again as UTF-8, or ask for it again.", "encoding")
    if not text.strip():
        return file_fault(file, "the file is empty", expected, _AGAIN, "empty")
    return text, (Repair(1, "", "byte_order_mark"),) if data.startswith(_MARK) else ()


def text_lines(text: str) -> list[str]:
    """Part a text into lines as an editor counts them, whatever the system that wrote it."""
    return text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n")


def text_table(
    name: str, file: str, records: Sequence[Mapping[str, str]], rows: Sequence[int], columns: Sequence[str] = ()
) -> RawTable:
    """Make a table of records, "" where one lacks a column; `columns` come first, the others as they turn up."""
    names = list(dict.fromkeys([*columns, *(key for record in records for key in record)]))
    cells = {column: pl.Series(column, [record.get(column, "") for record in records], dtype=pl.String) for column in names}
    return RawTable(name, file, pl.DataFrame(cells), pl.Series("row", rows, dtype=pl.Int64))


def refused(fault: Fault) -> Read:
    """Give no table, and the reason."""
    return Read((), (fault,))

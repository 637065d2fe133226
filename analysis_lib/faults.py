"""What is wrong with a file: one line per fault, in words, and never a voter's key in them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import astuple, dataclass, replace
from difflib import get_close_matches
from typing import Any

import polars as pl

MOST_LISTED = 50  # faults of one rule in one column that get a line of their own; one more line counts the rest
MOST_CHARACTERS = 80  # of a cell that is quoted in a message
MOST_CODE = 40  # characters of a code or a number
ERROR, WARNING = "error", "warning"  # the row (or file) is left out; it is kept

FAULT_SCHEMA = {
    "file": pl.String,
    "column": pl.String,
    "row": pl.Int64,
    "found": pl.String,
    "expected": pl.String,
    "remedy": pl.String,
    "severity": pl.String,
    "rule": pl.String,
}

# Cells that must not be repeated wherever they stand: e-mail, network and telephone addresses, long keys.
_PRIVATE = re.compile(r"@|\b\d{1,3}(\.\d{1,3}){3}\b|(\d[ ()-]*){9,}|[0-9a-fA-F]{12,}|(?=\S*\d)(?=\S*[A-Za-z])[0-9A-Za-z+/=]{16,}")
_TWO_WORDS = re.compile(r"[^\W\d_][\W_]*[\s,][\W_]*[^\W\d_]")
_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([T ][\d:.,]*)? ?(Z|[+-]\d\d:?\d\d)?")
# Only a date or time may be shown by its form: of a key, the order of digits and letters would give away too much.
_DATE_LIKE = re.compile(r"[0-9TZ :./,+-]{1,40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong, and what to do about it.

    `row` is the file's: the header is row 1. It is null for a fault of the whole file, `column` is
    then empty as well. `expected` reads on after "Expected"; `remedy` is one or more sentences.
    """

    file: str
    column: str = ""
    row: int | None = None
    found: str
    expected: str
    remedy: str
    severity: str = ERROR
    rule: str


def quoted(text: str) -> str:
    """Put a cell in quotation marks: control characters escaped, at most `MOST_CHARACTERS` of it."""
    cut = text[:MOST_CHARACTERS] + "…" if len(text) > MOST_CHARACTERS else text
    safe = (char if char.isprintable() else char.encode("unicode_escape").decode() for char in cut)
    return f'"{"".join(safe)}"'


def described(text: str) -> str:
    """Say what kind of text it is, for a cell that may not be repeated."""
    if _DATE_LIKE.fullmatch(text):
        return f"a value of the form {re.sub('[0-9]', '9', text)}"
    kinds = {
        "digits": any(char.isdigit() for char in text),
        "letters": any(char.isalpha() for char in text),
        "spaces": any(char.isspace() for char in text),
        "other signs": any(not char.isalnum() and not char.isspace() for char in text),
    }
    held = " and ".join(kind for kind, is_held in kinds.items() if is_held)
    return f"a value of {len(text)} characters ({held})"


def shown(text: str, is_public: bool) -> str:
    """Quote a cell of a public column; of any other, and of what looks like a key or an address, say only its kind."""
    return quoted(text) if is_public and may_be_quoted(text) else described(text)


def may_be_quoted(text: str) -> bool:
    """Whether a text looks like no key and no address; a date does not."""
    start = text[: 4 * MOST_CHARACTERS]  # more isn't shown, and the search grows with the square of the length
    return bool(_DATE.fullmatch(start)) or not _PRIVATE.search(start)


def is_like_a_name(text: str) -> bool:
    """Whether a text has two words side by side, as a person's name has, or is too long for a code or a number."""
    return len(text) > MOST_CODE or bool(_TWO_WORDS.search(text))


def hint(text: str, known: Iterable[str]) -> str:
    """Name the known word nearest to `text`, as a question; empty if none is near."""
    words = {word.lower(): word for word in known}
    near = get_close_matches(text.strip().lower(), words, n=1) if len(text) <= MOST_CHARACTERS else []
    return f"Is {quoted(words[near[0]])} meant? " if near else ""


def row_faults(first: Fault, rows: pl.Series, change: Callable[[int], Mapping[str, str]]) -> list[Fault]:
    """Write out one rule's faults in one column: the first `MOST_LISTED` rows, and a last line that counts the rest.

    Parameters
    ----------
    first : Fault
        What all of them have in common.
    rows : Series
        The numbers of the rows at fault, as in the file, rising.
    change : callable
        Gives, for the position in `rows`, what differs from `first`.
    """
    faults = [replace(first, row=row, **change(place)) for place, row in enumerate(rows.head(MOST_LISTED))]
    if (more := rows.len() - MOST_LISTED) > 0:
        found = f"the same kind of fault stands in {more:,} more row{'s' * (more > 1)}, the last of them row {rows[-1]:,}"
        faults.append(replace(first, row=rows[MOST_LISTED], found=found))
    return faults


def fault_table(faults: Iterable[Fault]) -> pl.DataFrame:
    """Gather faults in a table, sorted by file, row and column; a fault of the whole file comes first."""
    table = pl.DataFrame([astuple(fault) for fault in faults], schema=FAULT_SCHEMA, orient="row")
    return table.sort("file", "row", "column", "rule", "found", nulls_last=False)


def message(fault: Mapping[str, Any]) -> str:
    """Say one row of the fault table as sentences: where, what was found, what was expected, what to do."""
    place = ", ".join(
        part
        for part in (fault["file"], fault["column"] and f"column {fault['column']}", fault["row"] and f"row {fault['row']:,}")
        if part
    )
    return f"{place}: {fault['found']}. Expected {fault['expected']}. {fault['remedy']}"

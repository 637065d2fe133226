"""The last look before anything is kept: does a name, address or number that came in stand in what is to be written?"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import product

import polars as pl

from analysis_lib.errors import ParameterError
from analysis_lib.faults import WARNING, Fault
from analysis_lib.importers.apply import Private
from analysis_lib.importers.pseudonyms import KEY_DIGITS, canonical
from analysis_lib.schema import load_schema

SHORTEST = 4  # characters of a text that is looked for
LONG = 8  # from here on a text is looked for inside words, too
MANY = 0.5  # share of a column's different cells that makes a chance likeness unlikely
_A_FEW = 3
_AT_ONCE = 50_000  # texts looked for in one go: all of a large roll at once would take a gigabyte
_MADE = rf"^(?:E?[0-9a-f]{{{KEY_DIGITS}}})?$"  # a key, or nothing
_DATE_LIKE = r"^[0-9TZ :./,+-]+$"
_PUBLIC_PEOPLE = ("candidate_id", "to_candidate_id")  # a candidate's name is public


def _wanted(private: Iterable[Private], region: str, exempt: set[str]) -> dict[str, set[tuple[str, bool]]]:
    """Give each text to look for with the source column it came from and whether a likeness by chance is likely: one word, few digits."""
    found: dict[str, set[tuple[str, bool]]] = defaultdict(set)
    for each in private:
        for text in each.texts:
            for form in {text.strip(), canonical(each.kind, text, region)}:
                plain = _plain(form)
                if len(plain) >= SHORTEST and plain not in exempt:
                    is_weak = plain.isalpha() or (plain.isdigit() and len(plain) < LONG)
                    found[plain].add((each.column, is_weak))
    return found


def _searched(tables: Mapping[str, pl.DataFrame]) -> dict[str, set[tuple[str, str]]]:
    """Give each different text that is to be searched, with the columns in which it stands."""
    places: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for table, frame in tables.items():
        types = {field.name: field.type for field in load_schema(table).fields}
        for name in frame.columns:
            if table == "candidates" or types.get(name, "string") != "string" or name in _PUBLIC_PEOPLE:
                continue
            cells = frame[name].filter(~frame[name].str.contains(_MADE))
            if name == "at_raw":
                cells = cells.filter(~cells.str.contains(_DATE_LIKE))
            for cell in cells.unique():
                places[_plain(cell)].add((table, name))
    return places


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _is_in(text: str, cell: str) -> bool:
    """Whether a text that stands in a cell stands there by itself: short ones as words, short numbers alone."""
    if cell == text or len(text) >= LONG:
        return True
    return not text.isdigit() and re.search(rf"(?<!\w){re.escape(text)}(?!\w)", cell) is not None


def _hits(wanted: Mapping[str, set[tuple[str, bool]]], cells: list[str]) -> Iterator[tuple[str, set[tuple[str, bool]]]]:
    """Give each cell in which something wanted stands, with the source columns it came from."""
    texts, looked_at = list(wanted), pl.Series(cells, dtype=pl.String)
    for start in range(0, len(texts), _AT_ONCE):
        inside = looked_at.str.extract_many(texts[start : start + _AT_ONCE], overlapping=True)
        for cell, found in zip(cells, inside, strict=True):
            if columns := {column for text in found if _is_in(text, cell) for column in wanted[text]}:
                yield cell, columns


def find(tables: Mapping[str, pl.DataFrame], private: Iterable[Private], region: str, exempt: Iterable[str]) -> list[Fault]:
    """Search every text cell of the tables that are about to be kept.

    Parameters
    ----------
    tables : mapping
        Texts, as they will be written.
    private : iterable
        What came in that may not come out.
    exempt : iterable of str
        Texts that are public: names of candidates, words of the mapping, what was typed on the command line.

    Returns
    -------
    list of Fault
        Warnings only: a single surname or short number that also stands in the tables, such as a town's name.

    Raises
    ------
    ParameterError
        A personal text stands there. The message says which column it came from and where it went, never the text.
    """
    wanted = _wanted(private, region, {_plain(text) for text in exempt})
    places = _searched(tables)
    counts: dict[tuple[str, str, str, bool], set[str]] = defaultdict(set)
    for cell, columns in _hits(wanted, list(places)):
        for (table, name), (column, is_weak) in product(places[cell], columns):
            counts[table, name, column, is_weak].add(cell)
    n_cells = Counter(place for where in places.values() for place in where)
    faults = []
    for (table, name, column, is_weak), cells in sorted(counts.items()):
        n = len(cells)
        if not is_weak or (n >= _A_FEW and n > MANY * n_cells[table, name]):
            raise ParameterError(
                f"Nothing was written: what stands in the source's column {column} would have come into {table}.{name} "
                f"in the clear; different cells: {n:,}. Expected keys in place of people. "
                f"In the mapping, give that column key = …, or don't use it for {name}."
            )
        faults.append(
            Fault(
                file=table,
                column=name,
                found=f"something in the source's column {column} is spelt like what stands here; different cells: {n:,}",
                expected="no name or number of a member",
                remedy="If they are names of places or words, nothing need be done. If not, correct the mapping.",
                severity=WARNING,
                rule="may_be_personal",
            )
        )
    return faults

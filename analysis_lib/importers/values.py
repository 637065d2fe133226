"""One column of our tables from the columns of an export: the text, its part, its code, its key or its instant."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

import polars as pl

from analysis_lib.errors import ParameterError
from analysis_lib.faults import ERROR, WARNING, Fault, hint, row_faults, shown
from analysis_lib.importers import structured, times
from analysis_lib.importers.edit_class import edit_class, name_index
from analysis_lib.importers.mapping import Cell, Clock, Condition
from analysis_lib.importers.pseudonyms import CaseKey, email_domain_class
from analysis_lib.importers.raw import RawTable, Repair
from analysis_lib.schema import Field

_THOUSANDS = re.compile(r"[+-]?[0-9]{1,3}([, \u00a0\u202f][0-9]{3})+(\.[0-9]+)?")
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]+,[0-9]+")
SCIENTIFIC = r"^[0-9]([.,][0-9]+)?[eE]\+[0-9]+$"  # a number whose digits are lost
_SURELY_A_WORD = 3  # rows in which a text stands that is no slip
_SAME_MIDNIGHT = 5  # rows that all hold one midnight: no clock gives that


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What the rows of one file have in common, and the secrets and choices with which they are made."""

    key: CaseKey
    platform: str
    contest_id: str
    source_id: str
    taken_at: str
    clocks: Mapping[str, Clock]
    order: str  # day_first, month_first or ""
    private: frozenset[str] = frozenset()  # columns whose cells may not be repeated in a message


@dataclass(frozen=True, slots=True)
class Column:
    """One column made: its texts, the rows that must be left out, and what there is to say."""

    values: pl.Series
    bad: pl.Series
    faults: tuple[Fault, ...] = ()
    repairs: tuple[Repair, ...] = ()
    readings: Mapping[str, times.Reading] | None = None


def changed(texts: pl.Series, change: Callable[[str], str]) -> pl.Series:
    """Apply a change once to each different text."""
    different = texts.unique()
    return texts.replace_strict(different, [change(text) for text in different], return_dtype=pl.String)


def fits(when: Mapping[str, Condition], table: RawTable) -> pl.Series:
    """Say which rows hold all conditions; a column the file doesn't have is empty."""
    mask = pl.repeat(True, table.rows.len(), dtype=pl.Boolean, eager=True)
    for name, condition in when.items():
        texts = column(table, name)
        if condition.among:
            mask = mask & texts.is_in(list(condition.among))
        if condition.none_of:
            mask = mask & ~texts.is_in(list(condition.none_of))
        if condition.matches:
            mask = mask & texts.map_elements(
                lambda text, pattern=re.compile(condition.matches): bool(pattern.search(text)), return_dtype=pl.Boolean
            )
        if condition.filled is not None:
            mask = mask & ((texts != "") == condition.filled)
    return mask


def column(table: RawTable, name: str) -> pl.Series:
    """Give a column's texts; all empty if the file doesn't have it."""
    if name in table.cells.columns:
        return table.cells[name]
    return pl.repeat("", table.rows.len(), dtype=pl.String, eager=True)


def origin(cell: Cell, table: RawTable, setting: Setting, n_rows: int) -> pl.Series:
    """Give the texts a cell starts from: those before they are keyed, coded or read as times."""
    n = table.rows.len()
    if cell.source:
        texts = column(table, cell.source)
    elif cell.join:
        parts = [column(table, name) for name in cell.join]
        texts = pl.Series([cell.between.join(filter(None, row)) for row in zip(*parts, strict=True)], dtype=pl.String)
    elif cell.value == "row":
        texts = table.rows.cast(pl.String)
    else:
        known = {
            "contest": setting.contest_id,
            "source": setting.source_id,
            "taken_at": setting.taken_at,
            "n_rows": str(n_rows),
            "part": table.name,
            "file": table.file,
        }
        texts = pl.repeat(known[cell.value] if cell.value else cell.literal, n, dtype=pl.String, eager=True)
    if cell.json_key:
        texts = changed(texts, lambda text: _member(text, cell.json_key))
    if cell.part:
        pattern = re.compile(cell.part)
        texts = changed(texts, lambda text: _bracketed(pattern, text))
    return texts


def _member(text: str, name: str) -> str:
    """Give one value of a JSON object; nothing where it has no such key, or the text isn't one."""
    try:
        whole = structured.parsed(text) if text else {}
    except ValueError:
        return ""
    found = whole.get(name) if isinstance(whole, dict) else ""
    return found if isinstance(found, str) else ""


def _not_json(cell: Cell, table: RawTable) -> list[Fault]:
    """Say which rows hold no JSON where it was expected, such as a text cut off at the column's end."""

    def is_broken(text: str) -> bool:
        try:
            return bool(text) and structured.parsed(text) is None
        except ValueError:
            return True

    broken = changed(column(table, cell.columns[0]), lambda text: "x" if is_broken(text) else "") == "x"
    return _told(
        table,
        broken,
        cell,
        lambda _: "what stands there isn't whole JSON",
        "a JSON object",
        "The row is kept without it. Ask whether the column was cut off when it was stored or exported.",
        severity=WARNING,
        rule="json_cell",
    )


def _bracketed(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return (found[1] or "").strip() if found else ""


def _told(
    table: RawTable, mask: pl.Series, cell: Cell, found: Callable[[str], str], expected: str, remedy: str, **more: str
) -> list[Fault]:
    """Write a fault for every row of `mask`; `found` is given the row's text of the first column the cell reads."""
    name = ", ".join(cell.columns)
    common = Fault(file=table.file, column=name, found="", expected=expected, remedy=remedy, **more)
    texts = column(table, cell.columns[0] if cell.columns else "").filter(mask)
    return row_faults(common, table.rows.filter(mask), lambda place: {"found": found(texts[place])})


def make(cell: Cell, table: RawTable, field: Field, setting: Setting, n_rows: int, whole: RawTable | None = None) -> Column:
    """Make one column of a table.

    Parameters
    ----------
    field : Field
        The column that is made.
    n_rows : int
        Rows of the file that fit, for the value n_rows.
    whole : RawTable, optional
        The file with the rows that don't fit, for the names of other members.
    """
    texts = origin(cell, table, setting, n_rows)
    none = pl.repeat(False, texts.len(), dtype=pl.Boolean, eager=True)
    made = _coded(cell, texts, table, field, setting) if cell.map else Column(texts, none)
    if cell.json_key:
        made = replace(made, faults=(*made.faults, *_not_json(cell, table)))
    if cell.edit_class:
        return replace(made, values=_edit(cell, table, setting, whole or table))
    if cell.equals:
        same = texts == column(table, cell.equals)
        return replace(made, values=same.map_elements(lambda is_so: "true" if is_so else "false", return_dtype=pl.String))
    if cell.number:
        return _number(cell, made, table)
    if cell.domain_class:
        return replace(made, values=changed(made.values, email_domain_class))
    if cell.key:
        return _keyed(cell, made, table, setting.key, setting.source_id)
    if cell.time:
        return _instants(cell, made.values, table, field, setting)
    return made


def _names(cell: Cell, table: RawTable) -> list[str]:
    """Give the member's name in each row: in its own columns, or in the JSON of what was before or is now."""
    if not cell.json_key:
        parts = [column(table, name) for name in cell.names]
        return [" ".join(filter(None, row)) for row in zip(*parts, strict=True)] or [""] * table.rows.len()

    def named(text: str) -> str:
        return " ".join(filter(None, (_member(text, key) for key in cell.names)))

    before, now = (changed(column(table, name), named).to_list() for name in cell.join)
    return [old or new for old, new in zip(before, now, strict=True)]


def _edit(cell: Cell, table: RawTable, setting: Setting, whole: RawTable) -> pl.Series:
    """Class each edit on its clear text, before any key is made, by the names that are held."""
    old, new = (
        origin(Cell(source=name, json_key=cell.json_key, part=cell.part), table, setting, 0).to_list() for name in cell.join
    )
    own, others = _names(cell, table), name_index(_names(cell, whole))
    edits = [*zip(old, new, own, strict=True)]
    classes = {
        (before, now, name): edit_class(cell.edit_class, before, now, own_name=name, others=others, region=setting.key.region)
        for before, now, name in {*edits}
    }
    return pl.Series([classes[edit] for edit in edits], dtype=pl.String)


def _keyed(cell: Cell, made: Column, table: RawTable, key: CaseKey, source_id: str) -> Column:
    """Make keys; a number such as 1E+05 has lost its digits, and many members would share its key."""
    kind = cell.key or "event"
    own = f" of {source_id}" if cell.per_file else ""
    values = changed(made.values, lambda text: key.key(kind, text and text + own))
    lost = made.values.str.contains(SCIENTIFIC)
    faults = _told(
        table,
        lost,
        cell,
        lambda _: "the number stands there in the form 1E+05: its digits are lost",
        "numbers as text, each as the platform wrote it",
        "The row is left out: many members may share this form. Ask for the file again, as no spreadsheet has saved it.",
        severity=ERROR,
        rule="digits_lost",
    )
    return replace(made, values=values, bad=made.bad | lost, faults=made.faults + tuple(faults))


def _coded(cell: Cell, texts: pl.Series, table: RawTable, field: Field, setting: Setting) -> Column:
    """Turn the platform's words into ours; a word the mapping doesn't have costs the row, and is said."""
    codes = {code.strip().casefold(): ours for code, ours in cell.map.items()}
    plain = texts.str.strip_chars().map_elements(str.casefold, return_dtype=pl.String)
    known = plain.is_in(list(codes)) | ((plain == "") & (cell.default is None))
    values = changed(plain, lambda text: codes.get(text, "" if not text and cell.default is None else cell.default or ""))
    if cell.default is not None:
        return Column(values, pl.repeat(False, texts.len(), dtype=pl.Boolean, eager=True))
    said = set() if setting.private & {*cell.columns} else _repeatable(texts.filter(~known), cell.map)
    listed = ", ".join(f'"{code}"' for code in cell.map if code)
    faults = _told(
        table,
        ~known,
        cell,
        lambda text: f"{shown(text, text in said)} isn't among the words the mapping knows for {field.name}",
        f"one of {listed}",
        "The row is left out. Add the word to the mapping, or ask what it means.",
        severity=ERROR,
        rule="unknown_word",
    )
    return Column(values, ~known, tuple(faults))


def _repeatable(texts: pl.Series, known: Mapping[str, str]) -> set[str]:
    """Give the words that a message may repeat; any other may be a name or number that slipped in from the next column."""
    counted = dict(texts.value_counts().iter_rows())
    return {text for text, n in counted.items() if hint(text, known) or (n >= _SURELY_A_WORD and not re.search("[0-9]", text))}


def _number(cell: Cell, made: Column, table: RawTable) -> Column:
    texts = made.values
    thousands = changed(texts, lambda text: "x" if _THOUSANDS.fullmatch(text) else "") == "x"
    commas = (changed(texts, lambda text: "x" if _DECIMAL_COMMA.fullmatch(text) else "") == "x") & ~thousands
    values = texts.set(thousands, None).fill_null(texts.str.replace_all(r"[, \u00a0\u202f]", ""))
    values = values.set(commas, None).fill_null(texts.str.replace(",", ".", literal=True))
    name = ", ".join(cell.columns)
    repairs = [Repair(row, name, "thousands_separator") for row in table.rows.filter(thousands)]
    repairs += [Repair(row, name, "decimal_comma") for row in table.rows.filter(commas)]
    return replace(made, values=values, repairs=made.repairs + tuple(repairs))


_PROBLEMS = {
    times.PLACEHOLDER: ("{} stands for no time at all", "a time at which something happened", "The row is kept without a time."),
    times.SKIPPED: (
        "{} never was: clocks went forward over it in {zone}",
        "a time that the clocks of its place showed",
        "The row is kept without a time. Ask which zone the server writes; it may be another.",
    ),
    times.UNREADABLE: (
        "{} can't be read as a time",
        "{forms}",
        "The row is kept without a time. Correct the time's form in the mapping, or ask what this is.",
    ),
    times.MIXED: (
        "{} is one of several dates of which some have the day first and some the month",
        "a column in which one of the two numbers is above 12, always in the same place",
        "The row is left out. Two exports may have been joined: ask for them apart, and import each with --dates.",
    ),
    times.UNDECIDED: (
        "{} may be day/month or month/day: nothing in this column tells which",
        "a column in which one of the two numbers is above 12, always in the same place",
        "The row is left out. Import the file again with --dates day-first or --dates month-first, as whoever supplied it says.",
    ),
}

_WITHOUT_ORDER = (times.UNDECIDED, times.MIXED)


def _instants(cell: Cell, texts: pl.Series, table: RawTable, field: Field, setting: Setting) -> Column:
    clock = setting.clocks[cell.clock]
    different = texts.unique().to_list()
    if not clock.zone and times.needs_zone(different, cell.time):
        raise ParameterError(
            f"{table.file}, column {', '.join(cell.columns)}: the times show no zone, and the mapping can't know it. "
            "Expected the zone in which the server writes. Ask whoever runs it, and import again with --server-zone, "
            "for instance --server-zone Europe/London."
        )
    zone = clock.zone or "UTC"
    readings = times.read_times(different, cell.time, zone, setting.order)
    readings = _without_constant(readings, texts, zone)
    place = ZoneInfo(zone)

    def instant(text: str) -> str:
        at = readings[text].at if text in readings else None
        if at is None:
            return ""
        return at.astimezone(place).date().isoformat() if field.type == "date" else times.written(at)

    faults: list[Fault] = []
    bad = pl.repeat(False, texts.len(), dtype=pl.Boolean, eager=True)
    for problem, (found, expected, remedy) in _PROBLEMS.items():
        mask = texts.is_in([text for text, reading in readings.items() if reading.problem == problem])
        forms = "a time such as " + " or ".join(dict.fromkeys(map(times.example, cell.time)))
        faults += _told(
            table,
            mask,
            cell,
            lambda text, found=found: found.format(shown(text, times.is_like_a_time(text)), zone=zone),
            expected.format(forms=forms),
            remedy,
            severity=ERROR if problem in _WITHOUT_ORDER else WARNING,
            rule=f"time_{problem}",
        )
        bad = bad | (mask if problem in _WITHOUT_ORDER else False)
    serial = texts.is_in([text for text, reading in readings.items() if reading.was_serial])
    repairs = [Repair(row, ", ".join(cell.columns), "excel_date") for row in table.rows.filter(serial)]
    if repairs:
        faults.append(
            Fault(
                file=table.file,
                column=", ".join(cell.columns),
                row=repairs[0].row,
                found=f"dates stand there as a spreadsheet's day numbers; rows like this one: {len(repairs):,}",
                expected="dates and times as the platform wrote them",
                remedy="They are read as days since 1899-12-30. Ask for the file as the platform gave it, before a spreadsheet opened it.",
                severity=WARNING,
                rule="excel_date",
            )
        )
    return Column(changed(texts, instant), bad, tuple(faults), tuple(repairs), readings)


def _without_constant(readings: dict[str, times.Reading], texts: pl.Series, zone: str) -> dict[str, times.Reading]:
    """Take a midnight that every row shares for what it is: a mark that there is a time, not a time."""
    if len(readings) != 1 or (texts != "").sum() < _SAME_MIDNIGHT:
        return readings
    ((text, reading),) = readings.items()
    local = reading.at.astimezone(ZoneInfo(zone)) if reading.at else None
    if local is None or reading.step == "day" or (local.hour, local.minute, local.second) != (0, 0, 0):
        return readings
    return {text: replace(reading, at=None, problem=times.PLACEHOLDER)}

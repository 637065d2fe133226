"""Tables of texts to the copies of a roll that `snapshots` compares: one table a copy, or a list of events."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache

import polars as pl

from analysis_lib.checks import MOST_SIGNS
from analysis_lib.errors import ParameterError
from analysis_lib.faults import WARNING, Fault, quoted, row_faults
from analysis_lib.importers.pseudonyms import canonical
from analysis_lib.importers.raw import RawTable
from analysis_lib.importers.snapshots import FIELDS, History, Member, Snapshot
from analysis_lib.privacy import is_personal
from analysis_lib.schema import load_schema

EVENTS = ("add_voter", "remove_voter", "set_address", "change_address", "clear_address")
REASONS = next(field for field in load_schema("roll_changes").fields if field.name == "reason").categories
_FIX = "Correct the file or ask for it again; until then the row is left out."


def _need(table: RawTable, columns: Iterable[str]) -> None:
    if absent := [name for name in columns if name not in table.cells.columns]:
        raise ParameterError(
            f"{table.file}: there is no column {', '.join(quoted(name) for name in absent)}. "
            "Expected the columns that the mapping names. Correct the mapping or ask for the columns."
        )


def snapshot(
    table: RawTable, taken_at: datetime, columns: Mapping[str, str], *, label: str = "", is_keyed: bool = False
) -> tuple[Snapshot, list[Fault]]:
    """Make a copy of the roll from a table.

    Parameters
    ----------
    table : RawTable
        One row a member.
    taken_at : datetime
        When the copy was made.
    columns : Mapping
        "member" and fields of `snapshots.FIELDS` -> columns of the table.
    label : str
        The copy's name or commit, for messages.
    is_keyed : bool
        Whether the members are keys already, and so mustn't be brought into the canonical form of a member's number.
    """
    fields = {name: column for name, column in columns.items() if name != "member"}
    if "member" not in columns or (unknown := sorted(set(fields) - set(FIELDS))):
        found = "no column is named for member" if "member" not in columns else f"there is no field {', '.join(unknown)}"
        raise ParameterError(f"columns: {found}. Expected member and any of {', '.join(FIELDS)}. Correct the mapping.")
    _need(table, columns.values())
    members: dict[str, Member] = {}
    blank, twice = [], []
    for number, row in zip(table.rows, table.cells.iter_rows(named=True), strict=True):
        text = row[columns["member"]]
        key = text.strip() if is_keyed else canonical("member", text)
        if not key:
            blank.append(number)
        elif key in members:
            twice.append(number)
        else:
            members[key] = {name: row[column].strip() for name, column in fields.items()}
            if "unit" in fields:
                members[key]["unit"] = plain_unit(members[key]["unit"])
    common = Fault(file=table.file, column=columns["member"], found="", expected="one row a member", remedy=_FIX, rule="member")
    faults = row_faults(common, pl.Series(blank, dtype=pl.Int64), lambda _: {"found": "no member is named"})
    repeated = "this member, in the form in which numbers are compared, stands in a row above as well"
    faults += row_faults(common, pl.Series(twice, dtype=pl.Int64), lambda _: {"found": repeated})
    return Snapshot(taken_at, members, label), faults + _odd_units(table, columns.get("unit", ""))


def plain_unit(text: str) -> str:
    """Give a unit as it may stand in a table; nothing for an address, for one with signs that aren't seen, or far too long."""
    is_odd = len(text) > MOST_SIGNS or any(unicodedata.category(sign) in ("Cc", "Cf", "Cs") for sign in text)
    return "" if is_odd or _is_personal(text) else text


@cache
def _is_personal(unit: str) -> bool:
    return bool(is_personal(pl.Series([unit], dtype=pl.String))[0])


def _odd_units(table: RawTable, column: str) -> list[Fault]:
    if not column:
        return []
    odd = [not plain_unit(cell.strip()) and bool(cell.strip()) for cell in table.cells[column]]
    common = Fault(
        file=table.file,
        column=column,
        found="the unit holds signs that aren't seen, looks like an address or number of a person, or is far too long",
        expected=f"the name of a branch or the like, on one line, of at most {MOST_SIGNS} characters",
        remedy="The member is kept without it. Correct the file, or ask for it again.",
        severity=WARNING,
        rule="unit",
    )
    return row_faults(common, table.rows.filter(pl.Series(odd, dtype=pl.Boolean)), lambda _: {})


def instant(text: str) -> datetime | None:
    """Read a time in ISO 8601 with its offset; null for anything else."""
    try:
        time = datetime.fromisoformat(text)
        return time.astimezone(UTC) if time.tzinfo else None
    except (ValueError, OverflowError):
        return None


def event_history(
    table: RawTable,
    *,
    at: str = "committed_utc",
    event: str = "event",
    voter: str = "voter",
    edit: str = "commit",
    reason: str = "",
) -> tuple[History, list[Fault]]:
    """Replay a list of events, each with the edit it was part of, into copies of the roll.

    Members are as the list names them, often made-up keys. An address is known to be there or not, and whether it is
    still the same, but not what it is; a column `has_address` (1 or 0) tells whether whoever is added has one.

    Parameters
    ----------
    table : RawTable
        One row an event, in order.
    at, event, voter, edit : str
        The columns of the time (ISO 8601 with its offset), the event (one of `EVENTS`), the voter, and the edit.
    reason : str
        The column of the reason on file, a word of roll_changes.reason; empty: none is held.
    """
    _need(table, (at, event, voter, edit))
    has_addresses = "has_address" in table.cells.columns or not table.cells[event].str.contains("address").not_().all()
    members: dict[str, Member] = {}
    reasons: dict[str, str] = {}
    copies: list[Snapshot] = []
    bad: list[tuple[int, str]] = []
    last: tuple[datetime, str] | None = None  # time and name of the edit whose events are being replayed
    n_values = 0
    for number, row in zip(table.rows, table.cells.iter_rows(named=True), strict=True):
        time, kind, key = instant(row[at]), row[event], row[voter].strip()
        if misfit := _misfit(time, kind, key, members):
            bad.append((number, misfit))
            continue
        if last and last[1] != row[edit]:
            copies.append(Snapshot(last[0], dict(members), last[1], reasons))
            reasons = {}
        last = (time, row[edit])
        if said := (row.get(reason) or "").strip():
            reasons[key] = said if said in REASONS else ""
        if kind == "remove_voter":
            del members[key]
        else:
            n_values += 1
            is_held = kind in ("set_address", "change_address") or (kind == "add_voter" and row.get("has_address") == "1")
            members[key] = {"email": f"{n_values}" if is_held else ""} if has_addresses else {}
    if last:
        copies.append(Snapshot(last[0], members, last[1], reasons))
    common = Fault(file=table.file, column=event, found="", expected="events that follow one another", remedy=_FIX, rule="event")
    faults = row_faults(common, pl.Series([row for row, _ in bad], dtype=pl.Int64), lambda place: {"found": bad[place][1]})
    faults += _odd_reasons(table, reason)
    if not copies:
        found = "there is no event that can be used"
        faults.append(Fault(file=table.file, found=found, expected=common.expected, remedy=_FIX, severity=WARNING, rule="empty"))
    return History(table.file, tuple(copies), "own", are_edits=True), faults


def _odd_reasons(table: RawTable, column: str) -> list[Fault]:
    if column not in table.cells.columns:
        return []
    odd = ~table.cells[column].str.strip_chars().is_in(["", *REASONS]).fill_null(True)
    common = Fault(
        file=table.file,
        column=column,
        found="this isn't a reason that changes of a roll may have",
        expected=f"nothing, or one of {', '.join(REASONS)}",
        remedy="The change is kept without a reason. Write one of these words, or other.",
        severity=WARNING,
        rule="reason",
    )
    return row_faults(common, table.rows.filter(odd), lambda _: {})


def _misfit(time: datetime | None, kind: str, key: str, members: Mapping[str, Member]) -> str:
    """Say why an event can't be, or nothing."""
    if time is None:
        return "its time isn't a date and time with an offset"
    if kind not in EVENTS:
        return f"the event isn't one of {', '.join(EVENTS)}"
    if not key:
        return "no voter is named"
    if kind == "add_voter":
        return "a voter is added who is on the roll already" if key in members else ""
    return "" if key in members else f"{kind} of a voter who isn't on the roll"

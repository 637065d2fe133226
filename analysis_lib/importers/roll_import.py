"""Copies of the roll among the files of an import: read, and written as rows of roll_snapshots and roll."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

import polars as pl

from analysis_lib.errors import ParameterError
from analysis_lib.faults import WARNING, Fault, row_faults
from analysis_lib.importers import git_roll, roll_copies, snapshot_rows
from analysis_lib.importers.apply import STEPS, Private
from analysis_lib.importers.mapping import File, RollOf
from analysis_lib.importers.pseudonyms import CaseKey, canonical, email_domain_class
from analysis_lib.importers.raw import RawTable
from analysis_lib.importers.snapshots import CONTACTS, History, Member, Snapshot
from analysis_lib.importers.values import Setting

Row = dict[str, str]
KEYS: Mapping[str, str] = {"email": "email_key", "phone": "phone_key", "address": "address_key"}
_YES = frozenset(("", "yes", "y", "true", "t", "1", "eligible", "entitled"))
_NO = frozenset(("no", "n", "false", "f", "0", "ineligible", "not eligible", "not entitled"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """One copy of the roll, and where it came from."""

    snapshot: Snapshot
    snapshot_id: str
    source_id: str
    purpose: str
    rows: Mapping[str, int] = field(default_factory=dict)  # member -> row of the source
    is_listed: bool = True  # whether its members go into the package, or only their number
    n_rows: int | str = ""  # rows of the file; members where they aren't listed; "" where no count but our own is held


@dataclass(frozen=True, slots=True)
class Copies:
    """Copies that can be compared with one another in the clear."""

    copies: tuple[Copy, ...]
    history: History
    clock_id: str = ""


def instant(text: str, where: str) -> datetime:
    """Read the moment of a copy.

    Raises
    ------
    ParameterError
        It isn't a date and time with its offset.
    """
    if (at := roll_copies.instant(text)) is None:
        raise ParameterError(
            f"{where}: the moment of this copy of the roll isn't a date and time with its offset. "
            "Expected one such as 2031-03-01T09:00:00Z. Give it as --taken-at, or correct the column."
        )
    return at


def _columns(about: RollOf, table: RawTable) -> dict[str, str]:
    """The fields that this copy has a column for."""
    named = {name: getattr(about, name) for name in ("member", *KEYS, "unit", "eligible")}
    return {name: column for name, column in named.items() if column and (name == "member" or column in table.cells.columns)}


def _with_name(about: RollOf, table: RawTable) -> tuple[RawTable, dict[str, str]]:
    """Join the parts of the name into one column."""
    held = [name for name in about.name if name in table.cells.columns]
    if not held:
        return table, {}
    joined = table.cells.select(pl.concat_str(held, separator=" ").str.strip_chars()).to_series()
    return replace(table, cells=table.cells.with_columns(joined.alias("\0name"))), {"name": "\0name"}


def copies_of(file: File, table: RawTable, setting: Setting) -> tuple[Copies, list[Fault]]:
    """Make the copies that a part of a file holds, which the mapping describes under `files.roll`."""
    if file.roll is None:
        return _whole((), table.file), []
    return (_dated if file.roll.held_as == "copies" else _of_edits)(file.roll, table, setting)


def _dated(about: RollOf, table: RawTable, setting: Setting) -> tuple[Copies, list[Fault]]:
    """One copy, or one for each time that stands in the column of times."""
    table, name = _with_name(about, table)
    times = table.cells[about.taken_at] if about.taken_at in table.cells.columns else None
    parts = {setting.taken_at: table}
    if times is not None:
        parts = {
            text: replace(table, cells=table.cells.filter(times == text), rows=table.rows.filter(times == text))
            for text in times.unique(maintain_order=True)
        }
    copies, faults = [], []
    for number, (text, part) in enumerate(parts.items(), start=1):
        columns = _columns(about, part) | name
        snapshot, said = roll_copies.snapshot(part, instant(text, table.file), columns)
        faults += said
        own = setting.source_id if len(parts) == 1 else f"{setting.source_id}_{number}"
        rows = dict(zip(map(_canonical, part.cells[columns["member"]]), part.rows, strict=True))
        copies.append(
            Copy(
                snapshot=snapshot,
                snapshot_id=own,
                source_id=setting.source_id,
                purpose=about.purpose,
                rows=rows,
                n_rows=part.rows.len(),
            )
        )
        faults += _unknown_words(part, columns.get("eligible", ""))
    return _whole(copies, table.file), faults


def _canonical(text: str) -> str:
    return canonical("member", text)


def _unknown_words(table: RawTable, column: str) -> list[Fault]:
    if not column:
        return []
    strange = ~table.cells[column].str.strip_chars().str.to_lowercase().is_in([*_YES, *_NO])
    common = Fault(
        file=table.file,
        column=column,
        found="whether this member is entitled is said in another word than yes or no",
        expected="yes or no",
        remedy="The member is taken for entitled. Write yes or no, or ask what the word means.",
        severity=WARNING,
        rule="entitled",
    )
    return row_faults(common, table.rows.filter(strange), lambda _: {})


def _of_edits(about: RollOf, table: RawTable, setting: Setting) -> tuple[Copies, list[Fault]]:
    """One copy after each edit of a list of events, or of a roll's history in git."""
    if about.held_as == "events":
        history, faults = roll_copies.event_history(
            table, at=about.taken_at, event=about.event, voter=about.member, edit=about.edit, reason=about.reason
        )
    else:
        columns = {name: getattr(about, name) for name in ("member", *KEYS, "unit", "eligible") if getattr(about, name)}
        if about.name:
            columns["name"] = about.name[0]
        history, faults = git_roll.history_of(table, columns, place=about.place)
    filled = [place for place, snapshot in enumerate(history.snapshots) if snapshot.members]
    ends = {*filled[:1], *filled[-1:]}
    last = len(history.snapshots) - 1
    copies = [
        Copy(
            snapshot=snapshot,
            snapshot_id=f"{setting.source_id}_{snapshot.label[:12] or place}",
            source_id=setting.source_id,
            purpose=about.last_purpose if place == last and about.last_purpose else about.purpose,
            is_listed=place in ends,
            n_rows="" if place in ends else len(snapshot.members),
        )
        for place, snapshot in enumerate(history.snapshots)
    ]
    clock_id = f"{setting.source_id}_{about.clock}" if about.clock else ""
    return Copies(tuple(copies), history, clock_id), list(faults)


def _whole(copies: Iterable[Copy], file: str) -> Copies:
    ordered = sorted(copies, key=lambda copy: (copy.snapshot.taken_at, copy.snapshot_id))
    return Copies(tuple(ordered), History(file, tuple(copy.snapshot for copy in ordered)))


def together(groups: Iterable[Copies]) -> list[Copies]:
    """Make one group of the copies that came as files, in the order of their times; histories of edits stay by themselves."""
    edits = [group for group in groups if group.history.are_edits]
    files = [copy for group in groups if not group.history.are_edits for copy in group.copies]
    return [*edits, _whole(files, "roll copies")] if files else edits


def private(group: Copies) -> list[Private]:
    """Gather what came in of members; none of it may stand in the package."""
    texts: dict[str, set[str]] = {"member": set()}
    for copy in group.copies:
        texts["member"].update(copy.snapshot.members)
        for member in copy.snapshot.members.values() if group.history.values == "clear" else ():
            for name in CONTACTS:
                texts.setdefault(name, set()).add(member.get(name, ""))
    return [Private(f"{name} of the roll", name, frozenset(found - {""})) for name, found in texts.items()]


def clock_row(about: RollOf, setting: Setting) -> list[Row]:
    """Describe the clock of the edits; copies that came as files have none."""
    if not about.clock:
        return []
    clock = setting.clocks[about.clock]
    return [
        {
            "clock_id": f"{setting.source_id}_{about.clock}",
            "tz_used": clock.zone or "UTC",
            "tz_basis": clock.basis,
            "resolution": max(clock.resolution, "s", key=STEPS.index),
            "rounding": clock.rounding,
            "write_semantics": clock.write_semantics,
            "dst_policy": "none_needed",
            "source_id": setting.source_id,
        }
    ]


def copy_rows(group: Copies, contest: str, case_key: CaseKey) -> dict[str, list[Row]]:
    """Write the rows of roll_snapshots and roll."""
    key, is_clear = case_key.key, group.history.values == "clear"
    snapshots = [
        {
            "snapshot_id": copy.snapshot_id,
            "contest_id": contest,
            "taken_at": snapshot_rows.written(copy.snapshot.taken_at),
            "purpose": copy.purpose,
            "row_count": str(copy.n_rows),
            "source_id": copy.source_id,
        }
        for copy in group.copies
    ]
    roll = [
        {
            "snapshot_id": copy.snapshot_id,
            "voter_key": key("member", member),
            "eligible": "false" if held.get("eligible", "").casefold() in _NO else "true",
            "unit": held.get("unit", ""),
            **{column: key(name, held.get(name, "")) if is_clear else "" for name, column in KEYS.items()},
            "email_domain_class": _domain_class(held, is_clear),
            "source_id": copy.source_id,
            "source_row": str(copy.rows.get(member, "")),
        }
        for copy in group.copies
        if copy.is_listed
        for member, held in copy.snapshot.members.items()
    ]
    return {"roll_snapshots": snapshots, "roll": roll}


def _domain_class(member: Member, is_clear: bool) -> str:
    if "email" not in member:
        return ""
    return email_domain_class(member["email"]) if is_clear or not member["email"] else "unknown"

"""Copies of the roll against each other, those of this import and those that came in before: what changed, and an account of it.

Copies that a mapping describes are compared in the clear; any other two that follow one another by their keys alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise

from analysis_lib.faults import WARNING, Fault
from analysis_lib.importers import snapshot_rows
from analysis_lib.importers.pseudonyms import CaseKey
from analysis_lib.importers.roll_import import KEYS, Copies, Copy, Row, instant
from analysis_lib.importers.snapshots import Changes, History, Snapshot, changes

NOT_THE_ROLL = ("given_to_candidate",)  # a list for a purpose: who isn't in it may be on the roll
SHARED = 0.5  # of the smaller copy's members; two copies that share fewer name their members in two ways


@dataclass
class Found:
    """What the copies of an import came to."""

    rows: dict[str, list[Row]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    account: list[str] = field(default_factory=list)

    def add(self, table: str, rows: Iterable[Row]) -> None:
        self.rows.setdefault(table, []).extend(rows)


def change_rows(group: Copies, made: Changes, target: snapshot_rows.Target, earlier: frozenset[str]) -> dict[str, list[Row]]:
    """Write the rows of roll_changes and contact_changes, each with the source of the later copy.

    Whoever is added and stood in an `earlier` copy, one that the package held already, is reinstated.
    """
    sources = {copy.snapshot.taken_at: copy.source_id for copy in group.copies}
    roll, contact = [], []
    for at, source_id in sources.items():
        own = replace(target, source_id=source_id)
        step = Changes(
            [change for change in made.roll if change.at_hi == at], [change for change in made.contacts if change.at_hi == at]
        )
        for row in snapshot_rows.roll_change_rows(step, own):
            is_back = row["change"] == "added" and row["voter_key"] in earlier
            roll.append(row | ({"change": "reinstated"} if is_back else {}) | _clock(row, group))
        contact += [row | _clock(row, group) for row in snapshot_rows.contact_change_rows(step, own)]
    return {"roll_changes": roll, "contact_changes": contact}


def _clock(row: Row, group: Copies) -> Row:
    return {"clock_id": group.clock_id} if row["at"] and group.clock_id else {}


def keyed_copies(snapshots: Sequence[Row], roll: Sequence[Row], contest: str) -> list[Copy]:
    """Make copies of what stands in a package, or will: members, contact details and all as keys."""
    members: dict[str, dict[str, Row]] = {}
    for row in roll:
        members.setdefault(row["snapshot_id"], {})[row["voter_key"]] = row
    copies = []
    for about in snapshots:
        held = members.get(about["snapshot_id"])
        if about["contest_id"] != contest or about.get("purpose") in NOT_THE_ROLL or not held:
            continue
        names = {"eligible": "eligible", "unit": "unit", **KEYS}
        has = {name: column for name, column in names.items() if any(row.get(column) for row in held.values())}
        fields = {key: {name: row.get(column, "") for name, column in has.items()} for key, row in held.items()}
        taken_at = instant(about["taken_at"], f"roll_snapshots, {about['snapshot_id']}")
        copies.append(
            Copy(
                snapshot=Snapshot(taken_at, fields, about["snapshot_id"]),
                snapshot_id=about["snapshot_id"],
                source_id=about["source_id"],
                purpose=about["purpose"],
            )
        )
    return sorted(copies, key=lambda copy: (copy.snapshot.taken_at, copy.snapshot_id))


def _steps(copies: Sequence[Copy], new: set[str], groups: Sequence[Copies], found: Found) -> set[datetime]:
    """Say which steps between neighbouring copies are still to be compared by key, by the time of the later copy."""
    compared = [{copy.snapshot_id for copy in group.copies} for group in groups]
    steps = set()
    for place, (one, two) in enumerate(pairwise(copies)):
        pair = {one.snapshot_id, two.snapshot_id}
        is_done = not pair & new or any(pair <= ids for ids in compared)
        if is_done or one.snapshot.taken_at == two.snapshot.taken_at:
            continue
        before = {copy.snapshot_id for copy in copies[: place + 1]} - new
        if before and {copy.snapshot_id for copy in copies[place + 1 :]} - new:
            found.faults.append(
                _not_compared(
                    two,
                    "a copy of the roll lies between two that were compared already",
                    "To compare them step by step, import all copies together into a new package.",
                )
            )
            continue
        left, came = one.snapshot.members.keys(), two.snapshot.members.keys()
        if len(left & came) < SHARED * min(len(left), len(came)):
            found.faults.append(
                _not_compared(
                    two,
                    "two copies of the roll have few members in common: they may name members in two ways",
                    "Ask for copies in which members have one and the same number.",
                )
            )
            continue
        steps.add(two.snapshot.taken_at)
    return steps


def _not_compared(copy: Copy, found: str, remedy: str) -> Fault:
    return Fault(
        file=f"roll copy {copy.snapshot_id}",
        found=found,
        expected="copies of one roll, the later ones imported after the earlier",
        remedy=f"These two aren't compared. {remedy}",
        severity=WARNING,
        rule="copies",
    )


def compare(
    groups: Sequence[Copies],
    held: Mapping[str, Sequence[Row]],
    incoming: Mapping[str, Sequence[Row]],
    key: CaseKey,
    contest: str,
) -> Found:
    """Compare copies of the roll: those of each group in the clear, and what joins them to the others by key.

    Parameters
    ----------
    groups : sequence of Copies
        Copies of this import that a mapping describes.
    held, incoming : mapping
        Rows of roll_snapshots and roll that the package has, and those that this import brings.
    """
    found = Found()
    if not groups and not incoming.get("roll"):
        return found
    old = keyed_copies(held.get("roll_snapshots", ()), held.get("roll", ()), contest)
    clear = snapshot_rows.Target(contest_id=contest, source_id="", key=key.key)
    for group in (group for group in groups if group.copies):
        made = changes(group.history)
        first = group.copies[0].snapshot.taken_at
        earlier = frozenset(who for copy in old if copy.snapshot.taken_at < first for who in copy.snapshot.members)
        rows = change_rows(group, made, replace(clear, values=group.history.values), earlier)
        _note(found, group.copies, rows, made.faults)
    ids = {copy.snapshot_id for copy in old}
    new = [
        copy
        for copy in keyed_copies(incoming.get("roll_snapshots", ()), incoming.get("roll", ()), contest)
        if copy.snapshot_id not in ids
    ]
    every = sorted([*old, *new], key=lambda copy: (copy.snapshot.taken_at, copy.snapshot_id))
    if steps := _steps(every, {copy.snapshot_id for copy in new}, groups, found):
        whole = Copies(tuple(every), History("roll", tuple(copy.snapshot for copy in every), "keys"))
        made = changes(whole.history)
        made.roll = [change for change in made.roll if change.at_hi in steps]
        made.contacts = [change for change in made.contacts if change.at_hi in steps]
        rows = change_rows(whole, made, replace(clear, values="keys"), frozenset())
        for row in rows["contact_changes"]:
            row["edit_class"] = row["edit_class"].replace("unknown", "")  # to be filled in if the clear text is compared later
        compared = [two for two in every if two.snapshot.taken_at in steps]
        compared += [one for one, two in pairwise(every) if two in compared and one not in compared]
        _note(found, sorted(compared, key=lambda copy: copy.snapshot.taken_at), rows, ())
    return found


def _note(found: Found, copies: Sequence[Copy], rows: Mapping[str, list[Row]], faults: Iterable[Fault]) -> None:
    for table, made in rows.items():
        found.add(table, made)
    found.faults += faults
    found.account += told(copies, rows)


def told(copies: Sequence[Copy], rows: Mapping[str, Sequence[Row]]) -> list[str]:
    """Give an account of what changed between copies, in counts."""
    filled = [copy for copy in copies if copy.snapshot.members]
    if len(filled) < 2:
        return []
    first, last = filled[0].snapshot, filled[-1].snapshot
    lines = [
        f"{len(filled):,} copies of the roll, {first.taken_at:%Y-%m-%d %H:%M} to {last.taken_at:%Y-%m-%d %H:%M} UTC: "
        f"{len(first.members):,} members in the first, {len(last.members):,} in the last."
    ]
    counted = Counter(row["change"] for row in rows["roll_changes"])
    lines.append(f"Members: {_listed(counted)}.")
    for name in sorted({row["field"] for row in rows["contact_changes"]}):
        kinds = Counter(row["edit_class"] or "class not known" for row in rows["contact_changes"] if row["field"] == name)
        lines.append(f"Edits of {name.replace('_', ' ')}: {_listed(kinds)}.")
    return lines


def _listed(counted: Mapping[str, int]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {n:,}" for name, n in sorted(counted.items())) or "no change"

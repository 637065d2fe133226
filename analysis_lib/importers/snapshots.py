"""Copies of a roll, in order, to what changed between them: who came and went, whose contact details were edited.

Somebody who leaves and somebody who comes in one step may be one person whose key was changed (a renamed account, a
new membership number), which is no new voter. `changes` calls them one, `key_changed`, if exactly one who left and one
who came share an e-mail address, else a telephone number, else address and name, else name and unit, that nobody else
has; and, where both names are held, if these are of one person. It errs: a couple with one address and no names held
looks like one person; one whose key and contact details were changed in the same step looks like two.

Where no contact details are held that could be compared (a list of events with made-up keys), one out and one in within
a single edit, who was never on the roll before and has an address if the other had, are called one as well, with the
reason `unknown`, unless a reason on file says that one left or came. Between copies taken days apart that would often be
wrong, so it is done for single edits alone. Two in and one out are left as they are, with a warning: which of the two, if
any, is the one who left can't be seen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from analysis_lib.faults import WARNING, Fault
from analysis_lib.importers.edit_class import edit_class, name_index, name_words
from analysis_lib.importers.pseudonyms import canonical

CONTACTS: Mapping[str, str] = {"email": "email", "phone": "phone", "address": "postal_address", "name": "name"}
FIELDS = (*CONTACTS, "unit", "eligible")
Values = Literal["clear", "keys", "own"]
Member = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One copy of the roll: member id -> fields of `FIELDS`, those the copy has no column for left out."""

    taken_at: datetime
    members: Mapping[str, Member]
    label: str = ""
    reasons: Mapping[str, str] = field(default_factory=dict)  # member -> reason on file, of the edit that made this copy


@dataclass(frozen=True, slots=True)
class History:
    """Copies of one roll in the order in which they follow one another.

    `values` says what a field's text is: `clear`; `keys`, alike wherever the value is alike; or `own`, alike only while
    one member's value stays the same. `are_edits`: each copy is the one before after a single edit, as in git.
    """

    file: str
    snapshots: tuple[Snapshot, ...]
    values: Values = "clear"
    are_edits: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RollChange:
    """One row of roll_changes, before members become keys."""

    member: str
    change: str
    at: datetime | None
    at_lo: datetime
    at_hi: datetime
    other_member: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactChange:
    """One row of contact_changes, before members and contact details become keys."""

    member: str
    field: str  # of `CONTACTS`
    old: str
    new: str
    edit_class: str
    at: datetime | None
    at_lo: datetime
    at_hi: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCount:
    """One row of roll_change_counts; whoever has a new key counts as changed."""

    taken_at: datetime
    before_n: int
    after_n: int
    added_n: int
    removed_n: int
    changed_n: int
    unchanged_n: int


@dataclass
class Changes:
    """What happened between the copies of a history."""

    roll: list[RollChange] = field(default_factory=list)
    contacts: list[ContactChange] = field(default_factory=list)
    counts: list[StepCount] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Step:
    before: Snapshot
    after: Snapshot
    values: Values
    are_edits: bool

    def span(self, since: datetime | None = None) -> dict[str, datetime | None]:
        """Give at, at_lo and at_hi of a change in this step; `since` is the copy that was compared, if an older one."""
        lo, hi = sorted((since or self.before.taken_at, self.after.taken_at))
        return {"at": self.after.taken_at if self.are_edits else None, "at_lo": lo, "at_hi": hi}


def _form(values: Values, name: str, member: Member) -> str:
    """Write a field in the form in which members are compared."""
    text = member.get(name, "")
    return canonical(name, text) if values == "clear" and name in CONTACTS else " ".join(text.split()).casefold()


OF_ONE_PERSON = ("", "renamed", "other", "unknown")  # reasons on file that don't say that one left or came
_TRACES: tuple[tuple[str, ...], ...] = (("email",), ("phone",), ("address", "name"), ("name", "unit"))


def _trace(values: Values, names: Sequence[str], member: Member) -> tuple[str, ...] | None:
    forms = tuple(_form(values, name, member) for name in names)
    return forms if all(forms) else None


def _may_be_one(values: Values, one: Member, other: Member) -> bool:
    """Whether the names, where both are held, are of one person: alike, a slip, or one forename (marriage)."""
    old, new = (_form(values, "name", member) for member in (one, other))
    if not old or not new or old == new:
        return True
    is_slip = edit_class("name", old, new) == "typo_fix"
    return values == "clear" and (is_slip or name_words(old)[:1] == name_words(new)[:1])


def _pairs(step: _Step, gone: Sequence[str], come: Sequence[str]) -> dict[str, str]:
    """Find who came under another key: the key now -> the key before."""
    pairs: dict[str, str] = {}
    if step.values == "own" or not gone or not come:
        return pairs
    left, came = step.before.members, step.after.members
    for names in _TRACES:
        olds: dict[tuple[str, ...] | None, list[str]] = {}
        news: dict[tuple[str, ...] | None, list[str]] = {}
        found = set(pairs.values())
        for key in gone:
            if key not in found:
                olds.setdefault(_trace(step.values, names, left[key]), []).append(key)
        for key in come:
            if key not in pairs:
                news.setdefault(_trace(step.values, names, came[key]), []).append(key)
        shared = olds.keys() & news.keys() - {None}
        others = Counter(_trace(step.values, names, came[key]) for key in came.keys() & left.keys()) if shared else Counter()
        for trace in shared:
            if len(olds[trace]) == len(news[trace]) == 1 and not others[trace]:
                (old,), (new,) = olds[trace], news[trace]
                if _may_be_one(step.values, left[old], came[new]):
                    pairs[new] = old
    return pairs


def _has_traces(step: _Step, key: str, members: Mapping[str, Member]) -> bool:
    return step.values != "own" and any(_trace(step.values, names, members[key]) for names in _TRACES)


def _held(member: Member) -> set[str]:
    return {name for name in CONTACTS if member.get(name)}


_Away = dict[str, tuple[Member, datetime]]  # whoever ever left: the last record before, and that copy's time


def _only_pair(step: _Step, gone: Sequence[str], come: Sequence[str], away: _Away) -> bool:
    """Whether one out and one in, of whom no contact details can be compared, are called one."""
    if not step.are_edits or len(gone) != 1 or len(come) != 1 or come[0] in away:
        return False
    left, came = step.before.members, step.after.members
    may_compare = _has_traces(step, gone[0], left) or _has_traces(step, come[0], came)
    return not may_compare and _held(left[gone[0]]) == _held(came[come[0]])


def _edits(
    step: _Step, old: Member, new: Member, is_one_record: bool, others: Callable[[], frozenset[str]]
) -> Iterator[tuple[str, str]]:
    """Give the contact details of a member that were edited, and the class of each edit.

    Values that are a member's own can be compared within `is_one_record` alone, not with one that left or had another key.
    """
    for name in CONTACTS:
        if name not in old or name not in new or old[name] == new[name]:
            continue
        if step.values == "own" and not is_one_record and old[name] and new[name]:
            continue
        if not old[name] or not new[name]:
            yield name, "added" if new[name] else "removed"
        elif step.values == "clear":
            kinds = [edit_class(name, old[name], new[name], own_name=own, others=others()) for own in _own_names(old, new)]
            yield name, next((kind for kind in kinds if kind != "different_person_name"), kinds[0])
        else:
            yield name, "unknown"


def _own_names(old: Member, new: Member) -> list[str]:
    """Give the name before, and the name now if it may be the same person's (marriage)."""
    before, after = old.get("name", ""), new.get("name", "")
    is_another = before and after and edit_class("name", before, after) == "different_person_name"
    return list(dict.fromkeys([before or after] if is_another else [before or after, after or before]))


def _swap_fault(file: str, step: _Step, n_gone: int, n_come: int) -> Fault:
    place = f"the copy {step.after.label[:12]} of " if step.after.label else "the copy of "
    return Fault(
        file=file,
        found=f"in {place}{step.after.taken_at:%Y-%m-%d %H:%M:%S} UTC {n_gone:,} leave and {n_come:,} come in one step, "
        "and nothing held tells whether one of them has another key now",
        expected="contact details or names to tell a changed key from a new voter",
        remedy="Ask for the reason of this edit before counting them as removed and added.",
        severity=WARNING,
        rule="swap",
    )


def _step(file: str, step: _Step, away: _Away, is_undone: bool, made: Changes) -> None:
    left, came = step.before.members, step.after.members
    gone, come = sorted(left.keys() - came.keys()), sorted(came.keys() - left.keys())
    pairs = _pairs(step, gone, come)
    reasons = dict.fromkeys(pairs, "renamed")
    found = set(pairs.values())
    rest = [key for key in gone if key not in found], [key for key in come if key not in pairs]
    may_be_one = all(step.after.reasons.get(key, "") in OF_ONE_PERSON for key in (*rest[0], *rest[1]))
    if may_be_one and _only_pair(step, *rest, away):
        pairs[rest[1][0]] = rest[0][0]
        reasons[rest[1][0]] = "unknown"
        rest = [], []
    if all(rest) and not any(_has_traces(step, key, came) for key in rest[1]):
        made.faults.append(_swap_fault(file, step, len(rest[0]), len(rest[1])))
    undone, on_file = "reverted" if is_undone else "", step.after.reasons
    for key in rest[0]:
        made.roll.append(RollChange(member=key, change="removed", reason=on_file.get(key) or undone, **step.span()))
    for key in rest[1]:
        change = "reinstated" if key in away else "added"
        made.roll.append(RollChange(member=key, change=change, reason=on_file.get(key) or undone, **step.span()))
    for key, old_key in sorted(pairs.items()):
        reason = on_file.get(key) or reasons[key]
        made.roll.append(RollChange(member=key, change="key_changed", other_member=old_key, reason=reason, **step.span()))
    compared = [(key, left[key], None) for key in came if key in left]
    compared += [(new, left[old], None) for new, old in sorted(pairs.items())]
    compared += [(key, *away[key]) for key in rest[1] if key in away]
    changed = _compare(step, compared, made) | pairs.keys()
    for key in gone:
        away[key] = (left[key], step.before.taken_at)
    n_changed = len(changed - set(rest[1]))
    made.counts.append(
        StepCount(
            taken_at=step.after.taken_at,
            before_n=len(left),
            after_n=len(came),
            added_n=len(rest[1]),
            removed_n=len(rest[0]),
            changed_n=n_changed,
            unchanged_n=len(came) - len(rest[1]) - n_changed,
        )
    )


def _compare(step: _Step, compared: Sequence[tuple[str, Member, datetime | None]], made: Changes) -> set[str]:
    """Record what was edited of each member; give those of whom anything was."""
    changed = set()
    index: list[frozenset[str]] = []

    def others() -> frozenset[str]:
        if not index:
            index.append(name_index(member.get("name", "") for member in step.after.members.values()))
        return index[0]

    for key, old, since in compared:
        new = step.after.members[key]
        if old == new:
            continue
        span = step.span(since)
        for name, kind in _edits(step, old, new, key in step.before.members, others):
            made.contacts.append(ContactChange(member=key, field=name, old=old[name], new=new[name], edit_class=kind, **span))
            changed.add(key)
        for name, change in (("unit", "unit_changed"), ("eligible", "eligibility_set")):
            if name in old and name in new and _form(step.values, name, old) != _form(step.values, name, new):
                made.roll.append(RollChange(member=key, change=change, **span))
                changed.add(key)
    return changed


def changes(history: History) -> Changes:
    """What changed between the copies of a roll?

    The first copy with anyone in it is where the account begins: nobody in it counts as added. A step that puts the
    roll back as it was one step before has the reason `reverted`, unless another is on file. Whoever returns is `reinstated`, and compared with
    the last record there was. A field is compared only where both copies have a column for it.

    Parameters
    ----------
    history : History
        The copies, in order.

    Returns
    -------
    Changes
        Rows for roll_changes, contact_changes and roll_change_counts in the order of the steps, and warnings.
    """
    made = Changes()
    copies = list(history.snapshots)
    while copies and not copies[0].members:
        copies.pop(0)
    away: _Away = {}
    for place in range(1, len(copies)):
        step = _Step(copies[place - 1], copies[place], history.values, history.are_edits)
        if step.after.taken_at < step.before.taken_at:
            made.faults.append(
                Fault(
                    file=history.file,
                    found=f"copy {place + 1:,} has an earlier time than the one before it",
                    expected="copies in the order in which they were made",
                    remedy="Ask which clock made the times; the order of the copies is kept as it was given.",
                    severity=WARNING,
                    rule="copy_order",
                )
            )
        is_undone = place >= 2 and copies[place].members == copies[place - 2].members != copies[place - 1].members
        _step(history.file, step, away, is_undone, made)
    return made

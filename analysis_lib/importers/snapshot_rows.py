"""What changed between copies of a roll, as rows of roll_changes, contact_changes and roll_change_counts: keys, no people."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from analysis_lib.importers.pseudonyms import email_domain_class
from analysis_lib.importers.snapshots import CONTACTS, Changes, ContactChange, RollChange, Values


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What the rows of a history have in common, and how texts become keys; `key` is `CaseKey.key`."""

    contest_id: str
    source_id: str
    key: Callable[[str, str], str]
    values: Values = "clear"

    def person(self, member: str) -> str:
        """Give a member's key; one that is a key already stays as it is."""
        return member if self.values == "keys" else self.key("member", member)

    def contact(self, change: ContactChange, text: str) -> str:
        """Give the key of a contact detail; a made-up one has none."""
        return {"clear": self.key(change.field, text), "keys": text, "own": ""}[self.values]

    def common(self, change: RollChange | ContactChange, what: str) -> dict[str, str]:
        """Give the columns that both tables have; the id hangs on what happened, to whom and when, not on the order."""
        times = {name: written(getattr(change, name)) for name in ("at", "at_lo", "at_hi")}
        parts = (self.contest_id, self.source_id, self.person(change.member), what, times["at_lo"], times["at_hi"])
        return {
            "change_id": "E" + self.key("event", "\n".join(parts)),
            "contest_id": self.contest_id,
            "voter_key": self.person(change.member),
            **times,
            "derived_from": "snapshot_diff",
            "source_id": self.source_id,
        }


def written(time: datetime | None) -> str:
    """Write an instant in UTC, or nothing."""
    return "" if time is None else time.astimezone(UTC).isoformat()


def roll_change_rows(made: Changes, target: Target) -> list[dict[str, str]]:
    """Write the rows of roll_changes."""
    return [
        target.common(change, change.change)
        | {
            "change": change.change,
            "other_voter_key": target.person(change.other_member) if change.other_member else "",
            "reason": change.reason,
        }
        for change in made.roll
    ]


def contact_change_rows(made: Changes, target: Target) -> list[dict[str, str]]:
    """Write the rows of contact_changes."""
    return [
        target.common(change, change.field)
        | {
            "field": CONTACTS[change.field],
            "old_key": target.contact(change, change.old),
            "new_key": target.contact(change, change.new),
            "old_missing": "false" if change.old else "true",
            "new_missing": "false" if change.new else "true",
            "edit_class": change.edit_class,
            "new_domain_class": email_domain_class(change.new) if change.field == "email" and target.values == "clear" else "",
        }
        for change in made.contacts
    ]


def roll_change_count_rows(made: Changes, target: Target) -> list[dict[str, str]]:
    """Write the rows of roll_change_counts."""
    numbers = ("before_n", "after_n", "added_n", "removed_n", "changed_n", "unchanged_n")
    about = {"contest_id": target.contest_id, "source_id": target.source_id}
    return [
        about | {"taken_at": written(count.taken_at)} | {name: str(getattr(count, name)) for name in numbers}
        for count in made.counts
    ]

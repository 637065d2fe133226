"""Who joins, leaves and moves before the roll is frozen and after, and the copies made of it on the way."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from typing import Any

import numpy as np

from analysis_lib.simulate.frames import REGIONAL, Keys, branch_name, microseconds
from analysis_lib.simulate.setting import DAY, HOUR, Setting
from analysis_lib.simulate.story import RollChange, Story

FREEZE_DAY, LIST_DAY, LOADED_DAY = -7, -6, -1  # days from the opening
EARLY_DAY = -12  # of the list that one candidate gets before the other
LEAST_DAYS = 20  # of comings and goings before the opening, however short the history
JOINING, LEAVING, MOVING = 0.0008, 0.0006, 0.0003  # per member and day
TRANSFERRED = 0.2  # of those who join or leave
LEFT_BECAUSE = {"resigned": 0.5, "lapsed": 0.3, "deceased": 0.2}
LONGEST_MEMBER_DAYS = 4000
IMPORT_HOUR = 11.0


@dataclass(frozen=True)
class Copy:
    """A copy of the roll."""

    name: str
    purpose: str
    at: float
    candidate: str | None = None


def copies(setting: Setting) -> list[Copy]:
    """List the copies in order of time; the one that was loaded is always made."""
    loaded = Copy("as_loaded", "platform_upload", LOADED_DAY * DAY)
    if not setting.roll_copies:
        return [loaded]
    first = EARLY_DAY if "early_list" in setting.plants else LIST_DAY
    return sorted(
        [
            Copy("earlier", "audit", first_day(setting) * DAY),
            Copy("frozen", "freeze", FREEZE_DAY * DAY),
            Copy("list_ash", "given_to_candidate", first * DAY, "ash"),
            Copy("list_birch", "given_to_candidate", LIST_DAY * DAY, "birch"),
            loaded,
            Copy("marked", "marked_register", setting.length_s + DAY),
        ],
        key=lambda copy: copy.at,
    )


def first_day(setting: Setting) -> int:
    """Give the day from which comings and goings are held, counted from the opening."""
    return -max(setting.history_days, LEAST_DAYS)


def plan_roll(story: Story) -> None:
    """Draw the comings and goings. Whoever is on the copy that was loaded joined before the freeze or long ago."""
    setting, rng = story.world.setting, story.world.streams["joining"]
    n, since = setting.n_members, first_day(setting) * DAY
    office_s = (9 * HOUR, 17 * HOUR)
    frozen = FREEZE_DAY * DAY
    members = sorted(set(range(n)) - story.people.affiliates - set(story.people.ineligible) - story.people.placeholders)

    def instants(rate: float, until: float) -> list[float]:
        """Draw office hours between the start and `until`."""
        days = np.sort(
            rng.integers(int(since // DAY) + 1, int(until // DAY), rng.poisson(rate * n * (until - since) / DAY))
        ).tolist()
        return [setting.local_seconds(day, rng.uniform(*office_s) / HOUR) for day in days]

    joins = instants(JOINING, frozen)
    for at, member in zip(joins, rng.permutation(members)[: len(joins)].tolist(), strict=False):
        change = "transferred_in" if rng.random() < TRANSFERRED else "added"
        story.roll_changes.append(RollChange(at, member, change, REGIONAL))
    moves = instants(MOVING, frozen)
    joined = {c.person for c in story.roll_changes}
    for at, member in zip(moves, rng.permutation([m for m in members if m not in joined]).tolist(), strict=False):
        old = int(rng.integers(setting.n_branches))
        if old != story.world.branch[member]:
            story.roll_changes.append(RollChange(at, member, "unit_changed", REGIONAL, old_branch=old))
    for number, at in enumerate(at for at in instants(LEAVING, setting.length_s)):
        reason = str(rng.choice(list(LEFT_BECAUSE), p=list(LEFT_BECAUSE.values())))
        change = "transferred_out" if rng.random() < TRANSFERRED else "removed"
        reason = "other" if change == "transferred_out" else reason
        branch, member = int(rng.choice(story.world.branch)), int(rng.choice(members))
        if at < LOADED_DAY * DAY:
            story.former[f"former {number}"] = branch
            story.roll_changes.append(RollChange(at, f"former {number}", change, REGIONAL, reason))
        elif at > 0 and story.is_online[member]:
            story.later(at, lambda at, member=member, change=change, reason=reason: _leave(story, at, member, change, reason))
    for member, reason in story.people.ineligible.items():
        at = setting.local_seconds(int(rng.integers(-19, FREEZE_DAY)), rng.uniform(*office_s) / HOUR)
        kind = reason if reason in ("arrears", "lapsed", "deceased") else "other"
        story.roll_changes.append(RollChange(at, member, "eligibility_set", REGIONAL, kind))
    imported_at = setting.local_seconds(FREEZE_DAY - 1, IMPORT_HOUR)
    story.roll_changes += [RollChange(imported_at, m, "added", REGIONAL, "other") for m in sorted(story.people.affiliates)]
    persons: list[int | str] = [*range(n), *story.former]
    story.member_for_days = dict(zip(persons, rng.integers(200, LONGEST_MEMBER_DAYS, len(persons)).tolist(), strict=True))
    story.member_for_days |= {c.person: ceil(-c.at / DAY) for c in story.roll_changes if c.change in ("added", "transferred_in")}
    if story.people.affiliates and setting.office_log:
        story.note(imported_at, REGIONAL, "list_imported")


def _leave(story: Story, at: float, member: int, change: str, reason: str) -> None:
    if not (member in story.has_left or story.is_taken[member] or story.has_ballot[member]):  # a voter stays until the count
        story.roll_changes.append(RollChange(at, member, change, REGIONAL, reason))
        story.leave(at, member)


def roll_rows(story: Story, copy: Copy, keys: Keys) -> list[dict[str, Any]]:
    """Give the rows of one copy: who was a member that day, with what was held of them."""
    setting, world = story.world.setting, story.world
    present, left = dict.fromkeys(range(setting.n_members), True), dict.fromkeys(story.former, True)
    branch: dict[int | str, int] = {**dict(enumerate(world.branch)), **story.former}
    reason: dict[int | str, str] = {}
    for change in story.roll_changes:
        if change.change in ("added", "transferred_in") and change.at > copy.at:
            present[change.person] = False
        elif change.change in ("removed", "transferred_out") and change.at <= copy.at:
            (left if isinstance(change.person, str) else present)[change.person] = False
        elif change.old_branch is not None and change.at > copy.at:
            branch[change.person] = change.old_branch
        elif change.change == "eligibility_set" and change.at <= copy.at:
            reason[change.person] = story.people.ineligible[change.person]
    if not setting.roll_copies:
        reason = dict(story.people.ineligible)
    contacts = story.contacts.as_of(copy.at, story.changes) if setting.contacts else None
    voted = {b.member: b.channel for b in story.standing()} if copy.purpose == "marked_register" else None
    rows = []
    for person in [p for p, is_there in [*present.items(), *left.items()] if is_there]:
        is_member = isinstance(person, int)
        row: dict[str, Any] = {
            "snapshot_id": copy.name,
            "voter_key": keys("member", person),
            "eligible": person not in reason,
            "ineligible_reason": reason.get(person),
            "unit": branch_name(branch[person]),
            "address_key": keys("address", world.household[person] if is_member else person),
            "source_row": 2 + world.place_by_name[person] if is_member and copy.purpose == "platform_upload" else None,
        }
        if setting.roll_copies:
            row["joined_on"] = (setting.opens_at - timedelta(days=story.member_for_days[person])).date()
        if contacts is not None and is_member:
            row |= _contact_cells(story, contacts, person, copy, keys)
        if voted is not None:
            row |= {"voted_flag": person in voted, "voted_channel": voted.get(person)}
        rows.append(row)
    return rows


def _contact_cells(story: Story, held: dict[str, list[str | None]], member: int, copy: Copy, keys: Keys) -> dict[str, str | None]:
    """Give the contact columns of a row; a candidate's list leaves out what a member does not want passed on."""
    is_list = copy.purpose == "given_to_candidate"
    email, phone, address = (held[kind][member] for kind in ("email", "phone", "postal_address"))
    domain: str | None = story.contacts.domain[email]
    if is_list and story.contacts.hides_email[member]:
        email = domain = None
    if is_list and story.contacts.hides_phone[member]:
        phone = None
    return {
        "email_key": email and keys("email", email),
        "phone_key": phone and keys("phone", phone),
        "address_key": address and keys("address", address),
        "email_domain_class": domain,
    }


def change_rows(story: Story, keys: Keys) -> list[dict[str, Any]]:
    """Give the rows of the log of the roll, in order of time."""
    opened = microseconds(story.world.setting.opens_at)
    return [
        {
            "change_id": f"d{number:05d}",
            "voter_key": keys("member", c.person),
            "change": c.change,
            "at": opened + int(c.at) * 1_000_000,
            "actor_key": keys("officer", c.officer),
            "actor_role": "regional_staff",
            "reason": c.reason,
            "derived_from": "log",
        }
        for number, c in enumerate(sorted(story.roll_changes, key=lambda c: c.at), start=1)
    ]

"""The roll, the logs and the answers of a told story, each in order of time."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from analysis_lib.simulate.applications import application_rows, survey_rows
from analysis_lib.simulate.frames import Keys, frame, from_rows, in_order, microseconds, role, stamp
from analysis_lib.simulate.people import line
from analysis_lib.simulate.roll_history import change_rows, copies, roll_rows
from analysis_lib.simulate.setting import DAY, Setting
from analysis_lib.simulate.story import Ballot, Change, Credential, Story
from analysis_lib.simulate.world import OPERATORS

CONTEST = "made_up_vale"
PLATFORM_CLOCK, MEMBERSHIP_CLOCK = "platform_clock", "membership_clock"
FIRST_ROW, FIRST_SEQ, FIRST_OPERATOR = 2, 1001, 64496  # a header stands in row 1; operators' numbers are those kept for examples
BY_THE_MEMBER = ("used", "login_failed", "opened", "clicked")  # events of a code
SENT = ("issued", "delivered", "bounced", "reissued_new", "destination_changed")
PLATFORM = {"contest_id": CONTEST, "source_id": "platform"}
MEMBERSHIP = {"contest_id": CONTEST, "source_id": "membership"}


def roll_tables(story: Story, keys: Keys) -> dict[str, pl.DataFrame]:
    """Give the copies of the roll, their rows, and the log of the roll where it is kept."""
    setting = story.world.setting
    opened = microseconds(setting.opens_at)
    snapshots, rows = [], []
    for copy in copies(setting):
        own = roll_rows(story, copy, keys)
        rows += own
        snapshots.append(
            MEMBERSHIP
            | {
                "snapshot_id": copy.name,
                "taken_at": opened + int(copy.at) * 1_000_000,
                "purpose": copy.purpose,
                "recipient_role": "candidate_team" if copy.candidate else None,
                "candidate_id": copy.candidate,
                "row_count": len(own),
            }
        )
    tables = {
        "roll_snapshots": from_rows("roll_snapshots", snapshots),
        "roll": from_rows("roll", [row | {"source_id": "membership"} for row in rows]),
    }
    if setting.roll_copies:
        fixed = MEMBERSHIP | {"clock_id": MEMBERSHIP_CLOCK}
        tables["roll_changes"] = from_rows("roll_changes", [row | fixed for row in change_rows(story, keys)])
    return tables


def asked_tables(story: Story, keys: Keys) -> dict[str, pl.DataFrame]:
    """Give the applications for the online vote, and what members said afterwards, where there are such."""
    setting, tables = story.world.setting, {}
    if setting.applications:
        fixed = PLATFORM | {"clock_id": PLATFORM_CLOCK}
        tables["vote_applications"] = from_rows("vote_applications", [row | fixed for row in application_rows(story, keys)])
    if setting.survey:
        said = {"contest_id": CONTEST, "source_id": "canvass"}
        tables["confirmations"] = from_rows("confirmations", [row | said for row in survey_rows(story, keys)])
    return tables


def log_tables(story: Story, keys: Keys) -> dict[str, pl.DataFrame]:
    """Give the logs of ballots, codes, contact details and administrators."""
    setting = story.world.setting
    ballots = in_order(b for b in story.ballots if int(b.at // DAY) not in setting.lost_days)
    credentials, changes, actions = in_order(story.credentials), in_order(story.changes), in_order(story.actions)
    action = {
        "clock_id": None,
        "actor_role": [role(a.officer) for a in actions],
        "action": [a.action for a in actions],
    }
    if setting.office_log:
        action |= {
            "clock_id": PLATFORM_CLOCK,
            "actor_key": _officers(actions, keys),
            "target_key": [None if a.target is None else keys("member", a.target) for a in actions],
            "disposition": ["success" if a.is_done else "failure" for a in actions],
        }
    return {
        "ballot_events": frame(
            "ballot_events", _stamped(setting, ballots, "b", "event_id") | _ballots(story, ballots, keys), len(ballots)
        ),
        "credential_events": frame(
            "credential_events",
            _stamped(setting, credentials, "c", "event_id") | _credentials(setting, credentials, keys),
            len(credentials),
        ),
        "contact_changes": frame(
            "contact_changes", _stamped(setting, changes, "m", "change_id") | _changes(story, changes, keys), len(changes)
        ),
        "admin_actions": frame("admin_actions", _stamped(setting, actions, "a", "event_id") | PLATFORM | action, len(actions)),
    }


def _stamped(setting: Setting, events: list[Any], letter: str, name: str) -> dict[str, Any]:
    ids = [f"{letter}{number:05d}" for number in range(1, len(events) + 1)]
    return {name: ids, "at": [stamp(setting, e.at) for e in events]}


def _officers(events: list[Any], keys: Keys) -> list[str | None]:
    return [None if e.officer is None else keys("officer", e.officer) for e in events]


def _code(keys: Keys, member: int, number: int) -> str | None:
    """Give the id of one of a member's codes; none before the first."""
    return keys("code", f"{member} {number}") if number > 0 else None


def _ballots(story: Story, ballots: list[Ballot], keys: Keys) -> dict[str, Any]:
    setting, world = story.world.setting, story.world
    written = np.argsort(np.argsort([b.at + world.commit_s[b.member] for b in ballots], kind="stable"), kind="stable").tolist()
    columns: dict[str, Any] = PLATFORM | {
        "clock_id": PLATFORM_CLOCK,
        "event": [b.event for b in ballots],
        "channel": [b.channel for b in ballots],
        "link_level": "voter_linked",
        "voter_key": [keys("member", b.member) for b in ballots],
        "batch_id": ["hall" if b.channel == "in_person" else None for b in ballots],
        "actor_role": [b.actor_role for b in ballots],
        "ip_key": [keys("network", b.network) if b.network else None for b in ballots],
        "asn": [_operator(story, b) for b in ballots],
        "device_key": [keys("device", b.device) if b.device else None for b in ballots],
        "session_key": [keys("session", b.member) if b.device else None for b in ballots],
        "seq": [FIRST_SEQ + place for place in written],
        "source_row": [FIRST_ROW + place for place in written],
    }
    if setting.office_log:
        columns["credential_id"] = [_code(keys, b.member, b.code) for b in ballots]
    if setting.voided_share:
        standing = {(b.member, b.at) for b in story.standing()}
        columns["is_current"] = [(b.member, b.at) in standing and b.event != "voided" for b in ballots]
    return columns


def _operator(story: Story, ballot: Ballot) -> int | None:
    """Give the operator of a ballot's line; an officer's line has one operator, whoever votes by it."""
    if not ballot.network:
        return None
    if story.world.setting.office_log and ballot.network.startswith("officer "):
        return FIRST_OPERATOR + int(ballot.network.removeprefix("officer ")) % OPERATORS
    return FIRST_OPERATOR + story.world.operator[ballot.member]


def _credentials(setting: Setting, events: list[Credential], keys: Keys) -> dict[str, Any]:
    columns: dict[str, Any] = PLATFORM | {
        "clock_id": PLATFORM_CLOCK,
        "voter_key": [keys("member", c.member) for c in events],
        "event": [c.event for c in events],
        "trigger": [c.trigger for c in events],
        "actor_key": _officers(events, keys),
        "actor_role": [role(c.officer) for c in events],
    }
    if setting.office_log or setting.reminder_bounce:
        columns["message_id"] = [c.message or None for c in events]
    if not setting.office_log:
        return columns
    own = [c.event in BY_THE_MEMBER for c in events]
    is_sent = [c.event in SENT for c in events]
    is_new = [c.event == "reissued_new" for c in events]
    opened = microseconds(setting.opens_at)
    columns |= {
        "actor_role": ["self" if mine else role(c.officer) for mine, c in zip(own, events, strict=True)],
        "credential_id": [_code(keys, c.member, c.code) for c in events],
        "replaces_credential_id": [
            _code(keys, c.member, c.code - 1) if new else None for new, c in zip(is_new, events, strict=True)
        ],
        "old_credential_killed": [c.code > 1 if new else None for new, c in zip(is_new, events, strict=True)],
        "request_at": [None if c.asked_at is None else opened + int(c.asked_at // 1) * 1_000_000 for c in events],
        "ip_key": [keys("network", line(c.officer)) if c.officer is not None and c.officer >= 0 else None for c in events],
        "destination_kind": [c.destination[0] if sent else None for sent, c in zip(is_sent, events, strict=True)],
    }
    if setting.contacts:
        kinds = {"email": "email", "sms": "phone"}
        columns["destination_key"] = [
            keys(kinds[c.destination[0]], c.destination[1]) if sent else None for sent, c in zip(is_sent, events, strict=True)
        ]
    return columns


def _changes(story: Story, changes: list[Change], keys: Keys) -> dict[str, Any]:
    columns: dict[str, Any] = MEMBERSHIP | {
        "voter_key": [keys("member", c.member) for c in changes],
        "field": [c.field for c in changes],
        "actor_key": _officers(changes, keys),
        "request_evidence": [c.evidence for c in changes],
    }
    if not story.world.setting.contacts:
        return columns
    kinds = {"email": "email", "phone": "phone", "postal_address": "address"}
    domains = [story.contacts.domain[c.new] if c.field == "email" else None for c in changes]
    return columns | {
        "clock_id": MEMBERSHIP_CLOCK,
        "system": "membership_db",
        "old_key": [None if c.old is None else keys(kinds[c.field], c.old) for c in changes],
        "new_key": [None if c.new is None else keys(kinds[c.field], c.new) for c in changes],
        "old_missing": [c.old is None for c in changes],
        "new_missing": [c.new is None for c in changes],
        "edit_class": [c.edit for c in changes],
        "new_domain_class": domains,
        "actor_role": ["self" if c.officer is None else role(c.officer) for c in changes],
        "derived_from": "log",
    }

"""Copies of a roll and changes between them, for the tests of sums of members."""

from __future__ import annotations

from datetime import timedelta

from cases import one, utc

START = utc("2031-10-01 12:00")
DAY = timedelta(days=1)


def roll(snapshot, *voters, **cells):
    return [{"snapshot_id": snapshot, "voter_key": key, "eligible": True} | cells for key in voters]


def copy(snapshot, day=0, purpose="freeze", **cells):
    return {"snapshot_id": snapshot, "taken_at": START + day * DAY, "purpose": purpose} | cells


def change(key, what, day, **cells):
    return {"voter_key": key, "change": what, "at": START + day * DAY, "derived_from": "log"} | cells


def gaps(case):
    finding = one(case, "roll_reconciliation")
    return {(item["check"], item["name"], item["unit"]): item["gap"] for item in finding.details["identities"]}

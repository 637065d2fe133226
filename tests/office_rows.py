"""Rows of administrators' logs for the tests of what they did when."""

from __future__ import annotations

from datetime import timedelta

from cases import utc

OPENS, CLOSES = utc("2031-03-03 09:00"), utc("2031-03-17 21:00")  # a Monday; no clocks change meanwhile
WINDOW = {"channel": "online", "kind": "voting", "basis": "advertised", "opens_at": OPENS, "closes_at": CLOSES}
SNAPSHOT = {"snapshot_id": "L1", "purpose": "freeze", "taken_at": OPENS - timedelta(days=9)}


def key(name):
    """A key as packages have them, readable in a test."""
    return name.encode().hex().ljust(32, "0")


def act(at, action, who="ann", role="local_officer", **more):
    return {"at": at, "action": action, "actor_key": who and key(who), "actor_role": role, "disposition": "success"} | more


def sitting(start, who="ann", minutes=50, look=None, **more):
    """A login and a logout, and a look at the list so many minutes after the login."""
    found = [act(start, "login", who, **more), act(start + timedelta(minutes=minutes), "logout", who, **more)]
    return found if look is None else [*found, act(start + timedelta(minutes=look), "view_turnout_list", who, **more)]


def code(at, voter, trigger="admin_initiated", who="ann", event="reissued_new", **more):
    return {
        "at": at, "voter_key": voter and key(voter), "trigger": trigger, "actor_key": who and key(who),
        "actor_role": "local_officer" if who else "system", "event": event,
    } | more  # fmt: skip


def cast(at, voter, event="cast", **more):
    return {"at": at, "voter_key": voter and key(voter), "event": event, "channel": "online"} | more


def roll(**branches):
    return [
        {"snapshot_id": "L1", "voter_key": key(voter), "unit": unit, "eligible": True}
        for unit, voters in branches.items()
        for voter in voters
    ]

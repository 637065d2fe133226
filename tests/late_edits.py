"""Edits of a roll and of contacts around the last day for them, for the tests of what is late."""

from __future__ import annotations

from datetime import timedelta

from cases import tiny, utc

LAST = utc("2031-10-20 12:00")
CLOSE = LAST + timedelta(days=2)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
CLOCK = {"clock_id": "M", "tz_used": "UTC", "tz_basis": "stated_offset", "resolution": "s", "write_semantics": "event_time"}
VOTING = {"channel": "all", "kind": "voting", "basis": "advertised", "opens_at": LAST - 24 * HOUR, "closes_at": CLOSE}
LAST_DAY = {"channel": "all", "kind": "roll_edits", "basis": "advertised", "closes_at": LAST}


def on_the_roll(change, at, key="v1", **cells):
    return {"voter_key": key, "change": change, "at": at, "clock_id": "M", "derived_from": "log"} | cells


def contact(at, key="v1", **cells):
    return {"voter_key": key, "field": "email", "at": at, "clock_id": "M"} | cells


def held(folder, *changes, contacts=(), windows=(VOTING, LAST_DAY), clock=CLOCK, **tables):
    return tiny(
        folder, clocks=[clock], roll_changes=changes, contact_changes=contacts, contest_windows=list(windows),
        contest={"timezone": "UTC"}, **tables,
    )  # fmt: skip

"""Small packages for the tests of the row rules."""

from datetime import timedelta

from cases import one, tiny, utc

START = utc("2031-10-20 12:00")
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
CLOCK = {"clock_id": "P", "tz_used": "UTC", "tz_basis": "stated_offset", "resolution": "s", "write_semantics": "event_time"}
ROLL = {"roll_snapshots": [{"snapshot_id": "L1", "taken_at": START - 24 * HOUR, "purpose": "freeze"}]}
PARTLY = [{"source_id": "S1", "completeness": "partial_known"}]


def cast(key=None, at=START, number=1, **cells):
    channel = {"event": "cast", "channel": "online", "at": at, "clock_id": "P", "source_row": number}
    return channel | ({"voter_key": key} if key else {}) | cells


def code(key, event="issued", at=START - HOUR, number=1, **cells):
    return {"voter_key": key, "event": event, "at": at, "clock_id": "P", "source_row": number} | cells


def told(case):
    (finding,) = [one(case, "record_rules")]
    return {rule["check"]: rule for rule in finding.details["rules"]}


def counts(case, check):
    rule = told(case)[check]
    return rule["looked"], rule["broken"], rule["undetermined"]


def held(folder, *, clocks=(CLOCK,), **tables):
    return tiny(folder, clocks=list(clocks), **tables)

"""Reissues and ballots of a few members, for the tests of the delay between them."""

from datetime import timedelta

from cases import tiny, utc

from analysis_lib.methods.registry import answer_chapter
from analysis_lib.methods.reissue_to_ballot_delay import (
    reissue_cases,
)

NOUN, CHAPTER = "reissue_to_ballot_delay", "30_credential_reissues"
START = utc("2031-10-10 10:00")
WINDOW = {
    "channel": "online",
    "kind": "voting",
    "basis": "advertised",
    "opens_at": START - timedelta(days=4),
    "closes_at": START + timedelta(days=10),
}


def answered(this, noun=NOUN):
    return answer_chapter(CHAPTER, this, (noun,))[noun]


def one(this, noun=NOUN):
    (finding,) = answered(this, noun)
    return finding


def at(minutes):
    return None if minutes is None else START + timedelta(minutes=minutes)


def reissue(voter, minutes, trigger="admin_initiated", **more):
    return {"voter_key": voter, "event": "reissued_new", "trigger": trigger, "at": at(minutes)} | more


def vote(voter, minutes, event="cast", **more):
    return {"voter_key": voter, "event": event, "channel": "online", "at": at(minutes)} | more


def roll(**branches):
    return [
        {"snapshot_id": "L1", "voter_key": voter, "unit": unit, "eligible": True}
        for unit, voters in branches.items()
        for voter in voters.split()
    ]


def case(folder, reissues, votes, members=None, **more):
    if members is None:
        members = roll(N=" ".join(sorted({row["voter_key"] for row in [*reissues, *votes]})))
    return tiny(
        folder,
        credential_events=reissues,
        ballot_events=votes,
        roll=members,
        contest_windows=[WINDOW],
        roll_snapshots=[{"snapshot_id": "L1", "purpose": "freeze", "taken_at": START - timedelta(days=9)}],
        **more,
    )


def cases(this, *horizons, closes_at=WINDOW["closes_at"]):
    return reissue_cases(this, horizons or (600,), closes_at)


def five_and_five(voted_unrequested=5, voted_requested=0):
    """Five reissues of each kind an hour apart; of the first so many of a kind a ballot follows after three minutes."""
    reissues = [reissue(f"u{i}", 60 * i) for i in range(5)] + [reissue(f"r{i}", 60 * i + 600, "member_request") for i in range(5)]
    votes = [vote(f"u{i}", 60 * i + 3) for i in range(voted_unrequested)] + [
        vote(f"r{i}", 60 * i + 603) for i in range(voted_requested)
    ]
    return reissues, votes


def edit(voter, minutes, evidence="none_found", field="email", actor="a1"):
    return {"voter_key": voter, "at": at(minutes), "request_evidence": evidence, "field": field, "actor_key": actor}


def clock(name, basis="stated_offset", **more):
    return {"clock_id": name, "tz_used": "UTC", "tz_basis": basis, "resolution": "s"} | more


def on_clocks(reissues, votes, credentials="C", ballots="B"):
    return [row | {"clock_id": credentials} for row in reissues], [row | {"clock_id": ballots} for row in votes]

"""A told story, as the tables of a data package."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from math import ceil, exp, log
from typing import Any

import numpy as np
import polars as pl

from analysis_lib.descriptor import MIN_CELL
from analysis_lib.simulate.frames import Keys, frame, from_rows, in_order, microseconds, stamp
from analysis_lib.simulate.logs import (
    CONTEST,
    FIRST_OPERATOR,
    MEMBERSHIP_CLOCK,
    PLATFORM_CLOCK,
    asked_tables,
    log_tables,
    roll_tables,
)
from analysis_lib.simulate.setting import DAY, RESOLUTIONS, Setting
from analysis_lib.simulate.story import INVITATION, Story

ORGANISATION = "Made-up Party (no such party)"
CANDIDATES = {"ash": "Candidate Ash (made up)", "birch": "Candidate Birch (made up)"}
SPOILED = 0.03  # of the papers of the hall
HALL_OPEN_H = 4
SOURCES = {  # source_id: title
    "declaration": "Declaration of the result (made up)",
    "notice": "Notice of the selection (made up)",
    "platform": "Export of the voting platform (made up)",
    "membership": "Log of the membership database (made up)",
}
ASKED_SOURCE = {"canvass": "Calls to members after the result (made up)"}
ROW_ORDERS = {"platform": "by_time", "membership": "by_name"}
PEER_SOURCES = {
    "peer_screens": "Hourly turnout of other selections, as shown by the voting platform (made up)",
    "peer_networks": "Networks of the ballots of other selections, without the voters (made up)",
}


def make_tables(story: Story, keys: Keys) -> dict[str, pl.DataFrame]:
    """Make every table of the selection; peers are apart."""
    setting = story.world.setting
    return {
        "sources": source_rows(setting, SOURCES | ASKED_SOURCE if setting.survey else SOURCES),
        "contests": contest_rows(
            {CONTEST: "Made-up Vale: no such place, party or person"}, setting, "notice", comparison_only=False
        ),
        "clocks": _clocks(setting),
        "contest_windows": _windows(setting),
        "candidates": from_rows(
            "candidates",
            [
                {"contest_id": CONTEST, "candidate_id": i, "display_name": name, "source_id": "notice"}
                for i, name in CANDIDATES.items()
            ],
        ),
        **_count(story),
        **roll_tables(story, keys),
        **log_tables(story, keys),
        **asked_tables(story, keys),
        "communications": _communications(story),
    }


def source_rows(setting: Setting, titles: Mapping[str, str]) -> pl.DataFrame:
    """Say where the rows come from: nowhere."""
    fixed: dict[str, Any] = {
        "row_order": [ROW_ORDERS.get(name) for name in titles],
        "kind": "synthetic",
        "supplied_by_role": "system",
        "interest": "neutral",
        "obtained_at": (setting.closes_at + timedelta(days=2)).date(),
        "completeness": ["partial_known" if name == "platform" and setting.lost_days else "complete" for name in titles],
        "note": "Made up by analysis_lib.simulate. No such place, party or person.",
    }
    return frame("sources", {"source_id": list(titles), "title": list(titles.values()), **fixed}, len(titles))


def contest_rows(names: Mapping[str, str], setting: Setting, source: str, *, comparison_only: bool) -> pl.DataFrame:
    """Make one row per contest; all of them are held by one made-up organisation under the same rules."""
    fixed: dict[str, Any] = {
        "organisation": ORGANISATION,
        "kind": "parliamentary_selection",
        "seats": 1,
        "voting_method": "FPP",
        "secrecy": "secret_unlinkable",
        "timezone": setting.timezone,
        "status": "declared",
        "proceedings_active": False,
        "comparison_only": comparison_only,
        "source_id": source,
    }
    return frame("contests", {"contest_id": list(names), "contest_name": list(names.values()), **fixed}, len(names))


def _clocks(setting: Setting) -> pl.DataFrame:
    fixed: dict[str, Any] = {"tz_used": "UTC", "tz_basis": "stated_offset", "write_semantics": "event_time"}
    fixed |= {"offset_s": 0.0, "offset_sd_s": 0.0, "dst_policy": "none_needed", "resolution": RESOLUTIONS[setting.resolution_s]}
    rows = [{"clock_id": PLATFORM_CLOCK, "source_id": "platform"}, {"clock_id": MEMBERSHIP_CLOCK, "source_id": "membership"}]
    return from_rows("clocks", [row | fixed for row in rows])


def _windows(setting: Setting) -> pl.DataFrame:
    hall = setting.hustings_at, setting.hustings_at + timedelta(hours=HALL_OPEN_H)
    rows = []
    applying = tuple(setting.opens_at + timedelta(days=days) for days in (-14, -2))
    for channel, kind, (opens_at, closes_at), bases in (
        *((("online", "applications", applying, ("advertised", "actual")),) if setting.applications else ()),
        ("online", "voting", (setting.opens_at, setting.closes_at), ("advertised", "configured", "actual")),
        ("in_person", "voting", hall, ("advertised", "configured", "actual")),
        ("in_person", "hustings", hall, ("advertised", "actual")),
        ("all", "roll_edits", (announced_at(setting), setting.closes_at), ("advertised",)),
    ):
        for basis in bases:
            rows.append(
                {
                    "window_id": f"{channel}_{kind}_{basis}",
                    "contest_id": CONTEST,
                    "channel": channel,
                    "kind": kind,
                    "basis": basis,
                    "opens_at": microseconds(opens_at),
                    "closes_at": microseconds(closes_at),
                    "announced_at": microseconds(announced_at(setting)) if basis == "advertised" else None,
                    "source_id": "notice" if basis == "advertised" else "platform",
                }
            )
    return from_rows("contest_windows", rows)


def announced_at(setting: Setting) -> datetime:
    """Give the instant at which members were told of the calendar."""
    return setting.opens_at - timedelta(days=14)


def _count(story: Story) -> dict[str, pl.DataFrame]:
    """Draw the choices and give the ballots in no order, and their sums by channel. Whose a ballot is, is kept nowhere."""
    setting, world = story.world.setting, story.world
    rng = world.streams["choices"]
    choice, spoiling = rng.random((2, setting.n_members)).tolist()
    base = log(setting.support / (1 - setting.support))
    issued = {"online": sum(story.is_online), "in_person": sum(world.comes_to_hall)}
    ballots: list[tuple[str, float, str | None]] = []  # channel, time, candidate; none: spoiled
    for b in story.standing():
        odds = base + world.opinion[world.branch[b.member]]
        if b.channel == "online":
            odds += setting.channel_log_odds + setting.choice_trend * (b.at / setting.length_s - 0.5)
        candidate = "ash" if choice[b.member] < 1 / (1 + exp(-odds)) else "birch"
        ballots.append((b.channel, b.at, None if b.channel != "online" and spoiling[b.member] < SPOILED else candidate))
    rows: list[tuple[str, str, str | None, int]] = []
    total: dict[tuple[str, str | None], int] = {}
    for channel in ("online", "in_person"):
        cast = [candidate for way, _, candidate in ballots if way == channel]
        counts = {
            ("ballots_issued", None): issued[channel],
            ("ballots_received", None): len(cast),
            ("ballots_valid", None): len(cast) - cast.count(None),
            ("ballots_spoiled", None): cast.count(None),
            ("candidate", "ash"): cast.count("ash"),
            ("candidate", "birch"): cast.count("birch"),
        }
        rows += [(channel, item, candidate, n) for (item, candidate), n in counts.items()]
        total = {key: total.get(key, 0) + n for key, n in counts.items()}
    rows += [("all", "eligible", None, setting.n_members - len(story.people.ineligible))]
    rows += [("all", item, candidate, n) for (item, candidate), n in total.items()]
    columns: dict[str, Any] = {
        "row_id": [f"r{number:02d}" for number in range(1, len(rows) + 1)],
        "channel": [row[0] for row in rows],
        "item": [row[1] for row in rows],
        "candidate_id": [row[2] for row in rows],
        "n": [row[3] for row in rows],
    }
    fixed = {"contest_id": CONTEST, "round": 1, "basis": "declared", "source_id": "declaration"}
    return {"results": frame("results", columns | fixed, len(rows)), "ballot_choices": _choices(setting, ballots, rng)}


def _choices(setting: Setting, ballots: list[tuple[str, float, str | None]], rng: np.random.Generator) -> pl.DataFrame:
    """Give one row per ballot, shuffled; online ones with the day they fall into, days put together until they hold enough.

    Days are counted back from the close; a ballot after it falls into the last one.
    """
    n = len(ballots)
    day_of = [max(ceil((setting.length_s - at) / DAY), 1) for _, at, _ in ballots]  # 1: the last one before the close
    online = [day for day, (channel, _, _) in zip(day_of, ballots, strict=True) if channel == "online"]
    begun: dict[int, int] = {}  # day: the day at whose start its span begins
    since, held = max(day_of, default=1), 0
    for day in range(since, 0, -1):
        begun[day] = since
        held += online.count(day)
        if held >= MIN_CELL and sum(later < day for later in online) >= MIN_CELL:
            since, held = day - 1, 0
    closed = microseconds(setting.closes_at)
    bins = [
        closed - begun[day] * DAY * 1_000_000 if channel == "online" and len(online) >= MIN_CELL else None
        for day, (channel, _, _) in zip(day_of, ballots, strict=True)
    ]
    columns = {
        "ballot_id": [f"p{number:05d}" for number in (1 + rng.permutation(n)).tolist()],
        "rank": 1,
        "candidate_id": [candidate for _, _, candidate in ballots],
        "channel": [channel for channel, _, _ in ballots],
        "cast_bin": bins,
        "valid": [candidate is not None for _, _, candidate in ballots],
    }
    return frame("ballot_choices", columns | {"contest_id": CONTEST, "source_id": "platform"}, n)


def line_rows(story: Story, contest: str, keys: Keys) -> pl.DataFrame:
    """Give the online ballots of another selection with their networks and devices; homes and workplaces are its own."""
    ballots = in_order(b for b in story.standing() if b.channel == "online")
    networks = [b.network if b.network.startswith("gateway") else f"{contest} {b.network}" for b in ballots]
    columns = {
        "event_id": [f"{contest}_{number:05d}" for number in range(1, len(ballots) + 1)],
        "at": [stamp(story.world.setting, b.at) for b in ballots],
        "ip_key": [keys("network", network) for network in networks],
        "asn": [FIRST_OPERATOR + story.world.operator[b.member] for b in ballots],
        "device_key": [keys("device", f"{contest} {b.device}") for b in ballots],
        "session_key": [keys("session", f"{contest} {b.member}") for b in ballots],
    }
    fixed = {"contest_id": contest, "event": "cast", "channel": "online", "link_level": "time_only", "source_id": "peer_networks"}
    return frame("ballot_events", columns | fixed, len(ballots))


def _communications(story: Story) -> pl.DataFrame:
    """List the invitation, and the reminders to those who hold a code and have not voted when each goes out."""
    setting = story.world.setting
    voted = sorted(b.at for b in story.ballots if b.channel == "online" and b.event == "cast")
    n_codes = sum(story.is_online)
    sent = [("invitation", setting.opens_at), *(("reminder", at) for at in setting.reminders)]
    rows = [
        {
            "message_id": f"e{number}",
            "contest_id": CONTEST,
            "kind": kind,
            "sent_at": microseconds(at),
            "n_recipients": n_codes - sum(v <= setting.seconds(at) for v in voted),
            "source_id": "platform",
        }
        for number, (kind, at) in enumerate(sent, start=1)
    ]
    if setting.office_log or setting.reminder_bounce:
        n_bounced = sum(c.event == "bounced" and c.message == INVITATION for c in story.credentials)
        for row, (n, n_returned) in zip(rows, [(n_codes, n_bounced), *story.reminded], strict=False):
            audience = "all" if row["kind"] == "invitation" else "not_voted"
            row |= {"medium": "email", "audience": audience, "n_recipients": n, "n_bounced": n_returned}
    return from_rows("communications", rows)

"""Whole selections, and others of the same kind to compare them with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from analysis_lib.schema import load_schema
from analysis_lib.simulate.applications import plan_applications
from analysis_lib.simulate.churn import plan_churn, plan_cleanse
from analysis_lib.simulate.frames import Keys, frame, from_rows, microseconds
from analysis_lib.simulate.mail import plan_mail
from analysis_lib.simulate.offices import earlier_sittings, plan_offices
from analysis_lib.simulate.people import make_people
from analysis_lib.simulate.plants import plant, plant_after_the_close
from analysis_lib.simulate.roll_history import plan_roll
from analysis_lib.simulate.setting import Setting, hour_edges
from analysis_lib.simulate.story import Story
from analysis_lib.simulate.tables import PEER_SOURCES, announced_at, contest_rows, line_rows, make_tables, source_rows
from analysis_lib.simulate.truth import make_truth
from analysis_lib.simulate.world import make_world

PEER_SIZE = (0.6, 1.6)  # members of a peer, as a multiple of the selection's
LAST_READING_S = 900  # before the close
PEERS_STREAM = 1000  # beyond the stages of a world: keeps the peers of a seed apart from its selection


@dataclass(frozen=True)
class Selection:
    """A made-up selection: `tables` in the columns of a data package, `truth` of what really happened."""

    seed: int
    setting: Setting
    tables: dict[str, pl.DataFrame]
    truth: dict[str, Any]


def selection(seed: int, setting: Setting | None = None) -> Selection:
    """Make up one selection.

    Parameters
    ----------
    seed : int
        The same seed and setting give the same selection, to the byte. Settings that differ in
        their plants alone give twins: one world up to the first planted event.
    setting : Setting, optional
        Calendar, habits and plants; by default a clean selection of 500 members.

    Returns
    -------
    Selection
        `truth` holds the members' latent facts by voter key, counts of what happened, and under
        "planted" the row ids of every planted event.
    """
    setting = setting or Setting()
    story = _told(np.random.SeedSequence(seed), setting)
    keys = Keys(seed)
    return Selection(seed, setting, make_tables(story, keys), make_truth(story, keys))


def peers(seed: int, n: int = 20, setting: Setting | None = None) -> dict[str, pl.DataFrame]:
    """Make up other selections under the same calendar, with nothing planted, held for comparison only.

    Each has members, hours and mishaps of its own. All that is held of them is what a screen would
    have shown: how many had voted online by each hour since the opening, both ends included, and a
    quarter of an hour before the close; and by which networks their ballots came, without the voters.
    """
    setting = replace(setting or Setting(), plants=frozenset())
    edges = np.union1d(hour_edges(setting), [setting.length_s - LAST_READING_S])
    as_of = [microseconds(setting.opens_at) + round(s * 1e6) for s in edges.tolist()]
    names = {f"made_up_peer_{number:02d}": f"Made-up Peer {number:02d}: no such place" for number in range(1, n + 1)}
    ids = list(names)
    voted_n: list[int] = []
    lines: list[pl.DataFrame] = []
    for child in np.random.SeedSequence(seed, spawn_key=(PEERS_STREAM,)).spawn(n):
        sizes, telling = child.spawn(2)
        size = round(setting.n_members * float(np.random.default_rng(sizes).uniform(*PEER_SIZE)))
        story = _told(telling, replace(setting, n_members=max(size, 10 * setting.n_branches)))
        times = np.sort([b.at for b in story.standing() if b.channel == "online"])
        voted_n += np.searchsorted(times, edges, side="left").tolist()
        lines.append(line_rows(story, ids[len(lines)], Keys(seed)))
    source = next(iter(PEER_SOURCES))
    sent = [("invitation", setting.opens_at), *(("reminder", at) for at in setting.reminders)]
    letters = [
        {"message_id": f"{i}_e{number}", "contest_id": i, "kind": kind, "sent_at": microseconds(at), "source_id": source}
        for i in ids
        for number, (kind, at) in enumerate(sent, start=1)
    ]
    window = {
        "contest_id": ids,
        "window_id": [f"{i}_online" for i in ids],
        "channel": "online",
        "kind": "voting",
        "basis": "advertised",
        "opens_at": [microseconds(setting.opens_at)] * n,
        "closes_at": [microseconds(setting.closes_at)] * n,
        "announced_at": [microseconds(announced_at(setting))] * n,
        "source_id": source,
    }
    counts = {
        "contest_id": [i for i in ids for _ in as_of],
        "as_of": as_of * n,
        "channel": "online",
        "unit": "ALL",
        "voted_n": voted_n,
        "source_id": source,
    }
    return {
        "sources": source_rows(setting, PEER_SOURCES),
        "contests": contest_rows(names, setting, source, comparison_only=True),
        "contest_windows": frame("contest_windows", window, n),
        "communications": from_rows("communications", letters),
        "turnout_counts": frame("turnout_counts", counts, len(voted_n)),
        "ballot_events": pl.concat(lines).sort("event_id"),
    }


def joined(*parts: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Put sets of tables together, such as those of a selection and of its peers."""
    names = dict.fromkeys(name for part in parts for name in part)
    return {name: pl.concat([part[name] for part in parts if name in part]).sort(load_schema(name).primary_key) for name in names}


def _told(seed: np.random.SeedSequence, setting: Setting) -> Story:
    story = Story(*make_people(make_world(seed, setting)))
    if setting.roll_copies:
        plan_roll(story)
    if setting.applications:
        plan_applications(story)
    if setting.tracked:
        plan_mail(story)
    story.open()
    earlier = earlier_sittings(story)
    plan_offices(story, earlier)
    if setting.contact_churn:
        plan_churn(story, earlier)
    if setting.cleanse:
        plan_cleanse(story)
    plant(story)
    story.run()
    plant_after_the_close(story)
    return story

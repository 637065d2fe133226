"""Ordinary changes of contact details: members' own, officers' at their sittings, a bulk tidying-up; some are undone."""

from __future__ import annotations

from bisect import bisect_right

import numpy as np

from analysis_lib.simulate.contacts import KINDS, PLACEHOLDER
from analysis_lib.simulate.frames import REGIONAL
from analysis_lib.simulate.setting import DAY, HOUR, HOUR_OF_DAY
from analysis_lib.simulate.story import Story
from analysis_lib.simulate.world import MINUTE, SITTING_S, mean_one, shares_of_work

KIND_SHARES = (0.45, 0.3, 0.25)
BRANCH_CV, DAY_CV = 0.35, 0.5
WEEKDAYS = (1.3, 1.2, 1.1, 1.1, 1.0, 0.7, 0.6)  # Monday first
BY_THE_MEMBER, BY_THE_REGION = 0.45, 0.1
REGIONAL_HOURS = (9.0, 17.0)
REMOVED = 0.03
LOGGED = 0.8  # of the changes an officer makes for a member: the request was noted
UNDONE_AFTER_S = 2 * DAY  # mean delay until a slip is seen
CLEANSE_S, CLEANSE_HOUR = 100.0, 10.5
CLEANSE_EDITS = {"formatting_only": 0.6, "typo_fix": 0.25, "new_domain": 0.15}


def plan_churn(story: Story, earlier: list[list[float]]) -> None:
    """Put the ordinary changes of the earlier period and of the vote into the queue, by day and branch."""
    setting, world = story.world.setting, story.world
    rng = world.streams["churn"]
    days = range(-setting.history_days, setting.last_day + 1)
    weekday = setting.opens_at.weekday()
    by_branch = mean_one(rng, BRANCH_CV, setting.n_branches)
    by_day = mean_one(rng, DAY_CV, len(days)) * [WEEKDAYS[(weekday + day) % 7] for day in days]
    sizes = np.bincount(world.branch, minlength=setting.n_branches)
    first = np.cumsum(sizes) - sizes
    counts = rng.poisson(setting.contact_churn * np.outer(by_day, sizes * by_branch))
    sittings = [[*before, *after] for before, after in zip(earlier, world.sittings, strict=True)]
    hours = HOUR_OF_DAY / HOUR_OF_DAY.sum()
    for row, branch in np.argwhere(counts).tolist():
        for _ in range(counts[row, branch]):
            member = int(first[branch] + rng.integers(sizes[branch]))
            kind = str(rng.choice(KINDS, p=KIND_SHARES))
            who, hour, within = rng.random(), float(rng.choice(24, p=hours)), rng.random()
            officer: int | None = None
            at = setting.local_seconds(days[row], hour) + within * HOUR
            if who < BY_THE_REGION:
                officer = REGIONAL
                at = setting.local_seconds(days[row], REGIONAL_HOURS[0] + within * np.ptp(REGIONAL_HOURS))
            elif who > BY_THE_REGION + BY_THE_MEMBER:
                officer = int(rng.choice(setting.n_administrators, p=shares_of_work(setting)))
                at = _sitting(sittings[officer], at) + within * SITTING_S
            _plan(story, at, member, kind, officer, sittings)


def _sitting(starts: list[float], at: float) -> float:
    """Give the start of an officer's next sitting; infinite if there is none."""
    place = bisect_right(starts, at)
    return starts[place] if place < len(starts) else float("inf")


def _plan(story: Story, at: float, member: int, kind: str, officer: int | None, sittings: list[list[float]]) -> None:
    rng, setting = story.world.streams["churn"], story.world.setting
    is_removed, is_logged, is_slip = rng.random() < REMOVED, rng.random() < LOGGED, rng.random() < setting.slips
    delay = rng.exponential(UNDONE_AFTER_S)
    evidence = "member_request_logged" if officer is None or is_logged else "unknown"
    if officer is not None and officer != REGIONAL:  # who write everything down
        evidence = story.noted(evidence)
    if at < -setting.history_days * DAY:
        return

    def act(at: float) -> None:
        held = story.contacts.held
        if member in story.has_left:
            return
        # Nobody is left without an address to send a code to.
        edit = "removed" if is_removed and kind == "postal_address" and held[kind][member] is not None else ""
        story.change(at, member, officer, evidence, kind=kind, edit=edit)
        if officer is not None and officer >= 0 and is_slip and not edit:
            last = story.changes[-1]
            if last.old is not None and last.old != last.new:
                undone_at = _sitting(sittings[officer], at + delay) + 5 * MINUTE
                story.later(undone_at, lambda at: _undo(story, at, member, officer, kind, last.old, last.new))

    story.later(at, act)


def _undo(story: Story, at: float, member: int, officer: int, kind: str, old: str | None, new: str | None) -> None:
    """Put back what had stood there: the request was another member's."""
    if story.contacts.held[kind][member] == new and member not in story.has_left:
        story.notes.setdefault("undone", []).append(member)
        story.change(at, member, officer, "none_found", kind=kind, edit="other", new=old)


def plan_cleanse(story: Story) -> None:
    """Tidy up the contact details of many members in a minute or two, by one account."""
    setting, rng = story.world.setting, story.world.streams["churn"]
    start = setting.local_seconds(setting.cleanse_day, CLEANSE_HOUR)
    members = rng.choice(setting.n_members, min(setting.cleanse, setting.n_members), replace=False).tolist()
    edits = rng.choice(list(CLEANSE_EDITS), len(members), p=list(CLEANSE_EDITS.values())).tolist()
    gaps = np.sort(rng.uniform(0, CLEANSE_S, len(members))).tolist()
    story.notes["cleansed"] = []
    for member, edit, gap in zip(members, edits, gaps, strict=True):
        story.later(start + gap, lambda at, member=member, edit=edit: _tidy(story, at, member, edit))


def _tidy(story: Story, at: float, member: int, edit: str) -> None:
    if story.contacts.held["email"][member] in (None, PLACEHOLDER) or member in story.has_left:
        return
    story.notes["cleansed"].append(member)
    story.change(at, member, REGIONAL, "bulk_cleanse", edit=edit)

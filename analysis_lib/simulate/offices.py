"""What offices do all day: sit down to work, ring up members who have not voted, help some to vote, void a ballot on request."""

from __future__ import annotations

from math import ceil

import numpy as np

from analysis_lib.simulate.frames import role
from analysis_lib.simulate.people import line
from analysis_lib.simulate.setting import HOUR
from analysis_lib.simulate.story import Ballot, Story
from analysis_lib.simulate.world import (
    MINUTE,
    READY_MEDIAN_S,
    READY_SIGMA,
    SITTING_S,
    SITTING_START_SPREAD_S,
    SITTINGS,
    shares_of_work,
)

LOGOUT_AFTER_S = SITTING_S + 6 * MINUTE  # the last task is done by then
MISTYPED, MISTYPED_S = 0.05, (15, 90)  # of logins: a wrong password first
CALLS, CALL_GAP_S = 5.0, (2 * MINUTE, 6 * MINUTE)  # members rung up after a look, on average
PERSUADED, ASKS, ON_THE_PHONE = 0.35, 0.5, 0.5  # of those rung up; those who have no code; of these, sent it during the call
STALL_HOURS, STALL_MEMBERS, STALL_GAP_S = (10.5, 14.0), 4, (4 * MINUTE, 12 * MINUTE)
CODE_AT_HAND_S = (90, 4 * MINUTE)  # from a code sent at the stall to the ballot
RECAST = 0.85  # of those whose ballot was voided: vote again soon; the others perhaps in time of their own
WISHES_BACK_S = 8 * HOUR  # mean delay of a voter who wants the ballot voided
LOOKS_FOR_IT_S = 24 * HOUR  # mean delay of a voter who looks for the confirmation
OLD_LETTER = 0.3  # of members who wanted to vote and have been sent another code: try the old one first


def earlier_sittings(story: Story) -> list[list[float]]:
    """Draw when each administrator sat down before the opening: the same hours and chances as after it."""
    setting, rng = story.world.setting, story.world.streams["offices"]
    hours = np.array([[setting.local_seconds(d, h) for h, _ in SITTINGS] for d in range(-setting.history_days, 1)])
    shape = (setting.n_administrators, *hours.shape)
    starts = hours + rng.uniform(0, SITTING_START_SPREAD_S, shape)
    is_held = (rng.random(shape) < np.array([chance for _, chance in SITTINGS])) & (starts < 0)
    return [np.sort(own[held]).tolist() for own, held in zip(starts, is_held, strict=True)]


def plan_offices(story: Story, earlier: list[list[float]]) -> None:
    """Put into the queue what officers do beyond their tasks."""
    setting, world = story.world.setting, story.world
    rng = world.streams["offices"]
    if setting.history_days:
        for officer, starts in enumerate(earlier):
            for start in starts:
                story.note(start, officer, "login")
    if setting.office_log:
        for officer, (before, after) in enumerate(zip(earlier, world.sittings, strict=True)):
            for start in [*before, *after]:
                end = start + LOGOUT_AFTER_S + rng.exponential(5 * MINUTE)
                if rng.random() < MISTYPED:
                    story.note(start - rng.uniform(*MISTYPED_S), officer, "login_failed", is_done=False)
                if end < setting.length_s:
                    story.note(end, officer, "logout")
        story.on_dead_code.append(lambda at, member, wish: _try_the_old_code(story, at, member, wish))
    if setting.chase:
        for at, officer in story.looks:
            if rng.random() < setting.chase:
                gaps = rng.uniform(*CALL_GAP_S, 1 + rng.poisson(CALLS)).cumsum()
                for gap in gaps.tolist():
                    story.later(at + gap, lambda at, officer=officer: _ring_up(story, at, officer))
    _plan_stalls(story)
    if setting.voided_share:
        story.on_vote.append(lambda at, member: _maybe_void(story, at, member))
    if setting.asks_again:
        story.on_vote.append(lambda at, member: _maybe_ask_again(story, at, member))


def _try_the_old_code(story: Story, at: float, member: int, wish: int) -> None:
    """Let a member type in the code of the older letter, which no longer works."""
    rng = story.world.streams["offices"]
    if rng.random() < OLD_LETTER and story.code[member] > wish + 1 and not story.has_ballot[member]:
        story.log_code(at, member, "login_failed", code=wish + 1)


def _ring_up(story: Story, at: float, officer: int) -> None:
    """Ring up a member who has not voted: one with a code may vote soon, one without may ask for it, during the call or after."""
    world, rng = story.world, story.world.streams["offices"]
    mine = [m for m in story.waiting() if world.officer[m] == officer]
    if not mine:
        return
    member = int(rng.choice(mine))
    story.notes.setdefault("rung_up", []).append(member)
    answer, during, delay = rng.random(), rng.random() < ON_THE_PHONE, rng.lognormal(np.log(READY_MEDIAN_S), READY_SIGMA)
    if story.holds_code[member] and answer < PERSUADED:
        story.later(at + delay, story.vote, member, story.latest_wish[member])
    elif not story.holds_code[member] and not story.is_reissued[member] and answer < ASKS:
        if during:
            story.asked.append(member)
            story.asked_at[member] = at
            story.later(at + MINUTE, story.attend, member, "member_request", None)
        else:
            story.later(at + delay, story.ask, member)


def _plan_stalls(story: Story) -> None:
    setting, rng = story.world.setting, story.world.streams["offices"]
    if not setting.helped:
        return
    n_stalls = ceil(setting.helped / STALL_MEMBERS)
    for stall in range(n_stalls):
        officer = int(rng.choice(setting.n_administrators, p=shares_of_work(setting)))
        at = setting.local_seconds(int(rng.integers(2, max(setting.last_day, 3))), rng.uniform(*STALL_HOURS))
        story.later(at, story.note, officer, "login")
        for _ in range(len(range(stall, setting.helped, n_stalls))):
            at += rng.uniform(*STALL_GAP_S)
            story.later(at, lambda at, officer=officer: _help(story, at, officer))
        if setting.office_log:
            story.later(at + 10 * MINUTE, story.note, officer, "logout")


def _help(story: Story, at: float, officer: int) -> None:
    """Let a member vote on the officer's device; one who has no code is sent one there and then."""
    rng = story.world.streams["offices"]
    waiting = story.waiting()
    if not waiting:
        return
    member = int(rng.choice(waiting))
    if story.holds_code[member]:
        _vote_at_the_stall(story, at, member, officer)
        return
    story.asked_at[member] = at - MINUTE
    story.is_reissued[member] = True
    story.reissue(at, member, "member_request", officer)
    story.later(at + rng.uniform(*CODE_AT_HAND_S), lambda at: _vote_at_the_stall(story, at, member, officer))


def _vote_at_the_stall(story: Story, at: float, member: int, officer: int) -> None:
    if not story.has_ballot[member] and not story.is_taken[member]:
        story.notes.setdefault("helped", []).append(member)
        story.cast(at, member, "self", line(officer), device=f"stall {officer}")


def _maybe_void(story: Story, at: float, member: int) -> None:
    """Let a voter ask for the ballot to be voided, which an officer does at one of the next sittings."""
    world, rng = story.world, story.world.streams["voids"]
    wants, delay = rng.random() < world.setting.voided_share, rng.exponential(WISHES_BACK_S)
    if wants and member not in story.voided_at:
        story.asked_at[member] = at + delay
        story.later(world.attended(member, at + delay), lambda at: _void(story, at, member))


def _code_used(story: Story, member: int) -> int:
    """Give which of a member's codes the last ballot came with: another may have been sent since."""
    return next(ballot.code for ballot in reversed(story.ballots) if ballot.member == member)


def _maybe_ask_again(story: Story, at: float, member: int) -> None:
    """Let a voter who can't find the confirmation ask for a code, as if nothing had come in."""
    world, rng = story.world, story.world.streams["asking_again"]
    asks, delay = rng.random() < world.setting.asks_again, rng.exponential(LOOKS_FOR_IT_S)
    if asks and member not in story.voided_at:
        story.later(at + delay, lambda at: _ask_again(story, at, member))


def _ask_again(story: Story, at: float, member: int) -> None:
    if member in story.voided_at:
        return
    story.asked_at[member] = at
    story.notes.setdefault("asked_again", []).append(member)
    story.later(story.world.attended(member, at), story.reissue, member, "member_request")


def _void(story: Story, at: float, member: int) -> None:
    """Void a ballot and send another code; the voter mostly uses it."""
    world = story.world
    officer, rng = world.officer[member], world.streams["voids"]
    if story.is_taken[member]:
        return
    story.ballots.append(Ballot(at, member, "voided", "online", role(officer), line(officer), code=_code_used(story, member)))
    story.note(at, officer, "ballot_voided", member)
    story.voided_at[member] = at
    story.has_ballot[member], story.holds_code[member], story.is_reissued[member] = False, False, True
    sent = at + rng.uniform(MINUTE, 3 * MINUTE)
    story.later(sent, story.reissue, member, "member_request")
    if rng.random() > RECAST:
        return
    votes_at = sent + MINUTE + rng.lognormal(np.log(READY_MEDIAN_S), READY_SIGMA)
    story.later(votes_at, lambda at: story.vote(at, member, story.latest_wish[member]))

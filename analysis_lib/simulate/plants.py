"""What may be planted in a made-up selection. Each plant acts on the world as it then is, and is told to the truth."""

from __future__ import annotations

from analysis_lib.simulate.office_plants import plan_ghosts, plan_mailbox
from analysis_lib.simulate.story import Story
from analysis_lib.simulate.world import MINUTE

CHAIN_SESSIONS = 6
CHAIN_LOGOUT_S = 30 * MINUTE  # after the last change, when its ballot has been cast
REVERT_GAP_S = (2 * MINUTE, 20 * MINUTE)
CHAIN_DAYS = (7, 8, 9, 10, 11)  # days 8 to 12, counted from the day of the opening as day 1
CHAIN_HOURS = (10, 20)  # local hours between which a session starts
CHAIN_OFFICER = 1  # a local officer; number 0 is the procedures secretary
CHAIN_FOCUS = 20.0  # a member of the two branches it keeps to is so many times likelier to be picked
LATE_BALLOTS, LATE_MINUTES = 6, (1, 40)
BURST_BALLOTS, BURST_S, BURST_HOUR = 14, 10 * MINUTE, 3
BURST_NIGHTS = (6, 7, 8)


def plant(story: Story) -> None:
    """Put the plants that act before the close into the queue."""
    setting = story.world.setting
    if "reissue_chain" in setting.plants:
        _plan_chain(story)
    if "one_mailbox" in setting.plants:
        plan_mailbox(story)
    if "ghost_applications" in setting.plants:
        plan_ghosts(story)
    if "night_burst" in setting.plants:
        rng = story.world.streams["night_burst"]
        start = setting.local_seconds(int(rng.choice(BURST_NIGHTS)), BURST_HOUR)
        for number, gap in enumerate(sorted(rng.uniform(0, BURST_S, BURST_BALLOTS).tolist())):
            story.later(
                start + gap, lambda at, number=number: _cast_for_somebody(story, at, "self", f"fresh {number}", "night_burst")
            )


def plant_after_the_close(story: Story) -> None:
    """Cast ballots that the platform takes although the window has shut, for members who have not voted."""
    setting = story.world.setting
    if "late_ballots" not in setting.plants:
        return
    rng = story.world.streams["late_ballots"]
    delays = sorted(rng.uniform(LATE_MINUTES[0] * MINUTE, LATE_MINUTES[1] * MINUTE, LATE_BALLOTS).tolist())
    for delay in delays:
        at = setting.length_s + delay
        _cast_for_somebody(story, at, "local_officer", "office", "late_ballots")


def _cast(story: Story, at: float, member: int, role: str, network: str, name: str) -> None:
    story.is_taken[member] = True
    story.cast(at, member, role, network, name)


def _cast_for_somebody(story: Story, at: float, role: str, network: str, name: str) -> None:
    """Cast a ballot for a member who has not voted; the plant's name is that of its random stream."""
    if waiting := story.waiting():
        _cast(story, at, int(story.world.streams[name].choice(waiting)), role, network, name)


def _plan_chain(story: Story) -> None:
    """Let one administrator sit down six times on days 8 to 12, look at who has not voted, and take five of them each time."""
    setting, rng = story.world.setting, story.world.streams["reissue_chain"]
    sizes = [story.world.branch.count(b) for b in range(setting.n_branches)]
    focus = rng.choice(setting.n_branches, 2, replace=False, p=[size / setting.n_members for size in sizes]).tolist()
    days = [*CHAIN_DAYS, int(rng.choice(CHAIN_DAYS))][:CHAIN_SESSIONS]
    for session, day in enumerate(sorted(days)):
        n_members = len(range(session, setting.chain_members, CHAIN_SESSIONS))
        if not n_members:
            continue
        at = setting.local_seconds(day, rng.uniform(*CHAIN_HOURS))
        story.later(at, story.note, CHAIN_OFFICER, "login")
        story.later(at + MINUTE, story.note, CHAIN_OFFICER, "view_turnout_list")
        for _ in range(n_members):
            at += rng.uniform(3, 12) * MINUTE
            gaps = (rng.uniform(2, 9) * MINUTE, rng.uniform(1, 8) * MINUTE)
            story.later(at, lambda at, gaps=gaps: _chain_change(story, at, focus, gaps))
        if setting.office_log:
            story.later(at + CHAIN_LOGOUT_S, story.note, CHAIN_OFFICER, "logout")


def _chain_change(story: Story, at: float, focus: list[int], gaps: tuple[float, float]) -> None:
    """Write another address over that of a member who has not voted at this instant."""
    waiting = [m for m in story.waiting() if m not in {c.member for c in story.changes if c.plant}]
    if not waiting:
        return
    weight = [CHAIN_FOCUS if story.world.branch[m] in focus else 1 for m in waiting]
    member = int(story.world.streams["reissue_chain"].choice(waiting, p=[w / sum(weight) for w in weight]))
    story.change(at, member, CHAIN_OFFICER, "none_found", "reissue_chain", edit="different_person_name")
    story.later(at + gaps[0], lambda at: _chain_reissue(story, at, member, gaps[1]))


def _chain_reissue(story: Story, at: float, member: int, delay: float) -> None:
    """Send a new code there, unless the member has voted meanwhile; the code the member holds stops working."""
    if story.has_ballot[member] or story.is_taken[member]:
        return
    story.is_taken[member], story.holds_code[member] = True, False
    arrival = at + min(story.world.transit_s[member], delay / 2)
    story.code[member] += 1
    story.log_code(at, member, "reissued_new", "admin_initiated", CHAIN_OFFICER, plant="reissue_chain")
    story.log_code(arrival, member, "delivered", plant="reissue_chain")
    story.note(at, CHAIN_OFFICER, "credential_resent", member)
    story.later(at + delay, lambda at: _cast(story, at, member, "self", f"officer {CHAIN_OFFICER}", "reissue_chain"))
    rng = story.world.streams["chain_reverts"]
    if rng.random() < story.world.setting.chain_reverts:
        old = next(c.old for c in reversed(story.changes) if c.member == member and c.plant == "reissue_chain")
        edit = "removed" if old is None else "other"
        gap = rng.uniform(*REVERT_GAP_S)
        story.later(
            at + delay + gap,
            lambda at: story.change(at, member, CHAIN_OFFICER, "none_found", "reissue_chain", edit=edit, new=old),
        )

"""Plants that need the roll's contacts or applications for the online vote."""

from __future__ import annotations

from analysis_lib.simulate.people import line
from analysis_lib.simulate.setting import DAY
from analysis_lib.simulate.story import INVITATION, Application, Story
from analysis_lib.simulate.world import MINUTE

MAILBOX_OFFICER, MAILBOX_DAYS, MAILBOX_HOURS = 1, (3, 6), (10, 20)
GHOST_OFFICER, GHOST_DAY, GHOST_HOURS = 1, -4, (13, 17)
GHOST_VOTES_DAYS, GHOST_VOTES_HOURS = (2, 11), (10, 21)


def plan_mailbox(story: Story) -> None:
    """Let one administrator write one e-mail address over those of several members who have not voted."""
    setting, rng = story.world.setting, story.world.streams["one_mailbox"]
    at = setting.local_seconds(int(rng.integers(*MAILBOX_DAYS)), rng.uniform(*MAILBOX_HOURS))
    story.later(at, story.note, MAILBOX_OFFICER, "login")
    for _ in range(setting.mailbox_members):
        at += rng.uniform(1, 6) * MINUTE
        story.later(at, lambda at: _write_the_mailbox(story, at))
    if setting.office_log:
        story.later(at + 5 * MINUTE, story.note, MAILBOX_OFFICER, "logout")


def _write_the_mailbox(story: Story, at: float) -> None:
    taken = {c.member for c in story.changes if c.plant}
    if waiting := [m for m in story.waiting() if m not in taken]:
        member = int(story.world.streams["one_mailbox"].choice(waiting))
        story.change(at, member, MAILBOX_OFFICER, "none_found", "one_mailbox", edit="different_person_name", new="one mailbox")


def plan_ghosts(story: Story) -> None:
    """Apply in the name of members who never did, within an afternoon and from one line, and vote for them later."""
    setting, rng = story.world.setting, story.world.streams["ghost_applications"]
    barred = story.people.ineligible
    applied = {a.member for a in story.applications}
    free = [m for m, hall in enumerate(story.world.in_hall) if not hall and m not in applied and m not in barred]
    members = rng.choice(free, min(setting.ghosts, len(free)), replace=False).tolist()
    for member in members:
        at = setting.local_seconds(GHOST_DAY, rng.uniform(*GHOST_HOURS))
        contact, decided_at = f"ghost {member}", at + rng.uniform(0.2, 2) * DAY
        network = line(GHOST_OFFICER)
        story.applications.append(
            Application(at, member, "web_form", contact, network, "granted", decided_at, "ghost_applications")
        )
        story.is_online[member] = story.is_taken[member] = True
        story.contacts.redirected[member] = ("email", contact)
        story.later(story.world.issued_at[member], lambda at, member=member: _issue(story, at, member))
        day, hour = int(rng.integers(*GHOST_VOTES_DAYS)), rng.uniform(*GHOST_VOTES_HOURS)
        story.later(setting.local_seconds(day, hour), lambda at, member=member: _vote(story, at, member))


def _issue(story: Story, at: float, member: int) -> None:
    """Send the code to the address given with the application."""
    story.code[member] = 1
    more = {"plant": "ghost_applications", "message": INVITATION}
    story.log_code(at, member, "issued", "bulk_issue", **more)
    story.log_code(at + story.world.transit_s[member], member, "delivered", **more)


def _vote(story: Story, at: float, member: int) -> None:
    if not story.has_ballot[member] and member not in story.has_left:
        story.cast(at, member, "self", line(GHOST_OFFICER), "ghost_applications")

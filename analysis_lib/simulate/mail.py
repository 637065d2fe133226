"""Messages that members open and links they follow, as far as their mail programs let the platform see it."""

from __future__ import annotations

import numpy as np

from analysis_lib.simulate.setting import HOUR
from analysis_lib.simulate.story import Credential, Story

NEVER_READS = 0.6  # chance that a message stays unopened by a member without any urge to vote
OPENING_MEDIAN_S, OPENING_SIGMA = 3 * HOUR, 1.5  # log-normal delay
FOLLOWS, FOLLOWS_S = 0.3, (5, 60)  # of those who open a message: look at the voting page too


def plan_mail(story: Story) -> None:
    """Draw whose mail program tells, and let those members open what reaches them."""
    world = story.world
    tells = world.streams["mail"].random(world.setting.n_members) < world.setting.tracked
    story.on_arrival.append(lambda sent: _arrive(story, sent) if tells[sent.member] else None)


def _arrive(story: Story, sent: Credential) -> None:
    """Let a member open a message some time, or never; what comes with a lost letter's code is never seen."""
    world, rng = story.world, story.world.streams["mail"]
    reads = rng.random() > NEVER_READS * np.exp(-world.urge[sent.member])
    delay, follows, gap = rng.lognormal(np.log(OPENING_MEDIAN_S), OPENING_SIGMA), rng.random() < FOLLOWS, rng.uniform(*FOLLOWS_S)
    is_lost = world.letter[sent.member] == "lost" and sent.code == 1
    if reads and not is_lost:
        story.later(sent.at + delay, lambda at: _see(story, at, sent, "opened"))
        if follows:
            story.later(sent.at + delay + gap, lambda at: _see(story, at, sent, "clicked"))


def _see(story: Story, at: float, sent: Credential, event: str) -> None:
    if not (story.has_ballot[sent.member] or sent.member in story.has_left):
        story.log_code(at, sent.member, event, code=sent.code, message=sent.message)

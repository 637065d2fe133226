"""What really happened in a told story: kept beside the tables, never in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from analysis_lib.simulate.frames import Keys, branch_name, in_order
from analysis_lib.simulate.setting import PLANTS
from analysis_lib.simulate.story import Story


def make_truth(story: Story, keys: Keys) -> dict[str, Any]:
    """Give latent facts, counts and planted row ids, in values that go into JSON; members by voter key."""
    world, setting = story.world, story.world.setting
    by_letter = {
        fate: [m for m, f in enumerate(world.letter) if f == fate and not world.in_hall[m]] for fate in ("lost", "bounced")
    }
    homes = Counter(world.household)
    reissues = Counter(c.trigger for c in story.credentials if c.event == "reissued_new")
    online = [b for b in story.ballots if b.channel == "online"]
    return {
        "plants": sorted(setting.plants),
        "counts": {
            "members": setting.n_members,
            "codes_issued": sum(not hall for hall in world.in_hall),
            "ballots_online": len(online),
            "ballots_after_close": sum(b.at >= setting.length_s for b in online),
            "ballots_in_hall": len(story.ballots) - len(online),
            "letters_lost": len(by_letter["lost"]),
            "letters_bounced": len(by_letter["bounced"]),
            "requests": len(story.asked),
            "reissues": dict(sorted(reissues.items())),
            "contact_changes": len(story.changes),
        },
        "members": {
            "chose_hall": _keyed(keys, (m for m, hall in enumerate(world.in_hall) if hall)),
            "letter_lost": _keyed(keys, by_letter["lost"]),
            "letter_bounced": _keyed(keys, by_letter["bounced"]),
            "asked": _keyed(keys, story.asked),
            "found_used": _keyed(keys, story.found_used),
        },
        "households": [_keyed(keys, (m, m + 1)) for m, n in sorted(homes.items()) if n == 2],
        "branch_factor": {branch_name(b): round(f, 6) for b, f in enumerate(world.branch_factor.tolist())},
        "hourly_noise": [round(multiplier, 6) for multiplier in world.noise.tolist()],
        "planted": {name: _planted(story, keys, name) for name in PLANTS if name in setting.plants},
    }


def _keyed(keys: Keys, members: Iterable[int]) -> list[str]:
    return sorted(keys("member", m) for m in members)


def _planted(story: Story, keys: Keys, name: str) -> dict[str, Any]:
    """List the ids of the rows that one plant put into each table, numbered as the tables number them, and whose they are."""
    logs = {
        "ballot_events": ("b", story.ballots),
        "credential_events": ("c", story.credentials),
        "contact_changes": ("m", story.changes),
    }
    rows: dict[str, Any] = {
        table: [f"{letter}{number:05d}" for number, event in enumerate(in_order(events), start=1) if event.plant == name]
        for table, (letter, events) in logs.items()
    }
    own = [event for _, events in logs.values() for event in events if event.plant == name]
    officers = {event.officer for event in own if getattr(event, "officer", None) is not None}
    return rows | {
        "voter_keys": _keyed(keys, {event.member for event in own}),
        "actor_keys": sorted(keys("officer", officer) for officer in officers),
        "first_s": round(min((event.at for event in own), default=0.0), 3),  # seconds since the opening
    }

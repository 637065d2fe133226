"""What really happened in a told story: kept beside the tables, never in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from analysis_lib.simulate.frames import Keys, branch_name, in_order
from analysis_lib.simulate.setting import OFFICE_PLANTS, PLANTS
from analysis_lib.simulate.story import Story
from analysis_lib.simulate.world import BUSY_OFFICER


def make_truth(story: Story, keys: Keys) -> dict[str, Any]:
    """Give latent facts, counts and planted row ids, in values that go into JSON; members by voter key."""
    world, setting = story.world, story.world.setting
    by_letter = {
        fate: [m for m, f in enumerate(world.letter) if f == fate and story.is_online[m]] for fate in ("lost", "bounced")
    }
    homes = Counter(world.household)
    reissues = Counter(c.trigger for c in story.credentials if c.event == "reissued_new")
    cast = [b for b in story.ballots if b.event != "voided"]
    online = [b for b in cast if b.channel == "online"]
    truth: dict[str, Any] = {
        "plants": sorted(setting.plants),
        "counts": {
            "members": setting.n_members,
            "codes_issued": sum(story.is_online),
            "ballots_online": len(online),
            "ballots_after_close": sum(b.at >= setting.length_s for b in online),
            "ballots_in_hall": len(cast) - len(online),
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
        "planted": {name: _planted(story, keys, name) for name in (*PLANTS, *OFFICE_PLANTS) if name in setting.plants},
    }
    if told := _office_life(story, keys):
        truth["office_life"] = told
    return truth


def _office_life(story: Story, keys: Keys) -> dict[str, Any]:
    """Tell of the traits that are off by default: who was drawn for each, and to whom what happened."""
    setting, people, contacts = story.world.setting, story.people, story.contacts
    drawn: dict[str, Any] = {
        "affiliates": _keyed(keys, people.affiliates),
        "ineligible": {keys("member", m): reason for m, reason in sorted(people.ineligible.items())},
        "placeholders": _keyed(keys, people.placeholders),
        "care_home": _keyed(keys, people.care_home),
        "officers_at_home": {keys("officer", officer): keys("member", m) for officer, m in people.at_home.items()},
        "shared_mailboxes": [_keyed(keys, pair) for pair in contacts.shared],
        "left": _keyed(keys, story.has_left),
        "former": sorted(keys("member", person) for person in story.former),
        "roll_changes": dict(sorted(Counter(c.change for c in story.roll_changes).items())),
        "applied": _keyed(keys, {a.member for a in story.applications if not a.plant}),
        "refused": _keyed(keys, {a.member for a in story.applications if a.decision == "refused"}),
        "voided": _keyed(keys, story.voided_at),
        "recast": _keyed(keys, [b.member for b in story.ballots if b.event == "recast"]),
        **{name: _keyed(keys, members) for name, members in sorted(story.notes.items())},
    }
    if setting.busy_officer:
        drawn["busy_officer"] = keys("officer", BUSY_OFFICER)
    if setting.history_days and story.changes:
        drawn["changes_before_the_opening"] = sum(c.at < 0 for c in story.changes)
    return {name: value for name, value in drawn.items() if value}


def _keyed(keys: Keys, members: Iterable[int]) -> list[str]:
    return sorted(keys("member", m) for m in members)


def _planted(story: Story, keys: Keys, name: str) -> dict[str, Any]:
    """List the ids of the rows that one plant put into each table, numbered as the tables number them, and whose they are."""
    logs: dict[str, tuple[str, list[Any]]] = {
        "ballot_events": ("b", story.ballots),
        "credential_events": ("c", story.credentials),
        "contact_changes": ("m", story.changes),
    }
    if story.applications:
        logs["vote_applications"] = ("p", story.applications)
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

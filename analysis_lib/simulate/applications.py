"""Applications for the online vote, and what members say when they are asked afterwards."""

from __future__ import annotations

from typing import Any

import numpy as np

from analysis_lib.simulate.frames import Keys, microseconds, stamp
from analysis_lib.simulate.setting import DAY, HOUR, HOUR_OF_DAY
from analysis_lib.simulate.story import Application, Story
from analysis_lib.simulate.world import MINUTE

OPEN_DAYS = (-14, -3)  # applications come in from one day to the other, counted from the opening
WISH = 3.0  # a member applies with chance 1 - exp(-WISH * urge) before a floor
FLOOR = 0.25  # applies whatever the urge, being used to it
ALONG, ALONG_S = 0.6, 5 * MINUTE  # of housemates: apply along
VIAS = {"web_form": 0.78, "email": 0.08, "phone": 0.05, "paper": 0.05, "officer_on_behalf": 0.04}
REFUSED, AGAIN, OTHER_ADDRESS = 0.02, 0.03, 0.04
DECIDED_AFTER_S = 12 * HOUR
OUTCOMES = {"reached": 0.65, "unreachable": 0.22, "refused": 0.1, "moved": 0.03}
MISREPORT, UNSURE = 0.01, 0.02
ASKED_DAYS = (5, 20)  # after the close


def plan_applications(story: Story) -> None:
    """Let members apply in time of their own; only those whose application is granted will be sent a code."""
    setting, world = story.world.setting, story.world
    rng, n = world.streams["applying"], setting.n_members
    applies = rng.random(n) < FLOOR + (1 - FLOOR) * -np.expm1(-WISH * np.array(world.urge))
    days = rng.integers(*OPEN_DAYS, n).tolist()
    hours = (rng.choice(24, n, p=HOUR_OF_DAY / HOUR_OF_DAY.sum()) + rng.random(n)).tolist()
    vias = rng.choice(list(VIAS), n, p=list(VIAS.values())).tolist()
    is_refused, again, elsewhere, along = rng.random((4, n)).tolist()
    decided, delay = rng.exponential((DECIDED_AFTER_S, ALONG_S), (n, 2)).T.tolist()
    at_of: dict[int, float] = {}
    joined = {c.person: c.at for c in story.roll_changes if c.change in ("added", "transferred_in")}
    for member in range(n):
        if not story.is_online[member]:
            continue
        story.is_online[member] = False
        at = setting.local_seconds(days[member], hours[member])
        mate = world.household[member]
        if mate in at_of and along[member] < ALONG:
            at = at_of[mate] + MINUTE + delay[member]
        elif not applies[member]:
            continue
        at = max(at, joined.get(member, at) + delay[member] * 60)
        at_of[member] = at
        decision = "refused" if is_refused[member] < REFUSED else "granted"
        story.is_online[member] = decision == "granted"
        mailbox = story.contacts.held["email"][member]  # changes of the earlier period come later in the telling
        contact = f"another of {member}" if mailbox is None or elsewhere[member] < OTHER_ADDRESS else mailbox
        if contact != mailbox and story.is_online[member]:
            story.contacts.redirected[member] = ("email", contact)
        network = world.network[member] if vias[member] in ("web_form", "email") else ""
        decided_at = min(at + decided[member], -DAY - MINUTE)
        story.applications.append(Application(at, member, vias[member], contact, network, decision, max(decided_at, at), ""))
        if again[member] < AGAIN:
            at += delay[member] * 20
            story.applications.append(
                Application(at, member, vias[member], contact, network, "duplicate", max(decided_at, at), "")
            )


def application_rows(story: Story, keys: Keys) -> list[dict[str, Any]]:
    """Give the rows of the applications, in order of time."""
    setting = story.world.setting
    return [
        {
            "application_id": f"p{number:05d}",
            "voter_key": keys("member", a.member),
            "channel_requested": "online",
            "at": stamp(setting, a.at),
            "submitted_via": a.via,
            "contact_key": keys("email", a.contact) if setting.contacts else None,
            "ip_key": keys("network", a.network) if a.network else None,
            "decision": a.decision,
            "decided_at": stamp(setting, a.decided_at),
        }
        for number, a in enumerate(sorted(story.applications, key=lambda a: a.at), start=1)
    ]


def survey_rows(story: Story, keys: Keys) -> list[dict[str, Any]]:
    """Ask members picked by lot: they say what they did, but for a few who err; some are not reached."""
    setting, rng = story.world.setting, story.world.streams["asking"]
    n = min(setting.survey, setting.n_members)
    members = np.sort(rng.choice(setting.n_members, n, replace=False)).tolist()
    outcomes = rng.choice(list(OUTCOMES), n, p=list(OUTCOMES.values())).tolist()
    waits = rng.uniform(*ASKED_DAYS, n).tolist()
    errs = rng.random((4, n)).tolist()
    own = {b.member: b for b in story.standing() if not b.plant}
    helped = set(story.notes.get("helped", ()))
    applied = {a.member for a in story.applications if not a.plant}
    received = {c.member for c in story.credentials if c.event == "delivered" and not c.plant}
    received -= {m for m, fate in enumerate(story.world.letter) if fate == "lost" and not story.is_reissued[m]}
    changed = {c.member for c in story.changes if c.officer is None or c.evidence == "member_request_logged"}
    rows = []
    for number, (member, outcome, wait) in enumerate(zip(members, outcomes, waits, strict=True)):
        voted, asked_for, got, moved = (u[number] for u in errs)
        row: dict[str, Any] = {
            "confirmation_id": f"q{number + 1:05d}",
            "voter_key": keys("member", member),
            "contacted_at": microseconds(setting.closes_at) + int(wait * DAY) * 1_000_000,
            "mode": "phone",
            "sampling": "random",
            "contact_outcome": outcome,
        }
        if outcome == "reached":
            says_voted = _said("yes", "no", member in own, voted)
            if says_voted == "yes":
                says_voted = "yes_with_help" if member in helped else "yes_self"
                row["says_channel"] = own[member].channel if member in own else "unknown"
            row |= {
                "says_voted": says_voted,
                "says_applied": _said("yes", "no", member in applied, asked_for) if setting.applications else None,
                "says_received_credential": _said("yes", "no", member in received, got),
                "says_changed_contact": _said("yes", "no", member in changed, moved),
            }
        rows.append(row)
    return rows


def _said(yes: str, no: str, is_so: bool, u: float) -> str:
    """Give an answer: the true one, but for a few who err and a few who don't know."""
    if u < MISREPORT:
        is_so = not is_so
    elif u < MISREPORT + UNSURE:
        return "unsure"
    return yes if is_so else no

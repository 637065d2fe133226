"""Members out of the ordinary, and officers who work from home: what is settled before anything happens."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

import numpy as np

from analysis_lib.simulate.setting import Setting
from analysis_lib.simulate.world import World

AFFILIATE_BRANCHES, AFFILIATE_URGE = 3, 0.35  # most of them live in few branches; their urge to vote, as a share of the others'
AFFILIATE_FOCUS = 8.0
INELIGIBLE = ("arrears", "deceased", "suspended", "lapsed")
WORKS_FROM_HOME = 0.5  # of the officers: also a member, with a line that the household votes by


@dataclass(frozen=True)
class People:
    """Who is out of the ordinary; empty where no such trait is on."""

    affiliates: frozenset[int] = frozenset()
    ineligible: dict[int, str] = field(default_factory=dict)  # member: reason
    placeholders: frozenset[int] = frozenset()
    care_home: tuple[int, ...] = ()
    at_home: dict[int, int] = field(default_factory=dict)  # officer: the member who is that officer


def line(officer: int) -> str:
    """Name the line by which an officer works; where that is at home, the household votes by it too."""
    return f"officer {officer}"


def make_people(world: World) -> tuple[World, People]:
    """Draw who is out of the ordinary, and give the world as it then is."""
    setting, rng = world.setting, world.streams["people"]
    if not _is_needed(setting):
        return world, People()
    branches = rng.choice(setting.n_branches, min(AFFILIATE_BRANCHES, setting.n_branches), replace=False).tolist()
    left = set(range(setting.n_members))

    def drawn(n: int, among: set[int]) -> list[int]:
        picked = rng.choice(sorted(among), min(n, len(among)), replace=False).tolist()
        left.difference_update(picked)
        return picked

    homes = Counter(world.household)
    alone = {m for m in left if homes[world.household[m]] == 1}
    care_home = drawn(setting.care_home, alone)
    weight = np.array([AFFILIATE_FOCUS if world.branch[m] in branches else 1.0 for m in sorted(left)])
    affiliates = rng.choice(sorted(left), setting.affiliates, replace=False, p=weight / weight.sum()).tolist()
    left.difference_update(affiliates)
    ineligible = {m: INELIGIBLE[i % len(INELIGIBLE)] for i, m in enumerate(drawn(setting.ineligible, left))}
    placeholders = drawn(setting.placeholders, {m for m in left if not world.in_hall[m]})
    works = (rng.random(setting.n_administrators) < WORKS_FROM_HOME).tolist()
    at_home = {n: drawn(1, left)[0] for n, is_home in enumerate(works) if is_home and setting.office_log}
    network, urge, letter, household = (list(values) for values in (world.network, world.urge, world.letter, world.household))
    for member in care_home:
        network[member] = f"home {household[care_home[0]]}"
    for officer, member in at_home.items():
        for mate in [m for m, home in enumerate(household) if home == household[member]]:
            network[mate] = line(officer)
    for member in affiliates:
        urge[member] *= AFFILIATE_URGE
    for member in placeholders:
        letter[member] = "bounced"
    comes = [is_there and m not in ineligible for m, is_there in enumerate(world.comes_to_hall)]
    changed = replace(world, network=network, urge=urge, letter=letter, comes_to_hall=comes)
    return changed, People(frozenset(affiliates), ineligible, frozenset(placeholders), tuple(care_home), at_home)


def _is_needed(setting: Setting) -> bool:
    return setting.office_log or bool(setting.affiliates + setting.ineligible + setting.placeholders + setting.care_home)

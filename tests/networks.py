"""Made-up contests in which members share networks for ordinary reasons: households, workplaces, mobile operators, a hall."""

from __future__ import annotations

import numpy as np

MOBILE, WORK, TURNOUT = 0.15, 0.03, 0.65
GATEWAYS = 8


def voters(rng, n_members, name, *, mobile=MOBILE, operators=True):
    """Ballots of one contest as rows: voter, network, operator. 30 % couples, 5 % of three to five; the hall is a batch."""
    rows, home = [], 0
    works = rng.integers(2, 5)
    while len(rows) < n_members:
        draw, home = rng.random(), home + 1
        for _ in range(2 if draw < 0.30 else rng.integers(3, 6) if draw < 0.35 else 1):
            kind = rng.random()
            network, operator = f"{name} home {home}", int(64500 + home % 4)
            if kind < mobile:
                gateway = int(rng.integers(GATEWAYS))
                network, operator = f"gateway {gateway}", 64510 + gateway // 4
            elif kind > 1 - WORK:
                network, operator = f"{name} work {rng.integers(works)}", 64500
            rows.append((f"{name} v{len(rows)}", network, operator if operators else None))
    return [row for row in rows[:n_members] if rng.random() < TURNOUT]


def planted(rng, rows, n, name="line 1"):
    """The same, with `n` of the ballots given over one line."""
    chosen = set(rng.choice(len(rows), n, replace=False).tolist())
    return [(v, name, 64501) if i in chosen else (v, network, asn) for i, (v, network, asn) in enumerate(rows)]


def sizes(rows):
    return np.unique([network for _, network, _ in rows], return_counts=True)[1]

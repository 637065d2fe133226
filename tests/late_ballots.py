"""Made-up contests whose ballots have a choice, a branch and an hour: made forwards in time, a drift and late branches included."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
from cases import utc

OPENS, DAYS = utc("2031-10-06 11:00"), 10
CLOSES = OPENS + timedelta(days=DAYS)
WINDOW = {"channel": "all", "kind": "voting", "basis": "advertised", "opens_at": OPENS, "closes_at": CLOSES}
BRANCHES = ("North", "South", "Young")


def contest(
    rng: np.random.Generator, n_on_time: int, n_late: int, *, drift: float = 0.0, young: float = 0.0, jump: float = 0.0,
    wobble: float = 0.0, candidates: tuple[str, ...] = ("A", "B"), every_h: int = 12,
) -> pl.DataFrame:  # fmt: skip
    """Ballots one by one: ``at_days`` (from the close), ``stratum``, ``candidate``, ``is_late``.

    `drift`: change of the log odds of A over the window; `young`: how much more the young branch votes late (it prefers A);
    `jump`: of the log odds of A after the close; `wobble`: standard deviation of the log odds of A from day to day.
    """
    at = np.sort(np.concatenate([-DAYS * rng.random(n_on_time), rng.uniform(0.001, 0.03, n_late)]))
    step = every_h / 24
    at = np.where(at < 0, np.floor(at / step) * step + step / 2, 0.01)
    progress = 1 + np.minimum(at, 0) / DAYS
    weight = np.stack([np.ones(at.size), np.ones(at.size), np.exp(young * (2 * progress - 1))], axis=1)
    stratum = (rng.random(at.size)[:, None] > (weight / weight.sum(axis=1, keepdims=True)).cumsum(axis=1)).sum(axis=1)
    daily = rng.normal(0, wobble, DAYS + 2)[np.floor(at + DAYS).astype(int)] if wobble else 0.0
    eta = np.zeros((at.size, len(candidates)))
    eta[:, 0] = 0.3 + drift * progress + 0.8 * (stratum == 2) * bool(young) + jump * (at > 0) + daily
    chance = np.exp(eta) / np.exp(eta).sum(axis=1, keepdims=True)
    chosen = (rng.random(at.size)[:, None] > chance.cumsum(axis=1)).sum(axis=1)
    return pl.DataFrame(
        {
            "at_days": at,
            "stratum": [BRANCHES[s] for s in stratum],
            "candidate": [candidates[c] for c in chosen],
            "is_late": at > 0,
        }
    )


def counted(ballots: pl.DataFrame) -> pl.DataFrame:
    """The same as counts, in order."""
    by = ["stratum", "is_late", "candidate", "at_days"]
    return ballots.group_by(by).agg(n=pl.len().cast(pl.Int64)).sort(by)


def as_choices(ballots: pl.DataFrame, **more: object) -> list[dict]:
    """Rows of ballot_choices: one ballot each, its time as the start of its span of twelve hours; late ones in a span after the close."""
    return [
        {
            "ballot_id": f"b{i:05d}", "rank": 1, "candidate_id": row["candidate"], "channel": "online", "valid": True,
            "cast_bin": CLOSES if row["is_late"] else CLOSES + timedelta(days=row["at_days"] - 0.25),
        } | more
        for i, row in enumerate(ballots.iter_rows(named=True))
    ]  # fmt: skip

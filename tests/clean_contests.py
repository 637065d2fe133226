"""Clean contests made forwards in time, with the habits that real ones have: lively hours that last, couples, answers to messages.

Arrays only: stamps in seconds since the opening and the hourly counts of peers that keep the same habits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import gamma, norm

from analysis_lib.stats.turnout_baseline import Hours

STEP_S = 300
A_MINUTE, ALONG_S = 60, 300  # a housemate votes a minute later, and then some


@dataclass(frozen=True)
class Habits:
    """`drift`: correlation of one hour's liveliness with the next; `along`: share of ballots that follow a housemate's."""

    hours: int = 336
    noise_cv: float = 0.6
    drift: float = 0.0
    along: float = 0.0
    messages: tuple[float, ...] = ()  # hours since the opening
    lift: float = 0.0
    fade_h: float = 0.33

    @property
    def clock(self) -> Hours:
        return Hours((np.arange(self.hours) + 12) % 24, np.array(self.messages))


def pace(habits: Habits) -> NDArray:
    """Expected share of ballots in each five minutes, before noise: a day, its nights, a lively start and end, and messages."""
    t = (np.arange(habits.hours * 12) + 0.5) / 12
    angle = 2 * np.pi * ((np.floor(t) + 12) % 24 + 0.5) / 24
    rate = np.exp(-0.9 * np.sin(angle) - 0.8 * np.cos(angle) - 0.3 * np.cos(2 * angle))
    rate *= np.where(t < 24, 1.6, np.where(t >= habits.hours - 24, 1.5, 1.0))
    for sent in habits.messages:
        rate *= 1 + np.where(t >= sent, habits.lift * np.exp(-np.maximum(t - sent, 0) / habits.fade_h), 0)
    return rate / rate.sum()


def liveliness(habits: Habits, rng: np.random.Generator) -> NDArray:
    """One gamma multiplier for each hour, each leaning on the one before by way of normal scores."""
    if habits.noise_cv == 0:
        return np.ones(habits.hours)
    z = rng.standard_normal(habits.hours)
    for i in range(1, habits.hours):
        z[i] = habits.drift * z[i - 1] + np.sqrt(1 - habits.drift**2) * z[i]
    shape = 1 / habits.noise_cv**2
    return gamma.ppf(norm.cdf(z), shape, scale=1 / shape)


def stamps(habits: Habits, n: int, rng: np.random.Generator) -> NDArray:
    """`n` ballots of one contest, sorted, in whole seconds since the opening."""
    rates = pace(habits) * np.repeat(liveliness(habits, rng), 12)
    n_along = rng.binomial(n, habits.along)
    at = rng.choice(rates.size, n - n_along, p=rates / rates.sum()) * STEP_S + rng.uniform(0, STEP_S, n - n_along)
    along = rng.choice(at, n_along, replace=False) + A_MINUTE + rng.exponential(ALONG_S, n_along)
    end = habits.hours * 3600
    return np.sort(np.r_[at, np.where(along < end, along, 2 * end - 1 - along)]).astype(np.int64)


def peers(habits: Habits, n: int, rng: np.random.Generator, n_peers: int = 20) -> list[NDArray]:
    """Hourly counts of so many peers, from 0.6 to 1.6 times as large."""
    edges = np.arange(habits.hours + 1) * 3600
    return [np.histogram(stamps(habits, round(n * rng.uniform(0.6, 1.6)), rng), edges)[0] for _ in range(n_peers)]

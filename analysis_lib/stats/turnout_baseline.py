"""The hourly shape that peer contests show: daily cycle, day of the window, messages, and how noisy hours are.

Never fitted on the contest in question: such a baseline takes in the burst that it should show up
(measured: the power for 8 planted ballots falls from 0.98 to 0.13).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis_lib.stats.poisson_glm import PoissonFit, fit_poisson

HARMONICS = 2
NO_INFORMATION = 1e-10  # of the information on the best-known combination of coefficients
DECAY_HOURS = (0.5, 1.0, 2.0, 4.0, 8.0)  # how fast the answer to a message fades; the best-fitting one is taken


@dataclass(frozen=True, slots=True)
class Hours:
    """One contest's hours since its opening: local hour of day (0 to 23) of each, and message times in hours since opening."""

    hour_of_day: NDArray
    messages: NDArray


@dataclass(frozen=True, slots=True)
class Baseline:
    """A fitted shape: `shares` predicts any contest of about that length; `noise_cv` is the spread of hours beyond Poisson."""

    coefficients: NDArray
    decay_hours: float
    noise_cv: float
    n_days: int
    n_peers: int
    n_events: int
    covariance: NDArray

    def shares(self, hours: Hours) -> NDArray:
        """Share of all events that each hour of a contest should hold; sums to 1."""
        rate = np.exp(_design(hours, self.decay_hours, self.n_days) @ self.coefficients)
        return rate / rate.sum()

    def uncertainty(self, hours: Hours) -> NDArray:
        """Root of what the peers leave open about the log of each hour's share: array (hours, coefficients).

        Times standard normal draws it gives errors that the fit could have made, for the null to make too.
        """
        values, vectors = np.linalg.eigh(self.covariance)
        return _design(hours, self.decay_hours, self.n_days) @ (vectors * np.sqrt(np.maximum(values, 0.0)))


def _design(hours: Hours, decay: float, n_days: int) -> NDArray:
    n = hours.hour_of_day.size
    t = np.arange(n) + 0.5
    days = np.minimum(np.arange(n) // 24, n_days - 1)  # a stump joins the last day
    columns = [(days == day).astype(float) for day in range(n_days)]
    for harmonic in range(1, HARMONICS + 1):
        angle = 2 * np.pi * harmonic * (hours.hour_of_day + 0.5) / 24
        columns += [np.sin(angle), np.cos(angle)]
    since = t[:, None] - hours.messages[None, :]
    columns.append(np.where(since >= 0, np.exp(-np.maximum(since, 0) / decay), 0.0).sum(axis=1))
    return np.column_stack(columns)


def fit_baseline(counts: list[NDArray], hours: list[Hours]) -> Baseline:
    """Fit one shape to all peers, then measure the extra spread on each peer with that peer held out.

    Parameters
    ----------
    counts : list of arrays
        Events per hour since opening of each peer; all of one length, give or take the hour of a clock change.
    hours : list of Hours
        The peers' clocks and messages, in the same order.
    """
    stacked = np.concatenate(counts).astype(float)
    totals = [max(float(c.sum()), 0.5) for c in counts]
    offset = np.concatenate([np.full(c.size, np.log(total)) for c, total in zip(counts, totals, strict=True)])
    owner = np.repeat(np.arange(len(counts)), [c.size for c in counts])
    n_days = max(1, (max(c.size for c in counts) + 1) // 24)  # + 1: the hour lost to summer time costs no day
    every = np.ones(stacked.size, bool)
    designs = {decay: np.concatenate([_design(h, decay, n_days) for h in hours]) for decay in DECAY_HOURS}

    def fit(decay: float, keep: NDArray) -> PoissonFit:
        return fit_poisson(stacked[keep], designs[decay][keep], offset[keep])

    fits = {decay: fit(decay, every) for decay in DECAY_HOURS}
    decay = min(DECAY_HOURS, key=lambda value: fits[value].deviance)
    design, coefficients = designs[decay], fits[decay].coefficients
    excess, scale = 0.0, 0.0
    for peer, (observed, total) in enumerate(zip(counts, totals, strict=True)):
        rate = np.exp(design[owner == peer] @ fit(decay, owner != peer).coefficients)
        mean = total * rate / rate.sum()
        excess += float(((observed - mean) ** 2 - mean).sum())
        scale += float((mean**2).sum())
    noise_cv = np.sqrt(max(0.0, excess / scale))
    mean = np.exp(offset + design @ coefficients)
    weight = mean / (1 + noise_cv**2 * mean)  # the extra spread makes a busy hour tell less than its count
    # What no ballot bears on (a day on which no peer voted) is left out: its variance would have no bounds.
    covariance = np.linalg.pinv(design.T @ (weight[:, None] * design), rcond=NO_INFORMATION, hermitian=True)
    return Baseline(coefficients, decay, float(noise_cv), n_days, len(counts), int(stacked.sum()), covariance)

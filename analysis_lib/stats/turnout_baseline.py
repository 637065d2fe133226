"""The hourly shape that peer contests show: daily cycle, day of the window, messages, how noisy hours are, and for how long.

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
ANSWERED_H = 2  # hours after a message that its answers fill
LAGS = 6  # hours over which the noise is followed
FADINGS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)  # of lasting noise, from one hour to the next
DECAY_HOURS = (0.5, 1.0, 2.0, 4.0, 8.0)  # how fast the answer to a message fades; the best-fitting one is taken


@dataclass(frozen=True, slots=True)
class Hours:
    """One contest's hours since its opening: local hour of day (0 to 23) of each, and message times in hours since opening."""

    hour_of_day: NDArray
    messages: NDArray


@dataclass(frozen=True, slots=True)
class Noise:
    """How hours differ from their share: `fresh_cv`, drawn anew each hour, and a lasting part on the log scale.

    The lasting part has variance `lasting`, and its correlation over k hours is `fading` to the power of k.
    Peers whose noise doesn't last have `lasting` 0.
    """

    fresh_cv: float
    lasting: float = 0.0
    fading: float = 0.0

    def root(self, n: int) -> NDArray:
        """Root of the covariance of the lasting part over `n` hours: times standard normal draws it gives log multipliers."""
        hours = np.arange(n)
        innovation = np.where(hours > 0, np.sqrt(1 - self.fading**2), 1.0)
        since = hours[:, None] - hours[None, :]
        return np.sqrt(self.lasting) * np.where(since >= 0, self.fading ** np.maximum(since, 0), 0.0) * innovation


@dataclass(frozen=True, slots=True)
class Baseline:
    """A fitted shape: `shares` predicts any contest of about that length; `noise_cv` is the spread of hours beyond Poisson.

    `noise` is the same spread in two parts, that of the single hour and that which lasts.
    """

    coefficients: NDArray
    decay_hours: float
    noise_cv: float
    n_days: int
    n_peers: int
    n_events: int
    covariance: NDArray
    noise: Noise

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

    def spread(self, hours: Hours) -> NDArray:
        """Root of all that moves the log of an hour's share but the fresh noise: array (hours, coefficients + hours)."""
        return np.hstack([self.uncertainty(hours), self.noise.root(hours.hour_of_day.size)])


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


def _answering(hours: Hours) -> NDArray:
    """Hours that lie within two hours after a message."""
    start = np.arange(hours.hour_of_day.size)
    since = start[:, None] - hours.messages[None, :]
    return ((since > -1) & (since < ANSWERED_H)).any(axis=1)


def noise_parts(covariances: NDArray) -> Noise:
    """Split hourly noise into a fresh and a lasting part.

    Parameters
    ----------
    covariances : array (1 + LAGS,)
        Of an hour's relative rate with that of the hour 0, 1, ... later, counting noise taken out.

    Notes
    -----
    For log-normal lasting noise and independent fresh noise log(1 + covariance) is the lasting variance
    times a power of the fading; least squares over the lags, on a grid of fadings.
    """
    logs = np.log1p(np.maximum(covariances, -0.5))
    lags, best = np.arange(1, logs.size), (np.inf, 0.0, 0.0)
    for fading in FADINGS:
        powers = fading**lags
        lasting = float(np.clip(logs[1:] @ powers / (powers @ powers), 0.0, max(logs[0], 0.0)))
        best = min(best, (float(((logs[1:] - lasting * powers) ** 2).sum()), lasting, fading))
    _, lasting, fading = best
    fresh = max(0.0, np.exp(logs[0] - lasting) - 1)
    return Noise(float(np.sqrt(fresh)), lasting, fading if lasting > 0 else 0.0)


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
    excess, scale = np.zeros(LAGS + 1), np.zeros(LAGS + 1)
    for peer, (observed, total) in enumerate(zip(counts, totals, strict=True)):
        rate = np.exp(design[owner == peer] @ fit(decay, owner != peer).coefficients)
        mean = total * rate / rate.sum()
        # Hours of answers to a message hold many events and fit least: a few of them would settle the noise of all.
        quiet = ~_answering(hours[peer])
        quiet |= not quiet.any()
        left, mean = np.where(quiet, observed - mean, 0.0), np.where(quiet, mean, 0.0)
        for lag in range(min(LAGS + 1, mean.size)):
            later = slice(lag, None), slice(None, mean.size - lag)
            excess[lag] += left[later[0]] @ left[later[1]] - (mean.sum() if lag == 0 else 0.0)
            scale[lag] += mean[later[0]] @ mean[later[1]]
    covariances = np.where(scale > 0, excess / np.where(scale > 0, scale, 1.0), 0.0)
    noise_cv = np.sqrt(max(0.0, covariances[0]))
    mean = np.exp(offset + design @ coefficients)
    weight = mean / (1 + noise_cv**2 * mean)  # the extra spread makes a busy hour tell less than its count
    # What no ballot bears on (a day on which no peer voted) is left out: its variance would have no bounds.
    covariance = np.linalg.pinv(design.T @ (weight[:, None] * design), rcond=NO_INFORMATION, hermitian=True)
    return Baseline(
        coefficients, decay, float(noise_cv), n_days, len(counts), int(stacked.sum()), covariance, noise_parts(covariances)
    )

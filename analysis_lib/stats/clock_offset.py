"""By how much does one clock differ from another? From stamps of the same events, from causes and effects, from spikes.

An offset is always the clock's own stamp less the time it is compared with, in seconds: below 0 where the clock is behind.

References
----------
.. [1] Moon, Skelly & Towsley (1999), INFOCOM (an offset is bounded by one-way delays, which are never negative).
.. [2] Mills (1991), IEEE Trans. Communications 39(10), 1482-1493 (the offset of paired stamps, and the drift of clocks).
.. [3] Jackson et al. (2005), IEEE Signal Processing Letters 12(2), 105-108 (the best partition of an interval, exactly).
.. [4] Sen (1968), J. American Statistical Association 63(324), 1379-1389 (the slope as a median of slopes).
.. [5] Pitman (1939), Biometrika 30, 391-421 (of a location, the interval from a flat prior covers at its nominal rate).
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

MAD_TO_SD = 1.482602218505602  # for a normal law
MOST_BLOCKS = 300  # more stamps than these are first put into blocks, each standing for its median
CALM = 5  # stamps of which the middle one counts
STEP_PRICE = 3.0  # times log(blocks): what a further step must gain in squared deviations
SLOPE_PRICE = 2.0
REACH_S, SPIKE_STEP_S = 14 * 3600, 300
LIFTS = np.array([0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0])
FADES_S = (900, 3600, 4 * 3600, 12 * 3600)
HOUR, DAY = 3600, 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class Offset:
    """An offset in seconds with its interval; `spread` is a robust standard deviation of single differences."""

    value: float
    low: float
    high: float
    n: int
    spread: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A stretch of time with one offset."""

    start: float
    end: float
    value: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How the offset went: `kind` is constant, steps or drift; `slope` is in seconds per hour, 0 unless it drifts."""

    kind: str
    segments: tuple[Segment, ...]
    slope: float


def paired_offset(differences: NDArray, confidence_level: float = 0.95) -> Offset:
    """Median of the differences between two stamps of the same events [2]_, with the interval of the sign test.

    The interval is exact for independent differences of any law, and wider than nominal where they tie.
    """
    values = np.sort(np.asarray(differences, float))
    n = values.size
    if not n:
        return Offset(value=math.nan, low=-math.inf, high=math.inf, n=0)
    middle = float(np.median(values))
    spread = MAD_TO_SD * float(np.median(np.abs(values - middle)))
    rank = int(binom.ppf((1 - confidence_level) / 2, n, 0.5))  # P(fewer than `rank` lie below the median) is at most half of it
    low, high = (float(values[rank - 1]), float(values[n - rank])) if rank else (-math.inf, math.inf)
    return Offset(value=middle, low=low, high=high, n=n, spread=spread)


def feasible_offset(after_cause: NDArray, before_effect: NDArray, *, n_spare: int = 0) -> tuple[float, float]:
    """Bounds of the offset from order alone: no effect is earlier than its cause [1]_.

    Parameters
    ----------
    after_cause : array
        The clock's stamp of an effect, less the time of its cause: none lies below the offset.
    before_effect : array
        The clock's stamp of a cause, less the time of its effect: none lies above the offset.
    n_spare : int
        So many on either side may break the order for reasons of their own and are passed over.

    Returns
    -------
    tuple of float
        `low, high`; infinite where nothing bounds it; `low > high` where no one offset keeps the order.
    """
    above, below = np.asarray(after_cause, float), np.asarray(before_effect, float)
    high = float(np.partition(above, n_spare)[n_spare]) if above.size > n_spare else math.inf
    low = float(-np.partition(-below, n_spare)[n_spare]) if below.size > n_spare else -math.inf
    return low, high


def offset_course(times_s: NDArray, differences: NDArray, *, floor_s: float = 1.0) -> Course:
    """Tell a constant offset from one that steps or drifts, by penalised least squares on medians of blocks.

    Parameters
    ----------
    times_s, differences : array
        When, and the clock's stamp less the other's.
    floor_s : float
        The least standard deviation of a block: the clocks' resolution.

    Returns
    -------
    Course
        Steps: the best partition under the penalty, found exactly [3]_. Drift: a line through the
        median of slopes [4]_, if that costs less.
    """
    times, values, sizes = _blocks(np.asarray(times_s, float), np.asarray(differences, float))
    n = times.size
    if n < 3:
        return Course(kind="constant", segments=(_segment(times, values, sizes, 0, n),) if n else (), slope=0.0)
    spread = max(MAD_TO_SD * float(np.median(np.abs(np.diff(values)))) / math.sqrt(2), floor_s)
    calm = _running_median(values)  # a single stamp far out is no step
    scaled = (calm - np.median(calm)) / spread
    bounds, cost = _best_partition(scaled, STEP_PRICE * math.log(n))
    slope = _median_slope(times, values)
    rest = calm - slope * times
    line = float(np.sum(((rest - rest.mean()) / spread) ** 2)) + SLOPE_PRICE * math.log(n)
    if line < cost:
        return Course(kind="drift", segments=(_segment(times, values, sizes, 0, n),), slope=slope * HOUR)
    parts = tuple(_segment(times, values, sizes, a, b) for a, b in itertools.pairwise(bounds))
    return Course(kind="constant" if len(parts) == 1 else "steps", segments=parts, slope=0.0)


def _blocks(times: NDArray, values: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    order = np.lexsort((values, times))
    parts = np.array_split(order, min(order.size, MOST_BLOCKS)) if order.size else []
    return (
        np.array([np.median(times[part]) for part in parts]),
        np.array([np.median(values[part]) for part in parts]),
        np.array([part.size for part in parts]),
    )


def _segment(times: NDArray, values: NDArray, sizes: NDArray, a: int, b: int) -> Segment:
    return Segment(start=float(times[a]), end=float(times[b - 1]), value=float(np.median(values[a:b])), n=int(sizes[a:b].sum()))


def _running_median(values: NDArray) -> NDArray:
    padded = np.pad(values, CALM // 2, mode="edge")
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, CALM), axis=1)


def _best_partition(values: NDArray, price: float) -> tuple[list[int], float]:
    """Bounds of the segments, 0 and n among them, that make squared deviations plus `price` per further segment least."""
    n = values.size
    sums, squares = np.concatenate([[0], values.cumsum()]), np.concatenate([[0], (values**2).cumsum()])
    best, last = np.full(n + 1, np.inf), np.zeros(n + 1, int)
    best[0] = -price  # the first segment is free
    for end in range(1, n + 1):
        start = np.arange(end)
        deviation = squares[end] - squares[start] - (sums[end] - sums[start]) ** 2 / (end - start)
        costs = best[:end] + deviation + price
        last[end] = int(np.argmin(costs))
        best[end] = costs[last[end]]
    bounds = [n]
    while bounds[-1]:
        bounds.append(int(last[bounds[-1]]))
    return bounds[::-1], float(best[n])


def _median_slope(times: NDArray, values: NDArray) -> float:
    first, second = np.triu_indices(times.size, 1)
    apart = times[second] - times[first]
    slopes = (values[second] - values[first])[apart != 0] / apart[apart != 0]
    return float(np.median(slopes)) if slopes.size else 0.0


def spike_offset(stamps_s: NDArray, sends_s: NDArray, *, confidence_level: float = 0.95) -> Offset | None:
    """Estimate the offset from spikes of activity that begin when messages are sent.

    The rate is an hour-of-day profile times 1 + lift * sum of exp(-(t - send - offset) / fade) from each send
    on. Lift and fade are averaged over, the offset has a flat prior within 14 hours [5]_, and the
    likelihood is tempered by the dispersion of hourly counts. The shortest time that anybody took to
    respond is part of what is estimated, so it errs upward by that much. Null without events or sends.

    Parameters
    ----------
    stamps_s : array
        Stamps of the clock: seconds, in any order.
    sends_s : array
        When the messages were sent.
    """
    stamps, sends = np.asarray(stamps_s, float), np.unique(np.asarray(sends_s, float))
    if stamps.size < 2 or not sends.size:
        return None
    start = math.floor(stamps.min() / DAY) * DAY
    bins = np.floor((stamps - start) / SPIKE_STEP_S).astype(int)
    counts = np.bincount(bins).astype(float)
    first = int(bins.min())
    counts, base = counts[first:], _profile(counts)[first:]
    base *= counts.sum() / base.sum()
    places = np.floor((sends - start) / SPIKE_STEP_S).astype(int) - first
    shifts = np.arange(-REACH_S // SPIKE_STEP_S, REACH_S // SPIKE_STEP_S + 1)
    held = np.flatnonzero(counts)
    fits = np.empty((shifts.size, len(FADES_S), LIFTS.size))
    for j, fade in enumerate(FADES_S):
        kernel = _kernel(places, counts.size, fade)
        for i, shift in enumerate(shifts):
            response = kernel[shifts[-1] - shift :][: counts.size]
            level = base.sum() + LIFTS * (base @ response)
            fits[i, j] = counts[held] @ np.log1p(np.outer(response[held], LIFTS)) - counts.sum() * np.log(level)
    i, j, k = np.unravel_index(np.argmax(fits), fits.shape)
    expected = base * (1 + LIFTS[k] * _kernel(places, counts.size, FADES_S[j])[shifts[-1] - shifts[i] :][: counts.size])
    fits = (fits - fits.max()) / _dispersion(counts, expected * counts.sum() / expected.sum())
    weights = np.exp(fits).sum(axis=(1, 2))
    total = np.cumsum(weights) / weights.sum()
    tail = (1 - confidence_level) / 2
    low, middle, high = (int(shifts[np.searchsorted(total, q)]) * SPIKE_STEP_S for q in (tail, 0.5, 1 - tail))
    # The grid is as wide as a bin, and neither send nor stamp is known more closely than that.
    return Offset(value=float(middle), low=low - SPIKE_STEP_S, high=high + SPIKE_STEP_S, n=int(stamps.size))


def _kernel(places: NDArray, size: int, fade: int) -> NDArray:
    """Response to all sends over `size` bins, and as many bins before and after as the offset may reach."""
    reach = REACH_S // SPIKE_STEP_S
    since = np.arange(-reach, size + reach)[:, None] - places[None, :]
    return np.where(since >= 0, np.exp(-np.maximum(since, 0) * SPIKE_STEP_S / fade), 0.0).sum(axis=1)


def _profile(counts: NDArray) -> NDArray:
    """Expected counts by hour of the clock's own day, smoothed; level over less than three days."""
    per_hour, n_hours = HOUR // SPIKE_STEP_S, math.ceil(counts.size * SPIKE_STEP_S / HOUR)
    if n_hours < 72:
        return np.ones(counts.size)
    hourly = np.pad(counts, (0, n_hours * per_hour - counts.size)).reshape(n_hours, per_hour).sum(axis=1)
    days = np.pad(hourly, (0, -n_hours % 24), constant_values=np.nan).reshape(-1, 24)
    mean = np.nanmean(days, axis=0)
    smooth = (np.roll(mean, 1) + 2 * mean + np.roll(mean, -1)) / 4 + 0.05 * max(mean.mean(), 1e-9)
    return np.repeat(np.tile(smooth, math.ceil(n_hours / 24)), per_hour)[: counts.size]


def _dispersion(counts: NDArray, expected: NDArray) -> float:
    per_hour = HOUR // SPIKE_STEP_S
    starts = np.arange(0, counts.size, per_hour)
    seen, fitted = np.add.reduceat(counts, starts), np.maximum(np.add.reduceat(expected, starts), 1e-9)
    return max(1.0, float(np.sum((seen - fitted) ** 2 / fitted) / max(seen.size - 26, 1)))
